//! A sweep on a Ray cluster: what goes there, and what comes back.

use std::sync::{Arc, mpsc};

use serde_json::json;

use super::gather::Gathering;
use super::learner::{Learner, exact};
use super::outcome::Outcome;
use super::plan::{Keep, Plan};
use super::run::{self, Extras};
use super::work::{Grown, Work};
use crate::data::{Shards, Split};
use crate::error::{Error, ErrorKind, Result};
use crate::ray::{Call, Done, Ended, RayCluster, Ship};

/// The test rows, row after row.
fn test_rows(split: &Split) -> Vec<u8> {
    let (test, n) = (&split.test, split.test.len());
    let cells = (0..n).flat_map(|row| (0..test.n_features()).map(move |column| test.x()[column * n + row]));
    cells.flat_map(f64::to_le_bytes).collect()
}

/// A split goes to a Ray cluster as two objects: the training rows, sorted by every feature once for
/// all trees of all models, and the test rows.
impl Ship for Split {
    type Value = Self;

    fn value(&self) -> Result<Arc<Self>> {
        Ok(Arc::new(self.clone()))
    }

    fn parts(split: &Self) -> Result<Vec<Vec<u8>>> {
        Ok(vec![exact::Training::new(&split.train)?.bytes().to_vec(), test_rows(split)])
    }
}

/// A split whose training rows are not to go there.
pub(super) struct Tests(pub(super) Arc<Split>);

impl Ship for Tests {
    type Value = Split;

    fn value(&self) -> Result<Arc<Split>> {
        Ok(Arc::clone(&self.0))
    }

    fn parts(split: &Split) -> Result<Vec<Vec<u8>>> {
        Ok(vec![test_rows(split)])
    }
}

/// What a sweep on Ray cannot be.
pub(super) fn check(plan: &Plan) -> Result<()> {
    if plan.learner != Learner::Forest {
        return Err(Error::invalid(
            "the learner of a sweep on Ray",
            plan.learner,
            "forest: the nodes get a library that grows exact forests; take Learner::Forest, or run on Cluster::local",
        ));
    }
    if plan.keep == Keep::All {
        return Err(Error::invalid(
            "keep of a sweep on Ray",
            "All",
            "None or Best: trees stay on the nodes, and the best model's are grown again here; to keep all, run on \
             Cluster::local",
        ));
    }
    Ok(())
}

pub(super) fn on_ray(
    mut plan: Plan,
    ray: &RayCluster,
    split: &Split,
    objects: &[u64],
    extras: Extras<'_>,
) -> Result<Outcome> {
    let (shards, keep) = (extras.shards, plan.keep);
    plan.keep = Keep::None;
    let listener = run::reporting(ray.shown().clone(), split.dataset.clone(), extras.listener.cloned());
    let extras = Extras { listener: Some(&listener), ..extras };
    let outcome = run::run(plan.clone(), split, ray.workers(), extras, |work, gathering| {
        over_ray(&work, ray, objects, shards, gathering)
    });
    let mut outcome = outcome?;
    if keep == Keep::Best {
        run::keep_best(&mut outcome, plan, split, shards)?;
    }
    Ok(outcome)
}

/// Hands in all tasks, and gathers what they give.
fn over_ray(
    work: &Work,
    ray: &RayCluster,
    objects: &[u64],
    shards: Option<&Shards>,
    gathering: &mut Gathering<'_>,
) -> Result<()> {
    let taken_back = TakenBack(ray);
    let first = gathering.begin(&work.cut);
    let epoch = ray.shown().elapsed().saturating_sub(gathering.started.elapsed());
    let (send, receive) = mpsc::channel();
    for (key, planned) in work.cut.tasks.iter().enumerate() {
        let (model, trees) = (planned.model, planned.trees.clone());
        let params = work.plan.models[model];
        let sabotage = work.sabotage();
        let name = planned.to_string();
        let shard = shards.map(|s| s.of_tree(trees.start, params.n_estimators));
        let files = shard.zip(shards).map(|(shard, s)| s.files()[shard].to_string_lossy().into_owned());
        let whole = shards.map(|s| {
            let rows: usize = s.rows().iter().sum();
            json!({ "columns": s.columns(), "rows": rows, "largest": s.largest().to_bits() })
        });
        let request = move |attempt| {
            let panic = sabotage.as_ref().is_some_and(|panics| panics(model, trees.clone(), attempt));
            json!({ "params": params, "trees": trees, "shard": whole, "panic": panic }).to_string()
        };
        let (objects, files) = (objects.to_vec(), files.into_iter().collect());
        let call = Call { name, request: Box::new(request), objects, files };
        ray.submit(call, key, &send)?;
    }
    for _ in 0..work.cut.tasks.len() {
        let Ended { key, done, record } = ray.next(&receive)?;
        work.tried(key, record.attempt);
        let grown = match done {
            Done::Finished(bytes) => sums(&bytes, gathering.rows()),
            Done::Failed(said) => Err(Error::new(ErrorKind::Task, said)),
            Done::Unusable(said) => return Err(Error::new(ErrorKind::Cluster, said)),
        };
        gathering.record(run::trace(first, key, work, &record, grown.is_ok(), epoch));
        match grown {
            Ok(grown) => gathering.add(work, key, &grown)?,
            Err(error) => gathering.fail(work, key, &error),
        }
    }
    std::mem::forget(taken_back);
    Ok(())
}

/// Takes back what is still to be done where a sweep ends early.
struct TakenBack<'a>(&'a RayCluster);

impl Drop for TakenBack<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn sums(bytes: &[u8], rows: usize) -> Result<Grown> {
    let words = bytes.chunks_exact(8).map(|word| i64::from_le_bytes(word.try_into().unwrap_or_default()));
    let sums: Vec<i64> = words.collect();
    if sums.len() != rows || bytes.len() != 8 * rows {
        let message =
            format!("a worker gave {} bytes for {rows} test rows; run ./scripts/setup", bytes.len());
        return Err(Error::new(ErrorKind::Cluster, message));
    }
    Ok(Grown { sums, trees: Vec::new() })
}
