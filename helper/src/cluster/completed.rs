//! How many tasks are done, in all clusters of this process. Who waits for some of many tasks waits for
//! this number to grow, and so registers with none of them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

static COMPLETED: Mutex<u64> = Mutex::new(0);
static GROWN: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, u64> {
    COMPLETED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One more is done.
pub(super) fn add() {
    *lock() += 1;
    GROWN.notify_all();
}

/// How many are done.
pub(super) fn count() -> u64 {
    *lock()
}

/// Waits until so many are done, or for the deadline.
pub(super) fn wait_until(count: u64, deadline: Option<Instant>) {
    let fewer = |completed: &mut u64| *completed < count;
    match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
        None => drop(GROWN.wait_while(lock(), fewer)),
        Some(left) => drop(GROWN.wait_timeout_while(lock(), left, fewer)),
    }
}
