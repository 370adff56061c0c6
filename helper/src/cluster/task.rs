//! What is known of a task.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::machine;

/// How a task stands, under the names that Ray's dashboard uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Waits for its arguments or for a worker.
    Pending,
    /// A worker is at it.
    Running,
    /// Done; its value is there.
    Finished,
    /// It panicked, or one of its arguments failed.
    Failed,
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
        })
    }
}

/// One task: what it is, who ran it, when. Times count from the cluster's start.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRecord {
    /// Its number in this cluster, from 0.
    pub id: usize,
    /// What it is called.
    pub name: String,
    /// How it stands.
    pub state: TaskState,
    /// Which worker took it, from 0.
    pub worker: Option<usize>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When it was asked for.
    pub queued: Duration,
    /// When a worker began it.
    pub started: Option<Duration>,
    /// When it was done, well or not.
    pub ended: Option<Duration>,
    /// The processor time that its thread spent on it; `None` where the system does not tell.
    pub cpu: Option<Duration>,
}

/// The tasks of a cluster, in the order in which they were asked for.
///
/// As the last line of a cell it shows the latest of them as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Tasks(pub(super) Vec<TaskRecord>);

impl std::ops::Deref for Tasks {
    type Target = [TaskRecord];

    fn deref(&self) -> &[TaskRecord] {
        &self.0
    }
}

pub(super) struct Task {
    epoch: Instant,
    record: Mutex<TaskRecord>,
}

impl Task {
    pub(super) fn new(id: usize, name: String, epoch: Instant) -> Self {
        let record = TaskRecord {
            id,
            name,
            state: TaskState::Pending,
            worker: None,
            attempt: 1,
            queued: epoch.elapsed(),
            started: None,
            ended: None,
            cpu: None,
        };
        Self { epoch, record: Mutex::new(record) }
    }

    pub(super) fn record(&self) -> TaskRecord {
        self.lock().clone()
    }

    /// Runs the task's function on this thread, and keeps the record of it. A panic becomes an
    /// error that names the task.
    pub(super) fn run<R>(&self, worker: usize, f: impl FnOnce() -> Result<R>) -> Result<R> {
        {
            let mut record = self.lock();
            record.state = TaskState::Running;
            record.worker = Some(worker);
            record.started = Some(self.epoch.elapsed());
        }
        let cpu = machine::thread_cpu();
        let outcome = catch_unwind(AssertUnwindSafe(f));
        let cpu = machine::thread_cpu().zip(cpu).map(|(after, before)| after - before);
        let mut record = self.lock();
        record.ended = Some(self.epoch.elapsed());
        record.cpu = cpu;
        let result = outcome.unwrap_or_else(|panic| {
            let (name, id, said) = (&record.name, record.id, message(&*panic));
            Err(Error::new(
                ErrorKind::Task,
                format!("task {id} ({name}) panicked on worker {worker}: {said}"),
            ))
        });
        record.state = if result.is_ok() { TaskState::Finished } else { TaskState::Failed };
        result
    }

    fn lock(&self) -> MutexGuard<'_, TaskRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(a panic without a message)")
}
