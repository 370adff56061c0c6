//! One training of 100 trees, timed: the notebook's speed is held against this program's.

use helper::prelude::*;

fn main() -> helper::Result<()> {
    let split = data::california_housing()?.split(0.2, 42)?;
    let sweep = Sweep::over_n_estimators([100]).max_depth(20).min_samples_split(5).seed(42).quiet();
    println!("seconds {}", sweep.run_sequential(&split)?.seconds);
    Ok(())
}
