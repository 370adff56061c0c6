//! Data for the tests.
#![allow(dead_code, unreachable_pub, missing_docs)]

use forest::{Forest, Matrix, Params, TrainingSet};

/// Features row after row, and targets.
#[derive(Clone, Debug)]
pub struct Table {
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub n_features: usize,
}

impl Table {
    /// Numbers from `f(row, feature)` and targets from `g(row's features)`.
    pub fn new(
        n_rows: usize,
        n_features: usize,
        mut f: impl FnMut(usize, usize) -> f64,
        mut g: impl FnMut(&[f64]) -> f64,
    ) -> Table {
        let x: Vec<f64> = (0..n_rows * n_features).map(|i| f(i / n_features, i % n_features)).collect();
        let y = x.chunks(n_features).map(&mut g).collect();
        Table { x, y, n_features }
    }

    /// Friedman's first function of five of the features, with noise.
    pub fn friedman(n_rows: usize, n_features: usize, seed: u64) -> Table {
        let (mut a, mut b) = (Random(seed), Random(seed ^ 0xabcd));
        Table::new(
            n_rows,
            n_features,
            |_, _| a.unit(),
            |r| {
                let bump = (r[2] - 0.5) * (r[2] - 0.5);
                10.0 * (3.0 * r[0] * r[1]).min(1.0) + 20.0 * bump + 10.0 * r[3] + 5.0 * r[4] + b.unit()
            },
        )
    }

    pub fn matrix(&self) -> Matrix<'_> {
        Matrix::from_rows(&self.x, self.n_features).unwrap()
    }

    pub fn training(&self) -> TrainingSet {
        TrainingSet::new(self.matrix(), &self.y).unwrap()
    }

    pub fn fit(&self, params: &Params) -> Forest {
        Forest::fit(&self.training(), params).unwrap()
    }
}

/// For each tree, which leaf each row ends in: leaves are numbered as they come, and told apart by their
/// values, so no two leaves of a tree may have the same.
pub fn leaves(forest: &Forest, table: &Table) -> Vec<Vec<usize>> {
    let number = |values: Vec<f64>| {
        let mut seen = std::collections::HashMap::new();
        values
            .into_iter()
            .map(|value| {
                let next = seen.len();
                *seen.entry(value.to_bits()).or_insert(next)
            })
            .collect()
    };
    forest.predict_trees(table.matrix()).unwrap().into_iter().map(number).collect()
}

/// A single tree on all rows.
pub fn tree() -> Params {
    Params { n_estimators: 1, bootstrap: false, ..Params::default() }
}

pub fn r2(y: &[f64], predictions: &[f64]) -> f64 {
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let square = |d: f64| d * d;
    let errors: f64 = y.iter().zip(predictions).map(|(y, p)| square(y - p)).sum();
    1.0 - errors / y.iter().map(|y| square(y - mean)).sum::<f64>()
}

pub fn mse(y: &[f64], predictions: &[f64]) -> f64 {
    y.iter().zip(predictions).map(|(y, p)| (y - p) * (y - p)).sum::<f64>() / y.len() as f64
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
