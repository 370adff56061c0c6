//! How far more workers would carry, worked out from the times of tasks that were measured.

use std::fmt;

use super::comparison::Comparison;
use super::outcome::SweepTask;
use super::schedule::makespan;
use crate::error::{Error, ErrorKind, Result};
use crate::text::thousands;
use crate::view::{Table, Text};

/// The most workers that are simulated.
pub(crate) const MOST_WORKERS: usize = 1024;

/// The speedup on 1 to 1,024 workers under several schedules: simulated, by the scheduler's own
/// rule, with the times that the tasks of a sequential run took.
///
/// What is simulated knows nothing of what workers cost each other (memory, caches, a network) or of
/// what handing out a task costs; measured points show these.
///
/// As the last line of a cell it shows itself as a table; `chart::projection` draws it.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    pub(crate) dataset: String,
    pub(crate) policies: Vec<Policy>,
    /// Seconds of work in tasks, of the longest model, and of what no task does.
    work: f64,
    longest: f64,
    serial: f64,
    pub(crate) measured: Vec<Measured>,
}

/// A way of cutting the work into tasks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) name: String,
    seconds: Vec<f64>,
}

/// A speedup that was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    pub(crate) machine: String,
    pub(crate) workers: usize,
    pub(crate) speedup: f64,
}

impl Projection {
    /// From the times of the sequential run; the speedup of the parallel run is the first measured
    /// point.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) where the tasks took no time.
    pub fn of(comparison: &Comparison) -> Result<Self> {
        let run = &comparison.sequential;
        let tasks: Vec<f64> = run.tasks.iter().map(SweepTask::seconds).collect();
        let work: f64 = tasks.iter().sum();
        if work <= 0.0 {
            let message = "the tasks of the sequential run took no time, so nothing can be worked out from them; run the sweep \
                           again";
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        let single = run.tasks.iter().flat_map(|task| {
            let trees = task.trees.len();
            std::iter::repeat_n(task.seconds() / trees as f64, trees)
        });
        let single: Vec<f64> = single.collect();
        let models = run.model_seconds();
        let mut longest_first = models.clone();
        longest_first.sort_by(|a, b| b.total_cmp(a));
        let longest = longest_first.first().copied().unwrap_or(work);
        let policy = |name: String, seconds| Policy { name, seconds };
        let tasks_of = |seconds: &[f64]| thousands(seconds.len() as u64);
        let policies = vec![
            policy(format!("a task per tree: {} tasks", tasks_of(&single)), single),
            policy(format!("trees as tasks: {} tasks", tasks_of(&tasks)), tasks),
            policy(format!("a task per model, longest first: {} tasks", tasks_of(&models)), longest_first),
            policy(format!("a task per model, in order: {} tasks", tasks_of(&models)), models),
        ];
        let serial = run.setup_seconds + (run.seconds - run.busy_seconds()).max(0.0);
        let here =
            Self { dataset: run.dataset.clone(), policies, work, longest, serial, measured: Vec::new() };
        here.measured("this machine", comparison.parallel.workers, comparison.speedup)
    }

    /// Adds a speedup that was measured, here or on another machine, named so that a reader knows it.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for a number of workers outside 1 to 1,024, and
    /// for a speedup that is not a positive number.
    pub fn measured(mut self, machine: impl Into<String>, workers: usize, speedup: f64) -> Result<Self> {
        if !(1..=MOST_WORKERS).contains(&workers) {
            return Err(Error::invalid("workers", workers, "from 1 to 1,024"));
        }
        if !(speedup.is_finite() && speedup > 0.0) {
            return Err(Error::invalid("speedup", speedup, "a positive number"));
        }
        self.measured.push(Measured { machine: machine.into(), workers, speedup });
        Ok(self)
    }

    /// The part of a sequential run that no worker can take over: making the training set ready,
    /// adding up, scoring.
    pub fn serial_share(&self) -> f64 {
        self.serial / (self.serial + self.work)
    }

    /// Amdahl's law: with a serial part s no more than 1 / (s + (1 - s) / workers), however the rest is
    /// cut ("Validity of the single processor approach to achieving large scale computing
    /// capabilities", AFIPS 1967, doi:10.1145/1465482.1465560).
    pub fn amdahl(&self, workers: usize) -> f64 {
        (self.serial + self.work) / (self.serial + self.work / workers.max(1) as f64)
    }

    /// No cut by models is faster than its longest one: all the work over that.
    pub fn model_ceiling(&self) -> f64 {
        self.work / self.longest
    }

    /// The speedup that the scheduler would reach on so many workers under each schedule: a task per
    /// tree, tasks as they were run, a task per model with the longest first, and in order.
    pub fn speedups(&self, workers: usize) -> [f64; 4] {
        [0, 1, 2, 3].map(|policy| self.speedup(policy, workers))
    }

    pub(crate) fn speedup(&self, policy: usize, workers: usize) -> f64 {
        let span = makespan(self.policies[policy].seconds.iter().copied(), workers);
        (self.serial + self.work) / (self.serial + span)
    }

    fn table(&self) -> Table {
        let heads = [
            "workers",
            "Amdahl",
            "a task per tree",
            "trees as tasks",
            "by model, longest first",
            "by model, in order",
        ];
        let row = |power: u32| {
            let workers = 1 << power;
            let speedups = std::iter::once(self.amdahl(workers)).chain(self.speedups(workers));
            let speedups = speedups.map(|speedup| Text::number(format!("{speedup:.2}")));
            std::iter::once(Text::number(thousands(workers as u64))).chain(speedups).collect()
        };
        let measured =
            self.measured.iter().map(|m| format!("{:.2} on {} ({})", m.speedup, m.workers, m.machine));
        Table::new(format!("{}: speedup by number of workers, simulated", self.dataset), heads)
            .rows((0..=MOST_WORKERS.ilog2()).map(row))
            .note(format!("Measured: {}.", measured.collect::<Vec<_>>().join(", ")))
            .note(format!(
                "{:.3} % of the work is serial. One task per model cannot be more than {:.1} times as fast, on any number of \
                 workers: then the longest model is all there is to wait for.",
                100.0 * self.serial_share(),
                self.model_ceiling()
            ))
    }

    /// Shows the table in a notebook.
    pub fn evcxr_display(&self) {
        self.table().evcxr_display();
    }
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}
