//! One seat of a game of several, where all others play constants: who tries things out before learning meets these.

use crate::env::{Actions, Game, Seat, Seen, Told};
use crate::num::random::{Key, Stream};
use rand::RngExt;

/// Stream of what is chosen at random.
const RANDOM: u64 = 0x6865_6c64;

/// A game of one seat inside a game of several.
pub struct Held<'a> {
    game: &'a mut dyn Game,
    seat: usize,
    own: [Seat; 1],
    /// By seat: the constant that is played, one number per dimension in (-1, 1). None plays at random among what is allowed.
    constants: &'a [Option<Vec<f32>>],
    chance: Stream,
}

impl<'a> Held<'a> {
    /// The place of `seat`; `constants` has one entry per seat.
    pub fn new(game: &'a mut dyn Game, seat: usize, constants: &'a [Option<Vec<f32>>]) -> Held<'a> {
        Held {
            own: [game.seats()[seat].clone()],
            chance: Stream::new(0, RANDOM),
            game,
            seat,
            constants,
        }
    }

    /// Everybody else who is on turn chooses.
    fn others_choose(&mut self) {
        let mut actions = Actions::default();
        for seat in self.game.turn().to_vec() {
            if seat == self.seat {
                continue;
            }
            let shape = self.game.seats()[seat].clone();
            actions.fit(shape.slots, &shape.space);
            match &self.constants[seat] {
                Some(c) => actions
                    .continuous
                    .iter_mut()
                    .zip(c.iter().cycle())
                    .for_each(|(a, c)| *a = *c),
                None => actions
                    .continuous
                    .iter_mut()
                    .for_each(|a| *a = self.chance.random_range(-1.0..=1.0)),
            }
            let sizes = &shape.space.discrete;
            let width: usize = sizes.iter().sum();
            let mask = self.game.seen(seat).mask;
            let mut offsets = Vec::new();
            sizes.iter().fold(0, |at, n| {
                offsets.push(at);
                at + n
            });
            for slot in 0..shape.slots {
                for (j, n) in sizes.iter().enumerate() {
                    let free = |k: &usize| mask.is_empty() || mask[slot * width + offsets[j] + k] > 0.0;
                    let allowed = (0..*n).filter(free).count();
                    let pick = self.chance.random_range(0..allowed.max(1));
                    actions.discrete[slot * sizes.len() + j] = (0..*n).filter(free).nth(pick).unwrap_or(0) as u32;
                }
            }
            self.game.act(seat, &actions);
        }
    }

    /// Goes on until the seat is on turn: it is within as many turns as there are seats.
    fn until_on_turn(&mut self) {
        for _ in 0..self.game.seats().len() {
            if self.game.turn().contains(&self.seat) {
                return;
            }
            self.others_choose();
            self.game.proceed();
        }
    }
}

impl Game for Held<'_> {
    fn seats(&self) -> &[Seat] {
        &self.own
    }
    fn reset(&mut self, seed: u64) {
        self.chance = Stream::new(Key::new(seed, RANDOM).bits(self.seat as u64, 0), RANDOM);
        self.game.reset(seed);
        self.until_on_turn();
    }
    fn turn(&self) -> &[usize] {
        &[0]
    }
    fn seen(&self, _: usize) -> Seen<'_> {
        self.game.seen(self.seat)
    }
    fn act(&mut self, _: usize, actions: &Actions) {
        self.game.act(self.seat, actions);
    }
    fn proceed(&mut self) {
        self.others_choose();
        self.game.proceed();
        self.until_on_turn();
    }
    fn told(&self, _: usize) -> Option<Told<'_>> {
        self.game.told(self.seat)
    }
    fn take_returns(&mut self, _: usize) -> Vec<f64> {
        self.game.take_returns(self.seat)
    }
    fn save_state(&self) -> Vec<u8> {
        self.game.save_state()
    }
    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.game.load_state(bytes)
    }
}
