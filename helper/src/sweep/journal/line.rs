//! One line of a journal: a JSON object whose last member is a checksum of all before it.
//!
//! Members stand in the order in which they are given: the first line is known by its beginning.

use std::fmt::Write as _;

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

const CHECK: &str = ",\"xxh3\":\"";

/// A line under way.
pub(super) struct Line(String);

impl Line {
    pub(super) fn new() -> Self {
        Self(String::from("{"))
    }

    fn member(mut self, name: &str, value: Value) -> Self {
        let comma = if self.0.len() > 1 { "," } else { "" };
        let _ = write!(self.0, "{comma}\"{name}\":{value}");
        self
    }

    pub(super) fn text(self, name: &str, text: &str) -> Self {
        self.member(name, text.into())
    }

    pub(super) fn number(self, name: &str, number: impl Into<Value>) -> Self {
        self.member(name, number.into())
    }

    pub(super) fn texts(self, name: &str, texts: impl IntoIterator<Item = String>) -> Self {
        self.member(name, texts.into_iter().collect())
    }

    /// The line with its checksum and the end of the line.
    pub(super) fn end(mut self) -> String {
        let check = xxh3_64(self.0.as_bytes());
        let _ = writeln!(self.0, "{CHECK}{check:016x}\"}}");
        self.0
    }
}

/// A line that was read, and whose checksum is right.
#[derive(Debug)]
pub(super) struct Read(Value);

impl Read {
    /// `None` where the line is not whole.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
        let (body, check) = line.rsplit_once(CHECK)?;
        let check = check.strip_suffix("\"}").filter(|check| check.len() == 16)?;
        let whole = u64::from_str_radix(check, 16).ok()? == xxh3_64(body.as_bytes());
        serde_json::from_str(line).ok().filter(|_| whole).map(Self)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        Some(self.0[name].as_str()?.to_owned())
    }

    pub(super) fn number<T: TryFrom<u64>>(&self, name: &str) -> Option<T> {
        self.0[name].as_u64()?.try_into().ok()
    }

    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        self.0[name].as_array()?.iter().map(|text| Some(text.as_str()?.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(text in ".*", texts in prop::collection::vec(".*", 0..4), number: u64) {
            let line = Line::new().text("a", &text).texts("b", texts.clone()).number("c", number).end();
            prop_assert_eq!(line.matches('\n').count(), 1);
            let read = Read::of(line.as_bytes()).unwrap();
            prop_assert_eq!(read.text("a").unwrap(), text);
            prop_assert_eq!(read.texts("b").unwrap(), texts);
            prop_assert_eq!(read.number::<u64>("c").unwrap(), number);
        }

        #[test]
        fn any_change_is_seen(text in "[a-z\"]{0,20}", at: prop::sample::Index, flip in 1..256_usize) {
            let mut line = Line::new().text("a", &text).end().into_bytes();
            let at = at.index(line.len());
            prop_assert!(Read::of(&line[..at]).is_none());
            line[at] ^= flip as u8;
            // Digits of the checksum may be of either case.
            let same = Read::of(&line).is_some_and(|read| read.text("a").as_deref() == Some(&text));
            prop_assert!(Read::of(&line).is_none() || same);
        }
    }
}
