//! Equilibria with states against exact numbers: `joint` and `linear_quadratic` by their methods alone, without the certificate.

use econc::check::Model;
use econc::num::interpolate::{Axis, Outside, Rule, Surface, Tensor};
use econc::solve::economy::Economy;
use econc::solve::equilibrium::{EquilibriumMethod, Found};
use econc::solve::methods;
use econc::solve::progress::silent;
use econc::verify::solved::as_asked;
use std::fs;
use std::path::Path;

fn model(name: &str, concept: &str, set: &[(&str, &str)]) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(name)
        .with_extension("econ");
    let source = fs::read_to_string(path).expect("a model");
    let options = econc::Options {
        set: set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..econc::Options::default()
    };
    let (model, diagnostics) = econc::compile(&source, &options);
    let model = model.unwrap_or_else(|| panic!("{name}: {diagnostics:?}"));
    as_asked(&model, Some(concept), None)
}

fn method(name: &str) -> &'static dyn EquilibriumMethod {
    match methods::named(name) {
        Ok(methods::Any::Several(method)) => method,
        _ => panic!("no method {name}"),
    }
}

fn found(model: &Model, by: &str) -> Found {
    let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
    let method = method(by);
    method.fits(&economy).unwrap_or_else(|why| panic!("{by}: {why}"));
    method
        .solve(&economy, 1, &mut silent)
        .unwrap_or_else(|d| panic!("{by}: {d:?}"))
}

/// The code with which a method refuses.
fn refused(model: &Model, by: &str) -> (String, String) {
    let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
    match method(by).solve(&economy, 1, &mut silent) {
        Ok(_) => ("solved".into(), String::new()),
        Err(d) => (d[0].code.to_string(), format!("{d:?}")),
    }
}

fn rest(found: &Found, name: &str) -> f64 {
    let all = &found.steady_state;
    all.iter().find(|(n, _)| n == name).map_or(f64::NAN, |(_, x)| *x)
}

/// An array of a solution at a state, in one joint shock.
fn at(found: &Found, array: &[f64], shock: usize, state: &[f64]) -> f64 {
    let s = &found.solution;
    let axes = s
        .states
        .iter()
        .map(|a| Axis::new(&a.nodes, a.log, Rule::Cubic).expect("an axis"));
    let tensor = Tensor::new(axes.collect(), Outside::Flat).expect("a grid");
    let mut surface = Surface::default();
    tensor.fit(&s.column(array, 0, shock), &mut surface);
    let columns: Vec<[f64; 1]> = state.iter().map(|x| [*x]).collect();
    let refs: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let mut out = [0.0];
    assert_eq!(tensor.values(&surface, &refs, &mut out), 0, "outside the grid");
    out[0]
}

fn near(got: f64, want: f64, tolerance: f64) {
    assert!(
        (got - want).abs() <= tolerance,
        "{got}, expected {want} within {tolerance}"
    );
}

const TWO: &[(&str, &str)] = &[("N", "2"), ("J", "1")];

#[test]
fn households_who_see_through_the_market_rest_and_save_as_computed_independently() {
    let f = found(&model("capital_goods", "nash", TWO), "joint");
    near(2.0 * rest(&f, "household.k[1,1]"), 28.444815, 1e-5);
    near(rest(&f, "household.s[2,1]"), 0.145940, 1e-6);
    assert_eq!(f.solution.players.len(), 2);
    let k = 17.050789;
    let chain = &f.solution.chain;
    let shock = |wanted: [f64; 3]| {
        let of = |name: &str| chain.names.iter().position(|n| n == name).expect("a shock");
        let places = [of("Zagg"), of("household.Z[1]"), of("household.Z[2]")];
        let same = |v: &Vec<f64>| places.iter().zip(&wanted).all(|(p, w)| (v[*p] - w).abs() < 1e-12);
        chain.values.iter().position(same).expect("a joint state")
    };
    let rows = [
        ([0.8, 0.9, 0.9], 0.103065092, 0.103065092),
        ([0.8, 0.9, 1.1], 0.095496997, 0.122278321),
        ([0.8, 1.1, 1.1], 0.119060939, 0.119060939),
        ([1.2, 0.9, 0.9], 0.134478402, 0.134478402),
        ([1.2, 0.9, 1.1], 0.126378060, 0.156843063),
        ([1.2, 1.1, 1.1], 0.153472296, 0.153472296),
    ];
    for (z, first, second) in rows {
        near(at(&f, &f.solution.policy[0], shock(z), &[k, k]), first, 1e-5);
        near(at(&f, &f.solution.policy[1], shock(z), &[k, k]), second, 1e-5);
    }
}

#[test]
fn price_takers_and_players_on_given_paths_rest_at_their_closed_forms() {
    let f = found(
        &model("capital_goods", "competitive", &[("N", "1"), ("J", "1")]),
        "joint",
    );
    near(rest(&f, "household.k"), 25.634270196659696, 1e-6);
    near(rest(&f, "household.s"), 0.198649, 1e-6);
    let k = 25.634270196659696;
    let mut all: Vec<f64> = (0..4).map(|z| at(&f, &f.solution.policy[0], z, &[k])).collect();
    all.sort_by(f64::total_cmp);
    for (got, want) in all.iter().zip([0.164042731, 0.186104350, 0.206891284, 0.231570852]) {
        near(*got, want, 1e-5);
    }
    // Two price takers; at the corners of the box Newton's method has to begin elsewhere.
    let two = found(&model("capital_goods", "competitive", TWO), "joint");
    near(2.0 * rest(&two, "household.k[1,1]"), 34.101579, 1e-5);
    // (3/4)^(1/1.7) of what price takers have.
    let f = found(&model("capital_goods", "open_loop", TWO), "joint");
    near(
        2.0 * rest(&f, "household.k[1,1]"),
        34.101579 * 0.75f64.powf(1.0 / 1.7),
        1e-4,
    );
}

#[test]
fn the_duopoly_of_adjustment_costs_is_exact_by_matrices_and_nearly_so_by_polynomials() {
    for (by, tolerance) in [("linear_quadratic", 1e-7), ("joint", 1e-4)] {
        let f = found(&model("lq_duopoly", "nash", &[]), by);
        let rule = [0.66846615, -0.29512482, -0.07584666];
        for (q, r) in [(1.0, 1.0), (2.5, 1.0), (1.0, 3.0)] {
            let want = rule[0] + rule[1] * q + rule[2] * r;
            near(at(&f, &f.solution.policy[0], 0, &[q, r]), want, tolerance);
            near(at(&f, &f.solution.policy[1], 0, &[r, q]), want, tolerance);
        }
        near(rest(&f, "firm.q[1]"), 1.801934, 1e-5);
        near(at(&f, &f.solution.players[1].value, 0, &[1.0, 1.0]), 128.86503688, 1e-4);
    }
}

#[test]
fn a_state_that_several_move_is_fished_as_levhari_and_mirman_say() {
    let f = found(&model("fish_war", "nash", &[]), "joint");
    let s = (1.0 - 0.285) / (2.0 - 0.285);
    near(at(&f, &f.solution.policy[0], 0, &[0.5]), s, 1e-6);
    near(at(&f, &f.solution.players[1].value, 0, &[1.0]), -31.8049489566, 1e-4);
    near(rest(&f, "sea.x"), (1.0 - 2.0 * s).powf(0.3 / 0.7), 1e-6);
}

#[test]
fn sticky_prices_are_solved_where_they_are_and_refused_where_answers_overshoot() {
    for by in ["linear_quadratic", "joint"] {
        let f = found(&model("sticky_prices", "nash", &[]), by);
        for p in [3.0, 4.0, 6.0] {
            near(
                at(&f, &f.solution.policy[0], 0, &[p]),
                -1.4563661476 + 0.8637180198 * p,
                1e-6,
            );
        }
        near(rest(&f, "goods.p"), 4.7343850077, 1e-6);
    }
    let hasty = model("sticky_prices", "nash", &[("s", "0.02")]);
    let (code, said) = refused(&hasty, "linear_quadratic");
    assert_eq!(code, "E0921", "{said}");
}

#[test]
fn a_price_taker_is_the_planner_and_a_tax_on_capital_parts_them() {
    let market = found(&model("growth_market", "competitive", &[]), "joint");
    let planner = found(&model("growth_market", "planner", &[]), "joint");
    for z in 0..market.solution.shocks() {
        for k in [3.5, 4.0, 4.3, 5.0] {
            let read = |f: &Found| at(f, &f.solution.policy[0], z, &[k]);
            near(read(&market), read(&planner), 1e-6);
        }
    }
    let taxed = found(&model("growth_market", "competitive", &[("tax", "0.3")]), "joint");
    let (alpha, beta, delta): (f64, f64, f64) = (0.36, 0.96, 0.1);
    let k = (0.7 * alpha / (1.0 / beta - 1.0 + delta)).powf(1.0 / (1.0 - alpha));
    near(rest(&taxed, "household.k"), k, 1e-8);
}

#[test]
fn relaxed_steps_take_longer_and_end_at_the_same() {
    let plain = found(&model("fish_war", "nash", &[]), "joint");
    let relaxed = found(&model("fish_war", "nash", &[("damping", "0.5")]), "joint");
    assert!(relaxed.solution.record.iterations > plain.solution.record.iterations);
    near(rest(&relaxed, "sea.x"), rest(&plain, "sea.x"), 1e-7);
    let few = model("fish_war", "nash", &[("iterations", "3")]);
    let (code, said) = refused(&few, "joint");
    assert!(
        code == "E0921" && said.contains("largest gain from one deviation"),
        "{said}"
    );
}

/// Two firms that discount unlike: by matrices and by polynomials the same, and the more patient one invests more.
#[test]
fn players_may_discount_unlike() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lq_duopoly.econ");
    let source = fs::read_to_string(path).expect("a model");
    let source = source.replace("discount 0.96", "param beta = [0.96, 0.8]\n  discount beta");
    let (model, diagnostics) = econc::compile(&source, &econc::Options::default());
    let model = as_asked(&model.unwrap_or_else(|| panic!("{diagnostics:?}")), Some("nash"), None);
    let exact = found(&model, "linear_quadratic");
    let near_by = found(&model, "joint");
    for (q, r) in [(1.0, 1.0), (2.0, 1.0), (1.0, 2.5)] {
        for player in 0..2 {
            let of = |f: &Found| at(f, &f.solution.policy[player], 0, &[q, r]);
            near(of(&near_by), of(&exact), 1e-4);
        }
    }
    let policy = |player: usize| at(&exact, &exact.solution.policy[player], 0, &[1.0, 1.0]);
    assert!(policy(0) > policy(1) + 1e-3, "{} {}", policy(0), policy(1));
}

/// The steady state of one who decides for all, by name.
fn planned(model: &Model) -> Vec<(String, f64)> {
    let options = econc::solve::decision::ProblemOptions {
        deterministic: true,
        ..econc::solve::decision::ProblemOptions::default()
    };
    let problem = econc::solve::decision::Decision::new(model, &options).unwrap_or_else(|d| panic!("{d:?}"));
    let found = econc::solve::steady_state::steady_state(&problem, &Default::default());
    let found = found.unwrap_or_else(|d| panic!("{d:?}"));
    let names = econc::solve::problem::DecisionProblem::spec(&problem).states.iter();
    names.map(|s| s.name.clone()).zip(found.states).collect()
}

/// Rows of `models/*.toml` that ask where an economy in which several decide (or one who takes a price) rests, and what is done there.
#[test]
fn rows_of_economies_in_which_several_decide_are_reached() {
    let mut checked = 0;
    let mut faults = String::new();
    for (name, by) in [
        ("capital_goods", "joint"),
        ("fish_war", "joint"),
        ("growth_market", "joint"),
        ("lq_duopoly", "linear_quadratic"),
        ("sticky_prices", "linear_quadratic"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name);
        let text = fs::read_to_string(path.with_extension("toml")).expect("numbers");
        for row in text.split("[[expect]]").skip(1) {
            let key = |k: &str| -> Option<&str> {
                let line = row.lines().find_map(|l| l.strip_prefix(k)?.strip_prefix(" = "))?;
                Some(line.trim_matches('"'))
            };
            let how = key("how").expect("a command");
            let Some(concept) = how.strip_prefix("steady_state") else {
                continue;
            };
            let concept = if concept.is_empty() { "nash" } else { concept.trim() };
            let set: Vec<(&str, &str)> = key("set").map_or_else(Vec::new, |s| {
                s.split(", ").filter_map(|p| p.split_once(" = ")).collect()
            });
            let model = model(name, concept, &set);
            // One who decides for all is no game: where it rests follows from its conditions.
            let at_rest = match concept {
                "planner" => planned(&model),
                _ => found(&model, by).steady_state,
            };
            let what = key("what").expect("a name");
            let bare = what.trim_start_matches("sum(").trim_end_matches(')');
            let own = at_rest.iter().filter(|(n, _)| n.split('[').next() == Some(bare));
            let values: Vec<f64> = own.map(|(_, x)| *x).collect();
            let got = match (what.starts_with("sum("), values.as_slice()) {
                (true, all) if !all.is_empty() => all.iter().sum(),
                (false, [one, ..]) => *one,
                _ => f64::NAN,
            };
            let number = |k: &str| key(k).and_then(|v| v.parse::<f64>().ok()).expect("a number");
            checked += 1;
            if !((got - number("value")).abs() <= number("tolerance")) {
                faults += &format!("{name} {what} {set:?} {how}: {got}, expected {}\n", number("value"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(checked >= 9, "{checked}");
}

/// Solving needs no first value in games, either: lives that judge begin where the economy rests, which is said.
#[test]
fn games_without_first_values_are_judged_from_where_they_rest() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lq_duopoly.econ");
    let source = fs::read_to_string(path).expect("a model").replace(", start 1 ", " ");
    assert!(!source.contains("start"));
    let (model, diagnostics) = econc::compile(&source, &econc::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let options = econc::verify::solved::Request {
        concept: Some("nash".into()),
        seed: 1,
        ..econc::verify::solved::Request::default()
    };
    let s = econc::verify::solved::solve(&model, &options, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    let codes: Vec<&str> = s.certificate.reasons.iter().map(|d| d.code.as_str()).collect();
    assert!(s.certificate.passed && codes == ["W0811"], "{codes:?}");
    assert!(
        s.certificate.reasons[0].headline.contains("1.80"),
        "{:?}",
        s.certificate.reasons
    );
}
