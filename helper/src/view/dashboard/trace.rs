//! The tasks as a trace that Perfetto (<https://ui.perfetto.dev>) and `chrome://tracing` open.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cluster::{Log, Span, TaskRecord, TaskState};
use crate::error::Result;
use crate::platform::{report_folder, write};

pub(super) fn save(log: &Log) -> Result<PathBuf> {
    let path = report_folder().join("trace.json");
    write(&path, &trace(log.workers(), &log.tasks(), log.elapsed()).to_string())?;
    Ok(path)
}

/// The Trace Event Format: metadata about rows ("M"), and slices of time in them ("X"), in microseconds.
fn trace(workers: usize, tasks: &[TaskRecord], now: Duration) -> Value {
    let row = |name: &str, row: usize, args: Value| json!({"ph": "M", "pid": 1, "tid": row, "name": name, "args": args});
    let mut events = vec![row("process_name", 0, json!({"name": format!("cluster of {workers} workers")}))];
    for worker in 0..workers {
        events.push(row("thread_name", worker, json!({"name": format!("worker {worker}")})));
        events.push(row("thread_sort_index", worker, json!({"sort_index": worker})));
    }
    events.extend(tasks.iter().flat_map(|task| task.spans.iter().map(move |span| slice(task, span, now))));
    json!({"displayTimeUnit": "ms", "traceEvents": events})
}

fn slice(task: &TaskRecord, span: &Span, now: Duration) -> Value {
    let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
    let tried_again = span.attempt < task.attempt;
    let state = if tried_again { TaskState::Failed } else { task.state }.to_string();
    let words: Vec<&str> = task.name.split_whitespace().collect();
    let pairs = words.chunks_exact(2).filter(|_| words.len().is_multiple_of(2));
    let mut args: Map<String, Value> = pairs.map(|pair| (pair[0].to_owned(), pair[1].into())).collect();
    args.extend([
        ("task".to_owned(), task.id.into()),
        ("attempt".to_owned(), span.attempt.into()),
        ("state".to_owned(), state.as_str().into()),
        ("tried_again".to_owned(), tried_again.into()),
        ("queued_us".to_owned(), micros(task.queued).into()),
        ("cpu_us".to_owned(), span.cpu.map(micros).into()),
        ("error".to_owned(), task.error.as_ref().map(ToString::to_string).into()),
    ]);
    json!({
        "ph": "X",
        "pid": 1,
        "tid": span.worker,
        "name": task.name,
        "cat": state,
        "ts": micros(span.started),
        "dur": micros(span.ended.unwrap_or(now).saturating_sub(span.started)),
        "args": args,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::cluster::Cluster;

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
        let parsed = trace(2, &tasks, cluster.log().elapsed());
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
