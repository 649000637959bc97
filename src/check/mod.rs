//! From a tree to a typed model: names, shapes, domains, phases and chance are settled here, and every name becomes
//! a node of the environment graph.
//!
//! Names are elaborated on demand: asking for a name elaborates what it reads first, so the order of declarations
//! never matters and a circle of definitions is found where it closes. The parts: `scope` collects blocks and
//! names (`instances` those of market definitions, `overrides` what is typed), `names` finds them, `axes` says along what they run,
//! `expr`, `functions` and `reductions` turn expressions into nodes, `elaborate` gives each declaration its
//! meaning (with `params`, `domains`, `states`, `actions`, `prices`, `lags`, `seasons`), `chance` and `draws` read distributions,
//! `once` looks for what is said twice, `agents` assembles decision makers (with `observations` and `conditions`), `experiments`
//! scenarios, `setting_lines` settings, `lints` (with `recursion` and `uncalled`) looks at the finished model. The prose of every message
//! stands in [`errors`].
//!
//! A rejected program: `action c in [0, D]` where `D` is drawn after acting. The fix: bound `c` by something dated.

pub mod conduct;
pub mod errors;
pub mod model;
pub mod settings;

mod actions;
mod agents;
mod ahead;
mod axes;
mod chance;
mod conditions;
mod cross_section;
mod domains;
mod draws;
mod elaborate;
mod entry;
mod experiments;
mod expr;
mod forward;
mod functions;
mod instances;
mod lags;
mod lints;
mod listing;
mod meant;
mod names;
mod observations;
mod once;
mod overrides;
mod params;
mod prices;
mod recursion;
mod reductions;
mod scope;
mod seasons;
mod setting_lines;
mod states;
mod stationary;
mod uncalled;

pub use model::Model;
/// Number of the first text of `--set` as a source in spans: what stands there was typed, not read from a file.
pub const TYPED: u16 = overrides::SET_FILE;
pub use conduct::{Concept, Information};
pub use settings::{SOLVE_KEYS, VERIFY_KEYS};

use crate::diag::{Diagnostic, Severity, Span};
use crate::graph::build::Builder;
use crate::graph::{AxisId, InputId, Interval, NodeId};
use crate::syntax::ast;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a check may be told beside the file.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--set name=value`: replacements for parameters, pairs of dotted name and value as typed.
    pub set: Vec<(String, String)>,
    /// Number of members that stand for a continuum; default that of `solve { members = .. }`, else 1000.
    pub members: Option<usize>,
    /// Values of parameters that are results of a solve, by dotted name: row-major over the parameter's shape, the last
    /// axis fastest.
    pub solved: BTreeMap<String, Vec<f64>>,
    /// Name of the file, for models without a header.
    pub file_name: String,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            set: Vec::new(),
            members: None,
            solved: BTreeMap::new(),
            file_name: "model".into(),
        }
    }
}

/// Checks a tree (`library` holds the market definitions, one tree per file `1..`). Returns the model unless there are
/// errors, and all messages in order.
pub fn check(file: &ast::File, library: &[ast::File], options: &Options) -> (Option<Model>, Vec<Diagnostic>) {
    // A thread of its own for its stack: definitions are elaborated on demand, so a chain of them is a recursion.
    std::thread::scope(|scope| {
        // Where address space is short, a smaller one; on this thread's own, which is smaller still, nothing is nested deep.
        let smaller = |share: usize| {
            let builder = std::thread::Builder::new().stack_size(STACK / share);
            builder.spawn_scoped(scope, move || check_here(file, library, options, DEEPEST / share))
        };
        let fits = |share: &usize| STACK / share <= crate::limits::largest_stack();
        match [1, 4, 16, 64]
            .into_iter()
            .filter(fits)
            .find_map(|share| smaller(share).ok())
        {
            Some(handle) => match handle.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            },
            None => check_here(file, library, options, DEEPEST / 128),
        }
    })
}

/// `deepest`: how deep expressions may be nested on this stack, at most [`DEEPEST`].
fn check_here(
    file: &ast::File,
    library: &[ast::File],
    options: &Options,
    deepest: usize,
) -> (Option<Model>, Vec<Diagnostic>) {
    let mut numbers = BTreeSet::new();
    let mut checker = loop {
        let mut checker = Checker::new(options);
        checker.deep = DEEPEST - deepest;
        checker.shallow = deepest < DEEPEST;
        checker.scenario_numbers.clone_from(&numbers);
        checker.collect(file, library);
        checker.elaborate_all();
        // A parameter that turned out to stand where a number must be known is read as one, and the file once more.
        let more = std::mem::take(&mut checker.numbers_wanted);
        if more.is_subset(&numbers) {
            break checker;
        }
        numbers.extend(more);
    };
    let failed = checker.diagnostics.iter().any(|d| d.severity == Severity::Error);
    if !failed {
        checker.sizes();
    }
    if !checker.diagnostics.iter().any(|d| d.severity == Severity::Error) {
        checker.lint();
    }
    let (model, mut diagnostics) = checker.finish();
    diagnostics.sort_by_key(|d| d.primary.as_ref().map_or((0, 0), |(s, _)| (s.file, s.start)));
    diagnostics.dedup_by(|a, b| a == b);
    causes_alone(&mut diagnostics);
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    (if failed { None } else { Some(model) }, diagnostics)
}

/// Leaves out unknown names where a market could not be made: it declares prices and what each gets.
fn causes_alone(diagnostics: &mut Vec<Diagnostic>) {
    let no_market = |d: &Diagnostic| d.code == "E0207" && d.headline.contains("market");
    if diagnostics.iter().any(no_market) {
        let guessed = |d: &Diagnostic| d.hint.as_ref().is_some_and(|h| h.starts_with("did you mean"));
        diagnostics.retain(|d| d.code != "E0201" || guessed(d));
    }
}

/// Most elements an array may have: 10^8 numbers are 800 MB.
const MOST_ELEMENTS: usize = 100_000_000;
/// Most members of a set or a population.
const MOST_MEMBERS: i64 = 10_000_000;
/// Most calls of user functions in one file, each counted as often as it is expanded.
const MOST_CALLS: usize = 100_000;
/// Deepest nesting of expressions inside definitions they read for the first time.
const DEEPEST: usize = 4000;
/// Stack for the recursion that [`DEEPEST`] allows; only touched pages cost memory.
const STACK: usize = 512 << 20;

type EntityId = usize;
type BlockId = usize;

/// A value of an expression: its node and what kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Value {
    node: NodeId,
    ty: Ty,
}

/// What kind of thing a value is. A state of a chain and the value it stands for are different.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ty {
    Number,
    Bool,
    /// A chain: the node is its value, this is the state of the chain (from 0) and the shock it belongs to.
    Link {
        index: NodeId,
        shock: usize,
    },
    /// A choice among labels: the node is its number if it has one, this its index (from 0).
    Choice {
        index: NodeId,
        set: usize,
        numeric: bool,
    },
}

/// Which next-period values an expression may read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Primes {
    /// Transitions, `end when`, `given`.
    All,
    /// Rewards, `let`, `give`, prices.
    States,
    /// The expression of a forward price, outside `expect(..)`: as `States`.
    Forward,
    /// Inside `expect(..)`: tomorrow's value of anything.
    Expected,
    /// Observations, bounds, starts, constants.
    None(&'static str),
}

/// Where an expression stands.
#[derive(Clone, Debug)]
struct Scope {
    block: BlockId,
    /// Axes along which the expression is evaluated element by element.
    bound: Vec<AxisId>,
    binders: Vec<(String, Bound)>,
    locals: Vec<(String, Value)>,
    primes: Primes,
    /// Distribution calls allowed: when they are drawn, over which axes, for whom.
    draws: Option<(model::DrawWhen, Vec<AxisId>, String)>,
    /// Shock or choice set whose labels bare words may be.
    labels: Option<LabelSource>,
    /// What is known of nodes where a condition holds.
    known: Vec<(NodeId, Interval)>,
    /// Depth of calls to user functions.
    depth: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum LabelSource {
    Shock(usize),
    Choice(usize),
}

/// What a binder stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    axis: AxisId,
    /// The block of a population's members.
    member_of: Option<BlockId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockKind {
    Top,
    Group,
    Agent,
    Market,
    Kind,
}

#[derive(Clone, Debug)]
struct Block {
    name: String,
    kind: BlockKind,
    parent: Option<BlockId>,
    children: Vec<BlockId>,
    names: BTreeMap<String, EntityId>,
    size: Option<ast::Size>,
    axis: Option<Result<AxisId, ()>>,
    /// For agents: the kind they are of; for kinds: their agents stand in `children`.
    kind_of: Option<BlockId>,
    mass: Option<ast::Expr>,
    statements: Vec<ast::Stmt>,
    /// Where a market definition was used.
    instance: Option<Span>,
    /// Participants by role, in an instance of a definition.
    roles: Vec<(String, Vec<String>)>,
    span: Span,
}

#[derive(Clone, Debug)]
struct Entity {
    name: String,
    dotted: String,
    block: BlockId,
    index: Vec<ast::LhsIndex>,
    decl: Decl,
    span: Span,
    doc: String,
    /// Names it reads.
    reads: BTreeSet<EntityId>,
    used: bool,
}

#[derive(Clone, Debug)]
enum Decl {
    Param {
        value: ast::Expr,
        domain: Option<ast::Domain>,
        unit: String,
    },
    Set {
        domain: ast::Domain,
    },
    Shock {
        iid: bool,
        dist: ast::Expr,
        given: Option<ast::Given>,
        start: Option<ast::Start>,
        number: Option<usize>,
    },
    Noise {
        dist: ast::Expr,
        stage: Option<ast::Name>,
    },
    State {
        domain: ast::Domain,
        start: Option<ast::Start>,
        law: Option<(ast::Path, ast::Expr, Span)>,
        number: usize,
        price: Option<bool>,
    },
    Action {
        domain: ast::Domain,
        grid: Option<ast::Expr>,
        taste: Option<ast::Expr>,
        stage: Option<ast::Name>,
        given: Vec<ast::Name>,
        number: usize,
    },
    Let {
        value: ast::Expr,
    },
    Price {
        aggregate: bool,
        domain: Option<ast::Domain>,
        form: ast::PriceForm,
    },
    Forward {
        over: Vec<ast::Path>,
        domain: Option<ast::Domain>,
        value: ast::Expr,
        given: Vec<(ast::Path, ast::Expr)>,
        start: Option<ast::Start>,
    },
    /// Written by another block: the giver's block, the target as written and the value.
    Give {
        giver: BlockId,
        target: ast::Path,
        value: ast::Expr,
    },
    /// A port of a market definition: the same name of one or more participants.
    Port {
        of: Vec<ast::Expr>,
    },
    /// `last(x, n)`
    Lag {
        of: ast::Expr,
        number: usize,
    },
    /// 0/1: present in the population.
    Alive {
        number: usize,
    },
}

/// The state of one check.
struct Checker<'a> {
    options: &'a Options,
    b: Builder,
    model: Model,
    diagnostics: Vec<Diagnostic>,
    blocks: Vec<Block>,
    entities: Vec<Entity>,
    functions: BTreeMap<String, (Vec<ast::Name>, ast::Expr, Span)>,
    /// Elaborated values; the last layer is discarded after a root problem is set up.
    memo: Vec<HashMap<(EntityId, bool), Option<Value>>>,
    /// What is being elaborated, for cycles and dependencies.
    stack: Vec<(EntityId, bool)>,
    /// Root problem under construction: the prices and their unknowns.
    solving: Vec<(EntityId, InputId, NodeId)>,
    /// A parameter without a value yet was read.
    hit_pending: Option<String>,
    /// What is elaborated for its own sake, which is no use of it.
    alone: Option<EntityId>,
    /// The shock whose path is being read: what `impulse` decays like.
    path_of: Option<usize>,
    left_out: Vec<String>,
    /// Label sets: for actions and states over words.
    choices: Vec<Vec<String>>,
    /// Places where a function may leave its domain, to be looked at when the model stands.
    suspects: Vec<lints::Suspect>,
    ranges: BTreeMap<(i64, i64), AxisId>,
    stacks: BTreeMap<Vec<u32>, AxisId>,
    definitions: BTreeMap<String, instances::Definition>,
    scenario_params: BTreeSet<String>,
    /// Parameters that scenarios give numbers and that stand where a number must be known.
    scenario_numbers: BTreeSet<String>,
    /// Those among `scenario_params` that should be.
    numbers_wanted: BTreeSet<String>,
    /// Values of parameters in scenarios, by the place of the expression.
    scripted: BTreeMap<(u32, u32), Option<Value>>,
    overridden: BTreeSet<String>,
    time: Option<(InputId, NodeId)>,
    scenario_stmts: Vec<(ast::Name, Vec<ast::ScenarioItem>, Span)>,
    settings_stmts: Vec<(ast::SettingsBlock, Vec<ast::Setting>, Span)>,
    /// Schedules met while their bounds are read: (action, price).
    schedules_of: Vec<(usize, String)>,
    /// Shocks whose chains have states with labels but no values.
    labels_only: BTreeSet<usize>,
    /// `start last(p) = ..`: block, the call as written, the first value, where.
    lag_starts: Vec<(BlockId, String, ast::Start, Span)>,
    /// Calls of user functions so far.
    calls: usize,
    /// User functions that were called.
    called: BTreeSet<String>,
    /// Nesting of expressions under elaboration.
    deep: usize,
    /// There was room for a small stack only.
    shallow: bool,
    /// Whether the world has a last period.
    horizon_said: bool,
    /// Cycles of the date that are states.
    seasons: Vec<seasons::Season>,
    /// Forward prices with their numbers in the model.
    forward_numbers: Vec<(EntityId, usize)>,
    /// Names of forward prices that are schedules.
    schedules_ahead: BTreeSet<String>,
}

impl<'a> Checker<'a> {
    fn new(options: &'a Options) -> Self {
        Checker {
            options,
            b: Builder::default(),
            model: Model::default(),
            diagnostics: Vec::new(),
            blocks: Vec::new(),
            entities: Vec::new(),
            functions: BTreeMap::new(),
            memo: vec![HashMap::new()],
            stack: Vec::new(),
            solving: Vec::new(),
            hit_pending: None,
            alone: None,
            path_of: None,
            left_out: Vec::new(),
            choices: Vec::new(),
            suspects: Vec::new(),
            ranges: BTreeMap::new(),
            stacks: BTreeMap::new(),
            definitions: BTreeMap::new(),
            scenario_params: BTreeSet::new(),
            scenario_numbers: BTreeSet::new(),
            numbers_wanted: BTreeSet::new(),
            scripted: BTreeMap::new(),
            overridden: BTreeSet::new(),
            time: None,
            scenario_stmts: Vec::new(),
            settings_stmts: Vec::new(),
            schedules_of: Vec::new(),
            labels_only: BTreeSet::new(),
            lag_starts: Vec::new(),
            calls: 0,
            called: BTreeSet::new(),
            deep: 0,
            shallow: false,
            horizon_said: false,
            seasons: Vec::new(),
            forward_numbers: Vec::new(),
            schedules_ahead: BTreeSet::new(),
        }
    }

    fn report(&mut self, d: Diagnostic) {
        self.diagnostics.push(d);
    }

    /// No array may be too large to hold.
    fn sizes(&mut self) {
        let elements = |shape: &[AxisId]| shape.iter().fold(1usize, |n, a| n.saturating_mul(self.b.axis(*a).size));
        let inputs = self.b.graph.inputs.iter().map(|i| &i.shape);
        let worst = self.b.graph.nodes.iter().find(|n| elements(&n.shape) > MOST_ELEMENTS);
        if let Some(n) = worst {
            let (n, span) = (elements(&n.shape), n.span);
            self.report(errors::too_large("this", n, span));
        } else if let Some(shape) = inputs.into_iter().find(|s| elements(s) > MOST_ELEMENTS) {
            let n = elements(shape);
            self.report(errors::too_large("an input", n, Span::default()));
        }
    }

    fn finish(mut self) -> (Model, Vec<Diagnostic>) {
        self.model.graph = self.b.graph;
        self.model.time = self.time.map(|(input, _)| input);
        while self.model.sets.len() < self.model.graph.axes.len() {
            self.model.sets.push(model::SetInfo {
                first: 1,
                labels: Vec::new(),
            });
        }
        (self.model, self.diagnostics)
    }
}

/// A dotted name without indices.
fn path_text(path: &ast::Path) -> String {
    let words: Vec<&str> = path.segments.iter().map(|s| s.name.text.as_str()).collect();
    words.join(".")
}

/// An expression as it was written, on one line.
fn model_text(e: &ast::Expr) -> String {
    crate::syntax::print::print_expr(e)
}
