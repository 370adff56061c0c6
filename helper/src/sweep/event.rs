//! What a sweep tells while it runs. Training never prints: a listener shows what it likes.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::outcome::{FailedModel, ModelOutcome};
use crate::text::{seconds, thousands};

/// Something that happened in a sweep. Times are in seconds.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Models came from a journal, and need not be trained.
    Resumed {
        /// The journal's file.
        journal: &'a Path,
        /// How many models it has.
        restored: usize,
        /// How many models the sweep has.
        of: usize,
    },
    /// The first task is about to be handed out.
    Starting {
        /// How many models are to be trained.
        models: usize,
        /// How many trees are to be grown.
        trees: usize,
        /// How many workers share them.
        workers: usize,
    },
    /// A task is done, but no model with it.
    Progress {
        /// How many trees are grown.
        trees: usize,
        /// How many there are to grow.
        of: usize,
        /// Time since the start.
        elapsed: f64,
        /// Time that the rest may take.
        left: f64,
    },
    /// All trees of a model are grown and scored.
    Finished {
        /// The model.
        model: &'a ModelOutcome,
        /// How many models are done, this one included.
        done: usize,
        /// How many there are.
        of: usize,
        /// Time since the start.
        elapsed: f64,
        /// Time that the rest may take.
        left: f64,
    },
    /// A task failed in each of its attempts, and a model with it.
    Failed {
        /// The model.
        model: &'a FailedModel,
    },
    /// Something went wrong that costs no result.
    Warning {
        /// What, and what to do about it.
        message: &'a str,
    },
    /// Every task is done.
    Done {
        /// How many models were trained.
        models: usize,
        /// How many trees were grown.
        trees: usize,
        /// How many workers shared them.
        workers: usize,
        /// Time since the start.
        elapsed: f64,
    },
}

/// Is called with one event after another, on the thread that runs the sweep.
pub(super) type Listener = Arc<Mutex<dyn FnMut(Event<'_>) + Send>>;

pub(super) fn tell(listener: Option<&Listener>, event: Event<'_>) {
    if let Some(listener) = listener {
        listener.lock().unwrap_or_else(PoisonError::into_inner)(event);
    }
}

/// Prints lines: see [`Lines`].
pub(super) fn print() -> Listener {
    let mut lines = Lines::default();
    Arc::new(Mutex::new(move |event: Event<'_>| match event {
        Event::Failed { model } => eprintln!("{model}"),
        Event::Warning { message } => eprintln!("Warning: {message}"),
        event => lines.of(event).into_iter().for_each(|line| println!("{line}")),
    }))
}

/// A sweep that takes less time shows one line, at its end.
const SHORT: f64 = 3.0;
/// The longest time without a line, if tasks end meanwhile.
const SILENT: f64 = 10.0;

/// The lines of a sweep: one for each model once [`SHORT`] has passed, and one at the end.
#[derive(Default)]
struct Lines {
    /// Those of models that were finished before.
    early: Vec<String>,
    /// When the last line was shown.
    last: Option<f64>,
}

impl Lines {
    fn of(&mut self, event: Event<'_>) -> Vec<String> {
        let (now, line) = match event {
            Event::Starting { .. } => {
                *self = Self::default();
                return Vec::new();
            }
            Event::Resumed { journal, restored, of } => {
                return vec![format!("{restored} of {of} models are in {} already", journal.display())];
            }
            Event::Progress { trees, of, elapsed, left } => {
                if elapsed - self.last.unwrap_or(SHORT - SILENT) < SILENT {
                    return Vec::new();
                }
                let (trees, of) = (thousands(trees), thousands(of));
                let (after, left) = (seconds(elapsed), seconds(left));
                (elapsed, format!("{trees} of {of} trees after {after}, about {left} left"))
            }
            Event::Finished { model, done, of, elapsed, left } => {
                let (trees, mse, after) = (model.params.n_estimators, model.scores.mse, seconds(elapsed));
                let line = format!("{done:>3} of {of}: {trees:>4} trees, MSE {mse:.4}, after {after}");
                if elapsed < SHORT {
                    self.early.push(line);
                    return Vec::new();
                }
                let left = if done == of { String::new() } else { format!(", about {} left", seconds(left)) };
                (elapsed, line + &left)
            }
            Event::Done { models, trees, workers, elapsed } => {
                let [models, trees, workers] = [(models, "model"), (trees, "tree"), (workers, "worker")]
                    .map(|(n, one)| format!("{} {one}{}", thousands(n), if n == 1 { "" } else { "s" }));
                return vec![format!("{models}, {trees} on {workers} in {}", seconds(elapsed))];
            }
            Event::Failed { .. } | Event::Warning { .. } => return Vec::new(),
        };
        self.last = Some(now);
        let mut lines = std::mem::take(&mut self.early);
        lines.push(line);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Params, Scores};

    #[test]
    fn lines_begin_when_three_seconds_have_passed() {
        let scores = Scores { mse: 0.25, rmse: 0.5, mae: 0.3, r2: 0.8 };
        let (params, predictions) = (Params::default(), Vec::new());
        let model = ModelOutcome { model: 0, params, scores, predictions, restored: false };
        let mut lines = Lines::default();
        let mut shown = |event| lines.of(event).join("\n");
        let progress = |elapsed| Event::Progress { trees: 1_200, of: 6_000, elapsed, left: 12.0 };
        let finished = |done, elapsed| Event::Finished { model: &model, done, of: 30, elapsed, left: 9.0 };
        let done = |models, trees, workers| Event::Done { models, trees, workers, elapsed: 1.2 };
        for _ in 0..2 {
            assert_eq!(shown(Event::Starting { models: 30, trees: 6_000, workers: 2 }), "");
            assert_eq!(shown(progress(2.8)) + &shown(finished(1, 2.9)), "");
            let early = "  1 of 30:  100 trees, MSE 0.2500, after 2.90 s";
            assert_eq!(
                shown(progress(3.0)),
                format!("{early}\n1,200 of 6,000 trees after 3.00 s, about 12.0 s left")
            );
            assert_eq!(shown(progress(12.9)), "", "less than ten seconds after the last line");
            let line = "  2 of 30:  100 trees, MSE 0.2500, after 13.0 s, about 9.00 s left";
            assert_eq!(shown(finished(2, 13.0)), line);
            assert_eq!(shown(progress(22.9)), "");
            assert!(shown(progress(23.0)).starts_with("1,200 of 6,000"));
            assert!(!shown(finished(30, 30.0)).contains("left"));
        }
        shown(Event::Starting { models: 1, trees: 1, workers: 1 });
        shown(finished(1, 1.1));
        assert_eq!(shown(done(1, 1, 1)), "1 model, 1 tree on 1 worker in 1.20 s");
        assert_eq!(shown(done(30, 5_850, 2)), "30 models, 5,850 trees on 2 workers in 1.20 s");
    }
}
