//! A small table.

use std::fmt;
use std::fmt::Write as _;

use super::Bundle;
use crate::text::escape;

/// A cell's text and on which side it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    text: String,
    number: bool,
}

impl Text {
    /// A number, which stands on the right.
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

/// A title, a line of headings, rows, and notes below.
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

    /// The table as HTML that reads well in the light and the dark theme: colours are the theme's.
    pub(crate) fn html(&self) -> String {
        let mut out =
            String::from("<div style=\"overflow-x:auto\"><table style=\"border-collapse:collapse\">");
        let _ = write!(
            out,
            "<caption style=\"caption-side:top;text-align:left;white-space:nowrap;font-weight:bold;padding:4px 0;color:inherit\">{}</caption>",
            escape(&self.title)
        );
        if self.head.iter().any(|h| !h.trim().is_empty()) {
            out.push_str("<thead><tr>");
            for (column, head) in self.head.iter().enumerate() {
                let _ = write!(out, "<th style=\"text-align:{}\">{}</th>", self.side(column), escape(head));
            }
            out.push_str("</tr></thead>");
        }
        out.push_str("<tbody>");
        for row in &self.rows {
            out.push_str("<tr>");
            for cell in row {
                let style =
                    if cell.number { "text-align:right;white-space:nowrap" } else { "text-align:left" };
                let _ = write!(out, "<td style=\"{style}\">{}</td>", escape(&cell.text));
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table>");
        for note in &self.notes {
            let _ = write!(out, "<p style=\"margin:4px 0;max-width:60em\">{}</p>", escape(note));
        }
        out.push_str("</div>");
        out
    }

    /// Shows the table in a notebook.
    pub(crate) fn evcxr_display(&self) {
        Bundle::new(self.html(), self.to_string()).emit();
    }

    fn side(&self, column: usize) -> &'static str {
        let number = self.rows.first().and_then(|row| row.get(column)).is_some_and(|cell| cell.number);
        if number { "right" } else { "left" }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).chain([self.head.len()]).max().unwrap_or(0);
        let cell = |row: &[Text], c: usize| row.get(c).map_or(0, |cell| cell.text.chars().count());
        let widths: Vec<usize> = (0..columns)
            .map(|c| {
                let head = self.head.get(c).map_or(0, |h| h.trim().chars().count());
                self.rows.iter().map(|row| cell(row, c)).max().unwrap_or(0).max(head)
            })
            .collect();
        writeln!(f, "{}", self.title)?;
        let head: Vec<Text> = self
            .head
            .iter()
            .enumerate()
            .map(|(c, h)| Text { text: h.clone(), number: self.side(c) == "right" })
            .collect();
        let with_head = self.head.iter().any(|h| !h.trim().is_empty()).then_some(&head);
        for row in with_head.into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (cell, &width) in row.iter().zip(&widths) {
                let _ = match cell.number {
                    true => write!(line, "{:>width$}  ", cell.text),
                    false => write!(line, "{:<width$}  ", cell.text),
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_lines_up_and_html_is_escaped() {
        let rows = [vec![Text::from("a<b"), Text::number(1)], vec![Text::from("c"), Text::number("1,000")]];
        let table = Table::new("T & U", ["name", "n"]).rows(rows).note("note");
        assert_eq!(table.to_string(), "T & U\nname      n\na<b       1\nc     1,000\nnote\n");
        let html = table.html();
        assert!(html.contains("a&lt;b") && html.contains("T &amp; U") && !html.contains("a<b"));
    }
}
