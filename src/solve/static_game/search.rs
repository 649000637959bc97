//! Looking for the equilibria of a one-shot game in numbers: Newton's method on the conditions, replies in turn, and the global check.

use super::game::{FULL, Game};
use super::{ALL_STARTS, FROM, GAIN, ONE, REPLY, ROUGH_STARTS, ROUNDS, SCAN, SETTLED, STARTS, near};
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::fixed_point::{Equations, NewtonOptions, newton};
use crate::num::optimise::{BoxOptions, brent, maximise, spread};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Members that are alike and beyond whom only the first and the last are tried for gains.
const EACH: usize = 50;
/// Most evaluations of rewards in one search, and how many of them the search for a price that clears a market counts for.
const EVALUATIONS: usize = 200_000_000;
const PRICE: usize = 50;
/// Most combinations of bounds that are tried.
const BOUNDS: usize = 729;

/// Evaluations of one search over several numbers of one who chooses: at most, and all draws and searches for prices counted.
const TOGETHER: (usize, usize) = (2000, 2_000_000);

/// Moves of a round of replies from which Newton's method is tried, and how far from there it may lead.
const CLOSE: f64 = 1e-3;
const LED: f64 = 0.05;

/// Distance from an end of an interval that is put down to rounding, relative to one and more.
const END: f64 = 1e-10;

/// What a search tried.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::solve) struct Tried {
    /// Starts of Newton's method and of replies in turn.
    pub(in crate::solve) starts: usize,
    /// Combinations of bounds that bind.
    pub(in crate::solve) bounds: usize,
    /// Whether members who are alike were looked for playing alike, and playing unlike; neither where nobody is alike.
    pub(in crate::solve) alike: bool,
    pub(in crate::solve) unlike: bool,
}

impl Tried {
    /// Both together.
    pub(in crate::solve) fn and(self, other: Tried) -> Tried {
        Tried {
            starts: self.starts + other.starts,
            bounds: self.bounds + other.bounds,
            alike: self.alike || other.alike,
            unlike: self.unlike || other.unlike,
        }
    }
}

impl Game {
    /// What an action's owner is paid at a profile (one number per action) where prices that it takes are those at the profile `around`.
    pub(in crate::solve) fn pays(&self, action: usize, x: &[f64], around: &[f64]) -> f64 {
        let program = &self.payoff[self.actions[action].chooser];
        if !self.given {
            return self.chance.of(program, x)[0];
        }
        let both: Vec<f64> = x.iter().chain(around).copied().collect();
        self.chance.of(program, &both)[0]
    }

    /// Newton's method from a profile, on all conditions or on those of one member of each population.
    fn newton(&self, from: &[f64], alike: bool) -> Option<Vec<f64>> {
        let options = NewtonOptions {
            tolerance: 1e-12,
            // Between the nodes of draws behind kinks conditions jump, and the method may not settle at all.
            iterations: if self.rough { 15 } else { 100 },
            ..NewtonOptions::default()
        };
        if !alike {
            let report = newton(&mut First(self), from, &self.lo, &self.hi, &options);
            return (report.converged || report.residual < 1e-10).then_some(report.x);
        }
        let (lo, hi) = (self.gathered(&self.lo), self.gathered(&self.hi));
        let report = newton(&mut Alike(self), &self.gathered(from), &lo, &hi, &options);
        (report.converged || report.residual < 1e-10).then(|| self.spread_out(&report.x))
    }

    /// Rounds of replies in turn that one search may take: fewer where what is paid takes many evaluations, each with a price that is searched for.
    fn rounds(&self) -> usize {
        let price = if self.clears { PRICE } else { 1 };
        let tried = REPLY.0 + 2 * REPLY.1 + 20;
        let each = self.actions.len().max(1) * tried * self.chance.evaluations().max(1) * price;
        (EVALUATIONS / each).clamp(1, ROUNDS)
    }

    /// Whether searches end before replies in turn may have settled, as each takes so many evaluations.
    pub(super) fn cut_short(&self) -> bool {
        self.rounds() < ROUNDS
    }

    /// How many groups of actions there are.
    fn groups(&self) -> usize {
        self.actions.iter().map(|a| a.group + 1).max().unwrap_or(0)
    }

    /// The first action of each group, one number per group.
    fn leaders(&self) -> Vec<usize> {
        (0..self.groups())
            .filter_map(|g| self.actions.iter().position(|a| a.group == g))
            .collect()
    }

    /// One number per group of a profile, that of its first action.
    fn gathered(&self, x: &[f64]) -> Vec<f64> {
        self.leaders().into_iter().map(|i| x[i]).collect()
    }

    /// The profile in which every action of a group has its number.
    fn spread_out(&self, y: &[f64]) -> Vec<f64> {
        self.actions.iter().map(|a| y[a.group]).collect()
    }

    /// The profiles at which nobody gains by deviating, `[equilibrium][action]`, as far as searches find them, and what was tried. Of members who are
    /// alike (if the game says so) those in which they act alike come first, and others are looked for where there is none or all are asked
    /// for; with members exchanged these count once.
    pub(in crate::solve) fn equilibria(&self, asked_by: &str) -> (Vec<Vec<f64>>, Tried) {
        let some = self.groups() < self.actions.len();
        if !(self.alike && some) {
            return self.searches(asked_by, false);
        }
        let (mut found, mut tried) = self.searches(asked_by, true);
        tried.alike = true;
        if (!found.is_empty() && !self.all) || self.actions.len() > FULL {
            return (found, tried);
        }
        let (unlike, more) = self.searches(asked_by, false);
        let exchangeable = self.exchangeable();
        for x in unlike {
            if !found.iter().any(|f| self.exchanged(f, &x, &exchangeable, ONE)) {
                found.push(x);
            }
        }
        let tried = Tried {
            unlike: true,
            ..tried.and(more)
        };
        (found, tried)
    }

    fn searches(&self, asked_by: &str, alike: bool) -> (Vec<Vec<f64>>, Tried) {
        let n = self.lo.len();
        let done = AtomicUsize::new(0);
        let place = |unit: &[f64]| -> Vec<f64> {
            let all: Vec<f64> = (0..n)
                .map(|i| self.lo[i] + unit[i] * (self.hi[i] - self.lo[i]))
                .collect();
            if alike {
                self.spread_out(&self.gathered(&all))
            } else {
                all
            }
        };
        // Where conditions jump or many choose, few of Newton's searches come to an end, and replies in turn find what there is.
        let dear = self.rough || n > 4 * FULL;
        let starts = if self.all && !dear { ALL_STARTS } else { STARTS };
        let skipped = if dear { starts - ROUGH_STARTS } else { 0 };
        let free = if alike { self.groups() } else { n };
        let patterns = 3usize
            .checked_pow(free as u32)
            .filter(|p| self.all && !dear && *p <= BOUNDS);
        let patterns = patterns.unwrap_or(0);
        let of = starts + FROM.len() + patterns - skipped;
        let search = |k: usize| {
            let mut unit = vec![0.5; n];
            let x = match k.checked_sub(starts) {
                None => {
                    if k > 0 {
                        spread(k, n, &mut unit);
                    }
                    self.newton(&place(&unit), alike)
                }
                Some(r) if r >= FROM.len() => self.at_bounds(r - FROM.len(), alike),
                // Replies in turn reach what Newton's method cannot: rewards that are flat at most starts, kinks, corners.
                Some(r) => {
                    unit.fill(FROM[r]);
                    let x = match alike {
                        true => self.replies_alike(place(&unit), 1e-8),
                        false => self.replies(place(&unit), None, 1e-8),
                    };
                    // Replies to a given price may jump from end to end; a condition can hold in between.
                    x.map(|x| self.newton(&x, alike).filter(|y| near(y, &x, 1e-3)).unwrap_or(x))
                        .or_else(|| self.newton(&place(&vec![FROM[r]; n]), alike))
                }
            };
            let count = done.fetch_add(1, Ordering::Relaxed) + 1;
            limits::doing(format!("{asked_by}: one-shot game, {count} of {of} searches"));
            x
        };
        let all: Option<Vec<Option<Vec<f64>>>> = (skipped..skipped + of)
            .into_par_iter()
            .map(|k| limits::going(|| search(k)))
            .collect();
        let mut found: Vec<Vec<f64>> = Vec::new();
        for x in all.unwrap_or_else(|| limits::leave()).into_iter().flatten() {
            let x = self.at_ends(x);
            if !found.iter().any(|f| near(f, &x, ONE)) && self.is_best(&x) {
                found.push(x);
            }
        }
        let tried = Tried {
            starts: of - patterns,
            bounds: patterns,
            ..Tried::default()
        };
        (found, tried)
    }

    /// A profile with what stands at an end of its interval, but for rounding, put there: who stays out then has nothing to lose.
    fn at_ends(&self, mut x: Vec<f64>) -> Vec<f64> {
        for (i, x) in x.iter_mut().enumerate() {
            for end in [self.lo[i], self.hi[i]] {
                if (*x - end).abs() <= END * (1.0 + end.abs()) {
                    *x = end;
                }
            }
        }
        x
    }

    /// Newton's method where some of what is chosen (of the leaders of groups if members play `alike`) stands at its bounds: a digit of
    /// `pattern` in base three for each, 0 between the bounds, 1 at the lower and 2 at the upper one.
    fn at_bounds(&self, pattern: usize, alike: bool) -> Option<Vec<f64>> {
        let own: Vec<usize> = if alike {
            self.leaders()
        } else {
            (0..self.lo.len()).collect()
        };
        let digit = |k: usize| pattern / 3usize.pow(k as u32) % 3;
        let free: Vec<usize> = (0..own.len()).filter(|k| digit(*k) == 0).collect();
        let full = |y: &[f64]| -> Vec<f64> {
            let mut at = y.iter().copied();
            let of = |(k, i): (usize, &usize)| match digit(k) {
                0 => at.next().unwrap_or(self.lo[*i]),
                1 => self.lo[*i],
                _ => self.hi[*i],
            };
            let z: Vec<f64> = own.iter().enumerate().map(of).collect();
            if alike { self.spread_out(&z) } else { z }
        };
        let leads: Vec<usize> = free.iter().map(|k| own[*k]).collect();
        let (lo, hi): (Vec<f64>, Vec<f64>) = leads.iter().map(|i| (self.lo[*i], self.hi[*i])).unzip();
        let middle: Vec<f64> = lo.iter().zip(&hi).map(|(l, h)| 0.5 * (l + h)).collect();
        if free.is_empty() {
            return Some(full(&[]));
        }
        // Of what is free slopes are zero, whatever pushes against its bounds on the way; failing that, bounds may stop it, too.
        let mut slopes = |y: &[f64]| {
            let all = self.measured(&full(y));
            let of: Vec<f64> = leads.iter().map(|i| all[*i]).collect();
            of.iter().all(|v| v.is_finite()).then_some(of)
        };
        let report = newton(&mut slopes, &middle, &lo, &hi, &NewtonOptions::default());
        if report.converged || report.residual < 1e-10 {
            return Some(full(&report.x));
        }
        let mut conditions = |y: &[f64]| self.conditions_of(&leads, &full(y));
        let report = newton(&mut conditions, &middle, &lo, &hi, &NewtonOptions::default());
        (report.converged || report.residual < 1e-10).then(|| full(&report.x))
    }

    /// Where replies lead from the lower ends of all intervals, one number per action; `None` where they do not come to rest or somebody gains there.
    pub(in crate::solve) fn led_from_start(&self) -> Option<Vec<f64>> {
        let start = self.lo.clone();
        let led = match self.alike && self.groups() < self.actions.len() {
            true => self.replies_alike(start.clone(), 1e-8),
            false => None,
        };
        let led = led.or_else(|| self.replies(start, None, 1e-8))?;
        let x = self.led_on(&led, ONE).unwrap_or(led);
        Some(self.at_ends(x)).filter(|x| self.is_best(x))
    }

    /// The equilibrium near a profile, both one number per action; `None` where there is none.
    pub(super) fn led_on(&self, x: &[f64], within: f64) -> Option<Vec<f64>> {
        let smooth = (!self.rough).then(|| self.newton(x, false)).flatten();
        smooth
            .filter(|y| near(y, x, within))
            .or_else(|| self.replies(x.to_vec(), Some(within), 1e-8))
    }

    /// An equilibrium as it is with twice as many nodes for draws behind kinks.
    ///
    /// # Errors
    /// E0920 where it is not the same up to [`SETTLED`].
    pub(in crate::solve) fn settled(
        &self,
        x: &[f64],
        twice: impl FnOnce() -> Result<Game, Diagnostic>,
    ) -> Result<Vec<f64>, Diagnostic> {
        if self.chance.kinked.is_none() && !self.rough {
            return Ok(x.to_vec());
        }
        let finer = twice()?;
        let better = match self.rough {
            true => finer.replies(x.to_vec(), Some(SETTLED), 0.1 * SETTLED),
            false => finer.led_on(x, SETTLED),
        };
        match better {
            Some(y) if near(&y, x, SETTLED) => Ok(y),
            other => Err(Diagnostic::error(
                "E0920",
                "the equilibrium of the one-shot game moves with the nodes of its draws",
            )
            .note(match other {
                Some(y) => format!("{x:?} with the usual nodes, {y:?} with twice as many"),
                None => format!("{x:?} with the usual nodes; with twice as many replies in turn do not settle"),
            })
            .hint("several draws stand behind kinks or steps (min, max, abs, comparisons): leave one of them, or give the benchmark as a number, --set NAME=..")),
        }
    }

    /// The points of an own action's interval that are tried, a list of `even + 1 + 2 powers` numbers, ascending: evenly, then by powers of ten from either end.
    pub(in crate::solve) fn scan(&self, i: usize, even: usize, powers: usize) -> Vec<f64> {
        let (lo, hi) = (self.lo[i], self.hi[i]);
        let width = hi - lo;
        let mut out: Vec<f64> = (0..=even).map(|k| lo + width * k as f64 / even as f64).collect();
        for k in 1..=powers {
            let part = width * 10f64.powf(-(k as f64) / 4.0);
            out.extend([lo + part, hi - part]);
        }
        out.sort_by(f64::total_cmp);
        out
    }

    /// The Jacobian of conditions by differences, inside the bounds: `of` gives them at values of what is chosen between `lo` and `hi`.
    fn differences(x: &[f64], lo: &[f64], hi: &[f64], of: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Vec<f64>> {
        let n = x.len();
        let mut rows = vec![vec![0.0; n]; n];
        for b in 0..n {
            let h = 1e-5 * (1.0 + x[b].abs());
            let at = |to: f64| {
                let mut y = x.to_vec();
                y[b] = to.clamp(lo[b], hi[b]);
                (y[b], of(&y))
            };
            let ((up, above), (down, below)) = (at(x[b] + h), at(x[b] - h));
            for (row, (u, d)) in rows.iter_mut().zip(above.iter().zip(&below)) {
                row[b] = (u - d) / (up - down);
            }
        }
        rows
    }

    /// What is best for the owner of action `i` against the profile `x`, one number per action; near where it stands if `within` is
    /// given. The value, if it pays more than what stands there.
    pub(in crate::solve) fn best(&self, i: usize, x: &[f64], within: Option<f64>) -> Option<f64> {
        let mut pays = |v: f64| {
            let mut y = x.to_vec();
            y[i] = v;
            let p = self.pays(i, &y, x);
            if p.is_nan() { f64::NEG_INFINITY } else { p }
        };
        let points = match within {
            None => self.scan(i, REPLY.0, REPLY.1),
            Some(part) => {
                let reach = 10.0 * part * (1.0 + x[i].abs());
                let at = |k: i32| (x[i] + reach * f64::from(k) / 3.0).clamp(self.lo[i], self.hi[i]);
                (-3..=3).map(at).collect()
            }
        };
        best_of(&mut pays, x[i], &points)
    }

    /// Everybody replies in turn until nobody moves by more than `until`, each time within a part of where it stands if that is given; `None` if
    /// it does not end.
    fn replies(&self, mut x: Vec<f64>, within: Option<f64>, until: f64) -> Option<Vec<f64>> {
        let mut led = false;
        for _ in 0..self.rounds() {
            let mut moved: f64 = 0.0;
            for i in 0..x.len() {
                if let Some(to) = self.best(i, &x, within) {
                    moved = moved.max((to - x[i]).abs() / (1.0 + x[i].abs()));
                    x[i] = to;
                }
            }
            // Replies of many come closer slowly, and the last digits of a search are not those of the place where they rest.
            if moved < CLOSE && moved >= until && within.is_none() && !self.rough && !led {
                led = true;
                if let Some(y) = self.newton(&x, false).filter(|y| near(y, &x, LED)) {
                    (x, moved) = (y, 0.0);
                }
            }
            if moved < until {
                let together = (0..self.choosers.len()).find_map(|c| self.together(c, &x));
                match together.filter(|_| within.is_none()) {
                    Some(y) => x = y,
                    None => return Some(x),
                }
            }
        }
        None
    }

    /// As [`Game::replies`], where all of a group go together towards what is best for one of them: by a part that is smaller the more they are.
    fn replies_alike(&self, mut x: Vec<f64>, until: f64) -> Option<Vec<f64>> {
        let leaders = self.leaders();
        let size = |g: usize| self.actions.iter().filter(|a| a.group == g).count() as f64;
        for _ in 0..self.rounds() {
            let mut moved: f64 = 0.0;
            for (g, i) in leaders.iter().enumerate() {
                if let Some(to) = self.best(*i, &x, None) {
                    let step = to - x[*i];
                    moved = moved.max(step.abs() / (1.0 + x[*i].abs()));
                    let to = x[*i] + step / size(g);
                    for (a, x) in self.actions.iter().zip(&mut x) {
                        if a.group == g {
                            *x = to;
                        }
                    }
                }
            }
            if moved < until {
                return Some(x);
            }
        }
        None
    }

    /// First-order conditions (with bounds) of some actions at a profile, one number per action; `None` where they are no numbers.
    pub(in crate::solve) fn conditions_of(&self, some: &[usize], x: &[f64]) -> Option<Vec<f64>> {
        let v = self.measured(x);
        let held = some.iter().map(|i| bounded(x[*i], v[*i], self.lo[*i], self.hi[*i]).0);
        let held: Vec<f64> = held.collect();
        held.iter().all(|y| y.is_finite()).then_some(held)
    }

    /// Slopes of what is paid in the own actions at a profile, one number per action, each in its own unit of money.
    pub(in crate::solve) fn measured(&self, x: &[f64]) -> Vec<f64> {
        let mut v = self.chance.of(&self.conditions, x);
        v.iter_mut().zip(&self.unit).for_each(|(v, u)| *v *= u);
        v
    }

    /// The derivatives of one of these in all actions; none where they are not taken.
    fn row(&self, i: usize, x: &[f64]) -> Option<Vec<f64>> {
        let mut row = self.chance.of(self.jacobian[i].as_ref()?, x);
        row.iter_mut().for_each(|d| *d *= self.unit[i]);
        Some(row)
    }

    /// Whether at a profile (one number per action) no own action pays more anywhere along its interval, in which it stands.
    pub(in crate::solve) fn is_best(&self, x: &[f64]) -> bool {
        let slack = |i: usize| 1e-9 * (1.0 + x[i].abs());
        if (0..x.len()).any(|i| x[i] < self.lo[i] - slack(i) || x[i] > self.hi[i] + slack(i)) {
            return false;
        }
        // Who stands where only the search ends wants to go on.
        if (0..x.len()).any(|i| self.open[i].0 && x[i] <= self.lo[i] || self.open[i].1 && x[i] >= self.hi[i]) {
            return false;
        }
        let many = self.alike && x.len() > EACH;
        let ends = |i: usize| {
            let same = |a: &&super::game::Chosen| a.group == self.actions[i].group;
            let mut others = (self.actions.iter().enumerate())
                .filter(|(_, a)| same(a))
                .map(|(k, _)| k);
            others.next() == Some(i) || others.next_back() == Some(i)
        };
        (0..x.len()).filter(|i| !many || ends(*i)).all(|i| {
            let here = self.pays(i, x, x);
            // Where nobody can say what is paid nobody rests.
            if !here.is_finite() {
                return false;
            }
            // What is no number is no gain.
            let gain = |point: f64| {
                let mut y = x.to_vec();
                y[i] = point;
                let gain = self.pays(i, &y, x) - here;
                if gain.is_nan() { f64::NEG_INFINITY } else { gain }
            };
            let none = |gain: f64| gain <= GAIN * (self.money[i] + here.abs());
            let points = self.scan(i, SCAN, REPLY.1);
            let even = points.par_iter().all(|point| none(gain(*point)));
            // Between the points of a scan, too: next to where it stands a little more may pay.
            even && best_of(&mut |v| gain(v), x[i], &points).is_none_or(|to| none(gain(to)))
        }) && (0..self.choosers.len())
            .filter(|c| !many || self.choosers[*c].actions.iter().any(|i| ends(*i)))
            .all(|c| self.together(c, x).is_none())
    }

    /// What is best for one who chooses several numbers at once, one entry per action of the game, if it pays more than what stands there: what no one of
    /// the numbers gains by itself they may gain together.
    fn together(&self, chooser: usize, x: &[f64]) -> Option<Vec<f64>> {
        let own = &self.choosers[chooser].actions;
        let (first, several) = (*own.first()?, own.len() > 1);
        fault!("market.choices_apart", do {
            return None;
        });
        if !several {
            return None;
        }
        let with = |z: &[f64]| {
            let mut y = x.to_vec();
            own.iter().zip(z).for_each(|(i, z)| y[*i] = *z);
            y
        };
        let here = self.pays(first, x, x);
        let (lo, hi): (Vec<f64>, Vec<f64>) = own.iter().map(|i| (self.lo[*i], self.hi[*i])).unzip();
        let now: Vec<f64> = own.iter().map(|i| x[*i]).collect();
        let price = if self.clears { PRICE } else { 1 };
        let options = BoxOptions {
            evaluations: (TOGETHER.1 / (self.chance.evaluations().max(1) * price)).clamp(100, TOGETHER.0),
            starts: 4 * own.len(),
            ..BoxOptions::default()
        };
        let pays = |z: &[f64]| {
            limits::poll();
            self.pays(first, &with(z), x)
        };
        let (z, best) = maximise(pays, &lo, &hi, &[now], &options);
        let money = own.iter().map(|i| self.money[*i]).fold(0.0, f64::max);
        (best - here > GAIN * (money + here.abs())).then(|| with(&z))
    }
}

/// Points of a scan this near, as a share of its width, are one.
const SAME: f64 = 1e-9;

/// The best of a scan (ascending `points`, any number) and of a search between its best point's neighbours, if it pays more than `here` does.
pub(in crate::solve) fn best_of(pays: &mut dyn FnMut(f64) -> f64, here: f64, points: &[f64]) -> Option<f64> {
    let now = pays(here);
    let mut best = (here, now);
    for p in points {
        let v = pays(*p);
        if v > best.1 {
            best = (*p, v);
        }
    }
    let last = points.len() - 1;
    // To both sides of the best point, which may stand in the scan twice, and of where it stands if no point pays more.
    let same = SAME * (points[last] - points[0]);
    let (below, above) = (
        points.partition_point(|p| *p < best.0 - same),
        points.partition_point(|p| *p <= best.0 + same),
    );
    let (lo, hi) = (points[below.saturating_sub(1).min(last)], points[above.min(last)]);
    let (u, v) = brent(&mut *pays, lo, hi, 1e-10);
    // An end of the interval may be as good as what a search inside can find.
    for (p, w) in [(u, v), (lo, pays(lo)), (hi, pays(hi))] {
        if w > best.1 {
            best = (p, w);
        }
    }
    (best.1 > now).then_some(best.0)
}

/// What is zero where a condition holds or a bound binds that it pushes against, at `x` with condition `f` between two ends.
fn bounded(x: f64, f: f64, lo: f64, hi: f64) -> (f64, bool) {
    let to = x + f;
    if to < lo {
        (lo - x, true)
    } else if to > hi {
        (hi - x, true)
    } else {
        (f, false)
    }
}

/// The first-order conditions of a game, with its bounds.
struct First<'a>(&'a Game);

impl Equations for First<'_> {
    fn residual(&mut self, x: &[f64]) -> Option<Vec<f64>> {
        let g = self.0;
        let v = g.measured(x);
        let held = v.iter().enumerate().map(|(i, f)| bounded(x[i], *f, g.lo[i], g.hi[i]).0);
        let held: Vec<f64> = held.collect();
        held.iter().all(|y| y.is_finite()).then_some(held)
    }

    fn jacobian(&mut self, x: &[f64]) -> Option<Vec<Vec<f64>>> {
        let g = self.0;
        let v = g.measured(x);
        // Kinks that move with the actions move the conditions, too, which derivatives under the integral do not see.
        let mut rows: Vec<Vec<f64>> = match g.chance.kinked.is_some() {
            true => Game::differences(x, &g.lo, &g.hi, |y| g.measured(y)),
            false => (0..x.len()).filter_map(|i| g.row(i, x)).collect(),
        };
        hold(&mut rows, x, &v, &g.lo, &g.hi);
        rows.iter().flatten().all(|y| y.is_finite()).then_some(rows)
    }
}

/// Replaces the rows of conditions whose bound binds.
fn hold(rows: &mut [Vec<f64>], x: &[f64], v: &[f64], lo: &[f64], hi: &[f64]) {
    for (i, row) in rows.iter_mut().enumerate() {
        if bounded(x[i], v[i], lo[i], hi[i]).1 {
            row.fill(0.0);
            row[i] = -1.0;
        }
    }
}

/// The first-order conditions of one member of each population, where all members act alike.
struct Alike<'a>(&'a Game);

impl Equations for Alike<'_> {
    fn residual(&mut self, y: &[f64]) -> Option<Vec<f64>> {
        let g = self.0;
        let v = g.gathered(&g.measured(&g.spread_out(y)));
        let (lo, hi) = (g.gathered(&g.lo), g.gathered(&g.hi));
        let held: Vec<f64> = (0..y.len()).map(|i| bounded(y[i], v[i], lo[i], hi[i]).0).collect();
        held.iter().all(|y| y.is_finite()).then_some(held)
    }

    fn jacobian(&mut self, y: &[f64]) -> Option<Vec<Vec<f64>>> {
        let g = self.0;
        let x = g.spread_out(y);
        let v = g.gathered(&g.measured(&x));
        let (lo, hi) = (g.gathered(&g.lo), g.gathered(&g.hi));
        let mut rows: Vec<Vec<f64>> = match g.chance.kinked.is_some() {
            true => Game::differences(y, &lo, &hi, |y| g.gathered(&g.measured(&g.spread_out(y)))),
            false => (g.leaders().into_iter())
                .map(|i| {
                    let mut row = vec![0.0; y.len()];
                    let all = g.row(i, &x).unwrap_or_default();
                    for (a, d) in g.actions.iter().zip(all) {
                        row[a.group] += d;
                    }
                    row
                })
                .collect(),
        };
        hold(&mut rows, y, &v, &lo, &hi);
        rows.iter().flatten().all(|y| y.is_finite()).then_some(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::best_of;

    /// Who stands at a point of the scan and is paid more only close by, on either side, goes there.
    #[test]
    fn both_sides_of_where_one_stands_are_searched() {
        let points: Vec<f64> = (0..=8).map(|k| 0.5 * f64::from(k)).collect();
        for peak in [1.98, 2.02] {
            let found = best_of(&mut |x| -(x - peak).abs(), 2.0, &points).unwrap_or(f64::NAN);
            assert!((found - peak).abs() < 1e-6, "{found} in place of {peak}");
        }
        assert!(best_of(&mut |x| -(x - 2.0).abs(), 2.0, &points).is_none_or(|x| (x - 2.0).abs() < 1e-6));
    }

    /// A point that stands in the scan twice, as even steps and powers of ten may give it, hides neither side.
    #[test]
    fn a_point_that_stands_there_twice_hides_no_side() {
        let points = [0.0, 0.5, 1.0, 1.5, 2.0, 2.0, 2.0000000001, 2.5, 3.0];
        for here in [0.0, 2.0, 3.0] {
            for peak in [1.8, 2.2] {
                let found = best_of(&mut |x| -(x - peak).powi(2), here, &points).unwrap_or(f64::NAN);
                assert!((found - peak).abs() < 1e-6, "{found} in place of {peak} from {here}");
            }
        }
    }
}
