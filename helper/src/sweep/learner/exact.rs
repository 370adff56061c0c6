//! The crate `forest` as a learner: hyperparameters mean what they mean in scikit-learn, and any
//! range of trees can be grown by itself.

use std::ops::Range;

use forest::{Params, Scale};

use super::{Memory, Prepared, Trees, most_nodes};
use crate::data::{Rows, Shards};
use crate::error::Result;

pub(crate) struct Training {
    set: forest::TrainingSet,
}

impl Training {
    pub(crate) fn new(rows: &Rows) -> Result<Self> {
        Ok(Self { set: forest::TrainingSet::new(matrix(rows)?, rows.y())? })
    }
}

impl Training {
    /// The training set, as `forest` reads it elsewhere.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.set.as_bytes()
    }
}

fn matrix(rows: &Rows) -> Result<forest::Matrix<'_>> {
    Ok(forest::Matrix::from_columns(rows.x(), rows.n_features())?)
}

impl Prepared for Training {
    fn grow(&self, of: &Params, trees: Range<usize>) -> Result<Box<dyn Trees>> {
        let piece = forest::Forest::grow(&self.set, of, trees.clone())?;
        Ok(Box::new(Piece { forest: piece, trees }))
    }

    fn scale(&self) -> Scale {
        self.set.view().scale()
    }
}

/// Shards, of which a task reads one: a forest is the union of the forests of all.
pub(crate) struct Blocks(pub(crate) Shards);

impl Blocks {
    fn whole(&self) -> Scale {
        Scale::for_targets(self.0.largest(), self.0.rows().iter().sum())
    }
}

impl Prepared for Blocks {
    fn grow(&self, of: &Params, trees: Range<usize>) -> Result<Box<dyn Trees>> {
        let shard = self.0.of_tree(trees.start, of.n_estimators);
        let table = self.0.read(shard)?;
        let (x, y) = table.split_at(table.len() - self.0.rows()[shard]);
        let x = forest::Matrix::from_columns(x, self.0.columns() - 1)?;
        let set = forest::TrainingSet::part(x, y, self.whole())?;
        let piece = forest::Forest::grow(&set, of, trees.clone())?;
        Ok(Box::new(Piece { forest: piece, trees }))
    }

    fn scale(&self) -> Scale {
        self.whole()
    }
}

/// A range of the trees of a forest.
struct Piece {
    forest: forest::Forest,
    trees: Range<usize>,
}

impl Trees for Piece {
    fn add_predictions(&self, rows: &Rows, sums: &mut [i64]) -> Result<()> {
        Ok(self.forest.add_predictions(self.trees.clone(), matrix(rows)?, sums)?)
    }

    fn n_nodes(&self) -> usize {
        self.forest.n_nodes()
    }
}

/// What the crate says of a worker's memory (two lists of rows for each feature, and a record of
/// each row), and 16 bytes for each node.
pub(super) fn memory(rows: usize, n_features: usize, params: &Params) -> Memory {
    Memory { worker: (rows * (16 * n_features + 64)) as u64, tree: most_nodes(rows, params) * 2 * 16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let x: Vec<f64> = (0..200).map(|i| f64::from(i * 7919 % 1009)).collect();
        let z: Vec<f64> = (0..200).map(|i| f64::from(i * 31 % 17)).collect();
        let y = x.iter().zip(&z).map(|(x, z)| x.sqrt() + z).collect();
        Rows::gather(&[x, z, y], &(0..200).collect::<Vec<_>>())
    }

    #[test]
    fn ranges_add_up_to_what_the_crate_predicts() {
        let rows = rows();
        let training = Training::new(&rows).unwrap();
        let of = Params { n_estimators: 23, max_depth: Some(6), seed: 5, ..Params::default() };
        let mut sums = vec![0; rows.len()];
        for range in [0..7, 7..8, 8..23] {
            training.grow(&of, range).unwrap().add_predictions(&rows, &mut sums).unwrap();
        }
        let scale = training.scale();
        let found: Vec<f64> = sums.into_iter().map(|sum| scale.to_f64(sum, 23)).collect();
        let whole = forest::Forest::fit(&training.set, &of).unwrap();
        assert_eq!(found, whole.predict(matrix(&rows).unwrap()).unwrap());
    }

    #[test]
    fn the_estimate_of_memory_is_an_upper_one() {
        let rows = rows();
        let training = Training::new(&rows).unwrap();
        let of = Params { n_estimators: 10, ..Params::default() };
        let estimate = memory(rows.len(), rows.n_features(), &of);
        assert!(training.set.view().worker_bytes() as u64 <= estimate.worker);
        let forest = forest::Forest::fit(&training.set, &of).unwrap();
        assert!(forest.n_bytes() as u64 <= estimate.tree * 10);
    }
}
