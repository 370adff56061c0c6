//! Waiting for values.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Cluster;
use super::object::ObjectRef;
use crate::error::{Error, ErrorKind, Result};

/// What [`Cluster::wait`] hands back: the references that are done, and the others.
pub type Waited<T> = (Vec<ObjectRef<T>>, Vec<ObjectRef<T>>);

impl Cluster {
    /// Waits until the value is there; `ray.get`. The value is shared, not copied.
    ///
    /// In a task, the worker runs the task that it waits for, if nobody has begun it; if somebody
    /// has, another thread takes the worker's place meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Task`](crate::ErrorKind::Task) where the task failed: the message says which task,
    /// how many attempts it had, and why the last one failed.
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) where it was cancelled,
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the system gives no thread to take the place of
    /// a task that waits.
    pub fn get<T: Send + Sync + 'static>(&self, object: &ObjectRef<T>) -> Result<Arc<T>> {
        loop {
            if let Some(value) = object.value() {
                return value;
            }
            let here = object.producer().is_some_and(|task| self.shared.engine.run_here(task));
            if !here {
                self.shared.engine.wait(&mut || object.block())?;
            }
        }
    }

    /// [`get`](Self::get) for many, in the order given; `ray.get([...])`.
    ///
    /// # Errors
    /// That of the first that failed.
    pub fn get_all<T: Send + Sync + 'static>(&self, objects: &[ObjectRef<T>]) -> Result<Vec<Arc<T>>> {
        objects.iter().map(|object| self.get(object)).collect()
    }

    /// Waits until `num_returns` are done (finished or failed), and hands back those that are and
    /// those that are not yet, each in the order given; `ray.wait`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter) where `num_returns` is 0 or
    /// more than there are, [`ErrorKind::Io`](crate::ErrorKind::Io) as [`get`](Self::get).
    pub fn wait<T: Send + Sync + 'static>(
        &self,
        objects: &[ObjectRef<T>],
        num_returns: usize,
    ) -> Result<Waited<T>> {
        self.wait_timeout(objects, num_returns, Duration::MAX)
    }

    /// [`wait`](Self::wait), but no longer than `timeout`: then it hands back what is done by then.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_timeout<T: Send + Sync + 'static>(
        &self,
        objects: &[ObjectRef<T>],
        num_returns: usize,
        timeout: Duration,
    ) -> Result<Waited<T>> {
        if num_returns == 0 || num_returns > objects.len() {
            let allowed = format!("from 1 to the number of references, {}", objects.len());
            return Err(Error::invalid("num_returns", num_returns, allowed));
        }
        let deadline = Instant::now().checked_add(timeout);
        let arrived = Arrived::of(objects);
        if !arrived.enough(num_returns) {
            self.shared.engine.wait(&mut || arrived.wait(num_returns, deadline))?;
        }
        // Ray hands back at most as many as were asked for, the rest counts as not yet looked at.
        let mut ready = Vec::new();
        let mut rest = Vec::new();
        for object in objects {
            match object.is_done() && ready.len() < num_returns {
                true => ready.push(object.clone()),
                false => rest.push(object.clone()),
            }
        }
        Ok((ready, rest))
    }

    /// Calls something that waits for tasks in a way of its own. In a task, another thread takes the
    /// worker's place meanwhile.
    pub(crate) fn block<T>(&self, wait: impl FnOnce() -> T) -> Result<T> {
        let (mut wait, mut value) = (Some(wait), None);
        self.shared.engine.wait(&mut || value = wait.take().map(|wait| wait()))?;
        value.ok_or_else(|| Error::new(ErrorKind::Task, "the worker did not wait"))
    }
}

/// Counts the values that are there.
struct Arrived(Arc<(Mutex<usize>, Condvar)>);

impl Arrived {
    fn of<T: Send + Sync + 'static>(objects: &[ObjectRef<T>]) -> Self {
        let count = Arc::new((Mutex::new(0), Condvar::new()));
        for object in objects {
            let count = Arc::clone(&count);
            object.when_done(move || {
                *count.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                count.1.notify_one();
            });
        }
        Self(count)
    }

    fn enough(&self, wanted: usize) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) >= wanted
    }

    fn wait(&self, wanted: usize, deadline: Option<Instant>) {
        let (count, changed) = &*self.0;
        let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
        while *count < wanted {
            let Some(deadline) = deadline else {
                count = changed.wait(count).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            count = changed.wait_timeout(count, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
