//! Exact evaluation of policies of problems with finitely many states.
//!
//! What a policy `a` falls short of from a state on solves the linear equations `x(s) = V(s) - Q(s, a(s)) + E[d x(s')]` (policy
//! evaluation: Puterman 1994, *Markov Decision Processes*, section 6.1). They are solved by successive substitution, each of which
//! shrinks the error by the largest expected discount factor, until nothing is left of it.

use super::{Along, Paths, Welfare};
use crate::chance::chain;
use crate::num::interpolate::{Axis, Rule};
use crate::solve::bellman::{At, Scratch};
use crate::verify::simulate::{Policy, World};

/// Most transitions that are written down.
const ENTRIES: usize = 4_000_000;
/// Most products that an evaluation may take.
const PRODUCTS: f64 = 2e9;
/// What is left of the error, relative.
const LEFT: f64 = 1e-15;

/// One period of a policy at all joint states, the shock first (`shock x node`).
struct Stage {
    /// What its choice falls short of.
    gap: Vec<f64>,
    /// Where it goes: pairs of position and discounted chance, one list per joint state.
    moves: Vec<Vec<(u32, f64)>>,
}

impl Welfare<'_> {
    /// What a policy earns from the first states of `paths` on, in expectation over all that follows and over the first shock. `None`
    /// where states are not finitely many, choices are drawn, or it would take too long.
    pub(super) fn expected(&self, policy: &dyn Policy, paths: &Paths) -> Option<Along> {
        let b = self.bellman;
        let spec = b.problem.spec();
        if policy.randomises() || b.tensor.axes().iter().any(|a| a.rule() != Rule::Nodes) {
            return None;
        }
        let n = paths.count.max(1);
        let world = World::new(b, n, paths.seed, paths.starts);
        let first: Vec<usize> = (0..n)
            .map(|p| node(b.tensor.axes(), |s| world.states[s][p]))
            .collect::<Option<_>>()?;
        let most = match (spec.horizon, paths.periods.filter(|_| !paths.rest)) {
            (Some(h), Some(p)) => Some(h.min(p)),
            (h, p) => h.or(p),
        };
        let (shortfall, life) = match most {
            Some(periods) => self.backwards(policy, periods, spec.horizon.is_some())?,
            None => self.for_ever(policy)?,
        };
        let nodes = b.nodes();
        let chances = chain::stationary(&spec.chain.transition);
        let over_shocks = |of: &dyn Fn(usize, usize) -> f64, node: usize| -> f64 {
            let likely = chances.iter().enumerate().filter(|(_, p)| **p > 0.0);
            likely.map(|(z, p)| p * of(z, node)).sum()
        };
        let value = |z: usize, node: usize| self.value[z].at_nodes()[node];
        let each = |of: &dyn Fn(usize, usize) -> f64| first.iter().map(|i| over_shocks(of, *i)).collect::<Vec<f64>>();
        Some(Along {
            shortfall: each(&|z, i| shortfall[z * nodes + i]),
            start: each(&value),
            life: each(&|z, i| life[z * nodes + i]),
            outside: 0.0,
            sampled: false,
        })
    }

    /// Sums over finitely many periods, from the last to the first.
    fn backwards(&self, policy: &dyn Policy, periods: usize, dated: bool) -> Option<(Vec<f64>, Vec<f64>)> {
        let states = self.bellman.nodes() * self.bellman.shocks();
        let (mut x, mut life) = (vec![0.0; states], vec![0.0; states]);
        let mut stage = None;
        for t in (0..periods).rev() {
            let now = match stage.take().filter(|_| !dated) {
                Some(same) => same,
                None => self.stage(policy, if dated { t } else { 0 })?,
            };
            x = self.one_more(&now, &now.gap, &x);
            life = self.one_more(&now, &vec![1.0; states], &life);
            stage = Some(now);
        }
        Some((x, life))
    }

    /// Sums over all periods to come.
    fn for_ever(&self, policy: &dyn Policy) -> Option<(Vec<f64>, Vec<f64>)> {
        let stage = self.stage(policy, 0)?;
        let largest = stage
            .moves
            .iter()
            .map(|m| m.iter().map(|(_, w)| w).sum::<f64>())
            .fold(0.0, f64::max);
        let steps = if largest > 0.0 {
            (LEFT.ln() / largest.ln()).ceil() + 1.0
        } else {
            1.0
        };
        let entries: usize = stage.moves.iter().map(Vec::len).sum();
        if !(largest < 1.0) || steps * (entries + stage.gap.len() * self.bellman.shocks()) as f64 > PRODUCTS {
            return None;
        }
        let ones = vec![1.0; stage.gap.len()];
        let (mut x, mut life) = (stage.gap.clone(), ones.clone());
        for _ in 0..steps as usize {
            x = self.one_more(&stage, &stage.gap, &x);
            life = self.one_more(&stage, &ones, &life);
        }
        Some((x, life))
    }

    /// What is paid now and what the next period's sums are worth now.
    fn one_more(&self, stage: &Stage, now: &[f64], next: &[f64]) -> Vec<f64> {
        let spec = self.bellman.problem.spec();
        let nodes = self.bellman.nodes();
        let expected: Vec<f64>;
        let later = if spec.next_uses_shock_next {
            next
        } else {
            expected = spec
                .chain
                .transition
                .iter()
                .flat_map(|row| {
                    (0..nodes).map(move |i| {
                        let likely = row.iter().enumerate().filter(|(_, p)| **p > 0.0);
                        likely.map(|(j, p)| p * next[j * nodes + i]).sum::<f64>()
                    })
                })
                .collect();
            &expected
        };
        now.iter()
            .zip(&stage.moves)
            .map(|(g, moves)| g + moves.iter().map(|(to, w)| w * later[*to as usize]).sum::<f64>())
            .collect()
    }

    /// A period of a policy; `None` where it leaves the states there are, or there are too many moves.
    fn stage(&self, policy: &dyn Policy, time: usize) -> Option<Stage> {
        let b = self.bellman;
        let (nodes, shocks) = (b.nodes(), b.shocks());
        if nodes * b.noises.len() * b.branches(0).len().max(1) * shocks > ENTRIES {
            return None;
        }
        let axes = b.tensor.axes();
        let mut states = vec![vec![0.0; nodes]; axes.len()];
        let mut x = vec![0.0; axes.len()];
        for i in 0..nodes {
            b.tensor.node(i, &mut x);
            states.iter_mut().zip(&x).for_each(|(s, x)| s[i] = *x);
        }
        let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let mut out = Stage {
            gap: Vec::with_capacity(nodes * shocks),
            moves: Vec::with_capacity(nodes * shocks),
        };
        let mut scratch = Scratch::default();
        for shock in 0..shocks {
            let at = At { shock, time };
            let mut actions = vec![vec![0.0; nodes]; b.problem.spec().actions.len()];
            policy.act(at, &states, &vec![0.5; nodes], &mut actions);
            let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
            let (mut v, mut q, mut slack) = (vec![0.0; nodes], vec![0.0; nodes], vec![0.0; nodes]);
            self.values(at, &states, &mut v, &mut vec![false; nodes]);
            let after = self.exact.continuation(time);
            b.q(after, at, &states, &actions, &mut scratch, &mut q, &mut slack);
            let gap = v.iter().zip(&q).map(|(v, q)| v - q);
            let gap: Vec<f64> = gap.map(|g| if g.is_nan() { f64::INFINITY } else { g }).collect();
            let mut moves: Vec<Vec<(u32, f64)>> = vec![Vec::new(); nodes];
            for &(noise, weight) in &b.noises {
                for (next, p, _) in b.branches(shock) {
                    b.evaluate(at, noise, next, &states, &actions, nodes, &mut scratch);
                    for (i, moves) in moves.iter_mut().enumerate() {
                        let w = weight * p * scratch.chance[i] * scratch.discount[i];
                        if gap[i] == f64::INFINITY || w == 0.0 || scratch.end[i] != 0.0 {
                            continue;
                        }
                        let to = next * nodes + node(axes, |s| scratch.next[s][i])?;
                        moves.push((u32::try_from(to).ok()?, w));
                    }
                }
            }
            for moves in &mut moves {
                moves.sort_unstable_by_key(|m| m.0);
                moves.dedup_by(|later, kept| {
                    let same = later.0 == kept.0;
                    kept.1 += if same { later.1 } else { 0.0 };
                    same
                });
            }
            out.gap.extend(gap);
            out.moves.extend(moves);
        }
        Some(out)
    }
}

/// The number of the node at a state (`state(s)` is its dimension `s`); `None` outside the grid.
fn node(axes: &[Axis], state: impl Fn(usize) -> f64) -> Option<usize> {
    axes.iter().enumerate().try_fold(0, |number, (s, axis)| {
        let place = axis.locate(state(s));
        let near = place.cell as usize;
        (place.beyond == 0.0 && place.t == 0.0).then_some(number * axis.nodes().len() + near)
    })
}
