//! Hyperparameters: scikit-learn's names, meanings and defaults.

use std::fmt;

use crate::Error;

/// The most trees that a forest may have: the sum of their fixed-point predictions fits into 63 bits.
pub const MAX_TREES: usize = 1 << 20;

/// How many features a node draws to look for its split in.
///
/// Breiman, "Random Forests", <https://doi.org/10.1023/A:1010933404324>. Like scikit-learn, a
/// node goes on drawing until it has found a feature that is not constant in it.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MaxFeatures {
    /// All features: bagged trees, scikit-learn's default for regression (`1.0`).
    #[default]
    All,
    /// The square root of the number of features, rounded down, at least 1.
    Sqrt,
    /// The base-2 logarithm of the number of features, rounded down, at least 1.
    Log2,
    /// That many.
    Count(usize),
    /// That fraction of the features, rounded down, at least 1.
    Fraction(f64),
}

impl MaxFeatures {
    /// How many features that is, of `n_features`.
    ///
    /// # Errors
    /// For a count of 0 or above `n_features`, and for a fraction that is not above 0 and at most 1.
    pub fn of(self, n_features: usize) -> Result<usize, Error> {
        let floor = |x: f64| Ok((x as usize).max(1));
        match self {
            Self::All => Ok(n_features),
            Self::Sqrt => floor((n_features as f64).sqrt()),
            Self::Log2 => Ok((n_features.max(1).ilog2() as usize).max(1)),
            Self::Count(count) if (1..=n_features).contains(&count) => Ok(count),
            Self::Fraction(part) if part > 0.0 && part <= 1.0 => floor(part * n_features as f64),
            Self::Count(_) | Self::Fraction(_) => {
                let allowed = format!(
                    "a count from 1 to {n_features}, or a fraction above 0.0 and at most 1.0 of the features"
                );
                Err(Error::parameter("max_features", self, allowed))
            }
        }
    }
}

impl fmt::Display for MaxFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Sqrt => f.write_str("sqrt"),
            Self::Log2 => f.write_str("log2"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Fraction(part) => write!(f, "{part:?}"),
        }
    }
}

/// How many rows the bootstrap draws for a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MaxSamples {
    /// That many.
    Count(usize),
    /// That fraction of the rows, rounded to the nearest, at least 1.
    Fraction(f64),
}

impl MaxSamples {
    fn of(self, n_rows: usize) -> Result<usize, Error> {
        match self {
            Self::Count(count) if (1..=n_rows).contains(&count) => Ok(count),
            Self::Fraction(part) if part > 0.0 && part <= 1.0 => {
                Ok(((part * n_rows as f64).round_ties_even() as usize).max(1))
            }
            Self::Count(_) | Self::Fraction(_) => {
                let allowed = format!(
                    "a count from 1 to {n_rows}, or a fraction above 0.0 and at most 1.0 of the rows"
                );
                Err(Error::parameter("max_samples", self, allowed))
            }
        }
    }
}

impl fmt::Display for MaxSamples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Fraction(part) => write!(f, "{part:?}"),
        }
    }
}

/// Hyperparameters of a forest.
///
/// ```
/// let params = forest::Params { n_estimators: 50, max_depth: Some(20), ..Default::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Params {
    /// Number of trees, 1 or more. Default 100.
    pub n_estimators: usize,
    /// Most edges between the root and a leaf; `None` (the default) sets no bound.
    pub max_depth: Option<usize>,
    /// Fewest rows that a node needs to be split, 2 or more. Default 2. Rows that the
    /// bootstrap drew twice count once.
    pub min_samples_split: usize,
    /// Fewest rows on either side of a split, 1 or more. Default 1. Rows that the bootstrap
    /// drew twice count once.
    pub min_samples_leaf: usize,
    /// Least decrease of the impurity that a split has to bring, weighted by the node's share
    /// of the rows; 0 (the default) or more.
    pub min_impurity_decrease: f64,
    /// Features drawn per node. Default all.
    pub max_features: MaxFeatures,
    /// Whether each tree is grown on rows drawn with replacement (the default), or on all.
    ///
    /// Breiman, "Bagging predictors", <https://doi.org/10.1007/BF00058655>.
    pub bootstrap: bool,
    /// Rows drawn per tree; `None` (the default) draws as many as there are. Needs `bootstrap`.
    pub max_samples: Option<MaxSamples>,
    /// What all randomness comes from (scikit-learn: `random_state`). Default 0. The first k
    /// trees of a forest are the forest of k trees with the same seed.
    pub seed: u64,
    /// Whether to use the vector instructions that the processor has (the default). The
    /// results are the same bits either way.
    pub simd: bool,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            n_estimators: 100,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            min_impurity_decrease: 0.0,
            max_features: MaxFeatures::All,
            bootstrap: true,
            max_samples: None,
            seed: 0,
            simd: true,
        }
    }
}

/// Hyperparameters that were checked against the size of a training set.
pub(crate) struct Checked {
    pub(crate) max_depth: usize,
    pub(crate) min_samples_split: usize,
    pub(crate) min_samples_leaf: usize,
    pub(crate) min_impurity_decrease: f64,
    pub(crate) max_features: usize,
    /// Rows that the bootstrap draws; none where there is no bootstrap.
    pub(crate) draws: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) simd: bool,
}

impl Params {
    /// Whether a forest with these hyperparameters can be grown on that many rows and features.
    ///
    /// # Errors
    /// Names the first field whose value is out of range, the value, and the range.
    pub fn check(&self, n_rows: usize, n_features: usize) -> Result<(), Error> {
        self.checked(n_rows, n_features).map(drop)
    }

    pub(crate) fn checked(&self, n_rows: usize, n_features: usize) -> Result<Checked, Error> {
        let bad = |name, value: &dyn fmt::Display, allowed| Err(Error::parameter(name, value, allowed));
        if !(1..=MAX_TREES).contains(&self.n_estimators) {
            return bad("n_estimators", &self.n_estimators, "from 1 to 1,048,576 trees");
        }
        if self.max_depth == Some(0) {
            return bad("max_depth", &0, "1 or more splits, or None for no limit");
        }
        if self.min_samples_split < 2 {
            return bad("min_samples_split", &self.min_samples_split, "2 or more samples");
        }
        if self.min_samples_leaf < 1 {
            return bad("min_samples_leaf", &self.min_samples_leaf, "1 or more samples");
        }
        if !(self.min_impurity_decrease >= 0.0 && self.min_impurity_decrease.is_finite()) {
            return bad("min_impurity_decrease", &self.min_impurity_decrease, "0.0 or more, and finite");
        }
        let max_features = self.max_features.of(n_features)?;
        let draws = match self.max_samples {
            Some(max_samples) if !self.bootstrap => {
                let allowed = "None where bootstrap is false: every tree sees every row";
                return bad("max_samples", &max_samples, allowed);
            }
            Some(max_samples) => Some(max_samples.of(n_rows)?),
            None => self.bootstrap.then_some(n_rows),
        };
        Ok(Checked {
            max_depth: self.max_depth.unwrap_or(usize::MAX),
            min_samples_split: self.min_samples_split,
            min_samples_leaf: self.min_samples_leaf,
            min_impurity_decrease: self.min_impurity_decrease,
            max_features,
            draws,
            seed: self.seed,
            simd: self.simd,
        })
    }
}

/// `n_estimators=100, max_depth=None, ...`: the fields that a sweep usually varies, and the others
/// where they are not the default; `simd` changes no result and is left out.
impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let depth = self.max_depth.map_or_else(|| "None".to_owned(), |depth| depth.to_string());
        write!(
            f,
            "n_estimators={}, max_depth={depth}, min_samples_split={}, min_samples_leaf={}, max_features={}",
            self.n_estimators, self.min_samples_split, self.min_samples_leaf, self.max_features
        )?;
        if self.min_impurity_decrease != 0.0 {
            write!(f, ", min_impurity_decrease={}", self.min_impurity_decrease)?;
        }
        if !self.bootstrap {
            f.write_str(", bootstrap=false")?;
        }
        if let Some(max_samples) = self.max_samples {
            write!(f, ", max_samples={max_samples}")?;
        }
        write!(f, ", seed={}", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_features_rounds_like_scikit_learn() {
        let cases = [
            (MaxFeatures::All, 8, 8),
            (MaxFeatures::Sqrt, 8, 2),
            (MaxFeatures::Sqrt, 1, 1),
            (MaxFeatures::Log2, 8, 3),
            (MaxFeatures::Log2, 9, 3),
            (MaxFeatures::Log2, 1, 1),
            (MaxFeatures::Count(3), 8, 3),
            (MaxFeatures::Fraction(0.5), 8, 4),
            (MaxFeatures::Fraction(0.3), 8, 2),
            (MaxFeatures::Fraction(0.01), 8, 1),
        ];
        for (max_features, n_features, expected) in cases {
            assert_eq!(max_features.of(n_features), Ok(expected), "{max_features} of {n_features}");
        }
    }

    #[test]
    fn every_refusal_names_field_value_and_range() {
        let d = Params::default;
        let samples = |max_samples| Params { max_samples: Some(max_samples), ..d() };
        let features = |max_features| Params { max_features, ..d() };
        let cases = [
            (Params { n_estimators: 0, ..d() }, ["n_estimators is 0", "from 1 to 1,048,576"]),
            (Params { n_estimators: MAX_TREES + 1, ..d() }, ["n_estimators is 1048577", "1,048,576"]),
            (Params { max_depth: Some(0), ..d() }, ["max_depth is 0", "1 or more"]),
            (Params { min_samples_split: 1, ..d() }, ["min_samples_split is 1", "2 or more"]),
            (Params { min_samples_leaf: 0, ..d() }, ["min_samples_leaf is 0", "1 or more"]),
            (
                Params { min_impurity_decrease: f64::NAN, ..d() },
                ["min_impurity_decrease is NaN", "0.0 or more"],
            ),
            (features(MaxFeatures::Count(0)), ["max_features is 0", "from 1 to 8"]),
            (features(MaxFeatures::Count(9)), ["max_features is 9", "from 1 to 8"]),
            (features(MaxFeatures::Fraction(0.0)), ["max_features is 0.0", "above 0.0"]),
            (features(MaxFeatures::Fraction(1.5)), ["max_features is 1.5", "at most 1.0"]),
            (features(MaxFeatures::Fraction(f64::NAN)), ["max_features is NaN", "above 0.0"]),
            (samples(MaxSamples::Count(101)), ["max_samples is 101", "from 1 to 100"]),
            (samples(MaxSamples::Fraction(0.0)), ["max_samples is 0.0", "above 0.0"]),
            (
                Params { bootstrap: false, ..samples(MaxSamples::Count(5)) },
                ["max_samples is 5", "bootstrap is false"],
            ),
        ];
        for (params, parts) in cases {
            let message = params.check(100, 8).unwrap_err().to_string();
            assert!(parts.iter().all(|part| message.contains(part)), "{message}: {parts:?}");
        }
    }

    #[test]
    fn the_text_names_what_is_not_the_default() {
        let plain = Params { max_depth: Some(20), seed: 42, ..Params::default() };
        let usual =
            "n_estimators=100, max_depth=20, min_samples_split=2, min_samples_leaf=1, max_features=all";
        assert_eq!(plain.to_string(), format!("{usual}, seed=42"));
        let max_samples = Some(MaxSamples::Fraction(0.5));
        assert_eq!(Params { max_samples, ..plain }.to_string(), format!("{usual}, max_samples=0.5, seed=42"));
        let other = Params { bootstrap: false, min_impurity_decrease: 0.1, ..plain };
        assert!(
            other.to_string().ends_with("min_impurity_decrease=0.1, bootstrap=false, seed=42"),
            "{other}"
        );
    }
}
