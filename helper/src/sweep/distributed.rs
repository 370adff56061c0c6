//! A sweep on a Ray cluster: requests to grow trees, and the sums of predictions in the answers.

use std::sync::Arc;

use learner::{Learner, LeftOut, Request, Whole};

use super::gather::Gathering;
use super::job::{Grown, Job, matrix};
use super::plan::{Plan, TREES_PER_TASK};
use crate::data::{Shards, Split};
use crate::error::{Error, ErrorKind, Result};
use crate::ray::{Call, Done, Ended, News, RayCluster, RayRef, Ship};

/// The training rows and the test rows are two objects. The training rows are prepared for the default
/// learner; for another learner they are sent with the first sweep that uses it.
impl Ship for Split {
    type Value = Self;

    fn value(self) -> Result<Arc<Self>> {
        Ok(Arc::new(self))
    }

    fn parts(split: &Self) -> Result<Vec<(String, Vec<u8>)>> {
        let learner = Learner::default();
        Ok(vec![(learner.to_string(), training_rows(split, learner)?), (TEST.to_owned(), test_rows(split))])
    }
}

impl Ship for &Split {
    type Value = Split;

    fn value(self) -> Result<Arc<Split>> {
        self.clone().value()
    }

    fn parts(split: &Split) -> Result<Vec<(String, Vec<u8>)>> {
        Split::parts(split)
    }
}

/// Tasks for each worker: enough that all workers end at about the same time.
const TASKS: usize = 16;
/// Seconds that the driver takes to hand out a task, as measured: see docs/ray.md.
const HANDING_OUT: f64 = 0.003;
/// The largest share of a task's time that handing it out may take.
const SHARE: f64 = 0.02;
/// Approximate seconds to grow a tree, per row, tried feature and level.
const STEP: f64 = 2e-9;

/// The name of the object with the test rows; the learner's name is that of its training rows.
const TEST: &str = "test rows";

fn training_rows(split: &Split, learner: Learner) -> Result<Vec<u8>> {
    Ok(learner.bytes(matrix(&split.train)?, split.train.y())?)
}

/// The features of the test rows as bytes, row after row.
fn test_rows(split: &Split) -> Vec<u8> {
    let (test, n) = (&split.test, split.test.len());
    let cells = (0..n).flat_map(|row| (0..test.n_features()).map(move |column| test.x()[column * n + row]));
    cells.flat_map(f64::to_le_bytes).collect()
}

/// The default number of trees of a task: each worker gets [`TASKS`] tasks, but none so small that handing it
/// out takes more than [`SHARE`] of its time.
pub(super) fn trees_per_task(plan: &Plan, models: &[usize], rows: usize, workers: usize) -> usize {
    let cut = plan.cut(models);
    let trees: usize = cut.tasks.iter().map(|task| task.trees.len()).sum();
    let work: f64 = cut.tasks.iter().map(|task| plan.work(task.model, task.trees.len())).sum();
    let seconds_per_tree = work / trees as f64 * rows as f64 * STEP;
    let least = HANDING_OUT / SHARE / seconds_per_tree;
    let for_each = |tasks: usize| trees as f64 / (tasks * workers) as f64;
    least.min(for_each(2)).max(for_each(TASKS)).max(TREES_PER_TASK as f64).ceil() as usize
}

/// The objects that every task reads.
pub(super) fn objects(plan: &Plan, data: &RayRef<Split>, shards: Option<&Shards>) -> Result<Vec<u64>> {
    let split = data.value();
    let test = data.part(TEST, || Ok(test_rows(split)))?;
    match shards {
        Some(_) => Ok(vec![test]),
        None => Ok(vec![
            data.part(plan.settings.learner.name(), || training_rows(split, plan.settings.learner))?,
            test,
        ]),
    }
}

/// Submits all tasks, and gathers their results. On an error, the tasks that have not ended are cancelled.
pub(super) fn over_ray(
    job: &Job,
    ray: &RayCluster,
    data: &RayRef<Split>,
    objects: &[u64],
    shards: Option<&Shards>,
    gathering: &mut Gathering<'_>,
) -> Result<()> {
    let split = data.value();
    let mut batch = ray.batch();
    for (key, planned) in job.cut.tasks.iter().enumerate() {
        let params = job.plan.models[planned.model];
        let shard = shards.map(|s| (s, s.of_tree(planned.trees.start, params.n_estimators)));
        let request = Request {
            learner: job.plan.settings.learner,
            params,
            trees: planned.trees.clone(),
            n_features: job.plan.n_features,
            shard: shard.map(|_| Whole::of(split.train.y())),
            oob_score: job.plan.settings.oob_score,
            panic: false,
        };
        let panics = job.panics(key);
        let submitted = batch.submit(Call {
            key,
            name: planned.to_string(),
            request: Box::new(move |attempt| json(&Request { panic: panics(attempt), ..request.clone() })),
            objects: objects.to_vec(),
            files: shard
                .map(|(s, part)| (s.files()[part].to_string_lossy().into_owned(), s.hash(part)))
                .into_iter()
                .collect(),
        });
        // The driver is gone. The batch gives the tasks that have ended, and then the error.
        if submitted.is_err() {
            break;
        }
    }
    let mut left = job.cut.tasks.len();
    while left > 0 {
        let Ended { key, done, record } = match batch.next()? {
            News::Ended(ended) => *ended,
            News::Lost(what) => {
                gathering.warn(what);
                continue;
            }
        };
        left -= 1;
        job.set_attempts(key, record.attempt);
        let grown = match done {
            Done::Finished(bytes) => Ok(grown(&bytes, split, job.plan.settings.oob_score)?),
            Done::Failed(said) => Err(Error::new(ErrorKind::Task, said)),
            Done::Unusable(said) => return Err(Error::new(ErrorKind::Cluster, said)),
        };
        gathering.ended(key, Some(&record), grown.as_ref().map_err(Error::clone))?;
    }
    Ok(())
}

/// The request as JSON. If that fails, the worker refuses the request and quotes this error.
fn json(request: &Request) -> String {
    serde_json::to_string(request).unwrap_or_else(|e| e.to_string())
}

/// The answer to a request, decoded: see [`Request::run`].
fn grown(bytes: &[u8], split: &Split, oob_score: bool) -> Result<Grown> {
    let (test, train) = (split.test.len(), if oob_score { split.train.len() } else { 0 });
    let unfit = || {
        let rows = format!("{test} test rows and {train} training rows");
        let message = format!("a worker gave {} bytes for {rows}; run ./scripts/setup", bytes.len());
        Error::new(ErrorKind::Cluster, message)
    };
    let (words, rest) = bytes.as_chunks();
    if words.len() != test + 2 * train || !rest.is_empty() {
        return Err(unfit());
    }
    let numbers: Vec<i64> = words.iter().map(|word| i64::from_le_bytes(*word)).collect();
    let (sums, left_out) = numbers.split_at(test);
    let (left_out, counts) = left_out.split_at(train);
    let counts = counts.iter().map(|&count| u32::try_from(count).map_err(|_| unfit()));
    let left_out = LeftOut { sums: left_out.to_vec(), counts: counts.collect::<Result<_>>()? };
    Ok(Grown { sums: sums.to_vec(), left_out: oob_score.then_some(left_out), trees: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sweep;
    use crate::data::Rows;
    use crate::ray::fake;
    use crate::sweep::plan::Settings;
    use crate::sweep::{Keep, Params};

    /// Answers each task with sums of 0, unless the request is to panic.
    const ZEROS: &str = "
for command in commands():
    if command['do'] == 'put':
        stored(command)
    if command['do'] == 'task':
        panic = json.loads(command['request'])['panic']
        end(command, *(('panicked', b'sabotaged') if panic else ('finished', bytes(8 * 20))))
";

    fn split() -> Split {
        let columns: Vec<Vec<f64>> =
            (0..3).map(|c| (0..100).map(|r| f64::from(r * (c + 2) % 17) / 7.0).collect()).collect();
        let rows = |range: std::ops::Range<usize>| Rows::gather(&columns, &range.collect::<Vec<_>>());
        let (dataset, target) = ("test".to_owned(), String::new());
        Split { dataset, target, features: Arc::default(), train: rows(0..80), test: rows(80..100) }
    }

    fn sweep() -> Sweep {
        Sweep::over_n_estimators([10, 20]).max_depth(3).quiet()
    }

    #[test]
    fn both_learners_are_asked_for_and_their_rows_are_sent_once() {
        let folder = tempfile::tempdir().unwrap();
        let ray = fake::cluster(folder.path(), ZEROS);
        let data = ray.put(&split()).unwrap();
        for learner in [Learner::Forest, Learner::Smartcore, Learner::Smartcore] {
            let outcome = sweep().learner(learner).run_on(&ray, &data).unwrap();
            assert!(outcome.models.iter().all(|model| model.predictions == [0.0; 20]));
            assert_eq!(outcome.tasks.len(), 3);
        }
        let heard = fake::heard(folder.path());
        let puts = heard.iter().filter(|command| command["do"] == "put");
        let sizes: Vec<u64> = puts.map(|command| command["bytes"].as_u64().unwrap()).collect();
        let forest = Learner::Forest.bytes(matrix(&split().train).unwrap(), split().train.y()).unwrap();
        assert_eq!(sizes, [forest.len() as u64, 20 * 2 * 8, 80 * 3 * 8]);
        let requests: Vec<Request> = heard
            .iter()
            .filter_map(|command| Some(serde_json::from_str(command["request"].as_str()?).unwrap()))
            .collect();
        assert!(
            requests
                .iter()
                .map(|request| request.learner == Learner::Forest)
                .eq([true, true, true, false, false, false, false, false, false])
        );
        assert!(requests.iter().all(|request| request.n_features == 2 && request.shard.is_none()));
    }

    #[test]
    fn out_of_bag_sums_and_counts_come_back() {
        let folder = tempfile::tempdir().unwrap();
        // Each task predicts 0, for each training row by one tree.
        let answer = "bytes(8 * 100) + 80 * (b'\\1' + bytes(7))";
        let ray = fake::cluster(folder.path(), &ZEROS.replace("bytes(8 * 20)", answer));
        let split = split();
        let outcome = sweep().oob_score(true).run_on(&ray, &ray.put(&split).unwrap()).unwrap();
        let square = split.train.y().iter().map(|y| y * y).sum::<f64>() / 80.0;
        for model in &outcome.models {
            let oob = model.oob.unwrap();
            assert!((oob.scores.mse - square).abs() < 1e-9 && oob.missing == 0, "{oob:?}");
        }
    }

    #[test]
    fn a_model_whose_tasks_panic_each_time_fails_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ray = fake::cluster(folder.path(), ZEROS);
        let sweep = sweep().sabotage(|model, trees, attempt| model == 1 && trees.start == 10 || attempt == 1);
        let outcome = sweep.run_on(&ray, &ray.put(&split()).unwrap()).unwrap();
        assert_eq!((outcome.models.len(), outcome.failed.len()), (1, 1));
        assert_eq!((outcome.failed[0].model, outcome.failed[0].attempts), (1, 4));
        assert!(outcome.failed[0].cause.contains("panicked: sabotaged"), "{}", outcome.failed[0].cause);
    }

    #[test]
    fn folds_run_one_after_another() {
        let folder = tempfile::tempdir().unwrap();
        let ray = fake::cluster(folder.path(), ZEROS);
        let table = crate::data::friedman1(60, 5, 1.0, 1).unwrap();
        let validated = sweep().cross_validate(&ray, &table, 3).unwrap();
        let zeros = |fold: &crate::Outcome| fold.models.iter().all(|m| m.predictions == [0.0; 20]);
        assert!(validated.folds.len() == 3 && validated.folds.iter().all(zeros));
        assert_eq!(validated.models()[0].mse.len(), 3);
    }

    #[test]
    fn a_lost_task_has_no_place_in_the_outcome() {
        let folder = tempfile::tempdir().unwrap();
        let ray = fake::cluster(
            folder.path(),
            &ZEROS
                .replace("        panic =", "        if 'model 1 trees 0' in command['name']:\n            lost([command], 'out of memory')\n            continue\n        panic ="),
        );
        let outcome = sweep().run_on(&ray, &ray.put(&split()).unwrap()).unwrap();
        assert_eq!((outcome.failed.len(), outcome.tasks.len()), (1, 2));
        assert!(outcome.failed[0].cause.contains("out of memory"), "{}", outcome.failed[0].cause);
        assert_eq!(outcome.warnings, ["out of memory; 1 task is run again on 1 CPU"]);
    }

    #[test]
    fn tasks_grow_with_the_sweep() {
        let plan = |sizes: &[usize]| {
            let models = sizes.iter().map(|&n_estimators| Params { n_estimators, ..Params::default() });
            Plan::new(Settings::default(), models.collect(), (16_512, 8), None).unwrap()
        };
        let sizes: Vec<usize> = (50..=340).step_by(10).collect();
        let trees = |plan: &Plan, workers| {
            let all: Vec<usize> = (0..plan.models.len()).collect();
            trees_per_task(plan, &all, 16_512, workers)
        };
        let lab = plan(&sizes);
        assert_eq!([1, 2, 8, 64].map(|workers| trees(&lab, workers)), [366, 183, 46, 36]);
        let large = plan(&sizes.iter().map(|size| size * 100).collect::<Vec<_>>());
        assert_eq!([2, 64].map(|workers| trees(&large, workers)), [18_282, 572]);
        assert_eq!(trees(&plan(&[10, 20]), 2), 10, "as on threads");
    }

    #[test]
    fn a_lost_driver_ends_the_sweep_and_a_journal_goes_on() {
        let runs = tempfile::tempdir().unwrap();
        let sweep = sweep().journal(runs.path().join("ray.jsonl"));
        let folder = tempfile::tempdir().unwrap();
        let dies =
            format!("{ZEROS}        if 'model 1' in command['name']: os.kill(os.getpid(), signal.SIGKILL)\n");
        let ray = fake::cluster(folder.path(), &dies);
        let error = sweep.run_on(&ray, &ray.put(&split()).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cluster);
        assert!(error.to_string().contains("with a journal it goes on"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let ray = fake::cluster(folder.path(), ZEROS);
        let outcome = sweep.run_on(&ray, &ray.put(&split()).unwrap()).unwrap();
        assert_eq!((outcome.restored, outcome.models.len()), (1, 2));
    }

    #[test]
    fn answers_that_cannot_be_are_errors() {
        let cases = [
            ("end(command, 'unusable', b'load it anew')", sweep(), "load it anew"),
            (
                "end(command, 'finished', bytes(8))",
                sweep(),
                "8 bytes for 20 test rows and 0 training rows; run ./scripts/setup",
            ),
            (
                "end(command, 'finished', bytes(160))",
                sweep().oob_score(true),
                "20 test rows and 80 training rows",
            ),
            // 2 trees have left the first row out, and -1 trees the others.
            (
                "end(command, 'finished', bytes(8 * 100) + b'\\2' + bytes(7) + b'\\xff' * 8 * 79)",
                sweep().oob_score(true),
                "1440 bytes for 20 test rows",
            ),
            // Its trees, grown again here, do not predict 0.
            ("end(command, 'finished', bytes(160))", sweep().keep(Keep::Best), "is of another version"),
        ];
        for (does, sweep, says) in cases {
            let folder = tempfile::tempdir().unwrap();
            let put = "for command in commands():\n    if command['do'] == 'put': stored(command)\n";
            let ray = fake::cluster(folder.path(), &format!("{put}    if command['do'] == 'task': {does}\n"));
            let error = sweep.run_on(&ray, &ray.put(&split()).unwrap()).unwrap_err();
            assert!(error.kind() == ErrorKind::Cluster && error.to_string().contains(says), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let ray = fake::cluster(folder.path(), ZEROS);
        let error = sweep().keep(Keep::All).run_on(&ray, &ray.put(split()).unwrap()).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidParameter && error.to_string().contains("Cluster::local"));
    }
}
