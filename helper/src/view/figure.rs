//! How charts show themselves: as pictures that every viewer of notebooks shows.

use super::{Bundle, Show};
use crate::chart::Figure;
use crate::error::Result;
use crate::text::escape;

/// Puts the SVG itself in the place of each picture, so that tooltips work. Viewers that do not trust
/// a notebook remove the script, and keep the picture.
pub(super) const INLINE: &str = "<script>for (const i of document.currentScript.parentElement.querySelectorAll(\"img[src^='data:image/svg']\"))
i.outerHTML = decodeURIComponent(i.getAttribute(\"src\").split(\",\")[1]);</script>";

/// The chart as an `img` element that holds it. Only what a URL or an attribute may not contain is
/// encoded, which takes less space than base64.
pub(super) fn picture(figure: &Figure) -> String {
    let encoded = [
        ("%", "%25"),
        ("'", "&#39;"),
        ("\"", "'"),
        ("&", "%26"),
        ("#", "%23"),
        ("<", "%3C"),
        (">", "%3E"),
        (",", "%2C"),
    ]
    .into_iter()
    .fold(figure.svg().to_owned(), |svg, (from, to)| svg.replace(from, to));
    let alt = escape(&format!("{}. {}", figure.title(), figure.description()));
    format!(
        "<img alt=\"{alt}\" style=\"max-width:100%;background:#fff\" src=\"data:image/svg+xml,{encoded}\">"
    )
}

/// The chart as `show` gives it, or why there is none.
pub(super) fn drawn(chart: Result<Figure>, show: impl Fn(&Figure) -> String) -> String {
    chart.map_or_else(|error| format!("<p>{}</p>", escape(&error.to_string())), |chart| show(&chart))
}

impl Show for Figure {
    fn bundle(&self) -> Bundle {
        Bundle {
            html: format!("<div>{}{INLINE}</div>", picture(self)),
            text: format!("{}\n{}\n", self.title(), self.description()),
        }
    }

    /// A chart that cannot be written is shown all the same.
    fn saves(&self) {
        if let Err(error) = self.save(self.path()) {
            eprintln!("the chart is shown, but not saved: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::histogram;
    use crate::data::friedman1;

    /// The value of an attribute, as a browser reads it.
    fn attribute(html: &str, name: &str) -> String {
        let value = html.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap();
        value
            .replace("&#39;", "'")
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
    }

    fn percent_decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            let (byte, after) = match (first, after) {
                (b'%', [a, b, after @ ..]) => {
                    (u8::from_str_radix(std::str::from_utf8(&[*a, *b]).unwrap(), 16).unwrap(), after)
                }
                _ => (*first, after),
            };
            bytes.push(byte);
            rest = after;
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_picture_holds_the_svg() {
        let figure = histogram(&friedman1(500, 5, 1.0, 1).unwrap()).unwrap();
        let Bundle { html, text } = figure.bundle();
        let source = attribute(&html, "src");
        let (kind, data) = source.split_once(',').unwrap();
        assert_eq!(kind, "data:image/svg+xml");
        assert!(!data.contains(['"', '<', '#', ',']), "{data}");
        // The same but for the quotes around attributes.
        assert_eq!(percent_decoded(data), figure.svg().replace('\'', "&#39;").replace('"', "'"));
        assert!(attribute(&html, "alt").contains(figure.description()) && text.contains(figure.title()));
        assert!(html.len() < 13 * figure.svg().len() / 10, "{} of {}", html.len(), figure.svg().len());
    }
}
