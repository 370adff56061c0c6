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
mod model;
mod outcome;
mod pace;
mod plain;
mod plan;
mod projection;
mod run;
mod schedule;
mod training;
mod values;
mod warnings;
mod work;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub use comparison::{Comparison, Spread, Way};
pub(crate) use comparison::{LEAST_SHARE, MOST_DRIFT};
pub use event::Event;
pub use forest::{MaxFeatures, MaxSamples, Params};
pub use learner::Learner;
pub use model::Model;
pub(crate) use outcome::{COLUMNS, Place, named, varied};
pub use outcome::{FailedModel, ModelOutcome, Outcome, Scores, SweepTask};
pub use plan::Keep;
pub use projection::Projection;
pub(crate) use projection::{MOST_WORKERS, Measured};
pub use schedule::Schedule;
pub use values::Values;

use crate::cluster::{Cluster, ObjectRef};
use crate::data::{Shards, Split};
use crate::error::{Error, Result};
use crate::platform::project_root;
use crate::ray::{RayCluster, RayRef};
use event::Listener;
use journal::{Header, Journal};
use plan::Plan;
use run::Extras;
use work::Sabotage;

/// Hyperparameters to try: each has one value or many ([`Values`]), and every combination is a model.
///
/// Names, meanings and defaults are those of scikit-learn's `RandomForestRegressor`.
#[derive(Clone)]
pub struct Sweep {
    grid: Grid,
    /// The first value that names nothing; it is refused when the sweep runs.
    refused: Option<Error>,
    learner: Learner,
    keep: Keep,
    schedule: Schedule,
    trees_per_task: Option<usize>,
    share_trees: bool,
    journal: Option<PathBuf>,
    sabotage: Option<Sabotage>,
    listener: Option<Listener>,
}

/// The hyperparameters, the one that changes slowest first: a field, a setter and a loop for each.
macro_rules! hyperparameters {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        #[derive(Clone)]
        struct Grid {
            $($name: Vec<$type>,)*
            n_estimators: Vec<usize>,
        }

        impl Grid {
            /// The one value of each hyperparameter.
            fn of(params: Params) -> Self {
                Self { $($name: vec![params.$name],)* n_estimators: vec![params.n_estimators] }
            }

            fn models(&self) -> Vec<Params> {
                let mut models = vec![Params::default()];
                $(models = each(&models, &self.$name, |$name, params| Params { $name, ..params });)*
                each(&models, &self.n_estimators, |n_estimators, params| Params { n_estimators, ..params })
            }
        }

        /// # Hyperparameters
        impl Sweep {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(mut self, $name: impl Values<$type>) -> Self {
                    self.grid.$name = self.checked($name);
                    self
                }
            )*
        }
    };
}

hyperparameters! {
    /// What all randomness comes from: the same seed gives the same forests.
    seed: u64;
    /// How many rows are drawn for a tree: a number, a fraction such as `0.5`, or `None` for as many
    /// as there are.
    max_samples: Option<MaxSamples>;
    /// Whether each tree is grown on rows drawn with replacement (the default), or on all.
    bootstrap: bool;
    /// How many features are tried at each split: a number such as `3`, a fraction such as `0.5`,
    /// `"sqrt"`, `"log2"`, or a [`MaxFeatures`].
    max_features: MaxFeatures;
    /// A split that lowers the impurity by less, weighted by the node's share of the rows, is not made;
    /// 0.0 or more.
    min_impurity_decrease: f64;
    /// A split that leaves fewer samples on a side is not made; 1 or more.
    min_samples_leaf: usize;
    /// A node with fewer samples is a leaf; 2 or more. `forest` and scikit-learn count a row of the
    /// bootstrap once, smartcore as often as it was drawn.
    min_samples_split: usize;
    /// The most splits on a path from the root to a leaf: `20`, `[5, 10, 20]`, or `None` for no limit.
    max_depth: Option<usize>;
}

/// Every model with every value.
fn each<T: Copy>(models: &[Params], values: &[T], with: impl Fn(T, Params) -> Params) -> Vec<Params> {
    models.iter().flat_map(|params| values.iter().map(|value| with(*value, *params))).collect()
}

impl Sweep {
    /// A sweep over the number of trees: one value, a list, a range, or `(50..=340).step_by(10)`.
    pub fn over_n_estimators(n_estimators: impl Values<usize>) -> Self {
        let mut sweep = Self {
            grid: Grid::of(Params::default()),
            refused: None,
            learner: Learner::default(),
            keep: Keep::default(),
            schedule: Schedule::default(),
            trees_per_task: None,
            share_trees: false,
            journal: None,
            sabotage: None,
            listener: Some(event::print()),
        };
        sweep.grid.n_estimators = sweep.checked(n_estimators);
        sweep
    }

    /// The values; none where one is refused.
    fn checked<T>(&mut self, values: impl Values<T>) -> Vec<T> {
        values.values().unwrap_or_else(|error| {
            self.refused.get_or_insert(error);
            Vec::new()
        })
    }

    /// Which library grows the trees.
    #[must_use]
    pub fn learner(mut self, learner: Learner) -> Self {
        self.learner = learner;
        self
    }

    /// Which trained models the outcome keeps; none by default.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// How trees are cut into tasks; [`Schedule::Trees`] by default. It changes no score.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// How many trees a task of [`Schedule::Trees`] grows; 10 by default. smartcore grows trees in
    /// blocks of 10, so there it is rounded up to a multiple of 10.
    #[must_use]
    pub fn trees_per_task(mut self, trees: usize) -> Self {
        self.trees_per_task = Some(trees);
        self
    }

    /// Whether each tree is grown once and shared by all models that have it: with one seed, a forest
    /// is the first trees of any larger forest with the same other hyperparameters. It changes no
    /// score.
    ///
    /// Models that cannot share grow their own trees, and the outcome says so: those on shards, and
    /// those by smartcore whose number of trees is not a multiple of 10.
    #[must_use]
    pub fn share_trees(mut self, share: bool) -> Self {
        self.share_trees = share;
        self
    }

    /// Writes each model to a file as soon as it is finished, such as `runs/lab.jsonl`; a relative path
    /// begins in the project's folder. If the file is there already, the sweep trains only what is
    /// missing, and gives the same bits as if it had never stopped: a cell that was interrupted is run
    /// again as it is.
    ///
    /// A run that is stopped loses the models that it was training: under [`Schedule::Trees`] at most
    /// one more than there are workers. Trees are not written: those that [`keep`](Self::keep) asks
    /// for are grown again, and checked against the predictions in the file, so [`Keep::All`] saves no
    /// time. A journal of other data, hyperparameters or trees is refused.
    #[must_use]
    pub fn journal(mut self, path: impl Into<PathBuf>) -> Self {
        self.journal = Some(project_root().join(path.into()));
        self
    }

    /// Makes tasks panic on purpose, to show what happens then: before a task runs, `panics` is called
    /// with the number of its model, its trees, and the attempt, from 1.
    ///
    /// A task that panics is tried again, four times in all; only then its model fails, alone. Models
    /// that finish have the scores that they have anyway.
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

    /// Calls `listener` with every [`Event`] instead of printing lines.
    #[must_use]
    pub fn on_event(mut self, listener: impl FnMut(Event<'_>) + Send + 'static) -> Self {
        self.listener = Some(Arc::new(Mutex::new(listener)));
        self
    }

    /// The models: every combination, the number of trees fastest.
    pub fn models(&self) -> Vec<Params> {
        self.grid.models()
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
        let split = data.as_ref();
        let plan = self.plan(split, None)?;
        plan.check_memory(split, 1)?;
        let extras = self.extras(&plan, split, None)?;
        run::sequential(plan, split, extras)
    }

    /// Trains the models on the workers of a cluster: threads or a Ray cluster, and a split that was put
    /// there, or [`Shards`]. Tasks grow some ten trees each, model after model, unless
    /// [`schedule`](Self::schedule) says otherwise. On a split, the scores are those of
    /// [`run_sequential`](Self::run_sequential), bit for bit.
    ///
    /// On shards, each task reads one, so that no worker holds all training rows; each shard grows as
    /// many of a model's trees as the others, and the forest is all of them. The scores are the same
    /// on threads and on Ray, and others than on the whole.
    ///
    /// # Errors
    /// As [`run_sequential`](Self::run_sequential), and
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) where a model has fewer trees than there
    /// are shards.
    pub fn run_on<D>(&self, cluster: &impl Workers<D>, data: &D) -> Result<Outcome> {
        cluster.run(self, data)
    }

    fn plan(&self, split: &Split, shards: Option<&Shards>) -> Result<Plan> {
        if let Some(error) = &self.refused {
            return Err(error.clone());
        }
        let rows = (split.train.len(), split.train.n_features());
        let plan = Plan::new(self.learner, self.models(), self.keep, rows)?
            .scheduled(self.schedule, self.trees_per_task)?;
        let plan = match shards {
            Some(shards) => plan.on_shards(shards.rows())?,
            None => plan,
        };
        Ok(if self.share_trees { plan.sharing() } else { plan })
    }

    fn extras<'a>(&'a self, plan: &Plan, split: &Split, shards: Option<&'a Shards>) -> Result<Extras<'a>> {
        let open = |path: &PathBuf| Journal::open(path, &Header::of(plan, split)?);
        Ok(Extras {
            listener: self.listener.as_ref(),
            journal: self.journal.as_ref().map(open).transpose()?,
            sabotage: self.sabotage.as_ref(),
            shards,
        })
    }
}

/// Workers that can run a sweep on data of the type `D`: the threads of a [`Cluster`], or the nodes of a
/// [`RayCluster`].
#[diagnostic::on_unimplemented(
    message = "a sweep cannot run on a `{Self}` with a `{D}`",
    label = "this cluster does not have such data",
    note = "put the split there first: `let data = cluster.put(split);`, then `sweep.run_on(&cluster, &data)`; shards are given as they are"
)]
pub trait Workers<D> {
    /// What [`Sweep::run_on`] does.
    ///
    /// # Errors
    /// As [`Sweep::run_on`].
    fn run(&self, sweep: &Sweep, data: &D) -> Result<Outcome>;
}

impl Workers<ObjectRef<Split>> for Cluster {
    fn run(&self, sweep: &Sweep, data: &ObjectRef<Split>) -> Result<Outcome> {
        let split = self.get(data)?;
        let plan = sweep.plan(&split, None)?;
        plan.check_memory(&split, self.workers())?;
        let extras = sweep.extras(&plan, &split, None)?;
        run::on_cluster(plan, self, data, extras)
    }
}

impl Workers<Shards> for Cluster {
    fn run(&self, sweep: &Sweep, shards: &Shards) -> Result<Outcome> {
        let split = shards.split();
        let plan = sweep.plan(split, Some(shards))?;
        plan.check_memory(split, self.workers())?;
        let extras = sweep.extras(&plan, split, Some(shards))?;
        run::on_cluster(plan, self, &self.put(split.clone()), extras)
    }
}

impl Workers<RayRef<Split>> for RayCluster {
    fn run(&self, sweep: &Sweep, data: &RayRef<Split>) -> Result<Outcome> {
        let split = data.value();
        let plan = sweep.plan(split, None)?;
        distributed::check(&plan)?;
        let extras = sweep.extras(&plan, split, None)?;
        distributed::on_ray(plan, self, data, extras)
    }
}

impl Workers<Shards> for RayCluster {
    fn run(&self, sweep: &Sweep, shards: &Shards) -> Result<Outcome> {
        let split = shards.split();
        let plan = sweep.plan(split, Some(shards))?;
        distributed::check(&plan)?;
        let extras = sweep.extras(&plan, split, Some(shards))?;
        distributed::on_ray(plan, self, &self.share(Arc::new(split.clone())), extras)
    }
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let models = self.models();
        let trees: usize = models.iter().map(|params| params.n_estimators).sum();
        write!(f, "Sweep({} models, {trees} trees, {})", models.len(), self.learner)
    }
}
