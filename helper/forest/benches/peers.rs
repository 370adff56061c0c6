//! This crate's side of a comparison with other languages' forests: reads commands, one per
//! line, and answers each with a line of JSON. `scripts/bench.d/peers` talks to it.
//!
//! `split FOLDER` writes the lab's split as 64-bit numbers of this machine's byte order;
//! `fit SEED TREES [TREES ..]` sorts, grows the most of these trees on one thread, and tests
//! each number of them.
#![allow(missing_docs)]

mod common;

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use common::{Split, lab, mse};
use forest::{Forest, TrainingSet};
use serde_json::json;

fn main() {
    if std::env::args().all(|a| a != "--serve") {
        println!("nothing to do: run scripts/bench.d/peers");
        return;
    }
    let split = common::california().split();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["split", folder] => write(&split, Path::new(folder)),
            ["fit", seed, ref trees @ ..] if !trees.is_empty() => {
                let trees: Vec<usize> = trees.iter().map(|t| t.parse().expect("trees")).collect();
                fit(&split, seed.parse().expect("a seed"), &trees);
            }
            _ => panic!("{line}: not a command"),
        }
    }
}

fn write(split: &Split, folder: &Path) {
    let parts = [("train", &split.train), ("test", &split.test)];
    for (name, table) in parts {
        for (what, values) in [("x", &table.x), ("y", &table.y)] {
            let bytes: &[u8] = bytemuck::cast_slice(values);
            std::fs::write(folder.join(format!("{name}.{what}")), bytes).expect("room to write");
        }
    }
    println!("{}", json!({"rows": split.train.y.len()}));
}

fn fit(split: &Split, seed: u64, trees: &[usize]) {
    let start = Instant::now();
    let most = *trees.iter().max().expect("not empty");
    let training = TrainingSet::new(split.train.matrix(), &split.train.y).expect("clean data");
    let forest = Forest::fit(&training, &lab(most, seed)).expect("sound parameters");
    let seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    forest.predict(split.test.matrix()).expect("clean data");
    let predict = start.elapsed().as_secs_f64();
    let error = |&k: &usize| {
        let predictions = forest.predict_first(k, split.test.matrix()).expect("clean data");
        mse(&split.test.y, &predictions)
    };
    let errors: Vec<f64> = trees.iter().map(error).collect();
    let nodes = forest.n_nodes() as f64 / most as f64;
    println!("{}", json!({"seconds": seconds, "predict": predict, "mse": errors, "nodes_per_tree": nodes}));
}
