//! The threads that run tasks: a rayon pool.
//!
//! Why waiting cannot deadlock: a worker runs a task on top of another only if the lower one waits for
//! the upper one, and it blocks only on a task that another worker runs. So from each blocked worker
//! one gets, along what tasks wait for, to another worker, and never back, since no task waits for
//! itself. The last one on this way is not blocked.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::task::{Job, Task};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a worker's stack, on which tasks that wait for tasks lie on top of each other. The system
/// gives memory only to the part that is used.
const STACK: usize = 128 << 20;
/// Bytes of it that a task finds free when it begins: as much as a program's main thread has.
const FREE: usize = 8 << 20;

/// The error where less is free. It is the same for all tasks of the chain, none of which is tried again.
pub(super) const EXHAUSTED: &str = "tasks wait for each other in a chain so long that it fills the worker's stack of \
     128 MiB; hand references on as arguments instead, cluster.remote(&reference, ...): that takes no stack";

thread_local! {
    /// The task that this thread runs: the uppermost one.
    static CURRENT: RefCell<Option<Arc<Task>>> = const { RefCell::new(None) };
    /// On a worker, an address at the start of its stack, which grows downwards.
    static STACK_START: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The task that this thread runs.
pub(super) fn current() -> Option<Arc<Task>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Whether the task that this thread runs was cancelled; false outside a task.
pub(crate) fn task_is_cancelled() -> bool {
    CURRENT.with_borrow(|task| task.as_ref().is_some_and(|task| task.is_cancelled()))
}

/// Whether this thread is a worker, of any cluster.
pub(super) fn is_worker() -> bool {
    STACK_START.get().is_some()
}

/// Bytes of its stack that a worker uses; 0 on other threads.
fn stack_used() -> usize {
    STACK_START.get().map_or(0, |start| start.saturating_sub(stack_address()))
}

#[inline(never)]
fn stack_address() -> usize {
    let local = 0_u8;
    std::hint::black_box(&raw const local).addr()
}

/// Checks that there is space for one more task on this worker's stack.
pub(super) fn check_stack() -> Result<()> {
    if stack_used() > STACK - FREE { Err(Error::new(ErrorKind::Task, EXHAUSTED)) } else { Ok(()) }
}

/// The workers of a cluster.
pub(super) struct Pool {
    /// `None` where others run the tasks.
    threads: Option<ThreadPool>,
    workers: usize,
    /// Bytes of its stack that a worker uses at most where it begins a job and does nothing else.
    idle_stack: OnceLock<usize>,
    /// Tasks that came to a worker on which they must not begin.
    later: Mutex<VecDeque<Arc<Task>>>,
}

/// What the pool's threads are given to do.
enum Message {
    Start(Arc<Task>),
    /// To tell how many bytes of the stack are in use, the second time from a worker's own queue.
    Measure(Sender<usize>, bool),
}

impl Pool {
    pub(super) fn new(workers: usize) -> Result<Arc<Self>> {
        let refused = |e: &dyn Display| {
            let message =
                format!("the system gave no threads for {workers} workers ({e}); ask for fewer workers");
            Error::new(ErrorKind::Io, message)
        };
        let threads = ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(|worker| format!("worker-{worker}"))
            .stack_size(STACK)
            .start_handler(|_| STACK_START.set(Some(stack_address())))
            .build()
            .map_err(|e| refused(&e))?;
        let pool = Self { threads: Some(threads), ..Self::of_others(workers) };
        let (pool, (send, receive)) = (Arc::new(pool), mpsc::channel());
        pool.send(Message::Measure(send, true));
        let idle = receive.iter().max().ok_or_else(|| refused(&"they do not answer"))?;
        pool.idle_stack.get_or_init(|| idle);
        Ok(pool)
    }

    pub(super) fn of_others(workers: usize) -> Self {
        Self { threads: None, workers, idle_stack: OnceLock::new(), later: Mutex::default() }
    }

    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// The number of the worker that this thread is. A thread of another cluster, which runs a task of
    /// this one because it waits for it, counts from the number of workers on.
    pub(super) fn worker(&self) -> usize {
        let own = self.threads.as_ref().and_then(ThreadPool::current_thread_index);
        own.unwrap_or_else(|| self.workers + rayon::current_thread_index().unwrap_or_default())
    }

    pub(super) fn install<R: Send>(self: &Arc<Self>, f: impl FnOnce() -> R + Send) -> R {
        let Some(threads) = &self.threads else { return f() };
        let value = threads.install(f);
        while let Some(task) = self.next_later() {
            self.send(Message::Start(task));
        }
        value
    }

    /// One thing less that the task waits for; after the last one it is queued.
    pub(super) fn arrived(self: &Arc<Self>, task: Arc<Task>) {
        if task.arrived() {
            self.send(Message::Start(task));
        }
    }

    fn send(self: &Arc<Self>, message: Message) {
        let pool = Arc::clone(self);
        if let Some(threads) = &self.threads {
            threads.spawn_fifo(move || pool.receive(message));
        }
    }

    /// Always called in the same way, so that it finds a worker's stack as deep as when it was measured.
    #[inline(never)]
    fn receive(self: &Arc<Self>, message: Message) {
        let stack = stack_used();
        let task = match message {
            Message::Start(task) => task,
            Message::Measure(to, again) => {
                // The receiver waits until all senders are dropped.
                let _ = to.send(stack);
                if again {
                    self.send(Message::Measure(to, false));
                }
                return;
            }
        };
        // While a parallel iterator waits for its parts, rayon runs whatever is queued, on top of it. What
        // lies below does not wait for this task, so the task must not lie there.
        if self.idle_stack.get().is_some_and(|idle| stack > *idle) {
            return self.later().push_back(task);
        }
        let mut next = Some(task);
        while let Some(task) = next {
            if let Some(job) = task.claim() {
                run(task, job);
            }
            next = self.next_later();
        }
    }

    /// A task that had to wait until those who use parallel iterators are done.
    fn next_later(&self) -> Option<Arc<Task>> {
        self.later().pop_front()
    }

    fn later(&self) -> MutexGuard<'_, VecDeque<Arc<Task>>> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a task on this thread, on top of the one that waits for it.
fn run(task: Arc<Task>, job: Box<dyn Job>) {
    let outer = CURRENT.replace(Some(task));
    // A job catches what its function does; this is for a value that panics when it is dropped.
    let _ = catch_unwind(AssertUnwindSafe(|| job.run()));
    CURRENT.set(outer);
}

/// Calls `wait`; the task that this thread runs pauses meanwhile.
pub(super) fn pause(wait: impl FnOnce()) {
    let current = current();
    current.iter().for_each(|task| task.pause());
    wait();
    current.iter().for_each(|task| task.resume());
}

/// Waits until the task is done. A worker runs it, and what it needs, as far as nobody has begun it.
pub(super) fn wait_for(task: &Arc<Task>) -> Result<()> {
    if task.is_done() {
        return Ok(());
    }
    if !is_worker() {
        task.block();
        return Ok(());
    }
    check_stack()?;
    let mut path = vec![Arc::clone(task)];
    pause(|| {
        loop {
            match next(&mut path) {
                Next::Done => break,
                Next::Begin(task, job) => run(task, job),
                Next::Busy(task) => task.block(),
            }
        }
    });
    Ok(())
}

/// What brings on the task at the start of a path.
enum Next {
    /// Nothing: it is done.
    Done,
    /// To run this one.
    Begin(Arc<Task>, Box<dyn Job>),
    /// To wait for this one, which is being run.
    Busy(Arc<Task>),
}

/// Each task on the path needs the one behind it as an argument. Kept between calls, the path makes the
/// walk through all arguments linear in their number.
fn next(path: &mut Vec<Arc<Task>>) -> Next {
    while let Some(task) = path.last() {
        if task.is_done() {
            path.pop();
        } else if let Some(need) = task.need() {
            path.push(need);
        } else {
            let task = Arc::clone(task);
            return match task.claim() {
                Some(job) => Next::Begin(task, job),
                None => Next::Busy(task),
            };
        }
    }
    Next::Done
}

/// Tasks of which a worker waits for some, whichever.
pub(super) struct Candidates<I> {
    left: I,
    path: Vec<Arc<Task>>,
}

impl<'a, I: Iterator<Item = &'a Arc<Task>>> Candidates<I> {
    pub(super) fn new(left: I) -> Self {
        Self { left, path: Vec::new() }
    }

    /// Runs one that nobody has begun, or an argument of it; false if none is left.
    pub(super) fn run_one(&mut self) -> bool {
        loop {
            match next(&mut self.path) {
                Next::Begin(task, job) => {
                    run(task, job);
                    return true;
                }
                Next::Busy(_) => self.path.clear(),
                Next::Done => {}
            }
            let Some(task) = self.left.next() else { return false };
            self.path.push(Arc::clone(task));
        }
    }
}
