//! Warm start of a policy: learning starts at the best constant, found by trying.
//!
//! The middle of the bounds is a bad place to begin where they are wide: a household that may eat all it has and starts by
//! eating half of it is ruined before it learns anything, and what it then meets has little to do with the economy.
//! So constants are tried first, as anybody would: by the cross-entropy method (Rubinstein 1999), each in worlds of its own with
//! common random numbers, compared by the discounted reward, with the mean of the last quarter standing for what follows. The
//! policy's zero is then moved there by `a -> (a + c) / (1 + c a)`, which maps [-1, 1] onto itself and shifts `atanh a` by `atanh c`:
//! near an end of the bounds steps become small in proportion to the room that is left.
//!
//! Where several members share the policy, a constant that is best if all move together is a cartel's. There one member tries while the
//! others stay where they are (`deviations.rs`).

mod deviations;

use super::options::word_option;
use crate::env::{Game, VectorEnvironment};
use crate::num::random::{Key, Stream};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Where the policy starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirstPolicy {
    /// At the best constant that is found by trying.
    Constant,
    /// In the middle of the bounds.
    Middle,
}
word_option!(FirstPolicy, "constant or middle", "constant" => FirstPolicy::Constant, "middle" => FirstPolicy::Middle);

/// Rounds of the search.
const ROUNDS: usize = 4;
/// Constants of a round.
const CANDIDATES: usize = 32;
/// Plays of a round: two per constant.
const TRIES: usize = 2 * CANDIDATES;
/// Worlds in which the result is compared with the middle.
const FINAL: usize = 16;
/// Those that the next round is drawn around.
const ELITE: usize = 6;
/// Fewest periods of a try that says anything.
const FEWEST: usize = 10;
/// Most periods of one try.
const PERIODS: usize = 200;
/// Furthest zero is moved.
const FURTHEST: f32 = 0.995;

/// Moves continuous actions (`row x dimension`, in [-1, 1]) from around zero to around `centre` (one number per
/// dimension, inside (-1, 1)); does nothing if `centre` is empty.
pub fn place(centre: &[f32], actions: &mut [f32]) {
    if centre.is_empty() {
        return;
    }
    for row in actions.chunks_exact_mut(centre.len()) {
        for (a, c) in row.iter_mut().zip(centre) {
            *a = ((*a + c) / (1.0 + c * *a)).clamp(-1.0, 1.0);
        }
    }
}

/// What a search of constants has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct First {
    /// The constant, one number per dimension in (-1, 1). Empty where there are no such dimensions, where it is not clearly better than
    /// the middle of the bounds, or where the steps were too few for a search.
    pub constant: Vec<f32>,
    /// Environment steps spent.
    pub steps: u64,
    /// What is to be said of it.
    pub said: Option<String>,
}

/// The best constant for the continuous dimensions of `env`, found in at most about `most` steps. Where several members share it: a
/// constant to which one member's best reply is the same constant.
pub fn of(first: FirstPolicy, env: &mut dyn Game, seed: u64, most: u64) -> First {
    let dims = env.action_space().continuous;
    if first == FirstPolicy::Middle || dims == 0 || !env.action_space().discrete.is_empty() {
        return First::default();
    }
    let mut trial = Trial::new(env, seed, most);
    if trial.periods < FEWEST {
        return First::default();
    }
    if trial.members > 1 {
        return deviations::search(&mut trial, dims, most);
    }
    let (constant, steps) = alone(&mut trial, dims);
    First {
        constant,
        steps,
        said: None,
    }
}

/// The best constant of one decision maker, and the steps spent.
fn alone(trial: &mut Trial<'_>, dims: usize) -> (Vec<f32>, u64) {
    let mut rng = Stream::new(trial.seed, 6);
    let mut mean = vec![0.0f64; dims];
    let mut sd = vec![1.2f64; dims];
    for round in 0..ROUNDS {
        let candidates = drawn(&mut rng, &mean, &sd);
        let values = trial.values(&candidates, round as u64);
        if trial.broken {
            // A constant was played at which a reward is no number: so will any policy around it be.
            return (Vec::new(), trial.steps);
        }
        let mut order: Vec<usize> = (0..CANDIDATES).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
        let elite = &order[..ELITE];
        if !values[elite[ELITE - 1]].is_finite() {
            continue;
        }
        for j in 0..dims {
            let of = |f: &dyn Fn(f64) -> f64| elite.iter().map(|k| f(candidates[*k][j])).sum::<f64>() / ELITE as f64;
            mean[j] = of(&|x| x);
            let centre = mean[j];
            sd[j] = of(&|x| (x - centre).powi(2)).sqrt().max(0.02);
        }
    }
    let constant = bounded(&mean);
    let better = trial.clearly_better(&mean, &vec![0.0; dims], ROUNDS as u64);
    (if better { constant } else { Vec::new() }, trial.steps)
}

/// Candidates around `mean`: evenly spread draws of each dimension, shuffled against one another; `[candidate][dimension]`.
fn drawn(rng: &mut Stream, mean: &[f64], sd: &[f64]) -> Vec<Vec<f64>> {
    let mut candidates = vec![vec![0.0f64; mean.len()]; CANDIDATES];
    for j in 0..mean.len() {
        let mut cells: Vec<usize> = (0..CANDIDATES).collect();
        rand::seq::SliceRandom::shuffle(&mut cells[..], rng);
        for (candidate, cell) in candidates.iter_mut().zip(cells) {
            let u = (cell as f64 + rng.random::<f64>()) / CANDIDATES as f64;
            candidate[j] = mean[j] + sd[j] * crate::num::normal::quantile(u.clamp(1e-6, 1.0 - 1e-6));
        }
    }
    candidates
}

/// The constant in (-1, 1) that stands for `mean`.
fn bounded(mean: &[f64]) -> Vec<f32> {
    mean.iter()
        .map(|u| (u.tanh() as f32).clamp(-FURTHEST, FURTHEST))
        .collect()
}

/// Steps of a training, at least, with which constants are tried: a tenth of them goes to the tries.
pub fn least_steps(worlds: usize, members: usize) -> u64 {
    let (worlds, members) = (worlds.max(1), members.max(1));
    10 * (FEWEST * plays(worlds, members) * worlds * members) as u64
}

/// Times that all worlds play constants, at least.
fn plays(worlds: usize, members: usize) -> usize {
    if members > 1 {
        return deviations::plays(worlds, members);
    }
    ROUNDS * TRIES.div_ceil(worlds) + 2 * FINAL.div_ceil(worlds)
}

/// Constants played in the worlds of an environment.
struct Trial<'a> {
    env: &'a mut dyn Game,
    seed: u64,
    members: usize,
    worlds: usize,
    turns: usize,
    periods: usize,
    steps: u64,
    /// The worlds gave a reward that is no number.
    broken: bool,
}

impl<'a> Trial<'a> {
    fn new(env: &'a mut dyn Game, seed: u64, most: u64) -> Self {
        let members = env.common_chance().members.max(1);
        let discount = f64::from(env.discount());
        let worlds = (env.slots() / members).max(1);
        let long = if discount > 0.0 && discount < 1.0 {
            (0.05f64.ln() / discount.ln()).ceil().clamp(10.0, PERIODS as f64) as usize
        } else {
            PERIODS
        };
        let turns = TRIES.div_ceil(worlds);
        let plays = plays(worlds, members);
        Trial {
            seed,
            members,
            worlds,
            turns,
            periods: long.min((most / (plays * worlds * members) as u64) as usize),
            steps: 0,
            broken: false,
            env,
        }
    }

    /// What each candidate is worth, world by world less the mean of all candidates there.
    fn values(&mut self, candidates: &[Vec<f64>], round: u64) -> Vec<f64> {
        let n = candidates.len();
        // In every turn each world plays one candidate; turns go on until each candidate had two worlds.
        let turns = self.turns;
        let mut plays: Vec<(usize, usize, f64)> = Vec::new();
        for turn in 0..turns {
            let worlds = self.worlds;
            let which = |w: usize| (turn * worlds + w + turn * worlds / n) % n;
            let chosen: Vec<&[f64]> = (0..worlds).map(|w| &candidates[which(w)][..]).collect();
            let got = self.play(&chosen, round);
            plays.extend(got.into_iter().enumerate().map(|(w, v)| (which(w), w, v)));
        }
        averaged(&plays, self.worlds, n, turns >= n.min(8))
    }

    /// Whether `a` is worth more than `b` in the same worlds, by more than twice the standard error of the difference.
    fn clearly_better(&mut self, a: &[f64], b: &[f64], round: u64) -> bool {
        let mut gaps = Vec::new();
        for turn in 0..FINAL.div_ceil(self.worlds) as u64 {
            let mine = self.play(&vec![a; self.worlds], round + turn);
            let other = self.play(&vec![b; self.worlds], round + turn);
            gaps.extend(mine.iter().zip(&other).map(|(x, y)| gap(*x, *y)));
        }
        clearly_positive(&gaps)
    }

    /// Discounted reward of a constant in each world, the mean over its members.
    fn play(&mut self, constants: &[&[f64]], round: u64) -> Vec<f64> {
        let members = self.members;
        let all: Vec<&[f64]> = constants
            .iter()
            .flat_map(|c| std::iter::repeat_n(*c, members))
            .collect();
        let total = self.play_each(&all, round);
        total
            .chunks_exact(members)
            .map(|m| {
                let mean = m.iter().sum::<f64>() / members as f64;
                if mean.is_nan() { f64::NEG_INFINITY } else { mean }
            })
            .collect()
    }

    /// Discounted reward of every slot, each with a constant of its own: one number per slot, NaN where a reward is none.
    fn play_each(&mut self, constants: &[&[f64]], round: u64) -> Vec<f64> {
        let slots = self.worlds * self.members;
        let actions: Vec<f32> = constants
            .iter()
            .flat_map(|c| c.iter().map(|u| u.tanh() as f32))
            .collect();
        // All turns of a round see the same worlds.
        self.env.reset(Key::new(self.seed, 7).bits(round, 0));
        let discount = f64::from(self.env.discount());
        let mut total = vec![0.0f64; slots];
        let mut late = vec![0.0f64; slots];
        let mut alive = vec![true; slots];
        let last = self.periods.div_ceil(4);
        let mut weight = 1.0;
        for t in 0..self.periods {
            self.env.step(&actions, &[]);
            self.steps += slots as u64;
            if self.env.reward().iter().any(|r| r.is_nan()) {
                self.broken = true;
                break;
            }
            for s in (0..slots).filter(|s| alive[*s]) {
                let r = f64::from(self.env.reward()[s]);
                total[s] += weight * r;
                if t + last >= self.periods {
                    late[s] += r / last as f64;
                }
            }
            weight *= discount;
            for s in 0..slots {
                // Where a record stops the world would have gone on as it last was.
                if alive[s] && self.env.truncated()[s] && discount < 1.0 {
                    total[s] += weight * f64::from(self.env.reward()[s]) / (1.0 - discount);
                }
                alive[s] &= !self.env.terminated()[s] && !self.env.truncated()[s];
            }
            if !alive.contains(&true) {
                break;
            }
        }
        if discount < 1.0 {
            for s in (0..slots).filter(|s| alive[*s]) {
                total[s] += weight * late[s] / (1.0 - discount);
            }
        }
        total
    }
}

/// What each of `n` candidates is worth: the mean over its plays (candidate, world, value), less the mean of all candidates in the same
/// world if there are `enough` plays of each world.
fn averaged(plays: &[(usize, usize, f64)], worlds: usize, n: usize, enough: bool) -> Vec<f64> {
    // A world's start is better or worse for all candidates alike.
    let mut start = vec![(0.0, 0.0); worlds];
    for (_, w, v) in plays.iter().filter(|p| p.2.is_finite()) {
        start[*w] = (start[*w].0 + v, start[*w].1 + 1.0);
    }
    let overall = start.iter().map(|s| s.0).sum::<f64>() / start.iter().map(|s| s.1).sum::<f64>().max(1.0);
    let mut out = vec![(0.0, 0.0); n];
    for (k, w, v) in plays {
        let level = if enough {
            start[*w].0 / start[*w].1.max(1.0)
        } else {
            overall
        };
        out[*k] = (out[*k].0 + v - level, out[*k].1 + 1.0);
    }
    out.into_iter()
        .map(|(sum, count)| {
            if sum.is_nan() {
                f64::NEG_INFINITY
            } else {
                sum / f64::max(count, 1.0)
            }
        })
        .collect()
}

/// Whether gaps are positive on average, by more than twice the standard error of the mean.
fn clearly_positive(gaps: &[f64]) -> bool {
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    mean > 2.0 * (variance / n).sqrt()
}

/// What one play of `x` is worth more than one of `y`. Where the other fails outright there is nothing to measure.
fn gap(x: f64, y: f64) -> f64 {
    match (x.is_finite(), y.is_finite()) {
        (true, true) => x - y,
        (true, false) => f64::MAX.sqrt(),
        (false, _) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::super::worlds::{Copies, Growth, Pendulum};
    use super::*;

    #[test]
    fn the_best_constant_of_growth_is_found() {
        // Brock and Mirman (1972): the best share is constant, alpha beta.
        let best = Growth::default().optimal_share();
        for slots in [4, 64] {
            let mut env = Copies::new(Growth::default(), slots, 200);
            let found = of(FirstPolicy::Constant, &mut env, 3, 1_000_000);
            let share = 0.5 * (f64::from(found.constant[0]) + 1.0);
            assert!((share - best).abs() < 0.03, "{share} against {best}");
            assert!(found.steps > 0);
        }
    }

    #[test]
    fn a_constant_that_is_no_better_than_the_middle_is_not_taken() {
        let mut env = Copies::new(Pendulum::default(), 16, 200);
        let found = of(FirstPolicy::Constant, &mut env, 1, 1_000_000);
        assert!(found.constant.iter().all(|c| c.abs() < 0.995), "{found:?}");
        assert_eq!(of(FirstPolicy::Middle, &mut env, 1, 1_000_000), First::default());
    }

    #[test]
    fn moving_zero_keeps_the_ends() {
        let mut a = vec![-1.0, 0.0, 1.0];
        place(&[-0.8], &mut a);
        assert_eq!(a, vec![-1.0, -0.8, 1.0]);
        // tanh(x + atanh c)
        let mut b = vec![0.5f32.tanh()];
        place(&[0.3], &mut b);
        assert!((b[0] - (0.5 + 0.3f32.atanh()).tanh()).abs() < 1e-6);
    }
}
