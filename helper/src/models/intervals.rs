//! Prediction intervals.

use crate::data::Split;
use crate::error::{Error, Result};
use crate::sweep::{Model, matrix};

/// Prediction intervals of the test rows: each should contain its target with a given probability.
///
/// As the last line of a cell it shows itself as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervals {
    pub(crate) dataset: String,
    /// The nominal probability.
    pub level: f64,
    /// For each test row the lower end, in units of the target.
    pub low: Vec<f64>,
    /// For each test row the upper end.
    pub high: Vec<f64>,
    actual: Vec<f64>,
}

impl Intervals {
    /// The measured share of test rows whose target lies in its interval.
    pub fn coverage(&self) -> f64 {
        let [below, above] = self.outside();
        1.0 - (below + above) as f64 / self.actual.len() as f64
    }

    /// The number of targets below their interval, and above.
    pub(crate) fn outside(&self) -> [usize; 2] {
        let below = self.actual.iter().zip(&self.low).filter(|(y, low)| y < low).count();
        let above = self.actual.iter().zip(&self.high).filter(|(y, high)| y > high).count();
        [below, above]
    }

    /// The mean width of the intervals, in units of the target.
    pub fn mean_width(&self) -> f64 {
        self.high.iter().zip(&self.low).map(|(high, low)| high - low).sum::<f64>() / self.low.len() as f64
    }

    /// The number of test rows.
    pub(crate) fn rows(&self) -> usize {
        self.actual.len()
    }
}

impl Model {
    /// For each test row the interval between two quantiles of the trees' predictions: for `level` 0.9 those of
    /// 5 % and 95 %. The trees differ by the rows that they were grown on, so they spread where similar rows have
    /// different targets. This needs leaves of few rows: a tree that averages many rows shows less of the spread,
    /// and the intervals are too narrow.
    ///
    /// After Meinshausen, "Quantile Regression Forests", JMLR 7 (2006) 983-999, who weights all rows of a leaf.
    ///
    /// # Errors
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for a level that is not between 0 and 1, for
    /// another split than the one that the model was trained on, and for a model by smartcore.
    ///
    /// ```
    /// use helper::prelude::*;
    ///
    /// # fn main() -> helper::Result<()> {
    /// let split = data::friedman1(500, 5, 1.0, 1)?.split(0.2, 42)?;
    /// let outcome = Sweep::over_n_estimators(100).keep(Keep::Best).quiet().run_sequential(&split)?;
    /// let intervals = outcome.best_model().expect("it was kept").intervals(&split, 0.9)?;
    /// assert!((0.8..=1.0).contains(&intervals.coverage()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn intervals(&self, split: &Split, level: f64) -> Result<Intervals> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::invalid("level", level, "above 0 and below 1, such as 0.9"));
        }
        let tail = (1.0 - level) / 2.0;
        let quantiles =
            self.forest_of(split)?.predict_quantiles(matrix(&split.test)?, &[tail, 1.0 - tail])?;
        Ok(Intervals {
            dataset: split.dataset.clone(),
            level,
            low: quantiles.iter().map(|ends| ends[0]).collect(),
            high: quantiles.iter().map(|ends| ends[1]).collect(),
            actual: split.test.y().to_vec(),
        })
    }
}
