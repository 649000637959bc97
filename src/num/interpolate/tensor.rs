//! Products of axes: surfaces over several of them, their values and slopes.

use super::{Axis, AxisPoint, Outside, Rule, line_derivatives};

/// The basis of one axis at one query: at most four coefficients.
#[derive(Clone, Copy, Debug)]
struct Basis {
    count: usize,
    offset: [usize; 4],
    weight: [f64; 4],
    slope: [f64; 4],
}

impl Basis {
    const NONE: Basis = Basis {
        count: 0,
        offset: [0; 4],
        weight: [0.0; 4],
        slope: [0.0; 4],
    };

    /// Value and slope along this axis, of coefficients at its offsets.
    #[inline]
    fn line(&self, at: impl Fn(usize) -> f64) -> (f64, f64) {
        let [a, b, c, d] = self.offset;
        let (w, s) = (&self.weight, &self.slope);
        match self.count {
            4 => {
                let (a, b, c, d) = (at(a), at(b), at(c), at(d));
                let value = w[0] * a + w[1] * b + w[2] * c + w[3] * d;
                (value, s[0] * a + s[1] * b + s[2] * c + s[3] * d)
            }
            2 => {
                let (a, b) = (at(a), at(b));
                (w[0] * a + w[1] * b, s[0] * a + s[1] * b)
            }
            _ => (w[0] * at(a), s[0] * at(a)),
        }
    }
}

/// A product grid with its interpolation rules; the last axis is fastest.
#[derive(Clone, Debug)]
pub struct Tensor {
    axes: Vec<Axis>,
    strides: Vec<usize>,
    /// Bit of each axis's derivative among the coefficients of a node; `usize::MAX` if it has none.
    bits: Vec<usize>,
    masks: usize,
    len: usize,
    /// What queries outside the grid get.
    pub outside: Outside,
    /// Whether derivatives are held to the data's shape.
    pub filter: bool,
}

/// Coefficients of one function on a [`Tensor`]: node x subset of the cubic axes (value, derivatives, cross
/// derivatives), row-major, the last axis of the grid faster than the ones before it and the subset fastest.
#[derive(Clone, Debug, Default)]
pub struct Surface {
    coefficients: Vec<f64>,
    /// The shape filter changed a derivative: the surface is not linear in its data.
    pub filtered: bool,
}

impl Surface {
    /// The fitted values, one per node, row-major, the last axis fastest. Without cubic axes only; with them the
    /// derivatives at each node stand between the values.
    pub fn at_nodes(&self) -> &[f64] {
        &self.coefficients
    }
}

/// Axes of most grids: what more of them need is not filled for these.
const FEW: usize = 3;
/// Largest number of axes.
pub const MAX_AXES: usize = 12;

impl Tensor {
    /// A product of axes, outermost first. `None` if there are more than [`MAX_AXES`] or the coefficients cannot be
    /// indexed.
    pub fn new(axes: Vec<Axis>, outside: Outside) -> Option<Self> {
        if axes.len() > MAX_AXES {
            return None;
        }
        let mut bits = Vec::with_capacity(axes.len());
        let mut next = 0;
        for axis in &axes {
            if axis.rule == Rule::Cubic {
                bits.push(next);
                next += 1;
            } else {
                bits.push(usize::MAX);
            }
        }
        let mut strides = vec![0; axes.len()];
        let mut len = 1usize;
        for (d, axis) in axes.iter().enumerate().rev() {
            strides[d] = len;
            len = len.checked_mul(axis.nodes.len())?;
        }
        let masks = 1usize << next;
        len.checked_mul(masks)?.checked_mul(8)?;
        Some(Tensor {
            axes,
            strides,
            bits,
            masks,
            len,
            outside,
            filter: true,
        })
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no nodes (never: the empty product has one).
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its axes, outermost first.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Writes the coordinates of node `i` (the last axis fastest) into `out`: one number per axis, in units of the
    /// state.
    pub fn node(&self, i: usize, out: &mut [f64]) {
        for (d, axis) in self.axes.iter().enumerate() {
            out[d] = axis.nodes[i / self.strides[d] % axis.nodes.len()];
        }
    }

    /// Fits `values` (one per node, the last axis fastest) into `surface`.
    pub fn fit(&self, values: &[f64], surface: &mut Surface) {
        let m = self.masks;
        let coefficients = &mut surface.coefficients;
        coefficients.resize(self.len * m, 0.0);
        surface.filtered = false;
        for (i, &v) in values.iter().enumerate().take(self.len) {
            coefficients[i * m] = v;
        }
        let (mut line, mut d, mut slope) = (Vec::new(), Vec::new(), Vec::new());
        for (axis_index, axis) in self.axes.iter().enumerate() {
            let bit = self.bits[axis_index];
            if bit == usize::MAX {
                continue;
            }
            let (n, stride) = (axis.nodes.len(), self.strides[axis_index]);
            line.resize(n, 0.0);
            d.resize(n, 0.0);
            for mask in 0..1usize << bit {
                for outer in (0..self.len).step_by(n * stride) {
                    crate::limits::poll();
                    for inner in 0..stride {
                        let at = |k: usize| (outer + k * stride + inner) * m;
                        for (k, y) in line.iter_mut().enumerate() {
                            *y = coefficients[at(k) + mask];
                        }
                        let filter = self.filter && mask == 0;
                        surface.filtered |= line_derivatives(axis, &line, &mut d, &mut slope, filter);
                        for (k, &v) in d.iter().enumerate() {
                            coefficients[at(k) + (mask | 1 << bit)] = v;
                        }
                    }
                }
            }
        }
    }

    #[inline]
    fn basis(&self, d: usize, place: AxisPoint) -> Basis {
        let axis = &self.axes[d];
        let step = self.strides[d] * self.masks;
        let cell = place.cell as usize;
        let base = cell * step;
        let t = place.t;
        match axis.rule {
            Rule::Nodes => Basis {
                count: 1,
                offset: [base; 4],
                weight: [1.0; 4],
                slope: [0.0; 4],
            },
            Rule::Linear => {
                let h = axis.coordinate[cell + 1] - axis.coordinate[cell];
                Basis {
                    count: 2,
                    offset: [base, base + step, 0, 0],
                    weight: fault!("interpolation.swapped", [t, 1.0 - t, 0.0, 0.0], [1.0 - t, t, 0.0, 0.0]),
                    slope: [-1.0 / h, 1.0 / h, 0.0, 0.0],
                }
            }
            Rule::Cubic => {
                let h = axis.coordinate[cell + 1] - axis.coordinate[cell];
                let width = fault!("interpolation.spline_slope", 1.0, h);
                let bit = 1usize << self.bits[d];
                let s = 1.0 - t;
                let right = t * t * (3.0 - 2.0 * t);
                let bell = 6.0 * t * s / h;
                Basis {
                    count: 4,
                    offset: [base, base + step, base + bit, base + step + bit],
                    weight: [1.0 - right, right, width * t * s * s, -width * t * t * s],
                    slope: [-bell, bell, s * (1.0 - 3.0 * t), t * (3.0 * t - 2.0)],
                }
            }
        }
    }

    /// The value, and into `slopes` the slope along each axis in its own coordinate, one number per axis of `bases`, all in one pass.
    fn contract(coefficients: &[f64], bases: &[Basis], offset: usize, slopes: &mut [f64]) -> f64 {
        match bases {
            [] => coefficients[offset],
            [one] => {
                let (value, slope) = one.line(|at| coefficients[offset + at]);
                slopes[0] = slope;
                value
            }
            [one, rest @ ..] => {
                let (own, inner) = slopes.split_at_mut(1);
                let (mut value, mut slope) = (0.0, 0.0);
                let mut sums = [0.0; MAX_AXES];
                for i in 0..one.count {
                    let v = Tensor::contract(coefficients, rest, offset + one.offset[i], inner);
                    value += one.weight[i] * v;
                    slope += one.slope[i] * v;
                    for (sum, s) in sums.iter_mut().zip(inner.iter()) {
                        *sum += one.weight[i] * s;
                    }
                }
                own[0] = slope;
                inner.copy_from_slice(&sums[..inner.len()]);
                value
            }
        }
    }

    /// The value alone.
    fn contracted(coefficients: &[f64], bases: &[Basis], offset: usize) -> f64 {
        match bases {
            [] => coefficients[offset],
            [one] => one.line(|at| coefficients[offset + at]).0,
            [one, rest @ ..] => (0..one.count).fold(0.0, |sum, i| {
                sum + one.weight[i] * Tensor::contracted(coefficients, rest, offset + one.offset[i])
            }),
        }
    }

    /// The value at a query whose places (one per axis) are known.
    #[inline]
    pub fn value_at(&self, surface: &Surface, places: &[AxisPoint]) -> f64 {
        let c = &surface.coefficients;
        if places.len() == 1 && places[0].beyond == 0.0 {
            let (axis, k, t) = (&self.axes[0], places[0].cell as usize, places[0].t);
            if fault!("interpolation.spline_slope", false, axis.rule == Rule::Cubic) {
                let h = axis.coordinate[k + 1] - axis.coordinate[k];
                let s = 1.0 - t;
                let right = t * t * (3.0 - 2.0 * t);
                // Value and derivative at both ends.
                let c = &c[2 * k..2 * k + 4];
                return ((1.0 - right) * c[0] + right * c[2]) + (h * t * s * s * c[1] + -h * t * t * s * c[3]);
            }
            let b = self.basis(0, places[0]);
            return match b.count {
                1 => c[b.offset[0]],
                2 => b.weight[0] * c[b.offset[0]] + b.weight[1] * c[b.offset[1]],
                _ => {
                    (b.weight[0] * c[b.offset[0]] + b.weight[1] * c[b.offset[1]])
                        + (b.weight[2] * c[b.offset[2]] + b.weight[3] * c[b.offset[3]])
                }
            };
        }
        self.value_and_slopes(surface, places, None)
    }

    /// The value at a query whose places (one per axis) are known; with `slopes`, also the derivative with respect to
    /// each state, one number per axis (0 along [`Rule::Nodes`]).
    pub fn value_and_slopes(&self, surface: &Surface, places: &[AxisPoint], slopes: Option<&mut [f64]>) -> f64 {
        let n = places.len();
        let c = &surface.coefficients;
        if n == 0 {
            return c.first().copied().unwrap_or(f64::NAN);
        }
        if places.iter().any(|p| p.beyond.is_nan()) {
            if let Some(slopes) = slopes {
                slopes.fill(f64::NAN);
            }
            return f64::NAN;
        }
        // Most have few axes, and what is not used is not filled.
        let (mut few, mut many);
        let bases = if n <= FEW {
            few = [Basis::NONE; FEW];
            &mut few[..n]
        } else {
            many = [Basis::NONE; MAX_AXES];
            &mut many[..n]
        };
        for (d, place) in places.iter().enumerate() {
            bases[d] = self.basis(d, *place);
        }
        let outside = places.iter().any(|p| p.beyond != 0.0);
        if !outside && slopes.is_none() {
            return Tensor::contracted(c, bases, 0);
        }
        let mut edge = [0.0; MAX_AXES];
        let mut value = Tensor::contract(c, bases, 0, &mut edge[..n]);
        for (d, place) in places.iter().enumerate() {
            if place.beyond != 0.0 {
                let tangent = edge[d] * place.beyond;
                let taken = match self.outside {
                    Outside::Flat => 0.0,
                    Outside::Linear => tangent,
                    Outside::Pessimistic => fault!("interpolation.flat", 0.0, tangent.min(0.0)),
                    Outside::Forbidding => -1e6 * (1.0 + value.abs()) * place.beyond.abs(),
                };
                if taken == 0.0 {
                    edge[d] = 0.0;
                }
                value += taken;
            }
        }
        if let Some(slopes) = slopes {
            for (d, place) in places.iter().enumerate() {
                let axis = &self.axes[d];
                slopes[d] = if axis.log {
                    let k = place.cell as usize;
                    let u = axis.coordinate[k]
                        + place.t * (axis.coordinate.get(k + 1).unwrap_or(&axis.coordinate[k]) - axis.coordinate[k]);
                    edge[d] / (u + place.beyond).exp()
                } else {
                    edge[d]
                };
            }
        }
        value
    }

    /// Writes the places of a query point; `x` (in units of the state) and `places` hold one entry per axis.
    #[inline]
    pub fn locate(&self, x: &[f64], places: &mut [AxisPoint]) {
        for ((axis, &x), place) in self.axes.iter().zip(x).zip(places) {
            *place = axis.locate(x);
        }
    }

    /// Values at many queries, `queries[axis][i]` in units of the state, into `out`, one number per query; returns how
    /// many queries lie outside the grid.
    pub fn values(&self, surface: &Surface, queries: &[&[f64]], out: &mut [f64]) -> usize {
        let mut places = [AxisPoint {
            cell: 0,
            t: 0.0,
            beyond: 0.0,
        }; MAX_AXES];
        let n = self.axes.len();
        let mut outside = 0;
        for (i, out) in out.iter_mut().enumerate() {
            for d in 0..n {
                places[d] = self.axes[d].locate(queries[d][i]);
            }
            outside += usize::from(places[..n].iter().any(|p| p.beyond != 0.0));
            *out = self.value_at(surface, &places[..n]);
        }
        outside
    }
}
