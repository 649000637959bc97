//! Safeguarded root finding for many lanes at once: `price p clears a == b`.
//!
//! One unknown: the bracket is scanned for sign changes, and roots are separated from jumps and poles (`root/one.rs`). Several unknowns: Newton's method with step halving from
//! the middle of the brackets; lanes on which it fails go through nonlinear Gauss-Seidel with the one-unknown method.
//! Every lane decides for itself when it is done, so results do not depend on which lanes share a call.
//!
//! A lane reports how it ended ([`ONE`], [`SEVERAL`], [`NONE`], [`UNSETTLED`], in the order of how bad it is, so that the worst
//! of several is the largest) and always gets a number: the first root, or where the residual was smallest.

mod dips;
mod one;

use super::math::Real;
use one::{OneScratch, one_unknown};

/// One root was found; for one unknown, the scan shows no other.
pub const ONE: f64 = 0.0;
/// Several sign changes, or a stretch of roots: the value is the first root.
pub const SEVERAL: f64 = 1.0;
/// No sign change in the bracket: the value is where the residual was smallest.
pub const NONE: f64 = 2.0;
/// The sign changes in a jump, or the iteration did not settle.
pub const UNSETTLED: f64 = 3.0;

const CELLS: usize = 32;
const NEWTON_ROUNDS: usize = 120;
const SWEEPS: usize = 300;

/// A system to solve in `n` lanes. Arrays are unknown-major: entry `u * n + lane`.
pub trait System<T> {
    /// Residuals at `x` into `f`; both unknowns x lanes (as many equations as unknowns).
    fn residuals(&mut self, x: &[T], f: &mut [T]);
    /// Residuals into `f` and their derivatives into `j`: equations x unknowns x lanes, entry `(equation * unknowns +
    /// unknown) * n + lane`.
    fn with_jacobian(&mut self, x: &[T], f: &mut [T], j: &mut [T]);
}

/// Memory of a solve, kept between calls.
#[derive(Clone, Debug, Default)]
pub struct Scratch<T> {
    one: OneScratch<T>,
    f: Vec<T>,
    j: Vec<T>,
    trial: Vec<T>,
    step: Vec<T>,
    merit: Vec<T>,
    length: Vec<T>,
    full: Vec<T>,
    column: Vec<T>,
    done: Vec<bool>,
    matrix: Vec<T>,
    lane_status: Vec<T>,
}

fn refill<T: Copy>(v: &mut Vec<T>, n: usize, x: T) {
    v.clear();
    v.resize(n, x);
}

/// Solves in `n` lanes: `lo`, `hi` (ends of the brackets) and `x` (the solutions) are unknowns x lanes, entry `u * n +
/// lane`; `status` is one number per lane, of those above.
pub fn solve<T: Real>(
    unknowns: usize,
    n: usize,
    lo: &[T],
    hi: &[T],
    system: &mut dyn System<T>,
    x: &mut [T],
    status: &mut [T],
    s: &mut Scratch<T>,
) {
    if unknowns == 1 {
        one_unknown(n, lo, hi, &mut |x, f| system.residuals(x, f), x, status, &mut s.one);
    } else if unknowns > 1 {
        several(unknowns, n, lo, hi, system, x, status, s);
    }
}

/// Point number `k` of a scan of `cells` cells.
fn scan_point<T: Real>(lo: T, hi: T, k: usize, cells: usize) -> T {
    let c = T::from_f64;
    let share = k as f64 / cells as f64;
    let u = c(share);
    if k == 0 && lo.finite() {
        return lo;
    }
    if k == cells && hi.finite() {
        return fault!("market.half_bracket", lo + (hi - lo) * c(0.5), hi);
    }
    match (lo.finite(), hi.finite()) {
        // A bracket over orders of magnitude is scanned in logarithms.
        (true, true) if lo > T::ZERO && hi > lo * c(50.0) => (lo.ln() + (hi.ln() - lo.ln()) * u).exp(),
        (true, true) => lo + (hi - lo) * fault!("market.half_bracket", u * c(0.5), u),
        // Infinite ends: geometrically outwards, from 2^-32 to 2^64 beyond the finite end.
        (true, false) => lo + c(2f64.powf(96.0 * share - 32.0)),
        (false, true) => hi - c(2f64.powf(96.0 * (1.0 - share) - 32.0)),
        (false, false) => {
            let d = 2.0 * share - 1.0;
            c(if d == 0.0 {
                0.0
            } else {
                d.signum() * 2f64.powf(96.0 * d.abs() - 32.0)
            })
        }
    }
}

fn middle<T: Real>(lo: T, hi: T) -> T {
    scan_point(lo, hi, CELLS / 2, CELLS)
}

fn several<T: Real>(
    m: usize,
    n: usize,
    lo: &[T],
    hi: &[T],
    system: &mut dyn System<T>,
    x: &mut [T],
    status: &mut [T],
    s: &mut Scratch<T>,
) {
    let c = T::from_f64;
    refill(&mut s.f, m * n, T::ZERO);
    refill(&mut s.j, m * m * n, T::ZERO);
    refill(&mut s.step, m * n, T::ZERO);
    refill(&mut s.merit, n, T::INFINITY);
    refill(&mut s.length, n, T::ONE);
    refill(&mut s.done, n, false);
    for e in 0..m * n {
        x[e] = middle(lo[e], hi[e]);
    }
    s.trial.clear();
    s.trial.extend_from_slice(x);
    for v in status.iter_mut() {
        *v = c(UNSETTLED);
    }
    let mut failed = false;
    let mut left = n;
    for _ in 0..NEWTON_ROUNDS {
        if left == 0 {
            break;
        }
        system.with_jacobian(&s.trial, &mut s.f, &mut s.j);
        let mut suspects = Vec::new();
        for i in 0..n {
            if s.done[i] {
                continue;
            }
            let mut merit = T::ZERO;
            for u in 0..m {
                merit = merit + s.f[u * n + i] * s.f[u * n + i];
            }
            let small_step = (0..m).all(|u| {
                s.step[u * n + i].abs() <= c(1e3) * T::EPSILON * super::math::max(x[u * n + i].abs(), c(1e-30))
            });
            let first = s.merit[i] == T::INFINITY;
            let accepted = merit < s.merit[i] || (first && merit == merit);
            if !accepted {
                if !first && small_step {
                    // Rounding level: no better point can be found, unless it is an end of the bracket that keeps the step
                    // small.
                    s.done[i] = true;
                    left -= 1;
                    suspects.push(i);
                } else if first || s.length[i] < c(1e-6) || merit == s.merit[i] {
                    s.done[i] = true;
                    left -= 1;
                    failed = true;
                } else {
                    s.length[i] = s.length[i] * c(0.5);
                    for u in 0..m {
                        let e = u * n + i;
                        s.trial[e] = x[e] + s.length[i] * s.step[e];
                    }
                }
                continue;
            }
            s.merit[i] = merit;
            s.length[i] = T::ONE;
            for u in 0..m {
                x[u * n + i] = s.trial[u * n + i];
            }
            if fault!("market.newton_stops", true, merit == T::ZERO) {
                s.done[i] = true;
                left -= 1;
                status[i] = c(ONE);
                continue;
            }
            if !newton_step(m, n, i, &s.f, &s.j, &mut s.step, &mut s.matrix) {
                s.done[i] = true;
                left -= 1;
                failed = true;
                continue;
            }
            let mut settled = true;
            for u in 0..m {
                let e = u * n + i;
                let mut t = x[e] + s.step[e];
                // Stay inside the bracket: at most nine tenths of the way to its end.
                if t < lo[e] {
                    t = x[e] + c(0.9) * (lo[e] - x[e]);
                }
                if t > hi[e] {
                    t = x[e] + c(0.9) * (hi[e] - x[e]);
                }
                s.step[e] = t - x[e];
                s.trial[e] = t;
                settled &= s.step[e].abs() <= c(2.0) * T::EPSILON * super::math::max(x[e].abs(), c(1e-30));
            }
            if settled {
                s.done[i] = true;
                left -= 1;
                // A vanishing step against the end of a bracket is not a root.
                let inside = (0..m).all(|u| {
                    let e = u * n + i;
                    x[e] >= lo[e] && x[e] <= hi[e]
                });
                let small = newton_is_small(m, n, i, &s.f, &s.j, x, &mut s.full, &mut s.matrix);
                if inside && small {
                    status[i] = c(ONE);
                } else {
                    failed = true;
                }
            }
        }
        if !suspects.is_empty() {
            system.with_jacobian(x, &mut s.f, &mut s.j);
        }
        for i in suspects {
            if newton_is_small(m, n, i, &s.f, &s.j, x, &mut s.full, &mut s.matrix) {
                status[i] = c(ONE);
            } else {
                failed = true;
            }
        }
    }
    if left > 0 || failed {
        gauss_seidel(m, n, lo, hi, system, x, status, s);
    }
}

/// Whether the full, unclipped Newton step at `x` is at rounding level.
fn newton_is_small<T: Real>(
    m: usize,
    n: usize,
    lane: usize,
    f: &[T],
    j: &[T],
    x: &[T],
    step: &mut Vec<T>,
    matrix: &mut Vec<T>,
) -> bool {
    refill(step, m * n, T::ZERO);
    newton_step(m, n, lane, f, j, step, matrix)
        && (0..m).all(|u| {
            let e = u * n + lane;
            step[e].abs() <= T::from_f64(1e4) * T::EPSILON * super::math::max(x[e].abs(), T::from_f64(1e-30))
        })
}

/// Solves `J step = -f` in one lane by elimination with row exchange; `false` if the matrix is singular.
fn newton_step<T: Real>(
    m: usize,
    n: usize,
    lane: usize,
    f: &[T],
    j: &[T],
    step: &mut [T],
    matrix: &mut Vec<T>,
) -> bool {
    let width = m + 1;
    matrix.clear();
    for row in 0..m {
        for col in 0..m {
            matrix.push(j[(row * m + col) * n + lane]);
        }
        matrix.push(-f[row * n + lane]);
    }
    for k in 0..m {
        let mut pivot = k;
        for row in k + 1..m {
            if matrix[row * width + k].abs() > matrix[pivot * width + k].abs() {
                pivot = row;
            }
        }
        let p = matrix[pivot * width + k];
        if !(p.abs() > T::ZERO) || !p.finite() {
            return false;
        }
        if pivot != k {
            for col in 0..width {
                matrix.swap(pivot * width + col, k * width + col);
            }
        }
        for row in k + 1..m {
            let factor = matrix[row * width + k] / p;
            if factor != T::ZERO {
                for col in k..width {
                    matrix[row * width + col] = matrix[row * width + col] - factor * matrix[k * width + col];
                }
            }
        }
    }
    for k in (0..m).rev() {
        let mut v = matrix[k * width + m];
        for col in k + 1..m {
            v = v - matrix[k * width + col] * step[col * n + lane];
        }
        let v = v / matrix[k * width + k];
        if !v.finite() {
            return false;
        }
        step[k * n + lane] = v;
    }
    true
}

/// Each equation for its own unknown in turn, on the lanes whose status is [`UNSETTLED`].
fn gauss_seidel<T: Real>(
    m: usize,
    n: usize,
    lo: &[T],
    hi: &[T],
    system: &mut dyn System<T>,
    x: &mut [T],
    status: &mut [T],
    s: &mut Scratch<T>,
) {
    let c = T::from_f64;
    refill(&mut s.done, n, false);
    for i in 0..n {
        s.done[i] = status[i] != c(UNSETTLED);
        if !s.done[i] {
            for u in 0..m {
                x[u * n + i] = middle(lo[u * n + i], hi[u * n + i]);
            }
        }
    }
    refill(&mut s.column, n, T::ZERO);
    refill(&mut s.lane_status, n, T::ZERO);
    refill(&mut s.merit, n, T::ZERO);
    refill(&mut s.length, n, T::ZERO);
    for _ in 0..SWEEPS {
        for i in 0..n {
            s.merit[i] = T::ZERO; // largest relative move
            s.length[i] = c(ONE); // worst status
        }
        for u in 0..m {
            s.trial.clear();
            s.trial.extend_from_slice(x);
            let (trial, f) = (&mut s.trial, &mut s.f);
            let mut along = |v: &[T], out: &mut [T]| {
                for i in 0..n {
                    if !s.done[i] {
                        trial[u * n + i] = v[i];
                    }
                }
                system.residuals(trial, f);
                out.copy_from_slice(&f[u * n..(u + 1) * n]);
            };
            let here = u * n..(u + 1) * n;
            one_unknown(
                n,
                &lo[here.clone()],
                &hi[here],
                &mut along,
                &mut s.column,
                &mut s.lane_status,
                &mut s.one,
            );
            for i in 0..n {
                if s.done[i] {
                    continue;
                }
                let e = u * n + i;
                let size = super::math::max(s.column[i].abs(), c(1e-30));
                s.merit[i] = super::math::max(s.merit[i], (s.column[i] - x[e]).abs() / size);
                x[e] = s.column[i];
                s.length[i] = super::math::max(s.length[i], s.lane_status[i]);
            }
        }
        let mut left = false;
        for i in 0..n {
            if !s.done[i] && s.merit[i] <= c(64.0) * T::EPSILON {
                s.done[i] = true;
                status[i] = s.length[i];
            }
            left |= !s.done[i];
        }
        if !left {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain<F, J>(F, J);
    impl<F: FnMut(&[f64], &mut [f64]), J: FnMut(&[f64], &mut [f64])> System<f64> for Plain<F, J> {
        fn residuals(&mut self, x: &[f64], f: &mut [f64]) {
            (self.0)(x, f)
        }
        fn with_jacobian(&mut self, x: &[f64], f: &mut [f64], j: &mut [f64]) {
            (self.0)(x, f);
            (self.1)(x, j)
        }
    }
    fn one(lo: &[f64], hi: &[f64], f: impl Fn(usize, f64) -> f64) -> (Vec<f64>, Vec<f64>) {
        let n = lo.len();
        let (mut x, mut status) = (vec![0.0; n], vec![0.0; n]);
        let mut calls = 0;
        let mut system = Plain(
            |x: &[f64], out: &mut [f64]| {
                calls += 1;
                (0..n).for_each(|i| out[i] = f(i, x[i]))
            },
            |_: &[f64], _: &mut [f64]| (),
        );
        solve(1, n, lo, hi, &mut system, &mut x, &mut status, &mut Scratch::default());
        assert!(calls < 1000, "{calls} evaluations");
        (x, status)
    }

    /// Full steps leave these far behind the root, and one equation after the other drives both to the ends of their brackets.
    #[test]
    fn steps_are_halved_until_they_help() {
        let u = |x: &[f64]| [x[0] + 2.0 * x[1] - 3.0, 2.0 * x[0] + x[1] - 3.0];
        let mut system = Plain(
            |x: &[f64], f: &mut [f64]| f.copy_from_slice(&u(x).map(f64::atan)),
            |x: &[f64], j: &mut [f64]| {
                let [a, b] = u(x).map(|u| 1.0 / (1.0 + u * u));
                j.copy_from_slice(&[a, 2.0 * a, 2.0 * b, b]);
            },
        );
        let (mut x, mut status) = ([0.0; 2], [0.0]);
        let (lo, hi) = ([-40.0; 2], [60.0; 2]);
        solve(
            2,
            1,
            &lo,
            &hi,
            &mut system,
            &mut x,
            &mut status,
            &mut Scratch::default(),
        );
        assert_eq!(status, [ONE]);
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 1.0).abs() < 1e-12, "{x:?}");
    }

    #[test]
    fn each_lane_ends_by_itself_with_its_own_verdict() {
        let inf = f64::INFINITY;
        let (x, status) = one(
            &[0.0, 0.0, 0.0, 0.01, 0.0, -1.0, -inf, 0.0],
            &[2.0, 1.0, 6.0, 100.0, inf, 1.0, inf, 3.0],
            |i, x| match i {
                0 => x * x - 2.0,
                1 => x + 1.0,
                2 => (x - 1.1) * (x - 2.3) * (x - 4.7),
                3 => 1.0 / x - x.ln(),
                4 => 5.0 / x - 0.002 * x,
                5 => 1.0 / x,
                6 => x.powi(3) + 27.0,
                _ => x,
            },
        );
        let expected = [2f64.sqrt(), 0.0, 1.1, 1.763222834351897, 50.0, 0.0, -3.0, 0.0];
        for i in 0..8 {
            assert!(
                (x[i] - expected[i]).abs() < 1e-14 * expected[i].abs().max(0.1),
                "lane {i}: {}",
                x[i]
            );
        }
        assert_eq!(status, [ONE, NONE, SEVERAL, ONE, ONE, UNSETTLED, ONE, ONE]);
    }

    #[test]
    fn what_is_no_root_says_so_and_what_is_one_up_to_rounding_too() {
        let inf = f64::INFINITY;
        let ends: [(f64, f64); 10] = [
            (0.0, 10.0),
            (0.1, 10.0),
            (0.0, 10.0),
            (0.0, 1.0),
            (1e-12, inf),
            (0.0, 10.0),
            (0.0, 8.0),
            (1e-12, inf),
            (0.0, 10.0),
            (0.0, 10.0),
        ];
        let (lo, hi): (Vec<f64>, Vec<f64>) = ends.into_iter().unzip();
        let (x, status) = one(&lo, &hi, |i, x| match i {
            0 => (if x > 3.0 { 1.0 } else { -1.0 }) * 1.7,  // jumps over zero
            1 => 50.0 - x,                                  // no price in the bracket
            2 => 0.0 * x,                                   // any price
            3 => (x - 0.701) * (x - 0.706),                 // two roots in one cell of the scan
            4 => 4e6 / x - 1.0,                             // far out
            5 => x * (0.0 - 1.0_f64).sqrt(),                // nowhere a number
            6 => (x - 5.0) + 1e-16,                         // a root beside a point of the scan
            7 => 1e-9 / x - 1.0,                            // close to zero
            8 => (if x < 4.0 { 1e-4 } else { -1e3 }) * 1.0, // a small jump beside a large one
            _ => x + 1e-15,                                 // an end of the bracket, up to rounding
        });
        assert_eq!(
            status,
            [UNSETTLED, NONE, SEVERAL, SEVERAL, ONE, NONE, ONE, ONE, UNSETTLED, ONE]
        );
        assert!((x[4] / 4e6 - 1.0).abs() < 1e-12 && (x[7] / 1e-9 - 1.0).abs() < 1e-12);
        assert!((x[3] - 0.701).abs() < 1e-12 && (x[6] - 5.0).abs() < 1e-12 && x[9] == 0.0);
    }

    #[test]
    fn poles_and_jumps_are_passed_over_and_what_touches_zero_is_a_root() {
        let pi = std::f64::consts::PI;
        let n = 9;
        let (lo, hi) = (vec![0.0; n], vec![10.0; n]);
        let (x, status) = one(&lo, &hi, |i, x| match i {
            0 => (x - 3.0) * (x - 3.0),                                      // touches zero
            1 => x * x - 6.0 * x + 9.0,                                      // the same, as a sum that cancels
            2 => (x - 3.0) * (x - 3.0) + 1e-6,                               // comes close
            3 => 1.0 / (x - 3.1) + 0.5,                                      // a pole, and a root before it
            4 => 1.0 / (x - 3.1) - 0.5,                                      // a pole, and a root behind it
            5 => (50.0 * x).sin() + 0.0 * x,                                 // many roots
            6 => (if x < 2.0 { -1.0 } else { 1.0 }) * (x - 7.0).abs() - 0.5, // a jump, then two roots
            7 => (x + 0.5).tan(),                                            // poles and roots in turn
            _ => 1.0 / (x - 3.1) - 1e-3,                                     // a pole, and no root
        });
        assert_eq!(status, [ONE, ONE, NONE, ONE, ONE, SEVERAL, SEVERAL, SEVERAL, UNSETTLED]);
        for (i, root) in [
            (0, 3.0),
            (1, 3.0),
            (3, 1.1),
            (4, 5.1),
            (5, 0.0),
            (6, 6.5),
            (7, pi - 0.5),
        ] {
            assert!((x[i] - root).abs() < 1e-6, "{i}: {} for {root}", x[i]);
        }
    }

    /// Demand that swings with the price: two roots may stand closer than the points of the scan, below another one that is seen.
    #[test]
    fn the_lowest_root_is_found_though_the_scan_sees_only_a_higher_one() {
        let n = 300;
        let key = crate::num::random::Key::new(11, 0);
        let between = |i: usize, which: u64, lo: f64, hi: f64| lo + (hi - lo) * key.uniform(which, i as u64);
        let laws: Vec<[f64; 4]> = (0..n)
            .map(|i| {
                [
                    between(i, 0, 2.0, 12.0),
                    between(i, 1, 0.2, 1.5),
                    between(i, 2, 0.5, 3.0),
                    between(i, 3, 0.0, 6.0),
                ]
            })
            .collect();
        let f = |i: usize, x: f64| {
            let [level, slope, speed, phase] = laws[i];
            level - slope * x + 3.0 * (speed * x + phase).sin()
        };
        let (x, status) = one(&vec![0.0; n], &vec![14.0; n], f);
        // A scan of its own, two hundred times as fine.
        let (mut unseen, mut several) = (0, 0);
        for i in 0..n {
            let at = |cells: usize| {
                let mut found: Vec<f64> = Vec::new();
                for k in 0..cells {
                    let [a, b] = [k, k + 1].map(|k| 14.0 * k as f64 / cells as f64);
                    if (f(i, a) < 0.0) != (f(i, b) < 0.0) {
                        found.push(a);
                    }
                }
                found
            };
            let (fine, coarse) = (at(64_000), at(CELLS));
            let Some(lowest) = fine.first() else {
                assert_eq!(status[i], NONE, "{:?}", laws[i]);
                continue;
            };
            unseen += usize::from(coarse.first().is_some_and(|x| x - lowest > 14.0 / CELLS as f64));
            several += usize::from(fine.len() > 1);
            assert!((x[i] - lowest).abs() < 3e-4, "{:?}: {} for {lowest}", laws[i], x[i]);
            assert_eq!(status[i] == SEVERAL, fine.len() > 1, "{:?}", laws[i]);
        }
        assert!(unseen > 3 && several > 50, "{unseen} of {several}");
    }

    #[test]
    fn a_system_without_a_root_is_not_solved_at_the_end_of_its_bracket() {
        // Both residuals shrink towards the upper ends and never vanish.
        let f = |x: &[f64], out: &mut [f64]| {
            out[0] = 1.0 + 1.0 / x[0] + 0.1 * x[1];
            out[1] = 2.0 + 1.0 / x[1] + 0.1 * x[0];
        };
        let j = |x: &[f64], out: &mut [f64]| {
            out.copy_from_slice(&[-x[0].powi(-2), 0.1, 0.1, -x[1].powi(-2)]);
        };
        let (mut x, mut status) = (vec![0.0; 2], vec![9.0]);
        solve(
            2,
            1,
            &[0.1, 0.1],
            &[2.0, 2.0],
            &mut Plain(f, j),
            &mut x,
            &mut status,
            &mut Scratch::default(),
        );
        assert!(status[0] >= NONE, "{status:?} at {x:?}");
    }

    #[test]
    fn systems_go_through_newton_or_gauss_seidel() {
        // Two goods, linear demand with cross effects: the exact solution is known.
        let n = 3;
        let f = |x: &[f64], out: &mut [f64]| {
            for i in 0..n {
                let (p, q) = (x[i], x[n + i]);
                out[i] = 10.0 + i as f64 - 2.0 * p + 0.5 * q - p;
                out[n + i] = 8.0 - 3.0 * q + p - q;
            }
        };
        let j = |_: &[f64], out: &mut [f64]| {
            for i in 0..n {
                out[i] = -3.0;
                out[n + i] = 0.5;
                out[2 * n + i] = 1.0;
                out[3 * n + i] = -4.0;
            }
        };
        let broken = |_: &[f64], out: &mut [f64]| out.fill(f64::NAN);
        let mut by_newton = vec![0.0; 2 * n];
        let mut by_sweeps = vec![0.0; 2 * n];
        let mut status = vec![9.0; n];
        let (lo, hi) = (vec![0.0; 2 * n], vec![100.0; 2 * n]);
        let mut scratch = Scratch::default();
        solve(
            2,
            n,
            &lo,
            &hi,
            &mut Plain(f, j),
            &mut by_newton,
            &mut status,
            &mut scratch,
        );
        assert_eq!(status, [ONE; 3]);
        solve(
            2,
            n,
            &lo,
            &hi,
            &mut Plain(f, broken),
            &mut by_sweeps,
            &mut status,
            &mut scratch,
        );
        assert_eq!(status, [ONE; 3]);
        for i in 0..n {
            let p = (10.0 + i as f64 + 0.5 * 2.0) / (3.0 - 0.125);
            let q = (8.0 + p) / 4.0;
            for x in [&by_newton, &by_sweeps] {
                assert!((x[i] - p).abs() < 1e-13 && (x[n + i] - q).abs() < 1e-13);
            }
        }
        // Curved, with a start from which the full step overshoots.
        let f = |x: &[f64], out: &mut [f64]| {
            out[0] = x[0].exp() - 2.0 + x[1] * 0.1;
            out[1] = x[1].powi(3) - 8.0 + x[0] * 0.01;
        };
        let j = |x: &[f64], out: &mut [f64]| {
            out.copy_from_slice(&[x[0].exp(), 0.1, 0.01, 3.0 * x[1] * x[1]]);
        };
        let (mut x, mut status) = (vec![0.0; 2], vec![9.0]);
        solve(
            2,
            1,
            &[-20.0, 0.1],
            &[20.0, 50.0],
            &mut Plain(f, j),
            &mut x,
            &mut status,
            &mut scratch,
        );
        let mut out = [0.0; 2];
        f(&x, &mut out);
        assert_eq!(status, [ONE]);
        assert!(out[0].abs() < 1e-14 && out[1].abs() < 1e-13, "{out:?}");
    }
}
