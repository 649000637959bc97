//! Krusell and Smith (calibration of den Haan, Judd and Juillard 2010): the solver alone against a loop written by hand for this one economy (the same
//! algorithm: endogenous grid of 300 x 12 nodes, a distribution over 1000 nodes, a path of 6000 periods, the same rounds).
//!
//! ```sh
//! cargo bench --bench krusell_smith
//! ```

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use econc::solve::continuum::perceived::PerceivedLaw;
use econc::solve::economy::Economy;
use econc::solve::equilibrium::EquilibriumMethod;
use econc::solve::progress::silent;
use std::time::Instant;

/// Runs of each, of which the fastest counts.
const RUNS: usize = 5;

fn main() {
    let text = include_str!("../models/krusell_smith.econ");
    let (model, messages) = econc::compile(text, &econc::Options::default());
    let model = model.unwrap_or_else(|| panic!("{messages:?}"));
    let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap_or_else(|e| panic!("{e}"));
    let (mut ours, mut hand) = (f64::INFINITY, f64::INFINITY);
    let mut found = None;
    let mut law = [[0.0; 2]; 2];
    let mut rounds = 0;
    for _ in 0..RUNS {
        let began = Instant::now();
        found = Some(
            one.install(|| PerceivedLaw.solve(&economy, 1, &mut silent))
                .unwrap_or_else(|d| panic!("{d:?}")),
        );
        ours = ours.min(began.elapsed().as_secs_f64());
        let began = Instant::now();
        (law, rounds) = by_hand();
        hand = hand.min(began.elapsed().as_secs_f64());
    }
    let p = found.and_then(|f| f.perceived).unwrap_or_else(|| panic!("a law"));
    println!(
        "econc    {ours:.3} s, {} rounds: {:.4?} {:.4?}",
        p.rounds, p.laws[0].constant, p.laws[0].slope
    );
    println!(
        "by hand  {hand:.3} s, {rounds} rounds: {:.4?} {:.4?}",
        [law[0][0], law[1][0]],
        [law[0][1], law[1][1]]
    );
    println!("ratio    {:.2}", ours / hand);
}

const NK: usize = 300;
const NM: usize = 12;
const NH: usize = 1000;

fn double_log(lo: f64, hi: f64, n: usize) -> Vec<f64> {
    let top = (hi - lo).ln_1p().ln_1p();
    (0..n)
        .map(|i| lo + (i as f64 / (n - 1) as f64 * top).exp_m1().exp_m1())
        .collect()
}

/// The law `[state][constant, slope]`, and the rounds.
fn by_hand() -> ([[f64; 2]; 2], usize) {
    let (beta, alpha, delta, mu, hours): (f64, f64, f64, f64, f64) = (0.99, 0.36, 0.025, 0.15, 1.0 / 0.9);
    let z = [0.99, 1.01];
    let work = [0.9, 0.96];
    let aggregate = [[0.875, 0.125], [0.125, 0.875]];
    let own = [
        [
            [[0.525, 0.35], [0.038889, 0.836111]],
            [[0.03125, 0.09375], [0.002083, 0.122917]],
        ],
        [
            [[0.09375, 0.03125], [0.009115, 0.115885]],
            [[0.291667, 0.583333], [0.024306, 0.850694]],
        ],
    ]
    .map(|a| a.map(|b| b.map(|row: [f64; 2]| row.map(|p| p / (row[0] + row[1])))));
    let prices = |s: usize, m: f64| -> (f64, [f64; 2]) {
        let labour = work[s] * hours;
        let r = alpha * z[s] * (m / labour).powf(alpha - 1.0);
        let w = (1.0 - alpha) * z[s] * (m / labour).powf(alpha);
        let tax = mu * (1.0 - work[s]) / (hours * work[s]);
        (1.0 + r - delta, [mu * w, (1.0 - tax) * w * hours])
    };
    let k = double_log(0.0, 400.0, NK);
    let h = double_log(0.0, 400.0, NH);
    let steep: Vec<f64> = h.windows(2).map(|w| 1.0 / (w[1] - w[0])).collect();
    let place: Vec<(usize, f64)> = h
        .iter()
        .map(|x| {
            let low = k.partition_point(|y| y <= x).clamp(1, NK - 1) - 1;
            (low, (x - k[low]) / (k[low + 1] - k[low]))
        })
        .collect();
    let (lo, hi): (f64, f64) = (35.0, 43.5);
    let at: Vec<f64> = (0..NM)
        .map(|i| lo.ln() + (hi / lo).ln() * i as f64 / (NM - 1) as f64)
        .collect();
    let between = |x: f64| -> (usize, [f64; 4]) {
        let x = x.clamp(at[0], at[NM - 1]);
        let cell = at.partition_point(|a| *a <= x).clamp(1, NM - 1) - 1;
        let first = cell.saturating_sub(1).min(NM - 4);
        let mut w = [1.0; 4];
        for i in 0..4 {
            for j in (0..4).filter(|j| *j != i) {
                w[i] *= (x - at[first + j]) / (at[first + i] - at[first + j]);
            }
        }
        (first, w)
    };
    // The path of the aggregate state.
    let mut seed = 88_172_645_463_325_252_u64;
    let mut state = 0;
    let path: Vec<usize> = (0..6000)
        .map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            if (seed >> 11) as f64 / (1u64 << 53) as f64 >= aggregate[state][state] {
                state = 1 - state;
            }
            state
        })
        .collect();
    let budget: Vec<(f64, [f64; 2])> = (0..2 * NM).map(|i| prices(i / NM, at[i % NM].exp())).collect();
    // Consumption, [state][own][moment][k].
    let mut c: Vec<f64> = (0..4 * NM * NK)
        .map(|i| {
            let (j, m, x) = (i / (NM * NK), i / NK % NM, k[i % NK]);
            let (r, y) = budget[j / 2 * NM + m];
            ((r - 1.0) * x + y[j % 2]).max(0.1 * (r * x + y[j % 2]))
        })
        .collect();
    let mut new = c.clone();
    let mut law = [[0.0, 1.0]; 2];
    let mut mass = vec![vec![0.0; NH]; 2];
    let low = h.partition_point(|x| *x <= 40.0) - 1;
    for (mass, share) in mass.iter_mut().zip([1.0 - work[path[0]], work[path[0]]]) {
        let up = (40.0 - h[low]) * steep[low];
        mass[low] = share * (1.0 - up);
        mass[low + 1] = share * up;
    }
    let (mut moved, mut rounds) = (f64::INFINITY, 0);
    let mut marginal = vec![vec![0.0; NK]; 4];
    let (mut expected, mut from) = (vec![0.0; NK], vec![0.0; NK]);
    while rounds < 200 {
        let exact = (0.01 * moved).clamp(1e-8, 1e-3);
        let mut sweeps = 0;
        loop {
            for m in 0..NM {
                for s in 0..2 {
                    let ahead = law[s][0] + law[s][1] * at[m];
                    let (first, w) = between(ahead);
                    for (j, marginal) in marginal.iter_mut().enumerate() {
                        let r = prices(j / 2, ahead.clamp(at[0], at[NM - 1]).exp()).0;
                        let own = &c[(j * NM + first) * NK..(j * NM + first + 4) * NK];
                        for i in 0..NK {
                            let c =
                                w[0] * own[i] + w[1] * own[NK + i] + w[2] * own[2 * NK + i] + w[3] * own[3 * NK + i];
                            marginal[i] = r / c;
                        }
                    }
                    for e in 0..2 {
                        let j = 2 * s + e;
                        let (r, y) = budget[s * NM + m];
                        let p = [0, 1, 2, 3].map(|q| beta * aggregate[s][q / 2] * own[s][q / 2][e][q % 2]);
                        for i in 0..NK {
                            let all = p[0] * marginal[0][i]
                                + p[1] * marginal[1][i]
                                + p[2] * marginal[2][i]
                                + p[3] * marginal[3][i];
                            expected[i] = 1.0 / all;
                            from[i] = (k[i] - y[e] + expected[i]) / r;
                        }
                        let out = &mut new[(j * NM + m) * NK..(j * NM + m + 1) * NK];
                        let mut at = 0;
                        for (x, out) in k.iter().zip(out) {
                            if *x <= from[0] {
                                *out = r * x + y[e];
                                continue;
                            }
                            while at < NK - 2 && from[at + 1] < *x {
                                at += 1;
                            }
                            let t = (x - from[at]) / (from[at + 1] - from[at]);
                            *out = expected[at] + t * (expected[at + 1] - expected[at]);
                        }
                    }
                }
            }
            let far = c
                .iter()
                .zip(&new)
                .fold(0.0, |w: f64, (c, n)| w.max((n / c - 1.0).abs()));
            std::mem::swap(&mut c, &mut new);
            sweeps += 1;
            if far <= exact || sweeps == 400 {
                break;
            }
        }
        let whole = moved < 3e-4;
        let periods = if whole { 6000 } else { 1500 };
        // Next states at the nodes of the distribution.
        let mut fine = vec![0.0; 4 * NM * NH];
        for (i, fine) in fine.chunks_exact_mut(NH).enumerate() {
            let (j, m) = (i / NM, i % NM);
            let (r, y) = budget[j / 2 * NM + m];
            let own = &c[i * NK..(i + 1) * NK];
            for (out, (low, t)) in fine.iter_mut().zip(&place) {
                let next = |n: usize| (r * k[n] + y[j % 2] - own[n]).max(0.0);
                *out = next(*low) + t * (next(low + 1) - next(*low));
            }
        }
        let mut capital = Vec::with_capacity(periods);
        let mut now = mass.clone();
        let mut next = vec![0.0; NH];
        let back = path[..periods].iter().rposition(|s| *s == path[0]).unwrap_or(0);
        for t in 0..periods {
            let s = path[t];
            if t == back {
                mass.clone_from(&now);
            }
            let mean: f64 = now
                .iter()
                .map(|m| m.iter().zip(&h).map(|(m, h)| m * h).sum::<f64>())
                .sum();
            capital.push(mean.ln());
            if t + 1 == periods {
                break;
            }
            let (first, w) = between(mean.ln());
            let mut moved = [vec![0.0; NH], vec![0.0; NH]];
            for e in 0..2 {
                let own = &fine[((2 * s + e) * NM + first) * NH..((2 * s + e) * NM + first + 4) * NH];
                for i in 0..NH {
                    next[i] = w[0] * own[i] + w[1] * own[NH + i] + w[2] * own[2 * NH + i] + w[3] * own[3 * NH + i];
                }
                let mut low = 0;
                for (m, x) in now[e].iter().zip(&next) {
                    if *m == 0.0 {
                        continue;
                    }
                    while low < NH - 2 && h[low + 1] <= *x {
                        low += 1;
                    }
                    let up = m * ((x - h[low]) * steep[low]).clamp(0.0, 1.0);
                    moved[e][low] += m - up;
                    moved[e][low + 1] += up;
                }
            }
            let chances = own[s][path[t + 1]];
            for (later, now) in now.iter_mut().enumerate() {
                for i in 0..NH {
                    now[i] = chances[0][later] * moved[0][i] + chances[1][later] * moved[1][i];
                }
            }
        }
        let mut fit = law;
        for s in 0..2 {
            let met = (500..periods - 1).filter(|t| path[*t] == s);
            let (mut n, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for t in met {
                let (a, b) = (capital[t] - 3.67, capital[t + 1] - 3.67);
                n += 1.0;
                x += a;
                y += b;
                xx += a * a;
                xy += a * b;
            }
            fit[s][1] = (xy - x * y / n) / (xx - x * x / n);
            fit[s][0] = y / n - fit[s][1] * x / n + 3.67 * (1.0 - fit[s][1]);
        }
        let gap = |s: usize, x: f64| (fit[s][0] - law[s][0] + (fit[s][1] - law[s][1]) * x).abs();
        moved = [0, 1]
            .iter()
            .flat_map(|s| [gap(*s, 3.62), gap(*s, 3.72)])
            .fold(0.0, f64::max);
        rounds += 1;
        if moved <= 1e-6 && whole {
            break;
        }
        for (law, fit) in law.iter_mut().zip(fit) {
            law[0] += 0.4 * (fit[0] - law[0]);
            law[1] += 0.4 * (fit[1] - law[1]);
        }
    }
    (law, rounds)
}
