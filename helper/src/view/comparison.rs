//! How a comparison shows itself, and how it is kept as files.

use std::sync::Arc;

use super::choice::of_choice;
use super::{Bundle, Sentences, Show, Table, Text};
use crate::error::Result;
use crate::platform::{report_folder, write};
use crate::sweep::{Comparison, LEAST_SHARE, MOST_DRIFT, Outcome, Place, Way};
use crate::text::{count, csv, score, seconds, thousands};

/// A heading, and what stands below it for a way and its first run.
type Column<'a> = (&'static str, &'a dyn Fn(&Way, &Outcome) -> String);

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn or<T>(value: Option<T>, show: impl Fn(T) -> String, missing: &str) -> String {
    value.map_or_else(|| missing.to_owned(), show)
}

impl Comparison {
    fn table(&self) -> Table {
        let (run, first) = (&self.runs()[0], &self.ways[0]);
        let title = format!(
            "{}: {}, {}",
            run.dataset,
            count(run.models.len(), "model", "models"),
            count(run.trees(), "tree", "trees")
        );
        let unlike = self.is_of_learners();
        let times: [Column<'_>; 10] = [
            ("workers", &|way, _| thousands(way.workers as u64)),
            ("tasks", &|way, _| thousands(way.tasks as u64)),
            ("trees", &|way, _| thousands(way.trees as u64)),
            ("time", &|way, _| seconds(way.seconds)),
            ("CPU time", &|way, _| or(way.cpu_seconds, seconds, "unknown")),
            ("speedup", &|way, _| speedup(way)),
            ("ceiling", &|way, _| format!("{:.2}", way.ceiling)),
            ("efficiency", &|way, _| {
                or(way.efficiency(first), |share| format!("{:.0} %", 100.0 * share), "")
            }),
            ("busy", &|way, _| percent(way.busy_share)),
            ("CPU growth", &|way, _| or(way.cpu_growth(first), |ratio| format!("{ratio:.2}"), "")),
        ];
        let nodes: [Column<'_>; 4] = [
            ("ms per tree", &|way, _| format!("{:.2}", ms_per_tree(way))),
            ("nodes per tree", &|_, run| or(run.nodes_per_tree(), |nodes| format!("{nodes:.0}"), "unknown")),
            ("ms per 1,000 nodes", &|way, run| {
                or(ms_per_nodes(way, run), |ms| format!("{ms:.3}"), "unknown")
            }),
            ("lowest MSE", &|_, run| score(run.best_by_test().scores.mse)),
        ];
        // Learners grow different trees, so there is no speedup and no ceiling.
        let columns: Vec<&Column<'_>> =
            if unlike { times[..5].iter().chain(&nodes).collect() } else { times.iter().collect() };
        let row = |(way, run): (&Way, &Arc<Outcome>)| {
            let cells = columns.iter().map(|(_, show)| Text::number(show(way, run)));
            let learner = if unlike { format!("{}: ", run.learner) } else { String::new() };
            std::iter::once(Text::from(learner + &way.how)).chain(cells).collect()
        };
        let (title, note) = match unlike {
            true => (
                format!("{title}, by different learners"),
                "Learners grow different trees, so there is no speedup: the time that workers ran tasks is given per tree and \
                 per node.",
            ),
            false => (
                format!("{title}, {}: {} ways to the same bits", run.learner, self.ways.len()),
                "The ceiling is the speedup that scheduling allows at best: each tree takes as long as in the first way, each \
                 task goes to the first worker that is free, and handing it out costs nothing. Efficiency and growth are given \
                 where as many trees were grown as in the first way.",
            ),
        };
        let table = Table::new(title, std::iter::once("how").chain(columns.iter().map(|(head, _)| *head)))
            .rows(self.ways.iter().zip(self.runs()).map(row))
            .note(note)
            .note(self.basis());
        self.warnings().into_iter().fold(table, Table::note)
    }

    fn is_of_learners(&self) -> bool {
        self.ways.iter().any(|way| way.speedup.is_none())
    }

    /// What the times rest on: how many rounds, and which of them count.
    fn basis(&self) -> String {
        let times = match self.rounds() {
            1 => "Times are of one run each; repeat the runs in turn with .again(2, || Ok([..])).".to_owned(),
            all => format!(
                "Times are medians of {} in turn, a speedup is the median of the rounds' ratios (with their range).",
                match self.counted().len() {
                    counted if counted == all => format!("{all} rounds"),
                    counted => format!("{counted} of {all} rounds"),
                }
            ),
        };
        format!(
            "{times} A round is disturbed if in one of its runs tasks had a processor less than {:.0} % of the time they ran, or \
             if a loop of fixed length, timed before and after each run, took over {:.0} % longer beside one run than beside \
             another. Disturbed rounds are left out, unless all are.",
            100.0 * LEAST_SHARE,
            100.0 * (MOST_DRIFT - 1.0)
        )
    }

    /// What the runs say, in sentences whose figures are those of the runs. Warnings of the table stand
    /// here as well.
    pub fn conclusions(&self) -> Sentences {
        let run = &self.runs()[0];
        let unlike = self.is_of_learners();
        let mut sentences: Vec<String> = match unlike {
            true => self.ways.iter().zip(self.runs()).map(|(way, run)| of_learner(way, run)).collect(),
            false => (1..self.ways.len()).map(|way| self.of_way(way)).collect(),
        };
        if !unlike {
            let n = self.ways.len();
            sentences.push(format!(
                "How they were trained changed no model: all {n} runs predict the same, bit for bit."
            ));
            sentences.extend(of_choice(run));
        }
        let cautions = self.runs().iter().flat_map(|run| run.cautions());
        for warning in self.warnings().into_iter().chain(cautions) {
            if !sentences.contains(&warning) {
                sentences.push(warning);
            }
        }
        let sentences = Sentences::new(format!("Conclusions on {}", run.dataset), sentences);
        if unlike { sentences } else { sentences.line(format!("predictions: {}", run.hash())) }
    }

    fn of_way(&self, index: usize) -> String {
        let (first, way, rounds) = (&self.ways[0], &self.ways[index], self.counted().len());
        let took = |index: usize| {
            let (way, with) = (&self.ways[index], if self.runs()[index].shared { "with " } else { "" });
            format!(
                "{} {with}{} ({})",
                seconds(way.seconds),
                way.how,
                count(way.workers, "worker", "workers")
            )
        };
        let grown = match way.trees == first.trees {
            true => String::new(),
            false => format!(
                ", growing {} in place of {}",
                count(way.trees, "tree", "trees"),
                thousands(first.trees as u64)
            ),
        };
        let claim = match way.claim() {
            None => "the speedup is not measured, see below".to_owned(),
            Some(_) => format!("{} times as fast in {}", speedup(way), count(rounds, "round", "rounds")),
        };
        format!(
            "{} took {}, and {}{grown}: {claim}{}. The ceiling with {} is {:.2}. Workers ran tasks {} of the time.",
            count(self.runs()[0].models.len(), "model", "models"),
            took(0),
            took(index),
            or(way.efficiency(first), |share| format!(", {:.0} % efficient", 100.0 * share), ""),
            count(way.tasks, "task", "tasks"),
            way.ceiling,
            percent(way.busy_share)
        )
    }

    /// Writes raw data to `report/`: `comparison.csv` has the times of each run of each round.
    /// [`Outcome::save`] writes scores and tasks of the first round, as `sequential`, `parallel`, `ray`,
    /// `shared-sequential` and so on; the tasks of later rounds are in files such as
    /// `parallel-tasks-round-2.csv`.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where a file cannot be written.
    pub fn save(&self) -> Result<Sentences> {
        let names: Vec<String> = self.runs().iter().map(|run| name(run)).collect();
        let unique = |way: usize| match names.iter().filter(|name| **name == names[way]).count() {
            1 => names[way].clone(),
            _ => format!("{}-{way}", names[way]),
        };
        let mut files = vec!["comparison.csv".to_owned()];
        let mut lines = "round,run,how,learner,workers,seconds,setup_seconds,busy_seconds,cpu_seconds,loop_before,loop_after,\
                         disturbance\n"
            .to_owned();
        for (number, round) in (1..).zip(&self.rounds) {
            for (way, run) in round.runs.iter().enumerate() {
                let name = unique(way);
                match number {
                    1 => {
                        run.save(&name)?;
                        files.extend(["models", "tasks"].map(|what| format!("{name}-{what}.csv")));
                    }
                    _ => {
                        let file = format!("{name}-tasks-round-{number}.csv");
                        write(&report_folder().join(&file), &run.tasks_csv())?;
                        files.push(file);
                    }
                }
                let first =
                    [number.to_string(), name, run.how(), run.learner.to_string(), run.workers.to_string()];
                let times = [run.seconds, run.setup_seconds, run.busy_seconds()].map(|time| time.to_string());
                let cpu = or(run.cpu_seconds(), |cpu| cpu.to_string(), "");
                let loops = run.pace.map(|pace| pace.to_string());
                let disturbance = round.disturbance.clone().unwrap_or_default();
                lines += &csv(&[&first[..], &times, &[cpu], &loops, &[disturbance]].concat());
            }
        }
        write(&report_folder().join(&files[0]), &lines)?;
        Ok(Sentences::new("Saved in report/", files))
    }
}

/// The speedup that can be claimed, with its range.
fn speedup(way: &Way) -> String {
    match (way.speedup, way.claim()) {
        (None, _) => String::new(),
        (_, None) => "not measured".to_owned(),
        (Some(all), Some(claim)) if all.low < all.high => {
            format!("{claim:.2} ({:.2} to {:.2})", all.low, all.high)
        }
        (_, Some(claim)) => format!("{claim:.2}"),
    }
}

/// Milliseconds of work, that of all workers added up.
fn ms_per_tree(way: &Way) -> f64 {
    1000.0 * way.busy_share * way.seconds * way.workers as f64 / way.trees as f64
}

fn ms_per_nodes(way: &Way, run: &Outcome) -> Option<f64> {
    Some(1000.0 * ms_per_tree(way) / run.nodes_per_tree()?)
}

fn of_learner(way: &Way, run: &Outcome) -> String {
    let per_nodes = or(ms_per_nodes(way, run), |ms| format!(", {ms:.3} ms per 1,000 nodes"), "");
    let mse = score(run.best_by_test().scores.mse);
    format!("{}: {:.2} ms per tree{per_nodes}, lowest MSE {mse}.", run.learner, ms_per_tree(way))
}

/// The name of a run's files.
fn name(run: &Outcome) -> String {
    let place = match run.place {
        Place::Caller => "sequential",
        Place::Threads => "parallel",
        Place::Ray => "ray",
    };
    if run.shared { format!("shared-{place}") } else { place.to_owned() }
}

impl Show for Comparison {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}
