//! Tables and sentences for the notebook, HTML there and plain text elsewhere, and files of the report.

mod bundle;
mod dataset;
mod file;
mod list;
mod outcome;
mod ray;
mod table;
mod tasks;

pub(crate) use bundle::Bundle;
pub(crate) use file::{report_folder, write};
pub use list::Sentences;
pub(crate) use table::{Table, Text, escape, seconds, thousands};
