//! Calling a function on a worker: its options, its attempts, and its end.

use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::args::{Args, Held};
use super::log::Log;
use super::object::ObjectRef;
use super::pool::{self, EXHAUSTED, Pool};
use super::task::{Job, Task};
use crate::error::{Error, ErrorKind, Result};
use crate::panics;

/// Attempts after a first one that panicked, unless [`Options::max_retries`] says otherwise; as in Ray.
pub(crate) const MAX_RETRIES: u32 = 3;

/// An error of a task's function, whatever its type: a text, or any type that is an error.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// The name of a task and how often it is tried: made by [`Cluster::options`](super::Cluster::options),
/// Ray's `.options(...)`.
///
/// ```
/// use helper::Cluster;
///
/// # fn main() -> helper::Result<()> {
/// let cluster = Cluster::local_with(2)?;
/// let sum = cluster.options().name("sum").max_retries(0).remote((), |()| 2 + 2);
/// assert_eq!(*cluster.get(&sum)?, 4);
/// # Ok(())
/// # }
/// ```
#[must_use = "options do nothing until `remote` is called on them"]
#[derive(Clone)]
pub struct Options<'c> {
    pool: &'c Arc<Pool>,
    log: &'c Log,
    name: Option<String>,
    policy: Policy,
}

/// When a failed attempt is followed by another.
#[derive(Debug, Clone, Copy)]
struct Policy {
    max_retries: u32,
    retry_exceptions: bool,
}

impl<'c> Options<'c> {
    pub(super) fn new(pool: &'c Arc<Pool>, log: &'c Log) -> Self {
        let policy = Policy { max_retries: MAX_RETRIES, retry_exceptions: false };
        Self { pool, log, name: None, policy }
    }

    /// The task's name in messages, tables and the trace; "remote" by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many more attempts follow a first one that panicked; 3 by default, as in Ray.
    pub fn max_retries(mut self, max_retries: u32) -> Self {
        self.policy.max_retries = max_retries;
        self
    }

    /// Whether an error that the function *returns* is followed by another attempt as well; not by
    /// default, as in Ray.
    pub fn retry_exceptions(mut self, retry_exceptions: bool) -> Self {
        self.policy.retry_exceptions = retry_exceptions;
        self
    }

    /// [`Cluster::remote`](super::Cluster::remote) with these options.
    pub fn remote<A, F, R>(self, args: A, f: F) -> ObjectRef<R>
    where
        A: Args,
        F: for<'a> Fn(<A::Held as Held>::View<'a>) -> R + Send + 'static,
        R: Send + Sync + 'static,
    {
        self.call::<A, _, R>(args, move |view| Ok(f(view)))
    }

    /// [`Cluster::try_remote`](super::Cluster::try_remote) with these options.
    pub fn try_remote<A, F, R, E>(self, args: A, f: F) -> ObjectRef<R>
    where
        A: Args,
        F: for<'a> Fn(<A::Held as Held>::View<'a>) -> Result<R, E> + Send + 'static,
        R: Send + Sync + 'static,
        E: Into<Cause>,
    {
        self.call::<A, _, R>(args, move |view| f(view).map_err(Into::into))
    }

    fn call<A, F, R>(self, args: A, f: F) -> ObjectRef<R>
    where
        A: Args,
        F: for<'a> Fn(<A::Held as Held>::View<'a>) -> Result<R, Cause> + Send + 'static,
        R: Send + Sync + 'static,
    {
        let Self { pool, log, name, policy } = self;
        let task = log.add(name.unwrap_or_else(|| "remote".to_owned()));
        if let Some(parent) = pool::current() {
            parent.adopt(&task);
        }
        task.announce();
        let (held, out) = (args.hold(), ObjectRef::pending(&task));
        let mut needs = Vec::new();
        held.add_needs(&mut needs);
        needs.retain(|need| !need.is_done());
        let (pool, result) = (Arc::clone(pool), out.clone());
        let call = Call { task: Arc::clone(&task), pool: Arc::clone(&pool), policy, held, f, out };
        task.give(Box::new(call), needs.clone());
        for need in needs {
            let (pool, task) = (Arc::clone(&pool), Arc::clone(&task));
            need.when_done(move || pool.arrived(task));
        }
        pool.arrived(task);
        result
    }
}

/// A function with its arguments.
struct Call<H, F, R> {
    task: Arc<Task>,
    pool: Arc<Pool>,
    policy: Policy,
    held: H,
    f: F,
    out: ObjectRef<R>,
}

/// Why an attempt gave no value.
enum Failure {
    /// The task that should have given an argument failed.
    Argument(Error),
    /// The function returned an error.
    Returned(Cause),
    /// The function panicked.
    Panicked(String),
}

impl<H, F, R> Call<H, F, R>
where
    H: Held,
    F: for<'a> Fn(H::View<'a>) -> Result<R, Cause> + Send + 'static,
    R: Send + Sync + 'static,
{
    fn attempt(&self) -> Result<R, Failure> {
        let call = || {
            let view = self.held.view().map_err(Failure::Argument)?;
            (self.f)(view).map_err(Failure::Returned)
        };
        panics::catch(call).unwrap_or_else(|panic| Err(Failure::Panicked(panic)))
    }

    /// The error of a failed attempt, and how many attempts there are in all.
    fn failed(&self, failure: Failure, attempt: u32) -> (Error, u32) {
        let (verb, cause, retried) = match failure {
            Failure::Argument(error) => return (error, attempt),
            Failure::Returned(cause) => {
                ("returned an error", cause.to_string(), self.policy.retry_exceptions)
            }
            Failure::Panicked(panic) => ("panicked", panic, true),
        };
        if cause.contains(EXHAUSTED) {
            return (Error::new(ErrorKind::Task, EXHAUSTED), attempt);
        }
        let again = retried && !self.task.is_cancelled();
        let of = if again { self.policy.max_retries.saturating_add(1).max(attempt) } else { attempt };
        let message = format!("{} {verb} in attempt {attempt} of {of}: {}", self.task.title(), cause);
        (Error::new(ErrorKind::Task, message), of)
    }

    /// Ends the task. Its function and arguments are dropped before anyone learns that it is done.
    fn settle(self, value: Option<R>, error: Option<Error>) {
        let Self { task, held, f, out, .. } = self;
        let _ = catch_unwind(AssertUnwindSafe(|| drop((held, f))));
        let value = match task.end(error) {
            Some(error) => Err(error),
            None => {
                value.ok_or_else(|| Error::new(ErrorKind::Task, format!("{} gave no value", task.title())))
            }
        };
        out.settle(value, &task);
    }
}

impl<H, F, R> Job for Call<H, F, R>
where
    H: Held,
    F: for<'a> Fn(H::View<'a>) -> Result<R, Cause> + Send + 'static,
    R: Send + Sync + 'static,
{
    fn run(self: Box<Self>) {
        let worker = self.pool.worker();
        for attempt in 1.. {
            if !self.task.begin(worker) {
                break;
            }
            let failure = match self.attempt() {
                Ok(value) => return self.settle(Some(value), None),
                Err(failure) => failure,
            };
            let (error, of) = self.failed(failure, attempt);
            if attempt >= of {
                return self.settle(None, Some(error));
            }
            self.task.fail_once(error);
        }
        // Cancelled before an attempt.
        self.settle(None, None);
    }
}
