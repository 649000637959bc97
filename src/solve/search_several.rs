//! Several continuous actions at once: line searches in step, then Newton's last digits.
//!
//! From the best of many points spread over the box, cycles of Brent searches run along the axes, along sums and
//! differences of pairs of axes (a difference runs along a budget constraint) and along the move of the whole cycle
//! (Powell 1964). Projected Newton steps on the first-order conditions, with a Hessian from differences of gradients, give
//! the last digits where model and interpolant are smooth and the objective is concave; lanes where they fail go back to
//! ever shorter line searches.

use super::search::{Search, along};
use crate::num::optimise::{BrentSearch, spread};
use nalgebra::{DMatrix, DVector};

/// Bounds of continuous actions on the lanes under search, `[c][k]`, and the width that one unit of direction stands for.
pub(super) struct Ranges {
    pub(super) lo: Vec<Vec<f64>>,
    pub(super) hi: Vec<Vec<f64>>,
    pub(super) width: Vec<Vec<f64>>,
}

/// Scans of which fewer than one point in so many is feasible are too coarse.
const FEW: usize = 8;

impl Search<'_> {
    /// Several continuous actions on the lanes `open`: actions `[action][lane]` and values, one per lane.
    pub(super) fn several(&mut self, open: &[usize], guess: Option<&[Vec<f64>]>) -> (Vec<Vec<f64>>, Vec<f64>) {
        let m = open.len();
        let d = self.bellman.continuous.len();
        let pick =
            |v: &[Vec<f64>]| -> Vec<Vec<f64>> { (0..d).map(|c| open.iter().map(|&i| v[c][i]).collect()).collect() };
        let (lo, hi) = (pick(&self.lo), pick(&self.hi));
        let hint: Vec<Vec<f64>> = (0..d)
            .map(|c| {
                (0..m)
                    .map(|k| {
                        let g = guess.map_or(f64::NAN, |g| g[self.bellman.continuous[c]][open[k]]);
                        if g.is_nan() {
                            along(lo[c][k], hi[c][k], 0.0, 0.5)
                        } else {
                            g.clamp(lo[c][k], hi[c][k])
                        }
                    })
                    .collect()
            })
            .collect();
        let mut x = hint.clone();
        let mut q = self.values(open, &x);
        let points = 4 * self.options.scan.max(3) * (d - 1);
        let mut u = vec![0.0; d];
        let mut feasible = vec![0; m];
        for s in 0..points {
            spread(s, d, &mut u);
            // A third of the points lie close to the lower or upper ends, where feasible sets of budgets are.
            if s % 3 == 1 {
                u.iter_mut().for_each(|u| *u = *u * *u * *u);
            }
            let trial: Vec<Vec<f64>> = (0..d)
                .map(|c| (0..m).map(|k| along(lo[c][k], hi[c][k], hint[c][k], u[c])).collect())
                .collect();
            let value = self.values(open, &trial);
            for k in 0..m {
                feasible[k] += usize::from(value[k] > f64::NEG_INFINITY);
                if value[k] > q[k] {
                    q[k] = value[k];
                    for c in 0..d {
                        x[c][k] = trial[c][k];
                    }
                }
            }
        }
        // Widths that a unit of direction stands for.
        let width: Vec<Vec<f64>> = (0..d)
            .map(|c| {
                (0..m)
                    .map(|k| {
                        let w = hi[c][k] - lo[c][k];
                        if w.is_finite() {
                            w
                        } else {
                            4.0 * (1.0 + hint[c][k].abs())
                        }
                    })
                    .collect()
            })
            .collect();
        let mut radius = vec![0.25; m];
        let bounds = Ranges { lo, hi, width };
        // Where requirements leave little of the box, that part is scanned again at its own scale.
        let few: Vec<usize> = (0..m)
            .filter(|&k| q[k] > f64::NEG_INFINITY && FEW * feasible[k] < points)
            .collect();
        self.first_feasible(open, &bounds, &mut radius, &mut x, &mut q);
        self.scan_feasible(open, &bounds, &few, &mut radius.clone(), &mut x, &mut q);
        let found = self.pieces(open, &bounds, &x);
        if found.is_empty() {
            self.finish(open, &bounds, &mut radius, &mut x, &mut q);
            return (x, q);
        }
        // Every piece is searched by itself, and the best is kept.
        let each: Vec<usize> = (0..m).chain(found.iter().map(|f| f.0)).collect();
        let lanes: Vec<usize> = each.iter().map(|&k| open[k]).collect();
        let part =
            |v: &[Vec<f64>]| -> Vec<Vec<f64>> { v.iter().map(|v| each.iter().map(|&k| v[k]).collect()).collect() };
        let bounds = Ranges {
            lo: part(&bounds.lo),
            hi: part(&bounds.hi),
            width: part(&bounds.width),
        };
        for (_, at, worth) in &found {
            x.iter_mut().zip(at).for_each(|(x, at)| x.push(*at));
            q.push(*worth);
            radius.push(0.25);
        }
        let pieces: Vec<usize> = (m..each.len()).collect();
        self.scan_feasible(&lanes, &bounds, &pieces, &mut radius, &mut x, &mut q);
        self.finish(&lanes, &bounds, &mut radius, &mut x, &mut q);
        for (p, &k) in each.iter().enumerate().skip(m) {
            if q[p] > q[k] {
                q[k] = q[p];
                x.iter_mut().for_each(|x| x[k] = x[p]);
            }
        }
        q.truncate(m);
        x.iter_mut().for_each(|x| x.truncate(m));
        (x, q)
    }

    /// Line searches and Newton's steps from points `x[action][lane]` worth `q[lane]`, with steps of `radius[lane]`, all changed in place.
    fn finish(&mut self, open: &[usize], bounds: &Ranges, radius: &mut [f64], x: &mut [Vec<f64>], q: &mut [f64]) {
        let all: Vec<usize> = (0..open.len()).collect();
        let smooth = self.bellman.smooth && self.gradient(&open[..1], &first_lane(x)).is_some();
        if smooth {
            self.cycles(open, all, bounds, radius, x, q, 1e-4, 6);
            let stuck = self.newton(open, bounds, x, q);
            radius.iter_mut().for_each(|r| *r = r.max(1e-4));
            self.cycles(
                open,
                stuck.clone(),
                bounds,
                radius,
                x,
                q,
                10.0 * self.options.action_tolerance,
                40,
            );
            self.slide(open, &stuck, bounds, x, q);
        } else {
            let tolerance = self.options.action_tolerance.max(1e-9);
            self.cycles(open, all, bounds, radius, x, q, tolerance, 60);
        }
    }

    /// Newton's steps from the guess, `[action][lane]`, with values, one per lane; also returns the lanes where they found no peak.
    pub(super) fn several_close_by(
        &mut self,
        open: &[usize],
        guess: &[Vec<f64>],
    ) -> (Vec<Vec<f64>>, Vec<f64>, Vec<usize>) {
        let d = self.bellman.continuous.len();
        let pick =
            |v: &[Vec<f64>]| -> Vec<Vec<f64>> { (0..d).map(|c| open.iter().map(|&i| v[c][i]).collect()).collect() };
        let (lo, hi) = (pick(&self.lo), pick(&self.hi));
        let mut x: Vec<Vec<f64>> = (0..d)
            .map(|c| {
                let own = &guess[self.bellman.continuous[c]];
                let each = open.iter().zip(&lo[c]).zip(&hi[c]);
                each.map(|((&i, l), h)| own[i].max(*l).min(*h)).collect()
            })
            .collect();
        let width: Vec<Vec<f64>> = (0..d)
            .map(|c| {
                let each = lo[c].iter().zip(&hi[c]).zip(&x[c]);
                each.map(|((l, h), x)| {
                    if (h - l).is_finite() {
                        h - l
                    } else {
                        4.0 * (1.0 + x.abs())
                    }
                })
                .collect()
            })
            .collect();
        let mut q = self.values(open, &x);
        let (fine, mut failed): (Vec<usize>, Vec<usize>) = (0..open.len()).partition(|&k| q[k].is_finite());
        if fine.is_empty() {
            return (x, q, failed);
        }
        // Newton's steps are for lanes with a value.
        let part =
            |v: &[Vec<f64>]| -> Vec<Vec<f64>> { v.iter().map(|v| fine.iter().map(|&k| v[k]).collect()).collect() };
        let lanes: Vec<usize> = fine.iter().map(|&k| open[k]).collect();
        let bounds = Ranges {
            lo: part(&lo),
            hi: part(&hi),
            width: part(&width),
        };
        let (mut own_x, mut own_q) = (part(&x), fine.iter().map(|&k| q[k]).collect::<Vec<f64>>());
        let stuck = self.newton(&lanes, &bounds, &mut own_x, &mut own_q);
        failed.extend(stuck.into_iter().map(|p| fine[p]));
        for (p, &k) in fine.iter().enumerate() {
            q[k] = own_q[p];
            for (to, from) in x.iter_mut().zip(&own_x) {
                to[k] = from[p];
            }
        }
        (x, q, failed)
    }

    /// Cycles of line searches over the lanes in `active`; returns those that still move. Actions are `x[action][lane]`, values `q[lane]`
    /// and step lengths `radius[lane]`, changed in place.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn cycles(
        &mut self,
        open: &[usize],
        mut active: Vec<usize>,
        bounds: &Ranges,
        radius: &mut [f64],
        x: &mut [Vec<f64>],
        q: &mut [f64],
        tolerance: f64,
        most: usize,
    ) -> Vec<usize> {
        let d = x.len();
        let width = &bounds.width;
        let mut directions: Vec<Vec<f64>> = Vec::new();
        for c in 0..d {
            let mut e = vec![0.0; d];
            e[c] = 1.0;
            directions.push(e);
            for b in 0..c {
                for sign in [-1.0, 1.0] {
                    let mut e = vec![0.0; d];
                    e[c] = 1.0;
                    e[b] = sign;
                    directions.push(e);
                }
            }
        }
        for _ in 0..most {
            if active.is_empty() {
                break;
            }
            let before = x.to_vec();
            for direction in directions.iter().map(Some).chain([None]) {
                let line = |k: usize, c: usize, x: &[Vec<f64>]| match direction {
                    Some(e) if e.iter().filter(|v| **v != 0.0).count() > 1 => {
                        // In units of the actions, so that differences run along budgets.
                        let unit = (0..d)
                            .filter(|&b| e[b] != 0.0)
                            .map(|b| width[b][k])
                            .fold(f64::INFINITY, f64::min);
                        e[c] * unit
                    }
                    Some(e) => e[c] * width[c][k],
                    None => {
                        let share = |b: usize| ((x[b][k] - before[b][k]) / width[b][k].max(f64::MIN_POSITIVE)).abs();
                        let longest = (0..d).map(share).fold(0.0, f64::max);
                        if longest > 0.0 {
                            (x[c][k] - before[c][k]) / longest
                        } else {
                            0.0
                        }
                    }
                };
                let steps: Vec<Vec<f64>> = (0..d)
                    .map(|c| active.iter().map(|&k| line(k, c, x)).collect())
                    .collect();
                self.along_lines(open, &active, bounds, &steps, radius, x, q);
            }
            active.retain(|&k| {
                let moved = (0..d)
                    .map(|c| (x[c][k] - before[c][k]).abs() / width[c][k].max(f64::MIN_POSITIVE))
                    .fold(0.0, f64::max);
                let go_on = moved > tolerance || radius[k] > 100.0 * tolerance;
                radius[k] = (4.0 * moved).clamp(0.1 * radius[k], 0.5).max(1e-8);
                go_on
            });
        }
        active
    }

    /// Searches along `x + t step`, `|t| <= radius`, inside the box, for the lanes in `active`.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn along_lines(
        &mut self,
        open: &[usize],
        active: &[usize],
        bounds: &Ranges,
        steps: &[Vec<f64>],
        radius: &[f64],
        x: &mut [Vec<f64>],
        q: &mut [f64],
    ) {
        let d = x.len();
        let Ranges { lo, hi, .. } = bounds;
        let mut lanes = Vec::new();
        let mut ends = Vec::new();
        for (p, &k) in active.iter().enumerate() {
            let (mut down, mut up) = (-radius[k], radius[k]);
            for c in 0..d {
                let s = steps[c][p];
                if s != 0.0 {
                    let (a, b) = ((lo[c][k] - x[c][k]) / s, (hi[c][k] - x[c][k]) / s);
                    down = f64::max(down, a.min(b)).min(0.0);
                    up = f64::min(up, a.max(b)).max(0.0);
                }
            }
            if up > down && (0..d).any(|c| steps[c][p] != 0.0) {
                lanes.push((p, k));
                ends.push((down, up));
            }
        }
        if lanes.is_empty() {
            return;
        }
        let origin: Vec<Vec<f64>> = x.to_vec();
        let point = |t: f64, p: usize, k: usize, c: usize| (origin[c][k] + t * steps[c][p]).max(lo[c][k]).min(hi[c][k]);
        let evaluate = |this: &mut Self, which: &[usize], t: &[f64]| -> Vec<f64> {
            let trial: Vec<Vec<f64>> = (0..d)
                .map(|c| {
                    which
                        .iter()
                        .zip(t)
                        .map(|(&w, &t)| point(t, lanes[w].0, lanes[w].1, c))
                        .collect()
                })
                .collect();
            let index: Vec<usize> = which.iter().map(|&w| open[lanes[w].1]).collect();
            this.values(&index, &trial)
        };
        let all: Vec<usize> = (0..lanes.len()).collect();
        let down: Vec<f64> = ends.iter().map(|e| e.0).collect();
        let up: Vec<f64> = ends.iter().map(|e| e.1).collect();
        let q_down = evaluate(self, &all, &down);
        let q_up = evaluate(self, &all, &up);
        let mut searches: Vec<BrentSearch> = all
            .iter()
            .map(|&w| {
                let tolerance = 1e-3 * (up[w] - down[w]);
                BrentSearch::new(down[w], q_down[w], up[w], q_up[w], 0.0, q[lanes[w].1], tolerance)
            })
            .collect();
        let mut running = all.clone();
        for _ in 0..60 {
            let mut t = Vec::new();
            running.retain(|&w| match searches[w].propose() {
                Some(u) => {
                    t.push(u);
                    true
                }
                None => false,
            });
            if running.is_empty() {
                break;
            }
            let value = evaluate(self, &running, &t);
            for (p, &w) in running.iter().enumerate() {
                searches[w].observe(t[p], value[p]);
            }
        }
        for &w in &all {
            let (p, k) = lanes[w];
            let mut best = (searches[w].x, searches[w].fx);
            for end in [(down[w], q_down[w]), (up[w], q_up[w])] {
                if end.1 > best.1 {
                    best = end;
                }
            }
            if best.1 > q[k] {
                q[k] = best.1;
                for c in 0..d {
                    x[c][k] = point(best.0, p, k, c);
                }
            }
        }
    }

    /// Smallest slacks of the hard constraints.
    fn slacks(&mut self, lanes: &[usize], x: &[Vec<f64>]) -> Vec<f64> {
        self.violation = true;
        let slack = self.values(lanes, x);
        self.violation = false;
        slack
    }

    /// Smallest slacks of the hard constraints, and their slopes `[action][lane]`.
    fn walls(
        &mut self,
        lanes: &[usize],
        x: &[Vec<f64>],
        bounds: &Ranges,
        active: &[usize],
    ) -> (Vec<f64>, Vec<Vec<f64>>) {
        let slack = self.slacks(lanes, x);
        let slopes = (0..x.len())
            .map(|c| {
                let mut shifted = x.to_vec();
                let mut h = vec![0.0; active.len()];
                for (p, &k) in active.iter().enumerate() {
                    let size = 1e-6 * bounds.width[c][k].min(1.0 + x[c][p].abs());
                    h[p] = if bounds.hi[c][k] - x[c][p] > size { size } else { -size };
                    shifted[c][p] += h[p];
                }
                let moved = self.slacks(lanes, &shifted);
                (0..active.len()).map(|p| (moved[p] - slack[p]) / h[p]).collect()
            })
            .collect();
        (slack, slopes)
    }

    /// Projected Newton steps on the first-order conditions, beside a hard constraint along it, all lanes in step; returns the lanes where they failed.
    fn newton(&mut self, open: &[usize], bounds: &Ranges, x: &mut [Vec<f64>], q: &mut [f64]) -> Vec<usize> {
        let d = x.len();
        let Ranges { lo, hi, width } = bounds;
        let mut stuck = Vec::new();
        let mut active: Vec<usize> = (0..open.len()).collect();
        let walled = self.slacks(open, x).iter().any(|s| s.is_finite());
        for _ in 0..12 {
            if active.is_empty() {
                return stuck;
            }
            let lanes: Vec<usize> = active.iter().map(|&k| open[k]).collect();
            let here: Vec<Vec<f64>> = (0..d).map(|c| active.iter().map(|&k| x[c][k]).collect()).collect();
            let Some(g) = self.gradient(&lanes, &here) else {
                return active;
            };
            let mut hessian = vec![vec![vec![0.0; active.len()]; d]; d];
            for b in 0..d {
                let mut shifted = here.clone();
                let mut h = vec![0.0; active.len()];
                for (p, &k) in active.iter().enumerate() {
                    let size = 1e-6 * width[b][k].min(1.0 + here[b][p].abs());
                    let room = hi[b][k] - here[b][p];
                    h[p] = if room > size { size } else { -size };
                    shifted[b][p] += h[p];
                }
                let Some(moved) = self.gradient(&lanes, &shifted) else {
                    return active;
                };
                for a in 0..d {
                    for p in 0..active.len() {
                        hessian[a][b][p] = (moved[a][p] - g[a][p]) / h[p];
                    }
                }
            }
            let walls = if walled {
                Some(self.walls(&lanes, &here, bounds, &active))
            } else {
                None
            };
            // Actions that move along a constraint.
            let mut beside: Vec<Vec<usize>> = vec![Vec::new(); active.len()];
            let mut trial = here.clone();
            let mut size = vec![0.0; active.len()];
            let mut settled = vec![false; active.len()];
            for (p, &k) in active.iter().enumerate() {
                let wall = walls.as_ref().map(|(slack, slopes)| Wall {
                    slack: slack[p] - rounding(&here, slopes, p),
                    slopes: slopes.iter().map(|s| s[p]).collect(),
                });
                let open = |pull: f64, c: usize| {
                    let slope = g[c][p] + pull * wall.as_ref().map_or(0.0, |w| w.slopes[c]);
                    !(here[c][p] <= lo[c][k] && slope <= 0.0) && !(here[c][p] >= hi[c][k] && slope >= 0.0)
                };
                let mut free: Vec<usize> = (0..d).filter(|&c| open(0.0, c)).collect();
                let (mut step, mut pulled) = (None, false);
                // The multiplier of a constraint may hold an action at its bound, or free it.
                for _ in 0..2 {
                    if free.is_empty() || free.iter().any(|&c| !g[c][p].is_finite()) {
                        break;
                    }
                    let f = free.len();
                    let h = DMatrix::from_fn(f, f, |a, b| {
                        -0.5 * (hessian[free[a]][free[b]][p] + hessian[free[b]][free[a]][p])
                    });
                    let rhs = DVector::from_iterator(f, free.iter().map(|&c| g[c][p]));
                    // Not concave here: leave the lane to the line searches.
                    let Some(h) = h.cholesky() else { break };
                    let (found, pull) = beside_wall(&h, &rhs, wall.as_ref(), &free);
                    let now: Vec<usize> = (0..d).filter(|&c| open(pull, c)).collect();
                    step = Some((free.clone(), found));
                    pulled = pull != 0.0;
                    if now == free {
                        break;
                    }
                    free = now;
                }
                if free.is_empty() {
                    settled[p] = true;
                    continue;
                }
                let Some((free, step)) = step else { continue };
                settled[p] = step.iter().all(|s| *s == 0.0);
                for (s, &c) in free.iter().enumerate() {
                    let to = (here[c][p] + step[s]).max(lo[c][k]).min(hi[c][k]);
                    trial[c][p] = to;
                    size[p] = f64::max(size[p], (to - here[c][p]).abs() / width[c][k].max(f64::MIN_POSITIVE));
                }
                settled[p] |= pulled && size[p] <= 1e-15;
                if pulled {
                    beside[p] = free;
                }
            }
            if let Some((_, slopes)) = &walls {
                // Back onto constraints that are no lines, and over what differences miss of their slopes.
                let slack = self.slacks(&lanes, &trial);
                for (p, &k) in active.iter().enumerate() {
                    let normal = |c: usize| slopes[c][p];
                    let size: f64 = beside[p].iter().map(|&c| normal(c) * normal(c)).sum();
                    let short = rounding(&trial, slopes, p) - slack[p];
                    if size > 0.0 && short > 0.0 && short.is_finite() {
                        for &c in &beside[p] {
                            let to = trial[c][p] + short * normal(c) / size;
                            trial[c][p] = to.max(lo[c][k]).min(hi[c][k]);
                        }
                    }
                }
            }
            let values = self.values(&lanes, &trial);
            let mut keep = Vec::new();
            for (p, &k) in active.iter().enumerate() {
                let rounding = 1e-13 * q[k].abs();
                if size[p] > 0.0 && values[p] >= q[k] - rounding {
                    q[k] = values[p].max(q[k] - rounding);
                    for c in 0..d {
                        x[c][k] = trial[c][p];
                    }
                    if size[p] > self.options.action_tolerance {
                        keep.push(k);
                    }
                } else if !settled[p] {
                    stuck.push(k);
                }
            }
            active = keep;
        }
        stuck.extend(active);
        stuck
    }
}

/// What rounding may take from a slack.
fn rounding(x: &[Vec<f64>], slopes: &[Vec<f64>], lane: usize) -> f64 {
    let each = x.iter().zip(slopes).map(|(x, s)| (x[lane] * s[lane]).abs());
    4.0 * f64::EPSILON * each.sum::<f64>()
}

/// The hard constraints at a point: their smallest slack, and its slopes.
struct Wall {
    slack: f64,
    slopes: Vec<f64>,
}

/// The step to the peak of the quadratic model, with the constraint as a line that is not crossed, and the constraint's multiplier.
fn beside_wall(
    h: &nalgebra::Cholesky<f64, nalgebra::Dyn>,
    slope: &DVector<f64>,
    wall: Option<&Wall>,
    free: &[usize],
) -> (DVector<f64>, f64) {
    let step = h.solve(slope);
    let Some(wall) = wall else { return (step, 0.0) };
    let normal = DVector::from_iterator(free.len(), free.iter().map(|&c| wall.slopes[c]));
    if !(wall.slack.is_finite() && normal.dot(&step) < -wall.slack) {
        return (step, 0.0);
    }
    let away = h.solve(&normal);
    let pull = (-wall.slack - normal.dot(&step)) / normal.dot(&away);
    if pull.is_finite() {
        (step + away * pull, pull)
    } else {
        (step, 0.0)
    }
}

fn first_lane(x: &[Vec<f64>]) -> Vec<Vec<f64>> {
    x.iter().map(|v| vec![v[0]]).collect()
}
