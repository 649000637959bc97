//! Where a value is no number any more: which node, and whether a reward without an upper end is why.

use super::bellman::{At, Bellman, Scratch};
use super::describe::describe;
use super::problem::{ActionKind, Lanes};
use crate::diag::Diagnostic;

/// Powers of ten by which an action comes near an end of its range.
const DECADES: i32 = 12;
/// Decades over which a reward must grow at least as fast as a logarithm to be called without end.
const GROWS: usize = 5;

/// E0903 for values (states x shocks, shocks fastest) of which one is not finite. `when`: after how much work.
pub(super) fn not_a_number(
    bellman: &Bellman,
    value: &[f64],
    policy: &[Vec<f64>],
    time: usize,
    when: &str,
) -> Diagnostic {
    let error = Diagnostic::error("E0903", format!("the value is no longer a number {when}"));
    let nz = bellman.shocks();
    let Some(k) = value.iter().position(|v| !v.is_finite()) else {
        return error.hint("check the reward for division by zero or powers of negative numbers");
    };
    let at = At { shock: k % nz, time };
    let place = describe(bellman, at, k / nz);
    let chosen: Vec<f64> = policy.iter().map(|p| p.get(k).copied().unwrap_or(f64::NAN)).collect();
    if let Some((action, end)) = endless(bellman, at, k / nz, &chosen) {
        let goes = if end.is_finite() {
            format!("as `{action}` comes near {end}")
        } else {
            format!("with `{action}`, which has no end itself")
        };
        return Diagnostic::error(
            "E0903",
            format!("the reward has no upper end: it grows without end {goes}"),
        )
        .note(format!("first at {place}"))
        .hint(format!(
            "no choice is best there: check the sign of the reward, or give `{action}` a closed end short of it"
        ));
    }
    let error = error.note(format!("first at {place}: the value is {}", value[k]));
    if value[k].is_infinite() {
        return error.hint(
            "a number beyond 1.8e308: look for what grows as fast as exp(x) or x^n with a large x, bound it, or measure it in other units",
        );
    }
    error.hint("check the reward for division by zero or powers of negative numbers; `a^0.5` of a negative `a` is none")
}

/// A continuous action along which the reward grows without end at a node, and the end of its range where it does.
fn endless(bellman: &Bellman, at: At, node: usize, chosen: &[f64]) -> Option<(String, f64)> {
    let spec = bellman.problem.spec();
    let mut x = vec![0.0; spec.states.len()];
    bellman.tensor.node(node, &mut x);
    let n = DECADES as usize + 1;
    let wide = |v: &[f64]| -> Vec<Vec<f64>> { v.iter().map(|x| vec![*x; n]).collect() };
    let states = wide(&x);
    let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
    let continuous: Vec<usize> = (0..spec.actions.len())
        .filter(|a| spec.actions[*a].kind == ActionKind::Continuous)
        .collect();
    let (mut lo, mut hi) = (
        vec![vec![0.0; n]; continuous.len()],
        vec![vec![0.0; n]; continuous.len()],
    );
    let lanes = Lanes::before_draws(&states, &[], at.shock, at.time);
    {
        let mut l: Vec<&mut [f64]> = lo.iter_mut().map(Vec::as_mut_slice).collect();
        let mut h: Vec<&mut [f64]> = hi.iter_mut().map(Vec::as_mut_slice).collect();
        bellman.problem.bounds(&lanes, &mut l, &mut h);
    }
    // An action that is no number stands in the middle.
    let middle = |c: usize| {
        let (l, h) = (lo[c][0].max(-1e6), hi[c][0].min(1e6));
        0.5 * (l + h)
    };
    let mut base = chosen.to_vec();
    base.resize(spec.actions.len(), 0.0);
    for (c, a) in continuous.iter().enumerate() {
        if !(base[*a] > lo[c][0] && base[*a] < hi[c][0]) {
            base[*a] = middle(c);
        }
    }
    base.iter_mut().filter(|x| !x.is_finite()).for_each(|x| *x = 0.0);
    for (c, a) in continuous.iter().enumerate() {
        let (l, h) = (lo[c][0], hi[c][0]);
        for (end, other) in [(h, l), (l, h)] {
            let point = |j: i32| match (end.is_finite(), other.is_finite()) {
                (true, true) => end + (other - end) * 0.5 * 10f64.powi(-j),
                (true, false) => end + (if other > 0.0 { 1.0 } else { -1.0 }) * 10f64.powi(-j),
                (false, _) => end.signum() * 10f64.powi(j),
            };
            let mut actions = wide(&base);
            actions[*a] = (0..=DECADES).map(point).collect();
            let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
            let mut scratch = Scratch::default();
            bellman.evaluate(at, 0, at.shock, &states, &actions, n, &mut scratch);
            let r: Vec<f64> = scratch.reward.iter().copied().take_while(|r| r.is_finite()).collect();
            let steps: Vec<f64> = r.windows(2).map(|w| w[1] - w[0]).collect();
            let last = &steps[steps.len().saturating_sub(GROWS)..];
            let grows = last.len() == GROWS && last[0] > 0.0 && last.windows(2).all(|w| w[1] >= 0.9 * w[0]);
            if grows {
                return Some((spec.actions[*a].name.clone(), end));
            }
        }
    }
    None
}
