//! Who chooses in a simulation: for each agent chance, fixed values, the file's rules, the policy of a solution or a learned one.

use super::Actions;
use super::engine::Engine;
use super::interface::Interface;
use super::worlds::{Bounds, Outcome, Worlds};
use crate::check::model::{Model, Process, Space};
use crate::diag::Diagnostic;
use crate::graph::shape::aligned;
use crate::graph::{NodeId, Shape};
use crate::solve::between::PolicyBetween;
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
    Solved(Arc<Solution>),
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

/// Who plays how: some agents by name, all others alike.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Agents by name.
    pub agents: Vec<(String, Behaviour)>,
    /// Everybody else.
    pub others: Behaviour,
}

impl From<Behaviour> for Cast {
    fn from(others: Behaviour) -> Cast {
        Cast {
            agents: Vec::new(),
            others,
        }
    }
}

impl Cast {
    /// How an agent plays.
    pub fn of(&self, agent: &str) -> &Behaviour {
        let own = self.agents.iter().find(|(name, _)| name == agent);
        own.map_or(&self.others, |(_, behaviour)| behaviour)
    }

    /// All behaviours in it, those of named agents first.
    pub fn all(&self) -> impl Iterator<Item = &Behaviour> {
        self.agents.iter().map(|(_, b)| b).chain(std::iter::once(&self.others))
    }

    /// The solution, if one is all that is played.
    pub fn solution(&self) -> Option<&Solution> {
        match (&self.others, self.agents.as_slice()) {
            (Behaviour::Solved(s), []) => Some(s),
            _ => None,
        }
    }
}

/// Errs where something is named that is no agent with something to choose.
///
/// # Errors
/// E0816.
pub fn acting(model: &Model, name: &str) -> Result<(), Diagnostic> {
    let acting = |a: &&crate::check::model::Agent| !a.actions.is_empty();
    let known: Vec<&str> = model.agents.iter().filter(acting).map(|a| a.name.as_str()).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let d = Diagnostic::error(
        "E0816",
        format!("the model has no agent `{name}` with something to choose"),
    );
    Err(match crate::diag::suggest::did_you_mean(name, known.iter().copied()) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None => d.hint(format!("its agents: {}", known.join(", "))),
    })
}

/// A policy over encoded observations (see [`super::interface`]), shared by worlds.
pub trait Decide: std::fmt::Debug + Send + Sync {
    /// Whether it sees `width` numbers and chooses in `space`.
    fn fits(&self, width: usize, space: &super::ActionSpace) -> bool;
    /// Whether finite choices are drawn from probabilities.
    fn mixes(&self) -> bool;
    /// Whether what it does depends on what it saw before.
    fn remembers(&self) -> bool {
        false
    }
    /// A decision maker for `slots` rows, with whatever it remembers.
    fn begin(&self, slots: usize) -> Box<dyn Deciding>;
}

/// A policy at work.
pub trait Deciding: Send {
    /// Actions of all rows, without chance of its own: `luck` has a uniform number a row and finite choice, which decides between the
    /// choices of a policy that mixes them; without it the likeliest is taken.
    fn act(&mut self, observation: &[f32], mask: &[f32], luck: Option<&[f32]>, actions: &mut Actions);
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
    fn choose(
        &mut self,
        worlds: &Worlds,
        numbers: &[usize],
        bounds: &[Bounds],
        greedy: bool,
    ) -> Result<(), Diagnostic> {
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
        let mut actions = Actions::default();
        // Rows are worlds, then members.
        let choices = self.interface.space.discrete.len();
        let mut luck = Vec::new();
        if !greedy {
            for w in 0..n {
                crate::limits::poll();
                for m in 0..self.interface.members {
                    luck.extend((0..choices).map(|d| {
                        let action = self.interface.actions.first().copied().unwrap_or(self.agent);
                        worlds.luck(action, m * choices + d, w) as f32
                    }));
                }
            }
        }
        let luck = (!greedy).then_some(luck.as_slice());
        self.deciding.act(&observation, &mask, luck, &mut actions);
        let Actions { continuous, discrete } = actions;
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

/// A cast bound to a set of worlds.
pub struct Actor {
    /// Play the likeliest choice where a policy mixes.
    pub greedy: bool,
    choosers: Vec<Chooser>,
    rules: Vec<(usize, Engine)>,
    trained: Vec<Trained>,
}

enum Chooser {
    /// Somebody else sets it.
    Outside,
    Random,
    Fixed(f64),
    Rule,
    Table(Box<Table>),
    /// This action of this learned policy.
    Trained(usize, usize),
}

/// An action of the model that a solution chooses, read where the simulated world stands.
struct Table {
    policy: Arc<PolicyBetween>,
    /// Which action of the solution each element is.
    numbers: Vec<usize>,
    reading: Engine,
    states: Vec<Place>,
    shocks: Vec<Reading>,
    /// The action of the solution whose choices have taste shocks, and the numbers of its choices.
    mixed: Option<(usize, Vec<f64>)>,
    /// The action of the model that it is: the same draw decides for the actions that go with the choice.
    drawn_by: Option<usize>,
}

/// One number among the outputs of an engine, for each element of an action.
struct Place {
    output: usize,
    element: Vec<usize>,
}

/// How a shock of the solution is read.
enum Reading {
    /// The link of this shock of the model.
    Link { shock: usize, element: Vec<usize> },
    /// The link whose value is nearest.
    Nearest { place: Place, values: Vec<f64> },
    /// The value itself: the policy is interpolated between the nodes of a continuous shock.
    Value(Place),
}

impl Actor {
    /// Binds a cast to worlds.
    ///
    /// # Errors
    /// E0814 to E0816 and E0925 where it does not fit the model.
    pub fn new(worlds: &Worlds, cast: &Cast) -> Result<Actor, Diagnostic> {
        Actor::beside(worlds, cast, &[])
    }

    /// As [`Actor::new`], for all actions but `outside`, which somebody else sets.
    pub fn beside(worlds: &Worlds, cast: &Cast, outside: &[usize]) -> Result<Actor, Diagnostic> {
        let model = worlds.model.clone();
        let mut choosers: Vec<Option<Chooser>> = (0..model.actions.len()).map(|_| None).collect();
        let mut rules = Vec::new();
        for (a, action) in model.actions.iter().enumerate() {
            let owner = &model.agents[action.owner];
            let rule = owner.rules.iter().find(|(r, _)| *r == a).map(|(_, n)| *n);
            choosers[a] = match rule {
                _ if outside.contains(&a) => Some(Chooser::Outside),
                Some(None) => Some(Chooser::Random),
                Some(Some(node)) => {
                    rules.push((a, worlds.engine(vec![node])?));
                    Some(Chooser::Rule)
                }
                None => None,
            };
        }
        let open = |name: &String| {
            let own = |a: &usize| model.agents[model.actions[*a].owner].name == *name;
            (0..model.actions.len()).filter(own).any(|a| choosers[a].is_none())
        };
        if let Some((name, _)) = cast
            .agents
            .iter()
            .find(|(name, b)| !matches!(b, Behaviour::Rules) && !open(name))
        {
            return Err(Diagnostic::error(
                "E0816",
                format!("everything `{name}` does follows the `policy` of the file, or is learned"),
            )
            .hint(format!(
                "leave out {name}=.., or remove the `policy` statements of `{name}`"
            )));
        }
        let mut trained = Vec::new();
        for behaviour in cast.all() {
            let own: Vec<usize> = (0..model.actions.len())
                .filter(|a| choosers[*a].is_none())
                .filter(|a| std::ptr::eq(cast.of(&model.agents[model.actions[*a].owner].name), behaviour))
                .collect();
            match behaviour {
                Behaviour::Random => {}
                Behaviour::Fixed(values) => {
                    for (n, x) in values {
                        let same = |a: &usize| names(&model.actions[*a].name, n);
                        let Some(there) = (0..model.actions.len()).find(same) else {
                            return Err(no_action(&model, n));
                        };
                        if !own.iter().any(same) {
                            return Err(of_somebody_else(&model, there, cast, behaviour));
                        }
                        own.iter().copied().filter(same).for_each(|a| {
                            choosers[a].get_or_insert(Chooser::Fixed(*x));
                        });
                    }
                }
                Behaviour::Rules => {
                    if let Some(a) = own.first() {
                        return Err(no_rule(&model.actions[*a]));
                    }
                }
                Behaviour::Learned { agent, grids, policy } => {
                    let t = Trained::new(worlds, agent.as_deref(), *grids, policy.as_ref())?;
                    for (k, a) in t.interface.actions.iter().enumerate().filter(|(_, a)| own.contains(a)) {
                        choosers[*a] = Some(Chooser::Trained(trained.len(), k));
                    }
                    trained.push(t);
                }
                Behaviour::Solved(s) => {
                    let policy = Arc::new(PolicyBetween::new(s.clone())?);
                    let mut any = false;
                    for a in own {
                        if let Some(t) = Table::new(worlds, a, &policy)? {
                            any = true;
                            choosers[a] = Some(Chooser::Table(Box::new(t)));
                        }
                    }
                    if !any {
                        return Err(chooses_nothing(s));
                    }
                }
            }
        }
        Ok(Actor {
            greedy: false,
            // What nobody else chooses, chance does.
            choosers: choosers.into_iter().map(|c| c.unwrap_or(Chooser::Random)).collect(),
            rules,
            trained,
        })
    }

    /// After a period: learned policies forget worlds that ended and members that were replaced.
    pub fn forget(&mut self, worlds: &Worlds, outcome: &Outcome) {
        for t in &mut self.trained {
            let (n, members) = (worlds.worlds(), t.interface.members.max(1));
            let gone = &outcome.member_ended[t.agent];
            t.deciding.forget(&|slot| {
                let (w, m) = (slot / members, slot % members);
                // A world that begins afresh may also have been cut off.
                outcome.ended[w] || worlds.period()[w] == 0 || gone[m * n + w]
            });
        }
    }

    /// Chooses every action of a stage. Returns the bounds, for projection.
    pub fn act(&mut self, worlds: &mut Worlds, stage: usize) -> Result<Vec<(usize, Bounds)>, Diagnostic> {
        let model = worlds.model.clone();
        let bounds = worlds.bounds(stage)?;
        let numbers = super::worlds::stage_actions(&model, stage);
        let mut out = Vec::new();
        for t in self.trained.iter_mut().filter(|t| t.interface.stage == stage) {
            t.choose(worlds, &numbers, &bounds, self.greedy)?;
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
                Chooser::Table(t) => t.read(worlds, a, &b, self.greedy)?,
                Chooser::Trained(t, k) => self.trained[*t].chosen[*k].clone(),
            };
            let done = within(&values, &b);
            if matches!(self.choosers[a], Chooser::Fixed(_) | Chooser::Rule) {
                worlds.note_moved(a, &values, &done);
            }
            worlds.act(a, &done);
            out.push((a, b));
        }
        Ok(out)
    }
}

/// An action was fixed for those who do not choose it.
fn of_somebody_else(model: &Model, action: usize, cast: &Cast, behaviour: &Behaviour) -> Diagnostic {
    let a = &model.actions[action];
    let owner = &model.agents[a.owner].name;
    let who = cast.agents.iter().find(|(_, b)| std::ptr::eq(b, behaviour));
    let (headline, hint) = match who {
        Some((who, _)) => (
            format!("`{}` is no action of `{who}`", a.name),
            format!("it is `{owner}` that chooses it: {owner}=fixed:.."),
        ),
        None => (
            format!("`{}` is chosen otherwise", a.name),
            format!("`{owner}` learns, or plays the policy that is named for it: leave the action out"),
        ),
    };
    Diagnostic::error("E0816", headline)
        .at(a.span, "this action")
        .hint(hint)
}

fn no_rule(action: &crate::check::model::Action) -> Diagnostic {
    let last = action.name.rsplit('.').next().unwrap_or(&action.name);
    Diagnostic::error("E0814", format!("`{}` has no rule", action.name))
        .at(action.span, "chosen by nobody")
        .hint(format!(
            "write `policy {last} = ..` in the agent, or let it be chosen at random, fixed (`fixed:{last}=VALUE`) or by a run"
        ))
}

fn chooses_nothing(s: &Solution) -> Diagnostic {
    let solved: Vec<&str> = s.actions.iter().map(|a| a.name.as_str()).collect();
    Diagnostic::error(
        "E0815",
        format!("the solution chooses {}, which this model has not", solved.join(", ")),
    )
    .hint("solve this model, or give the action the same name")
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
    /// `None` if the solution does not choose this action.
    fn new(worlds: &Worlds, action: usize, policy: &Arc<PolicyBetween>) -> Result<Option<Table>, Diagnostic> {
        let model = &worlds.model;
        let s = policy.solution();
        let act = &model.actions[action];
        let solved: Vec<&str> = s.actions.iter().map(|a| a.name.as_str()).collect();
        let Some(numbers) = chosen(model, action, &solved) else {
            return Ok(None);
        };
        let owner = &model.agents[act.owner].name;
        let mut nodes: Vec<NodeId> = Vec::new();
        let mut place = |name: &str| -> Result<Place, Diagnostic> {
            let (node, element) = readable(model, name, owner, &act.shape)?;
            nodes.push(node);
            Ok(Place {
                output: nodes.len() - 1,
                element,
            })
        };
        let states = s
            .states
            .iter()
            .map(|x| place(&x.name))
            .collect::<Result<Vec<Place>, Diagnostic>>()?;
        let mixed = s.actions.iter().enumerate().find_map(|(k, a)| match &a.kind {
            ActionKind::Finite { values, .. } if a.taste.is_some() => Some((k, values.clone())),
            ActionKind::Finite { .. } | ActionKind::Continuous => None,
        });
        let mut shocks = Vec::new();
        let known = s.chain.links().unwrap_or_default();
        for ((name, finite), links) in s.chain.names.iter().zip(policy.finite_links()).zip(known) {
            let found = find_shock(model, name, owner);
            shocks.push(match (finite, found) {
                (None, _) => Reading::Value(place(name)?),
                (Some(n), Some(i)) if matches!(model.shocks[i].process, Process::Chain { .. }) => {
                    let count = match &model.shocks[i].process {
                        Process::Chain { values, .. } => values.len(),
                        Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => n,
                    };
                    if count != n {
                        return Err(Diagnostic::error(
                            "E0815",
                            format!("the solution knows {n} values of `{name}`, and this model has {count}"),
                        )
                        .at(model.shocks[i].span, "another chain than the one that was solved")
                        .hint("solve this model again"));
                    }
                    Reading::Link {
                        shock: i,
                        element: elements_of(model, name, &model.shocks[i].shape, &act.shape)?,
                    }
                }
                (Some(_), _) => Reading::Nearest {
                    place: place(name)?,
                    values: links.values,
                },
            });
        }
        Ok(Some(Table {
            policy: policy.clone(),
            numbers,
            reading: worlds.engine(nodes)?,
            states,
            shocks,
            drawn_by: mixed.as_ref().and_then(|(k, _)| {
                (0..model.actions.len()).find(|a| chosen(model, *a, &solved).is_some_and(|n| n.contains(k)))
            }),
            mixed,
        }))
    }

    /// `action` is the model's, `bounds` are those at this stage.
    fn read(
        &mut self,
        worlds: &mut Worlds,
        action: usize,
        bounds: &Bounds,
        greedy: bool,
    ) -> Result<Vec<f64>, Diagnostic> {
        let n = worlds.worlds();
        let values = self.reading.run(&worlds.frame, n)?;
        let mut out = vec![0.0; self.numbers.len() * n];
        let mut x = vec![0.0; self.states.len()];
        let mut z = vec![0.0; self.shocks.len()];
        let mut chances = Vec::new();
        let (mut states_outside, mut shocks_outside) = (0, 0);
        for (e, number) in self.numbers.iter().enumerate() {
            crate::limits::poll();
            for w in 0..n {
                let at = |p: &Place| values[p.output][p.element[e] * n + w];
                for (x, p) in x.iter_mut().zip(&self.states) {
                    *x = at(p);
                }
                for (z, r) in z.iter_mut().zip(&self.shocks) {
                    *z = match r {
                        Reading::Link { shock, element } => worlds.link(*shock, element[e], w) as f64,
                        Reading::Nearest { place, values } => crate::chance::chain::nearest(values, at(place)) as f64,
                        Reading::Value(place) => at(place),
                    };
                }
                let spot = self.policy.spot(worlds.period()[w], &z, &x);
                states_outside += u64::from(spot.states_outside);
                shocks_outside += u64::from(spot.shocks_outside);
                out[e * n + w] = match &self.mixed {
                    Some((mixed, values)) if !greedy && self.policy.chances(&spot, &mut chances) => {
                        // Whoever mixes does so by one draw, whichever of his actions is being read.
                        mask(bounds, *number == *mixed, e * n + w, &mut chances);
                        let u = worlds.luck(self.drawn_by.unwrap_or(action), e, w);
                        match drawn(&chances, u) {
                            Some(choice) if *number == *mixed => values[choice],
                            Some(choice) => self.policy.action_given(*number, choice, &spot),
                            None => self.policy.action(*number, &spot),
                        }
                    }
                    Some(_) | None => self.policy.action(*number, &spot),
                };
            }
        }
        let read = &mut worlds.counts.policy;
        read.read += out.len() as u64;
        read.states_outside += states_outside;
        read.shocks_outside += shocks_outside;
        Ok(out)
    }
}

/// Choices that are not allowed here have no chance.
fn mask(bounds: &Bounds, own: bool, at: usize, chances: &mut [f64]) {
    if let (true, Bounds::Choices(masks)) = (own, bounds) {
        for (p, m) in chances.iter_mut().zip(masks) {
            if m.as_ref().is_some_and(|m| m[at] == 0.0) {
                *p = 0.0;
            }
        }
    }
}

/// The choice that a uniform number falls on; `None` if nothing has a chance.
fn drawn(chances: &[f64], u: f64) -> Option<usize> {
    let total: f64 = chances.iter().sum();
    let mut left = u * total;
    let mut last = None;
    for (choice, p) in chances.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        last = Some(choice);
        left -= p;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// The action of a solution that each element of an action of the model is: `h.s` has one for all members, `h.s[2]` is the
/// second member's. `None` if the solution does not choose it.
fn chosen(model: &Model, action: usize, solved: &[&str]) -> Option<Vec<usize>> {
    let act = &model.actions[action];
    let same = |name: &str| name == act.name;
    let alike = |name: &str| bare(name) == name && names(&act.name, name);
    let elements = model.graph.elements(&act.shape);
    if let Some(i) = solved
        .iter()
        .position(|n| same(n))
        .or_else(|| solved.iter().position(|n| alike(n)))
    {
        return Some(vec![i; elements]);
    }
    (0..elements)
        .map(|e| {
            let wanted = |name: &str| {
                bare(name) != name
                    && names(&act.name, bare(name))
                    && element(model, &act.shape, name).is_some_and(|x| x == e)
            };
            solved.iter().position(|n| wanted(n))
        })
        .collect()
}

/// A name without its indices.
fn bare(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}

/// The element that the indices of a name mean: `k[2]` is the second. `None` if they do not fit the shape.
fn element(model: &Model, shape: &Shape, name: &str) -> Option<usize> {
    let inside = name.strip_prefix(bare(name))?.strip_prefix('[')?.strip_suffix(']')?;
    let indices: Option<Vec<usize>> = inside.split(',').map(|i| i.trim().parse().ok()).collect();
    let indices = indices?;
    if indices.len() != shape.len() {
        return None;
    }
    indices.iter().zip(shape).try_fold(0, |at, (i, axis)| {
        let size = model.graph.axes[axis.0 as usize].size;
        (1..=size).contains(i).then(|| at * size + i - 1)
    })
}

/// The element of a quantity over `from` that each element of `shape` reads under this name.
fn elements_of(model: &Model, name: &str, from: &Shape, shape: &Shape) -> Result<Vec<usize>, Diagnostic> {
    if bare(name) != name {
        return match element(model, from, name) {
            Some(e) => Ok(vec![e; model.graph.elements(shape)]),
            None => Err(Diagnostic::error(
                "E0815",
                format!("the solution depends on `{name}`, which this model has not"),
            )
            .hint("solve this model again")),
        };
    }
    if from.iter().any(|a| !shape.contains(a)) {
        return Err(
            Diagnostic::error("E0815", format!("`{name}` is no single number for the agent that acts"))
                .hint("a policy reads one number a state"),
        );
    }
    Ok(aligned(&model.graph, from, shape))
}

/// The shock of a solution's name in a model: the very name first, then the agent's own, then anybody's.
fn find_shock(model: &Model, name: &str, agent: &str) -> Option<usize> {
    let name = bare(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    let own = format!("{agent}.{last}");
    let by = |f: &dyn Fn(&str) -> bool| model.shocks.iter().position(|x| f(&x.name));
    by(&|x| x == name)
        .or_else(|| by(&|x| x == own))
        .or_else(|| by(&|x| names(x, name)))
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

/// The node of a name and the element of it that each element of an action reads.
fn readable(model: &Model, name: &str, agent: &str, shape: &Shape) -> Result<(NodeId, Vec<usize>), Diagnostic> {
    let node = find(model, bare(name), agent)?;
    let from = &model.graph.nodes[node.0 as usize].shape;
    Ok((node, elements_of(model, name, from, shape)?))
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

/// The action that `--policy fixed:NAME=VALUE` names, by its full name, and its value: a number, or the index of a choice from its label.
///
/// # Errors
/// E0816: no such action, several of that name, one that follows a rule of the file, one member's alone, or a value that cannot be chosen.
pub fn fixed_value(model: &Model, name: &str, text: &str) -> Result<(String, f64), Diagnostic> {
    if name.contains('[') {
        let inside = |part: &str| part.split('[').next().unwrap_or_default().to_string();
        let all = name.split('.').map(inside).collect::<Vec<_>>().join(".");
        let d = Diagnostic::error(
            "E0816",
            format!("`fixed:{name}` names one element, and a fixed action is the same for all"),
        );
        return Err(d.hint(format!(
            "write fixed:{all}={text}, or force one of them in the file: scenario one {{ force {name} = {text} }}"
        )));
    }
    let meant = |full: &str| full == name || (!name.contains('.') && full.rsplit('.').next() == Some(name));
    let found: Vec<&crate::check::model::Action> = model.actions.iter().filter(|a| meant(&a.name)).collect();
    let a = match found.as_slice() {
        [] => return Err(no_action(model, name)),
        [a] => *a,
        several => {
            let names: Vec<String> = several.iter().map(|a| format!("fixed:{}={text}", a.name)).collect();
            return Err(
                Diagnostic::error("E0816", format!("several agents have an action `{name}`"))
                    .hint(format!("write {}", names.join(" or "))),
            );
        }
    };
    let owner = &model.agents[a.owner];
    if owner.rules.iter().any(|(r, _)| model.actions[*r].name == a.name) {
        return Err(
            Diagnostic::error("E0816", format!("`{}` follows the `policy` of the file", a.name))
                .at(a.span, "chosen by a rule")
                .hint(format!(
                    "remove its `policy` statement, or force it: scenario fixed {{ force {} = {text} }}",
                    a.name
                )),
        );
    }
    choice(model, a, text).map(|x| (a.name.clone(), x))
}

/// What a text means as a choice of an action.
fn choice(model: &Model, a: &crate::check::model::Action, text: &str) -> Result<f64, Diagnostic> {
    if let Space::Finite { labels, .. } = &a.space {
        if let Some(i) = labels.iter().position(|l| l == text) {
            return Ok(i as f64);
        }
        return Err(
            Diagnostic::error("E0816", format!("`{text}` is no choice of `{}`", a.name))
                .hint(format!("its choices: {}", labels.join(", "))),
        );
    }
    let (digits, unit) = match text.strip_suffix('%') {
        Some(digits) => (digits.trim(), 100.0),
        None => (text, 1.0),
    };
    let x = digits.parse::<f64>().map(|x| x / unit).map_err(|_| {
        Diagnostic::error("E0816", format!("`{text}` is no number for `{}`", a.name))
            .hint(format!("write a number: fixed:{}=0.5", a.name))
    })?;
    let (Space::Interval { lo, hi, .. } | Space::Integer { lo, hi }) = &a.space else {
        return Ok(x);
    };
    let end = |n: &NodeId| model.graph.nodes[n.0 as usize].domain;
    let (lo, hi) = (end(lo).lo, end(hi).hi);
    if x.is_nan() || x < lo || x > hi {
        return Err(Diagnostic::error("E0816", format!("`{}` cannot be {text}", a.name))
            .hint(format!("it is chosen from {lo} to {hi}")));
    }
    if matches!(a.space, Space::Integer { .. }) && x.fract() != 0.0 {
        return Err(
            Diagnostic::error("E0816", format!("`{}` cannot be {text}", a.name)).hint(format!(
                "it is a whole number: fixed:{}={}",
                a.name,
                x.round().clamp(lo, hi)
            )),
        );
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::drawn;

    #[test]
    fn each_choice_has_the_numbers_from_its_lower_end_up_to_its_upper_one() {
        let chances = [0.0, 0.25, 0.0, 0.5, 0.25];
        let falls = [(0.0, 1), (0.2, 1), (0.25, 3), (0.74, 3), (0.75, 4), (1.0, 4)];
        for (u, choice) in falls {
            assert_eq!(drawn(&chances, u), Some(choice), "{u}");
            // Chances need not sum to one.
            assert_eq!(drawn(&chances.map(|p| 4.0 * p), u), Some(choice), "{u}");
        }
        assert_eq!(drawn(&[0.0; 3], 0.5), None);
    }
}
