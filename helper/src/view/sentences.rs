//! A list of sentences.

use super::{Bundle, Show};
use crate::text::escape;

/// Sentences under a title; as the last line of a cell they show themselves as a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentences {
    title: String,
    sentences: Vec<String>,
    line: Option<String>,
}

impl Sentences {
    pub(crate) fn new(title: impl Into<String>, sentences: Vec<String>) -> Self {
        Self { title: title.into(), sentences, line: None }
    }

    /// With a line below, for programs to find.
    pub(crate) fn line(self, line: String) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl Show for Sentences {
    fn bundle(&self) -> Bundle {
        let Self { title, sentences, line } = self;
        let item = |sentence: &String| format!("<li style=\"margin:4px 0\">{}</li>", escape(sentence));
        let items: String = sentences.iter().map(item).collect();
        let list = format!("<p><b>{}</b></p><ul style=\"max-width:60em\">{items}</ul>", escape(title));
        let text =
            sentences.iter().fold(format!("{title}\n"), |text, sentence| format!("{text}- {sentence}\n"));
        match line {
            None => Bundle { html: list, text },
            Some(line) => Bundle {
                html: format!("{list}<p><code>{}</code></p>", escape(line)),
                text: format!("{text}{line}\n"),
            },
        }
    }
}
