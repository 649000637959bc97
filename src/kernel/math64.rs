//! Double-precision functions: see `math.rs` for the rules.
//!
//! Sources: the reduction and rational forms of log, log1p, sin and cos are those of Sun's fdlibm (Ng 1993); tanh is
//! Cephes (Moshier 1989); the normal distribution is Cody (1969, Math. Comp. 23) in the arrangement of R's `pnorm`;
//! its quantile is Wichura (1988), AS 241. The polynomials of exp and of the long logarithm in `pow` are Chebyshev
//! interpolations computed in 60 digits (errors 2e-19 and 1e-21, relative).

use super::math::{Real, even_odd, horner};

/// 1.5 * 2^52: adding it leaves the nearest whole number in the low bits of the mantissa.
const SHIFT: f64 = 6_755_399_441_055_744.0;
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;

/// 2^n for whole n in [-1022, 1023], given as `n + SHIFT`.
#[inline(always)]
fn two_to(shifted: f64) -> f64 {
    f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

/// (e^r - 1 - r) / r^2 on |r| <= log(2)/2
const EXP: [f64; 11] = [
    0.5,
    0.1666666666666667,
    0.04166666666666667,
    0.008333333333325544,
    0.0013888888888883327,
    0.00019841269876864356,
    2.4801587327007187e-05,
    2.755725283351691e-06,
    2.75572718102198e-07,
    2.5106274733573296e-08,
    2.0915442297780116e-09,
];

/// e^(high + low) for a sum in [-746, 710].
#[inline(always)]
pub(super) fn exp_pair(high: f64, low: f64) -> f64 {
    let shifted = (high + low) * std::f64::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = (high - n * LN2_HIGH) - n * LN2_LOW + low;
    let e = (r * r * even_odd(&EXP, r) + r) + 1.0;
    // In two factors, so that results near overflow and below the normal range are rounded once.
    let half = n * 0.5 + SHIFT;
    let rest = (n - (half - SHIFT)) + SHIFT;
    e * two_to(half) * two_to(rest)
}

#[inline(always)]
fn clamp_exponent(x: f64) -> f64 {
    let x = if x > 710.0 { 710.0 } else { x };
    if x < -746.0 { -746.0 } else { x }
}

/// x = 2^k m with m in [sqrt(1/2), sqrt(2)), for x > 0.
#[inline(always)]
fn split(x: f64) -> (f64, f64) {
    let tiny = x < f64::MIN_POSITIVE;
    let y = if tiny { x * 18_014_398_509_481_984.0 } else { x };
    let less = if tiny { -54.0 } else { 0.0 };
    let bits = y.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - SQRT_HALF_BITS);
    let k = f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0) + less;
    let m = f64::from_bits((bits & MANTISSA).wrapping_add(SQRT_HALF_BITS));
    (k, m)
}

const LOG: [f64; 7] = [
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
];

/// k log 2 + log(1 + f) + correction
#[inline(always)]
fn log_sum(k: f64, f: f64, correction: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * even_odd(&LOG, z);
    let half_square = 0.5 * f * f;
    k * LN2_HIGH - ((half_square - (s * (half_square + r) + (k * LN2_LOW + correction))) - f)
}

/// The values of a logarithm where its argument `u` is not a positive number.
#[inline(always)]
fn log_special(u: f64, value: f64) -> f64 {
    let r = if u < f64::INFINITY { value } else { u };
    let at_zero = if u == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    if u > 0.0 { r } else { at_zero }
}

/// The high 26 bits of the mantissa.
#[inline(always)]
fn high(a: f64) -> f64 {
    f64::from_bits(a.to_bits() & 0xffff_ffff_f800_0000)
}

/// a b and its rounding error (Dekker 1971).
#[inline(always)]
fn product(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    let (ah, bh) = (high(a), high(b));
    let (al, bl) = (a - ah, b - bh);
    (p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)
}

/// log((1+s)/(1-s)) = 2s + s z (2/3 + z Q(z)), z = s^2
const LONG_LOG: [f64; 8] = [
    0.4,
    0.28571428571429425,
    0.2222222222162076,
    0.18181818343316125,
    0.1538459412012637,
    0.13334850282547114,
    0.11705021567538627,
    0.11735818855512968,
];
const TWO_THIRDS: f64 = 0.6666666666666666;
const TWO_THIRDS_LOW: f64 = 3.700743415417188e-17;

/// log x as a sum of two numbers, to about 70 bits, for x > 0.
#[inline(always)]
fn long_log(x: f64) -> (f64, f64) {
    let (k, m) = split(x);
    let f = m - 1.0;
    let d = m + 1.0;
    let d_low = m - (d - 1.0);
    let inverse = 1.0 / d;
    let s = f * inverse;
    let (p, e) = product(s, d);
    let s_low = (((f - p) - e) - s * d_low) * inverse;
    let (z, z_error) = product(s, s);
    let z_low = z_error + 2.0 * s * s_low;
    let q = z * even_odd(&LONG_LOG, z);
    let c = TWO_THIRDS + q;
    let c_low = (TWO_THIRDS - c) + q + TWO_THIRDS_LOW;
    let (t, t_error) = product(z, c);
    let t_low = t_error + z * c_low + z_low * c;
    let (u, u_error) = product(s, t);
    let u_low = u_error + s * t_low + s_low * t;
    let l = 2.0 * s + u;
    let l_low = (2.0 * s - l) + u + (u_low + 2.0 * s_low);
    let a = k * LN2_HIGH;
    let sum = a + l;
    (sum, (a - sum) + l + (k * LN2_LOW + l_low))
}

const HALF_PI: [f64; 3] = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21];
const SIN: [f64; 5] = [
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
];
const COS: [f64; 6] = [
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
];

/// sin(x) and cos(x).
#[inline(always)]
fn turn(x: f64) -> (f64, f64) {
    let shifted = x * std::f64::consts::FRAC_2_PI + SHIFT;
    let n = shifted - SHIFT;
    let quadrant = shifted.to_bits();
    let first = x - n * HALF_PI[0];
    let w = n * HALF_PI[1];
    let r = first - w;
    let tail = n * HALF_PI[2] - ((first - r) - w);
    let a = r - tail;
    let b = (r - a) - tail;
    let z = a * a;
    let v = z * a;
    let sine = a - ((z * (0.5 * b - v * even_odd(&SIN, z)) - b) + v * 1.66666666666666324348e-01);
    let half = 0.5 * z;
    let one = 1.0 - half;
    let cosine = one + (((1.0 - one) - half) + (z * (z * even_odd(&COS, z)) - a * b));
    let odd = quadrant & 1 != 0;
    let (s, c) = if odd { (cosine, sine) } else { (sine, cosine) };
    // The sine is negative in the third and fourth quarter, the cosine in the second and third.
    let (s_sign, c_sign) = (quadrant & 2, quadrant.wrapping_add(1) & 2);
    (
        f64::from_bits(s.to_bits() ^ (s_sign << 62)),
        f64::from_bits(c.to_bits() ^ (c_sign << 62)),
    )
}

const TANH_TOP: [f64; 3] = [
    -1.61468768441708447952e3,
    -9.92877231001918586564e1,
    -9.64399179425052238628e-1,
];
const TANH_BOTTOM: [f64; 4] = [
    4.84406305325125486048e3,
    2.23548839060100448583e3,
    1.12811678491632931402e2,
    1.0,
];

// Coefficients of R's pnorm (Cody 1969), constant term first.
const CDF_A: [f64; 5] = [
    18154.981253343561249,
    1067.6894854603709582,
    161.02823106855587881,
    2.2352520354606839287,
    0.065682337918207449113,
];
const CDF_B: [f64; 5] = [
    45507.789335026729956,
    10260.932208618978205,
    976.09855173777669322,
    47.20258190468824187,
    1.0,
];
const CDF_C: [f64; 9] = [
    9842.7148383839780218,
    11602.651437647350124,
    6848.1904505362823326,
    2494.5375852903726711,
    597.27027639480026226,
    93.506656132177855979,
    8.8831497943883759412,
    0.39894151208813466764,
    1.0765576773720192317e-8,
];
const CDF_D: [f64; 9] = [
    19685.429676859990727,
    38912.003286093271411,
    34900.952721145977266,
    18615.571640885098091,
    6485.558298266760755,
    1519.377599407554805,
    235.38790178262499861,
    22.266688044328115691,
    1.0,
];
const CDF_P: [f64; 6] = [
    2.9112874951168792e-5,
    0.001421619193227893466,
    0.022235277870649807,
    0.1274011611602473639,
    0.21589853405795699,
    0.02307344176494017303,
];
const CDF_Q: [f64; 6] = [
    7.29751555083966205e-5,
    0.00378239633202758244,
    0.0659881378689285515,
    0.468238212480865118,
    1.28426009614491121,
    1.0,
];

// AS 241, constant term first: central, middle, far.
const QUANTILE_TOP: [[f64; 8]; 3] = [
    [
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ],
    [
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ],
    [
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ],
];
const QUANTILE_BOTTOM: [[f64; 8]; 3] = [
    [
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ],
    [
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ],
    [
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ],
];

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const EPSILON: f64 = f64::EPSILON;
    const INFINITY: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    /// 2^19 quarter turns: n times the leading parts of pi/2 is then exact.
    const TRIG_LIMIT: f64 = 800_000.0;
    /// 2^-800 and 2^800
    const DIVIDENDS: (f64, f64) = (f64::from_bits(223 << 52), f64::from_bits(1823 << 52));
    const BLOCK: usize = 256;

    fn is_quick_divisor(self) -> bool {
        (7.888609052210118e-31..1.2676506002282294e30).contains(&f64::abs(self))
            && self.to_bits() & MANTISSA != MANTISSA
    }
    #[inline(always)]
    fn mul_add(self, a: f64, b: f64) -> f64 {
        f64::mul_add(self, a, b)
    }
    #[inline(always)]
    fn from_f64(x: f64) -> f64 {
        x
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn whole(self) -> usize {
        (self + 4_503_599_627_370_496.0).to_bits() as u32 as usize
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn abs(self) -> f64 {
        f64::abs(self)
    }
    #[inline(always)]
    fn copysign(self, sign: f64) -> f64 {
        f64::copysign(self, sign)
    }
    #[inline(always)]
    fn sqrt(self) -> f64 {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn floor(self) -> f64 {
        // Adding 2^52 rounds to the nearest whole number.
        const BIG: f64 = 4_503_599_627_370_496.0;
        let magnitude = f64::abs(self);
        let nearest = f64::copysign((magnitude + BIG) - BIG, self);
        let below = if nearest > self { nearest - 1.0 } else { nearest };
        if magnitude < BIG { below } else { self }
    }
    #[inline(always)]
    fn round(self) -> f64 {
        let magnitude = f64::abs(self);
        let down = Real::floor(magnitude);
        let nearest = if magnitude - down >= 0.5 { down + 1.0 } else { down };
        f64::copysign(nearest, self)
    }
    #[inline(always)]
    fn exp(self) -> f64 {
        exp_pair(clamp_exponent(self), 0.0)
    }
    #[inline(always)]
    fn ln(self) -> f64 {
        let (k, m) = split(self);
        log_special(self, log_sum(k, m - 1.0, 0.0))
    }
    #[inline(always)]
    fn ln_1p(self) -> f64 {
        let x = self;
        let u = 1.0 + x;
        let (k, m) = split(u);
        // What rounding took from 1 + x, relative to it; with k = 0 the argument itself is used.
        let lost = if k >= 2.0 { 1.0 - (u - x) } else { x - (u - 1.0) };
        let f = if k == 0.0 { x } else { m - 1.0 };
        let correction = if k == 0.0 { 0.0 } else { lost / u };
        log_special(u, log_sum(k, f, correction))
    }
    #[inline(always)]
    fn sin(self) -> f64 {
        turn(self).0
    }
    #[inline(always)]
    fn cos(self) -> f64 {
        turn(self).1
    }
    #[inline(always)]
    fn sin_cos(self) -> (f64, f64) {
        turn(self)
    }
    fn sin_any(self) -> f64 {
        if f64::abs(self) > Self::TRIG_LIMIT {
            libm::sin(self)
        } else {
            Real::sin(self)
        }
    }
    fn cos_any(self) -> f64 {
        if f64::abs(self) > Self::TRIG_LIMIT {
            libm::cos(self)
        } else {
            Real::cos(self)
        }
    }
    #[inline(always)]
    fn tanh(self) -> f64 {
        let x = self;
        let magnitude = f64::abs(x);
        let z = x * x;
        let small = magnitude < 0.625;
        let capped = if magnitude > 22.0 { 22.0 } else { magnitude };
        let e = exp_pair(2.0 * capped, 0.0);
        let top = if small { z * horner(&TANH_TOP, z) } else { -2.0 };
        let bottom = if small { horner(&TANH_BOTTOM, z) } else { e + 1.0 };
        let ratio = top / bottom;
        if small {
            x + x * ratio
        } else {
            f64::copysign(1.0 + ratio, x)
        }
    }
    #[inline(always)]
    fn pow(self, y: f64) -> f64 {
        let x = self;
        let base = f64::abs(x);
        let (l, l_low) = long_log(base);
        // Beyond 2^65 every base but 1 over- or underflows.
        const LIMIT: f64 = 36_893_488_147_419_103_232.0;
        let t = if y > LIMIT { LIMIT } else { y };
        let t = if t < -LIMIT { -LIMIT } else { t };
        let (p, e) = product(t, l);
        let clamped = clamp_exponent(p);
        let low = if clamped == p { e + t * l_low } else { 0.0 };
        let r = exp_pair(clamped, low);
        let at_end = |up: bool| if up { f64::INFINITY } else { 0.0 };
        let r = if base == 0.0 { at_end(y < 0.0) } else { r };
        let r = if base == f64::INFINITY { at_end(y > 0.0) } else { r };
        // Negative bases: whole exponents only, odd ones keep the sign.
        let whole = Real::floor(y) == y;
        let odd = whole & (Real::floor(y * 0.5) * 2.0 != y);
        let r = if odd { f64::copysign(r, x) } else { r };
        let r = if (x < 0.0) & (base < f64::INFINITY) & !whole {
            f64::NAN
        } else {
            r
        };
        #[allow(clippy::eq_op)]
        let r = if (x != x) | (y != y) { f64::NAN } else { r };
        if (y == 0.0) | (x == 1.0) { 1.0 } else { r }
    }
    #[inline(always)]
    fn normal_cdf(self) -> f64 {
        let x = self;
        let y = f64::abs(x);
        let y = if y > 40.0 { 40.0 } else { y };
        let central = y <= 0.67448975;
        let middle = y <= 5.656854249492380;
        let z = y * y;
        let w = 1.0 / z;
        const DENSITY: f64 = 0.398_942_280_401_432_68;
        let far_bottom = horner(&CDF_Q, w);
        let far_top = DENSITY * far_bottom - w * horner(&CDF_P, w);
        let top = if middle { horner(&CDF_C, y) } else { far_top };
        let bottom = if middle { horner(&CDF_D, y) } else { far_bottom * y };
        let top = if central { x * horner(&CDF_A, z) } else { top };
        let bottom = if central { horner(&CDF_B, z) } else { bottom };
        let ratio = top / bottom;
        // exp(-y^2/2) with the square in two exact parts
        let coarse = Real::floor(y * 16.0) * 0.0625;
        let rest = (y - coarse) * (y + coarse);
        let tail = ratio * exp_pair(-0.5 * coarse * coarse, -0.5 * rest);
        let outside = if x > 0.0 { 1.0 - tail } else { tail };
        if central { 0.5 + ratio } else { outside }
    }
    #[inline(always)]
    fn normal_quantile(self) -> f64 {
        let p = self;
        let q = p - 0.5;
        let central = f64::abs(q) <= 0.425;
        let tail = if q < 0.0 { p } else { 1.0 - p };
        let r = f64::sqrt(-Real::ln(tail));
        let middle = r <= 5.0;
        let argument = if middle { r - 1.6 } else { r - 5.0 };
        let argument = if central { 0.180625 - q * q } else { argument };
        let mut top = 0.0;
        let mut bottom = 0.0;
        let mut i = 8;
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
        let outside = f64::copysign(ratio, q);
        let outside = if tail == 0.0 {
            f64::copysign(f64::INFINITY, q)
        } else {
            outside
        };
        if central { q * ratio } else { outside }
    }
}
