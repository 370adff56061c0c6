//! How far more workers would carry, up to 1,024 of them.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::figure::Figure;
use super::sheet::{Mark, Scale, TEXT, WIDTH, Words, axes, px, sheet, stroke, text};
use super::style::{BLUE, INK, MUTED, OKABE_ITO, VERMILION, count, number};
use crate::error::Result;
use crate::sweep::{MOST_WORKERS, Projection};

const COLOURS: [RGBColor; 4] = [OKABE_ITO[2], BLUE, OKABE_ITO[3], OKABE_ITO[4]];
/// Points of a line between one power of two and the next.
const STEPS: u32 = 8;

/// What stands in a measured point, and before its name in the legend.
fn letter(index: usize) -> String {
    char::from(b'A' + (index % 26) as u8).to_string()
}

/// The speedup on 1 to 1,024 workers under each schedule, Amdahl's line, and what was measured.
/// Both axes are logarithmic.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where it cannot be drawn.
pub fn projection(projection: &Projection) -> Result<Figure> {
    let powers = MOST_WORKERS.ilog2();
    let mut workers: Vec<usize> =
        (0..=powers * STEPS).map(|i| 2_f64.powf(f64::from(i) / f64::from(STEPS)).round() as usize).collect();
    workers.dedup();
    let line = |speedup: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
        workers.iter().map(|&w| ((w as f64).log2(), speedup(w).log2().max(0.0))).collect()
    };
    let lines: Vec<_> = (0..COLOURS.len()).map(|policy| line(&|w| projection.speedup(policy, w))).collect();
    let amdahl = line(&|w| projection.amdahl(w));
    let end = projection.model_ceiling();
    let most = projection.speedups(MOST_WORKERS);
    let measured: Vec<String> = projection
        .measured
        .iter()
        .map(|m| {
            format!("{} on {} ({})", number(m.speedup, 2), count(m.workers, "worker", "workers"), m.machine)
        })
        .collect();
    let mut legend: Vec<_> = measured
        .iter()
        .enumerate()
        .map(|(i, text)| (Mark::Dot, VERMILION, format!("{}, measured: {text}", letter(i))))
        .collect();
    legend.push((Mark::Dashes, MUTED, "ideal".to_owned()));
    let serial = number(100.0 * projection.serial_share(), 3);
    legend.push((Mark::Line, INK, format!("Amdahl: {serial} % serial")));
    legend.extend(
        projection
            .policies
            .iter()
            .zip(COLOURS)
            .map(|(policy, colour)| (Mark::Line, colour, policy.name.clone())),
    );
    let words = Words {
        name: "projection".to_owned(),
        title: format!("{}: how far would more workers carry?", projection.dataset),
        subtitle: format!(
            "Only the points are measured. The lines are simulated: each task takes as long as it did one after another, and \
             goes to the first worker that is free; handing it out costs nothing. One task per model ends at {} times, the whole \
             work over the longest model.",
            number(end, 1)
        ),
        description: format!(
            "Measured: {}. Simulated on {} workers: {} with a task per tree, {} with trees as tasks, {} by model.",
            if measured.is_empty() { projection.points() } else { measured.join(", ") },
            number(MOST_WORKERS as f64, 0),
            number(most[0], 0),
            number(most[1], 0),
            number(most[2], 1)
        ),
        legend,
    };
    let power = |i: u32| (f64::from(i), number(2_f64.powi(i as i32), 0));
    let scale = |name: &str| Scale {
        range: 0.0..f64::from(powers) + 0.25,
        ticks: (0..=powers).map(power).collect(),
        name: name.to_owned(),
        grid: true,
    };
    let x = scale("number of workers (logarithmic)");
    let mut y = scale("times as fast as one worker (logarithmic)");
    if projection.measured.iter().any(|point| point.speedup < 1.0) {
        y.range.start = -1.0;
        y.ticks.insert(0, (-1.0, "0.5".to_owned()));
    }
    sheet(words, (WIDTH, 500), |area| {
        let mut plot = axes(area, &x, &y, 24.0)?;
        let corner = f64::from(powers);
        let dashes = |from, to| DashedLineSeries::new([from, to], 30, 20, stroke(MUTED, 1.6));
        plot.draw_series(dashes((0.0, 0.0), (corner, corner)))?;
        let level = end.log2().clamp(0.0, corner);
        plot.draw_series(dashes((0.0, level), (x.range.end, level)))?;
        plot.draw_series(LineSeries::new(amdahl, stroke(INK, 2.0)))?;
        for (line, colour) in lines.iter().zip(COLOURS) {
            plot.draw_series(LineSeries::new(line.iter().copied(), stroke(colour, 2.4)))?;
        }
        let label = format!("one task per model: at most {}", number(end, 1));
        let up = if level > corner - 1.0 { 12.0 } else { -12.0 };
        let label = Text::new(label, (px(6.0), px(up)), text(TEXT, INK, HPos::Left));
        plot.draw_series([EmptyElement::at((0.0, level)) + label])?;
        for (i, point) in projection.measured.iter().enumerate() {
            let at = ((point.workers as f64).log2(), point.speedup.log2().clamp(y.range.start, corner));
            plot.draw_series([Circle::new(at, px(9.0), VERMILION.filled())])?;
            plot.draw_series([Circle::new(at, px(9.0), stroke(WHITE, 1.0))])?;
            let label = Text::new(letter(i), (0, 0), text(TEXT, WHITE, HPos::Center));
            plot.draw_series([EmptyElement::at(at) + label])?;
        }
        Ok(())
    })
}
