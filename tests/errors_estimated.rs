//! The certificate's estimate of the largest error of value and policy against the truth.
//!
//! Ten economies are solved on purpose too coarsely: with few nodes, few states of a chain, few quadrature nodes. The truth is a
//! closed form where there is one, else a solution so fine that its own estimate is far smaller. Errors are taken at
//! thousands of places that lives under the coarse policy visit (other lives than the certificate's). The estimate may never be
//! below a third of the largest error there (one known exception is listed), and in eight of ten economies it is at most three times it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use econc::check::model::Model;
use econc::driver::{self, Solved};
use econc::solve::between::PolicyBetween;
use econc::solve::progress::silent;
use econc::solve::solution::Solution;
use econc::verify::world::play::{self, Played};
use econc::verify::world::seat::SolvedSeat;
use econc::verify::world::value::Value;
use econc::verify::world::{self, visit::Visit};
use std::sync::Arc;

/// The true value at a place, and the true actions (finite ones are left out).
type Truth = Box<dyn Fn(&Visit) -> (f64, Vec<f64>)>;

/// An economy, and what it is solved with.
struct Case {
    name: &'static str,
    text: &'static str,
    /// Settings of the coarse solutions, by kind; a kind that the economy has not is left out.
    coarse: &'static [(&'static str, &'static [(&'static str, &'static str)])],
    truth: fn() -> Option<Truth>,
    /// Settings of the fine solution where there is no closed form.
    fine: &'static [(&'static str, &'static str)],
}

/// Errors below this share of a choice's size, or of a period's consumption, are those of rounding and integration.
const NOTHING: f64 = 2e-7;

fn compiled(text: &str, set: &[(&str, &str)]) -> Model {
    let options = econc::Options {
        set: set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..econc::Options::default()
    };
    let (model, diagnostics) = econc::compile(text, &options);
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn solve(model: &Model) -> Solved {
    let options = driver::Request {
        seed: 1,
        ..driver::Request::default()
    };
    driver::solve(model, &options, &mut silent).unwrap_or_else(|d| panic!("{}: {d:?}", model.name))
}

fn lives(model: &Model, solution: &Solution) -> (SolvedSeat, Value, Played) {
    let seat = SolvedSeat::of(model, solution).unwrap();
    let value = Value::new(solution, &seat, model.horizon).unwrap();
    let options = world::JudgeOptions {
        seed: 77,
        points: 2000,
        ..world::JudgeOptions::default()
    };
    let played = play::play(model, solution, &seat, &value, &options, &play::Apart::default()).unwrap();
    (seat, value, played)
}

/// The fine solution as the truth.
fn by_fine(case: &Case) -> (Truth, Solved) {
    let model = compiled(case.text, case.fine);
    let found = solve(&model);
    let seat = SolvedSeat::of(&model, &found.solution).unwrap();
    let value = Value::new(&found.solution, &seat, model.horizon).unwrap();
    let policy = PolicyBetween::new(Arc::new(found.solution.clone())).unwrap();
    let n = found.solution.actions.len();
    let truth = move |v: &Visit| {
        let spot = policy.spot(v.place.period, &v.shocks, &v.states);
        let actions = (0..n).map(|a| policy.action(a, &spot)).collect();
        (value.at(&v.states, &v.shocks, v.place.period), actions)
    };
    (Box::new(truth), found)
}

fn none() -> Option<Truth> {
    None
}

/// Brock and Mirman (1972): `k' = alpha beta y`.
fn brock_mirman() -> Option<Truth> {
    let (a, b, rho) = (0.36, 0.95, 0.9);
    let x: f64 = a * b;
    let slope = a / (1.0 - x);
    let of_z = 1.0 / ((1.0 - x) * (1.0 - b * rho));
    let level = ((1.0 - x).ln() + x / (1.0 - x) * x.ln()) / (1.0 - b);
    Some(Box::new(move |v| {
        let (k, z) = (v.states[0], v.shocks[0]);
        let y = z.exp() * k.powf(a);
        (level + slope * k.ln() + of_z * z, vec![x * y])
    }))
}

/// Two sectors that do not touch: the sum of two such economies, with one shock.
fn two_capitals() -> Option<Truth> {
    let (b, rho) = (0.9, 0.8);
    let part = move |a: f64, k: f64, z: f64| -> (f64, f64) {
        let x: f64 = a * b;
        let level = ((1.0 - x).ln() + x / (1.0 - x) * x.ln()) / (1.0 - b);
        let value = level + a / (1.0 - x) * k.ln() + z / ((1.0 - x) * (1.0 - b * rho));
        (value, x * z.exp() * k.powf(a))
    };
    Some(Box::new(move |v| {
        let (one, two) = (part(0.3, v.states[0], v.shocks[0]), part(0.5, v.states[1], v.shocks[0]));
        (one.0 + two.0, vec![one.1, two.1])
    }))
}

/// Log utility of a cake: `c = (1 - beta) k`.
fn cake() -> Option<Truth> {
    let b: f64 = 0.9;
    Some(Box::new(move |v| {
        let k = v.states[0];
        let level = (1.0 - b).ln() / (1.0 - b) + b * b.ln() / (1.0 - b).powi(2);
        (level + k.ln() / (1.0 - b), vec![(1.0 - b) * k])
    }))
}

/// Minus the least discounted sum of `x^2 + r u^2` with `x' = a x + u + w`: Riccati.
fn quadratic() -> Option<Truth> {
    let (a, r, b, sigma) = (0.9, 0.5, 0.95, 0.3);
    let mut p: f64 = 1.0;
    for _ in 0..2000 {
        p = 1.0 + b * a * a * p - (b * a * p).powi(2) / (r + b * p);
    }
    let constant = b * p * sigma * sigma / (1.0 - b);
    let gain = b * a * p / (r + b * p);
    Some(Box::new(move |v| {
        let x = v.states[0];
        (-p * x * x - constant, vec![-gain * x])
    }))
}

/// Newsvendor with carried stock, demand exponential with mean 1: order up to `y` with `F(y) = (p - c) / (p + h - beta c)`.
fn newsvendor() -> Option<Truth> {
    let (p, c, h, b) = (3.0, 1.0, 0.2, 0.95);
    let up_to: f64 = -(1.0f64 - (p - c) / (p + h - b * c)).ln();
    // E min(y, D), E (y - D)^+ for exponential demand.
    let sold = 1.0 - (-up_to).exp();
    let kept = up_to - sold;
    let constant = (p * sold - h * kept - c * up_to + b * c * kept) / (1.0 - b);
    Some(Box::new(move |v| {
        let s = v.states[0];
        assert!(s <= up_to + 0.3, "{s}");
        (constant + c * s, vec![(up_to - s).max(0.0)])
    }))
}

/// Replacement at a fixed cost of a machine whose wear grows by half or not at all; by value iteration on whole numbers.
fn machine() -> Option<Truth> {
    let (n, b) = (41, 0.95);
    let mut v = vec![0.0f64; n];
    for _ in 0..3000 {
        let old = v.clone();
        let stay = |x: usize| 0.6 * old[(x + 1).min(n - 1)] + 0.4 * old[x];
        for x in 0..n {
            let keep = -0.1 * x as f64 + b * stay(x);
            let replace = -4.0 + b * stay(0);
            v[x] = keep.max(replace);
        }
    }
    Some(Box::new(move |at| {
        let x = at.states[0] * 2.0;
        assert!((x - x.round()).abs() < 1e-9, "wear {x}");
        (v[x.round() as usize], vec![])
    }))
}

const BROCK: &str = "model brock\nparam alpha = 0.36\nparam beta = 0.95\nshock z ~ ar1(rho: 0.9, sigma: 0.02)\n\
agent planner {\n  state k in [0.03, 0.6], start uniform(0.1, 0.3)\n  let y = exp(z) * k^alpha\n  action x in [0, y]\n\
  let c = y - x\n  k' = x\n  observe k, z\n  reward log(c)\n  discount beta\n}\n";
const GROWTH: &str = "model growth\nparam gamma = 2\nshock z ~ ar1(rho: 0.9, sigma: 0.02)\n\
agent planner {\n  state k in [1, 12], start uniform(3, 5)\n  action s in [0, 1)\n  let y = exp(z) * k^0.36\n\
  let c = (1 - s) * y\n  k' = 0.9 * k + s * y\n  observe k, z\n  reward crra(c, gamma)\n  discount 0.96\n}\n";
const STORM: &str = "model storm\nagent planner {\n  state k in [0.5, 20], start uniform(2, 5)\n  action s in [0, 1)\n\
  noise w ~ normal(0, 0.1)\n  let y = k^0.36\n  let c = (1 - s) * y\n  k' = exp(w) * (0.8 * k + s * y)\n  observe k\n\
  reward crra(c, 3)\n  discount 0.95\n}\n";
const BUFFER: &str = "model buffer\nagent saver {\n  state m in [0.2, 12], start 1\n  action c in [0, m]\n\
  noise w ~ normal(0, 0.3)\n  m' = min(1.02 * (m - c) + exp(w), 12)\n  observe m\n  reward crra(c, 2)\n  discount 0.92\n}\n";
const IRREVERSIBLE: &str = "model irreversible\nshock z ~ ar1(rho: 0.8, sigma: 0.1)\n\
agent planner {\n  state k in [0.6, 14], start 2.5\n  let y = exp(z) * k^0.33\n  action i in [0, y]\n  let c = y - i\n\
  k' = 0.9 * k + i\n  observe k, z\n  reward crra(c, 2)\n  discount 0.94\n}\n";
const CAKE: &str = "model cake\nagent eater {\n  state k in [0.0001, 2], start 1\n  action c in [0, k]\n  k' = k - c\n\
  observe k\n  reward log(c)\n  discount 0.9\n}\n";
const QUADRATIC: &str = "model quadratic\nagent a {\n  state x in [-6, 6], start uniform(-1, 1)\n  action u in [-6, 6]\n\
  noise w ~ normal(0, 0.3)\n  x' = 0.9 * x + u + w\n  observe x\n  reward -x^2 - 0.5 * u^2\n  discount 0.95\n}\n";
const NEWSVENDOR: &str = "model newsvendor\nagent shop {\n  state s in [0, 8], start 0\n  action q in [0, 6]\n\
  noise d ~ exponential(1)\n  let y = s + q\n  let sold = min(y, d)\n  s' = min(y - sold, 8)\n  observe s\n\
  reward 3 * sold - 0.2 * (y - sold) - q\n  discount 0.95\n}\n";
const MACHINE: &str = "model machine\nagent owner {\n  state x in [0, 20], start 0\n  action d in {keep, replace}\n\
  noise w ~ bernoulli(0.6)\n  let from = if d == replace then 0 else x\n  x' = min(from + (if w then 0.5 else 0), 20)\n  observe x\n\
  reward if d == replace then -4 else -0.2 * x\n  discount 0.95\n}\n";
const CAPITALS: &str = "model capitals\nshock z ~ ar1(rho: 0.8, sigma: 0.05)\nagent planner {\n\
  state k in [0.03, 0.7], start uniform(0.1, 0.2)\n  state h in [0.03, 0.8], start uniform(0.15, 0.25)\n\
  let y = exp(z) * k^0.3\n  let g = exp(z) * h^0.5\n  action x in [0, y]\n  action u in [0, g]\n  k' = x\n  h' = u\n\
  observe k, h, z\n  reward log(y - x) + log(g - u)\n  discount 0.9\n}\n";

const CASES: &[Case] = &[
    Case {
        name: "closed form, an AR(1)",
        text: BROCK,
        coarse: &[
            ("grid", &[("grid.k", "log(8)"), ("chain.z", "rouwenhorst(15)")]),
            ("chain", &[("grid.k", "log(60)"), ("chain.z", "rouwenhorst(3)")]),
        ],
        truth: brock_mirman,
        fine: &[],
    },
    Case {
        name: "growth",
        text: GROWTH,
        coarse: &[
            ("grid", &[("grid.k", "log(6)"), ("chain.z", "rouwenhorst(15)")]),
            ("chain", &[("grid.k", "log(60)"), ("chain.z", "rouwenhorst(3)")]),
        ],
        truth: none,
        fine: &[("grid.k", "log(200)"), ("chain.z", "rouwenhorst(21)")],
    },
    Case {
        name: "capital at risk",
        text: STORM,
        coarse: &[
            ("grid", &[("grid.k", "log(7)"), ("quadrature.w", "15")]),
            ("quadrature", &[("grid.k", "log(60)"), ("quadrature.w", "2")]),
        ],
        truth: none,
        fine: &[("grid.k", "log(300)"), ("quadrature.w", "40")],
    },
    Case {
        name: "buffer stock (a constraint binds)",
        text: BUFFER,
        coarse: &[
            ("grid", &[("grid.m", "log(14)"), ("quadrature.w", "15")]),
            ("quadrature", &[("grid.m", "log(120)"), ("quadrature.w", "2")]),
        ],
        truth: none,
        fine: &[("grid.m", "log(250)"), ("quadrature.w", "30")],
    },
    Case {
        name: "irreversible investment (a constraint binds)",
        text: IRREVERSIBLE,
        coarse: &[
            ("grid", &[("grid.k", "log(12)"), ("chain.z", "rouwenhorst(15)")]),
            ("chain", &[("grid.k", "log(100)"), ("chain.z", "rouwenhorst(5)")]),
        ],
        truth: none,
        fine: &[("grid.k", "log(300)"), ("chain.z", "rouwenhorst(31)")],
    },
    Case {
        name: "cake",
        text: CAKE,
        coarse: &[("grid", &[("grid.k", "log(12)")])],
        truth: cake,
        fine: &[],
    },
    Case {
        name: "quadratic",
        text: QUADRATIC,
        coarse: &[
            ("grid", &[("grid.x", "7"), ("quadrature.w", "15")]),
            ("quadrature", &[("grid.x", "60"), ("quadrature.w", "1")]),
        ],
        truth: quadratic,
        fine: &[],
    },
    Case {
        name: "newsvendor with carried stock (a kink)",
        text: NEWSVENDOR,
        coarse: &[
            ("grid", &[("grid.s", "9"), ("quadrature.d", "60")]),
            ("quadrature", &[("grid.s", "60"), ("quadrature.d", "3")]),
        ],
        truth: newsvendor,
        fine: &[],
    },
    Case {
        name: "replacement (finite choices)",
        text: MACHINE,
        coarse: &[("grid", &[("grid.x", "9")])],
        truth: machine,
        fine: &[],
    },
    Case {
        name: "two capitals",
        text: CAPITALS,
        coarse: &[
            (
                "grid",
                &[
                    ("grid.k", "log(6)"),
                    ("grid.h", "log(6)"),
                    ("chain.z", "rouwenhorst(9)"),
                ],
            ),
            (
                "chain",
                &[
                    ("grid.k", "log(20)"),
                    ("grid.h", "log(20)"),
                    ("chain.z", "rouwenhorst(3)"),
                ],
            ),
        ],
        truth: two_capitals,
        fine: &[],
    },
];

/// Where the estimate is known to fall short: a spline over twelve nodes across a binding constraint ripples between the places of the mesh, and the
/// estimate sees a fifth of what that does to investment.
const SHORT: &[&str] = &["irreversible investment (a constraint binds) grid planner.i"];

/// One comparison: what, the estimate, the truth.
struct Row {
    economy: &'static str,
    coarse: &'static str,
    what: String,
    estimate: f64,
    truth: f64,
    /// Below this an error is nothing.
    nothing: f64,
}

fn rows(case: &'static Case) -> Vec<Row> {
    let (truth, own) = match (case.truth)() {
        Some(truth) => (truth, None),
        None => {
            let (truth, found) = by_fine(case);
            (truth, Some(found))
        }
    };
    let mut out = Vec::new();
    for (kind, set) in case.coarse {
        let model = compiled(case.text, set);
        let found = solve(&model);
        let judged = found
            .certificate
            .world
            .as_ref()
            .unwrap_or_else(|| panic!("{}", case.name));
        let (_, value, played) = lives(&model, &found.solution);
        let known: Vec<(f64, Vec<f64>)> = played.visits.iter().map(&truth).collect();
        let scale = |c: usize| {
            let sum: f64 = played.visits.iter().map(|v| v.actions[c].powi(2)).sum();
            (sum / played.visits.len() as f64).sqrt()
        };
        let estimate = |name: &str| {
            let all = judged.errors.iter().find(|e| e.name == name);
            all.unwrap_or_else(|| panic!("{} {kind}: {name} {:?}", case.name, judged.proofs))
                .error
        };
        let off = played
            .visits
            .iter()
            .zip(&known)
            .map(|(v, (t, _))| (value.at(&v.states, &v.shocks, v.place.period) - t).abs());
        let mut push = |what: &str, estimate: f64, truth: f64, nothing: f64| {
            out.push(Row {
                economy: case.name,
                coarse: kind,
                what: what.to_string(),
                estimate,
                truth,
                nothing,
            });
        };
        push("value", estimate("value"), off.fold(0.0, f64::max), NOTHING);
        for (c, action) in found.solution.actions.iter().enumerate() {
            if known[0].1.is_empty() {
                continue;
            }
            let off = played
                .visits
                .iter()
                .zip(&known)
                .map(|(v, (_, t))| (v.actions[c] - t[c]).abs());
            let size = scale(c);
            push(
                &action.name,
                estimate(&action.name),
                off.fold(0.0, f64::max),
                NOTHING * size,
            );
        }
    }
    // A truth that is a solution must be far closer to its own truth: what it cannot decide is left out.
    let fine = own
        .and_then(|found| found.certificate.world)
        .map_or(Vec::new(), |w| w.errors);
    out.retain(|r| {
        let own = fine.iter().find(|e| e.name == r.what).map_or(0.0, |e| e.error);
        own < 0.2 * r.truth.max(r.estimate)
    });
    out
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what a reader of the test wants")]
fn the_estimate_is_never_far_below_the_truth_and_rarely_far_above() {
    let mut wrong = Vec::new();
    let (mut close, mut compared) = (0, 0);
    println!("| economy | coarse | what | estimate | truth | ratio |\n|---|---|---|---|---|---|");
    for case in CASES {
        let mut within = true;
        for r in rows(case) {
            compared += 1;
            let ratio = r.estimate / r.truth;
            println!(
                "| {} | {} | {} | {:.2e} | {:.2e} | {ratio:.2} |",
                r.economy, r.coarse, r.what, r.estimate, r.truth
            );
            if r.estimate < r.truth / 3.0 && r.truth > r.nothing {
                wrong.push(format!("{} {} {}", r.economy, r.coarse, r.what));
            }
            within &= r.estimate <= 3.0 * r.truth || r.estimate <= 3.0 * r.nothing;
        }
        close += usize::from(within);
    }
    assert_eq!(wrong, SHORT);
    assert!(compared >= 32, "{compared} comparisons");
    assert!(close >= 8, "{close} of {}", CASES.len());
}
