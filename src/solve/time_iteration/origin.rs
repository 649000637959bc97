//! Newton's method for the states from which given next ones come, and what is done there: two unknowns, the law and the first-order condition.

use crate::limits;

/// Most Newton steps at a next state, most halvings of one, and how often they begin anew beside a place where they ended.
const STEPS: usize = 60;
const HALVINGS: usize = 12;
const BESIDE: usize = 12;
/// A step that leaves more than this share of the gap says that slopes are old.
const SLOW: f64 = 0.1;
/// Sizes below this share of the grid's width, or of one, do not count as small in differences.
const SMALL: f64 = 1e-3;

/// Newton's method at all next states `to`, side by side: `weigh(which, places)` says what the places `(state, action)` of some of them lead to.
/// `width` is that of the grid; with `log` states stay positive.
pub(in crate::solve) fn search(
    (to, width, log): (&[f64], f64, bool),
    from: &mut [Origin],
    tolerance: f64,
    weigh: impl Fn(&[usize], &[[f64; 2]]) -> Vec<Found>,
) {
    from.iter_mut().for_each(Origin::begin);
    for _ in 0..BESIDE {
        for _ in 0..STEPS {
            limits::poll();
            let open: Vec<usize> = (0..from.len()).filter(|i| !from[*i].done).collect();
            if open.is_empty() {
                break;
            }
            let places: Vec<[f64; 2]> = open.iter().map(|i| from[*i].at).collect();
            let here = weigh(&open, &places);
            let pairs = open.iter().zip(&here);
            let fresh: Vec<usize> = pairs
                .filter(|(i, f)| from[**i].take(f, to[**i], width, tolerance))
                .map(|(i, _)| *i)
                .collect();
            let unknown: Vec<usize> = fresh.iter().copied().filter(|i| from[*i].slopes.is_none()).collect();
            if !unknown.is_empty() {
                let moved = |k: usize| {
                    let place = |i: &usize| {
                        let mut there = from[*i].at;
                        there[k] += from[*i].nudges(width)[k];
                        there
                    };
                    weigh(&unknown, &unknown.iter().map(place).collect::<Vec<_>>())
                };
                let there = [moved(0), moved(1)];
                for (j, &i) in unknown.iter().enumerate() {
                    let (h, off) = (from[i].nudges(width), from[i].off);
                    let law = [0, 1].map(|k| (there[k][j].next - to[i] - off[0]) / h[k]);
                    let gain = [0, 1].map(|k| (there[k][j].gain - off[1]) / h[k]);
                    from[i].slopes = Some([law, gain]);
                }
            }
            fresh.iter().for_each(|i| from[*i].step(log));
        }
        // Where they did not end, from beside a place where they did.
        let solved: Vec<bool> = from.iter().map(|o| o.solved).collect();
        let beside = |i: usize| {
            let near = [i.wrapping_sub(1), i + 1];
            near.into_iter().find(|k| solved.get(*k) == Some(&true))
        };
        let again: Vec<(usize, usize)> = (0..from.len())
            .filter(|i| !solved[*i])
            .filter_map(|i| Some((i, beside(i)?)))
            .collect();
        if again.is_empty() {
            break;
        }
        for (i, near) in again {
            from[i] = Origin::new(from[near].at);
        }
    }
}

/// A state and what is done there, with the search for them.
#[derive(Clone)]
pub(in crate::solve) struct Origin {
    /// State and action.
    pub(in crate::solve) at: [f64; 2],
    before: [f64; 2],
    /// How far the law, and the condition, are from holding.
    off: [f64; 2],
    /// Their slopes in state and action, where they are known.
    slopes: Option<[[f64; 2]; 2]>,
    gap: f64,
    halvings: usize,
    done: bool,
    pub(in crate::solve) solved: bool,
}

/// What a place leads to.
pub(in crate::solve) struct Found {
    pub(in crate::solve) next: f64,
    pub(in crate::solve) gain: f64,
    pub(in crate::solve) size: f64,
}

impl Origin {
    /// At a first guess of state and action.
    pub(in crate::solve) fn new(at: [f64; 2]) -> Origin {
        Origin {
            at,
            before: at,
            off: [f64::NAN; 2],
            slopes: None,
            gap: f64::INFINITY,
            halvings: 0,
            done: false,
            solved: false,
        }
    }

    /// A sweep begins: slopes are about the same.
    fn begin(&mut self) {
        self.gap = f64::INFINITY;
        self.halvings = 0;
        (self.done, self.solved) = (false, false);
    }

    /// Takes in what the place leads to; whether a step is to follow.
    fn take(&mut self, found: &Found, to: f64, width: f64, tolerance: f64) -> bool {
        let off = [found.next - to, found.gain];
        let scale = [to.abs().max(SMALL * width), found.size.max(1e-300)];
        let gap = (off[0] / scale[0]).abs().max((off[1] / scale[1]).abs());
        let gap = if off.iter().all(|v| v.is_finite()) {
            gap
        } else {
            f64::INFINITY
        };
        if gap <= tolerance {
            (self.done, self.solved) = (true, true);
            return false;
        }
        if !(gap <= self.gap * (1.0 + 1e-9)) || !gap.is_finite() {
            self.halvings += 1;
            self.slopes = None;
            self.done = self.halvings > HALVINGS || !self.gap.is_finite();
            self.at = [0, 1].map(|k| 0.5 * (self.at[k] + self.before[k]));
            return false;
        }
        if gap > SLOW * self.gap {
            self.slopes = None;
        }
        self.halvings = 0;
        (self.gap, self.off) = (gap, off);
        true
    }

    /// By how much state and action are moved for slopes.
    fn nudges(&self, width: f64) -> [f64; 2] {
        [
            1e-7 * self.at[0].abs().max(SMALL * width),
            1e-7 * self.at[1].abs().max(SMALL),
        ]
    }

    /// Moves on.
    fn step(&mut self, log: bool) {
        self.before = self.at;
        let Some([[a, b], [c, d]]) = self.slopes else {
            self.done = true;
            return;
        };
        let det = a * d - b * c;
        let step = [
            (b * self.off[1] - d * self.off[0]) / det,
            (c * self.off[0] - a * self.off[1]) / det,
        ];
        if !step.iter().all(|v| v.is_finite()) {
            self.done = true;
            return;
        }
        let least = if log { 0.1 * self.at[0] } else { f64::NEG_INFINITY };
        let share = match self.at[0] + step[0] < least {
            true => (least - self.at[0]) / step[0],
            false => 1.0,
        };
        self.at = [0, 1].map(|k| self.at[k] + share * step[k]);
        // At rounding steps no longer move it.
        if [0, 1].iter().all(|k| step[*k].abs() <= 1e-15 * self.at[*k].abs()) {
            (self.done, self.solved) = (true, self.gap < 1e-8);
        }
    }
}
