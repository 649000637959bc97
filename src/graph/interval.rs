//! Interval arithmetic: an interval that contains every value an operation can give.
//!
//! Used by the checker to judge domains (`log` of something that can reach zero) and to fill [`super::Node::domain`]
//! (`super::Node`). Results are conservative: they may be too wide, never too narrow. An infinite end is never
//! attained, whatever its flag; NaN results (`log` of a negative number) lie outside every interval, so a caller that
//! cares about them looks at the *argument*; so does a caller that cares about division by zero itself. Open ends speak of real numbers: `1 - x` for `x` in `(0, 1)` is `(0, 1)`
//! although a tiny `x` rounds it to 1. Finite ends are computed in nearest rounding; as rounding is monotone they bound
//! the floating-point evaluation of `+ - * / sqrt` exactly, and that of the other functions to their last place.
//!
//! Reference: Moore, Kearfott and Cloud (2009), *Introduction to Interval Analysis*, chapters 2 and 5.

use super::{Binary, Graph, Interval, Op, Reduce, Unary};
use crate::num::normal::{cdf, quantile};
use std::f64::consts::{FRAC_PI_2, PI, TAU};

impl Interval {
    /// `[lo, hi]`, real.
    pub const fn closed(lo: f64, hi: f64) -> Interval {
        Interval {
            lo,
            hi,
            lo_open: false,
            hi_open: false,
            integer: false,
        }
    }
    /// `(lo, hi)`, real.
    pub const fn open(lo: f64, hi: f64) -> Interval {
        Interval {
            lo,
            hi,
            lo_open: true,
            hi_open: true,
            integer: false,
        }
    }
    /// Every number.
    pub const fn all() -> Interval {
        Interval::open(f64::NEG_INFINITY, f64::INFINITY)
    }
    /// One number.
    pub fn point(x: f64) -> Interval {
        if x.is_nan() {
            return Interval::all();
        }
        Interval {
            integer: x.is_finite() && x.fract() == 0.0,
            ..Interval::closed(x, x)
        }
    }
    /// The whole numbers `lo..=hi`.
    pub const fn integers(lo: f64, hi: f64) -> Interval {
        Interval {
            integer: true,
            ..Interval::closed(lo, hi)
        }
    }
    /// `{0, 1}`.
    pub const fn boolean() -> Interval {
        Interval::integers(0.0, 1.0)
    }
    /// The one number it contains, if it contains one only.
    pub fn as_point(self) -> Option<f64> {
        (self.lo == self.hi && self.lo.is_finite() && !self.lo_open && !self.hi_open).then_some(self.lo)
    }
    /// No number lies in it.
    pub fn is_empty(self) -> bool {
        // NaN ends count as empty.
        let ordered = self.lo <= self.hi;
        !ordered
            || (self.lo == self.hi && (self.lo_open || self.hi_open))
            || (self.integer && self.tight_integer_ends().is_none())
    }
    /// Whether `x` lies in it.
    pub fn contains(self, x: f64) -> bool {
        (if self.lo_open { x > self.lo } else { x >= self.lo })
            && (if self.hi_open { x < self.hi } else { x <= self.hi })
            && (!self.integer || x.fract() == 0.0)
    }
    /// Whether every number of `other` lies in it.
    pub fn contains_all(self, other: Interval) -> bool {
        if other.is_empty() {
            return true;
        }
        let low =
            other.lo > self.lo || (other.lo == self.lo && (!self.lo_open || other.lo_open || other.lo.is_infinite()));
        let high =
            other.hi < self.hi || (other.hi == self.hi && (!self.hi_open || other.hi_open || other.hi.is_infinite()));
        let whole = !self.integer || other.integer || other.as_point().is_some_and(|x| x.fract() == 0.0);
        low && high && whole
    }
    /// The smallest interval that contains both.
    pub fn hull(self, other: Interval) -> Interval {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        let (lo, lo_open) = lower((self.lo, self.lo_open), (other.lo, other.lo_open));
        let (hi, hi_open) = upper((self.hi, self.hi_open), (other.hi, other.hi_open));
        Interval {
            lo,
            hi,
            lo_open,
            hi_open,
            integer: self.integer && other.integer,
        }
    }
    /// The numbers in both; may be empty.
    pub fn intersect(self, other: Interval) -> Interval {
        let (lo, lo_open) = match self.lo.total_cmp(&other.lo) {
            std::cmp::Ordering::Greater => (self.lo, self.lo_open),
            std::cmp::Ordering::Less => (other.lo, other.lo_open),
            std::cmp::Ordering::Equal => (self.lo, self.lo_open || other.lo_open),
        };
        let (hi, hi_open) = match self.hi.total_cmp(&other.hi) {
            std::cmp::Ordering::Less => (self.hi, self.hi_open),
            std::cmp::Ordering::Greater => (other.hi, other.hi_open),
            std::cmp::Ordering::Equal => (self.hi, self.hi_open || other.hi_open),
        };
        Interval {
            lo,
            hi,
            lo_open,
            hi_open,
            integer: self.integer || other.integer,
        }
    }
    /// Every value is non-zero, hence true as a condition.
    pub fn always_true(self) -> bool {
        !self.contains(0.0)
    }
    /// Every value is zero, hence false as a condition.
    pub fn always_false(self) -> bool {
        self.as_point() == Some(0.0)
    }
    /// For integer intervals: first and last whole number, `None` if there is none.
    fn tight_integer_ends(self) -> Option<(f64, f64)> {
        let mut lo = self.lo.ceil();
        if self.lo_open && lo == self.lo && lo.is_finite() {
            lo += 1.0;
        }
        let mut hi = self.hi.floor();
        if self.hi_open && hi == self.hi && hi.is_finite() {
            hi -= 1.0;
        }
        (lo <= hi).then_some((lo, hi))
    }
}

type End = (f64, bool);

fn lower(a: End, b: End) -> End {
    if a.0 < b.0 || (a.0 == b.0 && !a.1) { a } else { b }
}
fn upper(a: End, b: End) -> End {
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

fn product(a: Interval, b: Interval) -> Interval {
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
    let of = |id: super::NodeId| graph.nodes[id.0 as usize].domain;
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

#[cfg(test)]
mod tests {
    use super::*;
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
}
