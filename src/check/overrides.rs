//! `--set NAME=VALUE`: what is typed on the command line takes the place of what the file says.

use super::scope::kind_word;
use super::{Checker, Decl, EntityId, errors};
use crate::syntax::ast;

impl Checker<'_> {
    /// `--set tolerance=1e-6`, `--set grid.k='log(400)'` (of `solve`), `--set train.steps=1000`, `--set verify.seeds=1..5`.
    /// Whether the name is a setting.
    fn override_setting(&mut self, name: &str, text: &str, file: u16) -> bool {
        let (block, key) = match name.split_once('.') {
            Some((block @ ("solve" | "train" | "verify"), key)) => (block, key),
            _ if super::settings::is_solve_key(name) => ("solve", name),
            _ => return false,
        };
        let span = crate::diag::Span {
            start: 0,
            end: text.len() as u32,
            file,
        };
        let Ok(value) = crate::syntax::parser::parse_value(text, file) else {
            self.report(errors::set_unreadable(name, text));
            return true;
        };
        let item = ast::Setting {
            key: key
                .split('.')
                .map(|word| ast::Name {
                    text: word.to_string(),
                    span,
                })
                .collect(),
            value,
            span,
        };
        let mut found = false;
        for (b, items, _) in &mut self.settings_stmts {
            let this = match b {
                ast::SettingsBlock::Solve => "solve",
                ast::SettingsBlock::Train(_) => "train",
                ast::SettingsBlock::Verify => "verify",
            };
            if this == block {
                items.retain(|i| i.key.iter().map(|n| n.text.as_str()).ne(key.split('.')));
                items.push(item.clone());
                found = true;
            }
        }
        if !found {
            let new = match block {
                "solve" => ast::SettingsBlock::Solve,
                "verify" => ast::SettingsBlock::Verify,
                _ => {
                    self.report(errors::set_without_train(name));
                    return true;
                }
            };
            self.settings_stmts.push((new, vec![item], span));
        }
        true
    }

    pub(super) fn apply_overrides(&mut self) {
        for (number, (name, text)) in self.options.set.clone().into_iter().enumerate() {
            // Places inside what was typed are places of no file that is shown.
            let file = SET_FILE.saturating_add(u16::try_from(number).unwrap_or(u16::MAX));
            let found: Vec<EntityId> = (0..self.entities.len())
                .filter(|i| {
                    (self.entities[*i].dotted == name || self.entities[*i].name == name)
                        && matches!(self.entities[*i].decl, Decl::Param { .. })
                })
                .collect();
            let exact: Vec<EntityId> = found
                .iter()
                .copied()
                .filter(|i| self.entities[*i].dotted == name)
                .collect();
            let found = if exact.is_empty() { found } else { exact };
            if found.is_empty() && self.override_setting(&name, &text, file) {
                continue;
            }
            if found.is_empty() {
                let params: Vec<String> = self
                    .entities
                    .iter()
                    .filter(|e| matches!(e.decl, Decl::Param { .. }))
                    .map(|e| e.dotted.clone())
                    .collect();
                let settings: Vec<String> = super::settings::SOLVE_KEYS
                    .iter()
                    .map(|k| k.name.to_string())
                    .chain(
                        super::settings::VERIFY_KEYS
                            .iter()
                            .map(|k| format!("verify.{}", k.name)),
                    )
                    .filter(|k| !k.ends_with('*'))
                    .collect();
                let other = self
                    .entities
                    .iter()
                    .find(|e| e.dotted == name || e.name == name)
                    .map(|e| (kind_word(&e.decl), e.dotted.as_str()));
                self.report(errors::set_unknown(&name, &params, &settings, other));
                continue;
            }
            let Ok(new) = crate::syntax::parser::parse_value(&text, file) else {
                self.report(errors::set_unreadable(&name, &text));
                continue;
            };
            for id in found {
                let span = self.entities[id].span;
                if let Decl::Param { value, .. } = &self.entities[id].decl
                    && matches!(new.kind, ast::ExprKind::Bool(_))
                    && is_number(value)
                {
                    self.report(errors::truth_for_number(&name, span));
                    continue;
                }
                self.overridden.insert(self.entities[id].dotted.clone());
                if let Decl::Param { value, .. } = &mut self.entities[id].decl {
                    *value = ast::Expr {
                        span: value.span,
                        kind: new.kind.clone(),
                    };
                    if matches!(value.kind, ast::ExprKind::Path(_)) {
                        value.span = span;
                    }
                }
            }
        }
    }
}

/// Whether an expression is a number or an array, by how it is written.
pub(super) fn is_number(value: &ast::Expr) -> bool {
    match &value.kind {
        ast::ExprKind::Number { .. } | ast::ExprKind::Inf | ast::ExprKind::Array(_) => true,
        ast::ExprKind::Unary { op, arg } => *op != ast::UnaryOp::Not && is_number(arg),
        ast::ExprKind::Binary { op, .. } => matches!(
            op,
            ast::BinaryOp::Add | ast::BinaryOp::Sub | ast::BinaryOp::Mul | ast::BinaryOp::Div | ast::BinaryOp::Pow
        ),
        ast::ExprKind::Paren(e) => is_number(e),
        _ => false,
    }
}

/// The number of the first text of `--set` as a source; the model is 0, the market library 1.
pub(super) const SET_FILE: u16 = 2;
