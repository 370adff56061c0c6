//! How long workers were at each model, in both runs.

use plotters::prelude::*;

use super::figure::Figure;
use super::sheet::{Mark, Scale, WIDTH, Words, axes, nothing, sheet, stroke};
use super::style::{BLUE, VERMILION, count, number};
use crate::error::Result;
use crate::sweep::{Comparison, Outcome};
use crate::text::seconds;

/// More models than this are two lines, not pairs of bars.
const BARS: usize = 60;

/// Seconds that workers were at each model, one after another and in parallel side by side.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no model.
pub fn seconds_per_model(comparison: &Comparison) -> Result<Figure> {
    let (one, many) = (&comparison.runs()[0], &comparison.runs()[1]);
    let models = one.models.len();
    if models == 0 {
        return Err(nothing("seconds per model", "models"));
    }
    let series = [(one.model_seconds(), BLUE, -1.0), (many.model_seconds(), VERMILION, 1.0)];
    let most = series.iter().flat_map(|(seconds, ..)| seconds).fold(0.0, |a: f64, b| a.max(*b));
    let labels: Vec<String> = one.models.iter().map(|m| number(m.params.n_estimators as f64, 0)).collect();
    let total = |o: &Outcome| seconds(o.busy_seconds());
    let workers = count(many.workers, "worker", "workers");
    let ratio = number(many.busy_seconds() / one.busy_seconds(), 2);
    let words = Words {
        name: format!("seconds-per-model-{}-workers", many.workers),
        title: format!("{}: seconds of work per model", one.dataset),
        subtitle: format!(
            "Work, not waiting: the time of all tasks of a model added up, whichever worker ran them. In parallel it took \
             {ratio} times as long in all: {}.",
            match many.busy_seconds() < 0.98 * one.busy_seconds() {
                true => "below 1 means that the machine was not equally fast in both runs",
                false => "what is above 1 is the price of sharing cores and memory",
            }
        ),
        description: format!(
            "Seconds of work for each of {}: {} in all one after another, {} on {workers}, {ratio} times as much.",
            count(models, "model", "models"),
            total(one),
            total(many)
        ),
        legend: vec![
            (Mark::Box, BLUE, format!("one after another, {} in all", total(one))),
            (Mark::Box, VERMILION, format!("in parallel on {workers}, {} in all", total(many))),
        ],
    };
    let x = Scale::places(&labels, 740.0, "number of trees (n_estimators), one place per model");
    let y = Scale::from_zero(most, 8, "work per model, seconds");
    sheet(words, (WIDTH, 380), |area| {
        let mut plot = axes(area, &x, &y, 24.0)?;
        for (seconds, colour, side) in &series {
            let points = seconds.iter().enumerate().map(|(i, s)| (i as f64, *s));
            if models > BARS {
                plot.draw_series(LineSeries::new(points, stroke(*colour, 1.6)))?;
                continue;
            }
            let wide = if models < 5 { 0.15 } else { 0.4 };
            let bar = |(x, s): (f64, f64)| {
                Rectangle::new([(x + side * wide, 0.0), (x + side * 0.015, s)], colour.filled())
            };
            plot.draw_series(points.map(bar))?;
        }
        Ok(())
    })
}
