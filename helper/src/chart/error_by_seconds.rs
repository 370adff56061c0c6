//! The error of models against the time that they take.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::colour::BLUE;
use super::figure::Figure;
use super::page::{WIDTH, Words, page};
use super::plot::{Axis, Plot, letter, nothing, span};
use super::svg::{Mark, Shape};
use crate::error::Result;
use crate::models::{Entry, Leaderboard};
use crate::text::{count, number, score, seconds};

const HEIGHT: u32 = 1_000;

/// The error of each model (MSE on the test rows) and the seconds that it took; the time axis is logarithmic.
/// Models that failed are named in the subtitle.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where no model has a score.
pub fn error_by_seconds(board: &Leaderboard) -> Result<Figure> {
    let scored: Vec<_> = board.entries().iter().filter(|entry| entry.mse().is_finite()).collect();
    let [best, ..] = scored[..] else { return Err(nothing("error by seconds", "models with a score")) };
    let (low, high) = span("error by seconds", scored.iter().map(|entry| entry.mse()))?;
    let failed: Vec<_> = board.entries().iter().filter(|entry| entry.fitted.is_err()).collect();
    let names: Vec<&str> = failed.iter().map(|entry| entry.name.as_str()).collect();
    let warning = (!names.is_empty()).then(|| format!("Failed: {}.", names.join(", ")));
    let shown =
        |entry: &Entry| format!("{}: MSE {}, {}", entry.name, score(entry.mse()), seconds(entry.seconds));
    let words = Words {
        name: "error-by-seconds".to_owned(),
        title: format!("{}: error and time of {}", board.dataset, count(scored.len(), "model", "models")),
        subtitle: format!("Lower left is better. Lowest error: {}.", shown(best)),
        facts: scored.iter().map(|&entry| shown(entry)).collect::<Vec<_>>().join("; "),
        warnings: warning.into_iter().collect(),
    };
    // The axis is of powers of ten, with a label at each; there are two at least.
    let power = |entry: &Entry| entry.seconds.max(1e-6).log10();
    let (fastest, slowest) = span("error by seconds", scored.iter().map(|&entry| power(entry)))?;
    let (first, last) = (fastest.floor(), slowest.ceil().max(fastest.floor() + 1.0));
    let x = Axis::new(first..last, (last - first) as usize + 1, "seconds of the model's task (logarithmic)");
    let x = x.labelled(|at| match at.fract() == 0.0 {
        true => number(10_f64.powf(at), (-at).max(0.0) as usize),
        false => String::new(),
    });
    let y = Axis::new(low - 0.08 * (high - low)..high, 8, "mean squared error on the test rows");
    let y = y.with_headroom(scored.len(), HEIGHT);
    page(words, (WIDTH, HEIGHT), |area| {
        let mut plot = Plot::new(area, &x, &y, 48)?;
        for (i, &entry) in scored.iter().enumerate() {
            let at = (power(entry), entry.mse());
            let circle = |style: ShapeStyle| Mark::new(Shape::Circle(18), [at], style);
            let label = format!("{}: {}, {}", letter(i), entry.name, score(entry.mse()));
            plot.draw(&label, [circle(BLUE.filled()).tip(shown(entry))])?;
            plot.draw("", [circle(WHITE.stroke_width(2))])?;
            plot.text(at, (0, 0), letter(i), WHITE, HPos::Center)?;
        }
        plot.legend(SeriesLabelPosition::UpperRight)
    })
}
