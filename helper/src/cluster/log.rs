//! What happens in a cluster: its tasks, who is told of them, and the results that they report.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::record::TaskRecord;
use super::task::Task;

/// Records that are kept; a task that is not done is kept in any case. Ray keeps as many.
const KEPT: usize = 100_000;
/// Results that are kept.
const RESULTS: usize = 10_000;

type Listener = Arc<dyn Fn(&TaskRecord) + Send + Sync>;

/// Who is told when a task changes its state, and the clock that tells when.
pub(super) struct Events {
    epoch: Instant,
    listeners: RwLock<Vec<Listener>>,
}

impl Events {
    pub(super) fn new() -> Self {
        Self { epoch: Instant::now(), listeners: RwLock::default() }
    }

    /// The time since the cluster's start.
    pub(super) fn elapsed(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(super) fn listen(&self, listener: Listener) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Tells everyone; the record is made only if someone listens.
    pub(super) fn tell(&self, record: impl FnOnce() -> TaskRecord) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner).clone();
        if listeners.is_empty() {
            return;
        }
        let record = record();
        for listener in listeners {
            // A task must not fail because someone who watches it does.
            let _ = catch_unwind(AssertUnwindSafe(|| listener(&record)));
        }
    }
}

/// Something that a program has found, by name, with numbers that go with it.
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
    /// The latest tasks, and all that are not done.
    pub(crate) tasks: Vec<TaskRecord>,
    pub(crate) results: Vec<Report>,
}

/// The tasks and results of a cluster.
#[derive(Default)]
pub(super) struct Log(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    next: usize,
    tasks: VecDeque<Arc<Task>>,
    /// How many tasks are kept no more, in each state.
    dropped: [usize; 4],
    results: VecDeque<Report>,
}

impl Log {
    /// Makes a task, which is told its number, and keeps it.
    pub(super) fn add(&self, make: impl FnOnce(usize) -> Task) -> Arc<Task> {
        let mut kept = self.lock();
        let task = Arc::new(make(kept.next));
        kept.next += 1;
        kept.tasks.push_back(Arc::clone(&task));
        if kept.tasks.len() > KEPT
            && let Some(oldest) = kept.tasks.iter().position(|task| task.state().is_last())
            && let Some(task) = kept.tasks.remove(oldest)
        {
            kept.dropped[task.state() as usize] += 1;
        }
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

    /// At most so many tasks that are done, the latest, and at most as many that are running or
    /// pending, the first.
    pub(super) fn snapshot(&self, at: Duration, workers: usize, most: usize) -> Snapshot {
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::TaskState;

    fn task(events: &Arc<Events>, id: usize) -> Task {
        Task::new(id, String::new(), events, None)
    }

    #[test]
    fn the_oldest_that_is_done_goes_first_and_stays_counted() {
        let (events, log) = (Arc::new(Events::new()), Log::default());
        let first = log.add(|id| task(&events, id));
        for _ in 0..KEPT {
            log.add(|id| task(&events, id)).end(None);
        }
        // The one more than are kept went, and it was not the first, which is not done.
        let snapshot = log.snapshot(events.elapsed(), 1, 3);
        assert_eq!((log.len(), log.records().len()), (KEPT + 1, KEPT));
        assert_eq!(snapshot.counts, [1, 0, KEPT, 0]);
        log.add(|id| task(&events, id)).end(None);
        let snapshot = log.snapshot(events.elapsed(), 1, 3);
        assert_eq!((log.len(), log.records().len()), (KEPT + 2, KEPT));
        assert_eq!(snapshot.counts, [1, 0, KEPT + 1, 0]);
        let shown: Vec<usize> = snapshot.tasks.iter().map(|task| task.id).collect();
        assert_eq!(shown, [0, KEPT - 1, KEPT, KEPT + 1]);
        assert_eq!(first.state(), TaskState::Pending);
    }

    #[test]
    fn listeners_are_told_and_cannot_do_harm() {
        let events = Arc::new(Events::new());
        let seen = Arc::new(Mutex::new(Vec::new()));
        events.listen(Arc::new(|_| panic!("a listener that fails")));
        events.listen({
            let seen = Arc::clone(&seen);
            Arc::new(move |record| seen.lock().unwrap().push(record.state))
        });
        let task = task(&events, 0);
        assert!(task.begin(0));
        assert_eq!(task.end(None), None);
        assert_eq!(*seen.lock().unwrap(), [TaskState::Running, TaskState::Finished]);
    }
}
