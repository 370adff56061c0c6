//! A task: its record, its job and its waiters.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::completed;
use super::record::{Span, TaskRecord, TaskState};
use crate::error::{Error, ErrorKind, Result};
use crate::platform;

/// A function that runs a task to its end, on the thread that took it from the task.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// A task of a cluster, or the record of one that Ray runs.
pub struct Task {
    /// The cluster's start.
    epoch: Instant,
    cancelled: AtomicBool,
    /// Set when the task is done and its value is there.
    done: OnceLock<()>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    record: TaskRecord,
    /// Processor time of the worker's thread at the start of the open span.
    cpu_at_start: Option<Duration>,
    /// Tasks that this one submitted.
    children: Vec<Weak<Task>>,
    job: Option<Job>,
    /// Tasks that produce its arguments.
    needs: Vec<Arc<Task>>,
    /// Functions to call once the task is done.
    callbacks: Vec<Box<dyn FnOnce() + Send>>,
}

/// The job and its end.
impl Task {
    pub(super) fn new(id: usize, name: String, epoch: Instant) -> Self {
        let record = TaskRecord { id, name, attempt: 1, queued: epoch.elapsed(), ..TaskRecord::default() };
        Self {
            epoch,
            cancelled: AtomicBool::new(false),
            done: OnceLock::new(),
            inner: Mutex::new(Inner { record, ..Inner::default() }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the job, which can run once the needs are done.
    pub(super) fn set_job(&self, job: Job, needs: Vec<Arc<Self>>) {
        let mut inner = self.lock();
        (inner.job, inner.needs) = (Some(job), needs);
    }

    /// Takes the job for the caller to run; `None` if another thread took it. Requires that
    /// [`need`](Self::need) is `None`.
    pub(super) fn claim(&self) -> Option<Job> {
        self.lock().job.take()
    }

    /// A needed task that is not done: the last that nobody has begun, since workers begin the first ones;
    /// otherwise any.
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

    /// Marks the task as done, once its value is set, and wakes its waiters.
    pub(super) fn set_done(&self) {
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

    /// Registers a task that this one submitted: it is cancelled with this one.
    pub(super) fn adopt(&self, child: &Arc<Self>) {
        let mut inner = self.lock();
        if self.is_cancelled() {
            child.cancelled.store(true, Ordering::Relaxed);
        }
        inner.children.push(Arc::downgrade(child));
    }

    /// Cancels the task and the tasks that it submitted, unless they are done. A task that nobody has begun
    /// fails at once.
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

/// The record.
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
    pub(crate) fn begin(&self, worker: usize) -> Result<()> {
        let mut inner = self.lock();
        if self.is_cancelled() {
            return Err(inner.record.cancelled());
        }
        let now = self.epoch.elapsed();
        inner.record.state = TaskState::Running;
        inner.record.started = Some(now);
        inner.open_span(worker, now);
        Ok(())
    }

    /// An attempt failed, and another one will follow.
    pub(crate) fn fail_once(&self, error: Error) {
        let mut inner = self.lock();
        inner.close_span(self.epoch.elapsed());
        inner.record.state = TaskState::Pending;
        inner.record.attempt += 1;
        inner.record.error = Some(error);
    }

    /// The task ends, with an error if it failed, or if it was cancelled. Returns the error in the record.
    pub(crate) fn end(&self, error: Option<Error>) -> Option<Error> {
        let mut inner = self.lock();
        if !inner.record.state.is_last() {
            let now = self.epoch.elapsed();
            inner.close_span(now);
            inner.children = Vec::new();
            let record = &mut inner.record;
            record.error = if self.is_cancelled() { Some(record.cancelled()) } else { error };
            record.state = match record.error.as_ref().map(Error::kind) {
                None => TaskState::Finished,
                Some(ErrorKind::Cancelled) => TaskState::Cancelled,
                Some(_) => TaskState::Failed,
            };
            record.ended = Some(now);
            record.cpu = record.latest().map(|span| span.cpu).reduce(|sum, cpu| Some(sum? + cpu?)).flatten();
        }
        inner.record.error.clone()
    }

    /// Records the span of an attempt that ran on another machine.
    pub(crate) fn ran(&self, worker: usize, started: Duration, ended: Duration, cpu: Option<Duration>) {
        let record = &mut self.lock().record;
        let attempt = record.attempt;
        record.spans.retain(|span| span.attempt != attempt);
        record.spans.push(Span { attempt, worker, started, ended: Some(ended), cpu });
        (record.worker, record.started) = (Some(worker), Some(started));
    }

    /// The task begins to wait for another task.
    pub(super) fn pause(&self) {
        self.lock().close_span(self.epoch.elapsed());
    }

    /// The task goes on, on the same worker.
    pub(super) fn resume(&self) {
        let mut inner = self.lock();
        if let Some(worker) = inner.record.worker {
            inner.open_span(worker, self.epoch.elapsed());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn states_follow_the_attempts() {
        let task = Task::new(0, String::new(), Instant::now());
        let state = || (task.state(), task.record().attempt);
        assert_eq!(state(), (TaskState::Pending, 1));
        let failed = Error::new(ErrorKind::Task, "failed");
        for attempt in 1..3 {
            task.begin(0).unwrap();
            assert_eq!(state(), (TaskState::Running, attempt));
            task.fail_once(failed.clone());
            assert_eq!(
                (state(), task.record().error),
                ((TaskState::Pending, attempt + 1), Some(failed.clone()))
            );
        }
        task.begin(0).unwrap();
        assert_eq!(task.end(None), None);
        assert_eq!((state(), task.record().error), ((TaskState::Finished, 3), None));
        assert_eq!(task.end(Some(failed)), None, "the first end counts");
    }
}
