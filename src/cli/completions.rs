//! `econc completions`: what a shell needs to complete commands, options and their values.

use super::screen::Screen;
use super::{Cli, Exit, Failure};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a script that completes commands and options in a shell
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc completions bash > ~/.local/share/bash-completion/completions/econc\n  \
    econc completions zsh > ~/.zfunc/_econc              with fpath+=~/.zfunc before compinit\n  \
    econc completions fish > ~/.config/fish/completions/econc.fish\n  \
    econc completions powershell >> $PROFILE")]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Carries out `econc completions`; its exit status.
///
/// # Errors
/// None.
pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let whole = Cli::command();
    // What is hidden from `--help` is not offered either.
    let commands = whole.get_subcommands().filter(|c| !c.is_hide_set()).cloned();
    let mut shown = clap::Command::new("econc")
        .version(env!("CARGO_PKG_VERSION"))
        .args(whole.get_arguments().cloned())
        .subcommands(commands);
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut shown, "econc", &mut script);
    let script = String::from_utf8_lossy(&script);
    if screen.json {
        screen.json(&serde_json::json!({ "shell": arguments.shell.to_string(), "script": script }));
    } else {
        screen.result(&script);
    }
    Ok(Exit::Fine)
}
