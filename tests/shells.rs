//! What shells and readers of manuals are given: completions that complete, pages that say what `--help` says.

use crate::common::{command, econc, said, scratch};
use std::process::Command;

/// What bash offers after these words, one a line.
fn offered(folder: &std::path::Path, words: &[&str]) -> Vec<String> {
    let script = format!(
        "source econc.bash; COMP_WORDS=({}); COMP_CWORD={}; _econc econc '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|w| format!("'{w}'")).collect::<Vec<_>>().join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let output = Command::new("bash")
        .current_dir(folder)
        .args(["-c", &script])
        .output()
        .expect("bash");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_string).collect()
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_options_and_their_values() {
    let directory = scratch();
    let here = directory.path();
    let script = econc(here, &["completions", "bash"]);
    assert_eq!(script.status.code(), Some(0));
    std::fs::write(here.join("econc.bash"), &script.stdout).expect("written");
    let commands = offered(here, &["econc", ""]);
    for name in ["solve", "steady_state", "irf", "completions", "man"] {
        assert!(commands.iter().any(|c| c == name), "{commands:?}");
    }
    assert!(!commands.iter().any(|c| c == "crash"), "{commands:?}");
    assert_eq!(offered(here, &["econc", "stea"]), ["steady_state"]);
    assert_eq!(offered(here, &["econc", "solve", "--meth"]), ["--method"]);
    assert_eq!(offered(here, &["econc", "solve", "--color", "al"]), ["always"]);
    // Models stand in files: where no word of econc fits, names of files are offered.
    assert!(String::from_utf8_lossy(&script.stdout).contains("-o default"));
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        let script = econc(here, &["completions", shell]);
        assert_eq!(script.status.code(), Some(0), "{shell}");
        assert!(
            String::from_utf8_lossy(&script.stdout).contains("steady_state"),
            "{shell}"
        );
    }
    let wrong = econc(here, &["completions", "tcsh"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said(&wrong).contains("possible values: bash"), "{}", said(&wrong));
}

#[test]
fn manual_pages_name_every_command_and_option() {
    let directory = scratch();
    let here = directory.path();
    let written = econc(here, &["man", "pages/man1", "--json"]);
    assert_eq!(written.status.code(), Some(0), "{}", said(&written));
    let list: serde_json::Value = serde_json::from_slice(&written.stdout).expect("JSON");
    let files = list["files"].as_array().expect("a list");
    let help = String::from_utf8_lossy(&econc(here, &["--help"]).stdout).into_owned();
    let commands = help.lines().skip_while(|l| *l != "Commands:").skip(1);
    let commands = commands
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.split_whitespace().next());
    let commands: Vec<&str> = commands
        .filter(|c| c.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect();
    assert!(commands.len() >= 15, "{commands:?}");
    for name in commands.iter().filter(|c| **c != "help") {
        let file = here.join(format!("pages/man1/econc-{name}.1"));
        let Ok(page) = std::fs::read_to_string(&file) else {
            // A word of a description that begins a line.
            assert!(!help.contains(&format!("\n  {name} ")), "{name}");
            continue;
        };
        let page = page.replace("\\-", "-");
        assert!(page.contains(&format!("econc-{name}")), "{name}: {page}");
        let options = String::from_utf8_lossy(&econc(here, &[name, "--help"]).stdout).into_owned();
        for option in options
            .split_whitespace()
            .filter(|w| w.starts_with("--") && w.len() > 3)
        {
            let option = option.trim_end_matches([',', ':', ';', ')', '.']);
            let option = option.split('=').next().unwrap_or(option);
            assert!(page.contains(option), "{option} of {name}");
        }
    }
    assert!(files.iter().any(|f| f == "econc-steady_state.1") && !files.iter().any(|f| f == "econc-crash.1"));
    // Where pages cannot be written it is said.
    std::fs::write(here.join("taken"), "").expect("written");
    let refused = command(here, &["man", "taken"]).output().expect("econc starts");
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("E0951"), "{}", said(&refused));
}
