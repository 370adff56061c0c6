//! Which worker of a Ray cluster is which process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::protocol::{Node, Ran};
use crate::cluster::Log;
use crate::cluster::task::Task;

/// A worker for each CPU of each node. A process has one. A process that is new takes the worker of the
/// process of its node that has been silent longest: Ray has replaced that.
pub(super) struct Lanes {
    nodes: HashMap<String, Vec<Lane>>,
    next: usize,
}

struct Lane {
    worker: usize,
    pid: u64,
    seen: Duration,
}

impl Lanes {
    pub(super) fn new(nodes: &[Node]) -> Self {
        let mut lanes = Self { nodes: HashMap::new(), next: 0 };
        for node in nodes {
            let all = (0..node.cpus).map(|_| lanes.lane(0, Duration::ZERO)).collect();
            lanes.nodes.insert(node.id.clone(), all);
        }
        lanes
    }

    fn lane(&mut self, pid: u64, seen: Duration) -> Lane {
        self.next += 1;
        Lane { worker: self.next - 1, pid, seen }
    }

    /// The worker's number.
    fn worker(&mut self, node: &str, pid: u64, now: Duration) -> usize {
        let lanes = self.nodes.entry(node.to_owned()).or_default();
        let known = lanes.iter_mut().position(|lane| lane.pid == pid);
        let silent = (0..lanes.len()).min_by_key(|&i| lanes[i].seen);
        if let Some(index) = known.or(silent) {
            let lane = &mut lanes[index];
            (lane.pid, lane.seen) = (pid, now);
            return lane.worker;
        }
        // A node that came later.
        let lane = self.lane(pid, now);
        let worker = lane.worker;
        self.nodes.entry(node.to_owned()).or_default().push(lane);
        worker
    }
}

/// Records where and when an attempt of a task ran, on the clock of `log`.
pub(super) fn record(lanes: &Mutex<Lanes>, log: &Log, task: &Task, ran: &Ran) {
    let (now, queued) = (log.elapsed(), task.record().queued);
    let time = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    // Clocks of two machines may differ: what a task took is taken from one clock, and it neither
    // started before it was asked for nor ended after this was heard.
    let started = now.saturating_sub(time(ran.ago.max(ran.seconds))).max(queued);
    let ended = (started + time(ran.seconds)).min(now);
    let mut lanes = lanes.lock().unwrap_or_else(PoisonError::into_inner);
    let worker = lanes.worker(&ran.node, ran.pid, now);
    drop(lanes);
    task.ran(worker, started, ended, Some(time(ran.cpu)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes() -> Lanes {
        let node = |id: &str, cpus| Node { id: id.into(), ip: String::new(), name: String::new(), cpus };
        Lanes::new(&[node("a", 2), node("b", 1)])
    }

    #[test]
    fn a_process_keeps_its_worker_and_hands_it_on() {
        let mut lanes = lanes();
        let mut worker = |node: &str, pid, second| lanes.worker(node, pid, Duration::from_secs(second));
        assert_eq!([worker("a", 10, 1), worker("a", 11, 2), worker("b", 12, 3)], [0, 1, 2]);
        assert_eq!([worker("a", 10, 4), worker("a", 11, 5)], [0, 1]);
        assert_eq!(worker("a", 13, 6), 0, "of the one that was silent longest");
        assert_eq!(worker("new", 14, 7), 3);
    }

    #[test]
    fn a_task_neither_starts_before_it_is_asked_for_nor_ends_after_it_is_heard_of() {
        let (lanes, log) = (Mutex::new(lanes()), Log::new(3));
        let task = log.add("task");
        std::thread::sleep(Duration::from_millis(20));
        // A clock that is hours off.
        record(&lanes, &log, &task, &Ran { node: "b".into(), pid: 7, ago: 9e3, seconds: 0.01, cpu: 0.005 });
        task.end(None);
        let record = task.record();
        let span = record.spans[0];
        assert_eq!((span.worker, span.started, record.started), (2, record.queued, Some(record.queued)));
        assert_eq!(span.ended, Some(span.started + Duration::from_millis(10)));
        assert_eq!(record.cpu, Some(Duration::from_millis(5)));
    }
}
