//! Tests of `interval`.

use super::*;
use crate::graph::{Binary, Reduce, Unary};
use crate::num::normal::{cdf, quantile};
use proptest::prelude::*;

const UNARY: [Unary; 14] = [
    Unary::Neg,
    Unary::Not,
    Unary::Abs,
    Unary::Sign,
    Unary::Exp,
    Unary::Log,
    Unary::Log1p,
    Unary::Sqrt,
    Unary::Sin,
    Unary::Cos,
    Unary::Tanh,
    Unary::Floor,
    Unary::Ceil,
    Unary::Round,
];
const BINARY: [Binary; 17] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::Pow,
    Binary::Mod,
    Binary::IntDiv,
    Binary::Min,
    Binary::Max,
    Binary::Eq,
    Binary::Ne,
    Binary::Lt,
    Binary::Le,
    Binary::Gt,
    Binary::Ge,
    Binary::And,
    Binary::Or,
];

fn value(op: Binary, a: f64, b: f64) -> f64 {
    let bit = |c: bool| if c { 1.0 } else { 0.0 };
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => a.powf(b),
        Binary::Mod => a - b * (a / b).floor(),
        Binary::IntDiv => (a / b).floor(),
        Binary::Min => a.min(b),
        Binary::Max => a.max(b),
        Binary::Eq => bit(a == b),
        Binary::Ne => bit(a != b),
        Binary::Lt => bit(a < b),
        Binary::Le => bit(a <= b),
        Binary::Gt => bit(a > b),
        Binary::Ge => bit(a >= b),
        Binary::And => bit(a != 0.0 && b != 0.0),
        Binary::Or => bit(a != 0.0 || b != 0.0),
    }
}
fn value1(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Neg => -x,
        Unary::Not => {
            if x == 0.0 {
                1.0
            } else {
                0.0
            }
        }
        Unary::Abs => x.abs(),
        Unary::Sign => {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                0.0
            }
        }
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Log1p => x.ln_1p(),
        Unary::Sqrt => x.sqrt(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tanh => x.tanh(),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Round => x.round(),
        Unary::NormalCdf => cdf(x),
        Unary::NormalQuantile => quantile(x),
    }
}
fn interval() -> impl Strategy<Value = Interval> {
    let end = prop_oneof![
        (-6i32..7).prop_map(|i| i as f64),
        (-24i32..25).prop_map(|i| i as f64 / 4.0),
        Just(f64::NEG_INFINITY),
        Just(f64::INFINITY),
    ];
    (end.clone(), end, any::<[bool; 3]>()).prop_map(|(a, b, [p, q, integer])| {
        let (lo, hi) = if a <= b { (a, b) } else { (b, a) };
        Interval {
            lo,
            hi,
            lo_open: p,
            hi_open: q,
            integer,
        }
    })
}
/// A finite member of the interval, `u` says which.
fn member(x: Interval, u: f64) -> Option<f64> {
    let (lo, hi) = (x.lo.max(-40.0), x.hi.min(40.0));
    let v = lo + (hi - lo) * u;
    let v = if x.integer { v.round() } else { v };
    (v.is_finite() && x.contains(v)).then_some(v)
}
fn inside(r: Interval, v: f64) -> bool {
    if v.is_nan() {
        return true;
    }
    // Rounding may put a value on an open end or a last place beyond a transcendental one.
    let slack = if v.is_finite() { 1e-12 * v.abs() } else { 0.0 };
    v >= r.lo - slack && v <= r.hi + slack && (!r.integer || v.fract() == 0.0 || v.is_infinite())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn every_value_of_an_operation_lies_in_its_interval(
        a in interval(), b in interval(),
        u in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64],
        v in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64],
    ) {
        if let (Some(x), Some(y)) = (member(a, u), member(b, v)) {
            for op in UNARY {
                let r = unary(op, a);
                prop_assert!(inside(r, value1(op, x)), "{op:?} {a:?} {x} -> {r:?} {}", value1(op, x));
            }
            for op in BINARY {
                if y == 0.0 && matches!(op, Binary::Div | Binary::IntDiv) {
                    continue;
                }
                let r = binary(op, a, b);
                prop_assert!(inside(r, value(op, x, y)), "{op:?} {a:?} {b:?} at {x} {y} -> {r:?} {}", value(op, x, y));
            }
            let r = select(a, b, Interval::point(3.0));
            let chosen = if x != 0.0 { y } else { 3.0 };
            prop_assert!(inside(r, chosen));
        }
    }
    #[test]
    fn reductions_lie_in_their_intervals(a in interval(), us in prop::collection::vec(0.0..1.0f64, 1..6)) {
        let xs: Option<Vec<f64>> = us.iter().map(|u| member(a, *u)).collect();
        if let Some(xs) = xs {
            let n = xs.len();
            let sum: f64 = xs.iter().sum();
            let mean = sum / n as f64;
            let std = (xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
            prop_assert!(inside(reduce(Reduce::Sum, a, n, None), sum));
            prop_assert!(inside(reduce(Reduce::Mean, a, n, None), mean));
            prop_assert!(inside(reduce(Reduce::Std, a, n, None), std));
            prop_assert!(inside(reduce(Reduce::Prod, a, n, None), xs.iter().product()));
            prop_assert!(inside(reduce(Reduce::Min, a, n, None), xs.iter().fold(f64::INFINITY, |m, x| m.min(*x))));
            let count = xs.iter().filter(|x| **x != 0.0).count() as f64;
            prop_assert!(inside(reduce(Reduce::Count, a, n, None), count));
        }
    }
}

#[test]
fn bounds_that_domain_checks_rely_on_are_tight() {
    let unit = Interval::closed(0.0, 1.0);
    let share = binary(Binary::Sub, Interval::point(1.0), unit);
    assert_eq!((share.lo, share.hi), (0.0, 1.0));
    assert!(share.contains(0.0));
    let inner = binary(Binary::Sub, Interval::point(1.0), Interval::open(0.0, 1.0));
    assert!(!inner.contains(0.0) && inner.lo == 0.0);
    // exp is positive, so a product with it is positive too
    let y = binary(
        Binary::Mul,
        unary(Unary::Exp, Interval::all()),
        Interval::closed(0.5, f64::INFINITY),
    );
    assert!(y.lo == 0.0 && y.lo_open && y.hi == f64::INFINITY);
    // zero times infinity: the hull
    let z = binary(
        Binary::Mul,
        Interval::closed(0.0, 1.0),
        Interval::closed(0.0, f64::INFINITY),
    );
    assert_eq!((z.lo, z.hi, z.lo_open), (0.0, f64::INFINITY, false));
    let d = binary(
        Binary::Div,
        Interval::closed(1.0, 2.0),
        Interval {
            lo_open: true,
            ..Interval::closed(0.0, 4.0)
        },
    );
    assert_eq!((d.lo, d.hi), (0.25, f64::INFINITY));
    let k = binary(Binary::Pow, Interval::closed(0.5, 20.0), Interval::point(0.36));
    assert!((k.lo - 0.5f64.powf(0.36)).abs() < 1e-15 && (k.hi - 20f64.powf(0.36)).abs() < 1e-14);
    let square = binary(Binary::Pow, Interval::closed(-3.0, 2.0), Interval::point(2.0));
    assert_eq!((square.lo, square.hi), (0.0, 9.0));
    let age = unary(
        Unary::Floor,
        Interval {
            hi_open: true,
            ..Interval::closed(0.0, 5.0)
        },
    );
    assert_eq!(age, Interval::integers(0.0, 4.0));
    let m = binary(
        Binary::Mod,
        Interval::integers(0.0, f64::INFINITY),
        Interval::point(2.0),
    );
    assert_eq!(m, Interval::integers(0.0, 1.0));
    assert_eq!(binary(Binary::Le, unit, Interval::point(1.0)), Interval::point(1.0));
    assert_eq!(
        binary(Binary::Lt, Interval::open(0.0, 1.0), Interval::point(1.0)),
        Interval::point(1.0)
    );
    let c = unary(Unary::Cos, Interval::closed(-0.2, 0.2));
    assert!((c.lo - 0.2f64.cos()).abs() < 1e-12 && c.hi == 1.0);
    let q = unary(Unary::NormalQuantile, Interval::open(0.0, 1.0));
    assert_eq!((q.lo, q.hi), (f64::NEG_INFINITY, f64::INFINITY));
    assert!((unary(Unary::NormalQuantile, Interval::point(0.975)).hi - 1.959963984540054).abs() < 1e-12);
    assert!(Interval::closed(0.0, f64::INFINITY).contains_all(y));
    assert!(!Interval::open(0.0, 1.0).contains_all(unit));
}
