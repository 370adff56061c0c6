//! What tests of sweeps share.

use helper::Cluster;
use helper::data::{Dataset, Split};
use helper::sweep::{Outcome, Sweep};

/// The table.
pub(crate) fn housing() -> Dataset {
    helper::data::california_housing().expect("the tests need the table; see data/README.md")
}

/// Few rows to learn from, many to be tested on: quick, and as good for all that is tested here.
pub(crate) fn small() -> Split {
    housing().split(0.98, 1).unwrap()
}

/// The outcome of a sweep on so many workers.
pub(crate) fn on(workers: usize, sweep: &Sweep, split: &Split) -> Outcome {
    let cluster = Cluster::local_with(workers).unwrap();
    sweep.clone().quiet().run_on(&cluster, &cluster.put(split.clone())).unwrap()
}
