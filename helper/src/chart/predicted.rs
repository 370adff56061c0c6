//! Predictions of the best model against the targets.

use std::collections::BTreeMap;

use plotters::prelude::*;

use super::bins::{bin, bin_width};
use super::cells::{Cell, Cells};
use super::colour::VERMILION;
use super::figure::Figure;
use super::page::{Words, best_of};
use super::plot::{Axis, nothing, span};
use super::svg::{Mark, Shape};
use crate::error::Result;
use crate::sweep::Outcome;
use crate::text::{count, decimals, number, with_unit};

const BINS: f64 = 60.0;
/// The side of the plot.
const SIDE: u32 = 960;

/// The best model's predictions against the targets of the test rows: how many rows are in each
/// square, and the diagonal of a perfect model.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no model, no test row, or no finite
/// prediction.
pub fn predicted_against_actual(outcome: &Outcome) -> Result<Figure> {
    if outcome.models.is_empty() || outcome.actual.is_empty() {
        return Err(nothing("predicted against actual", "predictions"));
    }
    let (best, actual) = (outcome.best(), &outcome.actual);
    let (low, high) = span("predicted against actual", actual.iter().chain(&best.predictions).copied())?;
    let side = bin_width((low, high), BINS);
    let mut bins: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    let finite = actual.iter().zip(&best.predictions).filter(|(a, p)| a.is_finite() && p.is_finite());
    finite.for_each(|(a, p)| *bins.entry((bin(*a, side), bin(*p, side))).or_default() += 1);
    let most = bins.values().copied().max().unwrap_or(1);

    let pad = (10 - (bin(high, side) - bin(low, side))).max(0) / 2 + 1;
    let (first, last) = (bin(low, side) - pad, bin(high, side) + 1 + pad);
    let edge = |i: i64| i as f64 * side;
    let axis = |name: &str| Axis::new(edge(first)..edge(last), 8, format!("{name} {}", outcome.target));

    let (r2, rmse) = (number(best.scores.r2, 4), with_unit(&number(best.scores.rmse, 4), &outcome.target));
    let words = Words {
        name: "predicted-against-actual".to_owned(),
        title: format!("{}: predicted against actual", outcome.dataset),
        subtitle: format!(
            "{}, on {}: R\u{b2} {r2}, RMSE {rmse}. Below the line predictions are too low.",
            best_of(outcome),
            count(actual.len(), "test row", "test rows")
        ),
        facts: format!("At most {} in a square.", count(most, "row", "rows")),
        warnings: outcome.cautions(),
    };
    let name = format!("test rows per square of {}, log scale", number(side, decimals(side)));
    let cells = Cells {
        x: axis("actual"),
        y: axis("predicted"),
        amounts: Axis::log(2.0, 0.0..(most as f64).log2().max(1.0), 10, name),
        cells: bins.iter().map(|(at, rows)| Cell::square(*at, side, (*rows as f64).log2())).collect(),
    };
    cells.figure(words, (SIDE, SIDE), |plot| {
        let diagonal = [(edge(first), edge(first)), (edge(last), edge(last))];
        plot.draw("perfect prediction", [Mark::new(Shape::Line, diagonal, VERMILION.stroke_width(3))])?;
        plot.legend(SeriesLabelPosition::UpperLeft)
    })
}
