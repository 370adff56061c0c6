//! How the outcome of a sweep shows itself, and how it is kept as files.

use std::fmt;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::{Sentences, Table, Text};
use crate::error::{Error, Result};
use crate::platform;
use crate::platform::{report_folder, write};
use crate::sweep::{Outcome, Params, Scores};
use crate::text::{seconds, thousands};

/// A table of more models than this shows the best of them alone.
const MOST_ROWS: usize = 12;
const BEST: usize = 10;
/// Failed models that are named, at most.
const FAILED: usize = 5;

impl Outcome {
    fn table(&self) -> Table {
        let columns = varied(&self.models.iter().map(|model| model.params).collect::<Vec<_>>());
        let heads = columns.iter().map(|(name, _)| *name).chain(["MSE", "RMSE", "MAE", "R2", "seconds"]);
        let busy = self.model_seconds();
        let mut order: Vec<usize> = (0..self.models.len()).collect();
        let mut title = format!("{}: {} models by {}", self.dataset, self.models.len(), self.learner);
        if order.len() > MOST_ROWS {
            order.sort_by(|&a, &b| self.models[a].scores.mse.total_cmp(&self.models[b].scores.mse));
            order.truncate(BEST);
            title = format!(
                "{}: the best {BEST} of {} models by {}",
                self.dataset,
                self.models.len(),
                self.learner
            );
        }
        let rows = order.into_iter().map(|index| {
            let model = &self.models[index];
            let scores = model.scores;
            let params = columns.iter().map(|(_, value)| Text::number(value(&model.params)));
            let scores =
                [scores.mse, scores.rmse, scores.mae, scores.r2].map(|s| Text::number(format!("{s:.4}")));
            let seconds = if model.restored { "(journal)".to_owned() } else { format!("{:.2}", busy[index]) };
            params.chain(scores).chain([Text::number(seconds)]).collect()
        });
        let best = self.best();
        let grown = match (self.trees(), self.trees_grown()) {
            (all, grown) if all == grown => format!("{} trees", thousands(all as u64)),
            (all, grown) => {
                format!("{} trees, {} of them grown here,", thousands(all as u64), thousands(grown as u64))
            }
        };
        let table = Table::new(title, heads.collect::<Vec<_>>())
            .rows(rows)
            .note(format!(
                "{grown} in {} on {}. Lowest MSE: {:.4} with {} trees.",
                seconds(self.seconds),
                if self.workers == 1 { "one worker".to_owned() } else { format!("{} workers", self.workers) },
                best.scores.mse,
                best.params.n_estimators
            ))
            .note("Errors are in units of the target (MSE: squared); seconds are those that workers were at the model.");
        self.remarks().into_iter().fold(table, Table::note)
    }

    /// What sharing one copy of the data saves against a copy for each worker, or for each task.
    pub fn sharing(&self) -> Sentences {
        let mb = |bytes: usize| match bytes as f64 / 1e6 {
            mb if mb < 1e3 => format!("{mb:.1} MB"),
            mb => format!("{:.1} GB", mb / 1e3),
        };
        let (bytes, workers, tasks) = (self.data_bytes, self.workers, self.tasks.len());
        let mut sentences = vec![
            format!(
                "The data take {}, once: {} tasks on {workers} workers read the same memory.",
                mb(bytes),
                thousands(tasks as u64)
            ),
            format!("A copy for each worker would take {}.", mb(bytes.saturating_mul(workers))),
            format!(
                "Handing each task a copy would move {} in the course of the sweep.",
                mb(bytes.saturating_mul(tasks))
            ),
        ];
        if let Some(peak) = platform::peak_memory() {
            sentences.push(format!(
                "Measured: this process has held {} at most so far, all in all.",
                mb(peak as usize)
            ));
        }
        Sentences::new(format!("{}: what sharing saves", self.dataset), sentences)
    }

    /// What a reader should know beside the scores.
    fn remarks(&self) -> Vec<String> {
        let journal = self
            .journal
            .as_ref()
            .map(|path| format!("Journal: {}, of which {} models came.", path.display(), self.restored));
        let failed = self.failed.iter().take(FAILED).map(|failed| format!("FAILED: {failed}."));
        let more = self.failed.len().saturating_sub(FAILED);
        let more = (more > 0).then(|| format!("FAILED: {more} more models."));
        let warnings = self.warnings.iter().map(|warning| format!("Warning: {warning}."));
        journal.into_iter().chain(failed).chain(more).chain(warnings).collect()
    }

    /// Shows the scores in a notebook: of all models, or of the best ten where there are many.
    pub fn evcxr_display(&self) {
        self.table().evcxr_display();
    }

    /// Keeps the scores and the raw records of the tasks, from which every figure of a comparison can
    /// be worked out again: `report/NAME-models.csv` and `report/NAME-tasks.csv`.
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
        let mut models = String::from(
            "dataset,model,state,n_estimators,max_depth,min_samples_split,min_samples_leaf,min_impurity_decrease,max_features,bootstrap,max_samples,seed,mse,rmse,mae,r2,journal\n",
        );
        let fields = |p: &Params| {
            let (split, leaf) = (p.min_samples_split, p.min_samples_leaf);
            let (least, samples) = (p.min_impurity_decrease, samples(p));
            format!(
                "{},{},{split},{leaf},{least},{},{},{samples},{}",
                p.n_estimators,
                depth(p),
                p.max_features,
                p.bootstrap,
                p.seed
            )
        };
        for m in &self.models {
            let (p, Scores { mse, rmse, mae, r2 }) = (fields(&m.params), m.scores);
            let _ = writeln!(
                models,
                "{},{},FINISHED,{p},{mse},{rmse},{mae},{r2},{}",
                self.dataset, m.model, m.restored
            );
        }
        for m in &self.failed {
            let _ = writeln!(models, "{},{},FAILED,{},,,,,false", self.dataset, m.model, fields(&m.params));
        }
        let mut tasks = String::from(
            "dataset,task,model,first_tree,end_tree,worker,attempt,state,queued,started,ended,cpu_seconds\n",
        );
        for t in &self.tasks {
            let cpu = t.cpu_seconds.map(|s| s.to_string()).unwrap_or_default();
            let (first, end) = (t.trees.start, t.trees.end);
            let _ = writeln!(
                tasks,
                "{},{},{},{first},{end},{},{},{},{},{},{},{cpu}",
                self.dataset, t.task, t.model, t.worker, t.attempt, t.state, t.queued, t.started, t.ended
            );
        }
        let paths = ["models", "tasks"].map(|what| report_folder().join(format!("{name}-{what}.csv")));
        write(&paths[0], &models)?;
        write(&paths[1], &tasks)?;
        Ok(paths)
    }
}

fn depth(params: &Params) -> String {
    params.max_depth.map_or_else(|| "None".to_owned(), |depth| depth.to_string())
}

fn samples(params: &Params) -> String {
    params.max_samples.map_or_else(|| "None".to_owned(), |samples| samples.to_string())
}

type Column = (&'static str, fn(&Params) -> String);

/// The hyperparameters that are not the same for all models, the number of trees always.
fn varied(models: &[Params]) -> Vec<Column> {
    let columns: [Column; 9] = [
        ("n_estimators", |p| p.n_estimators.to_string()),
        ("max_depth", depth),
        ("min_samples_split", |p| p.min_samples_split.to_string()),
        ("min_samples_leaf", |p| p.min_samples_leaf.to_string()),
        ("min_impurity_decrease", |p| p.min_impurity_decrease.to_string()),
        ("max_features", |p| p.max_features.to_string()),
        ("bootstrap", |p| p.bootstrap.to_string()),
        ("max_samples", samples),
        ("seed", |p| p.seed.to_string()),
    ];
    let varies = |(name, value): &Column| {
        *name == "n_estimators" || models.windows(2).any(|pair| value(&pair[0]) != value(&pair[1]))
    };
    columns.into_iter().filter(varies).collect()
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}
