//! Where an economy without shocks comes to rest, and the boxes of states that follow from it.

use super::iterate::{Pace, Stand, stalled};
use super::stage::Game;
use super::{NODES, ROUGH, STARTS};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::chebyshev::Basis;
use crate::num::fixed_point::{NewtonOptions, newton};
use crate::solve::decision::ProblemOptions;
use crate::solve::economy::Economy;
use crate::solve::problem::DecisionProblem;
use crate::solve::progress::Watch;

/// Periods that the economy is followed before Newton's method takes over.
const PERIODS: usize = 600;
/// Largest step of a period that counts as rest, as a share of one plus the state.
const STILL: f64 = 1e-9;

/// A point of rest.
pub(in crate::solve::equilibrium) struct Rest {
    /// Names of states, then of actions.
    pub(in crate::solve::equilibrium) names: Vec<String>,
    /// Their values, states first.
    pub(in crate::solve::equilibrium) values: Vec<f64>,
}

impl Rest {
    /// Names with values.
    pub(in crate::solve::equilibrium) fn named(&self) -> Vec<(String, f64)> {
        self.names.iter().cloned().zip(self.values.iter().copied()).collect()
    }
}

/// How far around where lives begin a rest is looked for, one after the other.
const WIDTHS: [f64; 3] = [1.0, 3.0, 9.0];

/// The box where the search begins: around where lives begin.
pub(in crate::solve::equilibrium) fn first_bounds(model: &Model) -> Vec<(String, f64, f64)> {
    begun_within(model, WIDTHS[0])
}

/// The same, so many times as wide.
fn begun_within(model: &Model, width: f64) -> Vec<(String, f64, f64)> {
    let starts = model.states.iter().filter_map(|s| {
        let start = model.graph.nodes[s.start?.0 as usize].domain;
        let fine = start.lo.is_finite() && start.hi.is_finite();
        fine.then_some((s, start))
    });
    starts
        .map(|(s, start)| {
            let (lo, hi) = if s.domain.lo >= 0.0 && start.lo > 0.0 {
                (start.lo / (3.0 * width), start.hi * 3.0 * width)
            } else {
                let far = 2.0 * width * start.lo.abs().max(start.hi.abs()).max(1.0);
                (start.lo - far, start.hi + far)
            };
            (s.name.clone(), lo, hi)
        })
        .collect()
}

/// The box around a point of rest.
pub(in crate::solve::equilibrium) fn around(model: &Model, rest: &Rest) -> Vec<(String, f64, f64)> {
    let states = model.states.iter().filter_map(|s| {
        let of = |n: &String| *n == s.name || n.starts_with(&format!("{}[", s.name));
        let own = || {
            rest.names
                .iter()
                .zip(&rest.values)
                .filter(|(n, _)| of(n))
                .map(|(_, x)| *x)
        };
        let (min, max) = (
            own().fold(f64::INFINITY, f64::min),
            own().fold(f64::NEG_INFINITY, f64::max),
        );
        if s.domain.lo >= 0.0 {
            (min > 0.0 && max.is_finite()).then(|| (s.name.clone(), 0.4 * min, 2.0 * max))
        } else {
            let far = 2.0 * min.abs().max(max.abs()).max(1e-3);
            far.is_finite().then(|| (s.name.clone(), min - far, max + far))
        }
    });
    states.collect()
}

/// The point of rest of the economy without shocks; `None` where none is found.
///
/// # Errors
/// E0906 when stopped; E0810 where the economy is none of this kind.
pub(super) fn rest(economy: &Economy, pace: Pace, progress: &mut dyn Watch) -> Result<Option<Rest>, Diagnostic> {
    Ok(found(economy, pace, progress)?.0)
}

/// The point of rest with the game and the policies that lead there.
///
/// # Errors
/// As [`rest`].
#[allow(clippy::type_complexity)]
pub(super) fn found(
    economy: &Economy,
    pace: Pace,
    progress: &mut dyn Watch,
) -> Result<(Option<Rest>, Option<(Game, Stand)>), Diagnostic> {
    let mut options = ProblemOptions {
        deterministic: true,
        bounds: first_bounds(economy.model),
        ..ProblemOptions::default()
    };
    // First roughly on a wide box, then on a narrow one around what was found.
    let mut found: Option<Rest> = None;
    let Some(sizes) = sizes(economy, &options)? else {
        return Ok((None, None));
    };
    let mut last: Option<(Game, Stand)> = None;
    let mut round = 0;
    let mut width = 0;
    while round < 3 {
        let game = Game::new(economy, &options, sizes[round.min(sizes.len() - 1)])?;
        let pace = Pace {
            tolerance: pace.tolerance.max(if round < 2 { ROUGH } else { 0.0 }),
            ..pace
        };
        let begun = last.iter().map(|(game_before, stand)| game.resumed(game_before, stand));
        let starts: Vec<Stand> = begun.chain(STARTS.iter().map(|share| game.start(*share))).collect();
        let mut next: Option<Rest> = None;
        let mut led_away = false;
        for start in starts {
            let stand = game.iterate(start, pace, progress)?;
            // What goes round on a finer box even from where it rested on a rougher one does so from elsewhere, too.
            if round > 0 && stalled(&stand.history) {
                return Ok((found, last));
            }
            let Some(rest) = at_rest(&game, &stand).filter(|_| stand.settled) else {
                led_away |= stand.settled;
                continue;
            };
            next = Some(rest);
            last = Some((game, stand));
            break;
        }
        let Some(next) = next else {
            // Policies that lead nowhere in the first box may lead out of it.
            if round == 0 && led_away && width + 1 < WIDTHS.len() {
                width += 1;
                options.bounds = begun_within(economy.model, WIDTHS[width]);
                continue;
            }
            return Ok((found, last));
        };
        round += 1;
        let near = found.as_ref().is_some_and(|old| {
            let pairs = old.values.iter().zip(&next.values);
            pairs.clone().count() == next.values.len()
                && pairs.clone().all(|(a, b)| (a - b).abs() <= 1e-8 * (1.0 + b.abs()))
        });
        options.bounds = around(economy.model, &next);
        found = Some(next);
        if near {
            break;
        }
    }
    Ok((found, last))
}

/// Numbers of nodes of each axis, from few to many; `None` for more states than there are.
fn sizes(economy: &Economy, options: &ProblemOptions) -> Result<Option<&'static [usize]>, Diagnostic> {
    let states = Game::new(economy, options, 3)?.carrier.axes().len();
    Ok(states.checked_sub(1).and_then(|n| NODES.get(n)).copied())
}

impl Game {
    /// What is done at a state and where it leads, in the first joint shock; from the polynomials of a policy.
    fn step(&self, ahead: &super::stage::Ahead, guess: &[Vec<f64>], x: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
        let mut basis = Basis::default();
        self.carrier.basis(x, &mut basis);
        let from: Vec<Vec<f64>> = guess.iter().map(|c| vec![self.carrier.value(c, &basis)]).collect();
        let states: Vec<Vec<f64>> = x.iter().map(|v| vec![*v]).collect();
        let played = self.play(ahead, 0, &states, &from);
        if played.unsolved > 0 {
            return None;
        }
        let xs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let acts: Vec<&[f64]> = played.actions.iter().map(Vec::as_slice).collect();
        let mut next = vec![0.0; x.len()];
        for (noise, later, w) in self.branches(0) {
            let lanes = self.lanes(0, noise, later, &xs, &acts);
            let period = self.players.period(&self.decision, &lanes, 1);
            next.iter_mut().zip(&period.next).for_each(|(n, p)| *n += w * p[0]);
        }
        let all = next.iter().all(|v| v.is_finite());
        all.then(|| (played.actions.iter().map(|a| a[0]).collect(), next))
    }
}

/// Follows the economy to where it rests.
fn at_rest(game: &Game, stand: &Stand) -> Option<Rest> {
    if game.branches(0).is_empty() {
        return None;
    }
    let ahead = game.ahead(&stand.functions);
    let guess: Vec<Vec<f64>> = stand.policy[0].iter().map(|a| game.carrier.fit(a)).collect();
    let axes = game.carrier.axes();
    let mut x: Vec<f64> = axes
        .iter()
        .map(|r| {
            if r.log {
                (r.lo * r.hi).sqrt()
            } else {
                0.5 * (r.lo + r.hi)
            }
        })
        .collect();
    for _ in 0..PERIODS {
        limits::poll();
        let (_, next) = game.step(&ahead, &guess, &x)?;
        let moved = x
            .iter()
            .zip(&next)
            .fold(0.0, |m: f64, (a, b)| m.max((a - b).abs() / (1.0 + b.abs())));
        x = next;
        if moved < 1e-12 {
            break;
        }
    }
    let (lo, hi): (Vec<f64>, Vec<f64>) = axes.iter().map(|r| (r.lo, r.hi)).unzip();
    let mut equations = |x: &[f64]| -> Option<Vec<f64>> {
        let (_, next) = game.step(&ahead, &guess, x)?;
        Some(next.iter().zip(x).map(|(n, x)| n - x).collect())
    };
    let report = newton(&mut equations, &x, &lo, &hi, &NewtonOptions::default());
    let x = if report.residual.is_finite() { report.x } else { x };
    let (actions, next) = game.step(&ahead, &guess, &x)?;
    let still = x
        .iter()
        .zip(&next)
        .all(|(a, b)| (a - b).abs() <= STILL * (1.0 + b.abs()));
    let inside = x.iter().zip(axes).all(|(x, r)| *x > r.lo && *x < r.hi);
    if !(still && inside) {
        return None;
    }
    let spec = game.decision.spec();
    let names = spec.states.iter().map(|s| s.name.clone());
    let names = names.chain(spec.actions.iter().map(|a| a.name.clone()));
    Some(Rest {
        names: names.collect(),
        values: x.into_iter().chain(actions).collect(),
    })
}

/// Open ends moved so that no node leads outside; `None` if all hold.
pub(super) fn wider(model: &Model, game: &Game, stand: &Stand) -> Option<Vec<(String, f64, f64)>> {
    let nodes = game.carrier.nodes();
    let n = game.carrier.len();
    let reached = game.each(|z| {
        let mut range = vec![(f64::INFINITY, f64::NEG_INFINITY); nodes.len()];
        let xs: Vec<&[f64]> = nodes.iter().map(Vec::as_slice).collect();
        let acts: Vec<&[f64]> = stand.policy[z].iter().map(Vec::as_slice).collect();
        for (noise, later, _) in game.branches(z) {
            let lanes = game.lanes(z, noise, later, &xs, &acts);
            let period = game.players.period(&game.decision, &lanes, n);
            for (r, next) in range.iter_mut().zip(&period.next) {
                for x in next {
                    *r = (r.0.min(*x), r.1.max(*x));
                }
            }
        }
        range
    });
    let mut moved = false;
    let mut out: Vec<(String, f64, f64)> = Vec::new();
    for (d, axis) in game.carrier.axes().iter().enumerate() {
        let Some((_, low, high)) = game.decision.open_ends.iter().find(|(k, _, _)| *k == d) else {
            continue;
        };
        let state = &model.states[game.decision.origin[d].0];
        let least = reached.iter().fold(f64::INFINITY, |m, z| m.min(z[d].0));
        let most = reached.iter().fold(f64::NEG_INFINITY, |m, z| m.max(z[d].1));
        let (mut lo, mut hi) = (axis.lo, axis.hi);
        let slack = 1e-9 * (hi - lo);
        if *low && least < lo - slack {
            lo = if state.domain.lo >= 0.0 {
                0.95 * least.max(0.5 * lo)
            } else {
                least - 0.05 * (hi - lo)
            };
            moved = true;
        }
        if *high && most > hi + slack {
            hi = if state.domain.lo >= 0.0 {
                1.05 * most.min(2.0 * hi)
            } else {
                most + 0.05 * (hi - lo)
            };
            moved = true;
        }
        match out.iter_mut().find(|(n, _, _)| *n == state.name) {
            Some((_, l, h)) => (*l, *h) = (l.min(lo), h.max(hi)),
            None => out.push((state.name.clone(), lo, hi)),
        }
    }
    moved.then_some(out)
}
