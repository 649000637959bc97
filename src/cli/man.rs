//! `econc man`: manual pages, one of the program and one of each command.

use super::screen::Screen;
use super::{Cli, Exit, Failure};
use crate::diag::Diagnostic;
use clap::{Args, CommandFactory};
use std::path::{Path, PathBuf};

/// Write manual pages
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc man ~/.local/share/man/man1        then: man econc, man econc-solve\n  \
    econc man pages && man pages/econc-irf.1")]
pub(super) struct Arguments {
    /// The directory that they are written to, made where it is missing; earlier pages of econc are replaced
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

/// Carries out `econc man`; its exit status.
///
/// # Errors
/// E0951 where the pages cannot be written.
pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let files = written(&arguments.directory).map_err(|e| {
        Diagnostic::error(
            "E0951",
            format!("manual pages cannot be written to `{}`", arguments.directory.display()),
        )
        .note(e.to_string())
        .hint("another directory, one that you may write to")
    })?;
    if screen.json {
        screen.json(&serde_json::json!({ "files": files }));
    } else {
        let first = arguments.directory.join("econc.1");
        screen.text(&format!("{} pages; read one: man {}\n", files.len(), first.display()));
    }
    Ok(Exit::Fine)
}

/// The pages, `econc.1` and `econc-COMMAND.1`; the names of the files.
fn written(directory: &Path) -> std::io::Result<Vec<String>> {
    std::fs::create_dir_all(directory)?;
    let mut program = Cli::command().disable_help_subcommand(true).propagate_version(true);
    program.build();
    let mut pages = vec![("econc.1".to_string(), program.clone())];
    let shown = program.get_subcommands().filter(|c| !c.is_hide_set());
    pages.extend(shown.map(|c| (format!("econc-{}.1", c.get_name()), c.clone())));
    for (file, command) in &pages {
        let mut text = Vec::new();
        clap_mangen::Man::new(command.clone()).render(&mut text)?;
        std::fs::write(directory.join(file), text)?;
    }
    Ok(pages.into_iter().map(|p| p.0).collect())
}
