//! Test error by the number of trees.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::colour::{INK, OKABE_ITO};
use super::figure::Figure;
use super::plot::{
    Axis, LINE, TEXT, WIDTH, Words, axes, dot_mark, fit, legend, line_mark, nothing, page, span, stroke, text,
};
use super::svg::Tip;
use crate::error::Result;
use crate::sweep::{Outcome, Params, named, varied};
use crate::text::{count, number, quantity};

const REST: RGBColor = RGBColor(0xB0, 0xB0, 0xB0);
/// A line with more points has no dots.
const DOTS: usize = 60;

/// Models that differ only in the number of trees: (trees, error) in ascending order.
struct Line {
    params: Params,
    points: Vec<(f64, f64)>,
}

impl Line {
    fn lowest(&self) -> f64 {
        self.points.iter().fold(f64::INFINITY, |low, (_, mse)| low.min(*mse))
    }
}

/// The mean squared error on the test rows by the number of trees: one line for every combination of
/// the other hyperparameters, the best model marked.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no model with a finite error.
pub fn error_by_trees(outcome: &Outcome) -> Result<Figure> {
    if outcome.models.is_empty() {
        return Err(nothing("error by trees", "models"));
    }
    let mut lines = lines(outcome);
    lines.sort_by(|a, b| a.lowest().total_cmp(&b.lowest()));
    let points = || lines.iter().flat_map(|line| &line.points);
    let (low, high) = span("error by trees", points().map(|point| point.1))?;
    let (fewest, most) = span("error by trees", points().map(|point| point.0))?;
    let varied = varied(&lines.iter().map(|line| line.params).collect::<Vec<_>>()).split_off(1);
    let best = outcome.best();
    let at = (best.params.n_estimators as f64, best.scores.mse);
    let named = |params: &Params, before: &str, after: &str| match named(params, &varied) {
        name if name.is_empty() => name,
        name => format!("{before}{name}{after}"),
    };
    let best_text = format!(
        "best{}: MSE {} with {}{}",
        if outcome.has_oob() { " by out-of-bag error" } else { "" },
        number(at.1, 4),
        count(best.params.n_estimators, "tree", "trees"),
        named(&best.params, ", ", "")
    );
    let models = count(outcome.models.len(), "model", "models");
    let words = Words {
        name: std::iter::once("error-by-trees")
            .chain(varied.iter().map(|(name, _)| *name))
            .collect::<Vec<_>>()
            .join("-"),
        title: format!("{}: test error by number of trees", outcome.dataset),
        subtitle: format!(
            "{models} by {}, on {} that none of them was trained on. The error axis does not begin at zero.",
            outcome.learner,
            count(outcome.actual.len(), "test row", "test rows")
        ),
        warnings: outcome.cautions(),
        description: format!(
            "Mean squared error of {models} with {} to {}: from {} down to {}; {best_text}.",
            number(fewest, 0),
            count(most as usize, "tree", "trees"),
            number(high, 4),
            number(low, 4)
        ),
    };
    let unit = match quantity(&outcome.target).1 {
        "" => String::new(),
        unit => format!(", ({unit})\u{b2}"),
    };
    let entries = 1 + if lines.len() > 1 { lines.len().min(OKABE_ITO.len() + 1) } else { 0 };
    let height = 800 + LINE * entries as u32;
    let pad = (most - fewest) * 0.03;
    let x = Axis::new(fewest - pad..most + pad, 12, "number of trees (n_estimators)").whole();
    // Room below for the best model's value.
    let below = low - 0.15 * (high - low)..high + 0.05 * (high - low);
    let y = Axis::new(below, 8, format!("mean squared error{unit}")).with_headroom(entries, height);
    page(words, (WIDTH, height), |area| {
        let mut plot = axes(area, &x, &y, 48)?;
        if at.1.is_finite() {
            let style = stroke(INK, 4);
            let label = fit(&best_text, TEXT, WIDTH / 2);
            plot.draw_series([Circle::new(at, 14, style)])?.label(label).legend(dot_mark(style));
            let side = match (at.0 - x.range.start) / (x.range.end - x.range.start) {
                part if part > 0.9 => HPos::Right,
                part if part < 0.1 => HPos::Left,
                _ => HPos::Center,
            };
            let label = Text::new(number(at.1, 4), (0, 36), text(TEXT, INK, side));
            plot.draw_series([EmptyElement::at(at) + label])?;
        }
        for (i, line) in lines.iter().enumerate() {
            let colour = OKABE_ITO.get(i).copied().unwrap_or(REST);
            let series = plot.draw_series(LineSeries::new(line.points.iter().copied(), stroke(colour, 4)))?;
            if lines.len() > 1 && i <= OKABE_ITO.len() {
                let name = match i < OKABE_ITO.len() {
                    true => named(&line.params, "", &format!(": lowest {}", number(line.lowest(), 4))),
                    false => format!("{} more", lines.len() - OKABE_ITO.len()),
                };
                series.label(fit(&name, TEXT, WIDTH / 2)).legend(line_mark(stroke(colour, 4)));
            }
            if i < OKABE_ITO.len() && line.points.len() <= DOTS {
                let tip = |(trees, mse): &(f64, f64)| {
                    let trees = count(*trees as usize, "tree", "trees");
                    format!("{}{trees}: MSE {}", named(&line.params, "", ", "), number(*mse, 4))
                };
                plot.draw_series(
                    line.points.iter().map(|at| Tip(Circle::new(*at, 7, colour.filled()), tip(at))),
                )?;
            }
        }
        legend(&mut plot, SeriesLabelPosition::UpperRight)
    })
}

fn lines(outcome: &Outcome) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for model in outcome.models.iter().filter(|model| model.scores.mse.is_finite()) {
        let same = |line: &&mut Line| {
            Params { n_estimators: model.params.n_estimators, ..line.params } == model.params
        };
        let point = (model.params.n_estimators as f64, model.scores.mse);
        match lines.iter_mut().find(same) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { params: model.params, points: vec![point] }),
        }
    }
    lines.iter_mut().for_each(|line| line.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    lines
}
