//! Sweeps: random forests with many combinations of hyperparameters, trained and scored.

mod choice;
mod comparison;
mod cross_validation;
mod distributed;
mod event;
mod gather;
mod job;
mod journal;
mod memory;
mod model;
mod outcome;
mod pace;
mod plan;
mod projection;
mod run;
mod schedule;
mod tuning;
mod values;
mod warnings;
mod what_if;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub(crate) use choice::{Choice, DEVIATIONS, RESAMPLES};
pub use comparison::{Comparison, Spread, Way};
pub(crate) use comparison::{LEAST_SHARE, MOST_DRIFT};
pub use cross_validation::{CrossValidation, FoldWorkers, Validated};
pub use event::{Event, Progress};
pub use forest::{MaxFeatures, MaxSamples, Params};
pub(crate) use job::matrix;
pub use learner::Learner;
pub use model::Model;
pub(crate) use outcome::{COLUMNS, Place, chosen_by, difference, named, varied};
pub use outcome::{FailedModel, ModelOutcome, OutOfBag, Outcome, Scores, SweepTask};
pub use plan::Keep;
pub use projection::Projection;
pub(crate) use projection::{MOST_WORKERS, Measured};
pub use schedule::Schedule;
pub use tuning::{Halving, Rung};
pub use values::Values;
pub use what_if::WhatIf;

use crate::cluster::{Cluster, ObjectRef};
use crate::data::{Shards, Split};
use crate::error::{Error, Result};
use crate::platform::project_root;
use crate::ray::{RayCluster, RayRef};
use event::Listener;
use job::Sabotage;
use journal::Journal;
use plan::{Plan, Settings};
use run::{Extras, Pool};

/// Hyperparameters to try: each has one value or many ([`Values`]), and every combination is a model.
///
/// Names, meanings and defaults are those of scikit-learn's `RandomForestRegressor`.
#[derive(Clone)]
#[must_use = "a sweep trains nothing until it is run"]
pub struct Sweep {
    grid: Grid,
    /// The number of combinations that are drawn, and the seed; `None` for all.
    random: Option<(usize, u64)>,
    /// The error of the first invalid value, returned when the sweep runs.
    refused: Option<Error>,
    pub(crate) settings: Settings,
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
        }

        impl Grid {
            /// One value for each hyperparameter.
            fn of(params: Params) -> Self {
                Self { $($name: vec![params.$name],)* }
            }

            fn models(&self) -> Vec<Params> {
                let models = vec![Params::default()];
                $(
                    let with = |params| self.$name.iter().map(move |&$name| Params { $name, ..params });
                    let models: Vec<Params> = models.into_iter().flat_map(with).collect();
                )*
                models
            }
        }

        /// # Hyperparameters
        impl Sweep {
            $(
                $(#[$doc])*
                pub fn $name(mut self, $name: impl Values<$type>) -> Self {
                    self.grid.$name = self.checked($name);
                    self
                }
            )*
        }
    };
}

hyperparameters! {
    /// The seed of all randomness: the same seed gives the same forests.
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
    /// The most splits on a path from the root to a leaf: `20`, `[5, 10, 20]`, `None` for no limit, or
    /// `[Some(5), None]`.
    max_depth: Option<usize>;
    /// The number of trees: one value, a list, a range, or `(50..=340).step_by(10)`.
    n_estimators: usize;
}

impl Sweep {
    /// A sweep over the [number of trees](Self::n_estimators), with the default of everything else.
    pub fn over_n_estimators(n_estimators: impl Values<usize>) -> Self {
        Self {
            grid: Grid::of(Params::default()),
            random: None,
            refused: None,
            settings: Settings::default(),
            journal: None,
            sabotage: None,
            listener: Some(event::print()),
        }
        .n_estimators(n_estimators)
    }

    /// The values; none if one is invalid, which `refused` then holds.
    fn checked<T>(&mut self, values: impl Values<T>) -> Vec<T> {
        values.values().unwrap_or_else(|error| {
            self.refused.get_or_insert(error);
            Vec::new()
        })
    }

    /// Which library grows the trees.
    pub fn learner(mut self, learner: Learner) -> Self {
        self.settings.learner = learner;
        self
    }

    /// Whether each model gets an [out-of-bag score](OutOfBag), by which [`Outcome::best`] then chooses, so
    /// that the test rows have no part in the choice; off by default, as in scikit-learn.
    ///
    /// It is refused with `bootstrap(false)` and on shards. smartcore has no out-of-bag predictions,
    /// so its models are chosen by the test rows, and the conclusions say so.
    pub fn oob_score(mut self, oob_score: bool) -> Self {
        self.settings.oob_score = oob_score;
        self
    }

    /// The trained models that the outcome keeps; none by default.
    pub fn keep(mut self, keep: Keep) -> Self {
        self.settings.keep = keep;
        self
    }

    /// How trees are cut into tasks; [`Schedule::Trees`] by default. It changes no score.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.settings.schedule = schedule;
        self
    }

    /// How many trees a task of [`Schedule::Trees`] grows; 10 by default. smartcore grows trees in
    /// blocks of 10, so there it is rounded up to a multiple of 10.
    pub fn trees_per_task(mut self, trees: usize) -> Self {
        self.settings.trees_per_task = Some(trees);
        self
    }

    /// Whether each tree is grown once and shared by all models that have it: with one seed, a forest
    /// is the first trees of any larger forest with the same other hyperparameters. It changes no score.
    /// A [`schedule`](Self::schedule) cuts the trees that each model adds to the next smaller one. Models on
    /// shards, and those by smartcore that end within a block of 10 trees, grow their own.
    pub fn share_trees(mut self, share_trees: bool) -> Self {
        self.settings.share_trees = share_trees;
        self
    }

    /// Writes each model to a file as soon as it is finished, such as `runs/lab.jsonl`; a relative path
    /// begins in the project's folder. A sweep that is run again trains only what is missing in the file, and
    /// gives the same bits as if it had never stopped. Trees are not written: those that
    /// [`keep`](Self::keep) asks for are grown again. A journal of other data, hyperparameters or trees is
    /// refused.
    pub fn journal(self, path: impl Into<PathBuf>) -> Self {
        Self { journal: Some(project_root().join(path.into())), ..self }
    }

    /// Makes tasks panic on purpose: before a task runs, `panics` is called with the number of its model,
    /// its trees, and the attempt, from 1. After the fourth attempt only its model fails.
    pub fn sabotage(self, panics: impl Fn(usize, Range<usize>, u32) -> bool + Send + Sync + 'static) -> Self {
        Self { sabotage: Some(Arc::new(panics)), ..self }
    }

    /// Prints nothing while it runs.
    pub fn quiet(self) -> Self {
        Self { listener: None, ..self }
    }

    /// Calls `listener` with every [`Event`] instead of printing lines.
    pub fn on_event(self, listener: impl FnMut(Event<'_>) + Send + 'static) -> Self {
        Self { listener: Some(Arc::new(Mutex::new(listener))), ..self }
    }

    /// The models: every combination, the number of trees fastest; or those that [`random`](Self::random) draws.
    pub fn models(&self) -> Vec<Params> {
        self.drawn(self.grid.models())
    }

    /// Trains the models one after another on this thread.
    ///
    /// # Errors
    /// Before anything is trained: [`InvalidParameter`](crate::ErrorKind::InvalidParameter) naming the field,
    /// its value and what is allowed, or how a journal differs; [`Memory`](crate::ErrorKind::Memory) where memory
    /// does not suffice; [`Io`](crate::ErrorKind::Io) and [`Data`](crate::ErrorKind::Data) where a journal cannot be
    /// opened. [`Task`](crate::ErrorKind::Task) where every model failed; that some failed is no error.
    pub fn run_sequential(&self, data: impl AsRef<Split>) -> Result<Outcome> {
        self.run(data.as_ref(), None, &Pool::Caller)
    }

    /// Trains the models on the workers of a cluster: threads or a Ray cluster, and a split that was put
    /// there, or [`Shards`]. On a split, the scores are those of [`run_sequential`](Self::run_sequential),
    /// bit for bit. On shards, each task reads one, and each shard grows as many of a model's trees as the
    /// others: no worker holds all training rows, and the scores are others than on the whole.
    ///
    /// ```
    /// # fn main() -> helper::Result<()> {
    /// let split = helper::data::friedman1(200, 5, 1.0, 1)?.split(0.2, 42)?;
    /// let sweep = helper::Sweep::over_n_estimators([5, 10]).max_depth(6).seed(42).quiet();
    /// let sequential = sweep.run_sequential(&split)?;
    ///
    /// let cluster = helper::Cluster::local_with(2)?;
    /// let parallel = sweep.run_on(&cluster, &cluster.put(split))?;
    /// assert!(parallel.same_bits(&sequential));
    /// # Ok(())
    /// # }
    /// ```
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
        self.check_random()?;
        let size = (split.train.len(), split.train.n_features());
        let oob_score = self.settings.oob_score && self.settings.learner.leaves_out();
        let settings = Settings { oob_score, ..self.settings };
        Plan::new(settings, self.models(), size, shards.map(Shards::rows))
    }

    fn run(&self, split: &Split, shards: Option<&Shards>, pool: &Pool<'_>) -> Result<Outcome> {
        let plan = self.plan(split, shards)?;
        match pool {
            Pool::Caller => memory::check(&plan, split, shards, 1)?,
            Pool::Threads(cluster, _) => memory::check(&plan, split, shards, cluster.workers())?,
            Pool::Ray(..) if self.settings.keep == Keep::All => {
                let allowed = "None or Best: trees stay on the nodes, and the best model's are grown again here; to keep \
                               all, run on Cluster::local";
                return Err(Error::invalid("keep of a sweep on Ray", "All", allowed));
            }
            Pool::Ray(..) => {}
        }
        let open = |path| Journal::open(path, &plan, split);
        let journal = self.journal.as_deref().map(open).transpose()?;
        let (listener, sabotage) = (self.listener.as_ref(), self.sabotage.clone());
        run::run(plan, split, pool, Extras { listener, journal, sabotage, shards })
    }

    /// One quiet sweep for each model, in the order of [`models`](Self::models): for a parallel iterator
    /// of rayon in place of tasks.
    ///
    /// ```
    /// use helper::prelude::*;
    /// use helper::rayon::prelude::*;
    ///
    /// # fn main() -> helper::Result<()> {
    /// let split = data::friedman1(200, 5, 1.0, 1)?.split(0.2, 42)?;
    /// let sweep = Sweep::over_n_estimators([5, 10, 15]).max_depth(6).quiet();
    /// let plain: Vec<Outcome> = Cluster::local_with(2)?
    ///     .install(|| sweep.each().par_iter().map(|one| one.run_sequential(&split)).collect::<Result<_>>())?;
    /// let sequential = sweep.run_sequential(&split)?;
    /// assert!(plain.iter().zip(&sequential.models).all(|(one, model)| one.best().predictions == model.predictions));
    /// # Ok(())
    /// # }
    /// ```
    pub fn each(&self) -> Vec<Self> {
        self.models().into_iter().map(|params| self.only(params).quiet()).collect()
    }

    /// A sweep of one model.
    fn only(&self, params: Params) -> Self {
        Self { grid: Grid::of(params), random: None, journal: None, ..self.clone() }
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
        sweep.run(&*self.get(data)?, None, &Pool::Threads(self, data))
    }
}

impl Workers<Shards> for Cluster {
    fn run(&self, sweep: &Sweep, shards: &Shards) -> Result<Outcome> {
        let split = shards.split();
        sweep.run(split, Some(shards), &Pool::Threads(self, &self.put(split.clone())))
    }
}

impl Workers<RayRef<Split>> for RayCluster {
    fn run(&self, sweep: &Sweep, data: &RayRef<Split>) -> Result<Outcome> {
        sweep.run(data.value(), None, &Pool::Ray(self, data))
    }
}

impl Workers<Shards> for RayCluster {
    fn run(&self, sweep: &Sweep, shards: &Shards) -> Result<Outcome> {
        let split = shards.split();
        sweep.run(split, Some(shards), &Pool::Ray(self, &self.share(Arc::new(split.clone()))))
    }
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let models = self.models();
        let trees: usize = models.iter().map(|params| params.n_estimators).sum();
        write!(f, "Sweep({} models, {trees} trees, {})", models.len(), self.settings.learner)
    }
}
