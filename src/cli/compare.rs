//! `econc compare`: two runs side by side.

use super::compiled::compile;
use super::course::place_of;
use super::globals::Globals;
use super::results::read_solution;
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure, clock, session, stop};
use crate::diag::Diagnostic;
use crate::limits;
use crate::report::compared::{TABLES, of_two};
use crate::report::content::Content;
use crate::report::outcome::SOLUTION_FILE;
use crate::report::place::write_new;
use crate::report::side::{Measured, Side};
use crate::report::store::{CompleteRun, Manifest, RunDirectory, Status, not_a_sweep, open_ended};
use crate::report::table::{Table, Values};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Name of the subcommand, in manifests.
const ACTION: &str = "compare";
/// Tables that are drawn, beside those whose numbers are compared.
const DRAWN: [&str; 2] = ["irf", "series"];

/// Two runs side by side
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc compare runs/growth-0001 runs/growth-0002            what was asked differently, and what came of it\n  \
    econc compare baseline reform --out reform                 where its report goes: reform/report.html\n  \
    econc compare baseline reform --out reform.csv             no report, every number of both as one table\n  \
    econc compare runs/growth-0001 runs/growth-0002.failed     one whose certificate fails, too\n\n\
    Compared are settings and parameters, certificates, moments, returns, responses, and at the nodes of the first\n\
    that lie inside both grids policies and values. The report in runs/compared-0001, the next free number, draws policies\n\
    over one another with their difference, responses, simulated paths and learning curves; its CSV files have the numbers.")]
pub(super) struct Arguments {
    /// A run
    #[arg(value_name = "RUN")]
    first: PathBuf,
    /// Another one
    #[arg(value_name = "RUN")]
    second: PathBuf,
}

/// Carries out `econc compare`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let began = Instant::now();
    let read = [arguments.first.as_path(), arguments.second.as_path()];
    session::apart(globals, read)?;
    let (first, second) = (side(&arguments.first)?, side(&arguments.second)?);
    let content = of_two(&first, &second)?;
    let file = globals.out.as_ref().filter(|p| is_table(p));
    let directory = match file {
        Some(out) => {
            write_new(out, &table(&content).to_csv(), globals.force, read)?;
            None
        }
        None => Some(report(&content, arguments, globals, began)?),
    };
    stop::last_word();
    if screen.json {
        let mut json = content.to_json();
        json["status"] = "complete".into();
        json["exit"] = 0.into();
        json["file"] = file.map(|p| p.display().to_string()).into();
        json["directory"] = directory.map(|p| p.display().to_string()).into();
        json["diagnostics"] = serde_json::json!([]);
        screen.json(&json);
        return Ok(Exit::Fine);
    }
    let mut text = screen.content(&content);
    if let Some(out) = file {
        text.push_str(&format!("\nfile: {}\n", out.display()));
    }
    if let Some(directory) = directory {
        let tables = content.tables.iter().map(|t| format!(", {}.csv", t.stem)).take(3);
        let tables: String = tables.collect();
        text.push_str(&format!("\nfiles: {}  (report.html{tables})\n", directory.display()));
    }
    screen.text(&text);
    Ok(Exit::Fine)
}

/// Whether `--out` asks for one table.
fn is_table(out: &Path) -> bool {
    out.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"))
}

/// Writes the report into a run directory; where it stands.
///
/// # Errors
/// E0951, E0952, E0959; what was begun is then removed.
fn report(content: &Content, arguments: &Arguments, globals: &Globals, began: Instant) -> Result<PathBuf, Diagnostic> {
    let of = open_ended(&arguments.first)?;
    let model = of.read("model.econ")?;
    let mut manifest = Manifest::new(globals.words(), &of.manifest.model, &model, globals.seed, &clock::now());
    manifest.action = ACTION.to_string();
    for (name, run) in [("first", &arguments.first), ("second", &arguments.second)] {
        manifest.settings.insert(name.to_string(), run.display().to_string());
    }
    let place = place_of(globals, "compared".to_string())?;
    let mut run = RunDirectory::create_with(place, manifest, &[("model.econ", model.as_slice())])?;
    match limits::caught(|| content.write(&mut run)) {
        Some(Ok(())) => run.finish(Status::Complete, None, began.elapsed().as_secs_f64()),
        Some(Err(error)) => {
            run.abandon();
            Err(error)
        }
        // It takes a moment, and is begun anew.
        None => {
            run.abandon();
            Err(stop::stopped_at_work())
        }
    }
}

/// What a run is and has.
fn side(directory: &Path) -> Result<Side, Diagnostic> {
    let run = open_ended(directory)?;
    not_a_sweep(&run)?;
    let mut tables = Vec::new();
    for stem in TABLES.iter().map(|(stem, _)| stem).chain(&DRAWN) {
        let name = format!("{stem}.csv");
        if has(&run, &name) {
            tables.push((
                (*stem).to_string(),
                String::from_utf8_lossy(&run.read(&name)?).into_owned(),
            ));
        }
    }
    let solution = match has(&run, SOLUTION_FILE) {
        true => Some(Arc::new(read_solution(&run)?.solution)),
        false => None,
    };
    Ok(Side {
        place: directory.display().to_string(),
        asked: asked(&run)?,
        tables,
        solution,
        measured: measured(&run)?,
    })
}

/// The courses of learning that a run holds: `seed_3/measured.csv`, or `seed_3/AGENT/measured.csv` where several learned.
fn measured(run: &CompleteRun) -> Result<Vec<Measured>, Diagnostic> {
    let mut out = Vec::new();
    for file in &run.manifest.files {
        let Some(folder) = file.name.strip_suffix("/measured.csv") else {
            continue;
        };
        let (seed, agent) = folder.split_once('/').unwrap_or((folder, ""));
        let Some(seed) = seed.strip_prefix("seed_").and_then(|s| s.parse().ok()) else {
            continue;
        };
        out.push(Measured {
            agent: agent.to_string(),
            seed,
            table: String::from_utf8_lossy(&run.read(&file.name)?).into_owned(),
        });
    }
    out.sort_by(|a, b| (&a.agent, a.seed).cmp(&(&b.agent, b.seed)));
    Ok(out)
}

fn has(run: &CompleteRun, name: &str) -> bool {
    run.manifest.files.iter().any(|f| f.name == name)
}

/// What a run was asked: the command, its settings, and the numbers of its parameters.
fn asked(run: &CompleteRun) -> Result<Vec<(String, String)>, Diagnostic> {
    let m = &run.manifest;
    let mut out = vec![
        ("command".to_string(), m.action.clone()),
        ("status".to_string(), m.status.to_string()),
        ("econc".to_string(), m.econc.clone()),
        ("seed".to_string(), m.seed.to_string()),
    ];
    out.extend(m.settings.iter().map(|(k, v)| (k.clone(), v.clone())));
    let source = Source {
        name: m.model.clone(),
        text: String::from_utf8_lossy(&run.read("model.econ")?).into_owned(),
    };
    let Some(compiled) = compile(&source, &m.overrides, None).0 else {
        out.extend(m.overrides.iter().map(|(k, v)| (format!("--set {k}"), v.clone())));
        return Ok(out);
    };
    let model = &compiled.model;
    out.push(("model".to_string(), model.name.clone()));
    let text = |v: &[f64]| match v {
        [x] => x.to_string(),
        v => format!("{v:?}"),
    };
    let params = model.params.iter().filter(|p| !p.name.is_empty());
    let params: Vec<(String, String)> = params.map(|p| (p.name.clone(), text(&p.values))).collect();
    // Settings of the file stand in its parameters or on the command line.
    let typed = m.overrides.iter().filter(|(k, _)| !params.iter().any(|(n, _)| n == k));
    out.extend(typed.map(|(k, v)| (format!("--set {k}"), v.clone())));
    out.extend(params);
    out.push(("file".to_string(), m.model_sha256.chars().take(12).collect()));
    Ok(out)
}

/// Every number of every table as one: table, name, of it, first, second, change, in %.
fn table(content: &Content) -> Table {
    let mut texts: [Vec<String>; 3] = Default::default();
    let mut numbers: [Vec<Option<f64>>; 4] = Default::default();
    for t in &content.tables {
        let columns: Vec<_> = t.table.columns().iter().map(|c| &c.values).collect();
        if let [Values::Texts(name), Values::Texts(of), rest @ ..] = columns.as_slice()
            && rest.len() == numbers.len()
        {
            texts[0].extend(std::iter::repeat_n(t.stem.clone(), name.len()));
            texts[1].extend(name.iter().cloned());
            texts[2].extend(of.iter().cloned());
            for (to, values) in numbers.iter_mut().zip(rest) {
                if let Values::Gaps(x) = values {
                    to.extend(x.iter().copied());
                }
            }
        } else if let [Values::Texts(name), Values::Numbers(mean), Values::Numbers(largest), ..] = columns.as_slice() {
            for (of, values) in [("mean", mean), ("largest", largest)] {
                texts[0].extend(std::iter::repeat_n(t.stem.clone(), name.len()));
                texts[1].extend(name.iter().cloned());
                texts[2].extend(std::iter::repeat_n(of.to_string(), name.len()));
                numbers[0].extend(std::iter::repeat_n(None, name.len()));
                numbers[1].extend(std::iter::repeat_n(None, name.len()));
                numbers[2].extend(values.iter().map(|x| Some(*x)));
                numbers[3].extend(std::iter::repeat_n(None, name.len()));
            }
        }
    }
    let [table, name, of] = texts;
    let [first, second, change, percent] = numbers;
    Table::new()
        .texts("table", table)
        .texts("name", name)
        .texts("of it", of)
        .with("first", Values::Gaps(first))
        .with("second", Values::Gaps(second))
        .with("change", Values::Gaps(change))
        .with("in %", Values::Gaps(percent))
}
