//! Tables and sentences for the notebook, HTML there and plain text elsewhere, and files of the report.

mod bundle;
mod comparison;
mod dashboard;
mod dataset;
mod machine;
mod outcome;
mod projection;
mod ray;
mod sentences;
mod table;
mod tasks;

pub(crate) use bundle::Bundle;
pub use dashboard::{Dashboard, Summary};
pub use machine::{Machine, machine};
pub use sentences::Sentences;
pub(crate) use table::{Table, Text};
