//! What the cells of `Ray.ipynb` call: the data, the sweep, the cluster, charts and tables.
//!
//! Floors, ground up: [`data`] -> [`cluster`], [`ray`] -> [`sweep`] -> [`chart`], `view` -> the
//! notebook; nothing below knows anything above.

pub mod chart;
pub mod cluster;
pub mod data;
mod error;
mod exercise;
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

/// What a notebook cell needs: `use helper::prelude::*;`
pub mod prelude {
    pub use crate::chart;
    pub use crate::cluster::{Cluster, ObjectRef};
    pub use crate::data::{self, Dataset, Shards, Split};
    pub use crate::error::{ErrorKind, Result};
    pub use crate::ray::RayCluster;
    pub use crate::sweep::{
        Comparison, Keep, Learner, MaxFeatures, MaxSamples, Outcome, Projection, Schedule, Sweep,
    };
    pub use crate::view::{DebugDisplay as _, machine};
}
