//! This crate against smartcore on the lab's data, on one thread; then how it scales.
//!
//! The two sides take turns, several times; what is printed are medians. All samples are in
//! `report/bench/forest.json`.
#![allow(missing_docs)]

mod common;

use std::hint::black_box;
use std::time::Instant;

use common::{Split, Table, lab, median, mse, peak_memory};
use forest::{Forest, Params, TrainingSet};
use serde_json::{Value, json};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

#[global_allocator]
static ALLOCATOR: common::Counting = common::Counting;

const TREES: usize = 50;
const ROUNDS: usize = 7;

type Smartcore = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

/// What a side's forest is.
struct Side {
    name: &'static str,
    nodes: f64,
    mse: f64,
    peak: usize,
    /// Milliseconds per tree, one for each round.
    samples: Vec<f64>,
}

impl Side {
    fn row(&self) -> String {
        let ms = median(&self.samples);
        format!(
            "{:<22} {:>8.2} {:>10.0} {:>15.3} {:>8.4} {:>9.1}",
            self.name,
            ms,
            self.nodes,
            ms / self.nodes * 1000.0,
            self.mse,
            self.peak as f64 / 1e6
        )
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "ms_per_tree": self.samples,
            "nodes_per_tree": self.nodes,
            "test_mse": self.mse,
            "peak_bytes": self.peak,
        })
    }
}

fn main() {
    let only_lab = std::env::args().any(|a| a == "--lab");
    let split = common::california().split();
    let (rows, trees) = (split.train.y.len(), TREES);
    println!("California Housing, {rows} rows x 8, {trees} trees of the lab's hyperparameters, one");
    println!("thread; medians of {ROUNDS} rounds in which the sides take turns.");
    let sides = against_smartcore(&split);
    println!();
    println!("                        ms/tree nodes/tree  ms/1,000 nodes test MSE   peak MB");
    sides.iter().for_each(|side| println!("{}", side.row()));
    let [simd, portable, smartcore] = &sides;
    let ratio = |side: &Side| {
        let pairs = smartcore.samples.iter().zip(&side.samples);
        median(&pairs.map(|(theirs, ours)| theirs / ours).collect::<Vec<_>>())
    };
    let per_node = ratio(simd) * simd.nodes / smartcore.nodes;
    let predictions = predictions(&split);
    println!();
    println!("Predicting 4,128 rows by 50 trees: {:.2} ms", median(&predictions));
    println!("Without SIMD: {:.1}x smartcore per tree", ratio(portable));
    println!("Per 1,000 nodes: {per_node:.1}x smartcore");
    let scaling = if only_lab { Vec::new() } else { scaling() };
    let sides: Vec<Value> = sides.iter().map(Side::json).collect();
    let report = json!({
        "rows": rows, "trees": TREES, "sides": sides, "predict_50_trees_ms": predictions,
        "scaling": scaling,
    });
    let folder = common::project_root().join("report/bench");
    let path = folder.join("forest.json");
    let written =
        std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, format!("{report:#}\n")));
    match written {
        Ok(()) => println!("\nSamples: report/bench/forest.json"),
        Err(e) => println!("\nSamples are not kept: {}: {e}", path.display()),
    }
    println!("forest vs smartcore: {:.1}x per tree", ratio(simd));
}

fn against_smartcore(split: &Split) -> [Side; 3] {
    let Split { train, test } = split;
    let simd = lab(TREES, 42);
    let portable = Params { simd: false, ..lab(TREES, 42) };
    let ours = |name, params: &Params| {
        let (forest, peak) = peak_memory(|| {
            let training = TrainingSet::new(train.matrix(), &train.y).expect("clean data");
            Forest::fit(&training, params).expect("sound parameters")
        });
        let predictions = forest.predict(test.matrix()).expect("clean data");
        let nodes = forest.n_nodes() as f64 / TREES as f64;
        Side { name, nodes, mse: mse(&test.y, &predictions), peak, samples: Vec::new() }
    };
    let dense =
        |t: &Table| DenseMatrix::new(t.y.len(), t.n_features, t.x.clone(), false).expect("whole rows");
    let (x, x_test) = (dense(train), dense(test));
    // Its depth counts the root as 1.
    let fit = || -> Smartcore {
        let params = RandomForestRegressorParameters::default()
            .with_n_trees(TREES)
            .with_m(8)
            .with_max_depth(21)
            .with_min_samples_split(5)
            .with_seed(42);
        RandomForestRegressor::fit(&x, &train.y, params).expect("clean data")
    };
    let (theirs, peak) = peak_memory(fit);
    let nodes = format!("{theirs:?}").matches("Node {").count() as f64 / TREES as f64;
    let predictions = theirs.predict(&x_test).expect("clean data");
    let mse = mse(&test.y, &predictions);
    let theirs = Side { name: "smartcore 0.7.0", nodes, mse, peak, samples: Vec::new() };
    let mut sides = [ours("forest", &simd), ours("forest, without SIMD", &portable), theirs];

    // Sorting is part of every fit.
    let fit_ours = |params: &Params| {
        let training = TrainingSet::new(train.matrix(), &train.y).expect("clean data");
        Forest::fit(&training, params).expect("sound parameters")
    };
    for _ in 0..ROUNDS {
        sides[0].samples.push(time(|| drop(black_box(fit_ours(&simd)))));
        sides[1].samples.push(time(|| drop(black_box(fit_ours(&portable)))));
        sides[2].samples.push(time(|| drop(black_box(fit()))));
    }
    sides.iter_mut().for_each(|s| s.samples.iter_mut().for_each(|ms| *ms /= TREES as f64));
    sides
}

fn predictions(split: &Split) -> Vec<f64> {
    let training = TrainingSet::new(split.train.matrix(), &split.train.y).expect("clean data");
    let forest = Forest::fit(&training, &lab(50, 42)).expect("sound parameters");
    let predict = || drop(black_box(forest.predict(split.test.matrix()).expect("clean data")));
    (0..ROUNDS).map(|_| time(predict)).collect()
}

fn scaling() -> Vec<Value> {
    println!("\nGenerated data, unlimited trees, min_samples_split 5. Per n log2 n: nanoseconds per");
    println!("row, feature and doubling.");
    println!("     rows features  sort ms   ms/tree  per n log2 n    set MB worker MB");
    let sizes = [(1_000, 8), (10_000, 8), (100_000, 8), (1_000_000, 8), (10_000, 32), (10_000, 128)];
    let row = |(n, f): (usize, usize)| {
        let table = common::generated(n, f);
        let trees = (200_000 / n).clamp(1, 20);
        let mut set = None;
        let sort = time(|| set = TrainingSet::new(table.matrix(), &table.y).ok());
        let set = set.expect("clean data");
        let params = Params { max_depth: None, ..lab(trees, 1) };
        let fit = || drop(black_box(Forest::fit(&set, &params).expect("sound parameters")));
        let rounds = if n > 100_000 { 1 } else { 3 };
        let samples: Vec<f64> = (0..rounds).map(|_| time(fit) / trees as f64).collect();
        let ms = median(&samples);
        let each = ms * 1e6 / (n as f64 * f as f64 * (n as f64).log2());
        let (bytes, worker) = (set.as_bytes().len(), set.view().worker_bytes());
        println!(
            "{n:>9} {f:>8} {sort:>8.1} {ms:>9.2} {each:>13.2} {:>9.1} {:>9.1}",
            bytes as f64 / 1e6,
            worker as f64 / 1e6
        );
        json!({
            "rows": n, "features": f, "sort_ms": sort, "ms_per_tree": samples,
            "set_bytes": bytes, "worker_bytes": worker,
        })
    };
    sizes.into_iter().map(row).collect()
}

/// Milliseconds.
fn time(f: impl FnOnce()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_secs_f64() * 1e3
}
