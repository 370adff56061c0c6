//! The plan of a sweep: its models, and the tasks that grow their trees.

use std::fmt;
use std::ops::Range;

use forest::{MAX_TREES, Params};
use learner::Learner;

use super::schedule::Schedule;
use crate::data::Shards;
use crate::error::{Error, ErrorKind, Result};

/// Trees of a task: few enough that all workers end at about the same time, many enough that handing out a
/// task costs little.
pub(super) const TREES_PER_TASK: usize = 10;

/// The trained models that an [`Outcome`](super::Outcome) keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// None: scores and predictions are enough.
    #[default]
    None,
    /// The [best](super::Outcome::best) one; its trees are grown once more when all models are scored.
    Best,
    /// All of them.
    All,
}

/// How the models of a sweep are trained.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Settings {
    pub(crate) learner: Learner,
    pub(crate) keep: Keep,
    pub(crate) schedule: Schedule,
    /// Trees of a task of [`Schedule::Trees`].
    pub(crate) trees_per_task: Option<usize>,
    /// Whether models that differ only in their number of trees share trees, where they can.
    pub(crate) share_trees: bool,
    /// Whether models get an out-of-bag score.
    pub(crate) oob_score: bool,
}

/// Checked models, and the settings of their training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) models: Vec<Params>,
    pub(crate) n_features: usize,
    /// The number of shards of the training rows; each grows its own trees.
    pub(crate) shards: usize,
}

/// One task: a range of the trees of a forest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskPlan {
    pub(crate) forest: usize,
    /// The smallest model that has these trees.
    pub(crate) model: usize,
    pub(crate) trees: Range<usize>,
}

/// The task's name in a cluster.
impl fmt::Display for TaskPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "model {} trees {}..{}", self.model, self.trees.start, self.trees.end)
    }
}

/// Forests to grow for some of the models, and the tasks that grow them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cut {
    /// The models of each forest, the smallest first: each is the first trees of the next.
    pub(crate) forests: Vec<Vec<usize>>,
    pub(crate) tasks: Vec<TaskPlan>,
}

impl Cut {
    /// The models that have the trees of a task.
    pub(crate) fn models_with(&self, task: usize) -> impl Iterator<Item = usize> + '_ {
        let TaskPlan { forest, model, .. } = &self.tasks[task];
        self.forests[*forest].iter().copied().skip_while(move |other| other != model)
    }
}

impl Plan {
    /// A plan for a table of `(rows, features)`, or for shards with these numbers of rows: each shard grows
    /// equally many trees of a model.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] for the first value that is out of its range.
    pub(crate) fn new(
        settings: Settings,
        models: Vec<Params>,
        (rows, n_features): (usize, usize),
        shards: Option<&[usize]>,
    ) -> Result<Self> {
        if models.is_empty() {
            let message = "the sweep is empty: a hyperparameter was given no value, such as a range that ends before \
                           it begins; give each at least one";
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        if let Some(trees) = settings.trees_per_task.filter(|trees| !(1..=MAX_TREES).contains(trees)) {
            return Err(Error::invalid("trees_per_task", trees, "from 1 to 1,048,576 trees"));
        }
        if shards.is_some() && settings.learner != Learner::Forest {
            let allowed = "forest: take Learner::Forest";
            return Err(Error::invalid("the learner on shards", settings.learner, allowed));
        }
        let oob = |allowed: &str| Err(Error::invalid("oob_score", true, allowed));
        match settings {
            Settings { oob_score: false, .. } => {}
            _ if shards.is_some() => return oob("false on shards: run the sweep on the whole split"),
            _ if models.iter().any(|params| !params.bootstrap) => {
                return oob("false where bootstrap is false: each tree is grown on every row");
            }
            _ => {}
        }
        let (n, fewest) =
            shards.map_or((1, rows), |rows| (rows.len(), rows.iter().copied().min().unwrap_or(0)));
        for params in &models {
            settings.learner.check(params, fewest, n_features)?;
            if params.n_estimators < n {
                let allowed = format!("{n} or more, so that each of the {n} shards grows a tree");
                return Err(Error::invalid("n_estimators", params.n_estimators, allowed));
            }
        }
        Ok(Self { settings, models, n_features, shards: n })
    }

    /// Whether models share trees.
    pub(crate) fn shares(&self) -> bool {
        self.forests(&self.all()).len() < self.models.len()
    }

    /// The reason why some models that should share trees grow their own, if any do.
    pub(crate) fn apart(&self) -> Option<String> {
        let settings = Settings { learner: Learner::Forest, ..self.settings };
        let free = Self { settings, shards: 1, ..self.clone() };
        let (forests, possible) = (self.forests(&self.all()).len(), free.forests(&self.all()).len());
        let reason = match self.shards {
            1 => format!(
                "{} grows trees in blocks of {1}, so only models with a multiple of {1} trees are part of larger ones",
                self.settings.learner,
                self.settings.learner.block()
            ),
            shards => format!("each of the {shards} shards grows a part of each model's trees"),
        };
        (forests > possible).then(|| format!("models that share no trees were trained apart: {reason}"))
    }

    pub(crate) fn all(&self) -> Vec<usize> {
        (0..self.models.len()).collect()
    }

    /// The models in groups that share trees, each with the smallest first.
    pub(crate) fn forests(&self, models: &[usize]) -> Vec<Vec<usize>> {
        if !self.settings.share_trees || self.shards > 1 {
            return models.iter().map(|model| vec![*model]).collect();
        }
        let size = |model: usize| self.models[model].n_estimators;
        let like = |model: usize| Params { n_estimators: 0, ..self.models[model] };
        let mut sorted = models.to_vec();
        sorted.sort_by_key(|&model| size(model));
        let mut forests: Vec<Vec<usize>> = Vec::new();
        for model in sorted {
            // A larger model cannot extend one that ends within a block of trees.
            let extends = |last: usize| {
                size(last) == size(model) || size(last).is_multiple_of(self.settings.learner.block())
            };
            let fits =
                |forest: &Vec<usize>| like(forest[0]) == like(model) && extends(forest[forest.len() - 1]);
            match forests.iter_mut().find(|forest| fits(forest)) {
                Some(forest) => forest.push(model),
                None => forests.push(vec![model]),
            }
        }
        forests
    }

    /// The tasks that train these models, in the order in which they are handed out.
    pub(crate) fn cut(&self, models: &[usize]) -> Cut {
        let forests = self.forests(models);
        let Settings { learner, schedule, trees_per_task, .. } = self.settings;
        let trees = trees_per_task.unwrap_or(TREES_PER_TASK).next_multiple_of(learner.block());
        let mut tasks = Vec::new();
        for (index, forest) in forests.iter().enumerate() {
            let mut from = 0;
            for &model in forest {
                let end = self.models[model].n_estimators;
                let most = if schedule == Schedule::Trees { trees } else { end };
                while from < end {
                    let shard = (0..self.shards).map(|s| Shards::trees(self.shards, s, end).end);
                    let to = shard.chain([end]).find(|to| *to > from).unwrap_or(end).min(from + most);
                    tasks.push(TaskPlan { forest: index, model, trees: from..to });
                    from = to;
                }
            }
        }
        let work = |task: &TaskPlan| self.work(task.model, task.trees.len());
        match schedule {
            Schedule::Trees => {}
            Schedule::Models => tasks.sort_by_key(|task| task.model),
            Schedule::LongestFirst => tasks.sort_by(|a, b| work(b).total_cmp(&work(a))),
        }
        Cut { forests, tasks }
    }

    /// The approximate work to grow this number of a model's trees, relative to other models: features are
    /// tried for each row on each level.
    pub(super) fn work(&self, model: usize, trees: usize) -> f64 {
        let params = &self.models[model];
        // `new` has checked the value.
        let features = params.max_features.of(self.n_features).unwrap_or(self.n_features);
        let depth = params.max_depth.unwrap_or(usize::MAX).min(16);
        (trees * features) as f64 * depth as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(learner: Learner, sizes: &[usize]) -> Plan {
        let models = sizes.iter().map(|&n_estimators| Params { n_estimators, ..Params::default() });
        let settings = Settings { learner, ..Settings::default() };
        Plan::new(settings, models.collect(), (100, 8), None).unwrap()
    }

    fn sharing(mut plan: Plan) -> Plan {
        plan.settings.share_trees = true;
        plan
    }

    fn lab() -> Plan {
        plan(Learner::Forest, &(50..=340).step_by(10).collect::<Vec<_>>())
    }

    fn all(plan: &Plan) -> Cut {
        plan.cut(&plan.all())
    }

    #[test]
    fn a_schedule_cuts_and_orders() {
        let scheduled = |schedule, trees_per_task| {
            let settings = Settings { schedule, trees_per_task, ..Settings::default() };
            Plan::new(settings, lab().models, (100, 8), None)
        };
        let tasks = |schedule| all(&scheduled(schedule, None).unwrap()).tasks;
        assert_eq!(tasks(Schedule::Trees).len(), 585);
        let (in_order, longest) = (tasks(Schedule::Models), tasks(Schedule::LongestFirst));
        assert!(in_order.iter().map(|task| task.model).eq(0..30));
        assert!(longest.iter().map(|task| task.model).eq((0..30).rev()));
        for tasks in [in_order, longest, tasks(Schedule::Trees)] {
            assert_eq!(tasks.iter().map(|task| task.trees.len()).sum::<usize>(), 5_850);
        }
        let single = scheduled(Schedule::Trees, Some(1)).unwrap();
        assert_eq!(all(&single).tasks.len(), 5_850);
        assert!(scheduled(Schedule::Trees, Some(0)).unwrap_err().to_string().contains("from 1 to"));
    }

    #[test]
    fn shared_trees_are_grown_once() {
        let cut = all(&sharing(lab()));
        assert_eq!(cut.forests, [(0..30).collect::<Vec<_>>()]);
        assert_eq!(cut.tasks.iter().map(|task| task.trees.len()).sum::<usize>(), 340);
        let mut odd = sharing(plan(Learner::Forest, &[7, 25, 7, 12]));
        assert_eq!(all(&odd).forests, [[0, 2, 3, 1]]);
        let mut tasks = |schedule| {
            odd.settings.schedule = schedule;
            all(&odd).tasks.into_iter().map(|task| (task.model, task.trees)).collect::<Vec<_>>()
        };
        assert_eq!(tasks(Schedule::Trees), [(0, 0..7), (3, 7..12), (1, 12..22), (1, 22..25)]);
        // A task for each model that has trees of its own.
        assert_eq!(tasks(Schedule::Models), [(0, 0..7), (1, 12..25), (3, 7..12)]);
        assert_eq!(tasks(Schedule::LongestFirst), [(1, 12..25), (0, 0..7), (3, 7..12)]);
    }

    #[test]
    fn only_whole_blocks_are_shared() {
        let plan = |sizes: &[usize]| sharing(plan(Learner::Smartcore, sizes));
        let forests = |sizes| all(&plan(sizes)).forests;
        assert_eq!(forests(&[10, 25, 20]), [[0, 2, 1]]);
        assert_eq!(plan(&[10, 25, 20]).apart(), None);
        assert_eq!(forests(&[10, 15, 20]), [vec![0, 1], vec![2]]);
        assert_eq!(forests(&[5, 15]), [[0], [1]]);
        assert!(plan(&[10, 15, 20]).shares() && !plan(&[5, 15]).shares());
        let reason = plan(&[5, 15]).apart().unwrap();
        assert!(reason.contains("smartcore grows trees in blocks of 10"), "{reason}");
        let shards = Plan::new(lab().settings, lab().models, (100, 8), Some(&[50, 50])).unwrap();
        let shards = sharing(shards);
        assert!(!shards.shares() && shards.apart().unwrap().contains("2 shards"));
    }

    #[test]
    fn what_smartcore_does_not_have_is_refused() {
        let settings = Settings { learner: Learner::Smartcore, ..Settings::default() };
        let check = |params| Plan::new(settings, vec![params], (100, 8), None);
        let default = Params::default;
        for (params, part) in [
            (Params { bootstrap: false, ..default() }, "bootstrap is false, but must be true for smartcore"),
            (Params { min_impurity_decrease: 0.5, ..default() }, "min_impurity_decrease is 0.5"),
            (Params { max_samples: Some(forest::MaxSamples::Count(9)), ..default() }, "max_samples is 9"),
        ] {
            let error = check(params).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(check(default()).is_ok());
    }
}
