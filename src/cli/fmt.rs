//! `econc fmt`: one layout for all model files.

use super::screen::Screen;
use super::source::{Source, is_standard_input};
use super::{Exit, Failure};
use crate::diag::{Diagnostic, Severity};
use crate::report::place::{outside_of_runs, write_file};
use clap::Args;
use std::path::{Path, PathBuf};

/// Lay out model files in the standard way
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc fmt growth.econ            rewrite the file\n  \
    econc fmt --check models/*.econ  list the files that would change; exit status 1 if there are any\n  \
    econc fmt - < growth.econ        print the result\n\n\
    Files with errors of syntax are left as they are.")]
pub(super) struct Arguments {
    /// Change nothing; list the files that would change
    #[arg(long)]
    check: bool,
    /// Model files; `-` reads standard input and prints the result
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Carries out `econc fmt`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let mut exit = Exit::Fine;
    let (mut files, mut all) = (Vec::new(), Vec::new());
    for file in &arguments.files {
        let (state, diagnostics, worst) = one(file, arguments.check, screen);
        let name = file.display().to_string();
        files.push(serde_json::json!({ "file": name, "ok": worst == Exit::Fine, "state": state }));
        all.extend(diagnostics.into_iter().map(|d| (name.clone(), d)));
        exit = if worst.code() > exit.code() { worst } else { exit };
    }
    if screen.json {
        screen.json_of_files(exit, files, all);
    }
    Ok(exit)
}

/// Formats one file: what was found, diagnostics, how bad it is.
fn one(file: &Path, check: bool, screen: &Screen) -> (&'static str, Vec<Diagnostic>, Exit) {
    let unreadable = |d: Diagnostic| {
        screen.diagnostics(std::slice::from_ref(&d), None);
        ("unreadable", vec![d], Exit::Misuse)
    };
    let source = match Source::read(file) {
        Ok(source) => source,
        Err(d) => return unreadable(d),
    };
    let formatted = match crate::syntax::format::format(&source.text) {
        Ok(formatted) => formatted,
        Err(diagnostics) => {
            screen.diagnostics(&diagnostics, Some(&source));
            let fails = diagnostics.iter().any(|d| d.severity == Severity::Error);
            return ("faulty", diagnostics, if fails { Exit::Fails } else { Exit::Fine });
        }
    };
    if is_standard_input(file) && !check {
        if !screen.json {
            screen.result(&formatted);
        }
        return ("printed", Vec::new(), Exit::Fine);
    }
    if formatted == source.text {
        return ("unchanged", Vec::new(), Exit::Fine);
    }
    if check {
        if !screen.json {
            screen.result(&format!("{}\n", source.name));
        }
        let changes = Diagnostic::error("E0988", format!("`{}` is not in the standard layout", source.name))
            .hint("econc fmt changes it");
        return ("would change", vec![changes], Exit::Fails);
    }
    match replace(file, &formatted) {
        Ok(()) => {
            screen.remark(&format!("{}: formatted", source.name));
            ("changed", Vec::new(), Exit::Fine)
        }
        Err(d) => unreadable(d),
    }
}

/// Replaces the content of a file in one step, where a link points to, with the permissions it had.
fn replace(file: &Path, text: &str) -> Result<(), Diagnostic> {
    outside_of_runs(file)?;
    let target = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let permissions = std::fs::metadata(&target).map(|m| m.permissions());
    if permissions.as_ref().is_ok_and(|p| p.readonly()) {
        return Err(
            Diagnostic::error("E0951", format!("`{}` cannot be written", file.display()))
                .note("the file is marked as read-only"),
        );
    }
    write_file(&target, text.as_bytes())?;
    if let Ok(permissions) = permissions {
        // The content is right either way.
        let _ = std::fs::set_permissions(&target, permissions);
    }
    Ok(())
}
