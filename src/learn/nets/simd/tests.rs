//! Products and loops against the same sums written out, with every set of instructions that the processor has.

use super::*;

fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0f32; n];
    crate::num::random::Key::new(seed, 0).fill_f32(0, 0, &mut x);
    x.iter().map(|v| 4.0 * v - 2.0).collect()
}

/// Every tier this processor has.
fn tiers() -> Vec<Tier> {
    let best = tier();
    let mut all = vec![Tier::Portable];
    if best != Tier::Portable {
        all.push(Tier::Avx2);
    }
    if best == Tier::Avx512 {
        all.push(Tier::Avx512);
    }
    all
}

fn with_tier<T>(tier: Tier, f: impl FnOnce() -> T) -> T {
    FORCED.with(|x| x.set(Some(tier)));
    let out = f();
    FORCED.with(|x| x.set(None));
    out
}

#[test]
fn products_are_chains_of_fused_multiply_adds_on_every_tier() {
    for (m, n, k) in [
        (1, 1, 1),
        (3, 2, 5),
        (13, 33, 7),
        (30, 64, 300),
        (5, 17, 0),
        (64, 16, 257),
        (12, 32, 64),
        (20, 96, 40),
        (9, 64, 290),
    ] {
        let a = numbers(m * k, 1);
        let b = numbers(k * n, 2);
        let bias = numbers(n, 3);
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            let va = if ta { View::transposed(&a, m) } else { View::rows(&a, k) };
            let vb = if tb { View::transposed(&b, k) } else { View::rows(&b, n) };
            let mut expected = vec![0.0f32; m * n];
            for i in 0..m {
                for j in 0..n {
                    let mut sum = bias[j];
                    for l in 0..k {
                        sum = a[i * va.row + l * va.col].mul_add(b[l * vb.row + j * vb.col], sum);
                    }
                    expected[i * n + j] = sum;
                }
            }
            for t in tiers() {
                let mut c = vec![f32::NAN; m * n];
                let mut pack = Vec::new();
                with_tier(t, || product((m, n, k), va, vb, Start::Row(&bias), &mut c, &mut pack));
                assert_eq!(c, expected, "{t:?} {m} {n} {k} {ta} {tb}");
                let mut c: Vec<f32> = (0..m * n).map(|i| bias[i % n]).collect();
                with_tier(t, || product((m, n, k), va, vb, Start::Output, &mut c, &mut pack));
                assert_eq!(c, expected);
            }
        }
    }
}

#[test]
fn elementwise_loops_give_the_same_bits_on_every_tier() {
    let x = numbers(1003, 5);
    let g = numbers(1003, 6);
    let step = AdamStep {
        scale: 0.7,
        rate: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        correction: 3.0,
        epsilon: 1e-5,
    };
    let run = || {
        let mut p = x.clone();
        let (mut m, mut v) = (numbers(1003, 7), vec![0.5; 1003]);
        adam(&mut p, &g, &mut m, &mut v, step);
        rms_prop(&mut p, &g, &mut v, 0.9, 1e-3, 0.99, 1e-5);
        tanh_in_place(&mut p);
        let mut d = g.clone();
        tanh_backward(&p, &mut d);
        blend(&mut d, &p, 0.3);
        let mut sums = vec![0.0; 17];
        add_column_sums(&d[..17 * 59], &mut sums);
        let norm = sum_of_squares(&d);
        (p, m, v, d, sums, norm.to_bits())
    };
    let expected = with_tier(Tier::Portable, run);
    for t in tiers() {
        assert_eq!(with_tier(t, run), expected, "{t:?}");
    }
}

#[test]
fn moments_of_parameters_that_stand_still_become_zero_and_never_denormal() {
    let step = AdamStep {
        scale: 1.0,
        rate: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        correction: 1.0,
        epsilon: 1e-8,
    };
    let (mut p, mut m, mut v, mut w) = (
        vec![0.5f32; 20],
        vec![1e-3f32; 20],
        vec![1e-6f32; 20],
        vec![1e-6f32; 20],
    );
    for _ in 0..100_000 {
        adam(&mut p, &[0.0; 20], &mut m, &mut v, step);
        rms_prop(&mut p, &[0.0; 20], &mut w, 1.0, 1e-3, 0.99, 1e-5);
        assert!(m.iter().chain(&v).chain(&w).all(|x| *x == 0.0 || x.is_normal()));
    }
    assert!(m.iter().chain(&v).chain(&w).all(|x| *x == 0.0));
    adam(&mut p, &[f32::NAN; 20], &mut m, &mut v, step);
    assert!(m.iter().chain(&v).all(|x| x.is_nan()));
}

#[test]
fn rational_tanh_is_within_four_units_in_1e7_of_the_true_one() {
    for i in -100_000..=100_000 {
        let x = i as f32 * 1e-4;
        assert!((fast_tanh(x) as f64 - (x as f64).tanh()).abs() < 4e-7, "{x}");
    }
    assert!(fast_tanh(f32::NAN).is_nan());
    assert_eq!(fast_tanh(f32::INFINITY), fast_tanh(100.0));
}
