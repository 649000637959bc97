//! One period tried from chosen places: the certificate asks this of the economy that a simulation runs.
//!
//! A [`Place`] is everything that is known when agents act, with what they chose. [`Worlds::put`] spreads places over worlds,
//! [`Worlds::spread_chance`] gives the worlds that try one place draws that are spread evenly (a lattice shifted at random, one shift
//! for every place and draw), and [`Worlds::trial`] lets one period pass: the declared laws of shocks, the draws with the chances
//! that hold there, the laws of motion, ends and terminal payoffs. Nothing is projected or refused here: what is not a number
//! stays one that is not.
//!
//! Lattice: point `k` of `n` in draw `d` stands at `frac(shift + k a_d)` with `a_0 = 1/n` and `a_d` the fractional parts of the square roots
//! of the primes (Niederreiter 1992, *Random Number Generation and Quasi-Monte Carlo Methods*, chapter 3), folded (`1 - |2u - 1|`) so that
//! integrands need not be periodic.

use super::{SHOCKS, Worlds};
use crate::check::model::{DrawWhen, Process};
use crate::diag::Diagnostic;
use crate::num::random::Key;

/// A world at the moment when everybody has chosen.
#[derive(Clone, Debug)]
pub struct Place {
    /// Values of every input of the graph: one array per input, one value per element.
    pub inputs: Vec<Vec<f64>>,
    /// Stored shocks (for chains the numbers of their states): one array per shock, one value per element.
    pub stored: Vec<Vec<f64>>,
    /// Periods since the episode began.
    pub period: usize,
}

/// What a tried period gave. Arrays are `element x world`, row-major.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// For each agent with a reward: its rewards.
    pub rewards: Vec<Vec<f64>>,
    /// For each `end when`: not zero where its condition holds.
    pub ends: Vec<Vec<f64>>,
    /// For each `end when`: the terminal payoff where it holds, else 0; over the elements of its condition. Empty if it
    /// pays nothing.
    pub paid: Vec<Vec<f64>>,
    /// For each watched node: its values.
    pub watched: Vec<Vec<f64>>,
    /// For each world: whether some price clears every market.
    pub clears: Vec<bool>,
}

/// Evenly spread draws in the place of independent ones.
#[derive(Clone, Debug)]
pub(super) struct Lattice {
    key: Key,
    /// Points per place.
    points: usize,
    /// For each world its place's number and its point.
    at: Vec<(u64, u64)>,
    /// Steps of the draws, `a_d`.
    steps: Vec<f64>,
    /// Draws that are given: (dimension, one uniform number per world, NaN where the lattice draws).
    given: Vec<(usize, Vec<f64>)>,
}

/// A draw of one period: the innovation of a shock, or a noise's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drawn {
    /// (number of the shock, element)
    Shock(usize, usize),
    /// (number of the draw, element)
    Noise(usize, usize),
}

/// Draws of one place that have a step of their own in the lattice; later ones share.
const DIMENSIONS: usize = 64;

impl Lattice {
    fn new(points: usize, at: Vec<(u64, u64)>, seed: u64) -> Lattice {
        let mut primes: Vec<u64> = Vec::new();
        let mut candidate = 2;
        while primes.len() < DIMENSIONS {
            if primes.iter().all(|p| candidate % p != 0) {
                primes.push(candidate);
            }
            candidate += 1;
        }
        let mut steps = vec![1.0 / points as f64];
        steps.extend(primes.iter().map(|p| (*p as f64).sqrt().fract()));
        Lattice {
            key: Key::new(seed, 0x1a77),
            points,
            at,
            steps,
            given: Vec::new(),
        }
    }

    /// The draw of dimension `d` in `world`: uniform in (0, 1) over the random shift.
    fn uniform(&self, d: usize, world: usize) -> f64 {
        if let Some((_, given)) = self.given.iter().find(|(g, _)| *g == d)
            && !given[world].is_nan()
        {
            return given[world];
        }
        let (place, point) = self.at[world];
        let shift = self.key.uniform(place, d as u64);
        let step = if d == 0 {
            self.steps[0]
        } else {
            self.steps[1 + (d - 1) % DIMENSIONS]
        };
        let x = (shift * if d == 0 { 1.0 / self.points as f64 } else { 1.0 } + point as f64 * step).fract();
        (1.0 - (2.0 * x - 1.0).abs()).clamp(1e-13, 1.0 - 1e-13)
    }
}

impl Worlds {
    /// A draw of the lattice; `family` and `number` name the variable. `None` where draws are independent.
    pub(super) fn spread(&self, family: u64, number: usize, element: usize, world: usize) -> Option<f64> {
        let lattice = self.lattice.as_ref()?;
        Some(lattice.uniform(self.dimension(family, number, element), world))
    }

    /// The number of a draw among all draws of one period: shocks first, then noises.
    fn dimension(&self, family: u64, number: usize, element: usize) -> usize {
        let shocks = |upto: usize| -> usize {
            let of = self.model.shocks.iter().take(upto);
            of.map(|s| self.graph.elements(&s.shape)).sum()
        };
        if family == SHOCKS {
            return shocks(number) + element;
        }
        let draws = self.model.draws.iter().take(number);
        let before: usize = draws.map(|d| self.graph.elements(&d.shape)).sum();
        shocks(self.model.shocks.len()) + before + element
    }

    /// A world as it stands.
    pub fn snapshot(&self, world: usize) -> Place {
        let n = self.worlds;
        let column = |all: &[Vec<f64>]| -> Vec<Vec<f64>> {
            all.iter()
                .map(|a| a.iter().skip(world).step_by(n).copied().collect())
                .collect()
        };
        Place {
            inputs: column(&self.frame),
            stored: column(&self.stored),
            period: self.period[world],
        }
    }

    /// Puts one world where it stood.
    pub fn put_back(&mut self, world: usize, place: &Place) {
        let n = self.worlds;
        let all = self.frame.iter_mut().zip(&place.inputs);
        for (to, values) in all.chain(self.stored.iter_mut().zip(&place.stored)) {
            for (e, x) in values.iter().enumerate() {
                to[e * n + world] = *x;
            }
        }
        self.period[world] = place.period;
    }

    /// The stored value of a shock: the number of a chain's state, or the value of a continuous process.
    pub fn stored(&self, shock: usize, element: usize, world: usize) -> f64 {
        self.stored[shock][element * self.worlds + world]
    }

    /// Sets what is stored of a shock in one world.
    pub fn set_shock(&mut self, shock: usize, element: usize, world: usize, stored: f64) {
        let at = element * self.worlds + world;
        self.stored[shock][at] = stored;
        let input = self.model.shocks[shock].input;
        self.frame[input.0 as usize][at] = self.laws[shock].carried(stored);
    }

    /// The nodes that a period computes: rewards (one per agent with a reward), next states (one per state), conditions
    /// of ends (one per end).
    pub fn outcome_nodes(&self) -> Vec<crate::graph::NodeId> {
        let m = &self.model;
        let mut nodes: Vec<crate::graph::NodeId> = m.agents.iter().filter_map(|a| a.reward).collect();
        nodes.extend(m.states.iter().map(|s| s.next));
        nodes.extend(m.ends.iter().map(|e| e.condition));
        nodes
    }

    /// Puts world `w` at `places[w]`: one place per world; worlds beyond the last place stand at the last one.
    pub fn put(&mut self, places: &[&Place]) {
        let n = self.worlds;
        let Some(last) = places.last() else { return };
        for w in 0..n {
            let from = places.get(w).unwrap_or(last);
            for (to, values) in self.frame.iter_mut().zip(&from.inputs) {
                for (e, x) in values.iter().enumerate() {
                    to[e * n + w] = *x;
                }
            }
            for (to, values) in self.stored.iter_mut().zip(&from.stored) {
                for (e, x) in values.iter().enumerate() {
                    to[e * n + w] = *x;
                }
            }
            self.period[w] = from.period;
        }
    }

    /// From now on world `w` meets point `at[w].1` of `points` evenly spread draws of place number `at[w].0`; `at` has
    /// one pair per world.
    pub fn spread_chance(&mut self, points: usize, at: Vec<(u64, u64)>, seed: u64) {
        self.lattice = Some(Lattice::new(points.max(1), at, seed));
    }

    /// Fixes draws of the next trial: for each, one uniform number in (0, 1) per world (NaN leaves it to the lattice).
    pub fn fix_draws(&mut self, draws: Vec<(Drawn, Vec<f64>)>) {
        let given = draws
            .into_iter()
            .map(|(d, x)| {
                let dimension = match d {
                    Drawn::Shock(s, e) => self.dimension(SHOCKS, s, e),
                    Drawn::Noise(n, e) => self.dimension(super::DRAWS, n, e),
                };
                (dimension, x)
            })
            .collect();
        if let Some(l) = &mut self.lattice {
            l.given = given;
        }
    }

    /// Draws the noises of the period, without letting it pass.
    pub fn draw_noises(&mut self) {
        self.draw(|w| matches!(w, DrawWhen::After(_)));
    }

    /// The probabilities (one per state) of the next state of one element of a chain from a place, given the next
    /// states of others that are known already: (draw, number of the state). `None` for other processes.
    pub fn chain_row(&self, shock: usize, element: usize, place: &Place, next: &[(Drawn, usize)]) -> Option<Vec<f64>> {
        let Process::Chain { matrices, given, .. } = &self.laws[shock].process else {
            return None;
        };
        let mut matrix = 0;
        for ((g, primed), map) in given.iter().zip(&self.rows[shock]) {
            let Process::Chain { values, .. } = &self.model.shocks[*g].process else {
                return None;
            };
            let theirs = map[element];
            let at = if *primed {
                next.iter().find(|(d, _)| *d == Drawn::Shock(*g, theirs))?.1
            } else {
                place.stored[*g][theirs] as usize
            };
            matrix = matrix * values.len() + at;
        }
        matrices
            .get(matrix)?
            .get(place.stored[shock][element] as usize)
            .cloned()
    }

    /// Sets one element of an action in one world.
    pub fn choose(&mut self, action: usize, element: usize, world: usize, value: f64) {
        let n = self.worlds;
        let input = self.model.actions[action].input;
        self.frame[input.0 as usize][element * n + world] = value;
    }

    /// Moves actions that violate a requirement, as a step would before the period passes. `bounds` has one (action
    /// number, bounds) per action.
    ///
    /// # Errors
    /// Those of [`Worlds::step`] that concern scenario and requirements: E0902, E0832, E0990.
    pub fn settle(&mut self, bounds: &[(usize, super::Bounds)]) -> Result<(), Diagnostic> {
        self.force_actions()?;
        self.project(bounds)
    }

    /// Lets one period pass from where the worlds stand, with their actions as they are.
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub fn trial(&mut self) -> Result<Tried, Diagnostic> {
        let model = self.model.clone();
        let n = self.worlds;
        self.draw(|w| matches!(w, DrawWhen::After(_)));
        let next = self.next_shocks()?;
        let mut values = std::mem::take(&mut self.values);
        self.outcome.run_into(&self.frame, n, &mut values)?;
        let l = self.layout.clone();
        for (i, s) in model.states.iter().enumerate() {
            let shape = self.graph.nodes[s.next.0 as usize].shape.clone();
            self.put_state(i, &values[l.next + i], &shape, |_, _| true);
        }
        self.stored = next;
        self.put_shocks();
        self.period.iter_mut().for_each(|p| *p += 1);
        self.clock();
        let out = Tried {
            rewards: values[l.rewards..l.next].to_vec(),
            ends: values[l.ends..l.paying].to_vec(),
            paid: self.paid(&values[l.ends..l.paying], &values[l.paying..l.requires]),
            watched: values[l.watched..l.markets].to_vec(),
            clears: (0..n).map(|w| self.clears(&values, w)).collect(),
        };
        self.values = values;
        Ok(out)
    }
}
