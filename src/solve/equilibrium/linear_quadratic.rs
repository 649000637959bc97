//! Games with linear laws and quadratic rewards, exactly: coupled Riccati equations, iterated from the game of one period
//! (Basar and Olsder 1999, *Dynamic Noncooperative Game Theory*, chapter 6; Ljungqvist and Sargent, *Recursive Macroeconomic Theory*,
//! chapter 7).
//!
//! Under `open_loop` nobody expects an answer: what is carried from tomorrow to today are marginal values of the states with the others' paths
//! held (Basar and Olsder, section 6.2), and what that is worth follows.

use super::joint::rest::{Rest, around, first_bounds};
use super::{EquilibriumMethod, Found, made};
use crate::check::model::Concept;
use crate::diag::Diagnostic;
use crate::limits;
use crate::solve::decision::players::{Players, Quadratic};
use crate::solve::decision::{Decision, ProblemOptions};
use crate::solve::economy::Economy;
use crate::solve::observed::Knows;
use crate::solve::problem::DecisionProblem;
use crate::solve::progress::{Control, Progress, Watch};
use crate::solve::solution::{Record, Solution};
use nalgebra::{DMatrix, DVector};

/// Riccati equations of all players together.
pub struct LinearQuadratic;

/// Most iterations, and the largest change of values that counts as none, as a share of their size.
const ITERATIONS: usize = 20_000;
const TOLERANCE: f64 = 1e-14;

impl EquilibriumMethod for LinearQuadratic {
    fn name(&self) -> &'static str {
        "linear_quadratic"
    }

    fn about(&self) -> &'static str {
        "coupled Riccati equations: exact for games with linear laws, quadratic rewards and no bounds or shocks"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["iterations"]
    }

    fn knows(&self) -> Knows {
        Knows::Everything
    }

    fn fits(&self, economy: &Economy) -> Result<(), String> {
        super::joint::Joint.fits(economy)?;
        if !matches!(
            economy.concept,
            Concept::Nash | Concept::Planner | Concept::Collusive | Concept::OpenLoop
        ) {
            return Err(format!("its concept is `{}`", economy.concept.word()));
        }
        let (_, players) =
            Decision::with_players(economy, &ProblemOptions::default()).map_err(|d| d.into_message().headline)?;
        if players.quadratic.is_none() {
            return Err("laws are not linear, rewards not quadratic, or actions have bounds".into());
        }
        if players.list.iter().any(|p| !(p.discount < 1.0)) {
            return Err("somebody does not discount".into());
        }
        Ok(())
    }

    fn solve(&self, economy: &Economy, _seed: u64, progress: &mut dyn Watch) -> Result<Found, Vec<Diagnostic>> {
        solved(economy, progress).map_err(|d| vec![d])
    }
}

/// Matrices over (1, states) and actions.
struct Matrices {
    /// The law: x' = a x + b u.
    a: DMatrix<f64>,
    b: DMatrix<f64>,
    /// Each player's reward: x'q x / 2 + x's u + u'r u / 2.
    rewards: Vec<[DMatrix<f64>; 3]>,
}

fn matrices(game: &Quadratic) -> Matrices {
    let n = game.laws.len();
    let m = game.laws.first().map_or(0, |l| l.1.len()) - n;
    let mut a = DMatrix::zeros(n + 1, n + 1);
    let mut b = DMatrix::zeros(n + 1, m);
    a[(0, 0)] = 1.0;
    for (i, (constant, slopes)) in game.laws.iter().enumerate() {
        a[(i + 1, 0)] = *constant;
        (0..n).for_each(|j| a[(i + 1, j + 1)] = slopes[j]);
        (0..m).for_each(|j| b[(i + 1, j)] = slopes[n + j]);
    }
    let of = |(constant, first, second): &(f64, Vec<f64>, Vec<Vec<f64>>)| {
        let q = DMatrix::from_fn(n + 1, n + 1, |i, j| match (i, j) {
            (0, 0) => 2.0 * constant,
            (0, k) | (k, 0) => first[k - 1],
            (i, j) => second[i - 1][j - 1],
        });
        let s = DMatrix::from_fn(
            n + 1,
            m,
            |i, j| if i == 0 { first[n + j] } else { second[i - 1][n + j] },
        );
        let r = DMatrix::from_fn(m, m, |i, j| second[n + i][n + j]);
        [q, s, r]
    };
    Matrices {
        a,
        b,
        rewards: game.rewards.iter().map(of).collect(),
    }
}

/// What everybody does, u = k x, where p x is what a little more of each of tomorrow's states x is worth to each; `None` where the conditions have no solution or
/// somebody would be at a minimum.
fn play(m: &Matrices, players: &Players, p: &[DMatrix<f64>]) -> Option<DMatrix<f64>> {
    let count = m.b.ncols();
    let mut left = DMatrix::zeros(count, count);
    let mut right = DMatrix::zeros(count, m.a.ncols());
    for (i, one) in players.list.iter().enumerate() {
        let [_, s, r] = &m.rewards[i];
        let ahead = m.b.transpose() * &p[i] * one.discount;
        let (own, known) = (r + &ahead * &m.b, s.transpose() + &ahead * &m.a);
        for a in &one.actions {
            left.set_row(*a, &own.row(*a));
            right.set_row(*a, &known.row(*a));
        }
        let block = DMatrix::from_fn(one.actions.len(), one.actions.len(), |x, y| {
            -0.5 * (own[(one.actions[x], one.actions[y])] + own[(one.actions[y], one.actions[x])])
        });
        block.cholesky()?;
    }
    left.lu().solve(&(-right)).filter(|k| k.iter().all(|v| v.is_finite()))
}

/// What following `k` for ever is worth where tomorrow is worth `p`.
fn worth(m: &Matrices, players: &Players, k: &DMatrix<f64>, p: &[DMatrix<f64>]) -> Vec<DMatrix<f64>> {
    let closed = &m.a + &m.b * k;
    let all = players.list.iter().zip(&m.rewards).zip(p);
    all.map(|((one, [q, s, r]), p)| {
        let cross = s * k;
        q + &cross + cross.transpose() + k.transpose() * r * k + closed.transpose() * p * &closed * one.discount
    })
    .collect()
}

/// What a little more of each state is worth to each who follows `k` for ever while the others keep to their paths, where tomorrow it is worth `p`.
fn marginal(m: &Matrices, players: &Players, k: &DMatrix<f64>, p: &[DMatrix<f64>]) -> Vec<DMatrix<f64>> {
    let closed = &m.a + &m.b * k;
    let all = players.list.iter().zip(&m.rewards).zip(p);
    all.map(|((one, [q, s, _]), p)| {
        let mut out = q + s * k + m.a.transpose() * p * &closed * one.discount;
        // States of others go their way.
        for row in 0..out.nrows() {
            if row == 0 || !one.states.contains(&(row - 1)) {
                out.row_mut(row).fill(0.0);
            }
        }
        out
    })
    .collect()
}

/// How far matrices moved, as a share of one plus their size.
fn change(old: &[DMatrix<f64>], new: &[DMatrix<f64>]) -> f64 {
    old.iter().zip(new).fold(0.0, |worst: f64, (old, new)| {
        let change = (new - old).amax() / (1.0 + new.amax());
        if change.is_nan() {
            f64::INFINITY
        } else {
            worst.max(change)
        }
    })
}

fn solved(economy: &Economy, progress: &mut dyn Watch) -> Result<Found, Diagnostic> {
    let model = economy.model;
    let options = ProblemOptions {
        bounds: first_bounds(model),
        ..ProblemOptions::default()
    };
    let (decision, players) = Decision::with_players(economy, &options)?;
    let Some(m) = players.quadratic.as_ref().map(matrices) else {
        return Err(Diagnostic::error("E0810", "the game is not linear-quadratic"));
    };
    let said = model
        .solve_settings()
        .and_then(|s| s.get("iterations"))
        .and_then(|v| v.number());
    let most = said.map_or(ITERATIONS, |x| x as usize);
    let zero = DMatrix::zeros(m.a.nrows(), m.a.nrows());
    let mut p = vec![zero; players.list.len()];
    let held = economy.concept == Concept::OpenLoop;
    if play(&m, &players, &p).is_none() {
        // Where the last period has no solution of its own: as if nothing moved for ever.
        let pairs = players.list.iter().zip(&m.rewards);
        p = pairs.map(|(one, [q, _, _])| q / (1.0 - one.discount)).collect();
    }
    let mut history = Vec::new();
    let mut found = None;
    let mut before: Option<DMatrix<f64>> = None;
    for iteration in 0..most {
        limits::poll();
        let Some(k) = play(&m, &players, &p) else { break };
        let new = if held {
            marginal(&m, &players, &k, &p)
        } else {
            worth(&m, &players, &k, &p)
        };
        let moved = change(&p, &new);
        p = new;
        history.push(moved);
        let report = Progress {
            iteration: iteration + 1,
            of: most,
            error: moved,
            target: TOLERANCE,
        };
        if progress.report(report) == Control::Cancel {
            return Err(Diagnostic::error("E0906", "the solver was stopped before it converged"));
        }
        if moved <= TOLERANCE {
            found = Some(k);
            break;
        }
        if !moved.is_finite() {
            break;
        }
        before = Some(k);
    }
    let Some(k) = found else {
        return Err(lost(&m, &players, &p, (&history, before.as_ref())));
    };
    stable(&m, &players, &k)?;
    if held {
        p = followed(&m, &players, &k, most);
    }
    let rest = at_rest(&m, &k, &decision);
    let bounds = rest
        .as_ref()
        .map_or_else(|| options.bounds.clone(), |r| around(model, r));
    let options = ProblemOptions { bounds, ..options };
    let (decision, players) = Decision::with_players(economy, &options)?;
    let states = Solution::states_of(&decision);
    let points = made::points(&states);
    let count = points.first().map_or(1, Vec::len);
    let at = |i: usize| DVector::from_fn(points.len() + 1, |d, _| if d == 0 { 1.0 } else { points[d - 1][i] });
    let actions: Vec<DVector<f64>> = (0..count).map(|i| &k * at(i)).collect();
    let policy = (0..k.nrows()).map(|a| actions.iter().map(|u| u[a]).collect()).collect();
    let value = |p: &DMatrix<f64>| {
        (0..count)
            .map(|i| 0.5 * (at(i).transpose() * p * at(i))[(0, 0)])
            .collect()
    };
    let values = p.iter().map(value).collect();
    let record = Record {
        iterations: history.len(),
        error: history.last().copied().unwrap_or(0.0),
        target: TOLERANCE,
        residual: history.last().copied().unwrap_or(0.0),
        history,
        ..Record::default()
    };
    Ok(Found {
        solution: made::solution(
            "coupled Riccati equations",
            (&decision, &players),
            policy,
            values,
            record,
        ),
        others: Vec::new(),
        searches: 1,
        scope: Vec::new(),
        discretised: decision.discretised.clone(),
        steady_state: rest.map_or_else(Vec::new, |r| r.named()),
        perceived: None,
        population: None,
    })
}

/// What following `k` for ever is worth to each.
fn followed(m: &Matrices, players: &Players, k: &DMatrix<f64>, most: usize) -> Vec<DMatrix<f64>> {
    let mut p = vec![DMatrix::zeros(m.a.nrows(), m.a.nrows()); players.list.len()];
    for _ in 0..most {
        limits::poll();
        let new = worth(m, players, k, &p);
        let moved = change(&p, &new);
        p = new;
        if !(moved > TOLERANCE) {
            break;
        }
    }
    p
}

/// The refusal of equations that did not settle: how much still moves, and what one player would gain by deviating from what was last done
/// (at zero states, the constant among them).
fn lost(
    m: &Matrices,
    players: &Players,
    p: &[DMatrix<f64>],
    (history, k): (&[f64], Option<&DMatrix<f64>>),
) -> Diagnostic {
    let d = Diagnostic::error(
        "E0921",
        "no equilibrium was found: the Riccati equations of the players do not settle",
    );
    let d = match history.last() {
        Some(moved) => d.note(format!(
            "after {} iterations values still move by {moved:.1e} of their size",
            history.len()
        )),
        None => d.note("the conditions of one period have no solution, or put somebody at a minimum"),
    };
    let gain = k.map(|k| {
        let closed = &m.a + &m.b * k;
        let gains = players.list.iter().enumerate().flat_map(|(i, one)| {
            let [_, s, r] = &m.rewards[i];
            let slope = s.transpose() + r * k + m.b.transpose() * &p[i] * &closed * one.discount;
            let bend = r + m.b.transpose() * &p[i] * &m.b * one.discount;
            let own = one
                .actions
                .iter()
                .map(move |a| (one, -0.5 * slope[(*a, 0)].powi(2) / bend[(*a, *a)]));
            own.collect::<Vec<_>>()
        });
        gains.fold((String::new(), 0.0), |best, (one, g)| {
            if g > best.1 { (one.name.clone(), g) } else { best }
        })
    });
    let d = match gain {
        Some((name, gain)) if gain > 0.0 => d.note(format!(
            "the largest gain from one deviation is then {gain:.3e}, of `{name}`, in units of its reward"
        )),
        _ => d,
    };
    d.hint("best replies overshoot, so backward induction from a last period diverges; --method joint with `damping` looks further")
}

/// Refuses policies under which the economy runs away faster than players discount.
fn stable(m: &Matrices, players: &Players, k: &DMatrix<f64>) -> Result<(), Diagnostic> {
    let n = m.a.nrows() - 1;
    let closed = (&m.a + &m.b * k).view((1, 1), (n, n)).into_owned();
    let largest = closed
        .complex_eigenvalues()
        .iter()
        .fold(0.0, |worst: f64, e| worst.max(e.norm()));
    let patient = players.list.iter().fold(0.0, |worst: f64, one| worst.max(one.discount));
    if largest * patient.sqrt() < 1.0 {
        return Ok(());
    }
    Err(
        Diagnostic::error("E0921", "no equilibrium was found: what meets all conditions runs away").note(format!(
            "states grow by a factor of {largest:.4} a period, faster than discounting makes up for"
        )),
    )
}

/// Where states rest.
fn at_rest(m: &Matrices, k: &DMatrix<f64>, decision: &Decision) -> Option<Rest> {
    let n = m.a.nrows() - 1;
    let closed = &m.a + &m.b * k;
    let left = DMatrix::identity(n, n) - closed.view((1, 1), (n, n));
    let states = left.lu().solve(&closed.view((1, 0), (n, 1)).into_owned())?;
    let x = DVector::from_fn(n + 1, |i, _| if i == 0 { 1.0 } else { states[(i - 1, 0)] });
    let actions = k * x;
    let spec = decision.spec();
    let names = spec.states.iter().map(|s| s.name.clone());
    Some(Rest {
        names: names.chain(spec.actions.iter().map(|a| a.name.clone())).collect(),
        values: states.iter().chain(actions.iter()).copied().collect(),
    })
}
