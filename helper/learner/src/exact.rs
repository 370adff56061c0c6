//! The crate `forest` as a learner: hyperparameters have scikit-learn's meaning, and any range of
//! trees is grown by itself.

use std::ops::Range;

use forest::{Forest, TrainingSet, TrainingView};

use crate::{Matrix, Memory, Params, Prepared, Result, Scale, Train, Trees, Whole, most_nodes};

pub(crate) struct Exact;

impl Train for Exact {
    fn name(&self) -> &'static str {
        "forest"
    }

    /// Per worker two lists of rows for each feature and a record of each row, as
    /// [`TrainingView::worker_bytes`] has it; 16 bytes per node.
    fn memory(&self, rows: usize, n_features: usize, params: &Params) -> Memory {
        Memory { worker: (rows * (16 * n_features + 64)) as u64, tree: most_nodes(rows, params) * 2 * 16 }
    }

    fn prepare(&self, x: Matrix<'_>, y: &[f64]) -> Result<Box<dyn Prepared>> {
        Ok(Box::new(TrainingSet::new(x, y)?))
    }

    /// Sorted by every feature already: workers read it where it lies.
    fn bytes(&self, x: Matrix<'_>, y: &[f64]) -> Result<Vec<u8>> {
        Ok(TrainingSet::new(x, y)?.as_bytes().to_vec())
    }

    fn read<'a>(&self, bytes: &'a [u8]) -> Result<Box<dyn Prepared + 'a>> {
        Ok(Box::new(TrainingView::from_bytes(bytes)?))
    }

    fn part(&self, x: Matrix<'_>, y: &[f64], of: Whole) -> Result<Box<dyn Prepared>> {
        let scale = forest::Scale::for_targets(of.largest, of.rows);
        Ok(Box::new(TrainingSet::part(x, y, scale)?))
    }
}

impl Prepared for TrainingView<'_> {
    fn grow(&self, params: &Params, trees: Range<usize>) -> Result<Box<dyn Trees>> {
        Ok(Box::new(Forest::grow(*self, params, trees)?))
    }

    fn scale(&self) -> Scale {
        TrainingView::scale(self)
    }
}

impl Prepared for TrainingSet {
    fn grow(&self, params: &Params, trees: Range<usize>) -> Result<Box<dyn Trees>> {
        self.view().grow(params, trees)
    }

    fn scale(&self) -> Scale {
        Prepared::scale(&self.view())
    }
}

impl Trees for Forest {
    fn add_predictions(&self, x: Matrix<'_>, sums: &mut [i64]) -> Result<()> {
        Ok(Forest::add_predictions(self, self.trees(), x, sums)?)
    }

    fn n_nodes(&self) -> usize {
        Forest::n_nodes(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> (Vec<f64>, Vec<f64>) {
        let x: Vec<f64> = (0..200).map(|i| f64::from(i * 7919 % 1009)).collect();
        let z: Vec<f64> = (0..200).map(|i| f64::from(i * 31 % 17)).collect();
        let y = x.iter().zip(&z).map(|(x, z)| x.sqrt() + z).collect();
        (x.into_iter().chain(z).collect(), y)
    }

    #[test]
    fn ranges_add_up_to_what_the_crate_predicts() {
        let (x, y) = rows();
        let x = Matrix::from_columns(&x, 2).unwrap();
        let set = TrainingSet::new(x, &y).unwrap();
        let prepared = Exact.prepare(x, &y).unwrap();
        let params = Params { n_estimators: 23, max_depth: Some(6), seed: 5, ..Params::default() };
        let mut sums = vec![0; y.len()];
        for range in [0..7, 7..8, 8..23] {
            prepared.grow(&params, range).unwrap().add_predictions(x, &mut sums).unwrap();
        }
        let found: Vec<f64> = sums.into_iter().map(|sum| prepared.scale().to_f64(sum, 23)).collect();
        assert_eq!(found, Forest::fit(&set, &params).unwrap().predict(x).unwrap());
    }

    #[test]
    fn the_estimate_of_memory_is_an_upper_one() {
        let (x, y) = rows();
        let set = TrainingSet::new(Matrix::from_columns(&x, 2).unwrap(), &y).unwrap();
        let params = Params { n_estimators: 10, ..Params::default() };
        let estimate = Exact.memory(y.len(), 2, &params);
        assert!(set.view().worker_bytes() as u64 <= estimate.worker);
        let forest = Forest::fit(&set, &params).unwrap();
        assert!(forest.n_bytes() as u64 <= estimate.tree * 10);
    }
}
