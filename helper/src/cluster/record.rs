//! The record of a task.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// The state of a task, under the name that Ray's dashboard uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TaskState {
    /// It waits for its arguments, for a worker, or for its next attempt.
    #[default]
    Pending,
    /// A worker runs it.
    Running,
    /// It is done, and its value is there.
    Finished,
    /// Its last attempt failed, or one of its arguments did.
    Failed,
    /// It was cancelled, or one of its arguments was. (In Ray's dashboard such a task is FAILED.)
    Cancelled,
}

impl TaskState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Finished, Self::Failed, Self::Cancelled];

    /// Terminal: finished, failed or cancelled.
    pub fn is_last(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        })
    }
}

/// A period in which a worker ran a task: one for each attempt, and one more after each wait for another
/// task. The waits belong to no span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The attempt, from 1.
    pub attempt: u32,
    /// The worker, from 0. A number beyond this cluster's workers is a worker of another cluster whose task
    /// waited for this one.
    pub worker: usize,
    /// When it began.
    pub started: Duration,
    /// When it ended.
    pub ended: Option<Duration>,
    /// Processor time of its thread; `None` if the system does not measure it.
    pub cpu: Option<Duration>,
}

/// A task: its name, its state, who ran it and when. Times count from the cluster's start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskRecord {
    /// Its number in this cluster, from 0.
    pub id: usize,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: TaskState,
    /// The worker of the latest attempt, from 0: see [`Span::worker`].
    pub worker: Option<usize>,
    /// The latest attempt, from 1.
    pub attempt: u32,
    /// When it was submitted.
    pub queued: Duration,
    /// When the latest attempt began.
    pub started: Option<Duration>,
    /// When it finished, failed or was cancelled.
    pub ended: Option<Duration>,
    /// Processor time of the latest attempt; `None` if the system does not measure it.
    pub cpu: Option<Duration>,
    /// The periods in which workers ran it, in order, earlier attempts included.
    pub spans: Vec<Span>,
    /// The error of the task, or of the attempt before this one.
    pub error: Option<Error>,
}

impl TaskRecord {
    /// Wall time of the latest attempt, without waits for other tasks. If [`cpu`](Self::cpu) is less, the
    /// worker did not compute all the time.
    pub fn ran(&self) -> Duration {
        self.latest().filter_map(|span| Some(span.ended?.saturating_sub(span.started))).sum()
    }

    /// Its number and name, for messages.
    pub(crate) fn title(&self) -> String {
        format!("task {} ({})", self.id, self.name)
    }

    pub(super) fn cancelled(&self) -> Error {
        Error::new(ErrorKind::Cancelled, format!("{} was cancelled before it was done", self.title()))
    }

    /// The spans of the latest attempt.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(|span| span.attempt == self.attempt)
    }
}

/// The tasks of a cluster, in the order of submission.
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
