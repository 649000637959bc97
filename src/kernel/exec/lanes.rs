//! Functions of lanes and loops over a block of them, each compiled once per tier.

use super::Tier;
use crate::kernel::lower::Fold;
use crate::kernel::math::{self, Real, is_true, truth};

/// A function of one lane.
pub(super) trait One<T> {
    fn of(x: T) -> T;
}

/// A function of two.
pub(super) trait Two<T> {
    fn of(x: T, y: T) -> T;
}

/// A function of one lane with two results.
pub(super) trait Pair<T> {
    fn of(x: T) -> (T, T);
}

/// A function of three.
pub(super) trait Three<T> {
    fn of(x: T, y: T, z: T) -> T;
}

/// A function of four.
pub(super) trait Four<T> {
    fn of(x: T, y: T, z: T, w: T) -> T;
}

/// Declares functions as types, so that each gives loops of its own.
macro_rules! functions {
    ($kind:ident: $($name:ident($($x:ident),+) = $value:expr;)+) => {$(
        pub(super) struct $name;
        impl<T: Real> $kind<T> for $name {
            #[inline(always)]
            fn of($($x: T),+) -> T {
                $value
            }
        }
    )+};
}

pub(super) struct SinCosOf;

impl<T: Real> Pair<T> for SinCosOf {
    #[inline(always)]
    fn of(x: T) -> (T, T) {
        x.sin_cos()
    }
}

functions! { One:
    NegOf(x) = -x;
    NotOf(x) = truth(x == T::ZERO);
    AbsOf(x) = x.abs();
    SignOf(x) = math::sign(x);
    ExpOf(x) = x.exp();
    LogOf(x) = x.ln();
    Log1pOf(x) = x.ln_1p();
    SqrtOf(x) = x.sqrt();
    SinOf(x) = x.sin();
    CosOf(x) = x.cos();
    TanhOf(x) = x.tanh();
    FloorOf(x) = x.floor();
    CeilOf(x) = math::ceil(x);
    RoundOf(x) = x.round();
    NormalCdfOf(x) = x.normal_cdf();
    NormalQuantileOf(x) = x.normal_quantile();
}

functions! { Two:
    AddOf(x, y) = x + y;
    SubOf(x, y) = x - y;
    MulOf(x, y) = x * y;
    DivOf(x, y) = x / y;
    PowOf(x, y) = x.pow(y);
    ModOf(x, y) = math::modulo(x, y);
    IntDivOf(x, y) = (x / y).floor();
    MinOf(x, y) = math::min(x, y);
    MaxOf(x, y) = math::max(x, y);
    EqOf(x, y) = truth(x == y);
    NeOf(x, y) = truth(x != y);
    LtOf(x, y) = truth(x < y);
    LeOf(x, y) = truth(x <= y);
    AndOf(x, y) = truth(is_true(x) & is_true(y));
    LargestOf(x, y) = if y.abs() > x { y.abs() } else { x };
    OutsideOf(x, y) = if math::divides(y) { x } else { T::ONE };
    OrOf(x, y) = truth(is_true(x) | is_true(y));
}

functions! { Three:
    MultiplyAddOf(x, y, z) = x * y + z;
    MultiplySubtractOf(x, y, z) = x * y - z;
    MultiplyFromOf(x, y, z) = z - x * y;
    ProductOf(x, y, z) = (x * y) * z;
    QuotientOf(x, k, inverse) = math::quotient(x, k, inverse);
    SelectOf(x, y, c) = if is_true(c) { x } else { y };
}

functions! { Four:
    LessSelectOf(x, y, p, q) = if p < q { x } else { y };
    EqualChoiceOf(x, k, y, z) = if x == k { y } else { z };
}

/// A loop over a block, compiled once per tier. Slices are lanes, plain values uniforms.
macro_rules! loops {
    ($($name:ident<$kind:ident>($($arg:ident: $ty:ty),+) |$dst:ident| $body:block)+) => {$(
        #[inline(always)]
        pub(super) fn $name<T: Real, F: $kind<T>>(tier: Tier, $dst: &mut [T], $($arg: $ty),+) {
            #[inline(always)]
            fn plain<T: Real, F: $kind<T>>($dst: &mut [T], $($arg: $ty),+) $body
            #[inline(never)]
            fn baseline<T: Real, F: $kind<T>>($dst: &mut [T], $($arg: $ty),+) {
                plain::<T, F>($dst, $($arg),+)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
            fn avx2<T: Real, F: $kind<T>>($dst: &mut [T], $($arg: $ty),+) {
                plain::<T, F>($dst, $($arg),+)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
            fn avx512<T: Real, F: $kind<T>>($dst: &mut [T], $($arg: $ty),+) {
                plain::<T, F>($dst, $($arg),+)
            }
            match tier {
                // SAFETY: a tier is only used on processors that have it ([`Tier::available`]).
                #[cfg(target_arch = "x86_64")]
                Tier::Avx512 => unsafe { avx512::<T, F>($dst, $($arg),+) },
                #[cfg(target_arch = "x86_64")]
                Tier::Avx2 => unsafe { avx2::<T, F>($dst, $($arg),+) },
                _ => baseline::<T, F>($dst, $($arg),+),
            }
        }
    )+};
}

loops! {
    one<One>(a: &[T]) |dst| {
        for (d, a) in dst.iter_mut().zip(a) {
            *d = F::of(*a);
        }
    }
    pair<Pair>(a: &[T], other: &mut [T]) |dst| {
        for ((d, o), a) in dst.iter_mut().zip(other).zip(a) {
            (*d, *o) = F::of(*a);
        }
    }
    two<Two>(a: &[T], b: &[T]) |dst| {
        for ((d, a), b) in dst.iter_mut().zip(a).zip(b) {
            *d = F::of(*a, *b);
        }
    }
    two_right<Two>(a: &[T], k: T) |dst| {
        for (d, a) in dst.iter_mut().zip(a) {
            *d = F::of(*a, k);
        }
    }
    two_left<Two>(k: T, b: &[T]) |dst| {
        for (d, b) in dst.iter_mut().zip(b) {
            *d = F::of(k, *b);
        }
    }
    three<Three>(a: &[T], b: &[T], c: &[T]) |dst| {
        for (((d, a), b), c) in dst.iter_mut().zip(a).zip(b).zip(c) {
            *d = F::of(*a, *b, *c);
        }
    }
    three_right<Three>(a: &[T], b: &[T], k: T) |dst| {
        for ((d, a), b) in dst.iter_mut().zip(a).zip(b) {
            *d = F::of(*a, *b, k);
        }
    }
    three_first<Three>(a: &[T], k: T, l: T) |dst| {
        for (d, a) in dst.iter_mut().zip(a) {
            *d = F::of(*a, k, l);
        }
    }
    three_left<Three>(k: T, b: &[T], c: &[T]) |dst| {
        for ((d, b), c) in dst.iter_mut().zip(b).zip(c) {
            *d = F::of(k, *b, *c);
        }
    }
    three_middle<Three>(a: &[T], k: T, c: &[T]) |dst| {
        for ((d, a), c) in dst.iter_mut().zip(a).zip(c) {
            *d = F::of(*a, k, *c);
        }
    }
    three_two_uniform<Three>(k: T, l: T, c: &[T]) |dst| {
        for (d, c) in dst.iter_mut().zip(c) {
            *d = F::of(k, l, *c);
        }
    }
    three_outer_uniform<Three>(k: T, b: &[T], l: T) |dst| {
        for (d, b) in dst.iter_mut().zip(b) {
            *d = F::of(k, *b, l);
        }
    }
    four_first<Four>(a: &[T], k: T, l: T, m: T) |dst| {
        for (d, a) in dst.iter_mut().zip(a) {
            *d = F::of(*a, k, l, m);
        }
    }
    four<Four>(a: &[T], b: &[T], c: &[T], e: &[T]) |dst| {
        for ((((d, a), b), c), e) in dst.iter_mut().zip(a).zip(b).zip(c).zip(e) {
            *d = F::of(*a, *b, *c, *e);
        }
    }
}

/// Combines an array in the fixed order (sixteen accumulators by index, then a tree), compiled once per tier; `None` if it
/// is empty. Other folds than sum, product, minimum and maximum are not elementwise: they give `None` too.
pub(in crate::kernel) fn fold_lanes<T: Real>(how: Fold, values: &[T]) -> Option<T> {
    let tier = Tier::best();
    match how {
        Fold::Sum => fold::<T, AddOf>(tier, values),
        Fold::Prod => fold::<T, MulOf>(tier, values),
        Fold::Min => fold::<T, MinOf>(tier, values),
        Fold::Max => fold::<T, MaxOf>(tier, values),
        Fold::Argmax | Fold::Quantile(_) => None,
    }
}

/// `acc[i] = how(acc[i], x[i])`; both hold one number per lane.
pub(in crate::kernel) fn accumulate<T: Real>(how: Fold, acc: &mut [T], x: &[T]) {
    let mut each = |f: fn(T, T) -> T| acc.iter_mut().zip(x).for_each(|(a, x)| *a = f(*a, *x));
    match how {
        Fold::Sum => each(AddOf::of),
        Fold::Prod => each(MulOf::of),
        Fold::Min => each(MinOf::of),
        Fold::Max => each(MaxOf::of),
        Fold::Argmax | Fold::Quantile(_) => {}
    }
}

fn fold<T: Real, F: Two<T>>(tier: Tier, values: &[T]) -> Option<T> {
    let first = *values.first()?;
    let mut acc = [first; 16];
    let n = values.len().min(16);
    acc[..n].copy_from_slice(&values[..n]);
    sixteen::<T, F>(tier, &mut acc, &values[n..]);
    for step in [8, 4, 2, 1] {
        for i in 0..step {
            if i + step < n {
                acc[i] = F::of(acc[i], acc[i + step]);
            }
        }
    }
    Some(acc[0])
}

loops! {
    sixteen<Two>(values: &[T]) |dst| {
        if let Some((acc, _)) = dst.split_first_chunk_mut::<16>() {
            let (chunks, rest) = values.as_chunks::<16>();
            let mut a = *acc;
            for c in chunks {
                for k in 0..16 {
                    a[k] = F::of(a[k], c[k]);
                }
            }
            for (a, x) in a.iter_mut().zip(rest) {
                *a = F::of(*a, *x);
            }
            *acc = a;
        }
    }
}

/// `dst[i] = a[i] / k`, one number per lane: through the reciprocal of `k` where that is exact, which takes a fraction
/// of the time.
pub(super) fn divide<T: Real>(tier: Tier, dst: &mut [T], a: &[T], k: T) {
    if tier == Tier::Baseline || !k.is_quick_divisor() {
        return two_right::<T, DivOf>(tier, dst, a, k);
    }
    three_first::<T, QuotientOf>(tier, dst, a, k, T::ONE / k);
    let mut outside = [T::ZERO; 16];
    sixteen::<T, OutsideOf>(tier, &mut outside, a);
    if outside.iter().any(|x| is_true(*x)) {
        for (d, x) in dst.iter_mut().zip(a) {
            if !math::divides(*x) {
                *d = *x / k;
            }
        }
    }
}

/// Recomputes `dst[i] = f(a[i])` in the lanes whose angle is too large for the vector code; usually there are none. One
/// number per lane.
pub(super) fn large_angles<T: Real>(tier: Tier, dst: &mut [T], a: &[T], f: impl Fn(T) -> T) {
    if any_large(tier, a) {
        for (d, x) in dst.iter_mut().zip(a) {
            if x.abs() > T::TRIG_LIMIT {
                *d = f(*x);
            }
        }
    }
}

/// Whether an angle in `a`, one number per lane, is too large for the vector code.
pub(super) fn any_large<T: Real>(tier: Tier, a: &[T]) -> bool {
    let mut largest = [T::ZERO; 16];
    sixteen::<T, LargestOf>(tier, &mut largest, a);
    largest.iter().any(|x| *x > T::TRIG_LIMIT)
}
