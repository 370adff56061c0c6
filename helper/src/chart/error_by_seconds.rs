//! The error of models against the time that they take.

use plotters::chart::SeriesLabelPosition;

use super::colour::BLUE;
use super::figure::Figure;
use super::page::Words;
use super::plot::{Axis, nothing, plot_page, span};
use crate::error::Result;
use crate::models::{Entry, Leaderboard};
use crate::text::{count, score, seconds};

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
    let labels = (last - first) as usize + 1;
    let x = Axis::log(10.0, first..last, labels, "seconds of the model's task (logarithmic)");
    let y = Axis::new(low - 0.08 * (high - low)..high, 8, "mean squared error on the test rows");
    plot_page(words, HEIGHT, &x, y, (SeriesLabelPosition::UpperRight, scored.len()), |plot| {
        scored.iter().enumerate().try_for_each(|(i, &entry)| {
            let label = format!("{}, {}", entry.name, score(entry.mse()));
            plot.point(i, (power(entry), entry.mse()), BLUE, &label, &shown(entry))
        })
    })
}
