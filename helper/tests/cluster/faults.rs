//! Tasks that fail, are tried again, or are cancelled; what they hold.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use helper::cluster::TaskState;
use helper::{Cluster, ErrorKind, ObjectRef};

/// A function that panics so many times, then gives how often it was called.
fn unlucky(times: u32) -> impl Fn(()) -> u32 {
    let calls = AtomicU32::new(0);
    move |()| {
        let call = calls.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(call > times, "unlucky at call {call}");
        call
    }
}

#[test]
fn a_panic_is_followed_by_three_more_attempts() {
    let cluster = Cluster::local_with(2).unwrap();
    let lucky = cluster.remote((), unlucky(3));
    assert_eq!(*cluster.get(&lucky).unwrap(), 4);
    let record = lucky.task().unwrap();
    assert_eq!((record.state, record.attempt, record.error), (TaskState::Finished, 4, None));
    assert_eq!(record.spans.iter().map(|span| span.attempt).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(record.started, Some(record.spans[3].started));

    let doomed = cluster.options().name("model 7").remote((), unlucky(4));
    let error = cluster.get(&doomed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Task);
    for part in ["task 1 (model 7)", "attempt 4 of 4", "unlucky at call 4"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let record = doomed.task().unwrap();
    assert_eq!((record.state, record.attempt, record.error), (TaskState::Failed, 4, Some(error)));
}

#[test]
fn how_often_is_up_to_the_options() {
    let cluster = Cluster::local_with(1).unwrap();
    let once = cluster.options().max_retries(0).remote((), unlucky(1));
    let error = cluster.get(&once).unwrap_err().to_string();
    assert!(error.contains("attempt 1 of 1"), "{error}");
    let often = cluster.options().max_retries(20).remote((), unlucky(20));
    assert_eq!(*cluster.get(&often).unwrap(), 21);
}

#[test]
fn an_error_is_tried_again_only_where_that_is_asked_for() {
    let cluster = Cluster::local_with(1).unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let fails_twice = || {
        let calls = Arc::clone(&calls);
        move |()| match calls.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Err("not yet"),
            call => Ok(call),
        }
    };
    let failed = cluster.options().name("try").try_remote((), fails_twice());
    let error = cluster.get(&failed).unwrap_err();
    assert_eq!((error.kind(), calls.swap(0, Ordering::SeqCst)), (ErrorKind::Task, 1));
    assert_eq!(error.to_string(), "task 0 (try) returned an error in attempt 1 of 1: not yet");
    let done = cluster.options().retry_exceptions(true).try_remote((), fails_twice());
    assert_eq!((*cluster.get(&done).unwrap(), calls.swap(0, Ordering::SeqCst)), (2, 3));
    let failed = cluster.options().retry_exceptions(true).max_retries(1).try_remote((), fails_twice());
    let error = cluster.get(&failed).unwrap_err().to_string();
    assert!(error.contains("attempt 2 of 2") && error.ends_with("not yet"), "{error}");
    // Given back as a value, it is a value.
    let value = cluster.remote((), |()| Err::<(), _>("a value"));
    assert_eq!(*cluster.get(&value).unwrap(), Err("a value"));
}

#[test]
fn what_a_task_held_is_let_go_however_it_ends() {
    let cluster = Cluster::local_with(1).unwrap();
    let (object, inside) = (Arc::new(()), Arc::new(()));
    let put = cluster.put(Arc::clone(&object));
    let bad: ObjectRef<()> = cluster.options().max_retries(0).remote((), |()| panic!("bad"));
    let touch = |inside: &Arc<()>| {
        let _inside = Arc::clone(inside);
        move || drop(Arc::clone(&_inside))
    };
    let finished = cluster.remote(&put, {
        let touch = touch(&inside);
        move |_| touch()
    });
    let failed: ObjectRef<()> = cluster.options().max_retries(1).remote(&put, {
        let touch = touch(&inside);
        move |_| {
            touch();
            panic!("after touching")
        }
    });
    let without_argument = cluster.remote((&put, &bad), {
        let touch = touch(&inside);
        move |_| touch()
    });
    let gate = Arc::new(Barrier::new(2));
    let busy = cluster.remote((), {
        let gate = Arc::clone(&gate);
        move |()| {
            gate.wait();
        }
    });
    let cancelled = cluster.remote(&put, {
        let touch = touch(&inside);
        move |_| touch()
    });
    drop(put);
    cluster.cancel(&cancelled);
    gate.wait();
    for task in [&finished, &failed, &without_argument, &busy, &cancelled] {
        let _ = cluster.get(task);
    }
    assert_eq!(Arc::strong_count(&object), 1, "somebody holds the object");
    assert_eq!(Arc::strong_count(&inside), 1, "somebody holds a function");
}

#[test]
fn a_value_lives_as_long_as_somebody_refers_to_it() {
    let cluster = Cluster::local_with(1).unwrap();
    for _ in 0..1_000 {
        let value = Arc::new(());
        let made = cluster.remote((), {
            let value = Arc::clone(&value);
            move |()| Arc::clone(&value)
        });
        let copy = made.clone();
        drop(cluster.get(&made).unwrap());
        drop(made);
        assert_eq!(Arc::strong_count(&value), 2);
        // At once, also where the worker has only just brought it.
        drop(copy);
        assert_eq!(Arc::strong_count(&value), 1, "nobody refers to it any more");
    }
}

#[test]
fn a_pending_task_is_cancelled_at_once() {
    let cluster = Cluster::local_with(1).unwrap();
    let gate = Arc::new(Barrier::new(2));
    let busy = cluster.remote((), {
        let gate = Arc::clone(&gate);
        move |()| {
            gate.wait();
            1
        }
    });
    let queued = cluster.options().name("queued").remote((), |()| 2);
    let waits_for_argument = cluster.remote(&busy, |n| n + 1);
    let depends = cluster.remote(&queued, |n| n + 1);
    cluster.cancel(&queued);
    cluster.cancel(&waits_for_argument);
    // The worker is still at the first: nothing of this waited for it.
    let error = cluster.get(&queued).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(error.to_string(), "task 1 (queued) was cancelled before it was done");
    assert_eq!(cluster.get(&waits_for_argument).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(queued.task().unwrap().state, TaskState::Cancelled);
    gate.wait();
    assert_eq!(*cluster.get(&busy).unwrap(), 1);
    assert_eq!(cluster.get(&depends).unwrap_err(), error, "what needs it fails with it");
    // What is done stays done, and what was put was never a task.
    cluster.cancel(&busy);
    cluster.cancel(&cluster.put(1));
    assert_eq!(*cluster.get(&busy).unwrap(), 1);
    assert!(queued.task().unwrap().spans.is_empty(), "it was never begun");
}

#[test]
fn a_running_task_sees_that_it_was_cancelled() {
    let cluster = Cluster::local_with(2).unwrap();
    let gate = Arc::new(Barrier::new(2));
    let task = cluster.remote((), {
        let (cluster, gate) = (cluster.clone(), Arc::clone(&gate));
        move |()| {
            assert!(!cluster.cancelled());
            // Asked for by this task: cancelled with it.
            let child = cluster.remote((), {
                let (cluster, gate) = (cluster.clone(), Arc::clone(&gate));
                move |()| {
                    gate.wait();
                    while !cluster.cancelled() {
                        std::thread::yield_now();
                    }
                }
            });
            while !cluster.cancelled() {
                std::thread::yield_now();
            }
            child
        }
    });
    gate.wait();
    cluster.cancel(&task);
    assert_eq!(cluster.get(&task).unwrap_err().kind(), ErrorKind::Cancelled);
    while !cluster.tasks().iter().all(|task| task.state == TaskState::Cancelled) {
        std::thread::yield_now();
    }
    assert!(!cluster.cancelled(), "this is no task");
    assert_eq!(*cluster.get(&cluster.remote((), |()| 3)).unwrap(), 3);
}

#[test]
fn a_cancelled_task_is_not_tried_again() {
    let cluster = Cluster::local_with(1).unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let gate = Arc::new(Barrier::new(2));
    let task: ObjectRef<()> = cluster.remote((), {
        let (cluster, calls, gate) = (cluster.clone(), Arc::clone(&calls), Arc::clone(&gate));
        move |()| {
            calls.fetch_add(1, Ordering::SeqCst);
            gate.wait();
            while !cluster.cancelled() {
                std::thread::yield_now();
            }
            panic!("out of here");
        }
    });
    gate.wait();
    cluster.cancel(&task);
    assert_eq!(cluster.get(&task).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
