//! Trainings that cannot be: every one ends with a message that says what to do, and overwrites nothing.

#![cfg(feature = "learn")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A planner who eats what is not saved; nothing can go wrong.
const GROWTH: &str = "model tiny\n\
    param beta = 0.9\n\
    shock z ~ ar1(rho: 0.9, sigma: 0.02)\n\
    agent planner {\n  state k in [0.01, 2], start uniform(0.1, 0.3)\n  action s in (0, 1)\n  \
    let y = exp(z) * k^0.36\n  let c = (1 - s) * y\n  k' = s * y\n  observe k, z\n  reward log(c)\n  discount beta\n}\n";

/// A walk that pays until it has come to 450, where the logarithm of what is left is none.
const CLIFF: &str = "model cliff\n\
    agent walker {\n  state x in [0, inf), start 0\n  action d in {stay, go}\n  \
    x' = x + (if d == go then 1 else 0.9)\n  observe x\n  reward log(450 - x)\n  discount 0.9\n}\n";

const CHOICES: &str = "model choices\n\
    agent owner {\n  state x in 0..10, start 0\n  action d in {keep, replace}\n  \
    x' = if d == replace then 0 else min(x + 1, 10)\n  observe x\n  \
    reward if d == replace then -5 else -0.3 * x\n  discount 0.9\n}\n";

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_econc"))
        .current_dir(folder)
        .args(arguments)
        .args(["--quiet", "--color", "never"])
        .output()
        .expect("econc runs")
}

/// What a command that must fail says, with exit status `status`.
fn told(folder: &Path, arguments: &[&str], status: i32) -> String {
    let o = run(folder, arguments);
    let text = String::from_utf8_lossy(&o.stderr).to_string();
    assert_eq!(o.status.code(), Some(status), "{arguments:?}: {text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn folder(model: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("model.econ"), model).expect("a model");
    folder
}

/// `econc train model.econ --out out --with ..`.
fn training<'a>(learner: &'a str, out: &'a str, options: &'a [&'a str]) -> Vec<&'a str> {
    let mut line = vec!["train", "model.econ", "--learner", learner, "--out", out];
    for o in options {
        line.extend(["--with", *o]);
    }
    line
}

/// All files under a folder with their bytes; what vanishes meanwhile is left out.
fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        // A run under way renames its folders and files between the listing and the reading.
        let Ok(entries) = std::fs::read_dir(&next) else {
            continue;
        };
        for path in entries.flatten().map(|e| e.path()) {
            if path.is_dir() {
                open.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                out.push((path, bytes));
            }
        }
    }
    out.sort();
    out
}

#[test]
fn a_learner_for_other_choices_is_refused_with_one_that_can() {
    let finite = folder(CHOICES);
    let text = told(finite.path(), &training("sac", "run", &[]), 2);
    assert!(text.contains("E0923") && text.contains("use `train ppo`"), "{text}");
    // 15 points in each of four dimensions are too many joint choices.
    let many =
        folder("model many\nset J = 1..4\nagent owner {\n  action q[J] in [0, 1]\n  reward -sum((q - 0.3)^2)\n}\n");
    for learner in ["dqn", "q_learning"] {
        let text = told(many.path(), &training(learner, "run", &[]), 2);
        assert!(
            text.contains("E0923") && text.contains("use `train ppo`"),
            "{learner}: {text}"
        );
    }
    // A table over states that never come back.
    let growth = folder(GROWTH);
    let text = told(growth.path(), &training("q_learning", "run", &["steps=60_000"]), 2);
    assert!(text.contains("E0923") && text.contains("use `train ppo`"), "{text}");
    for f in [&finite, &many, &growth] {
        assert!(!f.path().join("run").exists());
    }
}

#[test]
fn a_reward_that_is_no_number_stops_with_the_equation_and_leaves_the_checkpoint() {
    let folder = folder(CLIFF);
    let options = [
        "steps=100_000",
        "periods=1000",
        "worlds=4",
        "evaluations=0",
        "horizon=64",
        "first_policy=middle",
    ];
    let mut line = training("ppo", "run", &options);
    line.extend(["--checkpoint", "0"]);
    let text = told(folder.path(), &line, 1);
    for part in [
        "E0903",
        "model.econ:7:",
        "log(450 - x)",
        "walker.x",
        "in update",
        "the last checkpoint stands",
    ] {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
    assert!(!folder.path().join("run").exists());
    // What was learned until then stands and goes on: to the same end, since nothing has changed.
    let failed = folder.path().join("run.failed");
    let checkpoint = failed.join("seed_1/checkpoint");
    let before = std::fs::read(&checkpoint).expect("a checkpoint");
    let again = told(folder.path(), &["train", "--resume", "run", "--checkpoint", "0"], 1);
    let update = |t: &str| {
        let from = t.find("in update").expect("an update");
        t[from..].split(',').next().map(str::to_string)
    };
    assert_eq!(update(&text), update(&again), "{again}");
    assert_eq!(before, std::fs::read(&checkpoint).expect("a checkpoint"));
}

#[test]
fn a_reward_beyond_single_precision_is_named() {
    let folder = folder(&CHOICES.replace("-0.3 * x", "-1e300 * x"));
    let text = told(folder.path(), &training("dqn", "run", &["steps=5000"]), 1);
    assert!(
        text.contains("E0924") && text.contains("model.econ:7:") && text.contains("in update"),
        "{text}"
    );
}

#[test]
fn a_loss_that_is_no_number_stops_with_the_update_and_the_loss() {
    for (learner, model, steps) in [
        ("ppo", GROWTH, "steps=40_000"),
        ("a2c", GROWTH, "steps=40_000"),
        ("sac", GROWTH, "steps=400_000"),
        ("sac", GROWTH, "stages=0"),
        ("dqn", CHOICES, "steps=4000"),
        ("recurrent_ppo", GROWTH, "steps=40_000"),
    ] {
        let folder = folder(model);
        let options = [steps, "learning_rate=1e30", "evaluations=0"];
        let text = told(folder.path(), &training(learner, "run", &options), 1);
        // Where the policy breaks first, a weight of it is named.
        let named = text.contains("the loss of the") || text.contains("a weight of the policy");
        assert!(
            text.contains("E0924") && named && text.contains("in update"),
            "{learner}: {text}"
        );
        assert!(text.contains("learning_rate"), "{text}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_the_work() {
    let folder = folder(GROWTH);
    // Below a file no directory can be made, whoever asks; nor in a file system that is not for files.
    let text = told(folder.path(), &training("ppo", "model.econ/run", &[]), 2);
    assert!(
        text.contains("E0952") && text.contains("`model.econ` is a file"),
        "{text}"
    );
    if cfg!(target_os = "linux") {
        let text = told(folder.path(), &training("ppo", "/proc/run", &[]), 2);
        assert!(
            text.contains("E0950") && text.contains("nothing has been computed"),
            "{text}"
        );
    }
    assert_eq!(everything(folder.path()).len(), 1);
}

/// A limit on the size of files stands for a full disk: writing fails in the middle of a file.
#[cfg(unix)]
#[test]
fn a_full_disk_stops_with_a_message_and_the_run_goes_on_once_there_is_room() {
    let folder = folder(GROWTH);
    let options = ["steps=60_000", "worlds=8", "horizon=32", "evaluations=0", "periods=20"];
    let whole = run(folder.path(), &training("ppo", "whole", &options));
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    let mut line = training("ppo", "run", &options);
    line.extend(["--checkpoint", "0"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_econc"))
        .current_dir(folder.path())
        .args(&line)
        .arg("--quiet")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("econc runs");
    let find = || {
        everything(folder.path())
            .into_iter()
            .find(|(p, _)| p.ends_with("seed_1/checkpoint"))
    };
    while find().is_none() {
        assert!(
            child.try_wait().expect("a status").is_none(),
            "over before its first checkpoint"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let before = find().expect("a checkpoint").1;
    // Eight blocks hold the manifest, but no checkpoint.
    let o = Command::new("sh")
        .current_dir(folder.path())
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 8; exec \"$0\" train --resume run --checkpoint 0 --quiet",
        ])
        .arg(env!("CARGO_BIN_EXE_econc"))
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&o.stderr).to_string();
    assert_eq!(o.status.code(), Some(2), "{text}");
    assert!(text.contains("E0951") && text.contains("checkpoint"), "{text}");
    assert!(!folder.path().join("run").exists());
    assert!(find().expect("a checkpoint").1 == before);
    let again = run(folder.path(), &["train", "--resume", "run"]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let policy = |d: &str| std::fs::read(folder.path().join(d).join("policy_last_seed_1.ron")).expect("a policy");
    assert!(policy("whole") == policy("run"));
}

#[test]
fn a_foreign_checkpoint_is_refused_and_nothing_is_overwritten() {
    let folder = folder(CLIFF);
    let long = [
        "steps=100_000",
        "periods=1000",
        "worlds=4",
        "evaluations=0",
        "horizon=64",
        "first_policy=middle",
    ];
    // Runs that stop at the cliff, each with a checkpoint.
    let runs: [(&str, Vec<&str>); 4] = [
        ("own", vec![]),
        ("model", vec!["--set", "bound=451"]),
        ("options", vec!["--with", "clip=0.1"]),
        ("seed", vec!["--seeds", "2"]),
    ];
    let model = CLIFF
        .replace("model cliff\n", "model cliff\nparam bound = 450\n")
        .replace("log(450 - x)", "log(bound - x)");
    std::fs::write(folder.path().join("model.econ"), model).expect("a model");
    for (name, more) in &runs {
        let mut line = training("ppo", name, &long);
        line.extend(more.iter().copied());
        line.extend(["--checkpoint", "0"]);
        told(folder.path(), &line, 1);
    }
    let place = folder.path().join("own.failed/seed_1/checkpoint");
    let own = std::fs::read(&place).expect("a checkpoint");
    let mut version = own.clone();
    version[0] = 77;
    let of = |name: &str, seed: u64| {
        let file = folder.path().join(format!("{name}.failed/seed_{seed}/checkpoint"));
        std::fs::read(file).expect("a checkpoint")
    };
    for (bytes, code, says) in [
        (of("model", 1), "E0925", "the model or its parameters"),
        (of("options", 1), "E0925", "the learner or its options"),
        (of("seed", 2), "E0925", "the seed"),
        (version, "E0983", "does not begin as a checkpoint does"),
        (own[..own.len() / 2].to_vec(), "E0983", "which is not its length"),
        (Vec::new(), "E0983", "does not begin as a checkpoint does"),
    ] {
        std::fs::write(&place, &bytes).expect("a checkpoint");
        let text = told(folder.path(), &["train", "--resume", "own"], 2);
        assert!(text.contains(code) && text.contains(says), "{says}: {text}");
        assert!(std::fs::read(&place).expect("a checkpoint") == bytes, "{says}");
    }
    // The right one still goes on.
    std::fs::write(&place, &own).expect("a checkpoint");
    assert!(told(folder.path(), &["train", "--resume", "own"], 1).contains("E0903"));
    // A policy of another model is not played.
    let other = folder.path().join("other.econ");
    std::fs::write(&other, GROWTH).expect("a model");
    let line = [
        "train",
        "other.econ",
        "--out",
        "learned",
        "--with",
        "steps=2000",
        "--with",
        "evaluations=0",
    ];
    assert!(run(folder.path(), &line).status.success());
    let text = told(folder.path(), &["simulate", "model.econ", "--policy", "learned"], 2);
    assert!(text.contains("E0818"), "{text}");
}

#[test]
fn training_runs_in_a_scenario_that_draws_parameters() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/producers.econ");
    std::fs::copy(model, folder.path().join("model.econ")).expect("a model");
    let options = ["steps=20_000", "evaluations=2", "evaluation_periods=50", "periods=100"];
    let mut line = training("ppo", "run", &options);
    line.extend(["--scenario", "randomised"]);
    let o = run(folder.path(), &line);
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    let measured = std::fs::read_to_string(folder.path().join("run/seed_1/measured.csv")).expect("measurements");
    let returns = measured
        .lines()
        .skip(1)
        .filter_map(|l| l.split(',').nth(1)?.parse::<f64>().ok());
    assert!(
        returns.clone().count() == 2 && returns.into_iter().all(f64::is_finite),
        "{measured}"
    );
}
