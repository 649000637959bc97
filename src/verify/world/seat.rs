//! Whose problem a solution solves, and where its states, shocks and actions stand in the economy: found by name in the
//! model, without the solver's compiled problem.

use crate::check::Model;
use crate::check::model::{Process, Space};
use crate::diag::Diagnostic;
use crate::graph::AxisId;
use crate::graph::shape::element_name;
use crate::solve::problem::ActionKind;
use crate::solve::solution::Solution;

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
pub struct Seat {
    /// Agents whose rewards count, one number of the model per agent.
    pub agents: Vec<usize>,
    /// Only the first member of the population decides for itself.
    pub single: bool,
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

impl Seat {
    /// Finds the agents, choices, states and shocks of a solution in the model.
    ///
    /// # Errors
    /// E0815: a name that the model has not.
    pub fn of(model: &Model, solution: &Solution) -> Result<Seat, Diagnostic> {
        let elements = |shape: &[AxisId]| model.graph.elements(shape);
        let find = |names: &[(String, Vec<AxisId>, Option<usize>)], wanted: &str| -> Option<(usize, usize)> {
            names.iter().enumerate().find_map(|(i, (name, shape, owner))| {
                let bare = wanted.split('[').next()?;
                if bare != name {
                    return None;
                }
                let all = elements(shape);
                let own = owner.map_or(1, |a| elements(&model.agents[a].shape).max(1));
                // All elements are told apart, or those of one member.
                [all, all / own]
                    .into_iter()
                    .find_map(|n| (0..n).find(|e| element_name(&model.graph, name, shape, *e, n) == wanted))
                    .map(|e| (i, e))
            })
        };
        let shape_of = |input: crate::graph::InputId| model.graph.inputs[input.0 as usize].shape.clone();
        let actions: Vec<_> = model
            .actions
            .iter()
            .map(|a| (a.name.clone(), a.shape.clone(), Some(a.owner)))
            .collect();
        let states: Vec<_> = model
            .states
            .iter()
            .map(|s| (s.name.clone(), shape_of(s.input), s.owner))
            .collect();
        let shocks: Vec<_> = model
            .shocks
            .iter()
            .map(|s| (s.name.clone(), s.shape.clone(), s.owner))
            .collect();

        let mut choices = Vec::new();
        for a in &solution.actions {
            let (action, element) = find(&actions, &a.name).ok_or_else(|| lost("action", &a.name))?;
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
            let (state, element) = find(&states, &s.name).ok_or_else(|| lost("state", &s.name))?;
            own_states.push(Slot {
                input: model.states[state].input.0 as usize,
                element,
            });
        }
        let mut own_shocks = Vec::new();
        for (k, name) in solution.chain.names.iter().enumerate() {
            let (shock, element) = find(&shocks, name).ok_or_else(|| lost("shock", name))?;
            own_shocks.push(SolvedShock {
                shock,
                element,
                values: distinct(&solution.chain.values, k),
                continuous: !matches!(model.shocks[shock].process, Process::Chain { .. }),
            });
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
        Ok(Seat {
            agents,
            single,
            choices,
            states: own_states,
            shocks: own_shocks,
            unseen: Vec::new(),
        })
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
