//! Tasks that wait for other tasks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use helper::cluster::TaskState;
use helper::{Cluster, ErrorKind, ObjectRef};

use super::within_a_minute;

#[test]
fn one_worker_runs_what_its_task_waits_for() {
    let cluster = Cluster::local_with(1).unwrap();
    let task = cluster.options().name("outer").remote((), {
        let cluster = cluster.clone();
        move |()| {
            let inner = cluster.options().name("inner").remote((), |()| std::thread::current().id());
            (std::thread::current().id(), *cluster.get(&inner).unwrap())
        }
    });
    let (outer, inner) = *within_a_minute({
        let cluster = cluster.clone();
        move || cluster.get(&task).unwrap()
    });
    assert_eq!(outer, inner, "the worker ran it itself");
    let tasks = cluster.tasks();
    let spans: Vec<_> =
        [0, 1, 0].iter().zip([0, 0, 1]).map(|(&task, span)| tasks[task].spans[span]).collect();
    assert_eq!((tasks[0].spans.len(), tasks[1].spans.len()), (2, 1));
    // One after the other on the one worker: the outer task, the inner, the outer again.
    assert!(spans.windows(2).all(|pair| pair[0].ended.unwrap() <= pair[1].started), "{spans:?}");
    assert!(spans.iter().all(|span| span.worker == 0 && span.attempt == 1));
}

#[test]
fn wait_runs_what_nobody_has_begun() {
    within_a_minute(|| {
        let cluster = Cluster::local_with(1).unwrap();
        let gate = Arc::new(Barrier::new(2));
        let begun = cluster.remote((), {
            let (cluster, gate) = (cluster.clone(), Arc::clone(&gate));
            move |()| {
                gate.wait();
                // Two that can run, and one whose arguments have to be run first.
                let one = cluster.remote((), |()| 1);
                let two = cluster.remote((), |()| 2);
                let sum = cluster.remote((&one, &two), |(one, two)| one + two);
                let (done, rest) = cluster.wait(&[sum.clone(), sum, cluster.put(3)], 3).unwrap();
                assert!(rest.is_empty());
                cluster.get_all(&done).unwrap().iter().map(|value| **value).sum::<i32>()
            }
        });
        gate.wait();
        let waits = cluster.remote((), {
            let (cluster, begun) = (cluster.clone(), begun.clone());
            move |()| *cluster.get(&begun).unwrap() + 1
        });
        assert_eq!(*cluster.get(&waits).unwrap(), 10);
    });
}

#[test]
fn a_timeout_ends_a_wait_in_a_task() {
    let cluster = Cluster::local_with(2).unwrap();
    let gate = Arc::new(Barrier::new(2));
    let held = cluster.remote((), {
        let gate = Arc::clone(&gate);
        move |()| {
            gate.wait();
        }
    });
    while held.task().unwrap().state == TaskState::Pending {
        std::thread::yield_now();
    }
    let waits = cluster.remote((), {
        let (cluster, held) = (cluster.clone(), held.clone());
        move |()| {
            let nap = Duration::from_millis(20);
            let (done, rest) = cluster.wait_timeout(std::slice::from_ref(&held), 1, nap).unwrap();
            (done.len(), rest.len())
        }
    });
    assert_eq!(*cluster.get(&waits).unwrap(), (0, 1));
    gate.wait();
    let record = waits.task().unwrap();
    assert_eq!(record.spans.len(), 2, "the wait is no part of what it ran");
    assert!(record.spans[1].started - record.spans[0].ended.unwrap() >= Duration::from_millis(20));
}

/// How deep a chain of tasks is, each of which waits for the next.
fn down(cluster: &Cluster, left: u32) -> u32 {
    // Something for the stack.
    let ballast = std::hint::black_box([0_u8; 4096]);
    if left == 0 {
        return u32::from(ballast[0]);
    }
    let next = cluster.remote((), {
        let cluster = cluster.clone();
        move |()| down(&cluster, left - 1)
    });
    1 + *cluster.get(&next).unwrap()
}

#[test]
fn a_chain_of_ten_thousand_waits_fits_the_stack() {
    within_a_minute(|| {
        for workers in [1, 2] {
            let cluster = Cluster::local_with(workers).unwrap();
            let top = cluster.remote((), {
                let cluster = cluster.clone();
                move |()| down(&cluster, 10_000)
            });
            assert_eq!(*cluster.get(&top).unwrap(), 10_000);
        }
    });
}

#[test]
fn a_chain_too_long_for_the_stack_is_an_error() {
    within_a_minute(|| {
        let cluster = Cluster::local_with(1).unwrap();
        let top = cluster.remote((), {
            let cluster = cluster.clone();
            move |()| down(&cluster, 60_000)
        });
        let error = cluster.get(&top).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Task);
        let said = error.to_string();
        assert!(said.contains("fills the worker's stack") && said.contains("arguments"), "{said}");
        let tasks = cluster.tasks();
        assert!(tasks.len() > 10_000 && tasks.iter().all(|task| task.attempt == 1));
        // The worker is as good as before, and tries again what fails otherwise.
        let calls = AtomicUsize::new(0);
        let unlucky = cluster.remote((), move |()| assert!(calls.fetch_add(1, Ordering::SeqCst) > 0));
        cluster.get(&unlucky).unwrap();
    });
}

#[test]
fn a_long_chain_of_arguments_takes_no_stack() {
    within_a_minute(|| {
        for workers in [1, 2] {
            let cluster = Cluster::local_with(workers).unwrap();
            let gate = Arc::new(Barrier::new(2));
            let mut last = cluster.remote((), {
                let gate = Arc::clone(&gate);
                move |()| {
                    gate.wait();
                    0
                }
            });
            for _ in 0..100_000 {
                last = cluster.remote(&last, |n| n + 1);
            }
            let waits = cluster.remote((), {
                let cluster = cluster.clone();
                move |()| *cluster.get(&last).unwrap()
            });
            gate.wait();
            assert_eq!(*cluster.get(&waits).unwrap(), 100_000);
        }
    });
}

#[test]
fn tasks_that_wait_for_one_hold_no_more_than_the_workers() {
    within_a_minute(|| {
        let cluster = Cluster::local_with(2).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let slow = cluster.remote((), move |()| gate.lock().unwrap().recv().is_ok());
        while slow.task().unwrap().state == TaskState::Pending {
            std::thread::yield_now();
        }
        let begun = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<ObjectRef<bool>> = (0..2_000)
            .map(|_| {
                let (inside, slow, begun) = (cluster.clone(), slow.clone(), Arc::clone(&begun));
                cluster.remote((), move |()| {
                    begun.fetch_add(1, Ordering::SeqCst);
                    *inside.get(&slow).unwrap()
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50));
        assert!(begun.load(Ordering::SeqCst) <= 1, "a worker that waits begins nothing else");
        open.send(()).unwrap();
        assert!(cluster.get_all(&waiting).unwrap().iter().all(|value| **value));
    });
}

/// Each of two clusters with one worker waits for a task that stands in the other's queue.
#[test]
fn a_worker_runs_the_task_of_another_cluster_that_it_waits_for() {
    within_a_minute(|| {
        let (a, b) = (Cluster::local_with(1).unwrap(), Cluster::local_with(1).unwrap());
        let gate = Arc::new(Barrier::new(3));
        let both = Arc::new(Barrier::new(2));
        let late = |cluster: &Cluster, value: u64| {
            let (send, receive) = mpsc::channel::<ObjectRef<u64>>();
            let (receive, gate) = (std::sync::Mutex::new(receive), Arc::clone(&gate));
            let inside = cluster.clone();
            let busy = cluster.remote((), move |()| {
                gate.wait();
                let other = receive.lock().unwrap().recv().unwrap();
                *inside.get(&other).unwrap()
            });
            let both = Arc::clone(&both);
            let queued = cluster.remote((), move |()| {
                both.wait();
                value
            });
            (send, busy, queued)
        };
        let (to_a, on_a, queued_on_a) = late(&a, 1);
        let (to_b, on_b, queued_on_b) = late(&b, 2);
        to_a.send(queued_on_b.clone()).unwrap();
        to_b.send(queued_on_a).unwrap();
        gate.wait();
        assert_eq!((*a.get(&on_a).unwrap(), *b.get(&on_b).unwrap()), (2, 1));
        assert_eq!(queued_on_b.task().unwrap().worker, Some(1), "worker 0 of the other cluster");
    });
}
