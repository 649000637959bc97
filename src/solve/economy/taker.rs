//! One who takes what others do as given, beside the economy: a price taker, or a player of an open-loop game.
//!
//! The economy goes on as it does. Beside it stands somebody with choices of his own, who meets the economy's prices and shocks, and what
//! everybody else does in it: his rewards, limits and laws are those of the member that he stands for, but what he does moves no price that he
//! takes as given and no choice of others. Every state that he moves has a second copy, which is his. Where he does what that member does he has
//! what that member has.

use crate::check::model::{Agent, Model, Observation, Otherwise, Space};
use crate::diag::Diagnostic;
use crate::graph::build::for_operands;
use crate::graph::shape::operands;
use crate::graph::{Graph, Input, InputId, InputKind, Node, NodeId, Op};

/// The economy with somebody beside it.
pub struct Beside {
    /// The model: that of the economy, with one more agent.
    pub model: Model,
    /// The number of the agent beside it.
    pub agent: usize,
    /// Each of its actions with the one it stands for: (the economy's, its own), numbers of the model's actions.
    pub actions: Vec<(usize, usize)>,
    /// Each of its states with the one it stands for.
    pub states: Vec<(usize, usize)>,
}

/// Puts one of an agent's members (from 0; `None` where there is one) beside the economy. It takes `prices`, one number of the model's
/// prices per price, and what all others do.
///
/// # Errors
/// E0810 for an agent that follows rules, and where what it does moves a price that clears and that it does not take.
pub fn beside(model: &Model, agent: usize, member: Option<usize>, prices: &[usize]) -> Result<Beside, Diagnostic> {
    let who = &model.agents[agent];
    if !who.rules.is_empty() {
        let why = format!("`{}` takes prices as given and follows rules", who.name);
        return Err(alone(who, why));
    }
    let taken: Vec<NodeId> = prices.iter().map(|p| model.prices[*p].node).collect();
    let mut copy = Copying {
        model,
        agent,
        out: model.clone(),
        own: Vec::new(),
        states: Vec::new(),
        actions: Vec::new(),
        map: Vec::with_capacity(model.graph.nodes.len()),
    };
    copy.inputs(moved_by(model, &who.actions, &taken, agent));
    copy.nodes(member, &taken)?;
    copy.laws();
    copy.choices();
    copy.limits();
    Ok(copy.finish())
}

fn alone(who: &Agent, why: String) -> Diagnostic {
    super::cannot(why).at(who.span, "takes prices as given")
}

/// What is his beside what is the economy's.
fn single(name: &str) -> String {
    format!("single {name}")
}

/// A model and what was copied of it so far.
struct Copying<'a> {
    model: &'a Model,
    agent: usize,
    out: Model,
    /// Inputs of his own for his states and actions: (the economy's, his).
    own: Vec<(InputId, InputId)>,
    /// As in [`Beside`].
    states: Vec<(usize, usize)>,
    actions: Vec<(usize, usize)>,
    /// The node that he meets in place of each of the economy's.
    map: Vec<NodeId>,
}

impl Copying<'_> {
    fn who(&self) -> &Agent {
        &self.model.agents[self.agent]
    }

    fn moved(&self, node: &NodeId) -> NodeId {
        self.map[node.0 as usize]
    }

    /// His input in place of one of the economy's, if he has one, and its node.
    fn input(&self, old: InputId) -> (InputId, Option<NodeId>) {
        let input = self.own.iter().find(|o| o.0 == old).map_or(old, |o| o.1);
        let node = self.out.graph.nodes.iter().position(|n| n.op == Op::Input(input));
        (input, node.map(|n| NodeId(n as u32)))
    }

    /// Inputs for his actions and for copies of the `states` that he moves.
    fn inputs(&mut self, states: Vec<usize>) {
        for i in states {
            let to = self.model.states.len() + self.states.len();
            self.fresh(self.model.states[i].input, InputKind::State(to));
            self.states.push((i, to));
        }
        for a in &self.who().actions.clone() {
            let to = self.model.actions.len() + self.actions.len();
            self.fresh(self.model.actions[*a].input, InputKind::Action(to));
            self.actions.push((*a, to));
        }
    }

    fn fresh(&mut self, old: InputId, kind: InputKind) {
        let inputs = &mut self.out.graph.inputs;
        let like = &inputs[old.0 as usize];
        let (name, shape) = (single(&like.name), like.shape.clone());
        inputs.push(Input { name, kind, shape });
        self.own.push((old, InputId(inputs.len() as u32 - 1)));
    }

    /// 1 for the member that he stands for, 0 for all others.
    fn mask(&mut self, member: usize) -> NodeId {
        let who = self.who().clone();
        let size = self.model.graph.elements(&who.shape);
        let like = Node {
            op: Op::Table((0..size).map(|i| f64::from(u8::from(i == member))).collect()),
            shape: who.shape,
            domain: crate::graph::Interval {
                lo: 0.0,
                hi: 1.0,
                lo_open: false,
                hi_open: false,
                integer: true,
            },
            phase: crate::graph::Phase::Constant,
            span: who.span,
        };
        push(&mut self.out.graph, like)
    }

    /// What he meets: the economy's nodes where nothing of his own is read, else copies.
    ///
    /// # Errors
    /// E0810 where what he does moves a price that clears and is not `taken`.
    fn nodes(&mut self, member: Option<usize>, taken: &[NodeId]) -> Result<(), Diagnostic> {
        let mask = member.map(|m| self.mask(m));
        let g = &self.model.graph;
        for (i, node) in g.nodes.iter().enumerate() {
            let id = NodeId(i as u32);
            let to = match &node.op {
                _ if taken.contains(&id) => id,
                Op::Input(input) => self.copied_input(id, *input, mask),
                Op::Root { root, .. } => {
                    let residuals = &g.roots[*root].residuals;
                    if residuals
                        .iter()
                        .any(|r| self.map.get(r.0 as usize).is_some_and(|m| m != r))
                    {
                        let name = &self.who().name;
                        let why = format!("what `{name}` does moves a price that it does not take as given");
                        return Err(alone(self.who(), why).at(node.span, "this price"));
                    }
                    id
                }
                op if operands(op).iter().all(|o| self.moved(o) == *o) => id,
                _ => {
                    let mut copy = node.clone();
                    for_operands(&mut copy.op, &mut |o| *o = self.map[o.0 as usize]);
                    push(&mut self.out.graph, copy)
                }
            };
            self.map.push(to);
        }
        Ok(())
    }

    /// His own input, if he has one; what others do is what they do in the economy.
    fn copied_input(&mut self, id: NodeId, input: InputId, mask: Option<NodeId>) -> NodeId {
        let Some((_, to)) = self.own.iter().find(|(from, _)| *from == input) else {
            return id;
        };
        let node = &self.model.graph.nodes[id.0 as usize];
        let like = |op: Op| Node { op, ..node.clone() };
        let mine = push(&mut self.out.graph, like(Op::Input(*to)));
        // Of states of members, those of others are the economy's, too.
        let of_members = match self.model.graph.inputs[input.0 as usize].kind {
            InputKind::Action(_) => true,
            InputKind::State(s) => self.model.states[s].owner == Some(self.agent),
            _ => false,
        };
        match mask.filter(|_| of_members) {
            Some(mask) => push(&mut self.out.graph, like(Op::Select(mask, mine, id))),
            None => mine,
        }
    }

    /// His states and how they move.
    fn laws(&mut self) {
        let number = self.model.agents.len();
        for (from, _) in self.states.clone() {
            let mut s = self.model.states[from].clone();
            let (input, Some(node)) = self.input(s.input) else {
                continue;
            };
            (s.input, s.node) = (input, node);
            s.name = single(&s.name);
            s.owner = s.owner.map(|a| if a == self.agent { number } else { a });
            s.next = self.moved(&s.next);
            self.out.states.push(s);
        }
    }

    /// His actions and what they choose from.
    fn choices(&mut self) {
        for (from, _) in self.actions.clone() {
            let mut a = self.model.actions[from].clone();
            let (input, node) = self.input(a.input);
            (a.input, a.node) = (input, node.unwrap_or(a.node));
            a.name = single(&a.name);
            a.owner = self.model.agents.len();
            match &mut a.space {
                Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => {
                    (*lo, *hi) = (self.moved(lo), self.moved(hi));
                }
                Space::Finite { masks, .. } => masks.iter_mut().flatten().for_each(|m| *m = self.moved(m)),
                Space::Simplex(_) => {}
            }
            self.out.actions.push(a);
        }
    }

    /// What he must keep to, and when he ends.
    fn limits(&mut self) {
        let number = self.model.agents.len();
        for r in self.model.requires.iter().filter(|r| r.agent == Some(self.agent)) {
            let mut r = r.clone();
            r.agent = Some(number);
            (r.condition, r.slack) = (self.moved(&r.condition), self.moved(&r.slack));
            if let Otherwise::Project(list) = &mut r.otherwise {
                for a in list.iter_mut() {
                    *a = self
                        .actions
                        .iter()
                        .find(|(from, _)| from == a)
                        .map_or(*a, |(_, to)| *to);
                }
            }
            self.out.requires.push(r);
        }
        for e in self.model.ends.iter().filter(|e| e.agent == Some(self.agent)) {
            let mut e = e.clone();
            e.agent = Some(number);
            e.condition = self.moved(&e.condition);
            e.paying = e.paying.map(|p| self.moved(&p));
            self.out.ends.push(e);
        }
    }

    /// He sees the whole economy, and himself.
    fn finish(mut self) -> Beside {
        let who = self.who().clone();
        let sight = |name: &str, node: NodeId, state: usize| Observation {
            name: name.into(),
            node,
            links: None,
            state: Some(state),
            shock: None,
            span: who.span,
        };
        let mut observation = who.observation.clone();
        let states = self.out.states.iter().enumerate();
        observation.extend(states.map(|(i, s)| sight(&s.name, s.node, i)));
        let own = Agent {
            name: single(&who.name),
            actions: self.actions.iter().map(|a| a.1).collect(),
            observation,
            reward: who.reward.map(|r| self.moved(&r)),
            discount: who.discount.map(|d| self.moved(&d)),
            consumption: who.consumption.map(|c| self.moved(&c)),
            rules: Vec::new(),
            ..who
        };
        self.out.agents.push(own);
        Beside {
            agent: self.model.agents.len(),
            model: self.out,
            actions: self.actions,
            states: self.states,
        }
    }
}

/// The states that somebody's actions move on other ways than through prices that are `taken`, and those of his own.
fn moved_by(model: &Model, actions: &[usize], taken: &[NodeId], agent: usize) -> Vec<usize> {
    let g = &model.graph;
    let own = |s: usize| model.states[s].owner == Some(agent);
    let mut out: Vec<usize> = (0..model.states.len()).filter(|s| own(*s)).collect();
    loop {
        let mut moves = vec![false; g.nodes.len()];
        for (i, node) in g.nodes.iter().enumerate() {
            moves[i] = !taken.contains(&NodeId(i as u32))
                && match &node.op {
                    Op::Input(input) => match g.inputs[input.0 as usize].kind {
                        InputKind::State(s) => out.contains(&s),
                        InputKind::Action(a) => actions.contains(&a),
                        _ => false,
                    },
                    Op::Root { root, .. } => g.roots[*root].residuals.iter().any(|r| moves[r.0 as usize]),
                    op => operands(op).iter().any(|o| moves[o.0 as usize]),
                };
        }
        let more = (0..model.states.len()).filter(|s| !out.contains(s) && moves[model.states[*s].next.0 as usize]);
        let more: Vec<usize> = more.collect();
        if more.is_empty() {
            out.sort_unstable();
            return out;
        }
        out.extend(more);
    }
}

fn push(graph: &mut Graph, node: Node) -> NodeId {
    graph.nodes.push(node);
    NodeId(graph.nodes.len() as u32 - 1)
}
