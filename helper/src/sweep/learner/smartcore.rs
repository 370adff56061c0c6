//! smartcore's random forest as a learner.
//!
//! What differs from scikit-learn's meaning, and what is done about it:
//! - `max_depth` counts the root there, so it is given one more;
//! - `m`, the features tried at a split, defaults to `floor(sqrt(n_features))` there, so it is
//!   always given;
//! - `min_samples_split` counts a row as often as the bootstrap drew it, which grows larger trees;
//!   there is no way to ask for the other, and [`Params`] says so.
//!
//! A forest there draws all its trees from one stream of random numbers, and sorts every feature
//! before the first. To give any range of trees without growing those before it, the trees of a
//! model are forests of [`BLOCK`] trees with seeds of their own: sorting, 8 ms on the lab's data,
//! is shared by a block.

use std::fmt::{self, Write as _};
use std::ops::Range;

use forest::{MAX_TREES, Params, Scale, Stream};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::{Memory, Prepared, Trees, most_nodes};
use crate::data::Rows;
use crate::error::{Error, ErrorKind, Result};

/// Trees that are grown together, from one seed.
pub(super) const BLOCK: usize = 10;

type Forest = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

pub(super) struct Training {
    x: DenseMatrix<f64>,
    y: Vec<f64>,
    n_features: usize,
    scale: Scale,
}

impl Training {
    pub(super) fn new(rows: &Rows) -> Result<Self> {
        Ok(Self {
            x: matrix(rows)?,
            y: rows.y().to_vec(),
            n_features: rows.n_features(),
            scale: Scale::for_sums(rows.y().iter().fold(0.0, |largest, y| y.abs().max(largest)), MAX_TREES),
        })
    }
}

fn matrix(rows: &Rows) -> Result<DenseMatrix<f64>> {
    DenseMatrix::new(rows.len(), rows.n_features(), rows.x().to_vec(), true).map_err(failed)
}

fn failed(error: smartcore::error::Failed) -> Error {
    Error::new(ErrorKind::Task, format!("smartcore refused: {error}")).caused_by(error)
}

impl Prepared for Training {
    fn grow(&self, params: &Params, trees: Range<usize>) -> Result<Box<dyn Trees>> {
        debug_assert!(trees.start.is_multiple_of(BLOCK));
        let mut forests = Vec::with_capacity(trees.len().div_ceil(BLOCK));
        for start in trees.clone().step_by(BLOCK) {
            let n_trees = BLOCK.min(trees.end - start);
            let seed = Stream::new(params.seed, 1 + (start / BLOCK) as u64).next_u64();
            let parameters = RandomForestRegressorParameters {
                // A depth that u16 cannot hold is no limit: no tree gets there.
                max_depth: params.max_depth.and_then(|depth| u16::try_from(depth.saturating_add(1)).ok()),
                min_samples_leaf: params.min_samples_leaf,
                min_samples_split: params.min_samples_split,
                n_trees,
                m: Some(params.max_features.of(self.n_features)?),
                keep_samples: false,
                seed,
            };
            forests.push((n_trees, Forest::fit(&self.x, &self.y, parameters).map_err(failed)?));
        }
        Ok(Box::new(Block { forests, scale: self.scale }))
    }

    fn scale(&self) -> Scale {
        self.scale
    }
}

struct Block {
    forests: Vec<(usize, Forest)>,
    scale: Scale,
}

impl Trees for Block {
    fn add_predictions(&self, rows: &Rows, sums: &mut [i64]) -> Result<()> {
        let x = matrix(rows)?;
        for (n_trees, forest) in &self.forests {
            let means = forest.predict(&x).map_err(failed)?;
            for (sum, mean) in sums.iter_mut().zip(means) {
                *sum += self.scale.to_fixed(mean * *n_trees as f64);
            }
        }
        Ok(())
    }

    fn n_nodes(&self) -> usize {
        let mut nodes = Nodes::default();
        // A count cannot fail to be written.
        self.forests.iter().for_each(|(_, forest)| write!(nodes, "{forest:?}").unwrap_or_default());
        nodes.0
    }
}

/// Counts the nodes in what smartcore prints of a forest; it tells of them in no other way.
#[derive(Default)]
struct Nodes(usize);

impl fmt::Write for Nodes {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // A derived `Debug` hands over the name of a struct in one piece.
        self.0 += usize::from(text == "Node");
        Ok(())
    }
}

/// Measured: a node takes 88 bytes in a vector that may have grown to twice its need.
pub(super) fn memory(rows: usize, n_features: usize, params: &Params) -> Memory {
    // Per feature the order of the rows (8 bytes) and the rows of the bootstrap (8); a few vectors besides.
    let worker = (rows * (16 * n_features + 64)) as u64;
    Memory { worker, tree: most_nodes(rows, params) * 2 * 88 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A staircase of 8 steps over one useful feature; the other is constant.
    fn staircase() -> Rows {
        let x: Vec<f64> = (0..64).map(f64::from).collect();
        let y = x.iter().map(|x| (x / 8.0).floor()).collect();
        Rows::gather(&[x, vec![1.0; 64], y], &(0..64).collect::<Vec<_>>())
    }

    fn distinct_predictions(params: Params) -> usize {
        let rows = staircase();
        let trees = Training::new(&rows).unwrap().grow(&params, 0..1).unwrap();
        let mut sums = vec![0; rows.len()];
        trees.add_predictions(&rows, &mut sums).unwrap();
        sums.sort_unstable();
        sums.dedup();
        sums.len()
    }

    #[test]
    fn max_depth_counts_splits_as_in_scikit_learn() {
        // A tree of depth d has at most 2^d leaves, and this staircase has them all.
        for depth in 1..=3 {
            let params = Params { max_depth: Some(depth), n_estimators: 1, ..Params::default() };
            assert_eq!(distinct_predictions(params), 1 << depth, "depth {depth}");
        }
        let unlimited = Params { n_estimators: 1, ..Params::default() };
        let far = Params { max_depth: Some(1 << 40), ..unlimited };
        assert_eq!(distinct_predictions(unlimited), distinct_predictions(far));
    }

    #[test]
    fn nodes_are_counted() {
        // A full tree of depth 2 has 4 leaves and 3 nodes above them.
        let params = Params { max_depth: Some(2), n_estimators: 10, ..Params::default() };
        let trees = Training::new(&staircase()).unwrap().grow(&params, 0..10).unwrap();
        assert_eq!(trees.n_nodes(), 10 * 7);
    }

    #[test]
    fn all_features_are_tried() {
        // With m = floor(sqrt 2) = 1 half of the splits would look at the constant feature alone.
        let params = Params { max_depth: Some(1), n_estimators: 1, ..Params::default() };
        for seed in 0..20 {
            assert_eq!(distinct_predictions(Params { seed, ..params }), 2, "seed {seed}");
        }
    }

    #[test]
    fn a_range_is_the_same_however_it_is_asked_for() {
        let rows = staircase();
        let training = Training::new(&rows).unwrap();
        let params = Params { max_depth: Some(2), ..Params::default() };
        let sums = |ranges: &[Range<usize>]| {
            let mut sums = vec![0; rows.len()];
            for range in ranges {
                training.grow(&params, range.clone()).unwrap().add_predictions(&rows, &mut sums).unwrap();
            }
            sums
        };
        let whole = sums(&[0..30, 30..35]);
        assert_eq!(whole, sums(&[0..10, 10..35]));
        assert_eq!(whole, sums(&[20..35, 0..20]));
        assert_ne!(whole, sums(&[0..10, 0..25]));
    }
}
