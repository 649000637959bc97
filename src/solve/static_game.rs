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
use super::expected::Expected;
use super::kinked::{Kinked, Nodes};
use crate::check::Model;
use crate::check::model::{Otherwise, Space};
use crate::diag::Diagnostic;
use crate::graph::Op;
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::differentiate::derivative;
use crate::kernel::program::{CompileError, Mode, Program};
use crate::limits;
use crate::num::fixed_point::{Equations, NewtonOptions, newton};
use crate::num::optimise::{brent, spread};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

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
/// The last of them, tried where draws stand at nodes behind kinks.
const ROUGH_STARTS: usize = 12;
/// Shares of the intervals from which replies in turn start.
const FROM: [f64; 5] = [0.5, 0.1, 0.01, 1e-4, 0.9];
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
    lo: Vec<f64>,
    hi: Vec<f64>,
    /// For each action the reward it maximises.
    payoff: Vec<Program<f64>>,
    conditions: Program<f64>,
    /// Rows of the conditions' derivatives.
    jacobian: Vec<Program<f64>>,
    names: Vec<String>,
    chance: Expected,
    /// Whether draws stand behind kinks whose nodes only come near.
    rough: bool,
    requirements: Requirements,
}

/// What must hold of the actions of a game: it is solved without, and what is found must do it.
struct Requirements {
    dag: Dag,
    /// Slacks that move with an action, and which requirement of the model each belongs to.
    slacks: Vec<(Id, usize)>,
}

/// The values of an action (or of anything named like it) in the one-shot game that parameter `asked_by` asks for: one value per
/// member, or a single one where all members choose the same.
///
/// # Errors
/// E0810 for a model outside the game (bounds that are no numbers, finite choices, a requirement that binds), E0821 where a member
/// knows what others do not, E0917 without an equilibrium, E0918 with several, E0919 where `target` is not chosen, E0920 where
/// integration does not settle; those of [`super::decision::expectation::Expectation`].
pub fn solve(model: &Model, target: &str, conduct: Conduct, asked_by: &str) -> Result<Vec<f64>, Diagnostic> {
    let game = Game::new(model, conduct, Nodes::Usual)?;
    let mut found: Vec<Vec<f64>> = Vec::new();
    if game.rough {
        // Many nodes are dear: a search with few of them says where equilibria are, and those are led on.
        for x in Game::new(model, conduct, Nodes::Few)?.equilibria(asked_by) {
            limits::doing(format!("{asked_by}: one-shot game, an equilibrium is refined"));
            if let Some(x) = game.led_on(&x, LED)
                && !found.iter().any(|f| near(f, &x, ONE))
                && game.is_best(&x)
            {
                found.push(x);
            }
        }
    }
    if found.is_empty() {
        found = game.equilibria(asked_by);
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
    game.allowed(model, &chosen)?;
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

/// How far an equilibrium may move from the one with few nodes.
const LED: f64 = 0.02;
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
    /// Errs where the actions found break a requirement on them, whatever is drawn.
    ///
    /// # Errors
    /// E0810.
    fn allowed(&self, model: &Model, chosen: &[f64]) -> Result<(), Diagnostic> {
        let ids: Vec<Id> = self.requirements.slacks.iter().map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut inputs = vec![0.0; self.chance.inputs];
        for (input, x) in self.chance.actions.iter().zip(chosen) {
            inputs[*input] = *x;
        }
        for outcome in 0..self.chance.weights.len().max(1) {
            for (input, values) in &self.chance.chance {
                inputs[*input] = values.get(outcome).copied().unwrap_or(0.0);
            }
            let slacks = self.requirements.dag.evaluate(&ids, &inputs);
            let broken = slacks.iter().position(|x| !(*x >= -1e-7));
            if let Some(i) = broken {
                let r = &model.requires[self.requirements.slacks[i].1];
                let found: Vec<String> = self
                    .names
                    .iter()
                    .zip(chosen)
                    .map(|(n, x)| format!("{n} = {x:.6}"))
                    .collect();
                return Err(Diagnostic::error(
                    "E0810",
                    "a requirement binds in the one-shot game, and such games are solved without requirements",
                )
                .at(r.span, "broken by what is best without it")
                .note(found.join(", "))
                .hint(
                    "write it as bounds of the action, as in `action x in [0, 1]`, or as a cost, `else penalty(100)`; or give the benchmark \
                     as a number: --set NAME=VALUE",
                ));
            }
        }
        Ok(())
    }

    fn new(model: &Model, conduct: Conduct, nodes: Nodes) -> Result<Game, Diagnostic> {
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
        let mut slacks: Vec<(Id, usize)> = Vec::new();
        for (k, r) in model.requires.iter().enumerate() {
            if matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_)) {
                slacks.extend(u.node(r.slack).map_err(fail)?.into_iter().map(|id| (id, k)));
            }
        }
        let flat: Vec<Id> = rewards.iter().flatten().copied().collect();
        let outcomes = expectation.outcomes(&flat, nodes)?;
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
        for (id, _) in &mut slacks {
            *id = dag.substitute(&[*id], &stand)[0];
        }
        slacks.retain(|(id, _)| {
            let read = dag.reachable(&[*id]);
            actions.iter().any(|a| read.get(a.0 as usize) == Some(&true))
        });
        let requirements = Requirements {
            dag: dag.clone(),
            slacks,
        };
        let everything: Vec<Id> = rewards.iter().flatten().copied().collect();
        let mut everything = crate::kernel::affine::explicit(&mut dag, &everything).into_iter();
        for r in rewards.iter_mut().flatten() {
            *r = everything.next().unwrap_or(*r);
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
        let number = |id: &Id| match dag.expr(*id) {
            Expr::Input(i) => Some(i as usize),
            _ => None,
        };
        let drawn: Vec<usize> = outcomes.inputs.iter().filter_map(number).collect();
        let chosen: Vec<usize> = actions.iter().filter_map(number).collect();
        let split = outcomes
            .split
            .and_then(|(input, law)| Some((input, number(&input)?, law)));
        let lanes = drawn.iter().copied().chain(split.map(|s| s.1));
        let inputs = dag.inputs();
        let mut modes = vec![Mode::Uniform; inputs];
        for i in lanes {
            modes[i] = Mode::Lanes;
        }
        let failed = |e: CompileError| Diagnostic::error("E0990", e.to_string());
        let kinked = match split {
            Some((input, _, law)) => Kinked::new(&mut dag, &everything, input, law, &modes, nodes).map_err(failed)?,
            None => None,
        };
        let compiled = |of: &[Id]| Program::compile(&dag, &modes, of).map_err(failed);
        let values = |k: usize| outcomes.nodes.iter().map(|(v, _)| v[k]).collect();
        Ok(Game {
            payoff: payoff.iter().map(|p| compiled(&[*p])).collect::<Result<_, _>>()?,
            jacobian: (0..conditions.len())
                .map(|i| compiled(&columns.iter().map(|c| c[i]).collect::<Vec<Id>>()))
                .collect::<Result<_, _>>()?,
            conditions: compiled(&conditions)?,
            chance: Expected {
                inputs,
                actions: chosen,
                chance: drawn.iter().enumerate().map(|(k, i)| (*i, values(k))).collect(),
                weights: outcomes.nodes.iter().map(|(_, w)| *w).collect(),
                kinked,
            },
            rough: outcomes.rough,
            requirements,
            lo,
            hi,
            names,
        })
    }

    /// What an action's owner is paid at a profile.
    fn pays(&self, action: usize, x: &[f64]) -> f64 {
        self.chance.of(&self.payoff[action], x)[0]
    }

    /// Newton's method from a profile.
    fn newton(&self, from: &[f64]) -> Option<Vec<f64>> {
        let options = NewtonOptions {
            tolerance: 1e-12,
            // Between the nodes of draws behind kinks conditions jump, and the method may not settle at all.
            iterations: if self.rough { 15 } else { 100 },
            ..NewtonOptions::default()
        };
        let report = newton(&mut First(self), from, &self.lo, &self.hi, &options);
        (report.converged || report.residual < 1e-10).then_some(report.x)
    }

    /// The profiles at which nobody gains by deviating, as far as searches find them.
    fn equilibria(&self, asked_by: &str) -> Vec<Vec<f64>> {
        let n = self.lo.len();
        let done = AtomicUsize::new(0);
        let place = |unit: &[f64]| -> Vec<f64> {
            (0..n)
                .map(|i| self.lo[i] + unit[i] * (self.hi[i] - self.lo[i]))
                .collect()
        };
        // Where conditions jump, few of Newton's searches come to an end, and replies in turn find what there is.
        let skipped = if self.rough { STARTS - ROUGH_STARTS } else { 0 };
        let search = |k: usize| {
            let mut unit = vec![0.5; n];
            let x = match k.checked_sub(STARTS) {
                None => {
                    if k > 0 {
                        spread(k, n, &mut unit);
                    }
                    self.newton(&place(&unit))
                }
                // Replies in turn reach what Newton's method cannot: rewards that are flat at most starts, kinks, corners.
                Some(r) => {
                    unit.fill(FROM[r]);
                    let x = self.replies(place(&unit), None, 1e-8);
                    x.map(|x| self.newton(&x).filter(|y| near(y, &x, 1e-3)).unwrap_or(x))
                }
            };
            let of = STARTS + FROM.len() - skipped;
            let count = done.fetch_add(1, Ordering::Relaxed) + 1;
            limits::doing(format!("{asked_by}: one-shot game, {count} of {of} searches"));
            x
        };
        let all: Option<Vec<Option<Vec<f64>>>> = (skipped..STARTS + FROM.len())
            .into_par_iter()
            .map(|k| limits::going(|| search(k)))
            .collect();
        let mut found: Vec<Vec<f64>> = Vec::new();
        for x in all.unwrap_or_else(|| limits::leave()).into_iter().flatten() {
            if !found.iter().any(|f| near(f, &x, ONE)) && self.is_best(&x) {
                found.push(x);
            }
        }
        found
    }

    /// The equilibrium near a profile; `None` where there is none.
    fn led_on(&self, x: &[f64], within: f64) -> Option<Vec<f64>> {
        let smooth = (!self.rough).then(|| self.newton(x)).flatten();
        smooth
            .filter(|y| near(y, x, within))
            .or_else(|| self.replies(x.to_vec(), Some(within), 1e-8))
    }

    /// An equilibrium as it is with twice as many nodes for draws behind kinks.
    ///
    /// # Errors
    /// E0920 where it is not the same up to [`SETTLED`].
    fn settled(&self, model: &Model, conduct: Conduct, x: &[f64]) -> Result<Vec<f64>, Diagnostic> {
        if self.chance.kinked.is_none() && !self.rough {
            return Ok(x.to_vec());
        }
        let finer = Game::new(model, conduct, Nodes::Twice)?;
        let better = match self.rough {
            true => finer.replies(x.to_vec(), Some(SETTLED), 0.1 * SETTLED),
            false => finer.led_on(x, SETTLED),
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
                (y[b], self.chance.of(&self.conditions, &y))
            };
            let ((up, above), (down, below)) = (at(x[b] + h), at(x[b] - h));
            for (row, (u, d)) in rows.iter_mut().zip(above.iter().zip(&below)) {
                row[b] = (u - d) / (up - down);
            }
        }
        rows.iter().flatten().all(|y| y.is_finite()).then_some(rows)
    }

    /// Everybody replies in turn until nobody moves by more than `until`, each time within a part of where it stands if that is given; `None` if
    /// it does not end.
    fn replies(&self, mut x: Vec<f64>, within: Option<f64>, until: f64) -> Option<Vec<f64>> {
        for _ in 0..ROUNDS {
            let mut moved: f64 = 0.0;
            for i in 0..x.len() {
                let mut y = x.clone();
                let mut pays = |v: f64| {
                    y[i] = v;
                    let p = self.pays(i, &y);
                    if p.is_nan() { f64::NEG_INFINITY } else { p }
                };
                let points = match within {
                    None => self.scan(i, REPLY.0, REPLY.1),
                    Some(part) => {
                        let reach = 10.0 * part * (1.0 + x[i].abs());
                        let at = |k: i32| (x[i] + reach * f64::from(k) / 3.0).clamp(self.lo[i], self.hi[i]);
                        (-3..=3).map(at).collect()
                    }
                };
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
            if moved < until {
                return Some(x);
            }
        }
        None
    }

    /// Whether no own action pays more anywhere along its interval.
    fn is_best(&self, x: &[f64]) -> bool {
        (0..x.len()).all(|i| {
            let here = self.pays(i, x);
            self.scan(i, SCAN, REPLY.1).into_par_iter().all(|point| {
                let mut y = x.to_vec();
                y[i] = point;
                // What is no number is no gain.
                let gain = self.pays(i, &y) - here;
                gain.is_nan() || gain <= GAIN * (1.0 + here.abs())
            })
        })
    }
}

/// The first-order conditions of a game.
struct First<'a>(&'a Game);

impl Equations for First<'_> {
    fn residual(&mut self, x: &[f64]) -> Option<Vec<f64>> {
        let v = self.0.chance.of(&self.0.conditions, x);
        v.iter().all(|y| y.is_finite()).then_some(v)
    }

    fn jacobian(&mut self, x: &[f64]) -> Option<Vec<Vec<f64>>> {
        // Kinks that move with the actions move the conditions, too, which derivatives under the integral do not see.
        if self.0.chance.kinked.is_some() {
            return self.0.differences(x);
        }
        let rows: Vec<Vec<f64>> = self.0.jacobian.iter().map(|r| self.0.chance.of(r, x)).collect();
        rows.iter().flatten().all(|y| y.is_finite()).then_some(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(agent: &str, market: &str) -> Result<Vec<f64>, Diagnostic> {
        let text = format!(
            "agent firm[2] {{\n  param k = [2, 5]\n  action q in [0, 10]\n{agent}\n}}\nmarket g {{\n  let Q = sum(firm.out)\n  {market}\n}}\n"
        );
        let (model, found) = crate::compile(&text, &crate::Options::default());
        solve(
            &model.unwrap_or_else(|| panic!("{text}{found:?}")),
            "firm.q",
            Conduct::Nash,
            "q",
        )
    }

    #[test]
    fn a_price_that_clears_and_its_formula_are_one_game_and_kinks_stand_where_they_are() {
        // Capacities are random shares of what is planned: one draw between its kinks, the other at nodes.
        let agent = "  noise e ~ uniform(0.5, 1.5)\n  let out = min(q * e, k)\n  reward p * out - q";
        let formula = asked(agent, "price p = (12 - Q) / 1.5").unwrap();
        let clears = asked(agent, "price p in [0, 100] clears Q == 12 - 1.5 * p").unwrap();
        let curved = asked(agent, "price p in [0, 100] clears Q + 0 * p^3 == 12 - 1.5 * p").unwrap();
        for other in [&clears, &curved] {
            assert!(
                formula.iter().zip(other).all(|(x, y)| (x - y).abs() < 1e-6),
                "{formula:?} {other:?}"
            );
        }
        // By hand: what firm i plans solves E[e 1(q e < k) (8 - E Q_j / 1.5 - 2 q e / 1.5)] = 1.
        let mean = |q: f64, k: f64, f: &dyn Fn(f64) -> f64| -> f64 {
            let n = 200_000;
            (0..n)
                .map(|i| 0.5 + (i as f64 + 0.5) / n as f64)
                .filter(|e| q * e < k)
                .map(f)
                .sum::<f64>()
                / n as f64
        };
        let out = |q: f64, k: f64| {
            let inside = mean(q, k, &|e| q * e);
            inside + k * (1.0 - mean(q, k, &|_| 1.0))
        };
        for (i, k) in [2.0, 5.0].into_iter().enumerate() {
            let (q, other) = (formula[i], out(formula[1 - i], [5.0, 2.0][i]));
            let slope = mean(q, k, &|e| e * (8.0 - other / 1.5 - 2.0 * q * e / 1.5)) - 1.0;
            assert!(slope.abs() < 1e-3, "firm {i}: {slope}, {formula:?}");
        }
    }

    #[test]
    fn draws_behind_kinks_that_do_not_settle_are_refused() {
        // What each sells steps with two draws; the second stands at nodes, and so does what is best.
        let text = "agent firm { action q in [0, 10]; noise e ~ normal(0, 1); noise d ~ uniform(0, 8); reward (if e + d > q then q else 0) - (if d < q then 0.3 else 0) }";
        let (model, found) = crate::compile(text, &crate::Options::default());
        let model = model.unwrap_or_else(|| panic!("{found:?}"));
        let d = solve(&model, "firm.q", Conduct::Nash, "q").unwrap_err();
        assert_eq!(d.code, "E0920", "{d:?}");
        assert!(d.hint.is_some_and(|h| h.contains("--set NAME=")));
    }
}
