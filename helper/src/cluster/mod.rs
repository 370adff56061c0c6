//! Tasks and objects on the threads of this machine, under Ray's names.
//!
//! [`Cluster::put`] shares a value, [`Cluster::remote`] calls a function on a worker and returns
//! at once, [`Cluster::get`] waits for a result, [`Cluster::wait`] for the first results.
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
//! A remote function that panics is called again ([`Options::max_retries`]). So it is an `Fn`, and clones
//! values that it consumes.
//!
//! A task may wait for other tasks: [`Cluster::get`] and [`Cluster::wait`] then run, on the same worker, the
//! tasks that it waits for and their arguments, if no worker has begun them; otherwise the worker is idle
//! until they are done. So no graph of tasks can deadlock, even on one worker, and no more tasks run at once
//! than there are workers. Tasks that wait for each other in a chain share the worker's stack, which has
//! room for some 10,000; a longer chain fails with an error. A chain of arguments takes no stack.
//!
//! The workers are a rayon pool: a parallel iterator inside a task, or in [`Cluster::install`], runs on them
//! too. Do not wait for tasks inside the closures of a parallel iterator.

mod args;
mod call;
mod completed;
mod log;
mod object;
mod pool;
mod record;
pub(crate) mod task;
mod wait;

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

pub use args::{Args, Held};
pub(crate) use call::MAX_RETRIES;
pub use call::{Cause, Options};
pub use log::Report;
pub(crate) use log::{Log, Snapshot};
pub use object::ObjectRef;
pub(crate) use pool::task_is_cancelled;
pub use record::{Span, TaskRecord, TaskState, Tasks};
pub use wait::Waited;
pub(crate) use wait::until_done;

use crate::error::{Error, Result};
use pool::Pool;

/// Workers that run tasks, and the log of these tasks.
///
/// A clone is another handle to the same workers; they end with the last handle, once all tasks are done.
/// The log keeps the latest 100,000 tasks, of about 500 bytes each, and all that are not done.
#[derive(Clone)]
pub struct Cluster {
    pool: Arc<Pool>,
    log: Arc<Log>,
}

impl Cluster {
    /// One worker for each core that the process may use; Ray's `ray.init()`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the system gives no more threads.
    pub fn local() -> Result<Self> {
        Self::local_with(std::thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// This number of workers, each a thread; Ray's `ray.init(num_cpus=workers)`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter) for 0 or more than 1,024
    /// workers, [`ErrorKind::Io`](crate::ErrorKind::Io) where the system gives no more threads.
    pub fn local_with(workers: usize) -> Result<Self> {
        if !(1..=1024).contains(&workers) {
            return Err(Error::invalid("workers", workers, "from 1 to 1,024"));
        }
        Ok(Self { pool: Pool::new(workers)?, log: Log::new(workers) })
    }

    /// How many tasks can run at the same time.
    pub fn workers(&self) -> usize {
        self.log.workers()
    }

    /// Makes a value an argument for tasks; `ray.put`. It is moved and shared: neither a task nor
    /// [`get`](Self::get) copies it.
    pub fn put<T: Send + Sync + 'static>(&self, value: T) -> ObjectRef<T> {
        ObjectRef::ready(value)
    }

    /// Submits a task that calls `f` on a worker; returns at once, with a reference to its result. Ray's
    /// `.remote(...)` of a `@ray.remote` function.
    ///
    /// `args` is `&object`, a tuple of up to three such references, a slice of them, or `()`; `f` gets
    /// references to the values. The task starts when all values are there; it fails if a task that produces
    /// one failed, or if `f` has panicked four times ([`Options::max_retries`]). An `Err` that `f`
    /// returns is a value like any other: see [`Options::try_remote`].
    pub fn remote<A, F, R>(&self, args: A, f: F) -> ObjectRef<R>
    where
        A: Args,
        F: for<'a> Fn(<A::Held as Held>::View<'a>) -> R + Send + 'static,
        R: Send + Sync + 'static,
    {
        self.options().remote(args, f)
    }

    /// Options of a task: its name, its retries, and functions that can fail; Ray's `.options(...)`:
    /// `cluster.options().name("fit").max_retries(0).remote(&data, fit)`.
    pub fn options(&self) -> Options<'_> {
        Options::new(&self.pool, &self.log)
    }

    /// Waits until the value is there; `ray.get`. The value is shared, not copied. In a task, see the
    /// [module](self).
    ///
    /// # Errors
    /// [`ErrorKind::Task`](crate::ErrorKind::Task) where the task failed: the message says which task, how
    /// many attempts it had, and why the last one failed; also where a chain of tasks that wait for each
    /// other fills the worker's stack. [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) where it was
    /// cancelled.
    pub fn get<T: Send + Sync + 'static>(&self, object: &ObjectRef<T>) -> Result<Arc<T>> {
        object.get()
    }

    /// [`get`](Self::get) for many, in the order given; `ray.get([...])`.
    ///
    /// # Errors
    /// The error of the first that failed.
    pub fn get_all<T: Send + Sync + 'static>(&self, objects: &[ObjectRef<T>]) -> Result<Vec<Arc<T>>> {
        objects.iter().map(ObjectRef::get).collect()
    }

    /// Waits until `num_returns` references are done (finished or failed); returns these and the others,
    /// each in the order given; `ray.wait`. In a task, see the [module](self).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter) where `num_returns` is 0 or
    /// above the number of references, [`ErrorKind::Task`](crate::ErrorKind::Task) where the worker's stack is full.
    pub fn wait<T: Send + Sync + 'static>(
        &self,
        objects: &[ObjectRef<T>],
        num_returns: usize,
    ) -> Result<Waited<T>> {
        wait::wait(objects, num_returns, Duration::MAX)
    }

    /// [`wait`](Self::wait), but returns after `timeout` in any case. In a task it may take longer: until
    /// the worker has ended a task that it runs while it waits.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_timeout<T: Send + Sync + 'static>(
        &self,
        objects: &[ObjectRef<T>],
        num_returns: usize,
        timeout: Duration,
    ) -> Result<Waited<T>> {
        wait::wait(objects, num_returns, timeout)
    }

    /// Calls `f` on a worker and waits for its value; rayon's `ThreadPool::install`. Parallel iterators in
    /// `f` run on this cluster's workers, but not as tasks: they have no record and no retries.
    ///
    /// ```
    /// use helper::Cluster;
    /// use helper::rayon::prelude::*;
    ///
    /// # fn main() -> helper::Result<()> {
    /// let cluster = Cluster::local_with(2)?;
    /// let squares: Vec<u64> = cluster.install(|| (0..4_u64).into_par_iter().map(|n| n * n).collect());
    /// assert_eq!(squares, [0, 1, 4, 9]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// If `f` panics.
    pub fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        self.pool.install(f)
    }

    /// Cancels the task that produces this value, and the tasks that it submitted; `ray.cancel`.
    ///
    /// A task that no worker has begun fails at once. A running task can check [`cancelled`](Self::cancelled)
    /// and return early; it fails in any case. [`get`](Self::get) then gives an error of the kind
    /// [`Cancelled`](crate::ErrorKind::Cancelled). Nothing happens to a task that is done.
    pub fn cancel<T: Send + Sync + 'static>(&self, object: &ObjectRef<T>) {
        if let Some(task) = object.producer() {
            task.cancel();
        }
    }

    /// Whether the calling task, or the task that submitted it, has been cancelled; false outside a task.
    /// Cheap enough for every turn of a loop.
    pub fn cancelled(&self) -> bool {
        task_is_cancelled()
    }

    /// Records a result with some numbers, which the dashboard and [`summary`](Self::summary) show:
    /// `cluster.report("100 trees", &[("MSE", 0.25)])`. The latest 10,000 are kept.
    pub fn report(&self, name: impl Into<String>, metrics: &[(&str, f64)]) {
        self.log.report(name, metrics);
    }

    /// Every task so far, as it stands now; `ray list tasks`. Of more than 100,000 the oldest that are done
    /// are missing.
    pub fn tasks(&self) -> Tasks {
        self.log.tasks()
    }

    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster of {} workers on this machine, {} tasks so far", self.workers(), self.log.len())
    }
}
