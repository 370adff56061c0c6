//! What is known of a task.

use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// How a task stands, under the names that Ray's dashboard uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Waits for its arguments, for a worker, or for its next attempt.
    Pending,
    /// A worker is at it.
    Running,
    /// Done; its value is there.
    Finished,
    /// Its last attempt failed, one of its arguments failed, or it was cancelled.
    Failed,
}

impl TaskState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Finished, Self::Failed];

    /// Whether it stays so.
    pub fn is_last(self) -> bool {
        matches!(self, Self::Finished | Self::Failed)
    }
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

/// A stretch of time in which a worker was at a task. A task has one for each attempt, and one more
/// each time it has waited for another task: what it waits is no part of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Which attempt of the task, from 1.
    pub attempt: u32,
    /// Which worker, from 0.
    pub worker: usize,
    /// When it began.
    pub started: Duration,
    /// When it ended.
    pub ended: Option<Duration>,
    /// The processor time that its thread spent in it; `None` where the system does not tell.
    pub cpu: Option<Duration>,
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
    /// Which worker took it, from 0; the latest, where there were several.
    pub worker: Option<usize>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When it was asked for.
    pub queued: Duration,
    /// When a worker began it: this attempt.
    pub started: Option<Duration>,
    /// When it was done, well or not.
    pub ended: Option<Duration>,
    /// The processor time that this attempt took; `None` where the system does not tell.
    pub cpu: Option<Duration>,
    /// When workers were at it, in order, earlier attempts too.
    pub spans: Vec<Span>,
    /// Why it failed, or why its latest attempt did.
    pub error: Option<Error>,
}

impl TaskRecord {
    /// How long workers were at its latest attempt so far, what it waited for other tasks left out.
    /// Held against [`cpu`](Self::cpu) it tells whether they computed all the while.
    pub fn ran(&self) -> Duration {
        let this = self.spans.iter().filter(|span| span.attempt == self.attempt);
        this.filter_map(|span| Some(span.ended?.saturating_sub(span.started))).sum()
    }
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
