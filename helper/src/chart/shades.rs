//! Amounts as shades: cells, and the colour bar that says how much a shade is.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::sheet::{Area, Drawn, MARGIN, Plot, TEXT, px, stroke, text};
use super::style::{self, INK, MUTED, fit, text_width};

/// A cell of a map: its left lower and right upper corner, and its shade from 0 to 1.
pub(super) type Cell = ([(f64, f64); 2], f64);

/// Draws cells, shade by shade so that each shade is one path.
pub(super) fn cells(plot: &mut Plot<'_>, cells: impl IntoIterator<Item = Cell>) -> Drawn {
    let mut cells: Vec<_> = cells
        .into_iter()
        .map(|(corners, t)| (style::shade(t), corners))
        .map(|(c, at)| ((c.0, c.1, c.2), at))
        .collect();
    cells.sort_by(|a, b| {
        a.0.cmp(&b.0).then(a.1[0].1.total_cmp(&b.1[0].1)).then(a.1[0].0.total_cmp(&b.1[0].0))
    });
    plot.draw_series(
        cells.into_iter().map(|((r, g, b), at)| Rectangle::new(at, RGBColor(r, g, b).filled())),
    )?;
    Ok(())
}

/// How wide a colour bar with these ticks is, with its name and the room beside it.
pub(super) fn bar_width(ticks: &[(f64, String)]) -> f64 {
    ticks
        .iter()
        .map(|(_, label)| text_width(label, TEXT))
        .fold(24.0 + 38.0 + MARGIN, |a, b| a.max(b + 24.0 + 38.0 + MARGIN))
}

/// A colour bar of shades, its left upper corner at `at`: ticks from 0 to 1 with their labels, and
/// its name upright at their right.
pub(super) fn colour_bar(
    area: &Area<'_>,
    (left, top): (f64, f64),
    height: f64,
    ticks: &[(f64, String)],
    name: &str,
) -> Drawn {
    let y = |part: f64| px(top + height * (1.0 - part));
    let steps = style::SHADES;
    for step in 0..steps {
        let (low, high) = (step as f64 / steps as f64, (step + 1) as f64 / steps as f64);
        let colour = style::shade(step as f64 / (steps - 1) as f64);
        area.draw(&Rectangle::new([(px(left), y(high)), (px(left + 16.0), y(low))], colour.filled()))?;
    }
    let mut widest: f64 = 0.0;
    for (part, label) in ticks {
        let tick = [(px(left + 16.0), y(*part)), (px(left + 21.0), y(*part))];
        area.draw(&PathElement::new(tick, stroke(MUTED, 1.0)))?;
        area.draw_text(label, &text(TEXT, INK, HPos::Left), (px(left + 25.0), y(*part)))?;
        widest = widest.max(text_width(label, TEXT));
    }
    let style = text(TEXT, INK, HPos::Center).transform(FontTransform::Rotate90);
    area.draw_text(
        &fit(name, TEXT, height + 60.0),
        &style,
        (px(left + 38.0 + widest), px(top + height / 2.0)),
    )
}
