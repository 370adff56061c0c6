//! The driver: a child process that speaks with Ray.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::board::Board;
use super::folder::Folder;
use super::link::{Link, Open, lost};
use super::setup::{Ready, Setup};
use super::wire::{self, Call, Ended, Message, PROTOCOL};
use crate::cluster::MAX_RETRIES;
use crate::error::Result;

/// For Python to load Ray.
const HELLO: Duration = Duration::from_secs(90);
/// To join a cluster; to start one.
const JOIN: Duration = Duration::from_secs(60);
const START: Duration = Duration::from_secs(180);
/// A driver says something each second.
const SILENCE: Duration = Duration::from_secs(45);

pub(super) struct Driver {
    link: Arc<Link>,
    listener: Option<JoinHandle<()>>,
    next: AtomicU64,
}

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
        let child = command.spawn().map_err(|e| {
            lost(format!("{} did not start: {e}; run ./scripts/setup", setup.python.display()))
        })?;
        let (nodes, folder, patience) = match local {
            Some((nodes, cpus, mut folder)) => {
                folder.belongs_to(child.id());
                let nodes = json!({ "nodes": nodes, "cpus": cpus, "folder": folder.path() });
                (nodes, Some(folder), START)
            }
            None => (Value::Null, None, JOIN),
        };
        let (starting, told) = channel();
        let (link, listener) = Link::new(child, folder, starting);
        let driver = Self { link, listener: Some(listener), next: AtomicU64::new(0) };
        let libraries: serde_json::Map<_, _> =
            setup.libraries.iter().map(|(kind, path)| (kind.clone(), json!(path))).collect();
        let start = json!({
            "protocol": PROTOCOL, "address": address, "local": nodes, "libraries": libraries,
        });
        driver.link.tell(&start, &[])?;
        let hello = driver.told(&told, "hello", HELLO)?;
        let ready = driver.told(&told, "ready", patience)?;
        driver.link.state().starting = None;
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
                    self.link.last_words()
                )));
            }
        }
    }

    fn check(&self) -> Result<()> {
        self.link.state().over.clone().map_or(Ok(()), Err)
    }

    /// Stores bytes; their name, and how long Ray took.
    pub(super) fn put(&self, bytes: &[u8], patience: Duration) -> Result<(u64, f64)> {
        let object = self.next.fetch_add(1, Ordering::Relaxed);
        let (send, receive) = channel();
        self.link.state().puts.insert(object, send);
        self.link.tell(&json!({ "do": "put", "object": object, "bytes": bytes.len() }), bytes)?;
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
        let _ = self.link.tell(&json!({ "do": "drop", "object": object }), &[]);
    }

    pub(super) fn submit(&self, call: Call, key: usize, to: &Sender<Ended>, board: &Board) -> Result<()> {
        self.check()?;
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let line = wire::task(id, &call, 1, MAX_RETRIES);
        let (task, board) = (board.add(&call.name), board.clone());
        let mut state = self.link.state();
        if state.tasks.is_empty() {
            state.result = Instant::now();
        }
        state.tasks.insert(id, Open { call, attempt: 1, key, to: to.clone(), task, board });
        drop(state);
        self.link.tell(&line, &[])
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
                let state = self.link.state();
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
        let open: Vec<Open> = self.link.state().tasks.drain().map(|(_, open)| open).collect();
        for Open { task, board, .. } in open {
            task.cancel();
            board.ran(&task, None);
            task.end(None);
        }
        let _ = self.link.tell(&json!({ "do": "cancel" }), &[]);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.link.end();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn what_is_not_installed_is_told_from_what_fails() {
        let folder = tempfile::tempdir().unwrap();
        let driver = folder.path().join("driver.py");
        for (kind, expected) in [("no-ray", ErrorKind::NotInstalled), ("nothing-listens", ErrorKind::Cluster)]
        {
            let said = json!({ "event": "error", "kind": kind, "message": "do this" });
            std::fs::write(&driver, format!("cat >/dev/null & echo '{said}'; wait")).unwrap();
            let setup = Setup { python: "/bin/sh".into(), driver: driver.clone(), libraries: Vec::new() };
            let error = Driver::start(&setup, Some("host:1"), None).err().unwrap();
            assert_eq!((error.kind(), error.to_string().as_str()), (expected, "do this"));
        }
    }
}
