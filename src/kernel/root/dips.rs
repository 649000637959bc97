//! Where a residual comes closer to zero than at the points of the scan beside it: it may cross zero twice between them, or touch it.

use super::super::math::Real;
use super::one::OneScratch;

/// A residual that is least within this share of those beside it is zero up to rounding: it is a sum that cancels.
const TOUCHES: f64 = 1e-10;
/// Steps of the golden section: each leaves 0.618 of the interval.
const GOLDEN_STEPS: usize = 60;
/// Share of an interval at which golden section looks.
const GOLDEN: f64 = 0.381_966_011_250_105_1;

/// Points of a scan between which the residual has one sign and comes closest to zero inside, or at an end of the bracket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dip<T> {
    pub lane: usize,
    /// The ends of the interval.
    a: T,
    b: T,
    /// Where the residual is least so far, and its size; negative beyond zero.
    x: T,
    least: T,
    /// The largest residual of the scan beside it, and the residuals at both ends.
    beside: T,
    ends: (T, T),
    sign: T,
    at_work: bool,
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
    fn next(&self) -> T {
        let left = self.x - self.a > self.b - self.x;
        self.x + T::from_f64(GOLDEN) * (if left { self.a } else { self.b } - self.x)
    }

    /// Takes note of the residual at [`Dip::next`].
    fn told(&mut self, x: T, f: T) {
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

    fn crosses(&self) -> bool {
        self.least < -(T::from_f64(TOUCHES) * self.beside)
    }
}

/// Looks into all dips, one of each lane at a time, and adds what crosses or touches zero to the cells with a sign change.
pub(super) fn look_into<T: Real>(f: &mut dyn FnMut(&[T], &mut [T]), s: &mut OneScratch<T>) {
    let mut dips = std::mem::take(&mut s.dips);
    // Beyond the second crossing nothing matters: the search ends at the second root.
    dips.retain(|dip| s.beyond(dip.lane, dip.b) < 2);
    let outer: Vec<(T, T)> = dips.iter().map(|dip| (dip.a, dip.b)).collect();
    let mut todo: Vec<usize> = (0..dips.len()).collect();
    while !todo.is_empty() {
        let mut round: Vec<usize> = Vec::new();
        todo.retain(|k| {
            let free = round.iter().all(|other| dips[*other].lane != dips[*k].lane);
            if free {
                round.push(*k);
            }
            !free
        });
        for _ in 0..GOLDEN_STEPS {
            if !round.iter().any(|k| dips[*k].at_work) {
                break;
            }
            for k in &round {
                s.x[dips[*k].lane] = dips[*k].next();
            }
            f(&s.x, &mut s.f);
            for k in &round {
                let dip = &mut dips[*k];
                if dip.at_work {
                    dip.told(s.x[dip.lane], s.f[dip.lane]);
                }
            }
        }
    }
    for (dip, (a, b)) in dips.iter().zip(outer) {
        let value = dip.least * dip.sign;
        if dip.crosses() {
            s.add(dip.lane, [a, dip.ends.0, dip.x, value]);
            s.add(dip.lane, [dip.x, value, b, dip.ends.1]);
        } else if dip.least <= T::from_f64(TOUCHES) * dip.beside {
            s.add(dip.lane, [dip.x, T::ZERO, dip.x, T::ZERO]);
        }
    }
    dips.clear();
    s.dips = dips;
}
