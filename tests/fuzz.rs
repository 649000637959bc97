//! Files that nobody meant: mutants of the shipped models. Checking one ends with messages or with a model, and working on a
//! model that passes ends by itself or at a signal. Long: `ECONC_CHECKS=1000000 ECONC_RUNS=1000 cargo test --release --test suite fuzz::`.

#![expect(
    clippy::print_stdout,
    reason = "what was tried is what a reader of the long run wants"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Numbers that are the same in every run of a test, without pattern (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n.max(1) as u64) as usize
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|x| x.parse().ok()).unwrap_or(default)
}

/// What stands in place of a word.
const WORDS: [&str; 32] = [
    "0",
    "1",
    "-1",
    "1e308",
    "1e-308",
    "inf",
    "0/0",
    "[]",
    "(",
    "}",
    "\"",
    "99999999999999999999",
    "sum",
    "others",
    "state",
    "1..0",
    "0..1e18",
    "log(0)",
    "uniform(0,0)",
    "exp(1000)",
    "k'",
    "last(k, 3)",
    "normal(0, 1)",
    "given",
    "if true then",
    "0..3",
    "0.5",
    "mean(",
    "t",
    "1e9",
    "each",
    "-0.0",
];

/// A file with something changed: words, bytes, numbers, or lines of another file.
fn mutant(sources: &[String], dice: &mut Dice) -> String {
    let source = &sources[dice.below(sources.len())];
    let mut text = source.clone();
    for _ in 0..=dice.below(3) {
        text = match dice.below(8) {
            0 => bytes(&text, dice),
            1 | 2 => lines(&text, &sources[dice.below(sources.len())], dice),
            3 => odd(&text, dice),
            _ => words(&text, dice),
        };
    }
    text
}

fn bytes(text: &str, dice: &mut Dice) -> String {
    let mut all = text.as_bytes().to_vec();
    let at = dice.below(all.len());
    match dice.below(4) {
        _ if all.is_empty() => all.push(dice.below(256) as u8),
        0 => all[at] ^= 1 << dice.below(8),
        1 => drop(all.remove(at)),
        2 => all.insert(at, dice.below(256) as u8),
        _ => all.truncate(at),
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn lines(text: &str, other: &str, dice: &mut Dice) -> String {
    let mut own: Vec<&str> = text.lines().collect();
    let theirs: Vec<&str> = other.lines().collect();
    if own.is_empty() || theirs.is_empty() {
        return text.to_string();
    }
    let (i, j) = (dice.below(own.len()), dice.below(own.len()));
    match dice.below(5) {
        0 => own.swap(i, j),
        1 => drop(own.remove(i)),
        2 => own.insert(i, own[j]),
        3 => own[i] = theirs[dice.below(theirs.len())],
        _ => own.insert(i, theirs[dice.below(theirs.len())]),
    }
    own.join("\n")
}

/// Much of the same, or what no keyboard writes.
fn odd(text: &str, dice: &mut Dice) -> String {
    let mut at = dice.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let what = match dice.below(6) {
        0 => "(".repeat(1 + dice.below(3000)),
        1 => "-".repeat(1 + dice.below(3000)),
        2 => "1+".repeat(1 + dice.below(3000)),
        3 => "a".repeat(1 + dice.below(3000)),
        4 => "\u{202e}\u{0}\u{feff}é\r".to_string(),
        _ => "if 1 < 2 then ".repeat(1 + dice.below(500)),
    };
    format!("{}{what}{}", &text[..at], &text[at..])
}

fn words(text: &str, dice: &mut Dice) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut before = 0;
    for c in text.chars() {
        let kind = if c.is_alphabetic() || c == '_' {
            1
        } else if c.is_numeric() || c == '.' {
            2
        } else {
            3
        };
        match words.last_mut() {
            Some(word) if kind != 3 && kind == before => word.push(c),
            Some(_) | None => words.push(c.to_string()),
        }
        before = kind;
    }
    if words.len() < 4 {
        return text.to_string();
    }
    let (i, j) = (dice.below(words.len()), dice.below(words.len()));
    let word = WORDS[dice.below(WORDS.len())].to_string();
    match dice.below(6) {
        0 => drop(words.remove(i)),
        1 => words.insert(i, word),
        2 => words.swap(i, j),
        3 => words[i] = words[j].clone(),
        _ => {
            let digit = |w: &String| w.starts_with(|c: char| c.is_numeric());
            let numbers: Vec<usize> = (0..words.len()).filter(|k| digit(&words[*k])).collect();
            if !numbers.is_empty() {
                words[numbers[i % numbers.len()]] = word;
            }
        }
    }
    words.concat()
}

fn sources() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = ["models", "examples", "std"]
        .iter()
        .filter_map(|f| std::fs::read_dir(root.join(f)).ok())
        .flat_map(|entries| entries.flatten().map(|e| e.path()))
        .collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "econ"));
    files.sort();
    files.iter().filter_map(|p| std::fs::read_to_string(p).ok()).collect()
}

/// The mutant at work, and since when.
struct AtWork {
    text: Mutex<String>,
    begun: AtomicU64,
    over: AtomicBool,
}

/// Where a mutant that broke something is kept.
fn kept(text: &str, why: &str) -> PathBuf {
    let place = std::env::temp_dir().join(format!("econc-fuzz-{why}-{}.econ", std::process::id()));
    std::fs::write(&place, text).expect("written");
    place
}

/// Checks mutants one after the other; the first `wanted` that pass.
fn checked(mutants: u64, seed: u64, most: Duration, wanted: usize) -> Vec<String> {
    let sources = sources();
    assert!(sources.len() > 40, "{} files", sources.len());
    let mut dice = Dice(seed);
    let began = Instant::now();
    let now = || began.elapsed().as_millis() as u64;
    let work = AtWork {
        text: Mutex::new(String::new()),
        begun: AtomicU64::new(0),
        over: AtomicBool::new(false),
    };
    let mut passed = Vec::new();
    let (mut count, mut fine, mut slowest) = (0, 0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !work.over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
                let took = now().saturating_sub(work.begun.load(Ordering::SeqCst));
                if took > 60_000 && !work.over.load(Ordering::SeqCst) {
                    let text = work.text.lock().map(|t| t.clone()).unwrap_or_default();
                    eprintln!("checking takes for ever: {}", kept(&text, "hang").display());
                    std::process::exit(1);
                }
            }
        });
        for _ in 0..mutants {
            if began.elapsed() > most {
                break;
            }
            let text = mutant(&sources, &mut dice);
            if let Ok(mut t) = work.text.lock() {
                t.clone_from(&text);
            }
            let begun = now();
            work.begun.store(begun, Ordering::SeqCst);
            let result = catch_unwind(AssertUnwindSafe(|| econc::compile(&text, &econc::Options::default())));
            slowest = slowest.max(now() - begun);
            count += 1;
            let Ok((model, diagnostics)) = result else {
                work.over.store(true, Ordering::SeqCst);
                panic!("checking broke: {}", kept(&text, "panic").display());
            };
            if model.is_none() {
                let said = !diagnostics.is_empty();
                work.over.store(true, Ordering::SeqCst);
                assert!(said, "no model and no word on it: {}", kept(&text, "silent").display());
                work.over.store(false, Ordering::SeqCst);
                continue;
            }
            fine += 1;
            if passed.len() < wanted && !sources.contains(&text) {
                passed.push(text);
            }
        }
        work.over.store(true, Ordering::SeqCst);
    });
    println!(
        "checks: {count} mutants of {} files, {fine} are models, slowest {slowest} ms",
        sources.len()
    );
    assert!(count > 0 && fine > 0);
    passed
}

/// What `econc ARGUMENTS` ends with if it is told to stop after a second; `None` if it does not, however slow the machine is.
fn told_to_stop(directory: &Path, arguments: &[&str]) -> Option<i32> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_econc"))
        .current_dir(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("econc starts");
    let began = Instant::now();
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait().expect("waited") {
            return Some(status.code().unwrap_or(-1));
        }
        if !told && began.elapsed() > Duration::from_secs(1) {
            told = true;
            let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
            assert!(sent.is_ok());
        }
        if began.elapsed() > Duration::from_secs(20) {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(unix)]
#[test]
fn mutants_of_models_crash_nothing() {
    let runs = number("ECONC_RUNS", 4) as usize;
    let passed = checked(
        number("ECONC_CHECKS", 2000),
        number("ECONC_SEED", 5),
        Duration::from_secs(number("ECONC_SECONDS", 20)),
        runs,
    );
    let directory = tempfile::tempdir().expect("a directory");
    let mut ends = std::collections::BTreeMap::new();
    let mut wrong = Vec::new();
    for text in &passed {
        std::fs::write(directory.path().join("m.econ"), text).expect("written");
        for line in [
            &["solve", "m.econ"][..],
            &["simulate", "m.econ", "--periods", "20"],
            &["train", "m.econ", "--with", "steps=3000", "--with", "evaluations=1"],
        ] {
            let mut line = line.to_vec();
            line.extend(["--quiet", "--json", "--memory", "2G", "--out", "o", "--force"]);
            let exit = told_to_stop(directory.path(), &line);
            *ends.entry(exit.unwrap_or(-2)).or_insert(0) += 1;
            if !matches!(exit, Some(0 | 1 | 2 | 143)) {
                let place = kept(text, &format!("{}-{}", line[0], wrong.len()));
                wrong.push(format!("{} ended with {exit:?}: {}", line[0], place.display()));
            }
        }
    }
    println!("runs: {} models, by exit status {ends:?}", passed.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
