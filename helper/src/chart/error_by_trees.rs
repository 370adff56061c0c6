//! Test error by the number of trees.

use plotters::prelude::*;

use super::colour::{INK, OKABE_ITO};
use super::figure::Figure;
use super::lines::{Line, line_colour};
use super::page::{LINE, Words};
use super::plot::{Axis, plot_page, span};
use super::svg::{At, Mark, Shape};
use crate::error::Result;
use crate::sweep::{Outcome, Params, named, varied};
use crate::text::{count, number, quantity};

/// The mean squared error on the test rows by the number of trees: one line for every combination of
/// the other hyperparameters, the best model marked.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no model with a finite error.
pub fn error_by_trees(outcome: &Outcome) -> Result<Figure> {
    let combinations = combinations(outcome);
    let points = || combinations.iter().flat_map(|(_, points)| points);
    let (low, high) = span("error by trees", points().map(|point| point.1))?;
    let (fewest, most) = span("error by trees", points().map(|point| point.0))?;
    let varied = varied(&combinations.iter().map(|(params, _)| *params).collect::<Vec<_>>()).split_off(1);
    let best = outcome.best();
    let at = (best.params.n_estimators as f64, best.scores.mse);
    let tree_count = |trees: usize| count(trees, "tree", "trees");
    let model = |trees: usize, name: &str| match name {
        "" => tree_count(trees),
        name => format!("{}, {name}", tree_count(trees)),
    };
    let best_name = model(best.params.n_estimators, &named(&best.params, &varied));
    let by = if outcome.has_oob() { " by out-of-bag error" } else { "" };
    let best_text = format!("best{by}: MSE {} with {best_name}", number(at.1, 4));
    let name = std::iter::once("error-by-trees").chain(varied.iter().map(|(name, _)| *name));
    let words = Words {
        name: name.collect::<Vec<_>>().join("-"),
        title: format!("{}: test error by number of trees", outcome.dataset),
        subtitle: format!(
            "{} by {}, on {} that none of them was trained on. The error axis does not begin at zero.",
            count(outcome.models.len(), "model", "models"),
            outcome.learner,
            count(outcome.actual.len(), "test row", "test rows")
        ),
        facts: format!(
            "{} to {}: from {} down to {}; {best_text}.",
            number(fewest, 0),
            tree_count(most as usize),
            number(high, 4),
            number(low, 4)
        ),
        warnings: outcome.cautions(),
    };
    let lines: Vec<Line> = combinations
        .iter()
        .enumerate()
        .map(|(i, (params, points))| {
            let name = named(params, &varied);
            let label = match i {
                _ if combinations.len() == 1 => String::new(),
                i if i < OKABE_ITO.len() => format!("{name}: lowest {}", number(lowest(points), 4)),
                i if i == OKABE_ITO.len() => format!("{} more", combinations.len() - i),
                _ => String::new(),
            };
            let tip = |at: &At| format!("{}: MSE {}", model(at.0 as usize, &name), number(at.1, 4));
            // Grey lines have no dots.
            let tips = points.iter().filter(|_| i < OKABE_ITO.len()).map(tip).collect();
            Line { label, colour: line_colour(i), points: points.clone(), tips }
        })
        .collect();
    let unit = match quantity(&outcome.target).1 {
        "" => String::new(),
        unit => format!(", ({unit})\u{b2}"),
    };
    let entries = 1 + lines.iter().filter(|line| !line.label.is_empty()).count();
    let height = 800 + LINE * entries as u32;
    let pad = (most - fewest) * 0.03;
    let x = Axis::new(fewest - pad..most + pad, 12, "number of trees (n_estimators)").whole();
    let pad = (high - low) * 0.05;
    let y = Axis::new(low - pad..high + pad, 8, format!("mean squared error{unit}"));
    plot_page(words, height, &x, y, (SeriesLabelPosition::UpperRight, entries), |plot| {
        let ring = || Mark::new(Shape::Circle(14), [at], INK.stroke_width(4));
        plot.draw(&best_text, at.1.is_finite().then(ring))?;
        lines.iter().try_for_each(|line| line.draw(plot))
    })
}

/// Models that differ only in the number of trees: the others of their hyperparameters, and (trees,
/// error) in ascending order. The combination with the lowest error comes first.
fn combinations(outcome: &Outcome) -> Vec<(Params, Vec<At>)> {
    let mut all: Vec<(Params, Vec<At>)> = Vec::new();
    for model in outcome.models.iter().filter(|model| model.scores.mse.is_finite()) {
        let others = Params { n_estimators: 0, ..model.params };
        let point = (model.params.n_estimators as f64, model.scores.mse);
        match all.iter_mut().find(|(params, _)| *params == others) {
            Some((_, points)) => points.push(point),
            None => all.push((others, vec![point])),
        }
    }
    all.iter_mut().for_each(|(_, points)| points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    all.sort_by(|(_, a), (_, b)| lowest(a).total_cmp(&lowest(b)));
    all
}

fn lowest(points: &[At]) -> f64 {
    points.iter().fold(f64::INFINITY, |low, point| low.min(point.1))
}
