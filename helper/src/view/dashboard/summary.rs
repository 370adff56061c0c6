//! How a cluster stands at one moment.

use std::fmt;

use serde_json::json;

use super::panels;
use crate::cluster::{Cluster, Report, Snapshot, TaskState};
use crate::platform;
use crate::text::{seconds, thousands};
use crate::view::Bundle;

/// Tasks that are drawn at most.
const DRAWN: usize = 600;

/// How a cluster stood at one moment; made by [`Cluster::summary`].
///
/// As the last line of a cell it shows itself as a still picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub(super) snapshot: Snapshot,
    pub(super) usage: Usage,
}

/// What the whole process has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usage {
    /// Processor seconds.
    pub(super) cpu: Option<f64>,
    /// Bytes now.
    pub(super) memory: Option<u64>,
    /// Bytes at most.
    pub(super) peak: Option<u64>,
}

impl Summary {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let usage = Usage {
            cpu: platform::process_cpu().map(|cpu| cpu.as_secs_f64()),
            memory: platform::process_memory(),
            // Of two clocks that are read one after the other, the second may be behind.
            peak: platform::peak_memory().max(platform::process_memory()),
        };
        Self { snapshot: cluster.snapshot(DRAWN), usage }
    }

    /// States and how many tasks are in them.
    pub(super) fn counts(&self) -> impl Iterator<Item = (TaskState, usize)> {
        TaskState::ALL.into_iter().zip(self.snapshot.counts)
    }

    pub(super) fn html(&self) -> String {
        let style = include_str!("panels.css");
        format!("<style>{style}</style><div class=\"cluster-panels\">{}</div>", panels::html(self))
    }

    /// What the page asks for again and again.
    pub(super) fn json(&self) -> String {
        let counts: serde_json::Map<_, _> =
            self.counts().map(|(state, count)| (state.to_string(), count.into())).collect();
        let result = |result: &Report| {
            let metrics: serde_json::Map<_, _> =
                result.metrics.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            json!({ "name": result.name, "at": result.at.as_secs_f64(), "metrics": metrics })
        };
        let results: Vec<_> = self.snapshot.results.iter().map(result).collect();
        json!({
            "at": self.snapshot.at.as_secs_f64(),
            "workers": self.snapshot.workers,
            "counts": counts,
            "cpu": self.usage.cpu,
            "memory": self.usage.memory,
            "peak": self.usage.peak,
            "results": results,
            "html": panels::html(self),
        })
        .to_string()
    }

    /// Shows the picture in a notebook.
    pub fn evcxr_display(&self) {
        Bundle::new(self.html(), self.to_string()).emit();
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Snapshot { at, workers, results, .. } = &self.snapshot;
        let counts: Vec<String> =
            self.counts().map(|(state, count)| format!("{} {state}", thousands(count as u64))).collect();
        let workers = if *workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") };
        writeln!(f, "{workers}, {} after their start: {}", seconds(at.as_secs_f64()), counts.join(", "))?;
        if let Some(peak) = self.usage.peak {
            writeln!(f, "The process held {} at most.", panels::bytes(peak))?;
        }
        for result in results.iter().rev().take(panels::RESULTS) {
            let metrics: Vec<String> = result
                .metrics
                .iter()
                .map(|(name, value)| format!("{name} {}", panels::figure(*value)))
                .collect();
            writeln!(f, "{}: {}", result.name, metrics.join(", "))?;
        }
        Ok(())
    }
}
