//! `econc check`: finds mistakes, computes nothing.

use super::compiled::compile;
use super::globals::Globals;
use super::meter::Meter;
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure};
use crate::diag::{Diagnostic, Severity};
use clap::Args;
use std::path::PathBuf;

/// Find the mistakes in model files
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc check growth.econ\n  \
    econc check models/*.econ --quiet\n  \
    econc check growth.econ --set delta=2      does the model hold for other numbers?\n  \
    econc check - --json < growth.econ         for editors")]
pub(super) struct Arguments {
    /// Model files; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Treat warnings as errors
    #[arg(long)]
    deny_warnings: bool,
}

/// Carries out `econc check`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let mut exit = Exit::Fine;
    let mut files = Vec::new();
    let mut all = Vec::new();
    let overrides = globals.overrides()?;
    for file in &arguments.files {
        // One file that cannot be read does not keep the others from being checked.
        let (name, diagnostics, worst) = match Source::read(file) {
            Ok(source) => {
                let meter = Meter::start(screen.progress());
                let (_, diagnostics) = compile(&source, &overrides, None);
                meter.finish();
                screen.diagnostics(&diagnostics, Some(&source));
                let fails = diagnostics
                    .iter()
                    .any(|d| arguments.deny_warnings || d.severity == Severity::Error);
                if !screen.json {
                    screen.remark(&format!("{}: {}", source.name, summary(&diagnostics)));
                }
                let exit = match Exit::of(&diagnostics) {
                    Exit::Fine if fails => Exit::Fails,
                    exit => exit,
                };
                (source.name, diagnostics, exit)
            }
            Err(unreadable) => {
                screen.diagnostics(std::slice::from_ref(&unreadable), None);
                (file.display().to_string(), vec![unreadable], Exit::Misuse)
            }
        };
        files.push(serde_json::json!({ "file": name, "ok": worst == Exit::Fine }));
        all.extend(diagnostics.into_iter().map(|d| (name.clone(), d)));
        exit = if worst.code() > exit.code() { worst } else { exit };
    }
    if screen.json {
        screen.json_of_files(exit, files, all);
    }
    Ok(exit)
}

/// `no mistakes`, `1 error, 2 warnings`.
fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
    let word = |n: usize, word: &str| match n {
        0 => None,
        1 => Some(format!("1 {word}")),
        n => Some(format!("{n} {word}s")),
    };
    let parts = [
        word(count(Severity::Error), "error"),
        word(count(Severity::Warning), "warning"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "no mistakes found".to_string()
    } else {
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts() {
        assert_eq!(summary(&[]), "no mistakes found");
        let list = [
            Diagnostic::error("E1", "a"),
            Diagnostic::warning("W1", "b"),
            Diagnostic::warning("W2", "c"),
        ];
        assert_eq!(summary(&list), "1 error, 2 warnings");
    }
}
