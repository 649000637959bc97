//! Looking at the finished model: names nobody uses, actions without effect, functions that can leave their domain.
//!
//! Interval arithmetic finds functions that may leave their domain (it is too wide: it ignores that two uses of a name move
//! together); a message is given where a state and an action are found, inside what the model allows, at which it happens.

use super::model::{Model, Space};
use super::{BlockKind, Checker, Decl, errors};
use crate::diag::{Diagnostic, Span};
use crate::graph::{AxisId, AxisKind, Binary, Graph, InputKind, Interval, NodeId, Op, Phase, eval, interval};
use crate::num::random::Key;
use std::collections::BTreeMap;

/// A way to leave a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Log,
    /// `crra` with a risk aversion of one or more, or one that is not known.
    Crra,
    /// `crra` with a smaller one.
    CrraBelowOne,
    Log1p,
    Sqrt,
    Division,
    FractionalPower,
    NegativePower,
    /// The standard deviation, mean or scale of a draw.
    Scale,
}

/// A place where a function may leave its domain.
#[derive(Clone, Debug)]
pub(super) struct Suspect {
    pub(super) fault: Fault,
    pub(super) argument: NodeId,
    pub(super) span: Span,
    /// What holds where it stands.
    pub(super) conditions: Vec<(NodeId, Interval)>,
}

impl Fault {
    /// Whether an argument in this interval can be at fault.
    pub(super) fn possible(self, d: Interval) -> bool {
        match self {
            Fault::Log | Fault::Crra => d.lo < 0.0 || d.lo == 0.0 && !d.lo_open,
            Fault::Log1p => d.lo < -1.0 || d.lo == -1.0 && !d.lo_open,
            Fault::Sqrt | Fault::FractionalPower | Fault::CrraBelowOne | Fault::Scale => d.lo < 0.0,
            Fault::Division | Fault::NegativePower => d.contains(0.0),
        }
    }

    fn happens(self, x: f64) -> bool {
        match self {
            Fault::Log | Fault::Crra => x <= 0.0,
            Fault::Log1p => x <= -1.0,
            Fault::Sqrt | Fault::FractionalPower | Fault::CrraBelowOne | Fault::Scale => x < 0.0,
            Fault::Division => x == 0.0,
            // At zero itself it is infinite, which `min` may mean; below, it is on the other side of a pole.
            Fault::NegativePower => x < 0.0,
        }
    }

    /// The function's name in messages.
    pub(super) fn word(self) -> &'static str {
        match self {
            Fault::Log => "log",
            Fault::Crra | Fault::CrraBelowOne => "crra",
            Fault::Log1p => "log1p",
            Fault::Sqrt => "sqrt",
            Fault::Division => "this division",
            Fault::FractionalPower | Fault::NegativePower => "this power",
            Fault::Scale => "the scale of this draw",
        }
    }
}

/// An interval of a node's values when some nodes are known to lie in narrower ones: one pair (node, interval) per such
/// node.
pub(super) fn interval_under(graph: &Graph, id: NodeId, known: &[(NodeId, Interval)]) -> Interval {
    let mut memo = BTreeMap::new();
    narrow(graph, id, known, &mut memo, 0)
}

fn narrow(
    graph: &Graph,
    id: NodeId,
    known: &[(NodeId, Interval)],
    memo: &mut BTreeMap<NodeId, Interval>,
    depth: usize,
) -> Interval {
    if let Some(d) = memo.get(&id) {
        return *d;
    }
    let node = &graph.nodes[id.0 as usize];
    let mut d = node.domain;
    if depth < 200 {
        let go = |x: NodeId, memo: &mut BTreeMap<NodeId, Interval>| narrow(graph, x, known, memo, depth + 1);
        let better = match &node.op {
            Op::Unary(f, a) => Some(interval::unary(*f, go(*a, memo))),
            Op::Binary(f, a, b) => Some(interval::binary(*f, go(*a, memo), go(*b, memo))),
            Op::Select(c, a, b) => Some(interval::select(go(*c, memo), go(*a, memo), go(*b, memo))),
            Op::Relabel { of, .. } => Some(go(*of, memo)),
            _ => None,
        };
        if let Some(b) = better {
            let both = d.intersect(b);
            d = if both.is_empty() { b } else { both };
        }
    }
    for (n, i) in known {
        if *n == id {
            let both = d.intersect(*i);
            d = if both.is_empty() { *i } else { both };
        }
    }
    memo.insert(id, d);
    d
}

impl Checker<'_> {
    /// Warnings and errors about the model as a whole.
    pub(super) fn lint(&mut self) {
        self.cross_section_means();
        self.actions_without_effect();
        self.date_without_horizon();
        self.recursive_functions();
        self.uncalled_functions();
        // Until a solve has supplied its parameter, what reads it is left out: names used there look unused.
        if self.model.pending.is_empty() {
            self.unused();
            self.domain_faults();
            self.rules_outside();
            self.laws_that_leave();
            self.laws_and_discounts_where_tried();
        }
    }

    fn unused(&mut self) {
        for id in 0..self.entities.len() {
            let e = &self.entities[id];
            let entered = self.blocks[e.block].names.get(&e.name) == Some(&id);
            if e.used || !entered || self.blocks[e.block].kind == BlockKind::Kind || e.span.file != 0 {
                continue;
            }
            let what = match e.decl {
                Decl::Param { .. } => "parameter",
                Decl::Shock { .. } => "shock",
                Decl::Noise { .. } => "noise",
                // A definition with a description is there to be read: a quantity of tables and of solved policies.
                Decl::Let { .. } if e.doc.is_empty() => "definition",
                _ => continue,
            };
            let d = errors::unused(what, &e.dotted, e.span);
            self.report(d);
        }
    }

    /// No solver takes a model that reads `t` and has no last period; simulations and learners do.
    fn date_without_horizon(&mut self) {
        let Some((time, _)) = self.time.filter(|_| self.model.horizon.is_none() && !self.horizon_said) else {
            return;
        };
        let is_time = |n: &NodeId| self.b.node(*n).op == Op::Input(time);
        let reader = self
            .outcomes_read()
            .into_iter()
            .find(|n| crate::graph::shape::operands(&self.b.node(*n).op).iter().any(is_time));
        if let Some(n) = reader {
            let node = self.b.node(n);
            // `beta^t`: the date as the exponent of a constant.
            let discounts = matches!(node.op, Op::Binary(Binary::Pow, base, power)
                if is_time(&power) && self.b.node(base).phase == Phase::Constant);
            let span = node.span;
            self.report(errors::date_without_horizon(discounts, span));
        }
    }

    /// What only trying shows: laws that lead outside from everywhere, and discount factors beyond their bounds in places.
    fn laws_and_discounts_where_tried(&mut self) {
        let graph = few_members(&self.b.graph);
        let points = points(&graph, &self.model);
        let mut found = Vec::new();
        for a in &self.model.agents {
            let Some(factor) = a.discount.filter(|n| self.b.node(*n).phase > Phase::Constant) else {
                continue;
            };
            let outside = points.iter().find_map(|p| {
                let factors = at(&graph, p, &[factor])?.swap_remove(0);
                Some((factors.into_iter().find(|x| *x > 1.0 || *x < 0.0)?, p))
            });
            if let Some((x, p)) = outside {
                let span = self.discount_span(&a.name).unwrap_or(self.b.node(factor).span);
                let place = self.place_of(p, &[factor]);
                found.push(errors::discount_in_places(&a.name, x > 1.0, &short(x), &place, span));
            }
        }
        if self.model.horizon.is_none() && self.model.ends.is_empty() {
            found.extend(self.laws_that_leave_everywhere(&graph, &points));
        }
        for d in found {
            self.report(d);
        }
    }

    /// Warnings about states whose next value lies outside of the domain at all feasible points, the ends of all choices among them.
    fn laws_that_leave_everywhere(&self, graph: &Graph, points: &[Vec<Vec<f64>>]) -> Vec<Diagnostic> {
        let requires = self.model.requires.iter().map(|r| r.condition);
        let mut wanted: Vec<NodeId> = self.model.states.iter().map(|s| s.next).collect();
        let states = wanted.len();
        wanted.extend(requires);
        let tried: Vec<(Vec<Vec<f64>>, &Vec<Vec<f64>>)> = points
            .iter()
            .filter_map(|p| Some((at(graph, p, &wanted)?, p)))
            .filter(|(values, _)| values[states..].iter().flatten().all(|x| *x != 0.0))
            .collect();
        if tried.len() < FEW {
            return Vec::new();
        }
        let mut out = Vec::new();
        for (i, s) in self.model.states.iter().enumerate().filter(|(_, s)| s.span.file == 0) {
            let told = |d: &Diagnostic| d.code == "W0406" && d.primary.as_ref().is_some_and(|(at, _)| *at == s.span);
            let outside = |x: &f64| {
                let slack = 1e-6 * (1.0 + x.abs());
                *x < s.domain.lo - slack || *x > s.domain.hi + slack
            };
            if tried.iter().all(|(values, _)| values[i].iter().all(outside)) && !self.diagnostics.iter().any(told) {
                let (values, p) = &tried[tried.len() / 2];
                let next = values[i].first().copied().unwrap_or(f64::NAN);
                let place = self.place_of(p, &[s.next]);
                out.push(errors::law_leaves_everywhere(
                    &s.name,
                    &short(next),
                    &place,
                    s.domain,
                    s.span,
                ));
            }
        }
        out
    }

    /// States whose law leaves the domain from one of its ends, whatever anybody does. In worlds that end, time may not suffice.
    fn laws_that_leave(&mut self) {
        if self.model.horizon.is_some() || !self.model.ends.is_empty() {
            return;
        }
        for s in self.model.states.clone() {
            let d = s.domain;
            let from = [(d.hi, d.hi_open), (d.lo, d.lo_open)];
            for (end, _) in from.into_iter().filter(|(x, open)| x.is_finite() && !open) {
                let next = interval_under(&self.b.graph, s.next, &[(s.node, Interval::point(end))]);
                let beyond = if end == d.hi { next.lo > d.hi } else { next.hi < d.lo };
                if beyond && s.span.file == 0 {
                    self.report(errors::law_leaves(&s.name, end, next, d, s.span));
                    break;
                }
            }
        }
    }

    fn actions_without_effect(&mut self) {
        let read = self.outcomes_read();
        for a in self.model.actions.clone() {
            let reads_input = read.iter().any(|n| self.b.node(*n).op == Op::Input(a.input));
            if !reads_input {
                self.report(errors::action_without_effect(&a.name, a.span));
            }
        }
    }

    /// Rules that lie outside the bounds of their action wherever they are tried: whoever plays would be moved to an end for ever.
    fn rules_outside(&mut self) {
        let mut rules = Vec::new();
        for (a, node) in self.model.agents.iter().flat_map(|a| &a.rules) {
            let action = &self.model.actions[*a];
            let (lo, hi) = match &action.space {
                super::model::Space::Interval { lo, hi, .. } | super::model::Space::Integer { lo, hi } => (*lo, *hi),
                super::model::Space::Finite { .. } | super::model::Space::Simplex(_) => continue,
            };
            if let Some(node) = node {
                rules.push((*a, *node, lo, hi));
            }
        }
        if rules.is_empty() {
            return;
        }
        let graph = few_members(&self.b.graph);
        let points = points(&graph, &self.model);
        for (a, node, lo, hi) in rules {
            let tried: Vec<_> = points.iter().filter_map(|p| at(&graph, p, &[node, lo, hi])).collect();
            let outside = |v: &Vec<Vec<f64>>| {
                let along = |x: &Vec<f64>, i: usize| x.get(i).or(x.first()).copied().unwrap_or(f64::NAN);
                let beyond = |i: usize, x: f64| {
                    let (lo, hi) = (along(&v[1], i), along(&v[2], i));
                    let slack = 1e-9 * (1.0 + lo.abs().min(hi.abs()));
                    lo <= hi && (x < lo - slack || x > hi + slack)
                };
                v[0].iter().enumerate().all(|(i, x)| beyond(i, *x))
            };
            if !tried.is_empty() && tried.iter().all(outside) {
                let got = Interval {
                    lo_open: false,
                    hi_open: false,
                    ..self.b.node(node).domain
                };
                let bounds = Interval {
                    lo: self.b.node(lo).domain.lo,
                    hi: self.b.node(hi).domain.hi,
                    ..got
                };
                let (name, declared) = (self.model.actions[a].name.clone(), self.model.actions[a].span);
                self.report(errors::rule_outside(
                    &name,
                    got,
                    bounds,
                    self.b.node(node).span,
                    declared,
                ));
            }
        }
    }

    /// Looks for a witness of each suspected fault.
    fn domain_faults(&mut self) {
        let suspects = std::mem::take(&mut self.suspects);
        if suspects.is_empty() {
            return;
        }
        let mut reported: Vec<Span> = Vec::new();
        let graph = few_members(&self.b.graph);
        let points = points(&graph, &self.model);
        for s in suspects {
            if reported.contains(&s.span) {
                continue;
            }
            if let Some((x, place)) = self.witness(&graph, &s, &points) {
                reported.push(s.span);
                if s.fault == Fault::Scale {
                    self.report(errors::negative_scale_at(x, &place, s.span));
                    continue;
                }
                self.report(errors::domain_fault(
                    s.fault.word(),
                    s.fault == Fault::Division,
                    x,
                    &place,
                    s.span,
                ));
            }
        }
    }

    /// A value outside the domain and where it happens, in words.
    fn witness(&self, graph: &Graph, s: &Suspect, points: &[Vec<Vec<f64>>]) -> Option<(f64, String)> {
        let mut wanted = vec![s.argument];
        wanted.extend(s.conditions.iter().map(|(n, _)| *n));
        let given = wanted.len();
        let hard = |r: &&super::model::Require| {
            matches!(
                r.otherwise,
                super::model::Otherwise::Infeasible | super::model::Otherwise::Project(_)
            )
        };
        wanted.extend(self.model.requires.iter().filter(hard).map(|r| r.condition));
        for p in points {
            let Some(values) = at(graph, p, &wanted) else {
                continue;
            };
            let holds = s
                .conditions
                .iter()
                .zip(&values[1..given])
                .all(|((_, d), v)| v.iter().all(|x| d.contains(*x)));
            let feasible = values[given..].iter().all(|v| v.iter().all(|x| *x != 0.0));
            if !holds || !feasible {
                continue;
            }
            if let Some(x) = values[0].iter().find(|x| s.fault.happens(**x)) {
                return Some((*x, self.place(p)));
            }
        }
        None
    }

    /// The states and actions of a point, in words.
    fn place(&self, p: &[Vec<f64>]) -> String {
        self.place_where(p, |_| true)
    }

    /// Those of them that some nodes rest on.
    fn place_of(&self, p: &[Vec<f64>], nodes: &[NodeId]) -> String {
        let seen = self.b.graph.inputs_below(nodes.iter().copied());
        self.place_where(p, |i| seen.contains(&crate::graph::InputId(i as u32)))
    }

    fn place_where(&self, p: &[Vec<f64>], shown: impl Fn(usize) -> bool) -> String {
        let mut parts = Vec::new();
        for (i, input) in self.b.graph.inputs.iter().enumerate() {
            if matches!(
                input.kind,
                InputKind::State(_) | InputKind::Action(_) | InputKind::Shock(_)
            ) && shown(i)
                && let Some(x) = p[i].first()
                && parts.len() < 6
            {
                let shown = match input.kind {
                    InputKind::Shock(s) => self.link_word(s, *x),
                    _ => short(*x),
                };
                parts.push(format!("{} = {shown}", input.name));
            }
        }
        parts.join(", ")
    }

    /// A shock's value in words: of a chain the label of the state with number `x`, or its value.
    fn link_word(&self, shock: usize, x: f64) -> String {
        match &self.model.shocks[shock].process {
            super::model::Process::Chain { values, labels, .. } => {
                let i = x as usize;
                let label = labels.get(i).filter(|l| !l.is_empty()).cloned();
                label.unwrap_or_else(|| short(values.get(i).copied().unwrap_or(x)))
            }
            _ => short(x),
        }
    }
}

fn short(x: f64) -> String {
    let s = format!("{x:.4}");
    if s.contains('.') {
        s.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        s
    }
}

/// Fewest feasible points that say something of a law.
const FEW: usize = 12;

/// The graph with few members for each continuum: one that shows a fault with a thousand shows it with four. Graphs
/// in which a part of a stack is a continuum, or a constant array runs over one, stay as they are.
fn few_members(graph: &Graph) -> Graph {
    const MEMBERS: usize = 4;
    let mut small = graph.clone();
    let stacked = graph.axes.iter().any(|a| matches!(a.kind, AxisKind::Stack(_)));
    let is_large = |a: &AxisId| graph.axes[a.0 as usize].continuum && graph.axes[a.0 as usize].size > MEMBERS;
    let tabled = graph
        .nodes
        .iter()
        .any(|n| matches!(n.op, Op::Table(_)) && n.shape.iter().any(is_large));
    if !stacked && !tabled {
        for a in small.axes.iter_mut().filter(|a| a.continuum && a.size > MEMBERS) {
            a.size = if matches!(a.kind, AxisKind::Others(_)) {
                MEMBERS - 1
            } else {
                MEMBERS
            };
        }
    }
    small
}

/// Points inside what the model allows: corners of actions, states at both ends of where they start, random ones.
fn points(graph: &Graph, model: &Model) -> Vec<Vec<Vec<f64>>> {
    const POINTS: u64 = 48;
    let key = Key::new(0x5eed, 7);
    let elements = |shape: &[AxisId]| {
        shape
            .iter()
            .fold(1usize, |n, a| n.saturating_mul(graph.axes[a.0 as usize].size))
    };
    let sizes: Vec<usize> = graph.inputs.iter().map(|i| elements(&i.shape)).collect();
    let work = graph.nodes.iter().fold(0usize, |n, x| {
        n.saturating_add(
            x.shape
                .iter()
                .fold(1, |m: usize, a| m.saturating_mul(graph.axes[a.0 as usize].size)),
        )
    });
    if work > 200_000 {
        return Vec::new();
    }
    let mut out = Vec::new();
    for k in 0..POINTS {
        let mut p: Vec<Vec<f64>> = Vec::new();
        for (i, input) in graph.inputs.iter().enumerate() {
            let spread = input.shape.iter().any(|a| graph.axes[a.0 as usize].continuum)
                && !matches!(input.kind, InputKind::State(_) | InputKind::Action(_));
            let values = (0..sizes[i]).map(|j| {
                // Own shocks of a population differ between its members: corners are for what is one for all.
                let alike = !matches!(input.kind, InputKind::Shock(_) | InputKind::ShockNext(_)) || sizes[i] == 1;
                let u = match k {
                    0 if alike => 0.0,
                    1 if alike => 1.0,
                    // Members of a continuum are spread: all of them alike has probability zero.
                    _ if spread => (j as f64 + key.uniform(k, (i as u64) << 20 | j as u64)) / sizes[i] as f64,
                    _ => key.uniform(k, (i as u64) << 20 | j as u64),
                };
                value(graph, model, input.kind, u, k)
            });
            p.push(values.collect());
        }
        // Actions last: their bounds may depend on the rest.
        for a in &model.actions {
            let (lo, hi, open) = match &a.space {
                Space::Interval {
                    lo,
                    hi,
                    lo_open,
                    hi_open,
                } => (*lo, *hi, (*lo_open, *hi_open)),
                Space::Integer { lo, hi } => (*lo, *hi, (false, false)),
                Space::Finite { .. } | Space::Simplex(_) => continue,
            };
            let Some(bounds) = at(graph, &p, &[lo, hi]) else {
                continue;
            };
            let n = p[a.input.0 as usize].len();
            let whole = matches!(a.space, Space::Integer { .. });
            let (l, h) = (&bounds[0], &bounds[1]);
            for j in 0..n {
                let pick = |v: &Vec<f64>| v.get(j * v.len() / n.max(1)).copied().unwrap_or(f64::NAN);
                let (l, h) = (pick(l).max(-1e6), pick(h).min(1e6));
                let mut u = match k % 4 {
                    0 => 0.0,
                    1 => 1.0,
                    _ => key.uniform(1000 + k, (u64::from(a.input.0)) << 20 | j as u64),
                };
                if open.0 {
                    u = u.max(1e-6);
                }
                if open.1 {
                    u = u.min(1.0 - 1e-6);
                }
                let x = l + u * (h - l);
                p[a.input.0 as usize][j] = if whole { x.round() } else { x };
            }
        }
        out.push(p);
    }
    out
}

/// A value of an input at quantile `u` of where it may lie.
fn value(graph: &Graph, model: &Model, kind: InputKind, u: f64, k: u64) -> f64 {
    match kind {
        InputKind::State(s) => {
            let state = &model.states[s];
            let d = state.domain;
            let start = state.start.map_or(d, |n| graph.nodes[n.0 as usize].domain);
            // Odd points start where episodes start, even ones anywhere in the domain.
            let d = if k % 2 == 1 || !d.lo.is_finite() || !d.hi.is_finite() {
                d.intersect(start)
            } else {
                d
            };
            let (lo, hi) = (
                if d.lo.is_finite() { d.lo } else { -10.0 },
                if d.hi.is_finite() { d.hi } else { d.lo.max(0.0) + 10.0 },
            );
            let u = u.clamp(
                if d.lo_open { 1e-6 } else { 0.0 },
                if d.hi_open { 1.0 - 1e-6 } else { 1.0 },
            );
            let x = lo + u * (hi - lo);
            if d.integer { x.round() } else { x }
        }
        InputKind::Shock(s) | InputKind::ShockNext(s) => model.shocks[s].process.spread(u),
        InputKind::Action(a) => match &model.actions[a].space {
            Space::Finite { labels, .. } => (u * labels.len() as f64).floor().min(labels.len() as f64 - 1.0),
            Space::Simplex(axis) => 1.0 / graph.axes[axis.0 as usize].size as f64,
            Space::Interval { .. } | Space::Integer { .. } => u,
        },
        InputKind::Noise(_) => u.clamp(0.001, 0.999),
        InputKind::Param(p) => model.params[p].values[0],
        InputKind::Unknown(_) => 1.0,
        InputKind::Time => 0.0,
        InputKind::EntryValue(_) | InputKind::Forward(_) | InputKind::Later(_) | InputKind::Expected(_) => 1.0,
    }
}

/// The values of some nodes at one point.
fn at(graph: &Graph, inputs: &[Vec<f64>], wanted: &[NodeId]) -> Option<Vec<Vec<f64>>> {
    let values = eval::evaluate(graph, inputs).ok()?;
    Some(wanted.iter().map(|n| values.nodes[n.0 as usize].clone()).collect())
}
