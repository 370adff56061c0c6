//! Charts: one function for each, which returns a [`Figure`] that shows and saves itself.
//!
//! ```
//! use helper::prelude::*;
//!
//! # fn main() -> helper::Result<()> {
//! let table = data::friedman1(200, 5, 1.0, 1)?;
//! let histogram = chart::histogram(&table)?;
//! assert!(histogram.title().starts_with(table.name()));
//! assert!(histogram.svg().starts_with("<svg"));
//! # Ok(())
//! # }
//! ```
//!
//! Every number on a chart is computed from the arguments. Colours can be told apart by
//! colour-blind readers; the background is white in dark themes too.

mod colour;
mod error_by_seconds;
mod error_by_trees;
mod figure;
mod histogram;
mod lanes;
mod plot;
mod predicted;
mod price_map;
mod projection;
mod seconds_per_model;
mod svg;
#[cfg(test)]
mod tests;
mod timeline;

pub use error_by_seconds::error_by_seconds;
pub use error_by_trees::error_by_trees;
pub use figure::Figure;
pub use histogram::histogram;
pub(crate) use lanes::{Bar, Lanes};
pub use predicted::predicted_against_actual;
pub use price_map::price_map;
pub use projection::projection;
pub use seconds_per_model::seconds_per_model;
pub use timeline::timeline;
