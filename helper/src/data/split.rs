//! Training and test rows.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use polars_core::prelude::{Column, DataFrame};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Rows of a table. The numbers are copied from the table at their first use; a clone shares them.
#[derive(Clone)]
pub struct Rows {
    len: usize,
    n_features: usize,
    numbers: Arc<LazyLock<Numbers, Box<dyn FnOnce() -> Numbers + Send>>>,
}

struct Numbers {
    x: Vec<f64>,
    y: Vec<f64>,
    source: Vec<usize>,
}

impl Rows {
    /// The rows in these ranges of `order`. The columns of `frame` are contiguous and of type f64, the last
    /// is the target.
    pub(super) fn of(frame: &DataFrame, order: &Arc<[usize]>, parts: [Range<usize>; 2]) -> Self {
        let (len, n_features) = (parts.iter().map(Range::len).sum(), frame.width().saturating_sub(1));
        let (frame, order) = (frame.clone(), Arc::clone(order));
        let gather = move || {
            let source: Vec<usize> = parts.into_iter().flat_map(|part| order[part].to_vec()).collect();
            let pick = |columns: &[Column]| {
                let mut picked = Vec::with_capacity(columns.len() * source.len());
                for values in columns.iter().map(numbers) {
                    picked.extend(source.iter().map(|&row| values[row]));
                }
                picked
            };
            let (features, target) = frame.columns().split_at(n_features);
            let (x, y) = (pick(features), pick(target));
            Numbers { x, y, source }
        };
        Self { len, n_features, numbers: Arc::new(LazyLock::new(Box::new(gather))) }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of features.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// The features, column after column: shape `n_features` x `len`.
    pub fn x(&self) -> &[f64] {
        &self.numbers.x
    }

    /// The targets, one per row.
    pub fn y(&self) -> &[f64] {
        &self.numbers.y
    }

    /// The index of each row in the table, from 0.
    pub fn source(&self) -> &[usize] {
        &self.numbers.source
    }

    /// XXH3 (64 bits) of the numbers and row indices: equal for the same rows of the same table.
    pub(crate) fn hash(&self) -> u64 {
        let mut hasher = Xxh3::new();
        hasher.update(&(self.len as u64).to_le_bytes());
        self.x().iter().chain(self.y()).for_each(|number| hasher.update(&number.to_le_bytes()));
        self.source().iter().for_each(|&row| hasher.update(&(row as u64).to_le_bytes()));
        hasher.digest()
    }
}

/// The numbers of a contiguous column of type f64 without nulls.
///
/// # Panics
/// For any other column; a [`Dataset`](super::Dataset) has none.
pub(super) fn numbers(column: &Column) -> &[f64] {
    column.f64().and_then(|values| values.cont_slice()).expect("contiguous, f64 and without nulls")
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        (self.x(), self.y(), self.source()) == (other.x(), other.y(), other.source())
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({} rows, {} features)", self.len, self.n_features)
    }
}

/// A table cut in two: rows to learn from, and rows to be tested on. A clone shares the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// The name of the data.
    pub dataset: String,
    /// The meaning and unit of the target.
    pub target: String,
    /// The names of the features, in the order of the columns.
    pub features: Arc<[String]>,
    /// The rows to learn from.
    pub train: Rows,
    /// The rows that a model is tested on; it is never trained on them.
    pub test: Rows,
}

impl Split {
    /// The bytes of features, targets and row indices, on both sides.
    pub fn bytes(&self) -> usize {
        (self.train.len() + self.test.len()) * 8 * (self.train.n_features() + 2)
    }

    /// XXH3 (64 bits) of the rows of both sides: equal for splits of the same rows.
    pub fn identity(&self) -> u64 {
        let sides = [self.train.hash(), self.test.hash()].map(u64::to_le_bytes);
        xxh3_64(sides.as_flattened())
    }
}

impl AsRef<Split> for Split {
    fn as_ref(&self) -> &Self {
        self
    }
}

#[cfg(test)]
impl Rows {
    /// Takes `rows` out of `columns`, of which the last is the target.
    pub(crate) fn gather(columns: &[Vec<f64>], rows: &[usize]) -> Self {
        let column = |(i, values): (usize, &Vec<f64>)| Column::new(i.to_string().into(), values);
        let frame = DataFrame::new_infer_height(columns.iter().enumerate().map(column).collect()).unwrap();
        Self::of(&frame, &rows.to_vec().into(), [0..rows.len(), 0..0])
    }
}
