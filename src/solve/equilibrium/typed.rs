//! Games of incomplete information with numbers to choose, where some know nothing, a few states, or several draws.
//!
//! Whoever chooses has one number for each state of what it knows, as if each state were a player of its own (Harsanyi 1967); continuous draws
//! stand at even quantiles. First-order conditions (with bounds), on average over what others may know, hold in every state: Newton's
//! method from several starts; where it comes to rest nowhere (rewards with kinks are flat at most starts), from where replies in turn lead.
//! No point of a scan may then pay more. Rewards must be smooth; where they jump, and each knows one draw,
//! `informed/` has another condition.

use super::play::{Known, Play, Searched};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::fixed_point::{NewtonOptions, newton};
use crate::num::optimise::{BoxOptions, maximise, spread};
use crate::solve::static_game::game::Game;
use crate::solve::static_game::search::best_of;
use crate::solve::static_game::{GAIN, near};

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
/// Shares of the intervals at which replies in turn begin, most rounds of them, the change at which they end, and how far Newton's method may go
/// from there.
const FROM: [f64; 3] = [0.5, 0.1, 0.9];
const ROUNDS: usize = 100;
const REST: f64 = 1e-8;
const LED: f64 = 1e-3;
/// Evaluations of one search over several numbers of one who chooses: at most, and all joint states counted.
const TOGETHER: (usize, usize) = (2000, 2_000_000);
/// Most evaluations of rewards in one search by replies.
const EVALUATIONS: usize = 100_000_000;

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
        if let Some(x) = typed.newton(&start, (&lo, &hi))
            && !found.iter().any(|f| near(f, &x, ONE))
            && typed.is_best(&x)
        {
            found.push(x);
        }
    }
    let mut tried = STARTS;
    for share in if found.is_empty() { FROM.as_slice() } else { &[] } {
        tried += 1;
        let start = lo.iter().zip(&hi).map(|(l, h)| l + share * (h - l)).collect();
        let Some(x) = typed.replies(start) else { continue };
        let x = typed.newton(&x, (&lo, &hi)).filter(|y| near(y, &x, LED)).unwrap_or(x);
        if typed.is_best(&x) {
            found.push(x);
            break;
        }
    }
    let plays = found.iter().map(|x| typed.play(x)).collect();
    Ok((plays, Searched::starts(tried)))
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

    /// Newton's method on the conditions, between bounds; `None` where it does not settle.
    fn newton(&mut self, from: &[f64], (lo, hi): (&[f64], &[f64])) -> Option<Vec<f64>> {
        let mut conditions = |x: &[f64]| self.conditions(x);
        let report = newton(&mut conditions, from, lo, hi, &NewtonOptions::default());
        (report.converged || report.residual < 1e-10).then_some(report.x)
    }

    /// Everybody replies in turn, in every state of what it knows, until nobody moves; `None` if that does not end within the evaluations that a
    /// search may take.
    fn replies(&mut self, mut x: Vec<f64>) -> Option<Vec<f64>> {
        let tried = 2 * (SCAN.0 + 2 * SCAN.1);
        let round = tried * self.joint.len() * self.states.len() * self.game.chance.evaluations().max(1);
        for _ in 0..(EVALUATIONS / round).min(ROUNDS) {
            limits::poll();
            let mut moved: f64 = 0.0;
            for i in 0..self.states.len() {
                let points = self.game.scan(i, SCAN.0, SCAN.1);
                for s in 0..self.states[i] {
                    let k = self.first[i] + s;
                    let now = x[k];
                    let to = best_of(&mut |v| number(self.pays((i, s), v, &x)), now, &points);
                    if let Some(to) = to {
                        moved = moved.max((to - now).abs() / (1.0 + now.abs()));
                        x[k] = to;
                    }
                }
            }
            if moved < REST {
                match self.several().into_iter().find_map(|(c, s)| self.together(c, s, &x)) {
                    Some(y) => x = y,
                    None => return Some(x),
                }
            }
        }
        None
    }

    /// Those who choose several numbers, with each state of what they know.
    fn several(&self) -> Vec<(usize, usize)> {
        let choosers = self
            .game
            .choosers
            .iter()
            .enumerate()
            .filter(|(_, c)| c.actions.len() > 1);
        choosers
            .flat_map(|(k, c)| (0..self.states[c.actions[0]]).map(move |s| (k, s)))
            .collect()
    }

    /// What is best for one who chooses several numbers at once in a state of what it knows, if it pays more than what stands there.
    fn together(&mut self, chooser: usize, state: usize, x: &[f64]) -> Option<Vec<f64>> {
        let own = self.game.choosers[chooser].actions.clone();
        let places: Vec<usize> = own.iter().map(|i| self.first[*i] + state).collect();
        let now: Vec<f64> = places.iter().map(|k| x[*k]).collect();
        let (lo, hi): (Vec<f64>, Vec<f64>) = own.iter().map(|i| (self.game.lo[*i], self.game.hi[*i])).unzip();
        let with = |z: &[f64]| {
            let mut y = x.to_vec();
            places.iter().zip(z).for_each(|(k, z)| y[*k] = *z);
            y
        };
        let here = self.pays((own[0], state), now[0], x);
        let options = BoxOptions {
            evaluations: (TOGETHER.1 / self.joint.len().max(1)).clamp(200, TOGETHER.0),
            starts: 4 * own.len(),
            ..BoxOptions::default()
        };
        let (z, best) = maximise(
            |z| self.pays((own[0], state), z[0], &with(z)),
            &lo,
            &hi,
            &[now],
            &options,
        );
        let money = own.iter().map(|i| self.game.money[*i]).fold(0.0, f64::max);
        (best - here > GAIN * (money + here.abs())).then(|| with(&z))
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
        }) && self
            .several()
            .into_iter()
            .all(|(c, s)| self.together(c, s, x).is_none())
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

/// What is no number pays nothing.
fn number(paid: f64) -> f64 {
    if paid.is_nan() { f64::NEG_INFINITY } else { paid }
}
