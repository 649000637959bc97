//! The results of a simulation, as [`Content`]: returns, moments, series, and what was counted on the way.

use super::content::{Check, Content, NamedPicture, NamedTable};
use super::named::{names_of, with_names};
use super::number;
use super::outcome::beside_output;
use super::plot;
use super::table::{Table, Values};
use crate::check::Model;
use crate::check::model::Otherwise;
use crate::diag::Diagnostic;
use crate::env::cast::names;
use crate::env::simulate::{Averaged, Simulation};
use crate::env::worlds::Counts;
use crate::verify::grid::trusted::Trusted;

/// A warning where episodes start outside the part of the grid on which the solution is accurate.
///
/// W0948.
fn untrusted(s: &Simulation, trusted: &Trusted) -> Option<Diagnostic> {
    let off: Vec<String> = s
        .first
        .iter()
        .filter_map(|(name, lo, hi)| {
            let range = trusted.ranges.iter().find(|r| names(name, &r.name))?;
            let x = if *lo < range.lo { *lo } else { *hi };
            (*lo < range.lo || *hi > range.hi).then(|| {
                format!(
                    "{name} starts at {}; trusted in [{}, {}]",
                    number::compact(x),
                    number::compact(range.lo),
                    number::compact(range.hi)
                )
            })
        })
        .collect();
    (!off.is_empty()).then(|| {
        Diagnostic::warning("W0948", "the simulation starts where the solution is not certified")
            .note(off.join("; "))
            .hint("start inside, or solve again with this start in the model or with more nodes there")
    })
}

/// A warning where something that is reported was infinite or no number.
///
/// W0979.
fn unbounded(s: &Simulation) -> Option<Diagnostic> {
    let mut all = s.moments.iter().filter(|m| m.unbounded.0 > 0).peekable();
    all.peek()?;
    let d = Diagnostic::warning("W0979", "some series are not finite, so they have no moments");
    let said = all.map(|m| format!("{}: {} of {} times", m.name, m.unbounded.0, m.unbounded.1));
    Some(said.fold(d, Diagnostic::note).hint(
        "a division by zero, or numbers beyond 1e308: keep what is divided by away from zero, as in max(x, 1e-9)",
    ))
}

/// The content of a simulation; `trusted` says where the solution that is played can be trusted, if it is one.
pub fn of_simulation(model: &Model, s: &Simulation, behaviour: &str, trusted: Option<&Trusted>) -> Content {
    let mut facts = vec![
        ("behaviour".to_string(), behaviour.to_string()),
        ("periods".into(), s.periods.to_string()),
        (
            "worlds".into(),
            match s.panelled {
                0 | 1 => s.worlds.to_string(),
                n if n == s.worlds => format!("{n}; all of them in panel.csv"),
                n => format!("{}; the first {n} in panel.csv", s.worlds),
            },
        ),
    ];
    if s.counts.episodes > 0 {
        facts.push(("episodes ended".into(), s.counts.episodes.to_string()));
    }
    if let Some(what) = averaged(s) {
        facts.push(("moments over".into(), what));
    }
    let mut diagnostics: Vec<Diagnostic> = trusted.and_then(|t| untrusted(s, t)).into_iter().collect();
    diagnostics.extend(unbounded(s));
    let certificate = counted(model, &s.counts, &mut diagnostics);
    Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: "simulated".into(),
        facts,
        certificate,
        functions: Vec::new(),
        tables: tables_of_simulation(s),
        pictures: pictures_of_simulation(model, s),
        no_plots: String::new(),
        equations: None,
        drawing: None,
        diagnostics,
        runs: Vec::new(),
        files: panel(s)
            .map(|t| ("panel.csv".to_string(), t.to_csv()))
            .into_iter()
            .collect(),
        numbers: Vec::new(),
    }
}

/// Which periods moments are taken over, where they are not those asked for or less than lives.
fn averaged(s: &Simulation) -> Option<String> {
    match s.averaged {
        Averaged::All | Averaged::WholeLives(0) => None,
        Averaged::WholeLives(1) => Some("whole lives: 1 period more, so that the last ends".into()),
        Averaged::WholeLives(n) => Some(format!("whole lives: up to {n} periods more, so that the last end")),
        Averaged::Beginnings(horizon) => Some(format!(
            "the first {} of the {horizon} periods that a life may last",
            s.periods
        )),
    }
}

/// What was counted in a simulation and should not have happened, or should be known.
pub(super) fn counted(model: &Model, counts: &Counts, diagnostics: &mut Vec<Diagnostic>) -> Vec<Check> {
    let mut certificate = Vec::new();
    for (i, (n, first)) in counts.outside.iter().enumerate() {
        if *n > 0 {
            certificate.push(Check {
                name: format!("{} outside its domain", model.states[i].name),
                measured: *n as f64,
                shown: Some(format!("{n} times, first at {}", number::compact(*first))),
                bound: "never".into(),
                pass: Some(false),
                note: "a domain is a claim: widen it, or clamp the law".into(),
            });
        }
    }
    for (i, n) in counts.binding.iter().enumerate() {
        if *n > 0 {
            certificate.push(Check {
                name: format!("require {}", model.requires[i].text),
                measured: *n as f64,
                shown: Some(match model.requires[i].otherwise {
                    Otherwise::Infeasible | Otherwise::Project(_) => {
                        format!("asked for what it forbids {n} times, moved")
                    }
                    Otherwise::Penalty | Otherwise::End => format!("failed {n} times"),
                }),
                bound: String::new(),
                pass: None,
                note: String::new(),
            });
        }
    }
    for (action, m) in model.actions.iter().zip(&counts.moved).filter(|(_, m)| m.count > 0) {
        certificate.push(Check {
            name: format!("{} asked for outside its bounds", action.name),
            measured: m.count as f64,
            shown: Some(format!(
                "{} times, first {} moved to {}",
                m.count,
                number::compact(m.asked),
                number::compact(m.done)
            )),
            bound: String::new(),
            pass: None,
            note: "what cannot be chosen is moved to the nearest bound".into(),
        });
    }
    for m in &counts.not_cleared {
        diagnostics.extend(m.error());
        diagnostics.extend(m.warning());
        certificate.push(Check {
            name: format!("{} does not clear", m.market),
            measured: m.count as f64,
            shown: Some(format!("{} of {} times", m.count, m.asked)),
            bound: "never".into(),
            pass: Some(m.count == 0),
            note: if m.several > 0 {
                format!("several prices clear {} times, the lowest is taken", m.several)
            } else {
                String::new()
            },
        });
    }
    let reads = &counts.policy;
    let share = |n: u64| n as f64 / reads.read.max(1) as f64;
    for (n, what, note) in [
        (
            reads.states_outside,
            "states outside the solved grid",
            "the policy at the edge of the grid is played there",
        ),
        (
            reads.shocks_outside,
            "shocks beyond the solved chain",
            "the policy is extrapolated from the last nodes; more states of the chain reach further",
        ),
    ] {
        if n > 0 {
            certificate.push(Check {
                name: what.into(),
                measured: share(n),
                shown: Some(format!("{} % of the choices", number::compact(100.0 * share(n)))),
                bound: String::new(),
                pass: None,
                note: note.into(),
            });
        }
    }
    certificate
}

/// What the file of a game defines, over the games that were played; `None` where it defines nothing by one number.
pub fn definitions(model: &Model, s: &Simulation) -> Option<NamedTable> {
    let kind = |name: &str| model.names.iter().find(|n| n.name == name).map(|n| n.kind.as_str());
    let m: Vec<_> = (s.moments.iter())
        .filter(|x| matches!(kind(&x.name), Some("let" | "give")))
        .collect();
    if m.is_empty() {
        return None;
    }
    let column = |f: &dyn Fn(&crate::env::simulate::Moments) -> f64| m.iter().map(|x| f(x)).collect::<Vec<f64>>();
    Some(NamedTable {
        stem: "definitions".into(),
        caption: match s.worlds {
            1 => "What the file defines, in equilibrium".into(),
            n => format!("What the file defines, over {n} games in equilibrium"),
        },
        table: Table::new()
            .texts("name", m.iter().map(|x| x.name.clone()).collect())
            .numbers("mean", column(&|x| x.mean))
            .numbers("sd", column(&|x| x.sd))
            .numbers("min", column(&|x| x.min))
            .numbers("max", column(&|x| x.max)),
        on_screen: 24,
    })
}

/// Returns, moments and the series of the first world.
fn tables_of_simulation(s: &Simulation) -> Vec<NamedTable> {
    let m = &s.moments;
    let moments = Table::new()
        .texts("name", m.iter().map(|x| x.name.clone()).collect())
        .numbers("mean", m.iter().map(|x| x.mean).collect())
        .numbers("sd", m.iter().map(|x| x.sd).collect())
        .numbers("autocorrelation", m.iter().map(|x| x.autocorrelation).collect())
        .numbers("min", m.iter().map(|x| x.min).collect())
        .numbers("max", m.iter().map(|x| x.max).collect());
    let cycle = s.cycle.iter().map(beside_output);
    let returns = Table::new()
        .texts("agent", s.returns.iter().map(|r| r.agent.clone()).collect())
        .numbers("sum of rewards", s.returns.iter().map(|r| r.total).collect())
        .numbers("standard error", s.returns.iter().map(|r| r.error).collect())
        .numbers("discounted", s.returns.iter().map(|r| r.discounted).collect())
        .integers("lives", s.returns.iter().map(|r| r.lives as i64).collect())
        .integers("of them cut off", s.returns.iter().map(|r| r.cut_off as i64).collect());
    let mut series = Table::new().integers("t", (0..s.periods as i64).collect());
    for x in s.series.iter().filter(|x| x.values.len() == s.periods) {
        series = match x.left.is_empty() {
            true => series.numbers(&x.name, x.values.clone()),
            false => {
                let present = |(x, left): (&f64, &bool)| (!left).then_some(*x);
                series.with(
                    &x.name,
                    Values::Gaps(x.values.iter().zip(&x.left).map(present).collect()),
                )
            }
        };
    }
    let tables = vec![
        NamedTable {
            stem: "returns".into(),
            caption: if s.returns.iter().any(|r| r.lives > r.cut_off) {
                "Returns per episode (mean over the episodes begun in the first half of the periods)".into()
            } else {
                "Returns (mean over worlds and members)".into()
            },
            table: returns,
            on_screen: 20,
        },
        NamedTable {
            stem: "moments".into(),
            caption: "Moments".into(),
            table: moments,
            on_screen: 24,
        },
        NamedTable {
            stem: "series".into(),
            caption: "First world, period by period".into(),
            table: series,
            on_screen: 0,
        },
    ];
    tables.into_iter().chain(cycle).collect()
}

/// All worlds, one row per world and period; nothing where one was simulated.
fn panel(s: &Simulation) -> Option<Table> {
    let n = s.panelled;
    if n < 2 {
        return None;
    }
    let rows = || (0..n).flat_map(|w| (0..s.periods).map(move |t| (w, t)));
    let mut table = Table::new()
        .integers("world", rows().map(|(w, _)| w as i64 + 1).collect())
        .integers("t", rows().map(|(_, t)| t as i64).collect());
    for (x, all) in s
        .series
        .iter()
        .zip(&s.panel)
        .filter(|(_, all)| all.len() == n * s.periods)
    {
        table = table.with(
            &x.name,
            Values::Gaps(
                rows()
                    .map(|(w, t)| Some(all[t * n + w]).filter(|x| !x.is_nan()))
                    .collect(),
            ),
        );
    }
    Some(table)
}

/// The paths of the first world.
fn pictures_of_simulation(model: &Model, s: &Simulation) -> Vec<NamedPicture> {
    let shown: Vec<(String, Vec<plot::SimulatedPath>)> = picture_names(model)
        .into_iter()
        .filter_map(|name| {
            let paths: Vec<plot::SimulatedPath> = s
                .series
                .iter()
                .filter(|x| x.name == name || x.name.starts_with(&format!("{name}[")))
                .take(4)
                .map(|x| {
                    (
                        if x.name == name { String::new() } else { x.name.clone() },
                        x.values.clone(),
                    )
                })
                .collect();
            if paths.is_empty() { None } else { Some((name, paths)) }
        })
        .take(9)
        .collect();
    if shown.is_empty() {
        Vec::new()
    } else {
        let title = match s.worlds {
            1 => "Simulated paths".to_string(),
            n => format!("Simulated paths of the first of {n} worlds"),
        };
        vec![NamedPicture {
            stem: "paths".into(),
            picture: with_names(plot::paths(&title, shown), &|name| names_of(model, name)),
        }]
    }
}

/// Shocks, states, actions and prices, in that order.
fn picture_names(model: &Model) -> Vec<String> {
    let mut names: Vec<String> = model.shocks.iter().map(|s| s.name.clone()).collect();
    names.extend(model.states.iter().map(|s| s.name.clone()).filter(|n| !n.contains('(')));
    names.extend(model.actions.iter().map(|a| a.name.clone()));
    names.extend(
        model
            .prices
            .iter()
            .filter(|p| p.state.is_none())
            .map(|p| p.name.clone()),
    );
    names
}
