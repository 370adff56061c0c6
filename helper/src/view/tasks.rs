//! How tasks show themselves: the latest as a table.

use std::time::Duration;

use super::{Bundle, Show, Table, Text};
use crate::cluster::{TaskRecord, TaskState, Tasks};
use crate::text::{seconds, thousands};

const LATEST: usize = 12;

impl Show for Tasks {
    fn bundle(&self) -> Bundle {
        let all = thousands(self.len() as u64);
        let title = match self.len() > LATEST {
            true => format!("The latest {LATEST} of {all} tasks"),
            false => format!("{all} tasks"),
        };
        let in_state = |state| self.iter().filter(|task| task.state == state).count();
        let counts = TaskState::ALL.map(|state| format!("{} {state}", in_state(state)));
        let latest = self.iter().skip(self.len().saturating_sub(LATEST));
        table(title, latest).note(counts.join(", ")).bundle()
    }
}

/// The one table of tasks.
pub(super) fn table<'a>(title: impl Into<String>, tasks: impl IntoIterator<Item = &'a TaskRecord>) -> Table {
    let time = |time: Option<Duration>| {
        Text::number(time.map(|time| seconds(time.as_secs_f64())).unwrap_or_default())
    };
    let row = |task: &TaskRecord| {
        vec![
            Text::number(task.id),
            Text::from(task.name.as_str()),
            Text::from(task.state.to_string()),
            Text::number(task.worker.map_or_else(String::new, |worker| worker.to_string())),
            Text::number(task.attempt),
            time(task.started.map(|started| started.saturating_sub(task.queued))),
            time(task.ended.map(|_| task.ran())),
            time(task.cpu),
        ]
    };
    let heads = ["task", "name", "state", "worker", "attempt", "waited", "ran", "processor time"];
    Table::new(title, heads).rows(tasks.into_iter().map(row))
}
