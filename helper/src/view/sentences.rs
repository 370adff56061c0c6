//! A few sentences.

use std::fmt;
use std::fmt::Write as _;

use super::Bundle;
use crate::text::escape;

/// Sentences under a title; as the last line of a cell they show themselves as a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentences {
    title: String,
    sentences: Vec<String>,
}

impl Sentences {
    pub(crate) fn new(title: impl Into<String>, sentences: Vec<String>) -> Self {
        Self { title: title.into(), sentences }
    }

    /// Shows the list in a notebook.
    pub fn evcxr_display(&self) {
        let mut html = format!("<p><b>{}</b></p><ul style=\"max-width:60em\">", escape(&self.title));
        for sentence in &self.sentences {
            let _ = write!(html, "<li style=\"margin:4px 0\">{}</li>", escape(sentence));
        }
        html.push_str("</ul>");
        Bundle::new(html, self.to_string()).emit();
    }
}

impl fmt::Display for Sentences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        self.sentences.iter().try_for_each(|sentence| writeln!(f, "- {sentence}"))
    }
}
