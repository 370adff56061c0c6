//! Rows of bars with a name at the left and a note at the right: what workers did when, or values.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::colour::{IDLE, INK};
use super::figure::Figure;
use super::page::{Area, Drawn, TEXT, WIDTH, Words, fit, page, text_width};
use super::plot::{AXIS, Axis, Plot, ROW, TOP};
use super::svg::{Mark, Shape};
use crate::error::Result;

/// Lanes that are high enough for a line of text, at most.
const TALL: usize = 64;
/// Width of the notes at the right, at most.
const NOTE: u32 = 360;

/// A bar in a lane, from where to where on the horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub(crate) lane: usize,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) colour: RGBColor,
    /// The tooltip.
    pub(crate) tip: String,
}

/// Lanes between the two ends of an axis.
pub(crate) struct Lanes {
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// What the axis shows, with its unit.
    pub(crate) axis: String,
    /// What a lane stands for, such as a worker.
    pub(crate) what: String,
    pub(crate) names: Vec<String>,
    /// Texts at the right of the lanes.
    pub(crate) notes: Vec<String>,
    pub(crate) bars: Vec<Bar>,
    /// The colour of lanes where there is no bar.
    pub(crate) empty: RGBColor,
}

impl Lanes {
    /// What workers did between two times, in seconds.
    pub(crate) fn of_workers(from: f64, to: f64, notes: Vec<String>, bars: Vec<Bar>) -> Self {
        let names = (0..notes.len()).map(|worker| worker.to_string()).collect();
        let axis = "time since the start, seconds".to_owned();
        Self { from, to, axis, what: "worker".to_owned(), names, notes, bars, empty: IDLE }
    }

    fn lane(&self) -> u32 {
        let lanes = self.names.len() as u32;
        if self.names.len() <= TALL { (640 / lanes).clamp(ROW, 88) } else { (2000 / lanes).max(4) }
    }

    /// Height of the lanes with their axis; however few, there is room for a colour bar beside them.
    pub(super) fn height(&self) -> u32 {
        (self.lane() * self.names.len() as u32 + TOP).max(200) + AXIS
    }

    /// Draws the lanes, and leaves `right` units free at their right.
    pub(super) fn draw(&self, area: &Area<'_>, right: u32) -> Drawn {
        let x = Axis::new(self.from..self.to, 10, self.axis.as_str());
        let y = Axis::of(&self.names, self.what.as_str()).reversed();
        let notes: Vec<String> = self.notes.iter().map(|note| fit(note, TEXT, NOTE)).collect();
        let wide = notes.iter().map(|note| text_width(note, TEXT)).max().unwrap_or(0) + 24;
        let mut plot = Plot::new(area, &x, &y, right + wide)?;
        let half = if self.lane() < 12 { 0.5 } else { 0.42 };
        let rectangle = |lane: usize, from: f64, to: f64, colour: RGBColor| {
            let at = lane as f64;
            Mark::new(Shape::Rectangle, [(from, at - half), (to, at + half)], colour.filled())
        };
        plot.draw("", (0..self.names.len()).map(|lane| rectangle(lane, self.from, self.to, self.empty)))?;
        // Lanes too low to point at have no tooltips, so that bars of one colour share a path.
        let tip = |bar: &Bar| if self.names.len() > TALL { String::new() } else { bar.tip.clone() };
        let mut bars: Vec<&Bar> = self.bars.iter().collect();
        bars.sort_by_key(|Bar { colour: RGBColor(r, g, b), .. }| (*r, *g, *b));
        plot.draw("", bars.iter().map(|b| rectangle(b.lane, b.from, b.to, b.colour).tip(tip(b))))?;
        for lane in y.keys((self.height() / ROW) as usize) {
            plot.text((self.to, lane), (12, 0), notes[lane as usize].as_str(), INK, HPos::Left)?;
        }
        Ok(())
    }

    /// The lanes as a figure.
    ///
    /// # Errors
    /// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where plotters cannot draw it.
    pub(crate) fn figure(&self, name: &str, title: &str, facts: String) -> Result<Figure> {
        let (name, title) = (name.to_owned(), title.to_owned());
        let words = Words { name, title, facts, ..Words::default() };
        page(words, (WIDTH, self.height()), |area| self.draw(area, 24))
    }
}
