//! The best constant policy: a solution that does not beat it is worthless whatever its residuals. The constant is looked for under one
//! set of draws and compared with the solution under another, path by path.

use super::{Certificate, GridEvidence, Proof};
use crate::diag::{Diagnostic, plain};
use crate::num::interpolate::{AxisPoint, Surface};
use crate::num::{optimise, statistics};
use crate::solve::bellman::{At, Bellman};
use crate::solve::problem::{ActionKind, Lanes};
use crate::verify::binding::bounds;
use crate::verify::lifetimes::{Rest, lifetimes, lifetimes_expected, lifetimes_of};
use crate::verify::simulate::{ChainPaths, ConstantPolicy, Constants, PathPolicy};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The comparison with the best constant policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConstantComparison {
    /// `share` of the range that the bounds leave, `level`, or `choice`.
    pub kind: String,
    /// The constant, one number per action.
    pub actions: Vec<f64>,
    /// Its mean discounted reward, on draws it was not chosen by.
    pub constant: f64,
    /// The solution's, under the same draws.
    pub solution: f64,
    /// Standard error of the mean difference between the two; zero where nothing is random.
    pub standard_error: f64,
    /// Paths of the comparison.
    pub paths: usize,
    /// Largest that the threshold is relative to, by what values differ by.
    #[serde(default = "unlimited")]
    pub differ: f64,
    /// Periods over which both were summed; what is left after them is worth what the solution says for itself, and for the constant what its own last
    /// periods earn.
    pub periods: usize,
}

/// Stands for minus infinity in means, which files cannot hold.
const NEVER: f64 = -1e300;

fn unlimited() -> f64 {
    NEVER.abs()
}

impl ConstantComparison {
    /// The most that the constant may earn: what the solution does, with `threshold` of the size of the value and the luck of the draws.
    pub fn limit(&self, threshold: f64) -> f64 {
        self.solution + threshold * (1.0 + self.constant.abs()).min(self.differ) + 3.0 * self.standard_error
    }

    /// Whether the best of them can be chosen wherever lives go.
    pub fn is_feasible(&self) -> bool {
        self.constant > NEVER
    }

    /// Whether the solution is as good as the constant.
    pub fn holds(&self, threshold: f64) -> bool {
        self.constant <= NEVER || self.constant <= self.limit(threshold)
    }
}

/// The comparison with the best constant policy.
pub struct BestConstant;

impl Proof for BestConstant {
    fn measure(&self, bench: &GridEvidence, out: &mut Certificate) {
        if bench.options.constant {
            out.constant = best_constant(bench);
        }
    }

    fn beside(&self) -> bool {
        true
    }

    fn verdict(&self, c: &Certificate) -> Option<Diagnostic> {
        let k = c.constant.as_ref().filter(|k| !k.holds(c.thresholds.constant))?;
        let headline = format!(
            "a constant policy does better: {:.6} against {:.6}",
            plain(k.constant),
            plain(k.solution)
        );
        let note = format!(
            "constant {} {:?}; the same {} paths for both, standard error of the difference {:.1e}",
            k.kind, k.actions, k.paths, k.standard_error
        );
        Some(
            Diagnostic::error("E0915", headline)
                .note(note)
                .hint("the solution is wrong or its grid far too coarse: refine it, and check the model's signs"),
        )
    }
}

/// Paths on which the best constant is looked for, and on which it is compared with the solution.
const CONSTANT_PATHS: (usize, usize) = (16, 64);

/// The best constant policy and the solution under draws that the constant was not chosen by; `None` where there is no
/// natural constant policy (taste shocks, unbounded actions, finite and continuous actions together, more than three
/// actions).
fn best_constant(bench: &GridEvidence) -> Option<ConstantComparison> {
    let GridEvidence {
        bellman,
        policy,
        solution,
        options,
        ..
    } = *bench;
    let spec = bellman.problem.spec();
    let nc = bellman.continuous.len();
    if bellman.taste.is_some() || spec.actions.is_empty() || nc > 3 || (nc > 0 && !bellman.finite.is_empty()) {
        return None;
    }
    let discount = spec.discount.unwrap_or(0.99).min(1.0 - 1e-9);
    let long = (1e-4f64.ln() / discount.ln()).ceil().clamp(1.0, 1000.0) as usize;
    let periods = spec.horizon.unwrap_or(long).min(1000);
    // Whoever is alive after these periods goes on: the solution is worth what it says, a constant what it earned lately.
    let nz = bellman.shocks();
    let later: Vec<Surface> = (0..nz)
        .map(|j| {
            let mut surface = Surface::default();
            if solution.infinite || periods < solution.periods {
                let own = solution.column(&solution.value, periods, j);
                bellman.tensor.fit(&own, &mut surface);
            }
            surface
        })
        .collect();
    let after = |shock: usize, state: &[f64]| -> f64 {
        if !solution.infinite && periods >= solution.periods {
            return 0.0;
        }
        let places: Vec<AxisPoint> = bellman
            .tensor
            .axes()
            .iter()
            .zip(state)
            .map(|(axis, x)| axis.locate(*x))
            .collect();
        bellman.tensor.value_at(&later[shock], &places)
    };
    let own = Rest::AtMost(&after);
    let play = |p: &dyn PathPolicy, paths: usize, seed: u64, rest: Rest| -> Vec<f64> {
        lifetimes(bellman, p, (paths, periods), seed, &options.starts, rest)
    };
    let (few, many) = (options.paths.clamp(1, CONSTANT_PATHS.0), CONSTANT_PATHS.1);
    let value = |p: &dyn PathPolicy| statistics::mean(&play(p, few, options.seed, own));
    let tried = match nc {
        0 => constant_choices(bench, &value),
        _ => {
            let each = |levels: bool, tried: &[Vec<f64>]| -> Vec<f64> {
                let constants = Constants {
                    like: ConstantPolicy {
                        bellman,
                        continuous: tried[0].clone(),
                        levels,
                        finite: vec![],
                    },
                    each: tried,
                    paths: few,
                };
                let lives = lifetimes_of(bellman, &constants, periods, options.seed, &options.starts, own);
                lives.iter().map(|v| statistics::mean(v)).collect()
            };
            constant_numbers(bench, &each)?
        }
    };
    let mut best: Option<Tried> = None;
    for one in tried.into_iter().filter(|t| t.value.is_finite()) {
        if best.as_ref().is_none_or(|b| one.value > b.value) {
            best = Some(one);
        }
    }
    let Tried { kind, actions, .. } = best?;
    let constant = ConstantPolicy {
        bellman,
        continuous: if nc > 0 { actions.clone() } else { vec![] },
        levels: kind == "level",
        finite: if nc > 0 { vec![] } else { actions.clone() },
    };
    // Draws that the constant has not seen: on its own it would look better than it is.
    let compare = |paths: usize, salt: u64, expected: bool| -> ConstantComparison {
        let fresh = options.seed.wrapping_add(salt);
        let one = |p: &dyn PathPolicy, rest: Rest| match expected {
            true => lifetimes_expected(policy, p, (paths, periods), fresh, &options.starts),
            false => play(p, paths, fresh, rest),
        };
        let (theirs, ours) = (one(&constant, own), one(bench.player, Rest::Told(&after)));
        let gaps: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a - b).collect();
        let spread = statistics::sd(&gaps);
        ConstantComparison {
            kind: kind.into(),
            actions: actions.clone(),
            constant: statistics::mean(&theirs).max(NEVER),
            solution: statistics::mean(&ours).max(NEVER),
            standard_error: if spread.is_finite() {
                spread / (paths as f64).sqrt()
            } else {
                0.0
            },
            differ: policy.size_of(NEVER).min(unlimited()),
            paths,
            periods,
        }
    };
    let first = compare(many, 0x9e37_79b9_7f4a_7c15, false);
    // What is rare (a fire, a jackpot) may be missing in few lives, and then has no spread either: a constant that seems better must
    // be so on many more.
    let most = MOST_PERIODS.min(EVALUATIONS / bench.each_choice());
    let more = (most / periods.max(1)).clamp(many, 64 * many);
    let second = if first.holds(options.thresholds.constant) || more == many {
        first
    } else {
        compare(more, 0x51ed_270b_9d0f_3c11, false)
    };
    // And what many lives do not meet either is known by its chance alone.
    Some(
        if second.holds(options.thresholds.constant) || !rare(bellman, second.paths * periods) {
            second
        } else {
            compare(many, 0x2545_f491_4f6c_dd1d, true)
        },
    )
}

/// A constant policy that was tried: what it holds constant, its actions, and its mean discounted reward.
struct Tried {
    kind: &'static str,
    actions: Vec<f64>,
    value: f64,
}

/// Constant choices among finite ones, with their worth by `value`.
fn constant_choices(bench: &GridEvidence, value: &dyn Fn(&dyn PathPolicy) -> f64) -> Vec<Tried> {
    let bellman = bench.bellman;
    let mut tried = Vec::new();
    for combo in bellman.combos.iter().take(400) {
        let constant = ConstantPolicy {
            bellman,
            continuous: vec![],
            levels: false,
            finite: combo.clone(),
        };
        // A choice that is masked somewhere on the way is no constant policy.
        let allowed = std::sync::atomic::AtomicBool::new(true);
        let checked = Masked {
            constant: &constant,
            allowed: &allowed,
        };
        let v = value(&checked);
        if allowed.load(std::sync::atomic::Ordering::Relaxed) {
            tried.push(Tried {
                kind: "choice",
                actions: combo.clone(),
                value: v,
            });
        }
    }
    tried
}

/// The best constant share of the interval of each action, and the best constant level, each at most three numbers, by `value` of
/// several of a kind at once (whether they are levels, and the constants); `None` where a bound is not finite.
fn constant_numbers(bench: &GridEvidence, value: &dyn Fn(bool, &[Vec<f64>]) -> Vec<f64>) -> Option<Vec<Tried>> {
    let GridEvidence {
        bellman,
        policy,
        options,
        ..
    } = *bench;
    let (spec, nc) = (bellman.problem.spec(), bellman.continuous.len());
    let world = ChainPaths::new(bellman, 1, options.seed, &options.starts);
    let refs: Vec<&[f64]> = world.states.iter().map(Vec::as_slice).collect();
    let (lo, hi) = bounds(
        bellman,
        At {
            shock: world.shock[0],
            time: 0,
        },
        &refs,
        1,
    );
    if !lo.iter().chain(&hi).all(|b| b[0].is_finite()) {
        return None;
    }
    // What the solution does at a start is tried as well: a peak may be narrower than any scan.
    let mut own = vec![vec![0.0]; spec.actions.len()];
    policy.act(
        At {
            shock: world.shock[0],
            time: 0,
        },
        &refs,
        &[0.5],
        &mut own,
    );
    let own: Vec<f64> = bellman
        .continuous
        .iter()
        .enumerate()
        .map(|(c, &a)| (own[a][0] - lo[c][0]) / (hi[c][0] - lo[c][0]))
        .map(|u| if u.is_finite() { u.clamp(0.0, 1.0) } else { 0.5 })
        .collect();
    let mut tried = Vec::new();
    for (kind, levels) in [("share", false), ("level", true)] {
        let at = |x: &Vec<f64>| -> Vec<f64> {
            let one = |c: usize| match levels {
                true => lo[c][0] + x[c] * (hi[c][0] - lo[c][0]),
                false => x[c],
            };
            (0..nc).map(one).collect()
        };
        let worth = |points: &[Vec<f64>]| {
            let constants: Vec<Vec<f64>> = points.iter().map(at).collect();
            value(levels, &constants)
        };
        let (x, v) = match nc {
            1 => along(own[0], &worth),
            _ => around(&own, &worth),
        };
        tried.push(Tried {
            kind,
            actions: at(&x),
            value: v,
        });
    }
    Some(tried)
}

/// Points between two others at which a range is looked at again, and the width at which it is narrow enough.
const BETWEEN: usize = 7;
const NARROW: f64 = 1e-5;
/// How far the top of a parabola may be from what is there, as a share of how much it stands above its neighbours, for the search to end at it.
const SMOOTH: f64 = 1e-3;
/// Points all over the box where several numbers are looked for, the first and the last step from the best of them, and most rounds.
const SPREAD: usize = 48;
const FIRST: f64 = 0.125;
const LAST: f64 = 1e-4;
const ROUNDS: usize = 60;

/// The best of some points and its value, `None` where no value is a number.
fn best_of(points: Vec<Vec<f64>>, values: &[f64]) -> Option<(Vec<f64>, f64)> {
    let pairs = points.into_iter().zip(values.iter().copied());
    pairs.filter(|p| !p.1.is_nan()).fold(None, |best, p| match best {
        Some(b) if !(p.1 > b.1) => Some(b),
        _ => Some(p),
    })
}

/// The top of the parabola through three points and their values, and its value; `None` where it has none between the outer two.
fn top_of(x: [f64; 3], f: [f64; 3]) -> Option<(f64, f64)> {
    let (a, c) = (x[0] - x[1], x[2] - x[1]);
    let (fa, fc) = (f[0] - f[1], f[2] - f[1]);
    let bend = (fa / a - fc / c) / (a - c);
    let slope = fa / a - bend * a;
    let at = -0.5 * slope / bend;
    let inside = bend < 0.0 && at > a && at < c;
    inside.then(|| (x[1] + at, f[1] + 0.5 * slope * at))
}

/// The largest value over [0, 1] by a scan, at `own` too, and closer scans around the best point of it until a parabola says where the top is: the place
/// and the value.
fn along(own: f64, value: &dyn Fn(&[Vec<f64>]) -> Vec<f64>) -> (Vec<f64>, f64) {
    let mut points: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.0).chain([own]).collect();
    points.sort_by(f64::total_cmp);
    points.dedup();
    let mut best = (vec![own], f64::NEG_INFINITY);
    loop {
        let all: Vec<Vec<f64>> = points.iter().map(|u| vec![*u]).collect();
        let values = value(&all);
        if let Some(b) = best_of(all, &values).filter(|b| b.1 > best.1) {
            best = b;
        }
        let top = points.partition_point(|u| *u < best.0[0]);
        let beside = (top.saturating_sub(1), (top + 1).min(points.len() - 1));
        let ends = (points[beside.0], points[beside.1]);
        if beside.0 < top && top < beside.1 {
            let around = [beside.0, top, beside.1];
            if let Some((x, said)) = top_of(around.map(|i| points[i]), around.map(|i| values[i])) {
                let found = value(&[vec![x]])[0];
                let above = found - values[beside.0].min(values[beside.1]);
                if found > best.1 {
                    best = (vec![x], found);
                }
                if (found - said).abs() <= SMOOTH * above {
                    return best;
                }
            }
        }
        let step = (ends.1 - ends.0) / (BETWEEN + 1) as f64;
        if !(step > NARROW) {
            return best;
        }
        // The best one stays among them, so that its neighbours are the ends of the next scan.
        points = (0..=BETWEEN + 1)
            .map(|i| ends.0 + i as f64 * step)
            .chain([best.0[0]])
            .collect();
        points.sort_by(f64::total_cmp);
        points.dedup();
    }
}

/// The largest value over the unit box of several numbers: from the best of points all over it and from `own`, by looking at all neighbours a step away,
/// which is halved where none is better.
fn around(own: &[f64], value: &dyn Fn(&[Vec<f64>]) -> Vec<f64>) -> (Vec<f64>, f64) {
    let n = own.len();
    // Neighbours of neighbours are often neighbours: nothing is played twice.
    let known: RefCell<BTreeMap<Vec<u64>, f64>> = RefCell::default();
    let key = |x: &Vec<f64>| -> Vec<u64> { x.iter().map(|x| x.to_bits()).collect() };
    let value = |points: &[Vec<f64>]| -> Vec<f64> {
        let mut known = known.borrow_mut();
        let mut new: Vec<Vec<f64>> = Vec::new();
        for x in points {
            if let std::collections::btree_map::Entry::Vacant(e) = known.entry(key(x)) {
                e.insert(f64::NAN);
                new.push(x.clone());
            }
        }
        if !new.is_empty() {
            let values = value(&new);
            known.extend(new.iter().map(key).zip(values));
        }
        points.iter().map(|x| known[&key(x)]).collect()
    };
    let mut points = vec![own.to_vec()];
    points.extend((0..SPREAD).map(|i| {
        let mut unit = vec![0.0; n];
        optimise::spread(i, n, &mut unit);
        unit
    }));
    let values = value(&points);
    let spread = best_of(points[1..].to_vec(), &values[1..]);
    let mut centres: Vec<(Vec<f64>, f64, f64)> = [Some((own.to_vec(), values[0])), spread]
        .into_iter()
        .flatten()
        .map(|(x, v)| (x, if v.is_nan() { f64::NEG_INFINITY } else { v }, FIRST))
        .collect();
    let neighbours = 3usize.pow(n as u32);
    for _ in 0..ROUNDS {
        let open: Vec<usize> = (0..centres.len()).filter(|c| centres[*c].2 >= LAST).collect();
        if open.is_empty() {
            break;
        }
        let points: Vec<Vec<f64>> = (open.iter())
            .flat_map(|c| {
                let (x, _, step) = &centres[*c];
                (0..neighbours).map(move |k| {
                    let side = |d: usize| (k / 3usize.pow(d as u32) % 3) as f64 - 1.0;
                    (0..n).map(|d| (x[d] + side(d) * step).clamp(0.0, 1.0)).collect()
                })
            })
            .collect();
        let values = value(&points);
        for (k, c) in open.iter().enumerate() {
            let part = k * neighbours..(k + 1) * neighbours;
            let best = best_of(points[part.clone()].to_vec(), &values[part]);
            match best.filter(|b| b.1 > centres[*c].1) {
                Some((x, v)) => (centres[*c].0, centres[*c].1) = (x, v),
                None => centres[*c].2 *= 0.5,
            }
        }
    }
    let best = centres.into_iter().reduce(|a, b| if b.1 > a.1 { b } else { a });
    best.map_or_else(|| (own.to_vec(), f64::NEG_INFINITY), |b| (b.0, b.1))
}

/// How often an outcome must be met at least for simulation to know it.
const OFTEN: f64 = 30.0;

/// Whether something may happen that so many simulated periods hardly meet.
fn rare(bellman: &Bellman, periods: usize) -> bool {
    let spec = bellman.problem.spec();
    let chances = bellman.noises.iter().map(|n| n.1);
    let links = spec.chain.transition.iter().flatten().copied();
    spec.chances_move || chances.chain(links).any(|p| p > 0.0 && p * (periods as f64) < OFTEN)
}

/// Most simulated periods of the second comparison with a constant.
const MOST_PERIODS: usize = 2_000_000;
/// Most evaluations of the period that these take.
const EVALUATIONS: usize = 40_000_000;

/// A constant policy that remembers whether it was ever forbidden.
struct Masked<'a> {
    constant: &'a ConstantPolicy<'a>,
    allowed: &'a std::sync::atomic::AtomicBool,
}

impl PathPolicy for Masked<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        self.constant.act(at, states, draw, actions);
        let bellman = self.constant.bellman;
        let lanes = Lanes {
            states,
            actions: &[],
            shock: at.shock,
            noise: 0,
            shock_next: at.shock,
            time: at.time,
        };
        let mut out = vec![1.0; draw.len()];
        for (f, &a) in bellman.finite.iter().enumerate() {
            let ActionKind::Finite { values, .. } = &bellman.problem.spec().actions[a].kind else {
                continue;
            };
            let Some(choice) = values.iter().position(|v| *v == self.constant.finite[f]) else {
                continue;
            };
            bellman.problem.allowed(&lanes, a, choice, &mut out);
            if out.contains(&0.0) {
                self.allowed.store(false, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }
}
