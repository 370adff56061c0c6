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
//! A chart of one's own is a line: [`lines`] over numbers, [`bars`] of named values.
//!
//! Every number on a chart is computed from the arguments. Colours can be told apart by
//! colour-blind readers; the background is white in dark themes too.

mod bars;
mod bins;
mod cells;
mod colour;
mod error_by_seconds;
mod error_by_trees;
mod figure;
mod heat_map;
mod histogram;
mod lanes;
mod lines;
mod map;
mod page;
mod plot;
mod predicted;
mod projection;
mod seconds_per_model;
mod svg;
#[cfg(test)]
mod tests;
mod timeline;

pub use bars::bars;
pub(crate) use colour::{OKABE_ITO, model_colour, pale};
pub use error_by_seconds::error_by_seconds;
pub use error_by_trees::error_by_trees;
pub use figure::Figure;
pub use heat_map::heat_map;
pub use histogram::histogram;
pub(crate) use lanes::{Bar, Lanes};
pub use lines::lines;
pub use map::{errors_map, price_map};
pub use predicted::predicted_against_actual;
pub use projection::projection;
pub use seconds_per_model::seconds_per_model;
pub use timeline::timeline;
