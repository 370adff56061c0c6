//! The partial dependence of predictions on one feature.

use forest::Matrix;

use crate::data::Split;
use crate::error::{Error, Result};
use crate::sweep::Model;

/// The most values of the feature that are tried.
const POINTS: usize = 20;

/// The mean prediction of a model over the test rows, for several values of one feature.
///
/// As the last line of a cell it shows itself as a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialDependence {
    pub(crate) dataset: String,
    pub(crate) feature: String,
    pub(crate) target: String,
    /// Values of the feature, ascending.
    pub values: Vec<f64>,
    /// The mean prediction for each, in units of the target.
    pub predictions: Vec<f64>,
}

impl Model {
    /// The mean prediction of the model if `feature` had the same value in all test rows: for 20 values between
    /// its 5 % and 95 % quantiles in the test rows, or for all its values if they are fewer.
    ///
    /// Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29 (2001)
    /// 1189-1232, doi:10.1214/aos/1013203451.
    ///
    /// # Errors
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) where no feature has this name, and for another
    /// split than the one that the model was trained on.
    ///
    /// ```
    /// use helper::prelude::*;
    ///
    /// # fn main() -> helper::Result<()> {
    /// let split = data::friedman1(500, 5, 1.0, 1)?.split(0.2, 42)?;
    /// let outcome = Sweep::over_n_estimators(20).keep(Keep::Best).quiet().run_sequential(&split)?;
    /// // The target grows with x4.
    /// let dependence = outcome.best_model().expect("it was kept").partial_dependence(&split, "x4")?;
    /// assert!(dependence.predictions[0] < dependence.predictions[19]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn partial_dependence(&self, split: &Split, feature: &str) -> Result<PartialDependence> {
        self.check_split(split)?;
        let Some(index) = split.features.iter().position(|name| name == feature) else {
            let allowed = format!("one of {}", split.features.join(", "));
            return Err(Error::invalid("feature", format!("\"{feature}\""), allowed));
        };
        let (n, test) = (split.test.len(), &split.test);
        let mut x = test.x().to_vec();
        let column = index * n..(index + 1) * n;
        let values = grid(&x[column.clone()]);
        let mut predictions = Vec::with_capacity(values.len());
        for value in &values {
            x[column.clone()].fill(*value);
            let predicted = self.predict_matrix(Matrix::from_columns(&x, test.n_features())?)?;
            predictions.push(predicted.iter().sum::<f64>() / n as f64);
        }
        let (dataset, target) = (split.dataset.clone(), split.target.clone());
        Ok(PartialDependence { dataset, feature: feature.to_owned(), target, values, predictions })
    }
}

fn grid(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let quantile = |q: f64| sorted[(q * (sorted.len() - 1) as f64).round() as usize];
    let (low, high) = (quantile(0.05), quantile(0.95));
    sorted.dedup();
    if sorted.len() <= POINTS {
        return sorted;
    }
    let step = (high - low) / (POINTS - 1) as f64;
    let mut grid: Vec<f64> = (0..POINTS).map(|i| low + step * i as f64).collect();
    grid.dedup();
    grid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_spans_the_middle_of_the_values() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let grid = grid(&values);
        assert_eq!((grid.len(), grid[0], grid[19]), (20, 5.0, 95.0));
        assert_eq!(super::grid(&[2.0, 1.0, 2.0]), [1.0, 2.0], "each of few values");
        let mut capped = vec![7.0; 1_000];
        capped.extend((0..30).map(f64::from));
        assert_eq!(super::grid(&capped), [7.0], "nearly all are equal");
    }
}
