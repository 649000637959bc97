//! Which of the common options have an effect on which command. An option without effect is an error, since its user expects one.

use super::source::Overrides;
use crate::check::Model;
use crate::diag::Diagnostic;
use clap::ArgMatches;
use clap::parser::ValueSource;

/// The common options that a command reads, by the names of its arguments. `json`, `quiet`, `color` and `memory` are every command's.
const READ: &[(&str, &[&str])] = &[
    ("check", &["set"]),
    ("fmt", &[]),
    ("graph", &["set", "out", "force"]),
    ("explain", &[]),
    ("solve", &["set", "seed", "threads", "out", "force", "plot"]),
    ("steady_state", &["set", "threads", "out", "force"]),
    ("transition", &["set", "seed", "threads", "out", "force", "plot"]),
    ("simulate", &["set", "seed", "threads", "out", "force", "plot"]),
    ("irf", &["set", "seed", "threads", "out", "force", "plot"]),
    ("train", &["set", "seed", "threads", "out", "force", "plot"]),
    ("tune", &["set", "seed", "threads", "out", "force", "plot"]),
    ("verify", &["set", "seed", "threads", "out", "force", "plot"]),
    ("compare", &["out", "force", "plot"]),
    ("export", &["out", "force"]),
    ("new", &[]),
    ("reproduce", &["threads", "out"]),
    ("completions", &[]),
    ("man", &[]),
    ("crash", &["set", "seed", "threads", "out", "force"]),
];

/// The options that some command does not read.
const COMMON: &[&str] = &["set", "seed", "threads", "out", "force", "plot"];

/// Errs where a common option was typed that has no effect on what was asked.
///
/// # Errors
/// E0989.
pub(super) fn check(matches: &ArgMatches) -> Result<(), Diagnostic> {
    let Some((command, own)) = matches.subcommand() else {
        return Ok(());
    };
    let typed = |name: &str| {
        let known = own.ids().any(|id| id.as_str() == name);
        known && own.value_source(name) == Some(ValueSource::CommandLine)
    };
    let read = READ.iter().find(|(c, _)| *c == command).map_or(COMMON, |(_, r)| r);
    for name in COMMON.iter().filter(|name| typed(name)) {
        if !read.contains(name) {
            let takers: Vec<&str> = READ
                .iter()
                .filter(|(c, r)| *c != "crash" && r.contains(name))
                .map(|(c, _)| *c)
                .collect();
            return Err(idle(&format!("--{name}"), &format!("econc {command} does not read it"))
                .note(format!("read by: {}", takers.join(", "))));
        }
    }
    if typed("list")
        && let Some(other) = own
            .ids()
            .map(|id| id.as_str())
            // Groups of arguments are named like the types they come from.
            .filter(|id| id.starts_with(|c: char| c.is_ascii_lowercase()))
            .find(|id| !["list", "json", "quiet", "color", "memory"].contains(id) && typed(id))
    {
        let words = match other {
            "file" => "FILE".to_string(),
            other => format!("--{}", other.replace('_', "-")),
        };
        let why = "--list prints a list, for no model and no run";
        return Err(idle(&words, why));
    }
    if typed("resume") {
        // Model, parameters, seed and place are those of the run that is resumed.
        for name in ["set", "seed", "out", "force"] {
            if typed(name) {
                return Err(idle(&format!("--{name}"), "a run is resumed as it was asked for"));
            }
        }
    }
    if typed("force") && !typed("out") && command != "export" {
        return Err(idle("--force", "without --out every run has a directory of its own"));
    }
    if typed("seed") && typed("seeds") && command == "train" {
        return Err(idle("--seed", "--seeds says which seeds are trained"));
    }
    if typed("plot") && typed("json") {
        return Err(idle("--plot", "--json prints JSON only"));
    }
    given_once(own)
}

/// Errs where `--set` names a setting of a block that the command does not read. `unread` has one pair (block, option)
/// for each block that an option takes the place of.
///
/// # Errors
/// E0989.
pub(super) fn settings_read(
    command: &str,
    model: &Model,
    set: &Overrides,
    unread: &[(&str, &str)],
) -> Result<(), Diagnostic> {
    let blocks: &[&str] = match command {
        "solve" | "steady_state" | "irf" | "transition" => &["solve"],
        "train" | "tune" => &["train"],
        "verify" => &["solve", "train", "verify"],
        "simulate" => &[],
        _ => return Ok(()),
    };
    let last = |full: &str| full.rsplit('.').next().map(str::to_string);
    for (name, value) in set {
        if model
            .params
            .iter()
            .any(|p| p.name == *name || last(&p.name).as_ref() == Some(name))
        {
            continue;
        }
        let (block, key) = match name.split_once('.') {
            Some((block @ ("solve" | "train" | "verify"), key)) => (block, key),
            _ => ("solve", name.as_str()),
        };
        // Members of a continuum and given prices matter to every command.
        if key == "members" || block == "solve" && key.starts_with("given.") {
            continue;
        }
        let typed = format!("--set {name}={value}");
        if let Some((_, option)) = unread.iter().find(|(b, _)| *b == block) {
            return Err(idle(
                &typed,
                &format!("{option} takes the place of what `{block}` says"),
            ));
        }
        if command == "steady_state" && block == "solve" && key != "concept" {
            return Err(idle(
                &typed,
                "where an economy rests is found without a grid, a chain or an iteration over values: of `solve` it reads `concept`",
            )
            .note("read by: solve, verify"));
        }
        if let ("verify", "against", Some((_, option))) = (
            block,
            key,
            unread.iter().find(|(b, _)| command == "verify" && *b == "solve"),
        ) {
            return Err(idle(&typed, &format!("{option} says against which solution")));
        }
        if !blocks.contains(&block) {
            let readers: Vec<&str> = ["solve", "train", "tune", "verify"]
                .into_iter()
                .filter(|c| match block {
                    "train" => *c != "solve",
                    "verify" => *c == "verify",
                    _ => *c == "solve" || *c == "verify",
                })
                .collect();
            return Err(idle(
                &typed,
                &format!("econc {command} does not read the settings of `{block}`"),
            )
            .note(format!("read by: {}", readers.join(", "))));
        }
    }
    Ok(())
}

/// Errs where a name is set twice: one of the two values would be ignored.
///
/// # Errors
/// E0113.
fn given_once(own: &ArgMatches) -> Result<(), Diagnostic> {
    let set = own.try_get_many::<(String, String)>("set").ok().flatten();
    let set = set.into_iter().flatten().map(|(name, _)| ("--set", name.as_str()));
    let with = own.try_get_many::<String>("with").ok().flatten();
    let with = with.into_iter().flatten();
    let with = with.map(|text| ("--with", text.split_once('=').map_or(text.as_str(), |(k, _)| k).trim()));
    let typed = |name: &str| {
        own.try_contains_id(name).unwrap_or(false) && own.value_source(name) == Some(ValueSource::CommandLine)
    };
    let mut said: Vec<(&str, &str)> = Vec::new();
    for option in ["seeds", "scenario"] {
        if typed(option) {
            said.push(("--with", option));
        }
    }
    for (option, name) in set.chain(with) {
        if said.contains(&(option, name)) {
            return Err(Diagnostic::error("E0113", format!("`{name}` is given twice"))
                .note(format!("by {option} {name}=.. and before"))
                .hint("keep one of them"));
        }
        said.push((option, name));
    }
    Ok(())
}

/// What to type in place of an option that `command` does not have.
pub(super) fn instead_of(typed: &str, command: Option<&str>) -> Option<String> {
    let word = typed.split('=').next().unwrap_or_default();
    let key = word.replace('-', "_");
    let of_learners = crate::learn::settings::is_train_key(&key);
    let solve_key = crate::check::SOLVE_KEYS
        .iter()
        .find(|k| k.name.trim_end_matches(".*") == key)
        .map(|k| k.name.replace('*', "NAME"));
    let (solves, trains) = match command {
        Some("solve") => (true, false),
        Some("train" | "tune") => (false, true),
        Some("verify") => (true, true),
        _ => (false, false),
    };
    let owners = owners(word, command);
    if trains && of_learners {
        return Some(format!(
            "write --with {key}=VALUE, or `{key} = VALUE` in the `train` block of the file"
        ));
    }
    if let Some(key) = solve_key.as_ref().filter(|_| solves) {
        return Some(format!(
            "write --set {key}=VALUE, or `{key} = VALUE` in the `solve` block of the file"
        ));
    }
    if !owners.is_empty() {
        return Some(format!("--{word} is an option of econc {}", owners.join(", econc ")));
    }
    if let Some(key) = solve_key {
        return Some(format!(
            "`{key}` is a setting of econc solve and econc verify: --set {key}=VALUE there, or the `solve` block of the file"
        ));
    }
    if of_learners {
        return Some(format!(
            "`{key}` is an option of learners, in econc train, tune and verify: --with {key}=VALUE there, or the `train` block of the file"
        ));
    }
    None
}

/// The other commands that have an option of this name.
fn owners(word: &str, command: Option<&str>) -> Vec<String> {
    use clap::CommandFactory;
    let cli = super::Cli::command();
    let own = |c: &clap::Command| c.get_arguments().any(|a| a.get_long() == Some(word));
    cli.get_subcommands()
        .filter(|c| !c.is_hide_set() && Some(c.get_name()) != command && own(c))
        .map(|c| c.get_name().to_string())
        .collect()
}

/// An option that would do nothing.
pub(super) fn idle(option: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0989", format!("`{option}` has no effect here"))
        .note(why.to_string())
        .hint("leave it out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Every command stands in the table, and the options in it are those that are common to all.
    #[test]
    fn every_command_says_what_it_reads() {
        let mut cli = crate::cli::Cli::command();
        cli.build();
        for command in cli.get_subcommands().filter(|c| c.get_name() != "help") {
            assert!(
                READ.iter().any(|(c, _)| *c == command.get_name()),
                "{}",
                command.get_name()
            );
            for name in COMMON.iter().chain(&["json", "quiet", "color", "memory"]) {
                assert!(command.get_arguments().any(|a| a.get_id() == name), "{name}");
            }
        }
        let common: Vec<String> = cli
            .get_arguments()
            .filter(|a| a.is_global_set())
            .map(|a| a.get_id().to_string())
            .filter(|a| !["json", "quiet", "color", "memory"].contains(&a.as_str()))
            .collect();
        assert_eq!(common.len(), COMMON.len(), "{common:?}");
    }
}
