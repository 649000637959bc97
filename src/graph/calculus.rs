//! Derivatives of shaped graphs, graph to graph: tangents (forward) and adjoints (reverse), through markets by the implicit
//! function theorem. Axes are never unrolled: the adjoint of a reduction is a broadcast and that of a broadcast a
//! reduction, so the derivative of an economy of ten thousand members has as many nodes as that of ten.
//!
//! A derivative may lack axes of what it belongs to: it is then the same along them. Absent (`None`) means zero.
//!
//! At a root `f(u, x) = 0` the tangent solves `J du = -f_x dx` with `J = f_u`, the adjoint `J' l = g` and then adds
//! `-f_x' l`. If every element of the unknowns meets itself only (one price, or a price an industry), the system is
//! eliminated element by element. Else the linear system becomes a root problem of its own, whose residual is again a
//! derivative: nothing is unrolled.
//!
//! Subgradients are those of `kernel/differentiate.rs`: steps have derivative 0, `min` and `max` of equal operands the
//! mean of both. The minimum of several equal members moves with their mean; a quantile with the one or two order
//! statistics between which it lies.
//!
//! Reference: Griewank and Walther (2008), *Evaluating Derivatives*, chapters 3 and 15.

use super::build::Builder;
use super::shape::{operands, root_dependencies};
use super::{
    Axis, AxisId, AxisKind, Binary, InputId, InputKind, Interval, NodeId, Op, Phase, Reduce, Root, Shape, Unary,
};
use crate::diag::Span;
use std::collections::{BTreeMap, BTreeSet};

type Tangent = Option<NodeId>;
type Seeds = BTreeMap<InputId, NodeId>;

/// The tangent of each of `of` when input `seeds[i].0` moves with tangent `seeds[i].1` (axes of the input or fewer).
pub fn tangents(b: &mut Builder, of: &[NodeId], seeds: &[(InputId, NodeId)]) -> Vec<Tangent> {
    let seeds: Seeds = seeds.iter().copied().collect();
    forward(b, of, &seeds, &BTreeSet::new())
}

/// The derivative of the sum over all elements of `seeds[i].0 * seeds[i].1` with respect to each of `wrt`, of the
/// shape of the input.
pub fn adjoints(b: &mut Builder, seeds: &[(NodeId, NodeId)], wrt: &[InputId]) -> Vec<Tangent> {
    let found = reverse(b, seeds, wrt, &BTreeSet::new());
    let fitted = found.into_iter().zip(wrt).map(|(t, input)| {
        let shape = b.graph.inputs[input.0 as usize].shape.clone();
        t.map(|t| spread(b, t, &shape))
    });
    fitted.collect()
}

/// The same value with all axes of `shape`.
fn spread(b: &mut Builder, x: NodeId, shape: &Shape) -> NodeId {
    if b.shape(x) == shape {
        return x;
    }
    let n = b.graph.elements(shape);
    let zeros = b.table(vec![0.0; n], shape.clone(), Span::default());
    b.binary(Binary::Add, x, zeros, Span::default())
}

// ---- Arithmetic in which absent is zero

fn plus(b: &mut Builder, x: Tangent, y: Tangent) -> Tangent {
    match (x, y) {
        (Some(x), Some(y)) => Some(b.binary(Binary::Add, x, y, Span::default())),
        (x, y) => x.or(y),
    }
}
fn times(b: &mut Builder, factor: NodeId, t: Tangent) -> Tangent {
    let t = t?;
    match (b.constant_value(factor), b.constant_value(t)) {
        (Some(0.0), _) => None,
        (Some(1.0), _) => Some(t),
        (_, Some(1.0)) => Some(factor),
        _ => Some(b.binary(Binary::Mul, factor, t, Span::default())),
    }
}
fn minus(b: &mut Builder, t: Tangent) -> Tangent {
    t.map(|t| b.unary(Unary::Neg, t, Span::default()))
}
fn number(b: &mut Builder, x: f64) -> NodeId {
    b.constant(x, Span::default())
}

/// Shorthand for the operations of derivatives, which have no place in a file.
struct Make<'a>(&'a mut Builder);

impl Make<'_> {
    fn unary(&mut self, op: Unary, x: NodeId) -> NodeId {
        self.0.unary(op, x, Span::default())
    }
    fn binary(&mut self, op: Binary, x: NodeId, y: NodeId) -> NodeId {
        self.0.binary(op, x, y, Span::default())
    }
    fn select(&mut self, c: NodeId, x: NodeId, y: NodeId) -> NodeId {
        self.0.select(c, x, y, Span::default())
    }
    fn reduce(&mut self, how: Reduce, x: NodeId, axis: AxisId, when: Option<NodeId>) -> NodeId {
        self.0.reduce(how, x, axis, when, Span::default())
    }
    fn number(&mut self, x: f64) -> NodeId {
        number(self.0, x)
    }
    /// The sum over an axis, which `x` may lack.
    fn sum(&mut self, x: NodeId, axis: AxisId) -> NodeId {
        if self.0.shape(x).contains(&axis) {
            return self.reduce(Reduce::Sum, x, axis, None);
        }
        let size = self.number(self.0.axis(axis).size as f64);
        self.binary(Binary::Mul, size, x)
    }
    /// The sum over all axes of `from` that `to` lacks.
    fn project(&mut self, x: NodeId, from: &[AxisId], to: &[AxisId]) -> NodeId {
        let gone = from.iter().filter(|a| !to.contains(a));
        gone.fold(x, |x, a| self.sum(x, *a))
    }
    /// Places along an axis, from 0.
    fn places(&mut self, axis: AxisId) -> NodeId {
        let p = self.0.position(axis, Span::default());
        let one = self.number(1.0);
        self.binary(Binary::Sub, p, one)
    }
    /// A further copy of an axis that occurs nowhere in `taken`.
    fn copy_of(&mut self, axis: AxisId, taken: &[&Shape]) -> AxisId {
        let free = |a: AxisId| taken.iter().all(|s| !s.contains(&a));
        let axes = self.0.graph.axes.len() as u32;
        let known = (0..axes)
            .map(AxisId)
            .find(|a| self.0.axis(*a).kind == AxisKind::Alias(axis) && free(*a));
        known.unwrap_or_else(|| {
            let of = self.0.axis(axis).clone();
            self.0.add_axis(Axis {
                name: format!("{}'", of.name),
                kind: AxisKind::Alias(axis),
                ..of
            })
        })
    }
    fn relabel(&mut self, x: NodeId, from: AxisId, to: AxisId) -> NodeId {
        self.0.relabel(x, from, to, Span::default())
    }
}

// ---- Slopes

/// The derivative of `op(x)`, itself node `value`; `None` where it is zero.
fn slope(b: &mut Builder, op: Unary, x: NodeId, value: NodeId) -> Tangent {
    let mut m = Make(b);
    let one = m.number(1.0);
    Some(match op {
        Unary::Neg => m.number(-1.0),
        Unary::Not | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round => return None,
        Unary::Abs => m.unary(Unary::Sign, x),
        Unary::Exp => value,
        Unary::Log => m.binary(Binary::Div, one, x),
        Unary::Log1p => {
            let d = m.binary(Binary::Add, one, x);
            m.binary(Binary::Div, one, d)
        }
        Unary::Sqrt => {
            let half = m.number(0.5);
            m.binary(Binary::Div, half, value)
        }
        Unary::Sin => m.unary(Unary::Cos, x),
        Unary::Cos => {
            let s = m.unary(Unary::Sin, x);
            m.unary(Unary::Neg, s)
        }
        Unary::Tanh => {
            let square = m.binary(Binary::Mul, value, value);
            m.binary(Binary::Sub, one, square)
        }
        Unary::NormalCdf => density(&mut m, x),
        Unary::NormalQuantile => {
            let d = density(&mut m, value);
            m.binary(Binary::Div, one, d)
        }
    })
}

fn density(m: &mut Make, x: NodeId) -> NodeId {
    let minus_half = m.number(-0.5);
    let scale = m.number(1.0 / (2.0 * std::f64::consts::PI).sqrt());
    let square = m.binary(Binary::Mul, x, x);
    let exponent = m.binary(Binary::Mul, minus_half, square);
    let e = m.unary(Unary::Exp, exponent);
    m.binary(Binary::Mul, scale, e)
}

/// Derivatives of `op(x, y)`, itself node `value`, with respect to `x` and to `y`, each only if wanted.
fn slopes(b: &mut Builder, op: Binary, x: NodeId, y: NodeId, value: NodeId, wanted: [bool; 2]) -> [Tangent; 2] {
    let mut m = Make(b);
    let one = m.number(1.0);
    let [first, second] = wanted;
    match op {
        Binary::Add => [Some(one), Some(one)],
        Binary::Sub => [Some(one), Some(m.number(-1.0))],
        Binary::Mul => [Some(y), Some(x)],
        Binary::Div => [
            first.then(|| m.binary(Binary::Div, one, y)),
            second.then(|| {
                let q = m.binary(Binary::Div, value, y);
                m.unary(Unary::Neg, q)
            }),
        ],
        Binary::Pow => [
            first.then(|| {
                let less = m.binary(Binary::Sub, y, one);
                let p = m.binary(Binary::Pow, x, less);
                m.binary(Binary::Mul, y, p)
            }),
            second.then(|| {
                let zero = m.number(0.0);
                let l = m.unary(Unary::Log, x);
                let t = m.binary(Binary::Mul, value, l);
                let positive = m.binary(Binary::Lt, zero, x);
                m.select(positive, t, zero)
            }),
        ],
        Binary::Mod => [
            Some(one),
            second.then(|| {
                let k = m.binary(Binary::IntDiv, x, y);
                m.unary(Unary::Neg, k)
            }),
        ],
        Binary::Min | Binary::Max => {
            // Weight of `x`: 1, 0, or a half where they are equal.
            let (p, q) = if op == Binary::Min { (x, y) } else { (y, x) };
            let half = m.number(0.5);
            let strictly = m.binary(Binary::Lt, p, q);
            let weakly = m.binary(Binary::Le, p, q);
            let both = m.binary(Binary::Add, strictly, weakly);
            let w = m.binary(Binary::Mul, half, both);
            [Some(w), second.then(|| m.binary(Binary::Sub, one, w))]
        }
        Binary::IntDiv
        | Binary::Eq
        | Binary::Ne
        | Binary::Lt
        | Binary::Le
        | Binary::Gt
        | Binary::Ge
        | Binary::And
        | Binary::Or => [None, None],
    }
}

/// The derivative of a reduction, itself node `value`, with respect to each member; `None` where it is zero.
fn weights(
    b: &mut Builder,
    how: Reduce,
    x: NodeId,
    axis: AxisId,
    when: Option<NodeId>,
    value: NodeId,
) -> Option<NodeId> {
    let mut m = Make(b);
    let (zero, one) = (m.number(0.0), m.number(1.0));
    let chosen = |m: &mut Make, w: NodeId| match when {
        Some(c) => m.select(c, w, zero),
        None => w,
    };
    let size = m.0.axis(axis).size as f64;
    let count = |m: &mut Make| match when {
        None => m.number(size),
        Some(c) => {
            let c = m.binary(Binary::Ne, c, zero);
            m.sum(c, axis)
        }
    };
    // The members equal to `to`, with weights that sum to one.
    let equal = |m: &mut Make, to: NodeId| {
        let e = m.binary(Binary::Eq, x, to);
        let e = chosen(m, e);
        let n = m.sum(e, axis);
        m.binary(Binary::Div, e, n)
    };
    match how {
        Reduce::Sum => Some(chosen(&mut m, one)),
        Reduce::Mean => {
            let n = count(&mut m);
            let w = m.binary(Binary::Div, one, n);
            Some(chosen(&mut m, w))
        }
        Reduce::Prod => {
            // The product of the others: the total by the own, or what is left beside a single zero.
            let own = match when {
                Some(c) => m.select(c, x, one),
                None => x,
            };
            let is_zero = m.binary(Binary::Eq, own, zero);
            let zeros = m.sum(is_zero, axis);
            let filled = m.select(is_zero, one, own);
            let rest = if m.0.shape(filled).contains(&axis) {
                m.reduce(Reduce::Prod, filled, axis, None)
            } else {
                let n = m.number(size);
                m.binary(Binary::Pow, filled, n)
            };
            let quotient = m.binary(Binary::Div, rest, filled);
            let none = m.binary(Binary::Lt, zeros, one);
            let single = m.binary(Binary::Eq, zeros, one);
            let single = m.binary(Binary::And, single, is_zero);
            let beside = m.select(single, rest, zero);
            let w = m.select(none, quotient, beside);
            Some(chosen(&mut m, w))
        }
        Reduce::Min | Reduce::Max => Some(equal(&mut m, value)),
        Reduce::Std => {
            let mean = m.reduce(Reduce::Mean, x, axis, when);
            let d = m.binary(Binary::Sub, x, mean);
            let n = count(&mut m);
            let scale = m.binary(Binary::Mul, value, n);
            let w = m.binary(Binary::Div, d, scale);
            Some(chosen(&mut m, w))
        }
        Reduce::Quantile(level) => {
            let n = count(&mut m);
            let last = m.binary(Binary::Sub, n, one);
            let level = m.number(level);
            let h = m.binary(Binary::Mul, last, level);
            let whole = m.unary(Unary::Floor, h);
            let share = m.binary(Binary::Sub, h, whole);
            let side = |m: &mut Make, how: Reduce, c: NodeId| {
                let c = match when {
                    Some(w) => m.binary(Binary::And, w, c),
                    None => c,
                };
                let neighbour = m.reduce(how, x, axis, Some(c));
                equal(m, neighbour)
            };
            let below = m.binary(Binary::Le, x, value);
            let below = side(&mut m, Reduce::Max, below);
            let above = m.binary(Binary::Ge, x, value);
            let above = side(&mut m, Reduce::Min, above);
            let difference = m.binary(Binary::Sub, above, below);
            let step = m.binary(Binary::Mul, share, difference);
            Some(m.binary(Binary::Add, below, step))
        }
        Reduce::Argmax | Reduce::Count | Reduce::Any | Reduce::All => None,
    }
}

// ---- Forward

/// The nodes that `of` read without entering a root problem, in order.
fn cone(b: &Builder, of: &[NodeId]) -> BTreeSet<NodeId> {
    let mut seen = BTreeSet::new();
    let mut stack = of.to_vec();
    while let Some(id) = stack.pop() {
        if seen.insert(id) {
            stack.extend(operands(&b.node(id).op));
        }
    }
    seen
}

/// The root problem an unknown belongs to, and its number there.
fn root_of(b: &Builder, input: InputId) -> Option<(usize, usize)> {
    let roots = b.graph.roots.iter().enumerate();
    roots
        .filter_map(|(r, root)| root.unknowns.iter().position(|u| *u == input).map(|k| (r, k)))
        .next()
}

/// Tangents while the inputs in `held` stay where they are, unknowns of root problems included.
fn forward(b: &mut Builder, of: &[NodeId], seeds: &Seeds, held: &BTreeSet<InputId>) -> Vec<Tangent> {
    let mut found: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    let mut roots: BTreeMap<usize, Vec<Tangent>> = BTreeMap::new();
    for id in cone(b, of) {
        if let Some(t) = tangent(b, id, seeds, held, &found, &mut roots) {
            found.insert(id, t);
        }
    }
    of.iter().map(|id| found.get(id).copied()).collect()
}

fn tangent(
    b: &mut Builder,
    id: NodeId,
    seeds: &Seeds,
    held: &BTreeSet<InputId>,
    found: &BTreeMap<NodeId, NodeId>,
    roots: &mut BTreeMap<usize, Vec<Tangent>>,
) -> Tangent {
    let of = |n: &NodeId| found.get(n).copied();
    let has = |b: &Builder, t: NodeId, axis: AxisId| b.shape(t).contains(&axis);
    let span = b.node(id).span;
    match b.node(id).op.clone() {
        Op::Const(_) | Op::Table(_) | Op::Position(_) => None,
        Op::Input(i) => match (seeds.get(&i), root_of(b, i)) {
            (Some(t), _) => Some(*t),
            (None, Some((root, which))) if !held.contains(&i) => solution(b, root, seeds, held, roots)[which],
            (None, _) => None,
        },
        Op::Root { root, which } => solution(b, root, seeds, held, roots)[which],
        Op::Unary(op, x) => {
            let dx = of(&x)?;
            let s = slope(b, op, x, id)?;
            times(b, s, Some(dx))
        }
        Op::Binary(op, x, y) => {
            let (dx, dy) = (of(&x), of(&y));
            if dx.is_none() && dy.is_none() {
                return None;
            }
            let [sx, sy] = slopes(b, op, x, y, id, [dx.is_some(), dy.is_some()]);
            let first = sx.and_then(|s| times(b, s, dx));
            let second = sy.and_then(|s| times(b, s, dy));
            plus(b, first, second)
        }
        Op::Select(c, x, y) => {
            let (dx, dy) = (of(&x), of(&y));
            if dx.is_none() && dy.is_none() {
                return None;
            }
            let zero = number(b, 0.0);
            Some(b.select(c, dx.unwrap_or(zero), dy.unwrap_or(zero), span))
        }
        Op::Reduce { how, of: x, axis, when } => {
            let dx = of(&x)?;
            let w = weights(b, how, x, axis, when, id)?;
            let change = times(b, w, Some(dx))?;
            Some(Make(b).sum(change, axis))
        }
        Op::Take { of: x, axis, at } => {
            let dx = of(&x)?;
            Some(if has(b, dx, axis) {
                b.take(dx, axis, at, span)
            } else {
                dx
            })
        }
        Op::Relabel { of: x, from, to } => of(&x).map(|dx| b.relabel(dx, from, to, span)),
        Op::Others { of: x, axis, into } => {
            let dx = of(&x)?;
            Some(if has(b, dx, axis) {
                b.others(dx, axis, into, span)
            } else {
                dx
            })
        }
        Op::Slice { of: x, from, to, first } => of(&x).map(|dx| b.slice(dx, from, to, first, span)),
        Op::Stack { parts, to } => {
            if parts.iter().all(|(p, _)| of(p).is_none()) {
                return None;
            }
            let zero = number(b, 0.0);
            let parts = parts.iter().map(|(p, a)| (of(p).unwrap_or(zero), *a)).collect();
            Some(b.stack(parts, to, span))
        }
    }
}

/// Tangents of the unknowns of a root problem at its solution.
fn solution(
    b: &mut Builder,
    root: usize,
    seeds: &Seeds,
    held: &BTreeSet<InputId>,
    known: &mut BTreeMap<usize, Vec<Tangent>>,
) -> Vec<Tangent> {
    if let Some(t) = known.get(&root) {
        return t.clone();
    }
    let problem = b.graph.roots[root].clone();
    let mut inside = held.clone();
    inside.extend(&problem.unknowns);
    let moved = forward(b, &problem.residuals, seeds, &inside);
    let result = if moved.iter().all(Option::is_none) {
        vec![None; moved.len()]
    } else if let Some(jacobian) = jacobian(b, root, held) {
        let right: Vec<Tangent> = moved.into_iter().map(|t| minus(b, t)).collect();
        linear_solve(b, jacobian, right)
    } else {
        // J du + f_x dx = 0, solved for du.
        linear_problem(b, &problem, "d", |b, unknowns| {
            let mut all = seeds.clone();
            all.extend(problem.unknowns.iter().copied().zip(unknowns.iter().copied()));
            forward(b, &problem.residuals, &all, held)
        })
    };
    known.insert(root, result.clone());
    result
}

/// The matrix d residual_i / d unknown_j element by element, if elements do not meet one another.
fn jacobian(b: &mut Builder, root: usize, held: &BTreeSet<InputId>) -> Option<Vec<Vec<Tangent>>> {
    let problem = b.graph.roots[root].clone();
    let shape = |u: &InputId| b.graph.inputs[u.0 as usize].shape.clone();
    let first = shape(problem.unknowns.first()?);
    if problem.unknowns.iter().any(|u| shape(u) != first) {
        return None;
    }
    if !first.is_empty() {
        let depends = root_dependencies(&b.graph);
        let inside = cone(b, &problem.residuals);
        let pointwise = inside.iter().all(|id| {
            let moves = depends[id.0 as usize].contains(&root);
            !moves
                || match b.node(*id).op {
                    Op::Input(u) => problem.unknowns.contains(&u),
                    Op::Unary(..) | Op::Binary(..) | Op::Select(..) => true,
                    Op::Const(_)
                    | Op::Table(_)
                    | Op::Position(_)
                    | Op::Reduce { .. }
                    | Op::Take { .. }
                    | Op::Relabel { .. }
                    | Op::Others { .. }
                    | Op::Slice { .. }
                    | Op::Stack { .. }
                    | Op::Root { .. } => false,
                }
        });
        if !pointwise {
            return None;
        }
    }
    let one = number(b, 1.0);
    let mut columns = Vec::new();
    for u in &problem.unknowns {
        let mut rest = held.clone();
        rest.extend(problem.unknowns.iter().filter(|v| *v != u));
        columns.push(forward(b, &problem.residuals, &Seeds::from([(*u, one)]), &rest));
    }
    let m = columns.len();
    Some((0..m).map(|i| (0..m).map(|j| columns[j][i]).collect()).collect())
}

/// A root problem for unknowns shaped as those of `like`, whose residuals are linear in them.
fn linear_problem(
    b: &mut Builder,
    like: &Root,
    prefix: &str,
    residuals: impl FnOnce(&mut Builder, &[NodeId]) -> Vec<Tangent>,
) -> Vec<Tangent> {
    let mut inputs = Vec::new();
    let mut nodes = Vec::new();
    for u in &like.unknowns {
        let count = b.graph.roots.iter().map(|r| r.unknowns.len()).sum::<usize>() + inputs.len();
        let input = b.graph.inputs[u.0 as usize].clone();
        let (id, node) = b.input(
            &format!("{prefix} {}", input.name),
            InputKind::Unknown(count),
            input.shape,
            Interval::all(),
            Phase::Cleared,
            like.spans.first().copied().unwrap_or_default(),
        );
        inputs.push(id);
        nodes.push(node);
    }
    let found = residuals(b, &nodes);
    let (lo, hi) = (number(b, f64::NEG_INFINITY), number(b, f64::INFINITY));
    let residuals = found.into_iter().map(|f| f.unwrap_or_else(|| number(b, 0.0))).collect();
    let root = Root {
        brackets: vec![(lo, hi); inputs.len()],
        spans: like.spans.clone(),
        unknowns: inputs,
        residuals,
    };
    b.root(root, &nodes).into_iter().map(Some).collect()
}

/// Solves `a x = right` element by element, by elimination with row exchange through selections.
fn linear_solve(b: &mut Builder, mut a: Vec<Vec<Tangent>>, mut right: Vec<Tangent>) -> Vec<Tangent> {
    let n = right.len();
    let zero = number(b, 0.0);
    for k in 0..n {
        if let Some(first) = (k..n).find(|row| a[*row][k].is_some()) {
            a.swap(k, first);
            right.swap(k, first);
        }
        for row in k + 1..n {
            let (Some(p), Some(q)) = (a[k][k], a[row][k]) else {
                continue;
            };
            let mut m = Make(b);
            let (p_size, q_size) = (m.unary(Unary::Abs, p), m.unary(Unary::Abs, q));
            let exchange = m.binary(Binary::Lt, p_size, q_size);
            let mut swap = |x: &mut Tangent, y: &mut Tangent| {
                if x.is_some() || y.is_some() {
                    let (u, v) = (x.unwrap_or(zero), y.unwrap_or(zero));
                    *x = Some(m.select(exchange, v, u));
                    *y = Some(m.select(exchange, u, v));
                }
            };
            let (upper, lower) = a.split_at_mut(row);
            for col in k..n {
                swap(&mut upper[k][col], &mut lower[0][col]);
            }
            let (upper, lower) = right.split_at_mut(row);
            swap(&mut upper[k], &mut lower[0]);
        }
        let Some(p) = a[k][k] else {
            continue; // structurally singular: the division below gives infinities
        };
        for row in k + 1..n {
            let Some(q) = a[row][k].take() else {
                continue;
            };
            let factor = Make(b).binary(Binary::Div, q, p);
            let factor = Make(b).unary(Unary::Neg, factor);
            for col in k + 1..n {
                let change = times(b, factor, a[k][col]);
                a[row][col] = plus(b, a[row][col], change);
            }
            let change = times(b, factor, right[k]);
            right[row] = plus(b, right[row], change);
        }
    }
    for k in (0..n).rev() {
        for col in k + 1..n {
            if let (Some(c), Some(x)) = (a[k][col], right[col]) {
                let change = times(b, c, Some(x));
                let change = minus(b, change);
                right[k] = plus(b, right[k], change);
            }
        }
        if let Some(v) = right[k] {
            right[k] = Some(Make(b).binary(Binary::Div, v, a[k][k].unwrap_or(zero)));
        }
    }
    right
}

// ---- Reverse

/// Adjoints of `wrt` while the inputs in `held` stay where they are; they may lack axes of their inputs.
fn reverse(b: &mut Builder, seeds: &[(NodeId, NodeId)], wrt: &[InputId], held: &BTreeSet<InputId>) -> Vec<Tangent> {
    let mut sweep = Sweep {
        adjoint: BTreeMap::new(),
        uses: moved_by(b, wrt, held),
    };
    for (id, weight) in seeds {
        sweep.add(b, *id, Some(*weight));
    }
    let mut result: Vec<Tangent> = vec![None; wrt.len()];
    let mut solved: BTreeMap<usize, Vec<Tangent>> = BTreeMap::new();
    while let Some((id, g)) = sweep.adjoint.pop_last() {
        let mut at_root = |b: &mut Builder, root: usize, which: usize| {
            let n = b.graph.roots[root].unknowns.len();
            let all = solved.entry(root).or_insert_with(|| vec![None; n]);
            all[which] = plus(b, all[which], Some(g));
        };
        match b.node(id).op {
            Op::Input(i) => match (wrt.iter().position(|w| *w == i), root_of(b, i)) {
                (Some(k), _) => result[k] = plus(b, result[k], Some(g)),
                (None, Some((root, which))) if !held.contains(&i) => at_root(b, root, which),
                (None, _) => {}
            },
            Op::Root { root, which } => at_root(b, root, which),
            Op::Const(_)
            | Op::Table(_)
            | Op::Position(_)
            | Op::Unary(..)
            | Op::Binary(..)
            | Op::Select(..)
            | Op::Reduce { .. }
            | Op::Take { .. }
            | Op::Relabel { .. }
            | Op::Others { .. }
            | Op::Slice { .. }
            | Op::Stack { .. } => sweep.pull(b, id, g),
        }
    }
    for (root, g) in solved {
        let problem = b.graph.roots[root].clone();
        let multipliers = transposed_solution(b, root, &g, held);
        let mut inside = held.clone();
        inside.extend(&problem.unknowns);
        let seeds: Vec<(NodeId, NodeId)> = problem
            .residuals
            .iter()
            .zip(multipliers)
            .filter_map(|(f, l)| minus(b, l).map(|l| (*f, l)))
            .collect();
        // Residuals may lack axes of their unknowns: the multiplier is summed over those.
        let seeds: Vec<(NodeId, NodeId)> = seeds
            .into_iter()
            .zip(&problem.unknowns)
            .map(|((f, l), u)| (f, to_residual(b, f, l, *u)))
            .collect();
        for (r, more) in result.iter_mut().zip(reverse(b, &seeds, wrt, &inside)) {
            *r = plus(b, *r, more);
        }
    }
    result
}

/// The multiplier of an unknown's shape as a weight of its residual, which may have fewer axes.
fn to_residual(b: &mut Builder, residual: NodeId, multiplier: NodeId, unknown: InputId) -> NodeId {
    let shape = b.graph.inputs[unknown.0 as usize].shape.clone();
    let own = b.shape(residual).clone();
    Make(b).project(multiplier, &shape, &own)
}

/// The solution of `J' l = g` for a root problem.
fn transposed_solution(b: &mut Builder, root: usize, g: &[Tangent], held: &BTreeSet<InputId>) -> Vec<Tangent> {
    if let Some(j) = jacobian(b, root, held) {
        let n = j.len();
        let transposed = (0..n).map(|i| (0..n).map(|k| j[k][i]).collect()).collect();
        return linear_solve(b, transposed, g.to_vec());
    }
    let problem = b.graph.roots[root].clone();
    linear_problem(b, &problem, "multiplier of", |b, unknowns| {
        let seeds: Vec<(NodeId, NodeId)> = problem
            .residuals
            .iter()
            .zip(unknowns)
            .zip(&problem.unknowns)
            .map(|((f, l), u)| (*f, to_residual(b, *f, *l, *u)))
            .collect();
        let pulled = reverse(b, &seeds, &problem.unknowns, held);
        pulled
            .into_iter()
            .zip(g)
            .map(|(p, g)| {
                let g = minus(b, *g);
                plus(b, p, g)
            })
            .collect()
    })
}

/// The nodes that move with one of `wrt`, also through root problems whose unknowns are not held.
fn moved_by(b: &Builder, wrt: &[InputId], held: &BTreeSet<InputId>) -> Vec<bool> {
    let mut uses = vec![false; b.graph.nodes.len()];
    loop {
        let mut changed = false;
        for n in 0..uses.len() {
            if uses[n] {
                continue;
            }
            let op = &b.graph.nodes[n].op;
            let through = |root: usize| b.graph.roots[root].residuals.iter().any(|f| uses[f.0 as usize]);
            let moves = match op {
                Op::Input(i) if wrt.contains(i) => true,
                Op::Input(i) if held.contains(i) => false,
                Op::Input(i) => root_of(b, *i).is_some_and(|(root, _)| through(root)),
                Op::Root { root, .. } => through(*root),
                _ => operands(op).iter().any(|o| uses[o.0 as usize]),
            };
            uses[n] = moves;
            changed |= moves;
        }
        if !changed {
            return uses;
        }
    }
}

struct Sweep {
    /// Adjoints of nodes that still wait, of the node's axes or fewer.
    adjoint: BTreeMap<NodeId, NodeId>,
    uses: Vec<bool>,
}

impl Sweep {
    fn wants(&self, id: NodeId) -> bool {
        self.uses.get(id.0 as usize).copied().unwrap_or(false)
    }

    fn add(&mut self, b: &mut Builder, id: NodeId, t: Tangent) {
        if let (true, Some(t)) = (self.wants(id), t) {
            let sum = plus(b, self.adjoint.get(&id).copied(), Some(t));
            self.adjoint.extend(sum.map(|s| (id, s)));
        }
    }

    /// Adds `factor * g`, summed over the axes of `domain` that `to` has not.
    fn send(&mut self, b: &mut Builder, to: NodeId, factor: Tangent, g: NodeId, domain: &[AxisId]) {
        if !self.wants(to) {
            return;
        }
        if let Some(c) = factor.and_then(|f| times(b, f, Some(g))) {
            let shape = b.shape(to).clone();
            let c = Make(b).project(c, domain, &shape);
            self.add(b, to, Some(c));
        }
    }

    /// Hands the adjoint `g` of a node on to its operands.
    fn pull(&mut self, b: &mut Builder, id: NodeId, g: NodeId) {
        let shape = b.shape(id).clone();
        let one = number(b, 1.0);
        match b.node(id).op.clone() {
            Op::Const(_) | Op::Table(_) | Op::Position(_) | Op::Input(_) | Op::Root { .. } => {}
            Op::Unary(op, x) => {
                let s = slope(b, op, x, id);
                self.send(b, x, s, g, &shape);
            }
            Op::Binary(op, x, y) => {
                let [sx, sy] = slopes(b, op, x, y, id, [self.wants(x), self.wants(y)]);
                self.send(b, x, sx, g, &shape);
                self.send(b, y, sy, g, &shape);
            }
            Op::Select(c, x, y) => {
                let zero = number(b, 0.0);
                let mine = Make(b).select(c, g, zero);
                let rest = Make(b).select(c, zero, g);
                self.send(b, x, Some(one), mine, &shape);
                self.send(b, y, Some(one), rest, &shape);
            }
            Op::Reduce { how, of, axis, when } => {
                if self.wants(of) {
                    let w = weights(b, how, of, axis, when, id);
                    let mut domain = shape;
                    domain.push(axis);
                    self.send(b, of, w, g, &domain);
                }
            }
            Op::Take { of, axis, at } => {
                if self.wants(of) {
                    let (c, domain) = scattered(b, of, axis, at, g, &shape);
                    self.send(b, of, Some(one), c, &domain);
                }
            }
            Op::Relabel { of, from, to } => {
                let c = Make(b).relabel(g, to, from);
                let own = b.shape(of).clone();
                self.send(b, of, Some(one), c, &own);
            }
            Op::Others { of, axis, into } => {
                if self.wants(of) {
                    let c = from_others(b, axis, into, g, &shape);
                    let own = b.shape(of).clone();
                    self.send(b, of, Some(one), c, &own);
                }
            }
            Op::Slice { of, from, to, first } => {
                let c = into_slice(b, g, from, to, first);
                let own = b.shape(of).clone();
                self.send(b, of, Some(one), c, &own);
            }
            Op::Stack { parts, to } => {
                let mut first = 0;
                for (part, axis) in parts {
                    let c = b.slice(g, to, axis, first, Span::default());
                    first += b.axis(axis).size;
                    let domain: Shape = shape.iter().map(|a| if *a == to { axis } else { *a }).collect();
                    self.send(b, part, Some(one), c, &domain);
                }
            }
        }
    }
}

/// The adjoint of `take`: each of its elements goes to the member it came from. Returns it with the axes it ranges over.
fn scattered(b: &mut Builder, of: NodeId, axis: AxisId, at: NodeId, g: NodeId, shape: &Shape) -> (NodeId, Shape) {
    if !b.shape(of).contains(&axis) {
        return (g, shape.clone());
    }
    let own = b.shape(of).clone();
    let mut m = Make(b);
    // Positions may range over the same axis: those are then another copy of it.
    let (mut at, mut g, mut domain) = (at, g, shape.clone());
    if shape.contains(&axis) {
        let copy = m.copy_of(axis, &[shape, &own]);
        at = m.relabel(at, axis, copy);
        g = m.relabel(g, axis, copy);
        domain = domain.into_iter().map(|a| if a == axis { copy } else { a }).collect();
    }
    let (zero, last) = (m.number(0.0), m.number(m.0.axis(axis).size as f64 - 1.0));
    let whole = m.unary(Unary::Floor, at);
    // As in lookups: below the first and not a number are the first, above the last is the last.
    let positive = m.binary(Binary::Gt, whole, zero);
    let from_first = m.select(positive, whole, zero);
    let place = m.binary(Binary::Min, from_first, last);
    let mine = m.places(axis);
    let hit = m.binary(Binary::Eq, mine, place);
    let c = m.select(hit, g, zero);
    domain.push(axis);
    (c, domain)
}

/// The adjoint of `others`: what everybody else sees of member `k`, summed.
fn from_others(b: &mut Builder, axis: AxisId, into: AxisId, g: NodeId, shape: &Shape) -> NodeId {
    let mut m = Make(b);
    let has = |m: &Make, a: AxisId| m.0.shape(g).contains(&a);
    match (has(&m, axis), has(&m, into)) {
        (false, false) => {
            let n = m.number(m.0.axis(into).size as f64);
            m.binary(Binary::Mul, n, g)
        }
        (true, false) => {
            // Everybody sees the same weight in all the others: the total without the own.
            let total = m.sum(g, axis);
            m.binary(Binary::Sub, total, g)
        }
        (_, true) => {
            // Viewer `i` finds member `k` at place `k`, or `k - 1` from `i` on.
            let viewer = m.copy_of(axis, &[shape]);
            let seen = m.relabel(g, axis, viewer);
            let (k, i) = (m.places(axis), m.places(viewer));
            let one = m.number(1.0);
            let before = m.binary(Binary::Lt, k, i);
            let less = m.binary(Binary::Sub, k, one);
            let place = m.select(before, k, less);
            let value = m.0.take(seen, into, place, Span::default());
            let other = m.binary(Binary::Ne, k, i);
            let zero = m.number(0.0);
            let c = m.select(other, value, zero);
            m.sum(c, viewer)
        }
    }
}

/// The adjoint of `slice`: zero outside.
fn into_slice(b: &mut Builder, g: NodeId, from: AxisId, to: AxisId, first: usize) -> NodeId {
    let mut m = Make(b);
    let size = m.0.axis(to).size as f64;
    let p = m.places(from);
    let start = m.number(first as f64);
    let place = m.binary(Binary::Sub, p, start);
    let (zero, size) = (m.number(0.0), m.number(size));
    let after = m.binary(Binary::Le, zero, place);
    let before = m.binary(Binary::Lt, place, size);
    let inside = m.binary(Binary::And, after, before);
    let value = if m.0.shape(g).contains(&to) {
        m.0.take(g, to, place, Span::default())
    } else {
        g
    };
    m.select(inside, value, zero)
}
