//! What somebody could still gain where an iteration did not settle: for the refusal, not for a certificate.
//!
//! Only choices count whose next states lie inside the ranges of all states: outside, polynomials say nothing. And values that have run
//! away in the iteration are no values: what is gained from one deviation cannot exceed what the best period of all is worth more than
//! the worst, for ever.

use super::iterate::Stand;
use super::rest::Rest;
use super::stage::{Ahead, Game};
use crate::num::optimise::{BoxOptions, maximise};
use std::fmt;

/// Points of an action at which a gain is looked for.
const TRIED: usize = 41;

/// Gain from other choices where the economy rests that is no rounding, relative to one plus what staying is worth.
const STAYING: f64 = 1e-6;

/// The largest gain of one player from another action today.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Largest {
    /// Of a player, in units of its reward.
    Of(String, f64),
    /// Every choice leads outside the ranges, or what is played does.
    Outside,
    /// Values ran away.
    Away,
}

impl fmt::Display for Largest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Largest::Of(name, gain) => {
                let number = if (1e-3..1e4).contains(gain) {
                    format!("{gain:.3}")
                } else {
                    format!("{gain:.1e}")
                };
                write!(
                    f,
                    "the largest gain from one deviation is then {number}, of `{name}`, in units of its reward (at choices that stay inside the grids)"
                )
            }
            Largest::Outside => write!(
                f,
                "no gain from a deviation could be measured: what is played in the last sweep leads outside the grids"
            ),
            Largest::Away => write!(
                f,
                "no gain from a deviation could be measured: values ran away beyond what any play could earn"
            ),
        }
    }
}

/// What was seen at the nodes of one shock.
#[derive(Clone, Default)]
struct Seen {
    /// Player and gain.
    best: Option<(usize, f64)>,
    /// Least and largest reward of each player.
    rewards: Vec<[f64; 2]>,
}

impl Seen {
    fn with(mut self, other: Seen) -> Seen {
        if other.best.is_some_and(|b| self.best.is_none_or(|a| b.1 > a.1)) {
            self.best = other.best;
        }
        for (a, b) in self.rewards.iter_mut().zip(&other.rewards) {
            *a = [a[0].min(b[0]), a[1].max(b[1])];
        }
        self
    }

    fn reward(&mut self, player: usize, reward: f64) {
        if reward.is_finite() {
            let r = &mut self.rewards[player];
            *r = [r[0].min(reward), r[1].max(reward)];
        }
    }

    fn gain(&mut self, player: usize, gain: f64) {
        if gain.is_finite() && self.best.is_none_or(|b| gain > b.1) {
            self.best = Some((player, gain));
        }
    }
}

/// The largest gain at the nodes; `None` for price takers, whose value is another's problem, and where nobody gains.
pub(super) fn largest(game: &Game, stand: &Stand) -> Option<Largest> {
    if game.players.taking() {
        return None;
    }
    let ahead = game.ahead(&stand.functions);
    let nothing = Ahead(
        ahead
            .0
            .iter()
            .map(|f| f.iter().map(|z| vec![0.0; z.len()]).collect())
            .collect(),
    );
    let found = game.each(|z| at(game, stand, (&ahead, &nothing), z));
    let seen = found.into_iter().reduce(Seen::with)?;
    let Some((player, gain)) = seen.best else {
        return Some(Largest::Outside);
    };
    let one = &game.players.list[player];
    let [least, most] = seen.rewards[player];
    // Rewards that reach down without end leave gains without a limit.
    if !(gain <= (most - least) / (1.0 - one.discount)) {
        return Some(Largest::Away);
    }
    (gain > 0.0).then(|| Largest::Of(one.name.clone(), gain))
}

/// What is seen at the nodes of a shock: each action of each player moved over its range by itself.
fn at(game: &Game, stand: &Stand, (ahead, nothing): (&Ahead, &Ahead), shock: usize) -> Seen {
    let nodes = game.carrier.nodes();
    let [lo, hi] = game.bounds(shock, &nodes);
    let played = &stand.policy[shock];
    let here = game.conditions(ahead, shock, &nodes, played);
    let mut seen = Seen {
        best: None,
        rewards: vec![[f64::INFINITY, f64::NEG_INFINITY]; game.players.list.len()],
    };
    for (p, one) in game.players.list.iter().enumerate() {
        for a in &one.actions {
            for k in 0..TRIED {
                let share = k as f64 / (TRIED - 1) as f64;
                let mut acts = played.clone();
                for (i, x) in acts[*a].iter_mut().enumerate() {
                    let range = hi[*a][i] - lo[*a][i];
                    *x = if range.is_finite() {
                        lo[*a][i] + share * range
                    } else {
                        (*x + (share - 0.5) * (1.0 + x.abs())).max(lo[*a][i]).min(hi[*a][i])
                    };
                }
                let there = game.conditions(ahead, shock, &nodes, &acts);
                let period = game.conditions(nothing, shock, &nodes, &acts);
                for i in 0..here.worth[p].len() {
                    seen.reward(p, period.worth[p][i]);
                    if !there.outside[i] && !here.outside[i] {
                        seen.gain(p, there.worth[p][i] - here.worth[p][i]);
                    }
                }
            }
        }
    }
    seen
}

/// Who gains by other choices (all of its own at once) in the period in which the economy rests, and in words how; `None` where nobody does. Only choices
/// whose next states lie inside the ranges count.
pub(super) fn where_it_rests(game: &Game, stand: &Stand, rest: &Rest) -> Option<(String, String)> {
    let ahead = game.ahead(&stand.functions);
    let states = game.carrier.axes().len();
    let x: Vec<Vec<f64>> = rest.values[..states].iter().map(|x| vec![*x]).collect();
    let played: Vec<Vec<f64>> = rest.values[states..].iter().map(|x| vec![*x]).collect();
    let [lo, hi] = game.bounds(0, &x);
    let here = game.conditions(&ahead, 0, &x, &played);
    // What a price taker is worth is another's problem.
    let mut sees_through = game.players.list.iter().enumerate().filter(|(_, one)| !one.taking);
    sees_through.find_map(|(p, one)| {
        let worth = here.worth[p][0];
        let now: Vec<f64> = one.actions.iter().map(|a| played[*a][0]).collect();
        let ends = |a: &usize| {
            // Without an end, a hundred times what is chosen is far enough.
            let far = 100.0 * (1.0 + played[*a][0].abs());
            (lo[*a][0].max(played[*a][0] - far), hi[*a][0].min(played[*a][0] + far))
        };
        let (low, high): (Vec<f64>, Vec<f64>) = one.actions.iter().map(ends).unzip();
        let pays = |z: &[f64]| {
            let mut acts = played.clone();
            one.actions.iter().zip(z).for_each(|(a, z)| acts[*a][0] = *z);
            let there = game.conditions(&ahead, 0, &x, &acts);
            let inside = !there.outside[0] && there.worth[p][0].is_finite();
            if inside { there.worth[p][0] } else { f64::NEG_INFINITY }
        };
        let options = BoxOptions {
            evaluations: 1000,
            starts: 4 * now.len(),
            ..BoxOptions::default()
        };
        let (z, best) = maximise(pays, &low, &high, &[now], &options);
        let gain = best - worth;
        (gain > STAYING * (1.0 + worth.abs())).then(|| {
            let names = one.actions.iter().map(|a| &rest.names[states + a]);
            let all: Vec<String> = names.zip(&z).map(|(n, z)| format!("{n} = {z:.6}")).collect();
            let words = format!(
                "{} once is worth {gain:.3e} more, in units of its reward",
                all.join(", ")
            );
            (one.name.clone(), words)
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::fixtures::{Request, solve};
    use crate::solve::progress::silent;

    /// What is said of a fish war, and of one whose stock a boat may empty, after two sweeps.
    #[test]
    fn the_gain_of_an_iteration_cut_short_is_that_of_choices_inside_the_grids() {
        let text = include_str!("../../../../models/fish_war.econ");
        let mut options = crate::Options::default();
        options.set.push(("solve.iterations".into(), "2".into()));
        let (model, diagnostics) = crate::compile(text, &options);
        let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let asked = Request {
            method: Some("joint".into()),
            ..Request::default()
        };
        let refused = solve(&model, &asked, &mut silent).err().unwrap_or_default();
        let said = refused[0].notes.join("\n");
        assert_eq!(refused[0].code, "E0921", "{refused:?}");
        let number = said.split("the largest gain from one deviation is then ").nth(1);
        let number = number
            .and_then(|rest| rest.split(',').next())
            .and_then(|n| n.parse::<f64>().ok());
        assert!(number.is_some_and(|n| n > 0.0 && n < 100.0), "{said}");
        assert!(said.contains("stay inside the grids"), "{said}");
    }
}
