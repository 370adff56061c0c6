//! A plotters backend that writes SVG.
//!
//! plotters' own SVG backend takes 100 bytes for each of the thousands of cells of a map and has no
//! tooltips; this one joins rectangles of one colour into a path, and writes `<title>` elements.

use std::convert::Infallible;
use std::fmt::Write as _;

use plotters::element::{Circle, Drawable, PointCollection, Rectangle};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
    FontTransform,
};

use crate::text::escape;

/// Units of drawing per pixel: plotters draws in whole units, and a step of a whole pixel would show.
pub(super) const SCALE: u32 = 2;
/// Fonts of about the same width, at least one of which most systems have.
const FONTS: &str = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";
/// plotters' font sizes are larger than the size of the letters by this factor.
pub(super) const FONT_SIZE: f64 = 1.24;

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// Writes into a string what plotters draws.
pub(super) struct Svg<'a> {
    out: &'a mut String,
    size: (u32, u32),
    /// The tooltip of what is drawn next.
    tip: String,
    /// The colour of the path of rectangles that is not written yet, and its data.
    fill: String,
    path: String,
}

impl<'a> Svg<'a> {
    /// A page of this size in units; `label` is what screen readers read out.
    pub(super) fn new(out: &'a mut String, size: (u32, u32), label: &str) -> Self {
        let (width, height) = size;
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" \
             style=\"max-width:100%;height:auto\" role=\"img\" aria-label=\"{}\" font-family=\"{FONTS}\">",
            width / SCALE,
            height / SCALE,
            escape(label)
        );
        Self { out, size, tip: String::new(), fill: String::new(), path: String::new() }
    }

    /// Writes the path of rectangles.
    fn flush(&mut self) {
        if !self.path.is_empty() {
            let Self { out, fill, path, .. } = self;
            let _ = write!(out, "<path{fill} shape-rendering=\"crispEdges\" d=\"{path}\"/>");
            self.path.clear();
        }
    }

    fn element(&mut self, name: &str, attributes: &str) -> Drawn {
        self.flush();
        let _ = match self.tip.is_empty() {
            true => write!(self.out, "<{name}{attributes}/>"),
            false => write!(self.out, "<{name}{attributes}><title>{}</title></{name}>", escape(&self.tip)),
        };
        Ok(())
    }
}

/// `attribute="colour"`, with the opacity where it is not 1.
fn paint(attribute: &str, BackendColor { alpha, rgb: (r, g, b) }: BackendColor) -> String {
    let opacity = if alpha < 1.0 { format!(" {attribute}-opacity=\"{alpha}\"") } else { String::new() };
    format!(" {attribute}=\"#{r:02x}{g:02x}{b:02x}\"{opacity}")
}

fn stroke<S: BackendStyle>(style: &S) -> String {
    format!(" fill=\"none\"{} stroke-width=\"{}\"", paint("stroke", style.color()), style.stroke_width())
}

fn points(path: impl IntoIterator<Item = BackendCoord>) -> String {
    path.into_iter().map(|(x, y)| format!("{x},{y} ")).collect::<String>().trim_end().to_owned()
}

impl DrawingBackend for Svg<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        self.flush();
        self.out.push_str("</svg>");
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Drawn {
        self.draw_rect(at, (at.0 + 1, at.1 + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        if style.color().alpha == 0.0 {
            return Ok(());
        }
        let (width, height) = (right - left, bottom - top);
        let place = format!(" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"");
        let colour = paint("fill", style.color());
        match (fill, self.tip.is_empty()) {
            (false, _) => self.element("rect", &(place + &stroke(style))),
            (true, false) => self.element("rect", &(place + &colour)),
            (true, true) => {
                if self.fill != colour {
                    self.flush();
                    self.fill = colour;
                }
                let _ = write!(self.path, "M{left} {top}h{width}v{height}h{}z", -width);
                Ok(())
            }
        }
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        if style.color().alpha == 0.0 {
            return Ok(());
        }
        self.element("polyline", &format!("{} points=\"{}\"", stroke(style), points(path)))
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let paint = if fill { paint("fill", style.color()) } else { stroke(style) };
        self.element("circle", &format!(" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"{paint}"))
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.element("polygon", &format!("{} points=\"{}\"", paint("fill", style.color()), points(path)))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        self.flush();
        let anchor = match style.anchor().h_pos {
            HPos::Left => "",
            HPos::Center => " text-anchor=\"middle\"",
            HPos::Right => " text-anchor=\"end\"",
        };
        let dy = match style.anchor().v_pos {
            VPos::Top => "0.76em",
            VPos::Center => "0.35em",
            VPos::Bottom => "-0.24em",
        };
        let bold = if matches!(style.style(), FontStyle::Bold) { " font-weight=\"bold\"" } else { "" };
        let degrees = match style.transform() {
            FontTransform::None => 0,
            FontTransform::Rotate90 => 90,
            FontTransform::Rotate180 => 180,
            FontTransform::Rotate270 => 270,
        };
        let turn =
            if degrees == 0 { String::new() } else { format!(" transform=\"rotate({degrees} {x} {y})\"") };
        let (size, colour) = ((style.size() / FONT_SIZE).round(), paint("fill", style.color()));
        let _ = write!(
            self.out,
            "<text x=\"{x}\" y=\"{y}\" dy=\"{dy}\" font-size=\"{size}\"{anchor}{colour}{bold}{turn}>{}</text>",
            escape(text)
        );
        Ok(())
    }
}

/// A rectangle or a circle with a tooltip.
pub(super) struct Tip<E>(pub(super) E, pub(super) String);

type At = (f64, f64);

// For each shape apart: an implementation for all elements would apply to itself without end.
macro_rules! tips {
    ($($shape:ty),*) => { $(
        impl<'a> PointCollection<'a, At> for &'a Tip<$shape> {
            type Point = &'a At;
            type IntoIter = <&'a $shape as PointCollection<'a, At>>::IntoIter;

            fn point_iter(self) -> Self::IntoIter {
                self.0.point_iter()
            }
        }

        impl<'s> Drawable<Svg<'s>> for Tip<$shape> {
            fn draw<I: Iterator<Item = BackendCoord>>(
                &self,
                points: I,
                backend: &mut Svg<'s>,
                parent: (u32, u32),
            ) -> Drawn {
                backend.tip.clone_from(&self.1);
                let drawn = self.0.draw(points, backend, parent);
                backend.tip.clear();
                drawn
            }
        }
    )* };
}

tips!(Rectangle<At>, Circle<At, i32>);

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::coord::types::RangedCoordf64;
    use plotters::prelude::*;

    #[test]
    fn rectangles_of_one_colour_are_one_path_and_tooltips_are_titles() {
        let mut out = String::new();
        let root = Svg::new(&mut out, (40, 20), "a<b").into_drawing_area();
        let root = root.apply_coord_spec(Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
            0.0..40.0,
            0.0..20.0,
            (0..40, 0..20),
        ));
        let rect = |x: f64, colour: RGBColor| Rectangle::new([(x, 0.0), (x + 5.0, 4.0)], colour.filled());
        root.draw(&rect(0.0, RED)).unwrap();
        root.draw(&rect(7.0, RED)).unwrap();
        root.draw(&rect(0.0, BLUE)).unwrap();
        root.draw(&Tip(rect(9.0, BLUE), "5 < 6".to_owned())).unwrap();
        root.present().unwrap();
        drop(root);
        assert!(out.contains("viewBox=\"0 0 40 20\"") && out.contains("width=\"20\""), "{out}");
        assert!(out.contains("aria-label=\"a&lt;b\""), "{out}");
        assert!(
            out.contains("fill=\"#ff0000\" shape-rendering=\"crispEdges\" d=\"M0 0h5v4h-5zM7 0h5v4h-5z\"")
        );
        assert!(out.contains(
            "<rect x=\"9\" y=\"0\" width=\"5\" height=\"4\" fill=\"#0000ff\"><title>5 &lt; 6</title></rect>"
        ));
        assert!(out.ends_with("</svg>"));
    }
}
