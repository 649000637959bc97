//! The results of a solve, as [`Content`]: facts, certificate, tables, pictures, files.

use super::content::{BEST_CONSTANT, Check, Content, NamedPicture, NamedTable};
use super::equilibrium::facts as equilibrium_facts;
use super::named::names_of;
use super::number;
use super::plot::{self, Picture};
use super::shown;
use super::solved;
use super::table::Table;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::driver::Solved;
use crate::env::simulate::Cycle;
use crate::verify::grid::Certificate;
use crate::verify::grid::quantiles::Quantiles;
use crate::verify::world::{ProofRow, Scale};

/// File of a run directory from which a solution is read back.
pub const SOLUTION_FILE: &str = "solution.ron";

/// The content of a solve.
///
/// # Errors
/// E0951, E0958 if the solution cannot be written.
pub fn of_solution(model: &Model, s: &Solved) -> Result<Content, Diagnostic> {
    let doc = |name: &str| doc_of(model, name);
    let set = solved::functions(&s.solution)?;
    let places = |name: &str| names_of(model, name);
    let mut pictures = solved::pictures(&s.solution, &set, s.certificate.trusted.as_ref(), &doc, &places);
    // How the iteration went is of least interest.
    let went = pictures
        .iter()
        .position(|p| p.stem == "convergence")
        .map(|i| pictures.remove(i));
    pictures.extend(shown::pictures(s, &doc, &places));
    pictures.extend(euler_picture(s));
    pictures.extend(went);
    pictures.extend(s.certificate.equilibrium.iter().flat_map(super::equilibrium::pictures));
    pictures.extend(s.perceived.iter().flat_map(super::perceived::pictures));
    pictures.extend(s.population.iter().flat_map(super::population::pictures));
    let text = crate::graph::store::ron_text(s)
        .map_err(|e| Diagnostic::error("E0951", "the solution cannot be written").note(e.to_string()))?;
    let r = &s.solution.record;
    let mut facts = vec![("method".to_string(), s.solution.method.clone())];
    let equilibrium = s.certificate.equilibrium.as_ref();
    facts.extend(equilibrium.map_or_else(Vec::new, equilibrium_facts));
    facts.extend(s.perceived.iter().flat_map(super::perceived::facts));
    facts.extend(s.population.iter().flat_map(super::population::facts));
    facts.push(("grid".into(), grid_text(s)));
    let unit = if s.solution.infinite { "improvements" } else { "periods" };
    facts.push((unit.into(), r.iterations.to_string()));
    if r.error.is_finite() {
        // The iteration error is bounded; the errors of grid, chain and quadrature are estimated.
        let of_the_grid = s
            .certificate
            .world
            .iter()
            .flat_map(|w| &w.errors)
            .find(|e| e.name == "value");
        let about = of_the_grid.map_or(String::new(), |e| {
            format!("; of the grid about {}", number::compact(e.error))
        });
        facts.push((
            "value error".into(),
            format!("of the iteration at most {}{about}", number::compact(r.error)),
        ));
    }
    facts.extend(information(s));
    if !s.steady_state.is_empty() {
        let shown: Vec<String> = s
            .steady_state
            .iter()
            .take(6)
            .map(|(n, x)| format!("{n} = {}", number::significant(*x, 8)))
            .collect();
        facts.push(("steady state".into(), shown.join(", ")));
    }
    for d in &s.discretised {
        if let Some((asked, obtained)) = d.mean {
            facts.push((
                format!("integral over {}", d.name),
                format!(
                    "{} ({} nodes): mean asked {} obtained {}, sd asked {} obtained {}",
                    d.method,
                    d.links,
                    number::compact(asked),
                    number::compact(obtained),
                    number::compact(d.asked.0),
                    number::compact(d.obtained.0),
                ),
            ));
            continue;
        }
        facts.push((
            format!("chain of {}", d.name),
            format!(
                "{} ({} states): sd asked {} obtained {}, autocorrelation asked {} obtained {}",
                d.method,
                d.links,
                number::compact(d.asked.0),
                number::compact(d.obtained.0),
                number::compact(d.asked.1),
                number::compact(d.obtained.1)
            ),
        ));
    }
    let c = &s.certificate;
    let mut diagnostics = r.warnings.clone();
    diagnostics.extend(c.reasons.clone());
    diagnostics.dedup();
    causes_first(&mut diagnostics);
    Ok(Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: "solved".into(),
        facts,
        certificate: checks(c),
        functions: std::iter::once(set).chain(solved::prices(model, &s.ahead)?).collect(),
        tables: equilibrium
            .map_or_else(Vec::new, |e| super::equilibrium::tables(s, e))
            .into_iter()
            .chain(s.perceived.iter().flat_map(super::perceived::tables))
            .chain(s.population.iter().flat_map(super::population::tables))
            .chain(tables(c))
            .chain(shown::tables(s))
            .collect(),
        no_plots: match pictures.is_empty() {
            true => {
                "nothing that was chosen depends on a state or a shock, so each choice is a number and no curve".into()
            }
            false => String::new(),
        },
        pictures,
        equations: None,
        drawing: None,
        diagnostics,
        runs: Vec::new(),
        files: vec![(SOLUTION_FILE.to_string(), text.into_bytes())],
        numbers: best_constant(c)
            .into_iter()
            .chain(s.perceived.iter().flat_map(super::perceived::numbers))
            .collect(),
    })
}

/// What is off where lives leave the domain of a state.
const FOLLOW: [&str; 10] = [
    "W0907", "E0912", "E0913", "E0914", "E0915", "E0943", "E0944", "E0945", "E0946", "E0949",
];

/// Orders a list of diagnostics: first what others follow from. Where a state leaves its domain (E0942), residuals,
/// edges of grids and comparisons with constants are off because of that, and what they advise would not help.
pub fn causes_first(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by_key(|d| d.code != "E0942");
    let left = diagnostics.iter().any(|d| d.code == "E0942");
    let follows = |d: &&mut Diagnostic| FOLLOW.contains(&d.code.as_str());
    for d in diagnostics.iter_mut().filter(|_| left).filter(follows) {
        d.hint = Some("mend E0942 first: no policy is defined outside the domain of a state".into());
    }
}

/// The best constant policy and what it is worth, under names that are the same in all runs.
fn best_constant(c: &Certificate) -> Vec<(String, f64)> {
    let Some(k) = &c.constant else { return Vec::new() };
    let name = format!("{BEST_CONSTANT}{}", k.kind);
    let mut out: Vec<(String, f64)> = match k.actions.as_slice() {
        [one] => vec![(name.clone(), *one)],
        several => (1..)
            .map(|i| format!("{name} {i}"))
            .zip(several.iter().copied())
            .collect(),
    };
    out.push((format!("{name}, lifetime value"), k.constant));
    out
}

/// What policies may depend on, where that is not simply what is observed.
fn information(s: &Solved) -> Vec<(String, String)> {
    let mut out = Vec::new();
    if !s.hidden.is_empty() {
        let hidden = s.hidden.join(", ");
        out.push((
            "information".to_string(),
            format!("solved with full information: policies use {hidden}, which is not observed"),
        ));
    }
    if !s.unseen.is_empty() {
        let unseen = s.unseen.join(", ");
        out.push((
            "not observed".to_string(),
            format!("{unseen}: independent of later periods, integrated out like a noise"),
        ));
    }
    out
}

/// The description of a name of the model, or the name itself.
fn doc_of(model: &Model, name: &str) -> String {
    let bare = name.split('[').next().unwrap_or(name);
    match model.names.iter().find(|n| n.name == bare) {
        Some(n) if !n.doc.is_empty() => n.doc.clone(),
        _ => String::new(),
    }
}

fn grid_text(s: &Solved) -> String {
    let mut parts: Vec<String> = s
        .solution
        .states
        .iter()
        .map(|x| {
            let (lo, hi) = (
                x.nodes.first().copied().unwrap_or(f64::NAN),
                x.nodes.last().copied().unwrap_or(f64::NAN),
            );
            let kind = if x.integer {
                " whole"
            } else if x.log {
                " log"
            } else {
                ""
            };
            format!(
                "{}: {}{kind} in [{}, {}]",
                x.name,
                x.nodes.len(),
                number::compact(lo),
                number::compact(hi)
            )
        })
        .collect();
    parts.push(format!(
        "{} shock state{}",
        s.solution.shocks(),
        if s.solution.shocks() == 1 { "" } else { "s" }
    ));
    parts.join(", ")
}

/// At how many points something was measured.
fn points(q: &Option<Quantiles>) -> String {
    format!("{} points", q.map_or(0, |q| q.points))
}

/// The rows of a certificate: those of the solver's own chain, then those of the economy.
fn checks(c: &Certificate) -> Vec<Check> {
    let mut out = residuals(c);
    shares(c, &mut out);
    out.extend(constant(c));
    out.extend(c.ahead.iter().map(ahead));
    out.extend(trusted(c));
    let proofs = c.world.iter().flat_map(|w| &w.proofs);
    out.extend(proofs.map(proof));
    out
}

/// A price that looks ahead against its own expression.
fn ahead(row: &crate::verify::grid::ahead::AheadRow) -> Check {
    let (lo, hi) = row.range;
    let over = match row.over.is_empty() {
        true => "the same at all times".to_string(),
        false => format!("over {}", row.over.join(", ")),
    };
    Check {
        name: format!("{} less its expression", row.name),
        measured: row.gap,
        shown: None,
        bound: format!("at most {} of the largest", number::compact(row.limit)),
        pass: Some(row.gap <= row.limit),
        note: format!(
            "{} places; {over}; from {} to {}",
            row.places,
            number::significant(lo, 8),
            number::significant(hi, 8)
        ),
    }
}

/// Residuals and gains on the solver's own chain.
fn residuals(c: &Certificate) -> Vec<Check> {
    let mut out = Vec::new();
    let t = &c.thresholds;
    let unit = format!("in units of {}", c.unit);
    let mut log = |name: &str, q: &Option<Quantiles>, at: fn(&Quantiles) -> f64, limit: Option<f64>, note: String| {
        if let Some(q) = q {
            let x = at(q);
            out.push(Check {
                name: name.into(),
                measured: x,
                shown: Some(format!("10^{x:.2}")),
                bound: limit.map_or(String::new(), |l| format!("at most 10^{l:.2}")),
                pass: limit.map(|l| x <= l),
                note,
            });
        }
    };
    log(
        "Euler residual, 99 % quantile",
        &c.euler,
        |q| q.p99,
        Some(t.euler),
        format!("{} of the ergodic set, share of consumption", points(&c.euler)),
    );
    log(
        "Euler residual, largest",
        &c.euler,
        |q| q.max,
        None,
        format!("{} of the ergodic set", points(&c.euler)),
    );
    log(
        "Euler residual, whole grid, 99 %",
        &c.euler_grid,
        |q| q.p99,
        None,
        format!("{} between nodes", points(&c.euler_grid)),
    );
    log(
        "Bellman residual, 99 % quantile",
        &c.bellman,
        |q| q.p99,
        Some(t.bellman),
        format!("ergodic set, {unit}"),
    );
    log(
        "Bellman residual, whole grid, 99 %",
        &c.bellman_grid,
        |q| q.p99,
        None,
        "between nodes".into(),
    );
    log(
        "one-shot deviation gain, largest",
        &c.deviation,
        |q| q.max,
        Some(t.deviation),
        "ergodic set".into(),
    );
    out
}

/// A row of a share of simulated time.
fn share(name: &str, x: f64, limit: Option<f64>, note: &str) -> Check {
    Check {
        name: name.into(),
        measured: x,
        shown: Some(format!("{} %", number::compact(100.0 * x))),
        bound: limit.map_or(String::new(), |l| format!("at most {} %", number::compact(100.0 * l))),
        pass: limit.map(|l| x <= l),
        note: note.into(),
    }
}

/// Where simulated time is spent.
fn shares(c: &Certificate, out: &mut Vec<Check>) {
    let t = &c.thresholds;
    // An equilibrium is judged in the economy alone.
    if c.equilibrium.is_none() {
        out.push(share("time outside the grid", c.outside, Some(t.edges), "simulated"));
        let edges = "time at an edge of the grid";
        out.push(share(
            edges,
            c.unexplained_edges,
            Some(t.edges),
            "where no constraint binds",
        ));
        out.push(share(
            "time at infeasible actions",
            c.infeasible,
            Some(t.infeasible),
            "",
        ));
    }
    for s in c.constraints.iter().filter(|s| s.share > 0.0) {
        out.push(share(&s.name, s.share, None, "a constraint binds"));
    }
}

/// The best constant policy beside the solution.
fn constant(c: &Certificate) -> Option<Check> {
    let k = c.constant.as_ref()?;
    let t = &c.thresholds;
    let actions: Vec<String> = k.actions.iter().map(|x| number::compact(*x)).collect();
    Some(Check {
        name: format!("{BEST_CONSTANT}{} ({})", k.kind, actions.join(", ")),
        measured: k.constant,
        shown: Some(if k.is_feasible() {
            number::significant(k.constant, 8)
        } else {
            "no constant is feasible".into()
        }),
        bound: format!("at most {}", number::significant(k.limit(t.constant), 8)),
        pass: Some(k.holds(t.constant)),
        note: "lifetime value; the bound is the solution's, with three standard errors of the difference".into(),
    })
}

/// The part of the grid on which the solution can be trusted.
fn trusted(c: &Certificate) -> Option<Check> {
    let t = c.trusted.as_ref().filter(|t| !t.ranges.is_empty())?;
    let ranges: Vec<String> = t
        .ranges
        .iter()
        .map(|r| format!("{} in [{}, {}]", r.name, number::compact(r.lo), number::compact(r.hi)))
        .collect();
    let mut words = match t.off {
        0 => String::new(),
        1 => "; one point there is off".to_string(),
        off => format!("; {off} points there are off"),
    };
    if t.share < 0.1 {
        words.push_str("; the rest of the grid is not certified");
    }
    Some(Check {
        name: "grid that can be trusted".into(),
        measured: t.share,
        shown: Some(format!("{} %", number::compact(100.0 * t.share))),
        bound: String::new(),
        pass: if t.spikes.is_empty() { None } else { Some(false) },
        note: format!("{}{words}", ranges.join(", ")),
    })
}

/// A proof in the economy as a row.
pub(super) fn proof(p: &ProofRow) -> Check {
    let show = |x: f64| match p.scale {
        // What could not be computed counts as beyond every limit.
        Scale::Log if x >= 300.0 => "no number".to_string(),
        Scale::Log if x == f64::NEG_INFINITY => "0".to_string(),
        Scale::Log => format!("10^{x:.2}"),
        Scale::Share => format!("{} %", number::compact(100.0 * x)),
        Scale::Plain => number::compact(x),
    };
    Check {
        name: p.name.clone(),
        measured: p.value,
        shown: Some(show(p.value)),
        bound: p.limit.map_or(String::new(), |l| format!("at most {}", show(l))),
        pass: p.holds,
        note: p.note.clone(),
    }
}

fn tables(c: &Certificate) -> Vec<NamedTable> {
    let m = &c.moments;
    if m.is_empty() {
        return Vec::new();
    }
    let column = |f: &dyn Fn(&crate::verify::grid::SeriesMoments) -> f64| m.iter().map(f).collect::<Vec<f64>>();
    let table = Table::new()
        .texts("name", m.iter().map(|x| x.name.clone()).collect())
        .numbers("mean", column(&|x| x.mean))
        .numbers("error of mean", column(&|x| x.errors.0))
        .numbers("sd", column(&|x| x.sd))
        .numbers("error of sd", column(&|x| x.errors.1))
        .numbers("autocorrelation", column(&|x| x.autocorrelation))
        .numbers("min", column(&|x| x.min))
        .numbers("max", column(&|x| x.max))
        .numbers("sd of chain", column(&|x| x.chain.map_or(f64::NAN, |c| c.1)));
    let moments = NamedTable {
        stem: "moments".into(),
        caption: if c.counted.1 == 0 {
            "Moments under the solution".into()
        } else {
            let ((periods, lives), burn) = (c.counted, c.burn_in);
            format!(
                "Moments under the solution ({lives} lives, {periods} periods after {burn}; standard errors by life)"
            )
        },
        table,
        on_screen: 24,
    };
    std::iter::once(moments)
        .chain(c.cycle.as_ref().map(beside_output))
        .collect()
}

/// How quantities go with output.
pub(super) fn beside_output(c: &Cycle) -> NamedTable {
    NamedTable {
        stem: "cycle".into(),
        caption: format!("Beside output ({})", c.output),
        table: Table::new()
            .texts("name", c.rows.iter().map(|r| r.0.clone()).collect())
            .numbers("relative sd", c.rows.iter().map(|r| r.1).collect())
            .numbers("correlation", c.rows.iter().map(|r| r.2).collect()),
        on_screen: 24,
    }
}

/// Quantiles of the residuals as a picture: what a reader looks for first.
fn euler_picture(s: &Solved) -> Option<NamedPicture> {
    let c = &s.certificate;
    let curve = |q: &Option<Quantiles>, name: &str| {
        q.map(|q| {
            (
                name.to_string(),
                vec![0.5, 0.9, 0.99, 1.0],
                // The certificate holds logarithms.
                [q.p50, q.p90, q.p99, q.max].map(|x| 10f64.powf(x)).to_vec(),
            )
        })
    };
    // In the order, and so in the colours, of the residuals over states.
    let curves: Vec<_> = [curve(&c.euler_grid, "whole grid"), curve(&c.euler, "where lives go")]
        .into_iter()
        .flatten()
        .collect();
    if curves.is_empty() {
        return None;
    }
    let picture: Picture = plot::euler_errors("quantile", curves, Some(10f64.powf(c.thresholds.euler)));
    Some(NamedPicture {
        stem: "euler".into(),
        picture,
    })
}
