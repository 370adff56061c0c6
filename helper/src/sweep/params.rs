//! Hyperparameters of one forest, under scikit-learn's names and with its meanings.

use std::fmt;

use crate::error::{Error, Result};

/// More trees than this are no forest that anyone trains; sums over trees are exact up to it.
pub(crate) const MOST_TREES: usize = 1 << 20;

/// Hyperparameters of one random forest; see scikit-learn's
/// [`RandomForestRegressor`](https://scikit-learn.org/stable/modules/generated/sklearn.ensemble.RandomForestRegressor.html).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Params {
    /// How many trees.
    pub n_estimators: usize,
    /// How many splits a path from the root may have; `None` for no limit.
    pub max_depth: Option<usize>,
    /// A node with fewer samples is a leaf. How samples are counted is the learner's: scikit-learn
    /// and `forest` count rows of the bootstrap once, smartcore as often as they were drawn.
    pub min_samples_split: usize,
    /// A split that leaves fewer samples on a side is not made.
    pub min_samples_leaf: usize,
    /// How many features are tried at each split.
    pub max_features: MaxFeatures,
    /// The same seed gives the same forest.
    pub seed: u64,
}

/// How many features are tried at each split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxFeatures {
    /// All of them; scikit-learn's `1.0`, its default for regression.
    All,
    /// The square root of their number; `"sqrt"`.
    Sqrt,
    /// The binary logarithm of their number; `"log2"`.
    Log2,
    /// Just so many.
    Count(usize),
    /// This part of them, above 0 and at most 1.
    Fraction(f64),
}

impl MaxFeatures {
    /// How many that is of `n_features`: rounded down, but 1 at least, as in scikit-learn.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter) for a count of 0 or above
    /// `n_features`, and for a fraction outside (0, 1].
    pub fn of(self, n_features: usize) -> Result<usize> {
        let n = n_features as f64;
        let floor = |x: f64| (x as usize).max(1);
        match self {
            Self::All => Ok(n_features),
            Self::Sqrt => Ok(floor(n.sqrt())),
            Self::Log2 => Ok(floor(n.log2())),
            Self::Count(count) if (1..=n_features).contains(&count) => Ok(count),
            Self::Count(count) => Err(Error::invalid(
                "max_features",
                count,
                format!("from 1 to {n_features}, the number of features"),
            )),
            Self::Fraction(part) if part > 0.0 && part <= 1.0 => Ok(floor(part * n)),
            Self::Fraction(part) => Err(Error::invalid(
                "max_features",
                part,
                "a part above 0 and at most 1, or a whole number of features",
            )),
        }
    }
}

impl From<usize> for MaxFeatures {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for MaxFeatures {
    fn from(part: f64) -> Self {
        Self::Fraction(part)
    }
}

impl fmt::Display for MaxFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Sqrt => f.write_str("sqrt"),
            Self::Log2 => f.write_str("log2"),
            Self::Count(count) => count.fmt(f),
            Self::Fraction(part) => part.fmt(f),
        }
    }
}

impl Default for Params {
    /// scikit-learn's defaults, and seed 0.
    fn default() -> Self {
        Self {
            n_estimators: 100,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::All,
            seed: 0,
        }
    }
}

impl Params {
    /// # Errors
    /// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter), naming the first field that
    /// no forest on this many features can have.
    pub(crate) fn check(&self, n_features: usize) -> Result<()> {
        if !(1..=MOST_TREES).contains(&self.n_estimators) {
            return Err(Error::invalid("n_estimators", self.n_estimators, "from 1 to 1,048,576 trees"));
        }
        if self.max_depth == Some(0) {
            return Err(Error::invalid("max_depth", 0, "1 or more splits, or None for no limit"));
        }
        if self.min_samples_split < 2 {
            return Err(Error::invalid("min_samples_split", self.min_samples_split, "2 or more samples"));
        }
        if self.min_samples_leaf < 1 {
            return Err(Error::invalid("min_samples_leaf", self.min_samples_leaf, "1 or more samples"));
        }
        self.max_features.of(n_features).map(drop)
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let depth = self.max_depth.map_or_else(|| "None".to_owned(), |depth| depth.to_string());
        write!(
            f,
            "n_estimators={}, max_depth={depth}, min_samples_split={}, min_samples_leaf={}, max_features={}, seed={}",
            self.n_estimators, self.min_samples_split, self.min_samples_leaf, self.max_features, self.seed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_features_is_scikit_learns() {
        let of8 = |m: MaxFeatures| m.of(8).unwrap();
        assert_eq!(of8(MaxFeatures::All), 8);
        assert_eq!(of8(MaxFeatures::Sqrt), 2);
        assert_eq!(of8(MaxFeatures::Log2), 3);
        assert_eq!(of8(3.into()), 3);
        assert_eq!(of8(0.5.into()), 4);
        assert_eq!(of8(0.01.into()), 1);
        for bad in [MaxFeatures::Count(9), MaxFeatures::Count(0), 1.5.into(), 0.0.into(), f64::NAN.into()] {
            let error = bad.of(8).unwrap_err().to_string();
            assert!(error.starts_with("max_features is "), "{error}");
        }
    }
}
