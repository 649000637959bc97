//! `econc solve`: solves a model, certifies the solution, writes a run directory.

use super::compiled::Compiled;
use super::course::Job;
use super::globals::Globals;
use super::meter::Meter;
use super::screen::Screen;
use super::session::{self, Resumed};
use super::solving::{self, SolveOptions};
use super::{Exit, Failure};
use crate::diag::Diagnostic;
use crate::report::content::Content;
use crate::report::store::RunDirectory;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Name of the subcommand, in manifests.
const ACTION: &str = "solve";

/// Solve a model and certify the solution
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc solve growth.econ\n  \
    econc solve growth.econ --set beta=0.98 --out baseline\n  \
    econc solve growth.econ --set beta=0.9..0.98:5                 five values, one table\n  \
    econc solve growth.econ --set interpolation=linear --set grid.k='log(800)'\n  \
    econc solve cournot.econ --concept collusive\n  \
    econc solve growth.econ --method all                           every method that fits, side by side\n  \
    econc solve growth.econ --json | jq .certificate\n  \
    econc solve growth.econ --why                                  who decides, what is taken as given, which methods fit\n  \
    econc solve --resume runs/growth-0002                          goes on after Ctrl-C or a kill, to the bit\n\n\
    The files go to runs/NAME-0001, the next free number. A solution whose certificate fails is kept as\n\
    runs/NAME-0001.failed, and the exit status is 1.")]
pub(super) struct Arguments {
    /// A model file
    #[arg(value_name = "FILE", required_unless_present_any = ["resume", "list"])]
    file: Option<PathBuf>,
    /// What counts as a solution: planner, competitive, nash, collusive, stackelberg, open_loop
    #[arg(long, value_name = "CONCEPT")]
    concept: Option<String>,
    /// The method (the default is chosen from the model); all: every method that fits, compared
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// What policies may depend on: observed (the default) or full
    #[arg(long, value_name = "WHAT")]
    information: Option<String>,
    /// Seconds between checkpoints of value iteration
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0, allow_negative_numbers = true, value_parser = super::train::seconds)]
    checkpoint: f64,
    /// List the methods and stop
    #[arg(long, conflicts_with_all = ["file", "resume", "why"])]
    list: bool,
    /// Say who decides, what each takes as given and which methods fit, and stop
    #[arg(long, conflicts_with = "resume")]
    why: bool,
    /// Go on with an interrupted run
    #[arg(long, value_name = "RUN", conflicts_with_all = ["file", "concept", "method", "information"])]
    resume: Option<PathBuf>,
}

/// Carries out `econc solve`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    if arguments.list {
        return Ok(super::why::list(screen));
    }
    if let Some(directory) = &arguments.resume {
        return match session::resumed(directory, ACTION, screen)? {
            Ok(resumed) => resume(resumed, arguments.checkpoint, globals, screen),
            Err(exit) => Ok(exit),
        };
    }
    let Some(file) = &arguments.file else {
        return Err(Diagnostic::error("E0962", "no model file was named").into());
    };
    if arguments.why {
        return super::why::run(
            file,
            arguments.method.as_deref(),
            arguments.concept.as_deref(),
            arguments.information.as_deref(),
            globals,
            screen,
        );
    }
    let mut settings = BTreeMap::new();
    for (key, value) in [
        ("concept", &arguments.concept),
        ("method", &arguments.method),
        ("information", &arguments.information),
    ] {
        if let Some(value) = value {
            settings.insert(key.to_string(), value.clone());
        }
    }
    let options = SolveOptions {
        concept: arguments.concept.clone(),
        method: arguments.method.clone(),
        information: arguments.information.clone(),
        seed: globals.seed,
    };
    solving::solvable(&options)?;
    let job = Job {
        action: ACTION,
        settings,
        ..Job::default()
    };
    session::run(file, globals, screen, &job, |compiled, meter, run| {
        solved(compiled, &options, arguments.checkpoint, meter, run)
    })
}

/// Solves by one method, or by all that fit.
fn solved(
    compiled: &Compiled,
    options: &SolveOptions,
    checkpoint: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Content, Vec<Diagnostic>> {
    if options.method.as_deref() == Some(solving::ALL) {
        return super::methods::all(&compiled.model, options, meter);
    }
    solving::solve(compiled, options, checkpoint, meter, run)
}

/// Goes on with a solve that was interrupted, as it was asked for.
fn resume(resumed: Resumed, checkpoint: f64, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let setting = |key: &str| resumed.manifest.settings.get(key).cloned();
    let options = SolveOptions {
        concept: setting("concept"),
        method: setting("method"),
        information: setting("information"),
        seed: resumed.manifest.seed,
    };
    session::go_on_swept(resumed, ACTION, globals, screen, None, |compiled, meter, run| {
        solved(compiled, &options, checkpoint, meter, run)
    })
}
