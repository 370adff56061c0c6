//! The chosen model, and the uncertainty of its error.

use forest::Stream;

use super::outcome::{ModelOutcome, Outcome};

/// The samples of the bootstrap.
pub(crate) const RESAMPLES: usize = 1_000;
/// 95 % of normal values lie within this number of standard deviations of the mean.
pub(crate) const DEVIATIONS: f64 = 1.96;

/// The chosen model, judged on the test rows.
pub(crate) struct Choice<'a> {
    pub(crate) model: &'a ModelOutcome,
    /// The 95 % interval of its MSE; `None` if the MSE is undefined or of a single row.
    pub(crate) interval: Option<[f64; 2]>,
    /// The models that are no worse, the chosen one included.
    pub(crate) as_good: Vec<&'a ModelOutcome>,
}

impl Outcome {
    /// The best model. Another is no worse if its squared error, row by row, exceeds that of the best by no
    /// more than [`DEVIATIONS`] standard errors in the mean.
    pub(crate) fn choice(&self) -> Choice<'_> {
        let model = self.best();
        let errors = |model: &ModelOutcome| -> Vec<f64> {
            let rows = self.actual.iter().zip(&model.predictions);
            rows.map(|(actual, predicted)| square(actual - predicted)).collect()
        };
        let of_best = errors(model);
        let no_worse = |other: &&ModelOutcome| {
            let differences: Vec<f64> = errors(other).iter().zip(&of_best).map(|(a, b)| a - b).collect();
            let (mean, variance) = mean_and_variance(&differences);
            let error = (variance / differences.len() as f64).sqrt();
            // The standard error of a single row is NaN.
            error.is_nan() || mean <= DEVIATIONS * error
        };
        let as_good = self.models.iter().filter(no_worse).collect();
        let sure = of_best.len() > 1 && model.scores.mse.is_finite();
        Choice { model, interval: sure.then(|| interval(&of_best)), as_good }
    }
}

fn square(x: f64) -> f64 {
    x * x
}

/// The mean of the values, and their sample variance: NaN for a single value.
pub(super) fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| square(value - mean)).sum::<f64>() / (n - 1.0);
    (mean, variance)
}

/// The 95 % interval of the mean: between the quantiles of the means of [`RESAMPLES`] samples that are drawn
/// from the values with replacement (Efron, "Bootstrap methods: another look at the jackknife", Ann. Statist.
/// 7 (1979) 1-26, doi:10.1214/aos/1176344552). The same values give the same interval.
fn interval(values: &[f64]) -> [f64; 2] {
    let n = values.len();
    let mut stream = Stream::new(0, 0);
    let mut draw = || values[stream.below(n as u64) as usize];
    let mut means: Vec<f64> =
        (0..RESAMPLES).map(|_| (0..n).map(|_| draw()).sum::<f64>() / n as f64).collect();
    means.sort_by(f64::total_cmp);
    let outside = RESAMPLES / 40;
    [means[outside], means[RESAMPLES - 1 - outside]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sweep;
    use crate::sweep::Scores;

    #[test]
    fn another_model_is_as_good_within_its_standard_error() {
        let split = crate::data::friedman1(400, 5, 1.0, 1).unwrap().split(0.5, 1).unwrap();
        let mut run = Sweep::over_n_estimators([1, 2, 3]).quiet().run_sequential(&split).unwrap();
        // Squared errors of 1, of 1.96 and 0.09 in turn (1.025 in the mean), and of 1.0201.
        let off: [fn(usize) -> f64; 3] = [|_| 1.0, |row| if row % 2 == 0 { 1.4 } else { 0.3 }, |_| 1.01];
        for (model, off) in run.models.iter_mut().zip(off) {
            model.predictions = run.actual.iter().enumerate().map(|(row, y)| y + off(row)).collect();
            model.scores = Scores::of(&run.actual, &model.predictions);
        }
        let Choice { model, interval, as_good } = run.choice();
        assert_eq!(
            (model.model, as_good.iter().map(|model| model.model).collect::<Vec<_>>()),
            (0, vec![0, 1])
        );
        assert!(interval.unwrap().iter().all(|end| (end - 1.0).abs() < 1e-9), "{interval:?}");
    }

    #[test]
    fn an_interval_is_that_of_the_normal_distribution_where_there_are_many_rows() {
        let mut stream = Stream::new(7, 0);
        let values: Vec<f64> = (0..2_000).map(|_| square(stream.unit())).collect();
        let (mean, variance) = mean_and_variance(&values);
        let error = (variance / 2_000.0).sqrt();
        let [low, high] = interval(&values);
        // The mean of squares of uniform numbers is 1/3, their variance 4/45.
        assert!((error - (4.0 / 45.0 / 2_000.0_f64).sqrt()).abs() < 3e-4, "{error}");
        assert!(low < 1.0 / 3.0 && 1.0 / 3.0 < high, "{low} {high}");
        for (found, normal) in [(mean - low, DEVIATIONS * error), (high - mean, DEVIATIONS * error)] {
            assert!((found / normal - 1.0).abs() < 0.15, "{found} {normal}");
        }
        assert_eq!(interval(&values).map(f64::to_bits), [low, high].map(f64::to_bits));
        assert_eq!(interval(&[0.25; 9]), [0.25; 2]);
    }
}
