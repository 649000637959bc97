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

mod arithmetic;

pub use arithmetic::{binary, operation, reduce, select, unary};

use super::Interval;
use arithmetic::{lower, upper};

impl Interval {
    /// What sums and differences of numbers of size one may be off by.
    const ROUNDING: f64 = 1e-13;

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

    /// The end that `x` misses by no more than rounding, where numbers of about `size` were added and subtracted; `x` itself if it lies inside. `None` if it lies
    /// outside.
    pub fn up_to_rounding(self, x: f64, size: f64) -> Option<f64> {
        if self.contains(x) {
            return Some(x);
        }
        let end = x.max(self.lo).min(self.hi);
        (self.contains(end) && (x - end).abs() <= Interval::ROUNDING * size).then_some(end)
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

#[cfg(test)]
mod tests;
