//! Results over the values of a sweep, as [`Content`]: one table with a line a run, and every result against what was varied.

use super::content::{Content, NamedPicture, NamedTable};
use super::number;
use super::plot::{Figure, Panel, Picture, Series, columns_for};
use super::table::Table;

/// How a run ends whose numbers count.
const HOLDS: &str = "complete";
/// Most results that are drawn.
const PANELS: usize = 9;
/// Most curves in one panel.
const CURVES: usize = 12;

/// What one run of a sweep came to.
pub struct Point {
    /// What was set, one value per parameter that varies.
    pub set: Vec<f64>,
    /// How it ended.
    pub status: String,
    /// Its directory, beside the report.
    pub place: String,
    /// Whether there is a report.
    pub reported: bool,
    /// Its numbers, pairs of name and value.
    pub numbers: Vec<(String, f64)>,
    /// Those of them that judge, and are no results.
    pub judging: Vec<String>,
}

/// The content of a sweep over the parameters `names`; one point per run, in order.
pub fn of_points(model: &str, title: &str, names: &[String], points: &[Point]) -> Content {
    let pictures = picture(names, points);
    Content {
        model: model.to_string(),
        title: title.to_string(),
        headline: format!("{} runs: {}", points.len(), names.join(", ")),
        tables: vec![
            NamedTable {
                stem: "results".into(),
                caption: "Results by value".into(),
                table: table(names, points, false),
                on_screen: 40,
            },
            NamedTable {
                stem: "sweep".into(),
                caption: "Results and lines of the certificates by value".into(),
                table: table(names, points, true),
                on_screen: 0,
            },
        ],
        no_plots: match pictures.is_none() {
            true => "no result of these runs varies".into(),
            false => String::new(),
        },
        pictures: pictures.into_iter().collect(),
        runs: points.iter().filter(|p| p.reported).map(|p| p.place.clone()).collect(),
        ..Content::default()
    }
}

/// Names of numbers that some run has, in order.
fn numbers_of<'p>(points: &[&'p Point]) -> Vec<&'p String> {
    let mut out: Vec<&String> = Vec::new();
    for (name, _) in points.iter().flat_map(|p| &p.numbers) {
        if !out.contains(&name) {
            out.push(name);
        }
    }
    out
}

fn number_of(point: &Point, name: &str) -> f64 {
    point
        .numbers
        .iter()
        .find(|(n, _)| n == name)
        .map_or(f64::NAN, |(_, x)| *x)
}

/// What was set, how it ended, then every number that some run has; those that judge where `judged`.
fn table(names: &[String], points: &[Point], judged: bool) -> Table {
    let mut out = Table::new();
    for (k, name) in names.iter().enumerate() {
        out = out.numbers(name, points.iter().map(|p| p.set[k]).collect());
    }
    out = out
        .texts("status", points.iter().map(|p| p.status.clone()).collect())
        .texts("run", points.iter().map(|p| p.place.clone()).collect());
    for name in numbers_of(&points.iter().collect::<Vec<_>>()) {
        if !judged && points.iter().any(|p| p.judging.contains(name)) {
            continue;
        }
        out = out.numbers(name, points.iter().map(|p| number_of(p, name)).collect());
    }
    out
}

/// Every result of the runs that hold over the parameter with most values, a curve for each value of the others.
fn picture(names: &[String], all_points: &[Point]) -> Option<NamedPicture> {
    let points: Vec<&Point> = all_points.iter().filter(|p| p.status == HOLDS).collect();
    let failed = all_points.len() - points.len();
    let distinct = |k: usize| {
        let mut all: Vec<f64> = points.iter().map(|p| p.set[k]).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all.len()
    };
    let over = (0..names.len()).rev().max_by_key(|k| distinct(*k))?;
    // Those with equal values of the other parameters, in order.
    let others = |p: &Point| -> Vec<f64> {
        let rest = p.set.iter().enumerate().filter(|(k, _)| *k != over);
        rest.map(|(_, x)| *x).collect()
    };
    let mut groups: Vec<(Vec<f64>, Vec<&Point>)> = Vec::new();
    for p in points.iter().copied() {
        let key = others(p);
        match groups.iter_mut().find(|(own, _)| *own == key) {
            Some((_, all)) => all.push(p),
            None => groups.push((key, vec![p])),
        }
    }
    let all = groups.len();
    groups.truncate(CURVES);
    let called = |key: &[f64]| -> String {
        let rest = names.iter().enumerate().filter(|(k, _)| *k != over).map(|(_, n)| n);
        let words = rest.zip(key).map(|(n, x)| format!("{n} = {}", number::compact(*x)));
        words.collect::<Vec<_>>().join(", ")
    };
    let judging = |name: &str| points.iter().any(|p| p.judging.iter().any(|j| j == name));
    let varies = |name: &str| {
        let finite = points.iter().map(|p| number_of(p, name)).filter(|x| x.is_finite());
        let ends = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| (lo.min(x), hi.max(x)));
        ends.1 - ends.0 > 1e-9 * ends.0.abs().max(ends.1.abs())
    };
    let drawn = numbers_of(&points).into_iter().filter(|n| !judging(n) && varies(n));
    let panels: Vec<Panel> = drawn
        .take(PANELS)
        .map(|name| Panel {
            title: name.clone(),
            x_label: names[over].clone(),
            series: groups
                .iter()
                .map(|(key, own)| {
                    let mut pairs: Vec<(f64, f64)> = own.iter().map(|p| (p.set[over], number_of(p, name))).collect();
                    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
                    let (x, y) = pairs.into_iter().unzip();
                    Series::line(called(key), x, y)
                })
                .collect(),
            ..Panel::default()
        })
        .collect();
    if panels.is_empty() {
        return None;
    }
    Some(NamedPicture {
        stem: "sweep".into(),
        picture: Picture::Lines(Figure {
            title: format!("Results over {}", names[over]),
            subtitle: [
                (all > groups.len()).then(|| format!("the first {} of {all} combinations of the others", groups.len())),
                (failed > 0).then(|| format!("{failed} of {} runs failed and are left out", all_points.len())),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; "),
            columns: columns_for(panels.len()),
            panels,
            ordered: true,
        }),
    })
}
