//! Why a learner refuses.

use std::fmt;

use smartcore::error::Failed;

/// Why a learner refused.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The crate `forest` did.
    Forest(forest::Error),
    /// smartcore did.
    Smartcore(Failed),
    /// An input is not what it should be; the message says what is.
    Input(String),
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forest(error) => write!(f, "forest refused: {error}"),
            Self::Smartcore(error) => write!(f, "smartcore refused: {error}"),
            Self::Input(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Forest(error) => Some(error),
            Self::Smartcore(error) => Some(error),
            Self::Input(_) => None,
        }
    }
}

impl From<forest::Error> for Error {
    fn from(error: forest::Error) -> Self {
        Self::Forest(error)
    }
}

impl From<Failed> for Error {
    fn from(error: Failed) -> Self {
        Self::Smartcore(error)
    }
}
