//! Agents that choose one after another and see what was chosen before: subgame perfect equilibria, from the last stage to the first.
//!
//! Whoever chooses at an earlier stage is paid what comes of its choice once later stages have answered, so its problem holds theirs: a scan
//! along the whole interval (answers may jump and have kinks) and a search around the best point, every trial with the answers solved again; then, where
//! what it is paid is smooth, the root of its slope. Reference: Fudenberg and Tirole (1991), *Game Theory*, chapter 3.

use super::play::{Play, Searched};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::graph::{NodeId, Op};
use crate::limits;
use crate::num::fixed_point::{NewtonOptions, newton};
use crate::solve::kinked::Nodes;
use crate::solve::static_game::GAIN;
use crate::solve::static_game::game::{Game, Reading};
use crate::solve::static_game::search::best_of;

/// Points of the scan of an earlier stage, evenly and by powers of ten from either end.
const SCAN: (usize, usize) = (40, 16);
/// Points of the scan that what was found must stand at every stage, none of the search's own but the ends.
const TEST: (usize, usize) = (97, 20);
/// What counts as a gain in that test, in the least gains of searches: answers are searched for themselves.
const TESTED: f64 = 100.0;
/// Rounds of replies within a stage.
const ROUNDS: usize = 100;
/// Shares of the intervals from which a stage is begun.
const FROM: [f64; 3] = [0.5, 0.1, 0.9];

/// The equilibria by stages: profiles on the path of play.
///
/// # Errors
/// Those of [`Game::new`]; E0810 where a later stage does not see what was chosen before, or knows something.
pub(super) fn solve(model: &Model, reading: &Reading) -> Result<(Game, Vec<Play>, Searched), Diagnostic> {
    let game = Game::new(model, Nodes::Usual, reading)?;
    let cannot = |why: String| Diagnostic::error("E0810", why);
    if let Some(t) = game.types.first() {
        return Err(
            cannot(format!("`{}` is known to somebody in a game with stages", t.name))
                .at(model.shocks[t.shock].span, "seen when acting")
                .hint("in games with stages only what was chosen before may be seen"),
        );
    }
    seen(model, &game)?;
    let stage_of = |i: usize| model.actions[game.actions[i].action].stage;
    let mut stages: Vec<usize> = (0..game.actions.len()).map(stage_of).collect();
    stages.sort_unstable();
    stages.dedup();
    let turns: Vec<Vec<usize>> = stages
        .iter()
        .map(|s| (0..game.actions.len()).filter(|i| stage_of(*i) == *s).collect())
        .collect();
    let tree = Stages { game: &game, turns };
    let mut found: Vec<Vec<f64>> = Vec::new();
    for (k, from) in FROM.iter().enumerate() {
        limits::doing(format!("stages, {} of {} searches", k + 1, FROM.len()));
        let mut x: Vec<f64> = (0..game.actions.len())
            .map(|i| match &game.actions[i].values {
                Some((values, _)) => values[((values.len() - 1) as f64 * from).round() as usize],
                None => game.lo[i] + from * (game.hi[i] - game.lo[i]),
            })
            .collect();
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(x, y)| (x - y).abs() <= 1e-5 * (1.0 + x.abs()));
        let settled = tree.settle(0, &mut x).is_some() && !found.iter().any(|f| close(f, &x));
        if settled && tree.stands(&x) {
            game.allowed(model, &x)?;
            found.push(x);
        }
    }
    let plays = found.iter().map(|x| Play::numbers(&game, x)).collect();
    Ok((game, plays, Searched::starts(FROM.len())))
}

/// Errs where somebody chooses later and does not see what was chosen before: that is no later stage.
fn seen(model: &Model, game: &Game) -> Result<(), Diagnostic> {
    let actions = || game.actions.iter().map(|a| &model.actions[a.action]);
    for late in actions() {
        for early in actions().filter(|e| e.stage < late.stage && e.owner != late.owner) {
            let observed = model.agents[late.owner]
                .observation
                .iter()
                .any(|o| reads(model, o.node, early.input));
            if !observed {
                let (who, what) = (&model.agents[late.owner].name, &early.name);
                return Err(
                    Diagnostic::error("E0810", format!("`{who}` chooses after `{what}` and does not see it"))
                        .at(late.span, "chosen later")
                        .and(early.span, "not observed")
                        .hint(format!(
                            "write `observe {what}` in `{who}`, or let both choose at one stage"
                        )),
                );
            }
        }
    }
    Ok(())
}

/// Whether a node reads an input.
fn reads(model: &Model, node: NodeId, input: crate::graph::InputId) -> bool {
    let mut below = model.graph.below([node]).through_roots();
    below.any(|(_, n)| n.op == Op::Input(input))
}

struct Stages<'a> {
    game: &'a Game,
    /// The actions of each stage, in order.
    turns: Vec<Vec<usize>>,
}

impl Stages<'_> {
    /// Plays from a stage to the end, given what was chosen before: everybody's best, put into `x`. `None` where replies do not come to rest.
    fn settle(&self, stage: usize, x: &mut Vec<f64>) -> Option<()> {
        let Some(turn) = self.turns.get(stage) else {
            return Some(());
        };
        limits::poll();
        let last = stage + 1 == self.turns.len();
        for _ in 0..ROUNDS {
            let mut moved: f64 = 0.0;
            for i in turn {
                let to = match last {
                    true => self.reply(*i, x),
                    false => self.lead(stage, *i, x),
                };
                if let Some(to) = to {
                    moved = moved.max((to - x[*i]).abs() / (1.0 + x[*i].abs()));
                    x[*i] = to;
                }
            }
            if last && moved < 1e-3 && moved > 0.0 && self.polish(turn, x) {
                moved = 0.0;
            }
            // One who is alone at a stage has nobody to reply to.
            if moved < 1e-9 || turn.len() == 1 {
                if last {
                    self.polish(turn, x);
                }
                return self.settle(stage + 1, x);
            }
        }
        None
    }

    /// Whether nobody at any stage gains by another choice anywhere, the later stages answering.
    fn stands(&self, x: &[f64]) -> bool {
        (self.turns.iter().enumerate()).all(|(stage, turn)| turn.iter().all(|i| self.stays(stage, *i, x)))
    }

    fn stays(&self, stage: usize, i: usize, x: &[f64]) -> bool {
        let last = stage + 1 == self.turns.len();
        // At the last stage nobody answers, and prices that are taken stay.
        let pays = |v: f64| {
            if !last {
                return self.pays(stage, i, v, x);
            }
            let mut y = x.to_vec();
            y[i] = v;
            self.game.pays(i, &y, x)
        };
        let here = pays(x[i]);
        let points = match &self.game.actions[i].values {
            Some((values, _)) => values.clone(),
            None => self.game.scan(i, TEST.0, TEST.1),
        };
        let none = |v: f64| {
            let gain = pays(v) - here;
            !(gain > TESTED * GAIN * (self.game.money[i] + here.abs()))
        };
        here.is_finite() && points.into_iter().all(none)
    }

    /// What is best at the last stage, if it is better than what stands there.
    fn reply(&self, i: usize, x: &[f64]) -> Option<f64> {
        match &self.game.actions[i].values {
            None => self.game.best(i, x, None),
            Some((values, _)) => {
                let pays = |v: f64| {
                    let mut y = x.to_vec();
                    y[i] = v;
                    self.game.pays(i, &y, x)
                };
                better(values, x[i], pays)
            }
        }
    }

    /// What the owner of an action of an earlier stage is paid, with the answers of later stages.
    fn pays(&self, stage: usize, i: usize, v: f64, x: &[f64]) -> f64 {
        let mut y = x.to_vec();
        y[i] = v;
        fault!("market.follower_ignored", do {
            return self.game.pays(i, &y, &y);
        });
        match self.settle(stage + 1, &mut y) {
            Some(()) => self.game.pays(i, &y, &y),
            None => f64::NAN,
        }
    }

    /// What is best at an earlier stage, if it is better than what stands there.
    fn lead(&self, stage: usize, i: usize, x: &[f64]) -> Option<f64> {
        let value = |v: f64| {
            let p = self.pays(stage, i, v, x);
            if p.is_nan() { f64::NEG_INFINITY } else { p }
        };
        if let Some((values, _)) = &self.game.actions[i].values {
            return better(values, x[i], value);
        }
        let (lo, hi) = (self.game.lo[i], self.game.hi[i]);
        let width = hi - lo;
        let mut points: Vec<f64> = (0..=SCAN.0).map(|k| lo + width * k as f64 / SCAN.0 as f64).collect();
        for k in 1..=SCAN.1 {
            let part = width * 10f64.powf(-(k as f64) / 3.0);
            points.extend([lo + part, hi - part]);
        }
        points.sort_by(f64::total_cmp);
        let found = best_of(&mut |v| value(v), x[i], &points);
        let at = found.unwrap_or(x[i]);
        Some(self.flat(at, lo, hi, &value)).filter(|to| found.is_some() || *to != x[i])
    }

    /// The root of the slope near a maximum that a search found, which is exact to half the digits; the maximum itself at kinks and corners.
    fn flat(&self, at: f64, lo: f64, hi: f64, value: &dyn Fn(f64) -> f64) -> f64 {
        let h = 1e-4 * (1.0 + at.abs());
        let slope = |v: f64| (value(v + h) - value(v - h)) / (2.0 * h);
        let mut x = at;
        for _ in 0..6 {
            if x - 3.0 * h < lo || x + 3.0 * h > hi {
                return at;
            }
            let curve = (slope(x + h) - slope(x - h)) / (2.0 * h);
            let step = -slope(x) / curve;
            if !(curve < 0.0) || !(step.abs() < 10.0 * h) {
                return at;
            }
            x += step;
            if step.abs() < 1e-13 * (1.0 + x.abs()) {
                break;
            }
        }
        // A kink has no flat top.
        let near = value(x) >= value(at) - 1e-12 * (1.0 + value(at).abs());
        if near { x } else { at }
    }

    /// Newton's method on the conditions of the last stage's intervals; whether it stayed close.
    fn polish(&self, turn: &[usize], x: &mut [f64]) -> bool {
        let own: Vec<usize> = turn
            .iter()
            .copied()
            .filter(|i| self.game.actions[*i].values.is_none())
            .collect();
        if own.is_empty() {
            return false;
        }
        let start: Vec<f64> = own.iter().map(|i| x[*i]).collect();
        let (lo, hi): (Vec<f64>, Vec<f64>) = own.iter().map(|i| (self.game.lo[*i], self.game.hi[*i])).unzip();
        let whole = x.to_vec();
        let mut conditions = |y: &[f64]| -> Option<Vec<f64>> {
            let mut z = whole.clone();
            for (i, v) in own.iter().zip(y) {
                z[*i] = *v;
            }
            self.game.conditions_of(&own, &z)
        };
        let report = newton(&mut conditions, &start, &lo, &hi, &NewtonOptions::default());
        let close = report
            .x
            .iter()
            .zip(&start)
            .all(|(a, b)| (a - b).abs() <= 1e-2 * (1.0 + b.abs()));
        if close && (report.converged || report.residual < 1e-11) {
            for (i, v) in own.iter().zip(&report.x) {
                x[*i] = *v;
            }
            return true;
        }
        false
    }
}

/// The value that pays most, if it pays more than what stands there.
fn better(values: &[f64], now: f64, pays: impl Fn(f64) -> f64) -> Option<f64> {
    let here = pays(now);
    let best = values.iter().map(|v| (*v, pays(*v))).filter(|b| b.1 > here);
    best.max_by(|a, b| a.1.total_cmp(&b.1)).map(|b| b.0)
}
