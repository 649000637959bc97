//! A solution read anywhere: value and policy at any states and at any values of continuous shocks.
//!
//! A solver knows a continuous shock by the nodes of a chain. A simulation draws it from its law, and a script says what it is,
//! so that it hardly ever stands on a node. Between nodes everything is interpolated along the shock as along a state: with the
//! shape-preserving cubic where there are four nodes or more, else linearly. Beyond the last node of a shock the parabola through the last three
//! is followed for as far as they reach from one another (a chain ends where its law does not: an AR(1) spends more than a hundredth of its
//! time beyond the ends of seven nodes), and [`Spot`] says so; a sign does not change. Beyond the grid of a state
//! what stands at its edge is taken. Shocks with finitely many values are read at the state of their chain.

use super::bellman::Interpolation;
use super::problem::{ActionKind, Links};
use super::solution::Solution;
use crate::diag::Diagnostic;
use crate::num::grid;
use crate::num::interpolate::{Axis, AxisPoint, MAX_AXES, Outside, Rule, Surface, Tensor};
use std::sync::{Arc, OnceLock};

/// Memory above which continuous shocks are interpolated linearly: cubic ones double the coefficients each.
const CUBIC_LIMIT: usize = 512 << 20;

/// Share of what stands at the last node that is kept where the parabola would lead below it.
const KEPT: f64 = 0.3;

/// Value and policy of a solution at any states and any values of its continuous shocks.
pub struct PolicyBetween {
    solution: Arc<Solution>,
    /// Continuous shocks first, then states.
    tensor: Tensor,
    /// The same axes, linear: probabilities stay probabilities.
    linear: Tensor,
    shocks: Vec<Shock>,
    /// Combinations of the states of the chains of the other shocks.
    groups: usize,
    /// `[action][period * groups + group]`, fitted when first read; finite actions have none.
    policy: Vec<OnceLock<Vec<Surface>>>,
    /// `[action][choice][period * groups + group]`: what goes with each choice that has taste shocks.
    given: Vec<OnceLock<Vec<Vec<Surface>>>>,
    value: OnceLock<Vec<Surface>>,
    /// `[choice][period * groups + group]`.
    probability: OnceLock<Vec<Vec<Surface>>>,
    /// `[combination][period * groups + group]`: what each combination of choices is worth.
    worth: OnceLock<Vec<Vec<Surface>>>,
    /// The number that each finite action has in each combination of choices, `[combination][action]`.
    combinations: Vec<Vec<f64>>,
    /// For each action the player that chooses it, where players know draws of their own; and what their choices are worth,
    /// `[player][choice][period * groups + group]`.
    chosen_by: Vec<Option<usize>>,
    own: Vec<OnceLock<Vec<Vec<Surface>>>>,
}

/// The values of all actions in every combination of choices, the last finite action fastest; continuous ones have none.
fn combinations(s: &Solution) -> Vec<Vec<f64>> {
    let mut out = vec![vec![f64::NAN; s.actions.len()]];
    for (a, action) in s.actions.iter().enumerate() {
        let ActionKind::Finite { values, .. } = &action.kind else {
            continue;
        };
        out = out
            .iter()
            .flat_map(|head| {
                values.iter().map(move |v| {
                    let mut next = head.clone();
                    next[a] = *v;
                    next
                })
            })
            .collect();
    }
    out
}

/// One shock of the solution.
struct Shock {
    /// Distance between neighbouring states of its chain among joint states.
    stride: usize,
    links: usize,
    /// Its axis and the state of the chain behind each node of it, if it is continuous.
    axis: Option<(usize, Vec<usize>)>,
}

/// Where a solution is read.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    period: usize,
    group: usize,
    /// Joint state of the chain states nearest to the shocks.
    nearest_shock: usize,
    /// State node nearest to the states.
    nearest_node: usize,
    places: [AxisPoint; MAX_AXES],
    axes: usize,
    /// Whether a state lies outside its grid: what stands at the edge is read.
    pub states_outside: bool,
    /// Whether a continuous shock lies beyond the nodes of its chain: what stands at the last node is read.
    pub shocks_outside: bool,
}

impl Spot {
    /// Whether a state or a shock is not a number.
    fn undefined(&self) -> bool {
        self.places[..self.axes].iter().any(|p| p.beyond.is_nan())
    }
}

/// Distinct values of a shock, ascending, with the state of the chain that has each.
fn ascending(values: &[f64]) -> Vec<(f64, usize)> {
    let mut nodes: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    nodes.sort_by(|a, b| a.0.total_cmp(&b.0));
    nodes.dedup_by(|a, b| a.0 == b.0);
    nodes
}

fn mismatch(why: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0905", "the solution does not fit together").note(why)
}

impl PolicyBetween {
    /// Prepares the reading of a solution; surfaces are fitted when they are first read.
    ///
    /// # Errors
    /// E0905 if the arrays of the solution do not belong to its states and shocks, E0904 if it is too large.
    pub fn new(solution: Arc<Solution>) -> Result<PolicyBetween, Diagnostic> {
        let s = &*solution;
        let size = s.nodes() * s.shocks() * s.periods;
        let whole = s.policy.len() == s.actions.len() && s.policy.iter().all(|p| p.len() == size);
        if !whole || s.value.len() != size || s.periods == 0 || !s.probability.len().is_multiple_of(size.max(1)) {
            return Err(mismatch("its arrays have another size than its states and shocks"));
        }
        let links: Vec<Links> = s
            .chain
            .links()
            .ok_or_else(|| mismatch("its joint shocks are no product of single ones"))?;
        let continuous: Vec<Option<Vec<(f64, usize)>>> = links
            .iter()
            .map(|l| l.continuous.then(|| ascending(&l.values)))
            .collect();
        let along = continuous.iter().flatten().count();
        let axes = along + s.states.len();
        if axes > MAX_AXES {
            return Err(Diagnostic::error(
                "E0904",
                format!("{axes} states and continuous shocks are more than a policy can be read between ({MAX_AXES})"),
            )
            .hint("use fewer shocks, or write some of them as `markov` chains"));
        }
        let nodes: usize = continuous.iter().flatten().map(Vec::len).product::<usize>() * s.nodes();
        let stored = |cubic_shocks: usize, cubic_states: usize| {
            let masks = 1usize << (cubic_shocks + cubic_states);
            grid::fits(&[nodes, masks, s.periods], 8, CUBIC_LIMIT).is_ok()
        };
        let cubic = s.interpolation == Interpolation::Cubic;
        let cubic_states = s.states.iter().filter(|x| cubic && !x.integer).count();
        let cubic_shocks = cubic && stored(along, cubic_states);
        let rule = |nodes: usize| match nodes {
            1 => Rule::Nodes,
            2 | 3 => Rule::Linear,
            _ if cubic_shocks => Rule::Cubic,
            _ => Rule::Linear,
        };
        let tensor = |linear: bool| -> Option<Tensor> {
            let mut axes: Vec<Axis> = Vec::new();
            for nodes in continuous.iter().flatten() {
                let values: Vec<f64> = nodes.iter().map(|n| n.0).collect();
                let rule = match rule(nodes.len()) {
                    Rule::Cubic if linear => Rule::Linear,
                    rule => rule,
                };
                axes.push(Axis::new(&values, false, rule)?);
            }
            for x in &s.states {
                let rule = match (x.integer, x.nodes.len()) {
                    (true, _) | (_, 1) => Rule::Nodes,
                    _ if linear || !cubic => Rule::Linear,
                    _ => Rule::Cubic,
                };
                axes.push(Axis::new(&x.nodes, x.log, rule)?);
            }
            Tensor::new(axes, Outside::Flat)
        };
        let bad = || mismatch("its grids do not ascend");
        let (tensor, linear) = (tensor(false).ok_or_else(bad)?, tensor(true).ok_or_else(bad)?);
        let mut shocks = Vec::new();
        let (mut stride, mut axis, mut groups) = (s.shocks(), 0, 1);
        for (l, nodes) in links.iter().zip(continuous) {
            stride /= l.values.len();
            let nodes = nodes.map(|n| {
                axis += 1;
                (axis - 1, n.into_iter().map(|x| x.1).collect())
            });
            if nodes.is_none() {
                groups *= l.values.len();
            }
            shocks.push(Shock {
                stride,
                links: l.values.len(),
                axis: nodes,
            });
        }
        let policy = s.actions.iter().map(|_| OnceLock::new()).collect();
        let given = s.actions.iter().map(|_| OnceLock::new()).collect();
        let knows = |a: &usize| s.players.iter().position(|p| p.own.is_some() && p.actions.contains(a));
        let chosen_by = (0..s.actions.len()).map(|a| knows(&a)).collect();
        let own = s.players.iter().map(|_| OnceLock::new()).collect();
        Ok(PolicyBetween {
            tensor,
            linear,
            shocks,
            groups,
            policy,
            given,
            value: OnceLock::new(),
            worth: OnceLock::new(),
            combinations: if s.worth.is_empty() {
                Vec::new()
            } else {
                combinations(s)
            },
            probability: OnceLock::new(),
            chosen_by,
            own,
            solution,
        })
    }

    /// The solution that is read.
    pub fn solution(&self) -> &Solution {
        &self.solution
    }

    /// Number of states of each finite shock's chain, one entry per shock; `None` for continuous shocks.
    pub fn finite_links(&self) -> Vec<Option<usize>> {
        let links = |s: &Shock| if s.axis.is_none() { Some(s.links) } else { None };
        self.shocks.iter().map(links).collect()
    }

    /// The shocks at a joint state of their chains, one number each, as [`PolicyBetween::spot`] takes them.
    pub fn shocks_at(&self, joint: usize) -> Vec<f64> {
        let number = |(k, s): (usize, &Shock)| match s.axis {
            Some(_) => self.solution.chain.values[joint][k],
            None => (joint / s.stride % s.links) as f64,
        };
        self.shocks.iter().enumerate().map(number).collect()
    }

    /// Where to read in period `time`: `shocks` has one value per shock, the value of a continuous one and the number of the
    /// state of the chain of any other; `states` has one value per state. Both are in the order of the solution.
    pub fn spot(&self, time: usize, shocks: &[f64], states: &[f64]) -> Spot {
        let s = &*self.solution;
        let nowhere = AxisPoint {
            cell: 0,
            t: 0.0,
            beyond: 0.0,
        };
        let axes = self.tensor.axes();
        let mut spot = Spot {
            period: if s.infinite { 0 } else { time.min(s.periods - 1) },
            group: 0,
            nearest_shock: 0,
            nearest_node: 0,
            places: [nowhere; MAX_AXES],
            axes: axes.len(),
            states_outside: false,
            shocks_outside: false,
        };
        let node = |p: &AxisPoint| p.cell as usize + usize::from(p.t > 0.5);
        for (shock, x) in self.shocks.iter().zip(shocks) {
            let link = match &shock.axis {
                Some((d, link_of)) => {
                    let place = axes[*d].locate(*x);
                    spot.places[*d] = place;
                    // A single node stands for one value only.
                    spot.shocks_outside |= place.beyond != 0.0 || (link_of.len() == 1 && *x != axes[*d].nodes()[0]);
                    link_of[node(&place)]
                }
                None => {
                    let link = (*x as usize).min(shock.links - 1);
                    spot.group = spot.group * shock.links + link;
                    link
                }
            };
            spot.nearest_shock += link * shock.stride;
        }
        let first = axes.len() - s.states.len();
        for (d, x) in (first..axes.len()).zip(states) {
            let place = axes[d].locate(*x);
            spot.places[d] = place;
            spot.states_outside |= place.beyond != 0.0;
            spot.nearest_node = spot.nearest_node * axes[d].nodes().len() + node(&place);
        }
        spot
    }

    /// The number that action `action` of the solution has there: interpolated, for finite actions that of the combination of choices that
    /// is worth most there (of the nearest node where the solution does not say what they are worth). Bounds are not applied.
    pub fn action(&self, action: usize, spot: &Spot) -> f64 {
        let s = &*self.solution;
        if let Some((choice, best)) = self.own_choice(action, spot) {
            return match &s.actions[action].kind {
                ActionKind::Finite { values, .. } if action == choice => values[best],
                ActionKind::Finite { .. } | ActionKind::Continuous => self.action_given(action, best, spot),
            };
        }
        if let Some(best) = self.combination(spot) {
            let x = match s.actions[action].kind {
                ActionKind::Continuous => self.action_given(action, best, spot),
                ActionKind::Finite { .. } => self.combinations[best][action],
            };
            if x.is_finite() {
                return x;
            }
        }
        match s.actions[action].kind {
            ActionKind::Continuous => {
                let surfaces = self.policy[action].get_or_init(|| self.fit(&s.policy[action], 1, 0, &self.tensor));
                self.read(surfaces, &self.tensor, spot)
            }
            ActionKind::Finite { .. } if spot.undefined() => f64::NAN,
            ActionKind::Finite { .. } => {
                s.table(&s.policy[action], spot.period)[(spot.nearest_node, spot.nearest_shock)]
            }
        }
    }

    /// The choice that is worth most there to the player who takes `action`, with the place of that choice among the actions, where the player knows draws
    /// that others do not: what a choice is worth is a line in these, so that it is right between their nodes.
    fn own_choice(&self, action: usize, spot: &Spot) -> Option<(usize, usize)> {
        let s = &*self.solution;
        let player = self.chosen_by[action].filter(|_| !spot.undefined())?;
        let own = s.players[player].own.as_ref()?;
        let count = own.worth.len() / s.value.len().max(1);
        let surfaces = self.own[player].get_or_init(|| {
            (0..count)
                .map(|c| self.fit(&own.worth, count, c, &self.tensor))
                .collect()
        });
        let nearest = (spot.period * s.nodes() + spot.nearest_node) * s.shocks() + spot.nearest_shock;
        let open = (0..count).filter(|c| own.worth[nearest * count + c].is_finite());
        let worth = open.map(|c| (c, self.read(&surfaces[c], &self.tensor, spot)));
        let best = worth.reduce(|a, b| if b.1 > a.1 { b } else { a });
        best.map(|b| (own.choice, b.0))
    }

    /// The combination of choices that is worth most there, each interpolated by itself: what a combination is worth is smooth where the
    /// policy jumps from one to another. Only those that the nearest node allows. `None` if the solution does not say what they are worth.
    fn combination(&self, spot: &Spot) -> Option<usize> {
        let s = &*self.solution;
        let count = self.combinations.len();
        if count == 0 || spot.undefined() || s.worth.len() != s.value.len() * count {
            return None;
        }
        let surfaces = self
            .worth
            .get_or_init(|| (0..count).map(|c| self.fit(&s.worth, count, c, &self.tensor)).collect());
        let nearest = (spot.period * s.nodes() + spot.nearest_node) * s.shocks() + spot.nearest_shock;
        let mut best: Option<(usize, f64)> = None;
        for (c, surface) in surfaces.iter().enumerate() {
            let at_node = s.worth[nearest * count + c];
            if !at_node.is_finite() {
                continue;
            }
            let q = self.read(surface, &self.tensor, spot);
            // Next to places where a combination is not allowed there is nothing to interpolate.
            let q = if q.is_finite() { q } else { return None };
            if best.is_none_or(|(_, most)| q > most) {
                best = Some((c, q));
            }
        }
        best.map(|b| b.0)
    }

    /// As [`PolicyBetween::action`], of an action that goes with choice `choice` of the one with taste shocks.
    pub fn action_given(&self, action: usize, choice: usize, spot: &Spot) -> f64 {
        let s = &*self.solution;
        let Some(given) = s.given.get(action).filter(|g| !g.is_empty()) else {
            return self.action(action, spot);
        };
        let choices = given.len() / s.value.len();
        match s.actions[action].kind {
            ActionKind::Continuous => {
                let surfaces = self.given[action].get_or_init(|| {
                    (0..choices)
                        .map(|c| self.fit(given, choices, c, &self.tensor))
                        .collect()
                });
                self.read(&surfaces[choice.min(choices - 1)], &self.tensor, spot)
            }
            ActionKind::Finite { .. } if spot.undefined() => f64::NAN,
            ActionKind::Finite { .. } => {
                let at = (spot.period * s.nodes() + spot.nearest_node) * s.shocks() + spot.nearest_shock;
                given[at * choices + choice.min(choices - 1)]
            }
        }
    }

    /// The value there.
    pub fn value(&self, spot: &Spot) -> f64 {
        let surfaces = self
            .value
            .get_or_init(|| self.fit(&self.solution.value, 1, 0, &self.tensor));
        self.read(surfaces, &self.tensor, spot)
    }

    /// Fills `out` with the probabilities with which the choices are taken there, one value per choice, where the choices have
    /// taste shocks: linear between nodes. `false` (and `out` empty) if they have none.
    pub fn chances(&self, spot: &Spot, out: &mut Vec<f64>) -> bool {
        let s = &*self.solution;
        out.clear();
        if s.probability.is_empty() {
            return false;
        }
        let choices = s.probability.len() / s.value.len();
        let surfaces = self.probability.get_or_init(|| {
            (0..choices)
                .map(|c| self.fit(&s.probability, choices, c, &self.linear))
                .collect()
        });
        // Probabilities are not led on: they would leave their range.
        let at = spot.period * self.groups + spot.group;
        out.extend(
            surfaces
                .iter()
                .map(|f| self.linear.value_at(&f[at], &spot.places[..spot.axes])),
        );
        true
    }

    /// Fills `out` with the probabilities with which a mixed strategy takes the choices of an action there, one per choice: those of the
    /// nearest node. `false` if the action is not mixed.
    pub fn mixture(&self, action: usize, spot: &Spot, out: &mut Vec<f64>) -> bool {
        let s = &*self.solution;
        out.clear();
        let Some(all) = s.mixed.get(action).filter(|m| !m.is_empty()) else {
            return false;
        };
        let choices = all.len() / s.value.len().max(1);
        let at = ((spot.period * s.nodes() + spot.nearest_node) * s.shocks() + spot.nearest_shock) * choices;
        out.extend(all.get(at..at + choices).unwrap_or_default());
        !out.is_empty()
    }

    /// What stands at a spot.
    fn read(&self, surfaces: &[Surface], tensor: &Tensor, spot: &Spot) -> f64 {
        let surface = &surfaces[spot.period * self.groups + spot.group];
        if !spot.shocks_outside || spot.undefined() || tensor.axes().first().map(Axis::rule) == Some(Rule::Nodes) {
            return tensor.value_at(surface, &spot.places[..spot.axes]);
        }
        let along = spot.axes - self.solution.states.len();
        let mut places = spot.places;
        places[..along].iter_mut().for_each(|p| p.beyond = 0.0);
        let edge = tensor.value_at(surface, &places[..spot.axes]);
        let out = beyond(tensor, surface, spot, &mut places, 0, along);
        // A policy that is positive at the edge keeps its sign beyond it, where the solver did not look.
        if out.is_finite() && edge != 0.0 && out / edge < KEPT {
            return KEPT * edge;
        }
        out
    }

    /// Fits entry `at` of `width` of an array over period, state and joint shock: one surface per period and group.
    fn fit(&self, array: &[f64], width: usize, at: usize, tensor: &Tensor) -> Vec<Surface> {
        let s = &*self.solution;
        let (nodes, nz) = (s.nodes(), s.shocks());
        // Joint states along the continuous shocks, the last fastest, and their sum with the chain states of each group.
        let mut along = vec![0];
        let mut beside = vec![0];
        for shock in &self.shocks {
            let (list, links): (&mut Vec<usize>, Vec<usize>) = match &shock.axis {
                Some((_, links)) => (&mut along, links.clone()),
                None => (&mut beside, (0..shock.links).collect()),
            };
            *list = list
                .iter()
                .flat_map(|j| links.iter().map(move |l| j + l * shock.stride))
                .collect();
        }
        let mut out = Vec::with_capacity(s.periods * self.groups);
        let mut values = vec![0.0; along.len() * nodes];
        for period in 0..s.periods {
            for group in &beside {
                for (j, block) in along.iter().zip(values.chunks_mut(nodes)) {
                    for (i, v) in block.iter_mut().enumerate() {
                        *v = array[((period * nodes + i) * nz + group + j) * width + at];
                    }
                }
                let mut surface = Surface::default();
                tensor.fit(&values, &mut surface);
                out.push(surface);
            }
        }
        out
    }
}

/// A function beyond the last nodes of continuous shocks `d..along`: along the parabola through the last three nodes (the line through the
/// last two where there are no more), for as far as they reach from one another, and level from there.
fn beyond(
    tensor: &Tensor,
    surface: &Surface,
    spot: &Spot,
    places: &mut [AxisPoint; MAX_AXES],
    d: usize,
    along: usize,
) -> f64 {
    if d == along {
        return tensor.value_at(surface, &places[..spot.axes]);
    }
    let nodes = tensor.axes()[d].nodes();
    let (n, away) = (nodes.len(), spot.places[d].beyond);
    let used = n.min(3);
    if away == 0.0 || used < 2 {
        return beyond(tensor, surface, spot, places, d + 1, along);
    }
    // The nearest node is number 0, the farthest the last.
    let node = |i: usize| if away < 0.0 { i } else { n - 1 - i };
    let (end, far) = (nodes[node(0)], nodes[node(used - 1)]);
    let x = end + away.signum() * away.abs().min((end - far).abs());
    let kept = places[d];
    let mut sum = 0.0;
    for i in 0..used {
        let others = (0..used).filter(|j| *j != i).map(|j| nodes[node(j)]);
        let own = nodes[node(i)];
        let weight: f64 = others.map(|o| (x - o) / (own - o)).product();
        let k = node(i);
        places[d] = AxisPoint {
            cell: k.min(n - 2) as u32,
            t: if k == n - 1 { 1.0 } else { 0.0 },
            beyond: 0.0,
        };
        sum += weight * beyond(tensor, surface, spot, places, d + 1, along);
    }
    places[d] = kept;
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::problem::{ActionAxis, JointChain};
    use crate::solve::solution::{Record, SolvedState};

    /// A solution over shock `z` (continuous), chain `e` (two states) and state `k`, whose policy and value are given functions.
    fn made(z: &[f64], k: &[f64], f: impl Fn(f64, usize, f64) -> f64) -> Arc<Solution> {
        let e = [3.0, 3.0]; // alike in value: only the state of the chain tells them apart
        let joint: Vec<Vec<f64>> = z.iter().flat_map(|z| e.iter().map(move |e| vec![*z, *e])).collect();
        let n = joint.len();
        let links = |values: &[f64], continuous| Links {
            values: values.to_vec(),
            continuous,
        };
        let array: Vec<f64> = k
            .iter()
            .flat_map(|k| (0..n).map(|j| f(z[j / 2], j % 2, *k)).collect::<Vec<f64>>())
            .collect();
        let chance: Vec<f64> = (0..k.len() * n)
            .flat_map(|i| [0.25, 0.75 - 0.01 * (i % n) as f64])
            .collect();
        let continuous = ActionAxis {
            name: "c".into(),
            kind: ActionKind::Continuous,
            taste: None,
        };
        Arc::new(Solution {
            method: "by hand".into(),
            states: vec![SolvedState {
                name: "k".into(),
                nodes: k.to_vec(),
                log: false,
                integer: false,
            }],
            chain: JointChain {
                names: vec!["z".into(), "e".into()],
                values: joint,
                transition: vec![vec![1.0 / n as f64; n]; n],
                links: vec![links(z, true), links(&e, false)],
            },
            actions: vec![continuous],
            periods: 1,
            infinite: true,
            interpolation: Interpolation::Cubic,
            value: array.iter().map(|v| 10.0 * v).collect(),
            policy: vec![array],
            probability: chance,
            worth: Vec::new(),
            given: Vec::new(),
            mixed: Vec::new(),
            players: Vec::new(),
            record: Record::default(),
        })
    }

    #[test]
    fn between_the_nodes_of_a_shock_policies_are_interpolated() {
        let z = [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3];
        let k: Vec<f64> = (0..9).map(|i| 1.0 + 0.5 * i as f64).collect();
        let f = |z: f64, e: usize, k: f64| (z + 0.1 * k).exp() + e as f64 * k;
        let reader = PolicyBetween::new(made(&z, &k, f)).unwrap();
        for (x, e, y) in [(0.1, 0, 2.0), (0.05, 0, 2.1), (-0.27, 1, 4.9), (0.001, 1, 1.0)] {
            let spot = reader.spot(0, &[x, e as f64], &[y]);
            assert!(!spot.shocks_outside && !spot.states_outside);
            let (got, value) = (reader.action(0, &spot), reader.value(&spot));
            assert!(
                (got - f(x, e, y)).abs() < 1e-5,
                "{x} {e} {y}: {got}, not {}",
                f(x, e, y)
            );
            assert!((value - 10.0 * f(x, e, y)).abs() < 1e-4);
        }
        // Beyond the last node: along the parabola as far as the last three reach, level from there, and said so.
        let spot = reader.spot(0, &[1.0, 0.0], &[2.0]);
        assert!(spot.shocks_outside && !spot.states_outside);
        let far = reader.action(0, &spot);
        assert!((far - reader.action(0, &reader.spot(0, &[0.5, 0.0], &[2.0]))).abs() < 1e-12);
        assert!((far - f(0.5, 0, 2.0)).abs() < 5e-3 * far, "{far}");
        let near = reader.action(0, &reader.spot(0, &[-0.35, 0.0], &[2.0]));
        // Its error is a sixth of the third derivative times the distances from the three nodes.
        assert!((near - f(-0.35, 0, 2.0)).abs() < 4e-4, "{near}");
        assert!(reader.spot(0, &[0.0, 0.0], &[0.9]).states_outside);
        assert!(reader.action(0, &reader.spot(0, &[f64::NAN, 0.0], &[2.0])).is_nan());
    }

    #[test]
    fn three_nodes_are_linear_one_is_a_constant_and_equal_ones_count_once() {
        let k = [1.0, 2.0];
        let f = |z: f64, _: usize, k: f64| z * z + k;
        let three = PolicyBetween::new(made(&[-1.0, 0.0, 1.0], &k, f)).unwrap();
        assert_eq!(three.action(0, &three.spot(0, &[0.5, 0.0], &[1.5])), 2.0);
        let one = PolicyBetween::new(made(&[0.5, 0.5, 0.5], &k, f)).unwrap();
        let spot = one.spot(0, &[0.7, 1.0], &[1.0]);
        assert!(spot.shocks_outside);
        assert_eq!(one.action(0, &spot), 1.25);
        assert!(!one.spot(0, &[0.5, 1.0], &[1.0]).shocks_outside);
    }

    #[test]
    fn probabilities_are_linear_between_nodes() {
        let reader = PolicyBetween::new(made(&[-1.0, 0.0, 1.0], &[1.0, 2.0], |z, _, k| z + k)).unwrap();
        let mut p = Vec::new();
        assert!(reader.chances(&reader.spot(0, &[0.25, 1.0], &[1.3]), &mut p));
        // Joint states (0, 1) and (1, 1) are numbers 3 and 5.
        assert_eq!(p[0], 0.25);
        assert!((p[1] - (0.75 * 0.72 + 0.25 * 0.70)).abs() < 1e-15, "{p:?}");
    }
}
