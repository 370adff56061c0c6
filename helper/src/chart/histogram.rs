//! The distribution of the target.

use plotters::prelude::*;

use super::colour::{BLUE, INK, VERMILION};
use super::figure::Figure;
use super::plot::{Axis, WIDTH, Words, axes, box_mark, legend, line_mark, nothing, page, span, stroke};
use super::svg::Tip;
use crate::data::Dataset;
use crate::error::Result;
use crate::text::{count, decimals, number, quantity, with_unit};

const BINS: f64 = 60.0;
/// The highest value is a cap if at least this part of the rows, and more than this many, have it.
const CAP: (f64, usize) = (0.005, 5);
const HEIGHT: u32 = 880;

/// The smallest of 1, 2 and 5 times a power of ten that is not below `x`.
pub(super) fn nice_above(x: f64) -> f64 {
    let power = 10_f64.powf(x.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().find(|step| step * power >= x * (1.0 - 1e-9)).unwrap_or(10.0);
    step * power
}

/// Width of bins that cut this range into `bins` at most.
pub(super) fn bin_width((low, high): (f64, f64), bins: f64) -> f64 {
    match high - low {
        spread if spread > 0.0 => nice_above((spread / bins).max(1e-12 * high.abs())),
        _ => nice_above(0.02 * high.abs().max(1e-6)),
    }
}

/// The number of the bin that holds a value.
pub(super) fn bin(value: f64, width: f64) -> i64 {
    (value / width + 1e-6).floor() as i64
}

/// A histogram of the target, with its mean, its median, and the rows at a cap.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no row.
pub fn histogram(data: &Dataset) -> Result<Figure> {
    let mut values = data.column(data.target())?;
    values.sort_by(f64::total_cmp);
    if values.is_empty() {
        return Err(nothing("a histogram", "rows"));
    }
    let (low, high) = span("a histogram", values.iter().copied())?;
    let rows = values.len();
    let mean = values.iter().sum::<f64>() / rows as f64;
    let median = f64::midpoint(values[(rows - 1) / 2], values[rows / 2]);
    let at_cap = values.iter().rev().take_while(|v| **v == high).count();
    let capped = low < high && at_cap > CAP.1 && at_cap as f64 >= CAP.0 * rows as f64;

    let width = bin_width((low, high), BINS);
    let first = bin(low, width);
    let mut counts = vec![0_usize; (bin(high, width) - first) as usize + 1];
    values.iter().for_each(|v| counts[(bin(*v, width) - first) as usize] += 1);
    let most = counts.iter().copied().max().unwrap_or(0);

    let meaning = data.units().last().map_or(data.target(), String::as_str);
    let digits = decimals(width);
    let show = |v: f64| number(v, digits + 1);
    // The cap as the table has it, with all its digits.
    let cap = format!("{high}");
    let share = number(100.0 * at_cap as f64 / rows as f64, 1);
    let at_cap_text = count(at_cap, "row", "rows");
    let all = count(rows, "row", "rows");
    let mut subtitle = format!("{all} in bins of {}.", number(width, digits));
    if capped {
        subtitle += &format!(
            " {at_cap_text} ({share} %) are exactly {cap}, the highest value: a cap, which replaced all values above it."
        );
    }
    let words = Words {
        name: "histogram".to_owned(),
        title: format!("{}: distribution of the {}", data.name(), quantity(meaning).0),
        subtitle,
        warnings: Vec::new(),
        description: format!(
            "A histogram of {} in {all}: mean {}, median {}, from {} to {cap}{}.",
            with_unit(quantity(meaning).0, meaning),
            show(mean),
            show(median),
            show(low),
            if capped { format!("; {at_cap_text} ({share} %) are at this cap") } else { String::new() }
        ),
    };
    let edge = |i: usize| (first + i as i64) as f64 * width;
    let pad = width * if counts.len() < 10 { 5.0 } else { 0.02 * counts.len().max(30) as f64 };
    let x = Axis::new(edge(0) - pad..edge(counts.len()) + pad, 12, meaning).without_grid();
    let y = Axis::new(0.0..1.02 * most as f64, 8, format!("rows per bin of {}", number(width, digits)));
    let y = y.whole().with_headroom(3 + usize::from(capped), HEIGHT);
    page(words, (WIDTH, HEIGHT), |area| {
        let mut plot = axes(area, &x, &y, 48)?;
        let gap = 0.06 * width;
        let bar = |i: usize, from: usize, to: usize, colour: RGBColor| {
            let range = format!("{} to {}", number(edge(i), digits), number(edge(i + 1), digits));
            let corners = [(edge(i) + gap, from as f64), (edge(i + 1) - gap, to as f64)];
            Tip(
                Rectangle::new(corners, colour.filled()),
                format!("{range}: {}", count(to - from, "row", "rows")),
            )
        };
        let bars = (0..counts.len()).filter(|i| counts[*i] > 0).map(|i| bar(i, 0, counts[i], BLUE));
        plot.draw_series(bars)?.label("rows").legend(box_mark(BLUE));
        if capped {
            let last = counts.len() - 1;
            plot.draw_series([bar(last, counts[last] - at_cap, counts[last], VERMILION)])?
                .label(format!("at the cap of {cap}: {at_cap_text}"))
                .legend(box_mark(VERMILION));
        }
        let upright = |at: f64| [(at, 0.0), (at, most as f64)];
        plot.draw_series([PathElement::new(upright(mean), stroke(INK, 4))])?
            .label(format!("mean {}", show(mean)))
            .legend(line_mark(stroke(INK, 4)));
        plot.draw_series(DashedLineSeries::new(upright(median), 14, 10, stroke(INK, 4)))?
            .label(format!("median {} (dashed)", show(median)))
            .legend(line_mark(stroke(INK, 2)));
        legend(&mut plot, SeriesLabelPosition::UpperMiddle)
    })
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn bins_have_round_widths() {
        assert_eq!([0.0837, 3.0, 5.0, 6.0].map(nice_above), [0.1, 5.0, 5.0, 10.0]);
        assert_eq!((bin_width((0.15, 5.0), 60.0), bin(0.3, 0.1), bin(-0.05, 0.1)), (0.1, 3, -1));
    }
}
