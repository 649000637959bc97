//! One period: what places lead to, and which of them are candidates for the best.
//!
//! First-order conditions are necessary only: from the states of tomorrow ([`Period::origins`]), from bounds that press
//! ([`Period::at_bound`]), and by a search where neither leads ([`Period::searched`]) come pieces of candidates, of which the upper envelope is best.

use super::curve::{Envelope, Piece};
use crate::chance::quadrature::EULER_GAMMA;
use crate::limits;
use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::problem::Lanes;
use crate::solve::time_iteration::origin::{Found, Origin, search};

/// Largest gap of a condition that counts as none.
const SETTLED: f64 = 1e-12;
/// By how much a bound may be missed, as a share of what lies between bounds.
const MISSED: f64 = 1e-12;
/// Actions at which a search begins, and halvings of an interval.
const TRIED: usize = 25;
const HALVINGS: usize = 60;

/// States of tomorrow as they are seen from today: value and marginal value.
pub(super) struct Ahead {
    /// `[whole-number states][joint shock]`, then one envelope, or one for each choice that has a taste; none where nothing is known.
    pub(super) of: Vec<Vec<Vec<Envelope>>>,
    /// Scale of the taste shocks.
    pub(super) taste: Option<f64>,
}

impl Ahead {
    /// Value and marginal value at `x`, with the smooth pieces that lie over `near`.
    fn at(&self, group: usize, shock: usize, x: f64, near: f64) -> (f64, f64) {
        let all = &self.of[group][shock];
        let Some(scale) = self.taste else {
            return all.first().map_or((f64::NEG_INFINITY, f64::NAN), |e| e.at(x, near));
        };
        let each: Vec<(f64, f64)> = all
            .iter()
            .filter(|e| !e.pieces.is_empty())
            .map(|e| e.at(x, near))
            .collect();
        let most = each.iter().fold(f64::NEG_INFINITY, |m, e| m.max(e.0));
        if most == f64::NEG_INFINITY {
            return (f64::NEG_INFINITY, f64::NAN);
        }
        let weight = |v: f64| ((v - most) / scale).exp();
        let sum: f64 = each.iter().map(|e| weight(e.0)).sum();
        let slope: f64 = each
            .iter()
            .filter(|e| weight(e.0) > 0.0)
            .map(|e| weight(e.0) * e.1)
            .sum();
        (most + scale * (sum.ln() + EULER_GAMMA), slope / sum)
    }
}

/// The grid: one continuous state, and every combination of the others.
pub(super) struct Layout {
    /// The place of the continuous state among the states, and of the continuous action among the actions.
    pub(super) state: usize,
    pub(super) action: usize,
    /// Nodes of the continuous state.
    pub(super) nodes: Vec<f64>,
    /// Values of all states in each group (that of the continuous one does not matter).
    pub(super) groups: Vec<Vec<f64>>,
    /// The node of the whole grid, `[group][node]`.
    pub(super) places: Vec<Vec<usize>>,
}

impl Layout {
    /// Of a grid with one continuous state; the number of the action beside.
    pub(super) fn new(bellman: &Bellman, state: usize) -> Layout {
        let nodes = bellman.tensor.axes()[state].nodes().to_vec();
        let mut layout = Layout {
            state,
            action: bellman.continuous[0],
            nodes,
            groups: Vec::new(),
            places: Vec::new(),
        };
        let mut x = vec![0.0; bellman.tensor.axes().len()];
        for place in 0..bellman.nodes() {
            bellman.tensor.node(place, &mut x);
            let group = layout.group(&x).unwrap_or_else(|| {
                layout.groups.push(x.clone());
                layout.places.push(Vec::new());
                layout.groups.len() - 1
            });
            // Nodes of the continuous state come in their order.
            layout.places[group].push(place);
        }
        layout
    }

    /// The group of a state.
    fn group(&self, x: &[f64]) -> Option<usize> {
        let same = |g: &Vec<f64>| (0..x.len()).all(|k| k == self.state || (g[k] - x[k]).abs() < 0.5);
        self.groups.iter().position(same)
    }
}

/// Where and what is asked: the whole-number states, the shock, the combination of choices.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) group: usize,
    pub(super) shock: usize,
    pub(super) combo: usize,
}

/// What places lead to, one number per place.
#[derive(Default)]
pub(super) struct Weighed {
    /// The next state, with the first draw.
    next: Vec<f64>,
    /// What a little more of the action brings, and what is set against each other in it.
    gain: Vec<f64>,
    size: Vec<f64>,
    pub(super) worth: Vec<f64>,
    /// What a little more of the state is worth, the action held.
    marginal: Vec<f64>,
    pub(super) slack: Vec<f64>,
}

/// Pieces of candidates, with the next states that lie between two kinks to which they lead.
pub(super) struct Run {
    pub(super) piece: Piece,
    between: Option<(f64, f64)>,
}

/// The problem of a period.
pub(super) struct Period<'a> {
    pub(super) bellman: &'a Bellman<'a>,
    pub(super) layout: &'a Layout,
    pub(super) time: usize,
    pub(super) discount: f64,
    /// After the last period: nothing.
    pub(super) ahead: Option<&'a Ahead>,
}

impl Period<'_> {
    /// What the places `(x, a)` lead to; tomorrow's smooth pieces are those over `near`, or where places lead.
    pub(super) fn weigh(&self, asked: Asked, x: &[f64], a: &[f64], near: Option<&[f64]>) -> Weighed {
        let n = x.len();
        let spec = self.bellman.problem.spec();
        let (ns, s, act) = (spec.states.len(), self.layout.state, self.layout.action);
        let mut columns: Vec<Vec<f64>> = self.layout.groups[asked.group].iter().map(|v| vec![*v; n]).collect();
        columns[s] = x.to_vec();
        let mut acts = vec![a.to_vec(); spec.actions.len()];
        for (k, finite) in self.bellman.finite.iter().enumerate() {
            acts[*finite] = vec![self.bellman.combos[asked.combo][k]; n];
        }
        let states: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let actions: Vec<&[f64]> = acts.iter().map(Vec::as_slice).collect();
        let mut out = Weighed {
            next: vec![f64::NAN; n],
            gain: vec![0.0; n],
            size: vec![0.0; n],
            worth: vec![0.0; n],
            marginal: vec![0.0; n],
            slack: vec![f64::INFINITY; n],
        };
        let at = At {
            shock: asked.shock,
            time: self.time,
        };
        let chances = &spec.chain.transition[asked.shock];
        let mut scratch = Scratch::default();
        for (number, (noise, weight)) in self.bellman.noises.iter().enumerate() {
            for (number_next, (shock_next, chance, _)) in self.bellman.branches(asked.shock).into_iter().enumerate() {
                let w = weight * chance;
                self.bellman
                    .evaluate(at, *noise, shock_next, &states, &actions, n, &mut scratch);
                let lanes = Lanes {
                    states: &states,
                    actions: &actions,
                    shock: asked.shock,
                    noise: *noise,
                    shock_next,
                    time: self.time,
                };
                let [by_state, by_action] = [s, ns + act].map(|wrt| self.slopes(&lanes, wrt, n));
                for i in 0..n {
                    let next = scratch.next[s][i];
                    if number == 0 && number_next == 0 {
                        out.next[i] = next;
                    }
                    out.slack[i] = out.slack[i].min(scratch.slack[i]);
                    let (mut value, mut marginal) = (0.0, 0.0);
                    if let Some(ahead) = self.ahead {
                        let there: Vec<f64> = (0..ns).map(|k| scratch.next[k][i]).collect();
                        let near = near.map_or(next, |near| near[i]);
                        let Some(group) = self.layout.group(&there) else {
                            value = f64::NEG_INFINITY;
                            out.worth[i] += w * value;
                            continue;
                        };
                        let one = |j: usize, p: f64| {
                            let (v, m) = ahead.at(group, j, next, near);
                            (p * v, p * m)
                        };
                        if spec.next_uses_shock_next {
                            (value, marginal) = one(shock_next, 1.0);
                        } else {
                            for (j, p) in chances.iter().enumerate().filter(|(_, p)| **p != 0.0) {
                                let (v, m) = one(j, *p);
                                value += v;
                                marginal += m;
                            }
                        }
                    }
                    let later = self.discount * marginal * by_action.1[i];
                    let later = if by_action.1[i] == 0.0 { 0.0 } else { later };
                    let owned = if by_state.1[i] == 0.0 {
                        0.0
                    } else {
                        self.discount * marginal * by_state.1[i]
                    };
                    out.gain[i] += w * (by_action.0[i] + later);
                    out.size[i] += w * (by_action.0[i].abs() + later.abs());
                    out.worth[i] += w * (scratch.reward[i] + self.discount * value);
                    out.marginal[i] += w * (by_state.0[i] + owned);
                }
            }
        }
        out.worth
            .iter_mut()
            .filter(|v| v.is_nan())
            .for_each(|v| *v = f64::NEG_INFINITY);
        out
    }

    /// Slopes of reward and law in a variable; not numbers where there are none.
    fn slopes(&self, lanes: &Lanes, wrt: usize, n: usize) -> (Vec<f64>, Vec<f64>) {
        let problem = self.bellman.problem;
        let mut reward = vec![0.0; n];
        let mut laws = vec![vec![0.0; n]; problem.spec().states.len()];
        let mut refs: Vec<&mut [f64]> = laws.iter_mut().map(Vec::as_mut_slice).collect();
        if problem.derivative(lanes, wrt, &mut reward, &mut refs).is_err() {
            reward.fill(f64::NAN);
        }
        (reward, laws.swap_remove(self.layout.state))
    }

    /// Bounds of the action at states.
    pub(super) fn bounds(&self, asked: Asked, x: &[f64]) -> [Vec<f64>; 2] {
        let n = x.len();
        let mut columns: Vec<Vec<f64>> = self.layout.groups[asked.group].iter().map(|v| vec![*v; n]).collect();
        columns[self.layout.state] = x.to_vec();
        let states: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let (mut lo, mut hi) = (vec![0.0; n], vec![0.0; n]);
        let lanes = Lanes::before_draws(&states, &[], asked.shock, self.time);
        self.bellman.problem.bounds(&lanes, &mut [&mut lo], &mut [&mut hi]);
        [lo, hi]
    }

    /// Whether the combination is allowed at the nodes of the group, one flag per node.
    pub(super) fn allowed(&self, asked: Asked) -> Vec<bool> {
        let x = &self.layout.nodes;
        let n = x.len();
        let mut columns: Vec<Vec<f64>> = self.layout.groups[asked.group].iter().map(|v| vec![*v; n]).collect();
        columns[self.layout.state].clone_from(x);
        let states: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let lanes = Lanes::before_draws(&states, &[], asked.shock, self.time);
        let mut open = vec![true; n];
        for (k, a) in self.bellman.finite.iter().enumerate() {
            let mut out = vec![1.0; n];
            let choice = self.bellman.combo_choices[asked.combo][k];
            self.bellman.problem.allowed(&lanes, *a, choice, &mut out);
            open.iter_mut().zip(&out).for_each(|(o, x)| *o &= *x != 0.0);
        }
        let [lo, hi] = self.bounds(asked, x);
        (0..n).for_each(|i| open[i] &= lo[i] <= hi[i]);
        open
    }

    /// All pieces of candidates.
    pub(super) fn candidates(&self, asked: Asked) -> Vec<Run> {
        let bounds = [0, 1].map(|end| self.at_bound(asked, end));
        let mut runs = self.origins(asked);
        for (_, corners) in &bounds {
            for corner in corners {
                meet(&mut runs, corner);
            }
        }
        runs.extend(bounds.into_iter().flat_map(|(runs, _)| runs));
        let more = self.searched(asked, &runs);
        runs.extend(more);
        runs
    }

    /// Next states between kinks of tomorrow's values, with those between which each lies.
    fn targets(&self, asked: Asked) -> Vec<(f64, (f64, f64))> {
        let Some(ahead) = self.ahead else { return Vec::new() };
        let nodes = &self.layout.nodes;
        let [lo, hi] = self.bounds(asked, &[nodes[nodes.len() / 2]]);
        let middle = crate::solve::bounded::between(lo[0], hi[0], 0.5);
        let Some(group) = self.leads(asked, nodes[nodes.len() / 2], middle) else {
            return Vec::new();
        };
        let spec = self.bellman.problem.spec();
        let chances = spec.chain.transition[asked.shock].iter().enumerate();
        let seen: Vec<&Envelope> = chances
            .filter(|(_, p)| **p != 0.0)
            .flat_map(|(j, _)| &ahead.of[group][j])
            .collect();
        let exact = self.exact();
        let ends = |e: &&Envelope| {
            let first = e.pieces.first().map(Piece::lo);
            let last = e.pieces.last().map(Piece::hi);
            first.zip(last)
        };
        let Some((lo, hi)) = seen.iter().filter_map(ends).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
            return Vec::new();
        };
        let mut kinks: Vec<f64> = vec![lo, hi];
        if exact {
            kinks.extend(seen.iter().flat_map(|e| &e.pieces).map(Piece::lo));
        }
        kinks.sort_by(f64::total_cmp);
        kinks.dedup_by(|b, a| *b - *a <= 1e-12 * (1.0 + a.abs()));
        let mut out = Vec::new();
        for pair in kinks.windows(2) {
            let within = (pair[0], pair[1]);
            let width = pair[1] - pair[0];
            out.push((pair[0], within));
            let inner = nodes
                .iter()
                .filter(|x| **x > pair[0] + 1e-6 * width && **x < pair[1] - 1e-6 * width);
            out.extend(inner.map(|x| (*x, within)));
            out.push((pair[1], within));
        }
        out
    }

    /// Whether a place leads to one next state only, whatever is drawn.
    fn exact(&self) -> bool {
        self.bellman.noises.len() == 1 && !self.bellman.problem.spec().next_uses_shock_next
    }

    /// The whole-number states to which a place leads.
    fn leads(&self, asked: Asked, x: f64, a: f64) -> Option<usize> {
        let spec = self.bellman.problem.spec();
        let mut at = self.layout.groups[asked.group].clone();
        at[self.layout.state] = x;
        let mut acts = vec![a; spec.actions.len()];
        for (k, finite) in self.bellman.finite.iter().enumerate() {
            acts[*finite] = self.bellman.combos[asked.combo][k];
        }
        let states: Vec<&[f64]> = at.iter().map(std::slice::from_ref).collect();
        let actions: Vec<&[f64]> = acts.iter().map(std::slice::from_ref).collect();
        let mut scratch = Scratch::default();
        let here = At {
            shock: asked.shock,
            time: self.time,
        };
        let noise = self.bellman.noises.first().map_or(0, |n| n.0);
        self.bellman
            .evaluate(here, noise, asked.shock, &states, &actions, 1, &mut scratch);
        let there: Vec<f64> = scratch.next.iter().map(|v| v[0]).collect();
        self.layout.group(&there)
    }

    /// Places from which the next states of the grid, and kinks, come with first-order conditions that hold inside the bounds.
    fn origins(&self, asked: Asked) -> Vec<Run> {
        let targets = self.targets(asked);
        if targets.is_empty() {
            return Vec::new();
        }
        let nodes = &self.layout.nodes;
        let to: Vec<f64> = targets.iter().map(|t| t.0).collect();
        let middle: Vec<f64> = targets.iter().map(|t| 0.5 * (t.1.0 + t.1.1)).collect();
        let exact = self.exact();
        let [lo, hi] = self.bounds(asked, &to);
        let mut from: Vec<Origin> = (0..to.len())
            .map(|i| Origin::new([to[i], self.guess(asked, to[i], (lo[i], hi[i]))]))
            .collect();
        let width = nodes[nodes.len() - 1] - nodes[0];
        let log = self.bellman.tensor.axes()[self.layout.state].log();
        search((&to, width, log), &mut from, SETTLED, |which, places| {
            let [x, a] = [0, 1].map(|k| places.iter().map(|p| p[k]).collect::<Vec<f64>>());
            let near: Vec<f64> = which.iter().map(|i| middle[*i]).collect();
            let w = self.weigh(asked, &x, &a, exact.then_some(&near));
            let one = |i: usize| Found {
                next: w.next[i],
                gain: w.gain[i],
                size: w.size[i],
            };
            (0..places.len()).map(one).collect()
        });
        let [x, a] = [0, 1].map(|k| from.iter().map(|o| o.at[k]).collect::<Vec<f64>>());
        let w = self.weigh(asked, &x, &a, exact.then_some(&middle));
        let [lo, hi] = self.bounds(asked, &x);
        let mut runs: Vec<Run> = Vec::new();
        let mut goes_on = false;
        for i in 0..to.len() {
            let room = MISSED * (hi[i] - lo[i]).clamp(0.0, 1e9);
            let inside = a[i] >= lo[i] - room && a[i] <= hi[i] + room;
            if !(from[i].solved && inside && w.worth[i].is_finite() && w.marginal[i].is_finite()) {
                goes_on = false;
                continue;
            }
            let node = [x[i], w.worth[i], w.marginal[i], a[i]];
            match runs.last_mut() {
                Some(run) if goes_on && run.between == Some(targets[i].1) && x[i] > run.piece.hi() => {
                    run.piece.push(node)
                }
                _ => {
                    let mut piece = Piece::default();
                    piece.push(node);
                    runs.push(Run {
                        piece,
                        between: Some(targets[i].1),
                    });
                }
            }
            goes_on = true;
        }
        runs
    }

    /// What is done tomorrow at a next state, as a first guess.
    fn guess(&self, asked: Asked, x: f64, (lo, hi): (f64, f64)) -> f64 {
        let known = self.ahead.and_then(|ahead| {
            let all = &ahead.of[asked.group];
            let envelope = all[asked.shock].iter().find(|e| !e.pieces.is_empty())?;
            envelope.piece(x).map(|p| p.action(x))
        });
        let usual = crate::solve::bounded::between(lo, hi, 0.5);
        known.filter(|a| a.is_finite() && *a > lo && *a < hi).unwrap_or(usual)
    }

    /// Candidates at the lower (0) or upper (1) bound where it presses, and the corners at which it begins or ends to do so.
    fn at_bound(&self, asked: Asked, end: usize) -> (Vec<Run>, Vec<Corner>) {
        let nodes = &self.layout.nodes;
        let there = |x: &[f64]| -> (Vec<f64>, Weighed) {
            let a = self.bounds(asked, x).into_iter().nth(end).unwrap_or_default();
            let w = self.weigh(asked, x, &a, None);
            (a, w)
        };
        let sign = if end == 1 { 1.0 } else { -1.0 };
        let presses =
            |w: &Weighed, a: f64, i: usize| a.is_finite() && w.worth[i].is_finite() && sign * w.gain[i] >= 0.0;
        let (a, w) = there(nodes);
        let pressed: Vec<bool> = (0..nodes.len()).map(|i| presses(&w, a[i], i)).collect();
        let node = |x: f64, a: f64, w: &Weighed, i: usize| {
            let h = 1e-6 * (1e-3 + x.abs());
            let around = self.bounds(asked, &[x - h, x + h]);
            let slope = (around[end][1] - around[end][0]) / (2.0 * h);
            let gain = if slope == 0.0 { 0.0 } else { w.gain[i] * slope };
            [x, w.worth[i], w.marginal[i] + gain, a]
        };
        let corner = |mut on: f64, mut off: f64| -> ([f64; 4], f64) {
            for _ in 0..HALVINGS {
                let x = 0.5 * (on + off);
                let (a, w) = there(&[x]);
                if presses(&w, a[0], 0) { on = x } else { off = x }
            }
            let (a, w) = there(&[on]);
            (node(on, a[0], &w, 0), w.next[0])
        };
        let (mut runs, mut corners): (Vec<Run>, Vec<Corner>) = (Vec::new(), Vec::new());
        let mut open: Option<Piece> = None;
        for i in 0..nodes.len() {
            limits::poll();
            if !pressed[i] {
                continue;
            }
            let mut piece = open.take().unwrap_or_default();
            if piece.x.is_empty() && i > 0 {
                let (place, next) = corner(nodes[i], nodes[i - 1]);
                if place[0] < nodes[i] {
                    piece.push(place);
                }
                corners.push(Corner {
                    place,
                    next,
                    above: false,
                });
            }
            piece.push(node(nodes[i], a[i], &w, i));
            if i + 1 < nodes.len() && pressed[i + 1] {
                open = Some(piece);
                continue;
            }
            if i + 1 < nodes.len() {
                let (place, next) = corner(nodes[i], nodes[i + 1]);
                if place[0] > nodes[i] {
                    piece.push(place);
                }
                corners.push(Corner {
                    place,
                    next,
                    above: true,
                });
            }
            runs.push(Run { piece, between: None });
        }
        (runs, corners)
    }

    /// Candidates by search at the nodes over which there is no other piece, and at their neighbours.
    fn searched(&self, asked: Asked, runs: &[Run]) -> Vec<Run> {
        let nodes = &self.layout.nodes;
        let over = |x: f64| {
            let long = runs.iter().filter(|r| r.piece.x.len() > 1);
            long.clone().any(|r| r.piece.lo() <= x && r.piece.hi() >= x)
        };
        let bare: Vec<bool> = nodes.iter().map(|x| !over(*x)).collect();
        let near = |i: usize| bare[i] || i > 0 && bare[i - 1] || bare.get(i + 1) == Some(&true);
        let wanted: Vec<usize> = (0..nodes.len()).filter(|i| near(*i)).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let x: Vec<f64> = wanted.iter().map(|i| nodes[*i]).collect();
        let found = self.best_at(asked, &x);
        let mut out: Vec<Run> = Vec::new();
        let mut before: Option<usize> = None;
        for (k, found) in found.into_iter().enumerate() {
            let Some(node) = found else {
                before = None;
                continue;
            };
            if before.is_none_or(|b| b + 1 != wanted[k]) {
                out.push(Run {
                    piece: Piece::default(),
                    between: None,
                });
            }
            before = Some(wanted[k]);
            if let Some(run) = out.last_mut() {
                run.piece.push(node);
            }
        }
        out
    }

    /// The best places at states among those where the gain of the action turns from plus to minus.
    fn best_at(&self, asked: Asked, x: &[f64]) -> Vec<Option<[f64; 4]>> {
        let [lo, hi] = self.bounds(asked, x);
        let share = |k: usize| k as f64 / (TRIED - 1) as f64;
        let tried = |i: usize, k: usize| crate::solve::bounded::between(lo[i], hi[i], share(k));
        let lanes = |y: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..x.len())
                .flat_map(|i| (0..TRIED).map(move |k| (i, k)))
                .map(|(i, k)| y(i, k))
                .collect()
        };
        let (xs, acts) = (lanes(&|i, _| x[i]), lanes(&tried));
        let w = self.weigh(asked, &xs, &acts, None);
        let mut brackets: Vec<(usize, f64, f64)> = Vec::new();
        for i in 0..x.len() {
            for k in 0..TRIED - 1 {
                let j = i * TRIED + k;
                let rises = w.gain[j] > 0.0 || w.worth[j] == f64::NEG_INFINITY;
                if rises && !(w.gain[j + 1] > 0.0 && w.worth[j + 1] > f64::NEG_INFINITY) {
                    brackets.push((i, acts[j], acts[j + 1]));
                }
            }
        }
        for _ in 0..HALVINGS {
            limits::poll();
            let here: Vec<f64> = brackets.iter().map(|b| x[b.0]).collect();
            let middle: Vec<f64> = brackets.iter().map(|b| 0.5 * (b.1 + b.2)).collect();
            let w = self.weigh(asked, &here, &middle, None);
            for (j, b) in brackets.iter_mut().enumerate() {
                if w.gain[j] > 0.0 && w.worth[j] > f64::NEG_INFINITY {
                    b.1 = middle[j];
                } else {
                    b.2 = middle[j];
                }
            }
        }
        let here: Vec<f64> = brackets.iter().map(|b| x[b.0]).collect();
        let at: Vec<f64> = brackets.iter().map(|b| 0.5 * (b.1 + b.2)).collect();
        let w = self.weigh(asked, &here, &at, None);
        let mut out: Vec<Option<[f64; 4]>> = vec![None; x.len()];
        for (j, b) in brackets.iter().enumerate() {
            let better = out[b.0].is_none_or(|o| w.worth[j] > o[1]);
            if w.worth[j].is_finite() && w.marginal[j].is_finite() && better {
                out[b.0] = Some([x[b.0], w.worth[j], w.marginal[j], at[j]]);
            }
        }
        out
    }
}

/// Where a bound begins, or (`above`: higher states are free) ends to press, and where that leads.
struct Corner {
    place: [f64; 4],
    next: f64,
    above: bool,
}

/// Joins a corner to the run that begins or ends next to it.
fn meet(runs: &mut [Run], corner: &Corner) {
    let x = corner.place[0];
    let holds = |r: &&mut Run| {
        r.between.is_some_and(|(lo, hi)| {
            corner.next >= lo - 1e-9 * (1.0 + lo.abs()) && corner.next <= hi + 1e-9 * (1.0 + hi.abs())
        })
    };
    let near = runs.iter_mut().filter(holds);
    if corner.above {
        let first = near
            .filter(|r| r.piece.lo() > x)
            .min_by(|a, b| a.piece.lo().total_cmp(&b.piece.lo()));
        if let Some(run) = first {
            run.piece.begin(corner.place);
        }
    } else {
        let last = near
            .filter(|r| r.piece.hi() < x)
            .max_by(|a, b| a.piece.hi().total_cmp(&b.piece.hi()));
        if let Some(run) = last {
            run.piece.push(corner.place);
        }
    }
}
