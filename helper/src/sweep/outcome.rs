//! The outcome of a sweep.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use forest::{Params, Scale};
use learner::{Learner, LeftOut};
use smartcore::metrics;
use xxhash_rust::xxh3::Xxh3;

use super::model::Model;
use super::schedule::Schedule;
use crate::cluster::TaskState;
use crate::text::count;

/// How well a model predicts some rows, by smartcore's metrics. An undefined score is NaN: any score
/// if the numbers are too large for an `f64`, and R2 if all targets are equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Mean squared error, in squared units of the target.
    pub mse: f64,
    /// Root of the mean squared error, in units of the target.
    pub rmse: f64,
    /// Mean absolute error, in units of the target.
    pub mae: f64,
    /// R2, the explained share of the target's variance; 1 is perfect, 0 as good as the mean.
    pub r2: f64,
}

impl Scores {
    pub(crate) fn of(actual: &Vec<f64>, predicted: &Vec<f64>) -> Self {
        let mse = metrics::mean_squared_error(actual, predicted);
        let mae = metrics::mean_absolute_error(actual, predicted);
        let varies = actual.iter().any(|y| *y != actual[0]);
        let r2 = if varies { metrics::r2(actual, predicted) } else { f64::NAN };
        Self::new([mse, mae, r2].map(|score| Some(score).filter(|score| score.is_finite())))
    }

    /// The scores from MSE, MAE and R2; an undefined one is `None`.
    pub(super) fn new(scores: [Option<f64>; 3]) -> Self {
        let [mse, mae, r2] = scores.map(|score| score.unwrap_or(f64::NAN));
        Self { mse, rmse: mse.sqrt(), mae, r2 }
    }
}

/// How well a model predicts its own training rows, each by the trees that were not grown on it: an
/// estimate of its error on new rows that costs no rows (Breiman, "Out-of-bag estimation", 1996).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct OutOfBag {
    /// The scores; R2 is scikit-learn's `oob_score_`.
    pub scores: Scores,
    /// The number of training rows that every tree was grown on. They have no out-of-bag prediction and no
    /// part in the scores. Only small forests have such rows.
    pub missing: usize,
}

impl OutOfBag {
    /// The score of a forest whose training rows have these targets.
    pub(super) fn of(targets: &[f64], LeftOut { sums, counts }: &LeftOut, scale: Scale) -> Self {
        let known = targets.iter().zip(sums.iter().zip(counts)).filter(|(_, (_, count))| **count > 0);
        let (targets, predictions): (Vec<f64>, Vec<f64>) =
            known.map(|(y, (sum, count))| (*y, scale.to_f64(*sum, *count as usize))).unzip();
        Self { scores: Scores::of(&targets, &predictions), missing: sums.len() - targets.len() }
    }
}

/// One model of a sweep: its hyperparameters, scores and predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelOutcome {
    /// Its number in the sweep, from 0.
    pub model: usize,
    /// Its hyperparameters.
    pub params: Params,
    /// How well it predicts the test rows.
    pub scores: Scores,
    /// How well it predicts training rows, if [`oob_score`](super::Sweep::oob_score) asked for it.
    pub oob: Option<OutOfBag>,
    /// Its prediction for each test row.
    pub predictions: Vec<f64>,
    /// Whether it was read from the [journal](super::Sweep::journal) of an earlier run.
    pub restored: bool,
}

/// A model that could not be trained: all attempts at one of its tasks failed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FailedModel {
    /// Its number in the sweep, from 0.
    pub model: usize,
    /// Its hyperparameters.
    pub params: Params,
    /// The trees of the task that failed.
    pub trees: Range<usize>,
    /// The number of attempts at that task.
    pub attempts: u32,
    /// The error of the last attempt.
    pub cause: String,
}

impl fmt::Display for FailedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, params, trees: Range { start, end }, attempts, cause } = self;
        let attempts = count(*attempts as usize, "attempt", "attempts");
        write!(f, "model {model} ({params}) failed at trees {start}..{end} after {attempts}: {cause}")
    }
}

/// One task of a sweep: its trees, its worker and its times. Times are in seconds from the sweep's start.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepTask {
    /// Its number in the sweep, from 0.
    pub task: usize,
    /// The number of its model, from 0; where models share trees, the smallest that has these.
    pub model: usize,
    /// The trees of the model that it grew.
    pub trees: Range<usize>,
    /// The worker that ran it, from 0.
    pub worker: usize,
    /// The last attempt, from 1.
    pub attempt: u32,
    /// [`Finished`](TaskState::Finished) or [`Failed`](TaskState::Failed).
    pub state: TaskState,
    /// When it was handed to the scheduler.
    pub queued: f64,
    /// When a worker began its last attempt.
    pub started: f64,
    /// When the last attempt ended.
    pub ended: f64,
    /// Processor time in seconds; `None` if the system does not measure it.
    pub cpu_seconds: Option<f64>,
}

impl SweepTask {
    /// Wall time in seconds, from its start to its end.
    pub fn seconds(&self) -> f64 {
        self.ended - self.started
    }
}

/// Where a sweep was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the thread that called.
    Caller,
    /// On the threads of a [`Cluster`](crate::Cluster).
    Threads,
    /// On the nodes of a [`RayCluster`](crate::RayCluster).
    Ray,
}

/// The outcome of a sweep: the scores of each model, and a record of each task.
#[derive(Clone)]
pub struct Outcome {
    /// The name of the data set.
    pub dataset: String,
    /// The split's identity: see [`Split::identity`](crate::data::Split::identity).
    pub(crate) identity: u64,
    /// The meaning and unit of the target.
    pub(crate) target: String,
    pub(crate) learner: Learner,
    pub(crate) place: Place,
    /// How trees were cut into tasks.
    pub schedule: Schedule,
    /// Whether models shared trees: each was grown once.
    pub shared: bool,
    /// The number of workers; 1 for a sequential run.
    pub workers: usize,
    /// Wall time in seconds, from the first task handed in to the last model scored.
    pub seconds: f64,
    /// Seconds before the first task, to prepare the training set for all trees.
    pub setup_seconds: f64,
    /// Seconds of a loop of fixed length, before and after the run; see [`pace`](super::pace).
    pub(crate) pace: [f64; 2],
    /// The models that were trained, in the order of the sweep; one at least.
    pub models: Vec<ModelOutcome>,
    /// The models that could not be trained.
    pub failed: Vec<FailedModel>,
    /// The tasks that were run, in the order in which they were planned.
    pub tasks: Vec<SweepTask>,
    /// The target of each test row.
    pub actual: Vec<f64>,
    pub(crate) journal: Option<PathBuf>,
    /// The number of models that were read from the journal.
    pub restored: usize,
    /// Problems that lost no result.
    pub warnings: Vec<String>,
    /// Bytes of the numbers that the tasks shared.
    pub(crate) data_bytes: usize,
    pub(crate) kept: Vec<(usize, Model)>,
}

impl Outcome {
    /// The model with the lowest out-of-bag MSE, where [`oob_score`](super::Sweep::oob_score) asked for it,
    /// otherwise with the lowest MSE on the test rows; of equals the smaller forest.
    pub fn best(&self) -> &ModelOutcome {
        &self.models[self.ranking()[0]]
    }

    /// The model with the lowest MSE on the test rows.
    pub(crate) fn best_by_test(&self) -> &ModelOutcome {
        let models = self.models.iter();
        models.min_by(|a, b| order(a, b, |model| model.scores.mse)).expect("one model at least")
    }

    /// Indices of the [`models`](Self::models), the best first.
    pub(crate) fn ranking(&self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.models.len()).collect();
        all.sort_by(|&a, &b| order(&self.models[a], &self.models[b], chosen_by));
        all
    }

    /// Whether models have an out-of-bag score.
    pub(crate) fn has_oob(&self) -> bool {
        self.models.iter().any(|model| model.oob.is_some())
    }

    /// A hash of all predictions: 64 hexadecimal digits that do not depend on where and how the sweep was
    /// run. They are XXH3 of 128 bits with the seeds 0 and 1, of the number of each model (8 bytes) and its
    /// predictions (8 bytes each), all little-endian, in the order of the sweep.
    pub fn hash(&self) -> String {
        let mut hashers = [0, 1].map(Xxh3::with_seed);
        for model in &self.models {
            let predictions = model.predictions.iter().flat_map(|p| p.to_le_bytes());
            let bytes: Vec<u8> = (model.model as u64).to_le_bytes().into_iter().chain(predictions).collect();
            hashers.iter_mut().for_each(|hasher| hasher.update(&bytes));
        }
        hashers.map(|hasher| format!("{:032x}", hasher.digest128())).concat()
    }

    /// The trees of the best model, ready to predict; `None` unless the sweep was told to
    /// [`keep`](super::Sweep::keep) models.
    pub fn best_model(&self) -> Option<&Model> {
        self.model(self.ranking()[0])
    }

    /// The trees of a model by its index in [`models`](Self::models), if they were kept.
    pub fn model(&self, index: usize) -> Option<&Model> {
        let model = self.models.get(index)?.model;
        self.kept.iter().find(|(kept, _)| *kept == model).map(|(_, model)| model)
    }

    /// The hyperparameters of all models in the order of the sweep, failed ones included.
    pub(crate) fn params(&self) -> Vec<Params> {
        let models = self.models.iter().map(|model| (model.model, model.params));
        let mut all: Vec<_> =
            models.chain(self.failed.iter().map(|failed| (failed.model, failed.params))).collect();
        all.sort_by_key(|(model, _)| *model);
        all.into_iter().map(|(_, params)| params).collect()
    }

    /// Whether every model has the same hyperparameters, the same predictions and the same out-of-bag
    /// score, bit for bit.
    pub fn same_bits(&self, other: &Self) -> bool {
        let bits = |model: &ModelOutcome| {
            let oob = model.oob.map(|OutOfBag { scores: Scores { mse, mae, r2, .. }, missing }| {
                ([mse, mae, r2].map(f64::to_bits), missing)
            });
            (model.params, oob, model.predictions.iter().map(|p| p.to_bits()).collect::<Vec<_>>())
        };
        self.models.iter().map(bits).eq(other.models.iter().map(bits))
    }

    /// Seconds of work for each of the [`models`](Self::models), over all workers; if models share trees, for
    /// the trees beyond the next smaller model.
    pub fn model_seconds(&self) -> Vec<f64> {
        let numbers =
            self.models.iter().map(|model| model.model).chain(self.tasks.iter().map(|task| task.model));
        let mut seconds = vec![0.0; numbers.max().map_or(0, |last| last + 1)];
        self.tasks.iter().for_each(|task| seconds[task.model] += task.seconds());
        self.models.iter().map(|model| seconds[model.model]).collect()
    }

    /// Seconds of work: the wall times of all tasks added up.
    pub fn busy_seconds(&self) -> f64 {
        self.tasks.iter().map(SweepTask::seconds).sum()
    }

    /// The share of the workers' time in which they ran tasks.
    pub fn busy_share(&self) -> f64 {
        self.busy_seconds() / (self.seconds * self.workers as f64)
    }

    /// Processor time of all tasks in seconds; `None` if the system does not measure it.
    pub fn cpu_seconds(&self) -> Option<f64> {
        self.tasks.iter().map(|task| task.cpu_seconds).sum()
    }

    /// The place and schedule of the run, in words.
    pub(crate) fn how(&self) -> String {
        let place = match self.place {
            Place::Caller => "one after another",
            Place::Threads if self.workers == 1 => "on one worker",
            Place::Threads => "in parallel",
            Place::Ray => "on Ray",
        };
        let shared = if self.shared { "shared trees, " } else { "" };
        match self.schedule {
            _ if self.place == Place::Caller => format!("{shared}{place}"),
            Schedule::Trees if self.shared => format!("{shared}{place}"),
            schedule => format!("{shared}{place}, {schedule}"),
        }
    }

    /// The mean number of nodes of a tree; `None` unless the trees of all models were kept.
    pub(crate) fn nodes_per_tree(&self) -> Option<f64> {
        let nodes = (0..self.models.len()).map(|index| Some(self.model(index)?.n_nodes()));
        Some(nodes.sum::<Option<usize>>()? as f64 / self.trees() as f64)
    }

    /// The number of trees that were grown: fewer than [`trees`](Self::trees) if models share trees or were
    /// read from a journal.
    pub fn trees_grown(&self) -> usize {
        let finished = self.tasks.iter().filter(|task| task.state == TaskState::Finished);
        finished.map(|task| task.trees.len()).sum()
    }

    /// The number of trees of all models.
    pub fn trees(&self) -> usize {
        self.models.iter().map(|model| model.params.n_estimators).sum()
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outcome({} models on {} workers, {:.1} s)", self.models.len(), self.workers, self.seconds)
    }
}

/// The lower error first; of equals the smaller forest.
fn order(a: &ModelOutcome, b: &ModelOutcome, error: impl Fn(&ModelOutcome) -> f64) -> Ordering {
    error(a).total_cmp(&error(b)).then(a.params.n_estimators.cmp(&b.params.n_estimators))
}

/// The error that models are chosen by.
pub(crate) fn chosen_by(model: &ModelOutcome) -> f64 {
    model.oob.map_or(model.scores.mse, |oob| oob.scores.mse)
}

/// A hyperparameter: its name, and its value in a model.
pub(crate) type Column = (&'static str, fn(&Params) -> String);

/// All hyperparameters, under scikit-learn's names.
pub(crate) const COLUMNS: [Column; 9] = [
    ("n_estimators", |p| p.n_estimators.to_string()),
    ("max_depth", |p| or_none(p.max_depth)),
    ("min_samples_split", |p| p.min_samples_split.to_string()),
    ("min_samples_leaf", |p| p.min_samples_leaf.to_string()),
    ("min_impurity_decrease", |p| p.min_impurity_decrease.to_string()),
    ("max_features", |p| p.max_features.to_string()),
    ("bootstrap", |p| p.bootstrap.to_string()),
    ("max_samples", |p| or_none(p.max_samples)),
    ("seed", |p| p.seed.to_string()),
];

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| value.to_string())
}

/// The first difference between the models of two sweeps: its name, and its value in each.
pub(crate) fn difference(one: &[Params], other: &[Params]) -> Option<[String; 3]> {
    if one.len() != other.len() {
        let models = [one, other].map(|models| format!("of {}", count(models.len(), "model", "models")));
        let [one, other] = models;
        return Some(["the sweep is".to_owned(), one, other]);
    }
    let differs = |(model, (one, other)): (usize, (&Params, &Params))| {
        let (name, value) = COLUMNS.iter().find(|(_, value)| value(one) != value(other))?;
        Some([format!("{name} of model {model} is"), value(one), value(other)])
    };
    one.iter().zip(other).enumerate().find_map(differs)
}

/// The hyperparameters in which models differ; the number of trees always is one.
pub(crate) fn varied(models: &[Params]) -> Vec<Column> {
    let differs = |(name, value): &Column| {
        *name == "n_estimators" || models.windows(2).any(|pair| value(&pair[0]) != value(&pair[1]))
    };
    COLUMNS.into_iter().filter(differs).collect()
}

/// `name=value` of these hyperparameters of a model.
pub(crate) fn named(params: &Params, columns: &[Column]) -> String {
    columns.iter().map(|(name, value)| format!("{name}={}", value(params))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_scores_are_nan() {
        for targets in [vec![2.0], vec![0.1; 7]] {
            let scores = Scores::of(&targets, &vec![0.5; targets.len()]);
            assert!(scores.r2.is_nan() && scores.mse.is_finite() && scores.mae > 0.0, "{scores:?}");
        }
        let scores = Scores::of(&vec![1e200, -1e200, 0.0], &vec![0.0; 3]);
        assert!(scores.mse.is_nan() && scores.rmse.is_nan() && scores.r2.is_nan(), "{scores:?}");
        assert!(scores.mae.is_finite());
        assert_eq!(Scores::of(&vec![1.0, 2.0, 3.0], &vec![2.0; 3]).r2, 0.0);
    }
}
