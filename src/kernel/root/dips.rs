//! Where a residual comes closer to zero than at the points of the scan beside it: it may cross zero twice between them, or touch it.

use super::super::math::Real;

/// A residual that is least within this share of those beside it is zero up to rounding: it is a sum that cancels.
const TOUCHES: f64 = 1e-10;
/// Steps of the golden section: each leaves 0.618 of the interval.
pub(super) const GOLDEN_STEPS: usize = 60;
/// Share of an interval at which golden section looks.
const GOLDEN: f64 = 0.381_966_011_250_105_1;

/// Points of a scan between which the residual has one sign and comes closest to zero inside, or at an end of the bracket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dip<T> {
    pub lane: usize,
    /// The ends of the interval.
    pub a: T,
    pub b: T,
    /// Where the residual is least so far, and its size; negative beyond zero.
    x: T,
    least: T,
    /// The largest residual of the scan beside it, and the residuals at both ends.
    beside: T,
    ends: (T, T),
    sign: T,
    pub at_work: bool,
}

impl<T: Real> Dip<T> {
    /// The dip at `middle`, points of the scan with their residuals, if there is one.
    pub fn between(lane: usize, before: Option<(T, T)>, middle: (T, T), after: Option<(T, T)>) -> Option<Self> {
        let (x, y) = middle;
        let sign = if y < T::ZERO { -T::ONE } else { T::ONE };
        let least = y.abs();
        let (a, fa) = before.unwrap_or((x, y));
        let (b, fb) = after.unwrap_or((x, y));
        let one_sign = fa * sign > T::ZERO && fb * sign > T::ZERO && least > T::ZERO;
        // Strictly closer than one of the points beside it, so that a residual that does not move is none.
        let closest =
            least <= fa.abs() && least <= fb.abs() && (least < fb.abs() || (after.is_none() && least < fa.abs()));
        let beside = [fa.abs(), fb.abs()]
            .into_iter()
            .filter(|f| f.finite())
            .fold(T::ZERO, |m, f| if f > m { f } else { m });
        (one_sign && closest && beside > T::ZERO && a < b).then_some(Self {
            lane,
            a,
            b,
            x,
            least,
            beside,
            ends: (fa, fb),
            sign,
            at_work: true,
        })
    }

    /// Where to look next.
    pub fn next(&self) -> T {
        let left = self.x - self.a > self.b - self.x;
        self.x + T::from_f64(GOLDEN) * (if left { self.a } else { self.b } - self.x)
    }

    /// Takes note of the residual at [`Dip::next`].
    pub fn told(&mut self, x: T, f: T) {
        let size = f * self.sign;
        if size < self.least {
            if x < self.x {
                self.b = self.x;
            } else {
                self.a = self.x;
            }
            (self.x, self.least) = (x, size);
        } else if x < self.x {
            self.a = x;
        } else {
            self.b = x;
        }
        self.at_work = !self.crosses();
    }

    /// The cells with a sign change that were found, or the root; `outer` are the ends of the interval as the scan found them.
    pub fn cells(&self, outer: (T, T)) -> Vec<[T; 4]> {
        let value = self.least * self.sign;
        if self.crosses() {
            vec![
                [outer.0, self.ends.0, self.x, value],
                [self.x, value, outer.1, self.ends.1],
            ]
        } else if self.least <= T::from_f64(TOUCHES) * self.beside {
            vec![[self.x, T::ZERO, self.x, T::ZERO]]
        } else {
            Vec::new()
        }
    }

    fn crosses(&self) -> bool {
        self.least < -(T::from_f64(TOUCHES) * self.beside)
    }
}
