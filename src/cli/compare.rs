//! `econc compare`: two runs side by side.

use super::compiled::compile;
use super::globals::Globals;
use super::results::read_solution;
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure};
use crate::diag::Diagnostic;
use crate::report::compared::{Side, TABLES, of_two};
use crate::report::content::Content;
use crate::report::outcome::SOLUTION_FILE;
use crate::report::place::write_new;
use crate::report::store::{CompleteRun, open_ended};
use crate::report::table::{Table, Values};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Two runs side by side
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc compare runs/growth-0001 runs/growth-0002            what was asked differently, and what came of it\n  \
    econc compare baseline reform --out reform.csv             the same as a table: every number of both\n  \
    econc compare runs/growth-0001 runs/growth-0002.failed     one whose certificate fails, too\n\n\
    Compared are settings and parameters, certificates, moments, returns, responses, and at the nodes of the first\n\
    that lie inside both grids policies and values.")]
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
    let (first, second) = (side(&arguments.first)?, side(&arguments.second)?);
    let content = of_two(&first, &second)?;
    let read = [arguments.first.as_path(), arguments.second.as_path()];
    if let Some(out) = &globals.out {
        write_new(out, &table(&content).to_csv(), globals.force, read)?;
    }
    if screen.json {
        let mut json = content.to_json();
        json["status"] = "complete".into();
        json["exit"] = 0.into();
        json["file"] = globals.out.as_ref().map(|p| p.display().to_string()).into();
        json["diagnostics"] = serde_json::json!([]);
        screen.json(&json);
    } else {
        let mut text = content.screen(screen.width(), screen.color());
        if let Some(out) = &globals.out {
            text.push_str(&format!("\nfile: {}\n", out.display()));
        }
        screen.text(&text);
    }
    Ok(Exit::Fine)
}

/// What a run is and has.
fn side(directory: &Path) -> Result<Side, Diagnostic> {
    let run = open_ended(directory)?;
    let mut tables = Vec::new();
    for (stem, _) in TABLES {
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
    })
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
