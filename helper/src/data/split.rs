//! Training and test rows.

use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

/// Rows of numbers with their targets; columns lie one after another. A clone shares the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    x: Arc<[f64]>,
    y: Arc<[f64]>,
    source: Arc<[usize]>,
}

impl Rows {
    /// Takes `rows` out of `columns`, of which the last is the target.
    pub(crate) fn gather(columns: &[Vec<f64>], rows: &[usize]) -> Self {
        let pick = |column: &Vec<f64>| rows.iter().map(|&row| column[row]).collect::<Vec<f64>>();
        let (target, features) = columns.split_last().map_or((Vec::new(), &[][..]), |(y, x)| (pick(y), x));
        Self { x: features.iter().flat_map(pick).collect(), y: target.into(), source: rows.into() }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// How many features.
    pub fn n_features(&self) -> usize {
        self.x.len() / self.len().max(1)
    }

    /// The features, column after column: shape `n_features` x `len`.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// The targets, one per row.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    /// Which row of the table each row was.
    pub fn source(&self) -> &[usize] {
        &self.source
    }
}

/// A table cut in two: rows to learn from, and rows to be tested on. A clone shares the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// What the data are called.
    pub dataset: String,
    /// The names of the features, in the order of the columns.
    pub features: Vec<String>,
    /// What the target's numbers mean, with their unit.
    pub target: String,
    /// The rows to learn from.
    pub train: Rows,
    /// The rows that a forest is judged by, which it never saw.
    pub test: Rows,
}

impl Split {
    /// How many bytes the numbers take.
    pub fn bytes(&self) -> usize {
        let side = |rows: &Rows| size_of_val(rows.x()) + size_of_val(rows.y()) + size_of_val(rows.source());
        side(&self.train) + side(&self.test)
    }

    /// A hash (XXH3) of all numbers of both sides: splits of the same rows have the same, others do not.
    pub fn identity(&self) -> u64 {
        let mut hasher = Xxh3::new();
        for rows in [&self.train, &self.test] {
            hasher.update(&(rows.len() as u64).to_le_bytes());
            rows.x().iter().chain(rows.y()).for_each(|number| hasher.update(&number.to_le_bytes()));
        }
        hasher.digest()
    }
}

impl AsRef<Split> for Split {
    fn as_ref(&self) -> &Self {
        self
    }
}
