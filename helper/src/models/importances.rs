//! The importances of a forest's features.

use crate::data::Split;
use crate::error::Result;
use crate::sweep::{Model, matrix};

/// The shuffles of each feature; scikit-learn's default.
const REPEATS: usize = 5;

/// The importance of each feature of a forest, by two measures; the largest permutation importance first.
///
/// As the last line of a cell it shows itself as a table, and as bars of the permutation importances.
#[derive(Debug, Clone, PartialEq)]
pub struct Importances {
    pub(crate) dataset: String,
    features: Vec<Importance>,
}

/// The importance of a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// The feature's name.
    pub feature: String,
    /// Its share of the decrease in the training rows' squared error by all splits; the shares sum to 1
    /// (scikit-learn's `feature_importances_`).
    pub impurity: f64,
    /// The decrease of R2 on the test rows when the feature's values are shuffled among them: the mean of 5
    /// shuffles.
    pub permutation: f64,
    /// The standard deviation over the shuffles.
    pub deviation: f64,
}

impl Importances {
    /// The features, the most important first.
    pub fn features(&self) -> &[Importance] {
        &self.features
    }
}

impl Model {
    /// The importance of each feature: by the impurity of the training rows, and by permutation of the test rows
    /// (Breiman, "Random Forests", Machine Learning 45 (2001) 5-32, doi:10.1023/A:1010933404324).
    ///
    /// # Errors
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for another split than the one that the model was
    /// trained on, and for a model by smartcore.
    ///
    /// ```
    /// use helper::prelude::*;
    ///
    /// # fn main() -> helper::Result<()> {
    /// // Of 7 features the target depends on the first 5.
    /// let split = data::friedman1(500, 7, 1.0, 1)?.split(0.2, 42)?;
    /// let outcome = Sweep::over_n_estimators(20).keep(Keep::Best).quiet().run_sequential(&split)?;
    /// let importances = outcome.best_model().expect("it was kept").importances(&split)?;
    /// assert!(["x6", "x7"].contains(&importances.features()[6].feature.as_str()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn importances(&self, split: &Split) -> Result<Importances> {
        let (forest, test) = (self.forest_of(split)?, &split.test);
        let permuted =
            forest.permutation_importances(matrix(test)?, test.y(), REPEATS, self.params().seed)?;
        let all = split.features.iter().zip(forest.feature_importances()).zip(permuted);
        let mut features: Vec<Importance> = all
            .map(|((feature, impurity), forest::Importance { mean, deviation })| Importance {
                feature: feature.clone(),
                impurity,
                permutation: mean,
                deviation,
            })
            .collect();
        features.sort_by(|a, b| b.permutation.total_cmp(&a.permutation));
        Ok(Importances { dataset: split.dataset.clone(), features })
    }
}
