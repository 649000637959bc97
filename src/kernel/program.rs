//! Flat register programs: a scalar graph compiled for evaluation over many lanes.
//!
//! Compilation: expressions that depend on uniform inputs and constants alone go to a prologue, computed once a call;
//! the rest is ordered so that deep operands come first, gets registers by linear scan over that order, and becomes a
//! list of small instructions whose operands are registers (a block of lanes) or uniforms (one number). A destination
//! never is one of its instruction's sources. Inputs and outputs are registers too, which point straight into the
//! caller's arrays. A root problem is one instruction with a program of its own for the residuals (and their Jacobian
//! if there are several); what does not move with the unknowns is computed outside and handed in.
//!
//! `exec.rs` interprets programs. Nothing here is unsafe.

use super::dag::{Dag, Expr, Id};
use super::differentiate;
use super::math::Real;
use crate::graph::{Binary, Unary};
use std::collections::{BTreeMap, HashMap};
use thiserror::Error;

pub use super::exec::{Call, Operand, RunError, Tier, Workspace};

/// How an input varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One number a lane.
    Lanes,
    /// One number a call.
    Uniform,
}

/// Why a graph cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompileError {
    /// An expression reads an input that was not declared.
    #[error("input {0} of the scalar graph is not among the program's inputs")]
    Input(u32),
    /// An expression outside its root problem reads an unknown.
    #[error("unknown {0} is used outside the problem that solves for it")]
    Unknown(u32),
}

/// Where an operand is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A block of lanes.
    Register(u32),
    /// One number.
    Uniform(u32),
}

/// What an instruction does; `R` operands are registers, `U` uniforms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Code {
    /// dst = a
    Copy,
    /// dst = uniform a
    Splat,
    /// dst = op(a)
    Unary(Unary),
    /// dst = sin(a), register b = cos(a)
    SinCos,
    /// dst = op(a, b)
    BinaryRR(Binary),
    /// dst = op(a, uniform b)
    BinaryRU(Binary),
    /// dst = op(uniform a, b)
    BinaryUR(Binary),
    /// dst = c ? a : b, all registers
    SelectRR,
    /// dst = c ? a : uniform b
    SelectRU,
    /// dst = c ? uniform a : b
    SelectUR,
    /// dst = c ? uniform a : uniform b
    SelectUU,
    /// dst = c < a ? .. with the comparison's left in `d`: see `Instruction::d`
    LessSelect,
    /// dst = a b + c
    MultiplyAdd,
    /// dst = a b - c
    MultiplySubtract,
    /// dst = uniform a * b + c
    ScaleAdd,
    /// dst = uniform a * b + uniform c
    ScaleShift,
    /// dst = a b + uniform c
    MultiplyShift,
    /// dst = c - a b
    MultiplyFrom,
    /// dst = (a b) * uniform c
    ProductScale,
    /// dst = (uniform a * b) * c
    ScaleMultiply,
    /// dst = a == uniform b ? uniform c : uniform d
    EqualChoice,
    /// dst = table[a]
    Lookup(u32),
    /// Root problem number `.0`
    Solve(u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Instruction {
    pub code: Code,
    pub dst: u32,
    pub a: u32,
    pub b: u32,
    pub c: u32,
    pub d: u32,
}

/// An instruction on uniforms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Unary(Unary, u32, u32),
    Binary(Binary, u32, u32, u32),
    Select(u32, u32, u32, u32),
    Lookup(u32, u32, u32),
    Solve(u32),
}

/// A root problem inside a program.
#[derive(Clone, Debug)]
pub(super) struct RootCall<T> {
    pub unknowns: usize,
    /// Inputs: the unknowns, then the captured values. Outputs: residuals.
    pub residual: Program<T>,
    /// The same inputs; residuals, then the Jacobian row by row. Only for several unknowns.
    pub jacobian: Option<Program<T>>,
    pub captured: Vec<Source>,
    pub brackets: Vec<(Source, Source)>,
    /// Registers (or uniforms, in the prologue) of the solutions and of the status, where they are used.
    pub dst: Vec<Option<u32>>,
    pub status: Option<u32>,
}

/// A compiled graph.
#[derive(Clone, Debug)]
pub struct Program<T> {
    pub(super) modes: Vec<Mode>,
    /// Register of each lane input, slot of each uniform one.
    pub(super) input_at: Vec<u32>,
    pub(super) n_lane_inputs: usize,
    pub(super) n_outputs: usize,
    pub(super) n_temporaries: usize,
    pub(super) constants: Vec<T>,
    pub(super) n_uniforms: usize,
    pub(super) prologue: Vec<Scalar>,
    pub(super) body: Vec<Instruction>,
    pub(super) tables: Vec<Vec<T>>,
    pub(super) roots: Vec<RootCall<T>>,
}

impl<T: Real> Program<T> {
    /// Compiles `outputs` of `dag`; input `i` of the graph varies as `modes[i]` says.
    pub fn compile(dag: &Dag, modes: &[Mode], outputs: &[Id]) -> Result<Program<T>, CompileError> {
        let mut dag = dag.clone();
        let mut leaves = HashMap::new();
        for i in 0..modes.len() {
            leaves.insert(dag.input(i as u32), i);
        }
        build(&mut dag, &leaves, modes, outputs)
    }

    /// Compiles with any expressions as inputs: what stands below them is not evaluated.
    pub fn compile_at(dag: &Dag, inputs: &[(Id, Mode)], outputs: &[Id]) -> Result<Program<T>, CompileError> {
        let leaves = inputs.iter().enumerate().map(|(i, (id, _))| (*id, i)).collect();
        let modes: Vec<Mode> = inputs.iter().map(|(_, mode)| *mode).collect();
        build(&mut dag.clone(), &leaves, &modes, outputs)
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.modes.len()
    }
    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.n_outputs
    }
    /// Number of instructions a block of lanes goes through.
    pub fn instructions(&self) -> usize {
        self.body.len()
    }
    /// Number of blocks of temporaries held at once.
    pub fn registers(&self) -> usize {
        self.n_temporaries
    }
}

/// What a root problem needs from outside, and what is compiled inside.
struct Plan {
    inner_outputs: Vec<Id>,
    jacobian_outputs: Option<Vec<Id>>,
    unknowns: Vec<Id>,
    captured: Vec<Id>,
    brackets: Vec<(Id, Id)>,
}

fn build<T: Real>(
    dag: &mut Dag,
    leaves: &HashMap<Id, usize>,
    modes: &[Mode],
    outputs: &[Id],
) -> Result<Program<T>, CompileError> {
    let plans = plan_roots(dag, leaves, outputs);
    let order = order(dag, leaves, &plans, outputs)?;
    let n = dag.len();

    // Uniform or by lane.
    let mut by_lane = vec![false; n];
    for &id in &order {
        by_lane[id.0 as usize] = match leaves.get(&id) {
            Some(i) => modes[*i] == Mode::Lanes,
            None => {
                let mut any = false;
                edges(dag, leaves, &plans, id, |o| any |= by_lane[o.0 as usize]);
                any
            }
        };
    }

    let mut c = Compiler {
        dag,
        leaves,
        plans: &plans,
        by_lane: &by_lane,
        at: vec![None; n],
        constants: Vec::new(),
        tables: HashMap::new(),
        program: Program {
            modes: modes.to_vec(),
            input_at: vec![u32::MAX; modes.len()],
            n_lane_inputs: 0,
            n_outputs: outputs.len(),
            n_temporaries: 0,
            constants: Vec::new(),
            n_uniforms: 0,
            prologue: Vec::new(),
            body: Vec::new(),
            tables: Vec::new(),
            roots: Vec::new(),
        },
    };
    c.place_leaves(&order);
    c.prologue(&order)?;
    c.body(&order, outputs)?;
    Ok(c.program)
}

fn plan_roots(dag: &mut Dag, leaves: &HashMap<Id, usize>, outputs: &[Id]) -> BTreeMap<u32, Plan> {
    let mut plans: BTreeMap<u32, Plan> = BTreeMap::new();
    loop {
        // The problems reachable without entering one; captured values may hold further ones.
        let mut stack: Vec<Id> = outputs.to_vec();
        let mut seen = vec![false; dag.len()];
        let mut missing = None;
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut seen[id.0 as usize], true) || leaves.contains_key(&id) {
                continue;
            }
            if let Expr::Root(r, _) | Expr::RootStatus(r) = dag.expr(id)
                && !plans.contains_key(&r)
            {
                missing = Some(r);
                break;
            }
            edges(dag, leaves, &plans, id, |o| stack.push(o));
        }
        let Some(r) = missing else {
            return plans;
        };
        let problem = dag.roots()[r as usize].clone();
        let unknowns: Vec<Id> = problem.unknowns.iter().map(|u| dag.unknown(*u)).collect();
        let jacobian_outputs = (unknowns.len() > 1).then(|| {
            let columns: Vec<Vec<Id>> = unknowns
                .iter()
                .map(|u| differentiate::derivative(dag, &problem.residuals, *u))
                .collect();
            let mut all = problem.residuals.clone();
            for row in 0..unknowns.len() {
                all.extend(columns.iter().map(|c| c[row]));
            }
            all
        });
        // Everything that does not use an unknown bound inside is computed outside.
        let bound: Vec<Id> = (0..dag.len() as u32)
            .map(Id)
            .filter(|id| matches!(dag.expr(*id), Expr::Unknown(_)) && !leaves.contains_key(id))
            .collect();
        let moves = dag.dependents(&bound);
        let mut captured = Vec::new();
        let mut seen = vec![false; dag.len()];
        let mut stack = problem.residuals.clone();
        stack.extend(jacobian_outputs.iter().flatten());
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            if moves[id.0 as usize] {
                dag.operands(id, |o| stack.push(o));
            } else if dag.as_const(id).is_none() {
                captured.push(id);
            }
        }
        captured.sort();
        plans.insert(
            r,
            Plan {
                inner_outputs: problem.residuals,
                jacobian_outputs,
                unknowns,
                captured,
                brackets: problem.brackets,
            },
        );
    }
}

/// What must be known before `id` can be computed in this program.
fn edges(dag: &Dag, leaves: &HashMap<Id, usize>, plans: &BTreeMap<u32, Plan>, id: Id, mut each: impl FnMut(Id)) {
    if leaves.contains_key(&id) {
        return;
    }
    match dag.expr(id) {
        Expr::Root(r, _) | Expr::RootStatus(r) => {
            if let Some(plan) = plans.get(&r) {
                plan.captured.iter().for_each(|c| each(*c));
                plan.brackets.iter().for_each(|(lo, hi)| {
                    each(*lo);
                    each(*hi);
                });
            }
        }
        Expr::Const(_)
        | Expr::Input(_)
        | Expr::Unknown(_)
        | Expr::Unary(..)
        | Expr::Binary(..)
        | Expr::Select(..)
        | Expr::Lookup(..) => dag.operands(id, each),
    }
}

/// Every needed expression after its operands, deep operands first.
fn order(
    dag: &Dag,
    leaves: &HashMap<Id, usize>,
    plans: &BTreeMap<u32, Plan>,
    outputs: &[Id],
) -> Result<Vec<Id>, CompileError> {
    let mut height = vec![0u32; dag.len()];
    let mut result = Vec::new();
    for sorted in [false, true] {
        result.clear();
        let mut done = vec![false; dag.len()];
        let mut stack: Vec<(Id, bool)> = outputs.iter().rev().map(|o| (*o, false)).collect();
        while let Some((id, ready)) = stack.pop() {
            let i = id.0 as usize;
            if done[i] {
                continue;
            }
            if ready {
                done[i] = true;
                let mut h = 0;
                edges(dag, leaves, plans, id, |o| h = h.max(height[o.0 as usize] + 1));
                height[i] = h;
                result.push(id);
                continue;
            }
            if !leaves.contains_key(&id) {
                match dag.expr(id) {
                    Expr::Input(n) => return Err(CompileError::Input(n)),
                    Expr::Unknown(n) => return Err(CompileError::Unknown(n)),
                    Expr::Const(_)
                    | Expr::Unary(..)
                    | Expr::Binary(..)
                    | Expr::Select(..)
                    | Expr::Lookup(..)
                    | Expr::Root(..)
                    | Expr::RootStatus(_) => {}
                }
            }
            stack.push((id, true));
            let mut operands = Vec::new();
            edges(dag, leaves, plans, id, |o| operands.push(o));
            if sorted {
                // The last pushed is computed first.
                operands.sort_by_key(|o| height[o.0 as usize]);
            }
            stack.extend(operands.into_iter().filter(|o| !done[o.0 as usize]).map(|o| (o, false)));
        }
    }
    Ok(result)
}

struct Compiler<'a, T> {
    dag: &'a mut Dag,
    leaves: &'a HashMap<Id, usize>,
    plans: &'a BTreeMap<u32, Plan>,
    by_lane: &'a [bool],
    at: Vec<Option<Source>>,
    constants: Vec<f64>,
    tables: HashMap<u32, u32>,
    program: Program<T>,
}

/// One step of the body: an expression, a sine and a cosine of the same angle, or a root problem with all its solutions.
#[derive(Clone, Copy)]
enum Step {
    Expr(Id),
    SinCos([Id; 2]),
    Solve(u32),
}

impl<T: Real> Compiler<'_, T> {
    fn place_leaves(&mut self, order: &[Id]) {
        for id in order {
            if let Some(x) = self.dag.as_const(*id) {
                self.at[id.0 as usize] = Some(Source::Uniform(self.constants.len() as u32));
                self.constants.push(x);
            }
        }
        self.program.constants = self.constants.iter().map(|x| T::from_f64(*x)).collect();
        self.program.n_uniforms = self.constants.len();
        // Inputs keep their order whether they are used or not.
        for (i, mode) in self.program.modes.iter().enumerate() {
            self.program.input_at[i] = match mode {
                Mode::Lanes => {
                    self.program.n_lane_inputs += 1;
                    self.program.n_lane_inputs as u32 - 1
                }
                Mode::Uniform => {
                    self.program.n_uniforms += 1;
                    self.program.n_uniforms as u32 - 1
                }
            };
        }
        for id in order {
            if let Some(i) = self.leaves.get(id) {
                let at = self.program.input_at[*i];
                self.at[id.0 as usize] = Some(match self.program.modes[*i] {
                    Mode::Lanes => Source::Register(at),
                    Mode::Uniform => Source::Uniform(at),
                });
            }
        }
    }

    fn source(&self, id: Id) -> Source {
        // Operands stand before their users in the order, so they have a place.
        self.at[id.0 as usize].unwrap_or(Source::Uniform(0))
    }
    fn slot(&self, id: Id) -> u32 {
        match self.source(id) {
            Source::Uniform(s) | Source::Register(s) => s,
        }
    }

    fn new_uniform(&mut self, id: Id) -> u32 {
        let slot = self.program.n_uniforms as u32;
        self.program.n_uniforms += 1;
        self.at[id.0 as usize] = Some(Source::Uniform(slot));
        slot
    }

    fn table(&mut self, t: u32) -> u32 {
        let next = self.program.tables.len() as u32;
        let number = *self.tables.entry(t).or_insert(next);
        if number == next {
            let values = self.dag.tables()[t as usize].iter().map(|v| T::from_f64(*v)).collect();
            self.program.tables.push(values);
        }
        number
    }

    fn prologue(&mut self, order: &[Id]) -> Result<(), CompileError> {
        let members = root_members(self.dag, order);
        for &id in order {
            if self.by_lane[id.0 as usize] || self.at[id.0 as usize].is_some() {
                continue;
            }
            let step = match self.dag.expr(id) {
                Expr::Const(_) | Expr::Input(_) | Expr::Unknown(_) => continue,
                Expr::Unary(op, x) => {
                    let x = self.slot(x);
                    Scalar::Unary(op, self.new_uniform(id), x)
                }
                Expr::Binary(op, a, b) => {
                    let (a, b) = (self.slot(a), self.slot(b));
                    Scalar::Binary(op, self.new_uniform(id), a, b)
                }
                Expr::Select(c, a, b) => {
                    let (c, a, b) = (self.slot(c), self.slot(a), self.slot(b));
                    Scalar::Select(self.new_uniform(id), c, a, b)
                }
                Expr::Lookup(t, x) => {
                    let (t, x) = (self.table(t), self.slot(x));
                    Scalar::Lookup(self.new_uniform(id), t, x)
                }
                Expr::Root(r, _) | Expr::RootStatus(r) => {
                    let mut call = self.root_call(r)?;
                    for &m in &members[&r] {
                        let slot = self.new_uniform(m);
                        self.note_solution(&mut call, m, slot);
                    }
                    self.program.roots.push(call);
                    Scalar::Solve(self.program.roots.len() as u32 - 1)
                }
            };
            self.program.prologue.push(step);
        }
        Ok(())
    }

    /// The call without its destinations.
    fn root_call(&mut self, r: u32) -> Result<RootCall<T>, CompileError> {
        let plan = &self.plans[&r];
        let mut leaves = HashMap::new();
        let mut modes = Vec::new();
        for u in &plan.unknowns {
            leaves.insert(*u, modes.len());
            modes.push(Mode::Lanes);
        }
        let mut captured = Vec::new();
        for c in &plan.captured {
            leaves.insert(*c, modes.len());
            let source = self.source(*c);
            modes.push(match source {
                Source::Register(_) => Mode::Lanes,
                Source::Uniform(_) => Mode::Uniform,
            });
            captured.push(source);
        }
        let residual = build(self.dag, &leaves, &modes, &plan.inner_outputs)?;
        let jacobian = match &plan.jacobian_outputs {
            Some(outputs) => Some(build(self.dag, &leaves, &modes, outputs)?),
            None => None,
        };
        Ok(RootCall {
            unknowns: plan.unknowns.len(),
            residual,
            jacobian,
            captured,
            brackets: plan
                .brackets
                .iter()
                .map(|(lo, hi)| (self.source(*lo), self.source(*hi)))
                .collect(),
            dst: vec![None; plan.unknowns.len()],
            status: None,
        })
    }

    fn note_solution(&self, call: &mut RootCall<T>, id: Id, at: u32) {
        match self.dag.expr(id) {
            Expr::Root(_, which) => call.dst[which as usize] = Some(at),
            Expr::RootStatus(_) => call.status = Some(at),
            Expr::Const(_)
            | Expr::Input(_)
            | Expr::Unknown(_)
            | Expr::Unary(..)
            | Expr::Binary(..)
            | Expr::Select(..)
            | Expr::Lookup(..) => {}
        }
    }

    fn body(&mut self, order: &[Id], outputs: &[Id]) -> Result<(), CompileError> {
        let members = root_members(self.dag, order);
        let uses = count_uses(self.dag, self.leaves, self.plans, order, outputs);
        // The steps in order, one a root problem; expressions that are part of a longer instruction have none.
        let mut steps = Vec::new();
        let mut solved = std::collections::BTreeSet::new();
        let absorbed = self.absorbed(order, &uses);
        let turns = self.turns(order);
        for &id in order {
            if !self.by_lane[id.0 as usize] || self.leaves.contains_key(&id) || absorbed[id.0 as usize] {
                continue;
            }
            if let Some((first, pair)) = turns.get(&id) {
                if *first {
                    steps.push(Step::SinCos(*pair));
                }
                continue;
            }
            match self.dag.expr(id) {
                Expr::Root(r, _) | Expr::RootStatus(r) => {
                    if solved.insert(r) {
                        steps.push(Step::Solve(r));
                    }
                }
                Expr::Const(_)
                | Expr::Input(_)
                | Expr::Unknown(_)
                | Expr::Unary(..)
                | Expr::Binary(..)
                | Expr::Select(..)
                | Expr::Lookup(..) => steps.push(Step::Expr(id)),
            }
        }
        let mut last_use = vec![0usize; self.dag.len()];
        for (at, step) in steps.iter().enumerate() {
            let id = match step {
                Step::Expr(id) | Step::SinCos([id, _]) => *id,
                Step::Solve(r) => members[r][0],
            };
            let mut stack = vec![id];
            while let Some(id) = stack.pop() {
                edges(self.dag, self.leaves, self.plans, id, |o| {
                    last_use[o.0 as usize] = at;
                    if absorbed[o.0 as usize] {
                        stack.push(o);
                    }
                });
            }
        }
        // The first output of an expression is computed in place.
        let first_output = self.program.n_lane_inputs as u32;
        let first_temporary = first_output + outputs.len() as u32;
        let mut output_of: HashMap<Id, u32> = HashMap::new();
        let mut copies = Vec::new();
        for (k, id) in outputs.iter().enumerate() {
            let register = first_output + k as u32;
            if self.by_lane[id.0 as usize] && !self.leaves.contains_key(id) && !output_of.contains_key(id) {
                output_of.insert(*id, register);
            } else {
                copies.push((register, *id));
            }
        }
        let mut free: Vec<u32> = Vec::new();
        let mut dying: Vec<Vec<Id>> = vec![Vec::new(); steps.len()];
        for (at, step) in steps.iter().enumerate() {
            let made: &[Id] = match step {
                Step::Expr(id) => std::slice::from_ref(id),
                Step::SinCos(pair) => pair,
                Step::Solve(r) => &members[r],
            };
            let mut places = Vec::new();
            for &id in made {
                let register = output_of.get(&id).copied().unwrap_or_else(|| {
                    free.pop().unwrap_or_else(|| {
                        self.program.n_temporaries += 1;
                        first_temporary + self.program.n_temporaries as u32 - 1
                    })
                });
                places.push(register);
                if !output_of.contains_key(&id) {
                    // An unused solution lives for its own step only.
                    dying[last_use[id.0 as usize].max(at)].push(id);
                }
            }
            match step {
                Step::Expr(id) => {
                    if let Expr::Lookup(t, _) = self.dag.expr(*id) {
                        self.table(t);
                    }
                    let mut instruction = self.instruction(*id, places[0], &absorbed);
                    // pow, mod and div have one loop each, on registers: a uniform operand is spread first.
                    let spread = match instruction.code {
                        Code::BinaryRU(Binary::Pow | Binary::Mod | Binary::IntDiv) => Some(&mut instruction.b),
                        Code::BinaryUR(Binary::Pow | Binary::Mod | Binary::IntDiv) => Some(&mut instruction.a),
                        _ => None,
                    };
                    if let Some(operand) = spread {
                        let dst = free.pop().unwrap_or_else(|| {
                            self.program.n_temporaries += 1;
                            first_temporary + self.program.n_temporaries as u32 - 1
                        });
                        let splat = Instruction {
                            code: Code::Splat,
                            dst,
                            a: *operand,
                            b: 0,
                            c: 0,
                            d: 0,
                        };
                        *operand = dst;
                        if let Code::BinaryRU(op) | Code::BinaryUR(op) = instruction.code {
                            instruction.code = Code::BinaryRR(op);
                        }
                        self.program.body.push(splat);
                        free.push(dst);
                    }
                    self.program.body.push(instruction);
                }
                Step::SinCos([sine, _]) => {
                    let a = match self.dag.expr(*sine) {
                        Expr::Unary(_, x) => self.slot(x),
                        _ => 0, // not reached: pairs are made of sines
                    };
                    self.program.body.push(Instruction {
                        code: Code::SinCos,
                        dst: places[0],
                        a,
                        b: places[1],
                        c: 0,
                        d: 0,
                    });
                }
                Step::Solve(r) => {
                    let mut call = self.root_call(*r)?;
                    for (&id, register) in made.iter().zip(&places) {
                        self.note_solution(&mut call, id, *register);
                    }
                    self.program.roots.push(call);
                    let code = Code::Solve(self.program.roots.len() as u32 - 1);
                    self.program.body.push(Instruction {
                        code,
                        dst: 0,
                        a: 0,
                        b: 0,
                        c: 0,
                        d: 0,
                    });
                }
            }
            for (&id, register) in made.iter().zip(places) {
                self.at[id.0 as usize] = Some(Source::Register(register));
            }
            for id in std::mem::take(&mut dying[at]) {
                if let Some(Source::Register(register)) = self.at[id.0 as usize] {
                    free.push(register);
                }
            }
        }
        for (dst, id) in copies {
            let (code, a) = match self.source(id) {
                Source::Register(a) => (Code::Copy, a),
                Source::Uniform(a) => (Code::Splat, a),
            };
            self.program.body.push(Instruction {
                code,
                dst,
                a,
                b: 0,
                c: 0,
                d: 0,
            });
        }
        Ok(())
    }

    /// Sines whose cosine is wanted too, and the other way round: most of the work is the same. Whether it is the first
    /// of the two in the order, and (sine, cosine).
    fn turns(&self, order: &[Id]) -> HashMap<Id, (bool, [Id; 2])> {
        let mut found = HashMap::new();
        let mut seen: HashMap<Id, (Unary, Id)> = HashMap::new();
        for &id in order {
            if !self.by_lane[id.0 as usize] || self.leaves.contains_key(&id) {
                continue;
            }
            if let Expr::Unary(op @ (Unary::Sin | Unary::Cos), x) = self.dag.expr(id) {
                match seen.insert(x, (op, id)) {
                    Some((other, before)) if other != op => {
                        let pair = if op == Unary::Sin { [id, before] } else { [before, id] };
                        found.insert(before, (true, pair));
                        found.insert(id, (false, pair));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Products used once, by a sum, a difference or a product, and comparisons used once, by a selection: they become
    /// part of their user's instruction (with the same two roundings). Saves a write and a read of a block each.
    fn absorbed(&self, order: &[Id], uses: &[u32]) -> Vec<bool> {
        let mut absorbed = vec![false; self.dag.len()];
        let mut full = vec![false; self.dag.len()];
        for &id in order {
            if !self.by_lane[id.0 as usize] || self.leaves.contains_key(&id) {
                continue;
            }
            if let Some(part) = self.absorbable(id, uses, &full) {
                absorbed[part.0 as usize] = true;
                full[id.0 as usize] = true;
            }
        }
        absorbed
    }

    /// The operand of `id` that becomes part of its instruction; none that is `full`, holding one itself.
    fn absorbable(&self, id: Id, uses: &[u32], full: &[bool]) -> Option<Id> {
        let lane = |x: Id| self.by_lane[x.0 as usize];
        let single = |x: Id| uses[x.0 as usize] == 1 && lane(x) && !self.leaves.contains_key(&x) && !full[x.0 as usize];
        let product = |x: Id| match self.dag.expr(x) {
            Expr::Binary(Binary::Mul, a, b) if single(x) => Some((lane(a), lane(b))),
            _ => None,
        };
        match self.dag.expr(id) {
            Expr::Binary(Binary::Add, a, b) => {
                let absorbs = |x: &Id| product(*x).is_some_and(|(p, q)| p || q);
                [a, b].into_iter().find(absorbs)
            }
            Expr::Binary(Binary::Mul, a, b) => {
                // Two factors by lane and a uniform.
                let absorbs = |(x, other): &(Id, Id)| match product(*x) {
                    Some((p, q)) => (p && q) != lane(*other),
                    None => false,
                };
                [(a, b), (b, a)].into_iter().find(absorbs).map(|(x, _)| x)
            }
            Expr::Binary(Binary::Sub, a, b) if lane(b) && product(a) == Some((true, true)) => Some(a),
            Expr::Binary(Binary::Sub, a, b) if lane(a) && product(b) == Some((true, true)) => Some(b),
            Expr::Select(c, a, b) if lane(a) && lane(b) => match self.dag.expr(c) {
                Expr::Binary(Binary::Lt, p, q) if single(c) && lane(p) && lane(q) => Some(c),
                _ => None,
            },
            Expr::Select(c, a, b) if !lane(a) && !lane(b) => match self.dag.expr(c) {
                Expr::Binary(Binary::Eq, p, q) if single(c) && lane(p) != lane(q) => Some(c),
                _ => None,
            },
            _ => None,
        }
    }

    fn instruction(&self, id: Id, dst: u32, absorbed: &[bool]) -> Instruction {
        use Source::{Register, Uniform};
        let of = |x: Id| self.source(x);
        let make = |code, a, b, c, d| Instruction { code, dst, a, b, c, d };
        let inside = |x: Id| match self.dag.expr(x) {
            Expr::Binary(op, a, b) if absorbed[x.0 as usize] => Some((op, a, b)),
            _ => None,
        };
        match self.dag.expr(id) {
            Expr::Unary(op, x) => make(Code::Unary(op), self.slot(x), 0, 0, 0),
            Expr::Binary(op, a, b) => {
                for (x, other) in [(a, b), (b, a)] {
                    let Some((Binary::Mul, p, q)) = inside(x) else {
                        continue;
                    };
                    // A uniform factor first.
                    let (p, q) = if matches!(of(q), Uniform(_)) { (q, p) } else { (p, q) };
                    let code = match (op, of(p), of(other)) {
                        (Binary::Add, Register(_), Register(_)) => Code::MultiplyAdd,
                        (Binary::Add, Register(_), Uniform(_)) => Code::MultiplyShift,
                        (Binary::Add, Uniform(_), Register(_)) => Code::ScaleAdd,
                        (Binary::Add, Uniform(_), Uniform(_)) => Code::ScaleShift,
                        (Binary::Mul, Register(_), _) => Code::ProductScale,
                        (Binary::Mul, Uniform(_), _) => Code::ScaleMultiply,
                        (_, _, _) if x == a => Code::MultiplySubtract,
                        (_, _, _) => Code::MultiplyFrom,
                    };
                    return make(code, self.slot(p), self.slot(q), self.slot(other), 0);
                }
                let commutes = !matches!(
                    op,
                    Binary::Sub
                        | Binary::Div
                        | Binary::Pow
                        | Binary::Mod
                        | Binary::IntDiv
                        | Binary::Lt
                        | Binary::Le
                        | Binary::Gt
                        | Binary::Ge
                );
                match (of(a), of(b)) {
                    (Uniform(a), Register(b)) if commutes => make(Code::BinaryRU(op), b, a, 0, 0),
                    (Register(a), Register(b)) => make(Code::BinaryRR(op), a, b, 0, 0),
                    (Register(a), Uniform(b)) => make(Code::BinaryRU(op), a, b, 0, 0),
                    (Uniform(a), Register(b)) => make(Code::BinaryUR(op), a, b, 0, 0),
                    (Uniform(a), Uniform(_)) => make(Code::Splat, a, 0, 0, 0), // uniform: in the prologue
                }
            }
            Expr::Select(c, a, b) => {
                if let Some((Binary::Eq, p, q)) = inside(c) {
                    let (p, q) = if matches!(of(p), Uniform(_)) { (q, p) } else { (p, q) };
                    return make(
                        Code::EqualChoice,
                        self.slot(p),
                        self.slot(q),
                        self.slot(a),
                        self.slot(b),
                    );
                }
                if let Some((_, p, q)) = inside(c) {
                    return make(Code::LessSelect, self.slot(a), self.slot(b), self.slot(p), self.slot(q));
                }
                let (code, c) = match (of(c), of(a), of(b)) {
                    (Register(c), Register(_), Register(_)) => (Code::SelectRR, c),
                    (Register(c), Register(_), Uniform(_)) => (Code::SelectRU, c),
                    (Register(c), Uniform(_), Register(_)) => (Code::SelectUR, c),
                    (Register(c), Uniform(_), Uniform(_)) => (Code::SelectUU, c),
                    // A uniform condition: exec looks at the sign bit of `d`.
                    (Uniform(c), a, b) => {
                        let kind = match (a, b) {
                            (Register(_), Register(_)) => Code::SelectRR,
                            (Register(_), Uniform(_)) => Code::SelectRU,
                            (Uniform(_), Register(_)) => Code::SelectUR,
                            (Uniform(_), Uniform(_)) => Code::SelectUU,
                        };
                        return make(kind, self.slot_of(a), self.slot_of(b), c, 1);
                    }
                };
                make(code, self.slot(a), self.slot(b), c, 0)
            }
            Expr::Lookup(t, x) => {
                let number = self.tables.get(&t).copied().unwrap_or(0);
                make(Code::Lookup(number), self.slot(x), 0, 0, 0)
            }
            // Leaves and solutions are not made by instructions of this kind.
            Expr::Const(_) | Expr::Input(_) | Expr::Unknown(_) | Expr::Root(..) | Expr::RootStatus(_) => {
                make(Code::Copy, 0, 0, 0, 0)
            }
        }
    }

    fn slot_of(&self, s: Source) -> u32 {
        match s {
            Source::Register(s) | Source::Uniform(s) => s,
        }
    }
}

/// The solutions and status nodes of each root problem that are in the order.
fn root_members(dag: &Dag, order: &[Id]) -> BTreeMap<u32, Vec<Id>> {
    let mut members: BTreeMap<u32, Vec<Id>> = BTreeMap::new();
    for id in order {
        if let Expr::Root(r, _) | Expr::RootStatus(r) = dag.expr(*id) {
            members.entry(r).or_default().push(*id);
        }
    }
    members
}

/// How often each expression is read: by expressions, by root problems, as an output.
fn count_uses(
    dag: &Dag,
    leaves: &HashMap<Id, usize>,
    plans: &BTreeMap<u32, Plan>,
    order: &[Id],
    outputs: &[Id],
) -> Vec<u32> {
    let mut uses = vec![0; dag.len()];
    for id in order {
        edges(dag, leaves, plans, *id, |o| uses[o.0 as usize] += 1);
    }
    for o in outputs {
        uses[o.0 as usize] += 2; // never part of another instruction
    }
    uses
}
