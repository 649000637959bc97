//! Everything that takes long, from the command line to what is said of it: begun, or taken up again, once or for every value of
//! a sweep. Each command supplies the work.

use super::compiled::Compiled;
use super::course::{Ended, Job, at_work, compile, one, open, place_of, said};
use super::globals::Globals;
use super::meter::Meter;
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure, effects, ranges, stop, sweep};
use crate::diag::Diagnostic;
use crate::report::content::Content;
use crate::report::store::{
    Manifest, RunDirectory, RunPlace, Status, has_checkpoint, inspect, interrupted, open_complete,
};
use crate::report::{number, place};
use std::path::Path;

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
    let globals = &super::scenario::with_its_numbers(&source, globals, job.scenario.as_deref())?;
    let (sweeps, runs) = ranges::runs(&globals.set)?;
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
    let (manifest, status) = inspect(&directory)?;
    let goes_on = match status {
        Status::Interrupted => true,
        Status::Failed => has_checkpoint(&directory),
        Status::Running | Status::Complete => false,
    };
    if manifest.action != action {
        let error = Diagnostic::error(
            "E0954",
            format!("the run in {} is not one of econc {action}", directory.display()),
        );
        let error = match manifest.action.as_str() {
            "" => error.hint("run its command again"),
            _ if !goes_on => error.hint(format!("it is {status}: there is nothing to resume")),
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
    let (sweeps, runs) = ranges::runs(&resumed.manifest.overrides)?;
    if sweeps.is_empty() {
        return go_on(resumed, globals, screen, members, work);
    }
    let job = Job {
        action,
        members,
        settings: resumed.manifest.settings.clone(),
        ..Job::default()
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
    opened: impl FnOnce(&Compiled, RunPlace) -> Result<RunDirectory, Vec<Diagnostic>>,
    work: impl Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    let (compiled, diagnostics) = match compile(source, &globals.overrides()?, &Job::default(), screen) {
        Ok(compiled) => compiled,
        Err(exit) => return Ok(exit),
    };
    effects::settings_read(action, &compiled.model, &globals.set, unread)?;
    opened_and_done(source, globals, screen, (compiled, diagnostics), opened, work)
}

/// As [`run_on`], of a run whose settings were read when it was made, with so many `members` for a continuum.
///
/// # Errors
/// As for [`run`].
pub(super) fn run_with_members(
    members: Option<usize>,
    source: &Source,
    globals: &Globals,
    screen: &Screen,
    opened: impl FnOnce(&Compiled, RunPlace) -> Result<RunDirectory, Vec<Diagnostic>>,
    work: impl Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    let job = Job {
        members,
        ..Job::default()
    };
    let compiled = match compile(source, &globals.set, &job, screen) {
        Ok(compiled) => compiled,
        Err(exit) => return Ok(exit),
    };
    opened_and_done(source, globals, screen, compiled, opened, work)
}

/// Opens the directory of a run and does its work.
fn opened_and_done(
    source: &Source,
    globals: &Globals,
    screen: &Screen,
    (compiled, diagnostics): (Compiled, Vec<Diagnostic>),
    opened: impl FnOnce(&Compiled, RunPlace) -> Result<RunDirectory, Vec<Diagnostic>>,
    work: impl Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
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

/// Prints how it went and where the files are.
fn report(content: &Content, screen: &Screen, ended: &Ended) {
    let (status, directory) = (ended.status, &ended.directory);
    // How long it took is no result: it is on the screen and in the manifest, not in the files.
    let mut content = content.clone();
    if let Some(seconds) = ended.solver {
        content.facts.push(("solver".to_string(), number::duration(seconds)));
    }
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
    let mut text = screen.content(&content);
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
    screen.text(&text);
    // A failure has a code, also where every line of the certificate says what it is.
    if let Some(more) = said(ended).get(ended.diagnostics.len()..) {
        screen.diagnostics(more, None);
    }
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
