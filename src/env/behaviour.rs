//! Who chooses in a simulation: chance, fixed values, the file's rules, or the policy of a solution.

use super::engine::Engine;
use super::interface::Interface;
use super::shocks::aligned;
use super::worlds::{Bounds, Outcome, Worlds};
use crate::check::model::{Model, Process, Space};
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::num::interpolate::{Axis, Outside, Place, Rule, Surface, Tensor};
use crate::solve::problem::ActionKind;
use crate::solve::solution::Solution;
use std::sync::Arc;

/// How the actions without a rule of their own are chosen.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Uniformly among what is allowed.
    Random,
    /// At these values; actions that are not named are random.
    Fixed(Vec<(String, f64)>),
    /// By the file's `policy` statements; an action without one is an error.
    Rules,
    /// By the policy of a solution; its states and shocks are found by name, further actions are random.
    Solved(Box<Solution>),
    /// One agent by a learned policy; everybody else without a rule at random.
    Learned {
        /// The agent that learned; `None` is the only one that decides.
        agent: Option<String>,
        /// Whether actions with a grid in the file are choices among its nodes.
        grids: bool,
        /// The policy.
        policy: Arc<dyn Decide>,
    },
}

/// A policy over encoded observations (see [`super::interface`]), shared by worlds.
pub trait Decide: std::fmt::Debug + Send + Sync {
    /// Whether it sees `width` numbers and chooses in `space`.
    fn fits(&self, width: usize, space: &super::ActionSpace) -> bool;
    /// A decision maker for `slots` rows, with whatever it remembers.
    fn begin(&self, slots: usize) -> Box<dyn Deciding>;
}

/// A policy at work.
pub trait Deciding: Send {
    /// Actions of all rows, without chance of its own.
    fn act(&mut self, observation: &[f32], mask: &[f32], continuous: &mut Vec<f32>, discrete: &mut Vec<u32>);
    /// Forgets what came before in the marked rows: somebody new begins there.
    fn forget(&mut self, ended: &dyn Fn(usize) -> bool);
}

/// A learned policy bound to worlds.
struct Trained {
    /// The agent that learned, by number.
    agent: usize,
    interface: Interface,
    seeing: Engine,
    deciding: Box<dyn Deciding>,
    chosen: Vec<Vec<f64>>,
}

impl Trained {
    fn new(worlds: &Worlds, agent: Option<&str>, grids: bool, policy: &dyn Decide) -> Result<Trained, Diagnostic> {
        let model = worlds.model.clone();
        let number = super::vector::learner_of(&model, agent)?;
        let interface = Interface::new(&model, number, grids)?;
        if !policy.fits(interface.width(), &interface.space) {
            return Err(Diagnostic::error(
                "E0925",
                "the learned policy sees or chooses something else than this model",
            )
            .hint("use the model it was trained on"));
        }
        Ok(Trained {
            seeing: worlds.engine(interface.nodes.clone())?,
            deciding: policy.begin(worlds.worlds() * interface.members),
            chosen: Vec::new(),
            agent: number,
            interface,
        })
    }

    /// Chooses; `bounds` are those of the stage, in the order of `numbers`.
    fn choose(&mut self, worlds: &Worlds, numbers: &[usize], bounds: &[Bounds]) -> Result<(), Diagnostic> {
        let n = worlds.worlds();
        let own: Vec<&Bounds> = self
            .interface
            .actions
            .iter()
            .filter_map(|a| numbers.iter().position(|b| a == b).map(|i| &bounds[i]))
            .collect();
        let seen = self.seeing.run(&worlds.frame, n)?;
        let mut observation = vec![0.0; n * self.interface.members * self.interface.width()];
        self.interface.observe(&seen, n, &mut observation);
        let mut mask = Vec::new();
        self.interface.mask(&own, n, &mut mask);
        let (mut continuous, mut discrete) = (Vec::new(), Vec::new());
        self.deciding.act(&observation, &mask, &mut continuous, &mut discrete);
        let graph = &worlds.model.graph;
        self.chosen = self
            .interface
            .actions
            .iter()
            .map(|a| vec![0.0; graph.elements(&worlds.model.actions[*a].shape) * n])
            .collect();
        self.interface.act(&continuous, &discrete, &own, n, &mut self.chosen);
        Ok(())
    }
}

/// A behaviour bound to a set of worlds.
pub struct Actor {
    choosers: Vec<Chooser>,
    rules: Vec<(usize, Engine)>,
    trained: Option<Trained>,
}

enum Chooser {
    /// Somebody else sets it.
    Outside,
    Random,
    Fixed(f64),
    Rule,
    Table(Box<Table>),
    /// This action of the learned policy.
    Trained(usize),
}

/// One action of a solution, read where the simulated world stands.
struct Table {
    solution: Solution,
    action: usize,
    reading: Engine,
    maps: Vec<Vec<usize>>,
    shocks: Vec<Reading>,
    tensor: Option<Tensor>,
    surfaces: Vec<Surface>,
}

/// How a shock of the solution is read.
enum Reading {
    /// The link of this shock of the model.
    Link {
        shock: usize,
        map: Vec<usize>,
        values: usize,
    },
    /// The nearest of these values to output number `output`.
    Nearest {
        output: usize,
        map: Vec<usize>,
        values: Vec<f64>,
    },
}

impl Actor {
    /// Binds a behaviour to worlds.
    pub fn new(worlds: &Worlds, behaviour: &Behaviour) -> Result<Actor, Diagnostic> {
        Actor::beside(worlds, behaviour, &[])
    }

    /// As [`Actor::new`], for all actions but `outside`, which somebody else sets.
    pub fn beside(worlds: &Worlds, behaviour: &Behaviour, outside: &[usize]) -> Result<Actor, Diagnostic> {
        let model = worlds.model.clone();
        let mut choosers = Vec::new();
        let mut rules = Vec::new();
        let trained = match behaviour {
            Behaviour::Learned { agent, grids, policy } => {
                Some(Trained::new(worlds, agent.as_deref(), *grids, policy.as_ref())?)
            }
            Behaviour::Random | Behaviour::Fixed(_) | Behaviour::Rules | Behaviour::Solved(_) => None,
        };
        for (a, action) in model.actions.iter().enumerate() {
            let rule = model.agents[action.owner]
                .rules
                .iter()
                .find(|(r, _)| *r == a)
                .map(|(_, n)| *n);
            if outside.contains(&a) {
                choosers.push(Chooser::Outside);
                continue;
            }
            choosers.push(match (rule, behaviour) {
                (Some(None), _) => Chooser::Random,
                (Some(Some(node)), _) => {
                    rules.push((a, worlds.engine(vec![node])?));
                    Chooser::Rule
                }
                (None, Behaviour::Random) => Chooser::Random,
                (None, Behaviour::Fixed(values)) => match values.iter().find(|(n, _)| names(&action.name, n)) {
                    Some((_, x)) => Chooser::Fixed(*x),
                    None => Chooser::Random,
                },
                (None, Behaviour::Rules) => {
                    return Err(Diagnostic::error("E0814", format!("`{}` has no rule", action.name))
                        .at(action.span, "chosen by nobody")
                        .hint("write `policy ..` in the agent, or choose --policy random, fixed or a run"));
                }
                (None, Behaviour::Learned { .. }) => {
                    let own = trained.as_ref().map_or(&[][..], |t| &t.interface.actions);
                    own.iter()
                        .position(|x| *x == a)
                        .map_or(Chooser::Random, Chooser::Trained)
                }
                (None, Behaviour::Solved(s)) => match s.actions.iter().position(|x| names(&action.name, &x.name)) {
                    Some(i) => Chooser::Table(Box::new(Table::new(worlds, a, s, i)?)),
                    None => Chooser::Random,
                },
            });
        }
        if let Behaviour::Fixed(values) = behaviour {
            for (n, _) in values {
                if !model.actions.iter().any(|a| names(&a.name, n)) {
                    return Err(no_action(&model, n));
                }
            }
        }
        if let Behaviour::Solved(s) = behaviour
            && !choosers.iter().any(|c| matches!(c, Chooser::Table(_)))
        {
            let solved: Vec<&str> = s.actions.iter().map(|a| a.name.as_str()).collect();
            return Err(Diagnostic::error(
                "E0815",
                format!("the solution chooses {}, which this model has not", solved.join(", ")),
            )
            .hint("solve this model, or give the action the same name"));
        }
        Ok(Actor {
            choosers,
            rules,
            trained,
        })
    }

    /// After a period: learned policies forget worlds that ended and members that were replaced.
    pub fn forget(&mut self, worlds: &Worlds, outcome: &Outcome) {
        let Some(t) = &mut self.trained else { return };
        let (n, members) = (worlds.worlds(), t.interface.members.max(1));
        let gone = &outcome.member_ended[t.agent];
        t.deciding.forget(&|slot| {
            let (w, m) = (slot / members, slot % members);
            // A world that begins afresh may also have been cut off.
            outcome.ended[w] || worlds.period()[w] == 0 || gone[m * n + w]
        });
    }

    /// Chooses every action of a stage. Returns the bounds, for projection.
    pub fn act(&mut self, worlds: &mut Worlds, stage: usize) -> Result<Vec<(usize, Bounds)>, Diagnostic> {
        let model = worlds.model.clone();
        let bounds = worlds.bounds(stage)?;
        let numbers = super::worlds::stage_actions(&model, stage);
        let mut out = Vec::new();
        if let Some(t) = self.trained.as_mut().filter(|t| t.interface.stage == stage) {
            t.choose(worlds, &numbers, &bounds)?;
        }
        for (a, b) in numbers.into_iter().zip(bounds) {
            let n = worlds.worlds();
            let elements = model.graph.elements(&model.actions[a].shape);
            let values = match &mut self.choosers[a] {
                Chooser::Outside => {
                    out.push((a, b));
                    continue;
                }
                Chooser::Random => worlds.random_action(a, &b)?,
                Chooser::Fixed(x) => vec![*x; elements * n],
                Chooser::Rule => {
                    let Some((_, engine)) = self.rules.iter_mut().find(|(r, _)| *r == a) else {
                        continue;
                    };
                    let v = engine.run(&worlds.frame, n)?.swap_remove(0);
                    let node = model.agents[model.actions[a].owner]
                        .rules
                        .iter()
                        .find(|(r, _)| *r == a)
                        .and_then(|(_, x)| *x);
                    let map = aligned(
                        &model.graph,
                        &model.graph.nodes[node.map_or(0, |x| x.0) as usize].shape,
                        &model.actions[a].shape,
                    );
                    map.iter().flat_map(|e| v[e * n..(e + 1) * n].iter().copied()).collect()
                }
                Chooser::Table(t) => t.read(worlds, elements)?,
                Chooser::Trained(k) => self.trained.as_ref().map_or(Vec::new(), |t| t.chosen[*k].clone()),
            };
            worlds.act(a, &within(&values, &b));
            out.push((a, b));
        }
        Ok(out)
    }
}

/// Values moved inside their bounds.
fn within(values: &[f64], bounds: &Bounds) -> Vec<f64> {
    match bounds {
        Bounds::Between(lo, hi) => values
            .iter()
            .zip(lo.iter().zip(hi))
            .map(|(x, (l, h))| x.min(*h).max(*l))
            .collect(),
        Bounds::Choices(_) | Bounds::Simplex => values.to_vec(),
    }
}

impl Table {
    fn new(worlds: &Worlds, action: usize, s: &Solution, number: usize) -> Result<Table, Diagnostic> {
        let model = &worlds.model;
        let shape = &model.actions[action].shape;
        let mut nodes: Vec<NodeId> = Vec::new();
        let mut maps = Vec::new();
        for state in &s.states {
            let node = find(model, &state.name, &model.agents[model.actions[action].owner].name)?;
            maps.push(readable(model, node, shape, &state.name)?);
            nodes.push(node);
        }
        let mut shocks = Vec::new();
        for (k, name) in s.chain.names.iter().enumerate() {
            let values: Vec<f64> = distinct(&s.chain.values, k);
            let found = model.shocks.iter().position(|x| names(&x.name, name));
            match found {
                Some(i) if matches!(model.shocks[i].process, Process::Chain { .. }) => {
                    shocks.push(Reading::Link {
                        shock: i,
                        map: aligned(&model.graph, &model.shocks[i].shape, shape),
                        values: values.len(),
                    });
                }
                _ => {
                    let node = find(model, name, &model.agents[model.actions[action].owner].name)?;
                    shocks.push(Reading::Nearest {
                        output: nodes.len(),
                        map: readable(model, node, shape, name)?,
                        values,
                    });
                    nodes.push(node);
                }
            }
        }
        let axes: Option<Vec<Axis>> = s
            .states
            .iter()
            .map(|x| Axis::new(&x.nodes, x.log, if x.integer { Rule::Nodes } else { Rule::Cubic }))
            .collect();
        let finite = matches!(s.actions[number].kind, ActionKind::Finite { .. });
        let mut tensor = None;
        let mut surfaces = Vec::new();
        if let Some(axes) = axes
            && !finite
            && !s.states.is_empty()
            && let Some(t) = Tensor::new(axes, Outside::Flat)
        {
            let ns = s.shocks();
            for time in 0..s.periods {
                let part = s.period(&s.policy[number], time);
                for shock in 0..ns {
                    let values: Vec<f64> = part.iter().skip(shock).step_by(ns).copied().collect();
                    let mut surface = Surface::default();
                    t.fit(&values, &mut surface);
                    surfaces.push(surface);
                }
            }
            tensor = Some(t);
        }
        let reading = worlds.engine(nodes)?;
        Ok(Table {
            solution: s.clone(),
            action: number,
            reading,
            maps,
            shocks,
            tensor,
            surfaces,
        })
    }

    fn read(&mut self, worlds: &Worlds, elements: usize) -> Result<Vec<f64>, Diagnostic> {
        let n = worlds.worlds();
        let values = self.reading.run(&worlds.frame, n)?;
        let s = &self.solution;
        let ns = s.shocks();
        let mut out = vec![0.0; elements * n];
        let mut places = vec![
            Place {
                cell: 0,
                t: 0.0,
                beyond: 0.0
            };
            s.states.len()
        ];
        let mut x = vec![0.0; s.states.len()];
        for e in 0..elements {
            for w in 0..n {
                for (k, map) in self.maps.iter().enumerate() {
                    x[k] = values[k][map[e] * n + w];
                }
                let mut shock = 0;
                for r in &self.shocks {
                    let (i, size) = match r {
                        Reading::Link { shock, map, values } => (worlds.link(*shock, map[e], w), *values),
                        Reading::Nearest {
                            output,
                            map,
                            values: links,
                        } => (
                            super::shocks::nearest(links, values[*output][map[e] * n + w]),
                            links.len(),
                        ),
                    };
                    shock = shock * size + i.min(size - 1);
                }
                let time = if s.infinite {
                    0
                } else {
                    worlds.period()[w].min(s.periods - 1)
                };
                out[e * n + w] = match &self.tensor {
                    Some(t) => {
                        t.locate(&x, &mut places);
                        t.value_at(&self.surfaces[time * ns + shock.min(ns - 1)], &places)
                    }
                    None => {
                        let node = s.states.iter().zip(&x).fold(0, |f, (axis, x)| {
                            f * axis.nodes.len() + super::shocks::nearest(&axis.nodes, *x)
                        });
                        s.period(&s.policy[self.action], time)[node * ns + shock.min(ns - 1)]
                    }
                };
            }
        }
        Ok(out)
    }
}

/// Number of links and values of shock `k` of a joint chain whose last shock runs fastest.
fn distinct(values: &[Vec<f64>], k: usize) -> Vec<f64> {
    let mut out: Vec<f64> = Vec::new();
    let rest = |v: &Vec<f64>| {
        v.iter()
            .enumerate()
            .filter(|(i, _)| *i != k)
            .map(|(_, x)| x.to_bits())
            .collect::<Vec<_>>()
    };
    let Some(first) = values.first() else {
        return out;
    };
    for v in values {
        if rest(v) == rest(first) {
            out.push(v[k]);
        }
    }
    out
}

/// The node of a solution's name in a model: the agent's own name first, then anybody's.
fn find(model: &Model, name: &str, agent: &str) -> Result<NodeId, Diagnostic> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let found = model
        .names
        .iter()
        .find(|n| n.name == name)
        .or_else(|| model.names.iter().find(|n| n.name == format!("{agent}.{last}")))
        .or_else(|| model.find(last));
    match found {
        Some(n) => Ok(n.node),
        None => Err(Diagnostic::error(
            "E0815",
            format!("the solution depends on `{name}`, which this model does not name"),
        )
        .hint(format!("define it in the model: let {last} = .."))),
    }
}

fn readable(model: &Model, node: NodeId, shape: &crate::graph::Shape, name: &str) -> Result<Vec<usize>, Diagnostic> {
    let from = &model.graph.nodes[node.0 as usize].shape;
    if from.iter().any(|a| !shape.contains(a)) {
        return Err(
            Diagnostic::error("E0815", format!("`{name}` is no single number for the agent that acts"))
                .hint("a policy reads one number a state"),
        );
    }
    Ok(aligned(&model.graph, from, shape))
}

/// Whether `short` names `dotted`: equal, or equal to its last part.
pub fn names(dotted: &str, short: &str) -> bool {
    dotted == short || dotted.rsplit('.').next() == short.rsplit('.').next()
}

fn no_action(model: &Model, name: &str) -> Diagnostic {
    let known: Vec<&str> = model.actions.iter().map(|a| a.name.as_str()).collect();
    let d = Diagnostic::error("E0816", format!("the model has no action `{name}`"));
    match crate::diag::suggest::did_you_mean(name, known.iter().copied()) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None => d.hint(format!("its actions: {}", known.join(", "))),
    }
}

/// The index of a choice from its label or number, for `--policy fixed:d=replace`.
pub fn fixed_value(model: &Model, name: &str, text: &str) -> Result<f64, Diagnostic> {
    let Some(a) = model.actions.iter().find(|a| names(&a.name, name)) else {
        return Err(no_action(model, name));
    };
    if let Space::Finite { labels, .. } = &a.space {
        if let Some(i) = labels.iter().position(|l| l == text) {
            return Ok(i as f64);
        }
        return Err(
            Diagnostic::error("E0816", format!("`{text}` is no choice of `{}`", a.name))
                .hint(format!("its choices: {}", labels.join(", "))),
        );
    }
    text.parse::<f64>()
        .map_err(|_| Diagnostic::error("E0816", format!("`{text}` is no number for `{}`", a.name)))
}
