//! Models of any kind, and the inspection of a forest.
//!
//! A model is a function from a split to predictions for its test rows. [`Models`] run as tasks, and give one
//! [`Leaderboard`]. A [`Model`](crate::sweep::Model) that a sweep has kept gives its [`Importances`], the
//! [`PartialDependence`] on a feature, and [`Intervals`] for its predictions.
//!
//! ```
//! use helper::prelude::*;
//!
//! # fn main() -> helper::Result<()> {
//! let cluster = Cluster::local_with(2)?;
//! let data = cluster.put(data::friedman1(300, 5, 1.0, 1)?.split(0.2, 42)?);
//! let board = Models::new()
//!     .add("linear", models::linear())
//!     .add("mean of the target", |split: &Split| {
//!         let mean = split.train.y().iter().sum::<f64>() / split.train.len() as f64;
//!         vec![mean; split.test.len()]
//!     })
//!     .run_on(&cluster, &data)?;
//! assert_eq!(board.entries()[0].name, "linear");
//! # Ok(())
//! # }
//! ```

mod importances;
mod intervals;
mod leaderboard;
mod partial_dependence;
mod regressors;

use std::sync::Arc;

pub use importances::{Importance, Importances};
pub use intervals::Intervals;
pub use leaderboard::{Entry, Fitted, Leaderboard};
pub use partial_dependence::PartialDependence;
pub use regressors::{
    decision_tree, extra_trees, gradient_boosting, linear, nearest_neighbours, random_forest, ridge,
};

use crate::cluster::{Cause, Cluster, ObjectRef};
use crate::data::Split;
use crate::error::{Error, ErrorKind, Result};
use crate::sweep::Scores;

type Fit = dyn Fn(&Split) -> Result<Vec<f64>, Cause> + Send + Sync;

/// Models to compare, each with a name.
#[must_use = "models are trained when they are run"]
#[derive(Clone, Default)]
pub struct Models {
    named: Vec<(String, Arc<Fit>)>,
}

/// The value of a model's function: a prediction for each test row, or an error.
pub trait Predictions {
    /// The predictions as a result.
    ///
    /// # Errors
    /// The error of the function.
    fn predictions(self) -> Result<Vec<f64>, Cause>;
}

impl Predictions for Vec<f64> {
    fn predictions(self) -> Result<Vec<f64>, Cause> {
        Ok(self)
    }
}

impl<E: Into<Cause>> Predictions for Result<Vec<f64>, E> {
    fn predictions(self) -> Result<Vec<f64>, Cause> {
        self.map_err(Into::into)
    }
}

impl Models {
    /// No model yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The ready-made models: linear and ridge regression, nearest neighbours, a decision tree, extra trees and
    /// gradient boosting by smartcore, and the random forest of this project; each ensemble of 100 trees.
    pub fn ready() -> Self {
        // The slowest first, so that the workers end at about the same time.
        Self::new()
            .add("gradient boosting", gradient_boosting(100))
            .add("extra trees", extra_trees(100))
            .add("nearest neighbours", nearest_neighbours(5))
            .add("random forest", random_forest(100))
            .add("decision tree", decision_tree())
            .add("linear", linear())
            .add("ridge", ridge(1.0))
    }

    /// Adds a model: a function that learns from `split.train` and returns a prediction for each row of
    /// `split.test`, as a vector or as a result of one.
    pub fn add<P: Predictions>(
        mut self,
        name: impl Into<String>,
        fit: impl Fn(&Split) -> P + Send + Sync + 'static,
    ) -> Self {
        self.named.push((name.into(), Arc::new(move |split: &Split| fit(split).predictions())));
        self
    }

    /// Trains each model in a task of its own, and scores its predictions. A model that panics, returns an
    /// error, or returns another number of predictions than there are test rows is an entry with the reason;
    /// it is tried once. The predictions do not depend on the number of workers.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] where there is no model or two have the same name;
    /// [`ErrorKind::Cancelled`] where the calling task was cancelled.
    pub fn run_on(&self, cluster: &Cluster, data: &ObjectRef<Split>) -> Result<Leaderboard> {
        let names: Vec<&str> = self.named.iter().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            let message =
                "there is no model to run; add one: Models::new().add(\"linear\", models::linear())";
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        if let Some(i) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
            return Err(Error::invalid("the name of a model", format!("\"{}\"", names[i]), "unique"));
        }
        let split = cluster.get(data)?;
        let submit = |(name, fit): &(String, Arc<Fit>)| {
            let fit = Arc::clone(fit);
            let named = cluster.options().name(name).max_retries(0);
            named.try_remote(data, move |split| checked(fit(split)?, split.test.len()))
        };
        let tasks: Vec<_> = self.named.iter().map(submit).collect();
        let mut entries = Vec::with_capacity(tasks.len());
        for (task, name) in tasks.iter().zip(names) {
            let fitted = match cluster.get(task) {
                Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
                predictions => predictions.map(|predictions| {
                    let scores = Scores::of(&split.test.y().to_vec(), &predictions);
                    Fitted { scores, predictions: predictions.to_vec() }
                }),
            };
            let seconds = task.task().map_or(f64::NAN, |task| task.ran().as_secs_f64());
            entries.push(Entry { name: name.to_owned(), seconds, fitted });
        }
        Ok(Leaderboard::new(&split, entries))
    }
}

fn checked(predictions: Vec<f64>, rows: usize) -> Result<Vec<f64>, Cause> {
    if predictions.len() != rows {
        let n = predictions.len();
        return Err(
            format!("{n} predictions for {rows} test rows; return one for each row of split.test").into()
        );
    }
    match predictions.iter().position(|prediction| !prediction.is_finite()) {
        Some(row) => {
            Err(format!("the prediction for test row {row} is {}; return finite numbers", predictions[row])
                .into())
        }
        None => Ok(predictions),
    }
}
