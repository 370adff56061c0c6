//! A sweep as plain data parallelism, beside the tasks of a cluster.

use super::{Grid, Sweep};

impl Sweep {
    /// One quiet sweep for each model, in the order of [`models`](Self::models): for a parallel iterator
    /// of rayon in place of tasks. What tasks add: they cut models into pieces of trees, sort the training
    /// rows once for all, and bring records, retries, cancellation and a journal.
    ///
    /// ```
    /// use helper::prelude::*;
    /// use helper::rayon::prelude::*;
    ///
    /// # fn main() -> helper::Result<()> {
    /// let split = data::friedman1(200, 5, 1.0, 1)?.split(0.2, 42)?;
    /// let sweep = Sweep::over_n_estimators([5, 10, 15]).max_depth(6).quiet();
    /// let cluster = Cluster::local_with(2)?;
    /// let plain: Vec<Outcome> = cluster
    ///     .install(|| sweep.each().par_iter().map(|one| one.run_sequential(&split)).collect::<Result<_>>())?;
    /// let sequential = sweep.run_sequential(&split)?;
    /// assert!(plain.iter().zip(&sequential.models).all(|(one, model)| one.best().predictions == model.predictions));
    /// # Ok(())
    /// # }
    /// ```
    pub fn each(&self) -> Vec<Self> {
        let one = |params| Self { grid: Grid::of(params), journal: None, listener: None, ..self.clone() };
        self.models().into_iter().map(one).collect()
    }
}
