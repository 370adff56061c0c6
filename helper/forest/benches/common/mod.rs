//! The tables that the benches train on.

use std::path::{Path, PathBuf};

/// Features row after row, and targets.
pub struct Table {
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub n_features: usize,
}

/// Training and test part.
pub struct Split {
    pub train: Table,
    pub test: Table,
}

impl Table {
    /// One row in five, chosen by a shuffle that is always the same, is for testing.
    pub fn split(&self) -> Split {
        let n = self.y.len();
        let mut rows: Vec<usize> = (0..n).collect();
        let mut random = Random(42);
        for i in (1..n).rev() {
            rows.swap(i, random.below(i + 1));
        }
        let part = |rows: &[usize]| Table {
            x: rows.iter().flat_map(|&r| &self.x[r * self.n_features..][..self.n_features]).copied().collect(),
            y: rows.iter().map(|&r| self.y[r]).collect(),
            n_features: self.n_features,
        };
        let (test, train) = rows.split_at(n.div_ceil(5));
        Split { train: part(train), test: part(test) }
    }
}

/// Generated rows: a smooth function of the first features, and noise.
pub fn generated(n_rows: usize, n_features: usize) -> Table {
    let mut random = Random(7);
    let x: Vec<f64> = (0..n_rows * n_features).map(|_| random.unit()).collect();
    let y = x.chunks(n_features).map(|row| {
        10.0 * row[0] * row[1] + 20.0 * (row[2] - 0.5) * (row[2] - 0.5) + 10.0 * row[3] + 5.0 * row[4]
            + random.unit()
    });
    let y = y.collect();
    Table { x, y, n_features }
}

/// California Housing, from the raw table: 8 features as scikit-learn makes them.
pub fn california() -> Table {
    let path = raw_table();
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; set CALIFORNIA_HOUSING to cal_housing.data", path.display()));
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let v: Vec<f64> = line.split(',').map(|v| v.trim().parse().expect("numbers")).collect();
        let [longitude, latitude, age, rooms, bedrooms, population, households, income, value] =
            v[..].try_into().expect("nine columns");
        x.extend([income, age, rooms / households, bedrooms / households, population]);
        x.extend([population / households, latitude, longitude]);
        y.push(value / 100_000.0);
    }
    Table { x, y, n_features: 8 }
}

fn raw_table() -> PathBuf {
    if let Some(path) = std::env::var_os("CALIFORNIA_HOUSING") {
        return path.into();
    }
    let root = project_root();
    let places = ["data/cal_housing.data", "../shared/data/cal_housing.data"];
    let found = places.iter().map(|p| root.join(p)).find(|p| p.exists());
    found.unwrap_or_else(|| root.join(places[0]))
}

pub fn project_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// SplitMix64: test data need no more.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
