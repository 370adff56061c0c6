//! Cross-validation: a sweep on every fold of a table.

use std::time::Instant;

use super::choice::mean_and_variance;
use super::{Outcome, Params, Sweep};
use crate::cluster::{Cluster, ObjectRef};
use crate::data::{Dataset, Split};
use crate::error::{Error, Result};
use crate::ray::RayCluster;

/// The result of a cross-validation: the errors of each model on `k` folds.
///
/// As the last line of a cell it shows itself as a table.
#[derive(Debug, Clone)]
pub struct CrossValidation {
    pub(crate) dataset: String,
    /// The outcome of each fold.
    pub folds: Vec<Outcome>,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// The errors of a model over the folds.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// Its hyperparameters.
    pub params: Params,
    /// The mean squared error on the test rows of each fold in which it was trained.
    pub mse: Vec<f64>,
}

impl Validated {
    /// The mean of the errors.
    pub fn mean(&self) -> f64 {
        mean_and_variance(&self.mse).0
    }

    /// The sample standard deviation of the errors; NaN for a single error.
    pub fn deviation(&self) -> f64 {
        mean_and_variance(&self.mse).1.sqrt()
    }

    /// The lowest and the highest error.
    pub fn range(&self) -> (f64, f64) {
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        self.mse.iter().fold(ends, |(low, high), mse| (low.min(*mse), high.max(*mse)))
    }
}

impl CrossValidation {
    /// The models that were trained in every fold, in the order of the sweep.
    pub fn models(&self) -> Vec<Validated> {
        let mse = |number: usize| -> Option<Vec<f64>> {
            let in_fold = |fold: &Outcome| {
                let model = fold.models.iter().find(|model| model.model == number)?;
                Some(model.scores.mse)
            };
            self.folds.iter().map(in_fold).collect()
        };
        let all = self.folds.first().into_iter().flat_map(Outcome::params).enumerate();
        all.filter_map(|(number, params)| Some(Validated { params, mse: mse(number)? })).collect()
    }
}

impl Sweep {
    /// Cross-validation: cuts the table into `k` folds ([`Dataset::folds`], by the sweep's first seed), and runs
    /// the sweep once for each, with that fold as the test rows. On a [`Cluster`] each fold is a
    /// task, which hands in the tasks that grow its trees; on Ray the folds run one after another. The rows of a
    /// fold are copied when its task begins. Prints nothing while it runs.
    ///
    /// # Errors
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for a `k` below 2 or above the number of rows, and
    /// for a sweep with a journal, which belongs to one split; those of [`run_on`](Self::run_on).
    ///
    /// ```
    /// # fn main() -> helper::Result<()> {
    /// let table = helper::data::friedman1(200, 5, 1.0, 1)?;
    /// let cluster = helper::Cluster::local_with(2)?;
    /// let sweep = helper::Sweep::over_n_estimators([5, 20]).seed(42);
    /// let validated = sweep.cross_validate(&cluster, &table, 5)?;
    /// let models = validated.models();
    /// assert!(models[1].mse.len() == 5 && models[1].mean() < models[0].mean());
    /// # Ok(())
    /// # }
    /// ```
    pub fn cross_validate(
        &self,
        cluster: &impl FoldWorkers,
        dataset: &Dataset,
        k: usize,
    ) -> Result<CrossValidation> {
        if let Some(journal) = &self.journal {
            let allowed = "none: each fold has other rows; run the sweep without a journal";
            return Err(Error::invalid("the journal of a cross-validation", journal.display(), allowed));
        }
        let seed = self.models().first().map_or(0, |params| params.seed);
        let folds = dataset.folds(k, seed)?;
        // Checked once, before any task runs.
        self.plan(&folds[0], None)?;
        let started = Instant::now();
        let folds = cluster.run_folds(&self.clone().quiet(), folds)?;
        Ok(CrossValidation {
            dataset: dataset.name().to_owned(),
            folds,
            seconds: started.elapsed().as_secs_f64(),
        })
    }
}

/// Workers that can run a sweep on many splits: a [`Cluster`] or a [`RayCluster`].
pub trait FoldWorkers {
    /// Runs the sweep on each fold.
    ///
    /// # Errors
    /// As [`Sweep::run_on`].
    fn run_folds(&self, sweep: &Sweep, folds: Vec<Split>) -> Result<Vec<Outcome>>;
}

impl FoldWorkers for Cluster {
    fn run_folds(&self, sweep: &Sweep, folds: Vec<Split>) -> Result<Vec<Outcome>> {
        let submit = |(i, fold): (usize, Split)| {
            let (sweep, inside, data) = (sweep.clone(), self.clone(), self.put(fold));
            self.options().name(format!("fold {i}")).remote((), move |()| sweep.run_on(&inside, &data))
        };
        let tasks: Vec<ObjectRef<Result<Outcome>>> = folds.into_iter().enumerate().map(submit).collect();
        tasks.iter().map(|task| (*self.get(task)?).clone()).collect()
    }
}

impl FoldWorkers for RayCluster {
    fn run_folds(&self, sweep: &Sweep, folds: Vec<Split>) -> Result<Vec<Outcome>> {
        folds.into_iter().map(|fold| sweep.run_on(self, &self.put(fold)?)).collect()
    }
}
