//! Functions that call themselves, directly or through others, also where nothing calls them.

use super::{Checker, errors};
use crate::diag::Span;
use crate::syntax::ast::{Expr, ExprKind, Index, Segment};
use std::collections::BTreeMap;

impl Checker<'_> {
    /// Reports each function that leads back to itself.
    pub(super) fn recursive_functions(&mut self) {
        let mut calls: BTreeMap<String, Vec<(String, Span)>> = BTreeMap::new();
        for (name, (_, body, _)) in &self.functions {
            let mut found = Vec::new();
            called(body, &mut found);
            found.retain(|(f, _)| self.functions.contains_key(f));
            calls.insert(name.clone(), found);
        }
        let mut wrong = Vec::new();
        let mut reported: Vec<&str> = Vec::new();
        for (name, first) in &calls {
            // A circle is said once.
            if reported
                .iter()
                .any(|r| leads_to(&calls, r, name) && leads_to(&calls, name, r))
            {
                continue;
            }
            let back = first.iter().find(|(f, _)| f == name || leads_to(&calls, f, name));
            if let (Some((_, span)), Some((_, _, declared))) = (back, self.functions.get(name)) {
                reported.push(name);
                wrong.push(errors::recursive_function(name, *declared, *span));
            }
        }
        for d in wrong {
            self.report(d);
        }
    }
}

fn leads_to(calls: &BTreeMap<String, Vec<(String, Span)>>, from: &str, to: &str) -> bool {
    let mut seen = vec![from];
    let mut next = 0;
    while next < seen.len() {
        for (f, _) in calls.get(seen[next]).into_iter().flatten() {
            if f == to {
                return true;
            }
            if !seen.contains(&f.as_str()) {
                seen.push(f);
            }
        }
        next += 1;
    }
    false
}

/// The functions that an expression calls, with the places.
fn called(e: &Expr, out: &mut Vec<(String, Span)>) {
    let within = |segments: &[Segment], out: &mut Vec<(String, Span)>| {
        for i in segments.iter().flat_map(|s| &s.index) {
            if let Index::At(e) = i {
                called(e, out);
            }
        }
    };
    match &e.kind {
        ExprKind::Call { name, args } => {
            out.push((name.text.clone(), e.span));
            args.iter().for_each(|a| called(&a.value, out));
        }
        ExprKind::Reduce { body, .. } => called(body, out),
        ExprKind::Solve { args, .. } => args.iter().for_each(|a| called(&a.value, out)),
        ExprKind::Array(items) => items.iter().for_each(|i| called(&i.value, out)),
        ExprKind::Unary { arg, .. } | ExprKind::Normalize(arg) | ExprKind::Paren(arg) => called(arg, out),
        ExprKind::Binary { lhs, rhs, .. } | ExprKind::Range(lhs, rhs) => {
            called(lhs, out);
            called(rhs, out);
        }
        ExprKind::If {
            condition,
            then,
            otherwise,
        } => {
            called(condition, out);
            called(then, out);
            called(otherwise, out);
        }
        ExprKind::Path(path) => within(&path.segments, out),
        ExprKind::Number { .. } | ExprKind::Bool(_) | ExprKind::Inf | ExprKind::Continuum | ExprKind::Text(_) => {}
    }
}
