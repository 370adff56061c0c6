//! What the cells of `Ray.ipynb` call: the data, the sweep, the cluster, charts and tables.
//!
//! Floors, ground up: [`data`] -> `cluster` -> `sweep` -> `chart`, `show` -> the notebook;
//! nothing below knows anything above.

pub mod data;
mod error;
mod rng;

pub use error::{Error, ErrorKind, Result};

/// What a notebook cell needs: `use helper::prelude::*;`
pub mod prelude {
    pub use crate::data;
}
