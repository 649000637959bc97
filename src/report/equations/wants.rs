//! What agents want, as the equation of their value.

use super::math::Place;
use super::{Maker, as_path};
use crate::graph::Phase;
use crate::syntax::ast::*;

impl Maker<'_> {
    /// The value of an agent now, or in the next period.
    pub(super) fn value(&self, at: usize, next: bool) -> String {
        let chain: Vec<usize> = self.names.chain(at).collect();
        let mut sub: Vec<String> = chain
            .iter()
            .rev()
            .filter_map(|b| self.names.blocks[*b].index.as_ref())
            .map(|i| format!("<mi>{}</mi>", i[0]))
            .collect();
        sub.push(if next {
            "<mrow><mi>t</mi><mo>+</mo><mn>1</mn></mrow>".into()
        } else {
            "<mi>t</mi>".into()
        });
        format!(
            "<msub><mi>{}</mi><mrow>{}</mrow></msub>",
            self.names.value,
            sub.join("<mo separator=\"true\">,</mo>")
        )
    }

    /// What an agent wants: the equation of its value, with what it chooses; without a discount factor the expected reward.
    pub(super) fn wants(&self, at: usize, reward: &Expr, discount: Option<&Stmt>, body: &[Stmt]) -> String {
        let names = &self.names;
        let place = Place::at(at);
        let ruled: Vec<&str> = body
            .iter()
            .filter_map(|s| match &s.kind {
                StmtKind::Policy { action: Some(lhs), .. } => Some(lhs.name.text.as_str()),
                _ => None,
            })
            .collect();
        let all_ruled = body
            .iter()
            .any(|s| matches!(s.kind, StmtKind::Policy { action: None, .. }));
        let chosen: Vec<String> = body
            .iter()
            .filter_map(|s| match &s.kind {
                StmtKind::Action { lhs, .. } if !all_ruled && !ruled.contains(&lhs.name.text.as_str()) => {
                    Some(names.symbol(&as_path(lhs), &place).shown())
                }
                _ => None,
            })
            .collect();
        let best = match chosen.is_empty() {
            true => String::new(),
            false => format!(
                "<munder><mo>max</mo><mrow>{}</mrow></munder>",
                chosen.join("<mo separator=\"true\">,</mo>")
            ),
        };
        let payoff = names.math(bare(reward), &place);
        let expected = "<msub><mi mathvariant=\"double-struck\">𝔼</mi><mi>t</mi></msub>";
        let value = self.value(at, false);
        let Some(Stmt {
            kind: StmtKind::Discount(factor),
            ..
        }) = discount
        else {
            return format!("{value}<mo>=</mo>{best}{expected}<mrow><mo>[</mo>{payoff}<mo>]</mo></mrow>");
        };
        let factor_shown = self.factor(factor, &place);
        let next = self.value(at, true);
        let block = &names.blocks[at].name;
        // What is drawn after acting, or found by a market, is expected, too.
        let known = self
            .model
            .agents
            .iter()
            .find(|a| a.name == *block || a.kind.as_deref() == Some(block))
            .and_then(|a| a.reward)
            .is_some_and(|node| self.model.graph.nodes[node.0 as usize].phase < Phase::Cleared);
        let constant = matches!(factor.kind, ExprKind::Number { .. })
            || matches!(&factor.kind, ExprKind::Path(p) if p.segments.len() == 1);
        let join = "<mo lspace=\"0.1em\" rspace=\"0.1em\">\u{2062}</mo>";
        let inner = match &bare(reward).kind {
            ExprKind::If { .. } => format!("<mrow><mo>(</mo>{payoff}<mo>)</mo></mrow>"),
            _ => payoff,
        };
        if known && constant {
            format!(
                "{value}<mo>=</mo>{best}<mrow><mo>{{</mo>{inner}<mo>+</mo>{factor_shown}{join}{expected}<mrow><mo>[</mo>{next}<mo>]</mo></mrow><mo>}}</mo></mrow>"
            )
        } else {
            format!(
                "{value}<mo>=</mo>{best}{expected}<mrow><mo>[</mo>{inner}<mo>+</mo>{factor_shown}{join}{next}<mo>]</mo></mrow>"
            )
        }
    }
}

fn bare(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Paren(inner) => bare(inner),
        _ => expr,
    }
}
