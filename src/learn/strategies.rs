//! What strategies that have settled are: their values, whether they are best replies to each other, and how they answer a
//! deviation (Calvano, Calzolari, Denicolo and Pastorello 2020, sections III and IV).
//!
//! A strategy says what an agent does after every joint action; play by strategies is a walk on joint actions that ends in a
//! cycle, so values are finite sums and geometric series, without truncation.

use super::repeated_game::FiniteGame;

/// Discounted payoffs of play by `strategy` (`[state][agent]`) from every joint action on, exact but for rounding:
/// `[state][agent]`.
pub fn values(game: &FiniteGame, strategy: &[u32], discount: f64) -> Vec<f64> {
    let n = game.agents;
    let mut value = vec![0.0; game.joint() * n];
    let mut known = vec![false; game.joint()];
    // Place in the walk at hand, from 1.
    let mut place = vec![0usize; game.joint()];
    for start in 0..game.joint() {
        let mut walk = Vec::new();
        let mut s = start;
        while !known[s] && place[s] == 0 {
            walk.push(s);
            place[s] = walk.len();
            s = game.reply(strategy, s);
        }
        if !known[s] {
            // The walk has met itself: a cycle, worth a geometric series.
            let cycle = &walk[place[s] - 1..];
            for i in 0..n {
                let (mut sum, mut weight) = (0.0, 1.0);
                for at in cycle {
                    sum += weight * game.payoff[game.reply(strategy, *at) * n + i];
                    weight *= discount;
                }
                value[s * n + i] = sum / (1.0 - weight);
            }
            known[s] = true;
        }
        for at in walk.iter().rev() {
            place[*at] = 0;
            if known[*at] {
                continue;
            }
            let next = game.reply(strategy, *at);
            for i in 0..n {
                value[at * n + i] = game.payoff[next * n + i] + discount * value[next * n + i];
            }
            known[*at] = true;
        }
    }
    value
}

/// Ties of values within this, relative, are ties.
const ROUNDING: f64 = 1e-12;

/// For each agent, whether no single deviation pays at any of the joint actions `path`, the others and everybody's later play by
/// `strategy`; `value` is as from [`values`].
pub fn best_replies(game: &FiniteGame, strategy: &[u32], value: &[f64], discount: f64, path: &[usize]) -> Vec<bool> {
    let n = game.agents;
    let worth = |joint: usize, i: usize| game.payoff[joint * n + i] + discount * value[joint * n + i];
    let none_pays = |i: usize| {
        path.iter().all(|s| {
            let own = game.reply(strategy, *s);
            let limit = worth(own, i) + ROUNDING * (1.0 + worth(own, i).abs());
            (0..game.actions).all(|a| worth(game.with_action(own, i, a), i) <= limit)
        })
    };
    (0..n).map(none_pays).collect()
}

/// The answer to a deviation.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Joint actions played, the deviation's first: one per period.
    pub path: Vec<usize>,
    /// Periods until play is back at a joint action of the cycle it left, or enters another cycle, the period of the deviation
    /// counted.
    pub length: usize,
    /// Whether play came back to the cycle it left.
    pub returned: bool,
    /// The deviator's discounted payoffs less those without deviation, as a share of the latter.
    pub gain: f64,
}

/// What follows when agent `i`, at joint action `state` of `cycle`, once plays the best static reply to what the others do:
/// `strategy` has one joint action per joint action before, `value` is `[joint action x agent]`, `cycle` lists joint actions.
pub fn deviation(
    game: &FiniteGame,
    strategy: &[u32],
    value: &[f64],
    discount: f64,
    cycle: &[usize],
    state: usize,
    i: usize,
    periods: usize,
) -> Answer {
    let n = game.agents;
    let planned = game.reply(strategy, state);
    let mut reply = game.action(planned, i);
    for a in 0..game.actions {
        let pays = |a: usize| game.payoff[game.with_action(planned, i, a) * n + i];
        if pays(a) > pays(reply) {
            reply = a;
        }
    }
    let first = game.with_action(planned, i, reply);
    let worth = |joint: usize| game.payoff[joint * n + i] + discount * value[joint * n + i];
    let mut path = vec![first];
    let mut ended = None;
    let mut seen = vec![0usize; game.joint()];
    while path.len() < periods || ended.is_none() {
        let at = path[path.len() - 1];
        if ended.is_none() {
            ended = match (cycle.contains(&at), seen[at]) {
                (true, _) => Some((path.len(), true)),
                (false, 0) => None,
                (false, before) => Some((before, false)),
            };
            seen[at] = path.len();
        }
        path.push(game.reply(strategy, at));
    }
    path.truncate(periods);
    let (length, returned) = ended.unwrap_or((1, true));
    Answer {
        path,
        length,
        returned,
        gain: worth(first) / worth(planned) - 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prisoners' dilemma: 0 cooperates, 1 defects.
    fn dilemma() -> FiniteGame {
        FiniteGame {
            agents: 2,
            actions: 2,
            payoff: vec![3.0, 3.0, 0.0, 5.0, 5.0, 0.0, 1.0, 1.0],
        }
    }

    #[test]
    fn grim_play_is_a_best_reply_of_the_patient_and_answers_a_deviation_for_ever() {
        let game = dilemma();
        // Cooperate after (0, 0), defect after everything else.
        let grim = [0, 0, 1, 1, 1, 1, 1, 1];
        for (discount, holds) in [(0.6, true), (0.4, false)] {
            let v = values(&game, &grim, discount);
            let forever = 1.0 / (1.0 - discount);
            assert!((v[0] - 3.0 * forever).abs() < 1e-12 && (v[2] - forever).abs() < 1e-12);
            assert_eq!(best_replies(&game, &grim, &v, discount, &[0]), [holds, holds]);
            let a = deviation(&game, &grim, &v, discount, &[0], 0, 0, 4);
            assert_eq!((a.path, a.length, a.returned), (vec![2, 3, 3, 3], 2, false));
            let gain = (5.0 + discount * forever) / (3.0 * forever) - 1.0;
            assert!((a.gain - gain).abs() < 1e-12);
        }
    }

    #[test]
    fn tit_for_tat_comes_back_only_if_it_forgives() {
        let game = dilemma();
        // Each does what the other did last.
        let tit_for_tat = [0, 0, 1, 0, 0, 1, 1, 1];
        let v = values(&game, &tit_for_tat, 0.9);
        let a = deviation(&game, &tit_for_tat, &v, 0.9, &[0], 0, 0, 3);
        // The two take turns for ever: (1, 0), (0, 1), (1, 0).
        assert_eq!((a.path, a.length, a.returned), (vec![2, 1, 2], 1, false));
        // Value of (1, 0) next: 0 now and 5 then, in turns.
        assert!((v[2 * 2] - 0.9 * 5.0 / (1.0 - 0.81)).abs() < 1e-12);
        // Back at once after one period of mutual defection.
        let pavlov = [0, 0, 1, 1, 1, 1, 0, 0];
        let v = values(&game, &pavlov, 0.9);
        let a = deviation(&game, &pavlov, &v, 0.9, &[0], 0, 1, 4);
        assert_eq!((a.path, a.length, a.returned), (vec![1, 3, 0, 0], 3, true));
    }
}
