//! The work of a sweep: what its tasks share, and what one of them does.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use forest::Scale;
use learner::{TREES_AT_A_TIME, Trees};

use super::plan::{Cut, Keep, Plan, TaskPlan};
use super::training::{Training, matrix};
use crate::data::Rows;
use crate::error::{Error, ErrorKind, Result};

/// Whether a task panics on purpose, by the number of its model, its trees and the attempt.
pub(super) type Sabotage = Arc<dyn Fn(usize, Range<usize>, u32) -> bool + Send + Sync>;

/// What all tasks share.
pub(super) struct Work {
    pub(super) plan: Arc<Plan>,
    pub(super) cut: Cut,
    training: Arc<Training>,
    pub(super) scale: Scale,
    sabotage: Option<Sabotage>,
    /// How often each task was begun.
    attempts: Vec<AtomicU32>,
    /// How many trees of each forest are needed: fewer once a task of it has failed.
    useful: Vec<AtomicUsize>,
}

/// The result of a task: the sum of its trees' predictions for each test row, and the trees if they are
/// kept.
pub(super) struct Grown {
    pub(super) sums: Vec<i64>,
    pub(super) trees: Vec<Arc<dyn Trees>>,
}

impl Work {
    pub(super) fn new(
        plan: &Arc<Plan>,
        models: &[usize],
        training: &Arc<Training>,
        sabotage: Option<&Sabotage>,
    ) -> Self {
        let cut = plan.cut(models);
        Self {
            attempts: cut.tasks.iter().map(|_| AtomicU32::new(0)).collect(),
            useful: cut.forests.iter().map(|_| AtomicUsize::new(usize::MAX)).collect(),
            plan: Arc::clone(plan),
            cut,
            scale: training.scale(),
            training: Arc::clone(training),
            sabotage: sabotage.cloned(),
        }
    }

    /// How often the task was begun.
    pub(super) fn attempts(&self, task: usize) -> u32 {
        self.attempts[task].load(Ordering::Relaxed)
    }

    /// Records how often another process began the task.
    pub(super) fn tried(&self, task: usize, attempts: u32) {
        self.attempts[task].store(attempts, Ordering::Relaxed);
    }

    pub(super) fn sabotage(&self) -> Option<Sabotage> {
        self.sabotage.clone()
    }

    /// Whether every model that has the trees of this task has failed.
    pub(super) fn is_useless(&self, task: usize) -> bool {
        let TaskPlan { forest, trees, .. } = &self.cut.tasks[task];
        trees.start >= self.useful[*forest].load(Ordering::Relaxed)
    }

    /// Only the first `trees` trees of the forest are needed from now on.
    pub(super) fn limit(&self, forest: usize, trees: usize) {
        self.useful[forest].fetch_min(trees, Ordering::Relaxed);
    }

    /// No tree is needed from now on: tasks that have not begun are dropped.
    pub(super) fn cancel(&self) {
        (0..self.useful.len()).for_each(|forest| self.limit(forest, 0));
    }

    /// Runs a task, unless it is cancelled meanwhile. Run again, it gives the same result.
    pub(super) fn run(&self, task: usize, test: &Rows, cancelled: impl Fn() -> bool) -> Result<Grown> {
        if self.is_useless(task) {
            return Err(dropped());
        }
        let planned = &self.cut.tasks[task];
        let attempt = 1 + self.attempts[task].fetch_add(1, Ordering::Relaxed);
        if self.sabotage.as_ref().is_some_and(|panics| panics(planned.model, planned.trees.clone(), attempt))
        {
            panic!("sabotaged, in attempt {attempt}");
        }
        self.grow(planned.model, planned.trees.clone(), test, || {
            if cancelled() {
                let message = format!("the sweep was cancelled in model {}", planned.model);
                return Err(Error::new(ErrorKind::Cancelled, message));
            }
            if self.is_useless(task) { Err(dropped()) } else { Ok(()) }
        })
    }

    /// Grows trees of a model, some at a time; `go_on` is called before each.
    fn grow(
        &self,
        model: usize,
        trees: Range<usize>,
        test: &Rows,
        go_on: impl Fn() -> Result<()>,
    ) -> Result<Grown> {
        let x = matrix(test)?;
        let mut grown = Grown { sums: vec![0; test.len()], trees: Vec::new() };
        for start in trees.clone().step_by(TREES_AT_A_TIME) {
            go_on()?;
            let piece = start..trees.end.min(start + TREES_AT_A_TIME);
            let piece = self.training.grow(&self.plan.models[model], piece)?;
            piece.add_predictions(x, &mut grown.sums)?;
            if self.plan.keep != Keep::None {
                grown.trees.push(Arc::from(piece));
            }
        }
        Ok(grown)
    }

    /// How many trees the tasks grow.
    pub(super) fn trees(&self) -> usize {
        self.cut.tasks.iter().map(|task| task.trees.len()).sum()
    }
}

fn dropped() -> Error {
    Error::new(ErrorKind::Task, "dropped: another task of the model failed")
}
