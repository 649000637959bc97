//! Plots: what is shown ([`Figure`], [`HeatMap`]) and the usual pictures of a solution, as SVG.
//!
//! A figure is plain data; [`Picture::to_svg`] draws it. Same data, same bytes. The drawing itself stands in `lines`
//! and `heat`, on `canvas`, the only file that knows plotters.

mod canvas;
mod data;
mod heat;
mod lines;
mod scale;
mod terminal;

pub(super) use lines::share_of_ramp;

use super::npy::{GridFunction, Points};
use crate::diag::Diagnostic;

/// Anything that can be drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// Curves over a number line, in one or several panels.
    Lines(Figure),
    /// A function of two variables.
    Heat(HeatMap),
}

/// A picture that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// A self-contained SVG document.
    pub svg: String,
    /// Its numbers and where they stand, as JSON: what `report.html` shows under the pointer.
    pub data: String,
}

/// One or several panels with a common legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Heading.
    pub title: String,
    /// A line below the heading; may be empty.
    pub subtitle: String,
    /// The panels, row by row, `columns` per row.
    pub panels: Vec<Panel>,
    /// Panels per row.
    pub columns: usize,
    /// The series are steps of one scale (shock states, ages): four or more are coloured along a ramp.
    pub ordered: bool,
}

/// One coordinate system.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Panel {
    /// Heading; may be empty.
    pub title: String,
    /// Label of the horizontal axis.
    pub x_label: String,
    /// Label of the vertical axis.
    pub y_label: String,
    /// The curves, one entry per curve. Equal names in several panels have equal colours.
    pub series: Vec<Series>,
    /// Reference lines, one entry per line.
    pub marks: Vec<Mark>,
    /// Shaded ranges of the horizontal axis, one entry per range.
    pub regions: Vec<Region>,
    /// Places of the horizontal axis that have a name (choices, states of a chain), instead of round numbers: one entry per place.
    pub x_names: Names,
    /// The same for the vertical axis.
    pub y_names: Names,
}

/// Places on an axis and what they are called.
pub type Names = Vec<(f64, String)>;

/// A shaded range of the horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its left end.
    pub from: f64,
    /// Its right end.
    pub to: f64,
    /// Its name in the legend.
    pub label: String,
}

/// Lower and upper edge of a shaded band: one number per point of its curve, at the same horizontal coordinates.
pub type Band = (Vec<f64>, Vec<f64>);

/// Name of a path and its values, one number per period.
pub type SimulatedPath = (String, Vec<f64>);

/// A curve. Points with a NaN or infinite coordinate interrupt it.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name in the legend; empty for none.
    pub name: String,
    /// Horizontal coordinates, one number per point.
    pub x: Vec<f64>,
    /// Vertical coordinates, one number per point.
    pub y: Vec<f64>,
    /// Lower and upper edge of a shaded band around it, one number per point each.
    pub band: Option<Band>,
    /// How it is drawn.
    pub stroke: Stroke,
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// A full line.
    Solid,
    /// A dashed line.
    Dashed,
    /// A thin grey line, for comparison (45 degrees, single paths behind a mean).
    Faint,
    /// Dots.
    Points,
}

/// A reference line across the panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where.
    pub at: f64,
    /// At a value of the vertical axis (otherwise of the horizontal one).
    pub horizontal: bool,
    /// Its name in the legend; empty for none.
    pub label: String,
}

/// A function of two variables as colours.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// Heading.
    pub title: String,
    /// A line below the heading; may be empty.
    pub subtitle: String,
    /// Label of the horizontal axis.
    pub x_label: String,
    /// Label of the vertical axis.
    pub y_label: String,
    /// Label of the colours.
    pub value_label: String,
    /// Horizontal coordinates, ascending, one number per column.
    pub x: Vec<f64>,
    /// Vertical coordinates, ascending, one number per row.
    pub y: Vec<f64>,
    /// The values, y x x, row-major: `values[i * x.len() + j]` at `y[i]`, `x[j]`.
    pub values: Vec<f64>,
}

impl Picture {
    /// The picture as a self-contained SVG document.
    ///
    /// # Errors
    /// E0959.
    pub fn to_svg(&self) -> Result<String, Diagnostic> {
        Ok(self.drawn()?.svg)
    }

    /// The picture as SVG, with its numbers.
    ///
    /// # Errors
    /// E0959.
    pub fn drawn(&self) -> Result<Drawn, Diagnostic> {
        match self {
            Picture::Lines(figure) => lines::draw(figure),
            Picture::Heat(map) => heat::draw(map),
        }
    }

    /// Its heading.
    pub fn title(&self) -> &str {
        match self {
            Picture::Lines(figure) => &figure.title,
            Picture::Heat(map) => &map.title,
        }
    }
}

impl Series {
    /// A full line through `(x[i], y[i])`; both lists have one number per point.
    pub fn line(name: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Self {
        Series {
            name: name.into(),
            x,
            y,
            band: None,
            stroke: Stroke::Solid,
        }
    }
    /// Drawn otherwise.
    pub fn stroke(mut self, stroke: Stroke) -> Self {
        self.stroke = stroke;
        self
    }
    /// With a shaded band between `lower` and `upper`, one number per point.
    pub fn band(mut self, lower: Vec<f64>, upper: Vec<f64>) -> Self {
        self.band = Some((lower, upper));
        self
    }
}

impl Figure {
    /// A figure of one panel.
    pub fn single(title: impl Into<String>, panel: Panel) -> Self {
        Figure {
            title: title.into(),
            subtitle: String::new(),
            panels: vec![panel],
            columns: 1,
            ordered: false,
        }
    }
    /// With a line below the heading.
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }
}

/// What an axis is called in a picture: `k` or `capital (k)`.
fn axis_label(name: &str, doc: &str) -> String {
    if doc.is_empty() {
        name.to_string()
    } else {
        format!("{doc} ({name})")
    }
}

/// A function on a grid as pictures: curves over the last axis of numbers, one for each point of the axis before it
/// (shock states); heat maps, one for each shock state, where there are two or more axes of numbers. Further axes are
/// held at their middle point, and the subtitle says so. `doc_of` describes a name (may return an empty text).
pub fn of_grid_function(function: &GridFunction, doc_of: &dyn Fn(&str) -> String) -> Vec<Picture> {
    let Some((x_axis, long)) = curve_axes(function) else {
        return Vec::new();
    };
    let title = axis_label(&function.name, &doc_of(&function.name));
    let mut pictures = vec![curves(function, x_axis, &title, doc_of)];
    if let [.., y_axis, x_axis] = long[..] {
        pictures.push(heat_of(function, y_axis, x_axis, &title, doc_of));
    }
    pictures
}

/// The axis over which curves of a function are drawn, and all long axes of numbers; `None` where there is none.
pub(super) fn curve_axes(function: &GridFunction) -> Option<(usize, Vec<usize>)> {
    let long: Vec<usize> = (0..function.axes.len())
        .filter(|&a| matches!(&function.axes[a].points, Points::Numbers(v) if v.len() > 19))
        .collect();
    let x_axis = long
        .last()
        .or(numeric_axes(function).last().as_ref().copied())
        .copied()?;
    Some((x_axis, long))
}

fn numeric_axes(function: &GridFunction) -> Vec<usize> {
    (0..function.axes.len())
        .filter(|&a| matches!(&function.axes[a].points, Points::Numbers(v) if v.len() > 1))
        .collect()
}

fn numbers_of(function: &GridFunction, axis: usize) -> Vec<f64> {
    match &function.axes[axis].points {
        Points::Numbers(v) => v.clone(),
        Points::Labels(v) => (1..=v.len()).map(|i| i as f64).collect(),
    }
}

/// "held at k = 3.2" for the axes that a picture does not show.
fn held(function: &GridFunction, shown: &[usize]) -> (Vec<usize>, String) {
    let middle: Vec<usize> = function.axes.iter().map(|a| a.points.len() / 2).collect();
    let parts: Vec<String> = (0..function.axes.len())
        .filter(|a| !shown.contains(a) && function.axes[*a].points.len() > 1)
        .map(|a| {
            format!(
                "{} = {}",
                function.axes[a].name,
                function.axes[a].points.show(middle[a])
            )
        })
        .collect();
    let text = if parts.is_empty() {
        String::new()
    } else {
        format!("at {}", parts.join(", "))
    };
    (middle, text)
}

/// Most curves of one function, and how many are drawn where there would be more.
const MOST_CURVES: usize = 16;
const FEW_CURVES: usize = 9;

fn curves(function: &GridFunction, x_axis: usize, title: &str, doc_of: &dyn Fn(&str) -> String) -> Picture {
    let by = (0..function.axes.len())
        .rev()
        .find(|&a| a != x_axis && (2..=64).contains(&function.axes[a].points.len()));
    let shown: Vec<usize> = by.into_iter().chain([x_axis]).collect();
    let (mut at, subtitle) = held(function, &shown);
    let x = numbers_of(function, x_axis);
    let all = by.map_or(1, |a| function.axes[a].points.len());
    // More curves than can be told apart only cover one another.
    let drawn: Vec<usize> = match all > MOST_CURVES {
        true => (0..FEW_CURVES).map(|i| i * (all - 1) / (FEW_CURVES - 1)).collect(),
        false => (0..all).collect(),
    };
    let left_out = match (by, all - drawn.len()) {
        (Some(a), n) if n > 0 => format!("{} of {all} values of {}", drawn.len(), function.axes[a].name),
        _ => String::new(),
    };
    let subtitle = [subtitle, left_out]
        .into_iter()
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
    let mut series = Vec::new();
    for state in drawn {
        if let Some(a) = by {
            at[a] = state;
        }
        let y = (0..x.len())
            .map(|i| {
                at[x_axis] = i;
                function.values[at.as_slice()]
            })
            .collect();
        let name = by.map_or(String::new(), |a| {
            format!("{} = {}", function.axes[a].name, function.axes[a].points.show(state))
        });
        series.push(Series::line(name, x.clone(), y));
    }
    let x_name = &function.axes[x_axis].name;
    Picture::Lines(Figure {
        title: title.to_string(),
        subtitle,
        panels: vec![Panel {
            x_label: axis_label(x_name, &doc_of(x_name)),
            y_label: function.name.clone(),
            series,
            ..Panel::default()
        }],
        columns: 1,
        ordered: true,
    })
}

fn heat_of(
    function: &GridFunction,
    y_axis: usize,
    x_axis: usize,
    title: &str,
    doc_of: &dyn Fn(&str) -> String,
) -> Picture {
    let (mut at, subtitle) = held(function, &[y_axis, x_axis]);
    let (x, y) = (numbers_of(function, x_axis), numbers_of(function, y_axis));
    let mut values = Vec::with_capacity(x.len() * y.len());
    for i in 0..y.len() {
        for j in 0..x.len() {
            at[y_axis] = i;
            at[x_axis] = j;
            values.push(function.values[at.as_slice()]);
        }
    }
    let label = |a: usize| axis_label(&function.axes[a].name, &doc_of(&function.axes[a].name));
    Picture::Heat(HeatMap {
        title: title.to_string(),
        subtitle,
        x_label: label(x_axis),
        y_label: label(y_axis),
        value_label: function.name.clone(),
        x,
        y,
        values,
    })
}

/// Euler errors over a state. `curves`: name, points of the state, and errors, one number per point; errors and `bound`
/// are in units of consumption, shown as log10 of their size, cut off at 10^-16.
pub fn euler_errors(state_label: &str, curves: Vec<(String, Vec<f64>, Vec<f64>)>, bound: Option<f64>) -> Picture {
    let series = curves
        .into_iter()
        .map(|(name, x, errors)| Series::line(name, x, errors.iter().map(|e| e.abs().log10().max(-16.0)).collect()))
        .collect();
    let marks = bound
        .filter(|b| *b > 0.0)
        .map(|b| Mark {
            at: b.log10(),
            horizontal: true,
            label: format!("bound 10^{}", super::number::tick(b.log10())),
        })
        .into_iter()
        .collect();
    Picture::Lines(Figure {
        ordered: true,
        ..Figure::single(
            "Euler residuals, by quantile",
            Panel {
                x_label: state_label.to_string(),
                y_label: "log10 of the residual, in units of consumption".to_string(),
                series,
                marks,
                ..Panel::default()
            },
        )
        .subtitle("-4 means one unit of consumption misplaced in ten thousand")
    })
}

/// Simulated paths as small multiples: one panel per variable `(label, paths)`, each path `(name, values)` with one
/// number per period.
pub fn paths(title: &str, variables: Vec<(String, Vec<SimulatedPath>)>) -> Picture {
    let count = variables.len();
    let panels = variables
        .into_iter()
        .map(|(label, paths)| Panel {
            title: label,
            x_label: "period".to_string(),
            series: paths
                .into_iter()
                .map(|(name, y)| Series::line(name, periods(y.len()), y))
                .collect(),
            ..Panel::default()
        })
        .collect();
    Picture::Lines(Figure {
        title: title.to_string(),
        subtitle: String::new(),
        panels,
        columns: columns_for(count),
        ordered: false,
    })
}

/// Impulse responses as small multiples: one panel per variable `(label, response, band)` with one number per period,
/// the deviation in `unit` from the path without the impulse, around zero; with bands `(lower, upper)` where there are
/// any.
pub fn impulse_responses(title: &str, unit: &str, responses: Vec<(String, Vec<f64>, Option<Band>)>) -> Picture {
    let count = responses.len();
    let panels = responses
        .into_iter()
        .map(|(label, y, band)| {
            let x = periods(y.len());
            let line = Series::line("", x, y);
            Panel {
                title: label,
                x_label: "period".to_string(),
                y_label: unit.to_string(),
                series: vec![match band {
                    Some((lower, upper)) => line.band(lower, upper),
                    None => line,
                }],
                marks: vec![Mark {
                    at: 0.0,
                    horizontal: true,
                    label: String::new(),
                }],
                ..Panel::default()
            }
        })
        .collect();
    Picture::Lines(Figure {
        title: title.to_string(),
        subtitle: String::new(),
        panels,
        columns: columns_for(count),
        ordered: false,
    })
}

/// Learning curves: for each learner the mean over its seeds with a band of one standard error around it, and the
/// single seeds behind it. `of`: who learns, where several do. `curves`: learner, steps, one row per seed. `benchmarks`: label and value of each reference
/// line.
pub fn learning_curves(
    of: Option<&str>,
    y_label: &str,
    curves: Vec<(String, Vec<f64>, Vec<Vec<f64>>)>,
    benchmarks: Vec<(String, f64)>,
) -> Picture {
    let several = curves.iter().any(|(_, _, seeds)| seeds.len() > 1);
    let mut series = Vec::new();
    for (_, steps, seeds) in &curves {
        if seeds.len() > 1 {
            for seed in seeds {
                series.push(Series::line("", steps.clone(), seed.clone()).stroke(Stroke::Faint));
            }
        }
    }
    for (name, steps, seeds) in curves {
        let at = |i: usize| {
            seeds
                .iter()
                .filter_map(|s| s.get(i).copied())
                .filter(|v| v.is_finite())
                .collect::<Vec<f64>>()
        };
        let (mut mean, mut lower, mut upper) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..steps.len() {
            let values = at(i);
            let n = values.len() as f64;
            let m = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
            let error = (variance / n).sqrt();
            mean.push(m);
            lower.push(m - error);
            upper.push(m + error);
        }
        let line = Series::line(name, steps, mean);
        series.push(if seeds.len() > 1 { line.band(lower, upper) } else { line });
    }
    Picture::Lines(
        Figure::single(
            match of {
                None => format!("Learning: {y_label}"),
                Some(of) => format!("Learning of {of}: {y_label}"),
            },
            Panel {
                x_label: "steps of the environment".to_string(),
                y_label: y_label.to_string(),
                series,
                marks: benchmarks
                    .into_iter()
                    .map(|(label, at)| Mark {
                        at,
                        horizontal: true,
                        label,
                    })
                    .collect(),
                ..Panel::default()
            },
        )
        .subtitle(match several {
            true => "mean over seeds, one standard error shaded, single seeds in grey",
            false => "one seed",
        }),
    )
}

fn periods(n: usize) -> Vec<f64> {
    (0..n).map(|t| t as f64).collect()
}

/// Columns of small multiples.
pub(super) fn columns_for(panels: usize) -> usize {
    match panels {
        0..=1 => 1,
        2 | 4 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests;
