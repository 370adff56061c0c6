//! How a cluster stands at one moment: tasks by state, progress, who worked when, results, failures.

use std::time::Duration;

use plotters::style::RGBColor;

use crate::chart::{Bar, Figure, Lanes, OKABE_ITO, pale};
use crate::cluster::{Log, Report, Snapshot, TaskRecord, TaskState};
use crate::error::Error;
use crate::platform;
use crate::text::{count, escape, memory, seconds, significant, thousands};
use crate::view::figure::{INLINE, drawn, picture};
use crate::view::tasks;
use crate::view::{Bundle, Sentences, Show, Table, Text};

/// Tasks that are drawn at most.
const DRAWN: usize = 300;
/// Rows of the tables of results and tasks, and failures that are shown.
const RESULTS: usize = 8;
const TASKS: usize = 8;
const FAILURES: usize = 4;
/// Lanes of workers at most.
const LANES: usize = 64;
/// Metrics of a report about progress, which are no results.
const PROGRESS: [&str; 4] = ["done", "of", "seconds left", "best MSE"];

/// What a worker did, and its colour; "tried again" is an attempt that failed and was followed by another.
const KEY: [(&str, RGBColor); 5] = [
    ("running", OKABE_ITO[2]),
    ("finished", OKABE_ITO[0]),
    ("failed", OKABE_ITO[1]),
    ("tried again", OKABE_ITO[4]),
    ("cancelled", RGBColor(0x59, 0x59, 0x59)),
];

/// How a cluster stood at one moment; made by [`Cluster::summary`](crate::Cluster::summary).
///
/// As the last line of a cell it shows itself as tables and a picture of who worked when.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    snapshot: Snapshot,
    /// Processor seconds of the whole process.
    cpu: Option<f64>,
    /// Memory of the whole process in bytes, now and at most.
    memory: Option<u64>,
    peak: Option<u64>,
}

impl Summary {
    pub(super) fn of(log: &Log) -> Self {
        let memory = platform::process_memory();
        Self {
            snapshot: log.snapshot(DRAWN),
            cpu: platform::process_cpu().map(|cpu| cpu.as_secs_f64()),
            memory,
            // The peak is read from another source, which may lag behind.
            peak: platform::peak_memory().max(memory),
        }
    }

    /// Changes when a task changes its state or a result is reported.
    pub(super) fn stamp(&self) -> ([usize; 5], Option<Duration>) {
        (self.snapshot.counts, self.snapshot.results.last().map(|result| result.at))
    }

    /// The whole picture, with the lanes as SVG: for pages that are trusted.
    pub(super) fn live_html(&self) -> String {
        self.html(|lanes| lanes.svg().to_owned())
    }

    fn html(&self, lanes: impl Fn(&Figure) -> String) -> String {
        let html = |table: Option<Table>| table.map_or_else(String::new, |table| table.bundle().html);
        let progress = self.progress().map_or_else(String::new, |(part, sentence)| {
            format!("<p><progress value=\"{part:.3}\" max=\"1\"></progress> {}</p>", escape(&sentence))
        });
        let lanes = drawn(self.lanes().figure("lanes", "Who worked when", self.sentence()), lanes);
        let [states, results, tasks] = [Some(self.states()), self.results(), self.tasks()].map(html);
        [progress, states, lanes, self.key(), results, tasks, self.failures()].concat()
    }

    /// States and how many tasks are in them.
    fn counts(&self) -> impl Iterator<Item = (TaskState, String)> {
        TaskState::ALL.into_iter().zip(self.snapshot.counts.map(thousands))
    }

    fn sentence(&self) -> String {
        let Snapshot { at, workers, .. } = &self.snapshot;
        let counts: Vec<_> = self.counts().map(|(state, n)| format!("{n} {state}")).collect();
        let workers = count(*workers, "worker", "workers");
        format!("{workers}, {} after their start: {}.", seconds(at.as_secs_f64()), counts.join(", "))
    }

    /// Tasks by state, and what the process uses.
    fn states(&self) -> Table {
        let states = self.counts().map(|(state, n)| (state.to_string(), n));
        let process = [
            ("processor time", self.cpu.map(seconds)),
            ("memory", self.memory.map(memory)),
            ("peak memory", self.peak.map(memory)),
        ];
        let process = process.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let (heads, values): (Vec<_>, Vec<_>) =
            states.chain(process).map(|(h, v)| (h, Text::number(v))).unzip();
        let title = format!("Cluster of {}", count(self.snapshot.workers, "worker", "workers"));
        Table::new(title, heads).rows([values])
    }

    /// The part of the work that is done, from 0 to 1, and a sentence, where the latest report has them.
    fn progress(&self) -> Option<(f64, String)> {
        let latest = self.snapshot.results.last()?;
        let metric = |name| metric(latest, name);
        let (done, of) = (metric("done")?, metric("of")?);
        let left = match metric("seconds left") {
            _ if done >= of => "all done".to_owned(),
            Some(left) => format!("{} to go, about {} left", of - done, seconds(left)),
            None => format!("{} to go", of - done),
        };
        let best = metric("best MSE").map(|mse| format!("; lowest MSE so far: {}", significant(mse)));
        Some((done / of, format!("{done} of {of} models done, {left}{}.", best.unwrap_or_default())))
    }

    /// Who worked when, and at what now.
    fn lanes(&self) -> Lanes {
        let snapshot = &self.snapshot;
        let workers = snapshot.workers.min(LANES);
        let spans = || snapshot.tasks.iter().flat_map(|task| task.spans.iter().map(move |span| (task, span)));
        let running = snapshot.tasks.iter().any(|task| task.state == TaskState::Running);
        let last = spans().filter_map(|(_, span)| span.ended).max().filter(|_| !running);
        let end = last.unwrap_or(snapshot.at);
        let start = spans().map(|(_, span)| span.started).min().unwrap_or(Duration::ZERO);
        let mut notes = vec!["idle".to_owned(); workers];
        let mut bars = Vec::new();
        for (task, span) in spans().filter(|(_, span)| span.worker < workers) {
            if span.ended.is_none() {
                notes[span.worker].clone_from(&task.name);
            }
            let (from, to) = (span.started.as_secs_f64(), span.ended.unwrap_or(end).as_secs_f64());
            let (state, colour) = KEY[match task.state {
                _ if span.attempt < task.attempt => 3,
                TaskState::Cancelled => 4,
                TaskState::Failed => 2,
                TaskState::Finished => 1,
                TaskState::Running | TaskState::Pending => 0,
            }];
            // Neighbours in two shades, so that they can be told apart.
            let colour = if task.id % 2 == 0 { colour } else { pale(colour) };
            let (id, name, attempt, time) = (task.id, &task.name, span.attempt, seconds(to - from));
            let tip = format!("task {id}: {name}, attempt {attempt}, {state}, {time}");
            bars.push(Bar { lane: span.worker, from, to, colour, tip });
        }
        Lanes::of_workers(start.as_secs_f64(), end.as_secs_f64(), notes, bars)
    }

    fn key(&self) -> String {
        let snapshot = &self.snapshot;
        let keys = KEY.map(|(name, RGBColor(r, g, b))| {
            format!("<span style=\"color:#{r:02x}{g:02x}{b:02x}\">\u{25a0}</span> {name} &nbsp; ")
        });
        let keys = keys.concat();
        let mut notes = format!("The latest {}.", count(snapshot.tasks.len(), "task", "tasks"));
        if snapshot.workers > LANES {
            notes += &format!(" The first {LANES} of {} workers.", snapshot.workers);
        }
        let waits = |task: &&TaskRecord| {
            task.state == TaskState::Running && task.spans.last().is_some_and(|span| span.ended.is_some())
        };
        let waiting = snapshot.tasks.iter().filter(waits).count();
        if waiting > 0 {
            notes += &format!(" Tasks that wait for other tasks, and occupy no worker: {waiting}.");
        }
        format!("<p>{keys}{notes}</p>")
    }

    fn results(&self) -> Option<Table> {
        let results = &self.snapshot.results;
        let shown: Vec<&Report> = results.iter().rev().take(RESULTS).collect();
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in shown.iter().flat_map(|result| &result.metrics) {
            if !names.contains(&name.as_str()) && !PROGRESS.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let row = |result: &&Report| {
            let value = |name: &&str| Text::number(metric(result, name).map(significant).unwrap_or_default());
            [Text::from(result.name.as_str())].into_iter().chain(names.iter().map(value)).collect()
        };
        let title = format!("The latest of {}", count(results.len(), "result", "results"));
        let heads = ["result"].iter().chain(&names).copied();
        (!results.is_empty()).then(|| Table::new(title, heads).rows(shown.iter().map(row)))
    }

    /// The tasks that run, and those that ended last.
    fn tasks(&self) -> Option<Table> {
        let mut shown: Vec<&TaskRecord> =
            self.snapshot.tasks.iter().filter(|task| !task.spans.is_empty()).collect();
        shown.sort_by_key(|task| std::cmp::Reverse((task.ended.unwrap_or(Duration::MAX), task.id)));
        shown.truncate(TASKS);
        (!shown.is_empty()).then(|| tasks::table("Tasks that run, and those that ended last", shown))
    }

    fn failures(&self) -> String {
        let failed = |task: &&TaskRecord| task.state == TaskState::Failed;
        let mut failed: Vec<&TaskRecord> = self.snapshot.tasks.iter().filter(failed).collect();
        failed.sort_by_key(|task| std::cmp::Reverse(task.ended));
        let errors = failed.iter().filter_map(|task| task.error.as_ref()).take(FAILURES);
        // A panic's text may be long.
        let shortened = |error: &Error| {
            let text = error.to_string();
            text.char_indices().nth(400).map_or(text.clone(), |(end, _)| format!("{} ...", &text[..end]))
        };
        let errors: Vec<String> = errors.map(shortened).collect();
        let list = (!errors.is_empty()).then(|| Sentences::new("Failures, the latest first", errors));
        list.map_or_else(String::new, |list| list.bundle().html)
    }
}

fn metric(report: &Report, name: &str) -> Option<f64> {
    report.metrics.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

impl Show for Summary {
    fn bundle(&self) -> Bundle {
        let mut text = format!("{}\n", self.sentence());
        if let Some(peak) = self.peak {
            text += &format!("The process held {} at most.\n", memory(peak));
        }
        if let Some((_, progress)) = self.progress() {
            text += &format!("{progress}\n");
        }
        if let Some(results) = self.results() {
            text += &results.bundle().text;
        }
        Bundle { html: format!("<div>{}{INLINE}</div>", self.html(picture)), text }
    }
}
