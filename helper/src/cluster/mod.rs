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
//! A function that is called this way may be called again: a panic is followed by another attempt
//! ([`Options::max_retries`]), so it is an `Fn`, as Ray's remote functions may be run again too.
//! What it uses up it clones first.
//!
//! A task may wait for other tasks: its worker then runs the one that it waits for, if nobody has
//! begun it, or else another thread takes the worker's place for so long. At no time do more tasks
//! run, those that wait left out, than there are workers.
//!
//! A cluster may be made in one notebook cell and used in any other. Where a kernel links the
//! helper into each cell, each carries a copy of its own of all thread-locals; so whatever looks at
//! the current thread is called through the engine's vtable: it is always the copy that made the
//! threads. A task of such a cell that waits through *another* cell's cluster keeps its worker.

mod args;
mod call;
mod engine;
mod log;
mod object;
mod record;
pub(crate) mod task;
mod wait;

use std::any::Any;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

pub use args::{Args, Held};
pub(crate) use call::MAX_RETRIES;
pub use call::{Cause, Options};
pub(crate) use engine::task_is_cancelled;
pub use log::Report;
pub(crate) use log::Snapshot;
pub use object::ObjectRef;
pub use record::{Span, TaskRecord, TaskState, Tasks};
pub use wait::Waited;

use crate::error::{Error, Result};
use engine::{Engine, Threads};
use log::{Events, Log};

/// Workers that run tasks, and the log of what they ran.
///
/// A clone is another handle to the same workers; they end with the last handle, once all that was
/// asked of them is done. The log keeps the latest 100,000 tasks, with some 300 bytes each and 64
/// more for each time that a task has waited for another.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Arc<dyn Engine>,
    workers: usize,
    events: Arc<Events>,
    log: Log,
    attached: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
}

/// A handle that does not keep the workers.
pub(crate) struct WeakCluster(Weak<Shared>);

impl WeakCluster {
    pub(crate) fn upgrade(&self) -> Option<Cluster> {
        self.0.upgrade().map(|shared| Cluster { shared })
    }
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
        let shared = Shared {
            engine: Arc::new(Threads::new(workers)?),
            workers,
            events: Arc::new(Events::new()),
            log: Log::default(),
            attached: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A log of tasks that others run.
    /// A new record of a task that others run.
    pub(crate) fn record_of_others(&self, name: &str) -> Arc<task::Task> {
        self.shared.log.add(|id| task::Task::new(id, name.to_owned(), &self.shared.events, None))
    }

    pub(crate) fn of_others(workers: usize) -> Self {
        let (engine, events) = (Arc::new(engine::Elsewhere), Arc::new(Events::new()));
        let shared = Shared { engine, workers, events, log: Log::default(), attached: Mutex::default() };
        Self { shared: Arc::new(shared) }
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
    /// If `f` panics it is called again, up to three times ([`options`](Self::options) has another
    /// number); if the last attempt panics as well, [`get`](Self::get) gives an error that says so.
    /// What `f` returns is the value, also where it is a `Result`: see
    /// [`try_remote`](Self::try_remote).
    pub fn remote<A, F, R>(&self, args: A, f: F) -> ObjectRef<R>
    where
        A: Args,
        F: for<'a> Fn(<A::Held as Held>::View<'a>) -> R + Send + 'static,
        R: Send + Sync + 'static,
    {
        self.options().remote(args, f)
    }

    /// [`remote`](Self::remote) for a function that can fail: an error that it returns fails the
    /// task, as an exception does in Ray, and is not followed by another attempt unless
    /// [`retry_exceptions`](Options::retry_exceptions) asks for it.
    pub fn try_remote<A, F, R, E>(&self, args: A, f: F) -> ObjectRef<R>
    where
        A: Args,
        F: for<'a> Fn(<A::Held as Held>::View<'a>) -> Result<R, E> + Send + 'static,
        R: Send + Sync + 'static,
        E: Into<Cause>,
    {
        self.options().try_remote(args, f)
    }

    /// Says how the next task is called and how often it may be tried; Ray's `.options(...)`:
    /// `cluster.options().name("fit").max_retries(0).remote(&data, fit)`.
    pub fn options(&self) -> Options<'_> {
        Options::new(self)
    }

    /// Cancels the task that gives this value, and those that it has asked for; `ray.cancel`.
    ///
    /// If nobody is at it, it has failed at once, and is never begun. If it is running, it can see
    /// it by [`cancelled`](Self::cancelled) and return early; whatever it returns, it has failed
    /// when it ends. It is not tried again. If it is done already, nothing happens.
    ///
    /// [`get`](Self::get) then gives an error of the kind
    /// [`Cancelled`](crate::ErrorKind::Cancelled).
    pub fn cancel<T: Send + Sync + 'static>(&self, object: &ObjectRef<T>) {
        let Some(task) = object.producer() else { return };
        if let Some(error) = task.cancel() {
            // With its job the arguments are let go.
            drop(task.take_job());
            object.clone().settle(Err(error));
        }
    }

    /// Whether the task that this is called in has been cancelled, or the one that asked for it.
    /// Cheap enough for every turn of a loop; always false outside a task.
    pub fn cancelled(&self) -> bool {
        self.shared.engine.cancelled()
    }

    /// Calls `listener` with the record of a task each time its state changes, on the thread that
    /// brings it about; it should be quick. It must not hold this cluster, which would never end.
    pub fn on_event(&self, listener: impl Fn(&TaskRecord) + Send + Sync + 'static) {
        self.shared.events.listen(Arc::new(listener));
    }

    /// Notes a result with some numbers, which the dashboard and [`summary`](Self::summary) show:
    /// `cluster.report("100 trees", &[("MSE", 0.25)])`. The latest 10,000 are kept.
    pub fn report(&self, name: impl Into<String>, metrics: &[(&str, f64)]) {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        self.shared.log.report(Report { name: name.into(), at: self.elapsed(), metrics });
    }

    /// Every task so far, as it stands now (of more than 100,000, the latest); `ray list tasks`.
    pub fn tasks(&self) -> Tasks {
        Tasks(self.shared.log.records())
    }

    /// How everything stands, with the latest `most` tasks that are done.
    pub(crate) fn snapshot(&self, most: usize) -> Snapshot {
        self.shared.log.snapshot(self.elapsed(), self.workers(), most)
    }

    /// The time since the cluster's start, on the clock of its task records.
    pub(crate) fn elapsed(&self) -> Duration {
        self.shared.events.elapsed()
    }

    pub(crate) fn downgrade(&self) -> WeakCluster {
        WeakCluster(Arc::downgrade(&self.shared))
    }

    /// What goes with the cluster and ends with it: what is there of this type, or what `make` makes.
    pub(crate) fn attached<T: Send + Sync + 'static>(
        &self,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let mut attached = self.shared.attached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = attached.clone().and_then(|there| there.downcast::<T>().ok()) {
            return Ok(there);
        }
        let made = Arc::new(make()?);
        *attached = Some(Arc::clone(&made) as Arc<dyn Any + Send + Sync>);
        Ok(made)
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tasks = self.shared.log.len();
        write!(f, "Cluster of {} workers on this machine, {tasks} tasks so far", self.workers())
    }
}
