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

mod axes;
mod plan;
mod run;

pub use axes::lane_axes;

use super::exec::{Interpreted, Operand, RunError, Workspace};
use super::lower::{Fold, InputBinding, LowerError, Lowering, Slot};
use super::program::{Mode, Program};
use super::root::Scratch;
use crate::graph::{Graph, NodeId};
use plan::Planner;
use run::Run;

/// Populations with more members than this become lanes. In one world lanes cost less from a handful of members on
/// (`benches/kernel.rs`, `sizes`).
pub const THRESHOLD: usize = 8;

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
    results: Vec<Storage>,
    statuses: Vec<Option<Storage>>,
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
    /// Where programs write single numbers.
    single: Vec<T>,
    statuses: Vec<Option<f64>>,
}

impl<T: Interpreted> Default for MembersSpace<T> {
    fn default() -> Self {
        MembersSpace {
            arrays: Vec::new(),
            splats: Vec::new(),
            scalars: Vec::new(),
            workspace: Workspace::new(),
            scratch: Vec::new(),
            accumulators: Vec::new(),
            single: Vec::new(),
            statuses: Vec::new(),
        }
    }
}

impl<T: Interpreted> MembersSpace<T> {
    /// An empty space; it grows at the first call.
    pub fn new() -> Self {
        Self::default()
    }
    /// How each root problem of the graph ended in the last call, one entry per problem (worst over its elements and
    /// members, see [`super::root`]); `None` for problems that no output needs.
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

impl<T: Interpreted> Array<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let data = vec![T::ZERO; len + 64 / size_of::<T>()];
        // On a platform that cannot tell, alignment is lost, nothing else.
        let first = data.as_ptr().align_offset(64).min(64 / size_of::<T>());
        Array { data, first, len }
    }
    /// The elements, one number per member.
    pub fn as_slice(&self) -> &[T] {
        &self.data[self.first..self.first + self.len]
    }
    /// The elements, one number per member.
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
enum Storage {
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
    elements: Vec<(usize, Storage)>,
    others: Vec<(usize, Storage)>,
}

#[derive(Clone, Debug)]
enum Step<T> {
    Run(Call<T>),
    Fold {
        how: Fold,
        of: Storage,
        mask: Option<Storage>,
        to: usize,
    },
    Gather {
        of: Storage,
        at: Storage,
        to: Storage,
    },
    Slice {
        of: Storage,
        first: usize,
        to: usize,
    },
    Elements {
        of: Storage,
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
        body: Storage,
        mask: Option<Storage>,
        count: usize,
        to: usize,
    },
}

/// A lane program with the places of its operands.
#[derive(Clone, Debug)]
struct Call<T> {
    program: Program<T>,
    n: usize,
    inputs: Vec<Storage>,
    outputs: Vec<Storage>,
    /// Those of them that are stored arrays, in order of the arrays.
    stored: Vec<(usize, Role)>,
    /// Those of them that are the caller's outputs, in their order.
    lent: Vec<(usize, Role)>,
}

/// What a program does with an array: reads it as input number `.0` or writes it as output number `.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Input(usize),
    Output(usize),
}

impl<T> Call<T> {
    fn new(program: Program<T>, n: usize, inputs: Vec<Storage>, outputs: Vec<Storage>) -> Self {
        let (mut stored, mut lent) = (Vec::new(), Vec::new());
        let roles = (0..inputs.len())
            .map(Role::Input)
            .chain((0..outputs.len()).map(Role::Output));
        for (place, role) in inputs.iter().chain(&outputs).zip(roles) {
            match *place {
                Storage::Array(k) => stored.push((k, role)),
                Storage::Output(k) => lent.push((k, role)),
                Storage::External(_) | Storage::Fixed(_) | Storage::Scalar(_) => {}
            }
        }
        stored.sort_unstable();
        lent.sort_unstable();
        Call {
            program,
            n,
            inputs,
            outputs,
            stored,
            lent,
        }
    }
}

#[derive(Clone, Debug)]
enum Piece {
    Lanes(Storage),
    Scalars(Vec<usize>),
}

impl<T: Interpreted> Members<T> {
    /// Compiles the nodes `outputs` of `graph` with populations of more than `threshold` members (usually [`THRESHOLD`]) as lanes.
    /// `bindings` has one entry per input; only constant ones matter here: other inputs are arrays if they move along a lane axis and
    /// single numbers if not.
    ///
    /// # Errors
    /// [`LowerError`]: a graph that is not well formed, bindings that do not fit, too many expressions, operations
    /// between all pairs of members that have no lane form.
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

    /// Which axes of the graph are lanes, one flag per axis.
    pub fn lanes(&self) -> &[bool] {
        &self.lanes
    }
    /// The inputs, in order, one slot per input: an array (one number per member) for a lane input, one number
    /// otherwise.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }
    /// The outputs, in order, one slot per unrolled element of each requested node.
    pub fn output_slots(&self) -> &[OutputSlot] {
        &self.output_slots
    }
    /// Number of lane programs, for reports.
    pub fn programs(&self) -> usize {
        self.scopes
            .iter()
            .flat_map(|s| &s.steps)
            .filter(|s| matches!(s, Step::Run(_)))
            .count()
    }

    /// Evaluates one world. `inputs` has one operand per slot of [`Members::slots`] (`Operand::Uniform` for scalars; it
    /// may also stand for an array of equal numbers), `outputs` one slice per slot of [`Members::output_slots`], of its
    /// length.
    ///
    /// # Errors
    /// [`RunError`]: another number of inputs or outputs, arrays shorter than their slots, lanes for a scalar.
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
            if *place != Storage::Output(k) {
                let to = std::mem::take(&mut run.outputs[k]);
                let n = self.output_slots[k].members;
                match *place {
                    Storage::Scalar(s) => to[..n].fill(run.space.scalars[s]),
                    p => to[..n].copy_from_slice(&run.array(p)[..n]),
                }
                run.outputs[k] = to;
            }
        }
        let MembersSpace { scalars, statuses, .. } = space;
        statuses.clear();
        statuses.extend(self.statuses.iter().map(|s| match s {
            Some(Storage::Scalar(k)) => Some(scalars[*k].to_f64()),
            Some(Storage::External(_) | Storage::Fixed(_) | Storage::Array(_) | Storage::Output(_)) | None => None,
        }));
        Ok(())
    }
}
