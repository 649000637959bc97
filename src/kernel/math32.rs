//! Single-precision functions: see `math.rs` for the rules.
//!
//! exp, log, log1p, sin, cos, tanh and the quantile work in single precision (musl, Cephes, AS 241's PPND7); `pow` and
//! the normal distribution function go through short double-precision polynomials, which is both simpler and as fast as
//! double-single arithmetic.

use super::math::{Real, even_odd, horner};

/// 1.5 * 2^23
const SHIFT: f32 = 12_582_912.0;
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.1219444e-4;
const SQRT_HALF_BITS: u32 = 0x3f35_04f3;

#[inline(always)]
fn two_to(shifted: f32) -> f32 {
    f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// (e^r - 1 - r) / r^2 on |r| <= log(2)/2, error 8e-9
const EXP: [f32; 5] = [
    0.5,
    0.16666573381900845,
    0.04166655011030512,
    0.008363773874405574,
    0.0013926926614021907,
];

#[inline(always)]
fn exp(x: f32) -> f32 {
    let shifted = x * std::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let e = (r * r * even_odd(&EXP, r) + r) + 1.0;
    let half = n * 0.5 + SHIFT;
    let rest = (n - (half - SHIFT)) + SHIFT;
    e * two_to(half) * two_to(rest)
}

/// x = 2^k m with m in [sqrt(1/2), sqrt(2)), for x > 0.
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    let tiny = x < f32::MIN_POSITIVE;
    let y = if tiny { x * 33_554_432.0 } else { x };
    let less = if tiny { -25.0 } else { 0.0 };
    let bits = y.to_bits().wrapping_add(0x3f80_0000 - SQRT_HALF_BITS);
    let k = (bits >> 23) as i32 as f32 - 127.0 + less;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(SQRT_HALF_BITS));
    (k, m)
}

const LOG: [f32; 4] = [0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841];

#[inline(always)]
fn log_sum(k: f32, f: f32, correction: f32) -> f32 {
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * horner(&LOG, z);
    let half_square = 0.5 * f * f;
    // log 2 with 16 bits in its leading part, so that k times it is exact
    k * 6.9313812256e-01 - ((half_square - (s * (half_square + r) + (k * 9.0580006145e-06 + correction))) - f)
}

#[inline(always)]
fn log_special(u: f32, value: f32) -> f32 {
    let r = if u < f32::INFINITY { value } else { u };
    let at_zero = if u == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    if u > 0.0 { r } else { at_zero }
}

const HALF_PI: [f32; 3] = [1.5703125, 4.837_512_969_970_703e-4, 7.549_789_954_891_88e-8];
const SIN: [f32; 3] = [-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4];
const COS: [f32; 3] = [4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5];

/// sin(x) and cos(x).
#[inline(always)]
fn turn(x: f32) -> (f32, f32) {
    let shifted = x * std::f32::consts::FRAC_2_PI + SHIFT;
    let n = shifted - SHIFT;
    let quadrant = shifted.to_bits();
    let r = ((x - n * HALF_PI[0]) - n * HALF_PI[1]) - n * HALF_PI[2];
    let z = r * r;
    let sine = r + r * (z * horner(&SIN, z));
    let cosine = (1.0 - 0.5 * z) + z * z * horner(&COS, z);
    let odd = quadrant & 1 != 0;
    let (s, c) = if odd { (cosine, sine) } else { (sine, cosine) };
    // The sine is negative in the third and fourth quarter, the cosine in the second and third.
    let (s_sign, c_sign) = (quadrant & 2, quadrant.wrapping_add(1) & 2);
    (
        f32::from_bits(s.to_bits() ^ (s_sign << 30)),
        f32::from_bits(c.to_bits() ^ (c_sign << 30)),
    )
}

const TANH: [f32; 5] = [
    -3.33332819422e-1,
    1.33314422036e-1,
    -5.37397155531e-2,
    2.06390887954e-2,
    -5.70498872745e-3,
];

const QUANTILE_TOP: [[f32; 4]; 3] = [
    [3.3871327179, 5.0434271938e1, 1.5929113202e2, 5.9109374720e1],
    [1.4234372777, 2.7568153900, 1.3067284816, 1.7023821103e-1],
    [6.6579051150, 3.0812263860, 4.2868294337e-1, 1.7337203997e-2],
];
const QUANTILE_BOTTOM: [[f32; 4]; 3] = [
    [1.0, 1.7895169469e1, 7.8757757664e1, 6.7187563600e1],
    [1.0, 7.3700164250e-1, 1.2021132975e-1, 0.0],
    [1.0, 2.4197894225e-1, 1.2258202635e-2, 0.0],
];

// Short double-precision logarithm and exponential for `pow`: errors 5e-13 and 2e-10.
const LOG_DOUBLE: [f64; 5] = [
    0.6666666666666666,
    0.39999999901061173,
    0.28571534972972906,
    0.22204406423881623,
    0.19130084575533593,
];
const EXP_DOUBLE: [f64; 6] = [
    0.5000000014286223,
    0.16666666682534356,
    0.04166645680967788,
    0.008333310024225292,
    0.0013934541928270264,
    0.0001989198131397769,
];

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const EPSILON: f32 = f32::EPSILON;
    const INFINITY: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    const TRIG_LIMIT: f32 = 100.0;
    /// 2^-80 and 2^80
    const DIVIDENDS: (f32, f32) = (f32::from_bits(47 << 23), f32::from_bits(207 << 23));
    const BLOCK: usize = 512;

    fn is_quick_divisor(self) -> bool {
        const MANTISSA: u32 = 0x007f_ffff;
        (9.536743e-7..1048576.0).contains(&f32::abs(self)) && self.to_bits() & MANTISSA != MANTISSA
    }
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32) -> f32 {
        f32::mul_add(self, a, b)
    }
    #[inline(always)]
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self as f64
    }
    #[inline(always)]
    fn whole(self) -> usize {
        ((self + 8_388_608.0).to_bits() & 0x007f_ffff) as usize
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }
    #[inline(always)]
    fn copysign(self, sign: f32) -> f32 {
        f32::copysign(self, sign)
    }
    #[inline(always)]
    fn sqrt(self) -> f32 {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn floor(self) -> f32 {
        const BIG: f32 = 8_388_608.0;
        let magnitude = f32::abs(self);
        let nearest = f32::copysign((magnitude + BIG) - BIG, self);
        let below = if nearest > self { nearest - 1.0 } else { nearest };
        if magnitude < BIG { below } else { self }
    }
    #[inline(always)]
    fn round(self) -> f32 {
        let magnitude = f32::abs(self);
        let down = Real::floor(magnitude);
        let nearest = if magnitude - down >= 0.5 { down + 1.0 } else { down };
        f32::copysign(nearest, self)
    }
    #[inline(always)]
    fn exp(self) -> f32 {
        let x = if self > 89.0 { 89.0 } else { self };
        exp(if x < -104.0 { -104.0 } else { x })
    }
    #[inline(always)]
    fn ln(self) -> f32 {
        let (k, m) = split(self);
        log_special(self, log_sum(k, m - 1.0, 0.0))
    }
    #[inline(always)]
    fn ln_1p(self) -> f32 {
        let x = self;
        let u = 1.0 + x;
        let (k, m) = split(u);
        let lost = if k >= 2.0 { 1.0 - (u - x) } else { x - (u - 1.0) };
        let f = if k == 0.0 { x } else { m - 1.0 };
        let correction = if k == 0.0 { 0.0 } else { lost / u };
        log_special(u, log_sum(k, f, correction))
    }
    #[inline(always)]
    fn sin(self) -> f32 {
        turn(self).0
    }
    #[inline(always)]
    fn cos(self) -> f32 {
        turn(self).1
    }
    #[inline(always)]
    fn sin_cos(self) -> (f32, f32) {
        turn(self)
    }
    fn sin_any(self) -> f32 {
        if f32::abs(self) > Self::TRIG_LIMIT {
            libm::sinf(self)
        } else {
            Real::sin(self)
        }
    }
    fn cos_any(self) -> f32 {
        if f32::abs(self) > Self::TRIG_LIMIT {
            libm::cosf(self)
        } else {
            Real::cos(self)
        }
    }
    #[inline(always)]
    fn tanh(self) -> f32 {
        let x = self;
        let magnitude = f32::abs(x);
        let z = x * x;
        let capped = if magnitude > 10.0 { 10.0 } else { magnitude };
        let large = 1.0 - 2.0 / (exp(2.0 * capped) + 1.0);
        let small = x + x * (z * horner(&TANH, z));
        if magnitude < 0.625 {
            small
        } else {
            f32::copysign(large, x)
        }
    }
    #[inline(always)]
    fn pow(self, y: f32) -> f32 {
        let x = self;
        let base = f32::abs(x);
        let (k, m) = split(base);
        let f = m as f64 - 1.0;
        let s = f / (2.0 + f);
        let z = s * s;
        let l = k as f64 * std::f64::consts::LN_2 + (2.0 * s + s * (z * horner(&LOG_DOUBLE, z)));
        let p = y as f64 * l;
        let p = if p > 89.0 { 89.0 } else { p };
        let p = if p < -104.0 { -104.0 } else { p };
        const SHIFT_DOUBLE: f64 = 6_755_399_441_055_744.0;
        let shifted = p * std::f64::consts::LOG2_E + SHIFT_DOUBLE;
        let n = shifted - SHIFT_DOUBLE;
        let r = p - n * std::f64::consts::LN_2;
        let e = (r * r * even_odd(&EXP_DOUBLE, r) + r) + 1.0;
        // Every result, subnormal ones included, is normal in double precision: one rounding.
        let scale = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
        let r = (e * scale) as f32;
        let at_end = |up: bool| if up { f32::INFINITY } else { 0.0 };
        let r = if base == 0.0 { at_end(y < 0.0) } else { r };
        let r = if base == f32::INFINITY { at_end(y > 0.0) } else { r };
        let r = if (base == 1.0) & (f32::abs(y) == f32::INFINITY) {
            1.0
        } else {
            r
        };
        let whole = Real::floor(y) == y;
        let odd = whole & (Real::floor(y * 0.5) * 2.0 != y);
        let r = if odd { f32::copysign(r, x) } else { r };
        let r = if (x < 0.0) & (base < f32::INFINITY) & !whole {
            f32::NAN
        } else {
            r
        };
        #[allow(clippy::eq_op)]
        let r = if (x != x) | (y != y) { f32::NAN } else { r };
        if (y == 0.0) | (x == 1.0) { 1.0 } else { r }
    }
    #[inline(always)]
    fn normal_cdf(self) -> f32 {
        Real::normal_cdf(self as f64) as f32
    }
    #[inline(always)]
    fn normal_quantile(self) -> f32 {
        let p = self;
        let q = p - 0.5;
        let central = f32::abs(q) <= 0.425;
        let tail = if q < 0.0 { p } else { 1.0 - p };
        let r = f32::sqrt(-Real::ln(tail));
        let middle = r <= 5.0;
        let argument = if middle { r - 1.6 } else { r - 5.0 };
        let argument = if central { 0.180625 - q * q } else { argument };
        let mut top = 0.0;
        let mut bottom = 0.0;
        let mut i = 4;
        while i > 0 {
            i -= 1;
            let a = if middle { QUANTILE_TOP[1][i] } else { QUANTILE_TOP[2][i] };
            let b = if middle {
                QUANTILE_BOTTOM[1][i]
            } else {
                QUANTILE_BOTTOM[2][i]
            };
            top = top * argument + if central { QUANTILE_TOP[0][i] } else { a };
            bottom = bottom * argument + if central { QUANTILE_BOTTOM[0][i] } else { b };
        }
        let ratio = top / bottom;
        let outside = f32::copysign(ratio, q);
        let outside = if tail == 0.0 {
            f32::copysign(f32::INFINITY, q)
        } else {
            outside
        };
        if central { q * ratio } else { outside }
    }
}
