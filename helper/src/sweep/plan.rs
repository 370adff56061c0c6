//! Which models a sweep trains, and into which tasks their trees are cut.

use std::ops::Range;

use super::params::Params;
use super::{Keep, Learner};
use crate::data::Split;
use crate::error::{Error, ErrorKind, Result};
use crate::machine;
use crate::show::thousands;

/// Trees that a task grows: few enough that the workers end together, enough that a task costs nothing beside.
const TREES_PER_TASK: usize = 10;

/// Models that were checked, and the tasks that train them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) learner: Learner,
    pub(crate) models: Vec<Params>,
    pub(crate) tasks: Vec<TaskPlan>,
    pub(crate) keep: Keep,
}

/// One task: a range of the trees of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskPlan {
    pub(crate) model: usize,
    pub(crate) trees: Range<usize>,
}

impl Plan {
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] for the first value that makes no sense.
    pub(crate) fn new(learner: Learner, models: Vec<Params>, keep: Keep, n_features: usize) -> Result<Self> {
        if models.is_empty() {
            let message = "the sweep is empty: a hyperparameter was given no value, such as a range that ends before \
                           it begins; give each at least one";
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        models.iter().try_for_each(|params| params.check(n_features))?;
        let grain = TREES_PER_TASK.next_multiple_of(learner.block());
        let tasks = models.iter().enumerate().flat_map(|(model, params)| {
            let end = params.n_estimators;
            (0..end).step_by(grain).map(move |start| TaskPlan { model, trees: start..end.min(start + grain) })
        });
        let tasks = tasks.collect();
        Ok(Self { learner, models, tasks, keep })
    }

    pub(crate) fn trees(&self) -> usize {
        self.models.iter().map(|params| params.n_estimators).sum()
    }

    /// # Errors
    /// [`ErrorKind::Memory`] where the sweep would need more memory than can be had, with both figures.
    pub(crate) fn check_memory(&self, split: &Split, workers: usize) -> Result<()> {
        let needed = self.memory(split, workers);
        let available = machine::memory_available();
        if needed <= available {
            return Ok(());
        }
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        Err(Error::new(
            ErrorKind::Memory,
            format!(
                "the sweep ({} models, {} trees, {workers} workers, keep {:?}) may need {:.1} GiB of memory, but {:.1} \
                 GiB can be had; keep fewer models, train fewer trees or use fewer workers",
                self.models.len(),
                thousands(self.trees() as u64),
                self.keep,
                gib(needed),
                gib(available)
            ),
        ))
    }

    /// An upper estimate in bytes.
    fn memory(&self, split: &Split, workers: usize) -> u64 {
        let (rows, n_features) = (split.train.len(), split.train.n_features());
        let each: Vec<_> =
            self.models.iter().map(|params| self.learner.memory(rows, n_features, params)).collect();
        let model = |i: usize| each[i].tree.saturating_mul(self.models[i].n_estimators as u64);
        let kept = match self.keep {
            Keep::None => 0,
            // The best so far, and one that may turn out better.
            Keep::Best => 2 * (0..each.len()).map(model).max().unwrap_or(0),
            Keep::All => (0..each.len()).map(model).fold(0, u64::saturating_add),
        };
        let grain = TREES_PER_TASK.next_multiple_of(self.learner.block()) as u64;
        let worker = each.iter().map(|m| m.worker + grain * m.tree).max().unwrap_or(0);
        let predictions = (split.test.len() * 8 * self.models.len()) as u64;
        kept.saturating_add(worker * workers as u64).saturating_add(predictions)
    }
}
