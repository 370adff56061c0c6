//! A plotters backend that writes SVG.
//!
//! plotters' own SVG backend takes 100 bytes for each of the thousands of cells of a map and has no
//! tooltips; this one joins rectangles of one colour into a path, and writes `<title>` elements.

use std::convert::Infallible;
use std::fmt::Write as _;

use plotters::element::{Drawable, PointCollection};
use plotters::style::ShapeStyle;
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

/// Writes into a string what plotters draws: lines, rectangles, circles and text.
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

    fn polyline<S: BackendStyle>(
        &mut self,
        path: impl IntoIterator<Item = BackendCoord>,
        style: &S,
        dashes: &str,
    ) -> Drawn {
        let points: Vec<String> = path.into_iter().map(|(x, y)| format!("{x},{y}")).collect();
        let (paint, points) = (painted(style, false), points.join(" "));
        self.element("polyline", &format!("{paint}{dashes} points=\"{points}\""))
    }
}

/// `attribute="colour"`, with the opacity where it is not 1.
fn paint(attribute: &str, BackendColor { alpha, rgb: (r, g, b) }: BackendColor) -> String {
    let opacity = if alpha < 1.0 { format!(" {attribute}-opacity=\"{alpha}\"") } else { String::new() };
    format!(" {attribute}=\"#{r:02x}{g:02x}{b:02x}\"{opacity}")
}

/// The attributes of a filled or an outlined shape.
fn painted<S: BackendStyle>(style: &S, fill: bool) -> String {
    match fill {
        true => paint("fill", style.color()),
        false => format!(
            " fill=\"none\"{} stroke-width=\"{}\"",
            paint("stroke", style.color()),
            style.stroke_width()
        ),
    }
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
        let (width, height, colour) = (right - left, bottom - top, painted(style, fill));
        if style.color().alpha == 0.0 {
            return Ok(());
        }
        if !fill || !self.tip.is_empty() {
            let place = format!(" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"");
            return self.element("rect", &(place + &colour));
        }
        if self.fill != colour {
            self.flush();
            self.fill = colour;
        }
        let _ = write!(self.path, "M{left} {top}h{width}v{height}h{}z", -width);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.polyline(path, style, "")
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        self.element("circle", &format!(" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"{}", painted(style, fill)))
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
        let turn = match style.transform() {
            FontTransform::None => String::new(),
            FontTransform::Rotate90 => format!(" transform=\"rotate(90 {x} {y})\""),
            FontTransform::Rotate180 => format!(" transform=\"rotate(180 {x} {y})\""),
            FontTransform::Rotate270 => format!(" transform=\"rotate(270 {x} {y})\""),
        };
        let bold = if matches!(style.style(), FontStyle::Bold) { " font-weight=\"bold\"" } else { "" };
        let (size, colour) = ((style.size() / FONT_SIZE).round(), paint("fill", style.color()));
        let _ = write!(
            self.out,
            "<text x=\"{x}\" y=\"{y}\" dy=\"{dy}\" font-size=\"{size}\"{anchor}{colour}{bold}{turn}>{}</text>",
            escape(text)
        );
        Ok(())
    }
}

pub(super) type At = (f64, f64);

/// What a mark looks like.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// Between two corners.
    Rectangle,
    /// Of this radius, around a point.
    Circle(u32),
    /// From point to point.
    Line,
    Dashes,
}

/// A shape with a tooltip, if that is not empty.
pub(super) struct Mark<P = At> {
    pub(super) shape: Shape,
    pub(super) points: Vec<P>,
    pub(super) style: ShapeStyle,
    pub(super) tip: String,
}

impl<P> Mark<P> {
    pub(super) fn new(shape: Shape, points: impl Into<Vec<P>>, style: impl Into<ShapeStyle>) -> Self {
        Self { shape, points: points.into(), style: style.into(), tip: String::new() }
    }

    pub(super) fn tip(self, tip: impl Into<String>) -> Self {
        Self { tip: tip.into(), ..self }
    }
}

impl<'a, P: 'a> PointCollection<'a, P> for &'a Mark<P> {
    type Point = &'a P;
    type IntoIter = std::slice::Iter<'a, P>;

    fn point_iter(self) -> Self::IntoIter {
        self.points.iter()
    }
}

impl<'s, P> Drawable<Svg<'s>> for Mark<P> {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        points: I,
        backend: &mut Svg<'s>,
        _: (u32, u32),
    ) -> Drawn {
        let (style, points) = (&self.style, points.collect::<Vec<_>>());
        backend.tip.clone_from(&self.tip);
        let drawn = match (self.shape, &points[..]) {
            (Shape::Rectangle, &[(x, y), (u, v)]) => {
                backend.draw_rect((x.min(u), y.min(v)), (x.max(u), y.max(v)), style, style.filled)
            }
            (Shape::Circle(radius), &[at]) => backend.draw_circle(at, radius, style, style.filled),
            (Shape::Dashes, _) => backend.polyline(points, style, " stroke-dasharray=\"14 10\""),
            _ => backend.polyline(points, style, ""),
        };
        backend.tip.clear();
        drawn
    }
}

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
        let rect = |x: f64, colour: RGBColor, tip: &str| {
            Mark::new(Shape::Rectangle, [(x, 0.0), (x + 5.0, 4.0)], colour.filled()).tip(tip)
        };
        root.draw(&rect(0.0, RED, "")).unwrap();
        root.draw(&rect(7.0, RED, "")).unwrap();
        root.draw(&rect(0.0, BLUE, "")).unwrap();
        root.draw(&rect(9.0, BLUE, "5 < 6")).unwrap();
        root.draw(&Mark::new(Shape::Circle(3), [(20.0, 10.0)], Color::stroke_width(&RED, 2)).tip("seven"))
            .unwrap();
        root.draw(&Mark::new(Shape::Dashes, [(0.0, 0.0), (40.0, 20.0)], RED)).unwrap();
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
        assert!(out.contains("r=\"3\" fill=\"none\" stroke=\"#ff0000\" stroke-width=\"2\"><title>seven"));
        assert!(out.contains(" stroke-dasharray=\"14 10\" points=\"0,0 40,20\"/>"), "{out}");
        assert!(out.ends_with("</svg>"));
    }
}
