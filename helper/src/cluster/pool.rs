//! The threads that run tasks: a rayon pool.
//!
//! Why waiting cannot deadlock: a worker runs a task on top of another only if the lower one waits for
//! the upper one, and it blocks only on a task that another worker runs. Tasks wait for each other without
//! cycles. So among the workers that wait for each other there is always one that is not blocked.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::task::{Job, Task};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a worker's stack, on which tasks that wait for tasks lie on top of each other. The system
/// gives memory only to the part that is used.
const STACK: usize = 128 << 20;
/// Free bytes of the stack that a task needs to begin: the usual stack of a program's main thread.
const FREE: usize = 8 << 20;

/// The error if less is free. All tasks of the chain have it, and none is retried.
pub(super) const EXHAUSTED: &str = "tasks wait for each other in a chain so long that it fills the worker's stack of \
     128 MiB; hand references on as arguments instead, cluster.remote(&reference, ...): that takes no stack";

thread_local! {
    /// The task that this thread runs: the uppermost on its stack.
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

/// The workers of a cluster.
pub(super) struct Pool {
    threads: ThreadPool,
    /// Bytes of its stack that an idle worker uses when it receives a message.
    idle_stack: OnceLock<usize>,
    /// Tasks that a worker received while it was not idle.
    later: Mutex<VecDeque<Arc<Task>>>,
}

/// A function that a worker calls with the pool and the bytes of its stack in use.
type Message = Box<dyn FnOnce(&Arc<Pool>, usize) + Send>;

impl Pool {
    pub(super) fn new(workers: usize) -> Result<Arc<Self>> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(|worker| format!("worker-{worker}"))
            .stack_size(STACK)
            .start_handler(|_| STACK_START.set(Some(stack_address())))
            .build()
            .map_err(|e| {
                let message =
                    format!("the system gave no threads for {workers} workers ({e}); ask for fewer workers");
                Error::new(ErrorKind::Io, message).caused_by(e)
            })?;
        let pool = Arc::new(Self { threads, idle_stack: OnceLock::new(), later: Mutex::default() });
        // Measured twice: a message that a worker sends itself is received deeper in the stack than one from
        // another thread.
        pool.send(Box::new(|pool, first| {
            pool.send(Box::new(move |pool, second| {
                pool.idle_stack.get_or_init(|| first.max(second));
            }));
        }));
        pool.idle_stack.wait();
        Ok(pool)
    }

    /// The number of the worker on this thread. A thread of another cluster that waits for a task of this
    /// one, and so runs it, counts from the number of workers on.
    pub(super) fn worker(&self) -> usize {
        let other = || self.threads.current_num_threads() + rayon::current_thread_index().unwrap_or_default();
        self.threads.current_thread_index().unwrap_or_else(other)
    }

    pub(super) fn install<R: Send>(self: &Arc<Self>, f: impl FnOnce() -> R + Send) -> R {
        let value = self.threads.install(f);
        while let Some(task) = self.next_later() {
            self.submit(task);
        }
        value
    }

    /// Queues the task for a worker once all tasks that it needs are done.
    pub(super) fn submit(self: &Arc<Self>, task: Arc<Task>) {
        let Some(need) = task.need() else {
            return self.send(Box::new(move |pool, stack| pool.start(task, stack)));
        };
        let pool = Arc::clone(self);
        need.when_done(move || pool.submit(task));
    }

    fn send(self: &Arc<Self>, message: Message) {
        let pool = Arc::clone(self);
        self.threads.spawn_fifo(move || pool.receive(message));
    }

    /// Receives all messages, so that the stack of an idle worker is as deep as measured.
    #[inline(never)]
    fn receive(self: &Arc<Self>, message: Message) {
        message(self, stack_used());
    }

    fn start(&self, task: Arc<Task>, stack: usize) {
        // While a parallel iterator waits for its parts, rayon runs queued jobs on top of it. A task up here
        // must not run: if it waits for the task below, both are stuck.
        if stack > *self.idle_stack.wait() {
            return self.later.lock().unwrap_or_else(PoisonError::into_inner).push_back(task);
        }
        let mut next = Some(task);
        while let Some(task) = next {
            if let Some(job) = task.claim() {
                run(task, job);
            }
            next = self.next_later();
        }
    }

    /// The next task that was put off while a parallel iterator ran.
    fn next_later(&self) -> Option<Arc<Task>> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Runs a task on this thread, on top of the task that waits for it.
fn run(task: Arc<Task>, job: Job) {
    let outer = CURRENT.replace(Some(task));
    // A job catches panics of its function; this catches panics of destructors.
    let _ = catch_unwind(AssertUnwindSafe(job));
    CURRENT.set(outer);
}

/// Calls `wait`; the task that this thread runs pauses meanwhile.
///
/// # Errors
/// [`ErrorKind::Task`] if the worker's stack has no space for one more task.
pub(super) fn pause(wait: impl FnOnce()) -> Result<()> {
    if stack_used() > STACK - FREE {
        return Err(Error::new(ErrorKind::Task, EXHAUSTED));
    }
    let current = current();
    current.iter().for_each(|task| task.pause());
    wait();
    current.iter().for_each(|task| task.resume());
    Ok(())
}

/// Waits until the task is done. A worker runs it and its arguments' tasks, unless others have begun them.
pub(super) fn wait_for(task: &Arc<Task>) -> Result<()> {
    if !is_worker() {
        task.block();
    }
    if task.is_done() {
        return Ok(());
    }
    let mut path = vec![Arc::clone(task)];
    pause(|| {
        while !path.is_empty() {
            if let Step::Busy(task) = step(&mut path) {
                task.block();
            }
        }
    })
}

/// What [`step`] did for the first task of a path.
pub(super) enum Step {
    /// The task is done.
    Done,
    /// It ran a task.
    Ran,
    /// It ran nothing: another worker runs this task.
    Busy(Arc<Task>),
}

/// Runs one task that nobody has begun: the first of the path, or one that it needs.
///
/// Each task on the path needs the one behind it as an argument. Kept between calls, the path makes the
/// walk through all arguments linear in their number.
pub(super) fn step(path: &mut Vec<Arc<Task>>) -> Step {
    while let Some(task) = path.last() {
        if task.is_done() {
            path.pop();
        } else if let Some(need) = task.need() {
            path.push(need);
        } else {
            let task = Arc::clone(task);
            return match task.claim() {
                Some(job) => {
                    run(task, job);
                    Step::Ran
                }
                None => Step::Busy(task),
            };
        }
    }
    Step::Done
}
