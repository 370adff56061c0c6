//! Which models a sweep trains, and into which tasks their trees are cut.

use std::fmt;
use std::ops::Range;

use learner::TREES_AT_A_TIME;

use super::params::Params;
use super::{Keep, Learner, Schedule};
use crate::data::{Shards, Split};
use crate::error::{Error, ErrorKind, Result};
use crate::platform;
use crate::text::thousands;

/// Trees that a task grows: few enough that the workers end together, enough that a task costs
/// nothing beside.
const TREES_PER_TASK: usize = 10;

/// Models that were checked, and how they are to be trained.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) learner: Learner,
    pub(crate) models: Vec<Params>,
    pub(crate) keep: Keep,
    pub(crate) schedule: Schedule,
    /// Whether models that differ in the number of trees alone share these.
    pub(crate) shared: bool,
    grain: usize,
    n_features: usize,
    /// Into how many shards the training rows are cut; each grows trees of its own.
    shards: usize,
}

/// One task: a range of the trees of a forest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskPlan {
    pub(crate) forest: usize,
    /// The smallest model that has these trees.
    pub(crate) model: usize,
    pub(crate) trees: Range<usize>,
}

/// The name that a cluster knows the task by.
impl fmt::Display for TaskPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "model {} trees {}..{}", self.model, self.trees.start, self.trees.end)
    }
}

/// What some of the models need: forests, and the tasks that grow them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cut {
    /// The models of each forest, the smallest first: each is the first trees of the next.
    pub(crate) forests: Vec<Vec<usize>>,
    pub(crate) tasks: Vec<TaskPlan>,
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
        Ok(Self {
            learner,
            models,
            keep,
            schedule: Schedule::Trees,
            shared: false,
            grain,
            n_features,
            shards: 1,
        })
    }

    /// How the trees are cut; `trees_per_task` is for [`Schedule::Trees`].
    pub(crate) fn scheduled(mut self, schedule: Schedule, trees_per_task: Option<usize>) -> Result<Self> {
        self.schedule = schedule;
        if let Some(trees) = trees_per_task {
            if !(1..=super::params::MOST_TREES).contains(&trees) {
                return Err(Error::invalid("trees_per_task", trees, "from 1 to 1,048,576 trees"));
            }
            self.grain = trees.next_multiple_of(self.learner.block());
        }
        Ok(self)
    }

    /// Grows the trees of each model on shards, as many on one as on another.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] where a shard would grow no tree, or smartcore is to.
    pub(crate) fn on_shards(mut self, shards: usize) -> Result<Self> {
        if self.learner != Learner::Forest {
            return Err(Error::invalid(
                "the learner on shards",
                self.learner,
                "forest: take Learner::Forest",
            ));
        }
        if let Some(model) = self.models.iter().find(|model| model.n_estimators < shards) {
            let allowed = format!("{shards} or more, so that each of the {shards} shards grows a tree");
            return Err(Error::invalid("n_estimators", model.n_estimators, allowed));
        }
        self.shards = shards;
        Ok(self)
    }

    /// The plan of one model, whose trees are kept.
    pub(crate) fn of_one(self, model: Params) -> Self {
        Self { models: vec![model], keep: Keep::Best, shared: false, ..self }
    }

    /// Lets models share trees.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] where the learner gives trees in blocks, and a model that
    /// others go beyond ends within one.
    pub(crate) fn sharing(mut self) -> Result<Self> {
        self.shared = true;
        let block = self.learner.block();
        for forest in self.forests(&(0..self.models.len()).collect::<Vec<_>>()) {
            let size = |model: &usize| self.models[*model].n_estimators;
            let largest = forest.last().map_or(0, size);
            if let Some(odd) = forest.iter().map(size).find(|n| *n < largest && !n.is_multiple_of(block)) {
                return Err(Error::invalid(
                    "n_estimators of a shared run",
                    odd,
                    format!(
                        "a multiple of {block}: {} grows trees in blocks of {block}, and the first {odd} of {largest} \
                         end within one; choose such multiples, or train by run_on without sharing",
                        self.learner
                    ),
                ));
            }
        }
        Ok(self)
    }

    /// The models in groups that can share trees, each with the smallest first.
    fn forests(&self, models: &[usize]) -> Vec<Vec<usize>> {
        let mut forests: Vec<Vec<usize>> = Vec::new();
        for &model in models {
            let of = |other: usize| Params { n_estimators: 0, ..self.models[other] };
            let same = |forest: &&mut Vec<usize>| self.shared && of(forest[0]) == of(model);
            match forests.iter_mut().find(same) {
                Some(forest) => forest.push(model),
                None => forests.push(vec![model]),
            }
        }
        for forest in &mut forests {
            forest.sort_by_key(|model| (self.models[*model].n_estimators, *model));
        }
        forests
    }

    /// The tasks that train these models, in the order in which they are handed out.
    pub(crate) fn cut(&self, models: &[usize]) -> Cut {
        let forests = self.forests(models);
        let whole = !self.shared && self.schedule != Schedule::Trees;
        let mut tasks = Vec::new();
        for (index, forest) in forests.iter().enumerate() {
            let mut from = 0;
            for &model in forest {
                let end = self.models[model].n_estimators;
                let grain = if whole { end } else { self.grain };
                while from < end {
                    let shard = (0..self.shards).map(|s| Shards::trees(self.shards, s, end));
                    let shard = shard.map(|trees| trees.end).find(|to| *to > from).unwrap_or(end);
                    let to = end.min(from + grain).min(shard);
                    tasks.push(TaskPlan { forest: index, model, trees: from..to });
                    from = to;
                }
            }
        }
        if whole && self.schedule == Schedule::LongestFirst {
            tasks.sort_by(|a, b| self.work(b.model).total_cmp(&self.work(a.model)));
        }
        Cut { forests, tasks }
    }

    /// How long a model takes beside others, roughly: features are tried for each row on each level.
    fn work(&self, model: usize) -> f64 {
        let params = &self.models[model];
        let features = params.max_features.of(self.n_features).unwrap_or(self.n_features);
        let depth = params.max_depth.unwrap_or(usize::MAX).min(16);
        (params.n_estimators * features) as f64 * depth as f64
    }

    /// Trees to time before the sweep, to say how long it takes.
    pub(crate) fn probe(&self, task: &TaskPlan) -> Range<usize> {
        let Range { start, end } = task.trees;
        start..end.min(start + TREES_AT_A_TIME)
    }

    /// # Errors
    /// [`ErrorKind::Memory`] where the sweep would need more memory than can be had, with both figures.
    pub(crate) fn check_memory(&self, split: &Split, workers: usize) -> Result<()> {
        let needed = self.memory(split, workers);
        let available = platform::memory_available();
        if needed <= available {
            return Ok(());
        }
        let trees: usize = self.models.iter().map(|params| params.n_estimators).sum();
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        Err(Error::new(
            ErrorKind::Memory,
            format!(
                "the sweep ({} models, {} trees{}, {workers} workers, keep {:?}) may need {:.1} GiB of memory, but {:.1} \
                 GiB can be had; keep fewer models, train fewer trees or use fewer workers",
                self.models.len(),
                thousands(trees as u64),
                if self.shared { " that models share" } else { "" },
                self.keep,
                gib(needed),
                gib(available)
            ),
        ))
    }

    /// An upper estimate in bytes.
    fn memory(&self, split: &Split, workers: usize) -> u64 {
        let (rows, n_features) = (split.train.len(), split.train.n_features());
        let each: Vec<_> = self
            .models
            .iter()
            .map(|params| self.learner.memory(rows, n_features, &params.of_learner()))
            .collect();
        // A forest takes what its largest model takes.
        let forests = self.forests(&(0..self.models.len()).collect::<Vec<_>>());
        let largest = forests.iter().filter_map(|forest| forest.last().copied());
        let bytes = |i: usize| each[i].tree.saturating_mul(self.models[i].n_estimators as u64);
        let kept = match self.keep {
            Keep::None => 0,
            // The best so far, and one that may turn out better.
            Keep::Best => 2 * largest.map(bytes).max().unwrap_or(0),
            Keep::All => largest.map(bytes).fold(0, u64::saturating_add),
        };
        let whole = !self.shared && self.schedule != Schedule::Trees;
        let held = |model: usize| match self.keep {
            Keep::None => TREES_AT_A_TIME,
            _ if whole => self.models[model].n_estimators,
            _ => self.grain.max(TREES_AT_A_TIME),
        };
        let worker = |i: usize| each[i].worker.saturating_add(each[i].tree.saturating_mul(held(i) as u64));
        let worker = (0..each.len()).map(worker).max().unwrap_or(0);
        // Predictions and sums, the latter also on their way from a worker.
        let sums = split.test.len() as u64 * 8;
        let numbers = sums * (2 * self.models.len() + 2 * workers) as u64;
        kept.saturating_add(worker.saturating_mul(workers as u64)).saturating_add(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(learner: Learner, sizes: &[usize]) -> Plan {
        let models = sizes.iter().map(|&n_estimators| Params { n_estimators, ..Params::default() });
        Plan::new(learner, models.collect(), Keep::None, 8).unwrap()
    }

    fn lab() -> Plan {
        plan(Learner::Forest, &(50..=340).step_by(10).collect::<Vec<_>>())
    }

    fn all(plan: &Plan) -> Cut {
        plan.cut(&(0..plan.models.len()).collect::<Vec<_>>())
    }

    #[test]
    fn a_schedule_cuts_and_orders() {
        let tasks = |schedule| all(&lab().scheduled(schedule, None).unwrap()).tasks;
        assert_eq!(tasks(Schedule::Trees).len(), 585);
        let (in_order, longest) = (tasks(Schedule::Models), tasks(Schedule::LongestFirst));
        assert!(in_order.iter().map(|task| task.model).eq(0..30));
        assert!(longest.iter().map(|task| task.model).eq((0..30).rev()));
        for tasks in [in_order, longest, tasks(Schedule::Trees)] {
            assert_eq!(tasks.iter().map(|task| task.trees.len()).sum::<usize>(), 5_850);
        }
        let single = lab().scheduled(Schedule::Trees, Some(1)).unwrap();
        assert_eq!(all(&single).tasks.len(), 5_850);
        assert!(lab().scheduled(Schedule::Trees, Some(0)).unwrap_err().to_string().contains("from 1 to"));
    }

    #[test]
    fn shared_trees_are_grown_once() {
        let cut = all(&lab().sharing().unwrap());
        assert_eq!(cut.forests, [(0..30).collect::<Vec<_>>()]);
        assert_eq!(cut.tasks.iter().map(|task| task.trees.len()).sum::<usize>(), 340);
        let odd = all(&plan(Learner::Forest, &[7, 25, 7, 12]).sharing().unwrap());
        assert_eq!(odd.forests, [[0, 2, 3, 1]]);
        let tasks: Vec<_> = odd.tasks.iter().map(|t| (t.model, t.trees.clone())).collect();
        assert_eq!(tasks, [(0, 0..7), (3, 7..12), (1, 12..22), (1, 22..25)]);
    }

    #[test]
    fn only_whole_blocks_are_shared() {
        assert!(plan(Learner::Smartcore, &[10, 25, 20]).sharing().is_ok());
        let error = plan(Learner::Smartcore, &[10, 15, 20]).sharing().unwrap_err().to_string();
        assert!(error.contains("is 15") && error.contains("multiple of 10"), "{error}");
    }
}
