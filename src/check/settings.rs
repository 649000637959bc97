//! Settings blocks: keys are looked up, values become data; nothing is silently ignored.

use super::conduct::{CONCEPTS, INFORMATION};
use super::errors;
use super::model::{Model, Setting};
use crate::diag::{Diagnostic, Span};

/// A settings key: what it takes, its default, what it does. A trailing `.*` stands for a name of the model.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds where it is not given, as one would type it or in words.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// What a setting takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A number above `above`, at most `most`.
    Above {
        /// The bound.
        above: f64,
        /// The largest.
        most: f64,
    },
    /// A number in a closed interval.
    Within {
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
    /// A whole number in a closed interval.
    Whole {
        /// Lower end.
        lo: u64,
        /// Upper end.
        hi: u64,
    },
    /// `true` or `false`.
    Switch,
    /// One of these words; the first string says what they are.
    Words(&'static str, &'static [&'static str]),
    /// A method of solving: who solves knows which there are.
    Method,
    /// The grid of a state.
    Grid,
    /// The chain of a continuous shock.
    Chain,
    /// Which of several equilibria.
    Selection,
    /// A scenario of the model.
    Scenario,
    /// The name of an agent.
    Agent,
    /// Seeds.
    Seeds,
    /// When learning ends before its steps are used up.
    Stop,
    /// Two different numbers.
    Pair,
}

/// What holds where nothing is said: read by the solvers and shown in the tables.
pub mod defaults {
    /// Largest error of the value relative to `1 + |V|`, value iteration.
    pub const TOLERANCE: f64 = 1e-10;
    /// Largest change of the value, grid search.
    pub const GRID_SEARCH_TOLERANCE: f64 = 1e-7;
    /// Most improvements of value iteration.
    pub const IMPROVEMENTS: usize = 1000;
    /// Most sweeps of grid search.
    pub const SWEEPS_OF_GRID_SEARCH: usize = 100_000;
    /// Most sweeps of one policy evaluation, value iteration.
    pub const SWEEPS: usize = 50;
    /// Paths of the simulation that judges a solution.
    pub const PATHS: usize = 32;
    /// Periods of each path.
    pub const PERIODS: usize = 400;
    /// Periods of each path before anything is recorded.
    pub const BURN_IN: usize = 200;
    /// Largest residuals that pass, log10.
    pub const RESIDUALS: f64 = -3.0;
    /// Largest share of simulated time outside the grid or at its edges that passes.
    pub const EDGES: f64 = 1e-3;
    /// How often the work of the first solve may be spent, certificates and finer solves together.
    pub const WORK: f64 = 4.0;
    /// Members that stand for a continuum.
    pub const MEMBERS: usize = 1000;
    /// Nodes of the chain of a continuous shock.
    pub const CHAIN: usize = 7;
    /// Measurements of a training.
    pub const EVALUATIONS: usize = 20;
    /// Episodes of one measurement.
    pub const EVALUATION_EPISODES: usize = 32;
}

/// Shapes of grids.
const GRIDS: &[&str] = &["log", "uniform", "double_log", "exponential"];

/// Most of anything that is counted.
const MANY: u64 = 1_000_000_000;

pub(super) const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        doc,
    }
}

/// Logarithms to base 10 of what is a share: 0 is all of it, and doubles end long before -30.
const LOG10: Kind = Kind::Within { lo: -30.0, hi: 0.0 };

const POSITIVE: Kind = Kind::Above {
    above: 0.0,
    most: f64::MAX,
};

const SHARE: Kind = Kind::Above { above: 0.0, most: 1.0 };

/// Fewest periods that say something about a 99 % quantile: some for each path.
const FEWEST_PERIODS: u64 = 320;

const COUNT: Kind = Kind::Whole { lo: 1, hi: MANY };

const COUNT_OR_NONE: Kind = Kind::Whole { lo: 0, hi: MANY };

/// Concepts that one agent by itself may have: it sees through prices or takes them as given.
const OF_ONE: &[&str] = &["nash", "competitive"];

/// Keys of `solve { }`.
pub const SOLVE_KEYS: &[Key] = &[
    key(
        "method",
        Kind::Method,
        "the first that fits",
        "the method: `econc solve --list` names them, `econc solve FILE --why` says which fit",
    ),
    key(
        "concept",
        Kind::Words("concept", CONCEPTS),
        "planner with one agent, competitive with a continuum",
        "what counts as a solution",
    ),
    key(
        "concept.*",
        Kind::Words("concept", OF_ONE),
        "that of `concept`",
        "the concept of one agent by itself",
    ),
    key(
        "given.*",
        Kind::Within {
            lo: f64::MIN,
            hi: f64::MAX,
        },
        "what its rule or its market says",
        "a price that everybody takes as given at this value: partial equilibrium",
    ),
    key("grid.*", Kind::Grid, "by the number of states", "grid of a state"),
    key("chain.*", Kind::Chain, "rouwenhorst(7)", "chain for a continuous shock"),
    key(
        "quadrature.*",
        Kind::Whole { lo: 1, hi: 1000 },
        "5; more behind kinks",
        "quadrature nodes for a continuous noise",
    ),
    key(
        "tolerance",
        SHARE,
        "1e-10; 1e-7 with grid_search",
        "largest error of the value at the end, relative to 1 + its largest size or, where that is less, to ten times what it differs by; with grid_search its largest change, with time_iteration and endogenous_grid the largest relative change of policies and marginal values; with perceived_law (1e-6) the largest relative change of what the law forecasts",
    ),
    key(
        "policy_tolerance",
        POSITIVE,
        "none",
        "largest change of an action in the last improvement; a finite choice changes by 1",
    ),
    key(
        "iterations",
        COUNT,
        "1000; 10000 with grid_search",
        "most improvements (or sweeps) before the solver gives up",
    ),
    key(
        "howard",
        COUNT_OR_NONE,
        "50; 0 with grid_search",
        "most sweeps of a policy evaluation between improvements; 0 is plain value iteration",
    ),
    key(
        "damping",
        SHARE,
        "1; 0.4 with perceived_law",
        "weight of the new iterate: of the policies of `joint` from sweep to sweep, of the law of `perceived_law` from round to round; below 1 relaxes",
    ),
    key(
        "law.periods",
        Kind::Whole { lo: 100, hi: MANY },
        "6000",
        "periods of the path of the aggregate shock to which `perceived_law` fits the law of motion",
    ),
    key(
        "law.burn_in",
        COUNT_OR_NONE,
        "500",
        "periods of that path before the law is fitted to it",
    ),
    key(
        "law.nodes",
        Kind::Whole { lo: 20, hi: 1_000_000 },
        "1000",
        "nodes of the distribution of members that is carried along that path",
    ),
    key(
        "law.history",
        Kind::Whole { lo: 1, hi: 12 },
        "1",
        "states of the aggregate chain that the law of a price knows: its line is that of the last so many, and of the next one",
    ),
    key(
        "law.forecast",
        Kind::Words("forecast", &["present", "history"]),
        "present",
        "what forecasts a price that clears: the present one, on a line by history; or `history`, the history alone",
    ),
    key(
        "interpolation",
        Kind::Words("interpolation", &["cubic", "linear"]),
        "cubic, linear where that does not settle",
        "between the nodes of a grid",
    ),
    key(
        "members",
        Kind::Whole { lo: 1, hi: 10_000_000 },
        "1000",
        "members that stand for a continuum in simulation",
    ),
    key(
        "information",
        Kind::Words("choice", INFORMATION),
        "observed",
        "what policies may depend on",
    ),
    key(
        "find",
        Kind::Words("choice", &["one", "all"]),
        "one",
        "games without states: which equilibria are wanted; several are an error unless all are",
    ),
    key(
        "select",
        Kind::Selection,
        "none",
        "games without states: which of several equilibria is the solution; from(start) is where replies lead from the first choices",
    ),
    key(
        "periods",
        Kind::Whole {
            lo: FEWEST_PERIODS,
            hi: MANY,
        },
        "12800",
        "periods of the simulation that judges the solution, on 32 paths together, and finite lives to their end; where the file says neither this nor `burn_in`, more until lives have come to rest",
    ),
    key(
        "burn_in",
        COUNT_OR_NONE,
        "200",
        "periods of each path before anything is recorded",
    ),
    key(
        "work",
        Kind::Within { lo: 0.0, hi: 1e6 },
        "4",
        "what the first solve, its certificate, and finer and wider solves with theirs may compute together, in multiples of the first solve (and, for each, of about two seconds of one core, counted in instructions); where several decide, what the search for an equilibrium and each best reply of its judge may compute, in multiples of a few seconds",
    ),
    key(
        "bellman",
        LOG10,
        "-3",
        "largest 99 % quantile of the Bellman residual that passes, log10",
    ),
    key(
        "euler",
        LOG10,
        "-3",
        "largest 99 % quantile of the Euler residual that passes, log10",
    ),
    key(
        "edges",
        Kind::Within { lo: 0.0, hi: 1.0 },
        "0.001",
        "largest share of simulated time outside the grid or at its edges that passes",
    ),
];

/// Keys of `verify { }`.
pub const VERIFY_KEYS: &[Key] = &[
    key(
        "against",
        Kind::Words("concept", CONCEPTS),
        "that of `solve`",
        "the concept to compare with",
    ),
    key(
        "policy_error",
        SHARE,
        "none",
        "largest distance in policy that passes, a share of the exact policy",
    ),
    key("welfare_loss", SHARE, "none", "largest welfare loss that passes"),
    key("euler", LOG10, "none", "largest mean Euler residual that passes, log10"),
    key(
        "exploitability",
        SHARE,
        "0.005",
        "where several decide: largest gain of one by its best reply that passes, a share of what it earns",
    ),
    key(
        "scenario",
        Kind::Scenario,
        "none",
        "the scenario that says where paths begin and how long they count",
    ),
    key(
        "episodes",
        COUNT,
        "100, more where the standard error is large",
        "paths on which losses are measured, of each seed",
    ),
    key("seeds", Kind::Seeds, "that of --seed", "seeds of these paths"),
];

/// What the language knows and no solver of this version does: why, and what to do instead.
pub fn not_yet(block: &str, key: &str, value: &Setting, span: Span) -> Option<Diagnostic> {
    let word = match value {
        Setting::Word(w) => w.as_str(),
        _ => "",
    };
    let (why, hint) = match (block, key, word) {
        ("solve", k, w) if k.starts_with("concept.") && CONCEPTS.contains(&w) && !OF_ONE.contains(&w) => (
            "one agent by itself sees through prices or takes them as given: `nash` or `competitive`; the other concepts are about everybody",
            "write `concept = ..` for everybody",
        ),
        _ => return None,
    };
    Some(
        Diagnostic::error("E0807", format!("`{key} = {value}` is not in this version"))
            .at(span, "asked for here")
            .note(why)
            .hint(hint),
    )
}

/// A list of keys as a table of the book, one row per key in order.
pub fn table(keys: &[Key]) -> String {
    let mut out = String::from("| key | takes | default | |\n|---|---|---|---|\n");
    for k in keys {
        let name = k.name.replace('*', "NAME");
        let cells = [k.kind.words(), k.default.to_string(), k.doc.to_string()].map(|c| c.replace('|', "\\|"));
        out.push_str(&format!("| `{name}` | {} |\n", cells.join(" | ")));
    }
    out
}

impl Kind {
    /// What it takes, in words.
    pub fn words(&self) -> String {
        match self {
            Kind::Above { above, most } if *most == f64::MAX => format!("a number above {}", errors::num(*above)),
            Kind::Above { above, most } => format!("a number above {}, at most {}", errors::num(*above), errors::num(*most)),
            Kind::Within { lo, hi } if *lo == f64::MIN && *hi == f64::MAX => "a number".into(),
            Kind::Within { lo, hi } => format!("a number from {} to {}", errors::num(*lo), errors::num(*hi)),
            Kind::Whole { lo, hi } if *hi == MANY => format!("a whole number, {lo} or more"),
            Kind::Whole { lo, hi } => format!("a whole number from {lo} to {hi}"),
            Kind::Switch => "true or false".into(),
            Kind::Words(_, words) => either(words),
            Kind::Method => "the name of a method".into(),
            Kind::Grid => {
                "log(200), uniform(200), double_log(200), exponential(200), with ends log(0.5, 20, 200), or a list [1, 2, 5]".into()
            }
            Kind::Chain => "rouwenhorst(7), tauchen(9), tauchen(9, 3) or farmer_toda(25)".into(),
            Kind::Selection => "payoff_dominant, risk_dominant or from(start)".into(),
            Kind::Scenario => "the name of a scenario of the model".into(),
            Kind::Agent => "the name of an agent of the model".into(),
            Kind::Seeds => "different whole numbers, at most 1000: 1..5, [3, 7] or 1".into(),
            Kind::Pair => "two different numbers: [1.47, 1.92]".into(),
            Kind::Stop => "stable(100_000): periods without a change of the best choices".into(),
        }
    }

    /// The same with all limits, for messages about a value that lies outside them.
    fn limits(&self) -> String {
        match self {
            Kind::Whole { lo, hi } => format!("a whole number from {lo} to {hi}"),
            Kind::Grid => format!("{}; 2 to 100000000 nodes", self.words()),
            Kind::Chain => format!("{}; 1 to 1000 states", self.words()),
            _ => self.words(),
        }
    }

    /// Whether a value is what this takes.
    pub fn takes(&self, value: &Setting, model: &Model) -> bool {
        let whole = |v: &Setting, lo: f64, hi: f64| matches!(v, Setting::Number(x) if x.fract() == 0.0 && (lo..=hi).contains(x));
        let size = |v: &Setting| whole(v, 2.0, 1e8);
        match (self, value) {
            (Kind::Above { above, most }, Setting::Number(x)) => x > above && x <= most,
            (Kind::Within { lo, hi }, Setting::Number(x)) => (*lo..=*hi).contains(x),
            (Kind::Whole { lo, hi }, v) => whole(v, *lo as f64, *hi as f64),
            (Kind::Switch, Setting::Bool(_)) => true,
            (Kind::Words(_, words), Setting::Word(w)) => words.contains(&w.as_str()),
            (Kind::Method, Setting::Word(_)) => true,
            (Kind::Grid, Setting::Number(_)) => size(value),
            (Kind::Grid, Setting::List(nodes)) => {
                let nodes: Vec<f64> = nodes
                    .iter()
                    .map_while(Setting::number)
                    .filter(|x| x.is_finite())
                    .collect();
                let all = matches!(value, Setting::List(l) if l.len() == nodes.len());
                all && nodes.len() >= 2 && nodes.windows(2).all(|w| w[0] < w[1])
            }
            (Kind::Grid, Setting::Call(f, args)) => {
                GRIDS.contains(&f.as_str())
                    && match args.as_slice() {
                        [n] => size(n),
                        [Setting::Number(lo), Setting::Number(hi), n] => {
                            lo.is_finite() && hi.is_finite() && lo < hi && (f != "log" || *lo > 0.0) && size(n)
                        }
                        _ => false,
                    }
            }
            (Kind::Chain, Setting::Number(_)) => whole(value, 1.0, 1000.0),
            (Kind::Chain, Setting::Call(f, args)) => match (f.as_str(), args.as_slice()) {
                ("rouwenhorst" | "tauchen" | "farmer_toda", [n]) => whole(n, 1.0, 1000.0),
                ("tauchen", [n, Setting::Number(width)]) => whole(n, 1.0, 1000.0) && *width > 0.0 && width.is_finite(),
                _ => false,
            },
            (Kind::Selection, Setting::Word(w)) => w == "payoff_dominant" || w == "risk_dominant",
            (Kind::Selection, Setting::Call(f, args)) => {
                f == "from" && matches!(args.as_slice(), [Setting::Word(w)] if w == "start")
            }
            (Kind::Scenario, Setting::Word(w)) => model.scenarios.iter().any(|s| s.name == *w),
            (Kind::Agent, Setting::Word(w)) => model.agents.iter().any(|a| a.name == *w),
            (Kind::Seeds, v) => !seeds(v).is_empty(),
            (Kind::Pair, Setting::List(two)) => match two.as_slice() {
                [Setting::Number(a), Setting::Number(b)] => a.is_finite() && b.is_finite() && a != b,
                _ => false,
            },
            (Kind::Stop, Setting::Call(f, args)) => {
                f == "stable" && matches!(args.as_slice(), [n] if whole(n, 1.0, 9e15))
            }
            (
                Kind::Above { .. }
                | Kind::Within { .. }
                | Kind::Switch
                | Kind::Words(..)
                | Kind::Method
                | Kind::Grid
                | Kind::Chain
                | Kind::Selection
                | Kind::Scenario
                | Kind::Pair
                | Kind::Agent
                | Kind::Stop,
                _,
            ) => false,
        }
    }

    pub(super) fn wants_number(&self) -> bool {
        match self {
            Kind::Above { .. } | Kind::Within { .. } | Kind::Whole { .. } | Kind::Grid | Kind::Chain | Kind::Seeds => {
                true
            }
            Kind::Switch
            | Kind::Words(..)
            | Kind::Method
            | Kind::Selection
            | Kind::Scenario
            | Kind::Pair
            | Kind::Agent
            | Kind::Stop => false,
        }
    }

    /// The words it takes, with what they are.
    fn choices(&self, model: &Model) -> Option<(&'static str, Vec<String>)> {
        match self {
            Kind::Words(what, words) => Some((what, words.iter().map(ToString::to_string).collect())),
            Kind::Scenario => Some(("scenario", model.scenarios.iter().map(|s| s.name.clone()).collect())),
            Kind::Agent => Some(("agent", model.agents.iter().map(|a| a.name.clone()).collect())),
            Kind::Above { .. }
            | Kind::Within { .. }
            | Kind::Whole { .. }
            | Kind::Switch
            | Kind::Method
            | Kind::Grid
            | Kind::Chain
            | Kind::Selection
            | Kind::Seeds
            | Kind::Pair
            | Kind::Stop => None,
        }
    }
}

/// Whether `solve { }` has this key.
pub fn is_solve_key(name: &str) -> bool {
    let family = name.split_once('.').map(|(family, _)| format!("{family}.*"));
    SOLVE_KEYS
        .iter()
        .any(|k| !k.name.ends_with(".*") && k.name == name || family.as_deref() == Some(k.name))
}

/// `a, b or c`
fn either(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_string(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Most seeds of one run.
const MOST_SEEDS: i64 = 1000;

/// The seeds that `1..5`, `[3, 7]` or `1` means, a list in order; empty if it means none.
pub fn seeds(value: &Setting) -> Vec<u64> {
    let one = |v: &Setting| match v {
        Setting::Number(x) if *x >= 0.0 && x.fract() == 0.0 && *x < 9e15 => Some(*x as u64),
        _ => None,
    };
    match value {
        Setting::Range(a, b) if *a >= 0 && *b >= *a && *b - *a < MOST_SEEDS => (*a as u64..=*b as u64).collect(),
        Setting::List(items) => {
            let all = items.iter().map(one).collect::<Option<Vec<u64>>>().unwrap_or_default();
            // A seed that is named twice would give one run where two are asked for: none is accepted.
            let different: std::collections::BTreeSet<&u64> = all.iter().collect();
            if different.len() == all.len() && all.len() as i64 <= MOST_SEEDS {
                all
            } else {
                Vec::new()
            }
        }
        v => one(v).into_iter().collect(),
    }
}

/// The message about a value that a key does not take, `None` if it does.
pub fn misfit(key: &Key, written: &str, value: &Setting, model: &Model, span: Option<Span>) -> Option<Diagnostic> {
    if key.kind.takes(value, model) {
        return None;
    }
    let d = match (key.kind.choices(model), value) {
        (Some((what, known)), Setting::Word(w)) if what != "choice" && what != "interpolation" => {
            unknown_word(what, w, &known)
        }
        (known, _) => {
            let words = known.map_or(Vec::new(), |(_, words)| words);
            let d = errors::setting_kind(written, &short(value), &key.kind.limits(), &words);
            match meant(key, written, value) {
                Some(meant) => d.note(format!("it takes {}", key.kind.words())).hint(meant),
                None => d,
            }
        }
    };
    Some(match span {
        Some(span) => d.at(span, format!("takes {}", key.kind.words())),
        None => d,
    })
}

/// A value as a message shows it: numbers of many digits in short.
fn short(value: &Setting) -> String {
    match value {
        Setting::Number(x) if x.abs() >= 1e15 => format!("{x:e}"),
        other => other.to_string(),
    }
}

/// What was probably meant by a number that a key does not take.
pub(super) fn meant(key: &Key, written: &str, value: &Setting) -> Option<String> {
    let Setting::Number(x) = value else { return None };
    let logarithm = key.doc.contains("log10");
    let share = matches!(key.kind, Kind::Above { most: 1.0, .. }) && key.name != "tolerance";
    if logarithm && *x > 0.0 && *x < 1.0 {
        let power = (x.log10() * 100.0).round() / 100.0;
        return Some(format!(
            "it is the logarithm to base 10: {written} = {power} asks for {x}"
        ));
    }
    if logarithm && *x >= 1.0 && *x <= 30.0 {
        return Some(format!(
            "it is the logarithm to base 10, so a small error is negative: {written} = -{x}"
        ));
    }
    if share && *x > 1.0 && *x <= 100.0 {
        return Some(format!("it is a share; percentages need the sign: {written} = {x}%"));
    }
    None
}

/// A method, concept, learner or scenario that does not exist (E0804); `known` is the list of those that do, from which
/// the nearest is suggested.
pub fn unknown_word(what: &str, word: &str, known: &[String]) -> Diagnostic {
    errors::unknown_word(what, word, known)
}

/// A key that a block does not have; `known` is the list of keys it has.
pub fn unknown_key(key: &str, block: &str, span: Span, known: &[String]) -> Diagnostic {
    errors::unknown_setting(key, block, span, known)
}
