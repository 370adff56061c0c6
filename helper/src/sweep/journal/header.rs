//! The header of a journal, its first line: the sweep that its models belong to.

use forest::{Matrix, MaxFeatures, Params};
use learner::{Learner, Whole};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::data::Split;
use crate::error::Result;
use crate::sweep::outcome::difference;
use crate::sweep::plan::Plan;

/// The header: a sweep takes models only from a journal with an equal header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::sweep) struct Header {
    /// The version of the journal's format: to change the fields, change it.
    journal: u32,
    /// The version of the helper, for people who read the file.
    version: String,
    dataset: String,
    train_rows: usize,
    test_rows: usize,
    /// Hash of all numbers of the split.
    numbers: String,
    learner: String,
    pub(super) oob_score: bool,
    /// Hash of the predictions of a few trees: it shows that a learner has changed.
    trees: String,
    pub(super) models: Vec<Params>,
}

pub(super) const FORMAT: u32 = 3;

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
            oob_score: plan.settings.oob_score,
            trees: format!("{:016x}", sample(plan.settings.learner)?),
            models: plan.models.clone(),
        })
    }

    /// The facts that are compared besides the models, each with its value.
    fn facts(&self) -> [(&str, String); 6] {
        [
            ("the data are", self.dataset.clone()),
            (
                "the rows to learn from and to be tested on are",
                format!("{} + {}", self.train_rows, self.test_rows),
            ),
            ("the data differ: the hash of their numbers is", self.numbers.clone()),
            ("the learner is", self.learner.clone()),
            (
                "trees differ: the hash of a sample, which tells versions that grow other trees, is",
                self.trees.clone(),
            ),
            ("oob_score is", self.oob_score.to_string()),
        ]
    }

    /// The first difference between this header of a journal and a sweep's header, in words.
    pub(super) fn difference(&self, sweep: &Self) -> Option<String> {
        let facts = self.facts().into_iter().zip(sweep.facts());
        let facts = facts.map(|((what, there), (_, here))| [what.to_owned(), there, here]);
        let differs = facts.into_iter().find(|[_, there, here]| there != here);
        let [what, there, here] = differs.or_else(|| difference(&self.models, &sweep.models))?;
        Some(format!("{what} {there} there, but {here} here"))
    }
}

/// Hash of the predictions of three trees on constant rows.
fn sample(learner: Learner) -> Result<u64> {
    let column = |step: usize, of: usize| (0..300).map(|i| (i * step % of) as f64).collect::<Vec<_>>();
    let [x, z] = [column(7_919, 1_009), column(31, 17)];
    let y: Vec<f64> = x.iter().zip(&z).map(|(x, z)| x.sqrt() + z).collect();
    let x = [x, z].concat();
    let x = Matrix::from_columns(&x, 2)?;
    let params =
        Params { n_estimators: 3, seed: 7, max_features: MaxFeatures::Count(1), ..Params::default() };
    let mut sums = vec![0; y.len()];
    learner.prepare(x, &y, Whole::of(&y))?.grow(&params, 0..3, None)?.add_predictions(x, &mut sums)?;
    let bytes: Vec<u8> = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
    Ok(xxh3_64(&bytes))
}
