//! From a checked model to its drawing: the names of the file, what each decision maker sees, what it must respect.

use super::{DrawGroup, DrawNode, Drawing, GroupKind, NodeKind};
use crate::check::model::{Model, Named};
use crate::graph::shape::operands;
use crate::graph::{AxisKind, Interval, NodeId, Phase};
use crate::report::number;
use std::collections::{BTreeMap, BTreeSet};

/// The drawing of `model`.
pub fn drawing_of(model: &Model) -> Drawing {
    let mut maker = Maker {
        model,
        drawing: Drawing {
            title: if model.title.is_empty() {
                model.name.clone()
            } else {
                model.title.clone()
            },
            ..Drawing::default()
        },
        groups: BTreeMap::new(),
        nodes: BTreeMap::new(),
    };
    for named in &model.names {
        maker.named(named);
    }
    for named in &model.names {
        let Some(&user) = maker.nodes.get(&named.name) else {
            continue;
        };
        for used in &named.depends_on {
            maker.edge(used, user);
        }
    }
    maker.own_states();
    maker.observations();
    maker.requirements();
    maker.drawing
}

struct Maker<'a> {
    model: &'a Model,
    drawing: Drawing,
    /// Position of a block by its dotted path.
    groups: BTreeMap<String, usize>,
    /// Position of a node by its dotted name.
    nodes: BTreeMap<String, usize>,
}

impl Maker<'_> {
    fn named(&mut self, named: &Named) {
        let group = self.group(&named.block);
        let own = named
            .name
            .strip_prefix(&format!("{}.", named.block))
            .unwrap_or(&named.name);
        let node = DrawNode {
            name: own.to_string(),
            kind: kind_of(&named.kind),
            group,
            phase: named.phase,
            doc: named.doc.clone(),
            shape: bracketed(&named.shape),
            domain: interval_text(&named.domain),
        };
        self.nodes.insert(named.name.clone(), self.drawing.nodes.len());
        self.drawing.nodes.push(node);
    }

    fn edge(&mut self, used: &str, user: usize) {
        if let Some(&from) = self.nodes.get(used)
            && from != user
            && !self.drawing.edges.contains(&(from, user))
        {
            self.drawing.edges.push((from, user));
        }
    }

    /// The group of a block and of the blocks around it, made when first met.
    fn group(&mut self, path: &str) -> Option<usize> {
        if path.is_empty() {
            return None;
        }
        if let Some(&known) = self.groups.get(path) {
            return Some(known);
        }
        let parent = path.rsplit_once('.').and_then(|(outer, _)| self.group(outer));
        let name = path.rsplit('.').next().unwrap_or(path);
        let kind = self.kind_of_block(path, name);
        let word = match kind {
            GroupKind::Agent => "agent",
            GroupKind::Market => "market",
            GroupKind::Group => "group",
        };
        self.groups.insert(path.to_string(), self.drawing.groups.len());
        self.drawing.groups.push(DrawGroup {
            label: format!("{word} {name}{}", self.size_of(path, name)),
            kind,
            parent,
        });
        self.groups.get(path).copied()
    }

    fn kind_of_block(&self, path: &str, name: &str) -> GroupKind {
        if self.model.agents.iter().any(|a| a.name == path || a.name == name) {
            GroupKind::Agent
        } else if self.population(path, name).is_some() {
            GroupKind::Group
        } else {
            GroupKind::Market
        }
    }

    fn population(&self, path: &str, name: &str) -> Option<&crate::graph::Axis> {
        let axes = &self.model.graph.axes;
        axes.iter()
            .find(|a| a.kind == AxisKind::Population && (a.name == path || a.name == name))
    }

    /// `[10]`, `[continuum]`, or nothing for a single one.
    fn size_of(&self, path: &str, name: &str) -> String {
        match self.population(path, name) {
            Some(axis) if axis.continuum => "[continuum]".to_string(),
            Some(axis) => format!("[{}]", axis.size),
            None => String::new(),
        }
    }

    /// A law of motion that reads its own state: found in the graph, on ways that pass no other name.
    fn own_states(&mut self) {
        let model = self.model;
        let named: BTreeSet<NodeId> = model.names.iter().map(|n| n.node).collect();
        for state in &model.states {
            let Some(&user) = self.nodes.get(&format!("{}'", state.name)) else {
                continue;
            };
            let mut seen = BTreeSet::from([state.next]);
            let mut todo = vec![state.next];
            while let Some(at) = todo.pop() {
                let Some(node) = model.graph.nodes.get(at.0 as usize) else {
                    continue;
                };
                for operand in operands(&node.op) {
                    if operand == state.node {
                        self.edge(&state.name, user);
                    } else if !named.contains(&operand) && seen.insert(operand) {
                        todo.push(operand);
                    }
                }
            }
        }
    }

    /// One node for what each decision maker sees, between what is seen and what is chosen.
    fn observations(&mut self) {
        for agent in &self.model.agents {
            if agent.observation.is_empty() || agent.actions.is_empty() {
                continue;
            }
            let path = self.path_of_agent(&agent.name);
            let names: Vec<&str> = agent.observation.iter().map(|o| o.name.as_str()).collect();
            let node = self.extra(
                &path,
                "observe",
                NodeKind::Observation,
                Phase::Observed,
                &names.join(", "),
            );
            for text in names {
                for used in self.names_in(text, &path) {
                    self.edge(&used, node);
                }
            }
            for action in &agent.actions {
                let action = &self.model.actions[*action].name;
                if let Some(&to) = self.nodes.get(action.as_str()) {
                    self.drawing.edges.push((node, to));
                }
            }
        }
    }

    fn requirements(&mut self) {
        for require in &self.model.requires {
            let path = require
                .agent
                .map_or(String::new(), |a| self.path_of_agent(&self.model.agents[a].name));
            let phase = self
                .model
                .graph
                .nodes
                .get(require.condition.0 as usize)
                .map_or(Phase::Cleared, |n| n.phase);
            let node = self.extra(&path, &require.text, NodeKind::Constraint, phase, "required");
            for used in self.names_in(&require.text, &path) {
                self.edge(&used, node);
            }
        }
    }

    fn extra(&mut self, path: &str, name: &str, kind: NodeKind, phase: Phase, doc: &str) -> usize {
        let group = self.group(path);
        self.drawing.nodes.push(DrawNode {
            name: name.to_string(),
            kind,
            group,
            phase,
            doc: doc.to_string(),
            shape: String::new(),
            domain: String::new(),
        });
        self.drawing.nodes.len() - 1
    }

    /// The path of an agent's block: agents in groups stand below them.
    fn path_of_agent(&self, name: &str) -> String {
        if self.groups.contains_key(name) {
            return name.to_string();
        }
        let below = format!(".{name}");
        self.groups
            .keys()
            .find(|p| p.ends_with(&below))
            .cloned()
            .unwrap_or_else(|| name.to_string())
    }

    /// The dotted names that an expression of the block at `path` mentions.
    fn names_in(&self, text: &str, path: &str) -> Vec<String> {
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.' || c == '\''));
        words
            .filter(|w| !w.is_empty())
            .filter_map(|w| self.resolved(w, path))
            .collect()
    }

    /// A word as seen from a block: its own names, those of the blocks around it, the top level, then names of markets.
    fn resolved(&self, word: &str, path: &str) -> Option<String> {
        let mut at = path;
        loop {
            let full = if at.is_empty() {
                word.to_string()
            } else {
                format!("{at}.{word}")
            };
            if self.nodes.contains_key(&full) {
                return Some(full);
            }
            if at.is_empty() {
                break;
            }
            at = at.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
        let below = format!(".{word}");
        let mut found = self.nodes.keys().filter(|n| n.ends_with(&below));
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => None,
        }
    }
}

fn kind_of(word: &str) -> NodeKind {
    match word {
        "param" => NodeKind::Parameter,
        "state" => NodeKind::State,
        "shock" => NodeKind::Shock,
        "noise" => NodeKind::Noise,
        "action" => NodeKind::Action,
        "price" => NodeKind::Price,
        "aggregate" => NodeKind::Aggregate,
        "reward" => NodeKind::Reward,
        "transition" => NodeKind::Transition,
        _ => NodeKind::Let,
    }
}

/// `[household, good]` of the checker's `household[2] x good[3]`; nothing for a single number.
fn bracketed(shape: &str) -> String {
    let axes: Vec<&str> = shape
        .split(" x ")
        .filter_map(|axis| axis.split('[').next())
        .map(str::trim)
        .collect();
    match axes[..] {
        [] | ["" | "one number"] => String::new(),
        _ => format!("[{}]", axes.join(", ")),
    }
}

/// `[0, inf)`, `1..10`, `0.96` for a single number.
pub fn interval_text(domain: &Interval) -> String {
    let (lo, hi) = (number::compact(domain.lo), number::compact(domain.hi));
    if domain.lo == domain.hi {
        return lo;
    }
    if domain.integer && domain.lo.is_finite() && domain.hi.is_finite() {
        return format!("{lo}..{hi}");
    }
    let open = if domain.lo_open || domain.lo.is_infinite() {
        '('
    } else {
        '['
    };
    let close = if domain.hi_open || domain.hi.is_infinite() {
        ')'
    } else {
        ']'
    };
    format!("{open}{lo}, {hi}{close}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::draw::phase_word;

    fn model(name: &str) -> Drawing {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/{name}.econ"));
        let source = std::fs::read_to_string(path).unwrap();
        let (model, diagnostics) = crate::compile(&source, &crate::Options::default());
        drawing_of(&model.unwrap_or_else(|| panic!("{diagnostics:?}")))
    }

    fn phase(drawing: &Drawing, name: &str) -> String {
        let at = (0..drawing.nodes.len())
            .find(|&i| drawing.full_name(i) == name)
            .unwrap_or_else(|| panic!("{name}"));
        phase_word(drawing.nodes[at].phase)
    }

    fn uses(drawing: &Drawing, user: &str) -> Vec<String> {
        let at = (0..drawing.nodes.len())
            .find(|&i| drawing.full_name(i) == user)
            .unwrap();
        let mut names: Vec<String> = drawing
            .edges
            .iter()
            .filter(|e| e.1 == at)
            .map(|e| drawing.full_name(e.0))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn growth_is_drawn_as_written() {
        let drawing = model("growth");
        assert_eq!(drawing.groups[0].label, "agent planner");
        assert_eq!(phase(&drawing, "planner.y"), "dated");
        assert_eq!(phase(&drawing, "planner.c"), "acted");
        assert_eq!(uses(&drawing, "planner.y"), ["alpha", "planner.k", "z"]);
        assert_eq!(
            uses(&drawing, "planner.k'"),
            ["delta", "planner.k", "planner.s", "planner.y"]
        );
        assert_eq!(uses(&drawing, "planner.observe"), ["planner.k", "z"]);
        assert!(uses(&drawing, "planner.s").contains(&"planner.observe".to_string()));
    }

    #[test]
    fn prices_of_dated_quantities_are_dated() {
        let drawing = model("krusell_smith");
        assert_eq!(phase(&drawing, "factors.r"), "dated");
        let labels: Vec<&str> = drawing.groups.iter().map(|g| g.label.as_str()).collect();
        assert!(
            labels.contains(&"agent household[continuum]") && labels.contains(&"market factors"),
            "{labels:?}"
        );
    }

    #[test]
    fn every_model_can_be_drawn() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "econ") {
                continue;
            }
            let (model, _) = crate::compile(&std::fs::read_to_string(&path).unwrap(), &crate::Options::default());
            let Some(model) = model else { continue };
            let drawing = drawing_of(&model);
            let svg = drawing.to_svg(false);
            assert!(svg.ends_with("</svg>\n"), "{}", path.display());
            if let Ok(directory) = std::env::var("ECONC_PICTURES") {
                let name = format!("model-{}.svg", path.file_stem().unwrap().to_str().unwrap());
                std::fs::write(std::path::Path::new(&directory).join(name), svg).unwrap();
            }
        }
    }

    #[test]
    fn intervals_are_written_as_in_the_language() {
        let interval = |lo, hi, integer| Interval {
            lo,
            hi,
            lo_open: false,
            hi_open: true,
            integer,
        };
        assert_eq!(interval_text(&interval(0.0, f64::INFINITY, false)), "[0, inf)");
        assert_eq!(interval_text(&interval(0.0, 1.5, false)), "[0, 1.5)");
        assert_eq!(interval_text(&interval(1.0, 10.0, true)), "1..10");
        assert_eq!(interval_text(&interval(0.96, 0.96, false)), "0.96");
        assert_eq!(interval_text(&interval(f64::NEG_INFINITY, 0.0, false)), "(-inf, 0)");
    }
}
