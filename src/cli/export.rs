//! `econc export`: a learned policy for other programs.

use super::compiled::compile;
use super::globals::Globals;
use super::results::{asked, finite_choices, read_policies};
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure};
use crate::diag::Diagnostic;
use crate::learn::export::safetensors;
use crate::learn::translation::tabulate;
use crate::report::place::write_new;
use crate::report::store::open_policies;
use crate::report::table::Table;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Write a learned policy for other programs
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc export runs/growth-0002                       policy.csv, a table over states and shocks\n  \
    econc export runs/growth-0002.failed                the policies of a verify, whatever its verdict\n  \
    econc export runs/growth-0002 --to safetensors --out growth.safetensors")]
pub(super) struct Arguments {
    /// The run of a training, or of a verify that trained
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The format
    #[arg(long, value_enum, default_value_t = To::Table, value_name = "FORMAT")]
    to: To,
    /// Of which seed; the first by default
    #[arg(long, value_name = "N")]
    of_seed: Option<u64>,
    /// Of which agent, where several learned at once
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The policy that measured best on the way, not the last
    #[arg(long)]
    best: bool,
}

/// Formats of `econc export`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// CSV over a grid of states and shocks
    Table,
    /// The weights, with what is needed to use them
    Safetensors,
}

/// Carries out `econc export`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let run = open_policies(&arguments.run)?;
    let policies = read_policies(&run, arguments.best, arguments.agent.as_deref())?;
    let wanted = arguments.of_seed.unwrap_or(policies[0].0);
    let Some((_, policy)) = policies.iter().find(|(s, _)| *s == wanted) else {
        let known: Vec<String> = policies.iter().map(|(s, _)| s.to_string()).collect();
        return Err(
            Diagnostic::error("E0929", format!("this training has no seed {wanted}"))
                .hint(format!("its seeds: {}", known.join(", ")))
                .into(),
        );
    };
    let source = Source::read(&run.directory.join("model.econ"))?;
    let (compiled, diagnostics) = compile(&source, &run.manifest.overrides, None);
    let Some(compiled) = compiled else {
        return Err(Failure {
            exit: Exit::of(&diagnostics),
            diagnostics,
            source: None,
        });
    };
    let learned = asked(&run)?;
    let named = arguments.agent.clone().filter(|_| !learned.beside.is_empty());
    let agent = crate::env::able::learner_of(&compiled.model, named.or(learned.agent).as_deref())?;
    let own = &compiled.model.agents[agent].name;
    if let Some(asked) = arguments.agent.as_ref().filter(|a| *a != own) {
        return Err(
            Diagnostic::error("E0934", format!("the run was learned by `{own}`, not by `{asked}`"))
                .hint("leave out --agent")
                .into(),
        );
    }
    let (name, bytes) = match arguments.to {
        To::Table => {
            let (columns, rows) = tabulate(&compiled.model, agent, finite_choices(policy), policy)?;
            let mut table = Table::new();
            for (k, column) in columns.iter().enumerate() {
                table = if column.labels.is_empty() {
                    table.numbers(&column.name, rows.iter().map(|r| r[k]).collect())
                } else {
                    let word = |x: f64| column.labels.get(x as usize).cloned().unwrap_or_default();
                    table.texts(&column.name, rows.iter().map(|r| word(r[k])).collect())
                };
            }
            ("policy.csv", table.to_csv())
        }
        To::Safetensors => {
            let interface = crate::env::interface::Interface::new(&compiled.model, agent, finite_choices(policy))?;
            ("policy.safetensors", safetensors(policy, &interface, &compiled.model)?)
        }
    };
    let path = globals.out.clone().unwrap_or_else(|| PathBuf::from(name));
    write_new(&path, &bytes, globals.force, [arguments.run.as_path()])?;
    if screen.json {
        screen.json(
            &serde_json::json!({ "status": "complete", "exit": 0, "file": path.display().to_string(), "seed": wanted, "diagnostics": diagnostics }),
        );
    } else {
        screen.result(&format!("{}\n", path.display()));
    }
    Ok(Exit::Fine)
}
