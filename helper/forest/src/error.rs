//! What can be wrong with an input, and what to do about it.

use std::fmt;

/// Why a call was refused. Nothing was trained, predicted or changed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// An input has no rows, no features or no trees.
    Empty {
        /// Which input.
        what: &'static str,
    },
    /// Two sizes that have to agree do not.
    Shape {
        /// Which size.
        what: &'static str,
        /// The size that was given.
        found: usize,
        /// The size that fits.
        expected: usize,
    },
    /// A number is NaN or infinite, or a weight is negative.
    Value {
        /// Which input: `x`, `y`, `sample_weight`.
        what: &'static str,
        /// Row of the value, from 0.
        row: usize,
        /// Column of the value, from 0 (0 where there is only one).
        column: usize,
        /// The value.
        value: f64,
        /// Which values are allowed.
        allowed: &'static str,
    },
    /// A hyperparameter is out of range.
    Parameter {
        /// Its name, the same as in [`Params`](crate::Params).
        name: &'static str,
        /// The value that was given.
        value: String,
        /// Which values are allowed.
        allowed: String,
    },
    /// Bytes or a saved forest are not what this version writes.
    Format {
        /// What does not fit, and what would.
        reason: String,
    },
    /// Out-of-bag figures were asked of a forest that leaves no row out of any tree.
    NoBootstrap,
}

impl Error {
    pub(crate) fn parameter(name: &'static str, value: impl fmt::Debug, allowed: impl Into<String>) -> Self {
        let (value, allowed) = (format!("{value:?}"), allowed.into());
        Error::Parameter { name, value, allowed }
    }

    pub(crate) fn format(reason: impl Into<String>) -> Self {
        Error::Format { reason: reason.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Empty { what } => write!(f, "{what} is empty: at least one is needed"),
            Error::Shape { what, found, expected } => {
                write!(f, "{what}: found {found}, expected {expected}")
            }
            Error::Value { what, row, column, value, allowed } => write!(
                f,
                "{what} at row {row}, column {column} is {value}: {allowed} are allowed; \
                 drop or fill such rows first"
            ),
            Error::Parameter { name, value, allowed } => {
                write!(f, "{name} = {value}: allowed is {allowed}")
            }
            Error::Format { reason } => {
                write!(f, "cannot be read: {reason}; write it again with this version of the crate")
            }
            Error::NoBootstrap => {
                write!(f, "out-of-bag figures need rows that a tree has not seen: set bootstrap = true")
            }
        }
    }
}

impl std::error::Error for Error {}
