//! A trained forest.

use std::sync::Arc;

use forest::{Forest, Matrix, Params, Scale};
use learner::Trees;

use super::job::matrix;
use crate::data::{Rows, Split};
use crate::error::{Error, ErrorKind, Result};

/// A trained forest.
#[derive(Clone)]
pub struct Model {
    pub(super) params: Params,
    /// The split's identity: see [`Split::identity`].
    pub(super) identity: u64,
    pub(super) n_features: usize,
    pub(super) trees: Vec<Arc<dyn Trees>>,
    pub(super) scale: Scale,
}

impl Model {
    /// Its hyperparameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The number of nodes of all its trees, leaves included.
    pub fn n_nodes(&self) -> usize {
        self.trees.iter().map(|trees| trees.n_nodes()).sum()
    }

    /// Predicts the target of each row, in units of the target.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter) where the rows have another
    /// number of features than the training rows.
    pub fn predict(&self, rows: &Rows) -> Result<Vec<f64>> {
        if rows.n_features() != self.n_features {
            let allowed = format!("{}, as in training", self.n_features);
            return Err(Error::invalid("the number of features", rows.n_features(), allowed));
        }
        self.predict_matrix(matrix(rows)?)
    }

    pub(crate) fn predict_matrix(&self, x: Matrix<'_>) -> Result<Vec<f64>> {
        let mut sums = vec![0; x.n_rows()];
        self.trees.iter().try_for_each(|trees| trees.add_predictions(x, &mut sums))?;
        Ok(sums.into_iter().map(|sum| self.scale.to_f64(sum, self.params.n_estimators)).collect())
    }

    /// # Errors
    /// [`ErrorKind::InvalidParameter`] for another split than the one that the model was trained on.
    pub(crate) fn check_split(&self, split: &Split) -> Result<()> {
        if split.identity() == self.identity {
            return Ok(());
        }
        let message = "the split has other rows than the one that the model was trained on; pass that split, or run the \
                       sweep again on this one";
        Err(Error::new(ErrorKind::InvalidParameter, message))
    }

    /// All trees as one forest.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] for another split than the one that the model was trained on, and where the
    /// trees are not of the crate `forest` or were grown on shards.
    pub(crate) fn forest_of(&self, split: &Split) -> Result<Forest> {
        self.check_split(split)?;
        let pieces: Option<Vec<Forest>> = self.trees.iter().map(|trees| trees.forest().cloned()).collect();
        let whole = pieces.and_then(|pieces| {
            let mut pieces = pieces.into_iter();
            let first = pieces.next()?;
            pieces.try_fold(first, |mut forest, piece| forest.extend(piece).ok().map(|()| forest))
        });
        whole.ok_or_else(|| {
            let message = "the trees of this model are smartcore's, or were grown on shards; this needs a forest by \
                           Learner::Forest that was grown on a whole split";
            Error::new(ErrorKind::InvalidParameter, message)
        })
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Model({})", self.params)
    }
}
