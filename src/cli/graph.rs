//! `econc graph`: who depends on what, and when it is known.

use super::globals::Globals;
use super::pipeline::{self, Source};
use super::screen::Screen;
use super::{Exit, Failure};
use crate::report::run::write_file;
use clap::Args;
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

pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let source = Source::read(&arguments.file)?;
    let (compiled, diagnostics) = pipeline::compile(&source, &globals.overrides()?, None);
    screen.diagnostics(&diagnostics, Some(&source));
    let Some(compiled) = compiled else {
        return Err(Failure {
            exit: Exit::Fails,
            diagnostics: if screen.json { diagnostics } else { Vec::new() },
        });
    };
    let text = match form(arguments, globals) {
        Form::Table => pipeline::drawing(&compiled)
            .to_table()
            .to_text(screen.width(), usize::MAX),
        Form::Svg => pipeline::drawing(&compiled).to_svg(arguments.parameters),
        Form::Dot => pipeline::drawing(&compiled).to_dot(arguments.parameters),
        Form::Ron => pipeline::graph_ron(&compiled)?,
        Form::Json => pipeline::graph_json(&compiled)?,
    };
    match &globals.out {
        Some(path) => {
            write_file(path, text.as_bytes())?;
            screen.remark(&format!("written: {}", path.display()));
        }
        None => screen.result(&text),
    }
    Ok(Exit::Fine)
}

/// The form asked for, else the one that the ending of `--out` names, else the table.
fn form(arguments: &Arguments, globals: &Globals) -> Form {
    if arguments.svg {
        return Form::Svg;
    }
    if arguments.dot {
        return Form::Dot;
    }
    if arguments.ron {
        return Form::Ron;
    }
    if globals.json {
        return Form::Json;
    }
    match globals
        .out
        .as_deref()
        .and_then(Path::extension)
        .and_then(|e| e.to_str())
    {
        Some("svg") => Form::Svg,
        Some("dot" | "gv") => Form::Dot,
        Some("ron") => Form::Ron,
        Some("json") => Form::Json,
        _ => Form::Table,
    }
}
