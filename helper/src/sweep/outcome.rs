//! What came out of a sweep.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use forest::Params;
use smartcore::metrics;

use super::learner::Learner;
use super::model::Model;
use super::schedule::Schedule;
use crate::cluster::TaskState;

/// How well a model predicts the test rows, by smartcore's metrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Mean squared error, in squared units of the target.
    pub mse: f64,
    /// Root of the mean squared error, in units of the target.
    pub rmse: f64,
    /// Mean absolute error, in units of the target.
    pub mae: f64,
    /// The part of the target's variance that is explained; 1 is perfect, 0 as good as the mean.
    pub r2: f64,
}

impl Scores {
    pub(crate) fn of(actual: &Vec<f64>, predicted: &Vec<f64>) -> Self {
        let mse = metrics::mean_squared_error(actual, predicted);
        let mae = metrics::mean_absolute_error(actual, predicted);
        Self { mse, rmse: mse.sqrt(), mae, r2: metrics::r2(actual, predicted) }
    }
}

/// One model of a sweep: its hyperparameters, how good it is, what it predicts.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelOutcome {
    /// Its number in the sweep, from 0.
    pub model: usize,
    /// Its hyperparameters.
    pub params: Params,
    /// How well it predicts the test rows.
    pub scores: Scores,
    /// Its prediction for each test row.
    pub predictions: Vec<f64>,
    /// Whether it was trained by an earlier run, and came from the [journal](super::Sweep::journal).
    pub restored: bool,
}

/// A model that could not be trained, since a task of it failed as often as it was begun.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FailedModel {
    /// Its number in the sweep, from 0.
    pub model: usize,
    /// Its hyperparameters.
    pub params: Params,
    /// The trees of the task that failed.
    pub trees: Range<usize>,
    /// How often that task was begun.
    pub attempts: u32,
    /// What it said at last.
    pub cause: String,
}

impl fmt::Display for FailedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, params, trees: Range { start, end }, attempts, cause } = self;
        let attempts = if *attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
        write!(f, "model {model} ({params}) failed at trees {start}..{end} after {attempts}: {cause}")
    }
}

/// One task of a sweep: which trees, by whom, when. Times are in seconds from the sweep's start.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepTask {
    /// Its number in the sweep.
    pub task: usize,
    /// The number of its model; where models share trees, the smallest that has these.
    pub model: usize,
    /// Which of the model's trees it grew.
    pub trees: Range<usize>,
    /// Which worker ran it, from 0.
    pub worker: usize,
    /// Which attempt this was, from 1.
    pub attempt: u32,
    /// [`Finished`](TaskState::Finished) or [`Failed`](TaskState::Failed).
    pub state: TaskState,
    /// When it was handed in.
    pub queued: f64,
    /// When a worker began it.
    pub started: f64,
    /// When it was done.
    pub ended: f64,
    /// Seconds of processor time that it took; `None` where the system does not tell.
    pub cpu_seconds: Option<f64>,
}

impl SweepTask {
    /// Seconds from its begin to its end.
    pub fn seconds(&self) -> f64 {
        self.ended - self.started
    }
}

/// What a sweep gave: a score for each model, and a record of each task.
#[derive(Clone)]
pub struct Outcome {
    /// What the data are called.
    pub dataset: String,
    /// What the target's numbers mean, with their unit.
    pub target: String,
    /// Who grew the trees.
    pub learner: Learner,
    /// How trees were cut into tasks.
    pub schedule: Schedule,
    /// Whether models shared trees: each was grown once.
    pub shared: bool,
    /// How many workers shared the tasks; 1 for a sequential run.
    pub workers: usize,
    /// Seconds from the first task handed in to the last model scored.
    pub seconds: f64,
    /// Seconds before that, in which the training set was made ready for all trees.
    pub setup_seconds: f64,
    /// The models that were trained, in the order of the sweep; there is one at least.
    pub models: Vec<ModelOutcome>,
    /// The models that could not be trained.
    pub failed: Vec<FailedModel>,
    /// The tasks that were run, in the order in which they were planned.
    pub tasks: Vec<SweepTask>,
    /// The target of each test row.
    pub actual: Vec<f64>,
    /// The file in which finished models were kept, if the sweep was told to.
    pub journal: Option<PathBuf>,
    /// How many models came from there.
    pub restored: usize,
    /// What went wrong without costing a result.
    pub warnings: Vec<String>,
    /// How many bytes the numbers take that the tasks shared.
    pub data_bytes: usize,
    pub(crate) kept: Vec<(usize, Model)>,
}

/// Where the model with the lowest error is, of those that are there; the smaller forest among equals.
pub(super) fn best(models: &[Option<ModelOutcome>]) -> Option<usize> {
    let there = models.iter().enumerate().filter_map(|(i, model)| Some((i, model.as_ref()?)));
    let order = |a: &ModelOutcome, b: &ModelOutcome| {
        a.scores.mse.total_cmp(&b.scores.mse).then(a.params.n_estimators.cmp(&b.params.n_estimators))
    };
    there.min_by(|(_, a), (_, b)| order(a, b)).map(|(i, _)| i)
}

impl Outcome {
    /// The model with the lowest mean squared error; the smaller forest among equals.
    pub fn best(&self) -> &ModelOutcome {
        &self.models[self.best_index()]
    }

    pub(crate) fn best_index(&self) -> usize {
        let key = |i: &usize| (self.models[*i].scores.mse, self.models[*i].params.n_estimators);
        let order = |a: &usize, b: &usize| key(a).0.total_cmp(&key(b).0).then(key(a).1.cmp(&key(b).1));
        (0..self.models.len()).min_by(order).unwrap_or(0)
    }

    /// The best model's trees, ready to predict; `None` unless the sweep was told to
    /// [`keep`](super::Sweep::keep) models.
    pub fn best_model(&self) -> Option<&Model> {
        self.model(self.best_index())
    }

    /// The trees of a model by its place in [`models`](Self::models), if they were kept.
    pub fn model(&self, index: usize) -> Option<&Model> {
        let model = self.models.get(index)?.model;
        self.kept.iter().find(|(kept, _)| *kept == model).map(|(_, model)| model)
    }

    /// The hyperparameters of all models in the order of the sweep, also of those that failed.
    pub(crate) fn params(&self) -> Vec<Params> {
        let mut all: Vec<_> = self.models.iter().map(|model| (model.model, model.params)).collect();
        all.extend(self.failed.iter().map(|failed| (failed.model, failed.params)));
        all.sort_by_key(|(model, _)| *model);
        all.into_iter().map(|(_, params)| params).collect()
    }

    /// Whether every model has the same hyperparameters and the same predictions, bit for bit.
    pub fn same_bits(&self, other: &Self) -> bool {
        let bits = |m: &ModelOutcome| m.predictions.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
        let same = |(a, b): (&ModelOutcome, &ModelOutcome)| a.params == b.params && bits(a) == bits(b);
        self.models.len() == other.models.len() && self.models.iter().zip(&other.models).all(same)
    }

    /// Seconds that workers were at each of the [`models`](Self::models); where models share trees, at
    /// those that it has beyond the next smaller one.
    pub fn model_seconds(&self) -> Vec<f64> {
        let numbers = self.models.iter().map(|model| model.model).chain(self.tasks.iter().map(|t| t.model));
        let mut seconds = vec![0.0; numbers.max().map_or(0, |most| most + 1)];
        self.tasks.iter().for_each(|task| seconds[task.model] += task.seconds());
        self.models.iter().map(|model| seconds[model.model]).collect()
    }

    /// Seconds that all workers were busy, added up.
    pub fn busy_seconds(&self) -> f64 {
        self.tasks.iter().map(SweepTask::seconds).sum()
    }

    /// The part of the workers' time that they were busy: 1 is all of it.
    pub fn busy_share(&self) -> f64 {
        self.busy_seconds() / (self.seconds * self.workers as f64)
    }

    /// Seconds of processor time of all tasks; `None` where the system does not tell.
    pub fn cpu_seconds(&self) -> Option<f64> {
        self.tasks.iter().map(|task| task.cpu_seconds).sum()
    }

    /// How many trees were grown: fewer than the models have where these share trees or came from a
    /// journal.
    pub fn trees_grown(&self) -> usize {
        let finished = self.tasks.iter().filter(|task| task.state == TaskState::Finished);
        finished.map(|task| task.trees.len()).sum()
    }

    /// How many trees all models have.
    pub fn trees(&self) -> usize {
        self.models.iter().map(|model| model.params.n_estimators).sum()
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outcome({} models on {} workers, {:.1} s)", self.models.len(), self.workers, self.seconds)
    }
}
