//! Sweeps on a Ray cluster, for tests, `scripts/bench ray` and `scripts/ray-job`:
//! `ray (local NODES CPUS | ADDRESS) [--trees FIRST LAST] [--step BY] [--journal FOLDER] [--bits BITS] [--check FOLDER |
//! --bench FOLDER | --show]`.
//!
//! It prints lines of JSON: when the cluster is there, for each model and each warning, and at the end whether the scores
//! have the same bits as in this thread, or those of an earlier run. `--check` compares every kind of sweep with threads, `--bench` times one against threads,
//! and `--show` prints the outcome for people. The folder is for shards.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use helper::data::Split;
use helper::prelude::Learner;
use helper::sweep::{Event, Keep};
use helper::{Cluster, Outcome, RayCluster, Result, Sweep};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str, at: usize| {
        let found = arguments.iter().position(|argument| argument == name)?;
        arguments.get(found + at).cloned()
    };
    let number = |name: &str, at: usize, default: usize| {
        after(name, at).map_or(default, |text| text.parse().expect("a whole number"))
    };
    let ray = match after("local", 1) {
        Some(_) => Cluster::ray_local(number("local", 1, 1), number("local", 2, 1))?,
        None => Cluster::ray(arguments.first().map_or("auto", String::as_str))?,
    };
    println!(r#"{{"ready":"{}","seconds":{}}}"#, ray.address(), ray.start_seconds());

    let split = helper::data::california_housing()?.split(0.2, 42)?;
    let (first, last) = (number("--trees", 1, 50), number("--trees", 2, 340));
    let mut sweep = Sweep::over_n_estimators((first..=last).step_by(number("--step", 1, 10)))
        .max_depth(20)
        .min_samples_split(5)
        .seed(42);
    if let Some(folder) = after("--bench", 1) {
        return bench(&ray, &sweep.quiet(), &split, &folder);
    }
    if let Some(folder) = after("--check", 1) {
        return check(&ray, &sweep.quiet(), &split, &folder);
    }
    if arguments.iter().any(|argument| argument == "--show") {
        println!("{}", sweep.run_on(&ray, &ray.put(&split)?)?);
        return Ok(());
    }
    let expected = match after("--bits", 1) {
        Some(bits) => bits,
        None => bits(&sweep.clone().quiet().run_sequential(&split)?),
    };
    if let Some(folder) = after("--journal", 1) {
        sweep = sweep.journal(std::path::Path::new(&folder).join("ray.jsonl"));
    }
    let sweep = sweep.on_event(|event| match event {
        Event::Finished(_, model) => println!(r#"{{"model":{}}}"#, model.model),
        Event::Warning(text) => println!(r#"{{"warning":{text:?}}}"#),
        Event::Starting(_) => println!(r#"{{"starting":true}}"#),
        _ => {}
    });
    let distributed = sweep.run_on(&ray, &ray.put(&split)?)?;
    let (found, Outcome { restored, warnings, seconds, .. }) = (bits(&distributed), &distributed);
    println!(
        r#"{{"same":{},"restored":{restored},"warnings":{warnings:?},"seconds":{seconds},"bits":"{found}"}}"#,
        found == expected
    );
    Ok(())
}

/// A hash of all predictions.
fn bits(outcome: &Outcome) -> String {
    let mut hasher = DefaultHasher::new();
    outcome.models.iter().flat_map(|model| &model.predictions).for_each(|y| y.to_bits().hash(&mut hasher));
    format!("{:016x}", hasher.finish())
}

/// Every kind of sweep, on Ray and on threads.
fn check(ray: &RayCluster, sweep: &Sweep, split: &Split, folder: &str) -> Result<()> {
    let threads = Cluster::local()?;
    let (here, there) = (threads.put(split.clone()), ray.put(split)?);
    let same = |kind: &str, one: &Outcome, other: &Outcome| {
        println!(r#"{{"kind":"{kind}","same":{},"mse":{}}}"#, one.same_bits(other), one.best().scores.mse);
    };
    let best = sweep.clone().keep(Keep::Best);
    let (on_ray, on_threads) = (best.run_on(ray, &there)?, best.run_on(&threads, &here)?);
    same("forest", &on_ray, &on_threads);
    let predict =
        |outcome: &Outcome| outcome.best_model().map(|model| model.predict(&split.test)).transpose();
    println!(r#"{{"kind":"kept","same":{}}}"#, predict(&on_ray)? == predict(&on_threads)?);
    let shared = sweep.clone().share_trees(true).oob_score(true);
    same("shared", &shared.run_on(ray, &there)?, &shared.run_on(&threads, &here)?);
    let smartcore = Sweep::over_n_estimators([10, 25]).max_depth(5).learner(Learner::Smartcore).quiet();
    same("smartcore", &smartcore.run_on(ray, &there)?, &smartcore.run_on(&threads, &here)?);
    let shards = split.shard(4, folder)?;
    println!(r#"{{"kind":"sizes","all":{},"largest":{}}}"#, shards.bytes(), shards.largest_bytes());
    same("shards", &sweep.run_on(ray, &shards)?, &sweep.run_on(&threads, &shards)?);
    Ok(())
}

/// A sweep on threads, and then on Ray. The rows go into the folder, for others to train on the same.
fn bench(ray: &RayCluster, sweep: &Sweep, split: &Split, folder: &str) -> Result<()> {
    split.shard(1, folder)?;
    let test: Vec<u8> = split.test.x().iter().chain(split.test.y()).flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(std::path::Path::new(folder).join("test.f64"), test).expect("the folder is there");
    let threads = Cluster::local_with(ray.workers())?;
    let local = threads.put(split.clone());
    let started = Instant::now();
    let data = ray.put(split)?;
    let put = started.elapsed().as_secs_f64();
    // A warm-up: workers load the library at their first task.
    let trivial = |tasks: u64| Sweep::over_n_estimators(1).max_depth(1).seed(0..tasks).quiet();
    trivial(20 * ray.workers() as u64).run_on(ray, &data)?;
    // Tasks so small that submitting them is all there is to do.
    let many = trivial(500).run_on(ray, &data)?;
    let dispatch = many.seconds / many.tasks.len() as f64;
    println!(r#"{{"put":{put},"bytes":{},"dispatch":{dispatch}}}"#, data.bytes());
    let (on_threads, on_ray) = (sweep.run_on(&threads, &local)?, sweep.run_on(ray, &data)?);
    assert!(on_threads.same_bits(&on_ray));
    let mse: Vec<f64> = on_ray.models.iter().map(|model| model.scores.mse).collect();
    println!(
        r#"{{"threads":{},"ray":{},"ray_busy":{},"tasks":{},"mse":{mse:?}}}"#,
        on_threads.seconds,
        on_ray.seconds,
        on_ray.busy_seconds(),
        on_ray.tasks.len(),
    );
    Ok(())
}
