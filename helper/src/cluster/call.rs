//! Calling a function on a worker: its options, its attempts and its result.

use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::args::{Args, Held};
use super::log::Log;
use super::object::ObjectRef;
use super::pool::{self, EXHAUSTED, Pool};
use super::task::Task;
use crate::error::{Error, ErrorKind, Result};
use crate::panics;

/// Attempts after a first one that panicked, unless [`Options::max_retries`] says otherwise; as in Ray.
pub(crate) const MAX_RETRIES: u32 = 3;

/// An error that a task's function returns: a text, or a value of any error type.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// The name and the retries of a task; made by [`Cluster::options`](super::Cluster::options), Ray's
/// `.options(...)`.
#[must_use = "options do nothing until `remote` is called on them"]
#[derive(Clone)]
pub struct Options<'c> {
    pool: &'c Arc<Pool>,
    log: &'c Log,
    name: String,
    retries: Retries,
}

/// When a failed attempt is followed by another.
#[derive(Clone, Copy)]
struct Retries {
    most: u32,
    exceptions: bool,
}

impl<'c> Options<'c> {
    pub(super) fn new(pool: &'c Arc<Pool>, log: &'c Log) -> Self {
        Self {
            pool,
            log,
            name: "remote".to_owned(),
            retries: Retries { most: MAX_RETRIES, exceptions: false },
        }
    }

    /// The task's name in messages, tables and the trace; "remote" by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The most attempts after a first one that panicked; 3 by default, as in Ray.
    pub fn max_retries(mut self, max_retries: u32) -> Self {
        self.retries.most = max_retries;
        self
    }

    /// Whether an error that the function returns is retried like a panic; not by default, as in Ray.
    pub fn retry_exceptions(mut self, retry_exceptions: bool) -> Self {
        self.retries.exceptions = retry_exceptions;
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

    /// [`remote`](Self::remote) for a function that can fail: an error that it returns fails the task, as an
    /// exception does in Ray, and is followed by another attempt only with
    /// [`retry_exceptions`](Self::retry_exceptions).
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
        let Self { pool, log, name, retries } = self;
        let task = log.add(name);
        if let Some(parent) = pool::current() {
            parent.adopt(&task);
        }
        let held = args.hold();
        let mut needs = Vec::new();
        held.add_needs(&mut needs);
        let result = ObjectRef::pending(Arc::clone(&task));
        let job = {
            let (pool, task, result) = (Arc::clone(pool), Arc::clone(&task), result.clone());
            move || {
                let value = retries.run(&task, pool.worker(), || held.view().map(&f));
                // Arguments are freed before the task is done. A destructor may panic.
                let _ = catch_unwind(AssertUnwindSafe(|| drop((held, f))));
                let value = match task.end(value.as_ref().err().cloned()) {
                    Some(error) => Err(error),
                    None => value,
                };
                result.settle(value, &task);
            }
        };
        task.set_job(Box::new(job), needs);
        pool.submit(task);
        result
    }
}

impl Retries {
    /// Calls the function until it returns a value or no attempt is left.
    fn run<R>(self, task: &Task, worker: usize, call: impl Fn() -> Result<Result<R, Cause>>) -> Result<R> {
        let mut attempt = 1;
        loop {
            task.begin(worker)?;
            let (verb, cause, retried) = match panics::catch(&call) {
                Ok(Ok(Ok(value))) => return Ok(value),
                Ok(Ok(Err(cause))) => ("returned an error", cause.to_string(), self.exceptions),
                Ok(Err(argument)) => return Err(argument),
                Err(panic) => ("panicked", panic, true),
            };
            if cause.contains(EXHAUSTED) {
                return Err(Error::new(ErrorKind::Task, EXHAUSTED));
            }
            let again = retried && !task.is_cancelled();
            let of = if again { self.most.saturating_add(1) } else { attempt };
            let message = format!("{} {verb} in attempt {attempt} of {of}: {cause}", task.record().title());
            let error = Error::new(ErrorKind::Task, message);
            if attempt == of {
                return Err(error);
            }
            task.fail_once(error);
            attempt += 1;
        }
    }
}
