//! The line to a driver: what is still open, and the threads that hear what it says.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::board::{Board, Trace};
use super::folder::Folder;
use super::wire::{self, Call, Done, Ended, Message};
use crate::cluster::MAX_RETRIES;
use crate::cluster::task::Task;
use crate::error::{Error, ErrorKind, Result};

/// For the driver to end by itself.
const FAREWELL: Duration = Duration::from_secs(8);

pub(super) struct Link {
    child: Mutex<Child>,
    stdin: Mutex<Option<ChildStdin>>,
    state: Mutex<State>,
    stderr: Mutex<Vec<String>>,
    /// Of a cluster that the driver has started.
    folder: Mutex<Option<Folder>>,
}

pub(super) struct State {
    pub(super) tasks: HashMap<u64, Open>,
    pub(super) puts: HashMap<u64, Sender<Result<f64>>>,
    /// Who waits for the cluster to be there.
    pub(super) starting: Option<Sender<Message>>,
    pub(super) heard: Instant,
    pub(super) result: Instant,
    pub(super) over: Option<Error>,
}

/// A task that has not ended.
pub(super) struct Open {
    pub(super) call: Call,
    pub(super) attempt: u32,
    pub(super) key: usize,
    pub(super) to: Sender<Ended>,
    pub(super) task: Arc<Task>,
    pub(super) board: Board,
}

pub(super) fn lost(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Cluster, message)
}

impl Link {
    /// With the thread that listens to the driver until that has ended.
    pub(super) fn new(
        mut child: Child,
        folder: Option<Folder>,
        starting: Sender<Message>,
    ) -> (Arc<Self>, JoinHandle<()>) {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let now = Instant::now();
        let state = State {
            tasks: HashMap::new(),
            puts: HashMap::new(),
            starting: Some(starting),
            heard: now,
            result: now,
            over: None,
        };
        let link = Arc::new(Self {
            child: Mutex::new(child),
            stdin: Mutex::new(stdin),
            state: Mutex::new(state),
            stderr: Mutex::default(),
            folder: Mutex::new(folder),
        });
        if let Some(stderr) = stderr {
            let link = Arc::clone(&link);
            std::thread::spawn(move || link.keep_stderr(BufReader::new(stderr)));
        }
        let listener = Arc::clone(&link);
        let listen = move || stdout.map_or((), |stdout| listener.listen(BufReader::new(stdout)));
        (link, std::thread::spawn(listen))
    }

    /// At the end of its input the driver ends.
    pub(super) fn end(&self) {
        *self.stdin.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.reap();
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, line: &Value, bytes: &[u8]) -> Result<()> {
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        let told = stdin.as_mut().map(|stdin| wire::tell(stdin, line, bytes));
        drop(stdin);
        if matches!(told, Some(Ok(()))) {
            return Ok(());
        }
        // Why it does not listen is known a little later.
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            if let Some(over) = self.state().over.clone() {
                return Err(over);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(lost("the Ray driver does not listen any more; connect anew, and run the sweep again"))
    }

    fn keep_stderr(&self, stderr: impl BufRead) {
        for line in stderr.lines().map_while(std::io::Result::ok) {
            let mut kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(line);
            if kept.len() > 20 {
                kept.remove(0);
            }
        }
    }

    pub(super) fn last_words(&self) -> String {
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kept.iter().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(String::new, |line| format!(" (its last words: {})", line.trim()))
    }

    /// Waits for the driver to end, and ends it where that takes too long. How it ended.
    fn reap(&self) -> String {
        let until = Instant::now() + FAREWELL;
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

    fn listen(&self, mut stdout: impl BufRead) {
        let mut why = String::new();
        loop {
            match Message::read(&mut stdout) {
                Ok(Some(message)) => self.hear(message),
                Ok(None) => break,
                Err(e) => {
                    why = format!(": {e}");
                    break;
                }
            }
        }
        let status = self.reap();
        let message = format!(
            "the Ray driver ended ({status}){why}{}; connect anew, and run the sweep again (with a journal it goes on where \
             it stopped)",
            self.last_words()
        );
        self.close(lost(message));
        drop(self.folder.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Nothing more will come.
    fn close(&self, error: Error) {
        let mut state = self.state();
        state.over.get_or_insert(error);
        state.puts.clear();
        let (over, open) = (state.over.clone(), std::mem::take(&mut state.tasks));
        drop(state);
        for Open { task, board, .. } in open.into_values() {
            board.ran(&task, None);
            task.end(over.clone());
        }
    }

    fn hear(&self, message: Message) {
        let mut state = self.state();
        state.heard = Instant::now();
        match message.event() {
            "error" => {
                let kind = match message.text("kind").as_str() {
                    "no-ray" => ErrorKind::NotInstalled,
                    _ => ErrorKind::Cluster,
                };
                state.over.get_or_insert(Error::new(kind, message.text("message")));
            }
            "put" | "refused" => {
                let stored = match message.event() {
                    "put" => Ok(message.number("seconds")),
                    _ => Err(Error::new(ErrorKind::Memory, message.text("message"))),
                };
                if let Some(waiting) = state.puts.remove(&message.id("object")) {
                    let _ = waiting.send(stored);
                }
            }
            "task" => {
                state.result = Instant::now();
                let open = state.tasks.remove(&message.id("task"));
                drop(state);
                if let Some(open) = open {
                    self.ended(open, message);
                }
            }
            "hello" | "ready" => {
                if let Some(starting) = &state.starting {
                    let _ = starting.send(message);
                }
            }
            _ => {}
        }
    }

    /// An attempt has ended, and with it the task, unless it is tried again.
    fn ended(&self, mut open: Open, message: Message) {
        let (node, status) = (message.text("node"), message.text("status"));
        let trace = Trace {
            node: &node,
            pid: message.id("pid"),
            ago: message.number("ago"),
            seconds: message.number("seconds"),
            cpu: message.number("cpu"),
        };
        open.board.ran(&open.task, (!node.is_empty()).then_some(&trace));
        let error = |what: &str| {
            let (title, attempt) = (open.task.title(), open.attempt);
            Error::new(ErrorKind::Task, format!("{title} {what} in attempt {attempt}: {}", message.said()))
        };
        if status == "panicked" && open.attempt <= MAX_RETRIES {
            open.task.fail_once(error("panicked"));
            open.board.again(&open.task);
            open.attempt += 1;
            let id = message.id("task");
            let line = wire::task(id, &open.call, open.attempt, MAX_RETRIES);
            self.state().tasks.insert(id, open);
            let _ = self.tell(&line, &[]);
            return;
        }
        let (done, error) = match &*status {
            "finished" => (None, None),
            "panicked" => {
                (Some(Done::Failed(format!("panicked: {}", message.said()))), Some(error("panicked")))
            }
            "refused" => (Some(Done::Failed(message.said())), Some(error("was refused"))),
            "lost" => {
                let said = format!(
                    "lost, and not run again after {MAX_RETRIES} retries: {}; the workers may be short of memory",
                    message.said()
                );
                (Some(Done::Failed(said)), Some(error("was lost")))
            }
            _ => (Some(Done::Unusable(message.said())), Some(error("cannot be run"))),
        };
        open.task.end(error);
        let record = open.task.record();
        let done = done.unwrap_or(Done::Finished(message.bytes));
        // Who waited may have given up.
        let _ = open.to.send(Ended { key: open.key, done, record });
    }
}
