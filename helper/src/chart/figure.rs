//! A drawn chart, and where it goes: into the notebook, and into a file.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::platform::{report_folder, write};
use crate::text::escape;
use crate::view::Bundle;

/// A chart.
///
/// As the last line of a cell it shows itself and saves itself under `report/charts/`.
#[derive(Clone, PartialEq, Eq)]
pub struct Figure {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) svg: String,
    pub(super) size: (u32, u32),
}

impl Figure {
    /// What stands above the chart.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What the chart shows, as a sentence with its numbers.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The chart as SVG.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// The file in which it is saved when a notebook shows it.
    pub fn path(&self) -> PathBuf {
        report_folder().join("charts").join(format!("{}.svg", self.name))
    }

    /// Writes the SVG into a file; who reads it meanwhile sees the old one or the new one whole.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write(path.as_ref(), &self.svg)
    }

    /// Shows the chart in a notebook and saves it under [`path`](Self::path).
    pub fn evcxr_display(&self) {
        self.keep();
        Bundle::new(self.html(), self.to_string()).svg(self.svg.clone()).emit();
    }

    /// That a chart is not on disk must not cost the cell that shows it.
    fn keep(&self) {
        if let Err(error) = self.save(self.path()) {
            eprintln!("the chart is shown, but not saved: {error}");
        }
    }

    /// On paper of its own, whatever the theme's.
    pub(super) fn html(&self) -> String {
        let label = escape(&format!("{}. {}", self.title, self.description));
        format!(
            "<div role=\"img\" aria-label=\"{label}\" style=\"background:#fff;max-width:{}px;margin:4px 0;display:inline-block\">\
             {}</div>",
            self.size.0, self.svg
        )
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.title, self.description)
    }
}

impl fmt::Debug for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Figure({})", self.title)
    }
}

/// Several charts in one cell; see [`gallery`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gallery {
    figures: Vec<Figure>,
}

/// Shows several charts in one cell: side by side where the page is wide enough, else one below the
/// other.
///
/// A cell shows only one block of each kind, so that of two charts shown one by one in one cell only
/// the last would be seen.
pub fn gallery(figures: impl IntoIterator<Item = Figure>) -> Gallery {
    Gallery { figures: figures.into_iter().collect() }
}

impl Gallery {
    /// Shows the charts in a notebook and saves each under its [`path`](Figure::path).
    pub fn evcxr_display(&self) {
        self.figures.iter().for_each(Figure::keep);
        let html: Vec<String> = self.figures.iter().map(Figure::html).collect();
        Bundle::new(html.join("\n"), self.to_string()).svg(self.svg()).emit();
    }

    /// The charts one below the other.
    pub fn svg(&self) -> String {
        let width = self.figures.iter().map(|figure| figure.size.0).max().unwrap_or(0);
        let (mut top, mut inside) = (0, String::new());
        for figure in &self.figures {
            inside.push_str(&figure.svg.replacen("<svg ", &format!("<svg y=\"{top}\" "), 1));
            top += figure.size.1;
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{top}\" viewBox=\"0 0 {width} {top}\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n{inside}</svg>\n"
        )
    }
}

impl fmt::Display for Gallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.figures.iter().try_for_each(|figure| figure.fmt(f))
    }
}
