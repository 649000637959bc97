//! Lane programs against hand-written loops: the step of a population that consumes and saves, and the step of CartPole.
//!
//! Both sides run on one thread, take turns, and are compared by medians. The kernel's side is compiled from `.econ` text. The
//! hand's side is one fused structure-of-arrays loop with the same formulas (and the same polynomials for sine and cosine),
//! compiled for the same vector instructions as the kernel's loops and chosen the same way; the compiler vectorises it.
//! Answers first: both sides must give the same numbers.
//!
//! `cargo bench --bench kernel`; with words only the named parts: `saving`, `cartpole`, `sizes`, `engine`.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]
#![allow(
    unsafe_code,
    reason = "functions compiled for a set of vector instructions are unsafe to call"
)]

use econc::Model;
use econc::env::engine::Engine;
use econc::graph::{InputId, InputKind, NodeId};
use econc::kernel::exec::{Interpreted, Operand, Tier, Workspace};
use econc::kernel::lower::{InputBinding, WorldLanes};
use econc::kernel::members::{Array, Members, MembersSpace, THRESHOLD};
use econc::kernel::program::Mode;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Households with log-normal income save out of cash on hand; capital and labour earn their marginal products.
const SAVING: &str = "
model saving
param N = 10_000
param alpha = 0.36
param delta = 0.08
agent household[N] {
  shock y ~ iid lognormal(0, 0.2)
  state k in [0, inf), start 5
  let cash = (1 + r) * k + w * y
  action share in [0, 1]
  let c = share * cash
  k' = cash - c
  observe k, y
  reward crra(c, 2)
  discount 0.96
}
market factors {
  let K = mean(household.k)
  let L = mean(household.y)
  price r = alpha * (K / L)^(alpha - 1) - delta
  price w = (1 - alpha) * (K / L)^alpha
}
";
const CARTPOLE: &str = include_str!("../models/cartpole.econ");

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |part: &str| words.is_empty() || words.iter().any(|w| w == part);
    println!(
        "vector instructions: {:?}, one thread, medians of runs that take turns",
        Tier::best()
    );
    if wanted("saving") {
        saving_against_hand::<f64>(10_000);
    }
    if wanted("cartpole") {
        cartpole_against_hand::<f64>(2048);
    }
    if wanted("sizes") {
        sizes();
    }
    if wanted("engine") {
        calls();
    }
}

/// A model from text; parameters may be set.
fn model(text: &str, set: &[(&str, String)]) -> Model {
    let options = econc::Options {
        set: set.iter().map(|(k, v)| ((*k).into(), v.clone())).collect(),
        ..econc::Options::default()
    };
    let (model, messages) = econc::compile(text, &options);
    model.unwrap_or_else(|| panic!("{messages:?}"))
}

/// Numbers in (0, 1) that look random.
fn number(i: usize, k: usize) -> f64 {
    let x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (k as u64 + 7).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

fn array<T: Interpreted>(n: usize, value: impl Fn(usize) -> f64) -> Array<T> {
    let mut a = Array::zeros(n);
    for (i, x) in a.as_mut_slice().iter_mut().enumerate() {
        *x = T::from_f64(value(i));
    }
    a
}

/// What taking turns gave.
struct Turns {
    /// Median seconds a call of each side.
    seconds: Vec<f64>,
    /// Median over turns of the second side's time over the first's: a busy machine slows both alike.
    ratio: f64,
}

/// Times each side in turns that are short against the slices a busy machine deals out.
fn take_turns(sides: &mut [&mut dyn FnMut()]) -> Turns {
    const TURNS: usize = 401;
    const TURN: f64 = 3e-4;
    let repetitions: Vec<usize> = sides
        .iter_mut()
        .map(|f| {
            f();
            let (start, mut n) = (Instant::now(), 0);
            while start.elapsed().as_secs_f64() < 10.0 * TURN {
                f();
                n += 1;
            }
            (n / 10).max(1)
        })
        .collect();
    let mut times = vec![Vec::new(); sides.len()];
    for _ in 0..TURNS {
        for ((f, n), t) in sides.iter_mut().zip(&repetitions).zip(&mut times) {
            let start = Instant::now();
            for _ in 0..*n {
                f();
            }
            t.push(start.elapsed().as_secs_f64() / *n as f64);
        }
    }
    let first = times.first().cloned().unwrap_or_default();
    let last = times.last().cloned().unwrap_or_default();
    Turns {
        ratio: median(last.iter().zip(&first).map(|(b, a)| b / a).collect()),
        seconds: times.into_iter().map(median).collect(),
    }
}

fn median(mut x: Vec<f64>) -> f64 {
    x.sort_by(f64::total_cmp);
    x[x.len() / 2]
}

fn agree<T: Interpreted>(what: &str, kernel: &[T], hand: &[T], tolerance: f64) {
    assert_eq!(kernel.len(), hand.len(), "{what}");
    for (i, (a, b)) in kernel.iter().zip(hand).enumerate() {
        let (a, b) = (a.to_f64(), b.to_f64());
        assert!(
            (a - b).abs() <= tolerance * (1.0 + b.abs()),
            "{what}: kernel {a}, by hand {b} in place {i}"
        );
    }
}

fn report(what: &str, lanes: usize, turns: &Turns) {
    let rate = |t: f64| lanes as f64 / t / 1e6;
    println!(
        "{what:<44} kernel {:>7.1} M/s  hand {:>7.1} M/s  speed of kernel/hand {:.2}",
        rate(turns.seconds[0]),
        rate(turns.seconds[1]),
        turns.ratio
    );
}

fn type_name<T>() -> &'static str {
    std::any::type_name::<T>()
}

/// Tolerance of "the same numbers": the two sides may differ in how a product and a sum are arranged.
fn last_places<T: Interpreted>() -> f64 {
    64.0 * T::EPSILON.to_f64()
}

/// A function whose body is compiled once a set of vector instructions and called at the best.
macro_rules! at_best {
    (fn $name:ident<T: Interpreted>($($arg:ident: $ty:ty),+) $body:block) => {
        fn $name<T: Interpreted>($($arg: $ty),+) {
            #[inline(always)]
            fn plain<T: Interpreted>($($arg: $ty),+) $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
            fn avx2<T: Interpreted>($($arg: $ty),+) {
                plain($($arg),+);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
            fn avx512<T: Interpreted>($($arg: $ty),+) {
                plain($($arg),+);
            }
            match Tier::best() {
                // SAFETY: the best tier is one the processor has.
                #[cfg(target_arch = "x86_64")]
                Tier::Avx512 => unsafe { avx512($($arg),+) },
                #[cfg(target_arch = "x86_64")]
                Tier::Avx2 => unsafe { avx2($($arg),+) },
                _ => plain($($arg),+),
            }
        }
    };
}

// ---- Consumption and saving

/// The step of a population, compiled: state, shock and action in, next state and reward out.
struct Saving<T> {
    program: Members<T>,
    inputs: Vec<Array<T>>,
    outputs: Vec<Array<T>>,
    space: MembersSpace<T>,
}

impl<T: Interpreted> Saving<T> {
    fn new(members: usize, threshold: Option<usize>) -> Saving<T> {
        let m = model(SAVING, &[("N", members.to_string())]);
        let outputs: Vec<NodeId> = vec![m.states[0].next, m.agents[0].reward.expect("a reward")];
        let bindings = vec![InputBinding::Lanes; m.graph.inputs.len()];
        let program = match threshold {
            Some(t) => Members::<T>::lower_with(&m.graph, &bindings, &outputs, t),
            None => Members::<T>::lower_with(&m.graph, &bindings, &outputs, THRESHOLD),
        }
        .expect("lowers");
        let inputs = program
            .slots()
            .iter()
            .map(|s| {
                let kind = m.graph.inputs[s.input.0 as usize].kind;
                array(s.members, |i| household(kind, i + s.element))
            })
            .collect();
        let outputs = program.output_slots().iter().map(|s| Array::zeros(s.members)).collect();
        Saving {
            program,
            inputs,
            outputs,
            space: MembersSpace::new(),
        }
    }

    fn step(&mut self) {
        let operands: Vec<Operand<T>> = self
            .inputs
            .iter()
            .zip(self.program.slots())
            .map(|(a, s)| match s.mode {
                Mode::Lanes => Operand::Lanes(a.as_slice()),
                Mode::Uniform => Operand::Uniform(a.as_slice()[0]),
            })
            .collect();
        let mut outputs: Vec<&mut [T]> = self.outputs.iter_mut().map(Array::as_mut_slice).collect();
        self.program
            .run(&operands, &mut outputs, &mut self.space)
            .expect("runs");
    }

    /// All values of an output, member by member.
    fn output(&self, output: usize) -> Vec<T> {
        let slots = self.program.output_slots().iter().zip(&self.outputs);
        slots
            .filter(|(s, _)| s.output == output)
            .flat_map(|(_, a)| a.as_slice().to_vec())
            .collect()
    }
}

/// Capital, income and share consumed of household `i`.
fn household(kind: InputKind, i: usize) -> f64 {
    match kind {
        InputKind::State(_) => 2.0 + 6.0 * number(i, 0),
        InputKind::Shock(_) => 0.7 + 0.6 * number(i, 1),
        InputKind::Action(_) => 0.1 + 0.8 * number(i, 2),
        _ => 0.0,
    }
}

at_best! {
    fn saving_by_hand<T: Interpreted>(k: &[T], y: &[T], share: &[T], next: &mut [T], reward: &mut [T]) {
        let n = k.len();
        let (y, share, next, reward) = (&y[..n], &share[..n], &mut next[..n], &mut reward[..n]);
        let (mut capital, mut labour) = ([T::ZERO; 16], [T::ZERO; 16]);
        let (k_rows, k_rest) = k.as_chunks::<16>();
        let (y_rows, y_rest) = y.as_chunks::<16>();
        for (a, b) in k_rows.iter().zip(y_rows) {
            for i in 0..16 {
                capital[i] = capital[i] + a[i];
                labour[i] = labour[i] + b[i];
            }
        }
        let sum = |parts: &[T; 16], rest: &[T]| parts.iter().chain(rest).fold(T::ZERO, |s, x| s + *x);
        let ratio = sum(&capital, k_rest) / sum(&labour, y_rest);
        let (alpha, delta) = (T::from_f64(0.36), T::from_f64(0.08));
        let gross = T::ONE + (alpha * ratio.pow(alpha - T::ONE) - delta);
        let wage = (T::ONE - alpha) * ratio.pow(alpha);
        for i in 0..n {
            let cash = gross * k[i] + wage * y[i];
            let c = share[i] * cash;
            next[i] = cash - c;
            reward[i] = T::ONE - T::ONE / c;
        }
    }
}

fn saving_against_hand<T: Interpreted>(members: usize) {
    let times = saving_times::<T>(members, None);
    report(
        &format!("consumption and saving, {members} members, {}", type_name::<T>()),
        members,
        &times,
    );
}

/// Seconds a step: kernel, by hand.
fn saving_times<T: Interpreted>(members: usize, threshold: Option<usize>) -> Turns {
    let mut kernel = Saving::<T>::new(members, threshold);
    let part = |kind| array::<T>(members, |i| household(kind, i));
    let (k, y, share) = (
        part(InputKind::State(0)),
        part(InputKind::Shock(0)),
        part(InputKind::Action(0)),
    );
    let (mut next, mut reward) = (Array::<T>::zeros(members), Array::<T>::zeros(members));
    let hand = |next: &mut Array<T>, reward: &mut Array<T>| {
        saving_by_hand(
            black_box(k.as_slice()),
            y.as_slice(),
            share.as_slice(),
            next.as_mut_slice(),
            reward.as_mut_slice(),
        );
    };
    kernel.step();
    hand(&mut next, &mut reward);
    agree("next capital", &kernel.output(0), next.as_slice(), last_places::<T>());
    agree("reward", &kernel.output(1), reward.as_slice(), last_places::<T>());
    take_turns(&mut [&mut || black_box(&mut kernel).step(), &mut || {
        hand(black_box(&mut next), black_box(&mut reward));
    }])
}

/// What a member costs when the population grows, in one world.
fn sizes() {
    println!("one world, `agent household[N]`, f64: nanoseconds a member");
    for members in [2, 4, 8, 10, 30, 100, 300, 1000, 3000, 10_000] {
        let t = saving_times::<f64>(members, None).seconds;
        let each = |t: f64| t / members as f64 * 1e9;
        let unrolled = (members <= 300).then(|| saving_times::<f64>(members, Some(members)).seconds[0]);
        let lanes = saving_times::<f64>(members, Some(1)).seconds[0];
        println!(
            "  N = {members:>6}: kernel {:>6.2}  hand {:>6.2}  (members unrolled {}, members as lanes {:.2})",
            each(t[0]),
            each(t[1]),
            unrolled.map_or("-".into(), |u| format!("{:.2}", each(u))),
            each(lanes)
        );
    }
}

// ---- CartPole

at_best! {
    fn cartpole_by_hand<T: Interpreted>(now: &[&[T]; 5], next: &mut [&mut [T]; 5]) {
        let [x, v, th, om, push] = *now;
        let n = x.len();
        let (v, th, om, push) = (&v[..n], &th[..n], &om[..n], &push[..n]);
        let [x2, v2, th2, om2, end] = next;
        let (x2, v2, th2, om2, end) = (
            &mut x2[..n],
            &mut v2[..n],
            &mut th2[..n],
            &mut om2[..n],
            &mut end[..n],
        );
        let c = T::from_f64;
        let (g, total, moment, half, force, tau) = (c(9.8), c(1.1), c(0.05), c(0.5), c(10.0), c(0.02));
        let (mp, far, steep) = (c(0.1), c(2.4), c(12.0 * 2.0 * std::f64::consts::PI / 360.0));
        for i in 0..n {
            let f = if push[i] == T::ONE { force } else { -force };
            let (sin, cos) = th[i].sin_cos();
            let tmp = (f + moment * (om[i] * om[i]) * sin) / total;
            let acc = (g * sin - cos * tmp) / (half * (c(4.0 / 3.0) - mp * (cos * cos) / total));
            let xacc = tmp - moment * acc * cos / total;
            let (a, b) = (x[i] + tau * v[i], th[i] + tau * om[i]);
            x2[i] = a;
            v2[i] = v[i] + tau * xacc;
            th2[i] = b;
            om2[i] = om[i] + tau * acc;
            let out = (a.abs() > far) | (b.abs() > steep);
            end[i] = if out { T::ONE } else { T::ZERO };
        }
    }
}

fn cartpole_against_hand<T: Interpreted>(worlds: usize) {
    let m = model(CARTPOLE, &[]);
    let mut outputs: Vec<NodeId> = m.states.iter().map(|s| s.next).collect();
    outputs.push(m.ends[0].condition);
    let lowered =
        WorldLanes::lower(&m.graph, &vec![InputBinding::Lanes; m.graph.inputs.len()], &outputs).expect("lowers");
    let program = lowered.compile::<T>(false).expect("compiles");
    let value = |input: InputId, w: usize| match m.graph.inputs[input.0 as usize].kind {
        InputKind::State(s) => [4.0, 2.0, 0.4, 2.0][s] * (number(w, s) - 0.5),
        InputKind::Action(_) => f64::from(u8::from(number(w, 9) < 0.5)),
        _ => 0.0,
    };
    let columns: Vec<Array<T>> = lowered
        .slots
        .iter()
        .map(|s| array(worlds, |w| value(s.input, w)))
        .collect();
    let mut found: Vec<Array<T>> = (0..5).map(|_| Array::zeros(worlds)).collect();
    let mut ws = Workspace::new();
    let mut kernel = |found: &mut Vec<Array<T>>| {
        let operands: Vec<Operand<T>> = columns.iter().map(|c| Operand::Lanes(c.as_slice())).collect();
        let mut slices: Vec<&mut [T]> = found.iter_mut().map(Array::as_mut_slice).collect();
        program
            .run(black_box(&operands), worlds, &mut slices, &mut ws)
            .expect("runs");
    };
    let inputs = m.states.iter().map(|s| s.input).chain([m.actions[0].input]);
    let own: Vec<Array<T>> = inputs.map(|i| array(worlds, |w| value(i, w))).collect();
    let now: [&[T]; 5] = std::array::from_fn(|k| own[k].as_slice());
    let mut by_hand: Vec<Array<T>> = (0..5).map(|_| Array::zeros(worlds)).collect();
    let hand = |by_hand: &mut Vec<Array<T>>| {
        let mut each = by_hand.iter_mut().map(Array::as_mut_slice);
        let mut next: [&mut [T]; 5] = std::array::from_fn(|_| each.next().unwrap_or_default());
        cartpole_by_hand(black_box(&now), &mut next);
    };
    kernel(&mut found);
    hand(&mut by_hand);
    for (k, (a, b)) in found.iter().zip(&by_hand).enumerate() {
        agree(
            &format!("CartPole output {k}"),
            a.as_slice(),
            b.as_slice(),
            last_places::<T>(),
        );
    }
    let times = take_turns(&mut [&mut || kernel(black_box(&mut found)), &mut || {
        hand(black_box(&mut by_hand));
    }]);
    report(
        &format!("CartPole, {worlds} worlds, {}", type_name::<T>()),
        worlds,
        &times,
    );
}

// ---- The engine of worlds

/// What a call of the engine costs: the outcome of a step of CartPole in few worlds, and that of a population.
fn calls() {
    println!("CartPole through the engine, f64: nanoseconds a call (a world)");
    let m = model(CARTPOLE, &[]);
    for worlds in [1, 4, 8, 64, 512] {
        let t = call(&m, worlds);
        println!(
            "  {worlds:>4} worlds: {:>7.0} ({:.1})",
            t * 1e9,
            t * 1e9 / worlds as f64
        );
    }
    println!("consumption and saving through the engine, f64: nanoseconds a member, in 1, 8 and 64 worlds");
    for members in [2, 4, 8, 10, 16, 30, 64, 65, 100, 300, 1000, 10_000] {
        let m = model(SAVING, &[("N", members.to_string())]);
        let each = |worlds: usize| call(&m, worlds) * 1e9 / (members * worlds) as f64;
        println!(
            "  N = {members:>6}: {:>7.2} {:>7.2} {:>7.2}",
            each(1),
            each(8),
            each(64)
        );
    }
}

/// Seconds a call for everything that pays, moves or ends.
fn call(m: &Model, worlds: usize) -> f64 {
    let mut outputs: Vec<NodeId> = m.agents.iter().filter_map(|a| a.reward).collect();
    outputs.extend(m.states.iter().map(|s| s.next));
    outputs.extend(m.ends.iter().map(|e| e.condition));
    let graph = Arc::new(m.graph.clone());
    let mut engine = Engine::new(graph.clone(), outputs).unwrap_or_else(|d| panic!("{d:?}"));
    let frame: Vec<Vec<f64>> = graph
        .inputs
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let n = graph.elements(&x.shape) * worlds;
            (0..n).map(|w| 0.1 + 0.2 * number(w, i)).collect()
        })
        .collect();
    let mut out = Vec::new();
    take_turns(&mut [&mut || {
        let result = engine.run_into(black_box(&frame), worlds, black_box(&mut out));
        result.unwrap_or_else(|d| panic!("{d:?}"));
    }])
    .seconds[0]
}
