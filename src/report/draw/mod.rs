//! The environment graph as people read it: a drawing, a DOT file, a table.
//!
//! A [`Drawing`] is plain data: named quantities and which uses which. It is drawn from left to right along the period,
//! a column for each phase, one lane for each agent, market or group, boxes around what belongs together. The layout
//! stands in `layout`, the SVG in `svg`, Graphviz' language in `dot`.

mod dot;
mod from_model;
mod layout;
mod svg;

pub use from_model::{drawing_of, interval_text};

use super::table::Table;
use crate::graph::Phase;
use serde::{Deserialize, Serialize};

/// Named quantities of a model and which uses which.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Drawing {
    /// Heading.
    pub title: String,
    /// Agents, markets and groups, in the order of the file.
    pub groups: Vec<DrawGroup>,
    /// The quantities, in the order of the file.
    pub nodes: Vec<DrawNode>,
    /// `(used, user)`, one pair of positions in `nodes` per use.
    pub edges: Vec<(usize, usize)>,
}

/// An agent, a market or a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawGroup {
    /// As declared, with its size: `agent household[N]`.
    pub label: String,
    /// What it is.
    pub kind: GroupKind,
    /// The group it stands in: position in `groups`, smaller than its own.
    pub parent: Option<usize>,
}

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    /// A decision maker or a population of them.
    Agent,
    /// A market.
    Market,
    /// `group x[M] { .. }`
    Group,
}

/// A named quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawNode {
    /// As written in its own block (`k`, `k'`, `reward`).
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// The group it belongs to: position in [`Drawing::groups`]; `None` at top level.
    pub group: Option<usize>,
    /// When it is known.
    pub phase: Phase,
    /// Its description in the file; may be empty.
    pub doc: String,
    /// Its axes as text: `[household, good]`; empty for a scalar.
    pub shape: String,
    /// Its domain as text: `[0, inf)`; may be empty.
    pub domain: String,
}

/// What a quantity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// A number of the model. In the table; in the picture only with [`Drawing::to_svg`]'s `parameters`.
    Parameter,
    /// A state at this date.
    State,
    /// A shock at this date.
    Shock,
    /// What a decision maker chooses.
    Action,
    /// A disturbance nobody knew while acting.
    Noise,
    /// A definition.
    Let,
    /// A price.
    Price,
    /// Another aggregate that takers take as given.
    Aggregate,
    /// What a decision maker sees.
    Observation,
    /// A constraint.
    Constraint,
    /// What a decision maker gets.
    Reward,
    /// The next value of a state.
    Transition,
}

/// All kinds, in the order of the legend.
const KINDS: [NodeKind; 12] = [
    NodeKind::Parameter,
    NodeKind::State,
    NodeKind::Shock,
    NodeKind::Observation,
    NodeKind::Action,
    NodeKind::Noise,
    NodeKind::Let,
    NodeKind::Aggregate,
    NodeKind::Price,
    NodeKind::Constraint,
    NodeKind::Reward,
    NodeKind::Transition,
];

impl NodeKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            NodeKind::Parameter => "parameter",
            NodeKind::State => "state",
            NodeKind::Shock => "shock",
            NodeKind::Action => "action",
            NodeKind::Noise => "noise",
            NodeKind::Let => "definition",
            NodeKind::Price => "price",
            NodeKind::Aggregate => "aggregate",
            NodeKind::Observation => "observation",
            NodeKind::Constraint => "constraint",
            NodeKind::Reward => "reward",
            NodeKind::Transition => "transition",
        }
    }
}

/// The column a phase is drawn in: 0 constant, 1 dated, 2 observed, 3.. acted by stage, then cleared, then moved.
fn column_of(phase: Phase) -> usize {
    match phase {
        Phase::Constant => 0,
        Phase::Dated => 1,
        Phase::Observed => 2,
        Phase::Acted(stage) => 3 + stage as usize,
        Phase::Cleared => 300,
        Phase::Moved => 301,
    }
}

/// The phase in whose columns a node is drawn: next states always stand last and rewards never before the choices, even
/// where they do not depend on them.
fn shown_phase(node: &DrawNode) -> Phase {
    match node.kind {
        NodeKind::Transition => Phase::Moved,
        NodeKind::Reward => node.phase.max(Phase::Acted(0)),
        _ => node.phase,
    }
}

/// A phase in words, as in the heading of its column.
pub fn phase_word(phase: Phase) -> String {
    match phase {
        Phase::Constant => "constant".to_string(),
        Phase::Dated => "dated".to_string(),
        Phase::Observed => "observed".to_string(),
        Phase::Acted(0) => "acted".to_string(),
        Phase::Acted(stage) => format!("acted, stage {}", u32::from(stage) + 1),
        Phase::Cleared => "cleared".to_string(),
        Phase::Moved => "moved".to_string(),
    }
}

impl Drawing {
    /// The drawing as a self-contained SVG document; `parameters`: with the parameters.
    pub fn to_svg(&self, parameters: bool) -> String {
        svg::draw(&self.picked(parameters))
    }

    /// The drawing in the language of Graphviz; `parameters`: with the parameters.
    pub fn to_dot(&self, parameters: bool) -> String {
        dot::write(&self.picked(parameters))
    }

    /// One row per quantity: `name | kind | known in | shape | domain | depends on`.
    pub fn to_table(&self) -> Table {
        let column = |f: &dyn Fn(usize) -> String| (0..self.nodes.len()).map(f).collect::<Vec<String>>();
        let uses = |i: usize| {
            let names: Vec<String> = self
                .edges
                .iter()
                .filter(|e| e.1 == i && e.0 < self.nodes.len())
                .map(|e| self.seen_from(e.0, i))
                .collect();
            names.join(", ")
        };
        Table::new()
            .texts("name", column(&|i| self.full_name(i)))
            .texts("kind", column(&|i| self.nodes[i].kind.word().to_string()))
            .texts("known in", column(&|i| phase_word(self.nodes[i].phase)))
            .texts("shape", column(&|i| self.nodes[i].shape.clone()))
            .texts("domain", column(&|i| self.nodes[i].domain.clone()))
            .texts("depends on", column(&uses))
    }

    /// The name with its owner: `household.k`.
    pub fn full_name(&self, node: usize) -> String {
        let node = &self.nodes[node];
        match node.group.and_then(|g| self.groups.get(g)) {
            Some(group) => format!("{}.{}", owner_name(&group.label), node.name),
            None => node.name.clone(),
        }
    }

    /// The axes of a node beyond those of the population it belongs to: what goes without saying in its box.
    fn extra_shape(&self, node: usize) -> String {
        let node = &self.nodes[node];
        let mut own = Vec::new();
        let mut at = node.group;
        while let Some(group) = at.and_then(|g| self.groups.get(g)) {
            own.push(owner_name(&group.label));
            at = group.parent.filter(|p| Some(*p) < at);
        }
        let axes: Vec<&str> = node
            .shape
            .trim_matches(['[', ']'])
            .split(',')
            .map(str::trim)
            .filter(|axis| !axis.is_empty() && !own.contains(axis))
            .collect();
        if axes.is_empty() {
            String::new()
        } else {
            format!("[{}]", axes.join(", "))
        }
    }

    /// The name as it would be written in the block of `from`.
    fn seen_from(&self, node: usize, from: usize) -> String {
        if self.nodes[node].group == self.nodes[from].group {
            self.nodes[node].name.clone()
        } else {
            self.full_name(node)
        }
    }

    /// The part that is drawn: valid edges, and parameters only if asked for.
    fn picked(&self, parameters: bool) -> Drawing {
        let kept: Vec<usize> = (0..self.nodes.len())
            .filter(|&i| parameters || self.nodes[i].kind != NodeKind::Parameter)
            .collect();
        let place = |i: usize| kept.binary_search(&i).ok();
        let mut edges: Vec<(usize, usize)> = self
            .edges
            .iter()
            .filter_map(|&(a, b)| Some((place(a)?, place(b)?)))
            .filter(|(a, b)| a != b)
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let groups: Vec<DrawGroup> = self
            .groups
            .iter()
            .enumerate()
            .map(|(i, g)| DrawGroup {
                parent: g.parent.filter(|p| *p < i),
                ..g.clone()
            })
            .collect();
        let nodes = kept.iter().map(|&i| DrawNode {
            group: self.nodes[i].group.filter(|g| *g < groups.len()),
            ..self.nodes[i].clone()
        });
        Drawing {
            title: self.title.clone(),
            nodes: nodes.collect(),
            groups,
            edges,
        }
    }
}

/// `household` of `agent household[i in 1..N]`: the last word before the size and before what follows a comma.
fn owner_name(label: &str) -> &str {
    let name = label.split(['[', ',']).next().unwrap_or(label).trim_end();
    name.rsplit(' ').next().unwrap_or(name)
}

#[cfg(test)]
mod tests;
