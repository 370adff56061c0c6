//! The job of a sweep: the state that its tasks share, and the work of one task.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use forest::{Matrix, Params, Scale};
use learner::{Learner, LeftOut, Prepared, Trees, Whole, features_and_target, pieces};

use super::plan::{Cut, Keep, Plan, TaskPlan};
use crate::cluster::task_is_cancelled;
use crate::data::{Rows, Shards, Split};
use crate::error::{Error, ErrorKind, Result};

/// A function that tells whether a task panics on purpose, by its model, its trees and the attempt.
pub(super) type Sabotage = Arc<dyn Fn(usize, Range<usize>, u32) -> bool + Send + Sync>;

/// The training rows of a sweep's tasks.
pub(super) enum Training {
    /// All training rows, prepared once.
    Whole(Box<dyn Prepared>),
    /// Shards, of which a task reads one: a forest is the union of the forests of all.
    Shards(Learner, Box<Shards>),
}

impl Training {
    pub(super) fn new(learner: Learner, split: &Split, shards: Option<&Shards>) -> Result<Self> {
        if let Some(shards) = shards {
            return Ok(Self::Shards(learner, Box::new(shards.clone())));
        }
        let y = split.train.y();
        Ok(Self::Whole(learner.prepare(matrix(&split.train)?, y, Whole::of(y))?))
    }

    /// Grows trees that all belong to one shard.
    pub(super) fn grow(
        &self,
        params: &Params,
        trees: Range<usize>,
        left_out: Option<&mut LeftOut>,
    ) -> Result<Box<dyn Trees>> {
        match self {
            Self::Whole(prepared) => Ok(prepared.grow(params, trees, left_out)?),
            Self::Shards(learner, shards) => {
                let table = shards.read(shards.of_tree(trees.start, params.n_estimators))?;
                let (x, y) = features_and_target(&table, shards.split().train.n_features())?;
                let whole = Whole::of(shards.split().train.y());
                Ok(learner.prepare(x, y, whole)?.grow(params, trees, left_out)?)
            }
        }
    }
}

/// The features of rows, as learners read them.
pub(crate) fn matrix(rows: &Rows) -> Result<Matrix<'_>> {
    Ok(Matrix::from_columns(rows.x(), rows.n_features())?)
}

/// The state that all tasks of a sweep share.
pub(super) struct Job {
    pub(super) plan: Plan,
    pub(super) cut: Cut,
    /// `None` where the tasks run on other machines.
    training: Option<Training>,
    pub(super) scale: Scale,
    sabotage: Option<Sabotage>,
    /// The number of attempts at each task.
    attempts: Vec<AtomicU32>,
    /// The number of trees of each forest that are needed: fewer once one of its tasks has failed.
    useful: Vec<AtomicUsize>,
}

/// The result of a task: the sum of its trees' predictions for each test row, the out-of-bag predictions if
/// they are scored, and the trees if all are kept.
pub(super) struct Grown {
    pub(super) sums: Vec<i64>,
    pub(super) left_out: Option<LeftOut>,
    pub(super) trees: Vec<Arc<dyn Trees>>,
}

impl Job {
    /// The job that trains these models.
    pub(super) fn new(
        plan: Plan,
        models: &[usize],
        split: &Split,
        training: Option<Training>,
        sabotage: Option<Sabotage>,
    ) -> Self {
        let cut = plan.cut(models);
        Self {
            attempts: cut.tasks.iter().map(|_| AtomicU32::new(0)).collect(),
            useful: cut.forests.iter().map(|_| AtomicUsize::new(usize::MAX)).collect(),
            scale: plan.settings.learner.scale(Whole::of(split.train.y())),
            plan,
            cut,
            training,
            sabotage,
        }
    }

    /// The number of attempts at the task.
    pub(super) fn attempts(&self, task: usize) -> u32 {
        self.attempts[task].load(Ordering::Relaxed)
    }

    /// Sets the number of attempts that another process made.
    pub(super) fn set_attempts(&self, task: usize, attempts: u32) {
        self.attempts[task].store(attempts, Ordering::Relaxed);
    }

    /// A function that tells whether the task panics on purpose, by the attempt.
    pub(super) fn panics(&self, task: usize) -> impl Fn(u32) -> bool + use<> {
        let TaskPlan { model, trees, .. } = self.cut.tasks[task].clone();
        let sabotage = self.sabotage.clone();
        move |attempt| sabotage.as_ref().is_some_and(|panics| panics(model, trees.clone(), attempt))
    }

    /// Whether every model that has the trees of this task has failed.
    pub(super) fn is_useless(&self, task: usize) -> bool {
        let TaskPlan { forest, trees, .. } = &self.cut.tasks[task];
        trees.start >= self.useful[*forest].load(Ordering::Relaxed)
    }

    /// Limits the trees that are needed from now on to the first `trees` of the forest.
    pub(super) fn limit(&self, forest: usize, trees: usize) {
        self.useful[forest].fetch_min(trees, Ordering::Relaxed);
    }

    /// Drops all tasks that have not begun.
    pub(super) fn cancel(&self) {
        (0..self.useful.len()).for_each(|forest| self.limit(forest, 0));
    }

    fn check(&self, task: usize) -> Result<()> {
        if task_is_cancelled() {
            let message = format!("the sweep was cancelled in model {}", self.cut.tasks[task].model);
            return Err(Error::new(ErrorKind::Cancelled, message));
        }
        match self.is_useless(task) {
            true => Err(Error::new(ErrorKind::Task, "dropped: another task of the model failed")),
            false => Ok(()),
        }
    }

    /// Runs a task, unless it is cancelled or dropped. Every attempt gives the same result.
    pub(super) fn run(&self, task: usize, test: &Rows) -> Result<Grown> {
        self.check(task)?;
        let attempt = 1 + self.attempts[task].fetch_add(1, Ordering::Relaxed);
        assert!(!self.panics(task)(attempt), "sabotaged, in attempt {attempt}");
        let TaskPlan { model, trees, .. } = &self.cut.tasks[task];
        let training = self.training.as_ref().expect("tasks run on this machine");
        let x = matrix(test)?;
        let left_out = self.plan.settings.oob_score.then(LeftOut::default);
        let mut grown = Grown { sums: vec![0; test.len()], left_out, trees: Vec::new() };
        for piece in pieces(trees.clone()) {
            self.check(task)?;
            let trees = training.grow(&self.plan.models[*model], piece, grown.left_out.as_mut())?;
            trees.add_predictions(x, &mut grown.sums)?;
            if self.plan.settings.keep == Keep::All {
                grown.trees.push(Arc::from(trees));
            }
        }
        Ok(grown)
    }

    /// The number of trees that the tasks grow.
    pub(super) fn trees(&self) -> usize {
        self.cut.tasks.iter().map(|task| task.trees.len()).sum()
    }
}
