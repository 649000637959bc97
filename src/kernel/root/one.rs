//! One unknown: every sign change of a scan is followed until it is a root, a jump or a pole.
//!
//! The bracket is scanned at 33 points, and where nothing is found at eight times as many (two roots in one cell show no sign change at its
//! ends). Where the residual comes closer to zero than at the points beside it, its least value is sought by golden section (`dips.rs`):
//! it may cross zero twice there, or touch it. In each cell with a sign change, from the left, Chandrupatla's method (1997, *Advances in
//! Engineering Software* 28: inverse quadratic interpolation where it is safe, bisection elsewhere) runs until the cell is as narrow as
//! rounding allows. A residual that does not shrink with its cell is a jump or a pole, not a root: the next cell is looked at. The search
//! ends at the second root.

use super::super::math;
use super::dips::{Dip, GOLDEN_STEPS};
use super::{CELLS, NONE, ONE, Real, SEVERAL, UNSETTLED, middle, refill, scan_point};

/// Cells of the scan of a bracket in which the first one found nothing.
const FINE_CELLS: usize = 256;
/// A smallest residual below this share of the residuals beside it is a root up to rounding.
const ROUNDING: f64 = 1e-12;

/// Memory of a solve, kept between calls.
#[derive(Clone, Debug, Default)]
pub(super) struct OneScratch<T> {
    lanes: Vec<OneLane<T>>,
    /// Cells with a sign change: lane, and both ends with their residuals; of each lane from the left.
    cells: Vec<(usize, [T; 4])>,
    dips: Vec<Dip<T>>,
    x: Vec<T>,
    f: Vec<T>,
}

#[derive(Clone, Copy, Debug, Default)]
struct OneLane<T> {
    last: Option<(T, T)>,
    /// The one before it.
    before: Option<(T, T)>,
    /// Where the residual was smallest, and its size.
    best: (T, T),
    /// The larger of the residuals before and after it.
    beside: T,
    /// The best point is the last one that was scanned.
    fresh: bool,
    /// The bracket is scanned a second time.
    again: bool,
    /// Cells with a sign change so far, and the one that is looked into.
    crossings: usize,
    cell: usize,
    /// Stretches of roots: points side by side at which the residual is zero.
    stretches: usize,
    /// Roots and what is none, so far; the first of each.
    roots: usize,
    root: T,
    jump: Option<T>,
    /// The ends of the cell and their residuals, as the scan found them.
    ends: (T, T),
    x1: T,
    f1: T,
    x2: T,
    f2: T,
    x3: T,
    f3: T,
    t: T,
    active: bool,
}

impl<T: Real> OneScratch<T> {
    /// How many sign changes of a lane the scan found below `x`.
    fn beyond(&self, lane: usize, x: T) -> usize {
        self.cells.iter().filter(|(i, ends)| *i == lane && ends[2] <= x).count()
    }

    /// Adds a cell with a sign change, in its place from the left.
    fn add(&mut self, lane: usize, ends: [T; 4]) {
        let at = self
            .cells
            .iter()
            .position(|(i, other)| *i == lane && other[0] >= ends[2])
            .unwrap_or(self.cells.len());
        self.cells.insert(at, (lane, ends));
        self.lanes[lane].crossings += 1;
    }
}

/// Solves in `n` lanes: `lo`, `hi`, `out` and `status` hold one number per lane, and so do the argument and result of
/// `f`.
pub(super) fn one_unknown<T: Real>(
    n: usize,
    lo: &[T],
    hi: &[T],
    f: &mut dyn FnMut(&[T], &mut [T]),
    out: &mut [T],
    status: &mut [T],
    s: &mut OneScratch<T>,
) {
    let c = T::from_f64;
    let start = OneLane {
        best: (T::NAN, T::INFINITY),
        ..OneLane::default()
    };
    refill(&mut s.lanes, n, start);
    refill(&mut s.x, n, T::ZERO);
    refill(&mut s.f, n, T::ZERO);
    s.cells.clear();
    s.dips.clear();
    for k in 0..=CELLS {
        for i in 0..n {
            s.x[i] = scan_point(lo[i], hi[i], k, CELLS);
        }
        f(&s.x, &mut s.f);
        for (i, lane) in s.lanes.iter_mut().enumerate() {
            scan(lane, i, s.x[i], s.f[i], &mut s.cells, &mut s.dips);
        }
    }
    end(s, |_| true);
    // Two roots in one cell show no sign change at its ends.
    if s.lanes.iter().any(|lane| lane.nothing()) {
        for lane in s.lanes.iter_mut().filter(|lane| lane.nothing()) {
            *lane = OneLane { again: true, ..start };
        }
        s.dips.retain(|dip| !s.lanes[dip.lane].again);
        for k in 0..=FINE_CELLS {
            for i in 0..n {
                s.x[i] = scan_point(lo[i], hi[i], k, FINE_CELLS);
            }
            f(&s.x, &mut s.f);
            for (i, lane) in s.lanes.iter_mut().enumerate().filter(|(_, lane)| lane.again) {
                scan(lane, i, s.x[i], s.f[i], &mut s.cells, &mut s.dips);
            }
        }
        end(s, |lane| lane.again);
    }
    look_into(f, s);
    while begin(s) {
        follow(f, s);
    }
    for (i, lane) in s.lanes.iter().enumerate() {
        let (x, ended) = match (lane.roots, lane.jump) {
            (0, Some(x)) => (x, c(UNSETTLED)),
            (0, None) => (
                if lane.best.0 == lane.best.0 {
                    lane.best.0
                } else {
                    middle(lo[i], hi[i])
                },
                c(if lane.touches() { ONE } else { NONE }),
            ),
            (1, _) if lane.stretches == 0 => (lane.root, c(ONE)),
            _ => (lane.root, c(SEVERAL)),
        };
        out[i] = fault!("market.neighbour", if i > 0 { out[i - 1] } else { x }, x);
        status[i] = ended;
    }
}

/// Looks into all dips, one of each lane at a time, and adds what crosses or touches zero to the cells with a sign change.
fn look_into<T: Real>(f: &mut dyn FnMut(&[T], &mut [T]), s: &mut OneScratch<T>) {
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
    for (dip, outer) in dips.iter().zip(outer) {
        for cell in dip.cells(outer) {
            s.add(dip.lane, cell);
        }
    }
    dips.clear();
    s.dips = dips;
}

/// Puts every lane that is not done into its next cell; whether there is any.
fn begin<T: Real>(s: &mut OneScratch<T>) -> bool {
    if s.cells.is_empty() {
        return false;
    }
    let mut any = false;
    let seen: Vec<usize> = s.lanes.iter().map(|l| l.cell).collect();
    let mut number = vec![0usize; s.lanes.len()];
    for (i, ends) in &s.cells {
        let lane = &mut s.lanes[*i];
        number[*i] += 1;
        let wanted = fault!("market.last_root", lane.crossings - seen[*i], seen[*i] + 1);
        if number[*i] != wanted || lane.roots > 1 || lane.active {
            continue;
        }
        let [a, fa, b, fb] = *ends;
        (lane.x1, lane.f1, lane.x2, lane.f2) = (a, fa, b, fb);
        (lane.x3, lane.f3) = (b, fb);
        lane.ends = (fa, fb);
        lane.t = T::from_f64(0.5);
        lane.cell += 1;
        lane.active = true;
        any = true;
    }
    any
}

/// Narrows the cells of all active lanes, and says what they hold.
fn follow<T: Real>(f: &mut dyn FnMut(&[T], &mut [T]), s: &mut OneScratch<T>) {
    let mut at_work: Vec<usize> = (0..s.lanes.len()).filter(|i| s.lanes[*i].active).collect();
    for i in &at_work {
        let lane = &mut s.lanes[*i];
        lane.active = lane.f1 != T::ZERO && lane.f2 != T::ZERO;
    }
    // Bisection alone needs one step per bit of the widest exponent range; interpolation needs about ten.
    let mut rounds = 0;
    while s.lanes.iter().any(|l| l.active) && rounds < fault!("market.early_stop", 1, 2200) {
        rounds += 1;
        for (i, lane) in s.lanes.iter().enumerate() {
            s.x[i] = if lane.active {
                lane.x1 + lane.t * (lane.x2 - lane.x1)
            } else {
                s.x[i]
            };
        }
        f(&s.x, &mut s.f);
        for (i, lane) in s.lanes.iter_mut().enumerate().filter(|(_, l)| l.active) {
            chandrupatla(lane, s.x[i], s.f[i]);
        }
    }
    for i in at_work.drain(..) {
        let lane = &mut s.lanes[i];
        let first = lane.f1.abs() <= lane.f2.abs();
        let (x, r) = if first {
            (lane.x1, lane.f1.abs())
        } else {
            (lane.x2, lane.f2.abs())
        };
        // At a jump or a pole the residual does not shrink with the cell. (An end of the cell may stand next to the root by chance: then
        // the other one says what is small.)
        let (fa, fb) = lane.ends;
        let (near, far) = (math::min(fa.abs(), fb.abs()), math::max(fa.abs(), fb.abs()));
        let large = r > T::from_f64(1e-3) * near || (far.finite() && r > T::from_f64(1e-6) * far);
        let rounding = far.finite() && r <= T::from_f64(ROUNDING) * far;
        if lane.active || (r > T::ZERO && large && !rounding) {
            lane.jump = lane.jump.or(Some(x));
        } else {
            if lane.roots == 0 {
                lane.root = x;
            }
            lane.roots += 1;
        }
        lane.active = false;
    }
}

impl<T: Real> OneLane<T> {
    /// Whether the scan met no sign change and no root.
    fn nothing(&self) -> bool {
        self.crossings == 0 && !self.touches()
    }

    /// Whether the smallest residual is a root up to rounding: at an end of the bracket, or where the residual touches zero.
    fn touches(&self) -> bool {
        self.beside.finite() && self.beside > T::ZERO && self.best.1 <= T::from_f64(ROUNDING) * self.beside
    }
}

fn scan<T: Real>(
    lane: &mut OneLane<T>,
    number: usize,
    x: T,
    y: T,
    cells: &mut Vec<(usize, [T; 4])>,
    dips: &mut Vec<Dip<T>>,
) {
    // NaN: the function is not defined here, the point does not count.
    if y != y || x != x {
        return;
    }
    if let Some(middle) = lane.last {
        dips.extend(Dip::between(number, lane.before, middle, Some((x, y))));
    }
    if y.abs() < lane.best.1 {
        lane.beside = lane.last.map_or(T::ZERO, |(_, before)| before.abs());
        lane.best = (x, y.abs());
        lane.fresh = true;
    } else if lane.fresh {
        // The point after the best one.
        lane.beside = math::max(lane.beside, y.abs());
        lane.fresh = false;
    }
    match lane.last {
        None => {
            if y == T::ZERO {
                lane.crossings = 1;
                cells.push((number, [x, y, x, y]));
            }
        }
        Some((a, fa)) => {
            if fa != T::ZERO && (y == T::ZERO || (fa < T::ZERO) != (y < T::ZERO)) {
                lane.crossings += 1;
                cells.push((number, [a, fa, x, y]));
            } else if fa == T::ZERO && y == T::ZERO {
                // Every point between two roots side by side is one.
                lane.stretches += 1;
            }
        }
    }
    lane.before = lane.last;
    lane.last = Some((x, y));
}

/// After the scan of the lanes that `of` names: a dip may stand at the end of a bracket.
fn end<T: Real>(s: &mut OneScratch<T>, of: impl Fn(&OneLane<T>) -> bool) {
    for (i, lane) in s.lanes.iter().enumerate().filter(|(_, lane)| of(lane)) {
        if let Some(last) = lane.last {
            s.dips.extend(Dip::between(i, lane.before, last, None));
        }
    }
}

fn chandrupatla<T: Real>(l: &mut OneLane<T>, x: T, f: T) {
    let c = T::from_f64;
    // Not defined inside the bracket: treat as on the far side, so that the interval still shrinks.
    let f = if f != f { T::INFINITY.copysign(l.f2) } else { f };
    if (f < T::ZERO) == (l.f1 < T::ZERO) {
        (l.x3, l.f3) = (l.x1, l.f1);
    } else {
        (l.x3, l.f3) = (l.x2, l.f2);
        (l.x2, l.f2) = (l.x1, l.f1);
    }
    (l.x1, l.f1) = (x, f);
    let nearest = if l.f1.abs() < l.f2.abs() { l.x1 } else { l.x2 };
    let width = (l.x2 - l.x1).abs();
    let tolerance = T::EPSILON * nearest.abs() + c(1e-36);
    if f == T::ZERO || width <= c(2.0) * tolerance {
        l.active = false;
        return;
    }
    let limit = tolerance / width;
    let xi = (l.x1 - l.x2) / (l.x3 - l.x2);
    let phi = (l.f1 - l.f2) / (l.f3 - l.f2);
    let one = T::ONE;
    let t = if phi * phi < xi && (one - phi) * (one - phi) < one - xi {
        l.f1 / (l.f2 - l.f1) * (l.f3 / (l.f2 - l.f3))
            + (l.x3 - l.x1) / (l.x2 - l.x1) * (l.f1 / (l.f3 - l.f1)) * (l.f2 / (l.f3 - l.f2))
    } else {
        c(0.5)
    };
    let t = if t == t { t } else { c(0.5) };
    let t = if t < limit { limit } else { t };
    l.t = if t > one - limit { one - limit } else { t };
}
