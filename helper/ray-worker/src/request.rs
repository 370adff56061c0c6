//! What is asked of a worker, and doing it.

use std::ops::Range;

use forest::{Forest, Matrix, Params, Scale, TrainingSet, TrainingView};
use serde::Deserialize;

/// Trees that are held at a time: none is needed once its predictions are added.
const AT_A_TIME: usize = 10;

/// To grow some trees of a forest, and to add up their predictions for the test rows.
///
/// The inputs are the bytes of a [`TrainingSet`] and the test rows, row after row; for a shard, the
/// test rows and the shard's columns one after another, the target last.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Hyperparameters of the forest.
    pub params: Params,
    /// Which of its trees.
    pub trees: Range<usize>,
    /// The table that the shard is a part of; `None` where all rows are here.
    pub shard: Option<Whole>,
    /// Whether to panic instead, on purpose.
    #[serde(default)]
    pub panic: bool,
}

/// What a shard has to know of the whole table, so that all its parts have one scale.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whole {
    /// How many columns it has, the target included.
    pub columns: usize,
    /// How many rows.
    pub rows: usize,
    /// The bits of the largest target, without its sign.
    pub largest: u64,
}

impl Request {
    pub(crate) fn run(&self, inputs: &[&[u8]]) -> Result<Vec<i64>, String> {
        assert!(!self.panic, "sabotaged");
        let [first, second] = *inputs else {
            return Err(format!("the worker got {} inputs, but needs 2", inputs.len()));
        };
        match self.shard {
            None => self.grow(TrainingView::from_bytes(first).map_err(refused)?, floats(second)?),
            Some(whole) => {
                let table = floats(second)?;
                let rows = table.len() / whole.columns.max(1);
                let (x, y) = table.split_at_checked(table.len() - rows).unwrap_or((table, &[]));
                let x = Matrix::from_columns(x, whole.columns.saturating_sub(1)).map_err(refused)?;
                let scale = Scale::for_targets(f64::from_bits(whole.largest), whole.rows);
                let set = TrainingSet::part(x, y, scale).map_err(refused)?;
                self.grow(set.view(), floats(first)?)
            }
        }
    }

    fn grow(&self, training: TrainingView<'_>, test: &[f64]) -> Result<Vec<i64>, String> {
        let test = Matrix::from_rows(test, training.n_features()).map_err(refused)?;
        let mut sums = vec![0; test.n_rows()];
        for start in self.trees.clone().step_by(AT_A_TIME) {
            let some = start..self.trees.end.min(start + AT_A_TIME);
            let forest = Forest::grow(training, &self.params, some.clone()).map_err(refused)?;
            forest.add_predictions(some, test, &mut sums).map_err(refused)?;
        }
        Ok(sums)
    }
}

fn refused(error: forest::Error) -> String {
    format!("forest refused: {error}")
}

fn floats(bytes: &[u8]) -> Result<&[f64], String> {
    bytemuck::try_cast_slice(bytes)
        .map_err(|e| format!("{} bytes are not numbers of 8 bytes: {e}", bytes.len()))
}
