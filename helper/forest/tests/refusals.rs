//! What is refused, and what the refusal says.

mod common;

use common::Table;
use forest::{Error, Forest, Matrix, Params, TrainingSet, TrainingView};
use proptest::prelude::*;

fn says(error: Error, parts: &[&str]) {
    let message = error.to_string();
    assert!(parts.iter().all(|p| message.contains(p)), "{message}: {parts:?}");
}

#[test]
fn values_that_are_not_finite_say_where() {
    let t = Table::friedman(10, 5, 1);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut bad = t.clone();
        bad.x[3 * 5 + 2] = value;
        let parts = ["x in column 2 at row 3", &value.to_string(), "finite"];
        says(TrainingSet::new(bad.matrix(), &bad.y).unwrap_err(), &parts);
        let forest = t.fit(&common::tree());
        says(forest.predict(bad.matrix()).unwrap_err(), &parts);
        says(forest.predict_trees(bad.matrix()).unwrap_err(), &parts);
        let columns: Vec<f64> =
            (0..5).flat_map(|f| (0..10).map(move |r| (r, f))).map(|(r, f)| bad.x[r * 5 + f]).collect();
        let columns = Matrix::from_columns(&columns, 5).unwrap();
        says(TrainingSet::new(columns, &bad.y).unwrap_err(), &parts);
        let mut bad = t.clone();
        bad.y[4] = value;
        says(TrainingSet::new(bad.matrix(), &bad.y).unwrap_err(), &["y at row 4"]);
    }
}

#[test]
fn shapes_that_do_not_fit_say_both_sizes() {
    let t = Table::friedman(10, 5, 1);
    says(TrainingSet::new(t.matrix(), &t.y[1..]).unwrap_err(), &["values in y is 9", "must be 10"]);
    says(Matrix::from_rows(&t.x, 7).unwrap_err(), &["numbers in x, of 7 columns, is 50", "must be 49"]);
    says(Matrix::from_rows(&t.x, 0).unwrap_err(), &["is 50"]);
    let forest = t.fit(&common::tree());
    let narrow = Matrix::from_rows(&t.x, 2).unwrap();
    says(forest.predict(narrow).unwrap_err(), &["columns of x is 2", "must be 5"]);
    let added = forest.add_predictions(0..1, t.matrix(), &mut [0; 9]);
    says(added.unwrap_err(), &["sums is 9", "must be 10"]);
    let added = forest.add_predictions(0..2, t.matrix(), &mut [0; 10]);
    says(added.unwrap_err(), &["trees is 0..2", "0..1"]);
    let forest = t.fit(&Params { n_estimators: 1, ..Params::default() });
    let add = |trees, sums, counts| {
        forest.add_out_of_bag(trees, &t.training(), &mut vec![0; sums], &mut vec![0; counts]).unwrap_err()
    };
    says(add(0..1, 9, 10), &["sums is 9", "must be 10"]);
    says(add(0..1, 10, 11), &["counts is 11", "must be 10"]);
    says(add(0..2, 10, 10), &["trees is 0..2", "0..1"]);
    says(forest.predict_first(2, t.matrix()).unwrap_err(), &["trees is 0..2"]);
    says(forest.predict_first(0, t.matrix()).unwrap_err(), &["trees asked for is 0"]);
    says(forest.predict_first(usize::MAX, t.matrix()).unwrap_err(), &["trees is 0.."]);
}

#[test]
fn empty_inputs_are_refused_and_predictions_of_no_rows_are_none() {
    let none = Matrix::from_rows(&[], 3).unwrap();
    says(TrainingSet::new(none, &[][..]).unwrap_err(), &["rows of x is 0"]);
    let none = Matrix::from_rows(&[], 0).unwrap();
    says(TrainingSet::new(none, &[][..]).unwrap_err(), &["rows of x is 0"]);
    let forest = Table::friedman(10, 5, 1).fit(&common::tree());
    assert_eq!(forest.predict(Matrix::from_rows(&[], 5).unwrap()).unwrap(), []);
}

#[test]
fn weights_that_cannot_be_are_refused() {
    let t = Table::friedman(3, 5, 1);
    let with = |w: &[f64]| TrainingSet::with_weights(t.matrix(), &t.y, w).unwrap_err();
    says(with(&[1.0, -0.5, 1.0]), &["sample_weight at row 1", "-0.5", "0 or more"]);
    says(with(&[1.0, f64::NAN, 1.0]), &["sample_weight at row 1", "NaN"]);
    says(with(&[1.0, 1.0]), &["values in sample_weight is 2", "must be 3"]);
    says(with(&[0.0; 3]), &["above 0"]);
}

#[test]
fn a_range_of_trees_has_to_exist() {
    let training = Table::friedman(10, 5, 1).training();
    let params = Params { n_estimators: 5, ..Params::default() };
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = 3..2;
    for range in [0..6, 6..7, backwards] {
        let error = Forest::grow(&training, &params, range.clone()).unwrap_err();
        says(error, &[&format!("trees is {range:?}"), "within 0..5"]);
    }
    let mut first = Forest::grow(&training, &params, 0..2).unwrap();
    let third = Forest::grow(&training, &params, 3..5).unwrap();
    says(first.extend(third).unwrap_err(), &["first tree is 3", "2, which follows"]);
    let other = Params { seed: 1, ..params };
    let second = Forest::grow(&training, &other, 2..3).unwrap();
    says(first.extend(second).unwrap_err(), &["params", "seed=1", "seed=0"]);
    assert_eq!(first.trees(), 0..2);
}

#[test]
fn bytes_of_another_kind_are_refused() {
    let set = Table::friedman(20, 5, 1).training();
    let words: Vec<u64> = bytes_to_words(set.as_bytes());
    let view = |words: &[u64]| {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
        let aligned = bytes_to_words(&bytes);
        view_words(&aligned).map(|rows| rows.unwrap())
    };
    assert_eq!(view(&words), Ok(20));
    says(view(&words[..5]).unwrap_err(), &["5 words are no header"]);
    says(view(&words[..words.len() - 1]).unwrap_err(), &["length"]);
    let mut other = words.clone();
    other[0] = other[0].swap_bytes();
    says(view(&other).unwrap_err(), &["starts with"]);
    says(TrainingView::from_bytes(&set.as_bytes()[1..]).unwrap_err(), &["multiple of 8"]);
}

fn bytes_to_words(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks(8).map(|c| u64::from_ne_bytes(c.try_into().unwrap())).collect()
}

/// Views words and, if that works, trains on them and gives the rows.
fn view_words(words: &[u64]) -> Result<Option<usize>, Error> {
    let bytes: &[u8] = bytemuck_bytes(words);
    let view = TrainingView::from_bytes(bytes)?;
    let params = Params { n_estimators: 2, ..Params::default() };
    Forest::fit(view, &params)?;
    Ok(Some(view.n_rows()))
}

fn bytemuck_bytes(words: &[u64]) -> &[u8] {
    bytemuck::cast_slice(words)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Damaged bytes are refused or trained on; nothing panics.
    #[test]
    fn damaged_training_sets_never_panic(
        at in any::<proptest::sample::Index>(), bit in 0u32..64, whole: Option<u64>, weighted: bool,
    ) {
        let t = Table::friedman(12, 5, 1);
        let w: Vec<f64> = (1..13).map(f64::from).collect();
        let set = if weighted {
            TrainingSet::with_weights(t.matrix(), &t.y, &w).unwrap()
        } else {
            t.training()
        };
        let mut words = bytes_to_words(set.as_bytes());
        let at = at.index(words.len());
        words[at] = whole.unwrap_or(words[at] ^ 1 << bit);
        let _ = view_words(&words);
    }

    /// Odd shapes and numbers are refused or trained on; nothing panics.
    #[test]
    fn odd_inputs_never_panic(
        x in proptest::collection::vec(any::<f64>(), 0..40),
        y in proptest::collection::vec(any::<f64>(), 0..20),
        columns in 0usize..5,
        n_estimators in 0usize..4, max_depth in proptest::option::of(0usize..40),
        min_samples_split in 0usize..5, min_samples_leaf in 0usize..5,
        count in 0usize..6, bootstrap: bool,
    ) {
        let Ok(matrix) = Matrix::from_rows(&x, columns) else { return Ok(()) };
        let Ok(set) = TrainingSet::new(matrix, &y) else { return Ok(()) };
        let params = Params {
            n_estimators, max_depth, min_samples_split, min_samples_leaf, bootstrap,
            max_features: forest::MaxFeatures::Count(count),
            ..Params::default()
        };
        if let Ok(forest) = Forest::fit(&set, &params) {
            let p = forest.predict(matrix).unwrap();
            prop_assert!(p.iter().all(|p| p.is_finite()));
        }
    }
}
