//! The tree of a `.econ` file: what was written, with spans, before any meaning is given to it.
//!
//! Every statement is parsed on its own (`parser`), so a faulty one costs only itself. Nothing here knows names,
//! shapes or phases.

use crate::diag::Span;

/// A word of the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The word.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A whole file.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct File {
    /// `model NAME "title"`; library files have none.
    pub model: Option<(Name, Option<String>)>,
    /// The statements in the order of the file; any length.
    pub statements: Vec<Stmt>,
}

/// A statement with its description string, if it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    /// What it says.
    pub kind: StmtKind,
    /// From the keyword to the last token (a block's closing brace included).
    pub span: Span,
    /// The string at its end: `param a = 2 "quality"`.
    pub doc: Option<String>,
}

/// The left side of a declaration: `k`, `k[good]`, `survive[a in years]`, `y[a in 1..80]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lhs {
    /// The name declared.
    pub name: Name,
    /// Index sets or binders in brackets, one entry per axis, outermost first.
    pub index: Vec<LhsIndex>,
}

/// One bracket entry on a left side.
#[derive(Clone, Debug, PartialEq)]
pub enum LhsIndex {
    /// `k[good]`
    Set(Name),
    /// `k[g in good]`, `k[a in 1..80]`
    Binder(Binder),
}

/// `g in good`, `i in 1..N`, `f in firm when f.active`
#[derive(Clone, Debug, PartialEq)]
pub struct Binder {
    /// The variable bound.
    pub var: Name,
    /// What it ranges over.
    pub over: Range,
    /// Only the members for which this holds (reductions only).
    pub when: Option<Box<Expr>>,
    /// The whole binder.
    pub span: Span,
}

/// A set of indices.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// A named set or population, perhaps dotted: `good`, `industry.firm`.
    Named(Path),
    /// `lo..hi`, both ends included.
    Span(Box<Expr>, Box<Expr>),
}

/// Size of a population: `[N]`, `[continuum]`, `[i in 1..N]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Size {
    /// An expression, or the word `continuum` (as [`ExprKind::Continuum`]).
    Count(Expr),
    /// Names my own number; for markets also over a set or a population: `market m[g in good]`.
    Binder(Binder),
}

/// Every statement of the language.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the example above each variant shows its fields")]
pub enum StmtKind {
    /// `use std.markets.{cournot, logit}`
    Use { path: Vec<Name>, items: Vec<Name> },
    /// `param beta = 0.96 in (0, 1)`; `unit` as in `param w: money/hour = 1.3` (kept, not yet checked).
    Param {
        lhs: Lhs,
        unit: Option<String>,
        value: Expr,
        domain: Option<Domain>,
    },
    /// `set good = 1..J`, `set sector = {final, capital}`
    Set { name: Name, domain: Domain },
    /// `fn u(c) = ...`
    Fn { name: Name, params: Vec<Name>, body: Expr },
    /// `shock z ~ [iid] ar1(..) [given Z, Z' [{ table }]] [, start x]`
    Shock {
        lhs: Lhs,
        iid: bool,
        dist: Expr,
        given: Option<Given>,
        start: Option<Start>,
    },
    /// `noise e ~ normal(0, 1) [at stage]`
    Noise { lhs: Lhs, dist: Expr, stage: Option<Name> },
    /// `state k in [0, 1], start uniform(0, 1)`
    State {
        lhs: Lhs,
        domain: Domain,
        start: Option<Start>,
    },
    /// `action p in [0, 10] on grid(a, b, m) taste gumbel(1) at lead given price`
    Action {
        lhs: Lhs,
        domain: Domain,
        grid: Option<Expr>,
        taste: Option<Expr>,
        stage: Option<Name>,
        given: Vec<Name>,
    },
    /// `let y = ...`
    Let { lhs: Lhs, value: Expr },
    /// `price p ...` or `aggregate tau ...` (`aggregate: true`)
    Price {
        aggregate: bool,
        lhs: Lhs,
        domain: Option<Domain>,
        form: PriceForm,
        start: Option<Start>,
    },
    /// `forward price q(b') in [0, 1] = expect(..) given standing' = good, start 0`
    Forward {
        name: Name,
        /// Tomorrow's states that a schedule runs over, each with its prime; none for a price that is one number.
        over: Vec<Path>,
        domain: Option<Domain>,
        value: Expr,
        /// Where other states of tomorrow stand.
        given: Vec<(Path, Expr)>,
        start: Option<Start>,
    },
    /// `give firm.q = ...`, in a market definition `give q = ...`
    Give { target: Path, value: Expr },
    /// `k' = ...`; the target's last segment carries the prime
    Transition { target: Path, value: Expr },
    /// `observe k, mean(household.k) [when not opaque]`
    Observe {
        items: Vec<ObserveItem>,
        when: Option<Expr>,
    },
    /// `reward log(c)`
    Reward(Expr),
    /// `discount beta`
    Discount(Expr),
    /// `horizon T`
    Horizon(Expr),
    /// `end when c [, paying x] [, then restart|leave]`
    End {
        when: Expr,
        paying: Option<Expr>,
        then: Option<EndThen>,
    },
    /// `require c >= 0 [else penalty(100)]`
    Require {
        condition: Expr,
        otherwise: Option<RequireElse>,
    },
    /// `policy q = 8`, `policy random`, `policy q = random`
    Policy { action: Option<Lhs>, rule: PolicyRule },
    /// `agent household[N] [mass 0.3] [is kind] { .. }`
    Agent {
        name: Name,
        size: Option<Size>,
        mass: Option<Expr>,
        is: Option<Name>,
        body: Vec<Stmt>,
    },
    /// `kind household { .. }`
    Kind { name: Name, body: Vec<Stmt> },
    /// `group industry[M] { .. }`
    Group {
        name: Name,
        size: Size,
        mass: Option<Expr>,
        body: Vec<Stmt>,
    },
    /// `market goods[g in good] [competitive] { .. }`
    Market {
        name: Name,
        size: Option<Size>,
        competitive: bool,
        body: Vec<Stmt>,
    },
    /// `market cars = logit(a0: 0) among firm(a: quality), buyer: household(d: demand) + other(d: demand)`
    MarketUse {
        name: Name,
        def: Name,
        args: Vec<Arg>,
        among: Vec<Among>,
    },
    /// `market def logit(a0, mu = 0.25) { .. }`
    MarketDef {
        name: Name,
        params: Vec<(Name, Option<Expr>)>,
        body: Vec<Stmt>,
    },
    /// `offer a, p` (in a market definition or a role)
    Offer(Vec<Name>),
    /// `buyer { offer d; give got }` inside a market definition; `give got` without `=` is [`StmtKind::GivePort`]
    Role { name: Name, body: Vec<Stmt> },
    /// `give got` inside a role: names what participants in the role receive
    GivePort(Vec<Name>),
    /// `start last(p) = 1`, `start last(p) uniform`: first value of the state that observing `last(p)` or `lag(p, n)`
    /// makes; `target` is the call
    StartOf { target: Expr, value: Start },
    /// `stages lead, follow`
    Stages(Vec<Name>),
    /// `scenario evaluation { .. }`
    Scenario { name: Name, items: Vec<ScenarioItem> },
    /// `solve { .. }`, `train ppo { .. }`, `verify { .. }`
    Settings { block: SettingsBlock, items: Vec<Setting> },
}

/// Which settings block.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingsBlock {
    /// `solve { }`
    Solve,
    /// `train METHOD { }`
    Train(Name),
    /// `verify { }`
    Verify,
}

/// `key = value`; keys may be dotted: `grid.k = log(200)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The parts of the dotted key, in order, one name per part; at least one.
    pub key: Vec<Name>,
    /// The value.
    pub value: Expr,
    /// The whole line.
    pub span: Span,
}

/// How a price is found.
#[derive(Clone, Debug, PartialEq)]
pub enum PriceForm {
    /// `= expr`
    Is(Expr),
    /// `clears lhs == rhs`
    Clears(Expr, Expr),
    /// by a transition elsewhere in the block: a posted or sticky price
    Posted,
}

/// First value of a state or a shock.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// A number or a distribution call: `start 5`, `start uniform(0, 1) * k_ss`, `start low`
    Value(Expr),
    /// `start random`: uniform on the domain (or the chain's stationary distribution)
    Random(Span),
}

/// `given Z, Z' { bad, bad: normalize [[..]] .. }`
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The conditioning names in order, one entry per name, primes kept.
    pub names: Vec<Path>,
    /// One matrix for each combination of labels; empty when the distribution itself is an expression of the names.
    pub table: Vec<GivenRow>,
}

/// A row of a conditional table.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenRow {
    /// Labels, one per conditioning name.
    pub labels: Vec<Name>,
    /// `normalize`: divide each row by its sum.
    pub normalize: bool,
    /// The matrix.
    pub matrix: Expr,
    /// The whole row.
    pub span: Span,
}

/// What happens when an episode or a member ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndThen {
    /// A newborn from `start`.
    Restart,
    /// Gone from every reduction.
    Leave,
}

/// What happens when a requirement fails.
#[derive(Clone, Debug, PartialEq)]
pub enum RequireElse {
    /// `else penalty(100)`: subtracted from the member's reward.
    Penalty(Expr),
    /// `else clamp s`
    Clamp(Option<Name>),
    /// `else project`
    Project,
    /// `else end`
    End,
}

/// A policy that is not chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyRule {
    /// `policy random`
    Random,
    /// `policy q = 8`
    Rule(Expr),
}

/// An item of an `observe` list.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the example above each variant shows its fields")]
pub enum ObserveItem {
    /// `observe all`
    All(Span),
    /// any expression; `last(x)`, `last(x, 4)` and `lag(x, n)` are calls
    Value(Expr),
    /// `observe s ~ normal(theta, 0.2)`: a private signal
    Signal { name: Name, dist: Expr },
}

/// Participants of a market instance: `role: agent(port: name, ..)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Among {
    /// The role, for two-sided definitions.
    pub role: Option<Name>,
    /// One or more agents joined by `+`, one entry per agent, each with its ports (pairs of port and expression).
    pub agents: Vec<(Name, Vec<(Name, Expr)>)>,
}

/// A line of a scenario.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the example above each variant shows its fields")]
pub enum ScenarioItem {
    /// `start household[i in 1..N].k = ..`
    Start { target: Path, value: Expr, span: Span },
    /// `path Z = alternate(low, high, every: 20)`
    Path { target: Path, value: Expr, span: Span },
    /// `force firm[1].p = p_nash at 0`, `at 0..3`; without `at`: always
    Force {
        target: Path,
        value: Expr,
        at: Option<(Expr, Option<Expr>)>,
        span: Span,
    },
    /// `param b ~ uniform(2.5, 4.5)` (drawn) or `param b = 3`
    Param {
        name: Name,
        drawn: bool,
        value: Expr,
        span: Span,
    },
    /// `periods 1000`
    Periods { value: Expr, span: Span },
}

/// Where a variable may lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// The kind of set.
    pub kind: DomainKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of domain.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the example above each variant shows its fields")]
pub enum DomainKind {
    /// `[a, b]`, `(a, b]`, ..
    Interval {
        lo: Expr,
        hi: Expr,
        lo_open: bool,
        hi_open: bool,
    },
    /// `0..13`
    Range(Expr, Expr),
    /// `{stay when active, exit}`; each entry is an expression (a bare word is a label) with an optional mask
    Finite(Vec<(Expr, Option<Expr>)>),
    /// `grid(a, b, n)`
    Grid(Vec<Expr>),
    /// `simplex(good)`
    Simplex(Name),
    /// another name's domain or an index set: `state p_last in p`, `state age in years`
    Same(Path),
    /// `bool`
    Bool,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the example above each variant shows its fields")]
pub enum ExprKind {
    /// `0.5`, `1_000`, `5%` (already divided by 100); `text` is the spelling
    Number { value: f64, text: String },
    /// `true`, `false`
    Bool(bool),
    /// `inf`
    Inf,
    /// `continuum`
    Continuum,
    /// a string, in settings only
    Text(String),
    /// `k`, `k'[g]`, `household[i].k'`
    Path(Path),
    /// `crra(c, 2)`, `markov(..)`, `sum(q over good)`, `others(firm.p)`, `last(p, 4)`
    Call { name: Name, args: Vec<Arg> },
    /// `sum(h in household when h.active: h.k)`
    Reduce {
        name: Name,
        binder: Box<Binder>,
        body: Box<Expr>,
    },
    /// `solve nash(p, horizon: 1)`
    Solve { concept: Name, args: Vec<Arg> },
    /// `[0.9, 1.1]`, `[low: 0.9, high: 1.1]`, `[[..], [..]]`
    Array(Vec<ArrayItem>),
    /// `-x`, `+x`, `not x`
    Unary { op: UnaryOp, arg: Box<Expr> },
    /// `a + b`
    Binary {
        op: BinaryOp,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    /// `if a then b else c`
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    /// `1..5` (settings and lists only)
    Range(Box<Expr>, Box<Expr>),
    /// `normalize [[..]]` (matrices)
    Normalize(Box<Expr>),
    /// `(e)`: kept so that the formatter can print what was written
    Paren(Box<Expr>),
}

/// An entry of an array.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayItem {
    /// `low:`
    pub label: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// An argument of a call: `x`, `rho: 0.9`, `q over good`.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// Its name.
    pub name: Option<Name>,
    /// Its value.
    pub value: Expr,
    /// The set reduced over.
    pub over: Option<Name>,
}

/// A dotted name.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The parts between dots in order, one segment per part; at least one.
    pub segments: Vec<Segment>,
    /// The whole path.
    pub span: Span,
}

/// One part of a dotted name.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The word.
    pub name: Name,
    /// Next period's value.
    pub primed: bool,
    /// What stands in brackets, one entry per axis in order; empty without brackets.
    pub index: Vec<Index>,
}

/// An index in brackets.
#[derive(Clone, Debug, PartialEq)]
pub enum Index {
    /// `k[g]`, `survive[age]`, `firm[1]`
    At(Expr),
    /// `household[i in 1..N].k`, only on left sides
    Binder(Binder),
}

/// Prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `+`
    Plus,
    /// `not`
    Not,
}

/// Infix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    IntDiv,
    Pow,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}
