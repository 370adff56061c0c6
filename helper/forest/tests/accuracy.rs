//! How well forests predict; apart, because it takes longest.

mod common;

use common::{Table, mse, r2};
use forest::{Error, MaxFeatures, Params, TrainingSet};

#[test]
fn a_regression_is_learnt() {
    let t = Table::friedman(1000, 10, 1);
    for max_features in [MaxFeatures::All, MaxFeatures::Sqrt, MaxFeatures::Fraction(0.3)] {
        let forest = t.fit(&Params { n_estimators: 30, max_features, ..Params::default() });
        let score = r2(&t.y, &forest.predict(t.matrix()).unwrap());
        assert!(score > 0.93, "{max_features:?}: {score}");
    }
}

#[test]
fn more_trees_predict_better() {
    let (train, test) = (Table::friedman(1000, 8, 2), Table::friedman(1000, 8, 3));
    let forest = train.fit(&Params { n_estimators: 100, ..Params::default() });
    let error = |k| mse(&test.y, &forest.predict_first(k, test.matrix()).unwrap());
    assert!(error(1) > 1.3 * error(5) && error(5) > 1.1 * error(100));
}

#[test]
fn out_of_bag_is_close_to_the_test() {
    let (train, test) = (Table::friedman(500, 6, 4), Table::friedman(1000, 6, 5));
    let forest = train.fit(&Params { n_estimators: 60, ..Params::default() });
    let oob = forest.out_of_bag(&train.training()).unwrap();
    let score = r2(&test.y, &forest.predict(test.matrix()).unwrap());
    assert!((oob.score - score).abs() < 0.1, "{} {score}", oob.score);
    assert!(score < r2(&train.y, &forest.predict(train.matrix()).unwrap()));
    assert_eq!(oob.n_missing, 0);
}

#[test]
fn out_of_bag_predicts_by_the_trees_that_left_the_row_out() {
    let t = Table::friedman(60, 5, 6);
    let forest = t.fit(&Params { n_estimators: 1, ..Params::default() });
    let oob = forest.out_of_bag(&t.training()).unwrap();
    let all = forest.predict(t.matrix()).unwrap();
    // One tree sees some 63 % of the rows, and those it fits to the bit.
    assert!((30..46).contains(&oob.n_missing), "{}", oob.n_missing);
    for ((oob, all), y) in oob.predictions.iter().zip(&all).zip(&t.y) {
        match oob {
            Some(p) => assert_eq!(p, all),
            None => assert!((all - y).abs() < 1e-10),
        }
    }
    let bagless = t.fit(&Params { n_estimators: 1, bootstrap: false, ..Params::default() });
    let error = bagless.out_of_bag(&t.training()).unwrap_err();
    assert!(
        matches!(error, Error::Parameter(_)) && error.to_string().contains("set bootstrap to true"),
        "{error}"
    );
    assert!(forest.out_of_bag(&Table::friedman(61, 5, 6).training()).is_err());
}

#[test]
fn importances_find_the_informative_features() {
    // Features 3, 4 and 5 of 10 matter.
    let mut random = common::Random(7);
    let t = Table::new(500, 10, |_, _| random.unit(), |r| 3.0 * r[3] + 2.0 * r[4] - 4.0 * r[5]);
    let forest = t.fit(&Params { n_estimators: 20, ..Params::default() });
    let shares = forest.feature_importances();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(shares.iter().all(|&s| s >= 0.0));
    let important: Vec<usize> = (0..10).filter(|&f| shares[f] > 0.1).collect();
    assert_eq!(important, [3, 4, 5]);
    assert!(shares[5] > shares[3] && shares[3] > shares[4]);

    let losses = forest.permutation_importances(t.matrix(), &t.y, 5, 1).unwrap();
    let lost: Vec<usize> = (0..10).filter(|&f| losses[f].mean > 0.1).collect();
    assert_eq!(lost, [3, 4, 5]);
    assert!(losses.iter().all(|l| l.deviation < 0.1));
    assert_eq!(losses, forest.permutation_importances(t.matrix(), &t.y, 5, 1).unwrap());
    assert!(forest.permutation_importances(t.matrix(), &t.y, 0, 1).is_err());
    assert!(forest.permutation_importances(t.matrix(), &t.y[1..], 1, 1).is_err());
}

#[test]
fn quantiles_lie_around_the_mean_and_in_order() {
    let t = Table::friedman(400, 5, 8);
    let forest = t.fit(&Params { n_estimators: 50, min_samples_leaf: 3, ..Params::default() });
    let quantiles = forest.predict_quantiles(t.matrix(), &[0.0, 0.1, 0.5, 0.9, 1.0]).unwrap();
    let trees = forest.predict_trees(t.matrix()).unwrap();
    let means = forest.predict(t.matrix()).unwrap();
    for (row, q) in quantiles.iter().enumerate() {
        let of_row = || trees.iter().map(|tree| tree[row]);
        assert!(q.is_sorted());
        assert_eq!(q[0], of_row().fold(f64::MAX, f64::min));
        assert_eq!(q[4], of_row().fold(f64::MIN, f64::max));
        assert!((of_row().sum::<f64>() / 50.0 - means[row]).abs() < 1e-9);
        let below = of_row().filter(|p| *p < q[1]).count();
        assert!(below <= 5, "{below}");
    }
    assert!(forest.predict_quantiles(t.matrix(), &[1.1]).is_err());
    assert!(forest.predict_quantiles(t.matrix(), &[f64::NAN]).is_err());
}

#[test]
fn weights_are_as_good_as_copies() {
    let t = Table::friedman(200, 5, 9);
    let mut random = common::Random(1);
    let copies: Vec<u64> = (0..200).map(|_| random.below(4)).collect();
    let weights: Vec<f64> = copies.iter().map(|&c| c as f64).collect();
    let rows: Vec<usize> = (0..200).flat_map(|r| vec![r; copies[r] as usize]).collect();
    let copied = Table {
        x: rows.iter().flat_map(|&r| &t.x[r * 5..r * 5 + 5]).copied().collect(),
        y: rows.iter().map(|&r| t.y[r]).collect(),
        n_features: 5,
    };
    // With the same targets and the same splits the predictions are the same but for rounding.
    for max_depth in [Some(4), None] {
        let params = Params { max_depth, ..common::tree() };
        let weighted = TrainingSet::with_weights(t.matrix(), &t.y, &weights).unwrap();
        let weighted = forest::Forest::fit(&weighted, &params).unwrap();
        let copied = copied.fit(&params);
        assert_eq!(weighted.n_nodes(), copied.n_nodes());
        let pairs =
            (weighted.predict(t.matrix()).unwrap().into_iter()).zip(copied.predict(t.matrix()).unwrap());
        for (row, (w, c)) in pairs.enumerate().filter(|(row, _)| copies[*row] > 0) {
            assert!((w - c).abs() < 1e-9, "{max_depth:?}, row {row}: {w} {c}");
        }
    }
}
