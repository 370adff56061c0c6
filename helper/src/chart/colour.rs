//! Colours of lines, of amounts and of models.

use plotters::prelude::*;
use plotters::style::colors::colormaps::{ColorMap, ViridisRGB};

pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const MUTED: RGBColor = RGBColor(0x59, 0x59, 0x59);
pub(super) const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
pub(super) const IDLE: RGBColor = RGBColor(0xD0, 0xD0, 0xD0);
pub(super) const BLUE: RGBColor = OKABE_ITO[0];
pub(super) const VERMILION: RGBColor = OKABE_ITO[1];

/// Categories that colour-blind readers can tell apart (Okabe and Ito, "Color Universal Design",
/// 2008); without yellow, which is too light for lines on white.
pub(crate) const OKABE_ITO: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x00, 0x00, 0x00),
];

/// Steps of the colour scale: cells of one shade share one path of the SVG.
const SHADES: usize = 32;

/// The colour of an amount from 0, light, to 1, dark.
pub(super) fn shade(t: f64) -> RGBColor {
    let step = (t.clamp(0.0, 1.0) * (SHADES - 1) as f64).round() / (SHADES - 1) as f64;
    ViridisRGB.get_color(0.92 * (1.0 - step))
}

/// Equal steps of [`shade`] for a colour bar; `value` is where a part of the scale lies on its axis.
pub(super) fn shades(value: impl Fn(f64) -> f64) -> Vec<(f64, f64, RGBColor)> {
    let edge = |step: usize| value(step as f64 / SHADES as f64);
    (0..SHADES).map(|i| (edge(i), edge(i + 1), shade(i as f64 / (SHADES - 1) as f64))).collect()
}

/// The colour of a model: dark to light in the order of the sweep; every other one is paler, so that
/// neighbours differ.
pub(crate) fn model_colour(model: usize, models: usize) -> RGBColor {
    let colour = ViridisRGB.get_color(0.92 * model as f64 / (models.max(2) - 1) as f64);
    if model % 2 == 1 { pale(colour) } else { colour }
}

/// A third of the way to white.
pub(crate) fn pale(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let pale = |part: u8| part + (255 - part) / 3;
    RGBColor(pale(r), pale(g), pale(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_differ() {
        assert!((0..30).zip(1..30).all(|(a, b)| model_colour(a, 30) != model_colour(b, 30)));
        assert!(shade(0.0) != shade(1.0) && shade(f64::MAX) == shade(1.0));
        assert_eq!(shades(|part| part).len(), SHADES);
    }
}
