//! `econc verify` of what several learned: the verdict is what each gains by its best reply, on the run, on the file, and from the settings.

#![cfg(feature = "learn")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::common;

use common::{econc, said};
use std::path::Path;
use std::process::Output;

fn folder(model: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(format!("{}/models/{model}.econ", env!("CARGO_MANIFEST_DIR"))).unwrap();
    std::fs::write(root.path().join("model.econ"), text).unwrap();
    root
}

fn train(root: &Path, line: &[&str]) {
    let mut all = vec!["train", "model.econ", "--out", "run"];
    for option in ["steps=30_000", "worlds=8", "horizon=32", "evaluations=2"] {
        all.extend(["--with", option]);
    }
    all.extend(line);
    let done = econc(root, &all);
    assert!(done.status.success(), "{}", said(&done));
}

/// The line of the certificate whose name begins so.
fn line(output: &Output, name: &str) -> serde_json::Value {
    let json: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(output)));
    let all = json["certificate"].as_array().unwrap();
    let found = all.iter().find(|c| c["name"].as_str().unwrap().starts_with(name));
    found.unwrap_or_else(|| panic!("{name}: {all:?}")).clone()
}

#[test]
fn a_run_of_several_is_judged_by_what_each_gains() {
    let root = folder("cournot");
    train(root.path(), &["--set", "n=2", "--learner", "ppo", "--seeds", "1..2"]);
    let judge = |line: &[&str]| econc(root.path(), &[&["verify"], line, &["--json"]].concat());
    let whole = judge(&["run"]);
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    let gain = line(&whole, "gain of firm[1]");
    assert_eq!(gain["pass"], true);
    let far = line(&whole, "firm.q, off the equilibrium");
    assert!(far["measured"].as_f64().unwrap() < 0.05 && far["note"].as_str().unwrap().contains("3 in the equilibrium"));
    // The file with its parameters and the policies of the run say the same.
    let file = judge(&["model.econ", "--set", "n=2", "--policy", "run"]);
    assert_eq!(line(&file, "gain of firm[1]"), gain);
    // A limit below what was found.
    let limit = format!("verify.exploitability={}", 0.5 * gain["measured"].as_f64().unwrap());
    let strict = judge(&["run", "--set", &limit]);
    assert_eq!(strict.status.code(), Some(1));
    assert!(said(&strict).contains("E0856"), "{}", said(&strict));
    // What belongs to one who decides, and what a run was made with.
    let idle = judge(&["run", "--set", "verify.welfare_loss=0.1"]);
    assert!(said(&idle).contains("W0984"), "{}", said(&idle));
    for (more, why) in [
        (["--set", "n=3"], "--set n=3"),
        (["--learner", "sac"], "--learner"),
        (["--seeds", "4"], "--seeds"),
    ] {
        let refused = judge(&[&["run"], &more[..]].concat());
        assert!(
            said(&refused).contains("E0989") && said(&refused).contains(why),
            "{}",
            said(&refused)
        );
    }
    // Policies of another game are none of this one.
    let other = judge(&["model.econ", "--set", "n=3", "--policy", "run"]);
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));
}

#[test]
fn exploration_shrinks_where_several_learn_and_not_for_one() {
    let root = folder("cournot");
    let std = |more: &[&str]| -> f64 {
        train(root.path(), &[&["--force", "--learner", "ppo"], more].concat());
        let log = std::fs::read_to_string(root.path().join("run/seed_1/log.csv")).unwrap();
        let mut lines = log.lines();
        let at = lines
            .next()
            .unwrap()
            .split(',')
            .position(|n| n.trim_matches('"') == "std")
            .unwrap();
        lines.last().unwrap().split(',').nth(at).unwrap().parse().unwrap()
    };
    assert!(std(&["--set", "n=2"]) <= 0.0201);
    assert!(std(&["--set", "n=2", "--with", "final_std=none"]) > 0.1);
    assert!(std(&["--set", "n=2", "--with", "final_std=0.1"]) <= 0.1001);
    assert!(std(&["--set", "n=1"]) > 0.1);
}

#[test]
fn kinds_that_were_told_how_to_learn_are_played_and_judged() {
    let root = folder("stackelberg");
    train(root.path(), &["--learner", "leader=ppo", "--learner", "follower=ppo"]);
    let played = econc(
        root.path(),
        &["simulate", "model.econ", "--policy", "run", "--out", "s"],
    );
    assert!(played.status.success(), "{}", said(&played));
    let judged = econc(root.path(), &["verify", "run", "--json"]);
    assert!(matches!(judged.status.code(), Some(0 | 1)), "{}", said(&judged));
    line(&judged, "gain of leader");
    line(&judged, "gain of follower");
}

#[test]
fn mixed_strategies_are_measured_as_they_are_drawn() {
    let root = folder("entry_game");
    train(root.path(), &["--learner", "ppo", "--with", "evaluation_episodes=512"]);
    let seeds = std::fs::read_to_string(root.path().join("run/seeds.csv")).unwrap();
    let row: Vec<f64> = seeds
        .lines()
        .nth(1)
        .unwrap()
        .split(',')
        .map(|x| x.parse().unwrap_or(f64::NAN))
        .collect();
    // Both who enter lose one each: the likeliest choice of both earned that.
    assert!(row[1] > -0.6, "{seeds}");
    let judged = econc(
        root.path(),
        &["verify", "run", "--json", "--set", "verify.exploitability=20%"],
    );
    assert_eq!(judged.status.code(), Some(0), "{}", said(&judged));
    line(&judged, "firm.d = enter, off the equilibrium");
}
