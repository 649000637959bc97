//! Learners with default options on the growth model of Brock and Mirman (1972), whose solution is known in closed form.

use econc::env::{Actions, Game, VectorEnvironment};
use econc::learn::methods::Method;
use econc::learn::worlds::{Copies, Growth};
use econc::learn::{Learner, Next, Policy, begin, train};
use std::time::Instant;

/// A learner with default options and its worlds.
fn make(method: &str, seed: u64) -> (Box<dyn Learner>, Copies<Growth>) {
    let method = Method::named(method).unwrap_or_else(|| panic!("no method `{method}`"));
    let mut env = Copies::new(Growth::default(), method.worlds(), 200);
    let mut learner = method.learner(&env.seats()[0], seed).unwrap_or_else(|e| panic!("{e}"));
    begin(learner.as_mut(), &mut env, seed).unwrap_or_else(|e| panic!("{e}"));
    (learner, env)
}

/// Mean relative distance of the saving share from the closed form over states that deterministic play visits, the
/// welfare loss of the mean share (a lower bound) and that of play itself, in consumption.
fn against_closed_form(policy: &Policy) -> (f64, f64, f64) {
    let mut env = Copies::new(Growth::default(), 64, 200);
    env.reset(999);
    let best = Growth::default().optimal_share();
    let mut actor = policy.actor(64, 0);
    let mut actions = Actions::default();
    let (mut distance, mut loss, mut share, mut n) = (0.0, 0.0, 0.0, 0.0);
    for _ in 0..200 {
        policy.act(&mut actor, env.observation(), &[], 64, true, &mut actions);
        for a in &actions.continuous {
            let s = 0.5 * (*a as f64 + 1.0);
            distance += (s / best - 1.0).abs();
            loss += Growth::default().welfare_loss(s.clamp(1e-3, 1.0 - 1e-3));
            share += s;
            n += 1.0;
        }
        env.step(&actions.continuous, &actions.discrete);
    }
    (distance / n, loss / n, share / n)
}

/// The table.
pub fn table(seeds: u64) {
    println!(
        "Brock and Mirman's growth model, default options, {seeds} seeds (closed form: share {:.4})",
        Growth::default().optimal_share()
    );
    println!(
        "{:8} {:>5} {:>9} {:>9} {:>16} {:>14} {:>7}",
        "method", "seed", "steps", "share", "distance, %", "welfare, %", "s"
    );
    for method in ["ppo", "sac", "a2c"] {
        for seed in 1..=seeds {
            let (mut learner, mut env) = make(method, seed);
            let start = Instant::now();
            train(learner.as_mut(), &mut env, |_, _, _| Next::Continue).unwrap_or_else(|e| panic!("{e}"));
            let (distance, loss, share) = against_closed_form(&learner.policy());
            println!(
                "{method:8} {seed:>5} {:>9} {share:>9.4} {:>16.2} {:>14.4} {:>7.1}",
                learner.steps(),
                100.0 * distance,
                100.0 * loss,
                start.elapsed().as_secs_f64()
            );
        }
    }
}
