//! Which choices hard requirements allow, and by how much.

use super::{Job, Trials};
use crate::check::Model;
use crate::check::model::Otherwise;
use crate::diag::Diagnostic;
use crate::env::engine::Engine;
use crate::env::worlds::Worlds;
use crate::env::worlds::trial::Place;
use crate::graph::{Binary, NodeId, Op};
use crate::verify::world::visit::Visit;

/// Slack below which a hard requirement counts as violated.
const FEASIBLE: f64 = -1e-9;

/// Most ways in which requirements may hold that are told apart.
const WAYS: usize = 32;

/// Requirements taken apart at `or` and `and`: the ways in which all of them may hold.
pub(super) struct Ways {
    /// Slacks of the inequalities.
    engine: Engine,
    /// Which requirement each belongs to, numbered among the hard ones.
    of: Vec<usize>,
    /// Numbers of the inequalities that hold together, one list per way.
    together: Vec<Vec<usize>>,
}

impl Ways {
    /// `None` where nothing is required, or there are too many ways.
    pub(super) fn of(model: &Model, worlds: &Worlds, hard: &[NodeId]) -> Result<Option<Ways>, Diagnostic> {
        let mut ways: Vec<Vec<(usize, NodeId)>> = vec![Vec::new()];
        for (k, slack) in hard.iter().enumerate() {
            let own = taken_apart(model, *slack);
            if own.len() * ways.len() > WAYS {
                return Ok(None);
            }
            let with = |way: &Vec<(usize, NodeId)>| -> Vec<Vec<(usize, NodeId)>> {
                let more = |set: &Vec<NodeId>| set.iter().map(|n| (k, *n)).collect::<Vec<_>>();
                own.iter().map(|set| [way.as_slice(), &more(set)].concat()).collect()
            };
            ways = ways.iter().flat_map(with).collect();
        }
        if hard.is_empty() {
            return Ok(None);
        }
        let mut all: Vec<(usize, NodeId)> = ways.iter().flatten().copied().collect();
        all.sort();
        all.dedup();
        let number = |one: &(usize, NodeId)| all.binary_search(one).unwrap_or(0);
        Ok(Some(Ways {
            together: ways.iter().map(|way| way.iter().map(number).collect()).collect(),
            engine: worlds.engine(all.iter().map(|a| a.1).collect())?,
            of: all.iter().map(|a| a.0).collect(),
        }))
    }
}

/// Sets of inequalities, of which all of one must hold for a slack not to be negative.
fn taken_apart(model: &Model, slack: NodeId) -> Vec<Vec<NodeId>> {
    match model.graph.nodes[slack.0 as usize].op {
        Op::Binary(Binary::Max, a, b) => [taken_apart(model, a), taken_apart(model, b)].concat(),
        Op::Binary(Binary::Min, a, b) => {
            let (a, b) = (taken_apart(model, a), taken_apart(model, b));
            if a.len() * b.len() > WAYS {
                return vec![vec![slack]];
            }
            a.iter()
                .flat_map(|x| b.iter().map(move |y| [x.as_slice(), y].concat()))
                .collect()
        }
        _ => vec![vec![slack]],
    }
}

impl Trials<'_> {
    /// The ways in which requirements may hold, each a list of numbers of inequalities; none where nothing is required, or there are too many.
    pub fn ways(&self) -> Vec<Vec<usize>> {
        self.ways.as_ref().map_or(Vec::new(), |w| w.together.clone())
    }

    /// The smallest slack of each inequality that [`Trials::ways`] names, `[inequality][job]`.
    ///
    /// # Errors
    /// Those of the economy's programs (E0990).
    pub fn inequalities(&mut self, visits: &[Visit], jobs: &[Job]) -> Result<Vec<Vec<f64>>, Diagnostic> {
        let Some(mut ways) = self.ways.take() else {
            return Ok(Vec::new());
        };
        let mut out = vec![Vec::with_capacity(jobs.len()); ways.of.len()];
        for part in jobs.chunks(self.lanes) {
            self.choose_all(visits, part);
            let slacks = ways.engine.run(&self.worlds.frame, self.lanes)?;
            for (i, slack) in slacks.iter().enumerate() {
                let least = self.least_of_own(ways.of[i], slack);
                out[i].extend(&least[..part.len()]);
            }
        }
        self.ways = Some(ways);
        Ok(out)
    }

    /// Puts worlds at the places of jobs, with their choices.
    pub(super) fn choose_all(&mut self, visits: &[Visit], part: &[Job]) {
        self.spent += part.len();
        let places: Vec<&Place> = part.iter().map(|j| &visits[j.visit].place).collect();
        self.worlds.put(&places);
        for (w, j) in part.iter().enumerate() {
            for (choice, x) in self.seat.choices.iter().zip(j.actions) {
                self.worlds.choose(choice.action, choice.element, w, *x);
            }
        }
    }

    /// The smallest of the slacks that are the seat's own (`element x world`) of hard requirement `number`, one per world.
    fn least_of_own(&self, number: usize, slack: &[f64]) -> Vec<f64> {
        let mut hard = (self.model.requires.iter())
            .filter(|r| matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_)));
        let all = slack.len() / self.lanes;
        let own = match hard.nth(number).and_then(|r| r.agent) {
            // What others must not do is theirs.
            Some(a) if self.seat.meets && !self.seat.agents.contains(&a) => 0..0,
            Some(_) => self.seat.own(self.model, all),
            None => 0..all,
        };
        let mut out = vec![f64::INFINITY; self.lanes];
        for e in own {
            for (w, least) in out.iter_mut().enumerate() {
                let s = slack[e * self.lanes + w];
                *least = if s.is_nan() { f64::NEG_INFINITY } else { least.min(s) };
            }
        }
        out
    }

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
            self.choose_all(visits, part);
            out.extend(&self.margin()?[..part.len()]);
        }
        Ok(out)
    }

    /// The smallest slack of the hard requirements in every world.
    fn margin(&mut self) -> Result<Vec<f64>, Diagnostic> {
        let mut out = vec![f64::INFINITY; self.lanes];
        let Some(mut engine) = self.slacks.take() else {
            return Ok(out);
        };
        for (number, slack) in engine.run(&self.worlds.frame, self.lanes)?.iter().enumerate() {
            let least = self.least_of_own(number, slack);
            out.iter_mut().zip(least).for_each(|(o, l)| *o = o.min(l));
        }
        self.slacks = Some(engine);
        Ok(out)
    }
}
