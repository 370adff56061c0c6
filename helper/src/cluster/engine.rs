//! Who runs the tasks: the only place that calls rayon.

use crate::error::{Error, ErrorKind, Result};

/// A piece of work; it is told which worker runs it.
pub(super) type Job = Box<dyn FnOnce(usize) + Send>;

/// What a cluster asks of its workers.
///
/// A notebook cell may carry a copy of rayon of its own, whose thread-locals know nothing of a pool
/// that another cell made. Called through this trait, it is always the code of the cell that
/// made the pool that runs.
pub(super) trait Engine: Send + Sync {
    /// Queues the job: first come, first served.
    fn spawn(&self, job: Job);
}

/// A rayon pool.
pub(super) struct Threads {
    pool: rayon::ThreadPool,
}

impl Threads {
    pub(super) fn new(workers: usize) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(|w| format!("worker-{w}"))
            .build();
        let pool = pool.map_err(|e| {
            let message =
                format!("the system gave no threads for {workers} workers ({e}); ask for fewer workers");
            Error::new(ErrorKind::Io, message)
        })?;
        Ok(Self { pool })
    }
}

impl Engine for Threads {
    fn spawn(&self, job: Job) {
        self.pool.spawn_fifo(move || job(rayon::current_thread_index().unwrap_or(0)));
    }
}
