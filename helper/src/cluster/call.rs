//! Calling a function on a worker: with which options, how often, and what comes of it.

use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::args::{self, Args, Held};
use super::engine::Engine;
use super::object::ObjectRef;
use super::task::{Job, Task};
use super::{Cluster, Shared};
use crate::error::{Error, ErrorKind, Result};
use crate::panics;

/// How many more attempts follow a first one that panicked, if nothing is said: as many as in Ray.
pub(crate) const MAX_RETRIES: u32 = 3;

/// An error of a task's function, whatever its type: a text, or any type that is an error.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// How a task is called, and how often it may be tried: made by [`Cluster::options`], Ray's
/// `.options(...)`.
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
    cluster: &'c Shared,
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
    pub(super) fn new(cluster: &'c Cluster) -> Self {
        let policy = Policy { max_retries: MAX_RETRIES, retry_exceptions: false };
        Self { cluster: &cluster.shared, name: None, policy }
    }

    /// What the task is called in messages, tables and the trace; "remote" if nothing is said.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many more attempts follow a first one that panicked: 3 if nothing is said, as in Ray.
    pub fn max_retries(mut self, max_retries: u32) -> Self {
        self.policy.max_retries = max_retries;
        self
    }

    /// Whether an error that the function *returns* is followed by another attempt as well; no, if
    /// nothing is said, as in Ray.
    pub fn retry_exceptions(mut self, retry_exceptions: bool) -> Self {
        self.policy.retry_exceptions = retry_exceptions;
        self
    }

    /// As [`Cluster::remote`], with these options.
    pub fn remote<A, F, R>(self, args: A, f: F) -> ObjectRef<R>
    where
        A: Args,
        F: for<'a> Fn(<A::Held as Held>::View<'a>) -> R + Send + 'static,
        R: Send + Sync + 'static,
    {
        self.call::<A, _, R>(args, move |view| Ok(f(view)))
    }

    /// As [`Cluster::try_remote`], with these options.
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
        let Shared { engine, events, log, .. } = self.cluster;
        let name = self.name.unwrap_or_else(|| "remote".to_owned());
        let task = log.add(|id| Task::new(id, name, events, engine.current().as_ref()));
        task.announce();
        let result = ObjectRef::pending(&task);
        let (out, engine, policy) = (result.clone(), Arc::clone(engine), self.policy);
        args::when_ready(args.hold(), move |held| {
            Box::new(Call { task, engine, policy, held, f, out }).queue();
        });
        result
    }
}

/// A function with its arguments: all that an attempt needs.
struct Call<H, F, R> {
    task: Arc<Task>,
    engine: Arc<dyn Engine>,
    policy: Policy,
    held: H,
    f: F,
    out: ObjectRef<R>,
}

/// Why an attempt brought no value.
enum Failure {
    /// An argument has none.
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
    /// Hands itself to the task, for whoever begins it.
    fn queue(self: Box<Self>) {
        let (task, engine) = (Arc::clone(&self.task), Arc::clone(&self.engine));
        task.give_job(self);
        engine.queue(task);
    }

    /// Calls the function. It unwinds here, in the cell that made it: a panic must not cross into
    /// another cell's code.
    fn attempt(&self) -> Result<R, Failure> {
        let call = || {
            let view = self.held.view().map_err(Failure::Argument)?;
            (self.f)(view).map_err(Failure::Returned)
        };
        panics::catch(call).unwrap_or_else(|panic| Err(Failure::Panicked(panic)))
    }

    /// How many attempts there are in all, where the latest ended so.
    fn attempts(&self, failure: &Failure, attempt: u32) -> u32 {
        let again = match failure {
            Failure::Argument(_) => false,
            Failure::Returned(_) => self.policy.retry_exceptions,
            Failure::Panicked(_) => true,
        };
        let of = self.policy.max_retries.saturating_add(1);
        if again && !self.task.is_cancelled() { of.max(attempt) } else { attempt }
    }

    /// Ends the task. What it was given is let go before anyone learns that it is done.
    fn settle(self, value: Option<R>, error: Option<Error>) {
        let Self { task, held, f, out, .. } = self;
        let _ = catch_unwind(AssertUnwindSafe(|| drop((held, f))));
        match task.end(error) {
            Some(error) => out.settle(Err(error)),
            None => out.settle(value.ok_or_else(|| failed(&task, "gave no value"))),
        }
    }
}

impl<H, F, R> Job for Call<H, F, R>
where
    H: Held,
    F: for<'a> Fn(H::View<'a>) -> Result<R, Cause> + Send + 'static,
    R: Send + Sync + 'static,
{
    fn run(self: Box<Self>, worker: usize) {
        if !self.task.begin(worker) {
            return self.settle(None, None);
        }
        let failure = match self.attempt() {
            Ok(value) => return self.settle(Some(value), None),
            Err(failure) => failure,
        };
        let attempt = self.task.record().attempt;
        let of = self.attempts(&failure, attempt);
        let error = match failure {
            Failure::Argument(error) => error,
            Failure::Returned(cause) => {
                failed(&self.task, &format!("returned an error in attempt {attempt} of {of}: {cause}"))
            }
            Failure::Panicked(panic) => {
                failed(&self.task, &format!("panicked in attempt {attempt} of {of}: {panic}"))
            }
        };
        if attempt < of {
            self.task.fail_once(error);
            self.queue();
        } else {
            self.settle(None, Some(error));
        }
    }
}

fn failed(task: &Task, how: &str) -> Error {
    Error::new(ErrorKind::Task, format!("{} {how}", task.title()))
}
