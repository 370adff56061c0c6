//! Single trees without bootstrap predict what scikit-learn's predict, to the last bit. The
//! data, the predictions and the script that made them are in `reference/`.

mod common;

use forest::{Forest, Matrix, TrainingSet};
use serde_json::Value;

#[test]
fn single_trees_predict_what_scikit_learn_predicts() {
    let cases: Value = serde_json::from_str(include_str!("reference/trees.json")).unwrap();
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        check(case);
    }
}

fn check(case: &Value) {
    let name = case["name"].as_str().unwrap();
    let rows = case["x"].as_array().unwrap();
    let y: Vec<f64> = numbers(&case["y"]);
    let n_features = rows[0].as_array().unwrap().len();
    let x: Vec<f64> = rows.iter().flat_map(numbers).collect();
    let (train, _) = x.split_at(y.len() * n_features);
    let train = Matrix::from_rows(train, n_features).unwrap();
    let training = match &case["sample_weight"] {
        Value::Null => TrainingSet::new(train, &y),
        weights => TrainingSet::with_weights(train, &y, &numbers(weights)),
    };
    let mut params = common::tree();
    for (key, value) in case["params"].as_object().unwrap() {
        let value = value.as_u64().unwrap() as usize;
        match key.as_str() {
            "min_samples_leaf" => params.min_samples_leaf = value,
            "min_samples_split" => params.min_samples_split = value,
            "max_depth" => params.max_depth = Some(value),
            other => panic!("{other}"),
        }
    }
    let forest = Forest::fit(&training.unwrap(), &params).unwrap();
    let ours = forest.predict(Matrix::from_rows(&x, n_features).unwrap()).unwrap();
    let theirs = case["predictions"].as_array().unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (row, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        if let Some(theirs) = theirs.as_f64() {
            assert_eq!(*ours, theirs, "{name}, row {row}");
        }
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// As scikit-learn's tests hold for its own trees, on its diabetes data.
#[test]
fn diabetes_is_learnt_exactly_and_better_with_depth() {
    let cases: Value = serde_json::from_str(include_str!("reference/trees.json")).unwrap();
    let case = cases.as_array().unwrap().iter().find(|c| c["name"] == "diabetes").unwrap();
    let x: Vec<f64> = case["x"].as_array().unwrap().iter().flat_map(numbers).collect();
    let table = common::Table { x, y: numbers(&case["y"]), n_features: 10 };
    let error = |max_depth| {
        let forest = table.fit(&forest::Params { max_depth, ..common::tree() });
        common::mse(&table.y, &forest.predict(table.matrix()).unwrap())
    };
    assert_eq!(error(None), 0.0);
    let by_depth: Vec<f64> = (1..10).map(|depth| error(Some(depth))).collect();
    assert!(by_depth.is_sorted_by(|a, b| a > b), "{by_depth:?}");
}
