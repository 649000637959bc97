//! Games of incomplete information with numbers to choose: strategies are functions of what each knows (Harsanyi 1967).
//!
//! Each who chooses knows one number (a private value, a cost) drawn independently. A strategy is a polynomial in it within the bounds of the action;
//! what others know is drawn evenly (a lattice), and they bid by their strategies. At nodes of the own type the best reply is looked
//! for by a scan; where a reward jumps with the own choice (the highest bid wins) the average over draws is a staircase, so a cubic is
//! fitted around the best point, narrower and narrower, and its maximum taken. Replies are fitted by a polynomial, weighted by what is at stake at
//! the node, and strategies go part of the way towards them until they rest.

use super::one_shot::{Known, Play, joint};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::kernel::exec::Workspace;
use crate::limits;
use crate::solve::kinked::lanes;
use crate::solve::static_game::game::Game;
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

/// Nodes of the own type at which replies are looked for and strategies stored.
const NODES: usize = 33;
/// Draws of what others know: while replies settle, and at the end.
const DRAWS: (usize, usize) = (2048, 16_384);
/// Degree of a strategy.
const DEGREE: usize = 5;
/// Points of a scan along the whole interval, and of a fit.
const SCAN: usize = 48;
const FIT: usize = 17;
/// Most rounds of replies with few and with many draws, the part of the way that strategies go, and the change at which they rest.
const ROUNDS: (usize, usize) = (60, 12);
const RELAX: f64 = 0.7;
const REST: f64 = 2e-4;

/// Those who play one strategy.
struct Kind {
    members: Vec<usize>,
    /// The first member's type, a number of the game's types.
    of: usize,
    /// The range of what is known.
    range: (f64, f64),
    /// Nodes of what is known.
    nodes: Vec<f64>,
    /// Coefficients over Chebyshev polynomials.
    strategy: Vec<f64>,
}

/// All equilibria that are found, and how many starts were tried.
///
/// # Errors
/// E0810 for what such games have no room for.
pub(super) fn solve(model: &Model, game: &Game) -> Result<(Vec<Play>, usize), Diagnostic> {
    let cannot = |why: String| Diagnostic::error("E0810", why);
    if game.given {
        let name = &model.prices[0].name;
        return Err(cannot(format!("prices such as `{name}` are taken as given by those who know something"))
            .at(model.prices[0].span, "taken as given")
            .hint("what others know moves the price, so it is no number: concept = nash"));
    }
    for c in &game.choosers {
        let agent = &model.agents[c.agent];
        if c.actions.len() != 1 || c.sees.len() != 1 {
            return Err(cannot(format!(
                "`{}` chooses {} numbers and knows {}, and in games of incomplete information each chooses one and knows one",
                agent.name,
                c.actions.len(),
                c.sees.len()
            ))
            .at(agent.span, "one who chooses")
            .hint("one action and one observed shock per agent"));
        }
        let t = &game.types[c.sees[0]];
        let seers = game.choosers.iter().filter(|d| d.sees.contains(&c.sees[0])).count();
        if seers > 1 || t.continuous.is_none() {
            return Err(cannot(format!("`{}` is not a continuous draw of one member's own", model.shocks[t.shock].name))
                .at(model.shocks[t.shock].span, "what is known")
                .hint("write a private `shock v ~ iid uniform(0, 1)` in the agent; what everybody sees can be a parameter"));
        }
    }
    let mut found = Vec::new();
    let starts = [0.8, 0.3];
    for share in starts {
        let mut kinds = kinds(game);
        for k in &mut kinds {
            // From a share of what is known, or of the interval.
            let a = game.choosers[k.members[0]].actions[0];
            let from: Vec<f64> = k.nodes.iter().map(|v| (share * v).clamp(game.lo[a], game.hi[a])).collect();
            k.strategy = fitted(&k.nodes, &from, &vec![1.0; k.nodes.len()], k.range);
        }
        let solver = Solver { game };
        if solver.rest(&mut kinds, DRAWS.0, ROUNDS.0, 5.0 * REST) && solver.rest(&mut kinds, DRAWS.1, ROUNDS.1, REST) {
            let play = solver.play(model, &kinds);
            let same = |f: &Play| {
                let pairs = f.policy.iter().flatten().zip(play.policy.iter().flatten());
                pairs.into_iter().all(|(x, y)| (x - y).abs() <= 1e-2 * (1.0 + x.abs()))
            };
            if !found.iter().any(same) {
                found.push(play);
            }
        }
    }
    Ok((found, starts.len()))
}

fn kinds(game: &Game) -> Vec<Kind> {
    let mut out: Vec<(usize, Kind)> = Vec::new();
    for (c, chooser) in game.choosers.iter().enumerate() {
        if let Some((_, k)) = out.iter_mut().find(|(a, _)| *a == chooser.agent) {
            k.members.push(c);
            continue;
        }
        let of = chooser.sees[0];
        let quantile = |u: f64| game.types[of].continuous.as_ref().map_or(f64::NAN, |d| d.quantile(u));
        let at = |k: usize| (k as f64 / (NODES - 1) as f64).clamp(1e-4, 1.0 - 1e-4);
        let nodes: Vec<f64> = (0..NODES).map(|k| quantile(at(k))).collect();
        let kind = Kind {
            members: vec![c],
            of,
            range: (nodes[0], nodes[NODES - 1]),
            nodes,
            strategy: Vec::new(),
        };
        out.push((chooser.agent, kind));
    }
    out.into_iter().map(|k| k.1).collect()
}

/// The Chebyshev polynomials up to [`DEGREE`] at `v` on a range.
fn basis(v: f64, range: (f64, f64)) -> [f64; DEGREE + 1] {
    let x = (2.0 * (v - range.0) / (range.1 - range.0) - 1.0).clamp(-1.0, 1.0);
    let mut out = [1.0; DEGREE + 1];
    out[1] = x;
    for k in 2..=DEGREE {
        out[k] = 2.0 * x * out[k - 1] - out[k - 2];
    }
    out
}

/// The polynomial closest to `y` at `nodes` in weighted squares.
fn fitted(nodes: &[f64], y: &[f64], weights: &[f64], range: (f64, f64)) -> Vec<f64> {
    let rows: Vec<[f64; DEGREE + 1]> = nodes.iter().map(|v| basis(*v, range)).collect();
    least_squares(&rows.iter().map(|r| r.to_vec()).collect::<Vec<_>>(), y, weights)
}

fn least_squares(rows: &[Vec<f64>], y: &[f64], weights: &[f64]) -> Vec<f64> {
    let n = rows.first().map_or(0, Vec::len);
    let a = DMatrix::from_fn(rows.len(), n, |i, j| weights[i].sqrt() * rows[i][j]);
    let b = DVector::from_fn(rows.len(), |i, _| weights[i].sqrt() * y[i]);
    let solved = a.svd(true, true).solve(&b, 1e-12);
    solved.map_or_else(|_| vec![0.0; n], |x| x.as_slice().to_vec())
}

struct Solver<'a> {
    game: &'a Game,
}

impl Solver<'_> {
    fn action(&self, c: usize) -> usize {
        self.game.choosers[c].actions[0]
    }

    /// What a kind chooses knowing `v`.
    fn chosen(&self, k: &Kind, v: f64) -> f64 {
        let a = self.action(k.members[0]);
        let x: f64 = k.strategy.iter().zip(basis(v, k.range)).map(|(c, b)| c * b).sum();
        x.clamp(self.game.lo[a], self.game.hi[a])
    }

    /// Evenly spread draws of what everybody but `own` knows, with what they then choose, as columns of inputs.
    fn others(&self, kinds: &[Kind], own: usize, draws: usize) -> Vec<(usize, Vec<f64>)> {
        let mut out = Vec::new();
        let mut d = 0u32;
        for k in kinds {
            for c in k.members.iter().filter(|c| **c != own) {
                // The fractional parts of multiples of square roots of primes, the first evenly (Niederreiter 1992).
                let step = match d {
                    0 => 1.0 / draws as f64,
                    d => f64::from([2u32, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37][(d as usize - 1) % 12]).sqrt().fract(),
                };
                let law = self.game.types[self.game.choosers[*c].sees[0]].continuous.as_ref();
                let known: Vec<f64> = (0..draws)
                    .map(|l| {
                        let u = (0.5 * step + l as f64 * step).fract();
                        law.map_or(f64::NAN, |d| d.quantile((1.0 - (2.0 * u - 1.0).abs()).clamp(1e-12, 1.0 - 1e-12)))
                    })
                    .collect();
                let does = known.iter().map(|v| self.chosen(k, *v)).collect();
                out.push((self.game.chance.actions[self.action(*c)], does));
                out.push((self.game.types[self.game.choosers[*c].sees[0]].input, known));
                d += 1;
            }
        }
        out
    }

    /// What choosing `x` pays who knows `v`.
    fn pays(&self, own: usize, v: f64, x: f64, others: &[(usize, Vec<f64>)], draws: usize) -> f64 {
        let chance = &self.game.chance;
        let mut space = Workspace::new();
        let fixed = vec![0.0; chance.inputs];
        let constant = |x: f64| vec![x; draws];
        let (chosen, known, zero) = (constant(x), constant(v), constant(0.0));
        let mut out = 0.0;
        for (o, weight) in chance.weights.iter().enumerate() {
            limits::poll();
            let drawn: Vec<(usize, Vec<f64>)> = chance.chance.iter().map(|(i, v)| (*i, constant(v[o]))).collect();
            let mut columns: Vec<(usize, &[f64])> = (0..chance.inputs).map(|i| (i, zero.as_slice())).collect();
            for (i, v) in others.iter().chain(&drawn) {
                columns[*i].1 = v;
            }
            columns[chance.actions[self.action(own)]].1 = &chosen;
            columns[self.game.types[self.game.choosers[own].sees[0]].input].1 = &known;
            let paid = lanes(&self.game.wide[own], &fixed, &columns, draws, &mut space);
            out += weight * paid[0].iter().sum::<f64>() / draws as f64;
        }
        out
    }

    /// The best reply of who knows `v`, and what it pays.
    fn reply(&self, own: usize, v: f64, others: &[(usize, Vec<f64>)], draws: usize) -> (f64, f64) {
        let a = self.action(own);
        let (lo, hi) = (self.game.lo[a], self.game.hi[a]);
        let pays = |x: f64| {
            let p = self.pays(own, v, x, others, draws);
            if p.is_nan() { f64::NEG_INFINITY } else { p }
        };
        let mut best = (lo, pays(lo));
        for k in 1..=SCAN {
            let x = lo + (hi - lo) * k as f64 / SCAN as f64;
            let p = pays(x);
            if p > best.1 {
                best = (x, p);
            }
        }
        let mut reach = 2.0 * (hi - lo) / SCAN as f64;
        for _ in 0..3 {
            let points: Vec<f64> = (0..FIT)
                .map(|k| (best.0 + reach * (2.0 * k as f64 / (FIT - 1) as f64 - 1.0)).clamp(lo, hi))
                .collect();
            let values: Vec<f64> = points.iter().map(|x| pays(*x)).collect();
            if values.iter().any(|v| !v.is_finite()) {
                break;
            }
            let rows: Vec<Vec<f64>> = points
                .iter()
                .map(|x| {
                    let t = (x - best.0) / reach;
                    vec![1.0, t, t * t, t * t * t]
                })
                .collect();
            let c = least_squares(&rows, &values, &vec![1.0; points.len()]);
            let cubic = |t: f64| c[0] + t * (c[1] + t * (c[2] + t * c[3]));
            let (from, to) = ((lo - best.0) / reach, (hi - best.0) / reach);
            let (t, value) = crate::num::optimise::brent(cubic, from.max(-1.0), to.min(1.0), 1e-10);
            let t = [from.max(-1.0), to.min(1.0)].into_iter().fold((t, value), |b, t| if cubic(t) > b.1 { (t, cubic(t)) } else { b }).0;
            best = (best.0 + reach * t, cubic(t));
            reach *= 0.6;
        }
        best
    }

    /// Lets strategies go towards best replies until none moves by more than `until` (a share of the largest number chosen); whether they came to rest.
    fn rest(&self, kinds: &mut [Kind], draws: usize, rounds: usize, until: f64) -> bool {
        for _ in 0..rounds {
            let mut moved: f64 = 0.0;
            for k in 0..kinds.len() {
                let own = kinds[k].members[0];
                let others = self.others(kinds, own, draws);
                let nodes = kinds[k].nodes.clone();
                let replies: Option<Vec<(f64, f64)>> = nodes
                    .par_iter()
                    .map(|v| limits::going(|| self.reply(own, *v, &others, draws)))
                    .collect();
                let replies = replies.unwrap_or_else(|| limits::leave());
                let least = replies.iter().map(|r| r.1).fold(f64::INFINITY, f64::min);
                let most = replies.iter().map(|r| r.1).fold(f64::NEG_INFINITY, f64::max);
                let weights: Vec<f64> = replies.iter().map(|r| (r.1 - least) / (most - least).max(1e-300) + 1e-4).collect();
                let best: Vec<f64> = replies.iter().map(|r| r.0).collect();
                let new = fitted(&nodes, &best, &weights, kinds[k].range);
                let before: Vec<f64> = nodes.iter().map(|v| self.chosen(&kinds[k], *v)).collect();
                for (old, new) in kinds[k].strategy.iter_mut().zip(new) {
                    *old += RELAX * (new - *old);
                }
                let size = before.iter().map(|x| x.abs()).fold(1e-12, f64::max);
                for (v, (x, w)) in nodes.iter().zip(before.iter().zip(&weights)) {
                    moved = moved.max(w.min(1.0) * (self.chosen(&kinds[k], *v) - x).abs() / size);
                }
            }
            if moved < until {
                return true;
            }
        }
        false
    }

    fn play(&self, model: &Model, kinds: &[Kind]) -> Play {
        let known: Vec<Known> = kinds
            .iter()
            .map(|k| {
                let t = &self.game.types[k.of];
                let middles: Vec<f64> = k.nodes.windows(2).map(|w| 0.5 * (w[0] + w[1])).collect();
                let below = |x: f64| t.continuous.as_ref().map_or(0.0, |d| share_below(d, x));
                let mut weights = Vec::new();
                let mut before = 0.0;
                for m in middles.iter().map(|m| below(*m)).chain([1.0]) {
                    weights.push(m - before);
                    before = m;
                }
                Known {
                    name: if k.members.len() == 1 { t.name.clone() } else { model.shocks[t.shock].name.clone() },
                    values: k.nodes.clone(),
                    weights,
                    continuous: true,
                }
            })
            .collect();
        let states = joint(&known).0;
        let n = self.game.actions.len();
        let mut play = Play {
            policy: vec![Vec::new(); n],
            mixed: vec![Vec::new(); n],
            paid: vec![Vec::new(); self.game.choosers.len()],
            known,
        };
        for (k, kind) in kinds.iter().enumerate() {
            let own = kind.members[0];
            let others = self.others(kinds, own, DRAWS.1);
            let paid: Vec<f64> = kind
                .nodes
                .par_iter()
                .map(|v| self.pays(own, *v, self.chosen(kind, *v), &others, DRAWS.1))
                .collect();
            for state in &states {
                let place = kind.nodes.iter().position(|v| *v == state[k]).unwrap_or(0);
                for c in &kind.members {
                    play.policy[self.action(*c)].push(self.chosen(kind, state[k]));
                    play.paid[*c].push(paid[place]);
                }
            }
        }
        play
    }
}

/// The probability of a draw below `x`, by bisection of its quantiles.
fn share_below(d: &crate::check::model::Distribution, x: f64) -> f64 {
    let (mut lo, mut hi) = (0.0, 1.0);
    for _ in 0..50 {
        let middle: f64 = 0.5 * (lo + hi);
        if d.quantile(middle.clamp(1e-12, 1.0 - 1e-12)) < x {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    0.5 * (lo + hi)
}
