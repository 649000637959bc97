//! Games whose course is written down by hand: who chooses when, sees what, is told what, and which worlds meet the same shocks.

use crate::env::cast::Behaviour;
use crate::env::vector::{GameOptions, Sitting, Vectorised};
use crate::env::{Actions, Game, Seen, Told, VectorEnvironment};
use crate::learn::LearnError;
use crate::learn::Numbers;
use crate::learn::play::{Player, Players, turn};

/// A leader, two followers who see it choose, and a clerk who repeats what the leader chose.
const TWO_SEATS: &str = "model two_seats\nstages lead, follow\n\
    agent leader {\n  state k in 0..9, start 0\n  action q in 0..3 at lead\n  k' = min(k + 1, 9)\n  observe k\n  \
    reward 10 * q + sum(follower.q) + 50 * clerk.c\n  discount 0.5\n}\n\
    agent follower[2] {\n  action q in 0..3 at follow\n  observe leader.k, leader.q\n  reward 100 * q + leader.q\n  discount 0.9\n}\n\
    agent clerk {\n  action c in 0..3 at follow\n  policy c = leader.q\n}\n";

/// Periods that are played.
const PERIODS: usize = 5;
/// Worlds side by side.
const WORLDS: usize = 2;

/// A player with a plan, who writes down what it sees and is told.
struct Scripted<'a> {
    /// The choice of a slot in a period.
    plan: fn(usize, usize) -> usize,
    slots: usize,
    seen: &'a mut Vec<Vec<f32>>,
    told: &'a mut Vec<Vec<f32>>,
}

impl Player for Scripted<'_> {
    fn choose(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        let period = self.seen.len();
        self.seen.push(seen.observation.to_vec());
        actions.continuous.clear();
        actions.discrete = (0..self.slots).map(|slot| (self.plan)(period, slot) as u32).collect();
        Ok(())
    }

    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Numbers>, LearnError> {
        self.told.push(told.reward.to_vec());
        Ok(None)
    }
}

/// The leader's choice, by world.
fn leads(period: usize, world: usize) -> usize {
    (period + world) % 4
}

/// A follower's choice, by slot: two members to a world.
fn follows(period: usize, slot: usize) -> usize {
    (period + 2 * slot + 1) % 4
}

/// Largest distance between rows of numbers; infinite where there are others.
fn apart(found: &[Vec<f32>], right: &[Vec<f32>]) -> f64 {
    let same = found.len() == right.len() && found.iter().zip(right).all(|(a, b)| a.len() == b.len());
    let pairs = found.iter().flatten().zip(right.iter().flatten());
    let far = pairs.map(|(a, b)| {
        if a.is_finite() {
            f64::from((a - b).abs())
        } else {
            f64::INFINITY
        }
    });
    if same { far.fold(0.0, f64::max) } else { f64::INFINITY }
}

/// What the two seats of a game see and are told.
pub(super) fn two_seats() -> f64 {
    let Some(model) = crate::compile(TWO_SEATS, &crate::Options::default()).0 else {
        return f64::INFINITY;
    };
    let seat = |name: &str| Sitting {
        agent: Some(name.to_string()),
        grids: false,
        joint: false,
    };
    let options = GameOptions {
        seats: vec![seat("leader"), seat("follower")],
        scenario: None,
        worlds: WORLDS,
        periods: None,
        others: Behaviour::Random.into(),
        together: 1,
        alike: false,
    };
    let Ok(mut game) = Vectorised::new(&model, &options) else {
        return f64::INFINITY;
    };
    let (mut first, mut second) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    let mut players: Players<'_> = vec![
        Box::new(Scripted {
            plan: leads,
            slots: WORLDS,
            seen: &mut first.0,
            told: &mut first.1,
        }),
        Box::new(Scripted {
            plan: follows,
            slots: 2 * WORLDS,
            seen: &mut second.0,
            told: &mut second.1,
        }),
    ];
    for _ in 0..2 * PERIODS {
        if turn(&mut players, &mut game).is_err() {
            return f64::INFINITY;
        }
    }
    drop(players);
    // By hand. What is seen lies between -1 and 1: k of 0..9 and q of 0..3.
    let k = |t: usize| (t as f32 - 4.5) / 4.5;
    let q = |t: usize, w: usize| (leads(t, w) as f32 - 1.5) / 1.5;
    let worlds = || 0..WORLDS;
    let slots = || 0..2 * WORLDS;
    let leader_sees: Vec<Vec<f32>> = (0..PERIODS).map(|t| worlds().map(|_| k(t)).collect()).collect();
    let follower_sees: Vec<Vec<f32>> = (0..PERIODS)
        .map(|t| slots().flat_map(|s| [k(t), q(t, s / 2)]).collect())
        .collect();
    let leader_told: Vec<Vec<f32>> = (0..PERIODS)
        .map(|t| {
            let both = |w: usize| follows(t, 2 * w) + follows(t, 2 * w + 1);
            worlds().map(|w| (60 * leads(t, w) + both(w)) as f32).collect()
        })
        .collect();
    // Followers hear of the last period when the leader has chosen again.
    let follower_told: Vec<Vec<f32>> = (0..PERIODS - 1)
        .map(|t| {
            slots()
                .map(|s| (100 * follows(t, s) + leads(t, s / 2)) as f32)
                .collect()
        })
        .collect();
    [
        apart(&first.0, &leader_sees),
        apart(&second.0, &follower_sees),
        apart(&first.1, &leader_told),
        apart(&second.1, &follower_told),
    ]
    .into_iter()
    .fold(0.0, f64::max)
}

/// Worlds two by two with common random numbers: what two of a pair see of a shock, and how much alike the pairs are.
pub(super) fn pairs() -> f64 {
    let text = "shock z ~ ar1(rho: 0.9, sigma: 0.5)\nagent a {\n  action s in [0, 1]\n  observe z\n  reward z * s\n  discount 0.9\n}\n";
    let Some(model) = crate::compile(text, &crate::Options::default()).0 else {
        return f64::INFINITY;
    };
    let options = GameOptions {
        seats: Sitting::only(false),
        scenario: None,
        worlds: 4,
        periods: None,
        others: Behaviour::Random.into(),
        together: 2,
        alike: false,
    };
    let Ok(mut game) = Vectorised::new(&model, &options) else {
        return f64::INFINITY;
    };
    game.reset(1);
    let mut far: f64 = 0.0;
    for _ in 0..5 {
        let z: Vec<f64> = game.observation().iter().map(|x| f64::from(*x)).collect();
        if z[0] == z[2] {
            return f64::INFINITY;
        }
        far = far.max((z[0] - z[1]).abs()).max((z[2] - z[3]).abs());
        game.step(&[0.0; 4], &[]);
    }
    far
}
