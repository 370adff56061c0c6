//! How the outcome of a sweep shows itself, and how it is kept as files.

use std::path::PathBuf;

use super::{Bundle, Sentences, Show, Table, Text};
use crate::error::{Error, Result};
use crate::platform;
use crate::platform::{report_folder, write};
use crate::sweep::{COLUMNS, ModelOutcome, Outcome, Params, named, varied};
use crate::text::{count, csv, score, seconds, thousands};

/// A table of more models than this shows only the best of them.
const MOST_ROWS: usize = 12;
const BEST: usize = 10;
/// At most so many failed models are named.
const FAILED: usize = 5;

impl Outcome {
    fn table(&self) -> Table {
        let columns = varied(&self.models.iter().map(|model| model.params).collect::<Vec<_>>());
        let oob = ["OOB MSE"].into_iter().filter(|_| self.has_oob());
        let heads = columns.iter().map(|(name, _)| *name).chain(oob);
        let heads = heads.chain(["MSE", "RMSE", "MAE", "R2", "seconds"]);
        let busy = self.model_seconds();
        let models = format!("{} by {}", count(self.models.len(), "model", "models"), self.learner);
        let (order, title) = match self.models.len() > MOST_ROWS {
            true => {
                (self.ranking()[..BEST].to_vec(), format!("{}: the best {BEST} of {models}", self.dataset))
            }
            false => ((0..self.models.len()).collect(), format!("{}: {models}", self.dataset)),
        };
        let rows = order.into_iter().map(|index| {
            let model = &self.models[index];
            let scores = model.scores;
            let params = columns.iter().map(|(_, value)| Text::number(value(&model.params)));
            let oob = model.oob.map(|oob| oob.scores.mse);
            let scores = oob.into_iter().chain([scores.mse, scores.rmse, scores.mae, scores.r2]);
            let scores = scores.map(|s| Text::number(score(s)));
            let seconds = if model.restored { "(journal)".to_owned() } else { format!("{:.2}", busy[index]) };
            params.chain(scores).chain([Text::number(seconds)]).collect()
        });
        let lowest = |what: &str, error: f64, model: &ModelOutcome| {
            let number = model.model;
            format!(
                "Lowest {what}: {} with {} (model {number}).",
                score(error),
                named(&model.params, &columns)
            )
        };
        let of_test = self.best_by_test();
        let of_oob = self.best().oob.map(|oob| lowest("OOB MSE", oob.scores.mse, self.best()) + " ");
        let trees = match (self.trees(), self.trees_grown()) {
            (all, grown) if all == grown => count(all, "tree", "trees"),
            (all, grown) => {
                format!("{}, {} of them grown here,", count(all, "tree", "trees"), thousands(grown as u64))
            }
        };
        let table = Table::new(title, heads.collect::<Vec<_>>())
            .rows(rows)
            .note(format!(
                "{trees} in {} on {}. {}{}",
                seconds(self.seconds),
                count(self.workers, "worker", "workers"),
                of_oob.unwrap_or_default(),
                lowest("MSE", of_test.scores.mse, of_test)
            ))
            .note(
                "Errors are in units of the target (MSE: squared); seconds are those of all tasks of the model, added up.",
            );
        let table = match self.has_oob() {
            true => table.note(
                "OOB MSE is of the training rows, each predicted by no more than the trees that were not grown on it (out \
                 of bag), so it is higher than that of the test rows, of which the other errors are.",
            ),
            false => table,
        };
        self.remarks().into_iter().fold(table, Table::note)
    }

    /// What sharing one copy of the data saves against a copy for each worker, or for each task.
    pub fn sharing(&self) -> Sentences {
        let mb = |bytes: usize| match bytes as f64 / 1e6 {
            mb if mb < 0.1 => format!("{:.1} kB", 1e3 * mb),
            mb if mb < 1e3 => format!("{mb:.1} MB"),
            mb => format!("{:.1} GB", mb / 1e3),
        };
        let (bytes, workers, tasks) = (self.data_bytes, self.workers, self.tasks.len());
        let title = format!("{}: what sharing saves", self.dataset);
        if tasks == 0 {
            let sentence = "Every model comes from the journal, so no task has read the data.";
            return Sentences::new(title, vec![sentence.to_owned()]);
        }
        let mut sentences = vec![
            format!(
                "The data take {}, once: {} on {} read the same memory.",
                mb(bytes),
                count(tasks, "task", "tasks"),
                count(workers, "worker", "workers")
            ),
            format!("A copy for each worker would take {}.", mb(bytes.saturating_mul(workers))),
            format!("A copy for each task would move {} during the sweep.", mb(bytes.saturating_mul(tasks))),
        ];
        if let Some(peak) = platform::peak_memory() {
            sentences.push(format!("Measured: this process has held at most {} so far.", mb(peak as usize)));
        }
        Sentences::new(title, sentences)
    }

    /// Notes below the scores: the journal, failed models, warnings.
    fn remarks(&self) -> Vec<String> {
        let journal = self.journal.as_ref().map(|path| {
            let models = count(self.restored, "model", "models");
            format!("Journal: {}; read from it: {models}.", path.display())
        });
        let failed = self.failed.iter().take(FAILED).map(|failed| format!("FAILED: {failed}."));
        let more = self.failed.len().saturating_sub(FAILED);
        let more = (more > 0).then(|| format!("FAILED: {} more.", count(more, "model", "models")));
        journal.into_iter().chain(failed).chain(more).chain(self.cautions()).collect()
    }

    /// Writes the scores and the raw records of the tasks: `report/NAME-models.csv` and
    /// `report/NAME-tasks.csv`. A score that is not defined is an empty cell.
    ///
    /// # Errors
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for a name that is not of letters,
    /// digits, `-` and `_`; [`Io`](crate::ErrorKind::Io) where a file cannot be written.
    pub fn save(&self, name: &str) -> Result<[PathBuf; 2]> {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
            return Err(Error::invalid(
                "the name of a file",
                format!("\"{name}\""),
                "of letters, digits, - and _",
            ));
        }
        let path = |what: &str| report_folder().join(format!("{name}-{what}.csv"));
        let paths = [path("models"), path("tasks")];
        write(&paths[0], &self.models_csv())?;
        write(&paths[1], &self.tasks_csv())?;
        Ok(paths)
    }

    fn models_csv(&self) -> String {
        let params = |params: &Params| COLUMNS.map(|(_, value)| value(params));
        let names = COLUMNS.map(|(name, _)| name).join(",");
        let mut lines = format!("dataset,model,state,{names},mse,rmse,mae,r2,oob_mse,oob_r2,journal\n");
        let mut line = |model: usize, state: &str, params: [String; 9], scores: [f64; 6], journal: bool| {
            let scores =
                scores.map(|score| if score.is_finite() { score.to_string() } else { String::new() });
            let first = [self.dataset.clone(), model.to_string(), state.to_owned()];
            lines += &csv(&[&first[..], &params, &scores, &[journal.to_string()]].concat());
        };
        for ModelOutcome { model, params: p, scores, oob, restored, .. } in &self.models {
            let [oob_mse, oob_r2] = oob.map_or([f64::NAN; 2], |oob| [oob.scores.mse, oob.scores.r2]);
            let scores = [scores.mse, scores.rmse, scores.mae, scores.r2, oob_mse, oob_r2];
            line(*model, "FINISHED", params(p), scores, *restored);
        }
        for failed in &self.failed {
            line(failed.model, "FAILED", params(&failed.params), [f64::NAN; 6], false);
        }
        lines
    }

    pub(super) fn tasks_csv(&self) -> String {
        let heads =
            "dataset,task,model,first_tree,end_tree,worker,attempt,state,queued,started,ended,cpu_seconds\n";
        self.tasks.iter().fold(heads.to_owned(), |lines, task| {
            let numbers = [task.task, task.model, task.trees.start, task.trees.end, task.worker];
            let times = [task.queued, task.started, task.ended].map(|time| time.to_string());
            let state = [task.attempt.to_string(), task.state.to_string()];
            let cpu = [task.cpu_seconds.map(|seconds| seconds.to_string()).unwrap_or_default()];
            let numbers = numbers.map(|number| number.to_string());
            lines + &csv(&[std::slice::from_ref(&self.dataset), &numbers, &state, &times, &cpu].concat())
        })
    }
}

impl Show for Outcome {
    fn bundle(&self) -> Bundle {
        self.table().bundle()
    }
}
