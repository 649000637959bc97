//! The clock: steps a second and updates, on one thread, each beside what the machine can do, in turns.
//!
//! Other work on the machine changes absolute figures from minute to minute. So seconds are those that the thread was on a core, and
//! contestants take turns: a ratio is of their times in the same round (the median over rounds); beside it stands the best
//! round, which others disturbed least in the caches.

use crate::clock;
use crate::control::{model, planned};
use crate::limit::{Limit, Setting};
use crate::median;
use dfdx::optim::AdamConfig;
use dfdx::prelude::{Cpu, Storage, TensorFromVec};
use econc::env::vector::{GameOptions, Vectorised};
use econc::env::{ActionSpace, Game};
use econc::learn::centre::FirstPolicy;
use econc::learn::critic::CriticForm;
use econc::learn::nets::simd::{Start, View, product};
use econc::learn::nets::tape::{Axes2, Backward, Module, OnTape, SumTo, Trace, Wants, rows};
use econc::learn::nets::{Activation, Mlp, Net, Optimizer, OptimizerKind, Workspace};
use econc::learn::ppo::{Ppo, PpoOptions};
use econc::learn::sac::{Sac, SacOptions};
use econc::learn::worlds::{CartPole, Copies, World};
use econc::learn::{Next, begin, round, train};
use econc::num::random::Stream;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The tables.
pub fn table(rounds: usize, only: Option<&str>) {
    let wants = |word: &str| only.is_none_or(|w| w == word);
    if wants("ppo") {
        ppo(rounds);
    }
    if wants("sac") {
        sac(rounds);
    }
    if wants("cores") {
        cores(rounds);
    }
    if wants("nets") {
        nets();
        optimisers(rounds);
    }
}

/// Times of contestants in turns: `out[contestant][round]`.
fn turns(rounds: usize, contestants: &mut [&mut dyn FnMut() -> f64]) -> Vec<Vec<f64>> {
    let mut out = vec![Vec::new(); contestants.len()];
    for round in 0..=rounds {
        for (c, times) in contestants.iter_mut().zip(&mut out) {
            let seconds = c();
            // The first round warms caches and the allocator.
            if round > 0 {
                times.push(seconds);
            }
        }
    }
    out
}

fn best(x: &[f64]) -> f64 {
    x.iter().copied().fold(f64::MAX, f64::min)
}

/// Median over rounds of `a / b`.
fn ratio(a: &[f64], b: &[f64]) -> f64 {
    median(&a.iter().zip(b).map(|(x, y)| x / y).collect::<Vec<_>>())
}

fn yes(met: bool) -> &'static str {
    if met { "met" } else { "NOT MET" }
}

// ------------------------------------------------------------------------------------------------ PPO

fn options(s: Setting, steps: usize) -> PpoOptions {
    PpoOptions {
        steps: steps as u64,
        worlds: s.worlds,
        horizon: s.horizon,
        epochs: s.epochs,
        minibatch: s.minibatch,
        learning_rate: 2.5e-4,
        anneal: true,
        discount: Some(0.99),
        gae_lambda: 0.95,
        clip: 0.2,
        entropy: Some(0.01),
        entropy_end: 0.01,
        normalize_observations: false,
        normalize_values: false,
        network: vec![64, 64],
        activation: Activation::Tanh,
        average_from: 1.0,
        unplayed: 1.0,
        common_chance: 1,
        first_policy: FirstPolicy::Middle,
        ..PpoOptions::default()
    }
}

fn compiled(worlds: usize) -> Vectorised {
    let cartpole = model("cartpole", "");
    let environment = planned(&cartpole, "ppo", &[]).plan.environment;
    let worlds = GameOptions {
        worlds,
        periods: Some(500),
        ..environment
    };
    Vectorised::new(&cartpole, &worlds).unwrap_or_else(|e| panic!("{e:?}"))
}

/// Seconds of one training, without what is made before it.
fn timed(options: &PpoOptions, env: &mut dyn Game, seed: u64) -> f64 {
    let mut learner = Ppo::new(options.clone(), &env.seats()[0], seed).unwrap_or_else(|e| panic!("{e}"));
    begin(&mut learner, env, seed).unwrap_or_else(|e| panic!("{e}"));
    let start = clock::seconds();
    train(&mut learner, env, |_, _, _| Next::Continue).unwrap_or_else(|e| panic!("{e}"));
    clock::seconds() - start
}

fn ppo(rounds: usize) {
    println!(
        "PPO on CartPole, nets of 2 x 64, one thread, thousands of steps a second (best of {rounds}, median), in turns"
    );
    println!(
        "{:44} {:>15} {:>15} {:>15} {:>7} {:>7} {:>9} {:>12}",
        "settings", "limit", "Rust world", "cartpole.econ", "ratio", "ratio", "mark", "Rust, .econ"
    );
    let rows: [(&str, Setting, usize, f64); 3] = [
        (
            "CleanRL's: 4 x 128, 4 epochs, minibatch 128",
            Setting {
                worlds: 4,
                horizon: 128,
                epochs: 4,
                minibatch: 128,
            },
            51_200,
            200.0,
        ),
        (
            "SB3's: 8 x 256, 10 epochs, minibatch 64",
            Setting {
                worlds: 8,
                horizon: 256,
                epochs: 10,
                minibatch: 64,
            },
            20_480,
            75.0,
        ),
        (
            "wide: 1024 x 16, 1 epoch, minibatch 1024",
            Setting {
                worlds: 1024,
                horizon: 16,
                epochs: 1,
                minibatch: 1024,
            },
            163_840,
            0.0,
        ),
    ];
    for (what, setting, steps, mark) in rows {
        let options = options(setting, steps);
        let mut seed = 0;
        let mut own = || {
            Limit::new(setting, {
                seed += 1;
                seed
            })
            .run(steps)
            .0
        };
        let mut world = Copies::new(CartPole::default(), setting.worlds, 500);
        let mut rust = || timed(&options, &mut world, 1);
        let mut model = compiled(setting.worlds);
        let mut econ = || timed(&options, &mut model, 1);
        let times = turns(rounds, &mut [&mut own, &mut rust, &mut econ]);
        let speed = |seconds: f64| steps as f64 / seconds * 1e-3;
        let show = |t: &[f64]| format!("{:.0} ({:.0})", speed(best(t)), speed(median(t)));
        println!(
            "{what:44} {:>15} {:>15} {:>15} {:>7.2} {:>7.2} {:>9} {:>12}",
            show(&times[0]),
            show(&times[1]),
            show(&times[2]),
            ratio(&times[0], &times[1]),
            ratio(&times[0], &times[2]),
            if mark > 0.0 {
                format!(">= {mark}")
            } else {
                String::new()
            },
            if mark > 0.0 {
                format!(
                    "{}, {}",
                    yes(speed(best(&times[1])) >= mark),
                    yes(speed(best(&times[2])) >= mark)
                )
            } else {
                String::new()
            }
        );
    }
    let setting = Setting {
        worlds: 8,
        horizon: 32,
        epochs: 20,
        minibatch: 256,
    };
    println!(
        "the limit learns too: mean return of the last tenth of its episodes {:.0}\n",
        Limit::new(setting, 1).run(200_000).1
    );
}

// ------------------------------------------------------------------------------------------------ SAC

/// A world of any size in which nothing happens: what is timed is the update.
#[derive(Clone, Serialize, Deserialize)]
struct Idle {
    seen: usize,
    done: usize,
    state: f32,
}

impl World for Idle {
    fn space(&self) -> ActionSpace {
        ActionSpace {
            continuous: self.done,
            discrete: vec![],
        }
    }
    fn width(&self) -> usize {
        self.seen
    }
    fn start(&mut self, _: &mut Stream) {
        self.state = 0.1;
    }
    fn observe(&self, out: &mut [f32]) {
        for (k, o) in out.iter_mut().enumerate() {
            *o = self.state * (k as f32 + 1.0);
        }
    }
    fn step(&mut self, continuous: &[f32], _: &[u32], _: &mut Stream) -> (f32, bool) {
        self.state = 0.9 * self.state + 0.1 * continuous[0];
        (-self.state * self.state, false)
    }
}

const BATCH: usize = 256;
const HIDDEN: usize = 256;
/// Updates of one turn.
const UPDATES: usize = 100;

/// A product and the arrays it reads and writes, by number.
#[derive(Clone, Copy)]
struct Product {
    size: (usize, usize, usize),
    form: Form,
    a: usize,
    b: usize,
    c: usize,
}

/// Arrays of a net: weights, activations, derivatives of the weights, two of what flows back, and derivatives of the input.
const ARRAYS: usize = 13;
const ACTIVATIONS: usize = 3;
const DERIVATIVES: usize = 7;
const BACK: usize = 10;
const INPUT: usize = 12;
/// Where nets that keep nothing write.
const SHARED: usize = 5 * ARRAYS;

/// The products of one SAC update, those that no implementation can leave out, on as many arrays as it has.
fn products(seen: usize, done: usize) -> Vec<Product> {
    let both = seen + done;
    let [policy, first, second, first_target, second_target] = [0, 1, 2, 3, 4].map(|k| k * ARRAYS);
    let widths = |net: usize| {
        if net == policy {
            [seen, HIDDEN, HIDDEN, 2 * done]
        } else {
            [both, HIDDEN, HIDDEN, 1]
        }
    };
    let mut out = Vec::new();
    let forward = |out: &mut Vec<Product>, net: usize, keeps: bool| {
        for l in 0..3 {
            let at = |l: usize| {
                if keeps || l == 0 {
                    net + ACTIVATIONS + l
                } else {
                    SHARED + l % 2
                }
            };
            let size = (BATCH, widths(net)[l + 1], widths(net)[l]);
            out.push(Product {
                size,
                form: Form::Plain,
                a: at(l),
                b: net + l,
                c: at(l + 1),
            });
        }
    };
    let back = |out: &mut Vec<Product>, net: usize, weights: bool, input: bool| {
        for l in (0..3).rev() {
            let (i, o) = (widths(net)[l], widths(net)[l + 1]);
            let (from, to) = (net + BACK + l % 2, net + BACK + (l + 1) % 2);
            if weights {
                let (a, c) = (net + ACTIVATIONS + l, net + DERIVATIVES + l);
                out.push(Product {
                    size: (i, o, BATCH),
                    form: Form::LeftTransposed,
                    a,
                    b: from,
                    c,
                });
            }
            if l > 0 || input {
                let c = if l > 0 { to } else { net + INPUT };
                out.push(Product {
                    size: (BATCH, i, o),
                    form: Form::RightTransposed,
                    a: from,
                    b: net + l,
                    c,
                });
            }
        }
    };
    // Goals: the policy and both following critics at what came after.
    forward(&mut out, policy, false);
    forward(&mut out, first_target, false);
    forward(&mut out, second_target, false);
    for critic in [first, second] {
        forward(&mut out, critic, true);
        back(&mut out, critic, true, false);
    }
    // The policy through both critics.
    forward(&mut out, policy, true);
    for critic in [first, second] {
        forward(&mut out, critic, true);
        back(&mut out, critic, false, true);
    }
    back(&mut out, policy, true, false);
    out
}

/// The arrays, filled so that numbers stay where they are however often the products are repeated.
fn arrays(list: &[Product]) -> Vec<Vec<f32>> {
    let mut out: Vec<Vec<f32>> = vec![Vec::new(); SHARED + 2];
    for p in list {
        let (m, n, k) = p.size;
        for (array, count) in [(p.a, m * k), (p.b, k * n), (p.c, m * n)] {
            let length = out[array].len().max(count);
            out[array].resize(length, 0.01);
        }
        if p.form == Form::Plain {
            // Weights: means, forward over the inputs of the first two layers, backward over the outputs of the last two.
            let inner = if n == HIDDEN { k } else { n };
            out[p.b].fill(1.0 / inner as f32);
        }
    }
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Plain,
    LeftTransposed,
    RightTransposed,
}

fn sac(rounds: usize) {
    println!(
        "SAC update, batch {BATCH}, nets of 2 x {HIDDEN} relu, two critics, one thread, ms an update (best of {rounds}, median), in turns"
    );
    println!(
        "{:28} {:>17} {:>17} {:>17} {:>15} {:>9} {:>8}",
        "sizes", "products alone", "the same, `gemm`", "update", "ratio", "mark", ""
    );
    for (seen, done) in [(3, 1), (17, 6)] {
        let list = products(seen, done);
        let (mut arrays, mut others) = (arrays(&list), arrays(&list));
        let mut pack = Vec::new();
        let mut own = || {
            let start = clock::seconds();
            for _ in 0..UPDATES {
                for p in &list {
                    let (m, n, k) = p.size;
                    let mut c = std::mem::take(&mut arrays[p.c]);
                    let (a, b) = (&arrays[p.a], &arrays[p.b]);
                    let left = if p.form == Form::LeftTransposed {
                        View::transposed(a, m)
                    } else {
                        View::rows(a, k)
                    };
                    let right = if p.form == Form::RightTransposed {
                        View::transposed(b, k)
                    } else {
                        View::rows(b, n)
                    };
                    product(p.size, left, right, Start::Zero, &mut c, &mut pack);
                    arrays[p.c] = c;
                }
            }
            (clock::seconds() - start) / UPDATES as f64
        };
        let mut library = || {
            let start = clock::seconds();
            for _ in 0..UPDATES {
                for p in &list {
                    let mut c = std::mem::take(&mut others[p.c]);
                    by_gemm(p.size, p.form, &others[p.a], &others[p.b], &mut c);
                    others[p.c] = c;
                }
            }
            (clock::seconds() - start) / UPDATES as f64
        };
        let mut env = Copies::new(Idle { seen, done, state: 0.0 }, 1, 200);
        let options = SacOptions {
            steps: u64::MAX,
            stages: 0,
            worlds: 1,
            train_every: 1000,
            gradient_steps: UPDATES,
            minibatch: BATCH,
            memory: 10_000,
            warmup: 1,
            critic: CriticForm::Joint,
            critics_first: 0.0,
            exploration_std: 0.0,
            common_chance: 1,
            first_policy: FirstPolicy::Middle,
            network: vec![HIDDEN, HIDDEN],
            activation: Activation::Relu,
            n_step: 1,
            average_from: 1.0,
            normalize_observations: true,
            normalize_values: true,
            ..SacOptions::default()
        };
        // A thousand periods of play come with each stretch of updates; they are timed apart and taken off.
        let idle = SacOptions {
            warmup: usize::MAX / 2,
            ..options.clone()
        };
        let seat = env.seats()[0].clone();
        let mut learner = Sac::new(options, &seat, 1).unwrap_or_else(|e| panic!("{e}"));
        begin(&mut learner, &mut env, 1).unwrap_or_else(|e| panic!("{e}"));
        let mut other = env.clone();
        let mut player = Sac::new(idle, &seat, 1).unwrap_or_else(|e| panic!("{e}"));
        begin(&mut player, &mut other, 1).unwrap_or_else(|e| panic!("{e}"));
        let net = Mlp::new(
            seen,
            &[HIDDEN, HIDDEN],
            2 * done,
            Activation::Relu,
            0.01,
            &mut Stream::new(1, 0),
        );
        let (x, mut ws, mut head) = (vec![0.1; seen], Workspace::default(), vec![0.0; 2 * done]);
        let mut update = || {
            let start = clock::seconds();
            round(&mut learner, &mut env).unwrap_or_else(|e| panic!("{e}"));
            let all = clock::seconds() - start;
            let start = clock::seconds();
            round(&mut player, &mut other).unwrap_or_else(|e| panic!("{e}"));
            for _ in 0..1000 {
                net.infer(&x, 1, &mut ws, &mut head);
            }
            (all - (clock::seconds() - start)) / UPDATES as f64
        };
        let times = turns(rounds, &mut [&mut own, &mut library, &mut update]);
        let show = |t: &[f64]| format!("{:.2} ({:.2})", 1e3 * best(t), 1e3 * median(t));
        let r = ratio(&times[2], &times[0]);
        let least = best(&times[2]) / best(&times[0]);
        println!(
            "{:28} {:>17} {:>17} {:>17} {:>15} {:>9} {:>8}",
            format!("{seen} seen, {done} done"),
            show(&times[0]),
            show(&times[1]),
            show(&times[2]),
            format!("{least:.2} ({r:.2})"),
            "<= 1.3",
            yes(least <= 1.3)
        );
    }
    println!();
}

/// The same product by the library `gemm`.
#[allow(unsafe_code, reason = "the library takes pointers")]
fn by_gemm((m, n, k): (usize, usize, usize), form: Form, a: &[f32], b: &[f32], c: &mut [f32]) {
    assert!(a.len() >= m * k && b.len() >= k * n && c.len() >= m * n);
    let (n_, k_) = (n as isize, k as isize);
    let (a_col, a_row) = if form == Form::LeftTransposed {
        (m as isize, 1)
    } else {
        (1, k_)
    };
    let (b_col, b_row) = if form == Form::RightTransposed {
        (k_, 1)
    } else {
        (1, n_)
    };
    // SAFETY: the slices hold the matrices, as was checked.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n_,
            false,
            a.as_ptr(),
            a_col,
            a_row,
            b.as_ptr(),
            b_col,
            b_row,
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

// ------------------------------------------------------------------------------------------------ cores

fn cores(rounds: usize) {
    let setting = Setting {
        worlds: 4,
        horizon: 128,
        epochs: 4,
        minibatch: 128,
    };
    let options = options(setting, 102_400);
    let one = |seed: u64| {
        let mut env = compiled(setting.worlds);
        timed(&options, &mut env, seed)
    };
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    let mut behind = || {
        let start = Instant::now();
        alone.push(one(1) + one(2));
        start.elapsed().as_secs_f64()
    };
    let mut beside = || {
        let start = Instant::now();
        let longer = std::thread::scope(|scope| {
            let other = scope.spawn(|| one(1));
            one(2).max(other.join().unwrap_or(f64::NAN))
        });
        together.push(longer);
        start.elapsed().as_secs_f64()
    };
    let times = turns(rounds, &mut [&mut behind, &mut beside]);
    println!(
        "two seeds of PPO on cartpole.econ, one after the other and on two threads, seconds (best of {rounds}, median), in turns"
    );
    println!(
        "{:34} {:>15} {:>15} {:>9} {:>8} {:>8}",
        "", "one behind", "side by side", "gain", "mark", ""
    );
    let show = |t: &[f64]| format!("{:.2} ({:.2})", best(t), median(t));
    for (what, a, b) in [
        ("on the clock", &times[0], &times[1]),
        ("on a core (as if both were free)", &alone, &together),
    ] {
        let gain = ratio(a, b);
        println!(
            "{what:34} {:>15} {:>15} {gain:>9.2} {:>8} {:>8}",
            show(a),
            show(b),
            ">= 1.8",
            yes(gain >= 1.8)
        );
    }
    println!();
}

// ------------------------------------------------------------------------------------------------ nets

fn nets() {
    for (what, [i, h, o], batch) in [
        ("4-64-64-2 tanh", [4usize, 64, 2], 256usize),
        ("4-256-256-1 tanh", [4, 256, 1], 256),
    ] {
        let net = Mlp::new(i, &[h, h], o, Activation::Tanh, 1.0, &mut Stream::new(1, 0));
        let x = vec![0.1f32; batch * i];
        let mut least = f64::MAX;
        for _ in 0..200 {
            let start = clock::seconds();
            let on_tape = OnTape::new(&net, Wants::PARAMS);
            let out = on_tape.forward(rows(x.clone(), i).leaky_traced());
            let mut gradients = out.sum::<(), Axes2<0, 1>>().backward();
            std::hint::black_box(on_tape.gradient(&mut gradients));
            least = least.min(clock::seconds() - start);
        }
        let work = 6.0 * (i * h + h * h + h * o) as f64 * batch as f64;
        println!(
            "{what:20} batch {batch}: forward and backward {:>8.1} us, {:>6.1} GFLOP/s",
            least * 1e6,
            work / least * 1e-9
        );
        let (mut ws, mut out) = (Workspace::default(), vec![0.0; o]);
        let start = clock::seconds();
        for _ in 0..1000 {
            net.infer(&x[..i], 1, &mut ws, &mut out);
        }
        println!("{what:20} one action {:>8.3} us", (clock::seconds() - start) * 1e3);
    }
}

/// A step of Adam by econc and by dfdx, while gradients come and long after they have stopped, as behind a unit that never fires.
fn optimisers(rounds: usize) {
    const STEPS: usize = 300;
    let device = Cpu::default();
    for n in [9_219, 67_330] {
        let gradient: Vec<f32> = (0..n).map(|i| (i as f32 * 0.37).sin()).collect();
        let zeros = vec![0.0f32; n];
        let room = || Storage::<f32>::try_alloc_len(&device, n).unwrap_or_else(|e| panic!("{e:?}"));
        for (what, stopped) in [("gradients come", false), ("1500 steps after the last", true)] {
            let mut own = (Optimizer::new(OptimizerKind::Adam, n, 1e-8), zeros.clone());
            let mut other = (device.tensor_from_vec(zeros.clone(), (n,)), room(), room(), room());
            let mut step = 0;
            let mut ours = |g: &[f32]| own.0.step(&mut [(&mut own.1[..], g)], 1e-3, 1.0);
            let mut theirs = |g: &[f32]| {
                step += 1;
                let (params, first, second, slot) = &mut other;
                slot.copy_from_slice(g);
                let adam = AdamConfig::default();
                let done = adam.try_update(step, params, first, second, slot);
                done.unwrap_or_else(|e| panic!("{e:?}"));
            };
            ours(&gradient);
            theirs(&gradient);
            let now = if stopped { &zeros } else { &gradient };
            for _ in 0..1500 {
                ours(now);
                theirs(now);
            }
            let time = |f: &mut dyn FnMut(&[f32])| {
                let start = clock::seconds();
                (0..STEPS).for_each(|_| f(now));
                (clock::seconds() - start) / STEPS as f64
            };
            let times: Vec<(f64, f64)> = (0..rounds).map(|_| (time(&mut ours), time(&mut theirs))).collect();
            let (a, b): (Vec<f64>, Vec<f64>) = times.into_iter().unzip();
            println!(
                "Adam, {n} parameters, {what}: {:.2} us, dfdx's {:.2} us",
                1e6 * median(&a),
                1e6 * median(&b)
            );
        }
    }
}
