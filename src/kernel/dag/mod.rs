//! Scalar expressions as a hash-consed graph: equal expressions are one node, constants fold, algebra that is exact in
//! floating point is done at construction.
//!
//! A [`Dag`] is what the shaped graph is unrolled into and what [`super::program`] compiles. Simplifications keep every
//! result, NaN and infinities included, up to two liberties: the sign of a zero (`x + 0` is `x`), and `x ^ 0.5`, which is
//! taken as `sqrt(x)` (they differ at -inf). Small whole powers become products, which are within one unit in the last
//! place of the power. Operands always have smaller ids than their users; the residuals of a root problem stand before
//! its solution.

mod evaluate;
mod walk;

use super::math;
use crate::graph::{Binary, Unary};
use std::collections::HashMap;

/// An expression of a [`Dag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u32);

/// What an expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// A number, by its bits.
    Const(u64),
    /// Input number `.0`.
    Input(u32),
    /// The unknown of a root problem, bound there; numbers are unique in the graph.
    Unknown(u32),
    /// A function of one operand.
    Unary(Unary, Id),
    /// A function of two operands.
    Binary(Binary, Id, Id),
    /// The second operand where the first is not zero, else the third.
    Select(Id, Id, Id),
    /// Element `floor(at)`, clamped, of table `.0`.
    Lookup(u32, Id),
    /// Solution number `.1` of root problem `.0`.
    Root(u32, u32),
    /// How root problem `.0` ended: see [`super::root`].
    RootStatus(u32),
}

/// Equations solved together: `residuals` vanish at the solution, unknown `i` lies in `brackets[i]`.
#[derive(Clone, Debug, PartialEq)]
pub struct RootProblem {
    /// Numbers of the unknowns ([`Expr::Unknown`]), in order.
    pub unknowns: Vec<u32>,
    /// One expression per unknown.
    pub residuals: Vec<Id>,
    /// Lower and upper end between which each unknown is sought, one pair per unknown; may be infinite.
    pub brackets: Vec<(Id, Id)>,
}

/// A graph of scalar expressions.
#[derive(Clone, Debug, Default)]
pub struct Dag {
    exprs: Vec<Expr>,
    index: HashMap<Expr, Id>,
    tables: Vec<Vec<f64>>,
    table_index: HashMap<Vec<u64>, u32>,
    roots: Vec<RootProblem>,
    unknowns: u32,
}

impl Dag {
    /// An empty graph.
    pub fn new() -> Dag {
        Dag::default()
    }

    /// The expression behind an id.
    pub fn expr(&self, id: Id) -> Expr {
        self.exprs[id.0 as usize]
    }

    /// Number of expressions.
    pub fn len(&self) -> usize {
        self.exprs.len()
    }

    /// Whether there is no expression.
    pub fn is_empty(&self) -> bool {
        self.exprs.is_empty()
    }

    /// One more than the largest number of an input.
    pub fn inputs(&self) -> usize {
        let number = |e: &Expr| match e {
            Expr::Input(i) => *i as usize + 1,
            _ => 0,
        };
        self.exprs.iter().map(number).max().unwrap_or(0)
    }

    /// Constant tables, numbered as in [`Expr::Lookup`]; each a list of numbers, element `i` at position `i`.
    pub fn tables(&self) -> &[Vec<f64>] {
        &self.tables
    }

    /// Root problems, in the order [`Expr::Root`] counts them.
    pub fn roots(&self) -> &[RootProblem] {
        &self.roots
    }

    /// The number an expression is, if it is a constant.
    pub fn as_const(&self, id: Id) -> Option<f64> {
        match self.expr(id) {
            Expr::Const(bits) => Some(f64::from_bits(bits)),
            Expr::Input(_)
            | Expr::Unknown(_)
            | Expr::Unary(..)
            | Expr::Binary(..)
            | Expr::Select(..)
            | Expr::Lookup(..)
            | Expr::Root(..)
            | Expr::RootStatus(_) => None,
        }
    }

    fn intern(&mut self, e: Expr) -> Id {
        let next = Id(self.exprs.len() as u32);
        let id = *self.index.entry(e).or_insert(next);
        if id == next {
            self.exprs.push(e);
        }
        id
    }

    /// A number.
    pub fn constant(&mut self, x: f64) -> Id {
        self.intern(Expr::Const(if x == 0.0 { 0 } else { x.to_bits() }))
    }

    /// Input number `i`.
    pub fn input(&mut self, i: u32) -> Id {
        self.intern(Expr::Input(i))
    }

    /// A new unknown for a root problem.
    pub fn fresh_unknown(&mut self) -> (u32, Id) {
        let number = self.unknowns;
        self.unknowns += 1;
        (number, self.intern(Expr::Unknown(number)))
    }

    /// The expression of unknown `number`.
    pub fn unknown(&mut self, number: u32) -> Id {
        self.unknowns = self.unknowns.max(number + 1);
        self.intern(Expr::Unknown(number))
    }

    /// Only 0 or 1.
    fn is_boolean(&self, id: Id) -> bool {
        match self.expr(id) {
            Expr::Const(bits) => matches!(f64::from_bits(bits), 0.0 | 1.0),
            Expr::Unary(op, _) => op == Unary::Not,
            Expr::Binary(op, ..) => is_logical(op),
            Expr::Input(_)
            | Expr::Unknown(_)
            | Expr::Select(..)
            | Expr::Lookup(..)
            | Expr::Root(..)
            | Expr::RootStatus(_) => false,
        }
    }

    /// Only whole numbers (or infinities or NaN), so that rounding changes nothing.
    fn is_whole(&self, id: Id) -> bool {
        self.is_boolean(id)
            || match self.expr(id) {
                Expr::Const(bits) => f64::from_bits(bits).fract() == 0.0,
                Expr::Unary(op, _) => matches!(op, Unary::Floor | Unary::Ceil | Unary::Round),
                Expr::Binary(op, ..) => op == Binary::IntDiv,
                Expr::Input(_)
                | Expr::Unknown(_)
                | Expr::Select(..)
                | Expr::Lookup(..)
                | Expr::Root(..)
                | Expr::RootStatus(_) => false,
            }
    }

    /// `op(x)`
    pub fn unary(&mut self, op: Unary, x: Id) -> Id {
        if let Some(v) = self.as_const(x) {
            return self.constant(math::unary(op, v));
        }
        match (op, self.expr(x)) {
            (Unary::Neg, Expr::Unary(Unary::Neg, y)) => return y,
            (Unary::Neg, Expr::Binary(Binary::Sub, a, b)) => return self.sub(b, a),
            (Unary::Abs, Expr::Unary(Unary::Neg, y)) => return self.unary(Unary::Abs, y),
            (Unary::Abs, Expr::Unary(Unary::Abs | Unary::Sqrt | Unary::Exp, _)) => return x,
            (Unary::Not, Expr::Unary(Unary::Not, y)) if self.is_boolean(y) => return y,
            (Unary::Floor | Unary::Ceil | Unary::Round, _) if self.is_whole(x) => return x,
            _ => {}
        }
        self.intern(Expr::Unary(op, x))
    }

    /// `op(a, b)`
    pub fn binary(&mut self, op: Binary, a: Id, b: Id) -> Id {
        let (ca, cb) = (self.as_const(a), self.as_const(b));
        if let (Some(x), Some(y)) = (ca, cb) {
            return self.constant(math::binary(op, x, y));
        }
        match op {
            Binary::Add => {
                if ca == Some(0.0) {
                    return b;
                }
                if cb == Some(0.0) {
                    return a;
                }
                if let Expr::Unary(Unary::Neg, y) = self.expr(b) {
                    return self.sub(a, y);
                }
                if let Expr::Unary(Unary::Neg, x) = self.expr(a) {
                    return self.sub(b, x);
                }
            }
            Binary::Sub => {
                if cb == Some(0.0) {
                    return a;
                }
                if ca == Some(0.0) {
                    return self.unary(Unary::Neg, b);
                }
                if let Expr::Unary(Unary::Neg, y) = self.expr(b) {
                    return self.add(a, y);
                }
            }
            Binary::Mul => {
                for (c, other) in [(ca, b), (cb, a)] {
                    if c == Some(1.0) {
                        return other;
                    }
                    if c == Some(-1.0) {
                        return self.unary(Unary::Neg, other);
                    }
                }
                if let (Expr::Unary(Unary::Neg, x), Expr::Unary(Unary::Neg, y)) = (self.expr(a), self.expr(b)) {
                    return self.mul(x, y);
                }
                // a sign moves into a constant
                for (c, other) in [(ca, b), (cb, a)] {
                    if let (Some(c), Expr::Unary(Unary::Neg, y)) = (c, self.expr(other)) {
                        let negative = self.constant(-c);
                        return self.mul(negative, y);
                    }
                }
            }
            Binary::Div => {
                if cb == Some(1.0) {
                    return a;
                }
                if cb == Some(-1.0) {
                    return self.unary(Unary::Neg, a);
                }
                if let Some(c) = cb
                    && power_of_two(c)
                {
                    let inverse = self.constant(1.0 / c);
                    return self.mul(a, inverse);
                }
            }
            Binary::Pow => {
                if ca == Some(1.0) {
                    return a;
                }
                if let Some(y) = cb
                    && let Some(r) = self.small_power(a, y)
                {
                    return r;
                }
            }
            Binary::Min | Binary::Max => {
                if a == b {
                    return a;
                }
            }
            Binary::And => {
                for (c, other) in [(ca, b), (cb, a)] {
                    if c == Some(0.0) {
                        return self.constant(0.0);
                    }
                    if c.is_some() && self.is_boolean(other) {
                        return other;
                    }
                }
                if a == b && self.is_boolean(a) {
                    return a;
                }
            }
            Binary::Or => {
                for (c, other) in [(ca, b), (cb, a)] {
                    if c == Some(0.0) && self.is_boolean(other) {
                        return other;
                    }
                    if c.is_some_and(|c| c != 0.0) {
                        return self.constant(1.0);
                    }
                }
                if a == b && self.is_boolean(a) {
                    return a;
                }
            }
            Binary::Gt => return self.binary(Binary::Lt, b, a),
            Binary::Ge => return self.binary(Binary::Le, b, a),
            Binary::Mod | Binary::IntDiv | Binary::Eq | Binary::Ne | Binary::Lt | Binary::Le => {}
        }
        let commutes = matches!(
            op,
            Binary::Add | Binary::Mul | Binary::Min | Binary::Max | Binary::Eq | Binary::Ne | Binary::And | Binary::Or
        );
        let (a, b) = if commutes && b < a { (b, a) } else { (a, b) };
        self.intern(Expr::Binary(op, a, b))
    }

    /// x^y for the exponents that need no logarithm.
    fn small_power(&mut self, x: Id, y: f64) -> Option<Id> {
        let one = self.constant(1.0);
        Some(if y == 0.0 {
            one
        } else if y == 1.0 {
            x
        } else if y == 0.5 {
            self.unary(Unary::Sqrt, x)
        } else if y == 2.0 {
            self.mul(x, x)
        } else if y == 3.0 {
            let square = self.mul(x, x);
            self.mul(square, x)
        } else if y == 4.0 {
            let square = self.mul(x, x);
            self.mul(square, square)
        } else if matches!(y, -0.5 | -1.0 | -2.0) {
            let positive = self.small_power(x, -y)?;
            self.div(one, positive)
        } else {
            return None;
        })
    }

    /// `a` where `c` is not zero, else `b`.
    pub fn select(&mut self, c: Id, a: Id, b: Id) -> Id {
        if let Some(v) = self.as_const(c) {
            return if v != 0.0 { a } else { b };
        }
        if a == b {
            return a;
        }
        if let Expr::Unary(Unary::Not, d) = self.expr(c) {
            return self.select(d, b, a);
        }
        if self.is_boolean(c) && self.as_const(a) == Some(1.0) && self.as_const(b) == Some(0.0) {
            return c;
        }
        if self.as_const(a) == Some(0.0) && self.as_const(b) == Some(1.0) {
            return self.unary(Unary::Not, c);
        }
        self.intern(Expr::Select(c, a, b))
    }

    /// Element `floor(at)` (from 0) of a constant table, a list of numbers, clamped to it (NaN: the first). An empty table
    /// gives NaN.
    pub fn lookup(&mut self, table: &[f64], at: Id) -> Id {
        if table.is_empty() {
            return self.constant(f64::NAN);
        }
        if let Some(v) = self.as_const(at) {
            return self.constant(table[crate::graph::eval::position_on(v, table.len())]);
        }
        if table.iter().all(|v| v.to_bits() == table[0].to_bits()) {
            return self.constant(table[0]);
        }
        // Rounding down is part of the lookup.
        let at = match self.expr(at) {
            Expr::Unary(Unary::Floor, x) => x,
            _ => at,
        };
        let key: Vec<u64> = table.iter().map(|v| v.to_bits()).collect();
        let next = self.tables.len() as u32;
        let number = *self.table_index.entry(key).or_insert(next);
        if number == next {
            self.tables.push(table.to_vec());
        }
        self.intern(Expr::Lookup(number, at))
    }

    /// a + b
    pub fn add(&mut self, a: Id, b: Id) -> Id {
        self.binary(Binary::Add, a, b)
    }

    /// a - b
    pub fn sub(&mut self, a: Id, b: Id) -> Id {
        self.binary(Binary::Sub, a, b)
    }

    /// a b
    pub fn mul(&mut self, a: Id, b: Id) -> Id {
        self.binary(Binary::Mul, a, b)
    }

    /// a / b
    pub fn div(&mut self, a: Id, b: Id) -> Id {
        self.binary(Binary::Div, a, b)
    }

    /// -a
    pub fn neg(&mut self, a: Id) -> Id {
        self.unary(Unary::Neg, a)
    }

    /// Adds equations to be solved together and returns, for each unknown, its solution and the status of the problem
    /// it belongs to. Equations that do not need one another (one market per industry, say) are taken apart first:
    /// each strongly connected part is a problem of its own, solved in order of dependence.
    pub fn solve(&mut self, problem: RootProblem) -> Vec<(Id, Id)> {
        let m = problem
            .unknowns
            .len()
            .min(problem.residuals.len())
            .min(problem.brackets.len());
        let needs: Vec<Vec<usize>> = (0..m)
            .map(|i| {
                let seen = self.reachable(&[problem.residuals[i]]);
                (0..m)
                    .filter(|j| {
                        let u = Expr::Unknown(problem.unknowns[*j]);
                        self.index.get(&u).is_some_and(|id| seen[id.0 as usize])
                    })
                    .collect()
            })
            .collect();
        let mut result: Vec<Option<(Id, Id)>> = vec![None; m];
        let mut known: HashMap<Id, Id> = HashMap::new();
        for part in components(&needs) {
            let residuals: Vec<Id> = part.iter().map(|i| problem.residuals[*i]).collect();
            let residuals = self.substitute(&residuals, &known);
            let number = self.roots.len() as u32;
            self.roots.push(RootProblem {
                unknowns: part.iter().map(|i| problem.unknowns[*i]).collect(),
                residuals,
                brackets: part.iter().map(|i| problem.brackets[*i]).collect(),
            });
            let status = self.intern(Expr::RootStatus(number));
            for (which, i) in part.iter().enumerate() {
                let solution = self.intern(Expr::Root(number, which as u32));
                let unknown = self.unknown(problem.unknowns[*i]);
                known.insert(unknown, solution);
                result[*i] = Some((solution, status));
            }
        }
        result.into_iter().flatten().collect()
    }

    /// The solution of unknown number `which` (by position) of root problem `root`.
    pub fn solution(&mut self, root: u32, which: u32) -> Id {
        self.intern(Expr::Root(root, which))
    }

    /// How root problem `root` ended (see [`super::root`]).
    pub fn status(&mut self, root: u32) -> Id {
        self.intern(Expr::RootStatus(root))
    }

    /// How the root problems ended that `of` use: one expression per problem, by number (see [`super::root`] for its
    /// values). Problems inside others, which have no value outside, are left out.
    pub fn statuses(&mut self, of: &[Id]) -> Vec<Id> {
        let seen = self.reachable(of);
        let roots: std::collections::BTreeSet<u32> = (0..seen.len())
            .filter(|i| seen[*i])
            .filter_map(|i| match self.exprs[i] {
                Expr::Root(r, _) => Some(r),
                _ => None,
            })
            .collect();
        let statuses: Vec<Id> = roots.into_iter().map(|r| self.intern(Expr::RootStatus(r))).collect();
        let unknown = |i: &usize| matches!(self.exprs[*i], Expr::Unknown(_));
        let unknowns: Vec<Id> = (0..self.len()).filter(unknown).map(|i| Id(i as u32)).collect();
        let open = self.dependents(&unknowns);
        statuses.into_iter().filter(|s| !open[s.0 as usize]).collect()
    }
}

/// Operations that give 0 or 1.
fn is_logical(op: Binary) -> bool {
    match op {
        Binary::Eq | Binary::Ne | Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge | Binary::And | Binary::Or => true,
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Div
        | Binary::Pow
        | Binary::Mod
        | Binary::IntDiv
        | Binary::Min
        | Binary::Max => false,
    }
}

/// A normal power of two whose inverse is normal too: dividing by it is multiplying by the inverse, exactly.
fn power_of_two(c: f64) -> bool {
    let bits = c.abs().to_bits();
    bits & 0x000f_ffff_ffff_ffff == 0 && (c.abs() >= 1e-300 && c.abs() <= 1e300)
}

/// Strongly connected components, those needed first first (Tarjan 1972, without recursion).
fn components(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let n = needs.len();
    let (mut order, mut low, mut on_stack) = (vec![usize::MAX; n], vec![0; n], vec![false; n]);
    let (mut stack, mut result, mut count) = (Vec::new(), Vec::new(), 0);
    for start in 0..n {
        if order[start] != usize::MAX {
            continue;
        }
        let mut work = vec![(start, 0)];
        while let Some((v, edge)) = work.pop() {
            if edge == 0 {
                order[v] = count;
                low[v] = count;
                count += 1;
                stack.push(v);
                on_stack[v] = true;
            }
            if let Some(&w) = needs[v].get(edge) {
                work.push((v, edge + 1));
                if order[w] == usize::MAX {
                    work.push((w, 0));
                } else if on_stack[w] {
                    low[v] = low[v].min(order[w]);
                }
                continue;
            }
            for &w in &needs[v] {
                if on_stack[w] {
                    low[v] = low[v].min(low[w]);
                }
            }
            if low[v] == order[v] {
                let at = stack.iter().rposition(|w| *w == v).unwrap_or(0);
                let mut part = stack.split_off(at);
                part.iter().for_each(|w| on_stack[*w] = false);
                part.sort();
                result.push(part);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests;
