//! The listing of the model: every name with its node and phase, and what outcomes rest on.

use super::model::{self, Named};
use super::{BlockKind, Checker, Decl, EntityId};
use crate::diag::Span;
use crate::graph::{NodeId, Phase};

impl Checker<'_> {
    /// Lists a name with its node; `reads` has one entry per name it reads directly.
    pub(super) fn name_node(
        &mut self,
        name: String,
        kind: &str,
        block: String,
        node: NodeId,
        reads: &[EntityId],
        span: Span,
    ) {
        let depends_on = reads
            .iter()
            .map(|r| self.entities[*r].dotted.clone())
            .filter(|d| !d.is_empty())
            .collect();
        let n = self.b.node(node).clone();
        let shape = self.shape_text(&n.shape);
        self.model.names.push(Named {
            name,
            kind: kind.into(),
            block,
            node,
            phase: n.phase,
            shape,
            domain: n.domain,
            depends_on,
            doc: String::new(),
            span,
        });
    }

    /// Lists every declared name with what it reads.
    pub(super) fn list_names(&mut self) {
        let rewards = std::mem::take(&mut self.model.names);
        for id in 0..self.entities.len() {
            let e = self.entities[id].clone();
            if e.name.starts_with('\u{1}')
                || e.dotted.is_empty()
                || self.blocks[e.block].kind == BlockKind::Kind
                || matches!(e.decl, Decl::Set { .. })
            {
                continue;
            }
            let Some(Some(v)) = self.memo[0].get(&(id, false)).copied() else {
                continue;
            };
            let reads: Vec<EntityId> = e.reads.iter().copied().collect();
            let block = self.block_path(e.block);
            let is_state = matches!(e.decl, Decl::State { .. } | Decl::Lag { .. });
            let own_reads: &[EntityId] = if is_state { &[] } else { &reads };
            self.name_node(
                e.dotted.clone(),
                super::scope::kind_word(&e.decl),
                block.clone(),
                v.node,
                own_reads,
                e.span,
            );
            if let Some(last) = self.model.names.last_mut() {
                last.doc = e.doc.clone();
                if matches!(e.decl, Decl::Param { .. }) {
                    last.phase = Phase::Constant;
                }
            }
            if is_state && let Some(Some(next)) = self.memo[0].get(&(id, true)).copied() {
                self.name_node(format!("{}'", e.dotted), "transition", block, next.node, &reads, e.span);
            }
        }
        self.model.names.extend(rewards);
        self.show_seasons();
    }

    /// Nodes that matter: what any outcome reads.
    pub(super) fn outcomes_read(&self) -> std::collections::BTreeSet<NodeId> {
        let m = &self.model;
        let mut todo: Vec<NodeId> = m.states.iter().map(|s| s.next).collect();
        todo.extend(m.agents.iter().filter_map(|a| a.reward));
        todo.extend(m.ends.iter().flat_map(|e| [Some(e.condition), e.paying]).flatten());
        todo.extend(m.requires.iter().map(|r| r.condition));
        todo.extend(m.agents.iter().filter_map(|a| a.discount));
        todo.extend(self.b.graph.roots.iter().flat_map(|r| r.residuals.iter().copied()));
        self.b.graph.below(todo).through_roots().map(|(id, _)| id).collect()
    }
}

impl model::Model {
    /// Notes on every pending parameter the list of what waits for it.
    pub(super) fn left_out(&mut self, what: &[String]) {
        for p in &mut self.pending {
            p.left_out = what.to_vec();
        }
    }
}
