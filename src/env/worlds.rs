//! Many copies of an economy, stepped together.
//!
//! The order of a period is the language's: shocks and states are there, signals are drawn, agents act stage by
//! stage, noises are drawn, prices clear and rewards are paid, shocks draw their next value, states move, ends are
//! decided. Every random number is a function of (seed, variable, step, world, element): worlds do not disturb one another,
//! and results do not depend on threads.

mod actions;
mod allowed;
pub mod impulse;
mod laws;
mod lifecycle;
mod projection;
mod save;
mod script;
mod step;
pub mod trial;

pub use actions::{Bounds, stage_actions, unbounded};
pub use allowed::Moved;
pub use lifecycle::first_values;

use super::engine::{Engine, Frame};
use super::markets::{self, Clearing, Market};
use crate::chance::process::Law;
use crate::check::model::{Draw, DrawWhen, Model, Otherwise, Process, Scenario};
use crate::diag::Diagnostic;
use crate::graph::{Graph, InputId, NodeId};
use crate::num::random::Key;
use actions::bound_nodes;
pub(crate) use script::unknown_scenario;
use script::{forced, read_with_its_numbers};
use std::sync::Arc;

/// Streams of random numbers, one family per purpose.
const SHOCKS: u64 = 1 << 20;
const FIRST_SHOCKS: u64 = 2 << 20;
const DRAWS: u64 = 3 << 20;
const RANDOM_ACTIONS: u64 = 4 << 20;
const MIXED: u64 = 5 << 20;
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
    /// Neighbouring worlds with common random numbers; whether they begin alike says `alike`.
    together: usize,
    /// Neighbouring worlds that begin alike.
    alike: usize,
    key: Key,
    /// Present values of every input: one array per input of the graph, `element x world` (row-major: element `e` of
    /// world `w` stands at `e * worlds + w`). Arrays of [`Worlds`] all have this layout.
    pub frame: Frame,
    laws: Vec<Law>,
    order: Vec<usize>,
    /// Stored shocks now (for chains the numbers of their states): one array per shock, `element x world`.
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
    /// Evenly spread draws, while [`trial`] tries single periods.
    lattice: Option<trial::Lattice>,
    markets: Vec<Market>,
    /// Laws of noises that move.
    noise_laws: Option<laws::Laws>,
    /// What moves a shock in the next period.
    pushed: Option<impulse::Impulse>,
    /// What shocks that stand still store, one entry per shock; empty where none does.
    held: Vec<Option<f64>>,
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

impl Layout {
    /// The layout, and the nodes that are computed, of a model: `watched` ones and the sides of its markets last.
    fn of(model: &Model, watched: &[NodeId], markets: &[Market]) -> (Layout, Vec<NodeId>) {
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
        (layout, nodes)
    }
}

/// For each shock and each shock that its chances are given by, which element of that one belongs to each of its own.
fn rows(model: &Model) -> Vec<Vec<Vec<usize>>> {
    model
        .shocks
        .iter()
        .map(|s| match &s.process {
            Process::Chain { given, .. } => given
                .iter()
                .map(|(g, _)| crate::graph::shape::aligned(&model.graph, &model.shocks[*g].shape, &s.shape))
                .collect(),
            Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => Vec::new(),
        })
        .collect()
}

/// Nothing counted yet.
fn counts(model: &Model, markets: &[Market]) -> Counts {
    Counts {
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
    }
}

/// Things worth counting in every run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Member-periods simulated.
    pub periods: u64,
    /// For each state variable: how often it left its domain, and the first value that did.
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
    /// For each market whose price is found inside the period: how it fared.
    pub not_cleared: Vec<Clearing>,
}

/// How often a solved policy was read, and how often outside its grid, where the value at the edge is taken.
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
    /// For each agent with a reward: rewards of the period, `element x world`.
    pub rewards: Vec<Vec<f64>>,
    /// For each world: whether its episode ended in this period.
    pub ended: Vec<bool>,
    /// For each agent: whether a member ended (and was replaced), `member x world`.
    pub member_ended: Vec<Vec<bool>>,
    /// For each `end when`: the terminal payoff, `element x world` over the elements of its condition (0 where nothing
    /// ended); empty if it pays nothing.
    pub paid: Vec<Vec<f64>>,
    /// For each watched node: its values, `element x world`.
    pub watched: Vec<Vec<f64>>,
}

impl Outcome {
    /// Nothing happened in `world` of `worlds`.
    pub(crate) fn nothing_in(&mut self, world: usize, worlds: usize) {
        let lanes = |all: &mut Vec<Vec<f64>>| {
            all.iter_mut()
                .for_each(|a| a.iter_mut().skip(world).step_by(worlds).for_each(|x| *x = 0.0))
        };
        lanes(&mut self.rewards);
        lanes(&mut self.paid);
        self.ended[world] = false;
        for gone in &mut self.member_ended {
            gone.iter_mut().skip(world).step_by(worlds).for_each(|g| *g = false);
        }
    }
}

impl Worlds {
    /// `worlds` copies of a model under a scenario. `watched` are nodes whose values [`Worlds::step`] reports: one
    /// array per node.
    ///
    /// # Errors
    /// E0812 for an unknown scenario, E0803 for one whose numbers the file was not read with, E0810 for a schedule of a price, E0811 for a state without a first value, E0990
    /// for a graph that cannot be evaluated.
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
        if let Some(s) = &scenario {
            read_with_its_numbers(model, s)?;
            script::moves_no_parameter(model, s)?;
        }
        no_entry_value(model, watched)?;
        crate::solve::forward::known(model)?;
        let (mut model, watched, forced_noises) = forced(model, scenario.as_ref(), watched);
        let markets = markets::markets(&mut model);
        let scenario = scenario.and_then(|s| model.scenarios.iter().find(|x| x.name == s.name).cloned());
        if let Some(a) = model.actions.iter().find(|a| !a.given.is_empty()) {
            return Err(Diagnostic::error("E0810", format!("`{}` is a schedule of a price, which cannot be simulated yet", a.name))
                .at(a.span, "chosen as a function of the price that clears")
                .hint("at a stated price it is a plain choice: --set given.NAME=NUMBER; `econc solve` finds the price at which a continuum is at rest"));
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
        let (layout, nodes) = Layout::of(&model, &watched, &markets);
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
        let counts = counts(&model, &markets);
        let (order, rows) = (model.drawing_order(), rows(&model));
        let noise_laws = laws::Laws::new(&model, &graph)?;
        let mut w = Worlds {
            model: Arc::new(model),
            graph,
            scenario,
            worlds,
            together: 1,
            alike: 1,
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
            pushed: None,
            held: Vec::new(),
            counts,
        };
        w.check_starts()?;
        w.set_parameters();
        w.restart(&vec![true; worlds])?;
        Ok(w)
    }

    /// Starts everything again from another seed.
    ///
    /// # Errors
    /// Those of [`Worlds::restart`].
    pub fn reseed(&mut self, seed: u64) -> Result<(), Diagnostic> {
        self.key = Key::new(seed, 0);
        self.step = 0;
        self.set_parameters();
        self.restart(&vec![true; self.worlds])
    }

    /// Begins a new episode in the marked worlds, with draws that no episode has met before; `which` has one entry per world.
    ///
    /// # Errors
    /// Those of [`Worlds::restart`].
    pub fn begin_anew(&mut self, which: &[bool]) -> Result<(), Diagnostic> {
        self.step += 1;
        self.restart(which)
    }

    /// Gives every `together` neighbouring worlds common random numbers: from the next restart on they draw the same
    /// shocks and noises, so that worlds differ by what is done in them; first values of states stay their own unless they begin `alike`. Does
    /// nothing in a model without chance, and returns how many worlds share.
    ///
    /// # Errors
    /// Those of [`Worlds::restart`].
    pub fn share_chance(&mut self, together: usize, alike: bool) -> Result<usize, Diagnostic> {
        let shared = |d: &Draw| alike || d.when != DrawWhen::Start;
        let chance = !self.model.shocks.is_empty() || self.model.draws.iter().any(shared);
        let shared = if chance { together.clamp(1, self.worlds) } else { 1 };
        self.together = fault!("game.chance_apart", 1, shared);
        self.alike = if alike { self.together } else { 1 };
        self.restart(&vec![true; self.worlds])?;
        Ok(shared)
    }

    /// Number of worlds.
    pub fn worlds(&self) -> usize {
        self.worlds
    }

    /// Periods since the episode of each world began: one number per world.
    pub fn period(&self) -> &[usize] {
        &self.period
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Lets a chain stand for a continuous shock from the next restart on: the chain a solver used, with one value per
    /// state and the matrix `matrix[from][to]`.
    ///
    /// # Errors
    /// Those of [`Worlds::restart`].
    pub fn discretise(&mut self, shock: usize, values: &[f64], matrix: &[Vec<f64>]) -> Result<(), Diagnostic> {
        self.laws[shock] = Law::discretised(values, matrix);
        self.restart(&vec![true; self.worlds])
    }

    /// The number of the state in which a chain stands (also a chain that stands for a continuous shock).
    pub fn link(&self, shock: usize, element: usize, world: usize) -> usize {
        self.stored[shock][element * self.worlds + world] as usize
    }

    /// Prepares the evaluation of further nodes at the present state; [`Engine::run`] then gives one array per node,
    /// `element x world`.
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub fn engine(&self, nodes: Vec<NodeId>) -> Result<Engine, Diagnostic> {
        Engine::new(self.graph.clone(), nodes)
    }

    fn set_parameters(&mut self) {
        for p in &self.model.params {
            if let Some(i) = p.input {
                self.frame[i.0 as usize].fill(p.values[0]);
            }
        }
    }
}

/// Refuses an economy that reads what a life is worth.
///
/// # Errors
/// E0835.
fn no_entry_value(model: &Model, watched: &[NodeId]) -> Result<(), Diagnostic> {
    let prices = model.prices.iter().find(|p| model.graph.reads_entry_value([p.node]));
    let names = model.names.iter().map(|n| n.node).chain(watched.iter().copied());
    let agents = model.agents.iter().flat_map(|a| a.reward.into_iter().chain(a.discount));
    let d = Diagnostic::error("E0835", "the value of entry is known to a solution only");
    match prices {
        Some(p) => Err(d.at(p.span, "reads what a life that begins is worth").hint(format!(
            "simulate it at a stated price, --set given.{}=NUMBER; `econc solve` finds the price",
            p.name
        ))),
        None if model.graph.reads_entry_value(names.chain(agents)) => {
            Err(d.hint("`econc solve` finds it; an economy that is simulated must not read it"))
        }
        None => Ok(()),
    }
}
