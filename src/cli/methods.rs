//! `econc solve --method all`: every method that fits, side by side.

use super::meter::Meter;
use super::solving::{SolveOptions, asked};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::driver::compared::{Apart, apart, apart_in_play, fitting};
use crate::driver::{Solved, solve};
use crate::limits;
use crate::report::content::{Content, NamedTable};
use crate::report::draw::drawing_of;
use crate::report::table::Table;
use crate::report::{number, outcome};
use crate::solve::progress::{Control, Progress};

/// What came of a method.
struct Tried {
    method: &'static str,
    seconds: f64,
    result: Result<Box<Solved>, Vec<Diagnostic>>,
}

/// Solves by every method that fits; the content is that of the first, with a table of all. Two that disagree beyond the errors that they
/// state are an error of the run (E0935).
///
/// # Errors
/// Those of the first method where none finds a solution; E0810 where none fits.
pub(super) fn all(model: &Model, options: &SolveOptions, meter: &Meter) -> Result<Content, Vec<Diagnostic>> {
    // Prices that look ahead are found once, by the method of the file; then all methods are given them.
    let first = match crate::solve::forward::open(model) {
        true => {
            let mut progress =
                |p: Progress| match meter.report(p.iteration as u64, 0, "steps", "prices that look ahead") {
                    true => Control::Continue,
                    false => Control::Cancel,
                };
            Some(solve(model, &asked(options), &mut progress)?)
        }
        false => None,
    };
    let economy = first
        .as_ref()
        .map(|f| f.economy(model))
        .transpose()
        .map_err(|d| vec![d])?;
    let model = economy.as_deref().unwrap_or(model);
    let methods = fitting(model, &asked(options)).map_err(|d| vec![d])?;
    let mut tried: Vec<Tried> = Vec::new();
    for method in methods {
        limits::poll();
        let named = crate::driver::Request {
            method: Some(method.to_string()),
            ..asked(options)
        };
        let began = meter.seconds();
        let mut progress = |p: Progress| {
            let message = format!("{method}, error {:.1e}", p.error);
            match meter.report(p.iteration as u64, 0, "steps", &message) {
                true => Control::Continue,
                false => Control::Cancel,
            }
        };
        let result = solve(model, &named, &mut progress).map(Box::new);
        if meter.stopped() {
            return Err(Vec::new());
        }
        tried.push(Tried {
            method,
            seconds: meter.seconds() - began,
            result,
        });
    }
    let found: Vec<(&'static str, &Solved)> = tried
        .iter()
        .filter_map(|t| t.result.as_ref().ok().map(|s| (t.method, s.as_ref())))
        .collect();
    let Some(&(name, first)) = found.first() else {
        let errors = tried.into_iter().next().map(|t| t.result.err());
        return Err(errors.flatten().unwrap_or_default());
    };
    let mut content = outcome::of_solution(model, first).map_err(|d| vec![d])?;
    content.drawing = Some(drawing_of(model));
    let mut distances: Vec<(&'static str, Option<Vec<Apart>>)> = Vec::new();
    for (other, solved) in found.iter().skip(1) {
        let several = !first.solution.players.is_empty();
        let d = match several {
            true => apart_in_play(model, &asked(options), first, solved).map(Some),
            false => apart(model, &asked(options), first, solved),
        };
        let d = d.map_err(|d| vec![d])?;
        for one in d.iter().flatten().filter(|one| one.disagrees()) {
            content.diagnostics.push(match several {
                true => two_equilibria((name, other), one),
                false => disagree((name, other), one),
            });
        }
        distances.push((other, d));
    }
    // Times are no results: the table is the same on every machine.
    let times = tried
        .iter()
        .map(|t| (format!("time of {}", t.method), number::duration(t.seconds)));
    content.facts.extend(times);
    content.tables.push(NamedTable {
        stem: "methods".into(),
        caption: format!("Methods that fit; distances from {name} at visited states"),
        table: table(&tried, &distances),
        on_screen: tried.len(),
    });
    Ok(content)
}

fn disagree((a, b): (&str, &str), one: &Apart) -> Diagnostic {
    Diagnostic::error(
        "E0935",
        format!("{a} and {b} disagree about {} beyond the errors that they state", one.name),
    )
    .note(format!(
        "at visited states they are {:.1e} apart; their certificates estimate errors of {:.1e} together",
        one.distance,
        one.allowed.unwrap_or(f64::NAN)
    ))
    .hint("a finer grid (grid.NAME = log(400)) for both; where they still disagree one of them has found another answer: look at both runs, --method NAME each")
}

fn two_equilibria((a, b): (&str, &str), one: &Apart) -> Diagnostic {
    Diagnostic::error("E0935", format!("{a} and {b} find different equilibria: {} differs", one.name))
        .note(format!("in play they are up to {:.1e} apart, and both certificates hold", one.distance))
        .hint("the game has several equilibria: look at both runs, --method NAME each, and keep the method of the one that is meant")
}

fn table(tried: &[Tried], distances: &[(&'static str, Option<Vec<Apart>>)]) -> Table {
    let solved = |t: &Tried| t.result.as_ref().ok().map(|s| s.certificate.clone());
    let verdict = |t: &Tried| match &t.result {
        Ok(s) if s.certificate.passed => "holds".to_string(),
        Ok(_) => "fails".to_string(),
        Err(d) => d.first().map_or_else(String::new, |d| d.code.clone()),
    };
    let log = |x: Option<f64>| x.map_or("-".to_string(), |x| format!("10^{x:.1}"));
    let error = |t: &Tried, value: bool| -> String {
        let world = solved(t).and_then(|c| c.world);
        let all = world
            .iter()
            .flat_map(|w| &w.errors)
            .filter(|e| (e.name == "value") == value);
        all.map(|e| e.error)
            .fold(None, |m: Option<f64>, e| Some(m.map_or(e, |m| m.max(e))))
            .map_or("-".into(), number::compact)
    };
    let distance = |t: &Tried, value: bool| -> String {
        let own = distances.iter().find(|d| d.0 == t.method).and_then(|d| d.1.as_ref());
        let all = own.into_iter().flatten().filter(|a| (a.name == "value") == value);
        all.map(|a| a.distance)
            .fold(None, |m: Option<f64>, e| Some(m.map_or(e, |m| m.max(e))))
            .map_or("-".into(), number::compact)
    };
    let column = |of: &dyn Fn(&Tried) -> String| tried.iter().map(of).collect::<Vec<String>>();
    Table::new()
        .texts("method", column(&|t| t.method.to_string()))
        .texts("certificate", column(&verdict))
        .texts(
            "Euler",
            column(&|t| log(solved(t).and_then(|c| c.euler).map(|q| q.p99))),
        )
        .texts(
            "Bellman",
            column(&|t| log(solved(t).and_then(|c| c.bellman).map(|q| q.p99))),
        )
        .texts("value error", column(&|t| error(t, true)))
        .texts("action error", column(&|t| error(t, false)))
        .texts("value apart", column(&|t| distance(t, true)))
        .texts("action apart", column(&|t| distance(t, false)))
}
