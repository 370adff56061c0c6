//! One lane per worker: what it did when.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::colour::{IDLE, INK};
use super::figure::Figure;
use super::plot::{AXIS, Area, Axis, Drawn, TEXT, WIDTH, Words, axes, fit, page, text, text_width};
use super::svg::Tip;
use crate::error::Result;

/// Lanes that are high enough for a line of text, at most.
const TALL: usize = 64;
/// Width of the notes at the right, at most.
const NOTE: u32 = 360;

/// A stretch of a worker's time, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub(crate) worker: usize,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) colour: RGBColor,
    /// The tooltip.
    pub(crate) tip: String,
}

/// The lanes of all workers between two times, in seconds.
pub(crate) struct Lanes {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) bars: Vec<Bar>,
    /// What stands at the right of each worker's lane.
    pub(crate) notes: Vec<String>,
}

impl Lanes {
    fn lane(&self) -> u32 {
        let workers = self.notes.len() as u32;
        if self.notes.len() <= TALL { (640 / workers).clamp(36, 88) } else { (2000 / workers).max(4) }
    }

    /// Height of the lanes with their axis.
    pub(super) fn height(&self) -> u32 {
        self.lane() * self.notes.len() as u32 + AXIS + 16
    }

    /// Draws the lanes, and leaves `right` units free at their right.
    pub(super) fn draw(&self, area: &Area<'_>, right: u32) -> Drawn {
        let workers = self.notes.len();
        let every = if workers <= TALL { 1 } else { workers.div_ceil(40) };
        let x = Axis::new(self.from..self.to, 10, "time since the start, seconds").without_grid();
        let notes: Vec<String> = self.notes.iter().map(|note| fit(note, TEXT, NOTE)).collect();
        let wide = notes.iter().map(|note| text_width(note, TEXT)).max().unwrap_or(0) + 24;
        // Numbers by hand: plotters puts labels at the edges of lanes.
        let y = Axis { labels: 0, ..Axis::new(workers as f64..0.0, 0, "worker") }.without_grid();
        let mut plot = axes(area, &x, &y, right + wide)?;
        let gap = if self.lane() < 12 { 0.0 } else { 0.08 };
        let rectangle = |worker: usize, from: f64, to: f64, colour: RGBColor| {
            let (top, bottom) = (worker as f64 + gap, (worker + 1) as f64 - gap);
            Rectangle::new([(from, top), (to, bottom)], colour.filled())
        };
        plot.draw_series((0..workers).map(|worker| rectangle(worker, self.from, self.to, IDLE)))?;
        // Lanes too low to point at have no tooltips, so that bars of one colour share a path.
        let mut bars: Vec<&Bar> = self.bars.iter().collect();
        if workers > TALL {
            bars.sort_by_key(|Bar { colour: RGBColor(r, g, b), .. }| (*r, *g, *b));
        }
        let tip = |bar: &Bar| if workers <= TALL { bar.tip.clone() } else { String::new() };
        let bars = bars.iter().map(|bar| Tip(rectangle(bar.worker, bar.from, bar.to, bar.colour), tip(bar)));
        plot.draw_series(bars)?;
        for (worker, note) in notes.into_iter().enumerate().step_by(every) {
            let middle = worker as f64 + 0.5;
            let number = Text::new(worker.to_string(), (-14, 0), text(TEXT, INK, HPos::Right));
            plot.draw_series([EmptyElement::at((self.from, middle)) + number])?;
            let note = Text::new(note, (12, 0), text(TEXT, INK, HPos::Left));
            plot.draw_series([EmptyElement::at((self.to, middle)) + note])?;
        }
        Ok(())
    }

    /// The lanes as a figure.
    ///
    /// # Errors
    /// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where plotters cannot draw it.
    pub(crate) fn figure(&self, title: &str, description: String) -> Result<Figure> {
        let (name, subtitle) = ("lanes".to_owned(), String::new());
        let words = Words { name, title: title.to_owned(), subtitle, warnings: Vec::new(), description };
        page(words, (WIDTH, self.height()), |area| self.draw(area, 24))
    }
}
