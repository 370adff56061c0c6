//! Predictions of the best model against the targets.

use std::collections::BTreeMap;

use plotters::prelude::*;

use super::colour::{BAR, BAR_LABELS, VERMILION, colour_bar, shade, shades};
use super::figure::Figure;
use super::histogram::{bin, bin_width};
use super::plot::{AXIS, Axis, MARGIN, Words, axes, legend, line_mark, nothing, page, span, stroke};
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
    let axis = |name: &str| {
        Axis::new(edge(first)..edge(last), 8, format!("{name} {}", outcome.target)).without_grid()
    };
    let (x, y) = (axis("actual"), axis("predicted"));

    let (r2, rmse) = (number(best.scores.r2, 4), with_unit(&number(best.scores.rmse, 4), &outcome.target));
    let rows = count(actual.len(), "test row", "test rows");
    let trees = count(best.params.n_estimators, "tree", "trees");
    let words = Words {
        name: "predicted-against-actual".to_owned(),
        title: format!("{}: predicted against actual", outcome.dataset),
        subtitle: format!(
            "The best of {}, with {trees}, on {rows}: R\u{b2} {r2}, RMSE {rmse}. Below the line predictions are too low.",
            count(outcome.models.len(), "model", "models")
        ),
        warnings: outcome.cautions(),
        description: format!(
            "Density of {rows} by actual and predicted {} of the best model, which has {trees}: R\u{b2} {r2}, RMSE {rmse}, \
             at most {} in a square.",
            outcome.target,
            count(most, "row", "rows")
        ),
    };
    // With a single row per square the scale has no extent: all have the middle shade.
    let top = (most as f64).max(2.0);
    let part = |n: usize| if most > 1 { (n as f64).ln() / top.ln() } else { 0.5 };
    let name = format!("test rows per square of {}, log scale", number(side, decimals(side)));
    let frame = MARGIN + y.width();
    let size = (frame + SIDE + BAR + BAR_LABELS + 3 * MARGIN, SIDE + 16 + AXIS);
    page(words, size, |area| {
        let (plot_area, bar_area) = area.split_horizontally(frame + SIDE + MARGIN);
        let mut plot = axes(&plot_area, &x, &y, MARGIN)?;
        let mut cells: Vec<_> = bins.iter().map(|(&(x, y), &n)| (part(n), x, y)).collect();
        cells.sort_by(|a, b| a.0.total_cmp(&b.0));
        let cell = |&(part, x, y): &(f64, i64, i64)| {
            Rectangle::new([(edge(x), edge(y)), (edge(x + 1), edge(y + 1))], shade(part).filled())
        };
        plot.draw_series(cells.iter().map(cell))?;
        let diagonal = [(edge(first), edge(first)), (edge(last), edge(last))];
        plot.draw_series([PathElement::new(diagonal, stroke(VERMILION, 3))])?
            .label("perfect prediction")
            .legend(line_mark(stroke(VERMILION, 3)));
        legend(&mut plot, SeriesLabelPosition::UpperLeft)?;
        let bar_area = bar_area.margin(16 + SIDE / 5, AXIS + SIDE / 5, MARGIN, MARGIN);
        let label = |n: &f64| if n.fract() == 0.0 { number(*n, 0) } else { String::new() };
        let steps = shades(|part| top.powf(part));
        colour_bar(
            &bar_area,
            (1.0..top).log_scale().base(if top < 200.0 { 2.0 } else { 10.0 }),
            &steps,
            (8, &label),
            &name,
        )
    })
}
