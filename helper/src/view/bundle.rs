//! One result in several formats; Jupyter, and what exports from it, each take the one they know.

use std::fmt::Write as _;

/// A MIME bundle.
pub(crate) struct Bundle {
    parts: Vec<(&'static str, String)>,
}

impl Bundle {
    pub(crate) fn new(html: String, text: String) -> Self {
        Self { parts: vec![("text/html", html), ("text/plain", text)] }
    }

    pub(crate) fn svg(mut self, svg: String) -> Self {
        self.parts.push(("image/svg+xml", svg));
        self
    }

    /// Hands the bundle to evcxr, which listens on stdout for these marks
    /// (<https://github.com/evcxr/evcxr/blob/main/COMMON.md#custom-display>).
    pub(crate) fn emit(&self) {
        let mut out = String::new();
        for (mime, content) in &self.parts {
            // A line of the content that looks like the end mark would cut it short.
            debug_assert!(!content.contains("EVCXR_END_CONTENT"));
            let _ = writeln!(out, "EVCXR_BEGIN_CONTENT {mime}\n{content}\nEVCXR_END_CONTENT");
        }
        print!("{out}");
    }
}
