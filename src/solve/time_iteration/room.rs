//! Where an action may lie: its bounds, narrowed to where requirements hold. Where a requirement limits the only action, its limit is a
//! bound like any other, found once, since neither knows tomorrow's values.

use super::stage::{Stage, Work};

/// Even steps in which a range is looked at for where requirements hold, and how often the way to each end is halved as well: what they leave may be a
/// small part of it.
const STEPS: usize = 32;
const CLOSER: i32 = 24;
/// Halvings that lead to the end of what is allowed.
const HALVINGS: usize = 60;

/// Bounds of the actions at some states, `[action][point]` each.
pub(super) struct Room {
    pub(super) lo: Vec<Vec<f64>>,
    pub(super) hi: Vec<Vec<f64>>,
}

/// Bounds at the states `states[s][i]` of a joint shock. Nothing is allowed at a point whose lower bound lies above its upper one.
pub(super) fn room(stage: &Stage, shock: usize, states: &[&[f64]], work: &mut Work) -> Room {
    let [mut lo, mut hi] = stage.bounds(shock, states);
    if let ([lo], [hi]) = (lo.as_mut_slice(), hi.as_mut_slice()) {
        narrow(stage, shock, states, (lo, hi), work);
    }
    Room { lo, hi }
}

/// The shares of a range at which it is looked at, ascending from 0 to 1.
fn looked_at() -> Vec<f64> {
    let even = (0..=STEPS).map(|k| k as f64 / STEPS as f64);
    let close = (6..=CLOSER).map(|k| 0.5f64.powi(k)).flat_map(|u| [u, 1.0 - u]);
    let mut out: Vec<f64> = even.chain(close).collect();
    out.sort_by(f64::total_cmp);
    out
}

/// Narrows the range of one action to the stretch in which requirements hold, where they do not hold at both its ends.
fn narrow(stage: &Stage, shock: usize, states: &[&[f64]], (lo, hi): (&mut [f64], &mut [f64]), work: &mut Work) {
    let n = lo.len();
    let mut holds = |x: &[f64]| -> Vec<bool> {
        let slack = stage.slack(shock, states, &[x], work);
        slack.into_iter().map(|s| s >= 0.0).collect()
    };
    let ends = [holds(lo), holds(hi)];
    let all = (0..n).all(|i| ends[0][i] && ends[1][i]);
    let bounded = lo.iter().chain(hi.iter()).all(|x| x.is_finite());
    if all || !bounded {
        return;
    }
    // The first and the last point of each range at which they hold.
    let shares = looked_at();
    let share = |k: usize| shares[k];
    let along = |i: usize, s: f64| lo[i] + s * (hi[i] - lo[i]);
    let mut first = vec![None; n];
    let mut last = vec![None; n];
    for k in 0..shares.len() {
        let x: Vec<f64> = (0..n).map(|i| along(i, share(k))).collect();
        for (i, fine) in holds(&x).into_iter().enumerate() {
            if fine {
                first[i] = first[i].or(Some(k));
                last[i] = Some(k);
            }
        }
    }
    let mut edge = |inside: &[Option<usize>], below: bool| -> Vec<f64> {
        let neighbour = |k: usize| {
            if below {
                k.saturating_sub(1)
            } else {
                (k + 1).min(shares.len() - 1)
            }
        };
        let mut fine: Vec<f64> = (0..n).map(|i| along(i, inside[i].map_or(0.5, share))).collect();
        let mut not: Vec<f64> = (0..n)
            .map(|i| along(i, inside[i].map_or(0.5, |k| share(neighbour(k)))))
            .collect();
        for _ in 0..HALVINGS {
            let middle: Vec<f64> = fine.iter().zip(&not).map(|(a, b)| 0.5 * (a + b)).collect();
            for (i, holds) in holds(&middle).into_iter().enumerate() {
                if holds { fine[i] = middle[i] } else { not[i] = middle[i] }
            }
        }
        fine
    };
    let (low, high) = (edge(&first, true), edge(&last, false));
    for i in 0..n {
        match first[i] {
            // At the very ends bounds are what they are, to the bit.
            Some(_) => {
                lo[i] = if ends[0][i] { lo[i] } else { low[i] };
                hi[i] = if ends[1][i] { hi[i] } else { high[i] };
            }
            None if ends[0][i] => hi[i] = lo[i],
            None if ends[1][i] => lo[i] = hi[i],
            None => (lo[i], hi[i]) = (1.0, 0.0),
        }
    }
}
