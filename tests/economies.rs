//! Learners against what is known of an economy: the monopolist's price, exact Q-factors, parameters drawn anew, memory.

use econc::check::Model;
use econc::driver;
use econc::env::cast::Behaviour;
use econc::env::decide::{Decide, PolicyRunner};
use econc::env::vector::{GameOptions, Vectorised};
use econc::env::{ActionSpace, Actions, simulate};
use econc::env::{Game, VectorEnvironment};
use econc::learn::q_learning::{QLearning, QLearningOptions};
use econc::learn::{Next, OptionTable, Value, begin, train};
use econc::solve::progress::silent;
use std::path::Path;
use std::sync::Arc;

fn compile(text: &str) -> Model {
    let (model, diagnostics) = econc::compile(text, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn of_models(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name);
    std::fs::read_to_string(file).expect("a model")
}

fn environment(model: &Model, worlds: usize, scenario: Option<&str>, periods: usize) -> Vectorised {
    let options = GameOptions {
        together: 1,
        alike: false,
        seats: econc::env::vector::Sitting::only(true),
        scenario: scenario.map(String::from),
        worlds,
        periods: Some(periods),
        others: Behaviour::Random.into(),
    };
    Vectorised::new(model, &options).unwrap_or_else(|d| panic!("{d:?}"))
}

/// A machine wears out by 0, 1 or 2 a period.
const REPLACEMENT: &str = "model replacement\n\
    agent owner {\n  state x in 0..5, start 0\n  action d in {keep, replace}\n  \
    noise wear ~ discrete([0, 1, 2], [0.3, 0.5, 0.2])\n  \
    x' = min((if d == replace then 0 else x) + wear, 5)\n  observe x\n  \
    reward if d == replace then -2 else -0.4 * x\n  discount 0.9\n}\n";

/// Its Q-factors by iteration of the Bellman equation, written out here: `q[x][d]`.
fn exact_factors() -> [[f64; 2]; 6] {
    let law = [(0, 0.3), (1, 0.5), (2, 0.2)];
    let mut q = [[0.0f64; 2]; 6];
    for _ in 0..500 {
        let value: Vec<f64> = q.iter().map(|row| row[0].max(row[1])).collect();
        for x in 0..6 {
            for d in 0..2 {
                let from = if d == 1 { 0 } else { x };
                let reward = if d == 1 { -2.0 } else { -0.4 * x as f64 };
                let next: f64 = law.iter().map(|(w, p)| p * value[(from + w).min(5)]).sum();
                q[x][d] = reward + 0.9 * next;
            }
        }
    }
    q
}

#[test]
fn tabular_values_come_to_the_factors_of_exact_iteration() {
    let exact = exact_factors();
    let model = compile(REPLACEMENT);
    // The solver agrees with the iteration above.
    let solved = driver::solve(&model, &driver::Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    for (x, row) in exact.iter().enumerate() {
        let value = solved.solution.value[x];
        assert!((value - row[0].max(row[1])).abs() < 1e-8, "{x}: {value} {row:?}");
    }
    // Always at random, every state and choice is met; the step size falls to zero.
    let mut options = QLearningOptions::default();
    for (key, value) in [
        ("steps", "2_000_000"),
        ("worlds", "8"),
        ("exploration", "constant"),
        ("alpha", "0.05"),
        ("alpha_end", "0"),
    ] {
        options.set(key, &Value::parse(value)).expect("an option");
    }
    for seed in 1..=3 {
        let mut env = environment(&model, options.worlds, None, 50);
        let mut learner = QLearning::new(options.clone(), &env.seats()[0], seed).expect("a learner");
        begin(&mut learner, &mut env, seed).expect("a beginning");
        train(&mut learner, &mut env, |_, _, _| Next::Continue).expect("an end");
        let mut tables = learner.tables().clone();
        assert_eq!(tables.states(), 6);
        for (x, row) in exact.iter().enumerate() {
            // States are seen scaled to [-1, 1].
            let state = tables.state(&[((x as f64 - 2.5) / 2.5) as f32]);
            for d in 0..2 {
                let (learned, known) = (tables.row(0, state)[d], row[d]);
                assert!(
                    (learned - known).abs() < 0.05,
                    "seed {seed}, Q({x}, {d}): {learned} {known}"
                );
            }
        }
        assert_eq!(tables.states(), 6);
    }
}

#[cfg(feature = "learn")]
#[test]
fn the_monopolists_price_is_found_within_a_step_of_the_grid() {
    use econc::learn::plan::{Asked, plan};
    use econc::learn::training::Training;
    use econc::verify::learned::Judge;
    // With and without a grid in the file; a fraction of the default steps.
    let file = of_models("monopolist.econ");
    let plain = file.replace(" on grid(1, 3, 41)", "");
    assert!(file != plain);
    for (text, learner, more) in [
        (&file, "q_learning", &["steps=20_000", "exploration_rate=5e-4"][..]),
        (&file, "dqn", &["steps=16_000", "learning_rate=5e-3"]),
        (
            &plain,
            "q_learning",
            &["steps=20_000", "exploration_rate=5e-4", "bins=21"],
        ),
        (&plain, "dqn", &["steps=16_000", "learning_rate=5e-3", "bins=21"]),
        (
            &file,
            "ppo",
            &["steps=100_000", "horizon=16", "minibatch=256", "learning_rate=3e-3"],
        ),
        (
            &file,
            "sac",
            &["steps=100_000", "learning_rate=3e-3", "train_every=128"],
        ),
    ] {
        let model = compile(text);
        let solved =
            driver::solve(&model, &driver::Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
        let mut asked = Asked {
            method: Some(learner.into()),
            ..Asked::default()
        };
        let pairs = more.iter().filter_map(|o| o.split_once('='));
        asked.options = pairs.map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let planned = plan(&model, &asked).unwrap_or_else(|d| panic!("{d:?}"));
        let judge =
            Judge::new(&model, solved, planned.plan.method().finite_choices()).unwrap_or_else(|d| panic!("{d:?}"));
        let mut training = Training::new(&model, &planned.plan, 1).unwrap_or_else(|d| panic!("{d:?}"));
        while !training.is_done() {
            training.update(None).unwrap_or_else(|d| panic!("{d:?}"));
        }
        // An episode is one period: what is measured is the profit.
        let measured = training
            .record(0)
            .measured
            .last()
            .expect("a measurement")
            .episode_return;
        assert!(measured > 0.3 && measured < 0.484_557 + 1e-6, "{learner}: {measured}");
        let policy = training.policy(0);
        let verdict = judge.verdict(&[(1, &policy)], 1).unwrap_or_else(|d| panic!("{d:?}"));
        let distance = &verdict.seeds[0].distances[0];
        match distance.steps() {
            Some(steps) => assert!(steps <= 1.0, "{learner}: {distance:?}"),
            None => assert!(
                !planned.plan.method().finite_choices() && distance.max < 0.05,
                "{learner}: {distance:?}"
            ),
        }
    }
}

#[test]
fn parameters_of_a_scenario_are_drawn_anew_in_every_episode_of_every_world() {
    let model = compile(&of_models("producers.econ"));
    let mut env = environment(&model, 3, Some("randomised"), 4);
    let input = model
        .params
        .iter()
        .find(|p| p.name == "elasticity")
        .and_then(|p| p.input)
        .expect("a parameter that is drawn");
    let mut seen: Vec<Vec<u64>> = vec![Vec::new(); 3];
    for _ in 0..5 {
        for _ in 0..4 {
            let now = env.worlds().frame[input.0 as usize].clone();
            for (w, x) in now.iter().enumerate() {
                assert!((1.01..=1.2).contains(x), "{x}");
                if seen[w].last() != Some(&x.to_bits()) {
                    seen[w].push(x.to_bits());
                }
            }
            env.step(&[], &[1, 1, 1]);
        }
    }
    // Five episodes of four periods: five draws in each world, all different.
    let all: std::collections::BTreeSet<u64> = seen.iter().flatten().copied().collect();
    assert_eq!(
        (seen.iter().map(Vec::len).collect::<Vec<_>>(), all.len()),
        (vec![5, 5, 5], 15)
    );
}

/// Chooses how many periods it remembers.
#[derive(Debug)]
struct Counts;
struct Counting(Vec<u32>);

impl Decide for Counts {
    fn fits(&self, _: usize, _: &ActionSpace) -> bool {
        true
    }
    fn mixes(&self) -> bool {
        false
    }
    fn begin(&self, slots: usize) -> Box<dyn PolicyRunner> {
        Box::new(Counting(vec![0; slots]))
    }
}

impl PolicyRunner for Counting {
    fn act(&mut self, _: &[f32], _: &[f32], _: Option<&[f32]>, actions: &mut Actions) {
        actions.discrete.clone_from(&self.0);
        self.0.iter_mut().for_each(|n| *n += 1);
    }
    fn forget(&mut self, ended: &dyn Fn(usize) -> bool) {
        for (s, n) in self.0.iter_mut().enumerate() {
            if ended(s) {
                *n = 0;
            }
        }
    }
}

#[test]
fn a_simulated_policy_forgets_the_episode_before() {
    let model = compile(
        "model three\nhorizon 3\nagent a {\n  state x in 0..3, start 0\n  action d in 0..9\n  x' = min(x + 1, 3)\n  \
         observe x\n  reward d + x\n}\n",
    );
    let behaviour = Behaviour::Learned {
        agent: None,
        grids: false,
        policy: Arc::new(Counts),
    };
    let options = simulate::SimulationOptions {
        scenario: None,
        periods: Some(8),
        worlds: 2,
        seed: 1,
        on_chain: false,
        greedy: false,
    };
    let run =
        simulate::simulate(&model, &behaviour.into(), &options, &mut |_, _| true).unwrap_or_else(|d| panic!("{d:?}"));
    let chosen = run.series.iter().find(|s| s.name == "a.d").expect("the action");
    assert_eq!(chosen.values, [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0]);
}
