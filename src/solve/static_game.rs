//! One-shot games: everybody chooses once, numbers in intervals, and is paid.
//!
//! *Nash*: each member's first-order condition `d r_i / d a_i = 0` for all own actions; *joint*: those of the sum of rewards
//! over all members' actions. Newton's method from many starts with derivatives of the unrolled model, then a global check:
//! along each own action no point of a fine scan may pay more. Several solutions or none are errors. States stand at their
//! starts, shocks and noises at their means; if a reward varies with a state there is no one-shot game without more said.
//! Reference: Fudenberg and Tirole (1991), *Game Theory*, chapter 1.

use crate::check::Model;
use crate::check::model::Space;
use crate::diag::Diagnostic;
use crate::graph::{InputKind, Op};
use crate::kernel::dag::{Dag, Id};
use crate::kernel::differentiate::derivative;
use crate::kernel::unroll::Unroll;
use crate::num::fixed_point::{Equations, NewtonOptions, newton};
use crate::num::optimise::spread;

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
/// Relative gain from a deviation that is put down to rounding.
const GAIN: f64 = 1e-9;

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
}

/// The values of an action (or of anything named like it) in the one-shot game, one a member.
pub fn solve(model: &Model, target: &str, conduct: Conduct) -> Result<Vec<f64>, Diagnostic> {
    let mut game = Game::new(model, conduct)?;
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
        if settled && game.is_best(&report.x) && !found.iter().any(|f| near(f, &report.x)) {
            found.push(report.x);
        }
    }
    let chosen = match found.as_slice() {
        [one] => one.clone(),
        [] => {
            return Err(Diagnostic::error(
                "E0917",
                "the one-shot game has no equilibrium inside the bounds of the actions",
            )
            .hint("widen the bounds; a corner or a mixed equilibrium is not found by this solver"));
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

fn near(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(x, y)| (x - y).abs() <= 1e-7 * (1.0 + x.abs()))
}

impl Game {
    fn new(model: &Model, conduct: Conduct) -> Result<Game, Diagnostic> {
        let g = &model.graph;
        let mut u = Unroll::new(g);
        let mut inputs = 0u32;
        for (i, input) in g.inputs.iter().enumerate() {
            let n = g.elements(&input.shape);
            let ids: Vec<Id> = match input.kind {
                InputKind::Param(p) if p < model.params.len() => {
                    model.params[p].values.iter().map(|x| u.dag.constant(*x)).collect()
                }
                InputKind::Noise(_) => vec![u.dag.constant(0.5); n],
                InputKind::Shock(_) | InputKind::ShockNext(_) | InputKind::Time => vec![u.dag.constant(0.0); n],
                _ => (0..n)
                    .map(|_| {
                        inputs += 1;
                        u.dag.input(inputs - 1)
                    })
                    .collect(),
            };
            u.bind(crate::graph::InputId(i as u32), ids);
        }
        let fail = |e: crate::kernel::lower::LowerError| Diagnostic::error("E0810", e.to_string());
        let mut actions = Vec::new();
        let (mut lo, mut hi, mut names, mut owner) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut state_ids = Vec::new();
        for s in &model.states {
            if let Some(n) = g.nodes.iter().position(|n| n.op == Op::Input(s.input)) {
                state_ids.extend(u.node(crate::graph::NodeId(n as u32)).map_err(fail)?);
            }
        }
        for a in &model.actions {
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
                .at(a.span, "a finite choice"));
            };
            let (l, h) = (g.nodes[l.0 as usize].domain, g.nodes[h.0 as usize].domain);
            let (Some(l), Some(h)) = (l.as_point(), h.as_point()) else {
                return Err(Diagnostic::error(
                    "E0810",
                    format!("the one-shot game needs constant bounds; those of `{}` vary", a.name),
                )
                .at(a.span, "bounds that vary"));
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
        let mut dag = u.dag;
        let everything: Vec<Id> = rewards.iter().flatten().copied().collect();
        let read = dag.reachable(&everything);
        if state_ids.iter().any(|s| read[s.0 as usize]) {
            return Err(
                Diagnostic::error("E0810", "rewards of the one-shot game vary with a state").hint(
                    "give the benchmark as a number: --set NAME=.., or write the static game as a model of its own",
                ),
            );
        }
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
        Ok(Game {
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

    /// The values of expressions at a profile of actions.
    fn at(&self, outputs: &[Id], x: &[f64]) -> Vec<f64> {
        let most = self
            .actions
            .iter()
            .filter_map(|a| {
                if let crate::kernel::dag::Expr::Input(i) = self.dag.expr(*a) {
                    Some(i)
                } else {
                    None
                }
            })
            .max()
            .unwrap_or(0);
        let mut inputs = vec![f64::NAN; most as usize + 1];
        for (a, v) in self.actions.iter().zip(x) {
            if let crate::kernel::dag::Expr::Input(i) = self.dag.expr(*a) {
                inputs[i as usize] = *v;
            }
        }
        self.dag.evaluate(outputs, &inputs)
    }

    /// Whether no own action pays more anywhere along its interval.
    fn is_best(&self, x: &[f64]) -> bool {
        for i in 0..x.len() {
            let here = self.at(&self.payoff[i..=i], x)[0];
            let mut y = x.to_vec();
            for k in 0..=SCAN {
                y[i] = self.lo[i] + (self.hi[i] - self.lo[i]) * k as f64 / SCAN as f64;
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
        let rows: Vec<Vec<f64>> = self.jacobian.iter().map(|r| self.at(r, x)).collect();
        rows.iter().flatten().all(|y| y.is_finite()).then_some(rows)
    }
}
