//! Seconds of work per model in two runs.

use plotters::prelude::*;

use super::colour::{BLUE, VERMILION};
use super::figure::Figure;
use super::page::Words;
use super::plot::{Axis, plot_page, span};
use super::svg::{Mark, Shape};
use crate::error::Result;
use crate::sweep::{Comparison, Outcome, named, varied};
use crate::text::{count, number, seconds, thousands};

/// More models than this become two lines instead of pairs of bars.
const BARS: usize = 60;
const HEIGHT: u32 = 820;

/// Seconds of work for each model in the first two runs of a comparison.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no model.
pub fn seconds_per_model(comparison: &Comparison) -> Result<Figure> {
    let (one, many) = (&comparison.runs()[0], &comparison.runs()[1]);
    let models = one.models.len();
    let total = |o: &Outcome| seconds(o.busy_seconds());
    let label = |run: &Outcome| {
        format!("{} ({}): {} in all", run.how(), count(run.workers, "worker", "workers"), total(run))
    };
    let series =
        [(one.model_seconds(), BLUE, -1.0, label(one)), (many.model_seconds(), VERMILION, 1.0, label(many))];
    let times = series.iter().flat_map(|(times, ..)| times.iter().copied());
    let (_, most) = span("seconds per model", times)?;
    let ratio_of_work = many.busy_seconds() / one.busy_seconds();
    let ratio = number(ratio_of_work, 2);
    let words = Words {
        name: format!("seconds-per-model-{}-workers", many.workers),
        title: format!("{}: seconds of work per model", one.dataset),
        subtitle: format!(
            "Work, not waiting: the time of all tasks of a model added up, on whichever worker they ran. The second run took \
             {ratio} times as long in total{}.",
            match ratio_of_work {
                _ if one.trees_grown() != many.trees_grown() => ", and grew another number of trees",
                ratio if ratio < 0.98 => ": below 1, the machine was not equally fast in both runs",
                _ if many.workers > 1 => ": what exceeds 1 is the cost of sharing cores and memory",
                _ => "",
            }
        ),
        facts: format!("{}. {}. {}.", count(models, "model", "models"), label(one), label(many)),
        warnings: comparison.warnings(),
    };
    // The number of trees names a model where nothing else differs.
    let others = varied(&one.models.iter().map(|model| model.params).collect::<Vec<_>>()).split_off(1);
    let trees = |model: usize| one.models[model].params.n_estimators;
    let (name, labels): (_, Vec<String>) = match others.is_empty() {
        true => (
            "number of trees (n_estimators), one place per model".to_owned(),
            (0..models).map(|model| thousands(trees(model) as u64)).collect(),
        ),
        false => (
            format!(
                "model, in the sweep's order (they differ in {} as well)",
                others.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
            ),
            one.models.iter().map(|m| m.model.to_string()).collect(),
        ),
    };
    let x = Axis::of(&labels, name);
    let y = Axis::new(0.0..1.02 * most.max(1e-9), 8, "work per model, seconds");
    let wide = if models < 5 { 0.15 } else { 0.4 };
    plot_page(words, HEIGHT, &x, y, (SeriesLabelPosition::UpperLeft, 2), |plot| {
        for (times, colour, side, label) in &series {
            if models > BARS {
                let points: Vec<_> = times.iter().enumerate().map(|(i, s)| (i as f64, *s)).collect();
                plot.draw(label, [Mark::new(Shape::Line, points, colour.stroke_width(4))])?;
                continue;
            }
            let bar = |(model, time): (usize, &f64)| {
                let (at, name) = (model as f64, named(&one.models[model].params, &others));
                let trees = count(trees(model), "tree", "trees");
                let tip = format!("{trees} {name}: {}, {label}", seconds(*time));
                let corners = [(at + side * wide, 0.0), (at + side * 0.015, *time)];
                Mark::new(Shape::Rectangle, corners, colour.filled()).tip(tip)
            };
            plot.draw(label, times.iter().enumerate().map(bar))?;
        }
        Ok(())
    })
}
