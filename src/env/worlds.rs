//! Many copies of an economy, stepped together.
//!
//! The order of a period is the language's: shocks and states are there, signals are drawn, agents act stage by
//! stage, noises are drawn, prices clear and rewards are paid, shocks draw their next value, states move, ends are
//! decided. Every random number is a function of (seed, variable, step, world, element): worlds do not disturb one another,
//! and results do not depend on threads.

mod allowed;
mod laws;
pub mod trial;

pub use allowed::Moved;

use super::engine::{Engine, Frame};
use super::markets::{self, Clearing, Ended, Furthest, Market, Missed};
use crate::chance::process::{self, Conditions, Law};
use crate::check::model::{Action, DrawWhen, Model, Otherwise, Process, Scenario, Space, Target, Then};
use crate::diag::Diagnostic;
use crate::graph::substitute::{Instead, substitute};
use crate::graph::{AxisId, Graph, InputId, NodeId};
use crate::limits;
use crate::num::random::Key;
use std::sync::Arc;

/// Streams of random numbers, one family a purpose.
const SHOCKS: u64 = 1 << 20;
const FIRST_SHOCKS: u64 = 2 << 20;
const DRAWS: u64 = 3 << 20;
const RANDOM_ACTIONS: u64 = 4 << 20;
const MIXED: u64 = 5 << 20;
/// Shortfalls of a requirement that are left over by rounding.
const ROUNDING: f64 = 1e-9;
/// Distance between the lanes of two worlds.
const WORLD_STRIDE: u64 = 1 << 32;

/// The lane of an element of a world.
fn lane(world: usize, element: usize) -> u64 {
    world as u64 * WORLD_STRIDE + element as u64
}

/// Many copies of an economy.
pub struct Worlds {
    /// The model, over the graph that is really evaluated.
    pub model: Arc<Model>,
    graph: Arc<Graph>,
    scenario: Option<Scenario>,
    worlds: usize,
    /// Neighbouring worlds with the same chance (but not the same start).
    together: usize,
    key: Key,
    /// Present values of every input.
    pub frame: Frame,
    laws: Vec<Law>,
    order: Vec<usize>,
    /// Stored shocks (links for chains) now.
    stored: Vec<Vec<f64>>,
    step: u64,
    period: Vec<usize>,
    start: Engine,
    scripted: Engine,
    parameters: Engine,
    bounds: Vec<Engine>,
    projection: Option<Engine>,
    outcome: Engine,
    /// What the outcome engine gave last, kept for its memory.
    values: Vec<Vec<f64>>,
    layout: Layout,
    rows: Vec<Vec<Vec<usize>>>,
    forced_noises: Vec<(usize, InputId, InputId)>,
    /// Evenly spread draws where single periods are tried.
    lattice: Option<trial::Lattice>,
    markets: Vec<Market>,
    /// Laws of noises that move.
    noise_laws: Option<laws::Laws>,
    /// What has been counted since the start.
    pub counts: Counts,
}

/// Where each group of outputs of the outcome engine begins.
#[derive(Clone, Debug, Default)]
struct Layout {
    rewards: usize,
    next: usize,
    ends: usize,
    paying: usize,
    requires: usize,
    watched: usize,
    markets: usize,
}

/// Things worth counting in every run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Member-periods simulated.
    pub periods: u64,
    /// For each state: how often it left its domain, and the first value that did.
    pub outside: Vec<(u64, f64)>,
    /// For each requirement: how often it did not hold.
    pub binding: Vec<u64>,
    /// Non-finite rewards or states.
    pub not_finite: u64,
    /// Episodes that ended.
    pub episodes: u64,
    /// For each action: how often a constant or a rule asked for what lies outside its bounds.
    pub moved: Vec<Moved>,
    /// Where the policy of a solution was read.
    pub policy: PolicyReads,
    /// How each market fared whose price is found inside the period.
    pub not_cleared: Vec<Clearing>,
}

/// How often a solved policy was read, and where nothing was solved: what stands at the edge is taken there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PolicyReads {
    /// Readings.
    pub read: u64,
    /// With a state outside its grid.
    pub states_outside: u64,
    /// With a continuous shock beyond the nodes of its chain.
    pub shocks_outside: u64,
}

/// What one period gave.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// For each agent with a reward: `elements * worlds`.
    pub rewards: Vec<Vec<f64>>,
    /// Worlds whose episode ended in this period.
    pub ended: Vec<bool>,
    /// For each agent and element: the member ended (and was replaced).
    pub member_ended: Vec<Vec<bool>>,
    /// For each end and element of its condition: what it paid (0 where nothing ended).
    pub paid: Vec<Vec<f64>>,
    /// Values of the watched nodes.
    pub watched: Vec<Vec<f64>>,
}

impl Worlds {
    /// `worlds` copies of a model under a scenario. `watched` are nodes whose values [`Worlds::step`] reports.
    pub fn new(
        model: &Model,
        scenario: Option<&str>,
        worlds: usize,
        seed: u64,
        watched: &[NodeId],
    ) -> Result<Worlds, Diagnostic> {
        let scenario = match scenario {
            None => None,
            Some(name) => Some(
                model
                    .scenarios
                    .iter()
                    .find(|s| s.name == name)
                    .cloned()
                    .ok_or_else(|| unknown_scenario(model, name))?,
            ),
        };
        let (mut model, watched, forced_noises) = forced(model, scenario.as_ref(), watched);
        let markets = markets::markets(&mut model);
        let scenario = scenario.and_then(|s| model.scenarios.iter().find(|x| x.name == s.name).cloned());
        if let Some(a) = model.actions.iter().find(|a| !a.given.is_empty()) {
            return Err(Diagnostic::error("E0810", format!("`{}` is a schedule of a price: it is simulated with a solved policy only", a.name))
                .at(a.span, "chosen as a function of the price that clears")
                .hint("no solver for schedules is in this version; a share of income chosen before the price can be simulated"));
        }
        let graph = Arc::new(model.graph.clone());
        let engine = |nodes: Vec<NodeId>| Engine::new(graph.clone(), nodes);
        let start = engine(model.states.iter().map(|s| s.start.unwrap_or(s.node)).collect())?;
        let scripted = engine(
            scenario
                .iter()
                .flat_map(|s| {
                    s.starts
                        .iter()
                        .map(|x| x.1)
                        .chain(s.paths.iter().map(|x| x.1))
                        .chain(s.forces.iter().map(|f| f.value))
                })
                .collect(),
        )?;
        let parameters = engine(scenario.iter().flat_map(|s| s.params.iter().map(|p| p.1)).collect())?;
        let mut bounds = Vec::new();
        for stage in 0..model.stages.len().max(1) {
            bounds.push(engine(
                model
                    .actions
                    .iter()
                    .filter(|a| a.stage == stage)
                    .flat_map(bound_nodes)
                    .collect(),
            )?);
        }
        let hard: Vec<NodeId> = model
            .requires
            .iter()
            .filter(|r| matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_)))
            .map(|r| r.slack)
            .collect();
        let projection = if hard.is_empty() { None } else { Some(engine(hard)?) };
        let mut nodes: Vec<NodeId> = Vec::new();
        let mut layout = Layout::default();
        nodes.extend(model.agents.iter().filter_map(|a| a.reward));
        layout.next = nodes.len();
        nodes.extend(model.states.iter().map(|s| s.next));
        layout.ends = nodes.len();
        nodes.extend(model.ends.iter().map(|e| e.condition));
        layout.paying = nodes.len();
        nodes.extend(model.ends.iter().map(|e| e.paying.unwrap_or(e.condition)));
        layout.requires = nodes.len();
        nodes.extend(model.requires.iter().map(|r| r.condition));
        layout.watched = nodes.len();
        nodes.extend(watched.iter().copied());
        layout.markets = nodes.len();
        nodes.extend(markets.iter().flat_map(|m| m.sides.iter().flatten().copied()));
        let outcome = Engine::watching(graph.clone(), nodes)?;
        let frame = model
            .graph
            .inputs
            .iter()
            .map(|i| vec![0.0; model.graph.elements(&i.shape) * worlds])
            .collect();
        let laws: Vec<Law> = model.shocks.iter().map(|s| Law::declared(&s.process)).collect();
        let stored = model
            .shocks
            .iter()
            .map(|s| vec![0.0; model.graph.elements(&s.shape) * worlds])
            .collect();
        let rows = model
            .shocks
            .iter()
            .map(|s| match &s.process {
                Process::Chain { given, .. } => given
                    .iter()
                    .map(|(g, _)| crate::graph::shape::aligned(&model.graph, &model.shocks[*g].shape, &s.shape))
                    .collect(),
                Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => Vec::new(),
            })
            .collect();
        let counts = Counts {
            outside: vec![(0, f64::NAN); model.states.len()],
            binding: vec![0; model.requires.len()],
            moved: vec![Moved::default(); model.actions.len()],
            not_cleared: markets
                .iter()
                .map(|m| Clearing {
                    market: m.names.join(", "),
                    span: m.span,
                    ..Clearing::default()
                })
                .collect(),
            ..Counts::default()
        };
        let order = model.drawing_order();
        let noise_laws = laws::Laws::new(&model, &graph)?;
        let mut w = Worlds {
            model: Arc::new(model),
            graph,
            scenario,
            worlds,
            together: 1,
            key: Key::new(seed, 0),
            frame,
            laws,
            order,
            stored,
            step: 0,
            period: vec![0; worlds],
            start,
            scripted,
            parameters,
            bounds,
            projection,
            outcome,
            values: Vec::new(),
            layout,
            rows,
            forced_noises,
            lattice: None,
            markets,
            noise_laws,
            counts,
        };
        w.check_starts()?;
        w.set_parameters();
        w.restart(&vec![true; worlds])?;
        Ok(w)
    }

    /// Starts everything again from another seed.
    pub fn reseed(&mut self, seed: u64) -> Result<(), Diagnostic> {
        self.key = Key::new(seed, 0);
        self.step = 0;
        self.set_parameters();
        self.restart(&vec![true; self.worlds])
    }

    /// Everything that moves, as bytes: with [`Worlds::load`] a run goes on to the bit.
    pub fn save(&self) -> Vec<u8> {
        // Writing plain numbers to a vector cannot fail; an empty one is refused when it is read.
        postcard::to_stdvec(&(self.key, self.step, &self.period, &self.frame, &self.stored)).unwrap_or_default()
    }

    /// Goes on from [`Worlds::save`]. `Err` says what does not fit.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (key, step, period, frame, stored): (Key, u64, Vec<usize>, Frame, Vec<Vec<f64>>) =
            postcard::from_bytes(bytes).map_err(|e| format!("the worlds are damaged ({e})"))?;
        let alike = |a: &[Vec<f64>], b: &[Vec<f64>]| a.iter().map(Vec::len).eq(b.iter().map(Vec::len));
        if period.len() != self.worlds || !alike(&frame, &self.frame) || !alike(&stored, &self.stored) {
            return Err("the worlds are of another number or shape".into());
        }
        (self.key, self.step, self.period, self.frame, self.stored) = (key, step, period, frame, stored);
        Ok(())
    }

    /// Lets every `together` neighbouring worlds draw the same shocks and noises from the next restart on (first values of
    /// states stay their own): what differs between them is then their doing. Does nothing in a model without chance, and returns how
    /// many worlds share.
    ///
    /// # Errors
    /// Those of a restart.
    pub fn share_chance(&mut self, together: usize) -> Result<usize, Diagnostic> {
        let chance = !self.model.shocks.is_empty() || self.model.draws.iter().any(|d| d.when != DrawWhen::Start);
        self.together = if chance { together.clamp(1, self.worlds) } else { 1 };
        self.restart(&vec![true; self.worlds])?;
        Ok(self.together)
    }

    /// Number of worlds.
    pub fn worlds(&self) -> usize {
        self.worlds
    }

    /// Periods since each world's episode began.
    pub fn period(&self) -> &[usize] {
        &self.period
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Lets a chain stand for a continuous shock from the next restart on: the chain a solver used.
    pub fn discretise(&mut self, shock: usize, values: &[f64], matrix: &[Vec<f64>]) -> Result<(), Diagnostic> {
        self.laws[shock] = Law::discretised(values, matrix);
        self.restart(&vec![true; self.worlds])
    }

    /// What the scenario's paths and forced values are about.
    pub fn scripted_targets(&self) -> Vec<Target> {
        let scripted = |s: &Scenario| -> Vec<Target> {
            let forced = s.forces.iter().map(|f| f.target);
            s.paths.iter().map(|p| p.0).chain(forced).collect()
        };
        self.scenario.as_ref().map(scripted).unwrap_or_default()
    }

    /// The stored link of a chain (also of a chain that stands for a continuous shock).
    pub fn link(&self, shock: usize, element: usize, world: usize) -> usize {
        self.stored[shock][element * self.worlds + world] as usize
    }

    /// Evaluates further nodes at the present state.
    pub fn engine(&self, nodes: Vec<NodeId>) -> Result<Engine, Diagnostic> {
        Engine::new(self.graph.clone(), nodes)
    }

    fn check_starts(&self) -> Result<(), Diagnostic> {
        first_values(&self.model, self.scenario.as_slice())
    }

    fn set_parameters(&mut self) {
        for p in &self.model.params {
            if let Some(i) = p.input {
                self.frame[i.0 as usize].fill(p.values[0]);
            }
        }
    }

    fn draw(&mut self, when: impl Fn(DrawWhen) -> bool) {
        let model = self.model.clone();
        for (number, d) in model.draws.iter().enumerate() {
            if !when(d.when) {
                continue;
            }
            let key = self.key.child(DRAWS + number as u64);
            let n = self.worlds;
            let together = if d.when == DrawWhen::Start { 1 } else { self.together };
            if self.lattice.is_some() {
                let mut array = std::mem::take(&mut self.frame[d.input.0 as usize]);
                for e in 0..array.len() / n {
                    limits::poll();
                    for w in 0..n {
                        array[e * n + w] = self
                            .spread(DRAWS, number, e, w)
                            .unwrap_or_else(|| key.uniform(self.step, lane(w, e)));
                    }
                }
                self.frame[d.input.0 as usize] = array;
                continue;
            }
            let array = &mut self.frame[d.input.0 as usize];
            if n == 1 {
                key.fill_f64(self.step, 0, array);
            } else {
                for e in 0..array.len() / n {
                    limits::poll();
                    for w in 0..n {
                        let world = fault!("simulation.same_noise", 0, w / together);
                        array[e * n + w] = key.uniform(self.step, lane(world, e));
                    }
                }
            }
        }
    }

    /// Begins a new episode in the marked worlds.
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

    /// Copies values over `shape` into a state where `chosen(element, world)`.
    fn put_state(
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

    /// First values of shocks in whole worlds, or of one agent's own shocks for single members.
    fn first_shocks(&mut self, which: &[bool], members: Option<(usize, &[bool])>) -> Result<(), Diagnostic> {
        let model = self.model.clone();
        let n = self.worlds;
        for s in self.order.clone() {
            if let Some((agent, _)) = members
                && model.shocks[s].owner != Some(agent)
            {
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

    /// Conditions of a shock; for first values next period's links are this period's.
    fn conditions(&self, s: usize, moving: bool) -> Conditions<'_> {
        let mut on = Vec::new();
        if let Process::Chain { given, .. } = &self.model.shocks[s].process {
            for ((g, primed), map) in given.iter().zip(&self.rows[s]) {
                let links = match &self.model.shocks[*g].process {
                    Process::Chain { values, .. } => values.len(),
                    Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => 1,
                };
                let source = if *primed && moving {
                    &self.frame[self.model.shocks[*g].next.0 as usize]
                } else {
                    &self.stored[*g]
                };
                on.push((source.as_slice(), map.as_slice(), links));
            }
        }
        Conditions { on }
    }

    /// Writes stored shocks to the inputs of the graph.
    fn put_shocks(&mut self) {
        for (s, shock) in self.model.shocks.iter().enumerate() {
            for (x, stored) in self.frame[shock.input.0 as usize].iter_mut().zip(&self.stored[s]) {
                *x = self.laws[s].carried(*stored);
            }
        }
    }

    fn clock(&mut self) {
        if let Some(t) = self.model.time {
            for (x, p) in self.frame[t.0 as usize].iter_mut().zip(&self.period) {
                *x = *p as f64;
            }
        }
    }

    /// First values and paths of the scenario at the present period.
    fn script(&mut self, which: &[bool]) -> Result<(), Diagnostic> {
        let Some(s) = self.scenario.clone() else {
            return Ok(());
        };
        let n = self.worlds;
        // Paths first: starts may read shocks.
        self.scripted_shocks(which)?;
        let values = self.scripted.run(&self.frame, n)?;
        for (k, (t, node)) in s.starts.iter().enumerate() {
            let shape = self.graph.nodes[node.0 as usize].shape.clone();
            match t {
                Target::State(i) => self.put_state(*i, &values[k], &shape, |_, w| which[w]),
                Target::Shock(i) => self.put_shock(*i, &values[k], &shape, which, &[]),
                Target::Action(_) | Target::Noise(_) => {}
            }
        }
        self.put_shocks();
        Ok(())
    }

    fn put_shock(
        &mut self,
        shock: usize,
        values: &[f64],
        shape: &[crate::graph::AxisId],
        which: &[bool],
        at: &[(AxisId, usize)],
    ) {
        let map = crate::graph::shape::aligned(&self.graph, &shape.to_vec(), &self.model.shocks[shock].shape);
        let meant = meant(&self.graph, &self.model.shocks[shock].shape, at);
        let n = self.worlds;
        let chain = self.laws[shock].stands_for.clone();
        for (e, from) in map.iter().enumerate() {
            limits::poll();
            if !meant[e] {
                continue;
            }
            for w in 0..n {
                if which[w] {
                    let x = values[from * n + w];
                    self.stored[shock][e * n + w] =
                        chain.as_ref().map_or(x, |c| crate::chance::chain::nearest(c, x) as f64);
                }
            }
        }
    }

    /// Paths and forced values of shocks at the present period.
    fn scripted_shocks(&mut self, which: &[bool]) -> Result<(), Diagnostic> {
        let Some(s) = self.scenario.clone() else {
            return Ok(());
        };
        let values = self.scripted.run(&self.frame, self.worlds)?;
        for (k, (t, node)) in s.paths.iter().enumerate() {
            if let Target::Shock(i) = t {
                let shape = self.graph.nodes[node.0 as usize].shape.clone();
                self.put_shock(*i, &values[s.starts.len() + k], &shape, which, &[]);
            }
        }
        for (k, f) in s.forces.iter().enumerate() {
            if let Target::Shock(i) = f.target {
                let now: Vec<bool> = which
                    .iter()
                    .zip(&self.period)
                    .map(|(w, p)| *w && f.from.is_none_or(|a| *p >= a) && f.until.is_none_or(|b| *p <= b))
                    .collect();
                let shape = self.graph.nodes[f.value.0 as usize].shape.clone();
                self.put_shock(i, &values[s.starts.len() + s.paths.len() + k], &shape, &now, &f.at);
            }
        }
        self.put_shocks();
        Ok(())
    }

    /// Bounds and masks of the actions of a stage at the present state, in the order of [`stage_actions`]:
    /// for intervals and ranges (lo, hi), for finite choices one mask a choice.
    pub fn bounds(&mut self, stage: usize) -> Result<Vec<Bounds>, Diagnostic> {
        if stage == 0 {
            self.draw(|w| w == DrawWhen::Observe);
        }
        self.bounds_as_drawn(stage)
    }

    /// The same, with signals as they were drawn before.
    ///
    /// # Errors
    /// A graph that cannot be evaluated.
    pub fn bounds_as_drawn(&mut self, stage: usize) -> Result<Vec<Bounds>, Diagnostic> {
        let model = self.model.clone();
        let values = self.bounds[stage].run(&self.frame, self.worlds)?;
        let n = self.worlds;
        let mut at = 0;
        let mut out = Vec::new();
        for a in stage_actions(&model, stage) {
            let action = &model.actions[a];
            let mut take = |node: NodeId| {
                let map =
                    crate::graph::shape::aligned(&self.graph, &self.graph.nodes[node.0 as usize].shape, &action.shape);
                let found = &values[at];
                at += 1;
                map.iter()
                    .flat_map(|from| found[from * n..(from + 1) * n].iter().copied())
                    .collect::<Vec<f64>>()
            };
            out.push(match &action.space {
                Space::Interval { lo, hi, .. } => Bounds::Between(take(*lo), take(*hi)),
                Space::Integer { lo, hi } => allowed::whole(take(*lo), take(*hi)),
                Space::Finite { masks, .. } => Bounds::Choices(masks.iter().map(|m| m.map(&mut take)).collect()),
                Space::Simplex(_) => Bounds::Simplex,
            });
        }
        Ok(out)
    }

    /// Uniformly random actions among what is allowed; standard normal on the whole line, exponential with mean one from
    /// the finite end of a half line.
    pub fn random_action(&mut self, action: usize, bounds: &Bounds) -> Result<Vec<f64>, Diagnostic> {
        let model = self.model.clone();
        let a = &model.actions[action];
        let n = self.worlds;
        let elements = self.graph.elements(&a.shape);
        let key = self.key.child(RANDOM_ACTIONS + action as u64);
        let u = |e: usize, w: usize| key.uniform(self.step, lane(w, e));
        let mut out = vec![0.0; elements * n];
        for e in 0..elements {
            limits::poll();
            for w in 0..n {
                let i = e * n + w;
                out[i] = match bounds {
                    Bounds::Between(lo, hi) => {
                        let (l, h) = (lo[i], hi[i]);
                        if !l.is_finite() || !h.is_finite() {
                            out[i] = unbounded(l, h, u(e, w));
                            continue;
                        }
                        if matches!(a.space, Space::Integer { .. }) {
                            l + ((h - l + 1.0) * u(e, w)).floor()
                        } else {
                            l + (h - l) * u(e, w)
                        }
                    }
                    Bounds::Choices(masks) => {
                        let allowed: Vec<usize> = masks
                            .iter()
                            .enumerate()
                            .filter(|(_, m)| m.as_ref().is_none_or(|m| m[i] != 0.0))
                            .map(|(c, _)| c)
                            .collect();
                        if allowed.is_empty() {
                            return Err(nothing_allowed(a));
                        }
                        allowed[((u(e, w) * allowed.len() as f64) as usize).min(allowed.len() - 1)] as f64
                    }
                    Bounds::Simplex => -(u(e, w).ln()),
                };
            }
        }
        if let Space::Simplex(axis) = a.space {
            self.normalise(&mut out, a, axis);
        }
        Ok(out)
    }

    /// The uniform number that decides a mixed choice of an element of an action in a world.
    pub fn luck(&self, action: usize, element: usize, world: usize) -> f64 {
        self.key
            .child(MIXED + action as u64)
            .uniform(self.step, lane(world, element))
    }

    fn normalise(&self, out: &mut [f64], a: &Action, axis: crate::graph::AxisId) {
        let n = self.worlds;
        let rest: Vec<_> = a.shape.iter().copied().filter(|x| *x != axis).collect();
        let map = crate::graph::shape::aligned(&self.graph, &rest, &a.shape);
        let mut sums = vec![0.0; self.graph.elements(&rest) * n];
        for (e, g) in map.iter().enumerate() {
            limits::poll();
            for w in 0..n {
                sums[g * n + w] += out[e * n + w];
            }
        }
        for (e, g) in map.iter().enumerate() {
            limits::poll();
            for w in 0..n {
                out[e * n + w] /= sums[g * n + w];
            }
        }
    }

    /// Sets the values of an action.
    pub fn act(&mut self, action: usize, values: &[f64]) {
        let input = self.model.actions[action].input;
        self.frame[input.0 as usize].copy_from_slice(values);
    }

    /// Forced actions of the scenario for the actions of a stage.
    fn force_actions(&mut self) -> Result<(), Diagnostic> {
        let Some(s) = self.scenario.clone() else {
            return Ok(());
        };
        let acts = |t: &Target| matches!(t, Target::Action(_) | Target::Noise(_));
        if s.forces.is_empty() && !s.paths.iter().any(|(t, _)| acts(t)) {
            return Ok(());
        }
        let n = self.worlds;
        let values = self.scripted.run(&self.frame, n)?;
        let paths = s
            .paths
            .iter()
            .enumerate()
            .map(|(k, (t, node))| (*t, *node, s.starts.len() + k, Vec::new(), None, None));
        let forces = s.forces.iter().enumerate().map(|(k, f)| {
            (
                f.target,
                f.value,
                s.starts.len() + s.paths.len() + k,
                f.at.clone(),
                f.from,
                f.until,
            )
        });
        for (_, _, flag) in &self.forced_noises {
            self.frame[flag.0 as usize].fill(0.0);
        }
        for (target, node, number, at, from, until) in paths.chain(forces).collect::<Vec<_>>() {
            let mut flag = None;
            let (input, shape) = match target {
                Target::Action(a) => (self.model.actions[a].input, self.model.actions[a].shape.clone()),
                Target::Noise(i) => match self.forced_noises.iter().find(|(k, _, _)| *k == i) {
                    Some((_, value, forced)) => {
                        flag = Some(*forced);
                        (*value, self.graph.inputs[value.0 as usize].shape.clone())
                    }
                    None => continue,
                },
                Target::State(_) | Target::Shock(_) => continue,
            };
            let map = crate::graph::shape::aligned(&self.graph, &self.graph.nodes[node.0 as usize].shape, &shape);
            let meant = meant(&self.graph, &shape, &at);
            for (e, source) in map.iter().enumerate() {
                limits::poll();
                if !meant[e] {
                    continue;
                }
                for w in 0..n {
                    let p = self.period[w];
                    if from.is_none_or(|a| p >= a) && until.is_none_or(|b| p <= b) {
                        self.frame[input.0 as usize][e * n + w] = values[number][source * n + w];
                        if let Some(flag) = flag {
                            self.frame[flag.0 as usize][e * n + w] = 1.0;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Moves actions that violate a requirement to the nearest feasible point on the line to the lower bounds (or, if
    /// those are not feasible, to the midpoints), member by member. `bounds` are those of all actions.
    pub(crate) fn project(&mut self, bounds: &[(usize, Bounds)]) -> Result<(), Diagnostic> {
        let Some(mut engine) = self.projection.take() else {
            return Ok(());
        };
        let result = self.project_with(&mut engine, bounds);
        self.projection = Some(engine);
        result
    }

    fn project_with(&mut self, engine: &mut Engine, bounds: &[(usize, Bounds)]) -> Result<(), Diagnostic> {
        let model = self.model.clone();
        let n = self.worlds;
        let hard: Vec<usize> = (0..model.requires.len())
            .filter(|r| {
                matches!(
                    model.requires[*r].otherwise,
                    Otherwise::Infeasible | Otherwise::Project(_)
                )
            })
            .collect();
        // What one requirement moves may break another: they are gone through until all hold. Distances of rounding are none.
        let rounds = hard.len() + 1;
        for (round, (k, r)) in (0..=rounds).flat_map(|round| hard.iter().enumerate().map(move |x| (round, x))) {
            let slack = engine.run(&self.frame, n)?.swap_remove(k);
            let least = if round == 0 { 0.0 } else { -ROUNDING };
            let violated: Vec<bool> = slack.iter().map(|s| *s < least || s.is_nan()).collect();
            if round == 0 {
                self.counts.binding[*r] += violated.iter().filter(|v| **v).count() as u64;
            }
            if fault!("learner.projection_skipped", true, !violated.iter().any(|v| *v)) {
                continue;
            }
            if round == rounds {
                let require = &model.requires[*r];
                return Err(Diagnostic::error(
                    "E0832",
                    format!("no action is found that meets `{}` and the other requirements", require.text),
                )
                .at(require.span, "broken again by what another requirement asks for")
                .hint("write one `require` of the smallest slack: require min(x, y) >= 0, or bound the actions themselves"));
            }
            let require = &model.requires[*r];
            let actions: Vec<usize> = match (&require.otherwise, require.agent) {
                (Otherwise::Project(a), _) => a.clone(),
                (_, Some(a)) => model.agents[a].actions.clone(),
                (_, None) => (0..model.actions.len()).collect(),
            };
            let shape = self.graph.nodes[require.slack.0 as usize].shape.clone();
            let movable: Vec<Movable> = actions
                .iter()
                .filter_map(|a| {
                    let (_, b) = bounds.iter().find(|(i, _)| i == a)?;
                    let now = self.frame[model.actions[*a].input.0 as usize].clone();
                    let (lo, hi, whole, masks) = match (b, &model.actions[*a].space) {
                        (Bounds::Between(lo, hi), Space::Integer { .. }) => (lo.clone(), hi.clone(), true, Vec::new()),
                        (Bounds::Between(lo, hi), _) => (lo.clone(), hi.clone(), false, Vec::new()),
                        (Bounds::Choices(masks), _) => {
                            let last = masks.len().saturating_sub(1) as f64;
                            (vec![0.0; now.len()], vec![last; now.len()], true, masks.clone())
                        }
                        (Bounds::Simplex, _) => return None,
                    };
                    Some(Movable {
                        action: *a,
                        targets: Movable::targets(&lo, &hi),
                        elements: crate::graph::shape::aligned(&self.graph, &shape, &model.actions[*a].shape),
                        now,
                        lo,
                        hi,
                        whole,
                        masks,
                    })
                })
                .collect();
            let mut left = violated;
            let (whole, movable): (Vec<Movable>, Vec<Movable>) = movable.into_iter().partition(|m| m.whole);
            // Nobody takes another choice for a distance of rounding; numbers are moved by it, if they can.
            let near = |x: &f64| *x >= -ROUNDING;
            let mut far: Vec<bool> = left.iter().zip(&slack).map(|(l, x)| *l && !near(x)).collect();
            let asked = far.clone();
            self.move_whole(engine, k, &whole, &mut far)?;
            for ((l, was), is) in left.iter_mut().zip(asked).zip(far) {
                *l &= !was || is;
            }
            if movable.len() > 1 {
                self.move_nearest(engine, k, &movable, &mut left)?;
            }
            let last = if left.contains(&true) && !movable.is_empty() {
                anchors(movable.len())
            } else {
                Vec::new()
            };
            for anchor in last {
                // Bisection on the share of the way, all members side by side.
                let mut low = vec![0.0; left.len()];
                let mut high = vec![1.0; left.len()];
                for round in 0..50 {
                    let share: Vec<f64> = if round == 0 {
                        vec![1.0; low.len()]
                    } else {
                        low.iter().zip(&high).map(|(a, b)| 0.5 * (a + b)).collect()
                    };
                    self.place(&movable, &share, &left, &anchor);
                    let s = engine.run(&self.frame, n)?.swap_remove(k);
                    for i in 0..s.len() {
                        if s[i] >= 0.0 {
                            high[i] = share[i];
                        } else if round > 0 {
                            low[i] = share[i];
                        }
                    }
                    if round == 0 && !s.iter().zip(&left).any(|(x, v)| *v && *x >= 0.0) {
                        break;
                    }
                }
                self.place(&movable, &high, &left, &anchor);
                let s = engine.run(&self.frame, n)?.swap_remove(k);
                // Who is allowed there stays; the others go on to the next anchor.
                for (v, x) in left.iter_mut().zip(&s) {
                    *v &= !(*x >= 0.0);
                }
                if !left.contains(&true) {
                    break;
                }
            }
            if left.iter().zip(&slack).any(|(l, x)| *l && !near(x)) {
                return Err(Diagnostic::error(
                    "E0902",
                    format!("no feasible action where `{}` fails", require.text),
                )
                .at(require.span, "neither the ends of the bounds nor their middle satisfy it")
                .hint("bound the action so that one end is always feasible, or say what happens: else penalty(..)"));
            }
        }
        Ok(())
    }

    /// Moves whole numbers and choices to the nearest allowed ones that meet requirement `k`, where `left` (by element of the
    /// requirement and world); distances are sums of steps, all combinations of up to [`COMBINATIONS`] are tried.
    fn move_whole(
        &mut self,
        engine: &mut Engine,
        k: usize,
        whole: &[Movable],
        left: &mut [bool],
    ) -> Result<(), Diagnostic> {
        if whole.is_empty() || !left.contains(&true) {
            return Ok(());
        }
        let n = self.worlds;
        let width = |m: &Movable| {
            let widths = m.lo.iter().zip(&m.hi).map(|(l, h)| h - l);
            widths.filter(|w| w.is_finite()).fold(1.0, f64::max)
        };
        let before: Vec<Vec<f64>> = whole
            .iter()
            .map(|m| self.frame[self.model.actions[m.action].input.0 as usize].clone())
            .collect();
        let nearest_first = whole_steps(&whole.iter().map(|m| width(m) as i64).collect::<Vec<_>>());
        let order = fault!(
            "simulation.moved_far",
            nearest_first.into_iter().rev().collect::<Vec<_>>(),
            nearest_first
        );
        for steps in order {
            limits::poll();
            let mut there = vec![true; left.len()];
            for ((m, d), was) in whole.iter().zip(&steps).zip(&before) {
                let input = self.model.actions[m.action].input.0 as usize;
                for (e, from) in m.elements.iter().enumerate() {
                    for w in 0..n {
                        let (i, s) = (e * n + w, from * n + w);
                        if left[s] {
                            let x = was[i] + *d as f64;
                            there[s] &= m.allows(i, x);
                            self.frame[input][i] = if m.allows(i, x) { x } else { was[i] };
                        }
                    }
                }
            }
            let slack = engine.run(&self.frame, n)?.swap_remove(k);
            for ((l, x), there) in left.iter_mut().zip(&slack).zip(&there) {
                *l &= !(*x >= 0.0 && *there);
            }
            if !left.contains(&true) {
                return Ok(());
            }
        }
        // Continuous actions may still help: the whole ones stay as they were asked for.
        for (m, was) in whole.iter().zip(&before) {
            let input = self.model.actions[m.action].input.0 as usize;
            for (e, from) in m.elements.iter().enumerate() {
                for w in 0..n {
                    if left[from * n + w] {
                        self.frame[input][e * n + w] = was[e * n + w];
                    }
                }
            }
        }
        Ok(())
    }

    /// Moves continuous actions to the nearest point that meets requirement `k`, distances in widths of their ranges: Newton's
    /// steps along the slope of the slack, which is exact for linear ones. Where that does not end on it, `left` stays true and
    /// the actions are as they were.
    fn move_nearest(
        &mut self,
        engine: &mut Engine,
        k: usize,
        movable: &[Movable],
        left: &mut [bool],
    ) -> Result<(), Diagnostic> {
        let n = self.worlds;
        let mut open = left.to_vec();
        for round in 0..30 {
            if !open.contains(&true) {
                break;
            }
            let slack = engine.run(&self.frame, n)?.swap_remove(k);
            for (s, o) in open.iter_mut().enumerate() {
                if *o && slack[s] >= 0.0 {
                    *o = false;
                    left[s] = false;
                }
                *o &= slack[s].is_finite();
            }
            if round == 29 || !open.contains(&true) {
                break;
            }
            // Slopes of the slack by each action, a width of its range the unit; none at a bound that holds the step back.
            let mut slopes = Vec::new();
            for m in movable {
                let input = self.model.actions[m.action].input.0 as usize;
                let was = self.frame[input].clone();
                let mut slope = vec![0.0; open.len()];
                for inwards in [1.0, -1.0] {
                    for (e, from) in m.elements.iter().enumerate() {
                        for w in 0..n {
                            let (i, s) = (e * n + w, from * n + w);
                            let to = was[i] + inwards * 1e-7 * m.unit(i);
                            if open[s] && slope[s] == 0.0 && to >= m.lo[i] && to <= m.hi[i] {
                                self.frame[input][i] = to;
                            }
                        }
                    }
                    let moved = engine.run(&self.frame, n)?.swap_remove(k);
                    for s in 0..open.len() {
                        let d = inwards * (moved[s] - slack[s]) / 1e-7;
                        if open[s] && slope[s] == 0.0 && d.is_finite() {
                            // A rise against this direction cannot be used where only this direction is open.
                            slope[s] = d;
                        }
                    }
                    self.frame[input].clone_from(&was);
                }
                // At a bound only a step inwards counts.
                for (e, from) in m.elements.iter().enumerate() {
                    for w in 0..n {
                        let (i, s) = (e * n + w, from * n + w);
                        let (low, high) = (was[i] <= m.lo[i], was[i] >= m.hi[i]);
                        if low && slope[s] < 0.0 || high && slope[s] > 0.0 {
                            slope[s] = 0.0;
                        }
                    }
                }
                slopes.push(slope);
            }
            for s in 0..open.len() {
                let norm: f64 = slopes.iter().map(|g| g[s] * g[s]).sum();
                open[s] &= norm > 0.0;
            }
            for (m, slope) in movable.iter().zip(&slopes) {
                let input = self.model.actions[m.action].input.0 as usize;
                for (e, from) in m.elements.iter().enumerate() {
                    for w in 0..n {
                        let (i, s) = (e * n + w, from * n + w);
                        if open[s] {
                            let norm: f64 = slopes.iter().map(|g| g[s] * g[s]).sum();
                            // A trifle beyond, so that rounding does not leave the slack below zero.
                            let wanted = -slack[s] + 1e-13 * (1.0 + slack[s].abs());
                            let unit = fault!("simulation.moved_past", 2.0 * m.unit(i), m.unit(i));
                            let x = self.frame[input][i] + unit * wanted * slope[s] / norm;
                            self.frame[input][i] = x.max(m.lo[i]).min(m.hi[i]);
                        }
                    }
                }
            }
        }
        // Whoever did not get there is left as he asked.
        for m in movable {
            let input = self.model.actions[m.action].input.0 as usize;
            for (e, from) in m.elements.iter().enumerate() {
                for w in 0..n {
                    if left[from * n + w] {
                        self.frame[input][e * n + w] = m.now[e * n + w];
                    }
                }
            }
        }
        Ok(())
    }

    /// Moves actions a share of the way to an anchor, where `violated` (by element of the requirement and world).
    fn place(&mut self, movable: &[Movable], share: &[f64], violated: &[bool], anchor: &[usize]) {
        let n = self.worlds;
        for (m, end) in movable.iter().zip(anchor) {
            let target = &m.targets[*end];
            let input = self.model.actions[m.action].input.0 as usize;
            for (e, from) in m.elements.iter().enumerate() {
                limits::poll();
                for w in 0..n {
                    let (i, s) = (e * n + w, from * n + w);
                    if violated[s] {
                        self.frame[input][i] = m.now[i] + share[s] * (target[i] - m.now[i]);
                    }
                }
            }
        }
    }

    /// Everybody has acted: one period passes.
    pub fn step(&mut self, bounds: &[(usize, Bounds)]) -> Result<Outcome, Diagnostic> {
        let model = self.model.clone();
        let n = self.worlds;
        self.force_actions()?;
        self.check_allowed(bounds)?;
        self.project(bounds)?;
        self.draw(|w| matches!(w, DrawWhen::After(_)));
        self.check_laws()?;
        let next = self.next_shocks()?;
        let mut values = std::mem::take(&mut self.values);
        self.outcome.run_into(&self.frame, n, &mut values)?;
        let l = self.layout.clone();
        let rewards = values[l.rewards..l.next].to_vec();
        self.counts.periods += n as u64;
        self.judge_markets(&values);
        let bad = rewards
            .iter()
            .chain(&values[l.next..l.ends])
            .flatten()
            .filter(|x| !x.is_finite())
            .count();
        if bad > 0 {
            self.counts.not_finite += bad as u64;
            return Err(self.not_finite(&values));
        }
        for (r, v) in values[l.requires..l.watched].iter().enumerate() {
            if matches!(model.requires[r].otherwise, Otherwise::Penalty | Otherwise::End) {
                self.counts.binding[r] += v.iter().filter(|x| **x == 0.0).count() as u64;
            }
        }
        for (i, s) in model.states.iter().enumerate() {
            let shape = self.graph.nodes[s.next.0 as usize].shape.clone();
            self.put_state(i, &values[l.next + i], &shape, |_, _| {
                fault!("simulation.state_kept", i != 0, true)
            });
            for x in &self.frame[s.input.0 as usize] {
                if !s.domain.contains(*x) {
                    outside(&mut self.counts.outside[i], *x);
                }
            }
        }
        fault!("simulation.late", do { self.put_shocks() });
        self.stored = next;
        fault!("simulation.late", (), self.put_shocks());
        self.step += 1;
        self.period.iter_mut().for_each(|p| *p += 1);
        self.clock();
        self.scripted_shocks(&vec![true; n])?;
        let (ended, member_ended) = self.ends(&values[l.ends..l.paying])?;
        let paid = self.paid(&values[l.ends..l.paying], &values[l.paying..l.requires]);
        let watched = values[l.watched..l.markets].to_vec();
        self.values = values;
        Ok(Outcome {
            rewards,
            ended,
            member_ended,
            paid,
            watched,
        })
    }

    /// How market `market`, whose sides' values begin at `at`, ended in world `w`: its price, element and both sides where they
    /// are furthest apart.
    fn ended(&self, market: &Market, values: &[Vec<f64>], at: usize, w: usize) -> Option<(Ended, Furthest)> {
        let n = self.worlds;
        let status = self.outcome.statuses()[market.root * n + w];
        if status == crate::kernel::root::ONE {
            return None;
        }
        let of = |v: &Vec<f64>| -> Vec<f64> { v.iter().skip(w).step_by(n).copied().collect() };
        let here: Vec<[Vec<f64>; 3]> = values[at..at + 3 * market.sides.len()]
            .chunks_exact(3)
            .map(|s| [of(&s[0]), of(&s[1]), of(&s[2])])
            .collect();
        let (price, element, left, right) = markets::worst(&here)?;
        let furthest = Furthest {
            price,
            element,
            members: here[price][0].len(),
            value: here[price][0][element],
            sides: (left, right),
        };
        Some((markets::judged(status, left, right), furthest))
    }

    /// Whether some price clears every market in world `w`.
    fn clears(&self, values: &[Vec<f64>], w: usize) -> bool {
        let mut at = self.layout.markets;
        self.markets.iter().all(|market| {
            let here = at;
            at += 3 * market.sides.len();
            !matches!(self.ended(market, values, here, w), Some((Ended::Fails { .. }, _)))
        })
    }

    /// Counts the worlds in which a market did not clear.
    fn judge_markets(&mut self, values: &[Vec<f64>]) {
        let n = self.worlds;
        let mut at = self.layout.markets;
        for (number, market) in self.markets.iter().enumerate() {
            let here = at;
            at += 3 * market.sides.len();
            self.counts.not_cleared[number].asked += n as u64;
            for w in 0..n {
                let Some((ended, furthest)) = self.ended(market, values, here, w) else {
                    continue;
                };
                let count = &mut self.counts.not_cleared[number];
                if ended == Ended::Clears {
                    continue;
                }
                let several = ended == Ended::Several;
                let known = if several { &count.first_several } else { &count.first };
                let name = &market.names[furthest.price];
                let missed = known.is_none().then(|| Missed {
                    price: if furthest.members > 1 {
                        format!("{name}[{}]", furthest.element + 1)
                    } else {
                        name.clone()
                    },
                    period: self.period[w],
                    value: furthest.value,
                    sides: furthest.sides,
                    excess: furthest.sides.0 - furthest.sides.1,
                    jump: ended == Ended::Fails { jump: true },
                    state: standing(&self.model, &self.frame, n, w),
                });
                if several {
                    count.several += 1;
                    count.first_several = missed.or(count.first_several.take());
                } else {
                    count.count += 1;
                    count.first = missed.or(count.first.take());
                }
            }
        }
    }

    /// What each end paid: its value (over fewer axes than its condition, perhaps) where the condition holds.
    fn paid(&self, conditions: &[Vec<f64>], amounts: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let n = self.worlds;
        let mut out = Vec::new();
        for (k, end) in self.model.ends.iter().enumerate() {
            let Some(node) = end.paying else {
                out.push(Vec::new());
                continue;
            };
            let shape = |x: NodeId| &self.graph.nodes[x.0 as usize].shape;
            let map = crate::graph::shape::aligned(&self.graph, shape(node), shape(end.condition));
            let mut paid = vec![0.0; conditions[k].len()];
            for (e, from) in map.iter().enumerate() {
                limits::poll();
                for w in 0..n {
                    if conditions[k][e * n + w] != 0.0 {
                        paid[e * n + w] = amounts[k][from * n + w];
                    }
                }
            }
            out.push(paid);
        }
        out
    }

    /// Draws next period's shocks into their inputs and returns what is stored of them.
    fn next_shocks(&mut self) -> Result<Vec<Vec<f64>>, Diagnostic> {
        let model = self.model.clone();
        let n = self.worlds;
        let mut all = self.stored.clone();
        // Scripted shocks are known to the script: next period's value is the path's.
        let scripted = self.scripted_next()?;
        for s in self.order.clone() {
            let key = self.key.child(SHOCKS + s as u64);
            let mut fresh = self.stored[s].clone();
            if let Process::Var1 { a, s: load } = &self.laws[s].process {
                let size = a.len();
                for g in 0..fresh.len() / n / size {
                    limits::poll();
                    for w in 0..n {
                        let x: Vec<f64> = (0..size).map(|i| fresh[(g * size + i) * n + w]).collect();
                        let lane = lane(w / self.together, g * size);
                        for (i, y) in process::next_vector(a, load, &x, key, self.step, lane)
                            .into_iter()
                            .enumerate()
                        {
                            fresh[(g * size + i) * n + w] = y;
                        }
                    }
                }
            } else {
                let on = self.conditions(s, true);
                for e in 0..fresh.len() / n {
                    limits::poll();
                    for w in 0..n {
                        let step = fault!("simulation.reused", 0, self.step);
                        let u = self
                            .spread(SHOCKS, s, e, w)
                            .unwrap_or_else(|| key.uniform(step, lane(w / self.together, e)));
                        fresh[e * n + w] = process::next(&self.laws[s], self.stored[s][e * n + w], &on, e, w, n, u);
                    }
                }
            }
            if let Some(values) = &scripted[s] {
                for (x, y) in fresh.iter_mut().zip(values) {
                    if !y.is_nan() {
                        *x = *y;
                    }
                }
            }
            for (x, stored) in self.frame[model.shocks[s].next.0 as usize].iter_mut().zip(&fresh) {
                *x = self.laws[s].carried(*stored);
            }
            all[s] = fresh;
        }
        Ok(all)
    }

    /// Scripted links of the next period, NaN where the script is silent.
    fn scripted_next(&mut self) -> Result<Vec<Option<Vec<f64>>>, Diagnostic> {
        let mut out: Vec<Option<Vec<f64>>> = vec![None; self.model.shocks.len()];
        let Some(s) = self.scenario.clone() else {
            return Ok(out);
        };
        let touched: Vec<usize> = s
            .paths
            .iter()
            .map(|p| p.0)
            .chain(s.forces.iter().map(|f| f.target))
            .filter_map(|t| if let Target::Shock(i) = t { Some(i) } else { None })
            .collect();
        if touched.is_empty() {
            return Ok(out);
        }
        // The script at the next period, into a copy of what is stored.
        let (stored, frame) = (self.stored.clone(), self.frame.clone());
        for i in &touched {
            self.stored[*i].fill(f64::NAN);
        }
        let period = self.period.clone();
        self.period.iter_mut().for_each(|p| *p += 1);
        self.clock();
        let values = self.scripted.run(&self.frame, self.worlds)?;
        let which = vec![true; self.worlds];
        for (k, (t, node)) in s.paths.iter().enumerate() {
            if let Target::Shock(i) = t {
                let shape = self.graph.nodes[node.0 as usize].shape.clone();
                self.put_shock(*i, &values[s.starts.len() + k], &shape, &which, &[]);
            }
        }
        for (k, f) in s.forces.iter().enumerate() {
            if let Target::Shock(i) = f.target {
                let now: Vec<bool> = self
                    .period
                    .iter()
                    .map(|p| f.from.is_none_or(|a| *p >= a) && f.until.is_none_or(|b| *p <= b))
                    .collect();
                let shape = self.graph.nodes[f.value.0 as usize].shape.clone();
                self.put_shock(i, &values[s.starts.len() + s.paths.len() + k], &shape, &now, &f.at);
            }
        }
        for i in touched {
            out[i] = Some(std::mem::replace(&mut self.stored[i], stored[i].clone()));
        }
        self.period = period;
        self.frame = frame;
        Ok(out)
    }

    /// Ends of members (replaced or gone) and of episodes (reported; the caller restarts).
    #[allow(clippy::type_complexity)]
    fn ends(&mut self, conditions: &[Vec<f64>]) -> Result<(Vec<bool>, Vec<Vec<bool>>), Diagnostic> {
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

    /// Replaces the marked members of an agent by newborns: own states from `start`, own shocks drawn anew.
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

    fn not_finite(&self, values: &[Vec<f64>]) -> Diagnostic {
        let model = &self.model;
        let l = &self.layout;
        let rewarding: Vec<&crate::check::model::Agent> = model.agents.iter().filter(|a| a.reward.is_some()).collect();
        let mut d = Diagnostic::error("E0903", "a value is not a number");
        for (k, a) in rewarding.iter().enumerate() {
            if let Some(i) = values[k].iter().position(|x| !x.is_finite()) {
                let node = a.reward.map_or(NodeId(0), |r| r);
                d = Diagnostic::error("E0903", format!("the reward of `{}` is {}", a.name, values[k][i])).at(
                    self.graph.nodes[node.0 as usize].span,
                    format!("{} in period {}", values[k][i], self.period[i % self.worlds]),
                );
                return self.with_state(d, i % self.worlds);
            }
        }
        for (k, s) in model.states.iter().enumerate() {
            if let Some(i) = values[l.next + k].iter().position(|x| !x.is_finite()) {
                d = Diagnostic::error(
                    "E0903",
                    format!("the next value of `{}` is {}", s.name, values[l.next + k][i]),
                )
                .at(
                    self.graph.nodes[s.next.0 as usize].span,
                    format!("{} in period {}", values[l.next + k][i], self.period[i % self.worlds]),
                );
                return self.with_state(d, i % self.worlds);
            }
        }
        d
    }

    fn with_state(&self, mut d: Diagnostic, world: usize) -> Diagnostic {
        for (name, input) in self
            .model
            .states
            .iter()
            .map(|s| (&s.name, s.input))
            .chain(self.model.actions.iter().map(|a| (&a.name, a.input)))
            .take(8)
        {
            let values = &self.frame[input.0 as usize];
            let shown: Vec<String> = values
                .iter()
                .skip(world)
                .step_by(self.worlds)
                .take(6)
                .map(|x| format!("{x:.6}"))
                .collect();
            d = d.note(format!("{name} = {}", shown.join(", ")));
        }
        d.hint("bound the action or the state so that this cannot happen, or say what is meant there (max, require)")
    }
}

/// An action that may be moved until a requirement holds.
struct Movable {
    action: usize,
    /// Where it stands, `[element][world]`.
    now: Vec<f64>,
    /// Lower bounds.
    lo: Vec<f64>,
    /// Upper bounds.
    hi: Vec<f64>,
    /// Lower bounds, middles and upper bounds.
    targets: [Vec<f64>; 3],
    /// The requirement's element that each element of the action belongs to.
    elements: Vec<usize>,
    /// Whether it is a whole number or a choice.
    whole: bool,
    /// Which choices are allowed (not zero), by choice; none where all are.
    masks: Vec<Option<Vec<f64>>>,
}

impl Movable {
    fn targets(lo: &[f64], hi: &[f64]) -> [Vec<f64>; 3] {
        let between = |share: f64| -> Vec<f64> {
            let each = |(l, h): (&f64, &f64)| {
                if l.is_finite() && h.is_finite() {
                    l + share * (h - l)
                } else {
                    *l
                }
            };
            lo.iter().zip(hi).map(each).collect()
        };
        [lo.to_vec(), between(0.5), between(1.0)]
    }

    /// Whether a whole number or a choice may be taken, requirements apart.
    fn allows(&self, i: usize, x: f64) -> bool {
        let mask = self.masks.get(x as usize).and_then(Option::as_ref);
        x >= self.lo[i] && x <= self.hi[i] && mask.is_none_or(|m| m[i] != 0.0)
    }

    /// The width of its range, for distances; `1 + |x|` where it has no end.
    fn unit(&self, i: usize) -> f64 {
        let width = self.hi[i] - self.lo[i];
        if width.is_finite() && width > 0.0 {
            width
        } else {
            1.0 + self.now[i].abs()
        }
    }
}

/// Most combinations of steps of whole numbers that are tried.
const COMBINATIONS: usize = 4096;

/// Whether every state has a first value, in its declaration or in one of these scenarios.
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

/// Steps of whole numbers up to their widths, nearest first (by the sum of lengths), downwards before upwards.
fn whole_steps(widths: &[i64]) -> Vec<Vec<i64>> {
    let each = (COMBINATIONS as f64).powf(1.0 / widths.len().max(1) as f64);
    let mut all = vec![Vec::new()];
    for width in widths {
        let reach = (*width).min(((each - 1.0) / 2.0) as i64).max(1);
        let longer = |steps: &Vec<i64>| -> Vec<Vec<i64>> {
            let with = |d: i64| steps.iter().copied().chain([d]).collect();
            (-reach..=reach).map(with).collect()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all.sort_by_key(|s| s.iter().map(|d| d.abs()).sum::<i64>());
    all
}

/// Where `actions` actions are moved together until a requirement holds, as numbers of [`Movable::targets`]: all to their lower
/// bounds, middles, upper bounds, and up to three to every other corner.
fn anchors(actions: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = (0..3).map(|end| vec![end; actions]).collect();
    if (2..=3).contains(&actions) {
        let corners = 1..(1usize << actions) - 1;
        all.extend(corners.map(|c| (0..actions).map(|a| 2 * (c >> a & 1)).collect()));
    }
    all
}

/// Counts a value outside its domain and remembers the first.
fn outside(count: &mut (u64, f64), x: f64) {
    if count.0 == 0 {
        count.1 = x;
    }
    count.0 += 1;
}

/// States, shocks and actions of a world by name, the first few.
fn standing(model: &Model, frame: &Frame, worlds: usize, world: usize) -> Vec<(String, f64)> {
    let states = model.states.iter().map(|s| (&s.name, s.input));
    let shocks = model.shocks.iter().map(|s| (&s.name, s.input));
    let actions = model.actions.iter().map(|a| (&a.name, a.input));
    let mut out = Vec::new();
    for (name, input) in states.chain(shocks).chain(actions) {
        let values: Vec<f64> = frame[input.0 as usize]
            .iter()
            .skip(world)
            .step_by(worlds)
            .take(4)
            .copied()
            .collect();
        for (e, x) in values.iter().enumerate() {
            let many = values.len() > 1;
            out.push((
                if many {
                    format!("{name}[{}]", e + 1)
                } else {
                    name.clone()
                },
                *x,
            ));
        }
    }
    out.truncate(12);
    out
}

/// Bounds of an action at the present state, `elements * worlds` each.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum Bounds {
    /// Lower and upper.
    Between(Vec<f64>, Vec<f64>),
    /// One mask a choice, `None` where it is always allowed.
    Choices(Vec<Option<Vec<f64>>>),
    /// Shares.
    Simplex,
}

/// The actions of a stage, in order.
pub fn stage_actions(model: &Model, stage: usize) -> Vec<usize> {
    (0..model.actions.len())
        .filter(|a| model.actions[*a].stage == stage)
        .collect()
}

fn bound_nodes(a: &Action) -> Vec<NodeId> {
    match &a.space {
        Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => vec![*lo, *hi],
        Space::Finite { masks, .. } => masks.iter().flatten().copied().collect(),
        Space::Simplex(_) => Vec::new(),
    }
}

/// For each element of `shape`, the member (element of `of`) it belongs to; all zero without `of`.
fn member_lanes(graph: &Graph, shape: &crate::graph::Shape, of: Option<&crate::graph::Shape>) -> Vec<usize> {
    match of {
        Some(of) => crate::graph::shape::aligned(graph, of, shape),
        None => vec![0; graph.elements(shape)],
    }
}

/// A model in which forced noises are inputs: (noise, value input, flag input).
#[allow(clippy::type_complexity)]
fn forced(
    model: &Model,
    scenario: Option<&Scenario>,
    watched: &[NodeId],
) -> (Model, Vec<NodeId>, Vec<(usize, InputId, InputId)>) {
    let mut model = model.clone();
    let mut watched = watched.to_vec();
    let mut out = Vec::new();
    let mut noises: Vec<usize> = scenario
        .iter()
        .flat_map(|s| s.paths.iter().map(|p| p.0).chain(s.forces.iter().map(|f| f.target)))
        .filter_map(|t| if let Target::Noise(i) = t { Some(i) } else { None })
        .collect();
    noises.sort_unstable();
    noises.dedup();
    for i in noises {
        let node = model.noises[i].node;
        let (graph, map, inputs) = substitute(&model.graph, node, Instead::InputWhere, &model.noises[i].name);
        model.graph = graph;
        model.renumber(&map);
        watched.iter_mut().for_each(|n| *n = map[n.0 as usize]);
        out.push((i, inputs[0], inputs[1]));
    }
    (model, watched, out)
}

/// For each element of a shape, whether it stands at these places.
fn meant(graph: &Graph, shape: &crate::graph::Shape, at: &[(AxisId, usize)]) -> Vec<bool> {
    let mut out = vec![true; graph.elements(shape)];
    for (axis, place) in at {
        let places = crate::graph::shape::aligned(graph, &vec![*axis], shape);
        out.iter_mut().zip(places).for_each(|(o, p)| *o &= p == *place);
    }
    out
}

fn unknown_scenario(model: &Model, name: &str) -> Diagnostic {
    let known: Vec<&str> = model.scenarios.iter().map(|s| s.name.as_str()).collect();
    let d = Diagnostic::error("E0812", format!("the model has no scenario `{name}`"));
    match crate::diag::suggest::did_you_mean(name, known.iter().copied()) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None if known.is_empty() => d.hint("it declares none: scenario NAME { periods 100 }"),
        None => d.hint(format!("its scenarios: {}", known.join(", "))),
    }
}

/// A random action where an end is missing.
fn unbounded(lo: f64, hi: f64, u: f64) -> f64 {
    if lo.is_finite() {
        lo - u.ln()
    } else if hi.is_finite() {
        hi + u.ln()
    } else {
        crate::num::normal::quantile(u)
    }
}

fn nothing_allowed(a: &Action) -> Diagnostic {
    Diagnostic::error("E0902", format!("no choice of `{}` is allowed in some state", a.name))
        .at(a.span, "every mask is zero")
        .hint("leave one choice always allowed")
}
