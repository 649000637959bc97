//! Every option of every command changes what comes out, or is refused: the list of options is what `--help` prints, so that one without a case fails.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// One who saves, with a param and a shock; a training of two seeds.
const SAVER: &str = "param a = 0.3 in (0, 1)
shock z ~ ar1(rho: 0.5, sigma: 0.1)
agent planner {
  state k in [0.05, 0.6], start 0.2
  action s in [0.1, 0.9]
  let y = exp(z) * k^a
  k' = s * y
  observe k, z
  reward log((1 - s) * y)
  discount 0.9
}
solve { grid.k = uniform(30); chain.z = rouwenhorst(3); periods = 640; burn_in = 20 }
train ppo { steps = 4000; worlds = 4; network = [4]; seeds = 1..2; evaluations = 4; horizon = 50 }
scenario forced { force planner.s = 0.4 + 0.2 * t; periods 4 }
";

/// Two firms in one market, with a population of buyers.
const MARKET: &str = "param loud = 1 in (0, 5)
agent firm { action q in [0, 20]; reward p * q - q^2 / 2; discount 0.9 }
agent rival { action q in [0, 20]; reward loud * p * q - q^2; discount 0.9 }
market m { price p = 12 - firm.q - rival.q }
solve { concept = nash }
train a2c { steps = 4000; worlds = 4; network = [4]; seeds = 1..2; evaluations = 4; horizon = 50 }
scenario short { periods 4 }
";

/// Two who invest, and meet in one market.
const STOCKS: &str = "agent firm[2] { state k in (0, 50), start 1; action i in [0, 20]; k' = 0.8 * k + i; observe k; reward p * k - i - i^2; discount 0.9 }
market m { price p = 12 - sum(firm.k) }
solve { concept = open_loop }
";

/// Two alike in one market, each with a policy of its own.
const TWINS: &str = "agent firm[2] { action q in [0, 20]; reward p * q - q^2; discount 0.9 }
market m { price p = 12 - sum(firm.q) }
train a2c { steps = 2000; worlds = 4; network = [4]; horizon = 50; policies = separate }
";

/// A machine that is kept or replaced, with taste shocks, whose state nobody may observe.
const CROWD: &str = "agent h[continuum] {
  noise e ~ uniform(0, 1)
  state k in [0, 9], start 1
  action x in [0, 1]
  k' = 0.5 * k + x * e
  reward x - x^2 + k
  discount 0.9
}
";

const MACHINE: &str = "agent owner {
  state x in 0..5, start 1
  action d in {keep, replace} taste gumbel(1)
  x' = if d == replace then 0 else min(x + 1, 5)
  observe x
  reward if d == replace then -3 else -x
  discount 0.9
}
";

/// Members who follow a rule under a shock that they share.
const HERD: &str = "shock z ~ ar1(rho: 0.5, sigma: 0.1)
agent h[continuum] {
  shock e ~ markov([0, 1], [[0.5, 0.5], [0.5, 0.5]])
  state k in [0, 9], start 1
  action x in [0, 1]
  policy x = 0.5 * e
  k' = exp(0.1 * z) * 0.5 * k + x
  observe k, e, z
  reward k
  discount 0.9
}
";

/// Members who save, and a productivity that moves.
const TOWN: &str = "param A = 1 in (0, inf)
param size = 0.01
agent h[continuum] {
  shock z ~ markov([0.6, 1.4], [[0.8, 0.2], [0.2, 0.8]])
  state k in [0, inf), start 5
  let cash = (1 + r) * k + w * z
  action k_next in [0, cash)
  k' = k_next
  observe k, z
  reward log(cash - k_next)
  discount 0.95
}
market m {
  price r = 0.36 * A * mean(h.k)^(-0.64) - 0.08
  price w = 0.64 * A * mean(h.k)^0.36
}
solve { grid.k = double_log(60) }
scenario boom { path A = 1 + size * 0.6^t; periods 250 }
scenario bust { path A = 1 - size * 0.6^t; periods 250 }
";

/// Runs that the cases read, made once.
const RUNS: &[&str] = &[
    "solve saver.econ --out saved",
    "solve machine.econ --out kept",
    "solve market.econ --out equilibrium",
    "solve shaken.econ --out shaken",
    // The best on the way is not the last.
    "train saver.econ --with learning_rate=0.1 --with average_from=1 --out learned",
    "train market.econ --agent firm --agent rival --out both",
    "solve saver.econ --set a=0.4 --out elsewhere",
    "train saver.econ --set a=0.4 --out learned_elsewhere",
    "train market.econ --agent rival --others fixed:firm.q=2 --out rival",
    "train twins.econ --out apart",
];

/// A command, an option of it, a line, and what is added to that line: the outcomes must differ.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("check", "deny-warnings", "check vague.econ", "--deny-warnings"),
    ("check", "set", "check saver.econ", "--set a=7"),
    ("fmt", "check", "fmt loose.econ", "--check"),
    ("graph", "svg", "graph saver.econ --out drawn", "--svg"),
    ("graph", "dot", "graph saver.econ --out drawn", "--dot"),
    ("graph", "ron", "graph saver.econ --out drawn", "--ron"),
    (
        "graph",
        "parameters",
        "graph saver.econ --dot --out drawn.dot",
        "--parameters",
    ),
    ("graph", "set", "graph saver.econ --ron --out drawn.ron", "--set a=0.4"),
    ("graph", "out", "graph saver.econ --dot", "--out drawn.dot"),
    ("graph", "force", "graph saver.econ --dot --out there.dot", "--force"),
    ("solve", "concept", "solve market.econ", "--concept collusive"),
    ("solve", "method", "solve saver.econ", "--method time_iteration"),
    ("solve", "information", "solve blind.econ", "--information full"),
    ("solve", "list", "solve", "--list"),
    ("solve", "why", "solve saver.econ", "--why"),
    ("solve", "set", "solve saver.econ", "--set a=0.4"),
    ("solve", "seed", "solve saver.econ", "--seed 2"),
    ("solve", "out", "solve saver.econ", "--out here"),
    ("solve", "force", "solve saver.econ --out saved", "--force"),
    ("solve", "plot", "solve saver.econ --out here", "--plot"),
    (
        "steady_state",
        "concept",
        "steady_state stocks.econ",
        "--concept collusive",
    ),
    ("steady_state", "set", "steady_state saver.econ", "--set a=0.4"),
    ("steady_state", "out", "steady_state saver.econ", "--out here"),
    (
        "steady_state",
        "force",
        "steady_state saver.econ --out saved",
        "--force",
    ),
    ("transition", "scenario", "transition town.econ", "--scenario boom"),
    (
        "transition",
        "periods",
        "transition town.econ --scenario boom",
        "--periods 300",
    ),
    (
        "transition",
        "set",
        "transition town.econ --scenario boom",
        "--set size=0.02",
    ),
    ("transition", "seed", "transition town.econ --scenario boom", "--seed 2"),
    (
        "transition",
        "out",
        "transition town.econ --scenario boom",
        "--out here",
    ),
    (
        "transition",
        "force",
        "transition town.econ --scenario boom --out saved",
        "--force",
    ),
    (
        "transition",
        "plot",
        "transition town.econ --scenario boom --out here",
        "--plot",
    ),
    ("simulate", "policy", "simulate saver.econ", "--policy saved"),
    ("simulate", "scenario", "simulate saver.econ", "--scenario forced"),
    ("simulate", "periods", "simulate saver.econ", "--periods 9"),
    ("simulate", "worlds", "simulate saver.econ", "--worlds 3"),
    ("simulate", "members", "simulate crowd.econ", "--members 7"),
    (
        "simulate",
        "on-chain",
        "simulate saver.econ --policy saved",
        "--on-chain",
    ),
    ("simulate", "greedy", "simulate machine.econ --policy kept", "--greedy"),
    (
        "simulate",
        "other-parameters",
        "simulate saver.econ --policy elsewhere",
        "--other-parameters",
    ),
    ("simulate", "set", "simulate saver.econ", "--set a=0.4"),
    ("simulate", "seed", "simulate saver.econ", "--seed 2"),
    ("simulate", "out", "simulate saver.econ", "--out here"),
    ("simulate", "force", "simulate saver.econ --out saved", "--force"),
    ("simulate", "plot", "simulate saver.econ --out here", "--plot"),
    (
        "train",
        "learner",
        "train saver.econ",
        "--learner a2c --with steps=4000",
    ),
    ("train", "with", "train saver.econ", "--with learning_rate=1e-2"),
    ("train", "seeds", "train saver.econ", "--seeds 5"),
    ("train", "agent", "train market.econ", "--agent firm"),
    (
        "train",
        "others",
        "train market.econ --agent firm",
        "--others fixed:rival.q=2",
    ),
    (
        "train",
        "other-parameters",
        "train market.econ --set loud=2 --agent firm --others rival",
        "--other-parameters",
    ),
    ("train", "scenario", "train saver.econ", "--scenario forced"),
    ("train", "against", "train saver.econ", "--against saved"),
    ("train", "list", "train", "--list"),
    ("train", "set", "train saver.econ", "--set a=0.4"),
    (
        "train",
        "seed",
        "train market.econ --agent firm --others fixed:rival.q=2",
        "--seed 2",
    ),
    ("train", "out", "train saver.econ", "--out here"),
    ("train", "force", "train saver.econ --out learned", "--force"),
    ("train", "plot", "train saver.econ --out here", "--plot"),
    (
        "tune",
        "learner",
        "tune saver.econ --trials 2",
        "--learner a2c --with steps=4000",
    ),
    (
        "tune",
        "search",
        "tune saver.econ --trials 2",
        "--search learning_rate=1e-4..1e-2",
    ),
    ("tune", "with", "tune saver.econ --trials 2", "--with worlds=8"),
    ("tune", "trials", "tune saver.econ --trials 2", "--trials 3"),
    ("tune", "method", "tune saver.econ --trials 4", "--method random"),
    ("tune", "eta", "tune saver.econ --trials 4", "--eta 2"),
    ("tune", "least", "tune saver.econ --trials 9", "--least 1500"),
    ("tune", "budget", "tune saver.econ --trials 2", "--budget 6000"),
    (
        "tune",
        "objective",
        "tune saver.econ --trials 2 --against saved",
        "--objective return",
    ),
    ("tune", "against", "tune saver.econ --trials 2", "--against saved"),
    ("tune", "seeds", "tune saver.econ --trials 2", "--seeds 5"),
    ("tune", "agent", "tune market.econ --trials 2", "--agent firm"),
    (
        "tune",
        "others",
        "tune market.econ --agent firm --trials 2",
        "--others fixed:rival.q=2",
    ),
    (
        "tune",
        "other-parameters",
        "tune market.econ --set loud=2 --agent firm --others rival --trials 2",
        "--other-parameters",
    ),
    ("tune", "scenario", "tune saver.econ --trials 2", "--scenario forced"),
    ("tune", "set", "tune saver.econ --trials 2", "--set a=0.4"),
    ("tune", "seed", "tune saver.econ --trials 2", "--seed 2"),
    ("tune", "out", "tune saver.econ --trials 2", "--out here"),
    ("tune", "force", "tune saver.econ --trials 2 --out learned", "--force"),
    ("tune", "plot", "tune saver.econ --trials 2 --out here", "--plot"),
    (
        "verify",
        "policy",
        "verify saver.econ --solution saved",
        "--policy learned",
    ),
    (
        "verify",
        "solution",
        "verify saver.econ --policy learned",
        "--solution elsewhere --other-parameters",
    ),
    (
        "verify",
        "other-parameters",
        "verify saver.econ --solution saved --policy learned_elsewhere",
        "--other-parameters",
    ),
    (
        "verify",
        "best",
        "verify saver.econ --solution saved --policy learned",
        "--best",
    ),
    (
        "verify",
        "learner",
        "verify saver.econ --solution saved",
        "--learner a2c --with steps=4000",
    ),
    (
        "verify",
        "with",
        "verify saver.econ --solution saved",
        "--with learning_rate=1e-2",
    ),
    ("verify", "seeds", "verify saver.econ --solution saved", "--seeds 5"),
    (
        "verify",
        "agent",
        "verify market.econ --others fixed:rival.q=2",
        "--agent firm",
    ),
    (
        "verify",
        "others",
        "verify market.econ --agent firm",
        "--others fixed:rival.q=2",
    ),
    ("verify", "set", "verify saver.econ", "--set a=0.4"),
    (
        "verify",
        "seed",
        "verify saver.econ --solution saved --policy learned",
        "--seed 2",
    ),
    (
        "verify",
        "plot",
        "verify saver.econ --policy learned --out here",
        "--plot",
    ),
    ("verify", "out", "verify saver.econ --solution saved", "--out here"),
    (
        "verify",
        "force",
        "verify saver.econ --solution saved --out learned",
        "--force",
    ),
    ("irf", "shock", "irf saved", "--shock z=0.05"),
    ("irf", "from", "irf saved", "--from mean"),
    ("irf", "periods", "irf saved", "--periods 9"),
    ("irf", "histories", "irf saved", "--histories 30"),
    ("irf", "burn-in", "irf saved", "--burn-in 3"),
    ("irf", "band", "irf saved", "--band 50"),
    ("irf", "variance", "irf saved", "--variance"),
    ("irf", "members", "irf herd.econ", "--members 7"),
    ("irf", "greedy", "irf shaken", "--greedy"),
    ("irf", "set", "irf saver.econ", "--set a=0.4"),
    ("irf", "seed", "irf saved", "--seed 2"),
    ("irf", "out", "irf saved", "--out here"),
    ("irf", "force", "irf saved --out learned", "--force"),
    ("irf", "plot", "irf saved --out here", "--plot"),
    ("compare", "out", "compare saved elsewhere", "--out both.csv"),
    ("compare", "plot", "compare saved elsewhere --out here", "--plot"),
    ("compare", "force", "compare saved elsewhere --out learned", "--force"),
    ("export", "to", "export learned", "--to safetensors"),
    ("export", "table", "export learned", "--table certificate"),
    ("export", "of-seed", "export learned", "--of-seed 2"),
    ("export", "agent", "export both", "--agent rival"),
    ("export", "member", "export apart", "--member 2"),
    ("export", "best", "export learned --of-seed 2", "--best"),
    ("export", "out", "export learned", "--out net"),
    ("export", "force", "export learned --out there.dot", "--force"),
    ("reproduce", "list", "reproduce nothing", "--list"),
    ("explain", "json", "explain E0101", "--json"),
    ("check", "color", "check vague.econ", "--color always"),
    ("solve", "quiet", "solve saver.econ --out here", "--quiet"),
];

/// Options (of every command, or of one) whose effect a test of their own shows: which, and where.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "threads",
        "results_do_not_depend_on_the_number_of_threads",
        "tests/cli.rs",
    ),
    ("memory", "memory_that_is_not_there_is_a_message", "tests/program.rs"),
    (
        "checkpoint",
        "checkpoints_come_as_often_as_was_said",
        "tests/program.rs",
    ),
    (
        "resume",
        "what_a_stop_names_goes_on_to_the_same_bytes",
        "tests/program.rs",
    ),
    (
        "resume",
        "agents_that_learn_at_once_are_written_played_and_go_on_after_a_kill",
        "tests/learning.rs",
    ),
    (
        "long",
        "a_number_agrees_with_the_exact_one_or_else_with_the_recorded_one",
        "src/cli/reproduce.rs",
    ),
    ("reproduce out", "exercises_are_run_and_compared", "tests/sessions.rs"),
];

/// What comes of a line in a copy of a folder: the status, what is printed but for times and names of runs, and what is written.
#[derive(PartialEq)]
struct Outcome {
    status: Option<i32>,
    printed: String,
    written: Vec<(String, Vec<u8>)>,
}

fn run(folder: &Path, line: &str, json: bool) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_econc"));
    command.current_dir(folder).args(line.split_whitespace());
    command.args(json.then_some("--json")).output().expect("econc starts")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(std::fs::copy(&path, &to).expect("a copy")),
        }
    }
}

/// What stands in a folder: files with their bytes, of directories the names alone, since runs hold the time of their making.
fn written(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let one = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let bytes = if path.is_dir() {
            Vec::new()
        } else {
            std::fs::read(&path).expect("a file")
        };
        (name, bytes)
    };
    let mut all: Vec<_> = entries.map(|e| one(e.expect("an entry").path())).collect();
    all.sort();
    all
}

fn outcome(base: &Path, line: &str, json: bool) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    copy(base, folder.path());
    let output = run(folder.path(), line, json);
    let text = [output.stdout, if json { Vec::new() } else { output.stderr }].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let timed = ["\"time\":", "\"solver\":", "\"directory\":"];
    let varies = |l: &&str| !timed.iter().any(|t| l.contains(t));
    Outcome {
        status: output.status.code(),
        printed: text.lines().filter(varies).collect::<Vec<_>>().join("\n"),
        written: written(folder.path()),
    }
}

/// The options that `--help` of a command lists.
fn options(folder: &Path, command: &str) -> BTreeSet<String> {
    let help = run(folder, &format!("{command} --help"), false).stdout;
    let help = String::from_utf8_lossy(&help).into_owned();
    let option = |line: &str| {
        let line = line.trim_start();
        let line = if line.starts_with("--") {
            line
        } else {
            line.strip_prefix('-')?.get(3..)?
        };
        let word = line.strip_prefix("--")?;
        Some(
            word.split(|c: char| !c.is_ascii_lowercase() && c != '-')
                .next()?
                .to_string(),
        )
    };
    let listed = help.split("Examples:").next().unwrap_or_default();
    let all = listed.lines().filter(|l| l.starts_with("  ")).filter_map(option);
    all.filter(|o| o != "help" && o != "version").collect()
}

/// The commands that `econc --help` lists.
fn commands(folder: &Path) -> Vec<String> {
    let help = run(folder, "--help", false).stdout;
    let help = String::from_utf8_lossy(&help).into_owned();
    let listed = help.lines().skip_while(|l| !l.starts_with("Commands:")).skip(1);
    let listed = listed.take_while(|l| l.starts_with("  "));
    let names = listed.filter_map(|l| l.split_whitespace().next());
    names.filter(|n| *n != "help").map(String::from).collect()
}

#[test]
fn every_option_of_every_command_has_a_case() {
    let folder = tempfile::tempdir().expect("a folder");
    let commands = commands(folder.path());
    assert!(commands.len() >= 13, "{commands:?}");
    // What all commands have in common needs one case only, where a command reads it.
    let common = ["json", "color", "quiet"];
    let told = |command: &str, option: &str| {
        let own = |c: &&(&str, &str, &str, &str)| c.1 == option && (c.0 == command || common.contains(&option));
        CASES.iter().any(|c| own(&c))
            || ELSEWHERE
                .iter()
                .any(|e| e.0 == option || e.0 == format!("{command} {option}"))
    };
    let mut missing = Vec::new();
    let mut count = 0;
    for command in &commands {
        for option in options(folder.path(), command) {
            count += 1;
            // A common option that the command does not read is refused.
            let refused = || {
                let value = match option.as_str() {
                    "set" => "--set a=1",
                    "seed" => "--seed 2",
                    "out" => "--out here",
                    "force" => "--force",
                    "plot" => "--plot",
                    _ => return false,
                };
                let subject = match command.as_str() {
                    "new" => "growth",
                    "compare" => "x y",
                    "completions" => "bash",
                    _ => "x",
                };
                // Plots are refused beside JSON anyway.
                let json = option != "plot";
                let said = run(folder.path(), &format!("{command} {subject} {value}"), json);
                String::from_utf8_lossy(if json { &said.stdout } else { &said.stderr }).contains("E0989")
            };
            if !told(command, &option) && !refused() {
                missing.push(format!("{command} --{option}"));
            }
        }
    }
    assert!(missing.is_empty(), "options without a case: {missing:?}");
    assert!(count > 150, "{count} options were found");
    for (option, test, file) in ELSEWHERE {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        let text = text.expect("a test file");
        assert!(
            text.contains(&format!("fn {test}()")),
            "--{option}: no test {test} in {file}"
        );
    }
}

#[test]
fn every_option_changes_what_comes_out_or_is_refused() {
    let base = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| std::fs::write(base.path().join(name), text).expect("written");
    put("saver.econ", SAVER);
    put("market.econ", MARKET);
    put("stocks.econ", STOCKS);
    put("twins.econ", TWINS);
    put("machine.econ", MACHINE);
    put("crowd.econ", CROWD);
    put("town.econ", TOWN);
    let hidden = MACHINE
        .replace("  observe x\n", "  observe y\n")
        .replace(" taste gumbel(1)", "");
    put(
        "blind.econ",
        &hidden.replace("  action", "  state y in 0..1, start 0\n  y' = y\n  action"),
    );
    put("herd.econ", HERD);
    let shaken = MACHINE.replace("replace then -3", "replace then -3 + z");
    let shaken = shaken.replace("observe x", "observe x, z");
    put("shaken.econ", &format!("shock z ~ ar1(rho: 0.5, sigma: 0.5)\n{shaken}"));
    put(
        "vague.econ",
        "let idle = 3\nagent a { action x in [0, 1]; reward x - x^2 }\n",
    );
    put("loose.econ", "agent  a   {action x in [0,1]; reward x-x^2}\n");
    put("there.dot", "");
    for line in RUNS {
        let made = run(base.path(), line, true);
        assert!(
            made.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&made.stdout)
        );
    }
    let mut seen = std::collections::BTreeMap::new();
    let mut idle = Vec::new();
    for (command, option, line, added) in CASES {
        assert!(
            line.starts_with(command) && added.contains(&format!("--{option}")),
            "{line} {added}"
        );
        let json = !["json", "color", "quiet", "plot"].contains(option);
        let one = &*seen
            .entry((line, json))
            .or_insert_with(|| outcome(base.path(), line, json));
        if *one == outcome(base.path(), &format!("{line} {added}"), json) {
            idle.push(format!("{line} {added}"));
        }
    }
    assert!(idle.is_empty(), "options that change nothing: {idle:#?}");
    // What is compared is the same twice, or differences would show nothing.
    for line in [
        "solve saver.econ --out here",
        "train saver.econ",
        "tune saver.econ --trials 2",
        "export learned",
    ] {
        assert!(
            outcome(base.path(), line, true) == outcome(base.path(), line, true),
            "{line}"
        );
    }
}
