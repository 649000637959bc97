//! Interpolation on tensor grids: linear, shape-preserving cubic, or node by node, axis by axis.
//!
//! *Cubic* axes carry the C2 spline with not-a-knot ends (de Boor 2001, chapter IV), written as a Hermite cubic so that
//! its node derivatives can be filtered: where the data are locally monotone, a derivative is held within Hyman's (1983,
//! SIAM J. Sci. Stat. Comput. 4) bound of three times the smaller adjacent slope; where three neighbouring second
//! differences have one sign, it is held between the adjacent slopes, which smooth concave data satisfy anyway. The order
//! stays four on smooth data and kinks do not ring. In several dimensions each node carries one coefficient per
//! subset of the cubic axes (value, derivatives, cross derivatives) and a query is a product of one-dimensional bases.
//! Where two nodes stand closer together than [`BREAK`] of the cells beside them the spline is broken: what it does on one side knows nothing of
//! the other, so that a function with a kink or a jump there is carried as well as a smooth one.
//!
//! Queries outside the grid are never silent: [`Place::beyond`] says by how much, and [`Outside`] what is done.

/// How an axis is interpolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Piecewise linear.
    Linear,
    /// C2 spline with shape filter.
    Cubic,
    /// Values exist at nodes only; a query takes the nearest.
    Nodes,
}

/// What a query outside the grid gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// The value at the edge.
    Flat,
    /// The tangent at the edge.
    Linear,
    /// The smaller of the two: leaving the grid never pays, and costs what the slope at the edge says.
    Pessimistic,
    /// Far less than at the edge: nobody leaves who can stay.
    Forbidding,
}

/// One axis: nodes, coordinate, bracket search, spline factorisation.
#[derive(Clone, Debug)]
pub struct Axis {
    nodes: Vec<f64>,
    coordinate: Vec<f64>,
    log: bool,
    rule: Rule,
    search: Search,
    /// Stretches of nodes between breaks (cubic axes only), with what their splines are solved by.
    pieces: Vec<Piece>,
}

/// Share of both neighbouring cells below which a cell is a break.
pub const BREAK: f64 = 1e-5;

/// Nodes `first..end` of an axis that one spline runs through.
#[derive(Clone, Debug)]
struct Piece {
    first: usize,
    end: usize,
    /// None for fewer than four nodes.
    factor: Option<Factor>,
}

impl Piece {
    /// The pieces of an axis with these coordinates.
    fn all(c: &[f64]) -> Vec<Piece> {
        let gap = |k: usize| c[k + 1] - c[k];
        let broken = |k: &usize| gap(*k) < BREAK * gap(k - 1).min(gap(k + 1));
        let mut ends: Vec<usize> = (1..c.len().saturating_sub(2)).filter(broken).map(|k| k + 1).collect();
        ends.push(c.len());
        let mut first = 0;
        let piece = |end: usize| {
            let own = &c[std::mem::replace(&mut first, end)..end];
            Piece {
                first: end - own.len(),
                end,
                factor: (own.len() >= 4).then(|| Factor::new(own)),
            }
        };
        ends.into_iter().map(piece).collect()
    }
}

#[derive(Clone, Debug)]
enum Search {
    /// Nodes evenly spaced in the coordinate: `(lo, 1 / step)`.
    Even(f64, f64),
    /// Start cell for each of many even buckets.
    Buckets(f64, f64, Vec<u32>),
}

/// Where a query falls on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Cell (or node, for [`Rule::Nodes`]).
    pub cell: u32,
    /// Position in the cell, in [0, 1].
    pub t: f64,
    /// Signed distance outside the grid in the axis's coordinate (log units on a log axis); 0 inside.
    pub beyond: f64,
}

/// LU factors of the tridiagonal not-a-knot system for node derivatives.
#[derive(Clone, Debug)]
struct Factor {
    lower: Vec<f64>,
    inverse_pivot: Vec<f64>,
    upper: Vec<f64>,
}

impl Axis {
    /// An axis over ascending `nodes`; with `log` the coordinate is the log of the state. `None` if the nodes are fewer
    /// than two (one for [`Rule::Nodes`]), not ascending, not finite, or not positive on a log axis.
    pub fn new(nodes: &[f64], log: bool, rule: Rule) -> Option<Self> {
        let fewest = if rule == Rule::Nodes { 1 } else { 2 };
        let fine = nodes.len() >= fewest
            && nodes.iter().all(|x| x.is_finite() && (!log || *x > 0.0))
            && nodes.windows(2).all(|w| w[0] < w[1]);
        if !fine {
            return None;
        }
        let coordinate: Vec<f64> = nodes.iter().map(|&x| if log { x.ln() } else { x }).collect();
        if coordinate.windows(2).any(|w| w[0] >= w[1]) {
            return None;
        }
        let search = Search::new(&coordinate);
        let pieces = if rule == Rule::Cubic {
            Piece::all(&coordinate)
        } else {
            Vec::new()
        };
        Some(Axis {
            nodes: nodes.to_vec(),
            coordinate,
            log,
            rule,
            search,
            pieces,
        })
    }

    /// The nodes.
    pub fn nodes(&self) -> &[f64] {
        &self.nodes
    }

    /// How it is interpolated.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Whether the coordinate is the log.
    pub fn log(&self) -> bool {
        self.log
    }

    /// The coordinate of a state: itself or its log (a state that has no log lies far below the grid).
    #[inline]
    pub fn coordinate(&self, x: f64) -> f64 {
        if fault!("interpolation.log_ignored", true, !self.log) {
            x
        } else if x < 1e-300 {
            1e-300f64.ln()
        } else {
            x.ln()
        }
    }

    /// Finds the cell of `x`; NaN falls in the first cell with `beyond` NaN.
    #[inline]
    pub fn locate(&self, x: f64) -> Place {
        let c = &self.coordinate;
        let n = c.len();
        let u = self.coordinate(x);
        if n == 1 {
            let d = u - c[0];
            return Place {
                cell: 0,
                t: 0.0,
                beyond: if d.abs() > 0.5 || d.is_nan() { d } else { 0.0 },
            };
        }
        let (lo, hi) = (c[0], c[n - 1]);
        if !(u >= lo && u <= hi) {
            if u.is_nan() {
                return Place {
                    cell: 0,
                    t: 0.0,
                    beyond: f64::NAN,
                };
            }
            let below = u < lo;
            let beyond = if below { u - lo } else { u - hi };
            // Rounding of a state that sits on the edge is not leaving the grid.
            let beyond = if beyond.abs() <= 1e-12 * (hi - lo) { 0.0 } else { beyond };
            return match (self.rule, below) {
                (Rule::Nodes, true) => Place {
                    cell: 0,
                    t: 0.0,
                    beyond,
                },
                (Rule::Nodes, false) => Place {
                    cell: (n - 1) as u32,
                    t: 0.0,
                    beyond,
                },
                (_, true) => Place {
                    cell: 0,
                    t: 0.0,
                    beyond,
                },
                (_, false) => Place {
                    cell: (n - 2) as u32,
                    t: 1.0,
                    beyond,
                },
            };
        }
        let mut cell = match &self.search {
            Search::Even(lo, inverse) => (((u - lo) * inverse) as usize).min(n - 2),
            Search::Buckets(lo, inverse, start) => {
                let bucket = (((u - lo) * inverse) as usize).min(start.len() - 1);
                start[bucket] as usize
            }
        };
        while cell > 0 && u < c[cell] {
            cell -= 1;
        }
        while cell + 2 < n && u >= c[cell + 1] {
            cell += 1;
        }
        let t = (u - c[cell]) / (c[cell + 1] - c[cell]);
        fault!("interpolation.last_cell", do {
            if cell + 2 == n {
                return Place { cell: cell as u32, t: 0.0, beyond: 0.0 };
            }
        });
        if self.rule == Rule::Nodes {
            let node = if t > 0.5 { cell + 1 } else { cell };
            return Place {
                cell: node as u32,
                t: 0.0,
                beyond: 0.0,
            };
        }
        fault!("interpolation.nearest", do {
            return Place { cell: cell as u32, t: t.round(), beyond: 0.0 };
        });
        Place {
            cell: cell as u32,
            t,
            beyond: 0.0,
        }
    }
}

impl Search {
    fn new(c: &[f64]) -> Self {
        let n = c.len();
        if n == 1 {
            return Search::Even(c[0], 1.0);
        }
        let (lo, hi) = (c[0], c[n - 1]);
        let step = (hi - lo) / (n - 1) as f64;
        let even = c
            .iter()
            .enumerate()
            .all(|(i, x)| (x - (lo + step * i as f64)).abs() <= 1e-6 * step);
        if even {
            return Search::Even(lo, 1.0 / step);
        }
        let buckets = 4 * n;
        let inverse = buckets as f64 / (hi - lo);
        let mut cell = 0;
        let start = (0..buckets)
            .map(|b| {
                let x = lo + b as f64 / inverse;
                while cell + 2 < n && c[cell + 1] <= x {
                    cell += 1;
                }
                cell as u32
            })
            .collect();
        Search::Buckets(lo, inverse, start)
    }
}

impl Factor {
    /// Rows in derivative form: interior `h_k d_{k-1} + 2 (h_{k-1} + h_k) d_k + h_{k-1} d_{k+1}`, not-a-knot ends.
    fn new(c: &[f64]) -> Self {
        let n = c.len();
        let h: Vec<f64> = c.windows(2).map(|w| w[1] - w[0]).collect();
        let mut sub = vec![0.0; n];
        let mut diagonal = vec![0.0; n];
        let mut upper = vec![0.0; n];
        diagonal[0] = h[1];
        upper[0] = h[0] + h[1];
        for k in 1..n - 1 {
            sub[k] = h[k];
            diagonal[k] = 2.0 * (h[k - 1] + h[k]);
            upper[k] = h[k - 1];
        }
        diagonal[n - 1] = h[n - 3];
        sub[n - 1] = h[n - 2] + h[n - 3];
        let mut lower = vec![0.0; n];
        let mut inverse_pivot = vec![0.0; n];
        inverse_pivot[0] = 1.0 / diagonal[0];
        for k in 1..n {
            lower[k] = sub[k] * inverse_pivot[k - 1];
            inverse_pivot[k] = 1.0 / (diagonal[k] - lower[k] * upper[k - 1]);
        }
        Factor {
            lower,
            inverse_pivot,
            upper,
        }
    }

    fn solve(&self, d: &mut [f64]) {
        let n = d.len();
        for k in 1..n {
            d[k] -= self.lower[k] * d[k - 1];
        }
        d[n - 1] *= self.inverse_pivot[n - 1];
        for k in (0..n - 1).rev() {
            d[k] = (d[k] - self.upper[k] * d[k + 1]) * self.inverse_pivot[k];
        }
    }
}

/// `v` moved into `[lo, hi]`; NaN where an end is NaN (values that are not numbers are for the solver to report).
fn within(v: f64, lo: f64, hi: f64) -> f64 {
    if lo <= hi { v.max(lo).min(hi) } else { f64::NAN }
}

/// Spline derivatives (with respect to the coordinate) of one line of data; `filter` holds them to the data's shape.
/// Returns whether the filter changed anything.
fn line_derivatives(axis: &Axis, y: &[f64], d: &mut [f64], slope: &mut Vec<f64>, filter: bool) -> bool {
    let mut changed = false;
    for p in &axis.pieces {
        let own = p.first..p.end;
        let c = &axis.coordinate[own.clone()];
        changed |= piece_derivatives(c, &p.factor, &y[own.clone()], &mut d[own], slope, filter);
    }
    changed
}

/// As [`line_derivatives`], along one piece with coordinates `c`.
fn piece_derivatives(
    c: &[f64],
    factor: &Option<Factor>,
    y: &[f64],
    d: &mut [f64],
    slope: &mut Vec<f64>,
    filter: bool,
) -> bool {
    let n = y.len();
    slope.clear();
    slope.extend((0..n - 1).map(|k| (y[k + 1] - y[k]) / (c[k + 1] - c[k])));
    let s = slope;
    match (factor, n) {
        (None, 1) => d[0] = 0.0,
        (None, 2) => d.fill(s[0]),
        (None, _) => {
            let (h0, h1) = (c[1] - c[0], c[2] - c[1]);
            let bend = (s[1] - s[0]) / (h0 + h1);
            d[0] = s[0] - h0 * bend;
            d[1] = s[0] + h0 * bend;
            d[2] = s[1] + h1 * bend;
        }
        (Some(factor), _) => {
            let h = |k: usize| c[k + 1] - c[k];
            let first = h(0) + h(1);
            d[0] = ((h(0) + 2.0 * first) * h(1) * s[0] + h(0) * h(0) * s[1]) / first;
            for k in 1..n - 1 {
                d[k] = 3.0 * (h(k) * s[k - 1] + h(k - 1) * s[k]);
            }
            let last = h(n - 2) + h(n - 3);
            d[n - 1] = (h(n - 2) * h(n - 2) * s[n - 3] + (2.0 * last + h(n - 2)) * h(n - 3) * s[n - 2]) / last;
            factor.solve(d);
        }
    }
    if !filter || n < 3 {
        return false;
    }
    let mut changed = false;
    for k in 0..n {
        let raw = d[k];
        let mut v = raw;
        if k == 0 || k == n - 1 {
            let (edge, next) = if k == 0 { (s[0], s[1]) } else { (s[n - 2], s[n - 3]) };
            let bound = 3.0 * edge.abs();
            if edge * next > 0.0 {
                v = if edge > 0.0 {
                    within(v, 0.0, bound)
                } else {
                    within(v, -bound, 0.0)
                };
            } else if edge == 0.0 {
                v = 0.0;
            }
        } else {
            let (a, b) = (s[k - 1], s[k]);
            let bound = 3.0 * a.abs().min(b.abs());
            let around = &s[k.saturating_sub(2)..(k + 2).min(n - 1)];
            let bends = |test: fn(f64) -> bool| around.windows(2).all(|w| test(w[1] - w[0]));
            let one_sign = around.len() >= 3 && (bends(|d| d < 0.0) || bends(|d| d > 0.0));
            if one_sign {
                v = within(v, a.min(b), a.max(b));
            }
            // Near a smooth extremum Hyman's bound would cost two orders of accuracy.
            if around.iter().all(|&x| x > 0.0) {
                v = within(v, 0.0, bound);
            } else if around.iter().all(|&x| x < 0.0) {
                v = within(v, -bound, 0.0);
            } else if !one_sign {
                v = within(v, -bound, bound);
            }
        }
        if v != raw && !raw.is_nan() {
            d[k] = v;
            changed = true;
        }
    }
    changed
}

/// The basis of one axis at one query: at most four coefficients.
#[derive(Clone, Copy, Debug)]
struct Basis {
    count: usize,
    offset: [usize; 4],
    weight: [f64; 4],
    slope: [f64; 4],
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

/// Coefficients of one function on a [`Tensor`].
#[derive(Clone, Debug, Default)]
pub struct Surface {
    coefficients: Vec<f64>,
    /// The shape filter changed a derivative: the surface is not linear in its data.
    pub filtered: bool,
}

impl Surface {
    /// The fitted values (without cubic axes, where nodes carry nothing else).
    pub fn at_nodes(&self) -> &[f64] {
        &self.coefficients
    }
}

/// Largest number of axes.
pub const MAX_AXES: usize = 12;

impl Tensor {
    /// A product of axes. `None` if there are more than [`MAX_AXES`] or the coefficients cannot be indexed.
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

    /// Its axes.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Coordinates (in state units) of node `i`.
    pub fn node(&self, i: usize, out: &mut [f64]) {
        for (d, axis) in self.axes.iter().enumerate() {
            out[d] = axis.nodes[i / self.strides[d] % axis.nodes.len()];
        }
    }

    /// Fits `values` (one a node, the last axis fastest) into `surface`.
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
    fn basis(&self, d: usize, place: Place) -> Basis {
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

    fn contract(&self, coefficients: &[f64], bases: &[Basis], slope_of: usize, d: usize, offset: usize) -> f64 {
        let basis = &bases[d];
        let weights = if d == slope_of { &basis.slope } else { &basis.weight };
        let mut sum = 0.0;
        for i in 0..basis.count {
            let at = offset + basis.offset[i];
            let inner = if d + 1 == bases.len() {
                coefficients[at]
            } else {
                self.contract(coefficients, bases, slope_of, d + 1, at)
            };
            sum += weights[i] * inner;
        }
        sum
    }

    /// The value at a query whose places (one an axis) are known.
    #[inline]
    pub fn value_at(&self, surface: &Surface, places: &[Place]) -> f64 {
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

    /// The value at a query; with `slopes`, also the derivative with respect to each state (0 along [`Rule::Nodes`]).
    pub fn value_and_slopes(&self, surface: &Surface, places: &[Place], slopes: Option<&mut [f64]>) -> f64 {
        let n = places.len();
        let c = &surface.coefficients;
        if n == 0 {
            return c.first().copied().unwrap_or(f64::NAN);
        }
        let mut bases = [Basis {
            count: 0,
            offset: [0; 4],
            weight: [0.0; 4],
            slope: [0.0; 4],
        }; MAX_AXES];
        let mut outside = false;
        for (d, place) in places.iter().enumerate() {
            if place.beyond.is_nan() {
                if let Some(slopes) = slopes {
                    slopes.fill(f64::NAN);
                }
                return f64::NAN;
            }
            bases[d] = self.basis(d, *place);
            outside |= place.beyond != 0.0;
        }
        let bases = &bases[..n];
        let mut value = self.contract(c, bases, usize::MAX, 0, 0);
        if !outside && slopes.is_none() {
            return value;
        }
        let mut edge = [0.0; MAX_AXES];
        for (d, place) in places.iter().enumerate() {
            if slopes.is_none() && place.beyond == 0.0 {
                continue;
            }
            edge[d] = self.contract(c, bases, d, 0, 0);
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

    /// Places of a query point.
    #[inline]
    pub fn locate(&self, x: &[f64], places: &mut [Place]) {
        for ((axis, &x), place) in self.axes.iter().zip(x).zip(places) {
            *place = axis.locate(x);
        }
    }

    /// Values at many queries, `queries[axis][i]`; returns how many lie outside the grid.
    pub fn values(&self, surface: &Surface, queries: &[&[f64]], out: &mut [f64]) -> usize {
        let mut places = [Place {
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

/// A function of one variable through given points: the one-dimensional case of [`Tensor`].
#[derive(Clone, Debug)]
pub struct Curve {
    tensor: Tensor,
    surface: Surface,
}

impl Curve {
    /// A curve through `(x, y)`; `None` if `x` does not ascend or lengths differ.
    pub fn new(x: &[f64], y: &[f64], log: bool, rule: Rule, outside: Outside) -> Option<Self> {
        if x.len() != y.len() {
            return None;
        }
        let tensor = Tensor::new(vec![Axis::new(x, log, rule)?], outside)?;
        let mut surface = Surface::default();
        tensor.fit(y, &mut surface);
        Some(Curve { tensor, surface })
    }

    /// Its value.
    pub fn at(&self, x: f64) -> f64 {
        self.tensor.value_at(&self.surface, &[self.tensor.axes[0].locate(x)])
    }

    /// Its value and derivative.
    pub fn with_slope(&self, x: f64) -> (f64, f64) {
        let mut slope = [0.0];
        let value = self
            .tensor
            .value_and_slopes(&self.surface, &[self.tensor.axes[0].locate(x)], Some(&mut slope));
        (value, slope[0])
    }

    /// Values at many points, sorted or not; returns how many lie outside.
    pub fn values(&self, x: &[f64], out: &mut [f64]) -> usize {
        self.tensor.values(&self.surface, &[x], out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::grid;

    fn worst(n: usize, rule: Rule) -> f64 {
        let x = grid::uniform(0.0, 2.0, n).unwrap();
        let y: Vec<f64> = x.iter().map(|x| (1.3 * x).sin() + x).collect();
        let curve = Curve::new(&x, &y, false, rule, Outside::Flat).unwrap();
        (0..=1000)
            .map(|i| i as f64 / 500.0)
            .map(|x| (curve.at(x) - (1.3 * x).sin() - x).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn orders_of_convergence_are_two_and_four() {
        let order = |rule| (worst(21, rule) / worst(41, rule)).log2();
        assert!((order(Rule::Linear) - 2.0).abs() < 0.1);
        assert!(order(Rule::Cubic) > 3.6, "{}", order(Rule::Cubic));
    }

    #[test]
    fn cubics_are_reproduced_and_their_slopes_too() {
        let x = [1.0, 1.5, 2.7, 3.0, 4.4, 6.0];
        let f = |x: f64| 0.1 * x * x * x - 2.0 * x * x + 40.0 * x;
        let y: Vec<f64> = x.iter().map(|&x| f(x)).collect();
        let curve = Curve::new(&x, &y, false, Rule::Cubic, Outside::Linear).unwrap();
        for q in [1.0, 1.2, 2.0, 2.9, 5.0, 6.0] {
            let (value, slope) = curve.with_slope(q);
            assert!((value - f(q)).abs() < 1e-11);
            assert!((slope - (0.3 * q * q - 4.0 * q + 40.0)).abs() < 1e-10);
        }
    }

    #[test]
    fn a_kink_does_not_ring() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|&x| f64::min(x, 10.0)).collect();
        let curve = Curve::new(&x, &y, false, Rule::Cubic, Outside::Flat).unwrap();
        let mut last = -1.0;
        for i in 0..=1900 {
            let v = curve.at(i as f64 / 100.0);
            assert!(v >= last - 1e-12 && v <= 10.0 + 1e-12);
            last = v;
        }
        let concave: Vec<f64> = x.iter().map(|x| (x + 0.5).ln()).collect();
        let curve = Curve::new(&x, &concave, false, Rule::Cubic, Outside::Flat).unwrap();
        let mut slope = f64::INFINITY;
        for i in 1..=1900 {
            let s = curve.at(i as f64 / 100.0) - curve.at((i - 1) as f64 / 100.0);
            assert!(s <= slope + 1e-3, "{i}");
            slope = s;
        }
    }

    #[test]
    fn every_grid_finds_its_cells_and_reports_what_lies_outside() {
        let grids = [
            (grid::log(0.1, 50.0, 40).unwrap(), true),
            (grid::double_log(0.0, 500.0, 33).unwrap(), false),
            (grid::exponential(1.0, 9.0, 17, 4.0).unwrap(), true),
        ];
        for (nodes, log) in grids {
            let axis = Axis::new(&nodes, log, Rule::Linear).unwrap();
            for i in 0..2000 {
                let x = nodes[0] + (nodes[nodes.len() - 1] - nodes[0]) * i as f64 / 1999.0;
                let p = axis.locate(x);
                let k = p.cell as usize;
                assert!(nodes[k] <= x * (1.0 + 1e-12) + 1e-12 && x <= nodes[k + 1] * (1.0 + 1e-12));
                assert_eq!(p.beyond, 0.0);
            }
            assert!(axis.locate(-1.0).beyond < 0.0 && axis.locate(1e4).beyond > 0.0);
            assert!(axis.locate(f64::NAN).beyond.is_nan());
        }
        let x = [0.0, 1.0, 2.0];
        let curve = |outside| Curve::new(&x, &[0.0, 1.0, 2.0], false, Rule::Linear, outside).unwrap();
        assert_eq!(
            (curve(Outside::Flat).at(3.0), curve(Outside::Linear).at(3.0)),
            (2.0, 3.0)
        );
        assert_eq!(
            (
                curve(Outside::Pessimistic).at(3.0),
                curve(Outside::Pessimistic).at(-1.0)
            ),
            (2.0, -1.0)
        );
        let mut out = [0.0; 3];
        assert_eq!(curve(Outside::Flat).values(&[-1.0, 0.5, 9.0], &mut out), 2);
        assert!(curve(Outside::Flat).at(f64::NAN).is_nan());
        assert!(Curve::new(&[0.0, 0.0], &[1.0, 1.0], false, Rule::Linear, Outside::Flat).is_none());
        assert!(Axis::new(&[0.0, 1.0], true, Rule::Linear).is_none());
    }

    #[test]
    fn tensor_products_mix_rules_and_give_gradients() {
        let a = Axis::new(&grid::uniform(0.0, 1.0, 15).unwrap(), false, Rule::Cubic).unwrap();
        let b = Axis::new(&grid::log(1.0, 4.0, 15).unwrap(), true, Rule::Cubic).unwrap();
        let c = Axis::new(&[1.0, 2.0, 3.0], false, Rule::Nodes).unwrap();
        let d = Axis::new(&[0.0, 0.5, 1.0], false, Rule::Linear).unwrap();
        let tensor = Tensor::new(vec![a, b, c, d], Outside::Flat).unwrap();
        let f = |x: &[f64]| (x[0] + 0.3 * x[1].ln()).exp() * x[2] + x[0] * x[3];
        let mut x = [0.0; 4];
        let values: Vec<f64> = (0..tensor.len())
            .map(|i| {
                tensor.node(i, &mut x);
                f(&x)
            })
            .collect();
        let mut surface = Surface::default();
        tensor.fit(&values, &mut surface);
        let q = [0.33, 2.1, 2.0, 0.3];
        let mut places = [Place {
            cell: 0,
            t: 0.0,
            beyond: 0.0,
        }; 4];
        tensor.locate(&q, &mut places);
        let mut slopes = [0.0; 4];
        let v = tensor.value_and_slopes(&surface, &places, Some(&mut slopes));
        assert!((v - f(&q)).abs() < 2e-6, "{}", v - f(&q));
        let core = (q[0] + 0.3 * q[1].ln()).exp() * q[2];
        let exact = [core + q[3], core * 0.3 / q[1], 0.0, q[0]];
        for k in 0..4 {
            assert!((slopes[k] - exact[k]).abs() < 2e-4, "{k} {slopes:?} {exact:?}");
        }
        let empty = Tensor::new(vec![], Outside::Flat).unwrap();
        empty.fit(&[7.0], &mut surface);
        assert_eq!(empty.value_at(&surface, &[]), 7.0);
    }
}
