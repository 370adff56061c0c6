//! Axes, series and legends, drawn by plotters in the look of all charts.

use std::ops::Range;

use plotters::chart::MeshStyle;
use plotters::coord::ranged1d::{BoldPoints, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::colour::{GRID, INK, MUTED};
use super::figure::Figure;
use super::page::{Area, Drawn, LINE, MARGIN, TEXT, WIDTH, Words, fit, page, text, text_width};
use super::svg::{At, FONT_SIZE, Mark, Shape, Svg};
use crate::error::{Error, ErrorKind, Result};
use crate::text::{decimals, number};

/// Height of a horizontal axis with its labels and name, and of what lies above a plot.
pub(super) const AXIS: u32 = 92;
pub(super) const TOP: u32 = 16;
/// The smallest distance between labels on a vertical axis.
pub(super) const ROW: u32 = 36;
/// Width of a mark in the legend.
const KEY: i32 = 48;
/// Width of the label of a named place on a vertical axis, at most.
const NAME: u32 = 420;

/// The error of a chart without data.
pub(super) fn nothing(chart: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::Chart,
        format!("{chart} cannot be drawn: there are 0 {what}, but it needs at least 1"),
    )
}

/// The smallest and the largest of the finite values, not farther apart than axes can show.
pub(super) fn span(chart: &str, values: impl IntoIterator<Item = f64>) -> Result<(f64, f64)> {
    let finite = values.into_iter().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return Err(nothing(chart, "finite values"));
    }
    if low.abs().max(high.abs()) > 1e100 {
        let message = format!(
            "{chart} cannot be drawn: its values reach from {low:e} to {high:e}, but axes end at 1e100; scale the target"
        );
        return Err(Error::new(ErrorKind::Chart, message));
    }
    Ok((low, high))
}

/// An axis: its range, its name with the unit, and its labels.
pub(super) struct Axis<'a> {
    pub(super) range: Range<f64>,
    name: String,
    /// How many labels it has at most.
    labels: usize,
    label: Box<dyn Fn(f64) -> String + 'a>,
    /// Whether the labels are names of places, which need no grid.
    names: bool,
}

impl<'a> Axis<'a> {
    /// A linear axis with numbers at its labels. A range without extent is widened around its value.
    pub(super) fn new(range: Range<f64>, labels: usize, name: impl Into<String>) -> Self {
        let Range { mut start, mut end } = range;
        let least = 1e-9 * start.abs().max(end.abs()).max(1e-6);
        if (end - start).abs() < least {
            let pad = if start == 0.0 { 1.0 } else { 0.1 * start.abs() };
            (start, end) = (start - pad, end + pad);
        }
        // Without this, plotters loses labels at the ends to rounding.
        let pad = 1e-9 * (end - start);
        let range = start - pad..end + pad;
        let mut axis =
            Self { range, name: name.into(), labels, label: Box::new(|_| String::new()), names: false };
        let step = match axis.keys(labels)[..] {
            [first, second, ..] => second - first,
            _ => end - start,
        };
        let places = decimals(step);
        axis.label = Box::new(move |at| number(at, places));
        axis
    }

    /// A logarithmic axis over these powers of `base`; the whole ones have labels.
    pub(super) fn log(base: f64, powers: Range<f64>, labels: usize, name: impl Into<String>) -> Self {
        Self::new(powers, labels, name).at_whole(move |at| number(base.powf(at), (-at).max(0.0) as usize))
    }

    /// An axis with a place for each of these names: 0, 1, 2 and so on.
    pub(super) fn of(names: &'a [String], name: impl Into<String>) -> Self {
        let label = |at: f64| names.get(at as usize).map_or_else(String::new, |name| fit(name, TEXT, NAME));
        let axis = Self::new(-0.5..names.len() as f64 - 0.5, names.len(), name);
        Self { names: true, ..axis.at_whole(label) }
    }

    /// The axis with its start at the end.
    pub(super) fn reversed(self) -> Self {
        Self { range: self.range.end..self.range.start, ..self }
    }

    /// For counts: no label between whole numbers.
    pub(super) fn whole(self) -> Self {
        self.at_whole(|at| number(at, 0))
    }

    fn at_whole(self, label: impl Fn(f64) -> String + 'a) -> Self {
        let label = move |at: f64| if at.fract() == 0.0 { label(at) } else { String::new() };
        Self { label: Box::new(label), ..self }
    }

    /// Room above `range` for a legend with this many entries on a plot of this height.
    fn with_headroom(mut self, entries: usize, height: u32) -> Self {
        let legend = (TEXT * FONT_SIZE * 1.25) as u32 * entries as u32 + 40;
        let room = f64::from(legend) / f64::from(height - AXIS);
        self.range.end += (self.range.end - self.range.start) * room / (1.0 - room);
        self
    }

    /// Where plotters puts `most` labels at most.
    pub(super) fn keys(&self, most: usize) -> Vec<f64> {
        RangedCoordf64::from(self.range.clone()).key_points(BoldPoints(most.min(self.labels)))
    }

    /// How many labels do not touch on a horizontal axis of this width.
    fn fitting(&self, width: u32) -> usize {
        let fits = |labels: &usize| {
            let keys = self.keys(*labels);
            (self.widest(&keys) + 16) * keys.len() as u32 <= width
        };
        (1..=self.labels).rev().find(fits).unwrap_or(0)
    }

    fn widest(&self, keys: &[f64]) -> u32 {
        keys.iter().map(|at| text_width(&(self.label)(*at), TEXT)).max().unwrap_or(0)
    }

    /// Width of a vertical axis with its labels and name.
    pub(super) fn width(&self) -> u32 {
        self.widest(&self.keys(self.labels)) + LINE + 34
    }
}

type Coord = Cartesian2d<RangedCoordf64, RangedCoordf64>;

/// The look of all axes.
fn style(mesh: &mut MeshStyle<'_, '_, RangedCoordf64, RangedCoordf64, Svg<'_>>) {
    mesh.bold_line_style(GRID.stroke_width(2))
        .max_light_lines(0)
        .axis_style(MUTED.stroke_width(2))
        .set_all_tick_mark_size(8)
        .label_style(text(TEXT, INK, HPos::Center))
        .axis_desc_style(text(TEXT, INK, HPos::Center));
}

/// A plot with two axes. Marks with an empty label have no entry in the legend.
pub(super) struct Plot<'a>(ChartContext<'a, Svg<'a>, Coord>);

impl<'a> Plot<'a> {
    /// Over the whole area but `right` units at its right.
    pub(super) fn new(area: &Area<'a>, x: &Axis<'_>, y: &Axis<'_>, right: u32) -> Drawn<Self> {
        let (width, height) = area.dim_in_pixel();
        let inner = width.saturating_sub(MARGIN + y.width() + right);
        let mut plot = ChartBuilder::on(area)
            .margin_left(MARGIN)
            .margin_right(right)
            .margin_top(TOP)
            .margin_bottom(16)
            .y_label_area_size(y.width())
            .x_label_area_size(AXIS - 16)
            .build_cartesian_2d(x.range.clone(), y.range.clone())?;
        let mut mesh = plot.configure_mesh();
        style(&mut mesh);
        if x.names {
            mesh.disable_x_mesh();
        }
        if y.names {
            mesh.disable_y_mesh();
        }
        let (x_label, y_label) = (|at: &f64| (x.label)(*at), |at: &f64| (y.label)(*at));
        mesh.x_labels(x.fitting(inner)).x_label_formatter(&x_label);
        mesh.y_labels(y.labels.min((height / ROW) as usize)).y_label_formatter(&y_label);
        mesh.x_desc(fit(&x.name, TEXT, inner)).y_desc(fit(&y.name, TEXT, height - 32)).draw()?;
        Ok(Self(plot))
    }

    /// Draws marks; the legend shows the first of them beside the label.
    pub(super) fn draw(&mut self, label: &str, marks: impl IntoIterator<Item = Mark>) -> Drawn {
        let mut marks = marks.into_iter().peekable();
        let first = marks.peek().map(|mark| (mark.shape, mark.style));
        let series = self.0.draw_series(marks)?;
        if let Some((shape, style)) = first.filter(|_| !label.is_empty()) {
            series.label(fit(label, TEXT, WIDTH / 2)).legend(move |(x, y)| {
                let middle = x + KEY / 2;
                match shape {
                    Shape::Rectangle => {
                        Mark::new(shape, [(middle - 12, y - 11), (middle + 12, y + 11)], style)
                    }
                    Shape::Circle(_) => Mark::new(Shape::Circle(10), [(middle, y)], style),
                    _ => Mark::new(shape, [(x, y), (x + KEY, y)], style),
                }
            });
        }
        Ok(())
    }

    /// A circle with a letter, which stands before `label` in the legend as well.
    pub(super) fn point(&mut self, index: usize, at: At, colour: RGBColor, label: &str, tip: &str) -> Drawn {
        let letter = char::from(b'A' + (index % 26) as u8).to_string();
        let circle = |style: ShapeStyle| Mark::new(Shape::Circle(18), [at], style);
        self.draw(&format!("{letter}: {label}"), [circle(colour.filled()).tip(tip)])?;
        self.draw("", [circle(WHITE.stroke_width(2))])?;
        self.text(at, (0, 0), letter, WHITE, HPos::Center)
    }

    /// Text on this side of a point, so many units away from it.
    pub(super) fn text(
        &mut self,
        at: At,
        offset: (i32, i32),
        words: impl Into<String>,
        colour: RGBColor,
        side: HPos,
    ) -> Drawn {
        let text = Text::new(words.into(), offset, text(TEXT, colour, side));
        self.0.draw_series([EmptyElement::at(at) + text])?;
        Ok(())
    }

    /// The legend of what has been drawn with a label.
    pub(super) fn legend(&mut self, position: SeriesLabelPosition) -> Drawn {
        let font = text(TEXT, INK, HPos::Left).pos(Pos::new(HPos::Left, VPos::Top));
        let mut labels = self.0.configure_series_labels();
        labels.position(position).margin(10).legend_area_size(KEY + 14).label_font(font);
        labels.background_style(WHITE.mix(0.85)).draw()
    }
}

/// A page with one plot. `legend` is the legend's position and for how many of its entries there is room above
/// the marks.
pub(super) fn plot_page(
    words: Words,
    height: u32,
    x: &Axis<'_>,
    y: Axis<'_>,
    (legend, room): (SeriesLabelPosition, usize),
    draw: impl FnOnce(&mut Plot<'_>) -> Drawn,
) -> Result<Figure> {
    let y = if room > 0 { y.with_headroom(room, height) } else { y };
    page(words, (WIDTH, height), |area| {
        let mut plot = Plot::new(area, x, &y, 48)?;
        draw(&mut plot)?;
        plot.legend(legend)
    })
}

/// Width of the colours of a bar, and of the labels and the name beside them, in units.
pub(super) const BAR: u32 = 32;
pub(super) const BAR_LABELS: u32 = 130;

/// A colour bar: `steps` are ranges on the axis and their colours. Labels stand at its right.
pub(super) fn colour_bar(area: &Area<'_>, axis: &Axis<'_>, steps: &[(f64, f64, RGBColor)]) -> Drawn {
    let height = area.dim_in_pixel().1;
    let mut bar = ChartBuilder::on(area)
        .right_y_label_area_size(BAR_LABELS)
        .build_cartesian_2d(0.0..1.0, axis.range.clone())?;
    let rectangle = |&(low, high, colour): &(f64, f64, RGBColor)| {
        Mark::new(Shape::Rectangle, [(0.0, low), (1.0, high)], colour.filled())
    };
    bar.draw_series(steps.iter().map(rectangle))?;
    let mut mesh = bar.configure_mesh();
    style(&mut mesh);
    let label = |at: &f64| (axis.label)(*at);
    let labels = axis.labels.min((height / 60).min(10) as usize);
    mesh.disable_mesh().disable_x_axis().y_labels(labels).y_label_formatter(&label);
    // The name may reach over both ends of the bar, into the margins.
    mesh.y_desc(fit(&axis.name, TEXT, height + 60)).draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_no_axis_can_show_are_refused() {
        assert_eq!(span("a", [f64::NAN, 2.0, 1.0]).unwrap(), (1.0, 2.0));
        for values in [&[][..], &[f64::NAN, f64::INFINITY], &[1e200, 0.0]] {
            assert_eq!(span("a map", values.iter().copied()).unwrap_err().kind(), ErrorKind::Chart);
        }
    }
}
