//! What more workers buy, and what sets the end.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::figure::Figure;
use super::sheet::{Mark, Scale, TEXT, WIDTH, Words, axes, nothing, px, sheet, stroke, text};
use super::style::{BLUE, INK, MUTED, OKABE_ITO, VERMILION, count, number};
use crate::error::Result;
use crate::sweep::{Comparison, SweepTask, makespan};

/// The lines go on beyond the measured workers to these, or end with the measured ones.
const WORKERS: [usize; 2] = [8, 16];
/// Numbers of workers for which a ceiling is computed, at most.
const PLACES: usize = 64;

/// The measured speedup, the ideal, and the ceilings that scheduling sets for tasks of some trees
/// and for one task per model.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no task.
pub fn speedup(comparison: &Comparison) -> Result<Figure> {
    let (one, many) = (&comparison.sequential, &comparison.parallel);
    let tasks: Vec<f64> = one.tasks.iter().map(SweepTask::seconds).collect();
    let total: f64 = tasks.iter().sum();
    let measured = comparison.speedup;
    if total <= 0.0 || !measured.is_finite() {
        return Err(nothing("a speedup", "tasks that took time"));
    }
    let models = one.model_seconds();
    let end =
        WORKERS.into_iter().find(|end| 2 * many.workers <= *end).unwrap_or(many.workers.max(WORKERS[1]));
    let ceiling = |seconds: &[f64]| -> Vec<(f64, f64)> {
        (1..=end)
            .step_by(end.div_ceil(PLACES))
            .chain([end])
            .map(|workers| (workers as f64, total / makespan(seconds.iter().copied(), workers)))
            .collect()
    };
    let lines = [(ceiling(&tasks), BLUE), (ceiling(&models), OKABE_ITO[4])];
    let last = |line: usize| number(lines[line].0.last().map_or(1.0, |(_, s)| *s), 2);
    let workers = count(many.workers, "worker", "workers");
    let words = Words {
        name: format!("speedup-{}-workers", many.workers),
        title: format!("{}: speedup by number of workers", one.dataset),
        subtitle: "Only the point is measured. The ceilings are computed: each task takes as long as it was measured to take \
                   one after another, and goes to the first worker that is free; handing it out costs nothing."
            .to_owned(),
        description: format!(
            "Measured: {} times as fast on {workers}, where scheduling allows {} with {} and {} with one task per model. \
             On {end} workers it would allow {} and {}.",
            number(measured, 2),
            number(comparison.ceiling, 2),
            count(tasks.len(), "task", "tasks"),
            number(comparison.ceiling_by_model, 2),
            last(0),
            last(1)
        ),
        legend: vec![
            (Mark::Dot, VERMILION, format!("measured: {} on {workers}", number(measured, 2))),
            (Mark::Dashes, MUTED, "ideal".to_owned()),
            (Mark::Line, BLUE, format!("ceiling: {}", count(tasks.len(), "task", "tasks"))),
            (Mark::Line, OKABE_ITO[4], format!("ceiling: one task for each of {}", count(models.len(), "model", "models"))),
        ],
    };
    let x = Scale::new(0.0..end as f64 * 1.07, 18, "number of workers").whole();
    let y = Scale::from_zero(measured.max(end as f64), 10, "speedup, times as fast as one worker");
    sheet(words, (WIDTH, 420), |area| {
        let mut plot = axes(area, &x, &y, 24.0)?;
        let ideal = [(0.0, 0.0), (end as f64, end as f64)];
        plot.draw_series(DashedLineSeries::new(ideal, 30, 20, stroke(MUTED, 1.6)))?;
        for (line, colour) in &lines {
            plot.draw_series(LineSeries::new(line.iter().copied(), stroke(*colour, 2.4)))?;
            if end <= 2 * WORKERS[1] {
                plot.draw_series(line.iter().map(|at| Circle::new(*at, px(3.0), colour.filled())))?;
            }
        }
        let at = (many.workers as f64, measured);
        plot.draw_series([Circle::new(at, px(6.0), VERMILION.filled())])?;
        plot.draw_series([Circle::new(at, px(6.0), stroke(WHITE, 1.0))])?;
        let label = Text::new(number(measured, 2), (px(9.0), px(12.0)), text(TEXT, INK, HPos::Left));
        plot.draw_series([EmptyElement::at(at) + label])?;
        Ok(())
    })
}
