//! The numbers of every model, to the last bit: what `econc solve` writes for it, and what `econc simulate` makes of that.
//!
//! `tests/digests.csv` holds a line for each array: how many numbers, their mean and standard deviation (so that a digest that
//! moved says what moved), and the SHA-256 of their bytes. Models that this version does not solve stand in the table with the code
//! of their refusal. A change that is meant to move numbers renews the table, and the commit shows what moved:
//!
//! ```sh
//! ECONC_RENEW=1 cargo test --release --test suite digests::
//! ```
//!
//! `ECONC_LONG=1` compares one thread with two on every model. Digests hold for
//! one machine architecture: the compiler and the mathematical library of another may round differently.

use crate::common;

use common::{command, econc, long, model, root, said, scratch};
use econc::report::npy::read_npz;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// More than ten seconds without optimisation.
const OPTIMISED: &[&str] = &[
    "cartpole",
    "durable_goods",
    "mountain_car",
    "mountain_car_discrete",
    "rbc_labour",
];
/// Models whose solution another concept than the file's gives.
const CONCEPTS: &[(&str, &str)] = &[("capital_goods", "planner")];
/// Solved on one thread and on two by every test run.
const THREADS: &[&str] = &["bus", "growth_markov"];

/// One line of the table: what identifies it, and what is in it.
type Lines = BTreeMap<(String, String, String), [String; 4]>;

/// Numbers in one line: how many, mean, standard deviation, digest.
fn line(numbers: &[f64]) -> [String; 4] {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let sd = (numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
    let mut hash = Sha256::new();
    for x in numbers {
        hash.update(x.to_le_bytes());
    }
    [
        numbers.len().to_string(),
        format!("{mean:.16e}"),
        format!("{sd:.16e}"),
        hex(&hash.finalize()),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// The columns of a CSV file; what is no number counts as NaN.
fn columns(path: &Path) -> Vec<(String, Vec<f64>)> {
    let mut file = csv::Reader::from_path(path).expect("a table");
    let names: Vec<String> = file.headers().expect("a header").iter().map(String::from).collect();
    let mut out: Vec<(String, Vec<f64>)> = names.into_iter().map(|n| (n, Vec::new())).collect();
    for row in file.records() {
        for (column, text) in out.iter_mut().zip(row.expect("a row").iter()) {
            column.1.push(text.parse().unwrap_or(f64::NAN));
        }
    }
    out
}

/// Solves and simulates one model by the commands that a user types.
fn digests(name: &str, threads: &str, out: &mut Lines) {
    let folder = scratch();
    let file = model(name).display().to_string();
    let mut ask = vec!["solve", &file, "--out", "solved", "--quiet", "--threads", threads];
    if let Some((_, concept)) = CONCEPTS.iter().find(|c| c.0 == name) {
        ask.extend(["--concept", concept]);
    }
    let output = econc(folder.path(), &ask);
    let key = |what: &str, array: &str| (name.to_string(), what.to_string(), array.to_string());
    let arrays = folder.path().join("solved/solution.npz");
    if !arrays.exists() {
        let said = said(&output);
        let code = said.split("error[").nth(1).and_then(|s| s.split(']').next());
        let code = code.unwrap_or_else(|| panic!("{name}: neither a solution nor a reason\n{said}"));
        let nothing = String::new;
        out.insert(key("refused", ""), [code.to_string(), nothing(), nothing(), nothing()]);
        return;
    }
    let bytes = fs::read(arrays).expect("arrays");
    for (array, numbers) in read_npz(&bytes).unwrap_or_else(|d| panic!("{name}: {d:?}")) {
        let numbers: Vec<f64> = numbers.iter().copied().collect();
        out.insert(key("solve", &array), line(&numbers));
    }
    let ask = ["simulate", &file, "--policy", "solved", "--out", "played", "--quiet"];
    let how = ["--periods", "30", "--worlds", "3", "--seed", "7", "--threads", threads];
    let output = command(folder.path(), &ask).args(how).output().expect("econc starts");
    // What is chosen for every price is found where the price clears, and not simulated; nor is what a value of lives determines.
    let (checked, _) = econc::compile(&fs::read_to_string(&file).expect("a model"), &econc::Options::default());
    let scheduled = checked.is_some_and(|m| {
        let worth = m.prices.iter().any(|p| m.graph.reads_entry_value([p.node]));
        worth || m.actions.iter().any(|a| !a.given.is_empty())
    });
    for part in ["series", "moments"] {
        let path = folder.path().join(format!("played/{part}.csv"));
        assert_eq!(path.exists(), !scheduled, "{name}: {}", said(&output));
        if scheduled {
            continue;
        }
        for (column, numbers) in columns(&path) {
            if column != "t" && column != "name" {
                out.insert(key(&format!("simulate {part}"), &column), line(&numbers));
            }
        }
    }
}

/// Models that there is time for.
fn models() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("models"))
        .expect("the models")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "econ"))
        .filter_map(|p| p.file_stem().map(|s| s.to_string_lossy().into_owned()))
        .filter(|n| long() || !cfg!(debug_assertions) || !OPTIMISED.contains(&n.as_str()))
        .collect();
    names.sort();
    names
}

const HEADER: [&str; 7] = ["model", "command", "array", "numbers", "mean", "sd", "sha256"];

fn read(path: &Path) -> Lines {
    let mut file = csv::Reader::from_path(path).expect("the table");
    let rows = file.records().map(|r| r.expect("a row"));
    rows.map(|r| {
        let at = |i: usize| r[i].to_string();
        ((at(0), at(1), at(2)), [at(3), at(4), at(5), at(6)])
    })
    .collect()
}

fn write(path: &Path, lines: &Lines) {
    let mut file = csv::Writer::from_path(path).expect("the table");
    file.write_record(HEADER).expect("written");
    for ((name, what, array), rest) in lines {
        let key = [name, what, array].map(String::as_str);
        file.write_record(key.into_iter().chain(rest.iter().map(String::as_str)))
            .expect("written");
    }
    file.flush().expect("written");
}

/// What differs between two lines, in words.
fn moved(old: &[String; 4], new: &[String; 4]) -> String {
    if old[0] != new[0] {
        return format!("{} became {}", old[0], new[0]);
    }
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    let (mean, before) = (number(&new[1]), number(&old[1]));
    let (sd, spread) = (number(&new[2]), number(&old[2]));
    let by = (mean - before).abs().max((sd - spread).abs());
    let size = before.abs().max(spread);
    format!(
        "mean {before:.10} -> {mean:.10}, sd {spread:.10} -> {sd:.10} ({:.1e} of its size)",
        by / size.max(f64::MIN_POSITIVE)
    )
}

#[test]
fn the_numbers_of_every_model_are_those_of_the_table() {
    let table = root().join("tests/digests.csv");
    let names = models();
    let mut found = Lines::new();
    for name in &names {
        digests(name, "2", &mut found);
    }
    if std::env::var("ECONC_RENEW").is_ok_and(|v| v == "1") {
        // What there was no time for keeps its lines.
        let mut all: Lines = if table.exists() { read(&table) } else { Lines::new() };
        all.retain(|key, _| !names.contains(&key.0) && model(&key.0).exists());
        all.extend(found);
        write(&table, &all);
        return;
    }
    let mut right = read(&table);
    right.retain(|key, _| names.contains(&key.0) || !model(&key.0).exists());
    let mut faults = String::new();
    for (key, old) in &right {
        let what = format!("{} {} {}", key.0, key.1, key.2);
        match found.get(key) {
            None => {
                let _ = writeln!(faults, "{what}: no longer there");
            }
            Some(new) if new != old => {
                let _ = writeln!(faults, "{what}: {}", moved(old, new));
            }
            Some(_) => {}
        }
    }
    for key in found.keys().filter(|k| !right.contains_key(k)) {
        let _ = writeln!(faults, "{} {} {}: new", key.0, key.1, key.2);
    }
    assert!(right.len() > 100, "only {} lines", right.len());
    assert!(
        faults.is_empty(),
        "numbers differ from tests/digests.csv; if they are meant to, renew it: ECONC_RENEW=1 cargo test --release --test suite digests::\n{faults}"
    );
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let all = models();
    let names: Vec<&str> = if long() {
        all.iter().map(String::as_str).collect()
    } else {
        THREADS.to_vec()
    };
    for name in names {
        let (mut one, mut two) = (Lines::new(), Lines::new());
        digests(name, "1", &mut one);
        digests(name, "2", &mut two);
        assert!(one.len() > 3 || one.keys().all(|k| k.1 == "refused"), "{name}: {one:?}");
        assert_eq!(one, two, "{name}");
    }
}

#[test]
fn a_digest_sees_the_last_bit_and_the_message_says_what_moved() {
    let numbers: [f64; 3] = [1.0, 2.0, 3.0];
    let mut last = numbers;
    last[1] = f64::from_bits(last[1].to_bits() + 1);
    assert_ne!(line(&numbers)[3], line(&last)[3]);
    assert_eq!(line(&numbers), line(&[1.0, 2.0, 3.0]));
    let words = moved(&line(&numbers), &line(&[1.0, 2.0, 3.3]));
    assert!(words.starts_with("mean 2.0000000000 -> 2.1000000000"), "{words}");
    assert_eq!(moved(&line(&numbers), &line(&[1.0])), "3 became 1");
}
