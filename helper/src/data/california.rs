//! California Housing, as scikit-learn's `fetch_california_housing` gives it.
//!
//! Pace and Barry, "Sparse Spatial Autoregressions", Statistics and Probability Letters 33 (1997)
//! 291-297, doi:10.1016/S0167-7152(96)00140-X: one row per block group of the 1990 US census.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use polars_core::prelude::*;
use polars_io::SerReader as _;
use polars_io::csv::read::CsvReadOptions;

use super::dataset::{Dataset, first_gap};
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
/// XXH3 (64 bits) of all numbers, row by row, as little-endian f64; `scripts/reference/table.py`
/// computes it with numpy.
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
    let path = find::california(find::project_root(), std::env::var_os(find::ENVIRONMENT).map(Into::into))?;
    let bytes = std::fs::read(&path).map_err(|e| bad(&path, format!("cannot be read: {e}")))?;
    let frame =
        derive(&parse(&bytes, &path)?).map_err(|e| bad(&path, format!("cannot be computed with: {e}")))?;
    let dataset = Dataset::new("California Housing", &path, frame, &COLUMNS)?;
    check(&dataset, &path)?;
    Ok(dataset)
}

fn bad(path: &Path, what: impl std::fmt::Display) -> Error {
    let path = path.display();
    Error::new(
        ErrorKind::Data,
        format!("{path} {what}; replace it by a fresh copy (data/README.md says from where)"),
    )
}

/// Reads the nine raw columns.
fn parse(bytes: &[u8], path: &Path) -> Result<DataFrame> {
    let schema = Schema::from_iter(RAW.map(|name| Field::new(name.into(), DataType::Float64)));
    let frame = CsvReadOptions::default()
        .with_has_header(false)
        .with_schema(Some(Arc::new(schema)))
        .into_reader_with_file_handle(Cursor::new(bytes))
        .finish()
        .map_err(|e| bad(path, format!("is not a table of {} numbers a line: {e}", RAW.len())))?;
    for column in frame.columns() {
        if let Some(row) = first_gap(column).map_err(|e| bad(path, e))? {
            return Err(bad(path, format!("has no finite number for {} in line {}", column.name(), row + 1)));
        }
    }
    Ok(frame)
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
