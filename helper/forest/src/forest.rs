//! A forest: growing it, and what it is made of.

use std::ops::Range;

use crate::grow;
use crate::tree::{Node, Tree};
use crate::{Error, Params, Scale, TrainingView};

/// A random forest, or a run of consecutive trees of one.
///
/// A tree depends on the training set, the hyperparameters and its index alone. So the trees
/// of a forest may be grown in any pieces, in any order, anywhere, and put together again.
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    pub(crate) params: Params,
    pub(crate) n_rows: usize,
    pub(crate) n_features: usize,
    pub(crate) scale: Scale,
    /// Index of the first tree that is here.
    pub(crate) first: usize,
    pub(crate) trees: Vec<Tree>,
}

impl Forest {
    /// Grows all trees of a forest, one after the other.
    ///
    /// ```
    /// # use forest::{Forest, Matrix, Params, TrainingSet};
    /// let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    /// let y = vec![1.0, 1.0, 1.0, 9.0, 9.0, 9.0];
    /// let training = TrainingSet::new(Matrix::from_rows(&x, 1)?, &y)?;
    /// let params = Params { n_estimators: 10, bootstrap: false, ..Params::default() };
    /// let forest = Forest::fit(&training, &params)?;
    /// assert_eq!(forest.predict(Matrix::from_rows(&[0.5, 4.5], 1)?)?, [1.0, 9.0]);
    /// # Ok::<(), forest::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a hyperparameter is out of range.
    pub fn fit<'a>(training: impl Into<TrainingView<'a>>, params: &Params) -> Result<Forest, Error> {
        Forest::grow(training, params, 0..params.n_estimators)
    }

    /// Grows the trees with these indices, one after the other: a piece of a forest, to be put
    /// together with others by [`extend`](Self::extend).
    ///
    /// # Errors
    /// If a hyperparameter is out of range, or an index is not below `n_estimators`.
    pub fn grow<'a>(
        training: impl Into<TrainingView<'a>>,
        params: &Params,
        trees: Range<usize>,
    ) -> Result<Forest, Error> {
        Forest::grow_with(training.into(), params, trees, grow::grow)
    }

    pub(crate) fn grow_with(
        view: TrainingView<'_>,
        params: &Params,
        trees: Range<usize>,
        grow: impl FnOnce(&TrainingView<'_>, &crate::params::Checked, Range<usize>) -> Vec<Tree>,
    ) -> Result<Forest, Error> {
        let checked = params.checked(view.n_rows, view.n_features)?;
        if trees.start > trees.end || trees.end > params.n_estimators {
            let allowed = format!("a range within 0..{}", params.n_estimators);
            return Err(Error::parameter("trees", format!("{trees:?}"), allowed));
        }
        Ok(Forest {
            params: *params,
            n_rows: view.n_rows,
            n_features: view.n_features,
            scale: view.scale,
            first: trees.start,
            trees: grow(&view, &checked, trees),
        })
    }

    /// Puts the trees that follow this forest's trees behind them.
    ///
    /// # Errors
    /// If the two were grown differently, or `next` does not start where this ends.
    pub fn extend(&mut self, next: Forest) -> Result<(), Error> {
        self.check_same_training(next.n_rows, next.n_features, next.scale)?;
        let n_estimators = self.params.n_estimators.max(next.params.n_estimators);
        let with_all = |params: &Params| Params { n_estimators, ..*params };
        if with_all(&self.params) != with_all(&next.params) {
            let allowed = format!("as in the first piece: {}", self.params);
            return Err(Error::parameter("params", next.params, allowed));
        }
        let end = self.first + self.trees.len();
        if next.first != end {
            return Err(Error::parameter("the first tree", next.first, format!("{end}, which follows")));
        }
        self.params.n_estimators = n_estimators;
        self.trees.extend(next.trees);
        Ok(())
    }

    pub(crate) fn check_same_training(
        &self,
        n_rows: usize,
        n_features: usize,
        scale: Scale,
    ) -> Result<(), Error> {
        for (what, found, expected) in
            [("features", n_features, self.n_features), ("rows", n_rows, self.n_rows)]
        {
            if found != expected {
                return Err(Error::count(format!("{what} of the training set"), found, expected));
            }
        }
        if scale != self.scale {
            let allowed = format!("{:?}, as of the set that this forest was grown from", self.scale);
            return Err(Error::parameter("the scale of the training set", format!("{scale:?}"), allowed));
        }
        Ok(())
    }

    /// The hyperparameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// What one unit of a fixed-point prediction is worth.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Indices of the trees that are here.
    pub fn trees(&self) -> Range<usize> {
        self.first..self.first + self.trees.len()
    }

    /// Nodes of all trees, leaves included.
    pub fn n_nodes(&self) -> usize {
        self.trees.iter().map(|tree| tree.nodes.len()).sum()
    }

    /// Most edges between a root and a leaf.
    pub fn depth(&self) -> usize {
        self.trees.iter().map(Tree::depth).max().unwrap_or(0)
    }

    /// Memory of all trees, in bytes.
    pub fn n_bytes(&self) -> usize {
        let gains = self.trees.len() * self.n_features * size_of::<f64>();
        self.n_nodes() * size_of::<Node>() + gains
    }
}
