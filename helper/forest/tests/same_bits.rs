//! The same bits, however a forest is grown.

mod common;

use common::{Random, Table};
use forest::{Forest, Matrix, MaxFeatures, MaxSamples, Params, TrainingSet, TrainingView};
use proptest::prelude::*;

/// FNV-1a over the bits of the predictions.
fn hash(predictions: &[f64]) -> u64 {
    predictions
        .iter()
        .flat_map(|p| p.to_bits().to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// The number holds for every processor and system: whoever finds another one has found a bug.
#[test]
fn a_forest_is_the_one_it_always_was() {
    let t = Table::friedman(6000, 7, 1);
    for simd in [true, false] {
        let max_features = MaxFeatures::Fraction(0.6);
        let params = Params { n_estimators: 10, seed: 42, max_features, simd, ..Params::default() };
        let forest = t.fit(&params);
        let predictions = forest.predict(t.matrix()).unwrap();
        assert_eq!((forest.n_nodes(), hash(&predictions)), GOLDEN, "{simd}");
    }
}

const GOLDEN: (usize, u64) = (76006, 4020045398769610714);

/// Likewise for data of many kinds: few and many rows and features, ties, weights, and targets
/// that take sums of every width.
#[test]
fn forests_of_many_kinds_are_what_they_always_were() {
    let mut found = Vec::new();
    for (kind, [n_rows, n_features, levels, leaf]) in KINDS.into_iter().enumerate() {
        let (mut a, mut b) = (Random(kind as u64), Random(!(kind as u64)));
        let table = Table::new(
            n_rows,
            n_features,
            |_, f| a.below(if f % 3 == 1 { 7 } else { levels as u64 }) as f64,
            |r| r[0] * 3.0 + if kind % 2 == 0 { b.unit() * r[0] } else { b.unit().powi(40) * 1e6 },
        );
        let weights: Vec<f64> = (0..n_rows).map(|_| b.below(4) as f64).collect();
        let weighted = TrainingSet::with_weights(table.matrix(), &table.y, &weights).unwrap();
        let mut sum = 0u64;
        for (training, simd) in [(&table.training(), true), (&table.training(), false), (&weighted, true)] {
            let params = Params {
                n_estimators: 3,
                max_depth: (kind % 3 == 0).then_some(12),
                min_samples_split: 2 + kind % 5,
                min_samples_leaf: leaf,
                bootstrap: kind % 4 != 3,
                seed: kind as u64,
                simd,
                ..Params::default()
            };
            let forest = Forest::fit(training, &params).unwrap();
            let part = Matrix::from_rows(&table.x[..n_features * n_rows.min(3000)], n_features).unwrap();
            sum = sum.rotate_left(7) ^ hash(&forest.predict(part).unwrap()) ^ forest.n_nodes() as u64;
            sum = sum.rotate_left(7) ^ hash(&forest.feature_importances());
        }
        found.push(sum);
    }
    assert_eq!(found, MANY);
}

/// Rows, features, levels of a feature's values, and the smallest leaf.
const KINDS: [[usize; 4]; 10] = [
    [40, 1, 9, 1],
    [90, 3, 50, 2],
    [300, 8, 1000, 1],
    [300, 9, 5, 1],
    [1500, 8, 1_000_000, 1],
    [2500, 17, 300, 7],
    [7000, 8, 1_000_000, 1],
    [12_000, 5, 40, 1],
    [30_000, 4, 1_000_000, 3],
    [70_000, 3, 1_000_000, 20],
];

const MANY: [u64; 10] = [
    6949980741987047478,
    3634783264010783185,
    6620062279650012328,
    10248246574652694970,
    6331466997629618495,
    11771844879567870516,
    7489360080150442659,
    16333020702378180918,
    17735221047863285638,
    1204561920880303731,
];

/// Where no split gains anything, the feature that was drawn first wins, however it is looked for.
#[test]
fn ties_of_splits_that_gain_nothing() {
    for seed in 0..20 {
        let (mut a, mut b) = (Random(seed), Random(!seed));
        let t = Table::new(833, 3, |_, _| a.below(21) as f64, |_| b.below(2) as f64);
        let params =
            Params { n_estimators: 2, bootstrap: false, min_samples_split: 4, seed, ..Params::default() };
        let slow = Params { simd: false, ..params };
        let predict = |params| t.fit(params).predict_trees(t.matrix());
        assert_eq!(predict(&params), predict(&slow), "{seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn with_and_without_simd(
        n in 1usize..400, n_features in 1usize..12, levels in 1u64..500, seed: u64,
        leaf in 1usize..4, weighted: bool, bootstrap: bool, count in 1usize..12, ties: bool,
    ) {
        let (mut a, mut b) = (Random(seed), Random(!seed));
        let t = Table::new(
            n, n_features, |_, _| a.below(levels) as f64,
            |r| if ties { r[0] } else { b.unit() * 1e3 + r[0] },
        );
        let w: Vec<f64> = (0..n).map(|_| b.unit()).collect();
        let training = if weighted {
            TrainingSet::with_weights(t.matrix(), &t.y, &w).unwrap()
        } else {
            t.training()
        };
        let params = Params {
            n_estimators: 3,
            min_samples_leaf: leaf,
            max_features: MaxFeatures::Count(count.min(n_features)),
            bootstrap,
            seed,
            ..Params::default()
        };
        let fast = Forest::fit(&training, &params).unwrap();
        let slow = Forest::fit(&training, &Params { simd: false, ..params }).unwrap();
        prop_assert_eq!(fast.n_nodes(), slow.n_nodes());
        prop_assert_eq!(
            fast.predict_trees(t.matrix()).unwrap(), slow.predict_trees(t.matrix()).unwrap()
        );
        prop_assert_eq!(fast.feature_importances(), slow.feature_importances());
    }

    #[test]
    fn in_any_pieces(cuts in proptest::collection::vec(0usize..=12, 0..5), seed: u64) {
        let t = Table::friedman(150, 5, seed);
        let training = t.training();
        let params = Params { n_estimators: 12, seed, ..Params::default() };
        let whole = Forest::fit(&training, &params).unwrap();
        let mut cuts = cuts;
        cuts.extend([0, 12]);
        cuts.sort_unstable();
        let pieces: Vec<Forest> = cuts
            .windows(2)
            .rev()
            .map(|c| Forest::grow(&training, &params, c[0]..c[1]).unwrap())
            .collect();
        let (mut sums, mut left_out, mut counts) = (vec![0i64; 150], vec![0i64; 150], vec![0u32; 150]);
        for piece in &pieces {
            piece.add_predictions(piece.trees(), t.matrix(), &mut sums).unwrap();
            piece.add_out_of_bag(piece.trees(), &training, &mut left_out, &mut counts).unwrap();
        }
        let scale = training.view().scale();
        let mean = |(&sum, &n): (&i64, &u32)| (n > 0).then(|| scale.to_f64(sum, n as usize));
        let out_of_bag: Vec<_> = left_out.iter().zip(&counts).map(mean).collect();
        prop_assert_eq!(out_of_bag, whole.out_of_bag(&training).unwrap().predictions);
        let means: Vec<f64> = sums.iter().map(|&s| scale.to_f64(s, 12)).collect();
        prop_assert_eq!(&means, &whole.predict(t.matrix()).unwrap());
        let mut pieces = pieces.into_iter().rev();
        let mut joined = pieces.next().unwrap();
        pieces.for_each(|piece| joined.extend(piece).unwrap());
        prop_assert_eq!(joined, whole);
    }
}

#[cfg(feature = "rayon")]
#[test]
fn on_any_number_of_threads() {
    let t = Table::friedman(500, 6, 3);
    let training = t.training();
    let params = Params { n_estimators: 37, ..Params::default() };
    let one = Forest::fit(&training, &params).unwrap();
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            assert!(Forest::fit_parallel(&training, &params).unwrap() == one);
        });
    }
}

#[test]
fn the_first_trees_of_a_forest_are_the_smaller_forest() {
    let t = Table::friedman(300, 5, 4);
    let params = |n_estimators| Params { n_estimators, seed: 9, ..Params::default() };
    let large = t.fit(&params(20));
    for k in [1, 7, 20] {
        let small = t.fit(&params(k)).predict(t.matrix()).unwrap();
        assert_eq!(large.predict_first(k, t.matrix()).unwrap(), small);
    }
}

#[test]
fn from_the_bytes_of_a_training_set() {
    let t = Table::friedman(400, 6, 6);
    let set = t.training();
    let params = Params { n_estimators: 4, ..Params::default() };
    let view = TrainingView::from_bytes(set.as_bytes()).unwrap();
    assert!(Forest::fit(view, &params).unwrap() == Forest::fit(&set, &params).unwrap());
}

#[test]
fn from_the_same_rows_in_another_order() {
    let t = Table::friedman(500, 5, 7);
    let n = t.y.len();
    let reversed = Table {
        x: t.x.chunks(5).rev().flatten().copied().collect(),
        y: t.y.iter().rev().copied().collect(),
        n_features: 5,
    };
    // Without bootstrap the rows' order is all that differs.
    for min_samples_leaf in [1, 5] {
        let params = Params { n_estimators: 2, bootstrap: false, min_samples_leaf, ..Params::default() };
        let forward = t.fit(&params).predict(t.matrix()).unwrap();
        let backward = reversed.fit(&params).predict(t.matrix()).unwrap();
        assert_eq!((forward.len(), forward), (n, backward));
    }
}

#[test]
fn other_seeds_and_trees_differ() {
    let t = Table::friedman(200, 5, 8);
    let fit = |seed| t.fit(&Params { n_estimators: 3, seed, ..Params::default() });
    let trees = fit(1).predict_trees(t.matrix()).unwrap();
    assert!(trees[0] != trees[1] && trees[1] != trees[2]);
    assert!(fit(1).predict(t.matrix()).unwrap() != fit(2).predict(t.matrix()).unwrap());
    let half = MaxSamples::Fraction(0.5);
    let fewer = Params { n_estimators: 3, seed: 1, max_samples: Some(half), ..Params::default() };
    assert!(t.fit(&fewer).n_nodes() < fit(1).n_nodes() * 3 / 4);
}
