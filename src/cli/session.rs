//! The course of everything that takes long: read, compile, open a run directory, work under a meter, write, say how it
//! went. Each command supplies the work.

use super::clock;
use super::globals::Globals;
use super::meter::Meter;
use super::pipeline::{self, Compiled, Overrides, Source};
use super::screen::Screen;
use super::{Exit, Failure, sweep};
use crate::diag::{Diagnostic, Severity};
use crate::report::content::Content;
use crate::report::number;
use crate::report::run::{Manifest, Place, RunDirectory, Status};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Directory of all runs, below the working directory.
pub(super) const RUNS: &str = "runs";

/// What a command asks of every run.
pub(super) struct Job {
    /// For the manifest.
    pub(super) settings: BTreeMap<String, String>,
    /// Members that stand for a continuum, if asked for.
    pub(super) members: Option<usize>,
}

/// Runs `work` on the model in `file` and leaves a run directory, or one for each value of a sweep.
pub(super) fn run(
    file: &Path,
    globals: &Globals,
    screen: &Screen,
    job: &Job,
    work: impl Fn(&Compiled, &Meter) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    let source = Source::read(file)?;
    let (sweeps, runs) = sweep::runs(&globals.set)?;
    if !sweeps.is_empty() {
        return sweep::run(&source, globals, screen, job, &sweeps, &runs, &work);
    }
    let (compiled, diagnostics) = match compile(&source, &globals.set, job, screen) {
        Ok(compiled) => compiled,
        Err(exit) => return Ok(exit),
    };
    globals.start_threads();
    let place = place(globals, &compiled);
    let run = open(&source, globals, &globals.set, job, place)?;
    let ended = one(run, &source, screen, &compiled, diagnostics, &|c, m, _| work(c, m))?;
    Ok(shown(screen, &ended))
}

/// As [`run`], on a source at hand, without sweeps, in the run directory that `opened` gives for its place; `work` may keep
/// files of its own there.
pub(super) fn run_on(
    source: &Source,
    set: &Overrides,
    globals: &Globals,
    screen: &Screen,
    opened: impl FnOnce(&Compiled, Place) -> Result<RunDirectory, Vec<Diagnostic>>,
    work: impl Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    let job = Job {
        settings: BTreeMap::new(),
        members: None,
    };
    let (compiled, diagnostics) = match compile(source, set, &job, screen) {
        Ok(compiled) => compiled,
        Err(exit) => return Ok(exit),
    };
    globals.start_threads();
    let run = opened(&compiled, place(globals, &compiled)).map_err(|diagnostics| Failure {
        exit: Exit::Misuse,
        diagnostics,
    })?;
    let ended = one(run, source, screen, &compiled, diagnostics, &work)?;
    Ok(shown(screen, &ended))
}

/// Where the run directory shall stand.
fn place(globals: &Globals, compiled: &Compiled) -> Place {
    match &globals.out {
        Some(directory) => Place::Exact {
            directory: directory.clone(),
            force: globals.force,
        },
        None => Place::Numbered {
            root: PathBuf::from(RUNS),
            name: compiled.name().to_string(),
        },
    }
}

/// Shows how a run ended, and the exit status.
fn shown(screen: &Screen, ended: &Ended) -> Exit {
    match &ended.content {
        Some(content) => report(content, screen, ended),
        None => end(screen, ended),
    }
    match ended.status {
        Status::Complete => Exit::Fine,
        Status::Failed | Status::Running => Exit::Fails,
        Status::Interrupted => Exit::Interrupted,
    }
}

/// Compiles and shows the messages; the exit status if there are errors.
pub(super) fn compile(
    source: &Source,
    set: &Overrides,
    job: &Job,
    screen: &Screen,
) -> Result<(Compiled, Vec<Diagnostic>), Exit> {
    let (compiled, diagnostics) = pipeline::compile(source, set, job.members);
    screen.diagnostics(&diagnostics, Some(source));
    match compiled {
        Some(compiled) => Ok((compiled, diagnostics)),
        None => {
            if screen.json {
                screen.json(&serde_json::json!({ "status": "failed", "diagnostics": diagnostics }));
            }
            Err(Exit::Fails)
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

/// Works under a meter and ends the run directory. Errors of the work are shown; results are the caller's to show.
pub(super) fn one(
    mut run: RunDirectory,
    source: &Source,
    screen: &Screen,
    compiled: &Compiled,
    mut diagnostics: Vec<Diagnostic>,
    work: &dyn Fn(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Ended, Failure> {
    let meter = Meter::start(screen.shows_progress());
    let result = work(compiled, &meter, &run);
    meter.finish();
    let seconds = meter.seconds();
    let result = match result {
        _ if meter.stopped() => {
            diagnostics.extend(result.err().unwrap_or_default());
            Err((Status::Interrupted, "stopped by Ctrl-C".to_string()))
        }
        Err(errors) => {
            screen.diagnostics(&errors, Some(source));
            diagnostics.extend(errors);
            let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
            let reasons: Vec<String> = errors.map(|d| format!("{} {}", d.code, d.headline)).collect();
            Err((Status::Failed, reasons.join("; ")))
        }
        Ok(content) => Ok(content),
    };
    let mut content = match result {
        Ok(content) => content,
        Err((status, reason)) => {
            // A run that is resumed must not hold what is no longer true of it.
            if status != Status::Interrupted {
                write_diagnostics(&mut run, &diagnostics)?;
            }
            let directory = run.finish(status, Some(&reason), seconds)?;
            return Ok(Ended {
                status,
                directory,
                content: None,
                diagnostics,
                seconds,
            });
        }
    };
    screen.diagnostics(&content.diagnostics, Some(source));
    content.diagnostics.splice(0..0, diagnostics);
    content.write(&mut run)?;
    let (status, reason) = if content.passes() {
        (Status::Complete, None)
    } else {
        (Status::Failed, Some(why(&content)))
    };
    let directory = run.finish(status, reason.as_deref(), seconds)?;
    Ok(Ended {
        status,
        directory,
        diagnostics: content.diagnostics.clone(),
        content: Some(content),
        seconds,
    })
}

/// Opens a run directory and puts a copy of the model into it.
pub(super) fn open(
    source: &Source,
    globals: &Globals,
    set: &Overrides,
    job: &Job,
    place: Place,
) -> Result<RunDirectory, Diagnostic> {
    let command: Vec<String> = std::env::args().collect();
    let mut manifest = Manifest::new(
        command,
        &source.name,
        source.text.as_bytes(),
        globals.seed,
        &clock::now(),
    );
    manifest.overrides = set.clone();
    manifest.settings = job.settings.clone();
    let mut run = RunDirectory::create(place, manifest)?;
    run.write("model.econ", source.text.as_bytes())?;
    Ok(run)
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
        json["directory"] = directory.display().to_string().into();
        json["diagnostics"] = serde_json::json!(content.diagnostics);
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
            "directory": directory.to_string(),
            "diagnostics": ended.diagnostics,
        }));
    } else {
        screen.remark(&format!("{status}: what there is stands in {directory}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::content::Check;
    use crate::report::run::{inspect, open_complete};
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
        let out = out.to_str().unwrap();
        let fixed = ["econc", "--out", out, "--quiet", "--color", "never"];
        let globals = Line::parse_from(fixed.iter().chain(more)).globals;
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/growth.econ");
        let job = Job {
            settings: BTreeMap::new(),
            members: None,
        };
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
            assert!(meter.report(1, 2, "half"));
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
        let exit = session(&out, &[], |_, _| {
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
            Exit::Fails
        );
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
