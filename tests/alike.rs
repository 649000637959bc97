//! Continua whose members are alike at all times, under shocks that all share: one of them who takes prices as given, and the welfare theorem.

use crate::common::expected;
use econc::Options;
use econc::check::Model;
use econc::driver::{self, Solved};
use econc::solve::progress::silent;
use std::fs;
use std::path::Path;

fn compile(source: &str, set: &[(&str, &str)]) -> Model {
    let options = Options {
        set: set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..Options::default()
    };
    let (model, diagnostics) = econc::compile(source, &options);
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn solved(model: &Model) -> Solved {
    let s = driver::solve(model, &driver::Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    let reasons: Vec<&str> = s.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
    assert!(s.certificate.passed, "{reasons:?}");
    s
}

/// What is done at a value of the one state, between the six nearest nodes.
fn done(s: &Solved, x: f64, shock: usize) -> f64 {
    let nodes = &s.solution.states[0].nodes;
    let first = nodes.partition_point(|n| *n < x).saturating_sub(3).min(nodes.len() - 6);
    let near = first..first + 6;
    let weigh = |i: usize| -> f64 {
        let others = near.clone().filter(|j| *j != i);
        others.map(|j| (x - nodes[j]) / (nodes[i] - nodes[j])).product()
    };
    let of = |i: usize| s.solution.policy[0][i * s.solution.shocks() + shock];
    near.clone().map(|i| weigh(i) * of(i)).sum()
}

/// Households who rent capital out, all of it used up in a period: they save `alpha beta` of what they earn.
const SAVERS: &str = "param alpha = 0.36\nparam beta = 0.96\nparam delta = 1\nshock z ~ markov([low: 0.97, high: 1.03], [[0.8, 0.2], [0.2, 0.8]])\n\
    agent household[continuum] {\n  state k in (0, inf), start 0.19\n  action s in (0, 1)\n  let Y = r * k + w\n  k' = (1 - delta) * k + s * Y\n  \
    observe k, z\n  reward log((1 - s) * Y)\n  discount beta\n}\n\
    market factors competitive {\n  let K = mean(household.k)\n  price r = alpha * z * K^(alpha - 1)\n  price w = (1 - alpha) * z * K^alpha\n}\n";

#[test]
fn households_who_are_alike_do_what_the_planner_would() {
    let s = solved(&compile(SAVERS, &[]));
    let off = |x: &f64| (x - 0.36 * 0.96).abs();
    let worst = s.solution.policy[0].iter().map(off).fold(0.0, f64::max);
    assert!(worst < 1e-7, "{worst}");

    // Where capital lasts: as a planner who sees through the market.
    let lasts = [("delta", "0.1")];
    let many = SAVERS.replace("start 0.19", "start 4.3");
    let market = solved(&compile(&many, &lasts));
    let planner = solved(&compile(
        &many
            .replace("[continuum]", "")
            .replace("mean(household.k)", "household.k"),
        &[lasts[0], ("concept", "planner"), ("grid.k", "uniform(2.5, 6.5, 60)")],
    ));
    for k in [3.5, 4.3, 5.0] {
        for shock in 0..2 {
            let (a, b) = (done(&market, k, shock), done(&planner, k, shock));
            assert!((a - b).abs() < 1e-5, "at {k}, {shock}: {a} for {b}");
        }
    }
}

#[test]
fn members_who_differ_are_not_taken_for_one() {
    let own = SAVERS
        .replace("action s", "noise e ~ uniform(0.9, 1.1)\n  action s")
        .replace("let Y = r * k + w", "let Y = r * k + w * e");
    for source in [own, SAVERS.replace("start 0.19", "start uniform(0.1, 0.3)")] {
        let model = compile(&source, &[]);
        let found = driver::solve(&model, &driver::Request::default(), &mut silent);
        let codes: Vec<String> = found.err().iter().flatten().map(|d| d.code.clone()).collect();
        assert!(
            codes.iter().any(|c| ["E0810", "E0825"].contains(&c.as_str())),
            "{codes:?}: {source}"
        );
    }
}

#[test]
fn a_block_of_one_is_read_by_others_like_an_agent_alone() {
    let source = "model pair \"One leader and one rival\"\nagent leaderONE {\n  state K in [0, 6], start 1.5\n  action u in [-2, 2]\n  K' = K + u\n  \
        observe K, rival.F\n  reward p * K - K - 6 * u^2\n  discount 0.95\n}\nagent rival {\n  state F in [0, 6], start 1.5\n  \
        action v in [-2, 2]\n  F' = F + v\n  observe leader.K, F\n  reward p * F - 2 * F - 0.25 * F^2 - 6 * v^2\n  discount 0.95\n}\n\
        market goods { price p = 10 - TOTAL - rival.F }\nsolve { concept = nash; grid.K = uniform(10); grid.F = uniform(10) }\n";
    let solved = |one: &str, total: &str| {
        let source = source.replace("ONE", one).replace("TOTAL", total);
        let (model, said) = econc::compile(&source, &econc::Options::default());
        let model = model.unwrap_or_else(|| panic!("{said:?}"));
        driver::solve(&model, &driver::Request::default(), &mut silent).unwrap_or_else(|d| panic!("{one}: {d:?}"))
    };
    let (alone, block) = (solved("", "leader.K"), solved("[1]", "sum(leader.K)"));
    assert!(block.certificate.passed && alone.certificate.passed);
    let apart = (alone.solution.policy.iter().flatten()).zip(block.solution.policy.iter().flatten());
    assert!(apart.fold(0.0, |m: f64, (a, b)| m.max((a - b).abs())) < 1e-9);
}

#[test]
fn two_sectors_with_markets_do_what_their_planner_would() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/two_sectors_market.econ");
    let s = solved(&compile(&fs::read_to_string(file).expect("a model"), &[]));
    for row in expected::of_model("two_sectors_market") {
        let low = row.at.contains("AI = low");
        assert!(low || row.at.contains("AC = high, AI = high"), "{}", row.at);
        let got = done(&s, 3.2092924221, if low { 0 } else { 3 });
        assert!(row.met(got), "{}: {got} for {}", row.at, row.value);
    }
}
