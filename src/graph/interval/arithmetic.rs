//! Intervals of results from intervals of operands, one function per operation.

use crate::graph::{Binary, Graph, Interval, Op, Reduce, Unary};
use crate::num::normal::{cdf, quantile};
use std::f64::consts::{FRAC_PI_2, PI, TAU};

type End = (f64, bool);

pub(super) fn lower(a: End, b: End) -> End {
    if a.0 < b.0 || (a.0 == b.0 && !a.1) { a } else { b }
}

pub(super) fn upper(a: End, b: End) -> End {
    if a.0 > b.0 || (a.0 == b.0 && !a.1) { a } else { b }
}

/// The image of the ends under an increasing function; infinite arguments are never attained.
fn increasing(x: Interval, f: impl Fn(f64) -> f64) -> Interval {
    Interval {
        lo: f(x.lo),
        hi: f(x.hi),
        lo_open: x.lo_open || x.lo.is_infinite(),
        hi_open: x.hi_open || x.hi.is_infinite(),
        integer: false,
    }
}

/// Values of `op` on `x`.
pub fn unary(op: Unary, x: Interval) -> Interval {
    if x.is_empty() {
        return x;
    }
    match op {
        Unary::Neg => Interval {
            lo: -x.hi,
            hi: -x.lo,
            lo_open: x.hi_open,
            hi_open: x.lo_open,
            integer: x.integer,
        },
        Unary::Not => truth(x.always_false(), x.always_true()),
        Unary::Abs => {
            if x.lo >= 0.0 {
                x
            } else if x.hi <= 0.0 {
                unary(Unary::Neg, x)
            } else {
                let (hi, hi_open) = upper((x.hi, x.hi_open), (-x.lo, x.lo_open));
                Interval {
                    lo: 0.0,
                    lo_open: false,
                    hi,
                    hi_open,
                    integer: x.integer,
                }
            }
        }
        Unary::Sign => {
            let lo = if x.lo > 0.0 || (x.lo == 0.0 && x.lo_open) {
                1.0
            } else if x.lo == 0.0 {
                0.0
            } else {
                -1.0
            };
            let hi = if x.hi < 0.0 || (x.hi == 0.0 && x.hi_open) {
                -1.0
            } else if x.hi == 0.0 {
                0.0
            } else {
                1.0
            };
            Interval::integers(lo, hi)
        }
        Unary::Exp => increasing(x, f64::exp),
        Unary::Log => partial(x, Interval::closed(0.0, f64::INFINITY), f64::ln),
        Unary::Log1p => partial(x, Interval::closed(-1.0, f64::INFINITY), f64::ln_1p),
        Unary::Sqrt => partial(x, Interval::closed(0.0, f64::INFINITY), f64::sqrt),
        Unary::Sin => sine(x),
        Unary::Cos => sine(binary(
            Binary::Add,
            Interval { integer: false, ..x },
            Interval::point(FRAC_PI_2),
        )),
        Unary::Tanh => increasing(x, f64::tanh),
        Unary::Floor => {
            let hi = if x.hi_open && x.hi == x.hi.floor() && x.hi.is_finite() {
                x.hi - 1.0
            } else {
                x.hi.floor()
            };
            Interval::integers(x.lo.floor(), hi)
        }
        Unary::Ceil => {
            let lo = if x.lo_open && x.lo == x.lo.ceil() && x.lo.is_finite() {
                x.lo + 1.0
            } else {
                x.lo.ceil()
            };
            Interval::integers(lo, x.hi.ceil())
        }
        Unary::Round => Interval::integers(x.lo.round(), x.hi.round()),
        Unary::NormalCdf => increasing(x, cdf),
        Unary::NormalQuantile => {
            let inside = x.intersect(Interval::closed(0.0, 1.0));
            if inside.is_empty() {
                return Interval::all();
            }
            Interval {
                lo: quantile(inside.lo),
                hi: quantile(inside.hi),
                lo_open: inside.lo_open || inside.lo <= 0.0,
                hi_open: inside.hi_open || inside.hi >= 1.0,
                integer: false,
            }
        }
    }
}

/// An increasing function that is NaN outside `domain`: the image of what lies inside, everything if nothing does.
fn partial(x: Interval, domain: Interval, f: impl Fn(f64) -> f64) -> Interval {
    let inside = Interval { integer: false, ..x }.intersect(domain);
    if inside.is_empty() {
        Interval::all()
    } else {
        increasing(inside, f)
    }
}

fn sine(x: Interval) -> Interval {
    if !(x.hi - x.lo < TAU) || x.lo.abs() > 1e9 || x.hi.abs() > 1e9 {
        return Interval::closed(-1.0, 1.0);
    }
    let reaches = |peak: f64| {
        // Is there a whole k with lo <= peak + 2 pi k <= hi? Slightly generous, hence conservative.
        let k = ((x.lo - peak) / TAU - 1e-9).ceil();
        peak + TAU * k <= x.hi + 1e-9 * (1.0 + x.hi.abs())
    };
    let a = x.lo.sin();
    let b = x.hi.sin();
    let (lo, lo_open) = if reaches(-FRAC_PI_2) {
        (-1.0, false)
    } else {
        lower((a, x.lo_open), (b, x.hi_open))
    };
    let (hi, hi_open) = if reaches(PI - FRAC_PI_2) {
        (1.0, false)
    } else {
        upper((a, x.lo_open), (b, x.hi_open))
    };
    Interval {
        lo,
        hi,
        lo_open,
        hi_open,
        integer: false,
    }
}

/// `{1}`, `{0}` or both.
fn truth(surely: bool, never: bool) -> Interval {
    if surely {
        Interval::point(1.0)
    } else if never {
        Interval::point(0.0)
    } else {
        Interval::boolean()
    }
}

/// Values of `op` on `a` and `b`, taken as independent.
pub fn binary(op: Binary, a: Interval, b: Interval) -> Interval {
    if a.is_empty() {
        return a;
    }
    if b.is_empty() {
        return b;
    }
    let integer = a.integer && b.integer;
    match op {
        Binary::Add => {
            let lo = a.lo + b.lo;
            let hi = a.hi + b.hi;
            Interval {
                lo: if lo.is_nan() { f64::NEG_INFINITY } else { lo },
                hi: if hi.is_nan() { f64::INFINITY } else { hi },
                lo_open: a.lo_open || b.lo_open,
                hi_open: a.hi_open || b.hi_open,
                integer,
            }
        }
        Binary::Sub => binary(Binary::Add, a, unary(Unary::Neg, b)),
        Binary::Mul => Interval {
            integer,
            ..product(a, b)
        },
        Binary::Div => quotient(a, b),
        Binary::Pow => power(a, b),
        Binary::Mod => modulo(a, b),
        Binary::IntDiv => unary(Unary::Floor, quotient(a, b)),
        Binary::Min => {
            let (lo, lo_open) = lower((a.lo, a.lo_open), (b.lo, b.lo_open));
            let (hi, hi_open) = least((a.hi, a.hi_open), (b.hi, b.hi_open));
            let integer = if a.hi <= b.lo {
                a.integer
            } else if b.hi <= a.lo {
                b.integer
            } else {
                integer
            };
            Interval {
                lo,
                hi,
                lo_open,
                hi_open,
                integer,
            }
        }
        Binary::Max => unary(
            Unary::Neg,
            binary(Binary::Min, unary(Unary::Neg, a), unary(Unary::Neg, b)),
        ),
        Binary::Eq => truth(
            a.as_point().is_some() && a.as_point() == b.as_point(),
            Interval { integer: false, ..a }
                .intersect(Interval { integer: false, ..b })
                .is_empty()
                || a.intersect(b).is_empty(),
        ),
        Binary::Ne => unary(Unary::Not, binary(Binary::Eq, a, b)),
        Binary::Lt => truth(a.hi < b.lo || (a.hi == b.lo && (a.hi_open || b.lo_open)), a.lo >= b.hi),
        Binary::Le => truth(a.hi <= b.lo, a.lo > b.hi || (a.lo == b.hi && (a.lo_open || b.hi_open))),
        Binary::Gt => binary(Binary::Lt, b, a),
        Binary::Ge => binary(Binary::Le, b, a),
        Binary::And => truth(a.always_true() && b.always_true(), a.always_false() || b.always_false()),
        Binary::Or => truth(a.always_true() || b.always_true(), a.always_false() && b.always_false()),
    }
}

/// The smaller of two upper ends; where they are equal it is attained only if both are.
fn least(a: End, b: End) -> End {
    if a.0 < b.0 {
        a
    } else if b.0 < a.0 {
        b
    } else {
        (a.0, a.1 || b.1)
    }
}

/// Hull of the corners that `f` gives for pairs of ends (`None`: covered by the other corners).
fn corners(a: Interval, b: Interval, f: impl Fn(End, End) -> Option<End>) -> Interval {
    let ends = |x: Interval| {
        [
            (x.lo, x.lo_open || x.lo.is_infinite()),
            (x.hi, x.hi_open || x.hi.is_infinite()),
        ]
    };
    let mut result: Option<(End, End)> = None;
    for p in ends(a) {
        for q in ends(b) {
            if let Some(c) = f(p, q) {
                result = Some(match result {
                    None => (c, c),
                    Some((lo, hi)) => (lower(lo, c), upper(hi, c)),
                });
            }
        }
    }
    match result {
        None => Interval::all(),
        Some(((lo, lo_open), (hi, hi_open))) => Interval {
            lo,
            hi,
            lo_open,
            hi_open,
            integer: false,
        },
    }
}

pub(super) fn product(a: Interval, b: Interval) -> Interval {
    corners(a, b, |(x, x_open), (y, y_open)| {
        let attained_zero = (x == 0.0 && !x_open) || (y == 0.0 && !y_open);
        let v = if x == 0.0 || y == 0.0 { 0.0 } else { x * y };
        Some((v, !attained_zero && (x_open || y_open)))
    })
}

fn quotient(a: Interval, b: Interval) -> Interval {
    if b.lo < 0.0 && b.hi > 0.0 || b.as_point() == Some(0.0) {
        return if a.as_point() == Some(0.0) {
            Interval::closed(0.0, 0.0)
        } else {
            Interval::all()
        };
    }
    // A zero end of the divisor is approached from inside: it has the sign of the other end.
    let side = if b.hi > 0.0 { 1.0 } else { -1.0 };
    corners(a, b, |(x, x_open), (y, y_open)| {
        if x == 0.0 {
            return Some((0.0, x_open));
        }
        if y == 0.0 {
            return Some((x * side * f64::INFINITY, true));
        }
        let v = x / y;
        (!v.is_nan()).then_some((v, x_open || y_open))
    })
}

fn power(a: Interval, b: Interval) -> Interval {
    let integer = a.integer && b.integer && b.lo >= 0.0;
    if let Some(n) = b.as_point()
        && n == 0.0
    {
        return Interval::point(1.0);
    }
    if a.lo >= 0.0 {
        // x^y = exp(y log x) is monotone in each argument, so its extremes are at corners.
        let mut r = corners(a, b, |(x, x_open), (y, y_open)| {
            let v = x.abs().powf(y);
            if v.is_nan() {
                return None;
            }
            let certain = (x == 1.0 && !x_open) || (y == 0.0 && !y_open) || (x == 0.0 && !x_open && y > 0.0);
            Some((v, !certain && (x_open || y_open)))
        });
        if r.lo < 0.0 {
            r.lo = 0.0;
        }
        return Interval { integer, ..r };
    }
    let magnitude = power(unary(Unary::Abs, Interval { integer: false, ..a }), b);
    if let Some(n) = b.as_point() {
        if n.fract() != 0.0 {
            // Negative bases give NaN: only the others count.
            let inside = Interval { integer: false, ..a }.intersect(Interval::closed(0.0, f64::INFINITY));
            return if inside.is_empty() {
                Interval::all()
            } else {
                power(inside, b)
            };
        }
        if (n * 0.5).fract() == 0.0 {
            return Interval { integer, ..magnitude };
        }
        let f = |x: f64| x.powf(n);
        if n > 0.0 {
            return Interval {
                integer,
                ..increasing(Interval { integer: false, ..a }, f)
            };
        }
        // Odd negative power: decreasing on each side of zero.
        if a.hi < 0.0 || (a.hi == 0.0 && a.hi_open) {
            let m = power(unary(Unary::Neg, Interval { integer: false, ..a }), b);
            return unary(Unary::Neg, m);
        }
        return Interval::all();
    }
    Interval {
        integer,
        ..magnitude.hull(unary(Unary::Neg, magnitude))
    }
}

fn modulo(a: Interval, b: Interval) -> Interval {
    let integer = a.integer && b.integer;
    let positive = |b: Interval| {
        // b > 0 here. Same cell: the remainder is a shift.
        if let Some(m) = b.as_point()
            && a.lo.is_finite()
            && a.hi.is_finite()
            && (a.lo / m).floor() == (a.hi / m).floor()
        {
            let k = (a.lo / m).floor() * m;
            return Interval {
                lo: a.lo - k,
                hi: a.hi - k,
                integer,
                ..a
            };
        }
        if a.lo >= 0.0 && a.hi < b.lo {
            return Interval { integer, ..a };
        }
        let hi = if integer { b.hi - 1.0 } else { b.hi };
        let within = Interval {
            lo: 0.0,
            hi,
            lo_open: false,
            hi_open: !integer,
            integer,
        };
        if a.lo >= 0.0 && a.hi < within.hi {
            // x mod y <= x for x >= 0
            return Interval {
                hi: a.hi,
                hi_open: a.hi_open,
                ..within
            };
        }
        within
    };
    let nonzero = Interval { integer: false, ..b };
    let up = nonzero.intersect(Interval {
        lo_open: true,
        ..Interval::closed(0.0, f64::INFINITY)
    });
    let down = nonzero.intersect(Interval {
        hi_open: true,
        ..Interval::closed(f64::NEG_INFINITY, 0.0)
    });
    let mut result: Option<Interval> = None;
    if !up.is_empty() {
        result = Some(positive(up));
    }
    if !down.is_empty() {
        let lo = if integer { down.lo + 1.0 } else { down.lo };
        let r = Interval {
            lo,
            hi: 0.0,
            lo_open: !integer,
            hi_open: false,
            integer,
        };
        result = Some(result.map_or(r, |other| other.hull(r)));
    }
    result.unwrap_or(Interval::all())
}

/// Values of `if condition then a else b`.
pub fn select(condition: Interval, a: Interval, b: Interval) -> Interval {
    if condition.always_true() {
        a
    } else if condition.always_false() {
        b
    } else {
        a.hull(b)
    }
}

/// Values of a reduction over `members` values that each lie in `of`; `when` is the condition's interval if there is
/// one. A selection may be empty: then the sum is 0, the product 1, `min` is `inf` and `max` is `-inf`.
pub fn reduce(how: Reduce, of: Interval, members: usize, when: Option<Interval>) -> Interval {
    let n = members as f64;
    let all_in = when.is_none_or(Interval::always_true);
    let none_in = members == 0 || when.is_some_and(Interval::always_false);
    match how {
        Reduce::Sum => {
            if none_in {
                return Interval::point(0.0);
            }
            let term = if all_in { of } else { of.hull(Interval::point(0.0)) };
            let mut r = product(term, Interval::point(n));
            r.integer = of.integer;
            r
        }
        Reduce::Mean => Interval {
            integer: of.integer && of.as_point().is_some(),
            ..of
        },
        Reduce::Quantile(_) => Interval {
            integer: of.integer && of.as_point().is_some(),
            ..of
        },
        Reduce::Min => {
            if none_in {
                Interval::closed(f64::INFINITY, f64::INFINITY)
            } else if all_in {
                of
            } else {
                Interval {
                    hi: f64::INFINITY,
                    hi_open: false,
                    integer: false,
                    ..of
                }
            }
        }
        Reduce::Max => {
            if none_in {
                Interval::closed(f64::NEG_INFINITY, f64::NEG_INFINITY)
            } else if all_in {
                of
            } else {
                Interval {
                    lo: f64::NEG_INFINITY,
                    lo_open: false,
                    integer: false,
                    ..of
                }
            }
        }
        Reduce::Prod => {
            if none_in {
                return Interval::point(1.0);
            }
            let term = if all_in { of } else { of.hull(Interval::point(1.0)) };
            let r = if term.lo >= 0.0 {
                power(term, Interval::point(n))
            } else {
                let m = power(unary(Unary::Abs, term), Interval::point(n));
                if members == 1 {
                    term
                } else {
                    m.hull(unary(Unary::Neg, m))
                }
            };
            Interval {
                integer: of.integer,
                ..r
            }
        }
        Reduce::Std => {
            if members <= 1 || of.as_point().is_some() {
                return Interval::point(0.0);
            }
            Interval::closed(0.0, 0.5 * (of.hi - of.lo))
        }
        Reduce::Argmax => Interval::integers(if none_in || !all_in { 0.0 } else { 1.0 }, n),
        Reduce::Count => {
            let lo = if all_in && of.always_true() { n } else { 0.0 };
            let hi = if none_in || of.always_false() { 0.0 } else { n };
            Interval::integers(lo, hi)
        }
        Reduce::Any => truth(!none_in && all_in && of.always_true(), none_in || of.always_false()),
        Reduce::All => truth(none_in || of.always_true(), !none_in && all_in && of.always_false()),
    }
}

/// The values of a node with operation `op`, from the domains of its operands; `None` for an input, whose domain comes
/// from outside.
pub fn operation(graph: &Graph, op: &Op) -> Option<Interval> {
    let of = |id: crate::graph::NodeId| graph.nodes[id.0 as usize].domain;
    Some(match op {
        Op::Const(x) => Interval::point(*x),
        Op::Table(values) => values.iter().map(|v| Interval::point(*v)).reduce(Interval::hull)?,
        Op::Input(_) => return None,
        Op::Position(axis) => Interval::integers(1.0, graph.axes[axis.0 as usize].size as f64),
        Op::Unary(f, x) => unary(*f, of(*x)),
        Op::Binary(f, a, b) => {
            let any = binary(*f, of(*a), of(*b));
            match &graph.nodes[b.0 as usize].op {
                // What is left of `a` after the smaller of `a` and something (a stock after sales) is not negative.
                Op::Binary(Binary::Min, x, y) if *f == Binary::Sub && (x == a || y == a) => {
                    any.intersect(Interval::closed(0.0, f64::INFINITY))
                }
                _ => any,
            }
        }
        Op::Select(c, a, b) => select(of(*c), of(*a), of(*b)),
        Op::Reduce { how, of: x, axis, when } => reduce(*how, of(*x), graph.axes[axis.0 as usize].size, when.map(of)),
        Op::Take { of: x, .. } | Op::Relabel { of: x, .. } | Op::Others { of: x, .. } | Op::Slice { of: x, .. } => {
            of(*x)
        }
        Op::Stack { parts, .. } => parts.iter().map(|(p, _)| of(*p)).reduce(Interval::hull)?,
        Op::Root { root, which } => {
            let (lo, hi) = graph.roots.get(*root)?.brackets.get(*which)?;
            let mut r = of(*lo).hull(of(*hi));
            r.integer = false;
            r
        }
    })
}
