//! What running the lab's sweep in parallel buys: sequential and parallel runs take turns.
//!
//! `scripts/bench sweep [--pairs N] [--workers N] [--quick]`; quick is a tenth of the trees, to try the bench. All samples are in `report/bench/sweep.json`.
//! The efficiency is that of wall times, setting-up included. Where cores share caches, memory or
//! a power budget, the same work takes more processor time when all are busy: this is told apart,
//! and so is what the machine does with a loop that touches no memory at all.
#![allow(missing_docs)]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use helper::prelude::*;
use serde_json::{Value, json};

/// A run had the machine for itself where its tasks had a processor for this part of their time.
const QUIET: f64 = 0.97;

/// A run as a stop-watch and the system see it.
struct Run {
    /// Seconds from the call to its return.
    wall: f64,
    /// Processor seconds of the whole process meanwhile.
    process_cpu: f64,
    outcome: Outcome,
}

impl Run {
    fn of(run: impl FnOnce() -> helper::Result<Outcome>) -> helper::Result<Self> {
        let (started, cpu) = (Instant::now(), process_cpu());
        let outcome = run()?;
        Ok(Self { wall: started.elapsed().as_secs_f64(), process_cpu: process_cpu() - cpu, outcome })
    }

    /// Setting up, and from the first task to the last score.
    fn seconds(&self) -> f64 {
        self.outcome.setup_seconds + self.outcome.seconds
    }

    fn cpu(&self) -> f64 {
        self.outcome.cpu_seconds().unwrap_or(f64::NAN)
    }

    /// The part of the time that tasks ran in which they had a processor: below 1 where others want it.
    fn had_processor(&self) -> f64 {
        self.cpu() / self.outcome.busy_seconds()
    }

    fn json(&self) -> Value {
        let o = &self.outcome;
        json!({
            "schedule": o.schedule.to_string(), "shared": o.shared, "workers": o.workers, "tasks": o.tasks.len(),
            "trees_grown": o.trees_grown(), "seconds": self.seconds(), "setup_seconds": o.setup_seconds,
            "call_seconds": self.wall, "busy_seconds": o.busy_seconds(), "busy_share": o.busy_share(),
            "task_cpu_seconds": o.cpu_seconds(), "process_cpu_seconds": self.process_cpu,
        })
    }
}

/// Processor seconds of this process, all its threads together.
fn process_cpu() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call fills the structure that it is given; all zeros are one as well.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// A chain of multiplications: no memory, no branches.
fn plain(steps: u64) -> f64 {
    let started = Instant::now();
    let mut x = 1_u64;
    for i in 0..steps {
        x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i));
    }
    started.elapsed().as_secs_f64()
}

/// How much of its speed a worker keeps when all compute: alone over together, for the plain loop.
fn plain_efficiency(workers: usize) -> f64 {
    const STEPS: u64 = 100_000_000;
    plain(STEPS);
    let before = plain(STEPS);
    let together = std::thread::scope(|scope| {
        let others: Vec<_> = (0..workers).map(|_| scope.spawn(|| plain(STEPS))).collect();
        others.into_iter().map(|other| other.join().unwrap_or(f64::NAN)).sum::<f64>() / workers as f64
    });
    // Alone before and after: the machine may have become faster or slower meanwhile.
    (before + plain(STEPS)) / 2.0 / together
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

fn flag(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().and_then(|value| value.parse().ok()).filter(|value| *value > 0).unwrap_or(default)
}

fn main() -> helper::Result<()> {
    let machine = machine();
    let (pairs, workers) = (flag("--pairs", 5), flag("--workers", machine.cores));
    let split = data::california_housing()?.split(0.2, 42)?;
    let quick = std::env::args().any(|argument| argument == "--quick");
    let sizes: Vec<usize> = if quick { (5..=34).collect() } else { (50..=340).step_by(10).collect() };
    let sweep = Sweep::over_n_estimators(sizes).max_depth(20).min_samples_split(5).seed(42).quiet();
    let cluster = Cluster::local_with(workers)?;
    let data = cluster.put(split.clone());

    println!("{machine}");
    println!("pair  sequential    parallel  efficiency    busy  had a processor  CPU inflation  plain loop");
    let (mut rounds, mut plain_loop) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        let sequential = || Run::of(|| sweep.run_sequential(&split));
        let parallel = || Run::of(|| sweep.run_on(&cluster, &data));
        // Who comes first changes, so that a machine that slows down favours neither.
        let (one, many) = if pair % 2 == 0 {
            let one = sequential()?;
            (one, parallel()?)
        } else {
            let many = parallel()?;
            (sequential()?, many)
        };
        assert!(one.outcome.same_bits(&many.outcome), "the same bits");
        plain_loop.push(plain_efficiency(workers));
        println!(
            "{:>4}  {:>8.2} s  {:>8.2} s  {:>10.3}  {:>6.3}  {:>6.3}, {:>6.3}  {:>13.3}  {:>10.3}",
            pair + 1,
            one.seconds(),
            many.seconds(),
            one.seconds() / many.seconds() / workers as f64,
            many.outcome.busy_share(),
            one.had_processor(),
            many.had_processor(),
            many.cpu() / one.cpu(),
            plain_loop[pair]
        );
        rounds.push((one, many));
    }
    let efficiency = |pair: &(Run, Run)| pair.0.seconds() / pair.1.seconds() / workers as f64;

    let by_model = [Schedule::Models, Schedule::LongestFirst]
        .map(|schedule| Run::of(|| sweep.clone().schedule(schedule).run_on(&cluster, &data)));
    let [in_order, longest_first] = by_model;
    let shared = Run::of(|| sweep.clone().share_trees(true).run_sequential(&split))?;
    let shared_parallel = Run::of(|| sweep.clone().share_trees(true).run_on(&cluster, &data))?;
    let others = [in_order?, longest_first?, shared, shared_parallel];
    let (first, default) = &rounds[0];
    let ways = [first, default].into_iter().chain(&others).map(|run| &run.outcome);
    println!("\n{}", Comparison::of(ways)?);
    println!("{}", Projection::of(&Comparison::of([&first.outcome, &default.outcome])?)?);

    let busy = median(rounds.iter().map(|(_, many)| many.outcome.busy_share()));
    let inflation = median(rounds.iter().map(|(one, many)| many.cpu() / one.cpu()));
    let plain_median = median(plain_loop.iter().copied());
    println!(
        "Medians of {pairs} pairs: workers busy {:.2} %, {inflation:.3} times the processor time.",
        100.0 * busy
    );
    println!(
        "A loop without memory keeps {:.1} % of its speed when all workers run it.",
        100.0 * plain_median
    );
    let own = median(rounds.iter().map(|(one, many)| many.outcome.busy_share() * one.cpu() / many.cpu()));
    println!("Efficiency by processor time, as on cores that nobody else wants (worked out): {own:.3}");
    let quiet: Vec<f64> = rounds
        .iter()
        .filter(|(one, many)| one.had_processor().min(many.had_processor()) >= QUIET)
        .map(efficiency)
        .collect();
    match quiet.len() {
        0 => println!(
            "No pair was quiet: another program wanted the cores in each; quit it and measure again."
        ),
        n => println!(
            "In {n} of {pairs} pairs the machine was quiet; efficiency in these: {:.3}",
            median(quiet)
        ),
    }
    let pair_json = |(one, many): &(Run, Run)| json!({"sequential": one.json(), "parallel": many.json(), "efficiency": one.seconds() / many.seconds() / workers as f64});
    let report = json!({
        "cpu": machine.cpu, "cores": machine.cores, "os": machine.os, "workers": workers,
        "pairs": rounds.iter().map(pair_json).collect::<Vec<_>>(), "plain_loop_efficiency": plain_loop,
        "others": others.iter().map(Run::json).collect::<Vec<_>>(),
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../report/bench/sweep.json");
    let written = std::fs::create_dir_all(path.parent().unwrap_or(&path))
        .and_then(|()| std::fs::write(&path, format!("{report:#}\n")));
    match written {
        Ok(()) => println!("Samples: report/bench/sweep.json"),
        Err(e) => eprintln!("the samples are not kept: {} cannot be written: {e}", path.display()),
    }
    println!("efficiency on {workers} workers: {:.2}", median(rounds.iter().map(efficiency)));
    Ok(())
}
