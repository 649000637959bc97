//! Answers of simulations, learners and verdicts: totals by hand, the exact policy's draws, and the verdict that is printed.

use super::answers::{LINE, best, cycle_moves, in_the_long_run, linear, lottery_moves, quadratic, worst};
use crate::check::Model;
use crate::driver::Solved;
use crate::env::ActionSpace;
use crate::env::cast::Behaviour;
use crate::env::simulate::{Simulation, SimulationOptions as Play, simulate};
use crate::learn::nets::{Activation, Mlp};
use crate::learn::policy::PolicyKind;
use crate::learn::{Policy, translation::Translation};
use crate::solve::bellman::At;
use crate::verify::learned::{Judge, Trial};
use crate::verify::simulate::PathPolicy;

/// Plays a solution in the model's own world.
pub(super) fn played(model: &Model, s: &Solved, worlds: usize, periods: usize) -> Option<Simulation> {
    let options = Play {
        scenario: None,
        periods: Some(periods),
        worlds,
        seed: 11,
        on_chain: false,
        greedy: false,
    };
    let behaviour = Behaviour::Solved(std::sync::Arc::new(s.solution.clone()));
    simulate(model, &behaviour.into(), &options, &mut |_, _| true).ok()
}

pub(super) fn cycle_played(model: &Model, s: &Solved) -> f64 {
    let Some(run) = played(model, s, 64, 400) else {
        return f64::INFINITY;
    };
    let (_, d) = best(15, 3, cycle_moves);
    let mean = run.moments.iter().find(|m| m.name == "w").map_or(f64::NAN, |m| m.mean);
    worst([
        (run.returns[0].total / 400.0, in_the_long_run(&d, 0.9, cycle_moves)),
        (mean, 1.5),
    ])
}

/// Nothing is random here: what is earned along the way is the value of where it starts.
pub(super) fn line_played(model: &Model, s: &Solved) -> f64 {
    let Some(run) = played(model, s, 1, 200) else {
        return f64::INFINITY;
    };
    let (a, _) = linear(0.9, 0.0, 0.0, 0.9);
    let best = 0.5 * 0.9 * a;
    let (a, g) = linear(0.9, best, -best * best, 0.9);
    worst([(run.returns[0].discounted, a * 10.0 + g)])
}

/// A rule of thumb `a = -x / 2`: totals over worlds spread as those of independent draws do.
pub(super) fn keeper_played(model: &Model, s: &Solved) -> f64 {
    let (worlds, periods) = (400, 40);
    let Some(run) = played(model, s, worlds, periods) else {
        return f64::INFINITY;
    };
    // The same with draws of this test's own (a multiplicative congruence), under the exact policy.
    let (_, (f, o)) = quadratic(1.0, 0.5, 0.0, 1.0, (0.5, 1.39), 0.9);
    let mut seed = 12_345u64;
    let mut uniform = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    let totals: Vec<f64> = (0..4000)
        .map(|_| {
            let (mut x, mut total) = (0.0, 0.0);
            for _ in 0..periods {
                let a = f * x + o;
                total += -x * x - 0.5 * a * a;
                let normal = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
                x += a + 0.8 * normal + 3.0 * uniform() - 1.0;
            }
            total
        })
        .collect();
    let mean = totals.iter().sum::<f64>() / totals.len() as f64;
    let sd = (totals.iter().map(|t| (t - mean) * (t - mean)).sum::<f64>() / totals.len() as f64).sqrt();
    let error = sd / (worlds as f64).sqrt();
    // Standard errors are known to five per cent or so.
    let relative = (run.returns[0].error / error - 1.0).abs();
    if relative.is_nan() { f64::INFINITY } else { relative }
}

/// Moments of the certificate against the long run of the same policy.
pub(super) fn lottery_judged(_: &Model, s: &Solved) -> f64 {
    let (_, d) = best(6, 4, lottery_moves);
    let found = s.certificate.moments.iter().find(|m| m.name == "reward");
    worst([(
        found.map_or(f64::NAN, |m| m.mean),
        in_the_long_run(&d, 0.9, lottery_moves),
    )])
}

/// Whoever asks for five gets what the requirement leaves.
pub(super) fn limit_projected(model: &Model, _: &Solved) -> f64 {
    let options = Play {
        scenario: None,
        periods: Some(50),
        worlds: 1,
        seed: 1,
        on_chain: false,
        greedy: false,
    };
    let behaviour = Behaviour::Fixed(vec![("a".into(), 5.0)]);
    let Ok(run) = simulate(model, &behaviour.into(), &options, &mut |_, _| true) else {
        return f64::INFINITY;
    };
    let (mut x, mut total) = (1.0, 0.0);
    for _ in 0..50 {
        total += x + 1.0 + 0.1 * x;
        x = 0.5 * x + 1.0;
    }
    worst([(run.returns[0].total, total)])
}

/// The same share everywhere.
struct Share(f64);

impl PathPolicy for Share {
    fn act(&self, _: At, _: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        actions[0][..draw.len()].fill(self.0);
    }
}

/// What a wrong share costs, in consumption: `log(1 - s) + ab / (1 - ab) log s` a period for ever.
pub(super) fn growth_learned(model: &Model, s: &Solved) -> f64 {
    let Ok(judge) = Judge::new(model, s.clone(), false) else {
        return f64::INFINITY;
    };
    let ab = 0.36 * 0.9;
    let worth = |s: f64| (1.0 - s).ln() + ab / (1.0 - ab) * s.ln();
    let eats = 0.6;
    let Ok(found) = judge.worths(&[&Share(eats)], 3) else {
        return f64::INFINITY;
    };
    let Some(last) = found.last() else { return f64::INFINITY };
    let Ok(distances) = judge.distances(&Share(eats)) else {
        return f64::INFINITY;
    };
    let distance = distances[0].relative();
    worst([
        (distance, 1.0 - eats / (1.0 - ab)),
        (last.loss, worth(ab) - worth(1.0 - eats)),
    ])
}

/// A policy of one number in which nothing that is seen matters: its mean is zero, the middle of the bounds.
fn middling(width: usize) -> Policy {
    let mut rng = crate::num::random::Stream::new(1, 1);
    Policy {
        method: "ppo".into(),
        space: ActionSpace {
            continuous: 1,
            discrete: Vec::new(),
        },
        observation_width: width,
        observation: None,
        centre: Vec::new(),
        kind: PolicyKind::Feedforward {
            net: Mlp::new(width, &[4], 1, Activation::Tanh, 0.0, &mut rng),
            log_std: vec![0.0],
        },
    }
}

/// A policy that is asked what it does says its mean, not a draw.
pub(super) fn explorer() -> f64 {
    let Some(model) = crate::compile(LINE, &crate::Options::default()).0 else {
        return f64::INFINITY;
    };
    let Ok(mut asked) = Translation::new(&model, 0, false, 4) else {
        return f64::INFINITY;
    };
    let policy = middling(asked.interface.width());
    match asked.decide(&policy) {
        Ok(done) => worst(done[0].iter().map(|a| (*a, 2.0))),
        Err(_) => f64::INFINITY,
    }
}

#[test]
fn a_policy_of_another_model_and_a_scenario_that_is_not_there_are_refused() {
    let text = LINE.to_string() + "scenario low { start owner.x = 2; periods 3 }\n";
    let (model, diagnostics) = crate::compile(&text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let solved = crate::driver::solve(
        &model,
        &crate::driver::Request::default(),
        &mut crate::solve::progress::silent,
    );
    let judge =
        Judge::new(&model, solved.unwrap_or_else(|d| panic!("{d:?}")), false).unwrap_or_else(|d| panic!("{d:?}"));
    let asked = Translation::new(&model, 0, false, 1).unwrap_or_else(|d| panic!("{d:?}"));
    let width = asked.interface.width();
    assert!(judge.acting(&middling(width)).is_ok());
    // It sees more; it chooses otherwise.
    assert!(judge.acting(&middling(width + 1)).is_err());
    let mut other = middling(width);
    other.space.discrete = vec![2];
    assert!(judge.acting(&other).is_err());
    let trial = |scenario: &str| Trial {
        scenario: Some(scenario.into()),
        ..Trial::default()
    };
    assert_eq!(judge.can_follow(&trial("low")), Ok(()));
    let unknown = judge.can_follow(&trial("lower")).expect_err("no such scenario");
    assert_eq!(unknown.code, "E0804");
}

fn judge_of(text: &str) -> Judge {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let solved = crate::driver::solve(
        &model,
        &crate::driver::Request::default(),
        &mut crate::solve::progress::silent,
    );
    let solved = solved.unwrap_or_else(|d| panic!("{d:?}"));
    Judge::new(&model, solved, false).unwrap_or_else(|d| panic!("{d:?}"))
}

/// Of a firm that earns `q x` from an output in `[2, 4]`, `x` 1 or 3: the exact policy earns 16, the middle and random ones 12.
#[test]
fn a_verdict_has_the_numbers_of_a_model_that_is_done_by_hand() {
    let text = "agent firm {\n  state x in [1, 3], start 2\n  action q in [2, 4]\n  noise w ~ discrete([1, 3], [0.5, 0.5])\n  \
                x' = w\n  observe x\n  reward q * x\n  discount 0.5\n}\n";
    let judge = judge_of(text);
    let policy = middling(1);
    let verdict = judge.verdict(&[(1, &policy)], 3).unwrap_or_else(|d| panic!("{d:?}"));
    let seed = &verdict.seeds[0];
    let close = |a: f64, b: f64, error: f64| assert!((a - b).abs() < 5.0 * error, "{a} for {b} with {error}");
    // The loss is in units of what exact gains over random, on the same paths: q less 3 varies by 1/3, times the square of x (4 at first, then
    // 5 on average), discounted.
    let error = ((4.0 + 5.0 / 3.0f64) / 3.0).sqrt() / 4.0 / (verdict.paths_followed as f64).sqrt();
    assert!(
        (seed.loss_error / error - 1.0).abs() < 0.3,
        "{} for {error}",
        seed.loss_error
    );
    close(seed.loss, 1.0, error);
    assert_eq!(seed.moved, 0.0);
    let random = verdict.benchmarks.iter().find(|(name, _)| name.starts_with("random"));
    let random = random.map(|(_, worth)| worth.value).unwrap_or(f64::NAN);
    // Uniform draws of q and of x both vary.
    close(random, 12.0, 3.0 / (verdict.paths_followed as f64).sqrt());
    let slice = verdict.slice.unwrap_or_else(|| panic!("no slice"));
    assert_eq!((slice.state.as_str(), slice.x.len()), ("firm.x", 100));
    assert!(slice.x.windows(2).all(|w| w[0] < w[1]) && slice.x[0] == 1.0 && slice.x[99] == 3.0);
    assert!(slice.exact.iter().all(|q| (q - 4.0).abs() < 1e-6));
    assert!(slice.learned[0].iter().all(|q| (q - 3.0).abs() < 1e-6));
}

#[test]
fn the_share_of_decisions_that_a_requirement_moved_is_a_share() {
    let text = "agent firm {\n  state x in [1, 3], start 2\n  action q in [2, 4]\n  noise w ~ discrete([1, 3], [0.5, 0.5])\n  \
                x' = w\n  observe x\n  require q >= 3.2 - 0.1 * x\n  reward q * x\n  discount 0.5\n}\n";
    let judge = judge_of(text);
    let policy = middling(1);
    let verdict = judge.verdict(&[(1, &policy)], 3).unwrap_or_else(|d| panic!("{d:?}"));
    // The middle is 3: forbidden where x is 1, half of the time.
    let moved = verdict.seeds[0].moved;
    assert!((0.25..0.75).contains(&moved), "{moved}");
}

/// Levels are tried where an action has no upper bound: the best one is the mean of what is aimed at.
#[test]
fn the_best_constant_of_an_action_without_an_upper_bound_is_a_level() {
    let text = "agent archer {\n  state x in [1, 3], start 2\n  action a in [0, inf)\n  noise w ~ discrete([1, 2, 3], [0.25, 0.5, \
                0.25])\n  x' = w\n  observe x\n  reward -(a - x)^2\n  discount 0.9\n}\n";
    let judge = judge_of(text);
    let policy = middling(1);
    let verdict = judge.verdict(&[(1, &policy)], 3).unwrap_or_else(|d| panic!("{d:?}"));
    let words = verdict.constant.unwrap_or_default();
    let level: Option<f64> = words.strip_prefix("level ").and_then(|x| x.parse().ok());
    assert!(level.is_some_and(|x| (x - 2.0).abs() < 0.1), "{words}");
}

/// The solver moves and refines grids that the file leaves open; policies are judged on the nodes that it ended with.
#[test]
fn policies_are_judged_on_the_grid_of_the_solution() {
    use crate::solve::problem::{DecisionProblem, StateKind};
    let text = "agent owner {\n  state k in (0, inf), start 1\n  action i in [0, 40]\n  k' = 0.9 * k + i\n  observe k\n  \
                reward 8 * k - 0.1 * k^2 - 0.5 * i^2\n  discount 0.9\n}\n";
    let judge = judge_of(text);
    let StateKind::Continuous { grid, .. } = &judge.problem().spec().states[0].kind else {
        panic!("a continuous state");
    };
    let solution = judge.solution();
    assert_eq!(*grid, solution.states[0].nodes);
    // Other nodes, as of a file with another grid.
    let (model, _) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("it compiles"));
    let fresh = crate::driver::solve(
        &model,
        &crate::driver::Request::default(),
        &mut crate::solve::progress::silent,
    );
    let mut fresh = fresh.unwrap_or_else(|d| panic!("{d:?}"));
    let nodes = &mut fresh.solution.states[0].nodes;
    let last = nodes.len() - 1;
    nodes[1] = 0.5 * (nodes[0] + nodes[2]);
    nodes[last] *= 1.01;
    let wanted = nodes.clone();
    let judge = Judge::new(&model, fresh, false).unwrap_or_else(|d| panic!("{d:?}"));
    let StateKind::Continuous { grid, .. } = &judge.problem().spec().states[0].kind else {
        panic!("a continuous state");
    };
    assert_eq!(*grid, wanted);
}

/// What `econc verify` prints of seeds with these losses: everything else about them is none.
fn printed(losses: &[f64]) -> Option<crate::fixtures::Content> {
    use crate::fixtures::{Limits, of_verdict};
    use crate::verify::learned::{SeedVerdict, Verdict};
    let model = crate::compile(LINE, &crate::Options::default()).0?;
    let one = |(i, loss): (usize, &f64)| SeedVerdict {
        seed: i as u64 + 1,
        distances: Vec::new(),
        value: 0.0,
        loss: *loss,
        loss_error: 0.0,
        behind_constant: None,
        moved: 0.0,
        outside: 0.0,
        one_shot: (*loss, *loss),
        euler: None,
    };
    let verdict = Verdict {
        seeds: losses.iter().enumerate().map(one).collect(),
        mean_loss: losses.iter().sum::<f64>() / losses.len() as f64,
        loss_interval: (0.0, 0.2),
        unit: "consumption for ever".into(),
        period: "consumption".into(),
        sampled: true,
        benchmarks: Vec::new(),
        paths_followed: 64,
        constant: None,
        constant_moved: 0.0,
        logarithmic: false,
        beyond: crate::verify::learned::Beyond::default(),
        slice: None,
        paths: Vec::new(),
    };
    Some(of_verdict(&model, "ppo", &verdict, &Limits::default()))
}

/// What the verdict says against a policy that eats too much in `growth`: nobody does better than the exact solution.
pub(super) fn better_than_exact(model: &Model, s: &Solved) -> Option<String> {
    let judge = Judge::new(model, s.clone(), false).ok()?;
    let found = judge.worths(&[&Share(0.6)], 3).ok()?;
    let content = printed(&[found.last()?.loss])?;
    let d = content.diagnostics.iter().find(|d| d.code == "E0932")?;
    Some(d.code.clone())
}

/// The verdict on several seeds is that on the worst.
pub(super) fn seeds() -> f64 {
    let Some(content) = printed(&[0.01, 0.2, 0.0]) else {
        return f64::INFINITY;
    };
    let row = content
        .certificate
        .iter()
        .find(|c| c.name.starts_with("one-shot deviation gain"));
    worst([(row.map_or(f64::NAN, |c| c.measured), 0.2)])
}

/// Advantages of three rows by hand: the second ends its episode, the third goes on.
pub(super) fn record() -> f64 {
    let mut r = crate::learn::rollout::Rollout {
        periods: 3,
        slots: 1,
        reward: vec![1.0, 2.0, 3.0],
        value: vec![0.5, 0.4, 0.3, 10.0],
        terminated: vec![false, true, false],
        ended: vec![false, true, false],
        ..crate::learn::rollout::Rollout::default()
    };
    r.estimate_advantages(0.5, 0.8);
    let third = 3.0 + 0.5 * 10.0 - 0.3;
    let second = 2.0 - 0.4;
    let first = 1.0 + 0.5 * 0.4 - 0.5 + 0.5 * 0.8 * second;
    worst([
        (f64::from(r.advantage[0]), first),
        (f64::from(r.advantage[1]), second),
        (f64::from(r.advantage[2]), third),
    ])
}

/// A game of one period that pays 0 or 1: that is what its two choices are worth, whatever the discount factor.
pub(super) fn table() -> f64 {
    use crate::env::vector::{GameOptions as Copies, Vectorised};
    use crate::learn::q_learning::{QLearning, QLearningOptions};
    let text = "agent a {\n  state x in 0..1, start 0\n  action d in {no, yes}\n  x' = x\n  observe x\n  \
                reward if d == yes then 1 else 0\n  end when x == 0\n  discount 0.9\n}\n";
    let Some(model) = crate::compile(text, &crate::Options::default()).0 else {
        return f64::INFINITY;
    };
    let copies = Copies {
        seats: crate::env::vector::Sitting::only(false),
        scenario: None,
        worlds: 1,
        periods: None,
        others: Behaviour::Random.into(),
        together: 1,
        alike: false,
    };
    let Ok(mut env) = Vectorised::new(&model, &copies) else {
        return f64::INFINITY;
    };
    let options = QLearningOptions {
        steps: 2000,
        alpha: 0.5,
        exploration_rate: 0.0,
        ..QLearningOptions::default()
    };
    let Ok(mut learner) = QLearning::new(options, &crate::env::Game::seats(&env)[0], 1) else {
        return f64::INFINITY;
    };
    let go_on = |_: &_, _: &dyn crate::learn::Learner, _: &dyn crate::env::Game| crate::learn::Next::Continue;
    if crate::learn::begin(&mut learner, &mut env, 1).is_err() {
        return f64::INFINITY;
    }
    if crate::learn::train(&mut learner, &mut env, go_on).is_err() {
        return f64::INFINITY;
    }
    let mut row = learner.tables().row(0, 0).to_vec();
    row.sort_by(f64::total_cmp);
    worst([(row[0], 0.0), (row[1], 1.0)])
}
