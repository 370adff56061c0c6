//! The error of models against the time that they take.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::colour::BLUE;
use super::figure::Figure;
use super::plot::{
    AXIS, Axis, MARGIN, TEXT, WIDTH, Words, dot_mark, fit, legend, letter, nothing, page, span, stroke,
    style, text,
};
use super::svg::Tip;
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
        warnings: warning.into_iter().collect(),
        description: scored.iter().map(|&entry| shown(entry)).collect::<Vec<_>>().join("; "),
    };
    // Whole powers of ten, so that there are two labels or more.
    let power = |seconds: f64| seconds.max(1e-6).log10();
    let times = || scored.iter().map(|entry| power(entry.seconds));
    let first = times().fold(f64::INFINITY, f64::min).floor();
    let last = times().fold(f64::NEG_INFINITY, f64::max).ceil().max(first + 1.0);
    let y =
        Axis::new(low..high, 8, "mean squared error on the test rows").with_headroom(scored.len(), HEIGHT);
    page(words, (WIDTH, HEIGHT), |area| {
        let mut plot = ChartBuilder::on(area)
            .margin_left(MARGIN)
            .margin_right(48)
            .margin_top(16)
            .margin_bottom(16)
            .x_label_area_size(AXIS - 16)
            .y_label_area_size(y.width())
            .build_cartesian_2d((10_f64.powf(first)..10_f64.powf(last)).log_scale(), y.coord())?;
        let mut mesh = plot.configure_mesh();
        style(&mut mesh);
        mesh.x_labels((last - first) as usize + 1).y_labels(y.labels);
        mesh.x_label_formatter(&|at| seconds(*at)).y_label_formatter(&y.label);
        mesh.x_desc("time of the model's task (logarithmic)").y_desc(&y.name).draw()?;
        for (i, &entry) in scored.iter().enumerate() {
            let at = (10_f64.powf(power(entry.seconds)), entry.mse());
            let name = fit(&format!("{}: {}", letter(i), shown(entry)), TEXT, WIDTH * 2 / 3);
            let dot = Tip(Circle::new(at, 18, BLUE.filled()), shown(entry));
            plot.draw_series([dot])?.label(name).legend(dot_mark(BLUE.filled()));
            plot.draw_series([Circle::new(at, 18, stroke(WHITE, 2))])?;
            let label = Text::new(letter(i), (0, 0), text(TEXT, WHITE, HPos::Center));
            plot.draw_series([EmptyElement::at(at) + label])?;
        }
        legend(&mut plot, SeriesLabelPosition::UpperRight)
    })
}
