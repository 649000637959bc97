//! A continuum under aggregate shocks: the rows of `models/krusell_smith.toml`, other starts, settings, refusals, the policy in simulation.

use crate::common::expected;
use econc::check::model::Model;
use econc::diag::Diagnostic;
use econc::driver::{self, Solved};
use econc::env::cast::Behaviour;
use econc::env::simulate::{SimulationOptions, simulate};
use econc::report::outcome;
use econc::solve::progress::silent;
use std::sync::{Arc, OnceLock};

const TEXT: &str = include_str!("../models/krusell_smith.econ");

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

/// The model as it is, solved once.
fn usual() -> &'static (Model, Solved) {
    static ONCE: OnceLock<(Model, Solved)> = OnceLock::new();
    ONCE.get_or_init(|| {
        let model = compiled(TEXT, &[]);
        let solved = solve(&model).unwrap_or_else(|d| panic!("{d:?}"));
        (model, solved)
    })
}

fn numbers(model: &Model, solved: &Solved) -> Vec<(String, f64)> {
    let content = outcome::of_solution(model, solved).unwrap_or_else(|d| panic!("{d:?}"));
    let rows = content.certificate.iter().map(|c| (c.name.clone(), c.measured));
    content.numbers.into_iter().chain(rows).collect()
}

fn number(of: &[(String, f64)], name: &str) -> f64 {
    of.iter()
        .find(|(n, _)| n == name)
        .unwrap_or_else(|| panic!("no `{name}`"))
        .1
}

#[test]
fn the_rows_of_the_model_are_met_and_its_certificate_holds() {
    let (model, solved) = usual();
    assert!(solved.certificate.passed, "{:?}", solved.certificate.reasons);
    let found = numbers(model, solved);
    let mut read = 0;
    for row in expected::of_model("krusell_smith") {
        let x = number(&found, &row.what);
        assert!(row.met(x), "{row:?}: {x}");
        read += 1;
    }
    assert_eq!(read, 9);
}

#[test]
fn starts_a_fifth_off_lead_to_the_same_law() {
    let (model, solved) = usual();
    let mean = number(&numbers(model, solved), "mean(factors.K)");
    for start in ["32", "48"] {
        let text = TEXT.replace("start 40", &format!("start {start}"));
        let model = compiled(&text, &[]);
        let solved = solve(&model).unwrap_or_else(|d| panic!("{d:?}"));
        assert!(solved.certificate.passed, "{start}: {:?}", solved.certificate.reasons);
        let other = number(&numbers(&model, &solved), "mean(factors.K)");
        assert!((other - mean).abs() < 0.02, "{start}: {other} against {mean}");
    }
}

#[test]
fn every_setting_changes_what_is_found_and_other_threads_do_not() {
    let short = [
        ("law.periods", "1200"),
        ("law.burn_in", "200"),
        ("law.nodes", "200"),
        ("tolerance", "1e-4"),
    ];
    let bytes = |set: &[(&str, &str)]| -> String {
        let mut all = short.to_vec();
        all.retain(|(k, _)| !set.iter().any(|(s, _)| s == k));
        all.extend(set);
        match solve(&compiled(TEXT, &all)) {
            Ok(s) => format!("{:?} {:?}", s.perceived, s.solution.policy[0]),
            Err(d) => d.iter().map(|d| d.code.clone()).collect(),
        }
    };
    let usual = bytes(&[]);
    let others: [(&str, &str); 8] = [
        ("law.periods", "1300"),
        ("law.burn_in", "300"),
        ("law.nodes", "250"),
        ("tolerance", "1e-5"),
        ("damping", "0.3"),
        ("iterations", "3"),
        ("grid.K", "log(30, 50, 9)"),
        ("grid.k", "double_log(0, 400, 200)"),
    ];
    for other in others {
        assert!(bytes(&[other]) != usual, "{other:?} changes nothing");
    }
    assert_eq!(bytes(&[("iterations", "3")]), "E0991");
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| bytes(&[]))
    };
    assert!(on(1) == usual && on(2) == usual);
}

#[test]
fn the_policy_is_played_in_the_economy_itself_where_members_see_the_mean_that_there_is() {
    let (model, solved) = usual();
    let cast = Behaviour::Solved(Arc::new(solved.solution.clone())).into();
    let options = SimulationOptions {
        scenario: None,
        periods: Some(600),
        worlds: 1,
        seed: 3,
        on_chain: false,
        greedy: false,
    };
    let played = simulate(model, &cast, &options, &mut |_, _| true).unwrap_or_else(|d| panic!("{d:?}"));
    let k = played.moments.iter().find(|m| m.name == "factors.K").expect("capital");
    let p = solved.perceived.as_ref().expect("a law");
    // A thousand members for 600 periods: their mean has a standard error of a few tenths.
    assert!(
        (k.mean - p.moments[0].0).abs() < 1.5,
        "{} against {}",
        k.mean,
        p.moments[0].0
    );
    assert!(
        played.counts.policy.states_outside * 1000 < played.counts.policy.read,
        "{:?}",
        played.counts.policy
    );
}

#[test]
fn what_is_not_solved_is_refused_with_the_reason() {
    let cases: [(&str, &str, &str); 5] = [
        (
            "K = mean(household.k)",
            "K = mean(household.k) + 0 * std(household.k)",
            "the std of the members",
        ),
        (
            "reward log(c)",
            "reward log(c) + 0.01 * sqrt(k)",
            "no power of what is consumed",
        ),
        (
            "k' = cash - c",
            "k' = max(0.9 * (cash - c), cash - c - 1)",
            "not linear",
        ),
        (
            "shock Z ~ markov([bad: 0.99, good: 1.01], [[0.875, 0.125], [0.125, 0.875]])",
            "shock Z ~ ar1(rho: 0.9, sigma: 0.01, mean: 1)",
            "markov",
        ),
        (
            "  price w = (1 - alpha) * Z * (K / L)^alpha",
            "  price w in [0.1, 9] clears w == (1 - alpha) * Z * (K / L)^alpha",
            "is chosen before `factors.w` is known",
        ),
    ];
    for (from, to, reason) in cases {
        let mut text = TEXT.replace(from, to);
        assert!(text != TEXT, "{from}");
        if to.contains("ar1") {
            let first = text.find(" given Z, Z' {").expect("a private chain");
            let last = text[first..].find("  }\n").expect("its end") + first;
            text = format!(
                "{}, [[0.5, 0.5], [0.04, 0.96]])\n{}",
                &text[..first - 1],
                &text[last + 4..]
            );
        }
        let model = compiled(&text, &[]);
        let Err(said) = solve(&model) else {
            panic!("{to}: solved")
        };
        let all = format!("{said:?}");
        assert!(said[0].code == "E0810" && all.contains(reason), "{to}: {all}");
    }
}

/// Two aggregate shocks, three states of members' own, a debt limit, another utility, the next state as the choice, a mean that may be negative.
const OTHER: &str = r#"
model other "Savers under two aggregate risks"
param beta = 0.96
param sigma = 2
shock A ~ markov([low: 0.99, high: 1.01], [[0.8, 0.2], [0.2, 0.8]])
shock G ~ markov([calm: 0.055, wild: 0.06], [[0.9, 0.1], [0.3, 0.7]])
agent saver[continuum] {
  shock y ~ markov([0.5, 1, 1.5], [[0.7, 0.3, 0], [0.1, 0.8, 0.1], [0, 0.3, 0.7]])
  state a in [-1, inf), start 4
  let cash = (1 + ret) * a + wage * y
  action a_next in [-1, cash)
  let c = cash - a_next
  a' = a_next
  observe a, y, A, G, mean(saver.a)
  reward crra(c, sigma)
  discount beta
}
market capital {
  let M = mean(saver.a)
  price ret = 0.36 * A * (M / mean(saver.y))^(0.36 - 1) - G
  price wage = (1 - 0.36) * A * (M / mean(saver.y))^0.36
}
solve { grid.a = double_log(250); tolerance = 1e-5 }
"#;

#[test]
fn another_economy_is_solved_by_the_same_way() {
    let model = compiled(OTHER, &[]);
    let solved = solve(&model).unwrap_or_else(|d| panic!("{d:?}"));
    assert!(solved.certificate.passed, "{:?}", solved.certificate.reasons);
    let p = solved.perceived.as_ref().expect("a law");
    let law = &p.laws[0];
    assert!(
        !law.logs && law.labels == ["low, calm", "low, wild", "high, calm", "high, wild"],
        "{law:?}"
    );
    assert_eq!(
        (p.shocks.as_slice(), p.determined[0].0.as_str()),
        (&["A".to_string(), "G".into()][..], "mean(saver.y)")
    );
    // A shock of the members that nothing reads is no part of the problem; one whose mean alone matters is refused.
    let idle = OTHER.replace("wage * y", "wage");
    let code = solve(&compiled(&idle, &[])).err().map(|d| format!("{d:?}"));
    assert!(code.is_some_and(|d| d.contains("through its mean alone")));
    let idle = idle
        .replace("mean(saver.y)", "1")
        .replace("; tolerance = 1e-5", "; tolerance = 1e-5; law.periods = 2000");
    let solved = solve(&compiled(&idle, &[]));
    assert!(solved.is_ok(), "{:?}", solved.err());
}
