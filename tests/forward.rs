//! Prices that look a period ahead: the rows of `models/lucas_tree.toml`, `discretion.toml` and `sovereign_default.toml`, other closed forms, refusals, and what
//! commands make of a solution.

use crate::common::expected;
use econc::check::Model;
use econc::check::model::PriceFunction;
use econc::diag::Diagnostic;
use econc::driver::{self, Solved};
use econc::solve::progress::silent;
use std::path::Path;
use std::process::Command;

const TREE: &str = include_str!("../models/lucas_tree.econ");
const BANK: &str = include_str!("../models/discretion.econ");
const DEFAULT: &str = include_str!("../models/sovereign_default.econ");

fn compiled(text: &str, set: &[(&str, &str)]) -> Model {
    let options = econc::Options {
        set: set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..econc::Options::default()
    };
    let (model, said) = econc::compile(text, &options);
    model.unwrap_or_else(|| panic!("{said:?}"))
}

fn solve(model: &Model) -> Result<Solved, Vec<Diagnostic>> {
    let options = driver::Request {
        seed: 1,
        ..driver::Request::default()
    };
    driver::solve(model, &options, &mut silent)
}

fn certified(text: &str, set: &[(&str, &str)]) -> Solved {
    let solved = solve(&compiled(text, set)).unwrap_or_else(|d| panic!("{d:?}"));
    assert!(solved.certificate.passed, "{:?}", solved.certificate.reasons);
    solved
}

fn codes(text: &str) -> Vec<String> {
    let (model, said) = econc::compile(text, &econc::Options::default());
    let model = model.unwrap_or_else(|| panic!("{said:?}"));
    match solve(&model) {
        Ok(s) => s.certificate.reasons.iter().map(|d| d.code.clone()).collect(),
        Err(d) => d.iter().map(|d| d.code.clone()).collect(),
    }
}

/// The value of a function at the numbers of its dimensions: positions in a chain from 0, states as they are.
fn at(f: &PriceFunction, place: &[(&str, i64)]) -> f64 {
    let mut node = 0;
    for d in &f.dims {
        let x = place
            .iter()
            .find(|p| p.0 == d.name)
            .unwrap_or_else(|| panic!("{}", d.name))
            .1;
        node = node * d.len + (x - d.first) as usize;
    }
    f.values[node]
}

fn of<'s>(s: &'s Solved, name: &str) -> &'s PriceFunction {
    s.ahead.iter().find(|f| f.name == name).expect("the price")
}

fn met(model: &str, found: &[f64]) {
    let rows = expected::of_model(model);
    assert_eq!(rows.len(), found.len());
    for (row, x) in rows.iter().zip(found) {
        assert!(row.met(*x), "{model}: {} is {x}, not {}", row.what, row.value);
    }
}

#[test]
fn the_price_of_a_tree_is_that_of_two_linear_equations() {
    let s = certified(TREE, &[]);
    let log = certified(TREE, &[("gamma", "1")]);
    let v = of(&s, "trees.v");
    let poor = [("d", 0)];
    met(
        "lucas_tree",
        &[
            at(v, &poor),
            at(v, &[("d", 1)]),
            at(of(&s, "trees.bond"), &poor),
            at(of(&log, "trees.v"), &poor),
        ],
    );
}

#[test]
fn a_bank_without_commitment_on_a_new_keynesian_curve() {
    let s = certified(BANK, &[]);
    met(
        "discretion",
        &[at(of(&s, "soon"), &[("u", 1)]), s.solution.policy[0][1]],
    );
    // More patient price setters, other weights.
    let other = certified(BANK, &[("beta", "0.9"), ("lambda", "2")]);
    let inflation = 2.0 / (0.01 + 2.0 * (1.0 - 0.9 * 0.5));
    assert!((at(of(&other, "soon"), &[("u", 1)]) - 0.5 * inflation).abs() < 1e-6);
}

#[test]
fn a_government_that_may_default() {
    let s = certified(DEFAULT, &[]);
    let q = of(&s, "lenders.q");
    let names: Vec<&str> = q.dims.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["y", "government.n'"]);
    let value = s.solution.column(&s.solution.value, 0, 2);
    let place = |n: usize, out: usize| n * 2 + out;
    met(
        "sovereign_default",
        &[
            at(q, &[("y", 2), ("government.n'", 12)]),
            at(q, &[("y", 2), ("government.n'", 10)]),
            value[place(15, 0)],
        ],
    );
}

/// Arellano (2008) in QuantEcon's calibration of 21 outputs and 251 bonds: minutes without optimisation.
#[test]
fn the_published_calibration() {
    if std::env::var("ECONC_LONG").is_err() {
        return;
    }
    let s = certified(&arellano(), &[]);
    let q = of(&s, "lenders.q");
    let of_bonds = |n: i64| at(q, &[("y", 10), ("government.n'", n)]);
    assert!((of_bonds(115) - 0.66543301).abs() < 1e-8, "{}", of_bonds(115));
    assert!((of_bonds(95) - 0.31785116).abs() < 1e-8, "{}", of_bonds(95));
    let value = s.solution.column(&s.solution.value, 0, 10)[125 * 2];
    assert!((value + 21.3137).abs() < 5e-5, "{value}");
}

/// The model with 21 outputs, Tauchen's chain over three standard deviations, and 251 bonds from -.45 to .45.
fn arellano() -> String {
    let chain =
        econc::chance::chain::tauchen(21, 0.945, 0.025 / (1.0f64 - 0.945 * 0.945).sqrt(), 0.0, 3.0).expect("a chain");
    let y: Vec<f64> = chain.chain.values.iter().map(|x| x.exp()).collect();
    let most = 0.969 * y.iter().sum::<f64>() / 21.0;
    let list = |x: &[f64]| {
        format!(
            "[{}]",
            x.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(", ")
        )
    };
    let rows: Vec<String> = chain.chain.transition.iter().map(|r| list(r)).collect();
    let law = format!("shock y ~ markov({}, normalize [{}])", list(&y), rows.join(", "));
    let from = DEFAULT.find("shock y").expect("outputs");
    let to = DEFAULT.find("noise back").expect("lenders");
    let text = format!("{}{law}\n{}", &DEFAULT[..from], &DEFAULT[to..]);
    text.replace("0..30", "0..250")
        .replace("15", "125")
        .replace("= 0.98 ", &format!("= {most:?} "))
        .replace("= 0.03 ", "= 0.0036 ")
}

const WHOLE: &str = "
shock d ~ markov([0.9, 1.1], [[0.8, 0.2], [0.2, 0.8]])
agent household {
  action eaten in [0.1, 1]
  let c = eaten * d
  observe d
  reward log(c)
  discount 0.9
}
";

#[test]
fn what_cannot_be_solved_for_is_refused() {
    let with = |price: &str| format!("{WHOLE}{price}\n");
    assert_eq!(
        codes(&with("forward price v = expect(0.9 * (v' + household.c'))")),
        Vec::<String>::new()
    );
    assert_eq!(
        codes(&with("forward price v = expect(0.9 * v' + household.c')\nhorizon 3")),
        ["E0859"]
    );
    // It feeds on itself by more than one: one solution of many, and without a discount none.
    assert_eq!(
        codes(&with("forward price v = expect(1.1 * v' + household.c')")),
        ["W0988"]
    );
    assert_eq!(codes(&with("forward price v = 0.1 + expect(v')")), ["E0860"]);
    // Outside of what is claimed.
    assert_eq!(
        codes(&with("forward price v in [0, 1] = expect(0.9 * (v' + household.c'))")),
        ["E0861"]
    );
    let continuous = with("forward price v = expect(0.9 * v' + z')")
        .replace("shock d", "shock z ~ ar1(rho: 0.9, sigma: 0.1)\nshock d");
    assert_eq!(codes(&continuous), ["E0859"]);
    let noisy =
        WHOLE.replace("agent", "noise e ~ normal(0, 1)\nagent") + "forward price v = expect(household.c' + e')\n";
    assert_eq!(codes(&noisy), ["E0859"]);
    let kapital = "
agent planner {
  state k in (0, inf), start 0.2
  action s in [0.05, 0.9]
  let c = (1 - s) * k^0.3
  k' = s * k^0.3
  observe k
  reward log(c)
  discount 0.9
}
forward price v = expect(0.9 * planner.c / planner.c' * (v' + planner.c'))
";
    assert_eq!(codes(kapital), ["E0859"]);
    let several = with("forward price v = expect(household.c')")
        + "agent other {
  action x in [0, 1]
  reward -(x - household.eaten)^2
  discount 0.9
}
";
    assert_eq!(codes(&several), ["E0859"]);
}

fn run(folder: &Path, line: &str) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_econc"))
        .current_dir(folder)
        .args(line.split_whitespace())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn a_solution_is_played_and_without_one_nothing_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    std::fs::write(here.join("bank.econ"), BANK).expect("written");
    for line in [
        "simulate bank.econ",
        "train bank.econ --learner ppo --with steps=4000",
        "simulate bank.econ --policy fixed:x=0",
    ] {
        let (exit, text) = run(here, line);
        assert!(exit == 1 && text.contains("E0868"), "{line}: {exit} {text}");
    }
    let (exit, text) = run(here, "solve bank.econ --out solved");
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("soon less its expression"), "{text}");
    let table = std::fs::read_to_string(here.join("solved/price-soon.csv")).expect("the price");
    assert!(
        table.starts_with("u,soon\nlow,-0.917") && table.contains("\nhigh,0.917"),
        "{table}"
    );
    let (exit, text) = run(here, "simulate bank.econ --policy solved --periods 400 --json");
    assert_eq!(exit, 0, "{text}");
    // Expected inflation is no zero: its size is that of the closed form, always.
    let (exit, text) = run(here, "simulate bank.econ --policy solved --periods 400");
    assert!(exit == 0 && text.contains("0.9174"), "{text}");
    let (exit, text) = run(here, "irf solved");
    assert!(exit == 0 && text.contains("soon"), "{text}");
    let (exit, text) = run(here, "irf bank.econ");
    assert_eq!(exit, 0, "{text}");
    let (exit, text) = run(
        here,
        "train bank.econ --learner ppo --with steps=4000 --against solved --out trained",
    );
    assert_eq!(exit, 0, "{text}");
    let (exit, text) = run(here, "solve bank.econ --method all");
    assert_eq!(exit, 0, "{text}");
    let (exit, text) = run(here, "solve bank.econ --why");
    assert!(
        exit == 0 && text.contains("value_iteration: fits") || text.contains("value_iteration"),
        "{text}"
    );
    // Another price curve is another economy.
    std::fs::write(
        here.join("other.econ"),
        BANK.replace("expect(bank.inflation')", "expect(2 * bank.inflation')"),
    )
    .expect("written");
    let (exit, text) = run(here, "simulate other.econ --policy solved");
    assert!(exit != 0 && text.contains("E0819"), "{text}");
}

#[test]
fn the_first_guess_counts_where_it_says() {
    // Two solutions: v = 0, from which any other guess leads away, and v = 2; which one is found is up to the guess.
    let text = WHOLE.to_string() + "forward price v in [0, 10] = expect(min(2, 3 * v'))";
    let low = solve(&compiled(&text, &[])).unwrap_or_else(|d| panic!("{d:?}"));
    let said: Vec<&str> = low.certificate.reasons.iter().map(|d| d.code.as_str()).collect();
    assert_eq!((low.ahead[0].values.as_slice(), said), (&[0.0][..], vec!["W0988"]));
    let high = certified(&(text + ", start 1"), &[]);
    assert_eq!(high.ahead[0].values, [2.0]);
    assert!(high.certificate.reasons.is_empty());
}

#[test]
fn it_is_printed_as_it_is_written() {
    let line = "forward price q(a.b', a.s') in [0, 1] = expect(a.c') / 2 given a.z' = 0, start 1 \"bonds\"\n";
    let (file, said) = econc::syntax::parser::parse(line, 0);
    assert!(said.is_empty(), "{said:?}");
    let printed = econc::syntax::print::print(&file);
    assert_eq!(printed.trim(), line.trim());
}
