//! Predictions, from all trees or some.

use std::ops::Range;

use crate::tree::{Node, Tree};
use crate::{Error, Forest, Matrix};

/// Rows that go down a tree side by side, so that their memory accesses overlap.
const SIDE_BY_SIDE: usize = 16;

impl Forest {
    /// The mean of the trees, for each row.
    ///
    /// # Errors
    /// If `x` has other columns than the training set, or a value that is not finite.
    pub fn predict(&self, x: Matrix<'_>) -> Result<Vec<f64>, Error> {
        self.predict_some(self.trees(), x)
    }

    /// The mean of the first `n_trees` trees, for each row: what a forest of so many trees
    /// would predict.
    ///
    /// # Errors
    /// As for [`predict`](Self::predict), and if there are not so many trees, or none.
    pub fn predict_first(&self, n_trees: usize, x: Matrix<'_>) -> Result<Vec<f64>, Error> {
        self.predict_some(self.first..self.first.saturating_add(n_trees), x)
    }

    fn predict_some(&self, trees: Range<usize>, x: Matrix<'_>) -> Result<Vec<f64>, Error> {
        if trees.is_empty() {
            return Err(Error::empty("trees asked for"));
        }
        let mut sums = vec![0; x.n_rows()];
        self.add_predictions(trees.clone(), x, &mut sums)?;
        Ok(sums.into_iter().map(|sum| self.scale.to_f64(sum, trees.len())).collect())
    }

    /// Adds the predictions of the trees with these indices to `sums`, one for each row, in
    /// units of the [`scale`](Self::scale).
    ///
    /// Sums of pieces of a forest add up to the same bits, whatever the pieces;
    /// [`Scale::to_f64`](crate::Scale::to_f64) makes the mean of them.
    ///
    /// # Errors
    /// As for [`predict`](Self::predict), and if a tree is not here or `sums` has another
    /// length than `x`. Nothing is added then.
    pub fn add_predictions(&self, trees: Range<usize>, x: Matrix<'_>, sums: &mut [i64]) -> Result<(), Error> {
        if sums.len() != x.n_rows() {
            return Err(Error::count("sums", sums.len(), x.n_rows()));
        }
        let trees = self.some(trees)?;
        let rows = x.rows_checked(self.n_features)?;
        for tree in trees {
            tree.walk(&rows, self.n_features, |row, node| sums[row] += node.value());
        }
        Ok(())
    }

    pub(crate) fn some(&self, trees: Range<usize>) -> Result<&[Tree], Error> {
        let here = self.trees();
        let all = here.start <= trees.start && trees.start <= trees.end && trees.end <= here.end;
        if !all {
            return Err(Error::parameter("trees", format!("{trees:?}"), format!("a range within {here:?}")));
        }
        Ok(&self.trees[trees.start - here.start..trees.end - here.start])
    }

    /// The prediction of every tree for every row: one vector for each tree.
    ///
    /// # Errors
    /// As for [`predict`](Self::predict).
    pub fn predict_trees(&self, x: Matrix<'_>) -> Result<Vec<Vec<f64>>, Error> {
        let rows = x.rows_checked(self.n_features)?;
        let predict = |tree: &Tree| {
            let mut values = vec![0.0; x.n_rows()];
            tree.walk(&rows, self.n_features, |row, node| {
                values[row] = self.scale.to_f64(node.value(), 1);
            });
            values
        };
        Ok(self.trees.iter().map(predict).collect())
    }

    /// Quantiles of the trees' predictions: for each row, one for each of `quantiles`,
    /// interpolated between the two nearest trees.
    ///
    /// # Errors
    /// As for [`predict`](Self::predict), and if a quantile is not from 0 to 1.
    pub fn predict_quantiles(&self, x: Matrix<'_>, quantiles: &[f64]) -> Result<Vec<Vec<f64>>, Error> {
        if let Some(q) = quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
            return Err(Error::parameter("a quantile", q, "from 0 to 1"));
        }
        let predictions = self.predict_trees(x)?;
        let Some(last) = predictions.len().checked_sub(1) else {
            return Err(Error::empty("trees"));
        };
        let of_row = |row: usize| {
            let mut sorted: Vec<f64> = predictions.iter().map(|tree| tree[row]).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let quantile = |&q: &f64| {
                let at = q * last as f64;
                let (low, part) = (at as usize, at.fract());
                sorted[low] * (1.0 - part) + sorted[last.min(low + 1)] * part
            };
            quantiles.iter().map(quantile).collect()
        };
        Ok((0..predictions[0].len()).map(of_row).collect())
    }
}

impl Tree {
    /// Walks all rows down the tree and gives each with its leaf to `f`.
    pub(crate) fn walk(&self, rows: &[f64], n_features: usize, mut f: impl FnMut(usize, Node)) {
        let block = SIDE_BY_SIDE * n_features;
        let blocks = rows.chunks_exact(block);
        let rest = blocks.remainder().chunks_exact(n_features);
        let n_blocks = rows.len() / block;
        for (i, rows) in blocks.enumerate() {
            let mut at = [0; SIDE_BY_SIDE];
            loop {
                let mut moved = 0;
                for (at, row) in at.iter_mut().zip(rows.chunks_exact(n_features)) {
                    let next = self.nodes[*at].next(row);
                    moved |= *at ^ next;
                    *at = next;
                }
                if moved == 0 {
                    break;
                }
            }
            for (j, at) in at.into_iter().enumerate() {
                f(i * SIDE_BY_SIDE + j, self.nodes[at]);
            }
        }
        for (j, row) in rest.enumerate() {
            f(n_blocks * SIDE_BY_SIDE + j, self.nodes[self.leaf(row)]);
        }
    }
}
