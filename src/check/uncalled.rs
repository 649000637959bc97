//! Functions that nobody calls: names in them are looked up all the same, since nothing else reads them.

use super::functions::BUILT_IN;
use super::{Checker, errors};
use crate::diag::{Diagnostic, Span};
use crate::syntax::ast::{Expr, ExprKind, Index, Path, Range};

/// What an expression reads: `(word, where, whether it is called)`, names bound inside left out.
fn words<'e>(e: &'e Expr, bound: &mut Vec<&'e str>, out: &mut Vec<(&'e str, Span, bool)>) {
    match &e.kind {
        ExprKind::Call { name, args } => {
            out.push((&name.text, name.span, true));
            args.iter().for_each(|a| words(&a.value, bound, out));
        }
        ExprKind::Reduce { binder, body, .. } => {
            match &binder.over {
                Range::Named(path) => of_path(path, bound, out),
                Range::Span(lo, hi) => {
                    words(lo, bound, out);
                    words(hi, bound, out);
                }
            }
            bound.push(&binder.var.text);
            if let Some(when) = &binder.when {
                words(when, bound, out);
            }
            words(body, bound, out);
            bound.pop();
        }
        ExprKind::Array(items) => items.iter().for_each(|i| words(&i.value, bound, out)),
        ExprKind::Unary { arg, .. } | ExprKind::Normalize(arg) | ExprKind::Paren(arg) => words(arg, bound, out),
        ExprKind::Binary { lhs, rhs, .. } | ExprKind::Range(lhs, rhs) => {
            words(lhs, bound, out);
            words(rhs, bound, out);
        }
        ExprKind::If {
            condition,
            then,
            otherwise,
        } => {
            words(condition, bound, out);
            words(then, bound, out);
            words(otherwise, bound, out);
        }
        ExprKind::Path(path) => of_path(path, bound, out),
        ExprKind::Solve { .. }
        | ExprKind::Number { .. }
        | ExprKind::Bool(_)
        | ExprKind::Inf
        | ExprKind::Continuum
        | ExprKind::Text(_) => {}
    }
}

fn of_path<'e>(path: &'e Path, bound: &mut Vec<&'e str>, out: &mut Vec<(&'e str, Span, bool)>) {
    let first = &path.segments[0].name;
    if !bound.contains(&first.text.as_str()) {
        out.push((&first.text, first.span, false));
    }
    for i in path.segments.iter().flat_map(|s| &s.index) {
        if let Index::At(e) = i {
            words(e, bound, out);
        }
    }
}

impl Checker<'_> {
    /// Reports names in functions that nobody calls which stand for nothing anywhere in the model.
    pub(super) fn uncalled_functions(&mut self) {
        let mut wrong: Vec<Diagnostic> = Vec::new();
        let functions: Vec<String> = self.functions.keys().cloned().collect();
        let calls: Vec<String> = BUILT_IN.iter().map(|s| (*s).to_string()).chain(functions).collect();
        for (name, (parameters, body, span)) in &self.functions {
            if self.called.contains(name) || span.file != 0 {
                continue;
            }
            let mut bound: Vec<&str> = parameters.iter().map(|p| p.text.as_str()).collect();
            let own: Vec<String> = bound.iter().map(|p| (*p).to_string()).collect();
            let mut read = Vec::new();
            words(body, &mut bound, &mut read);
            for (word, at, called) in read {
                if called {
                    let known = calls.iter().any(|c| c == word) || super::chance::family_of(word).is_some();
                    if !known && !word.starts_with('\u{1}') {
                        let quantity = self.quantity(word);
                        wrong.push(errors::unknown_function(word, at, &calls, quantity, None));
                    }
                } else if !self.stands_for_something(word) {
                    let mut known = own.clone();
                    known.extend(self.blocks[0].names.keys().cloned());
                    wrong.push(errors::unknown_name(word, at, &known, None, None, None));
                }
            }
        }
        for d in wrong {
            self.report(d);
        }
    }

    /// Whether a word is a name of the model, a block, a label or a word with a meaning everywhere.
    fn stands_for_something(&self, word: &str) -> bool {
        matches!(word, "pi" | "t")
            || self.entities.iter().any(|e| e.name == word)
            || self.blocks.iter().any(|b| b.name == word)
            || self.choices.iter().flatten().any(|l| l == word)
            || self.model.sets.iter().flat_map(|s| &s.labels).any(|l| l == word)
            || self.chain_with_label(word).is_some()
    }
}
