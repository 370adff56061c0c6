//! The speedup on up to 1,024 workers.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::colour::{BLUE, INK, MUTED, OKABE_ITO, VERMILION};
use super::figure::Figure;
use super::plot::{
    AXIS, MARGIN, TEXT, WIDTH, Words, dot_mark, fit, legend, letter, line_mark, page, stroke, style, text,
};
use super::svg::Tip;
use crate::error::Result;
use crate::sweep::{MOST_WORKERS, Projection};
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
    let powers = MOST_WORKERS.ilog2();
    let mut workers: Vec<usize> =
        (0..=powers * STEPS).map(|i| 2_f64.powf(f64::from(i) / f64::from(STEPS)).round() as usize).collect();
    workers.dedup();
    let line = |speedup: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
        workers.iter().map(|&w| (w as f64, speedup(w).max(1.0))).collect()
    };
    let lines: Vec<_> = (0..COLOURS.len()).map(|policy| line(&|w| projection.speedup(policy, w))).collect();
    let end = projection.model_ceiling();
    let most = projection.speedups(MOST_WORKERS);
    let measured: Vec<String> = projection
        .measured
        .iter()
        .map(|m| format!("{} on {} ({})", number(m.speedup, 2), count(m.workers, "worker", "workers"), m.how))
        .collect();
    let words = Words {
        name: "projection".to_owned(),
        title: format!("{}: speedup on more workers", projection.dataset),
        subtitle: format!(
            "Only the points are measured. The lines are simulated: each task takes as long as it took one after another, and \
             goes to the first free worker; scheduling costs nothing. One task per model ends at {} times: the total work \
             divided by the longest model.",
            number(end, 1)
        ),
        warnings: projection.warnings.clone(),
        description: format!(
            "Measured: {}. Simulated on {} workers: {} with a task per tree, {} with trees as tasks, {} by model.",
            if measured.is_empty() { projection.points() } else { measured.join(", ") },
            number(MOST_WORKERS as f64, 0),
            number(most[0], 0),
            number(most[1], 0),
            number(most[2], 1)
        ),
    };
    let top = MOST_WORKERS as f64 * 1.2;
    let bottom = if projection.measured.iter().any(|point| point.speedup < 1.0) { 0.5 } else { 1.0 };
    let label = |at: &f64| number(*at, usize::from(*at < 1.0));
    page(words, (WIDTH, 1000), |area| {
        let mut plot = ChartBuilder::on(area)
            .margin_left(MARGIN)
            .margin_right(48)
            .margin_top(16)
            .margin_bottom(16)
            .x_label_area_size(AXIS - 16)
            .y_label_area_size(140)
            .build_cartesian_2d((1.0..top).log_scale().base(2.0), (bottom..top).log_scale().base(2.0))?;
        let mut mesh = plot.configure_mesh();
        style(&mut mesh);
        // As many labels as powers of two, or plotters labels between them too.
        mesh.x_labels(11).y_labels(11).x_label_formatter(&label).y_label_formatter(&label);
        mesh.x_desc("number of workers (logarithmic)")
            .y_desc("times as fast as one worker (logarithmic)")
            .draw()?;
        for (i, name) in measured.iter().enumerate() {
            let name = fit(&format!("{}: {name}, measured", letter(i)), TEXT, WIDTH / 2);
            let none = std::iter::empty::<Circle<(f64, f64), i32>>();
            plot.draw_series(none)?.label(name).legend(dot_mark(VERMILION.filled()));
        }
        let corner = MOST_WORKERS as f64;
        let dashes = |from, to| DashedLineSeries::new([from, to], 14, 10, stroke(MUTED, 3));
        plot.draw_series(dashes((1.0, 1.0), (corner, corner)))?
            .label("ideal (dashed)")
            .legend(line_mark(stroke(MUTED, 3)));
        let level = end.clamp(1.0, corner);
        plot.draw_series(dashes((1.0, level), (top, level)))?;
        let amdahl = LineSeries::new(line(&|w| projection.amdahl(w)), stroke(INK, 4));
        plot.draw_series(amdahl)?
            .label(format!("Amdahl: {} % serial", number(100.0 * projection.serial_share(), 3)))
            .legend(line_mark(stroke(INK, 4)));
        for ((line, colour), policy) in lines.iter().zip(COLOURS).zip(&projection.policies) {
            let series = plot.draw_series(LineSeries::new(line.iter().copied(), stroke(colour, 5)))?;
            series.label(fit(&policy.name, TEXT, WIDTH * 2 / 5)).legend(line_mark(stroke(colour, 5)));
        }
        let label = format!("one task per model: at most {}", number(end, 1));
        let up = if level > corner / 2.0 { 24 } else { -24 };
        let label = Text::new(label, (-12, up), text(TEXT, INK, HPos::Right));
        plot.draw_series([EmptyElement::at((top, level)) + label])?;
        for (i, point) in projection.measured.iter().enumerate() {
            let at = (point.workers as f64, point.speedup.clamp(bottom, corner));
            plot.draw_series([Tip(Circle::new(at, 18, VERMILION.filled()), measured[i].clone())])?;
            plot.draw_series([Circle::new(at, 18, stroke(WHITE, 2))])?;
            let label = Text::new(letter(i), (0, 0), text(TEXT, WHITE, HPos::Center));
            plot.draw_series([EmptyElement::at(at) + label])?;
        }
        legend(&mut plot, SeriesLabelPosition::UpperLeft)
    })
}
