//! Who is told when a task changes its state, and the clock that tells when.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::record::TaskRecord;

type Listener = Arc<dyn Fn(&TaskRecord) + Send + Sync>;

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

    pub(super) fn listen(&self, listener: impl Fn(&TaskRecord) + Send + Sync + 'static) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(listener));
    }

    /// Calls all listeners; the record is made only if there are any.
    pub(super) fn tell(&self, record: impl FnOnce() -> TaskRecord) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner).clone();
        if listeners.is_empty() {
            return;
        }
        let record = record();
        for listener in listeners {
            // A listener that panics must not fail the task.
            let _ = catch_unwind(AssertUnwindSafe(|| listener(&record)));
        }
    }
}
