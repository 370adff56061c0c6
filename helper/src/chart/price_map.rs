//! Where houses cost how much.

use std::collections::BTreeMap;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::figure::Figure;
use super::shades::{bar_width, cells, colour_bar};
use super::sheet::{AXIS_HEIGHT, SCALE, Scale, TEXT, Words, axes, nothing, px, sheet, stroke, text};
use super::style::{INK, MUTED, count, decimals, nice_above, number, quantity, text_width};
use crate::data::Dataset;
use crate::error::{Error, ErrorKind, Result};

/// The finest bin, in units of the axes.
const FINEST: f64 = 0.01;
/// The largest map, in pixels.
const MAP: (f64, f64) = (600.0, 570.0);

/// Pixels per degree from which on places have names.
const NEAR: f64 = 30.0;
/// Longitude and latitude.
type Place = (f64, f64);
/// Places to find one's way by: name, where it is, and where the name stands.
const PLACES: [(&str, Place, Place); 4] = [
    ("Sacramento", (-121.49, 38.58), (-119.3, 39.5)),
    ("San Francisco", (-122.42, 37.77), (-122.52, 36.6)),
    ("Los Angeles", (-118.24, 34.05), (-119.3, 33.5)),
    ("San Diego", (-117.16, 32.72), (-118.0, 32.72)),
];

/// The columns that span a map, and what it calls them.
struct Ground {
    columns: [&'static str; 2],
    axes: [&'static str; 2],
    by: &'static str,
    unit: &'static str,
    /// Bins along the longer side, at most.
    bins: f64,
    /// Whether they are places on earth.
    earth: bool,
}

const EARTH: Ground = Ground {
    columns: ["Longitude", "Latitude"],
    axes: ["longitude, degrees east (west is negative)", "latitude, degrees north"],
    by: "place",
    unit: " degrees",
    bins: 120.0,
    earth: true,
};
/// Friedman #1 has no places; these two features act on its target together.
const FRIEDMAN: Ground =
    Ground { columns: ["x1", "x2"], axes: ["x1", "x2"], by: "x1 and x2", unit: "", bins: 50.0, earth: false };

/// A map of the target: its mean in each square of longitude and latitude that has a row; of `x1`
/// and `x2` where the data are generated.
///
/// # Errors
/// [`ErrorKind::Chart`] where the table has no columns `Longitude` and `Latitude`.
pub fn price_map(data: &Dataset) -> Result<Figure> {
    let column = |name: &str| {
        data.column(name).map_err(|e| Error::new(ErrorKind::Chart, format!("a map cannot be drawn: {e}")))
    };
    let made_up =
        data.source().is_none() && FRIEDMAN.columns.iter().all(|name| data.features().contains(name));
    let ground = if made_up { FRIEDMAN } else { EARTH };
    let (x, y, values) = (column(ground.columns[0])?, column(ground.columns[1])?, column(data.target())?);
    if values.is_empty() {
        return Err(nothing("a map", "rows"));
    }
    let span = |v: &[f64]| {
        let (low, high) = v.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        (low, high, high - low)
    };
    let side = nice_above((span(&x).2.max(span(&y).2) / ground.bins).max(FINEST));
    let bin = |v: f64| (v / side + 1e-6).floor() as i64;
    let mut bins: BTreeMap<(i64, i64), (f64, usize)> = BTreeMap::new();
    for ((x, y), value) in x.iter().zip(&y).zip(&values) {
        let (sum, n) = bins.entry((bin(*x), bin(*y))).or_default();
        (*sum, *n) = (*sum + value, *n + 1);
    }
    let means: Vec<((i64, i64), f64)> = bins.iter().map(|(at, (sum, n))| (*at, sum / *n as f64)).collect();
    let (low, high, spread) = span(&means.iter().map(|(_, mean)| *mean).collect::<Vec<_>>());

    // Bins from the first to the last, some beside, and more where there are few.
    let bounds = |v: &[f64]| (bin(span(v).0), bin(span(v).1) + 1);
    let ((left, right), (bottom, top)) = (bounds(&x), bounds(&y));
    let least = ((right - left).max(top - bottom) / 2).max(8);
    let padded = |a: i64, b: i64| {
        let more = (least - (b - a)).max((b - a) / 8).max(0);
        (a - more / 2, b + (more + 1) / 2)
    };
    let ((left, right), (bottom, top)) = (padded(left, right), padded(bottom, top));
    let (columns, lines) = ((right - left) as f64, (top - bottom) as f64);
    // A degree of longitude is shorter than one of latitude, by the cosine of the latitude.
    let shorter =
        if ground.earth { ((bottom + top) as f64 / 2.0 * side).to_radians().cos().max(0.1) } else { 1.0 };
    let unit = f64::from(SCALE);
    let cell_height = ((MAP.1 / lines).min(MAP.0 / columns / shorter) * unit).floor().max(2.0) / unit;
    let cell_width = (cell_height * shorter * unit).round().max(1.0) / unit;
    let (map_width, map_height) = (columns * cell_width, lines * cell_height);

    let (what, _) = quantity(data.units().last().map_or(data.target(), String::as_str));
    let meaning = data.units().last().map_or("", String::as_str);
    let degrees = |low: i64, high: i64| low as f64 * side..high as f64 * side;
    let y_scale = Scale::new(degrees(bottom, top), (map_height / 60.0) as usize, ground.axes[1]);
    let x_scale = Scale::new(degrees(left, right), (map_width / 70.0) as usize, ground.axes[0]);
    let places = if spread > 0.0 { decimals(spread / 100.0) } else { 2 };
    let side_text = number(side, decimals(side));
    let rows = count(values.len(), "row", "rows");
    let best = means.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or((0, 0), |(at, _)| *at);
    let words = Words {
        name: "price-map".to_owned(),
        title: format!("{}: {what} by {}", data.name(), ground.by),
        subtitle: format!(
            "Mean per square of {side_text} \u{d7} {side_text}{}: {rows} in {}.",
            ground.unit,
            count(means.len(), "square", "squares")
        ),
        description: format!(
            "A map of {rows} in {}: the mean of the {meaning}, ranges from {} to {}; it is highest at {}{} {}, {}{} {}.",
            count(means.len(), "square", "squares"),
            number(low, places),
            number(high, places),
            number((best.1 as f64 + 0.5) * side, decimals(side) + 1),
            ground.unit,
            if ground.earth { "north" } else { "on x2" },
            number((best.0 as f64 + 0.5) * side, decimals(side) + 1),
            ground.unit,
            if ground.earth { "east" } else { "on x1" },
        ),
        legend: Vec::new(),
    };
    let frame = 16.0 + y_scale.width();
    let bar = Scale::new(low..high, 6, "");
    let part = |mean: f64| if spread > 0.0 { (mean - low) / spread } else { 0.5 };
    let ticks: Vec<_> = match spread > 0.0 {
        true => bar.ticks.iter().map(|(at, label)| (part(*at), label.clone())).collect(),
        false => vec![(0.5, number(low, places))],
    };
    let width = (frame + map_width + bar_width(&ticks)).ceil().max(640.0);
    let rest = width - frame - map_width;
    sheet(words, (width as u32, (map_height + 16.0 + AXIS_HEIGHT - 8.0).round() as u32), |area| {
        let mut plot = axes(area, &x_scale, &y_scale, rest)?;
        let edge = |i: i64| i as f64 * side;
        let cell = |&((x, y), mean): &_| {
            let (x, y): (i64, i64) = (x, y);
            ([(edge(x), edge(y)), (edge(x + 1), edge(y + 1))], part(mean))
        };
        cells(&mut plot, means.iter().map(cell))?;
        let degree = cell_width / side;
        let inside = |(x, y): Place| x_scale.range.contains(&x) && y_scale.range.contains(&y);
        for (name, place, label) in PLACES.into_iter().filter(|_| ground.earth) {
            let wide = (text_width(name, TEXT) + 6.0) / degree;
            let end = if label.0 > place.0 { label.0 + wide } else { label.0 - wide };
            if degree < NEAR || ![place, label, (end, label.1)].into_iter().all(inside) {
                continue;
            }
            plot.draw_series([PathElement::new([place, label], stroke(INK, 1.0))])?;
            plot.draw_series([Circle::new(place, px(2.5), INK.filled())])?;
            let (side, gap) = if label.0 > place.0 { (HPos::Left, px(4.0)) } else { (HPos::Right, px(-4.0)) };
            plot.draw_series([EmptyElement::at(label) + Text::new(name, (gap, 0), text(TEXT, MUTED, side))])?;
        }
        let height = map_height.clamp(60.0, 360.0);
        let top = 8.0 + (map_height - height) / 2.0;
        colour_bar(area, (frame + map_width + 24.0, top), height, &ticks, &format!("mean of the {meaning}"))
    })
}
