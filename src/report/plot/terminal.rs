//! Pictures in the terminal (`--plot`): curves in Braille characters, each of which is two by four dots; maps in five shades. The end of a curve
//! carries the letter that the legend explains, so that curves are told apart without colours, too.

use super::scale::{clipped, full_range, useful_range};
use super::{Figure, HeatMap, Names, Panel, Picture, Series, Stroke};
use crate::report::lines::wrapped;
use crate::report::number::tick;
use crate::report::text::fitted;
use unicode_width::UnicodeWidthStr;

/// Rows of text of one panel.
const ROWS: usize = 12;
/// Most columns of a panel, and fewest.
const COLUMNS: (usize, usize) = (72, 12);
/// Most curves of an ordered family that are drawn: the outer ones and some between.
const CURVES: usize = 5;
/// Colours of curves, in order.
const INKS: [&str; 6] = ["34", "33", "32", "35", "36", "31"];
/// Shades of a map, lowest first.
const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];

impl Picture {
    /// The picture as lines of at most `width` columns (40 or more), in colours if `color`.
    pub fn to_terminal(&self, width: usize, color: bool) -> String {
        let (title, subtitle) = match self {
            Picture::Lines(f) => (&f.title, &f.subtitle),
            Picture::Heat(m) => (&m.title, &m.subtitle),
        };
        let mut out: Vec<String> = Vec::new();
        out.extend(wrapped(title, width).iter().map(|l| painted(l, "1", color)));
        if !subtitle.is_empty() {
            out.extend(wrapped(subtitle, width));
        }
        match self {
            Picture::Lines(f) => f.panels.iter().for_each(|p| panel(f, p, width, color, &mut out)),
            Picture::Heat(m) => map(m, width, &mut out),
        }
        out.iter().map(|l| format!("{}\n", l.trim_end())).collect()
    }
}

fn painted(text: &str, style: &str, color: bool) -> String {
    match color {
        true => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
        false => text.to_string(),
    }
}

/// Dots, two by four in each cell, with the curve that drew last in it.
struct Canvas {
    columns: usize,
    dots: Vec<u8>,
    ink: Vec<usize>,
    range: [[f64; 2]; 2],
}

impl Canvas {
    /// Sets the dot at `(x, y)` in dots from the upper left corner.
    fn dot(&mut self, x: usize, y: usize, ink: usize) {
        const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let cell = y / 4 * self.columns + x / 2;
        self.dots[cell] |= BITS[x % 2][y % 4];
        self.ink[cell] = ink;
    }

    /// Where a point stands, in dots.
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let share = |v: f64, [low, high]: [f64; 2]| ((v - low) / (high - low)).clamp(0.0, 1.0);
        [
            share(x, self.range[0]) * (2 * self.columns - 1) as f64,
            (1.0 - share(y, self.range[1])) * (4 * ROWS - 1) as f64,
        ]
    }

    /// Draws a straight piece, every `step`th dot of it.
    fn line(&mut self, from: [f64; 2], to: [f64; 2], ink: usize, step: usize) {
        let (a, b) = (self.place(from), self.place(to));
        let many = (b[0] - a[0]).abs().max((b[1] - a[1]).abs()).ceil().max(1.0) as usize;
        for i in 0..=many {
            let t = i as f64 / many as f64;
            let [x, y] = [0, 1].map(|k| (a[k] + t * (b[k] - a[k])).round() as usize);
            if step == 1 || x % (2 * step) < step {
                self.dot(x, y, ink);
            }
        }
    }
}

/// The curves that are drawn: all, or of a long ordered family the outer ones and some between.
fn shown<'p>(figure: &Figure, panel: &'p Panel) -> Vec<&'p Series> {
    let all = &panel.series;
    if !figure.ordered || all.len() <= CURVES {
        return all.iter().collect();
    }
    (0..CURVES).map(|i| &all[i * (all.len() - 1) / (CURVES - 1)]).collect()
}

fn panel(figure: &Figure, panel: &Panel, width: usize, color: bool, out: &mut Vec<String>) {
    let curves = shown(figure, panel);
    let horizontal = |m: &&super::Mark| m.horizontal;
    let levels = || panel.marks.iter().filter(horizontal).map(|m| m.at);
    let x = full_range(curves.iter().flat_map(|s| s.x.iter().copied()));
    let values = || curves.iter().flat_map(|s| s.y.iter().copied());
    let [low, high] = useful_range(values(), levels());
    // No margin: an end of the axis is a value that is reached.
    let named_places = || panel.y_names.iter().map(|n| n.0);
    let all = full_range(
        values()
            .chain(levels().filter(|at| (low..=high).contains(at)))
            .chain(named_places()),
    );
    let y = match panel.y_names.is_empty() {
        true => [low.max(all[0]), high.min(all[1])],
        false => all,
    };
    let labels = [y[1], 0.5 * (y[0] + y[1]), y[0]].map(|v| place_on(&panel.y_names, v, y));
    let margin = labels.iter().map(|l| l.width()).max().unwrap_or(0);
    // A sign for the end of a curve stands behind the plot.
    let columns = width.saturating_sub(margin + 4).clamp(COLUMNS.1, COLUMNS.0);
    let mut canvas = Canvas {
        columns,
        dots: vec![0; columns * ROWS],
        ink: vec![usize::MAX; columns * ROWS],
        range: [x, y],
    };
    for at in levels().filter(|at| (y[0]..=y[1]).contains(at)) {
        canvas.line([x[0], at], [x[1], at], usize::MAX, 2);
    }
    for m in panel
        .marks
        .iter()
        .filter(|m| !m.horizontal && (x[0]..=x[1]).contains(&m.at))
    {
        canvas.line([m.at, y[0]], [m.at, y[1]], usize::MAX, 1);
    }
    let mut ends: Vec<Option<(usize, usize)>> = Vec::new();
    for (k, s) in curves.iter().enumerate() {
        let pieces = clipped(&s.x, &s.y, y[0], y[1]);
        for piece in &pieces {
            match s.stroke {
                Stroke::Points => piece.iter().for_each(|p| canvas.line(*p, *p, k, 1)),
                stroke => {
                    let step = if stroke == Stroke::Solid { 1 } else { 2 };
                    piece.windows(2).for_each(|p| canvas.line(p[0], p[1], k, step));
                    piece
                        .iter()
                        .take(usize::from(piece.len() == 1))
                        .for_each(|p| canvas.line(*p, *p, k, 1));
                }
            }
        }
        let last = pieces.iter().rev().find_map(|p| p.last());
        ends.push(last.map(|p| (canvas.place(*p)[1].round() as usize / 4, k)));
    }
    let named = curves.len() > 1 && curves.iter().any(|s| !s.name.is_empty());
    let heading = match (panel.title.as_str(), panel.y_label.as_str()) {
        ("", label) => label.to_string(),
        (title, "") => title.to_string(),
        (title, label) => format!("{title}: {label}"),
    };
    if !heading.is_empty() {
        out.extend(wrapped(&heading, width));
    }
    let mut taken: Vec<usize> = Vec::new();
    for row in 0..ROWS {
        let label = match row {
            0 => &labels[0],
            r if r == ROWS / 2 => &labels[1],
            r if r == ROWS - 1 => &labels[2],
            _ => "",
        };
        let mut line = format!("{}{label} │", " ".repeat(margin - label.width()));
        for column in 0..columns {
            let at = row * columns + column;
            let c = char::from_u32(0x2800 + u32::from(canvas.dots[at])).unwrap_or(' ');
            match canvas.ink[at] {
                _ if canvas.dots[at] == 0 => line.push(' '),
                usize::MAX => line.push_str(&painted(&c.to_string(), "2", color)),
                k => line.push_str(&painted(&c.to_string(), INKS[k % INKS.len()], color)),
            }
        }
        // One sign a row: of the first curve that ends here and has none yet.
        let here = ends.iter().flatten().find(|(r, k)| *r == row && !taken.contains(k));
        if let Some((_, k)) = here.filter(|_| named) {
            taken.push(*k);
            line.push_str(&painted(&sign(*k).to_string(), INKS[k % INKS.len()], color));
        }
        out.push(line);
    }
    let [left, right] = x.map(|v| place_on(&panel.x_names, v, x));
    let room = columns.saturating_sub(left.width() + right.width());
    out.push(format!("{} └{}", " ".repeat(margin), "─".repeat(columns)));
    out.push(format!("{}{left}{}{right}", " ".repeat(margin + 2), " ".repeat(room)));
    if !panel.x_label.is_empty() {
        let indent = margin + 2 + columns.saturating_sub(panel.x_label.width()) / 2;
        let indent = indent.min(width.saturating_sub(panel.x_label.width()));
        out.extend(
            wrapped(&panel.x_label, width)
                .iter()
                .map(|l| format!("{}{l}", " ".repeat(indent))),
        );
    }
    if named {
        let entry = |(k, s): (usize, &&Series)| format!("{}\u{a0}{}", sign(k), s.name.replace(' ', "\u{a0}"));
        let words: Vec<String> = curves
            .iter()
            .enumerate()
            .filter(|(_, s)| !s.name.is_empty())
            .map(entry)
            .collect();
        let legend = wrapped(&words.join(", "), width);
        out.extend(legend.iter().map(|l| l.replace('\u{a0}', " ")));
    }
}

/// What a place on an axis is called.
fn place_on(names: &Names, at: f64, range: [f64; 2]) -> String {
    match names.iter().find(|n| n.0 == at) {
        Some((_, name)) => fitted(name, 1.0, 8.0),
        None if names.is_empty() => tick(rounded(at, range)),
        None => String::new(),
    }
}

/// The sign of a curve.
fn sign(k: usize) -> char {
    char::from(b'a' + (k % 26) as u8)
}

/// A label of an axis: no more digits than tell its ends apart.
fn rounded(v: f64, [low, high]: [f64; 2]) -> f64 {
    let unit = 10f64.powf(((high - low) / 200.0).log10().floor());
    if unit.is_finite() && unit > 0.0 {
        (v / unit).round() * unit
    } else {
        v
    }
}

fn map(m: &HeatMap, width: usize, out: &mut Vec<String>) {
    let [low, high] = full_range(m.values.iter().copied());
    let labels: Vec<String> = [m.y.last(), m.y.first()]
        .iter()
        .map(|v| v.map_or_else(String::new, |v| tick(*v)))
        .collect();
    let margin = labels.iter().map(|l| l.width()).max().unwrap_or(0);
    let columns = width.saturating_sub(margin + 4).clamp(COLUMNS.1, COLUMNS.0);
    if m.x.is_empty() || m.y.is_empty() {
        return;
    }
    out.push(m.y_label.clone());
    for row in 0..ROWS {
        let i = (ROWS - 1 - row) * (m.y.len() - 1) / (ROWS - 1);
        let label = match row {
            0 => labels[0].as_str(),
            r if r == ROWS - 1 => labels[1].as_str(),
            _ => "",
        };
        let cells: String = (0..columns)
            .map(|c| {
                let v = m.values[i * m.x.len() + c * (m.x.len() - 1) / (columns - 1)];
                let share = ((v - low) / (high - low)).clamp(0.0, 1.0);
                if share.is_nan() {
                    ' '
                } else {
                    SHADES[(share * SHADES.len() as f64).min(4.0) as usize]
                }
            })
            .collect();
        out.push(format!("{}{label} │{cells}", " ".repeat(margin - label.width())));
    }
    let (left, right) = (tick(m.x[0]), tick(m.x[m.x.len() - 1]));
    let room = columns.saturating_sub(left.width() + right.width());
    out.push(format!("{}{left}{}{right}", " ".repeat(margin + 2), " ".repeat(room)));
    out.push(format!("{}{}", " ".repeat(margin + 2), m.x_label));
    let shades: String = SHADES.iter().collect();
    let range = [low, high];
    let words = format!(
        "{}: {} {shades} {}",
        m.value_label,
        tick(rounded(low, range)),
        tick(rounded(high, range))
    );
    out.extend(wrapped(&words, width));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(name: &str, f: impl Fn(f64) -> f64) -> Series {
        let x: Vec<f64> = (0..=100).map(f64::from).collect();
        Series {
            name: name.into(),
            y: x.iter().map(|x| f(*x)).collect(),
            x,
            band: None,
            stroke: Stroke::Solid,
        }
    }

    fn picture(series: Vec<Series>) -> Picture {
        Picture::Lines(Figure {
            title: "A title of some words".into(),
            subtitle: String::new(),
            panels: vec![Panel {
                x_label: "t".into(),
                y_label: "capital".into(),
                series,
                ..Panel::default()
            }],
            columns: 1,
            ordered: false,
        })
    }

    /// The rows of a column of cells that hold dots.
    fn rows(text: &str, column: usize) -> Vec<usize> {
        let plot: Vec<Vec<char>> = text
            .lines()
            .filter(|l| l.contains('│'))
            .map(|l| l.chars().collect())
            .collect();
        let left = plot[0].iter().position(|c| *c == '│').unwrap() + 1;
        (0..plot.len())
            .filter(|r| {
                plot[*r]
                    .get(left + column)
                    .is_some_and(|c| ('\u{2801}'..='\u{28ff}').contains(c))
            })
            .collect()
    }

    #[test]
    fn curves_stand_where_their_numbers_say() {
        let text = picture(vec![curve("up", |x| x), curve("down", |x| 100.0 - x)]).to_terminal(60, false);
        assert_eq!((rows(&text, 0), rows(&text, 52).len()), (vec![0, 11], 2), "{text}");
        // A line through the middle, and its sign in the legend.
        let middle = rows(&text, 26);
        assert!(middle.iter().all(|r| [5, 6].contains(r)), "{middle:?}\n{text}");
        assert!(text.contains("a up, b down"), "{text}");
        let ends: Vec<&str> = text.lines().filter(|l| l.ends_with('a') || l.ends_with('b')).collect();
        assert!(ends.len() >= 2, "{text}");
        // Another curve, another picture.
        assert_ne!(
            text,
            picture(vec![curve("up", |x| x * x), curve("down", |x| 100.0 - x)]).to_terminal(60, false)
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 80, 120] {
            let long = "a curve with a rather long name that says much";
            let text = picture(vec![curve(long, f64::sin), curve(long, |x| 1e7 * x)]).to_terminal(width, false);
            assert!(text.lines().all(|l| l.width() <= width), "{width}\n{text}");
            let map = Picture::Heat(HeatMap {
                title: "Choice".into(),
                subtitle: String::new(),
                x_label: "k".into(),
                y_label: "z".into(),
                value_label: "s".into(),
                x: vec![0.0, 1.0, 2.0],
                y: vec![0.0, 1.0],
                values: vec![0.0, 0.5, 1.0, f64::NAN, 0.5, 1.0],
            });
            let text = map.to_terminal(width, false);
            assert!(text.lines().all(|l| l.width() <= width), "{width}\n{text}");
            assert!(text.contains('█') && text.contains('·'), "{text}");
        }
    }
}
