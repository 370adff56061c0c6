//! Training data, validated and sorted by every feature once, for all trees and all models.

mod build;
mod layout;

pub(crate) use layout::stride;

use crate::{Error, Matrix, Scale};

/// A training set that owns its memory: one block of words, the same as its bytes.
///
/// Sorting is most of the cost, about as much as growing a few trees; share the set between
/// all models.
#[derive(Clone, Debug)]
pub struct TrainingSet {
    words: Vec<u64>,
}

impl TrainingSet {
    /// Validates `x` (rows by features) and `y` (a target for each row) and sorts.
    ///
    /// # Errors
    /// If there are no rows or features, lengths differ, or a value is not finite.
    pub fn new(x: Matrix<'_>, y: &[f64]) -> Result<TrainingSet, Error> {
        build::build(x, y, None, None)
    }

    /// As [`new`](Self::new), with a weight for each row: 0 leaves a row out, 2 counts it twice.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and if a weight is negative or all are 0.
    pub fn with_weights(x: Matrix<'_>, y: &[f64], sample_weight: &[f64]) -> Result<TrainingSet, Error> {
        build::build(x, y, Some(sample_weight), None)
    }

    /// As [`new`](Self::new), for a part of the rows of a larger set, with the scale of the whole:
    /// what trees of different parts predict then adds up as whole numbers.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and if the scale is too fine for these targets.
    pub fn part(x: Matrix<'_>, y: &[f64], scale: Scale) -> Result<TrainingSet, Error> {
        build::build(x, y, None, Some(scale))
    }

    /// The set as trees are grown from it.
    pub fn view(&self) -> TrainingView<'_> {
        layout::view(&self.words, false).expect("written by this crate")
    }

    /// The set's bytes, to be written anywhere and read by [`TrainingView::from_bytes`].
    pub fn as_bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.words)
    }
}

/// A training set in memory that someone else owns: a [`TrainingSet`], a mapped file, an
/// object store.
#[derive(Clone, Copy, Debug)]
pub struct TrainingView<'a> {
    pub(crate) n_rows: usize,
    pub(crate) n_features: usize,
    pub(crate) scale: Scale,
    /// What was taken off all fixed-point targets to make the smallest 0.
    pub(crate) offset: i64,
    /// The largest of `targets`.
    pub(crate) span: u64,
    pub(crate) targets: &'a [u64],
    pub(crate) weights: Option<&'a [f64]>,
    /// Where the distinct values of a feature start in `values`; one more than features.
    starts: &'a [u64],
    values: &'a [f64],
    pub(crate) order: Order<'a>,
    pub(crate) stride: usize,
}

/// For every feature, the rows in the order of its values: rank of the value, then row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order<'a> {
    /// Up to 65,536 rows: 16 bits each.
    Short(&'a [u32]),
    /// More rows: 32 bits each.
    Long(&'a [u64]),
}

impl<'a> TrainingView<'a> {
    /// Views what [`TrainingSet::as_bytes`] gave, without copying or sorting.
    ///
    /// The contents are checked in one linear pass, so that no bytes can make training panic.
    ///
    /// # Errors
    /// If the bytes are not a training set of this version and of this machine's byte order,
    /// or do not start at an address that is a multiple of 8.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, Error> {
        let words = bytemuck::try_cast_slice(bytes).map_err(|_| {
            Error::format(format!(
                "{} bytes at address {:p} are not whole words at a multiple of 8",
                bytes.len(),
                bytes.as_ptr()
            ))
        })?;
        layout::view(words, true)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of features.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// What one unit of a fixed-point prediction is worth, the same for every model.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Memory in bytes that growing trees on one thread takes, besides the training set and
    /// the trees: about.
    pub fn worker_bytes(&self) -> usize {
        // Lists, sums along two lists, draws, targets, weights or records, marks.
        let room = |n_rows: usize, entry: usize| {
            (self.n_features + 1) * stride(n_rows) * entry + n_rows * (2 * 8 + 4 + 8 + 2 * 8 + 2 * 8 + 1)
        };
        match self.order {
            Order::Short(_) => room(self.n_rows, 4),
            // And once more for the lower nodes, with the ranks of their values.
            Order::Long(_) => {
                let short = (1 << 16).min(self.n_rows);
                room(self.n_rows, 8) + room(short, 4) + self.n_features * stride(short) * 4
            }
        }
    }

    /// The target of a row, as it is trained on: rounded to the [`Scale`].
    pub fn target(&self, row: usize) -> f64 {
        self.scale.to_f64(self.targets[row] as i64 + self.offset, 1)
    }

    /// The features, row after row.
    pub(crate) fn rows(&self) -> Vec<f64> {
        let mut x = vec![0.0; self.n_rows * self.n_features];
        for feature in 0..self.n_features {
            let mut put = |row: usize, rank: usize| {
                x[row * self.n_features + feature] = self.value(feature, rank);
            };
            let list = feature * self.stride..feature * self.stride + self.n_rows;
            match self.order {
                Order::Short(order) => {
                    order[list].iter().for_each(|e| put((e & 0xffff) as usize, (e >> 16) as usize));
                }
                Order::Long(order) => {
                    order[list].iter().for_each(|e| put(*e as u32 as usize, (e >> 32) as usize));
                }
            }
        }
        x
    }

    /// The value of a feature that has that rank among its distinct values.
    pub(crate) fn value(&self, feature: usize, rank: usize) -> f64 {
        self.values[self.starts[feature] as usize + rank]
    }

    /// Where to split between two ranks: half way, but below the upper value.
    pub(crate) fn threshold(&self, feature: usize, lower: usize, upper: usize) -> f64 {
        let (lower, upper) = (self.value(feature, lower), self.value(feature, upper));
        let middle = lower / 2.0 + upper / 2.0;
        if lower <= middle && middle < upper { middle } else { lower }
    }
}

impl<'a> From<&'a TrainingSet> for TrainingView<'a> {
    fn from(set: &'a TrainingSet) -> Self {
        set.view()
    }
}

impl<'a> From<&TrainingView<'a>> for TrainingView<'a> {
    fn from(view: &TrainingView<'a>) -> Self {
        *view
    }
}
