//! What a file leaves open is found out by the solver: grids, nodes of draws and chains that are fine enough for the economy itself to agree. Values
//! to compare with are closed forms, or come from value iteration on other grids by other rules, as said at each.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use econc::driver::{Request, Solved, solve};
use econc::solve::between::PolicyBetween;
use econc::solve::progress::silent;
use std::sync::Arc;

fn solved_with(text: &str, set: &[(&str, &str)]) -> Solved {
    let options = econc::Options {
        set: set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..econc::Options::default()
    };
    let (model, diagnostics) = econc::compile(text, &options);
    let model = model.unwrap_or_else(|| panic!("{text}\n{diagnostics:?}"));
    solve(&model, &Request::default(), &mut silent).unwrap_or_else(|d| panic!("{text}\n{d:?}"))
}

fn solved(text: &str) -> Solved {
    solved_with(text, &[])
}

/// Value and first action of a model without shocks at a state.
fn at(s: &Solved, x: f64) -> (f64, f64) {
    let reader = PolicyBetween::new(Arc::new(s.solution.clone())).unwrap();
    let spot = reader.spot(0, &[], &[x]);
    (reader.value(&spot), reader.action(0, &spot))
}

fn row(s: &Solved, name: &str) -> f64 {
    let world = s.certificate.world.as_ref().unwrap();
    let found = world.proofs.iter().find(|p| p.name.starts_with(name));
    found.unwrap_or_else(|| panic!("{name}: {world:?}")).value
}

/// A payoff far in the tail: with `E = E max(e - 2.5, 0) = density(2.5) - 2.5 (1 - cdf(2.5)) = 0.00200414` the value is `B w + A`, `B = 1 / (1 - 0.81)`, and
/// the first-order condition `10 x = 0.9 B 100 E - 0.5`.
#[test]
fn a_kink_at_one_value_of_a_draw_is_integrated_exactly() {
    let s = solved(
        "model tail\nagent a {\n  state w in [0, 60], start 1\n  action x in [0, 1]\n  noise e ~ normal(0, 1)\n  let pay = max(e - 2.5, 0)\n  \
         w' = 0.9 * w + 100 * x * pay\n  reward w - 5 * x^2 - x * 0.5\n  discount 0.9\n}\n",
    );
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    let (mean, b) = (0.002_004_14, 1.0 / (1.0 - 0.81));
    let x = (0.9 * b * 100.0 * mean - 0.5) / 10.0;
    let (value, action) = at(&s, 2.0);
    assert!((action / x - 1.0).abs() < 5e-3, "{action} in place of {x}");
    assert!((value - (2.0 * b + 50.0 * x * x)).abs() < 2e-3, "{value}");
}

/// Capacity before demand, with a reward that has a kink in the state. Numbers: value iteration on 12001 linear nodes, 601 choices and 1600
/// Gauss-Legendre nodes of demand, in numpy, to 1e-7.
#[test]
fn a_kink_of_the_reward_in_a_state_is_a_place_where_splines_break() {
    let s = solved(
        "model capacity\nagent f {\n  state b in [-40, 80], start 0\n  action q in [0, 6]\n  noise d ~ lognormal(1, 0.6)\n  b' = clamp(b + q - d, -40, 80)\n  \
         observe b\n  reward -(if b > 0 then 0.2 * b else -1.0 * b) - 0.05 * q^2\n  discount 0.97\n}\n",
    );
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    assert!(s.solution.states[0].nodes.contains(&0.0));
    for (b, value, q) in [
        (0.0, -50.010_09, 4.47),
        (3.0, -49.556_52, 2.60),
        (-2.0, -53.041_40, 5.86),
    ] {
        let (v, a) = at(&s, b);
        assert!((v / value - 1.0).abs() < 5e-4, "value at {b}: {v}, right {value}");
        assert!((a - q).abs() < 0.03, "choice at {b}: {a}, right {q}");
    }
}

/// A fixed cost of ordering under lost sales. Numbers: value iteration on linear nodes 0.02 apart and 3200 Gauss-Legendre nodes of demand, in numpy,
/// to 1e-8: stock is filled up to 14.94 from below 3.7. A store that is told to wait with an order of rounding does not order.
#[test]
fn a_store_with_fixed_costs_waits_and_orders_where_it_is_best() {
    let s = solved(
        "model store\nagent shop {\n  state s in [0, 60], start 5\n  action q in [0, 40]\n  action d in {order, wait}\n  noise dem ~ lognormal(0.5, 1)\n  \
         require q <= (if d == order then 40 else 0)\n  let sold = min(s + q, dem)\n  s' = s + q - sold\n  observe s\n  \
         reward 3 * sold - q - (if d == order then 2 else 0) - 0.05 * s'\n  discount 0.95\n}\n",
    );
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    let reader = PolicyBetween::new(Arc::new(s.solution.clone())).unwrap();
    for (stock, value) in [(0.0, 73.812_69), (5.0, 79.191_72), (9.0, 84.211_00)] {
        let spot = reader.spot(0, &[], &[stock]);
        let v = reader.value(&spot);
        assert!((v / value - 1.0).abs() < 5e-4, "value at {stock}: {v}, right {value}");
        let order = reader.action(0, &spot);
        let right = if stock < 3.7 { 14.94 - stock } else { 0.0 };
        assert!((order - right).abs() < 0.4, "order at {stock}: {order}, right {right}");
        assert_eq!(reader.action(1, &spot), f64::from(u8::from(stock > 3.7)));
    }
}

/// Draws whose means are draws: five nodes of each were too few, and nothing in the file says how many.
#[test]
fn smooth_draws_get_more_nodes_where_the_economy_asks_for_them() {
    let s = solved(
        "model mixed\nagent saver {\n  state a in [0.3, 80], start 1\n  noise v ~ normal(0, 0.4)\n  noise y ~ normal(v, 0.3)\n  action s in [0, 1)\n  \
         a' = 0.3 + 1.02 * s * a + exp(y)\n  observe a\n  reward crra((1 - s) * a, 3)\n  discount 0.95\n}\n",
    );
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    assert!(s.discretised.iter().all(|d| d.links > 5), "{:?}", s.discretised);
}

/// What the hint proposes is more than what failed, is written in place of what the file fixes, and helps.
#[test]
fn hints_propose_more_than_what_failed_and_following_them_helps() {
    let saver = "model m\nshock w ~ ar1(rho: 0.8, sigma: 0.15)\nagent a {\n  state k in [0, 60], start 2\n  action c in [0.01, 10]\n  let inc = exp(w)\n  \
                 require c <= k + inc\n  k' = 1.03 * (k + inc - c)\n  observe k, w\n  reward log(c)\n  discount 0.95\n}\n";
    let store = "model n\nagent shop {\n  state s in [0, 30], start 0\n  action q in [0, 10]\n  noise d ~ lognormal(0.5, 1)\n  let sold = min(s + q, d)\n  \
                 s' = s + q - sold\n  observe s\n  reward 3 * sold - q - 0.1 * s'\n  discount 0.9\n}\n";
    for (text, fixed, family, row_of) in [
        (
            saver,
            ("chain.w", "rouwenhorst(3)"),
            "chain.w = ",
            "economy: Bellman residual",
        ),
        (
            store,
            ("quadrature.d", "4"),
            "quadrature.d = ",
            "economy: Bellman residual",
        ),
    ] {
        let before = solved_with(text, &[fixed]);
        assert!(!before.certificate.passed, "{fixed:?}");
        let reasons = &before.certificate.reasons;
        let found = reasons
            .iter()
            .filter_map(|d| d.hint.as_ref())
            .find(|h| h.contains(family));
        let hint = found.unwrap_or_else(|| panic!("no hint of {family}: {reasons:?}"));
        assert!(hint.contains(&format!("fixed at {} = {}", fixed.0, fixed.1)), "{hint}");
        let from = hint.find(family).unwrap() + family.len();
        let setting: String = hint[from..].split(" (").next().unwrap().to_string();
        let nodes = |s: &str| -> usize {
            s.chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
                .parse()
                .unwrap()
        };
        assert!(nodes(&setting) > nodes(fixed.1), "{setting} in place of {}", fixed.1);
        let after = solved_with(text, &[(fixed.0, &setting)]);
        assert!(
            row(&after, row_of) < row(&before, row_of) - 0.3,
            "{setting}: {} after {}",
            row(&after, row_of),
            row(&before, row_of)
        );
    }
}

/// A kink of the reward at a state that nobody visits: the value off the way has spikes on the first grid. Capital rests where `0.1 k` keeps it.
#[test]
fn a_grid_on_which_the_value_has_spikes_is_made_finer() {
    let text = "model steps\nagent f {\n  state k in [0, 20]\n  action i in [0, 3]\n  k' = 0.9 * k + i\n  observe k\n  \
                reward 1.2 * k^0.5 + 1.5 * max(k - 6, 0) - 0.11 * k^2 - i - 0.3 * i^2\n  discount 0.9\n}\n";
    let s = solved(text);
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    let fixed = solved_with(text, &[("grid.k", "uniform(2000)")]);
    for k in [1.0, 3.0, 6.5, 9.0] {
        let ((v, i), (value, right)) = (at(&s, k), at(&fixed, k));
        assert!(
            (v - value).abs() < 1e-3 && (i - right).abs() < 5e-3,
            "{k}: {v} {i}, right {value} {right}"
        );
    }
}

/// A kink that moves with shock and time over a finite life: a finer chain, and a finer grid where that is not enough.
#[test]
fn spikes_and_a_coarse_chain_together_are_mended() {
    let s = solved(
        "model steps\nhorizon 15\nagent f {\n  state k in [0, 30], start 4\n  shock z ~ ar1(rho: 0.8, sd: 0.3)\n  action i in [0, 2]\n  \
         noise e ~ uniform(0, 1)\n  k' = 0.9 * k + i * (1 + 0.5 * e)\n  observe k, z\n  \
         reward 0.5 * max(k * exp(z) - 0.3 * t, 0) - i - 0.2 * i^2\n  discount 0.95\n}\n",
    );
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    assert!(s.solution.chain.values.len() > 15);
}

/// A chain that is fine enough for the policy spreads lives over so many cells of a grid with lines that residuals on it grow beyond what passes; seven states leave the policy too far
/// from the best. Between the two there is a chain with which everything holds, and it is found.
#[test]
fn a_finer_chain_that_makes_a_row_fail_is_taken_back() {
    let text = include_str!("../models/growth.econ");
    let s = solved_with(text, &[("interpolation", "linear"), ("grid.k", "log(400)")]);
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    assert!(s.build.halfway && s.build.fineness == 0, "{:?}", s.build);
    assert_eq!(s.discretised[0].links, econc::solve::decision::HALFWAY_STATES);
}
