//! A session of Q-learning beside the same loop written by hand for two firms and fifteen prices.
//!
//! ```sh
//! cargo bench --bench sessions -- [sessions=8]
//! ```

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use econc::learn::ran2::Ran2;
use econc::learn::repeated_game::{FiniteGame, Luck, SessionOptions, play_session};
use std::time::Instant;

/// Prices.
const M: usize = 15;

fn main() {
    let count = std::env::args()
        .find_map(|a| a.strip_prefix("sessions=")?.parse().ok())
        .unwrap_or(8);
    let game = calvano();
    let options = SessionOptions::default();
    let (mut own, mut hand) = (0.0, 0.0);
    println!("session  periods  econc, s  by hand, s");
    for session in 1..=count {
        let began = Instant::now();
        let played = play_session(&game, &options, Luck::of_session(session, &game), |_| true).expect("a session");
        let a = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let periods = by_hand(&game, session, &options);
        let b = began.elapsed().as_secs_f64();
        assert_eq!(periods, played.periods, "the two play the same");
        println!("{session:7}  {periods:7}  {a:8.3}  {b:10.3}");
        own += a;
        hand += b;
    }
    println!(
        "mean {:.3} s, by hand {:.3} s, ratio {:.2}",
        own / count as f64,
        hand / count as f64,
        own / hand
    );
}

/// Logit Bertrand duopoly of Calvano et al. (2020), with the inputs of the published program.
fn calvano() -> FiniteGame {
    let (nash, monopoly) = (1.47293f64, 1.92498f64);
    let low = nash - 0.1 * (monopoly - nash);
    let step = (monopoly + 0.1 * (monopoly - nash) - low) / (M - 1) as f64;
    let prices: Vec<f64> = (0..M).scan(low, |p, _| Some(std::mem::replace(p, *p + step))).collect();
    let mut payoff = Vec::new();
    for p in &prices {
        for r in &prices {
            let (u, v) = (((2.0 - p) / 0.25).exp(), ((2.0 - r) / 0.25).exp());
            payoff.push((p - 1.0) * (u / (u + v + 1.0)));
            payoff.push((r - 1.0) * (v / (u + v + 1.0)));
        }
    }
    FiniteGame {
        agents: 2,
        actions: M,
        payoff,
    }
}

/// The largest value and the action that has it, ties at random.
fn look_up(row: &[f64; M], ties: &mut Ran2) -> (f64, usize) {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let tied: Vec<usize> = (0..M).filter(|a| (row[*a] - top).abs() <= f64::EPSILON).collect();
    let k = if tied.len() > 1 {
        (tied.len() as f64 * ties.uniform()) as usize
    } else {
        0
    };
    (top, tied[k])
}

/// Periods of a session.
fn by_hand(game: &FiniteGame, session: u32, options: &SessionOptions) -> u64 {
    let pays = |a: usize, b: usize| [game.payoff[(a * M + b) * 2], game.payoff[(a * M + b) * 2 + 1]];
    let mut first = [[0.0; M]; 2];
    for a in 0..M {
        for b in 0..M {
            first[0][a] += pays(a, b)[0];
            first[1][b] += pays(a, b)[1];
        }
    }
    let weight = M as f64 * (1.0 - options.discount);
    first.iter_mut().flatten().for_each(|x| *x /= weight);
    let mut q = vec![first; M * M];
    let (mut ties, mut explore, mut start) = (Ran2::new(session), Ran2::new(session), Ran2::new(1));
    let (mut top, mut best) = (vec![[0.0; 2]; M * M], vec![[0usize; 2]; M * M]);
    for f in 0..2 {
        for s in 0..M * M {
            (top[s][f], best[s][f]) = look_up(&q[s][f], &mut ties);
        }
    }
    for _ in 0..2 * (session - 1) {
        start.uniform();
    }
    let mut draw = || (M as f64 * start.uniform()) as usize;
    let (a, b) = (draw(), draw());
    let (mut s, mut epsilon, mut settled, mut periods) = (a * M + b, 1.0, 0, 0);
    while settled < options.stable {
        periods += 1;
        let (u0, u1, v0, v1) = (
            explore.uniform(),
            explore.uniform(),
            explore.uniform(),
            explore.uniform(),
        );
        let a = if u0 <= epsilon {
            (M as f64 * v0) as usize
        } else {
            best[s][0]
        };
        let b = if u1 <= epsilon {
            (M as f64 * v1) as usize
        } else {
            best[s][1]
        };
        epsilon *= options.exploration_factor;
        let next = a * M + b;
        let paid = pays(a, b);
        let mut same = true;
        for (f, action) in [a, b].into_iter().enumerate() {
            let goal = paid[f] + options.discount * top[next][f];
            let old = q[s][f][action];
            let new = old + options.alpha * (goal - old);
            q[s][f][action] = new;
            let before = best[s][f];
            if new > top[s][f] {
                (top[s][f], best[s][f]) = (new, action);
            } else if new < top[s][f] && before == action {
                (top[s][f], best[s][f]) = look_up(&q[s][f], &mut ties);
            }
            same &= best[s][f] == before;
        }
        settled = if same && periods > 1 { settled + 1 } else { 1 };
        s = next;
    }
    periods
}
