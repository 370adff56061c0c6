//! The error by two hyperparameters.

use std::collections::BTreeMap;

use plotters::style::text_anchor::HPos;
use plotters::style::{Color, WHITE};

use super::cells::{Cell, Cells};
use super::colour::{INK, VERMILION};
use super::figure::Figure;
use super::page::Words;
use super::plot::{Axis, span};
use super::svg::{Mark, Shape};
use crate::error::{Error, Result};
use crate::sweep::{COLUMNS, ModelOutcome, Outcome, Params, chosen_by};
use crate::text::{count, score};

/// Width and height of a cell in units, at most, and of all cells.
const CELL: (u32, u32) = (250, 110);
const PLOT: (u32, u32) = (1300, 960);
/// Narrower cells have no text.
const NARROW: u32 = 110;
/// Cells that have tooltips, at most.
const TIPS: usize = 400;

/// The mean squared error by two hyperparameters, such as `"max_depth"` and `"min_samples_split"`: the
/// lowest of all models of the sweep that have these values. It is the error by which the best model is
/// chosen: out of bag, where [`oob_score`](crate::Sweep::oob_score) asked for it, otherwise on the test rows.
///
/// # Errors
/// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter) for a hyperparameter that is the
/// same in all models, and for one given twice; [`ErrorKind::Chart`](crate::ErrorKind::Chart) where
/// there is no finite error.
pub fn heat_map(outcome: &Outcome, x: &str, y: &str) -> Result<Figure> {
    let (of_x, x_names) = values(outcome, x)?;
    let (of_y, y_names) = values(outcome, y)?;
    if x == y {
        let allowed = "different from the first, which is the horizontal axis";
        return Err(Error::invalid("the second hyperparameter of a heat map", format!("\"{y}\""), allowed));
    }
    let mse = chosen_by;
    let which = if outcome.has_oob() { "out-of-bag" } else { "test" };
    let mut lowest: BTreeMap<(usize, usize), &ModelOutcome> = BTreeMap::new();
    for model in outcome.models.iter().filter(|model| mse(model).is_finite()) {
        let place = |names: &[String], value: String| names.iter().position(|name| *name == value);
        let at = (place(&x_names, of_x(&model.params)), place(&y_names, of_y(&model.params)));
        if let (Some(x), Some(y)) = at {
            let kept = lowest.entry((x, y)).or_insert(model);
            if mse(model) < mse(kept) {
                *kept = model;
            }
        }
    }
    let (low, high) = span("a heat map", lowest.values().map(|model| mse(model)))?;
    let describe = |model: &ModelOutcome| {
        format!("{x}={}, {y}={}: MSE {}", of_x(&model.params), of_y(&model.params), score(mse(model)))
    };
    let best = outcome.best();
    let choice = match lowest.len() < outcome.models.len() {
        true => " A cell shows the best of its models.",
        false => "",
    };
    let words = Words {
        name: format!("heat-map-{x}-{y}"),
        title: format!("{}: {which} error by {x} and {y}", outcome.dataset),
        subtitle: format!(
            "{}; the lower, the lighter. The lowest has a frame: {}.{choice}",
            count(outcome.models.len(), "model", "models"),
            describe(best)
        ),
        facts: format!("The highest is {}.", score(high)),
        warnings: outcome.cautions(),
    };
    let size = |cell: u32, n: usize, most: u32| (cell * n as u32).min(most);
    let size = (size(CELL.0, x_names.len(), PLOT.0), size(CELL.1, y_names.len(), PLOT.1));
    let middle = |&(x, y): &(usize, usize)| (x as f64, y as f64);
    let corners = |at: &(usize, usize)| [-0.5, 0.5].map(|half| (middle(at).0 + half, middle(at).1 + half));
    let cell = |(at, model): (&(usize, usize), &&ModelOutcome)| {
        let tip = if lowest.len() <= TIPS { describe(model) } else { String::new() };
        Cell { corners: corners(at), amount: mse(model), tip }
    };
    let cells = Cells {
        x: Axis::of(&x_names, x),
        y: Axis::of(&y_names, y),
        amounts: Axis::new(low..high, 6, format!("{which} MSE")),
        cells: lowest.iter().map(cell).collect(),
    };
    cells.figure(words, size, |plot| {
        for (at, model) in &lowest {
            if size.0 / x_names.len() as u32 >= NARROW {
                let colour = if mse(model) <= f64::midpoint(low, high) { INK } else { WHITE };
                plot.text(middle(at), (0, 0), score(mse(model)), colour, HPos::Center)?;
            }
            if [of_x, of_y].iter().all(|of| of(&model.params) == of(&best.params)) {
                plot.draw("", [Mark::new(Shape::Rectangle, corners(at), VERMILION.stroke_width(6))])?;
            }
        }
        Ok(())
    })
}

/// The value of a hyperparameter in a model.
type Value = fn(&Params) -> String;

/// How a hyperparameter is read from a model, and its values in the sweep: numbers first, in order.
fn values(outcome: &Outcome, name: &str) -> Result<(Value, Vec<String>)> {
    let all = |value: Value| {
        let mut all: Vec<String> = outcome.models.iter().map(|model| value(&model.params)).collect();
        all.sort_by(|a, b| {
            let number = |text: &str| text.parse::<f64>().unwrap_or(f64::INFINITY);
            number(a).total_cmp(&number(b)).then_with(|| a.cmp(b))
        });
        all.dedup();
        all
    };
    let of_columns = COLUMNS.into_iter().map(|(name, value)| (name, value, all(value)));
    let varied: Vec<_> = of_columns.filter(|(.., values)| values.len() > 1).collect();
    let names: Vec<_> = varied.iter().map(|(name, ..)| *name).collect();
    let allowed = match names.len() {
        0 | 1 => {
            "one of two that the sweep varied: give two of them lists, such as .max_depth([4, 8])".to_owned()
        }
        _ => format!("one that the sweep varied: {}", names.join(", ")),
    };
    let found =
        varied.into_iter().find(|(known, ..)| *known == name).map(|(_, value, values)| (value, values));
    found.ok_or_else(|| Error::invalid("a hyperparameter of a heat map", format!("\"{name}\""), allowed))
}
