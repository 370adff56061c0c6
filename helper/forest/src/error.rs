//! What can be wrong with an input, and what to do about it.

use std::fmt;

/// Why a call was refused, as a sentence that names the value and what is allowed. Nothing was
/// trained, predicted or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A hyperparameter or another argument is out of its range.
    Parameter(String),
    /// There are no numbers, too many or too few, or one is not allowed.
    Data(String),
    /// Bytes are not a training set as this version writes it.
    Format(String),
}

impl Error {
    pub(crate) fn parameter(name: &str, value: impl fmt::Display, allowed: impl fmt::Display) -> Self {
        Error::Parameter(format!("{name} is {value}, but must be {allowed}"))
    }

    pub(crate) fn count(what: impl fmt::Display, found: usize, allowed: impl fmt::Display) -> Self {
        Error::Data(format!("the number of {what} is {found}, but must be {allowed}"))
    }

    pub(crate) fn empty(what: &str) -> Self {
        Error::count(what, 0, "1 or more")
    }

    /// Rows and columns count from 0.
    pub(crate) fn value(what: &str, row: usize, value: f64, allowed: &str) -> Self {
        Error::Data(format!(
            "{what} at row {row} is {value}, but must be {allowed}; drop or fill such rows first"
        ))
    }

    pub(crate) fn format(reason: impl fmt::Display) -> Self {
        Error::Format(format!("cannot be read: {reason}; write it again with this version of the crate"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Error::Parameter(sentence) | Error::Data(sentence) | Error::Format(sentence)) = self;
        f.write_str(sentence)
    }
}

impl std::error::Error for Error {}
