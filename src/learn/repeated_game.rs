//! Q-learners who meet again and again in one finite game and remember the last moves (Calvano, Calzolari, Denicolo and
//! Pastorello 2020, "Artificial Intelligence, Algorithmic Pricing, and Collusion", AER 110(10)).
//!
//! The state is what everybody did last period. Each agent has a table over states and its own actions, updated in order of
//! the agents, `Q += alpha (payoff + discount max Q(s') - Q)`; its largest value and best action at every state are
//! *maintained*: raised when the new value exceeds the largest, looked up again (with a random tie-break) when the value of
//! the best action falls. Every agent explores with probability `epsilon`, which it multiplies by a factor after use, and
//! then takes any action alike. Learning ends when the best actions at the visited states have not changed for a number
//! of periods. Payoffs are tables in double precision, so that a session is arithmetic on them and nothing else, and with the
//! streams of [`Luck`] the published program is repeated number by number.

use super::LearnError;
use super::ran2::Ran2;
use serde::{Deserialize, Serialize};

/// A finite game in which everybody has the same number of actions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FiniteGame {
    /// Number of agents.
    pub agents: usize,
    /// Actions of each.
    pub actions: usize,
    /// Payoffs per period, `[joint action][agent]`: `payoff[joint * agents + i]` is that of agent `i`. In `joint` the
    /// last agent's action counts fastest.
    pub payoff: Vec<f64>,
}

impl FiniteGame {
    /// Number of joint actions, which is the number of states.
    pub fn joint(&self) -> usize {
        self.actions.saturating_pow(self.agents as u32)
    }

    /// The action of agent `i` in a joint action.
    pub fn action(&self, joint: usize, i: usize) -> usize {
        joint / self.actions.pow((self.agents - 1 - i) as u32) % self.actions
    }

    /// The joint action that follows joint action `state` where everybody plays by `strategy` (`[state][agent]`).
    pub fn reply(&self, strategy: &[u32], state: usize) -> usize {
        let own = &strategy[state * self.agents..(state + 1) * self.agents];
        own.iter().fold(0, |j, a| j * self.actions + *a as usize)
    }

    /// `joint` with another action of agent `i`.
    pub fn with_action(&self, joint: usize, i: usize, action: usize) -> usize {
        let unit = self.actions.pow((self.agents - 1 - i) as u32);
        joint - self.action(joint, i) * unit + action * unit
    }

    fn check(&self) -> Result<(), LearnError> {
        let size = self.joint().checked_mul(self.agents);
        let agents = (1..=MOST_AGENTS).contains(&self.agents);
        if agents && self.actions > 0 && self.joint() <= 1 << 24 && size == Some(self.payoff.len()) {
            return Ok(());
        }
        let reason = "the table of payoffs does not fit, has more than 2^24 joint actions or more than 8 agents".into();
        Err(LearnError::Unsuitable {
            method: "q_learning",
            reason,
            instead: "ppo",
        })
    }
}

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionOptions {
    /// Step size.
    pub alpha: f64,
    /// Discount factor.
    pub discount: f64,
    /// What an agent multiplies its exploration by after each period.
    pub exploration_factor: f64,
    /// Periods without a change of the best actions met after which learning ends.
    pub stable: u64,
    /// Periods after which it ends anyway.
    pub cap: u64,
}

impl Default for SessionOptions {
    /// The published baseline.
    fn default() -> Self {
        SessionOptions {
            alpha: 0.15,
            discount: 0.95,
            exploration_factor: (-0.1f64 / 25_000.0).exp(),
            stable: 100_000,
            cap: 1_250_000_000,
        }
    }
}

/// The chance of a session, as in the published program.
#[derive(Clone, Debug)]
pub struct Luck {
    /// The first state: one action per agent.
    start: Vec<usize>,
    explore: Ran2,
    ties: Ran2,
}

impl Luck {
    /// That of session `session` (from 1): two streams seeded with the session, one for exploration and one for ties; the first
    /// states of all sessions one after the other from a stream seeded with 1.
    pub fn of_session(session: u32, game: &FiniteGame) -> Luck {
        let mut first = Ran2::new(1);
        let skip = (session.max(1) as usize - 1) * game.agents;
        (0..skip).for_each(|_| {
            first.uniform();
        });
        Luck {
            start: (0..game.agents).map(|_| pick(game.actions, first.uniform())).collect(),
            explore: Ran2::new(session),
            ties: Ran2::new(session),
        }
    }
}

/// One of `count` things, by a uniform number in (0, 1).
#[inline]
fn pick(count: usize, uniform: f64) -> usize {
    ((count as f64 * uniform) as usize).min(count.saturating_sub(1))
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Periods played.
    pub periods: u64,
    /// Whether the best actions had settled.
    pub converged: bool,
    /// The best action of agent `i` after joint action `state`, `[state][agent]`: `strategy[state * agents + i]`.
    pub strategy: Vec<u32>,
    /// The joint actions that greedy play repeats for ever from the last state: one number per period of the cycle, in
    /// order, the first being where it enters.
    pub cycle: Vec<usize>,
    /// Mean payoff per period over the cycle: one value per agent.
    pub payoff: Vec<f64>,
    /// The tables, `[state][agent][action]`: `q[(state * agents + i) * actions + action]`.
    pub q: Vec<f64>,
}

/// Plays a session to its end. `report` is called every million periods with their number; `false` stops.
///
/// # Errors
/// [`LearnError::Unsuitable`] if the table does not fit.
pub fn play_session(
    game: &FiniteGame,
    options: &SessionOptions,
    mut luck: Luck,
    mut report: impl FnMut(u64) -> bool,
) -> Result<Session, LearnError> {
    game.check()?;
    let mut tables = Tables::new(game, options.discount, &mut luck.ties);
    let mut at = Standing {
        state: joint_of(game, &luck.start),
        settled: 0,
        periods: 0,
        epsilon: vec![1.0; game.agents],
    };
    while at.settled < options.stable && at.periods < options.cap {
        let until = (at.periods / REPORT + 1).saturating_mul(REPORT).min(options.cap);
        // The same periods for any number of agents; for the usual one the compiler knows it.
        match game.agents {
            2 => stretch(game, options, &mut tables, &mut at, &mut luck, until, 2),
            n => stretch(game, options, &mut tables, &mut at, &mut luck, until, n),
        }
        if at.periods.is_multiple_of(REPORT) && !report(at.periods) {
            break;
        }
    }
    let cycle = limit_cycle(game, &tables.best, at.state);
    let mut payoff = vec![0.0; game.agents];
    for &s in &cycle {
        for (i, p) in payoff.iter_mut().enumerate() {
            *p += game.payoff[s * game.agents + i] / cycle.len() as f64;
        }
    }
    Ok(Session {
        periods: at.periods,
        converged: at.settled >= options.stable,
        strategy: tables.best,
        cycle,
        payoff,
        q: tables.q,
    })
}

/// Periods between two reports.
const REPORT: u64 = 1_000_000;
/// Most agents of a game.
const MOST_AGENTS: usize = 8;

/// Where a session stands.
struct Standing {
    state: usize,
    settled: u64,
    periods: u64,
    /// Share of random actions: one per agent.
    epsilon: Vec<f64>,
}

/// Plays until period `until`, or until the best actions have settled.
#[inline(always)]
fn stretch(
    game: &FiniteGame,
    options: &SessionOptions,
    tables: &mut Tables,
    at: &mut Standing,
    luck: &mut Luck,
    until: u64,
    n: usize,
) {
    let m = game.actions;
    let mut actions = [0usize; MOST_AGENTS];
    let mut chances = [0.0f64; MOST_AGENTS];
    let mut epsilon = [0.0f64; MOST_AGENTS];
    epsilon[..n].copy_from_slice(&at.epsilon);
    let (mut state, mut settled, mut periods) = (at.state, at.settled, at.periods);
    let mut explore = luck.explore.clone();
    let (q, largest, best) = (&mut tables.q[..], &mut tables.largest[..], &mut tables.best[..]);
    let payoff = &game.payoff[..];
    while settled < options.stable && periods < until {
        periods += 1;
        // First all chances, then all picks: the order of the published program.
        for u in &mut chances[..n] {
            *u = explore.uniform();
        }
        let mut next = 0;
        for i in 0..n {
            let u = explore.uniform();
            actions[i] = if chances[i] <= epsilon[i] {
                pick(m, u)
            } else {
                best[state * n + i] as usize
            };
            epsilon[i] *= options.exploration_factor;
            next = next * m + actions[i];
        }
        let mut same = true;
        for i in 0..n {
            let (row, action) = (state * n + i, actions[i]);
            let goal = payoff[next * n + i] + options.discount * largest[next * n + i];
            let old = q[row * m + action];
            let new = old + options.alpha * (goal - old);
            q[row * m + action] = new;
            let (top, before) = (largest[row], best[row]);
            if new > top {
                largest[row] = new;
                best[row] = action as u32;
                same &= before == action as u32;
            } else if new < top && before == action as u32 {
                (largest[row], best[row]) = look_up(&q[row * m..(row + 1) * m], &mut luck.ties);
                same &= best[row] == before;
            }
        }
        settled = if same && periods > 1 { settled + 1 } else { 1 };
        state = next;
    }
    luck.explore = explore;
    at.epsilon.copy_from_slice(&epsilon[..n]);
    (at.state, at.settled, at.periods) = (state, settled, periods);
}

/// Numbers of the joint actions that play by `strategy` (`[state][agent]`, as in [`Session::strategy`]) repeats for
/// ever from `state`, in order.
pub fn limit_cycle(game: &FiniteGame, strategy: &[u32], state: usize) -> Vec<usize> {
    let next = |s: usize| game.reply(strategy, s);
    let mut seen = vec![usize::MAX; game.joint()];
    let (mut path, mut s) = (Vec::new(), state);
    while seen[s] == usize::MAX {
        seen[s] = path.len();
        path.push(s);
        s = next(s);
    }
    path.split_off(seen[s])
}

fn joint_of(game: &FiniteGame, actions: &[usize]) -> usize {
    actions.iter().fold(0, |j, a| j * game.actions + a)
}

/// Tables with maintained maxima.
struct Tables {
    /// `[state][agent][action]`, so that a row of one agent is looked up in one go.
    q: Vec<f64>,
    largest: Vec<f64>,
    best: Vec<u32>,
}

impl Tables {
    /// First values: payoffs of each own action, averaged over what the others may do, for ever.
    fn new(game: &FiniteGame, discount: f64, ties: &mut Ran2) -> Tables {
        let (n, m, states) = (game.agents, game.actions, game.joint());
        let mut sums = vec![0.0; n * m];
        for joint in 0..states {
            for i in 0..n {
                sums[i * m + game.action(joint, i)] += game.payoff[joint * n + i];
            }
        }
        let weight = (states / m) as f64 * (1.0 - discount);
        sums.iter_mut().for_each(|s| *s /= weight);
        let mut tables = Tables {
            q: sums.repeat(states),
            largest: vec![0.0; states * n],
            best: vec![0; states * n],
        };
        for i in 0..n {
            for s in 0..states {
                let row = s * n + i;
                (tables.largest[row], tables.best[row]) = look_up(&tables.q[row * m..(row + 1) * m], ties);
            }
        }
        tables
    }
}

/// The largest value of a row and the action that has it; among equals one at random.
fn look_up(values: &[f64], ties: &mut Ran2) -> (f64, u32) {
    let largest = values
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
    let tied = |v: &f64| (v - largest).abs() <= f64::EPSILON;
    let (mut count, mut first) = (0, 0);
    for (a, _) in values.iter().enumerate().filter(|(_, v)| tied(v)) {
        if count == 0 {
            first = a;
        }
        count += 1;
    }
    if count > 1 {
        let tied = values.iter().enumerate().filter(|(_, v)| tied(v));
        first = tied.map(|(a, _)| a).nth(pick(count, ties.uniform())).unwrap_or(first);
    }
    (largest, first as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logit Bertrand duopoly of the published baseline, with its inputs.
    fn calvano() -> FiniteGame {
        let (nash, monopoly, m) = (1.47293f64, 1.92498f64, 15usize);
        let low = nash - 0.1 * (monopoly - nash);
        let high = monopoly + 0.1 * (monopoly - nash);
        let step = (high - low) / (m - 1) as f64;
        let mut prices = vec![low];
        for k in 1..m {
            prices.push(prices[k - 1] + step);
        }
        let mut payoff = Vec::new();
        for p in &prices {
            for r in &prices {
                let (u, v) = (((2.0 - p) / 0.25).exp(), ((2.0 - r) / 0.25).exp());
                let total = u + v + (0.0f64 / 0.25).exp();
                payoff.push((p - 1.0) * (u / total));
                payoff.push((r - 1.0) * (v / total));
            }
        }
        FiniteGame {
            agents: 2,
            actions: m,
            payoff,
        }
    }

    #[test]
    fn published_sessions_are_repeated_to_the_period_and_the_state() {
        let game = calvano();
        let options = SessionOptions::default();
        // Session, time to convergence in units of 25 000 periods, states (from 1) of the limit cycle.
        for (session, time, cycle) in [
            (1, 67.17, vec![190, 84, 194]),
            (2, 56.32, vec![145]),
            (3, 56.93, vec![191, 180, 192]),
        ] {
            let s = play_session(&game, &options, Luck::of_session(session, &game), |_| true).unwrap();
            let taken = (s.periods - options.stable) as f64 / 25_000.0;
            let mut states: Vec<usize> = s.cycle.iter().map(|k| k + 1).collect();
            let at = states.iter().position(|k| *k == cycle[0]).unwrap_or(0);
            states.rotate_left(at);
            assert!((taken - time).abs() < 0.006, "session {session}: {taken} {states:?}");
            assert_eq!(states, cycle, "session {session}");
            assert!(s.converged);
        }
    }

    #[test]
    fn a_dilemma_without_patience_ends_in_defection() {
        // Prisoners' dilemma: 0 cooperates, 1 defects.
        let game = FiniteGame {
            agents: 2,
            actions: 2,
            payoff: vec![3.0, 3.0, 0.0, 5.0, 5.0, 0.0, 1.0, 1.0],
        };
        let options = SessionOptions {
            discount: 0.0,
            exploration_factor: (-1e-3f64).exp(),
            stable: 2000,
            ..SessionOptions::default()
        };
        let play = |session| play_session(&game, &options, Luck::of_session(session, &game), |_| true).unwrap();
        let a = play(5);
        assert_eq!((a.cycle, a.payoff), (vec![3], vec![1.0, 1.0]));
        assert_ne!(play(6).periods, a.periods);
        let bad = FiniteGame {
            agents: 2,
            actions: 2,
            payoff: vec![0.0; 3],
        };
        assert!(play_session(&bad, &options, Luck::of_session(1, &game), |_| true).is_err());
    }
}
