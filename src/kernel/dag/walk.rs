//! What expressions depend on, and copies with other leaves.

use super::{Dag, Expr, Id, RootProblem};
use std::collections::HashMap;

impl Dag {
    /// Direct operands; for a solution the residuals and brackets of its problem.
    pub fn operands(&self, id: Id, mut each: impl FnMut(Id)) {
        match self.expr(id) {
            Expr::Const(_) | Expr::Input(_) | Expr::Unknown(_) => {}
            Expr::Unary(_, x) | Expr::Lookup(_, x) => each(x),
            Expr::Binary(_, a, b) => {
                each(a);
                each(b);
            }
            Expr::Select(c, a, b) => {
                each(c);
                each(a);
                each(b);
            }
            Expr::Root(r, _) | Expr::RootStatus(r) => {
                let root = &self.roots[r as usize];
                root.residuals.iter().for_each(|f| each(*f));
                root.brackets.iter().for_each(|(lo, hi)| {
                    each(*lo);
                    each(*hi);
                });
            }
        }
    }

    /// Marks every expression that `of` use, themselves included: one flag per expression of the graph.
    pub fn reachable(&self, of: &[Id]) -> Vec<bool> {
        let mut seen = vec![false; self.len()];
        let mut stack: Vec<Id> = of.to_vec();
        while let Some(id) = stack.pop() {
            if !std::mem::replace(&mut seen[id.0 as usize], true) {
                self.operands(id, |o| {
                    if !seen[o.0 as usize] {
                        stack.push(o)
                    }
                });
            }
        }
        seen
    }

    /// The inputs that the expressions `of` depend on, in the order of their ids.
    pub fn inputs_of(&self, of: &[Id]) -> Vec<Id> {
        let seen = self.reachable(of);
        let ids = (0..self.len()).filter(|i| seen[*i]).map(|i| Id(i as u32));
        ids.filter(|id| matches!(self.expr(*id), Expr::Input(_))).collect()
    }

    /// Marks every expression that uses one of `leaves`: one flag per expression of the graph. An unknown is bound by
    /// its problem: the solution does not use it.
    pub fn dependents(&self, leaves: &[Id]) -> Vec<bool> {
        let mut uses = vec![false; self.len()];
        for l in leaves {
            uses[l.0 as usize] = true;
        }
        let mut closed: HashMap<u32, bool> = HashMap::new();
        for i in 0..self.len() {
            if uses[i] {
                continue;
            }
            let mut u = false;
            self.operands(Id(i as u32), |o| u |= uses[o.0 as usize]);
            if let (true, Expr::Root(r, _) | Expr::RootStatus(r)) = (u, self.exprs[i]) {
                u = *closed.entry(r).or_insert_with(|| self.uses_free(r, leaves));
            }
            uses[i] = u;
        }
        uses
    }

    /// Whether problem `r` uses one of `leaves` that is not an unknown of its own.
    fn uses_free(&self, r: u32, leaves: &[Id]) -> bool {
        let problem = &self.roots[r as usize];
        let own = |l: &Id| matches!(self.expr(*l), Expr::Unknown(u) if problem.unknowns.contains(&u));
        let free: Vec<Id> = leaves.iter().copied().filter(|l| !own(l)).collect();
        if free.len() == leaves.len() {
            return true;
        }
        if free.is_empty() {
            return false;
        }
        let uses = self.dependents(&free);
        problem.residuals.iter().any(|f| uses[f.0 as usize])
            || problem
                .brackets
                .iter()
                .any(|(lo, hi)| uses[lo.0 as usize] || uses[hi.0 as usize])
    }

    /// Rebuilds `of` with some expressions replaced by others (`replace`: old to new); one expression per entry of
    /// `of`, in order. Root problems that use a replaced one are copied.
    pub fn substitute(&mut self, of: &[Id], replace: &HashMap<Id, Id>) -> Vec<Id> {
        if replace.is_empty() {
            return of.to_vec();
        }
        let old = self.len();
        let mut keys: Vec<Id> = replace.keys().copied().collect();
        keys.sort();
        let uses = self.dependents(&keys);
        let needed = self.reachable(of);
        let mut new: Vec<Id> = (0..old as u32).map(Id).collect();
        let mut copies: HashMap<u32, u32> = HashMap::new();
        for i in 0..old {
            let id = Id(i as u32);
            if let Some(r) = replace.get(&id) {
                new[i] = *r;
                continue;
            }
            if !uses[i] || !needed[i] {
                continue;
            }
            let at = |x: Id| new[x.0 as usize];
            new[i] = match self.expr(id) {
                Expr::Const(_) | Expr::Input(_) | Expr::Unknown(_) => id,
                Expr::Unary(op, x) => self.unary(op, at(x)),
                Expr::Binary(op, a, b) => self.binary(op, at(a), at(b)),
                Expr::Select(c, a, b) => self.select(at(c), at(a), at(b)),
                Expr::Lookup(t, x) => {
                    let table = self.tables[t as usize].clone();
                    self.lookup(&table, at(x))
                }
                Expr::Root(r, which) => {
                    let copy = self.copy_root(r, &new, &mut copies);
                    self.intern(Expr::Root(copy, which))
                }
                Expr::RootStatus(r) => {
                    let copy = self.copy_root(r, &new, &mut copies);
                    self.intern(Expr::RootStatus(copy))
                }
            };
        }
        of.iter().map(|id| new[id.0 as usize]).collect()
    }

    fn copy_root(&mut self, r: u32, new: &[Id], copies: &mut HashMap<u32, u32>) -> u32 {
        if let Some(c) = copies.get(&r) {
            return *c;
        }
        let at = |x: Id| new[x.0 as usize];
        let old = self.roots[r as usize].clone();
        let problem = RootProblem {
            unknowns: old.unknowns,
            residuals: old.residuals.into_iter().map(at).collect(),
            brackets: old.brackets.into_iter().map(|(lo, hi)| (at(lo), at(hi))).collect(),
        };
        // The same problem may have been made before.
        let number = match self.roots.iter().position(|q| *q == problem) {
            Some(n) => n as u32,
            None => {
                self.roots.push(problem);
                self.roots.len() as u32 - 1
            }
        };
        copies.insert(r, number);
        number
    }
}
