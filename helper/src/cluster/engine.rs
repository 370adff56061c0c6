//! Who runs the tasks: threads, a queue, and as many places at work as there are workers.
//!
//! A thread runs a task only while it holds one of the places. A task that waits for another gives
//! its place up meanwhile, and a thread that stands in for it takes over, made if there is none; so
//! however tasks wait for each other, there is always one that can go on.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::task::{Job, Task};
use crate::error::{Error, ErrorKind, Result};

/// What a cluster asks of its workers.
///
/// A notebook cell may carry a copy of this code of its own, whose thread-locals know nothing of
/// threads that another cell made. Called through this trait, it is always the code of the cell
/// that made the threads that runs.
pub(super) trait Engine: Send + Sync {
    /// Queues a task that has its job: first come, first served.
    fn queue(&self, task: Arc<Task>);

    /// The task that this thread is at.
    fn current(&self) -> Option<Arc<Task>>;

    /// Whether the task that this thread is at has been cancelled.
    fn cancelled(&self) -> bool;

    /// Runs the task in place of the one that this thread is at, if nobody has begun it yet; says
    /// whether it did.
    fn run_here(&self, task: &Arc<Task>) -> bool;

    /// Calls `wait`, which may take long; the place of the task that this thread is at is free for
    /// others meanwhile.
    fn wait(&self, wait: &mut dyn FnMut()) -> Result<()>;
}

/// Tasks that run inside each other on one thread: each takes some of its stack.
const DEEPEST: usize = 32;
/// Threads that stand in for waiting ones, unless nobody could go on without one more.
const STAND_INS: usize = 256;
const STACK: usize = 8 << 20;

thread_local! {
    /// The task that this thread is at. Methods that are reached through [`Engine`] find it for sure.
    static SEAT: RefCell<Option<Seat>> = const { RefCell::new(None) };
}

/// Whether the task that this thread is at has been cancelled, for code that was given no cluster:
/// false in a notebook cell with a copy of this code of its own.
pub(crate) fn task_is_cancelled() -> bool {
    SEAT.with_borrow(|seat| seat.as_ref().is_some_and(|seat| seat.task.is_cancelled()))
}

/// Nobody here: the tasks are another's, who only has them logged.
pub(super) struct Elsewhere;

impl Engine for Elsewhere {
    fn queue(&self, task: Arc<Task>) {
        drop(task.take_job());
    }

    fn current(&self) -> Option<Arc<Task>> {
        None
    }

    fn cancelled(&self) -> bool {
        false
    }

    fn run_here(&self, _: &Arc<Task>) -> bool {
        false
    }

    fn wait(&self, wait: &mut dyn FnMut()) -> Result<()> {
        wait();
        Ok(())
    }
}

/// A thread at a task.
#[derive(Clone)]
struct Seat {
    crew: Arc<Crew>,
    task: Arc<Task>,
    worker: usize,
    depth: usize,
}

/// The engine on threads of this process; they end when it is dropped and the queue is empty.
pub(super) struct Threads(Arc<Crew>);

struct Crew {
    workers: usize,
    state: Mutex<State>,
    /// Something to do for an idle thread.
    work: Condvar,
    /// A place for a task that waited.
    place: Condvar,
}

struct State {
    queue: VecDeque<Arc<Task>>,
    /// Numbers of the places that nobody holds.
    free: BTreeSet<usize>,
    threads: usize,
    /// Threads that wait for work, also those that are about to.
    idle: usize,
    /// Threads whose task has waited, and needs a place again.
    returning: usize,
    closed: bool,
}

impl Threads {
    pub(super) fn new(workers: usize) -> Result<Self> {
        let state = State {
            queue: VecDeque::new(),
            free: (0..workers).collect(),
            threads: 0,
            idle: 0,
            returning: 0,
            closed: false,
        };
        let (work, place) = (Condvar::new(), Condvar::new());
        let threads = Self(Arc::new(Crew { workers, state: Mutex::new(state), work, place }));
        for _ in 0..workers {
            threads.0.hire(&mut threads.0.lock()).map_err(|e| {
                let message =
                    format!("the system gave no threads for {workers} workers ({e}); ask for fewer workers");
                Error::new(ErrorKind::Io, message)
            })?;
        }
        Ok(threads)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
    }
}

impl Engine for Threads {
    fn queue(&self, task: Arc<Task>) {
        let mut state = self.0.lock();
        state.queue.push_back(task);
        // Refused a thread, the task waits until one of those at work is free.
        let _ = self.0.call_for_work(&mut state);
    }

    fn current(&self) -> Option<Arc<Task>> {
        SEAT.with_borrow(|seat| seat.as_ref().map(|seat| Arc::clone(&seat.task)))
    }

    fn cancelled(&self) -> bool {
        task_is_cancelled()
    }

    fn run_here(&self, task: &Arc<Task>) -> bool {
        let here = SEAT.with_borrow(Clone::clone);
        let Some(mut seat) = here.filter(|s| Arc::ptr_eq(&s.crew, &self.0) && s.depth < DEEPEST) else {
            return false;
        };
        let Some((task, job)) = task.take_job() else { return false };
        seat.task.pause();
        let inner = Seat { task, depth: seat.depth + 1, ..seat.clone() };
        seat.worker = inner.run(job);
        seat.task.resume(seat.worker);
        SEAT.set(Some(seat));
        true
    }

    fn wait(&self, wait: &mut dyn FnMut()) -> Result<()> {
        let Some(mut seat) = SEAT.with_borrow(Clone::clone) else {
            wait();
            return Ok(());
        };
        // The task may be one of another cluster: its place there is the one to give up.
        seat.task.pause();
        let left = seat.crew.leave(seat.worker);
        if left.is_ok() {
            wait();
            seat.worker = seat.crew.come_back(seat.worker);
        }
        seat.task.resume(seat.worker);
        SEAT.set(Some(seat));
        left.map_err(|e| {
            let message = format!(
                "the system gave no thread to stand in for a task that waits ({e}); let fewer tasks wait \
                 for others at the same time"
            );
            Error::new(ErrorKind::Io, message)
        })
    }
}

impl Seat {
    /// Runs the job on this thread; gives the place that it holds in the end.
    fn run(self, job: Box<dyn Job>) -> usize {
        let worker = self.worker;
        SEAT.set(Some(self));
        // A job catches what its function does; this is for what a value does when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| job.run(worker)));
        SEAT.take().map_or(worker, |seat| seat.worker)
    }
}

impl Crew {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more thread.
    fn hire(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let crew = Arc::clone(self);
        let name = format!("cluster-{}", state.threads);
        std::thread::Builder::new().name(name).stack_size(STACK).spawn(move || crew.work())?;
        state.threads += 1;
        state.idle += 1;
        Ok(())
    }

    /// Sees to it that every task which has a place has a thread that will come for it.
    fn call_for_work(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let places = state.free.len().saturating_sub(state.returning);
        let wanted = places.min(state.queue.len());
        while state.idle < wanted {
            let may = state.threads < self.workers + STAND_INS;
            if !may && !self.is_stuck(state) {
                break;
            }
            self.hire(state)?;
        }
        (0..wanted).for_each(|_| self.work.notify_one());
        Ok(())
    }

    /// Whether nobody is at work, nor will be.
    fn is_stuck(&self, state: &State) -> bool {
        state.idle == 0 && state.returning == 0 && state.free.len() == self.workers
    }

    /// What a thread does all its life.
    fn work(self: Arc<Self>) {
        let mut state = self.lock();
        loop {
            state.idle -= 1;
            while let Some((task, job, worker)) = state.next() {
                drop(state);
                let seat = Seat { crew: Arc::clone(&self), task, worker, depth: 0 };
                let worker = seat.run(job);
                state = self.lock();
                self.free(&mut state, worker);
            }
            if state.closed && state.queue.is_empty() {
                self.work.notify_all();
                break;
            }
            // Those who stood in are not needed for ever.
            if state.idle >= self.workers {
                break;
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.threads -= 1;
    }

    fn free(&self, state: &mut State, worker: usize) {
        state.free.insert(worker);
        self.place.notify_all();
    }

    /// Gives the place up; fails where the task would wait for ever.
    fn leave(self: &Arc<Self>, worker: usize) -> io::Result<()> {
        let mut state = self.lock();
        self.free(&mut state, worker);
        let called = self.call_for_work(&mut state);
        if called.is_err() && self.is_stuck(&state) {
            state.free.remove(&worker);
            return called;
        }
        Ok(())
    }

    /// Waits for a place, if it can be the same as before; goes before the tasks in the queue.
    fn come_back(&self, before: usize) -> usize {
        let mut state = self.lock();
        state.returning += 1;
        while state.free.is_empty() {
            state = self.place.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.returning -= 1;
        if state.free.remove(&before) { before } else { state.free.pop_first().unwrap_or(before) }
    }
}

impl State {
    /// The next task that nobody has begun, and a place for it.
    fn next(&mut self) -> Option<(Arc<Task>, Box<dyn Job>, usize)> {
        if self.free.len() <= self.returning {
            return None;
        }
        let (task, job) = std::iter::from_fn(|| self.queue.pop_front()).find_map(|task| task.take_job())?;
        Some((task, job, self.free.pop_first()?))
    }
}
