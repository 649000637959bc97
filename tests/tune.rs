//! The program searches over the options of learners: kills and threads change nothing, the winner is what `econc train` learns, good
//! settings win, and a trial that fails is no more than last.

#![cfg(feature = "learn")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Brock and Mirman (1972) with log utility: the best saving rate is 0.36 * 0.9 = 0.324 in every state.
const GROWTH: &str = "model tiny\n\
    shock z ~ ar1(rho: 0.9, sigma: 0.02)\n\
    agent planner {\n  state k in [0.01, 2], start uniform(0.1, 0.3)\n  action s in (0, 1)\n  \
    let y = exp(z) * k^0.36\n  let c = (1 - s) * y\n  k' = s * y\n  observe k, z\n  reward log(c)\n  discount 0.9\n}\n\
    train ppo { worlds = 8; horizon = 32; minibatch = 64; periods = 20; evaluation_periods = 40 }\n";
const CHOICES: &str = "model choices\n\
    agent owner {\n  state x in 0..10, start 0\n  action d in {keep, replace}\n  \
    x' = if d == replace then 0 else min(x + 1, 10)\n  observe x\n  \
    reward if d == replace then -5 else -0.3 * x\n  discount 0.9\n}\n";

fn econc(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_econc"));
    command
        .current_dir(folder)
        .args(arguments)
        .args(["--quiet", "--color", "never"]);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    econc(folder, arguments).output().expect("econc runs")
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let o = run(folder, arguments);
    assert!(
        o.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&o.stderr)
    );
    String::from_utf8_lossy(&o.stdout).to_string()
}

fn folder(model: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("model.econ"), model).expect("a model");
    folder
}

/// A table as rows of cells, the heading first.
fn table(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let rows = reader.records().map(|r| r.expect("a row"));
    rows.map(|r| r.iter().map(String::from).collect()).collect()
}

fn column(rows: &[Vec<String>], name: &str) -> Vec<String> {
    let at = rows[0].iter().position(|c| c == name);
    let at = at.unwrap_or_else(|| panic!("no `{name}` in {:?}", rows[0]));
    rows[1..].iter().map(|r| r[at].clone()).collect()
}

/// Every file of a run but those that hold the command or the time.
fn files(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, out);
            } else {
                out.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(run, &mut paths);
    paths.sort();
    let told = |p: &PathBuf| {
        !["manifest.ron", "manifest.json", "report.html", "tune.json"]
            .iter()
            .any(|n| p.ends_with(n))
    };
    let inside = |p: PathBuf| {
        (
            p.strip_prefix(run).expect("inside").to_path_buf(),
            std::fs::read(&p).expect("a file"),
        )
    };
    paths.into_iter().filter(told).map(inside).collect()
}

fn same(a: &Path, b: &Path) {
    let (a, b) = (files(a), files(b));
    let names = |f: &[(PathBuf, Vec<u8>)]| f.iter().map(|x| x.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    for ((name, x), (_, y)) in a.iter().zip(&b) {
        assert!(x == y, "{} differs", name.display());
    }
}

const SEARCH: &[&str] = &[
    "tune",
    "model.econ",
    "--search",
    "learning_rate=1e-4..3e-2:log",
    "--search",
    "network=[16]|[16,16]",
    "--trials",
    "9",
    "--seeds",
    "1..2",
];

#[test]
fn threads_change_nothing_and_the_winner_is_what_train_learns() {
    let folder = folder(GROWTH);
    for (threads, out) in [("1", "one"), ("3", "three")] {
        let more = ["--with", "steps=8000", "--threads", threads, "--out", out];
        succeeds(folder.path(), &[SEARCH, &more].concat());
    }
    let one = folder.path().join("one");
    same(&one, &folder.path().join("three"));
    let names: Vec<String> = files(&one).iter().map(|f| f.0.display().to_string()).collect();
    let wanted = [
        "best.econ",
        "model.econ",
        "plots/options.svg",
        "plots/rungs.svg",
        "policy_last_seed_1.ron",
        "policy_last_seed_2.ron",
        "rungs.csv",
        "trials.csv",
    ];
    assert_eq!(names, wanted);
    let rows = table(&one.join("trials.csv"));
    assert_eq!(rows.len(), 10);
    assert_eq!(column(&rows, "rung"), ["3", "2", "2", "1", "1", "1", "1", "1", "1"]);
    assert_eq!(column(&rows, "status")[..2], ["best", "dropped"]);
    // Rungs of 889, 2667 and 8000 steps, to the end of an update of 256.
    assert_eq!(column(&rows, "steps")[..4], ["8192", "2816", "2816", "1024"]);
    let measured = table(&one.join("rungs.csv"));
    assert_eq!(measured.len(), 1 + 2 * (9 + 3 + 1));

    // The block of the best is a model's, in the standard layout, and trains the policy of the search to the bit.
    let block = std::fs::read_to_string(one.join("best.econ")).expect("a block");
    let model = GROWTH.split("train ppo").next().expect("a model");
    std::fs::write(folder.path().join("best.econ"), format!("{model}\n{block}")).expect("a file");
    succeeds(folder.path(), &["train", "best.econ", "--seeds", "2", "--out", "again"]);
    let policy = |d: &str| std::fs::read(folder.path().join(d).join("policy_last_seed_2.ron")).expect("a policy");
    assert!(policy("one") == policy("again"));
    std::fs::write(folder.path().join("block.econ"), &block).expect("a file");
    succeeds(folder.path(), &["fmt", "--check", "block.econ"]);

    // Its run is read as one of a training: the best trial's policies are those of that training.
    for run in ["one", "again"] {
        let seed = ["--of-seed", "2", "--out"];
        succeeds(
            folder.path(),
            &[&["export", run], &seed[..], &[&format!("{run}.csv")]].concat(),
        );
        let out = format!("{run}-played");
        let played = [
            "simulate",
            "model.econ",
            "--periods",
            "50",
            "--policy",
            run,
            "--out",
            &out,
        ];
        succeeds(folder.path(), &played);
    }
    let text = |file: &str| std::fs::read_to_string(folder.path().join(file)).expect("a table");
    assert_eq!(text("one.csv"), text("again.csv"));
    assert!(text("one-played/returns.csv").lines().count() > 1);
    let refused = run(folder.path(), &["export", "one", "--best"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("E0954") && said.contains("leave out --best"), "{said}");

    // Another seed draws other trials; `--seeds` are those of the trainings.
    let more = [
        "--with",
        "steps=1000",
        "--method",
        "random",
        "--seed",
        "2",
        "--out",
        "other",
    ];
    succeeds(folder.path(), &[SEARCH, &more].concat());
    let other = table(&folder.path().join("other/trials.csv"));
    assert!(column(&other, "rung").iter().all(|r| r == "1"));
    assert_ne!(column(&other, "learning_rate"), column(&rows, "learning_rate"));
}

#[test]
fn a_killed_search_goes_on_to_the_bit() {
    let folder = folder(GROWTH);
    let with = |out: &'static str| [SEARCH, &["--with", "steps=30_000", "--checkpoint", "0", "--out", out]].concat();
    succeeds(folder.path(), &with("whole"));
    let partial = || {
        let entries = std::fs::read_dir(folder.path()).expect("a folder");
        let names = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
        names.into_iter().any(|n| n.starts_with("killed.partial-"))
    };
    let line = with("killed");
    let resume = ["tune", "--resume", "killed", "--checkpoint", "0"];
    let mut kills = 0;
    for k in 0..5u64 {
        let arguments: &[&str] = if partial() { &resume } else { &line };
        let mut child = econc(folder.path(), arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("econc runs");
        if k == 0 {
            // However fast the machine is, it is stopped once.
            while !partial() && child.try_wait().expect("a status").is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
        } else {
            std::thread::sleep(Duration::from_millis(90 + 67 * (k * 7 % 5)));
        }
        if child.try_wait().expect("a status").is_some() {
            break;
        }
        if k == 0 {
            // The first time Ctrl-C, which may come to its own end; then SIGKILL.
            let number = child.id().to_string();
            Command::new("kill")
                .args(["-INT", &number])
                .status()
                .expect("kill runs");
        } else {
            child.kill().ok();
        }
        child.wait().expect("an end");
        kills += 1;
    }
    assert!(kills > 0, "the search was over before it could be killed");
    if !folder.path().join("killed").is_dir() {
        let arguments: &[&str] = if partial() { &resume } else { &line };
        succeeds(folder.path(), arguments);
    }
    same(&folder.path().join("whole"), &folder.path().join("killed"));
    let again = run(folder.path(), &["tune", "--resume", "killed"]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("E0953"));
}

#[test]
fn halving_finds_a_learning_rate_that_learns_among_those_that_do_not() {
    let folder = folder(GROWTH);
    succeeds(folder.path(), &["solve", "model.econ", "--out", "exact"]);
    // Six decades: far too small, about right, far too large.
    let search = [
        "tune",
        "model.econ",
        "--search",
        "learning_rate=1e-6..1:log",
        "--trials",
        "18",
        "--with",
        "steps=30_000",
        "--with",
        "network=[16,16]",
        "--with",
        "horizon=128",
        "--with",
        "minibatch=512",
        "--with",
        "gae_lambda=0.98",
        "--with",
        "unplayed=1",
        "--with",
        "common_chance=1",
        "--with",
        "first_policy=middle",
        "--with",
        "activation=relu",
        "--with",
        "average_from=1",
        "--against",
        "exact",
    ];
    let by_return = ["--objective", "return", "--out", "by_return"];
    succeeds(folder.path(), &[&search[..], &by_return].concat());
    succeeds(folder.path(), &[&search[..], &["--out", "by_distance"]].concat());
    for (run, objective) in [("by_return", "mean return"), ("by_distance", "mean distance")] {
        let rows = table(&folder.path().join(run).join("trials.csv"));
        let numbers = |name: &str| {
            column(&rows, name)
                .iter()
                .map(|x| x.parse().expect("a number"))
                .collect::<Vec<f64>>()
        };
        let (rates, distances) = (numbers("learning_rate"), numbers("mean distance"));
        assert!(
            rates.iter().any(|r| *r < 1e-5) && rates.iter().any(|r| *r > 0.1),
            "{rates:?}"
        );
        assert!((3e-4..0.1).contains(&rates[0]), "{run}: {rates:?}");
        assert!(distances[0] < 0.05, "{run}: {distances:?}");
        // Those that hardly move are dropped at once, far from the exact policy.
        let hardly = |i: &usize| rates[*i] < 1e-5;
        for i in (0..rates.len()).filter(hardly) {
            assert!(
                numbers("rung")[i] == 1.0 && distances[i] > 0.2,
                "{rates:?} {distances:?}"
            );
        }
        let means = numbers(objective);
        let better = |a: f64, b: f64| if objective == "mean return" { a > b } else { a < b };
        assert!(means[1..].iter().all(|m| better(means[0], *m)), "{run}: {means:?}");
        let steps: f64 = numbers("steps").iter().sum();
        assert!(steps < 0.3 * 18.0 * 30_000.0, "{steps}");
    }
    // The policies of the best are there to be judged.
    let o = run(
        folder.path(),
        &[
            "verify",
            "model.econ",
            "--policy",
            "by_return",
            "--solution",
            "exact",
            "--out",
            "verdict",
            "--json",
        ],
    );
    let json: serde_json::Value = serde_json::from_slice(&o.stdout).expect("JSON");
    let lines = json["certificate"].as_array().expect("lines");
    assert!(lines.iter().any(|l| l["name"] == "welfare loss"), "{json}");
}

#[test]
fn a_trial_that_fails_is_last_and_only_if_all_fail_so_does_the_search() {
    let folder = folder(GROWTH);
    let search = ["tune", "model.econ", "--with", "steps=3000", "--trials", "6"];
    let some = [
        "--search",
        "learning_rate=1e-3|1e30",
        "--search",
        "clip=0.1..0.3",
        "--out",
        "some",
        "--json",
    ];
    let json: serde_json::Value =
        serde_json::from_str(&succeeds(folder.path(), &[&search[..], &some].concat())).expect("JSON");
    let rows = table(&folder.path().join("some/trials.csv"));
    let (rates, status) = (column(&rows, "learning_rate"), column(&rows, "status"));
    assert_eq!((rates[0].as_str(), status[0].as_str()), ("0.001", "best"));
    assert_eq!(rates[5], "1e30");
    assert!(status[5].starts_with("failed: E09"), "{status:?}");
    let first_failure = status.iter().position(|s| s.starts_with("failed")).expect("a failure");
    assert!(
        status[first_failure..].iter().all(|s| s.starts_with("failed")),
        "{status:?}"
    );
    assert!(
        json["facts"]["to paste"]
            .as_str()
            .is_some_and(|t| t.contains("learning_rate = 0.001; clip = ")),
        "{json}"
    );

    // Of two choices there are no more than two trials.
    let all = ["--search", "learning_rate=1e30|1e29", "--out", "all"];
    let o = run(folder.path(), &[&search[..], &all].concat());
    let text = String::from_utf8_lossy(&o.stderr);
    assert!(
        o.status.code() == Some(1) && text.contains("E0941") && text.contains("E09"),
        "{text}"
    );
    assert!(String::from_utf8_lossy(&o.stdout).contains("2: the space has no more settings"));
    assert_eq!(table(&folder.path().join("all.failed/trials.csv")).len(), 3);
    assert!(!folder.path().join("all").exists());
}

#[test]
fn a_budget_bounds_all_steps_and_tables_learn_too() {
    let folder = folder(CHOICES);
    let line = [
        "tune",
        "model.econ",
        "--learner",
        "q_learning",
        "--trials",
        "9",
        "--budget",
        "100_000",
        "--out",
        "q",
    ];
    let text = succeeds(folder.path(), &line);
    assert!(
        text.contains("alpha=0.01..0.5:log") && text.contains("train q_learning {"),
        "{text}"
    );
    let rows = table(&folder.path().join("q/trials.csv"));
    let steps: u64 = column(&rows, "steps")
        .iter()
        .map(|s| s.parse::<u64>().expect("steps"))
        .sum();
    assert!((60_000..=100_000).contains(&steps), "{steps}");
    // Trial 1 is the settings as they stand.
    let first = column(&rows, "trial").iter().position(|t| t == "1").expect("trial 1");
    let option = |name: &str| column(&rows, name)[first].clone();
    assert_eq!(
        (option("alpha"), option("exploration_rate")),
        ("0.1".to_string(), "1e-5".to_string())
    );
}

/// Learners that play stretches stop at the end of one, all others at the end of a period; budgets hold for what is played.
#[test]
fn the_schedule_is_what_runs_and_stays_within_the_budget() {
    let folder = folder(CHOICES);
    for (n, (learner, more, budget)) in [
        ("q_learning", &["evaluations=2"][..], 20_000),
        ("q_learning", &["worlds=3"], 20_000),
        ("q_learning", &["worlds=700"], 5_001),
        ("dqn", &["worlds=7"], 3_001),
        ("ppo", &["worlds=4", "horizon=100", "minibatch=64"], 9_001),
        (
            "ppo",
            &["worlds=4", "horizon=30", "minibatch=64", "first_policy=middle"],
            2_003,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (out, budget) = (format!("b{n}"), budget.to_string());
        let mut line = vec![
            "tune",
            "model.econ",
            "--learner",
            learner,
            "--trials",
            "4",
            "--budget",
            &budget,
        ];
        line.extend(["--out", &out]);
        line.extend(more.iter().flat_map(|x| ["--with", *x]));
        let said = succeeds(folder.path(), &line);
        let at = |file: &str, name: &str| -> Vec<u64> {
            let rows = table(&folder.path().join(&out).join(file));
            column(&rows, name).iter().map(|s| s.parse().expect("steps")).collect()
        };
        let total: u64 = at("trials.csv", "steps").iter().sum();
        let most: u64 = budget.parse().expect("a number");
        assert!(
            total <= most && total > most / 4,
            "{learner} {more:?}: {total} of {budget}"
        );
        let (rungs, steps) = (at("rungs.csv", "rung"), at("rungs.csv", "steps"));
        let reached = |rung: u64| {
            rungs
                .iter()
                .zip(&steps)
                .filter(|(r, _)| **r == rung)
                .map(|(_, s)| *s)
                .max()
        };
        let first = reached(1).expect("a first rung");
        let parts: String = said.split_whitespace().collect();
        let wanted = match reached(2) {
            Some(second) => format!("4trialsto{first}steps,1to{second}"),
            None => format!("4trialsto{first}steps"),
        };
        assert!(parts.contains(&wanted), "{wanted}: {said}");
    }
    // The least budget that works is named, and works.
    for (learner, more) in [("q_learning", "worlds=7"), ("ppo", "worlds=4")] {
        let asked = [
            "tune",
            "model.econ",
            "--learner",
            learner,
            "--trials",
            "3",
            "--with",
            more,
        ];
        let o = run(folder.path(), &[&asked[..], &["--budget", "2"]].concat());
        let text = String::from_utf8_lossy(&o.stderr).into_owned();
        assert_eq!(o.status.code(), Some(2), "{text}");
        let (_, rest) = text.split_once("3 trials times 1 seeds take ").expect("the least");
        let least: u64 = rest.split(' ').next().expect("it").parse().expect("a number");
        let short = (least - 1).to_string();
        let o = run(folder.path(), &[&asked[..], &["--budget", &short]].concat());
        assert_eq!(o.status.code(), Some(2), "{short}");
        let least = least.to_string();
        succeeds(
            folder.path(),
            &[&asked[..], &["--budget", &least, "--out", learner]].concat(),
        );
    }
}

#[test]
fn an_option_that_changes_nothing_is_not_searched() {
    let folder = folder(CHOICES);
    let o = run(
        folder.path(),
        &["tune", "model.econ", "--learner", "q_learning", "--search", "bins=2..5"],
    );
    let text = String::from_utf8_lossy(&o.stderr);
    assert_eq!(o.status.code(), Some(2), "{text}");
    assert!(text.contains("E0989") && text.contains("--search bins=2..5"), "{text}");
    assert!(!folder.path().join("runs").exists());
    // Of the usual options, those that another one makes idle are left out; where a trial reads it, an option is searched.
    let few = ["tune", "model.econ", "--learner", "q_learning", "--with", "steps=300"];
    let linear = ["--trials", "3", "--with", "exploration=linear", "--out", "a"];
    let said = succeeds(folder.path(), &[&few[..], &linear].concat());
    assert!(said.contains("alpha=") && !said.contains("exploration_rate="), "{said}");
    let words = [
        "--search",
        "exploration=linear|exponential",
        "--trials",
        "6",
        "--out",
        "b",
    ];
    let rates = ["--search", "exploration_rate=1e-5..1e-3:log"];
    succeeds(folder.path(), &[&few[..], &words, &rates].concat());
}

#[test]
fn what_cannot_be_searched_is_misuse_with_advice() {
    let folder = folder(GROWTH);
    for (more, words) in [
        (
            &["--search", "learnign_rate=1e-4..1e-2"][..],
            &["E0801", "did you mean `learning_rate`"][..],
        ),
        (
            &["--search", "learning_rate=1e-2..1e-4"],
            &["E0940", "learning_rate=1e-4..0.01"],
        ),
        (&["--search", "learning_rate=0..1e-2:log"], &["E0940", "above 0"]),
        (&["--search", "learning_rate=0..1e-2"], &["E0805", "learning_rate"]),
        (
            &["--search", "gae_lambda=0.9..1.1"],
            &["E0805", "gae_lambda", "--search gae_lambda=0.9..1.1"],
        ),
        (&["--search", "epochs=1.5..4"], &["E0940", "whole numbers"]),
        (&["--search", "activation=tanh|rleu"], &["E0805", "did you mean `relu`"]),
        (&["--search", "network=1..4"], &["E0940", "[32,32]|[64,64]"]),
        (&["--search", "discount=0.8|0.7"], &["E0806"]),
        (
            &["--search", "clip=0.1..0.3", "--with", "clip=0.2"],
            &["E0940", "fixed by --with"],
        ),
        (&["--learner", "pppo"], &["E0804", "did you mean `ppo`"]),
        (&["--with", "stpes=100"], &["E0801", "did you mean `steps`"]),
        (&["--budget", "100", "--with", "steps=100"], &["E0940", "exclude"]),
        (&["--budget", "5"], &["E0940", "too small"]),
        (&["--objective", "distance"], &["E0940", "--against"]),
        (&["--against", "nothing"], &["E0954"]),
        (&["--trials", "0"], &["--trials"]),
        (&["--least", "some"], &["200_000"]),
        (&["--seeds", "5..1"], &["E0929"]),
    ] {
        let o = run(folder.path(), &[&["tune", "model.econ"][..], more].concat());
        let text = String::from_utf8_lossy(&o.stderr);
        assert_eq!(o.status.code(), Some(2), "{more:?}: {text}");
        assert!(words.iter().all(|w| text.contains(w)), "{more:?}: {text}");
    }
    assert!(!folder.path().join("runs").exists(), "nothing is left behind");
    let training = ["train", "model.econ", "--with", "steps=1000", "--out", "trained"];
    succeeds(folder.path(), &training);
    let o = run(folder.path(), &["tune", "--resume", "nothing"]);
    assert!(String::from_utf8_lossy(&o.stderr).contains("E0954"));
}
