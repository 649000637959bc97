//! Warm start of a policy: learning starts at the best constant, found by trying.
//!
//! The middle of the bounds is a bad place to begin where they are wide: a household that may eat all it has and starts by
//! eating half of it is ruined before it learns anything, and what it then meets has little to do with the economy.
//! So constants are tried first, as anybody would: by the cross-entropy method (Rubinstein 1999), each in worlds of its own with
//! common random numbers, compared by the discounted reward, with the mean of the last quarter standing for what follows. The
//! policy's zero is then moved there by `a -> (a + c) / (1 + c a)`, which maps [-1, 1] onto itself and shifts `atanh a` by `atanh c`:
//! near an end of the bounds steps become small in proportion to the room that is left.
//!
//! How widely to explore around the constant is tried, too (`Trial::width`): noise is as wide as what it costs still grows like a parabola.
//! Wider noise meets what has nothing to do with the neighbourhood of the constant, such as a utility that falls without end near
//! nothing, or a cost that explodes far from where anybody would act; narrower noise shows less of what actions do.

use super::options::word_option;
use crate::env::{Game, VectorEnvironment};
use crate::num::normal;
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
const FURTHEST: f32 = 0.9999;
/// Standard deviation of the constants of the first round, in units of `atanh`: they reach from a ten-thousandth of the range to all but one.
const FIRST_SPREAD: f64 = 2.0;
/// Widths of noise that are tried: the widest, and halves of it.
const WIDTHS: usize = 6;
/// Most that noise may cost, in units of what half of it costs; a parabola costs four times as much.
const STEEPER: f64 = 8.0;
/// Standard errors above which a cost is too steep. A single world that loses without end has a mean of one standard error, and must be seen.
const SEEN: f64 = 0.8;
/// Most dimensions whose noise is tried one by one; more are tried together.
const ONE_BY_ONE: usize = 4;

/// Where learning starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    /// Where zero of each continuous dimension is moved to, in (-1, 1); empty where it stays.
    pub centre: Vec<f32>,
    /// First standard deviation of each continuous dimension, in units of half its range at the middle; empty where it was not tried.
    pub std: Vec<f32>,
    /// Environment steps spent.
    pub steps: u64,
}

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

/// The best constant for the continuous dimensions of `env`, one number per dimension in (-1, 1), noise around it of at most `widest` (nothing is tried if `None`), and the
/// environment steps spent. The constant is empty where there are no such dimensions, where it is not clearly better than the
/// middle of the bounds, or where `most` steps are too few for a search; noise is not tried where no constant was searched, or where too
/// few steps are left.
pub fn of(first: FirstPolicy, env: &mut dyn Game, seed: u64, most: u64, widest: Option<f64>) -> Start {
    let dims = env.action_space().continuous;
    if first == FirstPolicy::Middle || dims == 0 || !env.action_space().discrete.is_empty() {
        return Start::default();
    }
    let mut trial = Trial::new(env, seed, most);
    if trial.periods < FEWEST {
        return Start::default();
    }
    let mut rng = Stream::new(seed, 6);
    let mut mean = vec![0.0f64; dims];
    let mut sd = vec![FIRST_SPREAD; dims];
    for round in 0..ROUNDS {
        // Evenly spread draws of each dimension, shuffled against one another.
        let mut candidates = vec![vec![0.0f64; dims]; CANDIDATES];
        for j in 0..dims {
            let mut cells: Vec<usize> = (0..CANDIDATES).collect();
            rand::seq::SliceRandom::shuffle(&mut cells[..], &mut rng);
            for (candidate, cell) in candidates.iter_mut().zip(cells) {
                let u = (cell as f64 + rng.random::<f64>()) / CANDIDATES as f64;
                candidate[j] = mean[j] + sd[j] * normal::quantile(u.clamp(1e-6, 1.0 - 1e-6));
            }
        }
        let values = trial.values(&candidates, round as u64);
        if trial.broken {
            // A constant was played at which a reward is no number: so will any policy around it be.
            return Start {
                steps: trial.steps,
                ..Start::default()
            };
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
    let constant: Vec<f32> = mean
        .iter()
        .map(|u| (u.tanh() as f32).clamp(-FURTHEST, FURTHEST))
        .collect();
    let better = trial.clearly_better(&mean, &vec![0.0; dims], ROUNDS as u64);
    let centre = if better { constant } else { Vec::new() };
    let mut start = Start {
        std: widest.map_or(Vec::new(), |w| trial.widths(&centre, w, most)),
        centre,
        steps: trial.steps,
    };
    if trial.broken {
        start.std.clear();
    }
    start
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
        let plays = ROUNDS * turns + 2 * FINAL.div_ceil(worlds);
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
            let got = self.play(&chosen, round, None);
            plays.extend(got.into_iter().enumerate().map(|(w, v)| (which(w), w, v)));
        }
        // A world's start is better or worse for all candidates alike.
        let mut start = vec![(0.0, 0.0); self.worlds];
        for (_, w, v) in plays.iter().filter(|p| p.2.is_finite()) {
            start[*w] = (start[*w].0 + v, start[*w].1 + 1.0);
        }
        let overall = start.iter().map(|s| s.0).sum::<f64>() / start.iter().map(|s| s.1).sum::<f64>().max(1.0);
        let enough = turns >= n.min(8);
        let mut out = vec![(0.0, 0.0); n];
        for (k, w, v) in plays {
            let level = if enough {
                start[w].0 / start[w].1.max(1.0)
            } else {
                overall
            };
            out[k] = (out[k].0 + v - level, out[k].1 + 1.0);
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

    /// Whether `a` is worth more than `b` in the same worlds, by more than twice the standard error of the difference.
    fn clearly_better(&mut self, a: &[f64], b: &[f64], round: u64) -> bool {
        let mut gaps = Vec::new();
        for turn in 0..FINAL.div_ceil(self.worlds) as u64 {
            let mine = self.play(&vec![a; self.worlds], round + turn, None);
            let other = self.play(&vec![b; self.worlds], round + turn, None);
            // Where the other fails outright there is nothing to measure.
            gaps.extend(
                mine.iter()
                    .zip(&other)
                    .map(|(x, y)| match (x.is_finite(), y.is_finite()) {
                        (true, true) => x - y,
                        (true, false) => f64::MAX.sqrt(),
                        (false, _) => f64::NAN,
                    }),
            );
        }
        let n = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        mean > 2.0 * (variance / n).sqrt()
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
            let values = self.play(&vec![&middle[..]; self.worlds], ROUNDS as u64, Some(&shaken));
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

    /// Discounted reward of a constant in each world, with noise around it if there is any, the mean over the world's members.
    fn play(&mut self, constants: &[&[f64]], round: u64, shaken: Option<&Shaken>) -> Vec<f64> {
        let slots = self.worlds * self.members;
        let dims = constants.first().map_or(0, |c| c.len());
        let mut actions = Vec::with_capacity(slots * dims);
        for constant in constants {
            for _ in 0..self.members {
                actions.extend(constant.iter().map(|u| u.tanh() as f32));
            }
        }
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
                    let noise = std * normal::quantile(f64::from(*u).clamp(1e-9, 1.0 - 1e-9)) as f32;
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
            .chunks_exact(self.members)
            .map(|m| {
                let mean = m.iter().sum::<f64>() / self.members as f64;
                if mean.is_nan() { f64::NEG_INFINITY } else { mean }
            })
            .collect()
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
            let start = of(FirstPolicy::Constant, &mut env, 3, 1_000_000, Some(0.5));
            let share = 0.5 * (f64::from(start.centre[0]) + 1.0);
            assert!((share - best).abs() < 0.03, "{share} against {best}");
            assert!(start.steps > 0 && start.std.len() == 1);
        }
    }

    #[test]
    fn a_constant_that_is_no_better_than_the_middle_is_not_taken() {
        let mut env = Copies::new(Pendulum::default(), 16, 200);
        let Start { centre, .. } = of(FirstPolicy::Constant, &mut env, 1, 1_000_000, Some(0.5));
        assert!(centre.iter().all(|c| c.abs() < FURTHEST), "{centre:?}");
        assert_eq!(
            of(FirstPolicy::Middle, &mut env, 1, 1_000_000, Some(0.5)),
            Start::default()
        );
    }

    /// A share is chosen, and a power of it is paid: 0.3 is best without, and with `steep` what is lost near nothing has no end.
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    struct Payment {
        steep: bool,
    }

    impl super::super::worlds::World for Payment {
        fn space(&self) -> crate::env::ActionSpace {
            crate::env::ActionSpace {
                continuous: 1,
                discrete: vec![],
            }
        }
        fn width(&self) -> usize {
            1
        }
        fn start(&mut self, _: &mut Stream) {}
        fn observe(&self, out: &mut [f32]) {
            out[0] = 1.0;
        }
        fn step(&mut self, continuous: &[f32], _: &[u32], _: &mut Stream) -> (f32, bool) {
            let x = 0.5 * (continuous[0] + 1.0);
            let close = -(x - 0.3).powi(2);
            // Best at 0.3, too: the slope of the second part is 0 there.
            let steep = -(x.max(1e-3) / 0.3).powi(-4) / 4.0 - x / 0.3;
            (if self.steep { steep } else { close }, false)
        }
        fn discount(&self) -> f32 {
            0.9
        }
    }

    #[test]
    fn noise_is_as_wide_as_its_cost_is_a_parabola() {
        let found = |steep| {
            let mut env = Copies::new(Payment { steep }, 64, 200);
            of(FirstPolicy::Constant, &mut env, 1, 1_000_000, Some(0.5)).std[0]
        };
        assert_eq!(found(false), 0.5);
        let narrow = found(true);
        assert!(narrow <= 0.25 && narrow > 0.01, "{narrow}");
        // No noise is tried where there are no steps for it.
        let mut env = Copies::new(Payment { steep: true }, 64, 200);
        assert!(of(FirstPolicy::Constant, &mut env, 1, 20_000, Some(0.5)).std.is_empty());
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
