//! econc: a language for economies and the program that solves them.
//!
//! The way through, one module a phase (their order is the first invariant of ARCHITECTURE.md). [`compile`] shows it all:
//! text to tree (`syntax`), tree to typed model over one environment graph (`check`), parameters that are results of
//! a solve filled in by solving the model without them (`solve`), settings of learners compared with what learners take
//! (`learn`). Behind it, `solve` and `env` run the model through the
//! `kernel`, `learn` trains on `env`, `verify` judges both, `driver` solves, judges and makes finer, `report` and `cli` show what comes out.

#[macro_use]
mod fault;
#[cfg(test)]
mod fixtures;
mod limits;

pub mod chance;
pub mod check;
pub mod cli;
pub mod diag;
pub mod driver;
pub mod env;
pub mod graph;
pub mod kernel;
pub mod learn;
pub mod num;
pub mod report;
pub mod solve;
pub mod syntax;
pub mod verify;

pub use check::{Model, Options};
pub use diag::{Diagnostic, Severity, Span};
pub use limits::leave;

/// The market library, `use std.markets.{..}`: file 1 of every compilation.
pub const MARKET_LIBRARY: &str = include_str!("../std/markets.econ");

/// Compiles a model file: the model, unless there are errors, and every message.
///
/// Parameters that are results of a solve (`param k_ss = steady_state(planner.k)`) are found by solving the model with
/// everything left out that reads them, then the file is checked again with their values.
pub fn compile(source: &str, options: &Options) -> (Option<Model>, Vec<Diagnostic>) {
    let (file, mut diagnostics) = syntax::parser::parse(source, 0);
    if diagnostics.is_empty() {
        diagnostics.extend(nothing_said(source, &file));
    }
    if has_errors(&diagnostics) && old_line_ends(source) {
        return (None, vec![one_line(&diagnostics)]);
    }
    if has_errors(&diagnostics) {
        // What could be read is checked too, so that one run shows as much as possible.
        let (_, more) = check::check(&file, &library(source), options);
        let known: Vec<Span> = diagnostics
            .iter()
            .filter_map(|d| d.primary.as_ref().map(|p| p.0))
            .collect();
        diagnostics.extend(more.into_iter().filter(|d| follows_from_none(d, &known)));
        return (None, diagnostics);
    }
    let library = library(source);
    let (model, found) = check::check(&file, &library, options);
    let Some(model) = model else {
        diagnostics.extend(found);
        return (None, diagnostics);
    };
    if model.pending.is_empty() {
        diagnostics.extend(found);
        return complete(model, diagnostics);
    }
    match solve::benchmarks::solve_pending(&model) {
        Ok(solved) => {
            let options = Options {
                solved,
                ..options.clone()
            };
            let (model, found) = check::check(&file, &library, &options);
            diagnostics.extend(found);
            match model {
                Some(model) => complete(model, diagnostics),
                None => (None, diagnostics),
            }
        }
        Err(d) => {
            diagnostics.extend(found);
            diagnostics.extend(d);
            (None, diagnostics)
        }
    }
}

/// Whether lines end in carriage returns alone, as they did on old machines.
fn old_line_ends(source: &str) -> bool {
    source.trim_end_matches('\r').contains('\r') && !source.contains('\n')
}

/// The error about a file whose lines are read as one; `found` is what was said of that line.
fn one_line(found: &[Diagnostic]) -> Diagnostic {
    let d = Diagnostic::error("E0101", "the file is one line: its lines end in carriage returns alone");
    let at = found.iter().find_map(|d| d.primary.as_ref().map(|(span, _)| *span));
    let d = match at {
        Some(span) => d.at(span, "a line was to begin before this"),
        None => d,
    };
    d.hint("save it with line feeds; on a command line: tr '\\r' '\\n' < OLD.econ > NEW.econ")
}

/// A file without a single statement: nothing in it is wrong, and nothing can come of it.
fn nothing_said(source: &str, file: &syntax::ast::File) -> Option<Diagnostic> {
    if !file.statements.is_empty() {
        return None;
    }
    let d = Diagnostic::warning(
        "W0826",
        "the file says nothing: it holds no statement, only comments or blank lines",
    );
    Some(if old_line_ends(source) {
        d.note("its lines end in carriage returns alone, so that a comment reaches to the end of the file")
            .hint("save it with line feeds")
    } else {
        d.hint("`econc new` writes a model to start from")
    })
}

/// The model with the prices that its settings state, unless a `solve` block says what no solver takes, or a `train` block what
/// no learner takes.
fn complete(model: Model, mut diagnostics: Vec<Diagnostic>) -> (Option<Model>, Vec<Diagnostic>) {
    let mut faults = learn::settings::check(&model);
    faults.extend(solve::methods::check(&model));
    let model = match solve::economy::stated::applied(model) {
        Ok((model, said)) => {
            diagnostics.extend(said);
            Some(model)
        }
        Err(d) => {
            faults.push(d);
            None
        }
    };
    let ok = faults.is_empty();
    diagnostics.extend(faults);
    (model.filter(|_| ok), diagnostics)
}

fn library(source: &str) -> Vec<syntax::ast::File> {
    if source.contains("use") {
        vec![syntax::parser::parse(MARKET_LIBRARY, 1).0]
    } else {
        Vec::new()
    }
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// Messages of the checker about a file with faulty statements: names those statements would have declared are missing,
/// so only messages that cannot come from that are shown.
fn follows_from_none(d: &Diagnostic, faulty: &[Span]) -> bool {
    let missing = [
        "E0201", "E0207", "E0210", "E0701", "E0702", "E0703", "E0705", "E0707", "E0713", "E0716",
    ];
    d.severity == Severity::Error
        && !missing.contains(&d.code.as_str())
        && d.primary
            .as_ref()
            .is_none_or(|(s, _)| !faulty.iter().any(|f| f.start <= s.start && s.end <= f.end))
}
