//! Q-learners who meet again and again in one finite game and remember the last moves (Calvano, Calzolari, Denicolo and
//! Pastorello 2020, "Artificial Intelligence, Algorithmic Pricing, and Collusion", AER 110(10)).
//!
//! The state is what everybody did last period. Each agent has a table over states and its own actions, updated in order of
//! the agents, `Q += alpha (payoff + discount max Q(s') - Q)`; its largest value and best action at every state are
//! *maintained*: raised when the new value exceeds the largest, looked up again (with a random tie-break) when the value of
//! the best action falls. Every agent explores with probability `epsilon`, which it multiplies by a factor after use, and
//! then takes any action alike. Learning ends when the best actions at the visited states have not changed for a number
//! of periods. Payoffs are tables in double precision, so that a session is arithmetic on them and nothing else, and the
//! published program is repeated number by number with [`Luck::ran2`].

use super::LearnError;
use super::ran2::Ran2;
use crate::num::random::Stream;
use rand::RngExt;
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

    fn check(&self) -> Result<(), LearnError> {
        let size = self.joint().checked_mul(self.agents);
        if self.agents > 0 && self.actions > 0 && self.joint() <= 1 << 24 && size == Some(self.payoff.len()) {
            return Ok(());
        }
        let reason = "the table of payoffs does not fit, or has more than 2^24 joint actions".into();
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

/// Where a session's chance comes from.
#[derive(Clone, Debug)]
pub enum Luck {
    /// Counter-based streams: first state, exploration, ties.
    Counter(Box<[Stream; 3]>),
    /// The published program's streams.
    Ran2 {
        /// The first state: one action per agent.
        start: Vec<usize>,
        /// Exploration.
        explore: Ran2,
        /// Ties.
        ties: Ran2,
    },
}

impl Luck {
    /// Streams of session `session` under `seed`.
    pub fn counter(seed: u64, session: u64) -> Luck {
        Luck::Counter(Box::new([0, 1, 2].map(|k| Stream::new(seed, 3 * session + k))))
    }

    /// Those of session `session` (from 1) of the published program: two streams seeded with the session, the first
    /// states of all sessions one after the other from a stream seeded with 1.
    pub fn ran2(session: u32, game: &FiniteGame) -> Luck {
        let mut first = Ran2::new(1);
        let skip = (session.max(1) as usize - 1) * game.agents;
        (0..skip).for_each(|_| {
            first.uniform();
        });
        let start = (0..game.agents)
            .map(|_| (game.actions as f64 * first.uniform()) as usize)
            .collect();
        Luck::Ran2 {
            start,
            explore: Ran2::new(session.max(1)),
            ties: Ran2::new(session.max(1)),
        }
    }

    fn start(&mut self, game: &FiniteGame) -> Vec<usize> {
        match self {
            Luck::Counter(s) => (0..game.agents).map(|_| s[0].random_range(0..game.actions)).collect(),
            Luck::Ran2 { start, .. } => start.clone(),
        }
    }
    #[inline]
    fn explore(&mut self) -> f64 {
        match self {
            Luck::Counter(s) => s[1].random(),
            Luck::Ran2 { explore, .. } => explore.uniform(),
        }
    }
    fn tie(&mut self) -> f64 {
        match self {
            Luck::Counter(s) => s[2].random(),
            Luck::Ran2 { ties, .. } => ties.uniform(),
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Periods played.
    pub periods: u64,
    /// Whether the best actions had settled.
    pub converged: bool,
    /// The best action of agent `i` after joint action `state`, `[state][agent]`: `strategy[state * agents + i]`.
    pub strategy: Vec<usize>,
    /// The joint actions that greedy play repeats for ever from the last state: one number per period of the cycle, in
    /// order, the first being where it enters.
    pub cycle: Vec<usize>,
    /// Mean payoff per period over the cycle: one value per agent.
    pub payoff: Vec<f64>,
    /// The tables, `[state][action][agent]`: `q[(state * actions + action) * agents + i]`.
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
    let mut tables = Tables::new(game, options.discount, &mut luck);
    let n = game.agents;
    let mut state = joint_of(game, &luck.start(game));
    let mut epsilon = vec![1.0f64; n];
    let mut actions = vec![0usize; n];
    let mut chances = vec![0.0f64; n];
    let (mut settled, mut periods) = (0u64, 0u64);
    while settled < options.stable && periods < options.cap {
        periods += 1;
        // First all chances, then all picks: the order of the published program.
        chances.iter_mut().for_each(|u| *u = luck.explore());
        for i in 0..n {
            let pick = luck.explore();
            actions[i] = if chances[i] <= epsilon[i] {
                ((game.actions as f64 * pick) as usize).min(game.actions - 1)
            } else {
                tables.best[state * n + i]
            };
            epsilon[i] *= options.exploration_factor;
        }
        let next = joint_of(game, &actions);
        let mut same = true;
        for (i, &action) in actions.iter().enumerate() {
            let before = tables.best[state * n + i];
            let goal = game.payoff[next * n + i] + options.discount * tables.largest[next * n + i];
            tables.update(state, action, i, options.alpha, goal, &mut luck);
            same &= tables.best[state * n + i] == before;
        }
        settled = if same && periods > 1 { settled + 1 } else { 1 };
        state = next;
        if periods % 1_000_000 == 0 && !report(periods) {
            break;
        }
    }
    let cycle = limit_cycle(game, &tables.best, state);
    let mut payoff = vec![0.0; n];
    for &s in &cycle {
        for (i, p) in payoff.iter_mut().enumerate() {
            *p += game.payoff[s * n + i] / cycle.len() as f64;
        }
    }
    Ok(Session {
        periods,
        converged: settled >= options.stable,
        strategy: tables.best,
        cycle,
        payoff,
        q: tables.q,
    })
}

/// Numbers of the joint actions that play by `strategy` (`[state][agent]`, as in [`Session::strategy`]) repeats for
/// ever from `state`, in order.
pub fn limit_cycle(game: &FiniteGame, strategy: &[usize], state: usize) -> Vec<usize> {
    let n = game.agents;
    let next = |s: usize| joint_of(game, &strategy[s * n..(s + 1) * n]);
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
    agents: usize,
    actions: usize,
    q: Vec<f64>,
    largest: Vec<f64>,
    best: Vec<usize>,
}

impl Tables {
    /// First values: payoffs of each own action, averaged over what the others may do, for ever.
    fn new(game: &FiniteGame, discount: f64, luck: &mut Luck) -> Tables {
        let (n, m, states) = (game.agents, game.actions, game.joint());
        let mut sums = vec![0.0; m * n];
        for joint in 0..states {
            for i in 0..n {
                sums[game.action(joint, i) * n + i] += game.payoff[joint * n + i];
            }
        }
        let weight = (states / m) as f64 * (1.0 - discount);
        sums.iter_mut().for_each(|s| *s /= weight);
        let mut tables = Tables {
            agents: n,
            actions: m,
            q: sums.repeat(states),
            largest: vec![0.0; states * n],
            best: vec![0; states * n],
        };
        for i in 0..n {
            for s in 0..states {
                tables.look_up(s, i, luck);
            }
        }
        tables
    }

    fn at(&self, state: usize, action: usize, i: usize) -> usize {
        (state * self.actions + action) * self.agents + i
    }

    #[inline]
    fn update(&mut self, state: usize, action: usize, i: usize, alpha: f64, goal: f64, luck: &mut Luck) {
        let at = self.at(state, action, i);
        let old = self.q[at];
        let new = old + alpha * (goal - old);
        self.q[at] = new;
        let k = state * self.agents + i;
        if new > self.largest[k] {
            self.largest[k] = new;
            self.best[k] = action;
        } else if new < self.largest[k] && self.best[k] == action {
            self.look_up(state, i, luck);
        }
    }

    /// Finds the largest value again; among equals one at random.
    fn look_up(&mut self, state: usize, i: usize, luck: &mut Luck) {
        let value = |a: usize| self.q[self.at(state, a, i)];
        let largest = (0..self.actions).map(value).fold(f64::NEG_INFINITY, f64::max);
        let tied = |a: &usize| (value(*a) - largest).abs() <= f64::EPSILON;
        let count = (0..self.actions).filter(tied).count();
        let pick = if count > 1 {
            ((count as f64 * luck.tie()) as usize).min(count - 1)
        } else {
            0
        };
        let best = (0..self.actions).filter(tied).nth(pick).unwrap_or(0);
        let k = state * self.agents + i;
        (self.largest[k], self.best[k]) = (largest, best);
    }
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
            let s = play_session(&game, &options, Luck::ran2(session, &game), |_| true).unwrap();
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
    fn a_dilemma_without_patience_ends_in_defection_and_counters_repeat() {
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
        let a = play_session(&game, &options, Luck::counter(5, 0), |_| true).unwrap();
        let b = play_session(&game, &options, Luck::counter(5, 0), |_| true).unwrap();
        assert_eq!(a, b);
        assert_eq!((a.cycle.clone(), a.payoff), (vec![3], vec![1.0, 1.0]));
        let bad = FiniteGame {
            agents: 2,
            actions: 2,
            payoff: vec![0.0; 3],
        };
        assert!(play_session(&bad, &options, Luck::counter(5, 0), |_| true).is_err());
    }
}
