//! The log of a cluster: its tasks, and the results that programs report.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::record::{TaskRecord, Tasks};
use super::task::Task;

/// The most tasks that are kept, besides those that are not done; as in Ray.
const TASKS: usize = 100_000;
/// The most reported results that are kept.
const RESULTS: usize = 10_000;

/// A result that a program has reported: see [`Cluster::report`](super::Cluster::report).
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its subject, such as a model.
    pub name: String,
    /// When it was reported, from the cluster's start.
    pub at: Duration,
    /// Names and numbers, such as a score.
    pub metrics: Vec<(String, f64)>,
}

/// A cluster as it stands at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) at: Duration,
    pub(crate) workers: usize,
    /// The number of tasks in each of [`TaskState::ALL`](super::TaskState::ALL).
    pub(crate) counts: [usize; 5],
    /// The latest tasks that are done and the first that are not, in the order of submission.
    pub(crate) tasks: Vec<TaskRecord>,
    pub(crate) results: Vec<Report>,
}

/// The tasks and results of a cluster, of this machine or of Ray.
pub(crate) struct Log {
    /// The cluster's start, from which all times count.
    epoch: Instant,
    workers: usize,
    kept: Mutex<Kept>,
    /// The dashboard, kept until the cluster ends.
    pub(crate) attached: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
}

#[derive(Default)]
struct Kept {
    /// The number of tasks so far.
    added: usize,
    tasks: VecDeque<Arc<Task>>,
    /// The number of dropped tasks in each state.
    dropped: [usize; 5],
    results: VecDeque<Report>,
}

impl Log {
    pub(crate) fn new(workers: usize) -> Arc<Self> {
        let (epoch, kept, attached) = (Instant::now(), Mutex::default(), Mutex::default());
        Arc::new(Self { epoch, workers, kept, attached })
    }

    /// How many tasks can run at the same time.
    pub(crate) fn workers(&self) -> usize {
        self.workers
    }

    /// The time since the cluster's start, on the clock of its task records.
    pub(crate) fn elapsed(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Makes a task and keeps it.
    pub(crate) fn add(&self, name: impl Into<String>) -> Arc<Task> {
        let mut kept = self.lock();
        // At most two are checked, so that a call takes constant time; a task that is not done goes to the end.
        for _ in 0..2 {
            if kept.tasks.len() >= TASKS
                && let Some(oldest) = kept.tasks.pop_front()
            {
                match oldest.state() {
                    state if state.is_last() => kept.dropped[state as usize] += 1,
                    _ => kept.tasks.push_back(oldest),
                }
            }
        }
        let task = Arc::new(Task::new(kept.added, name.into(), self.epoch));
        kept.added += 1;
        kept.tasks.push_back(Arc::clone(&task));
        task
    }

    /// Keeps a result: see [`Cluster::report`](super::Cluster::report).
    pub(crate) fn report(&self, name: impl Into<String>, metrics: &[(&str, f64)]) {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let report = Report { name: name.into(), at: self.elapsed(), metrics };
        let results = &mut self.lock().results;
        results.push_back(report);
        if results.len() > RESULTS {
            results.pop_front();
        }
    }

    /// The number of tasks so far.
    pub(super) fn len(&self) -> usize {
        self.lock().added
    }

    /// All tasks that are kept, in the order of submission.
    pub(crate) fn tasks(&self) -> Tasks {
        let mut tasks: Vec<TaskRecord> = self.lock().tasks.iter().map(|task| task.record()).collect();
        tasks.sort_by_key(|task| task.id);
        Tasks(tasks)
    }

    /// A snapshot with the latest `most` tasks that are done and the first `most` that are not.
    pub(crate) fn snapshot(&self, most: usize) -> Snapshot {
        let (at, kept) = (self.elapsed(), self.lock());
        let mut counts = kept.dropped;
        let (done, open): (Vec<_>, Vec<_>) = kept.tasks.iter().partition(|task| {
            let state = task.state();
            counts[state as usize] += 1;
            state.is_last()
        });
        let shown = done.iter().rev().take(most).chain(open.iter().take(most));
        let mut tasks: Vec<TaskRecord> = shown.map(|task| task.record()).collect();
        tasks.sort_by_key(|task| task.id);
        let results = kept.results.iter().cloned().collect();
        Snapshot { at, workers: self.workers, counts, tasks, results }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::TaskState;

    #[test]
    fn the_oldest_that_are_done_go_and_stay_counted() {
        let log = Log::new(1);
        let add = || log.add("");
        let first = add();
        (1..TASKS).for_each(|_| drop(add().end(None)));
        assert_eq!((log.len(), log.tasks().len()), (TASKS, TASKS));
        // One more makes them too many; the first stays, for it is not done.
        add().end(None);
        (1..TASKS).for_each(|_| drop(add().end(None)));
        assert_eq!((log.len(), log.tasks().len()), (2 * TASKS, TASKS));
        let snapshot = log.snapshot(3);
        assert_eq!(snapshot.counts, [1, 0, 2 * TASKS - 1, 0, 0]);
        let shown: Vec<usize> = snapshot.tasks.iter().map(|task| task.id).collect();
        assert_eq!(shown, [0, 2 * TASKS - 3, 2 * TASKS - 2, 2 * TASKS - 1]);
        assert_eq!(first.state(), TaskState::Pending);
        assert_eq!(log.tasks()[1].id, TASKS + 1);
    }

    #[test]
    fn more_than_are_kept_stay_until_they_are_done() {
        let log = Log::new(1);
        let open: Vec<_> = (0..TASKS + 1_000).map(|_| log.add("")).collect();
        assert_eq!(log.tasks().len(), TASKS + 1_000);
        assert!(log.tasks().iter().enumerate().all(|(id, task)| task.id == id), "in order");
        open.iter().for_each(|task| drop(task.end(None)));
        (0..1_000).for_each(|_| drop(log.add("")));
        assert_eq!(log.tasks().len(), TASKS);
    }
}
