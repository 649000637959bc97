//! Evaluating chosen nodes of a graph for many worlds at once.
//!
//! A [`Frame`] holds one array per input, element by element, the worlds of an element side by side: element `e` of
//! world `w` stands at `e * worlds + w`. Outputs are laid out the same way.
//!
//! There are two kinds of programs. *Worlds as lanes*: the economy is unrolled; best for many worlds of few members. *Members
//! as lanes*, world by world; best for large populations. Where both give the same bits the engine takes what suits the
//! number of worlds. Where they round differently (reductions over everybody else, several prices that clear together) the
//! size of the population decides alone, so a world's numbers never depend on how many others run beside it. A graph that
//! has neither form (an array over all pairs of a large population, say) runs in an interpreter, node by node.

use crate::diag::Diagnostic;
use crate::graph::eval::{self, RootStatus};
use crate::graph::shape;
use crate::graph::{AxisId, Graph, InputId, Node, NodeId, Op, Root};
use crate::kernel::exec::{Operand, RunError, Workspace};
use crate::kernel::lower::{InputBinding, LowerError};
use crate::kernel::members::{self, Array, Members, MembersSpace};
use crate::kernel::program::{Mode, Program};
use crate::kernel::root;
use crate::kernel::unroll::Unroll;
use crate::limits;
use std::sync::Arc;

/// One array per input of the graph, `element x world`: element `e` of world `w` stands at `e * worlds + w`.
pub type Frame = Vec<Vec<f64>>;

/// Most elements of all nodes together that are unrolled.
const UNROLLED: usize = 100_000;

/// Members of a population from which on they are lanes, where worlds must not matter.
const LARGE: usize = 64;

/// Worlds whose numbers are brought into order together: one line of the cache.
const WORLDS_AT_ONCE: usize = 8;

/// Some nodes of a graph, ready to be evaluated.
pub struct Engine {
    graph: Arc<Graph>,
    outputs: Vec<NodeId>,
    sizes: Vec<usize>,
    /// Members of the largest population that can be lanes.
    population: usize,
    /// Whether both kinds of programs give the same bits.
    same_bits: bool,
    /// Whether it is small enough to be unrolled.
    small: bool,
    unrolled: Option<Box<Unrolled>>,
    /// `Some(None)` if there is no such form.
    by_member: Option<Option<Box<Population>>>,
    /// Whether it records how root problems ended.
    watching: bool,
    /// For each root problem of the graph and each world: how it ended in the last run.
    statuses: Vec<f64>,
}

/// How nodes are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Unrolled,
    Population,
    Interpreted,
}

impl Engine {
    /// Prepares the evaluation of `outputs`, one array per node ([`Engine::run`]); the first call that needs a program
    /// compiles it.
    ///
    /// # Errors
    /// E0990 for a graph that breaks its own rules.
    pub fn new(graph: Arc<Graph>, outputs: Vec<NodeId>) -> Result<Engine, Diagnostic> {
        shape::validate(&graph).map_err(|e| broken(&e.to_string()))?;
        let sizes = outputs
            .iter()
            .map(|o| graph.elements(&graph.nodes[o.0 as usize].shape))
            .collect();
        let same_bits = same_bits(&graph);
        let lanes = members::lane_axes(&graph, threshold(same_bits));
        let sizes_of_lanes = graph
            .axes
            .iter()
            .zip(&lanes)
            .filter(|(_, lane)| **lane)
            .map(|(a, _)| a.size);
        Ok(Engine {
            population: sizes_of_lanes.max().unwrap_or(0),
            same_bits,
            small: elements_needed(&graph, &outputs) <= UNROLLED,
            sizes,
            unrolled: None,
            by_member: None,
            watching: false,
            statuses: Vec::new(),
            graph,
            outputs,
        })
    }

    /// As [`Engine::new`]; every run also records how the root problems ended, see [`Engine::statuses`].
    ///
    /// # Errors
    /// E0990, as [`Engine::new`].
    pub fn watching(graph: Arc<Graph>, outputs: Vec<NodeId>) -> Result<Engine, Diagnostic> {
        let mut engine = Engine::new(graph, outputs)?;
        engine.watching = !engine.graph.roots.is_empty();
        Ok(engine)
    }

    /// How each root problem ended in the last run (the worst of its elements, see [`crate::kernel::root`]), `problem x
    /// world`: that of problem `r` in world `w` stands at `r * worlds + w`; NaN where nothing needed it. Empty unless
    /// the engine is watching.
    pub fn statuses(&self) -> &[f64] {
        &self.statuses
    }

    /// Number of elements of each output: one number per output.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Evaluates the outputs in `worlds` worlds: one array per output, `element x world`.
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub fn run(&mut self, frame: &Frame, worlds: usize) -> Result<Vec<Vec<f64>>, Diagnostic> {
        let mut out = Vec::new();
        self.run_into(frame, worlds, &mut out)?;
        Ok(out)
    }

    /// As [`Engine::run`], into arrays that are reused: if `out` comes from an earlier call with as many worlds, a
    /// program of worlds allocates nothing.
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub fn run_into(&mut self, frame: &Frame, worlds: usize, out: &mut Vec<Vec<f64>>) -> Result<(), Diagnostic> {
        out.resize_with(self.sizes.len(), Vec::new);
        for (array, size) in out.iter_mut().zip(&self.sizes) {
            array.resize(size * worlds, 0.0);
        }
        if self.outputs.is_empty() || worlds == 0 {
            return Ok(());
        }
        let plan = self.prepare(worlds)?;
        self.statuses.clear();
        if self.watching {
            self.statuses.resize(self.graph.roots.len() * worlds, f64::NAN);
        }
        let ended = &mut self.statuses[..];
        match (plan, &mut self.unrolled, &mut self.by_member) {
            (Plan::Unrolled, Some(u), _) => u.run(frame, worlds, out, ended).map_err(|e| broken(&e.to_string())),
            (Plan::Population, _, Some(Some(p))) => {
                p.run(frame, worlds, out, ended).map_err(|e| broken(&e.to_string()))
            }
            (Plan::Unrolled | Plan::Population | Plan::Interpreted, _, _) => {
                interpret(&self.graph, &self.outputs, frame, worlds, out, ended)
            }
        }
    }

    /// Chooses the plan for so many worlds and compiles what it needs.
    fn prepare(&mut self, worlds: usize) -> Result<Plan, Diagnostic> {
        let large = if self.same_bits && self.small {
            members_are_better(self.population, worlds)
        } else {
            self.population > 0
        };
        if large {
            if self.by_member.is_none() {
                let p = Population::new(&self.graph, &self.outputs, threshold(self.same_bits))?;
                self.by_member = Some(p.map(Box::new));
            }
            if let Some(Some(_)) = &self.by_member {
                return Ok(Plan::Population);
            }
        }
        if !self.small {
            return Ok(Plan::Interpreted);
        }
        if self.unrolled.is_none() {
            self.unrolled = Some(Box::new(Unrolled::new(&self.graph, &self.outputs, self.watching)?));
        }
        Ok(Plan::Unrolled)
    }
}

/// Whether members are the better lanes. The costs are nanoseconds per member of a consumption-saving step (`benches/kernel.rs`,
/// `engine`): instructions cost much the same for one world as for a dozen, programs over members have to be started,
/// and in several worlds the members of each have to be brought together. Only ratios matter.
fn members_are_better(population: usize, worlds: usize) -> bool {
    let worlds_as_lanes = 80.0 / worlds as f64 + 1.2;
    let members_as_lanes = if worlds > 1 { 5.5 } else { 1.2 } + 350.0 / population.max(1) as f64;
    population > 0 && members_as_lanes < worlds_as_lanes
}

/// Populations with more members are lanes.
fn threshold(same_bits: bool) -> usize {
    if same_bits { members::THRESHOLD } else { LARGE }
}

/// Whether both kinds of programs give the same bits: no reductions over everybody else, no prices solved together.
fn same_bits(graph: &Graph) -> bool {
    let single = |r: &Root| r.unknowns.len() == 1 && graph.inputs[r.unknowns[0].0 as usize].shape.is_empty();
    let others = |n: &Node| matches!(n.op, Op::Others { .. });
    graph.roots.iter().all(single) && !graph.nodes.iter().any(others)
}

fn broken(why: &str) -> Diagnostic {
    Diagnostic::error("E0990", format!("the graph cannot be evaluated: {why}"))
        .hint("this is a bug in econc: please send the model")
}

/// Elements of all nodes that `outputs` depend on, constants apart.
fn elements_needed(graph: &Graph, outputs: &[NodeId]) -> usize {
    let below = graph.below(outputs.iter().copied()).through_roots();
    let varies = below.filter(|(_, node)| !matches!(node.op, Op::Const(_) | Op::Table(_) | Op::Position(_)));
    varies.fold(0, |total: usize, (_, node)| {
        total.saturating_add(graph.elements(&node.shape))
    })
}

// ---- Worlds as lanes

/// A program over (input, element) pairs.
struct Unrolled {
    program: Program<f64>,
    /// (input, element) behind each input of the program.
    inputs: Vec<(usize, usize)>,
    /// Root problems whose statuses are the last outputs.
    watched: Vec<usize>,
    workspace: Workspace<f64>,
}

impl Unrolled {
    fn new(graph: &Graph, outputs: &[NodeId], watching: bool) -> Result<Unrolled, Diagnostic> {
        let mut unroll = Unroll::new(graph);
        let mut inputs = Vec::new();
        let unknown = |i: usize| graph.roots.iter().any(|r| r.unknowns.contains(&InputId(i as u32)));
        for (i, input) in graph.inputs.iter().enumerate() {
            if unknown(i) {
                continue; // stands for the solution
            }
            let n = graph.elements(&input.shape);
            let first = inputs.len();
            inputs.extend((0..n).map(|e| (i, e)));
            let ids = (first..first + n).map(|k| unroll.dag.input(k as u32)).collect();
            unroll.bind(InputId(i as u32), ids);
        }
        let mut ids = Vec::new();
        for o in outputs {
            ids.extend(unroll.node(*o).map_err(|e| broken(&e.to_string()))?);
        }
        let mut watched = Vec::new();
        if watching {
            for (root, status) in unroll.statuses().into_iter().enumerate() {
                if let Some(id) = status {
                    ids.push(id);
                    watched.push(root);
                }
            }
        }
        let modes = vec![Mode::Lanes; inputs.len()];
        let program = Program::compile(&unroll.dag, &modes, &ids).map_err(|e| broken(&e.to_string()))?;
        Ok(Unrolled {
            program,
            inputs,
            watched,
            workspace: Workspace::default(),
        })
    }

    fn run(&mut self, frame: &Frame, worlds: usize, out: &mut [Vec<f64>], ended: &mut [f64]) -> Result<(), RunError> {
        let mut call = self.program.call(worlds, &mut self.workspace);
        for (k, (i, e)) in self.inputs.iter().enumerate() {
            call.input(k, Operand::Lanes(&frame[*i][e * worlds..(e + 1) * worlds]))?;
        }
        let watched = &self.watched;
        let statuses = ended
            .chunks_mut(worlds)
            .enumerate()
            .filter(|(root, _)| watched.contains(root))
            .map(|(_, status)| status);
        let elements = out.iter_mut().flat_map(|o| o.chunks_mut(worlds)).chain(statuses);
        for (k, element) in elements.enumerate() {
            call.output(k, element)?;
        }
        call.run()
    }
}

// ---- Members as lanes

/// Programs over the members of large populations, run world by world.
struct Population {
    members: Members<f64>,
    space: MembersSpace<f64>,
    inputs: Vec<Strip>,
    outputs: Vec<Strip>,
    /// Inputs and outputs in the order programs like, for several worlds.
    gathered: Vec<Vec<Array<f64>>>,
    computed: Vec<Vec<Array<f64>>>,
}

/// The members of one element of an array: every `stride`-th number from `first`.
#[derive(Clone, Copy, Debug)]
struct Strip {
    /// Which input or output.
    array: usize,
    first: usize,
    stride: usize,
    members: usize,
    /// Whether it varies along members at all.
    mode: Mode,
}

impl Strip {
    /// Element `element` (row-major over the axes that are no lanes) of an array of a shape.
    fn new(graph: &Graph, lanes: &[bool], array: usize, shape: &[AxisId], element: usize) -> Strip {
        let size = |a: &AxisId| graph.axes[a.0 as usize].size;
        let is_lane = |a: &AxisId| lanes[a.0 as usize];
        let mut rest = element;
        let (mut first, mut step, mut stride, mut members) = (0, 1, 1, 1);
        let mut mode = Mode::Uniform;
        for a in shape.iter().rev() {
            if is_lane(a) {
                (stride, members, mode) = (step, size(a), Mode::Lanes);
            } else {
                first += rest % size(a) * step;
                rest /= size(a);
            }
            step *= size(a);
        }
        Strip {
            array,
            first,
            stride,
            members,
            mode,
        }
    }

    /// Where member `i` of world `w` stands.
    fn at(&self, i: usize, w: usize, worlds: usize) -> usize {
        (self.first + i * self.stride) * worlds + w
    }
}

impl Population {
    /// `None` if the graph has no such form.
    fn new(graph: &Graph, outputs: &[NodeId], threshold: usize) -> Result<Option<Population>, Diagnostic> {
        let bindings = vec![InputBinding::Lanes; graph.inputs.len()];
        let members = match Members::<f64>::lower_with(graph, &bindings, outputs, threshold) {
            Ok(m) => m,
            Err(LowerError::Pairs { .. } | LowerError::TooLarge { .. }) => return Ok(None),
            Err(
                e @ (LowerError::Graph(_)
                | LowerError::Compile(_)
                | LowerError::Binding { .. }
                | LowerError::Unbound(_)
                | LowerError::Count { .. }),
            ) => return Err(broken(&e.to_string())),
        };
        let strip = |array: usize, shape: &[AxisId], element| Strip::new(graph, members.lanes(), array, shape, element);
        let inputs = members
            .slots()
            .iter()
            .map(|s| {
                let i = s.input.0 as usize;
                strip(i, &graph.inputs[i].shape, s.element)
            })
            .collect();
        let outputs = members
            .output_slots()
            .iter()
            .map(|s| strip(s.output, &graph.nodes[outputs[s.output].0 as usize].shape, s.element))
            .collect();
        Ok(Some(Population {
            members,
            space: MembersSpace::new(),
            inputs,
            outputs,
            gathered: Vec::new(),
            computed: Vec::new(),
        }))
    }

    fn run(&mut self, frame: &Frame, worlds: usize, out: &mut [Vec<f64>], ended: &mut [f64]) -> Result<(), RunError> {
        let at_once = worlds.min(WORLDS_AT_ONCE);
        self.gathered.resize_with(self.inputs.len(), Vec::new);
        self.computed.resize_with(self.outputs.len(), Vec::new);
        for from in (0..worlds).step_by(WORLDS_AT_ONCE) {
            let block = from..(from + at_once).min(worlds);
            for (strip, arrays) in self.inputs.iter().zip(&mut self.gathered) {
                if strip.mode == Mode::Lanes && !in_place(strip, worlds) {
                    fit(arrays, at_once, strip.members);
                    gather(strip, &frame[strip.array], block.clone(), worlds, arrays);
                }
            }
            for (strip, arrays) in self.outputs.iter().zip(&mut self.computed) {
                if !in_place(strip, worlds) {
                    fit(arrays, at_once, strip.members);
                }
            }
            for w in block.clone() {
                self.world(frame, worlds, from, w, out)?;
                for (root, statuses) in ended.chunks_mut(worlds).enumerate() {
                    statuses[w] = self.space.statuses().get(root).copied().flatten().unwrap_or(f64::NAN);
                }
            }
            for (strip, arrays) in self.outputs.iter().zip(&self.computed) {
                if !in_place(strip, worlds) {
                    scatter(strip, arrays, block.clone(), worlds, &mut out[strip.array]);
                }
            }
        }
        Ok(())
    }

    /// World `w` of the block that begins at `from`.
    fn world(
        &mut self,
        frame: &Frame,
        worlds: usize,
        from: usize,
        w: usize,
        out: &mut [Vec<f64>],
    ) -> Result<(), RunError> {
        let operands: Vec<Operand<f64>> = self
            .inputs
            .iter()
            .zip(&self.gathered)
            .map(|(s, arrays)| match s.mode {
                Mode::Uniform => Operand::Uniform(frame[s.array][s.at(0, w, worlds)]),
                Mode::Lanes if in_place(s, worlds) => Operand::Lanes(&frame[s.array][s.first..s.first + s.members]),
                Mode::Lanes => Operand::Lanes(arrays[w - from].as_slice()),
            })
            .collect();
        // In place, the strips of an output lie one behind the other, in order.
        let mut rest: Vec<&mut [f64]> = out.iter_mut().map(Vec::as_mut_slice).collect();
        let mut outputs: Vec<&mut [f64]> = Vec::with_capacity(self.outputs.len());
        for (s, arrays) in self.outputs.iter().zip(&mut self.computed) {
            outputs.push(if in_place(s, worlds) {
                let (mine, behind) = std::mem::take(&mut rest[s.array]).split_at_mut(s.members);
                rest[s.array] = behind;
                mine
            } else {
                arrays[w - from].as_mut_slice()
            });
        }
        self.members.run(&operands, &mut outputs, &mut self.space)
    }
}

/// Whether the members stand one behind the other already.
fn in_place(strip: &Strip, worlds: usize) -> bool {
    worlds == 1 && strip.stride == 1
}

fn fit(arrays: &mut Vec<Array<f64>>, count: usize, members: usize) {
    if arrays.len() != count {
        arrays.clear();
        arrays.resize_with(count, || Array::zeros(members));
    }
}

fn gather(strip: &Strip, from: &[f64], block: std::ops::Range<usize>, worlds: usize, to: &mut [Array<f64>]) {
    let mut columns: [&mut [f64]; WORLDS_AT_ONCE] = std::array::from_fn(|_| Default::default());
    for (column, array) in columns.iter_mut().zip(to) {
        *column = array.as_mut_slice();
    }
    let n = block.len();
    for i in 0..strip.members {
        limits::poll();
        let at = strip.at(i, block.start, worlds);
        for (column, x) in columns.iter_mut().zip(&from[at..at + n]) {
            column[i] = *x;
        }
    }
}

fn scatter(strip: &Strip, from: &[Array<f64>], block: std::ops::Range<usize>, worlds: usize, to: &mut [f64]) {
    let mut columns: [&[f64]; WORLDS_AT_ONCE] = [&[]; WORLDS_AT_ONCE];
    for (column, array) in columns.iter_mut().zip(from) {
        *column = array.as_slice();
    }
    let n = block.len();
    for i in 0..strip.members {
        limits::poll();
        let at = strip.at(i, block.start, worlds);
        for (x, column) in to[at..at + n].iter_mut().zip(&columns) {
            *x = column[i];
        }
    }
}

// ---- Neither

fn interpret(
    graph: &Graph,
    outputs: &[NodeId],
    frame: &Frame,
    worlds: usize,
    out: &mut [Vec<f64>],
    ended: &mut [f64],
) -> Result<(), Diagnostic> {
    for w in 0..worlds {
        limits::poll();
        let inputs: Vec<Vec<f64>> = frame
            .iter()
            .map(|a| a.iter().skip(w).step_by(worlds).copied().collect())
            .collect();
        let values = eval::evaluate(graph, &inputs).map_err(|e| broken(&e.to_string()))?;
        for (statuses, status) in ended.chunks_mut(worlds).zip(&values.roots) {
            statuses[w] = match status {
                RootStatus::One => root::ONE,
                RootStatus::Several => root::SEVERAL,
                RootStatus::None => root::NONE,
                RootStatus::Unsettled => root::UNSETTLED,
            };
        }
        for (array, o) in out.iter_mut().zip(outputs) {
            for (e, x) in values.nodes[o.0 as usize].iter().enumerate() {
                array[e * worlds + w] = *x;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
