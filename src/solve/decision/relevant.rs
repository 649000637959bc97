//! Which states matter: those that something paid, a limit, a chance or the law of a state that matters reads.

use super::builder::Builder;
use super::noise;
use super::payoffs::Paid;
use crate::check::model::Otherwise;
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::graph::range::range;
use crate::kernel::dag::Id;
use crate::solve::economy::cannot;
use crate::solve::problem::{StateAxis, StateKind};
use std::collections::BTreeSet;

/// An element of a state of the model: which, its expression now and its law.
type Element = ((usize, usize), Id, Id);

/// The states that matter, and everything that the problem reads.
pub(super) struct Relevant {
    /// Their expressions now.
    pub(super) now: Vec<Id>,
    /// Their laws.
    pub(super) next: Vec<Id>,
    /// Reward, slack, end, what it pays, discount factor, and the next states.
    pub(super) outputs: Vec<Id>,
    /// The outputs, limits, and chances of the draws that are read.
    pub(super) everything: Vec<Id>,
}

impl Builder<'_> {
    /// Whether lives count their periods, whatever is done: see [`crate::solve::problem::Spec::counts`]. `drawn` are noises, next shocks and what multiplies
    /// weights of noises.
    pub(super) fn counts(
        &self,
        paid: &Paid,
        read: &Relevant,
        axes: &[StateAxis],
        (noises, shocks_next, chance): (&[Id], &[Id], Option<Id>),
    ) -> bool {
        let whole = |k: &usize| matches!(axes[*k].kind, StateKind::Integer { .. });
        let all = 0..read.now.len();
        let laws: Vec<Id> = all.clone().filter(whole).map(|k| read.next[k]).collect();
        let others: Vec<Id> = all.clone().filter(|k| !whole(k)).map(|k| read.next[k]).collect();
        let chosen: Vec<Id> = (paid.actions.iter().map(|a| a.id))
            .chain(all.clone().filter(|k| !whole(k)).map(|k| read.now[k]))
            .collect();
        let whole_now: Vec<Id> = all.filter(whole).map(|k| read.now[k]).collect();
        let dag = &self.unroll.dag;
        let by_themselves = dag
            .inputs_of(&laws)
            .iter()
            .all(|i| whole_now.contains(i) || self.numbers.contains(i));
        let ends: Vec<Id> = std::iter::once(paid.end).chain(chance).collect();
        let paid_for = [&[paid.reward, paid.slack, paid.discount], &others[..]].concat();
        !laws.is_empty()
            && by_themselves
            && !self.reads(&ends, &[&chosen[..], shocks_next].concat())
            && !self.reads(&paid_for, &[noises, shocks_next].concat())
            && dag.as_const(paid.paying) == Some(0.0)
    }

    /// Finds the states that matter, which the problem is then one of.
    ///
    /// # Errors
    /// E0810 where a state of somebody else is read.
    pub(super) fn states_that_matter(
        &mut self,
        paid: &Paid,
        noise: &[noise::Quadrature],
    ) -> Result<Relevant, Diagnostic> {
        let model = self.model;
        let mut needed = paid.everything();
        let mut state_ids: Vec<Element> = Vec::new();
        for (i, s) in model.states.iter().enumerate() {
            let now = self.input_of(s.input)?;
            let next = self.unrolled(s.next)?;
            let shape = &model.graph.inputs[s.input.0 as usize].shape;
            let n = self.mine(now.len(), shape);
            let from = &model.graph.nodes[s.next.0 as usize].shape;
            let map = crate::graph::shape::aligned(&model.graph, from, shape);
            for e in 0..n {
                state_ids.push(((i, e), now[e], next[map[e]]));
            }
        }
        let mut by_others = self.read_by_others()?;
        let kept = self.relevant(&state_ids, noise, &mut by_others, &mut needed);
        let next: Vec<Id> = kept.iter().map(|k| state_ids[*k].2).collect();
        self.states = kept.iter().map(|k| state_ids[*k].0).collect();
        let now: Vec<Id> = kept.iter().map(|k| state_ids[*k].1).collect();
        let discount = fault!(
            "ends.discount_late",
            self.tomorrow(paid.discount, &now, &next),
            paid.discount
        );
        let mut outputs = vec![paid.reward, paid.slack, paid.end, paid.paying, discount];
        outputs.extend(&next);
        // `needed` holds the chances of the draws that are read, too.
        let everything: Vec<Id> = outputs.iter().copied().chain(needed.iter().copied()).collect();
        self.stray_states(&state_ids, &kept, &everything)?;
        Ok(Relevant {
            now,
            next,
            outputs,
            everything,
        })
    }

    /// Positions of the states that matter, in order; their laws, and the chances of the draws that are read, join what is
    /// needed; so does what the others' policy reads (`by_others`) where what they do is.
    fn relevant(
        &self,
        states: &[Element],
        noise: &[noise::Quadrature],
        by_others: &mut Vec<Id>,
        needed: &mut Vec<Id>,
    ) -> Vec<usize> {
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        let mut drawn: BTreeSet<usize> = BTreeSet::new();
        loop {
            if self.given.iter().any(|g| self.reads(needed, &[g.1])) {
                needed.append(by_others);
            }
            let seen = self.unroll.dag.reachable(needed);
            let more: Vec<usize> = (0..states.len())
                .filter(|k| !kept.contains(k) && seen[states[*k].1.0 as usize])
                .collect();
            let draws: Vec<usize> = (0..noise.len())
                .filter(|k| !drawn.contains(k) && seen[noise[*k].input.0 as usize])
                .collect();
            if more.is_empty() && draws.is_empty() {
                return kept.into_iter().collect();
            }
            for k in more {
                kept.insert(k);
                needed.push(states[k].2);
            }
            for k in draws {
                drawn.insert(k);
                needed.extend(noise[k].moving);
            }
        }
    }

    /// With one member of an independent population, nobody else's state may be read.
    fn stray_states(&mut self, all: &[Element], kept: &[usize], read: &[Id]) -> Result<(), Diagnostic> {
        let seen = self.unroll.dag.reachable(read);
        for (i, s) in self.model.states.iter().enumerate() {
            let ids = self.input_of(s.input)?;
            for (e, id) in ids.iter().enumerate() {
                let known = kept.iter().any(|k| all[*k].0 == (i, e));
                if !known && (id.0 as usize) < seen.len() && seen[id.0 as usize] {
                    return Err(cannot(format!("`{}` of other members matters to each", s.name))
                        .at(s.span, "read by others")
                        .hint("solve it as one: --concept planner"));
                }
            }
        }
        Ok(())
    }

    /// Whether the law of each state itself keeps it from going below the lower and above the upper end of its grid.
    pub(super) fn held(&self, axes: &[StateAxis]) -> Vec<[bool; 2]> {
        let model = self.model;
        let hard: Vec<NodeId> = model
            .requires
            .iter()
            .filter(|r| matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_)))
            .map(|r| r.slack)
            .collect();
        self.states
            .iter()
            .zip(axes)
            .map(|((s, _), axis)| {
                let law = range(&model.graph, model.states[*s].next, &hard);
                match &axis.kind {
                    StateKind::Continuous { grid, .. } => [law.lo >= grid[0], law.hi <= grid[grid.len() - 1]],
                    StateKind::Integer { lo, hi } => [law.lo >= *lo as f64, law.hi <= *hi as f64],
                }
            })
            .collect()
    }
}
