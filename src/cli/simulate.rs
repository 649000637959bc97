//! `econc simulate`: runs a model forward under some behaviour, writes a run directory.

use super::cast::{self, Parts};
use super::course::Job;
use super::globals::{Globals, whole};
use super::screen::Screen;
use super::session::{self, Resumed};
use super::simulating::{self, SimulateOptions};
use super::{Exit, Failure};
use crate::diag::Diagnostic;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Name of the subcommand, in manifests.
const ACTION: &str = "simulate";
/// The option that says who plays.
const POLICY: &str = "--policy";

/// Run a model forward
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc simulate growth.econ                                  random choices\n  \
    econc simulate growth.econ --policy fixed:s=0.2 --periods 500\n  \
    econc simulate growth.econ --policy runs/growth-0001       the solution of a run\n  \
    econc simulate growth.econ --policy runs/growth-0001 --set beta=0.9 --other-parameters    who has not noticed\n  \
    econc simulate growth.econ --policy planner=runs/growth-0001    for one agent, may be repeated\n  \
    econc simulate growth_markov.econ --scenario evaluation\n  \
    econc simulate krusell_smith.econ --members 10000\n  \
    econc simulate growth.econ --policy fixed:s=0.2 --set alpha=0.2..0.4:5\n  \
    econc simulate --resume runs/growth-0002                    the same again, where it was interrupted")]
pub(super) struct Arguments {
    /// A model file
    #[arg(value_name = "FILE", required_unless_present = "resume")]
    file: Option<PathBuf>,
    /// Who chooses: `random`, `fixed:NAME=VALUE,..`, `rule` (the policies in the file), or a run directory; for one agent AGENT=POLICY;
    /// may be repeated [default: random]
    #[arg(long, value_name = "POLICY")]
    policy: Vec<String>,
    /// A scenario of the file
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Number of periods (the scenario's, or 200)
    #[arg(long, value_name = "N", value_parser = periods)]
    periods: Option<u32>,
    /// Number of independent worlds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = worlds)]
    worlds: u32,
    /// Number of members that stand for a continuum (the file's, or 1000)
    #[arg(long, value_name = "N", value_parser = members)]
    members: Option<u32>,
    /// Run continuous shocks on the chain that the solution was found on, instead of their own law
    #[arg(long)]
    on_chain: bool,
    /// Play the likeliest choice where a policy mixes (taste shocks; learners whose policy is a distribution)
    #[arg(long)]
    greedy: bool,
    /// Play a policy although its run was made with other parameter values or equations
    #[arg(long)]
    other_parameters: bool,
    /// Go on with an interrupted run
    #[arg(long, value_name = "RUN", conflicts_with_all = ["file", "policy", "scenario", "periods", "worlds", "members", "on_chain", "greedy", "other_parameters"])]
    resume: Option<PathBuf>,
}

fn periods(text: &str) -> Result<u32, String> {
    whole(text, 1, u64::from(u32::MAX), "1000").map(|n| n as u32)
}

fn worlds(text: &str) -> Result<u32, String> {
    whole(text, 1, u64::from(u32::MAX), "100").map(|n| n as u32)
}

fn members(text: &str) -> Result<u32, String> {
    whole(text, 1, 10_000_000, "1000").map(|n| n as u32)
}

/// Carries out `econc simulate`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    if let Some(directory) = &arguments.resume {
        return match session::resumed(directory, ACTION, screen)? {
            Ok(resumed) => resume(resumed, globals, screen),
            Err(exit) => Ok(exit),
        };
    }
    let Some(file) = &arguments.file else {
        return Err(Diagnostic::error("E0962", "no model file was named").into());
    };
    let options = SimulateOptions {
        cast: Parts::read(POLICY, &arguments.policy)?,
        scenario: arguments.scenario.clone(),
        periods: arguments.periods.map(|n| n as usize),
        worlds: arguments.worlds as usize,
        seed: globals.seed,
        on_chain: arguments.on_chain,
        greedy: arguments.greedy,
        other_parameters: arguments.other_parameters,
    };
    let runs: Vec<PathBuf> = cast::paths(&arguments.policy).collect();
    session::apart(globals, runs.iter().map(PathBuf::as_path))?;
    let mut settings = BTreeMap::from([("worlds".to_string(), arguments.worlds.to_string())]);
    if arguments.policy.is_empty() {
        settings.insert("policy".to_string(), "random".to_string());
    }
    for (i, policy) in arguments.policy.iter().enumerate() {
        settings.insert(policy_key(i), policy.clone());
    }
    let optional = [
        ("scenario", arguments.scenario.clone()),
        ("periods", arguments.periods.map(|n| n.to_string())),
        ("members", arguments.members.map(|n| n.to_string())),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            settings.insert(key.to_string(), value);
        }
    }
    if arguments.on_chain {
        settings.insert("on_chain".to_string(), "true".to_string());
    }
    if arguments.greedy {
        settings.insert("greedy".to_string(), "true".to_string());
    }
    if arguments.other_parameters {
        settings.insert("other_parameters".to_string(), "true".to_string());
    }
    let job = Job {
        action: ACTION,
        files: Vec::new(),
        settings,
        members: arguments.members.map(|n| n as usize),
        scenario: arguments.scenario.clone(),
    };
    session::run(file, globals, screen, &job, |compiled, meter, _| {
        simulating::simulate(compiled, &options, meter)
    })
}

/// Name of the setting that holds the policy typed at place `i`, counted from 0.
fn policy_key(i: usize) -> String {
    match i {
        0 => "policy".to_string(),
        more => format!("policy {}", more + 1),
    }
}

/// Simulates again what was interrupted, as it was asked for.
fn resume(resumed: Resumed, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let setting = |key: &str| resumed.manifest.settings.get(key).cloned();
    let number = |key: &str| setting(key).and_then(|n| n.parse::<usize>().ok());
    let policies: Vec<String> = (0..).map_while(|i| setting(&policy_key(i))).collect();
    let options = SimulateOptions {
        cast: Parts::read(POLICY, &policies)?,
        scenario: setting("scenario"),
        periods: number("periods"),
        worlds: number("worlds").unwrap_or(1),
        seed: resumed.manifest.seed,
        on_chain: setting("on_chain").is_some(),
        greedy: setting("greedy").is_some(),
        other_parameters: setting("other_parameters").is_some(),
    };
    let members = number("members");
    session::go_on_swept(resumed, ACTION, globals, screen, members, |compiled, meter, _| {
        simulating::simulate(compiled, &options, meter)
    })
}
