//! The log of a cluster: its tasks, and the results that programs report.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::events::Events;
use super::record::TaskRecord;
use super::task::Task;

/// The latest tasks, which are kept in any case; as many as in Ray.
const KEPT: usize = 100_000;
/// Reported results that are kept.
const RESULTS: usize = 10_000;

/// A result that a program has reported: see [`Cluster::report`](super::Cluster::report).
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What it is about, such as a model.
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
    /// How many tasks are in each of [`TaskState::ALL`](super::TaskState::ALL).
    pub(crate) counts: [usize; 4],
    /// The latest tasks that are done, and the first that are not, in the order in which they were asked for.
    pub(crate) tasks: Vec<TaskRecord>,
    pub(crate) results: Vec<Report>,
}

/// The tasks and results of a cluster.
pub(super) struct Log {
    events: Arc<Events>,
    kept: Mutex<Kept>,
}

struct Kept {
    next: usize,
    tasks: VecDeque<Arc<Task>>,
    /// How many tasks there are when the oldest are dropped next.
    full: usize,
    /// How many tasks were dropped, in each state.
    dropped: [usize; 4],
    results: VecDeque<Report>,
}

impl Kept {
    /// Drops the oldest tasks that are done. Between two times at least as many are added as are kept, so
    /// for a task it takes constant time.
    fn drop_oldest(&mut self) {
        let mut excess = self.tasks.len() - KEPT;
        let dropped = &mut self.dropped;
        self.tasks.retain(|task| {
            let drop = excess > 0 && task.state().is_last();
            if drop {
                excess -= 1;
                dropped[task.state() as usize] += 1;
            }
            !drop
        });
        self.full = self.tasks.len() + KEPT;
    }
}

impl Log {
    pub(super) fn new(events: Arc<Events>) -> Self {
        let (tasks, results) = (VecDeque::new(), VecDeque::new());
        let kept = Kept { next: 0, tasks, full: 2 * KEPT, dropped: [0; 4], results };
        Self { events, kept: Mutex::new(kept) }
    }

    pub(super) fn events(&self) -> &Events {
        &self.events
    }

    /// Makes a task and keeps it.
    pub(super) fn add(&self, name: String) -> Arc<Task> {
        let mut kept = self.lock();
        if kept.tasks.len() >= kept.full {
            kept.drop_oldest();
        }
        let task = Arc::new(Task::new(kept.next, name, &self.events));
        kept.next += 1;
        kept.tasks.push_back(Arc::clone(&task));
        task
    }

    pub(super) fn report(&self, report: Report) {
        let mut kept = self.lock();
        kept.results.push_back(report);
        if kept.results.len() > RESULTS {
            kept.results.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().next
    }

    pub(super) fn records(&self) -> Vec<TaskRecord> {
        self.lock().tasks.iter().map(|task| task.record()).collect()
    }

    /// The latest `most` tasks that are done, and the first `most` that are not.
    pub(super) fn snapshot(&self, workers: usize, most: usize) -> Snapshot {
        let at = self.events.elapsed();
        let kept = self.lock();
        let mut counts = kept.dropped;
        let mut wanted = Vec::new();
        let (mut open, mut done) = (0, VecDeque::new());
        for task in &kept.tasks {
            let state = task.state();
            counts[state as usize] += 1;
            if !state.is_last() && open < most {
                open += 1;
                wanted.push(Arc::clone(task));
            } else if state.is_last() {
                done.push_back(task);
                if done.len() > most {
                    done.pop_front();
                }
            }
        }
        wanted.extend(done.into_iter().map(Arc::clone));
        let results = kept.results.iter().cloned().collect();
        drop(kept);
        let mut tasks: Vec<TaskRecord> = wanted.iter().map(|task| task.record()).collect();
        tasks.sort_by_key(|task| task.id);
        Snapshot { at, workers, counts, tasks, results }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::TaskState;

    fn log() -> Log {
        Log::new(Arc::new(Events::new()))
    }

    #[test]
    fn the_oldest_that_are_done_go_and_stay_counted() {
        let log = log();
        let add = || log.add(String::new());
        let first = add();
        (1..2 * KEPT).for_each(|_| drop(add().end(None)));
        assert_eq!((log.len(), log.records().len()), (2 * KEPT, 2 * KEPT));
        // The next one makes them too many; the first stays, for it is not done.
        add().end(None);
        assert_eq!((log.len(), log.records().len()), (2 * KEPT + 1, KEPT + 1));
        let snapshot = log.snapshot(1, 3);
        assert_eq!(snapshot.counts, [1, 0, 2 * KEPT, 0]);
        let shown: Vec<usize> = snapshot.tasks.iter().map(|task| task.id).collect();
        assert_eq!(shown, [0, 2 * KEPT - 2, 2 * KEPT - 1, 2 * KEPT]);
        assert_eq!(first.state(), TaskState::Pending);
        assert_eq!(log.records()[1].id, KEPT + 1);
    }

    #[test]
    fn listeners_are_told_and_cannot_do_harm() {
        let log = log();
        let seen = Arc::new(Mutex::new(Vec::new()));
        log.events().listen(Arc::new(|_| panic!("a listener that fails")));
        log.events().listen({
            let seen = Arc::clone(&seen);
            Arc::new(move |record| seen.lock().unwrap().push(record.state))
        });
        let task = log.add(String::new());
        assert!(task.begin(0));
        assert_eq!(task.end(None), None);
        assert_eq!(*seen.lock().unwrap(), [TaskState::Running, TaskState::Finished]);
    }
}
