//! Draws behind kinks in games: where something is known when choosing, where choices are finite, and where states move under takers of prices.
//! The right answers are found here by bisection of conditions with integrals in closed form.

use econc::check::model::Model;
use econc::driver::{self, Solved};
use econc::solve::progress::silent;

fn compile(text: &str) -> Model {
    let (model, diagnostics) = econc::compile(text, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?} in {text}"))
}

/// Solved, with a certificate that holds.
fn held(text: &str) -> Solved {
    let options = driver::Request {
        seed: 1,
        ..driver::Request::default()
    };
    let solved = driver::solve(&compile(text), &options, &mut silent).unwrap_or_else(|d| panic!("{d:?} for {text}"));
    let reasons: Vec<&str> = solved.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
    assert!(solved.certificate.passed, "{reasons:?} for {text}");
    solved
}

/// The mean of `max(0, m + e)` with `e` even on [-w, w], and its slope in `m`.
fn positive(m: f64, w: f64) -> (f64, f64) {
    if m <= -w {
        (0.0, 0.0)
    } else if m >= w {
        (m, 1.0)
    } else {
        ((m + w).powi(2) / (4.0 * w), (m + w) / (2.0 * w))
    }
}

/// Where a falling function is zero.
fn zero(mut lo: f64, mut hi: f64, f: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..200 {
        let x = 0.5 * (lo + hi);
        if f(x) > 0.0 { lo = x } else { hi = x }
    }
    0.5 * (lo + hi)
}

fn near(found: f64, right: f64, within: f64, what: &str) {
    assert!(
        (found - right).abs() <= within * (1.0 + right.abs()),
        "{what}: {found} in place of {right}"
    );
}

/// Numbers without a pattern, between two.
fn some(k: usize, salt: f64, lo: f64, hi: f64) -> f64 {
    lo + (hi - lo) * ((k as f64 + 1.0) * salt).fract()
}

/// Two sellers of substitutes who see a shock of demand and not a noise behind which demand is nothing.
#[test]
fn prices_against_a_seen_shock_and_a_kinked_noise_are_right() {
    for k in 0..10 {
        let (a, own) = (some(k, 0.618_034, 3.0, 7.0), some(k, 0.414_214, 1.5, 3.0));
        let (w, z) = (some(k, 0.732_051, 1.0, 6.0), some(k, 0.236_068, 0.2, 1.5));
        let text = format!(
            "model sellers\nagent firm[2] {{\n  action p in [0, 10]\n  let d = max(0, {a} - {own} * p + sum(others(firm.p)) + z + e)\n  reward (p - 1) * d\n}}\n\
             shock z ~ iid discrete([-{z}, {z}], [0.5, 0.5])\nnoise e ~ uniform(-{w}, {w})\nsolve {{ concept = nash }}\n"
        );
        let s = held(&text);
        let mut value = 0.0;
        for (i, z) in [-z, z].into_iter().enumerate() {
            // The first-order condition of one where both ask the same price.
            let demand = |p: f64| positive(a - (own - 1.0) * p + z, w);
            let p = zero(1.0, 10.0, |p| demand(p).0 - own * (p - 1.0) * demand(p).1);
            near(s.solution.policy[0][i], p, 1e-6, &format!("price {i} of {text}"));
            value += 0.5 * (p - 1.0) * demand(p).0;
        }
        let found = s.solution.players[0].value.iter().sum::<f64>() / 2.0;
        near(found, value, 1e-6, &format!("value of {text}"));
    }
}

/// Sellers who each know their own cost, and a noise of demand below which the price stays at a floor.
#[test]
fn quantities_of_sellers_who_know_their_own_costs_are_right() {
    for k in 0..6 {
        let (low, high) = (some(k, 0.618_034, 0.3, 0.9), some(k, 0.414_214, 1.4, 2.2));
        let (w, share) = (some(k, 0.732_051, 2.0, 5.0), some(k, 0.236_068, 0.2, 0.8));
        let text = format!(
            "model costs\nagent firm[2] {{\n  shock c ~ iid discrete([{low}, {high}], [{share}, 1 - {share}])\n  action q in [0, 10]\n  observe c\n  reward (p - c) * q\n}}\n\
             noise e ~ uniform(-{w}, {w})\nmarket goods {{ price p = max(5 + e - sum(firm.q), 0.2) }}\n"
        );
        let s = held(&text);
        let chances = [share, 1.0 - share];
        let costs = [low, high];
        // Replies in turn: what each type's condition says, on average over the other's type.
        let mut q = [1.0, 1.0];
        for _ in 0..400 {
            for i in 0..2 {
                let others = q;
                let condition = |x: f64| {
                    let mean: f64 = (0..2)
                        .map(|j| {
                            let (over, slope) = positive(4.8 - x - others[j], w);
                            chances[j] * (0.2 + over - slope * x)
                        })
                        .sum();
                    mean - costs[i]
                };
                q[i] = 0.5 * q[i] + 0.5 * zero(0.0, 10.0, condition);
            }
        }
        // Joint states: the first seller's cost, then the second's.
        for (state, x) in s.solution.policy[0].iter().enumerate() {
            near(*x, q[state / 2], 1e-5, &format!("quantity of {text}"));
        }
    }
}

/// Quantities where demand moves over time and everybody sees it: a third of the distance from the cost, at every node, far ones, too.
#[test]
fn sellers_who_all_see_a_continuous_shock_answer_it_everywhere() {
    for shock in [
        "ar1(rho: 0.9, sigma: 0.1, mean: 10)",
        "ar1(rho: 0.3, sigma: 0.4, mean: 6)",
        "iid uniform(8, 12)",
    ] {
        let text = format!(
            "model quantities\nshock a ~ {shock}\nagent firm[2] {{ action q in [0, 10]; observe a; reward (p - 1) * q }}\nmarket goods {{ price p = max(a - sum(firm.q), 0) }}\nsolve {{ concept = nash }}\n"
        );
        let s = held(&text);
        let nodes = &s.solution.chain.links[0].values;
        assert!(nodes.len() > 30, "{shock}");
        for (a, q) in nodes.iter().zip(&s.solution.policy[0]) {
            near(*q, (a - 1.0) / 3.0, 1e-6, &format!("quantity at {a} under {shock}"));
        }
    }
    // A chain that the file asks for is the one that is used.
    let text = "model quantities\nshock a ~ ar1(rho: 0.9, sigma: 0.1, mean: 10)\nagent firm[2] { action q in [0, 10]; observe a; reward (p - 1) * q }\nmarket goods { price p = max(a - sum(firm.q), 0) }\nsolve { concept = nash; chain.a = rouwenhorst(5) }\n";
    let options = driver::Request::default();
    let s = driver::solve(&compile(text), &options, &mut silent).expect("an equilibrium");
    assert_eq!(s.solution.chain.links[0].values.len(), 5);
}

/// Whole prices: every profile against the integral.
#[test]
fn whole_prices_against_a_kinked_noise_are_right() {
    for k in 0..6 {
        let (a, w) = (some(k, 0.618_034, 5.0, 8.0), some(k, 0.732_051, 2.0, 7.0));
        let text = format!(
            "model whole\nnoise e ~ uniform(-{w}, {w})\nagent firm[2] {{\n  action p in 1..6\n  reward p * max(0, {a} - 2 * p + sum(others(firm.p)) + e)\n}}\nsolve {{ concept = nash; find = all }}\n"
        );
        let pays = |p: usize, other: usize| p as f64 * positive(a - 2.0 * p as f64 + other as f64, w).0;
        let rests = |p: usize| (1..=6).all(|x| pays(x, p) <= pays(p, p));
        let right: Vec<usize> = (1..=6).filter(|p| rests(*p)).collect();
        let s = held(&text);
        let shown = std::iter::once(&s.solution).chain(&s.others);
        let alike: Vec<(f64, f64)> = shown
            .filter(|s| s.mixed[0].iter().all(|p| *p == 0.0 || *p == 1.0) && s.policy.len() == 1)
            .map(|s| (s.policy[0][0], s.players[0].value[0]))
            .collect();
        for p in &right {
            let found = alike.iter().find(|f| f.0 == *p as f64);
            let (_, value) = found.unwrap_or_else(|| panic!("{p} is missing in {alike:?} of {text}"));
            near(*value, pays(*p, *p), 1e-4, &format!("value of {text}"));
        }
    }
}

/// Hawk and dove where everybody sees what there is to win: mixed where a fight costs more than that, hawks where it does not.
#[test]
fn finite_choices_of_those_who_all_see_a_shock_are_solved_state_by_state() {
    for cost in [1.5, 2.5, 3.0] {
        let text = format!(
            "model birds\nshock z ~ iid discrete([1, 2], [0.25, 0.75])\nagent bird[2] {{\n  action h in {{dove, hawk}}\n  let hawks = count(b in bird: b.h == hawk)\n  observe z\n  \
             reward if h == hawk then (if hawks == 2 then (z - {cost}) / 2 else z) else (if hawks == 1 then 0 else z / 2)\n}}\nsolve {{ concept = nash }}\n"
        );
        let s = held(&text);
        let mut value = 0.0;
        for (i, (z, chance)) in [(1.0, 0.25), (2.0, 0.75)].into_iter().enumerate() {
            let hawks = f64::min(z / cost, 1.0);
            let found = match s.solution.mixed[0].as_slice() {
                [] => s.solution.policy[0][i],
                p => p[2 * i + 1],
            };
            near(found, hawks, 1e-8, &format!("hawks at {z} of {text}"));
            value += chance
                * (if hawks < 1.0 {
                    (1.0 - hawks) * z / 2.0
                } else {
                    (z - cost) / 2.0
                });
            near(
                s.solution.players[0].value[i],
                if hawks < 1.0 {
                    (1.0 - hawks) * z / 2.0
                } else {
                    (z - cost) / 2.0
                },
                1e-8,
                &format!("value at {z} of {text}"),
            );
        }
        let paid = [0.25, 0.75]
            .iter()
            .zip(&s.solution.players[0].value)
            .map(|(w, v)| w * v);
        near(paid.sum(), value, 1e-8, &text);
    }
}

/// One of two sees the weather and mixes where it does: the judge counts out every case, what is chosen by chance with what is known.
#[test]
fn mixtures_that_go_with_what_one_of_two_knows_are_judged_exactly() {
    for (rain, prize) in [(0.4, 2.0), (0.3, 2.5), (0.45, 1.5)] {
        let (dry, payoff) = (1.0 - rain, prize);
        let text = format!(
            "model inspection\nshock rain ~ markov([no: 0, yes: 1], [[{dry}, {rain}], [{dry}, {rain}]])\n\
             agent cop {{ action d in {{sleep, check}}; observe rain; reward (if d == check then -1 - rain else 0) + (if thief.s == steal and d == check then 4 else if thief.s == steal then -2 else 0) }}\n\
             agent thief {{ action s in {{home, steal}}; observe 1; reward if s == steal then (if cop.d == check then -5 else {payoff} + rain) else 0 }}\nsolve {{ concept = nash }}\n"
        );
        let s = held(&text);
        // Whoever checks when it is dry only: the thief is as well off at home.
        let checks = (prize * dry + (prize + 1.0) * rain) / (dry * (prize + 5.0));
        near(s.solution.mixed[0][1], checks, 1e-8, &format!("checks of {text}"));
        near(s.solution.mixed[1][1], 1.0 / 6.0, 1e-8, &format!("thefts of {text}"));
    }
}

/// One who takes the price, changes slowly, and sells against a noise behind which the price is nothing: iteration of the condition on a fine grid.
#[test]
fn a_taker_of_a_kinked_price_moves_at_the_right_pace() {
    for w in [1.0, 2.2, 5.0] {
        let text = format!(
            "model taker\nnoise eps ~ uniform(-{w}, {w})\nagent firm {{\n  state k in [0, 15], start 2\n  action q in [0, 15]\n  k' = q\n  observe k\n  \
             reward p * q - 2 * q - (q - k)^2 / 2\n  discount 0.9\n}}\nmarket goods {{ price p = max(12 - firm.q + eps, 0) }}\nsolve {{ concept = competitive }}\n"
        );
        let s = held(&text);
        const N: usize = 1501;
        let at = |i: usize| 15.0 * i as f64 / (N - 1) as f64;
        let read = |q: &[f64], k: f64| {
            let x = (k / 15.0 * (N - 1) as f64).clamp(0.0, (N - 1) as f64 - 1e-9);
            let i = x.floor() as usize;
            q[i] + (x - i as f64) * (q[i + 1] - q[i])
        };
        let price = |q: f64| positive(12.0 - q, w).0;
        let mut q: Vec<f64> = (0..N).map(|i| f64::min(4.0 + 0.4 * at(i), 15.0)).collect();
        loop {
            let condition = |k: f64, m: f64| price(m) - 2.0 - (m - k) + 0.9 * (read(&q, m) - m);
            let next: Vec<f64> = (0..N).map(|i| zero(0.0, 15.0, |m| condition(at(i), m))).collect();
            let moved = q.iter().zip(&next).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            q = next;
            if moved < 1e-10 {
                break;
            }
        }
        let (mut k, mut value) = (2.0, 0.0);
        for t in 0..400 {
            let x = read(&q, k);
            value += 0.9f64.powi(t) * (price(x) * x - 2.0 * x - (x - k).powi(2) / 2.0);
            k = x;
        }
        let nodes = &s.solution.states[0].nodes;
        for (k, x) in nodes.iter().zip(&s.solution.policy[0]) {
            near(*x, read(&q, *k), 2e-3, &format!("choice at {k} with noise {w}"));
        }
        let i = nodes.iter().position(|n| *n >= 2.0).expect("a node");
        let t = (2.0 - nodes[i - 1]) / (nodes[i] - nodes[i - 1]);
        let v = &s.solution.players[0].value;
        near(
            v[i - 1] + t * (v[i] - v[i - 1]),
            value,
            1e-3,
            &format!("value with noise {w}"),
        );
    }
}

/// Chances that move with what takers do are refused, not left out of their conditions.
#[test]
fn chances_that_conditions_do_not_see_are_refused() {
    let text = "model moved\nagent firm {\n  state k in [0, 4], start 2\n  action q in [0, 4]\n  noise bad ~ bernoulli(0.1 + 0.1 * k)\n  k' = q\n  observe k\n  \
                reward p * q - q - (q - k)^2 / 2 - 2 * bad\n  discount 0.9\n}\nmarket goods { price p = 6 - firm.q }\nsolve { concept = competitive }\n";
    let refused = driver::solve(&compile(text), &driver::Request::default(), &mut silent).expect_err("a refusal");
    assert!(
        refused[0].code == "E0810" && refused[0].headline.contains("chances"),
        "{refused:?}"
    );
}
