//! Whose problem a solution solves, and where its states, shocks and actions stand in the economy: found by name in the
//! model, without the solver's compiled problem.

use crate::check::Model;
use crate::check::model::{Process, Space};
use crate::diag::Diagnostic;
use crate::graph::AxisId;
use crate::solve::located;
use crate::solve::problem::ActionKind;
use crate::solve::solution::{Player, Solution};
use std::ops::Range;

/// One number of the economy: an input of the graph and the element of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Number of the graph's input.
    pub input: usize,
    /// Element of it.
    pub element: usize,
}

/// One choice of the decision maker.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Number of the action in the model.
    pub action: usize,
    /// Element of it.
    pub element: usize,
    /// Values of a finite choice, one per choice; empty for a number in an interval.
    pub values: Vec<f64>,
    /// Scale of taste shocks on a finite choice.
    pub taste: Option<f64>,
    /// Its name.
    pub name: String,
}

/// A shock of the solution's chain.
#[derive(Clone, Debug)]
pub struct SolvedShock {
    /// Number of the shock in the model.
    pub shock: usize,
    /// Element of it.
    pub element: usize,
    /// Values of the chain's states, one per state.
    pub values: Vec<f64>,
    /// Whether the chain stands for a continuous process.
    pub continuous: bool,
}

/// The decision maker of a solution.
#[derive(Clone, Debug)]
pub struct SolvedSeat {
    /// Agents whose rewards count, one number of the model per agent.
    pub agents: Vec<usize>,
    /// The member of its agent whose rewards and ends count alone, from 0; `None` where everybody's do.
    pub member: Option<usize>,
    /// Whether the others choose, too, and what they do matters to it: the shocks and draws of all then stand behind what it gets.
    pub meets: bool,
    /// Its choices, one per action of the solution, in that order.
    pub choices: Vec<Choice>,
    /// Its states, one per state of the solution, in that order.
    pub states: Vec<Slot>,
    /// Its shocks, one for each shock of the solution, in that order.
    pub shocks: Vec<SolvedShock>,
    /// Shocks without memory that matter to it and that it does not see, as numbers of the model; any length.
    pub unseen: Vec<usize>,
}

fn lost(what: &str, name: &str) -> Diagnostic {
    Diagnostic::error(
        "E0815",
        format!("the model has no {what} `{name}`, which the solution has"),
    )
    .hint("judge the solution with the model that it was solved from")
}

impl SolvedSeat {
    /// Finds the agents, choices, states and shocks of a solution in the model.
    ///
    /// # Errors
    /// E0815: a name that the model has not.
    pub fn of(model: &Model, solution: &Solution) -> Result<SolvedSeat, Diagnostic> {
        let elements = |shape: &[AxisId]| model.graph.elements(shape);
        let mut choices = Vec::new();
        for a in &solution.actions {
            let (action, element) = located::action(model, &a.name).ok_or_else(|| lost("action", &a.name))?;
            let values = match (&a.kind, &model.actions[action].space) {
                (ActionKind::Finite { values, .. }, Space::Finite { .. } | Space::Integer { .. }) => values.clone(),
                (ActionKind::Continuous, _) | (ActionKind::Finite { .. }, _) => Vec::new(),
            };
            choices.push(Choice {
                action,
                element,
                values,
                taste: a.taste,
                name: a.name.clone(),
            });
        }
        let mut own_states = Vec::new();
        for s in &solution.states {
            let (state, element) = located::state(model, &s.name).ok_or_else(|| lost("state", &s.name))?;
            own_states.push(Slot {
                input: model.states[state].input.0 as usize,
                element,
            });
        }
        let mut own_shocks = Vec::new();
        for (k, name) in solution.chain.names.iter().enumerate() {
            let (shock, element) = located::shock(model, name).ok_or_else(|| lost("shock", name))?;
            own_shocks.push(SolvedShock {
                shock,
                element,
                values: distinct(&solution.chain.values, k),
                continuous: !matches!(model.shocks[shock].process, Process::Chain { .. }),
            });
        }
        // States of a chain may have the same number; then the model says how many there are.
        let joint: usize = own_shocks.iter().map(|s| s.values.len()).product();
        if joint != solution.chain.values.len() {
            for own in &mut own_shocks {
                match &model.shocks[own.shock].process {
                    Process::Chain { values, .. } => own.values.clone_from(values),
                    _ => own.values.dedup(),
                }
            }
        }
        let mut agents: Vec<usize> = choices.iter().map(|c| model.actions[c.action].owner).collect();
        agents.sort_unstable();
        agents.dedup();
        // A planner chooses for every member; one member stands for a population that does not interact.
        let chosen = choices.len();
        let of_agents: usize = agents
            .iter()
            .flat_map(|a| &model.agents[*a].actions)
            .filter(|a| choices.iter().any(|c| c.action == **a))
            .map(|a| elements(&model.actions[*a].shape))
            .sum();
        let single = chosen < of_agents;
        if !single {
            // Everybody who wants something counts, whether or not a choice is left to them.
            agents = (0..model.agents.len()).filter(|a| agents.contains(a)).collect();
        }
        Ok(SolvedSeat {
            agents,
            member: single.then_some(0),
            meets: false,
            choices,
            states: own_states,
            shocks: own_shocks,
            unseen: Vec::new(),
        })
    }

    /// The seat of one player of an equilibrium: its choices, with the states and shocks of the whole economy.
    ///
    /// # Errors
    /// E0815: a name that the model has not.
    pub fn of_player(model: &Model, solution: &Solution, player: &Player) -> Result<SolvedSeat, Diagnostic> {
        let all = SolvedSeat::of(model, solution)?;
        let several = model.graph.elements(&model.agents[player.agent].shape) > 1;
        Ok(SolvedSeat {
            agents: vec![player.agent],
            member: several.then_some(player.member.unwrap_or(0)),
            meets: player.member.is_some() || !several,
            choices: player
                .actions
                .iter()
                .filter_map(|a| all.choices.get(*a).cloned())
                .collect(),
            ..all
        })
    }

    /// Which of the `elements` of something that each member of the seat's agent has, the members before all other axes, count for
    /// it: all, or those of its member. What all members share counts.
    pub fn own(&self, model: &Model, elements: usize) -> Range<usize> {
        match self.agents.first() {
            Some(agent) => located::own(model, *agent, self.member, elements),
            None => 0..elements,
        }
    }

    /// Whether nothing that happens to others matters to it: one of a population whose members do not meet.
    pub fn alone(&self) -> bool {
        self.member.is_some() && !self.meets
    }
}

/// Values of shock `k` of a joint chain, one per state of the shock's own chain, in order.
fn distinct(values: &[Vec<f64>], k: usize) -> Vec<f64> {
    let others = |j: usize| -> Vec<u64> {
        let v = values[j].iter().enumerate();
        v.filter(|(i, _)| *i != k).map(|(_, x)| x.to_bits()).collect()
    };
    if values.is_empty() {
        return Vec::new();
    }
    let first = others(0);
    (0..values.len())
        .filter(|j| others(*j) == first)
        .map(|j| values[j][k])
        .collect()
}
