//! The policy of a solution, read where a simulated world stands.

use crate::check::model::{Model, Process};
use crate::diag::Diagnostic;
use crate::env::cast::names;
use crate::env::engine::Engine;
use crate::env::worlds::{Bounds, Worlds};
use crate::graph::shape::aligned;
use crate::graph::{NodeId, Shape};
use crate::solve::between::PolicyBetween;
use crate::solve::problem::ActionKind;
use std::sync::Arc;

/// An action of the model that a solution chooses, read where the simulated world stands.
pub(super) struct Table {
    policy: Arc<PolicyBetween>,
    /// Which action of the solution each element is.
    numbers: Vec<usize>,
    reading: Engine,
    states: Vec<TableOutput>,
    shocks: Vec<Reading>,
    /// The action of the solution whose choices have taste shocks, and the numbers of its choices.
    mixed: Option<(usize, Vec<f64>)>,
    /// The action of the model that it is: the same draw decides for the actions that go with the choice.
    drawn_by: Option<usize>,
    /// In a game whose players have tastes for their choices, for each element the choice that it goes with; `None` without such a choice.
    beside: Vec<Option<Beside>>,
}

/// A choice that is mixed by its tastes, as others that go with it see it.
#[derive(Clone, Copy)]
struct Beside {
    /// Which action of the solution.
    choice: usize,
    /// The action of the model and its element, whose draw decides.
    action: usize,
    element: usize,
}

/// One number among the outputs of an engine, for each element of an action.
struct TableOutput {
    output: usize,
    element: Vec<usize>,
}

/// How a shock of the solution is read.
enum Reading {
    /// The state of this chain of the model.
    Link { shock: usize, element: Vec<usize> },
    /// The state whose value is nearest.
    Nearest { place: TableOutput, values: Vec<f64> },
    /// The value itself: the policy is interpolated between the nodes of a continuous shock.
    Value(TableOutput),
}

impl Table {
    /// `None` if the solution does not choose this action.
    pub(super) fn new(
        worlds: &Worlds,
        action: usize,
        policy: &Arc<PolicyBetween>,
    ) -> Result<Option<Table>, Diagnostic> {
        let model = &worlds.model;
        let s = policy.solution();
        let act = &model.actions[action];
        let solved: Vec<&str> = s.actions.iter().map(|a| a.name.as_str()).collect();
        let Some(numbers) = chosen(model, action, &solved) else {
            return Ok(None);
        };
        let owner = &model.agents[act.owner].name;
        let mut nodes: Vec<NodeId> = Vec::new();
        let mut place = |name: &str| -> Result<TableOutput, Diagnostic> {
            let (node, element) = readable(model, name, owner, &act.shape)?;
            nodes.push(node);
            Ok(TableOutput {
                output: nodes.len() - 1,
                element,
            })
        };
        let states = s
            .states
            .iter()
            .map(|x| place(&x.name))
            .collect::<Result<Vec<TableOutput>, Diagnostic>>()?;
        let mixed = s.actions.iter().enumerate().find_map(|(k, a)| match &a.kind {
            ActionKind::Finite { values, .. } if a.taste.is_some() => Some((k, values.clone())),
            ActionKind::Finite { .. } | ActionKind::Continuous => None,
        });
        let mixed = mixed.filter(|_| !s.probability.is_empty());
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
        let beside = numbers
            .iter()
            .map(|n| {
                let player = s.players.iter().find(|p| p.actions.contains(n))?;
                let choice = player.own.as_ref()?.choice;
                s.mixed.get(choice).filter(|m| !m.is_empty())?;
                (0..model.actions.len()).find_map(|a| {
                    let element = chosen(model, a, &solved)?.iter().position(|k| *k == choice)?;
                    Some(Beside {
                        choice,
                        action: a,
                        element,
                    })
                })
            })
            .collect();
        Ok(Some(Table {
            beside,
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

    /// What the table says for `action` (the model's), within `bounds` at this stage: one number per member and world, worlds fastest.
    pub(super) fn read(
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
                let at = |p: &TableOutput| values[p.output][p.element[e] * n + w];
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
                if let Some(b) = self.beside[e].filter(|_| !greedy)
                    && self.policy.mixture(b.choice, &spot, &mut chances)
                {
                    mask(bounds, *number == b.choice, e * n + w, &mut chances);
                    let choice = drawn(&chances, worlds.luck(b.action, b.element, w));
                    out[e * n + w] = match (choice, &self.policy.solution().actions[*number].kind) {
                        (Some(c), ActionKind::Finite { values, .. }) if *number == b.choice => values[c],
                        (Some(c), _) => self.policy.action_given(*number, c, &spot),
                        (None, _) => self.policy.action(*number, &spot),
                    };
                    continue;
                }
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
                    None if !greedy && self.policy.mixture(*number, &spot, &mut chances) => {
                        mask(bounds, true, e * n + w, &mut chances);
                        let values = match &self.policy.solution().actions[*number].kind {
                            ActionKind::Finite { values, .. } => values.as_slice(),
                            ActionKind::Continuous => &[],
                        };
                        let choice = drawn(&chances, worlds.luck(action, e, w));
                        choice
                            .and_then(|c| values.get(c).copied())
                            .unwrap_or_else(|| self.policy.action(*number, &spot))
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
    // A block of one member is a single number for everybody.
    if model.graph.elements(from) == 1 {
        return Ok(vec![0; model.graph.elements(shape)]);
    }
    if from.iter().any(|a| !shape.contains(a)) {
        return Err(
            Diagnostic::error("E0815", format!("`{name}` is no single number for the agent that acts"))
                .hint("a policy reads one number per state"),
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
