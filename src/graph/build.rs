//! Building a graph: hash-consing, folding of constants, shapes, phases and intervals in one place.
//!
//! A [`Builder`] never creates the same node twice and never leaves an operation on constants for later. It
//! works out each node's shape (the union of its operands' axes), its phase (the latest of its operands') and its
//! interval. It knows nothing of names; the checker decides which shapes may meet before it calls here.

use super::shape::{operands, union};
use super::{
    Axis, AxisId, AxisKind, Binary, Graph, Input, InputId, InputKind, Interval, Node, NodeId, Op, Phase, Reduce, Root,
    Shape, Unary, eval, interval,
};
use crate::diag::Span;
use std::collections::HashMap;

/// Grows a [`Graph`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    /// The graph so far.
    pub graph: Graph,
    seen: HashMap<Vec<u64>, NodeId>,
}

impl Builder {
    /// The node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.graph.nodes[id.0 as usize]
    }

    /// The axes of a node.
    pub fn shape(&self, id: NodeId) -> &Shape {
        &self.node(id).shape
    }

    /// The axis.
    pub fn axis(&self, id: AxisId) -> &Axis {
        &self.graph.axes[id.0 as usize]
    }

    /// Adds an axis.
    pub fn add_axis(&mut self, axis: Axis) -> AxisId {
        self.graph.axes.push(axis);
        AxisId(self.graph.axes.len() as u32 - 1)
    }

    /// The set or population that an axis is a view of.
    pub fn base(&self, axis: AxisId) -> AxisId {
        match &self.axis(axis).kind {
            AxisKind::Alias(of) => self.base(*of),
            AxisKind::Population | AxisKind::Set | AxisKind::Others(_) | AxisKind::Stack(_) => axis,
        }
    }

    /// The `n`-th further copy of an axis, made on first use.
    pub fn alias(&mut self, axis: AxisId, n: usize) -> AxisId {
        let base = self.base(axis);
        let name = format!("{}{}", self.axis(base).name, "*".repeat(n));
        let known = self
            .graph
            .axes
            .iter()
            .position(|a| a.kind == AxisKind::Alias(base) && a.name == name);
        if let Some(i) = known {
            return AxisId(i as u32);
        }
        let of = self.axis(base).clone();
        self.add_axis(Axis {
            name,
            kind: AxisKind::Alias(base),
            ..of
        })
    }

    /// The value of a scalar constant.
    pub fn constant_value(&self, id: NodeId) -> Option<f64> {
        match &self.node(id).op {
            Op::Const(x) => Some(*x),
            _ => None,
        }
    }

    /// The values of a constant of any shape, row-major.
    pub fn constant_values(&self, id: NodeId) -> Option<Vec<f64>> {
        match &self.node(id).op {
            Op::Const(x) => Some(vec![*x]),
            Op::Table(xs) => Some(xs.clone()),
            _ => None,
        }
    }

    /// A number.
    pub fn constant(&mut self, x: f64, span: Span) -> NodeId {
        self.push(Op::Const(x), Vec::new(), Interval::point(x), Phase::Constant, span)
    }

    /// A constant array; `values` is row-major over `shape`.
    pub fn table(&mut self, values: Vec<f64>, shape: Shape, span: Span) -> NodeId {
        if shape.is_empty() {
            return self.constant(values[0], span);
        }
        let lo = values.iter().copied().fold(f64::INFINITY, f64::min);
        let hi = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let integer = values.iter().all(|x| x.fract() == 0.0);
        let domain = Interval {
            integer,
            ..Interval::closed(lo, hi)
        };
        self.push(Op::Table(values), shape, domain, Phase::Constant, span)
    }

    /// A new input and the node that reads it.
    pub fn input(
        &mut self,
        name: &str,
        kind: InputKind,
        shape: Shape,
        domain: Interval,
        phase: Phase,
        span: Span,
    ) -> (InputId, NodeId) {
        self.graph.inputs.push(Input {
            name: name.into(),
            kind,
            shape: shape.clone(),
        });
        let id = InputId(self.graph.inputs.len() as u32 - 1);
        (id, self.push(Op::Input(id), shape, domain, phase, span))
    }

    /// The node that reads an input.
    pub fn node_of_input(&self, input: InputId) -> Option<NodeId> {
        self.seen.get(&key(&Op::Input(input), &Vec::new())).copied()
    }

    /// My number along an axis, from 1.
    pub fn position(&mut self, axis: AxisId, span: Span) -> NodeId {
        let n = self.axis(axis).size as f64;
        let domain = Interval {
            integer: true,
            ..Interval::closed(1.0, n)
        };
        self.push(Op::Position(axis), vec![axis], domain, Phase::Constant, span)
    }

    /// A function of one value.
    pub fn unary(&mut self, op: Unary, a: NodeId, span: Span) -> NodeId {
        if let Some((of, from, to)) = self.relabelled(a) {
            let inner = self.unary(op, of, span);
            return self.relabel(inner, from, to, span);
        }
        let n = self.node(a);
        let (shape, phase, domain) = (n.shape.clone(), n.phase, interval::unary(op, n.domain));
        self.fold_or_push(Op::Unary(op, a), shape, domain, phase, span)
    }

    /// A function of two values aligned by axis.
    pub fn binary(&mut self, op: Binary, a: NodeId, b: NodeId, span: Span) -> NodeId {
        if let Some((x, from, to)) = self.hoist(&[a, b]) {
            let inner = self.binary(op, x[0], x[1], span);
            return self.relabel(inner, from, to, span);
        }
        let (na, nb) = (self.node(a), self.node(b));
        let shape = union(&na.shape, &nb.shape);
        let phase = na.phase.max(nb.phase);
        let mut domain = interval::binary(op, na.domain, nb.domain);
        if a == b && op == Binary::Mul {
            domain = interval::binary(Binary::Pow, na.domain, Interval::point(2.0));
        }
        self.fold_or_push(Op::Binary(op, a, b), shape, domain, phase, span)
    }

    /// `if condition then a else b`.
    pub fn select(&mut self, condition: NodeId, a: NodeId, b: NodeId, span: Span) -> NodeId {
        if let Some(c) = self.constant_value(condition) {
            return if c != 0.0 { a } else { b };
        }
        if a == b {
            return a;
        }
        if let Some((x, from, to)) = self.hoist(&[condition, a, b]) {
            let inner = self.select(x[0], x[1], x[2], span);
            return self.relabel(inner, from, to, span);
        }
        let (nc, na, nb) = (self.node(condition), self.node(a), self.node(b));
        let shape = union(&nc.shape, &union(&na.shape, &nb.shape));
        let phase = nc.phase.max(na.phase).max(nb.phase);
        let domain = interval::select(nc.domain, na.domain, nb.domain);
        self.fold_or_push(Op::Select(condition, a, b), shape, domain, phase, span)
    }

    /// A reduction over one axis, which every operand must have or be constant along.
    pub fn reduce(&mut self, how: Reduce, of: NodeId, axis: AxisId, when: Option<NodeId>, span: Span) -> NodeId {
        // Everybody's values under another name are everybody's values.
        if let Some((inner, from, to)) = self.relabelled(of)
            && to == axis
        {
            match when.map(|w| self.relabelled(w)) {
                None => return self.reduce(how, inner, from, None, span),
                Some(Some((w, f, t))) if f == from && t == to => {
                    return self.reduce(how, inner, from, Some(w), span);
                }
                Some(_) => {}
            }
        }
        let n = self.node(of);
        let mut shape = n.shape.clone();
        let mut phase = n.phase;
        let size = self.axis(axis).size;
        let mut domain = interval::reduce(how, n.domain, size, None);
        if let Some(w) = when {
            let nw = self.node(w);
            shape = union(&shape, &nw.shape);
            phase = phase.max(nw.phase);
            domain = interval::reduce(how, self.node(of).domain, size, Some(self.node(w).domain));
        }
        shape.retain(|a| *a != axis);
        self.fold_or_push(Op::Reduce { how, of, axis, when }, shape, domain, phase, span)
    }

    /// The element of `of` at position `at` (from 0) along `axis`.
    pub fn take(&mut self, of: NodeId, axis: AxisId, at: NodeId, span: Span) -> NodeId {
        let (n, m) = (self.node(of), self.node(at));
        let rest: Shape = n.shape.iter().copied().filter(|a| *a != axis).collect();
        let shape = union(&rest, &m.shape);
        let (phase, domain) = (n.phase.max(m.phase), n.domain);
        self.fold_or_push(Op::Take { of, axis, at }, shape, domain, phase, span)
    }

    /// The same values with axis `from` called `to`.
    pub fn relabel(&mut self, of: NodeId, from: AxisId, to: AxisId, span: Span) -> NodeId {
        if from == to || !self.shape(of).contains(&from) {
            return of;
        }
        if let Some((inner, f, t)) = self.relabelled(of)
            && t == from
        {
            return self.relabel(inner, f, to, span);
        }
        let n = self.node(of);
        let shape = n.shape.iter().map(|a| if *a == from { to } else { *a }).collect();
        let (domain, phase) = (n.domain, n.phase);
        if let Op::Table(values) = &n.op {
            let values = values.clone();
            return self.push(Op::Table(values), shape, domain, phase, span);
        }
        self.push(Op::Relabel { of, from, to }, shape, domain, phase, span)
    }

    /// Everybody else's values: `of` has `axis`, the result `axis` and then `into`.
    pub fn others(&mut self, of: NodeId, axis: AxisId, into: AxisId, span: Span) -> NodeId {
        let n = self.node(of);
        let (domain, phase) = (n.domain, n.phase);
        let mut shape = Vec::new();
        for a in &n.shape {
            shape.push(*a);
            if *a == axis {
                shape.push(into);
            }
        }
        self.fold_or_push(Op::Others { of, axis, into }, shape, domain, phase, span)
    }

    /// The [`AxisKind::Others`] view of an axis, made on first use.
    pub fn others_axis(&mut self, axis: AxisId) -> AxisId {
        let known = self.graph.axes.iter().position(|a| a.kind == AxisKind::Others(axis));
        if let Some(i) = known {
            return AxisId(i as u32);
        }
        let of = self.axis(axis).clone();
        self.add_axis(Axis {
            name: format!("others({})", of.name),
            size: of.size.saturating_sub(1),
            continuum: of.continuum,
            kind: AxisKind::Others(axis),
        })
    }

    /// Members `first ..` of a stacked population.
    pub fn slice(&mut self, of: NodeId, from: AxisId, to: AxisId, first: usize, span: Span) -> NodeId {
        if !self.shape(of).contains(&from) {
            return of;
        }
        let n = self.node(of);
        let shape = n.shape.iter().map(|a| if *a == from { to } else { *a }).collect();
        let (domain, phase) = (n.domain, n.phase);
        self.fold_or_push(Op::Slice { of, from, to, first }, shape, domain, phase, span)
    }

    /// Several populations' values one after the other: `parts` are pairs of node and the axis of its members, in
    /// order; `to` is the axis of all.
    pub fn stack(&mut self, parts: Vec<(NodeId, AxisId)>, to: AxisId, span: Span) -> NodeId {
        let mut shape: Option<Shape> = None;
        let mut phase = Phase::Constant;
        let mut domain: Option<Interval> = None;
        // A value that is the same for all members of a part is given the part's axis.
        let parts: Vec<(NodeId, AxisId)> = parts
            .into_iter()
            .map(|(id, axis)| {
                if self.shape(id).contains(&axis) {
                    return (id, axis);
                }
                let zeros = self.table(vec![0.0; self.axis(axis).size], vec![axis], span);
                (self.binary(Binary::Add, id, zeros, span), axis)
            })
            .collect();
        for (id, axis) in &parts {
            let n = self.node(*id);
            let own: Shape = n.shape.iter().map(|a| if a == axis { to } else { *a }).collect();
            shape = Some(shape.map_or(own.clone(), |s| union(&s, &own)));
            phase = phase.max(n.phase);
            domain = Some(domain.map_or(n.domain, |d| d.hull(n.domain)));
        }
        let shape = shape.unwrap_or(vec![to]);
        let domain = domain.unwrap_or(Interval::all());
        self.fold_or_push(Op::Stack { parts, to }, shape, domain, phase, span)
    }

    /// Adds a root problem; the nodes of its unknowns' values follow, one each, in order.
    pub fn root(&mut self, root: Root, names: &[NodeId]) -> Vec<NodeId> {
        let mut phase = Phase::Constant;
        for r in root
            .residuals
            .iter()
            .chain(root.brackets.iter().flat_map(|(a, b)| [a, b]))
        {
            phase = phase.max(self.node(*r).phase);
        }
        let number = self.graph.roots.len();
        let spans = root.spans.clone();
        self.graph.roots.push(root);
        names
            .iter()
            .enumerate()
            .map(|(which, unknown)| {
                let n = self.node(*unknown);
                let (shape, domain) = (n.shape.clone(), n.domain);
                self.push(Op::Root { root: number, which }, shape, domain, phase, spans[which])
            })
            .collect()
    }

    /// Narrows what is known of a node's values (a declared domain).
    pub fn declare(&mut self, id: NodeId, domain: Interval) {
        self.graph.nodes[id.0 as usize].domain = domain;
    }

    fn relabelled(&self, id: NodeId) -> Option<(NodeId, AxisId, AxisId)> {
        match self.node(id).op {
            Op::Relabel { of, from, to } => Some((of, from, to)),
            _ => None,
        }
    }

    /// If some operands are relabelled the same way and the others have neither axis: the operands without it.
    fn hoist(&self, operands: &[NodeId]) -> Option<(Vec<NodeId>, AxisId, AxisId)> {
        let (_, from, to) = operands.iter().find_map(|id| self.relabelled(*id))?;
        let mut inner = Vec::new();
        for id in operands {
            match self.relabelled(*id) {
                Some((of, f, t)) if f == from && t == to => inner.push(of),
                _ => {
                    let shape = self.shape(*id);
                    if shape.contains(&from) || shape.contains(&to) {
                        return None;
                    }
                    inner.push(*id);
                }
            }
        }
        Some((inner, from, to))
    }

    fn fold_or_push(&mut self, op: Op, shape: Shape, domain: Interval, phase: Phase, span: Span) -> NodeId {
        let constant = operands(&op)
            .iter()
            .all(|id| matches!(self.node(*id).op, Op::Const(_) | Op::Table(_) | Op::Position(_)));
        let size = shape.iter().fold(1usize, |n, a| n.saturating_mul(self.axis(*a).size));
        if constant
            && size <= 100_000
            && let Some(values) = fold(&self.graph, &op, &shape)
        {
            return self.table(values, shape, span);
        }
        self.push(op, shape, domain, phase, span)
    }

    fn push(&mut self, op: Op, shape: Shape, domain: Interval, phase: Phase, span: Span) -> NodeId {
        let key = key(&op, &shape);
        if let Some(id) = self.seen.get(&key) {
            return *id;
        }
        self.graph.nodes.push(Node {
            op,
            shape,
            domain,
            phase,
            span,
        });
        let id = NodeId(self.graph.nodes.len() as u32 - 1);
        self.seen.insert(key, id);
        id
    }
}

/// The values of an operation on constants, row-major over `shape`, by the interpreter itself.
pub(super) fn fold(graph: &Graph, op: &Op, shape: &Shape) -> Option<Vec<f64>> {
    let old = operands(op);
    let mut small = Graph {
        axes: graph.axes.clone(),
        ..Graph::default()
    };
    for id in &old {
        small.nodes.push(graph.nodes[id.0 as usize].clone());
    }
    let mut op = op.clone();
    let mut next = 0;
    for_operands(&mut op, &mut |id| {
        *id = NodeId(next);
        next += 1;
    });
    let (domain, phase, span) = (Interval::all(), Phase::Constant, Span::default());
    small.nodes.push(Node {
        op,
        shape: shape.clone(),
        domain,
        phase,
        span,
    });
    eval::evaluate(&small, &[]).ok()?.nodes.pop()
}

/// Visits the operands of an operation in the order of [`operands`].
pub fn for_operands(op: &mut Op, f: &mut impl FnMut(&mut NodeId)) {
    match op {
        Op::Const(_) | Op::Table(_) | Op::Input(_) | Op::Position(_) | Op::Root { .. } => {}
        Op::Unary(_, a) | Op::Relabel { of: a, .. } | Op::Others { of: a, .. } | Op::Slice { of: a, .. } => f(a),
        Op::Binary(_, a, b) | Op::Take { of: a, at: b, .. } => {
            f(a);
            f(b);
        }
        Op::Select(c, a, b) => {
            f(c);
            f(a);
            f(b);
        }
        Op::Reduce { of, when, .. } => {
            f(of);
            if let Some(w) = when {
                f(w);
            }
        }
        Op::Stack { parts, .. } => parts.iter_mut().for_each(|(id, _)| f(id)),
    }
}

/// What makes two nodes equal, but for the shape (which is part of it for tables).
pub(super) fn key(op: &Op, shape: &Shape) -> Vec<u64> {
    let mut k = Vec::with_capacity(8);
    match op {
        Op::Const(x) => k.extend([0, x.to_bits()]),
        Op::Table(xs) => {
            k.push(1);
            k.extend(shape.iter().map(|a| u64::from(a.0)));
            k.extend(xs.iter().map(|x| x.to_bits()));
        }
        Op::Input(i) => k.extend([2, u64::from(i.0)]),
        Op::Position(a) => k.extend([3, u64::from(a.0)]),
        Op::Unary(f, a) => k.extend([4, *f as u64, u64::from(a.0)]),
        Op::Binary(f, a, b) => k.extend([5, *f as u64, u64::from(a.0), u64::from(b.0)]),
        Op::Select(c, a, b) => k.extend([6, u64::from(c.0), u64::from(a.0), u64::from(b.0)]),
        Op::Reduce { how, of, axis, when } => {
            let (h, q) = match how {
                Reduce::Sum => (0, 0.0),
                Reduce::Mean => (1, 0.0),
                Reduce::Prod => (2, 0.0),
                Reduce::Min => (3, 0.0),
                Reduce::Max => (4, 0.0),
                Reduce::Std => (5, 0.0),
                Reduce::Argmax => (6, 0.0),
                Reduce::Count => (7, 0.0),
                Reduce::Any => (8, 0.0),
                Reduce::All => (9, 0.0),
                Reduce::Quantile(q) => (10, *q),
            };
            k.extend([
                7,
                h,
                q.to_bits(),
                u64::from(of.0),
                u64::from(axis.0),
                when.map_or(u64::MAX, |w| u64::from(w.0)),
            ]);
        }
        Op::Take { of, axis, at } => k.extend([8, u64::from(of.0), u64::from(axis.0), u64::from(at.0)]),
        Op::Relabel { of, from, to } => k.extend([9, u64::from(of.0), u64::from(from.0), u64::from(to.0)]),
        Op::Others { of, axis, into } => k.extend([10, u64::from(of.0), u64::from(axis.0), u64::from(into.0)]),
        Op::Slice { of, from, to, first } => {
            k.extend([11, u64::from(of.0), u64::from(from.0), u64::from(to.0), *first as u64])
        }
        Op::Stack { parts, to } => {
            k.extend([12, u64::from(to.0)]);
            k.extend(parts.iter().flat_map(|(id, a)| [u64::from(id.0), u64::from(a.0)]));
        }
        Op::Root { root, which } => k.extend([13, *root as u64, *which as u64]),
    }
    k
}
