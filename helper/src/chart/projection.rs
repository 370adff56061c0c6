//! The speedup on up to 1,024 workers.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::colour::{BLUE, INK, MUTED, OKABE_ITO, VERMILION};
use super::figure::Figure;
use super::page::Words;
use super::plot::{Axis, plot_page};
use super::svg::{Mark, Shape};
use crate::error::Result;
use crate::sweep::{MOST_WORKERS, Measured, Projection};
use crate::text::{count, number};

const COLOURS: [RGBColor; 4] = [OKABE_ITO[2], BLUE, OKABE_ITO[3], OKABE_ITO[4]];
/// Points of a line between one power of two and the next.
const STEPS: u32 = 8;

/// The speedup on 1 to 1,024 workers under each schedule, Amdahl's line, and the measured points.
/// Both axes are logarithmic.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where it cannot be drawn.
pub fn projection(projection: &Projection) -> Result<Figure> {
    let mut workers: Vec<usize> = (0..=MOST_WORKERS.ilog2() * STEPS)
        .map(|i| 2_f64.powf(f64::from(i) / f64::from(STEPS)).round() as usize)
        .collect();
    workers.dedup();
    // Both axes are of powers of two.
    let line = |style: ShapeStyle, speedup: &dyn Fn(usize) -> f64| {
        let points = workers.iter().map(|&w| ((w as f64).log2(), speedup(w).max(1.0).log2()));
        Mark::new(Shape::Line, points.collect::<Vec<_>>(), style)
    };
    let end = projection.model_ceiling();
    let most = projection.speedups(MOST_WORKERS);
    let short =
        |m: &Measured| format!("{} on {}", number(m.speedup, 2), count(m.workers, "worker", "workers"));
    let measured: Vec<String> =
        projection.measured.iter().map(|m| format!("{} ({})", short(m), m.how)).collect();
    let words = Words {
        name: "projection".to_owned(),
        title: format!("{}: speedup on more workers", projection.dataset),
        subtitle: format!(
            "Only the points are measured. The lines are simulated: each task takes as long as it took one after another, and \
             goes to the first free worker; scheduling costs nothing. One task per model ends at {} times: the total work \
             divided by the longest model.",
            number(end, 1)
        ),
        facts: format!(
            "Measured: {}. Simulated on {} workers: {} with a task per tree, {} with trees as tasks, {} by model.",
            if measured.is_empty() { projection.points() } else { measured.join(", ") },
            number(MOST_WORKERS as f64, 0),
            number(most[0], 0),
            number(most[1], 0),
            number(most[2], 1)
        ),
        warnings: projection.warnings.clone(),
    };
    let corner = MOST_WORKERS.ilog2().into();
    let bottom = if projection.measured.iter().any(|point| point.speedup < 1.0) { -1.0 } else { 0.0 };
    let x = Axis::log(2.0, 0.0..corner + 0.25, 12, "number of workers (logarithmic)");
    let y = Axis::log(2.0, bottom..corner + 0.25, 12, "times as fast as one worker (logarithmic)");
    let right = x.range.end;
    plot_page(words, 1000, &x, y, (SeriesLabelPosition::UpperLeft, 0), |plot| {
        let dashes = |from, to| [Mark::new(Shape::Dashes, [from, to], MUTED.stroke_width(3))];
        plot.draw("ideal", dashes((0.0, 0.0), (corner, corner)))?;
        let level = end.log2().clamp(0.0, corner);
        plot.draw("", dashes((0.0, level), (right, level)))?;
        let amdahl = format!("Amdahl: {} % serial", number(100.0 * projection.serial_share(), 3));
        plot.draw(&amdahl, [line(INK.stroke_width(4), &|w| projection.amdahl(w))])?;
        for (i, (colour, policy)) in COLOURS.into_iter().zip(&projection.policies).enumerate() {
            plot.draw(&policy.name, [line(colour.stroke_width(5), &|w| projection.speedup(i, w))])?;
        }
        let up = if level > corner - 1.0 { 24 } else { -24 };
        let label = format!("one task per model: at most {}", number(end, 1));
        plot.text((right, level), (-12, up), label, INK, HPos::Right)?;
        projection.measured.iter().zip(&measured).enumerate().try_for_each(|(i, (point, name))| {
            let at = ((point.workers as f64).log2(), point.speedup.log2().clamp(bottom, corner));
            // A legend has room for the way only where there is more than one.
            let label = if measured.len() > 1 { name } else { &short(point) };
            plot.point(i, at, VERMILION, &format!("measured: {label}"), name)
        })
    })
}
