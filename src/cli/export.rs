//! `econc export`: the policies and tables of a run for other programs.

use super::compiled::compile;
use super::effects::idle;
use super::globals::Globals;
use super::results::{asked, finite_choices, is_training, read_policies};
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure};
use crate::diag::Diagnostic;
use crate::env::interface::Interface;
use crate::learn::export::safetensors;
use crate::learn::onnx::onnx;
use crate::learn::policy::{Policy, PolicyKind};
use crate::learn::translation::{Column, tabulate};
use crate::report::npy::{GridAxis, GridFunction, Points, npz};
use crate::report::outcome::SOLUTION_FILE;
use crate::report::place::write_new;
use crate::report::store::{CompleteRun, open_ended, open_policies};
use crate::report::table::Table;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Write the policies, or a table, of a run for other programs
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc export runs/growth-0001                       policy.csv: of a solution at its nodes, of a training over states and shocks\n  \
    econc export runs/growth-0002 --to npz              the same columns as arrays, policy.npz\n  \
    econc export runs/growth-0002.failed                the policies of a verify, whatever its verdict\n  \
    econc export runs/growth-0003                       series.csv of a simulation; irf.csv, sweep.csv, steady_state.csv of these\n  \
    econc export runs/growth-0001 --table moments       any table of any run\n  \
    econc export runs/growth-0002 --to safetensors --out growth.safetensors\n  \
    econc export runs/growth-0002 --to onnx             policy.onnx, which any ONNX runtime plays")]
pub(super) struct Arguments {
    /// A run: of a solve, a training, a search, a verify that trained, a simulation, ..
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The format
    #[arg(long, value_enum, default_value_t = To::Table, value_name = "FORMAT")]
    to: To,
    /// A table of the run instead, by its name without .csv
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Of which seed; the first by default
    #[arg(long, value_name = "N")]
    of_seed: Option<u64>,
    /// Of which agent, where several learned at once
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Of which member, from 1, where members learned policies of their own
    #[arg(long, value_name = "N")]
    member: Option<usize>,
    /// The policy that measured best on the way, not the last
    #[arg(long)]
    best: bool,
}

/// The policy of a member, where each has its own.
///
/// # Errors
/// E0934 where none is named or there is none of that number, E0989 where all share one.
fn of_member(policy: &Policy, member: Option<usize>) -> Result<&Policy, Diagnostic> {
    let several = match &policy.kind {
        PolicyKind::Members { policies } => Some(policies),
        _ => None,
    };
    match (several, member) {
        (None, None) => Ok(policy),
        (None, Some(_)) => Err(idle("--member", "its members share one policy")),
        (Some(all), Some(m)) if (1..=all.len()).contains(&m) => Ok(&all[m - 1]),
        (Some(all), m) => Err(Diagnostic::error(
            "E0934",
            match m {
                None => "the members of this training have policies of their own, and none is named".to_string(),
                Some(m) => format!("this training has no member {m}"),
            },
        )
        .hint(format!("--member 1 to --member {}", all.len()))),
    }
}

/// Formats of `econc export`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// CSV over a grid of states and shocks
    Table,
    /// Arrays for numpy: of a solution policies and values on their grid, of a training the columns of the table
    Npz,
    /// The weights of a learned policy, with what is needed to use them
    Safetensors,
    /// A learned policy as a graph that other programs run: from observations to actions
    Onnx,
}

/// Carries out `econc export`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let ended = open_ended(&arguments.run);
    if let Ok(run) = &ended
        && let Some(name) = arguments.table.as_deref().or_else(|| main_table(run))
    {
        return table(run, name, arguments, globals, screen);
    }
    if arguments.table.is_some() {
        ended?;
    }
    let run = open_policies(&arguments.run)?;
    if !is_training(&run) && run.manifest.files.iter().any(|f| f.name == SOLUTION_FILE) {
        return solution(&run, arguments, globals, screen);
    }
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
    let policy = of_member(policy, arguments.member)?;
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
        To::Npz => {
            let (columns, rows) = tabulate(&compiled.model, agent, finite_choices(policy), policy)?;
            let axis = || {
                vec![GridAxis {
                    name: "row".into(),
                    points: Points::Labels((0..rows.len()).map(|i| i.to_string()).collect()),
                }]
            };
            let array =
                |(k, c): (usize, &Column)| GridFunction::new(&c.name, axis(), rows.iter().map(|r| r[k]).collect());
            let arrays: Vec<GridFunction> = columns.iter().enumerate().map(array).collect::<Result<_, _>>()?;
            ("policy.npz", npz(&arrays)?)
        }
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
            let interface = Interface::new(&compiled.model, agent, finite_choices(policy))?;
            ("policy.safetensors", safetensors(policy, &interface, &compiled.model)?)
        }
        To::Onnx => {
            let interface = Interface::new(&compiled.model, agent, finite_choices(policy))?;
            ("policy.onnx", onnx(policy, &interface, &compiled.model)?)
        }
    };
    written(
        name,
        &bytes,
        arguments,
        globals,
        screen,
        serde_json::json!({ "seed": wanted, "diagnostics": diagnostics }),
    )
}

/// Writes one file and says where; `more` belongs to the JSON.
fn written(
    name: &str,
    bytes: &[u8],
    arguments: &Arguments,
    globals: &Globals,
    screen: &Screen,
    more: serde_json::Value,
) -> Result<Exit, Failure> {
    let path = globals.out.clone().unwrap_or_else(|| PathBuf::from(name));
    write_new(&path, bytes, globals.force, [arguments.run.as_path()])?;
    if screen.json {
        let mut json = more;
        json["status"] = "complete".into();
        json["exit"] = 0.into();
        json["file"] = path.display().to_string().into();
        screen.json(&json);
    } else {
        screen.result(&format!("{}\n", path.display()));
    }
    Ok(Exit::Fine)
}

/// The table that a run is for, where nobody chooses or learns in it.
fn main_table(run: &CompleteRun) -> Option<&'static str> {
    let has = |name: &str| run.manifest.files.iter().any(|f| f.name == name);
    match run.manifest.action.as_str() {
        "simulate" if has("series.csv") => Some("series"),
        "irf" => Some("irf"),
        "transition" if has("path.csv") => Some("path"),
        "steady_state" if has("steady_state.csv") => Some("steady_state"),
        _ if has("sweep.csv") => Some("sweep"),
        _ => None,
    }
}

/// A table of a run as it stands there, or its columns as arrays.
fn table(
    run: &CompleteRun,
    name: &str,
    arguments: &Arguments,
    globals: &Globals,
    screen: &Screen,
) -> Result<Exit, Failure> {
    if let Some((option, _)) = learned(arguments).iter().find(|(_, typed)| *typed) {
        return Err(idle(option, "a table of a run is written as it stands there").into());
    }
    let names: Vec<&str> = run.manifest.files.iter().map(|f| f.name.as_str()).collect();
    let bare = name.strip_suffix(".csv").unwrap_or(name);
    let file = format!("{bare}.csv");
    if !names.contains(&file.as_str()) {
        let all: Vec<&str> = names.iter().filter_map(|n| n.strip_suffix(".csv")).collect();
        let d = Diagnostic::error("E0997", format!("the run has no table `{bare}`"));
        if all.is_empty() {
            let why = run.manifest.reason.as_deref().unwrap_or_default();
            let d = if why.is_empty() {
                d
            } else {
                d.note(format!("it failed: {why}"))
            };
            return Err(d
                .hint("it failed before it had any; see to that, then run it again")
                .into());
        }
        return Err(d.hint(format!("its tables: {}", all.join(", "))).into());
    }
    let bytes = run.read(&file)?;
    let stem = bare.replace('/', "_");
    let (name, bytes) = match arguments.to {
        To::Table => (format!("{stem}.csv"), bytes),
        To::Npz => {
            let own = format!("{bare}.npz");
            let arrays = match names.contains(&own.as_str()) {
                true => run.read(&own)?,
                false => columns(bare, &bytes)?,
            };
            (format!("{stem}.npz"), arrays)
        }
        To::Safetensors | To::Onnx => {
            return Err(Diagnostic::error("E0954", "a table has no weights")
                .note("safetensors and onnx hold the network of a learned policy")
                .hint("--to table or --to npz writes the table")
                .into());
        }
    };
    let more = serde_json::json!({ "diagnostics": Vec::<Diagnostic>::new() });
    written(&name, &bytes, arguments, globals, screen, more)
}

/// The columns of a CSV file as arrays, one number per row; an empty cell is NaN.
fn columns(table: &str, bytes: &[u8]) -> Result<Vec<u8>, Diagnostic> {
    let broken = |e: csv::Error| {
        Diagnostic::error("E0955", format!("the table `{table}` cannot be read"))
            .note(e.to_string())
            .hint("solve, simulate or train again")
    };
    let mut file = csv::Reader::from_reader(bytes);
    let heading: Vec<String> = file.headers().map_err(broken)?.iter().map(String::from).collect();
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); heading.len()];
    let mut words: Option<usize> = None;
    for row in file.records() {
        for (k, cell) in row.map_err(broken)?.iter().enumerate() {
            match cell.parse() {
                Ok(x) => values[k].push(x),
                Err(_) if cell.is_empty() => values[k].push(f64::NAN),
                Err(_) => {
                    values[k].push(f64::NAN);
                    words = words.or(Some(k));
                }
            }
        }
    }
    if let Some(k) = words {
        return Err(Diagnostic::error(
            "E0997",
            format!(
                "`{}` in the table `{table}` has words, and arrays hold numbers",
                heading[k]
            ),
        )
        .hint("--to table writes it as CSV"));
    }
    let rows = values.first().map_or(0, Vec::len);
    let axis = || GridAxis {
        name: "row".into(),
        points: Points::Labels((0..rows).map(|i| i.to_string()).collect()),
    };
    let arrays: Vec<GridFunction> = heading
        .iter()
        .zip(values)
        .map(|(name, x)| GridFunction::new(name, vec![axis()], x))
        .collect::<Result<_, _>>()?;
    npz(&arrays)
}

/// Options about learned policies, and whether they were typed.
fn learned(arguments: &Arguments) -> [(&'static str, bool); 4] {
    [
        ("--member", arguments.member.is_some()),
        ("--of-seed", arguments.of_seed.is_some()),
        ("--agent", arguments.agent.is_some()),
        ("--best", arguments.best),
    ]
}

/// The policies and values of a solution at its nodes, as they stand in its run.
fn solution(run: &CompleteRun, arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    if let Some((option, _)) = learned(arguments).iter().find(|(_, typed)| *typed) {
        return Err(idle(option, "the run is one of a solution, which nobody learned").into());
    }
    let (name, file) = match arguments.to {
        To::Table => ("policy.csv", "solution.csv"),
        To::Npz => ("policy.npz", "solution.npz"),
        To::Safetensors | To::Onnx => {
            return Err(Diagnostic::error("E0954", "a solution has no weights")
                .note("safetensors and onnx hold the network of a learned policy")
                .hint("--to table or --to npz writes policies and values at the nodes of the grid")
                .into());
        }
    };
    let more = serde_json::json!({ "diagnostics": Vec::<Diagnostic>::new() });
    written(name, &run.read(file)?, arguments, globals, screen, more)
}
