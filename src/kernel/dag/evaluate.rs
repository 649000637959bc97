//! Values of expressions one by one, as the lane programs are tested against.

use super::{Dag, Expr, Id, RootProblem};
use crate::kernel::math;
use crate::kernel::root::{self, Scratch, System};

impl Dag {
    /// The values of `outputs` at one point, one number per output, evaluated plainly: what compiled programs are
    /// tested against. `inputs[i]` is input number `i`; inputs that are missing count as NaN.
    pub fn evaluate(&self, outputs: &[Id], inputs: &[f64]) -> Vec<f64> {
        let mut values = vec![None; self.len()];
        let mut unknowns = vec![f64::NAN; self.unknowns as usize];
        outputs
            .iter()
            .map(|o| self.value(*o, inputs, &mut unknowns, &mut values))
            .collect()
    }

    /// The value of an expression: `inputs[i]` is input number `i`, `unknowns` has one number per unknown of the graph,
    /// `values` one entry per expression (`None`: not computed yet).
    pub(super) fn value(&self, id: Id, inputs: &[f64], unknowns: &mut Vec<f64>, values: &mut Vec<Option<f64>>) -> f64 {
        // Operands first, without recursion except into root problems.
        let mut stack = vec![id];
        while let Some(&top) = stack.last() {
            let t = top.0 as usize;
            if values[t].is_some() {
                stack.pop();
                continue;
            }
            let mut waiting = false;
            if let Expr::Root(r, _) | Expr::RootStatus(r) = self.expr(top) {
                for (lo, hi) in &self.roots[r as usize].brackets {
                    for e in [lo, hi] {
                        if values[e.0 as usize].is_none() {
                            stack.push(*e);
                            waiting = true;
                        }
                    }
                }
            } else {
                self.operands(top, |o| {
                    if values[o.0 as usize].is_none() {
                        stack.push(o);
                        waiting = true;
                    }
                });
            }
            if waiting {
                continue;
            }
            let at = |x: Id| values[x.0 as usize].unwrap_or(f64::NAN);
            let v = match self.expr(top) {
                Expr::Const(bits) => f64::from_bits(bits),
                Expr::Input(i) => inputs.get(i as usize).copied().unwrap_or(f64::NAN),
                Expr::Unknown(u) => unknowns[u as usize],
                Expr::Unary(op, x) => math::unary(op, at(x)),
                Expr::Binary(op, a, b) => math::binary(op, at(a), at(b)),
                Expr::Select(c, a, b) => {
                    if at(c) != 0.0 {
                        at(a)
                    } else {
                        at(b)
                    }
                }
                Expr::Lookup(t, x) => {
                    let table = &self.tables[t as usize];
                    table[crate::graph::eval::position_on(at(x), table.len())]
                }
                Expr::Root(r, which) => self.solve_one(r, inputs, unknowns, values).0[which as usize],
                Expr::RootStatus(r) => self.solve_one(r, inputs, unknowns, values).1,
            };
            values[t] = Some(v);
        }
        values[id.0 as usize].unwrap_or(f64::NAN)
    }

    fn solve_one(&self, r: u32, inputs: &[f64], unknowns: &[f64], values: &[Option<f64>]) -> (Vec<f64>, f64) {
        let problem = &self.roots[r as usize];
        let m = problem.unknowns.len();
        let at = |id: Id| values[id.0 as usize].unwrap_or(f64::NAN);
        let lo: Vec<f64> = problem.brackets.iter().map(|b| at(b.0)).collect();
        let hi: Vec<f64> = problem.brackets.iter().map(|b| at(b.1)).collect();
        let leaves: Vec<Id> = problem
            .unknowns
            .iter()
            .filter_map(|u| self.index.get(&Expr::Unknown(*u)).copied())
            .collect();
        let uses = self.dependents(&leaves);
        // What does not move with the unknowns is kept, the rest starts afresh at every evaluation.
        let fixed: Vec<Option<f64>> = values
            .iter()
            .zip(&uses)
            .map(|(v, u)| if *u { None } else { *v })
            .collect();
        let mut system = Plain {
            dag: self,
            problem,
            inputs,
            unknowns: unknowns.to_vec(),
            fixed,
        };
        let (mut x, mut status) = (vec![0.0; m], [0.0]);
        root::solve(
            m,
            1,
            &lo,
            &hi,
            &mut system,
            &mut x,
            &mut status,
            &mut Scratch::default(),
        );
        (x, status[0])
    }
}

struct Plain<'a> {
    dag: &'a Dag,
    problem: &'a RootProblem,
    inputs: &'a [f64],
    unknowns: Vec<f64>,
    fixed: Vec<Option<f64>>,
}

impl System<f64> for Plain<'_> {
    fn residuals(&mut self, x: &[f64], f: &mut [f64]) {
        for (u, v) in self.problem.unknowns.iter().zip(x) {
            self.unknowns[*u as usize] = *v;
        }
        let mut values = self.fixed.clone();
        for (r, out) in self.problem.residuals.iter().zip(f) {
            *out = self.dag.value(*r, self.inputs, &mut self.unknowns, &mut values);
        }
    }

    fn with_jacobian(&mut self, x: &[f64], f: &mut [f64], j: &mut [f64]) {
        // Central differences: good enough for Newton's direction.
        let m = x.len();
        let (mut up, mut down) = (vec![0.0; m], vec![0.0; m]);
        let mut y = x.to_vec();
        for u in 0..m {
            let h = 6e-6 * x[u].abs().max(1e-3);
            y[u] = x[u] + h;
            self.residuals(&y, &mut up);
            y[u] = x[u] - h;
            self.residuals(&y, &mut down);
            y[u] = x[u];
            for e in 0..m {
                j[e * m + u] = (up[e] - down[e]) / (2.0 * h);
            }
        }
        self.residuals(x, f);
    }
}
