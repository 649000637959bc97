//! Expected numbers of the models that need no solution: parameters (`check`) and scripted worlds (`simulate`).

use crate::common::expected::{self, Expected};
use econc::check::model::Model;
use econc::env::cast::Behaviour;
use econc::env::simulate::{self, Simulation};
use std::fs;
use std::path::{Path, PathBuf};

fn compile(path: &Path, set: &[(&str, &str)]) -> Result<Model, String> {
    let source = fs::read_to_string(path).expect("readable model");
    let mut options = econc::Options::default();
    for (name, value) in set {
        options.set.push((name.to_string(), value.to_string()));
    }
    let (model, diagnostics) = econc::compile(&source, &options);
    model.ok_or_else(|| {
        let first = diagnostics.first().map_or("", |d| d.headline.as_str());
        format!("{}: {first}\n", path.display())
    })
}

/// `simulate SCENARIO[, action = value ..][, N worlds]`
fn simulated(model: &Model, how: &str, seed: u64) -> Simulation {
    let mut parts = how.split(", ");
    let scenario = parts
        .next()
        .and_then(|p| p.strip_prefix("simulate "))
        .expect("simulate SCENARIO");
    let mut options = simulate::SimulationOptions {
        scenario: Some(scenario.to_string()),
        periods: None,
        worlds: 1,
        seed,
        on_chain: false,
        greedy: false,
    };
    let mut fixed = Vec::new();
    for part in parts {
        if let Some(n) = part.strip_suffix(" worlds") {
            options.worlds = n.parse().expect("a number of worlds");
        } else {
            let (name, value) = part.split_once(" = ").expect("action = value");
            fixed.push((name.to_string(), value.parse().expect("a number")));
        }
    }
    simulate::simulate(model, &Behaviour::Fixed(fixed).into(), &options, &mut |_, _| true)
        .unwrap_or_else(|d| panic!("{}: {d:?}", model.name))
}

/// The number behind a row under a seed, and its standard error where it is an average over worlds.
fn found(model: &Model, row: &Expected, seed: u64) -> Option<(f64, Option<f64>)> {
    let (what, how) = (row.what.as_str(), row.how.as_str());
    if how == "check" {
        let p = model.params.iter().find(|p| p.name == what)?;
        return Some((p.values.first().copied()?, None));
    }
    let run = simulated(model, how, seed);
    let inner = |prefix: &str| {
        what.strip_prefix(prefix)
            .and_then(|w| w.strip_suffix(')'))
            .map(str::to_string)
    };
    if let Some(agent) = inner("return(") {
        let returns = run.returns.iter().find(|r| r.agent == agent)?;
        return Some((returns.discounted, None));
    }
    if let Some(agent) = inner("total(") {
        let returns = run.returns.iter().find(|r| r.agent == agent)?;
        return Some((returns.total, (run.worlds > 1).then_some(returns.error)));
    }
    let t: usize = row.at.strip_prefix("t = ")?.parse().ok()?;
    let first = format!("{what}[1]");
    run.series
        .iter()
        .find(|s| s.name == what || s.name == first || s.name == format!("{what}[1,1]"))
        .and_then(|s| s.values.get(t).copied())
        .map(|x| (x, None))
}

/// Whether a tolerance is the work of luck (under four standard errors) or hides a fault (over eight).
fn unfit(tolerance: f64, error: f64) -> bool {
    !(4.0 * error..=8.0 * error).contains(&tolerance)
}

#[test]
fn parameters_and_scripted_worlds_have_their_expected_numbers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the models")
        .map(|e| e.expect("readable entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    let mut faults = String::new();
    let mut checked = 0;
    for path in files {
        for row in expected::of_file(&path) {
            let how = row.how.as_str();
            if how != "check" && (!how.starts_with("simulate ")) {
                continue;
            }
            let model = match compile(&path.with_extension("econ"), &row.settings()) {
                Ok(model) => model,
                Err(fault) => {
                    faults.push_str(&fault);
                    continue;
                }
            };
            let (want, tolerance) = (row.value, row.tolerance);
            let got = found(&model, &row, 1);
            checked += 1;
            // A row without a standard error has no chance in it: another seed gives the same.
            let again = match got {
                Some((_, None)) if how != "check" => found(&model, &row, 2),
                _ => got,
            };
            if [got, again].iter().any(|g| g.is_none_or(|(x, _)| !row.met(x))) {
                faults.push_str(&format!(
                    "{} {} ({how}): {got:?}, expected {want} within {tolerance}\n",
                    model.name, row.what
                ));
            }
            if let Some((_, Some(error))) = got
                && unfit(tolerance, error)
            {
                faults.push_str(&format!(
                    "{} {} ({how}): the tolerance {tolerance} is not 4 to 8 standard errors of {error}\n",
                    model.name, row.what
                ));
            }
        }
    }
    assert!(checked > 20, "only {checked} numbers were checked");
    assert!(faults.is_empty(), "{faults}");
}
