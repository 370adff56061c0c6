//! The driver: a child process that speaks with Ray, and the thread that listens to it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::task::Task;
use super::board::{Board, Trace};
use super::folder::Folder;
use super::setup::{Ready, Setup};
use super::wire::{self, Call, Done, Ended, Message, PROTOCOL};
use crate::error::{Error, ErrorKind, Result};

/// How often a task that panics is begun anew, and one whose worker died.
const MAX_RETRIES: u32 = 3;
/// For Python to load Ray.
const HELLO: Duration = Duration::from_secs(90);
/// To join a cluster; to start one.
const JOIN: Duration = Duration::from_secs(60);
const START: Duration = Duration::from_secs(180);
/// A driver says something each second.
const SILENCE: Duration = Duration::from_secs(45);
/// For the driver to end by itself.
const FAREWELL: Duration = Duration::from_secs(8);

pub(super) struct Driver {
    inner: Arc<Inner>,
    listener: Option<JoinHandle<()>>,
    folder: Option<Folder>,
    next: AtomicU64,
}

struct Inner {
    child: Mutex<Child>,
    stdin: Mutex<Option<ChildStdin>>,
    state: Mutex<State>,
    stderr: Mutex<Vec<String>>,
}

struct State {
    tasks: HashMap<u64, Open>,
    puts: HashMap<u64, Sender<Result<f64>>>,
    /// Who waits for the cluster to be there.
    starting: Option<Sender<Message>>,
    heard: Instant,
    result: Instant,
    over: Option<Error>,
}

/// A task that has not ended.
struct Open {
    call: Call,
    attempt: u32,
    key: usize,
    to: Sender<Ended>,
    task: Arc<Task>,
    board: Board,
}

fn lost(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Cluster, message)
}

/// Ends what a driver has started and left, such as Ray's agents, which outlive all else: it is of the
/// driver's process group.
#[cfg(unix)]
fn end_group(driver: u32) {
    if let Ok(group) = i32::try_from(driver) {
        // SAFETY: a plain system call. The group is that of a driver which was alive a moment ago; while one
        // process of it lives, no other group can have this number.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}

#[cfg(not(unix))]
fn end_group(_: u32) {}

impl Driver {
    pub(super) fn start(
        setup: &Setup,
        address: Option<&str>,
        local: Option<(usize, usize, Folder)>,
    ) -> Result<(Self, Ready)> {
        let mut command = Command::new(&setup.python);
        command.arg("-u").arg(&setup.driver);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("RAY_USAGE_STATS_ENABLED", "0").env("PYTHONDONTWRITEBYTECODE", "1");
        // Ctrl-C is for this process, which then ends the driver.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|e| {
            lost(format!("{} did not start: {e}; run ./scripts/setup", setup.python.display()))
        })?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (starting, told) = channel();
        let now = Instant::now();
        let state = State {
            tasks: HashMap::new(),
            puts: HashMap::new(),
            starting: Some(starting),
            heard: now,
            result: now,
            over: None,
        };
        let inner = Arc::new(Inner {
            child: Mutex::new(child),
            stdin: Mutex::new(stdin),
            state: Mutex::new(state),
            stderr: Mutex::default(),
        });
        if let Some(stderr) = stderr {
            let inner = Arc::clone(&inner);
            std::thread::spawn(move || inner.keep_stderr(BufReader::new(stderr)));
        }
        let listener = stdout.map(|stdout| {
            let inner = Arc::clone(&inner);
            std::thread::spawn(move || inner.listen(BufReader::new(stdout)))
        });
        let (nodes, folder) = match local {
            Some((nodes, cpus, folder)) => {
                (json!({ "nodes": nodes, "cpus": cpus, "folder": folder.path() }), Some(folder))
            }
            None => (Value::Null, None),
        };
        let patience = if folder.is_some() { START } else { JOIN };
        let driver = Self { inner, listener, folder, next: AtomicU64::new(0) };
        let libraries: serde_json::Map<_, _> =
            setup.libraries.iter().map(|(kind, path)| (kind.clone(), json!(path))).collect();
        let start = json!({
            "protocol": PROTOCOL, "address": address, "local": nodes, "libraries": libraries,
        });
        driver.inner.tell(&start, &[])?;
        let hello = driver.told(&told, "hello", HELLO)?;
        let ready = driver.told(&told, "ready", patience)?;
        driver.inner.state().starting = None;
        Ok((driver, Ready::of(&ready.line, &hello.text("ray"))))
    }

    /// Waits for what the driver says while it starts.
    fn told(&self, from: &Receiver<Message>, event: &str, patience: Duration) -> Result<Message> {
        let until = Instant::now() + patience;
        loop {
            match from.recv_timeout(Duration::from_millis(100)) {
                Ok(message) if message.event() == event => return Ok(message),
                _ => self.check()?,
            }
            if Instant::now() > until {
                return Err(lost(format!(
                    "the Ray driver did not get to \"{event}\" within {} s{}; see that the machine is not overloaded, \
                     that the address is a Ray head's, and that its token is the one in RAY_AUTH_TOKEN_PATH",
                    patience.as_secs(),
                    self.inner.last_words()
                )));
            }
        }
    }

    fn check(&self) -> Result<()> {
        self.inner.state().over.clone().map_or(Ok(()), Err)
    }

    /// Stores bytes; their name, and how long Ray took.
    pub(super) fn put(&self, bytes: &[u8], patience: Duration) -> Result<(u64, f64)> {
        let object = self.next.fetch_add(1, Ordering::Relaxed);
        let (send, receive) = channel();
        self.inner.state().puts.insert(object, send);
        self.inner.tell(&json!({ "do": "put", "object": object, "bytes": bytes.len() }), bytes)?;
        let until = Instant::now() + patience;
        loop {
            match receive.recv_timeout(Duration::from_millis(100)) {
                Ok(seconds) => return Ok((object, seconds?)),
                Err(_) => self.check()?,
            }
            if Instant::now() > until {
                let message =
                    format!("an object was not stored within {} s; is the network up?", patience.as_secs());
                return Err(lost(message));
            }
        }
    }

    pub(super) fn forget(&self, object: u64) {
        // Where the driver is gone, so is the object.
        let _ = self.inner.tell(&json!({ "do": "drop", "object": object }), &[]);
    }

    pub(super) fn submit(&self, call: Call, key: usize, to: &Sender<Ended>, board: &Board) -> Result<()> {
        self.check()?;
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let line = wire::task(id, &call, 1, MAX_RETRIES);
        let (task, board) = (board.add(&call.name), board.clone());
        let mut state = self.inner.state();
        if state.tasks.is_empty() {
            state.result = Instant::now();
        }
        state.tasks.insert(id, Open { call, attempt: 1, key, to: to.clone(), task, board });
        drop(state);
        self.inner.tell(&line, &[])
    }

    pub(super) fn next(&self, from: &Receiver<Ended>, patience: Duration) -> Result<Ended> {
        loop {
            match from.recv_timeout(Duration::from_millis(200)) {
                Ok(ended) => return Ok(ended),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.check()?;
                    return Err(lost("there is no task left to wait for"));
                }
            }
            self.check()?;
            let (silent, idle) = {
                let state = self.inner.state();
                (state.heard.elapsed(), state.result.elapsed())
            };
            if silent > SILENCE {
                return Err(lost(format!(
                    "the Ray driver has said nothing for {} s; connect anew, and run the sweep again",
                    silent.as_secs()
                )));
            }
            if idle > patience {
                return Err(lost(format!(
                    "no task has ended for {} s: the cluster may have lost its nodes, or be busy with other jobs (ray \
                     status tells); if the tasks take that long, say so: ray.clone().patience(Duration::from_secs(..))",
                    idle.as_secs()
                )));
            }
        }
    }

    pub(super) fn cancel(&self) {
        let open: Vec<Open> = self.inner.state().tasks.drain().map(|(_, open)| open).collect();
        for Open { task, board, .. } in open {
            task.cancel();
            board.ran(&task, None);
            task.end(None);
        }
        let _ = self.inner.tell(&json!({ "do": "cancel" }), &[]);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // At the end of its input it ends, with all that it has started.
        *self.inner.stdin.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.inner.reap(FAREWELL);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        // What is still there goes now.
        drop(self.folder.take());
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, line: &Value, bytes: &[u8]) -> Result<()> {
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

    fn last_words(&self) -> String {
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kept.iter().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(String::new, |line| format!(" (its last words: {})", line.trim()))
    }

    /// Waits for the driver to end, and ends it where that takes too long. How it ended.
    fn reap(&self, patience: Duration) -> String {
        let until = Instant::now() + patience;
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match child.try_wait() {
                Ok(Some(status)) => {
                    end_group(child.id());
                    return status.to_string();
                }
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
                _ => {
                    end_group(child.id());
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
        let status = self.reap(FAREWELL);
        let message = format!(
            "the Ray driver ended ({status}){why}{}; connect anew, and run the sweep again (with a journal it goes on where \
             it stopped)",
            self.last_words()
        );
        self.end(lost(message));
    }

    /// Nothing more will come.
    fn end(&self, error: Error) {
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
            "error" => drop(state.over.get_or_insert(lost(message.text("message")))),
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
