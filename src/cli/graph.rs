//! `econc graph`: who depends on what, and when it is known.

use super::compiled::shown;
use super::globals::Globals;
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure};
use crate::Model;
use crate::diag::Diagnostic;
use crate::report::draw::drawing_of;
use crate::report::place::write_new;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Show what depends on what, and when it is known
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc graph growth.econ                  a table of all names\n  \
    econc graph growth.econ --out growth.svg   a drawing (the ending says which kind)\n  \
    econc graph growth.econ --dot | dot -Tpdf > growth.pdf\n  \
    econc graph growth.econ --json           the environment graph itself, for programs")]
pub(super) struct Arguments {
    /// A model file; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A drawing as SVG
    #[arg(long, group = "form")]
    svg: bool,
    /// A drawing in the language of Graphviz
    #[arg(long, group = "form")]
    dot: bool,
    /// The environment graph in RON
    #[arg(long, group = "form")]
    ron: bool,
    /// Draw parameters too
    #[arg(long)]
    parameters: bool,
}

/// What to write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Svg,
    Dot,
    Ron,
    Json,
}

/// Carries out `econc graph`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let form = form(arguments, globals)?;
    if arguments.parameters && !matches!(form, Form::Svg | Form::Dot) {
        return Err(super::effects::idle(
            "--parameters",
            "a table and the graph itself hold the parameters anyhow",
        )
        .into());
    }
    let source = Source::read(&arguments.file)?;
    let (compiled, diagnostics) = shown(&source, &globals.overrides()?, screen)?;
    let text = match form {
        Form::Table => drawing_of(&compiled.model)
            .to_table()
            .to_text(screen.width(), usize::MAX),
        Form::Svg => drawing_of(&compiled.model).to_svg(arguments.parameters),
        Form::Dot => drawing_of(&compiled.model).to_dot(arguments.parameters),
        Form::Ron => graph_ron(&compiled.model)?,
        Form::Json => graph_json(&compiled.model)?,
    };
    match &globals.out {
        Some(path) => {
            write_new(path, text.as_bytes(), globals.force, [arguments.file.as_path()])?;
            if screen.json {
                screen.json(&serde_json::json!({
                    "status": "complete",
                    "exit": 0,
                    "file": path.display().to_string(),
                    "diagnostics": diagnostics,
                }));
            }
            screen.remark(&format!("written: {}", path.display()));
        }
        None => screen.result(&text),
    }
    Ok(Exit::Fine)
}

/// Version of what [`graph_ron`] and [`graph_json`] write.
const GRAPH_FORMAT: u32 = 1;

/// The typed model with its environment graph, and the version of its layout.
#[derive(Serialize)]
struct Exported<'a> {
    format: u32,
    econc: &'static str,
    model: &'a Model,
}

fn exported(model: &Model) -> Exported<'_> {
    Exported {
        format: GRAPH_FORMAT,
        econc: env!("CARGO_PKG_VERSION"),
        model,
    }
}

/// The model with its environment graph in RON.
///
/// # Errors
/// E0951.
fn graph_ron(model: &Model) -> Result<String, Diagnostic> {
    let text = crate::graph::store::ron_lines(&exported(model));
    text.map(|t| format!("{t}\n")).map_err(|e| not_exported(&e))
}

/// The model with its environment graph in JSON; numbers that JSON does not have (infinite bounds) are null.
///
/// # Errors
/// E0951.
fn graph_json(model: &Model) -> Result<String, Diagnostic> {
    let text = crate::graph::store::json_lines(&exported(model));
    text.map(|t| format!("{t}\n")).map_err(|e| not_exported(&e))
}

fn not_exported(e: &dyn std::error::Error) -> Diagnostic {
    Diagnostic::error("E0951", "the environment graph cannot be written").note(e.to_string())
}

/// The form asked for, else the one that the ending of `--out` names, else the table.
///
/// # Errors
/// E0968 for an ending that names none, and where two forms are asked for.
fn form(arguments: &Arguments, globals: &Globals) -> Result<Form, Diagnostic> {
    let ending = globals
        .out
        .as_deref()
        .and_then(Path::extension)
        .map(|e| e.to_string_lossy());
    let named = match ending.as_deref() {
        Some("svg") => Form::Svg,
        Some("dot" | "gv") => Form::Dot,
        Some("ron") => Form::Ron,
        Some("json") => Form::Json,
        None | Some("txt") => Form::Table,
        Some(other) => {
            return Err(Diagnostic::error("E0968", format!("`{other}` is no kind of drawing"))
                .note("econc writes svg, dot, gv, ron, json and txt (a table)")
                .hint("write --out g.svg, or let Graphviz draw: econc graph MODEL --dot | dot -Tpng > g.png"));
        }
    };
    let asked = [
        (arguments.svg, "--svg", Form::Svg),
        (arguments.dot, "--dot", Form::Dot),
        (arguments.ron, "--ron", Form::Ron),
        // Where the file says what it is, `--json` is about the messages.
        (globals.json && ending.is_none(), "--json", Form::Json),
    ];
    let mut asked = asked.into_iter().filter(|(typed, ..)| *typed);
    let Some((_, option, form)) = asked.next() else {
        return Ok(named);
    };
    if let Some((_, other, _)) = asked.next() {
        return Err(
            Diagnostic::error("E0968", format!("`{option}` and `{other}` ask for different things"))
                .hint("keep one of them"),
        );
    }
    if let Some(ending) = ending.filter(|_| named != form) {
        return Err(Diagnostic::error(
            "E0968",
            format!("`{option}` and a file that ends in .{ending} ask for different things"),
        )
        .hint("leave out the option, or give the file its ending"));
    }
    Ok(form)
}
