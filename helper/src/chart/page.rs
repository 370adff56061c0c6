//! The page of every chart: title and subtitle above, the drawing below.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::colour::{INK, MUTED};
use super::figure::Figure;
use super::svg::{FONT_SIZE, SCALE, Svg};
use crate::error::{Error, ErrorKind, Result};
use crate::sweep::Outcome;
use crate::text::count;

/// Width of a chart, and sizes of its parts, in units of the drawing.
pub(super) const WIDTH: u32 = 860 * SCALE;
pub(super) const TEXT: f64 = 26.0;
const TITLE: f64 = 34.0;
pub(super) const MARGIN: u32 = 32;
/// Height of a line of text, and of a line of the title.
pub(super) const LINE: u32 = 40;
const TITLE_LINE: u32 = 46;

pub(super) type Area<'a> = DrawingArea<Svg<'a>, Shift>;
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::convert::Infallible>>;

/// The texts of a chart.
#[derive(Default)]
pub(super) struct Words {
    /// The name of its file, without the ending.
    pub(super) name: String,
    pub(super) title: String,
    /// Sentences below the title.
    pub(super) subtitle: String,
    /// What the drawing shows, in sentences with numbers, for screen readers.
    pub(super) facts: String,
    /// Why the numbers may be wrong; they follow the subtitle.
    pub(super) warnings: Vec<String>,
}

/// The name of the file of a reader's own chart with this title.
pub(super) fn own_name(title: &str) -> String {
    let letters = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words = std::iter::once("own").chain(letters).collect::<Vec<_>>().join("-");
    words.to_lowercase().chars().take(60).collect()
}

/// Which model the chart is of, as the start of a sentence.
pub(super) fn best_of(outcome: &Outcome) -> String {
    format!(
        "The best of {}, with {}",
        count(outcome.models.len(), "model", "models"),
        count(outcome.best().params.n_estimators, "tree", "trees")
    )
}

pub(super) fn text(size: f64, colour: RGBColor, side: HPos) -> TextStyle<'static> {
    let style = TextStyle::from(("sans-serif", size * FONT_SIZE).into_font());
    TextStyle { color: colour.to_backend_color(), ..style.pos(Pos::new(side, VPos::Center)) }
}

/// Width of a text as plotters estimates it: at least the real one, for wide letters too.
pub(super) fn text_width(text: &str, size: f64) -> u32 {
    ("sans-serif", size * FONT_SIZE).into_font().box_size(text).map_or(0, |(width, _)| width)
}

/// The text, cut to this width.
pub(super) fn fit(text: &str, size: f64, width: u32) -> String {
    let mut short = text.to_owned();
    while text_width(&short, size) > width && short.pop().is_some() {
        let cut = short.trim_end_matches('\u{2026}').len();
        short.truncate(cut);
        if short.pop().is_some() {
            short.push('\u{2026}');
        }
    }
    short
}

/// The text in lines of this width. By hand because plotters breaks lines within words.
fn wrap(text: &str, size: f64, width: u32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().map(|word| fit(word, size, width)) {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= width => {
                *line += " ";
                *line += &word;
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Draws a page of this width; the height is that of the drawing below the texts.
pub(super) fn page(
    words: Words,
    (width, height): (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<Figure> {
    let clean = |text: &str| text.replace(|c: char| c.is_control(), " ");
    let subtitle = clean(&format!("{} {}", words.subtitle, words.warnings.join(" ")));
    let (title, description) = (clean(&words.title), clean(&format!("{subtitle} {}", words.facts)));
    let inner = width - 2 * MARGIN;
    let (titles, subtitles) = (wrap(&title, TITLE, inner), wrap(&subtitle, TEXT, inner));
    let head = MARGIN + TITLE_LINE * titles.len() as u32 + LINE * subtitles.len() as u32 + 12;
    let size = (width, head + height);
    let mut svg = String::new();
    let drawn = || -> Drawn {
        let root = Svg::new(&mut svg, size, &format!("{title}. {description}")).into_drawing_area();
        root.fill(&WHITE)?;
        let bold = text(TITLE, INK, HPos::Left);
        let bold = TextStyle { font: bold.font.style(FontStyle::Bold), ..bold };
        let titles = titles.iter().map(|line| (line, &bold, TITLE_LINE));
        let muted = text(TEXT, MUTED, HPos::Left);
        let mut top = MARGIN;
        for (line, style, height) in titles.chain(subtitles.iter().map(|line| (line, &muted, LINE))) {
            let style = style.pos(Pos::new(HPos::Left, VPos::Top));
            root.draw(&Text::new(line.as_str(), (MARGIN as i32, top as i32), style))?;
            top += height;
        }
        draw(&root.split_vertically(head).1)?;
        root.present()
    };
    drawn().map_err(|e| Error::new(ErrorKind::Chart, format!("{} cannot be drawn: {e}", words.name)))?;
    Ok(Figure { svg, name: words.name, title, description })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_to_their_width() {
        let text = "one two three four ".repeat(20) + &"x".repeat(500) + " \u{623f}\u{4fa1}\u{1f3e0}";
        let lines = wrap(&text, TEXT, 600);
        assert!(lines.iter().all(|line| text_width(line, TEXT) <= 600) && lines.len() > 5);
        assert!(wrap("", TEXT, 600).is_empty());
        assert_eq!((fit("abc", TEXT, 600).as_str(), fit("abc", TEXT, 0).as_str()), ("abc", ""));
        let wide = fit(&"\u{623f}\u{4fa1}".repeat(40), TEXT, 400);
        // A wide letter is as wide as the font is high.
        assert!(wide.ends_with('\u{2026}') && wide.chars().count() as f64 * TEXT <= 400.0, "{wide}");
    }
}
