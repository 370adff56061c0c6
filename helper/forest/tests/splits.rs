//! Every split is the best there is, by trying all.

mod common;

use common::{Random, Table, tree};
use forest::{Forest, Matrix, Params, TrainingSet};
use proptest::prelude::*;

/// Sum of squared errors around the weighted mean.
fn errors(rows: &[usize], y: &[f64], w: &[f64]) -> f64 {
    let weight: f64 = rows.iter().map(|&r| w[r]).sum();
    let mean = rows.iter().map(|&r| w[r] * y[r]).sum::<f64>() / weight;
    rows.iter().map(|&r| w[r] * (y[r] - mean) * (y[r] - mean)).sum()
}

/// The two sides of the best split, or none.
fn best_split(t: &Table, w: &[f64], rows: &[usize], least: usize) -> Option<[Vec<usize>; 2]> {
    let mut best: Option<(f64, [Vec<usize>; 2])> = None;
    for feature in 0..t.n_features {
        for &threshold_row in rows {
            let value = |r: usize| t.x[r * t.n_features + feature];
            let (left, right): (Vec<_>, Vec<_>) =
                rows.iter().partition(|&&r| value(r) <= value(threshold_row));
            if left.len() < least || right.len() < least {
                continue;
            }
            let error = errors(&left, &t.y, w) + errors(&right, &t.y, w);
            if best.as_ref().is_none_or(|b| error < b.0) {
                best = Some((error, [left, right]));
            }
        }
    }
    best.map(|b| b.1)
}

/// Predictions of the tree that splits by `best_split`, at its own rows.
fn grow(t: &Table, w: &[f64], rows: &[usize], params: &Params, depth: usize, out: &mut [f64]) {
    let pure = rows.iter().all(|&r| t.y[r] == t.y[rows[0]]);
    let stop =
        pure || rows.len() < params.min_samples_split || params.max_depth.is_some_and(|most| depth >= most);
    let split = if stop { None } else { best_split(t, w, rows, params.min_samples_leaf) };
    if let Some(sides) = split {
        sides.iter().for_each(|side| grow(t, w, side, params, depth + 1, out));
    } else {
        let weight: f64 = rows.iter().map(|&r| w[r]).sum();
        let mean = rows.iter().map(|&r| w[r] * t.y[r]).sum::<f64>() / weight;
        rows.iter().for_each(|&r| out[r] = mean);
    }
}

fn table(n: usize, n_features: usize, levels: u64, seed: u64) -> Table {
    let (mut a, mut b) = (Random(seed), Random(!seed));
    // Targets so spread that no two different splits are equally good.
    Table::new(n, n_features, |_, _| a.below(levels) as f64, |_| (b.below(1 << 33) as f64) / 1024.0 - 4e6)
}

fn fit_and_compare(t: &Table, w: Option<&[f64]>, params: &Params) -> Result<(), TestCaseError> {
    let n = t.y.len();
    let training = match w {
        Some(w) => TrainingSet::with_weights(t.matrix(), &t.y, w),
        None => Ok(t.training()),
    };
    let ones = vec![1.0; n];
    let w = w.unwrap_or(&ones);
    let rows: Vec<usize> = (0..n).filter(|&r| w[r] > 0.0).collect();
    let mut expected = vec![0.0; n];
    grow(t, w, &rows, params, 0, &mut expected);
    let forest = Forest::fit(&training.unwrap(), params).unwrap();
    let found = forest.predict(t.matrix()).unwrap();
    for &r in &rows {
        prop_assert!((expected[r] - found[r]).abs() <= 4e6 * 1e-12, "row {}", r);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn trees_are_those_of_trying_every_split(
        n in 2usize..60, n_features in 1usize..5, levels in 2u64..100, seed: u64,
        min_samples_leaf in 1usize..4, min_samples_split in 2usize..6,
        max_depth in proptest::option::of(1usize..6), simd: bool,
    ) {
        let t = table(n, n_features, levels, seed);
        let p = Params { min_samples_leaf, min_samples_split, max_depth, simd, ..tree() };
        fit_and_compare(&t, None, &p)?;
    }

    #[test]
    fn so_they_are_with_zero_and_fractional_weights(
        n in 5usize..50, levels in 2u64..100, seed: u64, simd: bool,
    ) {
        let t = table(n, 3, levels, seed);
        let mut random = Random(seed ^ 1);
        let mut w: Vec<f64> = (0..n).map(|_| random.below(5) as f64 * 0.375).collect();
        w[0] = 1.0;
        fit_and_compare(&t, Some(&w), &Params { simd, ..tree() })?;
    }

    /// The root's decrease of the squared error is that of the best of all splits, ties or not.
    #[test]
    fn the_root_split_is_the_best_for_any_targets(
        n in 5usize..100, levels in 2u64..12, targets in 2u64..6, seed: u64, simd: bool,
    ) {
        let (mut a, mut b) = (Random(seed), Random(!seed));
        let t = Table::new(n, 3, |_, _| a.below(levels) as f64, |_| b.below(targets) as f64);
        let (w, all) = (vec![1.0; n], (0..n).collect::<Vec<_>>());
        let forest = t.fit(&Params { max_depth: Some(1), simd, ..tree() });
        let found = common::mse(&t.y, &forest.predict(t.matrix()).unwrap()) * n as f64;
        let whole = errors(&all, &t.y, &w);
        let expected = match best_split(&t, &w, &all, 1) {
            Some(sides) if whole > 0.0 => sides.iter().map(|s| errors(s, &t.y, &w)).sum(),
            _ => whole,
        };
        prop_assert!((found - expected).abs() <= 1e-12 * (1.0 + whole), "{} {}", found, expected);
    }
}

#[test]
fn larger_nodes_are_split_as_well_as_small_ones() {
    for (n, simd) in [(700, true), (700, false)] {
        let t = table(n, 3, 300, 5);
        fit_and_compare(&t, None, &Params { simd, ..tree() }).unwrap();
    }
}

#[test]
fn a_threshold_is_half_way_and_the_lower_side_includes_it() {
    let x = Matrix::from_rows(&[0.0, 3.0], 1).unwrap();
    let forest = Forest::fit(&TrainingSet::new(x, &[0.0, 1.0]).unwrap(), &tree()).unwrap();
    let x = [1.5, 1.5000001, -9.0, 9.0];
    let p = forest.predict(Matrix::from_rows(&x, 1).unwrap()).unwrap();
    assert_eq!(p, [0.0, 1.0, 0.0, 1.0]);
}

#[test]
fn neighbouring_numbers_are_told_apart() {
    let next = f64::from_bits(1.0f64.to_bits() + 1);
    for x in [[1.0, next], [f64::MIN, f64::MAX], [-0.0, 5e-324]] {
        let matrix = || Matrix::from_rows(&x, 1).unwrap();
        let y = vec![0.0, 1.0];
        let forest = Forest::fit(&TrainingSet::new(matrix(), &y).unwrap(), &tree()).unwrap();
        assert_eq!(forest.predict(matrix()).unwrap(), y, "{x:?}");
    }
}
