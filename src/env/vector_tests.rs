//! What a seat sees and is told: members, shared chance, and two stages with ends.

use super::*;
use crate::env::{CommonChance, VectorEnvironment};

fn worlds(text: &str, together: usize) -> Vectorised {
    begun(text, together, false)
}

fn begun(text: &str, together: usize, alike: bool) -> Vectorised {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let options = GameOptions {
        seats: Sitting::only(false),
        scenario: None,
        worlds: 4,
        periods: Some(5),
        others: crate::env::cast::Behaviour::Random.into(),
        together,
        alike,
    };
    Vectorised::new(&model, &options).unwrap_or_else(|d| panic!("{d:?}"))
}

#[test]
fn worlds_that_share_chance_meet_the_same_shocks_from_starts_of_their_own() {
    let text = "shock z ~ ar1(rho: 0.9, sigma: 0.1)\nagent a {\n  state k in [0, 9], start uniform(1, 2)\n  \
        action s in [0, 1]\n  noise e ~ normal(0, 1)\n  k' = clamp(k * s + 0.1 * e, 0, 9)\n  observe z, k\n  \
        reward z * s + e\n  discount 0.9\n}\n";
    let mut env = worlds(text, 2);
    assert_eq!(env.common_chance(), CommonChance { worlds: 2, members: 1 });
    for seed in [1, 2] {
        env.reset(seed);
        for period in 0..8 {
            let o = env.observation().to_vec();
            assert!(o[0] == o[2] && o[4] == o[6] && o[0] != o[4], "{o:?}");
            assert!(period % 5 != 0 || (o[1] != o[3] && o[5] != o[7]), "{o:?}");
            env.step(&[0.0; 4], &[]);
            // The same action under the same shock and noise pays the same.
            let r = env.reward();
            assert!(r[0] == r[1] && r[2] == r[3] && r[0] != r[2], "{r:?}");
        }
    }
    // Where they begin alike, they differ by their actions alone.
    let mut alike = begun(text, 2, true);
    alike.reset(1);
    let o = alike.observation().to_vec();
    assert!(o[..2] == o[2..4] && o[4..6] == o[6..] && o[1] != o[5], "{o:?}");
    alike.step(&[0.0, 1.0, 0.0, 0.0], &[]);
    let o = alike.observation();
    assert!(o[0] == o[2] && o[1] != o[3] && o[4..6] == o[6..], "{o:?}");
    let mut alone = worlds(text, 1);
    alone.reset(1);
    let o = alone.observation();
    assert!(o[0] != o[2]);
    let quiet = "agent a {\n  state k in [0, 9], start uniform(1, 2)\n  action s in [0, 1]\n  k' = k * s\n  \
        observe k\n  reward s\n  discount 0.9\n}\n";
    assert_eq!(worlds(quiet, 4).common_chance().worlds, 1);
    assert_eq!(begun(quiet, 4, true).common_chance().worlds, 4);
}

#[test]
fn every_member_of_every_world_has_a_row_of_what_it_may_choose() {
    let text = "agent shop[2] {\n  state stock in 0..3, start 1\n  action sell in 0..stock\n  action d in {no, yes when stock >= 2}\n  \
        stock' = min(stock - sell + 1, 3)\n  observe stock\n  reward sell - (if d == yes then 1 else 0)\n  discount 0.9\n}\n";
    let mut env = worlds(text, 1);
    env.reset(1);
    let row = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
    assert_eq!(env.mask(), row.repeat(8));
    // Member by member: the second of the third world sells one, the others nothing.
    let sells: Vec<u32> = (0..8).flat_map(|k| [u32::from(k == 5), 0]).collect();
    env.step(&[], &sells);
    let after: Vec<f32> = (0..8)
        .flat_map(|k| if k == 5 { row } else { [1.0, 1.0, 1.0, 0.0, 1.0, 1.0] })
        .collect();
    assert_eq!(env.mask(), after);
}

const PAIR: &str = "model pair\nstages lead, follow\n\
    agent leader {\n  state k in 0..9, start 0\n  action q in 0..3 at lead\n  k' = min(k + 1, 9)\n  observe k\n  \
    reward 10 * q + follower.q\n  discount 0.5\n  END\n}\n\
    agent follower {\n  action q in 0..3 at follow\n  observe leader.k, leader.q\n  \
    reward 100 * q + leader.q\n  discount 0.9\n}\n";

/// The leader's and the follower's seat in one world, or of those that are named.
fn pair(end: &str, periods: Option<usize>, agents: &[&str]) -> Vectorised {
    let text = PAIR.replace("END", end);
    let (model, diagnostics) = crate::compile(&text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let seat = |name: &&str| Sitting {
        agent: Some((*name).to_string()),
        grids: false,
        joint: false,
    };
    let options = GameOptions {
        seats: agents.iter().map(seat).collect(),
        scenario: None,
        worlds: 1,
        periods,
        others: crate::env::cast::Behaviour::Random.into(),
        together: 1,
        alike: false,
    };
    Vectorised::new(&model, &options).unwrap_or_else(|d| panic!("{d:?}"))
}

/// The observation of the leader's state `k`, and of a leader's choice.
fn at(k: f32, q: Option<f32>) -> Vec<f32> {
    [Some((k - 4.5) / 4.5), q.map(|q| (q - 1.5) / 1.5)]
        .into_iter()
        .flatten()
        .collect()
}

fn chooses(game: &mut Vectorised, seat: usize, q: u32) {
    let actions = Actions {
        continuous: Vec::new(),
        discrete: vec![q],
    };
    game.act(seat, &actions);
    game.proceed();
}

/// Reward, whether it ended, whether it was cut off, what was last and what is next.
fn told(game: &Vectorised, seat: usize) -> Option<(f32, bool, bool, Vec<f32>, Vec<f32>)> {
    let t = game.told(seat)?;
    let next = t.next.observation.to_vec();
    Some((t.reward[0], t.terminated[0], t.truncated[0], t.last.to_vec(), next))
}

#[test]
fn a_follower_sees_the_leader_choose_and_is_told_at_its_next_turn() {
    // In either order of the seats: who moves first is a matter of stages.
    for agents in [["leader", "follower"], ["follower", "leader"]] {
        let place = |name: &str| agents.iter().position(|a| *a == name).expect("a seat");
        let (lead, follow) = (place("leader"), place("follower"));
        let mut game = pair("", Some(2), &agents);
        game.reset(1);
        assert_eq!(game.turn(), [lead]);
        assert_eq!(game.seen(lead).observation, at(0.0, None));
        assert_eq!(game.seats()[lead].discount, 0.5);
        assert_eq!(game.seats()[follow].discount, 0.9);
        assert!(told(&game, lead).is_none());
        chooses(&mut game, lead, 2);
        assert_eq!(game.turn(), [follow]);
        assert_eq!(game.seen(follow).observation, at(0.0, Some(2.0)));
        assert!(told(&game, follow).is_none(), "it has not chosen yet");
        chooses(&mut game, follow, 1);
        assert_eq!(game.turn(), [lead]);
        let (reward, ended, cut, _, next) = told(&game, lead).expect("news");
        assert_eq!((reward, ended, cut, next), (21.0, false, false, at(1.0, None)));
        chooses(&mut game, lead, 3);
        // The follower hears of the period before when the leader has moved again.
        let (reward, ended, cut, _, next) = told(&game, follow).expect("news");
        assert_eq!((reward, ended, cut, next), (102.0, false, false, at(1.0, Some(3.0))));
        chooses(&mut game, follow, 0);
        // Two periods are played: the record stops where k is 2, and a new episode begins.
        let news = told(&game, lead).expect("news");
        assert_eq!(news, (30.0, false, true, at(2.0, None), at(0.0, None)));
        chooses(&mut game, lead, 1);
        let news = told(&game, follow).expect("news");
        assert_eq!(news, (3.0, false, true, at(2.0, Some(3.0)), at(0.0, Some(1.0))));
        assert_eq!(game.take_returns(lead), [51.0]);
        assert_eq!(game.take_returns(follow), [105.0]);
        assert!(game.take_returns(lead).is_empty());
    }
}

#[test]
fn ends_pay_whom_they_concern_and_end_everybody() {
    let mut game = pair("end when k == 1, paying 8", None, &["leader", "follower"]);
    game.reset(1);
    for q in [2, 3] {
        chooses(&mut game, 0, q);
        chooses(&mut game, 1, 1);
    }
    // The leader's end pays half of 8, which is discounted to the period; the follower's world ends too.
    let (reward, ended, cut, _, next) = told(&game, 0).expect("news");
    assert_eq!((reward, ended, cut, next), (35.0, true, false, at(0.0, None)));
    chooses(&mut game, 0, 0);
    let (reward, ended, cut, _, next) = told(&game, 1).expect("news");
    assert_eq!((reward, ended, cut, next), (103.0, true, false, at(0.0, Some(0.0))));
    assert_eq!((game.take_returns(0), game.take_returns(1)), (vec![56.0], vec![205.0]));
}

#[test]
fn a_game_goes_on_to_the_bit_from_the_middle_of_a_period() {
    let start = || {
        let mut game = pair("", Some(3), &["leader", "follower"]);
        game.reset(5);
        game
    };
    let plays = |game: &mut Vectorised, from: u32, to: u32| -> String {
        let mut seen = String::new();
        for k in from..to {
            let seat = game.turn()[0];
            seen.push_str(&format!(
                "{seat} {:?} {:?} ",
                game.seen(seat).observation,
                told(game, seat)
            ));
            chooses(game, seat, k * 7 % 4);
        }
        seen
    };
    for middle in 0..9 {
        let mut whole = start();
        plays(&mut whole, 0, middle);
        let bytes = whole.save_state();
        let mut other = start();
        plays(&mut other, 0, 4);
        other.load_state(&bytes).expect("the same game");
        assert_eq!(
            plays(&mut whole, middle, 14),
            plays(&mut other, middle, 14),
            "after {middle} turns"
        );
        assert_eq!(whole.take_returns(1), other.take_returns(1));
        assert!(
            pair("", Some(3), &["leader"]).load_state(&bytes).is_err(),
            "another number of seats"
        );
    }
}

#[test]
fn nobody_sits_twice_and_who_has_no_seat_plays_by_the_cast() {
    let text = PAIR.replace("END", "");
    let model = crate::compile(&text, &crate::Options::default()).0.expect("a model");
    let seat = || Sitting {
        agent: Some("leader".into()),
        grids: false,
        joint: false,
    };
    let options = GameOptions {
        seats: vec![seat(), seat()],
        scenario: None,
        worlds: 1,
        periods: None,
        others: crate::env::cast::Behaviour::Fixed(vec![("follower.q".into(), 3.0)]).into(),
        together: 1,
        alike: false,
    };
    assert_eq!(Vectorised::new(&model, &options).err().expect("twice").code, "E0927");
    let alone = GameOptions {
        seats: vec![seat()],
        ..options
    };
    let mut game = Vectorised::new(&model, &alone).unwrap_or_else(|d| panic!("{d:?}"));
    chooses(&mut game, 0, 1);
    assert_eq!(game.turn(), [0]);
    assert_eq!(told(&game, 0).expect("news").0, 13.0);
}
