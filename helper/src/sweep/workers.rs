//! What a sweep can run on.

use std::sync::Arc;

use super::outcome::Outcome;
use super::{Sweep, distributed, run};
use crate::cluster::{Cluster, ObjectRef};
use crate::data::{Shards, Split};
use crate::error::Result;
use crate::ray::{RayCluster, RayRef};

/// What a sweep can run on: the threads of a [`Cluster`], or the nodes of a [`RayCluster`].
pub trait Workers: private::Sealed {
    /// A split that was put there.
    type Data;

    /// Runs the sweep; `shared` says whether models share trees.
    #[doc(hidden)]
    fn run(&self, sweep: &Sweep, data: &Self::Data, shared: bool) -> Result<Outcome>;

    /// Runs the sweep on shards.
    #[doc(hidden)]
    fn run_shards(&self, sweep: &Sweep, shards: &Shards) -> Result<Outcome>;
}

mod private {
    pub trait Sealed {}
    impl Sealed for crate::cluster::Cluster {}
    impl Sealed for crate::ray::RayCluster {}
}

impl Workers for Cluster {
    type Data = ObjectRef<Split>;

    fn run(&self, sweep: &Sweep, data: &Self::Data, shared: bool) -> Result<Outcome> {
        let plan = sweep.plan(&*self.get(data)?)?;
        sweep.on_cluster(if shared { plan.sharing()? } else { plan }, self, data)
    }

    fn run_shards(&self, sweep: &Sweep, shards: &Shards) -> Result<Outcome> {
        let (plan, extras) = sweep.on_shards(shards)?;
        run::on_cluster(plan, self, &self.put(shards.split().clone()), extras)
    }
}

impl Workers for RayCluster {
    type Data = RayRef<Split>;

    fn run(&self, sweep: &Sweep, data: &Self::Data, shared: bool) -> Result<Outcome> {
        let plan = sweep.plan(data.value())?;
        sweep.on_ray(if shared { plan.sharing()? } else { plan }, self, data)
    }

    fn run_shards(&self, sweep: &Sweep, shards: &Shards) -> Result<Outcome> {
        distributed::check(sweep)?;
        let (plan, extras) = sweep.on_shards(shards)?;
        let data = self.share(Arc::new(shards.split().clone()));
        distributed::on_ray(plan, self, &data, extras)
    }
}
