//! Beginnings and ends: of episodes, and of members.

use super::step::outside;
use super::{FIRST_SHOCKS, Worlds, lane};
use crate::chance::process;
use crate::check::model::{DrawWhen, Model, Process, Scenario, Target, Then};
use crate::diag::Diagnostic;
use crate::graph::Graph;
use crate::limits;

impl Worlds {
    pub(super) fn check_starts(&self) -> Result<(), Diagnostic> {
        first_values(&self.model, self.scenario.as_slice())
    }

    /// Begins a new episode in the marked worlds; `which` has one entry per world.
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub fn restart(&mut self, which: &[bool]) -> Result<(), Diagnostic> {
        self.draw(|w| w == DrawWhen::Start);
        for (w, now) in which.iter().enumerate() {
            if *now {
                self.period[w] = 0;
            }
        }
        self.clock();
        let model = self.model.clone();
        if let Some(s) = &self.scenario {
            let drawn = self.parameters.run(&self.frame, self.worlds)?;
            for ((p, _), values) in s.params.iter().zip(&drawn) {
                if let Some(i) = model.params[*p].input {
                    for (w, now) in which.iter().enumerate() {
                        if *now {
                            self.frame[i.0 as usize][w] = values[w];
                        }
                    }
                }
            }
        }
        self.first_shocks(which, None)?;
        self.put_shocks();
        let values = self.start.run(&self.frame, self.worlds)?;
        for (i, s) in model.states.iter().enumerate() {
            if s.start.is_some() {
                let shape = self.graph.nodes[s.start.map_or(s.node, |n| n).0 as usize].shape.clone();
                self.put_state(i, &values[i], &shape, |_, w| which[w]);
            }
        }
        self.script(which)?;
        let n = self.worlds;
        for (i, s) in model.states.iter().enumerate() {
            for (k, x) in self.frame[s.input.0 as usize].iter().enumerate() {
                if which[k % n] && !s.domain.contains(*x) {
                    outside(&mut self.counts.outside[i], *x);
                }
            }
        }
        Ok(())
    }

    /// Copies `values` (`element x world` over `shape`) into a state where `chosen(element, world)`.
    pub(super) fn put_state(
        &mut self,
        state: usize,
        values: &[f64],
        shape: &[crate::graph::AxisId],
        chosen: impl Fn(usize, usize) -> bool,
    ) {
        let s = &self.model.states[state];
        let map = crate::graph::shape::aligned(
            &self.graph,
            &shape.to_vec(),
            &self.graph.inputs[s.input.0 as usize].shape,
        );
        let n = self.worlds;
        let target = &mut self.frame[s.input.0 as usize];
        for (e, from) in map.iter().enumerate() {
            limits::poll();
            for w in 0..n {
                if chosen(e, w) {
                    target[e * n + w] = values[from * n + w];
                }
            }
        }
    }

    /// First values of shocks in whole worlds (`which`, one entry per world), or of one agent's own shocks for single
    /// members (agent number and `member x world`).
    fn first_shocks(&mut self, which: &[bool], members: Option<(usize, &[bool])>) -> Result<(), Diagnostic> {
        let model = self.model.clone();
        let n = self.worlds;
        for s in self.order.clone() {
            if let Some((agent, _)) = members
                && model.shocks[s].owner != Some(agent)
            {
                continue;
            }
            if let Some(x) = self.held_at(s) {
                self.stored[s].fill(x);
                continue;
            }
            let key = self.key.child(FIRST_SHOCKS + s as u64);
            let mut fresh = self.stored[s].clone();
            let on = self.conditions(s, false);
            let lanes = member_lanes(
                &self.graph,
                &model.shocks[s].shape,
                members.map(|(a, _)| &model.agents[a].shape),
            );
            if let Process::Var1 { a, .. } = &self.laws[s].process
                && model.shocks[s].start.is_none()
            {
                let size = a.len();
                for g in 0..fresh.len() / n / size {
                    limits::poll();
                    for w in 0..n {
                        let chosen = match members {
                            Some((_, marked)) => marked[lanes[g * size] * n + w],
                            None => which[w],
                        };
                        let e: Vec<f64> = (0..size)
                            .map(|i| key.uniform(self.step, lane(w / self.together, g * size + i)))
                            .map(crate::num::normal::quantile)
                            .collect();
                        if let Some(x) = self.laws[s].first_vector(&e).filter(|_| chosen) {
                            for (i, x) in x.into_iter().enumerate() {
                                fresh[(g * size + i) * n + w] = x;
                            }
                        }
                    }
                }
                self.stored[s] = fresh;
                continue;
            }
            for e in 0..fresh.len() / n {
                limits::poll();
                for w in 0..n {
                    let chosen = match members {
                        Some((_, marked)) => marked[lanes[e] * n + w],
                        None => which[w],
                    };
                    if chosen {
                        let u = key.uniform(self.step, lane(w / self.together, e));
                        fresh[e * n + w] =
                            process::first(&self.laws[s], model.shocks[s].start.as_ref(), &on, e, w, n, u);
                    }
                }
            }
            self.stored[s] = fresh;
        }
        Ok(())
    }

    /// Ends of members (replaced or gone) and of episodes (reported; the caller restarts). `conditions` has one array
    /// per `end when`, `element x world`. Returns whether each world ended, and for each agent whether a member did,
    /// `member x world`.
    #[allow(clippy::type_complexity)]
    pub(super) fn ends(&mut self, conditions: &[Vec<f64>]) -> Result<(Vec<bool>, Vec<Vec<bool>>), Diagnostic> {
        let model = self.model.clone();
        let n = self.worlds;
        let mut ended = vec![false; n];
        let mut members: Vec<Vec<bool>> = model
            .agents
            .iter()
            .map(|a| vec![false; self.graph.elements(&a.shape) * n])
            .collect();
        for (end, values) in model.ends.iter().zip(conditions) {
            let shape = &self.graph.nodes[end.condition.0 as usize].shape;
            match (end.then, end.agent) {
                (Then::Episode, _) | (_, None) => {
                    for (i, x) in values.iter().enumerate() {
                        if *x != 0.0 {
                            ended[i % n] = true;
                        }
                    }
                }
                (Then::Restart | Then::Leave { .. }, Some(a)) => {
                    let map = crate::graph::shape::aligned(&self.graph, shape, &model.agents[a].shape);
                    for (e, from) in map.iter().enumerate() {
                        limits::poll();
                        for w in 0..n {
                            if values[from * n + w] != 0.0 {
                                members[a][e * n + w] = true;
                            }
                        }
                    }
                    if end.then == Then::Restart && members[a].iter().any(|m| *m) {
                        self.newborns(a, &members[a].clone())?;
                    }
                }
            }
        }
        if let Some(h) = model.horizon {
            for (w, p) in self.period.iter().enumerate() {
                if *p >= h {
                    ended[w] = true;
                }
            }
        }
        self.counts.episodes += ended.iter().filter(|e| **e).count() as u64;
        Ok((ended, members))
    }

    /// Replaces the marked members of an agent (`member x world`) by newborns: own states from `start`, own shocks
    /// drawn anew.
    fn newborns(&mut self, agent: usize, marked: &[bool]) -> Result<(), Diagnostic> {
        let model = self.model.clone();
        self.draw(|w| w == DrawWhen::Start);
        self.first_shocks(&vec![false; self.worlds], Some((agent, marked)))?;
        self.put_shocks();
        let n = self.worlds;
        let values = self.start.run(&self.frame, n)?;
        for (i, s) in model.states.iter().enumerate() {
            if s.owner != Some(agent) || s.start.is_none() {
                continue;
            }
            let lanes = member_lanes(
                &self.graph,
                &self.graph.inputs[s.input.0 as usize].shape,
                Some(&model.agents[agent].shape),
            );
            let shape = self.graph.nodes[s.start.map_or(s.node, |x| x).0 as usize].shape.clone();
            self.put_state(i, &values[i], &shape, |e, w| marked[lanes[e] * n + w]);
        }
        Ok(())
    }
}

/// Refuses a model in which a state variable has no first value, neither in its declaration nor in one of `scenarios`
/// (any length).
///
/// # Errors
/// E0811.
pub fn first_values(model: &Model, scenarios: &[Scenario]) -> Result<(), Diagnostic> {
    for (i, s) in model.states.iter().enumerate() {
        let mut starts = scenarios.iter().flat_map(|sc| &sc.starts);
        if s.start.is_none() && !starts.any(|(t, _)| *t == Target::State(i)) {
            return Err(
                Diagnostic::error("E0811", format!("state `{}` has no first value", s.name))
                    .at(s.span, "a simulation starts somewhere")
                    .hint(format!(
                        "write it: state .., start 1, or start uniform(0.5, 1.5), or in a scenario that is then named: start {} = 1",
                        s.name
                    )),
            );
        }
    }
    Ok(())
}

/// For each element of `shape`, the member (element of `of`) it belongs to; all zero without `of`.
fn member_lanes(graph: &Graph, shape: &crate::graph::Shape, of: Option<&crate::graph::Shape>) -> Vec<usize> {
    match of {
        Some(of) => crate::graph::shape::aligned(graph, of, shape),
        None => vec![0; graph.elements(shape)],
    }
}
