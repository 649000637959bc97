//! The course of one run: compile, open its directory, work under a meter, write what came of it, end.

use super::clock;
use super::compiled::{self, Compiled};
use super::globals::Globals;
use super::meter::Meter;
use super::screen::Screen;
use super::source::{Overrides, Source};
use super::{Exit, Failure, misuse, not_begun, stop, unwritten};
use crate::diag::{Diagnostic, Severity};
use crate::limits;
use crate::report::content::Content;
use crate::report::equations::equations;
use crate::report::place;
use crate::report::store::{DISK_FULL, Manifest, RunDirectory, RunPlace, Status};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Directory of all runs, below the working directory.
const RUNS: &str = "runs";

/// What a command asks of every run.
#[derive(Default)]
pub(super) struct Job {
    /// The subcommand; `econc ACTION --resume RUN` goes on with a run.
    pub(super) action: &'static str,
    /// Files that say what was asked; part of the run from its beginning.
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    /// For the manifest.
    pub(super) settings: BTreeMap<String, String>,
    /// Members that stand for a continuum, if asked for.
    pub(super) members: Option<usize>,
    /// The scenario that is played, if one was named.
    pub(super) scenario: Option<String>,
}

/// From here on a stop says where the run is, and how to go on.
pub(super) fn at_work(run: &RunDirectory) {
    stop::at_work(run.path(), &run.manifest().action);
}

/// Where the run directory shall stand; `name` is that of the runs of this model.
///
/// # Errors
/// E0952 in the directory of another run.
pub(super) fn place_of(globals: &Globals, name: String) -> Result<RunPlace, Diagnostic> {
    Ok(match &globals.out {
        Some(directory) => {
            place::outside_of_runs(directory)?;
            RunPlace::Exact {
                directory: directory.clone(),
                force: globals.force,
            }
        }
        None => {
            place::outside_of_runs(Path::new(RUNS)).map_err(|d| {
                d.hint("go to another directory, or say where: --out DIRECTORY")
                    .note(format!("without --out, runs go to {RUNS}/ in the directory you are in"))
            })?;
            RunPlace::Numbered {
                root: PathBuf::from(RUNS),
                name,
            }
        }
    })
}

/// The compiled model with its warnings, in order; all messages are shown.
///
/// # Errors
/// The exit status, if there are errors (which have been shown).
pub(super) fn compile(
    source: &Source,
    set: &Overrides,
    job: &Job,
    screen: &Screen,
) -> Result<(Compiled, Vec<Diagnostic>), Exit> {
    let meter = Meter::start(screen.progress());
    let (compiled, mut diagnostics) = compiled::compile(source, set, job.members);
    meter.finish();
    // What only `econc solve` refuses is no remark to others, and it says so itself.
    diagnostics.retain(|d| d.code != "W0827");
    screen.diagnostics(&diagnostics, Some(source));
    match compiled {
        Some(compiled) => Ok((compiled, diagnostics)),
        None => {
            if screen.json {
                let exit = Exit::of(&diagnostics).code();
                screen.json(&serde_json::json!({ "status": "failed", "exit": exit, "diagnostics": diagnostics }));
            }
            Err(Exit::of(&diagnostics))
        }
    }
}

/// How a run ended.
pub(super) struct Ended {
    pub(super) status: Status,
    pub(super) directory: PathBuf,
    /// What it has to say, if the work came to its end.
    pub(super) content: Option<Content>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) seconds: f64,
    /// Of these the solver's, without certificate and report.
    pub(super) solver: Option<f64>,
}

/// Works under a meter and ends the run directory. Errors of the work are shown; results are the caller's to show. A `fresh`
/// run that is refused before anything is done leaves no directory.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what was asked amiss, and where the run directory cannot be ended.
pub(super) fn one(
    mut run: RunDirectory,
    source: &Source,
    screen: &Screen,
    compiled: &Compiled,
    mut diagnostics: Vec<Diagnostic>,
    fresh: bool,
    work: &dyn Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Ended, Failure> {
    let meter = Meter::start(screen.progress());
    // `None` if it was left in the middle.
    let mut result = limits::caught(|| work(compiled, &meter, &run)).unwrap_or_else(|| Err(Vec::new()));
    let before = run.manifest().files.clone();
    if let Ok(content) = &mut result {
        content.diagnostics.splice(0..0, diagnostics.iter().cloned());
        let set = &run.manifest().overrides;
        content.equations = Some(equations(&source.text, &compiled.model, set));
        match limits::caught(|| content.write(&mut run)) {
            Some(written) => written.map_err(goes_on)?,
            None => result = Err(Vec::new()),
        }
    }
    meter.finish();
    let seconds = meter.seconds();
    let content = match result {
        _ if meter.stopped() => {
            run.take_back(before);
            return interrupted_run(run, diagnostics, seconds);
        }
        // Refused, or failed before the first step of the work: nothing was computed that a directory could hold.
        Err(errors)
            if fresh
                && !errors.is_empty()
                && (errors.iter().all(not_begun) || (!meter.began() && !errors.iter().any(unwritten)))
                && !run.has_work() =>
        {
            run.abandon();
            return Err(Failure::of(errors).about(source));
        }
        // What cannot go on as it stands (a full disk, a damaged checkpoint, too little memory) still can when that is mended:
        // the run says that it was interrupted since it began.
        Err(errors) if !errors.is_empty() && errors.iter().all(misuse) && (!fresh || errors.iter().any(unwritten)) => {
            return Err(Failure::of(errors.into_iter().map(goes_on).collect()).about(source));
        }
        Err(errors) => {
            screen.diagnostics(&errors, Some(source));
            diagnostics.extend(errors);
            let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
            let reasons: Vec<String> = errors.map(|d| format!("{} {}", d.code, d.headline)).collect();
            write_diagnostics(&mut run, &diagnostics)?;
            return without_content(run, Status::Failed, &reasons.join("; "), diagnostics, seconds);
        }
        Ok(content) => content,
    };
    screen.diagnostics(&content.diagnostics[diagnostics.len()..], Some(source));
    let (status, reason) = if content.passes() {
        (Status::Complete, None)
    } else {
        (Status::Failed, Some(why(&content)))
    };
    let directory = run.finish(status, reason.as_deref(), seconds).map_err(goes_on)?;
    Ok(Ended {
        status,
        directory,
        diagnostics: content.diagnostics.clone(),
        content: Some(content),
        seconds,
        solver: meter.solver_seconds(),
    })
}

/// Says of something that could not be written what goes on with the run once it can.
pub(super) fn goes_on(d: Diagnostic) -> Diagnostic {
    match stop::onward_at_work().filter(|_| unwritten(&d)) {
        Some(onward) => {
            let full = d.notes.iter().any(|n| n == DISK_FULL);
            let first = if full { "free some space" } else { "see to that" };
            d.hint(format!("{first}, then  {onward}"))
        }
        None => d,
    }
}

/// Ends a run that a signal stopped. It must not hold what is no longer true of it when it is resumed.
fn interrupted_run(run: RunDirectory, mut diagnostics: Vec<Diagnostic>, seconds: f64) -> Result<Ended, Failure> {
    diagnostics.push(stop::stopped(Some(stop::onward(run.path(), &run.manifest().action))));
    let reason = format!("stopped by {}", stop::name());
    without_content(run, Status::Interrupted, &reason, diagnostics, seconds)
}

/// Ends a run that has nothing to say.
fn without_content(
    run: RunDirectory,
    status: Status,
    reason: &str,
    diagnostics: Vec<Diagnostic>,
    seconds: f64,
) -> Result<Ended, Failure> {
    let directory = run.finish(status, Some(reason), seconds)?;
    Ok(Ended {
        status,
        directory,
        content: None,
        diagnostics,
        seconds,
        solver: None,
    })
}

/// Opens a run directory and puts a copy of the model into it.
///
/// # Errors
/// Those of [`RunDirectory::create_with`].
pub(super) fn open(
    source: &Source,
    globals: &Globals,
    set: &Overrides,
    job: &Job,
    place: RunPlace,
) -> Result<RunDirectory, Diagnostic> {
    let mut manifest = Manifest::new(
        globals.words(),
        &source.name,
        source.text.as_bytes(),
        globals.seed,
        &clock::now(),
    );
    manifest.overrides = set.clone();
    manifest.settings = job.settings.clone();
    manifest.action = job.action.to_string();
    let mut files: Vec<(&str, &[u8])> = vec![("model.econ", source.text.as_bytes())];
    files.extend(job.files.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
    RunDirectory::create_with(place, manifest, &files)
}

/// The messages of a run, with one for a certificate that fails.
pub(super) fn said(ended: &Ended) -> Vec<Diagnostic> {
    let mut out = ended.diagnostics.clone();
    if let Some(content) = &ended.content
        && ended.status == Status::Failed
        && out.iter().all(|d| d.severity != Severity::Error)
    {
        out.push(does_not_hold(content));
    }
    out
}

/// That a certificate fails, as a message.
fn does_not_hold(content: &Content) -> Diagnostic {
    let fails = content.certificate.iter().filter(|c| c.pass == Some(false));
    let error = Diagnostic::error("E0985", "the certificate does not hold");
    let error = fails.fold(error, |d, c| {
        d.note(format!("{}: {}, {}", c.name, c.measured_text(), c.bound))
    });
    error.hint("report.html shows every line of it")
}

fn why(content: &Content) -> String {
    let checks = content.certificate.iter().filter(|c| c.pass == Some(false));
    let errors = content.diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let reasons: Vec<String> = checks
        .map(|c| format!("{}: {}, {}", c.name, c.measured_text(), c.bound))
        .chain(errors.map(|d| format!("{} {}", d.code, d.headline)))
        .collect();
    reasons.join("; ")
}

fn write_diagnostics(run: &mut RunDirectory, diagnostics: &[Diagnostic]) -> Result<(), Diagnostic> {
    run.write_with("diagnostics.json", |w| {
        serde_json::to_writer_pretty(w, diagnostics).map_err(std::io::Error::other)
    })
}
