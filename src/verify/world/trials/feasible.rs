//! Which choices hard requirements allow, and by how much.

use super::{Job, Trials};
use crate::check::model::Otherwise;
use crate::diag::Diagnostic;
use crate::env::worlds::trial::Place;
use crate::verify::world::visit::Visit;

/// Slack below which a hard requirement counts as violated.
const FEASIBLE: f64 = -1e-9;

impl Trials<'_> {
    /// Which worlds' actions satisfy every hard requirement.
    pub(super) fn feasible(&mut self) -> Result<Vec<bool>, Diagnostic> {
        Ok(self.margin()?.iter().map(|m| *m >= FEASIBLE).collect())
    }

    /// By how much choices satisfy the hard requirement that is closest to be violated, one number per job: negative where one is, infinite where there are
    /// none.
    ///
    /// # Errors
    /// Those of the economy's programs (E0990).
    pub fn margins(&mut self, visits: &[Visit], jobs: &[Job]) -> Result<Vec<f64>, Diagnostic> {
        if self.slacks.is_none() {
            return Ok(vec![f64::INFINITY; jobs.len()]);
        }
        let mut out = Vec::with_capacity(jobs.len());
        for part in jobs.chunks(self.lanes) {
            self.spent += part.len();
            let places: Vec<&Place> = part.iter().map(|j| &visits[j.visit].place).collect();
            self.worlds.put(&places);
            for (w, j) in part.iter().enumerate() {
                for (choice, x) in self.seat.choices.iter().zip(j.actions) {
                    self.worlds.choose(choice.action, choice.element, w, *x);
                }
            }
            out.extend(&self.margin()?[..part.len()]);
        }
        Ok(out)
    }

    /// The smallest slack of the hard requirements in every world.
    fn margin(&mut self) -> Result<Vec<f64>, Diagnostic> {
        let mut out = vec![f64::INFINITY; self.lanes];
        if let Some(engine) = &mut self.slacks {
            for (slack, r) in engine.run(&self.worlds.frame, self.lanes)?.iter().zip(
                self.model
                    .requires
                    .iter()
                    .filter(|r| matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_))),
            ) {
                let all = slack.len() / self.lanes;
                let own = match r.agent {
                    // What others must not do is theirs.
                    Some(a) if self.seat.meets && !self.seat.agents.contains(&a) => 0..0,
                    Some(_) => self.seat.own(self.model, all),
                    None => 0..all,
                };
                for e in own {
                    for (w, least) in out.iter_mut().enumerate() {
                        let s = slack[e * self.lanes + w];
                        *least = if s.is_nan() { f64::NEG_INFINITY } else { least.min(s) };
                    }
                }
            }
        }
        Ok(out)
    }
}
