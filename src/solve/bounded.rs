//! A number that is chosen between bounds by a first-order condition: how far it is from a solution, and Newton's steps for it, which stay
//! inside. Searches for one decision maker's actions and for those of all players at once are made of it.

/// Shares of the way between bounds from which places without a solution are tried again.
pub(super) const ELSEWHERE: [f64; 4] = [0.2, 0.5, 0.05, 0.8];
/// Most halvings of one step.
pub(super) const HALVINGS: usize = 12;

/// Where it stands, and its bounds, any of which may be infinite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounded {
    pub(super) at: f64,
    pub(super) lo: f64,
    pub(super) hi: f64,
}

/// A number at a share of the way between two bounds, of which any may be infinite.
pub(super) fn between(lo: f64, hi: f64, share: f64) -> f64 {
    match (lo.is_finite(), hi.is_finite()) {
        (true, true) => lo + share * (hi - lo),
        (true, false) => lo + 2.0 * share,
        (false, true) => hi - 2.0 * share,
        (false, false) => 0.0,
    }
}

impl Bounded {
    /// The width of what may be chosen; about the size of what is where there is no end.
    pub(super) fn range(&self) -> f64 {
        let range = self.hi - self.lo;
        if range.is_finite() { range } else { 1.0 + self.at.abs() }
    }

    /// By how much it is moved for a slope: inwards.
    pub(super) fn nudge(&self) -> f64 {
        let h = 1e-7 * self.at.abs().max(1e-3 * self.range());
        if self.at + h > self.hi { -h } else { h }
    }

    /// Whether a gain from more of it presses against the bound where it is.
    pub(super) fn pressed(&self, gain: f64) -> bool {
        self.at <= self.lo && gain <= 0.0 || self.at >= self.hi && gain >= 0.0
    }

    /// What more of it still brings, as a share of what is set against each other in that; where all of that vanishes, of what moving it
    /// would bring by its own slope.
    pub(super) fn gap(&self, gain: f64, size: f64, slope: f64) -> f64 {
        let own = slope.abs() * (self.at.abs() + 1e-2 * self.range());
        let scale = size + if own.is_finite() { own } else { 0.0 };
        let share = gain.abs() / scale.max(1e-300);
        if gain == 0.0 {
            0.0
        } else if share.is_nan() {
            f64::INFINITY
        } else {
            share
        }
    }

    /// How much room there is in the direction of `step`.
    pub(super) fn room(&self, step: f64) -> f64 {
        if step > 0.0 {
            self.hi - self.at
        } else {
            self.at - self.lo
        }
    }

    /// A step where slopes say nothing: some way in the direction that brings more.
    pub(super) fn uphill(&self, gain: f64) -> f64 {
        0.1 * self.range() * gain.signum()
    }

    /// Where a step leads, and how far that is as a share of what it is: not over a bound, and onto one only from close by.
    pub(super) fn stepped(&self, step: f64) -> (f64, f64) {
        let range = self.range();
        let most = if (self.hi - self.lo).is_finite() {
            0.5 * range
        } else {
            10.0 * range
        };
        let step = step.clamp(-most, most);
        let room = self.room(step);
        let step = if step.abs() < room {
            step
        } else if room < 1e-6 * range {
            room * step.signum()
        } else {
            0.9 * room * step.signum()
        };
        let moved = step.abs() / (self.at.abs() + 1e-3 * range);
        ((self.at + step).max(self.lo).min(self.hi), moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stay_inside_and_reach_a_bound_only_from_close_by() {
        let far = Bounded {
            at: 0.5,
            lo: 0.0,
            hi: 1.0,
        };
        assert_eq!(far.stepped(-9.0).0, 0.5 - 0.9 * 0.5);
        assert_eq!(far.stepped(0.25), (0.75, 0.25 / 0.501));
        let near = Bounded { at: 1e-9, ..far };
        assert_eq!(near.stepped(-1.0).0, 0.0);
        assert!(!near.pressed(-1.0) && Bounded { at: 0.0, ..far }.pressed(-1.0));
        let open = Bounded {
            at: 3.0,
            lo: f64::NEG_INFINITY,
            hi: f64::INFINITY,
        };
        assert_eq!(open.stepped(-1e9).0, 3.0 - 40.0);
        assert!(Bounded { at: 1.0, ..far }.nudge() < 0.0 && far.nudge() > 0.0);
    }

    #[test]
    fn a_gap_is_a_share_of_what_is_set_against_each_other() {
        let x = Bounded {
            at: 0.5,
            lo: 0.0,
            hi: 1.0,
        };
        assert_eq!(x.gap(0.1, 2.0, 0.0), 0.05);
        assert_eq!(x.gap(0.0, 0.0, 0.0), 0.0);
        assert_eq!(x.gap(f64::NAN, 1.0, 0.0), f64::INFINITY);
        assert!(x.gap(1e-9, 0.0, 1.0) < 1e-8);
        assert_eq!(between(1.0, f64::INFINITY, 0.5), 2.0);
    }
}
