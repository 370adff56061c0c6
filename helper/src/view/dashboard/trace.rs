//! The tasks as a trace that Perfetto (<https://ui.perfetto.dev>) and `chrome://tracing` open.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::cluster::{Cluster, Log, Span, TaskRecord, TaskState};
use crate::error::{Error, ErrorKind, Result};
use crate::platform::{report_folder, write};

impl Cluster {
    /// Writes `report/trace.json`: what every worker did when, in the Trace Event Format. Open it at
    /// <https://ui.perfetto.dev>, which reads the file in the browser and sends it nowhere.
    ///
    /// Each stretch of a worker's time is a slice in its row, with the task, the attempt and the state.
    /// A task's name that consists of pairs of words, such as `model 3 trees 0..50`, gives arguments
    /// `model` and `trees` as well.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the file cannot be written.
    pub fn save_trace(&self) -> Result<PathBuf> {
        save(self.log())
    }
}

pub(super) fn save(log: &Log) -> Result<PathBuf> {
    let path = report_folder().join("trace.json");
    let json = serde_json::to_string(&trace(log.workers(), &log.tasks(), log.elapsed()));
    let json = json.map_err(|e| Error::new(ErrorKind::Io, format!("{}: {e}", path.display())))?;
    write(&path, &json)?;
    Ok(path)
}

/// The Trace Event Format.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trace<'a> {
    display_time_unit: &'static str,
    trace_events: Vec<Event<'a>>,
}

/// An event: metadata about a row, or a slice of time in it. Times are in microseconds.
#[derive(Serialize)]
#[serde(tag = "ph")]
enum Event<'a> {
    #[serde(rename = "M")]
    Row { pid: u32, tid: usize, name: &'static str, args: Row },
    #[serde(rename = "X")]
    Slice { pid: u32, tid: usize, name: &'a str, cat: String, ts: f64, dur: f64, args: Args<'a> },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Row {
    Name { name: String },
    Order { sort_index: usize },
}

#[derive(Serialize)]
struct Args<'a> {
    /// Pairs of words of the task's name.
    #[serde(flatten)]
    words: BTreeMap<&'a str, &'a str>,
    task: usize,
    attempt: u32,
    state: String,
    tried_again: bool,
    queued_us: f64,
    cpu_us: Option<f64>,
    error: Option<String>,
}

fn trace(workers: usize, tasks: &[TaskRecord], now: Duration) -> Trace<'_> {
    let row = |name, tid, args| Event::Row { pid: 1, tid, name, args };
    let name = |name| Row::Name { name };
    let mut events = vec![row("process_name", 0, name(format!("cluster of {workers} workers")))];
    for worker in 0..workers {
        events.push(row("thread_name", worker, name(format!("worker {worker}"))));
        events.push(row("thread_sort_index", worker, Row::Order { sort_index: worker }));
    }
    events.extend(tasks.iter().flat_map(|task| task.spans.iter().map(move |span| slice(task, span, now))));
    Trace { display_time_unit: "ms", trace_events: events }
}

fn slice<'a>(task: &'a TaskRecord, span: &Span, now: Duration) -> Event<'a> {
    let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
    let tried_again = span.attempt < task.attempt;
    let state = if tried_again { TaskState::Failed } else { task.state }.to_string();
    let words: Vec<&str> = task.name.split_whitespace().collect();
    let own = ["task", "attempt", "state", "tried_again", "queued_us", "cpu_us", "error"];
    let pairs = words.chunks_exact(2).filter(|pair| words.len().is_multiple_of(2) && !own.contains(&pair[0]));
    Event::Slice {
        pid: 1,
        tid: span.worker,
        name: &task.name,
        cat: state.clone(),
        ts: micros(span.started),
        dur: micros(span.ended.unwrap_or(now).saturating_sub(span.started)),
        args: Args {
            words: pairs.map(|pair| (pair[0], pair[1])).collect(),
            task: task.id,
            attempt: span.attempt,
            state,
            tried_again,
            queued_us: micros(task.queued),
            cpu_us: span.cpu.map(micros),
            error: task.error.as_ref().map(ToString::to_string),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_trace_has_a_row_for_each_worker_and_a_slice_for_each_stretch() {
        // On one worker the inner task begins when the outer one waits, not before.
        let cluster = Cluster::local_with(1).unwrap();
        let calls = AtomicU32::new(0);
        let flaky = cluster.options().name("model 3 trees 0..50").remote((), move |()| {
            assert!(calls.fetch_add(1, Ordering::SeqCst) > 0, "once");
        });
        cluster.get(&flaky).unwrap();
        let outer = cluster.options().name("\"outer\"").remote((), {
            let cluster = cluster.clone();
            move |()| *cluster.get(&cluster.remote((), |()| 1)).unwrap()
        });
        cluster.get(&outer).unwrap();
        let tasks = cluster.tasks();
        let parsed = serde_json::to_value(trace(2, &tasks, cluster.log().elapsed())).unwrap();
        let events = parsed["traceEvents"].as_array().unwrap();
        let of = |ph: &str| events.iter().filter(|e| e["ph"] == ph).collect::<Vec<_>>();
        let rows: Vec<&str> = of("M")
            .iter()
            .filter(|e| e["name"] == "thread_name")
            .map(|e| e["args"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(rows, ["worker 0", "worker 1"]);
        let slices = of("X");
        let model: Vec<_> = slices.iter().filter(|e| e["args"]["model"] == "3").collect();
        let seen: Vec<_> =
            model.iter().map(|e| (&e["args"]["attempt"], e["args"]["state"].as_str().unwrap())).collect();
        assert_eq!(seen, [(&1.into(), "FAILED"), (&2.into(), "FINISHED")]);
        assert_eq!(model[0]["args"]["trees"], "0..50");
        assert!(model[0]["args"]["tried_again"] == true && model[1]["args"]["tried_again"] == false);
        // Two for the task that waited; nothing but complete slices, one after another in each row.
        assert_eq!(slices.iter().filter(|e| e["name"] == "\"outer\"").count(), 2);
        let mut times: Vec<(f64, f64)> =
            slices.iter().map(|e| (e["ts"].as_f64().unwrap(), e["dur"].as_f64().unwrap())).collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(times.windows(2).all(|w| w[0].0 + w[0].1 <= w[1].0 + 0.001), "{times:?}");
    }
}
