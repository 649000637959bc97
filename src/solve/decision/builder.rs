//! A problem under construction: one period of the model, unrolled into expressions of the inputs of one who decides.

use super::options::ProblemOptions;
use super::others::Others;
use crate::check::model::Model;
use crate::diag::Diagnostic;
use crate::graph::{InputKind, NodeId, Op};
use crate::kernel::dag::Id;
use crate::kernel::unroll::Unroll;
use crate::solve::economy::{Deciding, Economy, cannot};
use crate::solve::located;

/// A problem under construction.
pub(super) struct Builder<'m> {
    pub(super) model: &'m Model,
    pub(super) options: &'m ProblemOptions,
    pub(super) agents: Vec<usize>,
    /// Only member 0 of the (independent) population decides.
    pub(super) single: bool,
    /// It frames the problems of several who decide: each discounts by itself.
    pub(super) apart: bool,
    /// Where one decides among several: who, and what the others do.
    pub(super) others: Option<&'m Others>,
    /// What the others do: the number of an action in their policy, and the input that carries it.
    pub(super) given: Vec<(usize, Id)>,
    pub(super) states: Vec<(usize, usize)>,
    /// Parameters that are set from outside, numbers of the model's, and the inputs that carry them.
    pub(super) free: Vec<usize>,
    pub(super) numbers: Vec<Id>,
    pub(super) unroll: Unroll<'m>,
}

impl<'m> Builder<'m> {
    pub(super) fn start(model: &'m Model, options: &'m ProblemOptions) -> Result<Self, Diagnostic> {
        let economy = Economy::of(model)?;
        let seat = economy.lone()?;
        Ok(Builder {
            model,
            options,
            agents: seat.agents.clone(),
            single: seat.members == Deciding::Representative,
            apart: false,
            others: None,
            given: Vec::new(),
            states: Vec::new(),
            free: Vec::new(),
            numbers: Vec::new(),
            unroll: Unroll::new(&model.graph),
        })
    }

    /// The frame of the problems of several who decide, of a model whose concept is a planner's.
    ///
    /// # Errors
    /// Those of [`Builder::start`].
    pub(super) fn frame(model: &'m Model, options: &'m ProblemOptions) -> Result<Self, Diagnostic> {
        Ok(Builder {
            apart: true,
            ..Builder::start(model, options)?
        })
    }

    /// The problem of one among several, whose policy is known.
    ///
    /// # Errors
    /// E0810 for stages and schedules.
    pub(super) fn among(model: &'m Model, options: &'m ProblemOptions, others: &'m Others) -> Result<Self, Diagnostic> {
        if model.stages.len() > 1 {
            return Err(cannot("agents act in stages"));
        }
        if let Some(a) = model.actions.iter().find(|a| !a.given.is_empty()) {
            return Err(cannot(format!("`{}` is a schedule of a price", a.name)).at(a.span, "a schedule"));
        }
        Ok(Builder {
            model,
            options,
            agents: vec![others.agent],
            single: false,
            apart: false,
            others: Some(others),
            given: Vec::new(),
            states: Vec::new(),
            free: Vec::new(),
            numbers: Vec::new(),
            unroll: Unroll::new(&model.graph),
        })
    }

    /// Which of the elements of something that an agent's members have count for who decides.
    pub(super) fn counting(&self, agent: usize, elements: usize) -> std::ops::Range<usize> {
        match self.others {
            Some(o) => located::own(self.model, agent, o.member, elements),
            None if self.single => 0..elements.min(1),
            None => 0..elements,
        }
    }

    pub(super) fn elements(&self, node: NodeId) -> usize {
        self.model
            .graph
            .elements(&self.model.graph.nodes[node.0 as usize].shape)
    }

    /// Elements of a quantity that take part: all, or the first member's.
    pub(super) fn mine(&self, elements: usize, shape: &[crate::graph::AxisId]) -> usize {
        let own = self.agents.first().and_then(|a| self.model.agents[*a].axis);
        match own.filter(|axis| self.single && shape.contains(axis)) {
            Some(axis) => elements / self.model.graph.axes[axis.0 as usize].size.max(1),
            None => elements,
        }
    }

    /// Every input gets its expressions; what is left out reads as NaN and must not matter.
    pub(super) fn bind(&mut self) {
        let g = &self.model.graph;
        let mut next = 0u32;
        let mut fresh = |u: &mut Unroll, n: usize| -> Vec<Id> {
            (0..n)
                .map(|_| {
                    let id = u.dag.input(next);
                    next += 1;
                    id
                })
                .collect()
        };
        let by = |f: &dyn Fn(&InputKind) -> bool| -> Vec<usize> {
            (0..g.inputs.len()).filter(|i| f(&g.inputs[*i].kind)).collect()
        };
        let groups = [
            by(&|k| matches!(k, InputKind::State(_))),
            by(&|k| matches!(k, InputKind::Action(_))),
            by(&|k| matches!(k, InputKind::Shock(_))),
            by(&|k| matches!(k, InputKind::ShockNext(_))),
            by(&|k| matches!(k, InputKind::Noise(_))),
            by(&|k| matches!(k, InputKind::Time)),
        ];
        for i in groups.into_iter().flatten() {
            let ids = fresh(&mut self.unroll, g.elements(&g.inputs[i].shape));
            self.unroll.bind(crate::graph::InputId(i as u32), ids);
        }
        for p in &self.free {
            let input = g.inputs.iter().position(|i| i.kind == InputKind::Param(*p));
            let ids = fresh(&mut self.unroll, 1);
            self.numbers.extend(&ids);
            if let Some(i) = input {
                self.unroll.bind(crate::graph::InputId(i as u32), ids);
            }
        }
        for (i, input) in g.inputs.iter().enumerate() {
            if let InputKind::Param(p) = input.kind
                && !self.free.contains(&p)
                && let Some(param) = self.model.params.get(p)
            {
                let ids = param.values.iter().map(|x| self.unroll.dag.constant(*x)).collect();
                self.unroll.bind(crate::graph::InputId(i as u32), ids);
            }
        }
    }

    pub(super) fn unrolled(&mut self, node: NodeId) -> Result<Vec<Id>, Diagnostic> {
        self.unroll.node(node).map_err(|e| cannot(e.to_string()))
    }

    pub(super) fn input_of(&mut self, input: crate::graph::InputId) -> Result<Vec<Id>, Diagnostic> {
        let node = self.model.graph.nodes.iter().position(|n| n.op == Op::Input(input));
        match node {
            Some(n) => self.unrolled(NodeId(n as u32)),
            None => Ok(Vec::new()),
        }
    }

    /// Actions with a rule stand for it.
    pub(super) fn rules(&mut self) -> Result<(), Diagnostic> {
        for a in &self.model.agents {
            for (action, rule) in &a.rules {
                let Some(node) = rule else {
                    return Err(cannot(format!(
                        "`{}` is chosen at random by rule",
                        self.model.actions[*action].name
                    )));
                };
                let ids = self.unrolled(*node)?;
                let act = &self.model.actions[*action];
                let from = &self.model.graph.nodes[node.0 as usize].shape;
                let map = crate::graph::shape::aligned(&self.model.graph, from, &act.shape);
                self.unroll.bind(act.input, map.into_iter().map(|i| ids[i]).collect());
                if let Some(n) = self.model.graph.nodes.iter().position(|n| n.op == Op::Input(act.input)) {
                    let ids = self.unrolled(*node)?;
                    let map = crate::graph::shape::aligned(&self.model.graph, from, &act.shape);
                    self.unroll
                        .replace(NodeId(n as u32), map.into_iter().map(|i| ids[i]).collect());
                }
            }
        }
        Ok(())
    }

    /// What `ends.discount_late` does: an expression at other values of the states.
    #[cfg(test)]
    pub(super) fn tomorrow(&mut self, what: Id, states: &[Id], instead: &[Id]) -> Id {
        let map = states.iter().copied().zip(instead.iter().copied()).collect();
        self.unroll.dag.substitute(&[what], &map)[0]
    }

    pub(super) fn reads(&self, of: &[Id], leaves: &[Id]) -> bool {
        let seen = self.unroll.dag.reachable(of);
        leaves.iter().any(|l| seen[l.0 as usize])
    }
}
