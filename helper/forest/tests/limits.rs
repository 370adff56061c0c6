//! Bounds that a tree keeps to, and data at the edges.

mod common;

use common::{Random, Table, leaves, r2, tree};
use forest::{Forest, MaxFeatures, Params, TrainingSet};

/// For the only tree: rows of the training set in each leaf.
fn leaf_sizes(t: &Table, params: &Params) -> Vec<usize> {
    let leaves = leaves(&t.fit(params), t).remove(0);
    let mut sizes = vec![0; leaves.iter().max().unwrap() + 1];
    leaves.into_iter().for_each(|leaf| sizes[leaf] += 1);
    sizes.into_iter().filter(|&n| n > 0).collect()
}

#[test]
fn leaves_have_min_samples_leaf_rows() {
    let t = Table::friedman(300, 5, 1);
    for min_samples_leaf in [1, 2, 5, 40, 150, 151] {
        let sizes = leaf_sizes(&t, &Params { min_samples_leaf, ..tree() });
        assert!(sizes.iter().all(|&n| n >= min_samples_leaf));
        assert_eq!(sizes.len() > 1, min_samples_leaf <= 150);
        // Whatever could still be split was.
        assert!(sizes.iter().all(|&n| n < 2 * min_samples_leaf || min_samples_leaf > 100));
    }
}

#[test]
fn nodes_below_min_samples_split_are_leaves() {
    let t = Table::friedman(300, 5, 2);
    for min_samples_split in [2, 3, 10, 300, 301] {
        let sizes = leaf_sizes(&t, &Params { min_samples_split, ..tree() });
        assert!(sizes.iter().all(|&n| n < min_samples_split));
        assert_eq!(sizes.len() > 1, min_samples_split <= 300);
    }
}

#[test]
fn max_depth_counts_edges() {
    let t = Table::friedman(300, 5, 3);
    for depth in [1, 2, 5] {
        let forest = t.fit(&Params { max_depth: Some(depth), ..tree() });
        assert_eq!(forest.depth(), depth);
        assert!(forest.n_nodes() < 1 << (depth + 1));
    }
}

#[test]
fn bootstrap_counts_unique_rows() {
    // Of ten rows a bootstrap draws fewer different ones, so that none can be split.
    let t = Table::friedman(10, 5, 4);
    let forest = t.fit(&Params { n_estimators: 20, min_samples_split: 10, ..Params::default() });
    assert!(forest.n_nodes() <= 22, "{}", forest.n_nodes());
}

#[test]
fn min_impurity_decrease_leaves_small_gains_out() {
    let t = Table::friedman(400, 5, 5);
    let fit = |min_impurity_decrease| t.fit(&Params { min_impurity_decrease, ..tree() });
    let nodes: Vec<usize> = [0.0, 1e-4, 0.01, 1.0, 1e6].map(|d| fit(d).n_nodes()).to_vec();
    assert!(nodes.is_sorted_by(|a, b| a > b), "{nodes:?}");
    assert_eq!(nodes[4], 1);
    // The root of two halves that differ by 2: its variance is 1, and all of it goes.
    let two = Table::new(4, 1, |row, _| row as f64, |r| if r[0] < 1.5 { 0.0 } else { 2.0 });
    let nodes = |d| two.fit(&Params { min_impurity_decrease: d, ..tree() }).n_nodes();
    assert_eq!([nodes(1.0), nodes(1.0 + 1e-9)], [3, 1]);
}

#[test]
fn constant_features_targets_and_rows() {
    let constant = Table::new(50, 3, |_, _| 1.5, |_| 7.25);
    let forest = constant.fit(&Params::default());
    assert_eq!(forest.n_nodes(), 100);
    assert_eq!(forest.predict(constant.matrix()).unwrap(), vec![7.25; 50]);
    assert_eq!(forest.feature_importances(), [0.0; 3]);

    let mut random = Random(1);
    let features = Table::new(50, 3, |_, _| 1.5, |_| random.unit());
    let forest = features.fit(&tree());
    let mean = features.y.iter().sum::<f64>() / 50.0;
    assert_eq!(forest.n_nodes(), 1);
    assert!((forest.predict(features.matrix()).unwrap()[0] - mean).abs() < 1e-12);

    let targets = Table::new(500, 2, |row, f| ((row * 7 + f) % 83) as f64, |_| -0.1);
    assert_eq!(targets.fit(&tree()).n_nodes(), 1);

    let one = Table::new(1, 1, |_, _| 3.0, |_| 4.0);
    assert_eq!(one.fit(&Params::default()).predict(one.matrix()).unwrap(), [4.0]);
}

#[test]
fn a_constant_feature_does_not_use_up_the_draw() {
    // Nine of ten features are constant; a node goes on drawing until it finds the other one.
    let t = Table::new(64, 10, |row, f| if f == 6 { row as f64 } else { 1.0 }, |r| r[6] * r[6]);
    let forest = t.fit(&Params { max_features: MaxFeatures::Count(1), ..tree() });
    assert_eq!(forest.predict(t.matrix()).unwrap(), t.y);
}

#[test]
fn fewer_features_make_other_trees() {
    let t = Table::friedman(300, 8, 6);
    let fit = |max_features| t.fit(&Params { n_estimators: 5, max_features, ..Params::default() });
    let all = fit(MaxFeatures::All);
    assert!(fit(MaxFeatures::Count(8)).predict(t.matrix()) == all.predict(t.matrix()));
    assert!(fit(MaxFeatures::Sqrt).predict(t.matrix()) != all.predict(t.matrix()));
}

#[test]
fn splits_without_gain_are_made_as_in_scikit_learn() {
    // Exclusive or: the root's best split gains nothing, the ones below it everything.
    let t =
        Table { x: vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], y: vec![0.0, 1.0, 1.0, 0.0], n_features: 2 };
    for simd in [true, false] {
        let forest = t.fit(&Params { simd, ..tree() });
        assert_eq!(forest.predict(t.matrix()).unwrap(), t.y);
    }
}

#[test]
fn huge_and_tiny_targets_scale() {
    let t = Table::friedman(200, 5, 7);
    let plain = leaves(&t.fit(&tree()), &t);
    for power in [-1000, -300, 300, 1000] {
        let factor = 2f64.powi(power);
        let y: Vec<f64> = t.y.iter().map(|y| y * factor).collect();
        let scaled = Table { y, ..t.clone() };
        let forest = scaled.fit(&tree());
        assert_eq!(leaves(&forest, &t), plain, "2^{power}");
        for (p, y) in forest.predict(t.matrix()).unwrap().iter().zip(&scaled.y) {
            assert!((p - y).abs() <= y.abs() * 1e-9, "2^{power}");
        }
    }
    let extremes = Table { x: vec![1.0, 2.0], y: vec![f64::MAX, f64::MIN], n_features: 1 };
    let p = extremes.fit(&tree()).predict(extremes.matrix()).unwrap();
    assert_eq!(p, extremes.y);
}

#[test]
fn a_large_offset_hides_nothing_above_the_last_bit() {
    // Targets differ by 2^-20 of themselves.
    let t = Table::new(1000, 1, |row, _| row as f64, |r| 1e6 + (r[0] / 100.0).floor());
    let forest = t.fit(&tree());
    assert_eq!(forest.predict(t.matrix()).unwrap(), t.y);
    assert_eq!(forest.n_nodes(), 19);
}

#[test]
fn rows_beyond_16_bits() {
    for n in [65_535, 65_536, 65_537, 100_000] {
        let t = Table::friedman(n, 5, 8);
        let params = Params { n_estimators: 2, min_samples_leaf: 3, ..Params::default() };
        let forest = t.fit(&params);
        assert!(r2(&t.y, &forest.predict(t.matrix()).unwrap()) > 0.93, "{n}");
        assert!(t.fit(&Params { simd: false, ..params }).n_nodes() == forest.n_nodes());
    }
}

/// The two layouts of lists grow the same trees: rows of weight 0 make a set long, and no more.
#[test]
fn long_lists_grow_the_trees_of_short_ones() {
    let few = Table::friedman(1000, 5, 9);
    let mut many = few.clone();
    many.x.resize(70_000 * 5, 0.5);
    many.y.resize(70_000, few.y[0]);
    let weights: Vec<f64> = (0..70_000).map(|row| if row < 1000 { 1.0 } else { 0.0 }).collect();
    let many = TrainingSet::with_weights(many.matrix(), &many.y, &weights).unwrap();
    let (long, short) = (Forest::fit(&many, &tree()).unwrap(), few.fit(&tree()));
    assert_eq!(long.predict(few.matrix()).unwrap(), short.predict(few.matrix()).unwrap());
}

#[test]
fn hundreds_of_features_most_of_them_ties() {
    let mut random = Random(10);
    let t = Table::new(
        2000,
        300,
        |_, f| random.below(if f % 3 == 0 { 2 } else { 1000 }) as f64,
        |r| r[0] + r[1] / 1000.0,
    );
    let forest = t.fit(&Params { n_estimators: 3, ..Params::default() });
    assert!(r2(&t.y, &forest.predict(t.matrix()).unwrap()) > 0.9);
    let shares = forest.feature_importances();
    assert!(shares[0] + shares[1] > 0.95, "{} {}", shares[0], shares[1]);
}

#[test]
fn wild_weights_neither_panic_nor_split_nothing_off() {
    let t = Table::friedman(100, 5, 11);
    let weights: Vec<f64> = (0..100).map(|row| [1e-300, 1.0, 1e300, 0.0, 5e-324][row % 5]).collect();
    let training = TrainingSet::with_weights(t.matrix(), &t.y, &weights).unwrap();
    for simd in [true, false] {
        let params = Params { n_estimators: 5, simd, ..Params::default() };
        let forest = Forest::fit(&training, &params).unwrap();
        assert!(forest.predict(t.matrix()).unwrap().iter().all(|p| p.is_finite()));
        assert!(forest.feature_importances().iter().all(|s| s.is_finite()));
    }
}

/// The upper nodes have long lists, the lower ones short ones.
#[test]
fn a_large_table_is_learnt_exactly() {
    let mut random = Random(12);
    let t = Table::new(70_000, 2, |_, _| random.unit(), |r| (r[0] * 1e6).floor());
    for simd in [true, false] {
        let forest = t.fit(&Params { simd, ..tree() });
        assert_eq!(forest.predict(t.matrix()).unwrap(), t.y);
        let bagged = t.fit(&Params { n_estimators: 1, simd, ..Params::default() });
        let met = bagged.predict(t.matrix()).unwrap().iter().zip(&t.y).filter(|(p, y)| p == y).count();
        assert!((43_000..46_000).contains(&met), "{met}");
    }
}
