//! Lines over numbers: a chart of one's own, and the lines of others.

use plotters::prelude::*;

use super::colour::OKABE_ITO;
use super::figure::Figure;
use super::page::{Drawn, Words, own_name};
use super::plot::{Axis, Plot, plot_page, span};
use super::svg::{At, Mark, Shape};
use crate::error::{Error, Result};
use crate::text::{quantity, significant};

const HEIGHT: u32 = 840;
/// A line with more points has no dots.
const DOTS: usize = 60;

/// The colour of a line; grey where there are more lines than colours that can be told apart.
pub(super) fn line_colour(line: usize) -> RGBColor {
    OKABE_ITO.get(line).copied().unwrap_or(RGBColor(0xB0, 0xB0, 0xB0))
}

/// A line with a dot at each point, which has a tooltip.
pub(super) struct Line {
    pub(super) label: String,
    pub(super) colour: RGBColor,
    pub(super) points: Vec<At>,
    pub(super) tips: Vec<String>,
}

impl Line {
    pub(super) fn draw(&self, plot: &mut Plot<'_>) -> Drawn {
        let line = Mark::new(Shape::Line, self.points.clone(), self.colour.stroke_width(4));
        plot.draw(&self.label, [line])?;
        let dots = self.points.iter().zip(&self.tips).filter(|_| self.points.len() <= DOTS);
        let dot =
            |(at, tip): (&At, &String)| Mark::new(Shape::Circle(7), [*at], self.colour.filled()).tip(tip);
        plot.draw("", dots.map(dot))
    }
}

/// Lines over the same numbers: `x` has a name and the numbers, each line a label and as many values. What
/// follows a comma at the end of the title names the vertical axis. Values that are not finite are left
/// out.
///
/// ```
/// use helper::prelude::*;
///
/// # fn main() -> helper::Result<()> {
/// let workers = [1.0, 2.0, 4.0, 8.0];
/// let measured = [("threads", [1.0, 1.98, 3.9, 7.4]), ("Ray", [0.9, 1.8, 3.5, 6.6])];
/// let figure = chart::lines("Two clusters, times as fast", ("workers", workers), measured)?;
/// assert!(figure.svg().contains("times as fast") && figure.description().contains("Ray"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter) for a line with more or fewer values
/// than `x`, [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no finite value.
pub fn lines<Label: Into<String>, Y: AsRef<[f64]>>(
    title: &str,
    (x_name, x): (&str, impl AsRef<[f64]>),
    lines: impl IntoIterator<Item = (Label, Y)>,
) -> Result<Figure> {
    let x = x.as_ref();
    let mut drawn: Vec<Line> = Vec::new();
    for (label, y) in lines {
        let (label, y) = (label.into(), y.as_ref());
        if y.len() != x.len() {
            let allowed = format!("{}, one for each of {x_name}", x.len());
            return Err(Error::invalid(&format!("the number of values of \"{label}\""), y.len(), allowed));
        }
        let points = x.iter().copied().zip(y.iter().copied());
        let points: Vec<At> = points.filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        let tip = |(x, y): &At| format!("{label}: {} at {x_name} {}", significant(*y), significant(*x));
        let tips = points.iter().map(tip).collect();
        drawn.push(Line { label, colour: line_colour(drawn.len()), points, tips });
    }
    let points = || drawn.iter().flat_map(|line| &line.points);
    let (left, right) = span(title, points().map(|at| at.0))?;
    let (low, high) = span(title, points().map(|at| at.1))?;
    let facts = drawn.iter().filter_map(|line| {
        let (low, high) = span(title, line.points.iter().map(|at| at.1)).ok()?;
        Some(format!("{}: from {} to {}.", line.label, significant(low), significant(high)))
    });
    let facts = facts.collect::<Vec<_>>().join(" ");
    let words = Words { name: own_name(title), title: title.to_owned(), facts, ..Words::default() };
    let (x_pad, y_pad) = (0.03 * (right - left), 0.05 * (high - low));
    let x = Axis::new(left - x_pad..right + x_pad, 12, x_name);
    let y = Axis::new(low - y_pad..high + y_pad, 8, quantity(title).1);
    plot_page(words, HEIGHT, &x, y, (SeriesLabelPosition::UpperRight, drawn.len()), |plot| {
        drawn.iter().try_for_each(|line| line.draw(plot))
    })
}
