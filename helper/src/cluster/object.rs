//! References to values that are there, or will be.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::task::{Task, TaskRecord};
use crate::error::Result;

/// A reference to a value in the cluster: put there, or what a task gives when it is done; Ray's
/// `ObjectRef`. A clone refers to the same value, which is freed with the last reference.
pub struct ObjectRef<T> {
    slot: Arc<Slot<T>>,
}

struct Slot<T> {
    state: Mutex<State<T>>,
    done: Condvar,
    task: Option<Arc<Task>>,
}

enum State<T> {
    Pending(Vec<Box<dyn FnOnce() + Send>>),
    Done(Result<Arc<T>>),
}

impl<T: Send + Sync + 'static> ObjectRef<T> {
    pub(super) fn ready(value: T) -> Self {
        Self::new(State::Done(Ok(Arc::new(value))), None)
    }

    pub(super) fn pending(task: &Arc<Task>) -> Self {
        Self::new(State::Pending(Vec::new()), Some(Arc::clone(task)))
    }

    fn new(state: State<T>, task: Option<Arc<Task>>) -> Self {
        Self { slot: Arc::new(Slot { state: Mutex::new(state), done: Condvar::new(), task }) }
    }

    /// Whether the value is there, or the task failed.
    pub fn is_done(&self) -> bool {
        matches!(*self.state(), State::Done(_))
    }

    /// How the task that gives this value stands; `None` for a value that was put.
    pub fn task(&self) -> Option<TaskRecord> {
        self.slot.task.as_ref().map(|task| task.record())
    }

    /// The value, or why there is none, once it is done.
    pub(super) fn value(&self) -> Option<Result<Arc<T>>> {
        match &*self.state() {
            State::Pending(_) => None,
            State::Done(value) => Some(value.clone()),
        }
    }

    /// The task that gives the value, if it is one that does.
    pub(super) fn producer(&self) -> Option<&Arc<Task>> {
        self.slot.task.as_ref()
    }

    /// Keeps this thread until the value is there or the task failed.
    pub(super) fn block(&self) {
        let mut state = self.state();
        while matches!(*state, State::Pending(_)) {
            state = self.slot.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Brings the value, or why there is none; what comes first counts.
    pub(super) fn settle(&self, value: Result<T>) {
        let waiting = {
            let mut state = self.state();
            let State::Pending(waiting) = &mut *state else { return };
            let waiting = std::mem::take(waiting);
            *state = State::Done(value.map(Arc::new));
            waiting
        };
        self.slot.done.notify_all();
        waiting.into_iter().for_each(|then| then());
    }

    /// Calls `then` once the value is there or the task failed: now, if that is so already, else
    /// on the worker that brings it about.
    pub(crate) fn when_done(&self, then: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        match &mut *state {
            State::Pending(waiting) => waiting.push(Box::new(then)),
            State::Done(_) => {
                drop(state);
                then();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.slot.state.lock().unwrap_or_else(PoisonError::into_inner)
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
