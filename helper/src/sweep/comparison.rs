//! The same sweep run in two ways: what it bought, and what it could have bought.

use std::fmt;

use super::outcome::{Outcome, SweepTask};
use super::schedule::makespan;
use crate::error::{Error, ErrorKind, Result};
use crate::text::{seconds, thousands};
use crate::view::{Sentences, Table, Text};

/// A task that computes and nothing else has a processor all the time, unless others want it too.
const LEAST_SHARE: f64 = 0.9;

/// A sequential run and a parallel run of the same sweep, side by side.
///
/// As the last line of a cell it shows itself as a table.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Comparison {
    /// The run on one worker.
    pub sequential: Outcome,
    /// The run on several.
    pub parallel: Outcome,
    /// How many times sooner the parallel run was done: the ratio of the two wall times.
    pub speedup: f64,
    /// The speedup per worker; 1 is perfect.
    pub efficiency: f64,
    /// The speedup that the scheduler could reach with these tasks at best: if each took as long
    /// as in the sequential run, and handing out tasks cost nothing.
    pub ceiling: f64,
    /// The same ceiling if every model were one task, first come first served.
    pub ceiling_by_model: f64,
    /// Processor time of the parallel run over that of the sequential one: what sharing caches,
    /// memory and cores costs. `None` where the system does not tell.
    pub cpu_inflation: Option<f64>,
}

/// How long each task of `run` would have taken by the times of `times`, whose tasks may be cut
/// otherwise: trees of a task take equal parts of its time.
fn seconds_of(run: &Outcome, times: &Outcome) -> Vec<f64> {
    let models = times.tasks.iter().map(|task| task.model + 1).max().unwrap_or(0);
    let mut of_model = vec![Vec::new(); models];
    times.tasks.iter().for_each(|task| of_model[task.model].push(task));
    let part = |task: &SweepTask, other: &SweepTask| {
        let (start, end) = (task.trees.start.max(other.trees.start), task.trees.end.min(other.trees.end));
        end.saturating_sub(start) as f64 / other.trees.len() as f64
    };
    let seconds = |task: &SweepTask| {
        let others = of_model.get(task.model).into_iter().flatten();
        others.map(|other| part(task, other) * other.seconds()).sum()
    };
    run.tasks.iter().map(seconds).collect()
}

impl Comparison {
    /// Compares two runs of the same sweep.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] where the runs are not of the same models, learner and tasks, so
    /// that a ratio of their times would say nothing; [`ErrorKind::Task`] where they are and yet do not
    /// agree in every bit.
    pub fn of(sequential: &Outcome, parallel: &Outcome) -> Result<Self> {
        let (s, p) = (sequential, parallel);
        let models = |o: &Outcome| o.models.iter().map(|m| m.params).collect::<Vec<_>>();
        if s.learner != p.learner || s.dataset != p.dataset || models(s) != models(p) {
            let message = "the two runs are of different sweeps (data, learner or hyperparameters differ, or models failed); run \
                           the same sweep in both ways and compare these";
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        if let Some(run) = [s, p].into_iter().find(|run| run.restored > 0) {
            let message = format!(
                "{} models of a run came from a journal, so its time is not that of the whole sweep; run it without a journal, \
                 or delete that, and compare these",
                run.restored
            );
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        if s.trees_grown() != p.trees_grown() {
            let message = format!(
                "one run grew {} trees and the other {}, so their times say nothing of workers alone; compare runs that \
                 share trees by Ways::of",
                thousands(s.trees_grown() as u64),
                thousands(p.trees_grown() as u64)
            );
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        if sequential.workers != 1 {
            return Err(Error::invalid(
                "the number of workers of the first run",
                s.workers,
                "1: a sequential run",
            ));
        }
        if !s.same_bits(p) {
            let message = "the two runs did the same work but predict different numbers; this is a defect, please report it";
            return Err(Error::new(ErrorKind::Task, message));
        }
        let total = s.busy_seconds();
        let ceiling = total / makespan(seconds_of(p, s), p.workers);
        let speedup = s.seconds / p.seconds;
        Ok(Self {
            speedup,
            efficiency: speedup / p.workers as f64,
            ceiling,
            ceiling_by_model: total / makespan(s.model_seconds(), p.workers),
            cpu_inflation: p.cpu_seconds().zip(s.cpu_seconds()).map(|(p, s)| p / s),
            sequential: sequential.clone(),
            parallel: parallel.clone(),
        })
    }

    fn table(&self) -> Table {
        let (s, p) = (&self.sequential, &self.parallel);
        let workers = p.workers;
        let heads = ["", "one after another", "in parallel"];
        let row = |name: &str, of: &dyn Fn(&Outcome) -> String| {
            vec![Text::from(name), Text::number(of(s)), Text::number(of(p))]
        };
        let ms_per_tree = |o: &Outcome| format!("{:.1} ms", 1e3 * o.busy_seconds() / o.trees() as f64);
        let cpu = |o: &Outcome| o.cpu_seconds().map_or_else(|| "unknown".to_owned(), seconds);
        let rows = [
            row("workers", &|o| o.workers.to_string()),
            row("wall time", &|o| seconds(o.seconds)),
            row("processor time", &cpu),
            row("one tree", &ms_per_tree),
            row("workers busy", &|o| format!("{:.1} %", 100.0 * o.busy_share())),
        ];
        let inflation = self.cpu_inflation.map_or_else(String::new, |ratio| {
            format!(" The same work took {ratio:.2} times the processor time, for sharing memory and cores.")
        });
        let table = Table::new(format!("{}: {} models, {} trees, {}", s.dataset, s.models.len(), thousands(s.trees() as u64), s.learner), heads)
            .rows(rows)
            .note(format!(
                "Speedup {:.2} on {workers} workers, efficiency {:.0} %, from one run of each. With these {} tasks scheduling \
                 sets a ceiling of {:.2}; with one task per model it would be {:.2}.{inflation}",
                self.speedup,
                100.0 * self.efficiency,
                p.tasks.len(),
                self.ceiling,
                self.ceiling_by_model
            ))
            .note("Both runs predict the same numbers, bit for bit.");
        self.warnings().into_iter().fold(table, Table::note)
    }

    /// What speaks against taking these times at their word, each with what to do about it.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.speedup > self.ceiling {
            warnings.push(
                "Warning: a speedup above its ceiling means that the machine was not equally fast in both runs \
                 (something else was running, or it was hot); run both again on a quiet machine before you quote it."
                    .to_owned(),
            );
        }
        for (name, run) in [("sequential", &self.sequential), ("parallel", &self.parallel)] {
            let share = run.cpu_seconds().map_or(1.0, |cpu| cpu / run.busy_seconds());
            if share < LEAST_SHARE {
                warnings.push(format!(
                    "Warning: in the {name} run the tasks had a processor only {:.0} % of the time they ran: there were more \
                     threads than cores, from this or another program; quit what else is running and run it again.",
                    100.0 * share
                ));
            }
        }
        warnings
    }

    /// What the two runs say, in sentences whose numbers are theirs.
    pub fn conclusions(&self) -> Sentences {
        let (s, p, best) = (&self.sequential, &self.parallel, self.sequential.best());
        let smallest = s.models.iter().min_by_key(|model| model.params.n_estimators).unwrap_or(best);
        let gain = 100.0 * (1.0 - best.scores.mse / smallest.scores.mse);
        Sentences::new(
            format!("Conclusions on {}", s.dataset),
            vec![
                format!(
                    "{} models took {} one after another and {} on {} workers: {:.2} times as fast, {:.0} % efficient.",
                    s.models.len(),
                    seconds(s.seconds),
                    seconds(p.seconds),
                    p.workers,
                    self.speedup,
                    100.0 * self.efficiency
                ),
                format!(
                    "Tasks of some ten trees let the speedup rise to {:.2}; had each model been one task, {:.2} would have been \
                 the end, since the largest models are still running when the others are done.",
                    self.ceiling, self.ceiling_by_model
                ),
                format!(
                    "Workers were busy {:.1} % of the time. No model changed for being trained in parallel: all predictions \
                 are the same, bit for bit.",
                    100.0 * p.busy_share()
                ),
                format!(
                    "The best model has {} trees: MSE {:.4}, R2 {:.4}. That is {gain:.1} % less error than {} trees give.",
                    best.params.n_estimators, best.scores.mse, best.scores.r2, smallest.params.n_estimators
                ),
                format!(
                    "On average its predictions are off by {:.3} in units of the target (mean absolute error).",
                    best.scores.mae
                ),
            ],
        )
    }

    /// Keeps the scores and raw task records of both runs under `report/`; see [`Outcome::save`].
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where a file cannot be written.
    pub fn save(&self) -> Result<Sentences> {
        let files = [self.sequential.save("sequential")?, self.parallel.save("parallel")?];
        let names = files.iter().flatten().filter_map(|path| path.file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned()).collect();
        Ok(Sentences::new("Saved in report/", names))
    }

    /// Shows the table in a notebook.
    pub fn evcxr_display(&self) {
        self.table().evcxr_display();
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}
