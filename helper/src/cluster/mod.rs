//! Tasks and objects on the threads of this machine, under Ray's names.
//!
//! [`Cluster::put`] shares a value, [`Cluster::remote`] calls a function on a worker and returns
//! at once, [`Cluster::get`] waits for what came out, [`Cluster::wait`] for the first that is done.
//!
//! ```
//! use helper::Cluster;
//!
//! # fn main() -> helper::Result<()> {
//! let cluster = Cluster::local_with(2)?;
//! let numbers = cluster.put(vec![1, 2, 3]);
//! let sum = cluster.remote(&numbers, |numbers| numbers.iter().sum::<i32>());
//! assert_eq!(*cluster.get(&sum)?, 6);
//! # Ok(())
//! # }
//! ```
//!
//! A cluster may be made in one notebook cell and used in any other. Where a kernel links the
//! helper into each cell, each carries a copy of rayon of its own; so nothing here but the engine,
//! called through its vtable, ever calls rayon: it is always the copy that made the threads.

mod args;
mod engine;
mod object;
mod task;

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use args::{Args, Held};
pub use object::ObjectRef;
pub use task::{TaskRecord, TaskState, Tasks};

use crate::error::{Error, Result};
use engine::{Engine, Threads};
use task::Task;

/// What [`Cluster::wait`] hands back: the references that are done, and the others.
pub type Waited<T> = (Vec<ObjectRef<T>>, Vec<ObjectRef<T>>);

/// Workers that run tasks, and the log of what they ran.
///
/// A clone is another handle to the same workers; they end with the last handle.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Arc<dyn Engine>,
    workers: usize,
    epoch: Instant,
    next: AtomicUsize,
    log: Mutex<Vec<Arc<Task>>>,
}

impl Cluster {
    /// As many workers as this machine lets the process use cores; Ray's `ray.init()`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the system gives no more threads.
    pub fn local() -> Result<Self> {
        Self::local_with(std::thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// Just so many workers, each a thread; Ray's `ray.init(num_cpus=workers)`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter) for 0 or more than 1,024
    /// workers, [`ErrorKind::Io`](crate::ErrorKind::Io) where the system gives no more threads.
    pub fn local_with(workers: usize) -> Result<Self> {
        if !(1..=1024).contains(&workers) {
            return Err(Error::invalid("workers", workers, "from 1 to 1,024"));
        }
        let engine = Arc::new(Threads::new(workers)?);
        let shared = Shared {
            engine,
            workers,
            epoch: Instant::now(),
            next: AtomicUsize::new(0),
            log: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// How many tasks can run at the same time.
    pub fn workers(&self) -> usize {
        self.shared.workers
    }

    /// Puts a value where every task can see it; `ray.put`. It is moved in, and shared from then
    /// on: neither a task nor [`get`](Self::get) copies it.
    pub fn put<T: Send + Sync + 'static>(&self, value: T) -> ObjectRef<T> {
        ObjectRef::ready(value)
    }

    /// Calls `f` on a worker, and returns at once with a reference to what will come out; a
    /// `@ray.remote` function's `.remote(...)`.
    ///
    /// `args` is `&object`, a tuple of up to three such references, a slice of them, or `()`; the
    /// function is given references to the values. It starts when all of them are there; if one
    /// of them failed, so does this task.
    ///
    /// # Panics
    /// Never here: a panic in `f` becomes an error from [`get`](Self::get).
    pub fn remote<A, F, R>(&self, args: A, f: F) -> ObjectRef<R>
    where
        A: Args,
        F: for<'a> FnOnce(<A::Held as Held>::View<'a>) -> R + Send + 'static,
        R: Send + Sync + 'static,
    {
        self.remote_named("remote", args, f)
    }

    /// [`remote`](Self::remote) with a name that [`tasks`](Self::tasks) shows; Ray's
    /// `.options(name=...)`.
    pub fn remote_named<A, F, R>(&self, name: impl Into<String>, args: A, f: F) -> ObjectRef<R>
    where
        A: Args,
        F: for<'a> FnOnce(<A::Held as Held>::View<'a>) -> R + Send + 'static,
        R: Send + Sync + 'static,
    {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let task = Arc::new(Task::new(id, name.into(), self.shared.epoch));
        self.log().push(Arc::clone(&task));
        let result = ObjectRef::pending(&task);
        let (held, engine) = (args.hold(), Arc::clone(&self.shared.engine));
        let out = result.clone();
        let queue = move |held: A::Held| {
            engine.spawn(Box::new(move |worker| {
                // The closure unwinds here, in the cell that made it: a panic must not cross into
                // another cell's code.
                let value = task.run(worker, || held.view().map(f));
                // What the task was given is let go before anyone learns that it is done.
                drop(held);
                out.settle(value);
            }));
        };
        args::when_ready(held, queue);
        result
    }

    /// Waits until the value is there; `ray.get`. The value is shared, not copied. In a task this
    /// holds the worker for as long as it waits.
    ///
    /// # Errors
    /// [`ErrorKind::Task`](crate::ErrorKind::Task) where the task panicked; the message says which
    /// task, and what the panic said.
    pub fn get<T: Send + Sync + 'static>(&self, object: &ObjectRef<T>) -> Result<Arc<T>> {
        object.wait()
    }

    /// [`get`](Self::get) for many, in the order given; `ray.get([...])`.
    ///
    /// # Errors
    /// That of the first that failed.
    pub fn get_all<T: Send + Sync + 'static>(&self, objects: &[ObjectRef<T>]) -> Result<Vec<Arc<T>>> {
        objects.iter().map(|object| object.wait()).collect()
    }

    /// Waits until `num_returns` are done (finished or failed), and hands back those that are and
    /// those that are not yet, each in the order given; `ray.wait`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter) where `num_returns` is 0 or
    /// more than there are.
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
        let done = Arc::new((Mutex::new(0_usize), Condvar::new()));
        for object in objects {
            let done = Arc::clone(&done);
            object.when_done(move || {
                *done.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                done.1.notify_one();
            });
        }
        let deadline = Instant::now().checked_add(timeout);
        let mut count = done.0.lock().unwrap_or_else(PoisonError::into_inner);
        while *count < num_returns {
            let Some(deadline) = deadline else {
                count = done.1.wait(count).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            count = done.1.wait_timeout(count, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(count);
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

    /// Every task so far, as it stands now; `ray list tasks`.
    pub fn tasks(&self) -> Tasks {
        Tasks(self.log().iter().map(|task| task.record()).collect())
    }

    /// The time since the cluster's start, on the clock of its task records.
    pub(crate) fn elapsed(&self) -> Duration {
        self.shared.epoch.elapsed()
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Task>>> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster of {} workers on this machine, {} tasks so far", self.workers(), self.log().len())
    }
}
