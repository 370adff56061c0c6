//! What more trees buy.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::figure::Figure;
use super::sheet::{Mark, Scale, TEXT, WIDTH, Words, axes, nothing, px, sheet, stroke, text};
use super::style::{INK, OKABE_ITO, count, number, quantity};
use crate::error::Result;
use crate::sweep::{Outcome, Params};

const REST: RGBColor = RGBColor(0xB0, 0xB0, 0xB0);
/// A line with more points shows no dots.
const DOTS: usize = 60;

/// Models that differ in nothing but the number of trees: what sets them apart from others, and
/// (trees, error) in ascending order.
struct Line {
    params: Params,
    points: Vec<(f64, f64)>,
}

impl Line {
    fn lowest(&self) -> f64 {
        self.points.iter().fold(f64::INFINITY, |low, (_, mse)| low.min(*mse))
    }
}

/// The mean squared error on the test rows by the number of trees: a line for every combination of
/// the other hyperparameters, the best model marked.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no model.
pub fn error_by_trees(outcome: &Outcome) -> Result<Figure> {
    if outcome.models.is_empty() {
        return Err(nothing("error by trees", "models"));
    }
    let mut lines = lines(outcome);
    lines.sort_by(|a, b| a.lowest().total_cmp(&b.lowest()));
    let varied = varied(&lines);
    let best = outcome.best();
    let at = (best.params.n_estimators as f64, best.scores.mse);
    let best_name = named(&best.params, &varied);
    let with = |name: &str| if name.is_empty() { String::new() } else { format!(", {name}") };
    let best_text = format!(
        "best: MSE {} with {}{}",
        number(at.1, 4),
        count(best.params.n_estimators, "tree", "trees"),
        with(&best_name)
    );
    let mut legend = vec![(Mark::Ring, INK, best_text.clone())];
    if lines.len() > 1 {
        let entry = |(line, colour): (&Line, &RGBColor)| {
            (
                Mark::Line,
                *colour,
                format!("{}: lowest {}", named(&line.params, &varied), number(line.lowest(), 4)),
            )
        };
        legend.extend(lines.iter().zip(&OKABE_ITO).map(entry));
    }
    if lines.len() > OKABE_ITO.len() {
        legend.push((Mark::Line, REST, format!("{} more", lines.len() - OKABE_ITO.len())));
    }
    let points = || lines.iter().flat_map(|line| &line.points);
    let span = |of: &dyn Fn(&(f64, f64)) -> f64| {
        points().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((fewest, most), (low, high)) = (span(&|p| p.0), span(&|p| p.1));
    let words = Words {
        name: std::iter::once("error-by-trees").chain(varied.iter().copied()).collect::<Vec<_>>().join("-"),
        title: format!("{}: test error by number of trees", outcome.dataset),
        subtitle: format!(
            "{} by {}, on {} that none of them saw. The error axis does not begin at zero.",
            count(outcome.models.len(), "model", "models"),
            outcome.learner,
            count(outcome.actual.len(), "test row", "test rows")
        ),
        description: format!(
            "Mean squared error of {} with {} to {}: from {} down to {}; {best_text}.",
            count(outcome.models.len(), "model", "models"),
            number(fewest, 0),
            count(most as usize, "tree", "trees"),
            number(high, 4),
            number(low, 4)
        ),
        legend,
    };
    let unit = match quantity(&outcome.target).1 {
        "" => String::new(),
        unit => format!(", ({unit})\u{b2}"),
    };
    let pad = (most - fewest) * 0.03;
    let x = Scale::new(fewest - pad..most + pad, 12, "number of trees (n_estimators)").whole();
    // Room for the best model's value below its point.
    let y = Scale::new(
        low - 0.15 * (high - low)..high + 0.05 * (high - low),
        8,
        format!("mean squared error{unit}"),
    );
    sheet(words, (WIDTH, 400), |area| {
        let mut plot = axes(area, &x, &y, 24.0)?;
        for (i, line) in lines.iter().enumerate().rev() {
            let colour = OKABE_ITO.get(i).copied().unwrap_or(REST);
            plot.draw_series(LineSeries::new(line.points.iter().copied(), stroke(colour, 2.0)))?;
            if i < OKABE_ITO.len() && line.points.len() <= DOTS {
                plot.draw_series(line.points.iter().map(|at| Circle::new(*at, px(3.0), colour.filled())))?;
            }
        }
        if at.1.is_finite() {
            plot.draw_series([Circle::new(at, px(7.0), stroke(INK, 2.0))])?;
            let side = match (at.0 - x.range.start) / (x.range.end - x.range.start) {
                part if part > 0.9 => HPos::Right,
                part if part < 0.1 => HPos::Left,
                _ => HPos::Center,
            };
            let label = Text::new(number(at.1, 4), (0, px(18.0)), text(TEXT, INK, side));
            plot.draw_series([EmptyElement::at(at) + label])?;
        }
        Ok(())
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

/// The hyperparameters but the number of trees, by name.
fn values(params: &Params) -> [(&'static str, String); 5] {
    [
        ("max_depth", params.max_depth.map_or_else(|| "None".to_owned(), |depth| depth.to_string())),
        ("min_samples_split", params.min_samples_split.to_string()),
        ("min_samples_leaf", params.min_samples_leaf.to_string()),
        ("max_features", params.max_features.to_string()),
        ("seed", params.seed.to_string()),
    ]
}

/// The hyperparameters in which the lines differ.
fn varied(lines: &[Line]) -> Vec<&'static str> {
    let Some(first) = lines.first().map(|line| values(&line.params)) else { return Vec::new() };
    let differs = |i: &usize| lines.iter().any(|line| values(&line.params)[*i].1 != first[*i].1);
    (0..first.len()).filter(differs).map(|i| first[i].0).collect()
}

fn named(params: &Params, varied: &[&str]) -> String {
    let shown = values(params).into_iter().filter(|(name, _)| varied.contains(name));
    shown.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}
