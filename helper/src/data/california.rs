//! California Housing, as scikit-learn's `fetch_california_housing` gives it.
//!
//! Pace and Barry, "Sparse Spatial Autoregressions", Statistics and Probability Letters 33 (1997)
//! 291-297, doi:10.1016/S0167-7152(96)00140-X: one row per block group of the 1990 US census.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars_core::prelude::*;
use polars_io::SerReader as _;
use polars_io::csv::read::CsvReadOptions;

use super::dataset::Dataset;
use super::find;
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

/// Finds, reads and checks the table: 20,640 rows, 8 features, target `MedHouseVal`.
///
/// The file that the environment variable `CALIFORNIA_HOUSING` names is taken, and then no other;
/// else `data/cal_housing.data`, else `../shared/data/cal_housing.data`, both seen from the
/// project's folder.
///
/// # Errors
/// [`ErrorKind::Data`] where no table is found, or it cannot be read, or its rows, columns or
/// numbers are not those of California Housing.
pub fn california_housing() -> Result<Dataset> {
    let root = crate::platform::project_root();
    let path = find::california(root, find::environment())?.ok_or_else(|| find::not_found(root))?;
    read(&path, |path| std::fs::read(path))
}

/// [`california_housing`], and only where no table is found [`friedman1`](super::friedman1) in its
/// place: as many rows and features, but made up. It says so wherever its name stands, and in a
/// banner.
///
/// With the environment variable `REQUIRE_REAL_DATA=1` (which `./scripts/report
/// --require-real-data` sets) there is no stand-in.
///
/// # Errors
/// Those of [`california_housing`], but for a table that is nowhere. A table that is there and bad
/// is never replaced.
pub fn california_housing_or_stand_in() -> Result<Dataset> {
    let required =
        std::env::var_os(find::REQUIRE_REAL).is_some_and(|value| !value.is_empty() && value != "0");
    let root = crate::platform::project_root();
    with_stand_in(root, find::california(root, find::environment())?, required)
}

fn with_stand_in(root: &Path, found: Option<PathBuf>, required: bool) -> Result<Dataset> {
    match found {
        Some(path) => read(&path, |path| std::fs::read(path)),
        None if required => Err(find::not_found(root)),
        None => super::friedman::stand_in(ROWS, COLUMNS.len() - 1),
    }
}

/// Reads and checks the table at `path`; `load` gives its bytes.
fn read(path: &Path, load: impl Fn(&Path) -> std::io::Result<Vec<u8>>) -> Result<Dataset> {
    let bytes = load(path).map_err(|e| {
        let path = path.display();
        Error::new(
            ErrorKind::Data,
            format!("{path} cannot be read: {e}; see to it that you may read this file"),
        )
    })?;
    let raw = parse(&bytes, path)?;
    let frame = derive(&raw).map_err(|e| bad(path, format!("cannot be computed with: {e}")))?;
    let dataset = Dataset::new("California Housing", frame, &COLUMNS)?.read_from(path);
    check(&dataset, path)?;
    Ok(dataset)
}

fn bad(path: &Path, what: impl std::fmt::Display) -> Error {
    let path = path.display();
    Error::new(
        ErrorKind::Data,
        format!(
            "{path} {what}; replace it by a fresh copy: ./scripts/fetch-data --force (or see data/README.md)"
        ),
    )
}

/// Reads the nine raw columns.
fn parse(bytes: &[u8], path: &Path) -> Result<DataFrame> {
    // polars says little of where a table is wrong, and takes some that are: short lines, say.
    if let Some(flaw) = flaw(bytes) {
        return Err(bad(path, flaw));
    }
    let schema = Schema::from_iter(RAW.map(|name| Field::new(name.into(), DataType::Float64)));
    CsvReadOptions::default()
        .with_has_header(false)
        .with_schema(Some(Arc::new(schema)))
        .into_reader_with_file_handle(Cursor::new(bytes))
        .finish()
        .map_err(|e| bad(path, format!("is not a table of {} numbers a line: {e}", RAW.len())))
}

/// What is wrong with the first line that is wrong.
fn flaw(bytes: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Some("is not a text of numbers (an archive that was not unpacked?)".to_owned());
    };
    if text.trim().is_empty() {
        return Some("is empty".to_owned());
    }
    let columns = RAW.len();
    for (line, row) in (1..).zip(text.lines()) {
        let fields: Vec<&str> = row.split(',').map(str::trim).collect();
        if fields.len() != columns {
            let (n, s) = (fields.len(), if fields.len() == 1 { "" } else { "s" });
            return Some(format!(
                "has {n} value{s} in line {line} instead of {columns} ({})",
                RAW.join(", ")
            ));
        }
        for (name, field) in RAW.into_iter().zip(&fields) {
            let value = field.parse().ok().filter(|value: &f64| value.is_finite());
            let shown: String = field.chars().take(40).collect();
            match value {
                None => {
                    return Some(format!(
                        "has \"{shown}\" for {name} in line {line}, where a number belongs"
                    ));
                }
                // What is counted per household has no value for none.
                Some(value) if name == "households" && value <= 0.0 => {
                    return Some(format!("has {shown} households in line {line}, where there must be some"));
                }
                Some(_) => {}
            }
        }
    }
    None
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

fn check(dataset: &Dataset, path: &Path) -> Result<()> {
    if dataset.rows() != ROWS {
        return Err(bad(path, format!("has {} rows instead of {ROWS}", dataset.rows())));
    }
    let hash = dataset.hash();
    if hash != HASH {
        return Err(bad(
            path,
            format!("holds other numbers than California Housing (hash {hash:016x}, not {HASH:016x})"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "-122.23,37.88,41,880,129,322,126,8.3252,452600\n";

    fn error(table: &[u8]) -> String {
        let error = read(Path::new("table"), |_| Ok(table.to_vec())).unwrap_err();
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
            (broken(3, "129", "many"), "has \"many\" for totalBedrooms in line 3, where a number belongs"),
            (broken(7, "880", ""), "has \"\" for totalRooms in line 7"),
            (broken(1, "8.3252", "NaN"), "has \"NaN\" for medianIncome in line 1"),
            (broken(9, "452600", "inf"), "has \"inf\" for medianHouseValue in line 9"),
            (broken(5, ",126,", ",0,"), "has 0 households in line 5"),
            (broken(2, ",452600", ""), "has 8 values in line 2 instead of 9 (longitude, latitude"),
            (broken(4, "452600", "452600,1"), "has 10 values in line 4 instead of 9"),
            (broken(6, LINE, "\n"), "has 1 value in line 6 instead of 9"),
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
        assert!(error(b"").contains("is empty") && error(b"\n \n").contains("is empty"));
    }

    #[test]
    fn other_numbers_and_other_files_are_not_taken() {
        assert!(error(LINE.repeat(ROWS).as_bytes()).contains("holds other numbers than California Housing"));
        assert!(error(&[0x1f, 0x8b, 8, 0, 0xff]).contains("is not a text of numbers"));
    }

    #[test]
    fn a_file_that_may_not_be_read_is_said() {
        let denied = |_: &Path| Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
        let error = read(Path::new("table"), denied).unwrap_err().to_string();
        assert!(error.contains("table cannot be read: permission denied"), "{error}");
    }

    #[test]
    fn only_a_table_that_is_nowhere_has_a_stand_in() {
        let root = Path::new("project");
        let stand_in = with_stand_in(root, None, false).unwrap();
        assert_eq!((stand_in.rows(), stand_in.features().len()), (ROWS, COLUMNS.len() - 1));
        assert!(stand_in.banner().is_some() && stand_in.split(0.2, 42).unwrap().dataset.contains("STAND-IN"));
        let error = with_stand_in(root, None, true).unwrap_err().to_string();
        assert!(error.contains("was not found") && error.contains("./scripts/fetch-data"), "{error}");
        let gone = root.join("gone.data");
        assert!(with_stand_in(root, Some(gone), false).unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn line_ends_and_spaces_do_not_matter() {
        let table = "-122.23, 37.88,41.000000,880,129,322,126,8.3252,452600.000000\r\n".repeat(2);
        let frame = parse(table.as_bytes(), Path::new("table")).unwrap();
        assert_eq!(frame.shape(), (2, 9));
        let unix = parse(LINE.repeat(2).as_bytes(), Path::new("table")).unwrap();
        assert!(frame.equals(&unix), "{frame} {unix}");
    }
}
