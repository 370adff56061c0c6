//! The connection to the driver: its process, the threads that read and write, and what is still open.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::call::{Call, Done, Ended, News};
use super::lanes::{self, Lanes};
use super::protocol::{Command, Event, Problem, Ran, Ready, Status};
use crate::cluster::task::Task;
use crate::cluster::{Log, MAX_RETRIES};
use crate::error::{Error, ErrorKind, Result};
use crate::text::count;

/// Lines of the driver's stderr that are kept.
const STDERR_LINES: usize = 20;
/// For the guard to end a local cluster: see `guard.py`.
const GUARD: Duration = Duration::from_secs(35);

pub(super) struct Link {
    child: Mutex<Child>,
    /// To the thread that writes to the driver. Without it the driver's stdin ends, and so does the driver.
    commands: Mutex<Option<Sender<Vec<u8>>>>,
    state: Mutex<State>,
    stderr: Mutex<VecDeque<String>>,
    grace: Duration,
}

pub(super) struct State {
    pub(super) tasks: HashMap<u64, Open>,
    pub(super) puts: HashMap<u64, Sender<Result<f64>>>,
    /// Who waits for the cluster to be there.
    pub(super) starting: Option<Sender<Ready>>,
    /// The latest end of a task.
    pub(super) result: Instant,
    /// Why nothing more will come.
    pub(super) over: Option<Error>,
}

/// A task that has not ended.
pub(super) struct Open {
    pub(super) call: Call,
    pub(super) attempt: u32,
    pub(super) to: Arc<Sender<News>>,
    pub(super) record: Record,
}

/// Where a task is recorded.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) task: Arc<Task>,
    pub(super) log: Arc<Log>,
    pub(super) lanes: Arc<Mutex<Lanes>>,
}

impl Record {
    fn ran(&self, ran: Option<&Ran>) {
        if let Some(ran) = ran {
            lanes::record(&self.lanes, &self.log, &self.task, ran);
        }
    }
}

impl Open {
    pub(super) fn line(&self, task: u64) -> Vec<u8> {
        let Call { name, request, objects, files, .. } = &self.call;
        let request = request(self.attempt);
        Command::Task { task, name, request, objects, files }.line(&[])
    }
}

pub(super) fn lost(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Cluster, message)
}

impl Link {
    /// The second is the thread that reads the driver's events until it has ended.
    pub(super) fn new(
        mut child: Child,
        starting: Sender<Ready>,
        grace: Duration,
    ) -> (Arc<Self>, JoinHandle<()>) {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (send, commands) = channel();
        let state = State {
            tasks: HashMap::new(),
            puts: HashMap::new(),
            starting: Some(starting),
            result: Instant::now(),
            over: None,
        };
        let link = Arc::new(Self {
            child: Mutex::new(child),
            commands: Mutex::new(Some(send)),
            state: Mutex::new(state),
            stderr: Mutex::default(),
            grace,
        });
        if let Some(stdin) = stdin {
            std::thread::spawn(move || write(stdin, &commands));
        }
        let (stderr_open, stderr_ends) = channel();
        if let Some(stderr) = stderr {
            let link = Arc::clone(&link);
            std::thread::spawn(move || {
                link.keep_stderr(BufReader::new(stderr));
                drop(stderr_open);
            });
        }
        let reader = Arc::clone(&link);
        let read = move || stdout.map_or((), |stdout| reader.read(BufReader::new(stdout), &stderr_ends));
        (link, std::thread::spawn(read))
    }

    /// Ends the driver's input, and waits for the driver to end.
    pub(super) fn end(&self) {
        *self.commands.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.reap();
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a line; another thread writes it, so this never blocks. Where the driver is gone, `State::over`
    /// will say so.
    pub(super) fn send(&self, line: Vec<u8>) {
        if let Some(commands) = &*self.commands.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = commands.send(line);
        }
    }

    fn keep_stderr(&self, stderr: impl BufRead) {
        for line in stderr.lines().map_while(std::io::Result::ok) {
            let mut kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_back(line);
            if kept.len() > STDERR_LINES {
                kept.pop_front();
            }
        }
    }

    /// The driver's last line on stderr, for an error message.
    pub(super) fn last_words(&self) -> String {
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kept.iter().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(String::new, |line| format!(" (its last words: {})", line.trim()))
    }

    /// Waits for the driver to end, and kills it where that takes too long. Returns how it ended.
    fn reap(&self) -> String {
        let until = Instant::now() + self.grace;
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return status.to_string(),
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
                _ => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return "killed, since it did not end".to_owned();
                }
            }
        }
    }

    fn read(&self, mut stdout: impl BufRead, stderr_ends: &Receiver<()>) {
        let mut why = String::new();
        loop {
            match Event::read(&mut stdout) {
                Ok(Some((event, bytes))) => self.hear(event, bytes),
                Ok(None) => break,
                Err(e) => {
                    why = format!("; {e}");
                    break;
                }
            }
        }
        drop(stdout);
        let status = self.reap();
        self.close(lost(format!(
            "the Ray driver ended ({status}){why}{}; connect anew, and run the sweep again (with a journal it goes on where \
             it stopped)",
            self.last_words()
        )));
        // The guard of a cluster that the driver has started holds the driver's stderr open until all of it is gone.
        let _ = stderr_ends.recv_timeout(GUARD);
    }

    /// Nothing more will come: all that is open fails.
    fn close(&self, error: Error) {
        let mut state = self.state();
        state.over.get_or_insert(error);
        state.puts.clear();
        let (over, open) = (state.over.clone(), std::mem::take(&mut state.tasks));
        drop(state);
        for open in open.into_values() {
            open.record.task.end(over.clone());
        }
    }

    fn hear(&self, event: Event, bytes: Vec<u8>) {
        let mut state = self.state();
        match event {
            Event::Ready(ready) => {
                if let Some(starting) = state.starting.take() {
                    let _ = starting.send(ready);
                }
            }
            // Who waits for an object may have given up.
            Event::Put { object, seconds } => {
                state.puts.remove(&object).map(|waiting| waiting.send(Ok(seconds)));
            }
            Event::Refused { object, message } => {
                let refused = Err(Error::new(ErrorKind::Memory, message));
                state.puts.remove(&object).map(|waiting| waiting.send(refused));
            }
            Event::Task { task, status, ran, .. } => {
                state.result = Instant::now();
                drop(state);
                self.ended(task, status, ran.as_ref(), bytes);
            }
            Event::Lost { tasks, what, cpus } => {
                drop(state);
                self.lost(&tasks, &what, cpus);
            }
            Event::Error { kind, message } => {
                let kind = match kind {
                    Problem::NoRay => ErrorKind::NotInstalled,
                    Problem::Cluster => ErrorKind::Cluster,
                };
                state.over.get_or_insert(Error::new(kind, message));
            }
        }
    }

    /// These tasks were lost. Each batch is told how many of them were its own; where none were, all are told.
    fn lost(&self, tasks: &[u64], what: &str, cpus: usize) {
        let mut batches = HashMap::new();
        for (id, open) in &self.state().tasks {
            let (_, lost) = batches.entry(Arc::as_ptr(&open.to)).or_insert_with(|| (Arc::clone(&open.to), 0));
            *lost += usize::from(tasks.contains(id) && open.attempt <= MAX_RETRIES);
        }
        let on = match cpus {
            0 => "once there is a CPU".to_owned(),
            _ => format!("on {}", count(cpus, "CPU", "CPUs")),
        };
        for (to, lost) in batches.into_values().filter(|(_, lost)| *lost > 0 || tasks.is_empty()) {
            let again = match lost {
                0 => String::new(),
                _ => format!("; {} run again {on}", count(lost, "task is", "tasks are")),
            };
            // Who waited may have given up.
            let _ = to.send(News::Lost(format!("{what}{again}")));
        }
        tasks.iter().for_each(|id| self.ended(*id, Status::Lost, None, what.as_bytes().to_vec()));
    }

    /// An attempt has ended, and with it the task, unless it is tried again.
    fn ended(&self, id: u64, status: Status, ran: Option<&Ran>, bytes: Vec<u8>) {
        let failed = |open: &Open, what: &str| {
            let (title, attempt) = (open.record.task.record().title(), open.attempt);
            let said = String::from_utf8_lossy(&bytes);
            Error::new(ErrorKind::Task, format!("{title} {what} in attempt {attempt}: {said}"))
        };
        let what = match status {
            Status::Panicked => "panicked",
            Status::Refused => "was refused",
            Status::Lost => "was lost",
            Status::Unusable | Status::Finished => "cannot be run",
        };
        let mut state = self.state();
        if matches!(status, Status::Panicked | Status::Lost)
            && let Some(open) = state.tasks.get_mut(&id).filter(|open| open.attempt <= MAX_RETRIES)
        {
            let (record, error) = (open.record.clone(), failed(open, what));
            open.attempt += 1;
            drop(state);
            record.ran(ran);
            record.task.fail_once(error);
            // Unless it was cancelled meanwhile.
            let again = self.state().tasks.get(&id).map(|open| open.line(id));
            if let Some(line) = again {
                self.send(line);
            }
            return;
        }
        let Some(open) = state.tasks.remove(&id) else { return };
        drop(state);
        open.record.ran(ran);
        let error = (status != Status::Finished).then(|| failed(&open, what));
        open.record.task.end(error);
        let said = String::from_utf8_lossy(&bytes);
        let done = match status {
            Status::Refused => Done::Failed(said.into_owned()),
            Status::Panicked => Done::Failed(format!("panicked: {said}")),
            Status::Lost => {
                Done::Failed(format!("lost, and not run again after {MAX_RETRIES} retries: {said}"))
            }
            Status::Unusable => Done::Unusable(said.into_owned()),
            Status::Finished => Done::Finished(bytes),
        };
        // Who waited may have given up.
        let ended = Ended { key: open.call.key, done, record: open.record.task.record() };
        let _ = open.to.send(News::Ended(Box::new(ended)));
    }
}

/// Writes lines to the driver until there are no more senders, or the driver has ended.
fn write(mut stdin: ChildStdin, lines: &Receiver<Vec<u8>>) {
    while let Ok(line) = lines.recv() {
        if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
            break;
        }
    }
}
