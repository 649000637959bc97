//! `econc compare`: two runs side by side.

use crate::common::{econc, said, scratch};
use std::path::Path;

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
";

fn fine(folder: &Path, line: &str) -> String {
    let output = econc(folder, &line.split_whitespace().collect::<Vec<_>>());
    assert!(output.status.success(), "{line}: {}", said(&output));
    said(&output)
}

#[test]
fn policies_lie_apart_by_what_the_closed_form_says_and_numbers_stand_side_by_side() {
    let folder = scratch();
    let here = folder.path();
    std::fs::write(here.join("m.econ"), SAVER).expect("written");
    fine(here, "solve m.econ --out one");
    fine(here, "solve m.econ --set a=0.4 --set grid.k=uniform(23) --out two");
    let text = fine(here, "compare one two --out both.csv");
    for word in [
        "What differs",
        "0.3",
        "0.4",
        "uniform(23)",
        "policies and values lie apart",
        "Moments of both",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let csv = std::fs::read_to_string(here.join("both.csv")).expect("the table");
    let rows: Vec<Vec<&str>> = csv.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(rows[0], ["table", "name", "of it", "first", "second", "change", "in %"]);
    let row = |table: &str, name: &str, of: &str| {
        let found = rows.iter().find(|r| r[0] == table && r[1] == name && r[2] == of);
        found.unwrap_or_else(|| panic!("{table} {name} {of}: {csv}"))
    };
    // The saving rate is beta a whatever the state (Brock and Mirman): 0.27 and 0.36.
    for of in ["mean", "largest"] {
        let apart: f64 = row("distances", "planner.s", of)[5].parse().expect("a number");
        assert!((apart - 0.09).abs() < 1e-3, "{of}: {apart}");
    }
    let mean = row("moments", "planner.s", "mean");
    let number = |i: usize| mean[i].parse::<f64>().expect("a number");
    assert!(
        (number(3) - 0.27).abs() < 1e-3 && (number(4) - 0.36).abs() < 1e-3,
        "{mean:?}"
    );
    assert_eq!(number(5), number(4) - number(3));
    assert!((number(6) - 100.0 * number(5) / number(3)).abs() < 1e-9);
    // A run is no distance from itself, and as much from another as that one from it, but for the nodes it is read at.
    let text = fine(here, "compare one one --json");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let own = &json["tables"]["distances"];
    assert!(
        own["largest"]
            .as_array()
            .expect("a column")
            .iter()
            .all(|x| x.as_f64().is_some_and(|x| x < 1e-12)),
        "{own}"
    );
    assert_eq!(json["facts"]["asked"], "the same of both");
}

#[test]
fn runs_of_other_commands_and_failed_ones_are_compared_as_far_as_they_go() {
    let folder = scratch();
    let here = folder.path();
    std::fs::write(here.join("m.econ"), SAVER).expect("written");
    std::fs::write(
        here.join("other.econ"),
        SAVER
            .replace("state k", "state m")
            .replace("k^a", "m^a")
            .replace("k'", "m'")
            .replace("observe k", "observe m")
            .replace("grid.k", "grid.m"),
    )
    .expect("written");
    fine(here, "solve m.econ --out one");
    fine(here, "solve other.econ --out other");
    fine(here, "simulate m.econ --periods 30 --out played");
    fine(here, "simulate m.econ --policy one --periods 30 --out solved");
    fine(here, "irf one --periods 5 --histories 10 --out responses");
    let text = fine(here, "compare one other");
    assert!(
        text.contains("not compared: one depends on planner.k, z, the other on planner.m, z"),
        "{text}"
    );
    assert!(text.contains("planner.s"), "{text}");
    let text = fine(here, "compare played solved");
    assert!(text.contains("Returns of both") && text.contains("policy"), "{text}");
    let failed = econc(here, &["solve", "m.econ", "--set", "euler=-15", "--out", "strict"]);
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    let text = fine(here, "compare one strict.failed");
    assert!(text.contains("status") && text.contains("failed"), "{text}");
    for (line, code) in [
        ("compare played responses", "E0954"),
        ("compare one nowhere", "E0954"),
        ("compare one m.econ", "E0954"),
        ("compare one one --out one", "E0952"),
        ("compare one", "E0980"),
        ("compare one one --seed 3", "E0989"),
    ] {
        let output = econc(here, &line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(2), "{line}: {}", said(&output));
        assert!(said(&output).contains(code), "{line}: {}", said(&output));
    }
}

#[test]
fn every_kind_of_run_is_exported_as_a_table_and_as_arrays() {
    let folder = scratch();
    let here = folder.path();
    let train = "train ppo { steps = 2000; worlds = 4; network = [4]; horizon = 50 }\nverify { policy_error = 99%; welfare_loss = 99% }\n";
    std::fs::write(here.join("m.econ"), format!("{SAVER}{train}")).expect("written");
    fine(here, "solve m.econ --out solved");
    fine(here, "train m.econ --out trained");
    fine(here, "tune m.econ --trials 2 --out tuned");
    let verified = econc(here, &["verify", "m.econ", "--solution", "solved", "--out", "verified"]);
    let verified = if verified.status.success() {
        "verified"
    } else {
        "verified.failed"
    };
    for run in ["solved", "trained", "tuned", verified] {
        fine(here, &format!("export {run} --out {run}.csv"));
        fine(here, &format!("export {run} --to npz --out {run}.npz"));
        let bytes = std::fs::read(here.join(format!("{run}.npz"))).expect("arrays");
        let mut arrays = ndarray_npy::NpzReader::new(std::io::Cursor::new(bytes)).expect("an archive");
        let mut file = csv::Reader::from_path(here.join(format!("{run}.csv"))).expect("a table");
        let heading: Vec<String> = file.headers().expect("a heading").iter().map(String::from).collect();
        let at = heading
            .iter()
            .position(|h| h == "planner.s")
            .unwrap_or_else(|| panic!("{run}: {heading:?}"));
        let column: Vec<f64> = file
            .records()
            .map(|r| r.expect("a row")[at].parse().expect("a number"))
            .collect();
        let array: ndarray::ArrayD<f64> = arrays.by_name("planner.s.npy").expect("the saving rate");
        assert_eq!(array.iter().copied().collect::<Vec<f64>>(), column, "{run}");
        assert!(column.len() > 80, "{run}: {}", column.len());
    }
    // Every world is in the panel: the first as its series, each with its own draws.
    fine(
        here,
        "simulate m.econ --policy solved --periods 12 --worlds 3 --out several",
    );
    let table = |name: &str| -> Vec<Vec<f64>> {
        let mut file = csv::Reader::from_path(here.join("several").join(name)).expect("a table");
        let rows = file.records().map(|r| r.expect("a row"));
        rows.map(|r| r.iter().map(|x| x.parse().expect("a number")).collect())
            .collect()
    };
    let (series, panel) = (table("series.csv"), table("panel.csv"));
    assert_eq!(panel.len(), 36);
    for (i, row) in panel.iter().enumerate() {
        assert_eq!(row[..2], [(i / 12 + 1) as f64, (i % 12) as f64]);
        assert_eq!(row[2..] == series[i % 12][1..], i < 12, "row {i}");
    }
    let mean = |k: usize| panel.iter().map(|r| r[k]).sum::<f64>() / 36.0;
    let mut file = csv::Reader::from_path(here.join("several/moments.csv")).expect("moments");
    for (k, row) in file.records().map(|r| r.expect("a row")).enumerate() {
        let said: f64 = row[1].parse().expect("a mean");
        assert!((said - mean(k + 2)).abs() < 1e-9 * (1.0 + said.abs()), "{row:?}");
    }
    // Runs in which nobody chooses are for one table; any other is named.
    fine(here, "simulate m.econ --policy solved --periods 40 --out simulated");
    fine(here, "steady_state m.econ --out rest");
    fine(here, "irf solved --shock z --out responses");
    fine(here, "solve m.econ --set a=0.3..0.35:2 --out swept");
    for (run, table) in [
        ("simulated", "series"),
        ("rest", "steady_state"),
        ("responses", "irf"),
        ("swept", "sweep"),
        ("solved", "moments"),
    ] {
        let own = std::fs::read(here.join(run).join(format!("{table}.csv"))).expect("the run's own");
        let named = if run == "solved" {
            format!("--table {table} ")
        } else {
            String::new()
        };
        fine(here, &format!("export {run} {named}--out {run}-{table}.csv"));
        assert_eq!(
            std::fs::read(here.join(format!("{run}-{table}.csv"))).expect("exported"),
            own,
            "{run}"
        );
    }
    fine(here, "export simulated --to npz --out series.npz");
    let bytes = std::fs::read(here.join("series.npz")).expect("arrays");
    let arrays: std::collections::BTreeMap<_, _> = econc::report::npy::read_npz(&bytes)
        .expect("arrays")
        .into_iter()
        .collect();
    let mut file = csv::Reader::from_path(here.join("simulated/series.csv")).expect("a table");
    let heading = file.headers().expect("a heading").clone();
    let rows: Vec<csv::StringRecord> = file.records().map(|r| r.expect("a row")).collect();
    for (k, name) in heading.iter().enumerate() {
        let column: Vec<f64> = rows.iter().map(|r| r[k].parse().expect("a number")).collect();
        assert_eq!(arrays[name].iter().copied().collect::<Vec<f64>>(), column, "{name}");
    }
    let own = std::fs::read(here.join("solved/solution.csv")).expect("the run's own");
    assert_eq!(std::fs::read(here.join("solved.csv")).expect("exported"), own);
    for (line, code) in [
        ("export solved --to safetensors", "E0954"),
        ("export solved --best", "E0989"),
        ("export solved --of-seed 1", "E0989"),
        ("export solved --out solved/x.csv", "E0952"),
        ("export solved --table nothing", "E0997"),
        ("export solved --table moments --to npz", "E0997"),
        ("export solved --table moments --to safetensors", "E0954"),
        ("export simulated --best", "E0989"),
    ] {
        let output = econc(here, &line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(2), "{line}: {}", said(&output));
        assert!(said(&output).contains(code), "{line}: {}", said(&output));
    }
}

/// Brock and Mirman (1972): consumption is a fixed share of output, so its moments and how it goes with output are known.
#[test]
fn a_solution_has_the_moments_of_what_the_file_defines() {
    let folder = scratch();
    let here = folder.path();
    let file = crate::common::model("brock_mirman").display().to_string();
    fine(here, &format!("solve {file} --out solved"));
    let rows = |name: &str| -> Vec<csv::StringRecord> {
        let mut file = csv::Reader::from_path(here.join("solved").join(name)).expect("a table");
        file.records().map(|r| r.expect("a row")).collect()
    };
    let number = |r: &csv::StringRecord, k: usize| r[k].parse::<f64>().expect("a number");
    let moments = rows("moments.csv");
    let of = |name: &str| {
        moments
            .iter()
            .find(|r| &r[0] == name)
            .unwrap_or_else(|| panic!("no {name}: {moments:?}"))
    };
    let names: Vec<&str> = moments.iter().map(|r| &r[0]).collect();
    let place = |name: &str| names.iter().position(|n| *n == name);
    assert!(
        place("planner.k") < place("planner.y") && place("planner.y") < place("reward"),
        "{names:?}"
    );
    let share = 1.0 - 0.95 / 3.0;
    for k in [1, 3] {
        let (y, c) = (number(of("planner.y"), k), number(of("planner.c"), k));
        assert!((c / y - share).abs() < 1e-6, "{k}: {c} of {y}");
    }
    let cycle = rows("cycle.csv");
    let c = cycle.iter().find(|r| &r[0] == "planner.c").expect("consumption");
    assert!(
        (number(c, 1) - share).abs() < 1e-6 && (number(c, 2) - 1.0).abs() < 1e-9,
        "{c:?}"
    );
    let y = cycle.iter().find(|r| &r[0] == "planner.y").expect("output");
    assert!((number(y, 1) - 1.0).abs() < 1e-12, "{y:?}");
}
