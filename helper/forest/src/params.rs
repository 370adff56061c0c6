//! Hyperparameters: scikit-learn's names, meanings and defaults.

use crate::Error;

/// Most trees of a forest: the sum of their fixed-point predictions has to fit into 63 bits.
const MAX_TREES: usize = 1 << 20;

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
    /// How many that is of `n_features`; `None` where there is no such part of them.
    pub fn of(self, n_features: usize) -> Option<usize> {
        match self {
            MaxFeatures::All => Some(n_features),
            MaxFeatures::Sqrt => Some(((n_features as f64).sqrt() as usize).max(1)),
            MaxFeatures::Log2 => Some((n_features.max(1).ilog2() as usize).max(1)),
            MaxFeatures::Count(m) => (1..=n_features).contains(&m).then_some(m),
            MaxFeatures::Fraction(f) => fraction(f).map(|f| ((f * n_features as f64) as usize).max(1)),
        }
    }
}

fn fraction(f: f64) -> Option<f64> {
    (f > 0.0 && f <= 1.0).then_some(f)
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

/// Hyperparameters of a forest.
///
/// ```
/// let params = forest::Params { n_estimators: 50, max_depth: Some(20), ..Default::default() };
/// ```
#[derive(Clone, Debug, PartialEq)]
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
        let bad =
            |name, value: &dyn std::fmt::Debug, allowed: String| Err(Error::parameter(name, value, allowed));
        if !(1..=MAX_TREES).contains(&self.n_estimators) {
            return bad("n_estimators", &self.n_estimators, format!("1 to {MAX_TREES}"));
        }
        if self.max_depth == Some(0) {
            return bad("max_depth", &self.max_depth, "None, or 1 or more".into());
        }
        if self.min_samples_split < 2 {
            return bad("min_samples_split", &self.min_samples_split, "2 or more".into());
        }
        if self.min_samples_leaf < 1 {
            return bad("min_samples_leaf", &self.min_samples_leaf, "1 or more".into());
        }
        if !(self.min_impurity_decrease >= 0.0 && self.min_impurity_decrease.is_finite()) {
            let allowed = "0 or more, and finite".into();
            return bad("min_impurity_decrease", &self.min_impurity_decrease, allowed);
        }
        let Some(max_features) = self.max_features.of(n_features) else {
            let allowed = format!("Count(1) to Count({n_features}), or Fraction above 0 up to 1");
            return bad("max_features", &self.max_features, allowed);
        };
        let draws = match self.max_samples {
            None => Some(n_rows),
            Some(MaxSamples::Count(m)) => (1..=n_rows).contains(&m).then_some(m),
            Some(MaxSamples::Fraction(f)) => {
                fraction(f).map(|f| ((f * n_rows as f64).round_ties_even() as usize).max(1))
            }
        };
        let Some(draws) = draws else {
            let allowed = format!("None, Count(1) to Count({n_rows}), or Fraction above 0 up to 1");
            return bad("max_samples", &self.max_samples, allowed);
        };
        if self.max_samples.is_some() && !self.bootstrap {
            let allowed = "None where bootstrap = false: every tree sees every row";
            return bad("max_samples", &self.max_samples, allowed.into());
        }
        Ok(Checked {
            max_depth: self.max_depth.unwrap_or(usize::MAX),
            min_samples_split: self.min_samples_split,
            min_samples_leaf: self.min_samples_leaf,
            min_impurity_decrease: self.min_impurity_decrease,
            max_features,
            draws: self.bootstrap.then_some(draws),
            seed: self.seed,
            simd: self.simd,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(params: Params) -> String {
        params.check(100, 8).unwrap_err().to_string()
    }

    #[test]
    fn max_features_rounds_like_scikit_learn() {
        let m = |max_features, n| {
            let params = Params { max_features, ..Params::default() };
            params.checked(10, n).unwrap().max_features
        };
        assert_eq!([m(MaxFeatures::All, 8), m(MaxFeatures::Sqrt, 8)], [8, 2]);
        assert_eq!([m(MaxFeatures::Log2, 8), m(MaxFeatures::Log2, 9)], [3, 3]);
        assert_eq!([m(MaxFeatures::Sqrt, 1), m(MaxFeatures::Log2, 1)], [1, 1]);
        assert_eq!([m(MaxFeatures::Fraction(0.3), 8), m(MaxFeatures::Fraction(0.1), 8)], [2, 1]);
    }

    #[test]
    fn every_refusal_names_field_value_and_range() {
        let d = Params::default;
        let cases = [
            (Params { n_estimators: 0, ..d() }, ["n_estimators = 0", "1 to"]),
            (Params { max_depth: Some(0), ..d() }, ["max_depth = Some(0)", "1 or more"]),
            (Params { min_samples_split: 1, ..d() }, ["min_samples_split = 1", "2 or more"]),
            (Params { min_samples_leaf: 0, ..d() }, ["min_samples_leaf = 0", "1 or more"]),
            (Params { min_impurity_decrease: f64::NAN, ..d() }, ["min_impurity_decrease = NaN", "0 or more"]),
            (Params { max_features: MaxFeatures::Count(9), ..d() }, ["max_features = Count(9)", "Count(8)"]),
            (
                Params { max_features: MaxFeatures::Fraction(0.0), ..d() },
                ["max_features = Fraction(0.0)", "above 0"],
            ),
            (
                Params { max_samples: Some(MaxSamples::Count(101)), ..d() },
                ["max_samples = Some(Count(101))", "Count(100)"],
            ),
            (
                Params { bootstrap: false, max_samples: Some(MaxSamples::Count(5)), ..d() },
                ["max_samples = Some(Count(5))", "bootstrap = false"],
            ),
        ];
        for (params, parts) in cases {
            let message = refused(params);
            assert!(parts.iter().all(|p| message.contains(p)), "{message}");
        }
    }
}
