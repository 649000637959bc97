//! Learners against published results, closed forms, and the clock.
//!
//! `-- control [seeds=10] [threads=2] [only=WORD]` trains on the control problems of `models/` and compares with the returns that
//! reference implementations reach; `-- growth [seeds=5]` trains with default options on Brock and Mirman's growth model
//! and prints the distance from the closed form; `-- speed [rounds=9] [only=WORD]` compares steps a second with a learner written for
//! one problem alone and updates with their matrix products; without a word all three run on few seeds.
//! `-- run METHOD MODEL [key=value ..]` trains once and prints the course. What was measured stands in `benches/README.md`.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

mod clock;
mod control;
mod growth;
mod limit;
mod speed;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |key: &str| {
        words
            .iter()
            .find_map(|w| w.strip_prefix(key)?.strip_prefix('=')?.parse::<usize>().ok())
    };
    let only = words.iter().find_map(|w| w.strip_prefix("only="));
    let threads = number("threads").unwrap_or(2).max(1);
    match words.first() {
        Some(&"run") => control::run(&words[1..]),
        Some(&"control") => control::table(number("seeds").unwrap_or(10), threads, only),
        Some(&"growth") => growth::table(number("seeds").unwrap_or(5) as u64),
        Some(&"speed") => speed::table(number("rounds").unwrap_or(9), only),
        _ => {
            speed::table(3, None);
            growth::table(number("seeds").unwrap_or(1) as u64);
            control::table(number("seeds").unwrap_or(2), threads, None);
        }
    }
}

/// The mean.
fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// Middle of sorted numbers.
fn median(x: &[f64]) -> f64 {
    let mut x = x.to_vec();
    x.sort_by(f64::total_cmp);
    let n = x.len();
    0.5 * (x[(n - 1) / 2] + x[n / 2])
}
