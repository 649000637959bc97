//! Action values in the economy itself: many draws of one period from a place, what it pays, and the value where it leads.

mod edges;
mod feasible;
mod line;
mod square;
mod steps;

use super::chances::{Chances, FEWEST_NODES, Lattice, Leaf, MOST_OUTCOMES, PERIODIC, present, trapezoid};
use super::mesh::Correction;
use super::seat::SolvedSeat;
use super::value::Value;
use super::visit::{Landings, Visit};
use crate::check::Model;
use crate::check::model::{Family, Otherwise, Then};
use crate::diag::Diagnostic;
use crate::env::engine::Engine;
use crate::env::worlds::trial::{Drawn, Place, Tried};
use crate::env::worlds::{Bounds, Worlds};
use crate::graph::NodeId;
use crate::num::random::Key;
use rayon::prelude::*;
use std::sync::Arc;

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
    /// Whether markets clear after every draw. Where none does there is no such choice.
    pub clears: bool,
}

impl Worth {
    /// `q` of a choice that can be made: minus infinity where no price clears a market after it.
    pub fn open(&self) -> f64 {
        if self.clears { self.q } else { f64::NEG_INFINITY }
    }
}

/// A choice to be tried: the visit's number and the actions.
pub struct Job<'a> {
    /// Which visit.
    pub visit: usize,
    /// The choice there, one value per action.
    pub actions: &'a [f64],
}

/// What one world met in a tried period.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    /// Reward and discounted value of what follows.
    q: f64,
    reward: f64,
    consumption: f64,
    /// Zero if nothing follows.
    discount: f64,
    /// The solution's value of what follows.
    value: f64,
    period: usize,
    outside: bool,
    /// Whether the life ends.
    ended: bool,
}

/// A period that passed in several worlds: one entry per world.
struct Passed {
    met: Vec<Met>,
    /// Where they stand now: world x (states, then stored shocks), row-major.
    at: Vec<f64>,
    feasible: Vec<bool>,
    /// Whether markets clear.
    clears: Vec<bool>,
}

/// Points of the continuous draws behind every branch of the finite ones.
struct Inner {
    points: usize,
    kind: Nodes,
}

enum Nodes {
    /// A grid: nodes along one draw, and `[visit][draw][node]`, uniform number and weight.
    Grid(usize, Vec<Vec<Vec<(f64, f64)>>>),
    /// A periodic lattice, one for each visit (`None`: it is not asked for).
    Lattice(Vec<Option<Lattice>>),
    /// One or two draws at these uniform numbers, one pair per point.
    Given(Vec<[f64; 2]>),
    /// The economy's own lattice, or nothing to be drawn.
    Economy,
}

impl Inner {
    /// Points of the economy's own lattice.
    fn points(points: usize) -> Inner {
        Inner {
            points,
            kind: Nodes::Economy,
        }
    }

    /// The uniform number and the weight of draw `d` at a point.
    fn node(&self, visit: usize, point: usize, d: usize) -> (f64, f64) {
        match &self.kind {
            Nodes::Grid(nodes, rules) => rules[visit][d][point / nodes.pow(d as u32) % nodes],
            Nodes::Lattice(all) => all[visit].as_ref().map_or((0.5, 1.0), |l| l.node(point, d)),
            Nodes::Given(at) => (at[point][d], 1.0),
            Nodes::Economy => (f64::NAN, 1.0),
        }
    }

    fn weight(&self, visit: usize, point: usize) -> f64 {
        match &self.kind {
            Nodes::Grid(_, rules) => (0..rules[visit].len()).map(|d| self.node(visit, point, d).1).product(),
            Nodes::Lattice(all) => all[visit].as_ref().map_or(0.0, |l| l.weight(point)),
            Nodes::Given(_) => 1.0,
            Nodes::Economy => 1.0 / self.points as f64,
        }
    }
}

/// Most branches of finite outcomes that are kept at a time.
const LEAVES: usize = 100_000;
/// Points over more than two draws that an estimate of the policy begins with, and fewest of a periodic lattice: with less the weights vary too much.
const FEWEST_POINTS: usize = 1000;
const PERIODIC_POINTS: usize = 200;
/// Worlds that one thread reads.
const PART: usize = 256;

/// Worlds for trials.
pub struct Trials<'a> {
    /// What is added to the solution's value wherever a draw leads.
    pub correction: Option<Correction>,
    /// Of the draws.
    pub seed: u64,
    /// How many draws were tried so far.
    pub spent: usize,
    model: &'a Model,
    seat: &'a SolvedSeat,
    value: &'a Value,
    worlds: Worlds,
    /// Slacks of hard requirements.
    slacks: Option<Engine>,
    /// Their inequalities, where they hold in one of several ways.
    ways: Option<feasible::Ways>,
    /// Comparisons that read what the seat chooses.
    edges: Option<edges::Edges>,
    lanes: usize,
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
        seat: &'a SolvedSeat,
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
        let ways = feasible::Ways::of(model, &worlds, &hard)?;
        let edges = edges::Edges::of(model, &worlds, seat)?;
        let slacks = if hard.is_empty() {
            None
        } else {
            Some(worlds.engine(hard)?)
        };
        let chance = Chances::of(model, seat, &worlds.outcome_nodes());
        Ok(Trials {
            correction: None,
            spent: 0,
            chance,
            model,
            seat,
            value,
            worlds,
            slacks,
            ways,
            edges,
            lanes,
            seed,
            discount,
            consumption,
        })
    }

    /// Whether every draw that matters takes finitely many values, so that expectations are exact.
    pub fn exact(&self) -> bool {
        self.chance.continuous.is_empty() && self.seat.unseen.is_empty()
    }

    /// So many draws, or the fewest that a grid over two continuous draws or a lattice over more needs.
    pub fn fewest(&self, draws: usize) -> usize {
        match self.chance.continuous.len() {
            0 | 1 => draws,
            2 => draws.max(FEWEST_NODES.pow(2)),
            d if d <= PERIODIC => draws.max(FEWEST_POINTS),
            _ => draws.max(256),
        }
    }

    /// Combinations of finite outcomes behind one choice.
    fn branching(&self) -> usize {
        let unseen = self.seat.unseen.iter().map(|s| present(self.model, *s).len().max(1));
        self.chance.outcomes.max(1) * unseen.product::<usize>()
    }

    /// Trials of one choice with `draws` draws.
    pub fn lanes_of(&self, draws: usize) -> usize {
        let outcomes = self.branching();
        let d = self.chance.continuous.len();
        let share = draws
            .div_ceil(outcomes)
            .max(FEWEST_NODES.pow(d.min(2) as u32).min(draws));
        outcomes
            * if d == 0 {
                1
            } else {
                self.chance.grid(share).map_or(share, |n| n.pow(d as u32))
            }
    }

    /// Worth of each choice with `draws` draws, one per job; jobs of one visit meet common random numbers.
    ///
    /// # Errors
    /// Those of the economy's programs (E0990).
    pub fn worth(&mut self, visits: &[Visit], jobs: &[Job], draws: usize) -> Result<Vec<Worth>, Diagnostic> {
        self.measure(visits, jobs, draws, None)
    }

    /// As [`Trials::worth`], one per job; also records where every draw leads.
    ///
    /// # Errors
    /// Those of the economy's programs (E0990).
    pub fn measure(
        &mut self,
        visits: &[Visit],
        jobs: &[Job],
        draws: usize,
        mut landings: Option<&mut Landings>,
    ) -> Result<Vec<Worth>, Diagnostic> {
        let most = (LEAVES / self.branching()).max(1);
        let mut out = Vec::with_capacity(jobs.len());
        for part in jobs.chunks(most) {
            let first = out.len();
            out.extend(self.measure_part(visits, part, first, draws.max(1), landings.as_deref_mut())?);
        }
        Ok(out)
    }

    /// As [`Trials::measure`], of jobs number `first` and on.
    fn measure_part(
        &mut self,
        visits: &[Visit],
        jobs: &[Job],
        first: usize,
        draws: usize,
        mut landings: Option<&mut Landings>,
    ) -> Result<Vec<Worth>, Diagnostic> {
        let leaves = self.branches(visits, jobs)?;
        // Finite draws are taken exactly; a grid stands for one or two continuous ones, the lattice for more.
        let many = leaves.len().div_ceil(jobs.len().max(1)).max(1);
        let share = draws
            .div_ceil(many)
            .max(FEWEST_NODES.pow(self.chance.continuous.len().min(2) as u32).min(draws));
        let inner = if self.chance.continuous.is_empty() {
            Inner::points(1)
        } else if let Some(nodes) = self.chance.grid(share) {
            self.grids(jobs, nodes)
        } else if self.chance.continuous.len() <= PERIODIC && share >= PERIODIC_POINTS {
            self.lattices(jobs, share)
        } else {
            Inner::points(share)
        };
        let mut sums = vec![[0.0f64; 6]; jobs.len()];
        let mut clears = vec![true; jobs.len()];
        let all = leaves.len() * inner.points;
        self.spent += all;
        let mut from = 0;
        let width = self.seat.states.len() + self.seat.shocks.len();
        let stride = width.max(1);
        let mut steps = steps::Steps::of(&inner);
        while from < all {
            let many = self.lanes.min(all - from);
            let lane = |w: usize| {
                let k = from + w.min(many - 1);
                (k / inner.points, k % inner.points)
            };
            self.stand(visits, jobs, &leaves, &inner, &lane, many);
            let Passed {
                met,
                at,
                feasible,
                clears: cleared,
            } = self.pass(many)?;
            for w in 0..many {
                let (leaf, point) = (&leaves[lane(w).0], lane(w).1);
                let s = &mut sums[leaf.job];
                clears[leaf.job] &= cleared[w];
                if !feasible[w] {
                    s[0] = f64::NEG_INFINITY;
                    continue;
                }
                let m = &met[w];
                steps.meet(&inner, jobs[leaf.job].visit, lane(w), *m);
                let p = leaf.weight * inner.weight(jobs[leaf.job].visit, point);
                s[0] += p * m.q;
                s[1] += p * m.q * m.q;
                s[2] += p * m.reward;
                s[3] += p * m.consumption;
                s[4] += p * f64::from(u8::from(m.outside));
                if let (Some(l), false) = (&mut landings, m.discount == 0.0) {
                    l.jobs.push((first + leaf.job) as u32);
                    l.chances.push(p * m.discount);
                    l.periods.push(m.period as u32);
                    l.values.push(m.value);
                    l.places.extend(&at[w * stride..w * stride + width]);
                }
            }
            from += many;
        }
        for (job, more) in self.at_steps(visits, jobs, &leaves, steps)? {
            sums[job][0] += more;
        }
        Ok(sums
            .iter()
            .zip(clears)
            .map(|(s, clears)| Worth {
                q: if s[0].is_nan() { f64::NEG_INFINITY } else { s[0] },
                error: ((s[1] - s[0] * s[0]).max(0.0) / draws as f64).sqrt(),
                reward: s[2],
                consumption: s[3],
                outside: s[4],
                clears,
            })
            .collect())
    }

    /// Lets one period pass in the first `many` worlds, as they stand.
    fn pass(&mut self, many: usize) -> Result<Passed, Diagnostic> {
        let width = self.seat.states.len() + self.seat.shocks.len();
        let stride = width.max(1);
        let feasible = self.feasible()?;
        let tried = self.worlds.trial()?;
        let mut met: Vec<Met> = vec![Met::default(); many];
        let mut at = vec![0.0; many * stride];
        for (w, m) in met.iter_mut().enumerate().filter(|(w, _)| feasible[*w]) {
            *m = self.met(&tried, w, &mut at[w * stride..w * stride + width]);
        }
        // What follows is the costly part.
        let (value, correction, ns) = (self.value, &self.correction, self.seat.states.len());
        met.par_chunks_mut(PART)
            .zip(at.par_chunks(PART * stride))
            .for_each(|(met, at)| {
                for (k, m) in met.iter_mut().enumerate().filter(|(_, m)| m.discount != 0.0) {
                    let (states, shocks) = at[k * stride..k * stride + width].split_at(ns);
                    m.outside = value.outside(states);
                    let v = value.at(states, shocks, m.period);
                    let more = correction.as_ref().map_or(0.0, |c| c.at(states, shocks, m.period, v));
                    m.value = v;
                    m.q += m.discount * (v + more);
                }
            });
        let clears = tried.clears[..many].to_vec();
        Ok(Passed {
            met,
            at,
            feasible,
            clears,
        })
    }

    /// What world `w` met in a tried period, without what the future is worth; `at` receives the states and shocks where it stands now.
    fn met(&self, tried: &Tried, w: usize, at: &mut [f64]) -> Met {
        let reward = reward_of(self.model, self.seat, &tried.rewards, self.lanes, w);
        let discount = match self.discount {
            Some(k) => self.own(&tried.watched[k], w),
            None if self.model.states.is_empty() && self.model.horizon.is_none() => 0.0,
            None => 1.0,
        };
        let (ended, paid) = self.end(&tried.ends, &tried.paid, w);
        let (states, shocks) = at.split_at_mut(self.seat.states.len());
        Met {
            q: if ended { reward + discount * paid } else { reward },
            reward,
            consumption: self.consumption.map_or(f64::NAN, |k| self.own(&tried.watched[k], w)),
            discount: if ended { 0.0 } else { discount },
            value: 0.0,
            period: stand_where(&self.worlds, self.seat, w, states, shocks),
            outside: false,
            ended,
        }
    }

    /// What a watched node is to the decision maker in world `w`.
    fn own(&self, values: &[f64], w: usize) -> f64 {
        let first = self.seat.own(self.model, values.len() / self.lanes).start;
        values.get(first * self.lanes + w).copied().unwrap_or(f64::NAN)
    }

    /// Nodes of the continuous draws for every visit of the jobs.
    fn grids(&self, jobs: &[Job], nodes: usize) -> Inner {
        let key = Key::new(self.seed, 0x94d);
        let most = jobs.iter().map(|j| j.visit + 1).max().unwrap_or(0);
        let mut rules: Vec<Vec<Vec<(f64, f64)>>> = vec![Vec::new(); most];
        for j in jobs {
            if rules[j.visit].is_empty() {
                rules[j.visit] = (0..self.chance.continuous.len())
                    .map(|d| trapezoid(nodes, key.uniform(j.visit as u64, d as u64)))
                    .collect();
            }
        }
        Inner {
            points: nodes.pow(self.chance.continuous.len() as u32),
            kind: Nodes::Grid(nodes, rules),
        }
    }

    /// Periodic lattices of the continuous draws for every visit of the jobs.
    fn lattices(&self, jobs: &[Job], points: usize) -> Inner {
        let key = Key::new(self.seed, 0x94e);
        let most = jobs.iter().map(|j| j.visit + 1).max().unwrap_or(0);
        let mut all: Vec<Option<Lattice>> = vec![None; most];
        for j in jobs {
            all[j.visit].get_or_insert_with(|| {
                let shift = |d: usize| key.uniform(j.visit as u64, d as u64);
                Lattice::new(points, (0..self.chance.continuous.len()).map(shift).collect())
            });
        }
        Inner {
            points,
            kind: Nodes::Lattice(all),
        }
    }

    /// Puts the lanes where their jobs and branches are.
    fn stand(
        &mut self,
        visits: &[Visit],
        jobs: &[Job],
        leaves: &[Leaf],
        inner: &Inner,
        lane: &dyn Fn(usize) -> (usize, usize),
        many: usize,
    ) {
        let job = |w: usize| &jobs[leaves[lane(w).0].job];
        let at: Vec<(u64, u64)> = (0..self.lanes)
            .map(|w| (job(w).visit as u64, lane(w).1 as u64))
            .collect();
        let places: Vec<&Place> = (0..many).map(|w| &visits[job(w).visit].place).collect();
        self.worlds.spread_chance(inner.points, at, self.seed);
        self.worlds.put(&places);
        for w in 0..self.lanes {
            for (choice, x) in self.seat.choices.iter().zip(job(w).actions) {
                self.worlds.choose(choice.action, choice.element, w, *x);
            }
        }
        for w in 0..self.lanes {
            for (s, e, x) in leaves[lane(w).0].now.iter() {
                self.worlds.set_shock(*s, *e, w, *x);
            }
        }
        let mut fixed: Vec<(Drawn, Vec<f64>)> = Vec::new();
        if !matches!(inner.kind, Nodes::Economy) {
            for (d, drawn) in self.chance.continuous.iter().enumerate() {
                let u = |w: usize| inner.node(job(w).visit, lane(w).1, d).0;
                fixed.push((*drawn, (0..self.lanes).map(u).collect()));
            }
        }
        for w in 0..self.lanes {
            for (d, u) in leaves[lane(w).0].draws.iter() {
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
        // Chains branch by where a job stands alone: of jobs at one place the first branches for all that follow it.
        let first = |job: usize| job == 0 || jobs[job - 1].visit != jobs[job].visit;
        let mut leaves: Vec<Leaf> = (0..jobs.len())
            .filter(|job| first(*job))
            .map(|job| Leaf {
                job,
                weight: 1.0,
                ..Leaf::default()
            })
            .collect();
        for &s in &self.seat.unseen {
            let law = present(self.model, s);
            let elements = self.model.graph.elements(&self.model.shocks[s].shape);
            let elements = if self.seat.alone() { 1 } else { elements };
            for e in 0..elements {
                let before = std::mem::take(&mut leaves);
                leaves.extend(before.into_iter().flat_map(|leaf| {
                    law.iter().map(move |(x, p)| {
                        let mut next = leaf.clone();
                        next.weight *= p;
                        Arc::make_mut(&mut next.now).push((s, e, *x));
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
        let own = leaves.chunk_by(|a, b| a.job == b.job);
        let followers = |job: usize| (job + 1..jobs.len()).take_while(|j| !first(*j)).count();
        let each = own.flat_map(|own| {
            let job = own[0].job;
            (job..=job + followers(job)).flat_map(move |job| own.iter().map(move |l| Leaf { job, ..l.clone() }))
        });
        let mut leaves: Vec<Leaf> = each.collect();
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
            self.stand(visits, jobs, leaves, &Inner::points(1), &lane, many);
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

    /// Bounds of every choice at the visits, `[visit][choice]`: lower and upper bound of a number, or the allowed values of a finite
    /// choice.
    ///
    /// # Errors
    /// Those of the economy's programs (E0990).
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

    /// Whether the decision maker's life ends in world `w`, and what the end pays.
    fn end(&self, ends: &[Vec<f64>], paid: &[Vec<f64>], w: usize) -> (bool, f64) {
        let n = self.lanes;
        let (mut ended, mut total) = (false, 0.0);
        for ((e, condition), pays) in self.model.ends.iter().zip(ends).zip(paid) {
            if e.then != Then::Episode && !e.agent.is_some_and(|a| self.seat.agents.contains(&a)) {
                continue;
            }
            let all = condition.len() / n;
            let own = self.seat.own(self.model, all);
            for k in 0..all {
                let mine = own.contains(&k);
                // An episode ends for everybody.
                if condition[k * n + w] != 0.0 && (mine || self.seat.meets && e.then == Then::Episode) {
                    ended = true;
                    total += if mine {
                        pays.get(k * n + w).copied().unwrap_or(0.0)
                    } else {
                        0.0
                    };
                }
            }
        }
        (ended, total)
    }
}

/// `(states, stored shocks, date)` of the decision maker in world `w`: one value per state and one per shock of the solution.
pub fn standing(worlds: &Worlds, seat: &SolvedSeat, w: usize) -> (Vec<f64>, Vec<f64>, usize) {
    let (mut states, mut shocks) = (vec![0.0; seat.states.len()], vec![0.0; seat.shocks.len()]);
    let period = stand_where(worlds, seat, w, &mut states, &mut shocks);
    (states, shocks, period)
}

/// As [`standing`], into arrays; returns the date.
fn stand_where(worlds: &Worlds, seat: &SolvedSeat, w: usize, states: &mut [f64], shocks: &mut [f64]) -> usize {
    let n = worlds.worlds();
    for (x, s) in states.iter_mut().zip(&seat.states) {
        *x = worlds.frame[s.input][s.element * n + w];
    }
    for (x, s) in shocks.iter_mut().zip(&seat.shocks) {
        *x = worlds.stored(s.shock, s.element, w);
    }
    worlds.period()[w]
}

/// What may be chosen.
#[derive(Clone, Debug)]
pub enum Range {
    /// Numbers between two bounds.
    Between(f64, f64),
    /// These values.
    Values(Vec<f64>),
}

impl Range {
    /// Whether there are numbers to choose from, between ends that are finite.
    pub fn is_bounded(&self) -> bool {
        matches!(self, Range::Between(lo, hi) if lo < hi && (hi - lo).is_finite())
    }
}

/// The decision maker's reward in world `w` of `n`. `rewards` has one array per agent with a reward, element x world, worlds
/// fastest.
pub fn reward_of(model: &Model, seat: &SolvedSeat, rewards: &[Vec<f64>], n: usize, w: usize) -> f64 {
    let rewarding = model.agents.iter().enumerate().filter(|(_, a)| a.reward.is_some());
    let mut total = 0.0;
    for ((agent, a), values) in rewarding.zip(rewards) {
        if !seat.agents.contains(&agent) {
            continue;
        }
        if seat.member.is_some() {
            let own = seat.own(model, values.len() / n).start;
            total += values[own * n + w];
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
