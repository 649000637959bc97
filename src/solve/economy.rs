//! Who decides in an economy, what each takes as given, and what determines that.
//!
//! A *seat* is one who decides: an agent, one of a population whose members do not meet, or a planner over several. What a seat
//! does not choose and takes as given are prices and aggregates (a price taker) and what other seats do. `planner` and
//! `collusive` maximise a sum of rewards, and see through every market; so does `nash` where nobody else decides. A price taker
//! takes a price as given that others, or he himself together with others, move: his problem is not solved by looking through
//! the market, and a solution that did would be another concept's under his name. A price that the file states
//! (`solve { given.r = 0.03 }`, [`stated`]) is a number to everybody: then the problem of one is a problem of its own.

mod independent;
pub mod mixed;
pub mod stated;
pub mod taker;
pub mod untaken;

use crate::check::model::{Concept, Model, Price, Setting, Space};
use crate::diag::Diagnostic;
use crate::graph::{AxisId, AxisKind, InputId, InputKind, NodeId, Op};
use independent::independent;
use std::collections::BTreeSet;

/// Whose prices are taken as given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// Those of markets declared `competitive`.
    Competitive,
    Everything,
}

/// Decision makers that a joint problem may have before its state is too large to be worth a hint.
const FEW: usize = 4;

/// Who is behind a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deciding {
    /// All members of all its agents, deciding as one.
    Together,
    /// Any one of a population whose members do not meet: all solve the same problem.
    Representative,
    /// Each of so many (that stand for a continuum, if it is one), who meet the others and each other.
    Each(usize),
}

/// One who decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decider {
    /// The agents it decides for, one number of the model's agents per agent.
    pub agents: Vec<usize>,
    /// Who of them.
    pub members: Deciding,
    /// The prices it takes as given and that somebody in the economy moves, one number of the model's prices per price.
    pub takes: Vec<usize>,
    /// The other agents whose choices matter to it, where it meets others; one number of the model's agents per agent.
    pub meets: Vec<usize>,
}

/// What determines a price that is taken as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closure {
    /// A rule: a function of what everybody does.
    Rule,
    /// A market that clears.
    Clears,
    /// A state with a law of motion.
    State,
}

/// Who decides in an economy under a concept, and what each takes as given.
pub struct Economy<'m> {
    /// The model.
    pub model: &'m Model,
    /// What counts as a solution: what is asked for, or what holds where nothing is said.
    pub concept: Concept,
    /// Who decides, one seat per deciding agent in the order of the model; a planner is one seat.
    pub seats: Vec<Decider>,
    /// Whether one of the seats stands for a continuum.
    continuum: bool,
}

impl<'m> Economy<'m> {
    /// The economy behind a model.
    ///
    /// # Errors
    /// E0810 where nobody chooses anything.
    pub fn of(model: &'m Model) -> Result<Economy<'m>, Diagnostic> {
        let agents = deciders(model)?;
        // A population of one is one decision maker.
        let members = |a: usize| model.graph.elements(&model.agents[a].shape);
        let endless = |a: usize| {
            let axis = model.agents[a].axis;
            axis.is_some_and(|x| model.graph.axes[x.0 as usize].continuum)
        };
        let continuum = agents.iter().any(|a| endless(*a));
        let several = continuum || agents.iter().map(|a| members(*a)).sum::<usize>() > 1;
        let said = model.concept;
        let joint = said.is_some_and(Concept::joint);
        if let Some(a) = (agents.iter().map(|a| &model.agents[*a])).find(|a| joint && a.found_mass.is_some()) {
            return Err(
                cannot("one who decides for all would choose how many there are").at(a.span, "a mass that is found")
            );
        }
        let free = several && independent(model, &agents);
        let own = own_concepts(model, &agents)?;
        if let Some((name, _)) = own.first()
            && (!several || said.is_some_and(|c| !matches!(c, Concept::Nash | Concept::Competitive)))
        {
            return Err(Diagnostic::error(
                "E0807",
                format!("`concept.{name}` goes with several who decide under `nash` or `competitive`"),
            )
            .at(model.agents[agents[0]].span, "one who decides")
            .hint(match several {
                false => "remove it: where one decides alone there is nobody whose choices move what it takes as given",
                true => "remove it, or write `concept = nash`",
            }));
        }
        let takes = match said {
            Some(Concept::Competitive) => Takes::Everything,
            Some(Concept::Planner) => Takes::Nothing,
            Some(_) => Takes::Competitive,
            None if !several => Takes::Nothing,
            None if continuum => Takes::Everything,
            None => Takes::Competitive,
        };
        let concept = said.unwrap_or(match (several, continuum) {
            (_, true) => Concept::Competitive,
            (true, false) => Concept::Nash,
            (false, false) => Concept::Planner,
        });
        let taken = moved(model, &agents, takes);
        let taken_by = |a: usize| match own.iter().find(|(_, (agent, _))| *agent == a).map(|o| o.1.1) {
            Some(Concept::Competitive) => moved(model, &agents, Takes::Everything),
            Some(_) => moved(model, &agents, Takes::Competitive),
            None => taken.clone(),
        };
        let seats = if joint || !several {
            vec![Decider {
                agents,
                members: Deciding::Together,
                takes: taken,
                meets: Vec::new(),
            }]
        } else {
            let seat = |a: usize| Decider {
                agents: vec![a],
                members: if free {
                    Deciding::Representative
                } else {
                    Deciding::Each(members(a))
                },
                takes: taken_by(a),
                meets: agents
                    .iter()
                    .copied()
                    .filter(|b| !free && (*b != a || members(a) > 1))
                    .collect(),
            };
            agents.iter().map(|a| seat(*a)).collect()
        };
        Ok(Economy {
            model,
            concept,
            seats,
            continuum,
        })
    }

    /// The concept in words, with that of agents who have their own: `nash; fringe competitive`.
    pub fn conduct(&self) -> String {
        let model = self.model;
        let agents: Vec<usize> = self.seats.iter().flat_map(|s| s.agents.iter().copied()).collect();
        let own = own_concepts(model, &agents).unwrap_or_default();
        let own: Vec<String> = own
            .iter()
            .map(|(name, (_, c))| format!("{name} {}", c.word()))
            .collect();
        match own.is_empty() {
            true => self.concept.word().into(),
            false => format!("{}; {}", self.concept.word(), own.join(", ")),
        }
    }

    /// Whether anything that matters reads what a life is worth.
    pub fn reads_entry_value(&self) -> bool {
        let prices = self.model.prices.iter().map(|p| p.node);
        self.model
            .graph
            .reads_entry_value(pays(self.model).into_iter().chain(prices))
    }

    /// How the price `number` comes about.
    pub fn closure(&self, number: usize) -> Closure {
        let price = &self.model.prices[number];
        match (price.state, price.clears) {
            (Some(_), _) => Closure::State,
            (None, true) => Closure::Clears,
            (None, false) => Closure::Rule,
        }
    }

    /// The one seat of an economy in which a single problem is solved and nothing is given that this problem moves.
    ///
    /// # Errors
    /// E0810 for several who meet, stages, schedules or a concept without a solver, E0827 for a price that is taken as given and
    /// moved by those who take it.
    pub fn lone(&self) -> Result<&Decider, Diagnostic> {
        let model = self.model;
        let said = model.concept;
        if said == Some(Concept::Stackelberg) && model.acting_stages().len() < 2 {
            return Err(cannot("its concept is `stackelberg`, and everybody acts at once")
                .hint("say who leads and who follows: `stages lead, follow`, and `at lead` behind the actions of those who lead; or --concept nash"));
        }
        if model.stages.len() > 1 {
            return Err(cannot("agents act in stages")
                .hint("stages are solved in games without states, two of them; `econc simulate` and `econc train` take any model"));
        }
        if let Some(a) = model.actions.iter().find(|a| !a.given.is_empty()) {
            return Err(cannot(format!("`{}` is a schedule of a price", a.name)).at(a.span, "a schedule"));
        }
        if said == Some(Concept::Stackelberg) {
            return Err(cannot("its concept is `stackelberg`").hint(
                "games without states, of two `stages`, are solved under it; for one decision maker: --concept planner; `econc simulate` runs any model",
            ));
        }
        let all: Vec<usize> = self.seats.iter().flat_map(|s| s.agents.iter().copied()).collect();
        let meeting: usize = self
            .seats
            .iter()
            .map(|s| if let Deciding::Each(n) = s.members { n } else { 0 })
            .sum();
        if let Some(d) = mixed::refused(self) {
            return Err(d);
        }
        if meeting > 0 {
            return Err(match said {
                Some(c) => cannot(format!("its concept is `{}`", c.word()))
                    .hint("solved are one decision maker, members who do not interact, and a few who meet where a method fits (the notes say why none does); `econc simulate` runs any model"),
                None if self.continuum || meeting > FEW => {
                    cannot("many decision makers interact")
                        .note("what each does depends on what the others do")
                        .hint(self.apart())
                }
                None => cannot("several decision makers interact")
                    .hint("solve it as one: `solve { concept = planner }` (or --concept planner); `econc simulate` runs any model"),
            });
        }
        let joint = said.is_some_and(Concept::joint);
        if joint && self.continuum && !independent(model, &all) && !model.states.is_empty() {
            return Err(
                cannot("a planner for a continuum would have the distribution of its states as a state").hint(
                    "give the population a few members, `[3]`; or simulate and train: `econc simulate`, `econc train`",
                ),
            );
        }
        let seat = &self.seats[0];
        match seat.takes.first() {
            Some(price) => Err(self.taken(&all, &model.prices[*price])),
            None => Ok(seat),
        }
    }

    /// What to type so that the prices which somebody takes as given are numbers that the user states; any length.
    pub fn stated(&self) -> Vec<String> {
        let taken = self.seats.iter().flat_map(|s| &s.takes);
        let mut stated: Vec<String> = taken
            .map(|p| format!("--set given.{}=NUMBER", self.model.prices[*p].name))
            .collect();
        stated.sort();
        stated.dedup();
        stated
    }

    /// What can be solved of an economy in which many meet: the problem of one, where they meet in stated prices alone.
    fn apart(&self) -> String {
        let stated = self.stated();
        let base = "`econc simulate` and `econc train` run it; econc solves one agent, a few under `--concept planner`, and members who do not interact: whose prices and aggregates nobody moves";
        if stated.is_empty() {
            return base.into();
        }
        format!(
            "{base}; at prices that you state it solves the problem of one: {}",
            stated.join(" ")
        )
    }

    /// The model with two members in place of a continuum, where its members do not meet: what holds for one holds for any,
    /// and a thousand need not be simulated to see it. `None` where members meet, where a state
    /// belongs to no member, or where a table lists all members.
    pub fn few(&self) -> Option<Model> {
        let [seat] = self.seats.as_slice() else { return None };
        let owned = self.model.states.iter().all(|s| s.owner == Some(seat.agents[0]));
        if owned { self.resized() } else { None }
    }

    /// The model with one member in place of a continuum that takes prices as given, where all members are alike at all times: they begin in the same
    /// way, and what they draw they share. `None` elsewhere, and where members are told from others, end, or are as many as is found.
    pub fn alike(&self) -> Option<Model> {
        let model = self.model;
        let ([seat], Concept::Competitive) = (self.seats.as_slice(), self.concept) else {
            return None;
        };
        let [agent] = seat.agents.as_slice() else { return None };
        let who = &model.agents[*agent];
        let axis = who.axis?;
        let begins =
            |s: &crate::check::model::State| s.start.and_then(|n| model.graph.nodes[n.0 as usize].domain.as_point());
        let own = |s: &&crate::check::model::State| s.owner == Some(*agent);
        let others = |a: &crate::graph::Axis| matches!(a.kind, AxisKind::Others(_) | AxisKind::Stack(_));
        let draws = |n: &crate::check::model::Noise| model.graph.nodes[n.node.0 as usize].shape.contains(&axis);
        let shared = model.graph.axes[axis.0 as usize].continuum
            && who.shape == [axis]
            && who.found_mass.is_none()
            && model.ends.is_empty()
            && !model.shocks.is_empty()
            && model.shocks.iter().all(|s| s.owner.is_none())
            && !model.noises.iter().any(draws)
            && !model.graph.axes.iter().any(others)
            && model.states.iter().filter(own).all(|s| begins(s).is_some());
        if !shared {
            return None;
        }
        let mut out = resized(model, axis, 1)?;
        out.graph.axes[axis.0 as usize].continuum = false;
        out.concept = Some(Concept::Competitive);
        Some(out)
    }

    /// As [`Economy::few`], whatever moves states that belong to no member.
    pub fn resized(&self) -> Option<Model> {
        let model = self.model;
        let [seat] = self.seats.as_slice() else { return None };
        let axis = model.agents[seat.agents[0]].axis?;
        let alone = seat.members == Deciding::Representative && model.graph.axes[axis.0 as usize].continuum;
        if !alone {
            return None;
        }
        resized(model, axis, 2)
    }

    /// A price is taken as given, and moved by those who take it.
    fn taken(&self, agents: &[usize], price: &Price) -> Diagnostic {
        let model = self.model;
        let concept = model.concept.unwrap_or(Concept::Competitive).word();
        let who: Vec<String> = agents.iter().map(|a| format!("`{}`", model.agents[*a].name)).collect();
        Diagnostic::error(
            "E0827",
            format!(
                "under `{concept}` {} takes `{}` as given, and moves it",
                who.join(" and "),
                price.name
            ),
        )
        .at(price.span, "taken as given")
        .note("what is best against a given price and the price that then comes out must be found together")
        .hint(format!(
            "`--concept planner` solves for one decision maker who sees through the market; `--set given.{}=NUMBER` for one who takes it at that number; `econc simulate` runs any model",
            price.name
        ))
    }
}

/// A model with so many members in the population of an axis. `None` where a table lists its members, or where several populations are
/// put one after the other.
pub fn resized(model: &Model, axis: AxisId, members: usize) -> Option<Model> {
    let listed = |n: &crate::graph::Node| matches!(n.op, Op::Table(_)) && n.shape.contains(&axis);
    if model.graph.nodes.iter().any(listed) {
        return None;
    }
    let mut out = model.clone();
    for i in 0..out.graph.axes.len() {
        out.graph.axes[i].size = match &model.graph.axes[i].kind {
            AxisKind::Population if i == axis.0 as usize => members,
            AxisKind::Alias(of) if *of == axis => members,
            AxisKind::Others(of) if *of == axis => members - 1,
            AxisKind::Population | AxisKind::Set => out.graph.axes[i].size,
            AxisKind::Alias(_) | AxisKind::Others(_) | AxisKind::Stack(_) => return None,
        };
    }
    Some(out)
}

/// A refusal of the solvers for one who decides.
pub(super) fn cannot(why: impl Into<String>) -> Diagnostic {
    Diagnostic::error(
        "E0810",
        format!("this is not the problem of one who decides: {}", why.into()),
    )
    .hint(
        "the book says what can be solved; econc simulate and econc train take all models without schedules of a price",
    )
}

/// Concepts of single agents, `solve { concept.NAME = .. }`: the name, the agent and its concept.
///
/// # Errors
/// E0807 for an agent that chooses nothing.
fn own_concepts(model: &Model, agents: &[usize]) -> Result<Vec<(String, (usize, Concept))>, Diagnostic> {
    let mut out: Vec<(String, (usize, Concept))> = Vec::new();
    let Some(said) = model.solve_settings() else {
        return Ok(out);
    };
    for (key, value, span) in &said.entries {
        let (Some(name), Setting::Word(word)) = (key.strip_prefix("concept."), value) else {
            continue;
        };
        let named = |a: &usize| {
            let full = model.agents[*a].name.as_str();
            full == name || full.rsplit('.').next() == Some(name)
        };
        let Some(agent) = agents.iter().copied().find(named) else {
            return Err(Diagnostic::error(
                "E0807",
                format!("`{name}` chooses nothing: it has no concept of its own"),
            )
            .at(*span, "asked for here")
            .hint("name an agent with an action"));
        };
        if let Some(concept) = Concept::of(word) {
            out.retain(|(_, (a, _))| *a != agent);
            out.push((name.to_string(), (agent, concept)));
        }
    }
    Ok(out)
}

/// The agents that choose something.
fn deciders(model: &Model) -> Result<Vec<usize>, Diagnostic> {
    let acting: Vec<usize> = (0..model.agents.len())
        .filter(|a| {
            let a = &model.agents[*a];
            a.actions.iter().any(|x| !a.rules.iter().any(|(r, _)| r == x))
        })
        .collect();
    if acting.is_empty() {
        return Err(cannot("nobody chooses anything").hint("an agent needs an `action` without a `policy`"));
    }
    Ok(acting)
}

/// The prices that somebody takes as given and that depend on what the deciding agents do, now or through states that they move.
fn moved(model: &Model, agents: &[usize], takes: Takes) -> Vec<usize> {
    let taken = |p: &Price| match takes {
        Takes::Nothing => false,
        Takes::Competitive => model.competitive.iter().any(|m| {
            p.name
                .strip_prefix(m.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        }),
        Takes::Everything => !p.owner.is_some_and(|a| agents.contains(&a)),
    };
    let prices: Vec<usize> = (0..model.prices.len()).filter(|p| taken(&model.prices[*p])).collect();
    if prices.is_empty() {
        return prices;
    }
    let moving = moving(model);
    let matter = reached(model, &pays(model));
    let moves = |p: &usize| {
        let node = model.prices[*p].node;
        let reads = reached(model, &[node]);
        matter.nodes.contains(&node) && reads.inputs.iter().any(|i| moving.contains(i))
    };
    prices.into_iter().filter(moves).collect()
}

/// Everything that pays, bounds, moves or ends.
pub fn pays(model: &Model) -> Vec<NodeId> {
    let mut out: Vec<NodeId> = model
        .agents
        .iter()
        .flat_map(|a| a.reward.into_iter().chain(a.discount))
        .collect();
    out.extend(model.states.iter().map(|s| s.next));
    out.extend(
        model
            .ends
            .iter()
            .flat_map(|e| std::iter::once(e.condition).chain(e.paying)),
    );
    out.extend(model.requires.iter().map(|r| r.slack));
    for a in &model.actions {
        match &a.space {
            Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => out.extend([*lo, *hi]),
            Space::Finite { masks, .. } => out.extend(masks.iter().flatten()),
            Space::Simplex(_) => {}
        }
    }
    out
}

/// Actions that are chosen, and what they move: states by their laws, actions by their rules.
pub(in crate::solve) fn moving(model: &Model) -> BTreeSet<InputId> {
    let rule = |action: usize| {
        let rules = model.agents.iter().flat_map(|a| &a.rules);
        rules.filter(|(a, _)| *a == action).map(|(_, node)| *node).next()
    };
    let mut out: BTreeSet<InputId> = (0..model.actions.len())
        .filter(|a| rule(*a).is_none())
        .map(|a| model.actions[a].input)
        .collect();
    let laws: Vec<(InputId, NodeId)> = model
        .states
        .iter()
        .map(|s| (s.input, s.next))
        .chain((0..model.actions.len()).filter_map(|a| Some((model.actions[a].input, rule(a)??))))
        .collect();
    loop {
        let before = out.len();
        for (input, law) in &laws {
            if reached(model, &[*law]).inputs.iter().any(|i| out.contains(i)) {
                out.insert(*input);
            }
        }
        if out.len() == before {
            return out;
        }
    }
}

struct Reached {
    nodes: BTreeSet<NodeId>,
    inputs: BTreeSet<InputId>,
}

/// What nodes read, through markets that clear as well.
fn reached(model: &Model, from: &[NodeId]) -> Reached {
    let g = &model.graph;
    let (mut nodes, mut inputs) = (BTreeSet::new(), BTreeSet::new());
    for (id, node) in g.below(from.iter().copied()).through_roots() {
        nodes.insert(id);
        if let Op::Input(i) = node.op
            && !matches!(g.inputs[i.0 as usize].kind, InputKind::Param(_) | InputKind::Unknown(_))
        {
            inputs.insert(i);
        }
    }
    Reached { nodes, inputs }
}
