//! Tuning: random combinations of a grid, and successive halving.

use std::time::Instant;

use forest::{Scale, Stream};
use learner::{LeftOut, Whole, pieces};

use super::job::matrix;
use super::plan::Settings;
use super::{Params, Sweep, memory};
use crate::cluster::{Cluster, ObjectRef};
use crate::data::Split;
use crate::error::{Error, Result};

/// The best third of a rung's candidates goes on, with three times as many trees; scikit-learn's default.
const FACTOR: usize = 3;
/// The fewest trees of a candidate. With three trees, almost a third of the rows is out of bag twice or more.
const FEWEST: usize = 3;

/// The result of [`Sweep::successive_halving`].
///
/// As the last line of a cell it shows itself as a table.
#[derive(Debug, Clone)]
pub struct Halving {
    pub(crate) dataset: String,
    sweep: Sweep,
    /// The rungs, from the first, with all candidates and few trees, to the last.
    pub rungs: Vec<Rung>,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// A step of successive halving.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    /// The number of trees of each candidate.
    pub n_estimators: usize,
    /// The candidates, each with the estimated out-of-bag MSE of a forest of very many such trees; the best
    /// first.
    pub candidates: Vec<(Params, f64)>,
}

impl Halving {
    /// The best candidate of the last rung, with its number of trees.
    pub fn best(&self) -> Params {
        self.rungs[self.rungs.len() - 1].candidates[0].0
    }

    /// A sweep of the best candidate alone, to train it and test it.
    pub fn best_sweep(&self) -> Sweep {
        self.sweep.only(self.best())
    }

    /// The number of trees that were grown.
    pub fn trees_grown(&self) -> usize {
        let before = std::iter::once(0).chain(self.rungs.iter().map(|rung| rung.n_estimators));
        self.rungs
            .iter()
            .zip(before)
            .map(|(rung, before)| rung.candidates.len() * (rung.n_estimators - before))
            .sum()
    }

    /// The number of trees of a grid search: every candidate has as many as in the last rung.
    pub fn trees_of_grid(&self) -> usize {
        self.rungs[0].candidates.len() * self.rungs[self.rungs.len() - 1].n_estimators
    }
}

/// The out-of-bag predictions of a candidate's trees, summed as whole numbers, so that no order changes a bit.
#[derive(Default)]
struct Votes {
    left_out: LeftOut,
    /// For each row the sum of the squares of the predictions.
    squares: Vec<i128>,
}

impl Votes {
    /// The votes of a single tree.
    fn of(left_out: LeftOut) -> Self {
        let squares = left_out.sums.iter().map(|&vote| i128::from(vote) * i128::from(vote)).collect();
        Self { left_out, squares }
    }

    fn add(&mut self, other: &Self) {
        self.left_out.add(&other.left_out);
        self.squares.resize(other.squares.len(), 0);
        self.squares.iter_mut().zip(&other.squares).for_each(|(sum, more)| *sum += more);
    }

    /// The estimated mean squared error of infinitely many such trees: over all rows with two trees or more,
    /// the squared error of their mean, less the variance of that mean. NaN without such a row.
    fn limit_mse(&self, targets: &[f64], scale: Scale) -> f64 {
        let unit = scale.to_f64(1, 1);
        let rows = targets.iter().zip(&self.left_out.sums).zip(&self.left_out.counts).zip(&self.squares);
        let (mut total, mut known) = (0.0, 0.0);
        for (((y, &sum), &trees), &squares) in rows.filter(|((_, trees), _)| **trees > 1) {
            let (n, sum_squared) = (f64::from(trees), i128::from(sum) * i128::from(sum));
            let spread = (i128::from(trees) * squares - sum_squared) as f64 * unit * unit / n;
            let error = y - scale.to_f64(sum, trees as usize);
            total += error * error - spread / (n - 1.0) / n;
            known += 1.0;
        }
        total / known
    }
}

/// The trees of a candidate in each rung: `most` in the last, a third as many in each one before, down to
/// [`FEWEST`] trees, or until a single candidate would be left. If the numbers divide, these are the rungs of
/// scikit-learn's `HalvingGridSearchCV` with `min_resources="exhaust"`.
fn trees_of_rungs(candidates: usize, most: usize) -> Vec<usize> {
    let thirds = (0..=candidates.ilog(FACTOR)).map(|rung| most / FACTOR.pow(rung));
    let mut rungs: Vec<usize> = thirds.take_while(|trees| *trees >= FEWEST).collect();
    rungs.reverse();
    rungs
}

impl Sweep {
    /// Tries only `n` combinations of the values, drawn at random: random search, scikit-learn's
    /// `RandomizedSearchCV`. The same seed draws the same combinations.
    ///
    /// Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012) 281-305.
    ///
    /// ```
    /// let sweep = helper::Sweep::over_n_estimators(100).max_depth([5, 10, 20]).min_samples_leaf(1..=9).random(6, 42);
    /// assert_eq!(sweep.models().len(), 6);
    /// ```
    pub fn random(self, n: usize, seed: u64) -> Self {
        Self { random: Some((n, seed)), ..self }
    }

    /// Successive halving on the number of trees: all combinations start with few trees, the best third by
    /// out-of-bag error goes on with three times as many, and so on up to the largest `n_estimators`. The first
    /// trees of a forest are those of the smaller forest, so only the new ones are grown. Test rows play no part.
    ///
    /// The error of a few trees alone would favour combinations whose trees differ little, such as those with
    /// large leaves, but many trees do not need that. So candidates are compared by the error of a forest of very
    /// many trees: the out-of-bag error, less the variance of the trees' mean. (With M trees the expected error is
    /// that of infinitely many plus the variance of a tree over M: Scornet, "On the asymptotics of random forests",
    /// J. Multivariate Anal. 146 (2016) 72-83, doi:10.1016/j.jmva.2015.06.009.)
    ///
    /// Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS
    /// 2016, arXiv:1502.07943.
    ///
    /// # Errors
    /// As [`run_on`](Self::run_on) with [`oob_score`](Self::oob_score); and
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for smartcore, which has no out-of-bag error, and
    /// where the largest `n_estimators` is below 3, too few to estimate an error.
    ///
    /// ```
    /// # fn main() -> helper::Result<()> {
    /// let split = helper::data::friedman1(300, 8, 1.0, 1)?.split(0.2, 42)?;
    /// let cluster = helper::Cluster::local_with(2)?;
    /// let sweep = helper::Sweep::over_n_estimators(27).max_depth([2, 4, 8]).min_samples_leaf([1, 3, 9]).quiet();
    /// let halving = sweep.successive_halving(&cluster, &cluster.put(split))?;
    /// assert_eq!(halving.rungs.iter().map(|rung| rung.n_estimators).collect::<Vec<_>>(), [3, 9, 27]);
    /// assert_eq!((halving.trees_grown(), halving.trees_of_grid()), (9 * 3 + 3 * 6 + 18, 9 * 27));
    /// # Ok(())
    /// # }
    /// ```
    pub fn successive_halving(&self, cluster: &Cluster, data: &ObjectRef<Split>) -> Result<Halving> {
        if !self.settings.learner.leaves_out() {
            let allowed = "forest, which tells the out-of-bag error: take Learner::Forest";
            return Err(Error::invalid("the learner of successive halving", self.settings.learner, allowed));
        }
        let split = cluster.get(data)?;
        let sweep = Self { settings: Settings { oob_score: true, ..self.settings }, ..self.clone() };
        let plan = sweep.plan(&split, None)?;
        memory::check(&plan, &split, None, cluster.workers())?;
        let started = Instant::now();
        let most = plan.models.iter().map(|params| params.n_estimators).fold(0, usize::max);
        if most < FEWEST {
            let allowed =
                format!("at least {FEWEST}, so that each training row is left out by several trees");
            return Err(Error::invalid("the largest n_estimators of successive halving", most, allowed));
        }
        let candidates = plan.models.iter().filter(|params| params.n_estimators == most);
        let mut candidates: Vec<(Params, Votes)> =
            candidates.map(|params| (*params, Votes::default())).collect();
        let (learner, y) = (self.settings.learner, split.train.y());
        let training = cluster.put(learner.prepare(matrix(&split.train)?, y, Whole::of(y))?);
        let scale = learner.scale(Whole::of(y));
        let (mut rungs, mut before) = (Vec::new(), 0);
        for n_estimators in trees_of_rungs(candidates.len(), most) {
            let mut tasks: Vec<(usize, ObjectRef<Result<Votes>>)> = Vec::new();
            for (i, (params, _)) in candidates.iter().enumerate() {
                for trees in pieces(before..n_estimators) {
                    let name = format!("candidate {i} trees {}..{}", trees.start, trees.end);
                    let params = *params;
                    let grow = cluster.options().name(name);
                    let votes = grow.remote(&training, move |training| {
                        let mut votes = Votes::default();
                        for tree in trees.clone() {
                            let mut left_out = LeftOut::default();
                            training.grow(&params, tree..tree + 1, Some(&mut left_out))?;
                            votes.add(&Votes::of(left_out));
                        }
                        Ok(votes)
                    });
                    tasks.push((i, votes));
                }
            }
            for (i, task) in tasks {
                let votes = cluster.get(&task)?;
                candidates[i].1.add(votes.as_ref().as_ref().map_err(Error::clone)?);
            }
            let mut scored: Vec<_> = candidates
                .into_iter()
                .map(|(params, votes)| (votes.limit_mse(y, scale), Params { n_estimators, ..params }, votes))
                .collect();
            scored.sort_by(|a, b| a.0.total_cmp(&b.0));
            rungs.push(Rung {
                n_estimators,
                candidates: scored.iter().map(|(mse, params, _)| (*params, *mse)).collect(),
            });
            scored.truncate(scored.len().div_ceil(FACTOR));
            candidates = scored
                .into_iter()
                .map(|(_, params, votes)| (Params { n_estimators: most, ..params }, votes))
                .collect();
            before = n_estimators;
        }
        let (dataset, seconds) = (split.dataset.clone(), started.elapsed().as_secs_f64());
        Ok(Halving { dataset, sweep, rungs, seconds })
    }

    /// # Errors
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) where more combinations are to be drawn than there
    /// are, or none.
    pub(super) fn check_random(&self) -> Result<()> {
        let all = self.grid.models().len();
        match self.random {
            Some((n, _)) if !(1..=all).contains(&n) => {
                let allowed = format!("from 1 to {all}, the number of combinations");
                Err(Error::invalid("the number of random models", n, allowed))
            }
            _ => Ok(()),
        }
    }

    /// The combinations of `all` that are tried.
    pub(super) fn drawn(&self, all: Vec<Params>) -> Vec<Params> {
        let Some((n, seed)) = self.random else { return all };
        let mut drawn = Stream::new(seed, 0).permutation(all.len());
        drawn.truncate(n);
        drawn.sort_unstable();
        drawn.into_iter().map(|model| all[model]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_many_trees_is_told_by_a_few() {
        // Trees that predict the target plus noise of variance 1, and an error of 0.5 that all share.
        let (mut stream, scale) = (Stream::new(1, 0), Scale::for_targets(10.0, 1_000));
        let targets: Vec<f64> = (0..2_000).map(|_| 4.0 * stream.unit()).collect();
        let mut votes = Votes::default();
        for _ in 0..4 {
            let mut vote = |y: &f64| scale.to_fixed(y + 0.5 + (stream.unit() - 0.5) * 12_f64.sqrt());
            let sums = targets.iter().map(&mut vote).collect();
            votes.add(&Votes::of(LeftOut { sums, counts: vec![1; targets.len()] }));
        }
        let limit = votes.limit_mse(&targets, scale);
        assert!((limit - 0.25).abs() < 0.05, "{limit}, where the mean of 4 trees has 0.25 + 1/4");
        assert!(Votes::default().limit_mse(&[], scale).is_nan());
    }

    #[test]
    fn rungs_end_at_the_largest_number_and_begin_with_a_few_trees() {
        // n_resources_ of HalvingGridSearchCV(factor=3, resource="n_estimators", max_resources=most).
        assert_eq!(trees_of_rungs(27, 216), [8, 24, 72, 216]);
        assert_eq!(trees_of_rungs(2, 50), [50]);
        // Where the numbers do not divide, that ends below `most`.
        assert_eq!(trees_of_rungs(36, 100), [3, 11, 33, 100]);
        assert_eq!(trees_of_rungs(54, 20), [6, 20]);
        assert_eq!(trees_of_rungs(27, 8), [8]);
    }
}
