//! The error type of the helper.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// An error: one sentence that says what went wrong and what to do. `Debug` prints the same sentence as
/// `Display`, because a notebook cell shows `Debug` when `?` fails.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`], for code that tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A hyperparameter or another argument is out of its range, or arguments do not fit together.
    InvalidParameter,
    /// Data are missing, unreadable or invalid.
    Data,
    /// A task panicked or returned an error.
    Task,
    /// A task was cancelled; Ray's `TaskCancelledError`.
    Cancelled,
    /// A Ray cluster cannot be reached or started, or was lost.
    Cluster,
    /// Software for a Ray cluster is not on this machine: Ray, its Python, or the workers' library.
    NotInstalled,
    /// The work does not fit into the available memory.
    Memory,
    /// The operating system refused a file or a thread.
    Io,
    /// A chart cannot be drawn.
    Chart,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// `field` has `value`, but must be one of `allowed`.
    pub(crate) fn invalid(field: &str, value: impl fmt::Display, allowed: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidParameter, format!("{field} is {value}, but must be {allowed}"))
    }

    /// The same error with its cause.
    pub(crate) fn caused_by(self, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// Keeps the message: `forest` words its errors in the same way.
impl From<forest::Error> for Error {
    fn from(error: forest::Error) -> Self {
        let kind = match error {
            forest::Error::Parameter(_) => ErrorKind::InvalidParameter,
            _ => ErrorKind::Data,
        };
        Self::new(kind, error.to_string()).caused_by(error)
    }
}

/// Two errors are equal if their kinds and messages are; causes are not compared.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.message) == (other.kind, &other.message)
    }
}

impl Eq for Error {}

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

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// A result with the helper's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_kept_and_debug_is_the_sentence() {
        let refused = forest::MaxFeatures::Count(9).of(8).unwrap_err();
        let error = Error::from(refused.clone());
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        assert!(error.to_string().starts_with("max_features is 9, but must be "), "{error}");
        assert_eq!(format!("{error:?}"), error.to_string());
        assert_eq!(error.clone().source().unwrap().downcast_ref(), Some(&refused));
        assert!(Error::invalid("k", 1, "2 or more").source().is_none());
    }
}
