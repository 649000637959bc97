//! Settings blocks: keys are looked up, values become data; nothing is silently ignored.

use super::conduct::{CONCEPTS, Concept, INFORMATION, Information};
use super::model::{Family, Model, Process, Setting, Settings};
use super::{Checker, errors};
use crate::diag::{Diagnostic, Span};
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind, UnaryOp};

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
    /// Seeds.
    Seeds,
    /// When learning ends before its steps are used up.
    Stop,
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

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
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
        Kind::Words("concept", CONCEPTS),
        "that of `concept`",
        "the concept of one agent; not in this version",
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
        "largest error of the value at the end, relative to 1 + its largest size; with grid_search its largest change",
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
        "most improvements before the solver gives up",
    ),
    key(
        "howard",
        COUNT_OR_NONE,
        "50; 0 with grid_search",
        "most sweeps of a policy evaluation between improvements; 0 is plain value iteration",
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
        "policies",
        Kind::Words("choice", &["shared", "separate"]),
        "shared",
        "one policy an agent block; one a member is not in this version",
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
        "which equilibria are looked for; all is not in this version",
    ),
    key(
        "select",
        Kind::Selection,
        "none",
        "which of several equilibria is the solution; not in this version",
    ),
    key(
        "periods",
        Kind::Whole {
            lo: FEWEST_PERIODS,
            hi: MANY,
        },
        "12800",
        "periods of the simulation that judges the solution, on 32 paths together",
    ),
    key(
        "burn_in",
        COUNT_OR_NONE,
        "200",
        "periods of each path before anything is recorded",
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
        "largest mean distance in policy that passes, relative to its mean",
    ),
    key("welfare_loss", SHARE, "none", "largest welfare loss that passes"),
    key("euler", LOG10, "none", "largest mean Euler residual that passes, log10"),
    key(
        "scenario",
        Kind::Scenario,
        "none",
        "the scenario that says where paths begin and how long they count",
    ),
    key(
        "episodes",
        COUNT,
        "100, more where luck decides",
        "paths on which losses are measured, of each seed",
    ),
    key("seeds", Kind::Seeds, "that of --seed", "seeds of these paths"),
];

/// What the language knows and no solver or learner of this version does: why, and what to do instead.
pub fn not_yet(block: &str, key: &str, value: &Setting, span: Span) -> Option<Diagnostic> {
    let word = match value {
        Setting::Word(w) => w.as_str(),
        _ => "",
    };
    let (why, hint) = match (block, key, word) {
        ("solve", k, _) if k.starts_with("concept.") => (
            "one concept holds for everybody",
            "write `concept = ..`; a market may be `competitive` by itself",
        ),
        ("solve", "find", "all") => ("one solution is looked for", "remove it"),
        ("solve", "select", _) => (
            "one solution is looked for, so there is none to choose from",
            "remove it",
        ),
        ("solve" | "train", "policies", "separate") => (
            "the members of an agent block share one policy",
            "remove it, or write one `agent` block for each member",
        ),
        ("train", "random", "ran2") => (
            "learners draw from counter-based streams; the published sessions are repeated in distribution, not number by number",
            "remove it",
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

/// The keys of a block as a table of the book.
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
            Kind::Seeds => "different whole numbers: 1..5, [3, 7] or 1".into(),
            Kind::Stop => "stable(100_000): periods without a change of the best choices".into(),
        }
    }

    /// The same with all limits, for messages about a value that lies outside them.
    fn limits(&self) -> String {
        match self {
            Kind::Whole { lo, hi } => format!("a whole number from {lo} to {hi}"),
            Kind::Grid => format!("{}; 2 to 100000000 nodes", self.words()),
            Kind::Chain => format!("{}; 1 to 1000 links", self.words()),
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
            (Kind::Seeds, v) => !seeds(v).is_empty(),
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
                | Kind::Stop,
                _,
            ) => false,
        }
    }

    fn wants_number(&self) -> bool {
        match self {
            Kind::Above { .. } | Kind::Within { .. } | Kind::Whole { .. } | Kind::Grid | Kind::Chain | Kind::Seeds => {
                true
            }
            Kind::Switch | Kind::Words(..) | Kind::Method | Kind::Selection | Kind::Scenario | Kind::Stop => false,
        }
    }

    /// The words it takes, with what they are.
    fn choices(&self, model: &Model) -> Option<(&'static str, Vec<String>)> {
        match self {
            Kind::Words(what, words) => Some((what, words.iter().map(ToString::to_string).collect())),
            Kind::Scenario => Some(("scenario", model.scenarios.iter().map(|s| s.name.clone()).collect())),
            Kind::Above { .. }
            | Kind::Within { .. }
            | Kind::Whole { .. }
            | Kind::Switch
            | Kind::Method
            | Kind::Grid
            | Kind::Chain
            | Kind::Selection
            | Kind::Seeds
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
const MOST_SEEDS: i64 = 1_000_000;

/// The seeds that `1..5`, `[3, 7]` or `1` means; empty if it means none.
pub fn seeds(value: &Setting) -> Vec<u64> {
    let one = |v: &Setting| match v {
        Setting::Number(x) if *x >= 0.0 && x.fract() == 0.0 && *x < 9e15 => Some(*x as u64),
        _ => None,
    };
    match value {
        Setting::Range(a, b) if *a >= 0 && *b >= *a && *b - *a < MOST_SEEDS => (*a as u64..=*b as u64).collect(),
        Setting::List(items) => {
            let all = items.iter().map(one).collect::<Option<Vec<u64>>>().unwrap_or_default();
            // A seed that is named twice is one run: whoever asks for two would be told of one.
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
fn meant(key: &Key, written: &str, value: &Setting) -> Option<String> {
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
        return Some(format!("it is a share; per cent have their sign: {written} = {x}%"));
    }
    None
}

/// A method, concept, learner or scenario that does not exist.
pub fn unknown_word(what: &str, word: &str, known: &[String]) -> Diagnostic {
    errors::unknown_word(what, word, known)
}

/// A key that a block does not have; `known` are the keys it has.
pub fn unknown_key(key: &str, block: &str, span: Span, known: &[String]) -> Diagnostic {
    errors::unknown_setting(key, block, span, known)
}

impl Checker<'_> {
    pub(super) fn read_settings(&mut self) {
        for (block, items, span) in self.settings_stmts.clone() {
            let span = match &block {
                ast::SettingsBlock::Train(m) => m.span,
                ast::SettingsBlock::Solve | ast::SettingsBlock::Verify => span,
            };
            let (name, method, keys) = match &block {
                ast::SettingsBlock::Solve => ("solve", None, Some(SOLVE_KEYS)),
                ast::SettingsBlock::Verify => ("verify", None, Some(VERIFY_KEYS)),
                ast::SettingsBlock::Train(m) => ("train", Some(m.text.clone()), None),
            };
            let mut entries = Vec::new();
            for item in items {
                let words: Vec<&str> = item.key.iter().map(|n| n.text.as_str()).collect();
                let key = words.join(".");
                let key_span = item.key[0].span.to(item.key[item.key.len() - 1].span);
                let known = match keys {
                    None => None,
                    Some(keys) => match self.known_key(&key, &words, keys, key_span, name) {
                        Some(known) => Some(known),
                        None => continue,
                    },
                };
                let wants_number = known.is_some_and(|k| k.kind.wants_number());
                let Some(value) = self.setting(&item.value, wants_number) else {
                    continue;
                };
                // The default in words, as the tables show it: nothing is set.
                if known.is_some_and(|k| k.default == "none") && value == Setting::Word("none".into()) {
                    continue;
                }
                if let Some(known) = known
                    && let Some(d) = misfit(known, &key, &value, &self.model, Some(item.value.span))
                {
                    self.report(d);
                    continue;
                }
                if let Some(d) = known
                    .and_then(|_| not_yet(name, &key, &value, item.span))
                    .or_else(|| self.idle(name, &words, item.span))
                {
                    self.report(d);
                    continue;
                }
                if let Some(d) = self.grid_beyond(&key, &words, &value, item.value.span) {
                    self.report(d);
                    continue;
                }
                entries.push((key, value, item.span));
            }
            self.model.settings.push(Settings {
                block: name.into(),
                method,
                entries,
                span,
            });
        }
        self.conduct();
    }

    /// A grid with nodes outside the domain of its state.
    fn grid_beyond(&self, key: &str, words: &[&str], value: &Setting, span: Span) -> Option<Diagnostic> {
        let ["grid", target @ ..] = words else { return None };
        let (lo, hi) = match value {
            Setting::List(nodes) => (nodes.first()?.number()?, nodes.last()?.number()?),
            Setting::Call(_, args) => match args.as_slice() {
                [lo, hi, _] => (lo.number()?, hi.number()?),
                _ => return None,
            },
            _ => return None,
        };
        let target = target.join(".");
        let meant = |name: &str| name == target || name.rsplit('.').next() == Some(target.as_str());
        let beyond = |s: &&super::model::State| meant(&s.name) && (lo < s.domain.lo || hi > s.domain.hi);
        let state = self.model.states.iter().find(beyond)?;
        Some(errors::grid_beyond(
            &state.name,
            key,
            (lo, hi),
            state.domain,
            span,
            state.span,
        ))
    }

    /// A grid, a chain or a quadrature of what has none.
    fn idle(&self, block: &str, words: &[&str], span: Span) -> Option<Diagnostic> {
        let [family, target @ ..] = words else { return None };
        if *family == "members" && target.is_empty() && !self.b.graph.axes.iter().any(|a| a.continuum) {
            let d = Diagnostic::error("E0808", "`members` has no effect: the model has no continuum");
            return Some(d.at(span, "nothing reads this").hint("remove it"));
        }
        if block != "solve" || target.is_empty() {
            return None;
        }
        let target = target.join(".");
        let meant = |name: &str| name == target || name.rsplit('.').next() == Some(target.as_str());
        let why = match *family {
            "grid" => {
                let mut own = self.model.states.iter().filter(|s| meant(&s.name)).peekable();
                own.peek()?;
                own.all(|s| s.domain.integer)
                    .then_some("takes whole numbers: the solver visits every one of them")
            }
            "chain" => {
                let mut own = self.model.shocks.iter().filter(|s| meant(&s.name)).peekable();
                own.peek()?;
                own.all(|s| matches!(s.process, Process::Chain { .. }))
                    .then_some("is a finite chain already")
            }
            "quadrature" => {
                let finite = [Family::Bernoulli, Family::UniformInt, Family::Discrete];
                let mut own = self.model.noises.iter().filter(|n| meant(&n.name));
                own.all(|n| finite.contains(&n.family)).then(|| {
                    match self.model.noises.iter().any(|n| meant(&n.name)) {
                        true => "takes finitely many values: the solver visits every one of them",
                        false => "is a shock: `chain.` sets the nodes of a shock",
                    }
                })
            }
            _ => None,
        }?;
        let d = Diagnostic::error(
            "E0808",
            format!("`{}` has no effect: `{target}` {why}", words.join(".")),
        );
        Some(d.at(span, "nothing reads this").hint("remove it"))
    }

    /// Concepts that the model cannot have.
    fn conduct(&mut self) {
        if let Some(said) = self.model.solve_settings() {
            let word = |key: &str| match said.get(key) {
                Some(Setting::Word(w)) => w.as_str(),
                _ => "",
            };
            let (concept, information) = (Concept::of(word("concept")), Information::of(word("information")));
            self.model.concept = concept;
            self.model.information = information.unwrap_or_default();
        }
        let solve = self.model.settings.iter().filter(|s| s.block == "solve");
        let concepts: Vec<(String, Span)> = solve
            .flat_map(|s| &s.entries)
            .filter_map(|(key, value, span)| match value {
                Setting::Word(w) if key == "concept" || key.starts_with("concept.") => Some((w.clone(), *span)),
                _ => None,
            })
            .collect();
        for (concept, span) in concepts {
            if concept == "stackelberg" && self.model.stages.is_empty() {
                self.report(errors::stackelberg_without_stages(span));
            }
            if concept == "planner" {
                let discounts = self.discounts();
                if let Some((first, rest)) = discounts.split_first()
                    && let Some(other) = rest.iter().find(|(_, d)| *d != first.1)
                {
                    let d = errors::unequal_discounts(first, other, span);
                    self.report(d);
                }
            }
        }
    }

    /// The constant discount factors of the agents: name and value, two of one population whose members differ.
    fn discounts(&self) -> Vec<(String, f64)> {
        let mut out = Vec::new();
        for agent in self.model.agents.iter().filter(|a| a.reward.is_some()) {
            let Some(node) = agent.discount else { continue };
            if let Some(values) = self.b.constant_values(node) {
                let (lo, hi) = values
                    .iter()
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
                out.push((agent.name.clone(), lo));
                if hi > lo {
                    out.push((agent.name.clone(), hi));
                }
            }
        }
        out
    }

    fn known_key(
        &mut self,
        key: &str,
        words: &[&str],
        keys: &'static [Key],
        span: Span,
        block: &str,
    ) -> Option<&'static Key> {
        if let Some(known) = keys.iter().find(|k| k.name == key && !k.name.ends_with(".*")) {
            return Some(known);
        }
        if let [family, rest @ ..] = words
            && !rest.is_empty()
            && let Some(known_key) = keys.iter().find(|k| k.name == format!("{family}.*"))
        {
            let target = rest.join(".");
            let known = self.named_by(family);
            if known
                .iter()
                .any(|n| *n == target || n.rsplit('.').next() == Some(target.as_str()))
            {
                return Some(known_key);
            }
            self.report(errors::setting_target(family, &target, span, &known));
            return None;
        }
        let names: Vec<String> = keys.iter().map(|k| k.name.replace('*', "NAME")).collect();
        self.report(errors::unknown_setting(key, block, span, &names));
        None
    }

    fn named_by(&self, family: &str) -> Vec<String> {
        match family {
            "grid" => self.model.states.iter().map(|s| s.name.clone()).collect(),
            "chain" => self.model.shocks.iter().map(|s| s.name.clone()).collect(),
            "quadrature" => self
                .model
                .noises
                .iter()
                .map(|s| s.name.clone())
                .chain(self.model.shocks.iter().map(|s| s.name.clone()))
                .collect(),
            "given" => self.model.prices.iter().map(|p| p.name.clone()).collect(),
            _ => self.model.agents.iter().map(|a| a.name.clone()).collect(),
        }
    }

    /// A setting's value. A word that names a parameter is a number where a number is wanted, and a word elsewhere.
    fn setting(&mut self, e: &Expr, wants_number: bool) -> Option<Setting> {
        match &e.kind {
            ExprKind::Number { value, .. } => Some(Setting::Number(*value)),
            ExprKind::Bool(b) => Some(Setting::Bool(*b)),
            ExprKind::Inf => Some(Setting::Number(f64::INFINITY)),
            ExprKind::Text(s) => Some(Setting::Text(s.clone())),
            ExprKind::Paren(inner) => self.setting(inner, wants_number),
            ExprKind::Array(items) => {
                let mut list = Vec::new();
                for i in items {
                    list.push(self.setting(&i.value, wants_number)?);
                }
                Some(Setting::List(list))
            }
            ExprKind::Range(a, b) => {
                let scope = self.constant_scope(0, "a setting");
                Some(Setting::Range(
                    self.whole_constant(a, &scope)?,
                    self.whole_constant(b, &scope)?,
                ))
            }
            ExprKind::Path(p) if wants_number && self.param_named(p).is_some() => self.setting_number(e),
            ExprKind::Path(p) => {
                // Whoever reads the word may take the parameter's number for it.
                if let Some(i) = self.param_named(p) {
                    self.entities[i].used = true;
                }
                Some(Setting::Word(path_text(p)))
            }
            ExprKind::Call { name, args } => {
                let mut out = Vec::new();
                for a in args {
                    out.push(match &a.value.kind {
                        _ if self.is_number(&a.value, wants_number) => self.setting_number(&a.value)?,
                        ExprKind::Path(_) | ExprKind::Text(_) | ExprKind::Array(_) | ExprKind::Call { .. } => {
                            self.setting(&a.value, wants_number)?
                        }
                        _ => Setting::Text(super::model_text(&a.value)),
                    });
                }
                Some(Setting::Call(name.text.clone(), out))
            }
            _ if self.is_number(e, true) => self.setting_number(e),
            _ => Some(Setting::Text(super::model_text(e))),
        }
    }

    fn setting_number(&mut self, e: &Expr) -> Option<Setting> {
        let scope = self.constant_scope(0, "a setting");
        let waiting = self.hit_pending.take();
        let x = self.number_constant(e, &scope);
        if self.hit_pending.is_some() {
            self.left_out.push("a setting".into());
        }
        self.hit_pending = waiting;
        x.map(Setting::Number)
    }

    fn param_named(&self, path: &ast::Path) -> Option<usize> {
        let text = path_text(path);
        let names = |e: &super::Entity| e.dotted == text || e.name == text;
        self.entities
            .iter()
            .position(|e| names(e) && matches!(e.decl, super::Decl::Param { .. }))
    }

    /// Whether an expression is arithmetic on numbers and, if `named`, on parameters.
    fn is_number(&self, e: &Expr, named: bool) -> bool {
        match &e.kind {
            ExprKind::Number { .. } | ExprKind::Inf => true,
            ExprKind::Path(p) => named && self.param_named(p).is_some(),
            ExprKind::Unary {
                op: UnaryOp::Neg | UnaryOp::Plus,
                arg,
            } => self.is_number(arg, named),
            ExprKind::Paren(inner) => self.is_number(inner, named),
            ExprKind::Binary {
                op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Pow,
                lhs,
                rhs,
            } => self.is_number(lhs, named) && self.is_number(rhs, named),
            _ => false,
        }
    }
}

fn path_text(p: &ast::Path) -> String {
    let words: Vec<&str> = p.segments.iter().map(|s| s.name.text.as_str()).collect();
    words.join(".")
}
