//! The meaning of a graph: a direct, slow interpreter, and the definitions of the scalar functions.
//!
//! Every array is computed element by element from its operands' arrays, roots by scanning and bisection. It is what
//! the kernel is tested against, and what folds constants. Where the order of a sum matters it is part of the meaning:
//! element `i` goes to accumulator `i mod 16`, the accumulators are added pairwise 8 apart, then 4, 2 and 1
//! ([`ordered`]), so that vector width and threads cannot change a result.
//!
//! Conventions (each stated once, here): a condition is true if it is not zero; `min` and `max` give NaN if either
//! argument is NaN; `round` takes halves away from zero; `a mod b = a - b * floor(a / b)` has the sign of `b`;
//! a reduction over nobody gives sum 0, product 1, mean NaN, `min` +inf, `max` -inf, argmax 0, any 0, all 1;
//! `quantile(q)` of `n` sorted values interpolates at `(n - 1) q`, and is NaN if one of them is.

use super::shape::{GraphError, root_dependencies, validate};
use super::{AxisId, Binary, Graph, InputId, NodeId, Op, Reduce, Unary};
use crate::num::normal;
use std::collections::BTreeSet;

/// `op(x)`.
pub fn unary(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Neg => -x,
        Unary::Not => truth(x == 0.0),
        Unary::Abs => x.abs(),
        Unary::Sign => {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Log1p => x.ln_1p(),
        Unary::Sqrt => x.sqrt(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tanh => x.tanh(),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Round => x.round(),
        Unary::NormalCdf => normal::cdf(x),
        Unary::NormalQuantile => normal::quantile(x),
    }
}

/// `op(a, b)`.
pub fn binary(op: Binary, a: f64, b: f64) -> f64 {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => a.powf(b),
        Binary::Mod => modulo(a, b),
        Binary::IntDiv => (a / b).floor(),
        Binary::Min => {
            if a < b || a.is_nan() {
                a
            } else {
                b
            }
        }
        Binary::Max => {
            if a > b || a.is_nan() {
                a
            } else {
                b
            }
        }
        Binary::Eq => truth(a == b),
        Binary::Ne => truth(a != b),
        Binary::Lt => truth(a < b),
        Binary::Le => truth(a <= b),
        Binary::Gt => truth(a > b),
        Binary::Ge => truth(a >= b),
        Binary::And => truth(a != 0.0 && b != 0.0),
        Binary::Or => truth(a != 0.0 || b != 0.0),
    }
}

fn truth(c: bool) -> f64 {
    if c { 1.0 } else { 0.0 }
}

/// Floored remainder; exact for whole numbers below 2^53, never on the wrong side of zero or of `b`.
fn modulo(a: f64, b: f64) -> f64 {
    let k = (a / b).floor();
    let r = if k == 0.0 { a } else { a - b * k };
    let r = if r * b < 0.0 { r + b } else { r };
    if (r - b) * b >= 0.0 { r - b } else { r }
}

/// Combines `n` values with an associative `f` in the fixed order (see the head of this file); `None` if `n` is 0.
pub fn ordered<T: Copy>(n: usize, value: impl Fn(usize) -> T, f: impl Fn(T, T) -> T) -> Option<T> {
    let mut lanes: Vec<T> = (0..n.min(16)).map(&value).collect();
    for i in 16..n {
        lanes[i % 16] = f(lanes[i % 16], value(i));
    }
    for step in [8, 4, 2, 1] {
        for i in 0..step {
            if i + step < lanes.len() {
                lanes[i] = f(lanes[i], lanes[i + step]);
            }
        }
        lanes.truncate(step.max(1).min(lanes.len()));
    }
    lanes.first().copied()
}

/// The sum of `n` values in the fixed order.
pub fn ordered_sum(n: usize, value: impl Fn(usize) -> f64) -> f64 {
    ordered(n, value, |a, b| a + b).unwrap_or(0.0)
}

/// The scalar functions an evaluation uses.
#[derive(Clone, Copy)]
pub struct Functions {
    /// One operand.
    pub unary: fn(Unary, f64) -> f64,
    /// Two operands.
    pub binary: fn(Binary, f64, f64) -> f64,
}

/// The functions of the standard library.
pub const STANDARD: Functions = Functions { unary, binary };

/// How a root problem ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootStatus {
    /// One solution was found and the bracket shows no other.
    One,
    /// No sign change in the bracket; the value is where the residual was smallest.
    None,
    /// Several sign changes; the value is the first root.
    Several,
    /// The iteration did not settle.
    Unsettled,
}

/// All values of one evaluation.
#[derive(Clone, Debug)]
pub struct Values {
    /// The array of every node, row-major over its shape.
    pub nodes: Vec<Vec<f64>>,
    /// How each root problem ended, one entry per problem of the graph (`One` for problems nobody uses).
    pub roots: Vec<RootStatus>,
}

/// Evaluates `graph` on one array per input (row-major over its shape; arrays of unknowns are ignored and may be empty).
///
/// # Errors
/// A graph that is not well formed, arrays of the wrong size.
pub fn evaluate(graph: &Graph, inputs: &[Vec<f64>]) -> Result<Values, GraphError> {
    evaluate_with(graph, inputs, STANDARD)
}

/// As [`evaluate`] (one array per input, row-major over its shape) with other scalar functions: the kernel's own, to
/// compare with it to the bit.
///
/// # Errors
/// Those of [`evaluate`].
pub fn evaluate_with(graph: &Graph, inputs: &[Vec<f64>], functions: Functions) -> Result<Values, GraphError> {
    validate(graph)?;
    let mut arrays: Vec<Vec<f64>> = Vec::new();
    for (i, input) in graph.inputs.iter().enumerate() {
        let expected = graph.elements(&input.shape);
        let unknown = graph.roots.iter().any(|r| r.unknowns.contains(&InputId(i as u32)));
        match inputs.get(i) {
            Some(a) if a.len() == expected => arrays.push(a.clone()),
            _ if unknown => arrays.push(vec![f64::NAN; expected]),
            other => {
                return Err(GraphError::InputSize {
                    name: input.name.clone(),
                    found: other.map_or(0, Vec::len),
                    expected,
                });
            }
        }
    }
    let mut run = Run {
        graph,
        functions,
        inputs: arrays,
        nodes: vec![Vec::new(); graph.nodes.len()],
        solved: vec![None; graph.roots.len()],
        depends: root_dependencies(graph),
    };
    run.pass(graph.nodes.len());
    let roots = run.solved.iter().map(|s| s.unwrap_or(RootStatus::One)).collect();
    Ok(Values {
        nodes: run.nodes,
        roots,
    })
}

struct Run<'a> {
    graph: &'a Graph,
    functions: Functions,
    inputs: Vec<Vec<f64>>,
    nodes: Vec<Vec<f64>>,
    /// Root problems solved at the present values of everything else.
    solved: Vec<Option<RootStatus>>,
    /// Which roots each node moves with.
    depends: Vec<BTreeSet<usize>>,
}

/// Position along every axis of the graph; axes that are not part of a loop stay where they are.
type Index = Vec<usize>;

impl Run<'_> {
    fn size(&self, axis: AxisId) -> usize {
        self.graph.axes[axis.0 as usize].size
    }

    fn offset(&self, shape: &[AxisId], at: &Index) -> usize {
        shape.iter().fold(0, |sum, a| sum * self.size(*a) + at[a.0 as usize])
    }

    fn at(&self, node: NodeId, at: &Index) -> f64 {
        let n = node.0 as usize;
        self.nodes[n][self.offset(&self.graph.nodes[n].shape, at)]
    }

    /// Computes the nodes before `end`, solving roots where their first value is asked for.
    fn pass(&mut self, end: usize) {
        for n in 0..end {
            self.compute(n);
        }
    }

    fn compute(&mut self, n: usize) {
        if let Op::Root { root, .. } = self.graph.nodes[n].op
            && self.solved[root].is_none()
        {
            let status = self.solve(root, n);
            self.solved[root] = Some(status);
        }
        self.nodes[n] = self.node(n);
    }

    fn node(&self, n: usize) -> Vec<f64> {
        let node = &self.graph.nodes[n];
        let elements = self.graph.elements(&node.shape);
        let mut out = Vec::with_capacity(elements);
        let mut at: Index = vec![0; self.graph.axes.len()];
        for e in 0..elements {
            crate::limits::poll();
            let mut rest = e;
            for a in node.shape.iter().rev() {
                at[a.0 as usize] = rest % self.size(*a);
                rest /= self.size(*a);
            }
            out.push(self.element(&node.op, e, &at));
        }
        out
    }

    fn element(&self, op: &Op, e: usize, at: &Index) -> f64 {
        let with = |changes: &[(AxisId, usize)]| {
            let mut moved = at.clone();
            for (axis, position) in changes {
                moved[axis.0 as usize] = *position;
            }
            moved
        };
        match op {
            Op::Const(x) => *x,
            Op::Table(values) => values[e],
            Op::Input(i) => self.inputs[i.0 as usize][self.offset(&self.graph.inputs[i.0 as usize].shape, at)],
            Op::Position(axis) => at[axis.0 as usize] as f64 + 1.0,
            Op::Unary(f, x) => (self.functions.unary)(*f, self.at(*x, at)),
            Op::Binary(f, a, b) => (self.functions.binary)(*f, self.at(*a, at), self.at(*b, at)),
            Op::Select(c, a, b) => self.at(if self.at(*c, at) != 0.0 { *a } else { *b }, at),
            Op::Reduce { how, of, axis, when } => {
                let n = self.size(*axis);
                let value = |i: usize| self.at(*of, &with(&[(*axis, i)]));
                let chosen = |i: usize| when.is_none_or(|w| self.at(w, &with(&[(*axis, i)])) != 0.0);
                reduce(*how, n, value, chosen, when.is_some(), self.functions)
            }
            Op::Take { of, axis, at: position } => {
                let i = position_on(self.at(*position, at), self.size(*axis));
                self.at(*of, &with(&[(*axis, i)]))
            }
            Op::Relabel { of, from, to } => self.at(*of, &with(&[(*from, at[to.0 as usize])])),
            Op::Others { of, axis, into } => {
                let (me, other) = (at[axis.0 as usize], at[into.0 as usize]);
                self.at(*of, &with(&[(*axis, other + usize::from(other >= me))]))
            }
            Op::Slice { of, from, to, first } => self.at(*of, &with(&[(*from, first + at[to.0 as usize])])),
            Op::Stack { parts, to } => {
                let mut i = at[to.0 as usize];
                for (part, axis) in parts {
                    if i < self.size(*axis) {
                        return self.at(*part, &with(&[(*axis, i)]));
                    }
                    i -= self.size(*axis);
                }
                f64::NAN // not reached: the parts fill the axis
            }
            Op::Root { root, which } => {
                let input = self.graph.roots[*root].unknowns[*which].0 as usize;
                self.inputs[input][self.offset(&self.graph.inputs[input].shape, at)]
            }
        }
    }

    /// Residuals at `x` (all unknowns one after the other, row-major).
    fn residual(&mut self, root: usize, end: usize, x: &[f64]) -> Vec<f64> {
        let graph = self.graph;
        let mut rest = x;
        for u in &graph.roots[root].unknowns {
            let (mine, others) = rest.split_at(self.inputs[u.0 as usize].len());
            self.inputs[u.0 as usize].copy_from_slice(mine);
            rest = others;
        }
        // Problems inside this one must be solved again.
        for other in 0..self.solved.len() {
            let inside = graph.roots[other]
                .residuals
                .iter()
                .chain(graph.roots[other].brackets.iter().flat_map(|(lo, hi)| [lo, hi]))
                .any(|n| self.depends[n.0 as usize].contains(&root));
            if other != root && inside {
                self.solved[other] = None;
            }
        }
        for n in 0..end {
            if self.depends[n].contains(&root) {
                self.compute(n);
            }
        }
        let mut f = Vec::with_capacity(x.len());
        for (u, r) in graph.roots[root].unknowns.iter().zip(&graph.roots[root].residuals) {
            f.extend(self.spread(*r, *u));
        }
        f
    }

    /// The array of `node` over the shape of input `like`.
    fn spread(&self, node: NodeId, like: InputId) -> Vec<f64> {
        let shape = &self.graph.inputs[like.0 as usize].shape;
        let mut at: Index = vec![0; self.graph.axes.len()];
        (0..self.graph.elements(shape))
            .map(|e| {
                let mut rest = e;
                for a in shape.iter().rev() {
                    at[a.0 as usize] = rest % self.size(*a);
                    rest /= self.size(*a);
                }
                self.at(node, &at)
            })
            .collect()
    }

    /// Solves a root problem whose value is first asked for by node `end`; leaves its unknowns, and every node before
    /// `end`, at the solution.
    fn solve(&mut self, root: usize, end: usize) -> RootStatus {
        let graph = self.graph;
        self.solved[root] = Some(RootStatus::One); // its own nodes stand after `end`
        let mut lo = Vec::new();
        let mut hi = Vec::new();
        for (u, (l, h)) in graph.roots[root].unknowns.iter().zip(&graph.roots[root].brackets) {
            lo.extend(self.spread(*l, *u));
            hi.extend(self.spread(*h, *u));
        }
        let n = lo.len();
        let mut x: Vec<f64> = (0..n).map(|i| middle(lo[i], hi[i])).collect();
        let mut status = RootStatus::One;
        if n == 1 {
            let (value, s) = scan_and_bisect(lo[0], hi[0], |v| self.residual(root, end, &[v])[0]);
            x[0] = value;
            status = s;
        } else if n > 1 {
            // Nonlinear Gauss-Seidel: each equation solved for its own unknown, until nothing moves.
            let mut settled = false;
            for _ in 0..500 {
                let mut moved: f64 = 0.0;
                for i in 0..n {
                    let before = x[i];
                    let (value, s) = scan_and_bisect(lo[i], hi[i], |v| {
                        let mut y = x.clone();
                        y[i] = v;
                        self.residual(root, end, &y)[i]
                    });
                    x[i] = value;
                    moved = moved.max((value - before).abs() / value.abs().max(1.0));
                    status = s;
                }
                if moved < 1e-14 {
                    settled = true;
                    break;
                }
            }
            if !settled {
                status = RootStatus::Unsettled;
            }
        }
        self.residual(root, end, &x);
        status
    }
}

fn middle(lo: f64, hi: f64) -> f64 {
    match (lo.is_finite(), hi.is_finite()) {
        (true, true) => 0.5 * (lo + hi),
        (true, false) => lo + 1.0,
        (false, true) => hi - 1.0,
        (false, false) => 0.0,
    }
}

/// Point `u` in [0, 1] of a bracket whose ends may be infinite.
fn point(lo: f64, hi: f64, u: f64) -> f64 {
    match (lo.is_finite(), hi.is_finite()) {
        (true, true) if lo > 0.0 && hi > 50.0 * lo => (lo.ln() + (hi.ln() - lo.ln()) * u).exp(),
        (true, true) => lo + (hi - lo) * u,
        (true, false) if u == 0.0 => lo,
        (false, true) if u == 1.0 => hi,
        (true, false) => lo + 2f64.powf(96.0 * u - 32.0),
        (false, true) => hi - 2f64.powf(96.0 * (1.0 - u) - 32.0),
        (false, false) if u == 0.5 => 0.0,
        (false, false) => (2.0 * u - 1.0).signum() * 2f64.powf(96.0 * (2.0 * u - 1.0).abs() - 32.0),
    }
}

/// The lowest root between two ends, and whether there is another. Jumps and poles are no roots; where the residual touches zero is one.
fn scan_and_bisect(lo: f64, hi: f64, mut f: impl FnMut(f64) -> f64) -> (f64, RootStatus) {
    const CELLS: usize = 256;
    let mut seen: Vec<(f64, f64)> = Vec::new();
    for k in 0..=CELLS {
        let x = point(lo, hi, k as f64 / CELLS as f64);
        let y = if x.is_finite() { f(x) } else { f64::NAN };
        if !y.is_nan() {
            seen.push((x, y));
        }
    }
    for (x, y) in dips(&seen, &mut f) {
        let at = seen.partition_point(|(before, _)| *before < x);
        seen.insert(at, (x, y));
    }
    let mut roots: Vec<f64> = seen
        .first()
        .filter(|(_, y)| *y == 0.0)
        .map(|p| p.0)
        .into_iter()
        .collect();
    let mut jump = None;
    for pair in seen.windows(2) {
        let ((a, fa), (b, fb)) = (pair[0], pair[1]);
        if fa == 0.0 || !(fb == 0.0 || (fa < 0.0) != (fb < 0.0)) {
            continue;
        }
        let (x, is_root) = bisect(a, fa, b, fb, &mut f);
        match is_root {
            true => roots.push(x),
            false => jump = jump.or(Some(x)),
        }
        if roots.len() > 1 {
            return (roots[0], RootStatus::Several);
        }
    }
    match (roots.first(), jump) {
        (Some(x), _) => (*x, RootStatus::One),
        (None, Some(x)) => (x, RootStatus::Unsettled),
        (None, None) => touching(lo, &seen, f),
    }
}

/// Where a residual of one sign comes closer to zero than at the points beside it, and crosses or touches zero there: the place of the
/// least value, by thirds, and that value (zero where it touches).
fn dips(seen: &[(f64, f64)], f: &mut impl FnMut(f64) -> f64) -> Vec<(f64, f64)> {
    let mut found = Vec::new();
    for k in 0..seen.len() {
        let (_, y) = seen[k];
        let beside = [k.checked_sub(1), Some(k + 1)].map(|i| i.and_then(|i| seen.get(i)).map(|p| p.1));
        let one_sign = beside.iter().flatten().all(|other| other * y > 0.0);
        let closest = beside.iter().flatten().all(|other| y.abs() <= other.abs())
            && beside.iter().flatten().any(|other| y.abs() < other.abs());
        let scale = beside
            .iter()
            .flatten()
            .map(|y| y.abs())
            .filter(|y| y.is_finite())
            .fold(0.0, f64::max);
        if !(one_sign && closest && scale > 0.0) {
            continue;
        }
        let (mut a, mut b) = (seen[k.saturating_sub(1)].0, seen[(k + 1).min(seen.len() - 1)].0);
        let mut least = (seen[k].0, y.abs());
        for _ in 0..100 {
            let (left, right) = (a + (b - a) / 3.0, b - (b - a) / 3.0);
            let (l, r) = (f(left) * y.signum(), f(right) * y.signum());
            for (x, size) in [(left, l), (right, r)] {
                if size < least.1 {
                    least = (x, size);
                }
            }
            if least.1 < -1e-10 * scale {
                break;
            }
            if l <= r {
                b = right;
            } else {
                a = left;
            }
        }
        if least.1 < -1e-10 * scale {
            found.push((least.0, least.1 * y.signum()));
        } else if least.1 <= 1e-10 * scale {
            found.push((least.0, 0.0));
        }
    }
    found
}

/// Where a cell changes sign, and whether the residual shrinks with the cell: at a jump or a pole it does not.
fn bisect(mut a: f64, fa: f64, mut b: f64, fb: f64, f: &mut impl FnMut(f64) -> f64) -> (f64, bool) {
    let far = fa.abs().max(fb.abs());
    // Bisection needs one step per bit of the widest exponent range.
    for _ in 0..2200 {
        let mid = 0.5 * (a + b);
        if mid <= a || mid >= b {
            break;
        }
        let y = f(mid);
        if y != 0.0 && (y < 0.0) == (fa < 0.0) {
            a = mid;
        } else {
            b = mid;
        }
    }
    let (ya, yb) = (f(a).abs(), f(b).abs());
    let near = ya.min(yb);
    let shrinks = if far.is_finite() {
        near <= 1e-6 * far
    } else {
        near <= 1e-3 * fa.abs().min(fb.abs())
    };
    (if ya < yb { a } else { b }, shrinks)
}

/// The smallest residual without a change of sign, by thirds of the two cells around it; a root if it vanishes against its neighbours.
fn touching(lo: f64, seen: &[(f64, f64)], mut f: impl FnMut(f64) -> f64) -> (f64, RootStatus) {
    let size = |p: &(f64, f64)| p.1.abs();
    let Some(k) = (0..seen.len()).min_by(|i, j| size(&seen[*i]).total_cmp(&size(&seen[*j]))) else {
        return (lo, RootStatus::None);
    };
    let (mut a, mut b) = (seen[k.saturating_sub(1)].0, seen[(k + 1).min(seen.len() - 1)].0);
    let beside = size(&seen[k.saturating_sub(1)]).max(size(&seen[(k + 1).min(seen.len() - 1)]));
    for _ in 0..100 {
        let (left, right) = (a + (b - a) / 3.0, b - (b - a) / 3.0);
        if f(left).abs() <= f(right).abs() {
            b = right;
        } else {
            a = left;
        }
    }
    let x = 0.5 * (a + b);
    if beside.is_finite() && f(x).abs() <= 1e-10 * beside {
        (x, RootStatus::One)
    } else {
        (seen[k].0, RootStatus::None)
    }
}

/// Position from 0: rounded down, clamped to the axis; NaN counts as 0.
pub fn position_on(at: f64, size: usize) -> usize {
    (at.max(0.0) as usize).min(size.saturating_sub(1))
}

/// A reduction over `n` values, of those with `chosen` only.
fn reduce(
    how: Reduce,
    n: usize,
    value: impl Fn(usize) -> f64,
    chosen: impl Fn(usize) -> bool,
    masked: bool,
    functions: Functions,
) -> f64 {
    let pick = |i: usize, otherwise: f64| if chosen(i) { value(i) } else { otherwise };
    let count = if masked {
        ordered_sum(n, |i| truth(chosen(i)))
    } else {
        n as f64
    };
    match how {
        Reduce::Sum => ordered_sum(n, |i| pick(i, 0.0)),
        Reduce::Mean => ordered_sum(n, |i| pick(i, 0.0)) / count,
        Reduce::Prod => ordered(n, |i| pick(i, 1.0), |a, b| a * b).unwrap_or(1.0),
        Reduce::Min => ordered(
            n,
            |i| pick(i, f64::INFINITY),
            |a, b| (functions.binary)(Binary::Min, a, b),
        )
        .unwrap_or(f64::INFINITY),
        Reduce::Max => ordered(
            n,
            |i| pick(i, f64::NEG_INFINITY),
            |a, b| (functions.binary)(Binary::Max, a, b),
        )
        .unwrap_or(f64::NEG_INFINITY),
        Reduce::Std => {
            let mean = ordered_sum(n, |i| pick(i, 0.0)) / count;
            let square = |i: usize| {
                let d = value(i) - mean;
                if chosen(i) { d * d } else { 0.0 }
            };
            (functions.unary)(Unary::Sqrt, ordered_sum(n, square) / count)
        }
        Reduce::Argmax => {
            let mut best: Option<(usize, f64)> = None;
            for i in (0..n).filter(|i| chosen(*i)) {
                if best.is_none_or(|(_, b)| value(i) > b) {
                    best = Some((i, value(i)));
                }
            }
            best.map_or(0.0, |(i, _)| i as f64 + 1.0)
        }
        Reduce::Count => ordered_sum(n, |i| truth(chosen(i) && value(i) != 0.0)),
        Reduce::Any => truth((0..n).any(|i| chosen(i) && value(i) != 0.0)),
        Reduce::All => truth((0..n).all(|i| !chosen(i) || value(i) != 0.0)),
        Reduce::Quantile(level) => {
            let mut sorted: Vec<f64> = (0..n).filter(|i| chosen(*i)).map(&value).collect();
            quantile(level, &mut sorted)
        }
    }
}

/// The `level`-quantile of a list of values, one number per member (they are sorted in place); NaN if there are none or
/// one is NaN.
pub fn quantile(level: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || values.iter().any(|v| v.is_nan()) {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    let h = (values.len() - 1) as f64 * level;
    let below = h.floor();
    let a = values[below as usize];
    let b = values[(below as usize + 1).min(values.len() - 1)];
    let w = h - below;
    if w == 0.0 { a } else { a + w * (b - a) }
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, AxisKind, InputKind, Interval, Phase, Root};
    use super::*;
    use crate::diag::Span;

    fn axis(name: &str, size: usize, kind: AxisKind) -> Axis {
        Axis {
            name: name.into(),
            size,
            continuum: false,
            kind,
        }
    }
    fn add(g: &mut Graph, op: Op) -> NodeId {
        g.add(op, Span::default()).unwrap()
    }

    #[test]
    fn shapes_align_by_axis_and_others_leaves_me_out() {
        let mut g = Graph {
            axes: vec![
                axis("firm", 3, AxisKind::Population),
                axis("good", 2, AxisKind::Set),
                axis("others(firm)", 2, AxisKind::Others(AxisId(0))),
            ],
            ..Graph::default()
        };
        let (firm, good, others) = (AxisId(0), AxisId(1), AxisId(2));
        let q = g.add_input(
            "firm.q",
            InputKind::State(0),
            vec![firm, good],
            Interval::all(),
            Phase::Dated,
        );
        let p = g.add_input("p", InputKind::State(1), vec![good], Interval::all(), Phase::Dated);
        let pq = add(&mut g, Op::Binary(Binary::Mul, p, q));
        let total = add(
            &mut g,
            Op::Reduce {
                how: Reduce::Sum,
                of: pq,
                axis: good,
                when: None,
            },
        );
        let rivals = add(
            &mut g,
            Op::Others {
                of: total,
                axis: firm,
                into: others,
            },
        );
        let most = add(
            &mut g,
            Op::Reduce {
                how: Reduce::Argmax,
                of: rivals,
                axis: others,
                when: None,
            },
        );
        let v = evaluate(&g, &[vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![10.0, 1.0]]).unwrap();
        assert_eq!(v.nodes[total.0 as usize], [12.0, 34.0, 56.0]);
        assert_eq!(v.nodes[rivals.0 as usize], [34.0, 56.0, 12.0, 56.0, 12.0, 34.0]);
        assert_eq!(v.nodes[most.0 as usize], [2.0, 2.0, 2.0]);
        assert!(evaluate(&g, &[vec![1.0], vec![]]).is_err());
    }

    /// Linear demand `a - b p` against supply `c p` clears at `a / (b + c)`, one price per industry.
    #[test]
    fn a_market_clears_in_every_element() {
        let mut g = Graph {
            axes: vec![axis("industry", 3, AxisKind::Population)],
            ..Graph::default()
        };
        let industry = vec![AxisId(0)];
        let a = g.add_input(
            "a",
            InputKind::State(0),
            industry.clone(),
            Interval::all(),
            Phase::Dated,
        );
        let p = g.add_input("p", InputKind::Unknown(0), industry, Interval::all(), Phase::Cleared);
        let two = add(&mut g, Op::Const(2.0));
        let demand = add(&mut g, Op::Binary(Binary::Sub, a, p));
        let supply = add(&mut g, Op::Binary(Binary::Mul, two, p));
        let excess = add(&mut g, Op::Binary(Binary::Sub, demand, supply));
        let lo = add(&mut g, Op::Const(0.0));
        let hi = add(&mut g, Op::Const(100.0));
        g.roots.push(Root {
            unknowns: vec![InputId(1)],
            residuals: vec![excess],
            brackets: vec![(lo, hi)],
            spans: vec![Span::default()],
        });
        let price = add(&mut g, Op::Root { root: 0, which: 0 });
        let v = evaluate(&g, &[vec![3.0, 30.0, 60.0], vec![]]).unwrap();
        for (found, expected) in v.nodes[price.0 as usize].iter().zip([1.0, 10.0, 20.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert_eq!(v.roots, [RootStatus::One]);
        assert!((v.nodes[supply.0 as usize][2] - 40.0).abs() < 1e-11);
    }

    #[test]
    fn the_order_of_a_sum_is_sixteen_accumulators_and_a_tree() {
        let x: Vec<f64> = (0..37).map(|i| 1.0 / (i as f64 + 0.3)).collect();
        let mut acc = [0.0; 16];
        for (i, v) in x.iter().enumerate() {
            acc[i % 16] += v;
        }
        let pair = |a: &[f64], h: usize| (0..h).map(|i| a[i] + a[i + h]).collect::<Vec<_>>();
        let tree = pair(&pair(&pair(&pair(&acc, 8), 4), 2), 1)[0];
        assert_eq!(ordered_sum(37, |i| x[i]), tree);
        assert_eq!(ordered_sum(3, |i| x[i]), (x[0] + x[2]) + x[1]);
        assert_eq!(ordered_sum(0, |i| x[i]), 0.0);
    }

    #[test]
    fn quantiles_and_remainders_follow_their_conventions() {
        assert_eq!(quantile(0.5, &mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(quantile(1.0, &mut [4.0, 1.0]), 4.0);
        assert_eq!(binary(Binary::Mod, -7.0, 3.0), 2.0);
        assert_eq!(binary(Binary::Mod, 7.0, -3.0), -2.0);
        assert_eq!(binary(Binary::Mod, 5.0, f64::INFINITY), 5.0);
        assert!(binary(Binary::Mod, -1e-20, 1.0) < 1.0);
        assert!(binary(Binary::Min, 1.0, f64::NAN).is_nan() && binary(Binary::Max, f64::NAN, 1.0).is_nan());
    }
}
