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
mod event;
mod learner;
mod outcome;
mod params;
mod plan;
mod run;
mod scale;
mod schedule;
mod values;

use std::sync::{Arc, Mutex};

pub use comparison::Comparison;
pub use event::Event;
pub use learner::Learner;
pub use outcome::{ModelOutcome, Outcome, Scores, SweepTask};
pub use params::{MaxFeatures, Params};
pub use run::Model;
pub(crate) use schedule::makespan;
pub use values::Values;

use crate::cluster::{Cluster, ObjectRef};
use crate::data::Split;
use crate::error::Result;
use event::Listener;
use plan::Plan;

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
    /// the field, its value and what is allowed; [`Memory`](crate::ErrorKind::Memory) where it
    /// cannot fit; [`Task`](crate::ErrorKind::Task) where the learner fails.
    pub fn run_sequential(&self, data: impl AsRef<Split>) -> Result<Outcome> {
        let data = data.as_ref();
        run::sequential(self.plan(data)?, data, self.listener.as_ref())
    }

    /// Trains the models on the workers of a cluster: tasks of some ten trees each, model after
    /// model. The scores are those of [`run_sequential`](Self::run_sequential), bit for bit.
    ///
    /// # Errors
    /// As [`run_sequential`](Self::run_sequential); an error in a task names the model, and the tasks
    /// that have not begun are dropped.
    pub fn run_on(&self, cluster: &Cluster, data: &ObjectRef<Split>) -> Result<Outcome> {
        let plan = self.plan(&*cluster.get(data)?)?;
        run::on_cluster(plan, cluster, data, self.listener.as_ref())
    }

    fn plan(&self, data: &Split) -> Result<Plan> {
        Plan::new(self.learner, self.models(), self.keep, data.train.n_features())
    }
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let models = self.models();
        let trees: usize = models.iter().map(|params| params.n_estimators).sum();
        write!(f, "Sweep({} models, {trees} trees, {})", models.len(), self.learner)
    }
}
