//! Running a plan: the training set is sorted once, tasks grow trees of it, models are scored.
//!
//! The tasks run one after another on this thread, on a cluster's threads, or on Ray; they are the same
//! tasks everywhere.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::event::{Event, Listener, tell};
use super::gather::Gathering;
use super::journal::{Journal, Restored};
use super::outcome::{Outcome, Place, SweepTask, named, varied};
use super::pace::pace;
use super::plan::Plan;
use super::training::Training;
use super::work::{Grown, Sabotage, Work};
use crate::cluster::{
    Cluster, Log, MAX_RETRIES, ObjectRef, TaskRecord, TaskState, task_is_cancelled, until_done,
};
use crate::data::{Shards, Split};
use crate::error::{Error, ErrorKind, Result};
use crate::{panics, platform};

/// What a run is given beside its plan.
#[derive(Default)]
pub(super) struct Extras<'a> {
    pub(super) listener: Option<&'a Listener>,
    pub(super) journal: Option<(Journal, Vec<Restored>)>,
    pub(super) sabotage: Option<&'a Sabotage>,
    pub(super) shards: Option<&'a Shards>,
}

/// Runs the tasks one after another on the calling thread.
pub(super) fn sequential(plan: Plan, split: &Split, extras: Extras<'_>) -> Result<Outcome> {
    let outcome = run(plan, split, 1, extras, |work, gathering| one_by_one(&work, split, gathering))?;
    Ok(Outcome { place: Place::Caller, ..outcome })
}

/// Runs the tasks on the workers of a cluster.
pub(super) fn on_cluster(
    plan: Plan,
    cluster: &Cluster,
    data: &ObjectRef<Split>,
    extras: Extras<'_>,
) -> Result<Outcome> {
    let split = cluster.get(data)?;
    let listener = reporting(Arc::clone(cluster.log()), &split.dataset, &plan, extras.listener.cloned());
    let extras = Extras { listener: Some(&listener), ..extras };
    run(plan, &split, cluster.workers(), extras, |work, gathering| {
        in_parallel(&cluster.put(work), cluster, data, gathering)
    })
}

/// Runs a plan; `execute` has all tasks of some work done, and adds their results.
pub(super) fn run(
    plan: Plan,
    split: &Split,
    workers: usize,
    extras: Extras<'_>,
    execute: impl Fn(Work, &mut Gathering<'_>) -> Result<()>,
) -> Result<Outcome> {
    let plan = Arc::new(plan);
    let setup = Instant::now();
    let training = Arc::new(match extras.shards {
        None => Training::new(plan.learner, split)?,
        Some(shards) => Training::Shards(plan.learner, Box::new(shards.clone())),
    });
    let setup_seconds = setup.elapsed().as_secs_f64();
    let work = |models: &[usize]| Work::new(&plan, models, &training, extras.sabotage);

    let mut gathering = Gathering::new(&plan, split, extras.listener, workers, extras.journal);
    gathering.setup_seconds = setup_seconds;
    let missing = work(&gathering.missing());
    gathering.pace = pace();
    gathering.start(&missing);
    execute(missing, &mut gathering)?;
    let again = gathering.to_grow_again();
    if !again.is_empty() {
        execute(work(&again), &mut gathering)?;
    }
    gathering.outcome()
}

/// A listener that shows each finished model in the cluster's dashboard, and calls `listener`.
pub(super) fn reporting(log: Arc<Log>, dataset: &str, plan: &Plan, listener: Option<Listener>) -> Listener {
    let (dataset, columns) = (dataset.to_owned(), varied(&plan.models));
    let mut best = f64::INFINITY;
    Arc::new(Mutex::new(move |event: Event<'_>| {
        if let Event::Finished { model, done, of, left, .. } = event {
            best = best.min(model.scores.mse);
            let metrics = [
                ("MSE", model.scores.mse),
                ("R2", model.scores.r2),
                ("best MSE", best),
                ("done", done as f64),
                ("of", of as f64),
                ("seconds left", left),
            ];
            log.report(format!("{dataset}, {}", named(&model.params, &columns)), &metrics);
        }
        tell(listener.as_ref(), event);
    }))
}

/// Grows the best model's trees here, where those that grew elsewhere stayed there.
pub(super) fn keep_best(
    outcome: &mut Outcome,
    plan: Plan,
    split: &Split,
    shards: Option<&Shards>,
) -> Result<()> {
    let best = outcome.best().clone();
    let grown = sequential(plan.of_one(best.params), split, Extras { shards, ..Extras::default() })?;
    if grown.models[0].predictions != best.predictions {
        let message = format!(
            "model {} ({}) predicts otherwise than its trees that were grown again here: the cluster's worker library is of \
             another version; run ./scripts/setup",
            best.model, best.params
        );
        return Err(Error::new(ErrorKind::Cluster, message));
    }
    outcome.kept = grown.kept.into_iter().map(|(_, model)| (best.model, model)).collect();
    Ok(())
}

fn one_by_one(work: &Work, split: &Split, gathering: &mut Gathering<'_>) -> Result<()> {
    let first = gathering.begin(&work.cut);
    let epoch = gathering.started;
    for (task, planned) in work.cut.tasks.iter().enumerate() {
        if work.is_useless(task) {
            continue;
        }
        let queued = epoch.elapsed().as_secs_f64();
        let (grown, started, cpu) = loop {
            let (started, cpu) = (epoch.elapsed().as_secs_f64(), platform::thread_cpu());
            match panics::catch(|| work.run(task, &split.test, task_is_cancelled)) {
                Ok(grown) => break (grown, started, cpu),
                Err(panic) if work.attempts(task) > MAX_RETRIES => {
                    break (Err(Error::new(ErrorKind::Task, format!("panicked: {panic}"))), started, cpu);
                }
                Err(_) => {}
            }
        };
        let cpu = platform::thread_cpu().zip(cpu).map(|(after, before)| after - before);
        gathering.record(SweepTask {
            task: first + task,
            model: planned.model,
            trees: planned.trees.clone(),
            worker: 0,
            attempt: work.attempts(task),
            state: if grown.is_ok() { TaskState::Finished } else { TaskState::Failed },
            queued,
            started,
            ended: epoch.elapsed().as_secs_f64(),
            cpu_seconds: cpu.map(|cpu| cpu.as_secs_f64()),
        });
        match grown {
            Ok(grown) => gathering.add(work, task, &grown)?,
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => gathering.fail(work, task, &error),
        }
    }
    Ok(())
}

fn in_parallel(
    shared: &ObjectRef<Work>,
    cluster: &Cluster,
    data: &ObjectRef<Split>,
    gathering: &mut Gathering<'_>,
) -> Result<()> {
    let work = &*cluster.get(shared)?;
    let first = gathering.begin(&work.cut);
    let epoch = cluster.log().elapsed().saturating_sub(gathering.started.elapsed());
    let mut open = Vec::with_capacity(work.cut.tasks.len());
    for (task, planned) in work.cut.tasks.iter().enumerate() {
        let asking = cluster.clone();
        let grown = cluster
            .options()
            .name(planned.to_string())
            .remote((shared, data), move |(work, split)| work.run(task, &split.test, || asking.cancelled()));
        open.push((task, grown));
    }
    while !open.is_empty() {
        until_done(open.iter().map(|(_, grown)| grown), 1, None)?;
        for (task, object) in open.extract_if(.., |(_, grown)| grown.is_done()) {
            let result = cluster.get(&object);
            let grown: Result<&Grown> = result
                .as_deref()
                .map_err(Error::clone)
                .and_then(|grown| grown.as_ref().map_err(Error::clone));
            let dropped = grown.is_err() && work.is_useless(task);
            // A task that was dropped before it began leaves no record.
            if dropped && work.attempts(task) == 0 {
                continue;
            }
            if let Some(record) = object.task() {
                gathering.record(trace(first, task, work, &record, grown.is_ok(), epoch));
            }
            match grown {
                Ok(grown) => gathering.add(work, task, grown).inspect_err(|_| work.cancel())?,
                Err(_) if dropped => {}
                // The task that runs the sweep was cancelled, and its tasks with it.
                Err(error) if error.kind() == ErrorKind::Cancelled => {
                    work.cancel();
                    return Err(error);
                }
                Err(error) => gathering.fail(work, task, &error),
            }
        }
    }
    Ok(())
}

/// A task's record in the outcome, from its record in the cluster.
pub(super) fn trace(
    first: usize,
    task: usize,
    work: &Work,
    record: &TaskRecord,
    finished: bool,
    epoch: Duration,
) -> SweepTask {
    let planned = &work.cut.tasks[task];
    let since = |time: Duration| time.as_secs_f64() - epoch.as_secs_f64();
    SweepTask {
        task: first + task,
        model: planned.model,
        trees: planned.trees.clone(),
        worker: record.worker.unwrap_or(0),
        attempt: work.attempts(task).max(record.attempt),
        state: if finished { TaskState::Finished } else { TaskState::Failed },
        queued: since(record.queued),
        started: record.started.map_or(0.0, since),
        ended: record.ended.map_or(0.0, since),
        cpu_seconds: record.cpu.map(|cpu| cpu.as_secs_f64()),
    }
}
