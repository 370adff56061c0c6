//! References to values that are there, or will be.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use super::record::TaskRecord;
use super::task::Task;
use crate::error::Result;

/// A reference to a value in the cluster: put there, or what a task gives when it is done; Ray's
/// `ObjectRef`. A clone refers to the same value, which is freed with the last reference.
pub struct ObjectRef<T> {
    slot: Arc<Slot<T>>,
}

struct Slot<T> {
    value: OnceLock<Result<Arc<T>>>,
    latch: Arc<Latch>,
    task: Option<Arc<Task>>,
}

/// Tells those who wait that the value is there. Apart from the value, so that the worker which brings
/// it has let go of it when they learn of it: it is freed as soon as they let go of it as well.
struct Latch {
    /// Whom to call; `None` once it is open.
    waiting: Mutex<Option<Vec<Callback>>>,
    opened: Condvar,
}

type Callback = Box<dyn FnOnce() + Send>;

impl Latch {
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Callback>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) {
        let waiting = self.lock().take();
        self.opened.notify_all();
        waiting.into_iter().flatten().for_each(|then| then());
    }
}

impl<T: Send + Sync + 'static> ObjectRef<T> {
    pub(super) fn ready(value: T) -> Self {
        Self::new(OnceLock::from(Ok(Arc::new(value))), None, None)
    }

    pub(super) fn pending(task: &Arc<Task>) -> Self {
        Self::new(OnceLock::new(), Some(Vec::new()), Some(Arc::clone(task)))
    }

    fn new(value: OnceLock<Result<Arc<T>>>, waiting: Option<Vec<Callback>>, task: Option<Arc<Task>>) -> Self {
        let latch = Arc::new(Latch { waiting: Mutex::new(waiting), opened: Condvar::new() });
        Self { slot: Arc::new(Slot { value, latch, task }) }
    }

    /// Whether the value is there, or the task failed.
    pub fn is_done(&self) -> bool {
        self.slot.latch.lock().is_none()
    }

    /// How the task that gives this value stands; `None` for a value that was put.
    pub fn task(&self) -> Option<TaskRecord> {
        self.slot.task.as_ref().map(|task| task.record())
    }

    /// The task that gives the value, if it is one that does.
    pub(super) fn producer(&self) -> Option<&Arc<Task>> {
        self.slot.task.as_ref()
    }

    /// The value, or why there is none, once it is done.
    pub(crate) fn value(&self) -> Option<Result<Arc<T>>> {
        if self.is_done() { self.slot.value.get().cloned() } else { None }
    }

    /// Keeps this thread until the value is there or the task failed.
    pub(crate) fn block(&self) {
        let mut waiting = self.slot.latch.lock();
        while waiting.is_some() {
            waiting = self.slot.latch.opened.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Brings the value, or why there is none; what comes first counts.
    pub(super) fn settle(self, value: Result<T>) {
        if self.slot.value.set(value.map(Arc::new)).is_ok() {
            let latch = Arc::clone(&self.slot.latch);
            drop(self);
            latch.open();
        }
    }

    /// Calls `then` once the value is there or the task failed: now, if that is so already, else
    /// on the worker that brings it about.
    pub(crate) fn when_done(&self, then: impl FnOnce() + Send + 'static) {
        let mut waiting = self.slot.latch.lock();
        match &mut *waiting {
            Some(waiting) => waiting.push(Box::new(then)),
            None => {
                drop(waiting);
                then();
            }
        }
    }
}

impl<T> Clone for ObjectRef<T> {
    fn clone(&self) -> Self {
        Self { slot: Arc::clone(&self.slot) }
    }
}

impl<T: Send + Sync + 'static> fmt::Debug for ObjectRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task() {
            None => f.write_str("ObjectRef(put)"),
            Some(task) => write!(f, "ObjectRef(task {}, {})", task.id, task.state),
        }
    }
}
