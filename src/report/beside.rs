//! Two runs in pictures: policies over one another with their difference, responses, first simulated worlds, learning curves; and the
//! numbers of the pictures as tables.

use super::content::{NamedPicture, NamedTable};
use super::number;
use super::plot::{self, Figure, Panel, Picture, Series, Stroke};
use super::side::Side;
use super::solved::stem_of;
use super::table::{Table, Values};
use super::trained::benchmarks;
use crate::diag::Diagnostic;
use crate::solve::between::PolicyBetween;
use crate::solve::problem::Links;
use crate::solve::solution::Solution;
use std::sync::Arc;

/// What the two runs are called in every picture.
pub const NAMES: [&str; 2] = ["first", "second"];
/// Most panels of a picture of paths or responses.
const PANELS: usize = 9;

/// Pictures, and the tables of their numbers.
#[derive(Default)]
pub(super) struct Beside {
    pub(super) pictures: Vec<NamedPicture>,
    pub(super) tables: Vec<NamedTable>,
}

impl Beside {
    fn picture(&mut self, stem: String, picture: Picture) {
        self.pictures.push(NamedPicture { stem, picture });
    }

    fn table(&mut self, stem: &str, caption: &str, table: Table) {
        self.tables.push(NamedTable {
            stem: stem.into(),
            caption: caption.into(),
            table,
            on_screen: 0,
        });
    }
}

/// What the tables of two runs have to show in pictures.
pub(super) fn of_tables(first: &Side, second: &Side) -> Beside {
    let mut out = Beside::default();
    responses(first, second, &mut out);
    series(first, second, &mut out);
    learning(first, second, &mut out);
    out
}

/// What a function is drawn over: a state or a shock, by number.
#[derive(Clone, Copy, PartialEq)]
enum Over {
    State(usize),
    Shock(usize),
}

/// The axis with most nodes, states before shocks; `None` where everything is one number.
fn over(s: &Solution, links: &[Links]) -> Option<Over> {
    let states = s.states.iter().map(|x| x.nodes.len()).enumerate();
    let states = states.filter(|(_, n)| *n > 1).max_by_key(|(i, n)| (*n, *i));
    let shocks = links.iter().map(|l| l.values.len()).enumerate();
    let shocks = shocks.filter(|(_, n)| *n > 1).max_by_key(|(i, n)| (*n, *i));
    match (states, shocks) {
        (Some((i, _)), _) => Some(Over::State(i)),
        (None, Some((i, _))) => Some(Over::Shock(i)),
        (None, None) => None,
    }
}

/// Policies and values of two solutions over one another, along one axis of the first, everything else held at its middle there. The second is
/// read between its nodes, and is not drawn beyond its grid.
///
/// # Errors
/// E0904, E0905 of a solution that cannot be read.
pub(super) fn policies(first: &Arc<Solution>, second: &Arc<Solution>) -> Result<Beside, Diagnostic> {
    let mut out = Beside::default();
    let Some(links) = first.chain.links() else {
        return Ok(out);
    };
    let Some(axis) = over(first, &links) else {
        return Ok(out);
    };
    let other = PolicyBetween::new(second.clone())?;
    let finite = other.finite_links();
    let middle: Vec<usize> = first.states.iter().map(|s| s.nodes.len() / 2).collect();
    let central: Vec<usize> = links.iter().map(|l| l.values.len() / 2).collect();
    let joint = |own: &[usize]| own.iter().zip(&links).fold(0, |at, (i, l)| at * l.values.len() + i);
    let node = |own: &[usize]| {
        own.iter()
            .zip(&first.states)
            .fold(0, |at, (i, s)| at * s.nodes.len() + i)
    };
    let (name, x) = match axis {
        Over::State(i) => (first.states[i].name.clone(), first.states[i].nodes.clone()),
        Over::Shock(k) => (first.chain.names[k].clone(), links[k].values.clone()),
    };
    let actions = first.actions.iter().enumerate();
    let mut pairs: Vec<(String, Option<(usize, usize)>)> = actions
        .filter_map(|(i, a)| {
            Some((
                a.name.clone(),
                Some((i, second.actions.iter().position(|b| b.name == a.name)?)),
            ))
        })
        .collect();
    pairs.push(("value".to_string(), None));
    let mut values: Vec<[Vec<f64>; 2]> = vec![Default::default(); pairs.len()];
    for at in 0..x.len() {
        let (mut states, mut shocks) = (middle.clone(), central.clone());
        match axis {
            Over::State(i) => states[i] = at,
            Over::Shock(k) => shocks[k] = at,
        }
        let place = node(&states) * first.shocks() + joint(&shocks);
        let standing: Vec<f64> = states.iter().zip(&first.states).map(|(i, s)| s.nodes[*i]).collect();
        let read: Vec<f64> = (0..links.len())
            .map(|k| {
                if finite[k].is_some() {
                    shocks[k] as f64
                } else {
                    links[k].values[shocks[k]]
                }
            })
            .collect();
        let inside = standing.iter().zip(&second.states).all(|(x, s)| {
            let ends = (s.nodes.first().copied(), s.nodes.last().copied());
            matches!(ends, (Some(lo), Some(hi)) if (lo..=hi).contains(x))
        });
        let spot = other.spot(0, &read, &standing);
        for ((_, pair), [own, its]) in pairs.iter().zip(&mut values) {
            let (a, b) = match pair {
                Some((i, j)) => (first.policy[*i][place], other.action(*j, &spot)),
                None => (first.value[place], other.value(&spot)),
            };
            own.push(a);
            its.push(if inside { b } else { f64::NAN });
        }
    }
    let mut held: Vec<String> = Vec::new();
    if !first.infinite {
        held.push("the first period".to_string());
    }
    let states = first.states.iter().enumerate().filter(|(i, _)| axis != Over::State(*i));
    held.extend(states.map(|(i, s)| format!("{} = {}", s.name, number::compact(s.nodes[middle[i]]))));
    let shocks = links.iter().enumerate().filter(|(k, _)| axis != Over::Shock(*k));
    held.extend(shocks.map(|(k, l)| format!("{} = {}", first.chain.names[k], number::compact(l.values[central[k]]))));
    let subtitle = if held.is_empty() {
        String::new()
    } else {
        format!("at {}", held.join(", "))
    };
    let mut columns: (Vec<String>, [Vec<Option<f64>>; 4]) = Default::default();
    for ((what, _), [own, its]) in pairs.iter().zip(values) {
        let gap: Vec<f64> = own.iter().zip(&its).map(|(a, b)| b - a).collect();
        for (k, at) in x.iter().enumerate() {
            columns.0.push(what.clone());
            for (column, v) in columns.1.iter_mut().zip([*at, own[k], its[k], gap[k]]) {
                column.push(Some(v).filter(|v| !v.is_nan()));
            }
        }
        let lines = vec![
            Series::line(NAMES[0], x.clone(), own),
            Series::line(NAMES[1], x.clone(), its).stroke(Stroke::Dashed),
        ];
        let panel = |title: &str, series: Vec<Series>| Panel {
            title: title.to_string(),
            x_label: name.clone(),
            series,
            ..Panel::default()
        };
        let difference = Panel {
            marks: vec![plot::Mark {
                at: 0.0,
                horizontal: true,
                label: String::new(),
            }],
            ..panel("second less first", vec![Series::line("difference", x.clone(), gap)])
        };
        let figure = Figure {
            title: what.clone(),
            subtitle: subtitle.clone(),
            panels: vec![panel("both", lines), difference],
            columns: 2,
            ordered: false,
        };
        out.picture(format!("both-{}", stem_of(what)), Picture::Lines(figure));
    }
    let [at, own, its, gap] = columns.1;
    let table = Table::new()
        .texts("function", columns.0)
        .with(&name, Values::Gaps(at))
        .with(NAMES[0], Values::Gaps(own))
        .with(NAMES[1], Values::Gaps(its))
        .with("difference", Values::Gaps(gap));
    out.table(
        "policies",
        &format!(
            "Policies and values of both over {name}, {}",
            if subtitle.is_empty() {
                "all that there is"
            } else {
                &subtitle
            }
        ),
        table,
    );
    Ok(out)
}

/// A table as text: its heading and rows.
struct Read {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Read {
    fn of(side: &Side, stem: &str) -> Option<Read> {
        let (_, text) = side.tables.iter().find(|(name, _)| name == stem)?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let words = |r: &csv::StringRecord| r.iter().map(String::from).collect::<Vec<String>>();
        let heading = reader.headers().map(words).unwrap_or_default();
        let rows = reader.records().flatten().map(|r| words(&r)).collect();
        Some(Read { heading, rows })
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.heading.iter().position(|h| h == name)
    }

    /// A column as numbers, of the rows that are kept; what is none is NaN.
    fn numbers(&self, name: &str, keep: &dyn Fn(&[String]) -> bool) -> Option<Vec<f64>> {
        let at = self.place(name)?;
        let kept = self.rows.iter().filter(|r| keep(r));
        Some(
            kept.map(|r| r.get(at).and_then(|c| c.parse().ok()).unwrap_or(f64::NAN))
                .collect(),
        )
    }
}

/// The responses of both to the impulses that both met.
fn responses(first: &Side, second: &Side, out: &mut Beside) {
    let (Some(a), Some(b)) = (Read::of(first, "irf"), Read::of(second, "irf")) else {
        return;
    };
    let keys = |r: &Read| -> Vec<(String, String)> {
        let (Some(shock), Some(variable)) = (r.place("shock"), r.place("variable")) else {
            return Vec::new();
        };
        let mut all: Vec<(String, String)> = Vec::new();
        for row in &r.rows {
            let key = (row[shock].clone(), row[variable].clone());
            if all.last() != Some(&key) {
                all.push(key);
            }
        }
        all
    };
    let theirs = keys(&b);
    let both: Vec<(String, String)> = keys(&a).into_iter().filter(|k| theirs.contains(k)).collect();
    let mut shocks: Vec<String> = both.iter().map(|k| k.0.clone()).collect();
    shocks.dedup();
    for shock in shocks {
        let mut panels = Vec::new();
        for (_, variable) in both.iter().filter(|k| k.0 == shock) {
            let curve = |r: &Read, name: &str, stroke: Stroke| -> Option<Series> {
                let own = |row: &[String]| row[0] == shock && row[1] == *variable;
                let x = r.numbers("period", &own)?;
                let of = |column: &str| r.numbers(column, &own);
                Some(
                    Series::line(name, x, of("response")?)
                        .stroke(stroke)
                        .band(of("low")?, of("high")?),
                )
            };
            let lines: Vec<Series> = [(&a, NAMES[0], Stroke::Solid), (&b, NAMES[1], Stroke::Dashed)]
                .into_iter()
                .filter_map(|(r, name, stroke)| curve(r, name, stroke))
                .collect();
            if lines.iter().all(|l| l.y.iter().all(|y| *y == 0.0)) {
                continue;
            }
            panels.push(Panel {
                title: variable.clone(),
                x_label: "period".into(),
                series: lines,
                marks: vec![plot::Mark {
                    at: 0.0,
                    horizontal: true,
                    label: String::new(),
                }],
                ..Panel::default()
            });
        }
        panels.truncate(PANELS);
        if !panels.is_empty() {
            let figure = Figure {
                title: format!("Responses to {shock}"),
                subtitle: String::new(),
                columns: plot::columns_for(panels.len()),
                panels,
                ordered: false,
            };
            out.picture(format!("both-irf-{}", stem_of(&shock)), Picture::Lines(figure));
        }
    }
}

/// The first simulated worlds of both.
fn series(first: &Side, second: &Side, out: &mut Beside) {
    let (Some(a), Some(b)) = (Read::of(first, "series"), Read::of(second, "series")) else {
        return;
    };
    let all = |_: &[String]| true;
    let common = a.heading.iter().filter(|h| *h != "t" && b.place(h).is_some());
    let paths: Vec<(String, Vec<plot::SimulatedPath>)> = common
        .filter_map(|name| {
            let (x, y) = (a.numbers(name, &all)?, b.numbers(name, &all)?);
            Some((name.clone(), vec![(NAMES[0].to_string(), x), (NAMES[1].to_string(), y)]))
        })
        .take(PANELS)
        .collect();
    if !paths.is_empty() {
        out.picture(
            "both-paths".into(),
            plot::paths("The first simulated world of both", paths),
        );
    }
}

/// Learning curves of both, agent by agent: means over seeds with bands, and what they are measured beside.
fn learning(first: &Side, second: &Side, out: &mut Beside) {
    let sides = [first, second];
    if sides.iter().any(|s| s.measured.is_empty()) {
        return;
    }
    let mut rows: (Vec<String>, Vec<String>, Vec<i64>) = Default::default();
    let mut numbers: [Vec<f64>; 4] = Default::default();
    let mut agents: Vec<&str> = first.measured.iter().map(|m| m.agent.as_str()).collect();
    agents.dedup();
    agents.sort_unstable();
    agents.dedup();
    let columns = ["steps", "discounted_return", "episode_return", "distance"];
    for agent in agents {
        let mut curves: Vec<[(String, Vec<f64>, Vec<Vec<f64>>); 3]> = Vec::new();
        for (side, name) in sides.iter().zip(NAMES) {
            let mut steps: Vec<f64> = Vec::new();
            let mut all: [Vec<Vec<f64>>; 3] = Default::default();
            for m in side.measured.iter().filter(|m| m.agent == agent) {
                let one = Side {
                    tables: vec![("measured".into(), m.table.clone())],
                    ..Side::default()
                };
                let Some(read) = Read::of(&one, "measured") else {
                    continue;
                };
                let found: Vec<Vec<f64>> = columns
                    .iter()
                    .map(|c| read.numbers(c, &|_| true).unwrap_or_default())
                    .collect();
                if found[0].len() > steps.len() {
                    steps.clone_from(&found[0]);
                }
                for (to, from) in all.iter_mut().zip(&found[1..]) {
                    to.push(from.clone());
                }
                rows.0.extend(std::iter::repeat_n(name.to_string(), found[0].len()));
                rows.1.extend(std::iter::repeat_n(agent.to_string(), found[0].len()));
                rows.2.extend(std::iter::repeat_n(m.seed as i64, found[0].len()));
                for (to, from) in numbers.iter_mut().zip(&found) {
                    to.extend(from);
                }
            }
            let [a, b, c] = all;
            curves.push([a, b, c].map(|seeds| (name.to_string(), steps.clone(), seeds)));
        }
        if curves.iter().any(|c| c[0].1.len() < 2) {
            continue;
        }
        let of = |k: usize| curves.iter().map(|c| c[k].clone()).collect::<Vec<_>>();
        let suffix = if agent.is_empty() {
            String::new()
        } else {
            format!("_{agent}")
        };
        out.picture(
            format!("both-discounted{suffix}"),
            plot::learning_curves(None, "discounted return", of(0), beside_lines(first, second)),
        );
        out.picture(
            format!("both-learning{suffix}"),
            plot::learning_curves(None, "return of an episode", of(1), Vec::new()),
        );
        let known = |c: &[(String, Vec<f64>, Vec<Vec<f64>>); 3]| c[2].2.iter().flatten().any(|x| x.is_finite());
        if curves.iter().all(known) {
            out.picture(
                format!("both-distance{suffix}"),
                plot::learning_curves(
                    None,
                    "distance to the exact policy, share of its mean",
                    of(2),
                    Vec::new(),
                ),
            );
        }
    }
    let mut table = Table::new().texts("run", rows.0);
    if rows.1.iter().any(|a| !a.is_empty()) {
        table = table.texts("agent", rows.1);
    }
    let table = columns
        .iter()
        .zip(numbers)
        .fold(table.integers("seed", rows.2), |t, (c, x)| t.numbers(c, x));
    out.table("learning", "Learning curves of both", table);
}

/// The exact return and the best constant's of both runs: one line where they agree.
fn beside_lines(first: &Side, second: &Side) -> Vec<(String, f64)> {
    let best = |side: &Side, column: &str| -> Option<f64> {
        let all = Read::of(side, "seeds")?.numbers(column, &|_| true)?;
        all.into_iter().filter(|x| x.is_finite()).reduce(f64::max)
    };
    let lines = |side: &Side| {
        benchmarks(
            best(side, super::trained::EXACT),
            best(side, super::trained::BEST_CONSTANT),
        )
    };
    let mut out = lines(first);
    for (name, x) in lines(second) {
        if !out.iter().any(|(own, _)| *own == name) {
            out.push((format!("{name} (second)"), x));
        }
    }
    out
}
