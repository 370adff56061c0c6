//! Exact random-forest regression: fast, and the same bits everywhere.
//!
//! A [`TrainingSet`] is validated and sorted once; every tree of every model is grown from
//! it. A [`Forest`] is grown in one go, in parallel, or in pieces that are put together.
//!
//! ```
//! use forest::{Forest, Matrix, MaxFeatures, Params, TrainingSet};
//!
//! // 200 rows of 3 features; the third does not matter.
//! let x: Vec<f64> = (0..600).map(|i| f64::from(i * 37 % 101)).collect();
//! let y: Vec<f64> = x.chunks(3).map(|row| row[0] + 2.0 * row[1]).collect();
//!
//! let training = TrainingSet::new(Matrix::from_rows(&x, 3)?, &y)?;
//! let params = Params { n_estimators: 50, seed: 42, ..Params::default() };
//! let forest = Forest::fit(&training, &params)?;
//! let predictions = forest.predict(Matrix::from_rows(&x, 3)?)?;
//! assert!((predictions[0] - y[0]).abs() < 30.0);
//!
//! // The same trees in pieces, grown anywhere, in any order.
//! let second = Forest::grow(&training, &params, 20..50)?;
//! let mut pieces = Forest::grow(&training, &params, 0..20)?;
//! pieces.extend(second)?;
//! assert_eq!(pieces, forest);
//! # Ok::<(), forest::Error>(())
//! ```
//!
//! # Exact
//! Every split is the best of all splits of its node, as by trying every threshold of every
//! feature. Targets are rounded once, to 40 bits below the largest (fewer beyond two million
//! rows); sums of them are then whole numbers, without further rounding, so that neither the
//! order of rows, trees and threads nor the processor can change a bit of a forest or of a
//! prediction. Random numbers are ChaCha8's, one stream for each tree.
//!
//! # As in scikit-learn
//! Names, meanings and defaults of the [`Params`] are scikit-learn's. Equally good splits are
//! chosen among at random, by the order in which a node draws its features; then the lowest
//! threshold wins.

mod error;
mod fixed;
mod forest;
mod grow;
mod importance;
mod matrix;
mod out_of_bag;
#[cfg(feature = "rayon")]
mod parallel;
mod params;
mod predict;
mod random;
mod training;
mod tree;

pub use error::Error;
pub use fixed::Scale;
pub use forest::Forest;
pub use importance::Importance;
pub use matrix::Matrix;
pub use out_of_bag::OutOfBag;
pub use params::{MAX_TREES, MaxFeatures, MaxSamples, Params};
pub use random::Stream;
pub use training::{TrainingSet, TrainingView};
