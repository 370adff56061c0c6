//! Growing and predicting on rayon's threads. The results are the same bits as on one.

use rayon::prelude::*;

use crate::grow;
use crate::{Error, Forest, Matrix, Params, TrainingView};

impl Forest {
    /// As [`fit`](Self::fit), on the threads of the current rayon pool.
    ///
    /// # Errors
    /// If a hyperparameter is out of range.
    pub fn fit_parallel<'a>(training: impl Into<TrainingView<'a>>, params: &Params) -> Result<Forest, Error> {
        let trees = 0..params.n_estimators;
        Forest::grow_with(training.into(), params, trees, |view, checked, trees| {
            // Small pieces share out well, but each needs memory of its own for a while.
            let piece = trees.len().div_ceil(8 * rayon::current_num_threads()).clamp(1, 16);
            let starts: Vec<usize> = trees.clone().step_by(piece).collect();
            let pieces = starts
                .into_par_iter()
                .map(|start| grow::grow(view, checked, start..trees.end.min(start + piece)));
            pieces.collect::<Vec<_>>().into_iter().flatten().collect()
        })
    }

    /// As [`predict`](Self::predict), on the threads of the current rayon pool.
    ///
    /// # Errors
    /// If `x` has other columns than the training set, or a value that is not finite.
    pub fn predict_parallel<'a>(&self, x: impl Into<Matrix<'a>>) -> Result<Vec<f64>, Error> {
        const ROWS: usize = 256;
        let x = x.into();
        let rows = x.rows_checked(self.n_features)?;
        if self.trees.is_empty() {
            return Err(Error::Empty { what: "the forest" });
        }
        let parts = rows.par_chunks(ROWS * self.n_features).map(|rows| {
            let mut sums = vec![0; rows.len() / self.n_features];
            for tree in &self.trees {
                tree.walk(rows, self.n_features, |row, node| sums[row] += node.value());
            }
            sums.into_iter().map(|sum| self.scale.to_f64(sum, self.trees.len())).collect::<Vec<_>>()
        });
        Ok(parts.collect::<Vec<_>>().concat())
    }
}
