//! One bar for each value, and its name beside it.

use plotters::prelude::*;

use super::colour::BLUE;
use super::figure::Figure;
use super::lanes::{Bar, Lanes};
use super::page::own_name;
use super::plot::span;
use crate::error::Result;
use crate::text::{quantity, significant};

/// A bar from zero for each value, with its label at the left and the number at the right. What follows a
/// comma at the end of the title names the axis. A value that is not finite has no bar.
///
/// ```
/// use helper::prelude::*;
///
/// # fn main() -> helper::Result<()> {
/// let errors = [("one tree", 0.61), ("a forest", 0.25)];
/// let figure = chart::bars("Learners, mean squared error", errors)?;
/// assert!(figure.svg().contains("a forest") && figure.description().contains("0.2500"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no finite value.
pub fn bars<Label: Into<String>>(
    title: &str,
    values: impl IntoIterator<Item = (Label, f64)>,
) -> Result<Figure> {
    let (names, values): (Vec<String>, Vec<f64>) =
        values.into_iter().map(|(name, value)| (name.into(), value)).unzip();
    let (low, high) = span(title, values.iter().copied())?;
    let notes: Vec<String> = values.iter().map(|value| significant(*value)).collect();
    let facts = names.iter().zip(&notes).map(|(name, note)| format!("{name}: {note}."));
    let facts = facts.collect::<Vec<_>>().join(" ");
    let bar = |(lane, value): (usize, &f64)| {
        let tip = format!("{}: {}", names[lane], notes[lane]);
        Bar { lane, from: value.min(0.0), to: value.max(0.0), colour: BLUE, tip }
    };
    let finite = values.iter().enumerate().filter(|(_, value)| value.is_finite());
    let lanes = Lanes {
        from: low.min(0.0),
        to: high.max(0.0),
        axis: quantity(title).1.to_owned(),
        what: String::new(),
        bars: finite.map(bar).collect(),
        names,
        notes,
        empty: WHITE,
    };
    lanes.figure(&own_name(title), title, facts)
}
