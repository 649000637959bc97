//! Action values in the economy itself: many draws of one period from a place, what it pays, and the value where it leads.

use super::seat::Seat;
use super::value::Value;
use crate::check::Model;
use crate::check::model::{DrawWhen, Family, Otherwise, Process, Then};
use crate::diag::Diagnostic;
use crate::env::engine::Engine;
use crate::env::worlds::trial::{Drawn, Place};
use crate::env::worlds::{Bounds, Worlds};
use crate::graph::{NodeId, Op};
use crate::num::normal;
use crate::num::random::Key;

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

/// A combination of outcomes of finite draws.
#[derive(Clone, Debug)]
struct Leaf {
    job: usize,
    weight: f64,
    /// The uniform draw that gives each outcome.
    draws: Vec<(Drawn, f64)>,
    /// Next states of chains.
    next: Vec<(Drawn, usize)>,
    /// What unseen shocks are now: (shock, element, stored value).
    now: Vec<(usize, usize, f64)>,
}

impl Leaf {
    /// One leaf for each outcome of a draw: outcome `i` has the uniform numbers of an interval of length `row[i]`.
    fn split(self, drawn: Drawn, row: &[f64], into: &mut Vec<Leaf>) {
        let total: f64 = row.iter().sum();
        // Rows that are no probabilities are left to the draws as the economy makes them.
        if !(total > 0.0) || row.iter().any(|p| !(*p >= 0.0)) {
            into.push(self);
            return;
        }
        // A published matrix that is kept as it is (`unchecked`) may miss one by the digits it was printed with.
        let scale = if (total - 1.0).abs() < 0.01 { 1.0 } else { total };
        let mut below = 0.0;
        for (i, p) in row.iter().enumerate() {
            if *p > 0.0 {
                let mut leaf = self.clone();
                leaf.weight *= p / scale;
                leaf.draws
                    .push((drawn, ((below + 0.5 * p) / total).clamp(1e-15, 1.0 - 1e-15)));
                leaf.next.push((drawn, i));
                into.push(leaf);
            }
            below += p;
        }
    }
}

/// The law of a shock without memory at any date: what is stored of it, with probabilities.
fn present(model: &Model, shock: usize) -> Vec<(f64, f64)> {
    match &model.shocks[shock].process {
        Process::Chain { matrices, .. } => matrices
            .first()
            .and_then(|m| m.first())
            .map(|row| row.iter().enumerate().map(|(i, p)| (i as f64, *p)).collect())
            .unwrap_or_default(),
        Process::Iid(d) => trapezoid(60, 0.5)
            .into_iter()
            .map(|(u, p)| (d.quantile(u), p))
            .collect(),
        Process::Ar1 { sigma, mean, .. } => trapezoid(60, 0.5)
            .into_iter()
            .map(|(u, p)| (mean + sigma * normal::quantile(u), p))
            .collect(),
        Process::RandomWalk { .. } | Process::Var1 { .. } => vec![(0.0, 1.0)],
    }
}

/// Which draws matter, and which of them take finitely many values.
#[derive(Clone, Debug, Default)]
struct Chances {
    /// Chains and finite iid shocks, element by element, conditioning ones first.
    chains: Vec<(usize, usize)>,
    /// For each shock the probabilities of a finite iid law.
    iid: Vec<Option<Vec<f64>>>,
    /// Finite noises, element by element, in the order of the model.
    noises: Vec<(usize, usize)>,
    /// Everything else that is drawn, element by element.
    continuous: Vec<Drawn>,
}

/// Most outcomes of one finite draw, and of all together.
const MOST_OUTCOMES: usize = 256;

impl Chances {
    fn of(model: &Model, seat: &Seat, outputs: &[NodeId]) -> Chances {
        // Inputs that rewards, laws of motion and ends read.
        let mut seen = vec![false; model.graph.nodes.len()];
        let mut inputs = vec![false; model.graph.inputs.len()];
        let mut todo = outputs.to_vec();
        let mut visit = |todo: &mut Vec<NodeId>| {
            while let Some(n) = todo.pop() {
                if std::mem::replace(&mut seen[n.0 as usize], true) {
                    continue;
                }
                let op = &model.graph.nodes[n.0 as usize].op;
                if let Op::Input(i) = op {
                    inputs[i.0 as usize] = true;
                }
                todo.extend(crate::graph::shape::operands(op));
                if let Op::Root { root, .. } = op {
                    todo.extend(model.graph.roots[*root].residuals.iter().copied());
                }
            }
        };
        visit(&mut todo);
        let mut out = Chances {
            iid: vec![None; model.shocks.len()],
            ..Chances::default()
        };
        let mut product = 1usize;
        let mut room = |n: usize| {
            product = product.saturating_mul(n.max(1));
            product <= MOST_OUTCOMES
        };
        for s in model.drawing_order() {
            let shock = &model.shocks[s];
            let elements = model.graph.elements(&shock.shape);
            let matters = |e: usize| {
                seat.shocks.iter().any(|x| x.shock == s && x.element == e)
                    || inputs[shock.next.0 as usize] && elements == 1
            };
            let finite = match &shock.process {
                Process::Chain { values, .. } => Some(values.len()),
                Process::Iid(d) => {
                    let row = match d.family {
                        Family::Bernoulli => Some(vec![d.args[0], 1.0 - d.args[0]]),
                        Family::UniformInt => {
                            let n = (d.args[1] - d.args[0] + 1.0).clamp(1.0, MOST_OUTCOMES as f64) as usize;
                            Some(vec![1.0 / n as f64; n])
                        }
                        Family::Discrete => Some(d.table.iter().map(|(_, p)| *p).collect()),
                        Family::Normal | Family::Lognormal | Family::Uniform | Family::Exponential | Family::Gumbel => {
                            None
                        }
                    };
                    out.iid[s] = row.clone();
                    row.map(|r| r.len())
                }
                Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Var1 { .. } => None,
            };
            for e in (0..elements).filter(|e| matters(*e)) {
                match finite {
                    Some(n) if room(n) => out.chains.push((s, e)),
                    _ => out.continuous.push(Drawn::Shock(s, e)),
                }
            }
        }
        for (k, noise) in model.noises.iter().enumerate() {
            let draw = &model.draws[noise.draw];
            if !inputs[draw.input.0 as usize] || !matches!(draw.when, DrawWhen::After(_)) {
                continue;
            }
            let elements = if seat.single {
                1
            } else {
                model.graph.elements(&draw.shape)
            };
            let finite = match noise.family {
                Family::Bernoulli => Some(2),
                Family::Discrete => Some(noise.outcomes.len()),
                Family::UniformInt => {
                    let end = |i: usize| model.graph.nodes[noise.args[i].0 as usize].domain;
                    let n = end(1).hi - end(0).lo + 1.0;
                    (n <= 64.0).then_some(n.max(1.0) as usize)
                }
                Family::Normal | Family::Lognormal | Family::Uniform | Family::Exponential | Family::Gumbel => None,
            };
            // One draw may serve several noises: their intervals would have to be cut together.
            let shared = model.noises.iter().filter(|n| n.draw == noise.draw).count() > 1
                || model.graph.elements(&model.graph.nodes[noise.node.0 as usize].shape)
                    != model.graph.elements(&draw.shape);
            for e in 0..elements {
                match finite {
                    Some(n) if !shared && room(n) => out.noises.push((k, e)),
                    _ => out.continuous.push(Drawn::Noise(noise.draw, e)),
                }
            }
        }
        out.continuous.sort_unstable();
        out.continuous.dedup();
        out
    }

    /// Nodes along each continuous draw that make up about `draws` in all; `None` where there are too many draws for a grid.
    fn grid(&self, draws: usize) -> Option<usize> {
        let d = self.continuous.len();
        if d == 0 || d > 2 {
            return None;
        }
        let nodes = (draws as f64).powf(1.0 / d as f64).floor() as usize;
        (nodes >= FEWEST_NODES).then_some(nodes)
    }
}

/// Fewest nodes along one draw.
const FEWEST_NODES: usize = 11;
/// Where the normal law is cut off.
const CUT: f64 = 6.5;

/// Uniform draws with weights: the trapezoidal rule in `z = normal quantile of u`, which for smooth functions is exact to many digits
/// with few nodes (Trefethen and Weideman 2014, "The exponentially convergent trapezoidal rule"), reaches far into the tails and,
/// where there are kinks, errs with the square of its step. `shift` in (0, 1) moves the nodes.
fn trapezoid(nodes: usize, shift: f64) -> Vec<(f64, f64)> {
    let h = 2.0 * CUT / nodes as f64;
    let z = |i: usize| -CUT + (i as f64 + shift) * h;
    let mut out: Vec<(f64, f64)> = (0..nodes)
        .map(|i| (normal::cdf(z(i)).clamp(1e-15, 1.0 - 1e-15), (-0.5 * z(i) * z(i)).exp()))
        .collect();
    let total: f64 = out.iter().map(|x| x.1).sum();
    out.iter_mut().for_each(|x| x.1 /= total);
    out
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
    chance: Chances,
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
    pub fn new(
        model: &'a Model,
        seat: &'a Seat,
        value: &'a Value,
        lanes: usize,
        seed: u64,
    ) -> Result<Self, Diagnostic> {
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
        let chance = Chances::of(model, seat, &worlds.outcome_nodes());
        Ok(Trials {
            chance,
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
        let draws = draws.max(1);
        let mut leaves = self.branches(visits, jobs)?;
        // Finite draws are taken exactly; a grid stands for one or two continuous ones, the lattice for more.
        let many = leaves.len().div_ceil(jobs.len().max(1)).max(1);
        let share = draws
            .div_ceil(many)
            .max(FEWEST_NODES.pow(self.chance.continuous.len().min(2) as u32).min(draws));
        let inner = if self.chance.continuous.is_empty() {
            1
        } else if let Some(nodes) = self.chance.grid(share) {
            leaves = self.over_grid(leaves, jobs, nodes);
            1
        } else {
            share
        };
        let mut sums = vec![[0.0f64; 6]; jobs.len()];
        let all = leaves.len() * inner;
        let mut from = 0;
        while from < all {
            let many = self.lanes.min(all - from);
            let lane = |w: usize| ((from + w.min(many - 1)) / inner, (from + w.min(many - 1)) % inner);
            self.stand(visits, jobs, &leaves, inner, &lane, many);
            let feasible = self.feasible()?;
            let tried = self.worlds.trial()?;
            for w in 0..many {
                let leaf = &leaves[lane(w).0];
                let s = &mut sums[leaf.job];
                let p = leaf.weight / inner as f64;
                if !feasible[w] {
                    s[0] = f64::NEG_INFINITY;
                    continue;
                }
                let r = reward_of(self.model, self.seat, &tried.rewards, self.lanes, w);
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
                    s[4] += p * f64::from(u8::from(self.value.outside(&states)));
                    self.value.at(&states, &shocks, period)
                };
                let q = r + d * later;
                s[0] += p * q;
                s[1] += p * q * q;
                s[2] += p * r;
                s[3] += p * self.consumption.map_or(f64::NAN, |k| tried.watched[k][w]);
                s[5] += p;
            }
            from += many;
        }
        Ok(sums
            .iter()
            .map(|s| Worth {
                q: if s[0].is_nan() { f64::NEG_INFINITY } else { s[0] },
                error: ((s[1] - s[0] * s[0]).max(0.0) / draws as f64).sqrt(),
                reward: s[2],
                consumption: s[3],
                outside: s[4],
            })
            .collect())
    }

    /// Every branch at every node of the grid over continuous draws; jobs of one visit meet the same nodes.
    fn over_grid(&self, leaves: Vec<Leaf>, jobs: &[Job], nodes: usize) -> Vec<Leaf> {
        let key = Key::new(self.seed, 0x94d);
        let mut all = leaves;
        for (d, drawn) in self.chance.continuous.iter().enumerate() {
            let mut grown = Vec::with_capacity(all.len() * nodes);
            for leaf in all {
                let shift = key.uniform(jobs[leaf.job].visit as u64, d as u64);
                for (u, weight) in trapezoid(nodes, shift) {
                    let mut next = leaf.clone();
                    next.weight *= weight;
                    next.draws.push((*drawn, u));
                    grown.push(next);
                }
            }
            all = grown;
        }
        all
    }

    /// Puts the lanes where their jobs and branches are.
    fn stand(
        &mut self,
        visits: &[Visit],
        jobs: &[Job],
        leaves: &[Leaf],
        inner: usize,
        lane: &dyn Fn(usize) -> (usize, usize),
        many: usize,
    ) {
        let job = |w: usize| &jobs[leaves[lane(w).0].job];
        let at: Vec<(u64, u64)> = (0..self.lanes)
            .map(|w| (job(w).visit as u64, lane(w).1 as u64))
            .collect();
        let places: Vec<&Place> = (0..many).map(|w| &visits[job(w).visit].place).collect();
        self.worlds.spread_chance(inner, at, self.seed);
        self.worlds.put(&places);
        for w in 0..self.lanes {
            for (choice, x) in self.seat.choices.iter().zip(job(w).actions) {
                self.worlds.choose(choice.action, choice.element, w, *x);
            }
        }
        for w in 0..self.lanes {
            for (s, e, x) in &leaves[lane(w).0].now {
                self.worlds.set_shock(*s, *e, w, *x);
            }
        }
        let mut fixed: Vec<(Drawn, Vec<f64>)> = Vec::new();
        for w in 0..self.lanes {
            for (d, u) in &leaves[lane(w).0].draws {
                let k = match fixed.iter().position(|(x, _)| x == d) {
                    Some(k) => k,
                    None => {
                        fixed.push((*d, vec![f64::NAN; self.lanes]));
                        fixed.len() - 1
                    }
                };
                fixed[k].1[w] = *u;
            }
        }
        self.worlds.fix_draws(fixed);
    }

    /// Every combination of outcomes of the finite draws that matter, for each job, with its probability.
    fn branches(&mut self, visits: &[Visit], jobs: &[Job]) -> Result<Vec<Leaf>, Diagnostic> {
        let mut leaves: Vec<Leaf> = (0..jobs.len())
            .map(|job| Leaf {
                job,
                weight: 1.0,
                draws: Vec::new(),
                next: Vec::new(),
                now: Vec::new(),
            })
            .collect();
        for &s in &self.seat.unseen {
            let law = present(self.model, s);
            let elements = if self.seat.single {
                1
            } else {
                self.model.graph.elements(&self.model.shocks[s].shape)
            };
            for e in 0..elements {
                let before = std::mem::take(&mut leaves);
                leaves.extend(before.into_iter().flat_map(|leaf| {
                    law.iter().map(move |(x, p)| {
                        let mut next = leaf.clone();
                        next.weight *= p;
                        next.now.push((s, e, *x));
                        next
                    })
                }));
            }
        }
        for (shock, element) in self.chance.chains.clone() {
            let drawn = Drawn::Shock(shock, element);
            let mut grown = Vec::with_capacity(leaves.len() * 2);
            for leaf in leaves {
                let place = &visits[jobs[leaf.job].visit].place;
                let row = match &self.chance.iid[shock] {
                    Some(row) => Some(row.clone()),
                    None => self.worlds.chain_row(shock, element, place, &leaf.next),
                };
                let Some(row) = row else {
                    grown.push(leaf);
                    continue;
                };
                leaf.split(drawn, &row, &mut grown);
            }
            leaves = grown;
        }
        for k in 0..self.chance.noises.len() {
            let (noise, element) = self.chance.noises[k];
            let draw = self.model.noises[noise].draw;
            let drawn = Drawn::Noise(draw, element);
            let rows = self.rows(visits, jobs, &leaves, noise, element)?;
            let mut grown = Vec::with_capacity(leaves.len() * 2);
            for (leaf, row) in leaves.into_iter().zip(rows) {
                leaf.split(drawn, &row, &mut grown);
            }
            leaves = grown;
        }
        Ok(leaves)
    }

    /// The probabilities of a finite noise at every branch so far, as lengths of the intervals of its uniform draw.
    fn rows(
        &mut self,
        visits: &[Visit],
        jobs: &[Job],
        leaves: &[Leaf],
        noise: usize,
        element: usize,
    ) -> Result<Vec<Vec<f64>>, Diagnostic> {
        let n = &self.model.noises[noise];
        let nodes: Vec<NodeId> = match n.family {
            Family::Discrete => n.outcomes.iter().map(|(_, p)| *p).collect(),
            _ => n.args.clone(),
        };
        let maps: Vec<usize> = nodes
            .iter()
            .map(|x| {
                let graph = &self.model.graph;
                let from = &graph.nodes[x.0 as usize].shape;
                let to = &graph.nodes[n.node.0 as usize].shape;
                crate::graph::shape::aligned(graph, from, to).get(element).copied()
            })
            .map(|e| e.unwrap_or(usize::MAX))
            .collect();
        let mut engine = self.worlds.engine(nodes)?;
        let mut out = Vec::with_capacity(leaves.len());
        let mut from = 0;
        while from < leaves.len() {
            let many = self.lanes.min(leaves.len() - from);
            let lane = |w: usize| (from + w.min(many - 1), 0);
            self.stand(visits, jobs, leaves, 1, &lane, many);
            self.worlds.draw_noises();
            let values = engine.run(&self.worlds.frame, self.lanes)?;
            for w in 0..many {
                let a = |k: usize| {
                    values[k]
                        .get(maps[k].saturating_mul(self.lanes) + w)
                        .copied()
                        .unwrap_or(f64::NAN)
                };
                out.push(match n.family {
                    Family::Bernoulli => {
                        let p = a(0).clamp(0.0, 1.0);
                        vec![p, 1.0 - p]
                    }
                    Family::UniformInt => {
                        let count = (a(1) - a(0) + 1.0).clamp(1.0, MOST_OUTCOMES as f64) as usize;
                        vec![1.0 / count as f64; count]
                    }
                    _ => (0..maps.len()).map(a).collect(),
                });
            }
            from += many;
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
                        Some(Bounds::Between(lo, hi)) => Range::Values(
                            c.values
                                .iter()
                                .copied()
                                .filter(|v| *v >= lo[k] && *v <= hi[k])
                                .collect(),
                        ),
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
    let rewarding = model.agents.iter().enumerate().filter(|(_, a)| a.reward.is_some());
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

#[cfg(test)]
mod tests {
    use super::trapezoid;
    use crate::num::normal;

    #[test]
    fn few_nodes_integrate_smooth_functions_to_many_digits_and_kinks_well() {
        let mean = |n: usize, f: &dyn Fn(f64) -> f64| -> f64 {
            trapezoid(n, 0.37)
                .iter()
                .map(|(u, w)| w * f(normal::quantile(*u)))
                .sum()
        };
        assert!((mean(24, &|z| z * z) - 1.0).abs() < 1e-8);
        assert!((mean(24, &|z| (0.5 * z).exp()) - 0.125f64.exp()).abs() < 1e-8);
        let half = (2.0 * std::f64::consts::PI).sqrt().recip();
        assert!((mean(1024, &|z| z.max(0.0)) - half).abs() < 2e-5);
    }
}
