//! Numbers at which conditions hold: one by a bracket that never leaves where the condition can be evaluated, several by Newton's method
//! in a box.

use crate::diag::Diagnostic;
use crate::graph::Interval;
use crate::num::fixed_point::{NewtonOptions, newton};
use crate::num::roots::brent;

/// Steps outwards, and halvings towards a place where nothing can be evaluated.
const STEPS: usize = 24;
const HALVINGS: usize = 6;
/// Left over at what was found, as a share of how much changes across its bracket: perhaps a jump. It is one where the sign is another on either side,
/// this many times as far away as the root is exact.
const JUMP: f64 = 1e-4;
const BESIDE: f64 = 4.0;
/// Where a search is begun anew, in units of the search.
const STARTS: [f64; 7] = [0.5, 0.25, 0.75, 0.125, 0.875, 0.375, 0.625];

/// A range as a search runs through it.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    lo: f64,
    hi: f64,
    unit: f64,
}

impl Scale {
    /// For a number in `range`, of about the size of `start`.
    pub fn new(range: Interval, start: f64) -> Scale {
        let (lo, hi) = (range.lo, range.hi);
        let unit = match (lo.is_finite(), hi.is_finite()) {
            (true, true) => hi - lo,
            (true, false) => (start - lo).max(1e-3),
            (false, true) => (hi - start).max(1e-3),
            (false, false) => start.abs().max(1.0),
        };
        Scale { lo, hi, unit }
    }

    /// The number at a place of the search.
    pub fn number(&self, t: f64) -> f64 {
        match (self.lo.is_finite(), self.hi.is_finite()) {
            (true, true) => self.lo + self.unit * t,
            (true, false) => self.lo + self.unit * t.exp(),
            (false, true) => self.hi - self.unit * (-t).exp(),
            (false, false) => self.unit * t.sinh(),
        }
    }

    /// The place of a number.
    pub fn place(&self, x: f64) -> f64 {
        match (self.lo.is_finite(), self.hi.is_finite()) {
            (true, true) => (x - self.lo) / self.unit,
            (true, false) => ((x - self.lo) / self.unit).max(1e-12).ln(),
            (false, true) => -((self.hi - x) / self.unit).max(1e-12).ln(),
            (false, false) => (x / self.unit).asinh(),
        }
    }

    fn bounded(&self) -> bool {
        self.lo.is_finite() && self.hi.is_finite()
    }

    /// Ends of the search.
    pub fn ends(&self) -> (f64, f64) {
        if self.bounded() { (0.0, 1.0) } else { (-12.0, 12.0) }
    }

    /// A first step.
    fn step(&self) -> f64 {
        if self.bounded() { 0.04 } else { 0.1 }
    }
}

/// Places that were tried: `(number, what is left over)`, not a number where nothing could be evaluated; and the first reason for that.
#[derive(Default)]
pub struct Tried {
    /// In the order in which they were tried.
    pub at: Vec<(f64, f64)>,
    /// Why nothing could be evaluated somewhere.
    pub refused: Option<Diagnostic>,
    /// What is left over just below and just above a number at which it jumps over 0: there is no number at which it is 0.
    pub jump: Option<[(f64, f64); 2]>,
}

/// A number in the range where what is left over (`f`, an error where it cannot be evaluated) is 0, from `start`, to within `exact` in
/// units of the search, which begins with steps of `first_step`. `None` if none was found.
///
/// # Errors
/// E0906 when stopped.
pub fn one(
    scale: &Scale,
    (start, first_step, exact): (f64, Option<f64>, f64),
    tried: &mut Tried,
    mut f: impl FnMut(f64) -> Result<f64, Diagnostic>,
) -> Result<Option<f64>, Diagnostic> {
    let mut at = |t: f64, tried: &mut Tried| -> Result<f64, Diagnostic> {
        let x = scale.number(t);
        let known = tried.at.iter().find(|(y, _)| *y == x).map(|k| k.1);
        let found = match known {
            Some(found) => found,
            None => match f(x) {
                Ok(found) => found,
                Err(d) if d.code == "E0906" => return Err(d),
                Err(d) => {
                    tried.refused.get_or_insert(d);
                    f64::NAN
                }
            },
        };
        if known.is_none() {
            tried.at.push((x, found));
        }
        Ok(found)
    };
    let (first, last) = scale.ends();
    let mut t = scale.place(start);
    let mut here = at(t, tried)?;
    for share in STARTS {
        if !here.is_nan() {
            break;
        }
        t = if scale.bounded() { share } else { 8.0 * (share - 0.5) };
        here = at(t, tried)?;
    }
    if here.is_nan() {
        return Ok(None);
    }
    if here == 0.0 {
        return Ok(Some(scale.number(t)));
    }
    // Towards the side on which less is left over, then to the other.
    let first_step = first_step.unwrap_or_else(|| scale.step());
    let mut step = first_step;
    let near = t + step * 0.25;
    let there = if near < last { at(near, tried)? } else { f64::NAN };
    let up = there.is_nan() || (there - here) * here <= 0.0;
    let mut bracket = (there * here < 0.0).then_some((t, near));
    for side in if up { [1.0, -1.0] } else { [-1.0, 1.0] } {
        let (mut from, mut value) = (t, here);
        step = first_step;
        for _ in 0..STEPS {
            if bracket.is_some() {
                break;
            }
            let to = (from + side * step).clamp(first, last);
            if to == from {
                break;
            }
            let mut reached = (to, at(to, tried)?);
            for _ in 0..HALVINGS {
                if !reached.1.is_nan() {
                    break;
                }
                let to = 0.5 * (from + reached.0);
                reached = (to, at(to, tried)?);
            }
            if reached.1.is_nan() {
                break;
            }
            if reached.1 * value <= 0.0 {
                bracket = Some((from, reached.0));
            }
            // What could be evaluated only close by is gone on from in small steps.
            step = if reached.0 == to {
                2.0 * step
            } else {
                (reached.0 - from).abs()
            };
            (from, value) = reached;
        }
    }
    let Some((a, b)) = bracket else { return Ok(None) };
    let mut stopped = None;
    let root = brent(
        |t| match at(t, tried) {
            Ok(x) => x,
            Err(d) => {
                stopped = Some(d);
                f64::NAN
            }
        },
        a.min(b),
        a.max(b),
        exact,
    );
    match (stopped, root) {
        (Some(d), _) => Err(d),
        (None, Ok(t)) => {
            let across = (at(a, tried)? - at(b, tried)?).abs();
            if at(t, tried)?.abs() > JUMP * across {
                let sides = [t - BESIDE * exact, t + BESIDE * exact];
                let [below, above] = [at(sides[0], tried)?, at(sides[1], tried)?];
                if below * above < 0.0 && below.abs().min(above.abs()) > JUMP * across {
                    tried.jump = Some([(scale.number(sides[0]), below), (scale.number(sides[1]), above)]);
                }
            }
            Ok(Some(scale.number(t)))
        }
        (None, Err(_)) => Ok(None),
    }
}

/// Numbers, each in its range, where everything that is left over is 0, from `start`. `None` if none were found.
///
/// # Errors
/// E0906 when stopped.
pub fn several(
    scales: &[Scale],
    (start, exact): (&[f64], f64),
    tried: &mut Tried,
    mut f: impl FnMut(&[f64]) -> Result<Vec<f64>, Diagnostic>,
) -> Result<Option<Vec<f64>>, Diagnostic> {
    let mut stopped = None;
    let numbers = |t: &[f64]| -> Vec<f64> { scales.iter().zip(t).map(|(s, t)| s.number(*t)).collect() };
    let mut residual = |t: &[f64]| {
        if stopped.is_some() {
            return None;
        }
        match f(&numbers(t)) {
            Ok(left) => Some(left),
            Err(d) if d.code == "E0906" => {
                stopped = Some(d);
                None
            }
            Err(d) => {
                tried.refused.get_or_insert(d);
                None
            }
        }
    };
    let t: Vec<f64> = scales.iter().zip(start).map(|(s, x)| s.place(*x)).collect();
    let (lo, hi): (Vec<f64>, Vec<f64>) = scales.iter().map(Scale::ends).unzip();
    let options = NewtonOptions {
        tolerance: exact,
        iterations: 60,
        difference: 1e-4,
    };
    let found = newton(&mut residual, &t, &lo, &hi, &options);
    match stopped {
        Some(d) => Err(d),
        None => Ok((found.converged || found.residual < 1e2 * exact).then(|| numbers(&found.x))),
    }
}
