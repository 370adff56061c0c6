//! rayon's own parallel loops on the workers of a cluster.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use helper::rayon::prelude::*;
use helper::{Cluster, ObjectRef, rayon};

use super::within_a_minute;

#[test]
fn a_parallel_iterator_runs_on_the_workers() {
    let cluster = Cluster::local_with(2).unwrap();
    // Only two threads at once get past it.
    let gate = Barrier::new(2);
    let workers: Vec<usize> = cluster.install(|| {
        let at = |_| {
            gate.wait();
            rayon::current_thread_index().unwrap()
        };
        (0..2).into_par_iter().with_max_len(1).map(at).collect()
    });
    assert!(workers == [0, 1] || workers == [1, 0], "{workers:?}");
    assert!(cluster.tasks().is_empty());
}

#[test]
fn what_is_installed_may_wait_for_tasks() {
    within_a_minute(|| {
        let cluster = Cluster::local_with(1).unwrap();
        let sum = cluster.install(|| {
            let parts: Vec<ObjectRef<i32>> = (0..3).map(|n| cluster.remote((), move |()| n)).collect();
            let (done, _) = cluster.wait(&parts, 3).unwrap();
            cluster.get_all(&done).unwrap().iter().map(|n| **n).sum::<i32>()
        });
        assert_eq!(sum, 3);
    });
}

/// While a task waits inside a parallel loop of its own, rayon runs what is queued on top of it. A task
/// there that waited for the lower one would never end.
#[test]
fn no_task_lies_on_top_of_one_that_does_not_wait_for_it() {
    within_a_minute(|| {
        for _ in 0..50 {
            let cluster = Cluster::local_with(2).unwrap();
            let loops: Vec<ObjectRef<usize>> = (0..4)
                .map(|_| {
                    let spin = |n: usize| (0..2_000).fold(n, |n, i| std::hint::black_box(n ^ i));
                    cluster.remote((), move |()| (0..64).into_par_iter().with_max_len(1).map(spin).sum())
                })
                .collect();
            let waits: Vec<ObjectRef<usize>> = (0..40)
                .map(|n| {
                    let (inside, needed) = (cluster.clone(), loops[n % 4].clone());
                    cluster.remote((), move |()| *inside.get(&needed).unwrap())
                })
                .collect();
            let values = cluster.get_all(&waits).unwrap();
            assert!(values.iter().all(|value| *value == values[0]));
        }
    });
}

#[test]
fn workers_end_with_the_last_handle_once_all_is_done() {
    let done = Arc::new(AtomicUsize::new(0));
    let cluster = Cluster::local_with(2).unwrap();
    let mut last = cluster.put(0);
    for _ in 0..100 {
        let done = Arc::clone(&done);
        last = cluster.remote(&last, move |n| {
            done.fetch_add(1, Ordering::SeqCst);
            n + 1
        });
    }
    drop(last);
    drop(cluster);
    while done.load(Ordering::SeqCst) < 100 {
        std::thread::yield_now();
    }
}
