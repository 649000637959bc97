//! Action values in the economy itself: many draws of one period from a place, what it pays, and the value where it leads.

use super::seat::Seat;
use super::value::Value;
use crate::check::Model;
use crate::check::model::{Otherwise, Then};
use crate::diag::Diagnostic;
use crate::env::engine::Engine;
use crate::env::worlds::trial::Place;
use crate::env::worlds::{Bounds, Worlds};
use crate::graph::NodeId;

/// Slack below which a hard requirement counts as violated.
const FEASIBLE: f64 = -1e-9;

/// A place where the policy was met.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The world there, with the policy's actions.
    pub place: Place,
    /// The decision maker's states.
    pub states: Vec<f64>,
    /// Its shocks as stored.
    pub shocks: Vec<f64>,
    /// Its choices.
    pub actions: Vec<f64>,
    /// Weight of the date in lifetime value.
    pub weight: f64,
}

/// What a choice is worth at a place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worth {
    /// Expected reward and discounted value of what follows; minus infinity where a requirement is violated.
    pub q: f64,
    /// Standard error of `q` as of independent draws (the lattice does better).
    pub error: f64,
    /// Expected reward.
    pub reward: f64,
    /// Expected consumption, NaN if the model names none.
    pub consumption: f64,
    /// Share of draws that lead outside the solution's grid.
    pub outside: f64,
}

/// A choice to be tried: the visit's number and the actions.
pub struct Job<'a> {
    /// Which visit.
    pub visit: usize,
    /// What is chosen there.
    pub actions: &'a [f64],
}

/// Worlds for trials.
pub struct Trials<'a> {
    model: &'a Model,
    seat: &'a Seat,
    value: &'a Value,
    worlds: Worlds,
    /// Slacks of hard requirements.
    slacks: Option<Engine>,
    lanes: usize,
    seed: u64,
    /// Position of the discount and of consumption among the watched nodes.
    discount: Option<usize>,
    consumption: Option<usize>,
}

/// Most numbers of all inputs of all worlds of trials together.
const NUMBERS: usize = 4_000_000;

impl<'a> Trials<'a> {
    /// Prepares worlds that try `lanes` draws at once (fewer in large economies).
    ///
    /// # Errors
    /// Those of the economy's programs.
    pub fn new(model: &'a Model, seat: &'a Seat, value: &'a Value, lanes: usize, seed: u64) -> Result<Self, Diagnostic> {
        let elements: usize = model.graph.inputs.iter().map(|i| model.graph.elements(&i.shape)).sum();
        let lanes = lanes.min(NUMBERS / elements.max(1)).max(1);
        let mut watched: Vec<NodeId> = Vec::new();
        let mut watch = |node: Option<NodeId>| {
            node.map(|n| {
                watched.push(n);
                watched.len() - 1
            })
        };
        let discount = watch(seat.agents.iter().find_map(|a| model.agents[*a].discount));
        let consumption = match seat.agents.as_slice() {
            [one] => watch(model.agents[*one].consumption),
            _ => None,
        };
        let worlds = Worlds::new(model, None, lanes, seed, &watched)?;
        let hard: Vec<NodeId> = model
            .requires
            .iter()
            .filter(|r| matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_)))
            .map(|r| r.slack)
            .collect();
        let slacks = if hard.is_empty() {
            None
        } else {
            Some(worlds.engine(hard)?)
        };
        Ok(Trials {
            model,
            seat,
            value,
            worlds,
            slacks,
            lanes,
            seed,
            discount,
            consumption,
        })
    }

    /// Worth of each choice with `draws` draws; jobs of one visit meet the same draws.
    ///
    /// # Errors
    /// Those of the economy's programs.
    pub fn worth(&mut self, visits: &[Visit], jobs: &[Job], draws: usize) -> Result<Vec<Worth>, Diagnostic> {
        let mut out = vec![Worth::default(); jobs.len()];
        let draws = draws.max(1);
        let mut sums = vec![[0.0f64; 5]; jobs.len()];
        let all = jobs.len() * draws;
        let mut from = 0;
        while from < all {
            let many = self.lanes.min(all - from);
            let lane = |w: usize| ((from + w) / draws, (from + w) % draws);
            let last = many - 1;
            let at: Vec<(u64, u64)> = (0..self.lanes)
                .map(|w| {
                    let (job, draw) = lane(w.min(last));
                    (jobs[job].visit as u64, draw as u64)
                })
                .collect();
            let places: Vec<&Place> = (0..many).map(|w| &visits[jobs[lane(w).0].visit].place).collect();
            self.worlds.spread_chance(draws, at, self.seed);
            self.worlds.put(&places);
            for w in 0..many {
                for (choice, x) in self.seat.choices.iter().zip(jobs[lane(w).0].actions) {
                    self.worlds.choose(choice.action, choice.element, w, *x);
                }
            }
            let feasible = self.feasible()?;
            let tried = self.worlds.trial()?;
            for w in 0..many {
                let job = lane(w).0;
                let s = &mut sums[job];
                if !feasible[w] {
                    s[0] = f64::NEG_INFINITY;
                    continue;
                }
                let r = reward_of(self.model, self.seat, &tried.rewards, self.lanes, w);
                let n = self.lanes;
                let d = match self.discount {
                    Some(k) => tried.watched[k][w],
                    None if self.model.states.is_empty() && self.model.horizon.is_none() => 0.0,
                    None => 1.0,
                };
                let (ended, paid) = self.end(&tried.ends, &tried.paid, w);
                let later = if ended {
                    paid
                } else if d == 0.0 {
                    0.0
                } else {
                    let (states, shocks, period) = self.standing(w);
                    s[4] += f64::from(u8::from(self.value.outside(&states)));
                    self.value.at(&states, &shocks, period)
                };
                let q = r + d * later;
                s[0] += q;
                s[1] += q * q;
                s[2] += r;
                s[3] += self.consumption.map_or(f64::NAN, |k| {
                    let v = &tried.watched[k];
                    if v.len() == n || self.seat.single { v[w] } else { f64::NAN }
                });
            }
            from += many;
        }
        let n = draws as f64;
        for (o, s) in out.iter_mut().zip(&sums) {
            let mean = s[0] / n;
            *o = Worth {
                q: if s[0].is_nan() { f64::NEG_INFINITY } else { mean },
                error: ((s[1] / n - mean * mean).max(0.0) / n).sqrt(),
                reward: s[2] / n,
                consumption: s[3] / n,
                outside: s[4] / n,
            };
        }
        Ok(out)
    }

    /// Bounds of every choice at the visits: `(lower, upper)` of numbers, or which values of a finite choice are allowed.
    ///
    /// # Errors
    /// Those of the economy's programs.
    pub fn ranges(&mut self, visits: &[Visit]) -> Result<Vec<Vec<Range>>, Diagnostic> {
        let mut out = Vec::new();
        let model = self.worlds.model.clone();
        let numbers = crate::env::worlds::stage_actions(&model, 0);
        for part in visits.chunks(self.lanes) {
            let places: Vec<&Place> = part.iter().map(|v| &v.place).collect();
            self.worlds.put(&places);
            let bounds = self.worlds.bounds_as_drawn(0)?;
            for w in 0..part.len() {
                let mut own = Vec::new();
                for c in &self.seat.choices {
                    let bounds = numbers.iter().position(|a| *a == c.action).map(|i| &bounds[i]);
                    let k = c.element * self.lanes + w;
                    own.push(match bounds {
                        Some(Bounds::Between(lo, hi)) if c.values.is_empty() => Range::Between(lo[k], hi[k]),
                        Some(Bounds::Between(lo, hi)) => {
                            Range::Values(c.values.iter().copied().filter(|v| *v >= lo[k] && *v <= hi[k]).collect())
                        }
                        Some(Bounds::Choices(masks)) => Range::Values(
                            c.values
                                .iter()
                                .copied()
                                .filter(|v| {
                                    let mask = masks.get(*v as usize).and_then(|m| m.as_ref());
                                    mask.is_none_or(|m| m[k] != 0.0)
                                })
                                .collect(),
                        ),
                        Some(Bounds::Simplex) | None => Range::Values(Vec::new()),
                    });
                }
                out.push(own);
            }
        }
        Ok(out)
    }

    /// Which worlds' actions satisfy every hard requirement.
    fn feasible(&mut self) -> Result<Vec<bool>, Diagnostic> {
        let mut out = vec![true; self.lanes];
        if let Some(engine) = &mut self.slacks {
            for (slack, r) in engine.run(&self.worlds.frame, self.lanes)?.iter().zip(
                self.model
                    .requires
                    .iter()
                    .filter(|r| matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_))),
            ) {
                let own = self.seat.single && r.agent.is_some();
                let elements = if own { 1 } else { slack.len() / self.lanes };
                for e in 0..elements {
                    for w in 0..self.lanes {
                        let s = slack[e * self.lanes + w];
                        out[w] &= s >= FEASIBLE;
                    }
                }
            }
        }
        Ok(out)
    }

    /// Whether the decision maker's life ends in world `w`, and what the end pays.
    fn end(&self, ends: &[Vec<f64>], paid: &[Vec<f64>], w: usize) -> (bool, f64) {
        let n = self.lanes;
        let (mut ended, mut total) = (false, 0.0);
        for ((e, condition), pays) in self.model.ends.iter().zip(ends).zip(paid) {
            if e.then != Then::Episode && !e.agent.is_some_and(|a| self.seat.agents.contains(&a)) {
                continue;
            }
            let elements = if self.seat.single { 1 } else { condition.len() / n };
            for k in 0..elements {
                if condition[k * n + w] != 0.0 {
                    ended = true;
                    total += pays.get(k * n + w).copied().unwrap_or(0.0);
                }
            }
        }
        (ended, total)
    }

    /// States, stored shocks and date of the decision maker in world `w`.
    fn standing(&self, w: usize) -> (Vec<f64>, Vec<f64>, usize) {
        standing(&self.worlds, self.seat, w)
    }
}

/// States, stored shocks and date of the decision maker in world `w`.
pub fn standing(worlds: &Worlds, seat: &Seat, w: usize) -> (Vec<f64>, Vec<f64>, usize) {
    let n = worlds.worlds();
    let states = seat
        .states
        .iter()
        .map(|s| worlds.frame[s.input][s.element * n + w])
        .collect();
    let shocks = seat
        .shocks
        .iter()
        .map(|s| worlds.stored(s.shock, s.element, w))
        .collect();
    (states, shocks, worlds.period()[w])
}

/// What may be chosen.
#[derive(Clone, Debug)]
pub enum Range {
    /// Numbers between two bounds.
    Between(f64, f64),
    /// These values.
    Values(Vec<f64>),
}

/// The decision maker's reward in world `w` of `n`.
pub fn reward_of(model: &Model, seat: &Seat, rewards: &[Vec<f64>], n: usize, w: usize) -> f64 {
        let rewarding = model
            .agents
            .iter()
            .enumerate()
            .filter(|(_, a)| a.reward.is_some());
        let mut total = 0.0;
        for ((agent, a), values) in rewarding.zip(rewards) {
            if !seat.agents.contains(&agent) {
                continue;
            }
            if seat.single {
                total += values[w];
                continue;
            }
            let members = model.graph.elements(&a.shape);
            let elements = values.len() / n;
            let continuum = a.axis.is_some_and(|x| model.graph.axes[x.0 as usize].continuum);
            // A reward that is the same for all members counts once for each; a continuum has its mass.
            let mut scale = members as f64 / elements as f64;
            if continuum {
                scale *= a.mass / members as f64;
            }
            total += scale * (0..elements).map(|e| values[e * n + w]).sum::<f64>();
        }
        total
    }

