//! Where the states, shocks and actions of a solution stand in its model, found by their names; and which elements of something are
//! one member's.

use crate::check::Model;
use crate::graph::AxisId;
use crate::graph::shape::element_name;
use std::ops::Range;

/// The number of a state and the element of it that has this name in a solution.
pub fn state(model: &Model, wanted: &str) -> Option<(usize, usize)> {
    let all = model.states.iter().map(|s| {
        let shape = &model.graph.inputs[s.input.0 as usize].shape;
        (s.name.as_str(), shape.as_slice(), s.owner)
    });
    find(model, all, wanted)
}

/// The number of a shock and the element of it.
pub fn shock(model: &Model, wanted: &str) -> Option<(usize, usize)> {
    let all = model.shocks.iter();
    find(
        model,
        all.map(|s| (s.name.as_str(), s.shape.as_slice(), s.owner)),
        wanted,
    )
}

/// The number of an action and the element of it.
pub fn action(model: &Model, wanted: &str) -> Option<(usize, usize)> {
    let all = model.actions.iter();
    find(
        model,
        all.map(|a| (a.name.as_str(), a.shape.as_slice(), Some(a.owner))),
        wanted,
    )
}

fn find<'a>(
    model: &Model,
    mut names: impl Iterator<Item = (&'a str, &'a [AxisId], Option<usize>)>,
    wanted: &str,
) -> Option<(usize, usize)> {
    let bare = wanted.split('[').next()?;
    let number = names.by_ref().enumerate().find(|(_, (name, ..))| *name == bare)?;
    let (i, (name, shape, owner)) = number;
    let all = model.graph.elements(shape);
    let own = owner.map_or(1, |a| model.graph.elements(&model.agents[a].shape).max(1));
    // All elements are told apart, or those of one member.
    [all, all / own]
        .into_iter()
        .find_map(|n| (0..n).find(|e| element_name(&model.graph, name, shape, *e, n) == wanted))
        .map(|e| (i, e))
}

/// Which of the `elements` of something that each member of an agent has, the members before all other axes, are one member's (from 0);
/// all where everybody's count. What all members share is each one's.
pub fn own(model: &Model, agent: usize, member: Option<usize>, elements: usize) -> Range<usize> {
    let members = model.graph.elements(&model.agents[agent].shape).max(1);
    match member {
        Some(m) if elements >= members && elements.is_multiple_of(members) => {
            let each = elements / members;
            m * each..(m + 1) * each
        }
        Some(_) => 0..elements.min(1),
        None => 0..elements,
    }
}
