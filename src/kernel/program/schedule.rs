//! The order of a program: every expression after its operands, root problems after what they capture.

use super::CompileError;
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::differentiate;
use std::collections::{BTreeMap, HashMap};

/// What a root problem needs from outside, and what is compiled inside.
pub(super) struct Plan {
    pub(super) inner_outputs: Vec<Id>,
    pub(super) jacobian_outputs: Option<Vec<Id>>,
    pub(super) unknowns: Vec<Id>,
    pub(super) captured: Vec<Id>,
    pub(super) brackets: Vec<(Id, Id)>,
}

pub(super) fn plan_roots(dag: &mut Dag, leaves: &HashMap<Id, usize>, outputs: &[Id]) -> BTreeMap<u32, Plan> {
    let mut plans: BTreeMap<u32, Plan> = BTreeMap::new();
    loop {
        // The problems reachable without entering one; captured values may hold further ones.
        let mut stack: Vec<Id> = outputs.to_vec();
        let mut seen = vec![false; dag.len()];
        let mut missing = None;
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut seen[id.0 as usize], true) || leaves.contains_key(&id) {
                continue;
            }
            if let Expr::Root(r, _) | Expr::RootStatus(r) = dag.expr(id)
                && !plans.contains_key(&r)
            {
                missing = Some(r);
                break;
            }
            edges(dag, leaves, &plans, id, |o| stack.push(o));
        }
        let Some(r) = missing else {
            return plans;
        };
        let problem = dag.roots()[r as usize].clone();
        let unknowns: Vec<Id> = problem.unknowns.iter().map(|u| dag.unknown(*u)).collect();
        let jacobian_outputs = (unknowns.len() > 1).then(|| {
            let columns: Vec<Vec<Id>> = unknowns
                .iter()
                .map(|u| differentiate::derivative(dag, &problem.residuals, *u))
                .collect();
            let mut all = problem.residuals.clone();
            for row in 0..unknowns.len() {
                all.extend(columns.iter().map(|c| c[row]));
            }
            all
        });
        // Everything that does not use an unknown bound inside is computed outside.
        let bound: Vec<Id> = (0..dag.len() as u32)
            .map(Id)
            .filter(|id| matches!(dag.expr(*id), Expr::Unknown(_)) && !leaves.contains_key(id))
            .collect();
        let moves = dag.dependents(&bound);
        let mut captured = Vec::new();
        let mut seen = vec![false; dag.len()];
        let mut stack = problem.residuals.clone();
        stack.extend(jacobian_outputs.iter().flatten());
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            if moves[id.0 as usize] {
                dag.operands(id, |o| stack.push(o));
            } else if dag.as_const(id).is_none() {
                captured.push(id);
            }
        }
        captured.sort();
        plans.insert(
            r,
            Plan {
                inner_outputs: problem.residuals,
                jacobian_outputs,
                unknowns,
                captured,
                brackets: problem.brackets,
            },
        );
    }
}

/// What must be known before `id` can be computed in this program.
pub(super) fn edges(
    dag: &Dag,
    leaves: &HashMap<Id, usize>,
    plans: &BTreeMap<u32, Plan>,
    id: Id,
    mut each: impl FnMut(Id),
) {
    if leaves.contains_key(&id) {
        return;
    }
    match dag.expr(id) {
        Expr::Root(r, _) | Expr::RootStatus(r) => {
            if let Some(plan) = plans.get(&r) {
                plan.captured.iter().for_each(|c| each(*c));
                plan.brackets.iter().for_each(|(lo, hi)| {
                    each(*lo);
                    each(*hi);
                });
            }
        }
        Expr::Const(_)
        | Expr::Input(_)
        | Expr::Unknown(_)
        | Expr::Unary(..)
        | Expr::Binary(..)
        | Expr::Select(..)
        | Expr::Lookup(..) => dag.operands(id, each),
    }
}

/// Every needed expression after its operands, deep operands first.
///
/// # Errors
/// Those of `Program::compile`.
pub(super) fn order(
    dag: &Dag,
    leaves: &HashMap<Id, usize>,
    plans: &BTreeMap<u32, Plan>,
    outputs: &[Id],
) -> Result<Vec<Id>, CompileError> {
    let mut height = vec![0u32; dag.len()];
    let mut result = Vec::new();
    for sorted in [false, true] {
        result.clear();
        let mut done = vec![false; dag.len()];
        let mut stack: Vec<(Id, bool)> = outputs.iter().rev().map(|o| (*o, false)).collect();
        while let Some((id, ready)) = stack.pop() {
            let i = id.0 as usize;
            if done[i] {
                continue;
            }
            if ready {
                done[i] = true;
                let mut h = 0;
                edges(dag, leaves, plans, id, |o| h = h.max(height[o.0 as usize] + 1));
                height[i] = h;
                result.push(id);
                continue;
            }
            if !leaves.contains_key(&id) {
                match dag.expr(id) {
                    Expr::Input(n) => return Err(CompileError::Input(n)),
                    Expr::Unknown(n) => return Err(CompileError::Unknown(n)),
                    Expr::Const(_)
                    | Expr::Unary(..)
                    | Expr::Binary(..)
                    | Expr::Select(..)
                    | Expr::Lookup(..)
                    | Expr::Root(..)
                    | Expr::RootStatus(_) => {}
                }
            }
            stack.push((id, true));
            let mut operands = Vec::new();
            edges(dag, leaves, plans, id, |o| operands.push(o));
            if sorted {
                // The last pushed is computed first.
                operands.sort_by_key(|o| height[o.0 as usize]);
            }
            stack.extend(operands.into_iter().filter(|o| !done[o.0 as usize]).map(|o| (o, false)));
        }
    }
    Ok(result)
}

/// The solutions and status nodes of each root problem that are in the order.
pub(super) fn root_members(dag: &Dag, order: &[Id]) -> BTreeMap<u32, Vec<Id>> {
    let mut members: BTreeMap<u32, Vec<Id>> = BTreeMap::new();
    for id in order {
        if let Expr::Root(r, _) | Expr::RootStatus(r) = dag.expr(*id) {
            members.entry(r).or_default().push(*id);
        }
    }
    members
}

/// How often each expression is read: by expressions, by root problems, as an output.
pub(super) fn count_uses(
    dag: &Dag,
    leaves: &HashMap<Id, usize>,
    plans: &BTreeMap<u32, Plan>,
    order: &[Id],
    outputs: &[Id],
) -> Vec<u32> {
    let mut uses = vec![0; dag.len()];
    for id in order {
        edges(dag, leaves, plans, *id, |o| uses[o.0 as usize] += 1);
    }
    for o in outputs {
        uses[o.0 as usize] += 2; // never part of another instruction
    }
    uses
}
