//! Pieces of a range, however thin, that conditions on the actions cut out of what is paid or of what follows (`if y >= 81.3 and y <= 81.302 then 2 else 0`).
//!
//! Along one action every comparison changes where a difference is zero. These edges are bracketed and closed in on to the last bits, by secants and halvings, and what lies on them,
//! close to them and between them is tried; the best of a piece is then sought in it. Of several actions each is tried so by itself, the others held; and every way in which all
//! comparisons and requirements may turn out is reached as alternatives of requirements are (`search_pieces.rs`): where what it leaves is thin, lines along it are searched.
//! What is found counts where it is worth more than rounding above what the other searches found.

use super::problem::StateKind;
use super::search::{Search, along};
use super::search_pieces::Way;
use super::search_several::Ranges;
use crate::num::optimise::{BrentSearch, spread};

/// Even steps along a range between whose ends an edge is looked for, and most steps of closing in on one.
const STEPS: usize = 16;
const CLOSER: usize = 120;
/// Least gain, as a share of the value, and of what may be gained by standing on an edge and not beside it, as a share of all that is at stake.
const GAIN: f64 = 1e-9;
const ON_EDGE: f64 = 1e-6;
/// How far inside a piece an interpolated policy stands: as a share of the range, and most of the piece.
const INSIDE: f64 = 1e-8;
const PART: f64 = 1e-3;
/// Starts of a way, what counts as thin (a share of the ranges), and rounds of line searches in a thin piece.
const STARTS: usize = 3;
const THIN: f64 = 0.02;
const ROUNDS: usize = 4;
const LINES: usize = 4;

/// An edge on one lane: numbers on either side of it as close as they come, and the number at which the difference is zero, if there is one.
#[derive(Clone, Copy)]
struct Edge {
    ends: [f64; 2],
    at: Option<f64>,
}

/// An edge that is being closed in on.
struct Bracket {
    lane: usize,
    number: usize,
    x: [f64; 2],
    f: [f64; 2],
    last: f64,
}

impl Search<'_> {
    /// Moves actions `x[action][lane]`, worth `q[lane]`, into pieces that conditions cut out, on the lanes `open`, where that is better.
    pub(super) fn beside_conditions(&mut self, open: &[usize], x: &mut [Vec<f64>], q: &mut [f64]) {
        if x.is_empty() || self.bellman.problem.edges() == 0 {
            return;
        }
        fault!("search.conditions_not_sought", do { return; });
        self.between_edges(open, x, q);
        if x.len() > 1 {
            self.thin_ways(open, x, q);
        }
    }

    /// Whether what is chosen is looked up between nodes.
    fn interpolated(&self) -> bool {
        let states = &self.bellman.problem.spec().states;
        states.iter().any(|s| matches!(s.kind, StateKind::Continuous { .. }))
    }

    fn ranges(&self, open: &[usize], x: &[Vec<f64>]) -> Ranges {
        let pick = |v: &[Vec<f64>]| -> Vec<Vec<f64>> {
            let own = v.iter().take(x.len());
            own.map(|v| open.iter().map(|&i| v[i]).collect()).collect()
        };
        let (lo, hi) = (pick(&self.lo), pick(&self.hi));
        let width = |c: usize, k: usize| match hi[c][k] - lo[c][k] {
            w if w.is_finite() => w,
            _ => 4.0 * (1.0 + x[c][k].abs()),
        };
        let width = (0..x.len())
            .map(|c| (0..open.len()).map(|k| width(c, k)).collect())
            .collect();
        Ranges { lo, hi, width }
    }

    /// Tries what lies on edges and between them, along one action after the other.
    fn between_edges(&mut self, open: &[usize], x: &mut [Vec<f64>], q: &mut [f64]) {
        let bounds = self.ranges(open, x);
        for _ in 0..if x.len() > 1 { 2 } else { 1 } {
            for c in 0..x.len() {
                let edges = self.edges_along(open, &bounds, x, c);
                self.try_edges(open, &bounds, (x, c), q, (&edges, self.interpolated()));
            }
        }
    }

    /// What conditions turn on where action `c` is `at[p].1` on lane `at[p].0` and the others are as in `x`: `[number][p]`.
    fn differences(&mut self, open: &[usize], x: &[Vec<f64>], c: usize, at: &[(usize, f64)]) -> Vec<Vec<f64>> {
        let lanes: Vec<usize> = at.iter().map(|(k, _)| open[*k]).collect();
        let point = |(k, t): &(usize, f64)| -> Vec<f64> {
            x.iter()
                .enumerate()
                .map(|(b, v)| if b == c { *t } else { v[*k] })
                .collect()
        };
        let points: Vec<Vec<f64>> = at.iter().map(point).collect();
        self.conditional = true;
        let out = self.inequalities(&lanes, &points);
        self.conditional = false;
        out
    }

    /// The edges along action `c`, one list per lane.
    fn edges_along(&mut self, open: &[usize], bounds: &Ranges, x: &[Vec<f64>], c: usize) -> Vec<Vec<Edge>> {
        let m = open.len();
        let many = self.bellman.problem.edges();
        let step = |k: usize, s: usize| along(bounds.lo[c][k], bounds.hi[c][k], x[c][k], s as f64 / STEPS as f64);
        let at: Vec<(usize, f64)> = (0..m)
            .flat_map(|k| (0..=STEPS).map(move |s| (k, s)))
            .map(|(k, s)| (k, step(k, s)))
            .collect();
        let f = self.differences(open, x, c, &at);
        let mut out: Vec<Vec<Edge>> = vec![Vec::new(); m];
        let mut live: Vec<Bracket> = Vec::new();
        for k in 0..m {
            for (number, f) in f.iter().enumerate().take(many) {
                let own = &f[k * (STEPS + 1)..(k + 1) * (STEPS + 1)];
                // What does not move with this action has no edge along it.
                if own.iter().all(|f| *f == own[0]) {
                    continue;
                }
                for s in 0..=STEPS {
                    if own[s] == 0.0 {
                        let x = step(k, s);
                        out[k].push(Edge {
                            ends: [x, x],
                            at: Some(x),
                        });
                    } else if s < STEPS && own[s] * own[s + 1] < 0.0 {
                        live.push(Bracket {
                            lane: k,
                            number,
                            x: [step(k, s), step(k, s + 1)],
                            f: [own[s], own[s + 1]],
                            last: f64::NAN,
                        });
                    }
                }
            }
        }
        for round in 0..CLOSER {
            live.retain(|b| {
                let size = b.x[0].abs().max(b.x[1].abs()).max(f64::MIN_POSITIVE);
                let open = b.x[1] - b.x[0] > 4.0 * f64::EPSILON * size;
                if !open {
                    out[b.lane].push(Edge { ends: b.x, at: None });
                }
                open
            });
            if live.is_empty() {
                break;
            }
            let next: Vec<(usize, f64)> = live.iter().map(|b| (b.lane, b.next(round))).collect();
            let f = self.differences(open, x, c, &next);
            let mut p = 0;
            live.retain_mut(|b| {
                let (t, f) = (next[p].1, f[b.number][p]);
                p += 1;
                b.last = t;
                if f == 0.0 {
                    out[b.lane].push(Edge {
                        ends: [t, t],
                        at: Some(t),
                    });
                    return false;
                }
                let side = usize::from(f * b.f[0] < 0.0);
                (b.x[side], b.f[side]) = (t, f);
                f.is_finite()
            });
        }
        out
    }

    /// Tries edges, what lies beside them and between them, along action `c`; the best of a piece is sought in it. `inside`: what stands on an edge steps inside.
    fn try_edges(
        &mut self,
        open: &[usize],
        bounds: &Ranges,
        (x, c): (&mut [Vec<f64>], usize),
        q: &mut [f64],
        (edges, inside): (&[Vec<Edge>], bool),
    ) {
        // (lane, number, whether on an edge, the piece)
        let mut tried: Vec<(usize, f64, bool, [f64; 2])> = Vec::new();
        for (k, own) in edges.iter().enumerate().filter(|e| !e.1.is_empty()) {
            let (lo, hi, width) = (bounds.lo[c][k], bounds.hi[c][k], bounds.width[c][k]);
            let mut stops: Vec<f64> = Vec::new();
            for e in own {
                let size = 4.0 * f64::EPSILON * e.ends[0].abs().max(e.ends[1].abs());
                let (a, b) = (e.ends[0] - size, e.ends[1] + size);
                for t in [Some(a), Some(e.ends[0]), e.at, Some(e.ends[1]), Some(b)]
                    .into_iter()
                    .flatten()
                {
                    tried.push((k, t.max(lo).min(hi), true, [a, b]));
                }
                stops.extend([a, b]);
            }
            stops.extend([lo, hi].into_iter().filter(|e| e.is_finite()));
            stops.sort_by(f64::total_cmp);
            for pair in stops.windows(2) {
                let (a, b) = (pair[0].max(lo), pair[1].min(hi));
                // An edge itself is no piece.
                if !(b - a > 64.0 * f64::EPSILON * a.abs().max(b.abs())) {
                    continue;
                }
                let beside = (PART * (b - a)).min(INSIDE * width);
                for t in [
                    a + beside,
                    a + 0.25 * (b - a),
                    0.5 * (a + b),
                    b - 0.25 * (b - a),
                    b - beside,
                ] {
                    if t > a && t < b {
                        tried.push((k, t, false, [a + beside, b - beside]));
                    }
                }
            }
        }
        if tried.is_empty() {
            return;
        }
        let worth = self.along_one(open, (x, c), &tried.iter().map(|t| (t.0, t.1)).collect::<Vec<_>>());
        let mut best: Vec<Option<usize>> = vec![None; open.len()];
        let mut stake = vec![[f64::INFINITY, f64::NEG_INFINITY]; open.len()];
        for (p, t) in tried.iter().enumerate().filter(|(p, _)| worth[*p].is_finite()) {
            let s = &mut stake[t.0];
            *s = [s[0].min(worth[p]), s[1].max(worth[p])];
        }
        for inner in [true, false] {
            for (p, t) in tried
                .iter()
                .enumerate()
                .filter(|(p, t)| t.2 != inner && worth[*p].is_finite())
            {
                let more = if !inner && inside {
                    ON_EDGE * (stake[t.0][1] - stake[t.0][0])
                } else {
                    0.0
                };
                // Edges come second: they count where they are better by more than that.
                let before = best[t.0].map_or(f64::NEG_INFINITY, |b| worth[b] + if tried[b].2 { 0.0 } else { more });
                if worth[p] > before {
                    best[t.0] = Some(p);
                }
            }
        }
        let mut better: Vec<usize> = (best.into_iter().flatten())
            .filter(|p| gains(worth[*p], q[tried[*p].0]))
            .collect();
        if inside {
            // Between nodes an edge may be missed by rounding: whoever stands on one steps inside, where that costs next to nothing.
            let near = |k: usize| {
                edges[k]
                    .iter()
                    .any(|e| (e.ends[0] - x[c][k]).abs() < 0.5 * INSIDE * bounds.width[c][k])
            };
            let on: Vec<usize> = (0..open.len())
                .filter(|k| near(*k) && better.iter().all(|p| tried[*p].0 != *k))
                .collect();
            for k in on {
                let close = |p: &usize| {
                    let t = &tried[*p];
                    t.0 == k && !t.2 && (t.1 - x[c][k]).abs() < 2.0 * INSIDE * bounds.width[c][k]
                };
                let inner = (0..tried.len())
                    .filter(close)
                    .max_by(|a, b| worth[*a].total_cmp(&worth[*b]));
                better.extend(inner.filter(|p| worth[*p] >= q[k] - ON_EDGE * (stake[k][1] - stake[k][0])));
            }
        }
        for p in &better {
            let (k, t, ..) = tried[*p];
            (x[c][k], q[k]) = (t, worth[*p]);
        }
        let inside: Vec<usize> = better.into_iter().filter(|p| !tried[*p].2).collect();
        self.best_inside(
            open,
            (x, c),
            q,
            &inside.iter().map(|p| (tried[*p].0, tried[*p].3)).collect::<Vec<_>>(),
        );
    }

    /// Values where action `c` is `at[p].1` on lane `at[p].0`, one per point.
    fn along_one(&mut self, open: &[usize], (x, c): (&[Vec<f64>], usize), at: &[(usize, f64)]) -> Vec<f64> {
        let lanes: Vec<usize> = at.iter().map(|(k, _)| open[*k]).collect();
        let points: Vec<Vec<f64>> = (x.iter().enumerate())
            .map(|(b, v)| at.iter().map(|(k, t)| if b == c { *t } else { v[*k] }).collect())
            .collect();
        self.values(&lanes, &points)
    }

    /// Brent's searches along action `c` from where lanes stand, each in a piece.
    fn best_inside(
        &mut self,
        open: &[usize],
        (x, c): (&mut [Vec<f64>], usize),
        q: &mut [f64],
        pieces: &[(usize, [f64; 2])],
    ) {
        let at = |side: usize| -> Vec<(usize, f64)> { pieces.iter().map(|(k, p)| (*k, p[side])).collect() };
        let (left, right) = (at(0), at(1));
        if pieces.is_empty() {
            return;
        }
        let (below, above) = (
            self.along_one(open, (x, c), &left),
            self.along_one(open, (x, c), &right),
        );
        let mut searches: Vec<BrentSearch> = (pieces.iter().enumerate())
            .map(|(p, (k, piece))| {
                let tolerance = self.options.action_tolerance * (piece[1] - piece[0]);
                BrentSearch::new(left[p].1, below[p], right[p].1, above[p], x[c][*k], q[*k], tolerance)
            })
            .collect();
        let mut active: Vec<usize> = (0..searches.len()).collect();
        for _ in 0..60 {
            let mut next: Vec<(usize, f64)> = Vec::new();
            active.retain(|&p| match searches[p].propose() {
                Some(t) => {
                    next.push((pieces[p].0, t));
                    true
                }
                None => false,
            });
            if active.is_empty() {
                break;
            }
            let worth = self.along_one(open, (x, c), &next);
            for (s, &p) in active.iter().enumerate() {
                searches[p].observe(next[s].1, worth[s]);
            }
        }
        for (s, (k, _)) in searches.iter().zip(pieces) {
            if s.fx > q[*k] {
                (x[c][*k], q[*k]) = (s.x, s.fx);
            }
        }
    }

    /// Several actions: reaches every way in which comparisons and requirements may turn out, and searches those that are thin along themselves.
    fn thin_ways(&mut self, open: &[usize], x: &mut [Vec<f64>], q: &mut [f64]) {
        let (d, m) = (x.len(), open.len());
        let bounds = self.ranges(open, x);
        let mut starts = vec![x.to_vec()];
        let mut u = vec![0.0; d];
        for s in 0..STARTS {
            spread(s, d, &mut u);
            let of = |c: usize, k: usize| along(bounds.lo[c][k], bounds.hi[c][k], x[c][k], u[c]);
            starts.push((0..d).map(|c| (0..m).map(|k| of(c, k)).collect()).collect());
        }
        let ways = self.bellman.problem.ways();
        self.conditional = true;
        let found = self.reach(open, &bounds, &starts, (ways, false));
        let thin = self.thin(open, &bounds, found);
        self.conditional = false;
        let worth = self.worth_of(open, d, &thin.iter().map(|t| t.0.clone()).collect::<Vec<_>>());
        // The best start of each way.
        let mut best: Vec<usize> = Vec::new();
        for p in (0..thin.len()).filter(|p| worth[*p] > f64::NEG_INFINITY) {
            let key = |p: usize| (thin[p].0.0, thin[p].0.1);
            match best.iter_mut().find(|b| key(**b) == key(p)) {
                None => best.push(p),
                Some(b) if worth[p] > worth[*b] => *b = p,
                Some(_) => {}
            }
        }
        if best.is_empty() {
            return;
        }
        best.sort_by_key(|p| (thin[*p].0.0, thin[*p].0.1));
        let lanes: Vec<usize> = best.iter().map(|p| open[thin[*p].0.0]).collect();
        let mut at: Vec<Vec<f64>> = (0..d).map(|c| best.iter().map(|p| thin[*p].0.2[c]).collect()).collect();
        let mut value: Vec<f64> = best.iter().map(|p| worth[*p]).collect();
        let own = self.ranges(&lanes, &at);
        let all: Vec<usize> = (0..lanes.len()).collect();
        for round in 0..ROUNDS {
            // Lines along an edge itself would leave the piece by rounding.
            for c in 0..d {
                let edges = self.edges_along(&lanes, &own, &at, c);
                self.try_edges(&lanes, &own, (&mut at, c), &mut value, (&edges, true));
            }
            let mut radius = vec![0.5f64.powi(2 + 2 * round as i32); lanes.len()];
            for _ in 0..LINES {
                for e in 0..d {
                    let steps: Vec<Vec<f64>> = (0..d)
                        .map(|c| {
                            best.iter()
                                .enumerate()
                                .map(|(s, p)| thin[*p].1[e][c] * own.width[c][s])
                                .collect()
                        })
                        .collect();
                    self.along_lines(&lanes, &all, &own, &steps, &radius, &mut at, &mut value);
                }
                radius.iter_mut().for_each(|r| *r *= 0.5);
            }
        }
        for c in 0..d {
            let edges = self.edges_along(&lanes, &own, &at, c);
            self.try_edges(&lanes, &own, (&mut at, c), &mut value, (&edges, self.interpolated()));
        }
        for (s, p) in best.iter().enumerate() {
            let k = thin[*p].0.0;
            if gains(value[s], q[k]) {
                q[k] = value[s];
                x.iter_mut().zip(&at).for_each(|(x, at)| x[k] = at[s]);
            }
        }
    }

    /// Those of the points whose way is thin there, with directions along it (shares of the ranges): one for each action, without what leads across.
    fn thin(
        &mut self,
        open: &[usize],
        bounds: &Ranges,
        found: Vec<(usize, usize, Vec<f64>)>,
    ) -> Vec<((usize, usize, Vec<f64>), Vec<Vec<f64>>)> {
        if found.is_empty() {
            return Vec::new();
        }
        let ways: Vec<Way> = (found.iter())
            .map(|(lane, set, x)| Way {
                lane: *lane,
                set: *set,
                x: x.clone(),
            })
            .collect();
        let (slack, slopes) = self.straight(open, bounds, &ways);
        let d = slopes.len();
        let sets = self.bellman.problem.ways();
        let mut out = Vec::new();
        for (p, point) in found.into_iter().enumerate() {
            // Slack and unit normal of each inequality, as shares of the ranges.
            let each: Vec<(f64, Vec<f64>)> = (sets[point.1].iter())
                .map(|&i| {
                    let n: Vec<f64> = (0..d).map(|c| slopes[c][i][p] * bounds.width[c][point.0]).collect();
                    let size = n.iter().map(|n| n * n).sum::<f64>().sqrt();
                    (slack[i][p] / size, n.iter().map(|n| n / size).collect())
                })
                .filter(|(s, n): &(f64, Vec<f64>)| s.is_finite() && n.iter().all(|n| n.is_finite()))
                .collect();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let mut across: Vec<Vec<f64>> = Vec::new();
            for (s, n) in each.iter().filter(|e| e.0 < THIN) {
                if each.iter().any(|(t, b)| t + (THIN - s) * dot(n, b) < 0.0) {
                    // Made orthogonal to those before.
                    let mut own = n.clone();
                    for a in &across {
                        let by = dot(&own, a);
                        own.iter_mut().zip(a).for_each(|(o, a)| *o -= by * a);
                    }
                    let size = dot(&own, &own).sqrt();
                    if size > 1e-6 {
                        across.push(own.iter().map(|o| o / size).collect());
                    }
                }
            }
            if across.is_empty() {
                continue;
            }
            let along = |e: usize| -> Vec<f64> {
                let mut own: Vec<f64> = (0..d).map(|c| if c == e { 1.0 } else { 0.0 }).collect();
                for a in &across {
                    let by = dot(&own, a);
                    own.iter_mut().zip(a).for_each(|(o, a)| *o -= by * a);
                }
                own.iter_mut().for_each(|o| {
                    if o.abs() < 1e-7 {
                        *o = 0.0
                    }
                });
                own
            };
            out.push((point, (0..d).map(along).collect()));
        }
        out
    }
}

/// Whether one value is above another by more than rounding.
fn gains(value: f64, than: f64) -> bool {
    value > than && (than == f64::NEG_INFINITY || value > than + GAIN * than.abs())
}

impl Bracket {
    /// Where to look next: the secant's zero, beside the last point towards the far end, or the middle.
    fn next(&self, round: usize) -> f64 {
        let [a, b] = self.x;
        let middle = 0.5 * (a + b);
        let t = match round % 3 {
            0 => a - self.f[0] * (b - a) / (self.f[1] - self.f[0]),
            1 => {
                let size = 3.0 * f64::EPSILON * a.abs().max(b.abs());
                if self.last - a < b - self.last {
                    self.last + size
                } else {
                    self.last - size
                }
            }
            _ => middle,
        };
        if t > a && t < b { t } else { middle }
    }
}
