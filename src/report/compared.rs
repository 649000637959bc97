//! Two runs side by side: what they were asked, every number that both have, and how far their policies and values lie apart where both
//! have a grid.

use super::beside::{self, Beside};
use super::content::{Content, NamedTable, with_unit};
use super::number;
use super::side::Side;
use super::table::{Table, Values};
use crate::diag::Diagnostic;
use crate::solve::between::PolicyBetween;
use crate::solve::solution::Solution;
use std::sync::Arc;

/// Nodes of the first run at which policies are compared, at most about so many.
const MOST_PLACES: usize = 200_000;
/// Tables of runs that say one thing a row, by file and the columns that name the row; their numbers are compared.
pub const TABLES: &[(&str, &[&str])] = &[
    ("certificate", &["check"]),
    ("moments", &["name"]),
    ("definitions", &["name"]),
    ("cycle", &["name"]),
    ("returns", &["agent"]),
    ("prices", &["price"]),
    ("players", &["player"]),
    ("verdict", &["seed"]),
    ("responses", &["shock", "variable"]),
    ("variance", &["variable"]),
    ("seeds", &["seed"]),
];

/// A number that both runs have.
#[derive(Clone, Debug, PartialEq)]
struct Pair {
    table: String,
    row: String,
    column: String,
    first: Option<f64>,
    second: Option<f64>,
}

/// How far two functions lie apart on the grid that both have.
#[derive(Clone, Debug, PartialEq)]
pub struct Distance {
    /// The action, or `value`.
    pub name: String,
    /// Mean of the absolute difference over the places.
    pub mean: f64,
    /// Largest absolute difference.
    pub largest: f64,
    /// Mean size of the first one's numbers there.
    pub size: f64,
    /// Where the difference is largest: `k = 12.1, z = 0.03`.
    pub place: String,
    /// Number of places.
    pub places: usize,
}

/// Two runs as content: tables `asked`, `numbers` and `distances`; pictures of policies, responses, paths and learning curves, with the tables
/// of their numbers.
///
/// # Errors
/// E0954 where they have nothing in common; E0905 for a solution that cannot be read.
pub fn of_two(first: &Side, second: &Side) -> Result<Content, Diagnostic> {
    let asked = differing(first, second);
    let numbers = pairs(first, second);
    let mut shown = Beside::default();
    let (distances, why) = match (&first.solution, &second.solution) {
        (Some(a), Some(b)) => match apart(a, b)? {
            Ok(found) => {
                shown = beside::policies(a, b)?;
                (found, None)
            }
            Err(why) => (Vec::new(), Some(why)),
        },
        _ => (Vec::new(), None),
    };
    let more = beside::of_tables(first, second);
    shown.pictures.extend(more.pictures);
    shown.tables.extend(more.tables);
    if numbers.is_empty() && distances.is_empty() && shown.pictures.is_empty() {
        return Err(Diagnostic::error("E0954", "the runs have no number in common")
            .note(format!("{} and {}", first.place, second.place))
            .hint("name two runs that did the same: two of solve, of simulate, of irf, of train, of verify"));
    }
    let mut facts = vec![
        ("first".to_string(), first.place.clone()),
        ("second".to_string(), second.place.clone()),
    ];
    if asked.is_empty() {
        facts.push(("asked".to_string(), "the same of both".to_string()));
    }
    facts.extend(why.map(|w| ("policies".to_string(), format!("not compared: {w}"))));
    let mut tables = Vec::new();
    if !asked.is_empty() {
        tables.push(NamedTable {
            stem: "asked".into(),
            caption: "What differs".into(),
            table: Table::new()
                .texts("what", asked.iter().map(|a| a.0.clone()).collect())
                .texts("first", asked.iter().map(|a| a.1.clone()).collect())
                .texts("second", asked.iter().map(|a| a.2.clone()).collect()),
            on_screen: 60,
        });
    }
    if !distances.is_empty() {
        tables.push(far(&distances));
    }
    let mut stems: Vec<&str> = numbers.iter().map(|p| p.table.as_str()).collect();
    stems.dedup();
    tables.extend(stems.into_iter().map(|stem| side_by_side(stem, &numbers)));
    tables.extend(shown.tables);
    Ok(Content {
        model: "compared".into(),
        title: format!("{} and {}", first.name(), second.name()),
        headline: "two runs side by side".into(),
        facts,
        tables,
        no_plots: match shown.pictures.is_empty() {
            true => "the runs have no curve of one kind: a policy on a grid, responses, a simulated world, a course of learning".into(),
            false => String::new(),
        },
        pictures: shown.pictures,
        ..Content::default()
    })
}

/// The numbers of one table side by side.
fn side_by_side(stem: &str, numbers: &[Pair]) -> NamedTable {
    let rows: Vec<&Pair> = numbers.iter().filter(|p| p.table == stem).collect();
    let change = |p: &Pair| Some(p.second? - p.first?);
    let percent = |p: &Pair| {
        change(p)
            .filter(|_| p.first != Some(0.0) && !p.row.contains("log10"))
            .zip(p.first)
            .map(|(d, x)| 100.0 * d / x.abs())
    };
    NamedTable {
        stem: stem.to_string(),
        caption: format!("{}{} of both", stem[..1].to_uppercase(), &stem[1..]),
        table: Table::new()
            .texts("name", rows.iter().map(|p| p.row.clone()).collect())
            .texts("of it", rows.iter().map(|p| p.column.clone()).collect())
            .with("first", Values::Gaps(rows.iter().map(|p| p.first).collect()))
            .with("second", Values::Gaps(rows.iter().map(|p| p.second).collect()))
            .with("change", Values::Gaps(rows.iter().map(|p| change(p)).collect()))
            .with("in %", Values::Gaps(rows.iter().map(|p| percent(p)).collect())),
        on_screen: 400,
    }
}

fn far(distances: &[Distance]) -> NamedTable {
    let column = |f: &dyn Fn(&Distance) -> f64| distances.iter().map(f).collect::<Vec<f64>>();
    NamedTable {
        stem: "distances".into(),
        caption: format!(
            "How far policies and values lie apart (at {} nodes of the first, inside both grids)",
            distances[0].places
        ),
        table: Table::new()
            .texts("name", distances.iter().map(|d| d.name.clone()).collect())
            .numbers("mean", column(&|d| d.mean))
            .numbers("largest", column(&|d| d.largest))
            .numbers("mean in %", column(&|d| 100.0 * d.mean / d.size))
            .texts("largest at", distances.iter().map(|d| d.place.clone()).collect()),
        on_screen: 60,
    }
}

/// What was asked differently: name, first, second.
fn differing(first: &Side, second: &Side) -> Vec<(String, String, String)> {
    let value = |side: &Side, name: &str| side.asked.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let mut names: Vec<&String> = first.asked.iter().map(|(n, _)| n).collect();
    names.extend(
        second
            .asked
            .iter()
            .map(|(n, _)| n)
            .filter(|n| value(first, n).is_none()),
    );
    let both = names
        .into_iter()
        .map(|n| (n.clone(), value(first, n), value(second, n)));
    let none = || "not set".to_string();
    both.filter(|(_, a, b)| a != b)
        .map(|(n, a, b)| (n, a.unwrap_or_else(none), b.unwrap_or_else(none)))
        .collect()
}

/// Rows of a table as text, and the heading.
fn cells(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let words = |r: &csv::StringRecord| r.iter().map(String::from).collect::<Vec<String>>();
    let heading = reader.headers().map(words).unwrap_or_default();
    (heading, reader.records().flatten().map(|r| words(&r)).collect())
}

/// Every number of every table that both have, in the order of the first.
fn pairs(first: &Side, second: &Side) -> Vec<Pair> {
    let mut out = Vec::new();
    for (stem, keys) in TABLES {
        let of = |side: &Side| {
            side.tables
                .iter()
                .find(|(name, _)| name == stem)
                .map(|(_, text)| cells(text))
        };
        let (Some((heading, rows)), Some((others, theirs))) = (of(first), of(second)) else {
            continue;
        };
        let key = |heading: &[String], row: &[String]| -> String {
            let named = heading.iter().zip(row).filter(|(h, _)| keys.contains(&h.as_str()));
            let name = named.map(|(_, cell)| cell.clone()).collect::<Vec<_>>().join(" ");
            let unit = heading.iter().position(|h| h == "unit").and_then(|i| row.get(i));
            with_unit(&name, unit.map_or("", String::as_str))
        };
        for row in &rows {
            let name = key(&heading, row);
            let Some(other) = theirs.iter().find(|r| key(&others, r) == name) else {
                continue;
            };
            for (column, cell) in heading.iter().zip(row).filter(|(h, _)| !keys.contains(&h.as_str())) {
                let number = |text: &str| text.parse::<f64>().ok().filter(|x| !x.is_nan());
                let at = others.iter().position(|h| h == column);
                let (own, its) = (number(cell), at.and_then(|i| other.get(i)).and_then(|t| number(t)));
                if own.is_some() || its.is_some() {
                    out.push(Pair {
                        table: (*stem).to_string(),
                        row: name.clone(),
                        column: column.clone(),
                        first: own,
                        second: its,
                    });
                }
            }
        }
    }
    out
}

/// How far actions and values of two solutions lie apart, at nodes of the first that lie inside the grid of the second; the second is read
/// between its nodes. `Err` says why there is nothing to compare.
///
/// # Errors
/// E0904 and E0905 of solutions that cannot be read.
#[allow(clippy::type_complexity)]
fn apart(first: &Arc<Solution>, second: &Arc<Solution>) -> Result<Result<Vec<Distance>, String>, Diagnostic> {
    let names = |s: &Solution| {
        let states = s.states.iter().map(|x| x.name.clone());
        states.chain(s.chain.names.iter().cloned()).collect::<Vec<String>>()
    };
    if names(first) != names(second) {
        return Ok(Err(format!(
            "one depends on {}, the other on {}",
            names(first).join(", "),
            names(second).join(", ")
        )));
    }
    if (first.infinite, first.periods) != (second.infinite, second.periods) {
        return Ok(Err("their horizons differ".to_string()));
    }
    let other = PolicyBetween::new(second.clone())?;
    let finite = other.finite_links();
    let Some(links) = first.chain.links() else {
        return Ok(Err("the shocks of the first are no product of chains".to_string()));
    };
    if links
        .iter()
        .zip(&finite)
        .any(|(l, f)| f.is_some_and(|n| n != l.values.len()))
    {
        return Ok(Err("their chains have different numbers of states".to_string()));
    }
    let (nodes, shocks) = (first.nodes(), first.shocks());
    let places = nodes * shocks * first.periods;
    let stride = places.div_ceil(MOST_PLACES).max(1);
    let actions: Vec<(usize, usize)> = first
        .actions
        .iter()
        .enumerate()
        .filter_map(|(i, a)| Some((i, second.actions.iter().position(|b| b.name == a.name)?)))
        .collect();
    let mut sums = vec![(0.0f64, -1.0f64, 0.0f64, 0usize); actions.len() + 1];
    let mut count = 0;
    for at in (0..places).step_by(stride) {
        crate::limits::poll();
        let (time, rest) = (at / (nodes * shocks), at % (nodes * shocks));
        let (states, values) = standing(first, &links, rest);
        let inside = states.iter().zip(&second.states).all(|(x, s)| {
            let ends = (s.nodes.first().copied(), s.nodes.last().copied());
            matches!(ends, (Some(lo), Some(hi)) if (lo..=hi).contains(x))
        });
        if !inside {
            continue;
        }
        let read: Vec<f64> = values
            .iter()
            .zip(&finite)
            .map(|((link, x), f)| if f.is_some() { *link as f64 } else { *x })
            .collect();
        let spot = other.spot(time, &read, &states);
        count += 1;
        let own = actions
            .iter()
            .map(|(i, j)| (first.policy[*i][at], other.action(*j, &spot)));
        let both = own.chain(std::iter::once((first.value[at], other.value(&spot))));
        for (sum, (a, b)) in sums.iter_mut().zip(both) {
            let gap = (a - b).abs();
            sum.0 += gap;
            sum.2 += a.abs();
            if gap > sum.1 {
                (sum.1, sum.3) = (gap, at);
            }
        }
    }
    if count == 0 {
        return Ok(Err("their grids have no place in common".to_string()));
    }
    let n = f64::from(count);
    let named = actions.iter().map(|(i, _)| first.actions[*i].name.clone());
    Ok(Ok(named
        .chain(std::iter::once("value".to_string()))
        .zip(&sums)
        .map(|(name, (sum, largest, size, at))| Distance {
            name,
            mean: sum / n,
            largest: *largest,
            size: size / n,
            place: place_of(first, &links, *at),
            places: count as usize,
        })
        .collect()))
}

/// States at a place of a period, one number each, and shocks: the state of the chain and its value, one pair each.
fn standing(s: &Solution, links: &[crate::solve::problem::Links], at: usize) -> (Vec<f64>, Vec<(usize, f64)>) {
    let (mut node, joint) = (at / s.shocks(), at % s.shocks());
    let mut states: Vec<f64> = Vec::new();
    for x in s.states.iter().rev() {
        states.push(x.nodes[node % x.nodes.len()]);
        node /= x.nodes.len();
    }
    states.reverse();
    let own = s.chain.links_at(links, joint);
    let values = own.iter().zip(links).map(|(i, l)| (*i, l.values[*i])).collect();
    (states, values)
}

/// A place in words.
fn place_of(s: &Solution, links: &[crate::solve::problem::Links], at: usize) -> String {
    let period = s.nodes() * s.shocks();
    let (states, shocks) = standing(s, links, at % period);
    let mut words: Vec<String> = Vec::new();
    if !s.infinite {
        words.push(format!("period {}", at / period));
    }
    let states = s.states.iter().map(|x| &x.name).zip(states);
    let shocks = s.chain.names.iter().zip(shocks.into_iter().map(|x| x.1));
    words.extend(
        states
            .chain(shocks)
            .map(|(name, x)| format!("{name} = {}", number::compact(x))),
    );
    words.join(", ")
}
