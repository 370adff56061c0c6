//! Gathering the results of tasks: a model is scored when its last task is done.

use std::sync::Arc;
use std::time::Instant;

use learner::Trees;

use super::event::{Event, Listener, tell};
use super::journal::{Journal, Restored};
use super::model::Model;
use super::outcome::{FailedModel, ModelOutcome, Outcome, Place, Scores, SweepTask};
use super::pace::pace;
use super::plan::{Cut, Keep, Plan};
use super::work::{Grown, Work};
use crate::data::Split;
use crate::error::{Error, ErrorKind, Result};

/// What has come of a run so far.
pub(super) struct Gathering<'a> {
    plan: Arc<Plan>,
    split: &'a Split,
    actual: Vec<f64>,
    listener: Option<&'a Listener>,
    journal: Option<Journal>,
    /// How many models came from the journal.
    restored: usize,
    pub(super) started: Instant,
    pub(super) setup_seconds: f64,
    /// Taken before the run.
    pub(super) pace: f64,
    workers: usize,
    open: Vec<Forest>,
    parts: Vec<Part>,
    pub(super) models: Vec<Option<ModelOutcome>>,
    failed: Vec<FailedModel>,
    kept: Vec<(usize, Model)>,
    tasks: Vec<SweepTask>,
    warnings: Vec<String>,
    /// How many trees are to be grown, and how many are.
    trees: usize,
    done_trees: usize,
}

/// A forest under way.
struct Forest {
    models: Vec<usize>,
    /// How many of its models are complete; the sums and trees are those of the largest of these.
    next: usize,
    sums: Vec<i64>,
    trees: Vec<Arc<dyn Trees>>,
}

/// The trees of a model that the next smaller one of its forest does not have.
#[derive(Default)]
struct Part {
    tasks_left: usize,
    sums: Vec<i64>,
    /// With the number of the first tree of each piece.
    trees: Vec<(usize, Vec<Arc<dyn Trees>>)>,
    /// Time that workers spent on it.
    seconds: f64,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(
        plan: &Arc<Plan>,
        split: &'a Split,
        listener: Option<&'a Listener>,
        workers: usize,
        journal: Option<(Journal, Vec<Restored>)>,
    ) -> Self {
        let actual = split.test.y().to_vec();
        let mut models = vec![None; plan.models.len()];
        let (journal, restored) = journal.map_or((None, Vec::new()), |(j, r)| (Some(j), r));
        let count = restored.len();
        for Restored { model, predictions } in restored {
            let (params, scores) = (plan.models[model], Scores::of(&actual, &predictions));
            models[model] = Some(ModelOutcome { model, params, scores, predictions, restored: true });
        }
        if let Some(journal) = journal.as_ref().filter(|_| count > 0) {
            tell(listener, Event::Resumed { journal: journal.path(), restored: count, of: models.len() });
        }
        Self {
            plan: Arc::clone(plan),
            split,
            actual,
            listener,
            journal,
            restored: count,
            started: Instant::now(),
            setup_seconds: 0.0,
            pace: 0.0,
            workers,
            open: Vec::new(),
            parts: Vec::new(),
            models,
            failed: Vec::new(),
            kept: Vec::new(),
            tasks: Vec::new(),
            warnings: plan.apart().into_iter().collect(),
            trees: 0,
            done_trees: 0,
        }
    }

    /// The number of test rows.
    pub(super) fn rows(&self) -> usize {
        self.actual.len()
    }

    /// The models that did not come from a journal.
    pub(super) fn missing(&self) -> Vec<usize> {
        (0..self.models.len()).filter(|&i| self.models[i].is_none()).collect()
    }

    /// The models that came from a journal and whose trees are to be kept: they are grown again.
    pub(super) fn to_grow_again(&self) -> Vec<usize> {
        let came = |i: &usize| self.models[*i].as_ref().is_some_and(|model| model.restored);
        match self.plan.keep {
            Keep::None => Vec::new(),
            Keep::Best => super::outcome::best(self.models.iter().map(Option::as_ref))
                .filter(came)
                .into_iter()
                .collect(),
            Keep::All => (0..self.models.len()).filter(came).collect(),
        }
    }

    /// Starts the clock.
    pub(super) fn start(&mut self, work: &Work) {
        let (models, trees) = (work.cut.forests.iter().map(Vec::len).sum(), work.trees());
        if models > 0 {
            tell(self.listener, Event::Starting { models, trees, workers: self.workers });
        }
        self.started = Instant::now();
    }

    /// Prepares for the tasks of this cut; returns the number of the first of them.
    pub(super) fn begin(&mut self, cut: &Cut) -> usize {
        let forest = |models: &Vec<usize>| Forest {
            models: models.clone(),
            next: 0,
            sums: Vec::new(),
            trees: Vec::new(),
        };
        self.open = cut.forests.iter().map(forest).collect();
        self.parts.clear();
        self.parts.resize_with(self.models.len(), Part::default);
        for task in &cut.tasks {
            self.parts[task.model].tasks_left += 1;
            self.trees += task.trees.len();
        }
        self.tasks.len()
    }

    /// Records a task that was run.
    pub(super) fn record(&mut self, task: SweepTask) {
        self.parts[task.model].seconds += task.seconds();
        self.tasks.push(task);
    }

    /// Adds the result of a task.
    pub(super) fn add(&mut self, work: &Work, task: usize, grown: &Grown) -> Result<()> {
        let task = &work.cut.tasks[task];
        let part = &mut self.parts[task.model];
        part.sums.resize(self.actual.len(), 0);
        part.sums.iter_mut().zip(&grown.sums).for_each(|(sum, more)| *sum += more);
        if !grown.trees.is_empty() {
            part.trees.push((task.trees.start, grown.trees.clone()));
        }
        part.tasks_left -= 1;
        self.done_trees += task.trees.len();
        if part.tasks_left > 0 {
            let (elapsed, left) = self.times();
            let (trees, of) = (self.done_trees, self.trees);
            tell(self.listener, Event::Progress { trees, of, elapsed, left });
        }
        while let Some(&model) = self.open[task.forest].models.get(self.open[task.forest].next) {
            if self.parts[model].tasks_left > 0 {
                break;
            }
            self.open[task.forest].next += 1;
            self.complete(work, task.forest, model)?;
        }
        Ok(())
    }

    /// A task failed in each attempt: the models of its forest that have its trees fail with it.
    pub(super) fn fail(&mut self, work: &Work, task: usize, error: &Error) {
        let planned = &work.cut.tasks[task];
        let models = &self.open[planned.forest].models;
        let at = models.iter().position(|model| *model == planned.model).unwrap_or(0);
        let lost = models[at..].to_vec();
        work.limit(planned.forest, if at == 0 { 0 } else { self.plan.models[models[at - 1]].n_estimators });
        for model in lost {
            if let Some(restored) = &self.models[model] {
                let params = restored.params;
                self.warn(format!("the trees of model {model} ({params}) could not be grown again: {error}"));
                continue;
            }
            if self.failed.iter().any(|failed| failed.model == model) {
                continue;
            }
            let (params, attempts) = (self.plan.models[model], work.attempts(task));
            let cause = error.to_string();
            let failed = FailedModel { model, params, trees: planned.trees.clone(), attempts, cause };
            tell(self.listener, Event::Failed { model: &failed });
            self.failed.push(failed);
        }
    }

    fn complete(&mut self, work: &Work, forest: usize, model: usize) -> Result<()> {
        let (part, params) = (std::mem::take(&mut self.parts[model]), self.plan.models[model]);
        let forest = &mut self.open[forest];
        forest.sums.resize(self.actual.len(), 0);
        forest.sums.iter_mut().zip(&part.sums).for_each(|(sum, more)| *sum += more);
        let mut pieces = part.trees;
        pieces.sort_by_key(|(start, _)| *start);
        forest.trees.extend(pieces.into_iter().flat_map(|(_, trees)| trees));
        let trees = forest.trees.clone();
        let predictions: Vec<f64> =
            forest.sums.iter().map(|sum| work.scale.to_f64(*sum, params.n_estimators)).collect();
        let (scale, n_features) = (work.scale, self.split.train.n_features());
        let trained = Model { params, n_features, trees, scale };
        if let Some(before) = &self.models[model] {
            let same =
                before.predictions.iter().map(|p| p.to_bits()).eq(predictions.iter().map(|p| p.to_bits()));
            if !same {
                let message = format!(
                    "the journal has other predictions of model {model} ({params}) than its trees give when they are grown \
                     again; delete the journal, or take another name"
                );
                return Err(Error::new(ErrorKind::Data, message));
            }
            self.kept.push((model, trained));
            return Ok(());
        }
        let scores = Scores::of(&self.actual, &predictions);
        let outcome = ModelOutcome { model, params, scores, predictions, restored: false };
        self.keep(model, scores.mse, trained);
        if let Some(warning) = self.journal.as_mut().and_then(|journal| journal.add(&outcome, part.seconds)) {
            self.warn(warning);
        }
        let done = 1 + self.models.iter().flatten().count();
        let ((elapsed, left), of) = (self.times(), self.models.len());
        tell(self.listener, Event::Finished { model: &outcome, done, of, elapsed, left });
        self.models[model] = Some(outcome);
        Ok(())
    }

    /// Seconds since the start, and those that the rest may take.
    fn times(&self) -> (f64, f64) {
        let elapsed = self.started.elapsed().as_secs_f64();
        (elapsed, elapsed * (self.trees as f64 / self.done_trees as f64 - 1.0))
    }

    fn keep(&mut self, index: usize, mse: f64, model: Model) {
        let best = |model: &ModelOutcome| model.scores.mse <= mse;
        match self.plan.keep {
            Keep::None => {}
            Keep::All => self.kept.push((index, model)),
            // The smallest forest among equals is the best one, and may be done last: until then all
            // equals are kept.
            Keep::Best => {
                self.kept.retain(|(i, _)| self.models[*i].as_ref().is_some_and(best));
                if self.models.iter().flatten().all(|other| mse <= other.scores.mse) {
                    self.kept.push((index, model));
                }
            }
        }
    }

    fn warn(&mut self, warning: String) {
        tell(self.listener, Event::Warning { message: &warning });
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// # Errors
    /// [`ErrorKind::Task`] where every model failed.
    pub(super) fn outcome(mut self) -> Result<Outcome> {
        let seconds = self.started.elapsed().as_secs_f64();
        if let Some(warning) = self.journal.as_mut().and_then(Journal::finish) {
            self.warn(warning);
        }
        let (models, trees) = (self.models.iter().flatten().count() - self.restored, self.done_trees);
        if models > 0 {
            tell(self.listener, Event::Done { models, trees, workers: self.workers, elapsed: seconds });
        }
        self.failed.sort_by_key(|failed| failed.model);
        if let Some(first) = self.failed.first().filter(|_| self.models.iter().all(Option::is_none)) {
            let message = match self.failed.len() {
                1 => first.to_string(),
                n => format!("all {n} models failed; the first: {first}"),
            };
            return Err(Error::new(ErrorKind::Task, message));
        }
        self.tasks.sort_by_key(|task| task.task);
        Ok(Outcome {
            dataset: self.split.dataset.clone(),
            identity: self.split.identity(),
            target: self.split.target.clone(),
            learner: self.plan.learner,
            place: Place::Threads,
            schedule: self.plan.schedule,
            shared: self.plan.shares(),
            workers: self.workers,
            seconds,
            setup_seconds: self.setup_seconds,
            pace: [self.pace, pace()],
            models: self.models.into_iter().flatten().collect(),
            failed: self.failed,
            tasks: self.tasks,
            actual: self.actual,
            journal: self.journal.map(|journal| journal.path().to_owned()),
            restored: self.restored,
            warnings: self.warnings,
            data_bytes: self.split.bytes(),
            kept: self.kept,
        })
    }
}
