//! The language benchmark of Aruoba and Fernandez-Villaverde (2015): econc on `models/language_benchmark.econ` against a
//! hand-written loop of the same algorithm, one thread each. Prints medians of interleaved runs (processor time) and ratios.
//!
//! Answers first: 257 iterations and 0.146539143695695 (corrected matrix), 0.146549143695695 (as published).

#![allow(clippy::print_stdout)]

use econc::solve::decision::{Decision, ProblemOptions};
use econc::solve::{grid_search, progress};
use std::time::Instant;

const NODES: usize = 17_820;
const Z: [f64; 5] = [0.9792, 0.9896, 1.0000, 1.0106, 1.0212];

fn matrix(published: bool) -> [[f64; 5]; 5] {
    let middle = if published { 0.9837 } else { 0.9836 };
    [
        [0.9727, 0.0273, 0.0, 0.0, 0.0],
        [0.0041, 0.9806, 0.0153, 0.0, 0.0],
        [0.0, 0.0082, middle, 0.0082, 0.0],
        [0.0, 0.0, 0.0153, 0.9806, 0.0041],
        [0.0, 0.0, 0.0, 0.0273, 0.9727],
    ]
}

/// The published algorithm as one would write it by hand: iterations, policy at the 1000th node of z = 1.
fn by_hand(published: bool) -> (usize, f64) {
    let (alpha, beta) = (0.33333333333, 0.95);
    let p = matrix(published);
    let steady = f64::powf(alpha * beta, 1.0 / (1.0 - alpha));
    let grid: Vec<f64> = (0..NODES).map(|i| 0.5 * steady + 0.00001 * i as f64).collect();
    let output: Vec<[f64; 5]> = grid.iter().map(|k| Z.map(|z| z * k.powf(alpha))).collect();
    let mut value = vec![[0.0f64; 5]; NODES];
    let mut new = vec![[0.0f64; 5]; NODES];
    let mut policy = vec![[0.0f64; 5]; NODES];
    let mut expected = vec![[0.0f64; 5]; NODES];
    let mut iterations = 0;
    let mut change = 10.0;
    while change > 1e-7 {
        for (e, v) in expected.iter_mut().zip(&value) {
            for (x, row) in e.iter_mut().zip(&p) {
                *x = row.iter().zip(v).map(|(a, b)| a * b).sum();
            }
        }
        change = 0.0;
        for z in 0..5 {
            let mut next = 0;
            for k in 0..NODES {
                let mut best = -1000.0;
                let mut choice = grid[0];
                let first = next;
                for j in first..NODES {
                    let consumption = output[k][z] - grid[j];
                    let v = (1.0 - beta) * consumption.ln() + beta * expected[j][z];
                    if v > best {
                        best = v;
                        choice = grid[j];
                        next = j;
                    } else {
                        break;
                    }
                }
                new[k][z] = best;
                policy[k][z] = choice;
            }
        }
        for (a, b) in new.iter().zip(&value) {
            for z in 0..5 {
                change = f64::max(change, (a[z] - b[z]).abs());
            }
        }
        std::mem::swap(&mut value, &mut new);
        iterations += 1;
    }
    (iterations, policy[999][2])
}

/// econc: iterations, policy at the 1000th node of z = 1.
fn by_econc(problem: &Decision, howard: usize) -> (usize, f64) {
    let options = grid_search::GridSearchOptions {
        tolerance: 1e-7,
        howard,
        ..grid_search::GridSearchOptions::default()
    };
    match grid_search::solve(problem, &options, &mut progress::silent) {
        Ok(s) => (s.solution.record.iterations, s.solution.policy[0][999 * 5 + 2]),
        Err(d) => panic!("{}: {}", d.code, d.headline),
    }
}

fn problem(set: &[(&str, &str)]) -> Decision {
    let options = econc::Options {
        set: set.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
        ..Default::default()
    };
    let (model, messages) = econc::compile(include_str!("../models/language_benchmark.econ"), &options);
    let model = model.unwrap_or_else(|| panic!("{messages:?}"));
    Decision::new(&model, &ProblemOptions::default()).unwrap_or_else(|d| panic!("{d:?}"))
}

/// Time this thread has spent on a processor, in seconds: what others do on the machine does not count. Wall time where
/// the system does not say.
fn clock() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = spent.and_then(|s| s.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.get_or_init(Instant::now).elapsed().as_secs_f64(), |n| 1e-9 * n)
}

fn median(mut x: Vec<f64>) -> f64 {
    x.sort_by(f64::total_cmp);
    x[x.len() / 2]
}

fn main() {
    let runs = std::env::var("ECONC_RUNS")
        .ok()
        .and_then(|r| r.parse().ok())
        .unwrap_or(5);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("one thread");
    pool.install(|| {
        let corrected = problem(&[("middle", "0.9836")]);
        let published = problem(&[("middle", "0.9837")]);
        println!("{:<34}{:>12}{:>24}", "", "iterations", "policy(1000, z = 1)");
        for (name, (n, x)) in [
            ("by hand, as published", by_hand(true)),
            ("econc, as published", by_econc(&published, 0)),
            ("by hand, corrected", by_hand(false)),
            ("econc, corrected", by_econc(&corrected, 0)),
            ("econc, corrected, Howard", by_econc(&corrected, 1000)),
        ] {
            println!("{name:<34}{n:>12}{x:>24.15}");
        }
        let (mut hand, mut same, mut howard) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            let t = clock();
            std::hint::black_box(by_hand(false));
            hand.push(clock() - t);
            let t = clock();
            std::hint::black_box(by_econc(&corrected, 0));
            same.push(clock() - t);
            let t = clock();
            std::hint::black_box(by_econc(&corrected, 1000));
            howard.push(clock() - t);
        }
        let (h, s, w) = (median(hand), median(same), median(howard));
        println!("\nby hand                 {:8.1} ms", 1e3 * h);
        println!("econc, same algorithm   {:8.1} ms   {:.2} x by hand", 1e3 * s, s / h);
        println!("econc, Howard           {:8.1} ms   {:.2} x by hand", 1e3 * w, w / h);
    });
}
