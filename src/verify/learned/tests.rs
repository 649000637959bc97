//! Judging learned policies: distances, losses and what they are set beside.

use super::*;
use crate::solve::progress::silent;
use crate::verify::constant;

const MODEL: &str = "shock z ~ ar1(rho: 0.9, sigma: 0.02)\nagent planner {\n  state k in [0.01, 2], start 0.2\n  \
    action s in (0, 1)\n  let y = exp(z) * k^0.36\n  let c = (1 - s) * y\n  k' = s * y\n  observe k, z\n  \
    reward log(c)\n  discount 0.96\n}\nsolve { grid.k = log(60); chain.z = rouwenhorst(5) }\n";

/// The same share everywhere.
struct Share(f64);
impl Acts for Share {
    fn act(&self, _: At, _: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        actions[0][..draw.len()].fill(self.0);
    }
}

#[test]
fn losses_and_distances_are_those_of_the_closed_form() {
    // Brock and Mirman (1972): the optimal share is alpha beta, and a constant share s for ever is worth
    // log(1 - s) + alpha beta / (1 - alpha beta) log s per unit of annuity, up to constants.
    let (model, diagnostics) = crate::compile(MODEL, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let solved = crate::verify::solved::solve(&model, &Default::default(), &mut silent).unwrap();
    let judge = Judge::new(&model, solved, false).unwrap();
    let ab = 0.36 * 0.96;
    let worth = |s: f64| (1.0 - s).ln() + ab / (1.0 - ab) * s.ln();
    for share in [0.3, 0.4] {
        let d = &judge.distances(&Share(share))[0];
        assert!((d.mean - (share - ab).abs()).abs() < 1e-5, "{d:?}");
        assert!((d.relative() - (share / ab - 1.0).abs()).abs() < 1e-4);
        // The Euler equation of a constant share is 1 = alpha beta / s: this much consumption is missing or too much.
        let residual = judge.euler(&Share(share)).unwrap().unwrap().0;
        assert!((residual - (share / ab - 1.0).abs()).abs() < 1e-3, "{residual}");
        let w = judge.worths(&[&Share(share)], 3).unwrap();
        // u'(c) c = 1, so the loss in utils an annuity is the loss in logs of consumption.
        let exact = worth(ab) - worth(share);
        assert!(
            (w[1].loss - exact).abs() < 1e-3 * exact,
            "{share}: {} against {exact}",
            w[1].loss
        );
    }
    let (myopic, random) = judge
        .with_benchmarks(|exact, myopic, random| {
            let d = judge.distances(exact);
            assert!(d[0].mean < 1e-12 && judge.one_shot(exact).unwrap().1 < 1e-9);
            assert!(judge.euler(exact).unwrap().is_some_and(|e| e.1 < 1e-4));
            let w = judge.worths(&[exact, myopic, random], 3).unwrap();
            assert_eq!(w[1].loss, 0.0);
            (w[2].loss, w[3].loss)
        })
        .unwrap();
    assert!(myopic > 0.1 && random > 0.1, "{myopic} {random}");
}

/// A shop that stocks whole units: what it orders arrives at once, demand is 0, 1 or 2.
const SHOP: &str = "param bonus = 0\nagent shop {\n  state x in 0..6, start 2\n  action q in 0..4\n  \
    noise dem ~ discrete([0, 1, 2], [0.3, 0.4, 0.3])\n  let stock = min(x + q, 6)\n  let sold = min(dem, stock)\n  \
    x' = stock - sold\n  observe x\n  \
    reward bonus + 4 * sold - 1.5 * q - (if q > 0 then 2 else 0) - 0.15 * stock\n  discount 0.9\n}\n";

/// Orders by stock.
struct Table([f64; 7]);
impl Acts for Table {
    fn act(&self, _: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        for i in 0..draw.len() {
            actions[0][i] = self.0[states[0][i] as usize];
        }
    }
}

/// Value of a table of orders at each stock, by enumeration; the best one over all orders where `best`.
fn enumerated(orders: [f64; 7], best: bool, bonus: f64) -> [f64; 7] {
    let mut v = [0.0; 7];
    for _ in 0..2000 {
        let old = v;
        for (x, v) in v.iter_mut().enumerate() {
            let of = |q: usize| -> f64 {
                let stock = (x + q).min(6);
                let fixed = if q > 0 { 2.0 } else { 0.0 };
                let chance = [(0usize, 0.3), (1, 0.4), (2, 0.3)].iter();
                let sales: f64 = chance
                    .map(|&(d, p)| {
                        let sold = d.min(stock);
                        p * (4.0 * sold as f64 + 0.9 * old[stock - sold])
                    })
                    .sum();
                bonus + sales - 1.5 * q as f64 - fixed - 0.15 * stock as f64
            };
            *v = if best {
                (0..=4).map(of).fold(f64::NEG_INFINITY, f64::max)
            } else {
                of(orders[x] as usize)
            };
        }
    }
    v
}

fn judge_of(text: &str) -> Judge {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let solved = crate::verify::solved::solve(&model, &Default::default(), &mut silent).unwrap();
    Judge::new(&model, solved, false).unwrap()
}

#[test]
fn what_a_policy_loses_is_what_enumeration_says() {
    for bonus in [0.0, 250.0] {
        let judge = judge_of(&SHOP.replace("bonus = 0", &format!("bonus = {bonus}")));
        let exact = enumerated([0.0; 7], true, bonus);
        for orders in [
            [4.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            [0.0; 7],
        ] {
            let own = enumerated(orders, false, bonus);
            let w = judge.worths(&[&Table(orders)], 5).unwrap();
            let size = (w[0].value - w[1].value) / w[1].loss;
            let truth = exact[2] - own[2];
            let (loss, error) = (w[1].loss * size, w[1].error * size);
            assert!((w[0].value - exact[2]).abs() < 1e-6, "{} {}", w[0].value, exact[2]);
            assert!((loss - truth).abs() <= 4.0 * error + 1e-6, "{loss} {truth} {error}");
            // A hundred paths know it to a few per cent; two simulated lifetimes differ by more than the loss itself.
            assert!(error < 0.1 * truth + 1e-9, "{error} {truth}");
        }
    }
}

#[test]
fn the_best_constant_is_found_in_a_corner_of_wide_bounds() {
    // A price in [0, 5000] that sells max(10 - p, 0): the best is 5.5 whatever the range.
    let judge = judge_of(
        "agent seller {\n  state k in 0..1, start 0\n  action p in [0, 5000]\n  k' = 1 - k\n  observe k\n  \
         reward (p - 1 - k) * max(10 - p, 0)\n  discount 0.9\n}\nsolve { howard = 0 }\n",
    );
    let bellman = Bellman::new(&judge.decision, judge.solution.interpolation).unwrap();
    let exact = SolvedPolicy::new(&bellman, &judge.solution).unwrap();
    let welfare = Welfare::new(&bellman, &exact, &judge.solution);
    let found = constant::best(&bellman, &welfare, &judge.exact, &[vec![0.0]], 1).unwrap();
    let level = if found.kind == "share" { 5000.0 } else { 1.0 } * found.actions[0];
    // Weights of the two costs: 1 at even dates (of weight 1/1.9), 2 at odd ones.
    let cost = (1.0 + 0.9 * 2.0) / 1.9;
    assert!((level - 0.5 * (10.0 + cost)).abs() < 1e-2, "{found:?}");
    // Kelly (1956): with even odds and a chance of 0.6 the best stake is 0.2.
    let judge = judge_of(
        "agent trader {\n  state x in [0.001, 1000], start 1\n  action f in [0, 0.9]\n  noise up ~ bernoulli(0.6)\n  \
         let r = 1 + f * (if up then 1 else -1)\n  x' = clamp(x * r, 0.001, 1000)\n  observe x\n  reward log(r)\n  discount 0.95\n}\n\
         solve { grid.x = log(20) }\n",
    );
    let bellman = Bellman::new(&judge.decision, judge.solution.interpolation).unwrap();
    let exact = SolvedPolicy::new(&bellman, &judge.solution).unwrap();
    let welfare = Welfare::new(&bellman, &exact, &judge.solution);
    let found = constant::best(&bellman, &welfare, &judge.exact, &[vec![1.0]], 1).unwrap();
    let stake = if found.kind == "share" { 0.9 } else { 1.0 } * found.actions[0];
    assert!((stake - 0.2).abs() < 1e-3, "{found:?}");
}
