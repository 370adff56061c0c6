//! The crate `forest` as a learner: hyperparameters have scikit-learn's meaning, and any range of trees can
//! be grown alone.

use std::ops::Range;

use forest::{Forest, TrainingSet, TrainingView};

use crate::{LeftOut, Matrix, Params, Prepared, Result, Scale, Train, Trees, Whole};

pub(crate) struct Exact;

impl Train for Exact {
    fn name(&self) -> &'static str {
        "forest"
    }

    fn leaves_out(&self) -> bool {
        true
    }

    fn node_bytes(&self) -> usize {
        16
    }

    fn scale(&self, whole: Whole) -> Scale {
        Scale::for_targets(whole.largest, whole.rows)
    }

    fn prepare(&self, x: Matrix<'_>, y: &[f64], whole: Whole) -> Result<Box<dyn Prepared>> {
        Ok(Box::new(TrainingSet::part(x, y, self.scale(whole))?))
    }

    /// The bytes are sorted by every feature already; workers read them in place.
    fn bytes(&self, x: Matrix<'_>, y: &[f64]) -> Result<Vec<u8>> {
        Ok(TrainingSet::new(x, y)?.as_bytes().to_vec())
    }

    fn read<'a>(&self, bytes: &'a [u8], _n_features: usize) -> Result<Box<dyn Prepared + 'a>> {
        Ok(Box::new(TrainingView::from_bytes(bytes)?))
    }
}

impl Prepared for TrainingView<'_> {
    fn grow(
        &self,
        params: &Params,
        trees: Range<usize>,
        oob: Option<&mut LeftOut>,
    ) -> Result<Box<dyn Trees>> {
        let forest = Forest::grow(*self, params, trees.clone())?;
        if let Some(left_out) = oob {
            left_out.resize(self.n_rows());
            forest.add_out_of_bag(trees, *self, &mut left_out.sums, &mut left_out.counts)?;
        }
        Ok(Box::new(forest))
    }
}

impl Prepared for TrainingSet {
    fn grow(
        &self,
        params: &Params,
        trees: Range<usize>,
        oob: Option<&mut LeftOut>,
    ) -> Result<Box<dyn Trees>> {
        self.view().grow(params, trees, oob)
    }
}

impl Trees for Forest {
    fn add_predictions(&self, x: Matrix<'_>, sums: &mut [i64]) -> Result<()> {
        Forest::add_predictions(self, self.trees(), x, sums)
    }

    fn n_nodes(&self) -> usize {
        Forest::n_nodes(self)
    }

    fn forest(&self) -> Option<&Forest> {
        Some(self)
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
        let prepared = Exact.prepare(x, &y, Whole::of(&y)).unwrap();
        let params = Params { n_estimators: 23, max_depth: Some(6), seed: 5, ..Params::default() };
        let (mut sums, mut left_out) = (vec![0; y.len()], LeftOut::default());
        for range in [0..7, 7..8, 8..23] {
            let mut part = LeftOut::default();
            let trees = prepared.grow(&params, range, Some(&mut part)).unwrap();
            trees.add_predictions(x, &mut sums).unwrap();
            left_out.add(&part);
        }
        let (scale, forest) = (set.view().scale(), Forest::fit(&set, &params).unwrap());
        let found: Vec<f64> = sums.into_iter().map(|sum| scale.to_f64(sum, 23)).collect();
        assert_eq!(found, forest.predict(x).unwrap());
        let rows = left_out.sums.iter().zip(&left_out.counts);
        let found = rows.map(|(sum, n)| (*n > 0).then(|| scale.to_f64(*sum, *n as usize)));
        assert_eq!(found.collect::<Vec<_>>(), forest.out_of_bag(&set).unwrap().predictions);
    }

    #[test]
    fn the_estimate_of_memory_is_an_upper_one() {
        let (x, y) = rows();
        let set = TrainingSet::new(Matrix::from_columns(&x, 2).unwrap(), &y).unwrap();
        let params = Params { n_estimators: 10, ..Params::default() };
        assert!(set.view().worker_bytes() as u64 <= Exact.worker_bytes(y.len(), 2));
        let forest = Forest::fit(&set, &params).unwrap();
        assert!(forest.n_bytes() as u64 <= 10 * Exact.tree_bytes(y.len(), &params));
    }
}
