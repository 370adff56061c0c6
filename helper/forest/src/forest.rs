//! A forest.

use std::ops::Range;

use crate::grow;
use crate::tree::Tree;
use crate::{Error, Params, Scale, TrainingView};

/// A random forest, or a run of consecutive trees of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    pub(crate) params: Params,
    pub(crate) n_features: usize,
    pub(crate) scale: Scale,
    /// Index of the first tree that is here.
    pub(crate) first: usize,
    pub(crate) trees: Vec<Tree>,
}

impl Forest {
    /// Grows all trees of a forest, one after the other.
    ///
    /// # Errors
    /// If a hyperparameter is out of range.
    pub fn fit<'a>(
        training: impl Into<TrainingView<'a>>,
        params: &Params,
    ) -> Result<Forest, Error> {
        Forest::grow(training, params, 0..params.n_estimators)
    }

    /// Grows the trees of a forest that have these indices, one after the other.
    pub fn grow<'a>(
        training: impl Into<TrainingView<'a>>,
        params: &Params,
        trees: Range<usize>,
    ) -> Result<Forest, Error> {
        let view = training.into();
        let checked = params.checked(view.n_rows, view.n_features)?;
        Ok(Forest {
            params: params.clone(),
            n_features: view.n_features,
            scale: view.scale,
            first: trees.start,
            trees: grow::grow(&view, &checked, trees),
        })
    }

    /// Nodes of all trees.
    pub fn n_nodes(&self) -> usize {
        self.trees.iter().map(|t| t.nodes.len()).sum()
    }
}
