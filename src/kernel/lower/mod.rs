//! The shaped environment graph unrolled into scalar expressions.
//!
//! Two ways. *Worlds as lanes* ([`WorldLanes`]): every axis is unrolled, a lane is a whole world (or a grid point); for small
//! populations and for the solvers. *Members as lanes* ([`super::members`]): the axes of large populations become the
//! lane dimension within one world; reductions over them, gathers and concatenations are *barriers* between lane
//! programs. Both come out of one `Lowering`, which differ only in which axes are lanes: without any there are no barriers.
//! [`super::unroll::Unroll`] is the same without any lanes, node by node, with inputs and nodes the caller may give
//! expressions of his own.
//!
//! `nodes.rs` lowers single nodes, `markets.rs` root problems, `population.rs` what goes over members that are lanes,
//! `unrolled.rs` what goes over axes that are not.
//!
//! Order of sums: as in `graph/eval.rs`. A root problem is lowered with its unknowns open (as unknowns of the scalar graph,
//! or, where its residuals go through a barrier, as slots of an outer root-finder); everywhere else its unknowns stand for
//! the solution, so an expression that was written for the inside of a market may be used outside as well.

mod markets;
mod nodes;
mod population;
mod unrolled;

use super::dag::{Dag, Id};
use super::math::Real;
use super::program::{CompileError, Mode, Program};
use crate::graph::shape::{self, GraphError};
use crate::graph::{AxisId, Binary, Graph, InputId, NodeId};
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
    /// An input that is read but not bound.
    #[error("`{0}` is read, but nothing stands for it here")]
    Unbound(String),
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
/// Most expressions of all nodes together.
const LIMIT_OF_ALL: usize = 20_000_000;

/// What feeds an input of the graph.
#[derive(Clone, Debug, PartialEq)]
pub enum InputBinding {
    /// Every element varies by lane.
    Lanes,
    /// Every element is one number per call.
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
    /// One number per call.
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
    /// By lane or one number per call.
    pub mode: Mode,
    /// For members as lanes: length of the array (1 for a scalar); for worlds 0.
    pub members: usize,
}

/// A graph with every axis unrolled: worlds (or grid points) as lanes.
///
/// `dag` may be extended, by derivatives say, before [`WorldLanes::compile`] or [`WorldLanes::compile_ids`].
#[derive(Clone, Debug)]
pub struct WorldLanes {
    /// The scalar graph.
    pub dag: Dag,
    /// Its inputs, one slot per input of the program, in order; [`Mode`]s for [`Program::compile`].
    pub slots: Vec<Slot>,
    /// For each requested node its elements, row-major.
    pub outputs: Vec<Vec<Id>>,
    /// For each root problem of the graph, one entry per problem, the worst status of its elements (see
    /// [`super::root`]); `None` if no output needs it.
    pub statuses: Vec<Option<Id>>,
}

impl WorldLanes {
    /// Unrolls the nodes `outputs` of `graph`. `bindings` has one entry per input, in order; those of unknowns are
    /// ignored.
    ///
    /// # Errors
    /// [`LowerError`]: a graph that is not well formed, bindings that are missing or of another length than their
    /// input, too many expressions.
    pub fn lower(graph: &Graph, bindings: &[InputBinding], outputs: &[NodeId]) -> Result<WorldLanes, LowerError> {
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
        Ok(WorldLanes {
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

    /// How the program's inputs vary, one mode per slot, in the order of [`WorldLanes::slots`].
    pub fn modes(&self) -> Vec<Mode> {
        self.slots.iter().map(|s| s.mode).collect()
    }

    /// Compiles the elements of all outputs, one node after the other, row-major; then, if asked for, the statuses of
    /// the roots that are used, one output per root.
    ///
    /// # Errors
    /// Those of [`WorldLanes::compile_ids`].
    pub fn compile<T: Real>(&self, with_statuses: bool) -> Result<Program<T>, CompileError> {
        let mut ids: Vec<Id> = self.outputs.iter().flatten().copied().collect();
        if with_statuses {
            ids.extend(self.statuses.iter().flatten());
        }
        self.compile_ids(&ids)
    }

    /// Compiles any expressions of the graph: one output per entry of `ids`, one input per slot.
    ///
    /// # Errors
    /// [`CompileError`], if the graph is not one that lowering makes.
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
    /// Unknowns in order (inputs of the scalar graph).
    pub unknowns: Vec<Id>,
    /// Residuals, one expression per unknown.
    pub residuals: Vec<Id>,
    /// Lower and upper end, one pair of expressions per unknown.
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
    /// Inputs of the scalar graph, one entry per input, in the order of their numbers.
    pub leaves: Vec<Leaf>,
    /// Barriers, one entry per barrier, in the order of [`LeafKind::Barrier`].
    pub barriers: Vec<Barrier>,
    /// Scopes, one entry per scope; 0 is the evaluation itself.
    pub scopes: Vec<Scope>,
    /// Roots each node depends on.
    depends: Vec<BTreeSet<usize>>,
    memo: HashMap<(usize, Context), Values>,
    /// Solutions by root and context: elements of every unknown, statuses.
    solutions: HashMap<(usize, Context), (Vec<Values>, Vec<Id>)>,
    /// Scope of an open outer root.
    scope_of: HashMap<(usize, Context), usize>,
    unknown_values: HashMap<(usize, Context), Vec<Values>>,
    /// Expressions of inputs, bound by the caller or made at first use.
    input_values: HashMap<usize, Values>,
    /// Nodes the caller gave other expressions.
    replaced: HashMap<usize, Values>,
    fixed: HashMap<Vec<u64>, Id>,
    in_progress: Vec<usize>,
}

impl<'a> Lowering<'a> {
    /// Begins. `bindings` has one entry per input, `lane` one flag per axis: whether its members are lanes.
    ///
    /// # Errors
    /// A graph that is not well formed, fewer bindings than inputs.
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
        Ok(Lowering::begin(graph, bindings, lane, members_mode))
    }

    /// Every axis unrolled and no input bound yet; the graph must be well formed.
    pub fn unbound(graph: &'a Graph) -> Self {
        Lowering::begin(graph, &[], vec![false; graph.axes.len()], false)
    }

    fn begin(graph: &'a Graph, bindings: &'a [InputBinding], lane: Vec<bool>, members_mode: bool) -> Self {
        Lowering {
            graph,
            bindings,
            lane,
            members_mode,
            dag: Dag::new(),
            leaves: Vec::new(),
            barriers: Vec::new(),
            scopes: vec![Scope::default()],
            depends: shape::root_dependencies(graph),
            memo: HashMap::new(),
            solutions: HashMap::new(),
            scope_of: HashMap::new(),
            unknown_values: HashMap::new(),
            input_values: HashMap::new(),
            replaced: HashMap::new(),
            fixed: HashMap::new(),
            in_progress: Vec::new(),
        }
    }

    /// What the elements of an input stand for, one expression per element, row-major over the axes that are unrolled.
    pub fn bind(&mut self, input: InputId, elements: Vec<Id>) {
        self.input_values.insert(input.0 as usize, Rc::new(elements));
    }

    /// What the elements of a node stand for, one expression per element, instead of what they would be.
    pub fn replace(&mut self, node: NodeId, elements: Vec<Id>) {
        self.replaced.insert(node.0 as usize, Rc::new(elements));
    }

    /// The elements of one node, row-major over the axes that are unrolled.
    ///
    /// # Errors
    /// A node that does not exist, an input that nothing was bound to, too many expressions.
    pub fn elements_of(&mut self, node: NodeId) -> Result<Vec<Id>, LowerError> {
        self.check_node(node)?;
        let top = Context::default();
        self.ensure(&[node], &top)?;
        Ok(self.value(node, &top)?.to_vec())
    }

    fn check_node(&self, node: NodeId) -> Result<(), LowerError> {
        if (node.0 as usize) < self.graph.nodes.len() {
            return Ok(());
        }
        Err(LowerError::Count {
            what: "nodes of the graph, for an output",
            found: self.graph.nodes.len(),
            expected: node.0 as usize + 1,
        })
    }

    /// Elements of each output, row-major over the axes that are unrolled, and one status per root problem of the graph
    /// (`None` where no output needs it).
    ///
    /// # Errors
    /// Those of [`Lowering::elements_of`].
    #[allow(clippy::type_complexity)]
    pub fn outputs(&mut self, outputs: &[NodeId]) -> Result<(Vec<Vec<Id>>, Vec<Option<Id>>), LowerError> {
        for o in outputs {
            self.check_node(*o)?;
        }
        let top = Context::default();
        self.ensure(outputs, &top)?;
        let mut values = Vec::new();
        for o in outputs {
            values.push(self.value(*o, &top)?.to_vec());
        }
        Ok((values, self.statuses()))
    }

    /// The worst status of each root problem that has been lowered outside all others, one entry per problem of the
    /// graph.
    pub fn statuses(&mut self) -> Vec<Option<Id>> {
        let top = Context::default();
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
        statuses
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
            if needed.contains(&n)
                || self.replaced.contains_key(&n)
                || self.memo.contains_key(&(n, self.restrict(n, context)))
            {
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
            if self.dag.len() > LIMIT_OF_ALL {
                return Err(LowerError::TooLarge {
                    node: n,
                    elements: self.dag.len(),
                    limit: LIMIT_OF_ALL,
                });
            }
        }
        Ok(())
    }

    fn value(&self, node: NodeId, context: &Context) -> Result<Values, LowerError> {
        let n = node.0 as usize;
        if let Some(v) = self.replaced.get(&n) {
            return Ok(v.clone());
        }
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
}
