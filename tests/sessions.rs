//! `random = ran2`: the published program of Calvano et al. (2020) through the command, what it refuses, and exercises.

use crate::common;

use common::{command, econc};
use serde_json::Value;
use std::path::Path;

const MODEL: &str = include_str!("../models/calvano.econ");

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn codes(value: &Value) -> Vec<String> {
    let all = value["diagnostics"].as_array().into_iter().flatten();
    let errors = all.filter(|d| d["severity"] == "error");
    errors
        .map(|d| d["code"].as_str().unwrap_or_default().to_string())
        .collect()
}

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    std::fs::write(folder.path().join("m.econ"), text).expect("written");
    folder
}

fn train(folder: &Path, more: &str) -> Value {
    let line = format!("train m.econ {more} --json");
    json(&econc(folder, &line.split_whitespace().collect::<Vec<_>>()))
}

/// Sessions 1 to 3 of the published program, to the period and to the state of the cycle; the policies play what was learned.
#[test]
fn published_sessions_come_out_of_the_command() {
    let folder = folder(MODEL);
    let root = folder.path();
    let out = train(root, "--scenario published --seeds 1..3 --out run");
    let table = &out["tables"]["sessions"];
    assert_eq!(
        table["periods"],
        serde_json::json!([1_779_187, 1_508_026, 1_523_143]),
        "{out}"
    );
    for (k, cycle) in [vec![190, 84, 194], vec![145], vec![191, 180, 192]]
        .into_iter()
        .enumerate()
    {
        let text = table["limit cycle"][k].as_str().expect("a text");
        let mut found: Vec<i32> = text.split(' ').map(|s| s.parse().expect("a number")).collect();
        let at = found.iter().position(|s| *s == cycle[0]).expect("in the cycle");
        found.rotate_left(at);
        assert_eq!(found, cycle, "session {}", k + 1);
    }
    // Means of the three.
    let summary = &out["tables"]["summary"];
    let mean = |name: &str| {
        let names = summary["name"].as_array().expect("names");
        summary["mean"][names.iter().position(|n| n == name).expect(name)]
            .as_f64()
            .expect("a number")
    };
    assert!((mean("time to convergence") - (67.16748 + 56.32104 + 56.92572) / 3.0).abs() < 1e-9);
    assert!((mean("cycles of length one") - 1.0 / 3.0).abs() < 1e-12);
    let index = mean("index of collusion");
    assert!(index > 0.6 && index < 1.0, "{index}");
    // The index by hand: profits on the cycle between those of the two benchmarks.
    let profit = |p: f64, r: f64| {
        let (u, v) = (((2.0 - p) / 0.25f64).exp(), ((2.0 - r) / 0.25f64).exp());
        (p - 1.0) * u / (u + v + 1.0)
    };
    let (low, high) = (profit(1.47293, 1.47293), profit(1.92498, 1.92498));
    let by_hand = (0..3).map(|k| {
        let of = |i: usize| (table[format!("payoff {i}")][k].as_f64().expect("a payoff") - low) / (high - low);
        (of(1) + of(2)) / 2.0
    });
    assert!((index - by_hand.sum::<f64>() / 3.0).abs() < 1e-9);
    // What was learned is played with the numbers it was learned with, and not with others.
    let play = |more: &str| {
        let line = format!("simulate m.econ --policy run --periods 80 --json {more}");
        json(&econc(root, &line.split_whitespace().collect::<Vec<_>>()))
    };
    assert_eq!(codes(&play("")), ["E0819"]);
    let played = play("--scenario published --out played");
    assert_eq!(played["status"], "complete", "{played}");
    // Play by the policy of session 1 ends in the cycle 190 84 194 of joint prices.
    let series = std::fs::read_to_string(root.join("played/series.csv")).expect("it");
    let price = |k: usize| {
        let (low, high) = (1.47293 - 0.1 * (1.92498 - 1.47293), 1.92498 + 0.1 * (1.92498 - 1.47293));
        low + k as f64 * (high - low) / 14.0
    };
    let last = series.lines().rev().take(3).map(|line| {
        let cells: Vec<f64> = line.split(',').map(|c| c.parse().expect("a number")).collect();
        let joint =
            (0..225).find(|j| (price(j / 15) - cells[1]).abs() < 1e-9 && (price(j % 15) - cells[2]).abs() < 1e-9);
        joint.expect("on the grid") + 1
    });
    let mut last: Vec<usize> = last.collect();
    last.sort_unstable();
    assert_eq!(last, [84, 190, 194]);
}

/// The scenario is `--set` by another name, and changes the prices that can be chosen.
#[test]
fn a_scenario_gives_numbers_that_the_file_is_read_with() {
    let folder = folder(MODEL);
    let root = folder.path();
    let few = "--seeds 2 --with steps=200_000";
    let by_scenario = train(root, &format!("--scenario published {few}"));
    let by_set = train(
        root,
        &format!("--set firm.p_nash=1.47293 --set firm.p_mono=1.92498 {few}"),
    );
    let plain = train(root, few);
    assert_eq!(by_scenario["tables"]["sessions"], by_set["tables"]["sessions"]);
    assert_ne!(by_scenario["facts"]["game"], plain["facts"]["game"]);
    // Not settled after so few periods, and that is said.
    assert_eq!(plain["tables"]["sessions"]["settled"][0], "no");
    let twice = train(root, "--scenario published --set p_nash=1.5 --seeds 1");
    assert_eq!(codes(&twice), ["E0113"]);
    // A scenario of the file's own `train` block is named on the command line, or refused.
    let own = MODEL.replace("  steps   ", "  scenario = published\n  steps   ");
    std::fs::write(root.join("m.econ"), own).expect("written");
    assert_eq!(codes(&train(root, "--seeds 1")), ["E0803"]);
}

/// What is not the published program is refused, with what to write.
#[test]
fn what_sessions_cannot_be_is_refused() {
    for (from, to, code) in [
        ("p_last' = p\n", "p_last' = 0.5 * p + 0.5 * p_last\n", "E0923"),
        ("observe p_last, others(firm.p_last)", "observe p_last", "E0923"),
        ("(p - c) * q", "(p - c) * q * (1 + 0.1 * p_last)", "E0923"),
        (
            "  action p",
            "  noise e ~ normal(0, 1)\n  let e2 = e\n  action p",
            "E0923",
        ),
        ("initial     = random_play", "initial     = constant", "E0805"),
        ("alpha       = 0.15", "alpha = 0.15; ties = first", "E0805"),
        ("alpha       = 0.15", "alpha = 0.15; evaluations = 3", "E0805"),
        ("stop        = stable(100_000)", "", "E0805"),
        ("random      = ran2", "", "E0805"),
        ("[firm.p_nash, firm.p_mono]", "[1.5, 1.5]", "E0805"),
    ] {
        let text = MODEL.replacen(from, to, 1);
        assert_ne!(text, MODEL, "{from}");
        let folder = folder(&text);
        // Benchmarks as numbers, so that nothing has to be solved first.
        let numbers = "--set firm.p_nash=1.47293 --set firm.p_mono=1.92498";
        let out = train(folder.path(), &format!("--seeds 1 --with steps=100_000 {numbers}"));
        assert_eq!(codes(&out), [code], "{to}: {out}");
    }
    let folder = folder(MODEL);
    let root = folder.path();
    assert_eq!(codes(&train(root, "--seeds 0")), ["E0805"]);
    assert_eq!(codes(&train(root, "--seeds 1 --scenario deviation")), ["E0923"]);
    let tune = json(&econc(root, &["tune", "m.econ", "--trials", "2", "--json"]));
    assert_eq!(codes(&tune), ["E0807"]);
    let general = train(
        root,
        "--seeds 1 --with random=counter --with benchmarks=none --with steps=4000",
    );
    assert_eq!(general["status"], "complete", "{general}");
}

/// Sessions that were played before a stop are not played again, and nothing differs.
#[test]
fn sessions_go_on_where_they_were_stopped() {
    let folder = folder(MODEL);
    let root = folder.path();
    let line = "train m.econ --scenario published --seeds 1..6 --threads 1 --out";
    let words = |out: &'static str| -> Vec<&str> { line.split_whitespace().chain([out]).collect() };
    assert!(econc(root, &words("whole")).status.success());
    let mut child = command(root, &words("cut"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("a child");
    let kept = |n: usize| {
        let find = |dir: &str| root.join(dir).join(format!("work/session_{n}")).exists();
        std::fs::read_dir(root)
            .expect("it")
            .flatten()
            .any(|e| find(&e.file_name().to_string_lossy()))
    };
    while !kept(2) && child.try_wait().expect("it").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    if !root.join("cut/sessions.csv").exists() {
        let resumed = econc(root, &["train", "--resume", "cut"]);
        assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    }
    for file in ["sessions.csv", "summary.csv", "deviation.csv", "policy_last_seed_3.ron"] {
        let read = |dir: &str| std::fs::read(root.join(dir).join(file)).expect(file);
        assert_eq!(read("whole"), read("cut"), "{file}");
    }
}

/// An exercise runs its commands once, and says whether every number agrees.
#[test]
fn exercises_are_run_and_compared() {
    let folder = tempfile::tempdir().expect("a directory");
    let root = folder.path();
    let reproduce = || econc(root, &["reproduce", "monopolist", "--json", "--out", "here"]);
    let first = json(&reproduce());
    assert_eq!(
        (&first["status"], &first["exit"]),
        (&"complete".into(), &0.into()),
        "{first}"
    );
    let agrees = first["tables"]["numbers"]["agrees"].as_array().expect("a column");
    assert!(agrees.len() == 6 && agrees.iter().all(|a| a == "yes"), "{first}");
    // Nothing is run again: a record that is changed is what is read.
    let record = root.join("here/outside.json");
    let stamp = std::fs::metadata(&record).expect("it").modified().expect("a time");
    assert_eq!(json(&reproduce())["tables"]["numbers"], first["tables"]["numbers"]);
    assert_eq!(
        std::fs::metadata(&record).expect("it").modified().expect("a time"),
        stamp
    );
    // What is no longer as it was written is neither read nor replaced.
    let table = root.join("here/alone/solution.csv");
    let text = std::fs::read_to_string(&table).expect("it");
    std::fs::write(&table, text.replace("1.80", "1.81")).expect("written");
    assert_eq!(codes(&json(&reproduce())), ["E0971"]);
    std::fs::write(&table, text).expect("written");
    std::fs::remove_file(&record).expect("removed");
    assert_eq!(json(&reproduce())["exit"], 0, "a run without its record is run again");
    // The report leads to those of the runs, and has every number that the table beside it has.
    let read = |name: &str| std::fs::read_to_string(root.join("here").join(name)).expect(name);
    let (page, table) = (read("report.html"), read("numbers.csv"));
    for run in ["outside", "alone"] {
        assert!(page.contains(&format!("href=\"{run}/report.html\"")), "{page}");
        assert!(root.join("here").join(run).join("report.html").is_file());
    }
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let found: Vec<f64> = rows
        .records()
        .map(|r| r.expect("a row")[1].parse().expect("a number"))
        .collect();
    assert_eq!(serde_json::json!(found), first["tables"]["numbers"]["found"]);
    assert!(page.contains("1.734556"), "{page}");
    // A model of the user is not written over.
    std::fs::write(root.join("here/monopolist.econ"), "mine").expect("written");
    assert_eq!(codes(&json(&reproduce())), ["E0952"]);
    assert_eq!(read("monopolist.econ"), "mine");
    std::fs::remove_file(root.join("here/monopolist.econ")).expect("removed");
    assert_eq!(json(&reproduce())["exit"], 0);
    let list = json(&econc(root, &["reproduce", "--list", "--json"]));
    assert!(list["exercises"].as_array().is_some_and(|l| l.len() >= 5), "{list}");
    let unknown = econc(root, &["reproduce", "calvan", "--json"]);
    assert_eq!(
        (unknown.status.code(), codes(&json(&unknown))),
        (Some(2), vec!["E0962".to_string()])
    );
}
