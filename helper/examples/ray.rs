//! A sweep on a Ray cluster, held against the same on this thread:
//! `ray (local NODES CPUS | ADDRESS) [--trees FIRST LAST] [--step BY] [--patience SECONDS] [--journal FOLDER] [--shards
//! FOLDER] [--keep] [--bench FOLDER] [--show]`.
//!
//! Each line that it prints is JSON: when the cluster is there, for each model, and at the end
//! whether all scores have the same bits. With `--show` it shows the outcome instead, for people.

use std::time::{Duration, Instant};

use helper::data::Split;
use helper::sweep::{Event, Keep};
use helper::{Cluster, RayCluster, Result, Sweep};

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
    let ray = ray.patience(Duration::from_secs(number("--patience", 1, 120) as u64));
    println!(
        r#"{{"ready":"{}","workers":{},"nodes":{},"seconds":{}}}"#,
        ray.address(),
        ray.workers(),
        ray.nodes().len(),
        ray.start_seconds()
    );

    let split = helper::data::california_housing()?.split(0.2, 42)?;
    let (first, last) = (number("--trees", 1, 50), number("--trees", 2, 340));
    let mut sweep = Sweep::over_n_estimators((first..=last).step_by(number("--step", 1, 10)))
        .max_depth(20)
        .min_samples_split(5)
        .seed(42);
    if let Some(folder) = after("--bench", 1) {
        return bench(&ray, &sweep.quiet(), &split, &folder);
    }
    if let Some(folder) = after("--shards", 1) {
        let (shards, quiet) = (split.shard(4, folder)?, sweep.clone().quiet());
        let threads = quiet.run_on(&Cluster::local()?, &shards)?;
        let distributed = quiet.run_on(&ray, &shards)?;
        let whole = quiet.run_on(&Cluster::local()?, &Cluster::local()?.put(split.clone()))?;
        println!(
            r#"{{"shards":{},"same":{},"mse":{},"whole":{},"bytes":{},"largest":{}}}"#,
            shards.len(),
            distributed.same_bits(&threads),
            distributed.best().scores.mse,
            whole.best().scores.mse,
            shards.bytes(),
            shards.largest_bytes(),
        );
        return Ok(());
    }
    if arguments.iter().any(|argument| argument == "--show") {
        println!("{}", sweep.run_on(&ray, &ray.put(&split)?)?);
        return Ok(());
    }
    if arguments.iter().any(|argument| argument == "--keep") {
        sweep = sweep.keep(Keep::Best);
    }
    let sequential = sweep.clone().quiet().run_sequential(&split)?;
    if let Some(folder) = after("--journal", 1) {
        sweep = sweep.journal(std::path::Path::new(&folder).join("ray.jsonl"));
    }
    let sweep = sweep.on_event(|event| match event {
        Event::Finished { model, .. } => println!(r#"{{"model":{}}}"#, model.model),
        Event::Starting { .. } => println!(r#"{{"starting":true}}"#),
        _ => {}
    });
    let data = ray.put(&split)?;
    let distributed = sweep.run_on(&ray, &data)?;
    println!(
        r#"{{"same":{},"kept":{},"seconds":{},"sequential":{},"restored":{},"failed":{},"put":{},"bytes":{},"retried":{}}}"#,
        distributed.same_bits(&sequential),
        match (distributed.best_model(), sequential.best_model()) {
            (Some(one), Some(other)) => one.predict(&split.test)? == other.predict(&split.test)?,
            _ => false,
        },
        distributed.seconds,
        sequential.seconds,
        distributed.restored,
        distributed.failed.len(),
        data.put_seconds(),
        data.bytes(),
        distributed.tasks.iter().filter(|task| task.attempt > 1).count(),
    );
    Ok(())
}

/// The sweep on threads, and then on Ray. The rows go into the folder, for others to train on the same.
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
    // Tasks so small that handing them out is all there is to do.
    let many = trivial(500).run_on(ray, &data)?;
    let dispatch = many.seconds / many.tasks.len() as f64;
    println!(r#"{{"put":{put},"bytes":{},"dispatch":{dispatch}}}"#, data.bytes());
    let (on_threads, on_ray) = (sweep.run_on(&threads, &local)?, sweep.run_on(ray, &data)?);
    assert!(on_threads.same_bits(&on_ray));
    let mse: Vec<f64> = on_ray.models.iter().map(|model| model.scores.mse).collect();
    println!(
        r#"{{"threads":{},"ray":{},"threads_busy":{},"ray_busy":{},"tasks":{},"trees":{},"mse":{mse:?}}}"#,
        on_threads.seconds,
        on_ray.seconds,
        on_threads.busy_seconds(),
        on_ray.busy_seconds(),
        on_ray.tasks.len(),
        on_ray.trees_grown(),
    );
    Ok(())
}
