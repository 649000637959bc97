//! Answers of rests and of what a requirement moves, by hand.

use super::answers::worst;
use crate::env::cast::Behaviour;
use crate::env::simulate::{SimulationOptions as Play, simulate};

fn compiled(text: &str) -> Option<crate::Model> {
    crate::compile(text, &crate::Options::default()).0
}

/// Where a stock rests that loses half of itself, gains a hundredth of `x` and pays a tenth of itself, if `reward` is what `x` in [0, 100] earns
/// besides. A unit of it is worth `m = .1 + .9 * .5 m`.
fn rest(reward: &str) -> f64 {
    let text = format!(
        "param rest = steady_state(a.k)\nagent a {{ state k in [-0.5, 3], start 0; action x in [0, 100]; k' = 0.5 * k + 0.01 * x; reward 0.1 * k + {reward}; discount 0.9 }}\nscenario s {{ start a.k = rest; periods 1 }}\n"
    );
    let model = compiled(&text);
    let found = model.and_then(|m| m.params.iter().find(|p| p.name == "rest")?.values.first().copied());
    found.unwrap_or(f64::INFINITY)
}

/// A broad peak at 30 and a higher one near 71.3, at which
/// `12 / 25 (71.3 - x) exp(-((x - 71.3) / 5)^2) + .9 * .01 m = .002 (x - 30)`.
pub(super) fn rest_at_the_peak() -> f64 {
    let slope = |x: f64| {
        let near = (x - 71.3) / 5.0;
        -2.4 * near * (-near * near).exp() - 0.002 * (x - 30.0) + 0.009 * 0.1 / 0.55
    };
    let (mut lo, mut hi) = (70.0, 71.3);
    for _ in 0..60 {
        let middle = 0.5 * (lo + hi);
        if slope(middle) > 0.0 {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    worst([(rest("6 * exp(-((x - 71.3) / 5)^2) - 0.001 * (x - 30)^2"), 0.02 * lo)])
}

/// More is better up to 120, and 100 is the most.
pub(super) fn rest_at_the_end() -> f64 {
    worst([(rest("-0.001 * (x - 120)^2"), 2.0)])
}

/// What one period pays where the first two actions are asked for and a requirement moves them.
fn paid(text: &str, asked: [f64; 2]) -> f64 {
    let Some(model) = compiled(text) else {
        return f64::INFINITY;
    };
    let options = Play {
        scenario: None,
        periods: Some(1),
        worlds: 1,
        seed: 1,
        on_chain: false,
        greedy: false,
    };
    let behaviour = Behaviour::Fixed(vec![("x".into(), asked[0]), ("y".into(), asked[1])]);
    simulate(&model, &behaviour.into(), &options, &mut |_, _| true).map_or(f64::INFINITY, |run| run.returns[0].total)
}

/// (10, 1) in widths is (1, 1), and half of each is the nearest point whose sum is one.
pub(super) fn near_moves() -> f64 {
    let text = "agent a { action x in [0, 10]; action y in [0, 1]; require x / 10 + y <= 1; reward x + 100 * y }\n";
    worst([(paid(text, [10.0, 1.0]), 55.0)])
}

/// From (5, 1) two steps along x are enough; there is no other way with so few.
pub(super) fn whole_moves() -> f64 {
    let text = "agent a { action x in 0..5; action y in 0..5; require 2 * x + y <= 7; reward x + 100 * y }\n";
    worst([(paid(text, [5.0, 1.0]), 103.0)])
}

/// From (6, 3) two less of the number are enough; the whole number stays.
pub(super) fn numbers_first() -> f64 {
    let text = "agent a { action x in [0, 10]; action y in 0..5; require x + y <= 7; reward x + 100 * y }\n";
    worst([(paid(text, [6.0, 3.0]), 304.0)])
}
