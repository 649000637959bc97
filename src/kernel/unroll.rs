//! The shaped graph unrolled into scalar expressions: every element of every axis becomes an expression of its own.
//!
//! Nodes are unrolled on demand. What an input stands for is the caller's to say: [`Unroll::bind`] gives the expressions
//! of an input's elements, [`Unroll::replace`] those of a node (a noise by its outcome, a shock by its mean, an action by its
//! rule). This serves solvers, which have few elements and many lanes.

use super::dag::{Dag, Id, RootProblem};
use crate::graph::{AxisId, Binary, Graph, InputId, NodeId, Op, Reduce, Unary};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a graph cannot be unrolled.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum UnrollError {
    /// An input that nothing was bound to.
    #[error("`{0}` is read, but nothing stands for it here")]
    Unbound(String),
    /// Too many expressions.
    #[error("the model unrolls to more than {0} expressions")]
    TooLarge(usize),
}

/// Most expressions before giving up.
const LIMIT: usize = 20_000_000;

/// An unrolling in progress.
pub struct Unroll<'g> {
    graph: &'g Graph,
    /// The expressions so far.
    pub dag: Dag,
    nodes: BTreeMap<NodeId, Vec<Id>>,
    inputs: BTreeMap<InputId, Vec<Id>>,
    roots: BTreeMap<usize, Vec<Vec<Id>>>,
    solving: BTreeMap<InputId, Vec<Id>>,
}

impl<'g> Unroll<'g> {
    /// Begins.
    pub fn new(graph: &'g Graph) -> Self {
        Unroll {
            graph,
            dag: Dag::new(),
            nodes: BTreeMap::new(),
            inputs: BTreeMap::new(),
            roots: BTreeMap::new(),
            solving: BTreeMap::new(),
        }
    }

    /// What the elements of an input stand for.
    pub fn bind(&mut self, input: InputId, elements: Vec<Id>) {
        self.inputs.insert(input, elements);
    }

    /// What the elements of a node stand for, instead of what they would be.
    pub fn replace(&mut self, node: NodeId, elements: Vec<Id>) {
        self.nodes.insert(node, elements);
    }

    /// The expressions of a node's elements, row-major over its shape.
    pub fn node(&mut self, id: NodeId) -> Result<Vec<Id>, UnrollError> {
        if let Some(v) = self.nodes.get(&id) {
            return Ok(v.clone());
        }
        let v = self.compute(id)?;
        if self.dag.len() > LIMIT {
            return Err(UnrollError::TooLarge(LIMIT));
        }
        // Inside a root problem, what depends on its unknowns must not be remembered for outside.
        if self.solving.is_empty() {
            self.nodes.insert(id, v.clone());
        }
        Ok(v)
    }

    fn size(&self, a: AxisId) -> usize {
        self.graph.axes[a.0 as usize].size
    }

    fn compute(&mut self, id: NodeId) -> Result<Vec<Id>, UnrollError> {
        let node = &self.graph.nodes[id.0 as usize];
        let shape = &node.shape;
        let n = self.graph.elements(shape);
        match &node.op {
            Op::Const(x) => Ok(vec![self.dag.constant(*x); n.max(1)]),
            Op::Table(xs) => Ok(xs.iter().map(|x| self.dag.constant(*x)).collect()),
            Op::Input(i) => self.input(*i),
            Op::Position(_) => Ok((0..n).map(|e| self.dag.constant(e as f64 + 1.0)).collect()),
            Op::Unary(f, a) => {
                let x = self.node(*a)?;
                Ok(x.into_iter().map(|x| self.dag.unary(*f, x)).collect())
            }
            Op::Binary(f, a, b) => {
                let (x, y) = (self.node(*a)?, self.node(*b)?);
                let (mx, my) = (self.map(*a, shape, &[]), self.map(*b, shape, &[]));
                Ok((0..n).map(|e| self.dag.binary(*f, x[mx[e]], y[my[e]])).collect())
            }
            Op::Select(c, a, b) => {
                let (q, x, y) = (self.node(*c)?, self.node(*a)?, self.node(*b)?);
                let (mq, mx, my) = (
                    self.map(*c, shape, &[]),
                    self.map(*a, shape, &[]),
                    self.map(*b, shape, &[]),
                );
                Ok((0..n).map(|e| self.dag.select(q[mq[e]], x[mx[e]], y[my[e]])).collect())
            }
            Op::Reduce { how, of, axis, when } => {
                let x = self.node(*of)?;
                let w = when.map(|w| self.node(w)).transpose()?;
                let members = self.size(*axis);
                let columns: Vec<Vec<usize>> = (0..members).map(|i| self.map(*of, shape, &[(*axis, i)])).collect();
                let masks: Vec<Vec<usize>> = when.map_or(Vec::new(), |w| {
                    (0..members).map(|i| self.map(w, shape, &[(*axis, i)])).collect()
                });
                let mut out = Vec::with_capacity(n);
                for e in 0..n {
                    let xs: Vec<Id> = columns.iter().map(|c| x[c[e]]).collect();
                    let ws: Option<Vec<Id>> = w.as_ref().map(|w| masks.iter().map(|m| w[m[e]]).collect());
                    out.push(self.reduce(*how, &xs, ws.as_deref()));
                }
                Ok(out)
            }
            Op::Take { of, axis, at } => {
                let (x, p) = (self.node(*of)?, self.node(*at)?);
                let members = self.size(*axis);
                let columns: Vec<Vec<usize>> = (0..members).map(|i| self.map(*of, shape, &[(*axis, i)])).collect();
                let places = self.map(*at, shape, &[]);
                let mut out = Vec::with_capacity(n);
                for e in 0..n {
                    let xs: Vec<Id> = columns.iter().map(|c| x[c[e]]).collect();
                    out.push(self.take(&xs, p[places[e]]));
                }
                Ok(out)
            }
            Op::Relabel { of, from, to } => {
                let x = self.node(*of)?;
                let m = self.renamed(*of, shape, &|a| if a == *from { *to } else { a }, |_, i| i);
                Ok(m.into_iter().map(|i| x[i]).collect())
            }
            Op::Slice { of, from, to, first } => {
                let x = self.node(*of)?;
                let m = self.renamed(*of, shape, &|a| if a == *from { *to } else { a }, |a, i| {
                    if a == *from { i + first } else { i }
                });
                Ok(m.into_iter().map(|i| x[i]).collect())
            }
            Op::Others { of, axis, into } => {
                let x = self.node(*of)?;
                let (from, sizes) = (self.graph.nodes[of.0 as usize].shape.clone(), shape.clone());
                let out = (0..n)
                    .map(|e| {
                        let at = self.indices(&sizes, e);
                        let get = |a: AxisId| sizes.iter().position(|s| *s == a).map_or(0, |k| at[k]);
                        let (i, j) = (get(*axis), get(*into));
                        let k = if j < i { j } else { j + 1 };
                        let flat = from
                            .iter()
                            .fold(0, |f, a| f * self.size(*a) + if a == axis { k } else { get(*a) });
                        x[flat]
                    })
                    .collect();
                Ok(out)
            }
            Op::Stack { parts, to } => {
                let values: Vec<Vec<Id>> = parts.iter().map(|(p, _)| self.node(*p)).collect::<Result<_, _>>()?;
                let sizes = shape.clone();
                let out = (0..n)
                    .map(|e| {
                        let at = self.indices(&sizes, e);
                        let get = |a: AxisId| sizes.iter().position(|s| *s == a).map_or(0, |k| at[k]);
                        let mut i = get(*to);
                        let mut k = 0;
                        while k + 1 < parts.len() && i >= self.size(parts[k].1) {
                            i -= self.size(parts[k].1);
                            k += 1;
                        }
                        let from = &self.graph.nodes[parts[k].0.0 as usize].shape;
                        let flat = from
                            .iter()
                            .fold(0, |f, a| f * self.size(*a) + if *a == parts[k].1 { i } else { get(*a) });
                        values[k][flat]
                    })
                    .collect();
                Ok(out)
            }
            Op::Root { root, which } => {
                let solved = self.root(*root)?;
                Ok(solved[*which].clone())
            }
        }
    }

    fn input(&mut self, i: InputId) -> Result<Vec<Id>, UnrollError> {
        if let Some(v) = self.solving.get(&i).or_else(|| self.inputs.get(&i)) {
            return Ok(v.clone());
        }
        Err(UnrollError::Unbound(self.graph.inputs[i.0 as usize].name.clone()))
    }

    fn root(&mut self, number: usize) -> Result<Vec<Vec<Id>>, UnrollError> {
        if let Some(v) = self.roots.get(&number) {
            return Ok(v.clone());
        }
        let root = &self.graph.roots[number];
        let mut unknowns = Vec::new();
        let mut sizes = Vec::new();
        for u in &root.unknowns {
            let n = self.graph.elements(&self.graph.inputs[u.0 as usize].shape);
            let fresh: Vec<(u32, Id)> = (0..n).map(|_| self.dag.fresh_unknown()).collect();
            self.solving.insert(*u, fresh.iter().map(|f| f.1).collect());
            unknowns.extend(fresh.iter().map(|f| f.0));
            sizes.push(n);
        }
        let mut residuals = Vec::new();
        let mut brackets = Vec::new();
        for (k, (r, (lo, hi))) in root.residuals.iter().zip(&root.brackets).enumerate() {
            let shape = self.graph.inputs[root.unknowns[k].0 as usize].shape.clone();
            let (values, l, h) = (self.node(*r)?, self.node(*lo)?, self.node(*hi)?);
            let (mr, ml, mh) = (
                self.map(*r, &shape, &[]),
                self.map(*lo, &shape, &[]),
                self.map(*hi, &shape, &[]),
            );
            for e in 0..sizes[k] {
                residuals.push(values[mr[e]]);
                brackets.push((l[ml[e]], h[mh[e]]));
            }
        }
        for u in &root.unknowns {
            self.solving.remove(u);
        }
        let solutions: Vec<Id> = self
            .dag
            .solve(RootProblem {
                unknowns,
                residuals,
                brackets,
            })
            .into_iter()
            .map(|(s, _)| s)
            .collect();
        let mut out = Vec::new();
        let mut at = 0;
        for n in sizes {
            out.push(solutions[at..at + n].to_vec());
            at += n;
        }
        if self.solving.is_empty() {
            self.roots.insert(number, out.clone());
        }
        Ok(out)
    }

    /// For each element of `shape`, the element of `node` it sees, some axes being fixed.
    fn map(&self, node: NodeId, shape: &[AxisId], fixed: &[(AxisId, usize)]) -> Vec<usize> {
        let from = &self.graph.nodes[node.0 as usize].shape;
        (0..self.graph.elements(shape))
            .map(|e| {
                let at = self.indices(shape, e);
                from.iter().fold(0, |f, a| {
                    let i = fixed
                        .iter()
                        .find(|(x, _)| x == a)
                        .map(|(_, i)| *i)
                        .or_else(|| shape.iter().position(|s| s == a).map(|k| at[k]))
                        .unwrap_or(0);
                    f * self.size(*a) + i
                })
            })
            .collect()
    }

    fn renamed(
        &self,
        node: NodeId,
        shape: &[AxisId],
        name: &dyn Fn(AxisId) -> AxisId,
        shift: impl Fn(AxisId, usize) -> usize,
    ) -> Vec<usize> {
        let from = &self.graph.nodes[node.0 as usize].shape;
        (0..self.graph.elements(shape))
            .map(|e| {
                let at = self.indices(shape, e);
                from.iter().fold(0, |f, a| {
                    let i = shape.iter().position(|s| *s == name(*a)).map_or(0, |k| at[k]);
                    f * self.size(*a) + shift(*a, i)
                })
            })
            .collect()
    }

    fn indices(&self, shape: &[AxisId], element: usize) -> Vec<usize> {
        let mut rest = element;
        let mut at = vec![0; shape.len()];
        for (k, a) in shape.iter().enumerate().rev() {
            at[k] = rest % self.size(*a);
            rest /= self.size(*a);
        }
        at
    }

    fn take(&mut self, xs: &[Id], at: Id) -> Id {
        let constants: Option<Vec<f64>> = xs.iter().map(|x| self.dag.as_const(*x)).collect();
        if let Some(table) = constants {
            return self.dag.lookup(&table, at);
        }
        if let Some(i) = self.dag.as_const(at) {
            let i = if i.is_nan() {
                0
            } else {
                i.floor().clamp(0.0, xs.len() as f64 - 1.0) as usize
            };
            return xs[i];
        }
        let mut out = xs[xs.len() - 1];
        for (i, x) in xs.iter().enumerate().rev().skip(1) {
            let limit = self.dag.constant(i as f64 + 1.0);
            let before = self.dag.binary(Binary::Lt, at, limit);
            out = self.dag.select(before, *x, out);
        }
        out
    }

    /// A reduction in the fixed order of the language (see `graph::eval`).
    fn reduce(&mut self, how: Reduce, xs: &[Id], when: Option<&[Id]>) -> Id {
        let masked = |u: &mut Self, xs: &[Id], neutral: f64| -> Vec<Id> {
            match when {
                None => xs.to_vec(),
                Some(ws) => {
                    let z = u.dag.constant(neutral);
                    xs.iter().zip(ws).map(|(x, w)| u.dag.select(*w, *x, z)).collect()
                }
            }
        };
        let count = |u: &mut Self| match when {
            None => u.dag.constant(xs.len() as f64),
            Some(ws) => {
                let zero = u.dag.constant(0.0);
                let flags: Vec<Id> = ws.iter().map(|w| u.dag.binary(Binary::Ne, *w, zero)).collect();
                u.combine(Binary::Add, &flags, 0.0)
            }
        };
        match how {
            Reduce::Sum => {
                let v = masked(self, xs, 0.0);
                self.combine(Binary::Add, &v, 0.0)
            }
            Reduce::Prod => {
                let v = masked(self, xs, 1.0);
                self.combine(Binary::Mul, &v, 1.0)
            }
            Reduce::Min => {
                let v = masked(self, xs, f64::INFINITY);
                self.combine(Binary::Min, &v, f64::INFINITY)
            }
            Reduce::Max => {
                let v = masked(self, xs, f64::NEG_INFINITY);
                self.combine(Binary::Max, &v, f64::NEG_INFINITY)
            }
            Reduce::Mean => {
                let v = masked(self, xs, 0.0);
                let total = self.combine(Binary::Add, &v, 0.0);
                let n = count(self);
                self.dag.div(total, n)
            }
            Reduce::Std => {
                let v = masked(self, xs, 0.0);
                let total = self.combine(Binary::Add, &v, 0.0);
                let n = count(self);
                let mean = self.dag.div(total, n);
                let squares: Vec<Id> = xs
                    .iter()
                    .map(|x| {
                        let d = self.dag.sub(*x, mean);
                        self.dag.mul(d, d)
                    })
                    .collect();
                let squares = masked(self, &squares, 0.0);
                let total = self.combine(Binary::Add, &squares, 0.0);
                let variance = self.dag.div(total, n);
                self.dag.unary(Unary::Sqrt, variance)
            }
            Reduce::Count | Reduce::Any | Reduce::All => {
                let zero = self.dag.constant(0.0);
                let flags: Vec<Id> = xs.iter().map(|x| self.dag.binary(Binary::Ne, *x, zero)).collect();
                match how {
                    Reduce::Count => {
                        let v = masked(self, &flags, 0.0);
                        self.combine(Binary::Add, &v, 0.0)
                    }
                    Reduce::Any => {
                        let v = masked(self, &flags, 0.0);
                        self.combine(Binary::Or, &v, 0.0)
                    }
                    _ => {
                        let v = masked(self, &flags, 1.0);
                        self.combine(Binary::And, &v, 1.0)
                    }
                }
            }
            Reduce::Argmax => {
                let v = masked(self, xs, f64::NEG_INFINITY);
                let mut best = v[0];
                let mut at = self.dag.constant(1.0);
                for (i, x) in v.iter().enumerate().skip(1) {
                    let better = self.dag.binary(Binary::Gt, *x, best);
                    let here = self.dag.constant(i as f64 + 1.0);
                    at = self.dag.select(better, here, at);
                    best = self.dag.select(better, *x, best);
                }
                at
            }
            Reduce::Quantile(q) => self.quantile(xs, q),
        }
    }

    /// An odd-even transposition network sorts; the quantile interpolates at `(n - 1) q`.
    fn quantile(&mut self, xs: &[Id], q: f64) -> Id {
        let mut v = xs.to_vec();
        let n = v.len();
        for round in 0..n {
            let mut i = round % 2;
            while i + 1 < n {
                let (a, b) = (v[i], v[i + 1]);
                v[i] = self.dag.binary(Binary::Min, a, b);
                v[i + 1] = self.dag.binary(Binary::Max, a, b);
                i += 2;
            }
        }
        let h = (n as f64 - 1.0) * q;
        let i = h.floor() as usize;
        let j = (i + 1).min(n - 1);
        let t = self.dag.constant(h - i as f64);
        let d = self.dag.sub(v[j], v[i]);
        let step = self.dag.mul(t, d);
        self.dag.add(v[i], step)
    }

    /// Combines values in the fixed order: accumulator `i mod 16`, then pairwise 8, 4, 2 and 1 apart.
    fn combine(&mut self, op: Binary, xs: &[Id], neutral: f64) -> Id {
        if xs.is_empty() {
            return self.dag.constant(neutral);
        }
        let mut lanes: Vec<Id> = xs[..xs.len().min(16)].to_vec();
        for (i, x) in xs.iter().enumerate().skip(16) {
            lanes[i % 16] = self.dag.binary(op, lanes[i % 16], *x);
        }
        for step in [8, 4, 2, 1] {
            for i in 0..step {
                if i + step < lanes.len() {
                    lanes[i] = self.dag.binary(op, lanes[i], lanes[i + step]);
                }
            }
            lanes.truncate(step.min(lanes.len()));
        }
        lanes[0]
    }
}
