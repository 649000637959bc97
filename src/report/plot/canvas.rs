//! Drawing primitives for plots, in pixels with fractions: the only file that uses plotters.
//!
//! plotters draws on whole pixels, which makes curves jagged. So it draws on an area ten times as large, and the
//! document has that area as its view box and a tenth of it as its size.

use crate::diag::Diagnostic;
use crate::report::text::{FAMILY, Rgb, escape};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::cell::RefCell;

/// Units of the backend per pixel.
const FINE: f64 = 10.0;
/// plotters divides font sizes by this.
const PLOTTERS_FONT: f64 = 1.24;

/// A page being drawn on.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    /// Cells of maps, which plotters would write one by one.
    cells: RefCell<String>,
}

/// Which point of a text is given: its left end, middle or right end (vertically always the middle).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A document of `width` by `height` pixels with what `draw` puts on it.
///
/// # Errors
/// E0959.
pub(super) fn page(
    width: f64,
    height: f64,
    title: &str,
    draw: impl FnOnce(&Canvas) -> Result<(), Diagnostic>,
) -> Result<String, Diagnostic> {
    let (fine_width, fine_height) = ((width * FINE).round() as u32, (height * FINE).round() as u32);
    let mut svg = String::new();
    let cells;
    {
        let canvas = Canvas {
            area: SVGBackend::with_string(&mut svg, (fine_width, fine_height)).into_drawing_area(),
            cells: RefCell::default(),
        };
        canvas.rectangle([0.0, 0.0], [width, height], crate::report::text::WHITE)?;
        draw(&canvas)?;
        canvas.area.present().map_err(failed)?;
        cells = canvas.cells.take();
    }
    if let Some(end) = svg.rfind("</svg>") {
        svg.insert_str(end, &cells);
    }
    let header = format!("<svg width=\"{fine_width}\" height=\"{fine_height}\"");
    let ours = format!("<svg role=\"img\" width=\"{width:.0}\" height=\"{height:.0}\"");
    let svg = svg.replacen(&header, &ours, 1);
    Ok(match svg.find(">\n") {
        Some(end) => {
            format!(
                "{}<title>{}</title>\n{}",
                &svg[..end + 2],
                escape(title),
                &svg[end + 2..]
            )
        }
        None => svg,
    })
}

fn failed(e: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::error("E0959", "a picture cannot be drawn").note(e.to_string())
}

fn color(c: Rgb) -> RGBColor {
    RGBColor(c.0, c.1, c.2)
}

fn fine(at: [f64; 2]) -> (i32, i32) {
    ((at[0] * FINE).round() as i32, (at[1] * FINE).round() as i32)
}

impl Canvas<'_> {
    /// Text at the point `[x, y]` in pixels, with its middle at height `at[1]`.
    ///
    /// # Errors
    /// E0959.
    pub(super) fn text(
        &self,
        content: &str,
        at: [f64; 2],
        anchor: Anchor,
        size: f64,
        bold: bool,
        ink: Rgb,
    ) -> Result<(), Diagnostic> {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::Name(FAMILY), size * FINE * PLOTTERS_FONT, style);
        let style = font.color(&color(ink)).pos(Pos::new(horizontal, VPos::Center));
        self.area.draw_text(content, &style, fine(at)).map_err(failed)
    }

    /// A line through the points `[x, y]`, in pixels and in order.
    ///
    /// # Errors
    /// E0959.
    pub(super) fn line(&self, points: &[[f64; 2]], ink: Rgb, width: f64) -> Result<(), Diagnostic> {
        if points.len() < 2 {
            return Ok(());
        }
        let style = color(ink).stroke_width((width * FINE).round() as u32);
        let points: Vec<(i32, i32)> = points.iter().map(|p| fine(*p)).collect();
        self.area.draw(&PathElement::new(points, style)).map_err(failed)
    }

    /// A dashed line through the points `[x, y]`, in pixels and in order.
    ///
    /// # Errors
    /// E0959.
    pub(super) fn dashes(&self, points: &[[f64; 2]], ink: Rgb, width: f64) -> Result<(), Diagnostic> {
        for piece in dashed(points, 6.0, 4.0) {
            self.line(&piece, ink, width)?;
        }
        Ok(())
    }

    /// A filled area without a border; its corners are points `[x, y]`, in pixels and in order.
    ///
    /// # Errors
    /// E0959.
    pub(super) fn polygon(&self, points: &[[f64; 2]], ink: Rgb, opacity: f64) -> Result<(), Diagnostic> {
        let points: Vec<(i32, i32)> = points.iter().map(|p| fine(*p)).collect();
        self.area
            .draw(&Polygon::new(points, color(ink).mix(opacity).filled()))
            .map_err(failed)
    }

    /// A filled rectangle between two corners `[x, y]`, in pixels.
    ///
    /// # Errors
    /// E0959.
    pub(super) fn rectangle(&self, from: [f64; 2], to: [f64; 2], ink: Rgb) -> Result<(), Diagnostic> {
        self.area
            .draw(&Rectangle::new([fine(from), fine(to)], color(ink).filled()))
            .map_err(failed)
    }

    /// Filled rectangles of one colour, each between two corners `[x, y]` in pixels, as one element. The colour is the same by day and
    /// by night.
    pub(super) fn cells(&self, all: &[[[f64; 2]; 2]], ink: Rgb) {
        let mut out = format!("<path style=\"fill:{}\" d=\"", ink.hex());
        for [from, to] in all {
            let ((left, upper), (right, lower)) = (fine(*from), fine(*to));
            let (wide, high) = (right - left, lower - upper);
            out.push_str(&format!("M{left} {upper}h{wide}v{high}h{}z", -wide));
        }
        out.push_str("\"/>\n");
        self.cells.borrow_mut().push_str(&out);
    }

    /// A dot around the point `[x, y]`, in pixels.
    ///
    /// # Errors
    /// E0959.
    pub(super) fn dot(&self, at: [f64; 2], radius: f64, ink: Rgb) -> Result<(), Diagnostic> {
        let radius = (radius * FINE).round() as i32;
        self.area
            .draw(&Circle::new(fine(at), radius, color(ink).filled()))
            .map_err(failed)
    }
}

/// The dashes of a line: `on` drawn, `off` left out, measured along it.
fn dashed(points: &[[f64; 2]], on: f64, off: f64) -> Vec<Vec<[f64; 2]>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<[f64; 2]> = points.first().copied().into_iter().collect();
    let mut drawing = true;
    let mut left = on;
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to[0] - from[0]).hypot(to[1] - from[1]);
            if !length.is_finite() || length < left {
                left -= length;
                if drawing {
                    piece.push(to);
                }
                break;
            }
            let share = left / length;
            from = [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
            if drawing {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
    }
    if drawing && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}
