//! What a central critic sees: all that has happened when it is a seat's turn, also what the seat does not see.
//!
//! Items are the states and shocks of the model and the observations of everybody who chooses at this stage or before. Of an item that
//! every member of the agent has, a member sees its own and, as a set, those of the others: their mean and, from two others on,
//! their standard deviation, so that the order of the others does not matter. Of all other items it sees every number, or, of more than
//! `MOST`, mean and standard deviation. Nothing of it reaches a policy.

use super::able::able;
use super::interface::Code;
use crate::check::model::Model;
use crate::graph::shape::aligned;
use crate::graph::{NodeId, Shape};

/// Most numbers of one item that are seen one by one.
const MOST: usize = 32;

/// How the numbers of an item are seen by a member.
#[derive(Clone, Debug)]
enum View {
    /// Its own (by member and column, column fastest, the element) beside those of the others.
    Own(Vec<usize>),
    /// All of them, of so many.
    All(usize),
    /// Their mean and standard deviation.
    Sum(usize),
}

/// One item.
#[derive(Clone, Debug)]
struct Item {
    view: View,
    code: Code,
}

/// What a central critic of one agent sees.
#[derive(Clone, Debug)]
pub struct Joint {
    /// Nodes of the items: one per item.
    pub nodes: Vec<NodeId>,
    items: Vec<Item>,
    members: usize,
    width: usize,
    /// Whether it is what the agent sees, and nothing else.
    nothing_more: bool,
}

impl Joint {
    /// For agent number `agent`, who chooses at `stage`.
    pub fn new(model: &Model, agent: usize, stage: usize) -> Joint {
        let own = &model.agents[agent].shape;
        let members = model.graph.elements(own);
        let mut seen: Vec<(NodeId, Option<usize>)> = Vec::new();
        let mut add = |node: NodeId, links: Option<usize>| {
            let constant = model.graph.nodes[node.0 as usize].domain.as_point().is_some();
            if !constant && seen.iter().all(|(n, _)| *n != node) {
                seen.push((node, links));
            }
        };
        let observed = |a: usize| model.agents[a].observation.iter().map(|o| (o.node, o.links));
        observed(agent).for_each(|(n, l)| add(n, l));
        let mine = observed(agent).count();
        model.states.iter().for_each(|s| add(s.node, None));
        model.shocks.iter().for_each(|s| add(s.node, None));
        for other in able(model).into_iter().filter(|a| *a != agent) {
            let first = model.agents[other].actions.first().map(|a| model.actions[*a].stage);
            if first.is_some_and(|s| s <= stage) {
                observed(other).for_each(|(n, l)| add(n, l));
            }
        }
        let nothing_more = members == 1 && seen.len() <= mine;
        let nodes: Vec<NodeId> = seen.iter().map(|(n, _)| *n).collect();
        let items: Vec<Item> = seen
            .into_iter()
            .map(|(n, links)| {
                let node = &model.graph.nodes[n.0 as usize];
                let elements = model.graph.elements(&node.shape);
                let of_members = members > 1 && own.iter().all(|a| node.shape.contains(a));
                let view = if of_members {
                    let beyond = node.shape.iter().copied().filter(|a| !own.contains(a));
                    let full: Shape = own.iter().copied().chain(beyond).collect();
                    View::Own(aligned(&model.graph, &node.shape, &full))
                } else if elements <= MOST {
                    View::All(elements)
                } else {
                    View::Sum(elements)
                };
                Item {
                    view,
                    code: Code::of(&node.domain, links),
                }
            })
            .collect();
        let width: usize = items.iter().map(|i| i.width(members)).sum();
        Joint {
            nodes,
            items,
            members,
            // A network needs one number at least.
            width: width.max(1),
            nothing_more,
        }
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether it is what the agent sees, and nothing else: then a central critic is the usual one.
    pub fn nothing_more(&self) -> bool {
        self.nothing_more
    }

    /// Writes rows, `slot x width` (`slot = world * members + member`), from the values of [`Self::nodes`]: one array per node,
    /// `element x world`.
    pub fn observe(&self, values: &[Vec<f64>], worlds: usize, out: &mut [f32]) {
        if self.items.is_empty() {
            out.fill(1.0);
        }
        let mut from = 0;
        let mut codes = Vec::new();
        for (item, values) in self.items.iter().zip(values) {
            crate::limits::poll();
            let wide = item.code.width();
            for w in 0..worlds {
                // Every element as the network reads it, `element x wide`.
                codes.clear();
                for e in 0..values.len() / worlds {
                    item.code.push(values[e * worlds + w], &mut codes);
                }
                for m in 0..self.members {
                    let at = (w * self.members + m) * self.width + from;
                    item.write(
                        m,
                        self.members,
                        wide,
                        &codes,
                        &mut out[at..at + item.width(self.members)],
                    );
                }
            }
            from += item.width(self.members);
        }
    }
}

/// Mean and standard deviation of column `k` over the elements; `codes` is `element x wide`.
fn moments(elements: impl Iterator<Item = usize> + Clone, codes: &[f32], wide: usize, k: usize) -> (f32, f32) {
    let n = elements.clone().count().max(1) as f64;
    let value = |e: usize| f64::from(codes[e * wide + k]);
    let mean = elements.clone().map(value).sum::<f64>() / n;
    let variance = elements.map(|e| (value(e) - mean).powi(2)).sum::<f64>() / n;
    (mean as f32, variance.sqrt() as f32)
}

impl Item {
    fn width(&self, members: usize) -> usize {
        self.code.width()
            * match &self.view {
                View::Own(map) => map.len() / members * if members > 2 { 3 } else { 2 },
                View::All(n) => *n,
                View::Sum(_) => 2,
            }
    }

    /// What member `m` sees of the item, of which `codes` has every element.
    fn write(&self, m: usize, members: usize, wide: usize, codes: &[f32], out: &mut [f32]) {
        match &self.view {
            View::All(_) => out.copy_from_slice(codes),
            View::Sum(n) => {
                for k in 0..wide {
                    (out[k], out[wide + k]) = moments(0..*n, codes, wide, k);
                }
            }
            View::Own(map) => {
                let columns = map.len() / members;
                let each = out.len() / columns;
                for c in 0..columns {
                    let element = |i: usize| map[i * columns + c];
                    let row = &mut out[c * each..(c + 1) * each];
                    row[..wide].copy_from_slice(&codes[element(m) * wide..(element(m) + 1) * wide]);
                    for k in 0..wide {
                        let others = (0..members).filter(|i| *i != m).map(element);
                        let (mean, sd) = moments(others, codes, wide, k);
                        row[wide + k] = mean;
                        if members > 2 {
                            row[2 * wide + k] = sd;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(text: &str) -> Model {
        crate::compile(text, &crate::Options::default()).0.expect("a model")
    }

    /// Three members with a hidden state each, and one state of nobody that is seen.
    const TEXT: &str = "state z in [0, 2], start 1\nz' = z\n\
        agent a[3] {\n  state k in [0, 4], start 1\n  action n in [0, 1]\n  k' = clamp(k + n, 0, 4)\n  observe z\n  reward k\n  discount 0.5\n}\n";

    #[test]
    fn a_member_sees_its_own_hidden_state_and_those_of_the_others_as_a_set() {
        let model = model(TEXT);
        let joint = Joint::new(&model, 0, 0);
        // z; own k, mean and standard deviation of the others' k.
        assert_eq!(joint.width(), 4);
        assert!(!joint.nothing_more());
        let z = model.states.iter().position(|s| s.name == "z").expect("z");
        let at = |n: NodeId| joint.nodes.iter().position(|x| *x == n).expect("an item");
        let k = model.states.iter().position(|s| s.name.ends_with('k')).expect("k");
        let (iz, ik) = (at(model.states[z].node), at(model.states[k].node));
        assert_eq!((iz, ik), (0, 1));
        // One world: z = 2, k = 0, 2, 4; and the same with the second and third exchanged.
        let rows = |k: [f64; 3]| {
            let mut out = vec![0.0; 12];
            joint.observe(&[vec![2.0], k.to_vec()], 1, &mut out);
            out
        };
        let out = rows([0.0, 2.0, 4.0]);
        // Scaled to [-1, 1]: z 1; k -1, 0, 1.
        assert_eq!(out[..4], [1.0, -1.0, 0.5, 0.5]);
        assert_eq!(out[4..8], [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(out[8..], [1.0, 1.0, -0.5, 0.5]);
        let exchanged = rows([0.0, 4.0, 2.0]);
        assert_eq!(exchanged[..4], out[..4]);
        assert_eq!(exchanged[4..8], out[8..]);
    }

    #[test]
    fn one_who_sees_everything_is_told_nothing_more() {
        let one = |observe: &str| {
            let text = TEXT.replace("a[3]", "a").replace("observe z", observe);
            Joint::new(&model(&text), 0, 0)
        };
        assert!(one("observe z, k").nothing_more());
        assert!(!one("observe z").nothing_more());
        assert_eq!(one("observe z").width(), 2);
    }
}
