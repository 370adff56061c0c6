//! Gathering the results of tasks: a model is scored when its last task is done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use learner::{LeftOut, Trees};

use super::event::{Event, Listener, Progress, tell};
use super::job::{Grown, Job};
use super::journal::Journal;
use super::model::Model;
use super::outcome::{
    Column, FailedModel, ModelOutcome, OutOfBag, Outcome, Scores, SweepTask, named, varied,
};
use super::pace::pace;
use crate::cluster::{Log, TaskRecord, TaskState};
use crate::data::Split;
use crate::error::{Error, ErrorKind, Result};
use crate::text::count;

/// The results of a run so far.
pub(super) struct Gathering<'a> {
    job: Arc<Job>,
    split: &'a Split,
    outcome: Outcome,
    /// Where the tasks are recorded, and each finished model is shown.
    log: Arc<Log>,
    listener: Option<&'a Listener>,
    journal: Option<Journal>,
    started: Instant,
    /// The start on the clock of the task records.
    epoch: Duration,
    parts: Vec<Part>,
    /// The hyperparameters in which the models differ.
    varied: Vec<Column>,
    /// The lowest MSE on the test rows so far.
    lowest: f64,
    /// The number of grown trees.
    trees: usize,
}

/// The sums of a model's tasks that are done.
#[derive(Clone, Default)]
struct Part {
    tasks_left: usize,
    sums: Vec<i64>,
    left_out: Option<LeftOut>,
    /// Pieces of the model's trees, each with the number of its first tree.
    trees: Vec<(usize, Arc<dyn Trees>)>,
}

impl<'a> Gathering<'a> {
    /// Starts the clock; `outcome` has the models of the journal.
    pub(super) fn new(
        job: &Arc<Job>,
        split: &'a Split,
        log: &Arc<Log>,
        outcome: Outcome,
        listener: Option<&'a Listener>,
        journal: Option<Journal>,
    ) -> Self {
        let mut parts = vec![Part::default(); job.plan.models.len()];
        for task in 0..job.cut.tasks.len() {
            job.cut.models_with(task).for_each(|model| parts[model].tasks_left += 1);
        }
        let (started, epoch) = (Instant::now(), log.elapsed());
        let (job, log, varied) = (Arc::clone(job), Arc::clone(log), varied(&job.plan.models));
        let lowest = outcome.models.iter().fold(f64::INFINITY, |low, model| low.min(model.scores.mse));
        let gathering = Self {
            job,
            split,
            outcome,
            log,
            listener,
            journal,
            started,
            epoch,
            parts,
            varied,
            lowest,
            trees: 0,
        };
        if !gathering.job.cut.tasks.is_empty() {
            tell(listener, Event::Starting(gathering.progress()));
        }
        gathering
    }

    fn progress(&self) -> Progress {
        let (trees, all_trees, elapsed) =
            (self.trees, self.job.trees(), self.started.elapsed().as_secs_f64());
        Progress {
            models: self.outcome.models.len() - self.outcome.restored,
            all_models: self.job.cut.forests.iter().map(Vec::len).sum(),
            trees,
            all_trees,
            workers: self.outcome.workers,
            elapsed,
            left: elapsed * (all_trees as f64 / trees as f64 - 1.0),
        }
    }

    /// Takes the result of a task that has ended.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] where the sweep was cancelled.
    pub(super) fn ended(
        &mut self,
        task: usize,
        record: Option<&TaskRecord>,
        grown: Result<&Grown>,
    ) -> Result<()> {
        let job = Arc::clone(&self.job);
        let dropped = grown.is_err() && job.is_useless(task);
        // A task that was dropped before it began leaves no record.
        if let Some(record) = record.filter(|_| !dropped || job.attempts(task) > 0) {
            self.record(task, record, grown.is_ok());
        }
        match grown {
            Ok(grown) => self.add(task, grown),
            Err(_) if dropped => {}
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                job.cancel();
                return Err(error);
            }
            Err(error) => self.fail(task, &error),
        }
        Ok(())
    }

    /// Keeps the record of a task, unless its worker or times are unknown: it was lost, or never began.
    fn record(&mut self, task: usize, record: &TaskRecord, finished: bool) {
        let (Some(worker), Some(started), Some(ended)) = (record.worker, record.started, record.ended) else {
            return;
        };
        let planned = &self.job.cut.tasks[task];
        let since = |time: Duration| time.as_secs_f64() - self.epoch.as_secs_f64();
        self.outcome.tasks.push(SweepTask {
            task,
            model: planned.model,
            trees: planned.trees.clone(),
            worker,
            attempt: self.job.attempts(task).max(record.attempt),
            state: if finished { TaskState::Finished } else { TaskState::Failed },
            queued: since(record.queued),
            started: since(started),
            ended: since(ended),
            cpu_seconds: record.cpu.map(|cpu| cpu.as_secs_f64()),
        });
    }

    /// Adds the trees of a task to each model that has them.
    fn add(&mut self, task: usize, grown: &Grown) {
        let job = Arc::clone(&self.job);
        let trees = &job.cut.tasks[task].trees;
        self.trees += trees.len();
        let mut complete = Vec::new();
        for model in job.cut.models_with(task) {
            let part = &mut self.parts[model];
            part.sums.resize(self.outcome.actual.len(), 0);
            part.sums.iter_mut().zip(&grown.sums).for_each(|(sum, more)| *sum += more);
            if let Some(left_out) = &grown.left_out {
                part.left_out.get_or_insert_default().add(left_out);
            }
            part.trees.extend(grown.trees.iter().map(|piece| (trees.start, Arc::clone(piece))));
            part.tasks_left -= 1;
            if part.tasks_left == 0 {
                complete.push(model);
            }
        }
        if complete.is_empty() {
            tell(self.listener, Event::Grown(self.progress()));
        }
        complete.into_iter().for_each(|model| self.complete(model));
    }

    /// Fails the models that have the trees of a task that failed in each attempt.
    fn fail(&mut self, task: usize, error: &Error) {
        let job = Arc::clone(&self.job);
        let planned = &job.cut.tasks[task];
        let lost: Vec<usize> = job.cut.models_with(task).collect();
        let whole = job.cut.forests[planned.forest].iter().filter(|model| !lost.contains(model));
        let needed = whole.map(|model| job.plan.models[*model].n_estimators).max();
        job.limit(planned.forest, needed.unwrap_or(0));
        for model in lost {
            if self.outcome.failed.iter().all(|failed| failed.model != model) {
                let (params, attempts) = (job.plan.models[model], job.attempts(task));
                let (trees, cause) = (planned.trees.clone(), error.to_string());
                let failed = FailedModel { model, params, trees, attempts, cause };
                tell(self.listener, Event::Failed(&failed));
                self.outcome.failed.push(failed);
            }
        }
    }

    fn complete(&mut self, model: usize) {
        let (part, params) = (std::mem::take(&mut self.parts[model]), self.job.plan.models[model]);
        let scale = self.job.scale;
        let predictions: Vec<f64> =
            part.sums.iter().map(|sum| scale.to_f64(*sum, params.n_estimators)).collect();
        let scores = Scores::of(&self.outcome.actual, &predictions);
        let oob = part.left_out.map(|left_out| OutOfBag::of(self.split.train.y(), &left_out, scale));
        let finished = ModelOutcome { model, params, scores, oob, predictions, restored: false };
        if !part.trees.is_empty() {
            let mut trees = part.trees;
            trees.sort_by_key(|(start, _)| *start);
            let trees = trees.into_iter().map(|(_, trees)| trees).collect();
            let (identity, n_features) = (self.outcome.identity, self.job.plan.n_features);
            self.outcome.kept.push((model, Model { params, identity, n_features, trees, scale }));
        }
        if let Some(warning) = self.journal.as_mut().and_then(|journal| journal.add(&finished)) {
            self.warn(warning);
        }
        self.outcome.models.push(finished.clone());
        self.lowest = self.lowest.min(scores.mse);
        let now = self.progress();
        let metrics = [
            ("MSE", scores.mse),
            ("R2", scores.r2),
            ("best MSE", self.lowest),
            ("done", now.models as f64),
            ("of", now.all_models as f64),
            ("seconds left", now.left),
        ];
        let name = named(&params, &self.varied);
        self.log.report(format!("{}, {name}", self.outcome.dataset), &metrics);
        tell(self.listener, Event::Finished(now, &finished));
    }

    pub(super) fn warn(&mut self, warning: String) {
        tell(self.listener, Event::Warning(&warning));
        if !self.outcome.warnings.contains(&warning) {
            self.outcome.warnings.push(warning);
        }
    }

    /// # Errors
    /// [`ErrorKind::Task`] where every model failed.
    pub(super) fn outcome(mut self) -> Result<Outcome> {
        let progress = self.progress();
        if let Some(warning) = self.journal.as_mut().and_then(Journal::finish) {
            self.warn(warning);
        }
        let models = &self.outcome.models;
        let few = models.iter().filter(|model| model.oob.is_some_and(|oob| oob.missing > 0)).count();
        if few > 0 {
            self.warn(format!(
                "trees are too few for a good out-of-bag error in {few} of {}: it leaves out the rows that each tree was \
                 grown on; grow more trees",
                count(models.len(), "model", "models")
            ));
        }
        if progress.models > 0 {
            tell(self.listener, Event::Done(progress));
        }
        let mut outcome = self.outcome;
        (outcome.seconds, outcome.pace[1]) = (progress.elapsed, pace());
        outcome.models.sort_by_key(|model| model.model);
        outcome.failed.sort_by_key(|failed| failed.model);
        outcome.tasks.sort_by_key(|task| task.task);
        match &outcome.failed[..] {
            [first] if outcome.models.is_empty() => Err(Error::new(ErrorKind::Task, first.to_string())),
            [first, ..] if outcome.models.is_empty() => {
                let message = format!("all {} models failed; the first: {first}", outcome.failed.len());
                Err(Error::new(ErrorKind::Task, message))
            }
            _ => Ok(outcome),
        }
    }
}
