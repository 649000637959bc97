//! Maxima of one and of several variables in a box, without derivatives.
//!
//! One variable: Brent's method (1973, chapter 5: golden sections and parabolas), as a state machine
//! ([`BrentSearch`]) so that a solver can advance thousands of searches in step, one per lane. Several variables:
//! Nelder and Mead's simplex kept in the box, then cycles of Brent searches along the axes and along the sum of a
//! cycle's moves (Powell 1964), from several starts. Objectives may be minus infinity or NaN where infeasible.

/// Relative precision below which parabolas see only rounding: the square root of machine epsilon.
pub const SQRT_EPSILON: f64 = 1.490_116_119_384_765_6e-8;
const GOLDEN: f64 = 0.381_966_011_250_105_2;

/// One search for a maximum between two ends, advanced by its caller.
#[derive(Clone, Copy, Debug)]
pub struct BrentSearch {
    a: f64,
    b: f64,
    /// Best point so far.
    pub x: f64,
    /// Objective there.
    pub fx: f64,
    w: f64,
    fw: f64,
    v: f64,
    fv: f64,
    d: f64,
    e: f64,
    tolerance: f64,
}

fn clean(f: f64) -> f64 {
    if f.is_nan() { f64::NEG_INFINITY } else { f }
}

impl BrentSearch {
    /// A search in `[a, b]` from `x`, whose objective is `fx`; objectives at the ends help if known (else minus infinity).
    /// `tolerance` is absolute and added to the rounding floor.
    pub fn new(a: f64, fa: f64, b: f64, fb: f64, x: f64, fx: f64, tolerance: f64) -> Self {
        let (fa, fb) = (clean(fa), clean(fb));
        let (w, fw, v, fv) = if fa >= fb { (a, fa, b, fb) } else { (b, fb, a, fa) };
        let e = b - a;
        BrentSearch {
            a,
            b,
            x,
            fx: clean(fx),
            w,
            fw,
            v,
            fv,
            d: e,
            e,
            tolerance,
        }
    }

    /// The same search with a tolerance that is this many times as large.
    pub fn finer(&mut self, times: f64) {
        self.tolerance *= times;
    }

    /// The next point to evaluate, or `None` when the maximum is known.
    pub fn propose(&mut self) -> Option<f64> {
        let middle = 0.5 * (self.a + self.b);
        let tol = SQRT_EPSILON * self.x.abs() * 0.5 + self.tolerance;
        if !((self.x - middle).abs() > 2.0 * tol - 0.5 * (self.b - self.a)) {
            return None;
        }
        let mut golden = true;
        if self.e.abs() > tol {
            let r = (self.x - self.w) * (self.fx - self.fv);
            let mut q = (self.x - self.v) * (self.fx - self.fw);
            let mut p = (self.x - self.v) * q - (self.x - self.w) * r;
            q = 2.0 * (q - r);
            if q > 0.0 {
                p = -p;
            }
            q = q.abs();
            let before = self.e;
            if p.is_finite()
                && q.is_finite()
                && p.abs() < (0.5 * q * before).abs()
                && p > q * (self.a - self.x)
                && p < q * (self.b - self.x)
            {
                self.e = self.d;
                self.d = p / q;
                let u = self.x + self.d;
                if u - self.a < 2.0 * tol || self.b - u < 2.0 * tol {
                    self.d = tol.copysign(middle - self.x);
                }
                golden = false;
            }
        }
        if golden {
            self.e = if self.x >= middle {
                self.a - self.x
            } else {
                self.b - self.x
            };
            self.d = GOLDEN * self.e;
        }
        let step = if self.d.abs() >= tol {
            self.d
        } else {
            tol.copysign(self.d)
        };
        Some((self.x + step).clamp(self.a, self.b))
    }

    /// Takes the objective at the point that was proposed.
    pub fn observe(&mut self, u: f64, fu: f64) {
        let fu = clean(fu);
        if fu >= self.fx {
            if u >= self.x {
                self.a = self.x;
            } else {
                self.b = self.x;
            }
            (self.v, self.fv) = (self.w, self.fw);
            (self.w, self.fw) = (self.x, self.fx);
            (self.x, self.fx) = (u, fu);
            return;
        }
        if u < self.x {
            self.a = u;
        } else {
            self.b = u;
        }
        if fu >= self.fw || self.w == self.x {
            (self.v, self.fv) = (self.w, self.fw);
            (self.w, self.fw) = (u, fu);
        } else if fu >= self.fv || self.v == self.x || self.v == self.w {
            (self.v, self.fv) = (u, fu);
        }
    }
}

/// A local maximum of `f` in `[lo, hi]` (the global one if `f` has one peak) with its value; the ends are tried too.
pub fn brent(mut f: impl FnMut(f64) -> f64, lo: f64, hi: f64, tolerance: f64) -> (f64, f64) {
    let (f_lo, f_hi) = (clean(f(lo)), clean(f(hi)));
    let start = lo + GOLDEN * (hi - lo);
    let mut search = BrentSearch::new(lo, f_lo, hi, f_hi, start, f(start), tolerance);
    for _ in 0..200 {
        let Some(u) = search.propose() else { break };
        let fu = f(u);
        search.observe(u, fu);
    }
    let mut best = (search.x, search.fx);
    for end in [(lo, f_lo), (hi, f_hi)] {
        if end.1 > best.1 {
            best = end;
        }
    }
    best
}

/// Named limits of [`maximise`].
#[derive(Clone, Debug, PartialEq)]
pub struct BoxOptions {
    /// Absolute precision of the maximiser, relative to the width of the box.
    pub tolerance: f64,
    /// Most evaluations per start.
    pub evaluations: usize,
    /// Starts beside those given: a low-discrepancy sequence in the box.
    pub starts: usize,
}

impl Default for BoxOptions {
    fn default() -> Self {
        BoxOptions {
            tolerance: 1e-9,
            evaluations: 4000,
            starts: 4,
        }
    }
}

/// Writes the `i`-th point (from 0) of the additive recurrence based on the generalised golden ratio in `d` dimensions
/// (Roberts 2018) into `out`, one number per dimension: the points fill the unit box evenly, however many there are.
pub fn spread(i: usize, d: usize, out: &mut [f64]) {
    let mut ratio: f64 = 2.0;
    for _ in 0..60 {
        ratio = (1.0 + ratio).powf(1.0 / (d + 1) as f64);
    }
    let mut step = 1.0;
    for u in out.iter_mut().take(d) {
        step /= ratio;
        *u = (0.5 + step * (i + 1) as f64).fract();
    }
}

/// The best point found in the box and its value (minus infinity if the objective is nowhere finite). `lo`, `hi`, the
/// argument of `f`, each start in `given` and the result hold one number per dimension.
pub fn maximise(
    mut f: impl FnMut(&[f64]) -> f64,
    lo: &[f64],
    hi: &[f64],
    given: &[Vec<f64>],
    options: &BoxOptions,
) -> (Vec<f64>, f64) {
    let n = lo.len();
    let mut objective = |x: &[f64]| clean(f(x));
    if n == 0 {
        let value = objective(&[]);
        return (Vec::new(), value);
    }
    let mut starts: Vec<Vec<f64>> = given.to_vec();
    let mut unit = vec![0.0; n];
    for i in 0..options.starts.max(usize::from(given.is_empty())) {
        spread(i, n, &mut unit);
        starts.push((0..n).map(|d| lo[d] + unit[d] * (hi[d] - lo[d])).collect());
    }
    let mut best = (starts[0].clone(), f64::NEG_INFINITY);
    for start in starts {
        let (x, _) = nelder_mead(&mut objective, lo, hi, &start, options);
        let (x, value) = axis_cycles(&mut objective, lo, hi, x, options);
        if value > best.1 {
            best = (x, value);
        }
    }
    best
}

fn nelder_mead(
    f: &mut impl FnMut(&[f64]) -> f64,
    lo: &[f64],
    hi: &[f64],
    start: &[f64],
    options: &BoxOptions,
) -> (Vec<f64>, f64) {
    let n = lo.len();
    let inside = |x: Vec<f64>| -> Vec<f64> { (0..n).map(|d| x[d].max(lo[d]).min(hi[d])).collect() };
    let first = inside(start.to_vec());
    let mut simplex = vec![(first.clone(), f(&first))];
    for d in 0..n {
        let mut x = first.clone();
        let width = hi[d] - lo[d];
        x[d] += if x[d] + 0.15 * width <= hi[d] {
            0.15 * width
        } else {
            -0.15 * width
        };
        let value = f(&x);
        simplex.push((x, value));
    }
    let mut used = n + 1;
    while used < options.evaluations / 2 {
        simplex.sort_by(|a, b| b.1.total_cmp(&a.1));
        let spread = (0..n)
            .map(|d| (simplex[n].0[d] - simplex[0].0[d]).abs() / (hi[d] - lo[d]).max(f64::MIN_POSITIVE))
            .fold(0.0, f64::max);
        if spread < 1e-5 {
            break;
        }
        let centre: Vec<f64> = (0..n)
            .map(|d| simplex[..n].iter().map(|s| s.0[d]).sum::<f64>() / n as f64)
            .collect();
        let worst = simplex[n].clone();
        let along = |t: f64| inside((0..n).map(|d| centre[d] + t * (centre[d] - worst.0[d])).collect());
        let x = along(1.0);
        let value = f(&x);
        used += 1;
        if value > simplex[0].1 {
            let further = along(2.0);
            let more = f(&further);
            used += 1;
            simplex[n] = if more > value { (further, more) } else { (x, value) };
        } else if value > simplex[n - 1].1 {
            simplex[n] = (x, value);
        } else {
            let x = along(if value > worst.1 { 0.5 } else { -0.5 });
            let inner = f(&x);
            used += 1;
            if inner > worst.1.max(value) {
                simplex[n] = (x, inner);
            } else {
                let best = simplex[0].0.clone();
                for (x, value) in simplex.iter_mut().skip(1) {
                    for d in 0..n {
                        x[d] = 0.5 * (x[d] + best[d]);
                    }
                    *value = f(x);
                }
                used += n;
            }
        }
    }
    simplex.sort_by(|a, b| b.1.total_cmp(&a.1));
    simplex.swap_remove(0)
}

fn axis_cycles(
    f: &mut impl FnMut(&[f64]) -> f64,
    lo: &[f64],
    hi: &[f64],
    start: Vec<f64>,
    options: &BoxOptions,
) -> (Vec<f64>, f64) {
    let n = lo.len();
    let mut x = start;
    let mut value = f(&x);
    let mut used = 0;
    let mut radius = 0.05;
    while used < options.evaluations / 2 {
        let before = x.clone();
        let mut directions: Vec<Vec<f64>> = (0..n)
            .map(|d| (0..n).map(|k| if k == d { hi[d] - lo[d] } else { 0.0 }).collect())
            .collect();
        directions.push(Vec::new());
        for direction in directions {
            let direction: Vec<f64> = if direction.is_empty() {
                let width = |d: usize| (hi[d] - lo[d]).max(f64::MIN_POSITIVE);
                let longest = (0..n)
                    .map(|d| ((x[d] - before[d]) / width(d)).abs())
                    .fold(0.0, f64::max);
                if longest == 0.0 || n == 1 {
                    continue;
                }
                (0..n).map(|d| (x[d] - before[d]) / longest).collect()
            } else {
                direction
            };
            // How far the line runs inside the box, at most `radius` box widths.
            let (mut down, mut up) = (-radius, radius);
            for d in 0..n {
                if direction[d] != 0.0 {
                    let (a, b) = ((lo[d] - x[d]) / direction[d], (hi[d] - x[d]) / direction[d]);
                    down = f64::max(down, a.min(b)).min(0.0);
                    up = f64::min(up, a.max(b)).max(0.0);
                }
            }
            let origin = x.clone();
            let at = |t: f64| -> Vec<f64> {
                (0..n)
                    .map(|d| (origin[d] + t * direction[d]).max(lo[d]).min(hi[d]))
                    .collect()
            };
            let mut count = 0;
            let (t, best) = brent(
                |t| {
                    count += 1;
                    f(&at(t))
                },
                down,
                up,
                0.1 * options.tolerance,
            );
            used += count;
            if best > value {
                x = at(t);
                value = best;
            }
        }
        let moved = (0..n)
            .map(|d| (x[d] - before[d]).abs() / (hi[d] - lo[d]).max(f64::MIN_POSITIVE))
            .fold(0.0, f64::max);
        if moved < options.tolerance {
            break;
        }
        radius = (4.0 * moved).clamp(1e-6, 1.0);
    }
    (x, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brent_finds_interior_and_boundary_maxima() {
        let (x, v) = brent(|x| -(x - 0.3).powi(2) + 2.0, -1.0, 5.0, 1e-12);
        assert!((x - 0.3).abs() < 1e-7 && (v - 2.0).abs() < 1e-14);
        assert_eq!(brent(|x| x, 0.0, 2.0, 1e-12), (2.0, 2.0));
        let (x, _) = brent(|x| x.ln() - x, 0.0, 10.0, 1e-12);
        assert!((x - 1.0).abs() < 1e-7);
        // Feasible only above 1.25, decreasing there.
        let (x, _) = brent(|x| if x < 1.25 { f64::NAN } else { -x }, 0.0, 2.0, 1e-12);
        assert!((x - 1.25).abs() < 1e-6, "{x}");
        assert_eq!(brent(|_| f64::NAN, 0.0, 1.0, 1e-9).1, f64::NEG_INFINITY);
    }

    #[test]
    fn boxes_in_two_and_four_dimensions() {
        let rosenbrock = |x: &[f64]| -((1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2));
        let (x, v) = maximise(rosenbrock, &[-2.0, -2.0], &[2.0, 2.0], &[], &BoxOptions::default());
        assert!(v > -1e-7 && (x[0] - 1.0).abs() < 1e-3, "{x:?} {v}");
        let corner = |x: &[f64]| x[0] - (x[1] - 0.2).powi(2) - (x[2] - 0.7).powi(4) + x[3];
        let (x, _) = maximise(corner, &[0.0; 4], &[1.0; 4], &[], &BoxOptions::default());
        assert_eq!((x[0], x[3]), (1.0, 1.0));
        assert!((x[1] - 0.2).abs() < 1e-5);
        // Two peaks, the higher one small.
        let peaks = |x: &[f64]| (-(x[0] - 1.0).powi(2)).exp() + 1.5 * (-20.0 * (x[0] - 8.0).powi(2)).exp();
        let (x, _) = maximise(
            peaks,
            &[0.0],
            &[10.0],
            &[],
            &BoxOptions {
                starts: 40,
                ..Default::default()
            },
        );
        assert!((x[0] - 8.0).abs() < 1e-4);
    }

    #[test]
    fn spread_points_fill_the_box() {
        let mut cells = [0; 16];
        let mut u = [0.0; 2];
        for i in 0..160 {
            spread(i, 2, &mut u);
            cells[(u[0] * 4.0) as usize * 4 + (u[1] * 4.0) as usize] += 1;
        }
        assert!(cells.iter().all(|&c| (7..=13).contains(&c)), "{cells:?}");
    }

    #[test]
    fn cycles_along_axes_climb_what_is_no_sum() {
        let mut f = |x: &[f64]| -(x[0] - 0.3).powi(2) - (x[1] - 0.7).powi(2) - 0.5 * x[0] * x[1];
        let options = BoxOptions {
            evaluations: 2000,
            starts: 1,
            tolerance: 1e-8,
        };
        let (x, _) = axis_cycles(&mut f, &[0.0, 0.0], &[1.0, 1.0], vec![0.9, 0.1], &options);
        assert!(
            (x[0] - 2.0 / 15.0).abs() < 1e-4 && (x[1] - 2.0 / 3.0).abs() < 1e-4,
            "{x:?}"
        );
    }
}
