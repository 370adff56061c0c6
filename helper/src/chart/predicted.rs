//! How close the best model comes.

use std::collections::BTreeMap;

use plotters::prelude::*;

use super::figure::Figure;
use super::shades::{bar_width, cells, colour_bar};
use super::sheet::{AXIS_HEIGHT, Mark, SCALE, Scale, Words, axes, nothing, sheet, stroke};
use super::style::{VERMILION, count, decimals, nice_above, number, with_unit};
use crate::error::Result;
use crate::sweep::Outcome;

const BINS: f64 = 60.0;
/// The plot's side, in pixels.
const SIDE: f64 = 480.0;

/// The best model's predictions against the targets of the test rows: how many rows fall where, and
/// the diagonal on which a perfect model would have them.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no model or no test row.
pub fn predicted_against_actual(outcome: &Outcome) -> Result<Figure> {
    if outcome.models.is_empty() || outcome.actual.is_empty() {
        return Err(nothing("predicted against actual", "predictions"));
    }
    let (best, actual) = (outcome.best(), &outcome.actual);
    let both = || actual.iter().chain(&best.predictions).copied();
    let (low, high) = both().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let side = match high - low {
        spread if spread > 0.0 => nice_above((spread / BINS).max(1e-12 * high.abs())),
        _ => nice_above(0.02 * high.abs().max(1e-6)),
    };
    let bin = |v: f64| (v / side + 1e-6).floor() as i64;
    let mut bins: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    actual.iter().zip(&best.predictions).for_each(|(a, p)| *bins.entry((bin(*a), bin(*p))).or_default() += 1);
    let most = bins.values().copied().max().unwrap_or(1);

    let pad = (10 - (bin(high) - bin(low))).max(0) / 2 + 1;
    let (first, last) = (bin(low) - pad, bin(high) + 1 + pad);
    let cell = (SIDE / (last - first) as f64 * f64::from(SCALE)).floor() / f64::from(SCALE);
    let width = cell * (last - first) as f64;
    let edge = |i: i64| i as f64 * side;
    let axis = |name: &str| {
        let scale = Scale::new(edge(first)..edge(last), 8, format!("{name} {}", outcome.target));
        Scale { grid: false, ..scale }
    };
    let (x, y) = (axis("actual"), axis("predicted"));

    let (r2, rmse) = (number(best.scores.r2, 4), with_unit(&number(best.scores.rmse, 4), &outcome.target));
    let rows = count(actual.len(), "test row", "test rows");
    let trees = count(best.params.n_estimators, "tree", "trees");
    let words = Words {
        name: "predicted-against-actual".to_owned(),
        title: format!("{}: predicted against actual", outcome.dataset),
        subtitle: format!(
            "The best of {}, with {trees}, on {rows}: R\u{b2} {r2}, RMSE {rmse}. Below the line it predicts too little.",
            count(outcome.models.len(), "model", "models")
        ),
        description: format!(
            "Density of {rows} by actual and predicted {} of the best model, which has {trees}: R\u{b2} {r2}, RMSE {rmse}, \
             at most {} in a square.",
            outcome.target,
            count(most, "row", "rows")
        ),
        legend: vec![(Mark::Line, VERMILION, "perfect prediction".to_owned())],
    };
    let log = |n: usize| if most > 1 { (n as f64).ln() / (most as f64).ln() } else { 0.5 };
    let mut ticks: Vec<usize> =
        (0..).map(|power| 10_usize.pow(power)).take_while(|n| log(*n) < 0.92 && *n <= most).collect();
    ticks.push(most);
    ticks.dedup();
    let ticks: Vec<_> = ticks.into_iter().map(|n| (log(n), number(n as f64, 0))).collect();
    let frame = 16.0 + y.width();
    let size =
        ((frame + width + bar_width(&ticks)) as u32, (width + 16.0 + AXIS_HEIGHT - 8.0).round() as u32);
    sheet(words, size, |area| {
        let mut plot = axes(area, &x, &y, f64::from(size.0) - frame - width)?;
        let corners = |x: i64, y: i64| [(edge(x), edge(y)), (edge(x + 1), edge(y + 1))];
        cells(&mut plot, bins.iter().map(|(&(x, y), &n)| (corners(x, y), log(n))))?;
        let diagonal = [(edge(first), edge(first)), (edge(last), edge(last))];
        plot.draw_series([PathElement::new(diagonal, stroke(VERMILION, 1.6))])?;
        let name = format!("test rows per square of {}", number(side, decimals(side)));
        colour_bar(
            area,
            (frame + width + 24.0, 8.0 + width * 0.2),
            width * 0.6,
            &ticks,
            &format!("{name}, log scale"),
        )
    })
}
