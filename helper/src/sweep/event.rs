//! What a sweep tells while it runs: training never prints, whoever listens shows it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::outcome::{FailedModel, ModelOutcome};
use crate::text::{seconds, thousands};

/// Something that happened in a sweep.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The sweep is about to start.
    Starting {
        /// How many models it trains.
        models: usize,
        /// How many trees they have.
        trees: usize,
        /// How many workers share them.
        workers: usize,
        /// How many seconds it may take, from some trees that were timed; 0 where these failed.
        estimate: f64,
    },
    /// Models came from a journal, and need not be trained.
    Resumed {
        /// The journal's file.
        journal: &'a Path,
        /// How many models it has.
        restored: usize,
        /// How many models the sweep has.
        of: usize,
    },
    /// A task failed as often as it was begun, and with it a model.
    Failed {
        /// The model.
        model: &'a FailedModel,
    },
    /// Something went wrong that costs no result.
    Warning {
        /// What, and what to do about it.
        message: &'a str,
    },
    /// All trees of a model are grown and scored.
    Finished {
        /// The model.
        model: &'a ModelOutcome,
        /// How many models are done, this one too.
        done: usize,
        /// How many there are.
        of: usize,
        /// Seconds since the start.
        elapsed: f64,
        /// Seconds that the rest may take.
        left: f64,
    },
}

/// Is told of events, one after another, on the thread that runs the sweep.
pub(super) type Listener = Arc<Mutex<dyn FnMut(Event<'_>) + Send>>;

pub(super) fn tell(listener: Option<&Listener>, event: Event<'_>) {
    if let Some(listener) = listener {
        listener.lock().unwrap_or_else(PoisonError::into_inner)(event);
    }
}

/// Below this no one needs to be told how long it takes, nor how far it is.
const LONG: f64 = 3.0;

/// Prints a line before a long run, and one for each finished model.
pub(super) fn print() -> Listener {
    let mut long = false;
    Arc::new(Mutex::new(move |event: Event<'_>| match event {
        Event::Starting { models, trees, workers, estimate } => {
            long = estimate > LONG;
            if long {
                let workers =
                    if workers == 1 { "one worker".to_owned() } else { format!("{workers} workers") };
                let trees = thousands(trees as u64);
                println!("{models} models, {trees} trees on {workers}: about {}", seconds(estimate));
            }
        }
        Event::Finished { model, done, of, elapsed, left } if long => {
            let (trees, mse) = (model.params.n_estimators, model.scores.mse);
            let left = if done == of { String::new() } else { format!(", about {} left", seconds(left)) };
            println!("{done:>3} of {of}: {trees:>4} trees, MSE {mse:.4}, after {}{left}", seconds(elapsed));
        }
        Event::Finished { .. } => {}
        Event::Resumed { journal, restored, of } => {
            println!("{restored} of {of} models are in {} already", journal.display());
        }
        Event::Failed { model } => eprintln!("{model}"),
        Event::Warning { message } => eprintln!("Warning: {message}"),
    }))
}
