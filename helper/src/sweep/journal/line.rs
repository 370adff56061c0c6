//! One line of a journal: a JSON object whose last member is a checksum of all before it.
//!
//! Members stand in a fixed order and strings are escaped, so that a member is found by its name
//! in quotes: within a string a quote is never without its backslash.

use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_64;

const CHECK: &str = ",\"xxh3\":\"";

/// A line under way.
pub(super) struct Line(String);

impl Line {
    pub(super) fn new() -> Self {
        Self(String::from("{"))
    }

    fn name(&mut self, name: &str) {
        let comma = if self.0.len() > 1 { "," } else { "" };
        let _ = write!(self.0, "{comma}\"{name}\":");
    }

    pub(super) fn text(mut self, name: &str, text: &str) -> Self {
        self.name(name);
        quote(&mut self.0, text);
        self
    }

    pub(super) fn number(mut self, name: &str, number: impl std::fmt::Display) -> Self {
        self.name(name);
        let _ = write!(self.0, "{number}");
        self
    }

    pub(super) fn texts(mut self, name: &str, texts: impl IntoIterator<Item = String>) -> Self {
        self.name(name);
        self.0.push('[');
        for (i, text) in texts.into_iter().enumerate() {
            if i > 0 {
                self.0.push(',');
            }
            quote(&mut self.0, &text);
        }
        self.0.push(']');
        self
    }

    /// The line with its checksum and the end of the line.
    pub(super) fn end(mut self) -> String {
        let check = xxh3_64(self.0.as_bytes());
        let _ = writeln!(self.0, "{CHECK}{check:016x}\"}}");
        self.0
    }
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A line that was read, and whose checksum is right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read<'a>(&'a str);

impl<'a> Read<'a> {
    /// `None` where the line is not whole.
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
        let (body, check) = line.rsplit_once(CHECK)?;
        let check = check.strip_suffix("\"}").filter(|check| check.len() == 16)?;
        (u64::from_str_radix(check, 16).ok()? == xxh3_64(body.as_bytes())).then_some(Self(body))
    }

    fn member(self, name: &str) -> Option<&'a str> {
        let mark = format!("\"{name}\":");
        let at = self.0.find(&mark)? + mark.len();
        Some(&self.0[at..])
    }

    pub(super) fn text(self, name: &str) -> Option<String> {
        unquote(self.member(name)?).map(|(text, _)| text)
    }

    pub(super) fn number<T: std::str::FromStr>(self, name: &str) -> Option<T> {
        let rest = self.member(name)?;
        rest[..rest.find([',', '}', ']']).unwrap_or(rest.len())].parse().ok()
    }

    pub(super) fn texts(self, name: &str) -> Option<Vec<String>> {
        let mut rest = self.member(name)?.strip_prefix('[')?;
        let mut texts = Vec::new();
        while !rest.starts_with(']') {
            let (text, after) = unquote(rest)?;
            texts.push(text);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        Some(texts)
    }
}

/// The string that begins here, and what comes after it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &inner[at + 1..])),
            '\\' => match chars.next()?.1 {
                'u' => {
                    let code: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    out.push(char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
                }
                c => out.push(c),
            },
            c => out.push(c),
        }
    }
    None
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
