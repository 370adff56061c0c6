//! Waiting for some of many values.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::completed;
use super::object::ObjectRef;
use super::pool::{self, Step};
use crate::error::{Error, Result};

/// What [`Cluster::wait`](super::Cluster::wait) returns: the references that are done, and the others.
pub type Waited<T> = (Vec<ObjectRef<T>>, Vec<ObjectRef<T>>);

pub(super) fn wait<T: Send + Sync + 'static>(
    objects: &[ObjectRef<T>],
    num_returns: usize,
    timeout: Duration,
) -> Result<Waited<T>> {
    if num_returns == 0 || num_returns > objects.len() {
        let allowed = format!("from 1 to the number of references, {}", objects.len());
        return Err(Error::invalid("num_returns", num_returns, allowed));
    }
    until_done(objects.iter(), num_returns, Instant::now().checked_add(timeout))?;
    // As in Ray, at most `num_returns` are returned as done.
    let mut ready = Vec::with_capacity(num_returns);
    let mut rest = Vec::with_capacity(objects.len());
    for object in objects {
        match ready.len() < num_returns && object.is_done() {
            true => ready.push(object.clone()),
            false => rest.push(object.clone()),
        }
    }
    Ok((ready, rest))
}

/// Waits until `wanted` of the objects are done, or until the deadline. Takes time linear in their number if
/// few other tasks end meanwhile. In a task, the worker runs those tasks that nobody has begun.
pub(crate) fn until_done<'a, T: Send + Sync + 'static>(
    objects: impl Iterator<Item = &'a ObjectRef<T>> + Clone,
    wanted: usize,
    deadline: Option<Instant>,
) -> Result<()> {
    let missing = || wanted - objects.clone().filter(|object| object.is_done()).take(wanted).count();
    if missing() == 0 {
        return Ok(());
    }
    let mut enough = 0;
    // The number of completed tasks at which the wait may be over; `None` once it is.
    let mut next = || {
        let completed = completed::count();
        let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if late || completed >= enough {
            let missing = missing();
            enough = completed + missing as u64;
            return (!late && missing > 0).then_some(enough);
        }
        Some(enough)
    };
    pool::pause(|| {
        let mut before = completed::count();
        while let Some(enough) = next() {
            if !pool::is_worker() {
                completed::wait_until(enough, deadline);
                continue;
            }
            for task in objects.clone().filter_map(ObjectRef::producer) {
                let mut path = vec![Arc::clone(task)];
                while let Step::Ran = pool::step(&mut path) {
                    if next().is_none() {
                        return;
                    }
                }
            }
            // Other workers run all these tasks or their arguments, until one of them is completed.
            completed::wait_until(before + 1, deadline);
            before = completed::count();
        }
    })
}
