//! A list of sentences.

use super::{Bundle, Show};
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
}

impl Show for Sentences {
    fn bundle(&self) -> Bundle {
        let Self { title, sentences } = self;
        let item = |sentence: &String| format!("<li style=\"margin:4px 0\">{}</li>", escape(sentence));
        let items: String = sentences.iter().map(item).collect();
        Bundle {
            html: format!("<p><b>{}</b></p><ul style=\"max-width:60em\">{items}</ul>", escape(title)),
            text: sentences
                .iter()
                .fold(format!("{title}\n"), |text, sentence| format!("{text}- {sentence}\n")),
        }
    }
}
