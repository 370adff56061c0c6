//! How everything shows itself: HTML in the notebook, plain text elsewhere; and files of the report.

mod choice;
mod comparison;
mod cross_validation;
mod dashboard;
mod dataset;
mod figure;
mod machine;
mod models;
mod outcome;
mod projection;
mod ray;
mod sentences;
mod show;
mod stale;
mod sweep;
mod table;
mod tasks;
mod tuning;
mod what_if;

pub use dashboard::{Dashboard, Summary};
pub use machine::{Machine, machine};
pub use sentences::Sentences;
pub use show::DebugDisplay;
pub(crate) use show::{Bundle, Show};
pub(crate) use table::{Table, Text};
