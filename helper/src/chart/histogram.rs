//! How the target is distributed.

use plotters::prelude::*;

use super::figure::Figure;
use super::sheet::{Mark, Scale, WIDTH, Words, axes, nothing, sheet, stroke};
use super::style::{BLUE, INK, VERMILION, count, decimals, nice_above, number, quantity, with_unit};
use crate::data::Dataset;
use crate::error::Result;

const BINS: f64 = 60.0;
/// The highest value is a cap where at least this part of the rows has exactly it, and not just a few.
const CAP: (f64, usize) = (0.005, 5);

/// A histogram of the target, with its mean, its median, and the rows that stand at a cap.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no row.
pub fn histogram(data: &Dataset) -> Result<Figure> {
    let mut values = data.column(data.target())?;
    values.sort_by(f64::total_cmp);
    let (Some(&low), Some(&high)) = (values.first(), values.last()) else {
        return Err(nothing("a histogram", "rows"));
    };
    let rows = values.len();
    let mean = values.iter().sum::<f64>() / rows as f64;
    let median = (values[(rows - 1) / 2] + values[rows / 2]) / 2.0;
    let at_cap = values.iter().rev().take_while(|v| **v == high).count();
    let capped = low < high && at_cap > CAP.1 && at_cap as f64 >= CAP.0 * rows as f64;

    let width = match high - low {
        spread if spread > 0.0 => nice_above((spread / BINS).max(1e-12 * high.abs())),
        _ => nice_above(0.02 * high.abs().max(1e-6)),
    };
    let bin = |v: f64| (v / width + 1e-6).floor() as i64;
    let first = bin(low);
    let mut counts = vec![0_usize; (bin(high) - first) as usize + 1];
    values.iter().for_each(|v| counts[(bin(*v) - first) as usize] += 1);
    let most = counts.iter().copied().max().unwrap_or(0);

    let meaning = data.units().last().map_or(data.target(), String::as_str);
    let digits = decimals(width);
    let show = |v: f64| number(v, digits + 1);
    // The cap as it stands in the table, with all its digits.
    let cap = format!("{high}");
    let share = number(100.0 * at_cap as f64 / rows as f64, 1);
    let at_cap_text = count(at_cap, "row", "rows");
    let mut legend = vec![
        (Mark::Box, BLUE, "rows".to_owned()),
        (Mark::Line, INK, format!("mean {}", show(mean))),
        (Mark::Dashes, INK, format!("median {}", show(median))),
    ];
    let mut subtitle = format!("{} in bins of {}.", count(rows, "row", "rows"), number(width, digits));
    if capped {
        legend.push((Mark::Box, VERMILION, format!("at the cap of {cap}: {at_cap_text}")));
        subtitle += &format!(
            " {at_cap_text} ({share} %) are exactly {cap}, the highest value: a cap, so that what lay above was written down \
             as this."
        );
    }
    let words = Words {
        name: "histogram".to_owned(),
        title: format!("{}: distribution of the {}", data.name(), quantity(meaning).0),
        subtitle,
        description: format!(
            "A histogram of {} in {}: mean {}, median {}, from {} to {}{}.",
            with_unit(quantity(meaning).0, meaning),
            count(rows, "row", "rows"),
            show(mean),
            show(median),
            show(low),
            cap,
            if capped { format!("; {at_cap_text} ({share} %) are at this cap") } else { String::new() }
        ),
        legend,
    };
    let edge = |i: usize| (first + i as i64) as f64 * width;
    // Room at both sides, so that no bar stands on the axis.
    let pad = counts.len().max(30) as f64 * 0.02 * width + if counts.len() < 10 { 5.0 * width } else { 0.0 };
    let x = Scale::new(edge(0) - pad..edge(counts.len()) + pad, 10, meaning);
    let x = Scale { grid: false, ..x };
    let y = Scale::from_zero(most as f64, 8, format!("rows per bin of {}", number(width, digits))).whole();
    sheet(words, (WIDTH, 400), |area| {
        let mut plot = axes(area, &x, &y, 24.0)?;
        let gap = 0.06 * width;
        let bar = |i: usize, from: usize, to: usize, colour: RGBColor| {
            Rectangle::new([(edge(i) + gap, from as f64), (edge(i + 1) - gap, to as f64)], colour.filled())
        };
        plot.draw_series((0..counts.len()).filter(|i| counts[*i] > 0).map(|i| bar(i, 0, counts[i], BLUE)))?;
        if capped {
            let last = counts.len() - 1;
            plot.draw_series([bar(last, counts[last] - at_cap, counts[last], VERMILION)])?;
        }
        plot.draw_series([PathElement::new([(mean, 0.0), (mean, y.range.end)], stroke(INK, 2.0))])?;
        let dashes = DashedLineSeries::new([(median, 0.0), (median, y.range.end)], 30, 15, stroke(INK, 2.0));
        plot.draw_series(dashes)?;
        Ok(())
    })
}
