//! What holds for every learner: identity games are solved, masks are obeyed, one seed gives one result, and a run that is
//! stored and resumed equals one that was not, to the bit.

use super::q_learning::{Initial, QLearning, QLearningOptions, Tables};
#[cfg(feature = "learn")]
use super::worlds::{CartPole, Growth};
use super::worlds::{Copies, Identity, World};
use super::*;
use crate::env::{ActionSpace, VectorEnvironment};

/// Makes a learner.
type Make<'a> = &'a dyn Fn(&mut dyn Game, u64) -> Box<dyn Learner>;

/// A learner ready for its first round.
fn begun(mut learner: impl Learner + 'static, env: &mut dyn Game, seed: u64) -> Box<dyn Learner> {
    begin(&mut learner, env, seed).unwrap();
    Box::new(learner)
}

fn space(continuous: usize, discrete: &[usize]) -> ActionSpace {
    ActionSpace {
        continuous,
        discrete: discrete.to_vec(),
    }
}

/// Trains on an identity game and returns the mean reward a period of deterministic play.
fn identity(space: ActionSpace, masked: bool, slots: usize, make: Make) -> f64 {
    let mut env = Copies::new(Identity::new(space, masked), slots, 20);
    let mut learner = make(&mut env, 1);
    train(learner.as_mut(), &mut env, |_, _, _| Next::Continue).unwrap();
    let returns = evaluate(&learner.policy(), &mut env, true, 77, 50, 2000);
    returns.iter().sum::<f64>() / returns.len() as f64 / 20.0
}

/// Two runs agree; a run cut in half, stored and resumed in fresh objects agrees too.
fn resumes_to_the_bit<W: World>(world: W, slots: usize, updates: usize, make: Make) {
    let fresh = || Copies::new(world.clone(), slots, 13);
    let run = |updates: usize, env: &mut dyn Game, learner: &mut dyn Learner| {
        (0..updates).map(|_| round(learner, env).unwrap()).collect::<Vec<_>>()
    };
    let mut env = fresh();
    let mut whole = make(&mut env, 3);
    let first = run(updates, &mut env, whole.as_mut());
    let half = checkpoint([whole.as_ref()], &env);
    let second = run(updates, &mut env, whole.as_mut());
    // The same seed again.
    let mut env_again = fresh();
    let mut again = make(&mut env_again, 3);
    assert_eq!(
        format!("{first:?}"),
        format!("{:?}", run(updates, &mut env_again, again.as_mut()))
    );
    assert_eq!(half, checkpoint([again.as_ref()], &env_again));
    // Other objects, other seed, then restored.
    let mut env_b = fresh();
    let mut resumed = make(&mut env_b, 99);
    run(1, &mut env_b, resumed.as_mut());
    assert_ne!(half, checkpoint([resumed.as_ref()], &env_b));
    resume(&half, [resumed.as_mut()], &mut env_b).unwrap();
    assert_eq!(
        format!("{second:?}"),
        format!("{:?}", run(updates, &mut env_b, resumed.as_mut()))
    );
    assert_eq!(
        checkpoint([whole.as_ref()], &env),
        checkpoint([resumed.as_ref()], &env_b)
    );
    assert!(whole.policy() == resumed.policy());
    // Damage is an error, not a panic.
    for cut in [0, 1, 7, half.len() / 2, half.len() - 1] {
        assert!(resume(&half[..cut], [resumed.as_mut()], &mut env_b).is_err());
    }
    // A policy survives text, and is the same function after it.
    let text = serde_json::to_string(&whole.policy()).unwrap();
    let read: Policy = serde_json::from_str(&text).unwrap();
    read.check().unwrap();
    assert!(read == whole.policy());
}

fn q_learning(options: QLearningOptions) -> impl Fn(&mut dyn Game, u64) -> Box<dyn Learner> {
    move |env, seed| {
        let seat = Seat {
            members: env.slots(),
            ..env.seats()[0].clone()
        };
        begun(QLearning::new(options.clone(), &seat, seed).unwrap(), env, seed)
    }
}

#[test]
fn q_learning_solves_identity_games_obeys_masks_and_resumes_to_the_bit() {
    let options = QLearningOptions {
        steps: 2000,
        alpha: 0.5,
        exploration_rate: 1e-2,
        ..QLearningOptions::default()
    };
    let shared = QLearningOptions {
        tables: Tables::Shared,
        ..options.clone()
    };
    assert!(identity(space(0, &[4]), false, 4, &q_learning(shared.clone())) > 0.99);
    assert!(identity(space(0, &[3, 2]), true, 4, &q_learning(shared)) > 1.98);
    let from_play = QLearningOptions {
        transform: true,
        initial: Initial::RandomPlay,
        initial_periods: 50,
        steps: u64::MAX,
        ..options
    };
    resumes_to_the_bit(Identity::new(space(0, &[3, 2]), true), 2, 2, &q_learning(from_play));
}

#[test]
fn tabular_values_converge_to_those_of_the_bellman_equation() {
    // One state, two choices that pay 0 and 1: values d/(1-d) and 1/(1-d) with d = 1/2.
    let mut env = Copies::new(Identity::new(space(0, &[1, 2]), false), 1, 50);
    let options = QLearningOptions {
        steps: 20_000,
        exploration_rate: 0.0,
        alpha: 0.5,
        ..QLearningOptions::default()
    };
    let mut learner = QLearning::new(options, &env.seats()[0], 1).unwrap();
    begin(&mut learner, &mut env, 1).unwrap();
    train(&mut learner, &mut env, |_, _, _| Next::Continue).unwrap();
    // The first dimension always pays 1, the second 1 if right: best 2 a period, worst 1.
    assert_eq!(learner.tables().states(), 2);
    for state in 0..2 {
        let mut row = learner.tables().row(0, state).to_vec();
        row.sort_by(f64::total_cmp);
        assert!((row[0] - 3.0).abs() < 1e-6 && (row[1] - 4.0).abs() < 1e-6, "{row:?}");
    }
}

/// One state in which the only choice pays 1 or -1 by a coin.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct FairBet;

impl World for FairBet {
    fn space(&self) -> ActionSpace {
        space(0, &[1])
    }
    fn width(&self) -> usize {
        1
    }
    fn start(&mut self, _: &mut crate::num::random::Stream) {}
    fn observe(&self, out: &mut [f32]) {
        out[0] = 0.0;
    }
    fn step(&mut self, _: &[f32], _: &[u32], rng: &mut crate::num::random::Stream) -> (f32, bool) {
        use rand::RngExt;
        (if rng.random::<f64>() < 0.5 { -1.0 } else { 1.0 }, false)
    }
    fn discount(&self) -> f32 {
        0.5
    }
}

/// The transform has the values of the Bellman equation too, and what is paid by chance does not move them by the step size.
#[test]
fn the_q_transform_learns_values_without_the_chance_of_rewards() {
    let values = |transform: bool, tables: Tables| {
        let mut env = Copies::new(Identity::new(space(0, &[1, 2]), false), 2, 50);
        let options = QLearningOptions {
            steps: 20_000,
            exploration_rate: 0.0,
            alpha: 0.5,
            initial_value: 9.0,
            transform,
            tables,
            ..QLearningOptions::default()
        };
        let mut learner = QLearning::new(options, &env.seats()[0], 1).unwrap();
        begin(&mut learner, &mut env, 1).unwrap();
        train(&mut learner, &mut env, |_, _, _| Next::Continue).unwrap();
        (0..2)
            .flat_map(|state| {
                let mut row = learner.tables().row(learner.tables().count() - 1, state).to_vec();
                row.sort_by(f64::total_cmp);
                row
            })
            .collect::<Vec<f64>>()
    };
    for tables in [Tables::Shared, Tables::Slot] {
        let transformed = values(true, tables);
        for (x, known) in transformed.iter().zip([3.0, 4.0, 3.0, 4.0]) {
            assert!((x - known).abs() < 1e-6, "{transformed:?}");
        }
    }
    let largest = |transform: bool| {
        let mut env = Copies::new(FairBet, 1, 50);
        let options = QLearningOptions {
            steps: 40_000,
            alpha: 0.5,
            transform,
            ..QLearningOptions::default()
        };
        let mut learner = QLearning::new(options, &env.seats()[0], 1).unwrap();
        begin(&mut learner, &mut env, 1).unwrap();
        let mut largest = 0.0f64;
        train(&mut learner, &mut env, |_, learner, _| {
            if learner.steps() > 20_000 {
                let bytes = learner.save();
                let stored: QLearning = decode(&bytes).unwrap();
                largest = largest.max(stored.tables().row(0, 0)[0].abs());
            }
            Next::Continue
        })
        .unwrap();
        largest
    };
    let (plain, transformed) = (largest(false), largest(true));
    assert!(plain > 0.5 && transformed < 0.05, "{plain} {transformed}");
}

#[cfg(feature = "learn")]
mod neural {
    use super::super::a2c::{A2c, A2cOptions};
    use super::super::dqn::{Dqn, DqnOptions};
    use super::super::ppo::{Ppo, PpoOptions};
    use super::super::recurrent_ppo::{RecurrentPpo, RecurrentPpoOptions};
    use super::super::sac::{Sac, SacOptions, StagedSac};
    use super::*;
    use crate::learn::nets::OptimizerKind;
    use crate::learn::worlds::{Pendulum, Recall};

    fn ppo(options: PpoOptions) -> impl Fn(&mut dyn Game, u64) -> Box<dyn Learner> {
        move |env, seed| begun(Ppo::new(options.clone(), &env.seats()[0], seed).unwrap(), env, seed)
    }
    fn a2c(options: A2cOptions) -> impl Fn(&mut dyn Game, u64) -> Box<dyn Learner> {
        move |env, seed| begun(A2c::new(options.clone(), &env.seats()[0], seed).unwrap(), env, seed)
    }

    fn dqn(options: DqnOptions) -> impl Fn(&mut dyn Game, u64) -> Box<dyn Learner> {
        move |env, seed| begun(Dqn::new(options.clone(), &env.seats()[0], seed).unwrap(), env, seed)
    }
    fn sac(options: SacOptions) -> impl Fn(&mut dyn Game, u64) -> Box<dyn Learner> {
        move |env, seed| begun(Sac::new(options.clone(), &env.seats()[0], seed).unwrap(), env, seed)
    }

    fn staged_sac(options: SacOptions) -> impl Fn(&mut dyn Game, u64) -> Box<dyn Learner> {
        move |env, seed| {
            begun(
                StagedSac::new(options.clone(), &env.seats()[0], seed).unwrap(),
                env,
                seed,
            )
        }
    }

    fn recurrent(options: RecurrentPpoOptions) -> impl Fn(&mut dyn Game, u64) -> Box<dyn Learner> {
        move |env, seed| {
            begun(
                RecurrentPpo::new(options.clone(), &env.seats()[0], seed).unwrap(),
                env,
                seed,
            )
        }
    }

    /// Falls at once or never, by a coin: an evaluation that takes the first episodes to end sees almost only falls.
    #[test]
    fn an_evaluation_takes_as_many_episodes_from_every_slot() {
        let mut env = Copies::new(Coin::default(), 200, 50);
        let options = PpoOptions {
            steps: 1,
            ..PpoOptions::default()
        };
        let policy = Ppo::new(options, &env.seats()[0], 1).unwrap().policy();
        let returns = evaluate(&policy, &mut env, true, 3, 200, 1000);
        let long = returns.iter().filter(|r| **r == 50.0).count();
        assert_eq!(returns.len(), 200);
        assert!((70..130).contains(&long), "{long}");
    }

    #[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
    struct Coin {
        falls: bool,
    }

    impl World for Coin {
        fn space(&self) -> ActionSpace {
            space(0, &[2])
        }
        fn width(&self) -> usize {
            1
        }
        fn start(&mut self, rng: &mut crate::num::random::Stream) {
            use rand::RngExt;
            self.falls = rng.random::<f64>() < 0.5;
        }
        fn observe(&self, out: &mut [f32]) {
            out[0] = f32::from(self.falls);
        }
        fn step(&mut self, _: &[f32], _: &[u32], _: &mut crate::num::random::Stream) -> (f32, bool) {
            (1.0, self.falls)
        }
    }

    #[test]
    fn memory_recalls_what_was_seen_where_a_policy_without_it_can_only_guess() {
        let score = |make: Make| {
            let mut env = Copies::new(Recall::new(3, 4), 16, 100);
            let mut learner = make(&mut env, 1);
            train(learner.as_mut(), &mut env, |_, _, _| Next::Continue).unwrap();
            let returns = evaluate(&learner.policy(), &mut env, true, 5, 300, 1000);
            returns.iter().sum::<f64>() / returns.len() as f64
        };
        let with = recurrent(RecurrentPpoOptions {
            steps: 40_000,
            horizon: 20,
            epochs: 6,
            memory: 16,
            network: vec![],
            learning_rate: 1e-2,
            entropy: 0.01,
            ..RecurrentPpoOptions::default()
        });
        assert!(score(&with) > 0.95);
        let without = ppo(PpoOptions {
            steps: 10_000,
            horizon: 20,
            network: vec![16],
            ..PpoOptions::default()
        });
        assert!(score(&without) < 0.6);
    }

    #[test]
    fn recurrent_ppo_resumes_to_the_bit() {
        let options = RecurrentPpoOptions {
            horizon: 9,
            epochs: 2,
            minibatch_slots: 2,
            memory: 5,
            network: vec![6],
            ..RecurrentPpoOptions::default()
        };
        resumes_to_the_bit(CartPole::default(), 3, 3, &recurrent(options.clone()));
        resumes_to_the_bit(Identity::new(space(1, &[3, 2]), true), 2, 2, &recurrent(options));
    }

    #[test]
    fn dqn_solves_identity_games_in_every_variant() {
        let plain = DqnOptions {
            steps: 2000,
            warmup: 200,
            network: vec![32],
            learning_rate: 5e-3,
            minibatch: 32,
            target_every: 50,
            ..DqnOptions::default()
        };
        for (double, dueling, n_step, priority) in [
            (false, false, 1, None),
            (true, true, 1, None),
            (true, true, 1, Some(0.6)),
            (true, false, 3, None),
        ] {
            let options = DqnOptions {
                double,
                dueling,
                n_step,
                priority,
                ..plain.clone()
            };
            assert!(
                identity(space(0, &[4]), false, 4, &dqn(options)) > 0.99,
                "{double} {dueling} {n_step} {priority:?}"
            );
        }
        assert!(identity(space(0, &[3, 2]), true, 4, &dqn(plain)) > 1.98);
    }

    #[test]
    fn sac_solves_a_continuous_identity_game() {
        let options = SacOptions {
            steps: 2000,
            stages: 0,
            warmup: 200,
            network: vec![32],
            learning_rate: 5e-3,
            minibatch: 64,
            train_every: 8,
            gradient_steps: 4,
            n_step: 1,
            initial_std: 0.3,
            target_entropy: -1.0,
            target_entropy_end: -2.5,
            temperature: 1e-3,
            ..SacOptions::default()
        };
        assert!(identity(space(1, &[]), false, 4, &sac(options)) > -0.02);
        // By stages, one and two numbers at once; with no chance in common.
        let options = SacOptions {
            steps: 20_000,
            stages: 5,
            network: vec![32],
            learning_rate: 5e-3,
            minibatch: 64,
            train_every: 16,
            initial_std: 0.5,
            target_entropy: 0.0,
            ..SacOptions::default()
        };
        for dims in [1, 2] {
            let score = identity(space(dims, &[]), false, 4, &staged_sac(options.clone()));
            assert!(score > -0.02, "{dims}: {score}");
        }
        let env = Copies::new(CartPole::default(), 1, 10);
        assert!(matches!(
            Sac::new(SacOptions::default(), &env.seats()[0], 1),
            Err(LearnError::Unsuitable { .. })
        ));
    }

    #[test]
    fn dqn_and_sac_resume_to_the_bit() {
        let d = DqnOptions {
            warmup: 500,
            network: vec![8],
            minibatch: 8,
            memory: 700,
            n_step: 3,
            priority: Some(0.5),
            ..DqnOptions::default()
        };
        resumes_to_the_bit(CartPole::default(), 3, 2, &dqn(d.clone()));
        resumes_to_the_bit(Identity::new(space(0, &[3, 2]), true), 2, 2, &dqn(d));
        let s = SacOptions {
            stages: 0,
            warmup: 500,
            network: vec![8],
            minibatch: 8,
            memory: 700,
            ..SacOptions::default()
        };
        resumes_to_the_bit(Pendulum::default(), 3, 2, &sac(s));
        // Cut within a stage and beyond it; episodes of 13 periods, so that all rests on values.
        let s = SacOptions {
            steps: 9000,
            stages: 6,
            train_every: 30,
            network: vec![8],
            minibatch: 8,
            ..SacOptions::default()
        };
        resumes_to_the_bit(Pendulum::default(), 3, 2, &staged_sac(s.clone()));
        let env = Copies::new(Pendulum::default(), 3, 13);
        let mut one = StagedSac::new(s.clone(), &env.seats()[0], 1).unwrap();
        let other = SacOptions { stages: 5, ..s };
        assert!(
            one.load(
                &Sac::new(
                    SacOptions {
                        stages: 0,
                        ..other.clone()
                    },
                    &env.seats()[0],
                    1
                )
                .unwrap()
                .save()
            )
            .is_err()
        );
        let other = StagedSac::new(other, &env.seats()[0], 1).unwrap();
        assert!(one.load(&other.save()).is_err() && one.load(&one.save()).is_ok());
    }

    #[test]
    fn ppo_solves_identity_games_of_every_kind_of_action() {
        let options = PpoOptions {
            steps: 2000,
            horizon: 16,
            minibatch: 32,
            learning_rate: 1e-2,
            network: vec![32],
            ..PpoOptions::default()
        };
        let make = ppo(options);
        assert!(identity(space(0, &[4]), false, 8, &make) > 0.99);
        assert!(identity(space(0, &[3, 2]), true, 8, &make) > 1.98);
        assert!(identity(space(1, &[]), false, 8, &make) > -0.02);
        assert!(identity(space(1, &[2]), false, 8, &make) > 0.97);
    }

    #[test]
    fn a2c_solves_identity_games() {
        let options = A2cOptions {
            steps: 2000,
            horizon: 2,
            learning_rate: 1e-2,
            network: vec![32],
            ..A2cOptions::default()
        };
        let make = a2c(options);
        assert!(identity(space(0, &[4]), false, 8, &make) > 0.99);
        assert!(identity(space(0, &[3, 2]), true, 8, &make) > 1.98);
        let score = identity(space(1, &[]), false, 8, &make);
        assert!(score > -0.02, "{score}");
    }

    #[test]
    fn recurrent_ppo_solves_identity_games_of_every_kind_of_action() {
        let options = RecurrentPpoOptions {
            steps: 2000,
            horizon: 16,
            minibatch_slots: 2,
            learning_rate: 1e-2,
            memory: 16,
            network: vec![16],
            ..RecurrentPpoOptions::default()
        };
        let make = recurrent(options);
        assert!(identity(space(0, &[4]), false, 8, &make) > 0.99);
        assert!(identity(space(0, &[3, 2]), true, 8, &make) > 1.98);
        let score = identity(space(1, &[]), false, 8, &make);
        assert!(score > -0.02, "{score}");
    }

    #[test]
    fn ppo_and_a2c_resume_to_the_bit() {
        let options = PpoOptions {
            horizon: 9,
            epochs: 2,
            minibatch: 7,
            network: vec![8, 8],
            normalize_rewards: true,
            value_clip: Some(0.2),
            ..PpoOptions::default()
        };
        resumes_to_the_bit(CartPole::default(), 3, 3, &ppo(options.clone()));
        resumes_to_the_bit(Growth::default(), 3, 3, &ppo(options.clone()));
        resumes_to_the_bit(Identity::new(space(1, &[3, 2]), true), 2, 2, &ppo(options));
        let options = A2cOptions {
            network: vec![8],
            normalize_rewards: true,
            ..A2cOptions::default()
        };
        resumes_to_the_bit(CartPole::default(), 3, 5, &a2c(options.clone()));
        resumes_to_the_bit(Growth::default(), 3, 5, &a2c(options.clone()));
        resumes_to_the_bit(Identity::new(space(1, &[3, 2]), true), 2, 5, &a2c(options));
    }

    #[test]
    fn a2c_is_ppo_with_one_epoch_and_one_batch() {
        for (optimizer, discrete) in [
            (OptimizerKind::RmsProp, true),
            (OptimizerKind::Adam, false),
            (OptimizerKind::RmsProp, false),
        ] {
            let a = A2cOptions {
                optimizer,
                horizon: 16,
                gae_lambda: 0.9,
                entropy: 0.01,
                ..A2cOptions::default()
            };
            let p = PpoOptions {
                control_variates: false,
                try_noise: false,
                common_powers: 0,
                even_out: 0.0,
                age_weight: Some(0.0),
                hold_targets: 0.0,
                least_std: 0.0,
                spread: Some(0.0),
                remembered: Some(1.0),
                optimizer,
                horizon: 16,
                gae_lambda: 0.9,
                entropy: Some(0.01),
                epochs: 1,
                minibatch: 1_000_000,
                learning_rate: a.learning_rate,
                normalize_advantages: false,
                steps: a.steps,
                activation: a.activation,
                average_from: a.average_from,
                unplayed: 1.0,
                ..PpoOptions::default()
            };
            let params = |make: Make| {
                let mut env: Box<dyn Game> = if discrete {
                    Box::new(Copies::new(CartPole::default(), 4, 20))
                } else {
                    Box::new(Copies::new(Growth::default(), 4, 20))
                };
                let mut learner = make(env.as_mut(), 2);
                (0..3).for_each(|_| drop(round(learner.as_mut(), env.as_mut()).unwrap()));
                match learner.policy().kind {
                    policy::PolicyKind::Feedforward { net, log_std } => (nets::Net::params(&net).to_vec(), log_std),
                    other => panic!("{other:?}"),
                }
            };
            let (x, s) = params(&a2c(a));
            let (y, t) = params(&ppo(p));
            assert!(
                x.iter()
                    .chain(&s)
                    .zip(y.iter().chain(&t))
                    .all(|(u, v)| (u - v).abs() < 2e-5)
            );
        }
    }

    #[test]
    fn ppo_learns_the_optimal_saving_share_of_brock_and_mirman() {
        let mut env = Copies::new(Growth::default(), 16, 200);
        let options = PpoOptions {
            steps: 100_000,
            minibatch: 256,
            gae_lambda: 0.95,
            learning_rate: 1e-3,
            activation: nets::Activation::Tanh,
            ..PpoOptions::default()
        };
        let mut learner = ppo(options)(&mut env, 4);
        train(learner.as_mut(), &mut env, |_, _, _| Next::Continue).unwrap();
        let policy = learner.policy();
        let share = mean_share(&policy, &mut env);
        let world = Growth::default();
        assert!((share - world.optimal_share()).abs() < 0.03, "{share}");
        assert!(world.welfare_loss(share) < 5e-3);
    }

    /// Mean saving share of deterministic play.
    fn mean_share(policy: &Policy, env: &mut Copies<Growth>) -> f64 {
        env.reset(8);
        let mut actor = policy.actor(env.slots(), 0);
        let (mut actions, mut sum) = (Actions::default(), 0.0);
        for _ in 0..100 {
            policy.act(&mut actor, env.observation(), &[], env.slots(), true, &mut actions);
            let c = &actions.continuous;
            sum += c.iter().map(|a| 0.5 * (*a as f64 + 1.0)).sum::<f64>() / c.len() as f64;
            env.step(c, &actions.discrete);
        }
        sum / 100.0
    }

    #[test]
    fn options_come_from_one_table_and_wrong_ones_are_refused() {
        let table = PpoOptions::table();
        assert!(table.iter().all(|o| !o.doc.is_empty() && !o.kind.is_empty()));
        let mut options = PpoOptions::default();
        for row in &table {
            options.set(row.key, &Value::parse(&row.default)).unwrap();
        }
        assert_eq!(options, PpoOptions::default());
        options.set("learning_rate", &Value::parse("1e-3")).unwrap();
        options.set("network", &Value::parse("[32, 32]")).unwrap();
        assert_eq!((options.learning_rate, options.network.clone()), (1e-3, vec![32, 32]));
        assert!(matches!(
            options.set("learning_rte", &Value::Number(1.0)),
            Err(LearnError::UnknownOption { .. })
        ));
        assert!(matches!(
            options.set("epochs", &Value::Number(1.5)),
            Err(LearnError::BadOption { .. })
        ));
        options.horizon = 0;
        let env = Copies::new(CartPole::default(), 1, 10);
        assert!(Ppo::new(options, &env.seats()[0], 1).is_err());
    }
}
