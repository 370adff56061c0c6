//! Tasks and objects: what is shared, what is waited for, what fails.

mod faults;
mod graphs;
mod linear;
mod nested;
mod rayon;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::{Duration, Instant};

use helper::cluster::TaskState;
use helper::{Cluster, ErrorKind, ObjectRef};
use proptest::prelude::*;

/// Fails a test that hangs, in place of hanging with it.
fn within_a_minute<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let _ = send.send(test());
    });
    match receive.recv_timeout(Duration::from_secs(60)) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the tasks hang"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().map(|_| ()).unwrap_err())
        }
    }
}

fn nap(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

#[test]
fn an_object_is_shared_and_never_copied() {
    /// Cannot be copied at all.
    struct Unique(Vec<u8>);
    let cluster = Cluster::local_with(3).unwrap();
    let value = Unique(vec![7; 1 << 20]);
    let address = value.0.as_ptr() as usize;
    let object = cluster.put(value);
    let seen: Vec<ObjectRef<usize>> =
        (0..20).map(|_| cluster.remote(&object, |unique| unique.0.as_ptr() as usize)).collect();
    assert!(cluster.get_all(&seen).unwrap().iter().all(|seen| **seen == address));
    assert_eq!(cluster.get(&object).unwrap().0.as_ptr() as usize, address);
}

#[test]
fn an_object_is_freed_with_its_last_reference() {
    let cluster = Cluster::local_with(2).unwrap();
    let inner = Arc::new(());
    let object = cluster.put(Arc::clone(&inner));
    let task = cluster.remote(&object, |_| nap(20));
    drop(object);
    cluster.get(&task).unwrap();
    assert_eq!(Arc::strong_count(&inner), 1, "the task's hold on it ended before the task was done");
}

#[test]
fn remote_returns_before_the_task_is_done() {
    let cluster = Cluster::local_with(1).unwrap();
    let gate = Arc::new(Barrier::new(2));
    let task = cluster.remote((), {
        let gate = Arc::clone(&gate);
        move |()| {
            gate.wait();
            5
        }
    });
    // The task cannot end before this thread comes to the gate: `remote` did not wait for it.
    assert!(!task.is_done());
    gate.wait();
    assert_eq!(*cluster.get(&task).unwrap(), 5);
    assert!(task.is_done());
}

#[test]
fn workers_run_at_the_same_time_and_no_more_than_asked_for() {
    let cluster = Cluster::local_with(3).unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Arc::new(Barrier::new(3));
    let tasks: Vec<ObjectRef<()>> = (0..30)
        .map(|_| {
            let (now, most, gate) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&gate));
            cluster.remote((), move |()| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.wait(); // only three at once get past it
                now.fetch_sub(1, Ordering::SeqCst);
            })
        })
        .collect();
    cluster.get_all(&tasks).unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert!(cluster.tasks().iter().all(|task| task.worker.is_some_and(|worker| worker < 3)));
}

#[test]
fn arguments_are_there_before_the_task_starts() {
    let cluster = Cluster::local_with(2).unwrap();
    let slow = cluster.remote((), |()| {
        nap(50);
        2
    });
    let put = cluster.put(3);
    let product = cluster.remote((&slow, &put), |(a, b)| a * b);
    let three = cluster.remote((&slow, &put, &product), |(a, b, c)| a + b + c);
    let many = cluster.remote(&vec![slow.clone(), put.clone(), product.clone(), three.clone()], |all| {
        all.into_iter().sum::<i32>()
    });
    assert_eq!(*cluster.get(&many).unwrap(), 2 + 3 + 6 + 11);
    let started = product.task().unwrap().started.unwrap();
    assert!(started >= slow.task().unwrap().ended.unwrap());
}

#[test]
fn wait_hands_back_what_is_done() {
    let cluster = Cluster::local_with(3).unwrap();
    let gate = Arc::new(Barrier::new(2));
    let held = cluster.remote((), {
        let gate = Arc::clone(&gate);
        move |()| {
            gate.wait();
            1
        }
    });
    let quick = cluster.remote((), |()| 2);
    let refs = [held.clone(), quick];
    let (done, waiting) = cluster.wait(&refs, 1).unwrap();
    assert_eq!((done.len(), waiting.len()), (1, 1));
    assert_eq!(*cluster.get(&done[0]).unwrap(), 2);
    let started = Instant::now();
    let (done, waiting) = cluster.wait_timeout(&refs, 2, Duration::from_millis(30)).unwrap();
    assert_eq!((done.len(), waiting.len()), (1, 1));
    assert!(started.elapsed() >= Duration::from_millis(30));
    gate.wait();
    assert_eq!(cluster.wait(&refs, 2).unwrap().0.len(), 2);
    for wrong in [0, 3] {
        let error = cluster.wait(&refs, wrong).unwrap_err().to_string();
        assert!(error.contains("num_returns") && error.contains(&wrong.to_string()), "{error}");
    }
}

#[test]
fn a_panic_fails_its_task_and_those_that_need_it_alone() {
    let cluster = Cluster::local_with(2).unwrap();
    let fails: ObjectRef<i32> =
        cluster.options().name("doomed").max_retries(0).remote((), |()| panic!("no {}", "luck"));
    let depends = cluster.remote(&fails, |n| n + 1);
    let other = cluster.remote((), |()| 1);
    for error in [cluster.get(&fails).unwrap_err(), cluster.get(&depends).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Task);
        assert!(error.to_string().contains("doomed") && error.to_string().contains("no luck"), "{error}");
    }
    assert_eq!(*cluster.get(&other).unwrap(), 1);
    let states: Vec<TaskState> = cluster.tasks().iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskState::Failed, TaskState::Failed, TaskState::Finished]);
    // The worker is as good as before.
    assert_eq!(*cluster.get(&cluster.remote((), |()| 2)).unwrap(), 2);
}

#[test]
fn records_say_who_when_and_how_long() {
    let cluster = Cluster::local_with(1).unwrap();
    let first = cluster.options().name("first").remote((), |()| nap(30));
    let second = cluster.options().name("second").remote((), |()| {
        let mut x = 0_u64;
        let started = Instant::now();
        // So many steps take 10 ms and more of any processor, however little of it one gets.
        while started.elapsed() < Duration::from_millis(30) || x < 20_000_000 {
            x = std::hint::black_box(x.wrapping_add(1));
        }
    });
    cluster.get_all(&[first, second]).unwrap();
    let tasks = cluster.tasks();
    assert_eq!(tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    for task in tasks.iter() {
        assert_eq!((task.worker, task.attempt, task.state), (Some(0), 1, TaskState::Finished));
        let (started, ended) = (task.started.unwrap(), task.ended.unwrap());
        assert!(task.queued <= started && started + Duration::from_millis(30) <= ended);
    }
    // One worker: the second waited for the first.
    assert!(tasks[1].started.unwrap() >= tasks[0].ended.unwrap());
    // A sleeping task takes no processor time, a busy one does.
    assert!(tasks[0].cpu.unwrap() < Duration::from_millis(15));
    assert!(tasks[1].cpu.unwrap() > Duration::from_millis(5));
}

#[test]
fn a_number_of_workers_that_makes_no_sense_is_refused() {
    for workers in [0, 1025, usize::MAX] {
        let error = Cluster::local_with(workers).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        assert!(error.to_string().contains(&workers.to_string()), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any graph of tasks gives what plain code gives, with any number of workers.
    #[test]
    fn any_graph_comes_out_right(
        workers in 1..5_usize,
        graph in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<prop::sample::Index>(), 0..4)), 1..40),
    ) {
        let cluster = Cluster::local_with(workers).unwrap();
        let mut refs: Vec<ObjectRef<u64>> = Vec::new();
        let mut expected: Vec<u64> = Vec::new();
        for (value, needs) in graph {
            let needs: Vec<usize> = match refs.is_empty() {
                true => Vec::new(),
                false => needs.iter().map(|index| index.index(refs.len())).collect(),
            };
            let args: Vec<ObjectRef<u64>> = needs.iter().map(|&i| refs[i].clone()).collect();
            let value = u64::from(value);
            expected.push(needs.iter().fold(value, |sum, &i| sum.wrapping_mul(31).wrapping_add(expected[i])));
            refs.push(cluster.remote(&args, move |args| {
                args.into_iter().fold(value, |sum, arg| sum.wrapping_mul(31).wrapping_add(*arg))
            }));
        }
        let found: Vec<u64> = cluster.get_all(&refs).unwrap().iter().map(|value| **value).collect();
        prop_assert_eq!(found, expected);
    }
}
