//! The page of every chart: title and subtitle above, axes and a legend by plotters below.

use std::ops::Range;

use plotters::chart::MeshStyle;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{BoldPoints, DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::element::MultiLineText;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::colour::{GRID, INK, MUTED};
use super::figure::Figure;
use super::svg::{FONT_SIZE, SCALE, Svg};
use crate::error::{Error, ErrorKind, Result};
use crate::text::{decimals, number};

/// Width of a chart, and sizes of its parts, in units of the drawing.
pub(super) const WIDTH: u32 = 860 * SCALE;
pub(super) const TEXT: f64 = 26.0;
const TITLE: f64 = 34.0;
pub(super) const MARGIN: u32 = 32;
/// Height of a line of text.
pub(super) const LINE: u32 = 40;
/// Height of a horizontal axis with its labels and name.
pub(super) const AXIS: u32 = 92;
/// Width of a mark in the legend.
const MARK: i32 = 48;

pub(super) type Area<'a> = DrawingArea<Svg<'a>, Shift>;
pub(super) type Plot<'a, X = Linear, Y = Linear> = ChartContext<'a, Svg<'a>, Cartesian2d<X, Y>>;
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::convert::Infallible>>;

/// The words of a chart.
pub(super) struct Words {
    /// The name of its file, without the ending.
    pub(super) name: String,
    pub(super) title: String,
    pub(super) subtitle: String,
    /// What speaks against the numbers; follows the subtitle.
    pub(super) warnings: Vec<String>,
    /// One sentence with the numbers that the chart shows.
    pub(super) description: String,
}

pub(super) fn text(size: f64, colour: RGBColor, side: HPos) -> TextStyle<'static> {
    let style = TextStyle::from(("sans-serif", size * FONT_SIZE).into_font());
    TextStyle { color: colour.to_backend_color(), ..style.pos(Pos::new(side, VPos::Center)) }
}

pub(super) fn stroke(colour: RGBColor, width: u32) -> ShapeStyle {
    colour.stroke_width(width)
}

/// Width of a text as plotters estimates it: at least the real one, for wide letters too.
pub(super) fn text_width(text: &str, size: f64) -> u32 {
    ("sans-serif", size * FONT_SIZE).into_font().box_size(text).map_or(0, |(width, _)| width)
}

/// The text, cut to this width.
pub(super) fn fit(text: &str, size: f64, width: u32) -> String {
    let mut short = text.to_owned();
    while text_width(&short, size) > width && short.pop().is_some() {
        let cut = short.trim_end_matches('\u{2026}').len();
        short.truncate(cut);
        if short.pop().is_some() {
            short.push('\u{2026}');
        }
    }
    short
}

/// The text in lines of this width. By hand because plotters breaks lines within words.
fn wrap(text: &str, size: f64, width: u32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().map(|word| fit(word, size, width)) {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// A chart that cannot be drawn for want of data.
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

/// Draws a page of this width, with this height below its title and subtitle.
pub(super) fn page(
    words: Words,
    (width, height): (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<Figure> {
    let clean = |text: &str| text.replace(|c: char| c.is_control(), " ");
    let (title, description) = (clean(&words.title), clean(&words.description));
    let inner = width - 2 * MARGIN;
    let subtitle = format!("{} {}", words.subtitle, words.warnings.join(" "));
    let (titles, subtitles) = (wrap(&title, TITLE, inner), wrap(&clean(&subtitle), TEXT, inner));
    let head = MARGIN + 46 * titles.len() as u32 + LINE * subtitles.len() as u32 + 12;
    let size = (width, head + height);
    let mut svg = String::new();
    let drawn = || -> Drawn {
        let root = Svg::new(&mut svg, size, &format!("{title}. {description}")).into_drawing_area();
        root.fill(&WHITE)?;
        let mut top = MARGIN as i32;
        let bold = text(TITLE, INK, HPos::Left);
        let bold = TextStyle { font: bold.font.style(FontStyle::Bold), ..bold };
        for (lines, style, height) in [(titles, bold, 46), (subtitles, text(TEXT, MUTED, HPos::Left), LINE)] {
            let style = style.pos(Pos::new(HPos::Left, VPos::Top));
            let line_height = f64::from(height) / style.font.get_size();
            let mut block = MultiLineText::<_, String>::new((MARGIN as i32, top), style);
            block.set_line_height(line_height);
            top += (height as usize * lines.len()) as i32;
            lines.into_iter().for_each(|line| block.push_line(line));
            root.draw(&block)?;
        }
        draw(&root.split_vertically(head).1)?;
        root.present()
    };
    drawn().map_err(|e| Error::new(ErrorKind::Chart, format!("{} cannot be drawn: {e}", words.name)))?;
    Ok(Figure { svg, name: words.name, title, description, size: (size.0 / SCALE, size.1 / SCALE) })
}

/// A linear axis: its range, its name with the unit, and how many labels it has at most.
pub(super) struct Axis<'a> {
    pub(super) range: Range<f64>,
    pub(super) name: String,
    pub(super) labels: usize,
    pub(super) label: Box<dyn Fn(&f64) -> String + 'a>,
    pub(super) grid: bool,
}

impl<'a> Axis<'a> {
    /// An axis with numbers at its labels. A range without extent is widened around its value.
    pub(super) fn new(range: Range<f64>, labels: usize, name: impl Into<String>) -> Self {
        let Range { mut start, mut end } = range;
        let least = 1e-9 * start.abs().max(end.abs()).max(1e-6);
        if (end - start).abs() < least {
            let pad = if start == 0.0 { 1.0 } else { 0.1 * start.abs() };
            (start, end) = (start - pad, end + pad);
        }
        let step = match keys(&(start..end), labels)[..] {
            [first, second, ..] => second - first,
            _ => end - start,
        };
        let places = decimals(step);
        let label = Box::new(move |v: &f64| number(*v, places));
        Self { range: start..end, name: name.into(), labels, label, grid: true }
    }

    pub(super) fn without_grid(self) -> Self {
        Self { grid: false, ..self }
    }

    /// For counts: no label between whole numbers.
    pub(super) fn whole(self) -> Self {
        self.labelled(|at| if at.fract() == 0.0 { number(at, 0) } else { String::new() })
    }

    pub(super) fn labelled(self, label: impl Fn(f64) -> String + 'a) -> Self {
        Self { label: Box::new(move |at| label(*at)), ..self }
    }

    /// Room above `range` for a legend with this many entries on a plot of this height.
    pub(super) fn with_headroom(mut self, entries: usize, height: u32) -> Self {
        let room = f64::from(legend_height(entries)) / f64::from(height - AXIS);
        self.range.end += (self.range.end - self.range.start) * room / (1.0 - room);
        self
    }

    /// The axis without labels that would touch on a horizontal axis of this width.
    fn fitting(&self, width: u32) -> Linear {
        let wide =
            |keys: &[f64]| keys.iter().map(|at| text_width(&(self.label)(at), TEXT)).max().unwrap_or(0) + 16;
        let fits = |keys: &Vec<f64>| wide(keys) * keys.len() as u32 <= width;
        let keys =
            (2..=self.labels).rev().map(|labels| keys(&self.range, labels)).find(fits).unwrap_or_default();
        Linear { inner: self.range.clone().into(), keys }
    }

    pub(super) fn coord(&self) -> Linear {
        Linear { inner: self.range.clone().into(), keys: keys(&self.range, self.labels) }
    }

    /// Width of a vertical axis with its labels and name.
    pub(super) fn width(&self) -> u32 {
        let labels =
            keys(&self.range, self.labels).into_iter().map(|at| text_width(&(self.label)(&at), TEXT));
        labels.max().unwrap_or(0) + LINE + 34
    }
}

/// plotters' linear axis with labels at [`keys`].
#[derive(Clone)]
pub(super) struct Linear {
    inner: RangedCoordf64,
    keys: Vec<f64>,
}

impl Ranged for Linear {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.inner.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.keys.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.inner.range()
    }
}

/// Where plotters puts labels on a linear axis, with the last one, which it loses to rounding at times.
fn keys(range: &Range<f64>, labels: usize) -> Vec<f64> {
    let mut keys = RangedCoordf64::from(range.clone()).key_points(BoldPoints(labels));
    if let [.., before, last] = keys[..] {
        let step = last - before;
        let next = last + step;
        if next <= range.start.max(range.end) + 1e-9 * step {
            keys.push(next);
        }
    }
    keys
}

/// Axes over the whole area but `right` units at its right.
pub(super) fn axes<'a>(area: &Area<'a>, x: &Axis<'_>, y: &Axis<'_>, right: u32) -> Drawn<Plot<'a>> {
    let (width, height) = area.dim_in_pixel();
    let inner = width.saturating_sub(MARGIN + y.width() + right);
    let mut plot = ChartBuilder::on(area)
        .margin_left(MARGIN)
        .margin_right(right)
        .margin_top(16)
        .margin_bottom(16)
        .y_label_area_size(y.width())
        .x_label_area_size(AXIS - 16)
        .build_cartesian_2d(x.fitting(inner), y.coord())?;
    let mut mesh = plot.configure_mesh();
    style(&mut mesh);
    if !x.grid {
        mesh.disable_x_mesh();
    }
    if !y.grid {
        mesh.disable_y_mesh();
    }
    mesh.x_labels(x.labels).y_labels(y.labels).x_label_formatter(&x.label).y_label_formatter(&y.label);
    mesh.x_desc(fit(&x.name, TEXT, inner)).y_desc(fit(&y.name, TEXT, height - 32)).draw()?;
    Ok(plot)
}

/// The look of all axes.
pub(super) fn style<'b, X: Ranged, Y: Ranged>(mesh: &mut MeshStyle<'_, 'b, X, Y, Svg<'_>>) {
    mesh.bold_line_style(stroke(GRID, 2))
        .light_line_style(TRANSPARENT)
        .axis_style(stroke(MUTED, 2))
        .set_all_tick_mark_size(8)
        .label_style(text(TEXT, INK, HPos::Center))
        .axis_desc_style(text(TEXT, INK, HPos::Center));
}

/// Height of a legend with this many entries.
pub(super) fn legend_height(entries: usize) -> u32 {
    (TEXT * FONT_SIZE * 1.25) as u32 * entries as u32 + 40
}

/// The legend of what has been drawn with a label.
pub(super) fn legend<'a, X, Y>(plot: &mut Plot<'a, X, Y>, position: SeriesLabelPosition) -> Drawn
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let font = text(TEXT, INK, HPos::Left).pos(Pos::new(HPos::Left, VPos::Top));
    let mut labels = plot.configure_series_labels();
    labels.position(position).margin(10).legend_area_size(MARK + 14).label_font(font);
    labels.background_style(WHITE.mix(0.85)).draw()
}

/// The letter of a point, in its circle and before its name in the legend.
pub(super) fn letter(index: usize) -> String {
    char::from(b'A' + (index % 26) as u8).to_string()
}

/// Marks of a legend.
pub(super) fn line_mark(style: ShapeStyle) -> impl Fn((i32, i32)) -> PathElement<(i32, i32)> {
    move |(x, y)| PathElement::new([(x, y), (x + MARK, y)], style)
}

pub(super) fn box_mark(colour: RGBColor) -> impl Fn((i32, i32)) -> Rectangle<(i32, i32)> {
    move |(x, y)| Rectangle::new([(x + MARK / 2 - 12, y - 11), (x + MARK / 2 + 12, y + 11)], colour.filled())
}

pub(super) fn dot_mark(style: ShapeStyle) -> impl Fn((i32, i32)) -> Circle<(i32, i32), i32> {
    move |(x, y)| Circle::new((x + MARK / 2, y), 10, style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_to_their_width() {
        let text = "one two three four ".repeat(20) + &"x".repeat(500) + " \u{623f}\u{4fa1}\u{1f3e0}";
        let lines = wrap(&text, TEXT, 600);
        assert!(lines.iter().all(|line| text_width(line, TEXT) <= 600) && lines.len() > 5);
        assert!(wrap("", TEXT, 600).is_empty());
        assert_eq!((fit("abc", TEXT, 600).as_str(), fit("abc", TEXT, 0).as_str()), ("abc", ""));
        let wide = fit(&"\u{623f}\u{4fa1}".repeat(40), TEXT, 400);
        // A wide letter is as wide as the font is high.
        assert!(wide.ends_with('\u{2026}') && wide.chars().count() as f64 * TEXT <= 400.0, "{wide}");
    }

    #[test]
    fn values_that_no_axis_can_show_are_refused() {
        assert_eq!(span("a", [f64::NAN, 2.0, 1.0]).unwrap(), (1.0, 2.0));
        for values in [&[][..], &[f64::NAN, f64::INFINITY], &[1e200, 0.0]] {
            assert_eq!(span("a map", values.iter().copied()).unwrap_err().kind(), ErrorKind::Chart);
        }
    }
}
