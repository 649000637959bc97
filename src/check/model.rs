//! The typed model: what the checker hands to everything behind it. Plain data over one environment graph.

pub use super::ahead::{Ahead, Expectation, ForwardPrice, ForwardUse, Later, PriceDim, PriceFunction};
use super::conduct::Sought;
pub use super::conduct::{Concept, Information};
pub use crate::chance::{Distribution, Family, Process, StartShock};
use crate::diag::Span;
use crate::graph::store::{self, StoreError};
use crate::graph::{AxisId, Graph, InputId, Interval, NodeId, Phase, Shape};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A checked economy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Model {
    /// `model NAME`; the file's name if it has none.
    pub name: String,
    /// `model NAME "title"`.
    pub title: String,
    /// One period.
    pub graph: Graph,
    /// Index sets: first number and labels, one per axis, parallel to `graph.axes`.
    pub sets: Vec<SetInfo>,
    /// Parameters in order of declaration.
    pub params: Vec<Param>,
    /// State variables, one entry per declaration; `InputKind::State(i)` is number `i`.
    pub states: Vec<State>,
    /// Shocks, one entry per declaration; `InputKind::Shock(i)` and `ShockNext(i)` are number `i`.
    pub shocks: Vec<Shock>,
    /// Uniform base draws of noises, private signals and `start` distributions, one entry per distribution;
    /// `InputKind::Noise(i)` is number `i`.
    pub draws: Vec<Draw>,
    /// Noises, one entry per declaration.
    pub noises: Vec<Noise>,
    /// Actions, one entry per declaration; `InputKind::Action(i)` is number `i`.
    pub actions: Vec<Action>,
    /// Prices and aggregates, everything a price taker takes as given; one entry per declaration.
    pub prices: Vec<Price>,
    /// Prices that look a period ahead.
    #[serde(default, skip_serializing_if = "Ahead::is_empty")]
    pub ahead: Ahead,
    /// Dotted names of the markets declared `competitive`, one per market: their prices are taken as given under every
    /// concept but `planner`.
    #[serde(default)]
    pub competitive: Vec<String>,
    /// Agents in order of declaration (agents of a kind one by one).
    pub agents: Vec<Agent>,
    /// Hard and soft requirements, one entry per `require`.
    pub requires: Vec<Require>,
    /// Ways for an episode or a member to end, one entry per condition.
    pub ends: Vec<End>,
    /// `stages a, b`, in order of play; one unnamed stage if there are none.
    pub stages: Vec<String>,
    /// `horizon T`.
    pub horizon: Option<usize>,
    /// Scenarios, one entry per block.
    pub scenarios: Vec<Scenario>,
    /// Settings blocks, one entry per block.
    pub settings: Vec<Settings>,
    /// What counts as a solution, where the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concept: Option<Concept>,
    /// What policies may depend on.
    #[serde(default, skip_serializing_if = "is_observed")]
    pub information: Information,
    /// Every name, one entry per name, for `econc graph` and for messages.
    pub names: Vec<Named>,
    /// Parameters that a solve must still supply, one entry per parameter, with what the model lacks until then.
    pub pending: Vec<Pending>,
    /// The input that carries the period of the episode, if the model reads `t`.
    pub time: Option<InputId>,
}

fn is_observed(information: &Information) -> bool {
    *information == Information::Observed
}

impl Model {
    /// The order in which shocks can be drawn, as numbers of `shocks`, one per shock: conditioning ones first.
    pub fn drawing_order(&self) -> Vec<usize> {
        let processes: Vec<&Process> = self.shocks.iter().map(|s| &s.process).collect();
        crate::chance::process::order(&processes)
    }
}

/// Numbering and labels of an index set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SetInfo {
    /// The number of the first member.
    pub first: i64,
    /// Labels of the members, one per member for sets given by words; empty for numbered sets.
    pub labels: Vec<String>,
}

/// A parameter with its value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Param {
    /// Dotted name.
    pub name: String,
    /// Values, row-major over `shape`.
    #[serde(with = "crate::graph::store::numbers")]
    pub values: Vec<f64>,
    /// Its axes.
    pub shape: Shape,
    /// Its node (an input if a scenario changes it, else a constant).
    pub node: NodeId,
    /// Its input, if a scenario changes it.
    pub input: Option<InputId>,
    /// The unit as written (`money/hour`), empty if none: kept, not checked.
    #[serde(default)]
    pub unit: String,
    /// The description.
    pub doc: String,
    /// Where it is declared.
    pub span: Span,
}

/// A state variable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Dotted name.
    pub name: String,
    /// The agent whose member owns it; `None` for states of markets, groups and the top level.
    pub owner: Option<usize>,
    /// The input that carries it.
    pub input: InputId,
    /// The node that reads it.
    pub node: NodeId,
    /// Where it may lie: a claim, counted when violated; as wide as scenarios make it.
    pub domain: Interval,
    /// The same at the file's own parameters, where scenarios widen it: what is solved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Interval>,
    /// Labels for states over words (`state last in d`), one per value from index 0; empty for numbers.
    pub labels: Vec<String>,
    /// The nodes of an explicit grid, a list of numbers in units of the state (`on grid(..)` of the action it copies,
    /// or `grid.k = [..]`).
    pub grid: Option<Vec<f64>>,
    /// First value: a node over `draws`.
    pub start: Option<NodeId>,
    /// Its law of motion.
    pub next: NodeId,
    /// Where it is declared.
    pub span: Span,
    /// The description.
    pub doc: String,
}

/// A shock: known when acting.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shock {
    /// Dotted name.
    pub name: String,
    /// The agent whose members draw it independently.
    pub owner: Option<usize>,
    /// This period's index (chains) or value.
    pub input: InputId,
    /// Next period's.
    pub next: InputId,
    /// The node of its value.
    pub node: NodeId,
    /// Axes: one independent draw per element.
    pub shape: Shape,
    /// Its law.
    pub process: Process,
    /// First value; `None` is the stationary distribution.
    pub start: Option<StartShock>,
    /// Where it is declared.
    pub span: Span,
    /// The description.
    pub doc: String,
}

/// A uniform base draw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Draw {
    /// Whose draw: the noise, signal or state.
    pub name: String,
    /// Its input.
    pub input: InputId,
    /// One independent draw per element.
    pub shape: Shape,
    /// When it is drawn.
    pub when: DrawWhen,
}

/// When a base draw happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrawWhen {
    /// At the start of an episode (`start uniform(..)`).
    Start,
    /// Before observing (private signals).
    Observe,
    /// After stage `n` has acted.
    After(u8),
}

/// A disturbance nobody knew while acting.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Noise {
    /// Dotted name.
    pub name: String,
    /// Its base draw.
    pub draw: usize,
    /// The node of its value: the quantile function at the base draw.
    pub node: NodeId,
    /// Family.
    pub family: Family,
    /// Parameters of the family in its order, one node per parameter; for [`Family::Discrete`] empty.
    pub args: Vec<NodeId>,
    /// For [`Family::Discrete`]: the value and the probability of each outcome, one pair of nodes per outcome.
    pub outcomes: Vec<(NodeId, NodeId)>,
    /// Where it is declared.
    pub span: Span,
}

/// What an agent chooses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Action {
    /// Dotted name.
    pub name: String,
    /// The agent that chooses.
    pub owner: usize,
    /// Its input (a number, or the index of a choice from 0).
    pub input: InputId,
    /// The node of its value.
    pub node: NodeId,
    /// Axes, the owner's first.
    pub shape: Shape,
    /// What may be chosen.
    pub space: Space,
    /// `on grid(..)`: the choices that tabular methods use, a list of numbers in units of the action.
    pub grid: Option<Vec<f64>>,
    /// `taste gumbel(scale)`.
    pub taste: Option<f64>,
    /// Stage, from 0.
    pub stage: usize,
    /// `given p`: a schedule of these prices, one number of [`Model::prices`] per price.
    pub given: Vec<usize>,
    /// Where it is declared.
    pub span: Span,
    /// The description.
    pub doc: String,
}

/// A space of choices.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Space {
    /// Numbers between two bounds (nodes of phase 2 at the latest), ends excluded where open.
    Interval {
        /// Lower bound.
        lo: NodeId,
        /// Upper bound.
        hi: NodeId,
        /// The lower end is excluded.
        lo_open: bool,
        /// The upper end is excluded.
        hi_open: bool,
    },
    /// Whole numbers between two bounds, both included.
    Integer {
        /// Lower bound.
        lo: NodeId,
        /// Upper bound.
        hi: NodeId,
    },
    /// One of several: labels or numbers, each perhaps masked.
    Finite {
        /// Labels (spelled numbers for numeric choices).
        labels: Vec<String>,
        /// Numeric values, if all choices have one.
        values: Option<Vec<f64>>,
        /// For each choice a node that is non-zero where it is allowed.
        masks: Vec<Option<NodeId>>,
    },
    /// Non-negative, summing to one along the axis.
    Simplex(AxisId),
}

/// A price or an aggregate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Price {
    /// Dotted name.
    pub name: String,
    /// Declared with `aggregate`.
    pub aggregate: bool,
    /// Its value.
    pub node: NodeId,
    /// Solved by a root problem.
    pub clears: bool,
    /// Carried by this state (posted or sticky prices).
    pub state: Option<usize>,
    /// The agent that posts it.
    pub owner: Option<usize>,
    /// Where it is declared.
    pub span: Span,
}

/// A decision maker or a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// The kind it belongs to.
    pub kind: Option<String>,
    /// Its own population axis; `None` for a single agent.
    pub axis: Option<AxisId>,
    /// All axes: enclosing groups', then its own.
    pub shape: Shape,
    /// Mass of a continuum; 1 where it is found.
    pub mass: f64,
    /// The aggregate that is the mass of the continuum (`mass M`), where the file gives no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_mass: Option<NodeId>,
    /// Its actions, one number of [`Model::actions`] per action.
    pub actions: Vec<usize>,
    /// What it sees, in order, one entry per item.
    pub observation: Vec<Observation>,
    /// Reward net of penalties; `None` for rules.
    pub reward: Option<NodeId>,
    /// Discount factor.
    pub discount: Option<NodeId>,
    /// Policies that are not chosen, one pair per action: (number in [`Model::actions`], rule); `None` as rule is
    /// uniform random.
    pub rules: Vec<(usize, Option<NodeId>)>,
    /// The node of its consumption, if it names one (`c`): unit of Euler residuals.
    pub consumption: Option<NodeId>,
    /// Where it is declared.
    pub span: Span,
}

/// One item of an observation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Observation {
    /// As written.
    pub name: String,
    /// Its value (for chains and labelled states the index).
    pub node: NodeId,
    /// Number of states of the chain (or labels of the state), for one-hot encoding.
    pub links: Option<usize>,
    /// The shock or state it is exactly, if it is one.
    pub state: Option<usize>,
    /// The shock it is exactly, if it is one.
    pub shock: Option<usize>,
    /// Where it stands.
    pub span: Span,
}

/// A requirement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Require {
    /// The agent it stands in.
    pub agent: Option<usize>,
    /// Non-zero where it holds.
    pub condition: NodeId,
    /// Non-negative where it holds: the slack of the inequality (several: the smallest).
    pub slack: NodeId,
    /// What happens where it does not.
    pub otherwise: Otherwise,
    /// As written.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// What happens where a requirement does not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Otherwise {
    /// Not feasible: solvers stay inside, learners' actions are moved inside and counted.
    Infeasible,
    /// Subtracted from the reward (already part of it).
    Penalty,
    /// These actions are moved to the nearest feasible point.
    Project(Vec<usize>),
    /// The episode ends (already among the ends).
    End,
}

/// A way to end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct End {
    /// The agent whose member or episode ends.
    pub agent: Option<usize>,
    /// Non-zero where it ends.
    pub condition: NodeId,
    /// The terminal payoff, in place of the continuation value: counted from the next period on, discounted.
    pub paying: Option<NodeId>,
    /// What ends.
    pub then: Then,
    /// Where it stands.
    pub span: Span,
}

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// The episode.
    Episode,
    /// The member, replaced by a newborn.
    Restart,
    /// The member, for good: state number `alive` becomes zero.
    Leave {
        /// The 0/1 state that carries presence.
        alive: usize,
    },
}

/// A named world.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Number of periods.
    pub periods: Option<usize>,
    /// First values, one pair per state or shock: (state or shock, node over draws and positions).
    pub starts: Vec<(Target, NodeId)>,
    /// Whole paths, one pair per state, shock, action or noise: nodes that may read `t`; for chains the state of the
    /// chain, from 0.
    pub paths: Vec<(Target, NodeId)>,
    /// Forced values, a list.
    pub forces: Vec<Force>,
    /// Parameters drawn (a node over draws) or set for the experiment, one pair (number in [`Model::params`], node) per
    /// parameter.
    pub params: Vec<(usize, NodeId)>,
    /// Numbers for parameters that stand where a number must be known (sizes, grids, domains), one pair (number in
    /// [`Model::params`], value) per parameter: the file has to be read with them before the scenario is played.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<(usize, f64)>,
    /// Paths of parameters, one pair (number in [`Model::params`], node that may read `t`) per parameter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<(usize, NodeId)>,
    /// Where it stands.
    pub span: Span,
}

/// A forced value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Force {
    /// What is forced.
    pub target: Target,
    /// Pairs of axis and place (from 0), one pair per axis along which one place is meant; all places along the other
    /// axes.
    pub at: Vec<(AxisId, usize)>,
    /// The value.
    pub value: NodeId,
    /// First period; `None` always.
    pub from: Option<usize>,
    /// Last period, included.
    pub until: Option<usize>,
}

/// What a scenario line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A state.
    State(usize),
    /// A shock.
    Shock(usize),
    /// An action.
    Action(usize),
    /// A noise.
    Noise(usize),
}

/// A settings block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// `solve`, `train` or `verify`.
    pub block: String,
    /// The learner of `train METHOD`.
    pub method: Option<String>,
    /// Dotted keys with values, in the order of the file; the last of one key counts.
    pub entries: Vec<(String, Setting, Span)>,
    /// The block; the name of the learner in `train METHOD`.
    #[serde(default)]
    pub span: Span,
}

/// A setting's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Setting {
    /// A number.
    Number(#[serde(with = "crate::graph::store::number")] f64),
    /// `true` or `false`.
    Bool(bool),
    /// A word.
    Word(String),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Setting>),
    /// `log(200)`, `rouwenhorst(7)`, `exp(-4e-6 * step)` (an argument that is no constant is kept as text)
    Call(String, Vec<Setting>),
    /// `1..5`
    Range(i64, i64),
}

impl Setting {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Setting::Number(x) => Some(*x),
            _ => None,
        }
    }
}

/// As one would type it.
impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |items: &[Setting]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Setting::Number(x) => write!(f, "{x}"),
            Setting::Bool(b) => write!(f, "{b}"),
            Setting::Word(w) => f.write_str(w),
            Setting::Text(t) => f.write_str(t),
            Setting::List(items) => write!(f, "[{}]", list(items)),
            Setting::Call(name, args) => write!(f, "{name}({})", list(args)),
            Setting::Range(a, b) => write!(f, "{a}..{b}"),
        }
    }
}

impl Settings {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.entries.iter().rev().find(|(k, _, _)| k == key).map(|(_, v, _)| v)
    }
}

/// A name of the file as a reader sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Named {
    /// Dotted name.
    pub name: String,
    /// `param`, `state`, `shock`, `noise`, `action`, `let`, `price`, `aggregate`, `give`, `reward`, `transition`, ..
    pub kind: String,
    /// The block it stands in (empty at top level).
    pub block: String,
    /// Its node.
    pub node: NodeId,
    /// When it is known.
    pub phase: Phase,
    /// Its axes in words.
    pub shape: String,
    /// Where its values lie.
    pub domain: Interval,
    /// The names it reads directly, a list of them.
    pub depends_on: Vec<String>,
    /// The description.
    pub doc: String,
    /// Where it is declared.
    pub span: Span,
}

/// A parameter that is the result of a solve.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// Dotted name of the parameter.
    pub param: String,
    /// What is asked for.
    pub sought: Sought,
    /// The state or action asked for (dotted).
    pub target: String,
    /// `horizon: 1` and the like.
    pub horizon: Option<usize>,
    /// Where it stands.
    pub span: Span,
    /// What was left out of this model because it reads the parameter: a list of names.
    pub left_out: Vec<String>,
}

impl Model {
    /// The model as it is solved: with domains at the file's own parameters, and under another concept or other information than the file's
    /// where that is asked for by a word.
    pub fn as_asked(&self, concept: Option<&str>, information: Option<&str>) -> Model {
        let mut model = self.clone();
        for state in &mut model.states {
            state.domain = state.own.unwrap_or(state.domain);
        }
        model.concept = concept.and_then(Concept::of).or(model.concept);
        model.information = information.and_then(Information::of).unwrap_or(model.information);
        model
    }

    /// Stages at which somebody acts, ascending, from 0.
    pub fn acting_stages(&self) -> Vec<usize> {
        let used: BTreeSet<usize> = self.actions.iter().map(|a| a.stage).collect();
        used.into_iter().collect()
    }

    /// The model as RON, with the version of the format.
    ///
    /// # Errors
    /// None that a checked model can cause.
    pub fn to_ron(&self) -> Result<String, StoreError> {
        store::to_ron(self)
    }

    /// The model of [`Self::to_ron`].
    ///
    /// # Errors
    /// Another version, text that is no model.
    pub fn from_ron(text: &str) -> Result<Model, StoreError> {
        store::from_ron(text)
    }

    /// The model as JSON, with the version of the format.
    ///
    /// # Errors
    /// None that a checked model can cause.
    pub fn to_json(&self) -> Result<String, StoreError> {
        store::to_json(self)
    }

    /// The model of [`Self::to_json`].
    ///
    /// # Errors
    /// Another version, text that is no model.
    pub fn from_json(text: &str) -> Result<Model, StoreError> {
        store::from_json(text)
    }

    /// Replaces every node number: `map[old]` is the new one, one entry per old node.
    pub fn renumber(&mut self, map: &[NodeId]) {
        let go = |n: &mut NodeId| *n = map[n.0 as usize];
        self.params.iter_mut().for_each(|p| go(&mut p.node));
        for s in &mut self.states {
            go(&mut s.node);
            go(&mut s.next);
            s.start.iter_mut().for_each(go);
        }
        self.shocks.iter_mut().for_each(|s| go(&mut s.node));
        for n in &mut self.noises {
            go(&mut n.node);
            n.args.iter_mut().for_each(go);
            n.outcomes.iter_mut().for_each(|(a, b)| {
                go(a);
                go(b);
            });
        }
        for a in &mut self.actions {
            go(&mut a.node);
            match &mut a.space {
                Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => {
                    go(lo);
                    go(hi);
                }
                Space::Finite { masks, .. } => masks.iter_mut().flatten().for_each(go),
                Space::Simplex(_) => {}
            }
        }
        self.prices.iter_mut().for_each(|p| go(&mut p.node));
        for a in &mut self.agents {
            a.observation.iter_mut().for_each(|o| go(&mut o.node));
            a.reward.iter_mut().for_each(go);
            a.discount.iter_mut().for_each(go);
            a.rules.iter_mut().filter_map(|(_, r)| r.as_mut()).for_each(go);
            a.consumption.iter_mut().for_each(go);
            a.found_mass.iter_mut().for_each(go);
        }
        for r in &mut self.requires {
            go(&mut r.condition);
            go(&mut r.slack);
        }
        for e in &mut self.ends {
            go(&mut e.condition);
            e.paying.iter_mut().for_each(go);
        }
        for s in &mut self.scenarios {
            s.starts.iter_mut().chain(&mut s.paths).for_each(|(_, n)| go(n));
            s.forces.iter_mut().for_each(|f| go(&mut f.value));
            s.params.iter_mut().chain(&mut s.moves).for_each(|(_, n)| go(n));
        }
        self.names.iter_mut().for_each(|n| go(&mut n.node));
        self.ahead.renumber(&go);
    }

    /// The node of a name: dotted, or its last part where that is unambiguous. `k'` is the transition of `k`.
    pub fn find(&self, name: &str) -> Option<&Named> {
        if let Some(n) = self.names.iter().find(|n| n.name == name) {
            return Some(n);
        }
        let mut last = self.names.iter().filter(|n| n.name.rsplit('.').next() == Some(name));
        let first = last.next()?;
        if last.next().is_some() { None } else { Some(first) }
    }

    /// The settings of `solve { }`.
    pub fn solve_settings(&self) -> Option<&Settings> {
        self.settings.iter().find(|s| s.block == "solve")
    }
}
