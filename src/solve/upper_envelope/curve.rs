//! Values with kinks: smooth pieces side by side, and the upper envelope of pieces that lie over one another.
//!
//! A value is read by Hermite's cubic through values and marginal values; a marginal value `m` through `1/m`, a cubic through four nodes: with
//! logarithmic rewards a straight line. Where two pieces cross, the envelope has a kink, and marginal values jump upwards.

/// Nodes of the polynomial between nodes.
const WINDOW: usize = 4;
/// Excess, as a share of the value's size, below which one piece does not take the place of another.
const TIE: f64 = 1e-11;
/// Halvings of the place of a crossing, and how often an interval is divided in search of a third piece.
const HALVINGS: usize = 70;
const DIVIDED: usize = 8;

/// A smooth piece: one number per node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Piece {
    /// The state, ascending; two nodes at least.
    pub(super) x: Vec<f64>,
    /// What it is worth.
    pub(super) v: Vec<f64>,
    /// What one more unit of the state is worth.
    pub(super) m: Vec<f64>,
    /// What is done.
    pub(super) a: Vec<f64>,
}

impl Piece {
    pub(super) fn push(&mut self, [x, v, m, a]: [f64; 4]) {
        self.x.push(x);
        self.v.push(v);
        self.m.push(m);
        self.a.push(a);
    }

    /// Puts a node before all others.
    pub(super) fn begin(&mut self, [x, v, m, a]: [f64; 4]) {
        self.x.insert(0, x);
        self.v.insert(0, v);
        self.m.insert(0, m);
        self.a.insert(0, a);
    }

    pub(super) fn lo(&self) -> f64 {
        self.x[0]
    }

    pub(super) fn hi(&self) -> f64 {
        self.x[self.x.len() - 1]
    }

    fn covers(&self, lo: f64, hi: f64) -> bool {
        self.lo() <= lo && self.hi() >= hi
    }

    /// What is done at `x`.
    pub(super) fn action(&self, x: f64) -> f64 {
        between(&self.x, x, |i| self.a[i])
    }

    /// The value and the marginal value at `x`; beyond the ends along the tangent (in logs below the first node, where states are positive).
    pub(super) fn at(&self, x: f64) -> (f64, f64) {
        let last = self.x.len() - 1;
        if x < self.x[0] {
            let (x0, v, m) = (self.x[0], self.v[0], self.m[0]);
            if x0 <= 0.0 {
                return (v + m * (x - x0), m);
            }
            return if x > 0.0 {
                (v + m * x0 * (x / x0).ln(), m * x0 / x)
            } else {
                (f64::NEG_INFINITY, f64::INFINITY)
            };
        }
        if x > self.x[last] {
            let (v, m) = (self.v[last], self.m[last]);
            return (v + m * (x - self.x[last]), self.marginal(x));
        }
        let i = cell(&self.x, x);
        let h = self.x[i + 1] - self.x[i];
        let t = (x - self.x[i]) / h;
        let (t2, t3) = (t * t, t * t * t);
        let v = (2.0 * t3 - 3.0 * t2 + 1.0) * self.v[i]
            + (t3 - 2.0 * t2 + t) * h * self.m[i]
            + (3.0 * t2 - 2.0 * t3) * self.v[i + 1]
            + (t3 - t2) * h * self.m[i + 1];
        (v, self.marginal(x))
    }

    fn marginal(&self, x: f64) -> f64 {
        let i = cell(&self.x, x);
        if self.m[i] > 0.0 && self.m[i + 1] > 0.0 && window(self.x.len(), i).all(|k| self.m[k] > 0.0) {
            let inverse = between(&self.x, x, |k| 1.0 / self.m[k]);
            if inverse > 0.0 {
                return 1.0 / inverse;
            }
        }
        between(&self.x, x, |k| self.m[k])
    }

    /// The part between `lo` and `hi`.
    fn part(&self, lo: f64, hi: f64) -> Piece {
        let mut out = Piece::default();
        let end = |x: f64| {
            let (v, m) = self.at(x);
            [x, v, m, self.action(x)]
        };
        let inside = |x: f64| x > lo && x < hi;
        let at = |i: usize| [self.x[i], self.v[i], self.m[i], self.a[i]];
        match self.x.iter().position(|x| *x == lo) {
            Some(i) => out.push(at(i)),
            None => out.push(end(lo)),
        }
        (0..self.x.len())
            .filter(|i| inside(self.x[*i]))
            .for_each(|i| out.push(at(i)));
        match self.x.iter().position(|x| *x == hi) {
            Some(i) => out.push(at(i)),
            None => out.push(end(hi)),
        }
        out
    }
}

/// The cell of `x` among ascending nodes, the first or last one beyond the ends.
fn cell(nodes: &[f64], x: f64) -> usize {
    nodes.partition_point(|n| *n <= x).clamp(1, nodes.len() - 1) - 1
}

/// The nodes of the polynomial over a cell.
fn window(nodes: usize, cell: usize) -> std::ops::Range<usize> {
    let width = WINDOW.min(nodes);
    let first = cell.saturating_sub(width / 2 - 1).min(nodes - width);
    first..first + width
}

/// Lagrange's polynomial through the nodes around `x`; a straight line beyond the ends.
fn between(nodes: &[f64], x: f64, y: impl Fn(usize) -> f64) -> f64 {
    let i = cell(nodes, x);
    let beyond = x < nodes[0] || x > nodes[nodes.len() - 1];
    let near = if beyond { i..i + 2 } else { window(nodes.len(), i) };
    near.clone()
        .map(|j| {
            let others = near.clone().filter(|k| *k != j);
            others.fold(y(j), |p, k| p * (x - nodes[k]) / (nodes[j] - nodes[k]))
        })
        .sum()
}

/// Pieces side by side, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Envelope {
    pub(super) pieces: Vec<Piece>,
}

impl Envelope {
    /// The piece over `near`; the nearest where there is none.
    pub(super) fn piece(&self, near: f64) -> Option<&Piece> {
        let i = self.pieces.partition_point(|p| p.lo() <= near);
        self.pieces.get(i.saturating_sub(1))
    }

    /// Value and marginal value at `x`, read off the piece over `near`; minus infinity where there is none.
    pub(super) fn at(&self, x: f64, near: f64) -> (f64, f64) {
        self.piece(near).map_or((f64::NEG_INFINITY, f64::NAN), |p| p.at(x))
    }

    /// The upper envelope of pieces.
    pub(super) fn of(pieces: &[&Piece]) -> Envelope {
        let mut places: Vec<f64> = pieces.iter().flat_map(|p| p.x.iter().copied()).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let mut parts: Vec<(f64, f64, usize)> = Vec::new();
        for pair in places.windows(2) {
            let over: Vec<usize> = (0..pieces.len())
                .filter(|k| pieces[*k].covers(pair[0], pair[1]))
                .collect();
            divide(pieces, &over, (pair[0], pair[1]), DIVIDED, &mut parts);
        }
        let cut = parts.iter().map(|(lo, hi, k)| pieces[*k].part(*lo, *hi));
        Envelope {
            pieces: cut.filter(|p| p.lo() < p.hi()).collect(),
        }
    }
}

/// The best of the pieces `over` at `x`: `usual` unless another is clearly better.
fn best(pieces: &[&Piece], over: &[usize], x: f64, usual: Option<usize>) -> Option<usize> {
    let mut top = usual.filter(|k| over.contains(k)).or(over.first().copied())?;
    fault!("search.pieces_not_compared", do { return Some(top); });
    let mut most = pieces[top].at(x).0;
    for &k in over {
        let v = pieces[k].at(x).0;
        if v > most + TIE * (1.0 + most.abs()) || !most.is_finite() && v > most {
            (top, most) = (k, v);
        }
    }
    Some(top)
}

/// Adds the best pieces over an interval in which none begins or ends.
fn divide(pieces: &[&Piece], over: &[usize], (lo, hi): (f64, f64), depth: usize, parts: &mut Vec<(f64, f64, usize)>) {
    let usual = parts.last().map(|p| p.2);
    let Some(first) = best(pieces, over, lo, usual) else {
        return;
    };
    let Some(last) = best(pieces, over, hi, Some(first)) else {
        return;
    };
    if first == last {
        return join(parts, lo, hi, first);
    }
    let excess = |x: f64| pieces[last].at(x).0 - pieces[first].at(x).0;
    let (mut a, mut b) = (lo, hi);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (a + b);
        if excess(middle) > 0.0 {
            b = middle;
        } else {
            a = middle;
        }
    }
    let at = 0.5 * (a + b);
    let third = best(pieces, over, at, Some(first)).filter(|k| *k != first && *k != last);
    if third.is_some() && depth > 0 && lo < at && at < hi {
        divide(pieces, over, (lo, at), depth - 1, parts);
        divide(pieces, over, (at, hi), depth - 1, parts);
        return;
    }
    if at > lo {
        join(parts, lo, at, first);
    }
    if hi > at {
        join(parts, at, hi, last);
    }
}

fn join(parts: &mut Vec<(f64, f64, usize)>, lo: f64, hi: f64, piece: usize) {
    match parts.last_mut() {
        Some(last) if last.2 == piece && last.1 == lo => last.1 = hi,
        _ => parts.push((lo, hi, piece)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `v = s log(x) + d`, with consumption `x / s`, on nodes from 1 to 10.
    fn log_piece(s: f64, d: f64, from: f64, to: f64) -> Piece {
        let mut piece = Piece::default();
        for i in 0..=40 {
            let x = from + (to - from) * f64::from(i) / 40.0;
            piece.push([x, s * x.ln() + d, s / x, x / s]);
        }
        piece
    }

    #[test]
    fn a_piece_is_exact_where_consumption_is_straight() {
        let piece = log_piece(1.7, 0.2, 1.0, 10.0);
        for x in [1.0, 1.03, 4.71, 9.99] {
            let (v, m) = piece.at(x);
            // Hermite: h^4/384 of the fourth derivative, 10.2 at the most.
            assert!((v - (1.7 * x.ln() + 0.2)).abs() < 7e-5, "{x} {v}");
            assert!((m * x - 1.7).abs() < 1e-13 && (piece.action(x) - x / 1.7).abs() < 1e-13);
        }
        let (v, m) = piece.at(0.5);
        assert!((v - (1.7 * 0.5f64.ln() + 0.2)).abs() < 1e-13 && (m - 3.4).abs() < 1e-13);
        assert!((piece.at(12.0).1 - 1.7 / 12.0).abs() < 1e-13);
    }

    #[test]
    fn the_envelope_jumps_where_pieces_cross_and_ends_where_they_end() {
        // Two logarithms cross at exp(0.5); the third lies below both.
        let (a, b) = (log_piece(1.0, 0.0, 1.0, 10.0), log_piece(2.0, -0.5, 1.0, 8.0));
        let c = log_piece(1.5, -2.0, 1.0, 10.0);
        let envelope = Envelope::of(&[&a, &b, &c]);
        assert_eq!(envelope.pieces.len(), 3, "{envelope:?}");
        let kink = envelope.pieces[0].hi();
        assert!((kink - 0.5f64.exp()).abs() < 1e-4, "{kink}");
        assert!((envelope.at(kink, kink - 0.01).1 * kink - 1.0).abs() < 1e-9);
        assert!((envelope.at(kink, kink + 0.01).1 * kink - 2.0).abs() < 1e-9);
        // Beyond the end of the better one that which reaches farther.
        assert!((envelope.at(9.0, 9.0).1 * 9.0 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_piece_on_top_in_the_middle_of_a_cell_is_found() {
        let line = |x: [f64; 2], v: [f64; 2]| {
            let m = (v[1] - v[0]) / (x[1] - x[0]);
            let mut p = Piece::default();
            (0..2).for_each(|i| p.push([x[i], v[i], m, 0.0]));
            p
        };
        let (down, flat, up) = (
            line([0.0, 1.0], [1.0, 0.0]),
            line([0.0, 1.0], [0.8, 0.8]),
            line([0.0, 1.0], [0.0, 1.0]),
        );
        let envelope = Envelope::of(&[&down, &flat, &up]);
        let ends: Vec<f64> = envelope.pieces.iter().map(Piece::hi).collect();
        assert_eq!(ends.len(), 3, "{ends:?}");
        assert!((ends[0] - 0.2).abs() < 1e-12 && (ends[1] - 0.8).abs() < 1e-12);
    }
}
