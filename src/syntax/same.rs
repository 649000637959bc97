//! Whether two trees say the same: equality up to the places where things stand.
//!
//! [`erase`] sets every span to zero; two trees are the same if they are equal after it. The trait has one line for each
//! field, so a new field that holds a span is missed by nothing but this file, and the print-and-reparse test finds that.

use super::ast::*;
use crate::diag::Span;

/// Whether the trees are equal but for spans.
pub fn same_tree(a: &File, b: &File) -> bool {
    let (mut a, mut b) = (a.clone(), b.clone());
    erase(&mut a);
    erase(&mut b);
    a == b
}

/// Sets every span of the tree to zero.
pub fn erase(file: &mut File) {
    file.erase();
}

trait Erase {
    fn erase(&mut self);
}

impl Erase for Span {
    fn erase(&mut self) {
        *self = Span::default();
    }
}
impl<T: Erase> Erase for Vec<T> {
    fn erase(&mut self) {
        self.iter_mut().for_each(Erase::erase);
    }
}
impl<T: Erase> Erase for Option<T> {
    fn erase(&mut self) {
        self.iter_mut().for_each(Erase::erase);
    }
}
impl<T: Erase> Erase for Box<T> {
    fn erase(&mut self) {
        self.as_mut().erase();
    }
}
impl<A: Erase, B: Erase> Erase for (A, B) {
    fn erase(&mut self) {
        self.0.erase();
        self.1.erase();
    }
}
/// Things without a span.
macro_rules! plain {
    ($($kind:ty),*) => { $(impl Erase for $kind { fn erase(&mut self) {} })* };
}
plain!(String, bool, f64, EndThen, UnaryOp, BinaryOp);

/// Erases every named field.
macro_rules! fields {
    ($($kind:ty { $($field:ident),* })*) => {
        $(impl Erase for $kind {
            fn erase(&mut self) {
                let Self { $($field),* } = self;
                $($field.erase();)*
            }
        })*
    };
}

impl Erase for Name {
    fn erase(&mut self) {
        self.span.erase();
    }
}

fields! {
    File { model, statements }
    Stmt { kind, span, doc }
    Lhs { name, index }
    Binder { var, over, when, span }
    Setting { key, value, span }
    Given { names, table }
    GivenRow { labels, normalize, matrix, span }
    Among { role, agents }
    Domain { kind, span }
    Expr { kind, span }
    ArrayItem { label, value }
    Arg { name, value, over }
    Path { segments, span }
    Segment { name, primed, index }
}

impl Erase for LhsIndex {
    fn erase(&mut self) {
        match self {
            LhsIndex::Set(a) => a.erase(),
            LhsIndex::Binder(a) => a.erase(),
        }
    }
}
impl Erase for Index {
    fn erase(&mut self) {
        match self {
            Index::At(a) => a.erase(),
            Index::Binder(a) => a.erase(),
        }
    }
}
impl Erase for Range {
    fn erase(&mut self) {
        match self {
            Range::Named(a) => a.erase(),
            Range::Span(a, b) => {
                a.erase();
                b.erase();
            }
        }
    }
}
impl Erase for Size {
    fn erase(&mut self) {
        match self {
            Size::Count(a) => a.erase(),
            Size::Binder(a) => a.erase(),
        }
    }
}
impl Erase for SettingsBlock {
    fn erase(&mut self) {
        match self {
            SettingsBlock::Train(a) => a.erase(),
            SettingsBlock::Solve | SettingsBlock::Verify => {}
        }
    }
}
impl Erase for PriceForm {
    fn erase(&mut self) {
        match self {
            PriceForm::Is(a) => a.erase(),
            PriceForm::Clears(a, b) => {
                a.erase();
                b.erase();
            }
            PriceForm::Posted => {}
        }
    }
}
impl Erase for Start {
    fn erase(&mut self) {
        match self {
            Start::Value(a) => a.erase(),
            Start::Random(a) => a.erase(),
        }
    }
}
impl Erase for RequireElse {
    fn erase(&mut self) {
        match self {
            RequireElse::Penalty(a) => a.erase(),
            RequireElse::Clamp(a) => a.erase(),
            RequireElse::Project | RequireElse::End => {}
        }
    }
}
impl Erase for PolicyRule {
    fn erase(&mut self) {
        match self {
            PolicyRule::Rule(a) => a.erase(),
            PolicyRule::Random => {}
        }
    }
}
impl Erase for ObserveItem {
    fn erase(&mut self) {
        match self {
            ObserveItem::All(a) => a.erase(),
            ObserveItem::Value(a) => a.erase(),
            ObserveItem::Signal { name, dist } => {
                name.erase();
                dist.erase();
            }
        }
    }
}

/// Erases the named fields of every variant.
macro_rules! variants {
    ($kind:ident { $($variant:ident $( { $($field:ident),* } )? $( ( $($item:ident),* ) )?),* $(,)? }) => {
        impl Erase for $kind {
            fn erase(&mut self) {
                match self {
                    $($kind::$variant $( { $($field),* } )? $( ( $($item),* ) )? => {
                        $($($field.erase();)*)?
                        $($($item.erase();)*)?
                    })*
                }
            }
        }
    };
}

variants!(StmtKind {
    Use { path, items },
    Param { lhs, unit, value, domain },
    Set { name, domain },
    Fn { name, params, body },
    Shock { lhs, iid, dist, given, start },
    Noise { lhs, dist, stage },
    State { lhs, domain, start },
    Action { lhs, domain, grid, taste, stage, given },
    Let { lhs, value },
    Price { aggregate, lhs, domain, form, start },
    Forward { name, over, domain, value, given, start },
    Give { target, value },
    Transition { target, value },
    Observe { items, when },
    Reward(a),
    Discount(a),
    Horizon(a),
    End { when, paying, then },
    Require { condition, otherwise },
    Policy { action, rule },
    Agent { name, size, mass, is, body },
    Kind { name, body },
    Group { name, size, mass, body },
    Market { name, size, competitive, body },
    MarketUse { name, def, args, among },
    MarketDef { name, params, body },
    Offer(a),
    Role { name, body },
    GivePort(a),
    StartOf { target, value },
    Stages(a),
    Scenario { name, items },
    Settings { block, items },
});

variants!(ScenarioItem {
    Start { target, value, span },
    Path { target, value, span },
    Force { target, value, at, span },
    Param { name, drawn, value, span },
    Periods { value, span },
});

variants!(DomainKind {
    Interval { lo, hi, lo_open, hi_open },
    Range(a, b),
    Finite(a),
    Grid(a),
    Simplex(a),
    Same(a),
    Bool,
});

variants!(ExprKind {
    Number { value, text },
    Bool(a),
    Inf,
    Continuum,
    Text(a),
    Path(a),
    Call { name, args },
    Reduce { name, binder, body },
    Solve { concept, args },
    Array(a),
    Unary { op, arg },
    Binary { op, lhs, rhs },
    If { condition, then, otherwise },
    Range(a, b),
    Normalize(a),
    Paren(a),
});
