//! First constants where several members share a policy: one member deviates while the others stay.
//!
//! A round tries constants around the one that all play, each by one member (few, where there are many), and all then go part of the
//! way to what paid the deviating member best. Where that is where they already are, nobody gains by another constant: an equilibrium in
//! constants. A step becomes shorter where it turns back, since best replies of many overshoot (with four firms and linear demand the
//! replies of all at once already move further away each time).

use super::{CANDIDATES, ELITE, FINAL, First, TRIES, Trial, averaged, bounded, clearly_positive, drawn, gap};
use crate::num::random::Stream;

/// Fewest and most rounds of the search: more than the fewest while there are steps.
const FEWEST_ROUNDS: usize = 8;
const MOST_ROUNDS: usize = 24;
/// Members of which one deviates at a time.
const OF_MANY: usize = 32;
/// Least share of the way to the best reply.
const SHORTEST: f64 = 1.0 / 16.0;
/// Spread of the candidates at first, and at least.
const SPREAD: (f64, f64) = (1.2, 0.02);
/// Rounds of the end over which places are averaged where replies go round.
const LATE: usize = 6;
/// Gain by the best reply that is no rounding of the search, in units of how much constants differed at first.
const MUCH: f64 = 0.02;

/// Members of a world that deviate at a time.
fn deviating(members: usize) -> usize {
    (members / OF_MANY).max(1)
}

/// Times that all worlds play in one round.
fn turns(worlds: usize, members: usize) -> usize {
    TRIES.div_ceil(worlds * deviating(members))
}

/// Times that all worlds play, at least.
pub(super) fn plays(worlds: usize, members: usize) -> usize {
    (FEWEST_ROUNDS + 1) * turns(worlds, members) + 4 * FINAL.div_ceil(worlds)
}

/// The constant to which one member's best reply is the same constant, or the mean of the last ones where replies go round.
pub(super) fn search(trial: &mut Trial<'_>, dims: usize, most: u64) -> First {
    let mut rng = Stream::new(trial.seed, 6);
    let (mut at, mut spread, mut share) = (vec![0.0f64; dims], vec![SPREAD.0; dims], vec![0.5f64; dims]);
    let (mut way, mut reply) = (vec![0.0f64; dims], vec![0.0f64; dims]);
    let mut places: Vec<Vec<f64>> = Vec::new();
    let mut range = 0.0;
    for round in 0..MOST_ROUNDS {
        let before = trial.steps;
        let candidates = drawn(&mut rng, &at, &spread);
        let values = worth(trial, &at, &candidates, round as u64);
        if trial.broken {
            return First {
                steps: trial.steps,
                ..First::default()
            };
        }
        if round == 0 {
            let finite = || values.iter().copied().filter(|v| v.is_finite());
            range = finite().fold(f64::NEG_INFINITY, f64::max) - finite().fold(f64::INFINITY, f64::min);
        }
        let mut order: Vec<usize> = (0..CANDIDATES).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
        let elite = &order[..ELITE];
        if values[elite[ELITE - 1]].is_finite() {
            for j in 0..dims {
                let of =
                    |f: &dyn Fn(f64) -> f64| elite.iter().map(|k| f(candidates[*k][j])).sum::<f64>() / ELITE as f64;
                reply[j] = of(&|x| x);
                let middle = reply[j];
                let own = of(&|x| (x - middle).powi(2)).sqrt();
                let now = reply[j] - at[j];
                if now * way[j] < 0.0 {
                    share[j] = (0.5 * share[j]).max(SHORTEST);
                } else if round > 0 {
                    share[j] = (1.25 * share[j]).min(1.0);
                }
                way[j] = now;
                at[j] += share[j] * now;
                // As far as the reply was, it can be the next time.
                spread[j] = own.max(now.abs()).max(SPREAD.1);
            }
        }
        places.push(at.clone());
        let cost = trial.steps - before;
        if round + 1 >= FEWEST_ROUNDS && trial.steps + 2 * cost > most {
            break;
        }
    }
    let turning = gains_elsewhere(trial, &at, &mut rng, range);
    if turning {
        let late = &places[places.len().saturating_sub(LATE)..];
        for (j, a) in at.iter_mut().enumerate() {
            *a = late.iter().map(|p| p[j]).sum::<f64>() / late.len() as f64;
        }
    }
    // Whether who plays it would be worse off in the middle of the bounds, with the others where they are.
    let taken = clearly_positive(&gains(trial, &at, &at, &vec![0.0; dims], MOST_ROUNDS as u64));
    let said = "one member's best reply to a constant of the others is another constant, and the search of one that is its own best \
                reply did not settle";
    let from = match taken {
        true => "learning starts at the mean of the last ones",
        false => "learning starts in the middle of the bounds",
    };
    First {
        constant: if taken {
            bounded(&at, super::FURTHEST)
        } else {
            Vec::new()
        },
        steps: trial.steps,
        said: turning.then(|| format!("{said}: {from}")),
        ..First::default()
    }
}

/// Whether one member gains clearly by another constant, near or far, where all others play `at`; `range` is how much constants differed
/// at first. The search looks no further than its last candidates were spread.
fn gains_elsewhere(trial: &mut Trial<'_>, at: &[f64], rng: &mut Stream, range: f64) -> bool {
    let candidates = drawn(rng, at, &vec![SPREAD.0; at.len()]);
    let values = worth(trial, at, &candidates, MOST_ROUNDS as u64);
    let best = (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]));
    best.is_some_and(|k| {
        // Other worlds than those in which it was the best.
        let gaps = gains(trial, at, &candidates[k], at, MOST_ROUNDS as u64 + 1);
        gaps.iter().sum::<f64>() / gaps.len() as f64 > MUCH * range && clearly_positive(&gaps)
    })
}

/// What each candidate is worth to one member where all others play `at`.
fn worth(trial: &mut Trial<'_>, at: &[f64], candidates: &[Vec<f64>], round: u64) -> Vec<f64> {
    let (worlds, members, n) = (trial.worlds, trial.members, candidates.len());
    let (few, turns) = (deviating(members), turns(worlds, members));
    let mut plays: Vec<(usize, usize, f64)> = Vec::new();
    for turn in 0..turns {
        let mut constants: Vec<&[f64]> = vec![at; worlds * members];
        let mut who = Vec::new();
        for w in 0..worlds {
            for d in 0..few {
                let number = (turn * worlds + w) * few + d;
                // The second time with another member, in another world where worlds are few.
                let candidate = (number + number / n) % n;
                let member = (number / few + round as usize + d * (members / few)) % members;
                constants[w * members + member] = &candidates[candidate];
                who.push((candidate, w, w * members + member));
            }
        }
        let got = trial.play_each(&constants, round);
        plays.extend(who.into_iter().map(|(k, w, slot)| (k, w, value(got[slot]))));
    }
    averaged(&plays, worlds, n, turns >= n.min(8))
}

/// What one member earns more by `a` than by `b` in the same worlds, where all others play `at`: one number per play.
fn gains(trial: &mut Trial<'_>, at: &[f64], a: &[f64], b: &[f64], round: u64) -> Vec<f64> {
    let (worlds, members) = (trial.worlds, trial.members);
    let mut gaps = Vec::new();
    for turn in 0..FINAL.div_ceil(worlds) {
        let mut by = |own: &[f64]| -> Vec<f64> {
            let mut constants: Vec<&[f64]> = vec![at; worlds * members];
            let slots: Vec<usize> = (0..worlds)
                .map(|w| w * members + (turn * worlds + w) % members)
                .collect();
            slots.iter().for_each(|s| constants[*s] = own);
            let got = trial.play_each(&constants, round + turn as u64);
            slots.iter().map(|s| value(got[*s])).collect()
        };
        let (mine, other) = (by(a), by(b));
        gaps.extend(mine.iter().zip(&other).map(|(x, y)| gap(*x, *y)));
    }
    gaps
}

/// A reward that is no number is worse than any.
fn value(x: f64) -> f64 {
    if x.is_nan() { f64::NEG_INFINITY } else { x }
}
