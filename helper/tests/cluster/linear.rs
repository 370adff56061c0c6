//! What a call and a wait cost, however many there are.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use helper::{Cluster, ObjectRef};

use super::within_a_minute;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator; counts how often a thread asks it for memory.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all calls go to the system's allocator as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

/// A wait registers with none of the tasks, so it has nothing to take back: all that it asks memory for are
/// the two vectors that it returns.
#[test]
fn a_wait_in_a_loop_allocates_what_it_returns() {
    within_a_minute(|| {
        let cluster = Cluster::local_with(2).unwrap();
        let mut rest: Vec<ObjectRef<()>> = (0..10_000).map(|_| cluster.remote((), |()| ())).collect();
        let before = ALLOCATED.get();
        let mut waits = 0;
        while !rest.is_empty() {
            let (done, waiting) = cluster.wait(&rest, 1).unwrap();
            assert_eq!(done.len(), 1);
            rest = waiting;
            waits += 1;
        }
        let allocated = ALLOCATED.get() - before;
        assert!(waits == 10_000 && allocated <= 2 * waits, "{allocated} in {waits} waits");
    });
}

#[test]
fn a_wait_that_times_out_leaves_nothing_behind() {
    let cluster = Cluster::local_with(1).unwrap();
    let nap = || std::thread::sleep(Duration::from_millis(100));
    let refs: Vec<ObjectRef<()>> = (0..1_000).map(|_| cluster.remote((), move |()| nap())).collect();
    let before = ALLOCATED.get();
    for _ in 0..100 {
        assert_eq!(cluster.wait_timeout(&refs, 1_000, Duration::from_nanos(1)).unwrap().1.len(), 1_000);
    }
    assert!(ALLOCATED.get() - before <= 200, "{} allocations", ALLOCATED.get() - before);
    refs.iter().for_each(|task| cluster.cancel(task));
}

/// Processor time of 2,000 calls, the median of so many times. They are made in a task of another cluster,
/// whose record tells the time.
fn calls(cluster: &Cluster, times: usize) -> Duration {
    let clock = Cluster::local_with(1).unwrap();
    let chunk = |_| {
        let cluster = cluster.clone();
        let timed = clock.remote((), move |()| (0..2_000).for_each(|_| drop(cluster.remote((), |()| ()))));
        clock.get(&timed).unwrap();
        timed.task().unwrap().cpu.unwrap()
    };
    let mut times: Vec<Duration> = (0..times).map(chunk).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// The last of 250,000 calls cost what the first ones did, also where none is done meanwhile.
#[test]
fn a_call_costs_the_same_however_many_came_before() {
    within_a_minute(|| {
        let cluster = Cluster::local_with(1).unwrap();
        let fresh = calls(&cluster, 25);
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        drop(cluster.remote((), move |()| gate.lock().unwrap().recv().is_ok()));
        let (early, _, late) = (calls(&cluster, 25), calls(&cluster, 75), calls(&cluster, 25));
        assert!(late <= 10 * early, "{late:?} after {early:?}");
        open.send(()).unwrap();
        cluster.get(&cluster.remote((), |()| ())).unwrap();
        let late = calls(&cluster, 25);
        assert!(late <= 10 * fresh, "{late:?} after {fresh:?}");
    });
}

/// Processor time of this thread in seconds, to a hundredth; Linux only.
fn thread_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

/// `cargo test -p helper --test cluster figures -- --ignored --nocapture`
#[test]
#[ignore = "prints times: run it alone, on a quiet machine"]
fn figures() {
    let cluster = Cluster::local_with(2).unwrap();
    let work = || {
        let started = Instant::now();
        while started.elapsed() < Duration::from_micros(500) {}
    };
    let (started, before) = (Instant::now(), thread_seconds());
    let mut rest: Vec<ObjectRef<()>> = (0..10_000).map(|_| cluster.remote((), move |()| work())).collect();
    while !rest.is_empty() {
        rest = cluster.wait(&rest, 1).unwrap().1;
    }
    let (took, ran) =
        (started.elapsed(), cluster.tasks().iter().map(|task| task.ran()).sum::<Duration>() / 2);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("peak memory not known");
    println!("10,000 tasks: {ran:.2?} on each of 2 workers; waited for one by one: {took:.2?}; {peak}");
    println!("processor time of the thread that waits: {:.2} s", thread_seconds() - before);
    for calls in (0..160_000).step_by(20_000) {
        let started = Instant::now();
        (0..20_000).for_each(|_| drop(cluster.remote((), |()| ())));
        println!("calls {calls}..{}: {:.2?} each", calls + 20_000, started.elapsed() / 20_000);
    }
}
