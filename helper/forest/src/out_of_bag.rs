//! How good a forest is, from the rows that its trees have not seen.

use std::ops::Range;

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
        let (mut sums, mut counts) = (vec![0; view.n_rows], vec![0; view.n_rows]);
        self.add_out_of_bag(self.trees(), view, &mut sums, &mut counts)?;
        let mean = |(sum, n): (i64, u32)| (n > 0).then(|| self.scale.to_f64(sum, n as usize));
        let predictions: Vec<_> = sums.into_iter().zip(counts).map(mean).collect();
        let targets = (0..view.n_rows).map(|row| view.target(row));
        let (known, targets): (Vec<f64>, Vec<f64>) =
            predictions.iter().zip(targets).filter_map(|(p, y)| Some(((*p)?, y))).unzip();
        let n_missing = view.n_rows - known.len();
        Ok(OutOfBag { predictions, score: r2_score(&targets, &known), n_missing })
    }

    /// For each row of the training set, adds up those of the trees with these indices that have not seen
    /// it: their predictions to `sums`, in units of the [`scale`](Self::scale), and their number to `counts`.
    ///
    /// As with [`add_predictions`](Self::add_predictions), pieces of a forest add up to the same bits.
    ///
    /// # Errors
    /// As for [`out_of_bag`](Self::out_of_bag), and if a tree is not here or there are not as many sums or
    /// counts as rows. Nothing is added then.
    pub fn add_out_of_bag<'a>(
        &self,
        trees: Range<usize>,
        training: impl Into<TrainingView<'a>>,
        sums: &mut [i64],
        counts: &mut [u32],
    ) -> Result<(), Error> {
        let view = training.into();
        self.check_same_training(view.n_rows, view.n_features, view.scale)?;
        let params = self.params.checked(view.n_rows, view.n_features)?;
        if params.draws.is_none() {
            return Err(Error::Parameter(
                "out-of-bag figures need rows that a tree has not seen: set bootstrap to true".into(),
            ));
        }
        for (what, found) in [("sums", sums.len()), ("counts", counts.len())] {
            if found != view.n_rows {
                return Err(Error::count(what, found, view.n_rows));
            }
        }
        let rows = view.rows();
        for (tree, index) in self.some(trees.clone())?.iter().zip(trees) {
            let drawn = drawn(&view, &params, &mut Stream::new(params.seed, index as u64));
            let left_out: Vec<usize> = (0..view.n_rows).filter(|&row| drawn[row] == 0).collect();
            let row = |&row: &usize| &rows[row * view.n_features..(row + 1) * view.n_features];
            let x: Vec<f64> = left_out.iter().flat_map(row).copied().collect();
            tree.walk(&x, view.n_features, |i, node| {
                sums[left_out[i]] += node.value();
                counts[left_out[i]] += 1;
            });
        }
        Ok(())
    }
}
