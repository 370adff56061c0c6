//! The driver: a child process that speaks with Ray.

use std::process::{Command as Process, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::call::{Call, News};
use super::lanes::Lanes;
use super::link::{Link, Open, Record, State, lost};
use super::protocol::{Command, Local, PROTOCOL, Ready};
use super::setup::Setup;
use crate::cluster::Log;
use crate::error::{Error, Result};

/// How often a thread that waits looks whether the driver is still there.
const LOOK: Duration = Duration::from_millis(100);

pub(super) struct Driver {
    link: Arc<Link>,
    reader: Option<JoinHandle<()>>,
    next: AtomicU64,
}

impl Driver {
    /// Joins the cluster at `address`, or starts a local one.
    pub(super) fn start(setup: &Setup, address: Option<&str>, local: Option<Local>) -> Result<(Self, Ready)> {
        let mut process = Process::new(&setup.python);
        process.arg("-u").arg(&setup.driver);
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        process.env("RAY_USAGE_STATS_ENABLED", "0");
        let child = process.spawn().map_err(|e| {
            lost(format!("{} did not start: {e}; run ./scripts/setup", setup.python.display()))
        })?;
        let limits = &setup.limits;
        let patience = if local.is_some() { limits.start } else { limits.join };
        let (starting, ready) = channel();
        let (link, reader) = Link::new(child, starting, limits.grace);
        let driver = Self { link, reader: Some(reader), next: AtomicU64::new(0) };
        let start = Command::Start { protocol: PROTOCOL, address, local, libraries: &setup.libraries };
        driver.link.send(start.line(&[]));
        let started = Instant::now();
        let ready = driver.wait(&ready, |_| {
            let message = || {
                format!(
                    "the Ray driver was not ready within {} s{}; see that the machine is not overloaded, that the address is \
                     a Ray head's, and that its token is the one in RAY_AUTH_TOKEN_PATH",
                    patience.as_secs(),
                    driver.link.last_words()
                )
            };
            (started.elapsed() > patience).then(|| lost(message()))
        })?;
        Ok((driver, ready))
    }

    /// Waits for something to arrive, as long as the driver is there and `late` has no error.
    fn wait<T>(&self, from: &Receiver<T>, late: impl Fn(&State) -> Option<Error>) -> Result<T> {
        loop {
            if let Ok(arrived) = from.recv_timeout(LOOK) {
                return Ok(arrived);
            }
            let state = self.link.state();
            if let Some(error) = state.over.clone().or_else(|| late(&state)) {
                return Err(error);
            }
        }
    }

    /// Stores bytes; returns the object's number, and how many seconds Ray took.
    pub(super) fn put(&self, bytes: &[u8], patience: Duration) -> Result<(u64, f64)> {
        let object = self.next.fetch_add(1, Ordering::Relaxed);
        let (send, stored) = channel();
        let line = Command::Put { object, bytes: bytes.len() }.line(bytes);
        self.link.state().puts.insert(object, send);
        self.link.send(line);
        let asked = Instant::now();
        let seconds = self.wait(&stored, |_| {
            let late = || {
                lost(format!("an object was not stored within {} s; is the network up?", patience.as_secs()))
            };
            (asked.elapsed() > patience).then(late)
        });
        Ok((object, seconds??))
    }

    pub(super) fn forget(&self, object: u64) {
        // Where the driver is gone, so is the object.
        self.link.send(Command::Drop { object }.line(&[]));
    }

    /// Submits a task, and returns its number.
    pub(super) fn submit(
        &self,
        call: Call,
        to: &Arc<Sender<News>>,
        log: &Arc<Log>,
        lanes: &Arc<Mutex<Lanes>>,
    ) -> Result<u64> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let task = log.add(&call.name);
        let record = Record { task: Arc::clone(&task), log: Arc::clone(log), lanes: Arc::clone(lanes) };
        let open = Open { call, attempt: 1, to: Arc::clone(to), record };
        let line = open.line(id);
        let mut state = self.link.state();
        if let Some(over) = state.over.clone() {
            drop(state);
            task.end(Some(over.clone()));
            return Err(over);
        }
        if state.tasks.is_empty() {
            state.result = Instant::now();
        }
        state.tasks.insert(id, open);
        drop(state);
        self.link.send(line);
        Ok(id)
    }

    pub(super) fn next(&self, from: &Receiver<News>, patience: Duration) -> Result<News> {
        self.wait(from, |state| {
            let idle = state.result.elapsed();
            let late = || {
                lost(format!(
                    "no task has ended for {} s: the cluster may have lost its nodes, or be busy with other jobs (see ray \
                     status); if the tasks take that long, say so: ray.clone().patience(Duration::from_secs(..))",
                    idle.as_secs()
                ))
            };
            (idle > patience).then(late)
        })
    }

    /// Cancels those of these tasks that have not ended.
    pub(super) fn cancel(&self, tasks: &[u64]) {
        let mut state = self.link.state();
        let open: Vec<(u64, Open)> =
            tasks.iter().filter_map(|id| Some((*id, state.tasks.remove(id)?))).collect();
        drop(state);
        if open.is_empty() {
            return;
        }
        for (_, open) in &open {
            open.record.task.cancel();
            // Nobody else will end it.
            open.record.task.end(None);
        }
        let tasks: Vec<u64> = open.iter().map(|(id, _)| *id).collect();
        self.link.send(Command::Cancel { tasks: &tasks }.line(&[]));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.link.end();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
