//! Runs that are named: interrupted ones, sweeps, runs of another kind, links; and what else messages say of a command line.

use crate::common::{econc, said, scratch};
use econc::report::store::{Manifest, RunDirectory, RunPlace};
use std::path::Path;

const SAVER: &str = "param a = 0.3 in (0, 1)
shock z ~ ar1(rho: 0.5, sigma: 0.1)
agent planner {
  state k in [0.05, 0.6], start 0.2
  action s in [0.1, 0.9]
  k' = s * exp(z) * k^a
  observe k, z
  reward log((1 - s) * exp(z) * k^a)
  discount 0.9
}
solve { grid.k = uniform(30); chain.z = rouwenhorst(3); periods = 640; burn_in = 20 }
train ppo { steps = 2000; worlds = 4; network = [4]; horizon = 50 }
verify { policy_error = 99%; welfare_loss = 99% }
";

fn told(folder: &Path, line: &str) -> (i32, String) {
    let output = econc(folder, &line.split_whitespace().collect::<Vec<_>>());
    (output.status.code().unwrap_or(-1), said(&output))
}

fn fine(folder: &Path, line: &str) -> String {
    let (exit, text) = told(folder, line);
    assert_eq!(exit, 0, "{line}: {text}");
    text
}

/// A run that is being written at `place`, as long as it is held.
fn begun(place: &Path, force: bool) -> RunDirectory {
    let mut manifest = Manifest::new(vec!["econc".into()], "m.econ", b"", 1, "2025-01-01T00:00:00Z");
    manifest.action = "solve".to_string();
    let place = RunPlace::Exact {
        directory: place.to_path_buf(),
        force,
    };
    RunDirectory::create(place, manifest).expect("it begins")
}

#[test]
fn a_run_that_did_not_end_and_a_sweep_are_named_where_a_run_is_wanted() {
    let folder = scratch();
    let here = folder.path();
    std::fs::write(here.join("m.econ"), SAVER).expect("written");
    drop(begun(&here.join("left"), false));
    fine(here, "solve m.econ --set a=0.3..0.4:2 --out swept");
    for line in [
        "irf left",
        "export left",
        "compare left left",
        "simulate m.econ --policy left",
    ] {
        let (exit, text) = told(here, line);
        assert_eq!(exit, 2, "{line}: {text}");
        assert!(
            text.contains("E0954") && text.contains("a run of this name is interrupted"),
            "{line}: {text}"
        );
        assert!(text.contains("econc solve --resume left"), "{line}: {text}");
    }
    for line in [
        "irf swept",
        "compare swept swept",
        "simulate m.econ --policy swept",
        "train m.econ --against swept",
        "verify m.econ --solution swept",
        "verify m.econ --policy swept",
    ] {
        let (exit, text) = told(here, line);
        assert_eq!(exit, 2, "{line}: {text}");
        let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            one_line.contains("is a sweep") && one_line.contains("run-001 ..") && text.contains("E0954"),
            "{line}: {text}"
        );
    }
    fine(here, "irf swept/run-001 --histories 10 --periods 4 --out responses");
    fine(here, "export swept --out table.csv");
    // What a run is comes before what it was made of.
    let (exit, text) = told(here, "verify m.econ --policy swept/run-002");
    assert!(exit == 2 && text.contains("E0954") && !text.contains("E0819"), "{text}");
    let (_, text) = told(here, "simulate m.econ --policy swept/run-002");
    assert!(text.contains("E0819"), "{text}");
}

#[test]
fn one_trained_seed_has_no_spread() {
    let folder = scratch();
    let here = folder.path();
    std::fs::write(here.join("m.econ"), SAVER).expect("written");
    fine(here, "solve m.econ --out solved");
    fine(here, "train m.econ --seeds 1,2 --out two");
    fine(here, "train m.econ --seeds 3 --out one");
    for (run, several) in [("one", false), ("two", true)] {
        told(
            here,
            &format!("verify m.econ --solution solved --policy {run} --out judged_{run}"),
        );
        let place = [format!("judged_{run}"), format!("judged_{run}.failed")];
        let place = place
            .iter()
            .map(|p| here.join(p))
            .find(|p| p.is_dir())
            .expect("a verdict");
        let table = std::fs::read_to_string(place.join("certificate.csv")).expect("a certificate");
        assert_eq!(
            table.contains("95 %") && table.contains("worst seed"),
            several,
            "{table}"
        );
        assert_eq!(table.contains("one seed"), !several, "{table}");
        assert!(table.contains(",share,"), "{table}");
        // The seeds are those of the training, which the command does not know.
        let page = std::fs::read_to_string(place.join("report.html")).expect("a page");
        assert!(
            !page.contains("<td>seeds</td>") && page.contains(&format!("<td>policy</td><td>{run}</td>")),
            "{page}"
        );
    }
}

#[test]
fn games_without_states_show_what_the_file_defines() {
    let folder = scratch();
    let here = folder.path();
    std::fs::copy(crate::common::model("stackelberg"), here.join("s.econ")).expect("copied");
    fine(here, "solve s.econ --out s");
    let table = std::fs::read_to_string(here.join("s/definitions.csv")).expect("definitions");
    let row = table
        .lines()
        .find(|l| l.starts_with("goods.Q,") || l.starts_with("Q,"))
        .expect("Q");
    let q: f64 = row.split(',').nth(1).expect("a mean").parse().expect("a number");
    // The leader's 4.5 and the follower's 2.25.
    assert!((q - 6.75).abs() < 1e-6, "{table}");
}

#[test]
fn a_word_is_refused_once_and_help_follows_the_colours_that_are_asked_for() {
    let folder = scratch();
    let here = folder.path();
    std::fs::write(
        here.join("twice.econ"),
        "param price = 3\nagent a { action x in [0, 1]; reward -(x - price)^2 + price }\n",
    )
    .expect("written");
    let (exit, text) = told(here, "check twice.econ");
    assert_eq!((exit, text.matches("E0106").count()), (1, 1), "{text}");
    assert!(text.contains("it stands in more places"), "{text}");
    for (line, colored) in [
        ("solve --help", false),
        ("solve --help --color always", true),
        ("--color=always solve --help", true),
        ("solve --help --color never", false),
    ] {
        assert_eq!(told(here, line).1.contains('\u{1b}'), colored, "{line}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_what_is_replaced_and_two_do_not_write_one_place() {
    let folder = scratch();
    let here = folder.path();
    std::fs::write(here.join("m.econ"), SAVER).expect("written");
    fine(here, "solve m.econ --out real");
    std::os::unix::fs::symlink("real", here.join("link")).expect("a link");
    fine(here, "solve m.econ --set a=0.4 --out link --force");
    assert!(here.join("link").is_symlink());
    let manifest = std::fs::read_to_string(here.join("real/manifest.json")).expect("the run");
    assert!(manifest.contains("0.4"), "{manifest}");
    fine(here, "export real --out numbers.csv");
    std::os::unix::fs::symlink("numbers.csv", here.join("name.csv")).expect("a link");
    fine(here, "export real --out name.csv --force");
    assert!(here.join("name.csv").is_symlink() && !here.join("numbers.csv").is_symlink());
    let held = begun(&here.join("real"), true);
    let (exit, text) = told(here, "solve m.econ --out real --force");
    assert!(exit == 2 && text.contains("E0956"), "{text}");
    drop(held);
    fine(here, "solve m.econ --out real --force");
}
