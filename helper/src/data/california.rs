//! California Housing, as scikit-learn's `fetch_california_housing` gives it.
//!
//! Pace and Barry, "Sparse Spatial Autoregressions", Statistics and Probability Letters 33 (1997)
//! 291-297, doi:10.1016/S0167-7152(96)00140-X: one row per block group of the 1990 US census.

use std::path::{Path, PathBuf};

use polars_core::prelude::*;

use super::csv;
use super::dataset::Dataset;
use crate::error::{Error, ErrorKind, Result};

/// The raw table's columns, in the order of the file.
const RAW: [&str; 9] = [
    "longitude",
    "latitude",
    "housingMedianAge",
    "totalRooms",
    "totalBedrooms",
    "population",
    "households",
    "medianIncome",
    "medianHouseValue",
];
/// The lab's columns and their units; the last is the target.
const COLUMNS: [(&str, &str); 9] = [
    ("MedInc", "median income of the block group, 10,000 US dollars"),
    ("HouseAge", "median age of the houses, years"),
    ("AveRooms", "rooms per household"),
    ("AveBedrms", "bedrooms per household"),
    ("Population", "people in the block group"),
    ("AveOccup", "people per household"),
    ("Latitude", "degrees north"),
    ("Longitude", "degrees east (west is negative)"),
    ("MedHouseVal", "median house value, 100,000 US dollars"),
];
const ROWS: usize = 20_640;
/// XXH3 (64 bits) of all numbers, row by row, as little-endian f64.
const HASH: u64 = 0xb97e_f7d9_e330_00a3;

/// Environment variable that names the file; where it is set, no other place is tried.
const VARIABLE: &str = "CALIFORNIA_HOUSING";
const FILE: &str = "cal_housing.data";

/// Finds, reads and checks the table: 20,640 rows, 8 features, target `MedHouseVal`.
///
/// The file is the one that the environment variable `CALIFORNIA_HOUSING` names. If it is not set: in the
/// project's folder `data/cal_housing.data`, or else `../shared/data/cal_housing.data`.
///
/// # Errors
/// [`ErrorKind::Data`] if no table is found (`./scripts/fetch-data` downloads it), it cannot be read, or its
/// rows, columns or numbers are not those of California Housing.
pub fn california_housing() -> Result<Dataset> {
    let named = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let path = find(crate::platform::project_root(), named.map(Into::into))?;
    read(&csv::load(&path)?, &path)
}

fn find(root: &Path, named: Option<PathBuf>) -> Result<PathBuf> {
    let usual = || vec![root.join("data").join(FILE), root.join("../shared/data").join(FILE)];
    let places = named.map_or_else(usual, |path| vec![path]);
    for path in &places {
        if path.is_file() {
            return Ok(path.clone());
        }
        // A folder or a broken link was put there on purpose: report it instead of searching on.
        if path.symlink_metadata().is_ok() {
            let what = if path.is_dir() { "a folder" } else { "a link that leads nowhere" };
            let message =
                format!("{} is {what}, not a file; remove it, or put the table there", path.display());
            return Err(Error::new(ErrorKind::Data, message));
        }
    }
    let places: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
    let message = format!(
        "California Housing was not found in {}; run ./scripts/fetch-data in a terminal to download it, put {FILE} into \
         data/ (data/README.md says where to get it), or set {VARIABLE} to its path",
        places.join(" or ")
    );
    Err(Error::new(ErrorKind::Data, message))
}

/// Reads and checks the raw table in `bytes`, which were loaded from `path`.
fn read(bytes: &[u8], path: &Path) -> Result<Dataset> {
    let bad = |what: String| {
        let path = path.display();
        let remedy = "replace it by a fresh copy: ./scripts/fetch-data --force (or see data/README.md)";
        Error::new(ErrorKind::Data, format!("{path} {what}; {remedy}"))
    };
    let raw = csv::parse(bytes, Some(&RAW)).map_err(bad)?;
    let computed = |e: PolarsError| bad(format!("cannot be computed with: {e}"));
    if let Some(row) = first_without_households(&raw).map_err(computed)? {
        return Err(bad(format!("has no households in line {}, but must have 1 or more", row + 1)));
    }
    let dataset = Dataset::from_frame("California Housing", derive(&raw).map_err(computed)?, "MedHouseVal")?
        .with_units(&COLUMNS.map(|(_, unit)| unit))
        .read_from(path);
    if dataset.rows() != ROWS {
        return Err(bad(format!("has {} rows instead of {ROWS}", dataset.rows())));
    }
    let hash = dataset.hash();
    if hash != HASH {
        return Err(bad(format!(
            "has other numbers than California Housing (hash {hash:016x}, not {HASH:016x})"
        )));
    }
    Ok(dataset)
}

/// The 8 features and the target, from the raw columns.
fn derive(raw: &DataFrame) -> PolarsResult<DataFrame> {
    // Not `column / 100_000.0`: polars multiplies by the reciprocal, which rounds differently.
    let value = raw.column("medianHouseValue")?.f64()?.apply_values(|dollars| dollars / 100_000.0);
    let per_household = |name| raw.column(name)? / raw.column("households")?;
    let columns = [
        raw.column("medianIncome")?.clone(),
        raw.column("housingMedianAge")?.clone(),
        per_household("totalRooms")?,
        per_household("totalBedrooms")?,
        raw.column("population")?.clone(),
        per_household("population")?,
        raw.column("latitude")?.clone(),
        raw.column("longitude")?.clone(),
        value.into_column(),
    ];
    let named = columns.into_iter().zip(COLUMNS).map(|(column, (name, _))| column.with_name(name.into()));
    DataFrame::new_infer_height(named.collect())
}

/// The first row without households, for which ratios per household are undefined.
fn first_without_households(raw: &DataFrame) -> PolarsResult<Option<usize>> {
    Ok(raw.column("households")?.f64()?.iter().position(|count| count.is_none_or(|count| count <= 0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "-122.23,37.88,41,880,129,322,126,8.3252,452600\n";

    fn error(table: &[u8]) -> String {
        let error = read(table, Path::new("table")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        let error = error.to_string();
        assert!(error.starts_with("table ") && error.contains("./scripts/fetch-data --force"), "{error}");
        error
    }

    #[test]
    fn a_bad_table_is_told_by_its_line() {
        let broken = |line: usize, from: &str, to: &str| {
            let lines = (1..=9).map(|i| if i == line { LINE.replace(from, to) } else { LINE.to_owned() });
            error(lines.collect::<String>().as_bytes())
        };
        for (table, said) in [
            (
                broken(3, "129", "many"),
                "has \"many\" for totalBedrooms in line 3, where a finite number belongs",
            ),
            (broken(7, "880", ""), "has no value for totalRooms in line 7"),
            (broken(1, "8.3252", "NaN"), "has \"NaN\" for medianIncome in line 1"),
            (broken(9, "452600", "inf"), "has \"inf\" for medianHouseValue in line 9"),
            (broken(5, ",126,", ",0,"), "has no households in line 5"),
            (broken(2, ",452600", ""), "has no value for medianHouseValue in line 2"),
            (broken(4, "452600", "452600,1"), "has more than 9 values in line 4 (longitude, latitude"),
            (broken(6, LINE, "\n"), "has no value for longitude in line 6"),
            (
                broken(1, LINE, "longitude,latitude,a,r,b,p,h,i,v\n"),
                "has \"longitude\" for longitude in line 1",
            ),
        ] {
            assert!(table.contains(said), "{table}");
        }
    }

    #[test]
    fn a_table_that_is_cut_off_is_not_taken() {
        let whole = LINE.repeat(ROWS);
        let half = &whole.as_bytes()[..whole.len() / 2 + 20];
        let rows = half.split(|b| *b == b'\n').count();
        let at = half.split_inclusive(|b| *b == b'\n').next_back().unwrap();
        assert!(!at.ends_with(b"\n"), "the cut must be within a line");
        assert!(error(half).contains(&format!("in line {rows}")), "{}", error(half));
        assert!(error(LINE.repeat(10_000).as_bytes()).contains("has 10000 rows instead of 20640"));
        assert!(error(b"").contains("empty") && error(b"\n \n").contains("is empty"));
    }

    #[test]
    fn other_numbers_and_other_files_are_not_taken() {
        assert!(error(LINE.repeat(ROWS).as_bytes()).contains("has other numbers than California Housing"));
        assert!(error(&[0x1f, 0x8b, 8, 0, 0xff]).contains("cannot be read as comma-separated text"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_said() {
        let error = csv::load(Path::new("no/such/table")).unwrap_err().to_string();
        assert!(error.starts_with("no/such/table cannot be read: "), "{error}");
    }

    fn project() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("project");
        std::fs::create_dir_all(root.join("data")).unwrap();
        std::fs::create_dir_all(dir.path().join("shared/data")).unwrap();
        (dir, root)
    }

    fn refused(root: &Path, environment: Option<PathBuf>) -> String {
        let error = find(root, environment).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        error.to_string()
    }

    #[test]
    fn data_comes_before_shared() {
        let (_dir, root) = project();
        let shared = root.join("../shared/data/cal_housing.data");
        std::fs::write(&shared, "x").unwrap();
        assert_eq!(find(&root, None).unwrap(), shared);
        let own = root.join("data/cal_housing.data");
        std::fs::write(&own, "x").unwrap();
        assert_eq!(find(&root, None).unwrap(), own);
    }

    #[test]
    fn where_the_environment_names_a_file_no_other_is_taken() {
        let (_dir, root) = project();
        std::fs::write(root.join("data/cal_housing.data"), "x").unwrap();
        let error = refused(&root, Some(root.join("nowhere.data")));
        assert!(error.contains("nowhere.data"), "{error}");
        let named = root.join("named.data");
        std::fs::write(&named, "x").unwrap();
        assert_eq!(find(&root, Some(named.clone())).unwrap(), named);
    }

    #[test]
    fn a_missing_table_names_every_place_and_the_command() {
        let (_dir, root) = project();
        let error = refused(&root, None);
        for part in ["project/data", "shared/data", VARIABLE, "run ./scripts/fetch-data"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_folder_in_its_place_is_no_reason_to_look_elsewhere() {
        let (_dir, root) = project();
        let own = root.join("data/cal_housing.data");
        std::fs::write(root.join("../shared/data/cal_housing.data"), "x").unwrap();
        std::fs::create_dir(&own).unwrap();
        let error = refused(&root, None);
        assert!(error.contains("data/cal_housing.data is a folder, not a file"), "{error}");
        assert!(refused(&root, Some(own)).contains("data/cal_housing.data is a folder, not a file"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_said() {
        let (_dir, root) = project();
        std::os::unix::fs::symlink(root.join("gone"), root.join("data/cal_housing.data")).unwrap();
        assert!(refused(&root, None).contains("a link that leads nowhere"));
    }
}
