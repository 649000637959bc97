//! Learners against published results, closed forms, and the clock.
//!
//! `cargo bench --bench learning -- control [seeds=10]` trains on CartPole and Pendulum and compares with the thresholds that
//! reference implementations reach; `-- growth [seeds=5]` trains with default options on Brock and Mirman's growth model
//! and prints the distance from the closed form; `-- speed` prints steps a second; without a word all three run on few
//! seeds. `-- run METHOD WORLD [key=value ..]` trains once and prints the course.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use econc::env::VectorEnvironment;
use econc::learn::a2c::{A2c, A2cOptions};
use econc::learn::dqn::{Dqn, DqnOptions};
use econc::learn::nets::{Activation, Mlp, Net, Workspace};
use econc::learn::ppo::{Ppo, PpoOptions};
use econc::learn::sac::{Sac, SacOptions};
use econc::learn::worlds::{CartPole, Copies, Growth, Pendulum};
use econc::learn::{LearnError, Learner, LearnerOptions, Next, Policy, Value, evaluate, train};
use econc::num::random::Stream;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let seeds = words.iter().find_map(|w| w.strip_prefix("seeds=")?.parse().ok());
    match words.first() {
        Some(&"run") => run(&words[1..]),
        Some(&"control") => control(seeds.unwrap_or(10)),
        Some(&"growth") => growth(seeds.unwrap_or(5)),
        Some(&"speed") => speed(),
        _ => {
            speed();
            growth(seeds.unwrap_or(1));
            control(seeds.unwrap_or(2));
        }
    }
}

/// The worlds by name: a fresh environment of `slots` copies.
fn world(name: &str, slots: usize) -> Box<dyn VectorEnvironment> {
    match name {
        "cartpole" => Box::new(Copies::new(CartPole::default(), slots, 500)),
        "pendulum" => Box::new(Copies::new(Pendulum::default(), slots, 200)),
        "growth" => Box::new(Copies::new(Growth::default(), slots, 200)),
        other => panic!("no world `{other}`: cartpole, pendulum, growth"),
    }
}

/// Options of a method with `key=value` settings applied.
fn options<O: LearnerOptions>(settings: &[&str]) -> O {
    let mut options = O::default();
    for s in settings {
        let (key, value) = s.split_once('=').unwrap_or_else(|| panic!("`{s}`: expected key=value"));
        options.set(key, &Value::parse(value)).unwrap_or_else(|e| panic!("{e}"));
    }
    options
}

/// A learner and its environment.
fn make(method: &str, name: &str, seed: u64, settings: &[&str]) -> (Box<dyn Learner>, Box<dyn VectorEnvironment>) {
    fn boxed<L: Learner + 'static>(learner: Result<L, LearnError>) -> Box<dyn Learner> {
        Box::new(learner.unwrap_or_else(|e| panic!("{e}")))
    }
    macro_rules! of {
        ($options:ty, $learner:ty) => {{
            let o: $options = options(settings);
            let mut env = world(name, o.worlds);
            (boxed(<$learner>::new(o, env.as_mut(), seed)), env)
        }};
    }
    match method {
        "ppo" => of!(PpoOptions, Ppo),
        "a2c" => of!(A2cOptions, A2c),
        "dqn" => of!(DqnOptions, Dqn),
        "sac" => of!(SacOptions, Sac),
        other => panic!("no method `{other}`"),
    }
}

/// Trains to the end; the policy, seconds and steps.
fn finish(learner: &mut dyn Learner, env: &mut dyn VectorEnvironment) -> (Policy, f64, u64) {
    let start = Instant::now();
    train(learner, env, |_, _, _| Next::Continue).unwrap_or_else(|e| panic!("{e}"));
    (learner.policy(), start.elapsed().as_secs_f64(), learner.steps())
}

fn run(words: &[&str]) {
    let (method, name) = (words[0], words[1]);
    let (mut seed, mut settings) = (1, Vec::new());
    for w in &words[2..] {
        match w.strip_prefix("seed=") {
            Some(s) => seed = s.parse().unwrap_or_else(|_| panic!("`{w}`")),
            None => settings.push(*w),
        }
    }
    let (mut learner, mut env) = make(method, name, seed, &settings);
    let start = Instant::now();
    let (mut shown, mut recent) = (0, Vec::new());
    let total = learner.total_steps();
    train(learner.as_mut(), env.as_mut(), |m, l, _| {
        recent.extend(&m.episode_returns);
        if m.steps * 12 / total > shown || m.steps >= total {
            shown = m.steps * 12 / total;
            print!("{:>9} return {:>9.3}", m.steps, mean(&recent));
            for (k, v) in &m.values {
                print!("  {k} {v:.4}");
            }
            if name == "growth" {
                let (distance, loss, _) = against_closed_form(&l.policy());
                print!(
                    "  | policy distance {:.2} %, welfare loss {:.4} %",
                    100.0 * distance,
                    100.0 * loss
                );
            }
            println!();
            recent.clear();
        }
        Next::Continue
    })
    .unwrap_or_else(|e| panic!("{e}"));
    let seconds = start.elapsed().as_secs_f64();
    println!("{seconds:.2} s, {:.0} steps/s", learner.steps() as f64 / seconds);
    if name != "growth" {
        let mut env = world(name, 100);
        let returns = evaluate(&learner.policy(), env.as_mut(), true, 12345, 100, 1000);
        println!("deterministic return {:.1}", mean(&returns));
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
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
    use rand::RngExt;
    let mut rng = Stream::new(0, 0);
    let mut draws: Vec<f64> = (0..2000)
        .map(|_| {
            iqm(&(0..x.len())
                .map(|_| x[rng.random_range(0..x.len())])
                .collect::<Vec<_>>())
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    (draws[50], draws[1949])
}

fn control(seeds: u64) {
    println!("control problems, {seeds} seeds, deterministic return over 100 fresh episodes");
    println!(
        "{:8} {:9} {:>8} {:>9} {:>20} {:>10} {:>8} {:>7}",
        "method", "world", "steps", "IQM", "95 %", "threshold", "s/seed", "passed"
    );
    let cases: &[(&str, &str, f64, &[&str])] = &[
        (
            "ppo",
            "cartpole",
            475.0,
            &[
                "steps=100_000",
                "worlds=8",
                "horizon=32",
                "minibatch=256",
                "gae_lambda=0.8",
                "discount=0.98",
                "epochs=20",
                "learning_rate=1e-3",
                "anneal_clip=true",
            ],
        ),
        (
            "a2c",
            "cartpole",
            450.0,
            &["steps=500_000", "worlds=8", "horizon=5", "discount=0.99"],
        ),
        (
            "dqn",
            "cartpole",
            450.0,
            &[
                "steps=50_000",
                "worlds=1",
                "learning_rate=2.3e-3",
                "minibatch=64",
                "target_every=10",
                "train_every=256",
                "gradient_steps=128",
                "exploration_time=0.16",
                "exploration_end=0.04",
                "network=256,256",
                "discount=0.99",
                "anneal=false",
            ],
        ),
        (
            "sac",
            "pendulum",
            -180.0,
            &[
                "steps=20_000",
                "worlds=1",
                "train_every=1",
                "gradient_steps=1",
                "discount=0.99",
                "network=256,256",
                "target_entropy_end=-1",
            ],
        ),
    ];
    for (method, name, threshold, settings) in cases {
        let mut scores = Vec::new();
        let (mut seconds, mut steps) = (0.0, 0);
        for seed in 1..=seeds {
            let (mut learner, mut env) = make(method, name, seed, settings);
            let (policy, s, n) = finish(learner.as_mut(), env.as_mut());
            (seconds, steps) = (seconds + s, n);
            let mut env = world(name, 100);
            scores.push(mean(&evaluate(&policy, env.as_mut(), true, 10_000 + seed, 100, 1000)));
        }
        let (lo, hi) = interval(&scores);
        println!(
            "{method:8} {name:9} {steps:>8} {:>9.1} {:>20} {threshold:>10} {:>8.2} {:>7}",
            iqm(&scores),
            format!("[{lo:.1}, {hi:.1}]"),
            seconds / seeds as f64,
            iqm(&scores) >= *threshold
        );
    }
}

/// Mean relative distance of the saving share from the closed form over states that deterministic play visits, the
/// welfare loss of the mean share (a lower bound) and that of play itself, in consumption.
fn against_closed_form(policy: &Policy) -> (f64, f64, f64) {
    let mut env = Copies::new(Growth::default(), 64, 200);
    env.reset(999);
    let best = Growth::default().optimal_share();
    let mut actor = policy.actor(64, 0);
    let (mut c, mut d) = (Vec::new(), Vec::new());
    let (mut distance, mut loss, mut share, mut n) = (0.0, 0.0, 0.0, 0.0);
    for _ in 0..200 {
        policy.act(&mut actor, env.observation(), &[], 64, true, &mut c, &mut d);
        for a in &c {
            let s = 0.5 * (*a as f64 + 1.0);
            distance += (s / best - 1.0).abs();
            loss += Growth::default().welfare_loss(s.clamp(1e-3, 1.0 - 1e-3));
            share += s;
            n += 1.0;
        }
        env.step(&c, &d);
    }
    (distance / n, loss / n, share / n)
}

fn growth(seeds: u64) {
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
            let (mut learner, mut env) = make(method, "growth", seed, &[]);
            let (policy, seconds, steps) = finish(learner.as_mut(), env.as_mut());
            let (distance, loss, share) = against_closed_form(&policy);
            println!(
                "{method:8} {seed:>5} {steps:>9} {share:>9.4} {:>16.2} {:>14.4} {seconds:>7.1}",
                100.0 * distance,
                100.0 * loss
            );
        }
    }
}

fn speed() {
    println!("speed, one thread");
    let settings: &[(&str, &str, &str, &[&str])] = &[
        (
            "PPO, CleanRL's settings (4 x 128, 4 epochs, 128)",
            "ppo",
            "cartpole",
            &["worlds=4", "horizon=128", "epochs=4", "minibatch=128", "steps=200_000"],
        ),
        (
            "PPO, SB3's (8 x 256, 10 epochs, 64)",
            "ppo",
            "cartpole",
            &["worlds=8", "horizon=256", "epochs=10", "minibatch=64", "steps=60_000"],
        ),
        (
            "PPO, wide (1024 x 16, 1 epoch, 1024)",
            "ppo",
            "cartpole",
            &[
                "worlds=1024",
                "horizon=16",
                "epochs=1",
                "minibatch=1024",
                "steps=1_000_000",
            ],
        ),
    ];
    for (what, method, name, s) in settings {
        let (mut learner, mut env) = make(method, name, 1, s);
        let (_, seconds, steps) = finish(learner.as_mut(), env.as_mut());
        println!("{what:52} {:>10.0} steps/s", steps as f64 / seconds);
    }
    for (what, sizes, batch) in [
        ("4-64-64-2 tanh", [4usize, 64, 2], 256usize),
        ("4-256-256-1 tanh", [4, 256, 1], 256),
    ] {
        let mut net = Mlp::new(
            sizes[0],
            &[sizes[1], sizes[1]],
            sizes[2],
            Activation::Tanh,
            1.0,
            &mut Stream::new(1, 0),
        );
        let x = vec![0.1f32; batch * sizes[0]];
        let dout = vec![0.1f32; batch * sizes[2]];
        let mut gradient = vec![0.0; net.params().len()];
        let mut best = f64::MAX;
        for _ in 0..200 {
            let start = Instant::now();
            net.forward(&x, batch);
            net.backward(&dout, Some(&mut gradient), None);
            best = best.min(start.elapsed().as_secs_f64());
        }
        let work = 6.0 * (sizes[0] * sizes[1] + sizes[1] * sizes[1] + sizes[1] * sizes[2]) as f64 * batch as f64;
        println!(
            "{what:30} batch {batch}: forward and backward {:>8.1} us, {:>6.1} GFLOP/s",
            best * 1e6,
            work / best * 1e-9
        );
        let (mut ws, mut out) = (Workspace::default(), vec![0.0; sizes[2]]);
        let start = Instant::now();
        for _ in 0..1000 {
            net.infer(&x[..sizes[0]], 1, &mut ws, &mut out);
        }
        println!("{what:30} one action {:>8.3} us", start.elapsed().as_secs_f64() * 1e3);
    }
}
