//! The memory that a sweep needs, and a check that it is available.

use forest::Params;

use super::job::Training;
use super::plan::{Keep, Plan};
use crate::data::{Shards, Split};
use crate::error::Result;
use crate::platform::check_memory;
use crate::text::{count, thousands};

/// Trees of one model differ in size by less than this factor.
const MARGIN: f64 = 1.1;

/// # Errors
/// [`ErrorKind::Memory`](crate::ErrorKind::Memory) if the workers and the trees to keep may need more memory
/// than is available.
pub(super) fn check(plan: &Plan, split: &Split, shards: Option<&Shards>, workers: usize) -> Result<()> {
    let (learner, keep) = (plan.settings.learner, plan.settings.keep);
    let rows = split.train.len().div_ceil(plan.shards);
    let tree = |params: &Params| learner.tree_bytes(rows, params);
    let largest = plan.models.iter().map(tree).max().unwrap_or(0);
    // Ten trees at a time, and the numbers of a shard, read and prepared.
    let worker = learner.worker_bytes(rows, plan.n_features)
        + 10 * largest
        + 24 * (rows * (plan.n_features + 1)) as u64;
    let trees: usize = plan.models.iter().map(|params| params.n_estimators).sum();
    let what = format!(
        "the sweep ({}, {} trees{}, {}, keep {keep:?})",
        count(plan.models.len(), "model", "models"),
        thousands(trees as u64),
        if plan.settings.share_trees { " that models share" } else { "" },
        count(workers, "worker", "workers")
    );
    let fits = |kept: u64| {
        let needed = (worker * workers as u64).saturating_add(kept);
        check_memory(&what, needed, "keep fewer models, train fewer trees or use fewer workers")
    };
    let of_model = |params: &Params| tree(params).saturating_mul(params.n_estimators as u64);
    match keep {
        Keep::None => fits(0),
        Keep::Best => fits(plan.models.iter().map(of_model).max().unwrap_or(0)),
        Keep::All
            if fits(kept(plan).map(|params| of_model(&params)).fold(0, u64::saturating_add)).is_ok() =>
        {
            Ok(())
        }
        Keep::All => {
            fits(0)?;
            fits(measured(plan, &Training::new(learner, split, shards)?)?)
        }
    }
}

/// The models whose trees are kept: the largest of each group that shares trees.
fn kept(plan: &Plan) -> impl Iterator<Item = Params> {
    let forests = plan.forests(&plan.all());
    forests.into_iter().filter_map(|forest| Some(plan.models[*forest.last()?]))
}

/// The bytes of the trees to keep if each is as large as the first of its model, which is grown here. The
/// upper bound of `tree_bytes` is far larger.
fn measured(plan: &Plan, training: &Training) -> Result<u64> {
    let like = |params: Params| Params { n_estimators: 1, ..params };
    let (mut before, mut bytes, mut all) = (None, 0.0, 0.0);
    for params in kept(plan) {
        // Models that differ only in their number of trees follow each other.
        if before != Some(like(params)) {
            let nodes = training.grow(&params, 0..1, None)?.n_nodes();
            bytes = MARGIN * (nodes * plan.settings.learner.node_bytes()) as f64;
            before = Some(like(params));
        }
        all += bytes * params.n_estimators as f64;
    }
    Ok(all as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sweep;

    #[test]
    fn trees_to_keep_are_measured_where_they_may_be_too_large() {
        let split = crate::data::friedman1(500, 6, 1.0, 1).unwrap().split(0.2, 1).unwrap();
        let sweep = Sweep::over_n_estimators([10, 30]).max_depth([Some(4), None]).keep(Keep::All).quiet();
        for sweep in [sweep.clone(), sweep.min_samples_split(9).share_trees(true)] {
            let run = sweep.run_sequential(&split).unwrap();
            let plan = sweep.plan(&split, None).unwrap();
            let models: Vec<usize> =
                plan.forests(&plan.all()).iter().map(|forest| *forest.last().unwrap()).collect();
            let nodes: usize = models.iter().map(|&model| run.model(model).unwrap().n_nodes()).sum();
            let learner = plan.settings.learner;
            let found = measured(&plan, &Training::new(learner, &split, None).unwrap()).unwrap() as f64;
            let ratio = found / (nodes * learner.node_bytes()) as f64;
            assert!((1.0..1.3).contains(&ratio), "{ratio}");
        }
    }
}
