//! Games of incomplete information with numbers to choose: strategies are functions of what each knows (Harsanyi 1967).
//!
//! Each who chooses knows one number (a private value, a cost) drawn independently. A strategy is a polynomial in what that is worth
//! (`coordinate.rs`) within the bounds of the action (`strategy.rs`); what others know is drawn evenly (`draws.rs`), and they choose by their strategies. At nodes of the own type a first-order
//! condition must hold. Where rewards are smooth it is the derivative in the own choice. Where they jump with it (the highest bid wins) the average
//! over draws is a staircase, and best replies to each other run away from the equilibrium; there the condition is that nobody gains by choosing as
//! a slightly other type would: who wins then hardly depends on the strategies, so that the conditions are smooth in them (the envelope of Myerson
//! 1981, "Optimal auction design"). Where some choices settle what one is paid whatever the others do (a bid below the reserve price), some may
//! stand aside: the type that is as well off either way is found first (`aside.rs`), and strategies jump there.
//! The coefficients are found by Gauss-Newton steps (`rest.rs`); that no choice anywhere pays more is the certificate's to see.

mod aside;
mod coordinate;
mod draws;
mod rest;
mod strategy;

use super::play::{Known, Play, Searched, joint};
use crate::check::Model;
use crate::check::model::Distribution;
use crate::diag::Diagnostic;
use crate::solve::static_game::game::Game;
use coordinate::Coordinate;
use rayon::prelude::*;
use std::sync::Arc;
use strategy::Strategy;

/// Nodes of the own type at which conditions hold, those at which strategies are stored (of one kind, and of each of more), and those of types that
/// stand aside.
const NODES: usize = 33;
const STORED: (usize, usize) = (65, 33);
const ASIDE: usize = 9;
/// Draws of what others know, with one other and with more.
const DRAWS: (usize, usize) = (4096, 8192);
/// Shares of what is known, or of the interval, at which searches start.
const STARTS: [f64; 2] = [0.8, 0.3];
/// Probability below the first and above the last node.
const TAIL: f64 = 1e-4;
/// Distance of the two nodes where strategies jump, as a share of the range.
const JUMP: f64 = 1e-9;

/// Those who play one strategy.
#[derive(Clone)]
struct Kind {
    members: Vec<usize>,
    /// The first member's type, a number of the game's types.
    of: usize,
    /// The range of what is known.
    range: (f64, f64),
    strategy: Strategy,
}

/// All equilibria that are found, and how many starts were tried.
///
/// # Errors
/// E0810 for what such games have no room for.
pub(super) fn solve(model: &Model, game: &Game) -> Result<(Vec<Play>, Searched), Diagnostic> {
    let cannot = |why: String| Diagnostic::error("E0810", why);
    if game.given {
        let name = &model.prices[0].name;
        return Err(cannot(format!(
            "prices such as `{name}` are taken as given by those who know something"
        ))
        .at(model.prices[0].span, "taken as given")
        .hint("what others know moves the price, so it is no number: concept = nash"));
    }
    for c in &game.choosers {
        let agent = &model.agents[c.agent];
        if c.actions.len() != 1 || c.sees.len() != 1 {
            return Err(cannot(format!(
                "`{}` chooses {} numbers and knows {}, and in games of incomplete information each chooses one and knows one",
                agent.name,
                c.actions.len(),
                c.sees.len()
            ))
            .at(agent.span, "one who chooses")
            .hint("one action and one observed shock per agent"));
        }
        let t = &game.types[c.sees[0]];
        let seers = game.choosers.iter().filter(|d| d.sees.contains(&c.sees[0])).count();
        if seers > 1 || t.continuous.is_none() {
            return Err(cannot(format!(
                "`{}` is not a continuous draw of one member's own",
                model.shocks[t.shock].name
            ))
            .at(model.shocks[t.shock].span, "what is known")
            .hint(
                "write a private `shock v ~ iid uniform(0, 1)` in the agent; what everybody sees can be a parameter",
            ));
        }
    }
    let mut found = Vec::new();
    let draws = if game.choosers.len() > 2 { DRAWS.1 } else { DRAWS.0 };
    let solver = Solver { game, draws };
    let mut coordinates = Vec::new();
    for share in STARTS {
        let mut kinds = solver.kinds(&mut coordinates, share);
        if solver.rest_with_entry(&mut kinds, share) {
            found.push(solver.play(model, &kinds));
            break;
        }
    }
    let searched = Searched {
        tried: STARTS.len(),
        scope: vec![format!("strategies from {} starts, until one settles", STARTS.len())],
        ..Searched::default()
    };
    Ok((found, searched))
}

/// Values of a draw between two probabilities, ends included but for the tails, and closer at the ends: strategies bend there.
pub(super) fn nodes(law: Option<&Distribution>, shares: (f64, f64), n: usize) -> Vec<f64> {
    let part = |k: usize| 0.5 - 0.5 * (std::f64::consts::PI * k as f64 / (n - 1) as f64).cos();
    let at = |k: usize| shares.0 + (shares.1 - shares.0) * part(k);
    let quantile = |u: f64| law.map_or(f64::NAN, |d| d.quantile(u));
    (0..n).map(|k| quantile(at(k).clamp(TAIL, 1.0 - TAIL))).collect()
}

/// Weights of an odd number of such nodes that sum to a probability: the rule of Clenshaw and Curtis (1960).
pub(super) fn weights(n: usize, probability: f64) -> Vec<f64> {
    let last = n - 1;
    let one = |k: usize| {
        let term = |j: usize| {
            let twice = if 2 * j == last { 1.0 } else { 2.0 };
            let angle = 2.0 * std::f64::consts::PI * (j * k) as f64 / last as f64;
            twice / (4 * j * j - 1) as f64 * angle.cos()
        };
        let inside = if k == 0 || k == last { 0.5 } else { 1.0 };
        inside / last as f64 * (1.0 - (1..=last / 2).map(term).sum::<f64>())
    };
    (0..n).map(|k| probability * one(k)).collect()
}

struct Solver<'a> {
    game: &'a Game,
    draws: usize,
}

impl Solver<'_> {
    /// The kinds of a game, who choose a share of what they know. Each kind's coordinate is found once.
    fn kinds(&self, coordinates: &mut Vec<Arc<Coordinate>>, share: f64) -> Vec<Kind> {
        let game = self.game;
        let mut out: Vec<(usize, Kind)> = Vec::new();
        for (c, chooser) in game.choosers.iter().enumerate() {
            if let Some((_, k)) = out.iter_mut().find(|(a, _)| *a == chooser.agent) {
                k.members.push(c);
                continue;
            }
            let (of, a) = (chooser.sees[0], chooser.actions[0]);
            let law = game.types[of].continuous.as_ref();
            if coordinates.len() == out.len() {
                coordinates.push(Arc::new(self.coordinate(c, law)));
            }
            let along = coordinates[out.len()].clone();
            let nodes = nodes(law, (0.0, 1.0), NODES);
            let range = (nodes[0], nodes[NODES - 1]);
            let between = (game.lo[a], game.hi[a]);
            // Straight along the coordinate, so that who is worth more chooses more.
            let (first, last) = (along.of(range.0), along.of(range.1));
            let straight = |v: &f64| range.0 + (range.1 - range.0) * (along.of(*v) - first) / (last - first);
            let start = |v: &f64| (share * straight(v)).clamp(between.0, between.1);
            let from: Vec<f64> = nodes.iter().map(start).collect();
            let kind = Kind {
                members: vec![c],
                of,
                range,
                strategy: Strategy::fitted(along, (range, between), &nodes, &from),
            };
            out.push((chooser.agent, kind));
        }
        out.into_iter().map(|k| k.1).collect()
    }

    fn action(&self, c: usize) -> usize {
        self.game.choosers[c].actions[0]
    }

    fn law(&self, k: &Kind) -> Option<&Distribution> {
        self.game.types[k.of].continuous.as_ref()
    }

    /// The probabilities between which those of a kind take part.
    fn shares(&self, k: &Kind) -> (f64, f64) {
        let below = |x: f64| self.law(k).map_or(0.0, |d| share_below(d, x));
        match &k.strategy.aside {
            None => (0.0, 1.0),
            Some(a) if a.above => (below(a.at), 1.0),
            Some(a) => (0.0, below(a.at)),
        }
    }

    /// The values of what is known at which a kind's strategy is stored, ascending, two side by side where it jumps; and their weights.
    fn stored(&self, k: &Kind, n: usize) -> (Vec<f64>, Vec<f64>) {
        let law = self.law(k);
        let inside = |aside: &strategy::Aside| aside.at > k.range.0 && aside.at < k.range.1;
        let Some(aside) = k.strategy.aside.filter(inside) else {
            return (nodes(law, (0.0, 1.0), n), weights(n, 1.0));
        };
        let (lo, hi) = self.shares(k);
        let gap = JUMP * (k.range.1 - k.range.0);
        let (mut part, part_weights) = (nodes(law, (lo, hi), n), weights(n, hi - lo));
        let outside = if aside.above { (0.0, lo) } else { (hi, 1.0) };
        let (mut out, mut around) = (nodes(law, outside, ASIDE), weights(ASIDE, outside.1 - outside.0));
        if aside.above {
            (out[ASIDE - 1], part[0]) = (aside.at - gap, aside.at);
            out.extend(part);
            around.extend(part_weights);
            (out, around)
        } else {
            (part[n - 1], out[0]) = (aside.at, aside.at + gap);
            part.extend(out);
            (part, [part_weights, around].concat())
        }
    }

    fn play(&self, model: &Model, kinds: &[Kind]) -> Play {
        let known: Vec<Known> = kinds
            .iter()
            .map(|k| {
                let t = &self.game.types[k.of];
                let (nodes, weights) = self.stored(k, if kinds.len() > 1 { STORED.1 } else { STORED.0 });
                Known {
                    name: if k.members.len() == 1 {
                        t.name.clone()
                    } else {
                        model.shocks[t.shock].name.clone()
                    },
                    values: nodes,
                    weights,
                    continuous: true,
                }
            })
            .collect();
        let states = joint(&known).0;
        let mut play = Play::blank(self.game, known);
        for (k, kind) in kinds.iter().enumerate() {
            let own = kind.members[0];
            let nodes = play.known[k].values.clone();
            let does: Vec<f64> = nodes.iter().map(|v| kind.strategy.of(*v)).collect();
            let pays = |(v, x): (&f64, &f64)| {
                let below = self.law(kind).map_or(0.0, |d| share_below(d, *v));
                let inside = below > 0.0 && below < 1.0;
                let cuts = |other: &Kind| {
                    if inside && other.of == kind.of {
                        vec![below]
                    } else {
                        Vec::new()
                    }
                };
                self.pays(own, *v, *x, &self.others(kinds, own, &cuts))
            };
            let paid: Vec<f64> = nodes.par_iter().zip(&does).map(pays).collect();
            for state in &states {
                let place = nodes.iter().position(|v| *v == state[k]).unwrap_or(0);
                for c in &kind.members {
                    play.policy[self.action(*c)].push(does[place]);
                    play.paid[*c].push(paid[place]);
                }
            }
        }
        play
    }
}

/// The probability of a draw below `x`, by bisection of its quantiles.
fn share_below(d: &Distribution, x: f64) -> f64 {
    let (mut lo, mut hi) = (0.0, 1.0);
    for _ in 0..50 {
        let middle: f64 = 0.5 * (lo + hi);
        if d.quantile(middle.clamp(1e-12, 1.0 - 1e-12)) < x {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    0.5 * (lo + hi)
}

#[cfg(test)]
mod tests {
    use super::weights;

    #[test]
    fn weights_integrate_polynomials() {
        for n in [9, 33] {
            let at = |k: usize| 0.5 - 0.5 * (std::f64::consts::PI * k as f64 / (n - 1) as f64).cos();
            for power in 0..n as i32 {
                let sum: f64 = weights(n, 0.7)
                    .iter()
                    .enumerate()
                    .map(|(k, w)| w * at(k).powi(power))
                    .sum();
                assert!((sum - 0.7 / f64::from(power + 1)).abs() < 1e-14, "{n} {power} {sum}");
            }
        }
    }
}
