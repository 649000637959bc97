//! The environment graph: one period of an economy as a typed graph of operations on shaped values.
//!
//! A node has an operation, a shape over index sets (never unrolled: a population of 10 000 is one node), a domain
//! interval, a phase and a span. Operands align by the *name* of their axes: a scalar goes with anything, a shape
//! with one that contains it. Built by `check`, transformed by the passes beside this file, lowered by `kernel`.
//! Nothing here knows the syntax tree.

pub mod build;
pub mod cut;
pub mod eval;
pub mod interval;
pub mod passes;
pub mod range;
pub mod shape;
pub mod store;
pub mod substitute;
pub mod walk;

use crate::diag::Span;
use serde::{Deserialize, Serialize};

/// Index of a node in [`Graph::nodes`]; operands always have smaller indices than their users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub u32);
/// Index of an axis in [`Graph::axes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AxisId(pub u32);
/// Index of an input in [`Graph::inputs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InputId(pub u32);

/// The axes of a value, outermost first. Data with this shape is row-major: the last axis runs fastest.
pub type Shape = Vec<AxisId>;

/// An index set: a population, a declared set, or a view of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// As in the file (`household`, `good`), views decorated (`others(firm)`, `h in household`).
    pub name: String,
    /// Number of members; for a continuum the number simulated.
    pub size: usize,
    /// A unit mass of members: reductions are integrals.
    pub continuum: bool,
    /// What it is a view of.
    pub kind: AxisKind,
}

/// Where an axis comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AxisKind {
    /// `agent x[N]` or `group x[M]`
    Population,
    /// `set good = 1..J`
    Set,
    /// A second copy of an axis, introduced by a binder over a population that is already indexed.
    Alias(AxisId),
    /// Everybody but me: member `j` of `others(i)` is `j` if `j < i`, else `j + 1` (from 0).
    Others(AxisId),
    /// The members of several populations of one kind one after the other (see [`Op::Stack`]).
    Stack(Vec<AxisId>),
}

/// A closed interval; ends may be infinite. `open` ends are kept for domain checks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    #[serde(with = "store::number")]
    pub lo: f64,
    /// Upper end.
    #[serde(with = "store::number")]
    pub hi: f64,
    /// The lower end itself is excluded.
    pub lo_open: bool,
    /// The upper end itself is excluded.
    pub hi_open: bool,
    /// Only whole numbers.
    pub integer: bool,
}

/// When in the period a value is known (language: section "One period").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// A constant of the model.
    Constant,
    /// 1: determined by states and shocks of this date.
    Dated,
    /// 2: private signals, drawn when observing.
    Observed,
    /// 3: chosen at stage `n` (0 without `stages`), or drawn after it and known to later stages.
    Acted(u8),
    /// 4-6: depends on disturbances nobody knew while acting, or on prices that clear.
    Cleared,
    /// 7: depends on the next draw of a shock.
    Moved,
}

/// A quantity that comes from outside one evaluation of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Dotted name as a user would write it.
    pub name: String,
    /// What feeds it.
    pub kind: InputKind,
    /// Its shape.
    pub shape: Shape,
}

/// What feeds an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputKind {
    /// A state, by its number in the model.
    State(usize),
    /// A shock this period: for chains the index of the state (from 0), the value otherwise.
    Shock(usize),
    /// The same shock next period.
    ShockNext(usize),
    /// An action: a number for numeric spaces, the index of the choice (from 0) for finite ones.
    Action(usize),
    /// A base draw behind a noise: uniform on (0, 1).
    Noise(usize),
    /// A parameter that a scenario draws or sets; otherwise parameters are constants.
    Param(usize),
    /// The unknown of a [`Op::Root`].
    Unknown(usize),
    /// The period of the episode, from 0.
    Time,
    /// What a life that begins now is worth to a member of the agent of this number: nothing but a solution knows it.
    EntryValue(usize),
    /// The forward price of this number at a place where it is read: nothing but a solution knows it.
    Forward(usize),
    /// What will be tomorrow, by its number in the model's list.
    Later(usize),
    /// What is expected of tomorrow, by its number in the model's list.
    Expected(usize),
}

/// One-operand functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Unary {
    Neg,
    Not,
    Abs,
    Sign,
    Exp,
    Log,
    Log1p,
    Sqrt,
    Sin,
    Cos,
    Tanh,
    Floor,
    Ceil,
    Round,
    /// Standard normal distribution function.
    NormalCdf,
    /// Its inverse: turns a uniform base draw into a standard normal one.
    NormalQuantile,
}

/// Two-operand functions. Comparisons and logic give 0 or 1. `Mod` and `IntDiv` are floored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Mod,
    IntDiv,
    Min,
    Max,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}

/// Reductions over an axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Reduce {
    Sum,
    Mean,
    Prod,
    Min,
    Max,
    /// Population standard deviation.
    Std,
    /// Position (from 1) of the first maximum.
    Argmax,
    Count,
    Any,
    All,
    /// Linear-interpolated quantile.
    Quantile(f64),
}

/// What a node computes. Fields are explained at each variant.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// A number.
    Const(#[serde(with = "store::number")] f64),
    /// A constant array over the node's shape, row-major.
    Table(#[serde(with = "store::numbers")] Vec<f64>),
    /// A value from outside.
    Input(InputId),
    /// My number along an axis, from 1.
    Position(AxisId),
    /// A function of one value.
    Unary(Unary, NodeId),
    /// A function of two values, aligned by axis.
    Binary(Binary, NodeId, NodeId),
    /// `if condition then a else b`; both are evaluated, the one not chosen has no effect (not even a NaN).
    Select(NodeId, NodeId, NodeId),
    /// A reduction of `of` over `axis`, only where `when` is non-zero if given.
    Reduce {
        how: Reduce,
        of: NodeId,
        axis: AxisId,
        when: Option<NodeId>,
    },
    /// The element of `of` at position `at` (from 0, rounded down, clamped to the axis) along `axis`;
    /// `at` may have axes of its own, which the result then has.
    Take { of: NodeId, axis: AxisId, at: NodeId },
    /// The same values under another name of an axis (`from` and `to` have the same members).
    Relabel { of: NodeId, from: AxisId, to: AxisId },
    /// `of` has `axis`; the result has `axis` (me) and `into` (everybody else), an [`AxisKind::Others`] of it.
    Others { of: NodeId, axis: AxisId, into: AxisId },
    /// `of` restricted to members `first .. first + size(to)` of `from`, named `to`.
    Slice {
        of: NodeId,
        from: AxisId,
        to: AxisId,
        first: usize,
    },
    /// The parts one after the other: part `i` has axis `parts[i].1`, the result `to` in its place.
    Stack { parts: Vec<(NodeId, AxisId)>, to: AxisId },
    /// The value of unknown number `which` of the root problem `root` (see [`Graph::roots`]).
    Root { root: usize, which: usize },
}

/// `price p clears a == b`: unknowns and equations solved together inside the period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Root {
    /// The unknowns in order (inputs of kind [`InputKind::Unknown`], numbered as in the graph).
    pub unknowns: Vec<InputId>,
    /// One node per unknown, in order: `lhs - rhs` of the unknown's shape, zero at the solution.
    pub residuals: Vec<NodeId>,
    /// Lower and upper end of each unknown, one pair of nodes per unknown.
    pub brackets: Vec<(NodeId, NodeId)>,
    /// Where each unknown stands in the file, one span per unknown.
    pub spans: Vec<Span>,
}

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// Its axes.
    pub shape: Shape,
    /// An interval its values lie in.
    pub domain: Interval,
    /// When it is known.
    pub phase: Phase,
    /// The expression it came from.
    pub span: Span,
}

impl Node {
    /// A number.
    pub fn number(x: f64, span: Span) -> Node {
        Node {
            op: Op::Const(x),
            shape: Vec::new(),
            domain: Interval::point(x),
            phase: Phase::Constant,
            span,
        }
    }
}

/// A whole graph.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Graph {
    /// In order of dependence, except through [`Op::Root`], whose residuals may come later than unknowns but
    /// always stand before the root's nodes.
    pub nodes: Vec<Node>,
    /// Index sets, in the order of [`AxisId`].
    pub axes: Vec<Axis>,
    /// Inputs, in the order of [`InputId`].
    pub inputs: Vec<Input>,
    /// Root problems, in the order [`Op::Root`] counts them.
    pub roots: Vec<Root>,
}
