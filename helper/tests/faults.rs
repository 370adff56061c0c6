//! Tasks that panic: a model fails alone, and what finishes has the scores that it would have anyway.

use helper::cluster::TaskState;
use helper::data::Split;
use helper::sweep::{Comparison, Event, Outcome, Schedule, Sweep};
use helper::{Cluster, ErrorKind, chart};
use std::sync::mpsc::{self, Receiver, Sender};
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
        if let Event::Failed(model) = event {
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
        let error = Comparison::of([&plain, &outcome]).unwrap_err();
        assert!(error.to_string().contains("1 failed"), "{error}");
        let charts = [chart::timeline, chart::error_by_trees, chart::predicted_against_actual];
        charts.iter().for_each(|chart| drop(chart(&outcome).unwrap()));
    }
    assert_eq!(*told.lock().unwrap(), [1, 1]);
}

#[test]
fn of_shared_trees_only_the_models_that_have_them_fail() {
    let split = small();
    let plain = sweep().run_sequential(&split).unwrap();
    let hurt = sweep().share_trees(true).sabotage(|_, trees, _| trees.contains(&13));
    let cluster = Cluster::local_with(2).unwrap();
    let parallel = hurt.run_on(&cluster, &cluster.put(split.clone())).unwrap();
    for outcome in [hurt.run_sequential(&split).unwrap(), parallel] {
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
    let kept = sweep().journal(dir.path().join("hurt.jsonl"));
    let hurt = kept.clone().sabotage(|model, _, _| model == 1).run_sequential(&split).unwrap();
    assert_eq!((hurt.failed.len(), hurt.restored), (1, 0));
    let whole = kept.run_sequential(&split).unwrap();
    assert!(whole.failed.is_empty() && whole.restored == 2);
    assert!(whole.same_bits(&sweep().run_sequential(&split).unwrap()));
    let error = Comparison::of([&whole, &whole]).unwrap_err().to_string();
    assert!(error.contains("2 models") && error.contains("journal"), "{error}");
}

/// Both ends can be shared by what is called on several threads.
fn channel() -> (Mutex<Sender<()>>, Mutex<Receiver<()>>) {
    let (send, receive) = mpsc::channel();
    (Mutex::new(send), Mutex::new(receive))
}

#[test]
fn a_cancelled_sweep_stops_between_trees() {
    let split = Arc::new(small());
    for shared in [false, true] {
        let cluster = Cluster::local_with(1).unwrap();
        let (begun, told) = channel();
        let (go_on, gate) = channel();
        // One task of many trees, held at its beginning until it has been cancelled.
        let sweep =
            Sweep::over_n_estimators([1_000]).schedule(Schedule::Models).quiet().sabotage(move |_, _, _| {
                begun.lock().unwrap().send(()).unwrap();
                gate.lock().unwrap().recv().unwrap();
                false
            });
        let result = Arc::new(Mutex::new(None));
        let task = cluster.remote((), {
            let (cluster, split, result) = (cluster.clone(), Arc::clone(&split), Arc::clone(&result));
            move |()| {
                let outcome = if shared {
                    let data = cluster.put((*split).clone());
                    sweep.run_on(&cluster, &data)
                } else {
                    sweep.run_sequential(&*split)
                };
                *result.lock().unwrap() = Some(outcome.map(drop));
            }
        });
        told.lock().unwrap().recv().unwrap();
        cluster.cancel(&task);
        go_on.lock().unwrap().send(()).unwrap();
        assert_eq!(cluster.get(&task).unwrap_err().kind(), ErrorKind::Cancelled);
        let error = result.lock().unwrap().take().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    }
}

#[test]
fn trees_of_no_use_are_dropped_where_they_are() {
    let split = small();
    let (begun, last_begun) = channel();
    let (failed, told) = channel();
    // The shared forest's last part begins, then the part before it fails, then the last goes on.
    let sweep = sweep()
        .share_trees(true)
        .trees_per_task(100)
        .sabotage(move |_, trees, attempt| {
            match trees.start {
                5 if attempt == 4 => last_begun.lock().unwrap().recv().unwrap(),
                12 => {
                    begun.lock().unwrap().send(()).unwrap();
                    told.lock().unwrap().recv().unwrap();
                }
                _ => {}
            }
            trees.start == 5
        })
        .on_event(move |event| {
            if let Event::Failed(_) = event {
                failed.lock().unwrap().send(()).unwrap();
            }
        });
    let cluster = Cluster::local_with(2).unwrap();
    let outcome = sweep.run_on(&cluster, &cluster.put(split)).unwrap();
    assert!(outcome.models.iter().map(|model| model.model).eq([0]));
    let last = outcome.tasks.iter().find(|task| task.trees == (12..30)).unwrap();
    assert_eq!(last.state, TaskState::Failed, "it was grown to its end for nothing");
}
