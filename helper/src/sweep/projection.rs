//! The speedup on more workers, simulated with measured times of tasks.

use super::comparison::{Comparison, Way};
use super::outcome::SweepTask;
use super::schedule::makespan;
use crate::error::{Error, ErrorKind, Result};
use crate::text::thousands;

/// The most workers that are simulated.
pub(crate) const MOST_WORKERS: usize = 1024;

/// The speedup on 1 to 1,024 workers under several schedules: list scheduling, simulated with the times
/// that the tasks of a sequential run took. The simulation leaves out contention between workers (memory,
/// caches, a network) and the cost of handing out a task; measured points show both.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    pub(crate) dataset: String,
    pub(crate) policies: Vec<Policy>,
    /// Whether a model's task grows only the trees that it has beyond the next smaller one.
    pub(crate) shared: bool,
    /// Seconds of work in all tasks.
    work: f64,
    /// Seconds of work for the model that takes longest.
    longest: f64,
    /// Seconds of work outside tasks.
    pub(crate) serial: f64,
    pub(crate) measured: Vec<Measured>,
    /// The warnings of the comparison.
    pub(crate) warnings: Vec<String>,
}

/// A way of cutting the work into tasks, with their times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) name: String,
    seconds: Vec<f64>,
}

/// A speedup that was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// The way of running, in words.
    pub(crate) how: String,
    pub(crate) workers: usize,
    pub(crate) speedup: f64,
}

impl Projection {
    /// A projection from the times of the first run, which must be sequential. The speedups of the other
    /// runs that did the same work are measured points, unless the machine was disturbed.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) where the first run had several workers, or its
    /// tasks took no time.
    pub fn of(comparison: &Comparison) -> Result<Self> {
        let run = &comparison.runs()[0];
        if run.workers != 1 {
            let given = format!("\"{}\" with {} workers", run.how(), run.workers);
            let allowed = "sequential: put the outcome of run_sequential first in Comparison::of";
            return Err(Error::invalid("the first run of the comparison", given, allowed));
        }
        let work = run.busy_seconds();
        if work <= 0.0 {
            let message = "the tasks of the sequential run took no time, so nothing can be simulated with them; run the sweep again";
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        let tasks: Vec<f64> = run.tasks.iter().map(SweepTask::seconds).collect();
        let single = run.tasks.iter().flat_map(|task| {
            let trees = task.trees.len();
            std::iter::repeat_n(task.seconds() / trees as f64, trees)
        });
        // A model that shares all its trees has no task.
        let models: Vec<f64> = run.model_seconds().into_iter().filter(|seconds| *seconds > 0.0).collect();
        let mut longest_first = models.clone();
        longest_first.sort_by(|a, b| b.total_cmp(a));
        let longest = longest_first[0];
        let policy = |name: &str, seconds: Vec<f64>| Policy {
            name: format!("{name}: {} tasks", thousands(seconds.len() as u64)),
            seconds,
        };
        let policies = vec![
            policy("a task per tree", single.collect()),
            policy(&run.schedule.to_string(), tasks),
            policy("a task per model, longest first", longest_first),
            policy("a task per model, in order", models),
        ];
        let serial = run.setup_seconds + (run.seconds - run.busy_seconds()).max(0.0);
        let point = |way: &Way| {
            way.efficiency(&comparison.ways[0])?;
            Some(Measured { how: way.how.clone(), workers: way.workers, speedup: way.claim()? })
        };
        let measured =
            comparison.ways[1..].iter().filter(|way| way.workers <= MOST_WORKERS).filter_map(point).collect();
        let (dataset, warnings) = (run.dataset.clone(), comparison.warnings());
        Ok(Self { dataset, policies, shared: run.shared, work, longest, serial, measured, warnings })
    }

    /// The share of a sequential run outside tasks: to prepare the training set, add up and score.
    pub fn serial_share(&self) -> f64 {
        self.serial / (self.serial + self.work)
    }

    /// Amdahl's law: with a serial part s the speedup is at most 1 / (s + (1 - s) / workers), however the
    /// rest is cut ("Validity of the single processor approach to achieving large scale computing
    /// capabilities", AFIPS 1967, doi:10.1145/1465482.1465560).
    pub fn amdahl(&self, workers: usize) -> f64 {
        (self.serial + self.work) / (self.serial + self.work / workers.max(1) as f64)
    }

    /// The limit of the speedup with one task per model: all work over that of the longest model.
    pub fn model_ceiling(&self) -> f64 {
        self.work / self.longest
    }

    /// The simulated speedup on this number of workers under each schedule: a task per tree, the tasks of
    /// the run, a task per model with the longest first, and in order.
    pub fn speedups(&self, workers: usize) -> [f64; 4] {
        [0, 1, 2, 3].map(|policy| self.speedup(policy, workers))
    }

    pub(crate) fn speedup(&self, policy: usize, workers: usize) -> f64 {
        let span = makespan(self.policies[policy].seconds.iter().copied(), workers);
        (self.serial + self.work) / (self.serial + span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sweep;

    #[test]
    fn what_is_in_no_task_is_serial() {
        let split = crate::data::friedman1(60, 5, 1.0, 1).unwrap().split(0.5, 1).unwrap();
        let mut run = Sweep::over_n_estimators([10, 30]).quiet().run_sequential(&split).unwrap();
        // Four tasks of a second; 1.5 s in none.
        (run.seconds, run.setup_seconds) = (5.0, 0.5);
        for (task, start) in run.tasks.iter_mut().zip([0.0, 1.0, 2.0, 3.0]) {
            (task.started, task.ended) = (start, start + 1.0);
        }
        let projection = Projection::of(&Comparison::of([&run, &run]).unwrap()).unwrap();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(projection.serial_share(), 1.5 / 5.5) && close(projection.amdahl(2), 5.5 / 3.5));
        assert!(close(projection.model_ceiling(), 4.0 / 3.0));
        // Tasks as they were run, and models, of which the second takes three seconds.
        let [_, tasks, longest_first, in_order] = projection.speedups(2);
        assert!(close(tasks, 5.5 / 3.5) && close(longest_first, 5.5 / 4.5) && close(in_order, 5.5 / 4.5));
    }
}
