//! The distribution of the target.

use plotters::prelude::*;

use super::bins::{bin, bin_width};
use super::colour::{BLUE, INK, VERMILION};
use super::figure::Figure;
use super::page::Words;
use super::plot::{Axis, plot_page, span};
use super::svg::{Mark, Shape};
use crate::data::Dataset;
use crate::error::Result;
use crate::text::{count, decimals, number, quantity};

const BINS: f64 = 60.0;
/// The highest value is a cap if at least this part of the rows, and more than this many, have it.
const CAP: (f64, usize) = (0.005, 5);
const HEIGHT: u32 = 880;

/// A histogram of the target, with its mean, its median, and the rows at a cap.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no row.
pub fn histogram(data: &Dataset) -> Result<Figure> {
    let mut values = data.column(data.target())?;
    values.sort_by(f64::total_cmp);
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
    let at_cap_text = count(at_cap, "row", "rows");
    let cap_text = match capped {
        true => format!(
            " {at_cap_text} ({} %) are exactly {cap}, the highest value: a cap, which replaced all values above it.",
            number(100.0 * at_cap as f64 / rows as f64, 1)
        ),
        false => String::new(),
    };
    let words = Words {
        name: "histogram".to_owned(),
        title: format!("{}: distribution of the {}", data.name(), quantity(meaning).0),
        subtitle: format!("{} in bins of {}.{cap_text}", count(rows, "row", "rows"), number(width, digits)),
        facts: format!("Mean {}, median {}, from {} to {cap}.", show(mean), show(median), show(low)),
        ..Words::default()
    };
    let edge = |i: usize| (first + i as i64) as f64 * width;
    let pad = width * if counts.len() < 10 { 5.0 } else { 0.02 * counts.len().max(30) as f64 };
    let x = Axis::new(edge(0) - pad..edge(counts.len()) + pad, 12, meaning);
    let y =
        Axis::new(0.0..1.02 * most as f64, 8, format!("rows per bin of {}", number(width, digits))).whole();
    let bar = |i: usize, from: usize, colour: RGBColor| {
        let (left, right, gap) = (edge(i), edge(i + 1), 0.06 * width);
        let rows = count(counts[i] - from, "row", "rows");
        let tip = format!("{} to {}: {rows}", number(left, digits), number(right, digits));
        let corners = [(left + gap, from as f64), (right - gap, counts[i] as f64)];
        Mark::new(Shape::Rectangle, corners, colour.filled()).tip(tip)
    };
    let legend = (SeriesLabelPosition::UpperMiddle, 3 + usize::from(capped));
    plot_page(words, HEIGHT, &x, y, legend, |plot| {
        plot.draw("rows", (0..counts.len()).filter(|i| counts[*i] > 0).map(|i| bar(i, 0, BLUE)))?;
        if let Some(last) = counts.len().checked_sub(1).filter(|_| capped) {
            let label = format!("at the cap of {cap}: {at_cap_text}");
            plot.draw(&label, [bar(last, counts[last] - at_cap, VERMILION)])?;
        }
        let upright =
            |shape, at: f64| [Mark::new(shape, [(at, 0.0), (at, most as f64)], INK.stroke_width(4))];
        plot.draw(&format!("mean {}", show(mean)), upright(Shape::Line, mean))?;
        plot.draw(&format!("median {}", show(median)), upright(Shape::Dashes, median))
    })
}
