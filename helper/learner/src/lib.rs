//! Learners that grow the trees of a random forest, behind one interface.
//!
//! The helper links this crate, and so does the library that the workers of a Ray cluster load: a
//! learner grows the same trees, bit for bit, in both. A training set is prepared once
//! ([`Learner::prepare`]); any range of a model's trees is then grown by itself
//! ([`Prepared::grow`]), here or, from the same training set as bytes ([`Learner::bytes`],
//! [`Request`]), on another machine.
//!
//! ```
//! use learner::{Learner, Matrix, Params};
//!
//! // 200 rows of 3 features, column after column.
//! let x: Vec<f64> = (0..600).map(|i| f64::from(i * 37 % 101)).collect();
//! let y: Vec<f64> = (0..200).map(|row| x[row] + 2.0 * x[200 + row]).collect();
//! let x = Matrix::from_columns(&x, 3)?;
//!
//! let prepared = Learner::Forest.prepare(x, &y)?;
//! let params = Params { n_estimators: 20, seed: 42, ..Params::default() };
//! let mut sums = vec![0; 200];
//! for trees in [0..10, 10..20] {
//!     prepared.grow(&params, trees)?.add_predictions(x, &mut sums)?;
//! }
//! let first = prepared.scale().to_f64(sums[0], 20);
//! assert!((first - y[0]).abs() < 30.0);
//! # Ok::<(), learner::Error>(())
//! ```
//!
//! To add a learner, write a file with an implementation of `Train`, and name it in the list of
//! [`Learner`]s below.

mod error;
mod exact;
mod request;
mod smartcore;

use std::fmt;
use std::ops::Range;

pub use error::{Error, Result};
pub use forest::{Matrix, Params, Scale};
pub use request::{Request, Whole};
use serde::{Deserialize, Serialize};

/// Trees that a task holds at a time where it need not keep them: none is needed once its
/// predictions are added.
pub const TREES_AT_A_TIME: usize = 10;

macro_rules! learners {
    ($($(#[$about:meta])* $name:ident = $learner:expr,)+) => {
        /// Which learner grows the trees.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Learner {
            $($(#[$about])* $name,)+
        }

        impl Learner {
            /// Every learner.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            fn train(self) -> &'static dyn Train {
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

/// What a learner implements.
trait Train: Sync {
    fn name(&self) -> &'static str;

    fn block(&self) -> usize {
        1
    }

    fn memory(&self, rows: usize, n_features: usize, params: &Params) -> Memory;

    fn prepare(&self, x: Matrix<'_>, y: &[f64]) -> Result<Box<dyn Prepared>>;

    fn bytes(&self, x: Matrix<'_>, y: &[f64]) -> Result<Vec<u8>>;

    fn read<'a>(&self, bytes: &'a [u8]) -> Result<Box<dyn Prepared + 'a>>;

    fn part(&self, _x: Matrix<'_>, _y: &[f64], _of: Whole) -> Result<Box<dyn Prepared>> {
        Err(Error::Input(format!("{} cannot train on a shard of a table; forest can", self.name())))
    }
}

impl Learner {
    /// Makes of the training rows what every tree of every model needs.
    ///
    /// # Errors
    /// Where the learner refuses the rows, such as a number that is not finite.
    pub fn prepare(self, x: Matrix<'_>, y: &[f64]) -> Result<Box<dyn Prepared>> {
        self.train().prepare(x, y)
    }

    /// The training set as bytes, for [`read`](Self::read) on another machine of the same byte order.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn bytes(self, x: Matrix<'_>, y: &[f64]) -> Result<Vec<u8>> {
        self.train().bytes(x, y)
    }

    /// The training set that [`bytes`](Self::bytes) were made of. They must start at an address that is a
    /// multiple of 8.
    ///
    /// # Errors
    /// Where the bytes are none of this learner and this version.
    pub fn read(self, bytes: &[u8]) -> Result<Box<dyn Prepared + '_>> {
        self.train().read(bytes)
    }

    /// As [`prepare`](Self::prepare), for some of the rows of a table. Predictions of trees that are
    /// grown on different parts can be added: they have one scale.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), and for a learner that cannot train on parts.
    pub fn part(self, x: Matrix<'_>, y: &[f64], of: Whole) -> Result<Box<dyn Prepared>> {
        self.train().part(x, y, of)
    }

    /// The trees of a model are grown in blocks of so many, counted from the first. A range of trees must
    /// begin where a block begins.
    pub fn block(self) -> usize {
        self.train().block()
    }

    /// Upper estimates of the memory that training on `rows` x `n_features` numbers takes.
    pub fn memory(self, rows: usize, n_features: usize, params: &Params) -> Memory {
        self.train().memory(rows, n_features, params)
    }
}

impl fmt::Display for Learner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.train().name())
    }
}

/// Upper estimates in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What a worker needs while it grows a tree, beside the trees.
    pub worker: u64,
    /// What a tree takes that is kept.
    pub tree: u64,
}

/// A training set in the learner's own form; all tasks share it.
pub trait Prepared: Send + Sync {
    /// Grows a range of the model's trees. A tree is the same whatever the range.
    ///
    /// # Errors
    /// Where the learner refuses the hyperparameters or the range.
    fn grow(&self, params: &Params, trees: Range<usize>) -> Result<Box<dyn Trees>>;

    /// The scale of the predictions' sums.
    fn scale(&self) -> Scale;
}

/// A range of the trees of a model.
pub trait Trees: Send + Sync {
    /// Adds the prediction of each of these trees for each row to the row's sum, in steps of the training
    /// set's [`Scale`].
    ///
    /// # Errors
    /// Where the rows have another number of features than the training rows, or there are not as many
    /// sums as rows.
    fn add_predictions(&self, x: Matrix<'_>, sums: &mut [i64]) -> Result<()>;

    /// How many nodes the trees have, leaves included.
    fn n_nodes(&self) -> usize;
}

/// The most nodes that a tree can have: twice its leaves.
fn most_nodes(rows: usize, params: &Params) -> u64 {
    let leaves = (rows / params.min_samples_leaf.max(1)).max(1);
    let deepest = params.max_depth.filter(|&depth| depth < 40).map_or(usize::MAX, |depth| 1 << depth);
    2 * leaves.min(deepest) as u64
}
