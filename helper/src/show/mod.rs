//! Tables for the notebook: HTML there, plain text elsewhere.

mod bundle;
mod dataset;
mod file;
mod table;

pub(crate) use bundle::Bundle;
pub(crate) use file::{report_folder, write};
pub(crate) use table::{Table, Text, escape, seconds, thousands};
