//! A replayed sweep to look at: prints what a notebook gets, then a line of JSON with simulated seconds by
//! workers, trees per task and cost of handing out a task. `cargo run -p helper --example what_if`

use helper::prelude::*;

fn main() -> Result<()> {
    let split = data::friedman1(400, 5, 1.0, 1)?.split(0.2, 42)?;
    let sweep = Sweep::over_n_estimators((50..=340).step_by(10)).max_depth(8).seed(42).quiet();
    let cluster = Cluster::local_with(2)?;
    let runs = [sweep.run_sequential(&split)?, sweep.run_on(&cluster, &cluster.put(split.clone()))?];
    let what_if = WhatIf::of(&Comparison::of(&runs)?)?;
    what_if.evcxr_display();
    let mut simulated = Vec::new();
    for workers in [1, 2, 3, 8, 100, 1024] {
        for trees in [1, 7, 10, 340] {
            for hand_out in [0.0, 0.002] {
                let seconds = what_if.seconds(workers, trees, hand_out)?;
                simulated.push(format!("[{workers},{trees},{hand_out},{seconds}]"));
            }
        }
    }
    println!("[{}]", simulated.join(","));
    Ok(())
}
