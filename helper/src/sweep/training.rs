//! The training rows of a sweep, as its learner wants them.

use std::ops::Range;

use forest::{Matrix, Params, Scale};
use learner::{Learner, Prepared, Trees, Whole};

use crate::data::{Rows, Shards, Split};
use crate::error::{Error, ErrorKind, Result};

impl From<learner::Error> for Error {
    fn from(error: learner::Error) -> Self {
        match error {
            learner::Error::Forest(error) => error.into(),
            error => Self::new(ErrorKind::Task, error.to_string()).caused_by(error),
        }
    }
}

/// What the tasks of a sweep grow trees on.
pub(super) enum Training {
    /// All training rows, prepared once.
    Whole(Box<dyn Prepared>),
    /// Shards, of which a task reads one: a forest is the union of the forests of all.
    Shards(Learner, Box<Shards>),
}

impl Training {
    /// # Errors
    /// [`ErrorKind::Task`] where the learner refuses the rows.
    pub(super) fn new(learner: Learner, split: &Split) -> Result<Self> {
        Ok(Self::Whole(learner.prepare(matrix(&split.train)?, split.train.y())?))
    }

    pub(super) fn grow(&self, params: &Params, trees: Range<usize>) -> Result<Box<dyn Trees>> {
        match self {
            Self::Whole(prepared) => Ok(prepared.grow(params, trees)?),
            Self::Shards(learner, shards) => {
                let shard = shards.of_tree(trees.start, params.n_estimators);
                let table = shards.read(shard)?;
                let (x, y) = table.split_at(table.len() - shards.rows()[shard]);
                let x = Matrix::from_columns(x, shards.columns() - 1)?;
                Ok(learner.part(x, y, whole(shards))?.grow(params, trees)?)
            }
        }
    }

    /// The scale of the predictions' sums.
    pub(super) fn scale(&self) -> Scale {
        match self {
            Self::Whole(prepared) => prepared.scale(),
            Self::Shards(_, shards) => {
                let Whole { rows, largest } = whole(shards);
                Scale::for_targets(largest, rows)
            }
        }
    }
}

/// The table that the shards are parts of.
pub(super) fn whole(shards: &Shards) -> Whole {
    Whole { rows: shards.rows().iter().sum(), largest: shards.largest() }
}

/// The features of rows, as learners read them.
pub(super) fn matrix(rows: &Rows) -> Result<Matrix<'_>> {
    Ok(Matrix::from_columns(rows.x(), rows.n_features())?)
}
