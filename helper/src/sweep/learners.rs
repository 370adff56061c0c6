//! The same models by several learners, side by side.

use std::fmt;

use super::Learner;
use super::outcome::Outcome;
use crate::error::{Error, ErrorKind, Result};
use crate::view::{Table, Text};

/// Runs of the same hyperparameters with different learners, which grow different trees: so the
/// work is compared per tree, and per node as well.
///
/// As the last line of a cell it shows itself as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Learners {
    dataset: String,
    models: Vec<Grower>,
}

/// One model, and what growing it took.
#[derive(Debug, Clone, PartialEq)]
struct Grower {
    learner: Learner,
    n_estimators: usize,
    ms_per_tree: f64,
    nodes_per_tree: f64,
    mse: f64,
}

impl Learners {
    /// Puts runs side by side, model by model. They must have kept their trees
    /// (`.keep(Keep::All)`), whose nodes are counted here.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for fewer than two runs, for runs of other
    /// data or hyperparameters than the first, and where a model's trees were not kept.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a Outcome>) -> Result<Self> {
        let runs: Vec<&Outcome> = runs.into_iter().collect();
        let [first, _, ..] = runs[..] else {
            let allowed = "2 or more: there is nothing to compare";
            return Err(Error::invalid("the number of runs", runs.len(), allowed));
        };
        if let Some(i) =
            runs.iter().position(|run| run.dataset != first.dataset || run.params() != first.params())
        {
            let message = format!(
                "run {i} is of other data or hyperparameters than run 0; compare runs that differ in their learner alone"
            );
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        let mut models = Vec::new();
        for i in 0..first.models.len() {
            for run in &runs {
                models.push(Grower::of(run, i)?);
            }
        }
        Ok(Self { dataset: first.dataset.clone(), models })
    }

    fn table(&self) -> Table {
        let heads = ["trees", "learner", "ms per tree", "nodes per tree", "ms per 1,000 nodes", "MSE"];
        let row = |model: &Grower| {
            vec![
                Text::number(model.n_estimators),
                Text::from(model.learner.to_string()),
                Text::number(format!("{:.2}", model.ms_per_tree)),
                Text::number(format!("{:.0}", model.nodes_per_tree)),
                Text::number(format!("{:.3}", 1000.0 * model.ms_per_tree / model.nodes_per_tree)),
                Text::number(format!("{:.4}", model.mse)),
            ]
        };
        Table::new(format!("{}: the same hyperparameters, other learners", self.dataset), heads)
            .rows(self.models.iter().map(row))
            .note("Milliseconds are those of the workers, added up; on a busy machine they are more.")
    }

    /// Shows the table in a notebook.
    pub fn evcxr_display(&self) {
        self.table().evcxr_display();
    }
}

impl Grower {
    fn of(run: &Outcome, i: usize) -> Result<Self> {
        let (scores, params) = (run.models[i].scores, run.models[i].params);
        let model = run.model(i).ok_or_else(|| {
            let message = format!(
                "the trees of the model {params} by {} were not kept, so their nodes cannot be counted; run the sweep with \
                 .keep(Keep::All)",
                run.learner
            );
            Error::new(ErrorKind::InvalidParameter, message)
        })?;
        let trees = params.n_estimators as f64;
        Ok(Self {
            learner: run.learner,
            n_estimators: params.n_estimators,
            ms_per_tree: 1000.0 * run.model_seconds()[i] / trees,
            nodes_per_tree: model.n_nodes() as f64 / trees,
            mse: scores.mse,
        })
    }
}

impl fmt::Display for Learners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}
