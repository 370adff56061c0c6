//! Who grows the trees: the seam between the sweep and the library, or crate, that learns.

pub(super) mod exact;
mod smartcore;

use std::fmt;
use std::ops::Range;

use forest::{Params, Scale};

use crate::data::{Rows, Split};
use crate::error::Result;

/// Which learner grows the trees of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Learner {
    /// The crate `forest` of this project: exact, and several times as fast.
    #[default]
    Forest,
    /// [smartcore](https://docs.rs/smartcore)'s `RandomForestRegressor`.
    Smartcore,
}

impl Learner {
    /// Makes of the training rows what every tree of every model needs; done once for a sweep.
    pub(super) fn prepare(self, split: &Split) -> Result<Box<dyn Prepared>> {
        match self {
            Self::Forest => Ok(Box::new(exact::Training::new(&split.train)?)),
            Self::Smartcore => Ok(Box::new(smartcore::Training::new(&split.train)?)),
        }
    }

    /// Trees of a model come in blocks of so many, counted from the first, and a range of trees
    /// to grow begins where a block begins.
    pub(super) fn block(self) -> usize {
        match self {
            Self::Forest => 1,
            Self::Smartcore => smartcore::BLOCK,
        }
    }

    /// An upper estimate in bytes: what a worker needs to grow `trees` trees on `rows` x
    /// `n_features` numbers, and what each tree takes when it is kept.
    pub(super) fn memory(self, rows: usize, n_features: usize, params: &Params) -> Memory {
        match self {
            Self::Forest => exact::memory(rows, n_features, params),
            Self::Smartcore => smartcore::memory(rows, n_features, params),
        }
    }
}

impl fmt::Display for Learner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forest => f.write_str("forest"),
            Self::Smartcore => f.write_str("smartcore"),
        }
    }
}

/// The most nodes that a tree can have: twice the leaves.
fn most_nodes(rows: usize, params: &Params) -> u64 {
    let leaves = (rows / params.min_samples_leaf.max(1)).max(1);
    let deepest = params.max_depth.filter(|&depth| depth < 40).map_or(usize::MAX, |depth| 1 << depth);
    2 * leaves.min(deepest) as u64
}

/// What growing takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// For a worker, beside the trees.
    pub(super) worker: u64,
    /// For each tree.
    pub(super) tree: u64,
}

/// A training set in the learner's own form, shared by all tasks.
pub(super) trait Prepared: Send + Sync {
    /// Grows the trees of this range of the model's trees. The same tree comes out whatever the
    /// range that it is asked for in.
    fn grow(&self, params: &Params, trees: Range<usize>) -> Result<Box<dyn Trees>>;

    /// The scale on which predictions are added.
    fn scale(&self) -> Scale;
}

/// A range of trees.
pub(super) trait Trees: Send + Sync {
    /// Adds what these trees predict for each row to its sum, in steps of the training set's scale.
    fn add_predictions(&self, rows: &Rows, sums: &mut [i64]) -> Result<()>;

    /// How many nodes they have, leaves included.
    fn n_nodes(&self) -> usize;
}
