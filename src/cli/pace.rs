//! How fast work goes and how long it will still take: arithmetic on the times of its reports. Reads no clock.

use std::collections::VecDeque;

/// The rate is measured over about this long, in seconds: an average since the start adapts too slowly.
const MEMORY: f64 = 10.0;
/// After so many seconds from the first report the time before it (preparation) no longer counts.
const READY: f64 = 1.0;

/// The reports that a rate rests on.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    /// Seconds and steps done here, oldest first.
    seen: VecDeque<(f64, u64)>,
    /// Whether the first of them is the beginning and no report.
    from_beginning: bool,
    done: u64,
    of: u64,
    /// Steps that an earlier run did, and those of them that were found since the last report.
    found: u64,
    fresh: u64,
    /// When the last report came, and how long after the one before.
    last: f64,
    gap: f64,
}

impl Pace {
    /// Takes in that `done` of `of` steps (0: not known) were done after `seconds`. Fewer steps than before, or a part of another
    /// whole, is another piece of work, which began at the last report.
    pub(super) fn report(&mut self, seconds: f64, done: u64, of: u64) {
        if self.seen.is_empty() || of != self.of || done < self.done {
            let earlier = std::mem::take(self);
            // What was found since belongs to the work that reports for the first time.
            self.found = earlier.fresh;
            self.seen.push_back((earlier.last, 0));
            self.from_beginning = true;
            self.last = earlier.last;
            self.of = of;
        }
        self.fresh = 0;
        self.gap = seconds - self.last;
        (self.last, self.done) = (seconds, done);
        let here = done.saturating_sub(self.found);
        // Not more often than needed, so that the list stays short.
        if self.from_beginning && self.seen.len() == 1
            || self.seen.back().is_none_or(|b| seconds - b.0 >= MEMORY / 100.0)
        {
            self.seen.push_back((seconds, here));
        }
        if self.from_beginning && self.seen.get(1).is_some_and(|first| seconds - first.0 >= READY) {
            self.seen.pop_front();
            self.from_beginning = false;
        }
        // Nor does time in which nothing was done yet count.
        let begins = self.seen.front().map_or(0, |b| b.1);
        let idle = |next: &(f64, u64)| next.0 <= seconds - MEMORY || next.1 == begins;
        while self.seen.len() > 2 && self.seen.get(1).is_some_and(idle) {
            self.seen.pop_front();
        }
    }

    /// Takes in that an earlier run did so many of the steps that are about to be reported.
    pub(super) fn found(&mut self, steps: u64) {
        self.found += steps;
        self.fresh += steps;
        self.done += steps;
    }

    /// Steps per second; `None` before it can be measured.
    pub(super) fn rate(&self) -> Option<f64> {
        let (from, before) = *self.seen.front()?;
        let here = self.done.saturating_sub(self.found);
        let rate = here.saturating_sub(before) as f64 / (self.last - from);
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// Seconds left at `now`. Between two reports the estimate falls with time, at most by the time between the two before.
    pub(super) fn left(&self, now: f64) -> Option<f64> {
        if self.of == 0 {
            return None;
        }
        let left = self.of.saturating_sub(self.done) as f64 / self.rate()?;
        Some((left - (now - self.last).clamp(0.0, self.gap.max(0.0))).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports every `step` seconds of work that has done `done(t)` after `t` seconds and ends at `end`; the estimates from the
    /// fifth second on must be within a factor of two of what is left, until `rest` seconds before the end.
    fn told_truly(step: f64, end: f64, rest: f64, done: impl Fn(f64) -> f64) {
        let mut pace = Pace::default();
        let of = done(end).round() as u64;
        let mut t = step;
        while t < end {
            pace.report(t, done(t).round() as u64, of);
            for now in [t, t + 0.5 * step] {
                if now >= 5.0 && now < end - rest {
                    let left = pace.left(now).unwrap_or(f64::NAN);
                    let true_left = end - now;
                    assert!(
                        left <= 2.0 * true_left && left >= 0.5 * true_left,
                        "after {now}: {left} said, {true_left} true"
                    );
                }
            }
            t += step;
        }
    }

    #[test]
    fn what_is_left_is_told_within_a_factor_of_two() {
        // Steady; reports that are rare; three seconds of getting ready; slower and slower, and the other way round.
        told_truly(0.05, 16.0, 0.5, |t| 1000.0 * t);
        told_truly(3.0, 40.0, 4.0, |t| 1000.0 * t);
        told_truly(0.1, 16.0, 0.5, |t| 1000.0 * (t - 3.0).max(0.0));
        told_truly(0.1, 20.0, 0.5, |t| 1000.0 * (t - 0.015 * t * t));
        told_truly(0.1, 20.0, 0.5, |t| 1000.0 * (t + 0.05 * t * t));
        // Half the time goes by in bursts of measuring.
        told_truly(0.1, 60.0, 1.5, |t| {
            1000.0 * ((t / 2.0).floor() + (t / 2.0).fract().min(0.5) * 2.0)
        });
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut pace = Pace::default();
        assert_eq!((pace.rate(), pace.left(1.0)), (None, None));
        pace.report(2.0, 20, 10_000);
        assert_eq!(pace.rate(), Some(10.0));
        for second in 3..=60 {
            // A slow start, then ten times as fast.
            pace.report(f64::from(second), 20 + 100 * (second as u64 - 2), 10_000);
            if second > 14 {
                assert_eq!(pace.rate(), Some(100.0), "{second}");
            }
        }
        assert!(pace.seen.len() < 200);
    }

    #[test]
    fn what_was_found_is_not_counted_as_done_now() {
        let mut pace = Pace::default();
        pace.found(1_000_000);
        pace.report(1.0, 1_000_100, 2_000_000);
        assert_eq!(pace.rate(), Some(100.0));
        pace.report(4.0, 1_000_400, 2_000_000);
        // A second seed is found later.
        pace.found(500_000);
        pace.report(5.0, 1_500_500, 2_000_000);
        assert_eq!(pace.rate(), Some(100.0));
        assert_eq!(pace.left(5.0), Some(4995.0));
    }

    #[test]
    fn another_piece_of_work_begins_anew() {
        let mut pace = Pace::default();
        pace.report(10.0, 5, 0);
        assert_eq!(pace.left(10.0), None);
        pace.report(11.0, 50, 1000);
        assert_eq!(pace.left(11.0), Some(19.0));
        pace.report(13.0, 10, 20);
        assert_eq!(pace.left(13.0), Some(2.0));
    }
}
