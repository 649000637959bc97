//! What is asked on the command line has an effect, or is refused with a code: options, files that are named, runs that are read.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

const SAVER: &str = "param a = 0.3 in (0, 1)
shock z ~ markov([0.9, 1.1], [[0.8, 0.2], [0.2, 0.8]])
agent planner {
  state k in [0.05, 0.6], start 0.2
  action s in [0.1, 0.9]
  let y = z * k^a
  k' = s * y
  observe k, z
  reward log((1 - s) * y)
  discount 0.9
}
solve { grid.k = log(60) }
scenario forced { force planner.s = 0.4 + 0.2 * t; periods 4 }
scenario quiet { force planner.s = 0.2; periods 4 }
";

fn put(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("written");
}

/// Exit status, codes of all messages, and everything that was printed.
fn run(folder: &Path, line: &str) -> (i32, Vec<String>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_econc"))
        .current_dir(folder)
        .args(line.split_whitespace())
        .arg("--json")
        .output()
        .expect("econc starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut codes = Vec::new();
    if let Ok(json) = serde_json::from_str::<Value>(&text) {
        collect(&json, &mut codes);
    }
    (output.status.code().unwrap_or(-1), codes, text)
}

fn collect(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let (Some(Value::String(code)), true) = (map.get("code"), map.contains_key("severity")) {
                out.push(code.clone());
            }
            map.values().for_each(|v| collect(v, out));
        }
        Value::Array(list) => list.iter().for_each(|v| collect(v, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn options_without_an_effect_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    put(
        folder.path(),
        "crowd.econ",
        "agent saver[continuum] { action s in [0, 1]; reward -(s - 0.3)^2 }\n",
    );
    for line in [
        "check m.econ --seed 3",
        "check m.econ --threads 2",
        "check m.econ --out x",
        "check m.econ --force",
        "fmt m.econ --set a=0.4",
        "fmt m.econ --out x",
        "graph m.econ --seed 3",
        "graph m.econ --force",
        "graph m.econ --out g.txt --parameters",
        "explain E0201 --set a=0.4",
        "new growth mine --out x",
        "export nothing --seed 2",
        "solve m.econ --force",
        "solve --resume nothing --set a=0.4",
        "train --resume nothing --seed 4",
        "train --list ppo --seed 4",
        "train --list ppo --with steps=3",
        "train m.econ --list ppo",
        "solve m.econ --set verify.episodes=3",
        "simulate m.econ --set tolerance=1e-4",
        "train m.econ --set tolerance=1e-4",
        "tune m.econ --set verify.episodes=3",
        "verify m.econ --solution none --set tolerance=1e-4",
        "simulate m.econ --other-parameters",
        "train m.econ --other-parameters",
        "train m.econ --seed 4 --seeds 1..2",
        "train m.econ --others random",
        "simulate m.econ --greedy",
        "simulate m.econ --policy fixed:s=0.2 --greedy",
        "simulate m.econ --on-chain",
        "simulate m.econ --members 50",
        "tune m.econ --method random --eta 4",
        "steady_state m.econ --set grid.k=40",
        "steady_state m.econ --set tolerance=1e-3",
        "verify m.econ --solution nowhere --set verify.against=nash",
        "tune m.econ --method random --least 10",
    ] {
        let (exit, codes, text) = run(folder.path(), line);
        assert_eq!(
            (exit, codes.as_slice()),
            (2, &["E0989".to_string()][..]),
            "{line}: {text}"
        );
        let left = std::fs::read_dir(folder.path().join("runs")).map_or(0, |all| all.count());
        assert_eq!(left, 0, "{line} leaves a run");
    }
    for line in [
        "solve m.econ --set a=0.4 --set a=0.5",
        "train m.econ --with steps=100 --with steps=200",
        "train m.econ --seeds 1..2 --with seeds=3",
        "tune m.econ --with steps=100 --with steps=200",
        "verify m.econ --with steps=100 --with steps=200",
    ] {
        let (exit, codes, text) = run(folder.path(), line);
        assert_eq!(
            (exit, codes.as_slice()),
            (2, &["E0113".to_string()][..]),
            "{line}: {text}"
        );
    }
    // The same options where they do something.
    for line in [
        "check m.econ --set a=0.4",
        "simulate crowd.econ --members 50 --periods 3 --out s",
        "simulate crowd.econ --members 50 --periods 3 --out s --force",
    ] {
        let (exit, codes, text) = run(folder.path(), line);
        assert_eq!((exit, codes.len()), (0, 0), "{line}: {text}");
    }
}

#[test]
fn likeliest_choices_and_chains_are_refused_where_a_solution_has_none() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    assert_eq!(run(folder.path(), "solve m.econ --out sol").0, 0);
    for option in ["--greedy", "--on-chain"] {
        let line = format!("simulate m.econ --policy sol --periods 5 {option}");
        assert_eq!(run(folder.path(), &line).1, ["E0989"], "{option}");
    }
    assert_eq!(run(folder.path(), "simulate m.econ --policy sol --periods 5").0, 0);
}

#[test]
fn a_run_of_another_economy_is_refused_and_other_numbers_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    assert_eq!(run(folder.path(), "solve m.econ --out sol").0, 0);
    let others = [
        ("names.econ", SAVER.replace("planner", "farmer")),
        (
            "state.econ",
            SAVER.replace("observe k, z", "state n in 0..3, start 0\n  n' = n\n  observe k, z, n"),
        ),
        (
            "shock.econ",
            SAVER
                .replace("agent planner {", "shock w ~ ar1(rho: 0.5, sd: 0.1)\nagent planner {")
                .replace("observe k, z", "observe k, z, w")
                .replace("z * k^a", "z * k^a * exp(w)"),
        ),
        (
            "action.econ",
            SAVER
                .replace("action s in [0.1, 0.9]", "action s in {low, high}")
                .replace("k' = s * y", "k' = (if s == low then 0.2 else 0.3) * y")
                .replace("(1 - s)", "0.7")
                .replace("0.4 + 0.2 * t", "low")
                .replace("0.2; p", "low; p"),
        ),
    ];
    for (name, text) in &others {
        assert!(*text != SAVER, "{name}");
        put(folder.path(), name, text);
        assert_eq!(run(folder.path(), &format!("check {name}")).0, 0, "{name}");
        for line in [
            format!("simulate {name} --policy sol --periods 5"),
            format!("train {name} --against sol --with steps=100"),
            format!("verify {name} --solution sol --with steps=100"),
            format!("tune {name} --against sol --with steps=100 --trials 2"),
        ] {
            let (exit, codes, text) = run(folder.path(), &line);
            assert_eq!((exit, codes), (2, vec!["E0818".to_string()]), "{line}: {text}");
        }
    }
    let same = run(folder.path(), "simulate m.econ --policy sol --periods 5");
    assert_eq!((same.0, same.1.len()), (0, 0), "{}", same.2);
    put(
        folder.path(),
        "changed.econ",
        &SAVER.replace("k' = s * y", "k' = 0.9 * s * y"),
    );
    put(folder.path(), "wider.econ", &SAVER.replace("[0.1, 0.9]", "[0.1, 0.8]"));
    for (line, said) in [
        (
            "simulate m.econ --policy sol --periods 5 --set a=0.4",
            "a: 0.3 there, 0.4 here",
        ),
        ("simulate m.econ --policy sol --periods 5 --set a=0.4", "--set a=0.3"),
        (
            "simulate changed.econ --policy sol --periods 5",
            "the law of `planner.k` has changed",
        ),
        (
            "simulate wider.econ --policy sol --periods 5",
            "planner.s in [0.1, 0.9] there, [0.1, 0.8] here",
        ),
        (
            "verify m.econ --solution sol --set a=0.4 --with steps=100",
            "a: 0.3 there, 0.4 here",
        ),
        (
            "train m.econ --against sol --set a=0.4 --with steps=100",
            "a: 0.3 there, 0.4 here",
        ),
        (
            "tune m.econ --against sol --set a=0.4 --with steps=100 --trials 2",
            "a: 0.3 there, 0.4 here",
        ),
    ] {
        let (exit, codes, text) = run(folder.path(), line);
        assert_eq!((exit, codes), (2, vec!["E0819".to_string()]), "{line}: {text}");
        assert!(text.contains(said), "{line}: {text}");
        assert!(
            !folder.path().join("runs").join("m-0002").exists(),
            "{line} leaves a run"
        );
    }
    for line in [
        "simulate m.econ --policy sol --periods 5 --set a=0.4 --other-parameters",
        "simulate changed.econ --policy sol --periods 5 --other-parameters",
    ] {
        let (exit, codes, text) = run(folder.path(), line);
        assert_eq!((exit, codes), (0, vec!["W0818".to_string()]), "{line}: {text}");
    }
}

/// Solving needs no first value; what simulates says that it does before it works.
#[test]
fn a_state_without_a_first_value_is_solved_and_refused_by_what_simulates() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", &SAVER.replace(", start 0.2", ""));
    let (exit, codes, text) = run(folder.path(), "solve m.econ --out sol");
    assert_eq!((exit, codes), (0, vec!["W0811".to_string()]), "{text}");
    for line in [
        "simulate m.econ --policy sol --periods 5",
        "train m.econ --with steps=100",
        "verify m.econ --with steps=100 --out judged",
    ] {
        let (_, codes, text) = run(folder.path(), line);
        assert_eq!(codes, ["E0811"], "{line}: {text}");
        assert!(text.contains("start planner.k = 1"), "{line}: {text}");
    }
    assert!(!folder.path().join("judged").exists() && !folder.path().join("judged.failed").exists());
    // The hint, followed.
    let scenario = "scenario quiet { start planner.k = 0.2; force planner.s = 0.2; periods 4 }";
    let followed = SAVER
        .replace(", start 0.2", "")
        .replace("scenario quiet { force planner.s = 0.2; periods 4 }", scenario);
    put(folder.path(), "n.econ", &followed);
    let (exit, codes, text) = run(folder.path(), "simulate n.econ --policy sol --scenario quiet");
    assert!(exit == 0 && codes.is_empty(), "{text}");
}

/// A policy is about neither first values nor scenarios: only what one period is counts, all of it.
#[test]
fn a_run_is_read_where_only_first_values_differ_and_nowhere_else() {
    const SHOP: &str = "param low = 0.2
shock z ~ ar1(rho: 0.5, sigma: 0.05)
agent shop {
  state k in [0, 4], start 1
  noise sold ~ bernoulli(0.3 + 0.1 * z)
  noise lucky ~ discrete([0.1, 0.5], [0.7, 0.3])
  action x in [0, 1 + 0.1 * k]
  action d in {open when z > -9, closed} taste gumbel(0.3)
  require x <= 1.2
  k' = clamp(0.8 * k + x - 0.5 * sold, 0, 4)
  reward (if d == open then 0.5 * k + lucky else low) - x^2
  discount 0.9
}
scenario rich { start shop.k = 4; periods 3 }
";
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SHOP);
    let solved = run(folder.path(), "solve m.econ --out sol");
    assert!(solved.0 == 0, "{}", solved.2);
    let mut wrong = String::new();
    for (k, (there, here, said)) in [
        ("start 1", "start 3", ""),
        ("start 1", "start uniform(0.5, 2)", ""),
        ("start shop.k = 4; periods 3", "start shop.k = 2; periods 9", ""),
        ("sigma: 0.05)", "sigma: 0.05), start 0.02", ""),
        ("rho: 0.5", "rho: 0.6", "the process of `z` has changed"),
        (
            "0.3 + 0.1 * z",
            "0.3 + 0.2 * z",
            "the chances of `shop.sold` has changed",
        ),
        ("[0.7, 0.3]", "[0.6, 0.4]", "the chances of `shop.lucky` has changed"),
        ("1 + 0.1 * k]", "1 + 0.2 * k]", "what `shop.x` may be has changed"),
        ("gumbel(0.3)", "gumbel(0.4)", "what `shop.d` may be has changed"),
        ("z > -9", "z > -8", "what `shop.d` may be has changed"),
        ("x <= 1.2", "x <= 1.1", "what is required has changed"),
        ("discount 0.9", "discount 0.8", "the discount of `shop` has changed"),
        ("0.8 * k", "0.7 * k", "the law of `shop.k` has changed"),
        ("- x^2", "- 2 * x^2", "the reward of `shop` has changed"),
        (
            "discount 0.9",
            "discount 0.9; observe k, z, k + z",
            "the observation of `shop` has changed",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("other{k}.econ");
        put(folder.path(), &name, &SHOP.replacen(there, here, 1));
        let (exit, codes, text) = run(
            folder.path(),
            &format!("simulate {name} --policy sol --periods 3 --worlds 2"),
        );
        let fine = match said {
            "" => !codes.iter().any(|c| c == "E0819"),
            said => exit == 2 && codes == ["E0819"] && text.contains(said),
        };
        if !fine {
            wrong += &format!("{there} -> {here}: {codes:?} {text}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What networks see and choose is scaled by domains and bounds: with other ends the same network is another policy.
#[test]
fn a_training_is_not_read_into_other_domains() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    put(folder.path(), "bounds.econ", &SAVER.replace("[0.1, 0.9]", "[0.1, 0.8]"));
    put(
        folder.path(),
        "domain.econ",
        &SAVER.replace("[0.05, 0.6]", "[0.05, 0.7]"),
    );
    let few = "--with steps=200 --with worlds=1 --with horizon=50 --with evaluations=0";
    assert_eq!(run(folder.path(), &format!("train m.econ --out learned {few}")).0, 0);
    for (name, said) in [
        ("bounds.econ", "planner.s in [0.1, 0.9] there, [0.1, 0.8] here"),
        ("domain.econ", "planner.k in [0.05, 0.6] there, [0.05, 0.7] here"),
    ] {
        let line = format!("simulate {name} --policy learned --periods 3 --other-parameters");
        let (exit, codes, text) = run(folder.path(), &line);
        assert_eq!((exit, codes), (2, vec!["E0818".to_string()]), "{line}: {text}");
        assert!(text.contains(said), "{text}");
    }
    for line in [
        "verify m.econ --solution learned",
        "train m.econ --against learned --with steps=100",
        "tune m.econ --against learned --with steps=100 --trials 2",
    ] {
        let (exit, codes, text) = run(folder.path(), line);
        assert_eq!((exit, codes), (2, vec!["E0954".to_string()]), "{line}: {text}");
        assert!(text.contains("econc verify --policy"), "{text}");
    }
    // Another first value is the same policy.
    put(folder.path(), "start.econ", &SAVER.replace("start 0.2", "start 0.3"));
    let from = run(folder.path(), "verify start.econ --policy learned");
    assert!(!from.1.iter().any(|c| c == "E0819" || c == "W0818"), "{}", from.2);
    // Other parameters are one's own affair, if one says so.
    let line = "verify m.econ --policy learned --set a=0.35";
    assert_eq!(run(folder.path(), line).1, ["E0819"]);
    let told = run(folder.path(), &format!("{line} --other-parameters"));
    assert!(told.1.contains(&"W0818".to_string()), "{}", told.2);
    // The same economy is no other one.
    let same = run(folder.path(), "verify m.econ --policy learned --other-parameters");
    assert_eq!((same.0, same.1), (2, vec!["E0989".to_string()]), "{}", same.2);
}

/// Settings of learners that another setting, or the model, makes idle are said; where they are read, nothing is.
#[cfg(feature = "learn")]
#[test]
fn settings_of_learners_that_change_nothing_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    let whole = "agent a {
  state k in 0..6, start 3
  noise e ~ discrete([0, 1, 2], [0.3, 0.4, 0.3])
  action x in 0..3
  k' = clamp(k - round(x) + e, 0, 6)
  reward sqrt(min(x, k)) + 0.1 * e
  discount 0.9
}
";
    put(folder.path(), "whole.econ", whole);
    put(folder.path(), "parts.econ", &whole.replace("0..3", "[0, 3]"));
    let warned = |line: &str| {
        let (exit, codes, text) = run(folder.path(), &format!("{line} --with evaluations=1"));
        assert!(exit < 2, "{line}: {text}");
        (codes.contains(&"W0825".to_string()), text)
    };
    let q = "train whole.econ --learner q_learning --with steps=600";
    let dqn = "train whole.econ --learner dqn --with steps=600 --with warmup=100";
    for (line, key) in [
        (format!("{q} --with bins=5"), "bins"),
        (format!("{dqn} --with bins=5"), "bins"),
        (format!("{q} --with initial_periods=50"), "initial_periods"),
        (
            format!("{q} --with exploration=linear --with exploration_rate=1e-3"),
            "exploration_rate",
        ),
        (format!("{dqn} --with priority_beta=0.5"), "priority_beta"),
        (format!("{q} --with shaping=true"), "shaping"),
        (
            "train parts.econ --learner ppo --with steps=600 --with common_chance=1 --with common_start=true"
                .to_string(),
            "common_start",
        ),
        (format!("{q} --with shaping=true --with discount=0.9"), "shaping"),
    ] {
        let (said, text) = warned(&line);
        assert!(
            said && text.contains(&format!("`{key}` has no effect here")),
            "{line}: {text}"
        );
    }
    for line in [
        "train parts.econ --learner q_learning --with steps=600 --with bins=5".to_string(),
        format!("{q} --with initial=random_play --with initial_periods=50"),
        format!("{q} --with exploration_rate=1e-3"),
        format!("{dqn} --with priority=0.5 --with priority_beta=0.5"),
        format!("{q} --with shaping=true --with discount=0.8"),
    ] {
        let (said, text) = warned(&line);
        assert!(!said, "{line}: {text}");
    }
    // 1000 steps in 4 worlds are 250 periods, and no stage is shorter than 64.
    let sac = "train m.econ --learner sac --with worlds=4 --with common_chance=4 --with first_policy=middle --with steps=1000";
    for (stages, idle) in [
        ("stages=14", true),
        ("stages=4", true),
        ("stages=3", false),
        ("stages=0", false),
    ] {
        let (said, text) = warned(&format!("{sac} --with {stages}"));
        assert!(
            said == idle && text.contains("no more than 3 stages fit") == idle,
            "{stages}: {text}"
        );
    }
    // Constants are tried in 72 plays of 10 periods in 4 worlds, which may take a tenth of the steps.
    let ppo =
        "train m.econ --learner ppo --with worlds=4 --with common_chance=4 --with horizon=400 --with minibatch=400";
    for (line, said, begins) in [
        ("--with steps=28799", false, true),
        ("--with steps=28799 --with first_policy=constant", true, true),
        ("--with steps=28799 --with first_policy=middle", false, false),
        ("--with steps=28800 --with first_policy=constant", false, false),
    ] {
        let (warned, text) = warned(&format!("{ppo} {line}"));
        assert_eq!(warned, said, "{line}: {text}");
        assert_eq!(
            text.contains("in the middle of the bounds: constants are tried"),
            begins,
            "{line}: {text}"
        );
    }
}

/// `--memory` bounds what any command takes, `check` among them.
#[test]
fn every_command_keeps_to_its_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let numbers = vec!["1.5"; 300_000].join(", ");
    put(folder.path(), "large.econ", &format!("param w = [{numbers}]\n"));
    let (exit, codes, text) = run(folder.path(), "check large.econ --memory 16M");
    assert_eq!(exit, 2, "{text}");
    assert!(text.contains("E0982") || codes.contains(&"E0981".to_string()), "{text}");
    assert_eq!(run(folder.path(), "check large.econ --memory 4G").0, 0);
}

/// Without a continuum, members are no option of anybody's.
#[test]
fn members_without_a_continuum_are_refused_for_that_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    for line in ["train m.econ --with members=10", "tune m.econ --with members=10"] {
        let (exit, codes, text) = run(folder.path(), line);
        assert_eq!((exit, codes), (2, vec!["E0808".to_string()]), "{line}: {text}");
        assert!(text.contains("no continuum"), "{line}: {text}");
    }
}

/// `--method` takes the place of the file's method, and of the settings that belong to it; those of the command line still have to count.
#[test]
fn settings_of_the_method_in_the_file_do_not_stand_against_another_one() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "plain.econ", SAVER);
    put(
        folder.path(),
        "m.econ",
        &SAVER.replace("grid.k = log(60)", "grid.k = log(60); policy_tolerance = 1e-7"),
    );
    let (exit, codes, text) = run(folder.path(), "solve m.econ --method time_iteration --out by");
    assert_eq!((exit, codes), (0, vec!["W0825".to_string()]), "{text}");
    assert_eq!(
        run(folder.path(), "solve plain.econ --method time_iteration --out plain").0,
        0
    );
    let table = |run: &str| std::fs::read(folder.path().join(run).join("solution.csv")).expect("a table");
    assert!(table("by") == table("plain"), "the setting was read");
    let (exit, codes, text) = run(
        folder.path(),
        "solve plain.econ --method time_iteration --set policy_tolerance=1e-7",
    );
    assert!((exit, codes.contains(&"E0808".to_string())) == (2, true), "{text}");
    let (exit, _, text) = run(folder.path(), "solve m.econ --method all --out all");
    assert!(exit == 0 && !text.contains("E0808"), "{text}");
}

/// `--other-parameters` is about a run of another economy, and concepts are about who decides.
#[test]
fn flags_that_change_nothing_are_refused_with_the_run_at_hand() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    assert_eq!(run(folder.path(), "solve m.econ --out sol").0, 0);
    let line = "simulate m.econ --policy sol --periods 5 --other-parameters";
    let (exit, codes, text) = run(folder.path(), line);
    assert_eq!((exit, codes), (2, vec!["E0989".to_string()]), "{text}");
    let rest = SAVER.replace("[0.05, 0.6]", "[0.01, 0.9]");
    put(folder.path(), "r.econ", &rest);
    assert_eq!(run(folder.path(), "steady_state r.econ --concept planner").0, 0);
    let (exit, codes, text) = run(folder.path(), "steady_state r.econ --concept stackelberg");
    assert!(exit > 0 && codes.contains(&"E0810".to_string()), "{text}");
    assert!(text.contains("stackelberg"), "{text}");
}

/// One mistake in what is typed is one message that says what was meant.
#[test]
fn what_is_typed_wrongly_is_answered_with_what_was_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    put(
        folder.path(),
        "two.econ",
        "agent a[2] { action q in [0, 1]; reward -(q - 0.3)^2 }\nagent b { action q in [0, 1]; action r in [0, 1]; reward -(q - 0.3)^2 - r; policy r = 0.5 }\n",
    );
    put(
        folder.path(),
        "blocks.econ",
        &format!("{SAVER}train ppo {{ steps = 200 }}\ntrain sac {{ steps = 200 }}\n"),
    );
    for (line, code, said) in [
        ("check m.econ --set tolerence=1", "E0802", "did you mean `tolerance`?"),
        (
            "check m.econ --set episodes=3",
            "E0802",
            "did you mean `verify.episodes`?",
        ),
        ("check m.econ --set k=3", "E0802", "`planner.k` is a `state`"),
        (
            "simulate two.econ --policy fixed:a[9].q=1",
            "E0816",
            "write fixed:a.q=1",
        ),
        (
            "simulate two.econ --policy fixed:q=1",
            "E0816",
            "fixed:a.q=1 or fixed:b.q=1",
        ),
        ("simulate two.econ --policy fixed:c.q=1", "E0816", "did you mean `a.q`?"),
        (
            "simulate two.econ --policy fixed:b.r=1",
            "E0816",
            "scenario fixed { force b.r = 1 }",
        ),
        ("simulate two.econ --policy fixed:a.q=1,a.q=0", "E0965", "named before"),
        (
            "simulate m.econ --policy fixed:s=0.2,planner.s=0.3",
            "E0113",
            "`planner.s` is given twice",
        ),
        ("train m.econ --set a=0.1..0.2:3", "E0967", "cannot be swept here"),
        ("verify m.econ --set a=0.1..0.2:3", "E0967", "cannot be swept here"),
        ("tune m.econ --set a=0.1..0.2:3", "E0967", "cannot be swept here"),
        (
            "train blocks.econ --learner a2c --set train.steps=300",
            "E0989",
            "--with steps=300",
        ),
        (
            "check blocks.econ --set train.stepps=300",
            "E0801",
            "did you mean `steps`?",
        ),
        (
            "tune m.econ --with steps=100 --least 200 --trials 9",
            "E0940",
            "--least 11",
        ),
        ("tune m.econ --budget 3 --trials 9", "E0940", "--budget 90000"),
        ("train m.econ --checkpoint nan", "E0980", "number of seconds"),
        ("train m.econ --checkpoint -1", "E0980", "number of seconds"),
        ("train m.econ --steps 1000", "E0980", "--with steps=VALUE"),
        ("solve m.econ --grid 300", "E0980", "--set grid.NAME=VALUE"),
        ("train m.econ --with lr=0.1", "E0801", "its settings"),
        ("solve m.econ --set a=0,4", "E0802", "--set a=0.4"),
        ("simulate m.econ --policy optimal", "E0965", "econc solve FILE"),
        ("simulate m.econ --policy Random", "E0965", "write `random`"),
        ("simulate m.econ --policy fixed", "E0965", "fixed:NAME=VALUE"),
        ("simulate m.econ --periods -5", "E0980", "a whole number from 1"),
        ("graph m.econ --svg --out g.dot", "E0968", "ask for different things"),
        ("graph m.econ --ron", "E0968", "ask for different things"),
    ] {
        let (exit, codes, text) = run(folder.path(), line);
        assert_eq!((exit, codes), (2, vec![code.to_string()]), "{line}: {text}");
        assert!(text.contains(said), "{line}: {text}");
    }
    let left = std::fs::read_dir(folder.path().join("runs")).map_or(0, |all| all.count());
    assert_eq!(left, 0, "nothing is left behind");
    let (_, _, text) = run(folder.path(), "train m.econ --with stepss=3");
    assert!(
        !text.contains("ran2") && !text.contains("random"),
        "keys of others: {text}"
    );
    let (_, _, text) = run(folder.path(), "solve m.econ --frob");
    assert!(!text.contains("'-- "), "{text}");
    for line in [
        "solve blocks.econ --set train.steps=300",
        "verify blocks.econ --policy none --set train.steps=300",
    ] {
        assert_eq!(run(folder.path(), line).1, ["E0989"], "{line}");
    }
    // A key that one of two learners has is that learner's.
    assert_eq!(run(folder.path(), "check blocks.econ --set train.gae_lambda=0.9").0, 0);
    let (exit, codes, _) = run(
        folder.path(),
        "train blocks.econ --learner sac --set train.gae_lambda=0.9",
    );
    assert_eq!((exit, codes), (2, vec!["E0801".to_string()]));
}

#[test]
fn a_run_that_is_read_is_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    assert_eq!(run(folder.path(), "solve m.econ --out sol").0, 0);
    let kept = std::fs::read(folder.path().join("sol/manifest.ron")).expect("the run");
    for line in [
        "simulate m.econ --policy sol --periods 5 --out sol --force",
        "simulate m.econ --policy ./sol/ --periods 5 --out sol/../sol --force",
        "train m.econ --against sol --with steps=100 --out sol --force",
        "tune m.econ --against sol --with steps=100 --trials 2 --out sol --force",
        "verify m.econ --solution sol --with steps=100 --out sol --force",
    ] {
        assert_eq!(run(folder.path(), line).1, ["E0952"], "{line}");
        assert_eq!(
            std::fs::read(folder.path().join("sol/manifest.ron")).expect("the run"),
            kept,
            "{line}"
        );
    }
}

#[test]
fn actions_that_cannot_be_chosen_are_refused_or_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let ruled = SAVER
        .replace("[0.05, 0.6]", "[0.01, 2]")
        .replace("discount 0.9", "discount 0.9\n  policy s = 4 * k");
    put(folder.path(), "m.econ", SAVER);
    put(folder.path(), "ruled.econ", &ruled);
    let masked = "agent p {\n  state x in 0..5, start 1\n  action d in {stay, go when x > 3}\n  x' = x\n  reward x + (if d == go then 1 else 0)\n  \
        discount 0.9\n  policy d = go\n}\n";
    put(folder.path(), "masked.econ", masked);
    put(
        folder.path(),
        "empty.econ",
        "agent p {\n  state x in [0, 5], start 1\n  action q in [x, 1.2]\n  x' = clamp(0.5 * x + q, 0, 5)\n  reward -q\n  discount 0.9\n}\n",
    );
    for (line, wanted) in [
        ("simulate m.econ --policy fixed:s=2", "E0816"),
        ("simulate m.econ --scenario forced", "E0817"),
        ("simulate masked.econ --policy rule --periods 3", "E0817"),
        ("simulate empty.econ --periods 9", "E0902"),
        ("train empty.econ --with steps=500", "E0902"),
    ] {
        let (exit, codes, text) = run(folder.path(), line);
        assert!(exit != 0 && codes == [wanted], "{line}: {exit} {codes:?} {text}");
    }
    assert_eq!(run(folder.path(), "simulate m.econ --scenario quiet").0, 0);
    let (exit, _, text) = run(folder.path(), "simulate ruled.econ --policy rule --periods 6");
    assert!(
        exit == 0 && text.contains("planner.s asked for outside its bounds"),
        "{text}"
    );
}

#[test]
fn endings_of_drawings_and_exports_in_json() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    let econc = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_econc"))
            .current_dir(folder.path())
            .args(arguments)
            .output()
            .expect("econc starts");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (exit, text) = econc(&["graph", "m.econ", "--out", "g.png"]);
    assert!(
        exit == Some(2) && text.contains("E0968") && text.contains("svg"),
        "{text}"
    );
    assert!(!folder.path().join("g.png").exists());
    for (name, begins) in [("g.svg", "<svg"), ("g.dot", "digraph"), ("g.json", "{"), ("g.txt", "")] {
        assert_eq!(econc(&["graph", "m.econ", "--out", name]).0, Some(0), "{name}");
        let text = std::fs::read_to_string(folder.path().join(name)).expect("a drawing");
        assert!(text.trim_start().starts_with(begins) && !text.is_empty(), "{name}");
    }
    let (exit, text) = econc(&["solve", "m.econ", "--threads", "10000"]);
    assert!(exit == Some(0) && text.contains("--threads 10000:"), "{text}");
    let (exit, _, text) = run(folder.path(), "train m.econ --with steps=200 --out learned");
    assert_eq!(exit, 0, "{text}");
    let (exit, _, text) = run(folder.path(), "export learned --out p.csv");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert!(exit == 0 && json["file"] == "p.csv", "{text}");
}

/// A limit on the size of files is an error of the write, not a killed process.
#[cfg(unix)]
#[test]
fn files_that_may_not_grow_are_a_message() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "m.econ", SAVER);
    let output = Command::new("sh")
        .current_dir(folder.path())
        .args([
            "-c",
            &format!("ulimit -f 4; exec '{}' solve m.econ", env!("CARGO_BIN_EXE_econc")),
        ])
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(2) && text.contains("E095"),
        "{:?} {text}",
        output.status
    );
}

/// Ends that move and are no whole numbers.
#[test]
fn whole_number_actions_stay_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    put(
        folder.path(),
        "m.econ",
        "agent p {\n  state x in [0.2, 5], start 2.3\n  action q in 0..x\n  x' = clamp(0.9 * x + 0.4 * q, 0.2, 5)\n  reward -(x - 2)^2 - \
         0.1 * q\n  discount 0.9\n}\n",
    );
    let (exit, _, text) = run(folder.path(), "simulate m.econ --periods 60 --out s");
    assert_eq!(exit, 0, "{text}");
    let series = std::fs::read_to_string(folder.path().join("s/series.csv")).expect("a series");
    let mut rows = series
        .lines()
        .map(|l| l.split(',').map(String::from).collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    let column = |name: &str| header.iter().position(|h| h == name).expect("a column");
    let (x, q) = (column("p.x"), column("p.q"));
    let mut most = 0.0f64;
    for row in rows {
        let (x, q): (f64, f64) = (row[x].parse().expect("a number"), row[q].parse().expect("a number"));
        assert!(q.fract() == 0.0 && (0.0..=x).contains(&q), "{q} at {x}");
        most = most.max(q);
    }
    assert!(most >= 2.0, "{most}");
}

/// Laws of noises that are none where the world comes.
#[test]
fn impossible_laws_are_met_by_a_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = |law: &str| {
        format!(
            "agent p {{\n  state x in [-5, 5], start 2\n  noise e ~ {law}\n  action q in [0, 1]\n  x' = x - 1 - 0 * q\n  reward e - q\n  \
             discount 0.9\n}}\n"
        )
    };
    for (law, wanted) in [
        ("normal(0, x)", 1),
        ("uniform(0, x)", 1),
        ("exponential(x)", 1),
        ("bernoulli(x / 2)", 1),
        ("uniform_int(0, floor(x))", 1),
        ("normal(0, max(x, 0))", 0),
        ("bernoulli(clamp(x / 2, 0, 1))", 0),
    ] {
        put(folder.path(), "m.econ", &model(law));
        let (exit, codes, text) = run(folder.path(), "simulate m.econ --periods 5");
        // Of some of them the checker warns, and of the law of the state.
        let warned = |c: &&str| matches!(*c, "W0404" | "W0406");
        let codes: Vec<&str> = codes.iter().map(String::as_str).filter(|c| !warned(c)).collect();
        assert_eq!(
            (exit, codes),
            (wanted, ["E0970"][..wanted as usize].to_vec()),
            "{law}: {text}"
        );
    }
}

/// In a world without an end `t mod n` is a state: the solution is that of a model that counts by itself.
#[test]
fn seasons_are_solved_as_a_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let counted = "agent p {
  state n in 0..3, start 0
  state k in [0.1, 8], start 2
  action s in [0.05, 0.95]
  let y = (if n == 2 then 2 else 1) * k^0.3
  n' = (n + 1) mod 4
  k' = 0.5 * k + s * y
  reward log((1 - s) * y)
  discount 0.9
}
solve { grid.k = log(40) }
";
    let seasonal = counted
        .replace("  state n in 0..3, start 0\n", "")
        .replace("  n' = (n + 1) mod 4\n", "")
        .replace("if n == 2", "if (t + 5) mod 4 == 3");
    put(folder.path(), "counted.econ", counted);
    put(folder.path(), "seasonal.econ", &seasonal);
    let mut moments = Vec::new();
    for name in ["counted", "seasonal"] {
        let (exit, codes, text) = run(folder.path(), &format!("solve {name}.econ --out {name}"));
        assert_eq!((exit, codes.len()), (0, 0), "{text}");
        let (exit, _, text) = run(
            folder.path(),
            &format!("simulate {name}.econ --policy {name} --periods 12 --out {name}-played"),
        );
        assert_eq!(exit, 0, "{text}");
        let series =
            std::fs::read_to_string(folder.path().join(format!("{name}-played/series.csv"))).expect("a series");
        let mut rows = series
            .lines()
            .map(|l| l.split(',').map(String::from).collect::<Vec<_>>());
        let header = rows.next().expect("a header");
        let column = header.iter().position(|h| h == "p.k").expect("capital");
        moments.push(
            rows.map(|r| r[column].parse::<f64>().expect("a number"))
                .collect::<Vec<f64>>(),
        );
    }
    for (a, b) in moments[0].iter().zip(&moments[1]) {
        assert!((a - b).abs() < 1e-9, "{moments:?}");
    }
    // It matters: capital is not at rest.
    assert!((moments[0][8] - moments[0][10]).abs() > 1e-3, "{moments:?}");
    let (exit, _, text) = run(folder.path(), "train seasonal.econ --with steps=300 --out learned");
    assert_eq!(exit, 0, "{text}");
    let (_, _, text) = run(folder.path(), "graph seasonal.econ");
    assert!(text.contains("t mod 4"), "the state is shown");
    // What grows for ever is still refused.
    put(
        folder.path(),
        "grows.econ",
        &seasonal.replace("(t + 5) mod 4 == 3", "t == 3"),
    );
    assert_eq!(run(folder.path(), "solve grows.econ").1, ["E0826"]);
}

/// A comparison with the exact policy is about one kind of agent; what is said where there are two can be followed.
#[cfg(feature = "learn")]
#[test]
fn a_comparison_says_how_one_of_two_kinds_is_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = "agent lender {\n  action x in [0, 1]\n  reward -(x - 0.5)^2\n  discount 0.9\n}\n";
    put(folder.path(), "two.econ", &format!("{SAVER}{other}"));
    let (exit, codes, text) = run(folder.path(), "verify two.econ --with steps=2048");
    assert_eq!((exit, codes.as_slice()), (2, &["E0927".to_string()][..]), "{text}");
    assert!(
        text.contains("`policy x = ..`") && text.contains("--others NAME=fixed:x=VALUE"),
        "{text}"
    );
    let line = "verify two.econ --agent planner --others lender=fixed:x=0.5 --with steps=2048 --with worlds=4 --with horizon=64";
    let (_, codes, text) = run(folder.path(), line);
    assert!(!codes.iter().any(|c| c == "E0927"), "{text}");
    assert!(text.contains("lender.x = 0.5"), "{text}");
    let ruled = other.replace("  reward", "  policy x = 0.5\n  reward");
    put(folder.path(), "two.econ", &format!("{SAVER}{ruled}"));
    let line = "verify two.econ --with steps=2048 --with worlds=4 --with horizon=64";
    let (_, codes, text) = run(folder.path(), line);
    assert!(!codes.iter().any(|c| c == "E0927"), "{text}");
    assert!(text.contains("distance in policy"), "{text}");
}

/// Where a state leaves its domain, that is said before residuals and edges of grids, which are off because of it.
#[test]
fn a_state_that_leaves_its_domain_is_said_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let narrow = SAVER.replace("[0.05, 0.6], start 0.2", "[0.05, 0.16], start 0.1");
    put(folder.path(), "narrow.econ", &narrow);
    let (exit, codes, text) = run(folder.path(), "solve narrow.econ");
    assert_eq!(exit, 1, "{text}");
    assert_eq!(codes.first().map(String::as_str), Some("E0942"), "{codes:?}");
    assert!(codes.len() > 1, "{codes:?}");
}

#[test]
fn rules_stay_among_what_can_be_chosen() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = |rule: &str| {
        format!(
            "agent d {{ state k in [0, 5], start 1; action x in 0..3; policy x = {rule}; k' = clamp(k + 0.5, 0, 5); reward x; discount 0.9 }}\n"
        )
    };
    for (rule, wanted) in [
        ("0.6 * k", 1),
        ("floor(0.6 * k)", 0),
        ("min(floor(k), 3)", 0),
        ("1.5", 1),
    ] {
        put(folder.path(), "m.econ", &model(rule));
        let (exit, codes, text) = run(folder.path(), "simulate m.econ --periods 4");
        let wrong = codes.iter().any(|c| c == "E0817");
        assert_eq!((exit, wrong), (wanted, wanted == 1), "{rule}: {text}");
    }
}

#[test]
fn powers_of_what_can_be_negative_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = |reward: &str| {
        format!(
            "agent a {{\n  state k in [0, 9], start 1\n  action n in [0, 9]\n  let c = 1.02 * k + 1 - n\n  k' = n\n  {reward}\n  discount 0.9\n}}\n"
        )
    };
    for (reward, said) in [
        ("reward c^(1 - 3) / (1 - 3)", true),
        ("reward c^(-1)", true),
        ("require c >= 0.01\n  reward c^(1 - 3) / (1 - 3)", false),
        ("reward c^2", false),
        ("reward max(c, 0.01)^(-2)", false),
    ] {
        put(folder.path(), "m.econ", &model(reward));
        let (_, codes, text) = run(folder.path(), "check m.econ");
        assert_eq!(codes.iter().any(|c| c == "W0404"), said, "{reward}: {text}");
    }
}

#[test]
fn names_have_an_end_and_failures_a_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = |name: &str| {
        format!(
            "agent {name} {{\n  state k in [0.1, 9], start 1\n  action c in (0, k)\n  k' = 0.5 + k - c\n  observe k\n  reward log(c)\n  discount 0.9\n}}\nsolve {{ grid.k = log(3) }}\n"
        )
    };
    for (letters, said) in [(200, false), (201, true), (70_000, true)] {
        put(folder.path(), "m.econ", &model(&"p".repeat(letters)));
        let (_, codes, _) = run(folder.path(), "check m.econ");
        assert_eq!(codes.contains(&"E0120".to_string()), said, "{letters}");
    }
    // In text too every failure has a code, and a requirement that a one-shot game breaks is no benchmark.
    put(
        folder.path(),
        "g.econ",
        "horizon 1\nparam xn = solve planner(f.x, horizon: 1)\nagent f {\n  action x in [0, 5]\n  action a in [0, 3]\n  \
         require x + 2 * a <= LIMIT\n  reward 4 * x - x^2 + 2 * a - a^2\n}\nagent w { state s in [0, 9], start xn\n s' = s }\n",
    );
    for (limit, exit) in [("2", 2), ("5", 0)] {
        let text = std::fs::read_to_string(folder.path().join("g.econ")).expect("a model");
        put(folder.path(), "h.econ", &text.replace("LIMIT", limit));
        let (status, codes, text) = run(folder.path(), "check h.econ");
        assert_eq!(
            (status != 0, codes.contains(&"E0810".to_string())),
            (exit != 0, exit != 0),
            "{limit}: {text}"
        );
    }
    // Where first-order conditions have another root at which nobody stays, the policy says where a state rests.
    put(
        folder.path(),
        "s.econ",
        "param kss = steady_state(f.k)\nagent f {\n  state k in [0, 20], start kss\n  action i in [0, 3]\n  k' = 0.9 * k + i\n  observe k\n  \
         reward 1.2 * k^0.5 + 1.5 * max(k - 6, 0) - 0.11 * k^2 - i - 0.3 * i^2\n  discount 0.9\n}\n",
    );
    let (status, _, text) = run(folder.path(), "simulate s.econ --policy fixed:i=0 --periods 1 --out s");
    assert_eq!(status, 0, "{text}");
    let series = std::fs::read_to_string(folder.path().join("s/series.csv")).expect("a series");
    let column = series
        .lines()
        .next()
        .and_then(|l| l.split(',').position(|n| n == "f.k"))
        .expect("k");
    let k: f64 = series
        .lines()
        .nth(1)
        .and_then(|l| l.split(',').nth(column))
        .and_then(|x| x.parse().ok())
        .expect("a number");
    assert!((k - 1.329).abs() < 0.01, "{k}");
}
