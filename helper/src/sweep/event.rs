//! Events of a running sweep. Training never prints; only listeners do.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::outcome::{FailedModel, ModelOutcome};
use crate::text::{count, seconds, thousands};

/// Progress of a sweep, without the models that came from a journal.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Progress {
    /// The number of trained models.
    pub models: usize,
    /// The number of models to train.
    pub all_models: usize,
    /// The number of grown trees.
    pub trees: usize,
    /// The number of trees to grow.
    pub all_trees: usize,
    /// The number of workers.
    pub workers: usize,
    /// Seconds since the start.
    pub elapsed: f64,
    /// Estimate of the seconds that remain; infinite before the first tree is grown.
    pub left: f64,
}

/// An event of a sweep.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// This number of models was read from this journal.
    Resumed(usize, &'a Path),
    /// The first task is about to be handed out.
    Starting(Progress),
    /// A task is done, but completes no model.
    Grown(Progress),
    /// A model is trained and scored.
    Finished(Progress, &'a ModelOutcome),
    /// A task failed in each attempt, and with it this model.
    Failed(&'a FailedModel),
    /// A problem that lost no result.
    Warning(&'a str),
    /// Every task is done.
    Done(Progress),
}

/// A function that gets each event, on the thread that runs the sweep.
pub(super) type Listener = Arc<Mutex<dyn FnMut(Event<'_>) + Send>>;

pub(super) fn tell(listener: Option<&Listener>, event: Event<'_>) {
    if let Some(listener) = listener {
        listener.lock().unwrap_or_else(PoisonError::into_inner)(event);
    }
}

/// A listener that prints [`Lines`].
pub(super) fn print() -> Listener {
    let mut lines = Lines::default();
    Arc::new(Mutex::new(move |event: Event<'_>| match event {
        Event::Failed(model) => eprintln!("{model}"),
        Event::Warning(message) => eprintln!("Warning: {message}"),
        event => lines.of(event).into_iter().for_each(|line| println!("{line}")),
    }))
}

/// A sweep shorter than these seconds prints only its last line.
const SHORT: f64 = 3.0;
/// The longest time in seconds without a line, if tasks end meanwhile.
const SILENT: f64 = 10.0;

/// The lines of a sweep: one for each model once [`SHORT`] has passed, and one at the end.
#[derive(Default)]
struct Lines {
    /// Lines of models that finished before [`SHORT`].
    early: Vec<String>,
    /// When the last line was printed, in seconds.
    last: Option<f64>,
}

impl Lines {
    fn of(&mut self, event: Event<'_>) -> Vec<String> {
        let left = |progress: Progress| format!(", about {} left", seconds(progress.left));
        let (now, line) = match event {
            Event::Resumed(models, journal) => {
                return vec![format!("{} came from {}", count(models, "model", "models"), journal.display())];
            }
            Event::Grown(now) if now.elapsed - self.last.unwrap_or(SHORT - SILENT) >= SILENT => {
                let [trees, all] = [now.trees, now.all_trees].map(thousands);
                (now, format!("{trees} of {all} trees after {}{}", seconds(now.elapsed), left(now)))
            }
            Event::Finished(now, model) => {
                let (trees, mse, after) = (model.params.n_estimators, model.scores.mse, seconds(now.elapsed));
                let line = format!(
                    "{:>3} of {}: {trees:>4} trees, MSE {mse:.4}, after {after}",
                    now.models, now.all_models
                );
                if now.elapsed < SHORT {
                    self.early.push(line);
                    return Vec::new();
                }
                (now, if now.models == now.all_models { line } else { line + &left(now) })
            }
            Event::Done(now) => {
                *self = Self::default();
                let models = count(now.models, "model", "models");
                let (trees, workers) =
                    (count(now.trees, "tree", "trees"), count(now.workers, "worker", "workers"));
                return vec![format!("{models}, {trees} on {workers} in {}", seconds(now.elapsed))];
            }
            _ => return Vec::new(),
        };
        self.last = Some(now.elapsed);
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
        let model = ModelOutcome { model: 0, params, scores, oob: None, predictions, restored: false };
        let mut lines = Lines::default();
        let mut shown = |event| lines.of(event).join("\n");
        let now = |models, elapsed| Progress {
            models,
            all_models: 30,
            trees: 1_200,
            all_trees: 6_000,
            workers: 2,
            elapsed,
            left: 12.0,
        };
        let progress = |elapsed| Event::Grown(now(0, elapsed));
        let finished = |done, elapsed| Event::Finished(Progress { left: 9.0, ..now(done, elapsed) }, &model);
        let done =
            |models, trees, workers| Event::Done(Progress { models, trees, workers, ..now(models, 1.2) });
        for _ in 0..2 {
            assert_eq!(shown(Event::Starting(now(0, 0.0))), "");
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
            assert_eq!(shown(done(30, 5_850, 2)), "30 models, 5,850 trees on 2 workers in 1.20 s");
        }
        shown(finished(1, 1.1));
        assert_eq!(shown(done(1, 1, 1)), "1 model, 1 tree on 1 worker in 1.20 s");
    }
}
