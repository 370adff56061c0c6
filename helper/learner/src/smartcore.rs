//! smartcore's random forest as a learner.
//!
//! It differs from scikit-learn:
//! - `max_depth` counts the root, so it is given one more;
//! - `min_samples_split` counts a row as often as the bootstrap drew it, which grows larger trees;
//! - other values of `bootstrap`, `max_samples` and `min_impurity_decrease` are refused: it always draws as
//!   many rows as there are, and has no such bound.
//!
//! smartcore draws all trees of a forest from one stream of random numbers. To grow any range of trees
//! without those before it, a model consists of forests of [`BLOCK`] trees, each with a seed of its own.

use std::fmt::{self, Write as _};
use std::ops::Range;

use forest::{MAX_TREES, Stream};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::error::Failed;
use smartcore::linalg::basic::arrays::Array as _;
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::{
    Error, LeftOut, Matrix, Params, Prepared, Result, Scale, Train, Trees, Whole, features_and_target,
    numbers,
};

/// Trees that are grown together, from one seed.
const BLOCK: usize = 10;

type Forest = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

pub(crate) struct Smartcore;

impl Train for Smartcore {
    fn name(&self) -> &'static str {
        "smartcore"
    }

    fn block(&self) -> usize {
        BLOCK
    }

    fn check(&self, params: &Params, rows: usize, n_features: usize) -> Result<()> {
        params.check(rows, n_features)?;
        let refused = |is: String, allowed: &str| {
            let remedy = "for smartcore, which does not have it; take the learner forest";
            Err(Error::Parameter(format!("{is}, but must be {allowed} {remedy}")))
        };
        match *params {
            Params { bootstrap: false, .. } => refused("bootstrap is false".to_owned(), "true"),
            Params { max_samples: Some(samples), .. } => refused(format!("max_samples is {samples}"), "None"),
            Params { min_impurity_decrease: least, .. } if least != 0.0 => {
                refused(format!("min_impurity_decrease is {least}"), "0")
            }
            _ => Ok(()),
        }
    }

    /// 88 bytes, as measured; the capacity of their vector may be twice its length.
    fn node_bytes(&self) -> usize {
        2 * 88
    }

    fn scale(&self, whole: Whole) -> Scale {
        Scale::for_sums(whole.largest, MAX_TREES)
    }

    fn prepare(&self, x: Matrix<'_>, y: &[f64], whole: Whole) -> Result<Box<dyn Prepared>> {
        if whole.rows != y.len() {
            let message = "smartcore cannot train on a shard of a table; take the learner forest";
            return Err(Error::Data(message.to_owned()));
        }
        Ok(Box::new(Training { x: dense(&x)?, y: y.to_vec(), scale: self.scale(whole) }))
    }

    /// The features column after column, and the targets.
    fn bytes(&self, x: Matrix<'_>, y: &[f64]) -> Result<Vec<u8>> {
        Ok(columns(&x).chain(y.iter().copied()).flat_map(f64::to_le_bytes).collect())
    }

    fn read<'a>(&self, bytes: &'a [u8], n_features: usize) -> Result<Box<dyn Prepared + 'a>> {
        let (x, y) = features_and_target(numbers(bytes)?, n_features)?;
        self.prepare(x, y, Whole::of(y))
    }
}

struct Training {
    x: DenseMatrix<f64>,
    y: Vec<f64>,
    scale: Scale,
}

fn refused(failed: Failed) -> Error {
    Error::Data(format!("smartcore refused: {failed}"))
}

fn columns<'a>(x: &'a Matrix<'_>) -> impl Iterator<Item = f64> + 'a {
    (0..x.n_columns()).flat_map(move |column| (0..x.n_rows()).map(move |row| x.get(row, column)))
}

fn dense(x: &Matrix<'_>) -> Result<DenseMatrix<f64>> {
    DenseMatrix::new(x.n_rows(), x.n_columns(), columns(x).collect(), true).map_err(refused)
}

/// The seed of a block: the first 8 bytes of its ChaCha8 stream. Stream 0 of a seed draws the split.
fn seed(seed: u64, block: usize) -> u64 {
    Stream::new(seed, 1 + block as u64).next_u64()
}

impl Prepared for Training {
    fn grow(
        &self,
        params: &Params,
        trees: Range<usize>,
        oob: Option<&mut LeftOut>,
    ) -> Result<Box<dyn Trees>> {
        debug_assert!(trees.start.is_multiple_of(BLOCK) && oob.is_none());
        let (rows, n_features) = (self.y.len(), self.x.shape().1);
        Smartcore.check(params, rows, n_features)?;
        let tried = params.max_features.of(n_features)?;
        let mut forests = Vec::new();
        for start in trees.clone().step_by(BLOCK) {
            let n_trees = BLOCK.min(trees.end - start);
            let parameters = RandomForestRegressorParameters {
                // A depth that u16 cannot hold is no limit: no tree gets there.
                max_depth: params.max_depth.and_then(|depth| u16::try_from(depth.saturating_add(1)).ok()),
                min_samples_leaf: params.min_samples_leaf,
                min_samples_split: params.min_samples_split,
                n_trees,
                m: Some(tried),
                keep_samples: false,
                seed: seed(params.seed, start / BLOCK),
            };
            forests.push((n_trees, Forest::fit(&self.x, &self.y, parameters).map_err(refused)?));
        }
        Ok(Box::new(Blocks { forests, scale: self.scale }))
    }
}

struct Blocks {
    forests: Vec<(usize, Forest)>,
    scale: Scale,
}

impl Trees for Blocks {
    fn add_predictions(&self, x: Matrix<'_>, sums: &mut [i64]) -> Result<()> {
        let x = dense(&x)?;
        for (n_trees, forest) in &self.forests {
            let means = forest.predict(&x).map_err(refused)?;
            for (sum, mean) in sums.iter_mut().zip(means) {
                *sum += self.scale.to_fixed(mean * *n_trees as f64);
            }
        }
        Ok(())
    }

    fn n_nodes(&self) -> usize {
        let mut nodes = Nodes::default();
        // `Nodes` never returns an error.
        self.forests.iter().for_each(|(_, forest)| write!(nodes, "{forest:?}").unwrap_or_default());
        nodes.0
    }
}

/// Counts the nodes in smartcore's `Debug` text of a forest, the only way to learn their number.
#[derive(Default)]
struct Nodes(usize);

impl fmt::Write for Nodes {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // A derived `Debug` writes the name of a struct in one piece.
        self.0 += usize::from(text == "Node");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A staircase of 8 steps over one useful feature; the other is constant.
    fn staircase() -> (Vec<f64>, Vec<f64>) {
        let x: Vec<f64> = (0..64).map(f64::from).collect();
        let y = x.iter().map(|x| (x / 8.0).floor()).collect();
        (x.into_iter().chain([1.0; 64]).collect(), y)
    }

    /// The sums for all rows, of trees that are grown range by range.
    fn sums(prepared: &dyn Prepared, params: &Params, ranges: &[Range<usize>]) -> Vec<i64> {
        let (x, y) = staircase();
        let mut sums = vec![0; y.len()];
        for range in ranges {
            let trees = prepared.grow(params, range.clone(), None).unwrap();
            trees.add_predictions(Matrix::from_columns(&x, 2).unwrap(), &mut sums).unwrap();
        }
        sums
    }

    fn prepared() -> Box<dyn Prepared> {
        let (x, y) = staircase();
        Smartcore.prepare(Matrix::from_columns(&x, 2).unwrap(), &y, Whole::of(&y)).unwrap()
    }

    fn distinct_predictions(params: &Params) -> usize {
        let mut sums = sums(&*prepared(), params, std::slice::from_ref(&(0..1)));
        sums.sort_unstable();
        sums.dedup();
        sums.len()
    }

    #[test]
    fn max_depth_counts_splits_as_in_scikit_learn() {
        // A tree of depth d has at most 2^d leaves, and this staircase has them all.
        for depth in 1..=3 {
            let params = Params { max_depth: Some(depth), n_estimators: 1, ..Params::default() };
            assert_eq!(distinct_predictions(&params), 1 << depth, "depth {depth}");
        }
        let unlimited = Params { n_estimators: 1, ..Params::default() };
        let far = Params { max_depth: Some(1 << 40), ..unlimited };
        assert_eq!(distinct_predictions(&unlimited), distinct_predictions(&far));
    }

    #[test]
    fn nodes_are_counted() {
        // A full tree of depth 2 has 4 leaves and 3 nodes above them.
        let params = Params { max_depth: Some(2), n_estimators: 10, ..Params::default() };
        assert_eq!(prepared().grow(&params, 0..10, None).unwrap().n_nodes(), 10 * 7);
    }

    #[test]
    fn all_features_are_tried() {
        // With floor(sqrt 2) = 1 half of the splits would look at the constant feature alone.
        for seed in 0..20 {
            let params = Params { max_depth: Some(1), n_estimators: 1, seed, ..Params::default() };
            assert_eq!(distinct_predictions(&params), 2, "seed {seed}");
        }
    }

    #[test]
    fn a_range_is_the_same_however_it_is_asked_for() {
        let params = Params { max_depth: Some(2), ..Params::default() };
        let sums = |ranges: &[Range<usize>]| sums(&*prepared(), &params, ranges);
        let whole = sums(&[0..30, 30..35]);
        assert_eq!(whole, sums(&[0..10, 10..35]));
        assert_eq!(whole, sums(&[20..35, 0..20]));
        assert_ne!(whole, sums(&[0..10, 0..25]));
    }

    #[test]
    fn seeds_are_the_first_bytes_of_chacha8_streams() {
        // Key of zeros, nonce 1, computed by another implementation.
        assert_eq!(seed(0, 0), 0xca06_8379_b34b_8f2b);
        assert_ne!(seed(0, 0), seed(0, 1));
        assert_ne!(seed(0, 0), seed(1, 0));
    }

    #[test]
    fn what_smartcore_does_not_have_is_refused() {
        let odd = [
            Params { bootstrap: false, ..Params::default() },
            Params { max_samples: Some(forest::MaxSamples::Count(5)), ..Params::default() },
            Params { min_impurity_decrease: 0.5, ..Params::default() },
        ];
        for (params, name) in odd.iter().zip(["bootstrap", "max_samples", "min_impurity_decrease"]) {
            let error = prepared().grow(params, 0..1, None).err().unwrap().to_string();
            assert!(error.starts_with(name) && error.ends_with("take the learner forest"), "{error}");
        }
        assert!(!Smartcore.leaves_out());
    }
}
