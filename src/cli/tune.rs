//! `econc tune`: search over the options of a learner; writes a run directory, resumable at any moment.

use super::asked::{ASKED_BY_TUNE as ASKED, SearchMethod, TrainOptions, TuneOptions};
use super::course::{Job, compile, open};
use super::globals::{Globals, whole};
use super::host::Piece;
use super::meter::Meter;
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure, effects, session, train, training, tuning};
use crate::diag::Diagnostic;
use crate::learn::tune::{MOST_TRIALS, Objective};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Name of the subcommand, in manifests.
const ACTION: &str = "tune";

/// Search over the options of a learner
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc tune growth.econ                                   the space and the learner econc chooses\n  \
    econc tune growth.econ --learner ppo --trials 32 --seeds 1..2 --with steps=200_000 \\\n      \
    --search learning_rate=1e-4..1e-2:log --search gae_lambda=0.9..1 --search 'network=[32,32]|[64,64]'\n  \
    econc tune growth.econ --against runs/growth-0001        nearest to that solution instead of best paid\n  \
    econc tune growth.econ --budget 2_000_000                as many steps per trial as fit\n  \
    econc tune --resume runs/growth-0002                     goes on after Ctrl-C or a kill, to the bit\n\n\
    A range is LO..HI (whole numbers where the option takes them), LO..HI:log is even in logarithms, A|B|C are choices.\n\
    halving: all trials train for a share of the steps, the best third goes on three times as long, and so forth; the\n\
    last trains for all steps. random: every trial trains for all steps. Trials are measured without exploration in the\n\
    same fresh worlds, as the mean over seeds. Trial 1 is the settings as they stand, if they lie in the space.\n\
    Written: trials.csv, rungs.csv, best.econ (the block to paste), the policies of the best trial. --seed draws other trials.")]
pub(super) struct Arguments {
    /// A model file
    #[arg(value_name = "FILE", required_unless_present = "resume")]
    file: Option<PathBuf>,
    #[arg(long, value_name = "NAME", help = format!("The learner: {} (the file's, or {})", training::names(), crate::learn::methods::usual()))]
    learner: Option<String>,
    /// An option to search and its range: LO..HI, LO..HI:log or A|B|C; may be repeated (else the learner's usual ones)
    #[arg(long = "search", value_name = "KEY=RANGE")]
    search: Vec<String>,
    /// An option of the learner, or of the training, that all trials share; may be repeated
    #[arg(long = "with", value_name = "KEY=VALUE")]
    with: Vec<String>,
    /// Number of trials
    #[arg(long, value_name = "N", default_value_t = 27, value_parser = trials)]
    trials: u64,
    /// How trials are chosen: successive halving or random search
    #[arg(long, value_enum, value_name = "METHOD", default_value_t = SearchMethod::Halving, hide_possible_values = true)]
    method: SearchMethod,
    /// Successive halving: the best one in N goes on (default 3)
    #[arg(long, value_name = "N", value_parser = eta)]
    eta: Option<u64>,
    /// Successive halving: fewest steps before a trial may be dropped
    #[arg(long, value_name = "STEPS", value_parser = steps)]
    least: Option<u64>,
    /// Environment steps of all trials and seeds together, instead of the steps of each
    #[arg(long, value_name = "STEPS", value_parser = steps)]
    budget: Option<u64>,
    /// What is best: return or distance (distance with --against, else return)
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true)]
    objective: Option<Best>,
    /// The run of a solve: trials are compared by the distance to its policy
    #[arg(long, value_name = "RUN")]
    against: Option<PathBuf>,
    /// Seeds of every trial: 1..5, 1,2,3 or 7 (the file's, or 1)
    #[arg(long, value_name = "SEEDS")]
    seeds: Option<String>,
    /// The agent that learns, where several could
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// How all others choose, as for `train`; for one agent AGENT=POLICY; may be repeated
    #[arg(long, value_name = "POLICY")]
    others: Vec<String>,
    /// Let others play a run although it was made with other parameter values or equations
    #[arg(long)]
    other_parameters: bool,
    /// A scenario of the file
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Seconds between checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0, allow_negative_numbers = true, value_parser = train::seconds)]
    checkpoint: f64,
    /// Go on with an interrupted search
    #[arg(long, value_name = "RUN", conflicts_with_all = ["file", "learner", "search", "with", "trials", "method", "eta", "least", "budget",
        "objective", "against", "seeds", "agent", "others", "other_parameters", "scenario"])]
    resume: Option<PathBuf>,
}

/// `--objective`
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Best {
    /// The highest mean discounted return
    Return,
    /// The smallest distance to the exact policy
    Distance,
}

/// Carries out `econc tune`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
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
    let options = options(arguments, globals)?;
    training::other_parameters_of_a_run(&options.train)?;
    let source = Source::read(file)?;
    let globals = &super::scenario::with_its_numbers(&source, globals, options.train.scenario.as_deref())?;
    if let Some(piece) = globals.host.as_ref().and_then(|h| h.piece()) {
        return a_piece(piece, &options, &source, globals, screen);
    }
    let elsewhere = globals.host.as_ref().and_then(|h| h.elsewhere());
    let workers = globals.workers();
    session::run_on(
        ACTION,
        &[],
        &source,
        globals,
        screen,
        |compiled, place| {
            let options = for_one_agent(&compiled.model, &options).map_err(|d| vec![d])?;
            let asked = serde_json::to_vec_pretty(&options)
                .map_err(|e| vec![Diagnostic::error("E0951", "the options cannot be written").note(e.to_string())])?;
            let job = Job {
                action: ACTION,
                settings: tuning::settings(compiled, &options, if elsewhere.is_some() { 0 } else { workers })?,
                members: None,
                files: vec![(ASKED, asked)],
                ..Job::default()
            };
            open(&source, globals, &globals.set, &job, place).map_err(|d| vec![d])
        },
        |compiled, meter, run| {
            let options = for_one_agent(&compiled.model, &options).map_err(|d| vec![d])?;
            tuning::tune(compiled, &options, workers, arguments.checkpoint, meter, run, elsewhere)
        },
    )
}

/// Does the one piece of the search that the host asks for, and leaves no run.
fn a_piece(
    piece: &Piece,
    options: &TuneOptions,
    source: &Source,
    globals: &Globals,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let (compiled, _) = match compile(source, &globals.overrides()?, &Job::default(), screen) {
        Ok(compiled) => compiled,
        Err(exit) => return Ok(exit),
    };
    let options = for_one_agent(&compiled.model, options)?;
    globals.start_threads();
    let meter = Meter::start(screen.progress());
    let trained = tuning::piece(&compiled, &options, piece, &meter).map_err(Failure::of)?;
    meter.finish();
    if let Some(host) = &globals.host {
        host.hand_over(trained);
    }
    Ok(Exit::Fine)
}

/// The search with the agent that the file names, where none was named.
///
/// # Errors
/// E0927 where the file names several.
fn for_one_agent(model: &crate::check::Model, options: &TuneOptions) -> Result<TuneOptions, Diagnostic> {
    let train = training::with_agents(model, &options.train);
    if !train.beside.is_empty() {
        let agents = train.agents();
        return Err(Diagnostic::error(
            "E0927",
            format!("`train` blocks name {} agents, and a search is for one", agents.len()),
        )
        .note(format!("they name {}", agents.join(", ")))
        .hint(format!(
            "say which one: --agent {}; the others follow --others",
            agents[0]
        )));
    }
    Ok(TuneOptions {
        train,
        ..options.clone()
    })
}

fn options(arguments: &Arguments, globals: &Globals) -> Result<TuneOptions, Diagnostic> {
    if arguments.method == SearchMethod::Random {
        let why = "random search trains every trial to its end";
        if arguments.eta.is_some() {
            return Err(effects::idle("--eta", why));
        }
        if arguments.least.is_some() {
            return Err(effects::idle("--least", why));
        }
    }
    let objective = match (arguments.objective, &arguments.against) {
        (Some(Best::Distance), None) => {
            return Err(
                Diagnostic::error("E0940", "`--objective distance` needs a policy to be near to")
                    .hint("solve the model and name the run: --against runs/growth-0001"),
            );
        }
        (Some(Best::Distance), Some(_)) | (None, Some(_)) => Objective::Distance,
        (Some(Best::Return), _) | (None, None) => Objective::Return,
    };
    Ok(TuneOptions {
        train: TrainOptions {
            learner: arguments.learner.clone(),
            with: train::pairs(&arguments.with)?,
            seeds: arguments.seeds.as_deref().map(training::seeds).transpose()?,
            agent: arguments.agent.clone(),
            others: arguments.others.clone(),
            scenario: arguments.scenario.clone(),
            against: arguments.against.clone(),
            other_parameters: arguments.other_parameters,
            ..TrainOptions::default()
        },
        searches: arguments.search.clone(),
        method: arguments.method,
        trials: usize::try_from(arguments.trials).unwrap_or(MOST_TRIALS),
        eta: arguments.eta.and_then(|n| usize::try_from(n).ok()).unwrap_or(3),
        least: arguments.least.unwrap_or(1),
        budget: arguments.budget,
        objective,
        seed: globals.seed,
    })
}

/// Goes on with an interrupted search: model, parameters and options are those in its directory.
fn resume(directory: &Path, checkpoint: f64, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let resumed = match session::resumed(directory, ACTION, screen)? {
        Ok(resumed) => resumed,
        Err(exit) => return Ok(exit),
    };
    let options: TuneOptions = session::asked(&resumed, ASKED)?;
    let elsewhere = globals.host.as_ref().and_then(|h| h.elsewhere());
    session::go_on(resumed, globals, screen, None, |compiled, meter, run| {
        tuning::tune(compiled, &options, globals.workers(), checkpoint, meter, run, elsewhere)
    })
}

fn trials(text: &str) -> Result<u64, String> {
    whole(text, 1, MOST_TRIALS as u64, "27")
}

fn eta(text: &str) -> Result<u64, String> {
    whole(text, 2, 1000, "3")
}

/// A number of steps, at least 1: `200_000` or `2e5`.
fn steps(text: &str) -> Result<u64, String> {
    match crate::learn::Value::parse(text) {
        crate::learn::Value::Number(x) if x >= 1.0 && x.fract() == 0.0 && x < 9e15 => Ok(x as u64),
        _ => Err("write a whole number of steps, for instance 200_000".to_string()),
    }
}
