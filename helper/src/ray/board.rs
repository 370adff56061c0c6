//! What is known of the tasks that a Ray cluster runs: the same records as of tasks on threads.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::setup::Node;
use crate::cluster::Cluster;
use crate::cluster::task::Task;

/// The records, and which worker is which process.
#[derive(Clone)]
pub(crate) struct Board {
    cluster: Cluster,
    state: Arc<Mutex<State>>,
}

struct State {
    lanes: Lanes,
    pending: BTreeMap<usize, Arc<Task>>,
    running: BTreeMap<usize, usize>,
}

/// A worker for each CPU of each node. A process has one; where it is replaced, the new one gets that
/// of the process of its node that has been silent longest.
struct Lanes {
    nodes: HashMap<String, Vec<Lane>>,
    next: usize,
}

struct Lane {
    worker: usize,
    pid: u64,
    seen: Duration,
}

/// Where and when a task ran, as its worker says; times are in seconds.
pub(super) struct Trace<'a> {
    pub(super) node: &'a str,
    pub(super) pid: u64,
    /// From its begin until it was known here that it has ended.
    pub(super) ago: f64,
    pub(super) seconds: f64,
    pub(super) cpu: f64,
}

impl Board {
    pub(super) fn new(nodes: &[Node]) -> Self {
        let mut next = 0;
        let lanes = |node: &Node| {
            let lane = |_| {
                next += 1;
                Lane { worker: next - 1, pid: 0, seen: Duration::ZERO }
            };
            (node.id.clone(), (0..node.cpus).map(lane).collect())
        };
        let nodes = nodes.iter().map(lanes).collect();
        let lanes = Lanes { nodes, next };
        let state = State { lanes, pending: BTreeMap::new(), running: BTreeMap::new() };
        Self { cluster: Cluster::of_others(next.max(1)), state: Arc::new(Mutex::new(state)) }
    }

    pub(super) fn workers(&self) -> usize {
        self.cluster.workers()
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// A task was handed in.
    pub(super) fn add(&self, name: &str) -> Arc<Task> {
        let task = self.cluster.record_of_others(name);
        task.announce();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pending.insert(task.record().id, Arc::clone(&task));
        state.begin(self.workers());
        task
    }

    /// The task is to be run again.
    pub(super) fn again(&self, task: &Arc<Task>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pending.insert(task.record().id, Arc::clone(task));
        state.begin(self.workers());
    }

    /// An attempt has ended: what is told of it is noted.
    pub(super) fn ran(&self, task: &Task, trace: Option<&Trace<'_>>) {
        let (now, queued) = (self.cluster.elapsed(), task.record().queued);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Trace { node, pid, ago, seconds, cpu }) = trace {
            let time = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
            // Clocks of two machines may differ; nothing takes less time than it says itself.
            let started = now.saturating_sub(time(ago.max(*seconds))).max(queued);
            let ended = (started + time(*seconds)).min(now);
            let worker = state.lanes.worker(node, *pid, now);
            task.ran(worker, started, ended, Some(time(*cpu)));
        }
        let id = task.record().id;
        state.pending.remove(&id);
        state.running.remove(&id);
        state.begin(self.workers());
    }
}

impl State {
    /// The oldest, as many as there are workers, count as running.
    fn begin(&mut self, workers: usize) {
        while self.running.len() < workers {
            let Some((id, task)) = self.pending.pop_first() else { break };
            let busy: BTreeSet<usize> = self.running.values().copied().collect();
            let worker = (0..workers).find(|worker| !busy.contains(worker)).unwrap_or(0);
            task.begin(worker);
            self.running.insert(id, worker);
        }
    }
}

impl Lanes {
    fn worker(&mut self, node: &str, pid: u64, now: Duration) -> usize {
        let lanes = self.nodes.entry(node.to_owned()).or_default();
        if lanes.is_empty() {
            // A node that came later.
            lanes.push(Lane { worker: self.next, pid, seen: now });
            self.next += 1;
        }
        let known = lanes.iter().position(|lane| lane.pid == pid);
        let silent = (0..lanes.len()).min_by_key(|&i| lanes[i].seen);
        let lane = &mut lanes[known.or(silent).unwrap_or(0)];
        (lane.pid, lane.seen) = (pid, now);
        lane.worker
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::TaskState;

    fn board() -> Board {
        let node = |id: &str, cpus| Node { id: id.into(), ip: String::new(), cpus };
        Board::new(&[node("a", 2), node("b", 1)])
    }

    #[test]
    fn a_process_keeps_its_worker_and_hands_it_on() {
        let board = board();
        let mut state = board.state.lock().unwrap();
        let mut worker = |node: &str, pid, second| state.lanes.worker(node, pid, Duration::from_secs(second));
        assert_eq!([worker("a", 10, 1), worker("a", 11, 2), worker("b", 12, 3)], [0, 1, 2]);
        assert_eq!([worker("a", 10, 4), worker("a", 11, 5)], [0, 1]);
        assert_eq!(worker("a", 13, 6), 0, "of the one that was silent longest");
        assert_eq!(worker("new", 14, 7), 3);
    }

    #[test]
    fn the_oldest_count_as_running() {
        let board = board();
        let tasks: Vec<_> = (0..5).map(|i| board.add(&format!("task {i}"))).collect();
        let states = || tasks.iter().map(|task| task.state()).collect::<Vec<_>>();
        use TaskState::{Finished, Pending, Running};
        assert_eq!(states(), [Running, Running, Running, Pending, Pending]);
        let trace = Trace { node: "b", pid: 7, ago: 0.0, seconds: 0.0, cpu: 0.0 };
        board.ran(&tasks[1], Some(&trace));
        tasks[1].end(None);
        assert_eq!(states(), [Running, Finished, Running, Running, Pending]);
        let record = &board.cluster().tasks()[1];
        assert!(record.worker == Some(2) && record.started >= Some(record.queued), "{record:?}");
    }
}
