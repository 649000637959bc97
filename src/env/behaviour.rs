//! Who chooses in a simulation: for each agent chance, fixed values, the file's rules, the policy of a solution or a learned one.

mod table;

use super::Actions;
use super::able::learner_of;
use super::cast::{Behaviour, Cast, names, no_action};
use super::decide::{Decide, PolicyRunner};
use super::engine::Engine;
use super::interface::Interface;
use super::worlds::{Bounds, Outcome, Worlds};
use crate::check::model::Model;
use crate::diag::Diagnostic;
use crate::graph::shape::aligned;
use crate::solve::between::PolicyBetween;
use crate::solve::solution::Solution;
use std::sync::Arc;
use table::Table;

/// A learned policy bound to worlds.
struct Trained {
    /// The agent that learned, by number.
    agent: usize,
    interface: Interface,
    seeing: Engine,
    deciding: Box<dyn PolicyRunner>,
    chosen: Vec<Vec<f64>>,
}

impl Trained {
    fn new(worlds: &Worlds, agent: Option<&str>, grids: bool, policy: &dyn Decide) -> Result<Trained, Diagnostic> {
        let model = worlds.model.clone();
        let number = learner_of(&model, agent)?;
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

    /// Chooses; `bounds` has one entry per action of the stage, in the order of `numbers` (action numbers).
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
    /// The caller sets it (a learner at its seat).
    Outside,
    Random,
    Fixed(f64),
    Rule,
    Table(Box<Table>),
    /// This action of this learned policy.
    Trained(usize, usize),
}

impl Actor {
    /// Binds a cast to worlds.
    ///
    /// # Errors
    /// E0814 to E0816 and E0925 where it does not fit the model.
    pub fn new(worlds: &Worlds, cast: &Cast) -> Result<Actor, Diagnostic> {
        Actor::beside(worlds, cast, &[])
    }

    /// As [`Actor::new`], for all actions but `outside` (one number per action), which the caller sets.
    ///
    /// # Errors
    /// Those of [`Actor::new`].
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
                        // A full name is that action alone; a short one all that end in it.
                        let full = model.actions.iter().any(|a| a.name == *n);
                        let same = |a: &usize| match full {
                            true => model.actions[*a].name == *n,
                            false => names(&model.actions[*a].name, n),
                        };
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
            // Actions that nothing else chooses are random.
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

    /// Learned policies forget the marked worlds, which begin anew: one entry per world.
    pub fn forget_worlds(&mut self, which: &[bool]) {
        for t in &mut self.trained {
            let members = t.interface.members.max(1);
            t.deciding.forget(&|slot| which[slot / members]);
        }
    }

    /// Chooses every action of a stage. Returns one (action number, bounds) per action of the stage, for projection.
    ///
    /// # Errors
    /// E0902 where no choice is allowed, E0990 for a graph that cannot be evaluated.
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
            // The cast chooses at every stage, not only at the first.
            if fault!("game.cast_silent", stage == 0, true) {
                worlds.act(a, &done);
            }
            out.push((a, b));
        }
        Ok(out)
    }
}

/// The error for a fixed action of an agent that does not choose it.
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
