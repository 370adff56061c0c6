//! How good a forest is, from the rows that its trees have not seen.

use crate::grow::drawn;
use crate::importance::r2_score;
use crate::random::Stream;
use crate::{Error, Forest, TrainingView};

/// Out-of-bag figures of a forest.
///
/// Breiman, "Out-of-bag estimation" (1996).
#[derive(Clone, Debug, PartialEq)]
pub struct OutOfBag {
    /// For each row of the training set the mean of the trees that have not seen it, or none
    /// if all have.
    pub predictions: Vec<Option<f64>>,
    /// R^2 of the predictions, over the rows that have one (scikit-learn: `oob_score_`);
    /// NaN where all their targets are equal.
    pub score: f64,
    /// Rows that every tree has seen. If there are any, there are too few trees for reliable
    /// figures.
    pub n_missing: usize,
}

impl Forest {
    /// Predicts every row of the training set by the trees that have not seen it.
    ///
    /// # Errors
    /// Without bootstrap, or if the training set has another size or scale than the one that
    /// this forest was grown from.
    pub fn out_of_bag<'a>(&self, training: impl Into<TrainingView<'a>>) -> Result<OutOfBag, Error> {
        let view = training.into();
        self.check_same_training(view.n_rows, view.n_features, view.scale)?;
        let params = self.params.checked(view.n_rows, view.n_features)?;
        if params.draws.is_none() {
            return Err(Error::Parameter(
                "out-of-bag figures need rows that a tree has not seen: set bootstrap to true".into(),
            ));
        }
        let rows = view.rows();
        let mut sums = vec![(0i64, 0usize); view.n_rows];
        for (tree, index) in self.trees.iter().zip(self.trees()) {
            let mut stream = Stream::new(params.seed, index as u64);
            let counts = drawn(&view, &params, &mut stream);
            for (row, x) in rows.chunks_exact(view.n_features).enumerate() {
                if counts[row] == 0 {
                    sums[row].0 += tree.nodes[tree.leaf(x)].value();
                    sums[row].1 += 1;
                }
            }
        }
        let mean = |&(sum, n): &(i64, usize)| (n > 0).then(|| self.scale.to_f64(sum, n));
        let predictions: Vec<_> = sums.iter().map(mean).collect();
        let targets = (0..view.n_rows).map(|row| view.target(row));
        let (known, targets): (Vec<f64>, Vec<f64>) =
            predictions.iter().zip(targets).filter_map(|(p, y)| Some(((*p)?, y))).unzip();
        let n_missing = view.n_rows - known.len();
        Ok(OutOfBag { predictions, score: r2_score(&targets, &known), n_missing })
    }
}
