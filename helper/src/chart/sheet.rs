//! The sheet that every chart is drawn on: title, subtitle and legend above, a plot with axes below.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::compact::compact;
use super::figure::Figure;
use super::style::{self, GRID, INK, MUTED, fit, text_width, wrap};
use crate::error::{Error, ErrorKind, Result};

/// plotters draws in whole units; at so many per pixel, lines and cells fall where they should.
pub(super) const SCALE: u32 = 5;
/// How wide a chart is, in pixels.
pub(super) const WIDTH: u32 = 860;
/// How large text is, in pixels.
pub(super) const TEXT: f64 = 13.0;
const TITLE: f64 = 17.0;
pub(super) const MARGIN: f64 = 16.0;
const KEY: f64 = 24.0;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Plot<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Scale, Scale>>;
/// What drawing gives; the only way to fail is plotters'.
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// Pixels in plotters' units.
pub(super) fn px(pixels: f64) -> i32 {
    (pixels * f64::from(SCALE)).round() as i32
}

pub(super) fn stroke(colour: RGBColor, pixels: f64) -> ShapeStyle {
    colour.stroke_width(px(pixels).unsigned_abs())
}

/// Text of so many pixels, standing at this side of its place, in the middle of its height.
pub(super) fn text(size: f64, colour: RGBColor, side: HPos) -> TextStyle<'static> {
    // The backend divides by 1.24.
    let font = ("sans-serif", size * 1.24 * f64::from(SCALE)).into_font();
    let style = TextStyle::from(font).pos(Pos::new(side, VPos::Center));
    TextStyle { color: colour.to_backend_color(), ..style }
}

/// How a legend shows what it names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    Line,
    Dashes,
    Dot,
    Ring,
    Box,
}

/// What a chart says in words.
pub(super) struct Words {
    /// The file's name.
    pub(super) name: String,
    pub(super) title: String,
    pub(super) subtitle: String,
    /// The numbers that it shows, in a sentence.
    pub(super) description: String,
    pub(super) legend: Vec<(Mark, RGBColor, String)>,
}

/// An empty chart would say nothing.
pub(super) fn nothing(chart: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::Chart,
        format!("{chart} cannot be drawn: there are 0 {what}, but it needs at least 1"),
    )
}

/// Draws a chart of this width, with a plot of this height below its words.
pub(super) fn sheet(
    words: Words,
    (width, plot_height): (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<Figure> {
    let clean = |text: &str| text.replace(|c: char| c.is_control(), " ");
    let inner = f64::from(width) - 2.0 * MARGIN;
    let (title, subtitle) =
        (wrap(&clean(&words.title), TITLE, inner), wrap(&clean(&words.subtitle), TEXT, inner));
    let legend = rows(&words.legend, inner);
    let head = MARGIN
        + 22.0 * title.len() as f64
        + 18.0 * subtitle.len() as f64
        + if legend.is_empty() { 0.0 } else { 8.0 + 20.0 * legend.len() as f64 }
        + 6.0;
    let size = (width, head.ceil() as u32 + plot_height);
    let mut svg = String::new();
    let drawn = || -> Drawn {
        let root = SVGBackend::with_string(&mut svg, (size.0 * SCALE, size.1 * SCALE)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut y = MARGIN;
        for line in &title {
            let style = text(TITLE, INK, HPos::Left);
            let style = TextStyle { font: style.font.style(FontStyle::Bold), ..style };
            root.draw_text(line, &style, (px(MARGIN), px(y + 8.0)))?;
            y += 22.0;
        }
        for line in &subtitle {
            root.draw_text(line, &text(TEXT, MUTED, HPos::Left), (px(MARGIN), px(y + 8.0)))?;
            y += 18.0;
        }
        y += 8.0;
        for row in &legend {
            let mut x = MARGIN;
            for (mark, colour, label) in row {
                key(&root, *mark, *colour, (x, y + 8.0))?;
                root.draw_text(label, &text(TEXT, INK, HPos::Left), (px(x + KEY + 6.0), px(y + 8.0)))?;
                x += entry_width(label);
            }
            y += 20.0;
        }
        draw(&root.split_vertically(px(head.ceil())).1)?;
        root.present()
    };
    drawn().map_err(|e| Error::new(ErrorKind::Chart, format!("{} cannot be drawn: {e}", words.name)))?;
    let description = clean(&words.description);
    Ok(Figure {
        svg: compact(&svg, size, SCALE, &description),
        name: words.name,
        title: clean(&words.title),
        description,
        size,
    })
}

fn entry_width(label: &str) -> f64 {
    KEY + 6.0 + text_width(label, TEXT) + 18.0
}

/// The legend's entries in rows that this width holds.
fn rows(legend: &[(Mark, RGBColor, String)], width: f64) -> Vec<Vec<(Mark, RGBColor, String)>> {
    let mut rows: Vec<Vec<_>> = Vec::new();
    let mut used = f64::INFINITY;
    for (mark, colour, label) in legend {
        let label = fit(label, TEXT, width - KEY - 24.0);
        used += entry_width(&label);
        if used > width + 18.0 {
            rows.push(Vec::new());
            used = entry_width(&label);
        }
        rows.last_mut().expect("there is a row").push((*mark, *colour, label));
    }
    rows
}

fn key(root: &Area<'_>, mark: Mark, colour: RGBColor, (x, y): (f64, f64)) -> Drawn {
    let at = |dx: f64, dy: f64| (px(x + dx), px(y + dy));
    let line = |from: f64, to: f64| PathElement::new([at(from, 0.0), at(to, 0.0)], stroke(colour, 2.4));
    match mark {
        Mark::Line => root.draw(&line(0.0, KEY)),
        Mark::Dashes => {
            [(0.0, 6.0), (9.0, 15.0), (18.0, 24.0)].iter().try_for_each(|(a, b)| root.draw(&line(*a, *b)))
        }
        Mark::Dot => root.draw(&Circle::new(at(KEY - 6.0, 0.0), px(5.0), colour.filled())),
        Mark::Ring => root.draw(&Circle::new(at(KEY - 6.0, 0.0), px(5.5), stroke(colour, 2.0))),
        Mark::Box => root.draw(&Rectangle::new([at(KEY - 13.0, -6.0), at(KEY, 6.0)], colour.filled())),
    }
}

/// One axis: from where to where, what stands at its ticks, its name with the unit.
#[derive(Clone)]
pub(super) struct Scale {
    pub(super) range: Range<f64>,
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) name: String,
    pub(super) grid: bool,
}

impl Scale {
    /// Some `most` ticks at round numbers. A range of nothing becomes one around its value.
    pub(super) fn new(range: Range<f64>, most: usize, name: impl Into<String>) -> Self {
        let Range { mut start, mut end } = range;
        let least = 1e-9 * start.abs().max(end.abs()).max(1e-6);
        if end - start < least {
            let pad = if start == 0.0 { 1.0 } else { 0.1 * start.abs() };
            (start, end) = (start - pad, end + pad);
        }
        let step = style::nice_above((end - start) / most.max(1) as f64);
        let (first, last) = ((start / step - 1e-6).ceil() as i64, (end / step + 1e-6).floor() as i64);
        let tick = |i: i64| (i as f64 * step, style::number(i as f64 * step, style::decimals(step)));
        Self { range: start..end, ticks: (first..=last).map(tick).collect(), name: name.into(), grid: true }
    }

    /// From zero to a round number or just above the largest value.
    pub(super) fn from_zero(largest: f64, most: usize, name: impl Into<String>) -> Self {
        Self::new(0.0..if largest > 0.0 { 1.05 * largest } else { 1.0 }, most, name)
    }

    /// For what is counted: no ticks between whole numbers.
    pub(super) fn whole(mut self) -> Self {
        self.ticks.retain(|(at, _)| at.fract() == 0.0);
        self.ticks.iter_mut().for_each(|(at, label)| *label = style::number(*at, 0));
        self
    }

    /// A place for each of the labels, from 0 on; as many are written as `width` pixels hold.
    pub(super) fn places(labels: &[String], width: f64, name: impl Into<String>) -> Self {
        let widest = labels.iter().map(|label| text_width(label, TEXT)).fold(TEXT, f64::max) + 10.0;
        let most = (width / widest).max(1.0) as usize;
        let step = [1, 2, 5, 10, 20, 50, 100, 200, 500]
            .into_iter()
            .find(|step| labels.len().div_ceil(*step) <= most)
            .unwrap_or(labels.len());
        let ticks =
            labels.iter().enumerate().step_by(step).map(|(i, label)| (i as f64, label.clone())).collect();
        Self { range: -0.5..labels.len() as f64 - 0.5, ticks, name: name.into(), grid: false }
    }

    /// How wide the labels of a vertical axis are with its name.
    pub(super) fn width(&self) -> f64 {
        self.ticks.iter().map(|(_, label)| text_width(label, TEXT)).fold(0.0, f64::max) + 38.0
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let part = (value - self.range.start) / (self.range.end - self.range.start);
        first + (part * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let light = hint.weight().allow_light_points();
        self.ticks.iter().filter(|_| !light).map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, at: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick == at).map_or_else(String::new, |(_, label)| label.clone())
    }
}

/// How high a horizontal axis is with its name.
pub(super) const AXIS_HEIGHT: f64 = 52.0;

/// Axes over the whole area but `right` pixels; the plot to draw into.
pub(super) fn axes<'a>(area: &Area<'a>, x: &Scale, y: &Scale, right: f64) -> Drawn<Plot<'a>> {
    let (width, height) = area.dim_in_pixel();
    let (width, height) = (f64::from(width / SCALE), f64::from(height / SCALE));
    let left = MARGIN + y.width();
    let mut plot = ChartBuilder::on(area)
        .margin_left(px(MARGIN))
        .margin_right(px(right))
        .margin_top(px(8.0))
        .margin_bottom(px(8.0))
        .set_label_area_size(LabelAreaPosition::Left, px(y.width()))
        .set_label_area_size(LabelAreaPosition::Bottom, px(AXIS_HEIGHT - 8.0))
        .build_cartesian_2d(x.clone(), y.clone())?;
    let mut mesh = plot.configure_mesh();
    if !x.grid {
        mesh.disable_x_mesh();
    }
    if !y.grid {
        mesh.disable_y_mesh();
    }
    mesh.bold_line_style(stroke(GRID, 1.0))
        .light_line_style(TRANSPARENT)
        .axis_style(stroke(MUTED, 1.0))
        .set_all_tick_mark_size(px(4.0))
        .label_style(text(TEXT, INK, HPos::Center))
        .axis_desc_style(text(TEXT, INK, HPos::Center))
        .x_desc(fit(&x.name, TEXT, width - left - right))
        .y_desc(fit(&y.name, TEXT, height - 16.0))
        .draw()?;
    Ok(plot)
}
