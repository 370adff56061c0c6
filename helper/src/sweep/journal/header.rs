//! What a journal is of: its first line.

use xxhash_rust::xxh3::Xxh3;

use super::line::{Line, Read};
use crate::data::{Rows, Split};
use crate::error::Result;
use crate::sweep::Learner;
use crate::sweep::params::Params;
use crate::sweep::plan::Plan;

/// Which members a line has; others would be another number.
const FORMAT: u32 = 1;

/// What must be the same for models of a journal to be models of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sweep) struct Header {
    format: u32,
    dataset: String,
    rows: [usize; 2],
    numbers: String,
    learner: String,
    trees: String,
    models: Vec<String>,
}

impl Header {
    pub(in crate::sweep) fn of(plan: &Plan, split: &Split) -> Result<Self> {
        Ok(Self {
            format: FORMAT,
            dataset: split.dataset.clone(),
            rows: [split.train.len(), split.test.len()],
            numbers: format!("{:016x}", split.identity()),
            learner: plan.learner.to_string(),
            trees: format!("{:016x}", sample(plan.learner)?),
            models: plan.models.iter().map(Params::to_string).collect(),
        })
    }

    pub(super) fn line(&self) -> String {
        Line::new()
            .number("journal", self.format)
            .text("version", env!("CARGO_PKG_VERSION"))
            .text("dataset", &self.dataset)
            .number("train_rows", self.rows[0])
            .number("test_rows", self.rows[1])
            .text("numbers", &self.numbers)
            .text("learner", &self.learner)
            .text("trees", &self.trees)
            .texts("models", self.models.iter().cloned())
            .end()
    }

    pub(super) fn read(line: &Read) -> Option<Self> {
        Some(Self {
            format: line.number("journal")?,
            dataset: line.text("dataset")?,
            rows: [line.number("train_rows")?, line.number("test_rows")?],
            numbers: line.text("numbers")?,
            learner: line.text("learner")?,
            trees: line.text("trees")?,
            models: line.texts("models")?,
        })
    }

    pub(super) fn model(&self, index: usize) -> Option<&str> {
        self.models.get(index).map(String::as_str)
    }

    pub(super) fn test_rows(&self) -> usize {
        self.rows[1]
    }

    /// The first difference of a journal's header to that of the sweep, in words.
    pub(super) fn difference(&self, sweep: &Self) -> Option<String> {
        let of = |what: &str, there: &str, here: &str| {
            (there != here).then(|| format!("{what} {there} there, but {here} here"))
        };
        let rows = |header: &Self| format!("{} + {}", header.rows[0], header.rows[1]);
        of("its format is", &self.format.to_string(), &sweep.format.to_string())
            .or_else(|| of("the data are", &self.dataset, &sweep.dataset))
            .or_else(|| of("the rows to learn from and to be tested on are", &rows(self), &rows(sweep)))
            .or_else(|| of("the data differ: the hash of their numbers is", &self.numbers, &sweep.numbers))
            .or_else(|| of("the learner is", &self.learner, &sweep.learner))
            .or_else(|| of("this version grows other trees: a sample's hash is", &self.trees, &sweep.trees))
            .or_else(|| {
                let count = |header: &Self| format!("of {} models", header.models.len());
                of("the sweep is", &count(self), &count(sweep))
            })
            .or_else(|| {
                let (model, (there, here)) =
                    self.models.iter().zip(&sweep.models).enumerate().find(|(_, (a, b))| a != b)?;
                let fields = there.split(", ").zip(here.split(", ")).filter(|(a, b)| a != b);
                let (there, here): (Vec<_>, Vec<_>) = fields.unzip();
                of(&format!("model {model} has"), &there.join(", "), &here.join(", "))
            })
    }
}

/// What a few trees on made-up rows predict: another number tells that a learner has changed,
/// whatever its version says.
fn sample(learner: Learner) -> Result<u64> {
    let column = |step: usize, of: usize| (0..300).map(|i| (i * step % of) as f64).collect::<Vec<_>>();
    let [x, z] = [column(7_919, 1_009), column(31, 17)];
    let y = x.iter().zip(&z).map(|(x, z)| x.sqrt() + z).collect();
    let rows = Rows::gather(&[x, z, y], &(0..300).collect::<Vec<_>>());
    let split = Split {
        dataset: String::new(),
        features: Vec::new(),
        target: String::new(),
        train: rows.clone(),
        test: rows.clone(),
    };
    let prepared = learner.prepare(&split)?;
    let params = Params { n_estimators: 3, seed: 7, max_features: 1.into(), ..Params::default() };
    let mut sums = vec![0; rows.len()];
    prepared.grow(&params, 0..3)?.add_predictions(&rows, &mut sums)?;
    let mut hasher = Xxh3::new();
    sums.iter().for_each(|sum| hasher.update(&sum.to_le_bytes()));
    Ok(hasher.digest())
}
