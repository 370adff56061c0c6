//! Running a plan: one task after another, or on a cluster. Both do the same work.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::Keep;
use super::event::{Event, Listener, tell};
use super::learner::{Prepared, Trees};
use super::outcome::{ModelOutcome, Outcome, Scores, SweepTask};
use super::params::Params;
use super::plan::{Plan, TaskPlan};
use super::scale::Scale;
use crate::cluster::{Cluster, ObjectRef, TaskRecord};
use crate::data::{Rows, Split};
use crate::error::{Error, ErrorKind, Result};
use crate::machine;

/// A trained forest.
#[derive(Clone)]
pub struct Model {
    params: Params,
    n_features: usize,
    trees: Vec<Arc<dyn Trees>>,
    scale: Scale,
}

impl Model {
    /// The hyperparameters that it was trained with.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Predicts the target of each row.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] where the rows have another number of features than those that
    /// it was trained on.
    pub fn predict(&self, rows: &Rows) -> Result<Vec<f64>> {
        if rows.n_features() != self.n_features {
            let allowed = format!("{}, as in training", self.n_features);
            return Err(Error::invalid("the number of features", rows.n_features(), allowed));
        }
        let mut sums = vec![0; rows.len()];
        self.trees.iter().try_for_each(|trees| trees.add_predictions(rows, &mut sums))?;
        Ok(sums.into_iter().map(|sum| self.scale.mean(sum, self.params.n_estimators)).collect())
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Model({})", self.params)
    }
}

/// What all tasks of a sweep share.
struct Shared {
    plan: Plan,
    prepared: Box<dyn Prepared>,
    scale: Scale,
    cancelled: AtomicBool,
}

/// What a task gives: the sum of its trees' predictions for each test row, and the trees if they are kept.
struct Grown {
    sums: Vec<i64>,
    trees: Option<Arc<dyn Trees>>,
}

impl Shared {
    fn new(plan: Plan, split: &Split) -> Result<Self> {
        let prepared = plan.learner.prepare(split)?;
        let scale = prepared.scale();
        Ok(Self { plan, prepared, scale, cancelled: AtomicBool::new(false) })
    }

    fn run(&self, task: &TaskPlan, test: &Rows) -> Result<Grown> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Task, "cancelled: another task of the sweep failed"));
        }
        let trees = self.prepared.grow(&self.plan.models[task.model], task.trees.clone())?;
        let mut sums = vec![0; test.len()];
        trees.add_predictions(test, &mut sums)?;
        let trees = (self.plan.keep != Keep::None).then(|| Arc::from(trees));
        Ok(Grown { sums, trees })
    }

    /// Runs one task for nothing but its time: a warm-up, and the base of the estimate.
    fn estimate(&self, split: &Split, workers: usize) -> Result<f64> {
        let probe = &self.plan.tasks[0];
        let started = Instant::now();
        self.run(probe, &split.test)?;
        let per_tree = started.elapsed().as_secs_f64() / probe.trees.len() as f64;
        Ok(per_tree * self.plan.trees() as f64 / workers as f64)
    }
}

/// Gathers what tasks give, and scores each model when its last task is in.
struct Gathering<'a> {
    shared: &'a Shared,
    split: &'a Split,
    listener: Option<&'a Listener>,
    started: Instant,
    workers: usize,
    open: Vec<Open>,
    models: Vec<Option<ModelOutcome>>,
    kept: Vec<(usize, Model)>,
    done_trees: usize,
}

/// A model that is not complete yet.
struct Open {
    tasks_left: usize,
    sums: Vec<i64>,
    trees: Vec<(usize, Arc<dyn Trees>)>,
}

impl<'a> Gathering<'a> {
    fn new(
        shared: &'a Shared,
        split: &'a Split,
        listener: Option<&'a Listener>,
        workers: usize,
    ) -> Result<Self> {
        let (models, trees) = (shared.plan.models.len(), shared.plan.trees());
        let estimate = shared.estimate(split, workers)?;
        tell(listener, Event::Starting { models, trees, workers, estimate });
        let tasks_of = |model| shared.plan.tasks.iter().filter(|task| task.model == model).count();
        let open = |model| Open { tasks_left: tasks_of(model), sums: Vec::new(), trees: Vec::new() };
        Ok(Self {
            shared,
            split,
            listener,
            started: Instant::now(),
            workers,
            open: (0..models).map(open).collect(),
            models: vec![None; models],
            kept: Vec::new(),
            done_trees: 0,
        })
    }

    fn add(&mut self, task: usize, grown: &Grown) {
        let task = &self.shared.plan.tasks[task];
        let open = &mut self.open[task.model];
        open.sums.resize(self.split.test.len(), 0);
        open.sums.iter_mut().zip(&grown.sums).for_each(|(sum, more)| *sum += more);
        open.trees.extend(grown.trees.clone().map(|trees| (task.trees.start, trees)));
        open.tasks_left -= 1;
        self.done_trees += task.trees.len();
        if open.tasks_left == 0 {
            self.score(task.model);
        }
    }

    fn score(&mut self, index: usize) {
        let params = self.shared.plan.models[index];
        let open = &mut self.open[index];
        let (sums, mut trees) = (std::mem::take(&mut open.sums), std::mem::take(&mut open.trees));
        let scale = self.shared.scale;
        let predictions = sums.into_iter().map(|sum| scale.mean(sum, params.n_estimators)).collect();
        let scores = Scores::of(&self.split.test.y().to_vec(), &predictions);
        let outcome = ModelOutcome { params, scores, predictions };
        trees.sort_by_key(|(start, _)| *start);
        let trees = trees.into_iter().map(|(_, trees)| trees).collect();
        let n_features = self.split.train.n_features();
        self.keep(index, scores.mse, Model { params, n_features, trees, scale });

        let done = 1 + self.models.iter().flatten().count();
        let elapsed = self.started.elapsed().as_secs_f64();
        let of = self.models.len();
        let left = elapsed * (self.shared.plan.trees() as f64 / self.done_trees as f64 - 1.0);
        tell(self.listener, Event::Finished { model: &outcome, done, of, elapsed, left });
        self.models[index] = Some(outcome);
    }

    fn keep(&mut self, index: usize, mse: f64, model: Model) {
        let best = |model: &ModelOutcome| model.scores.mse <= mse;
        match self.shared.plan.keep {
            Keep::None => {}
            Keep::All => self.kept.push((index, model)),
            // Of equals the outcome calls the smallest forest the best, whichever was done first; so
            // all that may still be it are kept.
            Keep::Best => {
                self.kept.retain(|(i, _)| self.models[*i].as_ref().is_some_and(best));
                if self.models.iter().flatten().all(|other| mse <= other.scores.mse) {
                    self.kept.push((index, model));
                }
            }
        }
    }

    fn outcome(self, tasks: Vec<SweepTask>) -> Outcome {
        Outcome {
            dataset: self.split.dataset.clone(),
            target: self.split.target.clone(),
            learner: self.shared.plan.learner,
            workers: self.workers,
            seconds: self.started.elapsed().as_secs_f64(),
            models: self.models.into_iter().flatten().collect(),
            tasks,
            actual: self.split.test.y().to_vec(),
            kept: self.kept,
        }
    }
}

/// Runs the tasks one after another on the calling thread.
pub(super) fn sequential(plan: Plan, split: &Split, listener: Option<&Listener>) -> Result<Outcome> {
    plan.check_memory(split, 1)?;
    let shared = Shared::new(plan, split)?;
    let mut gathering = Gathering::new(&shared, split, listener, 1)?;
    let mut tasks = Vec::with_capacity(shared.plan.tasks.len());
    let epoch = gathering.started;
    for (task, planned) in shared.plan.tasks.iter().enumerate() {
        let (started, cpu) = (epoch.elapsed().as_secs_f64(), machine::thread_cpu());
        let grown = shared.run(planned, &split.test)?;
        let cpu_seconds =
            machine::thread_cpu().zip(cpu).map(|(after, before)| (after - before).as_secs_f64());
        let ended = epoch.elapsed().as_secs_f64();
        let (model, trees) = (planned.model, planned.trees.clone());
        tasks.push(SweepTask {
            task,
            model,
            trees,
            worker: 0,
            attempt: 1,
            queued: 0.0,
            started,
            ended,
            cpu_seconds,
        });
        gathering.add(task, &grown);
    }
    Ok(gathering.outcome(tasks))
}

/// Hands all tasks to the cluster, model by model, and gathers what they give as they end.
pub(super) fn on_cluster(
    plan: Plan,
    cluster: &Cluster,
    data: &ObjectRef<Split>,
    listener: Option<&Listener>,
) -> Result<Outcome> {
    let split = cluster.get(data)?;
    plan.check_memory(&split, cluster.workers())?;
    let shared = cluster.put(Shared::new(plan, &split)?);
    let sweep = cluster.get(&shared)?;
    let mut gathering = Gathering::new(&sweep, &split, listener, cluster.workers())?;
    let epoch = cluster.elapsed();
    let (send, receive) = mpsc::channel();
    let mut open = Vec::with_capacity(sweep.plan.tasks.len());
    for (task, planned) in sweep.plan.tasks.iter().enumerate() {
        let name = format!("model {} trees {}..{}", planned.model, planned.trees.start, planned.trees.end);
        let grown = cluster
            .options()
            .name(name)
            .remote((&shared, data), move |(sweep, split)| sweep.run(&sweep.plan.tasks[task], &split.test));
        let send = send.clone();
        // The receiver is gone only where the sweep has failed already.
        grown.when_done(move || {
            let _ = send.send(task);
        });
        open.push(Some(grown));
    }
    let mut tasks = vec![None; open.len()];
    for _ in 0..open.len() {
        let task =
            receive.recv().map_err(|e| Error::new(ErrorKind::Task, format!("the workers are gone: {e}")))?;
        let Some(object) = open[task].take() else { continue };
        let result = cluster.get(&object);
        let grown =
            result.as_deref().map_err(Error::clone).and_then(|grown| grown.as_ref().map_err(Error::clone));
        match grown {
            Ok(grown) => {
                gathering.add(task, grown);
                let model = sweep.plan.tasks[task].model;
                if let Some(ModelOutcome { params, scores, .. }) = &gathering.models[model] {
                    let trees = params.n_estimators as f64;
                    let metrics = [("trees", trees), ("MSE", scores.mse), ("R2", scores.r2)];
                    cluster.report(format!("model {model}"), &metrics);
                }
            }
            Err(error) => {
                sweep.cancelled.store(true, Ordering::Relaxed);
                return Err(describe(&error, &sweep.plan, task));
            }
        }
        tasks[task] = object.task().map(|record| trace(task, &sweep.plan.tasks[task], &record, epoch));
    }
    Ok(gathering.outcome(tasks.into_iter().flatten().collect()))
}

fn describe(error: &Error, plan: &Plan, task: usize) -> Error {
    let TaskPlan { model, trees } = &plan.tasks[task];
    let (params, Range { start, end }) = (&plan.models[*model], trees);
    Error::new(error.kind(), format!("model {model} ({params}), trees {start}..{end}: {error}"))
}

fn trace(task: usize, planned: &TaskPlan, record: &TaskRecord, epoch: Duration) -> SweepTask {
    let since = |time: Duration| time.as_secs_f64() - epoch.as_secs_f64();
    SweepTask {
        task,
        model: planned.model,
        trees: planned.trees.clone(),
        worker: record.worker.unwrap_or(0),
        attempt: record.attempt,
        queued: since(record.queued),
        started: record.started.map_or(0.0, since),
        ended: record.ended.map_or(0.0, since),
        cpu_seconds: record.cpu.map(|cpu| cpu.as_secs_f64()),
    }
}
