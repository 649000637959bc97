//! Lowering of root problems: what their unknowns stand for, inside and outside.

use super::{Barrier, Context, LeafKind, LowerError, Lowering, Scope, Values};
use crate::graph::shape::{self, GraphError};
use crate::graph::{AxisId, NodeId, Op};
use crate::kernel::dag::{Id, RootProblem};
use std::collections::BTreeSet;
use std::rc::Rc;

impl Lowering<'_> {
    /// The context that opened a root: the prefix of the present one up to it.
    pub(super) fn opened(&self, root: usize, context: &Context) -> Context {
        let n = context.open.iter().position(|r| *r == root).map_or(0, |p| p + 1);
        Context {
            open: context.open[..n].to_vec(),
            pinned: None,
        }
    }

    /// The solution of a root problem: elements of each unknown, and the status of each part.
    ///
    /// # Errors
    /// Those of [`Lowering::node`].
    pub(super) fn solution(&mut self, root: usize, context: &Context) -> Result<(Vec<Values>, Vec<Id>), LowerError> {
        let graph = self.graph;
        let problem = &graph.roots[root];
        let mut related = BTreeSet::new();
        for node in problem
            .residuals
            .iter()
            .chain(problem.brackets.iter().flat_map(|(lo, hi)| [lo, hi]))
        {
            related.extend(self.depends[node.0 as usize].iter().copied());
        }
        let around = Context {
            open: context.open.iter().copied().filter(|r| related.contains(r)).collect(),
            pinned: None,
        };
        if let Some(done) = self.solutions.get(&(root, around.clone())) {
            return Ok(done.clone());
        }
        if self.in_progress.contains(&root) {
            return Err(LowerError::Graph(GraphError::RootOrder { root }));
        }
        self.in_progress.push(root);
        let mut inside = around.clone();
        inside.open.push(root);
        let outer = self.is_outer(root)?;
        // Brackets are known outside.
        let ends: Vec<NodeId> = problem.brackets.iter().flat_map(|(lo, hi)| [*lo, *hi]).collect();
        self.ensure(&ends, &around)?;
        let mut unknowns = Vec::new();
        let mut brackets = Vec::new();
        let scope = self.scopes.len();
        if outer {
            let parent = around
                .open
                .iter()
                .rev()
                .find_map(|r| self.scope_of.get(&(*r, self.opened(*r, &around))).copied())
                .unwrap_or(0);
            self.scopes.push(Scope {
                parent,
                ..Scope::default()
            });
            self.scope_of.insert((root, inside.clone()), scope);
        }
        let mut numbers = Vec::new();
        let mut which_unknown = 0;
        for (u, (lo, hi)) in problem.unknowns.iter().zip(&problem.brackets) {
            let axes = self.small(&graph.inputs[u.0 as usize].shape);
            let mut ids = Vec::new();
            let (low, high) = (self.spread(*lo, &axes, &around)?, self.spread(*hi, &axes, &around)?);
            for e in 0..self.elements(&axes) {
                if outer {
                    ids.push(self.leaf(
                        LeafKind::Unknown {
                            scope,
                            which: which_unknown,
                        },
                        0,
                    ));
                    which_unknown += 1;
                } else {
                    let (number, id) = self.dag.fresh_unknown();
                    numbers.push(number);
                    ids.push(id);
                }
                brackets.push((low[e], high[e]));
            }
            unknowns.push(Rc::new(ids));
        }
        self.unknown_values.insert((root, inside.clone()), unknowns.clone());
        self.ensure(&problem.residuals, &inside)?;
        let mut residuals = Vec::new();
        for (u, f) in problem.unknowns.iter().zip(&problem.residuals) {
            let axes = self.small(&graph.inputs[u.0 as usize].shape);
            residuals.extend(self.spread(*f, &axes, &inside)?);
        }
        let (solved, statuses) = if outer {
            let count = residuals.len();
            self.scopes[scope].unknowns = unknowns.iter().flat_map(|v| v.iter().copied()).collect();
            self.scopes[scope].residuals = residuals;
            self.scopes[scope].brackets = brackets;
            let mut ids = self.barrier(Barrier::Solve { scope }, count + 1, 0);
            let status = ids.pop().into_iter().collect();
            (ids, status)
        } else {
            let pairs = self.dag.solve(RootProblem {
                unknowns: numbers,
                residuals,
                brackets,
            });
            let mut statuses: Vec<Id> = pairs.iter().map(|p| p.1).collect();
            statuses.dedup();
            (pairs.into_iter().map(|p| p.0).collect(), statuses)
        };
        let mut rest = solved.into_iter();
        let values: Vec<Values> = unknowns
            .iter()
            .map(|u| Rc::new(rest.by_ref().take(u.len()).collect::<Vec<Id>>()))
            .collect();
        self.in_progress.retain(|r| *r != root);
        self.solutions
            .insert((root, around), (values.clone(), statuses.clone()));
        Ok((values, statuses))
    }

    /// Elements of a node over the unrolled axes of an unknown that contains its shape, row-major.
    ///
    /// # Errors
    /// Those of [`Lowering::node`].
    pub(super) fn spread(&self, node: NodeId, axes: &[AxisId], context: &Context) -> Result<Vec<Id>, LowerError> {
        let own = self.small(&self.graph.nodes[node.0 as usize].shape);
        let values = self.value(node, context)?;
        let mut at = vec![0; self.graph.axes.len()];
        Ok((0..self.elements(axes))
            .map(|e| {
                let mut rest = e;
                for a in axes.iter().rev() {
                    at[a.0 as usize] = rest % self.size(*a);
                    rest /= self.size(*a);
                }
                values[self.offset(&own, &at)]
            })
            .collect())
    }

    /// Whether the residuals of a root reach its unknowns through a lane axis, so that one evaluation takes several
    /// programs. Unknowns of their own in every member that meet in a reduction have no such form.
    fn is_outer(&self, root: usize) -> Result<bool, LowerError> {
        let graph = self.graph;
        let problem = &graph.roots[root];
        let by_member = problem
            .unknowns
            .iter()
            .any(|u| self.lanes_of(&graph.inputs[u.0 as usize].shape) > 0);
        let mut stack = problem.residuals.clone();
        let mut seen = BTreeSet::new();
        let mut lanes = false;
        while let Some(id) = stack.pop() {
            let n = id.0 as usize;
            if !seen.insert(n) || !self.depends[n].contains(&root) {
                continue;
            }
            let node = &graph.nodes[n];
            let crosses = match &node.op {
                Op::Reduce { axis, .. } | Op::Take { axis, .. } | Op::Others { axis, .. } => self.is_lane(*axis),
                Op::Slice { from, .. } => self.is_lane(*from),
                Op::Stack { to, .. } => self.is_lane(*to),
                Op::Const(_)
                | Op::Table(_)
                | Op::Input(_)
                | Op::Position(_)
                | Op::Unary(..)
                | Op::Binary(..)
                | Op::Select(..)
                | Op::Relabel { .. }
                | Op::Root { .. } => false,
            };
            if crosses && by_member {
                return Err(LowerError::Pairs {
                    node: n,
                    what: "a clearing condition that ties the unknowns of all members together",
                    members: self.lanes_of(&graph.inputs[problem.unknowns[0].0 as usize].shape),
                });
            }
            lanes |= crosses;
            stack.extend(shape::operands(&node.op));
            if let Op::Root { root: other, .. } = node.op {
                stack.extend(&graph.roots[other].residuals);
            }
        }
        Ok(lanes)
    }
}
