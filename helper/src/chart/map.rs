//! Maps: means by longitude and latitude.

use std::collections::BTreeMap;

use plotters::style::Color as _;
use plotters::style::text_anchor::HPos;

use super::bins::{bin, bin_width};
use super::cells::{Cell, Cells};
use super::colour::{INK, MUTED};
use super::figure::Figure;
use super::page::{Words, best_of};
use super::plot::{Axis, span};
use super::svg::{At, Mark, Shape};
use crate::data::{Dataset, Split};
use crate::error::{Error, ErrorKind, Result};
use crate::sweep::Outcome;
use crate::text::{count, decimals, number, quantity, with_unit};

/// Squares along the longer side, at most, and the fewest rows of a square that is drawn. Errors are noisy: fewer
/// squares, and several rows, so that a single row does not set the scale.
const BINS: (f64, usize) = (120.0, 1);
const ERROR_BINS: (f64, usize) = (60.0, 3);
/// The smallest side of a square, in degrees.
const FINEST: f64 = 0.01;
/// The largest map.
const MAP: (f64, f64) = (1200.0, 1140.0);

/// Places for orientation, on maps that show all of California: name, longitude and latitude, and those of
/// the name's end beside the line to it.
const PLACES: [(&str, At, At); 4] = [
    ("Sacramento", (-121.49, 38.58), (-119.3, 39.5)),
    ("San Francisco", (-122.42, 37.77), (-122.52, 36.6)),
    ("Los Angeles", (-118.24, 34.05), (-119.3, 33.5)),
    ("San Diego", (-117.16, 32.72), (-118.0, 32.72)),
];
const CALIFORNIA: [At; 2] = [(-124.6, 32.7), (-117.1, 39.6)];

/// A map of the target: its mean in each square of longitude and latitude that has a row.
///
/// # Errors
/// [`ErrorKind::Chart`] where the table has no columns `Longitude` and `Latitude`.
pub fn price_map(data: &Dataset) -> Result<Figure> {
    let meaning = data.units().last().map_or(data.target(), String::as_str);
    let words = Words {
        name: "price-map".to_owned(),
        title: format!("{}: {} by place", data.name(), quantity(meaning).0),
        ..Words::default()
    };
    let (longitudes, latitudes) = places(data)?;
    let values = data.column(data.target())?;
    map(words, format!("mean of the {meaning}"), BINS, [&longitudes, &latitudes, &values])
}

/// A map of the errors of the best model: how far its predictions are off on average, above or below,
/// in each square of longitude and latitude that has three test rows or more. `data` is the table of the split,
/// of which the places are read.
///
/// # Errors
/// [`ErrorKind::Chart`] where the table has no columns `Longitude` and `Latitude`, where no square has three test
/// rows, and where outcome, split and table are not of the same rows.
pub fn errors_map(outcome: &Outcome, split: &Split, data: &Dataset) -> Result<Figure> {
    let (longitudes, latitudes) = places(data)?;
    let (target, rows) = (data.column(data.target())?, split.test.source());
    let of_table = rows.iter().map(|&row| target.get(row)).eq(split.test.y().iter().map(Some));
    if !of_table || outcome.identity != split.identity() || outcome.models.is_empty() {
        let message = format!(
            "a map of errors cannot be drawn: the outcome is of {}, but not on the test rows of this split of {}; give the \
             split that the sweep was run on, and its table",
            outcome.dataset,
            data.name()
        );
        return Err(Error::new(ErrorKind::Chart, message));
    }
    let best = outcome.best();
    let words = Words {
        name: "errors-map".to_owned(),
        title: format!("{}: errors of the best model by place", outcome.dataset),
        subtitle: format!("{}, on the test rows.", best_of(outcome)),
        facts: format!(
            "Mean absolute error of all: {}.",
            with_unit(&number(best.scores.mae, 4), &outcome.target)
        ),
        warnings: outcome.cautions(),
    };
    let of_test = |column: &[f64]| rows.iter().map(|&row| column[row]).collect::<Vec<_>>();
    let errors: Vec<f64> = best.predictions.iter().zip(&outcome.actual).map(|(p, a)| (p - a).abs()).collect();
    let what = match quantity(&outcome.target).1 {
        "" => "mean absolute error".to_owned(),
        unit => format!("mean absolute error, {unit}"),
    };
    map(words, what, ERROR_BINS, [&of_test(&longitudes), &of_test(&latitudes), &errors])
}

fn places(data: &Dataset) -> Result<(Vec<f64>, Vec<f64>)> {
    let column = |name: &str| {
        data.column(name).map_err(|e| Error::new(ErrorKind::Chart, format!("a map cannot be drawn: {e}")))
    };
    Ok((column("Longitude")?, column("Latitude")?))
}

/// A map of the means of `values`; `what` names them. Its longer side has `most` squares at most, of which those
/// with `fewest` rows or more are drawn.
fn map(
    words: Words,
    what: String,
    (most, fewest): (f64, usize),
    [x, y, values]: [&[f64]; 3],
) -> Result<Figure> {
    let span = |values: &[f64]| span("a map", values.iter().copied());
    let (x_span, y_span) = (span(x)?, span(y)?);
    let longer = (x_span.1 - x_span.0).max(y_span.1 - y_span.0).max(FINEST * most);
    let side = bin_width((0.0, longer), most);
    let mut bins: BTreeMap<(i64, i64), (f64, usize)> = BTreeMap::new();
    for ((x, y), value) in x.iter().zip(y).zip(values).filter(|(_, value)| value.is_finite()) {
        let (sum, n) = bins.entry((bin(*x, side), bin(*y, side))).or_default();
        (*sum, *n) = (*sum + value, *n + 1);
    }
    let drawn = bins.iter().filter(|(_, (_, n))| *n >= fewest);
    let means: Vec<((i64, i64), f64)> = drawn.map(|(at, (sum, n))| (*at, sum / *n as f64)).collect();
    if means.is_empty() && !bins.is_empty() {
        let message = format!("a map cannot be drawn: no square of {side} degrees has {fewest} rows or more");
        return Err(Error::new(ErrorKind::Chart, message));
    }
    let (low, high) = span(&means.iter().map(|(_, mean)| *mean).collect::<Vec<_>>())?;

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
    let (width, height) = ((columns * square) as u32, (rows * square) as u32);

    let edge = |i: i64| i as f64 * side;
    let axis = |low: i64, high: i64, size: u32, name: &str| {
        Axis::new(edge(low)..edge(high), (size / 130).max(2) as usize, name)
    };
    let x = axis(left, right, width, "longitude, degrees east (west is negative)");
    let y = axis(bottom, top, height, "latitude, degrees north");
    let digits = if low < high { decimals((high - low) / 100.0) } else { 2 };
    let side_text = number(side, decimals(side));
    let best = means.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or((0, 0), |(at, _)| *at);
    let middle = |i: i64| number((i as f64 + 0.5) * side, decimals(side) + 1);
    let words = Words {
        subtitle: format!(
            "{} Means per square of {side_text} \u{d7} {side_text} degrees: {} in {}{}.",
            words.subtitle,
            count(values.len(), "row", "rows"),
            count(bins.len(), "square", "squares"),
            match bins.len() - means.len() {
                0 => String::new(),
                few => format!(", of which {few} with fewer than {fewest} rows are not drawn"),
            }
        ),
        facts: format!(
            "{} The {what}, ranges from {} to {}; it is highest at {} degrees north, {} degrees east.",
            words.facts,
            number(low, digits),
            number(high, digits),
            middle(best.1),
            middle(best.0),
        ),
        ..words
    };
    let inside = |(x_at, y_at): At| x.range.contains(&x_at) && y.range.contains(&y_at);
    // On a map of a larger region the names would overlap.
    let places = if CALIFORNIA.into_iter().all(inside) && columns * side < 30.0 { &PLACES[..] } else { &[] };
    let cells = means.iter().map(|(at, mean)| Cell::square(*at, side, *mean)).collect();
    let cells = Cells { x, y, amounts: Axis::new(low..high, 6, what), cells };
    cells.figure(words, (width, height), |plot| {
        for &(name, place, label) in places {
            plot.draw("", [Mark::new(Shape::Line, [place, label], INK.stroke_width(2))])?;
            plot.draw("", [Mark::new(Shape::Circle(5), [place], INK.filled())])?;
            let (side, gap) = if label.0 > place.0 { (HPos::Left, 8) } else { (HPos::Right, -8) };
            plot.text(label, (gap, 0), name, MUTED, side)?;
        }
        Ok(())
    })
}
