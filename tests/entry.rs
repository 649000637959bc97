//! Free entry: a price at which entrants break even, and a mass of members that is found.

use crate::common::expected::{self, Expected};
use econc::Options;
use econc::check::Model;
use econc::driver::{self, Solved};
use econc::solve::progress::silent;
use std::fs;
use std::path::Path;

/// Firms that learn on entry how good they are: those of quality 1 leave at once, and a life ends with a chance of a tenth.
const ENTRANTS: &str = r#"model entrants "Firms that learn on entry how good they are"
param cost = 5
agent firm[continuum] mass M {
  shock z ~ markov([1, 2, 3], [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
  action d in {stay, leave}
  noise dies ~ bernoulli(0.1)
  let q = if d == stay then p * z^2 / 2 else 0
  observe z
  reward if d == stay then p^2 * z^2 / 4 - 1 else 0
  end when d == leave or dies, then restart
  discount 0.9
}
market goods {
  price p in [0.5, 3] clears entry_value(firm) == cost
  aggregate M = 10 / (p * mean(firm.q))
  aggregate firms = M * mean(firm.d == stay)
  aggregate entrants = M * mean(firm.d == leave or firm.dies)
  aggregate employment = M * mean(firm.q^2 / firm.z^2)
}
"#;

fn compile(source: &str, set: &[(&str, &str)]) -> Model {
    let options = Options {
        set: set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..Options::default()
    };
    let (model, diagnostics) = econc::compile(source, &options);
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn hopenhayn(set: &[(&str, &str)]) -> Model {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/hopenhayn.econ");
    compile(&fs::read_to_string(file).expect("a model"), set)
}

fn solved(model: &Model) -> Solved {
    driver::solve(model, &driver::Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"))
}

/// The code with which a model is refused, with its hint.
fn refused(model: &Model) -> (String, String) {
    let refused = driver::solve(model, &driver::Request::default(), &mut silent);
    let d = refused.expect_err("a refusal").remove(0).into_message();
    (d.code.clone(), d.hint.clone().unwrap_or_default())
}

/// The code with which a model is refused, or for which its certificate fails.
fn refused_or_failed(model: &Model) -> String {
    match driver::solve(model, &driver::Request::default(), &mut silent) {
        Ok(s) => s.certificate.reasons[0].code.clone(),
        Err(mut d) => d.remove(0).into_message().code,
    }
}

fn price(s: &Solved, name: &str) -> f64 {
    let prices = &s.population.as_ref().expect("a population").prices;
    let found = prices.iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("{name}: {prices:?}")).1
}

fn close(s: &Solved, expected: &[(&str, f64)], within: f64) {
    for (name, x) in expected {
        let got = price(s, name);
        assert!((got - x).abs() < within, "{name}: {got} for {x}");
    }
}

#[test]
fn entrants_break_even_and_demand_says_how_many_firms_there_are() {
    let s = solved(&compile(ENTRANTS, &[]));
    let reasons: Vec<&str> = s.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
    assert!(s.certificate.passed, "{reasons:?}");
    // Those of quality 1 stand there for one period.
    let mass = 210.0 / 97.0;
    let expected = [
        ("goods.p", (97.0f64 / 65.0).sqrt()),
        ("goods.M", mass),
        ("goods.firms", 200.0 / 97.0),
        ("goods.entrants", 30.0 / 97.0),
        ("goods.employment", 5.0),
    ];
    close(&s, &expected, 1e-8);
    let size = s.population.as_ref().and_then(|p| p.size);
    assert!((size.expect("a mass") - mass).abs() < 1e-8, "{size:?}");
    // The certificate measured both the value of entry and what is reported.
    let world = s.certificate.world.as_ref().expect("proofs in the economy");
    for name in [
        "population: entry_value(firm) as lived",
        "population: goods.firms as lived",
        "population: goods.M as lived",
    ] {
        let row = world.proofs.iter().find(|r| r.name == name);
        assert!(row.is_some_and(|r| r.holds == Some(true)), "{name}: {row:?}");
    }
    // What entering costs matters: 13 p^2 / 4 - 2 = .57 cost.
    let dearer = solved(&compile(ENTRANTS, &[("cost", "6")]));
    close(
        &dearer,
        &[("goods.p", ((0.57f64 * 6.0 + 2.0) * 4.0 / 13.0).sqrt())],
        1e-8,
    );
}

/// Rows of `hopenhayn.toml` with these settings.
fn rows(set: &str) -> Vec<Expected> {
    let rows = expected::of_model("hopenhayn").into_iter();
    let rows: Vec<Expected> = rows.filter(|r| r.set == set).collect();
    assert!(!rows.is_empty(), "{set}");
    rows
}

fn compare(s: &Solved, rows: &[Expected]) {
    for r in rows {
        let got = price(s, &r.what);
        assert!(r.met(got), "{}: {got} for {}", r.what, r.value);
    }
}

#[test]
fn firms_of_hopenhayn_on_33_states() {
    let s = solved(&hopenhayn(&[("chain.z", "rouwenhorst(33)")]));
    compare(&s, &rows("chain.z = rouwenhorst(33)"));
    // The chain is too coarse for profits of such a shape, and the certificate says so.
    let codes: Vec<&str> = s.certificate.reasons.iter().map(|d| d.code.as_str()).collect();
    assert!(codes.contains(&"E0972"), "{codes:?}");
}

#[test]
fn firms_of_hopenhayn_hold_their_certificate_on_the_chain_of_the_file() {
    let s = solved(&hopenhayn(&[]));
    let reasons: Vec<&str> = s.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
    assert!(s.certificate.passed, "{reasons:?}");
    compare(&s, &rows(""));
}

/// The same economy, where demand clears at the price and the mass is searched, both together.
#[test]
fn a_mass_that_is_searched_gives_the_same_economy() {
    let together = ENTRANTS
        .replace("clears entry_value(firm) == cost", "clears p * M * mean(firm.q) == 10")
        .replace(
            "aggregate M = 10 / (p * mean(firm.q))",
            "aggregate M in [0.5, 5] clears entry_value(firm) == cost",
        );
    let (_, said) = econc::compile(&together, &Options::default());
    assert!(
        said.iter().all(|d| d.code != "W0701"),
        "what a market reads is used: {said:?}"
    );
    let s = solved(&compile(&together, &[]));
    let reasons: Vec<&str> = s.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
    assert!(s.certificate.passed, "{reasons:?}");
    close(
        &s,
        &[("goods.p", (97.0f64 / 65.0).sqrt()), ("goods.M", 210.0 / 97.0)],
        1e-6,
    );
    // Two conditions that say the same leave the mass open.
    let twice = together.replace("p * M * mean(firm.q) == 10", "2 * entry_value(firm) == 2 * cost");
    assert!(["E0973", "E0937"].contains(&refused_or_failed(&compile(&twice, &[])).as_str()));
}

/// Capital that is put up on entry wears out; what is left when a firm ends goes with it.
#[test]
fn entrants_with_a_state_begin_where_the_file_says() {
    let source = |start: &str| {
        format!(
            "model wear\nagent firm[continuum] mass M {{\n  state k in [0, 4], start {start}\n  noise dies ~ bernoulli(0.2)\n  \
             action i in [0, 1]\n  k' = 0.8 * k + i\n  observe k\n  reward p * k - i - 0.5 * i^2\n  end when dies, then restart\n  \
             discount 0.9\n}}\nmarket goods {{\n  price p in [0.1, 3] clears entry_value(firm) == 2\n  aggregate M = 10 / (p * mean(firm.k))\n}}\n"
        )
    };
    // V(k) = a k + b: a = p + .72 * .8 a; i = .72 a - 1 where that lies in [0, 1]; b = (.72 a - 1)^2 / 2 / .28.
    let a = |p: f64| p / (1.0 - 0.72 * 0.8);
    let value = |p: f64, k: f64| {
        let i = (0.72 * a(p) - 1.0).clamp(0.0, 1.0);
        a(p) * k + ((0.72 * a(p) - 1.0) * i - 0.5 * i * i) / 0.28
    };
    for k in [0.5, 1.25] {
        let s = solved(&compile(&source(&k.to_string()), &[]));
        let p = price(&s, "goods.p");
        assert!((value(p, k) - 2.0).abs() < 1e-6, "{k}: {p}, {}", value(p, k));
        // Ages are geometric: k of age n is .8^n k0 + i (1 - .8^n) / .2, and the mean of .8^n is .2 / (1 - .64).
        let i = (0.72 * a(p) - 1.0).clamp(0.0, 1.0);
        let share = 0.2 / 0.36;
        let mean = share * k + i * (1.0 - share) / 0.2;
        assert!(
            (price(&s, "goods.M") - 10.0 / (p * mean)).abs() < 1e-5,
            "{}",
            price(&s, "goods.M")
        );
    }
}

#[test]
fn what_cannot_be_is_said() {
    // Nobody buys at the price of free entry.
    let none = ENTRANTS.replace(
        "aggregate M = 10 / (p * mean(firm.q))",
        "aggregate M = (1 - p) / mean(firm.q)",
    );
    assert_eq!(refused(&compile(&none, &[])).0, "E0994");
    // No price of the range pays for entry.
    let narrow = ENTRANTS.replace("[0.5, 3]", "[0.5, 1]");
    assert_eq!(refused(&compile(&narrow, &[])).0, "E0973");
    // A planner does not take the number of firms as given.
    let model = compile(ENTRANTS, &[]);
    let options = driver::Request {
        concept: Some("planner".into()),
        ..driver::Request::default()
    };
    let planner = driver::solve(&model, &options, &mut silent).expect_err("a refusal");
    assert_eq!(planner[0].clone().into_message().code, "E0810");
    // A simulation knows no value of lives; at a stated price it needs none.
    let simulate = |set: &[(&str, &str)]| {
        let model = compile(ENTRANTS, set);
        econc::env::worlds::Worlds::new(&model, None, 2, 1, &[]).map(|_| ())
    };
    let refused = simulate(&[]).expect_err("a refusal");
    assert!(
        refused.code == "E0835" && refused.hint.iter().any(|h| h.contains("given.goods.p")),
        "{refused:?}"
    );
    assert!(simulate(&[("given.goods.p", "1.2")]).is_ok());
}

#[test]
fn at_a_stated_price_the_problem_of_one_firm_is_solved() {
    let s = solved(&compile(ENTRANTS, &[("given.goods.p", "1.2")]));
    // Quality 3 is worth (1.44 * 9 / 4 - 1) / .19.
    let best = s.solution.value.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert!((best - (1.44 * 2.25 - 1.0) / 0.19).abs() < 1e-8, "{best}");
}

#[test]
fn a_condition_that_jumps_over_0_is_said_to_jump() {
    // At one price firms of the lowest quality are indifferent and leave all at once: entry, which the cost of entry reads, changes with them.
    let source = "model jumps \"Exit with scrap\"\nagent firm[continuum] mass M {\n  \
        shock z ~ markov([a: 0.6, b: 1.0, c: 1.6], [[0.7, 0.25, 0.05], [0.15, 0.7, 0.15], [0.05, 0.25, 0.7]])\n  action d in {stay, leave}\n  \
        let y = 1.04 * z\n  observe z\n  reward p * y - 1 - (if d == leave then 0.2 else 0)\n  end when d == leave, paying 4.2, then restart\n  \
        discount 0.9\n}\nmarket goods {\n  price p in [0.3, 6] clears entry_value(firm) == 5 + 0.1 * entrants\n  \
        aggregate M = 10 / (p * mean(firm.y))\n  aggregate entrants = M * mean(firm.d == leave)\n}\n";
    let (code, hint) = refused(&compile(source, &[]));
    assert!(code == "E0847" && hint.contains("more states"), "{code}: {hint}");
}
