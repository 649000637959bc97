//! Checks that markets clear: judges and counts every price that a world used, and remembers the worst.
//!
//! `price p clears a == b` always yields a number, the root or what came nearest. The kernel tells how the search ended; here both sides
//! of the condition are computed once more at the price that was used, so that a message can say what was asked for and what
//! there was.

use crate::check::model::Model;
use crate::diag::{Diagnostic, Span};
use crate::graph::build::for_operands;
use crate::graph::{Binary, Interval, Node, NodeId, Op, Phase};
use crate::kernel::root::{NONE, SEVERAL, UNSETTLED};

/// Sides this close to one another, as a share of their size, are equal whatever the search said.
const EQUAL: f64 = 1e-9;

/// Prices that clear together.
#[derive(Clone, Debug)]
pub(super) struct Market {
    /// The root problem of the graph.
    pub root: usize,
    /// Names of the prices: one per price.
    pub names: Vec<String>,
    /// Where the condition stands.
    pub span: Span,
    /// For each price: itself and the left and right side of its condition, at the prices found.
    pub sides: Vec<[NodeId; 3]>,
}

/// How a market fared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clearing {
    /// Names of its prices.
    pub market: String,
    /// Where its condition stands.
    pub span: Span,
    /// World-periods in which it was asked to clear.
    pub asked: u64,
    /// World-periods in which no price cleared it.
    pub count: u64,
    /// World-periods in which several prices would have: the lowest was taken.
    pub several: u64,
    /// The first time that no price cleared it.
    pub first: Option<Missed>,
    /// The first time that several prices would have.
    pub first_several: Option<Missed>,
}

/// A price and what it left over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Missed {
    /// Name of the price, with its number where there are several.
    pub price: String,
    /// Period of the episode.
    pub period: usize,
    /// The number that was used.
    pub value: f64,
    /// The left and the right side of the condition.
    pub sides: (f64, f64),
    /// Left minus right.
    pub excess: f64,
    /// The condition changes sign in a jump at this price.
    pub jump: bool,
    /// States, shocks and actions there: one (name, value) per element.
    pub state: Vec<(String, f64)>,
}

/// The price of a market that is furthest from clearing.
pub(super) struct Furthest {
    /// Number of the price in its market, and of the element.
    pub price: usize,
    pub element: usize,
    /// Elements of the price.
    pub members: usize,
    /// The price.
    pub value: f64,
    /// The left and the right side of its condition.
    pub sides: (f64, f64),
}

/// The markets of a model, one per root problem that is read. Adds both sides of their conditions, at the prices found, to the graph.
pub(super) fn markets(model: &mut Model) -> Vec<Market> {
    let mut out = Vec::new();
    for root in 0..model.graph.roots.len() {
        let problem = model.graph.roots[root].clone();
        let last = model.graph.nodes.len();
        let solution = |which: usize, nodes: &[Node]| {
            let is = |n: &Node| matches!(n.op, Op::Root { root: r, which: w } if r == root && w == which);
            nodes.iter().position(is).map(|n| NodeId(n as u32))
        };
        let prices: Option<Vec<NodeId>> = (0..problem.unknowns.len())
            .map(|which| solution(which, &model.graph.nodes))
            .collect();
        // A problem that nobody reads is not solved.
        let Some(prices) = prices else { continue };
        let phase = prices
            .iter()
            .map(|p| model.graph.nodes[p.0 as usize].phase)
            .max()
            .unwrap_or(Phase::Cleared);
        // Every node that moves with an unknown, once more with the solution in its place.
        let mut at_solution: Vec<Option<NodeId>> = vec![None; last];
        for n in 0..last {
            let node = &model.graph.nodes[n];
            if let Op::Input(i) = node.op
                && let Some(which) = problem.unknowns.iter().position(|u| *u == i)
            {
                at_solution[n] = Some(prices[which]);
                continue;
            }
            let moved = crate::graph::shape::operands(&node.op)
                .iter()
                .any(|o| at_solution[o.0 as usize].is_some());
            if moved {
                let mut copy = node.clone();
                for_operands(&mut copy.op, &mut |o| *o = at_solution[o.0 as usize].unwrap_or(*o));
                copy.phase = copy.phase.max(phase);
                at_solution[n] = Some(NodeId(model.graph.nodes.len() as u32));
                model.graph.nodes.push(copy);
            }
        }
        let mut sides = Vec::new();
        for (price, residual) in prices.iter().zip(&problem.residuals) {
            let at = |n: NodeId| at_solution[n.0 as usize].unwrap_or(n);
            let [left, right] = match model.graph.nodes[residual.0 as usize].op {
                Op::Binary(Binary::Sub, a, b) => [at(a), at(b)],
                _ => {
                    let zero = Node {
                        op: Op::Const(0.0),
                        shape: Vec::new(),
                        domain: Interval::point(0.0),
                        phase: Phase::Constant,
                        span: model.graph.nodes[residual.0 as usize].span,
                    };
                    model.graph.nodes.push(zero);
                    [at(*residual), NodeId(model.graph.nodes.len() as u32 - 1)]
                }
            };
            sides.push([*price, left, right]);
        }
        let names = problem
            .unknowns
            .iter()
            .map(|u| model.graph.inputs[u.0 as usize].name.clone())
            .collect();
        out.push(Market {
            root,
            names,
            span: problem.spans.first().copied().unwrap_or_default(),
            sides,
        });
    }
    out
}

/// The element of a price whose condition is furthest from holding: price, element, left and right.
pub(super) type Worst = (usize, usize, f64, f64);

/// See [`Worst`]; `values[price]` are the price, the left and the right side, each one number per element of the price (a side
/// without its axis: one number).
pub(super) fn worst(values: &[[Vec<f64>; 3]]) -> Option<Worst> {
    let mut found: Option<(f64, Worst)> = None;
    for (k, [price, left, right]) in values.iter().enumerate() {
        for e in 0..price.len() {
            // A side without the price's own axis is the same for all its elements.
            let (l, r) = (left[e % left.len().max(1)], right[e % right.len().max(1)]);
            let gap = (l - r).abs() / (l.abs() + r.abs()).max(f64::MIN_POSITIVE);
            let gap = if gap.is_nan() { f64::INFINITY } else { gap };
            if found.as_ref().is_none_or(|f| gap > f.0) {
                found = Some((gap, (k, e, l, r)));
            }
        }
    }
    found.map(|f| f.1)
}

/// Whether the two sides are equal up to rounding.
fn equal(left: f64, right: f64) -> bool {
    let size = left.abs() + right.abs();
    size.is_finite() && (left - right).abs() <= EQUAL * size
}

/// How a condition ended: the kernel's word, unless both sides are equal anyhow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// One price clears.
    Clears,
    /// Several do.
    Several,
    /// None does; at a jump or not.
    Fails {
        /// The condition changes sign in a jump.
        jump: bool,
    },
}

/// Judges the status of a market whose worst element has these sides.
pub(super) fn judged(status: f64, left: f64, right: f64) -> Ended {
    if status == SEVERAL {
        Ended::Several
    } else if (status == NONE || status == UNSETTLED || status.is_nan()) && !equal(left, right) {
        Ended::Fails {
            jump: status == UNSETTLED,
        }
    } else {
        Ended::Clears
    }
}

impl Clearing {
    /// The error about prices that clear nothing, if there were any.
    pub fn error(&self) -> Option<Diagnostic> {
        let first = self.first.as_ref()?;
        let mut d = Diagnostic::error("E0830", format!("no price clears the market: `{}`", first.price)).at(
            self.span,
            if first.jump {
                "changes sign in a jump, without ever being equal"
            } else {
                "never equal at any price of the domain"
            },
        );
        d = d.note(format!(
            "period {}: {} = {}, left side {}, right side {}, left minus right {}",
            first.period,
            first.price,
            short(first.value),
            short(first.sides.0),
            short(first.sides.1),
            short(first.excess)
        ));
        if !first.state.is_empty() {
            d = d.note(shown(&first.state));
        }
        if self.asked > 1 {
            d = d.note(format!(
                "{} of {} times, the number nearest to clearing was used",
                self.count, self.asked
            ));
        }
        Some(d.hint(
            "widen the price's domain, or let demand or supply move with the price until they meet; where the price cannot move, say who is rationed",
        ))
    }

    /// The warning about several prices that clear, if there were any.
    pub fn warning(&self) -> Option<Diagnostic> {
        let first = self.first_several.as_ref()?;
        Some(
            Diagnostic::warning("W0830", format!("several prices clear the market: `{}`", first.price))
                .at(self.span, "equal at more than one price of the domain")
                .note(format!(
                    "{} of {} times, the lowest was taken; first in period {}, {} = {}",
                    self.several,
                    self.asked,
                    first.period,
                    first.price,
                    short(first.value)
                ))
                .hint("narrow the domain of the price to the equilibrium that is meant"),
        )
    }
}

fn short(x: f64) -> String {
    if x == 0.0 || (1e-3..1e6).contains(&x.abs()) {
        let text = format!("{x:.6}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.to_string()
    } else {
        format!("{x:.4e}")
    }
}

fn shown(state: &[(String, f64)]) -> String {
    let parts: Vec<String> = state.iter().map(|(n, x)| format!("{n} = {}", short(*x))).collect();
    parts.join(", ")
}
