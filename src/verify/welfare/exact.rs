//! Exact evaluation of policies of problems with finitely many states.
//!
//! What a policy `a` falls short of from a state on solves the linear equations `x(s) = V(s) - Q(s, a(s)) + E[d x(s')]` (policy
//! evaluation: Puterman 1994, *Markov Decision Processes*, section 6.1). They are solved by successive substitution, each of which
//! shrinks the error by the largest expected discount factor, until nothing is left of it.

use super::{Along, Paths, Welfare};
use crate::num::interpolate::{Axis, Rule};
use crate::solve::bellman::{At, Scratch};
use crate::verify::simulate::{ChainPaths, PathPolicy};

/// Most transitions that are written down.
const ENTRIES: usize = 4_000_000;
/// Most products that an evaluation may take.
const PRODUCTS: f64 = 2e9;
/// What is left of the error, relative.
const LEFT: f64 = 1e-15;

/// One period of a policy, `shock x node`; nothing is known of states that it does not come to.
struct Stage {
    /// What its choice falls short of.
    gap: Vec<f64>,
    /// Where it goes: pairs of position and discounted chance, one list per joint state.
    moves: Vec<Vec<(u32, f64)>>,
}

impl Stage {
    fn unknown(states: usize) -> Stage {
        Stage {
            gap: vec![0.0; states],
            moves: vec![Vec::new(); states],
        }
    }
}

impl Welfare<'_> {
    /// What a policy earns from the first states of `paths` on, in expectation over all that follows and over the first shock. `None`
    /// where states are not finitely many, choices are drawn, or it would take too long.
    pub(super) fn expected(&self, policy: &dyn PathPolicy, paths: &Paths) -> Option<Along> {
        let b = self.bellman;
        let spec = b.problem.spec();
        if policy.randomises() || b.tensor.axes().iter().any(|a| a.rule() != Rule::Nodes) {
            return None;
        }
        let n = paths.count.max(1);
        let world = ChainPaths::new(b, n, paths.seed, paths.starts);
        let first: Vec<usize> = (0..n)
            .map(|p| node(b.tensor.axes(), |s| world.states[s][p]))
            .collect::<Option<_>>()?;
        let most = match (spec.horizon, paths.periods.filter(|_| !paths.rest)) {
            (Some(h), Some(p)) => Some(h.min(p)),
            (h, p) => h.or(p),
        };
        let nodes = b.nodes();
        let chances = spec.first_shocks();
        let mut begins = vec![false; nodes * b.shocks()];
        for (z, _) in chances.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            first.iter().for_each(|i| begins[z * nodes + i] = true);
        }
        let (shortfall, life) = match (most, spec.horizon) {
            (Some(periods), Some(_)) => self.dated(policy, periods, begins)?,
            (most, _) => self.undated(policy, most, begins)?,
        };
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

    /// Sums over the periods of a horizon, from the last to the first.
    fn dated(&self, policy: &dyn PathPolicy, periods: usize, begins: Vec<bool>) -> Option<(Vec<f64>, Vec<f64>)> {
        let states = begins.len();
        let (mut stages, mut there, mut left) = (Vec::new(), begins, ENTRIES.checked_sub(states * periods)?);
        for time in 0..periods {
            let mut stage = Stage::unknown(states);
            there = self.ask(policy, time, &there, &mut stage, &mut left)?;
            stages.push(stage);
        }
        let (mut x, mut life) = (vec![0.0; states], vec![0.0; states]);
        let ones = vec![1.0; states];
        for stage in stages.iter().rev() {
            x = self.one_more(stage, &stage.gap, &x);
            life = self.one_more(stage, &ones, &life);
        }
        Some((x, life))
    }

    /// Sums over `periods` periods that are all alike, or over all to come.
    fn undated(
        &self,
        policy: &dyn PathPolicy,
        periods: Option<usize>,
        begins: Vec<bool>,
    ) -> Option<(Vec<f64>, Vec<f64>)> {
        let states = begins.len();
        let (mut stage, mut known, mut left) = (Stage::unknown(states), vec![false; states], ENTRIES);
        let mut there = begins;
        while there.contains(&true) {
            let next = self.ask(policy, 0, &there, &mut stage, &mut left)?;
            known.iter_mut().zip(&there).for_each(|(k, t)| *k |= *t);
            there = next.iter().zip(&known).map(|(n, k)| *n && !*k).collect();
        }
        let weights = stage.moves.iter().map(|m| m.iter().map(|(_, w)| w).sum::<f64>());
        let largest = weights.fold(0.0, f64::max);
        let for_ever = if largest > 0.0 {
            (LEFT.ln() / largest.ln()).ceil() + 1.0
        } else {
            1.0
        };
        let steps = match periods {
            Some(p) => p as f64,
            None if largest < 1.0 => for_ever,
            None => return None,
        };
        let entries: usize = stage.moves.iter().map(Vec::len).sum();
        if steps * (entries + states * self.bellman.shocks()) as f64 > PRODUCTS {
            return None;
        }
        let ones = vec![1.0; states];
        let (mut x, mut life) = (vec![0.0; states], vec![0.0; states]);
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

    /// Asks a policy what it does at the joint states `there` (flags), writes it down, and says where that leads (flags). `None` where it
    /// leaves the states there are, or there are more than `left` moves.
    fn ask(
        &self,
        policy: &dyn PathPolicy,
        time: usize,
        there: &[bool],
        stage: &mut Stage,
        left: &mut usize,
    ) -> Option<Vec<bool>> {
        let b = self.bellman;
        let spec = b.problem.spec();
        let (nodes, axes) = (b.nodes(), b.tensor.axes());
        let mut leads = vec![false; there.len()];
        let mut scratch = Scratch::default();
        for shock in 0..b.shocks() {
            let own: Vec<usize> = (0..nodes).filter(|i| there[shock * nodes + i]).collect();
            let n = own.len();
            if n == 0 {
                continue;
            }
            *left = left.checked_sub(n * b.noises.len() * b.branches(shock).len())?;
            let at = At { shock, time };
            let mut states = vec![vec![0.0; n]; axes.len()];
            let mut x = vec![0.0; axes.len()];
            for (k, i) in own.iter().enumerate() {
                b.tensor.node(*i, &mut x);
                states.iter_mut().zip(&x).for_each(|(s, x)| s[k] = *x);
            }
            let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
            let mut actions = vec![vec![0.0; n]; spec.actions.len()];
            policy.act(at, &states, &vec![0.5; n], &mut actions);
            let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
            let (mut v, mut q, mut slack) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
            self.values(at, &states, &mut v, &mut vec![false; n]);
            let after = self.exact.continuation(time);
            b.q(after, at, &states, &actions, &mut scratch, &mut q, &mut slack);
            for (k, i) in own.iter().enumerate() {
                let gap = v[k] - q[k];
                stage.gap[shock * nodes + i] = if gap.is_nan() { f64::INFINITY } else { gap };
            }
            for &(noise, weight) in &b.noises {
                for (next, p, _) in b.branches(shock) {
                    b.evaluate(at, noise, next, &states, &actions, n, &mut scratch);
                    for (k, i) in own.iter().enumerate() {
                        let from = shock * nodes + i;
                        let w = weight * p * scratch.chance[k] * scratch.discount[k];
                        if stage.gap[from] == f64::INFINITY || w == 0.0 || scratch.end[k] != 0.0 {
                            continue;
                        }
                        let to = node(axes, |s| scratch.next[s][k])?;
                        stage.moves[from].push((u32::try_from(next * nodes + to).ok()?, w));
                        if spec.next_uses_shock_next {
                            leads[next * nodes + to] = true;
                        } else {
                            let row = spec.chain.transition[shock].iter().enumerate();
                            row.filter(|(_, p)| **p > 0.0)
                                .for_each(|(j, _)| leads[j * nodes + to] = true);
                        }
                    }
                }
            }
            for i in own {
                let moves = &mut stage.moves[shock * nodes + i];
                moves.sort_unstable_by_key(|m| m.0);
                moves.dedup_by(|later, kept| {
                    let same = later.0 == kept.0;
                    kept.1 += if same { later.1 } else { 0.0 };
                    same
                });
            }
        }
        Some(leads)
    }
}

/// The number of the node at a state (`state(s)` is its dimension `s`); `None` outside the grid and between nodes.
fn node(axes: &[Axis], state: impl Fn(usize) -> f64) -> Option<usize> {
    axes.iter().enumerate().try_fold(0, |number, (s, axis)| {
        let (x, nodes) = (state(s), axis.nodes());
        let near = axis.locate(x).cell as usize;
        let there = nodes.get(near).is_some_and(|n| (n - x).abs() < 1e-9);
        there.then_some(number * nodes.len() + near)
    })
}
