//! A task: how it stands, and who may begin it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::log::Events;
use super::record::{Span, TaskRecord, TaskState};
use crate::error::{Error, ErrorKind};
use crate::platform;

/// What a worker does for a task, once its arguments are there: one attempt.
pub(crate) trait Job: Send {
    fn run(self: Box<Self>, worker: usize);
}

pub(crate) struct Task {
    events: Arc<Events>,
    /// The task in which it was asked for.
    parent: Weak<Task>,
    cancelled: AtomicBool,
    record: Mutex<Running>,
    /// Whoever takes it begins the task.
    job: Mutex<Option<Box<dyn Job>>>,
}

struct Running {
    record: TaskRecord,
    cpu_at_start: Option<Duration>,
}

impl Task {
    pub(super) fn new(id: usize, name: String, events: &Arc<Events>, parent: Option<&Arc<Self>>) -> Self {
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
            parent: parent.map_or_else(Weak::new, Arc::downgrade),
            cancelled: AtomicBool::new(false),
            record: Mutex::new(Running { record, cpu_at_start: None }),
            job: Mutex::default(),
        }
    }

    pub(crate) fn record(&self) -> TaskRecord {
        self.lock().record.clone()
    }

    pub(crate) fn state(&self) -> TaskState {
        self.lock().record.state
    }

    /// What it is called in a message.
    pub(crate) fn title(&self) -> String {
        let running = self.lock();
        format!("task {} ({})", running.record.id, running.record.name)
    }

    pub(crate) fn give_job(&self, job: Box<dyn Job>) {
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
    }

    pub(crate) fn take_job(self: &Arc<Self>) -> Option<(Arc<Self>, Box<dyn Job>)> {
        let job = self.job.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((Arc::clone(self), job))
    }

    /// An attempt begins, unless the task was cancelled before.
    pub(crate) fn begin(&self, worker: usize) -> bool {
        self.change(|running, now| {
            if self.is_cancelled() || running.record.state != TaskState::Pending {
                return None;
            }
            running.record.state = TaskState::Running;
            running.record.started = Some(now);
            running.open(worker, now);
            Some(())
        })
        .is_some()
    }

    /// The attempt failed, and another one is to come.
    pub(crate) fn fail_once(&self, error: Error) {
        self.change(|running, now| {
            running.close(now);
            running.record.state = TaskState::Pending;
            running.record.attempt += 1;
            running.record.error = Some(error);
            Some(())
        });
    }

    /// It is done: with a value, or with the error that is handed back. A task that was cancelled
    /// meanwhile has failed, whatever came out.
    pub(crate) fn end(&self, error: Option<Error>) -> Option<Error> {
        let mut last = None;
        self.change(|running, now| {
            if running.record.state.is_last() {
                last.clone_from(&running.record.error);
                return None;
            }
            running.close(now);
            last = if self.is_cancelled() { Some(running.cancelled()) } else { error };
            running.end(now, last.clone());
            Some(())
        });
        last
    }

    /// It ran on another machine's worker, which has told of it afterwards.
    pub(crate) fn ran(&self, worker: usize, started: Duration, ended: Duration, cpu: Option<Duration>) {
        let mut running = self.lock();
        let record = &mut running.record;
        let attempt = record.attempt;
        record.spans.retain(|span| span.attempt != attempt);
        record.spans.push(Span { attempt, worker, started, ended: Some(ended), cpu });
        (record.worker, record.started) = (Some(worker), Some(started));
    }

    /// What the task is at now waits for another task.
    pub(crate) fn pause(&self) {
        self.lock().close(self.events.elapsed());
    }

    /// It goes on.
    pub(crate) fn resume(&self, worker: usize) {
        self.lock().open(worker, self.events.elapsed());
    }

    /// From now on the task counts as cancelled, if it is not done yet. If nobody is at it, it has
    /// failed, with the error that is handed back.
    pub(crate) fn cancel(&self) -> Option<Error> {
        let mut error = None;
        self.change(|running, now| {
            if running.record.state.is_last() {
                return None;
            }
            self.cancelled.store(true, Ordering::Relaxed);
            if running.record.state == TaskState::Running {
                return None;
            }
            error = Some(running.cancelled());
            running.end(now, error.clone());
            Some(())
        });
        error
    }

    /// Whether it was cancelled, or the task in which it was asked for.
    pub(crate) fn is_cancelled(&self) -> bool {
        if self.cancelled.load(Ordering::Relaxed) {
            return true;
        }
        let mut next = self.parent.upgrade();
        while let Some(parent) = next {
            if parent.cancelled.load(Ordering::Relaxed) {
                return true;
            }
            next = parent.parent.upgrade();
        }
        false
    }

    /// Tells the listeners how the task stands.
    pub(crate) fn announce(&self) {
        self.events.tell(|| self.record());
    }

    /// Changes the record, and tells the listeners if there is something to tell.
    fn change<T>(&self, change: impl FnOnce(&mut Running, Duration) -> Option<T>) -> Option<T> {
        let changed = {
            let mut running = self.lock();
            change(&mut running, self.events.elapsed())
        };
        if changed.is_some() {
            self.announce();
        }
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// A worker is at it from now on.
    fn open(&mut self, worker: usize, now: Duration) {
        self.record.worker = Some(worker);
        self.cpu_at_start = platform::thread_cpu();
        let attempt = self.record.attempt;
        self.record.spans.push(Span { attempt, worker, started: now, ended: None, cpu: None });
    }

    /// No worker is at it any more, for now.
    fn close(&mut self, now: Duration) {
        // Checked: where others run the task, this may be another thread than the one that it was begun on.
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
    }

    fn cancelled(&self) -> Error {
        let TaskRecord { id, name, .. } = &self.record;
        Error::new(ErrorKind::Cancelled, format!("task {id} ({name}) was cancelled before it was done"))
    }
}
