//! From expressions over a model's inputs to lane programs over the inputs of the decision problem.

use super::layout::Layout;
use crate::diag::Diagnostic;
use crate::graph::{Binary, Unary};
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::program::{Mode, Program};
use crate::solve::economy::cannot;
use std::collections::BTreeSet;

/// Numbers that inputs carry on the way to their own, beyond those that any input has.
pub(super) const ASIDE: u32 = 1_000_000;

/// Compiles programs whose inputs are numbered as the layout says.
pub(super) struct Compiler {
    pub(super) dag: Dag,
    pub(super) map: std::collections::HashMap<Id, Id>,
    pub(super) layout: Layout,
    pub(super) inputs: usize,
    pub(super) final_ids: std::collections::HashMap<Id, Id>,
}

impl Compiler {
    /// The expressions over the inputs of the layout.
    fn placed(&mut self, outputs: &[Id]) -> Vec<Id> {
        // Through temporary numbers, so that old and new inputs cannot be confused.
        let high = self.dag.substitute(outputs, &self.map);
        if self.final_ids.is_empty() {
            for k in 0..self.inputs {
                let from = self.dag.input(ASIDE + k as u32);
                let to = self.dag.input(k as u32);
                self.final_ids.insert(from, to);
            }
        }
        self.dag.substitute(&high, &self.final_ids)
    }

    fn mode(&self, input: usize) -> Mode {
        if input < self.layout.shocks {
            Mode::Lanes
        } else {
            Mode::Uniform
        }
    }

    pub(super) fn program(&mut self, outputs: &[Id]) -> Result<Program<f64>, Diagnostic> {
        let ids = self.placed(outputs);
        let modes: Vec<Mode> = (0..self.inputs).map(|k| self.mode(k)).collect();
        Program::compile(&self.dag, &modes, &ids).map_err(|e| cannot(e.to_string()))
    }

    /// Splits `outputs` into a program of what depends on states but not on actions, noise or the next shock, and a program
    /// of the rest, whose first inputs are the results of the first. `None` if there is nothing to split off.
    pub(super) fn split(&mut self, outputs: &[Id]) -> Result<Option<(Program<f64>, Program<f64>)>, Diagnostic> {
        let ids = self.placed(outputs);
        let mut leaves = |from: usize, to: usize| -> Vec<Id> { (from..to).map(|k| self.dag.input(k as u32)).collect() };
        let states = leaves(0, self.layout.actions);
        let moving = [
            leaves(self.layout.actions, self.layout.shocks),
            leaves(self.layout.next, self.layout.time),
        ]
        .concat();
        let (fixed, moves) = (self.dag.dependents(&states), self.dag.dependents(&moving));
        let seen = self.dag.reachable(&ids);
        let mut first: BTreeSet<Id> = BTreeSet::new();
        let mut consider = |o: Id| {
            let input = matches!(self.dag.expr(o), Expr::Input(_));
            if fixed[o.0 as usize] && !moves[o.0 as usize] && !input {
                first.insert(o);
            }
        };
        ids.iter().for_each(|id| consider(*id));
        for k in (0..seen.len()).filter(|k| seen[*k]) {
            let id = Id(k as u32);
            // Unknowns of a root problem mean nothing outside it.
            if matches!(self.dag.expr(id), Expr::Root(..) | Expr::RootStatus(_)) {
                return Ok(None);
            }
            if moves[k] {
                self.dag.operands(id, &mut consider);
            }
        }
        if first.is_empty() {
            return Ok(None);
        }
        let first: Vec<Id> = first.into_iter().collect();
        let modes: Vec<Mode> = (0..self.inputs).map(|k| self.mode(k)).collect();
        let compiled = |e: crate::kernel::program::CompileError| cannot(e.to_string());
        let before = Program::compile(&self.dag, &modes, &first).map_err(compiled)?;
        let mut inputs: Vec<(Id, Mode)> = first.iter().map(|id| (*id, Mode::Lanes)).collect();
        for (k, mode) in modes.into_iter().enumerate() {
            inputs.push((self.dag.input(k as u32), mode));
        }
        let after = Program::compile_at(&self.dag, &inputs, &ids).map_err(compiled)?;
        Ok(Some((before, after)))
    }
}

/// Whether `of` depends on one of `wrt` through a function whose derivative jumps.
pub(super) fn has_kinks(dag: &Dag, of: &[Id], wrt: &[Id]) -> bool {
    let (uses, needed) = (dag.dependents(wrt), dag.reachable(of));
    (0..needed.len()).filter(|i| needed[*i] && uses[*i]).any(|i| {
        matches!(
            dag.expr(Id(i as u32)),
            Expr::Unary(Unary::Abs, _) | Expr::Binary(Binary::Min | Binary::Max | Binary::Mod, ..)
        )
    })
}
