//! Derivatives of scalar graphs, graph to graph: forward (tangents) and reverse (gradients), through root problems by the
//! implicit function theorem.
//!
//! The derivatives are ordinary expressions of the same graph, so they share subexpressions with the value and can be
//! differentiated again. At a root `r(u, x) = 0` the tangent is `du = -J^-1 (dr/dx) dx` with `J = dr/du`, and the
//! gradient `-(dr/dx)' J^-T g`; the system is eliminated symbolically with row exchange by selection.
//!
//! Where a function has no derivative, a subgradient is taken: `abs` has 0 at 0; `min` and `max` have the mean of both
//! operands' where they are equal; `floor`, `ceil`, `round`, `sign`, comparisons, logic and table lookups have 0
//! everywhere, so the derivative of a step is silently zero ([`has_steps`] tells); `x mod y` has 1 in `x` and
//! `-floor(x / y)` in `y`; a selection has that of the branch taken; the derivative of `x^y` with respect to `y` is taken
//! as 0 where `x <= 0`. The status of a root problem is a constant.
//!
//! Reference: Griewank and Walther (2008), *Evaluating Derivatives*, chapters 3 and 15.

use super::dag::{Dag, Expr, Id};
use crate::graph::{Binary, Unary};
use std::collections::HashMap;

/// The derivative of each of `of` with respect to the expression `wrt` (usually an input); one expression per entry of
/// `of`, in order.
pub fn derivative(dag: &mut Dag, of: &[Id], wrt: Id) -> Vec<Id> {
    let one = dag.constant(1.0);
    tangents(dag, of, &[(wrt, one)])
}

/// Tangents of `of` when each `seeds[i].0` moves with tangent `seeds[i].1`; one expression per entry of `of`, in order.
pub fn tangents(dag: &mut Dag, of: &[Id], seeds: &[(Id, Id)]) -> Vec<Id> {
    let found = forward(dag, of, seeds);
    let zero = dag.constant(0.0);
    found.into_iter().map(|t| t.unwrap_or(zero)).collect()
}

/// The gradient of `of` with respect to each of `wrt`; one expression per entry of `wrt`, in order.
pub fn gradient(dag: &mut Dag, of: Id, wrt: &[Id]) -> Vec<Id> {
    let one = dag.constant(1.0);
    pullback(dag, &[(of, one)], wrt)
}

/// The gradient of `sum weight_i * of_i` with respect to each of `wrt`, where `seeds` are pairs (of, weight); one
/// expression per entry of `wrt`, in order.
pub fn pullback(dag: &mut Dag, seeds: &[(Id, Id)], wrt: &[Id]) -> Vec<Id> {
    let found = reverse(dag, seeds, wrt);
    let zero = dag.constant(0.0);
    found.into_iter().map(|t| t.unwrap_or(zero)).collect()
}

/// Whether any expression of the list `of` depends on one of the list `wrt` through a function whose derivative is zero
/// almost everywhere.
pub fn has_steps(dag: &Dag, of: &[Id], wrt: &[Id]) -> bool {
    let uses = dag.dependents(wrt);
    let needed = dag.reachable(of);
    (0..dag.len()).filter(|i| needed[*i]).any(|i| {
        let moved = |x: Id| uses[x.0 as usize];
        match dag.expr(Id(i as u32)) {
            Expr::Unary(op, x) => {
                matches!(op, Unary::Not | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round) && moved(x)
            }
            Expr::Binary(op, a, b) => {
                !matches!(
                    op,
                    Binary::Add
                        | Binary::Sub
                        | Binary::Mul
                        | Binary::Div
                        | Binary::Pow
                        | Binary::Mod
                        | Binary::Min
                        | Binary::Max
                ) && (moved(a) || moved(b))
            }
            Expr::Lookup(_, x) => moved(x),
            Expr::Const(_)
            | Expr::Input(_)
            | Expr::Unknown(_)
            | Expr::Select(..)
            | Expr::Root(..)
            | Expr::RootStatus(_) => false,
        }
    })
}

/// Whether a comparison among the expressions behind `of` depends on one of `draws` and on one of `wrt`: where it changes sides then moves with
/// the latter, and slopes at fixed draws say nothing of that.
pub fn has_moving_steps(dag: &Dag, of: &[Id], draws: &[Id], wrt: &[Id]) -> bool {
    let (drawn, moved) = (dag.dependents(draws), dag.dependents(wrt));
    let needed = dag.reachable(of);
    let reads = |uses: &[bool], a: Id, b: Id| uses[a.0 as usize] || uses[b.0 as usize];
    (0..dag.len())
        .filter(|i| needed[*i])
        .any(|i| match dag.expr(Id(i as u32)) {
            Expr::Binary(Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge, a, b) => {
                reads(&drawn, a, b) && reads(&moved, a, b)
            }
            _ => false,
        })
}

/// Product and sum with absent meaning zero.
fn times(dag: &mut Dag, factor: Id, t: Option<Id>) -> Option<Id> {
    let t = t?;
    if dag.as_const(factor) == Some(0.0) {
        return None;
    }
    Some(dag.mul(factor, t))
}
fn plus(dag: &mut Dag, a: Option<Id>, b: Option<Id>) -> Option<Id> {
    match (a, b) {
        (Some(a), Some(b)) => Some(dag.add(a, b)),
        (a, b) => a.or(b),
    }
}

/// The derivative of `op(x)`, itself node `value`; `None` where it is zero.
fn slope(dag: &mut Dag, op: Unary, x: Id, value: Id) -> Option<Id> {
    Some(match op {
        Unary::Neg => dag.constant(-1.0),
        Unary::Not | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round => return None,
        Unary::Abs => dag.unary(Unary::Sign, x),
        Unary::Exp => value,
        Unary::Log => {
            let one = dag.constant(1.0);
            dag.div(one, x)
        }
        Unary::Log1p => {
            let one = dag.constant(1.0);
            let d = dag.add(one, x);
            dag.div(one, d)
        }
        Unary::Sqrt => {
            let half = dag.constant(0.5);
            dag.div(half, value)
        }
        Unary::Sin => dag.unary(Unary::Cos, x),
        Unary::Cos => {
            let s = dag.unary(Unary::Sin, x);
            dag.neg(s)
        }
        Unary::Tanh => {
            let one = dag.constant(1.0);
            let square = dag.mul(value, value);
            dag.sub(one, square)
        }
        Unary::NormalCdf => density(dag, x),
        Unary::NormalQuantile => {
            let one = dag.constant(1.0);
            let d = density(dag, value);
            dag.div(one, d)
        }
    })
}

fn density(dag: &mut Dag, x: Id) -> Id {
    let minus_half = dag.constant(-0.5);
    let scale = dag.constant(1.0 / (2.0 * std::f64::consts::PI).sqrt());
    let square = dag.mul(x, x);
    let e = dag.mul(minus_half, square);
    let e = dag.unary(Unary::Exp, e);
    dag.mul(scale, e)
}

/// Derivatives of `op(a, b)`, itself node `value`, with respect to `a` and to `b`, each only if wanted.
fn slopes(dag: &mut Dag, op: Binary, a: Id, b: Id, value: Id, wanted: [bool; 2]) -> [Option<Id>; 2] {
    let one = dag.constant(1.0);
    match op {
        Binary::Add => [Some(one), Some(one)],
        Binary::Sub => [Some(one), Some(dag.constant(-1.0))],
        Binary::Mul => [Some(b), Some(a)],
        Binary::Div => {
            let first = wanted[0].then(|| dag.div(one, b));
            let second = wanted[1].then(|| {
                let q = dag.div(value, b);
                dag.neg(q)
            });
            [first, second]
        }
        Binary::Pow => {
            let first = wanted[0].then(|| {
                let less = dag.sub(b, one);
                let p = dag.binary(Binary::Pow, a, less);
                dag.mul(b, p)
            });
            let second = wanted[1].then(|| {
                let zero = dag.constant(0.0);
                let l = dag.unary(Unary::Log, a);
                let t = dag.mul(value, l);
                let positive = dag.binary(Binary::Lt, zero, a);
                dag.select(positive, t, zero)
            });
            [first, second]
        }
        Binary::Mod => {
            let second = wanted[1].then(|| {
                let k = dag.binary(Binary::IntDiv, a, b);
                dag.neg(k)
            });
            [Some(one), second]
        }
        Binary::Min | Binary::Max => {
            // Weight of `a`: 1, 0, or a half where they are equal.
            let (x, y) = if op == Binary::Min { (a, b) } else { (b, a) };
            let half = dag.constant(0.5);
            let strictly = dag.binary(Binary::Lt, x, y);
            let weakly = dag.binary(Binary::Le, x, y);
            let both = dag.add(strictly, weakly);
            let w = dag.mul(half, both);
            let second = wanted[1].then(|| dag.sub(one, w));
            [Some(w), second]
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

fn forward(dag: &mut Dag, of: &[Id], seeds: &[(Id, Id)]) -> Vec<Option<Id>> {
    let old = dag.len();
    let leaves: Vec<Id> = seeds.iter().map(|s| s.0).collect();
    let uses = dag.dependents(&leaves);
    let needed = dag.reachable(of);
    let mut t: Vec<Option<Id>> = vec![None; old];
    for (leaf, seed) in seeds {
        t[leaf.0 as usize] = Some(*seed);
    }
    let mut roots: HashMap<u32, Vec<Option<Id>>> = HashMap::new();
    for i in 0..old {
        if !uses[i] || !needed[i] || t[i].is_some() {
            continue;
        }
        let id = Id(i as u32);
        t[i] = match dag.expr(id) {
            Expr::Const(_) | Expr::Input(_) | Expr::Unknown(_) | Expr::Lookup(..) | Expr::RootStatus(_) => None,
            Expr::Unary(op, x) => match (t[x.0 as usize], op) {
                (None, _) => None,
                (Some(dx), Unary::Neg) => Some(dag.neg(dx)),
                (Some(dx), _) => slope(dag, op, x, id).map(|s| dag.mul(s, dx)),
            },
            Expr::Binary(op, a, b) => {
                let (da, db) = (t[a.0 as usize], t[b.0 as usize]);
                match (op, da, db) {
                    (_, None, None) => None,
                    (Binary::Sub, Some(da), Some(db)) => Some(dag.sub(da, db)),
                    (Binary::Div, Some(da), None) => Some(dag.div(da, b)),
                    (Binary::Div, Some(da), Some(db)) => {
                        let v = dag.mul(id, db);
                        let d = dag.sub(da, v);
                        Some(dag.div(d, b))
                    }
                    _ => {
                        let [sa, sb] = slopes(dag, op, a, b, id, [da.is_some(), db.is_some()]);
                        let first = sa.and_then(|s| times(dag, s, da));
                        let second = sb.and_then(|s| times(dag, s, db));
                        plus(dag, first, second)
                    }
                }
            }
            Expr::Select(c, a, b) => {
                let (da, db) = (t[a.0 as usize], t[b.0 as usize]);
                if da.is_none() && db.is_none() {
                    None
                } else {
                    let zero = dag.constant(0.0);
                    Some(dag.select(c, da.unwrap_or(zero), db.unwrap_or(zero)))
                }
            }
            Expr::Root(r, which) => {
                roots.entry(r).or_insert_with(|| {
                    let problem = dag.roots()[r as usize].clone();
                    let moved: Vec<Option<Id>> = problem.residuals.iter().map(|f| t[f.0 as usize]).collect();

                    if moved.iter().all(Option::is_none) {
                        vec![None; moved.len()]
                    } else {
                        let (jacobian, solution) = jacobian_at_root(dag, r);
                        let moved = at_solution(dag, &moved, &solution);
                        let rhs = moved
                            .into_iter()
                            .map(|m| m.map(|m| fault!("market.slope", m, dag.neg(m))))
                            .collect();
                        linear_solve(dag, jacobian, rhs)
                    }
                });
                roots[&r][which as usize]
            }
        };
    }
    of.iter().map(|id| t[id.0 as usize]).collect()
}

/// The matrix d residual_i / d unknown_j at the solution, and what each unknown stands for there.
fn jacobian_at_root(dag: &mut Dag, r: u32) -> (Vec<Vec<Option<Id>>>, HashMap<Id, Id>) {
    let problem = dag.roots()[r as usize].clone();
    let mut solution = HashMap::new();
    let mut columns = Vec::new();
    let one = dag.constant(1.0);
    for (which, number) in problem.unknowns.iter().enumerate() {
        let u = dag.unknown(*number);
        let root = dag.solution(r, which as u32);
        solution.insert(u, root);
        columns.push(forward(dag, &problem.residuals, &[(u, one)]));
    }
    let m = problem.unknowns.len();
    let rows: Vec<Vec<Option<Id>>> = (0..m).map(|i| (0..m).map(|j| columns[j][i]).collect()).collect();
    let rows = rows.iter().map(|row| at_solution(dag, row, &solution)).collect();
    (rows, solution)
}

fn at_solution(dag: &mut Dag, of: &[Option<Id>], solution: &HashMap<Id, Id>) -> Vec<Option<Id>> {
    let ids: Vec<Id> = of.iter().flatten().copied().collect();
    let mut new = dag.substitute(&ids, solution).into_iter();
    of.iter().map(|o| if o.is_some() { new.next() } else { None }).collect()
}

/// Solves `a x = b`, absent entries zero, by elimination with row exchange through selections.
fn linear_solve(dag: &mut Dag, mut a: Vec<Vec<Option<Id>>>, mut b: Vec<Option<Id>>) -> Vec<Option<Id>> {
    let m = b.len();
    let zero = dag.constant(0.0);
    for k in 0..m {
        if let Some(first) = (k..m).find(|row| a[*row][k].is_some()) {
            a.swap(k, first);
            b.swap(k, first);
        }
        for row in k + 1..m {
            let (Some(p), Some(q)) = (a[k][k], a[row][k]) else {
                continue;
            };
            let (p_size, q_size) = (dag.unary(Unary::Abs, p), dag.unary(Unary::Abs, q));
            let exchange = dag.binary(Binary::Lt, p_size, q_size);
            let mut swap = |x: &mut Option<Id>, y: &mut Option<Id>| {
                if x.is_none() && y.is_none() {
                    return;
                }
                let (u, v) = (x.unwrap_or(zero), y.unwrap_or(zero));
                *x = Some(dag.select(exchange, v, u));
                *y = Some(dag.select(exchange, u, v));
            };
            let (upper, lower) = a.split_at_mut(row);
            for col in k..m {
                swap(&mut upper[k][col], &mut lower[0][col]);
            }
            let (upper, lower) = b.split_at_mut(row);
            swap(&mut upper[k], &mut lower[0]);
        }
        let Some(p) = a[k][k] else {
            continue; // structurally singular: the division below gives infinities
        };
        for row in k + 1..m {
            let Some(q) = a[row][k].take() else {
                continue;
            };
            let factor = dag.div(q, p);
            let minus = dag.neg(factor);
            for col in k + 1..m {
                let change = times(dag, minus, a[k][col]);
                a[row][col] = plus(dag, a[row][col], change);
            }
            let change = times(dag, minus, b[k]);
            b[row] = plus(dag, b[row], change);
        }
    }
    for k in (0..m).rev() {
        for col in k + 1..m {
            if let (Some(c), Some(x)) = (a[k][col], b[col]) {
                let change = dag.mul(c, x);
                let change = dag.neg(change);
                b[k] = plus(dag, b[k], Some(change));
            }
        }
        if let Some(v) = b[k] {
            b[k] = Some(dag.div(v, a[k][k].unwrap_or(zero)));
        }
    }
    b
}

fn reverse(dag: &mut Dag, seeds: &[(Id, Id)], wrt: &[Id]) -> Vec<Option<Id>> {
    let old = dag.len();
    let uses = dag.dependents(wrt);
    let of: Vec<Id> = seeds.iter().map(|s| s.0).collect();
    let mut adjoint: Vec<Option<Id>> = vec![None; old];
    let mut direct: Vec<Option<Id>> = vec![None; wrt.len()];
    for (id, weight) in seeds {
        adjoint[id.0 as usize] = plus(dag, adjoint[id.0 as usize], Some(*weight));
    }
    // The first node of each root problem: when it is reached, all its solutions have their adjoints.
    let needed = dag.reachable(&of);
    let mut first: HashMap<u32, usize> = HashMap::new();
    for i in 0..old {
        if let Expr::Root(r, _) = dag.expr(Id(i as u32)) {
            first.entry(r).or_insert(i);
        }
    }
    let mut at_root: HashMap<u32, Vec<(u32, Id)>> = HashMap::new();
    for i in (0..old).rev() {
        let id = Id(i as u32);
        if !uses[i] || !needed[i] {
            // An earlier solution of a problem may itself be unused; its problem is still due here.
            if !matches!(dag.expr(id), Expr::Root(r, _) if first[&r] == i && at_root.contains_key(&r)) {
                continue;
            }
        }
        if let Expr::Root(r, which) = dag.expr(id) {
            if let Some(g) = adjoint[i] {
                at_root.entry(r).or_default().push((which, g));
            }
            if first[&r] == i
                && let Some(parts) = at_root.remove(&r)
            {
                let found = through_root(dag, r, &parts, wrt);
                for (total, g) in direct.iter_mut().zip(found) {
                    *total = plus(dag, *total, g);
                }
            }
            continue;
        }
        let Some(g) = adjoint[i] else {
            continue;
        };
        let mut give = |dag: &mut Dag, x: Id, g: Option<Id>| {
            if uses[x.0 as usize] {
                adjoint[x.0 as usize] = plus(dag, adjoint[x.0 as usize], g);
            }
        };
        match dag.expr(id) {
            Expr::Const(_)
            | Expr::Input(_)
            | Expr::Unknown(_)
            | Expr::Lookup(..)
            | Expr::Root(..)
            | Expr::RootStatus(_) => {}
            Expr::Unary(op, x) => {
                if uses[x.0 as usize] {
                    let s = slope(dag, op, x, id);
                    let g = s.map(|s| dag.mul(s, g));
                    give(dag, x, g);
                }
            }
            Expr::Binary(op, a, b) => {
                let wanted = [uses[a.0 as usize], uses[b.0 as usize]];
                let [sa, sb] = slopes(dag, op, a, b, id, wanted);
                for (x, s, w) in [(a, sa, wanted[0]), (b, sb, wanted[1])] {
                    if w {
                        let part = s.and_then(|s| times(dag, s, Some(g)));
                        give(dag, x, part);
                    }
                }
            }
            Expr::Select(c, a, b) => {
                let zero = dag.constant(0.0);
                let first = dag.select(c, g, zero);
                let second = dag.select(c, zero, g);
                give(dag, a, Some(first));
                give(dag, b, Some(second));
            }
        }
    }
    wrt.iter()
        .enumerate()
        .map(|(k, id)| {
            let own = adjoint[id.0 as usize];
            plus(dag, own, direct[k])
        })
        .collect()
}

fn through_root(dag: &mut Dag, r: u32, parts: &[(u32, Id)], wrt: &[Id]) -> Vec<Option<Id>> {
    let (jacobian, solution) = jacobian_at_root(dag, r);
    let m = jacobian.len();
    let transposed = (0..m).map(|i| (0..m).map(|j| jacobian[j][i]).collect()).collect();
    let mut rhs = vec![None; m];
    for (which, g) in parts {
        rhs[*which as usize] = Some(*g);
    }
    let multipliers = linear_solve(dag, transposed, rhs);
    let residuals = dag.roots()[r as usize].residuals.clone();
    let mut seeds = Vec::new();
    for (f, l) in residuals.iter().zip(multipliers) {
        if let Some(l) = l {
            seeds.push((*f, dag.neg(l)));
        }
    }
    let found = reverse(dag, &seeds, wrt);
    at_solution(dag, &found, &solution)
}

#[cfg(test)]
mod tests {
    use super::super::dag::RootProblem;
    use super::*;
    use crate::num::random::Stream;
    use rand::RngExt;

    fn random_expression(dag: &mut Dag, r: &mut Stream, inputs: &[Id]) -> Id {
        let mut pool: Vec<Id> = inputs.to_vec();
        pool.push(dag.constant(0.7));
        pool.push(dag.constant(-1.3));
        for _ in 0..25 {
            let a = pool[r.random_range(0..pool.len())];
            let b = pool[r.random_range(0..pool.len())];
            let two = dag.constant(2.0);
            let next = match r.random_range(0..14) {
                0 => dag.add(a, b),
                1 => dag.sub(a, b),
                2 => dag.mul(a, b),
                3 => {
                    let square = dag.mul(b, b);
                    let one = dag.constant(1.0);
                    let d = dag.add(square, one);
                    dag.div(a, d)
                }
                4 => dag.unary(Unary::Tanh, a),
                5 => dag.unary(Unary::Sin, a),
                6 => {
                    let t = dag.unary(Unary::Cos, a);
                    let t = dag.add(t, two);
                    let l = dag.unary(Unary::Log, t);
                    let root = dag.unary(Unary::Sqrt, t);
                    dag.add(l, root)
                }
                7 => {
                    let t = dag.unary(Unary::Tanh, a);
                    dag.unary(Unary::Exp, t)
                }
                8 => {
                    let t = dag.unary(Unary::Exp, b);
                    let s = dag.unary(Unary::Tanh, a);
                    let base = dag.add(t, two);
                    let base = dag.unary(Unary::Log1p, base);
                    dag.binary(Binary::Pow, base, s)
                }
                9 => dag.binary(Binary::Min, a, b),
                10 => dag.binary(Binary::Max, a, b),
                11 => dag.unary(Unary::NormalCdf, a),
                12 => {
                    let c = dag.binary(Binary::Lt, a, b);
                    dag.select(c, a, two)
                }
                _ => {
                    let p = dag.unary(Unary::NormalCdf, a);
                    let half = dag.constant(0.5);
                    let q = dag.constant(0.25);
                    let p = dag.mul(p, half);
                    let p = dag.add(p, q);
                    let z = dag.unary(Unary::NormalQuantile, p);
                    let z2 = dag.unary(Unary::Abs, z);
                    dag.add(z, z2)
                }
            };
            pool.push(next);
        }
        let tail: Vec<Id> = pool[pool.len() - 4..].to_vec();
        tail.into_iter().reduce(|a, b| dag.add(a, b)).expect("four expressions")
    }

    #[test]
    fn tangents_and_gradients_agree_with_finite_differences() {
        let mut r = Stream::new(4, 0);
        let mut checked = 0;
        for _ in 0..150 {
            let mut dag = Dag::new();
            let x: Vec<Id> = (0..3).map(|i| dag.input(i)).collect();
            let f = random_expression(&mut dag, &mut r, &x);
            let g = gradient(&mut dag, f, &x);
            let d: Vec<Id> = x.iter().map(|x| derivative(&mut dag, &[f], *x)[0]).collect();
            let at: Vec<f64> = (0..3).map(|_| r.random::<f64>() * 3.0 - 1.5).collect();
            let all: Vec<Id> = g.iter().chain(&d).copied().collect();
            let values = dag.evaluate(&all, &at);
            for i in 0..3 {
                let (g, d) = (values[i], values[3 + i]);
                assert!((g - d).abs() <= 1e-10 * (1.0 + d.abs()), "reverse {g}, forward {d}");
                let mut slope = [0.0; 2];
                for (s, h) in slope.iter_mut().zip([1e-4, 2e-4]) {
                    let (mut up, mut down) = (at.clone(), at.clone());
                    up[i] += h;
                    down[i] -= h;
                    *s = (dag.evaluate(&[f], &up)[0] - dag.evaluate(&[f], &down)[0]) / (2.0 * h);
                }
                // Near a kink the two step widths disagree: such points prove nothing.
                let better = (4.0 * slope[0] - slope[1]) / 3.0;
                if (slope[0] - slope[1]).abs() < 1e-5 * (1.0 + slope[0].abs()) && better.abs() < 1e4 {
                    assert!((d - better).abs() < 1e-6 * (1.0 + d.abs()), "{d} against {better}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 300, "{checked}");
    }

    #[test]
    fn closed_forms_and_second_derivatives() {
        let mut dag = Dag::new();
        let (x, y) = (dag.input(0), dag.input(1));
        let p = dag.binary(Binary::Pow, x, y);
        let d = derivative(&mut dag, &[p], x)[0];
        let dd = derivative(&mut dag, &[d], x)[0];
        let dy = derivative(&mut dag, &[p], y)[0];
        let v = dag.evaluate(&[d, dd, dy], &[2.0, 3.5]);
        let expected = [
            3.5 * 2f64.powf(2.5),
            3.5 * 2.5 * 2f64.powf(1.5),
            2f64.powf(3.5) * 2f64.ln(),
        ];
        for (a, b) in v.iter().zip(expected) {
            assert!((a - b).abs() < 1e-13 * b);
        }
        let zero = dag.constant(0.0);
        let m = dag.binary(Binary::Max, x, zero);
        let a = dag.unary(Unary::Abs, x);
        let ds = derivative(&mut dag, &[m, a], x);
        assert_eq!(dag.evaluate(&ds, &[0.0]), [0.5, 0.0]);
        assert_eq!(dag.evaluate(&ds, &[-2.0]), [0.0, -1.0]);
        let floor = dag.unary(Unary::Floor, x);
        assert!(has_steps(&dag, &[floor], &[x]) && !has_steps(&dag, &[m], &[x]));
    }

    /// Two goods with cross demand: `a_i - 2 p_i + c p_j = p_i^3`, checked by moving the inputs and solving again.
    #[test]
    fn derivatives_go_through_root_problems() {
        let mut dag = Dag::new();
        let inputs: Vec<Id> = (0..3).map(|i| dag.input(i)).collect();
        let (n0, p0) = dag.fresh_unknown();
        let (n1, p1) = dag.fresh_unknown();
        let two = dag.constant(2.0);
        let three = dag.constant(3.0);
        let mut residuals = Vec::new();
        for (own, other, a) in [(p0, p1, inputs[0]), (p1, p0, inputs[1])] {
            let own_part = dag.mul(two, own);
            let cross = dag.mul(inputs[2], other);
            let cube = dag.binary(Binary::Pow, own, three);
            let t = dag.sub(a, own_part);
            let t = dag.add(t, cross);
            residuals.push(dag.sub(t, cube));
        }
        let (lo, hi) = (dag.constant(0.0), dag.constant(10.0));
        let solved = dag.solve(RootProblem {
            unknowns: vec![n0, n1],
            residuals,
            brackets: vec![(lo, hi); 2],
        });
        assert_eq!(dag.roots().len(), 1);
        let product = dag.mul(solved[0].0, solved[1].0);
        let g = gradient(&mut dag, product, &inputs);
        let d: Vec<Id> = inputs.iter().map(|x| derivative(&mut dag, &[product], *x)[0]).collect();
        let second = derivative(&mut dag, &[d[2]], inputs[0])[0];
        let at = [3.0, 5.0, 0.4];
        let f = |at: &[f64], of: Id| dag.evaluate(&[of], at)[0];
        for i in 0..3 {
            let h = 1e-4;
            let (mut up, mut down) = (at, at);
            up[i] += h;
            down[i] -= h;
            let slope = (f(&up, product) - f(&down, product)) / (2.0 * h);
            assert!((f(&at, d[i]) - slope).abs() < 1e-7, "{} against {slope}", f(&at, d[i]));
            assert!((f(&at, g[i]) - f(&at, d[i])).abs() < 1e-12);
        }
        let slope = (f(&[3.0 + 1e-4, 5.0, 0.4], d[2]) - f(&[3.0 - 1e-4, 5.0, 0.4], d[2])) / 2e-4;
        assert!((f(&at, second) - slope).abs() < 1e-7);
    }

    /// A price that clears inside a market whose own unknown it depends on: derivatives through nested problems.
    #[test]
    fn derivatives_go_through_nested_root_problems() {
        let mut dag = Dag::new();
        let a = dag.input(0);
        let (lo, hi) = (dag.constant(0.0), dag.constant(50.0));
        // inner: v^2 = 1 + u; outer: u + v(u) = a. So v^2 + v = a + 1.
        let (nu, u) = dag.fresh_unknown();
        let (nv, v) = dag.fresh_unknown();
        let one = dag.constant(1.0);
        let square = dag.mul(v, v);
        let t = dag.add(one, u);
        let inner = dag.sub(square, t);
        let inner = dag.solve(RootProblem {
            unknowns: vec![nv],
            residuals: vec![inner],
            brackets: vec![(lo, hi)],
        });
        let t = dag.add(u, inner[0].0);
        let outer = dag.sub(t, a);
        let outer = dag.solve(RootProblem {
            unknowns: vec![nu],
            residuals: vec![outer],
            brackets: vec![(lo, hi)],
        });
        let u_star = outer[0].0;
        let d = derivative(&mut dag, &[u_star], a)[0];
        let g = gradient(&mut dag, u_star, &[a])[0];
        let value = dag.evaluate(&[u_star, d, g], &[5.0]);
        let v = (-1.0 + 25f64.sqrt()) / 2.0;
        assert!((value[0] - (5.0 - v)).abs() < 1e-12);
        let exact = 1.0 - 1.0 / (2.0 * v + 1.0);
        assert!((value[1] - exact).abs() < 1e-11 && (value[2] - exact).abs() < 1e-11);
    }
}
