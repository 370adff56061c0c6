//! What the benches share: the tables that they train on, and what they measure with.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use forest::{Matrix, Params};

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
    pub fn matrix(&self) -> Matrix<'_> {
        Matrix::from_rows(&self.x, self.n_features).expect("whole rows")
    }

    /// One row in five, chosen by a shuffle that is always the same, is for testing.
    pub fn split(&self) -> Split {
        let n = self.y.len();
        let mut rows: Vec<usize> = (0..n).collect();
        let mut random = Random(42);
        for i in (1..n).rev() {
            rows.swap(i, random.below(i + 1));
        }
        let row = |r: usize| &self.x[r * self.n_features..][..self.n_features];
        let part = |rows: &[usize]| Table {
            x: rows.iter().flat_map(|&r| row(r)).copied().collect(),
            y: rows.iter().map(|&r| self.y[r]).collect(),
            n_features: self.n_features,
        };
        let (test, train) = rows.split_at(n.div_ceil(5));
        Split { train: part(train), test: part(test) }
    }
}

/// Generated rows: a smooth function of the first five features, and noise.
pub fn generated(n_rows: usize, n_features: usize) -> Table {
    let mut random = Random(7);
    let x: Vec<f64> = (0..n_rows * n_features).map(|_| random.unit()).collect();
    let target = |row: &[f64]| {
        let bump = 20.0 * (row[2] - 0.5) * (row[2] - 0.5);
        10.0 * row[0] * row[1] + bump + 10.0 * row[3] + 5.0 * row[4] + random.unit()
    };
    let y = x.chunks(n_features).map(target).collect();
    Table { x, y, n_features }
}

/// California Housing, from the raw table: 8 features as scikit-learn makes them.
pub fn california() -> Table {
    let path = raw_table();
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| {
        let path = path.display();
        eprintln!("{path}: {e}; download the data, or set CALIFORNIA_HOUSING to cal_housing.data");
        std::process::exit(1);
    });
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let v: Vec<f64> = line.split(',').map(|v| v.trim().parse().expect("a number")).collect();
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
    let places = ["data/cal_housing.data", "../shared/data/cal_housing.data"];
    let places = places.map(|place| project_root().join(place));
    places.iter().find(|p| p.exists()).unwrap_or(&places[0]).clone()
}

pub fn project_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lab's hyperparameters.
pub fn lab(n_estimators: usize, seed: u64) -> Params {
    Params { n_estimators, max_depth: Some(20), min_samples_split: 5, seed, ..Params::default() }
}

pub fn mse(y: &[f64], predictions: &[f64]) -> f64 {
    y.iter().zip(predictions).map(|(y, p)| (y - p) * (y - p)).sum::<f64>() / y.len() as f64
}

pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

/// SplitMix64.
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

/// Counts what is allocated, and the most that was at any time.
pub struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promises are the ones that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most memory that `f` had allocated beyond what there was before, in bytes.
pub fn peak_memory<T>(f: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = f();
    (result, PEAK.load(Relaxed) - before)
}
