//! `--set NAME=LO..HI:N`: the same command for N values, each in a run directory of its own, and one table over all.
//!
//! Several sweeps run every combination, the last fastest. The directory of the sweep holds `run-001`, `run-002`, .. and
//! `sweep.csv` with what was set, how the run ended and its headline numbers. Everything is compiled before anything is
//! computed, so that a value the model does not allow stops the sweep at once. What a run came to is kept beside it, so that
//! a sweep that is taken up again goes on with the first run that had not ended.

use super::compiled::{self, Compiled};
use super::course::{self, Job};
use super::globals::Globals;
use super::meter::Meter;
use super::ranges::Sweep;
use super::screen::Screen;
use super::source::{Overrides, Source};
use super::{Exit, Failure, not_begun, stop, unwritten};
use crate::diag::{Diagnostic, Severity};
use crate::report::content::{Content, with_unit};
use crate::report::store::{RunDirectory, RunPlace, Status, WORK, check_whole, remove_run};
use crate::report::swept::{Point, of_points};
use serde::{Deserialize, Serialize};

/// What one run of a sweep came to.
#[derive(Serialize, Deserialize)]
struct Row {
    set: Vec<String>,
    status: Status,
    diagnostics: Vec<Diagnostic>,
    place: String,
    numbers: Vec<(String, f64)>,
    /// Names of numbers that are lines of the certificate.
    judging: Vec<String>,
}

/// What is set of the parameters that vary, one text per parameter.
fn said(sweeps: &[Sweep], set: &Overrides) -> Vec<String> {
    let value = |s: &Sweep| set.iter().find(|(n, _)| *n == s.name).map(|(_, v)| v.clone());
    sweeps.iter().map(|s| value(s).unwrap_or_default()).collect()
}

fn numbered(i: usize, width: usize) -> String {
    format!("run-{:0width$}", i + 1)
}

/// File of a sweep with what a run of it came to.
fn row_file(run: &str) -> String {
    format!("{WORK}/{run}.ron")
}

/// What the run called `name` came to before the sweep was interrupted, if it ended; one that was removed is done again.
///
/// # Errors
/// E0955 where its files are not as it wrote them.
fn ended_before(whole: &RunDirectory, name: &str) -> Result<Option<Row>, Diagnostic> {
    let Some(bytes) = whole.kept_sealed(&row_file(name))? else {
        return Ok(None);
    };
    // A row that another version of econc wrote is not read.
    let Ok(row) = ron::de::from_bytes::<Row>(&bytes) else {
        return Ok(None);
    };
    let directory = whole.path().join(&row.place);
    if !directory.exists() {
        return Ok(None);
    }
    check_whole(&directory, row.status).map_err(|d| {
        d.note("the sweep had done this run, and computes nothing twice that was changed since")
            .hint(format!(
                "restore the file; or remove {}, and it is done again: {}",
                directory.display(),
                stop::onward(whole.path(), &whole.manifest().action)
            ))
    })?;
    Ok(Some(row))
}

/// Keeps what a run came to.
fn keep(whole: &RunDirectory, name: &str, row: &Row) -> Result<(), Diagnostic> {
    let text = crate::graph::store::ron_text(row)
        .map_err(|e| Diagnostic::error("E0951", "what a run came to cannot be written").note(e.to_string()))?;
    whole.keep_sealed(&row_file(name), text.as_bytes())
}

/// Runs `work` for every run of a sweep: `runs` has one entry per run, what is set there, `sweeps` one per parameter
/// that varies; in the directory of a sweep that was interrupted, if there is one.
///
/// # Errors
/// As for [`super::session::run`].
pub(super) fn run(
    source: &Source,
    globals: &Globals,
    screen: &Screen,
    job: &Job,
    sweeps: &[Sweep],
    runs: &[Overrides],
    resumed: Option<RunDirectory>,
    work: &dyn Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    // Models are compiled again when it is their turn: thousands of them would take memory.
    let mut named = None;
    for set in runs {
        match course::compile(source, set, job, screen) {
            Ok((model, _)) => {
                if resumed.is_none() {
                    super::effects::settings_read(job.action, &model.model, set, &[])?;
                }
                named.get_or_insert((model.name().to_string(), model.model.title.clone()));
            }
            Err(exit) => {
                screen.remark(&format!("with {}", words(set)));
                return Ok(exit);
            }
        }
    }
    globals.start_threads();
    let width = runs.len().to_string().len().max(3);
    let (name, title) = named.unwrap_or_default();
    let whole = match resumed {
        Some(whole) => whole,
        None => {
            let place = course::place_of(globals, format!("{name}-sweep"))?;
            course::open(source, globals, &globals.set, job, place)?
        }
    };
    course::at_work(&whole);
    let mut rows: Vec<Row> = Vec::new();
    let mut seconds = 0.0;
    let mut stopped = false;
    for (i, set) in runs.iter().enumerate() {
        let directory = numbered(i, width);
        if let Some(row) = ended_before(&whole, &directory)? {
            screen.remark(&format!(
                "{}/{}  {}: {}, as it was",
                i + 1,
                runs.len(),
                words(set),
                row.status
            ));
            rows.push(row);
            continue;
        }
        // What is half done is in the way.
        remove_run(&whole.path().join(&directory));
        let (Some(model), diagnostics) = compiled::compile(source, set, job.members) else {
            // It did before.
            continue;
        };
        let place = RunPlace::Exact {
            directory: whole.path().join(&directory),
            force: false,
        };
        let run = course::open(source, globals, set, job, place).map_err(course::goes_on)?;
        let ended = match course::one(run, source, screen, &model, diagnostics, true, &work) {
            Ok(ended) => ended,
            // What the command cannot do at all, it cannot do at any value.
            Err(refused) if refused.diagnostics.iter().any(unwritten) => return Err(refused),
            Err(refused) if i == 0 && refused.diagnostics.iter().all(not_begun) => {
                whole.abandon();
                return Err(refused);
            }
            // A value at which nothing could be computed leaves no directory, and the others stand.
            Err(refused) => {
                screen.diagnostics(&refused.diagnostics, Some(source));
                screen.remark(&format!("{}/{}  {}: {}", i + 1, runs.len(), words(set), Status::Failed));
                rows.push(Row {
                    set: said(sweeps, set),
                    status: Status::Failed,
                    diagnostics: refused.diagnostics,
                    place: String::new(),
                    numbers: Vec::new(),
                    judging: Vec::new(),
                });
                continue;
            }
        };
        seconds += ended.seconds;
        screen.remark(&format!("{}/{}  {}: {}", i + 1, runs.len(), words(set), ended.status));
        let place = ended.directory.file_name().map(|n| n.to_string_lossy().into_owned());
        let diagnostics = course::said(&ended);
        stopped = ended.status == Status::Interrupted;
        let row = Row {
            set: said(sweeps, set),
            status: ended.status,
            diagnostics,
            place: place.unwrap_or_else(|| directory.clone()),
            judging: ended.content.as_ref().map_or(Vec::new(), |c| {
                let lines = c.certificate.iter();
                lines.map(|l| with_unit(&l.name, l.unit())).collect()
            }),
            numbers: ended.content.map_or(Vec::new(), |c| c.headline_numbers()),
        };
        if stopped {
            rows.push(row);
            break;
        }
        keep(&whole, &directory, &row).map_err(course::goes_on)?;
        rows.push(row);
    }
    finish(whole, screen, sweeps, &rows, (name, title), stopped, seconds)
}

/// Writes the table, ends the directory, shows both.
fn finish(
    mut whole: RunDirectory,
    screen: &Screen,
    sweeps: &[Sweep],
    rows: &[Row],
    (model, title): (String, String),
    stopped: bool,
    seconds: f64,
) -> Result<Exit, Failure> {
    let names: Vec<String> = sweeps.iter().map(|s| s.name.clone()).collect();
    let points: Vec<Point> = rows
        .iter()
        .map(|r| Point {
            set: r.set.iter().map(|x| x.parse().unwrap_or(f64::NAN)).collect(),
            status: r.status.to_string(),
            place: r.place.clone(),
            reported: !r.place.is_empty() && whole.path().join(&r.place).join("report.html").is_file(),
            numbers: r.numbers.clone(),
            judging: r.judging.clone(),
        })
        .collect();
    let content = of_points(&model, &title, &names, &points);
    super::stop::last_word();
    if !stopped {
        content.write(&mut whole).map_err(course::goes_on)?;
    }
    let failed = rows.iter().filter(|r| r.status != Status::Complete).count();
    let (status, exit, reason) = if stopped {
        (
            Status::Interrupted,
            Exit::Interrupted,
            Some(format!("stopped by {}", super::stop::name())),
        )
    } else if failed > 0 {
        (
            Status::Failed,
            Exit::Fails,
            Some(format!("{failed} of {} runs failed", rows.len())),
        )
    } else {
        (Status::Complete, Exit::Fine, None)
    };
    let onward = super::stop::onward(whole.path(), &whole.manifest().action);
    let directory = whole
        .finish(status, reason.as_deref(), seconds)
        .map_err(course::goes_on)?;
    if screen.json {
        let runs: Vec<serde_json::Value> = rows
            .iter()
            .map(|r| {
                let set: serde_json::Map<String, serde_json::Value> = sweeps
                    .iter()
                    .zip(&r.set)
                    .map(|(s, v)| (s.name.clone(), v.clone().into()))
                    .collect();
                let numbers: serde_json::Map<String, serde_json::Value> =
                    r.numbers.iter().map(|(k, x)| (k.clone(), (*x).into())).collect();
                serde_json::json!({
                    "set": set,
                    "status": r.status.to_string(),
                    "directory": (!r.place.is_empty()).then(|| directory.join(&r.place).display().to_string()),
                    "numbers": numbers,
                    "diagnostics": r.diagnostics,
                })
            })
            .collect();
        screen.json(&serde_json::json!({
            "status": status.to_string(),
            "exit": exit.code(),
            "directory": directory.display().to_string(),
            "runs": runs,
            "diagnostics": if stopped { vec![super::stop::stopped(Some(onward))] } else { failures(sweeps, rows) },
        }));
        return Ok(exit);
    }
    let mut text = screen.content(&content);
    text.push_str(&format!(
        "\nfiles: {}  (sweep.csv, report.html, run-..)\n",
        directory.display()
    ));
    screen.text(&text);
    if let Some(reason) = reason {
        screen.remark(&reason);
    }
    if stopped {
        screen.stop(&onward);
    }
    Ok(exit)
}

/// Why runs failed: every error once, with the first run that met it and how many did.
fn failures(sweeps: &[Sweep], rows: &[Row]) -> Vec<Diagnostic> {
    let mut out: Vec<(Diagnostic, String, usize)> = Vec::new();
    for row in rows.iter().filter(|r| r.status != Status::Complete) {
        let mut own: Vec<&str> = Vec::new();
        for d in row.diagnostics.iter().filter(|d| d.severity == Severity::Error) {
            if own.contains(&d.code.as_str()) {
                continue;
            }
            own.push(&d.code);
            match out.iter_mut().find(|(known, _, _)| known.code == d.code) {
                Some((_, _, runs)) => *runs += 1,
                None => {
                    let set: Overrides = sweeps
                        .iter()
                        .map(|s| s.name.clone())
                        .zip(row.set.iter().cloned())
                        .collect();
                    let place = match row.place.as_str() {
                        "" => String::new(),
                        place => format!("{place}: "),
                    };
                    out.push((d.clone(), format!("{place}{}", words(&set)), 1));
                }
            }
        }
    }
    out.into_iter()
        .map(|(d, first, runs)| match runs {
            1 => d.note(format!("in {first}")),
            _ => d.note(format!("in {runs} runs, first in {first}")),
        })
        .collect()
}

fn words(set: &Overrides) -> String {
    set.iter()
        .map(|(k, v)| format!("{k} = {v}"))
        .collect::<Vec<_>>()
        .join(", ")
}
