//! References to values in the cluster.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::pool;
use super::record::TaskRecord;
use super::task::Task;
use crate::error::{Error, Result};

/// A reference to a value in the cluster: one that was put there, or the result of a task; Ray's
/// `ObjectRef`. A clone refers to the same value, which is freed with the last reference.
pub struct ObjectRef<T> {
    slot: Arc<Slot<T>>,
}

struct Slot<T> {
    value: OnceLock<Result<Arc<T>>>,
    /// The task that produces the value; `None` for a value that was put.
    task: Option<Arc<Task>>,
}

impl<T: Send + Sync + 'static> ObjectRef<T> {
    pub(super) fn ready(value: T) -> Self {
        Self { slot: Arc::new(Slot { value: OnceLock::from(Ok(Arc::new(value))), task: None }) }
    }

    pub(super) fn pending(task: Arc<Task>) -> Self {
        Self { slot: Arc::new(Slot { value: OnceLock::new(), task: Some(task) }) }
    }

    /// Whether the value is there, or the task failed.
    pub fn is_done(&self) -> bool {
        self.producer().is_none_or(|task| task.is_done())
    }

    /// The record of the task that produces this value; `None` for a value that was put.
    pub fn task(&self) -> Option<TaskRecord> {
        self.producer().map(|task| task.record())
    }

    pub(super) fn producer(&self) -> Option<&Arc<Task>> {
        self.slot.task.as_ref()
    }

    /// [`Cluster::get`](super::Cluster::get).
    pub(crate) fn get(&self) -> Result<Arc<T>> {
        if let Some(task) = self.producer() {
            pool::wait_for(task)?;
        }
        self.value().cloned()
    }

    /// The value, or the task's error. Blocks until the task is done.
    pub(super) fn value(&self) -> Result<&Arc<T>> {
        self.slot.value.wait().as_ref().map_err(Error::clone)
    }

    /// Sets the value, or the error. The task's job calls this once.
    pub(super) fn settle(self, value: Result<T>, task: &Task) {
        self.slot.value.get_or_init(|| value.map(Arc::new));
        // Dropped before waiters wake, so that the value is freed with their references.
        drop(self);
        task.set_done();
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
