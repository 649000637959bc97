//! `econc verify`: solves a model, trains agents on it, and judges what they learned by the exact solution.

use super::asked::{ASKED_BY_VERIFY, TrainOptions, VerifyOptions};
use super::course::{Job, open};
use super::globals::Globals;
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure, judging, session, train, training};
use crate::diag::Diagnostic;
use clap::Args;
use std::path::PathBuf;

/// Name of the subcommand, in manifests.
const ACTION: &str = "verify";
/// File of a run directory with what was asked.
const ASKED: &str = "verify.json";

/// Solve, train, and judge the learned by the exact
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc verify growth.econ\n  \
    econc verify growth.econ --learner sac --seeds 1..5\n  \
    econc verify growth.econ --policy runs/growth-0002          a training that is done\n  \
    econc verify tax.econ --agent government --others worker=fixed:l=1\n  \
    econc verify --resume runs/growth-0003                      goes on after Ctrl-C or a kill, to the bit\n\n\
    The verdict follows verify { policy_error = 2%; welfare_loss = 0.1% } in the file; the exit status is 1 where it fails,\n    \
     and where chance leaves it open.")]
pub(super) struct Arguments {
    /// A model file
    #[arg(value_name = "FILE", required_unless_present = "resume")]
    file: Option<PathBuf>,
    /// The run of a training, instead of training now
    #[arg(long, value_name = "RUN", conflicts_with_all = ["with", "seeds", "learner"])]
    policy: Option<PathBuf>,
    /// The run of a solve, instead of solving now
    #[arg(long, value_name = "RUN")]
    solution: Option<PathBuf>,
    /// Judge a policy although its run was made with other parameter values or equations
    #[arg(long, requires = "policy")]
    other_parameters: bool,
    /// Judge the policies that measured best on the way, not the last
    #[arg(long)]
    best: bool,
    /// The learner
    #[arg(long, value_name = "NAME")]
    learner: Option<String>,
    /// An option of the learner, or of the training; may be repeated
    #[arg(long = "with", value_name = "KEY=VALUE")]
    with: Vec<String>,
    /// Seeds: 1..5, 1,2,3 or 7
    #[arg(long, value_name = "SEEDS")]
    seeds: Option<String>,
    /// The agent that is judged, where several could decide
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// What all others do: rule or fixed:NAME=VALUE,.., with AGENT= in front where they differ
    #[arg(long, value_name = "[AGENT=]POLICY")]
    others: Vec<String>,
    /// Seconds between checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0, allow_negative_numbers = true, value_parser = train::seconds)]
    checkpoint: f64,
    /// Go on with an interrupted run
    #[arg(long, value_name = "RUN", conflicts_with_all = ["file", "policy", "solution", "other_parameters", "best", "learner", "with", "seeds", "agent", "others"])]
    resume: Option<PathBuf>,
}

/// Carries out `econc verify`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    if let Some(directory) = &arguments.resume {
        let resumed = match session::resumed(directory, ACTION, screen)? {
            Ok(resumed) => resumed,
            Err(exit) => return Ok(exit),
        };
        let options: VerifyOptions = session::asked(&resumed, ASKED)?;
        return session::go_on(resumed, globals, screen, None, |compiled, meter, run| {
            judging::verify(compiled, &options, globals.workers(), arguments.checkpoint, meter, run)
        });
    }
    let Some(file) = &arguments.file else {
        return Err(Diagnostic::error("E0962", "no model file was named").into());
    };
    session::apart(
        globals,
        [&arguments.policy, &arguments.solution, &arguments.file]
            .into_iter()
            .flatten()
            .map(|p| p.as_path()),
    )?;
    let options = VerifyOptions {
        train: TrainOptions {
            learner: arguments.learner.clone(),
            with: train::pairs(&arguments.with)?,
            seeds: arguments.seeds.as_deref().map(training::seeds).transpose()?,
            agent: arguments.agent.clone(),
            others: arguments.others.clone(),
            other_parameters: arguments.other_parameters,
            ..TrainOptions::default()
        },
        policy: arguments.policy.clone(),
        solution: arguments.solution.clone(),
        best: arguments.best,
        seed: globals.seed,
    };
    let source = Source::read(file)?;
    let unwritable =
        |e: serde_json::Error| Diagnostic::error("E0951", "the options cannot be written").note(e.to_string());
    let asked = serde_json::to_vec_pretty(&options).map_err(unwritable)?;
    // What was trained here is read by `econc export` and `econc simulate` as a training.
    let trained = serde_json::to_vec_pretty(&options.train).map_err(unwritable)?;
    let unread: Vec<(&str, &str)> = [
        arguments.solution.as_ref().map(|_| ("solve", "--solution")),
        arguments.policy.as_ref().map(|_| ("train", "--policy")),
    ]
    .into_iter()
    .flatten()
    .collect();
    session::run_on(
        ACTION,
        &unread,
        &source,
        globals,
        screen,
        |compiled, place| {
            let mut files = vec![(ASKED, asked)];
            if options.policy.is_none() {
                files.push((ASKED_BY_VERIFY, trained));
            }
            judging::verified_runs(&compiled.model, &options)?;
            let job = Job {
                action: ACTION,
                files,
                settings: training::settings(compiled, &options.train, globals.workers())?,
                members: None,
                ..Job::default()
            };
            open(&source, globals, &globals.set, &job, place).map_err(|d| vec![d])
        },
        |compiled, meter, run| judging::verify(compiled, &options, globals.workers(), arguments.checkpoint, meter, run),
    )
}
