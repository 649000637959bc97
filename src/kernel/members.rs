//! Members as lanes: one world, in which the members of large populations are the lanes of programs.
//!
//! A reduction over a population needs every member before anything that uses it can go on, so an evaluation is a
//! sequence of lane programs with barriers between them. Every expression has a *level*: the number of barriers it waits
//! for. All expressions of a level and an array length form one program; what a later level needs of an earlier one is
//! stored, unless it is cheaper to compute again. A market that clears through a reduction is a *scope* of its own: its
//! levels are run again at every step of the outer root-finder, while everything that does not move with its unknowns
//! is computed once outside. A loop over pairs of members is a scope too.
//!
//! Sums are in the fixed order of `graph/eval.rs`, so a result depends on nothing but its inputs. Reductions over
//! everybody else are the total without the own value, which rounds differently (some last places of the total).
//!
//! Cost: linear in the members, except for loops over pairs.

use super::dag::{Dag, Expr, Id};
use super::exec::{accumulate, entry, fold_lanes};
use super::lower::{Barrier, Fold, InputBinding, Leaf, LeafKind, LowerError, Lowering, Part, Scope, Slot};
use super::math::Real;
use super::program::{Mode, Operand, Program, RunError, Workspace};
use super::root::{self, Scratch, System};
use crate::graph::eval::position_on;
use crate::graph::{AxisId, AxisKind, Binary, Graph, NodeId, Op, Unary};
use std::collections::{BTreeMap, HashMap};

/// Populations with more members than this become lanes.
pub const THRESHOLD: usize = 64;

/// One output array: element `element` (row-major over the unrolled axes) of requested node number `output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputSlot {
    /// Which of the requested nodes.
    pub output: usize,
    /// Which element.
    pub element: usize,
    /// Length of the array; 1 for a scalar.
    pub members: usize,
}

/// A graph compiled with members as lanes. See the head of this file.
#[derive(Clone, Debug)]
pub struct Members<T> {
    lanes: Vec<bool>,
    slots: Vec<Slot>,
    output_slots: Vec<OutputSlot>,
    results: Vec<Place>,
    statuses: Vec<Option<Place>>,
    scopes: Vec<ScopePlan<T>>,
    fixed: Vec<Vec<T>>,
    /// Lengths of the arrays that are stored between programs.
    stored: Vec<usize>,
    n_scalars: usize,
    /// Scalars that are known in advance.
    constants: Vec<(usize, T)>,
}

/// Memory of one thread's evaluations.
#[derive(Debug)]
pub struct MembersSpace<T> {
    arrays: Vec<Array<T>>,
    splats: Vec<Array<T>>,
    scalars: Vec<T>,
    workspace: Workspace<T>,
    scratch: Vec<Scratch<T>>,
    accumulators: Vec<Array<T>>,
    statuses: Vec<Option<f64>>,
}

impl<T: Real> Default for MembersSpace<T> {
    fn default() -> Self {
        MembersSpace {
            arrays: Vec::new(),
            splats: Vec::new(),
            scalars: Vec::new(),
            workspace: Workspace::new(),
            scratch: Vec::new(),
            accumulators: Vec::new(),
            statuses: Vec::new(),
        }
    }
}

impl<T: Real> MembersSpace<T> {
    /// An empty space; it grows at the first call.
    pub fn new() -> Self {
        Self::default()
    }
    /// How each root problem of the graph ended in the last call (worst over its elements and members, see
    /// [`super::root`]); `None` for problems that no output needs.
    pub fn statuses(&self) -> &[Option<f64>] {
        &self.statuses
    }
}

/// An array aligned to 64 bytes, as lane programs like it.
#[derive(Clone, Debug, Default)]
pub struct Array<T> {
    data: Vec<T>,
    first: usize,
    len: usize,
}

impl<T: Real> Array<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let data = vec![T::ZERO; len + 64 / size_of::<T>()];
        // On a platform that cannot tell, alignment is lost, nothing else.
        let first = data.as_ptr().align_offset(64).min(64 / size_of::<T>());
        Array { data, first, len }
    }
    /// The elements.
    pub fn as_slice(&self) -> &[T] {
        &self.data[self.first..self.first + self.len]
    }
    /// The elements.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data[self.first..self.first + self.len]
    }
    fn fit(&mut self, len: usize) {
        if self.len != len {
            *self = Array::zeros(len);
        }
    }
}

/// Where a value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The caller's input.
    External(usize),
    /// An array that never changes.
    Fixed(usize),
    Array(usize),
    Scalar(usize),
    /// The caller's output.
    Output(usize),
}

#[derive(Clone, Debug)]
struct ScopePlan<T> {
    steps: Vec<Step<T>>,
    /// Slots of the unknowns of an outer root problem, and places of its residuals and brackets.
    unknowns: Vec<usize>,
    residuals: Vec<usize>,
    brackets: Vec<(usize, usize)>,
    /// In a loop: slot and source of each element read, array and source of each view of the others.
    elements: Vec<(usize, Place)>,
    others: Vec<(usize, Place)>,
}

#[derive(Clone, Debug)]
enum Step<T> {
    Run {
        program: Program<T>,
        n: usize,
        inputs: Vec<Place>,
        outputs: Vec<Place>,
    },
    Fold {
        how: Fold,
        of: Place,
        mask: Option<Place>,
        to: usize,
    },
    Gather {
        of: Place,
        at: Place,
        to: Place,
    },
    Slice {
        of: Place,
        first: usize,
        to: usize,
    },
    Elements {
        of: Place,
        first: usize,
        to: Vec<usize>,
    },
    Concat {
        parts: Vec<Piece>,
        to: usize,
    },
    Solve {
        scope: usize,
        to: Vec<usize>,
        status: usize,
    },
    Pairs {
        scope: usize,
        how: Fold,
        body: Place,
        mask: Option<Place>,
        count: usize,
        to: usize,
    },
}

#[derive(Clone, Debug)]
enum Piece {
    Lanes(Place),
    Scalars(Vec<usize>),
}

impl<T: Real> Members<T> {
    /// Compiles `outputs` of `graph` with populations of more than [`THRESHOLD`] members as lanes. Only constant
    /// bindings matter here: other inputs are arrays if they move along a lane axis and single numbers if not.
    pub fn lower(graph: &Graph, bindings: &[InputBinding], outputs: &[NodeId]) -> Result<Members<T>, LowerError> {
        Members::lower_with(graph, bindings, outputs, THRESHOLD)
    }

    /// As [`Members::lower`], for populations of more than `threshold` members.
    pub fn lower_with(
        graph: &Graph,
        bindings: &[InputBinding],
        outputs: &[NodeId],
        threshold: usize,
    ) -> Result<Members<T>, LowerError> {
        let lanes = lane_axes(graph, threshold);
        let mut lowering = Lowering::new(graph, bindings, lanes.clone(), true)?;
        let (values, statuses) = lowering.outputs(outputs)?;
        let mut finals = Vec::new();
        let mut output_slots = Vec::new();
        for (k, (node, ids)) in outputs.iter().zip(&values).enumerate() {
            let members = lowering.lanes_of(&graph.nodes[node.0 as usize].shape);
            for (element, id) in ids.iter().enumerate() {
                finals.push((*id, members));
                output_slots.push(OutputSlot {
                    output: k,
                    element,
                    members: members.max(1),
                });
            }
        }
        let Lowering {
            dag,
            leaves,
            barriers,
            scopes,
            ..
        } = lowering;
        let planner = Planner::new(&dag, &leaves, &barriers, &scopes);
        planner.plan(lanes, finals, output_slots, &statuses)
    }

    /// Which axes of the graph are lanes.
    pub fn lanes(&self) -> &[bool] {
        &self.lanes
    }
    /// The inputs, in order: an array a lane input, one number otherwise.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }
    /// The outputs, in order.
    pub fn output_slots(&self) -> &[OutputSlot] {
        &self.output_slots
    }
    /// Number of lane programs, for reports.
    pub fn programs(&self) -> usize {
        self.scopes
            .iter()
            .flat_map(|s| &s.steps)
            .filter(|s| matches!(s, Step::Run { .. }))
            .count()
    }

    /// Evaluates one world. Inputs as [`Members::slots`] (`Operand::Uniform` for scalars; it may also stand for an array
    /// of equal numbers), outputs as [`Members::output_slots`].
    pub fn run(
        &self,
        inputs: &[Operand<T>],
        outputs: &mut [&mut [T]],
        space: &mut MembersSpace<T>,
    ) -> Result<(), RunError> {
        if inputs.len() != self.slots.len() {
            return Err(RunError::Inputs {
                expected: self.slots.len(),
                found: inputs.len(),
            });
        }
        if outputs.len() != self.output_slots.len() {
            return Err(RunError::Outputs {
                expected: self.output_slots.len(),
                found: outputs.len(),
            });
        }
        for (output, (v, slot)) in outputs.iter().zip(&self.output_slots).enumerate() {
            if v.len() < slot.members {
                return Err(RunError::OutputLength {
                    output,
                    expected: slot.members,
                    found: v.len(),
                });
            }
        }
        space.scalars.resize(self.n_scalars, T::ZERO);
        space
            .arrays
            .resize_with(self.stored.len().max(space.arrays.len()), Array::default);
        for (a, n) in space.arrays.iter_mut().zip(&self.stored) {
            a.fit(*n);
        }
        space
            .splats
            .resize_with(inputs.len().max(space.splats.len()), Array::default);
        space
            .scratch
            .resize_with(self.scopes.len().max(space.scratch.len()), Scratch::default);
        for (at, x) in &self.constants {
            space.scalars[*at] = *x;
        }
        for (input, (operand, slot)) in inputs.iter().zip(&self.slots).enumerate() {
            match (operand, slot.mode) {
                (Operand::Uniform(x), Mode::Lanes) => {
                    space.splats[input].fit(slot.members);
                    space.splats[input].as_mut_slice().fill(*x);
                }
                (Operand::Lanes(v), _) if v.len() < slot.members => {
                    return Err(RunError::InputLength {
                        input,
                        expected: slot.members,
                        found: v.len(),
                    });
                }
                // Scalars stand at the front of the scalars, in order of input.
                (Operand::Uniform(x), Mode::Uniform) => space.scalars[input] = *x,
                (Operand::Lanes(v), Mode::Uniform) => space.scalars[input] = v[0],
                (Operand::Lanes(_), Mode::Lanes) => {}
            }
        }
        let mut run = Run {
            plan: self,
            inputs,
            outputs,
            space,
        };
        run.scope(0)?;
        for (k, place) in self.results.iter().enumerate() {
            if *place != Place::Output(k) {
                let to = std::mem::take(&mut run.outputs[k]);
                let n = self.output_slots[k].members;
                match *place {
                    Place::Scalar(s) => to[..n].fill(run.space.scalars[s]),
                    p => to[..n].copy_from_slice(&run.array(p)[..n]),
                }
                run.outputs[k] = to;
            }
        }
        let scalars = &run.space.scalars;
        let statuses = self
            .statuses
            .iter()
            .map(|s| match s {
                Some(Place::Scalar(k)) => Some(scalars[*k].to_f64()),
                Some(Place::External(_) | Place::Fixed(_) | Place::Array(_) | Place::Output(_)) | None => None,
            })
            .collect();
        run.space.statuses = statuses;
        Ok(())
    }
}

/// One evaluation under way.
struct Run<'a, 'b, T> {
    plan: &'a Members<T>,
    inputs: &'a [Operand<'a, T>],
    outputs: &'a mut [&'b mut [T]],
    space: &'a mut MembersSpace<T>,
}

impl<T: Real> Run<'_, '_, T> {
    fn array(&self, place: Place) -> &[T] {
        match place {
            Place::External(i) => match self.inputs[i] {
                Operand::Lanes(v) => &v[..self.plan.slots[i].members],
                Operand::Uniform(_) => self.space.splats[i].as_slice(),
            },
            Place::Fixed(i) => &self.plan.fixed[i],
            Place::Array(i) => self.space.arrays[i].as_slice(),
            Place::Output(i) => self.outputs[i],
            Place::Scalar(i) => std::slice::from_ref(&self.space.scalars[i]),
        }
    }

    fn scope(&mut self, scope: usize) -> Result<(), RunError> {
        let plan = self.plan;
        for step in &plan.scopes[scope].steps {
            match step {
                Step::Run {
                    program,
                    n,
                    inputs,
                    outputs,
                } => self.program(program, *n, inputs, outputs)?,
                Step::Fold { how, of, mask, to } => {
                    let values = self.array(*of);
                    let mask = mask.map(|m| self.array(m));
                    self.space.scalars[*to] = fold(*how, values, mask);
                }
                Step::Gather { of, at, to } => match *to {
                    Place::Array(k) => {
                        let mut out = std::mem::take(&mut self.space.arrays[k]);
                        let (from, positions) = (self.array(*of), self.array(*at));
                        for (x, p) in out.as_mut_slice().iter_mut().zip(positions) {
                            *x = entry(from, *p);
                        }
                        self.space.arrays[k] = out;
                    }
                    Place::Scalar(k) => {
                        let x = entry(self.array(*of), self.array(*at)[0]);
                        self.space.scalars[k] = x;
                    }
                    Place::External(_) | Place::Fixed(_) | Place::Output(_) => {}
                },
                Step::Slice { of, first, to } => {
                    let mut out = std::mem::take(&mut self.space.arrays[*to]);
                    let n = out.len;
                    out.as_mut_slice().copy_from_slice(&self.array(*of)[*first..*first + n]);
                    self.space.arrays[*to] = out;
                }
                Step::Elements { of, first, to } => {
                    for (k, slot) in to.iter().enumerate() {
                        let x = self.array(*of)[first + k];
                        self.space.scalars[*slot] = x;
                    }
                }
                Step::Concat { parts, to } => {
                    let mut out = std::mem::take(&mut self.space.arrays[*to]);
                    let mut rest = out.as_mut_slice();
                    for part in parts {
                        let n = match part {
                            Piece::Lanes(p) => {
                                let values = self.array(*p);
                                rest[..values.len()].copy_from_slice(values);
                                values.len()
                            }
                            Piece::Scalars(slots) => {
                                for (x, s) in rest.iter_mut().zip(slots) {
                                    *x = self.space.scalars[*s];
                                }
                                slots.len()
                            }
                        };
                        rest = &mut rest[n..];
                    }
                    self.space.arrays[*to] = out;
                }
                Step::Solve { scope, to, status } => self.solve(*scope, to, *status)?,
                Step::Pairs {
                    scope,
                    how,
                    body,
                    mask,
                    count,
                    to,
                } => {
                    self.pairs(*scope, *how, *body, *mask, *count, *to)?;
                }
            }
        }
        Ok(())
    }

    fn program(&mut self, program: &Program<T>, n: usize, inputs: &[Place], outputs: &[Place]) -> Result<(), RunError> {
        // The destinations leave their places for the time of the call, so that the rest can be lent out.
        let mut taken: Vec<Array<T>> = Vec::new();
        let mut lent: Vec<&mut [T]> = Vec::new();
        let mut single: Vec<T> = Vec::new();
        for place in outputs {
            match *place {
                Place::Array(k) => taken.push(std::mem::take(&mut self.space.arrays[k])),
                Place::Output(k) => lent.push(std::mem::take(&mut self.outputs[k])),
                Place::Scalar(_) => single.push(T::ZERO),
                Place::External(_) | Place::Fixed(_) => {}
            }
        }
        let mut workspace = std::mem::take(&mut self.space.workspace);
        let result = {
            let operands: Vec<Operand<T>> = inputs
                .iter()
                .map(|p| match *p {
                    Place::Scalar(k) => Operand::Uniform(self.space.scalars[k]),
                    Place::External(i) => self.inputs[i],
                    p => Operand::Lanes(self.array(p)),
                })
                .collect();
            let (mut a, mut b, mut c) = (taken.iter_mut(), lent.iter_mut(), single.chunks_mut(1));
            let mut slices: Vec<&mut [T]> = Vec::with_capacity(outputs.len());
            for place in outputs {
                let slice = match place {
                    Place::Array(_) => a.next().map(Array::as_mut_slice),
                    Place::Output(_) => b.next().map(|v| &mut **v),
                    Place::Scalar(_) => c.next(),
                    Place::External(_) | Place::Fixed(_) => None,
                };
                slices.extend(slice);
            }
            program.run(&operands, n, &mut slices, &mut workspace)
        };
        self.space.workspace = workspace;
        let (mut a, mut b, mut c) = (taken.into_iter(), lent.into_iter(), single.into_iter());
        for place in outputs {
            match *place {
                Place::Array(k) => self.space.arrays[k] = a.next().unwrap_or_default(),
                Place::Output(k) => self.outputs[k] = b.next().unwrap_or_default(),
                Place::Scalar(k) => self.space.scalars[k] = c.next().unwrap_or(T::NAN),
                Place::External(_) | Place::Fixed(_) => {}
            }
        }
        result
    }

    fn solve(&mut self, scope: usize, to: &[usize], status: usize) -> Result<(), RunError> {
        let plan = &self.plan.scopes[scope];
        let m = plan.unknowns.len();
        let lo: Vec<T> = plan.brackets.iter().map(|b| self.space.scalars[b.0]).collect();
        let hi: Vec<T> = plan.brackets.iter().map(|b| self.space.scalars[b.1]).collect();
        let mut x = vec![T::ZERO; m];
        let mut ended = [T::ZERO];
        let mut scratch = std::mem::take(&mut self.space.scratch[scope]);
        let mut system = Outer {
            run: self,
            scope,
            result: Ok(()),
        };
        root::solve(m, 1, &lo, &hi, &mut system, &mut x, &mut ended, &mut scratch);
        let result = system.result;
        self.space.scratch[scope] = scratch;
        for (slot, value) in to.iter().zip(x) {
            self.space.scalars[*slot] = value;
        }
        self.space.scalars[status] = ended[0];
        result
    }

    fn pairs(
        &mut self,
        scope: usize,
        how: Fold,
        body: Place,
        mask: Option<Place>,
        count: usize,
        to: usize,
    ) -> Result<(), RunError> {
        let plan = self.plan;
        let lanes = plan.stored[to];
        let kept = if how == Fold::Argmax { 2 } else { count.min(16) };
        let mut acc = std::mem::take(&mut self.space.accumulators);
        acc.resize_with(kept.max(acc.len()), Array::default);
        for a in &mut acc[..kept] {
            a.fit(lanes);
            a.as_mut_slice().fill(T::ZERO);
        }
        for j in 0..count {
            for (slot, from) in &plan.scopes[scope].elements {
                let x = self.array(*from)[j];
                self.space.scalars[*slot] = x;
            }
            for (array, from) in &plan.scopes[scope].others {
                let mut out = std::mem::take(&mut self.space.arrays[*array]);
                // The other number j of member i is j if j < i, else j + 1.
                let from = self.array(*from);
                let (before, after) = out.as_mut_slice().split_at_mut(j + 1);
                before.fill(from[j + 1]);
                after.fill(from[j]);
                self.space.arrays[*array] = out;
            }
            self.scope(scope)?;
            let values = self.lanes_or_scalar(body, lanes);
            if how == Fold::Argmax {
                let chosen = mask.map(|m| self.lanes_or_scalar(m, lanes));
                let (best, at) = acc.split_at_mut(1);
                let (best, at) = (best[0].as_mut_slice(), at[0].as_mut_slice());
                for i in 0..lanes {
                    let allowed = chosen.is_none_or(|c| c[i] != T::ZERO);
                    if allowed && (at[i] == T::ZERO || values[i] > best[i]) {
                        best[i] = values[i];
                        at[i] = T::from_f64(j as f64 + 1.0);
                    }
                }
            } else if j < 16 {
                acc[j].as_mut_slice().copy_from_slice(values);
            } else {
                accumulate(how, acc[j % 16].as_mut_slice(), values);
            }
        }
        let result = if how == Fold::Argmax {
            1
        } else {
            for step in [8, 4, 2, 1] {
                for i in 0..step {
                    if i + step < kept {
                        let (low, high) = acc.split_at_mut(i + step);
                        accumulate(how, low[i].as_mut_slice(), high[0].as_slice());
                    }
                }
            }
            0
        };
        self.space.arrays[to]
            .as_mut_slice()
            .copy_from_slice(acc[result].as_slice());
        self.space.accumulators = acc;
        Ok(())
    }

    fn lanes_or_scalar(&self, place: Place, lanes: usize) -> &[T] {
        // The planner stores bodies and masks as arrays of the right length.
        &self.array(place)[..lanes]
    }
}

/// The residuals of an outer root problem: one run of its scope.
struct Outer<'r, 'a, 'b, T> {
    run: &'r mut Run<'a, 'b, T>,
    scope: usize,
    result: Result<(), RunError>,
}

impl<T: Real> System<T> for Outer<'_, '_, '_, T> {
    fn residuals(&mut self, x: &[T], f: &mut [T]) {
        let plan = &self.run.plan.scopes[self.scope];
        for (slot, v) in plan.unknowns.iter().zip(x) {
            self.run.space.scalars[*slot] = *v;
        }
        if let Err(e) = self.run.scope(self.scope) {
            self.result = Err(e);
        }
        for (out, slot) in f.iter_mut().zip(&plan.residuals) {
            *out = self.run.space.scalars[*slot];
        }
    }
    fn with_jacobian(&mut self, x: &[T], f: &mut [T], j: &mut [T]) {
        // Central differences; Newton's method only needs a direction.
        let m = x.len();
        let relative = T::from_f64(if size_of::<T>() == 8 { 6e-6 } else { 5e-3 });
        let (mut up, mut down, mut y) = (vec![T::ZERO; m], vec![T::ZERO; m], x.to_vec());
        for u in 0..m {
            let h = relative * super::math::max(x[u].abs(), T::from_f64(1e-3));
            y[u] = x[u] + h;
            self.residuals(&y, &mut up);
            y[u] = x[u] - h;
            self.residuals(&y, &mut down);
            y[u] = x[u];
            for e in 0..m {
                j[e * m + u] = (up[e] - down[e]) / (h + h);
            }
        }
        self.residuals(x, f);
    }
}

/// One number from an array, of the elements whose mask is not zero.
fn fold<T: Real>(how: Fold, values: &[T], mask: Option<&[T]>) -> T {
    let chosen = |i: usize| mask.is_none_or(|m| m[i] != T::ZERO);
    match how {
        Fold::Sum | Fold::Prod | Fold::Min | Fold::Max => fold_lanes(how, values).unwrap_or(T::ZERO),
        Fold::Argmax => {
            let mut best: Option<usize> = None;
            for i in (0..values.len()).filter(|i| chosen(*i)) {
                if best.is_none_or(|b| values[i] > values[b]) {
                    best = Some(i);
                }
            }
            T::from_f64(best.map_or(0.0, |i| i as f64 + 1.0))
        }
        Fold::Quantile(level) => {
            let mut v: Vec<T> = values
                .iter()
                .enumerate()
                .filter(|(i, _)| chosen(*i))
                .map(|(_, x)| *x)
                .collect();
            if v.is_empty() || v.iter().any(|x| x != x) {
                return T::NAN;
            }
            let order = |a: &T, b: &T| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
            let h = (v.len() - 1) as f64 * level;
            let below = h.floor() as usize;
            let w = T::from_f64(h - h.floor());
            let (_, a, above) = v.select_nth_unstable_by(below, order);
            let a = *a;
            let b = above.iter().copied().min_by(order).unwrap_or(a);
            if w == T::ZERO { a } else { a + w * (b - a) }
        }
    }
}

/// The axes that become lanes: those of populations with more than `threshold` members, their views, and parts of a
/// large stack. Where two unrelated large axes meet in one value the smaller one (a set before a population) is
/// unrolled.
pub fn lane_axes(graph: &Graph, threshold: usize) -> Vec<bool> {
    let n = graph.axes.len();
    // Families of views of one another.
    let mut family: Vec<usize> = (0..n).collect();
    fn find(family: &mut [usize], a: usize) -> usize {
        let mut root = a;
        while family[root] != root {
            root = family[root];
        }
        family[a] = root;
        root
    }
    let join = |family: &mut Vec<usize>, a: usize, b: usize| {
        let (a, b) = (find(family, a), find(family, b));
        family[a.max(b)] = a.min(b);
    };
    for (a, axis) in graph.axes.iter().enumerate() {
        match axis.kind {
            AxisKind::Alias(of) | AxisKind::Others(of) if (of.0 as usize) < n => join(&mut family, a, of.0 as usize),
            AxisKind::Alias(_) | AxisKind::Others(_) | AxisKind::Population | AxisKind::Set | AxisKind::Stack(_) => {}
        }
    }
    for node in &graph.nodes {
        if let Op::Relabel { from, to, .. } = node.op
            && (from.0 as usize) < n
            && (to.0 as usize) < n
        {
            join(&mut family, from.0 as usize, to.0 as usize);
        }
    }
    let family: Vec<usize> = (0..n).map(|a| find(&mut family, a)).collect();
    let size = |f: usize| {
        (0..n)
            .filter(|a| family[*a] == f)
            .map(|a| graph.axes[a].size)
            .max()
            .unwrap_or(0)
    };
    let is_set = |f: usize| (0..n).all(|a| family[a] != f || graph.axes[a].kind == AxisKind::Set);
    let mut large: Vec<bool> = (0..n).map(|f| size(f) > threshold).collect();
    // Parts of a large stack, down to the last level.
    for _ in 0..n {
        for (a, axis) in graph.axes.iter().enumerate() {
            if let AxisKind::Stack(parts) = &axis.kind
                && large[family[a]]
            {
                for p in parts {
                    if (p.0 as usize) < n {
                        large[family[p.0 as usize]] = true;
                    }
                }
            }
        }
    }
    loop {
        let mut smallest: Option<usize> = None;
        for node in &graph.nodes {
            let mut present: Vec<usize> = node
                .shape
                .iter()
                .map(|a: &AxisId| family[a.0 as usize])
                .filter(|f| large[*f])
                .collect();
            present.sort_unstable();
            present.dedup();
            if present.len() > 1 {
                smallest = present.into_iter().min_by_key(|f| (!is_set(*f), size(*f)));
                break;
            }
        }
        match smallest {
            Some(f) => large[f] = false,
            None => break,
        }
    }
    (0..n).map(|a| large[family[a]]).collect()
}

/// Scope and level of an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    scope: usize,
    level: usize,
}

/// Turns a lowered graph into steps.
struct Planner<'a> {
    dag: &'a Dag,
    leaves: &'a [Leaf],
    barriers: &'a [Barrier],
    scopes: &'a [Scope],
    depth: Vec<usize>,
    keys: Vec<Key>,
    barrier_keys: Vec<Option<Key>>,
    /// Length of the arrays an expression consists of, 0 for scalars.
    lanes: Vec<usize>,
    /// Uses an unknown bound inside the scalar graph.
    free: Vec<bool>,
    has_root: Vec<bool>,
}

impl<'a> Planner<'a> {
    fn new(dag: &'a Dag, leaves: &'a [Leaf], barriers: &'a [Barrier], scopes: &'a [Scope]) -> Self {
        let depth = (0..scopes.len())
            .map(|s| {
                let (mut d, mut at) = (0, s);
                while at != 0 {
                    d += 1;
                    at = scopes[at].parent;
                }
                d
            })
            .collect();
        let unknowns: Vec<Id> = (0..dag.len() as u32)
            .map(Id)
            .filter(|id| matches!(dag.expr(*id), Expr::Unknown(_)))
            .collect();
        let mut p = Planner {
            dag,
            leaves,
            barriers,
            scopes,
            depth,
            keys: vec![Key::default(); dag.len()],
            barrier_keys: vec![None; barriers.len()],
            lanes: vec![0; dag.len()],
            free: dag.dependents(&unknowns),
            has_root: vec![false; dag.len()],
        };
        for i in 0..dag.len() {
            let id = Id(i as u32);
            match dag.expr(id) {
                Expr::Input(leaf) => {
                    p.keys[i] = p.leaf_key(leaf as usize);
                    p.lanes[i] = leaves[leaf as usize].lanes;
                }
                Expr::Const(_)
                | Expr::Unknown(_)
                | Expr::Unary(..)
                | Expr::Binary(..)
                | Expr::Select(..)
                | Expr::Lookup(..)
                | Expr::Root(..)
                | Expr::RootStatus(_) => {
                    let (mut key, mut lanes) = (Key::default(), 0);
                    let mut root = matches!(dag.expr(id), Expr::Root(..) | Expr::RootStatus(_));
                    dag.operands(id, |o| {
                        key = p.later(key, p.keys[o.0 as usize]);
                        lanes = lanes.max(p.lanes[o.0 as usize]);
                        root |= p.has_root[o.0 as usize];
                    });
                    (p.keys[i], p.lanes[i], p.has_root[i]) = (key, lanes, root);
                }
            }
        }
        p
    }

    fn later(&self, a: Key, b: Key) -> Key {
        if a.scope == b.scope {
            Key {
                scope: a.scope,
                level: a.level.max(b.level),
            }
        } else if self.depth[a.scope] >= self.depth[b.scope] {
            a
        } else {
            b
        }
    }

    fn leaf_key(&mut self, leaf: usize) -> Key {
        match self.leaves[leaf].kind {
            LeafKind::External(_) | LeafKind::Fixed(_) => Key::default(),
            LeafKind::Unknown { scope, .. }
            | LeafKind::LoopElement { scope, .. }
            | LeafKind::LoopOthers { scope, .. } => Key { scope, level: 0 },
            LeafKind::Barrier { barrier, .. } => {
                let k = self.barrier_key(barrier);
                Key {
                    level: k.level + 1,
                    ..k
                }
            }
        }
    }

    fn barrier_key(&mut self, b: usize) -> Key {
        if let Some(k) = self.barrier_keys[b] {
            return k;
        }
        let mut key = Key::default();
        match &self.barriers[b] {
            Barrier::Solve { scope } => {
                let s = &self.scopes[*scope];
                key = self.outside(&s.residuals, *scope);
                for (lo, hi) in &s.brackets {
                    key = self.later(key, self.keys[lo.0 as usize]);
                    key = self.later(key, self.keys[hi.0 as usize]);
                }
            }
            Barrier::Pairs { scope, body, mask, .. } => {
                let mut ids = vec![*body];
                ids.extend(mask);
                key = self.outside(&ids, *scope);
            }
            simple => {
                for (id, _) in operands(simple) {
                    key = self.later(key, self.keys[id.0 as usize]);
                }
            }
        }
        self.barrier_keys[b] = Some(key);
        key
    }

    /// The latest of everything that the repeated part behind `ids` takes from outside its scope.
    fn outside(&self, ids: &[Id], scope: usize) -> Key {
        let mut key = Key::default();
        let mut seen = vec![false; self.dag.len()];
        let mut stack = ids.to_vec();
        while let Some(id) = stack.pop() {
            let i = id.0 as usize;
            if std::mem::replace(&mut seen[i], true) {
                continue;
            }
            if self.keys[i].scope != scope && !self.free[i] {
                key = self.later(key, self.keys[i]);
                continue;
            }
            match self.dag.expr(id) {
                Expr::Input(leaf) => match &self.leaves[leaf as usize].kind {
                    LeafKind::LoopElement { of, .. } | LeafKind::LoopOthers { of, .. } => stack.push(*of),
                    LeafKind::Barrier { barrier, .. } => match &self.barriers[*barrier] {
                        Barrier::Solve { scope } => {
                            let s = &self.scopes[*scope];
                            stack.extend(&s.residuals);
                            stack.extend(s.brackets.iter().flat_map(|(lo, hi)| [*lo, *hi]));
                        }
                        Barrier::Pairs { body, mask, .. } => {
                            stack.push(*body);
                            stack.extend(mask);
                        }
                        simple => stack.extend(operands(simple).into_iter().map(|(id, _)| id)),
                    },
                    LeafKind::External(_) | LeafKind::Fixed(_) | LeafKind::Unknown { .. } => {}
                },
                Expr::Const(_)
                | Expr::Unknown(_)
                | Expr::Unary(..)
                | Expr::Binary(..)
                | Expr::Select(..)
                | Expr::Lookup(..)
                | Expr::Root(..)
                | Expr::RootStatus(_) => self.dag.operands(id, |o| stack.push(o)),
            }
        }
        key
    }

    /// A few cheap operations on what is at hand: computed again rather than stored and read back.
    fn cheap(&self, id: Id) -> bool {
        if self.lanes[id.0 as usize] == 0 {
            return !self.has_root[id.0 as usize];
        }
        let light = |id: Id| match self.dag.expr(id) {
            Expr::Binary(op, ..) => {
                matches!(
                    op,
                    Binary::Add | Binary::Sub | Binary::Mul | Binary::Lt | Binary::Le | Binary::Ne
                )
            }
            Expr::Unary(op, _) => matches!(op, Unary::Neg | Unary::Abs | Unary::Not),
            Expr::Select(..)
            | Expr::Const(_)
            | Expr::Input(_)
            | Expr::Unknown(_)
            | Expr::Lookup(..)
            | Expr::Root(..)
            | Expr::RootStatus(_) => false,
        };
        let mut fine = light(id);
        self.dag.operands(id, |o| {
            let leaf = matches!(self.dag.expr(o), Expr::Input(_) | Expr::Const(_));
            fine &= leaf || (self.lanes[o.0 as usize] == 0 && !self.has_root[o.0 as usize]);
        });
        fine
    }

    fn plan<T: Real>(
        self,
        lane_axes: Vec<bool>,
        finals: Vec<(Id, usize)>,
        output_slots: Vec<OutputSlot>,
        statuses: &[Option<Id>],
    ) -> Result<Members<T>, LowerError> {
        let mut slots = Vec::new();
        let mut external = HashMap::new();
        for (i, leaf) in self.leaves.iter().enumerate() {
            if let LeafKind::External(slot) = leaf.kind {
                external.insert(i, slots.len());
                slots.push(slot);
            }
        }
        let mut layout = Layout {
            planner: &self,
            external,
            n_external: slots.len(),
            fixed: Vec::new(),
            stored: Vec::new(),
            scalars: slots.len(),
            constants: Vec::new(),
            leaf_places: HashMap::new(),
            places: BTreeMap::new(),
            groups: BTreeMap::new(),
            waiting: Vec::new(),
            output_of: HashMap::new(),
        };
        // An output that is computed for its own sake goes straight to the caller.
        for (k, (id, lanes)) in finals.iter().enumerate() {
            if *lanes > 0 && !matches!(self.dag.expr(*id), Expr::Input(_)) {
                layout.output_of.entry((*id, *lanes)).or_insert(k);
            }
        }
        let results: Vec<Place> = finals.iter().map(|(id, lanes)| layout.place(*id, *lanes)).collect();
        let status_places: Vec<Option<Place>> = statuses.iter().map(|s| s.map(|id| layout.place(id, 0))).collect();
        let mut barrier_steps: BTreeMap<(Key, usize), Step<T>> = BTreeMap::new();
        let mut scopes: Vec<ScopePlan<T>> = self
            .scopes
            .iter()
            .map(|_| ScopePlan {
                steps: Vec::new(),
                unknowns: Vec::new(),
                residuals: Vec::new(),
                brackets: Vec::new(),
                elements: Vec::new(),
                others: Vec::new(),
            })
            .collect();
        // Where the results of barriers go.
        let mut results_of: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.barriers.len()];
        for (i, leaf) in self.leaves.iter().enumerate() {
            if let LeafKind::Barrier { barrier, which } = leaf.kind {
                results_of[barrier].push((which, i));
            }
        }
        for (b, barrier) in self.barriers.iter().enumerate() {
            results_of[b].sort_unstable();
            let to: Vec<Place> = results_of[b].iter().map(|(_, leaf)| layout.leaf_place(*leaf)).collect();
            let index = |p: Place| match p {
                Place::Array(k) | Place::Scalar(k) | Place::External(k) | Place::Fixed(k) | Place::Output(k) => k,
            };
            let first = to.first().copied().unwrap_or(Place::Scalar(0));
            let step = match barrier {
                Barrier::Fold { how, of, mask, lanes } => Step::Fold {
                    how: *how,
                    of: layout.place(*of, *lanes),
                    mask: mask.map(|m| layout.place(m, *lanes)),
                    to: index(first),
                },
                Barrier::Gather { of, lanes, at, out } => Step::Gather {
                    of: layout.place(*of, *lanes),
                    at: layout.place(*at, *out),
                    to: first,
                },
                Barrier::Slice {
                    of,
                    lanes,
                    first: start,
                    ..
                } => Step::Slice {
                    of: layout.place(*of, *lanes),
                    first: *start,
                    to: index(first),
                },
                Barrier::Elements {
                    of,
                    lanes,
                    first: start,
                    ..
                } => Step::Elements {
                    of: layout.place(*of, *lanes),
                    first: *start,
                    to: to.into_iter().map(index).collect(),
                },
                Barrier::Concat { parts, .. } => Step::Concat {
                    parts: parts
                        .iter()
                        .map(|p| match p {
                            Part::Lanes(id, n) => Piece::Lanes(layout.place(*id, *n)),
                            Part::Scalars(ids) => {
                                Piece::Scalars(ids.iter().map(|id| index(layout.place(*id, 0))).collect())
                            }
                        })
                        .collect(),
                    to: index(first),
                },
                Barrier::Solve { scope } => {
                    let s = &self.scopes[*scope];
                    let plan = &mut scopes[*scope];
                    plan.unknowns = s.unknowns.iter().map(|u| index(layout.place(*u, 0))).collect();
                    plan.residuals = s.residuals.iter().map(|f| index(layout.place(*f, 0))).collect();
                    plan.brackets = s
                        .brackets
                        .iter()
                        .map(|(lo, hi)| (index(layout.place(*lo, 0)), index(layout.place(*hi, 0))))
                        .collect();
                    let mut to: Vec<usize> = to.into_iter().map(index).collect();
                    let status = to.pop().unwrap_or(0);
                    Step::Solve {
                        scope: *scope,
                        to,
                        status,
                    }
                }
                Barrier::Pairs {
                    scope,
                    how,
                    body,
                    mask,
                    count,
                    lanes,
                } => Step::Pairs {
                    scope: *scope,
                    how: *how,
                    body: layout.place(*body, *lanes),
                    mask: mask.map(|m| layout.place(m, *lanes)),
                    count: *count,
                    to: index(first),
                },
            };
            let key = self.barrier_keys[b].unwrap_or_default();
            barrier_steps.insert((key, b), step);
        }
        for (i, leaf) in self.leaves.iter().enumerate() {
            match &leaf.kind {
                LeafKind::LoopElement { scope, of, lanes } => {
                    let from = layout.place(*of, *lanes);
                    if let Place::Scalar(slot) = layout.leaf_place(i) {
                        scopes[*scope].elements.push((slot, from));
                    }
                }
                LeafKind::LoopOthers { scope, of } => {
                    let from = layout.place(*of, leaf.lanes);
                    if let Place::Array(array) = layout.leaf_place(i) {
                        scopes[*scope].others.push((array, from));
                    }
                }
                LeafKind::External(_) | LeafKind::Fixed(_) | LeafKind::Barrier { .. } | LeafKind::Unknown { .. } => {}
            }
        }
        // Programs; finding the inputs of one may ask for more outputs of another.
        let mut inputs_of: BTreeMap<(Key, usize), BTreeMap<Id, Place>> = BTreeMap::new();
        while let Some((id, group)) = layout.waiting.pop() {
            let found = layout.cone(id, group);
            inputs_of.entry(group).or_default().extend(found);
        }
        let mut program_steps: BTreeMap<(Key, usize), Step<T>> = BTreeMap::new();
        for (group, outputs) in &layout.groups {
            let inputs = inputs_of.remove(group).unwrap_or_default();
            let leaves: Vec<(Id, Mode)> = inputs
                .iter()
                .map(|(id, p)| {
                    (
                        *id,
                        if matches!(p, Place::Scalar(_)) {
                            Mode::Uniform
                        } else {
                            Mode::Lanes
                        },
                    )
                })
                .collect();
            let ids: Vec<Id> = outputs.iter().map(|(id, _)| *id).collect();
            let program = Program::compile_at(self.dag, &leaves, &ids)?;
            program_steps.insert(
                *group,
                Step::Run {
                    program,
                    n: group.1.max(1),
                    inputs: inputs.into_values().collect(),
                    outputs: outputs.iter().map(|(_, p)| *p).collect(),
                },
            );
        }
        // Level by level: scalars, arrays, barriers.
        let mut order: Vec<(Key, bool, usize, Step<T>)> = Vec::new();
        order.extend(program_steps.into_iter().map(|((key, n), s)| (key, false, n, s)));
        order.extend(barrier_steps.into_iter().map(|((key, b), s)| (key, true, b, s)));
        order.sort_by_key(|(key, is_barrier, n, _)| (*key, *is_barrier, *n));
        for (key, _, _, step) in order {
            scopes[key.scope].steps.push(step);
        }
        let Layout {
            fixed,
            stored,
            scalars,
            constants,
            ..
        } = layout;
        Ok(Members {
            lanes: lane_axes,
            slots,
            output_slots,
            results,
            statuses: status_places,
            scopes,
            fixed: fixed
                .into_iter()
                .map(|v: Vec<f64>| v.into_iter().map(T::from_f64).collect())
                .collect(),
            stored,
            n_scalars: scalars,
            constants: constants.into_iter().map(|(at, x)| (at, T::from_f64(x))).collect(),
        })
    }
}

/// Places of values and the programs that make them.
struct Layout<'p, 'a> {
    planner: &'p Planner<'a>,
    external: HashMap<usize, usize>,
    n_external: usize,
    fixed: Vec<Vec<f64>>,
    stored: Vec<usize>,
    scalars: usize,
    constants: Vec<(usize, f64)>,
    leaf_places: HashMap<usize, Place>,
    places: BTreeMap<(Id, usize), Place>,
    /// Outputs of each program, by key and array length.
    groups: BTreeMap<(Key, usize), Vec<(Id, Place)>>,
    waiting: Vec<(Id, (Key, usize))>,
    output_of: HashMap<(Id, usize), usize>,
}

impl Layout<'_, '_> {
    fn new_place(&mut self, lanes: usize) -> Place {
        if lanes == 0 {
            self.scalars += 1;
            Place::Scalar(self.scalars - 1)
        } else {
            self.stored.push(lanes);
            Place::Array(self.stored.len() - 1)
        }
    }

    fn leaf_place(&mut self, leaf: usize) -> Place {
        if let Some(p) = self.leaf_places.get(&leaf) {
            return *p;
        }
        let planner = self.planner;
        let item = &planner.leaves[leaf];
        let place = match &item.kind {
            LeafKind::External(slot) => {
                let k = self.external[&leaf];
                debug_assert!(k < self.n_external);
                if slot.mode == Mode::Lanes {
                    Place::External(k)
                } else {
                    Place::Scalar(k)
                }
            }
            LeafKind::Fixed(values) => {
                self.fixed.push(values.to_vec());
                Place::Fixed(self.fixed.len() - 1)
            }
            LeafKind::Barrier { .. }
            | LeafKind::Unknown { .. }
            | LeafKind::LoopElement { .. }
            | LeafKind::LoopOthers { .. } => self.new_place(item.lanes),
        };
        self.leaf_places.insert(leaf, place);
        place
    }

    /// Where `id` can be read as an array of `lanes` (0: a scalar); asks for a program to compute it if need be.
    fn place(&mut self, id: Id, lanes: usize) -> Place {
        let planner = self.planner;
        if let Expr::Input(leaf) = planner.dag.expr(id)
            && planner.lanes[id.0 as usize] == lanes
        {
            return self.leaf_place(leaf as usize);
        }
        if let Some(p) = self.places.get(&(id, lanes)) {
            return *p;
        }
        if let (Some(x), 0) = (planner.dag.as_const(id), lanes) {
            let place = self.new_place(0);
            if let Place::Scalar(k) = place {
                self.constants.push((k, x));
            }
            self.places.insert((id, lanes), place);
            return place;
        }
        let place = match self.output_of.get(&(id, lanes)) {
            Some(k) => Place::Output(*k),
            None => self.new_place(lanes),
        };
        self.places.insert((id, lanes), place);
        let group = (planner.keys[id.0 as usize], lanes);
        self.groups.entry(group).or_default().push((id, place));
        self.waiting.push((id, group));
        place
    }

    /// The inputs a program needs for one output.
    fn cone(&mut self, output: Id, group: (Key, usize)) -> BTreeMap<Id, Place> {
        let planner = self.planner;
        let mut inputs = BTreeMap::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut stack = vec![output];
        while let Some(id) = stack.pop() {
            let i = id.0 as usize;
            if !seen.insert(id) || planner.dag.as_const(id).is_some() {
                continue;
            }
            if let Expr::Input(leaf) = planner.dag.expr(id) {
                inputs.insert(id, self.leaf_place(leaf as usize));
                continue;
            }
            let elsewhere = planner.keys[i] != group.0;
            let heavy_scalar = planner.lanes[i] == 0 && group.1 > 0 && planner.has_root[i];
            if id != output && !planner.free[i] && (heavy_scalar || (elsewhere && !planner.cheap(id))) {
                let place = self.place(id, planner.lanes[i]);
                inputs.insert(id, place);
                continue;
            }
            planner.dag.operands(id, |o| stack.push(o));
        }
        inputs
    }
}

/// Operands of a barrier that has no scope, with their array lengths.
fn operands(b: &Barrier) -> Vec<(Id, usize)> {
    match b {
        Barrier::Fold { of, mask, lanes, .. } => {
            let mut v = vec![(*of, *lanes)];
            v.extend(mask.map(|m| (m, *lanes)));
            v
        }
        Barrier::Gather { of, lanes, at, out } => vec![(*of, *lanes), (*at, *out)],
        Barrier::Slice { of, lanes, .. } | Barrier::Elements { of, lanes, .. } => vec![(*of, *lanes)],
        Barrier::Concat { parts, .. } => parts
            .iter()
            .flat_map(|p| match p {
                Part::Lanes(id, n) => vec![(*id, *n)],
                Part::Scalars(ids) => ids.iter().map(|id| (*id, 0)).collect(),
            })
            .collect(),
        Barrier::Solve { .. } | Barrier::Pairs { .. } => Vec::new(),
    }
}

/// Position of an index on an axis, as in lookups; kept here for callers that gather by hand.
pub fn position(at: f64, members: usize) -> usize {
    position_on(at, members)
}
