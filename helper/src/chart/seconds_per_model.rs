//! Seconds of work per model in two runs.

use plotters::prelude::*;

use super::colour::{BLUE, VERMILION};
use super::figure::Figure;
use super::plot::{Axis, WIDTH, Words, axes, box_mark, legend, line_mark, nothing, page, span, stroke};
use super::svg::Tip;
use crate::error::Result;
use crate::sweep::{Comparison, Outcome, named, varied};
use crate::text::{count, number, seconds, thousands};

/// More models than this become two lines instead of pairs of bars.
const BARS: usize = 60;
const HEIGHT: u32 = 820;

/// Seconds of work for each model, one after another and in parallel.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no model.
pub fn seconds_per_model(comparison: &Comparison) -> Result<Figure> {
    let (one, many) = (&comparison.runs()[0], &comparison.runs()[1]);
    let models = one.models.len();
    if models == 0 {
        return Err(nothing("seconds per model", "models"));
    }
    let total = |o: &Outcome| seconds(o.busy_seconds());
    let workers = count(many.workers, "worker", "workers");
    let series = [
        (one.model_seconds(), BLUE, -1.0, format!("one after another, {} in all", total(one))),
        (many.model_seconds(), VERMILION, 1.0, format!("in parallel on {workers}, {} in all", total(many))),
    ];
    let (_, most) =
        span("seconds per model", series.iter().flat_map(|(seconds, ..)| seconds.iter().copied()))?;
    let ratio = number(many.busy_seconds() / one.busy_seconds(), 2);
    let words = Words {
        name: format!("seconds-per-model-{}-workers", many.workers),
        title: format!("{}: seconds of work per model", one.dataset),
        subtitle: format!(
            "Work, not waiting: the time of all tasks of a model added up, on whichever worker they ran. In parallel it took \
             {ratio} times as long in total: {}.",
            match many.busy_seconds() < 0.98 * one.busy_seconds() {
                true => "below 1, the machine was not equally fast in both runs",
                false => "what exceeds 1 is the cost of sharing cores and memory",
            }
        ),
        warnings: comparison.warnings(),
        description: format!(
            "Seconds of work for each of {}: {} in all one after another, {} on {workers}, {ratio} times as much.",
            count(models, "model", "models"),
            total(one),
            total(many)
        ),
    };
    // The number of trees names a model where nothing else differs.
    let others = varied(&one.models.iter().map(|model| model.params).collect::<Vec<_>>()).split_off(1);
    let (name, labels): (_, Vec<String>) = match others.is_empty() {
        true => (
            "number of trees (n_estimators), one place per model".to_owned(),
            one.models.iter().map(|m| thousands(m.params.n_estimators as u64)).collect(),
        ),
        false => (
            format!(
                "model, in the sweep's order (they differ in {} as well)",
                others.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
            ),
            one.models.iter().map(|m| m.model.to_string()).collect(),
        ),
    };
    let x = Axis::new(-0.5..models as f64 - 0.5, 30, name).without_grid();
    let x = x.labelled(|at| match at.fract() == 0.0 && at >= 0.0 {
        true => labels.get(at as usize).cloned().unwrap_or_default(),
        false => String::new(),
    });
    let y = Axis::new(0.0..1.02 * most.max(1e-9), 8, "work per model, seconds").with_headroom(2, HEIGHT);
    page(words, (WIDTH, HEIGHT), |area| {
        let mut plot = axes(area, &x, &y, 48)?;
        for (times, colour, side, label) in &series {
            let points = times.iter().enumerate().map(|(i, s)| (i as f64, *s));
            if models > BARS {
                let line = LineSeries::new(points, stroke(*colour, 3));
                plot.draw_series(line)?.label(label).legend(line_mark(stroke(*colour, 4)));
                continue;
            }
            let wide = if models < 5 { 0.15 } else { 0.4 };
            let bar = |((x, s), model): ((f64, f64), &crate::sweep::ModelOutcome)| {
                let corners = [(x + side * wide, 0.0), (x + side * 0.015, s)];
                let params = &model.params;
                let name = named(params, &others);
                let trees = count(params.n_estimators, "tree", "trees");
                let tip = format!("{trees} {name}: {}, {label}", seconds(s));
                Tip(Rectangle::new(corners, colour.filled()), tip)
            };
            plot.draw_series(points.zip(&one.models).map(bar))?.label(label).legend(box_mark(*colour));
        }
        legend(&mut plot, SeriesLabelPosition::UpperLeft)
    })
}
