//! `econc steady_state`: where an economy without shocks rests, as a table.

use super::compiled::Compiled;
use super::course::Job;
use super::globals::Globals;
use super::meter::Meter;
use super::screen::Screen;
use super::session;
use super::{Exit, Failure};
use crate::diag::Diagnostic;
use crate::driver;
use crate::report::at_rest::of_rest;
use crate::report::content::Content;
use crate::solve::economy::Economy;
use crate::solve::progress::{Control, Progress};
use crate::verify::defined;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Name of the subcommand, in manifests.
const ACTION: &str = "steady_state";

/// Find the deterministic steady state
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc steady_state growth.econ\n  \
    econc steady_state capital_goods.econ --concept competitive\n  \
    econc steady_state capital_goods.econ --concept open_loop --set N=1..10:10    ten values, one table\n\n\
    Shocks and draws stand at their means. The files go to runs/NAME-0001, the next free number.")]
pub(super) struct Arguments {
    /// A model file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What counts as a solution: planner, competitive, nash, collusive, open_loop
    #[arg(long, value_name = "CONCEPT")]
    concept: Option<String>,
}

/// Looks for the rest and writes a run directory.
///
/// # Errors
/// A [`Failure`] with the diagnostics of files and options.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let concept = arguments.concept.clone();
    driver::asked(&driver::Request {
        concept: concept.clone(),
        ..driver::Request::default()
    })?;
    let job = Job {
        action: ACTION,
        settings: concept
            .iter()
            .map(|c| ("concept".to_string(), c.clone()))
            .collect::<BTreeMap<_, _>>(),
        ..Job::default()
    };
    session::run(&arguments.file, globals, screen, &job, |compiled, meter, _| {
        found(compiled, concept.as_deref(), meter).map_err(|d| vec![d])
    })
}

fn found(compiled: &Compiled, concept: Option<&str>, meter: &Meter) -> Result<Content, Diagnostic> {
    let model = compiled.model.as_asked(concept, None);
    let economy = Economy::of(&model)?;
    let mut progress =
        |p: Progress| match meter.report(p.iteration as u64, 0, "steps", &format!("error {:.1e}", p.error)) {
            true => Control::Continue,
            false => Control::Cancel,
        };
    let (rest, judged) = driver::rest::at_rest(&economy, &mut progress)?;
    let numbers: Vec<(&str, usize, f64)> = rest
        .numbers
        .iter()
        .map(|n| (n.name.as_str(), n.members, n.value))
        .collect();
    let defined = defined::at_rest(&model, &numbers)?;
    Ok(of_rest(&model, &economy.conduct(), (&rest, judged.as_ref()), &defined))
}
