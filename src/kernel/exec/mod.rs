//! The interpreter of lane programs.
//!
//! `#![allow(unsafe_code)]`: registers are raw pointers, because a program reads and writes the caller's arrays in place
//! and keeps its temporaries in one arena. What makes it sound: [`Call`] checks the number and length of all arrays
//! before a pointer is used; input slices are shared and output slices exclusive borrows for the whole call; an
//! instruction's destinations differ from one another and from its sources (compiler, tested); temporaries lie `BLOCK` lanes and 64 bytes
//! apart in an arena as large as the program asks for. Calls into a tier happen only if the processor has its features.
//!
//! Every instruction is a plain loop over a block of lanes that the compiler vectorises; each such loop is compiled once
//! per tier ([`Tier`]), and the tier is chosen once at start. Fused multiply-add is used for quotients only, where it gives
//! the correctly rounded one ([`math::quotient`]), so all tiers give equal bytes. After the first call with a workspace nothing is allocated.

#![allow(unsafe_code)]

mod lanes;

use super::math::{self, Real, is_true};
use super::program::{Code, Mode, Program, RootCall, Scalar, Source};
use super::root::{self, Scratch, System};
use crate::graph::{Binary, Unary};
use lanes::*;
pub(super) use lanes::{accumulate, fold_lanes};
use std::marker::PhantomData;
use std::sync::OnceLock;
use thiserror::Error;

/// An input of one call.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a, T> {
    /// One number per lane.
    Lanes(&'a [T]),
    /// The same number in every lane.
    Uniform(T),
}

/// Why a call was refused. Nothing was computed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs)]
pub enum RunError {
    #[error("the program has {expected} inputs, not {found}")]
    Inputs { expected: usize, found: usize },
    #[error("the program has {expected} outputs, not {found}")]
    Outputs { expected: usize, found: usize },
    #[error("input {input} holds {found} lanes, the call asks for {expected}")]
    InputLength {
        input: usize,
        expected: usize,
        found: usize,
    },
    #[error("output {output} holds {found} lanes, the call asks for {expected}")]
    OutputLength {
        output: usize,
        expected: usize,
        found: usize,
    },
    #[error("input {input} was compiled as one number per call and cannot vary by lane")]
    Uniform { input: usize },
}

/// Sets of vector instructions the interpreter is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Whatever the target guarantees (SSE2 on x86-64).
    Baseline,
    /// 256-bit vectors, fused multiply-add.
    Avx2,
    /// 512-bit vectors, fused multiply-add.
    Avx512,
}

impl Tier {
    /// The best tier of this processor; found once.
    pub fn best() -> Tier {
        static BEST: OnceLock<Tier> = OnceLock::new();
        *BEST.get_or_init(|| Tier::available().last().copied().unwrap_or(Tier::Baseline))
    }

    /// The tiers of this processor, slowest first; never empty.
    pub fn available() -> Vec<Tier> {
        #[allow(unused_mut)]
        let mut tiers = vec![Tier::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                tiers.push(Tier::Avx2);
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    tiers.push(Tier::Avx512);
                }
            }
        }
        tiers
    }
}

/// A cache line; the arena is a vector of them so that it is aligned to 64 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line(#[allow(dead_code)] [u8; 64]);

/// The memory of one thread's calls; any program may use it, one at a time.
#[derive(Debug, Default)]
pub struct Workspace<T> {
    arena: Vec<Line>,
    registers: Vec<*mut T>,
    uniforms: Vec<T>,
    inputs: Vec<Raw<T>>,
    outputs: Vec<*mut T>,
    roots: Vec<RootSpace<T>>,
}

// The pointers are only used during a call, which borrows the workspace and all arrays behind them.
unsafe impl<T: Send> Send for Workspace<T> {}

impl<T: Interpreted> Workspace<T> {
    /// An empty workspace; it grows at the first call.
    pub fn new() -> Self {
        Workspace {
            arena: Vec::new(),
            registers: Vec::new(),
            uniforms: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            roots: Vec::new(),
        }
    }
}

/// What a root problem keeps between calls.
#[derive(Debug)]
struct RootSpace<T> {
    space: Workspace<T>,
    inputs: Vec<Raw<T>>,
    outputs: Vec<*mut T>,
    lo: Vec<T>,
    hi: Vec<T>,
    x: Vec<T>,
    status: Vec<T>,
    scratch: Scratch<T>,
}

/// An operand without its lifetime.
#[derive(Clone, Copy, Debug)]
enum Raw<T> {
    Lanes(*const T),
    Uniform(T),
}

impl<T: Interpreted> Program<T> {
    /// Evaluates `n` lanes: `outputs[k][i]` becomes output `k` at lane `i` of the inputs. `inputs` has one operand per
    /// input, whose lanes hold at least `n` numbers; `outputs` one slice of at least `n` numbers per output. A uniform
    /// may stand in for lanes, not the other way round. Lanes are independent: results do not depend on `n` or on how
    /// lanes are split over calls and threads.
    ///
    /// # Errors
    /// [`RunError`]: another number of inputs or outputs, slices shorter than `n`, lanes where the program wants one
    /// number.
    pub fn run(
        &self,
        inputs: &[Operand<T>],
        n: usize,
        outputs: &mut [&mut [T]],
        ws: &mut Workspace<T>,
    ) -> Result<(), RunError> {
        self.run_on(Tier::best(), inputs, n, outputs, ws)
    }

    /// As [`Program::run`], with arrays of the same lengths, on a given tier, which must be among [`Tier::available`];
    /// otherwise the best is taken.
    ///
    /// # Errors
    /// Those of [`Program::run`].
    pub fn run_on(
        &self,
        tier: Tier,
        inputs: &[Operand<T>],
        n: usize,
        outputs: &mut [&mut [T]],
        ws: &mut Workspace<T>,
    ) -> Result<(), RunError> {
        if inputs.len() != self.modes.len() {
            return Err(RunError::Inputs {
                expected: self.modes.len(),
                found: inputs.len(),
            });
        }
        if outputs.len() != self.n_outputs {
            return Err(RunError::Outputs {
                expected: self.n_outputs,
                found: outputs.len(),
            });
        }
        let mut call = self.call(n, ws);
        call.tier = tier.min(Tier::best());
        for (k, operand) in inputs.iter().enumerate() {
            call.input(k, *operand)?;
        }
        for (k, v) in outputs.iter_mut().enumerate() {
            call.output(k, v)?;
        }
        call.run()
    }

    /// Begins a call on `n` lanes whose operands are handed over one by one, so that the caller needs no list of them.
    pub fn call<'a>(&'a self, n: usize, ws: &'a mut Workspace<T>) -> Call<'a, T> {
        ws.inputs.clear();
        ws.inputs.resize(self.modes.len(), Raw::Lanes(std::ptr::null()));
        ws.outputs.clear();
        ws.outputs.resize(self.n_outputs, std::ptr::null_mut());
        Call {
            program: self,
            tier: Tier::best(),
            n,
            ws,
            lent: PhantomData,
        }
    }

    /// Goes through [`Interpreted`], so that the loops are compiled in this crate and once per type only.
    ///
    /// # Safety
    /// `inputs` and `outputs` must fit the program and hold `n` lanes; outputs must not overlap anything else; the
    /// processor must have the tier's features.
    unsafe fn run_raw(&self, tier: Tier, inputs: &[Raw<T>], n: usize, outputs: &[*mut T], ws: &mut Workspace<T>) {
        unsafe {
            T::call(self, tier, inputs, n, outputs, ws);
        }
    }

    /// Sizes the workspace, fills uniforms, runs the prologue.
    unsafe fn prepare(&self, tier: Tier, inputs: &[Raw<T>], outputs: &[*mut T], ws: &mut Workspace<T>) {
        let stride = T::BLOCK + 64 / size_of::<T>();
        // Temporaries, then one block for each lane input that is given as a uniform.
        let blocks = self.n_temporaries + self.n_lane_inputs;
        let lines = (blocks * stride * size_of::<T>()).div_ceil(64);
        if ws.arena.len() < lines {
            ws.arena.resize(lines, Line([0; 64]));
        }
        let arena = ws.arena.as_mut_ptr().cast::<T>();
        ws.registers.clear();
        ws.registers.resize(self.n_lane_inputs, std::ptr::null_mut());
        ws.registers.extend_from_slice(outputs);
        for i in 0..self.n_temporaries {
            // SAFETY: inside the arena, which was sized for it above.
            ws.registers.push(unsafe { arena.add(i * stride) });
        }
        ws.uniforms.clear();
        ws.uniforms.extend_from_slice(&self.constants);
        ws.uniforms.resize(self.n_uniforms, T::ZERO);
        for ((operand, mode), at) in inputs.iter().zip(&self.modes).zip(&self.input_at) {
            match (operand, mode) {
                (Raw::Uniform(x), Mode::Uniform) => ws.uniforms[*at as usize] = *x,
                (Raw::Uniform(x), Mode::Lanes) => {
                    // SAFETY: block number `n_temporaries + at` of the arena.
                    let block = unsafe {
                        let p = arena.add((self.n_temporaries + *at as usize) * stride);
                        ws.registers[*at as usize] = p;
                        std::slice::from_raw_parts_mut(p, T::BLOCK)
                    };
                    block.fill(*x);
                }
                (Raw::Lanes(_), _) => {}
            }
        }
        while ws.roots.len() < self.roots.len() {
            ws.roots.push(RootSpace {
                space: Workspace::new(),
                inputs: Vec::new(),
                outputs: Vec::new(),
                lo: Vec::new(),
                hi: Vec::new(),
                x: Vec::new(),
                status: Vec::new(),
                scratch: Scratch::default(),
            });
        }
        for step in &self.prologue {
            let u = &mut ws.uniforms;
            match *step {
                Scalar::Unary(op, dst, x) => u[dst as usize] = math::unary(op, u[x as usize]),
                Scalar::Binary(op, dst, a, b) => u[dst as usize] = math::binary(op, u[a as usize], u[b as usize]),
                Scalar::Select(dst, c, a, b) => {
                    u[dst as usize] = if is_true(u[c as usize]) {
                        u[a as usize]
                    } else {
                        u[b as usize]
                    };
                }
                Scalar::Lookup(dst, t, x) => u[dst as usize] = entry(&self.tables[t as usize], u[x as usize]),
                // SAFETY: in the prologue every operand is a uniform; one lane.
                Scalar::Solve(r) => unsafe { solve(&self.roots[r as usize], r as usize, tier, 1, true, ws) },
            }
        }
    }
}

/// A call of a program that is being put together. It borrows every array it is given until it has run.
#[derive(Debug)]
pub struct Call<'a, T> {
    program: &'a Program<T>,
    tier: Tier,
    n: usize,
    ws: &'a mut Workspace<T>,
    lent: PhantomData<&'a mut [T]>,
}

impl<'a, T: Interpreted> Call<'a, T> {
    /// Sets input `k`: at least one number per lane of the call, or a uniform.
    ///
    /// # Errors
    /// No such input, too few lanes, lanes where the program wants one number.
    pub fn input(&mut self, k: usize, operand: Operand<'a, T>) -> Result<(), RunError> {
        let Some(mode) = self.program.modes.get(k) else {
            return Err(RunError::Inputs {
                expected: self.program.modes.len(),
                found: k + 1,
            });
        };
        self.ws.inputs[k] = match operand {
            Operand::Uniform(x) => Raw::Uniform(x),
            Operand::Lanes(_) if *mode == Mode::Uniform => {
                return Err(RunError::Uniform { input: k });
            }
            Operand::Lanes(v) if v.len() < self.n => {
                return Err(RunError::InputLength {
                    input: k,
                    expected: self.n,
                    found: v.len(),
                });
            }
            Operand::Lanes(v) => Raw::Lanes(v.as_ptr()),
        };
        Ok(())
    }

    /// Sets where output `k` goes: a slice with at least one number per lane of the call.
    ///
    /// # Errors
    /// No such output, too few lanes.
    pub fn output(&mut self, k: usize, to: &'a mut [T]) -> Result<(), RunError> {
        if k >= self.program.n_outputs {
            return Err(RunError::Outputs {
                expected: self.program.n_outputs,
                found: k + 1,
            });
        }
        if to.len() < self.n {
            return Err(RunError::OutputLength {
                output: k,
                expected: self.n,
                found: to.len(),
            });
        }
        self.ws.outputs[k] = to.as_mut_ptr();
        Ok(())
    }

    /// Runs.
    ///
    /// # Errors
    /// An input or an output that was not set.
    pub fn run(self) -> Result<(), RunError> {
        let Call {
            program, tier, n, ws, ..
        } = self;
        let (inputs, outputs) = (std::mem::take(&mut ws.inputs), std::mem::take(&mut ws.outputs));
        let set = |raw: &&Raw<T>| !matches!(raw, Raw::Lanes(p) if p.is_null());
        let (n_inputs, n_outputs) = (
            inputs.iter().filter(set).count(),
            outputs.iter().filter(|p| !p.is_null()).count(),
        );
        let result = if n_inputs < inputs.len() {
            Err(RunError::Inputs {
                expected: inputs.len(),
                found: n_inputs,
            })
        } else if n_outputs < outputs.len() {
            Err(RunError::Outputs {
                expected: outputs.len(),
                found: n_outputs,
            })
        } else {
            // SAFETY: all operands are set; modes and lengths were checked when they were; the borrows of the arrays
            // last as long as this call, and those of the outputs are exclusive.
            unsafe { program.run_raw(tier, &inputs, n, &outputs, ws) };
            Ok(())
        };
        (ws.inputs, ws.outputs) = (inputs, outputs);
        result
    }
}

/// A type with an interpreter; sealed by its arguments.
pub trait Interpreted: Real {
    /// Evaluates `n` lanes.
    ///
    /// # Safety
    /// As for `Program::run_raw`.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    unsafe fn call(
        p: &Program<Self>,
        tier: Tier,
        inputs: &[Raw<Self>],
        n: usize,
        outputs: &[*mut Self],
        ws: &mut Workspace<Self>,
    );
}

macro_rules! engines {
    ($($t:ty),+) => {$(
        impl Interpreted for $t {
            #[allow(private_interfaces)]
            #[inline(never)]
            unsafe fn call(
                p: &Program<$t>,
                tier: Tier,
                inputs: &[Raw<$t>],
                n: usize,
                outputs: &[*mut $t],
                ws: &mut Workspace<$t>,
            ) {
                // SAFETY: the caller's promise.
                unsafe {
                    p.prepare(tier, inputs, outputs, ws);
                    blocks(p, tier, inputs, n, outputs, ws);
                }
            }
        }
    )+};
}

engines!(f64);

/// Element `floor(at)`, clamped; NaN gives the first.
#[inline(always)]
pub(super) fn entry<T: Interpreted>(table: &[T], at: T) -> T {
    let last = T::from_f64((table.len() - 1) as f64);
    let x = if at > T::ZERO { at } else { T::ZERO };
    let x = if x < last { x } else { last };
    table[x.floor().whole().min(table.len() - 1)]
}

/// All blocks of a call.
///
/// # Safety
/// As for [`Program::run_raw`].
unsafe fn blocks<T: Interpreted>(
    p: &Program<T>,
    tier: Tier,
    inputs: &[Raw<T>],
    n: usize,
    outputs: &[*mut T],
    ws: &mut Workspace<T>,
) {
    let mut start = 0;
    while start < n {
        crate::limits::poll();
        let len = (n - start).min(T::BLOCK);
        for (operand, at) in inputs.iter().zip(&p.input_at) {
            if let Raw::Lanes(base) = operand {
                // SAFETY: the array holds `n` lanes.
                ws.registers[*at as usize] = unsafe { base.add(start) }.cast_mut();
            }
        }
        for (k, base) in outputs.iter().enumerate() {
            // SAFETY: the array holds `n` lanes.
            ws.registers[p.n_lane_inputs + k] = unsafe { base.add(start) };
        }
        // SAFETY: all registers hold `len` lanes, destinations overlap no source.
        unsafe { block(p, tier, len, ws) };
        start += len;
    }
}

/// Calls `$loop` for the function behind a binary operation. Greater-than does not occur: graphs turn it round.
macro_rules! each_binary {
    ($op:expr, $loop:ident($($arg:expr),+)) => {
        match $op {
            Binary::Add => $loop::<T, AddOf>($($arg),+),
            Binary::Sub => $loop::<T, SubOf>($($arg),+),
            Binary::Mul => $loop::<T, MulOf>($($arg),+),
            Binary::Div => $loop::<T, DivOf>($($arg),+),
            Binary::Min => $loop::<T, MinOf>($($arg),+),
            Binary::Max => $loop::<T, MaxOf>($($arg),+),
            Binary::Eq => $loop::<T, EqOf>($($arg),+),
            Binary::Ne => $loop::<T, NeOf>($($arg),+),
            Binary::Lt | Binary::Gt => $loop::<T, LtOf>($($arg),+),
            Binary::Le | Binary::Ge => $loop::<T, LeOf>($($arg),+),
            Binary::And => $loop::<T, AndOf>($($arg),+),
            Binary::Or => $loop::<T, OrOf>($($arg),+),
            Binary::Pow | Binary::Mod | Binary::IntDiv => {}
        }
    };
}

/// One block through all instructions.
///
/// # Safety
/// Every register holds at least `len` lanes; no destination overlaps a source of its instruction.
unsafe fn block<T: Interpreted>(p: &Program<T>, tier: Tier, len: usize, ws: &mut Workspace<T>) {
    for i in &p.body {
        if let Code::Solve(r) = i.code {
            // SAFETY: as for this function.
            unsafe { solve(&p.roots[r as usize], r as usize, tier, len, false, ws) };
            continue;
        }
        let registers = &ws.registers;
        let uniforms = &ws.uniforms;
        // SAFETY: registers hold at least `len` lanes; `dst` is none of the sources.
        let dst: &mut [T] = unsafe { std::slice::from_raw_parts_mut(registers[i.dst as usize], len) };
        let r = |k: u32| -> &[T] { unsafe { std::slice::from_raw_parts(registers[k as usize], len) } };
        let u = |k: u32| -> T { uniforms[k as usize] };
        match i.code {
            Code::Solve(_) => {}
            Code::Copy => dst.copy_from_slice(r(i.a)),
            Code::Splat => dst.fill(u(i.a)),
            Code::Unary(op) => {
                let a = r(i.a);
                match op {
                    Unary::Neg => one::<T, NegOf>(tier, dst, a),
                    Unary::Not => one::<T, NotOf>(tier, dst, a),
                    Unary::Abs => one::<T, AbsOf>(tier, dst, a),
                    Unary::Sign => one::<T, SignOf>(tier, dst, a),
                    Unary::Exp => one::<T, ExpOf>(tier, dst, a),
                    Unary::Log => one::<T, LogOf>(tier, dst, a),
                    Unary::Log1p => one::<T, Log1pOf>(tier, dst, a),
                    Unary::Sqrt => one::<T, SqrtOf>(tier, dst, a),
                    Unary::Sin => {
                        one::<T, SinOf>(tier, dst, a);
                        large_angles(tier, dst, a, T::sin_any);
                    }
                    Unary::Cos => {
                        one::<T, CosOf>(tier, dst, a);
                        large_angles(tier, dst, a, T::cos_any);
                    }
                    Unary::Tanh => one::<T, TanhOf>(tier, dst, a),
                    Unary::Floor => one::<T, FloorOf>(tier, dst, a),
                    Unary::Ceil => one::<T, CeilOf>(tier, dst, a),
                    Unary::Round => one::<T, RoundOf>(tier, dst, a),
                    Unary::NormalCdf => one::<T, NormalCdfOf>(tier, dst, a),
                    Unary::NormalQuantile => one::<T, NormalQuantileOf>(tier, dst, a),
                }
            }
            Code::SinCos => {
                let a = r(i.a);
                // SAFETY: as for `dst`, and the two destinations differ.
                let cosine: &mut [T] = unsafe { std::slice::from_raw_parts_mut(registers[i.b as usize], len) };
                pair::<T, SinCosOf>(tier, dst, a, cosine);
                if any_large(tier, a) {
                    large_angles(tier, dst, a, T::sin_any);
                    large_angles(tier, cosine, a, T::cos_any);
                }
            }
            // The long functions have one loop each; the compiler gives them registers only.
            Code::BinaryRR(Binary::Pow) => two::<T, PowOf>(tier, dst, r(i.a), r(i.b)),
            Code::BinaryRR(Binary::Mod) => two::<T, ModOf>(tier, dst, r(i.a), r(i.b)),
            Code::BinaryRR(Binary::IntDiv) => two::<T, IntDivOf>(tier, dst, r(i.a), r(i.b)),
            Code::BinaryRR(op) => each_binary!(op, two(tier, dst, r(i.a), r(i.b))),
            Code::BinaryRU(Binary::Div) => divide(tier, dst, r(i.a), u(i.b)),
            Code::BinaryRU(op) => each_binary!(op, two_right(tier, dst, r(i.a), u(i.b))),
            // Commutative operations have their uniform on the right.
            Code::BinaryUR(op) => match op {
                Binary::Sub => two_left::<T, SubOf>(tier, dst, u(i.a), r(i.b)),
                Binary::Div => two_left::<T, DivOf>(tier, dst, u(i.a), r(i.b)),
                Binary::Lt => two_left::<T, LtOf>(tier, dst, u(i.a), r(i.b)),
                Binary::Le => two_left::<T, LeOf>(tier, dst, u(i.a), r(i.b)),
                Binary::Add
                | Binary::Mul
                | Binary::Min
                | Binary::Max
                | Binary::Eq
                | Binary::Ne
                | Binary::Gt
                | Binary::Ge
                | Binary::And
                | Binary::Or
                | Binary::Pow
                | Binary::Mod
                | Binary::IntDiv => {}
            },
            Code::MultiplyAdd => three::<T, MultiplyAddOf>(tier, dst, r(i.a), r(i.b), r(i.c)),
            Code::MultiplySubtract => three::<T, MultiplySubtractOf>(tier, dst, r(i.a), r(i.b), r(i.c)),
            Code::ScaleAdd => three_left::<T, MultiplyAddOf>(tier, dst, u(i.a), r(i.b), r(i.c)),
            Code::ScaleShift => three_outer_uniform::<T, MultiplyAddOf>(tier, dst, u(i.a), r(i.b), u(i.c)),
            Code::MultiplyShift => three_right::<T, MultiplyAddOf>(tier, dst, r(i.a), r(i.b), u(i.c)),
            Code::MultiplyFrom => three::<T, MultiplyFromOf>(tier, dst, r(i.a), r(i.b), r(i.c)),
            Code::ProductScale => three_right::<T, ProductOf>(tier, dst, r(i.a), r(i.b), u(i.c)),
            Code::ScaleMultiply => three_left::<T, ProductOf>(tier, dst, u(i.a), r(i.b), r(i.c)),
            Code::EqualChoice => four_first::<T, EqualChoiceOf>(tier, dst, r(i.a), u(i.b), u(i.c), u(i.d)),
            Code::LessSelect => four::<T, LessSelectOf>(tier, dst, r(i.a), r(i.b), r(i.c), r(i.d)),
            Code::SelectRR | Code::SelectRU | Code::SelectUR | Code::SelectUU if i.d == 1 => {
                let first = is_true(u(i.c));
                let from = match (i.code, first) {
                    (Code::SelectRR | Code::SelectRU, true) => Source::Register(i.a),
                    (Code::SelectRR | Code::SelectUR, false) => Source::Register(i.b),
                    (_, true) => Source::Uniform(i.a),
                    (_, false) => Source::Uniform(i.b),
                };
                match from {
                    Source::Register(k) => dst.copy_from_slice(r(k)),
                    Source::Uniform(k) => dst.fill(u(k)),
                }
            }
            Code::SelectRR => three::<T, SelectOf>(tier, dst, r(i.a), r(i.b), r(i.c)),
            Code::SelectRU => three_middle::<T, SelectOf>(tier, dst, r(i.a), u(i.b), r(i.c)),
            Code::SelectUR => three_left::<T, SelectOf>(tier, dst, u(i.a), r(i.b), r(i.c)),
            Code::SelectUU => three_two_uniform::<T, SelectOf>(tier, dst, u(i.a), u(i.b), r(i.c)),
            Code::Lookup(t) => {
                let table = &p.tables[t as usize][..];
                for (d, x) in dst.iter_mut().zip(r(i.a)) {
                    *d = entry(table, *x);
                }
            }
        }
    }
}

/// Solves a root problem in `len` lanes; with `scalar` operands and results are uniforms.
///
/// # Safety
/// As for [`block`].
#[inline(never)]
unsafe fn solve<T: Interpreted>(
    call: &RootCall<T>,
    number: usize,
    tier: Tier,
    len: usize,
    scalar: bool,
    ws: &mut Workspace<T>,
) {
    let m = call.unknowns;
    let Workspace {
        registers,
        uniforms,
        roots,
        ..
    } = ws;
    let space = &mut roots[number];
    let fill = |to: &mut Vec<T>, sources: &mut dyn Iterator<Item = Source>| {
        to.clear();
        for s in sources {
            match s {
                Source::Uniform(k) => to.resize(to.len() + len, uniforms[k as usize]),
                // SAFETY: a register of this program, which holds `len` lanes.
                Source::Register(k) => {
                    to.extend_from_slice(unsafe { std::slice::from_raw_parts(registers[k as usize], len) })
                }
            }
        }
    };
    fill(&mut space.lo, &mut call.brackets.iter().map(|b| b.0));
    fill(&mut space.hi, &mut call.brackets.iter().map(|b| b.1));
    space.x.clear();
    space.x.resize(m * len, T::ZERO);
    space.status.clear();
    space.status.resize(len, T::ZERO);
    space.inputs.clear();
    space.inputs.resize(m, Raw::Uniform(T::ZERO));
    for s in &call.captured {
        space.inputs.push(match s {
            Source::Uniform(k) => Raw::Uniform(uniforms[*k as usize]),
            Source::Register(k) => Raw::Lanes(registers[*k as usize]),
        });
    }
    let RootSpace {
        space: inner,
        inputs,
        outputs,
        lo,
        hi,
        x,
        status,
        scratch,
    } = space;
    let mut system = Residuals {
        call,
        tier,
        len,
        inputs,
        outputs,
        space: inner,
    };
    root::solve(m, len, lo, hi, &mut system, x, status, scratch);
    let mut put = |at: &Option<u32>, values: &[T]| {
        if let Some(k) = at {
            if scalar {
                uniforms[*k as usize] = values[0];
            } else {
                // SAFETY: a destination of this instruction, which holds `len` lanes and overlaps nothing here.
                unsafe { std::slice::from_raw_parts_mut(registers[*k as usize], len) }.copy_from_slice(values);
            }
        }
    };
    for (u, at) in call.dst.iter().enumerate() {
        put(at, &x[u * len..(u + 1) * len]);
    }
    put(&call.status, status);
}

struct Residuals<'a, T> {
    call: &'a RootCall<T>,
    tier: Tier,
    len: usize,
    inputs: &'a mut Vec<Raw<T>>,
    outputs: &'a mut Vec<*mut T>,
    space: &'a mut Workspace<T>,
}

impl<T: Interpreted> Residuals<'_, T> {
    fn evaluate(&mut self, program: &Program<T>, x: &[T], parts: [&mut [T]; 2]) {
        for u in 0..self.call.unknowns {
            self.inputs[u] = Raw::Lanes(x[u * self.len..(u + 1) * self.len].as_ptr());
        }
        self.outputs.clear();
        for part in parts {
            for lanes in part.chunks_exact_mut(self.len) {
                self.outputs.push(lanes.as_mut_ptr());
            }
        }
        // SAFETY: one array of `len` lanes per unknown, per output, and (in the caller) a captured value.
        unsafe { program.run_raw(self.tier, self.inputs, self.len, self.outputs, self.space) };
    }
}

impl<T: Interpreted> System<T> for Residuals<'_, T> {
    fn residuals(&mut self, x: &[T], f: &mut [T]) {
        let call = self.call;
        self.evaluate(&call.residual, x, [f, &mut []]);
    }

    fn with_jacobian(&mut self, x: &[T], f: &mut [T], j: &mut [T]) {
        let call = self.call;
        match &call.jacobian {
            Some(program) => self.evaluate(program, x, [f, j]),
            // Only asked for with several unknowns, which have one.
            None => self.evaluate(&call.residual, x, [f, &mut []]),
        }
    }
}

#[cfg(test)]
#[path = "../program_tests.rs"]
mod tests;
