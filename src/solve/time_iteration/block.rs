//! Nodes that are worked on together: first-order conditions solved at each by Newton's method with bounds, and what a state is then
//! worth by the envelope theorem.
//!
//! Slopes of the conditions are taken once by differences and kept up to date by Broyden's (1965) formula, from step to step and from sweep
//! to sweep. At a bound a condition may have the sign that presses against it.

use super::room::room;
use super::stage::{Ahead, Slopes, Stage, Work};
use crate::limits;
use crate::solve::bounded::{Bounded, ELSEWHERE, HALVINGS, between};
use nalgebra::{DMatrix, DVector};

/// Most steps at a node in one sweep.
const STEPS: usize = 60;
/// Step of differences in a state, relative to its size, for slopes of bounds.
const MOVED: f64 = 1e-6;

/// Some nodes of one joint shock.
pub(super) struct Block {
    pub(super) shock: usize,
    /// The first node.
    pub(super) first: usize,
    /// `[state][node]`
    pub(super) states: Vec<Vec<f64>>,
    lo: Vec<Vec<f64>>,
    hi: Vec<Vec<f64>>,
    /// Slopes of lower and upper bounds, `[state][end][action][node]`.
    bound_slopes: Vec<[Vec<Vec<f64>>; 2]>,
    /// What is done, `[action][node]`.
    pub(super) actions: Vec<Vec<f64>>,
    searches: Vec<NodeSearch>,
}

/// What a sweep made of a block.
pub(super) struct Swept {
    /// Marginal values of the states as they are carried, `[state][node]`.
    pub(super) marginal: Vec<Vec<f64>>,
    /// Largest move of an action, as a share of one plus its size.
    pub(super) moved: f64,
    /// Nodes without a solution, and the first of them.
    pub(super) unsolved: usize,
    pub(super) first_unsolved: Option<usize>,
}

fn slices(v: &[Vec<f64>]) -> Vec<&[f64]> {
    v.iter().map(Vec::as_slice).collect()
}

impl Block {
    /// Nodes `first..` of a joint shock at the states `[state][node]`, with actions at `share` of the way between their bounds.
    pub(super) fn new(stage: &Stage, (shock, first): (usize, usize), states: Vec<Vec<f64>>, share: f64) -> Block {
        let mut work = Work::default();
        let here = room(stage, shock, &slices(&states), &mut work);
        let n = states.first().map_or(0, Vec::len);
        let bound_slopes = (0..states.len()).map(|s| {
            let aside = |sign: f64, work: &mut Work| {
                let mut moved = states.clone();
                moved[s].iter_mut().for_each(|x| *x += sign * MOVED * x.abs().max(1e-3));
                room(stage, shock, &slices(&moved), work)
            };
            let (above, below) = (aside(1.0, &mut work), aside(-1.0, &mut work));
            let slope = |above: &[Vec<f64>], below: &[Vec<f64>]| -> Vec<Vec<f64>> {
                let pairs = above.iter().zip(below);
                let one = |(a, b): (&Vec<f64>, &Vec<f64>)| {
                    let differences = a.iter().zip(b).zip(&states[s]);
                    // Ends that are infinite do not move.
                    differences
                        .map(|((a, b), x)| {
                            if a == b {
                                0.0
                            } else {
                                (a - b) / (2.0 * MOVED * x.abs().max(1e-3))
                            }
                        })
                        .collect()
                };
                pairs.map(one).collect()
            };
            [slope(&above.lo, &below.lo), slope(&above.hi, &below.hi)]
        });
        let bound_slopes = bound_slopes.collect();
        let na = here.lo.len();
        let actions = (0..na)
            .map(|a| (0..n).map(|i| between(here.lo[a][i], here.hi[a][i], share)).collect())
            .collect();
        Block {
            shock,
            first,
            states,
            bound_slopes,
            actions,
            searches: (0..n).map(|_| NodeSearch::new(na)).collect(),
            lo: here.lo,
            hi: here.hi,
        }
    }

    /// Begins at these actions (`[action]`, state node x joint shock), moved into the bounds.
    pub(super) fn start_at(&mut self, policy: &[Vec<f64>], shocks: usize) {
        for (a, policy) in policy.iter().enumerate() {
            for (i, x) in self.actions[a].iter_mut().enumerate() {
                let from = policy[(self.first + i) * shocks + self.shock];
                if from.is_finite() {
                    *x = from.max(self.lo[a][i]).min(self.hi[a][i]);
                }
            }
        }
    }

    /// Nodes where bounds and requirements leave nothing, if any: the first.
    pub(super) fn empty(&self) -> Option<usize> {
        let n = self.searches.len();
        let none = |i: &usize| (0..self.lo.len()).any(|a| !(self.lo[a][*i] <= self.hi[a][*i]));
        (0..n).find(none)
    }

    /// Marginal values of the states where nothing is ahead, of the reward alone: `[state][node of the block]`.
    pub(super) fn of_reward(&self, stage: &Stage) -> Vec<Vec<f64>> {
        let (mut work, mut out) = (Work::default(), Slopes::default());
        let (states, actions) = (slices(&self.states), slices(&self.actions));
        stage.slopes(
            None,
            self.shock,
            (&states, &actions),
            0..states.len(),
            &mut work,
            &mut out,
        );
        self.carried(stage, out.of)
    }

    /// Marginal values as they are carried: times the state where its axis runs in logs.
    fn carried(&self, stage: &Stage, mut of: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        for (s, values) in of.iter_mut().enumerate().filter(|(s, _)| stage.log(*s)) {
            values.iter_mut().zip(&self.states[s]).for_each(|(v, x)| *v *= x);
        }
        of
    }

    /// Solves the conditions at every node, to `tolerance` as a share of what they weigh, and reads off marginal values.
    pub(super) fn sweep(&mut self, stage: &Stage, ahead: &Ahead, tolerance: f64, sweep: usize) -> Swept {
        let (mut work, mut slopes) = (Work::default(), Slopes::default());
        let before = self.actions.clone();
        let (n, na) = (self.searches.len(), self.actions.len());
        for i in 0..n {
            if self.searches[i].lost {
                // Where a neighbour stands is mostly near by; else from elsewhere.
                let beside = (sweep % 2 == 1).then(|| self.solved_beside(i)).flatten();
                let share = ELSEWHERE[sweep / 2 % ELSEWHERE.len()];
                self.searches[i] = NodeSearch::new(na);
                for a in 0..na {
                    let (lo, hi) = (self.lo[a][i], self.hi[a][i]);
                    self.actions[a][i] = match beside {
                        Some(j) => self.actions[a][j].max(lo).min(hi),
                        None => between(lo, hi, share),
                    };
                }
                self.searches[i].lost = true;
            }
            self.searches[i].begin();
        }
        for _ in 0..STEPS {
            limits::poll();
            let open: Vec<usize> = (0..n).filter(|i| !self.searches[*i].done).collect();
            if open.is_empty() {
                break;
            }
            self.conditions(stage, ahead, &open, None, &mut work, &mut slopes);
            let mut fresh = Vec::new();
            for (k, &i) in open.iter().enumerate() {
                let gain: Vec<f64> = slopes.of.iter().map(|v| v[k]).collect();
                let size: Vec<f64> = slopes.size.iter().map(|v| v[k]).collect();
                let mut point = Point::at(i, &mut self.actions, &self.lo, &self.hi);
                if self.searches[i].take(&mut point, gain, size, tolerance) {
                    fresh.push(i);
                }
            }
            // Slopes by differences, where none are known.
            let unknown: Vec<usize> = fresh.iter().copied().filter(|i| !self.searches[*i].known).collect();
            for a in 0..na {
                if unknown.is_empty() {
                    break;
                }
                self.conditions(stage, ahead, &unknown, Some(a), &mut work, &mut slopes);
                for (k, &i) in unknown.iter().enumerate() {
                    let step = self.action(a, i).nudge();
                    for row in 0..na {
                        let slope = (slopes.of[row][k] - self.searches[i].gain[row]) / step;
                        self.searches[i].jacobian[row * na + a] = slope;
                    }
                }
            }
            for &i in &unknown {
                self.searches[i].known = true;
            }
            for &i in &fresh {
                let mut point = Point::at(i, &mut self.actions, &self.lo, &self.hi);
                self.searches[i].step(&mut point);
            }
        }
        for search in &mut self.searches {
            search.lost = !search.solved;
        }
        Swept {
            marginal: self.marginal(stage, ahead, &mut work),
            moved: self.moved(&before),
            unsolved: self.searches.iter().filter(|s| !s.solved).count(),
            first_unsolved: self.searches.iter().position(|s| !s.solved),
        }
    }

    /// The nearest node of the block that the last sweep solved, if any.
    fn solved_beside(&self, node: usize) -> Option<usize> {
        let solved = (0..self.searches.len()).filter(|j| !self.searches[*j].lost);
        solved.min_by_key(|j| j.abs_diff(node))
    }

    /// Does what a policy says (`[action]`, state node x joint shock), held inside bounds, and reads off marginal values.
    pub(super) fn follow(&mut self, stage: &Stage, ahead: &Ahead, policy: &[Vec<f64>]) -> Swept {
        let (mut work, mut slopes) = (Work::default(), Slopes::default());
        let before = self.actions.clone();
        self.start_at(policy, stage.bellman.shocks());
        let at_bound = |i: &usize| {
            (0..self.actions.len()).any(|a| {
                let own = self.action(a, *i);
                own.at == own.lo || own.at == own.hi
            })
        };
        let held: Vec<usize> = (0..self.searches.len()).filter(at_bound).collect();
        if !held.is_empty() {
            self.conditions(stage, ahead, &held, None, &mut work, &mut slopes);
            for (k, &i) in held.iter().enumerate() {
                self.searches[i].gain = slopes.of.iter().map(|v| v[k]).collect();
            }
        }
        Swept {
            marginal: self.marginal(stage, ahead, &mut work),
            moved: self.moved(&before),
            unsolved: 0,
            first_unsolved: None,
        }
    }

    /// Largest move of an action, as a share of one plus its size.
    fn moved(&self, before: &[Vec<f64>]) -> f64 {
        let pairs = before.iter().flatten().zip(self.actions.iter().flatten());
        pairs.fold(0.0, |m: f64, (o, n)| {
            let d = (n - o).abs() / (1.0 + n.abs());
            if d.is_nan() { f64::INFINITY } else { m.max(d) }
        })
    }

    /// Marginal values of the states as they are carried, `[state][node]`, by the envelope theorem.
    fn marginal(&self, stage: &Stage, ahead: &Ahead, work: &mut Work) -> Vec<Vec<f64>> {
        let (n, na, ns) = (self.searches.len(), self.actions.len(), self.states.len());
        let mut slopes = Slopes::default();
        let (states, actions) = (slices(&self.states), slices(&self.actions));
        stage.slopes(Some(ahead), self.shock, (&states, &actions), 0..ns, work, &mut slopes);
        let mut marginal = slopes.of;
        // At a bound that moves with a state the action moves along.
        for (s, marginal) in marginal.iter_mut().enumerate() {
            for a in 0..na {
                for i in 0..n {
                    let at = self.actions[a][i];
                    let ends = [&self.lo, &self.hi];
                    for (end, slope) in ends.iter().zip(&self.bound_slopes[s]) {
                        if at == end[a][i] && slope[a][i] != 0.0 {
                            marginal[i] += self.searches[i].gain[a] * slope[a][i];
                        }
                    }
                }
            }
        }
        self.carried(stage, marginal)
    }

    /// An action at a node, and its bounds.
    fn action(&self, a: usize, node: usize) -> Bounded {
        Bounded {
            at: self.actions[a][node],
            lo: self.lo[a][node],
            hi: self.hi[a][node],
        }
    }

    /// Conditions at some of the nodes, one action moved a little if that is asked.
    fn conditions(
        &self,
        stage: &Stage,
        ahead: &Ahead,
        nodes: &[usize],
        moved: Option<usize>,
        work: &mut Work,
        out: &mut Slopes,
    ) {
        let gather = |v: &Vec<f64>| -> Vec<f64> { nodes.iter().map(|i| v[*i]).collect() };
        let states: Vec<Vec<f64>> = self.states.iter().map(gather).collect();
        let mut actions: Vec<Vec<f64>> = self.actions.iter().map(gather).collect();
        if let Some(a) = moved {
            for (x, i) in actions[a].iter_mut().zip(nodes) {
                *x += self.action(a, *i).nudge();
            }
        }
        let (ns, na) = (states.len(), actions.len());
        let (states, actions) = (slices(&states), slices(&actions));
        stage.slopes(Some(ahead), self.shock, (&states, &actions), ns..ns + na, work, out);
    }

    /// The smallest slack of the requirements at what is done, and the node where it is.
    pub(super) fn least_slack(&self, stage: &Stage) -> (f64, usize) {
        let mut work = Work::default();
        let slack = stage.slack(self.shock, &slices(&self.states), &slices(&self.actions), &mut work);
        let all = slack.into_iter().enumerate();
        all.fold(
            (f64::INFINITY, 0),
            |least, (i, s)| if s < least.0 { (s, i) } else { least },
        )
    }
}

/// The actions at a node, and their bounds.
struct Point<'a> {
    node: usize,
    actions: &'a mut [Vec<f64>],
    lo: &'a [Vec<f64>],
    hi: &'a [Vec<f64>],
}

impl<'a> Point<'a> {
    fn at(node: usize, actions: &'a mut [Vec<f64>], lo: &'a [Vec<f64>], hi: &'a [Vec<f64>]) -> Point<'a> {
        Point { node, actions, lo, hi }
    }

    /// Action `a` and its bounds.
    fn get(&self, a: usize) -> Bounded {
        Bounded {
            at: self.actions[a][self.node],
            lo: self.lo[a][self.node],
            hi: self.hi[a][self.node],
        }
    }

    fn set(&mut self, a: usize, x: f64) {
        self.actions[a][self.node] = x;
    }
}

/// The search at one node.
struct NodeSearch {
    /// What one more unit of each action brings where the search stands, and its slopes, `[condition][action]`.
    gain: Vec<f64>,
    jacobian: Vec<f64>,
    /// Whether the slopes have been taken.
    known: bool,
    /// Where the last step began, what actions brought there, and how far from a solution it was.
    before: Vec<f64>,
    gain_before: Vec<f64>,
    gap: f64,
    free: Vec<usize>,
    halvings: usize,
    /// Whether an action was put on its bound in this sweep.
    snapped: bool,
    done: bool,
    solved: bool,
    /// Whether the last sweep found no solution.
    lost: bool,
}

impl NodeSearch {
    fn new(na: usize) -> NodeSearch {
        NodeSearch {
            gain: vec![0.0; na],
            jacobian: vec![0.0; na * na],
            known: false,
            before: vec![0.0; na],
            gain_before: vec![f64::NAN; na],
            gap: f64::INFINITY,
            free: Vec::new(),
            halvings: 0,
            snapped: false,
            done: false,
            solved: false,
            lost: false,
        }
    }

    /// A sweep begins: tomorrow's values are others, slopes are about the same.
    fn begin(&mut self) {
        self.gap = f64::INFINITY;
        self.gain_before.fill(f64::NAN);
        self.halvings = 0;
        self.snapped = false;
        (self.done, self.solved) = (self.gain.is_empty(), self.gain.is_empty());
    }

    /// Takes in the conditions where it stands; whether a step is to follow.
    fn take(&mut self, point: &mut Point, gain: Vec<f64>, size: Vec<f64>, tolerance: f64) -> bool {
        let na = gain.len();
        let free: Vec<usize> = (0..na).filter(|a| !point.get(*a).pressed(gain[*a])).collect();
        // Where an action came to press against its bound, the others begin anew: their gap does not compare with the one before.
        let fewer = free.len() < self.free.len();
        self.free = free;
        // What an action still brings, or the share of its range that is left in that direction: the smaller of the two is zero at a
        // solution and only there.
        let gap = self.free.iter().fold(0.0, |m: f64, &a| {
            let own = point.get(a);
            let slope = if self.known { self.jacobian[a * na + a] } else { 0.0 };
            let share = own.gap(gain[a], size[a], slope);
            let left = own.room(gain[a]) / own.range();
            if share.is_finite() {
                m.max(share.min(left))
            } else {
                f64::INFINITY
            }
        });
        if fewer && gap.is_finite() {
            self.gap = f64::INFINITY;
        }
        if gap <= tolerance {
            // What still brings something has come to its bound: there it is pressed, and what it brings is the bound's price.
            let mut at_bounds = true;
            for &a in &self.free {
                let own = point.get(a);
                let Bounded { at, lo, hi } = own;
                if gain[a].abs() > tolerance * size[a] && (at - lo).min(hi - at) <= tolerance * own.range() {
                    let bound = if gain[a] > 0.0 { hi } else { lo };
                    at_bounds &= bound == at || self.snapped;
                    point.set(a, bound);
                }
            }
            if at_bounds {
                (self.done, self.solved) = (true, true);
                self.gain = gain;
            }
            self.snapped = true;
            return false;
        }
        if !gap.is_finite() || gap > self.gap * (1.0 + 1e-9) {
            self.halvings += 1;
            // Old slopes may be why: they are taken again after the next step.
            let back = self.gap.is_finite() && self.halvings <= HALVINGS;
            for a in 0..na {
                let Bounded { at, lo, hi } = point.get(a);
                let share = 0.5 / (1.0 + self.halvings as f64);
                point.set(
                    a,
                    if back {
                        0.5 * (at + self.before[a])
                    } else {
                        between(lo, hi, share)
                    },
                );
            }
            if !back {
                self.known = false;
                (self.gap, self.gain_before) = (f64::INFINITY, vec![f64::NAN; na]);
            }
            self.done = self.halvings > 3 * HALVINGS;
            return false;
        }
        // Broyden's formula along the last step.
        if self.known && self.gain_before.iter().all(|g| g.is_finite()) {
            let step: Vec<f64> = (0..na).map(|a| point.get(a).at - self.before[a]).collect();
            let length: f64 = step.iter().map(|s| s * s).sum();
            if length > 0.0 {
                for row in 0..na {
                    let own = &mut self.jacobian[row * na..(row + 1) * na];
                    let said: f64 = own.iter().zip(&step).map(|(j, s)| j * s).sum();
                    let off = (gain[row] - self.gain_before[row] - said) / length;
                    own.iter_mut().zip(&step).for_each(|(j, s)| *j += off * s);
                }
            }
        }
        // Halved steps and slow ones say that slopes are old.
        if self.halvings > 0 || gap > 0.5 * self.gap {
            self.known = false;
        }
        self.halvings = 0;
        self.gap = gap;
        self.gain = gain;
        true
    }

    /// Moves on.
    fn step(&mut self, point: &mut Point) {
        let na = self.gain.len();
        for a in 0..na {
            self.before[a] = point.get(a).at;
        }
        self.gain_before.clone_from(&self.gain);
        let free = &self.free;
        let slope = |i: usize, j: usize| self.jacobian[free[i] * na + free[j]];
        let downhill = (0..free.len()).all(|i| slope(i, i) < 0.0);
        let newton: Option<Vec<f64>> = match free.as_slice() {
            _ if !downhill => None,
            [only] => Some(vec![-self.gain[*only] / slope(0, 0)]),
            _ => {
                let m = DMatrix::from_fn(free.len(), free.len(), slope);
                let right = DVector::from_iterator(free.len(), free.iter().map(|a| -self.gain[*a]));
                m.lu().solve(&right).map(|v| v.iter().copied().collect())
            }
        };
        let rises = |step: &Vec<f64>| {
            let sum: f64 = free.iter().zip(step).map(|(a, s)| self.gain[*a] * s).sum();
            sum > 0.0 && step.iter().all(|v| v.is_finite())
        };
        let newton = newton.filter(rises);
        // Where a gain does not fall in its own action, the step goes uphill: slopes there say nothing of where the top is.
        if newton.is_none() {
            self.known = false;
        }
        let mut moved = 0.0f64;
        for (i, &a) in free.iter().enumerate() {
            let own = point.get(a);
            let slope = self.jacobian[a * na + a];
            let step = match &newton {
                Some(s) => s[i],
                None if slope < 0.0 => -self.gain[a] / slope,
                None => own.uphill(self.gain[a]),
            };
            let (at, share) = own.stepped(step);
            moved = moved.max(share);
            point.set(a, at);
        }
        // At rounding steps no longer move it.
        if moved < 1e-14 {
            (self.done, self.solved) = (true, self.gap < 1e-8);
        }
    }
}
