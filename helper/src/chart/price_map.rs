//! A map of the target.

use std::collections::BTreeMap;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::colour::{BAR, BAR_LABELS, INK, MUTED, colour_bar, shade, shades};
use super::figure::Figure;
use super::histogram::{bin, bin_width};
use super::plot::{
    AXIS, Axis, MARGIN, TEXT, WIDTH, Words, axes, nothing, page, span, stroke, text, text_width,
};
use crate::data::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::text::{count, decimals, number, quantity};

/// Squares along the longer side, at most.
const BINS: f64 = 120.0;
/// The smallest side of a square, in degrees.
const FINEST: f64 = 0.01;
/// The largest map.
const MAP: (f64, f64) = (1200.0, 1140.0);

/// Places have names from this many units per degree on.
const NEAR: f64 = 60.0;
/// Longitude and latitude.
type Place = (f64, f64);
/// Places for orientation: name, location, and location of the name.
const PLACES: [(&str, Place, Place); 4] = [
    ("Sacramento", (-121.49, 38.58), (-119.3, 39.5)),
    ("San Francisco", (-122.42, 37.77), (-122.52, 36.6)),
    ("Los Angeles", (-118.24, 34.05), (-119.3, 33.5)),
    ("San Diego", (-117.16, 32.72), (-118.0, 32.72)),
];

/// A map of the target: its mean in each square of longitude and latitude that has a row.
///
/// # Errors
/// [`ErrorKind::Chart`] where the table has no columns `Longitude` and `Latitude`.
pub fn price_map(data: &Dataset) -> Result<Figure> {
    let column = |name: &str| {
        data.column(name).map_err(|e| Error::new(ErrorKind::Chart, format!("a map cannot be drawn: {e}")))
    };
    let (x, y, values) = (column("Longitude")?, column("Latitude")?, column(data.target())?);
    if values.is_empty() {
        return Err(nothing("a map", "rows"));
    }
    let span = |values: &[f64]| span("a map", values.iter().copied());
    let (x_span, y_span) = (span(&x)?, span(&y)?);
    let longer = (x_span.1 - x_span.0).max(y_span.1 - y_span.0).max(FINEST * BINS);
    let side = bin_width((0.0, longer), BINS);
    let mut bins: BTreeMap<(i64, i64), (f64, usize)> = BTreeMap::new();
    for ((x, y), value) in x.iter().zip(&y).zip(&values) {
        let (sum, n) = bins.entry((bin(*x, side), bin(*y, side))).or_default();
        (*sum, *n) = (*sum + value, *n + 1);
    }
    let means: Vec<((i64, i64), f64)> = bins.iter().map(|(at, (sum, n))| (*at, sum / *n as f64)).collect();
    let (low, high) = span(&means.iter().map(|(_, mean)| *mean).collect::<Vec<_>>())?;
    let spread = high - low;

    // Squares from the first to the last, some more at the edges, and at least eight.
    let bounds = |(low, high): (f64, f64)| (bin(low, side), bin(high, side) + 1);
    let ((left, right), (bottom, top)) = (bounds(x_span), bounds(y_span));
    let least = ((right - left).max(top - bottom) / 2).max(8);
    let padded = |a: i64, b: i64| {
        let more = (least - (b - a)).max((b - a) / 8).max(0);
        (a - more / 2, b + (more + 1) / 2)
    };
    let ((left, right), (bottom, top)) = (padded(left, right), padded(bottom, top));
    // A degree of longitude is shorter than one of latitude, by the cosine of the latitude.
    let shorter = ((bottom + top) as f64 / 2.0 * side).to_radians().cos().max(0.1);
    let (columns, rows) = ((right - left) as f64 * shorter, (top - bottom) as f64);
    let square = (MAP.0 / columns).min(MAP.1 / rows);
    let (map_width, map_height) = ((columns * square) as u32, (rows * square) as u32);

    let edge = |i: i64| i as f64 * side;
    let axis = |low: i64, high: i64, size: u32, name: &str| {
        Axis::new(edge(low)..edge(high), (size / 130).max(2) as usize, name)
    };
    let (x_axis, y_axis) = (
        axis(left, right, map_width, "longitude, degrees east (west is negative)"),
        axis(bottom, top, map_height, "latitude, degrees north"),
    );
    let meaning = data.units().last().map_or(data.target(), String::as_str);
    let places = if spread > 0.0 { decimals(spread / 100.0) } else { 2 };
    let side_text = number(side, decimals(side));
    let squares =
        format!("{} in {}", count(values.len(), "row", "rows"), count(means.len(), "square", "squares"));
    let best = means.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or((0, 0), |(at, _)| *at);
    let middle = |i: i64| number((i as f64 + 0.5) * side, decimals(side) + 1);
    let words = Words {
        name: "price-map".to_owned(),
        title: format!("{}: {} by place", data.name(), quantity(meaning).0),
        subtitle: format!("Mean per square of {side_text} \u{d7} {side_text} degrees: {squares}."),
        warnings: Vec::new(),
        description: format!(
            "A map of {squares}: the mean of the {meaning}, ranges from {} to {}; it is highest at {} degrees north, \
             {} degrees east.",
            number(low, places),
            number(high, places),
            middle(best.1),
            middle(best.0),
        ),
    };
    let frame = MARGIN + y_axis.width();
    let bar = BAR + BAR_LABELS + 2 * MARGIN;
    let width = (frame + map_width + bar).max(WIDTH * 3 / 4);
    let right_of_map = width - frame - map_width - bar;
    page(words, (width, map_height + 16 + AXIS), |area| {
        let (map_area, bar_area) = area.split_horizontally(width - bar);
        let mut plot = axes(&map_area, &x_axis, &y_axis, right_of_map)?;
        let part = |mean: f64| if spread > 0.0 { (mean - low) / spread } else { 0.5 };
        let mut cells = means.clone();
        cells.sort_by(|a, b| a.1.total_cmp(&b.1));
        let cell = |&((x, y), mean): &((i64, i64), f64)| {
            Rectangle::new([(edge(x), edge(y)), (edge(x + 1), edge(y + 1))], shade(part(mean)).filled())
        };
        plot.draw_series(cells.iter().map(cell))?;
        let degree = f64::from(map_width) / (edge(right) - edge(left));
        let inside = |(x, y): Place| x_axis.range.contains(&x) && y_axis.range.contains(&y);
        for (name, place, label) in PLACES.into_iter().filter(|_| degree >= NEAR) {
            let wide = f64::from(text_width(name, TEXT) + 12) / degree;
            let end = if label.0 > place.0 { label.0 + wide } else { label.0 - wide };
            if ![place, label, (end, label.1)].into_iter().all(inside) {
                continue;
            }
            plot.draw_series([PathElement::new([place, label], stroke(INK, 2))])?;
            plot.draw_series([Circle::new(place, 5, INK.filled())])?;
            let (side, gap) = if label.0 > place.0 { (HPos::Left, 8) } else { (HPos::Right, -8) };
            plot.draw_series([EmptyElement::at(label) + Text::new(name, (gap, 0), text(TEXT, MUTED, side))])?;
        }
        let above = (map_height.saturating_sub(720)) / 2;
        let bar_area = bar_area.margin(16 + above, AXIS + above, MARGIN, MARGIN);
        let scale = Axis::new(low..high, 6, "");
        let (start, extent) = (scale.range.start, scale.range.end - scale.range.start);
        let steps = shades(|part| start + part * extent);
        colour_bar(&bar_area, scale.coord(), &steps, (6, &*scale.label), &format!("mean of the {meaning}"))
    })
}
