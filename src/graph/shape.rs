//! Shapes of operations, and a check that a graph is well formed.
//!
//! The rules: operands align by axis; the result of an elementwise operation has every axis of its operands, in the
//! order of the larger one; a reduction loses its axis; `Take` replaces its axis by those of the position. Whoever
//! builds nodes may call [`Graph::add`], which computes shape, domain and phase; whoever evaluates a graph that may
//! come from a file calls [`validate`] first and can then index without fear.

use super::{AxisId, AxisKind, Graph, Input, InputId, InputKind, Interval, Node, NodeId, Op, Phase, Shape, interval};
use crate::diag::Span;
use std::collections::BTreeSet;
use thiserror::Error;

/// What is wrong with a graph; `node` counts from 0.
#[derive(Clone, Debug, PartialEq, Error)]
#[allow(missing_docs)]
pub enum GraphError {
    #[error("node {node} uses node {operand}, which does not stand before it")]
    Order { node: usize, operand: usize },
    #[error("node {node} names axis {axis}, which does not exist")]
    NoAxis { node: usize, axis: u32 },
    #[error("node {node} names input {input}, which does not exist")]
    NoInput { node: usize, input: u32 },
    #[error("node {node} is unknown number {which} of root problem {root}, which does not exist")]
    NoRoot { node: usize, root: usize, which: usize },
    #[error("node {node} has shape {found}, its operation gives {expected}")]
    Shape {
        node: usize,
        found: String,
        expected: String,
    },
    #[error("node {node} is a table of {found} numbers over a shape of {expected}")]
    Table { node: usize, found: usize, expected: usize },
    #[error("node {node}: axes `{from}` ({from_size} members) and `{to}` ({to_size} members) do not fit")]
    Members {
        node: usize,
        from: String,
        from_size: usize,
        to: String,
        to_size: usize,
    },
    #[error("node {node}: its operand has no axis `{axis}`")]
    LacksAxis { node: usize, axis: String },
    #[error("node {node} is a quantile at {level}, outside [0, 1]")]
    Level { node: usize, level: String },
    #[error("root problem {root} has {unknowns} unknowns, {residuals} residuals and {brackets} brackets")]
    RootCounts {
        root: usize,
        unknowns: usize,
        residuals: usize,
        brackets: usize,
    },
    #[error("the shape of equation {equation} of root problem {root} is not that of its unknown")]
    RootShape { root: usize, equation: usize },
    #[error("the array of input `{name}` has {found} numbers, its shape {expected}")]
    InputSize {
        name: String,
        found: usize,
        expected: usize,
    },
    #[error("root problem {root} names a node that stands after its own solution")]
    RootOrder { root: usize },
}

impl Graph {
    /// Number of elements of an array over the axes `shape`: the product of their sizes, 1 for a scalar.
    pub fn elements(&self, shape: &[AxisId]) -> usize {
        shape.iter().map(|a| self.axes[a.0 as usize].size).product()
    }

    /// Adds an input and the node that reads it.
    pub fn add_input(&mut self, name: &str, kind: InputKind, shape: Shape, domain: Interval, phase: Phase) -> NodeId {
        let id = InputId(self.inputs.len() as u32);
        self.inputs.push(Input {
            name: name.into(),
            kind,
            shape: shape.clone(),
        });
        self.nodes.push(Node {
            op: Op::Input(id),
            shape,
            domain,
            phase,
            span: Span::default(),
        });
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// Adds a node; its shape, domain and phase follow from its operands.
    ///
    /// # Errors
    /// Operands that do not fit.
    pub fn add(&mut self, op: Op, span: Span) -> Result<NodeId, GraphError> {
        let node = self.nodes.len();
        check_operands(self, node, &op)?;
        let shape = shape_of(self, node, &op)?;
        let domain = interval::operation(self, &op).unwrap_or(Interval::all());
        let mut phase = Phase::Constant;
        for operand in operands(&op) {
            phase = phase.max(self.nodes[operand.0 as usize].phase);
        }
        if let Op::Root { root, .. } = &op {
            for residual in &self.roots[*root].residuals {
                phase = phase.max(self.nodes[residual.0 as usize].phase);
            }
        }
        self.nodes.push(Node {
            op,
            shape,
            domain,
            phase,
            span,
        });
        Ok(NodeId(node as u32))
    }
}

/// The nodes an operation reads directly, in the order of its fields (for a root: none, see `Graph::roots`).
pub fn operands(op: &Op) -> Vec<NodeId> {
    match op {
        Op::Const(_) | Op::Table(_) | Op::Input(_) | Op::Position(_) | Op::Root { .. } => Vec::new(),
        Op::Unary(_, x) => vec![*x],
        Op::Binary(_, a, b) => vec![*a, *b],
        Op::Select(c, a, b) => vec![*c, *a, *b],
        Op::Reduce { of, when, .. } => {
            let mut v = vec![*of];
            v.extend(when);
            v
        }
        Op::Take { of, at, .. } => vec![*of, *at],
        Op::Relabel { of, .. } | Op::Others { of, .. } | Op::Slice { of, .. } => vec![*of],
        Op::Stack { parts, .. } => parts.iter().map(|(p, _)| *p).collect(),
    }
}

/// Axes of both, in the order of the one that contains the other, else those of `a` and then the rest of `b`.
pub fn union(a: &[AxisId], b: &[AxisId]) -> Shape {
    if a.iter().all(|x| b.contains(x)) {
        return b.to_vec();
    }
    let mut r = a.to_vec();
    r.extend(b.iter().filter(|x| !a.contains(x)));
    r
}

fn check_operands(graph: &Graph, node: usize, op: &Op) -> Result<(), GraphError> {
    for o in operands(op) {
        if o.0 as usize >= node {
            return Err(GraphError::Order {
                node,
                operand: o.0 as usize,
            });
        }
    }
    let axis = |a: AxisId| {
        if (a.0 as usize) < graph.axes.len() {
            Ok(())
        } else {
            Err(GraphError::NoAxis { node, axis: a.0 })
        }
    };
    match op {
        Op::Input(i) if i.0 as usize >= graph.inputs.len() => Err(GraphError::NoInput { node, input: i.0 }),
        Op::Root { root, which } if graph.roots.get(*root).is_none_or(|r| *which >= r.unknowns.len()) => {
            Err(GraphError::NoRoot {
                node,
                root: *root,
                which: *which,
            })
        }
        Op::Position(a) => axis(*a),
        Op::Reduce { axis: a, how, .. } => {
            if let super::Reduce::Quantile(level) = how
                && !(0.0..=1.0).contains(level)
            {
                return Err(GraphError::Level {
                    node,
                    level: level.to_string(),
                });
            }
            axis(*a)
        }
        Op::Take { axis: a, .. } => axis(*a),
        Op::Relabel { from, to, .. } | Op::Slice { from, to, .. } => axis(*from).and(axis(*to)),
        Op::Others { axis: a, into, .. } => axis(*a).and(axis(*into)),
        Op::Stack { parts, to } => parts.iter().try_for_each(|(_, a)| axis(*a)).and(axis(*to)),
        Op::Const(_)
        | Op::Table(_)
        | Op::Input(_)
        | Op::Root { .. }
        | Op::Unary(..)
        | Op::Binary(..)
        | Op::Select(..) => Ok(()),
    }
}

/// The axes an operation's result has, outermost first; tables and constants, which fit any shape, give none of their
/// own (`[]`). Operands must exist ([`validate`] and [`Graph::add`] see to it).
///
/// # Errors
/// [`GraphError`]: operands that lack an axis, axes whose numbers of members do not fit, an unknown that does not
/// exist.
pub fn shape_of(graph: &Graph, node: usize, op: &Op) -> Result<Shape, GraphError> {
    let of = |id: NodeId| &graph.nodes[id.0 as usize].shape;
    let name = |a: AxisId| graph.axes[a.0 as usize].name.clone();
    let size = |a: AxisId| graph.axes[a.0 as usize].size;
    let replace = |shape: &Shape, from: AxisId, to: &[AxisId]| -> Result<Shape, GraphError> {
        let at = shape
            .iter()
            .position(|a| *a == from)
            .ok_or_else(|| GraphError::LacksAxis { node, axis: name(from) })?;
        let mut r = shape.clone();
        r.splice(at..=at, to.iter().copied());
        Ok(r)
    };
    let misfit = |from: AxisId, to: AxisId| GraphError::Members {
        node,
        from: name(from),
        from_size: size(from),
        to: name(to),
        to_size: size(to),
    };
    Ok(match op {
        Op::Const(_) | Op::Table(_) => Vec::new(),
        Op::Input(i) => graph.inputs[i.0 as usize].shape.clone(),
        Op::Position(a) => vec![*a],
        Op::Unary(_, x) => of(*x).clone(),
        Op::Binary(_, a, b) => union(of(*a), of(*b)),
        Op::Select(c, a, b) => union(of(*c), &union(of(*a), of(*b))),
        Op::Reduce { of: x, axis, when, .. } => {
            let all = when.map_or(of(*x).clone(), |w| union(of(*x), of(w)));
            all.into_iter().filter(|a| a != axis).collect()
        }
        Op::Take { of: x, axis, at } => {
            let rest: Shape = of(*x).iter().copied().filter(|a| a != axis).collect();
            union(&rest, of(*at))
        }
        Op::Relabel { of: x, from, to } => {
            if size(*from) != size(*to) {
                return Err(misfit(*from, *to));
            }
            replace(of(*x), *from, &[*to])?
        }
        Op::Others { of: x, axis, into } => {
            if size(*into) + 1 != size(*axis).max(1) {
                return Err(misfit(*axis, *into));
            }
            replace(of(*x), *axis, &[*axis, *into])?
        }
        Op::Slice { of: x, from, to, first } => {
            if first + size(*to) > size(*from) {
                return Err(misfit(*from, *to));
            }
            replace(of(*x), *from, &[*to])?
        }
        Op::Stack { parts, to } => {
            let total: usize = parts.iter().map(|(_, a)| size(*a)).sum();
            let Some((first, axis)) = parts.first() else {
                return Ok(vec![*to]);
            };
            if total != size(*to) {
                return Err(misfit(*axis, *to));
            }
            let mut shape = replace(of(*first), *axis, &[*to])?;
            for (p, a) in &parts[1..] {
                shape = union(&shape, &replace(of(*p), *a, &[*to])?);
            }
            shape
        }
        Op::Root { root, which } => {
            let input = graph.roots[*root].unknowns[*which];
            graph
                .inputs
                .get(input.0 as usize)
                .ok_or(GraphError::NoInput { node, input: input.0 })?
                .shape
                .clone()
        }
    })
}

/// For each element of the shape `to` (row-major, one entry per element), the element of `from` that it sees (axes of
/// `from` are among those of `to`).
pub fn aligned(graph: &Graph, from: &Shape, to: &Shape) -> Vec<usize> {
    let n = graph.elements(to);
    if from == to {
        return (0..n).collect();
    }
    let size = |a: &AxisId| graph.axes[a.0 as usize].size;
    // How far a step along each axis of `to` goes in `from`.
    let mut stride = vec![0; to.len()];
    let mut step = 1;
    for a in from.iter().rev() {
        if let Some(k) = to.iter().position(|b| b == a) {
            stride[k] = step;
        }
        step *= size(a);
    }
    let mut out = Vec::with_capacity(n);
    let (mut at, mut place) = (vec![0; to.len()], 0);
    for _ in 0..n {
        out.push(place);
        for k in (0..to.len()).rev() {
            at[k] += 1;
            place += stride[k];
            if at[k] < size(&to[k]) {
                break;
            }
            place -= at[k] * stride[k];
            at[k] = 0;
        }
    }
    out
}

/// Checks that operands stand before their users, that every id exists and that shapes are those of the operations.
///
/// # Errors
/// [`GraphError`]: the first operand, id or shape that is not as it must be.
pub fn validate(graph: &Graph) -> Result<(), GraphError> {
    for (node, n) in graph.nodes.iter().enumerate() {
        check_operands(graph, node, &n.op)?;
        for a in &n.shape {
            if a.0 as usize >= graph.axes.len() {
                return Err(GraphError::NoAxis { node, axis: a.0 });
            }
        }
    }
    for input in &graph.inputs {
        for a in &input.shape {
            if a.0 as usize >= graph.axes.len() {
                return Err(GraphError::NoAxis { node: 0, axis: a.0 });
            }
        }
    }
    for (root, r) in graph.roots.iter().enumerate() {
        if r.residuals.len() != r.unknowns.len() || r.brackets.len() != r.unknowns.len() {
            return Err(GraphError::RootCounts {
                root,
                unknowns: r.unknowns.len(),
                residuals: r.residuals.len(),
                brackets: r.brackets.len(),
            });
        }
        let first_use = graph
            .nodes
            .iter()
            .position(|n| matches!(n.op, Op::Root { root: q, .. } if q == root))
            .unwrap_or(graph.nodes.len());
        for (equation, (u, f)) in r.unknowns.iter().zip(&r.residuals).enumerate() {
            let Some(input) = graph.inputs.get(u.0 as usize) else {
                return Err(GraphError::NoInput {
                    node: first_use,
                    input: u.0,
                });
            };
            let (lo, hi) = r.brackets[equation];
            if [*f, lo, hi].iter().any(|n| n.0 as usize >= first_use) {
                return Err(GraphError::RootOrder { root });
            }
            let inside = |n: NodeId| graph.nodes[n.0 as usize].shape.iter().all(|a| input.shape.contains(a));
            if !inside(*f) || !inside(lo) || !inside(hi) {
                return Err(GraphError::RootShape { root, equation });
            }
        }
    }
    for (node, n) in graph.nodes.iter().enumerate() {
        let expected = match &n.op {
            Op::Const(_) => continue,
            Op::Table(values) => {
                let expected = graph.elements(&n.shape);
                if values.len() != expected {
                    return Err(GraphError::Table {
                        node,
                        found: values.len(),
                        expected,
                    });
                }
                continue;
            }
            op => shape_of(graph, node, op)?,
        };
        let same = expected.len() == n.shape.len() && expected.iter().all(|a| n.shape.contains(a));
        if !same {
            let show = |s: &Shape| {
                let names: Vec<&str> = s.iter().map(|a| graph.axes[a.0 as usize].name.as_str()).collect();
                format!("[{}]", names.join(", "))
            };
            return Err(GraphError::Shape {
                node,
                found: show(&n.shape),
                expected: show(&expected),
            });
        }
    }
    Ok(())
}

/// The axis an axis is another name of, followed to the end; itself for populations and sets.
pub fn canonical(graph: &Graph, axis: AxisId) -> AxisId {
    let mut a = axis;
    // An alias points to an earlier axis in every graph that is built; the bound keeps a damaged file from looping.
    for _ in 0..graph.axes.len() {
        match graph.axes[a.0 as usize].kind {
            AxisKind::Alias(of) if (of.0 as usize) < graph.axes.len() => a = of,
            AxisKind::Alias(_) | AxisKind::Population | AxisKind::Set | AxisKind::Others(_) | AxisKind::Stack(_) => {
                break;
            }
        }
    }
    a
}

/// The root problems each node depends on, directly or through others: those whose unknowns it would move with. One set
/// per node, of numbers of [`Graph::roots`].
pub fn root_dependencies(graph: &Graph) -> Vec<BTreeSet<usize>> {
    let mut depends: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); graph.nodes.len()];
    // An unknown stands before its residuals: a few sweeps reach the end of every chain.
    loop {
        let mut changed = false;
        for (n, node) in graph.nodes.iter().enumerate() {
            let mut all = depends[n].clone();
            let root = match &node.op {
                Op::Input(i) => graph.roots.iter().position(|r| r.unknowns.contains(i)),
                Op::Root { root, .. } => Some(*root),
                _ => None,
            };
            if let Some(r) = root {
                all.insert(r);
                for f in &graph.roots[r].residuals {
                    all.extend(depends[f.0 as usize].iter().copied());
                }
                for (lo, hi) in &graph.roots[r].brackets {
                    all.extend(depends[lo.0 as usize].iter().copied());
                    all.extend(depends[hi.0 as usize].iter().copied());
                }
            }
            for o in operands(&node.op) {
                all.extend(depends[o.0 as usize].iter().copied());
            }
            if all.len() != depends[n].len() {
                depends[n] = all;
                changed = true;
            }
        }
        if !changed {
            return depends;
        }
    }
}

/// How an element of a quantity over the axes `shape` (outermost first) is called; `element` counts row-major, from 0:
/// `k[2]` is the second of `total`, `k` the only one.
pub fn element_name(graph: &Graph, name: &str, shape: &[AxisId], element: usize, total: usize) -> String {
    if total <= 1 {
        return name.to_string();
    }
    let mut rest = element;
    let mut at = Vec::new();
    for a in shape.iter().rev() {
        let size = graph.axes[a.0 as usize].size;
        at.push((rest % size + 1).to_string());
        rest /= size;
    }
    at.reverse();
    format!("{name}[{}]", at.join(","))
}
