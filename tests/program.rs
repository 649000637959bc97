//! The program as something that is stopped, killed, starved and given damaged files: it stops at once, fits in memory and
//! loses nothing. `ECONC_LONG=1` runs the long versions.

#![expect(
    clippy::print_stdout,
    reason = "how long stops took is what a reader of a failure wants"
)]

use crate::common;

use common::{command, econc, long};
use econc::report::store::{Manifest, RunDirectory, RunPlace, Status, open_complete};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn scratch() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a scratch directory");
    for model in [
        "growth.econ",
        "brock_mirman.econ",
        "finite_life.econ",
        "menu_costs.econ",
    ] {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(model);
        std::fs::copy(shipped, directory.path().join(model)).expect("the model");
    }
    let put = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("written");
    put(
        "errors.econ",
        "model m\nagent a {  action q in [0,1]\n reward q * nothing }\n",
    );
    put("small.econ", SMALL);
    put("finite.econ", FINITE);
    put(
        "fails.econ",
        &SMALL.replace("log(60); edges = 1; euler = 0; bellman = 0", "log(3)"),
    );
    std::fs::create_dir(directory.path().join("folder")).expect("made");
    directory
}

const SMALL: &str = "model small\nparam a = 0.3 in (0, 1)\nshock z ~ markov([0.9, 1.1], [[0.8, 0.2], [0.2, \
    0.8]])\nagent planner {\n  state k in [0.05, 0.6], start 0.2\n  action x in [0.01, 0.6]\n  let c = z * k^a - \
    x\n  k' = x\n  require c >= 0.001\n  observe k, z\n  reward log(c)\n  discount 0.9\n}\nsolve { \
    grid.k = log(60); edges = 1; euler = 0; bellman = 0 }\n";

/// A machine that wears out, for learners that know finite sets of choices only.
const FINITE: &str = "model finite\nagent owner {\n  state x in 0..9, start 0\n  action d in {keep, replace}\n  noise \
    dx ~ discrete([0, 1, 2], [0.3, 0.5, 0.2])\n  x' = min((if d == replace then 0 else x) + dx, 9)\n  observe x\n  \
    reward if d == replace then -3 else -0.3 * x\n  discount 0.9\n}\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Numbers that are the same in every run of a test, without pattern.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }
}

fn codes(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let (Some(Value::String(code)), true) = (map.get("code"), map.contains_key("severity")) {
                out.push(code.clone());
            }
            map.values().for_each(|v| codes(v, out));
        }
        Value::Array(list) => list.iter().for_each(|v| codes(v, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every line of the table of failures ends as it says, in JSON too, and refusals leave nothing behind.
#[test]
fn failures_end_as_the_table_says() {
    let directory = scratch();
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exit_codes.md")).expect("it");
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in page.lines().filter(|l| l.starts_with("| `econc ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let (typed, status, code) = (cells[0].trim_matches('`'), cells[1], cells[2]);
        let mut arguments: Vec<&str> = typed.split(' ').skip(1).collect();
        arguments.push("--json");
        let output = econc(directory.path(), &arguments);
        count += 1;
        let mut found = Vec::new();
        match serde_json::from_slice::<Value>(&output.stdout) {
            Ok(json) => {
                // One layout for every command.
                if json["exit"].as_i64() != status.parse().ok()
                    || !["failed", "interrupted"].map(Value::from).contains(&json["status"])
                {
                    wrong.push(format!("{typed}: status {}, exit {}", json["status"], json["exit"]));
                }
                codes(&json["diagnostics"], &mut found);
            }
            Err(e) => found.push(format!("no JSON: {e}")),
        }
        let exit = output.status.code().map_or("killed".to_string(), |c| c.to_string());
        if exit != status || !found.iter().any(|c| c == code) {
            wrong.push(format!("{typed}: {exit} {found:?}, not {status} {code}"));
        }
    }
    assert!(count > 40, "{count} lines");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let left: Vec<PathBuf> = std::fs::read_dir(directory.path().join("runs"))
        .map(|all| all.flatten().map(|e| e.path()).collect())
        .unwrap_or_default();
    assert!(left.iter().all(|p| p.to_string_lossy().contains("small-")), "{left:?}");
}

/// However many mistakes there are, so many are shown and the others counted; what is too large to be read is not read.
#[test]
fn messages_are_counted_and_files_have_a_size() {
    let directory = scratch();
    let root = directory.path();
    let wrong: String = (0..500).map(|i| format!("let a{i} = nothing{i}\n")).collect();
    std::fs::write(root.join("many.econ"), format!("model many\n{wrong}")).expect("written");
    let output = econc(root, &["check", "many.econ", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let shown = json["diagnostics"].as_array().expect("a list");
    assert_eq!(shown.len(), 201);
    let last = shown.last().expect("one");
    assert_eq!(last["code"], "W0981");
    assert!(
        last["headline"].as_str().is_some_and(|h| h.starts_with("300 more")),
        "{last}"
    );

    // Sparse files: they take no room on the disk.
    let large = |name: &str| {
        let file = std::fs::File::create(root.join(name)).expect("made");
        file.set_len(10_000_000_000).expect("grown");
    };
    large("large.econ");
    large("folder/manifest.ron");
    for arguments in [
        &["check", "large.econ"][..],
        &["solve", "large.econ"],
        &["simulate", "growth.econ", "--policy", "folder"],
        &["train", "--resume", "folder"],
        &["export", "folder"],
    ] {
        let output = econc(root, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&output.stderr).contains("E0984"),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
    #[cfg(target_os = "linux")]
    assert_eq!(econc(root, &["check", "/dev/zero"]).status.code(), Some(2));
}

/// Names that are no UTF-8 are a message or work.
#[cfg(unix)]
#[test]
fn arguments_that_are_no_text_are_no_crash() {
    use std::os::unix::ffi::OsStrExt;
    let directory = scratch();
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe.econ");
    let run = |arguments: &[&std::ffi::OsStr]| {
        let mut command = command(directory.path(), &[]);
        command.args(arguments).output().expect("econc starts")
    };
    std::fs::copy(directory.path().join("small.econ"), directory.path().join(odd)).expect("copied");
    let output = run(&[
        "solve".as_ref(),
        odd,
        "--out".as_ref(),
        std::ffi::OsStr::from_bytes(b"r\xff"),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = run(&["solve".as_ref(), "--set".as_ref(), odd, "--json".as_ref()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("E0980"), "{}", text(&output.stdout));
    let small: &std::ffi::OsStr = "small.econ".as_ref();
    let picture = std::ffi::OsStr::from_bytes(b"\xfe.svg");
    let works: [(&[&std::ffi::OsStr], i32); 9] = [
        (&["check".as_ref(), odd], 0),
        (&["fmt".as_ref(), "--check".as_ref(), odd], 0),
        (&["graph".as_ref(), small, "--out".as_ref(), picture], 0),
        (&["simulate".as_ref(), small, "--policy".as_ref(), odd], 2),
        (&["explain".as_ref(), odd], 2),
        (&["new".as_ref(), "growth".as_ref(), odd], 2),
        (&["export".as_ref(), odd], 2),
        (&["solve".as_ref(), "--resume".as_ref(), odd], 2),
        (&[odd], 2),
    ];
    for (arguments, status) in works {
        let output = run(arguments);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
}

fn manifest() -> Manifest {
    Manifest::new(vec!["econc".into()], "growth.econ", b"", 1, "2025-01-01T00:00:00Z")
}

/// Two hundred single bits, anywhere in a checkpoint, a manifest or a solution: each is seen.
#[test]
fn every_flipped_bit_is_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let place = |name: &str| RunPlace::Exact {
        directory: root.path().join(name),
        force: false,
    };
    let mut dice = Dice(7);
    let content: Vec<u8> = (0..4000).map(|_| dice.below(256) as u8).collect();
    let run = RunDirectory::create(place("a"), manifest()).expect("a run");
    run.keep_sealed("seed_1/checkpoint", &content).expect("kept");
    assert_eq!(
        run.kept_sealed("seed_1/checkpoint").expect("read"),
        Some(content.clone())
    );
    let path = run.path().join("seed_1/checkpoint");
    let whole = std::fs::read(&path).expect("read");
    for _ in 0..200 {
        let (byte, bit) = (dice.below(whole.len()), dice.below(8));
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << bit;
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(
            run.kept_sealed("seed_1/checkpoint").expect_err("seen").code,
            "E0983",
            "bit {bit} of byte {byte}"
        );
    }
    for length in [0, 1, 20, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).expect("written");
        assert_eq!(run.kept_sealed("seed_1/checkpoint").expect_err("seen").code, "E0983");
    }

    let mut run = RunDirectory::create(place("b"), manifest()).expect("a run");
    run.write("solution.ron", &content).expect("written");
    let done = run.finish(Status::Complete, None, 1.0).expect("finished");
    for file in ["solution.ron", "manifest.ron"] {
        let path = done.join(file);
        let whole = std::fs::read(&path).expect("read");
        for _ in 0..200 {
            let (byte, bit) = (dice.below(whole.len()), dice.below(8));
            let mut bytes = whole.clone();
            bytes[byte] ^= 1 << bit;
            std::fs::write(&path, &bytes).expect("written");
            let code = open_complete(&done).expect_err("seen").into_message().code;
            assert!(
                code == "E0955" || code == "E0954",
                "{file}: bit {bit} of byte {byte}: {code}"
            );
        }
        std::fs::write(&path, &whole).expect("written");
        open_complete(&done).expect("as it was");
    }
}

/// A run killed between its manifest and its name gets its name.
#[test]
fn a_run_that_has_all_but_its_name_is_resumed_to_it() {
    let directory = scratch();
    let root = directory.path();
    let output = econc(root, &["solve", "small.econ", "--out", "s"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let before = std::fs::read(root.join("s/report.html")).expect("a report");
    std::fs::rename(root.join("s"), root.join("s.partial-1")).expect("renamed");
    let output = econc(root, &["solve", "--resume", "s"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    open_complete(&root.join("s")).expect("complete");
    assert_eq!(std::fs::read(root.join("s/report.html")).expect("a report"), before);
}

/// Every file of a complete run but the manifest, which holds times.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let done = open_complete(directory).unwrap_or_else(|d| panic!("{}: {d:?}", directory.display()));
    done.manifest
        .files
        .iter()
        .map(|f| (f.name.clone(), std::fs::read(directory.join(&f.name)).expect("a file")))
        .collect()
}

/// Kills `arguments --out k` after each of the moments (milliseconds), every third time by a signal that can be answered,
/// resumes, and compares with a run that was left alone.
fn killed_and_resumed(arguments: &[&str], moments: &[u64]) {
    let directory = scratch();
    let root = directory.path();
    let mut line = arguments.to_vec();
    line.extend(["--threads", "1", "--quiet"]);
    let with_out = |out: &'static str| {
        let mut all = line.clone();
        all.extend(["--out", out]);
        all
    };
    let output = econc(root, &with_out("left"));
    assert!(output.status.code().is_some_and(|c| c < 2), "{}", text(&output.stderr));
    let name = |stem: &str| {
        let failed = root.join(format!("{stem}.failed"));
        if failed.is_dir() { failed } else { root.join(stem) }
    };
    let all = |stem: &str| -> Vec<(String, Vec<u8>)> {
        let place = name(stem);
        if place == root.join(stem) {
            return files(&place);
        }
        let (manifest, _) = econc::report::store::inspect(&place).expect("a manifest");
        let read =
            |f: &econc::report::store::FileEntry| (f.name.clone(), std::fs::read(place.join(&f.name)).expect("it"));
        manifest.files.iter().map(read).collect()
    };
    let alone = all("left");
    for (i, moment) in moments.iter().enumerate() {
        let mut child = command(root, &with_out("k")).spawn().expect("econc starts");
        std::thread::sleep(Duration::from_millis(*moment));
        #[cfg(unix)]
        if i % 3 == 2 && child.try_wait().expect("asked").is_none() {
            signal(&child, "TERM");
            let _ = child.wait();
        }
        #[cfg(not(unix))]
        let _ = i;
        let _ = child.kill();
        let _ = child.wait();
        if !name("k").is_dir() {
            let output = econc(root, &[arguments[0], "--resume", "k", "--threads", "1", "--quiet"]);
            if output.status.code() == Some(2) {
                let said = text(&output.stderr);
                assert!(said.contains("E0986") || said.contains("E0954"), "{moment} ms: {said}");
                let begun = std::fs::read_dir(root).expect("it").flatten();
                let begun = begun
                    .filter(|e| e.file_name().to_string_lossy().starts_with("k.partial"))
                    .count();
                assert_eq!(begun, 0, "{moment} ms: {said}");
                econc(root, &with_out("k"));
            } else {
                assert!(
                    output.status.code().is_some_and(|c| c < 2),
                    "{moment} ms: {}",
                    text(&output.stderr)
                );
            }
        }
        let again = all("k");
        assert_eq!(alone.len(), again.len(), "{moment} ms");
        for ((a, x), (b, y)) in alone.iter().zip(&again) {
            assert!(a == b && x == y, "killed after {moment} ms: {a} differs");
        }
        for entry in std::fs::read_dir(root).expect("it").flatten() {
            if entry.file_name().to_string_lossy().starts_with("k.") || entry.file_name() == "k" {
                std::fs::remove_dir_all(entry.path()).expect("removed");
            }
        }
    }
}

fn moments(few: &[u64], many: u64, step: u64) -> Vec<u64> {
    if long() {
        (0..many).map(|i| i * step).collect()
    } else {
        few.to_vec()
    }
}

#[test]
fn a_solve_that_is_killed_ends_as_one_that_was_not() {
    killed_and_resumed(
        &["solve", "small.econ", "--checkpoint", "0"],
        &moments(&[3, 8, 15, 40], 100, 3),
    );
    let on_nodes = [
        "solve",
        "small.econ",
        "--method",
        "grid_search",
        "--set",
        "grid.k=uniform(3000)",
        "--set",
        "tolerance=1e-9",
        "--checkpoint",
        "0",
    ];
    killed_and_resumed(&on_nodes, &moments(&[10, 25, 60], 100, 5));
    for method in ["time_iteration", "endogenous_grid"] {
        let marginal = ["solve", "small.econ", "--method", method, "--checkpoint", "0"];
        killed_and_resumed(&marginal, &moments(&[5, 12, 30], 100, 3));
    }
    let finite = ["solve", "finite_life.econ", "--checkpoint", "0"];
    killed_and_resumed(&finite, &moments(&[20, 60], 100, 9));
}

#[cfg(feature = "learn")]
#[test]
fn a_training_that_is_killed_ends_as_one_that_was_not() {
    let line = |learner| {
        [
            "train",
            "small.econ",
            "--learner",
            learner,
            "--with",
            "steps=4000",
            "--with",
            "evaluations=2",
            "--with",
            "evaluation_episodes=2",
            "--with",
            "network=[8]",
            "--checkpoint",
            "0",
        ]
    };
    killed_and_resumed(&line("ppo"), &moments(&[4, 9, 14, 30, 60, 120], 100, 5));
    let others = ["a2c", "sac", "recurrent_ppo", "dqn", "q_learning"];
    for learner in others {
        let mut line = line(learner).to_vec();
        if ["dqn", "q_learning"].contains(&learner) {
            line[1] = "finite.econ";
        }
        if learner == "q_learning" {
            let at = line.iter().position(|w| *w == "network=[8]").expect("there");
            line.drain(at - 1..=at);
        }
        killed_and_resumed(&line, &moments(&[25], 100, 7));
    }
    if long() {
        // Many members, and updates that take long.
        let line = [
            "train",
            "menu_costs.econ",
            "--with",
            "steps=100000",
            "--checkpoint",
            "0",
        ];
        killed_and_resumed(&line, &[30, 2000, 6000, 12_000]);
    }
}

/// What had ended in a sweep is kept, and the whole is as if it had not been interrupted.
#[test]
fn a_sweep_that_is_killed_goes_on_with_the_first_run_that_had_not_ended() {
    let directory = scratch();
    let root = directory.path();
    let with = |out| ["solve", "small.econ", "--set", "a=0.2..0.4:12", "--quiet", "--out", out];
    let output = econc(root, &with("left"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut child = command(root, &with("k")).spawn().expect("econc starts");
    let partial = begun(root, "k", &mut child).expect("twelve runs take their time");
    while !partial.join("work/run-001.ron").is_file() {
        assert!(
            child.try_wait().expect("waited").is_none(),
            "it ended before it was killed"
        );
    }
    let _ = child.kill();
    let _ = child.wait();
    let first = partial.join("run-001/manifest.ron");
    let before = std::fs::read(&first).expect("a run that had ended");
    let output = econc(root, &["solve", "--resume", "k"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("1/12  a = 0.2: complete, as it was"),
        "{}",
        text(&output.stderr)
    );
    // It holds the time at which it ran: it was not run again.
    assert_eq!(std::fs::read(root.join("k/run-001/manifest.ron")).expect("it"), before);
    assert_eq!(files(&root.join("k")), files(&root.join("left")));
    for run in ["run-001", "run-002", "run-003"] {
        assert_eq!(files(&root.join("k").join(run)), files(&root.join("left").join(run)));
    }
    assert!(!root.join("k/work").exists());
    killed_and_resumed(
        &["solve", "small.econ", "--set", "a=0.2..0.4:3"],
        &moments(&[30, 80], 100, 4),
    );
}

#[cfg(feature = "learn")]
#[test]
fn a_verdict_that_is_killed_ends_as_one_that_was_not() {
    let line = [
        "verify",
        "small.econ",
        "--with",
        "steps=3000",
        "--with",
        "evaluations=1",
        "--with",
        "evaluation_episodes=2",
        "--with",
        "network=[8]",
        "--checkpoint",
        "0",
    ];
    killed_and_resumed(&line, &moments(&[10, 60, 150], 100, 10));
}

#[cfg(feature = "learn")]
#[test]
fn a_search_that_is_killed_ends_as_one_that_was_not() {
    let line = [
        "tune",
        "small.econ",
        "--trials",
        "3",
        "--with",
        "steps=2000",
        "--with",
        "evaluations=1",
        "--with",
        "evaluation_episodes=2",
        "--with",
        "network=[8]",
        "--search",
        "learning_rate=1e-4..1e-2:log",
        "--checkpoint",
        "0",
    ];
    killed_and_resumed(&line, &moments(&[10, 60, 150], 100, 10));
}

/// The directory of the run `out` once it has begun; `None` if the program ends first. However fast the machine is.
fn begun(root: &Path, out: &str, child: &mut std::process::Child) -> Option<PathBuf> {
    let head = format!("{out}.partial-");
    loop {
        let ended = child.try_wait().expect("waited").is_some();
        let all = std::fs::read_dir(root).expect("it").flatten();
        let mut mine = all.filter(|e| e.file_name().to_string_lossy().starts_with(&head));
        if let Some(found) = mine.next() {
            return Some(found.path());
        }
        if ended {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether one of up to three tries holds: what must come within some seconds comes, unless the machine is busy each time.
#[cfg(unix)]
fn one_of_three(holds: impl FnMut(usize) -> bool) -> bool {
    (0..3).any(holds)
}

#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .stderr(Stdio::null())
        .status();
    // It may have ended; a child that was not waited for can still be sent signals.
    assert!(sent.expect("kill").success());
}

/// Work that would go on for minutes stops within two seconds, says what goes on with it, and is marked.
#[cfg(unix)]
#[test]
fn a_signal_stops_work_within_two_seconds() {
    let directory = scratch();
    let root = directory.path();
    let members = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/krusell_smith.econ");
    std::fs::copy(members, root.join("crowd.econ")).expect("copied");
    let works: [(&[&str], &str, i32); 5] = [
        (
            &[
                "solve",
                "crowd.econ",
                "--set",
                "law.periods=5000000",
                "--set",
                "tolerance=1e-15",
            ],
            "INT",
            130,
        ),
        (&["solve", "growth.econ", "--set", "grid.k=log(300000)"], "TERM", 143),
        (
            &["simulate", "crowd.econ", "--members", "2000000", "--periods", "100000"],
            "INT",
            130,
        ),
        (&["train", "growth.econ", "--with", "steps=100000000"], "HUP", 129),
        (&["verify", "growth.econ", "--with", "steps=100000000"], "INT", 130),
    ];
    let stopped = |i: usize, try_number: usize| -> bool {
        let (arguments, name, status) = &works[i];
        let mut line = arguments.to_vec();
        let out = format!("r{i}_{try_number}");
        line.extend(["--json", "--out", &out]);
        let mut child = command(root, &line).spawn().expect("econc starts");
        begun(root, &out, &mut child).expect("work that goes on for minutes");
        // Into the work; it is stopped as well where it has hardly begun.
        std::thread::sleep(Duration::from_millis(if long() { 3000 } else { 500 }));
        let sent = Instant::now();
        signal(&child, name);
        let output = child.wait_with_output().expect("ended");
        let took = sent.elapsed();
        assert_eq!(
            output.status.code(),
            Some(*status),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(json["status"], "interrupted");
        let said = json["diagnostics"].to_string();
        assert!(said.contains("E0906") && said.contains("--resume"), "{said}");
        let partial = PathBuf::from(json["directory"].as_str().expect("a directory"));
        let (manifest, status) = econc::report::store::inspect(&root.join(partial)).expect("a manifest");
        assert_eq!(status, Status::Interrupted);
        // The work ended by itself: whoever is ended from outside cannot write this.
        let by_itself = manifest.reason == Some(format!("stopped by SIG{name}"));
        println!("{arguments:?}: {took:?}, {:?}", manifest.reason);
        by_itself && took < Duration::from_secs(2)
    };
    for i in 0..works.len() {
        assert!(one_of_three(|n| stopped(i, n)), "{:?}", works[i].0);
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_at_once_and_says_what_goes_on() {
    let directory = scratch();
    let root = directory.path();
    let ended = |n: usize| -> bool {
        let out = format!("r{n}");
        let line = [
            "solve",
            "growth.econ",
            "--quiet",
            "--set",
            "grid.k=log(300000)",
            "--out",
            &out,
        ];
        let mut child = command(root, &line).spawn().expect("econc starts");
        let partial = begun(root, &out, &mut child).expect("work that goes on for minutes");
        let sent = Instant::now();
        signal(&child, "INT");
        std::thread::sleep(Duration::from_millis(50));
        signal(&child, "TERM");
        let output = child.wait_with_output().expect("ended");
        let took = sent.elapsed();
        assert_eq!(output.status.code(), Some(130));
        let said = text(&output.stderr);
        assert!(said.contains("econc solve --resume"), "{said}");
        // Work that ends by itself after the first signal says so in the manifest: it was not waited for.
        let (manifest, status) = econc::report::store::inspect(&partial).expect("a manifest");
        assert_eq!(status, Status::Interrupted);
        let at_once = !manifest.reason.is_some_and(|r| r.starts_with("stopped by"));
        at_once && took < Duration::from_secs(2)
    };
    assert!(one_of_three(ended), "the second signal waits for the work");
}

/// A stop is said with `--quiet` too, and what it names goes on to the same end.
#[cfg(unix)]
#[test]
fn what_a_stop_names_goes_on_to_the_same_bytes() {
    let directory = scratch();
    let root = directory.path();
    let with = |out| {
        let fixed = [
            "simulate",
            "growth.econ",
            "--policy",
            "fixed:s=0.25",
            "--periods",
            "60000",
            "--worlds",
            "50",
            "--quiet",
        ];
        [&fixed[..], &["--out", out]].concat()
    };
    let output = econc(root, &with("left"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut child = command(root, &with("k")).spawn().expect("econc starts");
    begun(root, "k", &mut child).expect("three million periods");
    signal(&child, "TERM");
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(143), "it ended before the signal");
    let said = text(&output.stderr);
    let line = said.lines().find_map(|l| l.split_once("econc ")).expect("a command");
    let words: Vec<&str> = line.1.split("  ").next().expect("it").split(' ').collect();
    let output = econc(root, &words);
    assert_eq!(output.status.code(), Some(0), "{words:?}: {}", text(&output.stderr));
    assert_eq!(files(&root.join("k")), files(&root.join("left")));
}

/// Commands that want more than they may have end with a code, never with an abort.
#[cfg(target_os = "linux")]
#[test]
fn memory_that_is_not_there_is_a_message() {
    let directory = scratch();
    let limited = |limit: &str, line: &str| {
        Command::new("sh")
            .current_dir(directory.path())
            .args(["-c", &format!("ulimit -v {limit}; exec \"$0\" {line} --json")])
            .arg(env!("CARGO_BIN_EXE_econc"))
            .output()
            .expect("it starts")
    };
    for line in [
        "simulate growth.econ --worlds 4000000000",
        "simulate growth.econ --worlds 90000000",
        "simulate growth.econ --periods 4000000000",
        "solve growth.econ --set grid.k='log(20000000)'",
        "solve brock_mirman.econ --method grid_search --set grid.k='log(9000000)'",
        "solve finite_life.econ --set grid.a='uniform(400000)'",
        "train growth.econ --learner sac --with stages=0 --with memory=50000000 --with steps=1e12",
        "train growth.econ --learner sac --with steps=1e12",
        "train growth.econ --learner recurrent_ppo --with worlds=100000 --with steps=1e12",
        "train growth.econ --threads 8 --seeds 1..8 --with horizon=120000 --with steps=1e12",
        "tune growth.econ --threads 8 --with horizon=120000 --with steps=1e12 --search learning_rate=1e-4..1e-2:log",
        "verify growth.econ --with worlds=100000 --with horizon=100000 --with steps=1e12",
        "train growth.econ --with worlds=100000 --with horizon=100000 --with steps=20000000000",
        "verify growth.econ --set verify.episodes=1000000000",
        "solve growth.econ --memory 64M --set grid.k='log(400000)'",
    ] {
        let output = limited("2000000", line);
        let out = text(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{line}: {out} {}", text(&output.stderr));
        assert!(out.contains("E0981") && out.contains("--memory SIZE"), "{line}: {out}");
    }
    let left = std::fs::read_dir(directory.path().join("runs")).map_or(0, |all| all.count());
    assert_eq!(left, 0, "refusals leave nothing behind");
    // Where there is no room for a stack, definitions that rest on many others are too much memory, and no mistake.
    let deep: String = (1..900).map(|i| format!("let x{i} = x{} + 1\n", i + 1)).collect();
    let deep = format!("{deep}let x900 = 1\nagent a {{ action q in [0, 1]; reward q + 0 * x1 }}\n");
    std::fs::write(directory.path().join("deep.econ"), deep).expect("written");
    for limit in ["250000", "150000", "80000", "60000"] {
        for line in ["check deep.econ", "solve deep.econ", "simulate deep.econ --periods 3"] {
            let output = limited(limit, line);
            let out = text(&output.stdout);
            assert_eq!(
                output.status.code(),
                Some(2),
                "{limit} {line}: {out} {}",
                text(&output.stderr)
            );
            assert!(out.contains("E0981") && !out.contains("E0502"), "{limit} {line}: {out}");
        }
        for line in ["check growth.econ", "solve small.econ", "explain E0201", "new"] {
            let output = limited(limit, line);
            let out = text(&output.stdout);
            let code = output.status.code();
            assert!(
                code == Some(0) || code == Some(2) && out.contains("E098"),
                "{limit} {line}: {out}"
            );
        }
    }
    assert_eq!(limited("unlimited", "check deep.econ").status.code(), Some(0));
    // The same is done where it may, and what no estimate foresaw is a message too.
    let one_seed = "train growth.econ --seeds 1 --with horizon=120000 --with steps=1e12 --out one";
    let mut child = command(directory.path(), &one_seed.split(' ').collect::<Vec<_>>())
        .spawn()
        .expect("econc starts");
    begun(directory.path(), "one", &mut child).expect("one seed fits");
    let _ = child.kill();
    let _ = child.wait();
    let few = "solve growth.econ --set grid.k='log(3000)' --out few --force";
    assert_eq!(limited("2000000", few).status.code(), Some(0));
    let many = "solve growth.econ --set grid.k='log(400000)' --memory 16M";
    let unforeseen = "solve growth.econ --set grid.k='log(6000)' --memory 16M";
    for (line, code) in [(many, "E0981"), (unforeseen, "E0982")] {
        let output = limited("2000000", line);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stdout).contains(code), "{}", text(&output.stdout));
    }
    let output = limited("2000000", "solve small.econ --threads 60000");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// A training plays what is asked and no more than one round beyond, whatever the learner and however many members there are.
#[cfg(feature = "learn")]
#[test]
fn a_training_plays_what_was_asked() {
    let directory = scratch();
    let root = directory.path();
    let crowd = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/aiyagari.econ");
    std::fs::copy(crowd, root.join("crowd.econ")).expect("copied");
    // With how far beyond it may go: a round of the learner, shortened to what was asked.
    let trainings = [
        ("ppo", "growth.econ", 20_000.0, 64.0),
        ("a2c", "growth.econ", 20_000.0, 128.0),
        ("sac", "growth.econ", 2_000.0, 128.0),
        ("recurrent_ppo", "growth.econ", 5_000.0, 1024.0),
        ("dqn", "finite.econ", 3_000.0, 8.0),
        ("q_learning", "finite.econ", 3_000.0, 64.0),
        ("ppo", "crowd.econ", 20_000.0, 20_000.0),
    ];
    for (i, (learner, model, steps, round)) in trainings.iter().enumerate() {
        let (out, steps_said) = (format!("r{i}"), format!("steps={steps}"));
        let mut line = vec![
            "train",
            model,
            "--learner",
            learner,
            "--with",
            &steps_said,
            "--json",
            "--out",
            &out,
        ];
        line.extend(["--with", "evaluations=1", "--with", "evaluation_episodes=1"]);
        if *learner != "q_learning" {
            line.extend(["--with", "network=[4]"]);
        }
        let output = econc(root, &line);
        assert_eq!(output.status.code(), Some(0), "{learner}: {}", text(&output.stdout));
        if i == 0 {
            assert!(text(&output.stdout).contains("W0980"), "{}", text(&output.stdout));
        }
        let log = std::fs::read_to_string(root.join(&out).join("seed_1/log.csv")).expect("a log");
        let played = |l: &str| l.split(',').next().and_then(|x| x.parse::<f64>().ok());
        let most = log.lines().skip(1).filter_map(played).fold(0.0, f64::max);
        assert!(
            most >= *steps && most <= steps + round,
            "{learner} on {model}: {most} of {steps}"
        );
    }
}

/// `--checkpoint` says how often what was learned is kept.
#[cfg(feature = "learn")]
#[test]
fn checkpoints_come_as_often_as_was_said() {
    let directory = scratch();
    let root = directory.path();
    let kept = |command_name: &str, seconds: &str| -> bool {
        let out = format!("{command_name}_{seconds}");
        let mut line = vec![
            command_name,
            "small.econ",
            "--quiet",
            "--out",
            &out,
            "--checkpoint",
            seconds,
        ];
        if command_name == "tune" {
            // Every trial trains for all steps: the end of a rung is kept in any case, and would be near.
            line.extend(["--method", "random", "--trials", "2"]);
        }
        line.extend([
            "--with",
            "steps=100000000",
            "--with",
            "network=[8]",
            "--with",
            "horizon=32",
        ]);
        let mut child = command(root, &line).spawn().expect("econc starts");
        let until = Instant::now() + Duration::from_secs(if seconds == "0" { 300 } else { 3 });
        let found = loop {
            let begun = std::fs::read_dir(root).expect("it").flatten();
            let mine = |p: &PathBuf| p.to_string_lossy().contains(&format!("{out}.partial"));
            let found = begun.map(|e| e.path()).filter(mine).any(|p| {
                // The exact solution of a verify is kept once, when it is there.
                let learned = |e: &std::fs::DirEntry| !e.file_name().to_string_lossy().starts_with("solved");
                let work = std::fs::read_dir(p.join("work"));
                let work = work.map_or(0, |all| all.flatten().filter(learned).count());
                work > 0 || p.join("seed_1/checkpoint").is_file()
            });
            if found || Instant::now() > until {
                break found;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let _ = child.kill();
        let _ = child.wait();
        found
    };
    for name in ["train", "verify", "tune"] {
        assert!(kept(name, "0"), "{name} keeps nothing");
        assert!(!kept(name, "1000"), "{name} keeps more often than was said");
    }
}

/// A checkpoint or a solution with a flipped bit is refused by the commands that read it.
#[cfg(feature = "learn")]
#[test]
fn damaged_runs_are_refused_by_the_commands() {
    let directory = scratch();
    let root = directory.path();
    let line =
        "train small.econ --quiet --out t --checkpoint 0 --with steps=100000000 --with network=[8] --with horizon=32";
    let mut child = command(root, &line.split(' ').collect::<Vec<_>>())
        .spawn()
        .expect("econc starts");
    let partial = loop {
        let begun = std::fs::read_dir(root).expect("it").flatten().map(|e| e.path());
        if let Some(p) = begun.into_iter().find(|p| p.join("seed_1/checkpoint").is_file()) {
            break p;
        }
        assert!(child.try_wait().expect("waited").is_none(), "it ended");
    };
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(
        econc(root, &["solve", "small.econ", "--quiet", "--out", "s"])
            .status
            .code(),
        Some(0)
    );
    let cases: [(PathBuf, &[&str], &[&str]); 5] = [
        (
            partial.join("seed_1/checkpoint"),
            &["train", "--resume", "t"],
            &["E0983"],
        ),
        (
            partial.join("manifest.ron"),
            &["train", "--resume", "t"],
            &["E0954", "E0955"],
        ),
        (partial.join("asked.json"), &["train", "--resume", "t"], &["E0955"]),
        (
            root.join("s/solution.ron"),
            &["simulate", "small.econ", "--policy", "s"],
            &["E0955"],
        ),
        (
            root.join("s/manifest.ron"),
            &["simulate", "small.econ", "--policy", "s"],
            &["E0954", "E0955"],
        ),
    ];
    let mut dice = Dice(3);
    for (path, arguments, codes) in cases {
        let whole = std::fs::read(&path).expect("read");
        for _ in 0..if long() { 40 } else { 3 } {
            let (byte, bit) = (dice.below(whole.len()), dice.below(8));
            let mut bytes = whole.clone();
            bytes[byte] ^= 1 << bit;
            std::fs::write(&path, &bytes).expect("written");
            let output = econc(root, arguments);
            let said = text(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(2),
                "{arguments:?}, bit {bit} of byte {byte}: {said}"
            );
            assert!(codes.iter().any(|c| said.contains(c)), "{arguments:?}: {said}");
        }
        std::fs::write(&path, &whole).expect("as it was");
    }
}
