//! What each who decides can tell from what it observes, and what matters to it: element by element of one unrolled period.
//!
//! An observation is told. What functions of what is told are is told, too, and so is what can be worked out of it: where `k` is told and `p = a - k - h`,
//! `h` is. What comes of a comparison, a noisy signal or a sum of several unknowns gives nothing away by itself: it is told in *part*.
//! Who acts for whom is no subject here, nor is what a method makes of it (`observed.rs`).

use crate::check::Model;
use crate::check::model::Space;
use crate::diag::Diagnostic;
use crate::graph::shape::aligned;
use crate::graph::{Binary, InputId, InputKind, Interval, NodeId, Op, Unary};
use crate::kernel::dag::{Expr, Id};
use crate::kernel::lower::LowerError;
use crate::kernel::unroll::Unroll;
use std::collections::{BTreeMap, BTreeSet};

/// One element of what an economy has, draws or does: the number of the model's state, shock or action, and the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leaf {
    State(usize, usize),
    Shock(usize, usize),
    Action(usize, usize),
}

/// What an input of the period stands for.
#[derive(Clone, Copy)]
enum Kind {
    Leaf(Leaf),
    /// The date, which everybody knows.
    Date,
    /// A draw of this period or the next, which nobody knows by itself.
    Draw,
}

/// What one who decides is told.
pub(super) struct Eyes {
    /// The expressions that are observed.
    told: Vec<Id>,
    /// What can be worked out of them.
    pub(super) known: BTreeSet<Leaf>,
    /// What an observation (its number in the agent's list) reads and does not give away.
    pub(super) partly: Vec<(Leaf, usize)>,
}

impl Eyes {
    /// Whether an observation reads it, so that something about it is told.
    pub(super) fn touch(&self, leaf: Leaf) -> bool {
        self.known.contains(&leaf) || self.partly.iter().any(|(l, _)| *l == leaf)
    }
}

/// One period, unrolled, with everything an input of its own.
pub(super) struct Sight<'m> {
    model: &'m Model,
    unroll: Unroll<'m>,
    /// What each input stands for, and where its values lie.
    kinds: Vec<(Kind, Interval)>,
    /// Next values of states, element by element, one list per state.
    laws: Vec<Vec<Id>>,
    /// What counts for whom, by agent and member: rewards, bounds, ends and requirements.
    stakes: BTreeMap<(usize, usize), Vec<Id>>,
}

fn failed(e: LowerError) -> Diagnostic {
    Diagnostic::error("E0810", e.to_string())
}

impl<'m> Sight<'m> {
    /// Unrolls the period; rules stand for the actions that they fix.
    ///
    /// # Errors
    /// E0810 for a period with too many expressions.
    pub(super) fn new(model: &'m Model) -> Result<Sight<'m>, Diagnostic> {
        let mut sight = Sight {
            model,
            unroll: Unroll::new(&model.graph),
            kinds: Vec::new(),
            laws: Vec::new(),
            stakes: BTreeMap::new(),
        };
        sight.bind();
        sight.rules()?;
        Ok(sight)
    }

    fn bind(&mut self) {
        let g = &self.model.graph;
        for (i, input) in g.inputs.iter().enumerate() {
            let here = InputId(i as u32);
            if let InputKind::Param(p) = input.kind
                && let Some(param) = self.model.params.get(p)
            {
                let values = param.values.iter().map(|x| self.unroll.dag.constant(*x)).collect();
                self.unroll.bind(here, values);
                continue;
            }
            let kind = |e: usize| match input.kind {
                InputKind::State(s) => Some(Kind::Leaf(Leaf::State(s, e))),
                InputKind::Shock(s) => Some(Kind::Leaf(Leaf::Shock(s, e))),
                InputKind::Action(a) => Some(Kind::Leaf(Leaf::Action(a, e))),
                InputKind::ShockNext(_) | InputKind::Noise(_) => Some(Kind::Draw),
                InputKind::Time | InputKind::Param(_) | InputKind::EntryValue(_) => Some(Kind::Date),
                InputKind::Forward(_) | InputKind::Later(_) | InputKind::Expected(_) => Some(Kind::Date),
                InputKind::Unknown(_) => None,
            };
            let node = g.nodes.iter().find(|n| n.op == Op::Input(here));
            let domain = node.map_or_else(Interval::all, |n| n.domain);
            let kinds: Vec<Kind> = (0..g.elements(&input.shape)).filter_map(kind).collect();
            if kinds.is_empty() {
                continue;
            }
            let first = self.kinds.len() as u32;
            let ids = (0..kinds.len() as u32)
                .map(|e| self.unroll.dag.input(first + e))
                .collect();
            self.kinds.extend(kinds.into_iter().map(|k| (k, domain)));
            self.unroll.bind(here, ids);
        }
    }

    fn rules(&mut self) -> Result<(), Diagnostic> {
        let model = self.model;
        let g = &model.graph;
        for (action, rule) in model.agents.iter().flat_map(|a| &a.rules) {
            let Some(node) = rule else { continue };
            let act = &model.actions[*action];
            let map = aligned(g, &g.nodes[node.0 as usize].shape, &act.shape);
            let all = self.unroll.node(*node).map_err(failed)?;
            let ids: Vec<Id> = map.into_iter().map(|i| all[i]).collect();
            self.unroll.bind(act.input, ids.clone());
            if let Some(n) = g.nodes.iter().position(|n| n.op == Op::Input(act.input)) {
                self.unroll.replace(NodeId(n as u32), ids);
            }
        }
        Ok(())
    }

    /// The elements of a node that concern one member of an agent: its own where the node has the agent's axes, else all.
    fn of_member(&mut self, node: NodeId, agent: usize, member: usize) -> Result<Vec<Id>, Diagnostic> {
        let g = &self.model.graph;
        let (own, shape) = (&self.model.agents[agent].shape, &g.nodes[node.0 as usize].shape);
        let ids = self.unroll.node(node).map_err(failed)?;
        if shape.iter().all(|a| own.contains(a)) {
            let map = aligned(g, shape, own);
            return Ok(map.get(member).map(|i| ids[*i]).into_iter().collect());
        }
        if own.iter().all(|a| shape.contains(a)) {
            let map = aligned(g, own, shape);
            return Ok((0..ids.len()).filter(|e| map[*e] == member).map(|e| ids[e]).collect());
        }
        Ok(ids)
    }

    /// What a member of an agent is told.
    ///
    /// # Errors
    /// E0810 for a period with too many expressions.
    pub(super) fn eyes(&mut self, agent: usize, member: usize) -> Result<Eyes, Diagnostic> {
        let mut told: Vec<(Id, usize)> = Vec::new();
        for (k, o) in self.model.agents[agent].observation.iter().enumerate() {
            let ids = self.of_member(o.node, agent, member)?;
            told.extend(ids.into_iter().map(|id| (id, k)));
        }
        let ids: Vec<Id> = told.iter().map(|t| t.0).collect();
        let known = self.worked_out(&ids, &ids);
        let mut eyes = Eyes {
            told: ids,
            known: BTreeSet::new(),
            partly: Vec::new(),
        };
        for (id, k) in told {
            for (input, leaf) in self.leaves_of(&[id]) {
                match known[input.0 as usize] {
                    true => drop(eyes.known.insert(leaf)),
                    false => eyes.partly.push((leaf, k)),
                }
            }
        }
        Ok(eyes)
    }

    /// The inputs under expressions that stand for something, with what they stand for.
    fn leaves_of(&self, of: &[Id]) -> Vec<(Id, Leaf)> {
        let leaf = |id: Id| match self.kind(id)? {
            Kind::Leaf(l) => Some((id, l)),
            Kind::Date | Kind::Draw => None,
        };
        self.unroll.dag.inputs_of(of).into_iter().filter_map(leaf).collect()
    }

    fn kind(&self, id: Id) -> Option<Kind> {
        match self.unroll.dag.expr(id) {
            Expr::Input(i) => self.kinds.get(i as usize).map(|k| k.0),
            _ => None,
        }
    }

    /// Which expressions under `within` follow from those that are told: one flag per expression of the period.
    fn worked_out(&self, told: &[Id], within: &[Id]) -> Vec<bool> {
        let dag = &self.unroll.dag;
        let reach = dag.reachable(within);
        let ids: Vec<usize> = (0..dag.len()).filter(|i| reach[*i]).collect();
        let mut known = vec![false; dag.len()];
        told.iter().for_each(|id| known[id.0 as usize] = true);
        loop {
            let mut more = false;
            for i in &ids {
                if !known[*i] && self.follows(Id(*i as u32), &known) {
                    known[*i] = true;
                    more = true;
                }
            }
            for i in ids.iter().rev().filter(|i| known[**i]).copied().collect::<Vec<_>>() {
                for x in self.turned_round(Id(i as u32), &known).into_iter().flatten() {
                    more |= !std::mem::replace(&mut known[x.0 as usize], true);
                }
            }
            if !more {
                return known;
            }
        }
    }

    /// Whether an expression is a function of what is known.
    fn follows(&self, id: Id, known: &[bool]) -> bool {
        match self.unroll.dag.expr(id) {
            // An unknown is bound by its problem.
            Expr::Const(_) | Expr::Unknown(_) => true,
            Expr::Input(_) => matches!(self.kind(id), Some(Kind::Date)),
            _ => {
                let mut all = true;
                self.unroll.dag.operands(id, |o| all &= known[o.0 as usize]);
                all
            }
        }
    }

    /// The operands that a known value, with what else is known, gives away.
    fn turned_round(&self, id: Id, known: &[bool]) -> [Option<Id>; 2] {
        let is = |x: Id| known[x.0 as usize];
        match self.unroll.dag.expr(id) {
            Expr::Unary(op, x) => {
                let one_to_one = matches!(
                    op,
                    Unary::Neg
                        | Unary::Exp
                        | Unary::Log
                        | Unary::Log1p
                        | Unary::Sqrt
                        | Unary::Tanh
                        | Unary::NormalCdf
                        | Unary::NormalQuantile
                );
                [one_to_one.then_some(x), None]
            }
            Expr::Binary(op, a, b) => {
                let (of_a, of_b) = match op {
                    Binary::Add | Binary::Sub => (is(b), is(a)),
                    Binary::Mul => (is(b) && self.never_zero(b), is(a) && self.never_zero(a)),
                    Binary::Div => (is(b), is(a) && self.never_zero(a)),
                    Binary::Pow => {
                        let fixed = |x: Id| self.unroll.dag.as_const(x);
                        let base = fixed(a).is_some_and(|x| x > 0.0 && x != 1.0);
                        (fixed(b).is_some_and(|x| x != 0.0) && self.not_negative(a), base)
                    }
                    _ => (false, false),
                };
                [of_a.then_some(a), of_b.then_some(b)]
            }
            Expr::Lookup(table, at) => {
                let values = &self.unroll.dag.tables()[table as usize];
                let mut sorted = values.clone();
                sorted.sort_by(f64::total_cmp);
                let apart = sorted.windows(2).all(|w| w[0] < w[1]);
                [apart.then_some(at), None]
            }
            _ => [None, None],
        }
    }

    fn domain(&self, id: Id) -> Option<&Interval> {
        match self.unroll.dag.expr(id) {
            Expr::Input(i) => self.kinds.get(i as usize).map(|k| &k.1),
            _ => None,
        }
    }

    fn never_zero(&self, id: Id) -> bool {
        match self.unroll.dag.expr(id) {
            Expr::Const(bits) => f64::from_bits(bits) != 0.0,
            Expr::Unary(Unary::Exp, _) => true,
            Expr::Unary(Unary::Neg | Unary::Sqrt, x) => self.never_zero(x),
            Expr::Binary(Binary::Mul | Binary::Div, a, b) => self.never_zero(a) && self.never_zero(b),
            Expr::Binary(Binary::Pow, a, _) => self.never_zero(a),
            Expr::Lookup(table, _) => self.unroll.dag.tables()[table as usize].iter().all(|x| *x != 0.0),
            _ => self
                .domain(id)
                .is_some_and(|d| d.lo > 0.0 || d.hi < 0.0 || (d.lo_open && d.lo == 0.0) || (d.hi_open && d.hi == 0.0)),
        }
    }

    fn not_negative(&self, id: Id) -> bool {
        match self.unroll.dag.expr(id) {
            Expr::Const(bits) => f64::from_bits(bits) >= 0.0,
            Expr::Unary(Unary::Exp | Unary::Sqrt | Unary::Abs, _) => true,
            Expr::Lookup(table, _) => self.unroll.dag.tables()[table as usize].iter().all(|x| *x >= 0.0),
            _ => self.domain(id).is_some_and(|d| d.lo >= 0.0),
        }
    }

    /// Unrolls laws of motion and what counts for these agents' members, `(agent, member)`.
    ///
    /// # Errors
    /// E0810 for a period with too many expressions.
    pub(super) fn look_ahead(&mut self, who: &[(usize, usize)]) -> Result<(), Diagnostic> {
        let model = self.model;
        for s in &model.states {
            let all = self.unroll.node(s.next).map_err(failed)?;
            let shape = &model.graph.inputs[s.input.0 as usize].shape;
            let map = aligned(&model.graph, &model.graph.nodes[s.next.0 as usize].shape, shape);
            self.laws.push(map.into_iter().map(|i| all[i]).collect());
        }
        for (agent, member) in who {
            let mut stakes = Vec::new();
            for node in counts_for(model, *agent) {
                stakes.extend(self.of_member(node, *agent, *member)?);
            }
            self.stakes.insert((*agent, *member), stakes);
        }
        Ok(())
    }

    /// What the best choice of one who decides depends on: what its own rewards, bounds, requirements and ends read, what moves that, and what
    /// counts for those whose actions are among it. With `eyes`, what stands in nothing but what is told is left out, though not what moves it.
    pub(super) fn matters(&self, who: (usize, usize), eyes: Option<&Eyes>) -> BTreeSet<Leaf> {
        let mut walk = Walk {
            todo: Vec::new(),
            done: BTreeSet::new(),
            asked: BTreeSet::new(),
        };
        let all: Vec<Id> = (self.laws.iter().flatten())
            .chain(self.stakes.values().flatten())
            .copied()
            .collect();
        let known = eyes.map(|e| {
            let within = [all.as_slice(), e.told.as_slice()].concat();
            self.worked_out(&e.told, &within)
        });
        let mut out = BTreeSet::new();
        walk.ask(who, &self.stakes);
        while let Some((id, inside)) = walk.todo.pop() {
            if !walk.done.insert((id, inside)) {
                continue;
            }
            let inside = inside || known.as_ref().is_some_and(|k| k[id.0 as usize]);
            let Some(kind) = self.kind(id) else {
                self.unroll.dag.operands(id, |o| walk.todo.push((o, inside)));
                continue;
            };
            let Kind::Leaf(leaf) = kind else { continue };
            if !inside {
                out.insert(leaf);
            }
            match leaf {
                Leaf::State(s, e) => walk.todo.extend(self.laws[s].get(e).map(|law| (*law, false))),
                Leaf::Action(a, e) => walk.ask(self.chooser(a, e), &self.stakes),
                Leaf::Shock(..) => {}
            }
        }
        out
    }

    /// Who chooses an element of an action.
    pub(super) fn chooser(&self, action: usize, element: usize) -> (usize, usize) {
        let a = &self.model.actions[action];
        let members = aligned(&self.model.graph, &self.model.agents[a.owner].shape, &a.shape);
        (a.owner, members.get(element).copied().unwrap_or(0))
    }
}

/// A walk from what counts to what it rests on.
struct Walk {
    /// Expressions, and whether they stand inside something that is told.
    todo: Vec<(Id, bool)>,
    done: BTreeSet<(Id, bool)>,
    asked: BTreeSet<(usize, usize)>,
}

impl Walk {
    /// Goes on with what counts for one who decides.
    fn ask(&mut self, who: (usize, usize), stakes: &BTreeMap<(usize, usize), Vec<Id>>) {
        if self.asked.insert(who) {
            self.todo
                .extend(stakes.get(&who).into_iter().flatten().map(|id| (*id, false)));
        }
    }
}

/// What counts for an agent: its reward and discount, the bounds of what it chooses, what must hold, and when it ends.
fn counts_for(model: &Model, agent: usize) -> Vec<NodeId> {
    let who = &model.agents[agent];
    let mut out: Vec<NodeId> = who.reward.into_iter().chain(who.discount).collect();
    if who.reward.is_none() {
        // Without a reward of its own it is paid what all are.
        out.extend(model.agents.iter().filter_map(|a| a.reward));
    }
    out.extend(model.requires.iter().map(|r| r.slack));
    let ends = &model.ends;
    out.extend(ends.iter().flat_map(|e| std::iter::once(e.condition).chain(e.paying)));
    for a in model.actions.iter().filter(|a| a.owner == agent) {
        match &a.space {
            Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => out.extend([*lo, *hi]),
            Space::Finite { masks, .. } => out.extend(masks.iter().flatten()),
            Space::Simplex(_) => {}
        }
    }
    out
}
