//! One error type for the whole helper.

use std::fmt;

/// What went wrong, and what to do about it, as one sentence.
///
/// Every message names the value that was met, what is allowed, and the way out. `Debug` prints
/// the same sentence as `Display`, because that is what a notebook cell shows when `?` fails.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The kinds of [`Error`], for code that wants to tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A hyperparameter or another argument is out of its range.
    InvalidParameter,
    /// The data set was not found, not readable, or is not what it should be.
    Data,
    /// A task panicked or returned an error.
    Task,
    /// A task was cancelled; Ray's `TaskCancelledError`.
    Cancelled,
    /// A Ray cluster could not be reached or started, or was lost.
    Cluster,
    /// What a Ray cluster needs is not on this machine: Ray, its Python, or the workers' library.
    NotInstalled,
    /// What was asked for does not fit into the memory that is free.
    Memory,
    /// The operating system refused something: a file, a thread.
    Io,
    /// A chart could not be drawn.
    Chart,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// `field` has `value`, but only `allowed` makes sense.
    pub(crate) fn invalid(field: &str, value: impl fmt::Display, allowed: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidParameter, format!("{field} is {value}, but must be {allowed}"))
    }

    /// Which kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// A result with the helper's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
