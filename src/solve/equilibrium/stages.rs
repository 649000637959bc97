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
use crate::num::optimise::{BoxOptions, maximise, spread};
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
/// Most combinations of finite choices of one who makes several, and evaluations of one search over several numbers: at the last stage, and at others,
/// where each is a search of its own.
const COMBINATIONS: usize = 256;
const TOGETHER: (usize, usize) = (2000, 200);
/// Starts from which other answers of the last stage are looked for, the first with all at a share of their range; other choices before it that are
/// tried; and what another answer has to pay more to count, relative.
const ANSWERS: usize = 9;
const ALL_AT: [f64; 5] = [0.0, 1.0, 0.5, 0.1, 0.9];
const ELSEWHERE: usize = 8;
const OTHERWISE: f64 = 1e-6;
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
        let settled = tree.settle(0, &mut x).is_some() && !found.iter().any(|f| tree.same(f, &x));
        if settled && tree.stands(&x) {
            game.allowed(model, &x)?;
            found.push(x);
        }
    }
    let mut searched = Searched::starts(FROM.len());
    searched.answers = found.iter().find_map(|x| tree.other_answers(x));
    searched.scope.extend(searched.answers.clone());
    let plays = found.iter().map(|x| Play::numbers(&game, x)).collect();
    Ok((game, plays, searched))
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

/// How long several choices of one who chooses are searched for together: as the answer to another's trial, on the way, or as a test of what was found.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Effort {
    Answer,
    Search,
    Test,
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
                if self.turn_together(stage, x) {
                    continue;
                }
                if last {
                    self.polish(turn, x);
                }
                return self.settle(stage + 1, x);
            }
        }
        None
    }

    /// Whether two profiles are one: what differs changes nobody's pay (how much one would buy who stays out).
    fn same(&self, x: &[f64], y: &[f64]) -> bool {
        let paid = |x: &[f64]| -> Vec<f64> {
            let all = self.game.choosers.iter().map(|c| self.game.pays(c.actions[0], x, x));
            all.collect()
        };
        let here = paid(x);
        (0..x.len()).all(|i| {
            let mut other = x.to_vec();
            other[i] = y[i];
            let close = (x[i] - y[i]).abs() <= 1e-5 * (1.0 + x[i].abs());
            let equal = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * (1.0 + a.abs());
            close || paid(&other).iter().zip(&here).all(equal)
        })
    }

    /// Whether those who choose last, several of them, have other answers at rest, in words: to what is played, or to another choice of somebody before,
    /// who would then earn more by it than it does. One answer was followed, and the others make other equilibria.
    fn other_answers(&self, x: &[f64]) -> Option<String> {
        let stage = self.turns.len().checked_sub(1).filter(|s| *s > 0)?;
        let turn = &self.turns[stage];
        let who = |i: &usize| self.game.actions[*i].chooser;
        if turn.iter().all(|i| who(i) == who(&turn[0])) {
            return None;
        }
        let paid = |x: &[f64], c: usize| self.game.pays(self.game.choosers[c].actions[0], x, x);
        let more = |a: f64, b: f64| a - b > OTHERWISE * (1.0 + b.abs());
        let named = |y: &[f64], all: &[usize]| {
            let one = |i: &usize| {
                let a = &self.game.actions[*i];
                let label = a
                    .values
                    .as_ref()
                    .and_then(|(v, l)| l.get(v.iter().position(|v| *v == y[*i])?));
                format!(
                    "{} = {}",
                    a.name,
                    label.cloned().unwrap_or_else(|| format!("{:.6}", y[*i]))
                )
            };
            all.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        // To what is played.
        for y in self.answers(stage, x) {
            let all = 0..self.game.choosers.len();
            if all
                .into_iter()
                .any(|c| more(paid(&y, c), paid(x, c)) || more(paid(x, c), paid(&y, c)))
            {
                return Some(format!(
                    "where this is played, {} is an answer at rest, too",
                    named(&y, turn)
                ));
            }
        }
        for i in self.turns[..stage].iter().flatten() {
            let points = match &self.game.actions[*i].values {
                Some((values, _)) => values.clone(),
                None => self.game.scan(*i, ELSEWHERE, 0),
            };
            for v in points {
                let mut at = x.to_vec();
                at[*i] = v;
                for y in self.answers(stage, &at) {
                    if more(paid(&y, who(i)), paid(x, who(i))) {
                        let (to, answer) = (named(&y, &[*i]), named(&y, turn));
                        return Some(format!(
                            "after {to} the answer {answer} is at rest, too, and {to} then pays more than what is played"
                        ));
                    }
                }
            }
        }
        None
    }

    /// Answers of the last stage at rest at which nobody gains, from several starts.
    fn answers(&self, stage: usize, x: &[f64]) -> Vec<Vec<f64>> {
        let turn = &self.turns[stage];
        let place = |i: usize, share: f64| match &self.game.actions[i].values {
            Some((values, _)) => values[((values.len() - 1) as f64 * share).round() as usize],
            None => self.game.lo[i] + share * (self.game.hi[i] - self.game.lo[i]),
        };
        let mut found: Vec<Vec<f64>> = Vec::new();
        let mut unit = vec![0.5; turn.len()];
        for k in 0..ANSWERS {
            match ALL_AT.get(k) {
                Some(share) => unit.fill(*share),
                None => spread(k, turn.len(), &mut unit),
            }
            let mut y = x.to_vec();
            turn.iter().zip(&unit).for_each(|(i, u)| y[*i] = place(*i, *u));
            let settled = self.settle(stage, &mut y).is_some() && turn.iter().all(|i| self.stays(stage, *i, &y));
            let known = found
                .iter()
                .any(|f| f.iter().zip(&y).all(|(a, b)| (a - b).abs() <= 1e-4 * (1.0 + b.abs())));
            if settled && !known {
                found.push(y);
            }
        }
        found
    }

    /// The actions of each who chooses several at a stage.
    fn several(&self, stage: usize) -> Vec<Vec<usize>> {
        let turn = &self.turns[stage];
        let of = |c: usize| {
            turn.iter()
                .copied()
                .filter(|i| self.game.actions[*i].chooser == c)
                .collect()
        };
        let all = (0..self.game.choosers.len()).map(of);
        all.filter(|own: &Vec<usize>| own.len() > 1).collect()
    }

    /// Puts what is best for one who chooses several things at once at a stage into `x`, where it is better than what no one of them gains by itself.
    fn turn_together(&self, stage: usize, x: &mut Vec<f64>) -> bool {
        let effort = if stage == 0 { Effort::Search } else { Effort::Answer };
        for own in self.several(stage) {
            if let Some(y) = self.together(stage, &own, x, effort) {
                *x = y;
                return true;
            }
        }
        false
    }

    /// What is best for one who chooses `own` at a stage, every combination of finite choices with the best numbers for it, if that is better than
    /// what stands in `x`.
    fn together(&self, stage: usize, own: &[usize], x: &[f64], effort: Effort) -> Option<Vec<f64>> {
        let test = effort == Effort::Test;
        let last = stage + 1 == self.turns.len();
        let with = |at: &[(usize, f64)]| {
            let mut y = x.to_vec();
            at.iter().for_each(|(i, v)| y[*i] = *v);
            y
        };
        let pays = |at: &[(usize, f64)]| {
            let mut y = with(at);
            limits::poll();
            let paid = match last {
                true => Some(self.game.pays(own[0], &y, x)),
                false => self.settle(stage + 1, &mut y).map(|()| self.game.pays(own[0], &y, &y)),
            };
            paid.filter(|p| !p.is_nan()).unwrap_or(f64::NEG_INFINITY)
        };
        let here = pays(&[]);
        let values = |i: &usize| self.game.actions[*i].values.as_ref().map(|v| &v.0);
        let numbers: Vec<usize> = own.iter().copied().filter(|i| values(i).is_none()).collect();
        let finite: Vec<usize> = own.iter().copied().filter(|i| values(i).is_some()).collect();
        let count: usize = finite.iter().map(|i| values(i).map_or(1, Vec::len)).product();
        let (lo, hi): (Vec<f64>, Vec<f64>) = numbers.iter().map(|i| (self.game.lo[*i], self.game.hi[*i])).unzip();
        let mut best: (Vec<(usize, f64)>, f64) = (Vec::new(), here);
        for mut k in 0..count.min(COMBINATIONS) {
            let mut at: Vec<(usize, f64)> = Vec::new();
            for i in &finite {
                let all = values(i).map_or(&[][..], Vec::as_slice);
                at.push((*i, all[k % all.len()]));
                k /= all.len();
            }
            let joined = |z: &[f64]| -> Vec<(usize, f64)> {
                at.iter()
                    .copied()
                    .chain(numbers.iter().copied().zip(z.iter().copied()))
                    .collect()
            };
            let now: Vec<f64> = numbers.iter().map(|i| x[*i]).collect();
            let found = match numbers.as_slice() {
                [] => Vec::new(),
                [i] => {
                    let (even, powers) = if test { TEST } else { SCAN };
                    let points = self.game.scan(*i, even, powers);
                    vec![best_of(&mut |v| pays(&joined(&[v])), x[*i], &points).unwrap_or(x[*i])]
                }
                _ => {
                    let most = if last { TOGETHER.0 } else { TOGETHER.1 };
                    let options = BoxOptions {
                        evaluations: if effort == Effort::Answer {
                            most.min(TOGETHER.1)
                        } else {
                            most
                        },
                        starts: match effort {
                            Effort::Answer => 1,
                            Effort::Search => 4 * numbers.len(),
                            Effort::Test => 6 * numbers.len(),
                        },
                        ..BoxOptions::default()
                    };
                    maximise(|z| pays(&joined(z)), &lo, &hi, &[now], &options).0
                }
            };
            let v = pays(&joined(&found));
            if v > best.1 {
                best = (joined(&found), v);
            }
        }
        let least = own.iter().map(|i| self.game.money[*i]).fold(0.0, f64::max) + here.abs();
        let least = GAIN * least * if test { TESTED } else { 1.0 };
        (!best.0.is_empty() && !(best.1 - here <= least)).then(|| with(&best.0))
    }

    /// Whether nobody at any stage gains by another choice anywhere, the later stages answering.
    fn stands(&self, x: &[f64]) -> bool {
        (self.turns.iter().enumerate()).all(|(stage, turn)| turn.iter().all(|i| self.stays(stage, *i, x)))
            && (0..self.turns.len()).all(|stage| {
                self.several(stage)
                    .iter()
                    .all(|own| self.together(stage, own, x, Effort::Test).is_none())
            })
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
