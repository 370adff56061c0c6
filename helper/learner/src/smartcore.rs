//! smartcore's random forest as a learner.
//!
//! Where it differs from scikit-learn's meaning:
//! - `max_depth` counts the root, so it is given one more;
//! - the number of features tried at a split defaults to `floor(sqrt(n_features))`, so it is always
//!   given;
//! - `min_samples_split` counts a row as often as the bootstrap drew it, which grows larger trees. It
//!   has no other way of counting;
//! - it always draws a bootstrap sample of as many rows as there are, so other values of `bootstrap`
//!   and `max_samples` are refused, and so is a `min_impurity_decrease`, which it does not know.
//!
//! smartcore draws all trees of a forest from one stream of random numbers, and sorts every feature
//! before it grows the first. To grow any range of trees without those before it, a model consists
//! of forests of [`BLOCK`] trees, each with a seed of its own: a block shares the sorting, 8 ms on
//! California Housing.

use std::fmt::{self, Write as _};
use std::ops::Range;

use forest::{MAX_TREES, Stream};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::{Error, Matrix, Memory, Params, Prepared, Result, Scale, Train, Trees, most_nodes};

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

    /// Per feature the order of the rows (8 bytes) and the rows of the bootstrap (8), and a few vectors. A
    /// node takes 88 bytes (measured), in a vector that may have grown to twice its need.
    fn memory(&self, rows: usize, n_features: usize, params: &Params) -> Memory {
        Memory { worker: (rows * (16 * n_features + 64)) as u64, tree: most_nodes(rows, params) * 2 * 88 }
    }

    fn prepare(&self, x: Matrix<'_>, y: &[f64]) -> Result<Box<dyn Prepared>> {
        let largest = y.iter().fold(0.0_f64, |largest, y| largest.max(y.abs()));
        let (n_features, scale) = (x.n_columns(), Scale::for_sums(largest, MAX_TREES));
        Ok(Box::new(Training { x: dense(&x)?, y: y.to_vec(), n_features, scale }))
    }

    /// The number of features in 8 bytes, the features column after column, the targets.
    fn bytes(&self, x: Matrix<'_>, y: &[f64]) -> Result<Vec<u8>> {
        let numbers = columns(&x).chain(y.iter().copied()).flat_map(f64::to_le_bytes);
        Ok((x.n_columns() as u64).to_le_bytes().into_iter().chain(numbers).collect())
    }

    fn read<'a>(&self, bytes: &'a [u8]) -> Result<Box<dyn Prepared + 'a>> {
        let unfit = || Error::Input(format!("{} bytes are no training set of smartcore's", bytes.len()));
        let (n_features, numbers) = bytes.split_first_chunk().ok_or_else(unfit)?;
        let n_features = usize::try_from(u64::from_le_bytes(*n_features)).map_err(|_| unfit())?;
        let numbers: &[f64] = bytemuck::try_cast_slice(numbers).map_err(|_| unfit())?;
        let columns = n_features.checked_add(1).filter(|columns| numbers.len().is_multiple_of(*columns));
        let rows = numbers.len() / columns.ok_or_else(unfit)?;
        let (x, y) = numbers.split_at(numbers.len() - rows);
        self.prepare(Matrix::from_columns(x, n_features)?, y)
    }
}

struct Training {
    x: DenseMatrix<f64>,
    y: Vec<f64>,
    n_features: usize,
    scale: Scale,
}

fn columns<'a>(x: &'a Matrix<'_>) -> impl Iterator<Item = f64> + 'a {
    (0..x.n_columns()).flat_map(move |column| (0..x.n_rows()).map(move |row| x.get(row, column)))
}

fn dense(x: &Matrix<'_>) -> Result<DenseMatrix<f64>> {
    Ok(DenseMatrix::new(x.n_rows(), x.n_columns(), columns(x).collect(), true)?)
}

/// The seed of a block: the first 8 bytes of its ChaCha8 stream. Stream 0 of a seed draws the split.
fn seed(seed: u64, block: usize) -> u64 {
    Stream::new(seed, 1 + block as u64).next_u64()
}

/// # Errors
/// Names the hyperparameter that smartcore does not have.
fn check(params: &Params) -> Result<()> {
    let Params { bootstrap, max_samples, min_impurity_decrease, .. } = params;
    let allowed = match (bootstrap, max_samples, min_impurity_decrease) {
        (false, ..) => "bootstrap is false, but smartcore always draws a bootstrap sample".to_owned(),
        (_, Some(draws), _) => {
            format!("max_samples is {draws:?}, but smartcore draws as many rows as there are")
        }
        (.., decrease) if *decrease != 0.0 => {
            format!("min_impurity_decrease is {decrease}, but smartcore has no such bound; it must be 0")
        }
        _ => return Ok(()),
    };
    Err(Error::Input(format!("{allowed}; take the learner forest")))
}

impl Prepared for Training {
    fn grow(&self, params: &Params, trees: Range<usize>) -> Result<Box<dyn Trees>> {
        debug_assert!(trees.start.is_multiple_of(BLOCK));
        check(params)?;
        // What is left to check are the features, of which `forest` has the rule.
        params.check(self.y.len(), self.n_features)?;
        let tried = params.max_features.of(self.n_features)?;
        let mut forests = Vec::with_capacity(trees.len().div_ceil(BLOCK));
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
            forests.push((n_trees, Forest::fit(&self.x, &self.y, parameters)?));
        }
        Ok(Box::new(Blocks { forests, scale: self.scale }))
    }

    fn scale(&self) -> Scale {
        self.scale
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
            let means = forest.predict(&x)?;
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

/// Counts the nodes in smartcore's `Debug` text of a forest: it has no other way to tell.
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
            let trees = prepared.grow(params, range.clone()).unwrap();
            trees.add_predictions(Matrix::from_columns(&x, 2).unwrap(), &mut sums).unwrap();
        }
        sums
    }

    fn prepared() -> Box<dyn Prepared> {
        let (x, y) = staircase();
        Smartcore.prepare(Matrix::from_columns(&x, 2).unwrap(), &y).unwrap()
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
        assert_eq!(prepared().grow(&params, 0..10).unwrap().n_nodes(), 10 * 7);
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
            let error = prepared().grow(params, 0..1).err().unwrap().to_string();
            assert!(error.starts_with(name) && error.ends_with("take the learner forest"), "{error}");
        }
    }
}
