//! Coloured cells in a plane, and the bar that explains their colours.

use plotters::style::Color as _;

use super::colour::{shade, shades};
use super::figure::Figure;
use super::page::{Drawn, MARGIN, WIDTH, Words, page};
use super::plot::{AXIS, Axis, BAR, BAR_LABELS, Plot, TOP, colour_bar};
use super::svg::{At, Mark, Shape};
use crate::error::Result;

/// The highest colour bar.
const BAR_HEIGHT: u32 = 720;

/// A cell between two corners, with its amount and a tooltip, which may be empty.
pub(super) struct Cell {
    pub(super) corners: [At; 2],
    pub(super) amount: f64,
    pub(super) tip: String,
}

impl Cell {
    /// A square of a grid with this side, without a tooltip.
    pub(super) fn square((x, y): (i64, i64), side: f64, amount: f64) -> Self {
        let corner = |x: i64, y: i64| (x as f64 * side, y as f64 * side);
        Self { corners: [corner(x, y), corner(x + 1, y + 1)], amount, tip: String::new() }
    }
}

/// Axes, the axis of the amounts, and the cells.
pub(super) struct Cells<'a> {
    pub(super) x: Axis<'a>,
    pub(super) y: Axis<'a>,
    pub(super) amounts: Axis<'a>,
    pub(super) cells: Vec<Cell>,
}

impl Cells<'_> {
    /// Draws the cells on a plot of this size, then what `more` adds.
    pub(super) fn figure(
        mut self,
        words: Words,
        (width, height): (u32, u32),
        more: impl FnOnce(&mut Plot<'_>) -> Drawn,
    ) -> Result<Figure> {
        let (low, extent) = (self.amounts.range.start, self.amounts.range.end - self.amounts.range.start);
        // Those of one shade share a path.
        self.cells.sort_by(|a, b| a.amount.total_cmp(&b.amount));
        let mark = |cell: &Cell| {
            let colour = shade((cell.amount - low) / extent);
            Mark::new(Shape::Rectangle, cell.corners, colour.filled()).tip(&cell.tip)
        };
        let steps = shades(|part| low + part * extent);
        let (frame, bar) = (MARGIN + self.y.width(), BAR + BAR_LABELS + 2 * MARGIN);
        let whole = (frame + width + MARGIN + bar).max(WIDTH * 3 / 4);
        page(words, (whole, TOP + height + AXIS), |area| {
            let (plot_area, bar_area) = area.split_horizontally(whole - bar);
            let mut plot = Plot::new(&plot_area, &self.x, &self.y, whole - bar - frame - width)?;
            plot.draw("", self.cells.iter().map(mark))?;
            more(&mut plot)?;
            let above = height.saturating_sub(BAR_HEIGHT) / 2;
            colour_bar(&bar_area.margin(TOP + above, AXIS + above, MARGIN, MARGIN), &self.amounts, &steps)
        })
    }
}
