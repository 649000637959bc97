//! The endogenous grid with finite choices, kinks and horizons (Iskhakov, Jorgensen, Rust and Schjerning 2017, *Quantitative Economics* 8).
//!
//! Where a choice will change, the value has a kink and its marginal value jumps upwards, so that first-order conditions hold at several
//! actions of one state and are not sufficient. For each combination of choices the states from which next ones come are sought between
//! kinks of tomorrow's value, whose two sides are next states of their own; where the pieces found lie over one another, the one that
//! is worth most is taken (the upper envelope), and where two cross is the next kink. So kinks are carried where they are, not between
//! nodes. With taste shocks values and marginal values of the choices are mixed with their chances.
//!
//! Backward from the last period; without one until values come to rest. At the nodes of the solution's grid what is done is read off
//! the pieces, and what it is worth is computed, not interpolated.

mod curve;
mod period;
#[cfg(test)]
mod tests;

use super::bellman::{At, Bellman, Interpolation};
use super::describe::describe;
use super::infeasible::nothing_feasible;
use super::method::{Structure, Task};
use super::problem::{DecisionProblem, StateKind};
use super::progress::{Control, Progress, Watch};
use super::solution::{Record, Solution};
use crate::chance::quadrature::EULER_GAMMA;
use crate::check::settings::defaults;
use crate::diag::Diagnostic;
use crate::limits;
use curve::{Envelope, Piece};
use period::{Ahead, Asked, Layout, Period};
use rayon::prelude::*;

/// Most that a requirement may be missed by.
const MISSED: f64 = -1e-8;
/// Most periods without an end where the file says nothing.
const PERIODS: usize = 5000;

/// Whether a problem has this structure: one continuous state and action, with finite choices, other states that are whole numbers, or a horizon.
///
/// # Errors
/// What is in the way.
pub(super) fn fits(s: &Structure) -> Result<(), String> {
    let no = |what: &str| Err(what.to_string());
    match s {
        _ if s.states.0 != 1 => no("it needs exactly one continuous state"),
        _ if s.actions.0 != 1 => no("it needs exactly one continuous action"),
        _ if s.tastes && s.actions.1 != 1 => no("there are other finite choices beside the one with tastes"),
        // Each period adds kinks that tastes smooth and that are carried all the same.
        _ if s.tastes && s.horizon.is_none() => no("choices have tastes and there is no horizon"),
        // What is drawn after the choice mixes kinks, and conditions then hold at too many places.
        _ if s.uses_noise => no("rewards or laws read a noise"),
        _ if s.law_reads_next_shock => no("a law reads the next draw of a shock"),
        _ if s.ends => no("it may end"),
        _ if s.chances_move => no("chances depend on what is done"),
        _ if !s
            .discount
            .is_some_and(|d| d > 0.0 && (d < 1.0 || s.horizon.is_some() && d <= 1.0)) =>
        {
            no("the discount factor is not one number in (0, 1)")
        }
        _ if s.kinks => no("`min`, `max` or `abs` stand between choices and what they bring"),
        _ if !s.differentiable => no("a step stands between choices and what they bring"),
        _ => Ok(()),
    }
}

/// One period solved at the nodes of the grid, and as it is seen from the period before.
struct Solved {
    value: Vec<f64>,
    policy: Vec<Vec<f64>>,
    probability: Vec<f64>,
    worth: Vec<f64>,
    given: Vec<Vec<f64>>,
    ahead: Ahead,
    /// The least slack of requirements, with its node and shock.
    slack: (f64, usize, usize),
}

/// What one combination of choices brings in a group and a shock.
struct Own {
    /// Worth and action at the nodes.
    worth: Vec<f64>,
    action: Vec<f64>,
    slack: Vec<f64>,
    pieces: Vec<Piece>,
}

/// Solves the problem of a task.
///
/// # Errors
/// Those of [`Bellman::new`]; E0901 without convergence, E0902 where nothing is feasible, E0922 where a requirement binds that is no bound, E0906 when
/// stopped.
pub(super) fn solve(task: &Task, progress: &mut dyn Watch) -> Result<Solution, Diagnostic> {
    progress.begins();
    let interpolation = match task.linear {
        true => Interpolation::Linear,
        false => Interpolation::Cubic,
    };
    let bellman = Bellman::new(task.problem, interpolation)?;
    let spec = task.problem.spec();
    let continuous = |k: &usize| matches!(spec.states[*k].kind, StateKind::Continuous { .. });
    let state = (0..spec.states.len()).find(continuous);
    let layout = Layout::new(
        &bellman,
        state.ok_or_else(|| Diagnostic::error("E0810", "there is no continuous state"))?,
    );
    let tolerance = task.number("tolerance").unwrap_or(defaults::TOLERANCE);
    let most = spec.horizon.unwrap_or_else(|| task.whole("iterations", PERIODS));
    if most == 0 {
        return Err(Diagnostic::error("E0905", "a horizon needs at least one period"));
    }
    let size = bellman.nodes() * bellman.shocks();
    let kept = 2.0 + spec.actions.len() as f64 * (1.0 + bellman.combos.len() as f64);
    let bytes = size as f64 * spec.horizon.unwrap_or(1) as f64 * kept * super::bellman::NUMBER_BYTES;
    super::bellman::fits_grid(bytes, &super::value_iteration::sizes(&bellman))?;
    let mut periods: Vec<Solved> = Vec::new();
    let mut history = Vec::new();
    for done in 0..most {
        let time = spec.horizon.map_or(0, |h| h - 1 - done);
        let period = Period {
            bellman: &bellman,
            layout: &layout,
            time,
            discount: spec.discount.unwrap_or(f64::NAN),
            ahead: periods.last().map(|s| &s.ahead),
        };
        let solved = solved(&period)?;
        let moved = match periods.last() {
            Some(before) if spec.horizon.is_none() => moved(&before.value, &solved.value),
            _ => f64::NAN,
        };
        if spec.horizon.is_none() {
            periods.clear();
            history.push(moved);
        }
        periods.push(solved);
        let report = Progress {
            iteration: done + 1,
            of: most,
            error: moved,
            target: tolerance,
        };
        if progress.report(report) == Control::Cancel {
            return Err(Diagnostic::error("E0906", "the solver was stopped before it converged"));
        }
        if moved <= tolerance {
            break;
        }
        if spec.horizon.is_none() && done + 1 == most {
            return Err(not_converged(most, moved, tolerance));
        }
    }
    if let Some((slack, node, shock, time)) = missed(&periods) {
        let at = At { shock, time };
        let headline = "a requirement binds, and endogenous_grid knows bounds of the action only";
        return Err(Diagnostic::error("E0922", headline)
            .note(format!("missed by {:.2e} at {}", -slack, describe(&bellman, at, node)))
            .hint("say it as a bound of the action, or use method = value_iteration"));
    }
    Ok(as_solution(&bellman, interpolation, periods, (history, tolerance)))
}

fn not_converged(periods: usize, moved: f64, tolerance: f64) -> Diagnostic {
    Diagnostic::error(
        "E0901",
        format!("endogenous grid did not converge in {periods} periods"),
    )
    .note(format!(
        "values still move by {moved:.1e} of their size; {tolerance:.0e} was asked for"
    ))
    .hint("more `iterations`, or method = value_iteration")
}

/// The requirement that is missed most: slack, node, shock and period.
fn missed(periods: &[Solved]) -> Option<(f64, usize, usize, usize)> {
    let last = periods.len() - 1;
    let each = periods
        .iter()
        .enumerate()
        .map(|(k, s)| (s.slack.0, s.slack.1, s.slack.2, last - k));
    each.filter(|m| m.0 < MISSED).min_by(|a, b| a.0.total_cmp(&b.0))
}

/// How far values moved, as a share of one plus their size.
fn moved(before: &[f64], now: &[f64]) -> f64 {
    let most = now.iter().filter(|v| v.is_finite()).fold(0.0f64, |m, v| m.max(v.abs()));
    let one = |(b, n): (&f64, &f64)| if b == n { 0.0 } else { (n - b).abs() / (1.0 + most) };
    let each = before.iter().zip(now).map(one);
    each.fold(0.0, |m: f64, d| if d.is_nan() { f64::INFINITY } else { m.max(d) })
}

/// What a combination of choices brings.
fn own(period: &Period, asked: Asked) -> Own {
    let nodes = &period.layout.nodes;
    let n = nodes.len();
    let mut own = Own {
        worth: vec![f64::NEG_INFINITY; n],
        action: vec![f64::NAN; n],
        slack: vec![f64::INFINITY; n],
        pieces: Vec::new(),
    };
    let allowed = period.allowed(asked);
    if !allowed.iter().any(|a| *a) {
        return own;
    }
    let runs = period.candidates(asked);
    let [lo, hi] = period.bounds(asked, nodes);
    let (mut at, mut acts) = (Vec::new(), Vec::new());
    for run in &runs {
        let (first, last) = (run.piece.lo(), run.piece.hi());
        for i in (0..n).filter(|i| allowed[*i] && nodes[*i] >= first && nodes[*i] <= last) {
            let a = match run.piece.x.len() {
                1 => run.piece.a[0],
                _ => run.piece.action(nodes[i]),
            };
            at.push(i);
            acts.push(a.clamp(lo[i], hi[i]));
        }
    }
    let x: Vec<f64> = at.iter().map(|i| nodes[*i]).collect();
    let weighed = period.weigh(asked, &x, &acts, None);
    for (k, i) in at.into_iter().enumerate() {
        if weighed.worth[k] > own.worth[i] {
            (own.worth[i], own.action[i], own.slack[i]) = (weighed.worth[k], acts[k], weighed.slack[k]);
        }
    }
    let whole = allowed.iter().all(|a| *a);
    let ends = (
        allowed.iter().position(|a| *a).map_or(0.0, |i| nodes[i]),
        allowed.iter().rposition(|a| *a).map_or(0.0, |i| nodes[i]),
    );
    let inside = |p: &Piece| whole || p.lo() >= ends.0 && p.hi() <= ends.1;
    own.pieces = runs
        .into_iter()
        .map(|r| r.piece)
        .filter(|p| p.x.len() > 1 && inside(p))
        .collect();
    own
}

/// Solves a period.
///
/// # Errors
/// E0902 where nothing is feasible.
fn solved(period: &Period) -> Result<Solved, Diagnostic> {
    let (bellman, layout) = (period.bellman, period.layout);
    let (nz, combos, na) = (
        bellman.shocks(),
        bellman.combos.len(),
        bellman.problem.spec().actions.len(),
    );
    let units: Vec<Asked> = (0..layout.groups.len())
        .flat_map(|group| (0..nz).map(move |shock| (group, shock)))
        .flat_map(|(group, shock)| (0..combos).map(move |combo| Asked { group, shock, combo }))
        .collect();
    let all: Option<Vec<Own>> = units.par_iter().map(|u| limits::going(|| own(period, *u))).collect();
    let all = all.unwrap_or_else(|| limits::leave());
    let scale = bellman.taste.map(|t| t.1);
    let tastes = scale.is_some();
    let size = bellman.nodes() * nz;
    let each = if tastes || bellman.each { combos } else { 0 };
    let mut out = Solved {
        value: vec![0.0; size],
        policy: vec![vec![0.0; size]; na],
        probability: vec![0.0; if tastes { size * combos } else { 0 }],
        worth: vec![0.0; if tastes { 0 } else { size * each }],
        given: vec![vec![0.0; size * each]; if each > 0 { na } else { 0 }],
        ahead: Ahead {
            of: Vec::new(),
            taste: scale,
        },
        slack: (f64::INFINITY, 0, 0),
    };
    for (group, of_group) in all.chunks(nz * combos).enumerate() {
        let mut seen = Vec::new();
        for (shock, choices) in of_group.chunks(combos).enumerate() {
            for (i, place) in layout.places[group].iter().enumerate() {
                if !out.fill(period, choices, (i, *place, shock)) {
                    let at = At {
                        shock,
                        time: period.time,
                    };
                    return Err(nothing_feasible(bellman, at, *place));
                }
            }
            let pieces = |o: &Own| Envelope::of(&o.pieces.iter().collect::<Vec<_>>());
            seen.push(match tastes {
                true => choices.iter().map(pieces).collect(),
                false => vec![Envelope::of(
                    &choices.iter().flat_map(|o| &o.pieces).collect::<Vec<_>>(),
                )],
            });
        }
        out.ahead.of.push(seen);
    }
    Ok(out)
}

impl Solved {
    /// Fills in a node; `false` if no choice is feasible there.
    fn fill(&mut self, period: &Period, choices: &[Own], (i, place, shock): (usize, usize, usize)) -> bool {
        let bellman = period.bellman;
        let at = place * bellman.shocks() + shock;
        let combos = choices.len();
        let mut top = 0;
        for g in 1..combos {
            if super::search::better(choices[g].worth[i], choices[top].worth[i]) {
                top = g;
            }
        }
        let most = choices[top].worth[i];
        if most == f64::NEG_INFINITY {
            return false;
        }
        if choices[top].slack[i] < self.slack.0 {
            self.slack = (choices[top].slack[i], place, shock);
        }
        let acts = |g: usize, a: usize| match bellman.finite.iter().position(|f| *f == a) {
            Some(f) => bellman.combos[g][f],
            None => choices[g].action[i],
        };
        for (a, policy) in self.policy.iter_mut().enumerate() {
            policy[at] = acts(top, a);
        }
        for (a, given) in self.given.iter_mut().enumerate() {
            for g in 0..combos {
                given[at * combos + g] = match choices[g].worth[i] == f64::NEG_INFINITY {
                    true => f64::NAN,
                    false => acts(g, a),
                };
            }
        }
        self.value[at] = most;
        if let Some((_, scale)) = bellman.taste {
            let weight = |g: usize| ((choices[g].worth[i] - most) / scale).exp();
            let sum: f64 = (0..combos).map(weight).sum();
            for g in 0..combos {
                self.probability[at * combos + g] = weight(g) / sum;
            }
            self.value[at] = most + scale * (sum.ln() + EULER_GAMMA);
        } else if !self.worth.is_empty() {
            (0..combos).for_each(|g| self.worth[at * combos + g] = choices[g].worth[i]);
        }
        true
    }
}

/// Periods, the last first, as a solution.
fn as_solution(
    bellman: &Bellman,
    interpolation: Interpolation,
    periods: Vec<Solved>,
    (history, tolerance): (Vec<f64>, f64),
) -> Solution {
    let spec = bellman.problem.spec();
    let infinite = spec.horizon.is_none();
    let in_order = |of: &dyn Fn(&Solved) -> &[f64]| -> Vec<f64> {
        periods.iter().rev().flat_map(|s| of(s).iter().copied()).collect()
    };
    let last = history.last().copied().unwrap_or(0.0);
    let discount = spec.discount.unwrap_or(0.0);
    let top = periods
        .last()
        .map_or(0.0, |s| s.value.iter().fold(0.0f64, |m, v| m.max(v.abs())));
    let error = if infinite {
        last * (1.0 + top) * discount / (1.0 - discount)
    } else {
        0.0
    };
    let given = periods.first().map_or(0, |s| s.given.len());
    Solution {
        method: "endogenous grid".into(),
        states: Solution::states_of(bellman.problem),
        chain: spec.chain.clone(),
        actions: spec.actions.clone(),
        periods: periods.len(),
        infinite,
        interpolation,
        value: in_order(&|s| &s.value),
        policy: (0..spec.actions.len()).map(|a| in_order(&|s| &s.policy[a])).collect(),
        probability: in_order(&|s| &s.probability),
        worth: in_order(&|s| &s.worth),
        given: (0..given).map(|a| in_order(&|s| &s.given[a])).collect(),
        mixed: Vec::new(),
        players: Vec::new(),
        record: Record {
            iterations: if infinite { history.len() } else { periods.len() },
            error,
            target: if infinite { tolerance * (1.0 + top) } else { 0.0 },
            residual: if infinite { last } else { 0.0 },
            history: if infinite { history } else { Vec::new() },
            warnings: bellman.nearest.clone().into_iter().collect(),
            ..Record::default()
        },
    }
}
