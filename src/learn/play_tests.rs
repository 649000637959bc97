//! Who is asked and told what, and when: a leader and a follower written by hand.

use super::*;
use crate::env::{ActionSpace, CommonChance, Seat};
use std::cell::RefCell;

/// The leader chooses a number, the follower sees it and chooses another. Both slots see the period; slot 0 ends after two periods, the
/// record of slot 1 stops after three. Rewards are `10 l + f` and `100 f + l`.
struct LeadFollow {
    seats: Vec<Seat>,
    turn: [usize; 1],
    period: [f32; 2],
    choice: [[f32; 2]; 2],
    observation: [Vec<f32>; 2],
    reward: [Vec<f32>; 2],
    last: [Vec<f32>; 2],
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    moved: [bool; 2],
}

impl LeadFollow {
    fn new() -> LeadFollow {
        let seat = |width| Seat {
            slots: 2,
            members: 1,
            observation_width: width,
            space: ActionSpace {
                continuous: 1,
                discrete: Vec::new(),
            },
            masked: false,
            discount: 0.9,
            chance: CommonChance { worlds: 1, members: 1 },
            joint_width: 0,
            common_reward: true,
        };
        LeadFollow {
            seats: vec![seat(1), seat(2)],
            turn: [0],
            period: [0.0; 2],
            choice: [[0.0; 2]; 2],
            observation: [vec![0.0; 2], vec![0.0; 4]],
            reward: [vec![0.0; 2], vec![0.0; 2]],
            last: [vec![0.0; 2], vec![0.0; 4]],
            terminated: vec![false; 2],
            truncated: vec![false; 2],
            moved: [false; 2],
        }
    }

    fn look(&self, seat: usize) -> Vec<f32> {
        let row = |s: usize| match seat {
            0 => vec![self.period[s]],
            _ => vec![self.period[s], self.choice[0][s]],
        };
        [row(0), row(1)].concat()
    }

    fn pass(&mut self) {
        for s in 0..2 {
            let (l, f) = (self.choice[0][s], self.choice[1][s]);
            (self.reward[0][s], self.reward[1][s]) = (10.0 * l + f, 100.0 * f + l);
            self.period[s] += 1.0;
        }
        self.last = [self.look(0), self.look(1)];
        self.terminated = vec![self.period[0] >= 2.0, false];
        self.truncated = vec![false, self.period[1] >= 3.0];
        for s in 0..2 {
            if self.terminated[s] || self.truncated[s] {
                self.period[s] = 0.0;
            }
        }
    }
}

impl Game for LeadFollow {
    fn seats(&self) -> &[Seat] {
        &self.seats
    }
    fn reset(&mut self, _: u64) {
        *self = LeadFollow::new();
    }
    fn turn(&self) -> &[usize] {
        &self.turn
    }
    fn seen(&self, seat: usize) -> Seen<'_> {
        Seen {
            observation: &self.observation[seat],
            mask: &[],
            joint: &[],
        }
    }
    fn act(&mut self, seat: usize, actions: &Actions) {
        self.choice[seat].copy_from_slice(&actions.continuous);
        self.moved[seat] = true;
    }
    fn proceed(&mut self) {
        if self.turn == [1] {
            self.pass();
        }
        self.turn = [1 - self.turn[0]];
        self.observation[self.turn[0]] = self.look(self.turn[0]);
    }
    fn told(&self, seat: usize) -> Option<Told<'_>> {
        self.moved[seat].then(|| Told {
            reward: &self.reward[seat],
            terminated: &self.terminated,
            truncated: &self.truncated,
            last: &self.last[seat],
            last_joint: &[],
            next: self.seen(seat),
        })
    }
    fn take_returns(&mut self, _: usize) -> Vec<f64> {
        Vec::new()
    }
    fn save_state(&self) -> Vec<u8> {
        Vec::new()
    }
    fn load_state(&mut self, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

/// Writes down what it meets; chooses 0.1, 0.2, .. in slot 0 and twice that in slot 1; closes every second time it hears.
struct Scripted<'a> {
    name: &'static str,
    moves: u8,
    heard: u8,
    diary: &'a RefCell<Vec<String>>,
}

impl Player for Scripted<'_> {
    fn choose(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        self.moves += 1;
        let x = 0.1 * f32::from(self.moves);
        actions.continuous = vec![x, 2.0 * x];
        let mut diary = self.diary.borrow_mut();
        diary.push(format!("{} sees {:.1?}", self.name, seen.observation));
        Ok(())
    }
    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Numbers>, LearnError> {
        let ends: Vec<&str> = (0..2)
            .map(|s| match (told.terminated[s], told.truncated[s]) {
                (false, false) => "goes on",
                (true, _) => "ends",
                (_, true) => "stops",
            })
            .collect();
        let (name, reward, next) = (self.name, told.reward, told.next.observation);
        let mut line = format!("{name} hears {reward:.1?} {} next {next:.1?}", ends.join(" "));
        if told.ended(0) || told.ended(1) {
            line.push_str(&format!(" last {:.1?}", told.last));
        }
        self.diary.borrow_mut().push(line);
        self.heard += 1;
        Ok(self.heard.is_multiple_of(2).then(Numbers::default))
    }
}

#[test]
fn a_leader_and_a_follower_meet_each_other_in_the_order_of_their_stages() {
    let diary = RefCell::new(Vec::new());
    let scripted = |name| Scripted {
        name,
        moves: 0,
        heard: 0,
        diary: &diary,
    };
    let mut game = LeadFollow::new();
    let mut players: Players<'_> = vec![Box::new(scripted("L")), Box::new(scripted("F"))];
    let seats = |closed: Vec<(usize, Numbers)>| closed.into_iter().map(|(s, _)| s).collect::<Vec<_>>();
    assert_eq!(seats(until_closed(&mut players, &mut game).unwrap()), [0]);
    assert_eq!(seats(until_closed(&mut players, &mut game).unwrap()), [1]);
    let played = diary.borrow().join("\n");
    let expected = "\
L sees [0.0, 0.0]
F sees [0.0, 0.1, 0.0, 0.2]
L hears [1.1, 2.2] goes on goes on next [1.0, 1.0]
L sees [1.0, 1.0]
F hears [10.1, 20.2] goes on goes on next [1.0, 0.2, 1.0, 0.4]
F sees [1.0, 0.2, 1.0, 0.4]
L hears [2.2, 4.4] ends goes on next [0.0, 2.0] last [2.0, 2.0]
L sees [0.0, 2.0]
F hears [20.2, 40.4] ends goes on next [0.0, 0.3, 2.0, 0.6] last [2.0, 0.2, 2.0, 0.4]";
    assert_eq!(played, expected);
    diary.borrow_mut().clear();
    assert_eq!(seats(until_closed(&mut players, &mut game).unwrap()), [0]);
    let played = diary.borrow().join("\n");
    let expected = "\
F sees [0.0, 0.3, 2.0, 0.6]
L hears [3.3, 6.6] goes on stops next [1.0, 0.0] last [1.0, 3.0]
L sees [1.0, 0.0]
F hears [30.3, 60.6] goes on stops next [1.0, 0.4, 0.0, 0.8] last [1.0, 0.3, 3.0, 0.6]
F sees [1.0, 0.4, 0.0, 0.8]
L hears [4.4, 8.8] ends goes on next [0.0, 1.0] last [2.0, 1.0]";
    assert_eq!(played, expected);
}

/// Fails when it is to choose.
struct Lost;

impl Player for Lost {
    fn choose(&mut self, _: &Seen<'_>, _: &mut Actions) -> Result<(), LearnError> {
        Err(LearnError::NotFinite { what: "it", steps: 0 })
    }
    fn hear(&mut self, _: &Told<'_>) -> Result<Option<Numbers>, LearnError> {
        Ok(None)
    }
}

#[test]
fn an_error_says_at_which_seat_it_was_made() {
    let diary = RefCell::new(Vec::new());
    let leader = Scripted {
        name: "L",
        moves: 0,
        heard: 0,
        diary: &diary,
    };
    let mut players: Players<'_> = vec![Box::new(leader), Box::new(Lost)];
    let (seat, why) = until_closed(&mut players, &mut LeadFollow::new()).unwrap_err();
    assert_eq!(seat, 1);
    assert!(matches!(why, LearnError::NotFinite { what: "it", .. }));
}
