//! Control problems of `models/`, written in the language and compiled, against returns that reference implementations reach.
//!
//! Seeds are the sample: of each seed the last policy plays 100 fresh episodes without chance of its own, and the table shows
//! the interquartile mean over seeds with its bootstrap interval. Every option that matters is said here, so that the
//! table does not move with the defaults.

use crate::{clock, mean};
use econc::check::model::Model;
use econc::env::cast::Behaviour;
use econc::env::vector::{GameOptions, Vectorised};
use econc::learn::measure::{Length, mean_returns};
use econc::learn::plan::{Asked, Planned, plan};
use econc::learn::training::Training;
use econc::num::random::Stream;
use rand::RngExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// One row of the table.
struct Case {
    method: &'static str,
    model: &'static str,
    wanted: Wanted,
    /// Lines added to the file.
    added: &'static str,
    /// `key=value`, separated by blanks.
    settings: &'static str,
}

enum Wanted {
    /// Interquartile mean at least this.
    AtLeast(f64),
    /// Interquartile mean exactly this: a learner that is known to fail.
    Stays(f64),
    /// Whatever comes.
    Nothing,
}

/// Episodes that judge a seed.
const EPISODES: usize = 100;

const CASES: &[Case] = &[
    Case {
        method: "ppo",
        model: "cartpole",
        wanted: Wanted::AtLeast(475.0),
        added: "",
        settings: "steps=100_000 periods=500 worlds=8 horizon=32 minibatch=256 epochs=20 learning_rate=1e-3 anneal=true clip=0.2 \
            anneal_clip=true discount=0.98 gae_lambda=0.8 entropy=0 entropy_end=0 gradient_norm=0.5 value_weight=0.5 \
            network=64,64 activation=tanh normalize_observations=false normalize_rewards=false normalize_values=true \
            average_from=1 \
            unplayed=1 common_chance=1 first_policy=middle \
            control_variates=false hold_targets=0 least_std=0 remembered=1 spread=0 age_weight=0",
    },
    // With a constant step size, as in SB3's zoo, the last policy is bad as often as good; so it falls to zero here.
    Case {
        method: "dqn",
        model: "cartpole",
        wanted: Wanted::AtLeast(450.0),
        added: "",
        settings: "steps=50_000 periods=500 worlds=1 learning_rate=2.3e-3 anneal=true minibatch=64 memory=100_000 warmup=1000 \
            target_every=10 train_every=256 gradient_steps=128 exploration=1 exploration_time=0.16 exploration_end=0.04 \
            network=256,256 activation=relu discount=0.99 shaping=true double=true dueling=true n_step=1 priority=none \
            gradient_norm=10 normalize_observations=true normalize_values=true",
    },
    Case {
        method: "a2c",
        model: "cartpole",
        wanted: Wanted::AtLeast(450.0),
        added: "",
        settings: "steps=500_000 periods=500 worlds=8 horizon=5 learning_rate=7e-4 anneal=true discount=0.99 shaping=true \
            gae_lambda=1 entropy=0 entropy_end=0 gradient_norm=0.5 value_weight=0.5 network=64,64 activation=tanh \
            optimizer=rms_prop normalize_advantages=false normalize_observations=true normalize_rewards=false \
            normalize_values=true average_from=0.6 \
            common_chance=1 first_policy=middle",
    },
    Case {
        method: "sac",
        model: "pendulum",
        wanted: Wanted::AtLeast(-180.0),
        added: "",
        settings: "steps=20_000 periods=200 stages=0 worlds=1 train_every=1 gradient_steps=1 learning_rate=1e-3 anneal=true minibatch=256 \
            memory=200_000 warmup=1000 target_rate=0.005 discount=0.99 network=64,64 activation=relu temperature=0.1 \
            target_entropy=-1 target_entropy_end=-1 n_step=1 normalize_observations=true normalize_values=true average_from=0.6 \
            critic=joint critics_first=0 exploration_std=0 common_chance=1 first_policy=middle initial_std=1",
    },
    // Values as they are start above all true ones, and this is what explores: standardised, they start at the truth.
    Case {
        method: "ppo",
        model: "acrobot",
        wanted: Wanted::AtLeast(-95.0),
        added: "",
        settings: "steps=1_000_000 periods=500 worlds=16 horizon=256 minibatch=64 epochs=4 learning_rate=3e-4 anneal=true clip=0.2 \
            anneal_clip=false discount=0.99 gae_lambda=0.94 entropy=0 entropy_end=0 gradient_norm=0.5 value_weight=0.5 \
            network=64,64 activation=tanh normalize_observations=true normalize_rewards=true normalize_values=false \
            average_from=1 \
            unplayed=1 common_chance=1 first_policy=middle \
            control_variates=false hold_targets=0 least_std=0 remembered=1 spread=0 age_weight=0",
    },
    // Throttles far outside [-1, 1] are cut to its ends: full throttle by chance meets the goal in one episode of twelve.
    Case {
        method: "ppo",
        model: "mountain_car",
        wanted: Wanted::AtLeast(90.0),
        added: "",
        settings: "steps=200_000 periods=999 worlds=16 horizon=256 minibatch=256 epochs=10 learning_rate=1e-3 anneal=true clip=0.2 \
            anneal_clip=false discount=0.99 gae_lambda=0.95 entropy=0 entropy_end=0 gradient_norm=0.5 value_weight=0.5 \
            network=64,64 activation=tanh initial_std=3 normalize_observations=true normalize_rewards=false \
            normalize_values=true average_from=0.6 \
            unplayed=1 common_chance=1 first_policy=middle \
            control_variates=false hold_targets=0 least_std=0 remembered=1 spread=0 age_weight=0",
    },
    // The settings with which CleanRL's PPO solves CartPole do not learn the discrete car (a seed in ten wanders into the goal). As
    // there, a cut-off is taken for an end.
    Case {
        method: "ppo",
        model: "mountain_car_discrete",
        wanted: Wanted::Stays(-200.0),
        added: "horizon 200",
        settings: CLEAN,
    },
    // The same with values that go on at the cut-off: they become exact where nothing ever happens, advantages are rounding alone,
    // and standardised they make the policy wander, sometimes into the goal.
    Case {
        method: "ppo",
        model: "mountain_car_discrete",
        wanted: Wanted::Nothing,
        added: "",
        settings: CLEAN,
    },
];

/// CleanRL's `ppo.py`.
const CLEAN: &str = "steps=500_000 periods=200 worlds=4 horizon=128 minibatch=128 epochs=4 learning_rate=2.5e-4 anneal=true \
    clip=0.2 anneal_clip=false discount=0.99 gae_lambda=0.95 entropy=0.01 entropy_end=0.01 gradient_norm=0.5 value_weight=0.5 \
    value_clip=0.2 network=64,64 activation=tanh normalize_advantages=true normalize_observations=false \
    normalize_rewards=false normalize_values=false average_from=1 \
    unplayed=1 common_chance=1 first_policy=middle \
    control_variates=false hold_targets=0 least_std=0 remembered=1 spread=0 age_weight=0";

/// A model of `models/`, with lines added.
pub fn model(name: &str, added: &str) -> Model {
    let path = format!("{}/models/{name}.econ", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let source = format!("{source}\n{added}\n");
    let (model, diagnostics) = econc::compile(&source, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{path}: {diagnostics:?}"))
}

/// What is trained, with settings instead of the file's.
pub fn planned(model: &Model, method: &str, settings: &[&str]) -> Planned {
    let options = settings
        .iter()
        .map(|s| s.split_once('=').unwrap_or_else(|| panic!("`{s}`: expected key=value")))
        .map(|(k, v)| (k.to_string(), v.to_string()));
    let asked = Asked {
        method: Some(method.into()),
        options: options.collect(),
        ..Asked::default()
    };
    let mut planned = plan(model, &asked).unwrap_or_else(|e| panic!("{e:?}"));
    planned.plan.evaluations = 0;
    planned
}

/// Mean return of the last policy over fresh episodes, and the seconds of training.
fn score(model: &Model, planned: &Planned, seed: u64) -> (f64, f64) {
    let start = clock::seconds();
    let mut training = Training::new(model, &planned.plan, seed).unwrap_or_else(|e| panic!("{e:?}"));
    while !training.is_done() {
        training.update(None).unwrap_or_else(|e| panic!("{e:?}"));
    }
    let seconds = clock::seconds() - start;
    (judge(model, planned, &training), seconds)
}

fn judge(model: &Model, planned: &Planned, training: &Training) -> f64 {
    let periods = planned.plan.environment.periods.unwrap_or(1000);
    let worlds = GameOptions {
        worlds: EPISODES,
        others: Behaviour::Random.into(),
        ..planned.plan.environment.clone()
    };
    let mut env = Vectorised::new(model, &worlds).unwrap_or_else(|e| panic!("{e:?}"));
    let length = Length {
        episodes: EPISODES,
        periods,
    };
    let returns = mean_returns(
        &[econc::learn::measure::Who::Policy(&training.policy(0))],
        &mut env,
        length,
    )
    .unwrap_or_else(|e| panic!("{e:?}"));
    returns[0].0
}

/// The table over `seeds` seeds, each on one of `threads` threads; the numbers do not depend on how many.
pub fn table(seeds: usize, threads: usize, only: Option<&str>) {
    println!(
        "control problems in the language, {seeds} seeds, return of the last policy without chance, 100 fresh episodes a seed"
    );
    println!(
        "{:8} {:23} {:>9} {:>8} {:>18} {:>18} {:>9} {:>7} {:>6}",
        "method", "model", "steps", "IQM", "95 %", "worst .. best", "threshold", "s/seed", "passed"
    );
    for case in CASES {
        if only.is_some_and(|w| !format!("{} {}", case.method, case.model).contains(w)) {
            continue;
        }
        let model = model(case.model, case.added);
        let settings: Vec<&str> = case.settings.split_whitespace().collect();
        let planned = planned(&model, case.method, &settings);
        let results = Mutex::new(vec![(0.0, 0.0); seeds]);
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let k = next.fetch_add(1, Ordering::Relaxed);
                        if k >= seeds {
                            return;
                        }
                        let result = score(&model, &planned, k as u64 + 1);
                        results.lock().unwrap_or_else(|e| panic!("{e}"))[k] = result;
                    }
                });
            }
        });
        let results = results.into_inner().unwrap_or_else(|e| panic!("{e}"));
        let scores: Vec<f64> = results.iter().map(|r| r.0).collect();
        let seconds: Vec<f64> = results.iter().map(|r| r.1).collect();
        let (lo, hi) = interval(&scores);
        let (worst, best) = scores
            .iter()
            .fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
        let (wanted, passed) = match case.wanted {
            Wanted::AtLeast(x) => (format!(">= {x}"), iqm(&scores) >= x),
            Wanted::Stays(x) => (format!("= {x}"), iqm(&scores) == x),
            Wanted::Nothing => (String::new(), true),
        };
        println!(
            "{:8} {:23} {:>9} {:>8.1} {:>18} {:>18} {:>9} {:>7.1} {:>6}",
            case.method,
            format!("{}{}", case.model, if case.added.is_empty() { "" } else { " *" }),
            planned.plan.method().steps(),
            iqm(&scores),
            format!("[{lo:.1}, {hi:.1}]"),
            format!("{worst:.1} .. {best:.1}"),
            wanted,
            mean(&seconds),
            match (&case.wanted, passed) {
                (Wanted::Nothing, _) => "",
                (_, true) => "yes",
                (_, false) => "NO",
            }
        );
    }
    println!("* a cut-off is taken for an end");
}

/// Trains once and prints the course; what is not said is taken from the row of the table, if there is one.
pub fn run(words: &[&str]) {
    let [method, name, rest @ ..] = words else {
        panic!("run METHOD MODEL [key=value ..]")
    };
    let (mut seed, mut settings, mut added) = (1, Vec::<&str>::new(), "");
    if let Some(case) = CASES.iter().find(|c| c.method == *method && c.model == *name) {
        added = case.added;
        settings.extend(case.settings.split_whitespace());
    }
    for w in rest {
        match w.strip_prefix("seed=") {
            Some(s) => seed = s.parse().unwrap_or_else(|_| panic!("`{w}`")),
            None => settings.push(w),
        }
    }
    let model = model(name, added);
    let planned = planned(&model, method, &settings);
    let start = Instant::now();
    let mut training = Training::new(&model, &planned.plan, seed).unwrap_or_else(|e| panic!("{e:?}"));
    let (mut shown, mut from) = (0, 0);
    while !training.is_done() {
        training.update(None).unwrap_or_else(|e| panic!("{e:?}"));
        let (steps, total) = training.progress();
        if steps * 12 / total > shown || training.is_done() {
            shown = steps * 12 / total;
            let rows = &training.record(0).rows[from..];
            from += rows.len();
            let (episodes, sum) = rows.iter().filter(|r| r.episodes > 0).fold((0.0, 0.0), |(n, s), r| {
                (n + r.episodes as f64, s + r.episode_return * r.episodes as f64)
            });
            print!("{steps:>9} return {:>9.3}", sum / episodes);
            for (k, v) in rows.last().iter().flat_map(|r| &r.values) {
                print!("  {k} {v:.4}");
            }
            println!();
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{seconds:.2} s, {:.0} steps/s",
        planned.plan.method().steps() as f64 / seconds
    );
    println!(
        "without chance, {EPISODES} episodes: {:.2}",
        judge(&model, &planned, &training)
    );
}

/// Interquartile mean.
fn iqm(x: &[f64]) -> f64 {
    let mut x = x.to_vec();
    x.sort_by(f64::total_cmp);
    let cut = x.len() / 4;
    mean(&x[cut..x.len() - cut])
}

/// Bootstrap 95 % interval of the interquartile mean over seeds.
fn interval(x: &[f64]) -> (f64, f64) {
    let mut rng = Stream::new(0, 0);
    let mut draw = |_| {
        let again: Vec<f64> = (0..x.len()).map(|_| x[rng.random_range(0..x.len())]).collect();
        iqm(&again)
    };
    let mut draws: Vec<f64> = (0..2000).map(&mut draw).collect();
    draws.sort_by(f64::total_cmp);
    (draws[50], draws[1949])
}
