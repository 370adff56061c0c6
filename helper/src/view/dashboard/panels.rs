//! What the dashboard shows, as HTML: for the live page and for the still picture alike.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::summary::Summary;
use crate::cluster::{Report, Span, TaskRecord, TaskState};
use crate::text::{escape, seconds, thousands};

/// Results that are shown at most, the latest first.
pub(super) const RESULTS: usize = 8;
const TASKS: usize = 8;
const FAILURES: usize = 4;
/// Lanes of workers at most.
const LANES: usize = 64;
/// The width of a lane in the units of its drawing, which is stretched to what there is.
const WIDTH: f64 = 1000.0;
const FAILED_ATTEMPT: &str = "#e69f00";

/// Colours that also those tell apart who see no red or no green (Okabe and Ito).
fn colour(state: TaskState) -> &'static str {
    match state {
        TaskState::Pending => "#8c959f",
        TaskState::Running => "#009e73",
        TaskState::Finished => "#0072b2",
        TaskState::Failed => "#d55e00",
    }
}

pub(super) fn html(summary: &Summary) -> String {
    let mut out = cards(summary);
    out.push_str(&lanes(summary));
    out.push_str("<div class=\"tables\">");
    out.push_str(&results(&summary.snapshot.results));
    out.push_str(&tasks(&summary.snapshot.tasks));
    out.push_str("</div>");
    out.push_str(&failures(&summary.snapshot.tasks));
    out
}

/// Tasks by state, and what the process uses.
fn cards(summary: &Summary) -> String {
    let mut out = String::from("<div class=\"cards\">");
    let mut card = |colour: &str, value: &str, what: &str| {
        let (value, what) = (escape(value), escape(what));
        let _ =
            write!(out, "<div class=\"card\" style=\"--c:{colour}\"><b>{value}</b><span>{what}</span></div>");
    };
    for (state, count) in summary.counts() {
        card(colour(state), &thousands(count as u64), &state.to_string());
    }
    let usage = summary.usage;
    if let Some(cpu) = usage.cpu {
        card("#d5d9de", &seconds(cpu), "CPU of this process");
    }
    if let Some(memory) = usage.memory {
        card("#d5d9de", &bytes(memory), "memory of this process");
    }
    if let Some(peak) = usage.peak {
        card("#d5d9de", &bytes(peak), "its memory at most");
    }
    out + "</div>"
}

/// Who worked when, and at what now.
fn lanes(summary: &Summary) -> String {
    let snapshot = &summary.snapshot;
    let spans: Vec<(&TaskRecord, &Span)> =
        snapshot.tasks.iter().flat_map(|task| task.spans.iter().map(move |span| (task, span))).collect();
    let open = snapshot.tasks.iter().any(|task| task.state == TaskState::Running);
    let last = spans.iter().filter_map(|(_, span)| span.ended).max();
    let to = if open { snapshot.at } else { last.unwrap_or(snapshot.at) };
    let from = spans.iter().map(|(_, span)| span.started).min().unwrap_or(Duration::ZERO);
    let (first, length) = (from.as_secs_f64(), (to.saturating_sub(from)).as_secs_f64().max(1e-6));
    let x = |at: Duration| ((at.as_secs_f64() - first) / length * WIDTH).clamp(0.0, WIDTH);

    let mut out = String::from("<h4>Who worked when, and at what now</h4>");
    for worker in 0..snapshot.workers.min(LANES) {
        let mut now = None;
        let mut bars = String::new();
        for (task, span) in spans.iter().filter(|(_, span)| span.worker == worker) {
            if span.ended.is_none() {
                now = Some(*task);
            }
            let (left, right) = (x(span.started), x(span.ended.unwrap_or(to)));
            // Neighbours in two shades, so that one can tell them apart.
            let (fill, shade) = (fill(task, span), if task.id % 2 == 0 { "" } else { " class=\"odd\"" });
            let _ = write!(
                bars,
                "<rect x=\"{left:.2}\" width=\"{:.2}\" fill=\"{fill}\"{shade}><title>{}</title></rect>",
                (right - left).max(0.6),
                escape(&what(task, span, to)),
            );
        }
        let now = escape(now.map_or("idle", |task| task.name.as_str()));
        let _ = write!(
            out,
            "<div class=\"lane\"><span>worker {worker}</span><svg viewBox=\"0 0 {WIDTH} 10\" \
             preserveAspectRatio=\"none\" role=\"img\" aria-label=\"What worker {worker} did\">{bars}</svg>\
             <span title=\"{now}\">{now}</span></div>"
        );
    }
    let digits = if length < 1.0 { 3 } else { usize::from(length < 20.0) };
    let ticks: String =
        (0..5).map(|i| format!("<span>{:.digits$} s</span>", first + length * f64::from(i) / 4.0)).collect();
    let _ = write!(
        out,
        "<div class=\"lane axis\"><span></span><span class=\"ticks\">{ticks}</span><span></span></div><p class=\"key\">"
    );
    let keys = [
        ("running", colour(TaskState::Running)),
        ("finished", colour(TaskState::Finished)),
        ("failed", colour(TaskState::Failed)),
        ("an attempt that was followed by another", FAILED_ATTEMPT),
    ];
    for (name, colour) in keys {
        let _ = write!(out, "<i style=\"background:{colour}\"></i>{name}");
    }
    let _ = write!(
        out,
        ". Seconds since the cluster's start; the latest {} tasks.",
        thousands(snapshot.tasks.len() as u64)
    );
    if snapshot.workers > LANES {
        let _ = write!(out, " The first {LANES} of {} workers.", snapshot.workers);
    }
    let waiting = snapshot.tasks.iter().filter(|task| is_waiting(task)).count();
    if waiting > 0 {
        let _ = write!(out, " Tasks that wait for others now, and hold no worker: {waiting}.");
    }
    out + "</p>"
}

fn is_waiting(task: &TaskRecord) -> bool {
    task.state == TaskState::Running && task.spans.last().is_some_and(|span| span.ended.is_some())
}

fn fill(task: &TaskRecord, span: &Span) -> &'static str {
    if span.attempt < task.attempt { FAILED_ATTEMPT } else { colour(task.state) }
}

fn what(task: &TaskRecord, span: &Span, to: Duration) -> String {
    let length = span.ended.unwrap_or(to).saturating_sub(span.started).as_secs_f64();
    let state = if span.attempt < task.attempt { "tried again".to_owned() } else { task.state.to_string() };
    format!("task {}: {}, attempt {}, {state}, {}", task.id, task.name, span.attempt, seconds(length))
}

/// The latest results.
fn results(results: &[Report]) -> String {
    if results.is_empty() {
        return String::new();
    }
    let shown: Vec<&Report> = results.iter().rev().take(RESULTS).collect();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in shown.iter().flat_map(|result| &result.metrics) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let title = match results.len() {
        all if all > RESULTS => format!("Results: the latest {RESULTS} of {}", thousands(all as u64)),
        all => format!("Results: {all}"),
    };
    let heads: Vec<Cell> = [Cell::name("result")].into_iter().chain(names.iter().map(Cell::number)).collect();
    let rows = shown.iter().map(|result| {
        let metrics: BTreeMap<&str, f64> =
            result.metrics.iter().map(|(name, v)| (name.as_str(), *v)).collect();
        let values =
            names.iter().map(|name| Cell::number(metrics.get(name).map_or_else(String::new, |v| figure(*v))));
        [Cell::name(&result.name)].into_iter().chain(values).collect()
    });
    table(&title, &heads, rows.collect())
}

/// The tasks that run, and those that ended last.
fn tasks(tasks: &[TaskRecord]) -> String {
    let mut shown: Vec<&TaskRecord> = tasks.iter().filter(|task| !task.spans.is_empty()).collect();
    if shown.is_empty() {
        return String::new();
    }
    shown.sort_by_key(|task| std::cmp::Reverse((task.ended.unwrap_or(Duration::MAX), task.id)));
    shown.truncate(TASKS);
    let heads: Vec<Cell> = ["task", "attempt", "waited", "ran", "CPU"].iter().map(Cell::number).collect();
    let heads = [vec![Cell::name("name"), Cell::name("state")], heads].concat();
    let rows = shown.iter().map(|task| {
        let waited = task.started.map(|started| started.saturating_sub(task.queued));
        let time = |time: Option<Duration>| {
            Cell::number(time.map_or_else(String::new, |t| seconds(t.as_secs_f64())))
        };
        let ran = task.ended.map(|_| task.ran());
        vec![
            Cell::name(&task.name),
            Cell::name(task.state),
            Cell::number(task.id),
            Cell::number(task.attempt),
            time(waited),
            time(ran),
            time(task.cpu),
        ]
    });
    table("Tasks: those that run, and those that ended last", &heads, rows.collect())
}

fn failures(tasks: &[TaskRecord]) -> String {
    let mut failed: Vec<&TaskRecord> = tasks.iter().filter(|task| task.state == TaskState::Failed).collect();
    if failed.is_empty() {
        return String::new();
    }
    failed.sort_by_key(|task| std::cmp::Reverse(task.ended));
    let mut out = String::from("<h4>Failures, the latest first</h4>");
    for error in failed.iter().take(FAILURES).filter_map(|task| task.error.as_ref()) {
        let _ = write!(out, "<p class=\"failure\">{}</p>", escape(&shortened(&error.to_string())));
    }
    out
}

/// Long texts of a panic would push everything else away.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}

#[derive(Clone)]
struct Cell {
    text: String,
    class: &'static str,
}

impl Cell {
    fn name(text: impl ToString) -> Self {
        Self { text: text.to_string(), class: "name" }
    }

    fn number(text: impl ToString) -> Self {
        Self { text: text.to_string(), class: "n" }
    }
}

fn table(title: &str, heads: &[Cell], rows: Vec<Vec<Cell>>) -> String {
    let row = |cells: &[Cell], tag: &str| {
        let cells = cells.iter().map(|Cell { text, class }| {
            let text = escape(text);
            format!("<{tag} class=\"{class}\" title=\"{text}\">{text}</{tag}>")
        });
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let body: String = rows.iter().map(|cells| row(cells, "td")).collect();
    format!(
        "<div class=\"scroll\"><h4>{}</h4><table><thead>{}</thead><tbody>{body}</tbody></table></div>",
        escape(title),
        row(heads, "th")
    )
}

/// Four significant digits, so that numbers of any size can be read.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        a if a.fract() == 0.0 && a < 1e9 => format!("{value:.0}"),
        a if (0.001..1.0).contains(&a) => format!("{value:.4}"),
        a if (1.0..10_000.0).contains(&a) => format!("{value:.3}"),
        _ => format!("{value:.3e}"),
    }
}

pub(super) fn bytes(bytes: u64) -> String {
    match bytes as f64 / f64::from(1 << 20) {
        mib if mib < 1024.0 => format!("{mib:.0} MiB"),
        mib => format!("{:.2} GiB", mib / 1024.0),
    }
}
