//! Tuning: random combinations of a grid, and successive halving.

use std::time::Instant;

use forest::Stream;
use learner::{LeftOut, Whole, pieces};

use super::job::matrix;
use super::outcome::OutOfBag;
use super::plan::Settings;
use super::{Params, Sweep, memory};
use crate::cluster::{Cluster, ObjectRef};
use crate::data::Split;
use crate::error::{Error, Result};

/// Of the candidates of a rung the best third goes on, with three times as many trees; scikit-learn's default.
const FACTOR: usize = 3;

/// What came out of [`Sweep::successive_halving`].
///
/// As the last line of a cell it shows itself as a table.
#[derive(Debug, Clone)]
pub struct Halving {
    pub(crate) dataset: String,
    sweep: Sweep,
    /// From the first, with all candidates and few trees, to the last.
    pub rungs: Vec<Rung>,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// A step of successive halving.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    /// How many trees each candidate has.
    pub n_estimators: usize,
    /// The candidates with their out-of-bag MSE, the best first.
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

    /// How many trees were grown.
    pub fn trees_grown(&self) -> usize {
        let before = std::iter::once(0).chain(self.rungs.iter().map(|rung| rung.n_estimators));
        self.rungs
            .iter()
            .zip(before)
            .map(|(rung, before)| rung.candidates.len() * (rung.n_estimators - before))
            .sum()
    }

    /// How many trees a grid grows that gives every candidate as many as the last rung.
    pub fn trees_of_grid(&self) -> usize {
        self.rungs[0].candidates.len() * self.rungs[self.rungs.len() - 1].n_estimators
    }
}

/// How many trees the candidates have in each rung, as in scikit-learn's `HalvingGridSearchCV` with
/// `min_resources="exhaust"`: so few in the first that the last, with one or two candidates, has all.
fn trees_of_rungs(candidates: usize, most: usize) -> Vec<usize> {
    let halvings = candidates.ilog(FACTOR);
    let first = (most / FACTOR.pow(halvings)).max(1);
    let halvings = halvings.min((most / first).ilog(FACTOR));
    (0..=halvings).map(|rung| first * FACTOR.pow(rung)).collect()
}

impl Sweep {
    /// Tries only `n` combinations of the values, drawn at random: random search, scikit-learn's
    /// `RandomizedSearchCV`. The same seed draws the same. More than there are is an error.
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
    /// Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS
    /// 2016, arXiv:1502.07943.
    ///
    /// # Errors
    /// As [`run_on`](Self::run_on) with [`oob_score`](Self::oob_score).
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
        let split = cluster.get(data)?;
        let sweep = Self { settings: Settings { oob_score: true, ..self.settings }, ..self.clone() };
        let plan = sweep.plan(&split, None)?;
        memory::check(&plan, &split, None, cluster.workers())?;
        let started = Instant::now();
        let most = plan.models.iter().map(|params| params.n_estimators).max().unwrap_or(1);
        let candidates = plan.models.iter().filter(|params| params.n_estimators == most);
        let mut candidates: Vec<(Params, LeftOut)> =
            candidates.map(|params| (*params, LeftOut::default())).collect();
        let (learner, y) = (self.settings.learner, split.train.y());
        let training = cluster.put(learner.prepare(matrix(&split.train)?, y, Whole::of(y))?);
        let scale = learner.scale(Whole::of(y));
        let (mut rungs, mut before) = (Vec::new(), 0);
        for n_estimators in trees_of_rungs(candidates.len(), most) {
            let mut tasks: Vec<(usize, ObjectRef<Result<LeftOut>>)> = Vec::new();
            for (i, (params, _)) in candidates.iter().enumerate() {
                for trees in pieces(before..n_estimators) {
                    let (name, params) =
                        (format!("candidate {i} trees {}..{}", trees.start, trees.end), *params);
                    let grown = cluster.options().name(name).remote(&training, move |training| {
                        let mut left_out = LeftOut::default();
                        training.grow(&params, trees.clone(), Some(&mut left_out))?;
                        Ok(left_out)
                    });
                    tasks.push((i, grown));
                }
            }
            for (i, task) in tasks {
                let left_out = cluster.get(&task)?;
                candidates[i].1.add(left_out.as_ref().as_ref().map_err(Error::clone)?);
            }
            let mse = |left_out: &LeftOut| OutOfBag::of(y, left_out, scale).scores.mse;
            let mut scored: Vec<_> =
                candidates.into_iter().map(|(params, left_out)| (mse(&left_out), params, left_out)).collect();
            scored.sort_by(|a, b| a.0.total_cmp(&b.0));
            let with_trees =
                |(mse, params, _): &(f64, Params, LeftOut)| (Params { n_estimators, ..*params }, *mse);
            rungs.push(Rung { n_estimators, candidates: scored.iter().map(with_trees).collect() });
            scored.truncate(scored.len().div_ceil(FACTOR));
            candidates = scored.into_iter().map(|(_, params, left_out)| (params, left_out)).collect();
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

    /// The combinations that are tried, of all.
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
    fn rungs_are_those_of_scikit_learn() {
        // n_resources_ of HalvingGridSearchCV(factor=3, resource="n_estimators", max_resources=most).
        assert_eq!(trees_of_rungs(27, 216), [8, 24, 72, 216]);
        assert_eq!(trees_of_rungs(36, 100), [3, 9, 27, 81]);
        assert_eq!(trees_of_rungs(2, 50), [50]);
        assert_eq!(trees_of_rungs(27, 8), [1, 3]);
        assert_eq!(trees_of_rungs(1, 1), [1]);
    }
}
