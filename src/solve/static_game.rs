//! One-shot games: everybody chooses once, numbers in intervals, and is paid.
//!
//! *Nash*: each member's first-order condition `d r_i / d a_i = 0` for all own actions; *joint*: those of the sum of rewards
//! over all members' actions. Rewards are expected ones: shocks by their stationary law, noises by quadrature; states stand at
//! their starts; one draw behind kinks is integrated between them (`kinked.rs`). Newton's method from many starts, and from where replies in turn lead: rewards may be flat over most of the
//! intervals (a price of zero), so replies scan them evenly and by powers of ten. Then a global check: along each own action
//! no point of a fine scan may pay more; at a corner that is the whole condition. Several solutions or none are errors. What
//! somebody knows that others do not (an own shock) makes a game of incomplete information, which this is not.
//! Reference: Fudenberg and Tirole (1991), *Game Theory*, chapter 1.

use super::decision::expectation::Expectation;
use super::kinked::Kinked;
use crate::check::Model;
use crate::check::model::Space;
use crate::diag::Diagnostic;
use crate::graph::Op;
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::differentiate::derivative;
use crate::num::fixed_point::{Equations, NewtonOptions, newton};
use crate::num::optimise::{brent, spread};

/// Whose reward each action maximises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// The own member's.
    Nash,
    /// Everybody's together.
    Joint,
}

/// Newton's starts.
const STARTS: usize = 40;
/// Points of the scan along each own action.
const SCAN: usize = 400;
/// Points of the scan of a reply, evenly and by powers of ten from either end.
const REPLY: (usize, usize) = (40, 24);
/// Rounds of replies in turn.
const ROUNDS: usize = 200;
/// Relative gain from a deviation that is put down to rounding.
const GAIN: f64 = 1e-9;
/// Profiles closer than this (relative) are one equilibrium: where a reward has kinks in a draw, its expectation over nodes is flat
/// between them, and every point of the flat stretch is a best reply.
const ONE: f64 = 2e-3;

struct Game {
    dag: Dag,
    actions: Vec<Id>,
    lo: Vec<f64>,
    hi: Vec<f64>,
    /// For each action the reward it maximises.
    payoff: Vec<Id>,
    conditions: Vec<Id>,
    jacobian: Vec<Vec<Id>>,
    names: Vec<String>,
    /// What chance may bring: inputs it sets, their values with weights.
    chance: Vec<u32>,
    outcomes: Vec<(Vec<f64>, f64)>,
    /// A draw that is integrated between its kinks.
    kinked: Option<Kinked>,
    /// Whether other draws stand behind kinks.
    rough: bool,
    /// How many times as many nodes as usual.
    finer: usize,
    inputs: usize,
}

/// The values of an action (or of anything named like it) in the one-shot game, one a member.
pub fn solve(model: &Model, target: &str, conduct: Conduct) -> Result<Vec<f64>, Diagnostic> {
    let mut game = Game::new(model, conduct, 1)?;
    let mut found: Vec<Vec<f64>> = Vec::new();
    let n = game.actions.len();
    let mut unit = vec![0.5; n];
    for start in 0..STARTS {
        if start > 0 {
            spread(start, n, &mut unit);
        }
        let x: Vec<f64> = (0..n)
            .map(|i| game.lo[i] + unit[i] * (game.hi[i] - game.lo[i]))
            .collect();
        let (lo, hi) = (game.lo.clone(), game.hi.clone());
        let options = NewtonOptions {
            tolerance: 1e-12,
            ..NewtonOptions::default()
        };
        let report = newton(&mut game, &x, &lo, &hi, &options);
        let settled = report.converged || report.residual < 1e-10;
        if settled && !found.iter().any(|f| near(f, &report.x, ONE)) && game.is_best(&report.x) {
            found.push(report.x);
        }
    }
    // Replies in turn reach what Newton's method cannot: rewards that are flat at most starts, kinks, corners.
    for share in [0.5, 0.1, 0.01, 1e-4, 0.9] {
        let x: Vec<f64> = (0..n).map(|i| game.lo[i] + share * (game.hi[i] - game.lo[i])).collect();
        let Some(x) = game.replies(x) else { continue };
        let (lo, hi) = (game.lo.clone(), game.hi.clone());
        let options = NewtonOptions {
            tolerance: 1e-12,
            ..NewtonOptions::default()
        };
        let report = newton(&mut game, &x, &lo, &hi, &options);
        let polished = (report.converged || report.residual < 1e-10) && near(&report.x, &x, 1e-3);
        let x = if polished { report.x } else { x };
        if !found.iter().any(|f| near(f, &x, ONE)) && game.is_best(&x) {
            found.push(x);
        }
    }
    let chosen = match found.as_slice() {
        [one] => game.settled(model, conduct, one)?,
        [] => {
            return Err(Diagnostic::error(
                "E0917",
                "no equilibrium of the one-shot game was found within the bounds of the actions",
            )
            .note("neither first-order conditions nor replies in turn settle where nobody gains by deviating")
            .hint(
                "give the benchmark as a number, --set NAME=..; equilibria in mixed strategies are outside this solver",
            ));
        }
        several => {
            let mut d = Diagnostic::error("E0918", format!("the one-shot game has {} equilibria", several.len()));
            for f in several.iter().take(4) {
                d = d.note(format!("{f:?}"));
            }
            return Err(d.hint("narrow the action's interval to the one that is meant, or set the parameter"));
        }
    };
    let out: Vec<f64> = game
        .names
        .iter()
        .zip(&chosen)
        .filter(|(name, _)| **name == target)
        .map(|(_, x)| *x)
        .collect();
    // Equal members choose the same; the last digits of Newton's method are not theirs.
    let (lo, hi) = out
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    if hi - lo <= 1e-9 * (1.0 + lo.abs()) && out.len() > 1 {
        return Ok(vec![out.iter().sum::<f64>() / out.len() as f64]);
    }
    if out.is_empty() {
        return Err(
            Diagnostic::error("E0919", format!("`{target}` is not chosen in the one-shot game"))
                .hint("benchmarks can be asked for actions only"),
        );
    }
    Ok(out)
}

/// How far an equilibrium may move when expectations are taken with twice as many nodes.
const SETTLED: f64 = 1e-4;

fn near(a: &[f64], b: &[f64], within: f64) -> bool {
    a.iter().zip(b).all(|(x, y)| (x - y).abs() <= within * (1.0 + x.abs()))
}

/// A shock of a member's own that it sees and others do not makes a game of incomplete information.
fn private(model: &Model, expectation: &mut Expectation, rewards: &[Id]) -> Result<(), Diagnostic> {
    let g = &model.graph;
    for agent in model.agents.iter().filter(|a| !a.actions.is_empty()) {
        for seen in agent.observation.iter().filter_map(|o| o.shock) {
            let shock = &model.shocks[seen];
            let node = g.nodes.iter().position(|n| n.op == Op::Input(shock.input));
            let ids = match node {
                Some(n) => expectation
                    .unroll
                    .node(crate::graph::NodeId(n as u32))
                    .unwrap_or_default(),
                None => Vec::new(),
            };
            let read = expectation.unroll.dag.reachable(rewards);
            let matters = ids.iter().any(|id| read.get(id.0 as usize) == Some(&true));
            if shock.owner.is_some() && matters {
                return Err(Diagnostic::error(
                    "E0821",
                    format!("`{}` is private information: the one-shot game is one of incomplete information", shock.name),
                )
                .at(shock.span, "its owner sees it, others do not")
                .hint("this solver finds equilibria in numbers, not in functions of what one knows; give the benchmark as a number: --set NAME=.., or draw it as a noise, after everybody has acted"));
            }
        }
    }
    Ok(())
}

impl Game {
    fn new(model: &Model, conduct: Conduct, finer: usize) -> Result<Game, Diagnostic> {
        let g = &model.graph;
        let mut expectation = Expectation::new(model)?;
        let u = &mut expectation.unroll;
        let fail = |e: crate::kernel::lower::LowerError| Diagnostic::error("E0810", e.to_string());
        let mut actions = Vec::new();
        let (mut lo, mut hi, mut names, mut owner) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // States stand at their starts.
        let mut state_ids = Vec::new();
        for s in &model.states {
            if let Some(n) = g.nodes.iter().position(|n| n.op == Op::Input(s.input)) {
                let start = s.start.and_then(|n| g.nodes[n.0 as usize].domain.as_point());
                for id in u.node(crate::graph::NodeId(n as u32)).map_err(fail)? {
                    state_ids.push((id, start, s));
                }
            }
        }
        for (k, a) in model.actions.iter().enumerate() {
            if model.agents[a.owner].rules.iter().any(|(r, _)| *r == k) {
                continue;
            }
            let Some(n) = g.nodes.iter().position(|n| n.op == Op::Input(a.input)) else {
                continue;
            };
            let ids = u.node(crate::graph::NodeId(n as u32)).map_err(fail)?;
            let Space::Interval { lo: l, hi: h, .. } = &a.space else {
                return Err(Diagnostic::error(
                    "E0810",
                    format!(
                        "the one-shot game needs numbers in intervals; `{}` is a finite choice",
                        a.name
                    ),
                )
                .at(a.span, "a finite choice")
                .hint("let it choose from an interval, or give the benchmark as a number: --set NAME=VALUE"));
            };
            let (l, h) = (g.nodes[l.0 as usize].domain, g.nodes[h.0 as usize].domain);
            let (Some(l), Some(h)) = (l.as_point(), h.as_point()) else {
                return Err(Diagnostic::error(
                    "E0810",
                    format!("the one-shot game needs constant bounds; those of `{}` vary", a.name),
                )
                .at(a.span, "bounds that vary")
                .hint("let the bounds be numbers, or give the benchmark as a number: --set NAME=VALUE"));
            };
            let members = crate::graph::shape::aligned(g, &model.agents[a.owner].shape, &a.shape);
            for (e, id) in ids.into_iter().enumerate() {
                actions.push(id);
                lo.push(l.max(-1e6));
                hi.push(h.min(1e6));
                names.push(a.name.clone());
                owner.push((a.owner, members[e]));
            }
        }
        let mut rewards: Vec<Vec<Id>> = Vec::new();
        for agent in &model.agents {
            rewards.push(match agent.reward {
                None => Vec::new(),
                Some(r) => {
                    let ids = u.node(r).map_err(fail)?;
                    let map = crate::graph::shape::aligned(g, &g.nodes[r.0 as usize].shape, &agent.shape);
                    map.into_iter().map(|i| ids[i]).collect()
                }
            });
        }
        let flat: Vec<Id> = rewards.iter().flatten().copied().collect();
        let outcomes = expectation.outcomes(&flat, finer)?;
        private(model, &mut expectation, &flat)?;
        let mut dag = expectation.unroll.dag;
        if let Some(chance) = outcomes.chance {
            for r in rewards.iter_mut().flatten() {
                *r = dag.mul(chance, *r);
            }
        }
        let mut stand = std::collections::HashMap::new();
        let read = dag.reachable(&rewards.iter().flatten().copied().collect::<Vec<Id>>());
        for (id, start, state) in state_ids {
            match start {
                Some(x) => {
                    let x = dag.constant(x);
                    stand.insert(id, x);
                }
                None if read[id.0 as usize] => {
                    return Err(Diagnostic::error(
                        "E0810",
                        format!(
                            "rewards of the one-shot game vary with `{}`, whose first value is not one number",
                            state.name
                        ),
                    )
                    .at(state.span, "read by a reward")
                    .hint("give it a `start` that is a number, or the benchmark itself: --set NAME=.."));
                }
                None => {}
            }
        }
        for r in &mut rewards {
            *r = dag.substitute(r, &stand);
        }
        let everything: Vec<Id> = rewards.iter().flatten().copied().collect();
        let mut total = dag.constant(0.0);
        for r in &everything {
            total = dag.add(total, *r);
        }
        let payoff: Vec<Id> = owner
            .iter()
            .map(|(agent, member)| match conduct {
                Conduct::Joint => total,
                Conduct::Nash => rewards[*agent].get(*member).copied().unwrap_or(total),
            })
            .collect();
        let conditions: Vec<Id> = payoff
            .iter()
            .zip(&actions)
            .map(|(r, a)| derivative(&mut dag, &[*r], *a)[0])
            .collect();
        let columns: Vec<Vec<Id>> = actions.iter().map(|a| derivative(&mut dag, &conditions, *a)).collect();
        let jacobian = (0..conditions.len())
            .map(|i| columns.iter().map(|c| c[i]).collect())
            .collect();
        let kinked = outcomes
            .split
            .and_then(|(input, law)| Kinked::new(&mut dag, &everything, input, law));
        let number = |id: &Id| match dag.expr(*id) {
            Expr::Input(i) => Some(i),
            _ => None,
        };
        let chance: Vec<u32> = outcomes.inputs.iter().filter_map(number).collect();
        let inputs = chance
            .iter()
            .copied()
            .chain(kinked.as_ref().map(|k| k.input() as u32))
            .chain(actions.iter().filter_map(number))
            .max()
            .map_or(0, |m| m as usize + 1);
        Ok(Game {
            chance,
            outcomes: outcomes.nodes,
            kinked,
            rough: outcomes.rough,
            finer,
            inputs,
            dag,
            actions,
            lo,
            hi,
            payoff,
            conditions,
            jacobian,
            names,
        })
    }

    /// The expected values of expressions at a profile of actions.
    fn at(&self, outputs: &[Id], x: &[f64]) -> Vec<f64> {
        let mut inputs = vec![f64::NAN; self.inputs];
        for (a, v) in self.actions.iter().zip(x) {
            if let Expr::Input(i) = self.dag.expr(*a) {
                inputs[i as usize] = *v;
            }
        }
        let mut sum = vec![0.0; outputs.len()];
        for (values, w) in &self.outcomes {
            for (i, v) in self.chance.iter().zip(values) {
                inputs[*i as usize] = *v;
            }
            let Some(kinked) = &self.kinked else {
                for (s, v) in sum.iter_mut().zip(self.dag.evaluate(outputs, &inputs)) {
                    *s += w * v;
                }
                continue;
            };
            let rule = kinked.rule(&self.dag, &mut inputs, self.finer);
            for (x, p) in rule.nodes.iter().zip(&rule.weights) {
                inputs[kinked.input()] = *x;
                for (s, v) in sum.iter_mut().zip(self.dag.evaluate(outputs, &inputs)) {
                    *s += w * p * v;
                }
            }
        }
        sum
    }

    /// An equilibrium as it is with twice as many nodes for draws behind kinks.
    ///
    /// # Errors
    /// E0920 where it is not the same up to [`SETTLED`].
    fn settled(&self, model: &Model, conduct: Conduct, x: &[f64]) -> Result<Vec<f64>, Diagnostic> {
        if self.kinked.is_none() && !self.rough {
            return Ok(x.to_vec());
        }
        let mut finer = Game::new(model, conduct, 2)?;
        let options = NewtonOptions {
            tolerance: 1e-12,
            ..NewtonOptions::default()
        };
        let report = newton(&mut finer, x, &self.lo, &self.hi, &options);
        let polished = (report.converged || report.residual < 1e-10) && near(&report.x, x, SETTLED);
        let better = if polished {
            Some(report.x)
        } else {
            finer.replies(x.to_vec())
        };
        match better {
            Some(y) if near(&y, x, SETTLED) => Ok(y),
            other => Err(Diagnostic::error(
                "E0920",
                "the equilibrium of the one-shot game moves with the nodes of its draws",
            )
            .note(match other {
                Some(y) => format!("{x:?} with the usual nodes, {y:?} with twice as many"),
                None => format!("{x:?} with the usual nodes; with twice as many replies in turn do not settle"),
            })
            .hint("several draws stand behind kinks or steps (min, max, abs, comparisons): leave one of them, or give the benchmark as a number, --set NAME=..")),
        }
    }

    /// A point of an own action's interval by its place in the scan: evenly, then by powers of ten from either end.
    fn scan(&self, i: usize, even: usize, powers: usize) -> Vec<f64> {
        let (lo, hi) = (self.lo[i], self.hi[i]);
        let width = hi - lo;
        let mut out: Vec<f64> = (0..=even).map(|k| lo + width * k as f64 / even as f64).collect();
        for k in 1..=powers {
            let part = width * 10f64.powf(-(k as f64) / 4.0);
            out.extend([lo + part, hi - part]);
        }
        out.sort_by(f64::total_cmp);
        out
    }

    /// The Jacobian of the conditions by differences, inside the bounds.
    fn differences(&self, x: &[f64]) -> Option<Vec<Vec<f64>>> {
        let n = x.len();
        let mut rows = vec![vec![0.0; n]; n];
        for b in 0..n {
            let h = 1e-5 * (1.0 + x[b].abs());
            let at = |to: f64| {
                let mut y = x.to_vec();
                y[b] = to.clamp(self.lo[b], self.hi[b]);
                (y[b], self.at(&self.conditions, &y))
            };
            let ((up, above), (down, below)) = (at(x[b] + h), at(x[b] - h));
            for (row, (u, d)) in rows.iter_mut().zip(above.iter().zip(&below)) {
                row[b] = (u - d) / (up - down);
            }
        }
        rows.iter().flatten().all(|y| y.is_finite()).then_some(rows)
    }

    /// Everybody replies in turn until nobody moves; `None` if it does not end.
    fn replies(&self, mut x: Vec<f64>) -> Option<Vec<f64>> {
        for _ in 0..ROUNDS {
            let mut moved: f64 = 0.0;
            for i in 0..x.len() {
                let mut y = x.clone();
                let mut pays = |v: f64| {
                    y[i] = v;
                    let p = self.at(&self.payoff[i..=i], &y)[0];
                    if p.is_nan() { f64::NEG_INFINITY } else { p }
                };
                let points = self.scan(i, REPLY.0, REPLY.1);
                let here = pays(x[i]);
                let mut best = (x[i], here);
                let mut place = None;
                for (k, p) in points.iter().enumerate() {
                    let v = pays(*p);
                    if v > best.1 {
                        best = (*p, v);
                        place = Some(k);
                    }
                }
                let (lo, hi) = match place {
                    Some(k) => (points[k.saturating_sub(1)], points[(k + 1).min(points.len() - 1)]),
                    None => {
                        let k = points.partition_point(|p| *p < x[i]);
                        (points[k.saturating_sub(1)], points[(k + 1).min(points.len() - 1)])
                    }
                };
                let (u, v) = brent(&mut pays, lo, hi, 1e-10);
                // An end of the interval may be as good as what a search inside can find.
                for (p, w) in [(u, v), (lo, pays(lo)), (hi, pays(hi))] {
                    if w > best.1 {
                        best = (p, w);
                    }
                }
                if best.1 > here {
                    moved = moved.max((best.0 - x[i]).abs() / (1.0 + x[i].abs()));
                    x[i] = best.0;
                }
            }
            if moved < 1e-8 {
                return Some(x);
            }
        }
        None
    }

    /// Whether no own action pays more anywhere along its interval.
    fn is_best(&self, x: &[f64]) -> bool {
        for i in 0..x.len() {
            let here = self.at(&self.payoff[i..=i], x)[0];
            let mut y = x.to_vec();
            for point in self.scan(i, SCAN, REPLY.1) {
                y[i] = point;
                let there = self.at(&self.payoff[i..=i], &y)[0];
                if there > here + GAIN * (1.0 + here.abs()) {
                    return false;
                }
            }
        }
        true
    }
}

impl Equations for Game {
    fn residual(&mut self, x: &[f64]) -> Option<Vec<f64>> {
        let v = self.at(&self.conditions.clone(), x);
        v.iter().all(|y| y.is_finite()).then_some(v)
    }

    fn jacobian(&mut self, x: &[f64]) -> Option<Vec<Vec<f64>>> {
        // Kinks that move with the actions move the conditions, too, which derivatives under the integral do not see.
        if self.kinked.is_some() {
            return self.differences(x);
        }
        let rows: Vec<Vec<f64>> = self.jacobian.iter().map(|r| self.at(r, x)).collect();
        rows.iter().flatten().all(|y| y.is_finite()).then_some(rows)
    }
}
