//! Accuracy and special values of the lane functions: against the standard library on random arguments
//! and 60-digit references (mpmath) at hard points.

#![allow(clippy::approx_constant)] // arguments of tests, not constants of formulas

use super::math::{self, Real, binary, ceil, max, min, modulo, sign, unary};
use crate::graph::{Binary, Unary, eval};
use crate::num::normal;
use crate::num::random::Stream;
use rand::RngExt;

/// Distance in units in the last place of the reference.
fn ulps64(found: f64, expected: f64) -> f64 {
    if found == expected || (found.is_nan() && expected.is_nan()) {
        return 0.0;
    }
    let unit = f64::from_bits(expected.abs().to_bits() + 1) - expected.abs();
    (found - expected).abs() / unit
}

fn sweep(lo: f64, hi: f64, n: usize, stream: u64, mut f: impl FnMut(f64)) {
    let mut r = Stream::new(1, stream);
    for _ in 0..n {
        f(lo + (hi - lo) * r.random::<f64>());
    }
}

fn check(name: &str, lo: f64, hi: f64, allowed: f64, own: fn(f64) -> f64, reference: fn(f64) -> f64) {
    let mut worst = (0.0f64, 0.0);
    sweep(lo, hi, 40_000, 3, |x| {
        let e = ulps64(own(x), reference(x));
        if e > worst.0 {
            worst.0 = e;
            worst.1 = x;
        }
    });
    assert!(
        worst.0 <= allowed,
        "{name} f64 on [{lo}, {hi}]: {} ulp at {}",
        worst.0,
        worst.1
    );
}

#[test]
fn functions_agree_with_the_standard_library_to_the_last_places() {
    let exp: fn(f64) -> f64 = Real::exp;
    for (lo, hi) in [(-1.0, 1.0), (-87.0, 88.0), (-1e-3, 1e-3)] {
        check("exp", lo, hi, 1.0, exp, f64::exp);
    }
    let ln: fn(f64) -> f64 = Real::ln;
    for (lo, hi) in [(0.5, 2.0), (0.0, 1e-3), (0.0, 1e30), (0.999, 1.001)] {
        check("log", lo, hi, 1.0, ln, f64::ln);
    }
    let ln_1p: fn(f64) -> f64 = Real::ln_1p;
    for (lo, hi) in [(-0.9999, 2.0), (-1e-3, 1e-3), (0.0, 1e6), (-0.4, 0.5)] {
        check("log1p", lo, hi, 1.5, ln_1p, f64::ln_1p);
    }
    let sin: fn(f64) -> f64 = Real::sin;
    let cos: fn(f64) -> f64 = Real::cos;
    for (lo, hi) in [(-4.0, 4.0), (-100.0, 100.0), (-0.01, 0.01)] {
        check("sin", lo, hi, 1.0, sin, f64::sin);
        check("cos", lo, hi, 1.0, cos, f64::cos);
    }
    let tanh: fn(f64) -> f64 = Real::tanh;
    for (lo, hi) in [(-1.0, 1.0), (-12.0, 12.0), (-0.01, 0.01), (0.62, 0.63)] {
        check("tanh", lo, hi, 2.0, tanh, f64::tanh);
    }
    let cdf: fn(f64) -> f64 = Real::normal_cdf;
    for (lo, hi) in [(-6.0, 6.0), (-13.0, -5.0), (-0.7, 0.7)] {
        // The reference divides by the square root of 2, whose rounding the tail magnifies by x^2.
        check("normal cdf", lo, hi, 6.0 + 2.0 * lo * lo, cdf, normal::cdf);
    }
    let quantile: fn(f64) -> f64 = Real::normal_quantile;
    // Nearer the centre the reference is itself no better than 1e-16 absolute.
    for (lo, hi) in [(0.0, 0.3), (0.0, 1e-6), (0.7, 0.9)] {
        check("normal quantile", lo, hi, 10.0, quantile, normal::quantile);
    }
}

#[test]
fn wide_ranges_of_double_precision() {
    sweep(-745.0, 709.7, 40_000, 5, |x| {
        assert!(ulps64(Real::exp(x), x.exp()) <= 1.0, "exp {x}")
    });
    sweep(-8e5, 8e5, 40_000, 6, |x| {
        assert!(ulps64(Real::sin(x), x.sin()) <= 1.0, "sin {x}");
        assert!(ulps64(Real::cos(x), x.cos()) <= 1.0, "cos {x}");
    });
    for n in 1..2000 {
        let x = n as f64 * std::f64::consts::FRAC_PI_2;
        assert!(ulps64(Real::sin(x), x.sin()) <= 1.0, "sin {x}");
        assert!(ulps64(Real::cos(x), x.cos()) <= 1.0, "cos {x}");
    }
    for x in [1e7f64, 1e22, 1e300] {
        assert!(ulps64(x.sin_any(), x.sin()) <= 1.0 && ulps64(x.cos_any(), x.cos()) <= 1.0);
    }
}

#[test]
fn powers_agree_with_the_standard_library_everywhere() {
    let mut r = Stream::new(2, 0);
    let mut worst = (0.0, 0.0, 0.0);
    for _ in 0..200_000 {
        let x = (r.random::<f64>() * 200.0 - 100.0).exp();
        let limit = 700.0 / x.ln().abs();
        let y = (r.random::<f64>() * 2.0 - 1.0) * if r.random::<bool>() { limit } else { limit.min(3.0) };
        let e = ulps64(Real::pow(x, y), x.powf(y));
        if e > worst.0 {
            worst = (e, x, y);
        }
    }
    assert!(worst.0 <= 1.0, "pow f64: {worst:?}");
}

/// Computed with mpmath in 60 digits.
#[test]
fn hard_points_agree_with_long_precision() {
    let close = |name: &str, found: f64, expected: f64, allowed: f64| {
        assert!(
            ulps64(found, expected) <= allowed,
            "{name}: {found:e} instead of {expected:e}"
        );
    };
    for (x, y) in [
        (0.1, 1.1051709180756477),
        (-1.7, 0.18268352405273466),
        (10.3, 29732.618852891435),
        (-40.25, 3.3086216207858244e-18),
        (700.5, 1.6721859620674984e+304),
        (-708.3, 2.450295530965988e-308),
        (-740.0, 4.2e-322),
    ] {
        close("exp", Real::exp(x), y, 1.0);
    }
    for (x, y) in [
        (1.0000001, 9.999999505838704e-08),
        (0.99999, -1.0000050000287824e-05),
        (1e-310, -713.8013788281542),
        (5e300, 692.3849658106478),
        (1.4142, 0.3465640001880033),
    ] {
        close("log", Real::ln(x), y, 1.0);
    }
    for (x, y) in [
        (1e-10, 9.999999999500001e-11),
        (-0.999999, -13.815510557935518),
        (1e10, 23.025850930040455),
        (0.42, 0.35065687161316933),
    ] {
        close("log1p", Real::ln_1p(x), y, 1.0);
    }
    close("sin", Real::sin(3.14159265358979), 3.2310891488651735e-15, 1.0);
    close("sin", Real::sin(-12345.678), 0.7040813137533816, 1.0);
    close("cos", Real::cos(1.5707963267948966), 6.123233995736766e-17, 1.0);
    for (x, y, r) in [
        (1.0000001, 1e9, 2.6881038582144647e+43),
        (0.37, -650.3, 6.286643586134181e+280),
        (2.5, 700.1, 3.9609564851346856e+278),
        (1e300, 0.99, 9.999999999999939e+296),
        (1e-300, 1.03, 9.9999999999998e-310),
        (7.3, 0.36, 2.0454846730200646),
        (0.9999, -1234567.0, 4.161448945579512e+53),
        (1.5, 1.5, 1.8371173070873836),
    ] {
        close("pow", Real::pow(x, y), r, 1.0);
    }
    for (x, y) in [
        (0.1, 0.539827837277029),
        (-0.6, 0.2742531177500736),
        (-1.5, 0.06680720126885807),
        (-5.0, 2.866515718791939e-07),
        (-5.8, 3.315745978326165e-09),
        (-10.0, 7.619853024160525e-24),
        (-37.0, 5.725571222524577e-300),
        (2.2, 0.9860965524865014),
        (-5.664568785069813, 7.369736388912442e-09),
        (-4.3, 8.539905470991811e-06),
        (-5.9, 1.8175078630994284e-09),
        (-8.123, 2.2739966001665746e-16),
        (-12.77, 1.205772325216396e-37),
        (-2.345, 0.009513539799546918),
        (-0.6745, 0.24999674286369916),
        (-20.2, 4.8948636547652504e-91),
    ] {
        close("cdf", Real::normal_cdf(x), y, 4.0);
    }
    for (p, x) in [
        (0.1, -1.2815515655446004),
        (0.3, -0.5244005127080408),
        (0.07, -1.4757910281791706),
        (0.45065258938803027, -0.12401275148731697),
        (0.49, -0.025068908258711057),
        (0.62, 0.3054807880993973),
        (0.499999, -2.5066282745665593e-06),
        (1e-5, -4.264890793922825),
        (1e-12, -7.034483825301132),
        (1e-100, -21.273453560965326),
        (0.9999, 3.7190164854557084),
    ] {
        close("quantile", Real::normal_quantile(p), x, 5.0);
    }
}

fn specials64() -> Vec<f64> {
    let mut v = vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        1.5,
        2.0,
        -2.0,
        3.0,
        -3.0,
        2.5,
        -2.5,
        0.49999999999999994,
        4503599627370495.5,
        4503599627370497.0,
        -9007199254740993.0,
        1e300,
        -1e300,
        1e-300,
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        709.9,
        -745.2,
        1.0 - 1e-16,
    ];
    v.extend((-8..9).map(|i| i as f64 * 0.75));
    v
}

/// Equal, or both NaN; the sign of a zero does not count.
fn same(a: f64, b: f64, allowed: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a.is_finite() && b.is_finite() && ulps64(a, b) <= allowed)
}

#[test]
fn special_values_are_those_of_the_standard_library() {
    const ALL: [Unary; 16] = [
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
        Unary::NormalCdf,
        Unary::NormalQuantile,
    ];
    const BOTH: [Binary; 17] = [
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
    for &x in &specials64() {
        for op in ALL {
            let (found, expected) = (unary(op, x), eval::unary(op, x));
            assert!(
                same(found, expected, 40.0),
                "{op:?}({x:e}) = {found:e}, not {expected:e}"
            );
        }
        for &y in &specials64() {
            for op in BOTH {
                let (found, expected) = (binary(op, x, y), eval::binary(op, x, y));
                assert!(
                    same(found, expected, 1.0),
                    "{op:?}({x:e}, {y:e}) = {found:e}, not {expected:e}"
                );
            }
        }
    }
    assert!(Real::normal_quantile(0.0f64) == f64::NEG_INFINITY && Real::normal_quantile(1.0f64) == f64::INFINITY);
    assert!(Real::normal_quantile(-0.1f64).is_nan() && Real::normal_quantile(1.1f64).is_nan());
}

#[test]
fn rounding_functions_are_exact() {
    let mut r = Stream::new(3, 0);
    for _ in 0..50_000 {
        let x = (r.random::<f64>() - 0.5) * 10f64.powi(r.random_range(0..20));
        assert_eq!(Real::floor(x), x.floor());
        assert_eq!(Real::round(x), x.round());
        assert_eq!(ceil(x), x.ceil());
    }
    assert_eq!(sign(-3.0f64), -1.0);
    assert!(min(f64::NAN, 1.0).is_nan() && max(1.0, f64::NAN).is_nan());
    assert_eq!(modulo(-1.0f64, 12.0), 11.0);
}

/// Dividends next to the hard cases: products of the divisor with numbers halfway between two quotients, and neighbours.
#[test]
fn quotients_through_the_reciprocal_are_correctly_rounded() {
    let mut r = Stream::new(11, 0);
    let mut tried = 0;
    for _ in 0..400_000 {
        let k = (1.0 + r.random::<f64>()) * [1.0, -1.0, 1024.0, 0.001][r.random_range(0..4)];
        let q = (1.0 + r.random::<f64>()) * 2f64.powi(r.random_range(-60..60));
        let half = f64::from_bits(q.to_bits() + 1) - q;
        let x = k.mul_add(q, 0.5 * half * k);
        if !k.is_quick_divisor() {
            continue;
        }
        tried += 1;
        for x in [
            x,
            f64::from_bits(x.to_bits() + 1),
            f64::from_bits(x.to_bits() - 1),
            -x,
            k * q,
        ] {
            assert!(math::divides(x));
            assert_eq!(
                math::quotient(x, k, 1.0 / k).to_bits(),
                (x / k).to_bits(),
                "{x:e} / {k:e}"
            );
        }
    }
    assert!(tried > 399_000);
    for (x, k) in [(0.0f64, 3.0f64), (-0.0, 3.0), (0.0, -3.0)] {
        assert_eq!(math::quotient(x, k, 1.0 / k).to_bits(), (x / k).to_bits());
    }
    for x in [f64::NAN, f64::INFINITY, 1e-300, -1e300] {
        assert!(!math::divides(x));
    }
    assert!(!f64::from_bits(0x3fff_ffff_ffff_ffff).is_quick_divisor() && !1e-40f64.is_quick_divisor());
}
