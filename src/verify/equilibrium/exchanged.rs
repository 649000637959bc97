//! Members of one agent who are alike: the verdict on one is that on another, where everything that is paid, moved, bounded and drawn is the same with the two
//! exchanged, and so is what they do and what it is worth to them.
//!
//! Whether payoffs and laws are the same is read off the graph (nothing that matters tells members apart by their number) and tried by its
//! interpreter at visited places, with the states, shocks, draws and choices of the two exchanged, as they were played and moved apart. What they do is
//! compared at every node of the grid.

use super::player::Seated;
use crate::check::Model;
use crate::check::model::Space;
use crate::graph::{AxisId, AxisKind, Graph, InputKind, Node, NodeId, Op, Reduce, eval};
use crate::solve::solution::{Player, Solution};
use crate::verify::world::seat::SolvedSeat;
use crate::verify::world::visit::Visit;

/// Places at which two are exchanged, and most elements that the interpreter computes in all.
const PLACES: usize = 24;
const ELEMENTS: usize = 2_000_000;
/// Largest difference of what is computed at exchanged places, as a share of one plus its size: rounding.
const ROUNDING: f64 = 1e-9;
/// Largest difference of choices, as a share of all that are made, and of values, as a share of what they differ by (log10).
pub(super) const LIMIT: f64 = -8.0;

/// How far what `other` does and gets is from what the `seated` member of the same agent does and gets with their places exchanged, as a share of all that is
/// done and of what values differ by; `None` where the two are not the same with their places exchanged.
pub(super) fn apart(seated: &Seated, other: &Player, visits: &[Visit]) -> Option<f64> {
    let (model, one) = (seated.model, seated.player);
    let axis = model.agents[one.agent].axis?;
    let two = (one.member?, other.member?);
    let swap = Swap { model, axis, two };
    if one.agent != other.agent || !alike(model, axis) || !swap.same_at(visits) {
        return None;
    }
    let found = swap.policies(seated, other)?;
    (found.max(1e-300).log10() <= LIMIT).then_some(found)
}

/// Everything that is paid, moved, bounded, required, drawn or ends, where lives begin (who begins elsewhere goes elsewhere, and is judged there), and what
/// clears or is a price.
fn matters(model: &Model) -> Vec<NodeId> {
    let agents = &model.agents;
    let paid = agents.iter().flat_map(|a| a.reward.into_iter().chain(a.discount));
    let rules = agents.iter().flat_map(|a| a.rules.iter().filter_map(|r| r.1));
    let laws = model.states.iter().flat_map(|s| std::iter::once(s.next).chain(s.start));
    let requires = model.requires.iter().flat_map(|r| [r.slack, r.condition]);
    let ends = model
        .ends
        .iter()
        .flat_map(|e| std::iter::once(e.condition).chain(e.paying));
    let bounds = model.actions.iter().flat_map(|a| match &a.space {
        Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => vec![*lo, *hi],
        Space::Finite { masks, .. } => masks.iter().flatten().copied().collect(),
        Space::Simplex(_) => Vec::new(),
    });
    let drawn = model.noises.iter().flat_map(|n| {
        let pairs = n.outcomes.iter().flat_map(|(x, p)| [*x, *p]);
        n.args.iter().copied().chain(pairs)
    });
    let prices = model.prices.iter().map(|p| p.node);
    let all = paid.chain(rules).chain(laws).chain(requires).chain(ends).chain(bounds);
    all.chain(drawn).chain(prices).collect()
}

/// Whether `a` runs along the members of `axis`, all of them or some.
fn of_members(g: &Graph, axis: AxisId, a: AxisId) -> bool {
    match &g.axes[a.0 as usize].kind {
        AxisKind::Alias(of) | AxisKind::Others(of) => *of == axis,
        AxisKind::Stack(all) => all.contains(&axis),
        AxisKind::Population | AxisKind::Set => a == axis,
    }
}

/// Whether nothing that matters tells members apart by their number.
fn alike(model: &Model, axis: AxisId) -> bool {
    let g = &model.graph;
    let theirs = |a: &AxisId| of_members(g, axis, *a);
    let tells = |(_, node): (NodeId, &Node)| match &node.op {
        Op::Position(a) => theirs(a),
        Op::Table(values) => node.shape.iter().any(theirs) && values.iter().any(|x| *x != values[0]),
        Op::Take { axis: a, .. } | Op::Slice { from: a, .. } => theirs(a),
        // Which of them it is that has most.
        Op::Reduce {
            how: Reduce::Argmax,
            axis: a,
            ..
        } => theirs(a),
        Op::Input(i) => {
            let input = &g.inputs[i.0 as usize];
            matches!(input.kind, InputKind::Param(_)) && input.shape.iter().any(theirs)
        }
        _ => false,
    };
    !g.below(matters(model)).through_roots().any(tells)
}

/// Two members who change places.
struct Swap<'a> {
    model: &'a Model,
    axis: AxisId,
    two: (usize, usize),
}

impl Swap<'_> {
    fn member(&self, m: usize) -> usize {
        match m {
            m if m == self.two.0 => self.two.1,
            m if m == self.two.1 => self.two.0,
            m => m,
        }
    }

    /// Where element `e` of something of this shape stands afterwards; `None` where the members are not its first axis.
    fn element(&self, shape: &[AxisId], e: usize) -> Option<usize> {
        let g = &self.model.graph;
        let meant = |a: &AxisId| of_members(g, self.axis, *a);
        match shape.iter().position(meant) {
            None => Some(e),
            Some(0) if shape[0] == self.axis && !shape[1..].iter().any(meant) => {
                let per = g.elements(&shape[1..]);
                Some(self.member(e / per) * per + e % per)
            }
            Some(_) => None,
        }
    }

    fn all(&self, shape: &[AxisId], of: &[f64]) -> Option<Vec<f64>> {
        let place = |e| Some(of[self.element(shape, e)?]);
        (0..of.len()).map(place).collect()
    }

    /// Whether everything that matters is the same at some of the places with the two exchanged.
    fn same_at(&self, visits: &[Visit]) -> bool {
        let g = &self.model.graph;
        let per: usize = g.nodes.iter().map(|n| g.elements(&n.shape)).sum();
        let many = PLACES.min(ELEMENTS / (4 * per).max(1)).clamp(1, visits.len().max(1));
        let stride = visits.len().div_ceil(many).max(1);
        let nodes = matters(self.model);
        // What the two choose, as it was played and moved apart.
        let moved = [(1.0, 1.0), (0.8, 1.1)];
        !visits.is_empty()
            && visits.iter().step_by(stride).all(|v| {
                moved.iter().all(|by| {
                    let mut inputs = v.place.inputs.clone();
                    self.move_choices(&mut inputs, *by);
                    self.same(&inputs, &nodes) == Some(true)
                })
            })
    }

    fn move_choices(&self, inputs: &mut [Vec<f64>], by: (f64, f64)) {
        for a in self
            .model
            .actions
            .iter()
            .filter(|a| matches!(a.space, Space::Interval { .. }))
        {
            let input = &self.model.graph.inputs[a.input.0 as usize];
            if input.shape.first() != Some(&self.axis) {
                continue;
            }
            let per = self.model.graph.elements(&input.shape[1..]);
            for (member, factor) in [(self.two.0, by.0), (self.two.1, by.1)] {
                let own = &mut inputs[a.input.0 as usize][member * per..(member + 1) * per];
                own.iter_mut().for_each(|x| *x *= factor);
            }
        }
    }

    /// Whether the `nodes` are the same where the two are exchanged in all inputs but parameters.
    fn same(&self, inputs: &[Vec<f64>], nodes: &[NodeId]) -> Option<bool> {
        let g = &self.model.graph;
        let mut there = Vec::new();
        for (input, values) in g.inputs.iter().zip(inputs) {
            there.push(match input.kind {
                InputKind::Param(_) => values.clone(),
                _ => self.all(&input.shape, values)?,
            });
        }
        let before = eval::evaluate(g, inputs).ok()?;
        let after = eval::evaluate(g, &there).ok()?;
        for node in nodes {
            let i = node.0 as usize;
            let expected = self.all(&g.nodes[i].shape, &before.nodes[i])?;
            let near = |(a, b): (&f64, &f64)| {
                a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= ROUNDING * (1.0 + a.abs())
            };
            if !expected.iter().zip(&after.nodes[i]).all(near) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// How far what is done and what it is worth are apart at all nodes and joint shocks.
    fn policies(&self, seated: &Seated, other: &Player) -> Option<f64> {
        let (g, s) = (&self.model.graph, &seated.solution);
        let seat = &SolvedSeat::of(self.model, s).ok()?;
        if !(s.probability.is_empty() && s.worth.is_empty() && s.given.is_empty() && s.mixed.is_empty())
            || seated.player.own.is_some()
        {
            return None;
        }
        let place = |input: usize, element: usize| Some((input, self.element(&g.inputs[input].shape, element)?));
        let states: Vec<(usize, usize)> = seat.states.iter().map(|x| (x.input, x.element)).collect();
        let states = self.order(&states, &place)?;
        let shocks: Vec<(usize, usize)> = (seat.shocks.iter())
            .map(|x| (self.model.shocks[x.shock].input.0 as usize, x.element))
            .collect();
        let shocks = self.order(&shocks, &place)?;
        let actions: Vec<(usize, usize)> = (seat.choices.iter())
            .map(|x| (self.model.actions[x.action].input.0 as usize, x.element))
            .collect();
        let actions = self.order(&actions, &place)?;
        if (0..states.len()).any(|k| s.states[k].nodes != s.states[states[k]].nodes) {
            return None;
        }
        let chain = joint(s, &shocks)?;
        let to = places(s, &states, &chain);
        let mut worst = 0.0f64;
        let mut compare = |one: &[f64], two: &[f64]| {
            let ends = one
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
            let size = (ends.1 - ends.0).max(1e-9 * ends.0.abs()).max(f64::MIN_POSITIVE);
            for (i, x) in one.iter().enumerate() {
                let (t, at) = (i / to.len(), i % to.len());
                let off = (x - two[t * to.len() + to[at]]).abs() / size;
                worst = if off.is_nan() { f64::INFINITY } else { worst.max(off) };
            }
        };
        for (a, b) in actions.iter().enumerate() {
            compare(&s.policy[a], &s.policy[*b]);
        }
        compare(&seated.player.value, &other.value);
        Some(worst)
    }

    /// For each slot the number of the one that takes its place.
    fn order(
        &self,
        slots: &[(usize, usize)],
        place: &dyn Fn(usize, usize) -> Option<(usize, usize)>,
    ) -> Option<Vec<usize>> {
        let to = |(input, element): &(usize, usize)| {
            let wanted = place(*input, *element)?;
            slots.iter().position(|x| *x == wanted)
        };
        slots.iter().map(to).collect()
    }
}

/// For each joint shock the one with shocks in this `order`; `None` where the chain is another one then.
fn joint(s: &Solution, order: &[usize]) -> Option<Vec<usize>> {
    let chain = &s.chain;
    let of = |values: &Vec<f64>| {
        let wanted: Vec<f64> = order.iter().map(|k| values[*k]).collect();
        let mut all = (0..chain.values.len()).filter(|z| chain.values[*z] == wanted);
        let first = all.next()?;
        all.next().is_none().then_some(first)
    };
    let to: Vec<usize> = chain.values.iter().map(of).collect::<Option<_>>()?;
    let n = to.len();
    let moved = |z: usize, y: usize| (chain.transition[z][y] - chain.transition[to[z]][to[y]]).abs() <= 1e-12;
    (0..n).all(|z| (0..n).all(|y| moved(z, y))).then_some(to)
}

/// For each state node x joint shock the one with states in this order and shocks in the other.
fn places(s: &Solution, order: &[usize], chain: &[usize]) -> Vec<usize> {
    let sizes: Vec<usize> = s.states.iter().map(|x| x.nodes.len()).collect();
    let mut strides = vec![1; sizes.len()];
    for k in (1..sizes.len()).rev() {
        strides[k - 1] = strides[k] * sizes[k];
    }
    let nodes: usize = sizes.iter().product();
    let node = |i: usize| -> usize {
        let along = |k: usize| i / strides[k] % sizes[k];
        (0..sizes.len()).map(|k| along(k) * strides[order[k]]).sum()
    };
    let mut out = Vec::with_capacity(nodes * chain.len());
    for i in 0..nodes {
        let to = node(i);
        out.extend(chain.iter().map(|z| to * chain.len() + z));
    }
    out
}
