//! Tables for the notebook: HTML there, plain text elsewhere.

mod bundle;
mod dataset;
mod table;

pub(crate) use bundle::Bundle;
pub(crate) use table::{Table, Text, seconds, thousands};
