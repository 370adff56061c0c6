//! Models of any kind, what a forest has learned, and cross-validation: the claims of the lessons.

use helper::prelude::*;
use helper::sweep::Model;

fn friedman(rows: usize, features: usize) -> Split {
    data::friedman1(rows, features, 1.0, 1).unwrap().split(0.5, 42).unwrap()
}

fn model(split: &Split, sweep: Sweep) -> Model {
    sweep.keep(Keep::Best).quiet().run_sequential(split).unwrap().best_model().unwrap().clone()
}

#[test]
fn ready_models_predict_and_do_not_depend_on_the_workers() {
    let split = friedman(600, 6);
    let boards = [1, 3].map(|workers| {
        let cluster = Cluster::local_with(workers).unwrap();
        Models::ready().run_on(&cluster, &cluster.put(split.clone())).unwrap()
    });
    let bits = |board: &models::Leaderboard| {
        let of = |entry: &models::Entry| {
            let predictions = entry.fitted.as_ref().unwrap().predictions.iter().map(|p| p.to_bits());
            (entry.name.clone(), predictions.collect::<Vec<_>>())
        };
        board.entries().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(bits(&boards[0]), bits(&boards[1]));
    let r2 = |name: &str| {
        let entry = boards[0].entries().iter().find(|entry| entry.name == name).unwrap();
        entry.fitted.as_ref().unwrap().scores.r2
    };
    for (name, least) in [
        ("linear", 0.65),
        ("ridge", 0.65),
        ("nearest neighbours", 0.6),
        ("decision tree", 0.4),
        ("extra trees", 0.8),
        ("gradient boosting", 0.8),
        ("random forest", 0.75),
    ] {
        assert!(r2(name) > least, "{name}: {}", r2(name));
    }
    assert!(r2("random forest") > r2("decision tree"));
    let mse: Vec<f64> =
        boards[0].entries().iter().map(|entry| entry.fitted.as_ref().unwrap().scores.mse).collect();
    assert!(mse.is_sorted() && mse.len() == 7, "{mse:?}");
}

#[test]
fn a_model_that_fails_is_an_entry_with_its_reason() {
    let cluster = Cluster::local_with(2).unwrap();
    let split = friedman(100, 5);
    let data = cluster.put(split.clone());
    let board = Models::new()
        .add("panics", |_: &Split| -> Vec<f64> { panic!("no idea") })
        .add("short", |_: &Split| vec![1.0; 3])
        .add("error", |_: &Split| "x".parse::<f64>().map(|x| vec![x]))
        .add("no number", |split: &Split| vec![f64::NAN; split.test.len()])
        .add("zero", |split: &Split| vec![0.0; split.test.len()])
        .run_on(&cluster, &data)
        .unwrap();
    assert_eq!(board.entries()[0].name, "zero");
    let text = board.to_string();
    for part in [
        "attempt 1 of 1: no idea",
        "3 predictions for 50 test rows",
        "invalid float literal",
        "the prediction for test row 0 is NaN",
        "FAILED",
    ] {
        assert!(text.contains(part), "no \"{part}\" in:\n{text}");
    }
    let chart = chart::error_by_seconds(&board).unwrap();
    assert!(chart.svg().contains("Failed: panics, short, error, no number."), "{}", chart.svg());
    let error = board.mean(["zero", "short"]).unwrap_err().to_string();
    assert!(error.contains("3 predictions"), "{error}");
    let error = board.mean(["zero", "linear"]).unwrap_err().to_string();
    assert!(error.starts_with("model is \"linear\", but must be one of zero, "), "{error}");
    let twice = Models::new().add("a", models::linear()).add("a", models::linear());
    assert!(twice.run_on(&cluster, &data).unwrap_err().to_string().contains("\"a\", but must be unique"));
    assert!(Models::new().run_on(&cluster, &data).unwrap_err().to_string().contains("add one"));
    let constant = Models::new().add("zero", |split: &Split| vec![0.0; split.test.len()]);
    assert!(chart::error_by_seconds(&constant.run_on(&cluster, &data).unwrap()).is_ok());
}

#[test]
fn the_mean_of_different_models_can_beat_each() {
    let cluster = Cluster::local_with(2).unwrap();
    let data = cluster.put(friedman(600, 6));
    let two = Models::new().add("linear", models::linear()).add("neighbours", models::nearest_neighbours(5));
    let board = two.run_on(&cluster, &data).unwrap().mean(["linear", "neighbours"]).unwrap();
    assert_eq!(board.entries()[0].name, "mean of linear, neighbours", "{board}");
}

#[test]
fn importances_find_the_informative_features() {
    let split = friedman(2_000, 10);
    let forest = model(&split, Sweep::over_n_estimators(100).seed(42));
    let importances = forest.importances(&split).unwrap();
    let mut first: Vec<&str> = importances.features()[..5].iter().map(|of| of.feature.as_str()).collect();
    first.sort_unstable();
    assert_eq!(first, ["x1", "x2", "x3", "x4", "x5"], "{importances}");
    let rest = &importances.features()[5..];
    // Impurity gives noise a share, permutation does not.
    assert!(rest.iter().all(|of| of.impurity > 0.0 && of.permutation.abs() < 0.01), "{importances}");
    assert!((importances.features().iter().map(|of| of.impurity).sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(importances.features()[4].permutation > 0.03, "{importances}");
}

#[test]
fn partial_dependence_is_the_formula() {
    let split = friedman(2_000, 6);
    let forest = model(&split, Sweep::over_n_estimators(100).seed(42));
    // 10 x4: a line; 20 (x3 - 0.5)^2: a valley.
    let line = forest.partial_dependence(&split, "x4").unwrap();
    let slope = (line.predictions[19] - line.predictions[0]) / (line.values[19] - line.values[0]);
    assert!((slope - 10.0).abs() < 2.0, "{slope}");
    let valley = forest.partial_dependence(&split, "x3").unwrap().predictions;
    assert!(valley[0] > valley[10] + 1.5 && valley[19] > valley[10] + 1.5, "{valley:?}");
    let error = forest.partial_dependence(&split, "MedInc").unwrap_err().to_string();
    assert_eq!(error, "feature is \"MedInc\", but must be one of x1, x2, x3, x4, x5, x6");
}

#[test]
fn intervals_cover_what_they_promise() {
    let split = friedman(2_000, 6);
    let forest = model(&split, Sweep::over_n_estimators(200).seed(42));
    let mut narrow = 0.0;
    for level in [0.5, 0.8, 0.9] {
        let intervals = forest.intervals(&split, level).unwrap();
        println!("{intervals}");
        assert!((intervals.coverage() - level).abs() < 0.1, "{intervals}");
        assert!(intervals.mean_width() > narrow);
        narrow = intervals.mean_width();
    }
    for level in [0.0, 1.0, f64::NAN] {
        let error = forest.intervals(&split, level).unwrap_err().to_string();
        assert!(error.starts_with(&format!("level is {level}, but must be above 0")), "{error}");
    }
}

#[test]
fn a_model_is_asked_about_its_own_split() {
    let split = friedman(200, 5);
    let other = data::friedman1(200, 5, 1.0, 1).unwrap().split(0.5, 43).unwrap();
    let forest = model(&split, Sweep::over_n_estimators(3));
    for error in [
        forest.importances(&other).unwrap_err(),
        forest.partial_dependence(&other, "x1").unwrap_err(),
        forest.intervals(&other, 0.9).unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("other rows than the one that the model was trained on"),
            "{error}"
        );
    }
    let smartcore = model(&split, Sweep::over_n_estimators(3).learner(Learner::Smartcore));
    assert!(smartcore.importances(&split).unwrap_err().to_string().contains("Learner::Forest"));
    assert!(smartcore.partial_dependence(&split, "x1").is_ok());

    // R2 of a single test row is not defined.
    let single = data::friedman1(40, 5, 1.0, 1).unwrap().split(0.01, 1).unwrap();
    let forest = model(&single, Sweep::over_n_estimators(3));
    let importances = forest.importances(&single).unwrap().to_string();
    assert!(importances.contains("undefined") && !importances.contains("NaN"), "{importances}");
    assert!(forest.intervals(&single, 0.9).unwrap().to_string().contains("Measured on 1 test row;"));
}

#[test]
fn cross_validation_is_the_sweep_on_each_fold() {
    let table = data::friedman1(300, 5, 1.0, 1).unwrap();
    let sweep = Sweep::over_n_estimators([5, 15]).max_depth([2, 6]).seed(7).quiet();
    let validated = |workers| {
        let cluster = Cluster::local_with(workers).unwrap();
        sweep.cross_validate(&cluster, &table, 4).unwrap()
    };
    let (one, three) = (validated(1), validated(3));
    let folds = table.folds(4, 7).unwrap();
    for ((a, b), fold) in one.folds.iter().zip(&three.folds).zip(folds) {
        assert!(a.same_bits(b) && a.same_bits(&sweep.run_sequential(&fold).unwrap()));
    }
    let models = one.models();
    assert_eq!(models.len(), 4);
    let (best, (low, high)) = (&models[3], models[3].range());
    assert!(low <= best.mean() && best.mean() <= high && best.deviation() > 0.0);
    let text = one.to_string();
    assert!(text.contains("4 models on 4 folds") && text.contains("0 folds"), "{text}");
    let won = |line: &str| {
        line.trim_end().strip_suffix(" folds").or(line.strip_suffix(" fold"))?.chars().last()?.to_digit(10)
    };
    assert_eq!(text.lines().filter_map(won).sum::<u32>(), 4, "each fold has one best: {text}");
    let cluster = Cluster::local_with(1).unwrap();
    for (sweep, k, said) in [
        (sweep.clone(), 1, "k is 1"),
        (sweep.clone().max_depth(0), 3, "max_depth is 0"),
        (sweep.journal("x.jsonl"), 3, "run the sweep without a journal"),
    ] {
        let error = sweep.cross_validate(&cluster, &table, k).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        assert!(error.to_string().contains(said), "{error}");
    }
    assert_eq!(cluster.tasks().len(), 0, "refused before a task ran");
}

#[test]
fn a_model_that_fails_in_a_fold_is_named() {
    let table = data::friedman1(100, 5, 1.0, 1).unwrap();
    let sweep = Sweep::over_n_estimators([3, 5]).sabotage(|model, _, _| model == 1).seed(7);
    let validated = sweep.cross_validate(&Cluster::local_with(2).unwrap(), &table, 2).unwrap();
    assert_eq!(validated.models().len(), 1);
    assert!(validated.to_string().contains("FAILED in fold 1, and left out: n_estimators=5"), "{validated}");

    // Models with the same hyperparameters are models of their own.
    let twice = Sweep::over_n_estimators([3, 3]).seed(7);
    let models = twice.cross_validate(&Cluster::local_with(2).unwrap(), &table, 2).unwrap().models();
    assert!(models.len() == 2 && models[0] == models[1] && models[0].mse == validated.models()[0].mse);
}

/// The grid of the lesson, smaller.
fn grid(n_estimators: usize) -> Sweep {
    Sweep::over_n_estimators(n_estimators)
        .max_depth([4, 8, 16])
        .min_samples_leaf([1, 3, 9])
        .max_features([2, 4, 8])
        .oob_score(true)
        .seed(42)
        .quiet()
}

#[test]
fn halving_finds_what_the_grid_finds_with_a_third_of_its_trees() {
    let cluster = Cluster::local_with(2).unwrap();
    let houses = data::california_housing().expect("the tests need the table; see data/README.md");
    for split in [friedman(1_000, 8), houses.split(0.8, 42).unwrap()] {
        let data = cluster.put(split);
        let halving = grid(81).successive_halving(&cluster, &data).unwrap();
        let sizes: Vec<_> =
            halving.rungs.iter().map(|rung| (rung.candidates.len(), rung.n_estimators)).collect();
        assert_eq!(sizes, [(27, 3), (9, 9), (3, 27), (1, 81)]);
        let outcome = grid(81).run_on(&cluster, &data).unwrap();
        assert!(3 * halving.trees_grown() <= outcome.trees_grown(), "{halving}");
        assert_eq!(halving.trees_of_grid(), outcome.trees_grown());
        let of = |model: &helper::sweep::ModelOutcome| model.oob.unwrap().scores.mse;
        let found = outcome.models.iter().find(|model| model.params == halving.best()).unwrap();
        println!("{} {}", of(found), of(outcome.best()));
        assert!(of(found) <= 1.01 * of(outcome.best()), "{} or {}: {halving}", of(found), of(outcome.best()));
        let alone = halving.best_sweep().run_on(&cluster, &data).unwrap();
        assert_eq!(alone.best().predictions, found.predictions);
        assert!(halving.to_string().contains("243 trees grown in "), "{halving}");
        let one = Cluster::local_with(1).unwrap();
        assert_eq!(grid(81).successive_halving(&one, &data).unwrap().rungs, halving.rungs);
    }
}

#[test]
fn random_search_draws_from_the_grid() {
    let all = grid(5).models();
    let drawn = grid(5).random(6, 1).models();
    assert!(drawn.len() == 6 && drawn.iter().all(|params| all.contains(params)));
    assert!(drawn.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(drawn, grid(5).random(6, 1).models());
    assert_ne!(drawn, grid(5).random(6, 2).models());
    assert_eq!(grid(5).random(27, 1).models(), all);
    let split = friedman(100, 8);
    let outcome = grid(5).random(2, 1).run_sequential(&split).unwrap();
    assert_eq!(outcome.models.len(), 2);
    assert_eq!(
        grid(5).random(2, 1).each()[1].models(),
        outcome.models[1..].iter().map(|m| m.params).collect::<Vec<_>>()
    );
    for n in [0, 28] {
        let error = grid(5).random(n, 1).run_sequential(&split).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("the number of random models is {n}, but must be from 1 to 27")),
            "{error}"
        );
    }
}

#[test]
fn halving_needs_an_out_of_bag_error() {
    let cluster = Cluster::local_with(1).unwrap();
    let data = cluster.put(friedman(100, 8));
    for (sweep, said) in [
        (
            grid(5).learner(Learner::Smartcore),
            "the learner of successive halving is smartcore, but must be forest",
        ),
        (grid(5).bootstrap(false), "bootstrap is false"),
        (grid(5).random(0, 1), "the number of random models is 0"),
        (grid(0), "n_estimators is 0"),
        (grid(2), "the largest n_estimators of successive halving is 2, but must be at least 3"),
    ] {
        let error = sweep.successive_halving(&cluster, &data).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        assert!(error.to_string().contains(said), "{error}");
    }
    assert_eq!(cluster.tasks().len(), 0);
}
