//! A trained forest.

use std::sync::Arc;

use forest::{Params, Scale};
use learner::Trees;

use super::job::matrix;
use crate::data::Rows;
use crate::error::{Error, Result};

/// A trained forest.
#[derive(Clone)]
pub struct Model {
    pub(super) params: Params,
    pub(super) n_features: usize,
    pub(super) trees: Vec<Arc<dyn Trees>>,
    pub(super) scale: Scale,
}

impl Model {
    /// Its hyperparameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// How many nodes all its trees have, leaves included.
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
        let mut sums = vec![0; rows.len()];
        let x = matrix(rows)?;
        self.trees.iter().try_for_each(|trees| trees.add_predictions(x, &mut sums))?;
        Ok(sums.into_iter().map(|sum| self.scale.to_f64(sum, self.params.n_estimators)).collect())
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Model({})", self.params)
    }
}
