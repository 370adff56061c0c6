//! Learners that grow the trees of a random forest, behind one interface.
//!
//! The helper links this crate, and so does the library that the workers of a Ray cluster load: a
//! learner grows the same trees, bit for bit, in both. A training set is prepared once
//! ([`Train::prepare`]); any range of a model's trees is then grown by itself
//! ([`Prepared::grow`]), here or, from bytes ([`Train::bytes`], [`Request`]), on another machine.
//!
//! To add a learner, write a file with an implementation of [`Train`], and name it in the list of
//! [`Learner`]s below.

mod exact;
mod request;
mod smartcore;

use std::fmt;
use std::ops::{Deref, Range};

pub use forest::{Error, Matrix, Params, Scale};
pub use request::Request;
use serde::{Deserialize, Serialize};

/// A result with the [`Error`] of the crate `forest`.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! learners {
    ($($(#[$about:meta])* $name:ident = $learner:expr,)+) => {
        /// A learner: the library that grows the trees. It has the methods of [`Train`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Learner {
            $($(#[$about])* $name,)+
        }

        impl Learner {
            /// Every learner.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }

        impl Deref for Learner {
            type Target = dyn Train;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$name => &$learner,)+
                }
            }
        }
    };
}

learners! {
    /// The crate `forest` of this project: exact, and several times as fast.
    #[default]
    Forest = exact::Exact,
    /// [smartcore](https://docs.rs/smartcore)'s `RandomForestRegressor`.
    Smartcore = smartcore::Smartcore,
}

impl fmt::Display for Learner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The interface of a learner.
pub trait Train: Sync {
    /// The name of the learner.
    fn name(&self) -> &'static str;

    /// The number of trees that are grown together, as a block. A range of trees must begin where a block
    /// begins.
    fn block(&self) -> usize {
        1
    }

    /// Whether it gives out-of-bag predictions: [`LeftOut`].
    fn leaves_out(&self) -> bool {
        false
    }

    /// Checks the hyperparameters.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a hyperparameter out of its range, or one that the learner does not have.
    fn check(&self, params: &Params, rows: usize, n_features: usize) -> Result<()> {
        params.check(rows, n_features)
    }

    /// The most bytes that a node takes.
    fn node_bytes(&self) -> usize;

    /// The most bytes that a tree takes: it has at most twice as many nodes as leaves.
    fn tree_bytes(&self, rows: usize, params: &Params) -> u64 {
        let leaves = (rows / params.min_samples_leaf.max(1)).max(1);
        let deepest = params.max_depth.filter(|&depth| depth < 40).map_or(usize::MAX, |depth| 1 << depth);
        (2 * leaves.min(deepest) * self.node_bytes()) as u64
    }

    /// The most bytes that a worker needs beside the trees: two lists of rows for each feature and a
    /// record of each row.
    fn worker_bytes(&self, rows: usize, n_features: usize) -> u64 {
        (rows * (16 * n_features + 64)) as u64
    }

    /// The scale of the sums of predictions.
    fn scale(&self, whole: Whole) -> Scale;

    /// Prepares the training rows for all trees. They may be a part of a larger table: trees that are grown
    /// on different parts have the scale of the whole.
    ///
    /// # Errors
    /// Where the learner refuses the rows, such as a number that is not finite, or cannot train on a part.
    fn prepare(&self, x: Matrix<'_>, y: &[f64], whole: Whole) -> Result<Box<dyn Prepared>>;

    /// The training set as bytes, for [`read`](Self::read) on a machine of the same byte order.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    fn bytes(&self, x: Matrix<'_>, y: &[f64]) -> Result<Vec<u8>>;

    /// The training set that [`bytes`](Self::bytes) were made of. They must start at an address that is a
    /// multiple of 8.
    ///
    /// # Errors
    /// Where the bytes were not made by this learner in this version.
    fn read<'a>(&self, bytes: &'a [u8], n_features: usize) -> Result<Box<dyn Prepared + 'a>>;
}

/// Facts of a whole table that training on a part of it needs, so that all parts have one scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whole {
    /// The number of rows of the table.
    pub rows: usize,
    /// The largest absolute value of its targets.
    pub largest: f64,
}

impl Whole {
    /// The facts of a table with these targets.
    pub fn of(y: &[f64]) -> Self {
        Self { rows: y.len(), largest: y.iter().fold(0.0, |largest: f64, y| largest.max(y.abs())) }
    }
}

/// A training set in the learner's own form; all tasks share it.
pub trait Prepared: Send + Sync {
    /// Grows a range of the model's trees, and adds their out-of-bag predictions to `oob`, which is `None` for
    /// a learner without them ([`Train::leaves_out`]). A tree does not depend on the range.
    ///
    /// # Errors
    /// Where the learner refuses the hyperparameters or the range.
    fn grow(&self, params: &Params, trees: Range<usize>, oob: Option<&mut LeftOut>)
    -> Result<Box<dyn Trees>>;
}

/// Out-of-bag predictions: of each training row, by the trees that were not grown on it. Empty before the
/// first tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// For each row the sum of these trees' predictions, in steps of the [`Scale`].
    pub sums: Vec<i64>,
    /// For each row the number of these trees.
    pub counts: Vec<u32>,
}

impl LeftOut {
    /// Adds the predictions of other trees; the order does not matter.
    pub fn add(&mut self, other: &Self) {
        self.resize(other.sums.len());
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, more)| *sum += more);
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }

    fn resize(&mut self, rows: usize) {
        self.sums.resize(rows, 0);
        self.counts.resize(rows, 0);
    }
}

/// A range of the trees of a model.
pub trait Trees: Send + Sync {
    /// Adds the prediction of each of these trees for each row to the row's sum, in steps of the [`Scale`].
    ///
    /// # Errors
    /// Where the number of features differs from training, or the number of sums from the number of rows.
    fn add_predictions(&self, x: Matrix<'_>, sums: &mut [i64]) -> Result<()>;

    /// The number of nodes, leaves included.
    fn n_nodes(&self) -> usize;

    /// The trees, where they are of the crate `forest`.
    fn forest(&self) -> Option<&forest::Forest> {
        None
    }
}

/// Cuts the range into pieces of ten trees, so that a task that keeps no trees needs memory for one piece.
pub fn pieces(trees: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    const TREES: usize = 10;
    trees.clone().step_by(TREES).map(move |start| start..trees.end.min(start + TREES))
}

/// The features and the target of a table, given as its columns one after another, the target last.
///
/// # Errors
/// Where the columns cannot have equally many rows.
pub fn features_and_target(table: &[f64], n_features: usize) -> Result<(Matrix<'_>, &[f64])> {
    let rows = table.len() / (n_features + 1);
    let (x, y) = table.split_at(table.len() - rows);
    Ok((Matrix::from_columns(x, n_features)?, y))
}

/// The bytes as numbers, not copied.
///
/// # Errors
/// Where the length or the address of the bytes is not a multiple of 8.
fn numbers(bytes: &[u8]) -> Result<&[f64]> {
    bytemuck::try_cast_slice(bytes)
        .map_err(|e| Error::Format(format!("{} bytes are not numbers of 8 bytes: {e}", bytes.len())))
}
