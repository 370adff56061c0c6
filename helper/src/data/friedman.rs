//! Generated data with a known formula, in any size: for tests and for studies of scale.

use forest::Stream;
use polars_core::prelude::*;

use super::dataset::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::platform;

/// The number of features that the target depends on.
const INFORMATIVE: usize = 5;

/// Friedman #1: `n_samples` rows of `n_features` independent features `x1`, `x2`, ..., uniform in
/// [0, 1), and the target
/// `y = 10 sin(pi x1 x2) + 20 (x3 - 0.5)^2 + 10 x4 + 5 x5 + noise * e`, where `e` is standard
/// normal, as scikit-learn's `make_friedman1`. The same numbers for the same seed on every platform:
/// ChaCha8, and elementary functions from the crate `libm`.
///
/// Friedman, "Multivariate Adaptive Regression Splines", Annals of Statistics 19 (1991) 1-67,
/// doi:10.1214/aos/1176347963.
///
/// # Errors
/// [`ErrorKind::InvalidParameter`] for fewer than 2 rows or 5 features, or a `noise` that is negative or
/// not finite; [`ErrorKind::Memory`] for a table that does not fit into the available memory.
///
/// ```
/// # fn main() -> helper::Result<()> {
/// let table = helper::data::friedman1(100, 10, 1.0, 42)?;
/// assert_eq!((table.rows(), table.features().len()), (100, 10));
/// # Ok(())
/// # }
/// ```
pub fn friedman1(n_samples: usize, n_features: usize, noise: f64, seed: u64) -> Result<Dataset> {
    if n_samples < 2 {
        return Err(Error::invalid("n_samples", n_samples, "at least 2 rows"));
    }
    if n_features < INFORMATIVE {
        let allowed = format!("at least {INFORMATIVE}, on which the target depends");
        return Err(Error::invalid("n_features", n_features, allowed));
    }
    if !(noise >= 0.0 && noise.is_finite()) {
        return Err(Error::invalid("noise", noise, "a standard deviation: 0 or more, and finite"));
    }
    let what = format!("Friedman #1 with {n_samples} rows of {n_features} features");
    let bytes = (n_samples as u64).saturating_mul(8).saturating_mul((n_features as u64).saturating_add(1));
    platform::check_memory(&what, bytes, "make fewer rows or features")?;
    let (mut features, mut normal) = (Stream::new(seed, 0), Stream::new(seed, 1));
    let mut columns = vec![Vec::with_capacity(n_samples); n_features + 1];
    for _ in 0..n_samples {
        let x: Vec<f64> = (0..n_features).map(|_| features.unit()).collect();
        let y = 10.0 * libm::sin(std::f64::consts::PI * x[0] * x[1])
            + 20.0 * (x[2] - 0.5) * (x[2] - 0.5)
            + 10.0 * x[3]
            + 5.0 * x[4]
            + noise * standard_normal(&mut normal);
        for (column, value) in columns.iter_mut().zip(x.into_iter().chain([y])) {
            column.push(value);
        }
    }
    let mut units = vec!["uniform in [0, 1)"; INFORMATIVE];
    units.resize(n_features, "uniform in [0, 1), noise");
    units.push("generated target");
    let name = |i: usize| if i < n_features { format!("x{}", i + 1) } else { "y".to_owned() };
    let columns = columns.into_iter().enumerate().map(|(i, values)| Column::new(name(i).into(), values));
    let frame = DataFrame::new_infer_height(columns.collect())
        .map_err(|e| Error::new(ErrorKind::Data, format!("{what} is not a table: {e}")).caused_by(e))?;
    Ok(Dataset::from_frame("Friedman #1 (generated)", frame, "y")?.with_units(&units))
}

/// A standard normal number: the cosine of Box and Muller, "A Note on the Generation of Random Normal
/// Deviates", Annals of Mathematical Statistics 29 (1958) 610-611, doi:10.1214/aoms/1177706645.
fn standard_normal(stream: &mut Stream) -> f64 {
    // 1 - u is never 0.
    let radius = (-2.0 * libm::log(1.0 - stream.unit())).sqrt();
    radius * libm::cos(2.0 * std::f64::consts::PI * stream.unit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(data: &Dataset, name: &str) -> Vec<f64> {
        data.column(name).unwrap()
    }

    #[test]
    fn has_the_moments_of_friedman_1() {
        // E y = 10 E sin(pi x1 x2) + 20/12 + 5 + 2.5 = 14.413; the first term by quadrature.
        let data = friedman1(50_000, 8, 1.0, 7).unwrap();
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let sine: f64 = (0..400)
            .flat_map(|i| (0..400).map(move |j| (f64::from(i) + 0.5) * (f64::from(j) + 0.5) / 160_000.0))
            .map(|product| 10.0 * (std::f64::consts::PI * product).sin())
            .sum::<f64>()
            / 160_000.0;
        let expected = sine + 20.0 / 12.0 + 5.0 + 2.5;
        let y = column(&data, "y");
        assert!((mean(&y) - expected).abs() < 0.1, "{} {expected}", mean(&y));
        for i in 1..=8 {
            let x = column(&data, &format!("x{i}"));
            assert!((mean(&x) - 0.5).abs() < 0.01 && x.iter().all(|x| (0.0..1.0).contains(x)));
        }
        // What the formula leaves is the noise: mean 0, variance 1.
        let quiet = column(&friedman1(50_000, 8, 0.0, 7).unwrap(), "y");
        let noise: Vec<f64> = y.iter().zip(&quiet).map(|(y, q)| y - q).collect();
        let variance = noise.iter().map(|e| e * e).sum::<f64>() / noise.len() as f64;
        assert!(mean(&noise).abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{variance}");
    }

    #[test]
    fn is_what_an_implementation_of_its_own_gives() {
        // scripts/reference/friedman.py, with a ChaCha8 of its own and the system's sine.
        let data = friedman1(50, 8, 1.0, 42).unwrap();
        let columns: Vec<Vec<f64>> = data.names().into_iter().map(|name| column(&data, name)).collect();
        let reference =
            include_str!("../../tests/reference/friedman.csv").lines().filter(|l| !l.starts_with('#'));
        let mut rows = 0;
        for (row, line) in reference.enumerate() {
            for (column, value) in columns.iter().zip(line.split(',')) {
                let value: f64 = value.parse().unwrap();
                assert!(
                    (column[row] - value).abs() <= 1e-13 * value.abs().max(1.0),
                    "row {row}: {} {value}",
                    column[row]
                );
            }
            rows += 1;
        }
        assert_eq!(rows, 50);
    }

    #[test]
    fn is_the_same_on_every_platform() {
        // A change of any bit, here or on another platform, changes this hash.
        let hash = friedman1(20_640, 8, 1.0, 42).unwrap().hash();
        assert_eq!(hash, 0xf8da_8cf1_0f00_b046, "{hash:#018x}");
    }

    #[test]
    fn bad_arguments_are_told() {
        for (error, said) in [
            (friedman1(0, 8, 1.0, 1), "n_samples is 0, but must be at least 2 rows"),
            (friedman1(1, 8, 1.0, 1), "n_samples is 1"),
            (friedman1(9, 4, 1.0, 1), "n_features is 4, but must be at least 5"),
            (friedman1(9, 8, -0.5, 1), "noise is -0.5"),
            (friedman1(9, 8, f64::NAN, 1), "noise is NaN"),
            (
                friedman1(5_000_000_000_000, 8, 1.0, 1),
                "Friedman #1 with 5000000000000 rows of 8 features may need",
            ),
            (
                friedman1(2, usize::MAX, 1.0, 1),
                "Friedman #1 with 2 rows of 18446744073709551615 features may need",
            ),
        ] {
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
