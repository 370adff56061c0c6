//! A drawn chart and its file.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::platform::{report_folder, write};

/// A chart.
///
/// As the last line of a cell it shows itself and saves itself under `report/charts/`.
#[derive(Clone, PartialEq, Eq)]
pub struct Figure {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) svg: String,
}

impl Figure {
    /// The title above the chart.
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

    /// The file in which the chart is saved when a notebook shows it.
    pub fn path(&self) -> PathBuf {
        report_folder().join("charts").join(format!("{}.svg", self.name))
    }

    /// Writes the SVG into a file whose name ends in `.svg`, in one step: a reader sees the old file
    /// or the new one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`] for another ending, [`ErrorKind::Io`] where the file cannot be
    /// written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("svg")) {
            let message = format!(
                "the file is {}, but a chart is saved as SVG: its name must end in .svg (browsers open it, and convert it by \
                 printing)",
                path.display()
            );
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        write(path, &self.svg)
    }
}

impl fmt::Debug for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Figure({})", self.title)
    }
}
