//! Reductions and lookups over axes that are unrolled.

use crate::graph::{Binary, Reduce, Unary};
use crate::kernel::dag::{Dag, Id};

/// Combines values in the fixed order: sixteen accumulators by index, then a tree.
fn ordered(dag: &mut Dag, values: &[Id], op: Binary, empty: f64) -> Id {
    let mut lanes: Vec<Id> = values.iter().take(16).copied().collect();
    for (i, v) in values.iter().enumerate().skip(16) {
        lanes[i % 16] = dag.binary(op, lanes[i % 16], *v);
    }
    for step in [8, 4, 2, 1] {
        for i in 0..step {
            if i + step < lanes.len() {
                lanes[i] = dag.binary(op, lanes[i], lanes[i + step]);
            }
        }
        lanes.truncate(step.min(lanes.len()));
    }
    lanes.first().copied().unwrap_or_else(|| dag.constant(empty))
}

/// A reduction over unrolled members: one expression per member in `values`; with `chosen`, one condition per member.
pub(super) fn reduce(dag: &mut Dag, how: Reduce, values: &[Id], chosen: Option<&[Id]>) -> Id {
    let zero = dag.constant(0.0);
    let one = dag.constant(1.0);
    let pick = |dag: &mut Dag, values: &[Id], neutral: f64| -> Vec<Id> {
        let neutral = dag.constant(neutral);
        match chosen {
            None => values.to_vec(),
            Some(c) => values.iter().zip(c).map(|(v, c)| dag.select(*c, *v, neutral)).collect(),
        }
    };
    let number = |dag: &mut Dag| match chosen {
        None => dag.constant(values.len() as f64),
        Some(c) => {
            let ones: Vec<Id> = c.iter().map(|c| dag.binary(Binary::Ne, *c, zero)).collect();
            ordered(dag, &ones, Binary::Add, 0.0)
        }
    };
    let truths = |dag: &mut Dag| -> Vec<Id> { values.iter().map(|v| dag.binary(Binary::Ne, *v, zero)).collect() };
    match how {
        Reduce::Sum => {
            let v = pick(dag, values, 0.0);
            ordered(dag, &v, Binary::Add, 0.0)
        }
        Reduce::Mean => {
            let v = pick(dag, values, 0.0);
            let sum = ordered(dag, &v, Binary::Add, 0.0);
            let n = number(dag);
            dag.div(sum, n)
        }
        Reduce::Prod => {
            let v = pick(dag, values, 1.0);
            ordered(dag, &v, Binary::Mul, 1.0)
        }
        Reduce::Min => {
            let v = pick(dag, values, f64::INFINITY);
            ordered(dag, &v, Binary::Min, f64::INFINITY)
        }
        Reduce::Max => {
            let v = pick(dag, values, f64::NEG_INFINITY);
            ordered(dag, &v, Binary::Max, f64::NEG_INFINITY)
        }
        Reduce::Std => {
            let v = pick(dag, values, 0.0);
            let sum = ordered(dag, &v, Binary::Add, 0.0);
            let n = number(dag);
            let mean = dag.div(sum, n);
            let squares: Vec<Id> = values
                .iter()
                .map(|v| {
                    let d = dag.sub(*v, mean);
                    dag.mul(d, d)
                })
                .collect();
            let squares = pick(dag, &squares, 0.0);
            let sum = ordered(dag, &squares, Binary::Add, 0.0);
            let variance = dag.div(sum, n);
            dag.unary(Unary::Sqrt, variance)
        }
        Reduce::Count => {
            let t = truths(dag);
            let t = pick(dag, &t, 0.0);
            ordered(dag, &t, Binary::Add, 0.0)
        }
        Reduce::Any => {
            let t = truths(dag);
            let t = pick(dag, &t, 0.0);
            ordered(dag, &t, Binary::Or, 0.0)
        }
        Reduce::All => {
            let t = truths(dag);
            let t = pick(dag, &t, 1.0);
            ordered(dag, &t, Binary::And, 1.0)
        }
        Reduce::Argmax => {
            let (mut best, mut at) = (zero, zero);
            for (i, v) in values.iter().enumerate() {
                let none = dag.binary(Binary::Eq, at, zero);
                let above = dag.binary(Binary::Gt, *v, best);
                let better = dag.binary(Binary::Or, none, above);
                let better = match chosen {
                    None => better,
                    Some(c) => dag.binary(Binary::And, c[i], better),
                };
                let position = dag.constant(i as f64 + 1.0);
                best = dag.select(better, *v, best);
                at = dag.select(better, position, at);
            }
            at
        }
        Reduce::Quantile(level) => {
            let nan = dag.constant(f64::NAN);
            if values.is_empty() {
                return nan;
            }
            let missing: Vec<Id> = values.iter().map(|v| dag.binary(Binary::Ne, *v, *v)).collect();
            let missing = pick(dag, &missing, 0.0);
            let missing = ordered(dag, &missing, Binary::Or, 0.0);
            let mut sorted = pick(dag, values, f64::INFINITY);
            sort(dag, &mut sorted);
            let n = number(dag);
            let last = dag.sub(n, one);
            let level = dag.constant(level);
            let h = dag.mul(last, level);
            let below = dag.unary(Unary::Floor, h);
            let a = self::pick(dag, &sorted, below);
            let next = dag.add(below, one);
            let next = dag.binary(Binary::Min, next, last);
            let b = self::pick(dag, &sorted, next);
            let w = dag.sub(h, below);
            let difference = dag.sub(b, a);
            let step = dag.mul(w, difference);
            let between = dag.add(a, step);
            let exact = dag.binary(Binary::Eq, w, zero);
            let q = dag.select(exact, a, between);
            let nobody = dag.binary(Binary::Lt, n, one);
            let bad = dag.binary(Binary::Or, missing, nobody);
            dag.select(bad, nan, q)
        }
    }
}

/// Ascending order by Batcher's odd-even merge network (1968).
fn sort(dag: &mut Dag, v: &mut [Id]) {
    let n = v.len();
    let mut p = 1;
    while p < n {
        let mut k = p;
        while k >= 1 {
            let mut j = k % p;
            while j + k < n {
                for i in 0..k.min(n - j - k) {
                    let (a, b) = (i + j, i + j + k);
                    if a / (2 * p) == b / (2 * p) {
                        let (x, y) = (v[a], v[b]);
                        v[a] = dag.binary(Binary::Min, x, y);
                        v[b] = dag.binary(Binary::Max, x, y);
                    }
                }
                j += 2 * k;
            }
            k /= 2;
        }
        p *= 2;
    }
}

/// Candidate number `floor(at)`, clamped: a table if all are numbers, else a tree of selections.
pub(super) fn pick(dag: &mut Dag, candidates: &[Id], at: Id) -> Id {
    if candidates.is_empty() {
        return dag.constant(f64::NAN);
    }
    if let Some(v) = dag.as_const(at) {
        return candidates[crate::graph::eval::position_on(v, candidates.len())];
    }
    let numbers: Option<Vec<f64>> = candidates.iter().map(|c| dag.as_const(*c)).collect();
    if let Some(table) = numbers {
        return dag.lookup(&table, at);
    }
    halves(dag, candidates, 0, at)
}

fn halves(dag: &mut Dag, candidates: &[Id], first: usize, at: Id) -> Id {
    if candidates.len() == 1 {
        return candidates[0];
    }
    let middle = candidates.len() / 2;
    let bound = dag.constant((first + middle) as f64);
    let low = halves(dag, &candidates[..middle], first, at);
    let high = halves(dag, &candidates[middle..], first + middle, at);
    let upper = dag.binary(Binary::Le, bound, at);
    dag.select(upper, high, low)
}
