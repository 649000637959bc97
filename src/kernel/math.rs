//! The scalar functions of lane programs: branch-free, so that a loop over a block of lanes becomes vector code.
//!
//! Every function is a straight line of additions, products, comparisons-with-selection and integer operations on the
//! bits; there is no call, no table and (but for [`quotient`], which is exact) no fused multiply-add, so each tier of the interpreter (SSE2, AVX2, AVX-512)
//! gives the same bytes. Special values follow IEEE 754 (and `pow` the C standard), up to the sign of a zero.
//! `math64.rs` holds the polynomials, the conventions stand in `graph/eval.rs`.
//!
//! Worst errors found by the tests, in units in the last place:
//! f64 exp 1, log 1, log1p 1, sin and cos 1, tanh 2, pow 1, normal cdf 4 (relative, both tails down to 1e-300),
//! normal quantile 4.

use crate::graph::{Binary, Unary};
use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A floating-point type a lane program runs in.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// Distance from 1 to the next number.
    const EPSILON: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;
    /// Largest magnitude for which [`Real::sin`] and [`Real::cos`] are vectorised; beyond it each lane is computed alone.
    const TRIG_LIMIT: Self;
    /// Magnitudes between which [`quotient`] is exact.
    const DIVIDENDS: (Self, Self);
    /// Lanes the interpreter works on at a time.
    const BLOCK: usize;

    /// Whether [`quotient`] by this number is exact: far from overflow and underflow, and not of the form
    /// `2^k (2 - EPSILON)`.
    fn is_quick_divisor(self) -> bool;
    /// `self * a + b` rounded once; slow without an instruction for it.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Rounds to this type.
    fn from_f64(x: f64) -> Self;
    /// Exact.
    fn to_f64(self) -> f64;
    /// A whole number in [0, 2^22] as an index; anything else gives an arbitrary one.
    fn whole(self) -> usize;
    /// Whether it is neither infinite nor NaN.
    fn finite(self) -> bool;
    /// `|x|`
    fn abs(self) -> Self;
    /// `x` with the sign of `sign`
    fn copysign(self, sign: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Largest whole number not above.
    fn floor(self) -> Self;
    /// Nearest whole number, halves away from zero.
    fn round(self) -> Self;
    /// e^x
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// log(1 + x)
    fn ln_1p(self) -> Self;
    /// Sine, for `|x| <= TRIG_LIMIT`.
    fn sin(self) -> Self;
    /// Cosine, for `|x| <= TRIG_LIMIT`.
    fn cos(self) -> Self;
    /// Sine and cosine at once, for `|x| <= TRIG_LIMIT`: the same bits as one by one.
    fn sin_cos(self) -> (Self, Self);
    /// Sine of any number (slow for large ones).
    fn sin_any(self) -> Self;
    /// Cosine of any number.
    fn cos_any(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// x^y
    fn pow(self, y: Self) -> Self;
    /// Standard normal distribution function.
    fn normal_cdf(self) -> Self;
    /// Its inverse; infinite at 0 and 1, NaN outside.
    fn normal_quantile(self) -> Self;
}

/// `x / k` correctly rounded, from `inverse`, the rounded `1 / k`: a first guess and two corrections by its remainder.
/// The first correction is within one place of the quotient, so that its remainder is exact and the second correction
/// rounds correctly (Markstein 1990, IBM J. Res. Dev. 34). For [`Real::is_quick_divisor`] `k` and [`divides`]
/// `x` only.
#[inline(always)]
pub fn quotient<T: Real>(x: T, k: T, inverse: T) -> T {
    let guess = x * inverse;
    let first = (-guess).mul_add(k, x).mul_add(inverse, guess);
    let second = (-first).mul_add(k, x).mul_add(inverse, first);
    // The sign of a zero is that of the guess.
    if x == T::ZERO { guess } else { second }
}
/// Whether [`quotient`] is exact for this dividend: zero, or of middling size.
#[inline(always)]
pub fn divides<T: Real>(x: T) -> bool {
    let size = x.abs();
    ((size >= T::DIVIDENDS.0) & (size <= T::DIVIDENDS.1)) | (x == T::ZERO)
}
/// 1 or 0.
#[inline(always)]
pub fn truth<T: Real>(c: bool) -> T {
    if c { T::ONE } else { T::ZERO }
}
/// Whether a value counts as a true condition.
#[inline(always)]
pub fn is_true<T: Real>(x: T) -> bool {
    x != T::ZERO
}
/// Smallest whole number not below.
#[inline(always)]
pub fn ceil<T: Real>(x: T) -> T {
    -(-x).floor()
}
/// -1, 0 or 1; zeros and NaN stay.
#[inline(always)]
pub fn sign<T: Real>(x: T) -> T {
    let below = if x < T::ZERO { -T::ONE } else { x };
    if x > T::ZERO { T::ONE } else { below }
}
/// The smaller; NaN if either is.
#[inline(always)]
#[allow(clippy::eq_op)]
pub fn min<T: Real>(a: T, b: T) -> T {
    let r = if a < b { a } else { b };
    if a != a { a } else { r }
}
/// The larger; NaN if either is.
#[inline(always)]
#[allow(clippy::eq_op)]
pub fn max<T: Real>(a: T, b: T) -> T {
    let r = if a > b { a } else { b };
    if a != a { a } else { r }
}
/// Floored remainder with the sign of `b`.
#[inline(always)]
pub fn modulo<T: Real>(a: T, b: T) -> T {
    let k = (a / b).floor();
    let r = if k == T::ZERO { a } else { a - b * k };
    let r = if r * b < T::ZERO { r + b } else { r };
    if (r - b) * b >= T::ZERO { r - b } else { r }
}

/// `op(x)` for one number: what a lane program computes in each lane.
pub fn unary<T: Real>(op: Unary, x: T) -> T {
    match op {
        Unary::Neg => -x,
        Unary::Not => truth(x == T::ZERO),
        Unary::Abs => x.abs(),
        Unary::Sign => sign(x),
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Log1p => x.ln_1p(),
        Unary::Sqrt => x.sqrt(),
        Unary::Sin => x.sin_any(),
        Unary::Cos => x.cos_any(),
        Unary::Tanh => x.tanh(),
        Unary::Floor => x.floor(),
        Unary::Ceil => ceil(x),
        Unary::Round => x.round(),
        Unary::NormalCdf => x.normal_cdf(),
        Unary::NormalQuantile => x.normal_quantile(),
    }
}

/// `op(a, b)` for one pair.
pub fn binary<T: Real>(op: Binary, a: T, b: T) -> T {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => a.pow(b),
        Binary::Mod => modulo(a, b),
        Binary::IntDiv => (a / b).floor(),
        Binary::Min => min(a, b),
        Binary::Max => max(a, b),
        Binary::Eq => truth(a == b),
        Binary::Ne => truth(a != b),
        Binary::Lt => truth(a < b),
        Binary::Le => truth(a <= b),
        Binary::Gt => truth(a > b),
        Binary::Ge => truth(a >= b),
        Binary::And => truth(is_true(a) & is_true(b)),
        Binary::Or => truth(is_true(a) | is_true(b)),
    }
}

/// `c[0] + x (c[1] + x (c[2] + ..))`
#[inline(always)]
pub(super) fn horner<T: Real, const N: usize>(c: &[T; N], x: T) -> T {
    let mut r = c[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        r = r * x + c[i];
    }
    r
}

/// As [`horner`], even and odd powers apart: half the latency.
#[inline(always)]
pub(super) fn even_odd<T: Real, const N: usize>(c: &[T; N], x: T) -> T {
    let square = x * x;
    let mut even = if N % 2 == 1 { c[N - 1] } else { c[N - 2] };
    let mut odd = if N % 2 == 1 { c[N - 2] } else { c[N - 1] };
    let mut i = if N % 2 == 1 { N - 1 } else { N - 2 };
    let mut j = if N % 2 == 1 { N - 2 } else { N - 1 };
    while i >= 2 {
        i -= 2;
        even = even * square + c[i];
    }
    while j >= 3 {
        j -= 2;
        odd = odd * square + c[j];
    }
    odd * x + even
}
