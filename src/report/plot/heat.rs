//! Draws a [`HeatMap`]: one cell per grid point, its edges half way to the neighbours, and a scale of colours.

use super::canvas::{Anchor, Canvas, page};
use super::data::{Data, Plane, Shown};
use super::lines::{heading, heading_height, spaced_ticks};
use super::scale::{Scale, full_range};
use super::{Drawn, HeatMap};
use crate::diag::Diagnostic;
use crate::report::number::tick;
use crate::report::text::{AXIS, GREY, INK, Rgb, fitted, viridis, width};

const WIDTH: f64 = 720.0;
const MARGIN: f64 = 20.0;
const TICK_FONT: f64 = 11.0;
const LABEL_FONT: f64 = 12.0;
/// Of a direction with more grid points than this every second, third, .. one is shown.
const MOST_CELLS: usize = 80;
/// Colours of a map: neighbours of one colour are drawn as one.
const COLORS: usize = 96;
/// Where there is no number.
const MISSING: Rgb = Rgb(0xd9, 0xdc, 0xe0);

/// The map as SVG, with its numbers and where they stand.
///
/// # Errors
/// E0959.
pub(super) fn draw(map: &HeatMap) -> Result<Drawn, Diagnostic> {
    let top = heading_height(&map.subtitle) + 22.0;
    let height = top + 360.0 + 48.0;
    if map.values.len() != map.x.len() * map.y.len() {
        return Err(Diagnostic::error("E0959", "a picture cannot be drawn").note(format!(
            "{} values for a grid of {} by {}",
            map.values.len(),
            map.x.len(),
            map.y.len()
        )));
    }
    let mut data = Data::default();
    let svg = page(WIDTH, height, &map.title, |canvas| {
        heading(canvas, &map.title, &map.subtitle, WIDTH)?;
        let y = Scale {
            data: full_range(edges(&map.y).into_iter()),
            pixels: [top + 360.0, top],
        };
        let y_ticks = y.ticks(8);
        let room = y_ticks.iter().map(|t| width(&tick(*t), TICK_FONT)).fold(14.0, f64::max);
        let x = Scale {
            data: full_range(edges(&map.x).into_iter()),
            pixels: [MARGIN + room + 8.0, WIDTH - 120.0],
        };
        let range = full_range(map.values.iter().copied());
        cells(canvas, map, &x, &y, range);
        frame(canvas, map, &x, &y, &y_ticks)?;
        let (columns, rows) = (shown(map.x.len()), shown(map.y.len()));
        let pick = |of: &[f64], at: &[usize]| at.iter().map(|&i| of[i]).collect::<Vec<f64>>();
        let cells = Shown::Cells {
            x: pick(&map.x, &columns),
            y: pick(&map.y, &rows),
            values: rows
                .iter()
                .flat_map(|i| columns.iter().map(move |j| map.values[i * map.x.len() + j]))
                .collect(),
            label: &map.value_label,
        };
        let none = Vec::new();
        let plane = Plane {
            x: &x,
            y: &y,
            names: [&none, &none],
        };
        data.panel(&plane, ["", &map.x_label, &map.y_label], &cells, &[]);
        color_scale(canvas, map, top, range)
    })?;
    Ok(Drawn { svg, data: data.text() })
}

/// The edges of the cells around grid points: half way between neighbours, the outermost at the points themselves.
fn edges(points: &[f64]) -> Vec<f64> {
    let mut out: Vec<f64> = points.first().copied().into_iter().collect();
    out.extend(points.windows(2).map(|p| f64::midpoint(p[0], p[1])));
    out.extend(points.last());
    out
}

/// Numbers of the grid points shown.
fn shown(n: usize) -> Vec<usize> {
    let step = n.div_ceil(MOST_CELLS).max(1);
    (0..n).step_by(step).collect()
}

fn cells(canvas: &Canvas, map: &HeatMap, x: &Scale, y: &Scale, range: [f64; 2]) {
    let (columns, rows) = (shown(map.x.len()), shown(map.y.len()));
    let x_edges = edges(&columns.iter().map(|&j| map.x[j]).collect::<Vec<f64>>());
    let y_edges = edges(&rows.iter().map(|&i| map.y[i]).collect::<Vec<f64>>());
    // The last edge reaches the end of the axis even where the last point was left out.
    let stretch = |mut e: Vec<f64>, end: Option<&f64>| {
        if let (Some(last), Some(end)) = (e.last_mut(), end) {
            *last = *end;
        }
        e
    };
    let (x_edges, y_edges) = (stretch(x_edges, map.x.last()), stretch(y_edges, map.y.last()));
    // By colour, the last for what is no number: neighbours in a row that have it, from edge to edge.
    let mut all: Vec<Vec<[[f64; 2]; 2]>> = vec![Vec::new(); COLORS + 1];
    for (i, row) in rows.iter().enumerate() {
        let inks: Vec<usize> = (columns.iter())
            .map(|column| color_number(map.values[row * map.x.len() + column], range))
            .collect();
        let mut from = 0;
        for run in inks.chunk_by(|a, b| a == b) {
            let to = from + run.len();
            // a little over the edge, so that no light seam is seen between cells
            all[run[0]].push([
                [x.at(x_edges[from]), y.at(y_edges[i + 1])],
                [
                    (x.at(x_edges[to]) + 0.6).min(x.pixels[1]),
                    (y.at(y_edges[i]) + 0.6).min(y.pixels[0]),
                ],
            ]);
            from = to;
        }
    }
    for (number, cells) in all.iter().enumerate().filter(|(_, c)| !c.is_empty()) {
        canvas.cells(cells, color(number));
    }
}

/// The number of the colour of a value.
fn color_number(value: f64, range: [f64; 2]) -> usize {
    if !value.is_finite() {
        return COLORS;
    }
    let share = (value - range[0]) / (range[1] - range[0]);
    ((share * COLORS as f64) as usize).min(COLORS - 1)
}

/// The colour of a number.
fn color(number: usize) -> Rgb {
    match number < COLORS {
        true => viridis(number as f64 / (COLORS - 1) as f64),
        false => MISSING,
    }
}

fn frame(canvas: &Canvas, map: &HeatMap, x: &Scale, y: &Scale, y_ticks: &[f64]) -> Result<(), Diagnostic> {
    let ([left, right], [lower, upper]) = (x.pixels, y.pixels);
    for t in y_ticks {
        canvas.line(&[[left - 4.0, y.at(*t)], [left, y.at(*t)]], AXIS, 1.0)?;
        canvas.text(&tick(*t), [left - 7.0, y.at(*t)], Anchor::End, TICK_FONT, false, GREY)?;
    }
    for t in spaced_ticks(x) {
        canvas.line(&[[x.at(t), lower], [x.at(t), lower + 4.0]], AXIS, 1.0)?;
        canvas.text(
            &tick(t),
            [x.at(t), lower + 13.0],
            Anchor::Middle,
            TICK_FONT,
            false,
            GREY,
        )?;
    }
    let x_label = fitted(&map.x_label, LABEL_FONT, right - left);
    canvas.text(
        &x_label,
        [f64::midpoint(left, right), lower + 31.0],
        Anchor::Middle,
        LABEL_FONT,
        false,
        GREY,
    )?;
    let y_label = fitted(&map.y_label, LABEL_FONT, right - left);
    canvas.text(&y_label, [MARGIN, upper - 13.0], Anchor::Start, LABEL_FONT, false, GREY)
}

fn color_scale(canvas: &Canvas, map: &HeatMap, top: f64, range: [f64; 2]) -> Result<(), Diagnostic> {
    let (left, right) = (WIDTH - 96.0, WIDTH - 80.0);
    let y = Scale {
        data: range,
        pixels: [top + 360.0, top],
    };
    for i in 0..COLORS {
        let at = |k: usize| y.pixels[0] + k as f64 / COLORS as f64 * (y.pixels[1] - y.pixels[0]);
        canvas.cells(
            &[[[left, at(i + 1)], [right, (at(i) + 0.6).min(y.pixels[0])]]],
            color(i),
        );
    }
    for t in y.ticks(8) {
        canvas.line(&[[right, y.at(t)], [right + 4.0, y.at(t)]], AXIS, 1.0)?;
        canvas.text(&tick(t), [right + 8.0, y.at(t)], Anchor::Start, TICK_FONT, false, GREY)?;
    }
    let label = fitted(&map.value_label, LABEL_FONT, WIDTH - left - 4.0);
    canvas.text(&label, [left, top - 13.0], Anchor::Start, LABEL_FONT, false, INK)
}
