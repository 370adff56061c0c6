#![allow(missing_docs, dead_code, unreachable_pub)]
#[path = "../benches/common/mod.rs"]
mod common;
use forest::*;
use std::time::Instant;
fn main() {
    let split = common::california().split();
    let args: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let trees = args.first().copied().unwrap_or(50);
    let simd = args.get(1).copied().unwrap_or(1) == 1;
    let reps = args.get(2).copied().unwrap_or(5);
    let t = Instant::now();
    let x = Matrix::from_rows(&split.train.x, 8).unwrap();
    let set = TrainingSet::new(x, &split.train.y).unwrap();
    println!("presort {:?}", t.elapsed());
    let p = Params { n_estimators: trees, max_depth: Some(20), min_samples_split: 5, seed: 42, simd, ..Default::default() };
    let mut best = f64::MAX;
    let mut h = 0;
    for _ in 0..reps {
        let t = Instant::now();
        let f = Forest::fit(&set, &p).unwrap();
        best = best.min(t.elapsed().as_secs_f64());
        h = f.n_nodes();
    }
    println!("{:.3} ms/tree, {:.1} nodes/tree", best * 1e3 / trees as f64, h as f64 / trees as f64);
}
