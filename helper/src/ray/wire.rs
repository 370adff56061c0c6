//! What goes between this process and the driver: lines of JSON, and bytes behind them.

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

use crate::cluster::TaskRecord;

/// Of what is said here.
pub(super) const PROTOCOL: u64 = 1;

/// A task to be run.
pub(crate) struct Call {
    pub(crate) name: String,
    /// What the C function is asked, in this attempt.
    pub(crate) request: Box<dyn Fn(u32) -> String + Send>,
    pub(crate) objects: Vec<u64>,
    pub(crate) files: Vec<String>,
}

/// A task that has ended: which, how, and what is known of it.
pub(crate) struct Ended {
    pub(crate) key: usize,
    pub(crate) done: Done,
    pub(crate) record: TaskRecord,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    /// With these bytes.
    Finished(Vec<u8>),
    /// The function refused, or panicked each time, or the workers died each time.
    Failed(String),
    /// It can be run on no node of this kind: no other task can either.
    Unusable(String),
}

/// A line, and what is behind it.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) line: Value,
    pub(super) bytes: Vec<u8>,
}

impl Message {
    /// The next one; `None` where there are no more.
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line: Value = serde_json::from_str(&line)?;
        let mut bytes = vec![0; line["bytes"].as_u64().unwrap_or(0) as usize];
        from.read_exact(&mut bytes)?;
        Ok(Some(Self { line, bytes }))
    }

    pub(super) fn event(&self) -> &str {
        self.line["event"].as_str().unwrap_or_default()
    }

    pub(super) fn text(&self, field: &str) -> String {
        self.line[field].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn number(&self, field: &str) -> f64 {
        self.line[field].as_f64().unwrap_or(0.0)
    }

    pub(super) fn id(&self, field: &str) -> u64 {
        self.line[field].as_u64().unwrap_or(u64::MAX)
    }

    /// What is behind the line, as text.
    pub(super) fn said(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Says one thing.
pub(super) fn tell(to: &mut impl Write, line: &Value, bytes: &[u8]) -> io::Result<()> {
    let mut text = line.to_string().into_bytes();
    text.push(b'\n');
    to.write_all(&text)?;
    to.write_all(bytes)?;
    to.flush()
}

pub(super) fn task(id: u64, call: &Call, attempt: u32, retries: u32) -> Value {
    json!({
        "do": "task", "task": id, "name": call.name, "spec": (call.request)(attempt), "objects": call.objects,
        "files": call.files, "retries": retries,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_bytes_come_as_they_were_sent() {
        let mut sent = Vec::new();
        tell(&mut sent, &json!({ "event": "task", "task": 7, "bytes": 3 }), b"a\nb").unwrap();
        tell(&mut sent, &json!({ "event": "alive" }), b"").unwrap();
        let mut from = &sent[..];
        let first = Message::read(&mut from).unwrap().unwrap();
        assert_eq!((first.event(), first.id("task"), first.said()), ("task", 7, "a\nb".to_owned()));
        assert_eq!(Message::read(&mut from).unwrap().unwrap().event(), "alive");
        assert!(Message::read(&mut from).unwrap().is_none());
        assert!(Message::read(&mut &b"{\"bytes\":9}\nshort"[..]).is_err());
        assert!(Message::read(&mut &b"a stray print\n"[..]).is_err());
    }
}
