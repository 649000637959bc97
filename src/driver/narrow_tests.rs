//! Requirements that leave little of a range: values against a recursion of the test's own, however wide the range is declared.

use super::{Request, Solved, solve};
use crate::solve::progress::silent;

/// Periods of a life, factor of discounting, gross returns with their chances, top of the assets.
const LIFE: usize = 4;
const DISCOUNT: f64 = 0.95;
const RETURNS: [(f64, f64); 3] = [(0.85, 0.25), (1.05, 0.5), (1.2, 0.25)];
const TOP: f64 = 4.0;
/// Nodes and choices of the recursion, and places that are compared.
const NODES: usize = 2001;
const CHOICES: usize = 1200;

/// A household that may buy a house which costs `price` and pays `joy` a period for ever.
#[derive(Clone, Copy, Debug)]
struct Household {
    price: f64,
    joy: f64,
}

impl Household {
    fn text(&self, range: f64) -> String {
        format!(
            "horizon {LIFE}\nagent p {{\n  state a in [0, {TOP:?}], start 0.5\n  state house in 0..1, start 0\n  action buy in {{yes when house == 0, no}}\n  \
             action c in (0, {range:?}]\n  let own = house == 1 or buy == yes\n  \
             let left = a + 1 + 0.2 * t - (if buy == yes then {:?} else 0) - (if own then 0.05 else 0.3) - c\n  require left >= 0\n  require c >= 0.02\n  \
             noise R ~ discrete([0.85, 1.05, 1.2], [0.25, 0.5, 0.25])\n  a' = min(left * R, {TOP:?})\n  house' = if own then 1 else 0\n  observe a, house\n  \
             reward log(c) + (if own then {:?} else 0) + (if t == {} then 3 * log(1 + left + (if own then 1.5 else 0)) else 0)\n  discount {DISCOUNT:?}\n}}\nsolve {{ interpolation = linear; grid.a = uniform(801) }}\n",
            self.price,
            self.joy,
            LIFE - 1
        )
    }

    /// The best value at `(a, house)` in period `t`, by even steps over what the budget leaves, with the value of `next[house]` on even nodes.
    fn best(&self, t: usize, a: f64, house: bool, next: &[Vec<f64>; 2]) -> f64 {
        let mut best = f64::NEG_INFINITY;
        for buy in [false, true] {
            if house && buy {
                continue;
            }
            let own = house || buy;
            let has = a + 1.0 + 0.2 * t as f64 - if buy { self.price } else { 0.0 } - if own { 0.05 } else { 0.3 };
            if has < 0.02 {
                continue;
            }
            for i in 0..=CHOICES {
                let c = 0.02 + (has - 0.02) * i as f64 / CHOICES as f64;
                let left = has - c;
                let mut q = c.ln() + if own { self.joy } else { 0.0 };
                if t == LIFE - 1 {
                    q += 3.0 * (1.0 + left + if own { 1.5 } else { 0.0 }).ln();
                } else {
                    let after = |r: f64| between(&next[usize::from(own)], (left * r).min(TOP));
                    q += DISCOUNT * RETURNS.iter().map(|(r, p)| p * after(*r)).sum::<f64>();
                }
                best = best.max(q);
            }
        }
        best
    }

    /// Values on even nodes, `[period][house][node]`.
    fn values(&self) -> Vec<[Vec<f64>; 2]> {
        let mut out: Vec<[Vec<f64>; 2]> = Vec::new();
        let mut next = [Vec::new(), Vec::new()];
        for t in (0..LIFE).rev() {
            let row = |house: bool| -> Vec<f64> {
                let node = |i: usize| TOP * i as f64 / (NODES - 1) as f64;
                (0..NODES).map(|i| self.best(t, node(i), house, &next)).collect()
            };
            next = [row(false), row(true)];
            out.push(next.clone());
        }
        out.reverse();
        out
    }
}

/// A straight line between even nodes.
fn between(values: &[f64], a: f64) -> f64 {
    let u = a / TOP * (NODES - 1) as f64;
    let cell = (u as usize).min(NODES - 2);
    values[cell] + (u - cell as f64) * (values[cell + 1] - values[cell])
}

fn solved(text: &str) -> Solved {
    let (model, found) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{found:?}"));
    solve(&model, &Request::default(), &mut silent).unwrap_or_else(|d| panic!("{text}: {d:?}"))
}

/// Largest distance of the solved value from `right` at the nodes, and where.
fn off(s: &Solved, right: &[[Vec<f64>; 2]]) -> (f64, String) {
    let nodes = &s.solution.states[0].nodes;
    let mut worst = (0.0, String::new());
    for (t, right) in right.iter().enumerate() {
        let value = s.solution.column(&s.solution.value, t, 0);
        for (k, v) in value.iter().enumerate() {
            let (a, house) = (nodes[k / 2], k % 2);
            let apart = (v - between(&right[house], a)).abs();
            if apart > worst.0 {
                worst = (apart, format!("t {t}, a {a}, house {house}: {v}"));
            }
        }
    }
    worst
}

#[test]
fn values_are_right_however_little_a_requirement_leaves_of_the_range() {
    for household in [
        Household { price: 2.2, joy: 0.25 },
        Household { price: 1.2, joy: 0.4 },
        Household { price: 1.6, joy: 0.1 },
    ] {
        let right = household.values();
        // At a = .5 to 1.5 about a third to a half, a tenth, three and half a per cent of the range are left.
        for range in [5.0, 13.0, 40.0, 260.0] {
            let s = solved(&household.text(range));
            let (apart, place) = off(&s, &right);
            assert!(apart < 4e-3, "{household:?} range {range}: {apart:.1e} at {place}");
        }
    }
}
