//! Time iteration: what the states of tomorrow are worth, and what is then done today, until neither moves.

use super::stage::{Ahead, Game, Played};
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::anderson::Anderson;
use crate::num::chebyshev::Basis;
use crate::num::linear::gmres;
use crate::solve::bounded::between;
use crate::solve::problem::DecisionProblem;
use crate::solve::progress::{Control, Progress, Watch};
use rayon::prelude::*;

/// Functions at nodes, `[function][shock][node]`.
pub(super) type Functions = Vec<Vec<Vec<f64>>>;

/// Sweeps of a window, and the share of the smallest change before it that one in the window must come below: else policies go round.
const WINDOW: usize = 100;
const STALLED: f64 = 0.95;
/// Share of the new that is carried on where policies went round, and of what is left of it.
const RELAXED: f64 = 0.4;

/// Sweeps that are mixed; changes from which they are, and sweeps in a row that must have come closer by themselves before that.
const MEMORY: usize = 8;
const MIXED: f64 = 0.05;
const CLOSER: usize = 10;
/// Growth of the changes after which a mixture leads away.
const AWAY: f64 = 2.0;
/// Periods that policies are followed beyond a sweep whose result is mixed: values come to rest much more slowly than policies.
const FURTHER: usize = 12;
/// How far functions are moved, as a share of what they differ by, to see whether plain sweeps lead back, and how many sweeps that takes.
const NUDGE: f64 = 1e-5;
const STEADY: usize = 16;

/// Where an iteration stands, or ended.
#[derive(Clone)]
pub(super) struct Stand {
    pub(super) functions: Functions,
    /// What is done at the nodes, `[shock][action][node]`.
    pub(super) policy: Vec<Vec<Vec<f64>>>,
    pub(super) history: Vec<f64>,
    pub(super) unsolved: usize,
    pub(super) settled: bool,
    /// How often a next state lay outside the ranges in the last sweep.
    pub(super) outside: usize,
    /// Whether the work that is allowed came to an end.
    pub(super) over: bool,
}

/// How to iterate.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// Most sweeps.
    pub(super) sweeps: usize,
    /// Largest change that counts as none, as a share of the sizes of what changes.
    pub(super) tolerance: f64,
    /// Share of the new in what is carried on.
    pub(super) damping: f64,
    /// Most instructions on one box of nodes.
    pub(super) most: f64,
    /// What the file says of `work`.
    pub(super) allowed: f64,
}

impl Game {
    fn shocks(&self) -> usize {
        self.decision.spec().chain.transition.len()
    }

    /// Runs `piece` for every shock; results in their order.
    pub(super) fn each<T: Send>(&self, piece: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let all: Option<Vec<T>> = (0..self.shocks())
            .into_par_iter()
            .map(|z| limits::going(|| piece(z)))
            .collect();
        all.unwrap_or_else(|| limits::leave())
    }

    /// A start: everybody does the same for ever, at `share` of the way between bounds, and nothing moves.
    pub(super) fn start(&self, share: f64) -> Stand {
        let nodes = self.carrier.nodes();
        let policy: Vec<Vec<Vec<f64>>> = self.each(|z| {
            let [lo, hi] = self.bounds(z, &nodes);
            let pairs = lo.iter().zip(&hi);
            pairs
                .map(|(lo, hi)| lo.iter().zip(hi).map(|(l, h)| between(*l, *h, share)).collect())
                .collect()
        });
        let none = Ahead(Vec::new());
        let list = &self.players.list;
        let shadows = match self.players.taking() {
            true => self.shadow(&none, &policy, None),
            false => Vec::new(),
        };
        let by_shock: Vec<Vec<Vec<f64>>> = match list.iter().all(|one| one.taking) {
            true => Vec::new(),
            false => self.each(|z| {
                let worth = self.rewards(z, &nodes, &policy[z]);
                let pairs = worth.into_iter().zip(list);
                pairs
                    .map(|(w, one)| w.into_iter().map(|w| w / (1.0 - one.discount)).collect())
                    .collect()
            }),
        };
        let functions = self.functions(shadows, &|p| by_shock.iter().map(|z| z[p].clone()).collect());
        Stand {
            functions,
            policy,
            history: Vec::new(),
            unsolved: 0,
            settled: false,
            outside: 0,
            over: false,
        }
    }

    /// Expected rewards of a period, `[player][node]`.
    fn rewards(&self, shock: usize, nodes: &[Vec<f64>], actions: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let n = self.carrier.len();
        let xs: Vec<&[f64]> = nodes.iter().map(Vec::as_slice).collect();
        let acts: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        let mut out = vec![vec![0.0; n]; self.players.list.len()];
        for (noise, later, weight) in self.branches(shock) {
            let lanes = self.lanes(shock, noise, later, &xs, &acts);
            let period = self.players.period(&self.decision, &lanes, n);
            let factor = self.factor(&lanes, n);
            for (sum, part) in out.iter_mut().zip(&period.parts) {
                let paid = part.reward.iter().zip(&factor);
                sum.iter_mut().zip(paid).for_each(|(s, (r, f))| *s += weight * f * r);
            }
        }
        out
    }

    /// All functions: of who takes prices or paths as given its marginal values, in the order of `shadows`, of the others what it is worth to each.
    fn functions(&self, shadows: Functions, worth: &dyn Fn(usize) -> Vec<Vec<f64>>) -> Functions {
        let mut shadows = shadows.into_iter();
        let mut out = Functions::new();
        for (p, one) in self.players.list.iter().enumerate() {
            if one.taking {
                out.extend(shadows.by_ref().take(one.states.len()));
            } else {
                out.push(worth(p));
            }
        }
        out
    }

    /// Marginal values of today's states from the own conditions of those who take prices or paths as given, as they are carried. Without anything ahead: as if nothing
    /// moved for ever.
    fn shadow(&self, ahead: &Ahead, policy: &[Vec<Vec<f64>>], played: Option<&[Played]>) -> Functions {
        let nodes = self.carrier.nodes();
        let n = self.carrier.len();
        let list = &self.players.list;
        let by_shock: Vec<Functions> = self.each(|z| {
            let xs: Vec<&[f64]> = nodes.iter().map(Vec::as_slice).collect();
            let acts: Vec<&[f64]> = policy[z].iter().map(Vec::as_slice).collect();
            let mut out: Functions = list.iter().map(|one| vec![vec![0.0; n]; one.states.len()]).collect();
            let takers = || list.iter().enumerate().filter(|(_, one)| one.taking);
            let (mut basis, mut marginal) = (Basis::default(), Vec::new());
            let mut x = vec![0.0; nodes.len()];
            for (noise, later, weight) in self.branches(z) {
                let lanes = self.lanes(z, noise, later, &xs, &acts);
                let weights = self.players.weights(&self.decision, &lanes, n);
                let next = played.map(|_| self.players.period(&self.decision, &lanes, n).next);
                let factor = self.factor(&lanes, n);
                for i in 0..n {
                    let weight = weight * factor[i];
                    if let Some(next) = &next {
                        x.iter_mut().zip(next).for_each(|(x, next)| *x = next[i]);
                        self.carrier.basis(&x, &mut basis);
                    }
                    for (p, one) in takers() {
                        let own = &weights[p];
                        if next.is_some() {
                            self.marginal(ahead, (p, later), (&basis, &x), &mut marginal);
                        }
                        for (k, w) in own.iter().enumerate() {
                            let mut sum = w.pays[i];
                            match next {
                                None => sum /= 1.0 - one.discount,
                                Some(_) => {
                                    let later = marginal.iter().zip(&w.moves).map(|(m, moved)| m * moved[i]);
                                    sum += one.discount * later.sum::<f64>();
                                }
                            }
                            // At a bound that moves with the state the action moves along.
                            if let Some(played) = played {
                                for (a, bounds) in one.actions.iter().zip(&w.bounds) {
                                    let at = policy[z][*a][i];
                                    for (end, slope) in played[z].bounds.iter().zip(bounds) {
                                        if at == end[*a][i] && slope[i] != 0.0 {
                                            sum += played[z].there.gain[*a][i] * slope[i];
                                        }
                                    }
                                }
                            }
                            let s = one.states[k];
                            let scale = if self.carrier.axes()[s].log { nodes[s][i] } else { 1.0 };
                            out[p][k][i] += weight * sum * scale;
                        }
                    }
                }
            }
            out
        });
        let mut functions = Vec::new();
        for (p, one) in list.iter().enumerate().filter(|(_, one)| one.taking) {
            for k in 0..one.states.len() {
                functions.push(by_shock.iter().map(|z| z[p][k].clone()).collect());
            }
        }
        functions
    }

    /// Sweeps from a stand until nothing moves; with smaller steps from the same stand where policies go round.
    ///
    /// # Errors
    /// E0906 when stopped.
    pub(super) fn iterate(&self, stand: Stand, pace: Pace, progress: &mut dyn Watch) -> Result<Stand, Diagnostic> {
        let first = self.swept(stand.clone(), pace, pace.damping == 1.0, progress)?;
        if first.settled || first.over || !stalled(&first.history) {
            return Ok(first);
        }
        let relaxed = Pace {
            damping: RELAXED * pace.damping,
            ..pace
        };
        let second = self.swept(stand, relaxed, false, progress)?;
        Ok(if second.settled { second } else { first })
    }

    /// Sweeps until nothing moves or policies go round. Once sweeps come closer and closer by themselves they are mixed ([`Anderson`]); what mixtures end at
    /// counts if plain sweeps stay there, too.
    fn swept(
        &self,
        mut stand: Stand,
        pace: Pace,
        mut mixes: bool,
        progress: &mut dyn Watch,
    ) -> Result<Stand, Diagnostic> {
        let mut anderson = Anderson::new(MEMORY);
        let (mut before, mut mixed) = (f64::INFINITY, false);
        let begun = mixes.then(|| stand.clone());
        for sweep in 0..pace.sweeps {
            let (new, moved) = self.sweep(&mut stand);
            stand.history.push(moved);
            let report = Progress {
                iteration: sweep + 1,
                of: pace.sweeps,
                error: moved,
                target: pace.tolerance,
            };
            if progress.report(report) == Control::Cancel {
                return Err(Diagnostic::error("E0906", "the solver was stopped before it converged"));
            }
            if moved <= pace.tolerance && stand.unsolved == 0 {
                if let Some(begun) = begun.filter(|_| mixed && !self.stays(&stand)) {
                    return self.swept(begun, pace, false, progress);
                }
                stand.settled = true;
                stand.functions = new;
                break;
            }
            if self.decision.work() > pace.most {
                stand.over = true;
                break;
            }
            if !moved.is_finite() || stalled(&stand.history) {
                match begun.filter(|_| mixed) {
                    Some(begun) => return self.swept(begun, pace, false, progress),
                    None => break,
                }
            }
            let away = stand.unsolved > 0 || moved > MIXED || mixed && moved > AWAY * before;
            if mixed && away {
                // A mixture that leads away is not tried again.
                (mixes, mixed) = (false, false);
            }
            if mixes && !away && (mixed || closer(&stand.history)) {
                let far = self.further(&stand.policy, new, FURTHER);
                stand.functions = mixture(&mut anderson, &stand.functions, &far);
                mixed = true;
            } else {
                step(&mut stand.functions, &new, pace.damping);
            }
            before = moved;
        }
        Ok(stand)
    }

    /// What is done at the nodes, done for so many periods more before what `functions` say: values of all, if nobody takes prices or paths as given.
    fn further(&self, policy: &[Vec<Vec<f64>>], functions: Functions, periods: usize) -> Functions {
        let list = &self.players.list;
        if list.iter().any(|one| one.taking) {
            return functions;
        }
        let nodes = self.carrier.nodes();
        let n = self.carrier.len();
        // Of each shock what is paid and, for each branch, which function is read where and with which weight.
        let paid: Vec<Vec<Vec<f64>>> = self.each(|z| self.rewards(z, &nodes, &policy[z]));
        let leads: Vec<Vec<(usize, Vec<f64>, Vec<Basis>)>> = self.each(|z| {
            let xs: Vec<&[f64]> = nodes.iter().map(Vec::as_slice).collect();
            let acts: Vec<&[f64]> = policy[z].iter().map(Vec::as_slice).collect();
            let to = |(noise, later, w): (usize, usize, f64)| {
                let lanes = self.lanes(z, noise, later, &xs, &acts);
                let next = self.players.period(&self.decision, &lanes, n).next;
                let weights = self.factor(&lanes, n).iter().map(|f| w * f).collect();
                let mut x = vec![0.0; nodes.len()];
                let places = (0..n).map(|i| {
                    x.iter_mut().zip(&next).for_each(|(x, next)| *x = next[i]);
                    let mut basis = Basis::default();
                    self.carrier.basis(&x, &mut basis);
                    basis
                });
                (later, weights, places.collect())
            };
            self.branches(z).into_iter().map(to).collect()
        });
        let branches: usize = leads.iter().map(Vec::len).sum();
        self.decision.spend(periods * branches * n * n * list.len());
        let mut functions = functions;
        for _ in 0..periods {
            limits::poll();
            let ahead = self.ahead(&functions);
            let by_shock: Vec<Vec<Vec<f64>>> = self.each(|z| {
                let mut out = paid[z].clone();
                for (later, weights, places) in &leads[z] {
                    for ((p, one), worth) in list.iter().enumerate().zip(&mut out) {
                        let of = &ahead.0[p][*later];
                        for ((worth, w), basis) in worth.iter_mut().zip(weights).zip(places) {
                            *worth += w * one.discount * self.carrier.value(of, basis);
                        }
                    }
                }
                out
            });
            functions = (0..list.len())
                .map(|p| by_shock.iter().map(|z| z[p].clone()).collect())
                .collect();
        }
        functions
    }

    /// One sweep from a stand, whose policy becomes what is then done: the new functions, and how far they and policies moved.
    fn sweep(&self, stand: &mut Stand) -> (Functions, f64) {
        let nodes = self.carrier.nodes();
        let ahead = self.ahead(&stand.functions);
        let played: Vec<Played> = self.each(|z| self.play(&ahead, z, &nodes, &stand.policy[z]));
        let policy: Vec<Vec<Vec<f64>>> = played.iter().map(|p| p.actions.clone()).collect();
        let shadows = match self.players.taking() {
            true => self.shadow(&ahead, &policy, Some(&played)),
            false => Vec::new(),
        };
        let new = self.functions(shadows, &|p| played.iter().map(|z| z.there.worth[p].clone()).collect());
        stand.unsolved = played.iter().map(|p| p.unsolved).sum();
        stand.outside = played.iter().flat_map(|p| &p.there.outside).filter(|o| **o).count();
        let list = &self.players.list;
        let values: Vec<usize> = (0..list.len())
            .filter(|p| !list[*p].taking)
            .map(|p| self.players.first(p))
            .collect();
        let moved = moves(&stand.functions, &new, &values).max(policy_moves(&stand.policy, &policy));
        stand.policy = policy;
        (new, moved)
    }

    /// Whether plain sweeps lead back to a stand from close by: mixtures also end where they would lead away from.
    fn stays(&self, stand: &Stand) -> bool {
        let mut near = stand.clone();
        let axes = self.carrier.axes();
        let nodes = self.carrier.nodes();
        let along = |d: usize, i: usize| {
            let of = |x: f64| if axes[d].log { x.ln() } else { x };
            (of(nodes[d][i]) - of(axes[d].lo)) / (of(axes[d].hi) - of(axes[d].lo))
        };
        for (f, function) in near.functions.iter_mut().enumerate() {
            let all = || function.iter().flatten();
            let centre = all().sum::<f64>() / all().count().max(1) as f64;
            let size = all().fold(0.0, |m: f64, v| m.max((v - centre).abs()));
            for (z, values) in function.iter_mut().enumerate() {
                for (i, v) in values.iter_mut().enumerate() {
                    // Smooth, and unlike for every function, shock and axis.
                    let bend = (0..axes.len()).map(|d| {
                        let t = along(d, i);
                        (1.0 + 0.3 * (d + f) as f64) * (t - 0.4 * t * t)
                    });
                    *v += NUDGE * size * (1.0 + 0.1 * z as f64) * bend.sum::<f64>();
                }
            }
        }
        let mut moved = [f64::NAN; STEADY];
        for m in &mut moved {
            let (new, by) = self.sweep(&mut near);
            near.functions = new;
            *m = by;
        }
        near.unsolved == 0 && moved[STEADY - 1] < moved[STEADY / 4]
    }

    /// What a policy at the nodes is worth to each player for ever, `[player][shock][node]`.
    pub(super) fn values(&self, policy: &[Vec<Vec<f64>>]) -> Functions {
        let nodes = self.carrier.nodes();
        let (n, nz) = (self.carrier.len(), self.shocks());
        let rewards: Vec<Vec<Vec<f64>>> = self.each(|z| self.rewards(z, &nodes, &policy[z]));
        let next: Vec<Vec<(usize, Vec<f64>, Vec<Vec<f64>>)>> = self.each(|z| {
            let xs: Vec<&[f64]> = nodes.iter().map(Vec::as_slice).collect();
            let acts: Vec<&[f64]> = policy[z].iter().map(Vec::as_slice).collect();
            let branches = self.branches(z);
            let to = branches.into_iter().map(|(noise, later, w)| {
                let lanes = self.lanes(z, noise, later, &xs, &acts);
                let weights = self.factor(&lanes, n).iter().map(|f| w * f).collect();
                (later, weights, self.players.period(&self.decision, &lanes, n).next)
            });
            to.collect()
        });
        let list = self.players.list.iter().enumerate();
        list.map(|(p, one)| {
            let right: Vec<f64> = rewards.iter().flat_map(|z| z[p].clone()).collect();
            let mut values = vec![0.0; n * nz];
            let apply = |v: &[f64], out: &mut [f64]| {
                let ahead = self.ahead(&[v.chunks(n).map(<[f64]>::to_vec).collect()]);
                let parts: Vec<Vec<f64>> = self.each(|z| {
                    let mut part = vec![0.0; n];
                    let (mut basis, mut x) = (Basis::default(), vec![0.0; nodes.len()]);
                    for (later, w, to) in &next[z] {
                        for i in 0..n {
                            x.iter_mut().zip(to).for_each(|(x, to)| *x = to[i]);
                            self.carrier.basis(&x, &mut basis);
                            part[i] += w[i] * self.carrier.value(&ahead.0[0][*later], &basis);
                        }
                    }
                    part
                });
                let flat = parts.into_iter().flatten();
                out.iter_mut()
                    .zip(v)
                    .zip(flat)
                    .for_each(|((o, v), e)| *o = v - one.discount * e);
            };
            gmres(apply, &right, &mut values, 60, 1e-13, 600);
            values.chunks(n).map(<[f64]>::to_vec).collect()
        })
        .collect()
    }
}

/// Whether each of the last changes (`history`, one per sweep) was smaller than the one before.
fn closer(history: &[f64]) -> bool {
    let last = &history[history.len().saturating_sub(CLOSER + 1)..];
    last.len() > CLOSER && last.windows(2).all(|w| w[1] < w[0])
}

/// Moves functions a share of the way.
fn step(functions: &mut Functions, new: &Functions, share: f64) {
    let pairs = functions
        .iter_mut()
        .flatten()
        .flatten()
        .zip(new.iter().flatten().flatten());
    pairs.for_each(|(old, new)| *old += share * (new - *old));
}

/// The mixture of the last sweeps, each function weighed by what it differs by.
fn mixture(anderson: &mut Anderson, old: &Functions, new: &Functions) -> Functions {
    let flat = |of: &Functions| -> Vec<f64> { of.iter().flatten().flatten().copied().collect() };
    let mut weight = Vec::new();
    for function in new {
        let all = || function.iter().flatten();
        let count = all().count();
        let centre = all().sum::<f64>() / count.max(1) as f64;
        let size = all().fold(1e-3 * centre.abs(), |m: f64, v| m.max((v - centre).abs()));
        weight.extend(std::iter::repeat_n(1.0 / size.max(1e-300), count));
    }
    let next = anderson.next(&flat(old), &flat(new), &weight);
    let mut out = new.clone();
    out.iter_mut().flatten().flatten().zip(next).for_each(|(o, n)| *o = n);
    out
}

/// Whether the changes of the last sweeps (`history`, one per sweep) come no closer to nothing than those before.
pub(super) fn stalled(history: &[f64]) -> bool {
    let Some(before) = history.len().checked_sub(WINDOW).filter(|n| *n >= WINDOW) else {
        return false;
    };
    let least = |part: &[f64]| part.iter().copied().fold(f64::INFINITY, f64::min);
    !(least(&history[before..]) < STALLED * least(&history[..before]))
}

/// How far functions moved, as a share of how much each varies; of those that are `values` a shift counts for nothing.
fn moves(old: &Functions, new: &Functions, values: &[usize]) -> f64 {
    let mut worst: f64 = 0.0;
    for (k, (old, new)) in old.iter().zip(new).enumerate() {
        let pairs = || old.iter().flatten().zip(new.iter().flatten());
        let count = pairs().count().max(1) as f64;
        let mean = if values.contains(&k) {
            pairs().map(|(o, n)| n - o).sum::<f64>() / count
        } else {
            0.0
        };
        let centre = pairs().map(|(_, n)| n).sum::<f64>() / count;
        let size = pairs().fold(0.0, |m: f64, (_, n)| m.max((n - centre).abs()));
        let moved = pairs().fold(0.0, |m: f64, (o, n)| {
            let d = (n - o - mean).abs();
            if d.is_nan() { f64::INFINITY } else { m.max(d) }
        });
        worst = worst.max(moved / size.max(1e-3 * centre.abs()).max(1e-12));
    }
    worst
}

/// The largest change of an action between two policies, `[action][shock][node]`, as a share of one plus its size.
pub(super) fn policy_moves(old: &[Vec<Vec<f64>>], new: &[Vec<Vec<f64>>]) -> f64 {
    let pairs = old.iter().flatten().flatten().zip(new.iter().flatten().flatten());
    pairs.fold(0.0, |m: f64, (o, n)| {
        let d = (n - o).abs() / (1.0 + n.abs());
        if d.is_nan() { f64::INFINITY } else { m.max(d) }
    })
}

#[cfg(test)]
mod tests {
    use super::stalled;

    #[test]
    fn what_goes_round_is_stalled_and_what_comes_closer_slowly_is_not() {
        let round: Vec<f64> = (0..400).map(|k| 0.5 + 0.3 * f64::from(k).sin()).collect();
        let slow: Vec<f64> = (0..400).map(|k| 0.999f64.powi(k)).collect();
        assert!(stalled(&round) && !stalled(&round[..199]) && !stalled(&slow));
        assert!(!stalled(&[slow.as_slice(), &[1e-12]].concat()));
    }
}
