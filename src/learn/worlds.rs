//! Environments written by hand: references for the learners, and for the same problems written in `.econ`.
//!
//! CartPole-v1 and Pendulum-v1 with Gymnasium's equations (Barto, Sutton and Anderson 1983), because published results of
//! learners exist for them; the growth model of Brock and Mirman (1972) with logarithmic utility and full
//! depreciation, whose optimal saving share is `alpha beta` at every state; and identity games, which a learner that works
//! solves in a thousand steps.

use crate::env::{ActionSpace, Actions, CommonChance, Game, Seat, Seen, Told};
use crate::num::random::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// One world of a single decision maker.
pub trait World: Clone + Send + Serialize + DeserializeOwned {
    /// What is chosen.
    fn space(&self) -> ActionSpace;
    /// Width of an observation.
    fn width(&self) -> usize;
    /// Draws a first state.
    fn start(&mut self, rng: &mut Stream);
    /// Writes the observation: one number per column, [`World::width`] of them.
    fn observe(&self, out: &mut [f32]);
    /// Writes which choices are allowed: 1 or 0 per choice, `sum(sizes)` numbers over the finite dimensions; `false`
    /// (nothing is masked) by default.
    fn mask(&self, _out: &mut [f32]) -> bool {
        false
    }
    /// Moves one period: the reward, and whether the world ended. `continuous` has one number in [-1, 1] and `discrete`
    /// one index per dimension.
    fn step(&mut self, continuous: &[f32], discrete: &[u32], rng: &mut Stream) -> (f32, bool);
    /// Discount factor.
    fn discount(&self) -> f32 {
        0.99
    }
}

/// Copies of a world side by side, truncated after a number of periods.
#[derive(Clone)]
pub struct Copies<W> {
    state: State<W>,
    seats: [Seat; 1],
    limit: usize,
    moved: bool,
    observation: Vec<f32>,
    mask: Vec<f32>,
    reward: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    last: Vec<f32>,
}

#[derive(Clone, Serialize, Deserialize)]
struct State<W> {
    worlds: Vec<W>,
    streams: Vec<Stream>,
    periods: Vec<usize>,
    returns: Vec<f64>,
    finished: Vec<f64>,
}

impl<W: World> Copies<W> {
    /// `count` copies of `world`, truncated after `limit` periods.
    pub fn new(world: W, count: usize, limit: usize) -> Self {
        let (space, width) = (world.space(), world.width());
        let mut env = Copies {
            seats: [Seat {
                slots: count,
                members: 1,
                observation_width: width,
                space,
                masked: false,
                discount: world.discount(),
                chance: CommonChance { worlds: 1, members: 1 },
                joint_width: 0,
                common_reward: true,
            }],
            state: State {
                worlds: vec![world; count],
                streams: Vec::new(),
                periods: vec![0; count],
                returns: vec![0.0; count],
                finished: Vec::new(),
            },
            limit,
            moved: false,
            observation: vec![0.0; count * width],
            mask: Vec::new(),
            reward: vec![0.0; count],
            terminated: vec![false; count],
            truncated: vec![false; count],
            last: vec![0.0; count * width],
        };
        env.reset(0);
        env.seats[0].masked = !env.mask.is_empty();
        env
    }

    /// The worlds: one per slot.
    pub fn worlds(&self) -> &[W] {
        &self.state.worlds
    }

    fn look(&mut self) {
        let Some(first) = self.state.worlds.first() else {
            return;
        };
        let (width, choices) = (first.width(), self.seats[0].space.discrete.iter().sum::<usize>());
        let mut row = vec![1.0; choices];
        self.mask.clear();
        for (w, out) in self.state.worlds.iter().zip(self.observation.chunks_exact_mut(width)) {
            w.observe(out);
            if w.mask(&mut row) {
                self.mask.extend_from_slice(&row);
            }
        }
    }
}

impl<W: World> Game for Copies<W> {
    fn seats(&self) -> &[Seat] {
        &self.seats
    }
    fn reset(&mut self, seed: u64) {
        let s = &mut self.state;
        s.streams = (0..s.worlds.len())
            .map(|i| Stream::new(seed, 1000 + i as u64))
            .collect();
        s.worlds
            .iter_mut()
            .zip(&mut s.streams)
            .for_each(|(w, rng)| w.start(rng));
        s.periods.fill(0);
        s.returns.fill(0.0);
        s.finished.clear();
        self.moved = false;
        self.look();
    }
    fn turn(&self) -> &[usize] {
        &[0]
    }
    fn seen(&self, _: usize) -> Seen<'_> {
        Seen {
            observation: &self.observation,
            mask: &self.mask,
            joint: &[],
        }
    }
    fn act(&mut self, _: usize, actions: &Actions) {
        let Actions { continuous, discrete } = actions;
        let Seat {
            space,
            observation_width: width,
            ..
        } = &self.seats[0];
        let (c, d) = (space.continuous, space.discrete.len());
        let s = &mut self.state;
        for i in 0..s.worlds.len() {
            let (w, rng) = (&mut s.worlds[i], &mut s.streams[i]);
            let (reward, end) = w.step(&continuous[i * c..(i + 1) * c], &discrete[i * d..(i + 1) * d], rng);
            s.periods[i] += 1;
            s.returns[i] += reward as f64;
            self.reward[i] = reward;
            self.terminated[i] = end;
            self.truncated[i] = !end && s.periods[i] >= self.limit;
            if end || self.truncated[i] {
                w.observe(&mut self.last[i * width..(i + 1) * width]);
                s.finished.push(s.returns[i]);
                (s.returns[i], s.periods[i]) = (0.0, 0);
                w.start(rng);
            }
        }
        self.moved = true;
        self.look();
    }
    fn proceed(&mut self) {
        // The only seat has chosen, and the worlds have moved.
    }
    fn told(&self, _: usize) -> Option<Told<'_>> {
        self.moved.then(|| Told {
            reward: &self.reward,
            terminated: &self.terminated,
            truncated: &self.truncated,
            last: &self.last,
            last_joint: &[],
            next: self.seen(0),
        })
    }
    fn take_returns(&mut self, _: usize) -> Vec<f64> {
        std::mem::take(&mut self.state.finished)
    }
    fn save_state(&self) -> Vec<u8> {
        super::encode(&self.state)
    }
    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String> {
        let stored: State<W> = super::decode(bytes).map_err(|e| e.to_string())?;
        let n = self.state.worlds.len();
        if stored.worlds.len() != n
            || stored.streams.len() != n
            || stored.periods.len() != n
            || stored.returns.len() != n
        {
            return Err("another number of worlds".into());
        }
        self.state = stored;
        self.moved = true;
        self.look();
        Ok(())
    }
}

/// CartPole-v1: push left or right, 1 a period until the pole falls or the cart leaves (500 periods at most).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CartPole([f64; 4]);

impl World for CartPole {
    fn space(&self) -> ActionSpace {
        ActionSpace {
            continuous: 0,
            discrete: vec![2],
        }
    }
    fn width(&self) -> usize {
        4
    }
    fn start(&mut self, rng: &mut Stream) {
        self.0 = std::array::from_fn(|_| -0.05 + 0.1 * rng.random::<f64>());
    }
    fn observe(&self, out: &mut [f32]) {
        out.iter_mut().zip(self.0).for_each(|(o, x)| *o = x as f32);
    }
    fn step(&mut self, _: &[f32], discrete: &[u32], _: &mut Stream) -> (f32, bool) {
        let [x, v, angle, spin] = self.0;
        let (gravity, cart, pole, half, tau) = (9.8, 1.0, 0.1, 0.5, 0.02);
        let force = if discrete[0] == 1 { 10.0 } else { -10.0 };
        let (sin, cos) = angle.sin_cos();
        let temp = (force + pole * half * spin * spin * sin) / (cart + pole);
        let turn = (gravity * sin - cos * temp) / (half * (4.0 / 3.0 - pole * cos * cos / (cart + pole)));
        let push = temp - pole * half * turn * cos / (cart + pole);
        self.0 = [x + tau * v, v + tau * push, angle + tau * spin, spin + tau * turn];
        let limit = 12.0 * 2.0 * std::f64::consts::PI / 360.0;
        (1.0, self.0[0].abs() > 2.4 || self.0[2].abs() > limit)
    }
}

/// Pendulum-v1: swing up and hold with a torque in [-2, 2]; 200 periods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pendulum {
    angle: f64,
    spin: f64,
}

impl World for Pendulum {
    fn space(&self) -> ActionSpace {
        ActionSpace {
            continuous: 1,
            discrete: vec![],
        }
    }
    fn width(&self) -> usize {
        3
    }
    fn start(&mut self, rng: &mut Stream) {
        self.angle = std::f64::consts::PI * (2.0 * rng.random::<f64>() - 1.0);
        self.spin = 2.0 * rng.random::<f64>() - 1.0;
    }
    fn observe(&self, out: &mut [f32]) {
        out.copy_from_slice(&[self.angle.cos() as f32, self.angle.sin() as f32, self.spin as f32]);
    }
    fn step(&mut self, continuous: &[f32], _: &[u32], _: &mut Stream) -> (f32, bool) {
        use std::f64::consts::PI;
        let torque = 2.0 * continuous[0].clamp(-1.0, 1.0) as f64;
        let angle = (self.angle + PI).rem_euclid(2.0 * PI) - PI;
        let cost = angle * angle + 0.1 * self.spin * self.spin + 0.001 * torque * torque;
        self.spin = (self.spin + (15.0 * self.angle.sin() + 3.0 * torque) * 0.05).clamp(-8.0, 8.0);
        self.angle += self.spin * 0.05;
        (-cost as f32, false)
    }
}

/// Brock and Mirman (1972): `y = z k^alpha`, save a share in (0, 1), full depreciation, log utility. `log z` is an AR(1).
/// The optimal share is `alpha beta`, whatever the state. The action in [-1, 1] is the share in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Capital share.
    pub alpha: f64,
    /// Discount factor.
    pub beta: f64,
    /// Persistence of log productivity.
    pub rho: f64,
    /// Standard deviation of its innovations.
    pub sigma: f64,
    capital: f64,
    log_z: f64,
}

impl Default for Growth {
    fn default() -> Self {
        Growth {
            alpha: 0.36,
            beta: 0.96,
            rho: 0.9,
            sigma: 0.02,
            capital: 0.2,
            log_z: 0.0,
        }
    }
}

impl Growth {
    /// The optimal saving share.
    pub fn optimal_share(&self) -> f64 {
        self.alpha * self.beta
    }
    /// Consumption that is lost for ever, as a share, when another constant share `share` is saved: both plans have values
    /// `log(1 - share) / (1 - beta) + alpha beta log(share) / ((1 - beta)(1 - alpha beta))` plus the same terms.
    pub fn welfare_loss(&self, share: f64) -> f64 {
        let ab = self.alpha * self.beta;
        let worth = |s: f64| (1.0 - s).ln() + ab / (1.0 - ab) * s.ln();
        1.0 - (worth(share) - worth(ab)).exp()
    }
}

impl World for Growth {
    fn space(&self) -> ActionSpace {
        ActionSpace {
            continuous: 1,
            discrete: vec![],
        }
    }
    fn width(&self) -> usize {
        2
    }
    fn start(&mut self, rng: &mut Stream) {
        let steady = (self.alpha * self.beta).powf(1.0 / (1.0 - self.alpha));
        self.capital = steady * (0.5 + rng.random::<f64>());
        self.log_z = 0.0;
    }
    fn observe(&self, out: &mut [f32]) {
        out.copy_from_slice(&[self.capital as f32, self.log_z as f32]);
    }
    fn step(&mut self, continuous: &[f32], _: &[u32], rng: &mut Stream) -> (f32, bool) {
        let share = (0.5 * (continuous[0].clamp(-1.0, 1.0) as f64 + 1.0)).clamp(1e-3, 1.0 - 1e-3);
        let output = self.log_z.exp() * self.capital.powf(self.alpha);
        self.capital = share * output;
        let (u, v) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
        let shock = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        self.log_z = self.rho * self.log_z + self.sigma * shock;
        (((1.0 - share) * output).ln() as f32, false)
    }
    fn discount(&self) -> f32 {
        self.beta as f32
    }
}

/// Identity games: do what you see. Each finite dimension must repeat its own symbol, each continuous one its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    space: ActionSpace,
    seen: Vec<f32>,
    masked: bool,
}

impl Identity {
    /// An identity game on `space`. With `masked`, the symbol after the right one is forbidden.
    pub fn new(space: ActionSpace, masked: bool) -> Self {
        let seen = vec![0.0; space.continuous + space.discrete.len()];
        Identity { space, seen, masked }
    }
    /// The symbol of finite dimension `d`.
    fn symbol(&self, d: usize) -> usize {
        self.seen[self.space.continuous + d] as usize
    }
}

impl World for Identity {
    fn space(&self) -> ActionSpace {
        self.space.clone()
    }
    fn width(&self) -> usize {
        self.space.continuous + self.space.discrete.iter().sum::<usize>()
    }
    fn start(&mut self, rng: &mut Stream) {
        let c = self.space.continuous;
        for (i, x) in self.seen.iter_mut().enumerate() {
            *x = match i.checked_sub(c) {
                None => 1.6 * rng.random::<f32>() - 0.8,
                Some(d) => rng.random_range(0..self.space.discrete[d]) as f32,
            };
        }
    }
    fn observe(&self, out: &mut [f32]) {
        let c = self.space.continuous;
        out.fill(0.0);
        out[..c].copy_from_slice(&self.seen[..c]);
        let mut at = c;
        for (d, size) in self.space.discrete.iter().enumerate() {
            out[at + self.symbol(d)] = 1.0;
            at += size;
        }
    }
    fn mask(&self, out: &mut [f32]) -> bool {
        let mut at = 0;
        out.fill(1.0);
        for (d, size) in self.space.discrete.iter().enumerate() {
            out[at + (self.symbol(d) + 1) % size] = 0.0;
            at += size;
        }
        self.masked
    }
    fn step(&mut self, continuous: &[f32], discrete: &[u32], rng: &mut Stream) -> (f32, bool) {
        let mut reward = 0.0;
        for (a, x) in continuous.iter().zip(&self.seen) {
            reward -= (a - x).powi(2);
        }
        for (d, k) in discrete.iter().enumerate() {
            reward += f32::from(*k as usize == self.symbol(d));
        }
        self.start(rng);
        (reward, false)
    }
    fn discount(&self) -> f32 {
        0.5
    }
}

/// A symbol is shown once and must be named some periods later: impossible without memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    symbols: usize,
    delay: usize,
    symbol: usize,
    period: usize,
}

impl Recall {
    /// One of `symbols`, to be named after `delay` periods.
    pub fn new(symbols: usize, delay: usize) -> Self {
        Recall {
            symbols: symbols.max(1),
            delay,
            symbol: 0,
            period: 0,
        }
    }
}

impl World for Recall {
    fn space(&self) -> ActionSpace {
        ActionSpace {
            continuous: 0,
            discrete: vec![self.symbols],
        }
    }
    fn width(&self) -> usize {
        self.symbols + 1
    }
    fn start(&mut self, rng: &mut Stream) {
        (self.symbol, self.period) = (rng.random_range(0..self.symbols), 0);
    }
    fn observe(&self, out: &mut [f32]) {
        out.fill(0.0);
        if self.period == 0 {
            out[self.symbol] = 1.0;
        }
        out[self.symbols] = f32::from(self.period == self.delay);
    }
    fn step(&mut self, _: &[f32], discrete: &[u32], _: &mut Stream) -> (f32, bool) {
        let end = self.period >= self.delay;
        self.period += 1;
        (f32::from(end && discrete[0] as usize == self.symbol), end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::VectorEnvironment;

    #[test]
    fn pendulum_hanging_down_without_torque_stays_and_costs_pi_squared() {
        let mut p = Pendulum {
            angle: std::f64::consts::PI,
            spin: 0.0,
        };
        let (r, end) = p.step(&[0.0], &[], &mut Stream::new(1, 1));
        assert!(!end && (r as f64 + std::f64::consts::PI.powi(2)).abs() < 1e-5);
    }

    #[test]
    fn the_closed_form_share_beats_its_neighbours() {
        let g = Growth::default();
        assert_eq!(g.welfare_loss(g.optimal_share()), 0.0);
        assert!(g.welfare_loss(0.34) > 0.0 && g.welfare_loss(0.35) > 0.0);
    }

    #[test]
    fn an_environment_that_was_stored_goes_on_to_the_bit() {
        let mut a = Copies::new(Growth::default(), 3, 7);
        a.reset(5);
        for _ in 0..10 {
            a.step(&[0.1, -0.2, 0.3], &[]);
        }
        let mut b = Copies::new(Growth::default(), 3, 7);
        b.load_state(&a.save_state()).unwrap();
        for _ in 0..10 {
            a.step(&[0.1, -0.2, 0.3], &[]);
            b.step(&[0.1, -0.2, 0.3], &[]);
            assert_eq!(a.observation(), b.observation());
            assert_eq!(a.reward(), b.reward());
        }
        assert!(
            Copies::new(Growth::default(), 2, 7)
                .load_state(&a.save_state())
                .is_err()
        );
    }
}
