//! Expected numbers of the models that this version solves: values, policies, steady states, simulations of the solution.
//!
//! Each model is solved once for each set of parameters, must hold its certificate, and is then compared with the rows
//! of its `.toml`. Models that take longer are solved only with `ECONC_LONG=1` in the environment.

use crate::common;
use crate::common::expected::{self, Expected};
use econc::check::model::Model;
use econc::driver::{self, Solved};
use econc::env::cast::Behaviour;
use econc::env::simulate;
use econc::graph::InputKind;
use econc::graph::eval::evaluate;
use econc::solve::bellman::At;
use econc::solve::problem::ActionKind;
use econc::solve::progress::silent;
use econc::solve::solution::{Reader, Solution};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Solved whenever the tests run.
const QUICK: &[&str] = &[
    "brock_mirman",
    "bus",
    "cake",
    "capital_goods_planner",
    "finite_life",
    "growth_deterministic",
    "growth_markov",
    "mccall",
    "monopolist",
    "optimal_stopping",
    "retirement",
    "two_sectors_labour",
];

/// A second each with optimisation: solved by tests of an optimised build, or with `ECONC_LONG=1`.
const OPTIMISED: &[&str] = &["language_benchmark", "portfolio", "producers_reduced", "rbc"];

/// Solved with `ECONC_LONG=1` only.
const LONG: &[&str] = &["capital_goods", "durable_goods", "growth", "irreversible", "rbc_labour"];

/// Whose rows another test reads, and which.
const ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "games.rs",
        &[
            "bank_run",
            "bertrand",
            "cournot",
            "entry_game",
            "exchange",
            "first_price",
            "rationing",
            "rock_paper_scissors",
            "stackelberg",
        ],
    ),
    (
        "equilibria.rs",
        &[
            "capital_goods",
            "capital_goods_firms",
            "entry_exit",
            "fish_war",
            "growth_market",
            "half_informed",
            "krusell_smith_small",
            "lq_duopoly",
            "matching",
            "menu_costs",
            "sticky_prices",
            "two_sectors_logit",
        ],
    ),
    ("ages.rs", &["life_cycle"]),
    ("alike.rs", &["two_sectors_market"]),
    ("cleared.rs", &["huggett_risk"]),
    ("continua.rs", &["aiyagari", "huggett"]),
    ("entry.rs", &["hopenhayn"]),
    ("forward.rs", &["discretion", "lucas_tree", "sovereign_default"]),
    ("perceived.rs", &["krusell_smith"]),
    ("transition.rs", &["aiyagari_transition"]),
    ("models_solve.rs", &["producers"]),
];

/// Not solved: what is in the way.
const UNSOLVED: &[(&str, &str)] = &[];

fn path(name: &str, extension: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    folder.join(name).with_extension(extension)
}

fn compile(name: &str, set: &str) -> Model {
    let source = fs::read_to_string(path(name, "econ")).expect("a model");
    let mut options = econc::Options::default();
    for pair in set.split(", ").filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once(" = ").expect("name = value");
        options.set.push((name.to_string(), value.to_string()));
    }
    let (model, diagnostics) = econc::compile(&source, &options);
    model.unwrap_or_else(|| panic!("{name}: {diagnostics:?}"))
}

fn solve(model: &Model, concept: Option<&str>) -> Solved {
    let options = driver::Request {
        concept: concept.map(str::to_string),
        seed: 1,
        ..driver::Request::default()
    };
    driver::solve(model, &options, &mut silent).unwrap_or_else(|d| panic!("{}: {d:?}", model.name))
}

/// The part of a name after its last dot: `planner.k` is written `k` in the tables.
fn short(name: &str) -> &str {
    let bare = name.split('[').next().unwrap_or(name);
    bare.rsplit('.').next().unwrap_or(bare)
}

/// A number, or a parameter's name.
fn number(model: &Model, text: &str) -> Option<f64> {
    let parameter = || model.params.iter().find(|p| p.name == text)?.values.first().copied();
    text.parse().ok().or_else(parameter)
}

/// The value behind a label of a chain.
fn label(model: &Model, name: &str, text: &str) -> Option<f64> {
    let shock = model.shocks.iter().find(|s| short(&s.name) == name)?;
    let econc::check::model::Process::Chain { values, labels, .. } = &shock.process else {
        return None;
    };
    labels.iter().position(|l| l == text).map(|i| values[i])
}

/// The joint shock states at which to read, with weights: linear between links where a value is none of the chain's.
fn links(s: &Solution, wanted: &[(String, f64)]) -> Vec<(usize, f64)> {
    let mut out: Vec<(usize, f64)> = (0..s.shocks()).map(|j| (j, 1.0)).collect();
    for (d, name) in s.chain.names.iter().enumerate() {
        let Some((_, x)) = wanted.iter().find(|(n, _)| n == short(name)) else {
            continue;
        };
        let of = |j: usize| s.chain.values[j][d];
        let below = (0..s.shocks())
            .map(of)
            .filter(|v| *v <= x + 1e-12)
            .fold(f64::NAN, f64::max);
        let above = (0..s.shocks())
            .map(of)
            .filter(|v| *v >= x - 1e-12)
            .fold(f64::NAN, f64::min);
        let up = if above > below {
            (x - below) / (above - below)
        } else {
            0.0
        };
        for (j, w) in &mut out {
            *w *= if of(*j) == below {
                1.0 - up
            } else if of(*j) == above {
                up
            } else {
                0.0
            };
        }
    }
    out.retain(|(_, w)| *w > 0.0);
    out
}

/// Where a row reads: the state, and the other names with their values.
fn place(model: &Model, s: &Solution, at: &str) -> Option<(Vec<f64>, Vec<(String, f64)>)> {
    let mut given = Vec::new();
    for pair in at.split(", ").filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once(" = ")?;
        let value = match value.strip_suffix("th point") {
            Some(k) => *s.states.first()?.nodes.get(k.parse::<usize>().ok()?.checked_sub(1)?)?,
            None => label(model, name, value).or_else(|| number(model, value))?,
        };
        given.push((name.to_string(), value));
    }
    let state = s.states.iter().map(|axis| {
        let found = given.iter().find(|(n, _)| *n == short(&axis.name));
        found.map(|(_, x)| *x)
    });
    Some((state.collect::<Option<Vec<f64>>>()?, given))
}

/// The number behind `what`, `None` if no part of the solution has it.
fn found(model: &Model, s: &Solved, row: &Expected) -> Option<f64> {
    let (what, solution) = (row.what.as_str(), &s.solution);
    if row.how == "steady_state" {
        return s.steady_state.iter().find(|(n, _)| n == what).map(|(_, x)| *x);
    }
    if let Some(population) = &s.population {
        return population.prices.iter().find(|(n, _)| n == what).map(|(_, x)| *x);
    }
    if what == "iterations" {
        return Some(solution.record.iterations as f64);
    }
    let problem = common::problem_of(model, solution);
    let reader = Reader::new(solution, &problem).unwrap_or_else(|d| panic!("{}: {d:?}", model.name));
    let value = |x: f64| reader.value(At { shock: 0, time: 0 }, &[x]);
    match what {
        "value at 0 less value at 89" => return Some(value(0.0) - value(89.0)),
        "reservation wage" => {
            let accepts = |j: usize| reader.action(At { shock: j, time: 0 }, &[])[0] == choice(solution, "accept");
            let wages = (0..solution.shocks()).filter(|&j| accepts(j));
            return wages.map(|j| solution.chain.values[j][0]).reduce(f64::min);
        }
        "largest x at which the holder exercises" => {
            let nodes = solution.states.first()?.nodes.iter().copied();
            let exercise = choice(solution, "exercise");
            return nodes
                .filter(|&x| reader.action(At { shock: 0, time: 0 }, &[x])[0] == exercise)
                .reduce(f64::max);
        }
        _ => {}
    }
    let (state, given) = place(model, solution, &row.at)?;
    if let Some(label) = what.strip_prefix("P(").and_then(|w| w.strip_suffix(')')) {
        let ActionKind::Finite { labels, .. } = &solution.actions.first()?.kind else {
            return None;
        };
        let node = solution.states.first()?.nodes.iter().position(|x| *x == state[0])?;
        let k = labels.iter().position(|l| l == label)?;
        return solution
            .probability
            .get(node * solution.shocks() * labels.len() + k)
            .copied();
    }
    let read = |shock: usize| -> Option<f64> {
        let at = At { shock, time: 0 };
        match short(what) {
            "value" => Some(reader.value(at, &state)),
            "reward" if state.is_empty() => Some(reader.value(at, &state)),
            name => match solution.actions.iter().position(|a| short(&a.name) == name) {
                Some(a) => Some(reader.action(at, &state)[a]),
                None => computed(model, solution, &reader, what, &state, shock),
            },
        }
    };
    let weights = links(solution, &given);
    weights.iter().map(|(j, w)| read(*j).map(|x| w * x)).sum()
}

/// What the model computes from state, shock and the solution's actions under a name: a `let`.
fn computed(model: &Model, s: &Solution, reader: &Reader, name: &str, state: &[f64], shock: usize) -> Option<f64> {
    let named = model.names.iter().find(|n| n.name == name)?;
    let actions = reader.action(At { shock, time: 0 }, state);
    let inputs: Option<Vec<Vec<f64>>> = model
        .graph
        .inputs
        .iter()
        .map(|input| {
            let x = match input.kind {
                InputKind::State(i) => state[s.states.iter().position(|a| a.name == model.states[i].name)?],
                InputKind::Action(i) => actions[s.actions.iter().position(|a| a.name == model.actions[i].name)?],
                InputKind::Shock(i) => {
                    let d = s.chain.names.iter().position(|n| *n == model.shocks[i].name)?;
                    s.chain.values[shock][d]
                }
                InputKind::Param(i) => return Some(model.params[i].values.clone()),
                InputKind::ShockNext(_)
                | InputKind::Noise(_)
                | InputKind::Unknown(_)
                | InputKind::Time
                | InputKind::EntryValue(_)
                | InputKind::Forward(_)
                | InputKind::Later(_)
                | InputKind::Expected(_) => 0.5,
            };
            Some(vec![x; model.graph.elements(&input.shape)])
        })
        .collect();
    let values = evaluate(&model.graph, &inputs?).ok()?;
    values.nodes.get(named.node.0 as usize)?.first().copied()
}

/// The value of the choice with this label.
fn choice(s: &Solution, label: &str) -> f64 {
    match &s.actions[0].kind {
        ActionKind::Finite { values, labels } => {
            let k = labels.iter().position(|l| l == label).expect("such a choice");
            values[k]
        }
        ActionKind::Continuous => panic!("`{}` is a number", s.actions[0].name),
    }
}

/// `return(agent)` or `total(agent)` in a scenario under a solution.
fn simulated(model: &Model, solution: &Solution, row: &Expected, scenario: &str) -> Option<f64> {
    let options = simulate::SimulationOptions {
        scenario: Some(scenario.to_string()),
        periods: None,
        worlds: 1,
        seed: 1,
        on_chain: true,
        greedy: false,
    };
    let behaviour = Behaviour::Solved(std::sync::Arc::new(solution.clone()));
    let run = simulate::simulate(model, &behaviour.into(), &options, &mut |_, _| true)
        .unwrap_or_else(|d| panic!("{}: {d:?}", model.name));
    let (kind, agent) = row.what.strip_suffix(')')?.split_once('(')?;
    let returns = run.returns.iter().find(|r| r.agent == agent)?;
    match kind {
        "return" => Some(returns.discounted),
        "total" => Some(returns.total),
        _ => None,
    }
}

/// Solves a model for every set of parameters that its rows name. Returns the number of rows checked.
fn check(name: &str, faults: &mut String) -> usize {
    let rows = expected::of_model(name);
    let mut solved: BTreeMap<String, (Model, Solved)> = BTreeMap::new();
    let mut checked = 0;
    if !rows.iter().any(|r| r.how == "solve") {
        let model = compile(name, "");
        let concept = (name == "capital_goods").then_some("planner");
        if concept.is_none() {
            certified(name, &solve(&model, concept), faults);
        }
    }
    for row in &rows {
        let how = row.how.as_str();
        let concept = how.starts_with("solve planner").then_some("planner");
        let scenario = how
            .strip_prefix("solve, simulate ")
            .or(how.strip_prefix("solve planner, simulate "));
        if how != "solve" && how != "steady_state" && scenario.is_none() {
            continue;
        }
        let set = row.set.clone();
        let (model, s) = solved.entry(set.clone()).or_insert_with(|| {
            let model = compile(name, &set);
            let s = solve(&model, concept);
            certified(name, &s, faults);
            (model, s)
        });
        let got = match scenario {
            Some(scenario) => simulated(model, &s.solution, row, scenario),
            None => found(model, s, row),
        };
        // A steady state names states and actions; what follows from them is not part of it.
        if how == "steady_state" && got.is_none() {
            continue;
        }
        let (want, tolerance) = (row.value, row.tolerance);
        checked += 1;
        if got.is_none_or(|x| !row.met(x)) {
            faults.push_str(&format!(
                "{name} {} {} {set} ({how}): {got:?}, expected {want} within {tolerance}\n",
                row.what, &row.at
            ));
        }
    }
    checked
}

fn certified(name: &str, s: &Solved, faults: &mut String) {
    if !s.certificate.passed {
        let reasons: Vec<&str> = s.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
        faults.push_str(&format!("{name}: the certificate fails: {}\n", reasons.join("; ")));
    }
}

fn long() -> bool {
    std::env::var("ECONC_LONG").is_ok_and(|v| v == "1")
}

/// Whether there is time for what takes a second with optimisation.
fn optimised() -> bool {
    long() || !cfg!(debug_assertions)
}

#[test]
fn solved_models_have_their_expected_numbers() {
    let mut faults = String::new();
    let mut checked = 0;
    let more = if long() { LONG } else { &[] };
    let optimised = if optimised() { OPTIMISED } else { &[] };
    for name in QUICK.iter().chain(optimised).chain(more) {
        checked += check(name, &mut faults);
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(checked > 30, "only {checked} numbers were checked");
}

/// Rows that ask for a solution or a steady state are read by a test, or the model is listed with what is in the way.
#[test]
fn every_row_that_asks_for_a_solution_is_read_or_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut unread: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder.join("models")).expect("models") {
        let file = entry.expect("an entry").path();
        if file.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let name = file.file_stem().map_or("".into(), |s| s.to_string_lossy()).to_string();
        let asks = |r: &Expected| r.how.starts_with("solve") || r.how.starts_with("steady_state");
        if !expected::of_file(&file).iter().any(asks) {
            continue;
        }
        let here = [QUICK, OPTIMISED, LONG].concat().contains(&name.as_str());
        let there = ELSEWHERE.iter().filter(|(_, models)| models.contains(&name.as_str()));
        let read = there.map(|(test, _)| {
            let test = fs::read_to_string(folder.join("tests").join(test)).expect("a test");
            let named = [format!("\"{name}\""), format!("{name}.toml")];
            assert!(named.iter().any(|n| test.contains(n)), "{name} is not read there");
        });
        let unsolved = UNSOLVED.iter().any(|(n, why)| *n == name && !why.is_empty());
        if read.count() == 0 && !here && !unsolved {
            unread.push(name);
        }
    }
    assert!(unread.is_empty(), "{unread:?}");
}

#[test]
fn the_policy_of_brock_and_mirman_is_their_formula() {
    let model = compile("brock_mirman", "");
    let s = solve(&model, None).solution;
    assert_eq!(s.states[0].nodes.len(), 200);
    let mut worst: f64 = 0.0;
    for (i, k) in s.states[0].nodes.iter().enumerate() {
        for (j, z) in s.chain.values.iter().enumerate() {
            // Capital stays between these under the policy, whatever happens.
            if (0.15..0.21).contains(k) {
                let exact = 0.95 / 3.0 * z[0].exp() * k.cbrt();
                worst = worst.max((s.policy[0][i * s.shocks() + j] / exact).ln().abs());
            }
        }
    }
    assert!(worst > 0.0 && worst < 1e-5, "{worst:e}");
}

/// Files of `tests/solve` that take more than a second with optimisation.
const SLOW: &[&str] = &["shop", "two_stocks"];

/// Models as one would first write them, with kinks, choices and ends: each is solved with a certificate (and the warning
/// that it names), or fails with the message that it names, in its first line.
#[test]
fn first_models_are_solved_or_say_what_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/solve");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the directory")
        .map(|f| f.expect("an entry").path())
        .collect();
    files.sort();
    assert!(files.len() > 6, "only {} models", files.len());
    let mut faults = String::new();
    for file in files {
        let name = file.file_stem().map_or("".into(), |s| s.to_string_lossy());
        if !optimised() && SLOW.contains(&name.as_ref()) {
            continue;
        }
        let source = fs::read_to_string(&file).expect("a model");
        let expected = source.lines().next().and_then(|l| l.strip_prefix("# expect: "));
        let expected = expected.expect("the first line says what is expected");
        let (model, messages) = econc::compile(&source, &econc::Options::default());
        let model = model.unwrap_or_else(|| panic!("{}: {messages:?}", file.display()));
        let options = driver::Request {
            seed: 1,
            ..driver::Request::default()
        };
        let found: Vec<String> = match driver::solve(&model, &options, &mut silent) {
            Ok(s) => {
                let reasons = s.certificate.reasons.iter().map(|d| d.code.clone());
                let verdict = if s.certificate.passed { "solved" } else { "failed" };
                std::iter::once(verdict.to_string()).chain(reasons).collect()
            }
            Err(messages) => messages.into_iter().map(|d| d.into_message().code).collect(),
        };
        let wanted: Vec<&str> = match expected {
            "solved" => vec!["solved"],
            codes if codes.starts_with('W') => std::iter::once("solved").chain(codes.split(' ')).collect(),
            code => vec![code],
        };
        if found != wanted {
            faults.push_str(&format!("{}: {found:?}, expected {wanted:?}\n", file.display()));
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// With demands of zero, one or two the best order from a whole stock is whole: numbers on a grid with kinks and a finite
/// table must agree.
#[test]
fn a_shop_in_numbers_and_a_shop_in_pieces_are_worth_the_same() {
    let shop = |stock: &str, order: &str| {
        let source = format!(
            "model shop \"shop\"\nagent shop {{\n  state stock in {stock}, start 5\n  action order in {order}\n  \
             noise demand ~ discrete([0, 1, 2], [0.25, 0.5, 0.25])\n  let sold = min(stock, demand)\n  \
             stock' = clamp(stock - sold + order, 0, 10)\n  observe stock\n  reward sold - 0.3 * order\n  discount 0.95\n}}\n"
        );
        let (model, messages) = econc::compile(&source, &econc::Options::default());
        let model = model.unwrap_or_else(|| panic!("{messages:?}"));
        let s = solve(&model, None);
        assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
        let problem = common::problem_of(&model, &s.solution);
        let reader = Reader::new(&s.solution, &problem).expect("a reader");
        (0..=10)
            .map(|x| reader.value(At { shock: 0, time: 0 }, &[f64::from(x)]))
            .collect::<Vec<f64>>()
    };
    let (numbers, pieces) = (shop("[0, 10]", "[0, 3]"), shop("0..10", "0..3"));
    for (x, (a, b)) in numbers.iter().zip(&pieces).enumerate() {
        assert!((a - b).abs() < 1e-3 * b.abs(), "stock {x}: {a} against {b}");
    }
}

/// The reduced model's policy in the world of many producers.
#[test]
fn the_reduced_producers_policy_earns_in_the_full_model() {
    if !optimised() {
        return;
    }
    let s = solve(&compile("producers_reduced", ""), None);
    let rows = expected::of_model("producers");
    let row = rows
        .iter()
        .find(|r| r.how.starts_with("solve producers_reduced"))
        .expect("the row");
    let options = simulate::SimulationOptions {
        scenario: Some("evaluation".into()),
        periods: None,
        worlds: 50,
        seed: 1,
        on_chain: true,
        greedy: false,
    };
    let behaviour = Behaviour::Solved(std::sync::Arc::new(s.solution.clone()));
    let run = simulate::simulate(&compile("producers", ""), &behaviour.into(), &options, &mut |_, _| true)
        .unwrap_or_else(|d| panic!("{d:?}"));
    let returns = run
        .returns
        .iter()
        .find(|r| r.agent == "producer")
        .expect("the producer");
    let (total, error, tolerance) = (returns.total, returns.error, row.tolerance);
    assert!(row.met(total), "{total}");
    // Neither the work of luck nor blind.
    assert!((4.0 * error..=8.0 * error).contains(&tolerance), "{error}");
}
