//! A sweep: the same forest with many hyperparameters, trained and scored.
//!
//! ```
//! use helper::Sweep;
//!
//! # fn main() -> helper::Result<()> {
//! # let Ok(housing) = helper::data::california_housing() else { return Ok(()) };
//! let split = housing.split(0.2, 42)?;
//! let sweep = Sweep::over_n_estimators([5, 10]).max_depth(6).seed(42);
//! let sequential = sweep.run_sequential(&split)?;
//!
//! let cluster = helper::Cluster::local_with(2)?;
//! let data = cluster.put(split);
//! let parallel = sweep.run_on(&cluster, &data)?;
//! assert!(parallel.same_bits(&sequential));
//! # Ok(())
//! # }
//! ```

mod comparison;
mod distributed;
mod event;
mod gather;
mod journal;
mod learner;
mod model;
mod outcome;
mod pace;
mod params;
mod plan;
mod projection;
mod run;
mod scale;
mod schedule;
mod values;
mod work;
mod workers;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub use comparison::{Comparison, Spread, Way};
pub(crate) use comparison::{LEAST_SHARE, MOST_DRIFT};
pub use event::Event;
pub use learner::Learner;
pub use model::Model;
pub(crate) use outcome::{COLUMNS, Place, varied};
pub use outcome::{FailedModel, ModelOutcome, Outcome, Scores, SweepTask};
pub use params::{MaxFeatures, Params};
pub use projection::Projection;
pub(crate) use projection::{MOST_WORKERS, Measured};
pub use schedule::Schedule;
pub use values::Values;
pub use workers::Workers;

use crate::cluster::{Cluster, ObjectRef};
use crate::data::{Shards, Split};
use crate::error::Result;
use crate::platform::project_root;
use crate::ray::{RayCluster, RayRef};
use event::Listener;
use journal::{Header, Journal};
use plan::Plan;
use run::Extras;
use work::Sabotage;

/// Which trained models an [`Outcome`] holds on to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// None: scores and predictions are enough.
    #[default]
    None,
    /// The one with the lowest mean squared error.
    Best,
    /// All of them.
    All,
}

/// Hyperparameters to try: each may have one value or many, and every combination is a model.
///
/// Names, meanings and defaults are those of scikit-learn's `RandomForestRegressor`.
#[derive(Clone)]
pub struct Sweep {
    n_estimators: Vec<usize>,
    max_depth: Vec<Option<usize>>,
    min_samples_split: Vec<usize>,
    min_samples_leaf: Vec<usize>,
    max_features: Vec<MaxFeatures>,
    seed: Vec<u64>,
    learner: Learner,
    keep: Keep,
    schedule: Schedule,
    trees_per_task: Option<usize>,
    journal: Option<(PathBuf, String)>,
    sabotage: Option<Sabotage>,
    listener: Option<Listener>,
}

impl Sweep {
    /// A sweep over the number of trees: one value, a list, a range, or
    /// `(50..=340).step_by(10)`.
    pub fn over_n_estimators(n_estimators: impl Values<usize>) -> Self {
        let default = Params::default();
        Self {
            n_estimators: n_estimators.values(),
            max_depth: vec![default.max_depth],
            min_samples_split: vec![default.min_samples_split],
            min_samples_leaf: vec![default.min_samples_leaf],
            max_features: vec![default.max_features],
            seed: vec![default.seed],
            learner: Learner::default(),
            keep: Keep::default(),
            schedule: Schedule::default(),
            trees_per_task: None,
            journal: None,
            sabotage: None,
            listener: Some(event::print()),
        }
    }

    /// How many splits a path may have: `20`, `[5, 10, 20]`, or `None` for no limit.
    #[must_use]
    pub fn max_depth(mut self, max_depth: impl Values<Option<usize>>) -> Self {
        self.max_depth = max_depth.values();
        self
    }

    /// A node with fewer samples is a leaf; 2 or more.
    #[must_use]
    pub fn min_samples_split(mut self, min_samples_split: impl Values<usize>) -> Self {
        self.min_samples_split = min_samples_split.values();
        self
    }

    /// A split that leaves fewer samples on a side is not made; 1 or more.
    #[must_use]
    pub fn min_samples_leaf(mut self, min_samples_leaf: impl Values<usize>) -> Self {
        self.min_samples_leaf = min_samples_leaf.values();
        self
    }

    /// How many features are tried at each split: a number of them, a part such as `0.5`, or a
    /// [`MaxFeatures`].
    #[must_use]
    pub fn max_features(mut self, max_features: impl Into<MaxFeatures>) -> Self {
        self.max_features = vec![max_features.into()];
        self
    }

    /// Where randomness starts: the same seed gives the same forests.
    #[must_use]
    pub fn seed(mut self, seed: impl Values<u64>) -> Self {
        self.seed = seed.values();
        self
    }

    /// Who grows the trees.
    #[must_use]
    pub fn learner(mut self, learner: Learner) -> Self {
        self.learner = learner;
        self
    }

    /// Which trained models the outcome holds on to; none unless asked.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// How trees are cut into tasks; [`Schedule::Trees`] unless told otherwise. It changes when things
    /// are done, and no score.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// How many trees a task of [`Schedule::Trees`] grows; 10 unless told otherwise. smartcore grows
    /// trees in blocks of 10, so there it is rounded up to a multiple of that.
    #[must_use]
    pub fn trees_per_task(mut self, trees: usize) -> Self {
        self.trees_per_task = Some(trees);
        self
    }

    /// Keeps a journal, `runs/ID.jsonl`: each model is on the disk as soon as it is finished. If the
    /// journal is there already, the sweep goes on where it stopped: it trains what is missing, and
    /// gives the same bits as if it had never stopped. So a cell that was interrupted is run again
    /// as it is.
    ///
    /// A stopped run loses the models that it was at, at most one more than there are workers under
    /// [`Schedule::Trees`]. Trees are not kept: those that [`keep`](Self::keep) asks for are grown
    /// again, and checked against the journal's predictions. [`Keep::All`] therefore saves nothing by
    /// a journal. A journal of other data, hyperparameters, or trees is refused.
    #[must_use]
    pub fn journal(self, id: impl Into<String>) -> Self {
        self.journal_in(project_root().join("runs"), id)
    }

    /// As [`journal`](Self::journal), in another folder.
    #[must_use]
    pub fn journal_in(mut self, folder: impl Into<PathBuf>, id: impl Into<String>) -> Self {
        self.journal = Some((folder.into(), id.into()));
        self
    }

    /// Makes tasks panic on purpose, to see what becomes of the sweep: before a task is run,
    /// `panics` is asked with the number of its model, its trees, and the attempt, from 1.
    ///
    /// A task that panics is begun again; only one that does so each time fails, and then its model
    /// alone. Nothing else is changed, so what finishes has the scores that it would have anyway.
    #[must_use]
    pub fn sabotage(
        mut self,
        panics: impl Fn(usize, Range<usize>, u32) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.sabotage = Some(Arc::new(panics));
        self
    }

    /// Prints nothing while it runs.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.listener = None;
        self
    }

    /// Tells `listener` of every [`Event`] instead of printing lines.
    #[must_use]
    pub fn on_event(mut self, listener: impl FnMut(Event<'_>) + Send + 'static) -> Self {
        self.listener = Some(Arc::new(Mutex::new(listener)));
        self
    }

    /// The models: every combination, the number of trees fastest.
    pub fn models(&self) -> Vec<Params> {
        let mut models = Vec::new();
        for &seed in &self.seed {
            for &max_features in &self.max_features {
                for &min_samples_leaf in &self.min_samples_leaf {
                    for &min_samples_split in &self.min_samples_split {
                        for &max_depth in &self.max_depth {
                            models.extend(self.n_estimators.iter().map(|&n_estimators| Params {
                                n_estimators,
                                max_depth,
                                min_samples_split,
                                min_samples_leaf,
                                max_features,
                                seed,
                            }));
                        }
                    }
                }
            }
        }
        models
    }

    /// Trains the models one after another on this thread.
    ///
    /// # Errors
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) before anything is trained, naming
    /// the field, its value and what is allowed, or how a journal differs; [`Memory`](crate::ErrorKind::Memory)
    /// where it cannot fit; [`Io`](crate::ErrorKind::Io) and [`Data`](crate::ErrorKind::Data) where a
    /// journal cannot be opened; [`Task`](crate::ErrorKind::Task) where every model failed. That some
    /// failed is no error: the outcome says which.
    pub fn run_sequential(&self, data: impl AsRef<Split>) -> Result<Outcome> {
        let data = data.as_ref();
        self.one_by_one(self.plan(data)?, data)
    }

    /// Trains the models on the workers of a cluster: tasks of some ten trees each, model after
    /// model, unless [`schedule`](Self::schedule) says otherwise. The scores are those of
    /// [`run_sequential`](Self::run_sequential), bit for bit.
    ///
    /// # Errors
    /// As [`run_sequential`](Self::run_sequential).
    pub fn run_on<W: Workers>(&self, cluster: &W, data: &W::Data) -> Result<Outcome> {
        cluster.run(self, data, false)
    }

    /// Trains the models one after another, and grows each tree once: with one seed, a forest is the
    /// first trees of any larger forest with the same other hyperparameters. The scores are those of
    /// [`run_sequential`](Self::run_sequential), bit for bit.
    ///
    /// # Errors
    /// As [`run_sequential`](Self::run_sequential), and [`InvalidParameter`](crate::ErrorKind::InvalidParameter)
    /// where smartcore is to share trees of models that do not end where a block of ten ends.
    pub fn run_shared_sequential(&self, data: impl AsRef<Split>) -> Result<Outcome> {
        let data = data.as_ref();
        self.one_by_one(self.plan(data)?.sharing()?, data)
    }

    /// Trains the models on the workers of a cluster, and grows each tree once, as
    /// [`run_shared_sequential`](Self::run_shared_sequential) does.
    ///
    /// # Errors
    /// As [`run_shared_sequential`](Self::run_shared_sequential).
    pub fn run_shared<W: Workers>(&self, cluster: &W, data: &W::Data) -> Result<Outcome> {
        cluster.run(self, data, true)
    }

    /// Trains the models on shards, of which each task reads one: no worker holds all training rows. Each
    /// shard grows as many of a model's trees as the others, and the forest is all of them. What that
    /// costs in accuracy is for the outcome to tell, held against a run on the whole.
    ///
    /// # Errors
    /// As [`run_on`](Self::run_on), and [`InvalidParameter`](crate::ErrorKind::InvalidParameter) where a
    /// model has fewer trees than there are shards.
    pub fn run_on_shards<W: Workers>(&self, cluster: &W, shards: &Shards) -> Result<Outcome> {
        cluster.run_shards(self, shards)
    }

    fn on_shards<'a>(&'a self, shards: &'a Shards) -> Result<(Plan, Extras<'a>)> {
        let plan = self.plan(shards.split())?.on_shards(shards.len())?;
        plan.check_memory(shards.split(), 1)?;
        let extras = Extras { shards: Some(shards), ..self.extras(&plan, shards.split())? };
        Ok((plan, extras))
    }

    fn on_ray(&self, plan: Plan, ray: &RayCluster, data: &RayRef<Split>) -> Result<Outcome> {
        distributed::check(self)?;
        let extras = self.extras(&plan, data)?;
        distributed::on_ray(plan, ray, data, data.objects(), extras)
    }

    fn plan(&self, data: &Split) -> Result<Plan> {
        Plan::new(self.learner, self.models(), self.keep, data.train.n_features())?
            .scheduled(self.schedule, self.trees_per_task)
    }

    fn one_by_one(&self, plan: Plan, data: &Split) -> Result<Outcome> {
        plan.check_memory(data, 1)?;
        let extras = self.extras(&plan, data)?;
        run::sequential(plan, data, extras)
    }

    fn on_cluster(&self, plan: Plan, cluster: &Cluster, data: &ObjectRef<Split>) -> Result<Outcome> {
        let split = cluster.get(data)?;
        plan.check_memory(&split, cluster.workers())?;
        let extras = self.extras(&plan, &split)?;
        run::on_cluster(plan, cluster, data, extras)
    }

    fn extras(&self, plan: &Plan, data: &Split) -> Result<Extras<'_>> {
        let open = |(folder, id): &(PathBuf, String)| Journal::open(folder, id, &Header::of(plan, data)?);
        let journal = self.journal.as_ref().map(open).transpose()?;
        Ok(Extras {
            listener: self.listener.as_ref(),
            journal,
            sabotage: self.sabotage.as_ref(),
            shards: None,
        })
    }
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let models = self.models();
        let trees: usize = models.iter().map(|params| params.n_estimators).sum();
        write!(f, "Sweep({} models, {trees} trees, {})", models.len(), self.learner)
    }
}
