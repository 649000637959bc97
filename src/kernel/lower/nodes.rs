//! Lowering of single nodes: elements over the axes that are unrolled, inputs, tables and lookups.

use super::unrolled::{pick, reduce};
use super::{
    Barrier, Context, ElementBinding, InputBinding, LIMIT, LeafKind, LowerError, Lowering, Part, Slot, Values,
};
use crate::graph::shape;
use crate::graph::{AxisId, InputId, NodeId, Op};
use crate::kernel::dag::{Expr, Id};
use crate::kernel::program::Mode;
use std::rc::Rc;

impl Lowering<'_> {
    /// The elements of node `n`, row-major over the axes that are unrolled.
    ///
    /// # Errors
    /// [`LowerError`]: too many expressions, an input that is not bound.
    pub(super) fn node(&mut self, n: usize, context: &Context) -> Result<Vec<Id>, LowerError> {
        let graph = self.graph;
        let node = &graph.nodes[n];
        let axes = self.small(&node.shape);
        let count = self.elements(&axes);
        if count > LIMIT {
            return Err(LowerError::TooLarge {
                node: n,
                elements: count,
                limit: LIMIT,
            });
        }
        match &node.op {
            Op::Input(input) => return self.input(*input, context),
            Op::Root { root, which } => {
                let solved = self.solution(*root, context)?;
                return Ok(solved.0[*which].to_vec());
            }
            Op::Table(values) => return Ok(self.spread_table(values, &node.shape, context)),
            Op::Reduce { how, of, axis, when } if self.is_lane(*axis) => {
                return self.reduce_lanes(n, *how, *of, *axis, *when, context);
            }
            Op::Const(_)
            | Op::Position(_)
            | Op::Unary(..)
            | Op::Binary(..)
            | Op::Select(..)
            | Op::Reduce { .. }
            | Op::Take { .. }
            | Op::Relabel { .. }
            | Op::Others { .. }
            | Op::Slice { .. }
            | Op::Stack { .. } => {}
        }
        if let Op::Others { of, axis, into } = &node.op
            && self.is_lane(*axis)
        {
            return self.others_in_loop(n, *of, *axis, *into, context);
        }
        let mut operands = Vec::new();
        for o in shape::operands(&node.op) {
            operands.push(self.operand(o, context)?);
        }
        let mut at = vec![0; graph.axes.len()];
        let mut out = Vec::with_capacity(count);
        for e in 0..count {
            let mut rest = e;
            for a in axes.iter().rev() {
                at[a.0 as usize] = rest % self.size(*a);
                rest /= self.size(*a);
            }
            out.push(self.element(n, &node.op, &operands, &mut at, context)?);
        }
        Ok(out)
    }

    /// One element of node `n`. `operands` has one pair (axes, elements row-major) per operand; `at` is the position
    /// along every axis of the graph.
    ///
    /// # Errors
    /// Those of [`Lowering::node`].
    pub(super) fn element(
        &mut self,
        n: usize,
        op: &Op,
        operands: &[(Vec<AxisId>, Values)],
        at: &mut [usize],
        context: &Context,
    ) -> Result<Id, LowerError> {
        crate::limits::poll();
        let read = |l: &Self, k: usize, at: &[usize]| operands[k].1[l.offset(&operands[k].0, at)];
        let moved = |l: &Self, k: usize, at: &mut [usize], axis: AxisId, to: usize| {
            let before = std::mem::replace(&mut at[axis.0 as usize], to);
            let id = read(l, k, at);
            at[axis.0 as usize] = before;
            id
        };
        let unavailable = |l: &Self, axis: AxisId, what| LowerError::Pairs {
            node: n,
            what,
            members: l.size(axis),
        };
        Ok(match op {
            Op::Const(x) => self.dag.constant(*x),
            Op::Position(axis) => {
                let size = self.size(*axis);
                match context.pinned {
                    Some((pinned, scope)) if pinned == *axis => {
                        let of = self.fixed((1..=size).map(|i| i as f64).collect());
                        if self.dag.as_const(of).is_some() {
                            of
                        } else {
                            self.leaf(LeafKind::LoopElement { scope, of, lanes: size }, 0)
                        }
                    }
                    _ if self.is_lane(*axis) => self.fixed((1..=size).map(|i| i as f64).collect()),
                    _ => self.dag.constant(at[axis.0 as usize] as f64 + 1.0),
                }
            }
            Op::Unary(f, _) => {
                let x = read(self, 0, at);
                self.dag.unary(*f, x)
            }
            Op::Binary(f, ..) => {
                let (a, b) = (read(self, 0, at), read(self, 1, at));
                self.dag.binary(*f, a, b)
            }
            Op::Select(..) => {
                let (c, a, b) = (read(self, 0, at), read(self, 1, at), read(self, 2, at));
                self.dag.select(c, a, b)
            }
            Op::Reduce { how, axis, when, .. } => {
                let size = self.size(*axis);
                let values: Vec<Id> = (0..size).map(|j| moved(self, 0, at, *axis, j)).collect();
                let chosen: Option<Vec<Id>> = when.map(|_| (0..size).map(|j| moved(self, 1, at, *axis, j)).collect());
                reduce(&mut self.dag, *how, &values, chosen.as_deref())
            }
            Op::Take { of, axis, at: position } => {
                let index = read(self, 1, at);
                if !self.graph.nodes[of.0 as usize].shape.contains(axis) {
                    read(self, 0, at)
                } else if !self.is_lane(*axis) {
                    let candidates: Vec<Id> = (0..self.size(*axis)).map(|j| moved(self, 0, at, *axis, j)).collect();
                    pick(&mut self.dag, &candidates, index)
                } else if context.pinned.is_some_and(|p| p.0 == *axis) {
                    return Err(unavailable(self, *axis, "indexing a population inside a loop over it"));
                } else {
                    let values = read(self, 0, at);
                    self.gather(values, *axis, index, *position)
                }
            }
            Op::Relabel { from, to, .. } => {
                if self.is_lane(*from) != self.is_lane(*to) {
                    return Err(unavailable(
                        self,
                        *from,
                        "another name for a large axis that is a small one",
                    ));
                }
                if self.is_lane(*from) {
                    read(self, 0, at)
                } else {
                    let i = at[to.0 as usize];
                    moved(self, 0, at, *from, i)
                }
            }
            Op::Others { axis, into, .. } => {
                let (me, other) = (at[axis.0 as usize], at[into.0 as usize]);
                moved(self, 0, at, *axis, other + usize::from(other >= me))
            }
            Op::Slice { from, to, first, .. } => match (self.is_lane(*from), self.is_lane(*to)) {
                (false, false) => {
                    let i = first + at[to.0 as usize];
                    moved(self, 0, at, *from, i)
                }
                (true, lanes) => {
                    let of = read(self, 0, at);
                    let size = self.size(*from);
                    if lanes {
                        let out = self.size(*to);
                        self.barrier(
                            Barrier::Slice {
                                of,
                                lanes: size,
                                first: *first,
                                out,
                            },
                            1,
                            out,
                        )[0]
                    } else {
                        let first = first + at[to.0 as usize];
                        self.barrier(
                            Barrier::Elements {
                                of,
                                lanes: size,
                                first,
                                count: 1,
                            },
                            1,
                            0,
                        )[0]
                    }
                }
                (false, true) => {
                    return Err(unavailable(self, *from, "a large part of a small axis"));
                }
            },
            Op::Stack { parts, to } => {
                if self.is_lane(*to) {
                    let mut pieces = Vec::new();
                    for (k, (_, axis)) in parts.iter().enumerate() {
                        let size = self.size(*axis);
                        pieces.push(if self.is_lane(*axis) {
                            Part::Lanes(read(self, k, at), size)
                        } else {
                            Part::Scalars((0..size).map(|j| moved(self, k, at, *axis, j)).collect())
                        });
                    }
                    let out = self.size(*to);
                    self.barrier(Barrier::Concat { parts: pieces, out }, 1, out)[0]
                } else {
                    let mut i = at[to.0 as usize];
                    for (k, (_, axis)) in parts.iter().enumerate() {
                        if i < self.size(*axis) {
                            if self.is_lane(*axis) {
                                return Err(unavailable(self, *axis, "a small stack of large parts"));
                            }
                            return Ok(moved(self, k, at, *axis, i));
                        }
                        i -= self.size(*axis);
                    }
                    self.dag.constant(f64::NAN)
                }
            }
            // Handled by `node`.
            Op::Table(_) | Op::Input(_) | Op::Root { .. } => self.dag.constant(f64::NAN),
        })
    }

    fn gather(&mut self, of: Id, axis: AxisId, index: Id, position: NodeId) -> Id {
        let lanes = self.size(axis);
        if self.dag.as_const(of).is_some() {
            return of;
        }
        if let Expr::Input(i) = self.dag.expr(of)
            && let LeafKind::Fixed(values) = &self.leaves[i as usize].kind
        {
            let values = values.clone();
            return self.dag.lookup(&values, index);
        }
        if let Some(v) = self.dag.as_const(index) {
            let first = crate::graph::eval::position_on(v, lanes);
            return self.barrier(
                Barrier::Elements {
                    of,
                    lanes,
                    first,
                    count: 1,
                },
                1,
                0,
            )[0];
        }
        let out = self.lanes_of(&self.graph.nodes[position.0 as usize].shape);
        self.barrier(
            Barrier::Gather {
                of,
                lanes,
                at: index,
                out,
            },
            1,
            out,
        )[0]
    }

    /// A constant array: fixed members along a lane axis, numbers otherwise.
    fn spread_table(&mut self, values: &[f64], shape: &[AxisId], _context: &Context) -> Vec<Id> {
        let axes = self.small(shape);
        let lane: Vec<AxisId> = shape.iter().copied().filter(|a| self.is_lane(*a)).collect();
        let mut at = vec![0; self.graph.axes.len()];
        (0..self.elements(&axes))
            .map(|e| {
                let mut rest = e;
                for a in axes.iter().rev() {
                    at[a.0 as usize] = rest % self.size(*a);
                    rest /= self.size(*a);
                }
                match lane.first() {
                    None => self.dag.constant(values[self.offset(shape, &at)]),
                    Some(axis) => {
                        let column = (0..self.size(*axis))
                            .map(|i| {
                                at[axis.0 as usize] = i;
                                values[self.offset(shape, &at)]
                            })
                            .collect();
                        self.fixed(column)
                    }
                }
            })
            .collect()
    }

    fn input(&mut self, input: InputId, context: &Context) -> Result<Vec<Id>, LowerError> {
        let graph = self.graph;
        let i = input.0 as usize;
        if let Some(root) = graph.roots.iter().position(|r| r.unknowns.contains(&input)) {
            let which = graph.roots[root].unknowns.iter().position(|u| *u == input).unwrap_or(0);
            if context.open.contains(&root) {
                let key = self.opened(root, context);
                return Ok(self.unknown_values[&(root, key)][which].to_vec());
            }
            if let Some(v) = self.input_values.get(&i) {
                return Ok(v.to_vec());
            }
            return Ok(self.solution(root, context)?.0[which].to_vec());
        }
        if let Some(v) = self.input_values.get(&i) {
            return Ok(v.to_vec());
        }
        let shape = &graph.inputs[i].shape;
        let axes = self.small(shape);
        let count = self.elements(&axes);
        let lanes = self.lanes_of(shape);
        let misfit = |found| LowerError::Binding {
            name: graph.inputs[i].name.clone(),
            found,
            expected: count,
        };
        let bindings = self.bindings;
        let Some(binding) = bindings.get(i) else {
            return Err(LowerError::Unbound(graph.inputs[i].name.clone()));
        };
        let ids: Vec<Id> = match binding {
            InputBinding::Constant(values) => {
                if values.len() != graph.elements(shape) {
                    return Err(LowerError::Binding {
                        name: graph.inputs[i].name.clone(),
                        found: values.len(),
                        expected: graph.elements(shape),
                    });
                }
                self.spread_table(values, shape, context)
            }
            InputBinding::Elements(each) => {
                if each.len() != count {
                    return Err(misfit(each.len()));
                }
                each.iter()
                    .enumerate()
                    .map(|(e, b)| self.external(input, e, *b, lanes))
                    .collect()
            }
            InputBinding::Lanes => (0..count)
                .map(|e| self.external(input, e, ElementBinding::Lanes, lanes))
                .collect(),
            InputBinding::Uniform => (0..count)
                .map(|e| self.external(input, e, ElementBinding::Uniform, lanes))
                .collect(),
        };
        self.input_values.insert(i, Rc::new(ids.clone()));
        Ok(ids)
    }

    fn external(&mut self, input: InputId, element: usize, binding: ElementBinding, lanes: usize) -> Id {
        let members_mode = self.members_mode;
        let (mode, members) = match (binding, members_mode) {
            (ElementBinding::Constant(x), _) => return self.dag.constant(x),
            (ElementBinding::Lanes, false) => (Mode::Lanes, 0),
            (ElementBinding::Uniform, false) => (Mode::Uniform, 0),
            (_, true) => (if lanes > 0 { Mode::Lanes } else { Mode::Uniform }, lanes.max(1)),
        };
        let lanes = if members_mode { lanes } else { 0 };
        self.leaf(
            LeafKind::External(Slot {
                input,
                element,
                mode,
                members,
            }),
            lanes,
        )
    }
}
