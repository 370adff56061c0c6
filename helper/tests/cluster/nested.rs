//! Tasks that wait for other tasks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use helper::cluster::TaskState;
use helper::{Cluster, ObjectRef};
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
fn a_thread_stands_in_for_one_that_waits() {
    within_a_minute(|| {
        let cluster = Cluster::local_with(1).unwrap();
        let gate = Arc::new(Barrier::new(2));
        // Begun by the one worker, so what waits for it cannot run it: nothing would ever go on
        // if no other thread came.
        let begun = cluster.remote((), {
            let (cluster, gate) = (cluster.clone(), Arc::clone(&gate));
            move |()| {
                gate.wait();
                let needs_the_worker = cluster.remote((), |()| 1);
                let (done, _) = cluster.wait(&[needs_the_worker], 1).unwrap();
                *cluster.get(&done[0]).unwrap()
            }
        });
        gate.wait();
        let waits = cluster.remote((), {
            let (cluster, begun) = (cluster.clone(), begun.clone());
            move |()| *cluster.get(&begun).unwrap() + 1
        });
        assert_eq!(*cluster.get(&waits).unwrap(), 2);
    });
}

#[test]
fn a_long_chain_of_waits_needs_no_deep_stack() {
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
    let depth = within_a_minute(|| {
        let cluster = Cluster::local_with(1).unwrap();
        let top = cluster.remote((), {
            let cluster = cluster.clone();
            move |()| down(&cluster, 5_000)
        });
        *cluster.get(&top).unwrap()
    });
    assert_eq!(depth, 5_000);
}

#[test]
fn many_that_wait_for_one_do_not_make_a_thread_each() {
    within_a_minute(|| {
        let cluster = Cluster::local_with(2).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let slow = cluster.remote((), move |()| gate.lock().unwrap().recv().is_ok());
        while slow.task().unwrap().state == TaskState::Pending {
            std::thread::yield_now();
        }
        let at_it = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<ObjectRef<bool>> = (0..2_000)
            .map(|_| {
                let (inside, slow, at_it) = (cluster.clone(), slow.clone(), Arc::clone(&at_it));
                cluster.remote((), move |()| {
                    at_it.fetch_add(1, Ordering::SeqCst);
                    *inside.get(&slow).unwrap()
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(100));
        assert!(
            at_it.load(Ordering::SeqCst) < 300,
            "{} tasks hold a thread each",
            at_it.load(Ordering::SeqCst)
        );
        open.send(()).unwrap();
        assert!(cluster.get_all(&waiting).unwrap().iter().all(|value| **value));
    });
}

/// What a task of a random graph does with the tasks that it refers to, all asked for before it.
#[derive(Debug, Clone)]
enum Need {
    /// Takes it as an argument.
    Argument(prop::sample::Index),
    /// Calls `get` on it.
    Get(prop::sample::Index),
    /// Calls `wait` on it.
    Wait(prop::sample::Index),
    /// Asks for a task of its own that gets it, and gets that.
    Child(prop::sample::Index),
}

fn need() -> impl Strategy<Value = Need> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        index().prop_map(Need::Argument),
        index().prop_map(Need::Get),
        index().prop_map(Need::Wait),
        index().prop_map(Need::Child),
    ]
}

/// What the tasks give, and the most that ran at the same time.
fn run(workers: usize, graph: &[(u8, Vec<Need>)]) -> (Vec<u64>, usize) {
    let cluster = Cluster::local_with(workers).unwrap();
    let mut refs: Vec<ObjectRef<u64>> = Vec::new();
    for (value, needs) in graph {
        let needs = if refs.is_empty() { &[][..] } else { needs };
        let at = |index: &prop::sample::Index| refs[index.index(refs.len())].clone();
        let args: Vec<_> =
            needs.iter().filter_map(|n| if let Need::Argument(i) = n { Some(at(i)) } else { None }).collect();
        let others: Vec<(Need, ObjectRef<u64>)> = needs
            .iter()
            .filter_map(|need| match need {
                Need::Argument(_) => None,
                Need::Get(i) | Need::Wait(i) | Need::Child(i) => Some((need.clone(), at(i))),
            })
            .collect();
        let (inside, value) = (cluster.clone(), u64::from(*value));
        let task = cluster.remote(&args, move |args| {
            let cluster = &inside;
            let mut sum = args.into_iter().fold(value, |sum, arg| sum.wrapping_add(*arg));
            for (need, object) in &others {
                let got = match need {
                    Need::Wait(_) => {
                        let both = [object.clone(), cluster.put(0)];
                        let (done, _) = cluster.wait(&both, 2).unwrap();
                        cluster.get(&done[0]).unwrap()
                    }
                    Need::Child(_) => {
                        let child = cluster.remote((), {
                            let (cluster, object) = (cluster.clone(), object.clone());
                            move |()| *cluster.get(&object).unwrap()
                        });
                        cluster.get(&child).unwrap()
                    }
                    _ => cluster.get(object).unwrap(),
                };
                sum = sum.wrapping_add(*got);
            }
            sum
        });
        refs.push(task);
    }
    let found = cluster.get_all(&refs).unwrap().iter().map(|value| **value).collect();
    // Who ran when, as marks on a line: never more than there are workers, never two on one.
    let mut marks = Vec::new();
    for task in cluster.tasks().iter() {
        assert!(task.state == TaskState::Finished && task.attempt == 1);
        for span in &task.spans {
            assert!(span.worker < workers);
            marks.push((span.started, 1));
            marks.push((span.ended.unwrap(), -1));
        }
    }
    marks.sort_unstable();
    let mut now = 0;
    let most = marks
        .iter()
        .map(|(_, step)| {
            now += step;
            now
        })
        .max()
        .unwrap_or(0);
    (found, usize::try_from(most).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However tasks wait for each other, all are done, and no more run at once than may.
    #[test]
    fn no_graph_of_waits_hangs(
        workers in 1..4_usize,
        graph in prop::collection::vec((any::<u8>(), prop::collection::vec(need(), 0..4)), 1..30),
    ) {
        let mut expected: Vec<u64> = Vec::new();
        for (value, needs) in &graph {
            let of = |need: &Need| match need {
                Need::Argument(i) | Need::Get(i) | Need::Wait(i) | Need::Child(i) => i.index(expected.len()),
            };
            let needs = if expected.is_empty() { &[][..] } else { needs };
            expected.push(needs.iter().fold(u64::from(*value), |sum, need| sum.wrapping_add(expected[of(need)])));
        }
        let (found, most) = within_a_minute(move || run(workers, &graph));
        prop_assert_eq!(found, expected);
        prop_assert!(most <= workers, "{} at once on {} workers", most, workers);
    }
}
