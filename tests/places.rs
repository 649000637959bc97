//! What econc writes over and what it does not, what it reads, and what it says where it cannot write.

use econc::report::store::{Status, inspect, open_complete};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SMALL: &str = "model small\nparam a = 0.3 in (0, 1)\nshock z ~ markov([0.9, 1.1], [[0.8, 0.2], [0.2, \
    0.8]])\nagent planner {\n  state k in [0.05, 0.6], start 0.2\n  action x in [0.01, 0.6]\n  let c = z * k^a - \
    x\n  k' = x\n  require c >= 0.001\n  observe k, z\n  reward log(c)\n  discount   0.9\n}\nsolve { \
    grid.k = log(60); edges = 1; euler = 0; bellman = 0 }\n";

/// What every training here is told.
#[cfg(feature = "learn")]
const SHORT: &str = "--with steps=2000 --with evaluations=1 --with evaluation_episodes=2 --with network=[8]";

fn scratch() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a scratch directory");
    std::fs::write(directory.path().join("small.econ"), SMALL).expect("written");
    directory
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').filter(|w| !w.is_empty()).collect()
}

fn econc(directory: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_econc"))
        .current_dir(directory)
        .args(words(line))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("econc starts")
}

/// The same from a shell that says `before` first.
#[cfg(unix)]
fn in_shell(directory: &Path, before: &str, line: &str, after: &str) -> Output {
    Command::new("sh")
        .current_dir(directory)
        .args(["-c", &format!("{before} exec \"$0\" \"$@\" {after}")])
        .arg(env!("CARGO_BIN_EXE_econc"))
        .args(words(line))
        .env("NO_COLOR", "1")
        .output()
        .expect("a shell")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn ends(output: &Output, status: i32, code: &str, what: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{what}: {said}");
    assert!(said.contains(code), "{what}: {said}");
}

/// Every file below a directory, with its content.
fn everything(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            out.extend(everything(&path));
        } else {
            out.push((path.clone(), std::fs::read(&path).expect("a file")));
        }
    }
    out.sort();
    out
}

/// Whatever else stands in the directory of a run, or is read by the command, is kept.
#[test]
fn force_replaces_a_run_and_nothing_else() {
    let directory = scratch();
    let root = directory.path();
    ends(&econc(root, "solve small.econ --out s"), 0, "", "the first");
    ends(&econc(root, "solve small.econ --out s --force"), 0, "", "a run alone");
    ends(
        &econc(root, "solve small.econ --set a=0.2..0.4:2 --out w"),
        0,
        "",
        "a sweep",
    );
    ends(&econc(root, "solve small.econ --out w --force"), 0, "", "over a sweep");
    ends(
        &econc(root, "solve small.econ --set a=0.2..0.4:2 --out w --force"),
        0,
        "",
        "over a run",
    );

    std::fs::write(root.join("s/thesis.tex"), "Call me").expect("written");
    ends(&econc(root, "solve small.econ --out t"), 0, "", "another");
    std::fs::rename(root.join("t"), root.join("w/run-001/t")).expect("moved");
    ends(&econc(root, "solve small.econ --out t"), 0, "", "another");
    let mut lines = vec![
        ("solve small.econ --out s --force", "thesis.tex"),
        ("simulate small.econ --periods 5 --out s --force", "thesis.tex"),
        ("solve small.econ --set a=0.2..0.4:2 --out s --force", "thesis.tex"),
        ("solve small.econ --out w --force", "run-001/t"),
        // What is read, and places inside runs.
        ("solve t/model.econ --out t --force", "is read by this command"),
        (
            "simulate t/model.econ --periods 5 --out t --force",
            "is read by this command",
        ),
        ("solve small.econ --out t/inside", "lies in a run"),
        ("solve small.econ --out t/work", "lies in a run"),
        ("graph small.econ --out t/manifest.ron --force", "lies in a run"),
        ("graph small.econ --out t/g.svg", "lies in a run"),
        ("new growth t/mine", "lies in a run"),
        ("fmt t/model.econ", "lies in a run"),
    ];
    if cfg!(feature = "learn") {
        lines.extend([
            ("train small.econ --out s --force", "thesis.tex"),
            ("tune small.econ --out s --force", "thesis.tex"),
            ("verify small.econ --out s --force", "thesis.tex"),
            ("train t/model.econ --out t --force", "is read by this command"),
            ("tune t/model.econ --out t --force", "is read by this command"),
            ("verify t/model.econ --out t --force", "is read by this command"),
        ]);
    }
    let before = everything(root);
    for (line, why) in lines {
        let output = econc(root, line);
        ends(&output, 2, "E0952", line);
        assert!(text(&output.stderr).contains(why), "{line}: {}", text(&output.stderr));
        assert!(everything(root) == before, "{line} changed something");
    }
    // A file that comes while the work goes on is kept, too, and so is the work.
    std::fs::write(root.join("plain.txt"), SMALL).expect("written");
    ends(
        &econc(root, "graph plain.txt --out plain.txt --force"),
        2,
        "E0952",
        "onto the source",
    );
    ends(
        &econc(root, "graph small.econ --out plain.txt"),
        2,
        "E0963",
        "onto a file",
    );
    assert_eq!(std::fs::read_to_string(root.join("plain.txt")).expect("it"), SMALL);
    // A file is replaced by one of its kind only.
    let thesis = "Call me Ishmael.";
    for name in ["plain.txt", "g.svg", "g.dot", "g.ron", "g.json"] {
        std::fs::write(root.join(name), thesis).expect("written");
        let line = format!("graph small.econ --out {name} --force");
        ends(&econc(root, &line), 2, "E0963", "over a file of somebody else");
        assert_eq!(std::fs::read_to_string(root.join(name)).expect("it"), thesis);
        std::fs::remove_file(root.join(name)).expect("removed");
        ends(
            &econc(root, &format!("graph small.econ --out {name}")),
            0,
            "",
            "where nothing is",
        );
        ends(&econc(root, &line), 0, "", "over a drawing");
    }
    // Without --out, a run begins in no other run.
    let inside = econc(&root.join("t"), "solve ../small.econ");
    ends(&inside, 2, "E0952", "from within a run");
    assert!(!root.join("t/runs").exists());
}

#[cfg(feature = "learn")]
#[test]
fn an_export_stays_out_of_runs() {
    let directory = scratch();
    let root = directory.path();
    ends(
        &econc(root, &format!("train small.econ --out t {SHORT}")),
        0,
        "",
        "a training",
    );
    ends(&econc(root, "solve small.econ --out s"), 0, "", "a solve");
    let before = everything(root);
    for line in [
        "export t --out t/manifest.ron --force",
        "export t --out s/report.html --force",
        "export t --out s/p.csv",
    ] {
        ends(&econc(root, line), 2, "E0952", line);
        assert!(everything(root) == before, "{line} changed something");
    }
    ends(&econc(root, "export t --out p.csv"), 0, "", "outside");
    ends(&econc(root, "export t --out p.csv"), 2, "E0963", "a second time");
    ends(&econc(root, "export t --out p.csv --force"), 0, "", "where it may");
    std::fs::write(root.join("p.csv"), "mine").expect("written");
    ends(
        &econc(root, "export t --out p.csv --force"),
        2,
        "E0963",
        "over another table",
    );
    assert_eq!(std::fs::read_to_string(root.join("p.csv")).expect("it"), "mine");
    let weights = "export t --to safetensors --out w.safetensors";
    ends(&econc(root, weights), 0, "", "weights");
    ends(&econc(root, &format!("{weights} --force")), 0, "", "weights again");
    std::fs::write(root.join("w.safetensors"), "mine").expect("written");
    ends(
        &econc(root, &format!("{weights} --force")),
        2,
        "E0963",
        "over somebody's file",
    );
    open_complete(&root.join("t")).expect("as it was");
}

/// Every file of a complete run but the manifest, which holds times.
#[cfg(unix)]
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let done = open_complete(directory).unwrap_or_else(|d| panic!("{}: {d:?}", directory.display()));
    let read =
        |f: &econc::report::store::FileEntry| (f.name.clone(), std::fs::read(directory.join(&f.name)).expect("it"));
    done.manifest.files.iter().map(read).collect()
}

/// A limit on the size of files stands for a full disk: whatever was begun is interrupted, and the command that is printed goes
/// on with it to the same bytes.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full_interrupts_and_what_is_printed_goes_on() {
    let directory = scratch();
    let root = directory.path();
    let lines = [
        "solve small.econ".to_string(),
        "simulate small.econ --periods 400".to_string(),
        "solve small.econ --set a=0.2..0.4:2".to_string(),
        #[cfg(feature = "learn")]
        format!("train small.econ --checkpoint 0 {SHORT}"),
        #[cfg(feature = "learn")]
        format!("train small.econ {SHORT}"),
        #[cfg(feature = "learn")]
        format!("tune small.econ --trials 2 {SHORT}"),
        #[cfg(feature = "learn")]
        format!("verify small.econ {SHORT}"),
    ];
    for (i, line) in lines.iter().enumerate() {
        let (left, out) = (format!("left{i}"), format!("r{i}"));
        // A verdict may fail; what matters is that both ends are the same.
        let alone = econc(root, &format!("{line} --out {left}"));
        let line = format!("{line} --quiet --out {out}");
        let output = in_shell(root, "ulimit -f 8;", &line, "");
        ends(&output, 2, "E0951", &line);
        let said = text(&output.stderr);
        let command = said.lines().find_map(|l| l.split_once("econc ")).expect("a command").1;
        let command = command.split("  ").next().expect("it");
        assert!(command.contains(" --resume "), "{line}: {said}");
        let partial = root.join(command.rsplit(' ').next().expect("a place"));
        assert_eq!(
            inspect(&partial).expect("a run").1,
            Status::Interrupted,
            "{line}: {said}"
        );
        assert!(!root.join(format!("{out}.failed")).exists(), "{line}");
        let again = econc(root, &format!("{command} --quiet"));
        assert_eq!(
            again.status.code(),
            alone.status.code(),
            "{line}: {}",
            text(&again.stderr)
        );
        if alone.status.code() == Some(0) {
            assert!(files(&root.join(&out)) == files(&root.join(&left)), "{line}");
        }
    }
    // Where not even the beginning can be written, nothing is left.
    let output = in_shell(root, "ulimit -f 0;", "solve small.econ --out none", "");
    ends(&output, 2, "E0950", "no room at all");
    assert!(!text(&output.stderr).contains("stand in"), "{}", text(&output.stderr));
    let left = std::fs::read_dir(root).expect("it").flatten();
    assert_eq!(
        left.filter(|e| e.file_name().to_string_lossy().starts_with("none"))
            .count(),
        0
    );
}

/// A result or a message that cannot be printed is a fault of every command; a reader that goes away is none.
#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_a_fault() {
    let directory = scratch();
    let root = directory.path();
    let lines = [
        ("--help", true, false),
        ("--version", true, false),
        ("solve --help", true, false),
        ("explain E0952", true, false),
        ("explain", true, false),
        ("new", true, false),
        ("graph small.econ", true, false),
        ("check small.econ", false, true),
        ("check small.econ --json", true, false),
        ("fmt - --json", true, false),
        ("train --list ppo", true, false),
        ("solve small.econ", true, false),
        ("simulate small.econ --periods 5", true, false),
    ];
    for (line, out, err) in lines {
        if line.starts_with("train") && !cfg!(feature = "learn") {
            continue;
        }
        let input = "cat small.econ |";
        let status = |after: &str| {
            Command::new("sh")
                .current_dir(root)
                .args(["-c", &format!("{input} \"$0\" \"$@\" {after}")])
                .arg(env!("CARGO_BIN_EXE_econc"))
                .args(words(line))
                .status()
                .expect("a shell")
                .code()
        };
        assert_eq!(status(">/dev/null 2>/dev/null"), Some(0), "{line}");
        assert_eq!(
            status(">/dev/full 2>/dev/null"),
            Some(if out { 2 } else { 0 }),
            "{line} > /dev/full"
        );
        assert_eq!(
            status(">/dev/null 2>/dev/full"),
            Some(if err { 2 } else { 0 }),
            "{line} 2> /dev/full"
        );
    }
}

/// A closed pipe stays quiet, and the status is that of the work.
#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let directory = scratch();
    for line in [
        "--help",
        "graph small.econ --ron",
        "check small.econ --json",
        "solve small.econ",
        "explain",
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_econc"))
            .current_dir(directory.path())
            .args(words(line))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("econc starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ended");
        assert_eq!(output.status.code(), Some(0), "{line}: {}", text(&output.stderr));
        assert!(
            !text(&output.stderr).contains("E0951"),
            "{line}: {}",
            text(&output.stderr)
        );
    }
}

/// A pipe that nobody writes to is not waited for; what the shell opened, and standard input, are read.
#[cfg(target_os = "linux")]
#[test]
fn models_are_files_or_standard_input() {
    let directory = scratch();
    let root = directory.path();
    let made = Command::new("mkfifo").arg(root.join("pipe.econ")).status();
    assert!(made.expect("mkfifo").success());
    std::fs::create_dir(root.join("run")).expect("made");
    let made = Command::new("mkfifo").arg(root.join("run/manifest.ron")).status();
    assert!(made.expect("mkfifo").success());
    for line in [
        "check pipe.econ",
        "fmt pipe.econ",
        "solve pipe.econ",
        "graph pipe.econ",
        "check /dev/zero",
        "check /dev/null",
    ] {
        ends(&econc(root, line), 2, "E0960", line);
    }
    ends(
        &econc(root, "simulate small.econ --policy run"),
        2,
        "E0954",
        "a manifest that is a pipe",
    );
    for (line, status) in [
        ("check -", 0),
        ("check /dev/stdin", 0),
        ("fmt /dev/stdin", 0),
        ("check /dev/fd/0", 0),
    ] {
        let output = in_shell(root, "cat small.econ |", line, "");
        assert_eq!(output.status.code(), Some(status), "{line}: {}", text(&output.stderr));
    }
    assert_eq!(std::fs::read_to_string(root.join("small.econ")).expect("it"), SMALL);
}

/// Numbers that are none, and seeds that are one.
#[cfg(feature = "learn")]
#[test]
fn times_and_seeds_are_what_they_say() {
    let directory = scratch();
    let root = directory.path();
    for command in ["train", "tune", "verify"] {
        for wrong in ["nan", "-1", "inf", "1e300", "soon"] {
            let line = format!("{command} small.econ --checkpoint {wrong}");
            ends(&econc(root, &line), 2, "--checkpoint", &line);
        }
        let line = format!("{command} small.econ --seeds 1,1");
        ends(&econc(root, &line), 2, "each seed once", &line);
    }
    let twice = format!("{SMALL}train ppo {{ seeds = [1, 1] }}\n");
    std::fs::write(root.join("twice.econ"), twice).expect("written");
    ends(
        &econc(root, "check twice.econ"),
        1,
        "different whole numbers",
        "in the file",
    );
    assert!(!root.join("runs").exists());
}

/// What a command cannot take leaves no directory.
#[test]
fn what_is_not_begun_leaves_no_directory() {
    let directory = scratch();
    let root = directory.path();
    let game = "model g\nagent a { action q in [0, 1]; reward -(q - b.q)^2 }\nagent b { action q in [0, 1]; state s in [0, 1], start \
        0.5; s' = s; reward -(q - a.q)^2 - s; discount 0.9 }\n";
    std::fs::write(root.join("game.econ"), game).expect("written");
    for line in ["solve game.econ", "solve small.econ --method steady_state"] {
        let output = econc(root, line);
        assert_ne!(output.status.code(), Some(0), "{line}");
        assert!(
            text(&output.stderr).contains("error[E"),
            "{line}: {}",
            text(&output.stderr)
        );
        let left = std::fs::read_dir(root.join("runs")).map_or(0, |all| all.count());
        assert_eq!(left, 0, "{line}: {}", text(&output.stderr));
    }
}

/// However little address space and however few threads there are: done, or refused with a code.
#[cfg(target_os = "linux")]
#[test]
fn little_address_space_and_no_threads_are_no_abort() {
    let directory = scratch();
    let root = directory.path();
    let mut lines = vec!["solve small.econ --threads 8", "simulate small.econ --periods 50"];
    if cfg!(feature = "learn") {
        lines
            .push("train small.econ --threads 8 --seeds 1..4 --with steps=500 --with network=[8] --with evaluations=0");
        lines.push("tune small.econ --threads 8 --trials 2 --with steps=300 --with network=[8] --with evaluations=0");
    }
    for (i, line) in lines.iter().enumerate() {
        let limits: Vec<u64> = if std::env::var_os("ECONC_LONG").is_some() {
            (30_000..400_000)
                .step_by(3_700)
                .chain((400_000..4_000_000).step_by(97_000))
                .collect()
        } else {
            vec![30_000, 41_000, 67_000, 110_000, 150_000, 200_000, 260_000, 700_000]
        };
        let mut done = 0;
        for limit in limits {
            let output = in_shell(
                root,
                &format!("ulimit -v {limit};"),
                &format!("{line} --json --out r{i}_{limit}"),
                "",
            );
            let said = format!("{} {}", text(&output.stdout), text(&output.stderr));
            // Too little for the loader itself ends with its own status, 127.
            assert!(
                matches!(output.status.code(), Some(0 | 1 | 2 | 127)),
                "{line} with {limit} kB: {:?} {said}",
                output.status
            );
            assert!(
                output.status.code() != Some(2) || said.contains("\"E098"),
                "{line} with {limit} kB: {said}"
            );
            done += usize::from(output.status.code() == Some(0));
        }
        assert!(done > 0, "{line} is never done");
    }
}
