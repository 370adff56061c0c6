//! Exact random-forest regression: fast, and the same bits everywhere.

mod error;
mod fixed;
mod forest;
mod grow;
mod matrix;
mod params;
mod random;
mod training;
mod tree;

pub use error::Error;
pub use fixed::Scale;
pub use forest::Forest;
pub use matrix::{Matrix, Vector};
pub use params::{MaxFeatures, MaxSamples, Params};
pub use training::{TrainingSet, TrainingView};
