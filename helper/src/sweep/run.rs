//! Running a plan: the training set is prepared once, tasks grow trees of it, models are scored.
//!
//! The same tasks run one after another on this thread, on a cluster's threads, or on Ray.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::distributed;
use super::event::{Event, Listener, tell};
use super::gather::Gathering;
use super::job::{Job, Sabotage, Training};
use super::journal::Journal;
use super::model::Model;
use super::outcome::{ModelOutcome, Outcome, Place};
use super::pace::pace;
use super::plan::{Keep, Plan};
use crate::cluster::{Cluster, Log, MAX_RETRIES, ObjectRef, until_done};
use crate::data::{Shards, Split};
use crate::error::{Error, ErrorKind, Result};
use crate::panics;
use crate::ray::{RayCluster, RayRef};

/// Where the tasks run, and the split there.
pub(super) enum Pool<'a> {
    Caller,
    Threads(&'a Cluster, &'a ObjectRef<Split>),
    Ray(&'a RayCluster, &'a RayRef<Split>),
}

/// Options of a run that are not in its plan.
#[derive(Default)]
pub(super) struct Extras<'a> {
    pub(super) listener: Option<&'a Listener>,
    pub(super) journal: Option<(Journal, Vec<ModelOutcome>)>,
    pub(super) sabotage: Option<Sabotage>,
    pub(super) shards: Option<&'a Shards>,
}

pub(super) fn run(mut plan: Plan, split: &Split, pool: &Pool<'_>, extras: Extras<'_>) -> Result<Outcome> {
    let Extras { listener, journal, sabotage, shards } = extras;
    let (place, log) = match pool {
        Pool::Caller => (Place::Caller, Log::new(1)),
        Pool::Threads(cluster, _) => (Place::Threads, Arc::clone(cluster.log())),
        Pool::Ray(ray, _) => (Place::Ray, Arc::clone(ray.log())),
    };
    let setup = Instant::now();
    let (training, objects) = match pool {
        Pool::Ray(_, data) => (None, distributed::objects(&plan, data, shards)?),
        _ => (Some(Training::new(plan.settings.learner, split, shards)?), Vec::new()),
    };
    let setup_seconds = setup.elapsed().as_secs_f64();
    let (journal, models) = journal.map_or((None, Vec::new()), |(journal, models)| (Some(journal), models));
    if let Some(journal) = journal.as_ref().filter(|_| !models.is_empty()) {
        tell(listener, Event::Resumed(models.len(), journal.path()));
    }
    let restored: HashSet<usize> = models.iter().map(|model| model.model).collect();
    let missing: Vec<usize> = plan.all().into_iter().filter(|model| !restored.contains(model)).collect();
    if let Pool::Ray(ray, _) = pool {
        let trees = || distributed::trees_per_task(&plan, &missing, split.train.len(), ray.workers());
        plan.settings.trees_per_task = plan.settings.trees_per_task.or_else(|| Some(trees()));
    }
    let job = Arc::new(Job::new(plan.clone(), &missing, split, training, sabotage));
    let outcome = Outcome {
        dataset: split.dataset.clone(),
        identity: split.identity(),
        target: split.target.clone(),
        learner: plan.settings.learner,
        place,
        schedule: plan.settings.schedule,
        shared: plan.shares(),
        workers: log.workers(),
        seconds: 0.0,
        setup_seconds,
        pace: [pace(), 0.0],
        restored: models.len(),
        models,
        failed: Vec::new(),
        tasks: Vec::new(),
        actual: split.test.y().to_vec(),
        journal: journal.as_ref().map(|journal| journal.path().to_owned()),
        warnings: plan.apart().into_iter().collect(),
        data_bytes: split.bytes(),
        kept: Vec::new(),
    };
    let mut gathering = Gathering::new(&job, split, &log, outcome, listener, journal);
    match pool {
        Pool::Caller => one_by_one(&job, split, &log, &mut gathering)?,
        Pool::Threads(cluster, data) => in_parallel(&job, cluster, data, &mut gathering)?,
        Pool::Ray(ray, data) => distributed::over_ray(&job, ray, data, &objects, shards, &mut gathering)?,
    }
    let mut outcome = gathering.outcome()?;
    keep(&mut outcome, &plan, split, shards)?;
    Ok(outcome)
}

fn one_by_one(job: &Job, split: &Split, log: &Log, gathering: &mut Gathering<'_>) -> Result<()> {
    for (task, planned) in job.cut.tasks.iter().enumerate() {
        let record = log.add(planned.to_string());
        let grown = loop {
            record.begin(0)?;
            let panicked = |panic| Error::new(ErrorKind::Task, format!("panicked: {panic}"));
            match panics::catch(|| job.run(task, &split.test)).map_err(panicked) {
                Err(panic) if job.attempts(task) <= MAX_RETRIES => record.fail_once(panic),
                grown => break grown.flatten(),
            }
        };
        record.end(grown.as_ref().err().cloned());
        gathering.ended(task, Some(&record.record()), grown.as_ref().map_err(Error::clone))?;
    }
    Ok(())
}

fn in_parallel(
    job: &Arc<Job>,
    cluster: &Cluster,
    data: &ObjectRef<Split>,
    gathering: &mut Gathering<'_>,
) -> Result<()> {
    let shared = cluster.put(Arc::clone(job));
    let submit = |task: usize| {
        let named = cluster.options().name(job.cut.tasks[task].to_string());
        (task, named.remote((&shared, data), move |(job, split)| job.run(task, &split.test)))
    };
    let mut open: VecDeque<_> = (0..job.cut.tasks.len()).map(submit).collect();
    while !open.is_empty() {
        // Workers take tasks in order, so those that run are among the first that are not done.
        let first = cluster.workers().min(open.len());
        until_done(open.range(..first).map(|(_, grown)| grown), 1, None)?;
        let (done, rest): (Vec<_>, Vec<_>) = open.drain(..first).partition(|(_, grown)| grown.is_done());
        rest.into_iter().rev().for_each(|task| open.push_front(task));
        for (task, object) in done {
            let result = cluster.get(&object);
            let grown =
                result.as_deref().map_err(Error::clone).and_then(|g| g.as_ref().map_err(Error::clone));
            gathering.ended(task, object.task().as_ref(), grown)?;
        }
    }
    Ok(())
}

/// Grows again the trees to keep that are not here: of the best model, or of models from a journal.
fn keep(outcome: &mut Outcome, plan: &Plan, split: &Split, shards: Option<&Shards>) -> Result<()> {
    let wanted: Vec<usize> = match plan.settings.keep {
        Keep::None => return Ok(()),
        Keep::Best => vec![outcome.ranking()[0]],
        Keep::All => (0..outcome.models.len()).filter(|&i| outcome.model(i).is_none()).collect(),
    };
    let training = Training::new(plan.settings.learner, split, shards)?;
    let scale = plan.settings.learner.scale(learner::Whole::of(split.train.y()));
    for index in wanted {
        let ModelOutcome { model, params, predictions, .. } = &outcome.models[index];
        let pieces =
            plan.cut(&[*model]).tasks.into_iter().map(|task| training.grow(params, task.trees, None));
        let trees = pieces.map(|trees| trees.map(Arc::from)).collect::<Result<_>>()?;
        let (identity, n_features) = (outcome.identity, plan.n_features);
        let grown = Model { params: *params, identity, n_features, trees, scale };
        let bits = |of: &[f64]| of.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
        if bits(&grown.predict(&split.test)?) != bits(predictions) {
            let (kind, by, remedy) = match outcome.place {
                Place::Ray => (ErrorKind::Cluster, "the cluster's worker library", "run ./scripts/setup"),
                _ => (ErrorKind::Data, "what wrote the journal", "delete the journal, or take another name"),
            };
            let message = format!(
                "model {model} ({params}) has other predictions than its trees, grown again here: {by} is of another version; \
                 {remedy}"
            );
            return Err(Error::new(kind, message));
        }
        outcome.kept.push((*model, grown));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::Sweep;
    use crate::platform::thread_cpu;

    #[test]
    fn a_model_costs_the_same_however_many_there_are() {
        let split = crate::data::friedman1(30, 5, 1.0, 1).unwrap().split(0.5, 1).unwrap();
        let seconds = |models: u64| {
            let sweep = Sweep::over_n_estimators(1).max_depth(1).seed(0..models).quiet();
            let before = thread_cpu().unwrap();
            sweep.run_sequential(&split).unwrap();
            (thread_cpu().unwrap() - before).as_secs_f64()
        };
        let ratio = (0..3).map(|_| seconds(2_000) / seconds(500)).fold(f64::INFINITY, f64::min);
        // 4 if each costs the same, 16 if the cost grows with their number.
        assert!(ratio < 8.0, "{ratio}");
    }
}
