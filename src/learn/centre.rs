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
/// Widths of noise that are tried: the widest, and halves of it.
const WIDTHS: usize = 6;
/// Most that noise may cost, in units of what half of it costs; a parabola costs four times as much.
const STEEPER: f64 = 8.0;
/// Standard errors above which a cost is too steep. A single world that loses without end has a mean of one standard error, and must be seen.
const SEEN: f64 = 0.8;
/// A wide search: its rounds, most turns of a round, the furthest that zero is moved, and the share of the way from one round to the next within
/// which candidates are drawn at least.
const WIDE: Search = Search {
    rounds: 6,
    turns: 8,
    furthest: 0.9999,
    wider: 0.5,
};
/// Most dimensions whose noise is tried one by one; more are tried together.
const ONE_BY_ONE: usize = 4;

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

/// How far constants are looked for.
#[derive(Clone, Copy)]
struct Search {
    rounds: usize,
    turns: usize,
    furthest: f32,
    wider: f64,
}

/// A short search, by learners that do not try noise.
const SHORT: Search = Search {
    rounds: ROUNDS,
    turns: 1,
    furthest: FURTHEST,
    wider: 0.0,
};

/// What a search of constants has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct First {
    /// First standard deviation of each continuous dimension, in units of half its range at the middle; empty where it was not tried.
    pub std: Vec<f32>,
    /// The constant, one number per dimension in (-1, 1). Empty where there are no such dimensions, where it is not clearly better than
    /// the middle of the bounds, or where the steps were too few for a search.
    pub constant: Vec<f32>,
    /// Environment steps spent.
    pub steps: u64,
    /// What is to be said of it.
    pub said: Option<String>,
}

/// The best constant for the continuous dimensions of `env`, found in at most about `most` steps. Where several members share it: a
/// constant to which one member's best reply is the same constant. With `widest` one decision maker looks further, and tries how much noise, at most
/// that, it can bear there.
pub fn of(first: FirstPolicy, env: &mut dyn Game, seed: u64, most: u64, widest: Option<f64>) -> First {
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
    if widest.is_some() {
        trial.search_widely(most);
    }
    let constant = alone(&mut trial, dims);
    let std = widest.map_or(Vec::new(), |w| trial.widths(&constant, w, most));
    First {
        std: if trial.broken { Vec::new() } else { std },
        constant,
        steps: trial.steps,
        said: None,
    }
}

/// The best constant of one decision maker.
fn alone(trial: &mut Trial<'_>, dims: usize) -> Vec<f32> {
    let mut rng = Stream::new(trial.seed, 6);
    let mut mean = vec![0.0f64; dims];
    let mut sd = vec![1.2f64; dims];
    for round in 0..trial.search.rounds {
        let candidates = drawn(&mut rng, &mean, &sd);
        let values = trial.values(&candidates, round as u64);
        if trial.broken {
            // A constant was played at which a reward is no number: so will any policy around it be.
            return Vec::new();
        }
        let mut order: Vec<usize> = (0..CANDIDATES).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
        let elite = &order[..ELITE];
        if !values[elite[ELITE - 1]].is_finite() {
            continue;
        }
        let before = mean.clone();
        for j in 0..dims {
            let of = |f: &dyn Fn(f64) -> f64| elite.iter().map(|k| f(candidates[*k][j])).sum::<f64>() / ELITE as f64;
            mean[j] = of(&|x| x);
            let (centre, moved) = (mean[j], (mean[j] - before[j]).abs());
            // Where the best are at the edge of what was tried, the next round looks further.
            sd[j] = of(&|x| (x - centre).powi(2))
                .sqrt()
                .max(0.02)
                .max(trial.search.wider * moved);
        }
    }
    let constant = bounded(&mean, trial.search.furthest);
    let better = trial.clearly_better(&mean, &vec![0.0; dims], trial.search.rounds as u64);
    if better { constant } else { Vec::new() }
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
fn bounded(mean: &[f64], furthest: f32) -> Vec<f32> {
    mean.iter()
        .map(|u| (u.tanh() as f32).clamp(-furthest, furthest))
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

/// Noise that is played around a constant: a standard deviation for each world and dimension (`world x dimension`).
struct Shaken {
    key: Key,
    std: Vec<f32>,
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
    search: Search,
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
            search: SHORT,
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
        let enough = turns >= n.min(8);
        if self.search.turns > 1 {
            compared(&plays, self.worlds, n, enough)
        } else {
            averaged(&plays, self.worlds, n, enough)
        }
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

    /// Looks further: more rounds, and as many turns of a round as `most` steps allow.
    fn search_widely(&mut self, most: u64) {
        let turn = (self.periods * self.worlds * self.members) as u64;
        let rest = (most / turn.max(1)).saturating_sub((2 * FINAL.div_ceil(self.worlds) + WIDTHS + 1) as u64);
        let turns = (rest / WIDE.rounds as u64) as usize;
        if turns >= self.turns {
            self.search = WIDE;
            self.turns = turns.min(WIDE.turns.max(self.turns));
        }
    }

    /// The widest noise around `centre` (empty for the middle) whose cost still grows like a parabola, at most `widest`: one standard
    /// deviation per dimension; nothing where it would need more than `most` steps in all.
    fn widths(&mut self, centre: &[f32], widest: f64, most: u64) -> Vec<f32> {
        let dims = self.env.action_space().continuous;
        let apart = if dims <= ONE_BY_ONE { dims } else { 1 };
        let slots = (self.worlds * self.members) as u64;
        if self.steps + (apart * (WIDTHS + 1) * self.periods) as u64 * slots > most {
            return Vec::new();
        }
        let mut out = vec![widest as f32; dims];
        for j in 0..apart {
            let width = self.width(centre, widest, (apart == dims).then_some(j));
            out.iter_mut()
                .enumerate()
                .filter(|(k, _)| apart != dims || *k == j)
                .for_each(|(_, w)| *w = width as f32);
        }
        out
    }

    /// The widest noise of dimension `only` (of all at once, if `None`) whose cost still grows like a parabola.
    fn width(&mut self, centre: &[f32], widest: f64, only: Option<usize>) -> f64 {
        let dims = self.env.action_space().continuous;
        let at = |level: usize| widest * 0.5f64.powi(level as i32);
        let middle: Vec<f64> = match centre.is_empty() {
            true => vec![0.0; dims],
            false => centre.iter().map(|c| f64::from(*c).atanh()).collect(),
        };
        // In each turn worlds have noises of other widths, and in all turns the same draws: level `WIDTHS` is none at all.
        let mut got = vec![vec![0.0; self.worlds]; WIDTHS + 1];
        for turn in 0..=WIDTHS {
            let level = |w: usize| (w + turn) % (WIDTHS + 1);
            let mut std = vec![0.0f32; self.worlds * dims];
            for (w, row) in std.chunks_exact_mut(dims).enumerate() {
                for (j, s) in row.iter_mut().enumerate() {
                    if level(w) < WIDTHS && only.is_none_or(|o| o == j) {
                        *s = at(level(w)) as f32;
                    }
                }
            }
            let shaken = Shaken {
                key: Key::new(self.seed, 8).child(only.map_or(0, |j| j as u64 + 1)),
                std,
            };
            let values = self.play_shaken(&vec![&middle[..]; self.worlds], ROUNDS as u64, Some(&shaken));
            values.into_iter().enumerate().for_each(|(w, v)| got[level(w)][w] = v);
        }
        for level in 0..WIDTHS - 1 {
            let excess: Vec<f64> = (0..self.worlds)
                .map(|w| {
                    let cost = |k: usize| got[WIDTHS][w] - got[k][w];
                    cost(level) - STEEPER * cost(level + 1)
                })
                .collect();
            // Worlds in pairs have opposite noise, so that what is proportional to it goes out.
            let pairs: Vec<f64> = excess
                .chunks(2)
                .map(|p| p.iter().sum::<f64>() / p.len() as f64)
                .collect();
            let n = pairs.len() as f64;
            let mean = pairs.iter().sum::<f64>() / n;
            let variance = pairs.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
            let error = (variance / n).sqrt().min(f64::MAX);
            if mean <= SEEN * error && mean.is_finite() {
                return at(level);
            }
        }
        at(WIDTHS - 1)
    }

    /// Discounted reward of a constant in each world, the mean over its members.
    fn play(&mut self, constants: &[&[f64]], round: u64) -> Vec<f64> {
        self.play_shaken(constants, round, None)
    }

    fn play_shaken(&mut self, constants: &[&[f64]], round: u64, shaken: Option<&Shaken>) -> Vec<f64> {
        let members = self.members;
        let all: Vec<&[f64]> = constants
            .iter()
            .flat_map(|c| std::iter::repeat_n(*c, members))
            .collect();
        let total = self.play_each_shaken(&all, round, shaken);
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
        self.play_each_shaken(constants, round, None)
    }

    fn play_each_shaken(&mut self, constants: &[&[f64]], round: u64, shaken: Option<&Shaken>) -> Vec<f64> {
        let slots = self.worlds * self.members;
        let dims = constants.first().map_or(0, |c| c.len());
        let mut actions: Vec<f32> = constants
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
        let (still, mut luck) = (actions.clone(), vec![0.0f32; actions.len()]);
        for t in 0..self.periods {
            if let Some(shaken) = shaken {
                shaken.key.fill_f32(t as u64, 0, &mut luck);
                for pair in luck.chunks_exact_mut(2 * self.members * dims) {
                    let (one, other) = pair.split_at_mut(self.members * dims);
                    other.iter_mut().zip(&*one).for_each(|(b, a)| *b = 1.0 - *a);
                }
                for (i, (a, u)) in actions.iter_mut().zip(&luck).enumerate() {
                    let (slot, j) = (i / dims, i % dims);
                    let std = shaken.std[slot / self.members * dims + j];
                    let noise = std * crate::num::normal::quantile(f64::from(*u).clamp(1e-9, 1.0 - 1e-9)) as f32;
                    let (e, c) = (noise.clamp(-1.0, 1.0), still[i]);
                    *a = ((e + c) / (1.0 + c * e)).clamp(-1.0, 1.0);
                }
            }
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

/// As [`averaged`], but the level of a world is a median. Some candidates lose a hundred times as much as others: a mean would praise whoever plays
/// beside them, a median does not see them.
fn compared(plays: &[(usize, usize, f64)], worlds: usize, n: usize, enough: bool) -> Vec<f64> {
    let mut out = vec![0.0f64; n];
    let mut start = vec![0.0f64; worlds];
    for _ in 0..if enough { 8 } else { 1 } {
        let mut all: Vec<Vec<f64>> = vec![Vec::new(); worlds];
        for (k, w, v) in plays.iter().filter(|p| p.2.is_finite()) {
            all[*w].push(*v - if out[*k].is_finite() { out[*k] } else { 0.0 });
        }
        if enough {
            for (level, x) in start.iter_mut().zip(&all) {
                *level = if x.is_empty() {
                    0.0
                } else {
                    crate::num::statistics::quantile(x, 0.5)
                };
            }
        }
        let mut sums = vec![(0.0, 0.0f64); n];
        for (k, w, v) in plays {
            sums[*k] = (sums[*k].0 + v - start[*w], sums[*k].1 + 1.0);
        }
        for (o, (sum, count)) in out.iter_mut().zip(sums) {
            *o = if f64::is_nan(sum) {
                f64::NEG_INFINITY
            } else {
                sum / count.max(1.0)
            };
        }
    }
    out
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
            let found = of(FirstPolicy::Constant, &mut env, 3, 1_000_000, None);
            let share = 0.5 * (f64::from(found.constant[0]) + 1.0);
            assert!((share - best).abs() < 0.03, "{share} against {best}");
            assert!(found.steps > 0);
        }
    }

    #[test]
    fn noise_that_costs_as_a_parabola_does_is_kept() {
        let tried = |widest: f64| {
            let mut env = Copies::new(Growth::default(), 64, 200);
            let found = of(FirstPolicy::Constant, &mut env, 3, 1_000_000, Some(widest));
            assert!(found.steps <= 1_000_000 && found.std.len() == 1);
            f64::from(found.std[0])
        };
        // Little noise costs as a parabola does, and nothing is wider than asked.
        assert!((tried(0.01) - 0.01).abs() < 1e-6);
        assert!(tried(0.5) <= 0.5);
    }

    #[test]
    fn a_constant_that_is_no_better_than_the_middle_is_not_taken() {
        let mut env = Copies::new(Pendulum::default(), 16, 200);
        let found = of(FirstPolicy::Constant, &mut env, 1, 1_000_000, None);
        assert!(found.constant.iter().all(|c| c.abs() < 0.995), "{found:?}");
        assert_eq!(of(FirstPolicy::Middle, &mut env, 1, 1_000_000, None), First::default());
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
