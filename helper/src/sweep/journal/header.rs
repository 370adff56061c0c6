//! The first line of a journal: which sweep its models are of.

use forest::{Matrix, MaxFeatures, Params};
use learner::{Learner, Whole};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::data::Split;
use crate::error::Result;
use crate::sweep::outcome::COLUMNS;
use crate::sweep::plan::Plan;

/// What must be the same for models of a journal to be models of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::sweep) struct Header {
    /// The version of the journal's format: other members need another number.
    journal: u32,
    /// The version of the helper, for who reads the file.
    version: String,
    dataset: String,
    train_rows: usize,
    pub(super) test_rows: usize,
    /// Hash of all numbers of the split.
    numbers: String,
    learner: String,
    /// Hash of what a few trees predict: it tells that a learner has changed, whatever its version says.
    trees: String,
    pub(super) models: Vec<Params>,
}

pub(super) const FORMAT: u32 = 2;

impl Header {
    pub(in crate::sweep) fn of(plan: &Plan, split: &Split) -> Result<Self> {
        Ok(Self {
            journal: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dataset: split.dataset.clone(),
            train_rows: split.train.len(),
            test_rows: split.test.len(),
            numbers: format!("{:016x}", split.identity()),
            learner: plan.settings.learner.to_string(),
            trees: format!("{:016x}", sample(plan.settings.learner)?),
            models: plan.models.clone(),
        })
    }

    /// What is compared, and its value.
    fn facts(&self) -> Vec<(String, String)> {
        let rows = format!("{} + {}", self.train_rows, self.test_rows);
        let facts = [
            ("the data are", self.dataset.clone()),
            ("the rows to learn from and to be tested on are", rows),
            ("the data differ: the hash of their numbers is", self.numbers.clone()),
            ("the learner is", self.learner.clone()),
            ("this version grows other trees: a sample's hash is", self.trees.clone()),
            ("the sweep is", format!("of {} models", self.models.len())),
        ];
        let models = self.models.iter().enumerate().flat_map(|(model, params)| {
            COLUMNS.map(|(name, value)| (format!("{name} of model {model} is"), value(params)))
        });
        facts.map(|(what, value)| (what.to_owned(), value)).into_iter().chain(models).collect()
    }

    /// The first difference between this header, of a journal, and that of a sweep, in words.
    pub(super) fn difference(&self, sweep: &Self) -> Option<String> {
        let (there, here) = (self.facts(), sweep.facts());
        let ((what, there), (_, here)) = there.iter().zip(&here).find(|(there, here)| there != here)?;
        Some(format!("{what} {there} there, but {here} here"))
    }
}

/// Hash of what three trees predict on rows that are always the same.
fn sample(learner: Learner) -> Result<u64> {
    let column = |step: usize, of: usize| (0..300).map(|i| (i * step % of) as f64).collect::<Vec<_>>();
    let [x, z] = [column(7_919, 1_009), column(31, 17)];
    let y: Vec<f64> = x.iter().zip(&z).map(|(x, z)| x.sqrt() + z).collect();
    let x = [x, z].concat();
    let x = Matrix::from_columns(&x, 2)?;
    let params =
        Params { n_estimators: 3, seed: 7, max_features: MaxFeatures::Count(1), ..Params::default() };
    let mut sums = vec![0; y.len()];
    learner.prepare(x, &y, Whole::of(&y))?.grow(&params, 0..3)?.add_predictions(x, &mut sums)?;
    let bytes: Vec<u8> = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
    Ok(xxh3_64(&bytes))
}
