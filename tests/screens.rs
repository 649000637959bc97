//! Every screen fits its width, and nothing on it is cut.

use crate::common::{command, scratch};
use std::path::Path;
use unicode_width::UnicodeWidthStr;

const SAVER: &str = "param a = 0.3 in (0, 1)
shock z ~ ar1(rho: 0.5, sigma: 0.1)
agent planner_of_the_whole_economy {
  state capital_of_everybody in [0.05, 0.6], start 0.2
  action s in [0.1, 0.9]
  let y = exp(z) * capital_of_everybody^a
  capital_of_everybody' = s * y
  observe capital_of_everybody, z
  reward log((1 - s) * y)
  discount 0.9
}
solve { grid.capital_of_everybody = uniform(30); chain.z = rouwenhorst(3); periods = 640; burn_in = 20 }
train ppo { steps = 4000; worlds = 4; network = [4]; seeds = 1..2; evaluations = 4; horizon = 50 }
verify { policy_error = 90%; welfare_loss = 90% }
";

/// What is printed at a width (of a pipe without one), on both channels; a single word that is wider may stand by itself.
fn fits(folder: &Path, line: &str, width: Option<usize>) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut command = command(folder, &words);
    match width {
        Some(width) => command.env("COLUMNS", width.to_string()),
        None => command.env_remove("COLUMNS"),
    };
    let output = command.output().expect("econc starts");
    assert!(
        output.status.code().is_some_and(|c| c < 3),
        "{line}: {:?}",
        output.status
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    // In a pipe a message is one line, for other programs; lines of the file stand as they are.
    let quoted = |l: &str| l.contains('│') || l.contains('┌') || l.contains('·');
    let messages: Vec<&str> = messages.lines().filter(|l| width.is_some() && !quoted(l)).collect();
    let most = width.unwrap_or(100);
    for shown in text.lines().chain(messages) {
        // A word that is wider than the rest of the line leaves room for stands whole.
        let longest = shown.split_whitespace().map(UnicodeWidthStr::width).max().unwrap_or(0);
        let whole = shown.width() - longest <= 20 && shown.width() - longest < most / 2;
        let syntax = shown.starts_with("Usage: ");
        assert!(
            shown.width() <= most || whole || syntax,
            "{line} at {width:?}: {} columns\n{shown}",
            shown.width()
        );
        assert!(!shown.contains('…'), "{line} at {width:?}: {shown}");
    }
}

#[test]
fn no_line_is_wider_than_the_screen_and_none_is_cut() {
    let folder = scratch();
    let here = folder.path();
    std::fs::write(here.join("m.econ"), SAVER).expect("written");
    std::fs::write(here.join("wrong.econ"), SAVER.replace("log((1 - s)", "lgo((1 - s)")).expect("written");
    let lines = [
        "solve m.econ --out run --force",
        "solve m.econ --set a=0.2..0.4:2 --out swept --force",
        "solve m.econ --set euler=-14 --out strict --force",
        "simulate m.econ --policy run --out played --force",
        "simulate m.econ --policy nowhere",
        "train m.econ --out trained --force",
        "verify m.econ --solution run --policy trained --out judged --force",
        "irf run --variance --histories 20 --out responses --force",
        "irf run --shock wrong",
        "compare run swept/run-1",
        "compare run run",
        "steady_state m.econ --out rest --force",
        "solve --list",
        "solve m.econ --why",
        "train --list",
        "train --list ppo",
        "new",
        "reproduce --list",
        "explain",
        "check wrong.econ",
        "check nowhere.econ",
        "solve nowhere.econ",
        "simulate m.econ --greedy",
        "--help",
        "slove m.econ",
    ];
    for width in [Some(40), Some(80), Some(120), None] {
        for line in lines {
            fits(here, line, width);
        }
        for command in [
            "check",
            "graph",
            "solve",
            "simulate",
            "irf",
            "transition",
            "compare",
            "train",
            "tune",
            "verify",
            "export",
            "new",
            "reproduce",
        ] {
            fits(here, &format!("{command} --help"), width);
        }
    }
}
