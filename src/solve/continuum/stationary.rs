//! Stationary equilibrium of a continuum without aggregate risk (Aiyagari 1994, Huggett 1993): members solve their problem at held
//! means, prices and states of nobody; their distribution comes to rest; what it makes of each of these numbers is what it is held at.

use super::held::{Held, Kind};
use super::household::Household;
use super::population::{Population, Spread};
use super::search::{Scale, Tried, one, several};
use crate::diag::Diagnostic;
use crate::num::weighted::Weighted;
use crate::solve::decision::ProblemOptions;
use crate::solve::economy::Economy;
use crate::solve::equilibrium::{EquilibriumMethod, Found};
use crate::solve::observed::Knows;
use crate::solve::problem::{DecisionProblem, StateKind};
use crate::solve::progress::Watch;
use crate::solve::solution::Player;

/// Its word.
pub const NAME: &str = "stationary";
/// Mass at the top of a grid whose end the solver chose above which the grid is widened, and the same on few nodes, which spread mass.
const TOP: f64 = 1e-6;
const TOP_ROUGH: f64 = 1e-5;
/// How often a grid is widened, and by what factor.
const WIDENINGS: usize = 16;
/// Of these, where members' problem has no solution at some numbers.
const FIRST_WIDENINGS: usize = 3;
const WIDER: f64 = 1.6;
/// Nodes of a continuous state where the file says nothing, alone and beside states that take whole numbers, which multiply them; every how many-th of
/// them is there at first.
const NODES: usize = 600;
const NODES_EACH: usize = 200;
const THIN: usize = 4;
/// How exactly numbers are found, at first and at the end, and the first step of a search that begins close by.
const ROUGH: f64 = 1e-4;
const EXACT: f64 = 1e-10;
const CLOSE: f64 = 2e-3;

/// The method.
pub struct Stationary;

impl EquilibriumMethod for Stationary {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "stationary equilibrium of a continuum without aggregate risk: the members' problem at held prices, their distribution at rest, prices at \
         which both agree"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["tolerance", "iterations"]
    }

    fn judged(&self) -> &'static [&'static str] {
        &["bellman", "euler", "edges", "periods", "burn_in"]
    }

    fn knows(&self) -> Knows {
        Knows::Apart
    }

    fn fits(&self, economy: &Economy) -> Result<(), String> {
        Held::new(economy).map(|_| ())
    }

    fn solve(&self, economy: &Economy, _seed: u64, progress: &mut dyn Watch) -> Result<Found, Vec<Diagnostic>> {
        solved(economy, progress).map_err(|d| vec![d])
    }
}

/// The conditions of an economy, and its members.
pub struct Conditions<'h> {
    held: &'h Held,
    /// The members' problem.
    pub household: Household<'h>,
    /// What each number is held at where nothing is searched: means that chains alone move, first values of the others.
    base: Vec<f64>,
    /// The numbers that are searched.
    pub unknown: Vec<usize>,
    /// Mass at the top in the last answer, and what the last numbers came to.
    pub top: f64,
    /// All numbers of the last answer: those that were held, and means as they came out.
    pub last: Vec<f64>,
    /// By how much the mass moved in a period.
    pub residual: f64,
}

impl<'h> Conditions<'h> {
    /// The conditions, with the members' problem built as `options` say, on every `thin`-th node.
    ///
    /// # Errors
    /// Those of `Household::new`.
    pub fn new(held: &'h Held, options: &ProblemOptions, thin: usize) -> Result<Conditions<'h>, Diagnostic> {
        let household = Household::new(held, options, thin)?;
        let exogenous = household.exogenous();
        let searched = |k: &usize| {
            let n = &held.numbers[*k];
            exogenous[*k].is_none() && (n.matters || matches!(n.kind, Kind::Clears { .. }))
        };
        Ok(Conditions {
            base: (held.numbers.iter().zip(&exogenous))
                .map(|(n, x)| x.unwrap_or(n.start))
                .collect(),
            unknown: (0..held.numbers.len()).filter(searched).collect(),
            held,
            household,
            top: 0.0,
            last: Vec::new(),
            residual: f64::NAN,
        })
    }

    /// What is left over of the condition of each unknown where the unknowns are `x`, one number each.
    ///
    /// # Errors
    /// Those of `Household::answer`.
    pub fn left(&mut self, x: &[f64], progress: &mut dyn Watch) -> Result<Vec<f64>, Diagnostic> {
        let mut numbers = self.base.clone();
        self.unknown.iter().zip(x).for_each(|(k, x)| numbers[*k] = *x);
        let answer = self.household.answer(&numbers, progress)?;
        (self.top, self.residual) = (answer.top, answer.rest.residual);
        let mut now = numbers.clone();
        for (n, m) in now.iter_mut().zip(&answer.means) {
            if !m.is_nan() {
                *n = *m;
            }
        }
        let nodes: Vec<crate::graph::NodeId> = (self.unknown.iter())
            .filter_map(|k| match self.held.numbers[*k].kind {
                Kind::Mean { .. } | Kind::Entry => None,
                Kind::Clears { excess } => Some(excess),
                Kind::State { law } => Some(law),
            })
            .collect();
        let mut values = self.held.evaluate(&nodes, &now)?.into_iter();
        let mut left = Vec::with_capacity(x.len());
        for (k, x) in self.unknown.iter().zip(x) {
            left.push(match self.held.numbers[*k].kind {
                Kind::Mean { .. } | Kind::Entry => answer.means[*k] - x,
                Kind::Clears { .. } => values.next().unwrap_or(f64::NAN),
                Kind::State { .. } => values.next().unwrap_or(f64::NAN) - x,
            });
        }
        // What was searched is what was held, also where its mean came out a little otherwise.
        self.unknown.iter().zip(x).for_each(|(k, x)| now[*k] = *x);
        self.last = now;
        if left.iter().any(|l| l.is_nan()) {
            return Err(Diagnostic::error(
                "E0903",
                "what is left over of a condition is not a number",
            ));
        }
        Ok(left)
    }
}

/// Where each unknown begins, and its scale.
fn scales(held: &Held, unknown: &[usize]) -> Vec<Scale> {
    let one = |k: &usize| Scale::new(held.numbers[*k].range, held.numbers[*k].start);
    unknown.iter().map(one).collect()
}

fn solved(economy: &Economy, progress: &mut dyn Watch) -> Result<Found, Diagnostic> {
    let refuse = |why: String| crate::solve::economy::cannot(why);
    let held = Held::new(economy).map_err(refuse)?;
    let whole = |s: &crate::check::model::State| s.owner == Some(held.agent) && s.domain.integer;
    let mut build = ProblemOptions {
        nodes: match held.model.states.iter().any(whole) {
            true => NODES_EACH,
            false => NODES,
        },
        dense_below: true,
        ..ProblemOptions::default()
    };
    // On few nodes first, where the grid is also made wide enough; then on all of them, close by.
    let mut at: Option<Vec<f64>> = None;
    let (mut widened, mut thin) = (0, THIN);
    let mut before: Option<Vec<(String, f64)>> = None;
    let (mut conditions, x, left) = loop {
        let mut conditions = Conditions::new(&held, &build, thin)?;
        let rough = thin > 1;
        let start: Vec<f64> = match &at {
            Some(x) => x.clone(),
            None => conditions.unknown.iter().map(|k| held.numbers[*k].start).collect(),
        };
        let scales = scales(&held, &conditions.unknown);
        let mut tried = Tried::default();
        let exact = if rough { ROUGH } else { EXACT };
        let step = at.as_ref().map(|_| CLOSE);
        let found = match conditions.unknown.len() {
            0 => Some(Vec::new()),
            1 => {
                let left = |x: f64| Ok(conditions.left(&[x], progress)?[0]);
                one(&scales[0], (start[0], step, exact), &mut tried, left)?.map(|x| vec![x])
            }
            _ => several(&scales, (&start, exact), &mut tried, |x| conditions.left(x, progress))?,
        };
        let Some(x) = found else {
            // Where a grid ends too soon, the members' problem may have no solution at some numbers: a wider one first.
            let (some, none) = (tried.at.iter().any(|t| !t.1.is_nan()), tried.refused.is_some());
            let open = conditions.household.decision.open_ends.iter().any(|e| e.2);
            if rough && some && none && open && widened < FIRST_WIDENINGS {
                before = Some(tops(&conditions));
                widened += 1;
                build.bounds = wider(&conditions);
                continue;
            }
            return Err(nowhere(&held, &conditions, tried));
        };
        if let (Some(sides), false) = (tried.jump, rough) {
            return Err(jumps(&held, &conditions, sides));
        }
        let left = conditions.left(&x, progress)?;
        at = Some(x.clone());
        if conditions.top > if rough { TOP_ROUGH } else { TOP } {
            let tops = tops(&conditions);
            let fixed = before.as_ref() == Some(&tops) || conditions.household.decision.open_ends.iter().all(|e| !e.2);
            if fixed || widened == WIDENINGS {
                return Err(piles_up(&conditions, &tops, (!fixed).then_some(widened)));
            }
            before = Some(tops);
            widened += 1;
            build.bounds = wider(&conditions);
            continue;
        }
        if !rough {
            break (conditions, x, left);
        }
        build.bounds = ends(&conditions);
        thin = 1;
    };
    let mut solution = conditions.household.solution(progress)?;
    solution.method = format!("{NAME}, {}", solution.method);
    // Nodes that nobody comes to may lead anywhere: how many stand at the top, or go beyond it, is a row of the certificate.
    if conditions.household.decision.open_ends.iter().any(|e| e.2) {
        solution.record.warnings.retain(|d| d.code != "W0907");
    }
    let agent = &held.model.agents[held.agent];
    solution.players = vec![Player {
        name: agent.name.clone(),
        agent: held.agent,
        member: None,
        actions: (0..solution.actions.len()).collect(),
        own: None,
        value: solution.value.clone(),
    }];
    let household = &conditions.household;
    let points = household.points()?;
    let spread = (solution.states.iter().enumerate()).map(|(s, state)| {
        let low = household.lowest[s];
        let w = match points.get(s) {
            Some(points) if !points.is_empty() => Weighted::new(points.iter().copied()),
            _ => household.nodes.marginal(&household.mass, s),
        };
        let w = w.with_atom(low);
        let w = match household.decision.spec().states[s].kind {
            StateKind::Integer { .. } => w.of_whole_numbers(),
            StateKind::Continuous { .. } => w,
        };
        Spread::of(&state.name, &w, low)
    });
    let unit = |k: usize| conditions.last[k].abs().max(1e-3);
    let excess = conditions.unknown.iter().zip(&left).map(|(k, l)| (l / unit(*k)).abs());
    let population = Population {
        agent: agent.name.clone(),
        held: held
            .numbers
            .iter()
            .map(|n| n.name.clone())
            .zip(conditions.last.iter().copied())
            .collect(),
        prices: prices(economy, &held, &conditions.last)?,
        nodes: household.nodes.axes().to_vec(),
        mass: household.mass.clone(),
        size: size(&held, &conditions.last)?,
        residual: conditions.residual,
        top: conditions.top,
        excess: excess.fold(0.0, f64::max),
        spread: spread.collect(),
        points,
        profiles: household.profiles()?,
        build,
    };
    let scope = match x.len() {
        0 => "nothing had to be found".to_string(),
        1 => format!(
            "`{}`, by a bracket from its first value outwards",
            held.numbers[conditions.unknown[0]].name
        ),
        n => format!("{n} numbers together, by Newton's method from one start"),
    };
    Ok(Found {
        discretised: household.decision.discretised.clone(),
        solution,
        others: Vec::new(),
        searches: 1,
        scope: vec![scope],
        steady_state: Vec::new(),
        perceived: None,
        population: Some(population),
    })
}

/// How many members there are, where that is found.
///
/// # Errors
/// E0994 where no number of members does.
fn size(held: &Held, values: &[f64]) -> Result<Option<f64>, Diagnostic> {
    let agent = &held.model.agents[held.agent];
    let Some(node) = agent.found_mass else {
        return Ok(None);
    };
    let mass = held.evaluate(&[node], values)?[0];
    if mass > 0.0 && mass.is_finite() {
        return Ok(Some(mass));
    }
    Err(Diagnostic::error(
        "E0994",
        format!("the mass of `{}` comes out as {mass:.6}, and nobody would be there", agent.name),
    )
    .at(agent.span, "a mass that is found")
    .hint("look at what the aggregate behind `mass` is at stated prices, --set given.NAME=NUMBER: demand there must not be negative"))
}

/// Prices and aggregates with what they are, and what markets define.
pub(super) fn prices(economy: &Economy, held: &Held, values: &[f64]) -> Result<Vec<(String, f64)>, Diagnostic> {
    let mut out: Vec<(String, f64)> = Vec::new();
    let names = economy.model.names.iter().filter(|n| {
        let kind = n.kind.as_str();
        let of_nobody = !economy
            .model
            .agents
            .iter()
            .any(|a| n.name.starts_with(&format!("{}.", a.name)));
        economy.model.graph.nodes[n.node.0 as usize].shape.is_empty()
            && of_nobody
            && matches!(kind, "price" | "aggregate" | "let" | "state")
            && n.phase > crate::graph::Phase::Constant
    });
    let names: Vec<&crate::check::model::Named> = names.collect();
    let in_held = |name: &str| held.model.names.iter().find(|n| n.name == name).map(|n| n.node);
    let nodes: Vec<Option<crate::graph::NodeId>> = names.iter().map(|n| in_held(&n.name)).collect();
    let some: Vec<crate::graph::NodeId> = nodes.iter().flatten().copied().collect();
    let mut found = held.evaluate(&some, values)?.into_iter();
    for (name, node) in names.iter().zip(nodes) {
        let x = if node.is_some() { found.next() } else { None };
        if let Some(x) = x.filter(|x| x.is_finite()) {
            out.push((name.name.clone(), x));
        }
    }
    for (n, x) in held.numbers.iter().zip(values).filter(|(n, _)| n.matters) {
        if !out.iter().any(|o| o.0 == n.name) {
            out.push((n.name.clone(), *x));
        }
    }
    Ok(out)
}

/// Ends of states without one, moved outwards.
fn wider(conditions: &Conditions) -> Vec<(String, f64, f64)> {
    moved_ends(conditions, WIDER)
}

/// Ends of states as they are.
fn ends(conditions: &Conditions) -> Vec<(String, f64, f64)> {
    moved_ends(conditions, 1.0)
}

fn moved_ends(conditions: &Conditions, by: f64) -> Vec<(String, f64, f64)> {
    let household = &conditions.household;
    let model = &conditions.held.model;
    let spec = household.decision.spec();
    let mut out = Vec::new();
    for (k, state) in spec.states.iter().enumerate() {
        let StateKind::Continuous { grid, .. } = &state.kind else {
            continue;
        };
        let (lo, hi) = (grid[0], grid[grid.len() - 1]);
        let open = household.decision.open_ends.iter().any(|e| e.0 == k && e.2);
        let name = model.states[household.decision.origin[k].0].name.clone();
        out.push((name, lo, if open { lo + by * (hi - lo) } else { hi }));
    }
    out
}

/// What is left over jumps over 0: `sides` are the numbers just below and just above with what is left over there.
fn jumps(held: &Held, conditions: &Conditions, [below, above]: [(f64, f64); 2]) -> Diagnostic {
    let k = conditions.unknown.first().copied().unwrap_or(0);
    let (name, span) = (&held.numbers[k].name, held.model.params[held.numbers[k].param].span);
    let d = Diagnostic::error(
        "E0847",
        format!("at `{name}` = {:.8} the condition jumps over 0", 0.5 * (below.0 + above.0)),
    )
    .note(format!("left over just below: {:.3e}, just above: {:.3e}", below.1, above.1))
    .note("there some members do equally well either way, and all of them change over at once: in equilibrium a share of them would do one thing and the rest the other");
    let entry = held.numbers.iter().any(|n| n.kind == Kind::Entry);
    d.at(span, "no number closes this").hint(match entry {
        // Tastes beside the value of entry are refused.
        true => "a chain with more states, chain.NAME = rouwenhorst(15) or a longer list, makes the share that changes over at once smaller",
        false => "tastes make the share that changes over move smoothly, action NAME in {..} taste gumbel(0.01)",
    })
}

/// No number closes the conditions.
fn nowhere(held: &Held, conditions: &Conditions, tried: Tried) -> Diagnostic {
    let names: Vec<String> = conditions
        .unknown
        .iter()
        .map(|k| format!("`{}`", held.numbers[*k].name))
        .collect();
    let evaluated = tried.at.iter().any(|t| !t.1.is_nan());
    if let Some(refused) = tried.refused.as_ref().filter(|_| !evaluated) {
        // What is no problem of a member at all is none at any price.
        if refused.code == "E0810" {
            return refused.clone();
        }
        let mut d = Diagnostic::error(
            "E0937",
            format!(
                "the members' problem has no solution at any {} that was tried",
                names.join(" and ")
            ),
        );
        if !tried.at.is_empty() {
            let at: Vec<String> = tried.at.iter().map(|t| format!("{:.6}", t.0)).collect();
            d = d.note(format!("tried: {}", at.join(", ")));
        }
        d = d.note(format!("at the first that was tried: {}", refused.headline));
        for note in &refused.notes {
            d = d.note(note.clone());
        }
        let alone = "solve it at a stated price first: --set given.NAME=NUMBER";
        return d.hint(match &refused.hint {
            Some(own) => format!("{own}; then {alone}"),
            None => alone.to_string(),
        });
    }
    let mut d = Diagnostic::error(
        "E0973",
        format!("no {} was found that closes the economy", names.join(" and ")),
    );
    let mut all: Vec<(f64, f64)> = tried.at;
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let shown = all.len().div_ceil(8).max(1);
    for (x, left) in all.iter().step_by(shown) {
        d = d.note(match left.is_nan() {
            true => format!("at {x:.6} members' problem has no solution"),
            false => format!("at {x:.6} what is left over is {left:.3e}"),
        });
    }
    if let Some(refused) = &tried.refused {
        d = d.note(format!(
            "where the members' problem has no solution: {}",
            refused.headline
        ));
    }
    if let Some(k) = conditions.unknown.first() {
        let span = held.model.params[held.numbers[*k].param].span;
        d = d.at(span, "what is to be found");
    }
    let ranged = |k: &&usize| held.numbers[**k].range.lo.is_finite() && held.numbers[**k].range.hi.is_finite();
    let price = |k: &&usize| matches!(held.numbers[**k].kind, Kind::Clears { .. });
    let named = |k: &usize| held.numbers[*k].name.clone();
    let prices: Vec<&usize> = conditions.unknown.iter().filter(price).collect();
    match (prices.iter().find(|k| ranged(k)), prices.first()) {
        (Some(_), _) => d.hint("widen the range of the price, or look at demand and supply at stated prices: --set given.NAME=NUMBER"),
        (None, Some(k)) => d.hint(format!(
            "what is left over changes its sign at none of these: look whether the condition asks for what members can hold, and at demand and supply at a stated price, --set given.{}=NUMBER",
            named(k)
        )),
        (None, None) => d.hint("the search begins at the first values of the members' states: write a `start` nearer to where their mean should be; if excess demand changes its sign nowhere in the range searched, there is no such mean"),
    }
}

/// The ends of continuous states, with their names.
fn tops(conditions: &Conditions) -> Vec<(String, f64)> {
    let decision = &conditions.household.decision;
    let states = decision.spec().states.iter().enumerate();
    let end = |(k, state): (usize, &crate::solve::problem::StateAxis)| match &state.kind {
        StateKind::Continuous { grid, .. } => {
            let name = conditions.held.model.states[decision.origin[k].0].name.clone();
            Some((name, grid[grid.len() - 1]))
        }
        StateKind::Integer { .. } => None,
    };
    states.filter_map(end).collect()
}

/// The distribution ends where the grid does, which the file fixes, or which was `widened` so many times.
fn piles_up(conditions: &Conditions, tops: &[(String, f64)], widened: Option<usize>) -> Diagnostic {
    let ends: Vec<String> = tops.iter().map(|(name, x)| format!("`{name}` at {x:.6}")).collect();
    let d = Diagnostic::error(
        "E0938",
        format!(
            "the distribution piles up at the top of its grid: {:.1e} of the members stand there",
            conditions.top
        ),
    );
    let ends = ends.join(", ");
    match widened {
        None => d
            .note(format!("the file fixes where it ends: {ends}"))
            .hint("state a higher end, `solve { grid.NAME = double_log(0, 1000, 400) }`, or none, so that the solver finds one"),
        Some(n) => d
            .note(format!("the grid was widened {n} times, and ends now: {ends}"))
            .hint("look at what members save at stated prices; where a discount factor times gross returns is 1 or more there is no distribution at rest"),
    }
}
