//! A task that is handed to the driver, and what becomes of it.

use crate::cluster::TaskRecord;

/// A task to be run.
pub(crate) struct Call {
    /// What [`Ended`] calls it.
    pub(crate) key: usize,
    pub(crate) name: String,
    /// What the C function is asked in this attempt, from 1.
    pub(crate) request: Box<dyn Fn(u32) -> String + Send>,
    /// The inputs: objects, and then NumPy files, each with the hash (XXH3) of its numbers.
    pub(crate) objects: Vec<u64>,
    pub(crate) files: Vec<(String, u64)>,
}

/// What becomes of the tasks of a batch.
pub(crate) enum News {
    Ended(Box<Ended>),
    /// What was lost, and how many tasks are run again, as a sentence.
    Lost(String),
}

/// A task that has ended.
pub(crate) struct Ended {
    pub(crate) key: usize,
    pub(crate) done: Done,
    pub(crate) record: TaskRecord,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    /// With these bytes.
    Finished(Vec<u8>),
    /// The function refused, or panicked each time, or the workers died each time.
    Failed(String),
    /// No worker of this kind can run it, nor any other task.
    Unusable(String),
}
