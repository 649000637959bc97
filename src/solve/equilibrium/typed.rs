//! Games of incomplete information with numbers to choose, where some know nothing, a few states, or several draws.
//!
//! Whoever chooses has one number for each state of what it knows, as if each state were a player of its own (Harsanyi 1967); continuous draws
//! stand at even quantiles. First-order conditions (with bounds), on average over what others may know, hold in every state: Newton's
//! method from several starts. No point of a scan may then pay more. Rewards must be smooth; where they jump, and each knows one draw,
//! `informed/` has another condition.

use super::play::{Known, Play, Searched};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::fixed_point::{NewtonOptions, newton};
use crate::num::optimise::spread;
use crate::solve::static_game::GAIN;
use crate::solve::static_game::game::Game;
use crate::solve::static_game::search::best_of;

/// Nodes of a continuous draw, where there is one and where there are more.
const NODES: (usize, usize) = (65, 17);
/// Most joint states of what is known, most numbers that are chosen, and most actions.
const JOINT: usize = 5000;
const NUMBERS: usize = 200;
const ACTIONS: usize = 24;
/// Starts; the first is the middle of every interval.
const STARTS: usize = 12;
/// Points of the scan for a gain, evenly and by powers of ten from either end.
const SCAN: (usize, usize) = (60, 24);
/// Strategies closer than this are one.
const ONE: f64 = 1e-5;

/// The equilibria that are found.
///
/// # Errors
/// E0810 for rewards that jump and for more than the game has room for.
pub(super) fn solve(model: &Model, game: &mut Game) -> Result<(Vec<Play>, Searched), Diagnostic> {
    let mut typed = Typed::new(model, game)?;
    let n = typed.states.iter().sum::<usize>();
    let (lo, hi) = typed.bounds();
    let mut found: Vec<Vec<f64>> = Vec::new();
    let mut unit = vec![0.5; n];
    for k in 0..STARTS {
        limits::doing(format!("solve: private information, {} of {STARTS} searches", k + 1));
        if k > 0 {
            spread(k, n, &mut unit);
        }
        let start: Vec<f64> = (0..n).map(|i| lo[i] + unit[i] * (hi[i] - lo[i])).collect();
        let mut conditions = |x: &[f64]| typed.conditions(x);
        let report = newton(&mut conditions, &start, &lo, &hi, &NewtonOptions::default());
        let near = |f: &Vec<f64>| {
            f.iter()
                .zip(&report.x)
                .all(|(a, b)| (a - b).abs() <= ONE * (1.0 + b.abs()))
        };
        let settled = report.converged || report.residual < 1e-10;
        if settled && !found.iter().any(near) && typed.is_best(&report.x) {
            found.push(report.x);
        }
    }
    let plays = found.iter().map(|x| typed.play(x)).collect();
    Ok((plays, Searched::starts(STARTS)))
}

struct Typed<'g> {
    game: &'g mut Game,
    /// What is known: nodes and their weights.
    known: Vec<Known>,
    /// What the programs read at the nodes of each type.
    carried: Vec<Vec<f64>>,
    /// Every joint state of what is known: a node for each type, and the probability.
    joint: Vec<(Vec<usize>, f64)>,
    /// How many numbers each action has, one per state of what its owner knows, and where they begin.
    states: Vec<usize>,
    first: Vec<usize>,
}

impl<'g> Typed<'g> {
    fn new(model: &Model, game: &'g mut Game) -> Result<Typed<'g>, Diagnostic> {
        let cannot = |why: &str| {
            let d = Diagnostic::error("E0810", why);
            match game.types.first() {
                Some(t) => d.at(model.shocks[t.shock].span, "what is known"),
                None => d,
            }
        };
        if game.steps {
            return Err(cannot("rewards jump where choices change, and not each who chooses knows one continuous draw of its own")
                .hint("let each observe one private `shock v ~ iid uniform(0, 1)`, or let them choose among a few numbers, `action x in 0..10`"));
        }
        let nodes = if game.types.iter().filter(|t| t.continuous.is_some()).count() > 1 {
            NODES.1
        } else {
            NODES.0
        };
        let known: Vec<Known> = game
            .types
            .iter()
            .map(|t| match &t.continuous {
                Some(d) => Known {
                    name: t.name.clone(),
                    values: (0..nodes)
                        .map(|k| d.quantile((k as f64 + 0.5) / nodes as f64))
                        .collect(),
                    weights: vec![1.0 / nodes as f64; nodes],
                    continuous: true,
                },
                None => Known {
                    name: t.name.clone(),
                    values: t.values.clone(),
                    weights: t.weights.clone(),
                    continuous: false,
                },
            })
            .collect();
        let carried = game.types.iter().zip(&known);
        let carried = carried.map(|(t, k)| {
            if t.continuous.is_some() {
                k.values.clone()
            } else {
                t.carried.clone()
            }
        });
        let carried: Vec<Vec<f64>> = carried.collect();
        let joint = known.iter().map(|k| k.values.len()).fold(1usize, usize::saturating_mul);
        let states: Vec<usize> = game
            .actions
            .iter()
            .map(|a| {
                let sees = game.choosers[a.chooser].sees.iter();
                sees.map(|t| known[*t].values.len()).fold(1usize, usize::saturating_mul)
            })
            .collect();
        let numbers = states.iter().fold(0usize, |sum, n| sum.saturating_add(*n));
        if joint > JOINT || numbers > NUMBERS || game.actions.len() > ACTIONS {
            return Err(cannot(&format!(
                "what is known has {joint} joint states and strategies have {numbers} numbers; at most {JOINT} and {NUMBERS} are solved for"
            ))
            .hint("fewer who know something, or `markov` chains with fewer states"));
        }
        let mut all: Vec<(Vec<usize>, f64)> = vec![(Vec::new(), 1.0)];
        for k in &known {
            let with = |(head, w): &(Vec<usize>, f64)| {
                let one = |(i, p): (usize, &f64)| ([head.as_slice(), &[i]].concat(), w * p);
                k.weights.iter().enumerate().map(one).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(with).collect();
        }
        let first = states
            .iter()
            .scan(0, |at, n| {
                *at += n;
                Some(*at - n)
            })
            .collect();
        Ok(Typed {
            game,
            known,
            carried,
            joint: all,
            states,
            first,
        })
    }

    fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        let each = |ends: &[f64]| -> Vec<f64> {
            let of = |(n, x): (&usize, &f64)| std::iter::repeat_n(*x, *n);
            self.states.iter().zip(ends).flat_map(of).collect()
        };
        (each(&self.game.lo), each(&self.game.hi))
    }

    /// The number of the state of what a chooser knows in a joint state.
    fn state(&self, chooser: usize, joint: usize) -> usize {
        let sees = &self.game.choosers[chooser].sees;
        sees.iter()
            .fold(0, |s, t| s * self.known[*t].values.len() + self.joint[joint].0[*t])
    }

    /// What everybody does in a joint state, and what is known there is put into the programs.
    fn at(&mut self, joint: usize, x: &[f64]) -> Vec<f64> {
        let carried = |(t, k): (usize, &usize)| (self.game.types[t].input, self.carried[t][*k]);
        self.game.chance.known = self.joint[joint].0.iter().enumerate().map(carried).collect();
        let of = |i: usize| x[self.first[i] + self.state(self.game.actions[i].chooser, joint)];
        (0..self.states.len()).map(of).collect()
    }

    /// First-order conditions with bounds, one for each number; `None` where they are no numbers.
    fn conditions(&mut self, x: &[f64]) -> Option<Vec<f64>> {
        let all: Vec<usize> = (0..self.states.len()).collect();
        let mut sums = vec![0.0; x.len()];
        let mut weights = vec![0.0; x.len()];
        for j in 0..self.joint.len() {
            let actions = self.at(j, x);
            let slopes = self.game.measured(&actions);
            for i in &all {
                let k = self.first[*i] + self.state(self.game.actions[*i].chooser, j);
                sums[k] += self.joint[j].1 * slopes[*i];
                weights[k] += self.joint[j].1;
            }
        }
        let (lo, hi) = self.bounds();
        let held = (0..x.len()).map(|k| {
            let to = x[k] + sums[k] / weights[k];
            to.clamp(lo[k], hi[k].max(lo[k])) - x[k]
        });
        let held: Vec<f64> = held.collect();
        held.iter().all(|y| y.is_finite()).then_some(held)
    }

    /// What the owner of an action is paid on average in a state of what it knows, where it chooses `v`.
    fn pays(&mut self, (i, state): (usize, usize), v: f64, x: &[f64]) -> f64 {
        let chooser = self.game.actions[i].chooser;
        let mut y = x.to_vec();
        y[self.first[i] + state] = v;
        let (mut sum, mut weight) = (0.0, 0.0);
        for j in (0..self.joint.len())
            .filter(|j| self.state(chooser, *j) == state)
            .collect::<Vec<_>>()
        {
            let actions = self.at(j, &y);
            sum += self.joint[j].1 * self.game.pays(i, &actions, &actions);
            weight += self.joint[j].1;
        }
        sum / weight
    }

    /// Whether nobody gains by another number in any state of what it knows.
    fn is_best(&mut self, x: &[f64]) -> bool {
        (0..self.states.len()).all(|i| {
            let points = self.game.scan(i, SCAN.0, SCAN.1);
            (0..self.states[i]).all(|s| {
                let now = x[self.first[i] + s];
                let here = self.pays((i, s), now, x);
                let money = self.game.money[i];
                let mut gain = |v: f64| {
                    let gain = self.pays((i, s), v, x) - here;
                    if gain.is_nan() { f64::NEG_INFINITY } else { gain }
                };
                let none = |gain: f64| gain <= GAIN * (money + here.abs());
                here.is_finite() && best_of(&mut gain, now, &points).is_none_or(|to| none(gain(to)))
            })
        })
    }

    fn play(&mut self, x: &[f64]) -> Play {
        let joint = 0..self.joint.len();
        let n = self.game.actions.len();
        let of = |i: usize| {
            let number = |j: usize| x[self.first[i] + self.state(self.game.actions[i].chooser, j)];
            joint.clone().map(number).collect()
        };
        let policy = (0..n).map(of).collect();
        let paid = (0..self.game.choosers.len())
            .map(|c| {
                let Some(i) = self.game.choosers[c].actions.first().copied() else {
                    return vec![f64::NAN; self.joint.len()];
                };
                let mine: Vec<f64> = (0..self.states[i])
                    .map(|s| self.pays((i, s), x[self.first[i] + s], x))
                    .collect();
                joint.clone().map(|j| mine[self.state(c, j)]).collect()
            })
            .collect();
        Play {
            policy,
            mixed: vec![Vec::new(); n],
            paid,
            known: self.known.clone(),
        }
    }
}
