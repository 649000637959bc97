//! A market that clears in each period, looked at by the policy as it is handed over: what is left over at the price of the judge's path,
//! and whether members would rather save more or less, given the prices that really come next and not those that the law forecasts.

use super::crowd::Crowd;
use crate::diag::Diagnostic;
use crate::env::engine::Engine;
use crate::env::worlds::{Bounds, Worlds};
use crate::graph::NodeId;
use crate::num::weighted::Weighted;
use crate::solve::between::PolicyBetween;
use crate::solve::continuum::perceived::member::Member;
use crate::solve::solution::Solution;
use crate::verify::world::seat::SolvedSeat;
use std::sync::Arc;

/// Places that are evaluated side by side.
const LANES: usize = 2048;
/// Step of differences.
const STEP: f64 = 1e-5;
/// Mass of a place at which members' choices are looked at, and most places of an own state in a period.
const MASS: f64 = 1e-4;
const PLACES: usize = 60;
/// Distance from the lowest state, a share of its size, within which a member would go lower if it could.
const LOWEST: f64 = 1e-6;

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Realised {
    /// Periods that were looked at.
    pub(super) periods: usize,
    /// The largest of what is left over, a share of what is traded.
    pub(super) left: f64,
    /// What a unit saved brings at the prices that come, less what it costs, a share of the cost: the mean over members, what 99 % of them do not
    /// exceed, the largest, and where that is: the member's state and the price.
    pub(super) mean: f64,
    pub(super) most: f64,
    pub(super) largest: f64,
    pub(super) at: (f64, f64),
    /// Places.
    pub(super) places: usize,
}

/// A place: joint state, the member's state, the price, and the action (the policy's where it is `None`).
#[derive(Clone, Copy)]
struct Place {
    joint: usize,
    x: f64,
    price: f64,
    action: Option<f64>,
}

/// What a member has there.
#[derive(Clone, Copy, Default)]
struct Had {
    action: f64,
    reward: f64,
    next: f64,
    left: f64,
    discount: f64,
}

/// Evaluates the economy of one member.
struct Bench<'a> {
    worlds: Worlds,
    engine: Engine,
    policy: PolicyBetween,
    seat: SolvedSeat,
    crowd: &'a Crowd,
    /// Among the states of the solution.
    moment: usize,
    inputs: [usize; 2],
    discounts: bool,
}

/// Looks at members as they stood, `mass[own][node]`, in periods of `path`.
///
/// # Errors
/// Those of the economy's programs; E0905 for a solution of other states.
pub(super) fn realised(
    member: &Member,
    solution: &Solution,
    crowd: &Crowd,
    (stood, path): (&[(usize, Vec<Vec<f64>>)], &[usize]),
    seed: u64,
) -> Result<Realised, Diagnostic> {
    let mut bench = Bench::new(member, solution, crowd, seed)?;
    let lowest = crowd.nodes()[0];
    let near = lowest + LOWEST * (1.0 + lowest.abs());
    let mut out = Realised {
        periods: stood.len(),
        ..Realised::default()
    };
    let mut all: Vec<(f64, f64)> = Vec::new();
    for (t, mass) in stood {
        let z = path[*t];
        let (price, later) = crowd.prices(mass, z);
        // What is left over.
        let (mut here, mut share) = (Vec::new(), Vec::new());
        for (own, joint) in mass.iter().zip(&crowd.chain.joint[z]) {
            for (m, x) in own.iter().zip(crowd.nodes()).filter(|(m, _)| **m > 1e-13) {
                here.push(Place {
                    joint: *joint,
                    x: *x,
                    price,
                    action: None,
                });
                share.push(*m);
            }
        }
        let had = bench.evaluate(&here)?;
        let over = |f: fn(f64) -> f64| -> f64 { had.iter().zip(&share).map(|(h, m)| m * f(h.left)).sum() };
        out.left = worst(out.left, over(|x| x).abs() / over(f64::abs).max(1e-12));
        // What one would rather do.
        let stride = |own: usize| (here.iter().filter(|p| p.joint == own).count() / PLACES).max(1);
        let looked: Vec<usize> = (0..here.len())
            .filter(|i| share[*i] > MASS && i % stride(here[*i].joint) == 0)
            .collect();
        let errors = bench.errors(
            &looked.iter().map(|i| here[*i]).collect::<Vec<Place>>(),
            (&looked.iter().map(|i| had[*i]).collect::<Vec<Had>>(), near),
            &later,
        )?;
        for (i, error) in looked.iter().zip(&errors) {
            if worst(out.largest, *error) > out.largest {
                (out.largest, out.at) = (worst(out.largest, *error), (here[*i].x, price));
            }
            all.push((*error, share[*i]));
        }
        out.places += looked.len();
    }
    let all = Weighted::new(all);
    (out.mean, out.most) = (all.mean(), all.quantile(0.99));
    Ok(out)
}

/// What is not a number is no small error.
fn worst(so_far: f64, x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { so_far.max(x) }
}

impl<'a> Bench<'a> {
    fn new(member: &Member, solution: &Solution, crowd: &'a Crowd, seed: u64) -> Result<Bench<'a>, Diagnostic> {
        let model = &member.model;
        let bad = || Diagnostic::error("E0905", "the solution has other states than its law");
        let seat = SolvedSeat::of(model, solution)?;
        let axis = |name: &str| solution.states.iter().position(|s| s.name == name).ok_or_else(bad);
        let state = axis(&model.states[member.state].name)?;
        let moment = axis(&member.moments[0].name)?;
        let who = &model.agents[member.agent];
        let mut nodes: Vec<NodeId> = vec![
            who.reward.ok_or_else(bad)?,
            model.states[member.state].next,
            member.moments[0].of,
        ];
        nodes.extend(who.discount);
        let worlds = Worlds::new(model, None, LANES, seed, &[])?;
        Ok(Bench {
            engine: worlds.engine(nodes)?,
            worlds,
            policy: PolicyBetween::new(Arc::new(solution.clone()))?,
            inputs: [state, moment].map(|s| seat.states[s].input),
            seat,
            crowd,
            moment,
            discounts: who.discount.is_some(),
        })
    }

    /// What members have at places, one each.
    fn evaluate(&mut self, places: &[Place]) -> Result<Vec<Had>, Diagnostic> {
        let action = self.seat.choices.first().map_or(0, |c| c.action);
        let mut out = Vec::with_capacity(places.len());
        for part in places.chunks(LANES) {
            let mut known: Vec<Vec<f64>> = Vec::with_capacity(part.len());
            for (w, p) in part.iter().enumerate() {
                let links = &self.crowd.chain.links[p.joint];
                let shocks: Vec<f64> = (self.seat.shocks.iter().zip(links))
                    .map(|(s, k)| if s.continuous { s.values[*k] } else { *k as f64 })
                    .collect();
                for (s, x) in self.seat.shocks.iter().zip(&shocks) {
                    self.worlds.set_shock(s.shock, s.element, w, *x);
                }
                self.worlds.frame[self.inputs[0]][w] = p.x;
                self.worlds.frame[self.inputs[1]][w] = p.price;
                known.push(shocks);
            }
            let bounds = self.worlds.bounds(0)?;
            let mut chosen = Vec::with_capacity(part.len());
            for (w, p) in part.iter().enumerate() {
                let a = match p.action {
                    Some(a) => a,
                    None => {
                        let mut states = [p.x; 2];
                        states[self.moment] = p.price;
                        let a = self.policy.action(0, &self.policy.spot(0, &known[w], &states));
                        match bounds.first() {
                            Some(Bounds::Between(lo, hi)) => a.min(hi[w]).max(lo[w]),
                            _ => a,
                        }
                    }
                };
                self.worlds.choose(action, 0, w, a);
                chosen.push(a);
            }
            let found = self.engine.run(&self.worlds.frame, LANES)?;
            out.extend(chosen.iter().enumerate().map(|(w, a)| Had {
                action: *a,
                reward: found[0][w],
                next: found[1][w],
                left: found[2][w],
                discount: if self.discounts { found[3][w] } else { 1.0 },
            }));
        }
        Ok(out)
    }

    /// What a unit saved brings less what it costs, a share of the cost, at places where members have `had`, with prices `later` by the next
    /// aggregate state; members who end below `near` would go lower if they could.
    fn errors(&mut self, here: &[Place], (had, near): (&[Had], f64), later: &[f64]) -> Result<Vec<f64>, Diagnostic> {
        let chain = &self.crowd.chain;
        let mut next: Vec<Place> = Vec::new();
        let mut from: Vec<(usize, f64)> = Vec::new();
        for (i, (p, h)) in here.iter().zip(had).enumerate() {
            for (to, chance) in chain.chances[p.joint].iter().enumerate().filter(|(_, c)| **c > 0.0) {
                from.push((i, *chance));
                next.push(Place {
                    joint: to,
                    x: h.next,
                    price: later[chain.split[to].0],
                    action: None,
                });
            }
        }
        let then = self.evaluate(&next)?;
        let worth = self.slopes(&next, &then)?;
        let now = self.slopes(here, had)?;
        let mut brings = vec![0.0; here.len()];
        for ((i, chance), [r_x, r_a, n_x, n_a]) in from.iter().zip(worth) {
            brings[*i] += chance * (r_x - n_x * r_a / n_a);
        }
        Ok((now.iter().zip(had).zip(brings))
            .map(|(([_, r_a, _, n_a], h), brings)| {
                let error = -h.discount * brings * n_a / r_a - 1.0;
                if h.next <= near { error.max(0.0) } else { error.abs() }
            })
            .collect())
    }

    /// Slopes of reward and next state in state and action: `[reward by state, by action, next by state, by action]`.
    fn slopes(&mut self, at: &[Place], had: &[Had]) -> Result<Vec<[f64; 4]>, Diagnostic> {
        let mut around = Vec::with_capacity(4 * at.len());
        for (p, h) in at.iter().zip(had) {
            for (x, a) in [(STEP, 0.0), (-STEP, 0.0), (0.0, STEP), (0.0, -STEP)] {
                around.push(Place {
                    x: p.x + x,
                    action: Some(h.action + a),
                    ..*p
                });
            }
        }
        let found = self.evaluate(&around)?;
        let slope = |a: f64, b: f64| (a - b) / (2.0 * STEP);
        Ok((found.chunks_exact(4))
            .map(|f| {
                [
                    slope(f[0].reward, f[1].reward),
                    slope(f[2].reward, f[3].reward),
                    slope(f[0].next, f[1].next),
                    slope(f[2].next, f[3].next),
                ]
            })
            .collect())
    }
}
