//! One-shot games: everybody chooses once, numbers in intervals, and is paid.
//!
//! *Nash*: each member's first-order condition `d r_i / d a_i = 0` for all own actions; *joint*: those of the sum of rewards
//! over all members' actions. Rewards are expected ones: shocks by their stationary law, noises by quadrature; states stand at
//! their starts; one draw behind kinks is integrated between them (`kinked.rs`). Newton's method from many starts, and from where replies in turn lead: rewards may be flat over most of the
//! intervals (a price of zero), so replies scan them evenly and by powers of ten. Then a global check: along each own action
//! no point of a fine scan may pay more; at a corner that is the whole condition. Several solutions or none are errors. What
//! somebody knows that others do not (an own shock) makes a game of incomplete information, which this is not.
//! Reference: Fudenberg and Tirole (1991), *Game Theory*, chapter 1.

pub(super) mod game;
mod measure;
pub(super) mod profiles;
pub(super) mod search;
mod taken;

use super::kinked::Nodes;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::limits;
use game::{Game, Reading};
use search::Tried;

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
/// The same where all equilibria are asked for.
const ALL_STARTS: usize = 200;
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
pub(super) const GAIN: f64 = 1e-9;
/// Profiles closer than this (relative) are one equilibrium: where a reward has kinks in a draw, its expectation over nodes is flat
/// between them, and every point of the flat stretch is a best reply.
const ONE: f64 = 2e-3;

/// The values of an action (or of anything named like it) in the one-shot game that parameter `asked_by` asks for: one value per
/// member, or a single one where all members choose the same.
///
/// # Errors
/// E0810 for a model outside the game (bounds that are no numbers, finite choices, a requirement that binds), E0821 where a member
/// knows what others do not, E0917 without an equilibrium, E0918 with several, E0919 where `target` is not chosen, E0920 where
/// integration does not settle; those of [`super::decision::expectation::Expectation`].
pub fn solve(model: &Model, target: &str, conduct: Conduct, asked_by: &str) -> Result<Vec<f64>, Diagnostic> {
    let (game, found, _) = equilibria(model, &Reading::plain(conduct), asked_by)?;
    let chosen = match found.as_slice() {
        [one] => one.clone(),
        [] => {
            return Err(Diagnostic::error(
                "E0917",
                "no equilibrium of the one-shot game was found within the bounds of the actions",
            )
            .note(match game.cut_short() {
                false => "neither first-order conditions nor replies in turn settle where nobody gains by deviating".to_string(),
                true => format!(
                    "searches were ended before they settled: what is paid takes {} evaluations of the game, draw by draw",
                    game.chance.evaluations()
                ),
            })
            .hint(match game.cut_short() {
                false => "give the benchmark as a number, --set NAME=..; equilibria in mixed strategies are outside this solver",
                true => "give the benchmark as a number, --set NAME=..; or leave one draw behind kinks (min, max, abs, comparisons), or write the price as a formula instead of `clears`",
            }));
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
        .actions
        .iter()
        .zip(&chosen)
        .filter(|(a, _)| a.name == target)
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

/// A model as a game, its equilibria in numbers (profiles, one number per action), and what was tried.
///
/// # Errors
/// Those of [`Game::new`]; E0920 where an equilibrium moves with the nodes of draws.
pub(super) fn equilibria(
    model: &Model,
    reading: &Reading,
    asked_by: &str,
) -> Result<(Game, Vec<Vec<f64>>, Tried), Diagnostic> {
    let game = Game::new(model, Nodes::Usual, reading)?;
    let mut found: Vec<Vec<f64>> = Vec::new();
    let (mut tried, mut cut_short) = (Tried::default(), false);
    if game.rough {
        // Many nodes are dear: a search with few of them says where equilibria are, and those are led on.
        let few = Game::new(model, Nodes::Few, reading)?;
        cut_short = few.cut_short();
        let rough;
        (rough, tried) = few.equilibria(asked_by);
        for x in rough {
            limits::doing(format!("{asked_by}: one-shot game, an equilibrium is refined"));
            if let Some(x) = game.led_on(&x, LED)
                && !found.iter().any(|f| near(f, &x, ONE))
                && game.is_best(&x)
            {
                found.push(x);
            }
        }
    }
    // Where searches with few nodes are cut short those with many are all the more.
    if found.is_empty() && !cut_short {
        let more;
        (found, more) = game.equilibria(asked_by);
        tried = tried.and(more);
    }
    if let [one] = found.as_slice() {
        let settled = game.settled(one, || Game::new(model, Nodes::Twice, reading))?;
        found = vec![settled];
    }
    Ok((game, found, tried))
}

/// How far an equilibrium may move from the one with few nodes.
const LED: f64 = 0.02;
/// How far an equilibrium may move when expectations are taken with twice as many nodes.
const SETTLED: f64 = 1e-4;

/// Puts first among those found, `[equilibrium][action]`, the one to which replies lead from the lower ends of all intervals.
pub(super) fn from_start(game: &Game, found: &mut Vec<Vec<f64>>) {
    let Some(x) = game.led_from_start() else { return };
    let at = found.iter().position(|f| near(f, &x, ONE)).unwrap_or_else(|| {
        found.push(x);
        found.len() - 1
    });
    found.swap(0, at);
}

pub(in crate::solve) fn near(a: &[f64], b: &[f64], within: f64) -> bool {
    a.iter().zip(b).all(|(x, y)| (x - y).abs() <= within * (1.0 + x.abs()))
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

    /// Searches are as long as what is paid allows: with two draws behind kinks inside a market that clears each takes a price a node.
    #[test]
    fn searches_end_after_so_many_evaluations() {
        let market = "noise a ~ uniform(4, 10)\n  noise b ~ lognormal(0, 0.3)\n  price p in [0, 50] clears ";
        for (clears, few) in [("max(a - b * p, 0) == Q", true), ("7 - p == Q", false)] {
            let text = format!(
                "agent firm[2] {{\n  action q in [0, 6]\n  reward (p - 0.5) * q\n}}\nmarket g {{\n  let Q = sum(firm.q)\n  {market}{clears}\n}}\n"
            );
            let (model, found) = crate::compile(&text, &crate::Options::default());
            let model = model.unwrap_or_else(|| panic!("{text}{found:?}"));
            let game =
                Game::new(&model, Nodes::Few, &Reading::plain(Conduct::Nash)).unwrap_or_else(|d| panic!("{d:?}"));
            assert_eq!(game.cut_short(), few, "{}", game.chance.evaluations());
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
        assert!(d.hint.as_ref().is_some_and(|h| h.contains("--set NAME=")));
    }
}
