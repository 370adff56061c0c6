//! Tasks that panic: a model fails alone, and what finishes has the scores that it would have anyway.

use helper::data::Split;
use helper::sweep::{Comparison, Event, Outcome, Sweep, Ways};
use helper::{Cluster, ErrorKind, chart};
use std::sync::{Arc, Mutex};

fn small() -> Split {
    let housing = helper::data::california_housing().expect("the tests need the table; see data/README.md");
    housing.split(0.98, 1).unwrap()
}

fn sweep() -> Sweep {
    Sweep::over_n_estimators([5, 30, 12]).max_depth(4).seed(1).quiet()
}

fn on(workers: usize, sweep: &Sweep, split: &Split) -> helper::Result<Outcome> {
    let cluster = Cluster::local_with(workers).unwrap();
    sweep.run_on(&cluster, &cluster.put(split.clone()))
}

#[test]
fn a_panic_now_and_then_costs_nothing() {
    let split = small();
    let plain = sweep().run_sequential(&split).unwrap();
    let hurt = sweep().sabotage(|model, trees, attempt| model == 1 && trees.start == 10 && attempt <= 2);
    let outcome = hurt.run_sequential(&split).unwrap();
    assert!(outcome.same_bits(&plain) && outcome.failed.is_empty());
    assert!(
        outcome.tasks.iter().all(|t| t.attempt == if t.model == 1 && t.trees.start == 10 { 3 } else { 1 })
    );
}

#[test]
fn a_model_fails_alone() {
    let split = small();
    let plain = sweep().run_sequential(&split).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let hurt = sweep().sabotage(|model, trees, _| model == 1 && trees.start == 10).on_event(move |event| {
        if let Event::Failed { model } = event {
            seen.lock().unwrap().push(model.model);
        }
    });
    for outcome in [hurt.run_sequential(&split).unwrap(), on(2, &hurt, &split).unwrap()] {
        assert!(outcome.models.iter().map(|model| model.model).eq([0, 2]));
        assert!(
            outcome.models.iter().all(|model| model.predictions == plain.models[model.model].predictions)
        );
        let [failed] = &outcome.failed[..] else { panic!("{:?}", outcome.failed) };
        let text = failed.to_string();
        for part in ["model 1 ", "n_estimators=30", "trees 10..20", "attempt", "sabotaged"] {
            assert!(text.contains(part) && outcome.to_string().contains(part), "no \"{part}\" in {text}");
        }
        assert!(failed.attempts >= 1);
        assert_eq!(outcome.model_seconds().len(), 2);
        assert!(outcome.model_seconds().iter().all(|seconds| *seconds > 0.0));
        let error = Comparison::of(&plain, &outcome).unwrap_err();
        assert!(error.to_string().contains("failed"), "{error}");
        assert!(Ways::of([&plain, &outcome]).unwrap_err().to_string().contains("1 failed"));
        let charts = [chart::timeline, chart::error_by_trees, chart::predicted_against_actual];
        charts.iter().for_each(|chart| drop(chart(&outcome).unwrap()));
    }
    assert_eq!(*told.lock().unwrap(), [1, 1]);
}

#[test]
fn of_shared_trees_only_the_models_that_have_them_fail() {
    let split = small();
    let plain = sweep().run_sequential(&split).unwrap();
    let hurt = sweep().sabotage(|_, trees, _| trees.contains(&13));
    let cluster = Cluster::local_with(2).unwrap();
    let parallel = hurt.run_shared(&cluster, &cluster.put(split.clone())).unwrap();
    for outcome in [hurt.run_shared_sequential(&split).unwrap(), parallel] {
        assert!(outcome.models.iter().map(|model| model.model).eq([0, 2]), "{:?}", outcome.failed);
        assert!(
            outcome.models.iter().all(|model| model.predictions == plain.models[model.model].predictions)
        );
        assert!(outcome.failed.iter().map(|failed| failed.model).eq([1]));
    }
}

#[test]
fn a_sweep_without_a_model_left_is_an_error() {
    let split = small();
    let hurt = sweep().sabotage(|_, _, _| true);
    for error in [hurt.run_sequential(&split).unwrap_err(), on(2, &hurt, &split).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Task);
        for part in ["all 3 models failed", "model 0 ", "n_estimators=5", "sabotaged"] {
            assert!(error.to_string().contains(part), "no \"{part}\" in {error}");
        }
    }
}

#[test]
fn a_resumed_sweep_trains_what_failed() {
    let (split, dir) = (small(), tempfile::tempdir().unwrap());
    let kept = sweep().journal_in(dir.path(), "hurt");
    let hurt = kept.clone().sabotage(|model, _, _| model == 1).run_sequential(&split).unwrap();
    assert_eq!((hurt.failed.len(), hurt.restored), (1, 0));
    let whole = kept.run_sequential(&split).unwrap();
    assert!(whole.failed.is_empty() && whole.restored == 2);
    assert!(whole.same_bits(&sweep().run_sequential(&split).unwrap()));
    let error = Comparison::of(&whole, &whole).unwrap_err().to_string();
    assert!(error.contains("2 models") && error.contains("journal"), "{error}");
}
