//! Sweeps: the same bits from every way of running, outcomes, and what is refused.

use forest::{Forest, Matrix, Params, TrainingSet};
use helper::data::Split;
use helper::sweep::{Event, Keep, Learner, MaxFeatures, Schedule, Sweep};
use helper::{Cluster, Comparison, ErrorKind};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

mod common;

use common::{housing, on, small};

#[test]
fn the_lab_is_thirty_models_and_5850_trees() {
    let models =
        Sweep::over_n_estimators((50..=340).step_by(10)).max_depth(20).min_samples_split(5).seed(42).models();
    assert_eq!(models.len(), 30);
    assert_eq!(models.iter().map(|model| model.n_estimators).sum::<usize>(), 5_850);
    assert!(models.iter().all(|m| m.max_depth == Some(20) && m.min_samples_split == 5 && m.seed == 42));
    assert!(models.iter().all(|m| m.max_features == MaxFeatures::All && m.min_samples_leaf == 1));
}

#[test]
fn scores_are_what_their_formulas_say() {
    let split = small();
    let outcome = Sweep::over_n_estimators(12).quiet().run_sequential(&split).unwrap();
    let (model, actual) = (outcome.best(), &outcome.actual);
    assert_eq!(actual, split.test.y());
    let n = actual.len() as f64;
    let errors: Vec<f64> = actual.iter().zip(&model.predictions).map(|(a, p)| a - p).collect();
    let mse = errors.iter().map(|e| e * e).sum::<f64>() / n;
    let mae = errors.iter().map(|e| e.abs()).sum::<f64>() / n;
    let mean = actual.iter().sum::<f64>() / n;
    let r2 = 1.0 - mse * n / actual.iter().map(|a| (a - mean).powi(2)).sum::<f64>();
    let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
    assert!(close(model.scores.mse, mse) && close(model.scores.rmse, mse.sqrt()));
    assert!(close(model.scores.mae, mae) && close(model.scores.r2, r2));
    assert!(r2 > 0.5, "it learnt something: {r2}");
}

#[test]
fn out_of_bag_scores_are_those_of_the_crate_forest() {
    let split = small();
    let sweep =
        Sweep::over_n_estimators([7, 40]).max_depth(8).max_samples(0.7).seed(3).oob_score(true).quiet();
    let set = training_set(&split);
    for model in sweep.run_sequential(&split).unwrap().models {
        let oob = Forest::fit(&set, &model.params).unwrap().out_of_bag(&set).unwrap();
        let rows =
            split.train.y().iter().zip(&oob.predictions).filter_map(|(y, p)| Some((y - (*p)?).powi(2)));
        let errors: Vec<f64> = rows.collect();
        let mse = errors.iter().sum::<f64>() / errors.len() as f64;
        let found = model.oob.unwrap();
        assert!(
            (found.scores.mse - mse).abs() < 1e-12 && (found.scores.r2 - oob.score).abs() < 1e-9,
            "{found:?}"
        );
        assert_eq!(found.missing, oob.n_missing);
        assert!((0.5..2.0).contains(&(found.scores.mse / model.scores.mse)), "{found:?}");
    }
}

#[test]
fn one_number_is_the_same_however_the_sweep_was_run() {
    let split = small();
    let sweep = Sweep::over_n_estimators([5, 12]).max_depth(8).seed(3).quiet();
    let hash = sweep.run_sequential(&split).unwrap().hash();
    assert!(hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()), "{hash}");
    for other in [sweep.clone().share_trees(true), sweep.clone().trees_per_task(1).oob_score(true)] {
        assert_eq!(on(3, &other, &split).hash(), hash);
    }
    assert_ne!(sweep.clone().seed(4).run_sequential(&split).unwrap().hash(), hash);

    // Without vector instructions, by the crate itself.
    let (set, mut outcome) = (training_set(&split), sweep.run_sequential(&split).unwrap());
    let test = Matrix::from_columns(split.test.x(), split.test.n_features()).unwrap();
    for model in &mut outcome.models {
        let params = Params { simd: false, ..model.params };
        model.predictions = Forest::fit(&set, &params).unwrap().predict(test).unwrap();
    }
    assert_eq!(outcome.hash(), hash);
    // One bit of one prediction.
    outcome.models[1].predictions[7] = f64::from_bits(outcome.models[1].predictions[7].to_bits() ^ 1);
    assert_ne!(outcome.hash(), hash);
}

fn training_set(split: &Split) -> TrainingSet {
    let x = Matrix::from_columns(split.train.x(), split.train.n_features()).unwrap();
    TrainingSet::new(x, split.train.y()).unwrap()
}

#[test]
fn tasks_cover_every_tree_once_and_say_who_and_when() {
    let split = small();
    let sweep = Sweep::over_n_estimators([5, 10, 27]).max_depth(4);
    let sequential = sweep.clone().quiet().run_sequential(&split).unwrap();
    let parallel = on(3, &sweep, &split);
    for (outcome, workers) in [(&sequential, 1), (&parallel, 3)] {
        assert_eq!(outcome.workers, workers);
        let mut trees = vec![Vec::new(); 3];
        for (i, task) in outcome.tasks.iter().enumerate() {
            assert_eq!((task.task, task.attempt), (i, 1));
            assert!(task.worker < workers);
            assert!(
                task.queued <= task.started && task.started < task.ended && task.ended <= outcome.seconds
            );
            assert!(task.cpu_seconds.is_some_and(|cpu| cpu > 0.0 && cpu < task.seconds() + 0.05));
            trees[task.model].extend(task.trees.clone());
        }
        for (trees, n) in trees.iter().zip([5, 10, 27]) {
            assert!(trees.iter().copied().eq(0..n), "{trees:?}");
        }
        assert!(outcome.busy_share() > 0.0 && outcome.busy_share() <= 1.0);
    }
}

#[test]
fn models_are_dropped_unless_asked_for() {
    let split = small();
    let sweep = Sweep::over_n_estimators([3, 11, 6]).max_depth(5);
    assert!(on(2, &sweep, &split).best_model().is_none());
    for keep in [Keep::Best, Keep::All] {
        let outcome = on(2, &sweep.clone().keep(keep), &split);
        let model = outcome.best_model().unwrap();
        assert_eq!(model.params(), &outcome.best().params);
        assert_eq!(model.predict(&split.test).unwrap(), outcome.best().predictions);
        let kept = (0..3).filter(|&i| outcome.model(i).is_some()).count();
        assert_eq!(kept, if keep == Keep::Best { 1 } else { 3 });
    }
}

#[test]
fn events_tell_the_start_every_model_and_the_end() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sweep = Sweep::over_n_estimators([2, 14]).max_depth(3).on_event({
        let seen = Arc::clone(&seen);
        move |event| {
            seen.lock().unwrap().push(match event {
                Event::Starting(now) => {
                    format!("{} models, {} trees, {} workers", now.all_models, now.all_trees, now.workers)
                }
                Event::Grown(now) => format!("{} of {} trees", now.trees, now.all_trees),
                Event::Finished(now, model) => {
                    format!("{}/{}: {}", now.models, now.all_models, model.params.n_estimators)
                }
                Event::Done(now) => {
                    assert!(now.elapsed > 0.0);
                    format!("{} models, {} trees, {} workers done", now.models, now.trees, now.workers)
                }
                other => format!("{other:?}"),
            })
        }
    });
    sweep.run_sequential(small()).unwrap();
    let expected = [
        "2 models, 16 trees, 1 workers",
        "1/2: 2",
        "12 of 16 trees",
        "2/2: 14",
        "2 models, 16 trees, 1 workers done",
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn what_makes_no_sense_is_refused_with_field_value_and_range() {
    let split = small();
    let refused = |sweep: Sweep, parts: &[&str]| {
        let cluster = Cluster::local_with(1).unwrap();
        let data = cluster.put(split.clone());
        let sweep = sweep.on_event(|event| panic!("trained before it was checked: {event:?}"));
        for error in [sweep.run_sequential(&split).unwrap_err(), sweep.run_on(&cluster, &data).unwrap_err()] {
            assert!(parts.iter().all(|part| error.to_string().contains(part)), "{parts:?}: {error}");
        }
        assert!(cluster.tasks().is_empty());
    };
    let ten = || Sweep::over_n_estimators(10);
    refused(Sweep::over_n_estimators([10, 0]), &["n_estimators is 0", "from 1"]);
    refused(Sweep::over_n_estimators(1 << 21), &["n_estimators is 2097152", "1,048,576"]);
    refused(ten().max_depth(0), &["max_depth is 0", "1 or more", "None"]);
    refused(ten().min_samples_split([5, 1]), &["min_samples_split is 1", "2 or more"]);
    refused(ten().min_samples_leaf(0), &["min_samples_leaf is 0", "1 or more"]);
    refused(ten().max_features(9), &["max_features is 9", "from 1 to 8"]);
    refused(ten().max_features(1.01), &["max_features is 1.01", "at most 1"]);
    refused(ten().max_features(["sqrt", "sqr"]), &["max_features is \"sqr\"", "\"log2\"", "0.5"]);
    refused(ten().min_impurity_decrease(-0.5), &["min_impurity_decrease is -0.5", "0.0 or more"]);
    refused(ten().max_samples([0.5, 1.5]), &["max_samples is 1.5", "at most 1"]);
    refused(ten().max_samples(50_000), &["max_samples is 50000", "from 1 to 412"]);
    refused(ten().max_samples(0.5).bootstrap(false), &["max_samples is 0.5", "bootstrap is false"]);
    refused(ten().learner(Learner::Smartcore).bootstrap(false), &["bootstrap is false", "smartcore"]);
    refused(ten().oob_score(true).bootstrap([true, false]), &["oob_score is true", "bootstrap is false"]);
    refused(Sweep::over_n_estimators(10..10), &["empty"]);
    refused(ten().seed(Vec::<u64>::new()), &["empty"]);
    refused(Sweep::over_n_estimators([1 << 20; 64]).keep(Keep::All), &["memory", "GiB", "All"]);
}

#[test]
fn both_learners_learn_and_grow_other_trees() {
    let split = housing().split(0.5, 1).unwrap();
    let sweep = Sweep::over_n_estimators([10, 20]).max_depth(20).min_samples_split(5).seed(1).quiet();
    let [ours, theirs] = [Learner::Forest, Learner::Smartcore]
        .map(|learner| sweep.clone().learner(learner).oob_score(true).run_sequential(&split).unwrap());
    assert!(!ours.same_bits(&theirs));
    // smartcore does not tell which rows a tree was grown on.
    assert!(ours.best().oob.is_some() && theirs.best().oob.is_none());
    let said = Comparison::of([&theirs, &theirs]).unwrap().conclusions().to_string();
    assert!(said.contains("smartcore has no out-of-bag error to choose by"), "{said}");
    for outcome in [&ours, &theirs] {
        assert!((0.25..0.31).contains(&outcome.best().scores.mse), "{outcome}");
    }
}

#[test]
fn a_refused_sweep_too_large_is_a_matter_of_memory() {
    let error = Sweep::over_n_estimators([1 << 20; 64]).keep(Keep::All).run_sequential(small()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Memory);
}

#[test]
fn a_grid_is_every_combination() {
    let sweep =
        Sweep::over_n_estimators([10, 20]).max_depth([Some(3), None]).min_samples_leaf(1..=3).seed([1, 2]);
    let models = sweep.models();
    assert_eq!(models.len(), 2 * 2 * 3 * 2);
    assert!(models.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!((models[0].n_estimators, models[1].n_estimators), (10, 20));
}

#[test]
fn schedules_cut_otherwise_and_score_the_same() {
    let split = small();
    let sweep = Sweep::over_n_estimators([5, 30, 12]).max_depth(6).quiet();
    let plain = sweep.run_sequential(&split).unwrap();
    let under = |schedule| on(2, &sweep.clone().schedule(schedule), &split);
    let (in_order, longest) = (under(Schedule::Models), under(Schedule::LongestFirst));
    assert!(in_order.tasks.iter().map(|task| task.model).eq([0, 1, 2]));
    assert!(longest.tasks.iter().map(|task| task.model).eq([1, 2, 0]));
    let single = on(2, &sweep.clone().trees_per_task(1), &split);
    assert_eq!(single.tasks.len(), 47);
    for run in [&in_order, &longest, &single] {
        assert!(run.same_bits(&plain));
    }
    let kept = on(2, &sweep.clone().schedule(Schedule::LongestFirst).keep(Keep::Best), &split);
    assert_eq!(kept.best_model().unwrap().predict(&split.test).unwrap(), kept.best().predictions);
}

#[test]
fn shared_trees_are_grown_once() {
    let split = small();
    let sweep = Sweep::over_n_estimators([5, 30, 12, 12]).max_depth([3, 6]).seed([1, 2]).quiet();
    let plain = sweep.run_sequential(&split).unwrap();
    let shared = sweep.clone().keep(Keep::All).share_trees(true).run_sequential(&split).unwrap();
    assert!(shared.same_bits(&plain) && shared.shared);
    assert_eq!((plain.trees_grown(), shared.trees_grown(), shared.trees()), (236, 120, 236));
    for (i, model) in shared.models.iter().enumerate() {
        assert_eq!(shared.model(i).unwrap().predict(&split.test).unwrap(), model.predictions);
    }
    assert!(shared.warnings.is_empty());

    let blocks = |sizes: [usize; 3]| {
        let sweep = Sweep::over_n_estimators(sizes).max_depth(3).learner(Learner::Smartcore).quiet();
        let (plain, shared) = (sweep.run_sequential(&split), sweep.share_trees(true).run_sequential(&split));
        let shared = shared.unwrap();
        assert!(shared.same_bits(&plain.unwrap()), "{sizes:?}");
        (shared.shared, shared.trees_grown(), shared.warnings.concat())
    };
    assert_eq!(blocks([10, 25, 20]), (true, 25, String::new()));
    // Models that end within a block of ten trees are grown apart, and the outcome says so.
    let (shared, grown, warnings) = blocks([10, 15, 20]);
    assert!(
        shared && grown == 35 && warnings.contains("smartcore grows trees in blocks of 10"),
        "{warnings}"
    );
    let (shared, grown, _) = blocks([5, 15, 7]);
    assert!(!shared && grown == 27);
}

#[test]
fn every_hyperparameter_of_forest_can_be_swept() {
    let split = small();
    let sweep = Sweep::over_n_estimators(5).max_depth(6).quiet();
    let of = |sweep: Sweep| {
        let outcome = sweep.run_sequential(&split).unwrap();
        assert!(on(2, &sweep, &split).same_bits(&outcome));
        (0..outcome.models.len()).map(|i| outcome.models[i].scores.mse).collect::<Vec<_>>()
    };
    for scores in [
        of(sweep.clone().bootstrap([true, false])),
        of(sweep.clone().max_samples([None, Some(helper::sweep::MaxSamples::Count(50))])),
        of(sweep.clone().min_impurity_decrease([0.0, 0.1])),
        of(sweep.clone().max_features(["all", "sqrt"])),
    ] {
        assert!(scores.len() == 2 && scores[0] != scores[1], "{scores:?}");
    }
    // The defaults are those of forest.
    assert_eq!(of(sweep.clone())[0], of(sweep.clone().bootstrap(true).max_features("all"))[0]);
    let text = sweep.bootstrap([true, false]).run_sequential(&split).unwrap().to_string();
    assert!(text.contains("bootstrap") && text.contains("false"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// However many workers, and whatever the sweep, all predictions have the same bits.
    #[test]
    fn the_same_bits_from_every_way_of_running(
        sizes in prop::collection::vec(1..25_usize, 1..4),
        depth in 1..12_usize,
        split in 2..9_usize,
        leaf in 1..4_usize,
        features in 1..9_usize,
        seed: u64,
        workers in 1..6_usize,
        learner in prop::sample::select(vec![Learner::Forest, Learner::Smartcore]),
        schedule in prop::sample::select(vec![Schedule::Trees, Schedule::Models, Schedule::LongestFirst]),
        grain in 1..15_usize,
        oob_score: bool,
    ) {
        let data = small();
        let sweep = Sweep::over_n_estimators(sizes)
            .max_depth(depth)
            .min_samples_split(split)
            .min_samples_leaf(leaf)
            .max_features(features)
            .seed(seed)
            .learner(learner)
            .oob_score(oob_score && learner == Learner::Forest)
            .quiet();
        let sequential = sweep.run_sequential(&data).unwrap();
        prop_assert!(on(workers, &sweep, &data).same_bits(&sequential));
        let scheduled = sweep.clone().schedule(schedule).trees_per_task(grain);
        prop_assert!(on(workers, &scheduled, &data).same_bits(&sequential));
        prop_assert!(on(workers, &scheduled.share_trees(true), &data).same_bits(&sequential));
    }
}

#[test]
fn a_task_runs_a_sweep_on_its_own_cluster() {
    let (cluster, sweep) = (Cluster::local_with(1).unwrap(), Sweep::over_n_estimators([3, 20]).quiet());
    let data = cluster.put(small());
    // The only worker is at the task that waits for the sweep's.
    let nested = cluster.remote(&data, {
        let (cluster, data, sweep) = (cluster.clone(), data.clone(), sweep.clone());
        move |_: &Split| sweep.run_on(&cluster, &data)
    });
    let outcome = cluster.get(&nested).unwrap();
    assert!(outcome.as_ref().as_ref().unwrap().same_bits(&sweep.run_sequential(small()).unwrap()));
}

#[test]
fn shards_are_a_forest_of_forests() {
    let (split, folder) = (small(), tempfile::tempdir().unwrap());
    let sweep = Sweep::over_n_estimators([8, 21]).max_depth(6).seed(7).quiet();
    let whole = sweep.run_sequential(&split).unwrap();
    let run = |workers, parts| {
        let shards = split.shard(parts, folder.path().join(parts.to_string())).unwrap();
        sweep.run_on(&Cluster::local_with(workers).unwrap(), &shards).unwrap()
    };
    assert!(run(1, 1).same_bits(&whole), "one shard is the whole");
    let three = run(3, 3);
    assert!(three.same_bits(&run(1, 3)) && !three.same_bits(&whole));
    assert!(three.dataset.contains("3 shards"));
    assert!(three.tasks.iter().all(|task| task.trees.len() <= 7));
    let shards = split.shard(3, folder.path().join("3")).unwrap();
    let apart = sweep.clone().share_trees(true).run_on(&Cluster::local_with(2).unwrap(), &shards).unwrap();
    assert!(apart.same_bits(&three) && !apart.shared && apart.warnings[0].contains("3 shards"));
    let three_shards = shards;
    let shards = split.shard(9, folder.path().join("9")).unwrap();
    let cluster = Cluster::local_with(1).unwrap();
    let error = sweep.run_on(&cluster, &shards).unwrap_err();
    assert!(error.to_string().contains("n_estimators is 8"), "{error}");
    let error = sweep.clone().oob_score(true).run_on(&cluster, &three_shards).unwrap_err();
    assert!(error.to_string().contains("oob_score is true, but must be false on shards"), "{error}");
    let few_rows = sweep.clone().max_samples(50).run_on(&cluster, &split.shard(8, folder.path()).unwrap());
    assert!(few_rows.is_ok());
    let error = sweep.max_samples(60).run_on(&cluster, &split.shard(8, folder.path()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("max_samples is 60, but must be a count from 1 to 51"), "{error}");
}
