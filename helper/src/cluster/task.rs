//! A task: its record, its job, and who waits for it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::completed;
use super::events::Events;
use super::record::{Span, TaskRecord, TaskState};
use crate::error::{Error, ErrorKind};
use crate::platform;

/// Calls a task's function with its arguments, as often as need be, and brings what came out.
pub(super) trait Job: Send {
    fn run(self: Box<Self>);
}

/// Something to be done once a task is done.
type Callback = Box<dyn FnOnce() + Send>;

/// A task of a cluster, or the record of one that others run.
pub struct Task {
    events: Arc<Events>,
    cancelled: AtomicBool,
    done: AtomicBool,
    /// How much is missing before the job can run: arguments that are not there, and the job itself.
    missing: AtomicUsize,
    record: Mutex<Running>,
    work: Mutex<Work>,
    waiting: Mutex<Waiting>,
    opened: Condvar,
}

struct Running {
    record: TaskRecord,
    /// Processor time of the worker's thread at the start of the span that is open.
    cpu_at_start: Option<Duration>,
    /// Tasks that this one has asked for.
    children: Vec<Weak<Task>>,
}

#[derive(Default)]
struct Work {
    /// Whoever takes it runs the task.
    job: Option<Box<dyn Job>>,
    /// Tasks that give its arguments.
    needs: Vec<Arc<Task>>,
}

#[derive(Default)]
struct Waiting {
    callbacks: Vec<Callback>,
    /// Whether a thread blocks on `opened`.
    blocked: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who runs it.
impl Task {
    /// Gives the task its job, which can run once the needs are done.
    pub(super) fn give(&self, job: Box<dyn Job>, needs: Vec<Arc<Self>>) {
        self.missing.store(needs.len() + 1, Ordering::Relaxed);
        *lock(&self.work) = Work { job: Some(job), needs };
    }

    /// One thing less is missing; whether it was the last.
    pub(super) fn arrived(&self) -> bool {
        self.missing.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// The job, for the caller to run, if all arguments are there and nobody has taken it.
    pub(super) fn claim(&self) -> Option<Box<dyn Job>> {
        let mut work = lock(&self.work);
        if work.needs.iter().any(|need| !need.is_done()) {
            return None;
        }
        work.needs.clear();
        work.job.take()
    }

    /// A need that is not done, if there is one; rather one that nobody has begun. The last first: workers
    /// take them from the queue in the order in which they were asked for.
    pub(super) fn need(&self) -> Option<Arc<Self>> {
        let needs = &mut lock(&self.work).needs;
        while needs.pop_if(|need| need.is_done()).is_some() {}
        let last = needs.len().checked_sub(1)?;
        if let Some(unbegun) = needs.iter().rposition(|need| lock(&need.work).job.is_some()) {
            needs.swap(unbegun, last);
        }
        needs.last().cloned()
    }
}

/// Who waits for it.
impl Task {
    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// The task is done and its value is there: wakes all who wait for it.
    pub(super) fn open(&self) {
        let (callbacks, blocked) = {
            let mut waiting = lock(&self.waiting);
            self.done.store(true, Ordering::Release);
            (std::mem::take(&mut waiting.callbacks), waiting.blocked)
        };
        if blocked {
            self.opened.notify_all();
        }
        callbacks.into_iter().for_each(|then| then());
        completed::add();
    }

    /// Calls `then` once the task is done: now, or on the worker that runs it.
    pub(super) fn when_done(&self, then: impl FnOnce() + Send + 'static) {
        let mut waiting = lock(&self.waiting);
        if !self.is_done() {
            return waiting.callbacks.push(Box::new(then));
        }
        drop(waiting);
        then();
    }

    /// Blocks this thread until the task is done.
    pub(super) fn block(&self) {
        let mut waiting = lock(&self.waiting);
        while !self.is_done() {
            waiting.blocked = true;
            waiting = self.opened.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Cancellation.
impl Task {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// This task asks for another, which is cancelled with it.
    pub(super) fn adopt(&self, child: &Arc<Self>) {
        let mut running = lock(&self.record);
        if self.is_cancelled() {
            child.cancelled.store(true, Ordering::Relaxed);
        }
        running.children.push(Arc::downgrade(child));
    }

    /// Cancels the task and those that it has asked for, as far as they are not done. One that nobody has
    /// begun fails at once.
    pub(crate) fn cancel(self: &Arc<Self>) {
        let mut tasks = vec![Arc::clone(self)];
        while let Some(task) = tasks.pop() {
            let running = lock(&task.record);
            if running.record.state.is_last() {
                continue;
            }
            task.cancelled.store(true, Ordering::Relaxed);
            tasks.extend(running.children.iter().filter_map(Weak::upgrade));
            drop(running);
            let unbegun = std::mem::take(&mut *lock(&task.work));
            if let Some(job) = unbegun.job {
                job.run();
            }
        }
    }
}

/// Its record.
impl Task {
    pub(super) fn new(id: usize, name: String, events: &Arc<Events>) -> Self {
        let record = TaskRecord {
            id,
            name,
            state: TaskState::Pending,
            worker: None,
            attempt: 1,
            queued: events.elapsed(),
            started: None,
            ended: None,
            cpu: None,
            spans: Vec::new(),
            error: None,
        };
        Self {
            events: Arc::clone(events),
            cancelled: AtomicBool::new(false),
            done: AtomicBool::new(false),
            missing: AtomicUsize::new(0),
            record: Mutex::new(Running { record, cpu_at_start: None, children: Vec::new() }),
            work: Mutex::default(),
            waiting: Mutex::default(),
            opened: Condvar::new(),
        }
    }

    pub(crate) fn record(&self) -> TaskRecord {
        lock(&self.record).record.clone()
    }

    pub(crate) fn state(&self) -> TaskState {
        lock(&self.record).record.state
    }

    /// Its number and name, for messages.
    pub(crate) fn title(&self) -> String {
        lock(&self.record).title()
    }

    /// An attempt begins; false if the task was cancelled or has ended.
    pub(crate) fn begin(&self, worker: usize) -> bool {
        self.change(|running, now| {
            if self.is_cancelled() || running.record.state != TaskState::Pending {
                return false;
            }
            running.record.state = TaskState::Running;
            running.record.started = Some(now);
            running.open(worker, now);
            true
        })
    }

    /// The attempt failed, and another one will follow.
    pub(crate) fn fail_once(&self, error: Error) {
        self.change(|running, now| {
            running.close(now);
            running.record.state = TaskState::Pending;
            running.record.attempt += 1;
            running.record.error = Some(error);
            true
        });
    }

    /// The task ends: finished, or failed with this error. One that was cancelled has failed in any case.
    /// Returns the error that stands in the record.
    pub(crate) fn end(&self, error: Option<Error>) -> Option<Error> {
        let mut last = None;
        self.change(|running, now| {
            if running.record.state.is_last() {
                last.clone_from(&running.record.error);
                return false;
            }
            running.close(now);
            last = if self.is_cancelled() { Some(running.cancelled()) } else { error };
            running.end(now, last.clone());
            true
        });
        last
    }

    /// Notes the span of an attempt that ran on another machine.
    pub(crate) fn ran(&self, worker: usize, started: Duration, ended: Duration, cpu: Option<Duration>) {
        let mut running = lock(&self.record);
        let record = &mut running.record;
        let attempt = record.attempt;
        record.spans.retain(|span| span.attempt != attempt);
        record.spans.push(Span { attempt, worker, started, ended: Some(ended), cpu });
        (record.worker, record.started) = (Some(worker), Some(started));
    }

    /// The task begins to wait for another task.
    pub(super) fn pause(&self) {
        lock(&self.record).close(self.events.elapsed());
    }

    /// It goes on, on the same worker.
    pub(super) fn resume(&self) {
        let mut running = lock(&self.record);
        if let Some(worker) = running.record.worker {
            running.open(worker, self.events.elapsed());
        }
    }

    /// Tells the listeners how the task stands.
    pub(crate) fn announce(&self) {
        self.events.tell(|| self.record());
    }

    /// Changes the record, and tells the listeners if `change` says that there is something to tell.
    fn change(&self, change: impl FnOnce(&mut Running, Duration) -> bool) -> bool {
        let changed = change(&mut lock(&self.record), self.events.elapsed());
        if changed {
            self.announce();
        }
        changed
    }
}

impl Running {
    fn title(&self) -> String {
        format!("task {} ({})", self.record.id, self.record.name)
    }

    /// A span begins.
    fn open(&mut self, worker: usize, now: Duration) {
        self.record.worker = Some(worker);
        self.cpu_at_start = platform::thread_cpu();
        let attempt = self.record.attempt;
        self.record.spans.push(Span { attempt, worker, started: now, ended: None, cpu: None });
    }

    /// The open span ends.
    fn close(&mut self, now: Duration) {
        // Checked: where others run the task, it may end on another thread than it was begun on.
        let cpu = platform::thread_cpu()
            .zip(self.cpu_at_start)
            .and_then(|(after, before)| after.checked_sub(before));
        if let Some(span) = self.record.spans.last_mut().filter(|span| span.ended.is_none()) {
            (span.ended, span.cpu) = (Some(now), cpu);
        }
    }

    fn end(&mut self, now: Duration, error: Option<Error>) {
        let record = &mut self.record;
        record.state = if error.is_none() { TaskState::Finished } else { TaskState::Failed };
        record.ended = Some(now);
        record.error = error;
        let this = record.spans.iter().filter(|span| span.attempt == record.attempt);
        record.cpu = this.map(|span| span.cpu).sum::<Option<Duration>>().filter(|_| record.started.is_some());
        self.children = Vec::new();
    }

    fn cancelled(&self) -> Error {
        let message = format!("{} was cancelled before it was done", self.title());
        Error::new(ErrorKind::Cancelled, message)
    }
}
