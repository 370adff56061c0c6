//! A table with a name: numeric features, a numeric target.

use std::path::{Path, PathBuf};

use forest::Stream;
use polars_core::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use super::split::{Rows, Split};
use crate::error::{Error, ErrorKind, Result};

/// A table of numbers whose last column is the target.
///
/// As the last line of a cell it shows its first rows, shape, types and summary statistics.
#[derive(Clone)]
pub struct Dataset {
    name: String,
    source: Option<PathBuf>,
    banner: Option<String>,
    frame: DataFrame,
    units: Vec<String>,
}

/// The first row without a finite number.
fn first_gap(column: &Column) -> PolarsResult<Option<usize>> {
    Ok(column.f64()?.iter().position(|v| !v.is_some_and(f64::is_finite)))
}

impl Dataset {
    /// # Errors
    /// [`ErrorKind::Data`] for a table without rows, with fewer than two columns, or with a
    /// value that is not a finite number.
    pub(crate) fn new(name: &str, frame: DataFrame, columns: &[(&str, &str)]) -> Result<Self> {
        let bad = |what| Error::new(ErrorKind::Data, format!("{name} {what}"));
        if frame.height() == 0 || frame.width() < 2 {
            return Err(bad(format!(
                "has {} rows and {} columns: nothing to learn from",
                frame.height(),
                frame.width()
            )));
        }
        for column in frame.columns() {
            let gap =
                first_gap(column).map_err(|e| bad(format!("has a column that is not of type f64: {e}")))?;
            if let Some(row) = gap {
                return Err(bad(format!("gives no finite number for {} in row {}", column.name(), row + 1)));
            }
        }
        let units = columns.iter().map(|(_, unit)| (*unit).to_owned()).collect();
        Ok(Self { name: name.to_owned(), source: None, banner: None, frame, units })
    }

    /// Remembers which file it was read from.
    pub(super) fn read_from(self, path: &Path) -> Self {
        Self { source: Some(path.to_owned()), ..self }
    }

    /// Has something to say, above all that it shows.
    pub(super) fn with_banner(self, banner: impl Into<String>) -> Self {
        Self { banner: Some(banner.into()), ..self }
    }

    pub(crate) fn banner(&self) -> Option<&str> {
        self.banner.as_deref()
    }

    /// What the data are called; it stands in every table and chart.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that the table was read from; `None` if it was made up.
    pub fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    /// The table itself, for polars.
    pub fn frame(&self) -> &DataFrame {
        &self.frame
    }

    /// How many rows.
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

    /// What the numbers of each column mean, the target last.
    pub fn units(&self) -> &[String] {
        &self.units
    }

    /// The values of a column.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] where no column has this name.
    pub fn column(&self, name: &str) -> Result<Vec<f64>> {
        let index = self.names().iter().position(|n| *n == name).ok_or_else(|| {
            Error::invalid("column", format!("\"{name}\""), format!("one of {}", self.names().join(", ")))
        })?;
        Ok(self.values(index))
    }

    /// Shuffles the rows and cuts them in two: `ceil(test_fraction * rows)` for the test, the
    /// rest for training, as scikit-learn's `train_test_split` does.
    ///
    /// The same seed gives the same split on every platform: a Fisher-Yates shuffle driven by
    /// ChaCha8. Test rows are the first of the shuffled order.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] where a side would be empty.
    pub fn split(&self, test_fraction: f64, seed: u64) -> Result<Split> {
        let rows = self.rows();
        let allowed = || format!("above 0 and below 1, leaving a row of {rows} on either side");
        if !(test_fraction > 0.0 && test_fraction < 1.0) {
            return Err(Error::invalid("test_fraction", test_fraction, allowed()));
        }
        let tests = (rows as f64 * test_fraction).ceil() as usize;
        if tests == 0 || tests >= rows {
            return Err(Error::invalid("test_fraction", test_fraction, allowed()));
        }
        let order = Stream::new(seed, 0).permutation(rows);
        let (test, train) = order.split_at(tests);
        Ok(self.take(train, test))
    }

    /// Shuffles the rows and cuts them into `k` parts for cross-validation: in turn each part is
    /// the test and the others together the training rows. The first `rows % k` parts have a row
    /// more, as in scikit-learn's `KFold`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] where `k` is below 2 or above the number of rows.
    pub fn folds(&self, k: usize, seed: u64) -> Result<Vec<Split>> {
        let rows = self.rows();
        if !(2..=rows).contains(&k) {
            return Err(Error::invalid("k", k, format!("from 2 to {rows}, the number of rows")));
        }
        let order = Stream::new(seed, 0).permutation(rows);
        let start = |fold: usize| fold * (rows / k) + fold.min(rows % k);
        let fold = |fold: usize| {
            let (begin, end) = (start(fold), start(fold + 1));
            let train: Vec<usize> = order[..begin].iter().chain(&order[end..]).copied().collect();
            self.take(&train, &order[begin..end])
        };
        Ok((0..k).map(fold).collect())
    }

    fn take(&self, train: &[usize], test: &[usize]) -> Split {
        let columns: Vec<Vec<f64>> = (0..self.frame.width()).map(|c| self.values(c)).collect();
        Split {
            dataset: self.name.clone(),
            features: self.features().into_iter().map(str::to_owned).collect(),
            target: self.units.last().cloned().unwrap_or_default(),
            train: Rows::gather(&columns, train),
            test: Rows::gather(&columns, test),
        }
    }

    /// XXH3 (64 bits) of all numbers, row by row, as little-endian f64.
    pub(crate) fn hash(&self) -> u64 {
        let columns: Vec<Vec<f64>> = (0..self.frame.width()).map(|c| self.values(c)).collect();
        let mut hasher = Xxh3::new();
        for row in 0..self.rows() {
            for column in &columns {
                hasher.update(&column[row].to_le_bytes());
            }
        }
        hasher.digest()
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.frame.columns().iter().map(|c| c.name().as_str()).collect()
    }

    /// Column `index`; `new` made sure that every value is there and finite.
    pub(crate) fn values(&self, index: usize) -> Vec<f64> {
        self.frame.columns()[index].f64().map(|c| c.iter().flatten().collect()).unwrap_or_default()
    }
}
