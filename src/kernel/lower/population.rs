//! Reductions over members that are lanes: folds, reductions over all other members, loops over pairs.

use super::{Barrier, Context, Fold, LeafKind, LowerError, Lowering, Scope, Values};
use crate::graph::shape;
use crate::graph::{AxisId, AxisKind, Binary, NodeId, Op, Reduce, Unary};
use crate::kernel::dag::Id;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

impl Lowering<'_> {
    /// A reduction over an axis whose members are lanes: elements row-major over the axes that are unrolled.
    ///
    /// # Errors
    /// Those of [`Lowering::node`]; [`LowerError::Pairs`] where it would need all pairs of members.
    pub(super) fn reduce_lanes(
        &mut self,
        n: usize,
        how: Reduce,
        of: NodeId,
        axis: AxisId,
        when: Option<NodeId>,
        context: &Context,
    ) -> Result<Vec<Id>, LowerError> {
        let shape = &self.graph.nodes[n].shape;
        let mut operands = self.graph.nodes[of.0 as usize].shape.clone();
        if let Some(w) = when {
            operands = shape::union(&operands, &self.graph.nodes[w.0 as usize].shape);
        }
        let others = self
            .lane_axes(&operands, context)
            .into_iter()
            .filter(|a| *a != axis)
            .count();
        if others > 0 {
            return self.reduce_pairs(n, how, of, axis, when, context);
        }
        let axes = self.small(shape);
        let lanes = self.size(axis);
        let values = self.spread(of, &axes, context)?;
        let masks = match when {
            Some(w) => Some(self.spread(w, &axes, context)?),
            None => None,
        };
        (0..values.len())
            .map(|e| {
                let mask = masks.as_ref().map(|m| m[e]);
                self.compose(
                    n,
                    how,
                    values[e],
                    mask,
                    &mut |l, fold, id, mask| Ok(l.fold(fold, id, mask, lanes)),
                    lanes,
                )
            })
            .collect()
    }

    /// A reduction as folds: `fold` does one of them.
    fn compose(
        &mut self,
        n: usize,
        how: Reduce,
        x: Id,
        mask: Option<Id>,
        fold: &mut dyn FnMut(&mut Self, Fold, Id, Option<Id>) -> Result<Id, LowerError>,
        members: usize,
    ) -> Result<Id, LowerError> {
        let masked = |l: &mut Self, x: Id, neutral: f64| match mask {
            None => x,
            Some(m) => {
                let neutral = l.dag.constant(neutral);
                l.dag.select(m, x, neutral)
            }
        };
        let zero = self.dag.constant(0.0);
        let counted = |l: &mut Self, x: Id| {
            let t = l.dag.binary(Binary::Ne, x, zero);
            match mask {
                None => t,
                Some(m) => l.dag.binary(Binary::And, m, t),
            }
        };
        let number = |l: &mut Self, fold: &mut dyn FnMut(&mut Self, Fold, Id, Option<Id>) -> Result<Id, LowerError>| {
            match mask {
                None => Ok(l.dag.constant(members as f64)),
                Some(m) => {
                    let t = l.dag.binary(Binary::Ne, m, zero);
                    fold(l, Fold::Sum, t, None)
                }
            }
        };
        let _ = n;
        Ok(match how {
            Reduce::Sum => {
                let v = masked(self, x, 0.0);
                fold(self, Fold::Sum, v, None)?
            }
            Reduce::Mean => {
                let v = masked(self, x, 0.0);
                let sum = fold(self, Fold::Sum, v, None)?;
                let count = number(self, fold)?;
                self.dag.div(sum, count)
            }
            Reduce::Prod => {
                let v = masked(self, x, 1.0);
                fold(self, Fold::Prod, v, None)?
            }
            Reduce::Min => {
                let v = masked(self, x, f64::INFINITY);
                fold(self, Fold::Min, v, None)?
            }
            Reduce::Max => {
                let v = masked(self, x, f64::NEG_INFINITY);
                fold(self, Fold::Max, v, None)?
            }
            Reduce::Std => {
                let v = masked(self, x, 0.0);
                let sum = fold(self, Fold::Sum, v, None)?;
                let count = number(self, fold)?;
                let mean = self.dag.div(sum, count);
                let d = self.dag.sub(x, mean);
                let square = self.dag.mul(d, d);
                let v = masked(self, square, 0.0);
                let sum = fold(self, Fold::Sum, v, None)?;
                let variance = self.dag.div(sum, count);
                self.dag.unary(Unary::Sqrt, variance)
            }
            Reduce::Count => {
                let t = counted(self, x);
                fold(self, Fold::Sum, t, None)?
            }
            Reduce::Any => {
                let t = counted(self, x);
                fold(self, Fold::Max, t, None)?
            }
            Reduce::All => {
                let t = self.dag.binary(Binary::Ne, x, zero);
                let v = masked(self, t, 1.0);
                fold(self, Fold::Min, v, None)?
            }
            Reduce::Argmax => fold(self, Fold::Argmax, x, mask)?,
            Reduce::Quantile(level) => fold(self, Fold::Quantile(level), x, mask)?,
        })
    }

    /// A reduction over one lane axis of something that also moves along another: all pairs of members. Where the
    /// operand is a function of the others alone it is the total without the own; otherwise a loop over positions.
    fn reduce_pairs(
        &mut self,
        n: usize,
        how: Reduce,
        of: NodeId,
        axis: AxisId,
        when: Option<NodeId>,
        context: &Context,
    ) -> Result<Vec<Id>, LowerError> {
        let graph = self.graph;
        if context.pinned.is_some() {
            return Err(LowerError::Pairs {
                node: n,
                what: "a loop inside a loop",
                members: self.size(axis),
            });
        }
        let axes = self.small(&graph.nodes[n].shape);
        let me = self
            .lane_axes(&graph.nodes[n].shape, context)
            .first()
            .copied()
            .ok_or(LowerError::Pairs {
                node: n,
                what: "a reduction over two axes at once",
                members: self.size(axis),
            })?;
        let lanes = self.size(me);
        let count = self.size(axis);
        if let (Some(values), Some(masks)) = (
            self.of_others(of, axis, me, context)?,
            match when {
                None => Some(None),
                Some(w) => self.of_others(w, axis, me, context)?.map(Some),
            },
        ) {
            let own_axes = self.small(&graph.nodes[of.0 as usize].shape);
            let mask_axes = when
                .map(|w| self.small(&graph.nodes[w.0 as usize].shape))
                .unwrap_or_default();
            let mut at = vec![0; graph.axes.len()];
            let mut out = Vec::new();
            let mut simple = true;
            for e in 0..self.elements(&axes) {
                let mut rest = e;
                for a in axes.iter().rev() {
                    at[a.0 as usize] = rest % self.size(*a);
                    rest /= self.size(*a);
                }
                let x = values[self.offset(&own_axes, &at)];
                let mask = masks.as_ref().map(|m| m[self.offset(&mask_axes, &at)]);
                match self.without_own(how, x, mask, lanes) {
                    Some(id) => out.push(id),
                    None => simple = false,
                }
            }
            if simple {
                return Ok(out);
            }
        }
        if let Reduce::Quantile(_) = how {
            return Err(LowerError::Pairs {
                node: n,
                what: "a quantile for each member",
                members: lanes,
            });
        }
        // The operands of the body are lowered outside, the body once with the axis pinned.
        let scope = self.scopes.len();
        let parent = context
            .open
            .iter()
            .rev()
            .find_map(|r| self.scope_of.get(&(*r, self.opened(*r, context))).copied())
            .unwrap_or(0);
        self.scopes.push(Scope {
            parent,
            ..Scope::default()
        });
        let inside = Context {
            open: context.open.clone(),
            pinned: Some((axis, scope)),
        };
        let mut targets = vec![of];
        targets.extend(when);
        self.ensure(&targets, context)?;
        self.ensure(&targets, &inside)?;
        let take = |l: &mut Self, node: NodeId| -> Result<Vec<Id>, LowerError> {
            let (own, values) = l.operand(node, &inside)?;
            let mut at = vec![0; graph.axes.len()];
            Ok((0..l.elements(&axes))
                .map(|e| {
                    let mut rest = e;
                    for a in axes.iter().rev() {
                        at[a.0 as usize] = rest % l.size(*a);
                        rest /= l.size(*a);
                    }
                    values[l.offset(&own, &at)]
                })
                .collect())
        };
        let values = take(self, of)?;
        let masks = match when {
            Some(w) => Some(take(self, w)?),
            None => None,
        };
        (0..values.len())
            .map(|e| {
                let mask = masks.as_ref().map(|m| m[e]);
                let mut fold = |l: &mut Self, how: Fold, body: Id, mask: Option<Id>| {
                    Ok(l.barrier(
                        Barrier::Pairs {
                            scope,
                            how,
                            body,
                            mask,
                            count,
                            lanes,
                        },
                        1,
                        lanes,
                    )[0])
                };
                self.compose(n, how, values[e], mask, &mut fold, count)
            })
            .collect()
    }

    /// If a node that moves along `into` (the others of `me`) is a function of the other's values alone: that function,
    /// as an array over the members. Elements as in the node's small shape.
    fn of_others(
        &mut self,
        node: NodeId,
        into: AxisId,
        me: AxisId,
        context: &Context,
    ) -> Result<Option<Vec<Id>>, LowerError> {
        let graph = self.graph;
        if graph.axes[into.0 as usize].kind != AxisKind::Others(me) {
            return Ok(None);
        }
        // Nodes that move along `into`, in order; all others are operands from outside.
        let mut inner = BTreeSet::new();
        let mut outside = BTreeSet::new();
        let mut stack = vec![node];
        while let Some(id) = stack.pop() {
            let n = id.0 as usize;
            let item = &graph.nodes[n];
            if !item.shape.contains(&into) {
                if self.lanes_of(&item.shape) > 0 {
                    return Ok(None); // my own value takes part
                }
                outside.insert(n);
                continue;
            }
            if !inner.insert(n) {
                continue;
            }
            match &item.op {
                Op::Others { of, axis, into: i } if *axis == me && *i == into => {
                    outside.insert(of.0 as usize);
                }
                Op::Unary(..) | Op::Binary(..) | Op::Select(..) => stack.extend(shape::operands(&item.op)),
                _ => return Ok(None),
            }
        }
        let targets: Vec<NodeId> = outside.iter().map(|n| NodeId(*n as u32)).collect();
        self.ensure(&targets, context)?;
        let mut local: HashMap<usize, (Vec<AxisId>, Values)> = HashMap::new();
        for n in inner {
            let item = &graph.nodes[n];
            let axes = self.small(&item.shape);
            if let Op::Others { of, .. } = &item.op {
                let own = self.small(&graph.nodes[of.0 as usize].shape);
                local.insert(n, (own, self.value(*of, context)?));
                continue;
            }
            let mut operands = Vec::new();
            for o in shape::operands(&item.op) {
                operands.push(match local.get(&(o.0 as usize)) {
                    Some(v) => v.clone(),
                    None => self.operand(o, context)?,
                });
            }
            let mut at = vec![0; graph.axes.len()];
            let mut out = Vec::new();
            for e in 0..self.elements(&axes) {
                let mut rest = e;
                for a in axes.iter().rev() {
                    at[a.0 as usize] = rest % self.size(*a);
                    rest /= self.size(*a);
                }
                out.push(self.element(n, &item.op, &operands, &mut at, context)?);
            }
            local.insert(n, (axes, Rc::new(out)));
        }
        let wanted = self.small(&graph.nodes[node.0 as usize].shape);
        Ok(local.remove(&(node.0 as usize)).map(|(axes, values)| {
            let mut at = vec![0; graph.axes.len()];
            (0..self.elements(&wanted))
                .map(|e| {
                    let mut rest = e;
                    for a in wanted.iter().rev() {
                        at[a.0 as usize] = rest % self.size(*a);
                        rest /= self.size(*a);
                    }
                    values[self.offset(&axes, &at)]
                })
                .collect()
        }))
    }

    /// The reduction of `x` over all other members: the total less the own value, or the extreme and the second one.
    fn without_own(&mut self, how: Reduce, x: Id, mask: Option<Id>, lanes: usize) -> Option<Id> {
        let zero = self.dag.constant(0.0);
        let one = self.dag.constant(1.0);
        let less = |l: &mut Self, v: Id| {
            let total = l.fold(Fold::Sum, v, None, lanes);
            l.dag.sub(total, v)
        };
        let masked = |l: &mut Self, v: Id, neutral: f64| match mask {
            None => v,
            Some(m) => {
                let neutral = l.dag.constant(neutral);
                l.dag.select(m, v, neutral)
            }
        };
        let number = |l: &mut Self| match mask {
            None => l.dag.constant(lanes as f64 - 1.0),
            Some(m) => {
                let t = l.dag.binary(Binary::Ne, m, zero);
                less(l, t)
            }
        };
        Some(match how {
            Reduce::Sum => {
                let v = masked(self, x, 0.0);
                less(self, v)
            }
            Reduce::Mean => {
                let v = masked(self, x, 0.0);
                let sum = less(self, v);
                let count = number(self);
                self.dag.div(sum, count)
            }
            Reduce::Count | Reduce::Any => {
                let t = self.dag.binary(Binary::Ne, x, zero);
                let v = masked(self, t, 0.0);
                let count = less(self, v);
                if how == Reduce::Any {
                    self.dag.binary(Binary::Lt, zero, count)
                } else {
                    count
                }
            }
            Reduce::All => {
                let t = self.dag.binary(Binary::Eq, x, zero);
                let v = masked(self, t, 0.0);
                let failures = less(self, v);
                self.dag.binary(Binary::Lt, failures, one)
            }
            Reduce::Min | Reduce::Max => {
                let (fold, worst, op) = if how == Reduce::Min {
                    (Fold::Min, f64::INFINITY, Binary::Lt)
                } else {
                    (Fold::Max, f64::NEG_INFINITY, Binary::Gt)
                };
                let v = masked(self, x, worst);
                let best = self.fold(fold, v, None, lanes);
                let mine = self.dag.binary(Binary::Eq, v, best);
                let ties = self.fold(Fold::Sum, mine, None, lanes);
                let behind = self.dag.binary(op, best, v);
                let worst = self.dag.constant(worst);
                let runner = self.dag.select(behind, v, worst);
                let second = self.fold(fold, runner, None, lanes);
                let single = self.dag.binary(Binary::Le, ties, one);
                let alone = self.dag.binary(Binary::And, mine, single);
                self.dag.select(alone, second, best)
            }
            Reduce::Prod | Reduce::Std | Reduce::Argmax | Reduce::Quantile(_) => return None,
        })
    }

    /// `Others` of a lane axis: only inside a loop over the others.
    ///
    /// # Errors
    /// [`LowerError::Pairs`] outside of such a loop.
    pub(super) fn others_in_loop(
        &mut self,
        n: usize,
        of: NodeId,
        axis: AxisId,
        into: AxisId,
        context: &Context,
    ) -> Result<Vec<Id>, LowerError> {
        let Some((_, scope)) = context.pinned.filter(|p| p.0 == into) else {
            return Err(LowerError::Pairs {
                node: n,
                what: "an array over all pairs",
                members: self.size(axis),
            });
        };
        let lanes = self.size(axis);
        let outside = Context {
            open: context.open.clone(),
            pinned: None,
        };
        let values = self.value(of, &outside)?;
        Ok(values
            .iter()
            .map(|of| {
                if self.dag.as_const(*of).is_some() {
                    *of
                } else {
                    self.leaf(LeafKind::LoopOthers { scope, of: *of }, lanes)
                }
            })
            .collect())
    }
}
