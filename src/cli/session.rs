//! The course of everything that takes long: read, compile, open a run directory, work under a meter, write, say how it
//! went. Each command supplies the work.

use super::clock;
use super::globals::Globals;
use super::meter::Meter;
use super::pipeline::{self, Compiled, Overrides, Source};
use super::screen::Screen;
use super::{Exit, Failure, effects, misuse, not_begun, stop, sweep, unwritten};
use crate::diag::{Diagnostic, Severity};
use crate::limits;
use crate::report::content::Content;
use crate::report::store::{DISK_FULL, Manifest, Place, RunDirectory, Status, inspect, interrupted, open_complete};
use crate::report::{number, place};
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
}

/// Runs `work` on the model in `file` and leaves a run directory, or one for each value of a sweep.
///
/// # Errors
/// A [`Failure`] with the diagnostics of options, of the file and of the place of the run; errors of the work are shown
/// instead.
pub(super) fn run(
    file: &Path,
    globals: &Globals,
    screen: &Screen,
    job: &Job,
    work: impl Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    let source = Source::read(file)?;
    apart(globals, [file])?;
    let (sweeps, runs) = sweep::runs(&globals.set)?;
    if !sweeps.is_empty() {
        return sweep::run(&source, globals, screen, job, &sweeps, &runs, None, &work);
    }
    let (compiled, diagnostics) = match compile(&source, &globals.set, job, screen) {
        Ok(compiled) => compiled,
        Err(exit) => return Ok(exit),
    };
    effects::settings_read(job.action, &compiled.model, &globals.set, &[])?;
    globals.start_threads();
    let place = place_of(globals, compiled.name().to_string())?;
    let run = open(&source, globals, &globals.set, job, place)?;
    at_work(&run);
    let ended = one(run, &source, screen, &compiled, diagnostics, true, &work)?;
    Ok(shown(screen, &ended))
}

/// Errs where `--out` is, or holds, or lies in something that the command reads: it would replace what it is made of.
///
/// # Errors
/// E0952.
pub(super) fn apart<'p>(globals: &Globals, read: impl IntoIterator<Item = &'p Path>) -> Result<(), Diagnostic> {
    match &globals.out {
        Some(out) => place::apart(out, read),
        None => Ok(()),
    }
}

/// A run that is taken up again.
pub(super) struct Resumed {
    /// Its directory.
    pub(super) run: RunDirectory,
    /// Its model.
    pub(super) source: Source,
    /// What it was.
    pub(super) manifest: Manifest,
}

/// Takes up an interrupted run of a subcommand. A run that came to its end and was killed before it had its name gets that,
/// and there is nothing more to do: its status is the second case.
///
/// # Errors
/// E0953, E0954, E0955, E0956, E0986.
pub(super) fn resumed(directory: &Path, action: &str, screen: &Screen) -> Result<Result<Resumed, Exit>, Failure> {
    // A run that came to its end has nothing to resume; `RunDirectory::resume` says so.
    let directory = match open_complete(directory) {
        Ok(done) => done.directory,
        Err(_) => interrupted(directory)?,
    };
    let (manifest, _) = inspect(&directory)?;
    if manifest.action != action {
        let error = Diagnostic::error(
            "E0954",
            format!("the run in {} is not one of econc {action}", directory.display()),
        );
        let error = match manifest.action.as_str() {
            "" => error.hint("run its command again"),
            other => error.hint(format!("econc {other} --resume {}", directory.display())),
        };
        return Err(error.into());
    }
    if let Some((directory, status)) = RunDirectory::finish_move(&directory)? {
        stop::last_word();
        if screen.json {
            screen.json(&serde_json::json!({
                "status": status.to_string(),
                "exit": if status == Status::Complete { 0 } else { 1 },
                "directory": directory.display().to_string(),
                "diagnostics": if status == Status::Complete { Vec::new() } else { vec![Diagnostic::error(
                    "E0953",
                    format!("the run came to its end, and failed: {}", manifest.reason.clone().unwrap_or_default()),
                )] },
            }));
        } else {
            screen.result(&format!("{status}, all of it was there: {}\n", directory.display()));
        }
        return Ok(Err(match status {
            Status::Complete => Exit::Fine,
            Status::Failed | Status::Running | Status::Interrupted => Exit::Fails,
        }));
    }
    let run = RunDirectory::resume(&directory)?;
    let source = Source::read(&directory.join("model.econ"))?;
    let source = Source {
        name: manifest.model.clone(),
        ..source
    };
    Ok(Ok(Resumed { run, source, manifest }))
}

/// Goes on with a run that was taken up again, to the same end as if it had not been interrupted.
///
/// # Errors
/// As for [`run`].
pub(super) fn go_on(
    resumed: Resumed,
    globals: &Globals,
    screen: &Screen,
    members: Option<usize>,
    work: impl Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    let Resumed { run, source, manifest } = resumed;
    let job = Job {
        members,
        settings: manifest.settings.clone(),
        ..Job::default()
    };
    at_work(&run);
    let (compiled, diagnostics) = match compile(&source, &manifest.overrides, &job, screen) {
        Ok(compiled) => compiled,
        Err(exit) => return Ok(exit),
    };
    globals.start_threads();
    let ended = one(run, &source, screen, &compiled, diagnostics, false, &work)?;
    Ok(shown(screen, &ended))
}

/// What a run that is taken up again was asked.
///
/// # Errors
/// E0955.
pub(super) fn asked<T: serde::de::DeserializeOwned>(resumed: &Resumed, file: &str) -> Result<T, Diagnostic> {
    let unread = |what: String| {
        let place = resumed.run.path().display();
        Diagnostic::error("E0955", format!("what the run in {place} was asked cannot be read"))
            .note(format!("{file}: {what}"))
            .hint("run its command again")
    };
    let bytes = resumed
        .run
        .kept(file)?
        .ok_or_else(|| unread("there is no such file".into()))?;
    serde_json::from_slice(&bytes).map_err(|e| unread(e.to_string()))
}

/// As [`go_on`], for commands whose runs may be sweeps.
///
/// # Errors
/// As for [`run`].
pub(super) fn go_on_swept(
    resumed: Resumed,
    action: &'static str,
    globals: &Globals,
    screen: &Screen,
    members: Option<usize>,
    work: impl Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    let (sweeps, runs) = sweep::runs(&resumed.manifest.overrides)?;
    if sweeps.is_empty() {
        return go_on(resumed, globals, screen, members, work);
    }
    let job = Job {
        action,
        members,
        settings: resumed.manifest.settings.clone(),
        files: Vec::new(),
    };
    // Seeds and thus numbers are those of the run, not of this command line.
    let globals = Globals {
        seed: resumed.manifest.seed,
        ..globals.clone()
    };
    sweep::run(
        &resumed.source,
        &globals,
        screen,
        &job,
        &sweeps,
        &runs,
        Some(resumed.run),
        &work,
    )
}

/// From here on a stop says where the run is, and how to go on.
pub(super) fn at_work(run: &RunDirectory) {
    stop::at_work(run.path(), &run.manifest().action);
}

/// As [`run`], on a source at hand, without sweeps, in the run directory that `opened` gives for its place; `work` may
/// keep files of its own there. `unread` has one pair (block, option) for each block of settings that an option takes
/// the place of.
///
/// # Errors
/// As for [`run`].
pub(super) fn run_on(
    action: &'static str,
    unread: &[(&str, &str)],
    source: &Source,
    globals: &Globals,
    screen: &Screen,
    opened: impl FnOnce(&Compiled, Place) -> Result<RunDirectory, Vec<Diagnostic>>,
    work: impl Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    let (compiled, diagnostics) = match compile(source, &globals.overrides()?, &Job::default(), screen) {
        Ok(compiled) => compiled,
        Err(exit) => return Ok(exit),
    };
    effects::settings_read(action, &compiled.model, &globals.set, unread)?;
    globals.start_threads();
    // The file holds by itself, so what is wrong with the work stands on the command line.
    let place = place_of(globals, compiled.name().to_string())?;
    let run = opened(&compiled, place).map_err(|diagnostics| Failure {
        exit: match Exit::of(&diagnostics) {
            Exit::Interrupted => Exit::Interrupted,
            Exit::Fine | Exit::Fails | Exit::Misuse => Exit::Misuse,
        },
        diagnostics,
        source: Some(source.clone()),
    })?;
    at_work(&run);
    let ended = one(run, source, screen, &compiled, diagnostics, true, &work)?;
    Ok(shown(screen, &ended))
}

/// Where the run directory shall stand; `name` is that of the runs of this model.
///
/// # Errors
/// E0952 in the directory of another run.
pub(super) fn place_of(globals: &Globals, name: String) -> Result<Place, Diagnostic> {
    Ok(match &globals.out {
        Some(directory) => {
            place::outside_of_runs(directory)?;
            Place::Exact {
                directory: directory.clone(),
                force: globals.force,
            }
        }
        None => {
            place::outside_of_runs(Path::new(RUNS)).map_err(|d| {
                d.hint("go to another directory, or say where: --out DIRECTORY")
                    .note(format!("without --out, runs go to {RUNS}/ in the directory you are in"))
            })?;
            Place::Numbered {
                root: PathBuf::from(RUNS),
                name,
            }
        }
    })
}

/// Shows how a run ended, and the exit status.
fn shown(screen: &Screen, ended: &Ended) -> Exit {
    stop::last_word();
    match &ended.content {
        Some(content) => report(content, screen, ended),
        None => end(screen, ended),
    }
    exit_of(ended)
}

/// The exit status of a run that ended.
fn exit_of(ended: &Ended) -> Exit {
    match ended.status {
        Status::Complete => Exit::Fine,
        Status::Failed | Status::Running => match Exit::of(&ended.diagnostics) {
            Exit::Fine => Exit::Fails,
            other => other,
        },
        Status::Interrupted => Exit::Interrupted,
    }
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
    let (compiled, mut diagnostics) = pipeline::compile(source, set, job.members);
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
    place: Place,
) -> Result<RunDirectory, Diagnostic> {
    let command: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    let mut manifest = Manifest::new(
        command,
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

/// Prints how it went and where the files are.
fn report(content: &Content, screen: &Screen, ended: &Ended) {
    let (status, directory) = (ended.status, &ended.directory);
    // How long it took is no result: it is on the screen and in the manifest, not in the files.
    let mut content = content.clone();
    content
        .facts
        .push(("time".to_string(), number::duration(ended.seconds)));
    if screen.json {
        let mut json = content.to_json();
        json["status"] = status.to_string().into();
        json["exit"] = exit_of(ended).code().into();
        json["directory"] = directory.display().to_string().into();
        json["diagnostics"] = serde_json::json!(said(ended));
        screen.json(&json);
        return;
    }
    let mut text = content.screen(screen.width(), screen.color());
    let word = if status == Status::Complete {
        "files"
    } else {
        "files of the failed run"
    };
    text.push_str(&format!("\n{word}: {}  (report.html", directory.display()));
    let sets = content.functions.iter().map(|f| format!("{}.npz", f.stem));
    for more in sets
        .chain(content.tables.iter().map(|t| format!("{}.csv", t.stem)))
        .take(3)
    {
        text.push_str(&format!(", {more}"));
    }
    text.push_str(")\n");
    screen.result(&text);
    // A failure has a code, also where every line of the certificate says what it is.
    if let Some(more) = said(ended).get(ended.diagnostics.len()..) {
        screen.diagnostics(more, None);
    }
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

fn end(screen: &Screen, ended: &Ended) {
    let (status, directory) = (ended.status, ended.directory.display());
    if screen.json {
        screen.json(&serde_json::json!({
            "status": status.to_string(),
            "exit": exit_of(ended).code(),
            "directory": directory.to_string(),
            "seconds": ended.seconds,
            "diagnostics": ended.diagnostics,
        }));
    } else {
        let line = format!("{status}: what there is stands in {directory}");
        match ended.diagnostics.iter().rev().find_map(|d| d.hint.as_ref()) {
            Some(hint) if ended.status == Status::Interrupted => screen.stop(&format!("{line}\n{hint}")),
            _ => screen.remark(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::content::Check;
    use crate::report::store::{inspect, open_complete};
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        globals: Globals,
    }

    /// Runs a session on the growth model, quietly, into `out`.
    fn session(
        out: &Path,
        more: &[&str],
        work: impl Fn(&Compiled, &Meter) -> Result<Content, Vec<Diagnostic>>,
    ) -> Result<Exit, Failure> {
        let work = |c: &Compiled, m: &Meter, _: &RunDirectory| work(c, m);
        let out = out.to_str().unwrap();
        let fixed = ["econc", "--out", out, "--quiet", "--color", "never"];
        let globals = Line::parse_from(fixed.iter().chain(more)).globals;
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/growth.econ");
        let job = Job::default();
        run(&model, &globals, &Screen::new(&globals), &job, work)
    }

    fn content(pass: bool) -> Content {
        Content {
            model: "growth".into(),
            certificate: vec![Check {
                name: "Euler error, maximum".into(),
                measured: 0.5,
                shown: None,
                bound: "at most 1e-4".into(),
                pass: Some(pass),
                note: String::new(),
            }],
            ..Content::default()
        }
    }

    #[test]
    fn a_run_that_holds_is_complete_and_carries_the_model() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("run");
        let exit = session(&out, &["--set", "beta=0.9"], |compiled, meter| {
            assert_eq!(compiled.name(), "growth");
            assert!(meter.report(1, 2, "steps", "half"));
            Ok(content(true))
        });
        assert_eq!(exit.unwrap(), Exit::Fine);
        let done = open_complete(&out).unwrap();
        assert_eq!(done.manifest.overrides, [("beta".to_string(), "0.9".to_string())]);
        assert!(
            String::from_utf8(done.read("model.econ").unwrap())
                .unwrap()
                .contains("model growth")
        );
        assert!(done.manifest.files.iter().any(|f| f.name == "report.html"));
    }

    #[test]
    fn a_certificate_that_fails_leaves_a_failed_run() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("run");
        assert_eq!(session(&out, &[], |_, _| Ok(content(false))).unwrap(), Exit::Fails);
        assert!(!out.exists());
        let (manifest, status) = inspect(&root.path().join("run.failed")).unwrap();
        assert_eq!(status, Status::Failed);
        assert!(
            manifest
                .reason
                .unwrap()
                .contains("Euler error, maximum: 0.5, at most 1e-4")
        );
    }

    #[test]
    fn work_that_errs_leaves_its_diagnostics() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("run");
        let exit = session(&out, &[], |_, meter| {
            assert!(meter.report(1, 2, "steps", "half"));
            Err(vec![Diagnostic::error("E0901", "no convergence")])
        });
        assert_eq!(exit.unwrap(), Exit::Fails);
        let failed = root.path().join("run.failed");
        assert!(
            std::fs::read_to_string(failed.join("diagnostics.json"))
                .unwrap()
                .contains("no convergence")
        );
        assert_eq!(open_complete(&failed).unwrap_err().code, "E0953");
    }

    #[test]
    fn a_place_that_is_taken_stops_before_the_work() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("mine.txt"), "x").unwrap();
        let failure = session(root.path(), &["--force"], |_, _| panic!("no work")).unwrap_err();
        assert_eq!(
            (failure.exit, failure.diagnostics[0].code.as_str()),
            (Exit::Misuse, "E0952")
        );
    }

    #[test]
    fn parameters_that_do_not_exist_stop_before_anything_is_written() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("run");
        assert_eq!(
            session(&out, &["--set", "bta=1"], |_, _| Ok(content(true))).unwrap(),
            Exit::Misuse
        );
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
