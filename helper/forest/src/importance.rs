//! Which features matter.

use crate::matrix::check_column;
use crate::random::Stream;
use crate::{Error, Forest, Matrix};

/// How much worse a forest predicts when one feature's values are shuffled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Importance {
    /// Mean over the repeats of what R^2 loses; NaN where R^2 is not defined, as for equal targets.
    pub mean: f64,
    /// Standard deviation over the repeats (of the repeats themselves: divided by their number).
    pub deviation: f64,
}

impl Forest {
    /// Each feature's share of the decrease of the squared error in all trees; the shares sum
    /// to 1, or are all 0 if no tree has a split (scikit-learn: `feature_importances_`).
    ///
    /// Features with many distinct values are favoured; see
    /// [`permutation_importances`](Self::permutation_importances).
    pub fn feature_importances(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.n_features];
        for tree in &self.trees {
            let all: f64 = tree.gains.iter().sum();
            if all > 0.0 {
                shares.iter_mut().zip(&tree.gains).for_each(|(share, gain)| *share += gain / all);
            }
        }
        let all: f64 = shares.iter().sum();
        if all > 0.0 {
            shares.iter_mut().for_each(|share| *share /= all);
        }
        shares
    }

    /// For each feature, how much R^2 on these rows falls when the feature's values are
    /// shuffled among them, `n_repeats` times.
    ///
    /// Breiman, "Random Forests", <https://doi.org/10.1023/A:1010933404324>.
    ///
    /// # Errors
    /// If `x` or `y` do not fit or are not finite, or without rows or repeats.
    pub fn permutation_importances(
        &self,
        x: Matrix<'_>,
        y: &[f64],
        n_repeats: usize,
        seed: u64,
    ) -> Result<Vec<Importance>, Error> {
        check_column(y, "y", x.n_rows())?;
        if x.n_rows() == 0 {
            return Err(Error::empty("rows of x"));
        }
        if n_repeats == 0 {
            return Err(Error::parameter("n_repeats", n_repeats, "1 or more"));
        }
        let mut rows = x.rows_checked(self.n_features)?.into_owned();
        let score = |rows: &[f64]| {
            let predictions = self.predict(Matrix::from_rows(rows, self.n_features)?)?;
            Ok(r2_score(y, &predictions))
        };
        let whole = score(&rows)?;
        let mut importances = Vec::with_capacity(self.n_features);
        for feature in 0..self.n_features {
            let mut stream = Stream::new(seed, feature as u64);
            let mut losses = Vec::with_capacity(n_repeats);
            for _ in 0..n_repeats {
                for last in (1..x.n_rows()).rev() {
                    let other = stream.below_u32(last as u32 + 1) as usize;
                    rows.swap(last * self.n_features + feature, other * self.n_features + feature);
                }
                losses.push(whole - score(&rows)?);
            }
            for (i, row) in rows.chunks_exact_mut(self.n_features).enumerate() {
                row[feature] = x.get(i, feature);
            }
            let mean = losses.iter().sum::<f64>() / n_repeats as f64;
            let variance = losses.iter().map(|l| (l - mean) * (l - mean)).sum::<f64>();
            let deviation = (variance / n_repeats as f64).sqrt();
            importances.push(Importance { mean, deviation });
        }
        Ok(importances)
    }
}

/// R^2, the share of the variance that predictions explain: 1 at best. NaN where it is not defined:
/// for targets that are all equal, as that of a single row is, or too large for an `f64`.
pub(crate) fn r2_score(targets: &[f64], predictions: &[f64]) -> f64 {
    if targets.iter().all(|y| *y == targets[0]) {
        return f64::NAN;
    }
    let mean = targets.iter().sum::<f64>() / targets.len() as f64;
    let square = |x: f64| x * x;
    let errors: f64 = targets.iter().zip(predictions).map(|(y, p)| square(y - p)).sum();
    let variance: f64 = targets.iter().map(|y| square(y - mean)).sum();
    let score = 1.0 - errors / variance;
    if score.is_finite() { score } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::r2_score;

    #[test]
    fn r2_of_perfect_mean_and_constant() {
        let y = [1.0, 2.0, 3.0];
        assert_eq!(r2_score(&y, &y), 1.0);
        assert_eq!(r2_score(&y, &[2.0; 3]), 0.0);
        for targets in [&[0.1; 3][..], &[2.0]] {
            assert!(r2_score(targets, targets).is_nan() && r2_score(targets, &[2.5; 3]).is_nan());
        }
    }
}
