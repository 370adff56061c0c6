//! The same sweep run in several ways, side by side.

use std::fmt;

use super::outcome::{Outcome, SweepTask};
use super::schedule::{Schedule, makespan};
use crate::error::{Error, ErrorKind, Result};
use crate::text::{seconds, thousands};
use crate::view::{Table, Text};

/// Runs of one sweep that gave the same bits in different ways: under other schedules, with shared
/// trees, one after another or in parallel.
///
/// As the last line of a cell it shows itself as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Ways {
    dataset: String,
    ways: Vec<Way>,
}

/// One of several ways in which a sweep was run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Way {
    /// How trees were cut into tasks.
    pub schedule: Schedule,
    /// Whether models shared trees.
    pub shared: bool,
    /// How many workers there were.
    pub workers: usize,
    /// How many tasks.
    pub tasks: usize,
    /// How many trees were grown.
    pub trees: usize,
    /// Seconds from the first task handed in to the last model scored.
    pub seconds: f64,
    /// Seconds of processor time of all tasks; `None` where the system does not tell.
    pub cpu_seconds: Option<f64>,
    /// How many times sooner than the first run it was done.
    pub speedup: f64,
    /// How many workers scheduling lets these tasks make use of at best, by how long each took.
    pub ceiling: f64,
    /// The part of the workers' time that they were busy.
    pub busy_share: f64,
}

impl Ways {
    /// Compares runs of the same sweep with the first of them.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for fewer than two runs, for runs of different
    /// sweeps, and for one that was resumed, whose time is not that of a whole one;
    /// [`Task`](ErrorKind::Task) where they do not agree in every bit.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a Outcome>) -> Result<Self> {
        let runs: Vec<&Outcome> = runs.into_iter().collect();
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidParameter, message));
        let [first, _, ..] = runs[..] else {
            return Err(Error::invalid(
                "the number of runs",
                runs.len(),
                "2 or more: there is nothing to compare",
            ));
        };
        for (i, run) in runs.iter().enumerate() {
            if run.learner != first.learner || run.dataset != first.dataset || run.params() != first.params()
            {
                return invalid(format!(
                    "run {i} is of another sweep than run 0 (data, learner or hyperparameters differ); run the same sweep in \
                     several ways and compare these"
                ));
            }
            if run.restored > 0 || !run.failed.is_empty() {
                return invalid(format!(
                    "in run {i} {} models came from a journal and {} failed, so its time is not that of the whole sweep; run it \
                     again without a journal",
                    run.restored,
                    run.failed.len()
                ));
            }
            if !run.same_bits(first) {
                let message =
                    format!("run {i} predicts other numbers than run 0; this is a defect, please report it");
                return Err(Error::new(ErrorKind::Task, message));
            }
        }
        let way = |run: &&Outcome| Way {
            schedule: run.schedule,
            shared: run.shared,
            workers: run.workers,
            tasks: run.tasks.len(),
            trees: run.trees_grown(),
            seconds: run.seconds,
            cpu_seconds: run.cpu_seconds(),
            speedup: first.seconds / run.seconds,
            ceiling: run.busy_seconds() / makespan(run.tasks.iter().map(SweepTask::seconds), run.workers),
            busy_share: run.busy_share(),
        };
        Ok(Self { dataset: first.dataset.clone(), ways: runs.iter().map(way).collect() })
    }

    fn table(&self) -> Table {
        let heads = [
            "how",
            "workers",
            "tasks",
            "trees grown",
            "wall time",
            "processor time",
            "times as fast",
            "busy",
            "ceiling",
        ];
        let row = |way: &Way| {
            let cpu = way.cpu_seconds.map_or_else(|| "unknown".to_owned(), seconds);
            let numbers = [
                way.workers.to_string(),
                thousands(way.tasks as u64),
                thousands(way.trees as u64),
                seconds(way.seconds),
                cpu,
                format!("{:.2}", way.speedup),
                format!("{:.1} %", 100.0 * way.busy_share),
                format!("{:.2} of {}", way.ceiling, way.workers),
            ];
            std::iter::once(Text::from(way.to_string())).chain(numbers.map(Text::number)).collect()
        };
        Table::new(format!("{}: {} ways to the same bits", self.dataset, self.ways.len()), heads)
            .rows(self.ways.iter().map(row))
            .note("Every run predicts the same numbers, bit for bit. Times are of one run each.")
            .note(
                "The ceiling is how many workers scheduling can keep busy at best: each task takes as long as it did, and \
                 goes to the first worker that is free.",
            )
    }

    /// Shows the table in a notebook.
    pub fn evcxr_display(&self) {
        self.table().evcxr_display();
    }
}

impl std::ops::Deref for Ways {
    type Target = [Way];

    fn deref(&self) -> &[Way] {
        &self.ways
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.shared, self.workers) {
            (false, 1) => f.write_str("one after another"),
            (false, _) => write!(f, "in parallel: {}", self.schedule),
            (true, 1) => f.write_str("shared trees, one after another"),
            (true, _) => f.write_str("shared trees, in parallel"),
        }
    }
}

impl fmt::Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}
