//! Games of incomplete information with numbers to choose: strategies are functions of what each knows (Harsanyi 1967).
//!
//! Each who chooses knows one number (a private value, a cost) drawn independently. A strategy is a polynomial in it within the bounds of the action;
//! what others know is drawn evenly (a lattice), and they choose by their strategies. At nodes of the own type a first-order condition must hold. Where
//! rewards are smooth it is the derivative in the own choice. Where they jump with it (the highest bid wins) the average over draws is a staircase, and
//! best replies to each other run away from the equilibrium; there the condition is that nobody gains by choosing as a slightly other type would: who
//! wins then hardly depends on the strategies, so that the conditions are smooth in them (the envelope of Myerson 1981, "Optimal auction design").
//! The coefficients are found by Gauss-Newton steps; that no choice anywhere pays more is the certificate's to see.

use super::play::{Known, Play, Searched, joint};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::kernel::exec::Workspace;
use crate::limits;
use crate::solve::kinked::lanes;
use crate::solve::static_game::game::Game;
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

/// Nodes of the own type at which conditions hold and strategies are stored.
const NODES: usize = 33;
/// Draws of what others know, with one other and with more.
const DRAWS: (usize, usize) = (4096, 16_384);
/// Degree of a strategy.
const DEGREE: usize = 5;
/// Probability between neighbouring types of a difference.
const STEP: f64 = 0.02;
/// Most steps, the change of a strategy (a share of its largest number) at which they end, and the weight of curvature that nothing determines.
const STEPS: usize = 40;
const REST: f64 = 1e-4;
const CURVED: f64 = 1e-3;
/// Largest mean square of what is left of the conditions, as a share of the size of their derivatives.
const LEFT: f64 = 3e-2;

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
pub(super) fn solve(model: &Model, game: &Game) -> Result<(Vec<Play>, Searched), Diagnostic> {
    let cannot = |why: String| Diagnostic::error("E0810", why);
    if game.given {
        let name = &model.prices[0].name;
        return Err(cannot(format!(
            "prices such as `{name}` are taken as given by those who know something"
        ))
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
            return Err(cannot(format!(
                "`{}` is not a continuous draw of one member's own",
                model.shocks[t.shock].name
            ))
            .at(model.shocks[t.shock].span, "what is known")
            .hint(
                "write a private `shock v ~ iid uniform(0, 1)` in the agent; what everybody sees can be a parameter",
            ));
        }
    }
    let mut found = Vec::new();
    let starts = [0.8, 0.3];
    for share in starts {
        let mut kinds = kinds(game);
        for k in &mut kinds {
            // From a share of what is known, or of the interval.
            let a = game.choosers[k.members[0]].actions[0];
            let from: Vec<f64> = k
                .nodes
                .iter()
                .map(|v| (share * v).clamp(game.lo[a], game.hi[a]))
                .collect();
            k.strategy = fitted(&k.nodes, &from, k.range);
        }
        let draws = if game.choosers.len() > 2 { DRAWS.1 } else { DRAWS.0 };
        let solver = Solver { game, draws };
        if solver.rest(&mut kinds) {
            found.push(solver.play(model, &kinds));
            break;
        }
    }
    let searched = Searched {
        tried: starts.len(),
        scope: vec![format!("strategies from {} starts, until one settles", starts.len())],
        continuum: false,
    };
    Ok((found, searched))
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

/// The polynomial closest to `y` at `nodes`.
fn fitted(nodes: &[f64], y: &[f64], range: (f64, f64)) -> Vec<f64> {
    let rows: Vec<Vec<f64>> = nodes.iter().map(|v| basis(*v, range).to_vec()).collect();
    least_squares(&rows, y)
}

/// The coefficients whose sums of columns come closest to `y`, which has one number per row.
fn least_squares(rows: &[Vec<f64>], y: &[f64]) -> Vec<f64> {
    let n = rows.first().map_or(0, Vec::len);
    let a = DMatrix::from_fn(rows.len(), n, |i, j| rows[i][j]);
    let b = DVector::from_fn(rows.len(), |i, _| y[i]);
    let solved = a.svd(true, true).solve(&b, 1e-12);
    solved.map_or_else(|_| vec![0.0; n], |x| x.as_slice().to_vec())
}

struct Solver<'a> {
    game: &'a Game,
    draws: usize,
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
    fn others(&self, kinds: &[Kind], own: usize) -> Vec<(usize, Vec<f64>)> {
        let draws = self.draws;
        let mut out = Vec::new();
        let mut d = 0u32;
        for k in kinds {
            for c in k.members.iter().filter(|c| **c != own) {
                // The fractional parts of multiples of square roots of primes, the first evenly (Niederreiter 1992).
                let step = match d {
                    0 => 1.0 / draws as f64,
                    d => f64::from([2u32, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37][(d as usize - 1) % 12])
                        .sqrt()
                        .fract(),
                };
                let law = self.game.types[self.game.choosers[*c].sees[0]].continuous.as_ref();
                let known: Vec<f64> = (0..draws)
                    .map(|l| {
                        let u = (0.5 * step + l as f64 * step).fract();
                        law.map_or(f64::NAN, |d| {
                            d.quantile((1.0 - (2.0 * u - 1.0).abs()).clamp(1e-12, 1.0 - 1e-12))
                        })
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
    fn pays(&self, own: usize, v: f64, x: f64, others: &[(usize, Vec<f64>)]) -> f64 {
        let draws = self.draws;
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

    /// What is left of the first-order conditions, one number per kind and node.
    fn conditions(&self, kinds: &[Kind]) -> Vec<f64> {
        let mut out = Vec::new();
        for k in kinds {
            let own = k.members[0];
            let (lo, hi) = (self.game.lo[self.action(own)], self.game.hi[self.action(own)]);
            let others = self.others(kinds, own);
            let law = self.game.types[k.of].continuous.as_ref();
            let quantile = |u: f64| law.map_or(f64::NAN, |d| d.quantile(u));
            let one = |j: usize| -> f64 {
                // Differences stay inside what may be known.
                let u = 2.0 * STEP + 2e-3 + (1.0 - 4.0 * STEP - 4e-3) * j as f64 / (NODES - 1) as f64;
                let v = quantile(u);
                if !self.game.steps {
                    let x = self.chosen(k, v);
                    let h = 1e-4 * (1.0 + x.abs());
                    let slope = (self.pays(own, v, x + h, &others) - self.pays(own, v, x - h, &others)) / (2.0 * h);
                    // A bound that the slope pushes against holds the choice.
                    return (x + slope).clamp(lo, hi) - x;
                }
                let as_if = |u: f64| self.pays(own, v, self.chosen(k, quantile(u)), &others);
                let slope = |h: f64| (as_if(u + h) - as_if(u - h)) / (2.0 * h);
                (4.0 * slope(STEP) - slope(2.0 * STEP)) / 3.0
            };
            let left: Option<Vec<f64>> = (0..NODES).into_par_iter().map(|j| limits::going(|| one(j))).collect();
            out.extend(left.unwrap_or_else(|| limits::leave()));
        }
        out
    }

    /// Takes Gauss-Newton steps until strategies rest; whether the conditions then hold.
    fn rest(&self, kinds: &mut [Kind]) -> bool {
        let width = DEGREE + 1;
        let n = kinds.len() * width;
        let put = |kinds: &mut [Kind], c: &[f64]| {
            for (k, c) in kinds.iter_mut().zip(c.chunks(width)) {
                k.strategy = c.to_vec();
            }
        };
        let mut c: Vec<f64> = kinds.iter().flat_map(|k| k.strategy.clone()).collect();
        let mut weight: Option<f64> = None;
        let bent = |c: &[f64], w: f64| -> Vec<f64> {
            let curved = c.iter().enumerate().filter(|(i, _)| i % width >= 2);
            curved.map(|(_, c)| w.sqrt() * c).collect()
        };
        let mut size = 0.0;
        for step in 0..STEPS {
            limits::doing(format!("strategies as functions of what is known, step {}", step + 1));
            put(kinds, &c);
            let left = self.conditions(kinds);
            let scale = c.iter().map(|x| x.abs()).fold(1e-12, f64::max);
            let h = 1e-4 * scale;
            let mut columns: Vec<Vec<f64>> = Vec::new();
            for i in 0..n {
                let mut at = |by: f64| {
                    let mut d = c.clone();
                    d[i] += by;
                    put(kinds, &d);
                    self.conditions(kinds)
                };
                let (up, down) = (at(h), at(-h));
                columns.push(up.iter().zip(&down).map(|(u, d)| (u - d) / (2.0 * h)).collect());
            }
            if left.iter().chain(columns.iter().flatten()).any(|x| !x.is_finite()) {
                return false;
            }
            let squares: f64 = columns.iter().flatten().map(|x| x * x).sum();
            size = (squares / (left.len() * n) as f64).sqrt();
            let w = *weight.get_or_insert(CURVED * size * size);
            let mut rows: Vec<Vec<f64>> = (0..left.len())
                .map(|r| columns.iter().map(|c| c[r]).collect())
                .collect();
            for i in (0..n).filter(|i| i % width >= 2) {
                rows.push((0..n).map(|j| if i == j { w.sqrt() } else { 0.0 }).collect());
            }
            let now: Vec<f64> = left.iter().copied().chain(bent(&c, w)).collect();
            let to: Vec<f64> = now.iter().map(|x| -x).collect();
            let d = least_squares(&rows, &to);
            let sum = |f: &[f64]| f.iter().map(|x| x * x).sum::<f64>();
            let mut part = 1.0;
            let better = loop {
                let next: Vec<f64> = c.iter().zip(&d).map(|(c, d)| c + part * d).collect();
                put(kinds, &next);
                let mut f = self.conditions(kinds);
                f.extend(bent(&next, w));
                if sum(&f) < sum(&now) {
                    break Some(next);
                }
                part *= 0.5;
                if part < 1e-3 {
                    break None;
                }
            };
            let Some(next) = better else { break };
            let moved = next.iter().zip(&c).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            c = next;
            if moved < REST * scale {
                break;
            }
        }
        put(kinds, &c);
        let left = self.conditions(kinds);
        let mean = (left.iter().map(|x| x * x).sum::<f64>() / left.len().max(1) as f64).sqrt();
        let scale = c.iter().map(|x| x.abs()).fold(1e-12, f64::max);
        mean <= LEFT * size * scale
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
                    name: if k.members.len() == 1 {
                        t.name.clone()
                    } else {
                        model.shocks[t.shock].name.clone()
                    },
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
            let others = self.others(kinds, own);
            let paid: Vec<f64> = kind
                .nodes
                .par_iter()
                .map(|v| self.pays(own, *v, self.chosen(kind, *v), &others))
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
