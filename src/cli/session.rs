//! The course of everything that takes long: read, compile, open a run directory, work under a meter, write, say how it
//! went. Each command supplies the work.

use super::clock;
use super::globals::Globals;
use super::meter::Meter;
use super::pipeline::{self, Compiled, Source};
use super::screen::Screen;
use super::{Exit, Failure};
use crate::diag::{Diagnostic, Severity};
use crate::report::content::Content;
use crate::report::number;
use crate::report::run::{Manifest, Place, RunDirectory, Status};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Directory of all runs, below the working directory.
const RUNS: &str = "runs";

/// Runs `work` on the model in `file` and leaves a run directory. `settings` go into the manifest.
pub(super) fn run(
    file: &Path,
    globals: &Globals,
    screen: &Screen,
    settings: BTreeMap<String, String>,
    work: impl FnOnce(&Compiled, &Meter) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    let source = Source::read(file)?;
    run_on(
        &source,
        &globals.overrides(),
        globals,
        screen,
        |compiled| open(&source, compiled, globals, settings).map_err(|d| vec![d]),
        |compiled, meter, _| work(compiled, meter),
    )
}

/// As [`run`], on a source at hand, in the run directory that `open` gives; `work` may keep files of its own there.
pub(super) fn run_on(
    source: &Source,
    overrides: &pipeline::Overrides,
    globals: &Globals,
    screen: &Screen,
    open: impl FnOnce(&Compiled) -> Result<RunDirectory, Vec<Diagnostic>>,
    work: impl FnOnce(&Compiled, &Meter, &RunDirectory) -> Result<Content, Vec<Diagnostic>>,
) -> Result<Exit, Failure> {
    let (compiled, mut diagnostics) = pipeline::compile(source, overrides);
    screen.diagnostics(&diagnostics, Some(source));
    let Some(compiled) = compiled else {
        if screen.json {
            screen.json(&serde_json::json!({ "status": "failed", "diagnostics": diagnostics }));
        }
        return Ok(Exit::Fails);
    };
    globals.start_threads();
    let mut run = match open(&compiled) {
        Ok(run) => run,
        Err(errors) => {
            return Err(Failure {
                exit: Exit::Misuse,
                diagnostics: errors,
            });
        }
    };
    let meter = Meter::start(screen.shows_progress());
    let result = work(&compiled, &meter, &run);
    meter.finish();
    let seconds = meter.seconds();

    let mut content = match result {
        Ok(content) => content,
        Err(errors) if meter.stopped() => {
            diagnostics.extend(errors);
            return interrupted(run, screen, &diagnostics, seconds);
        }
        Err(errors) => {
            screen.diagnostics(&errors, Some(source));
            diagnostics.extend(errors);
            return failed(run, screen, &diagnostics, seconds);
        }
    };
    if meter.stopped() {
        return interrupted(run, screen, &diagnostics, seconds);
    }
    screen.diagnostics(&content.diagnostics, Some(source));
    content.diagnostics.splice(0..0, diagnostics);
    content.facts.push(("time".to_string(), number::duration(seconds)));
    content.write(&mut run)?;
    let passes = content.passes();
    let (status, reason) = if passes {
        (Status::Complete, None)
    } else {
        (Status::Failed, Some(why(&content)))
    };
    let directory = run.finish(status, reason.as_deref(), seconds)?;
    report(&content, screen, status, &directory);
    Ok(if passes { Exit::Fine } else { Exit::Fails })
}

/// Opens the run directory and puts a copy of the model into it.
pub(super) fn open(
    source: &Source,
    compiled: &Compiled,
    globals: &Globals,
    settings: BTreeMap<String, String>,
) -> Result<RunDirectory, Diagnostic> {
    let command: Vec<String> = std::env::args().collect();
    let mut manifest = Manifest::new(
        command,
        &source.name,
        source.text.as_bytes(),
        globals.seed,
        &clock::now(),
    );
    manifest.overrides = globals.set.clone();
    manifest.settings = settings;
    let place = match &globals.out {
        Some(directory) => Place::Exact {
            directory: directory.clone(),
            force: globals.force,
        },
        None => Place::Numbered {
            root: PathBuf::from(RUNS),
            name: compiled.name().to_string(),
        },
    };
    let mut run = RunDirectory::create(place, manifest)?;
    run.write("model.econ", source.text.as_bytes())?;
    Ok(run)
}

/// Prints how it went and where the files are.
fn report(content: &Content, screen: &Screen, status: Status, directory: &Path) {
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

fn failed(mut run: RunDirectory, screen: &Screen, diagnostics: &[Diagnostic], seconds: f64) -> Result<Exit, Failure> {
    write_diagnostics(&mut run, diagnostics)?;
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let reason: Vec<String> = errors.map(|d| format!("{} {}", d.code, d.headline)).collect();
    let directory = run.finish(Status::Failed, Some(&reason.join("; ")), seconds)?;
    end(screen, Status::Failed, &directory, diagnostics);
    Ok(Exit::Fails)
}

fn interrupted(
    mut run: RunDirectory,
    screen: &Screen,
    diagnostics: &[Diagnostic],
    seconds: f64,
) -> Result<Exit, Failure> {
    write_diagnostics(&mut run, diagnostics)?;
    let directory = run.finish(Status::Interrupted, Some("stopped by Ctrl-C"), seconds)?;
    end(screen, Status::Interrupted, &directory, diagnostics);
    Ok(Exit::Interrupted)
}

fn write_diagnostics(run: &mut RunDirectory, diagnostics: &[Diagnostic]) -> Result<(), Diagnostic> {
    run.write_with("diagnostics.json", |w| {
        serde_json::to_writer_pretty(w, diagnostics).map_err(std::io::Error::other)
    })
}

fn end(screen: &Screen, status: Status, directory: &Path, diagnostics: &[Diagnostic]) {
    if screen.json {
        screen.json(&serde_json::json!({
            "status": status.to_string(),
            "directory": directory.display().to_string(),
            "diagnostics": diagnostics,
        }));
    } else {
        screen.remark(&format!("{status}: what there is stands in {}", directory.display()));
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
        work: impl FnOnce(&Compiled, &Meter) -> Result<Content, Vec<Diagnostic>>,
    ) -> Result<Exit, Failure> {
        let out = out.to_str().unwrap();
        let fixed = ["econc", "--out", out, "--quiet", "--color", "never"];
        let globals = Line::parse_from(fixed.iter().chain(more)).globals;
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/growth.econ");
        run(&model, &globals, &Screen::new(&globals), BTreeMap::new(), work)
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
