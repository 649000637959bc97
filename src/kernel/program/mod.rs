//! Flat register programs: a scalar graph compiled for evaluation over many lanes.
//!
//! Compilation: expressions that depend on uniform inputs and constants alone go to a prologue, computed once per call;
//! the rest is ordered so that deep operands come first, gets registers by linear scan over that order, and becomes a
//! list of small instructions whose operands are registers (a block of lanes) or uniforms (one number). A destination
//! never is one of its instruction's sources. Inputs and outputs are registers too, which point straight into the
//! caller's arrays. A root problem is one instruction with a program of its own for the residuals (and their Jacobian
//! if there are several); what does not move with the unknowns is computed outside and handed in.
//!
//! `exec.rs` interprets programs. Nothing here is unsafe.

mod compile;
mod schedule;

use super::dag::{Dag, Id};
use super::math::Real;
use crate::graph::{Binary, Unary};
use compile::build;
use std::collections::HashMap;
use thiserror::Error;

/// How an input varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One number per lane.
    Lanes,
    /// One number per call.
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
    /// dst = element `a` of the table
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
    /// What the residuals read from outside, in the order of the inputs behind the unknowns.
    pub captured: Vec<Source>,
    /// Lower and upper end, one pair per unknown.
    pub brackets: Vec<(Source, Source)>,
    /// Registers (or uniforms, in the prologue) of the solutions, one per unknown, and of the status, where they are used.
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
    /// Compiles the expressions `outputs` of `dag`; input `i` of the graph varies as `modes[i]` says. One output per
    /// entry of `outputs`.
    ///
    /// # Errors
    /// [`CompileError`]: an input that is not among those declared, an unknown used outside its root problem.
    pub fn compile(dag: &Dag, modes: &[Mode], outputs: &[Id]) -> Result<Program<T>, CompileError> {
        let mut dag = dag.clone();
        let mut leaves = HashMap::new();
        for i in 0..modes.len() {
            leaves.insert(dag.input(i as u32), i);
        }
        build(&mut dag, &leaves, modes, outputs)
    }

    /// Compiles with any expressions as inputs, one input per entry of `inputs`, in order: what stands below them is
    /// not evaluated. One output per entry of `outputs`.
    ///
    /// # Errors
    /// Those of [`Program::compile`].
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
