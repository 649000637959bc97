//! Smooth functions of a few variables as polynomials: products of Chebyshev polynomials through values at Chebyshev's extrema.
//!
//! For functions without kinks the error falls exponentially in the number of nodes, and slopes are nearly as exact as values
//! (Trefethen 2013, *Approximation Theory and Approximation Practice*). An axis may run in the log of its variable. Outside its range
//! a function goes on as its parabola at the edge, so that what was concave stays so.

/// One axis: its ends in units of the variable, whether it runs in the log, and how many nodes it has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// Polynomials of the log of the variable.
    pub log: bool,
    /// Number of nodes, two at least.
    pub nodes: usize,
}

impl Range {
    /// Where a variable lies, in [-1, 1] inside the range; not a number where it has no log.
    pub fn place(&self, x: f64) -> f64 {
        let (lo, hi, x) = if self.log {
            (self.lo.ln(), self.hi.ln(), if x > 0.0 { x.ln() } else { f64::NAN })
        } else {
            (self.lo, self.hi, x)
        };
        (2.0 * x - lo - hi) / (hi - lo)
    }

    /// How fast the place moves with the variable at `x`.
    pub fn slope(&self, x: f64) -> f64 {
        if self.log {
            2.0 / ((self.hi.ln() - self.lo.ln()) * x)
        } else {
            2.0 / (self.hi - self.lo)
        }
    }

    /// Node `i`, ascending from the lower end to the upper one.
    pub fn node(&self, i: usize) -> f64 {
        let u = -(std::f64::consts::PI * i as f64 / (self.nodes - 1) as f64).cos();
        let (lo, hi) = if self.log {
            (self.lo.ln(), self.hi.ln())
        } else {
            (self.lo, self.hi)
        };
        let x = 0.5 * (lo + hi + u * (hi - lo));
        match i {
            0 => self.lo,
            i if i + 1 == self.nodes => self.hi,
            _ if self.log => x.exp(),
            _ => x,
        }
    }
}

/// A product of axes, the last fastest, and what turns values at its nodes into coefficients.
#[derive(Clone, Debug)]
pub struct Chebyshev {
    axes: Vec<Range>,
    /// For each axis nodes x nodes, row-major: coefficients from values.
    transform: Vec<Vec<f64>>,
}

/// What the polynomials of each axis, and their slopes, are at one point.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    value: Vec<Vec<f64>>,
    slope: Vec<Vec<f64>>,
    /// Whether the point lies outside a range.
    pub outside: bool,
}

impl Chebyshev {
    /// `None` for an axis without two ascending ends (positive ones in logs), or with fewer than two nodes.
    pub fn new(axes: Vec<Range>) -> Option<Chebyshev> {
        let fine =
            |r: &Range| r.nodes >= 2 && r.lo.is_finite() && r.hi.is_finite() && r.lo < r.hi && (!r.log || r.lo > 0.0);
        if !axes.iter().all(fine) {
            return None;
        }
        let transform = axes.iter().map(|r| transform(r.nodes)).collect();
        Some(Chebyshev { axes, transform })
    }

    /// The axes.
    pub fn axes(&self) -> &[Range] {
        &self.axes
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.axes.iter().map(|r| r.nodes).product()
    }

    /// Whether there is no node: never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The nodes, `[axis][node]`.
    pub fn nodes(&self) -> Vec<Vec<f64>> {
        let (total, mut inner) = (self.len(), self.len());
        self.axes
            .iter()
            .map(|r| {
                inner /= r.nodes;
                (0..total).map(|k| r.node(k / inner % r.nodes)).collect()
            })
            .collect()
    }

    /// Coefficients of the polynomial through values at the nodes; both have one number per node.
    pub fn fit(&self, values: &[f64]) -> Vec<f64> {
        let mut out = values.to_vec();
        let mut inner = self.len();
        for (r, t) in self.axes.iter().zip(&self.transform) {
            let n = r.nodes;
            inner /= n;
            let mut line = vec![0.0; n];
            for outer in (0..out.len()).step_by(n * inner) {
                for i in outer..outer + inner {
                    for (k, l) in line.iter_mut().enumerate() {
                        *l = (0..n).map(|j| t[k * n + j] * out[i + j * inner]).sum();
                    }
                    line.iter().enumerate().for_each(|(k, l)| out[i + k * inner] = *l);
                }
            }
        }
        out
    }

    /// The polynomials at a point, one number per axis in units of the variable.
    pub fn basis(&self, x: &[f64], basis: &mut Basis) {
        basis.value.resize(self.axes.len(), Vec::new());
        basis.slope.resize(self.axes.len(), Vec::new());
        basis.outside = false;
        for (d, r) in self.axes.iter().enumerate() {
            let u = r.place(x[d]);
            let edge = u.clamp(-1.0, 1.0);
            basis.outside |= (u - edge).abs() > 1e-9;
            let (value, slope) = (&mut basis.value[d], &mut basis.slope[d]);
            value.clear();
            slope.clear();
            let (mut t, mut s) = ((1.0, edge), (0.0, 1.0));
            let beyond = u - edge;
            for k in 0..r.nodes {
                if beyond == 0.0 {
                    value.push(t.0);
                    slope.push(s.0);
                } else {
                    // Outside, every polynomial goes on as its parabola at the edge.
                    let square = (k * k) as f64;
                    let bend = square * (square - 1.0) / 3.0 * t.0;
                    value.push(t.0 + beyond * (s.0 + 0.5 * beyond * bend));
                    slope.push(s.0 + beyond * bend);
                }
                let next = 2.0 * edge * t.1 - t.0;
                let next_slope = 2.0 * t.1 + 2.0 * edge * s.1 - s.0;
                t = (t.1, next);
                s = (s.1, next_slope);
            }
        }
    }

    /// The value at a point, `coefficients` being one per basis function.
    pub fn value(&self, coefficients: &[f64], basis: &Basis) -> f64 {
        self.contract(coefficients, basis, usize::MAX, 0)
    }

    /// The slope along each axis at the point `x`, in units of the variables; one number per axis.
    pub fn gradient(&self, coefficients: &[f64], basis: &Basis, x: &[f64], out: &mut [f64]) {
        for (d, r) in self.axes.iter().enumerate() {
            out[d] = self.contract(coefficients, basis, d, 0) * r.slope(x[d]);
        }
    }

    /// The value at the point `x` with the slope along each axis, as [`Chebyshev::value`] and [`Chebyshev::gradient`] give them.
    pub fn value_and_gradient(&self, coefficients: &[f64], basis: &Basis, x: &[f64], out: &mut [f64]) -> f64 {
        let [first, last] = self.axes.as_slice() else {
            self.gradient(coefficients, basis, x, out);
            return self.value(coefficients, basis);
        };
        let (mut value, mut along_first, mut along_last) = (0.0, 0.0, 0.0);
        let rows = coefficients.chunks_exact(last.nodes);
        for ((row, v), s) in rows.zip(&basis.value[0]).zip(&basis.slope[0]) {
            let (mut of_value, mut of_slope) = (0.0, 0.0);
            for ((c, v), s) in row.iter().zip(&basis.value[1]).zip(&basis.slope[1]) {
                of_value += c * v;
                of_slope += c * s;
            }
            value += v * of_value;
            along_first += s * of_value;
            along_last += v * of_slope;
        }
        out[0] = along_first * first.slope(x[0]);
        out[1] = along_last * last.slope(x[1]);
        value
    }

    fn contract(&self, c: &[f64], basis: &Basis, slope_of: usize, d: usize) -> f64 {
        if d == self.axes.len() {
            return c.first().copied().unwrap_or(f64::NAN);
        }
        let weights = if d == slope_of {
            &basis.slope[d]
        } else {
            &basis.value[d]
        };
        if d + 1 == self.axes.len() {
            return c.iter().zip(weights).map(|(c, w)| c * w).sum();
        }
        let inner = c.len() / self.axes[d].nodes;
        c.chunks_exact(inner)
            .zip(weights)
            .map(|(part, w)| w * self.contract(part, basis, slope_of, d + 1))
            .sum()
    }
}

/// Coefficients from values at `n` extrema, ascending: the cosine transform.
fn transform(n: usize) -> Vec<f64> {
    let last = n - 1;
    let half = |k: usize| if k == 0 || k == last { 0.5 } else { 1.0 };
    let mut out = vec![0.0; n * n];
    for k in 0..n {
        for j in 0..n {
            // Node j is -cos(pi j / last) = cos(pi (last - j) / last).
            let angle = std::f64::consts::PI * (k * (last - j)) as f64 / last as f64;
            out[k * n + j] = 2.0 / last as f64 * half(k) * half(j) * angle.cos();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Chebyshev {
        let range = |lo, hi, log, nodes| Range { lo, hi, log, nodes };
        Chebyshev::new(vec![range(-1.0, 3.0, false, 14), range(0.5, 20.0, true, 18)]).unwrap()
    }

    #[test]
    fn smooth_functions_and_their_slopes_are_met_between_nodes_and_parabolas_outside() {
        let c = two();
        let f = |x: f64, y: f64| (0.7 * x).sin() * y.powf(0.3) + y.ln();
        let nodes = c.nodes();
        let values: Vec<f64> = (0..c.len()).map(|i| f(nodes[0][i], nodes[1][i])).collect();
        let fit = c.fit(&values);
        let (mut basis, mut slopes) = (Basis::default(), [0.0; 2]);
        for i in 0..40 {
            let x = [-0.97 + 0.09 * f64::from(i), 0.55 * 1.09f64.powi(i)];
            c.basis(&x, &mut basis);
            assert!(!basis.outside);
            assert!((c.value(&fit, &basis) - f(x[0], x[1])).abs() < 1e-9);
            c.gradient(&fit, &basis, &x, &mut slopes);
            let mut both = [0.0; 2];
            let value = c.value_and_gradient(&fit, &basis, &x, &mut both);
            assert!((value - c.value(&fit, &basis)).abs() < 1e-15 * (1.0 + value.abs()));
            assert!((0..2).all(|d| (both[d] - slopes[d]).abs() < 1e-14 * (1.0 + slopes[d].abs())));
            let dx = 0.7 * (0.7 * x[0]).cos() * x[1].powf(0.3);
            let dy = (0.7 * x[0]).sin() * 0.3 * x[1].powf(-0.7) + 1.0 / x[1];
            assert!(
                (slopes[0] - dx).abs() < 1e-7 && (slopes[1] - dy).abs() < 1e-7,
                "{slopes:?} {dx} {dy}"
            );
        }
        // Outside, along the parabola of the edge: exact for squares.
        let values: Vec<f64> = nodes[0].iter().map(|x| 3.0 - (x - 1.0) * (x - 1.0)).collect();
        let fit = c.fit(&values);
        c.basis(&[4.5, 2.0], &mut basis);
        assert!(basis.outside);
        assert!((c.value(&fit, &basis) - (3.0 - 3.5 * 3.5)).abs() < 1e-9);
        c.gradient(&fit, &basis, &[4.5, 2.0], &mut slopes);
        assert!((slopes[0] + 7.0).abs() < 1e-9 && slopes[1].abs() < 1e-9);
    }

    #[test]
    fn ends_that_do_not_ascend_and_logs_of_nothing_are_refused() {
        let range = |lo, hi, log, nodes| Chebyshev::new(vec![Range { lo, hi, log, nodes }]);
        assert!(range(1.0, 1.0, false, 5).is_none() && range(0.0, 1.0, true, 5).is_none());
        assert!(range(0.0, 1.0, false, 1).is_none() && range(0.0, f64::NAN, false, 4).is_none());
    }
}
