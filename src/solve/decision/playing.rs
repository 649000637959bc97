//! The others' actions as inputs of a problem: what they are bound to, what their policy reads, and where that is found.

use super::builder::Builder;
use super::information;
use super::others::{Carried, Reading};
use crate::check::Model;
use crate::check::model::Space;
use crate::diag::Diagnostic;
use crate::graph::{Binary, InputId, NodeId, Op};
use crate::kernel::dag::Id;
use crate::solve::economy::cannot;

/// The name of a shock that only its own member of a population sees, if there is one: what fellows then do is uncertain to each.
pub fn kept_from_fellows(model: &Model) -> Option<&str> {
    let kept = model.shocks.iter().find(|s| {
        s.owner.is_some_and(|a| {
            model.graph.elements(&model.agents[a].shape) > 1 && !information::watched(model, a, s.input)
        })
    });
    kept.map(|s| s.name.as_str())
}

/// Whether whom a shock belongs to observes it.
pub fn observed_shock(model: &Model, shock: InputId) -> bool {
    let owner = model.shocks.iter().find(|s| s.input == shock).and_then(|s| s.owner);
    owner.is_some_and(|a| information::Seen::of(model, &[a]).knows(shock))
}

/// The name of a state that somebody who chooses does not observe, if there is one.
pub fn hidden_state(model: &Model) -> Option<&str> {
    let mut deciders: Vec<usize> = model.actions.iter().map(|a| a.owner).collect();
    deciders.sort_unstable();
    deciders.dedup();
    let hidden = |s: &&crate::check::model::State| {
        deciders.iter().any(|a| {
            let fellows = s.owner == Some(*a) && model.graph.elements(&model.agents[*a].shape) > 1;
            !information::Seen::of(model, &[*a]).knows(s.input) || fellows && !information::watched(model, *a, s.input)
        })
    };
    model.states.iter().find(hidden).map(|s| s.name.as_str())
}

impl Builder<'_> {
    /// Binds the others' actions to what their policy says, within the bounds that hold there.
    ///
    /// # Errors
    /// E0810 for actions that no policy gives.
    pub(super) fn play_others(&mut self) -> Result<(), Diagnostic> {
        let Some(others) = self.others.cloned() else {
            return Ok(());
        };
        let model = self.model;
        for (i, a) in model.actions.iter().enumerate() {
            if model.agents[a.owner].rules.iter().any(|(r, _)| *r == i) {
                continue;
            }
            let mut ids = self.input_of(a.input)?;
            for e in 0..ids.len() {
                if others.decides(i, e) {
                    continue;
                }
                let given = others.actions.iter().position(|x| *x == (i, e));
                // Of one beside the economy only one member is somebody.
                if given.is_none() && a.owner == others.agent {
                    continue;
                }
                let Some(number) = given else {
                    return Err(cannot(format!("nothing says what `{}` does", a.name)).at(a.span, "chosen by another"));
                };
                let given = ids[e];
                self.given.push((number, given));
                if let Space::Interval { lo, hi, .. } = &a.space {
                    let (lo, hi) = (self.element(*lo, &a.shape, e)?, self.element(*hi, &a.shape, e)?);
                    let low = self.unroll.dag.binary(Binary::Max, given, lo);
                    ids[e] = self.unroll.dag.binary(Binary::Min, low, hi);
                }
            }
            self.unroll.bind(a.input, ids.clone());
            if let Some(n) = model.graph.nodes.iter().position(|n| n.op == Op::Input(a.input)) {
                self.unroll.replace(NodeId(n as u32), ids);
            }
        }
        Ok(())
    }

    /// One element of a node that is aligned with a shape.
    fn element(&mut self, node: NodeId, shape: &crate::graph::Shape, e: usize) -> Result<Id, Diagnostic> {
        let ids = self.unrolled(node)?;
        let from = &self.model.graph.nodes[node.0 as usize].shape;
        let map = crate::graph::shape::aligned(&self.model.graph, from, shape);
        Ok(ids[map[e]])
    }

    /// The states and shocks that the others' policy reads.
    pub(super) fn read_by_others(&mut self) -> Result<Vec<Id>, Diagnostic> {
        let Some(others) = self.others else {
            return Ok(Vec::new());
        };
        let model = self.model;
        let mut out = Vec::new();
        for (s, e) in &others.states {
            out.extend(self.input_of(model.states[*s].input)?.get(*e));
        }
        for (s, e) in &others.shocks {
            out.extend(self.input_of(model.shocks[*s].input)?.get(*e));
        }
        Ok(out)
    }

    /// Where the others' policy is read, given the inputs of the states, chains and noises of the problem, which reads `everything`. `None`
    /// where nobody else matters.
    pub(super) fn reading(
        &mut self,
        everything: &[Id],
        [states, shocks, noises]: [&[Id]; 3],
    ) -> Result<Option<Reading>, Diagnostic> {
        let given: Vec<Id> = self.given.iter().map(|g| g.1).collect();
        let Some(others) = self.others.cloned().filter(|_| self.reads(everything, &given)) else {
            return Ok(None);
        };
        let model = self.model;
        let lost = || cannot("the policy of the others depends on something that is not known here");
        let mut at = Vec::new();
        for (s, e) in &others.states {
            let id = self.input_of(model.states[*s].input)?.get(*e).copied();
            at.push(states.iter().position(|x| Some(*x) == id).ok_or_else(lost)?);
        }
        let mut carried = Vec::new();
        for (s, e) in &others.shocks {
            let id = self.input_of(model.shocks[*s].input)?.get(*e).copied();
            let shock = shocks.iter().position(|x| Some(*x) == id).map(Carried::Shock);
            let noise = || noises.iter().position(|x| Some(*x) == id).map(Carried::Noise);
            carried.push(shock.or_else(noise).ok_or_else(lost)?);
        }
        Ok(Some(Reading {
            actions: self.given.iter().map(|g| g.0).collect(),
            others,
            states: at,
            shocks: carried,
        }))
    }
}
