//! A simulation of a sweep with the measured times of its trees: more workers, other tasks, costs.

use std::sync::Arc;

use super::comparison::Comparison;
use super::outcome::Outcome;
use super::projection::Projection;
use super::schedule::makespan;
use crate::error::{Error, Result};

/// A sequential run, replayed: what if there were more workers, larger tasks, a cost of handing out a task,
/// a worker that is slow? Each tree takes its measured time, and each task goes to the first free
/// worker.
///
/// As the last line of a cell it shows sliders, where scripts run.
///
/// ```
/// use helper::prelude::*;
///
/// # fn main() -> helper::Result<()> {
/// let split = data::friedman1(200, 5, 1.0, 1)?.split(0.2, 42)?;
/// let sweep = Sweep::over_n_estimators([20, 40]).max_depth(6).quiet();
/// let cluster = Cluster::local_with(2)?;
/// let runs = [sweep.run_sequential(&split)?, sweep.run_on(&cluster, &cluster.put(split.clone()))?];
/// let what_if = WhatIf::of(&Comparison::of(&runs)?)?;
/// // 16 workers, tasks of 10 trees, none or a tenth of a second for handing out each.
/// assert!(what_if.seconds(16, 10, 0.0)? < what_if.seconds(16, 10, 0.1)?);
/// assert!(what_if.seconds(0, 10, 0.0).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct WhatIf {
    /// The projection from the same comparison.
    pub(crate) projection: Projection,
    /// The sequential run, and the second run.
    pub(crate) runs: [Arc<Outcome>; 2],
}

impl WhatIf {
    /// Replays the first run, which must be sequential; the others are measured points.
    ///
    /// # Errors
    /// As [`Projection::of`].
    pub fn of(comparison: &Comparison) -> Result<Self> {
        let projection = Projection::of(comparison)?;
        let runs = [0, 1].map(|run| Arc::clone(&comparison.runs()[run]));
        Ok(Self { projection, runs })
    }

    /// The simulated seconds of the sweep with these numbers of workers and of trees per task; to hand out a
    /// task takes `hand_out` seconds.
    ///
    /// # Errors
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for no worker, no tree, and seconds that are
    /// negative or not finite.
    pub fn seconds(&self, workers: usize, trees_per_task: usize, hand_out: f64) -> Result<f64> {
        match (workers, trees_per_task) {
            (0, _) => Err(Error::invalid("workers", workers, "1 or more")),
            (_, 0) => Err(Error::invalid("trees_per_task", trees_per_task, "1 or more")),
            _ if hand_out.is_finite() && hand_out >= 0.0 => {
                Ok(self.replayed(workers, trees_per_task, hand_out))
            }
            _ => Err(Error::invalid("hand_out", hand_out, "a number of seconds, 0 or more")),
        }
    }

    pub(crate) fn replayed(&self, workers: usize, trees_per_task: usize, hand_out: f64) -> f64 {
        let cut = |model: Vec<(usize, f64)>| {
            let tree = |(trees, seconds)| std::iter::repeat_n(seconds / trees as f64, trees);
            let trees: Vec<f64> = model.into_iter().flat_map(tree).collect();
            let tasks = trees.chunks(trees_per_task).map(|task| task.iter().sum::<f64>() + hand_out);
            tasks.collect::<Vec<_>>()
        };
        self.projection.serial + makespan(self.models().into_iter().flat_map(cut), workers)
    }

    /// The tasks of each model of the sequential run: their numbers of trees and their seconds.
    pub(crate) fn models(&self) -> Vec<Vec<(usize, f64)>> {
        let run = &self.runs[0];
        let mut models = vec![Vec::new(); run.models.len()];
        run.tasks.iter().for_each(|task| models[task.model].push((task.trees.len(), task.seconds())));
        models
    }
}
