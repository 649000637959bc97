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
//! A query outside the grid is always marked: [`AxisPoint::beyond`] is its distance from the grid, [`Outside`] the rule used there.

mod curve;
mod tensor;

pub use curve::Curve;
pub use tensor::{MAX_AXES, Surface, Tensor};

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
    /// The smaller of the two: outside the grid the function is never above its value at the edge, and falls with the
    /// slope at the edge where that slope points down.
    Pessimistic,
    /// Far below the value at the edge: a penalty of a million times one plus its size per unit outside, so that a
    /// choice that stays inside is preferred.
    Forbidding,
}

/// One axis: nodes, coordinate, bracket search, spline factorisation.
#[derive(Clone, Debug)]
pub struct Axis {
    nodes: Vec<f64>,
    coordinate: Vec<f64>,
    log: bool,
    rule: Rule,
    search: NodeLookup,
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
enum NodeLookup {
    /// Nodes evenly spaced in the coordinate: `(lo, 1 / step)`.
    Even(f64, f64),
    /// Start cell for each of many even buckets.
    Buckets(f64, f64, Vec<u32>),
}

/// Where a query falls on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AxisPoint {
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
    /// An axis over `nodes`, ascending, one number each, in units of the state; with `log` the coordinate is the log of the state.
    /// `None` if the nodes are fewer than two (one for [`Rule::Nodes`]), not ascending, not finite, or not positive on
    /// a log axis.
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
        let search = NodeLookup::new(&coordinate);
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

    /// The nodes, ascending, one number each, in units of the state.
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
    pub fn locate(&self, x: f64) -> AxisPoint {
        let c = &self.coordinate;
        let n = c.len();
        let u = self.coordinate(x);
        if n == 1 {
            let d = u - c[0];
            return AxisPoint {
                cell: 0,
                t: 0.0,
                beyond: if d.abs() > 0.5 || d.is_nan() { d } else { 0.0 },
            };
        }
        let (lo, hi) = (c[0], c[n - 1]);
        if !(u >= lo && u <= hi) {
            if u.is_nan() {
                return AxisPoint {
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
                (Rule::Nodes, true) => AxisPoint {
                    cell: 0,
                    t: 0.0,
                    beyond,
                },
                (Rule::Nodes, false) => AxisPoint {
                    cell: (n - 1) as u32,
                    t: 0.0,
                    beyond,
                },
                (_, true) => AxisPoint {
                    cell: 0,
                    t: 0.0,
                    beyond,
                },
                (_, false) => AxisPoint {
                    cell: (n - 2) as u32,
                    t: 1.0,
                    beyond,
                },
            };
        }
        let mut cell = match &self.search {
            NodeLookup::Even(lo, inverse) => (((u - lo) * inverse) as usize).min(n - 2),
            NodeLookup::Buckets(lo, inverse, start) => {
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
                return AxisPoint { cell: cell as u32, t: 0.0, beyond: 0.0 };
            }
        });
        if self.rule == Rule::Nodes {
            let node = if t > 0.5 { cell + 1 } else { cell };
            return AxisPoint {
                cell: node as u32,
                t: 0.0,
                beyond: 0.0,
            };
        }
        fault!("interpolation.nearest", do {
            return AxisPoint { cell: cell as u32, t: t.round(), beyond: 0.0 };
        });
        AxisPoint {
            cell: cell as u32,
            t,
            beyond: 0.0,
        }
    }
}

impl NodeLookup {
    fn new(c: &[f64]) -> Self {
        let n = c.len();
        if n == 1 {
            return NodeLookup::Even(c[0], 1.0);
        }
        let (lo, hi) = (c[0], c[n - 1]);
        let step = (hi - lo) / (n - 1) as f64;
        let even = c
            .iter()
            .enumerate()
            .all(|(i, x)| (x - (lo + step * i as f64)).abs() <= 1e-6 * step);
        if even {
            return NodeLookup::Even(lo, 1.0 / step);
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
        NodeLookup::Buckets(lo, inverse, start)
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

#[cfg(test)]
mod tests;
