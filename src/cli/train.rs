//! `econc train`: agents that learn a model from play; writes a run directory, resumable at any moment.

use super::asked::{ASKED, TrainOptions};
use super::compiled::Compiled;
use super::course::{Job, open};
use super::globals::Globals;
use super::meter::Meter;
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure, session, sessions, training};
use crate::diag::Diagnostic;
use crate::report::content::Content;
use crate::report::store::RunDirectory;
use clap::Args;
use std::path::{Path, PathBuf};

/// Name of the subcommand, in manifests.
const ACTION: &str = "train";

/// Train agents on a model
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc train growth.econ\n  \
    econc train growth.econ --learner sac --seeds 1..5 --with steps=200_000\n  \
    econc train growth.econ --against runs/growth-0001     distance to that solution on the way\n  \
    econc train tax.econ --agent government --others runs/tax-0001    against what the workers learned\n  \
    econc train tax.econ --agent government --agent worker    both learn at once\n  \
    econc train --resume runs/growth-0002                  goes on after Ctrl-C or a kill, to the bit\n  \
    econc train --list                                     every learner, and what it knows\n  \
    econc train --list ppo                                 every option of a learner\n\n\
    Options stand in the file, train ppo { steps = 1_000_000 }, or after --with. Seeds run side by side on the cores.")]
pub(super) struct Arguments {
    /// A model file
    #[arg(value_name = "FILE", required_unless_present_any = ["resume", "list"])]
    file: Option<PathBuf>,
    #[arg(long, value_name = "NAME", help = format!("The learner: {} (the file's, or {}); AGENT=NAME for one of several agents",
        training::names(), crate::learn::methods::usual()))]
    learner: Vec<String>,
    /// An option of the learner, or of the training; KEY.AGENT=VALUE for one of several agents; may be repeated
    #[arg(long = "with", value_name = "KEY=VALUE")]
    with: Vec<String>,
    /// Seeds: 1..5, 1,2,3 or 7 (the file's, or 1)
    #[arg(long, value_name = "SEEDS")]
    seeds: Option<String>,
    /// The agent that learns, where several could (those that `train` blocks name); repeated, all of them learn at once, each by
    /// a learner of its own
    #[arg(long, value_name = "NAME")]
    agent: Vec<String>,
    /// How all others choose: random, rule, fixed:NAME=VALUE,.. or the directory of a complete run (of a solve, or of another agent's
    /// training); for one agent AGENT=POLICY; may be repeated
    #[arg(long, value_name = "POLICY")]
    others: Vec<String>,
    /// Let others play a run although it was made with other parameter values or equations
    #[arg(long)]
    other_parameters: bool,
    /// A scenario of the file
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// The run of a solve: the distance to its policy is shown and logged
    #[arg(long, value_name = "RUN")]
    against: Option<PathBuf>,
    /// Seconds between checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0, allow_negative_numbers = true, value_parser = seconds)]
    checkpoint: f64,
    /// Go on with an interrupted training
    #[arg(long, value_name = "RUN", conflicts_with_all = ["file", "learner", "with", "seeds", "agent", "others", "other_parameters", "scenario", "against"])]
    resume: Option<PathBuf>,
    /// List the learners, or the options of one, and stop
    #[arg(long, value_name = "LEARNER", num_args = 0..=1, default_missing_value = "")]
    list: Option<String>,
}

/// Carries out `econc train`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    if let Some(name) = &arguments.list {
        let text = match name.as_str() {
            "" => training::learners(screen.json),
            name => training::learner_options(name, screen.json)?,
        };
        match screen.json {
            true => screen.result(&text),
            false => screen.text(&text),
        }
        return Ok(Exit::Fine);
    }
    if let Some(directory) = &arguments.resume {
        return resume(directory, arguments.checkpoint, globals, screen);
    }
    let Some(file) = &arguments.file else {
        return Err(Diagnostic::error("E0962", "no model file was named").into());
    };
    let others: Vec<std::path::PathBuf> = super::cast::paths(&arguments.others).collect();
    session::apart(
        globals,
        arguments
            .against
            .as_deref()
            .into_iter()
            .chain(others.iter().map(std::path::PathBuf::as_path))
            .chain([file.as_path()]),
    )?;
    let (learner, learners) = learners(&arguments.learner)?;
    let options = TrainOptions {
        learner,
        learners,
        with: pairs(&arguments.with)?,
        seeds: match (&arguments.seeds, globals.seed) {
            (Some(text), _) => Some(training::seeds(text)?),
            (None, 1) => None,
            (None, seed) => Some(vec![seed]),
        },
        agent: arguments.agent.first().cloned(),
        beside: arguments.agent.iter().skip(1).cloned().collect(),
        others: arguments.others.clone(),
        scenario: arguments.scenario.clone(),
        against: arguments.against.clone(),
        other_parameters: arguments.other_parameters,
    };
    training::other_parameters_of_a_run(&options)?;
    let source = Source::read(file)?;
    let globals = &super::scenario::with_its_numbers(&source, globals, options.scenario.as_deref())?;
    session::run_on(
        ACTION,
        &[],
        &source,
        globals,
        screen,
        |compiled, place| {
            let options = training::with_agents(&compiled.model, &options);
            let asked = serde_json::to_vec_pretty(&options)
                .map_err(|e| vec![Diagnostic::error("E0951", "the options cannot be written").note(e.to_string())])?;
            let job = Job {
                action: ACTION,
                settings: training::settings(compiled, &options, globals.workers())?,
                members: None,
                files: vec![(ASKED, asked)],
                ..Job::default()
            };
            open(&source, globals, &globals.set, &job, place).map_err(|d| vec![d])
        },
        |compiled, meter, run| {
            let options = training::with_agents(&compiled.model, &options);
            work(compiled, &options, globals.workers(), arguments.checkpoint, meter, run)
        },
    )
}

/// Trains in worlds, or plays sessions of the published program.
///
/// # Errors
/// Those of [`training::train`] and [`sessions::train`].
fn work(
    compiled: &Compiled,
    options: &TrainOptions,
    workers: usize,
    checkpoint: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Content, Vec<Diagnostic>> {
    let planned = training::planned(compiled, options)?;
    match &planned.sessions {
        Some(asked) => sessions::train(&compiled.model, options, &planned, asked, workers, meter, run),
        None => training::train(compiled, options, workers, checkpoint, meter, run),
    }
}

/// Goes on with an interrupted training: model, parameters and options are those in its directory.
fn resume(directory: &Path, checkpoint: f64, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let resumed = match session::resumed(directory, ACTION, screen)? {
        Ok(resumed) => resumed,
        Err(exit) => return Ok(exit),
    };
    let options: TrainOptions = session::asked(&resumed, ASKED)?;
    session::go_on(resumed, globals, screen, None, |compiled, meter, run| {
        work(compiled, &options, globals.workers(), checkpoint, meter, run)
    })
}

/// What `--learner` says: of all, and of single agents.
#[allow(clippy::type_complexity)]
fn learners(typed: &[String]) -> Result<(Option<String>, Vec<(String, String)>), Diagnostic> {
    let (mut all, mut own): (Option<String>, Vec<(String, String)>) = (None, Vec::new());
    for text in typed {
        let twice = match text.split_once('=') {
            Some((agent, name)) => {
                let known = own.iter().any(|(a, _)| a == agent.trim());
                own.push((agent.trim().to_string(), name.trim().to_string()));
                known
            }
            None => all.replace(text.clone()).is_some(),
        };
        if twice {
            return Err(
                Diagnostic::error("E0929", format!("`--learner {text}` comes after another one"))
                    .hint("name one learner for all, or one for each agent: --learner firm=ppo --learner bank=sac"),
            );
        }
    }
    Ok((all, own))
}

/// Seconds between checkpoints, 0 for one after every update.
///
/// # Errors
/// What is wrong with the text, in words.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    match text.trim().replace('_', "").parse::<f64>() {
        Ok(x) if (0.0..=1e9).contains(&x) => Ok(x),
        Ok(_) | Err(_) => Err("write a number of seconds, for instance 60; 0 keeps every update".to_string()),
    }
}

/// The pairs of key and value in a list of `KEY=VALUE`, in order.
///
/// # Errors
/// E0929.
pub(super) fn pairs(list: &[String]) -> Result<Vec<(String, String)>, Diagnostic> {
    list.iter()
        .map(|text| {
            text.split_once('=')
                .map(|(k, v)| (k.trim().to_string(), v.trim().to_string()))
                .ok_or_else(|| {
                    Diagnostic::error("E0929", format!("`--with {text}` is not KEY=VALUE"))
                        .hint("write --with steps=100_000")
                })
                .and_then(|pair: (String, String)| match pair.0.as_str() {
                    "agent" => Err(Diagnostic::error("E0929", format!("`--with {text}` names who learns"))
                        .hint(format!("write --agent {}", pair.1))),
                    _ => Ok(pair),
                })
        })
        .collect()
}
