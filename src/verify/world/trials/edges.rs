//! Comparisons on which what somebody gets may turn, as differences of what is compared.

use super::{Job, Trials};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::engine::Engine;
use crate::env::worlds::Worlds;
use crate::graph::{Binary, InputId, NodeId, Op, Phase};
use crate::verify::world::seat::SolvedSeat;
use crate::verify::world::visit::Visit;
use std::collections::BTreeSet;

/// Most differences that are looked at.
const MOST: usize = 48;

/// The comparisons of the economy that read what the seat chooses, and nothing that is drawn or cleared afterwards.
pub(super) struct Edges {
    /// What is compared, two outputs per comparison.
    engine: Engine,
    /// How many differences each comparison has.
    each: Vec<usize>,
}

impl Edges {
    /// `None` where there are no such comparisons.
    pub(super) fn of(model: &Model, worlds: &Worlds, seat: &SolvedSeat) -> Result<Option<Edges>, Diagnostic> {
        let own: BTreeSet<InputId> = (seat.choices.iter())
            .filter(|c| c.values.is_empty())
            .map(|c| model.actions[c.action].input)
            .collect();
        let graph = &model.graph;
        let mut sides: Vec<NodeId> = Vec::new();
        let mut each = Vec::new();
        for node in &graph.nodes {
            let Op::Binary(Binary::Eq | Binary::Ne | Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge, a, b) = node.op
            else {
                continue;
            };
            if node.phase > Phase::Acted(u8::MAX) || graph.inputs_below([a, b]).is_disjoint(&own) {
                continue;
            }
            let [n, m] = [a, b].map(|x| graph.elements(&graph.nodes[x.0 as usize].shape));
            let many = n.max(m);
            if n.min(m) != 1 && n != m || each.iter().sum::<usize>() + many > MOST {
                continue;
            }
            sides.extend([a, b]);
            each.push(many);
        }
        if each.is_empty() {
            return Ok(None);
        }
        Ok(Some(Edges {
            engine: worlds.engine(sides)?,
            each,
        }))
    }
}

impl Trials<'_> {
    /// How many differences [`Trials::differences`] gives.
    pub fn edges(&self) -> usize {
        self.edges.as_ref().map_or(0, |e| e.each.iter().sum())
    }

    /// The differences of what comparisons compare, `[difference][job]`: a comparison turns where one is zero.
    ///
    /// # Errors
    /// Those of the economy's programs (E0990).
    pub fn differences(&mut self, visits: &[Visit], jobs: &[Job]) -> Result<Vec<Vec<f64>>, Diagnostic> {
        let Some(mut edges) = self.edges.take() else {
            return Ok(Vec::new());
        };
        let mut out: Vec<Vec<f64>> = vec![Vec::with_capacity(jobs.len()); edges.each.iter().sum()];
        for part in jobs.chunks(self.lanes) {
            self.choose_all(visits, part);
            let sides = edges.engine.run(&self.worlds.frame, self.lanes)?;
            let mut first = 0;
            for (pair, many) in sides.chunks(2).zip(&edges.each) {
                for e in 0..*many {
                    let of = |side: usize, w: usize| {
                        let own = if pair[side].len() == self.lanes { 0 } else { e };
                        pair[side][own * self.lanes + w]
                    };
                    out[first + e].extend((0..part.len()).map(|w| of(0, w) - of(1, w)));
                }
                first += many;
            }
        }
        self.edges = Some(edges);
        Ok(out)
    }
}
