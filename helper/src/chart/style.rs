//! Colours, and numbers and sentences as text.

use plotters::style::RGBColor;

pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const MUTED: RGBColor = RGBColor(0x59, 0x59, 0x59);
pub(super) const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
pub(super) const IDLE: RGBColor = RGBColor(0xD0, 0xD0, 0xD0);
pub(super) const BLUE: RGBColor = OKABE_ITO[0];
pub(super) const VERMILION: RGBColor = OKABE_ITO[1];

/// Colours for categories that colour-blind readers can tell apart (Okabe and Ito, "Color
/// Universal Design", 2008); without yellow, which is too light for lines on white.
pub(super) const OKABE_ITO: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x00, 0x00, 0x00),
];

/// How many shades a colour scale has: cells of one shade share one element of the SVG.
pub(super) const SHADES: usize = 32;

/// Eight equal steps of viridis (van der Walt and Smith, 2015), dark to light.
const VIRIDIS: [RGBColor; 9] = [
    RGBColor(0x44, 0x01, 0x54),
    RGBColor(0x47, 0x2D, 0x7B),
    RGBColor(0x3B, 0x52, 0x8B),
    RGBColor(0x2C, 0x72, 0x8E),
    RGBColor(0x21, 0x91, 0x8C),
    RGBColor(0x28, 0xAE, 0x80),
    RGBColor(0x5E, 0xC9, 0x62),
    RGBColor(0xAD, 0xDC, 0x30),
    RGBColor(0xFD, 0xE7, 0x25),
];

fn between(a: RGBColor, b: RGBColor, t: f64) -> RGBColor {
    let part = |a: u8, b: u8| (f64::from(a) + t * (f64::from(b) - f64::from(a))).round() as u8;
    RGBColor(part(a.0, b.0), part(a.1, b.1), part(a.2, b.2))
}

/// Viridis from 0, dark, to 1, light.
pub(super) fn viridis(t: f64) -> RGBColor {
    let at = t.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let low = (at as usize).min(VIRIDIS.len() - 2);
    between(VIRIDIS[low], VIRIDIS[low + 1], at - low as f64)
}

/// The colour scale for amounts on white paper, from 0, light, to 1: the more, the darker.
pub(super) fn shade(t: f64) -> RGBColor {
    let step = (t.clamp(0.0, 1.0) * (SHADES - 1) as f64).round() / (SHADES - 1) as f64;
    viridis(0.92 * (1.0 - step))
}

/// The colour of a model: dark to light in the order of the sweep, every other one paler, so that
/// neighbours differ.
pub(super) fn model_colour(model: usize, models: usize) -> RGBColor {
    let part = model as f64 / (models.max(2) - 1) as f64;
    let step = (part * (2 * SHADES) as f64).round() / (2 * SHADES) as f64;
    let pale = if model % 2 == 1 { 0.35 } else { 0.0 };
    between(viridis(0.92 * step), RGBColor(255, 255, 255), pale)
}

/// 1, 2 or 5 times a power of ten, not below `x`.
pub(super) fn nice_above(x: f64) -> f64 {
    let power = 10_f64.powf(x.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().find(|step| step * power >= x * (1.0 - 1e-9)).unwrap_or(10.0);
    step * power
}

/// A number with so many decimals, and commas between thousands.
pub(super) fn number(x: f64, decimals: usize) -> String {
    if !x.is_finite() {
        return "undefined".to_owned();
    }
    if x != 0.0 && !(1e-6..1e12).contains(&x.abs()) {
        return format!("{x:.1e}");
    }
    let text = format!("{:.decimals$}", x.abs());
    let (whole, part) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let zero = text.bytes().all(|b| matches!(b, b'0' | b'.'));
    format!("{}{grouped}{part}", if x < 0.0 && !zero { "\u{2212}" } else { "" })
}

/// How many decimals tell apart numbers that are `step` from each other.
pub(super) fn decimals(step: f64) -> usize {
    (-step.log10().floor()).clamp(0.0, 6.0) as usize
}

/// `n` of something, by its name for one and for many.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(n as f64, 0), if n == 1 { one } else { many })
}

/// "median house value, 100,000 US dollars" is a quantity and its unit.
pub(super) fn quantity(meaning: &str) -> (&str, &str) {
    meaning.rsplit_once(", ").unwrap_or((meaning, ""))
}

/// The value with its unit, if there is one.
pub(super) fn with_unit(value: &str, meaning: &str) -> String {
    match quantity(meaning).1 {
        "" => value.to_owned(),
        unit if unit.starts_with(|c: char| c.is_ascii_digit()) => format!("{value} ({unit})"),
        unit => format!("{value} {unit}"),
    }
}

/// How wide a text of this size is at most, about; no font is at hand to ask.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.56
}

/// The text, or as much of it as this width holds.
pub(super) fn fit(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let most = (width / (size * 0.56)) as usize;
    text.chars().take(most.saturating_sub(1)).chain(['\u{2026}']).collect()
}

/// The text in lines that this width holds.
pub(super) fn wrap(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace().map(|word| fit(word, size, width)) {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() {
            *line = word;
        } else if text_width(line, size) + text_width(&word, size) + size <= width {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(20_640.0, 0), "20,640");
        assert_eq!(number(-1_234.5, 1), "\u{2212}1,234.5");
        assert_eq!((number(-0.001, 1), number(f64::NAN, 1)), ("0.0".to_owned(), "undefined".to_owned()));
        assert_eq!(
            (nice_above(0.0837), nice_above(3.0), nice_above(5.0), nice_above(6.0)),
            (0.1, 5.0, 5.0, 10.0)
        );
        assert_eq!((decimals(0.1), decimals(5.0), decimals(0.02)), (1, 0, 2));
    }

    #[test]
    fn units() {
        let price = "median house value, 100,000 US dollars";
        assert_eq!(quantity(price), ("median house value", "100,000 US dollars"));
        assert_eq!(quantity("rooms"), ("rooms", ""));
        assert_eq!(with_unit("0.5", price), "0.5 (100,000 US dollars)");
        assert_eq!(
            (with_unit("3", "age, years").as_str(), with_unit("3", "rooms").as_str()),
            ("3 years", "3")
        );
    }

    #[test]
    fn lines_hold_their_words() {
        let text = "one two three four ".repeat(20) + &"x".repeat(500);
        let lines = wrap(&text, 13.0, 300.0);
        assert!(lines.iter().all(|line| text_width(line, 13.0) <= 300.0) && lines.len() > 5);
        assert!(wrap("", 13.0, 300.0).is_empty());
    }

    #[test]
    fn colours_are_viridis() {
        assert_eq!(viridis(0.0), RGBColor(0x44, 0x01, 0x54));
        assert_eq!(viridis(1.0), RGBColor(0xFD, 0xE7, 0x25));
        assert_eq!(viridis(0.5), RGBColor(0x21, 0x91, 0x8C));
        assert!((0..30).zip(1..30).all(|(a, b)| model_colour(a, 30) != model_colour(b, 30)));
    }
}
