//! A task: its record, its job, and who waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::completed;
use super::events::Events;
use super::record::{Span, TaskRecord, TaskState};
use crate::error::{Error, Result};
use crate::platform;

/// Runs a task to its end. Whoever takes it from the task calls it.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// A task of a cluster, or the record of one that Ray runs.
pub struct Task {
    events: Arc<Events>,
    cancelled: AtomicBool,
    /// Set when the task is done and its value is there.
    done: OnceLock<()>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    record: TaskRecord,
    /// Processor time of the worker's thread at the start of the span that is open.
    cpu_at_start: Option<Duration>,
    /// Tasks that this one has asked for.
    children: Vec<Weak<Task>>,
    job: Option<Job>,
    /// Tasks that give its arguments.
    needs: Vec<Arc<Task>>,
    /// To be called once the task is done.
    callbacks: Vec<Box<dyn FnOnce() + Send>>,
}

/// Its job and its end.
impl Task {
    pub(super) fn new(id: usize, name: String, events: &Arc<Events>) -> Self {
        let record = TaskRecord { id, name, attempt: 1, queued: events.elapsed(), ..TaskRecord::default() };
        Self {
            events: Arc::clone(events),
            cancelled: AtomicBool::new(false),
            done: OnceLock::new(),
            inner: Mutex::new(Inner { record, ..Inner::default() }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the task its job, which can run once the needs are done.
    pub(super) fn give(&self, job: Job, needs: Vec<Arc<Self>>) {
        let mut inner = self.lock();
        (inner.job, inner.needs) = (Some(job), needs);
    }

    /// The job, for the caller to run, if nobody has taken it. Only for when [`need`](Self::need) gives `None`.
    pub(super) fn claim(&self) -> Option<Job> {
        self.lock().job.take()
    }

    /// An argument's task that is not done: the last that nobody has begun, since workers begin the first
    /// ones; else any.
    pub(super) fn need(&self) -> Option<Arc<Self>> {
        let needs = &mut self.lock().needs;
        while needs.pop_if(|need| need.is_done()).is_some() {}
        let last = needs.len().checked_sub(1)?;
        if let Some(unbegun) = needs.iter().rposition(|need| need.lock().job.is_some()) {
            needs.swap(unbegun, last);
        }
        needs.last().cloned()
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.get().is_some()
    }

    /// The task is done and its value is there: wakes all who wait for it.
    pub(super) fn open(&self) {
        let callbacks = {
            let mut inner = self.lock();
            self.done.get_or_init(|| ());
            std::mem::take(&mut inner.callbacks)
        };
        callbacks.into_iter().for_each(|callback| callback());
        completed::add();
    }

    /// Calls `then` once the task is done: now, or on the worker that runs it.
    pub(super) fn when_done(&self, then: impl FnOnce() + Send + 'static) {
        let mut inner = self.lock();
        if !self.is_done() {
            return inner.callbacks.push(Box::new(then));
        }
        drop(inner);
        then();
    }

    /// Blocks this thread until the task is done.
    pub(super) fn block(&self) {
        self.done.wait();
    }
}

/// Cancellation.
impl Task {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// This task asks for another, which is cancelled with it.
    pub(super) fn adopt(&self, child: &Arc<Self>) {
        let mut inner = self.lock();
        if self.is_cancelled() {
            child.cancelled.store(true, Ordering::Relaxed);
        }
        inner.children.push(Arc::downgrade(child));
    }

    /// Cancels the task and those that it has asked for, as far as they are not done. One that nobody has
    /// begun fails at once.
    pub(crate) fn cancel(self: &Arc<Self>) {
        let mut tasks = vec![Arc::clone(self)];
        while let Some(task) = tasks.pop() {
            let mut inner = task.lock();
            if inner.record.state.is_last() {
                continue;
            }
            task.cancelled.store(true, Ordering::Relaxed);
            tasks.extend(inner.children.iter().filter_map(Weak::upgrade));
            let (job, needs) = (inner.job.take(), std::mem::take(&mut inner.needs));
            drop(inner);
            drop(needs);
            if let Some(job) = job {
                job();
            }
        }
    }
}

/// Its record.
impl Task {
    pub(crate) fn record(&self) -> TaskRecord {
        self.lock().record.clone()
    }

    pub(super) fn state(&self) -> TaskState {
        self.lock().record.state
    }

    /// An attempt begins.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) if the task was cancelled.
    pub(super) fn begin(&self, worker: usize) -> Result<()> {
        self.change(|inner, now| {
            if self.is_cancelled() {
                return Err(inner.record.cancelled());
            }
            inner.record.state = TaskState::Running;
            inner.record.started = Some(now);
            inner.open_span(worker, now);
            Ok(())
        })
    }

    /// The attempt failed, and another one will follow.
    pub(crate) fn fail_once(&self, error: Error) {
        let _ = self.change(|inner, now| {
            inner.close_span(now);
            inner.record.state = TaskState::Pending;
            inner.record.attempt += 1;
            inner.record.error = Some(error);
            Ok::<_, ()>(())
        });
    }

    /// The task ends, with an error if it failed, or if it was cancelled. Returns the error in the record.
    pub(crate) fn end(&self, error: Option<Error>) -> Option<Error> {
        self.change(|inner, now| {
            if inner.record.state.is_last() {
                return Err(inner.record.error.clone());
            }
            inner.close_span(now);
            inner.children = Vec::new();
            let record = &mut inner.record;
            let error = if self.is_cancelled() { Some(record.cancelled()) } else { error };
            record.state = if error.is_none() { TaskState::Finished } else { TaskState::Failed };
            record.ended = Some(now);
            record.cpu = record.latest().map(|span| span.cpu).reduce(|sum, cpu| Some(sum? + cpu?)).flatten();
            record.error.clone_from(&error);
            Ok(error)
        })
        .unwrap_or_else(|error| error)
    }

    /// Notes the span of an attempt that ran on another machine.
    pub(crate) fn ran(&self, worker: usize, started: Duration, ended: Duration, cpu: Option<Duration>) {
        let record = &mut self.lock().record;
        let attempt = record.attempt;
        record.spans.retain(|span| span.attempt != attempt);
        record.spans.push(Span { attempt, worker, started, ended: Some(ended), cpu });
        (record.worker, record.started) = (Some(worker), Some(started));
    }

    /// The task begins to wait for another task.
    pub(super) fn pause(&self) {
        self.lock().close_span(self.events.elapsed());
    }

    /// It goes on, on the same worker.
    pub(super) fn resume(&self) {
        let mut inner = self.lock();
        if let Some(worker) = inner.record.worker {
            inner.open_span(worker, self.events.elapsed());
        }
    }

    /// Changes the record, and tells the listeners unless `change` says that nothing has changed.
    fn change<T, E>(&self, change: impl FnOnce(&mut Inner, Duration) -> Result<T, E>) -> Result<T, E> {
        let changed = change(&mut self.lock(), self.events.elapsed())?;
        self.events.tell(|| self.record());
        Ok(changed)
    }
}

impl Inner {
    fn open_span(&mut self, worker: usize, now: Duration) {
        self.record.worker = Some(worker);
        self.cpu_at_start = platform::thread_cpu();
        let attempt = self.record.attempt;
        self.record.spans.push(Span { attempt, worker, started: now, ended: None, cpu: None });
    }

    fn close_span(&mut self, now: Duration) {
        if let Some(span) = self.record.spans.last_mut().filter(|span| span.ended.is_none()) {
            span.ended = Some(now);
            let cpu = platform::thread_cpu().zip(self.cpu_at_start);
            span.cpu = cpu.and_then(|(after, before)| after.checked_sub(before));
        }
    }
}
