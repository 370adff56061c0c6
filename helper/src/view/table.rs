//! The one writer of tables.

use std::fmt;
use std::fmt::Write as _;

use super::{Bundle, Show};
use crate::text::escape;

/// A cell: text on the left, a number on the right.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    text: String,
    number: bool,
}

impl Text {
    /// A number.
    pub(crate) fn number(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), number: true }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self { text, number: false }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A title, headings, rows, and notes below them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<Text>>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new<H: Into<String>>(title: impl Into<String>, head: impl IntoIterator<Item = H>) -> Self {
        let head = head.into_iter().map(Into::into).collect();
        Self { title: title.into(), head, rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn rows(mut self, rows: impl IntoIterator<Item = Vec<Text>>) -> Self {
        self.rows.extend(rows);
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Colours are those of the page's theme; a table that is wider than the page scrolls.
    fn html(&self) -> String {
        let head =
            self.head().map_or_else(String::new, |head| format!("<thead>{}</thead>", row(&head, "th")));
        let rows: String = self.rows.iter().map(|cells| row(cells, "td")).collect();
        let note = |note: &String| format!("<p style=\"margin:4px 0;max-width:60em\">{}</p>", escape(note));
        format!(
            "<div style=\"overflow-x:auto;max-width:100%\">\
             <table style=\"border-collapse:collapse;table-layout:auto;color:inherit\">\
             <caption style=\"caption-side:top;text-align:left;white-space:nowrap;font-weight:bold;padding:4px 0;\
             color:inherit\">{}</caption>{head}<tbody>{rows}</tbody></table>{}</div>",
            escape(&self.title),
            self.notes.iter().map(note).collect::<String>()
        )
    }

    fn text(&self) -> String {
        let head = self.head();
        let lines = || head.iter().chain(&self.rows);
        let letters =
            |line: &Vec<Text>, column: usize| line.get(column).map(|cell| cell.text.chars().count());
        let widest = |column| lines().filter_map(|line| letters(line, column)).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.head.len()).map(widest).collect();
        let mut out = format!("{}\n", self.title);
        for line in lines() {
            let cells = line.iter().zip(&widths).map(|(cell, &width)| match cell.number {
                true => format!("{:>width$}  ", cell.text),
                false => format!("{:<width$}  ", cell.text),
            });
            let _ = writeln!(out, "{}", cells.collect::<String>().trim_end());
        }
        self.notes.iter().fold(out, |out, note| out + note + "\n")
    }

    /// The headings, aligned as the cells below them; none if all are empty.
    fn head(&self) -> Option<Vec<Text>> {
        let number = |c: usize| self.rows.iter().any(|row| row.get(c).is_some_and(|cell| cell.number));
        let head = |(c, head): (usize, &String)| Text { text: head.clone(), number: number(c) };
        let any = self.head.iter().any(|head| !head.is_empty());
        any.then(|| self.head.iter().enumerate().map(head).collect())
    }
}

impl Show for Table {
    fn bundle(&self) -> Bundle {
        Bundle { html: self.html(), text: self.text() }
    }
}

/// Texts longer than this many letters are broken into lines.
const LONG: usize = 40;

fn row(cells: &[Text], tag: &str) -> String {
    let cells = cells.iter().map(|cell| {
        let side = if cell.number { "right" } else { "left" };
        let lines = if cell.text.chars().count() <= LONG { "white-space:nowrap" } else { "min-width:20em" };
        format!("<{tag} style=\"padding:2px 8px;text-align:{side};{lines}\">{}</{tag}>", escape(&cell.text))
    });
    format!("<tr>{}</tr>", cells.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_lines_up_and_html_is_escaped() {
        let rows = [vec![Text::from("a<b"), Text::number(1)], vec![Text::from("c"), Text::number("1,000")]];
        let table = Table::new("T & U", ["name", "n"]).rows(rows).note("note");
        assert_eq!(table.text(), "T & U\nname      n\na<b       1\nc     1,000\nnote\n");
        let html = table.html();
        assert!(html.contains("a&lt;b") && html.contains("T &amp; U") && !html.contains("a<b"));
    }
}
