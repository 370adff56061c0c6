//! What the cells of `Ray.ipynb` call: the data, the sweep, the cluster, charts and tables.
//!
//! Floors, ground up: [`data`] -> `cluster` -> `sweep` -> `chart`, `show`, `dashboard` -> the
//! notebook; nothing below knows anything above.

pub mod chart;
pub mod cluster;
mod dashboard;
pub mod data;
mod error;
mod machine;
mod panics;
mod rng;
mod show;
pub mod sweep;

pub use cluster::ray::RayCluster;
pub use cluster::{Cluster, ObjectRef};
pub use dashboard::{Dashboard, Summary};
pub use error::{Error, ErrorKind, Result};
pub use machine::{Machine, machine};
pub use show::Sentences;
pub use sweep::{Comparison, Outcome, Sweep};

/// What a notebook cell needs: `use helper::prelude::*;`
pub mod prelude {
    pub use crate::chart;
    pub use crate::cluster::ray::RayCluster;
    pub use crate::cluster::{Cluster, ObjectRef};
    pub use crate::data::{self, Dataset, Shards, Split};
    pub use crate::error::{ErrorKind, Result};
    pub use crate::machine;
    pub use crate::sweep::{
        Comparison, Keep, Learner, Learners, MaxFeatures, Outcome, Projection, Schedule, Sweep, Ways,
    };
}
