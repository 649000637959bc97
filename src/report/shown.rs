//! What the certificate looked at, as pictures and tables of the same numbers: next states over states, where lives go, residuals over
//! states, one life; and the range in which a solution can be trusted, shaded.

use super::content::{NamedPicture, NamedTable};
use super::named::with_names;
use super::number;
use super::plot::{self, Figure, Mark, Names, Panel, Picture, Region, Series, Stroke};
use super::table::Table;
use crate::driver::Solved;
use crate::solve::solution::Solution;
use crate::verify::grid::shown::{Law, Shown, Visited};
use crate::verify::grid::trusted::Trusted;

/// What the shaded part of a picture is.
const CERTIFIED: &str = "can be trusted";
/// Most panels in a row.
const COLUMNS: usize = 2;

/// Shades the pictures of functions over a state where the others, held at `held` (pairs of name and value), are in theirs, too.
pub(super) fn region(trusted: Option<&Trusted>, state: &str, held: &[(String, f64)]) -> Vec<Region> {
    let Some(t) = trusted else { return Vec::new() };
    let own = t.ranges.iter().find(|r| r.name == state);
    let inside = held.iter().all(|(name, x)| {
        let range = t.ranges.iter().find(|r| r.name == *name);
        range.is_none_or(|r| (r.lo..=r.hi).contains(x))
    });
    let shaded = own.filter(|r| inside && r.hi > r.lo).map(|r| Region {
        from: r.lo,
        to: r.hi,
        label: CERTIFIED.to_string(),
    });
    shaded.into_iter().collect()
}

/// The pictures, in the order shown; `doc_of` describes a name, `names_of` says what its places are called.
pub(super) fn pictures(
    s: &Solved,
    doc_of: &dyn Fn(&str) -> String,
    names_of: &dyn Fn(&str) -> Names,
) -> Vec<NamedPicture> {
    let shown = &s.certificate.shown;
    let trusted = s.certificate.trusted.as_ref();
    let named = |stem: &str, picture: Picture| NamedPicture {
        stem: stem.to_string(),
        picture,
    };
    let mut out = Vec::new();
    if !shown.laws.is_empty() {
        let panels = shown.laws.iter().map(|l| law(l, &s.solution, trusted, doc_of));
        out.push(named(
            "law",
            figure("Next period's state over this period's", panels.collect(), true),
        ));
    }
    if !shown.visited.is_empty() {
        let panels = shown.visited.iter().map(|v| Panel {
            x_names: names_of(&v.name),
            ..histogram(v, trusted, doc_of)
        });
        out.push(named(
            "visited",
            figure("Where lives go: share of time", panels.collect(), false),
        ));
    }
    if !shown.places.is_empty() {
        let bound = s.certificate.thresholds.euler;
        let states = s.solution.states.iter().enumerate();
        let panels = states.map(|(k, state)| residuals(shown, k, &state.name, bound, trusted, doc_of));
        out.push(named(
            "euler-places",
            figure("Euler residuals over states", panels.collect(), false),
        ));
    }
    if !shown.life.is_empty() {
        let paths = shown
            .life
            .iter()
            .map(|(name, x)| (name.clone(), vec![(String::new(), x.clone())]));
        out.push(named(
            "life",
            with_names(
                plot::paths("One life under the solution", paths.take(9).collect()),
                names_of,
            ),
        ));
    }
    out
}

fn figure(title: &str, panels: Vec<Panel>, ordered: bool) -> Picture {
    Picture::Lines(Figure {
        title: title.to_string(),
        subtitle: String::new(),
        columns: panels.len().clamp(1, COLUMNS),
        panels,
        ordered,
    })
}

fn label(name: &str, doc_of: &dyn Fn(&str) -> String) -> String {
    match doc_of(name).as_str() {
        "" => name.to_string(),
        doc => format!("{doc} ({name})"),
    }
}

fn shock_name(solution: &Solution, shock: usize) -> String {
    let chain = &solution.chain;
    let values = chain.names.iter().zip(chain.values.get(shock).into_iter().flatten());
    let parts: Vec<String> = values.map(|(n, v)| format!("{n} = {}", number::compact(*v))).collect();
    parts.join(", ")
}

fn held_text(held: &[(String, f64)]) -> String {
    let parts: Vec<String> = held
        .iter()
        .map(|(n, x)| format!("{n} = {}", number::compact(*x)))
        .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("at {}", parts.join(", ")),
    }
}

fn law(law: &Law, solution: &Solution, trusted: Option<&Trusted>, doc_of: &dyn Fn(&str) -> String) -> Panel {
    let ends = [law.now[0], law.now[law.now.len() - 1]];
    let mut series = vec![Series::line("45 degrees", ends.to_vec(), ends.to_vec()).stroke(Stroke::Faint)];
    let curves = law.next.iter().enumerate();
    series.extend(curves.map(|(j, y)| Series::line(shock_name(solution, j), law.now.clone(), y.clone())));
    Panel {
        title: held_text(&law.held),
        x_label: label(&law.name, doc_of),
        y_label: format!("{} in the next period", law.name),
        series,
        regions: region(trusted, &law.name, &law.held),
        ..Panel::default()
    }
}

fn histogram(v: &Visited, trusted: Option<&Trusted>, doc_of: &dyn Fn(&str) -> String) -> Panel {
    // The outline of the bars.
    let x: Vec<f64> = v.ends.windows(2).flat_map(|e| [e[0], e[1]]).collect();
    let y: Vec<f64> = v.share.iter().flat_map(|s| [*s, *s]).collect();
    let floor = vec![0.0; y.len()];
    let [left, right] = [v.ends[0], v.ends[v.ends.len() - 1]];
    let regions = region(trusted, &v.name, &[]).into_iter().map(|r| Region {
        from: r.from.max(left),
        to: r.to.min(right),
        ..r
    });
    Panel {
        x_label: label(&v.name, doc_of),
        y_label: "share of time".to_string(),
        series: vec![Series::line("", x, y.clone()).band(floor, y)],
        regions: regions.filter(|r| r.to > r.from).collect(),
        ..Panel::default()
    }
}

fn log(e: f64) -> f64 {
    e.abs().log10().max(-16.0)
}

fn residuals(
    shown: &Shown,
    state: usize,
    name: &str,
    bound: f64,
    trusted: Option<&Trusted>,
    doc_of: &dyn Fn(&str) -> String,
) -> Panel {
    let dots = |visited: bool, name: &str| {
        let own = shown.places.iter().filter(|p| p.visited == visited);
        let (x, y) = own.map(|p| (p.states[state], log(p.euler))).unzip();
        Series::line(name, x, y).stroke(Stroke::Points)
    };
    let all = [dots(false, "whole grid"), dots(true, "where lives go")];
    Panel {
        x_label: label(name, doc_of),
        y_label: "log10 of the residual".to_string(),
        series: all.into_iter().filter(|s| !s.x.is_empty()).collect(),
        marks: vec![Mark {
            at: bound,
            horizontal: true,
            label: format!("bound 10^{bound}"),
        }],
        regions: region(trusted, name, &[]),
        ..Panel::default()
    }
}

/// The numbers of the pictures; kept to files.
pub(super) fn tables(s: &Solved) -> Vec<NamedTable> {
    let shown = &s.certificate.shown;
    let named = |stem: &str, caption: &str, table: Table| NamedTable {
        stem: stem.to_string(),
        caption: caption.to_string(),
        table,
        on_screen: 0,
    };
    let mut out = Vec::new();
    if !shown.laws.is_empty() {
        let (mut state, mut shock, mut now, mut next) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for law in &shown.laws {
            for (j, curve) in law.next.iter().enumerate() {
                for (x, y) in law.now.iter().zip(curve) {
                    state.push(law.name.clone());
                    shock.push(shock_name(&s.solution, j));
                    now.push(*x);
                    next.push(*y);
                }
            }
        }
        let table = Table::new().texts("state", state).texts("shock", shock);
        out.push(named(
            "law",
            "Next period's state",
            table.numbers("now", now).numbers("next", next),
        ));
    }
    if !shown.visited.is_empty() {
        let bars = shown
            .visited
            .iter()
            .flat_map(|v| v.ends.windows(2).zip(&v.share).map(move |(e, s)| (v, e[0], e[1], *s)));
        let table = Table::new()
            .texts("state", bars.clone().map(|b| b.0.name.clone()).collect())
            .numbers("from", bars.clone().map(|b| b.1).collect())
            .numbers("to", bars.clone().map(|b| b.2).collect())
            .numbers("share", bars.map(|b| b.3).collect());
        out.push(named("visited", "Where lives go", table));
    }
    if !shown.places.is_empty() {
        let kind = |visited: bool| if visited { "where lives go" } else { "whole grid" }.to_string();
        let mut table = Table::new().texts("place", shown.places.iter().map(|p| kind(p.visited)).collect());
        for (k, state) in s.solution.states.iter().enumerate() {
            table = table.numbers(&state.name, shown.places.iter().map(|p| p.states[k]).collect());
        }
        let table = table.numbers("log10 residual", shown.places.iter().map(|p| log(p.euler)).collect());
        out.push(named("euler-places", "Euler residuals over states", table));
    }
    if !shown.life.is_empty() {
        let periods = shown.life.iter().map(|l| l.1.len()).max().unwrap_or(0);
        let table = Table::new().integers("t", (0..periods as i64).collect());
        let table = shown.life.iter().fold(table, |t, (name, x)| t.numbers(name, x.clone()));
        out.push(named("life", "One life under the solution", table));
    }
    out
}
