//! The protocol between this process and the driver: lines of JSON, some followed by raw bytes.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Protocol version; `driver.py` has the same.
pub(super) const PROTOCOL: u32 = 4;

/// What the driver is told.
#[derive(Debug, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Command<'a> {
    /// The first command: joins the cluster at an address, or starts a local one.
    Start {
        protocol: u32,
        address: Option<&'a str>,
        local: Option<Local>,
        /// A worker library for each kind of machine, such as `x86_64-linux`.
        libraries: &'a BTreeMap<String, PathBuf>,
    },
    /// Stores the bytes behind this line.
    Put { object: u64, bytes: usize },
    /// Frees an object.
    Drop { object: u64 },
    /// Runs a task.
    Task {
        task: u64,
        name: &'a str,
        /// What the C function is asked.
        request: String,
        objects: &'a [u64],
        files: &'a [(String, u64)],
    },
    /// Ends tasks that have not ended.
    Cancel { tasks: &'a [u64] },
}

/// A cluster that the driver starts on this machine.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Local {
    pub(super) nodes: usize,
    pub(super) cpus: usize,
}

impl Command<'_> {
    /// The command as a line, and the bytes behind it.
    pub(super) fn line(&self, bytes: &[u8]) -> Vec<u8> {
        // A command that is no JSON would be refused by the driver, with this message in it.
        let mut line = serde_json::to_vec(self).unwrap_or_else(|e| e.to_string().into_bytes());
        line.push(b'\n');
        line.extend(bytes);
        line
    }
}

/// What the driver tells.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// The cluster is there.
    Ready(Ready),
    /// An object was stored.
    Put { object: u64, seconds: f64 },
    /// An object was not stored: it does not fit.
    Refused { object: u64, message: String },
    /// An attempt of a task has ended. So many bytes follow: the result, or a message.
    Task { task: u64, status: Status, bytes: usize, ran: Option<Ran> },
    /// What was lost: these tasks with it, which `cpus` other CPUs can run again.
    Lost { tasks: Vec<u64>, what: String, cpus: usize },
    /// The last event: the driver ends.
    Error { kind: Problem, message: String },
}

/// How an attempt of a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Finished,
    /// The C function refused the request.
    Refused,
    /// The C function panicked.
    Panicked,
    /// The worker cannot run tasks of this kind.
    Unusable,
    /// Its worker or its node was lost: see [`Event::Lost`].
    #[serde(skip)]
    Lost,
}

/// Why the driver ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Problem {
    /// Its Python has no Ray.
    NoRay,
    /// Anything else.
    Cluster,
}

/// A cluster that was joined.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Ready {
    pub(super) nodes: Vec<Node>,
    pub(super) address: String,
    /// The URL of Ray's dashboard.
    pub(super) dashboard: Option<String>,
    /// The token of a cluster that the driver has started.
    pub(super) token: Option<String>,
    /// Ray's version.
    pub(super) ray: String,
    /// How long it took to join, or to start.
    pub(super) seconds: f64,
}

/// A node of a Ray cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Node {
    /// Ray's identifier.
    pub id: String,
    /// Its address.
    pub ip: String,
    /// The name of its host.
    pub name: String,
    /// How many tasks it runs at a time.
    pub cpus: usize,
}

/// Where and when an attempt ran, as its worker tells it; times are in seconds.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Ran {
    /// [`Node::id`].
    pub(super) node: String,
    /// The worker's process.
    pub(super) pid: u64,
    /// From its start until the driver saw its end.
    pub(super) ago: f64,
    pub(super) seconds: f64,
    /// Processor time.
    pub(super) cpu: f64,
}

impl Event {
    /// The next event, and the bytes behind it; `None` at the end.
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Option<(Self, Vec<u8>)>> {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let event = serde_json::from_str(&line).map_err(|e| {
            let said = line.trim();
            io::Error::new(io::ErrorKind::InvalidData, format!("it said {said:?}, which is no event: {e}"))
        })?;
        let mut bytes = match event {
            Self::Task { bytes, .. } => vec![0; bytes],
            _ => Vec::new(),
        };
        from.read_exact(&mut bytes)?;
        Ok(Some((event, bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_line_and_its_bytes() {
        let line = Command::Put { object: 7, bytes: 3 }.line(b"a\nb");
        assert_eq!(line, b"{\"do\":\"put\",\"object\":7,\"bytes\":3}\na\nb");
        let start = Command::Start {
            protocol: PROTOCOL,
            address: None,
            local: Some(Local { nodes: 2, cpus: 1 }),
            libraries: &BTreeMap::from([("x86_64-linux".to_owned(), PathBuf::from("a.so"))]),
        };
        let text = String::from_utf8(start.line(&[])).unwrap();
        assert!(
            text.starts_with(r#"{"do":"start","protocol":4,"address":null,"local":{"nodes":2,"#),
            "{text}"
        );
    }

    #[test]
    fn events_and_bytes_come_as_they_were_sent() {
        let sent = concat!(
            r#"{"event":"task","task":7,"status":"panicked","bytes":3,"ran":{"node":"n","pid":1,"ago":0.5,"seconds":0.1,"cpu":0.25}}"#,
            "\na\nb{\"event\":\"put\",\"object\":1,\"seconds\":0.5}\n"
        );
        let mut from = sent.as_bytes();
        let (first, bytes) = Event::read(&mut from).unwrap().unwrap();
        let ran = Ran { node: "n".into(), pid: 1, ago: 0.5, seconds: 0.1, cpu: 0.25 };
        assert_eq!(first, Event::Task { task: 7, status: Status::Panicked, bytes: 3, ran: Some(ran) });
        assert_eq!(bytes, b"a\nb");
        assert_eq!(
            Event::read(&mut from).unwrap().unwrap(),
            (Event::Put { object: 1, seconds: 0.5 }, Vec::new())
        );
        assert!(Event::read(&mut from).unwrap().is_none());
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        for bad in [
            "a stray print\n",
            "{\"event\":\"new\"}\n",
            // A value that is missing is not made up.
            "{\"event\":\"put\",\"object\":1}\n",
            "{\"event\":\"task\",\"task\":1,\"status\":\"lost\",\"bytes\":0,\"ran\":null}\n",
            "{\"event\":\"task\",\"task\":1,\"status\":\"refused\",\"bytes\":9,\"ran\":null}\nshort",
        ] {
            assert!(Event::read(&mut bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
