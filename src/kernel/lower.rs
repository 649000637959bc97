//! The shaped environment graph unrolled into scalar expressions.
//!
//! Two ways. *Worlds as lanes* ([`Worlds`]): every axis is unrolled, a lane is a whole world (or a grid point); for small
//! populations and for the solvers. *Members as lanes* ([`super::members`]): the axes of large populations become the
//! lane dimension within one world; reductions over them, gathers and concatenations are *barriers* between lane
//! programs. Both come out of one `Lowering`, which differ only in which axes are lanes: without any there are no barriers.
//!
//! Order of sums: as in `graph/eval.rs`. A root problem is lowered with its unknowns open (as unknowns of the scalar graph,
//! or, where its residuals go through a barrier, as slots of an outer root-finder); everywhere else its unknowns stand for
//! the solution, so an expression that was written for the inside of a market may be used outside as well.

use super::dag::{Dag, Id, RootProblem};
use super::math::Real;
use super::program::{CompileError, Mode, Program};
use crate::graph::shape::{self, GraphError};
use crate::graph::{AxisId, AxisKind, Binary, Graph, InputId, NodeId, Op, Reduce, Unary};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use thiserror::Error;

/// Why a graph cannot be lowered.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum LowerError {
    /// The graph is not well formed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A scalar graph that cannot be compiled: a bug of the lowering.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// A binding does not fit its input.
    #[error("the binding of input `{name}` has {found} values, its shape {expected}")]
    Binding {
        /// The input.
        name: String,
        /// Numbers given.
        found: usize,
        /// Numbers in its shape.
        expected: usize,
    },
    /// There are fewer bindings than inputs, or an output that is not a node.
    #[error("{what}: {found} given, {expected} needed")]
    Count {
        /// What was counted.
        what: &'static str,
        /// Given.
        found: usize,
        /// Needed.
        expected: usize,
    },
    /// Unrolling would give too many expressions.
    #[error("node {node} would be unrolled into {elements} expressions; the limit is {limit}")]
    TooLarge {
        /// The node.
        node: usize,
        /// Elements.
        elements: usize,
        /// Limit.
        limit: usize,
    },
    /// An operation between all pairs of members that has no lane form.
    #[error("node {node}: {what} is not available for a population of {members} members")]
    Pairs {
        /// The node.
        node: usize,
        /// What was asked for.
        what: &'static str,
        /// Size of the axis.
        members: usize,
    },
}

/// Most expressions a node may be unrolled into.
const LIMIT: usize = 4_000_000;

/// What feeds an input of the graph.
#[derive(Clone, Debug, PartialEq)]
pub enum InputBinding {
    /// Every element varies by lane.
    Lanes,
    /// Every element is one number a call.
    Uniform,
    /// Fixed numbers, row-major.
    Constant(Vec<f64>),
    /// Element by element, row-major (over the axes that are unrolled).
    Elements(Vec<ElementBinding>),
}

/// What feeds one element of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ElementBinding {
    /// Varies by lane.
    Lanes,
    /// One number a call.
    Uniform,
    /// A fixed number.
    Constant(f64),
}

/// One input of a lowered program: element `element` (row-major over the unrolled axes) of input `input`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which input of the graph.
    pub input: InputId,
    /// Which element, row-major over the axes that are unrolled.
    pub element: usize,
    /// By lane or one number a call.
    pub mode: Mode,
    /// For members as lanes: length of the array (1 for a scalar); for worlds 0.
    pub members: usize,
}

/// A graph with every axis unrolled: worlds (or grid points) as lanes.
///
/// `dag` may be extended, by derivatives say, before [`Worlds::compile`] or [`Worlds::compile_ids`].
#[derive(Clone, Debug)]
pub struct Worlds {
    /// The scalar graph.
    pub dag: Dag,
    /// Its inputs, in order; [`Mode`]s for [`Program::compile`].
    pub slots: Vec<Slot>,
    /// For each requested node its elements, row-major.
    pub outputs: Vec<Vec<Id>>,
    /// For each root problem of the graph the worst status of its elements (see [`super::root`]); `None` if no output
    /// needs it.
    pub statuses: Vec<Option<Id>>,
}

impl Worlds {
    /// Unrolls `outputs` of `graph`. `bindings` has one entry an input; those of unknowns are ignored.
    pub fn lower(graph: &Graph, bindings: &[InputBinding], outputs: &[NodeId]) -> Result<Worlds, LowerError> {
        let mut lowering = Lowering::new(graph, bindings, vec![false; graph.axes.len()], false)?;
        let (outputs, statuses) = lowering.outputs(outputs)?;
        let slots = lowering
            .leaves
            .iter()
            .filter_map(|leaf| match leaf.kind {
                LeafKind::External(slot) => Some(slot),
                _ => None,
            })
            .collect();
        Ok(Worlds {
            dag: lowering.dag,
            slots,
            outputs,
            statuses,
        })
    }

    /// The expression of an input's element, if it is not a constant and is used.
    pub fn input(&mut self, input: InputId, element: usize) -> Option<Id> {
        let at = self
            .slots
            .iter()
            .position(|s| s.input == input && s.element == element)?;
        Some(self.dag.input(at as u32))
    }

    /// How the program's inputs vary.
    pub fn modes(&self) -> Vec<Mode> {
        self.slots.iter().map(|s| s.mode).collect()
    }

    /// Compiles all outputs, one after the other; then, if asked for, the statuses of the roots that are used.
    pub fn compile<T: Real>(&self, with_statuses: bool) -> Result<Program<T>, CompileError> {
        let mut ids: Vec<Id> = self.outputs.iter().flatten().copied().collect();
        if with_statuses {
            ids.extend(self.statuses.iter().flatten());
        }
        self.compile_ids(&ids)
    }

    /// Compiles any expressions of the graph.
    pub fn compile_ids<T: Real>(&self, ids: &[Id]) -> Result<Program<T>, CompileError> {
        Program::compile(&self.dag, &self.modes(), ids)
    }
}

/// An input of the scalar graph.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub kind: LeafKind,
    /// Number of members, 0 for a scalar.
    pub lanes: usize,
}

#[derive(Clone, Debug)]
#[allow(dead_code)] // fields that only `Debug` prints
pub(super) enum LeafKind {
    /// From the caller.
    External(Slot),
    /// A fixed array of members.
    Fixed(Rc<Vec<f64>>),
    /// Result `which` of a barrier.
    Barrier { barrier: usize, which: usize },
    /// An unknown of an outer root problem.
    Unknown { scope: usize, which: usize },
    /// In a loop over members: the element of `of` at the loop's position.
    LoopElement { scope: usize, of: Id, lanes: usize },
    /// In a loop over the others: for every member `i` the value of its other number `j`.
    LoopOthers { scope: usize, of: Id },
}

/// Reductions a barrier can do; the others are made of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fold {
    Sum,
    Prod,
    Min,
    Max,
    /// Of those whose mask is not zero.
    Argmax,
    /// Of those whose mask is not zero.
    Quantile(f64),
}

/// Something that needs whole arrays.
#[derive(Clone, Debug)]
#[allow(dead_code)] // fields that only `Debug` prints
pub(super) enum Barrier {
    /// One number from `lanes` members.
    Fold {
        how: Fold,
        of: Id,
        mask: Option<Id>,
        lanes: usize,
    },
    /// Elements of `of` (an array of `lanes`) at positions `at`, for `out` members (0: a scalar).
    Gather { of: Id, lanes: usize, at: Id, out: usize },
    /// Members `first..` of `of`, as an array of `out`.
    Slice {
        of: Id,
        lanes: usize,
        first: usize,
        out: usize,
    },
    /// Members `first..first + count` of `of`, each a scalar.
    Elements {
        of: Id,
        lanes: usize,
        first: usize,
        count: usize,
    },
    /// One array from several: a part is an array of so many members, or that many scalars.
    Concat { parts: Vec<Part>, out: usize },
    /// An outer root problem.
    Solve { scope: usize },
    /// A fold over the `count` positions of a loop, for each of `lanes` members.
    Pairs {
        scope: usize,
        how: Fold,
        body: Id,
        mask: Option<Id>,
        count: usize,
        lanes: usize,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Lanes(Id, usize),
    Scalars(Vec<Id>),
}

/// A part of the evaluation that is repeated: the residuals of an outer root problem, or the body of a loop.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// Scope around it; 0 is the evaluation itself.
    pub parent: usize,
    /// Unknowns (inputs of the scalar graph).
    pub unknowns: Vec<Id>,
    pub residuals: Vec<Id>,
    pub brackets: Vec<(Id, Id)>,
}

/// Which roots are being solved, and which axis is iterated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Context {
    /// Roots whose unknowns are open, in the order of opening.
    open: Vec<usize>,
    /// Axis of a loop over members and the scope of its body.
    pinned: Option<(AxisId, usize)>,
}

type Values = Rc<Vec<Id>>;

pub(super) struct Lowering<'a> {
    graph: &'a Graph,
    bindings: &'a [InputBinding],
    /// Axes whose members are lanes.
    lane: Vec<bool>,
    /// One world, arrays over members; otherwise lanes are worlds.
    members_mode: bool,
    pub dag: Dag,
    pub leaves: Vec<Leaf>,
    pub barriers: Vec<Barrier>,
    pub scopes: Vec<Scope>,
    /// Roots each node depends on.
    depends: Vec<BTreeSet<usize>>,
    memo: HashMap<(usize, Context), Values>,
    /// Solutions by root and context: elements of every unknown, statuses.
    solutions: HashMap<(usize, Context), (Vec<Values>, Vec<Id>)>,
    /// Scope of an open outer root.
    scope_of: HashMap<(usize, Context), usize>,
    unknown_values: HashMap<(usize, Context), Vec<Values>>,
    input_values: HashMap<usize, Values>,
    fixed: HashMap<Vec<u64>, Id>,
    in_progress: Vec<usize>,
}

impl<'a> Lowering<'a> {
    pub fn new(
        graph: &'a Graph,
        bindings: &'a [InputBinding],
        lane: Vec<bool>,
        members_mode: bool,
    ) -> Result<Self, LowerError> {
        shape::validate(graph)?;
        if bindings.len() < graph.inputs.len() {
            return Err(LowerError::Count {
                what: "bindings of inputs",
                found: bindings.len(),
                expected: graph.inputs.len(),
            });
        }
        let depends = shape::root_dependencies(graph);
        Ok(Lowering {
            graph,
            bindings,
            lane,
            members_mode,
            dag: Dag::new(),
            leaves: Vec::new(),
            barriers: Vec::new(),
            scopes: vec![Scope::default()],
            depends,
            memo: HashMap::new(),
            solutions: HashMap::new(),
            scope_of: HashMap::new(),
            unknown_values: HashMap::new(),
            input_values: HashMap::new(),
            fixed: HashMap::new(),
            in_progress: Vec::new(),
        })
    }

    /// Elements of each output, and the status of each root the outputs need.
    #[allow(clippy::type_complexity)]
    pub fn outputs(&mut self, outputs: &[NodeId]) -> Result<(Vec<Vec<Id>>, Vec<Option<Id>>), LowerError> {
        for o in outputs {
            if o.0 as usize >= self.graph.nodes.len() {
                return Err(LowerError::Count {
                    what: "nodes of the graph, for an output",
                    found: self.graph.nodes.len(),
                    expected: o.0 as usize + 1,
                });
            }
        }
        let top = Context::default();
        self.ensure(outputs, &top)?;
        let mut values = Vec::new();
        for o in outputs {
            values.push(self.value(*o, &top)?.to_vec());
        }
        let mut statuses = vec![None; self.graph.roots.len()];
        for (root, status) in statuses.iter_mut().enumerate() {
            if let Some((_, parts)) = self.solutions.get(&(root, top.clone())).cloned() {
                let lanes = self.graph.roots[root]
                    .unknowns
                    .iter()
                    .map(|u| self.lanes_of(&self.graph.inputs[u.0 as usize].shape))
                    .max()
                    .unwrap_or(0);
                let worst = parts.into_iter().reduce(|a, b| self.dag.binary(Binary::Max, a, b));
                *status = match worst {
                    Some(id) if lanes > 0 => Some(self.fold(Fold::Max, id, None, lanes)),
                    other => other,
                };
            }
        }
        Ok((values, statuses))
    }

    fn size(&self, axis: AxisId) -> usize {
        self.graph.axes[axis.0 as usize].size
    }
    fn is_lane(&self, axis: AxisId) -> bool {
        self.lane[axis.0 as usize]
    }
    /// Axes that are unrolled.
    fn small(&self, shape: &[AxisId]) -> Vec<AxisId> {
        shape.iter().copied().filter(|a| !self.is_lane(*a)).collect()
    }
    /// Size of the lane axis of a shape that is not pinned, 0 if there is none.
    pub fn lanes_of(&self, shape: &[AxisId]) -> usize {
        shape.iter().find(|a| self.is_lane(**a)).map_or(0, |a| self.size(*a))
    }
    /// The lane axes of a shape that are not iterated by a loop.
    fn lane_axes(&self, shape: &[AxisId], context: &Context) -> Vec<AxisId> {
        let pinned = context.pinned.map(|p| p.0);
        shape
            .iter()
            .copied()
            .filter(|a| self.is_lane(*a) && Some(*a) != pinned)
            .collect()
    }
    fn offset(&self, axes: &[AxisId], at: &[usize]) -> usize {
        axes.iter().fold(0, |sum, a| sum * self.size(*a) + at[a.0 as usize])
    }
    fn elements(&self, axes: &[AxisId]) -> usize {
        axes.iter().map(|a| self.size(*a)).product()
    }

    fn leaf(&mut self, kind: LeafKind, lanes: usize) -> Id {
        let id = self.dag.input(self.leaves.len() as u32);
        self.leaves.push(Leaf { kind, lanes });
        id
    }
    fn fixed(&mut self, values: Vec<f64>) -> Id {
        let key: Vec<u64> = values.iter().map(|v| v.to_bits()).collect();
        if let Some(id) = self.fixed.get(&key) {
            return *id;
        }
        let lanes = values.len();
        let id = if values.iter().all(|v| v.to_bits() == values[0].to_bits()) {
            self.dag.constant(values[0])
        } else {
            self.leaf(LeafKind::Fixed(Rc::new(values)), lanes)
        };
        self.fixed.insert(key, id);
        id
    }
    fn barrier(&mut self, barrier: Barrier, results: usize, lanes: usize) -> Vec<Id> {
        let number = self.barriers.len();
        self.barriers.push(barrier);
        (0..results)
            .map(|which| self.leaf(LeafKind::Barrier { barrier: number, which }, lanes))
            .collect()
    }
    fn fold(&mut self, how: Fold, of: Id, mask: Option<Id>, lanes: usize) -> Id {
        self.barrier(Barrier::Fold { how, of, mask, lanes }, 1, 0)[0]
    }

    /// The part of the context a node can depend on.
    fn restrict(&self, node: usize, context: &Context) -> Context {
        let n = &self.graph.nodes[node];
        Context {
            open: context
                .open
                .iter()
                .copied()
                .filter(|r| self.depends[node].contains(r))
                .collect(),
            pinned: context.pinned.filter(|p| n.shape.contains(&p.0)),
        }
    }

    /// Whether a node only exists inside a loop over pairs of members.
    fn needs_loop(&self, node: usize, context: &Context) -> bool {
        self.lane_axes(&self.graph.nodes[node].shape, context).len() > 1
    }

    /// Lowers every node that `targets` need and that is not lowered yet.
    fn ensure(&mut self, targets: &[NodeId], context: &Context) -> Result<(), LowerError> {
        let mut needed = BTreeSet::new();
        let mut stack: Vec<NodeId> = targets.to_vec();
        while let Some(id) = stack.pop() {
            let n = id.0 as usize;
            if needed.contains(&n) || self.memo.contains_key(&(n, self.restrict(n, context))) {
                continue;
            }
            needed.insert(n);
            for o in shape::operands(&self.graph.nodes[n].op) {
                stack.push(o);
            }
        }
        for n in needed {
            if self.needs_loop(n, context) {
                continue; // lowered by the reduction that uses it
            }
            let key = self.restrict(n, context);
            if self.memo.contains_key(&(n, key.clone())) {
                continue;
            }
            let values = self.node(n, &key)?;
            self.memo.insert((n, key), Rc::new(values));
        }
        Ok(())
    }

    fn value(&self, node: NodeId, context: &Context) -> Result<Values, LowerError> {
        let n = node.0 as usize;
        match self.memo.get(&(n, self.restrict(n, context))) {
            Some(v) => Ok(v.clone()),
            None => Err(LowerError::Pairs {
                node: n,
                what: "an array over all pairs",
                members: self.lanes_of(&self.graph.nodes[n].shape),
            }),
        }
    }

    /// The operand of a node in a loop: what moves along the pinned axis alone is read at the loop's position.
    fn operand(&mut self, node: NodeId, context: &Context) -> Result<(Vec<AxisId>, Values), LowerError> {
        let shape = &self.graph.nodes[node.0 as usize].shape;
        let axes = self.small(shape);
        let Some((pinned, scope)) = context.pinned.filter(|p| shape.contains(&p.0)) else {
            return Ok((axes, self.value(node, context)?));
        };
        let outside = Context {
            open: context.open.clone(),
            pinned: None,
        };
        if self.lane_axes(shape, context).is_empty() {
            let lanes = self.size(pinned);
            let values = self.value(node, &outside)?;
            let ids = values
                .iter()
                .map(|of| {
                    if self.dag.as_const(*of).is_some() {
                        *of
                    } else {
                        self.leaf(LeafKind::LoopElement { scope, of: *of, lanes }, 0)
                    }
                })
                .collect();
            return Ok((axes, Rc::new(ids)));
        }
        Ok((axes, self.value(node, context)?))
    }

    fn node(&mut self, n: usize, context: &Context) -> Result<Vec<Id>, LowerError> {
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

    fn element(
        &mut self,
        n: usize,
        op: &Op,
        operands: &[(Vec<AxisId>, Values)],
        at: &mut [usize],
        context: &Context,
    ) -> Result<Id, LowerError> {
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
        if let super::dag::Expr::Input(i) = self.dag.expr(of)
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
        let ids: Vec<Id> = match &bindings[i] {
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

    /// The context that opened a root: the prefix of the present one up to it.
    fn opened(&self, root: usize, context: &Context) -> Context {
        let n = context.open.iter().position(|r| *r == root).map_or(0, |p| p + 1);
        Context {
            open: context.open[..n].to_vec(),
            pinned: None,
        }
    }

    /// The solution of a root problem: elements of each unknown, and the status of each part.
    fn solution(&mut self, root: usize, context: &Context) -> Result<(Vec<Values>, Vec<Id>), LowerError> {
        let graph = self.graph;
        let problem = &graph.roots[root];
        let mut related = BTreeSet::new();
        for node in problem
            .residuals
            .iter()
            .chain(problem.brackets.iter().flat_map(|(lo, hi)| [lo, hi]))
        {
            related.extend(self.depends[node.0 as usize].iter().copied());
        }
        let around = Context {
            open: context.open.iter().copied().filter(|r| related.contains(r)).collect(),
            pinned: None,
        };
        if let Some(done) = self.solutions.get(&(root, around.clone())) {
            return Ok(done.clone());
        }
        if self.in_progress.contains(&root) {
            return Err(LowerError::Graph(GraphError::RootOrder { root }));
        }
        self.in_progress.push(root);
        let mut inside = around.clone();
        inside.open.push(root);
        let outer = self.is_outer(root)?;
        // Brackets are known outside.
        let ends: Vec<NodeId> = problem.brackets.iter().flat_map(|(lo, hi)| [*lo, *hi]).collect();
        self.ensure(&ends, &around)?;
        let mut unknowns = Vec::new();
        let mut brackets = Vec::new();
        let scope = self.scopes.len();
        if outer {
            let parent = around
                .open
                .iter()
                .rev()
                .find_map(|r| self.scope_of.get(&(*r, self.opened(*r, &around))).copied())
                .unwrap_or(0);
            self.scopes.push(Scope {
                parent,
                ..Scope::default()
            });
            self.scope_of.insert((root, inside.clone()), scope);
        }
        let mut numbers = Vec::new();
        let mut which_unknown = 0;
        for (u, (lo, hi)) in problem.unknowns.iter().zip(&problem.brackets) {
            let axes = self.small(&graph.inputs[u.0 as usize].shape);
            let mut ids = Vec::new();
            let (low, high) = (self.spread(*lo, &axes, &around)?, self.spread(*hi, &axes, &around)?);
            for e in 0..self.elements(&axes) {
                if outer {
                    ids.push(self.leaf(
                        LeafKind::Unknown {
                            scope,
                            which: which_unknown,
                        },
                        0,
                    ));
                    which_unknown += 1;
                } else {
                    let (number, id) = self.dag.fresh_unknown();
                    numbers.push(number);
                    ids.push(id);
                }
                brackets.push((low[e], high[e]));
            }
            unknowns.push(Rc::new(ids));
        }
        self.unknown_values.insert((root, inside.clone()), unknowns.clone());
        self.ensure(&problem.residuals, &inside)?;
        let mut residuals = Vec::new();
        for (u, f) in problem.unknowns.iter().zip(&problem.residuals) {
            let axes = self.small(&graph.inputs[u.0 as usize].shape);
            residuals.extend(self.spread(*f, &axes, &inside)?);
        }
        let (solved, statuses) = if outer {
            let count = residuals.len();
            self.scopes[scope].unknowns = unknowns.iter().flat_map(|v| v.iter().copied()).collect();
            self.scopes[scope].residuals = residuals;
            self.scopes[scope].brackets = brackets;
            let mut ids = self.barrier(Barrier::Solve { scope }, count + 1, 0);
            let status = ids.pop().into_iter().collect();
            (ids, status)
        } else {
            let pairs = self.dag.solve(RootProblem {
                unknowns: numbers,
                residuals,
                brackets,
            });
            let mut statuses: Vec<Id> = pairs.iter().map(|p| p.1).collect();
            statuses.dedup();
            (pairs.into_iter().map(|p| p.0).collect(), statuses)
        };
        let mut rest = solved.into_iter();
        let values: Vec<Values> = unknowns
            .iter()
            .map(|u| Rc::new(rest.by_ref().take(u.len()).collect::<Vec<Id>>()))
            .collect();
        self.in_progress.retain(|r| *r != root);
        self.solutions
            .insert((root, around), (values.clone(), statuses.clone()));
        Ok((values, statuses))
    }

    /// Elements of a node over the unrolled axes of an unknown that contains its shape.
    fn spread(&self, node: NodeId, axes: &[AxisId], context: &Context) -> Result<Vec<Id>, LowerError> {
        let own = self.small(&self.graph.nodes[node.0 as usize].shape);
        let values = self.value(node, context)?;
        let mut at = vec![0; self.graph.axes.len()];
        Ok((0..self.elements(axes))
            .map(|e| {
                let mut rest = e;
                for a in axes.iter().rev() {
                    at[a.0 as usize] = rest % self.size(*a);
                    rest /= self.size(*a);
                }
                values[self.offset(&own, &at)]
            })
            .collect())
    }

    /// Whether the residuals of a root reach its unknowns through a lane axis, so that one evaluation takes several
    /// programs. Unknowns of their own in every member that meet in a reduction have no such form.
    fn is_outer(&self, root: usize) -> Result<bool, LowerError> {
        let graph = self.graph;
        let problem = &graph.roots[root];
        let by_member = problem
            .unknowns
            .iter()
            .any(|u| self.lanes_of(&graph.inputs[u.0 as usize].shape) > 0);
        let mut stack = problem.residuals.clone();
        let mut seen = BTreeSet::new();
        let mut lanes = false;
        while let Some(id) = stack.pop() {
            let n = id.0 as usize;
            if !seen.insert(n) || !self.depends[n].contains(&root) {
                continue;
            }
            let node = &graph.nodes[n];
            let crosses = match &node.op {
                Op::Reduce { axis, .. } | Op::Take { axis, .. } | Op::Others { axis, .. } => self.is_lane(*axis),
                Op::Slice { from, .. } => self.is_lane(*from),
                Op::Stack { to, .. } => self.is_lane(*to),
                Op::Const(_)
                | Op::Table(_)
                | Op::Input(_)
                | Op::Position(_)
                | Op::Unary(..)
                | Op::Binary(..)
                | Op::Select(..)
                | Op::Relabel { .. }
                | Op::Root { .. } => false,
            };
            if crosses && by_member {
                return Err(LowerError::Pairs {
                    node: n,
                    what: "a clearing condition that ties the unknowns of all members together",
                    members: self.lanes_of(&graph.inputs[problem.unknowns[0].0 as usize].shape),
                });
            }
            lanes |= crosses;
            stack.extend(shape::operands(&node.op));
            if let Op::Root { root: other, .. } = node.op {
                stack.extend(&graph.roots[other].residuals);
            }
        }
        Ok(lanes)
    }

    // Reductions over members.

    fn reduce_lanes(
        &mut self,
        n: usize,
        how: Reduce,
        of: NodeId,
        axis: AxisId,
        when: Option<NodeId>,
        context: &Context,
    ) -> Result<Vec<Id>, LowerError> {
        let shape = &self.graph.nodes[n].shape;
        let mut operands = self.graph.nodes[of.0 as usize].shape.clone();
        if let Some(w) = when {
            operands = shape::union(&operands, &self.graph.nodes[w.0 as usize].shape);
        }
        let others = self
            .lane_axes(&operands, context)
            .into_iter()
            .filter(|a| *a != axis)
            .count();
        if others > 0 {
            return self.reduce_pairs(n, how, of, axis, when, context);
        }
        let axes = self.small(shape);
        let lanes = self.size(axis);
        let values = self.spread(of, &axes, context)?;
        let masks = match when {
            Some(w) => Some(self.spread(w, &axes, context)?),
            None => None,
        };
        (0..values.len())
            .map(|e| {
                let mask = masks.as_ref().map(|m| m[e]);
                self.compose(
                    n,
                    how,
                    values[e],
                    mask,
                    &mut |l, fold, id, mask| Ok(l.fold(fold, id, mask, lanes)),
                    lanes,
                )
            })
            .collect()
    }

    /// A reduction as folds: `fold` does one of them.
    fn compose(
        &mut self,
        n: usize,
        how: Reduce,
        x: Id,
        mask: Option<Id>,
        fold: &mut dyn FnMut(&mut Self, Fold, Id, Option<Id>) -> Result<Id, LowerError>,
        members: usize,
    ) -> Result<Id, LowerError> {
        let masked = |l: &mut Self, x: Id, neutral: f64| match mask {
            None => x,
            Some(m) => {
                let neutral = l.dag.constant(neutral);
                l.dag.select(m, x, neutral)
            }
        };
        let zero = self.dag.constant(0.0);
        let counted = |l: &mut Self, x: Id| {
            let t = l.dag.binary(Binary::Ne, x, zero);
            match mask {
                None => t,
                Some(m) => l.dag.binary(Binary::And, m, t),
            }
        };
        let number = |l: &mut Self, fold: &mut dyn FnMut(&mut Self, Fold, Id, Option<Id>) -> Result<Id, LowerError>| {
            match mask {
                None => Ok(l.dag.constant(members as f64)),
                Some(m) => {
                    let t = l.dag.binary(Binary::Ne, m, zero);
                    fold(l, Fold::Sum, t, None)
                }
            }
        };
        let _ = n;
        Ok(match how {
            Reduce::Sum => {
                let v = masked(self, x, 0.0);
                fold(self, Fold::Sum, v, None)?
            }
            Reduce::Mean => {
                let v = masked(self, x, 0.0);
                let sum = fold(self, Fold::Sum, v, None)?;
                let count = number(self, fold)?;
                self.dag.div(sum, count)
            }
            Reduce::Prod => {
                let v = masked(self, x, 1.0);
                fold(self, Fold::Prod, v, None)?
            }
            Reduce::Min => {
                let v = masked(self, x, f64::INFINITY);
                fold(self, Fold::Min, v, None)?
            }
            Reduce::Max => {
                let v = masked(self, x, f64::NEG_INFINITY);
                fold(self, Fold::Max, v, None)?
            }
            Reduce::Std => {
                let v = masked(self, x, 0.0);
                let sum = fold(self, Fold::Sum, v, None)?;
                let count = number(self, fold)?;
                let mean = self.dag.div(sum, count);
                let d = self.dag.sub(x, mean);
                let square = self.dag.mul(d, d);
                let v = masked(self, square, 0.0);
                let sum = fold(self, Fold::Sum, v, None)?;
                let variance = self.dag.div(sum, count);
                self.dag.unary(Unary::Sqrt, variance)
            }
            Reduce::Count => {
                let t = counted(self, x);
                fold(self, Fold::Sum, t, None)?
            }
            Reduce::Any => {
                let t = counted(self, x);
                fold(self, Fold::Max, t, None)?
            }
            Reduce::All => {
                let t = self.dag.binary(Binary::Ne, x, zero);
                let v = masked(self, t, 1.0);
                fold(self, Fold::Min, v, None)?
            }
            Reduce::Argmax => fold(self, Fold::Argmax, x, mask)?,
            Reduce::Quantile(level) => fold(self, Fold::Quantile(level), x, mask)?,
        })
    }

    /// A reduction over one lane axis of something that also moves along another: everybody against everybody. Where the
    /// operand is a function of the others alone it is the total without the own; otherwise a loop over positions.
    fn reduce_pairs(
        &mut self,
        n: usize,
        how: Reduce,
        of: NodeId,
        axis: AxisId,
        when: Option<NodeId>,
        context: &Context,
    ) -> Result<Vec<Id>, LowerError> {
        let graph = self.graph;
        if context.pinned.is_some() {
            return Err(LowerError::Pairs {
                node: n,
                what: "a loop inside a loop",
                members: self.size(axis),
            });
        }
        let axes = self.small(&graph.nodes[n].shape);
        let me = self
            .lane_axes(&graph.nodes[n].shape, context)
            .first()
            .copied()
            .ok_or(LowerError::Pairs {
                node: n,
                what: "a reduction over two axes at once",
                members: self.size(axis),
            })?;
        let lanes = self.size(me);
        let count = self.size(axis);
        if let (Some(values), Some(masks)) = (
            self.of_others(of, axis, me, context)?,
            match when {
                None => Some(None),
                Some(w) => self.of_others(w, axis, me, context)?.map(Some),
            },
        ) {
            let own_axes = self.small(&graph.nodes[of.0 as usize].shape);
            let mask_axes = when
                .map(|w| self.small(&graph.nodes[w.0 as usize].shape))
                .unwrap_or_default();
            let mut at = vec![0; graph.axes.len()];
            let mut out = Vec::new();
            let mut simple = true;
            for e in 0..self.elements(&axes) {
                let mut rest = e;
                for a in axes.iter().rev() {
                    at[a.0 as usize] = rest % self.size(*a);
                    rest /= self.size(*a);
                }
                let x = values[self.offset(&own_axes, &at)];
                let mask = masks.as_ref().map(|m| m[self.offset(&mask_axes, &at)]);
                match self.without_own(how, x, mask, lanes) {
                    Some(id) => out.push(id),
                    None => simple = false,
                }
            }
            if simple {
                return Ok(out);
            }
        }
        if let Reduce::Quantile(_) = how {
            return Err(LowerError::Pairs {
                node: n,
                what: "a quantile for each member",
                members: lanes,
            });
        }
        // The operands of the body are lowered outside, the body once with the axis pinned.
        let scope = self.scopes.len();
        let parent = context
            .open
            .iter()
            .rev()
            .find_map(|r| self.scope_of.get(&(*r, self.opened(*r, context))).copied())
            .unwrap_or(0);
        self.scopes.push(Scope {
            parent,
            ..Scope::default()
        });
        let inside = Context {
            open: context.open.clone(),
            pinned: Some((axis, scope)),
        };
        let mut targets = vec![of];
        targets.extend(when);
        self.ensure(&targets, context)?;
        self.ensure(&targets, &inside)?;
        let take = |l: &mut Self, node: NodeId| -> Result<Vec<Id>, LowerError> {
            let (own, values) = l.operand(node, &inside)?;
            let mut at = vec![0; graph.axes.len()];
            Ok((0..l.elements(&axes))
                .map(|e| {
                    let mut rest = e;
                    for a in axes.iter().rev() {
                        at[a.0 as usize] = rest % l.size(*a);
                        rest /= l.size(*a);
                    }
                    values[l.offset(&own, &at)]
                })
                .collect())
        };
        let values = take(self, of)?;
        let masks = match when {
            Some(w) => Some(take(self, w)?),
            None => None,
        };
        (0..values.len())
            .map(|e| {
                let mask = masks.as_ref().map(|m| m[e]);
                let mut fold = |l: &mut Self, how: Fold, body: Id, mask: Option<Id>| {
                    Ok(l.barrier(
                        Barrier::Pairs {
                            scope,
                            how,
                            body,
                            mask,
                            count,
                            lanes,
                        },
                        1,
                        lanes,
                    )[0])
                };
                self.compose(n, how, values[e], mask, &mut fold, count)
            })
            .collect()
    }

    /// If a node that moves along `into` (the others of `me`) is a function of the other's values alone: that function,
    /// as an array over the members. Elements as in the node's small shape.
    fn of_others(
        &mut self,
        node: NodeId,
        into: AxisId,
        me: AxisId,
        context: &Context,
    ) -> Result<Option<Vec<Id>>, LowerError> {
        let graph = self.graph;
        if graph.axes[into.0 as usize].kind != AxisKind::Others(me) {
            return Ok(None);
        }
        // Nodes that move along `into`, in order; all others are operands from outside.
        let mut inner = BTreeSet::new();
        let mut outside = BTreeSet::new();
        let mut stack = vec![node];
        while let Some(id) = stack.pop() {
            let n = id.0 as usize;
            let item = &graph.nodes[n];
            if !item.shape.contains(&into) {
                if self.lanes_of(&item.shape) > 0 {
                    return Ok(None); // my own value takes part
                }
                outside.insert(n);
                continue;
            }
            if !inner.insert(n) {
                continue;
            }
            match &item.op {
                Op::Others { of, axis, into: i } if *axis == me && *i == into => {
                    outside.insert(of.0 as usize);
                }
                Op::Unary(..) | Op::Binary(..) | Op::Select(..) => stack.extend(shape::operands(&item.op)),
                _ => return Ok(None),
            }
        }
        let targets: Vec<NodeId> = outside.iter().map(|n| NodeId(*n as u32)).collect();
        self.ensure(&targets, context)?;
        let mut local: HashMap<usize, (Vec<AxisId>, Values)> = HashMap::new();
        for n in inner {
            let item = &graph.nodes[n];
            let axes = self.small(&item.shape);
            if let Op::Others { of, .. } = &item.op {
                let own = self.small(&graph.nodes[of.0 as usize].shape);
                local.insert(n, (own, self.value(*of, context)?));
                continue;
            }
            let mut operands = Vec::new();
            for o in shape::operands(&item.op) {
                operands.push(match local.get(&(o.0 as usize)) {
                    Some(v) => v.clone(),
                    None => self.operand(o, context)?,
                });
            }
            let mut at = vec![0; graph.axes.len()];
            let mut out = Vec::new();
            for e in 0..self.elements(&axes) {
                let mut rest = e;
                for a in axes.iter().rev() {
                    at[a.0 as usize] = rest % self.size(*a);
                    rest /= self.size(*a);
                }
                out.push(self.element(n, &item.op, &operands, &mut at, context)?);
            }
            local.insert(n, (axes, Rc::new(out)));
        }
        let wanted = self.small(&graph.nodes[node.0 as usize].shape);
        Ok(local.remove(&(node.0 as usize)).map(|(axes, values)| {
            let mut at = vec![0; graph.axes.len()];
            (0..self.elements(&wanted))
                .map(|e| {
                    let mut rest = e;
                    for a in wanted.iter().rev() {
                        at[a.0 as usize] = rest % self.size(*a);
                        rest /= self.size(*a);
                    }
                    values[self.offset(&axes, &at)]
                })
                .collect()
        }))
    }

    /// The reduction of everybody else's `x`: the total without the own, or the best and the runner-up.
    fn without_own(&mut self, how: Reduce, x: Id, mask: Option<Id>, lanes: usize) -> Option<Id> {
        let zero = self.dag.constant(0.0);
        let one = self.dag.constant(1.0);
        let less = |l: &mut Self, v: Id| {
            let total = l.fold(Fold::Sum, v, None, lanes);
            l.dag.sub(total, v)
        };
        let masked = |l: &mut Self, v: Id, neutral: f64| match mask {
            None => v,
            Some(m) => {
                let neutral = l.dag.constant(neutral);
                l.dag.select(m, v, neutral)
            }
        };
        let number = |l: &mut Self| match mask {
            None => l.dag.constant(lanes as f64 - 1.0),
            Some(m) => {
                let t = l.dag.binary(Binary::Ne, m, zero);
                less(l, t)
            }
        };
        Some(match how {
            Reduce::Sum => {
                let v = masked(self, x, 0.0);
                less(self, v)
            }
            Reduce::Mean => {
                let v = masked(self, x, 0.0);
                let sum = less(self, v);
                let count = number(self);
                self.dag.div(sum, count)
            }
            Reduce::Count | Reduce::Any => {
                let t = self.dag.binary(Binary::Ne, x, zero);
                let v = masked(self, t, 0.0);
                let count = less(self, v);
                if how == Reduce::Any {
                    self.dag.binary(Binary::Lt, zero, count)
                } else {
                    count
                }
            }
            Reduce::All => {
                let t = self.dag.binary(Binary::Eq, x, zero);
                let v = masked(self, t, 0.0);
                let failures = less(self, v);
                self.dag.binary(Binary::Lt, failures, one)
            }
            Reduce::Min | Reduce::Max => {
                let (fold, worst, op) = if how == Reduce::Min {
                    (Fold::Min, f64::INFINITY, Binary::Lt)
                } else {
                    (Fold::Max, f64::NEG_INFINITY, Binary::Gt)
                };
                let v = masked(self, x, worst);
                let best = self.fold(fold, v, None, lanes);
                let mine = self.dag.binary(Binary::Eq, v, best);
                let ties = self.fold(Fold::Sum, mine, None, lanes);
                let behind = self.dag.binary(op, best, v);
                let worst = self.dag.constant(worst);
                let runner = self.dag.select(behind, v, worst);
                let second = self.fold(fold, runner, None, lanes);
                let single = self.dag.binary(Binary::Le, ties, one);
                let alone = self.dag.binary(Binary::And, mine, single);
                self.dag.select(alone, second, best)
            }
            Reduce::Prod | Reduce::Std | Reduce::Argmax | Reduce::Quantile(_) => return None,
        })
    }

    /// `Others` of a lane axis: only inside a loop over the others.
    fn others_in_loop(
        &mut self,
        n: usize,
        of: NodeId,
        axis: AxisId,
        into: AxisId,
        context: &Context,
    ) -> Result<Vec<Id>, LowerError> {
        let Some((_, scope)) = context.pinned.filter(|p| p.0 == into) else {
            return Err(LowerError::Pairs {
                node: n,
                what: "an array over all pairs",
                members: self.size(axis),
            });
        };
        let lanes = self.size(axis);
        let outside = Context {
            open: context.open.clone(),
            pinned: None,
        };
        let values = self.value(of, &outside)?;
        Ok(values
            .iter()
            .map(|of| {
                if self.dag.as_const(*of).is_some() {
                    *of
                } else {
                    self.leaf(LeafKind::LoopOthers { scope, of: *of }, lanes)
                }
            })
            .collect())
    }
}

/// Combines values in the fixed order: sixteen accumulators by index, then a tree.
fn ordered(dag: &mut Dag, values: &[Id], op: Binary, empty: f64) -> Id {
    let mut lanes: Vec<Id> = values.iter().take(16).copied().collect();
    for (i, v) in values.iter().enumerate().skip(16) {
        lanes[i % 16] = dag.binary(op, lanes[i % 16], *v);
    }
    for step in [8, 4, 2, 1] {
        for i in 0..step {
            if i + step < lanes.len() {
                lanes[i] = dag.binary(op, lanes[i], lanes[i + step]);
            }
        }
        lanes.truncate(step.min(lanes.len()));
    }
    lanes.first().copied().unwrap_or_else(|| dag.constant(empty))
}

/// A reduction over unrolled members.
fn reduce(dag: &mut Dag, how: Reduce, values: &[Id], chosen: Option<&[Id]>) -> Id {
    let zero = dag.constant(0.0);
    let one = dag.constant(1.0);
    let pick = |dag: &mut Dag, values: &[Id], neutral: f64| -> Vec<Id> {
        let neutral = dag.constant(neutral);
        match chosen {
            None => values.to_vec(),
            Some(c) => values.iter().zip(c).map(|(v, c)| dag.select(*c, *v, neutral)).collect(),
        }
    };
    let number = |dag: &mut Dag| match chosen {
        None => dag.constant(values.len() as f64),
        Some(c) => {
            let ones: Vec<Id> = c.iter().map(|c| dag.binary(Binary::Ne, *c, zero)).collect();
            ordered(dag, &ones, Binary::Add, 0.0)
        }
    };
    let truths = |dag: &mut Dag| -> Vec<Id> { values.iter().map(|v| dag.binary(Binary::Ne, *v, zero)).collect() };
    match how {
        Reduce::Sum => {
            let v = pick(dag, values, 0.0);
            ordered(dag, &v, Binary::Add, 0.0)
        }
        Reduce::Mean => {
            let v = pick(dag, values, 0.0);
            let sum = ordered(dag, &v, Binary::Add, 0.0);
            let n = number(dag);
            dag.div(sum, n)
        }
        Reduce::Prod => {
            let v = pick(dag, values, 1.0);
            ordered(dag, &v, Binary::Mul, 1.0)
        }
        Reduce::Min => {
            let v = pick(dag, values, f64::INFINITY);
            ordered(dag, &v, Binary::Min, f64::INFINITY)
        }
        Reduce::Max => {
            let v = pick(dag, values, f64::NEG_INFINITY);
            ordered(dag, &v, Binary::Max, f64::NEG_INFINITY)
        }
        Reduce::Std => {
            let v = pick(dag, values, 0.0);
            let sum = ordered(dag, &v, Binary::Add, 0.0);
            let n = number(dag);
            let mean = dag.div(sum, n);
            let squares: Vec<Id> = values
                .iter()
                .map(|v| {
                    let d = dag.sub(*v, mean);
                    dag.mul(d, d)
                })
                .collect();
            let squares = pick(dag, &squares, 0.0);
            let sum = ordered(dag, &squares, Binary::Add, 0.0);
            let variance = dag.div(sum, n);
            dag.unary(Unary::Sqrt, variance)
        }
        Reduce::Count => {
            let t = truths(dag);
            let t = pick(dag, &t, 0.0);
            ordered(dag, &t, Binary::Add, 0.0)
        }
        Reduce::Any => {
            let t = truths(dag);
            let t = pick(dag, &t, 0.0);
            ordered(dag, &t, Binary::Or, 0.0)
        }
        Reduce::All => {
            let t = truths(dag);
            let t = pick(dag, &t, 1.0);
            ordered(dag, &t, Binary::And, 1.0)
        }
        Reduce::Argmax => {
            let (mut best, mut at) = (zero, zero);
            for (i, v) in values.iter().enumerate() {
                let none = dag.binary(Binary::Eq, at, zero);
                let above = dag.binary(Binary::Gt, *v, best);
                let better = dag.binary(Binary::Or, none, above);
                let better = match chosen {
                    None => better,
                    Some(c) => dag.binary(Binary::And, c[i], better),
                };
                let position = dag.constant(i as f64 + 1.0);
                best = dag.select(better, *v, best);
                at = dag.select(better, position, at);
            }
            at
        }
        Reduce::Quantile(level) => {
            let nan = dag.constant(f64::NAN);
            if values.is_empty() {
                return nan;
            }
            let missing: Vec<Id> = values.iter().map(|v| dag.binary(Binary::Ne, *v, *v)).collect();
            let missing = pick(dag, &missing, 0.0);
            let missing = ordered(dag, &missing, Binary::Or, 0.0);
            let mut sorted = pick(dag, values, f64::INFINITY);
            sort(dag, &mut sorted);
            let n = number(dag);
            let last = dag.sub(n, one);
            let level = dag.constant(level);
            let h = dag.mul(last, level);
            let below = dag.unary(Unary::Floor, h);
            let a = self::pick(dag, &sorted, below);
            let next = dag.add(below, one);
            let next = dag.binary(Binary::Min, next, last);
            let b = self::pick(dag, &sorted, next);
            let w = dag.sub(h, below);
            let difference = dag.sub(b, a);
            let step = dag.mul(w, difference);
            let between = dag.add(a, step);
            let exact = dag.binary(Binary::Eq, w, zero);
            let q = dag.select(exact, a, between);
            let nobody = dag.binary(Binary::Lt, n, one);
            let bad = dag.binary(Binary::Or, missing, nobody);
            dag.select(bad, nan, q)
        }
    }
}

/// Ascending order by Batcher's odd-even merge network (1968).
fn sort(dag: &mut Dag, v: &mut [Id]) {
    let n = v.len();
    let mut p = 1;
    while p < n {
        let mut k = p;
        while k >= 1 {
            let mut j = k % p;
            while j + k < n {
                for i in 0..k.min(n - j - k) {
                    let (a, b) = (i + j, i + j + k);
                    if a / (2 * p) == b / (2 * p) {
                        let (x, y) = (v[a], v[b]);
                        v[a] = dag.binary(Binary::Min, x, y);
                        v[b] = dag.binary(Binary::Max, x, y);
                    }
                }
                j += 2 * k;
            }
            k /= 2;
        }
        p *= 2;
    }
}

/// Candidate number `floor(at)`, clamped: a table if all are numbers, else a tree of selections.
fn pick(dag: &mut Dag, candidates: &[Id], at: Id) -> Id {
    if candidates.is_empty() {
        return dag.constant(f64::NAN);
    }
    if let Some(v) = dag.as_const(at) {
        return candidates[crate::graph::eval::position_on(v, candidates.len())];
    }
    let numbers: Option<Vec<f64>> = candidates.iter().map(|c| dag.as_const(*c)).collect();
    if let Some(table) = numbers {
        return dag.lookup(&table, at);
    }
    halves(dag, candidates, 0, at)
}

fn halves(dag: &mut Dag, candidates: &[Id], first: usize, at: Id) -> Id {
    if candidates.len() == 1 {
        return candidates[0];
    }
    let middle = candidates.len() / 2;
    let bound = dag.constant((first + middle) as f64);
    let low = halves(dag, &candidates[..middle], first, at);
    let high = halves(dag, &candidates[middle..], first + middle, at);
    let upper = dag.binary(Binary::Le, bound, at);
    dag.select(upper, high, low)
}
