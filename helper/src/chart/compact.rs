//! plotters writes an element of some 100 bytes for each rectangle; a map of thousands of cells
//! would weigh more than the notebook around it. This rewrites its SVG: neighbouring rectangles of
//! one colour become one path, and what every element repeats is said once.

use std::fmt::Write as _;

/// Fonts that most systems have at least one of, all of about the same width.
const FONTS: &str = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

/// A rectangle's left, top, width and height.
type Rect = [i32; 4];

/// The SVG that plotters drew at `scale` units per pixel, for a page of this size in pixels.
pub(super) fn compact(svg: &str, size: (u32, u32), scale: u32, description: &str) -> String {
    let (width, height) = size;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" \
         style=\"max-width:100%;height:auto\" font-family=\"{FONTS}\">\n<desc>{}</desc>\n",
        width * scale,
        height * scale,
        crate::text::escape(description)
    );
    let mut path = Path::default();
    for line in svg.lines().skip(1) {
        match rectangle(line) {
            Some((fill, rect)) => path.add(&mut out, fill, rect),
            None => {
                path.finish(&mut out);
                let line = line.replace(" opacity=\"1\"", "").replace(" font-family=\"sans-serif\"", "");
                out.push_str(&line);
                out.push('\n');
            }
        }
    }
    out
}

/// The colour and place of an opaque, filled rectangle.
fn rectangle(line: &str) -> Option<(&str, Rect)> {
    let rest = line.strip_prefix("<rect ")?;
    let value = |name: &str| {
        let start = rest.find(&format!("{name}=\""))? + name.len() + 2;
        rest[start..].split('"').next()
    };
    if value("stroke") != Some("none") || value("opacity") != Some("1") {
        return None;
    }
    let number = |name| value(name)?.parse().ok();
    Some((value("fill")?, [number("x")?, number("y")?, number("width")?, number("height")?]))
}

/// Rectangles of one colour.
#[derive(Default)]
struct Path {
    fill: String,
    data: String,
    /// Where the last subpath began.
    at: (i32, i32),
    /// The rectangle that the next may yet make longer.
    open: Option<Rect>,
}

impl Path {
    fn add(&mut self, out: &mut String, fill: &str, rect: Rect) {
        if self.fill != fill {
            self.finish(out);
            fill.clone_into(&mut self.fill);
        }
        match &mut self.open {
            Some([x, y, w, h]) if *y == rect[1] && *h == rect[3] && *x + *w == rect[0] => *w += rect[2],
            _ => {
                self.close();
                self.open = Some(rect);
            }
        }
    }

    fn close(&mut self) {
        if let Some([x, y, w, h]) = self.open.take() {
            let (dx, dy) = (x - self.at.0, y - self.at.1);
            let _ = write!(self.data, "m{dx} {dy}h{w}v{h}h{}z", -w);
            self.at = (x, y);
        }
    }

    fn finish(&mut self, out: &mut String) {
        self.close();
        if !self.data.is_empty() {
            let Self { fill, data, .. } = std::mem::take(self);
            // Crisp edges: no light between two cells that touch.
            let _ = writeln!(out, "<path fill=\"{fill}\" shape-rendering=\"crispEdges\" d=\"{data}\"/>");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_of_one_colour_are_one_path() {
        let rect = |x, y, fill| {
            format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"5\" height=\"4\" opacity=\"1\" fill=\"{fill}\" stroke=\"none\"/>\n"
            )
        };
        let half =
            "<rect x=\"1\" y=\"1\" width=\"5\" height=\"4\" opacity=\"0.5\" fill=\"#1\" stroke=\"none\"/>\n";
        let body = [rect(10, 20, "#1"), rect(15, 20, "#1"), rect(30, 24, "#1"), rect(0, 0, "#2")].concat();
        let out = compact(&format!("<svg>\n{body}{half}</svg>\n"), (2, 3), 5, "a<b");
        assert!(out.contains("viewBox=\"0 0 10 15\"") && out.contains("<desc>a&lt;b</desc>"));
        assert!(out.contains("d=\"m10 20h10v4h-10zm20 4h5v4h-5z\""), "{out}");
        assert!(
            out.contains("<path fill=\"#2\" shape-rendering=\"crispEdges\" d=\"m0 0h5v4h-5z\"/>"),
            "{out}"
        );
        assert!(out.contains(half) && out.ends_with("</svg>\n"));
    }
}
