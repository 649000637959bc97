//! The best action on a batch of lanes: global scan, Brent's searches in step, Newton's last digits.
//!
//! For each combination of finite choices the continuous actions are found by (1) a scan of the whole feasible range (`search_scan.rs`),
//! the policy of the previous sweep among the candidates: nothing is assumed to be monotone or concave; (2) Brent's
//! method in the bracket around the best candidate, all lanes in step, lanes leaving as they finish; the end of the
//! feasible set is found by false position on the slack of the hard constraints and tried too; (3) where model and
//! interpolant have derivatives, secant or Newton steps on the first-order condition, kept only if the value does not
//! fall: this removes the square-root-of-epsilon floor of comparisons of values. Several continuous actions
//! alternate searches along the axes, along differences of axes (which run along budget constraints) and along the
//! move of a whole cycle, then take projected Newton steps.
//!
//! Taste shocks on a finite action with scale `s`: `V = s log sum_d exp(Q_d / s) + .5772... s`, choice probabilities
//! `exp(Q_d / s) / sum`: location-zero Gumbel shocks have mean `.5772... s` (Rust 1987).

use super::bellman::{At, Bellman, Continuation, FEASIBLE, Scratch};
use super::problem::Lanes;
use crate::chance::quadrature::EULER_GAMMA;
use crate::num::optimise::BrentSearch;

/// Named limits of the search for actions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchOptions {
    /// Candidates of the scan over one continuous action, and again over what hard constraints leave of its range where that is little (several
    /// actions: four times as many points spread over the box).
    pub scan: usize,
    /// Precision of continuous actions, relative to the width of their range.
    pub action_tolerance: f64,
    /// Look close to the guess first, and everywhere only where that finds no peak.
    pub local: bool,
    /// Also try points whose distances from the ends of the range (and from zero) fall by factors: what is worth choosing may fill a
    /// small part of a wide range.
    pub ends: bool,
}

impl SearchOptions {
    /// A search that owes nothing to the guess: as fine as a grid of `nodes` nodes, and close to the ends.
    pub fn thorough(self, nodes: usize) -> Self {
        SearchOptions {
            scan: self.scan.max(2 * nodes.min(100) + 1),
            local: false,
            ends: true,
            ..self
        }
    }
}

impl Default for SearchOptions {
    fn default() -> Self {
        SearchOptions {
            scan: 21,
            action_tolerance: 1e-10,
            local: false,
            ends: true,
        }
    }
}

/// The best actions on a batch of lanes.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// The maximum (or log-sum), one value per lane.
    pub value: Vec<f64>,
    /// `actions[a][i]`: the best (or most likely) action.
    pub actions: Vec<Vec<f64>>,
    /// With taste shocks, `probability[d][i]` of each choice; otherwise empty.
    pub probability: Vec<Vec<f64>>,
    /// What each combination of choices is worth, `worth[d][i]`, where [`Bellman::each`] asks for it; otherwise empty.
    pub worth: Vec<Vec<f64>>,
    /// With taste shocks (or `worth`), the best actions given each choice (combination), `given[d][a][i]`; otherwise empty.
    pub given: Vec<Vec<Vec<f64>>>,
}

/// Why there is no best action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingFeasible {
    /// On which lane.
    pub lane: usize,
}

/// A batch under search: lanes picked from a block, with their candidate actions.
#[derive(Default)]
pub(super) struct Batch {
    states: Vec<Vec<f64>>,
    actions: Vec<Vec<f64>>,
    q: Vec<f64>,
    slack: Vec<f64>,
}

pub(super) struct Search<'s> {
    pub(super) bellman: &'s Bellman<'s>,
    pub(super) continuation: &'s Continuation,
    pub(super) at: At,
    pub(super) states: &'s [&'s [f64]],
    pub(super) options: SearchOptions,
    batch: Batch,
    scratch: Scratch,
    combo: &'s [f64],
    /// [`Search::values`] are slacks.
    pub(super) violation: bool,
    /// Inequalities are those of conditions.
    pub(super) conditional: bool,
    pub(super) lo: Vec<Vec<f64>>,
    pub(super) hi: Vec<Vec<f64>>,
}

/// Relative to a bracket, how near a search comes before first-order conditions take over.
const NEAR: f64 = 1e-4;

/// What may be left of a slope for its first-order condition to be solved.
const SOLVED: f64 = 1e-3;
/// What a slope could bring over a whole bracket, relative to the value, for it to be none.
const FLAT: f64 = 1e-9;

/// The best actions at the states of `n` lanes (`states[s][i]`), given what follows. `guess[a][i]` are actions that are
/// tried first.
///
/// # Errors
/// [`NothingFeasible`] with a lane on which no action is feasible.
pub fn choose(
    bellman: &Bellman,
    continuation: &Continuation,
    at: At,
    states: &[&[f64]],
    n: usize,
    guess: Option<&[Vec<f64>]>,
    options: SearchOptions,
) -> Result<Chosen, NothingFeasible> {
    let na = bellman.problem.spec().actions.len();
    let lanes = Lanes::before_draws(states, &[], at.shock, at.time);
    let nc = bellman.continuous.len();
    let mut lo = vec![vec![0.0; n]; nc];
    let mut hi = vec![vec![0.0; n]; nc];
    if nc > 0 {
        let mut low: Vec<&mut [f64]> = lo.iter_mut().map(Vec::as_mut_slice).collect();
        let mut high: Vec<&mut [f64]> = hi.iter_mut().map(Vec::as_mut_slice).collect();
        bellman.problem.bounds(&lanes, &mut low, &mut high);
    }
    let allowed: Vec<Vec<Vec<f64>>> = bellman
        .finite
        .iter()
        .enumerate()
        .map(|(f, &a)| {
            let choices = bellman.combo_choices.iter().map(|c| c[f]).max().map_or(0, |m| m + 1);
            (0..choices)
                .map(|choice| {
                    let mut out = vec![1.0; n];
                    bellman.problem.allowed(&lanes, a, choice, &mut out);
                    out
                })
                .collect()
        })
        .collect();
    let groups = match bellman.taste {
        Some((f, _)) => bellman.combo_choices.iter().map(|c| c[f]).max().map_or(1, |m| m + 1),
        None if bellman.each => bellman.combos.len(),
        None => 1,
    };
    let mut best = vec![vec![f64::NEG_INFINITY; n]; groups];
    let mut given = vec![vec![vec![f64::NAN; n]; na]; groups];
    let mut search = Search {
        bellman,
        continuation,
        at,
        states,
        options,
        batch: Batch::default(),
        scratch: Scratch::default(),
        combo: &[],
        violation: false,
        conditional: false,
        lo,
        hi,
    };
    for (number, (combo, choices)) in bellman.combos.iter().zip(&bellman.combo_choices).enumerate() {
        search.combo = combo;
        let group = match bellman.taste {
            Some((f, _)) => choices[f],
            None => number.min(groups - 1),
        };
        let open: Vec<usize> = (0..n)
            .filter(|&i| {
                choices
                    .iter()
                    .enumerate()
                    .all(|(f, &c)| fault!("search.mask_ignored", true, allowed[f][c][i] != 0.0))
            })
            .filter(|&i| (0..nc).all(|k| search.lo[k][i] <= search.hi[k][i]))
            .collect();
        if open.is_empty() {
            continue;
        }
        let (mut found, mut value) = match nc {
            0 => (Vec::new(), search.values(&open, &[])),
            _ => match guess.filter(|_| options.local) {
                Some(guess) => search.close_by(&open, guess),
                None => search.everywhere(&open, guess),
            },
        };
        search.beside_conditions(&open, &mut found, &mut value);
        for (k, &i) in open.iter().enumerate() {
            if better(value[k], best[group][i]) {
                best[group][i] = value[k];
                for (f, &a) in bellman.finite.iter().enumerate() {
                    given[group][a][i] = combo[f];
                }
                for (c, &a) in bellman.continuous.iter().enumerate() {
                    given[group][a][i] = found[c][k];
                }
            }
        }
    }
    let mut chosen = Chosen {
        value: vec![0.0; n],
        actions: vec![vec![0.0; n]; na],
        ..Chosen::default()
    };
    if bellman.taste.is_some() {
        chosen.probability = vec![vec![0.0; n]; groups];
    }
    for i in 0..n {
        let mut top = 0;
        for g in 1..groups {
            if better(best[g][i], best[top][i]) {
                top = g;
            }
        }
        let most = best[top][i];
        if most == f64::NEG_INFINITY || most.is_nan() {
            return Err(NothingFeasible { lane: i });
        }
        for a in 0..na {
            chosen.actions[a][i] = given[top][a][i];
        }
        chosen.value[i] = match bellman.taste {
            None => most,
            Some((_, scale)) => {
                let sum: f64 = (0..groups).map(|g| ((best[g][i] - most) / scale).exp()).sum();
                for g in 0..groups {
                    chosen.probability[g][i] = ((best[g][i] - most) / scale).exp() / sum;
                }
                most + scale * (sum.ln() + EULER_GAMMA)
            }
        };
    }
    if bellman.taste.is_some() {
        chosen.given = given;
    } else if bellman.each {
        (chosen.worth, chosen.given) = (best, given);
    }
    Ok(chosen)
}

/// Whether a choice worth `q` takes the place of one worth `best`.
pub(super) fn better(q: f64, best: f64) -> bool {
    fault!(
        "search.worst_choice",
        (q < best || best == f64::NEG_INFINITY) && q > f64::NEG_INFINITY,
        q > best
    )
}

/// A point of an interval that may be unbounded, for `u` in [0, 1].
pub(super) fn along(lo: f64, hi: f64, centre: f64, u: f64) -> f64 {
    let scale = 1.0 + centre.abs();
    match (lo.is_finite(), hi.is_finite()) {
        (true, true) => (lo + fault!("search.upper_half", 0.5 * u, u) * (hi - lo)).clamp(lo, hi),
        (true, false) => lo + 2.0 * scale * u / (1.0 - u).max(1e-6),
        (false, true) => hi - 2.0 * scale * (1.0 - u) / u.max(1e-6),
        (false, false) => 2.0 * scale * (2.0 * u - 1.0) / (u * (1.0 - u)).max(1e-6),
    }
}

/// A small step, as a share of the way to an end of the range.
const NEXT: f64 = 1e-6;

impl Search<'_> {
    /// Values of candidate actions, one per open lane (`x[c][k]` is choice `c` in lane `open[k]`); slacks stay in the batch.
    pub(super) fn values(&mut self, open: &[usize], x: &[Vec<f64>]) -> Vec<f64> {
        self.load(open, x);
        let n = open.len();
        self.batch.q.resize(n, 0.0);
        self.batch.slack.resize(n, 0.0);
        let states: Vec<&[f64]> = self.batch.states.iter().map(Vec::as_slice).collect();
        let actions: Vec<&[f64]> = self.batch.actions.iter().map(Vec::as_slice).collect();
        self.bellman.q(
            self.continuation,
            self.at,
            &states,
            &actions,
            &mut self.scratch,
            &mut self.batch.q,
            &mut self.batch.slack,
        );
        if self.violation {
            let slack = self.batch.slack.iter();
            return slack.map(|s| if s.is_nan() { f64::NEG_INFINITY } else { *s }).collect();
        }
        self.batch.q.clone()
    }

    /// Slacks of the hard constraints at the candidates of the last [`Search::values`], one per lane.
    pub(super) fn last_slacks(&self) -> &[f64] {
        &self.batch.slack
    }

    pub(super) fn load(&mut self, open: &[usize], x: &[Vec<f64>]) {
        let b = self.bellman;
        self.batch.states.resize_with(self.states.len(), Vec::new);
        for (to, from) in self.batch.states.iter_mut().zip(self.states) {
            to.clear();
            to.extend(open.iter().map(|&i| from[i]));
        }
        self.batch
            .actions
            .resize_with(b.continuous.len() + b.finite.len(), Vec::new);
        for (f, &a) in b.finite.iter().enumerate() {
            self.batch.actions[a].clear();
            self.batch.actions[a].resize(open.len(), self.combo[f]);
        }
        for (c, &a) in b.continuous.iter().enumerate() {
            self.batch.actions[a].clear();
            self.batch.actions[a].extend_from_slice(&x[c]);
        }
    }

    /// States and actions of the lanes that were loaded last, one slice per state and action.
    pub(super) fn loaded(&self) -> (Vec<&[f64]>, Vec<&[f64]>) {
        let states = self.batch.states.iter().map(Vec::as_slice).collect();
        (states, self.batch.actions.iter().map(Vec::as_slice).collect())
    }

    /// Derivatives with respect to the continuous actions, `[c][k]`; `None` if there are none.
    pub(super) fn gradient(&mut self, open: &[usize], x: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
        if !self.bellman.smooth {
            return None;
        }
        self.load(open, x);
        let states: Vec<&[f64]> = self.batch.states.iter().map(Vec::as_slice).collect();
        let actions: Vec<&[f64]> = self.batch.actions.iter().map(Vec::as_slice).collect();
        let mut out = vec![vec![0.0; open.len()]; self.bellman.continuous.len()];
        self.bellman
            .gradient(
                self.continuation,
                self.at,
                &states,
                &actions,
                &mut self.scratch,
                &mut out,
            )
            .then_some(out)
    }

    /// The best continuous actions, sought over their whole range.
    fn everywhere(&mut self, open: &[usize], guess: Option<&[Vec<f64>]>) -> (Vec<Vec<f64>>, Vec<f64>) {
        match self.bellman.continuous.as_slice() {
            [one] => self.one(open, guess.map(|g| g[*one].as_slice())),
            _ => self.several(open, guess),
        }
    }

    /// The peak close to the guess; lanes where there is none are searched everywhere.
    fn close_by(&mut self, open: &[usize], guess: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<f64>) {
        let (mut x, mut q, failed) = match self.bellman.continuous.as_slice() {
            [one] => self.one_close_by(open, &guess[*one]),
            _ => self.several_close_by(open, guess),
        };
        if !failed.is_empty() {
            let lanes: Vec<usize> = failed.iter().map(|&k| open[k]).collect();
            let (wide, value) = self.everywhere(&lanes, Some(guess));
            for (p, &k) in failed.iter().enumerate() {
                q[k] = value[p];
                for (to, from) in x.iter_mut().zip(&wide) {
                    to[k] = from[p];
                }
            }
        }
        (x, q)
    }

    /// A peak of one action within a fiftieth of its range from the guess, by its first-order condition.
    fn one_close_by(&mut self, open: &[usize], guess: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>, Vec<usize>) {
        const REACH: f64 = 0.02;
        let m = open.len();
        let mut points = vec![vec![0.0; m]; 3];
        for (k, &i) in open.iter().enumerate() {
            let (lo, hi) = (self.lo[0][i], self.hi[0][i]);
            let middle = guess[i].max(lo).min(hi);
            let width = if (hi - lo).is_finite() {
                hi - lo
            } else {
                1.0 + middle.abs()
            };
            points[0][k] = (middle - REACH * width).max(lo);
            points[1][k] = middle;
            points[2][k] = (middle + REACH * width).min(hi);
        }
        let q: Vec<Vec<f64>> = points
            .iter()
            .map(|x| self.values(open, std::slice::from_ref(x)))
            .collect();
        let at = |s: usize| -> Vec<(f64, f64)> { (0..m).map(|k| (points[s][k], q[s][k])).collect() };
        let (left, right) = (at(0), at(2));
        let (mut x, mut value) = (points[1].clone(), q[1].clone());
        let mut failed = Vec::new();
        let slopes = self.gradient(open, std::slice::from_ref(&points[1]));
        for k in 0..m {
            let slope = slopes.as_ref().map_or(f64::NAN, |g| g[0][k]);
            let falls = |s: usize| value[k] >= q[s][k] && q[s][k] > f64::NEG_INFINITY;
            // Inside, or at an end from which the value falls.
            let low = points[0][k] == x[k] && slope <= 0.0 && falls(2);
            let high = points[2][k] == x[k] && slope >= 0.0 && falls(0);
            let inside = points[0][k] < x[k] && x[k] < points[2][k] && falls(0) && falls(2);
            if !(inside || low || high) || !value[k].is_finite() {
                failed.push(k);
            }
        }
        failed.extend(self.secant(open, &left, &right, &mut x, &mut value));
        failed.sort_unstable();
        failed.dedup();
        (vec![x], value, failed)
    }

    /// One continuous action.
    fn one(&mut self, open: &[usize], guess: Option<&[f64]>) -> (Vec<Vec<f64>>, Vec<f64>) {
        let m = open.len();
        let lo: Vec<f64> = open.iter().map(|&i| self.lo[0][i]).collect();
        let hi: Vec<f64> = open.iter().map(|&i| self.hi[0][i]).collect();
        let hint: Vec<f64> = (0..m)
            .map(|k| {
                let g = guess.map_or(f64::NAN, |g| g[open[k]]);
                if g.is_nan() {
                    along(lo[k], hi[k], 0.0, 0.5)
                } else {
                    g.clamp(lo[k], hi[k])
                }
            })
            .collect();
        let (mut left, best, mut right) = self.scan_of_one(open, [&lo, &hi, &hint]);
        self.feasible_end(open, &best, &mut left);
        self.feasible_end(open, &best, &mut right);
        let mut x: Vec<f64> = best.iter().map(|b| b.0).collect();
        let mut q: Vec<f64> = best.iter().map(|b| b.1).collect();
        // With first-order conditions at hand Brent only has to come near.
        let polish = self.bellman.smooth && self.gradient(&open[..1], &[vec![x[0]]]).is_some();
        let relative = if polish { NEAR } else { self.options.action_tolerance };
        let mut searches: Vec<BrentSearch> = (0..m)
            .map(|k| {
                let (a, b) = (left[k], right[k]);
                let tolerance = relative * (b.0 - a.0).abs();
                BrentSearch::new(a.0, a.1, b.0, b.1, x[k], q[k], tolerance)
            })
            .collect();
        self.advance(open, &mut searches);
        for k in 0..m {
            (x[k], q[k]) = (searches[k].x, searches[k].fx);
            for end in [left[k], right[k]] {
                if end.1 >= q[k] && end.1 > f64::NEG_INFINITY {
                    (x[k], q[k]) = end;
                }
            }
        }
        if polish {
            let kept = self.secant(open, &left, &right, &mut x, &mut q);
            self.closer(open, &kept, searches, &mut x, &mut q);
        }
        (vec![x], q)
    }

    /// Where no first-order condition holds next to the best point, as at an edge beyond which the world ends, searches go on until they are as close as they must be.
    fn closer(&mut self, open: &[usize], which: &[usize], searches: Vec<BrentSearch>, x: &mut [f64], q: &mut [f64]) {
        let lanes: Vec<usize> = which.iter().map(|k| open[*k]).collect();
        let mut own: Vec<BrentSearch> = which.iter().map(|k| searches[*k]).collect();
        let finer = self.options.action_tolerance / NEAR;
        own.iter_mut().for_each(|s| s.finer(finer));
        self.advance(&lanes, &mut own);
        for (k, s) in which.iter().zip(&own) {
            // What differs by rounding alone stays where its condition put it.
            if s.fx > q[*k] + 1e-12 * q[*k].abs() {
                (x[*k], q[*k]) = (s.x, s.fx);
            }
        }
    }

    /// Moves ends that violate a hard constraint to where its slack is zero, and evaluates them.
    fn feasible_end(&mut self, open: &[usize], best: &[(f64, f64)], end: &mut [(f64, f64)]) {
        let mut active: Vec<usize> = (0..open.len())
            .filter(|&k| end[k].1 == f64::NEG_INFINITY && best[k].1 > f64::NEG_INFINITY && end[k].0 != best[k].0)
            .collect();
        if active.is_empty() {
            return;
        }
        let lanes: Vec<usize> = active.iter().map(|&k| open[k]).collect();
        let x: Vec<f64> = active.iter().map(|&k| end[k].0).collect();
        let q = self.values(&lanes, std::slice::from_ref(&x));
        let outer = self.batch.slack.clone();
        let inside: Vec<f64> = active.iter().map(|&k| best[k].0).collect();
        self.values(&lanes, std::slice::from_ref(&inside));
        let inner = self.batch.slack.clone();
        // (feasible point, slack, infeasible point, slack, side kept last)
        let mut brackets: Vec<(f64, f64, f64, f64, i8)> = Vec::new();
        let mut kept = Vec::new();
        for (p, &k) in active.iter().enumerate() {
            if q[p] > f64::NEG_INFINITY {
                end[k].1 = q[p];
            } else if outer[p] < FEASIBLE && inner[p].is_finite() {
                kept.push(k);
                brackets.push((inside[p], inner[p], x[p], outer[p], 0));
            }
        }
        // Where the best point stands on the constraint and a small step ends beyond it, the end of the feasible set is found.
        let on: Vec<usize> = (0..kept.len()).filter(|&p| brackets[p].1 <= -FEASIBLE).collect();
        if !on.is_empty() {
            let lanes: Vec<usize> = on.iter().map(|&p| open[kept[p]]).collect();
            let near = |&p: &usize| brackets[p].0 + NEXT * (brackets[p].2 - brackets[p].0);
            let x: Vec<f64> = on.iter().map(near).collect();
            self.values(&lanes, std::slice::from_ref(&x));
            let ends = |(&p, s): (&usize, &f64)| (*s < FEASIBLE).then_some(p);
            for p in on.iter().zip(&self.batch.slack).filter_map(ends).rev() {
                end[kept[p]] = best[kept[p]];
                kept.remove(p);
                brackets.remove(p);
            }
        }
        active = kept;
        let all = active.clone();
        let mut done = brackets.clone();
        for step in 0..100 {
            if active.is_empty() {
                break;
            }
            let lanes: Vec<usize> = active.iter().map(|&k| open[k]).collect();
            let x: Vec<f64> = brackets
                .iter()
                .map(|&(a, fa, b, fb, _)| {
                    let t = fa / (fa - fb);
                    let t = if t.is_finite() && step % 8 != 7 {
                        t.clamp(1e-3 * f64::EPSILON, 1.0)
                    } else {
                        0.5
                    };
                    a + t * (b - a)
                })
                .collect();
            self.values(&lanes, std::slice::from_ref(&x));
            let slack = self.batch.slack.clone();
            let mut keep = Vec::new();
            let mut next = Vec::new();
            for p in 0..active.len() {
                let mut bracket = brackets[p];
                let (a, fa, b, fb, side) = bracket;
                if slack[p] >= FEASIBLE {
                    bracket = (x[p], slack[p].max(0.0), b, if side == 1 { 0.5 * fb } else { fb }, 1);
                } else if slack[p] < FEASIBLE {
                    bracket = (a, if side == -1 { 0.5 * fa } else { fa }, x[p], slack[p], -1);
                } else {
                    bracket = (a, fa, x[p], -1.0, -1);
                }
                let width = (bracket.2 - bracket.0).abs();
                let small = width <= 4.0 * f64::EPSILON * (bracket.0.abs() + bracket.2.abs());
                let at = all.iter().position(|&k| k == active[p]).unwrap_or(0);
                done[at] = bracket;
                let on = slack[p] >= FEASIBLE && slack[p] <= -FEASIBLE;
                if !(small || on) {
                    keep.push(active[p]);
                    next.push(bracket);
                }
            }
            active = keep;
            brackets = next;
        }
        if all.is_empty() {
            return;
        }
        let lanes: Vec<usize> = all.iter().map(|&k| open[k]).collect();
        let x: Vec<f64> = done.iter().map(|b| b.0).collect();
        let q = self.values(&lanes, std::slice::from_ref(&x));
        for (p, &k) in all.iter().enumerate() {
            end[k] = (x[p], q[p]);
        }
    }

    /// Advances one-dimensional searches until all are done.
    pub(super) fn advance(&mut self, open: &[usize], searches: &mut [BrentSearch]) {
        let mut active: Vec<usize> = (0..open.len()).collect();
        for _ in 0..fault!("search.early_stop", 0, 120) {
            let mut lanes = Vec::with_capacity(active.len());
            let mut x = Vec::with_capacity(active.len());
            active.retain(|&k| match searches[k].propose() {
                Some(u) => {
                    lanes.push(open[k]);
                    x.push(u);
                    true
                }
                None => false,
            });
            if active.is_empty() {
                return;
            }
            let q = self.values(&lanes, std::slice::from_ref(&x));
            for (p, &k) in active.iter().enumerate() {
                searches[k].observe(x[p], q[p]);
            }
        }
    }

    /// Solves the first-order condition of one action by secant steps from `x`, inside the bracket. Returns the lanes where it is not solved though it should hold.
    fn secant(
        &mut self,
        open: &[usize],
        left: &[(f64, f64)],
        right: &[(f64, f64)],
        x: &mut [f64],
        q: &mut [f64],
    ) -> Vec<usize> {
        let m = open.len();
        let Some(g) = self.gradient(open, &[x.to_vec()]) else {
            return Vec::new();
        };
        let mut g0 = g[0].clone();
        let mut x0 = x.to_vec();
        // A maximum at an end of the range needs no condition.
        let mut active: Vec<usize> = (0..m)
            .filter(|&k| g0[k].is_finite() && g0[k] != 0.0 && right[k].0 > left[k].0)
            .filter(|&k| !(x[k] <= left[k].0 && g0[k] < 0.0) && !(x[k] >= right[k].0 && g0[k] > 0.0))
            .collect();
        let first = g0.clone();
        let mut moved = vec![false; m];
        active.iter().for_each(|&k| moved[k] = true);
        let mut solved = vec![false; m];
        // Signs known at the two sides of the root: the interval in which secant steps must stay.
        let mut inner: Vec<(f64, f64)> = (0..m).map(|k| (left[k].0, right[k].0)).collect();
        let mut x1: Vec<f64> = (0..m)
            .map(|k| {
                let step = 1e-4 * (right[k].0 - left[k].0) * g0[k].signum();
                (x[k] + step).clamp(left[k].0, right[k].0)
            })
            .collect();
        for _ in 0..fault!("search.early_stop", 0, 14) {
            if active.is_empty() {
                break;
            }
            let lanes: Vec<usize> = active.iter().map(|&k| open[k]).collect();
            let points: Vec<f64> = active.iter().map(|&k| x1[k]).collect();
            let Some(g) = self.gradient(&lanes, &[points]) else {
                return Vec::new();
            };
            let mut keep = Vec::new();
            for (p, &k) in active.iter().enumerate() {
                let g1 = g[0][p];
                if !g1.is_finite() {
                    continue;
                }
                for (at, slope) in [(x0[k], g0[k]), (x1[k], g1)] {
                    if slope > 0.0 {
                        inner[k].0 = inner[k].0.max(at);
                    } else if slope < 0.0 {
                        inner[k].1 = inner[k].1.min(at);
                    }
                }
                let mut step = -g1 * (x1[k] - x0[k]) / (g1 - g0[k]);
                let (a, b) = inner[k];
                if !step.is_finite() || a >= b {
                    step = 0.0;
                }
                let mut to = x1[k] + step;
                if a < b && !(to >= a && to <= b) {
                    to = 0.5 * (a + b);
                }
                (x0[k], g0[k]) = (x1[k], g1);
                let small = (to - x1[k]).abs() <= 0.01 * self.options.action_tolerance * (right[k].0 - left[k].0);
                x1[k] = to;
                solved[k] = small;
                if !small && g1 != 0.0 {
                    keep.push(k);
                }
            }
            active = keep;
        }
        // Lanes whose condition holds to the last digit, or which need none, have not moved.
        let trial: Vec<f64> = (0..m).map(|k| if moved[k] { x1[k] } else { x[k] }).collect();
        let values = self.values(open, std::slice::from_ref(&trial));
        for k in 0..m {
            let rounding = 1e-13 * q[k].abs();
            let taken = values[k] >= q[k] - rounding && g0[k].abs() <= first[k].abs();
            if taken {
                x[k] = trial[k];
                q[k] = values[k].max(q[k] - rounding);
            }
            // What is left of the slope could bring nothing over the whole bracket.
            let slope = if taken { g0[k] } else { first[k] };
            let flat = slope.abs() * (right[k].0 - left[k].0) <= FLAT * q[k].abs();
            solved[k] = flat || taken && (solved[k] || g0[k].abs() <= SOLVED * first[k].abs());
        }
        (0..m).filter(|k| moved[*k] && !solved[*k]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{SearchOptions, along};

    #[test]
    fn points_run_through_ranges_of_any_length_in_order() {
        let inf = f64::INFINITY;
        for (lo, hi) in [(-1.0, 3.0), (-1.0, inf), (-inf, 3.0), (-inf, inf)] {
            let x: Vec<f64> = (1..40).map(|i| along(lo, hi, 0.5, f64::from(i) / 40.0)).collect();
            assert!(x.windows(2).all(|w| w[0] < w[1]), "{lo} to {hi}: {x:?}");
            assert!(x.iter().all(|x| *x > lo && *x < hi), "{lo} to {hi}: {x:?}");
        }
        // Without ends as far to one side of zero as to the other.
        for u in [0.5, 0.3, 0.01] {
            let (low, high) = (along(-inf, inf, 2.0, u), along(-inf, inf, 2.0, 1.0 - u));
            assert!((low + high).abs() <= 1e-9 * (1.0 + high), "{low} and {high}");
        }
    }

    #[test]
    fn a_thorough_search_scans_nodes_and_middles() {
        let scan = |nodes| {
            SearchOptions {
                scan: 5,
                ..SearchOptions::default()
            }
            .thorough(nodes)
            .scan
        };
        assert_eq!([scan(1), scan(20), scan(1000)], [5, 41, 201]);
    }
}
