//! A table with a name: numeric features and a numeric target.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forest::Stream;
use polars_core::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use super::split::{Rows, Split, numbers};
use crate::error::{Error, ErrorKind, Result};

/// A table of numbers whose last column is the target.
///
/// As the last line of a cell it shows its first rows, shape, types and summary statistics. A clone
/// shares the numbers.
#[derive(Clone)]
pub struct Dataset {
    name: String,
    source: Option<PathBuf>,
    /// Each column is contiguous, of type f64, and finite.
    frame: DataFrame,
    units: Vec<String>,
}

/// The first row without a finite number, from 0; row 0 of a column that is not of type f64.
pub(super) fn first_gap(column: &Column) -> Option<usize> {
    column.f64().map_or(Some(0), |values| values.iter().position(|v| !v.is_some_and(f64::is_finite)))
}

impl Dataset {
    /// A dataset from a DataFrame: `target` is the column to predict, all others are features, in their
    /// order. Numbers of any type become f64, `true` 1 and `false` 0.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] if no column is named `target`; [`ErrorKind::Data`] for fewer than
    /// 2 rows, no feature, a column without numbers, and a value that is missing or not finite.
    ///
    /// ```
    /// use helper::data::polars_core::prelude::*;
    /// use helper::prelude::Dataset;
    /// # fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// let frame = df!["rooms" => [2, 3, 4], "rent" => [910.0, 1250.0, 1490.0], "lift" => [false, true, true]]?;
    /// let flats = Dataset::from_frame("Flats", frame.clone(), "rent")?;
    /// assert_eq!((flats.features(), flats.column("lift")?), (vec!["rooms", "lift"], vec![0.0, 1.0, 1.0]));
    ///
    /// let error = Dataset::from_frame("Flats", frame, "price").unwrap_err();
    /// assert_eq!(error.to_string(), "target is \"price\", but must be one of rooms, rent, lift");
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_frame(name: impl Into<String>, frame: DataFrame, target: &str) -> Result<Self> {
        let (name, rows) = (name.into(), frame.height());
        if rows < 2 {
            let message = format!(
                "{name} has {rows} rows; a model needs at least one to learn from and one to be tested on"
            );
            return Err(Error::new(ErrorKind::Data, message));
        }
        let bad = |what: String| Error::new(ErrorKind::Data, format!("{name} {what}"));
        let listed = names(&frame).join(", ");
        let (targets, features): (Vec<Column>, Vec<Column>) =
            frame.into_columns().into_iter().partition(|column| column.name() == target);
        if targets.is_empty() {
            return Err(Error::invalid("target", format!("\"{target}\""), format!("one of {listed}")));
        }
        if features.is_empty() {
            return Err(bad(format!("has no column but {target}; a model needs at least one feature")));
        }
        let columns = features.into_iter().chain(targets).map(|column| to_f64(column).map_err(bad));
        let frame = DataFrame::new_infer_height(columns.collect::<Result<_>>()?)
            .map_err(|e| bad(format!("is not a table: {e}")))?;
        let units = names(&frame).into_iter().map(str::to_owned).collect();
        Ok(Self { name, source: None, frame, units })
    }

    /// The same table with the meaning and unit of each column, the target last.
    pub(crate) fn with_units(self, units: &[&str]) -> Self {
        Self { units: units.iter().map(|&unit| unit.to_owned()).collect(), ..self }
    }

    /// The same table with the file that it was read from.
    pub(super) fn read_from(self, path: &Path) -> Self {
        Self { source: Some(path.to_owned()), ..self }
    }

    /// The name of the data, for tables and charts.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that the table was read from, if any.
    pub fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    /// The table itself, for polars: every column of type f64, the target last.
    pub fn frame(&self) -> &DataFrame {
        &self.frame
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.frame.height()
    }

    /// The names of the feature columns, in order.
    pub fn features(&self) -> Vec<&str> {
        let mut names = self.names();
        names.pop();
        names
    }

    /// The name of the target column.
    pub fn target(&self) -> &str {
        self.names().last().copied().unwrap_or_default()
    }

    /// The meaning and unit of each column, the target last; by default the column's name.
    pub fn units(&self) -> &[String] {
        &self.units
    }

    /// The values of a column.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] where no column has this name.
    pub fn column(&self, name: &str) -> Result<Vec<f64>> {
        self.frame.column(name).map(|column| numbers(column).to_vec()).map_err(|_| {
            Error::invalid("column", format!("\"{name}\""), format!("one of {}", self.names().join(", ")))
        })
    }

    /// Shuffles the rows and cuts them in two: `ceil(test_fraction * rows)` for the test, the rest for
    /// training, as scikit-learn's `train_test_split` does. The same seed gives the same split on every
    /// platform: a Fisher-Yates shuffle driven by ChaCha8.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] if a side would be empty.
    pub fn split(&self, test_fraction: f64, seed: u64) -> Result<Split> {
        let rows = self.rows();
        let tests = (rows as f64 * test_fraction).ceil() as usize;
        if !(test_fraction > 0.0 && test_fraction < 1.0) || tests == 0 || tests >= rows {
            let allowed = format!("above 0 and below 1, leaving a row of {rows} on either side");
            return Err(Error::invalid("test_fraction", test_fraction, allowed));
        }
        Ok(self.cut(&Stream::new(seed, 0).permutation(rows).into(), 0..tests))
    }

    /// Shuffles the rows and cuts them into `k` parts for cross-validation: each fold tests on one part and
    /// trains on the others, as in scikit-learn's `KFold`. The rows of a fold are copied at their first use.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] where `k` is below 2 or above the number of rows.
    ///
    /// ```
    /// # fn main() -> helper::Result<()> {
    /// let table = helper::data::friedman1(100, 5, 1.0, 42)?;
    /// let sizes: Vec<usize> = table.folds(3, 42)?.iter().map(|fold| fold.test.len()).collect();
    /// assert_eq!(sizes, [34, 33, 33]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn folds(&self, k: usize, seed: u64) -> Result<Vec<Split>> {
        let rows = self.rows();
        if !(2..=rows).contains(&k) {
            return Err(Error::invalid("k", k, format!("from 2 to {rows}, the number of rows")));
        }
        let order: Arc<[usize]> = Stream::new(seed, 0).permutation(rows).into();
        let start = |fold: usize| fold * (rows / k) + fold.min(rows % k);
        Ok((0..k).map(|fold| self.cut(&order, start(fold)..start(fold + 1))).collect())
    }

    /// The split whose test rows are at the positions `test` of `order`; all others are for training.
    fn cut(&self, order: &Arc<[usize]>, test: Range<usize>) -> Split {
        Split {
            dataset: self.name.clone(),
            target: self.units.last().cloned().unwrap_or_default(),
            features: self.features().into_iter().map(str::to_owned).collect(),
            train: Rows::of(&self.frame, order, [0..test.start, test.end..order.len()]),
            test: Rows::of(&self.frame, order, [test, 0..0]),
        }
    }

    /// XXH3 (64 bits) of all numbers, row by row, as little-endian f64.
    pub(crate) fn hash(&self) -> u64 {
        let columns: Vec<&[f64]> = self.frame.columns().iter().map(numbers).collect();
        let mut hasher = Xxh3::new();
        for row in 0..self.rows() {
            columns.iter().for_each(|column| hasher.update(&column[row].to_le_bytes()));
        }
        hasher.digest()
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        names(&self.frame)
    }
}

fn names(frame: &DataFrame) -> Vec<&str> {
    frame.columns().iter().map(|column| column.name().as_str()).collect()
}

/// The column as contiguous, finite f64.
///
/// # Errors
/// The flaw, in words that follow the table's name.
fn to_f64(column: Column) -> Result<Column, String> {
    let (name, kind) = (column.name().clone(), column.dtype().clone());
    if !kind.is_primitive_numeric() && !kind.is_bool() {
        return Err(format!(
            "has no numbers in column {name}, which is of type {kind}; drop the column, or write its values as numbers"
        ));
    }
    let column = column
        .strict_cast(&DataType::Float64)
        .map_err(|e| format!("has values in column {name} that f64 cannot hold: {e}"))?;
    let column = column.take_materialized_series().rechunk().into_column();
    let Some(row) = first_gap(&column) else { return Ok(column) };
    let value = column.f64().ok().and_then(|values| values.get(row));
    let found = value.map_or("no value".to_owned(), |value| format!("{value}"));
    Err(format!(
        "has {found} for {name} in row {}; write a finite number there, or leave the row out",
        row + 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_finite_numbers_is_named() {
        let with = |column: Column| {
            let good = Column::new("good".into(), [1.0, 2.0, 3.0]);
            let frame = DataFrame::new_infer_height(vec![column, good]).unwrap();
            let error = Dataset::from_frame("Mine", frame, "good").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data);
            error.to_string()
        };
        for (column, said) in [
            (
                Column::new("c".into(), ["a", "b", "c"]),
                "Mine has no numbers in column c, which is of type str",
            ),
            (Column::new("c".into(), [Some(1), None, None]), "Mine has no value for c in row 2; write"),
            (Column::new("c".into(), [1.0, 2.0, f64::NAN]), "Mine has NaN for c in row 3"),
            (Column::new("c".into(), [f32::NEG_INFINITY, 2.0, 3.0]), "Mine has -inf for c in row 1"),
            (
                Column::new_empty("c".into(), &DataType::Null).extend_constant(AnyValue::Null, 3).unwrap(),
                "of type null",
            ),
        ] {
            let error = with(column);
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_table_needs_rows_features_and_its_target() {
        let frame = |rows: usize| df!["x" => vec![1_i64; rows], "y" => vec![2_i64; rows]].unwrap();
        let error = Dataset::from_frame("Mine", frame(1), "y").unwrap_err().to_string();
        assert!(error.starts_with("Mine has 1 rows; a model needs at least one to learn from"), "{error}");
        let error =
            Dataset::from_frame("Mine", frame(2).select(["y"]).unwrap(), "y").unwrap_err().to_string();
        assert!(error.starts_with("Mine has no column but y; a model needs"), "{error}");
        let error = Dataset::from_frame("Mine", frame(2), "z").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        assert_eq!(error.to_string(), "target is \"z\", but must be one of x, y");
    }

    #[test]
    fn the_target_comes_last_and_pieces_become_one() {
        let part = |from: u32| df!["y" => [from, from + 1], "x" => [from as f32, 0.5]].unwrap();
        let frame = part(1).vstack(&part(3)).unwrap();
        assert_eq!(frame.columns()[0].as_materialized_series().n_chunks(), 2);
        let table = Dataset::from_frame("Mine", frame, "y").unwrap();
        assert_eq!((table.features(), table.target()), (vec!["x"], "y"));
        assert_eq!(table.column("y").unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(table.split(0.5, 1).unwrap().target, "y");
        assert_eq!(table.split(0.5, 1).unwrap().train.x().len(), 2);
    }

    #[test]
    fn folds_take_memory_only_when_they_are_used() {
        // 2.9 GB of numbers, were they all copied.
        let table = crate::data::friedman1(20_000, 8, 1.0, 1).unwrap();
        let before = crate::platform::process_memory().unwrap();
        let folds = table.folds(2_000, 42).unwrap();
        let after = crate::platform::process_memory().unwrap();
        assert!(after < before + 500_000_000, "{before} {after}");
        assert_eq!(
            (folds[7].train.len(), folds[7].test.len(), folds[7].bytes()),
            (19_990, 10, 20_000 * 10 * 8)
        );
        assert_eq!(folds[7], table.folds(2_000, 42).unwrap()[7]);
    }

    #[test]
    fn the_hash_tells_rows_apart() {
        let table = crate::data::friedman1(100, 5, 1.0, 1).unwrap();
        let [a, b, again] = [1, 2, 1].map(|seed| table.split(0.2, seed).unwrap());
        assert_eq!((a.train.hash(), a.test.hash()), (again.train.hash(), again.test.hash()));
        assert_ne!(a.train.hash(), b.train.hash());
        assert_ne!(a.test.hash(), b.test.hash());
        assert_ne!(a.train.hash(), a.test.hash());
    }
}
