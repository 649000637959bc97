//! The game of one period, given what the states of tomorrow are worth: first-order conditions of all players at once, by Newton's
//! method with bounds.
//!
//! At a bound a condition may have the sign that presses against it. Where a player's gain does not fall in its own action, the step
//! goes uphill instead: a point where conditions hold and somebody is at a minimum is no equilibrium.

use crate::limits;
use crate::num::chebyshev::{Basis, Chebyshev};
use crate::solve::bounded::{Bounded, ELSEWHERE, HALVINGS, between};
use crate::solve::decision::Decision;
use crate::solve::decision::players::Players;
use crate::solve::problem::{DecisionProblem, Lanes};
use nalgebra::{DMatrix, DVector};

/// Most steps of one stage game.
const STEPS: usize = 80;
/// Largest gain of an action, as a share of what it weighs, that counts as none.
const SETTLED: f64 = 1e-11;

/// The game: who plays, how functions of the states are carried.
pub(super) struct Game {
    pub(super) decision: Decision,
    pub(super) players: Players,
    pub(super) carrier: Chebyshev,
}

/// Functions of tomorrow's states as coefficients, `[function][shock][coefficient]`: expected over the next shock as seen from the shock,
/// or at the next shock where laws of motion read it. One per player (its value), or one per player and state that counts for it (its
/// marginal value; times the state where the axis runs in logs).
pub(super) struct Ahead(pub(super) Vec<Vec<Vec<f64>>>);

/// Conditions at many points.
pub(super) struct Conditions {
    /// What a player gains from a little more of its action, `[action][point]`.
    pub(super) gain: Vec<Vec<f64>>,
    /// What is set against each other in it, `[action][point]`.
    pub(super) size: Vec<Vec<f64>>,
    /// What the period and what follows are worth, `[player][point]`; the period alone for who takes the future as given.
    pub(super) worth: Vec<Vec<f64>>,
    /// Whether a next state lies outside the ranges, one flag per point.
    pub(super) outside: Vec<bool>,
}

/// Actions at many points that solve the stage game.
pub(super) struct Played {
    /// `[action][point]`
    pub(super) actions: Vec<Vec<f64>>,
    /// Conditions there.
    pub(super) there: Conditions,
    /// Points at which no solution was found.
    pub(super) unsolved: usize,
    /// Bounds, `[action][point]`.
    pub(super) bounds: [Vec<Vec<f64>>; 2],
}

fn slices(v: &[Vec<f64>]) -> Vec<&[f64]> {
    v.iter().map(Vec::as_slice).collect()
}

impl Game {
    /// Draws and next shocks with their chances, and the function's index that is read.
    pub(super) fn branches(&self, shock: usize) -> Vec<(usize, usize, f64)> {
        let spec = self.decision.spec();
        let later: Vec<(usize, f64)> = if spec.next_uses_shock_next {
            let row = spec.chain.transition[shock].iter().copied().enumerate();
            row.filter(|(_, p)| *p > 0.0).collect()
        } else {
            vec![(shock, 1.0)]
        };
        let noises = spec.noise_weights.iter().enumerate();
        noises
            .flat_map(|(k, w)| later.iter().map(move |(z, p)| (k, *z, w * p)))
            .collect()
    }

    /// What the weight of a draw's node is multiplied by at `n` points, one number per point.
    pub(super) fn factor(&self, lanes: &Lanes, n: usize) -> Vec<f64> {
        let mut factor = vec![1.0; n];
        if self.decision.spec().chances_move {
            fault!("market.draws_unweighted", (), self.decision.chance(lanes, &mut factor));
        }
        factor
    }

    /// Functions at the nodes, `[function][shock][node]`, as they are seen from today.
    pub(super) fn ahead(&self, functions: &[Vec<Vec<f64>>]) -> Ahead {
        let spec = self.decision.spec();
        let expected = |of: &Vec<Vec<f64>>, shock: usize| -> Vec<f64> {
            if spec.next_uses_shock_next {
                return of[shock].clone();
            }
            let mut sum = vec![0.0; self.carrier.len()];
            for (p, values) in spec.chain.transition[shock].iter().zip(of) {
                sum.iter_mut().zip(values).for_each(|(s, v)| *s += p * v);
            }
            sum
        };
        let shocks = spec.chain.transition.len();
        let of = |f: &Vec<Vec<f64>>| (0..shocks).map(|z| self.carrier.fit(&expected(f, z))).collect();
        Ahead(functions.iter().map(of).collect())
    }

    /// Lower and upper bounds of all actions at the states `[state][point]`: `[action][point]` each.
    pub(super) fn bounds(&self, shock: usize, states: &[Vec<f64>]) -> [Vec<Vec<f64>>; 2] {
        let n = states.first().map_or(1, Vec::len);
        let count = self.decision.spec().actions.len();
        let (mut lo, mut hi) = (vec![vec![0.0; n]; count], vec![vec![0.0; n]; count]);
        let refs = slices(states);
        let lanes = self.lanes(shock, 0, shock, &refs, &[]);
        let mut low: Vec<&mut [f64]> = lo.iter_mut().map(Vec::as_mut_slice).collect();
        let mut high: Vec<&mut [f64]> = hi.iter_mut().map(Vec::as_mut_slice).collect();
        self.decision.bounds(&lanes, &mut low, &mut high);
        [lo, hi]
    }

    pub(super) fn lanes<'a>(
        &self,
        shock: usize,
        noise: usize,
        shock_next: usize,
        states: &'a [&'a [f64]],
        actions: &'a [&'a [f64]],
    ) -> Lanes<'a> {
        Lanes {
            states,
            actions,
            shock,
            noise,
            shock_next,
            time: 0,
        }
    }

    /// Marginal values of a player's states at `x`, with the basis there, into `out`, one number per state that counts for it; returns what `x` is worth to
    /// it, and nothing for one who takes prices, whose value is another's problem.
    pub(super) fn marginal(
        &self,
        ahead: &Ahead,
        (player, shock): (usize, usize),
        (basis, x): (&Basis, &[f64]),
        out: &mut Vec<f64>,
    ) -> f64 {
        let one = &self.players.list[player];
        out.clear();
        out.resize(one.states.len(), 0.0);
        let before = self.players.first(player);
        if !one.taking {
            return self.carrier.value_and_gradient(&ahead.0[before][shock], basis, x, out);
        }
        for (k, s) in one.states.iter().enumerate() {
            let value = self.carrier.value(&ahead.0[before + k][shock], basis);
            out[k] = if self.carrier.axes()[*s].log {
                value / x[*s]
            } else {
                value
            };
        }
        0.0
    }

    /// Conditions at the states `[state][point]` and actions `[action][point]`.
    pub(super) fn conditions(
        &self,
        ahead: &Ahead,
        shock: usize,
        states: &[Vec<f64>],
        actions: &[Vec<f64>],
    ) -> Conditions {
        let n = actions.first().map_or(0, Vec::len);
        let (na, np) = (actions.len(), self.players.list.len());
        let mut out = Conditions {
            gain: vec![vec![0.0; n]; na],
            size: vec![vec![0.0; n]; na],
            worth: vec![vec![0.0; n]; np],
            outside: vec![false; n],
        };
        let (xs, acts) = (slices(states), slices(actions));
        let (mut basis, mut marginal) = (Basis::default(), Vec::new());
        let mut x = vec![0.0; states.len()];
        for (noise, later, weight) in self.branches(shock) {
            let lanes = self.lanes(shock, noise, later, &xs, &acts);
            let period = self.players.period(&self.decision, &lanes, n);
            let factor = self.factor(&lanes, n);
            // A value and its slopes, for each player.
            self.decision.spend(n * np * self.carrier.len() * (1 + states.len()));
            for (i, factor) in factor.iter().enumerate() {
                let weight = weight * factor;
                x.iter_mut().zip(&period.next).for_each(|(x, next)| *x = next[i]);
                self.carrier.basis(&x, &mut basis);
                out.outside[i] |= basis.outside;
                for (p, (one, part)) in self.players.list.iter().zip(&period.parts).enumerate() {
                    let later = self.marginal(ahead, (p, later), (&basis, &x), &mut marginal);
                    out.worth[p][i] += weight * (part.reward[i] + one.discount * later);
                    for (k, a) in one.actions.iter().enumerate() {
                        let (mut gain, mut size) = (part.pays[k][i], part.pays[k][i].abs());
                        for (m, moved) in marginal.iter().zip(&part.moves[k]) {
                            // What does not move counts for nothing, whatever it is worth.
                            if moved[i] != 0.0 {
                                let later = one.discount * m * moved[i];
                                gain += later;
                                size += later.abs();
                            }
                        }
                        fault!("market.condition_dropped", do { gain *= if p == 1 { 0.0 } else { 1.0 }; });
                        out.gain[*a][i] += weight * gain;
                        out.size[*a][i] += weight * size;
                    }
                }
            }
        }
        out
    }

    /// Solves the stage game at the states `[state][point]`, from the actions `[action][point]`.
    pub(super) fn play(&self, ahead: &Ahead, shock: usize, states: &[Vec<f64>], from: &[Vec<f64>]) -> Played {
        let n = from.first().map_or(0, Vec::len);
        let na = from.len();
        let bounds = self.bounds(shock, states);
        let [lo, hi] = &bounds;
        let mut points: Vec<StageSearch> = (0..n)
            .map(|i| {
                let column = |v: &[Vec<f64>]| v.iter().map(|a| a[i]).collect::<Vec<f64>>();
                StageSearch::new(column(from), column(lo), column(hi))
            })
            .collect();
        self.search(ahead, shock, states, &mut points);
        // Newton's method may not come from where it was sent: from elsewhere it often does.
        for share in ELSEWHERE {
            if points.iter().all(|p| p.solved) {
                break;
            }
            let tried: Vec<Option<StageSearch>> = points.iter().map(|p| (!p.solved).then(|| p.from(share))).collect();
            let places: Vec<usize> = (0..n).filter(|i| tried[*i].is_some()).collect();
            let mut again: Vec<StageSearch> = tried.into_iter().flatten().collect();
            let there: Vec<Vec<f64>> = states.iter().map(|s| places.iter().map(|i| s[*i]).collect()).collect();
            self.search(ahead, shock, &there, &mut again);
            for (i, found) in places.into_iter().zip(again) {
                if found.solved {
                    points[i] = found;
                }
            }
        }
        let actions: Vec<Vec<f64>> = (0..na).map(|a| points.iter().map(|p| p.at[a]).collect()).collect();
        let there = self.conditions(ahead, shock, states, &actions);
        Played {
            there,
            actions,
            unsolved: points.iter().filter(|p| !p.solved).count(),
            bounds,
        }
    }
    /// Newton's method at every point, side by side.
    fn search(&self, ahead: &Ahead, shock: usize, states: &[Vec<f64>], points: &mut [StageSearch]) {
        let na = points.first().map_or(0, |p| p.at.len());
        let own = |a: usize| {
            self.players
                .list
                .iter()
                .any(|one| one.taking && one.actions.contains(&a))
        };
        let takers: Vec<bool> = (0..na).map(own).collect();
        for _ in 0..STEPS {
            limits::poll();
            let active: Vec<usize> = (0..points.len()).filter(|i| !points[*i].done).collect();
            if active.is_empty() {
                break;
            }
            // Each point with each of its actions moved a little.
            let width = na + 1;
            let mut acts = vec![vec![0.0; active.len() * width]; na];
            for (j, i) in active.iter().enumerate() {
                for (a, act) in acts.iter_mut().enumerate() {
                    for k in 0..width {
                        act[j * width + k] =
                            points[*i].at[a] + if k == a + 1 { points[*i].action(a).nudge() } else { 0.0 };
                    }
                }
            }
            let spread: Vec<Vec<f64>> = states
                .iter()
                .map(|s| active.iter().flat_map(|i| std::iter::repeat_n(s[*i], width)).collect())
                .collect();
            let there = self.conditions(ahead, shock, &spread, &acts);
            for (j, i) in active.iter().enumerate() {
                let of = |v: &[Vec<f64>], k: usize| -> Vec<f64> { v.iter().map(|a| a[j * width + k]).collect() };
                let gain = of(&there.gain, 0);
                let size = of(&there.size, 0);
                let jacobian = DMatrix::from_fn(na, na, |row, column| {
                    (there.gain[row][j * width + column + 1] - gain[row]) / points[*i].action(column).nudge()
                });
                points[*i].advance(&gain, &size, &jacobian, &takers);
            }
        }
    }
}

/// The search at one point.
struct StageSearch {
    at: Vec<f64>,
    lo: Vec<f64>,
    hi: Vec<f64>,
    /// Where the last step began, and how far from a solution it was.
    before: Vec<f64>,
    gap: f64,
    halvings: usize,
    done: bool,
    solved: bool,
}

impl StageSearch {
    fn new(from: Vec<f64>, lo: Vec<f64>, hi: Vec<f64>) -> StageSearch {
        let at: Vec<f64> = (0..from.len())
            .map(|a| {
                let inside = from[a].max(lo[a]).min(hi[a]);
                if inside.is_finite() {
                    inside
                } else {
                    between(lo[a], hi[a], 0.5)
                }
            })
            .collect();
        StageSearch {
            before: at.clone(),
            gap: f64::INFINITY,
            halvings: 0,
            done: at.is_empty(),
            solved: at.is_empty(),
            at,
            lo,
            hi,
        }
    }

    /// The same search from a share of the way between the bounds.
    fn from(&self, share: f64) -> StageSearch {
        let at = (0..self.at.len()).map(|a| between(self.lo[a], self.hi[a], share));
        StageSearch::new(at.collect(), self.lo.clone(), self.hi.clone())
    }

    fn action(&self, a: usize) -> Bounded {
        Bounded {
            at: self.at[a],
            lo: self.lo[a],
            hi: self.hi[a],
        }
    }

    /// Takes in the conditions where it stands and moves on; `takers` says of each action whether it is a price taker's.
    fn advance(&mut self, gain: &[f64], size: &[f64], jacobian: &DMatrix<f64>, takers: &[bool]) {
        let na = self.at.len();
        let free: Vec<usize> = (0..na).filter(|a| !self.action(*a).pressed(gain[*a])).collect();
        let gaps = free
            .iter()
            .map(|&a| self.action(a).gap(gain[a], size[a], jacobian[(a, a)]));
        let gap = gaps.fold(0.0, f64::max);
        if gap <= SETTLED {
            (self.done, self.solved) = (true, true);
            return;
        }
        if (!gap.is_finite() || gap > self.gap * (1.0 + 1e-9)) && self.halvings < HALVINGS && self.gap.is_finite() {
            self.halvings += 1;
            for a in 0..na {
                self.at[a] = 0.5 * (self.at[a] + self.before[a]);
            }
            return;
        }
        if !gap.is_finite() {
            // Nothing is known here: somewhere between the bounds.
            self.halvings += 1;
            for a in 0..na {
                let share = 0.5 / (1.0 + self.halvings as f64);
                self.at[a] = between(self.lo[a], self.hi[a], share);
            }
            self.done = self.halvings > 2 * HALVINGS;
            return;
        }
        self.halvings = 0;
        self.gap = gap;
        self.before.clone_from(&self.at);
        // A price taker's own condition falls at given prices, not along what prices do when all move. Where it hardly moves at all a
        // bound is the answer.
        let flat = |a: usize| jacobian[(a, a)].abs() * self.action(a).range() <= 1e-6 * gain[a].abs();
        let uphill = free
            .iter()
            .any(|a| flat(*a) || !takers[*a] && !(jacobian[(*a, *a)] < 0.0));
        let m = DMatrix::from_fn(free.len(), free.len(), |i, j| jacobian[(free[i], free[j])]);
        let right = DVector::from_iterator(free.len(), free.iter().map(|a| -gain[*a]));
        let newton = if uphill { None } else { m.lu().solve(&right) };
        let newton = newton.filter(|s| s.iter().all(|v| v.is_finite()));
        let mut moved = 0.0f64;
        for (i, &a) in free.iter().enumerate() {
            let own = self.action(a);
            let (at, share) = own.stepped(newton.as_ref().map_or_else(|| own.uphill(gain[a]), |s| s[i]));
            self.at[a] = at;
            moved = moved.max(share);
        }
        // At rounding steps no longer move it.
        if moved < 1e-13 {
            (self.done, self.solved) = (true, gap < 1e-8);
        }
    }
}
