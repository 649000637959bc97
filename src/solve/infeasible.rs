//! Why nothing can be chosen at a node: empty ranges, markets that no price clears, requirements, rewards that are no numbers. Found by trying choices over
//! the whole range.

use crate::diag::{Diagnostic, Span};
use crate::solve::bellman::{At, Bellman, FEASIBLE, Scratch};
use crate::solve::describe::describe;
use crate::solve::problem::Lanes;

/// The error (E0902, E0831) at a node where no action is feasible.
pub(super) fn nothing_feasible(bellman: &Bellman, at: At, node: usize) -> Diagnostic {
    if let Some(d) = nothing_clears(bellman, at, node) {
        return d;
    }
    let headline = format!("no action is feasible at {}", describe(bellman, at, node));
    if let Some(empty) = empty_range(bellman, at, node) {
        return Diagnostic::error("E0902", headline)
            .note(empty)
            .hint("bound the action so that something can be chosen in every state and shock: give the household an income that cannot be negative, or let it choose a share of what it has");
    }
    tried(bellman, at, node).said(Diagnostic::error("E0902", headline), bellman)
}

/// Shares of a range at which choices are tried.
const SHARES: [f64; 7] = [0.5, 1e-6, 0.1, 0.25, 0.75, 0.9, 1.0 - 1e-6];
/// Nodes of draws that are tried at most.
const DRAWS: usize = 64;

/// What is wrong with choices that were tried at a node: how many fail in each way, and the first state whose next value is no number.
#[derive(Default)]
struct Tried {
    all: usize,
    masked: usize,
    forbidden: usize,
    no_number: usize,
    endless: usize,
    lost: usize,
    state: Option<usize>,
}

/// The states of a node, one lane per state, and `(lower, upper)` bounds there, one pair per continuous action.
fn place(bellman: &Bellman, at: At, node: usize) -> (Vec<[f64; 1]>, Vec<(f64, f64)>) {
    let mut x = vec![0.0; bellman.problem.spec().states.len()];
    bellman.tensor.node(node, &mut x);
    let columns: Vec<[f64; 1]> = x.iter().map(|x| [*x]).collect();
    let states: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let here = Lanes::before_draws(&states, &[], at.shock, at.time);
    let nc = bellman.continuous.len();
    let (mut lo, mut hi) = (vec![[f64::NEG_INFINITY]; nc], vec![[f64::INFINITY]; nc]);
    let mut low: Vec<&mut [f64]> = lo.iter_mut().map(|c| c.as_mut_slice()).collect();
    let mut high: Vec<&mut [f64]> = hi.iter_mut().map(|c| c.as_mut_slice()).collect();
    bellman.problem.bounds(&here, &mut low, &mut high);
    let ranges = lo.iter().zip(&hi).map(|(lo, hi)| (lo[0], hi[0])).collect();
    (columns, ranges)
}

/// Tries choices at a node, each with what may be drawn.
fn tried(bellman: &Bellman, at: At, node: usize) -> Tried {
    let spec = bellman.problem.spec();
    let (columns, ranges) = place(bellman, at, node);
    let states: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let here = Lanes::before_draws(&states, &[], at.shock, at.time);
    let mut out = Tried::default();
    let mut scratch = Scratch::default();
    for (combo, choices) in bellman.combos.iter().zip(&bellman.combo_choices) {
        let open = bellman.finite.iter().zip(choices).all(|(&a, &choice)| {
            let mut allowed = [1.0];
            bellman.problem.allowed(&here, a, choice, &mut allowed);
            allowed[0] != 0.0
        });
        let shares: &[f64] = if ranges.is_empty() { &SHARES[..1] } else { &SHARES };
        for share in shares {
            out.all += 1;
            if !open {
                out.masked += 1;
                continue;
            }
            let mut actions = vec![[0.0]; spec.actions.len()];
            for (&a, &value) in bellman.finite.iter().zip(combo) {
                actions[a] = [value];
            }
            for (&a, (lo, hi)) in bellman.continuous.iter().zip(&ranges) {
                actions[a] = [inside(*lo, *hi, *share)];
            }
            let actions: Vec<&[f64]> = actions.iter().map(|a| a.as_slice()).collect();
            let draws = bellman.noises.iter().filter(|(_, weight)| *weight > 0.0).take(DRAWS);
            let worst = draws.map(|(draw, _)| {
                bellman.evaluate(at, *draw, at.shock, &states, &actions, 1, &mut scratch);
                what_fails(&scratch)
            });
            let worst = worst.max_by_key(|f| f.rank()).unwrap_or(Fault::None);
            out.count(worst);
        }
    }
    out
}

/// A number of a range, which may have no end.
fn inside(lo: f64, hi: f64, share: f64) -> f64 {
    match (lo.is_finite(), hi.is_finite()) {
        (true, true) => lo + share * (hi - lo),
        (true, false) => lo + 10.0 * share,
        (false, true) => hi - 10.0 * share,
        (false, false) => 10.0 * (share - 0.5),
    }
}

/// What is wrong with one choice and one draw.
#[derive(Clone, Copy)]
enum Fault {
    None,
    /// The next value of this state is no number.
    Lost(usize),
    /// The reward is minus infinity.
    Endless,
    /// The reward is no number.
    NoNumber,
    /// A requirement is violated.
    Forbidden,
}

impl Fault {
    /// What is said where several hold: requirements first, since they say where rewards need not be numbers.
    fn rank(self) -> u8 {
        match self {
            Fault::None => 0,
            Fault::Lost(_) => 1,
            Fault::Endless => 2,
            Fault::NoNumber => 3,
            Fault::Forbidden => 4,
        }
    }
}

fn what_fails(scratch: &Scratch) -> Fault {
    let (slack, reward) = (scratch.slack[0], scratch.reward[0]);
    if slack.is_nan() || slack < FEASIBLE {
        Fault::Forbidden
    } else if reward.is_nan() {
        Fault::NoNumber
    } else if reward == f64::NEG_INFINITY {
        Fault::Endless
    } else {
        match scratch.next.iter().position(|x| x[0].is_nan()) {
            Some(s) => Fault::Lost(s),
            None => Fault::None,
        }
    }
}

impl Tried {
    fn count(&mut self, fault: Fault) {
        match fault {
            Fault::None => {}
            Fault::Lost(s) => {
                self.lost += 1;
                self.state = self.state.or(Some(s));
            }
            Fault::Endless => self.endless += 1,
            Fault::NoNumber => self.no_number += 1,
            Fault::Forbidden => self.forbidden += 1,
        }
    }

    /// The error with its cause: notes, places and what to do about the cause that is met most often.
    fn said(&self, error: Diagnostic, bellman: &Bellman) -> Diagnostic {
        let spec = bellman.problem.spec();
        let culprits = bellman.problem.culprits();
        let one = self
            .state
            .and_then(|s| spec.states.get(s))
            .map_or("a state", |s| s.name.as_str());
        let ways = [
            (self.forbidden, "violate a requirement".to_string()),
            (self.no_number, "have a reward that is no number".to_string()),
            (self.endless, "have a reward of minus infinity".to_string()),
            (self.lost, format!("lead to a value of `{one}` that is no number")),
            (self.masked, "are not allowed there by their `when`".to_string()),
        ];
        let found: Vec<&(usize, String)> = ways.iter().filter(|(n, _)| *n > 0).collect();
        let note = match found.as_slice() {
            [] => "of the choices tried there none fails at once: they lead where nothing can be chosen".to_string(),
            [(n, what)] if *n == self.all => format!("whatever is tried: all {n} choices {what}"),
            several => {
                let parts: Vec<String> = several.iter().map(|(n, what)| format!("{n} {what}")).collect();
                format!("of {} choices tried {}", self.all, parts.join(", "))
            }
        };
        let error = error.note(note);
        let most = ways.iter().map(|(n, _)| *n).max().unwrap_or(0);
        if most == 0 {
            return error.hint("narrow the state's domain or grid, or widen the action's bounds");
        }
        if self.forbidden == most {
            let label = if culprits.requires.len() == 1 {
                "not met there"
            } else {
                "this, or another requirement, is not met there"
            };
            return at_all(error, &culprits.requires, label).hint(
                "weaken the requirement, widen the action's bounds so that something meets it, or narrow the state's domain or grid to where it can be met",
            );
        }
        if self.no_number == most {
            return at_all(error, &culprits.rewards, "no number there").hint(
                "a root or logarithm of a negative number, 0 / 0 or inf - inf: keep what is inside away from it, as in max(x, 1e-6), or narrow the state's domain or grid",
            );
        }
        if self.endless == most {
            return at_all(error, &culprits.rewards, "minus infinity there").hint(
                "log(0) and the like: leave something to live on (an income, log(max(c, 1e-6))), or narrow the state's domain or grid",
            );
        }
        if self.lost == most {
            return error.hint(format!(
                "look at the law of `{one}` for roots of negative numbers and divisions by zero, or narrow the state's domain or grid"
            ));
        }
        error.hint("leave one choice without a `when`, so that something can be chosen everywhere")
    }
}

/// Points at each of some places.
fn at_all(error: Diagnostic, places: &[Span], label: &str) -> Diagnostic {
    places.iter().fold(error, |error, span| match error.primary {
        None => error.at(*span, label),
        Some(_) => error.and(*span, label),
    })
}

/// The first continuous action whose bounds leave nothing at a node, in words.
fn empty_range(bellman: &Bellman, at: At, node: usize) -> Option<String> {
    let (_, ranges) = place(bellman, at, node);
    bellman.continuous.iter().zip(ranges).find_map(|(&a, (l, h))| {
        let name = &bellman.problem.spec().actions[a].name;
        if l.is_nan() || h.is_nan() {
            Some(format!("the bounds of `{name}` are no numbers there: {l} to {h}"))
        } else if l > h {
            Some(format!(
                "`{name}` in {l} to {h}: empty, its upper bound lies below its lower one"
            ))
        } else {
            None
        }
    })
}

/// If no price clears at a node whatever is chosen (tried at the ends and inside the bounds): that is why nothing is feasible there.
fn nothing_clears(bellman: &Bellman, at: At, node: usize) -> Option<Diagnostic> {
    let problem = bellman.problem;
    let (prices, span) = problem.market()?;
    let spec = problem.spec();
    let (columns, ranges) = place(bellman, at, node);
    let states: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let lanes = |actions: &[f64]| -> Option<f64> {
        let columns: Vec<[f64; 1]> = actions.iter().map(|x| [*x]).collect();
        let actions: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
        let lanes = Lanes::before_draws(&states, &actions, at.shock, at.time);
        problem.clears(&lanes)?.first().copied()
    };
    for combo in &bellman.combos {
        for share in [0.5, 0.1, 0.9, 0.001, 0.999] {
            let mut actions = vec![0.0; spec.actions.len()];
            for (f, a) in bellman.finite.iter().enumerate() {
                actions[*a] = combo[f];
            }
            for (a, (lo, hi)) in bellman.continuous.iter().zip(&ranges) {
                actions[*a] = inside(*lo, *hi, share);
            }
            if lanes(&actions)? < crate::kernel::root::NONE {
                return None;
            }
        }
    }
    Some(
        Diagnostic::error(
            "E0831",
            format!(
                "no price clears the market at {}: `{prices}`",
                describe(bellman, at, node)
            ),
        )
        .at(span, "not equal at any price of the domain, whatever is chosen there")
        .hint("widen the price's domain, or narrow the grid of the states to where the market can clear"),
    )
}
