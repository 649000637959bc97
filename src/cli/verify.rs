//! `econc verify`: solves a model, trains agents on it, and judges what they learned by the exact solution.

use super::asked::{ASKED_BY_VERIFY, TrainOptions, VerifyOptions};
use super::course::{Job, open};
use super::globals::Globals;
use super::screen::Screen;
use super::source::{Overrides, Source};
use super::{Exit, Failure, effects, judging, session, train, training};
use crate::diag::Diagnostic;
use crate::report::store::open_played;
use clap::Args;
use std::path::{Path, PathBuf};

/// Name of the subcommand, in manifests.
const ACTION: &str = "verify";
/// File of a run directory with what was asked.
const ASKED: &str = "verify.json";

/// Solve, train, and judge the learned by the exact
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc verify growth.econ\n  \
    econc verify growth.econ --learner sac --seeds 1..5\n  \
    econc verify runs/growth-0002                               a training that is done\n  \
    econc verify growth.econ --policy runs/growth-0002          the same, with another file or other settings\n  \
    econc verify runs/cournot-0001                              several who learned: what each gains by its best reply\n  \
    econc verify tax.econ --agent government --others worker=fixed:l=1\n  \
    econc verify --resume runs/growth-0003                      goes on after Ctrl-C or a kill, to the bit\n\n\
    The verdict follows verify { policy_error = 2%; welfare_loss = 0.1% } in the file (where several decide exploitability = 0.5%);\n    \
     the exit status is 1 where it fails, and where chance leaves it open.")]
pub(super) struct Arguments {
    /// A model file, or the run of a training, which is judged with its own model
    #[arg(value_name = "FILE|RUN", required_unless_present = "resume")]
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
    let (source, set) = subject_of(file, arguments, globals)?;
    let given = file.is_dir();
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
        policy: if given {
            Some(file.clone())
        } else {
            arguments.policy.clone()
        },
        solution: arguments.solution.clone(),
        best: arguments.best,
        seed: globals.seed,
    };
    let unwritable =
        |e: serde_json::Error| Diagnostic::error("E0951", "the options cannot be written").note(e.to_string());
    let asked = serde_json::to_vec_pretty(&options).map_err(unwritable)?;
    // What was trained here is read by `econc export` and `econc simulate` as a training.
    let trained = serde_json::to_vec_pretty(&options.train).map_err(unwritable)?;
    let unread: Vec<(&str, &str)> = [
        arguments.solution.as_ref().map(|_| ("solve", "--solution")),
        options
            .policy
            .as_ref()
            .filter(|_| !given)
            .map(|_| ("train", "--policy")),
        given.then_some(("train", "RUN")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let typed = globals.set.clone();
    let globals = &Globals {
        set: set.clone(),
        ..globals.clone()
    };
    session::run_with_members(
        None,
        &source,
        globals,
        screen,
        |compiled, place| {
            effects::settings_read(ACTION, &compiled.model, &typed, &unread).map_err(|d| vec![d])?;
            let mut files = vec![(ASKED, asked)];
            if options.policy.is_none() {
                files.push((ASKED_BY_VERIFY, trained));
            }
            judging::verified_runs(&compiled.model, &options)?;
            let job = Job {
                action: ACTION,
                files,
                settings: judging::settings(compiled, &options, globals.workers())?,
                members: None,
                ..Job::default()
            };
            open(&source, globals, &set, &job, place).map_err(|d| vec![d])
        },
        |compiled, meter, run| judging::verify(compiled, &options, globals.workers(), arguments.checkpoint, meter, run),
    )
}

/// The model that is meant, and what is set in it: of a run its own, with the settings of the judge that were typed.
fn subject_of(subject: &Path, arguments: &Arguments, globals: &Globals) -> Result<(Source, Overrides), Diagnostic> {
    if !subject.is_dir() {
        return Ok((Source::read(subject)?, globals.overrides()?));
    }
    let trains = [
        ("--policy", arguments.policy.is_some()),
        ("--other-parameters", arguments.other_parameters),
        ("--learner", arguments.learner.is_some()),
        ("--with", !arguments.with.is_empty()),
        ("--seeds", arguments.seeds.is_some()),
    ];
    if let Some((flag, _)) = trains.iter().find(|(_, given)| *given) {
        let why = "the run that is judged was trained already, with its own model";
        return Err(effects::idle(flag, why).hint("name the model file instead of the run: econc verify FILE .."));
    }
    if let Some((name, value)) = globals.set.iter().find(|(name, _)| !name.starts_with("verify.")) {
        let why = "a run was made with its own parameters and settings";
        return Err(effects::idle(&format!("--set {name}={value}"), why)
            .hint("name the model file, too: econc verify FILE --policy RUN --set .."));
    }
    let run = open_played(subject)?;
    let source = Source::read(&run.directory.join("model.econ"))?;
    let source = Source {
        name: run.manifest.model.clone(),
        ..source
    };
    // What was set for the judge when the run was made is set anew.
    let mut set = run.manifest.overrides;
    set.retain(|(name, _)| !globals.set.iter().any(|(typed, _)| typed == name));
    set.extend(globals.set.iter().cloned());
    Ok((source, set))
}
