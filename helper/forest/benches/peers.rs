//! The sides in Rust of `scripts/bench.d/peers`, which starts this with `--serve forest` or `--serve smartcore`.
//!
//! Reads commands, one per line, and answers each with a line of JSON. `export FOLDER` writes the lab's split,
//! `load FOLDER` reads a split, `fit TREES SEED` trains on it and tests. A folder has the files `train.x`, `train.y`,
//! `test.x` and `test.y`: 64-bit numbers of this machine's byte order, rows one after the other. The number of threads
//! is that of rayon's pool (`RAYON_NUM_THREADS`); smartcore has one.
#![allow(missing_docs)]

mod common;

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use common::{Split, Table, lab, mse};
use forest::{Forest, TrainingSet};
use serde_json::{Value, json};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

fn main() {
    let mut arguments = std::env::args().skip_while(|a| a != "--serve").skip(1);
    let fit = match arguments.next().as_deref() {
        Some("forest") => fit_forest,
        Some("smartcore") => fit_smartcore,
        Some(name) => panic!("{name}: no side; there are forest and smartcore"),
        None => return println!("nothing to do: run scripts/bench peers"),
    };
    let mut split = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let (command, rest) = line.split_once(' ').expect("a command and its words");
        let answer = match (command, &split) {
            ("export", _) => export(Path::new(rest)),
            ("load", _) => {
                split = Some(load(Path::new(rest)));
                json!({})
            }
            ("fit", Some(split)) => {
                let (trees, seed) = rest.split_once(' ').expect("trees and a seed");
                fit(split, trees.parse().expect("a number of trees"), seed.parse().expect("a seed"))
            }
            _ => panic!("{line}: no command here"),
        };
        println!("{answer}");
    }
}

fn export(folder: &Path) -> Value {
    let split = common::california().split();
    for (name, table) in [("train", &split.train), ("test", &split.test)] {
        for (what, values) in [("x", &table.x), ("y", &table.y)] {
            let bytes: &[u8] = bytemuck::cast_slice(values);
            std::fs::write(folder.join(format!("{name}.{what}")), bytes).expect("room to write");
        }
    }
    json!({})
}

fn load(folder: &Path) -> Split {
    let read = |name: &str| -> Vec<f64> {
        let bytes = std::fs::read(folder.join(name)).expect("a file of the split");
        bytes.chunks_exact(8).map(|number| f64::from_ne_bytes(number.try_into().expect("8 bytes"))).collect()
    };
    let table = |x: Vec<f64>, y: Vec<f64>| Table { n_features: x.len() / y.len(), x, y };
    Split { train: table(read("train.x"), read("train.y")), test: table(read("test.x"), read("test.y")) }
}

fn fit_forest(split: &Split, trees: usize, seed: u64) -> Value {
    let start = Instant::now();
    let training = TrainingSet::new(split.train.matrix(), &split.train.y).expect("clean data");
    let forest = Forest::fit_parallel(&training, &lab(trees, seed)).expect("sound parameters");
    let seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let predictions = forest.predict(split.test.matrix()).expect("clean data");
    let predict = start.elapsed().as_secs_f64();
    sample(seconds, predict, forest.n_nodes(), mse(&split.test.y, &predictions))
}

fn fit_smartcore(split: &Split, trees: usize, seed: u64) -> Value {
    let dense =
        |t: &Table| DenseMatrix::new(t.y.len(), t.n_features, t.x.clone(), false).expect("whole rows");
    let (x, x_test) = (dense(&split.train), dense(&split.test));
    // All features at every split, as the others. Its depth counts the root as 1.
    let params = RandomForestRegressorParameters::default()
        .with_n_trees(trees)
        .with_m(split.train.n_features)
        .with_max_depth(21)
        .with_min_samples_split(5)
        .with_seed(seed);
    let start = Instant::now();
    let forest = RandomForestRegressor::fit(&x, &split.train.y, params).expect("clean data");
    let seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let predictions = forest.predict(&x_test).expect("clean data");
    let predict = start.elapsed().as_secs_f64();
    let nodes = format!("{forest:?}").matches("Node {").count();
    sample(seconds, predict, nodes, mse(&split.test.y, &predictions))
}

fn sample(seconds: f64, predict: f64, nodes: usize, mse: f64) -> Value {
    json!({"seconds": seconds, "predict": predict, "nodes": nodes, "mse": mse})
}
