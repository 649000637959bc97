//! Places spread over what lives visit, several in every cell of the solution's grid, and functions between them.
//!
//! The error of a solution swings from node to node of its grid and from state to state of its chains. A mesh follows it: every visited
//! cell is divided, and a polynomial stands for the function inside that cell alone, so that kinks at the nodes stay kinks. Where
//! there are too many cells the mesh is even and coarser than they are; it then sees the part of the error that is smooth.
//!
//! What lives do not visit counts, too, as far as chance leads there in the end: an error at the end of the grid comes back through the values of all places between.
//! So the mesh goes on beyond what is visited to the ends of the grid and to where the grid is left, in larger cells. Values may differ there by
//! powers of ten from those that lives meet; what the mesh carries is a function relative to a size ([`Size`]), which grows with the value.

use super::WorldEvidence;
use super::line::{Along, Line};
use super::seat::SolvedSeat;
use super::value::Weights;
use super::value_at;
use super::visit::{Landings, Visit};
use crate::diag::Diagnostic;
use crate::env::behaviour::Actor;
use crate::env::cast::Behaviour;
use crate::env::worlds::Worlds;
use rayon::prelude::*;
use std::sync::Arc;

/// Groups of cells on each side of what is visited and parts of each, from the finest; the first for which there are few enough places is taken.
const LEVELS: [(usize, usize); 6] = [(usize::MAX, 4), (24, 4), (8, 4), (8, 2), (3, 1), (1, 1)];
/// How many times as many places as over what is visited there may be in all.
const MORE: usize = 4;
/// Fewest nodes along a line that is made coarser.
const FEWEST: usize = 5;
/// Lines of a mesh that need no memory of their own where a function is read.
const FEW: usize = 8;
/// Most periods that each have places of their own.
const PERIODS: usize = 200;

/// How large what a mesh carries may be at a place: the distance of the value there from one that lives meet, but no less than how much those differ.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    typical: f64,
    spread: f64,
}

impl Size {
    fn of(bench: &WorldEvidence) -> Size {
        let mut values: Vec<f64> = bench.played.visits.iter().map(|v| value_at(bench.value, v)).collect();
        values.retain(|v| v.is_finite());
        values.sort_by(f64::total_cmp);
        let (Some(first), Some(last)) = (values.first(), values.last()) else {
            return Size {
                typical: 0.0,
                spread: 1.0,
            };
        };
        let mut units: Vec<f64> = bench.units.iter().copied().filter(|u| u.is_finite()).collect();
        units.sort_by(f64::total_cmp);
        let unit = units.get(units.len() / 2).copied().unwrap_or(0.0);
        let spread = (last - first).max(unit);
        Size {
            typical: values[values.len() / 2],
            spread: if spread > 0.0 { spread } else { 1.0 },
        }
    }

    /// The size where the value is `v`.
    pub fn at(&self, v: f64) -> f64 {
        let size = ((v - self.typical) / self.spread).hypot(1.0) * self.spread;
        if size.is_finite() { size } else { self.spread }
    }
}

/// Places over everything visited, and over what chance leads to from there.
#[derive(Clone, Debug)]
pub struct Mesh {
    /// States, shocks, and the period where there is a last one.
    lines: Vec<Line>,
    states: usize,
    horizon: Option<usize>,
    /// The size of what is carried, where the value is known.
    size: Size,
    /// The size of what is carried at each place.
    pub sizes: Vec<f64>,
}

impl Mesh {
    /// At most about `most` places over what is visited and `MORE` times as many with what lies beyond, as far as `far` says (one pair per state); `None` if that
    /// many cannot be spread over so many states and shocks.
    pub fn over(bench: &WorldEvidence, most: usize, far: &[(f64, f64)]) -> Option<Mesh> {
        let mut lines = Mesh::lines(bench);
        let size = |lines: &[Line]| {
            lines
                .iter()
                .map(|l| l.nodes.len())
                .try_fold(1usize, |n, k| n.checked_mul(k))
                .unwrap_or(usize::MAX)
        };
        let horizon = bench.model.horizon;
        let chain = |k: usize| {
            let shock = k.checked_sub(bench.solution.states.len());
            shock
                .and_then(|s| bench.seat.shocks.get(s))
                .is_some_and(|s| !s.continuous)
        };
        let dated = |k: usize| horizon.is_some() && k + 1 == bench.solution.states.len() + bench.seat.shocks.len() + 1;
        while size(&lines) > most {
            let longest = (0..lines.len())
                .filter(|k| !chain(*k) && !dated(*k) && lines[*k].nodes.len() > FEWEST)
                .max_by_key(|k| lines[*k].nodes.len())?;
            let n = lines[longest].nodes.len();
            lines[longest] = lines[longest].coarser((n * 7 / 10).max(FEWEST));
        }
        let wider = LEVELS.iter().map(|level| {
            let mut out = lines.clone();
            for ((line, s), far) in out.iter_mut().zip(&bench.solution.states).zip(far) {
                if !s.integer {
                    *line = line.wider(&s.nodes, *far, *level);
                }
            }
            out
        });
        let wider = wider.into_iter().find(|lines| size(lines) <= most.saturating_mul(MORE));
        let lines = fault!("verdict.outside_unseen", lines, wider.unwrap_or(lines));
        let mut out = Mesh {
            states: bench.solution.states.len(),
            lines,
            horizon,
            size: Size::of(bench),
            sizes: Vec::new(),
        };
        let shocks = bench.seat.shocks.len();
        let sizes = (0..out.places()).map(|k| {
            let x = out.place(k);
            let (states, rest) = x.split_at(out.states);
            let v = bench.value.at(states, &rest[..shocks], out.period(&x, bench.seat));
            out.size.at(v)
        });
        out.sizes = sizes.collect();
        Some(out)
    }

    fn lines(bench: &WorldEvidence) -> Vec<Line> {
        let mut lines = Vec::new();
        let streaks = &bench.played.streaks;
        for (k, (s, (lo, hi))) in bench.solution.states.iter().zip(&bench.played.ranges).enumerate() {
            let (first, last) = (s.nodes[0], s.nodes[s.nodes.len() - 1]);
            let (lo, hi) = (lo.max(first).min(last), hi.min(last).max(first));
            lines.push(if s.integer {
                Line::whole(lo, hi)
            } else {
                let close = streaks.range.get(k).filter(|_| streaks.left.is_some());
                Line::of_state(&s.nodes, (lo, hi), close.copied().unwrap_or((lo, hi)), s.log)
            });
        }
        for (s, (lo, hi)) in bench.seat.shocks.iter().zip(&bench.played.shock_ranges) {
            lines.push(if s.continuous {
                Line::of_shock(&s.values, *lo, *hi)
            } else {
                Line::whole(0.0, s.values.len() as f64 - 1.0)
            });
        }
        if let Some(h) = bench.model.horizon {
            let line = Line::whole(0.0, h.max(1) as f64 - 1.0);
            lines.push(if h > PERIODS { line.coarser(PERIODS) } else { line });
        }
        lines
    }

    /// Whether it goes beyond what lives visit.
    pub fn is_wider(&self) -> bool {
        let wider = |l: &Line| l.nodes[0] < l.inner.0 || l.nodes[l.nodes.len() - 1] > l.inner.1;
        self.lines.iter().any(wider)
    }

    /// The same places, with functions between them read by lines.
    pub fn by_lines(&self) -> Mesh {
        let mut out = self.clone();
        for l in &mut out.lines {
            if l.along != Along::Nearest {
                l.along = Along::Straight;
            }
        }
        out
    }

    /// Number of places.
    pub fn places(&self) -> usize {
        self.lines.iter().map(|l| l.nodes.len()).product()
    }

    /// Whether place `p` lies beyond what lives visit along any state.
    pub fn is_beyond(&self, p: usize) -> bool {
        let x = self.place(p);
        let inside = |k: usize| x[k] >= self.lines[k].inner.0 && x[k] <= self.lines[k].inner.1;
        (0..self.states).any(|k| !inside(k))
    }

    /// The state along which place `p` lies beyond what lives visit, and the node there, where it is one state alone.
    pub fn beyond(&self, p: usize) -> Option<(usize, usize)> {
        let x = self.place(p);
        let inside = |k: usize| x[k] >= self.lines[k].inner.0 && x[k] <= self.lines[k].inner.1;
        let mut out = (0..self.states).filter(|k| !inside(*k));
        let (k, None) = (out.next()?, out.next()) else {
            return None;
        };
        Some((k, self.lines[k].nodes.partition_point(|n| *n < x[k])))
    }

    /// How far out, from what lives visit, a function on the mesh (one number per place) stays at most 1 along each state: one pair per state. The other states
    /// are where lives go, shocks and dates anything.
    pub fn below(&self, values: &[f64]) -> Vec<(f64, f64)> {
        let mut worst: Vec<Vec<f64>> = self.lines[..self.states]
            .iter()
            .map(|l| vec![0.0; l.nodes.len()])
            .collect();
        for (p, f) in values.iter().enumerate() {
            if let Some((k, at)) = self.beyond(p) {
                worst[k][at] = f64::max(worst[k][at], if f.is_nan() { f64::INFINITY } else { *f });
            }
        }
        let of = |(line, worst): (&Line, &Vec<f64>)| {
            let (first, last) = (
                line.nodes.partition_point(|n| *n < line.inner.0),
                line.nodes.partition_point(|n| *n <= line.inner.1),
            );
            let fine = |i: &usize| worst[*i] <= 1.0;
            let below = (0..first).rev().take_while(fine).last().map(|i| line.nodes[i]);
            let above = (last..line.nodes.len()).take_while(fine).last().map(|i| line.nodes[i]);
            (below.unwrap_or(line.inner.0), above.unwrap_or(line.inner.1))
        };
        self.lines[..self.states].iter().zip(&worst).map(of).collect()
    }

    /// Coordinates of a place: states, shocks, period.
    fn place(&self, mut k: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.lines.len()];
        for (x, line) in out.iter_mut().zip(&self.lines).rev() {
            *x = line.nodes[k % line.nodes.len()];
            k /= line.nodes.len();
        }
        out
    }

    /// Places and weights that stand for a function where a draw leads. None after the last period.
    fn spread(&self, states: &[f64], shocks: &[f64], period: usize, each: &mut dyn FnMut(usize, f64)) {
        if self.horizon.is_some_and(|h| period >= h) {
            return;
        }
        let x = |k: usize| match k.checked_sub(self.states) {
            None => states[k],
            Some(s) if s < shocks.len() => shocks[s],
            Some(_) => period as f64,
        };
        let n = self.lines.len();
        let mut few = [Weights::one(0); FEW];
        if n <= FEW {
            few.iter_mut()
                .zip(&self.lines)
                .enumerate()
                .for_each(|(k, (w, l))| *w = l.at(x(k)));
            return self.over_lines(&few[..n], 0, 1.0, each);
        }
        let many: Vec<Weights> = self.lines.iter().enumerate().map(|(k, l)| l.at(x(k))).collect();
        self.over_lines(&many, 0, 1.0, each);
    }

    /// The size of what is carried where a draw leads and the value is `v`: beyond the mesh no larger than at its end. What is wrong there stands for what is wrong farther out,
    /// and must not grow with the distance: who could leave for where it has grown enough would seem to be well off.
    fn size_at(&self, states: &[f64], shocks: &[f64], period: usize, v: f64) -> f64 {
        let own = self.size.at(v);
        let outside = self.lines.iter().zip(states).any(|(l, x)| l.beyond(*x));
        if !outside {
            return own;
        }
        let mut most = f64::NEG_INFINITY;
        self.spread(states, shocks, period, &mut |i, _| most = most.max(self.sizes[i]));
        if most > f64::NEG_INFINITY { own.min(most) } else { own }
    }

    fn over_lines(&self, at: &[Weights], before: usize, weight: f64, each: &mut dyn FnMut(usize, f64)) {
        let Some((first, rest)) = at.split_first() else {
            each(before, weight);
            return;
        };
        let many = self.lines[self.lines.len() - at.len()].nodes.len();
        for (i, w) in first.iter().filter(|(_, w)| *w != 0.0) {
            self.over_lines(rest, before * many + i, weight * w, each);
        }
    }

    /// For each job of `jobs` the places where it leads, with weights times probabilities and discount factors, times the size of what is carried there.
    pub fn rows(&self, landings: &Landings, jobs: usize) -> Vec<Vec<(usize, f64)>> {
        let width = landings.places.len() / landings.jobs.len().max(1);
        let starts: Vec<usize> = (0..=jobs)
            .map(|j| landings.jobs.partition_point(|x| (*x as usize) < j))
            .collect();
        (0..jobs)
            .into_par_iter()
            .map_init(
                || vec![0.0; self.places()],
                |sums, j| {
                    let mut touched: Vec<usize> = Vec::new();
                    for l in starts[j]..starts[j + 1] {
                        let at = &landings.places[l * width..(l + 1) * width];
                        let (states, shocks) = at.split_at(self.states);
                        let period = landings.periods[l] as usize;
                        let weight = landings.chances[l] * self.size_at(states, shocks, period, landings.values[l]);
                        self.spread(states, shocks, period, &mut |i, w| {
                            if sums[i] == 0.0 {
                                touched.push(i);
                            }
                            sums[i] += w * weight;
                        });
                    }
                    touched.sort_unstable();
                    touched.dedup();
                    touched.into_iter().map(|i| (i, std::mem::take(&mut sums[i]))).collect()
                },
            )
            .collect()
    }

    /// The places as visits, one per place, with what the policy does there. Whatever the policy does not read is as it was where
    /// the lives went.
    ///
    /// # Errors
    /// Those of the economy's programs (E0990), and E0815 to E0817 for a policy that cannot be played somewhere.
    pub fn visits(&self, bench: &WorldEvidence) -> Result<Vec<Visit>, Diagnostic> {
        let all: Vec<Vec<f64>> = (0..self.places()).map(|k| self.place(k)).collect();
        self.visits_at(bench, &all)
    }

    /// So many of the places at the ends of each line, as visits.
    ///
    /// # Errors
    /// As [`Mesh::visits`].
    pub fn at_ends(&self, bench: &WorldEvidence, many: usize) -> Result<Vec<Visit>, Diagnostic> {
        let at_end = |x: &[f64]| {
            let own = x.iter().zip(&self.lines).take(self.states);
            own.into_iter()
                .any(|(x, l)| *x == l.nodes[0] || *x == l.nodes[l.nodes.len() - 1])
        };
        let all: Vec<Vec<f64>> = (0..self.places())
            .map(|k| self.place(k))
            .filter(|x| at_end(x))
            .collect();
        let stride = all.len().div_ceil(many).max(1) | 1;
        let all: Vec<Vec<f64>> = all.into_iter().step_by(stride).collect();
        self.visits_at(bench, &all)
    }

    /// `all`: states, shocks, period of each place.
    fn visits_at(&self, bench: &WorldEvidence, all: &[Vec<f64>]) -> Result<Vec<Visit>, Diagnostic> {
        let (model, seat) = (bench.model, bench.seat);
        let elements: usize = model.graph.inputs.iter().map(|i| model.graph.elements(&i.shape)).sum();
        let lanes = all.len().min(2_000_000 / elements.max(1)).max(1);
        let mut worlds = Worlds::new(model, None, lanes, bench.options.seed, &[])?;
        let mut actor = Actor::new(&worlds, &Behaviour::Solved(Arc::new(bench.solution.clone())).into())?;
        actor.greedy = true;
        let mut out = Vec::with_capacity(all.len());
        for part in all.chunks(lanes) {
            let periods: Vec<usize> = part.iter().map(|x| self.period(x, seat)).collect();
            let places: Vec<_> = periods
                .iter()
                .filter_map(|t| {
                    let visits = bench.played.visits.iter();
                    let from = visits.min_by_key(|v| (self.horizon.is_some(), v.place.period.abs_diff(*t)))?;
                    let mut place = from.place.clone();
                    if self.horizon.is_some() {
                        place.period = *t;
                        if let Some(clock) = model.time {
                            place.inputs[clock.0 as usize].fill(*t as f64);
                        }
                    }
                    Some(place)
                })
                .collect();
            worlds.put(&places.iter().collect::<Vec<_>>());
            for (w, x) in part.iter().enumerate() {
                for (slot, x) in seat.states.iter().zip(x) {
                    worlds.frame[slot.input][slot.element * lanes + w] = *x;
                }
                for (s, x) in seat.shocks.iter().zip(&x[self.states..]) {
                    worlds.set_shock(s.shock, s.element, w, *x);
                }
            }
            let bounds = actor.act(&mut worlds, 0)?;
            // Where nothing is feasible the place is worth minus infinity, and is left out.
            let _ = worlds.settle(&bounds);
            for (w, x) in part.iter().enumerate() {
                let place = worlds.snapshot(w);
                let chosen = seat
                    .choices
                    .iter()
                    .map(|c| place.inputs[model.actions[c.action].input.0 as usize][c.element]);
                out.push(Visit {
                    states: x[..self.states].to_vec(),
                    shocks: x[self.states..self.states + seat.shocks.len()].to_vec(),
                    actions: chosen.collect(),
                    weight: 1.0,
                    place,
                });
            }
        }
        Ok(out)
    }

    fn period(&self, x: &[f64], seat: &SolvedSeat) -> usize {
        x.get(self.states + seat.shocks.len()).map_or(0, |t| *t as usize)
    }
}

/// A function on a mesh that is added to a value.
#[derive(Clone, Debug)]
pub struct Correction {
    /// The mesh that carries the function.
    pub mesh: Arc<Mesh>,
    /// The values of the function as multiples of its size, one number per place of the mesh.
    pub values: Arc<Vec<f64>>,
}

impl Correction {
    /// The function at `states` (one value per state) and stored `shocks` (one value per shock), where the value is `v`; beyond the mesh that at its edge, by its
    /// size.
    pub fn at(&self, states: &[f64], shocks: &[f64], period: usize, v: f64) -> f64 {
        let mut sum = 0.0;
        self.mesh
            .spread(states, shocks, period, &mut |i, w| sum += w * self.values[i]);
        sum * self.mesh.size_at(states, shocks, period, v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_where_values_are_far_from_those_of_lives() {
        let size = Size {
            typical: -10.0,
            spread: 3.0,
        };
        assert_eq!((size.at(-10.0), size.at(f64::NEG_INFINITY)), (3.0, 3.0));
        assert!((size.at(-14.0) - 5.0).abs() < 1e-12 && (size.at(-3010.0) - 3000.0).abs() < 0.01);
    }

    #[test]
    fn functions_stay_small_up_to_where_they_first_do_not() {
        let grid: Vec<f64> = (0..=20).map(f64::from).collect();
        let line = Line::of_state(&grid, (9.5, 10.5), (9.5, 10.5), false).wider(&grid, (0.0, 20.0), (2, 4));
        let size = Size {
            typical: 0.0,
            spread: 1.0,
        };
        let nodes = line.nodes.clone();
        let mesh = Mesh {
            lines: vec![line, Line::whole(0.0, 1.0)],
            states: 1,
            horizon: None,
            size,
            sizes: Vec::new(),
        };
        // Off below 2 and above 17 where the shock is 1; inside it does not matter.
        let off = |p: usize| p % 2 == 1 && (nodes[p / 2] < 2.0 || nodes[p / 2] > 17.0 || nodes[p / 2] == 10.0);
        let values =
            |wrong: f64| -> Vec<f64> { (0..mesh.places()).map(|p| if off(p) { wrong } else { 1e-6 }).collect() };
        assert_eq!(mesh.below(&values(1e3)), [(2.0, 17.0)]);
        assert_eq!(mesh.below(&values(f64::NAN)), [(2.0, 17.0)]);
        assert_eq!(mesh.below(&values(0.5)), [(0.0, 20.0)]);
        assert_eq!((mesh.beyond(0), mesh.beyond(mesh.places() / 2)), (Some((0, 0)), None));
    }

    #[test]
    fn rows_hold_the_chances_of_where_jobs_lead() {
        let mesh = Mesh {
            lines: vec![Line::cells(&[0.0, 1.0], 2, false), Line::whole(0.0, 2.0)],
            states: 1,
            horizon: Some(3),
            size: Size {
                typical: 1.0,
                spread: 2.0,
            },
            sizes: vec![3.0; 9],
        };
        assert_eq!(mesh.places(), 9);
        // Beyond the ends no larger than there.
        let far = 1.0 + 2.0 * 99f64.sqrt();
        let size = |x: f64| mesh.size_at(&[x], &[0.0], 0, far);
        assert!((size(0.5) - 20.0).abs() < 1e-12 && size(1.5) == 3.0, "{}", size(0.5));
        // Two draws of the first job, none of the second, and one of the third that leads beyond the last period.
        let landings = Landings {
            jobs: vec![0, 0, 2],
            chances: vec![0.4, 0.5, 0.9],
            periods: vec![1, 2, 3],
            places: vec![0.25, 1.0, 0.5],
            // Typical, and so far from it that the size is twice the spread.
            values: vec![1.0, 1.0 + 2.0 * 3f64.sqrt(), 1.0],
        };
        let rows = mesh.rows(&landings, 3);
        let value = |k: usize| mesh.place(k)[0] + 10.0 * mesh.place(k)[1];
        let sum: f64 = rows[0].iter().map(|(k, w)| w * value(*k)).sum();
        assert!((sum - (2.0 * 0.4 * 10.25 + 4.0 * 0.5 * 21.0)).abs() < 1e-12, "{rows:?}");
        assert!(rows[1].is_empty() && rows[2].is_empty(), "{rows:?}");
    }
}
