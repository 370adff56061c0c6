//! The tasks as a trace that Perfetto (<https://ui.perfetto.dev>) and `chrome://tracing` open.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{Cluster, Span, TaskRecord};
use crate::error::Result;
use crate::platform::{report_folder, write};

impl Cluster {
    /// Writes `report/trace.json`: what every worker did when, in the Trace Event Format, to be
    /// opened at <https://ui.perfetto.dev> (which reads the file in the browser, and sends it nowhere).
    ///
    /// Each stretch of time in which a worker was at a task is a slice in the worker's row, and says
    /// which task it was, which attempt, and how the task stands. Where a task's name is made of pairs
    /// of words, such as `model 3 trees 0..50`, they are arguments `model` and `trees` as well.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the file cannot be written.
    pub fn save_trace(&self) -> Result<PathBuf> {
        let path = report_folder().join("trace.json");
        write(&path, &trace(self.workers(), &self.tasks(), self.elapsed()).to_string())?;
        Ok(path)
    }
}

fn trace(workers: usize, tasks: &[TaskRecord], now: Duration) -> Value {
    let name = |what: &str, tid: usize, name: String| json!({ "ph": "M", "pid": 1, "tid": tid, "name": what, "args": { "name": name } });
    let mut events = vec![name("process_name", 0, format!("cluster of {workers} workers"))];
    for worker in 0..workers {
        events.push(name("thread_name", worker, format!("worker {worker}")));
        events.push(json!({
            "ph": "M", "pid": 1, "tid": worker, "name": "thread_sort_index", "args": { "sort_index": worker },
        }));
    }
    let slices = tasks.iter().flat_map(|task| task.spans.iter().map(move |span| slice(task, span, now)));
    events.extend(slices);
    json!({ "displayTimeUnit": "ms", "traceEvents": events })
}

fn slice(task: &TaskRecord, span: &Span, now: Duration) -> Value {
    let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
    let ended = span.ended.unwrap_or(now);
    let tried_again = span.attempt < task.attempt;
    let state = if tried_again { "FAILED".to_owned() } else { task.state.to_string() };
    let mut args = serde_json::Map::new();
    let words: Vec<&str> = task.name.split_whitespace().collect();
    if words.len().is_multiple_of(2) {
        args.extend(words.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].into())));
    }
    let own = [
        ("task", json!(task.id)),
        ("attempt", json!(span.attempt)),
        ("state", json!(state)),
        ("tried_again", json!(tried_again)),
        ("queued_us", json!(micros(task.queued))),
        ("cpu_us", json!(span.cpu.map(micros))),
        ("error", json!(task.error.as_ref().map(ToString::to_string))),
    ];
    args.extend(own.map(|(name, value)| (name.to_owned(), value)));
    json!({
        "ph": "X",
        "pid": 1,
        "tid": span.worker,
        "name": task.name,
        "cat": state,
        "ts": micros(span.started),
        "dur": micros(ended.saturating_sub(span.started)),
        "args": args,
    })
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
        let text = trace(2, &cluster.tasks(), cluster.elapsed()).to_string();
        let parsed: Value = serde_json::from_str(&text).unwrap();
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
