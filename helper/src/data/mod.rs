//! Tables and their splits: California Housing, Friedman #1, or any CSV file or polars DataFrame.

mod california;
mod csv;
mod dataset;
mod friedman;
mod shards;
mod split;

/// polars: to make a frame, or to compute with [`Dataset::frame`]. In a notebook a frame needs its type:
/// `use data::polars_core::prelude::*;` and then `let frame: DataFrame = df!["x" => [1, 2]]?;`.
pub use polars_core;

pub use california::california_housing;
pub use dataset::Dataset;
pub use friedman::friedman1;
pub use shards::Shards;
pub use split::{Rows, Split};
