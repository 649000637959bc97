//! The program trains: runs that are killed go on to the bit, threads change nothing, and what cannot be learned is refused.

#![cfg(feature = "learn")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const GROWTH: &str = "model tiny\n\
    shock z ~ ar1(rho: 0.9, sigma: 0.02)\n\
    agent planner {\n  state k in [0.01, 2], start uniform(0.1, 0.3)\n  action s in (0, 1)\n  \
    let y = exp(z) * k^0.36\n  let c = (1 - s) * y\n  k' = s * y\n  observe k, z\n  reward log(c)\n  discount 0.9\n}\n";
const CHOICES: &str = "model choices\n\
    agent owner {\n  state x in 0..10, start 0\n  action d in {keep, replace}\n  \
    x' = if d == replace then 0 else min(x + 1, 10)\n  observe x\n  \
    reward if d == replace then -5 else -0.3 * x\n  discount 0.9\n}\n";

/// Two who keep machines for one owner.
const TEAM: &str = "model team\n\
    agent keeper[2] {\n  state x in 0..5, start 0\n  action d in {keep, replace}\n  \
    let cost = if d == replace then 5 else x\n  x' = if d == replace then 0 else min(x + 1, 5)\n  observe x\n  \
    reward -sum(keeper.cost)\n  discount 0.9\n}\n";

/// Some stages of soft actor-critic.
const SAC: &[&str] = &[
    "steps=20_000",
    "worlds=16",
    "stages=4",
    "train_every=64",
    "minibatch=64",
    "network=[16]",
];

/// (learner, model, options that make a run of a second or less)
const RUNS: &[(&str, &str, &[&str])] = &[
    (
        "ppo",
        GROWTH,
        &["steps=60_000", "worlds=8", "horizon=32", "minibatch=64"],
    ),
    ("a2c", GROWTH, &["steps=60_000", "worlds=8"]),
    ("sac", GROWTH, SAC),
    ("dqn", CHOICES, &["steps=12_000", "warmup=200"]),
    ("recurrent_ppo", GROWTH, &["steps=8000", "worlds=4", "horizon=32"]),
    ("q_learning", CHOICES, &["steps=200_000"]),
    ("impala", GROWTH, &["steps=60_000", "worlds=8"]),
    ("qmix", TEAM, &["steps=12_000", "warmup=200", "network=[16]"]),
];

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

/// The command line of a training.
fn training<'a>(learner: &'a str, options: &'a [&'a str], out: &'a str) -> Vec<&'a str> {
    let mut line = vec![
        "train",
        "model.econ",
        "--learner",
        learner,
        "--out",
        out,
        "--with",
        "periods=20",
    ];
    line.extend(["--with", "evaluations=3", "--with", "evaluation_periods=20"]);
    for o in options {
        line.extend(["--with", *o]);
    }
    line
}

fn folder(model: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("model.econ"), model).expect("a model");
    folder
}

fn policy(run: &Path, seed: u64) -> Vec<u8> {
    std::fs::read(run.join(format!("policy_last_seed_{seed}.ron"))).expect("a policy")
}

/// The unfinished directory of a run, if there is one.
fn partial(folder: &Path, out: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .expect("a folder")
        .filter_map(|e| Some(e.ok()?.path()))
        .find(|p| {
            p.file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with(&format!("{out}.partial-")))
        })
}

/// Trains once without and once with kills (after growing times, resumed each time); the policies must be equal to the bit.
fn survives(learner: &str, model: &str, options: &[&str], kills: u64) -> u64 {
    let folder = folder(model);
    let whole = run(folder.path(), &training(learner, options, "whole"));
    assert!(
        whole.status.success(),
        "{learner}: {}",
        String::from_utf8_lossy(&whole.stderr)
    );
    let mut line = training(learner, options, "killed");
    line.extend(["--checkpoint", "0"]);
    let mut next = econc(folder.path(), &line);
    let mut killed = 0;
    for k in 0..kills {
        let mut child = next
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("econc runs");
        if k == 0 {
            // However fast the machine is, it is killed once.
            while partial(folder.path(), "killed").is_none() && child.try_wait().expect("a status").is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
        } else {
            std::thread::sleep(Duration::from_millis(40 + 37 * (k * 7 % 11)));
        }
        // A run that was quicker than the kill is done.
        let done = child.try_wait().expect("a status").is_some();
        child.kill().ok();
        child.wait().expect("an end");
        if done {
            break;
        }
        killed += 1;
        if partial(folder.path(), "killed").is_none() {
            // Killed before there was a directory: begin again.
            next = econc(folder.path(), &line);
            continue;
        }
        next = econc(folder.path(), &["train", "--resume", "killed", "--checkpoint", "0"]);
    }
    let complete = folder.path().join("killed");
    if !complete.is_dir() {
        let last = next
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .expect("econc runs");
        assert!(
            last.status.success(),
            "{learner}: {}",
            String::from_utf8_lossy(&last.stderr)
        );
    }
    assert!(killed > 0, "{learner}: the run was over before it could be killed");
    let (a, b) = (policy(&folder.path().join("whole"), 1), policy(&complete, 1));
    assert!(a == b, "{learner}: another policy after {killed} kills");
    let measured = |d: &str| std::fs::read(folder.path().join(d).join("seed_1/measured.csv")).expect("measurements");
    assert!(measured("whole") == measured("killed"), "{learner}");
    // A second time there is nothing to resume.
    let again = run(folder.path(), &["train", "--resume", "killed"]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("E0953"));
    killed
}

#[test]
fn a_killed_training_goes_on_to_the_bit() {
    // All learners, and twenty kills of runs that are longer, with ECONC_LONG=1.
    let long = std::env::var("ECONC_LONG").is_ok();
    for (learner, model, options) in RUNS {
        if long || ["ppo", "dqn", "sac"].contains(learner) {
            let longer = |o: &&str| match o
                .strip_prefix("steps=")
                .and_then(|n| n.replace('_', "").parse::<u64>().ok())
            {
                Some(steps) if long => format!("steps={}", 20 * steps),
                _ => (*o).to_string(),
            };
            let options: Vec<String> = options.iter().map(longer).collect();
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let killed = survives(learner, model, &options, if long { 20 } else { 4 });
            assert!(!long || killed == 20, "{learner}: killed {killed} times");
        }
    }
}

#[test]
fn threads_change_nothing() {
    for (learner, options) in [
        ("ppo", &["steps=20_000", "worlds=8", "horizon=32"][..]),
        ("impala", &["steps=10_000", "worlds=8"]),
        ("sac", SAC),
    ] {
        let folder = folder(GROWTH);
        for (threads, out) in [("1", "one"), ("2", "two")] {
            let mut line = training(learner, options, out);
            line.extend(["--seeds", "1..3", "--threads", threads]);
            let done = run(folder.path(), &line);
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        for seed in 1..=3 {
            let read = |d: &str| policy(&folder.path().join(d), seed);
            assert!(read("one") == read("two"), "{learner}");
        }
        let seeds = |d: &str| std::fs::read(folder.path().join(d).join("seeds.csv")).expect("a table");
        assert!(seeds("one") == seeds("two"), "{learner}");
        assert!(policy(&folder.path().join("one"), 1) != policy(&folder.path().join("one"), 2));
    }
}

#[test]
fn what_cannot_be_learned_is_refused_with_advice() {
    let folder = folder(CHOICES);
    let told = |arguments: &[&str]| {
        let o = run(folder.path(), arguments);
        assert!(!o.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&o.stderr).to_string()
    };
    let sac = told(&["train", "model.econ", "--learner", "sac"]);
    assert!(sac.contains("E0923") && sac.contains("train ppo"), "{sac}");
    assert!(told(&["train", "model.econ", "--learner", "pppo"]).contains("did you mean `ppo`"));
    assert!(told(&["train", "model.econ", "--with", "stpes=5"]).contains("did you mean `steps`"));
    assert!(told(&["train", "model.econ", "--with", "steps"]).contains("E0929"));
    assert!(told(&["train", "model.econ", "--agent", "ownr"]).contains("did you mean `owner`"));
    assert!(told(&["train", "model.econ", "--seeds", "5..1"]).contains("E0929"));
    assert!(told(&["train", "--resume", "nothing"]).contains("E0954"));
}

#[test]
fn a_damaged_checkpoint_and_a_bad_reward_stop_with_a_message() {
    let folder = folder(GROWTH);
    let mut line = training("ppo", &["steps=600_000", "worlds=8"], "run");
    line.extend(["--checkpoint", "0"]);
    let mut child = econc(folder.path(), &line)
        .stderr(Stdio::null())
        .spawn()
        .expect("econc runs");
    let file = loop {
        let found = partial(folder.path(), "run")
            .map(|p| p.join("seed_1/checkpoint"))
            .filter(|p| p.exists());
        if let Some(f) = found {
            break f;
        }
        assert!(
            child.try_wait().expect("a status").is_none(),
            "over before its first checkpoint"
        );
        std::thread::sleep(Duration::from_millis(5));
    };
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let bytes = std::fs::read(&file).expect("a checkpoint");
    std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("a shorter one");
    let o = run(folder.path(), &["train", "--resume", "run"]);
    assert!(
        String::from_utf8_lossy(&o.stderr).contains("E0983"),
        "{}",
        String::from_utf8_lossy(&o.stderr)
    );

    let bad = GROWTH.replace("reward log(c)", "reward log(c - 0.3)");
    std::fs::write(folder.path().join("bad.econ"), bad).expect("a model");
    let o = run(
        folder.path(),
        &["train", "bad.econ", "--with", "steps=5000", "--out", "bad"],
    );
    let text = String::from_utf8_lossy(&o.stderr).to_string();
    assert!(
        !o.status.success() && text.contains("E0903") && text.contains("planner.k"),
        "{text}"
    );
    assert!(!folder.path().join("bad").exists());
}

#[test]
fn a_training_is_judged_simulated_and_exported() {
    let folder = folder(GROWTH);
    let line = training("ppo", &["steps=40_000", "worlds=8", "horizon=32"], "learned");
    assert!(run(folder.path(), &line).status.success());
    let o = run(
        folder.path(),
        &[
            "verify",
            "model.econ",
            "--policy",
            "learned",
            "--json",
            "--out",
            "verdict",
        ],
    );
    let json: serde_json::Value = serde_json::from_slice(&o.stdout).expect("JSON");
    let lines = json["certificate"].as_array().expect("lines");
    let of = |name: &str| {
        let line = lines.iter().find(|l| l["name"] == name);
        line.and_then(|l| l["measured"].as_f64())
            .unwrap_or_else(|| panic!("no `{name}`"))
    };
    // 40 000 steps do not find the optimum, but come near it; nothing loses less than the exact policy.
    let (distance, loss) = (of("distance in policy"), of("welfare loss"));
    assert!(distance > 1e-6 && distance < 0.5, "{distance}");
    assert!(loss > 0.0 && loss < 0.1, "{loss}");
    let o = run(
        folder.path(),
        &[
            "simulate",
            "model.econ",
            "--policy",
            "learned",
            "--periods",
            "50",
            "--json",
            "--out",
            "path",
        ],
    );
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    let o = run(folder.path(), &["export", "learned", "--out", "policy.csv"]);
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    let table = std::fs::read_to_string(folder.path().join("policy.csv")).expect("a table");
    assert!(table.starts_with("planner.k,z,planner.s\n") && table.lines().count() > 1000);
    let shares = table
        .lines()
        .skip(1)
        .map(|l| l.rsplit(',').next().and_then(|x| x.parse::<f64>().ok()));
    assert!(shares.into_iter().all(|s| s.is_some_and(|s| (0.0..1.0).contains(&s))));
    let o = run(
        folder.path(),
        &[
            "export",
            "learned",
            "--to",
            "safetensors",
            "--out",
            "policy.safetensors",
        ],
    );
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    let bytes = std::fs::read(folder.path().join("policy.safetensors")).expect("weights");
    let weights = safetensors::SafeTensors::deserialize(&bytes).expect("the format");
    assert_eq!(weights.tensor("layer.0.weight").expect("a layer").shape(), [2, 64]);
}

/// The leader who knows that the follower's best answers to 0..6 are 5, 4, 4, 3, 3, 2, 2 chooses 5, and the follower 2.
const LEAD: &str = "model lead\nstages lead, follow\n\
    agent leader {\n  action q in 0..6 at lead\n  reward (9 - q - follower.q) * q\n}\n\
    agent follower {\n  action q in 0..6 at follow\n  observe leader.q\n  reward (9.5 - leader.q - q) * q\n}\n";

/// Everything that was learned in a run.
fn learned(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut out: Vec<(String, Vec<u8>)> = std::fs::read_dir(run)
        .expect("a run")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.is_file())
        .map(|p| (p.file_name().expect("a name").to_string_lossy().into_owned(), p))
        .filter(|(name, _)| name.starts_with("policy_") || name == "seeds.csv")
        .map(|(name, p)| (name, std::fs::read(p).expect("a file")))
        .collect();
    out.sort();
    out
}

/// `train` blocks that name agents say what `--agent`, `--learner` and `--with` say.
#[test]
fn train_blocks_that_name_agents_let_them_learn_at_once() {
    let blocks = |follower: &str| {
        format!(
            "{LEAD}train q_learning {{ agent = leader; steps = 4000; alpha = 0.04 }}\n\
             train q_learning {{ agent = follower; steps = 4000; {follower} }}\n"
        )
    };
    let trained = |model: &str, line: &[&str]| {
        let folder = folder(model);
        let done = run(
            folder.path(),
            &[&["train", "model.econ", "--out", "run"], line].concat(),
        );
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        learned(&folder.path().join("run"))
    };
    let both = trained(&blocks("alpha = 0.05; exploration_rate = 1e-3"), &[]);
    let line = "--agent leader --agent follower --learner q_learning --with steps=4000 --with alpha.leader=0.04 \
                --with alpha.follower=0.05 --with exploration_rate.follower=1e-3";
    assert!(both == trained(LEAD, &line.split_whitespace().collect::<Vec<_>>()));
    // What the follower's block says is the follower's.
    let other = trained(&blocks("alpha = 0.2; exploration_rate = 1e-3"), &[]);
    let policy = |files: &[(String, Vec<u8>)], agent: &str| {
        let file = files
            .iter()
            .find(|(name, _)| name.starts_with(&format!("policy_last_{agent}_")));
        file.map(|(_, bytes)| bytes.clone()).expect("a policy")
    };
    assert!(policy(&both, "follower") != policy(&other, "follower"));
    // One of them, by its own block; and by the block that names nobody.
    let alone = trained(&blocks("alpha = 0.05"), &["--agent", "follower"]);
    let line = [
        "--agent",
        "follower",
        "--learner",
        "q_learning",
        "--with",
        "steps=4000",
        "--with",
        "alpha=0.05",
    ];
    assert!(alone == trained(LEAD, &line) && alone.iter().any(|(name, _)| name == "policy_last_seed_1.ron"));
    let rest = format!("{LEAD}train dqn {{ agent = leader }}\ntrain q_learning {{ steps = 4000; alpha = 0.05 }}\n");
    assert!(alone == trained(&rest, &["--agent", "follower"]));
    // Mistakes, each with its place.
    for (model, code, said) in [
        (
            blocks("alpha = 0.05").replace("= follower;", "= folower;"),
            "E0804",
            "did you mean `follower`",
        ),
        (
            blocks("alpha = 0.05").replace("= follower;", "= leader;"),
            "E0113",
            "`train q_learning` for `leader`",
        ),
        (
            blocks("worlds = 3").replace("alpha = 0.04", "worlds = 4"),
            "E0805",
            "the same in every `train` block",
        ),
        (
            blocks("alpha = 0.05").replace("= follower;", "= 3;"),
            "E0805",
            "the name of an agent",
        ),
        (
            format!(
                "{LEAD}agent idle {{\n  action m in 0..1 at follow\n  policy m = 1\n  reward m\n}}\ntrain ppo {{ agent = idle }}\n"
            ),
            "E0927",
            "idle",
        ),
    ] {
        let folder = folder(&model);
        let refused = run(folder.path(), &["train", "model.econ"]);
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(
            !refused.status.success() && told.contains(code) && told.contains(said),
            "{code}: {told}"
        );
    }
    let folder = folder(&blocks("alpha = 0.05"));
    let told = String::from_utf8_lossy(&run(folder.path(), &["tune", "model.econ"]).stderr).to_string();
    assert!(told.contains("E0927") && told.contains("--agent leader"), "{told}");
    let twice = run(folder.path(), &["train", "model.econ", "--set", "train.agent=leader"]);
    let told = String::from_utf8_lossy(&twice.stderr);
    assert!(!twice.status.success() && told.contains("E0113"), "{told}");
}

/// `train --list` names every learner, with what it knows.
#[test]
fn learners_are_listed() {
    let folder = folder(LEAD);
    let text = run(folder.path(), &["train", "--list"]).stdout;
    let text = String::from_utf8_lossy(&text);
    let json = run(folder.path(), &["train", "--list", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    for (i, l) in econc::learn::methods::LEARNERS.iter().enumerate() {
        for part in [l.method, l.about, l.choices.words(), l.search[0]] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(
            (&json[i]["learner"], &json[i]["built"]),
            (&l.method.into(), &true.into())
        );
    }
    let one = run(folder.path(), &["train", "--list", "sac"]).stdout;
    let one = String::from_utf8_lossy(&one);
    assert!(
        one.contains("target_entropy = -0.7") && one.contains("stages = 7"),
        "{one}"
    );
    // Whoever has other keys says so in the list of its options alone.
    let of = |name: &str| {
        String::from_utf8_lossy(&run(folder.path(), &["train", "--list", name]).stdout).contains("stable(100_000)")
    };
    assert!(of("q_learning") && !of("ppo"));
}

#[test]
fn agents_that_learn_at_once_are_written_played_and_go_on_after_a_kill() {
    let folder = folder(LEAD);
    let line = |out: &'static str| {
        let line = "train model.econ --agent leader --agent follower --learner q_learning --with steps=60000 \
                    --with exploration_rate=1e-4 --with alpha=0.05 --with alpha.leader=0.04 --checkpoint 0 --out";
        line.split_whitespace().chain([out]).collect::<Vec<&str>>()
    };
    let whole = run(folder.path(), &line("whole"));
    let text = String::from_utf8_lossy(&whole.stdout).to_string() + &String::from_utf8_lossy(&whole.stderr);
    assert!(whole.status.success() && text.contains("not judged"), "{text}");
    let names: Vec<String> = learned(&folder.path().join("whole"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for agent in ["leader", "follower"] {
        assert!(names.contains(&format!("policy_last_{agent}_seed_1.ron")), "{names:?}");
        assert!(
            folder
                .path()
                .join(format!("whole/seed_1/{agent}/measured.csv"))
                .is_file()
        );
    }
    // The run's table has what each earns in the end.
    let seeds = std::fs::read_to_string(folder.path().join("whole/seeds.csv")).expect("a table");
    let rows: Vec<Vec<&str>> = seeds.lines().skip(1).map(|l| l.split(',').collect()).collect();
    let earned: Vec<(&str, f64)> = rows.iter().map(|r| (r[1], r[2].parse().expect("a number"))).collect();
    assert_eq!(earned, [("leader", 10.0), ("follower", 5.0)], "{seeds}");
    // Both are played.
    let played = run(
        folder.path(),
        &[
            "simulate",
            "model.econ",
            "--policy",
            "whole",
            "--periods",
            "7",
            "--out",
            "sim",
        ],
    );
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
    let returns = std::fs::read_to_string(folder.path().join("sim/returns.csv")).expect("a table");
    assert!(
        returns.contains("leader,70") && returns.contains("follower,35"),
        "{returns}"
    );
    // One of them beside chance: the named policy alone.
    let one = [
        "simulate",
        "model.econ",
        "--policy",
        "follower=whole",
        "--policy",
        "leader=fixed:leader.q=6",
        "--periods",
        "7",
        "--out",
        "one",
    ];
    assert!(run(folder.path(), &one).status.success());
    let returns = std::fs::read_to_string(folder.path().join("one/returns.csv")).expect("a table");
    assert!(
        returns.contains("leader,42") && returns.contains("follower,21"),
        "{returns}"
    );
    // Killed as soon as there is something, and gone on with.
    let mut child = econc(folder.path(), &line("killed"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("econc runs");
    while partial(folder.path(), "killed").is_none() && child.try_wait().expect("a status").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().ok();
    child.wait().expect("an end");
    if !folder.path().join("killed").is_dir() {
        let resumed = run(folder.path(), &["train", "--resume", "killed"]);
        assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    }
    assert!(learned(&folder.path().join("killed")) == learned(&folder.path().join("whole")));
    // What says one agent's policy needs its name.
    let told = |arguments: &[&str]| {
        let o = run(folder.path(), arguments);
        assert!(!o.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&o.stderr).to_string()
    };
    assert!(told(&["export", "whole"]).contains("E0934"));
    assert!(
        run(folder.path(), &["export", "whole", "--agent", "follower"])
            .status
            .success()
    );
    let table = std::fs::read_to_string(folder.path().join("policy.csv")).expect("a table");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows[..3], ["leader.q,follower.q", "0.0,5.0", "1.0,4.0"], "{table}");
    assert_eq!(
        rows[3..],
        ["2.0,4.0", "3.0,3.0", "4.0,3.0", "5.0,2.0", "6.0,2.0"],
        "{table}"
    );
    let both = ["train", "model.econ", "--agent", "leader", "--agent", "follower"];
    let and = |more: &[&'static str]| told(&[both.as_slice(), more].concat());
    assert!(and(&["--agent", "leader"]).contains("E0927"));
    assert!(and(&["--others", "follower=random"]).contains("E0934"));
    let worlds = ["--with", "worlds.leader=3", "--with", "worlds.follower=4"];
    assert!(and(&[["--learner", "leader=ppo", "--learner", "follower=dqn"], worlds].concat()).contains("E0805"));
    assert!(and(&["--learner", "ppo", "--learner", "dqn"]).contains("E0929"));
    assert!(told(&["train", "model.econ", "--agent", "leader", "--others", "whole"]).contains("E0934"));
    let beside = [
        "train",
        "model.econ",
        "--agent",
        "leader",
        "--others",
        "follower=whole",
        "--learner",
        "q_learning",
    ];
    let beside = run(
        folder.path(),
        &[beside.as_slice(), &["--with", "steps=2000", "--out", "beside"]].concat(),
    );
    assert!(beside.status.success(), "{}", String::from_utf8_lossy(&beside.stderr));
    let mixed = [
        "--learner",
        "leader=ppo",
        "--learner",
        "follower=q_learning",
        "--with",
        "worlds=8",
        "--with",
        "steps=2000",
    ];
    let mixed = run(folder.path(), &[both.as_slice(), &mixed, &["--out", "mixed"]].concat());
    assert!(mixed.status.success(), "{}", String::from_utf8_lossy(&mixed.stderr));
}
