//! Economies whose answer is known by hand and which the certificate must therefore pass: markets that clear over wide ranges, feasible sets that
//! shrink to a point, stocks that run out.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::common;
use econc::driver::{Request, Solved, solve};
use econc::solve::bellman::At;
use econc::solve::progress::silent;
use econc::solve::solution::Reader;

fn solved(text: &str) -> Solved {
    let (model, diagnostics) = econc::compile(text, &econc::Options::default());
    let model = model.unwrap_or_else(|| panic!("{text}\n{diagnostics:?}"));
    solve(&model, &Request::default(), &mut silent).unwrap_or_else(|d| panic!("{text}\n{d:?}"))
}

fn reasons(s: &Solved) -> Vec<&str> {
    let all = s.certificate.reasons.iter();
    all.filter(|d| d.severity == econc::Severity::Error)
        .map(|d| d.code.as_str())
        .collect()
}

/// Demand `A p^-e` and unit cost `c`: the price is `(A / q)^(1/e)`, and `q = (m (1 - 1/e) / c)^e` with `m` the mean of `A^(1/e)`.
#[test]
fn a_monopolist_under_any_noise_and_elasticity_is_right_and_its_market_clears() {
    let normal = |sd: f64, e: f64| (0.5 * (sd / e).powi(2)).exp();
    let uniform = |a: f64, b: f64, e: f64| {
        let k = 1.0 + 1.0 / e;
        (b.powf(k) - a.powf(k)) / (k * (b - a))
    };
    let mut wrong = String::new();
    for (number, e) in [1.5, 2.0, 4.0, 9.0].into_iter().enumerate() {
        let laws = [
            ("normal(0, 0.6)", "exp(f.z)", normal(0.6, e)),
            ("lognormal(0.2, 0.4)", "f.z", (0.2 / e).exp() * normal(0.4, e)),
            ("uniform(1, 3)", "f.z", uniform(1.0, 3.0, e)),
            (
                "discrete([0.3, 1, 4], [0.3, 0.5, 0.2])",
                "f.z",
                0.3 * 0.3f64.powf(1.0 / e) + 0.5 + 0.2 * 4f64.powf(1.0 / e),
            ),
        ];
        for (k, (law, demand, mean)) in laws.into_iter().enumerate() {
            let prices = ["[0.0001, 1000]", "[0.001, 400]", "[0.000001, 1000000]", "[0, 2000]"][(number + k) % 4];
            let q: f64 = 2.5;
            let cost = mean * (1.0 - 1.0 / e) * q.powf(-1.0 / e);
            let text = format!(
                "model monopolist\nagent f {{\n  action q in [0.01, 10]\n  noise z ~ {law}\n  reward (p - {cost}) * q\n}}\n\
                 market g {{ price p in {prices} clears {demand} * p^-{e} == f.q }}\n"
            );
            let s = solved(&text);
            let found = s.solution.policy[0][0];
            if !s.certificate.passed || !((found / q - 1.0).abs() < 2e-3) {
                wrong += &format!(
                    "{law}, elasticity {e}, price in {prices}: q {found}, right {q}, {:?}\n",
                    reasons(&s)
                );
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The benchmark `qn` of a model.
fn benchmark(text: &str) -> Result<Vec<f64>, Vec<econc::Diagnostic>> {
    let (model, diagnostics) = econc::compile(text, &econc::Options::default());
    let model = model.ok_or(diagnostics)?;
    let found = model.params.iter().find(|p| p.name.ends_with("qn"));
    Ok(found.unwrap().values.clone())
}

/// Orders of two newsvendors who share demand, against the quantile that each wants; a Cournot market whose price cannot fall below zero.
#[test]
fn games_with_kinks_are_solved_to_many_digits() {
    // What is left of demand after the other's half comes to each: sold = min(q, d / 2). Best at the quantile 1 - c / p of d / 2.
    let newsvendors = |law: &str| {
        format!(
            "model n\nagent firm[2] {{\n  param c = [1, 2]\n  action q in [0, 40]\n  param qn = solve nash(q, horizon: 1)\n  \
             reward 5 * min(q, d / 2) - c * q\n}}\nnoise d ~ {law}\n"
        )
    };
    let normal = [0.841_621_233_572_914_4, 0.253_347_103_135_799_8];
    let cases: [(&str, [f64; 2]); 4] = [
        ("uniform(4, 20)", [4.0 + 16.0 * 0.8, 4.0 + 16.0 * 0.6]),
        ("exponential(6)", [-6.0 * 0.2f64.ln(), -6.0 * 0.4f64.ln()]),
        ("normal(20, 3)", normal.map(|z| 20.0 + 3.0 * z)),
        ("lognormal(2, 0.4)", normal.map(|z| (2.0 + 0.4 * z).exp())),
    ];
    for (law, right) in cases {
        let found = benchmark(&newsvendors(law)).unwrap_or_else(|d| panic!("{law}: {d:?}"));
        for (x, d) in found.iter().zip(right) {
            assert!((x - d / 2.0).abs() < 1e-5, "{law}: {found:?}, right {right:?} halved");
        }
    }
    // Inverse demand max(a - Q, 0), a uniform on [2, 12]: with costs 1 and 2 each solves E[max(a - Q, 0)] - q P(a > Q) = c.
    let found = benchmark(
        "model c\nagent firm[2] {\n  param c = [1, 2]\n  action q in [0, 10]\n  param qn = solve nash(q, horizon: 1)\n  \
         reward (max(a - sum(firm.q), 0) - c) * q\n}\nnoise a ~ uniform(2, 12)\n",
    )
    .unwrap();
    let total = found.iter().sum::<f64>();
    for (q, c) in found.iter().zip([1.0, 2.0]) {
        let left = 12.0 - total;
        let condition = left * left / 20.0 - q * left / 10.0 - c;
        assert!(condition.abs() < 1e-5, "{found:?}: {condition}");
    }
    assert!(
        (found[0] - 2.683_500_01).abs() < 1e-5 && (found[1] - 1.417_516_94).abs() < 1e-5,
        "{found:?}"
    );
}

/// The solution's first value at a state.
fn value_at(s: &Solved, k: usize) -> (f64, f64) {
    (s.solution.states[0].nodes[k], s.solution.value[k])
}

#[test]
fn feasible_sets_that_shrink_to_a_point_hold_a_choice() {
    let root: fn(f64) -> f64 = |s| (5.0 * s).sqrt();
    let cases: [(&str, &str, &str, &str, fn(f64) -> f64); 6] = [
        // A corner, from bounds much wider than what is left.
        ("[0, 4]", "[0, 20]", "a + b <= s", "a^0.5 + 2 * b^0.5", root),
        ("[0, 4]", "[0, 1e4]", "a + b <= s", "a^0.5 + 2 * b^0.5", root),
        // The upper corner.
        ("[0, 8]", "[0, 10]", "a + b >= 20 - s", "-(a^2 + b^2)", |s| {
            -0.5 * (20.0 - s).powi(2)
        }),
        // A face: one action has no choice left.
        ("[0, 4]", "[0, 20]", "a <= s", "a^0.5 - (b - 3)^2", f64::sqrt),
        // A thin band inside.
        ("[1, 4]", "[0, 20]", "abs(a + b - s) <= 1e-6", "a^0.5 + 2 * b^0.5", root),
        // A short interval inside, for each action.
        (
            "[1, 4]",
            "[0, 20]",
            "max(abs(a - s / 2), abs(b - s / 3)) <= 1e-6",
            "a - b",
            |s| s / 6.0,
        ),
    ];
    for (states, bounds, require, reward, right) in cases {
        let text = format!(
            "model tight\nhorizon 1\nagent f {{\n  state s in {states}, start 2\n  action a in {bounds}\n  action b in {bounds}\n  \
             require {require}\n  s' = s\n  reward {reward}\n  discount 0.9\n}}\nsolve {{ method = value_iteration; grid.s = uniform(21) }}\n"
        );
        let s = solved(&text);
        for k in 0..21 {
            let (x, v) = value_at(&s, k);
            assert!(
                (v - right(x)).abs() < 1e-4 * (1.0 + right(x).abs()),
                "{require} at {x}: {v}, right {}",
                right(x)
            );
        }
    }
    // One action alone.
    let s = solved(
        "model tight\nhorizon 1\nagent f {\n  state s in [1, 4], start 2\n  action a in [0, 20]\n  \
         require abs(a - s / 2) <= 1e-6\n  s' = s\n  reward a\n  discount 0.9\n}\nsolve { method = value_iteration; grid.s = uniform(21) }\n",
    );
    for k in 0..21 {
        let (x, v) = value_at(&s, k);
        assert!((v - x / 2.0).abs() < 1e-5, "{x}: {v}");
    }
}

/// Two goods out of one purse: what a little more is worth tomorrow includes the multiplier of tomorrow's requirement, so that
/// first-order conditions hold on the first grid.
#[test]
fn first_order_conditions_hold_where_a_joint_requirement_binds_tomorrow() {
    let s = solved(
        "model purse\nhorizon 3\nagent f {\n  state s in [0, 20], start 6\n  action a in [0, 20]\n  action b in [0, 20]\n  \
         require a + b <= s\n  s' = s - a - b + 1\n  reward a^0.5 + 2 * b^0.5\n  discount 0.9\n}\n",
    );
    assert!(s.certificate.passed, "{:?}", reasons(&s));
    assert!(s.certificate.constrained > 0.2);
    let euler = s.certificate.euler.unwrap();
    assert!(euler.p99 < -3.0, "{euler:?}");
    assert_eq!(s.solution.states[0].nodes.len(), 200);
    // Without chance the purse is spent so that marginal utilities fall by the discount factor; a fifth goes to the first good.
    let spent: f64 = s
        .certificate
        .moments
        .iter()
        .filter(|m| m.name.starts_with("f.a") || m.name.starts_with("f.b"))
        .map(|m| m.mean)
        .sum();
    assert!((spent - 8.0 / 3.0).abs() < 1e-2, "{spent}");
}

#[test]
fn a_stock_that_runs_out_is_no_grid_that_is_too_narrow() {
    let laws = [
        "s + q - min(s + q, d)",
        "q + s - sold",
        "max(s + q, d) - d",
        "if s + q > d then s + q - d else 0",
        "0.9 * (s + q) - min(s + q, d) * 0.9",
        "(s + q - sold) - (s + q - sold) * 0.3",
        "0.5 * max(s + q - d, 0) + (1 - 0.5) * max(s + q - d, 0)",
    ];
    let draws = ["uniform(0, 4)", "lognormal(0.3, 0.7)", "exponential(1.5)"];
    let mut wrong = String::new();
    for (k, law) in laws.iter().enumerate() {
        let text = format!(
            "model stock\nagent w {{\n  state s in [0, 8], start 1\n  action q in 0..4\n  require s + q <= 8\n  noise d ~ {}\n  \
             let sold = min(s + q, d)\n  s' = {law}\n  reward 3 * sold - q - 0.2 * s\n  discount 0.9\n}}\n",
            draws[k % 3]
        );
        let s = solved(&text);
        let lower = s.certificate.edges.iter().find(|e| e.name.contains("lower")).unwrap();
        if reasons(&s).contains(&"E0913") || !(lower.share > 0.05) {
            wrong += &format!(
                "{law}: {:?}, {:.3} of time at the lower end\n",
                reasons(&s),
                lower.share
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Draws that depend on draws, behind a kink: expectations here are sums over the finite ones, with `E max(w - 1, 0)` of a normal in closed form.
#[test]
fn draws_that_depend_on_draws_behind_a_kink_are_right() {
    let s = solved(
        "model prospecting\nagent p {\n  state s in 0..3, start 0\n  action u in [0, 1]\n  noise a ~ bernoulli(0.3 + 0.4 * u)\n  \
         noise b ~ bernoulli(if a then 0.6 else 0.2)\n  noise c ~ uniform_int(0, 1 + 2 * b)\n  noise w ~ normal(2 * b - 1, 0.5 + a + 0.2 * s)\n  \
         s' = if c > 1 then min(s + 1, 3) else max(s - 1, 0)\n  reward max(w - 1, 0) * (1 + c) - 3 * u^2 - 0.5 * s\n  observe s\n  discount 0.9\n}\n",
    );
    // By state and by whether something is found (a): expected pay, and the chance of going up.
    let outcome = |s: f64, a: f64| {
        let (mut pay, mut up) = (0.0, 0.0);
        let found = if a > 0.0 { 0.6 } else { 0.2 };
        for (b, p) in [(1.0, found), (0.0, 1.0 - found)] {
            let (mean, sd): (f64, f64) = (2.0 * b - 1.0, 0.5 + a + 0.2 * s);
            let z = (mean - 1.0) / sd;
            let call = (mean - 1.0) * econc::num::normal::cdf(z) + sd * econc::num::normal::density(z);
            let c = if b > 0.0 { 1.5 } else { 0.5 };
            pay += p * call * (1.0 + c);
            up += p * if b > 0.0 { 0.5 } else { 0.0 };
        }
        (pay, up)
    };
    let mut v = [0.0f64; 4];
    for _ in 0..600 {
        let old = v;
        for x in 0..4 {
            let [(r1, up1), (r0, up0)] = [1.0, 0.0].map(|a| outcome(x as f64, a));
            let (high, low) = (old[(x + 1).min(3)], old[x.saturating_sub(1)]);
            let of = |r: f64, up: f64| r + 0.9 * (up * high + (1.0 - up) * low);
            let (q1, q0) = (of(r1, up1), of(r0, up0));
            // Linear in the chance of finding, less the cost of 3 u^2.
            let u = (0.4 * (q1 - q0) / 6.0).clamp(0.0, 1.0);
            let p = 0.3 + 0.4 * u;
            v[x] = p * q1 + (1.0 - p) * q0 - 3.0 * u * u - 0.5 * x as f64;
        }
    }
    for (found, right) in s.solution.value.iter().zip(v) {
        assert!((found - right).abs() < 1e-3, "{:?}, right {v:?}", s.solution.value);
    }
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
}

/// `k' = (1 - d) k + x` with a cost of `x^2 / 2` and a benefit of `k - k^2 / 2`: nothing in it needs a first value, and lives that judge begin where the state rests.
#[test]
fn a_model_without_first_values_is_solved_and_says_where_its_judge_begins() {
    let text = |start: &str, law: &str| {
        format!(
            "model stock\nagent a {{\n  state k in [0.1, 3]{start}\n  action x in [0, 1]\n  k' = {law}\n  reward k - k^2 / 2 - x^2 / 2\n  discount 0.9\n}}\n"
        )
    };
    let with = solved(&text(", start 1", "0.8 * k + x"));
    let without = solved(&text("", "0.8 * k + x"));
    assert!(without.certificate.passed, "{:?}", without.certificate.reasons);
    assert_eq!(with.solution.policy, without.solution.policy);
    let said = |s: &Solved| -> Vec<String> {
        let all = s.certificate.reasons.iter().filter(|d| d.code == "W0811");
        all.map(|d| format!("{} {}", d.headline, d.hint.clone().unwrap_or_default()))
            .collect()
    };
    assert!(said(&with).is_empty());
    // It rests where x = 0.2 k and the marginal cost x (1 - 0.9 * 0.8) is the marginal benefit 0.9 (1 - k).
    let rest = 0.9 / (0.2 * (1.0 - 0.72) + 0.9);
    let told = said(&without);
    let number = told[0].split("begin at ").nth(1).unwrap().split(' ').next().unwrap();
    assert!((number.parse::<f64>().unwrap() - rest).abs() < 1e-6, "{told:?}, {rest}");
    // The hint can be followed as it stands.
    assert!(told[0].contains(&format!("state k .., start {number}")), "{told:?}");
    let followed = solved(&text(&format!(", start {number}"), "0.8 * k + x"));
    assert!(followed.certificate.passed && said(&followed).is_empty());
}

/// What keeps a problem from being solved is named: the reward and the action along which it grows, the state that runs away, the setting that helps.
#[test]
fn a_problem_without_a_solution_says_what_is_wrong_with_it() {
    let refused = |text: &str| {
        let (model, diagnostics) = econc::compile(text, &econc::Options::default());
        let model = model.unwrap_or_else(|| panic!("{text}\n{diagnostics:?}"));
        solve(&model, &Request::default(), &mut silent)
            .err()
            .unwrap_or_default()
    };
    let saver = |action: &str, reward: &str, more: &str| {
        format!(
            "agent a {{\n  state k in [0.5, 3], start 1\n  action {action}\n  k' = clamp(k^0.3 - c, 0.5, 3)\n  reward {reward}\n  discount 0.9\n}}\n{more}"
        )
    };
    for (action, reward, end) in [
        ("c in (0, 0.5]", "-log(c)", "as `a.c` comes near 0"),
        ("c in (0, 0.5]", "1 / c - c", "as `a.c` comes near 0"),
        ("c in [0, 0.5)", "-log(0.5 - c)", "as `a.c` comes near 0.5"),
    ] {
        let text = saver(action, reward, "");
        let found = refused(&text);
        let d = &found[0];
        assert_eq!(d.code, "E0903", "{found:?}");
        assert!(d.headline.contains("no upper end") && d.headline.contains(end), "{d:?}");
        let (span, _) = d.primary.clone().unwrap();
        let place = &text[span.start as usize..span.end as usize];
        assert!(place.contains("log") || place.contains('/'), "{d:?}");
    }
    let found = refused(&saver("c in (0, 0.5]", "log(c) + 1 / (k - k)", ""));
    assert!(
        found[0].code == "E0903" && !found[0].headline.contains("upper end"),
        "{found:?}"
    );

    // The hints of E0901 are followed, and help.
    let found = refused(&saver("c in (0, 0.5]", "log(c)", "solve { iterations = 1 }"));
    assert!(
        found[0].code == "E0901" && found[0].hint.clone().unwrap().contains("iterations = 10"),
        "{found:?}"
    );
    assert!(refused(&saver("c in (0, 0.5]", "log(c)", "solve { iterations = 10 }")).is_empty());

    // A state that grows whatever the grid.
    let s = solved(
        "noise e ~ normal(0, 0.1)\nagent a {\n  state w in [0.1, 50], start 2\n  action c in (0, w]\n  w' = (w - c) * exp(0.03 + e) + 0.5\n  reward 1\n  discount 0.9\n}\n",
    );
    let d = s.certificate.reasons.iter().find(|d| d.code == "E0913").unwrap();
    assert!(d.notes.iter().any(|n| n.contains("`a.w` goes to")), "{d:?}");
    assert!(d.hint.clone().unwrap().contains("bound its law"), "{d:?}");
}

/// Where no choice that is allowed lets the market clear, that is what is said, whatever choices beyond would do.
#[test]
fn a_market_that_clears_for_no_choice_is_said_to() {
    let text =
        "agent f { action q in [1, 2]; reward p * q }\nmarket g { price p in [0, 2] clears f.q == 2.2 + 0.5 * p }\n";
    let (model, diagnostics) = econc::compile(text, &econc::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let found = solve(&model, &Request::default(), &mut silent)
        .err()
        .unwrap_or_default();
    assert_eq!(found[0].code, "E0831", "{found:?}");
}

/// A grid whose end the solver chooses reaches a twentieth of its width beyond a first value that is not positive.
#[test]
fn a_grid_reaches_beyond_a_first_value_below_its_end() {
    use econc::solve::decision::{Decision, ProblemOptions as Build};
    use econc::solve::problem::{DecisionProblem, StateKind};
    let text = "agent a { state k in (-inf, inf), start uniform(-2, 0); action x in [-10, 10]; k' = 0.5 * k + x; reward -(k - 3)^2 - x^2; discount 0.9 }";
    let (model, diagnostics) = econc::compile(text, &econc::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let build = Build {
        bounds: vec![("a.k".to_string(), 1.5, 8.0)],
        ..Build::default()
    };
    let problem = Decision::new(&model, &build).unwrap();
    let StateKind::Continuous { grid, .. } = &problem.spec().states[0].kind else {
        panic!("{:?}", problem.spec().states[0]);
    };
    assert!(
        (grid[0] + 2.5).abs() < 1e-12 && (grid[grid.len() - 1] - 8.0).abs() < 1e-12,
        "{grid:?}"
    );
}

/// What is hidden and matters is shown where it matters, not where it is declared.
#[test]
fn a_hidden_shock_is_shown_where_it_matters() {
    let text = "shock z ~ markov([0.5, 1.5], [[0.8, 0.2], [0.2, 0.8]])\nagent a {\n  state k in [0.1, 3], start 1\n  action x in [0, 1]\n  k' = 0.5 * k + x\n  observe k\n  reward -(k - 1)^2 - (x - z)^2\n  discount 0.9\n}\n";
    let (model, diagnostics) = econc::compile(text, &econc::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let found = solve(&model, &Request::default(), &mut silent)
        .err()
        .unwrap_or_default();
    assert_eq!(found[0].code, "E0825", "{found:?}");
    let place = found[0].secondary.iter().find(|(_, label)| label == "matters here");
    let place = place.map(|(s, _)| &text[s.start as usize..s.end as usize]);
    assert_eq!(place, Some("x - z"), "{found:?}");
}

/// Base stock models: below the level `y` a unit is worth its price, so that `y` solves `p (1 - G(y)) - c - h G(y) + b (1 - G(y + 3)) + d s c G(y) = 0` with the
/// demand's distribution function `G`, price `p`, cost `c`, holding cost `h`, penalty `b` beyond three missing units, and what keeps of a left unit, `s`.
#[test]
fn levels_up_to_which_somebody_orders_are_right() {
    let exponential = |x: f64| 1.0 - (-x / 3.0).exp();
    let cdf = econc::num::normal::cdf;
    let mixed = |x: f64| 0.3 * cdf((x.ln() - 1.2) / 0.5) + 0.7 * cdf((x.ln() - 0.3) / 0.5);
    let uniform = |x: f64| (x / 4.0).clamp(0.0, 1.0);
    let cases: [(&str, &dyn Fn(f64) -> f64); 3] = [
        ("noise d ~ exponential(3)", &exponential),
        (
            "noise hot ~ bernoulli(0.3)\n  noise d ~ lognormal(if hot then 1.2 else 0.3, 0.5)",
            &mixed,
        ),
        ("noise d ~ uniform(0, 4)", &uniform),
    ];
    for (law, below) in cases {
        let text = format!(
            "model stock\nagent f {{\n  state s in [0, 40], start 2\n  action q in [0, 20]\n  {law}\n  let have = s + q\n  \
             s' = 0.9 * max(have - d, 0)\n  observe s\n  reward 4 * min(have, d) - 1.5 * q - 0.1 * max(have - d, 0) - max(d - have - 3, 0)\n  \
             discount 0.95\n}}\n"
        );
        let slope = |y: f64| {
            4.0 * (1.0 - below(y)) - 1.5 - 0.1 * below(y) + (1.0 - below(y + 3.0)) + 0.95 * 0.9 * 1.5 * below(y)
        };
        let (mut lo, mut hi) = (0.0, 20.0);
        for _ in 0..100 {
            let y = 0.5 * (lo + hi);
            if slope(y) > 0.0 { lo = y } else { hi = y }
        }
        let s = solved(&text);
        assert!(s.certificate.passed, "{law}: {:?}", s.certificate.reasons);
        assert!(s.certificate.reasons.is_empty(), "{law}: {:?}", s.certificate.reasons);
        let found = s.solution.states[0].nodes[0] + s.solution.policy[0][0];
        assert!((found / lo - 1.0).abs() < 1e-5, "{law}: up to {found}, right {lo}");
    }
}

/// The same stock with five nodes for demand, which the file insists on: levels are drawn to the nodes.
#[test]
fn a_level_that_is_off_by_per_cents_is_not_certified() {
    let s = solved(
        "model stock\nagent f {\n  state s in [0, 40], start 2\n  action q in [0, 20]\n  noise d ~ exponential(3)\n  let have = s + q\n  \
         s' = 0.9 * max(have - d, 0)\n  observe s\n  reward 4 * min(have, d) - 1.5 * q - 0.1 * max(have - d, 0) - max(d - have - 3, 0)\n  \
         discount 0.95\n}\nsolve { quadrature.d = 20 }\n",
    );
    let found = s.solution.states[0].nodes[0] + s.solution.policy[0][0];
    assert!((found / 6.917_546_6 - 1.0).abs() > 0.01, "{found}");
    assert!(!s.certificate.passed, "up to {found}: {:?}", s.certificate.world);
}

/// Two firms sell `k p`; the price follows from `2 k p = 5 + p`.
fn shares(concept: &str, top: f64) -> String {
    format!(
        "model shares\nagent firm[2] {{ action k in [0, 1]; let s = k * p; reward p * s - 5 * k^2 }}\n\
         market g {{ price p in [0.1, {top}] clears sum(firm.s) == 5 + p }}\nsolve {{ concept = {concept} }}\n"
    )
}

/// The lowest price of the domain clears nothing where both offer little, and is no equilibrium, though the market is solved in closed form.
#[test]
fn a_price_that_its_domain_cuts_off_does_not_clear() {
    let s = solved(&shares("competitive", 20.0));
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    assert!(
        (s.solution.policy[0][0] - 1.0).abs() < 1e-6 && s.others.is_empty(),
        "{:?}",
        s.solution.policy
    );
    assert!((s.solution.players[0].value[0] - 20.0).abs() < 1e-6);
}

/// Who offers less drives the price up without end: where the domain of the price ends nobody is stopped by anything but that end.
#[test]
fn a_price_at_the_end_of_its_domain_is_no_equilibrium() {
    for top in [20.0, 40.0] {
        let s = solved(&shares("nash", top));
        assert_eq!(reasons(&s), ["E0947"], "{:?}", s.certificate.reasons);
        let d = &s.certificate.reasons[0];
        assert!(
            d.primary.is_some() && d.hint.clone().unwrap().contains("widen the domain"),
            "{d:?}"
        );
    }
}

/// The domain of a state limits nobody; what can be afforded does.
#[test]
fn a_choice_that_nothing_limits_is_said_to_be_so_and_the_hint_helps() {
    let saver = |limit: &str| {
        format!(
            "agent h {{\n  state a in [0, 10], start 2\n  noise y ~ bernoulli(0.5)\n  action c in (0, inf)\n{limit}  \
             a' = 1.02 * (a - c) + (if y then 1.2 else 0.6)\n  observe a\n  reward log(c)\n  discount 0.95\n}}\n"
        )
    };
    let (model, _) = econc::compile(&saver(""), &econc::Options::default());
    let found = solve(&model.unwrap(), &Request::default(), &mut silent).expect_err("nothing limits c");
    assert_eq!(
        found.iter().map(|d| d.code.as_str()).collect::<Vec<_>>(),
        ["E0908"],
        "{found:?}"
    );
    assert!(
        found[0].primary.is_some() && found[0].hint.clone().unwrap().contains("require c <= .."),
        "{found:?}"
    );
    let s = solved(&saver("  require c <= a\n"));
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
}

/// An order of any size costs 2 at once. What is best jumps from ordering to not ordering, at a stock between two nodes.
#[test]
fn a_fixed_cost_is_said_to_be_written_as_a_choice_and_that_helps() {
    let shop = |action: &str, order: &str, asked: &str| {
        format!(
            "agent shop {{\n  state s in [0, 10], start 4\n{action}  action q in [0, 10 - s]\n  noise d ~ uniform(0, 6)\n  let o = {order}\n  \
             let sold = min(s + o, d)\n  s' = s + o - sold\n  observe s\n  \
             reward 2.5 * sold - o - (if {asked} then 2 else 0) - 0.1 * (s + o - sold)\n  discount 0.95\n}}\nsolve {{ grid.s = 40 }}\n"
        )
    };
    let s = solved(&shop("", "q", "q > 0"));
    let off: Vec<_> = s
        .certificate
        .reasons
        .iter()
        .filter(|d| ["E0946", "E0949"].contains(&d.code.as_str()))
        .collect();
    assert!(!off.is_empty(), "{:?}", s.certificate.reasons);
    for d in off {
        let hint = d.hint.clone().unwrap();
        assert!(
            hint.contains("action pay in {no, yes}") && hint.contains("costs 2.000 at once"),
            "{hint}"
        );
    }
    let s = solved(&shop(
        "  action pay in {no, yes}\n",
        "(if pay == yes then q else 0)",
        "pay == yes",
    ));
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
}

/// Lives begin at the first value of a shock, also those that a constant is judged by: staying is worth 0.3 / (1 - 0.5 * 0.9) in the mean.
#[test]
fn constants_are_judged_from_where_the_model_starts() {
    let s = solved(
        "shock z ~ ar1(rho: 0.9, sigma: 0.1), start 0.3\nagent w {\n  action d in {stay, leave}\n  observe z\n  end when d == leave\n  \
         reward if d == stay then z else 0\n  discount 0.5\n}\n",
    );
    let c = s.certificate.constant.clone().expect("a constant");
    assert!((c.constant - 0.3 / 0.55).abs() < 0.1, "{c:?}");
}

/// Who borrows up to the limit ends at it up to rounding: that is no way out of the domain.
#[test]
fn a_limit_that_is_missed_by_rounding_is_not_left() {
    let s = solved(
        "shock w ~ markov([low: 2.4, mid: 4.1, high: 9.0], [[0.8, 0.17, 0.03], [0.1, 0.8, 0.1], [0.02, 0.18, 0.8]]), start mid\nagent h {\n  \
         state a in [-1.5, 60], start 0\n  let cash = 1.02 * a + w\n  action c in [0.2, cash + 1.5]\n  a' = min(cash - c, 60)\n  observe a, w\n  \
         reward crra(c, 2)\n  discount 0.95\n}\n",
    );
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
}

/// Value of a state between the nodes of a solution with one state and no shock, by a straight line.
fn between_nodes(s: &Solved, x: f64) -> f64 {
    let nodes = &s.solution.states[0].nodes;
    let k = nodes.partition_point(|n| *n <= x).clamp(1, nodes.len() - 1);
    let t = (x - nodes[k - 1]) / (nodes[k] - nodes[k - 1]);
    (1.0 - t) * s.solution.value[k - 1] + t * s.solution.value[k]
}

/// Either of two draws ends a life, wherever the state stands: what survives is a discount, and the value a straight line.
#[test]
fn lives_that_either_of_two_draws_ends_are_right() {
    let s = solved(
        "model m\nagent one {\n  state x in [0, 1], start 0.3\n  action s in [0, 1]\n  noise a ~ uniform(0, 1)\n  noise b ~ uniform(0, 1)\n  \
         x' = 0.5*x + 0.3*s\n  end when a < 0.1 or b < 0.2\n  observe x\n  reward 1 + x - 0.5*s^2\n  discount 0.95\n}\n",
    );
    let d: f64 = 0.95 * 0.9 * 0.8;
    let slope = 1.0 / (1.0 - 0.5 * d);
    let best = 0.3 * d * slope;
    let level = (1.0 + 0.5 * best * best) / (1.0 - d);
    assert!(s.certificate.passed, "{:?}", reasons(&s));
    for x in [0.1, 0.3, 0.7] {
        let (found, right) = (between_nodes(&s, x), level + slope * x);
        assert!((found - right).abs() < 2e-3, "{x}: {found} {right}");
    }
}

/// The sum of the state and two draws ends a life: nobody moves the state there, so the value is a product of survivals by hand.
#[test]
fn lives_that_the_sum_of_two_draws_ends_are_right() {
    let s = solved(
        "model m\nagent one {\n  state x in [0, 1], start 0.3\n  action s in [0, 1]\n  noise a ~ uniform(0, 1)\n  noise b ~ uniform(0, 1)\n  \
         x' = 0.5*x + 0.4*s\n  end when x + a + b >= 1.5\n  observe x\n  reward 1 + s - 0.5*s^2\n  discount 0.95\n}\n",
    );
    let survives = |x: f64| -> f64 {
        let y = 1.5 - x;
        if y <= 1.0 {
            0.5 * y * y
        } else {
            1.0 - 0.5 * (2.0 - y) * (2.0 - y)
        }
    };
    let value = |x: f64| {
        let far = 1.0 / (1.0 - 0.95 * survives(0.0));
        (0..60)
            .rev()
            .fold(far, |after, k| 1.0 + 0.95 * survives(x * 0.5f64.powi(k)) * after)
    };
    for x in [0.1, 0.3] {
        let (found, right) = (between_nodes(&s, x), value(x));
        assert!((found - right).abs() < 3e-3, "{x}: {found} {right}");
    }
    // What is left is the solver's rule for both draws, whose chance of an end is off by some ten-thousandths: the certificate says by how much. A unit is what
    // half of the range of `s` is worth.
    let residual = |x: f64| 1.0 + 0.95 * survives(x) * between_nodes(&s, 0.5 * x) - between_nodes(&s, x);
    let largest = (0..9).map(|k| residual(0.3 * 0.5f64.powi(k)).abs()).fold(0.0, f64::max) / 0.375;
    let world = s.certificate.world.as_ref().unwrap();
    let row = world
        .proofs
        .iter()
        .find(|p| p.name == "economy: Bellman residual, 99 %")
        .unwrap();
    assert!(
        (row.value - largest.log10()).abs() < 0.15,
        "{} {}",
        row.value,
        largest.log10()
    );
    assert!(reasons(&s).iter().all(|code| *code == "E0945"), "{:?}", reasons(&s));
    assert_eq!(s.certificate.passed, row.value <= -3.0);
}

/// Learning beside work (Ben-Porath 1967): in the last period nobody learns, where the law of what is known has an endless slope, and nothing comes after.
#[test]
fn a_law_with_an_endless_slope_where_nothing_comes_after_is_no_error() {
    for (power, most) in [(0.6, 1.0), (0.5, 0.95), (0.4, 1.0)] {
        let s = solved(&format!(
            "model educ\nhorizon 45\nagent p {{\n  state h in [0.2, 40], start 1\n  action n in [0, {most}]\n  noise e ~ discrete([0.7, 1.3], [0.5, 0.5])\n  \
             h' = h * 0.97 + 0.3 * (n * h)^{power} * e\n  observe h\n  reward h * (1 - n)\n  discount 0.95\n}}\n"
        ));
        assert!(s.certificate.passed, "{power}, {most}: {:?}", reasons(&s));
    }
}

/// A reward in any unit has the same policy and the same certificate: all that is promised is judged.
#[test]
fn rewards_of_any_size_are_judged_alike() {
    let of = |unit: &str| {
        solved(&format!(
            "model big\nagent s {{\n  shock y ~ markov([low: 0.5, high: 1.5], [[0.8, 0.2], [0.3, 0.7]])\n  state a in [0, 20], start 1\n  \
             action c in (0, a + y]\n  a' = min(1.02 * (a + y - c), 20)\n  observe a, y\n  reward {unit} * log(c)\n  discount 0.93\n}}\n"
        ))
    };
    let plain = of("1");
    let names = |s: &Solved| -> Vec<String> {
        let world = s.certificate.world.as_ref().unwrap();
        world.proofs.iter().map(|p| p.name.clone()).collect()
    };
    for unit in ["1e-160", "1e-90", "1e90", "1e160", "1e250"] {
        let s = of(unit);
        assert!(s.certificate.passed, "{unit}: {:?}", reasons(&s));
        assert_eq!(names(&s), names(&plain), "{unit}");
        let (a, b) = (
            s.certificate.world.as_ref().unwrap(),
            plain.certificate.world.as_ref().unwrap(),
        );
        for (x, y) in a.errors.iter().zip(&b.errors) {
            assert!(
                (x.relative / y.relative - 1.0).abs() < 0.5,
                "{unit}: {} {} {}",
                x.name,
                x.relative,
                y.relative
            );
        }
    }
}

/// An AR(1) that a policy does nothing about, solved on a grid to `top`: the certificate, and `(mean, sd)` in their standard errors from zero and from the truth.
fn wanders(rho: f64, top: f64) -> (Solved, f64, f64) {
    let s = solved(&format!(
        "model m\nagent keeper {{\n  state x in (-inf, inf), start 0\n  action u in [-1, 1]\n  noise e ~ normal(0, 1)\n  x' = {rho}*x + e\n  \
         observe x\n  reward -(u - 0.001*x)^2\n  discount 0.95\n}}\nsolve {{ grid.x = uniform(-{top}, {top}, 81) }}\n"
    ));
    let m = s.certificate.moments.iter().find(|m| m.name == "keeper.x").unwrap();
    let right = 1.0 / (1.0 - rho * rho).sqrt();
    let off = (m.mean / m.errors.0, (m.sd - right) / m.errors.1);
    (s, off.0, off.1)
}

/// Lives are played until they have come to rest, and standard errors say how exact moments are; where rest is too far, that is said.
#[test]
fn moments_of_slow_states_are_as_exact_as_they_say() {
    for (rho, top, warned) in [(0.9, 20.0, false), (0.99, 60.0, false), (0.999, 200.0, true)] {
        let (s, mean, sd) = wanders(rho, top);
        let c = &s.certificate;
        assert!(mean.abs() < 4.0 && sd.abs() < 4.0, "{rho}: {mean} {sd}");
        assert_eq!(
            c.reasons.iter().any(|d| d.code == "W0974"),
            warned,
            "{rho}: {:?}",
            c.reasons
        );
        assert_eq!(c.counted.0 > 400, rho > 0.95, "{rho}: {:?}", c.counted);
        let x = c.moments.iter().find(|m| m.name == "keeper.x").unwrap();
        assert!(x.errors.0 > 0.0 && x.errors.0 < 0.3 * x.sd, "{rho}: {:?}", x.errors);
    }
}

/// Below one half a stock falls and lives stay; above, it grows past the end of its grid, where nothing is known: what is solved there is consistent with
/// itself and cannot be trusted.
#[test]
fn a_region_from_which_lives_are_carried_off_the_grid_is_not_trusted() {
    let s = solved(
        "model m\nagent a {\n  state x in [0, inf), start 0.2\n  action u in [-1, 1]\n  x' = x*(0.9 + 0.2*x)\n  observe x\n  \
         reward x - (u - 0.1*x)^2\n  discount 0.9\n}\nsolve { grid.x = uniform(0, 1, 101) }\n",
    );
    let range = &s.certificate.trusted.as_ref().unwrap().ranges[0];
    assert!(range.lo == 0.0 && range.hi > 0.4 && range.hi < 0.6, "{range:?}");
}

/// Consumption that rounds to less than nothing at the open end of the choice, or that a bound allows to be negative, has no utility:
/// with an even relative risk aversion `c^(1 - s)` would be the best of all there. Beside it the same household with the
/// requirement written out.
#[test]
fn negative_consumption_has_no_utility() {
    let mut wrong = String::new();
    for (s, end, price) in [
        (2.0, "(a + e) / q)", 0.97),
        (2.0, "12]", 0.97),
        (3.0, "(a + e) / q)", 1.01),
        (4.0, "(a + e) / q)", 0.98),
    ] {
        let text = |end: &str, more: &str| {
            format!(
                "model saver\nparam q = {price}\nagent h {{\n  shock e ~ markov([low: 0.4, high: 1.3], [[0.7, 0.3], [0.2, 0.8]])\n  \
                 state a in [-0.5, inf), start 0\n  action b in [-0.5, {end}\n  let c = a + e - q * b\n  a' = b\n{more}  observe a, e\n  \
                 reward crra(c, {s})\n  discount 0.93\n}}\n"
            )
        };
        let value = |text: &str| {
            let s = solved(text);
            let (model, _) = econc::compile(text, &econc::Options::default());
            let problem = common::problem_of(&model.unwrap(), &s.solution);
            let reader = Reader::new(&s.solution, &problem).unwrap();
            let at = |shock| reader.value(At { shock, time: 0 }, &[1.0]);
            (at(0), at(1), s.certificate.passed, format!("{:?}", reasons(&s)))
        };
        let (as_posed, with) = (value(&text(end, "")), value(&text("12]", "  require c > 0\n")));
        // Each is within a thousandth of consumption by its certificate, on grids of its own.
        let near = |a: f64, b: f64| (a - b).abs() < 5e-4 * b.abs();
        if !(as_posed.2 && near(as_posed.0, with.0) && near(as_posed.1, with.1)) {
            wrong += &format!("s = {s}, b up to {end}: {as_posed:?}, with the requirement {with:?}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The world ends for who takes more than there is: no first-order condition holds at that edge, whatever the range in which it is sought, and in front of it the slope
/// promises more.
#[test]
fn an_edge_beyond_which_the_world_ends_is_found_to_its_last_digits() {
    // Staying for ever: the edge in each state, and what follows of the two neighbours.
    let edge = |k: usize| 3.3 + (k * k) as f64;
    let mut right = [0.0f64; 4];
    for _ in 0..2000 {
        right = std::array::from_fn(|k| edge(k) + 0.9 * 0.5 * (right[(k + 1).min(3)] + right[k.saturating_sub(1)]));
    }
    let mut wrong = String::new();
    for top in ["20", "1000", "1e5"] {
        for end in ["require y <= 3.3 + k^2 else end", "end when y > 3.3 + k^2"] {
            let s = solved(&format!(
                "model edge\nagent p {{\n  state k in 0..3, start 1\n  action y in [0, {top}]\n  noise e ~ bernoulli(0.5)\n  {end}\n  \
                 k' = clamp(k + 2 * e - 1, 0, 3)\n  observe k\n  reward min(y, 20)\n  discount 0.9\n}}\n"
            ));
            let off = (0..4)
                .map(|k| (s.solution.value[k] - right[k]).abs())
                .fold(0.0, f64::max);
            if !(s.certificate.passed && off < 1e-5) {
                wrong += &format!("{end}, up to {top}: off by {off:.1e}, {:?}\n", reasons(&s));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Whoever forgets the utility gets one of many best policies, and is told so; the same person with a utility is not.
#[test]
fn a_choice_on_which_nothing_depends_is_said() {
    for (reward, idle) in [("1", true), ("log(c)", false)] {
        let s = solved(&format!(
            "model idle\nagent s {{\n  state k in (0, inf), start 1\n  action c in (0, k)\n  k' = k - c + 1\n  observe k\n  reward {reward}\n  \
             discount 0.95\n}}\n"
        ));
        let said = s.certificate.reasons.iter().any(|d| d.code == "W0982");
        assert_eq!(said, idle, "{reward}: {:?}", s.certificate.reasons);
    }
}
