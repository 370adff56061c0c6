//! The library of the notebook `Ray.ipynb`, from the table to the score:
//!
//! ```
//! use helper::prelude::*;
//!
//! # fn main() -> helper::Result<()> {
//! let table = data::friedman1(300, 5, 1.0, 1)?; // the lab: data::california_housing()?
//! let split = table.split(0.2, 42)?;
//! let sweep = Sweep::over_n_estimators([10, 20, 30]).max_depth(8).seed(42).quiet();
//! let sequential = sweep.run_sequential(&split)?;
//!
//! let cluster = Cluster::local_with(2)?;
//! let data = cluster.put(split);
//! let parallel = sweep.run_on(&cluster, &data)?;
//! assert!(parallel.same_bits(&sequential));
//!
//! let comparison = Comparison::of([&sequential, &parallel])?;
//! comparison.conclusions();
//! # Ok(())
//! # }
//! ```
//!
//! | to | look at |
//! |---|---|
//! | read, make, split and cut tables | [`data`] |
//! | run functions as tasks on this machine's threads | [`cluster`] |
//! | run a sweep on a Ray cluster | [`ray`] |
//! | define, train and compare forests | [`sweep`] |
//! | compare models of any kind, and inspect a forest | [`models`] |
//! | draw | [`chart`] |
//! | check an exercise | [`check`] |
//!
//! The modules are layers: each uses only those above it in the table. `view`, the display of values in a
//! notebook, uses them all.

pub mod chart;
pub mod cluster;
pub mod data;
mod error;
mod exercise;
pub mod models;
mod panics;
mod platform;
pub mod ray;
pub mod sweep;
mod text;
mod view;

pub use cluster::{Cluster, ObjectRef};
pub use error::{Error, ErrorKind, Result};
pub use exercise::check;
pub use ray::RayCluster;
pub use rayon;
pub use sweep::{Comparison, Outcome, Sweep};
pub use view::{Dashboard, Machine, Sentences, Summary, machine};

/// The names for a notebook cell: `use helper::prelude::*;`
pub mod prelude {
    pub use crate::chart;
    pub use crate::cluster::{Cluster, ObjectRef};
    pub use crate::data::{self, Dataset, Shards, Split};
    pub use crate::error::{ErrorKind, Result};
    pub use crate::models::{self, Models};
    pub use crate::ray::RayCluster;
    pub use crate::sweep::{
        Comparison, Keep, Learner, MaxFeatures, MaxSamples, Outcome, Projection, Schedule, Sweep, WhatIf,
    };
    pub use crate::view::{DebugDisplay as _, machine};
}
