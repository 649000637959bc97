//! Draws a [`Figure`]: heading, legend, then panels in rows, with light horizontal and vertical guides.

use super::canvas::{Anchor, Canvas, page};
use super::data::{Curve, Data, Plane, Shown};
use super::scale::{Scale, clipped, full_range, thinned, useful_range};
use super::{Drawn, Figure, Mark, Names, Panel, Series, Stroke};
use crate::diag::Diagnostic;
use crate::report::number::tick;
use crate::report::text::{AXIS, CATEGORIES, GREY, GRID, INK, Rgb, WHITE, fitted, viridis, width};

const MARGIN: f64 = 20.0;
const TICK_FONT: f64 = 11.0;
const LABEL_FONT: f64 = 12.0;
const LEGEND_FONT: f64 = 12.0;
const GAP: f64 = 26.0;
/// Share of the range of dots that is left free at both sides.
const DOTS_INSIDE: f64 = 0.03;
/// Reference lines.
const MARK: Rgb = Rgb(0x50, 0x56, 0x5d);
/// Shaded ranges, and how much of it they have.
const REGION: Rgb = Rgb(0x2f, 0x8f, 0x5b);
const SHADE: f64 = 0.1;
/// Most entries of a legend of ordered series.
const LEGEND_MOST: usize = 9;

/// The figure as SVG, with its numbers and where they stand.
///
/// # Errors
/// E0959.
pub(super) fn draw(figure: &Figure) -> Result<Drawn, Diagnostic> {
    let columns = figure.columns.clamp(1, figure.panels.len().max(1));
    let rows = figure.panels.len().div_ceil(columns).max(1);
    let single = figure.panels.len() <= 1;
    let page_width = if single {
        720.0
    } else if columns == 2 {
        860.0
    } else {
        1000.0
    };
    let panel_width = (page_width - 2.0 * MARGIN - GAP * (columns - 1) as f64) / columns as f64;
    let panel_height = if single { 340.0 } else { 220.0 };
    let names = legend_names(figure);
    let entries = legend_entries(figure, &names);
    let legend = legend_layout(&entries, page_width);
    let top = heading_height(&figure.subtitle) + legend.height;
    let height = top + rows as f64 * panel_height + (rows - 1) as f64 * 18.0 + MARGIN * 0.6;
    let mut data = Data::default();
    let svg = page(page_width, height, &figure.title, |canvas| {
        heading(canvas, &figure.title, &figure.subtitle, page_width)?;
        draw_legend(canvas, &figure.subtitle, &legend)?;
        for (i, panel) in figure.panels.iter().enumerate() {
            let left = MARGIN + (i % columns) as f64 * (panel_width + GAP);
            let upper = top + (i / columns) as f64 * (panel_height + 18.0);
            let [x, y] = draw_panel(canvas, figure, panel, &names, [left, upper, panel_width, panel_height])?;
            let curves = panel.series.iter().map(|series| Curve {
                ink: color_of(figure, &names, series).hex(),
                series,
            });
            let curves = Shown::Curves(curves.collect());
            let plane = Plane {
                x: &x,
                y: &y,
                names: [&panel.x_names, &panel.y_names],
            };
            data.panel(
                &plane,
                [&panel.title, &panel.x_label, &panel.y_label],
                &curves,
                &panel.regions,
            );
        }
        Ok(())
    })?;
    Ok(Drawn { svg, data: data.text() })
}

/// Height taken by [`heading`].
pub(super) fn heading_height(subtitle: &str) -> f64 {
    if subtitle.is_empty() { 46.0 } else { 64.0 }
}

/// Title and subtitle.
///
/// # Errors
/// E0959.
pub(super) fn heading(canvas: &Canvas, title: &str, subtitle: &str, page_width: f64) -> Result<(), Diagnostic> {
    let room = page_width - 2.0 * MARGIN;
    canvas.text(
        &fitted(title, 17.0, room),
        [MARGIN, 25.0],
        Anchor::Start,
        16.0,
        true,
        INK,
    )?;
    if subtitle.is_empty() {
        return Ok(());
    }
    canvas.text(
        &fitted(subtitle, 12.0, room),
        [MARGIN, 46.0],
        Anchor::Start,
        12.0,
        false,
        GREY,
    )
}

/// The range of the horizontal axis: dots stand inside it, curves go from end to end.
fn horizontal(panel: &Panel) -> [f64; 2] {
    let [low, high] = full_range(panel.series.iter().flat_map(|s| s.x.iter().copied()));
    match panel.series.iter().all(|s| s.stroke == Stroke::Points) {
        true => [low - DOTS_INSIDE * (high - low), high + DOTS_INSIDE * (high - low)],
        false => [low, high],
    }
}

/// The range of the vertical axis.
fn vertical(panel: &Panel) -> [f64; 2] {
    let values = panel.series.iter().flat_map(|s| {
        let (low, high) = s.band.as_ref().map_or((&[][..], &[][..]), |(a, b)| (a, b));
        s.y.iter().chain(low).chain(high).copied()
    });
    let marks = panel.marks.iter().filter(|m| m.horizontal).map(|m| m.at);
    useful_range(values.chain(panel.y_names.iter().map(|n| n.0)), marks)
}

/// The distinct names of series that have a colour, in order of appearance.
fn legend_names(figure: &Figure) -> Vec<String> {
    distinct(figure, &|s| s.stroke != Stroke::Faint)
}

/// The distinct names of these series, in order of appearance.
fn distinct(figure: &Figure, of: &dyn Fn(&Series) -> bool) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for series in figure.panels.iter().flat_map(|p| &p.series) {
        if of(series) && !series.name.is_empty() && !names.contains(&series.name) {
            names.push(series.name.clone());
        }
    }
    names
}

/// The names in the legend: all, or evenly spaced ones of a long ordered list; then grey ones.
fn shown_names(figure: &Figure, names: &[String]) -> Vec<String> {
    let mut grey = distinct(figure, &|s| s.stroke == Stroke::Faint);
    grey.retain(|n| !names.contains(n));
    if names.len() < 2 && grey.is_empty() {
        return Vec::new();
    }
    [steps(figure, names), grey].concat()
}

/// All of these names, or evenly spaced ones of a long ordered list.
fn steps(figure: &Figure, names: &[String]) -> Vec<String> {
    if !figure.ordered || names.len() <= LEGEND_MOST {
        return names.to_vec();
    }
    let picks = 5;
    (0..picks)
        .map(|i| names[i * (names.len() - 1) / (picks - 1)].clone())
        .collect()
}

fn color_of(figure: &Figure, names: &[String], series: &Series) -> Rgb {
    if series.stroke == Stroke::Faint {
        return GREY.mix(WHITE, 0.55);
    }
    let at = names.iter().position(|n| *n == series.name).unwrap_or(0);
    if figure.ordered && names.len() > 3 {
        ramp(at as f64 / (names.len() - 1) as f64)
    } else {
        CATEGORIES[at % CATEGORIES.len()]
    }
}

/// The end of the ramp of curves: lighter colours are not seen as lines on white, nor, turned about, on black.
const RAMP_END: f64 = 0.59;

/// The colour of a curve at a share of the scale of its figure.
pub(super) fn ramp(share: f64) -> Rgb {
    viridis(RAMP_END * share)
}

/// Where on the ramp a colour stands, if it is one of it.
pub(in crate::report) fn share_of_ramp(ink: Rgb) -> Option<f64> {
    const STEPS: usize = 512;
    let near = |a: u8, b: u8| a.abs_diff(b) <= 1;
    let same = |c: Rgb| near(c.0, ink.0) && near(c.1, ink.1) && near(c.2, ink.2);
    (0..=STEPS).map(|k| k as f64 / STEPS as f64).find(|s| same(ramp(*s)))
}

/// The colour of a reference line: grey, and another one for the second that has a name.
fn ink_of_mark(figure: &Figure, label: &str) -> Rgb {
    let mut names: Vec<&str> = Vec::new();
    for mark in figure
        .panels
        .iter()
        .flat_map(|p| &p.marks)
        .filter(|m| !m.label.is_empty())
    {
        if !names.contains(&mark.label.as_str()) {
            names.push(&mark.label);
        }
    }
    match names.iter().position(|n| *n == label) {
        None | Some(0) => MARK,
        Some(k) => CATEGORIES[(k + 2) % CATEGORIES.len()],
    }
}

/// A line of the legend: a name and how it is drawn.
struct Entry {
    name: String,
    stroke: Stroke,
    ink: Rgb,
    /// A shaded range.
    shade: bool,
}

/// The series shown in the legend, then the reference lines that have a name.
fn legend_entries(figure: &Figure, names: &[String]) -> Vec<Entry> {
    let all = || figure.panels.iter().flat_map(|p| &p.series);
    let mut entries: Vec<Entry> = shown_names(figure, names)
        .into_iter()
        .filter_map(|name| {
            let series = all().find(|s| s.name == name)?;
            Some(Entry {
                stroke: series.stroke,
                ink: color_of(figure, names, series),
                name,
                shade: false,
            })
        })
        .collect();
    let inside = |panel: &Panel, mark: &Mark| {
        let [low, high] = vertical(panel);
        !mark.horizontal || (low..=high).contains(&mark.at)
    };
    let marks = || figure.panels.iter().flat_map(|p| p.marks.iter().map(move |m| (p, m)));
    let mut named: Vec<&str> = Vec::new();
    for (_, mark) in marks().filter(|(_, m)| !m.label.is_empty()) {
        if named.contains(&mark.label.as_str()) {
            continue;
        }
        named.push(&mark.label);
        // What lies far outside of every panel is not drawn.
        let drawn = marks().any(|(p, m)| m.label == mark.label && inside(p, m));
        entries.push(Entry {
            name: match drawn {
                true => mark.label.clone(),
                false => format!("{} (outside of the plot)", mark.label),
            },
            stroke: Stroke::Dashed,
            ink: ink_of_mark(figure, &mark.label),
            shade: false,
        });
    }
    for region in figure.panels.iter().flat_map(|p| &p.regions) {
        if entries.iter().all(|e| e.name != region.label) {
            entries.push(Entry {
                name: region.label.clone(),
                stroke: Stroke::Solid,
                ink: REGION,
                shade: true,
            });
        }
    }
    entries
}

struct Legend<'a> {
    /// The entry, its name cut to the page, its left end and height.
    entries: Vec<(&'a Entry, String, [f64; 2])>,
    height: f64,
}

fn legend_layout(entries: &[Entry], page_width: f64) -> Legend<'_> {
    let (mut x, mut row) = (MARGIN, 0.0);
    let mut placed = Vec::new();
    for entry in entries {
        let name = fitted(&entry.name, LEGEND_FONT, page_width - 2.0 * MARGIN - 30.0);
        let size = 28.0 + width(&name, LEGEND_FONT) + 14.0;
        if x > MARGIN && x + size > page_width - MARGIN {
            x = MARGIN;
            row += 1.0;
        }
        placed.push((entry, name, [x, row * 19.0]));
        x += size;
    }
    let height = if placed.is_empty() {
        0.0
    } else {
        (row + 1.0) * 19.0 + 5.0
    };
    Legend {
        entries: placed,
        height,
    }
}

fn draw_legend(canvas: &Canvas, subtitle: &str, legend: &Legend) -> Result<(), Diagnostic> {
    let top = heading_height(subtitle) + 3.0;
    for (entry, name, at) in &legend.entries {
        let y = top + at[1];
        let ends = [[at[0], y], [at[0] + 21.0, y]];
        let [left, right] = [at[0] + 2.0, at[0] + 19.0];
        let corners = [[left, y - 6.0], [right, y - 6.0], [right, y + 6.0], [left, y + 6.0]];
        match entry.stroke {
            _ if entry.shade => canvas.polygon(&corners, entry.ink, 2.0 * SHADE)?,
            Stroke::Points => canvas.dot([at[0] + 10.0, y], 3.2, entry.ink)?,
            Stroke::Dashed => canvas.dashes(&ends, entry.ink, 1.8)?,
            Stroke::Solid | Stroke::Faint => canvas.line(&ends, entry.ink, 2.4)?,
        }
        canvas.text(name, [at[0] + 27.0, y], Anchor::Start, LEGEND_FONT, false, INK)?;
    }
    Ok(())
}

/// Draws one panel into `[left, top, width, height]`; its scales, horizontal and vertical.
fn draw_panel(
    canvas: &Canvas,
    figure: &Figure,
    panel: &Panel,
    names: &[String],
    [left, top, panel_width, panel_height]: [f64; 4],
) -> Result<[Scale; 2], Diagnostic> {
    let title_height = if panel.title.is_empty() { 0.0 } else { 20.0 };
    let label_height = if panel.y_label.is_empty() { 0.0 } else { 17.0 };
    let upper = top + title_height + label_height + 6.0;
    let lower = top + panel_height - 20.0 - if panel.x_label.is_empty() { 0.0 } else { 18.0 };

    let y_scale = Scale {
        data: vertical(panel),
        pixels: [lower, upper],
    };
    let most = (lower - upper) / 42.0;
    let y_ticks = ticks_of(&panel.y_names, most, || y_scale.ticks(most as usize));
    let tick_room = y_ticks.iter().map(|t| width(&t.1, TICK_FONT)).fold(14.0, f64::max);
    let x_scale = Scale {
        data: horizontal(panel),
        pixels: [left + tick_room + 8.0, left + panel_width - 6.0],
    };
    for region in &panel.regions {
        let [from, to] = [region.from, region.to].map(|x| x_scale.at(x.clamp(x_scale.data[0], x_scale.data[1])));
        let corners = [[from, lower], [to, lower], [to, upper], [from, upper]];
        canvas.polygon(&corners, REGION, SHADE)?;
    }
    axes(canvas, panel, &x_scale, &y_scale, &y_ticks)?;

    let title_room = panel_width;
    if !panel.title.is_empty() {
        canvas.text(
            &fitted(&panel.title, 13.5, title_room),
            [left, top + 8.0],
            Anchor::Start,
            13.0,
            true,
            INK,
        )?;
    }
    if !panel.y_label.is_empty() {
        let label = fitted(&panel.y_label, LABEL_FONT, title_room);
        canvas.text(
            &label,
            [left, top + title_height + 7.0],
            Anchor::Start,
            LABEL_FONT,
            false,
            GREY,
        )?;
    }
    if panel.series.iter().all(|s| s.x.is_empty()) {
        let middle = [
            f64::midpoint(x_scale.pixels[0], x_scale.pixels[1]),
            f64::midpoint(lower, upper),
        ];
        canvas.text("no data", middle, Anchor::Middle, LABEL_FONT, false, GREY)?;
        return Ok([x_scale, y_scale]);
    }
    for series in &panel.series {
        draw_band(canvas, series, color_of(figure, names, series), &x_scale, &y_scale)?;
    }
    for series in &panel.series {
        let thick = if figure.panels.len() > 1 || panel.series.len() > 8 {
            1.6
        } else {
            2.1
        };
        draw_series(
            canvas,
            series,
            color_of(figure, names, series),
            thick,
            &x_scale,
            &y_scale,
        )?;
    }
    draw_marks(canvas, figure, panel, &x_scale, &y_scale)?;
    Ok([x_scale, y_scale])
}

/// Widest name of a place, in pixels.
const NAME_ROOM: f64 = 110.0;

/// Where an axis has ticks, and what they are called: its names, as many as there is room for, or numbers.
fn ticks_of(names: &Names, most: f64, numbers: impl Fn() -> Vec<f64>) -> Names {
    if names.is_empty() {
        return numbers().into_iter().map(|t| (t, tick(t))).collect();
    }
    let step = (names.len() as f64 / most.max(1.0)).ceil().max(1.0) as usize;
    let cut = |(at, name): &(f64, String)| (*at, fitted(name, TICK_FONT, NAME_ROOM));
    names.iter().step_by(step).map(cut).collect()
}

fn axes(canvas: &Canvas, panel: &Panel, x: &Scale, y: &Scale, y_ticks: &Names) -> Result<(), Diagnostic> {
    let [left, right] = x.pixels;
    let [lower, upper] = y.pixels;
    for (t, name) in y_ticks {
        let at = y.at(*t);
        canvas.line(&[[left, at], [right, at]], GRID, 1.0)?;
        canvas.text(name, [left - 7.0, at], Anchor::End, TICK_FONT, false, GREY)?;
    }
    let widest = panel.x_names.iter().map(|n| width(&n.1, TICK_FONT).min(NAME_ROOM));
    let most = (right - left) / (widest.fold(20.0, f64::max) + 14.0);
    for (t, name) in ticks_of(&panel.x_names, most, || spaced_ticks(x)) {
        let at = x.at(t);
        canvas.line(&[[at, lower], [at, upper]], GRID, 1.0)?;
        canvas.line(&[[at, lower], [at, lower + 4.0]], AXIS, 1.0)?;
        let anchor = match panel.x_names.is_empty() {
            true => Anchor::Middle,
            // The outer names stay on the page.
            false if at + 0.5 * width(&name, TICK_FONT) > right + 6.0 => Anchor::End,
            false if at - 0.5 * width(&name, TICK_FONT) < left - 40.0 => Anchor::Start,
            false => Anchor::Middle,
        };
        canvas.text(&name, [at, lower + 13.0], anchor, TICK_FONT, false, GREY)?;
    }
    canvas.line(&[[left, lower], [right, lower]], AXIS, 1.2)?;
    if !panel.x_label.is_empty() {
        let label = fitted(&panel.x_label, LABEL_FONT, right - left);
        canvas.text(
            &label,
            [f64::midpoint(left, right), lower + 31.0],
            Anchor::Middle,
            LABEL_FONT,
            false,
            GREY,
        )?;
    }
    Ok(())
}

/// As many horizontal ticks as stand side by side without touching: ascending values, one per tick.
pub(super) fn spaced_ticks(x: &Scale) -> Vec<f64> {
    let room = (x.pixels[1] - x.pixels[0]).abs();
    let mut count = (room / 62.0).floor().max(2.0) as usize;
    loop {
        let ticks = x.ticks(count);
        let widest = ticks.iter().map(|t| width(&tick(*t), TICK_FONT)).fold(0.0, f64::max);
        if count <= 2 || (widest + 14.0) * ticks.len() as f64 <= room + widest {
            return ticks;
        }
        count -= 1;
    }
}

fn draw_band(canvas: &Canvas, series: &Series, ink: Rgb, x: &Scale, y: &Scale) -> Result<(), Diagnostic> {
    let Some((low, high)) = &series.band else {
        return Ok(());
    };
    let inside = |v: f64| y.at(v.clamp(y.data[0], y.data[1]));
    let finite = |i: usize| series.x[i].is_finite() && low[i].is_finite() && high[i].is_finite();
    let n = series.x.len().min(low.len()).min(high.len());
    let mut start = 0;
    while start < n {
        let end = (start..n).find(|&i| !finite(i)).unwrap_or(n);
        if end - start > 1 {
            let edge = |values: &[f64]| -> Vec<[f64; 2]> {
                thinned((start..end).map(|i| [x.at(series.x[i]), inside(values[i])]).collect())
            };
            let mut outline = edge(low);
            outline.extend(edge(high).into_iter().rev());
            canvas.polygon(&outline, ink, 0.16)?;
        }
        start = end + 1;
    }
    Ok(())
}

fn draw_series(canvas: &Canvas, series: &Series, ink: Rgb, thick: f64, x: &Scale, y: &Scale) -> Result<(), Diagnostic> {
    for piece in clipped(&series.x, &series.y, y.data[0], y.data[1]) {
        let points: Vec<[f64; 2]> = piece.iter().map(|p| [x.at(p[0]), y.at(p[1])]).collect();
        match series.stroke {
            Stroke::Points => {
                for p in thinned(points) {
                    canvas.dot(p, 2.2, ink)?;
                }
            }
            // a single point between gaps would not be seen as a line
            Stroke::Solid | Stroke::Dashed | Stroke::Faint if points.len() == 1 => canvas.dot(points[0], thick, ink)?,
            Stroke::Solid => canvas.line(&thinned(points), ink, thick)?,
            Stroke::Dashed => canvas.dashes(&thinned(points), ink, thick)?,
            Stroke::Faint => canvas.line(&thinned(points), ink, 1.0)?,
        }
    }
    Ok(())
}

/// Reference lines; their names stand in the legend, where no curve runs through them.
fn draw_marks(canvas: &Canvas, figure: &Figure, panel: &Panel, x: &Scale, y: &Scale) -> Result<(), Diagnostic> {
    for mark in &panel.marks {
        let scale = if mark.horizontal { y } else { x };
        if !(scale.data[0]..=scale.data[1]).contains(&mark.at) {
            continue;
        }
        let at = scale.at(mark.at);
        let ends = if mark.horizontal {
            [[x.pixels[0], at], [x.pixels[1], at]]
        } else {
            [[at, y.pixels[0]], [at, y.pixels[1]]]
        };
        canvas.dashes(&ends, ink_of_mark(figure, &mark.label), 1.2)?;
    }
    Ok(())
}
