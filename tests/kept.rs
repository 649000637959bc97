//! What stays of work that is stopped, damaged or refused: what was solved, the runs of a sweep, and nothing where nothing was done.

use crate::common;

use common::{command, econc};
use econc::driver::{Request, solve};
use econc::report::store::open_complete;
use econc::solve::progress::{Control, Progress, Watch};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SMALL: &str = "model small\nparam a = 0.3 in (0, 1)\nshock z ~ markov([0.9, 1.1], [[0.8, 0.2], [0.2, \
    0.8]])\nagent planner {\n  state k in [0.05, 0.6], start 0.2\n  action x in [0.01, 0.6]\n  let c = z * k^a - \
    x\n  k' = x\n  require c >= 0.001\n  observe k, z\n  reward log(c)\n  discount 0.9\n}\nsolve { \
    grid.k = log(60); edges = 1; euler = 0; bellman = 0 }\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Keeps what a solve says of itself, and stops it after some reports.
#[derive(Default)]
struct Witness {
    reports: usize,
    stop_after: Option<usize>,
    number: usize,
    standing: Option<(usize, Vec<u8>)>,
    found: Option<(usize, Vec<u8>)>,
    solved: Vec<Vec<u8>>,
    solved_before: Option<Vec<u8>>,
}

impl Watch for Witness {
    fn report(&mut self, _: Progress) -> Control {
        self.reports += 1;
        if self.stop_after == Some(self.reports) {
            Control::Cancel
        } else {
            Control::Continue
        }
    }
    fn begins(&mut self) -> Option<Vec<u8>> {
        self.number += 1;
        let mine = self.found.take_if(|(number, _)| *number == self.number);
        mine.map(|(_, bytes)| bytes)
    }
    fn standing(&mut self, standing: &dyn Fn() -> Vec<u8>) {
        self.standing = Some((self.number, standing()));
    }
    fn solved(&mut self, solved: &dyn Fn() -> Vec<u8>) {
        self.solved.push(solved());
    }
    fn solved_before(&mut self) -> Option<Vec<u8>> {
        self.solved_before.take()
    }
}

/// Everything that was found, to the last digit.
fn all(solved: &econc::driver::Solved) -> String {
    ron::ser::to_string(solved).expect("text")
}

fn model(text: &str) -> econc::Model {
    let (model, found) = econc::compile(text, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{found:?}"))
}

/// A solve that had come to its certificate goes on there: nothing is iterated again, and the end is the same.
#[test]
fn what_was_solved_is_certified_without_solving_it_again() {
    // The second has a grid without an upper end: it is moved out, so that several iterations and certificates follow each other.
    let saver = "shock e ~ markov([0.2, 1.8], [[0.8, 0.2], [0.2, 0.8]])\nagent saver {\n  state w in [0, inf), start 1\n  \
        let cash = 1.03 * w + e\n  action c in (0, cash]\n  w' = cash - c\n  observe w, e\n  reward crra(c, 2)\n  \
        discount 0.95\n}\n";
    let mut several = 0;
    for text in [SMALL, saver] {
        let model = model(text);
        let mut watch = Witness::default();
        let whole = all(&solve(&model, &Request::default(), &mut watch).expect("solved"));
        several = several.max(watch.solved.len());
        assert!(watch.reports > 0 && !watch.solved.is_empty());
        let last = watch.solved.len() - 1;
        for i in BTreeSet::from([0, last / 2, last]) {
            let solved = &watch.solved[i];
            let mut again = Witness {
                solved_before: Some(solved.clone()),
                ..Witness::default()
            };
            let end = all(&solve(&model, &Request::default(), &mut again).expect("solved"));
            assert!(end == whole, "from the certificate {i} on");
            let more = last - i;
            assert_eq!(again.solved.len(), more, "iterations after the one that was kept");
            assert_eq!(again.reports == 0, more == 0);
        }
    }
    assert!(several > 1, "a solve with several grids");
}

/// Grid search goes on from every sweep to the same numbers, with and without evaluations, on one grid or from coarse to fine.
#[test]
fn a_grid_search_goes_on_from_where_it_stood() {
    for settings in [
        "grid.k = uniform(300); tolerance = 1e-5",
        "grid.k = uniform(1200); howard = 30",
    ] {
        let settings = format!("method = grid_search; {settings}; edges = 1; euler = 0; bellman = 0");
        let model = model(&SMALL.replace("grid.k = log(60); edges = 1; euler = 0; bellman = 0", &settings));
        let mut watch = Witness::default();
        let whole = all(&solve(&model, &Request::default(), &mut watch).expect("solved"));
        for stop in [1, 2, watch.reports / 2, watch.reports - 1] {
            let mut first = Witness {
                stop_after: Some(stop),
                ..Witness::default()
            };
            let stopped = solve(&model, &Request::default(), &mut first).expect_err("stopped");
            assert_eq!(stopped[0].code, "E0906");
            let mut second = Witness {
                found: first.standing,
                ..Witness::default()
            };
            let end = all(&solve(&model, &Request::default(), &mut second).expect("solved"));
            assert!(end == whole, "{settings}: stopped after {stop}");
            assert!(
                second.reports < watch.reports || stop == 1,
                "{settings}: {stop} {}",
                second.reports
            );
        }
    }
}

fn scratch() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a scratch directory");
    std::fs::write(directory.path().join("small.econ"), SMALL).expect("written");
    directory
}

/// The directory of the run `out` as soon as a file stands in it.
fn with_file(root: &Path, out: &str, file: &str, child: &mut std::process::Child) -> PathBuf {
    loop {
        let all = std::fs::read_dir(root).expect("it").flatten().map(|e| e.path());
        let mut mine = all.filter(|p| {
            p.file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with(&format!("{out}.partial-")))
        });
        if let Some(found) = mine.find(|p| p.join(file).is_file()) {
            return found;
        }
        assert!(
            child.try_wait().expect("waited").is_none(),
            "it ended before it was killed"
        );
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let done = open_complete(directory).unwrap_or_else(|d| panic!("{}: {d:?}", directory.display()));
    let read =
        |f: &econc::report::store::FileEntry| (f.name.clone(), std::fs::read(directory.join(&f.name)).expect("it"));
    done.manifest.files.iter().map(read).collect()
}

/// Killed while it is certified, a run keeps what was solved; a bit of it that flipped is seen.
#[test]
fn a_kill_during_the_certificate_keeps_what_was_solved() {
    let directory = scratch();
    let root = directory.path();
    assert_eq!(
        econc(root, &["solve", "small.econ", "--out", "left", "--quiet"])
            .status
            .code(),
        Some(0)
    );
    let mut child = command(root, &["solve", "small.econ", "--out", "k", "--quiet"])
        .spawn()
        .expect("econc starts");
    let partial = with_file(root, "k", "work/solved", &mut child);
    let _ = child.kill();
    let _ = child.wait();
    if partial.is_dir() {
        let kept = partial.join("work/solved");
        let bytes = std::fs::read(&kept).expect("what was solved");
        let mut other = bytes.clone();
        let middle = other.len() / 2;
        other[middle] ^= 4;
        std::fs::write(&kept, other).expect("written");
        let output = econc(root, &["solve", "--resume", "k"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("E0983"), "{}", text(&output.stderr));
        std::fs::write(&kept, bytes).expect("written");
        let output = econc(root, &["solve", "--resume", "k", "--quiet"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    assert!(files(&root.join("k")) == files(&root.join("left")));
    assert!(!root.join("k/work").exists());
}

/// A run of a sweep that had ended is not done again behind anybody's back: what was changed in it is refused, what is gone is made again.
#[test]
fn a_damaged_run_of_a_sweep_is_refused() {
    let directory = scratch();
    let root = directory.path();
    let line = |out| ["solve", "small.econ", "--set", "a=0.2..0.4:6", "--quiet", "--out", out];
    assert_eq!(econc(root, &line("left")).status.code(), Some(0));
    let mut child = command(root, &line("k")).spawn().expect("econc starts");
    let partial = with_file(root, "k", "work/run-002.ron", &mut child);
    let _ = child.kill();
    let _ = child.wait();
    let touched = partial.join("run-001/solution.ron");
    let bytes = std::fs::read(&touched).expect("a run that had ended");
    let refused = |what: &str| {
        let output = econc(root, &["solve", "--resume", "k", "--json"]);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{what}: {said}");
        assert!(said.contains("E0955") && said.contains("run-001"), "{what}: {said}");
    };
    std::fs::write(&touched, "something else").expect("written");
    refused("another file");
    std::fs::remove_file(&touched).expect("removed");
    refused("a file is gone");
    std::fs::write(&touched, &bytes).expect("written");
    let manifest = partial.join("run-001/manifest.ron");
    let whole = std::fs::read(&manifest).expect("it");
    std::fs::write(&manifest, "()").expect("written");
    refused("another manifest");
    std::fs::write(&manifest, whole).expect("written");
    // Beside it, what is somebody's stays.
    std::fs::create_dir_all(partial.join("run-001.mine")).expect("made");
    std::fs::write(partial.join("run-001.mine/notes.txt"), "mine").expect("written");
    std::fs::remove_dir_all(partial.join("run-001")).expect("removed");
    let output = econc(root, &["solve", "--resume", "k", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for run in ["run-001", "run-006"] {
        assert!(
            files(&root.join("k").join(run)) == files(&root.join("left").join(run)),
            "{run}"
        );
    }
    assert!(root.join("k/run-001.mine/notes.txt").is_file());
}

/// What was killed before it had begun goes with the next run of that name.
#[cfg(target_os = "linux")]
#[test]
fn what_never_began_is_removed_by_the_next_run() {
    let directory = scratch();
    let root = directory.path();
    // No process has this number.
    let left = ["k.beginning-999999999", "runs/small-0001.beginning-999999999-2"];
    let own = ["k.beginning-notes", "runs/other-0001.beginning-999999999"];
    for name in left.iter().chain(&own) {
        std::fs::create_dir_all(root.join(name)).expect("made");
    }
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(
        econc(root, &["solve", "small.econ", "--out", "k", "--quiet"])
            .status
            .code(),
        Some(0)
    );
    assert_eq!(econc(root, &["solve", "small.econ", "--quiet"]).status.code(), Some(0));
    for name in left {
        assert!(!root.join(name).exists(), "{name}");
    }
    for name in own {
        assert!(root.join(name).exists(), "{name}");
    }
    assert!(root.join("runs/small-0001").is_dir(), "the number is free again");
}

/// What is refused, or fails before its first step, leaves no directory; what fails later says so.
#[test]
fn a_refusal_leaves_no_directory() {
    let directory = scratch();
    let root = directory.path();
    let put = |name: &str, from: &str, to: &str| {
        assert!(SMALL.contains(from), "{from}");
        std::fs::write(root.join(name), SMALL.replace(from, to)).expect("written");
    };
    put("grid.econ", "log(60)", "log(0.3, 0.5, 60)");
    put("nothing.econ", "require c >= 0.001", "require c >= 5");
    put("start.econ", ", start 0.2", "");
    put("late.econ", "edges = 1;", "edges = 1; iterations = 2;");
    for (line, code) in [
        ("solve grid.econ", "E0975"),
        ("solve nothing.econ", "E0902"),
        ("simulate nothing.econ --policy fixed:x=0.2 --periods 5", "E0902"),
        ("simulate start.econ --periods 5", "E0811"),
    ] {
        let words: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        let output = econc(root, &words);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{line}: {said}");
        assert!(said.contains(code), "{line}: {said}");
        assert!(
            !root.join("runs").exists() || std::fs::read_dir(root.join("runs")).expect("it").count() == 0,
            "{line}"
        );
    }
    let output = econc(root, &["solve", "late.econ", "--out", "late"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("E0901"), "{}", text(&output.stderr));
    assert!(root.join("late.failed/diagnostics.json").is_file());
}
