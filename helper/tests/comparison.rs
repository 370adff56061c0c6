//! Comparisons and projections: what they say, and what they refuse.

use helper::data::Split;
use helper::sweep::{Comparison, Keep, Learner, Outcome, Projection, Schedule, Sweep, WhatIf};
use helper::{Cluster, ErrorKind};

mod common;

use common::{housing, on, small};

fn contains(text: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(text.contains(part), "no \"{part}\" in:\n{text}"));
}

fn refused(runs: &[&Outcome], parts: &[&str]) {
    let error = Comparison::of(runs.iter().copied()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidParameter);
    contains(&error.to_string(), parts);
}

#[test]
fn ratios_are_those_of_the_runs() {
    let split = small();
    let sweep = Sweep::over_n_estimators([10, 30]).max_depth(8).quiet();
    let sequential = sweep.run_sequential(&split).unwrap();
    let parallel = on(2, &sweep, &split);
    let comparison = Comparison::of([&sequential, &parallel]).unwrap();
    let [one, two] = &comparison.ways[..] else { panic!("{} ways", comparison.ways.len()) };
    let speedup = two.speedup.unwrap();
    assert_eq!(speedup.median, sequential.seconds / parallel.seconds);
    assert_eq!((speedup.low, speedup.high), (speedup.median, speedup.median));
    assert_eq!((one.speedup.unwrap().median, one.ceiling, one.efficiency(one)), (1.0, 1.0, Some(1.0)));
    assert_eq!(two.efficiency(one), two.claim().map(|claim| claim / 2.0));
    // How long each task takes is the machine's; what any scheduler can reach on two workers is not.
    assert!((1.0 - 1e-9..=2.0 + 1e-9).contains(&two.ceiling), "{two:?}");
    let text = comparison.to_string() + &comparison.conclusions().to_string();
    contains(
        &text,
        &["California Housing", "2 models", "40 trees", "ceiling", "bit for bit", "4 tasks", ".again(2"],
    );
}

#[test]
fn a_speedup_above_its_ceiling_is_no_conclusion() {
    let split = small();
    let sweep = Sweep::over_n_estimators([10, 30]).max_depth(8).quiet();
    let sequential = sweep.run_sequential(&split).unwrap();
    let mut parallel = on(2, &sweep, &split);
    parallel.seconds = sequential.seconds / 2.1;
    let comparison = Comparison::of([&sequential, &parallel]).unwrap();
    assert_eq!(
        (comparison.ways[1].claim(), comparison.ways[1].efficiency(&comparison.ways[0])),
        (None, None)
    );
    for text in [comparison.to_string(), comparison.conclusions().to_string()] {
        contains(&text, &["ot measured", "2.10", "disturbed", "quit what else is running"]);
        assert!(!text.contains("times as fast") && !text.contains("% efficient"), "{text}");
    }
    assert!(Projection::of(&comparison).unwrap().to_string().contains("Measured: nothing"));

    // Within what two runs of the same work differ by: the ceiling, and no more, can be claimed.
    parallel.seconds = sequential.seconds / (1.005 * comparison.ways[1].ceiling);
    let close = Comparison::of([&sequential, &parallel]).unwrap();
    assert_eq!(close.ways[1].claim(), Some(close.ways[1].ceiling));
}

#[test]
fn rounds_are_taken_in_turn_and_their_ratios_have_a_range() {
    let split = small();
    let sweep = Sweep::over_n_estimators([10, 20]).max_depth(6).quiet();
    let cluster = Cluster::local_with(2).unwrap();
    let data = cluster.put(split.clone());
    let run = || -> helper::Result<[Outcome; 2]> {
        Ok([sweep.run_sequential(&split)?, sweep.run_on(&cluster, &data)?])
    };
    let of = |seconds: f64, [mut one, two]: [Outcome; 2]| {
        one.seconds = seconds * two.seconds;
        [one, two]
    };
    let first = of(1.2, run().unwrap());
    let mut ratios = [1.4, 1.1].into_iter();
    let comparison =
        Comparison::of(&first).unwrap().again(2, || Ok(of(ratios.next().unwrap(), run()?))).unwrap();
    assert_eq!(comparison.rounds(), 3);
    let speedup = comparison.ways[1].speedup.unwrap();
    // Another program may disturb a round, which is left out then; of two values the median is their mean.
    assert!([1.1, 1.2, 1.4].iter().any(|low| (speedup.low - low).abs() < 1e-9), "{speedup:?}");
    assert!(speedup.low <= speedup.median && speedup.median <= speedup.high);
    contains(&comparison.to_string(), &["in turn", "A round is disturbed if"]);

    let few = Comparison::of(&first).unwrap().again(1, || Ok([sweep.run_sequential(&split)?]));
    contains(&few.unwrap_err().to_string(), &["the number of runs in a round is 1", "2"]);
    let swapped = Comparison::of(&first).unwrap().again(1, || {
        let [one, two] = run()?;
        Ok([two, one])
    });
    contains(&swapped.unwrap_err().to_string(), &["run 0 of the round", "one after another", "in the order"]);
    let failed = Comparison::of(&first).unwrap().again(1, || {
        let none = Sweep::over_n_estimators(0).run_sequential(&split)?;
        Ok([none.clone(), none])
    });
    contains(&failed.unwrap_err().to_string(), &["n_estimators is 0"]);

    // Rounds that are done are not lost to an error in a later one.
    let mut left = 2;
    let kept = Comparison::of(&first).unwrap().again(5, || {
        left -= 1;
        if left < 0 {
            Sweep::over_n_estimators(0).run_sequential(&split)?;
        }
        run()
    });
    let kept = kept.unwrap();
    assert_eq!(kept.rounds(), 3);
    for text in [kept.to_string(), kept.conclusions().to_string()] {
        contains(&text, &["round 4 of 6 failed: n_estimators is 0", "the rounds before it are kept"]);
    }
}

#[test]
fn only_runs_that_belong_together_are_compared() {
    let split = small();
    let sweep = Sweep::over_n_estimators([5, 30]).max_depth(6).quiet();
    let plain = sweep.run_sequential(&split).unwrap();
    refused(&[&plain], &["the number of runs is 1", "2 or more"]);
    // A stale split: the one that was put is not the one of the sequential run.
    let other = on(2, &sweep, &housing().split(0.98, 2).unwrap());
    refused(&[&plain, &other], &["run 1", "other rows", "run `cluster.put(..)` and the sweep again"]);
    let generated = helper::data::friedman1(200, 5, 1.0, 1).unwrap().split(0.5, 1).unwrap();
    refused(&[&plain, &sweep.run_sequential(&generated).unwrap()], &["other data", "Friedman"]);
    let reseeded = on(2, &sweep.clone().seed(9), &split);
    refused(&[&plain, &reseeded], &["another sweep", "seed of model 0 is 9, but 0 in run 0"]);
    let fewer = on(2, &Sweep::over_n_estimators(5).max_depth(6), &split);
    refused(&[&plain, &fewer], &["the sweep is of 1 model, but of 2 models in run 0"]);
    let scored = on(2, &sweep.clone().oob_score(true), &split);
    refused(&[&plain, &scored], &["run 1 has an out-of-bag score", "the same sweep"]);

    // The same cells tell which results are older than the sweep and the split.
    let stale = |sweep: &Sweep, split: &Split, parts: &[&str]| {
        contains(&sweep.stale(split, [&plain, &reseeded]).to_string(), parts);
    };
    stale(&sweep, &split, &["\"in parallel, trees as tasks\"", "seed of model 0 is 9 there, but 0 now"]);
    stale(&sweep.clone().seed(9), &split, &["\"one after another\"", "0 there, but 9 now", "its cell again"]);
    stale(
        &sweep,
        &housing().split(0.98, 2).unwrap(),
        &["\"one after another\"", "other rows", "cluster.put"],
    );
    stale(
        &sweep.clone().learner(Learner::Smartcore),
        &split,
        &["learner is forest there, but smartcore now"],
    );
    contains(&sweep.stale(&split, [&plain, &plain]).to_string(), &["Nothing is stale", "2 runs"]);
}

#[test]
fn one_worker_and_more_workers_than_models() {
    let split = small();
    let sweep = Sweep::over_n_estimators([5, 12, 20]).max_depth(6).quiet();
    let plain = sweep.run_sequential(&split).unwrap();
    let [one, eight] = [1, 8].map(|workers| on(workers, &sweep, &split));
    let by_model = on(8, &sweep.clone().schedule(Schedule::Models), &split);
    let comparison = Comparison::of([&plain, &one, &eight, &by_model]).unwrap();
    let names: Vec<&str> = comparison.ways.iter().map(|way| way.how.as_str()).collect();
    let expected = [
        "one after another",
        "on one worker, trees as tasks",
        "in parallel, trees as tasks",
        "in parallel, one task per model, in order",
    ];
    assert_eq!(names, expected);
    assert!((comparison.ways[1].ceiling - 1.0).abs() < 1e-9);
    // Three models, of which the largest has 20 of 37 trees, and five tasks.
    assert!(comparison.ways[3].ceiling < 3.0 && comparison.ways[2].ceiling <= 5.0 + 1e-9);
    assert_eq!((comparison.ways[2].tasks, comparison.ways[3].tasks), (5, 3));
    let text = comparison.conclusions().to_string();
    contains(&text, &["3 models took", "(1 worker)", "5 tasks", "3 tasks", "(8 workers)"]);
}

#[test]
fn schedules_and_shared_trees_have_ceilings_of_their_own() {
    let split = small();
    let sweep = Sweep::over_n_estimators([5, 30, 12]).max_depth(6).quiet();
    let plain = sweep.run_sequential(&split).unwrap();
    let under = |schedule| on(2, &sweep.clone().schedule(schedule), &split);
    let (in_order, longest) = (under(Schedule::Models), under(Schedule::LongestFirst));
    let single = on(2, &sweep.clone().trees_per_task(1), &split);
    let shared = sweep.clone().share_trees(true).run_sequential(&split).unwrap();
    let ways = Comparison::of([&plain, &in_order, &longest, &single, &shared]).unwrap();
    let of = |way: usize| &ways.ways[way];
    assert_eq!((of(2).tasks, of(3).tasks, of(0).ceiling), (3, 47, 1.0));
    // Two workers, of which one has the 30 trees and the other no more than 17.
    assert!(of(2).ceiling < 2.0);
    for way in 1..4 {
        assert!((1.0..=2.0 + 1e-9).contains(&of(way).ceiling), "{:?}", of(way));
    }
    // 30 trees grown in place of 47, on one worker.
    assert_eq!((of(4).trees, of(4).efficiency(of(0)), of(4).cpu_growth(of(0))), (30, None, None));
    assert!(of(4).ceiling > 1.0, "{:?}", of(4));
    let text = ways.to_string() + &ways.conclusions().to_string();
    contains(
        &text,
        &[
            "longest first",
            "shared trees, one after another",
            "bit for bit",
            "growing 30 trees in place of 47",
        ],
    );
    refused(&[&shared, &plain], &["run 1 grew more trees", "put run 1 first"]);

    // Shared trees under a schedule are projected as any other sweep: here the largest model adds 18 trees to 12.
    let sharing = sweep.clone().share_trees(true);
    let by_model = on(2, &sharing.clone().schedule(Schedule::LongestFirst), &split);
    assert!(by_model.same_bits(&plain) && by_model.tasks.iter().map(|task| task.model).eq([1, 2, 0]));
    let both = Comparison::of([&shared, &on(2, &sharing, &split), &by_model]).unwrap();
    contains(
        &both.to_string(),
        &["shared trees, in parallel ", "in parallel, one task per model, longest first"],
    );
    let projection = Projection::of(&both).unwrap();
    assert!(projection.speedups(1024)[3] <= projection.model_ceiling() + 1e-9);
    contains(
        &projection.to_string(),
        &["the longest model (the trees that it has beyond the next smaller one)"],
    );
    contains(&WhatIf::of(&both).unwrap().to_string(), &["4 tasks of 3 models"]);
    let error = Projection::of(&Comparison::of([&by_model, &by_model]).unwrap()).unwrap_err().to_string();
    contains(&error, &["shared trees, in parallel", "with 2 workers", "run_sequential"]);
}

#[test]
fn learners_are_compared_per_node() {
    let split = small();
    let sweep = Sweep::over_n_estimators([10, 20]).max_depth(6).seed(3).quiet().keep(Keep::All);
    let forest = sweep.run_sequential(&split).unwrap();
    let smartcore = sweep.clone().learner(Learner::Smartcore).run_sequential(&split).unwrap();
    let comparison = Comparison::of([&forest, &smartcore]).unwrap();
    assert!(comparison.ways[1].speedup.is_none() && comparison.ways[1].claim().is_none());
    let table = comparison.to_string();
    let nodes = (forest.model(0).unwrap().n_nodes() + forest.model(1).unwrap().n_nodes()) as f64 / 30.0;
    let line = table.lines().find(|line| line.starts_with("forest: ")).unwrap();
    assert!((3.0..=127.0).contains(&nodes) && line.contains(&format!(" {nodes:.0} ")), "{table}");
    contains(&table, &["smartcore: ", "ms per 1,000 nodes", "no speedup"]);
    contains(&comparison.conclusions().to_string(), &["forest: ", "smartcore: ", "per 1,000 nodes"]);

    let scored = sweep.clone().oob_score(true).run_sequential(&split).unwrap();
    refused(&[&scored, &smartcore], &["out-of-bag score", "learners without .oob_score(true)"]);
    let dropped = sweep.clone().keep(Keep::None).learner(Learner::Smartcore).run_sequential(&split).unwrap();
    refused(&[&forest, &dropped], &["smartcore", ".keep(Keep::All)"]);
}

#[test]
fn conclusions_compare_like_with_like() {
    let split = small();
    let sweep = Sweep::over_n_estimators([5, 20]).max_depth([2, 8]).quiet();
    let sequential = sweep.run_sequential(&split).unwrap();
    let text = Comparison::of([&sequential, &on(2, &sweep, &split)]).unwrap().conclusions().to_string();
    let best = sequential.best();
    let like = sequential
        .models
        .iter()
        .find(|model| model.params.n_estimators == 5 && model.params.max_depth == best.params.max_depth);
    let like = like.unwrap().scores.mse;
    let gain = 100.0 * (1.0 - best.scores.mse / like);
    contains(
        &text,
        &[
            "The best model has 20 trees, max_depth=8: MSE",
            &format!("{gain:.1} % less error than 5 trees with the same other hyperparameters"),
        ],
    );
    contains(&sequential.to_string(), &["n_estimators=20, max_depth=8 (model 3)"]);

    // Chosen by its out-of-bag error, the best model may have the larger error on the test rows.
    let mut scored = sweep.clone().oob_score(true).run_sequential(&split).unwrap();
    let best = scored.best().model;
    scored.models[best].scores.mse = 1.25 * scored.models[best - 1].scores.mse;
    let text = Comparison::of([&scored, &scored]).unwrap().conclusions().to_string();
    contains(&text, &["That is 25.0 % more error than 5 trees"]);
}

#[test]
fn the_best_model_is_chosen_without_the_test_rows() {
    let split = helper::data::friedman1(1_000, 8, 1.0, 1).unwrap().split(0.5, 1).unwrap();
    let sweep = Sweep::over_n_estimators([5, 40, 80]).max_depth([3, 12]).quiet();
    let (plain, scored) = (sweep.clone(), sweep.oob_score(true));
    let comparison = |sweep: &Sweep| {
        let run = sweep.run_sequential(&split).unwrap();
        let text = Comparison::of([&run, &on(2, sweep, &split)]).unwrap().conclusions().to_string();
        (run, text)
    };
    let (by_test, said) = comparison(&plain);
    contains(
        &said,
        &["flatters it; .oob_score(true)", "95 % interval", "worse on the test rows", "1.96 standard errors"],
    );
    assert!(by_test.models.iter().all(|model| model.oob.is_none()) && !by_test.to_string().contains("OOB"));

    let (run, said) = comparison(&scored);
    assert_eq!(run.hash(), by_test.hash(), "the models are the same");
    let oob = |index: usize| run.models[index].oob.unwrap().scores.mse;
    let best = (0..6).min_by(|&a, &b| oob(a).total_cmp(&oob(b))).unwrap();
    assert_eq!(run.best().model, best);
    let (model, error) = (run.best(), oob(best));
    let trees = model.params.n_estimators;
    contains(
        &said,
        &[
            &format!(
                "The best model has {trees} trees, max_depth=12: MSE {:.4} (95 % interval ",
                model.scores.mse
            ),
            &format!(
                "It has the lowest out-of-bag MSE, {error:.4}, so the test rows had no part in the choice."
            ),
            "1,000 bootstrap resamples of 500 test rows",
            &format!("\npredictions: {}\n", run.hash()),
        ],
    );
    assert!(!said.contains("flatters it;"), "{said}");
    contains(
        &run.to_string(),
        &[
            "OOB MSE",
            &format!("Lowest OOB MSE: {error:.4} with n_estimators={trees}, max_depth=12"),
            "Lowest MSE: ",
        ],
    );
    // Five trees leave rows that each of them was grown on.
    assert!(run.models[0].oob.unwrap().missing > 0 && run.models[4].oob.unwrap().missing == 0);
    contains(&said, &["Warning: trees are too few for a good out-of-bag error in 2 of 6 models"]);
}

#[test]
fn one_model_on_one_worker_and_a_table_of_ones_own() {
    let split = helper::data::friedman1(300, 5, 1.0, 1).unwrap().split(0.3, 1).unwrap();
    let sweep = Sweep::over_n_estimators(20).quiet();
    let plain = sweep.run_sequential(&split).unwrap();
    let text = Comparison::of([&plain, &on(1, &sweep, &split)]).unwrap().conclusions().to_string();
    contains(
        &text,
        &["1 model took", "on one worker", "(1 worker)", "2 tasks", "The only model has 20 trees: MSE"],
    );
    for part in ["best model", "flatters", "no worse", "less error", "1 models", "1 workers"] {
        assert!(!text.contains(part), "\"{part}\" in {text}");
    }
    contains(&plain.to_string(), &["1 model by forest", "20 trees in", "on 1 worker."]);
}

#[test]
fn undefined_scores_are_a_word_and_an_empty_cell() {
    let mut split = helper::data::friedman1(40, 5, 1.0, 1).unwrap().split(0.01, 1).unwrap();
    assert_eq!(split.test.len(), 1);
    split.dataset = "of \"one\", row".to_owned();
    let sweep = Sweep::over_n_estimators([2, 3]).max_depth(2).quiet();
    let outcome = sweep.run_sequential(&split).unwrap();
    assert!(outcome.best().scores.r2.is_nan());
    contains(&outcome.to_string(), &["undefined"]);
    let both = Comparison::of([&outcome, &on(2, &sweep, &split)]).unwrap();
    let said = both.conclusions().to_string();
    contains(&said, &["R2 undefined", "A single test row does not tell which models are worse."]);
    assert!(!said.contains("no worse"), "{said}");
    contains(&outcome.sharing().to_string(), &[" kB, once: 2 tasks on 1 worker"]);
    let name = format!("test-{}", std::process::id());
    let paths = outcome.save(&name).unwrap();
    let saved = paths.each_ref().map(|path| std::fs::read_to_string(path).unwrap());
    paths.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    let line = saved[0].lines().nth(1).unwrap();
    assert!(
        line.starts_with("\"of \"\"one\"\", row\",0,FINISHED,2,2,") && line.ends_with(",,,,false"),
        "{line}"
    );
    assert_eq!(saved[1].lines().count(), 3);

    let huge = helper::data::friedman1(60, 5, 1e200, 1).unwrap().split(0.5, 1).unwrap();
    let text = sweep.run_sequential(&huge).unwrap().to_string();
    assert!(text.contains("undefined") && text.lines().all(|line| line.len() < 200), "{text}");
    assert!(!text.contains("inf") && !text.contains("NaN"), "{text}");
}

#[test]
fn a_projection_is_the_scheduler_with_the_measured_times() {
    let split = small();
    let sweep = Sweep::over_n_estimators([10, 30, 60]).max_depth(6).quiet();
    let comparison =
        Comparison::of([&sweep.run_sequential(&split).unwrap(), &on(2, &sweep, &split)]).unwrap();
    let projection = Projection::of(&comparison).unwrap();
    assert!((0.0..1.0).contains(&projection.serial_share()));
    for workers in [1, 2, 7, 1024] {
        let (all, amdahl) = (projection.speedups(workers), projection.amdahl(workers));
        assert!(all.iter().all(|speedup| *speedup <= amdahl * (1.0 + 1e-9)), "{all:?} {amdahl}");
        assert!(all[3] <= projection.model_ceiling() + 1e-9);
    }
    assert!(projection.speedups(1).iter().all(|speedup| (speedup - 1.0).abs() < 1e-9));
    // Of 60 tasks or more none has to wait for another.
    assert_eq!(projection.speedups(100)[0], projection.speedups(1024)[0]);
    let measured = match comparison.ways[1].claim() {
        Some(speedup) => format!("Measured: {speedup:.2} on 2 (in parallel, trees as tasks)."),
        None => "Measured: nothing".to_owned(),
    };
    contains(&projection.to_string(), &[&measured, "1,024"]);
}
