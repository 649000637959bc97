//! Equilibria in a report: who decides, what it gets and could gain; all equilibria that were found; what is best against the other.

use super::content::{NamedPicture, NamedTable};
use super::plot::{Figure, Panel, Picture, Series, Stroke};
use super::solved::stem_of;
use super::table::Table;
use crate::driver::Solved;
use crate::solve::problem::ActionKind;
use crate::solve::solution::{Player, Solution};
use crate::verify::equilibrium::EquilibriumCertificate;

/// The concept, who decides and how many equilibria were looked for, as facts.
pub fn facts(e: &EquilibriumCertificate) -> Vec<(String, String)> {
    let found = match e.found {
        1 => "1 equilibrium".to_string(),
        n => format!("{n} equilibria"),
    };
    let searched = match e.scope.as_slice() {
        [] => format!("{} starts", e.searches),
        scope => scope.join("; "),
    };
    vec![
        ("concept".into(), e.concept.clone()),
        ("searched".into(), format!("{searched}: {found} found")),
    ]
}

/// Who decides; and where there are several equilibria, all of them.
pub fn tables(s: &Solved, e: &EquilibriumCertificate) -> Vec<NamedTable> {
    let p = &e.players;
    let table = Table::new()
        .texts("player", p.iter().map(|x| x.name.clone()).collect())
        .numbers("value", p.iter().map(|x| x.value).collect());
    // Where all lives start at one place there is nothing to draw.
    let drawn = p.iter().any(|x| x.value_error > 1e-12 * x.value.abs());
    let table = match drawn {
        true => table.numbers("error of value", p.iter().map(|x| x.value_error).collect()),
        false => table,
    };
    let table = table
        .numbers("one-shot gain", p.iter().map(|x| x.one_shot).collect())
        .numbers("best-reply gain", p.iter().map(|x| x.best_reply).collect());
    let mut out = vec![NamedTable {
        stem: "players".into(),
        caption: format!("Who decides (gains in shares of {})", e.unit),
        table,
        on_screen: 12,
    }];
    if s.solution.states.is_empty() && (s.solution.shocks() <= 8 || !s.others.is_empty()) {
        let all: Vec<&Solution> = std::iter::once(&s.solution).chain(&s.others).collect();
        out.push(NamedTable {
            stem: "equilibria".into(),
            caption: if all.len() == 1 {
                "The equilibrium".into()
            } else {
                "All equilibria that were found".into()
            },
            table: equilibria(&all, &e.gains),
            on_screen: 24,
        });
    }
    for p in s.solution.players.iter().filter(|p| p.own.is_some()) {
        out.push(NamedTable {
            stem: format!("expected_{}", stem_of(&p.name)),
            caption: format!("What {} expects and does before it knows its draws", p.name),
            table: expected(&s.solution, p),
            on_screen: 0,
        });
    }
    for r in &e.reactions {
        out.push(NamedTable {
            stem: format!("reaction_{}", stem_of(&r.of)),
            caption: format!("What is best for {} against {}", r.of, r.to),
            table: Table::new().numbers(&r.to, r.at.clone()).numbers(&r.of, r.best.clone()),
            on_screen: 0,
        });
    }
    out
}

/// One row for each action (and choice of a mixture) and each player's value of each equilibrium, with the largest gain of anybody in it.
fn equilibria(all: &[&Solution], gains: &[f64]) -> Table {
    let (mut number, mut what, mut when, mut does, mut values) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut gain = Vec::new();
    for (n, s) in all.iter().enumerate() {
        let mut row = |name: &str, j: Option<usize>, text: String, x: f64| {
            number.push(n as i64 + 1);
            what.push(name.to_string());
            when.push(j.map_or_else(String::new, |j| state(s, j)));
            does.push(text);
            values.push(x);
            gain.push(gains.get(n).copied().unwrap_or(f64::NAN));
        };
        for (a, axis) in s.actions.iter().enumerate() {
            for j in 0..s.shocks() {
                match (&axis.kind, s.mixed.get(a).filter(|m| !m.is_empty())) {
                    (ActionKind::Finite { labels, .. }, Some(mixed)) => {
                        for (l, label) in labels.iter().enumerate() {
                            row(
                                &axis.name,
                                Some(j),
                                format!("probability of {label}"),
                                mixed[j * labels.len() + l],
                            );
                        }
                    }
                    (ActionKind::Finite { values, labels }, None) => {
                        let x = s.policy[a][j];
                        let label = values.iter().position(|v| *v == x).and_then(|k| labels.get(k));
                        row(&axis.name, Some(j), label.cloned().unwrap_or_default(), x);
                    }
                    (ActionKind::Continuous, _) => row(&axis.name, Some(j), String::new(), s.policy[a][j]),
                }
            }
        }
        for p in &s.players {
            row(&p.name, None, "value".into(), mean(s, p));
        }
    }
    Table::new()
        .integers("equilibrium", number)
        .texts("name", what)
        .texts("knowing", when)
        .texts("choice", does)
        .numbers("number", values)
        .numbers("one-shot gain", gain)
}

/// Value, chances of choices and the numbers that go with each, by state, where draws are not known yet.
fn expected(s: &Solution, p: &Player) -> Table {
    let Some(own) = &p.own else { return Table::new() };
    let (nodes, nz) = (s.nodes(), s.shocks());
    let mut out = Table::new();
    let mut step = nodes;
    for axis in &s.states {
        step /= axis.nodes.len();
        out = out.numbers(
            &axis.name,
            (0..nodes).map(|i| axis.nodes[i / step % axis.nodes.len()]).collect(),
        );
    }
    out = out.numbers("value", own.before.clone());
    let ActionKind::Finite { labels, .. } = &s.actions[own.choice].kind else {
        return out;
    };
    let count = labels.len();
    for (c, label) in labels.iter().enumerate() {
        let of = (0..nodes).map(|i| own.chances[i * count + c]).collect();
        out = out.numbers(&format!("P({label})"), of);
        for a in p.actions.iter().filter(|a| **a != own.choice) {
            let at = |i: usize| match own.worth[i * nz * count + c].is_finite() {
                true => s.given[*a][i * nz * count + c],
                false => f64::NAN,
            };
            out = out.numbers(
                &format!("{} if {label}", s.actions[*a].name),
                (0..nodes).map(at).collect(),
            );
        }
    }
    out
}

/// What is known in a joint state.
fn state(s: &Solution, j: usize) -> String {
    let at = s.chain.names.iter().zip(s.chain.values.get(j).into_iter().flatten());
    let parts: Vec<String> = at
        .map(|(n, x)| format!("{n} = {}", super::number::compact(*x)))
        .collect();
    parts.join(", ")
}

/// A player's value, on average over what is known.
fn mean(s: &Solution, p: &Player) -> f64 {
    let weights = s.chain.transition.first().map_or(&[][..], Vec::as_slice);
    p.value.iter().zip(weights).map(|(x, w)| x * w).sum()
}

/// Reaction functions as pictures.
pub fn pictures(e: &EquilibriumCertificate) -> Vec<NamedPicture> {
    let of = |r: &crate::verify::equilibrium::Reaction| NamedPicture {
        stem: format!("reaction_{}", stem_of(&r.of)),
        picture: Picture::Lines(Figure::single(
            format!("Reaction of {}", r.of),
            Panel {
                x_label: match r.to == r.of {
                    true => format!("{} of the others", r.to),
                    false => r.to.clone(),
                },
                y_label: format!("best {}", r.of),
                series: [
                    // Where members are alike, equilibria lie on it.
                    (r.to == r.of).then(|| {
                        Series::line("the same as the others", r.at.clone(), r.at.clone()).stroke(Stroke::Faint)
                    }),
                    Some(Series::line("best reply", r.at.clone(), r.best.clone())),
                ]
                .into_iter()
                .flatten()
                .collect(),
                ..Panel::default()
            },
        )),
    };
    e.reactions.iter().map(of).collect()
}
