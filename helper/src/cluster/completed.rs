//! How many tasks are done, in all clusters of this process: for those who wait for any of many. They
//! register with none of the tasks, so a wait costs the tasks nothing and leaves nothing behind.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

struct Completed {
    count: u64,
    /// The lowest count that somebody waits for.
    wanted: u64,
}

static COMPLETED: Mutex<Completed> = Mutex::new(Completed { count: 0, wanted: u64::MAX });
static REACHED: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Completed> {
    COMPLETED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One more is done.
pub(super) fn add() {
    let mut completed = lock();
    completed.count += 1;
    if completed.count >= completed.wanted {
        completed.wanted = u64::MAX;
        REACHED.notify_all();
    }
}

/// How many are done.
pub(super) fn count() -> u64 {
    lock().count
}

/// Waits until so many are done, or for the deadline.
pub(super) fn wait_until(count: u64, deadline: Option<Instant>) {
    let mut completed = lock();
    while completed.count < count {
        completed.wanted = completed.wanted.min(count);
        completed = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            None => REACHED.wait(completed).unwrap_or_else(PoisonError::into_inner),
            Some(left) if left.is_zero() => return,
            Some(left) => REACHED.wait_timeout(completed, left).unwrap_or_else(PoisonError::into_inner).0,
        };
    }
}
