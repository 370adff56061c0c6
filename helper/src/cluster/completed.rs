//! The number of tasks that are done, in all clusters of this process. A wait for some of many tasks waits
//! until this number grows, so it need not register with each task.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

static COMPLETED: Mutex<u64> = Mutex::new(0);
static GROWN: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, u64> {
    COMPLETED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts one more task.
pub(super) fn add() {
    *lock() += 1;
    GROWN.notify_all();
}

/// The number so far.
pub(super) fn count() -> u64 {
    *lock()
}

/// Blocks until the number is at least `count`, or until the deadline.
pub(super) fn wait_until(count: u64, deadline: Option<Instant>) {
    let fewer = |completed: &mut u64| *completed < count;
    match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
        None => drop(GROWN.wait_while(lock(), fewer)),
        Some(left) => drop(GROWN.wait_timeout_while(lock(), left, fewer)),
    }
}
