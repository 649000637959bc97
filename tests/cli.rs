//! The command line as a user meets it: help, exit statuses, files, run directories, kills.

use assert_cmd::Command;
use econc::report::store::{Manifest, RunDirectory, RunPlace, Status, inspect, open_complete};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const SUBCOMMANDS: [&str; 8] = ["check", "fmt", "graph", "explain", "solve", "simulate", "tune", "new"];

/// econc in a directory of its own.
fn econc(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command: Command = assert_cmd::cargo::cargo_bin_cmd!("econc");
    let output = command
        .current_dir(directory)
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .expect("econc starts");
    (
        output.status.code().expect("not killed"),
        String::from_utf8(output.stdout).expect("UTF-8"),
        String::from_utf8(output.stderr).expect("UTF-8"),
    )
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch directory")
}

/// A directory with `growth.econ`, the model of that name.
fn with_growth() -> tempfile::TempDir {
    let directory = scratch();
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models/growth.econ"),
        directory.path().join("growth.econ"),
    )
    .expect("the model");
    directory
}

#[test]
fn help_names_every_command_and_shows_examples() {
    let directory = scratch();
    let (exit, out, _) = econc(directory.path(), &["--help"]);
    assert_eq!(exit, 0);
    for name in SUBCOMMANDS {
        assert!(out.contains(&format!("\n  {name} ")), "{name} in {out}");
        let (exit, help, _) = econc(directory.path(), &[name, "--help"]);
        assert_eq!(exit, 0);
        assert!(
            help.contains("Examples:") && help.contains("--set <NAME=VALUE>"),
            "{help}"
        );
    }
    assert!(!out.contains("crash"));
    let (exit, out, _) = econc(directory.path(), &["--version"]);
    assert_eq!((exit, out), (0, format!("econc {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn misuse_ends_with_two_and_says_what_is_right() {
    let directory = scratch();
    for (arguments, word) in [
        (&["slove", "growth.econ"][..], "solve"),
        (&["solve"][..], "<FILE>"),
        (&["solve", "growth.econ", "--set", "beta"][..], "NAME=VALUE"),
        (&["solve", "growth.econ", "--threads", "0"][..], "--threads"),
        (&["simulate", "growth.econ", "--worlds", "0"][..], "--worlds"),
        (
            &["solve", "growth.econ", "--method", "value_iteratoin"][..],
            "`value_iteration`",
        ),
        (&["solve", "growth.econ", "--concept", "nsh"][..], "E0804"),
        (&["graph", "growth.econ", "--svg", "--dot"][..], "--dot"),
        (&[][..], "Usage"),
    ] {
        let (exit, _, err) = econc(directory.path(), arguments);
        assert_eq!(exit, 2, "{arguments:?}");
        assert!(err.contains(word), "{arguments:?}: {err}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_misuse_with_the_near_name() {
    let directory = with_growth();
    let (exit, out, err) = econc(directory.path(), &["solve", "grwoth.econ"]);
    assert_eq!((exit, out.as_str()), (2, ""));
    assert!(err.contains("E0960") && err.contains("`growth.econ`"), "{err}");
    let (exit, _, err) = econc(directory.path(), &["check", "."]);
    assert_eq!(exit, 2);
    assert!(err.contains("directory"), "{err}");
    std::fs::write(directory.path().join("latin.econ"), b"model a\n# caf\xe9\n").expect("a file");
    let (exit, _, err) = econc(directory.path(), &["graph", "latin.econ"]);
    assert_eq!(exit, 2);
    assert!(err.contains("E0961") && err.contains("line 2"), "{err}");
    assert!(!directory.path().join("runs").exists(), "nothing is left behind");
}

#[test]
fn a_model_with_errors_ends_with_one() {
    let directory = with_growth();
    std::fs::write(
        directory.path().join("bad.econ"),
        "model bad\nparam a = (1\nparam b = 2\n",
    )
    .expect("a file");
    let (exit, _, err) = econc(directory.path(), &["check", "bad.econ"]);
    assert_eq!(exit, 1);
    assert!(err.contains("bad.econ") && err.contains("error"), "{err}");
    // one bad file does not hide the other, and the worst decides
    let (exit, _, err) = econc(directory.path(), &["check", "growth.econ", "bad.econ", "none.econ"]);
    assert_eq!(exit, 2);
    assert!(
        err.contains("growth.econ: ") && err.contains("bad.econ: 1 error"),
        "{err}"
    );
    let (exit, out, err) = econc(directory.path(), &["check", "--json", "growth.econ", "bad.econ"]);
    assert_eq!((exit, err.as_str()), (1, ""));
    let json: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(json["files"][0]["ok"], true);
    assert_eq!(json["files"][1]["ok"], false);
    assert_eq!(json["diagnostics"][0]["file"], "bad.econ");
    assert_eq!((&json["status"], &json["exit"]), (&"failed".into(), &1.into()));
    assert_eq!(json["diagnostics"][0]["severity"], "error");
    assert!(
        json["diagnostics"][0]["primary"][0]["line"]
            .as_u64()
            .is_some_and(|n| n > 0),
        "{out}"
    );
    let (exit, _, _) = econc(directory.path(), &["solve", "bad.econ"]);
    assert_eq!(exit, 1);
    assert!(!directory.path().join("runs").exists());
}

#[test]
fn messages_show_the_line_and_explain_shows_the_page() {
    let directory = scratch();
    std::fs::write(
        directory.path().join("bad.econ"),
        "model bad\nparam a = (1\nparam b = 2\n",
    )
    .expect("a file");
    let (_, _, err) = econc(directory.path(), &["check", "bad.econ"]);
    assert!(err.contains("bad.econ:2:") && err.contains("param a = (1"), "{err}");
    let code = err.split(['[', ']']).nth(1).expect("a code");
    let (exit, out, _) = econc(directory.path(), &["explain", &code.to_lowercase()]);
    assert_eq!(exit, 0);
    assert!(out.starts_with(&format!("# {code}: ")), "{out}");
    let (exit, out, _) = econc(directory.path(), &["explain"]);
    assert_eq!(exit, 0);
    for known in [code, "E0950", "E0966"] {
        assert!(out.contains(&format!("{known}  ")), "{known} in {out}");
    }
    let (exit, _, err) = econc(directory.path(), &["explain", "E9999"]);
    assert_eq!(exit, 2);
    assert!(err.contains("E0966"), "{err}");
}

#[test]
fn fmt_rewrites_check_only_lists_and_faulty_files_stay() {
    let directory = scratch();
    let path = directory.path().join("loose.econ");
    let loose = "model loose \"x\"\nparam   a=1\n\n\n\nparam bb   = a+2 # why\n";
    std::fs::write(&path, loose).expect("a file");
    let (exit, out, _) = econc(directory.path(), &["fmt", "--check", "loose.econ"]);
    assert_eq!((exit, out.as_str()), (1, "loose.econ\n"));
    assert_eq!(std::fs::read_to_string(&path).expect("kept"), loose);
    let (exit, _, err) = econc(directory.path(), &["fmt", "loose.econ"]);
    assert_eq!(exit, 0, "{err}");
    let tidy = std::fs::read_to_string(&path).expect("rewritten");
    assert!(
        tidy != loose && tidy.contains("# why") && tidy.contains("a + 2"),
        "{tidy}"
    );
    let (exit, out, err) = econc(directory.path(), &["fmt", "--check", "loose.econ"]);
    assert_eq!((exit, out.as_str(), err.as_str()), (0, "", ""));
    let mut command: Command = assert_cmd::cargo::cargo_bin_cmd!("econc");
    command
        .args(["fmt", "-"])
        .write_stdin(loose)
        .assert()
        .code(0)
        .stdout(tidy);

    let faulty = "model bad\nparam a = (1\nparam   b = 2\n";
    std::fs::write(&path, faulty).expect("a file");
    let (exit, _, _) = econc(directory.path(), &["fmt", "loose.econ"]);
    assert_eq!(exit, 1);
    assert_eq!(std::fs::read_to_string(&path).expect("kept"), faulty);
}

#[test]
fn graph_writes_every_form() {
    let directory = with_growth();
    let (exit, out, _) = econc(directory.path(), &["graph", "growth.econ"]);
    assert_eq!(exit, 0);
    assert!(
        out.lines()
            .any(|l| l.starts_with("planner.y") && l.contains("dated") && l.contains("alpha")),
        "{out}"
    );
    let (_, out, _) = econc(directory.path(), &["graph", "growth.econ", "--dot"]);
    assert!(out.starts_with("digraph") && !out.contains("discount factor"));
    let (_, out, _) = econc(directory.path(), &["graph", "growth.econ", "--dot", "--parameters"]);
    assert!(out.contains("discount factor"));
    let (_, out, _) = econc(directory.path(), &["graph", "growth.econ", "--json"]);
    let json: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(json["model"]["name"], "growth");
    assert!(json["model"]["graph"]["nodes"].as_array().is_some_and(|n| n.len() > 10));
    let (exit, out, _) = econc(directory.path(), &["graph", "growth.econ", "--out", "g.svg"]);
    assert_eq!((exit, out.as_str()), (0, ""));
    let svg = std::fs::read_to_string(directory.path().join("g.svg")).expect("the drawing");
    assert!(svg.starts_with("<svg") && svg.contains("Stochastic growth"));
    let (exit, out, _) = econc(
        directory.path(),
        &["graph", "growth.econ", "--ron", "--set", "alpha=0.5"],
    );
    assert_eq!(exit, 0);
    assert!(out.contains("format: 1") && out.contains("0.5"));
    let (exit, _, err) = econc(
        directory.path(),
        &["graph", "growth.econ", "--out", "no/such/folder/g.svg"],
    );
    assert_eq!(exit, 2);
    assert!(err.contains("E0951"), "{err}");
}

#[test]
fn a_bug_says_so_and_ends_with_101() {
    let directory = scratch();
    let (exit, _, err) = econc(directory.path(), &["crash"]);
    assert_eq!(exit, 101);
    for word in [
        "This is a bug in econc",
        "Please send",
        env!("CARGO_PKG_VERSION"),
        "src/cli/mod.rs",
    ] {
        assert!(err.contains(word), "{word} in {err}");
    }
}

#[test]
fn a_new_model_is_a_copy_under_its_own_name_and_replaces_nothing() {
    let directory = scratch();
    let (exit, out, _) = econc(directory.path(), &["new"]);
    assert_eq!(exit, 0);
    assert!(
        out.contains("aiyagari") && out.contains("Uninsured idiosyncratic risk"),
        "{out}"
    );
    let (exit, _, err) = econc(directory.path(), &["new", "aiyagari", "mine"]);
    assert_eq!(exit, 0, "{err}");
    let path = directory.path().join("mine.econ");
    let text = std::fs::read_to_string(&path).expect("the copy");
    assert!(text.contains("\nmodel mine \"Uninsured idiosyncratic risk\""));
    std::fs::write(&path, "precious").expect("written");
    let (exit, _, err) = econc(directory.path(), &["new", "mine"]);
    assert_eq!(exit, 2);
    assert!(err.contains("E0963") && err.contains("econc new growth NAME"), "{err}");
    assert!(!err.contains("--out") && !err.contains("--force"), "{err}");
    assert_eq!(std::fs::read_to_string(&path).expect("kept"), "precious");
    let (exit, _, err) = econc(directory.path(), &["new", "aiyagri", "other"]);
    assert_eq!(exit, 2);
    assert!(err.contains("E0962") && err.contains("`aiyagari`"), "{err}");
}

/// A decision problem that is solved in no time.
const SMALL: &str = "model small\nparam a = 0.3 in (0, 1)\nparam n = 2 in 1..9\nshock z ~ markov([0.9, 1.1], [[0.8, 0.2], [0.2, \
    0.8]])\nagent planner {\n  state k in [0.05, 0.6], start 0.2\n  action x in [0.01, 0.6]\n  let c = z * k^a + n - n - \
    x\n  k' = x\n  require c >= 0.001\n  observe k, z\n  reward log(c)\n  discount 0.9\n}\nscenario long { periods 60 }\nsolve { \
    grid.k = log(60); edges = 1; euler = 0; bellman = 0 }\n";

/// Every file of a run directory, with the manifest freed of what is about the process and the clock.
fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let done = open_complete(directory).unwrap_or_else(|d| panic!("{}: {d:?}", directory.display()));
    let mut out: Vec<(String, Vec<u8>)> = done
        .manifest
        .files
        .iter()
        .map(|f| {
            (
                f.name.clone(),
                std::fs::read(directory.join(&f.name)).expect("a listed file"),
            )
        })
        .collect();
    let manifest = Manifest {
        command: Vec::new(),
        started: String::new(),
        wall_seconds: None,
        ..done.manifest
    };
    out.push(("manifest".into(), format!("{manifest:?}").into_bytes()));
    out
}

fn same(a: &Path, b: &Path) {
    let (a, b) = (contents(a), contents(b));
    assert!(a.len() > 3, "{a:?}");
    assert_eq!(a.len(), b.len());
    for ((name, x), (other, y)) in a.iter().zip(&b) {
        assert_eq!(name, other);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(2000).collect::<String>();
        assert!(x == y, "{name} differs:\n{}\n---\n{}", text(x), text(y));
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let directory = scratch();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("small.econ"), SMALL).expect("a model");
    for threads in ["1", "2"] {
        let (solved, run) = (format!("solved{threads}"), format!("run{threads}"));
        let (exit, out, err) = econc(
            directory.path(),
            &["solve", "small.econ", "--threads", threads, "--out", &solved],
        );
        assert_eq!(exit, 0, "{out}{err}");
        // The same solution for both, since its path is a setting.
        let arguments = [
            "simulate",
            "small.econ",
            "--policy",
            "solved1",
            "--worlds",
            "40",
            "--scenario",
            "long",
        ];
        let mut arguments = arguments.to_vec();
        arguments.extend(["--threads", threads, "--out", &run]);
        let (exit, out, err) = econc(directory.path(), &arguments);
        assert_eq!(exit, 0, "{out}{err}");
    }
    same(&at("solved1"), &at("solved2"));
    same(&at("run1"), &at("run2"));
}

#[test]
fn every_method_ends_at_the_same_bytes_on_one_thread_and_on_two() {
    let directory = scratch();
    std::fs::write(directory.path().join("small.econ"), SMALL).expect("a model");
    for method in ["time_iteration", "endogenous_grid"] {
        let runs = ["1", "2"].map(|threads| {
            let out = format!("{method}{threads}");
            let line = [
                "solve",
                "small.econ",
                "--method",
                method,
                "--threads",
                threads,
                "--out",
                &out,
            ];
            let (exit, printed, err) = econc(directory.path(), &line);
            assert_eq!(exit, 0, "{method}: {printed}{err}");
            assert!(printed.contains(&method.replace('_', " ")), "{printed}");
            directory.path().join(out)
        });
        same(&runs[0], &runs[1]);
    }
}

#[test]
fn a_sweep_is_a_directory_a_value_and_one_table() {
    let directory = scratch();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("small.econ"), SMALL).expect("a model");
    let simulate = [
        "simulate",
        "small.econ",
        "--policy",
        "fixed:x=0.2",
        "--scenario",
        "long",
    ];
    let with = |more: &[&str]| econc(directory.path(), &[&simulate[..], more].concat());
    let (exit, out, err) = with(&["--set", "a=0.2..0.4:3", "--set", "n=1..2:2", "--out", "sweep"]);
    assert_eq!(exit, 0, "{out}{err}");
    assert!(out.contains("Results by value"), "{out}");
    let whole = open_complete(&at("sweep")).expect("complete");
    let table = String::from_utf8(whole.read("sweep.csv").expect("the table")).expect("UTF-8");
    let rows: Vec<Vec<&str>> = table.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(rows[0][..4], ["a", "n", "status", "run"]);
    assert_eq!(rows.len(), 7);
    assert_eq!(rows[2][..4], ["0.2", "2.0", "complete", "run-002"]);
    assert_eq!(rows[6][..4], ["0.4", "2.0", "complete", "run-006"]);
    let total = rows[0]
        .iter()
        .position(|c| *c == "total planner")
        .expect("the sum of rewards");
    let of = |row: usize| rows[row][total].parse::<f64>().expect("a number");
    // k is below one: more weight on it is less output; n adds nothing.
    assert!(of(1) > of(3) && of(3) > of(5) && of(1) == of(2), "{table}");
    // Each run is the run without a sweep.
    let (exit, _, err) = with(&["--set", "a=0.3", "--set", "n=1", "--out", "one"]);
    assert_eq!(exit, 0, "{err}");
    same(&at("sweep/run-003"), &at("one"));

    let (exit, _, err) = with(&["--set", "a=0.5..1.5:3"]);
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains("E0403") && !at("runs").exists(), "{err}");
    for wrong in ["a=0.2..0.4", "a=0.2..0.4:1", "a=0.2..x:3"] {
        let (exit, _, err) = with(&["--set", wrong]);
        assert!(exit == 2 && err.contains("E0967"), "{wrong}: {exit} {err}");
    }
    let (exit, _, err) = econc(directory.path(), &["check", "small.econ", "--set", "a=0.2..0.4:3"]);
    assert!(exit == 2 && err.contains("E0967"), "{err}");
}

/// Growth by hand: at rest `alpha k^(alpha - 1) = 1 / beta - 1 + delta`; with a patient planner beyond the end of the domain.
#[test]
fn a_sweep_of_rests_goes_on_where_one_has_none_and_lists_what_the_file_defines() {
    let directory = scratch();
    let at = |name: &str| directory.path().join(name);
    let text = "param beta = 0.9\nagent planner {\n  state k in (0, 10), start 2\n  action s in [0, 0.8]\n  let y = k^0.33\n  let c = (1 - s) * y\n  \
                k' = 0.96 * k + s * y\n  reward 1 - 1 / c\n  discount beta\n}\n";
    std::fs::write(at("g.econ"), text).expect("a model");
    let (exit, out, err) = econc(
        directory.path(),
        &["steady_state", "g.econ", "--set", "beta=.9..0.999:3", "--out", "rests"],
    );
    assert_eq!(exit, 1, "{out}{err}");
    assert!(err.contains("E0910") && err.contains("1 of 3 runs failed"), "{err}");
    let table = std::fs::read_to_string(at("rests.failed/sweep.csv")).expect("a table of the others");
    let rows: Vec<Vec<&str>> = table.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(
        rows[1..].iter().map(|r| r[1]).collect::<Vec<_>>(),
        ["complete", "complete", "failed"]
    );
    assert_eq!(rows[3][2], "", "a run that computed nothing has no directory: {table}");
    // Each rest that was found, as by hand, with what the file defines there.
    let rest = std::fs::read_to_string(at("rests.failed/run-001/steady_state.csv")).expect("a rest");
    let value = |name: &str| -> f64 {
        let row = rest
            .lines()
            .find(|l| l.split(',').next() == Some(name))
            .unwrap_or_else(|| panic!("{name}: {rest}"));
        row.rsplit(',').next().and_then(|x| x.parse().ok()).expect("a number")
    };
    let k = (0.33 / (1.0 / 0.9 - 0.96f64)).powf(1.0 / 0.67);
    let (y, c) = (k.powf(0.33), k.powf(0.33) - 0.04 * k);
    for (name, right) in [
        ("planner.k", k),
        ("planner.y", y),
        ("planner.c", c),
        ("planner.reward", 1.0 - 1.0 / c),
    ] {
        assert!(
            (value(name) - right).abs() < 1e-8 * right.abs(),
            "{name}: {} for {right}",
            value(name)
        );
    }
}

/// The best constant policy differs from run to run: its number stands in the cells, under one name.
#[test]
fn columns_of_a_sweep_have_the_same_name_in_all_rows_and_failures_their_code_on_top() {
    let directory = scratch();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("small.econ"), SMALL).expect("a model");
    let (_, out, err) = econc(
        directory.path(),
        &["solve", "small.econ", "--set", "a=0.2..0.4:2", "--out", "sweep"],
    );
    let table = std::fs::read_to_string(at("sweep/sweep.csv"))
        .or_else(|_| std::fs::read_to_string(at("sweep.failed/sweep.csv")))
        .unwrap_or_else(|e| panic!("{e}: {out}{err}"));
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let heads: Vec<String> = reader.headers().expect("heads").iter().map(String::from).collect();
    let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("a row")).collect();
    let found: Vec<usize> = (0..heads.len())
        .filter(|i| heads[*i].starts_with("best constant "))
        .collect();
    assert_eq!(found.len(), 2, "{heads:?}");
    for i in found {
        assert!(!heads[i].contains('('), "{heads:?}");
        let cells: Vec<f64> = rows.iter().map(|r| r[i].parse().expect("a number")).collect();
        assert!(
            cells[0].is_finite() && cells[1].is_finite() && cells[0] != cells[1],
            "{cells:?}"
        );
    }

    // No certificate holds so strict a limit: the code stands where those of other commands do.
    let strict = [
        "solve",
        "small.econ",
        "--set",
        "a=0.2..0.4:2",
        "--set",
        "bellman=-29",
        "--json",
    ];
    let (exit, out, _) = econc(directory.path(), &strict);
    let json: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((exit, &json["status"]), (1, &"failed".into()));
    let top = json["diagnostics"].as_array().expect("messages");
    assert!(top.iter().any(|d| d["code"] == "E0912"), "{top:?}");
    let one = top.iter().filter(|d| d["code"] == "E0912").count();
    assert_eq!(one, 1, "{top:?}");
    assert!(
        top[0]["notes"].to_string().contains("in 2 runs, first in run-001"),
        "{top:?}"
    );
}

#[test]
fn settings_are_set_from_the_command_line_too() {
    let directory = scratch();
    std::fs::write(directory.path().join("small.econ"), SMALL).expect("a model");
    let check = |set: &str| econc(directory.path(), &["check", "small.econ", "--set", set]);
    for (set, code) in [
        ("tolerance=1e-6", ""),
        ("grid.k=log(30)", ""),
        ("verify.seeds=1..5", ""),
        ("tolerance=fast", "E0805"),
        ("grid.kk=log(30)", "E0801"),
        ("method=vfj", "E0804"),
        ("solve.methd=grid_search", "E0801"),
        ("train.steps=5", "E0802"),
        ("tolerence=5", "E0802"),
    ] {
        let (exit, _, err) = check(set);
        assert_eq!(exit, if code.is_empty() { 0 } else { 2 }, "{set}: {err}");
        assert!(err.contains(code), "{set}: {err}");
    }
}

#[test]
fn members_stand_for_a_continuum() {
    let directory = scratch();
    let at = |name: &str| directory.path().join(name);
    let model = "model many\nagent household[continuum] {\n  state k in [0, 9], start uniform(1, 2)\n  action s in [0, 1]\n  k' = \
        s * k\n  reward k + 0 * K\n  discount 0.9\n}\naggregate K = mean(household.k)\n";
    std::fs::write(at("many.econ"), model).expect("a model");
    std::fs::write(at("few.econ"), format!("{model}solve {{ members = 3 }}\n")).expect("a model");
    let first = |file: &str, more: &[&str]| {
        let arguments = ["simulate", file, "--policy", "fixed:s=1", "--periods", "2", "--json"];
        let (exit, out, err) = econc(directory.path(), &[&arguments[..], more].concat());
        assert_eq!(exit, 0, "{err}");
        let json: Value = serde_json::from_str(&out).expect("JSON");
        let run = open_complete(Path::new(
            &directory.path().join(json["directory"].as_str().expect("a place")),
        ));
        let series = run.expect("complete").read("series.csv").expect("series");
        let text = String::from_utf8(series).expect("UTF-8");
        let mut lines = text
            .lines()
            .map(|l| l.split(',').map(String::from).collect::<Vec<String>>());
        let (head, row) = (lines.next().expect("names"), lines.next().expect("values"));
        let of = |name: &str| {
            let i = head.iter().position(|h| h == name)?;
            row[i].parse::<f64>().ok()
        };
        let members: Vec<f64> = (1..=8).map_while(|i| of(&format!("household.k[{i}]"))).collect();
        (members, of("K").expect("the mean"))
    };
    let (members, mean) = first("many.econ", &["--members", "3"]);
    assert_eq!(members.len(), 3);
    assert!((members.iter().sum::<f64>() / 3.0 - mean).abs() < 1e-12);
    assert_eq!(first("few.econ", &[]), (members, mean));
    assert_eq!(first("few.econ", &["--members", "5"]).0.len(), 5);
    assert_eq!(first("many.econ", &[]).0.len(), 8);
    let (exit, _, err) = econc(directory.path(), &["simulate", "many.econ", "--members", "0"]);
    assert!(exit == 2 && err.contains("--members"), "{err}");
}

#[test]
fn shipped_files_have_the_standard_layout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.join("models"), root.join("examples"), root.join("std")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "econ") {
                files.push(path.display().to_string());
            }
        }
    }
    assert!(files.len() > 40);
    let mut arguments = vec!["fmt", "--check"];
    arguments.extend(files.iter().map(String::as_str));
    let (exit, out, err) = econc(root, &arguments);
    assert_eq!((exit, out.as_str(), err.as_str()), (0, "", ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_goes_away_is_no_fault_and_a_full_disk_is() {
    let bin = assert_cmd::cargo::cargo_bin!("econc");
    let shell = |script: &str| {
        let output = std::process::Command::new("bash")
            .args(["-c", script])
            .env("ECONC", bin)
            .output()
            .expect("bash");
        (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (out, err) = shell("\"$ECONC\" new | head -n 1; echo ${PIPESTATUS[0]}");
    assert!(out.ends_with("\n0\n"), "{out}");
    assert_eq!(err, "");
    let (out, err) = shell("\"$ECONC\" new > /dev/full; echo $?");
    assert_eq!(out, "2\n");
    assert!(err.contains("E0951"), "{err}");
}

#[test]
fn standard_input_is_a_file_too() {
    let directory = with_growth();
    let source = std::fs::read(directory.path().join("growth.econ")).expect("the model");
    let mut command: Command = assert_cmd::cargo::cargo_bin_cmd!("econc");
    command.args(["check", "-"]).write_stdin(source).assert().code(0);
}

#[test]
fn a_policy_that_is_no_run_is_refused_before_anything_is_written() {
    let directory = with_growth();
    let (exit, _, err) = econc(directory.path(), &["simulate", "growth.econ", "--policy", "randm"]);
    assert_eq!(exit, 2);
    assert!(err.contains("E0965"), "{err}");
    let place = RunPlace::Exact {
        directory: directory.path().join("left"),
        force: false,
    };
    let run = RunDirectory::create(place, manifest()).expect("a run");
    let partial = run.path().to_path_buf();
    drop(run);
    let name = partial.to_str().expect("UTF-8");
    let (exit, _, err) = econc(directory.path(), &["simulate", "growth.econ", "--policy", name]);
    assert_eq!(exit, 2);
    assert!(err.contains("E0953") && err.contains("interrupted"), "{err}");
    assert!(!directory.path().join("runs").exists());
}

fn manifest() -> Manifest {
    Manifest::new(vec!["econc".into()], "growth.econ", b"", 1, "2025-01-01T00:00:00Z")
}

const CHILD: &str = "ECONC_TEST_RUN";

/// Not a test of its own: what [`a_killed_run_says_that_it_was_interrupted`] starts and kills.
#[test]
fn child_that_writes_a_run_until_it_is_killed() {
    let Some(root) = std::env::var_os(CHILD) else {
        return;
    };
    let place = RunPlace::Numbered {
        root: root.into(),
        name: "growth".into(),
    };
    let mut run = RunDirectory::create(place, manifest()).expect("a run");
    for i in 0.. {
        run.write(&format!("paths/{i:06}.csv"), &vec![b'x'; 100_000])
            .expect("written");
        run.checkpoint().expect("written");
    }
}

#[cfg(unix)]
#[test]
fn a_killed_run_says_that_it_was_interrupted() {
    let root = scratch();
    let mut child = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "cli::child_that_writes_a_run_until_it_is_killed"])
        .env(CHILD, root.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("a child");
    let partial = loop {
        let found = std::fs::read_dir(root.path()).expect("root").next();
        if let Some(entry) = found {
            let path = entry.expect("entry").path();
            if path.join("paths/000003.csv").exists() {
                break path;
            }
        }
        assert!(child.try_wait().expect("waited").is_none(), "the child does not write");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(inspect(&partial).expect("a manifest").1, Status::Running);
    child.kill().expect("killed");
    child.wait().expect("waited");

    assert!(partial.to_str().expect("UTF-8").contains("growth-0001.partial-"));
    let (manifest, status) = inspect(&partial).expect("a manifest");
    assert_eq!((manifest.status, status), (Status::Interrupted, Status::Interrupted));
    assert_eq!(open_complete(&partial).expect_err("refused").code, "E0953");
    // every file on record is whole, so the run can be taken up again
    let mut run = RunDirectory::resume(&partial).expect("resumed");
    run.write("end.csv", b"1").expect("written");
    let done = run.finish(Status::Complete, None, 1.0).expect("finished");
    assert_eq!(done, root.path().join("growth-0001"));
    assert!(open_complete(&done).expect("complete").manifest.files.len() >= 4);
}
