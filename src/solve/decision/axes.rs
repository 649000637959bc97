//! What is chosen and where: action axes with their bounds and masks, state axes with their grids.

use super::builder::Builder;
use crate::check::model::{Setting, Space};
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::graph::shape::element_name;
use crate::kernel::dag::Id;
use crate::num::grid;
use crate::solve::economy::cannot;
use crate::solve::kinked::{Fixed, fixed};
use crate::solve::problem::{ActionAxis, ActionKind, StateAxis, StateKind};

/// One choice variable.
pub(super) struct Choice {
    pub(super) id: Id,
    pub(super) bounds: Vec<Id>,
    pub(super) masks: Vec<Option<Id>>,
    pub(super) axis: ActionAxis,
}

impl Choice {
    pub(super) fn continuous(&self) -> bool {
        self.axis.kind == ActionKind::Continuous
    }
}

impl Builder<'_> {
    pub(super) fn action_axes(&mut self) -> Result<Vec<Choice>, Diagnostic> {
        let mut out = Vec::new();
        for (i, a) in self.model.actions.iter().enumerate() {
            let ruled = self.model.agents[a.owner].rules.iter().any(|(r, _)| *r == i);
            if ruled {
                continue;
            }
            let ids = self.input_of(a.input)?;
            if ids.is_empty() {
                continue;
            }
            let n = self.mine(ids.len(), &a.shape);
            for (e, id) in ids.iter().copied().enumerate().take(n) {
                if self.others.is_some_and(|o| !o.decides(i, e)) {
                    continue;
                }
                let name = element_name(&self.model.graph, &a.name, &a.shape, e, n);
                let at = |b: &mut Self, node: NodeId| -> Result<Id, Diagnostic> {
                    let ids = b.unrolled(node)?;
                    let map = crate::graph::shape::aligned(
                        &b.model.graph,
                        &b.model.graph.nodes[node.0 as usize].shape,
                        &a.shape,
                    );
                    Ok(ids[map[e]])
                };
                out.push(match &a.space {
                    Space::Interval { lo, hi, .. } => {
                        let bounds = vec![at(self, *lo)?, at(self, *hi)?];
                        Choice { id, bounds, masks: Vec::new(), axis: ActionAxis { name, kind: ActionKind::Continuous, taste: None } }
                    }
                    Space::Integer { lo, hi } => {
                        let (l, h) = (at(self, *lo)?, at(self, *hi)?);
                        let d = (self.model.graph.nodes[lo.0 as usize].domain, self.model.graph.nodes[hi.0 as usize].domain);
                        let (first, last) = (d.0.lo, d.1.hi);
                        if !first.is_finite() || !last.is_finite() || last - first > 1e6 {
                            return Err(cannot(format!("`{}` has too many choices", a.name)).at(a.span, format!("{first}..{last}")));
                        }
                        let values: Vec<f64> = (0..=(last - first) as usize).map(|k| first + k as f64).collect();
                        let fixed = self.unroll.dag.as_const(l).is_some() && self.unroll.dag.as_const(h).is_some();
                        let masks = values
                            .iter()
                            .map(|v| {
                                if fixed {
                                    return None;
                                }
                                let dag = &mut self.unroll.dag;
                                let v = dag.constant(*v);
                                let above = dag.binary(crate::graph::Binary::Ge, v, l);
                                let below = dag.binary(crate::graph::Binary::Le, v, h);
                                Some(dag.binary(crate::graph::Binary::And, above, below))
                            })
                            .collect();
                        let labels = values.iter().map(|v| format!("{v}")).collect();
                        Choice { id, bounds: Vec::new(), masks, axis: ActionAxis { name, kind: ActionKind::Finite { values, labels }, taste: a.taste } }
                    }
                    Space::Finite { labels, masks, .. } => {
                        let mut own = Vec::new();
                        for m in masks {
                            own.push(match m {
                                None => None,
                                Some(node) => Some(at(self, *node)?),
                            });
                        }
                        let values = (0..labels.len()).map(|i| i as f64).collect();
                        Choice { id, bounds: Vec::new(), masks: own, axis: ActionAxis { name, kind: ActionKind::Finite { values, labels: labels.clone() }, taste: a.taste } }
                    }
                    Space::Simplex(_) => {
                        return Err(cannot(format!("`{}` is a vector of shares", a.name))
                            .at(a.span, "a simplex")
                            .hint("for this solver choose the shares one by one: action s[good] in [0, 1], and require sum(s) <= 1"));
                    }
                });
            }
        }
        Ok(out)
    }

    /// The axes of the states that matter, which are the inputs `now`; `read` is all that is evaluated. Also ends that the solver chose (state,
    /// lower, upper), and the number of nodes where the file leaves it open.
    #[allow(clippy::type_complexity)]
    pub(super) fn state_axes(
        &self,
        now: &[Id],
        read: &[Id],
    ) -> Result<(Vec<StateAxis>, Vec<(usize, bool, bool)>, Option<usize>), Diagnostic> {
        let continuous = self
            .states
            .iter()
            .filter(|(s, _)| !self.model.states[*s].domain.integer)
            .count();
        let default = match (self.options.nodes, continuous) {
            (0, 0 | 1) => 200,
            (0, 2) => 60,
            (0, 3) => 24,
            (0, 4) => 12,
            (0, _) => 8,
            (n, _) => n,
        };
        let mut axes = Vec::new();
        let mut open = Vec::new();
        let mut automatic = None;
        for (k, (s, e)) in self.states.iter().enumerate() {
            let state = &self.model.states[*s];
            let shape = &self.model.graph.inputs[state.input.0 as usize].shape;
            let total = self.mine(self.model.graph.elements(shape), shape);
            let name = element_name(&self.model.graph, &state.name, shape, *e, total);
            let d = state.domain;
            if d.integer {
                if !d.lo.is_finite() || !d.hi.is_finite() {
                    return Err(cannot(format!("`{}` takes infinitely many whole numbers", state.name))
                        .at(state.span, "bound it"));
                }
                axes.push(StateAxis {
                    name,
                    kind: StateKind::Integer {
                        lo: d.lo as i64,
                        hi: d.hi as i64,
                    },
                });
                continue;
            }
            if self.said_grid(state).is_none() && state.grid.is_none() {
                automatic = Some(default);
            }
            let (mut grid, log) = self.grid(state, default, k, &mut open)?;
            let shaped = matches!(self.said_grid(state), Some(Setting::Call(..) | Setting::List(_)));
            if !shaped && state.grid.is_none() && !self.options.deterministic {
                let (lo, hi) = (grid[0], grid[grid.len() - 1]);
                break_at(&mut grid, &fixed(&self.unroll.dag, read, now[k], lo, hi));
            }
            axes.push(StateAxis {
                name,
                kind: StateKind::Continuous { grid, log },
            });
        }
        Ok((axes, open, automatic))
    }

    /// What the settings say about a state's grid.
    fn said_grid(&self, state: &crate::check::model::State) -> Option<&Setting> {
        let last = state.name.rsplit('.').next().unwrap_or(&state.name);
        let settings = self.model.solve_settings()?;
        settings
            .get(&format!("grid.{}", state.name))
            .or_else(|| settings.get(&format!("grid.{last}")))
    }

    fn grid(
        &self,
        state: &crate::check::model::State,
        default: usize,
        k: usize,
        open: &mut Vec<(usize, bool, bool)>,
    ) -> Result<(Vec<f64>, bool), Diagnostic> {
        let said = self.said_grid(state);
        if said.is_none()
            && let Some(g) = &state.grid
        {
            return Ok((g.clone(), false));
        }
        let numbers = |list: &[Setting]| -> Vec<f64> {
            list.iter()
                .filter_map(|s| if let Setting::Number(x) = s { Some(*x) } else { None })
                .collect()
        };
        let (shape, args): (&str, Vec<f64>) = match said {
            None => ("auto", vec![default as f64]),
            Some(Setting::Number(n)) => ("auto", vec![*n]),
            Some(Setting::List(list)) => {
                let g = numbers(list);
                if g.len() < 2 || g.windows(2).any(|w| !(w[0] < w[1])) {
                    return Err(
                        Diagnostic::error("E0408", format!("the grid of `{}` does not ascend", state.name))
                            .at(state.span, "two nodes or more, ascending"),
                    );
                }
                let ends = (g[0], g[g.len() - 1]);
                if let Some(s) = state.start.map(|s| self.model.graph.nodes[s.0 as usize].domain)
                    && s.lo.is_finite()
                    && s.hi.is_finite()
                    && (s.lo < ends.0 || s.hi > ends.1)
                {
                    return Err(outside_start(state, (s.lo, s.hi), ends));
                }
                return Ok((g, false));
            }
            Some(Setting::Call(f, args)) => (f.as_str(), numbers(args)),
            Some(_) => return Err(bad_grid_setting(state)),
        };
        let (lo, hi, n) = match args.as_slice() {
            [n] => (None, None, *n),
            [lo, hi, n] => (Some(*lo), Some(*hi), *n),
            _ => return Err(bad_grid_setting(state)),
        };
        if !(n >= 2.0) || n.fract() != 0.0 {
            return Err(bad_grid_setting(state));
        }
        if n > 1e8 {
            return Err(Diagnostic::error(
                "E0904",
                format!(
                    "a grid of {n} nodes for `{}` does not fit in memory ({:.0} GiB a copy)",
                    state.name,
                    n * 8.0 / (1u64 << 30) as f64
                ),
            )
            .hint("use fewer nodes; cubic interpolation needs some hundreds at most"));
        }
        let n = n as usize;
        let (lo, hi, (low, high)) = self.ends_of_grid(state, shape, (lo, hi), n)?;
        if low || high {
            open.push((k, low, high));
        }
        self.spread(state, shape, (lo, hi), n, high)
    }

    /// Where the grid of a state ends, given its `shape` and what the settings say of its ends (both or none): the lower and the upper end, and which of
    /// them nobody has fixed.
    ///
    /// # Errors
    /// E0408 for a domain that no grid covers, E0909 for a start that the ends of the file leave out.
    fn ends_of_grid(
        &self,
        state: &crate::check::model::State,
        shape: &str,
        (lo, hi): (Option<f64>, Option<f64>),
        n: usize,
    ) -> Result<(f64, f64, (bool, bool)), Diagnostic> {
        let fixed = lo.is_some();
        let d = state.domain;
        let forced = self.options.bounds.iter().find(|(name, _, _)| *name == state.name);
        let start = state.start.map(|s| self.model.graph.nodes[s.0 as usize].domain);
        let reach: f64 = if self.options.deterministic { 1000.0 } else { 4.0 };
        // Where a state may be negative, a positive start says nothing of a scale.
        let positive = d.lo >= 0.0;
        let wide = |x: f64| {
            if !positive {
                let far = 10.0 * x.abs().max(1.0);
                (x - far, x + far)
            } else if x > 0.0 {
                (x / reach.max(5.0), x * reach)
            } else {
                (x - 10.0, x + 10.0)
            }
        };
        let mut ends = (false, false);
        let lo = match (forced, lo) {
            (Some((_, l, _)), None) if !lower_given(d, shape) => {
                ends.0 = true;
                *l
            }
            (_, Some(l)) => l,
            (_, None) if d.lo.is_finite() && !(d.lo == 0.0 && d.lo_open) => d.lo,
            (_, None) => {
                ends.0 = true;
                let l = start.map_or(-10.0, |s| if s.lo.is_finite() { wide(s.lo).0 } else { -10.0 });
                if d.lo == 0.0 {
                    l.max(if self.options.deterministic { 1e-4 } else { 1e-6 })
                } else {
                    l
                }
            }
        };
        let hi = match (forced, hi) {
            (Some((_, _, h)), None) if !d.hi.is_finite() => {
                ends.1 = true;
                *h
            }
            (_, Some(h)) => h,
            (_, None) if d.hi.is_finite() => d.hi,
            (_, None) => {
                ends.1 = true;
                {
                    let far = lo.abs().max(1.0) * if self.options.deterministic { 1e4 } else { 20.0 };
                    start.map_or(far, |s| if s.hi.is_finite() { wide(s.hi).1 } else { far })
                }
            }
        };
        // An end like this is none that is meant: nodes would be orders of magnitude apart.
        if !fixed
            && d.lo.is_finite()
            && d.hi.is_finite()
            && d.hi - d.lo > FAR * start.map_or(1.0, |s| s.hi.abs().max(1.0))
        {
            let name = state.name.rsplit('.').next().unwrap_or(&state.name);
            return Err(Diagnostic::error(
                "E0408",
                format!("the domain of `{}` is too wide for a grid: it ends at {:e}", state.name, d.hi.max(-d.lo)),
            )
            .at(state.span, "in a domain this wide")
            .hint(format!(
                "write an end that is meant, or `inf` and the solver looks for one; or give the grid ends: grid.{name} = log(0.5, 20, {n})"
            )));
        }
        // Whoever starts there must be on the grid.
        let (mut lo, mut hi) = (lo, hi);
        if let Some(s) = start.filter(|s| s.lo.is_finite() && s.hi.is_finite()) {
            if ends.0 && s.lo < 1.1 * lo.abs() * lo.signum() {
                let further = if s.lo > 0.0 {
                    0.8 * s.lo
                } else {
                    s.lo - 0.05 * (hi - s.lo).abs()
                };
                let further = if d.lo == 0.0 && d.lo_open {
                    further.max(1e-9)
                } else {
                    further.max(d.lo)
                };
                lo = lo.min(further);
            }
            if ends.1 && s.hi > hi - 0.1 * (hi - lo) {
                hi = hi.max(s.hi + 0.2 * (s.hi - lo).abs().max(1e-3));
            }
            if fixed && !self.options.deterministic && (s.lo < lo || s.hi > hi) {
                return Err(outside_start(state, (s.lo, s.hi), (lo, hi)));
            }
        }
        Ok((lo, hi, ends))
    }

    /// The nodes of a grid of this shape, and whether they are even in logarithms; `high` says that nobody has fixed its upper end.
    ///
    /// # Errors
    /// E0408 for ends between which such nodes do not fit.
    fn spread(
        &self,
        state: &crate::check::model::State,
        shape: &str,
        (lo, hi): (f64, f64),
        n: usize,
        high: bool,
    ) -> Result<(Vec<f64>, bool), Diagnostic> {
        let d = state.domain;
        let positive = d.lo >= 0.0;
        let made = match shape {
            "log" => grid::log(lo, hi, n).map(|g| (g, true)),
            "uniform" => grid::uniform(lo, hi, n).map(|g| (g, false)),
            "double_log" => grid::double_log(lo, hi, n).map(|g| (g, false)),
            "exponential" => grid::exponential(lo, hi, n, 3.0).map(|g| (g, false)),
            "auto" if positive && lo > 0.0 && hi / lo > 3.0 => grid::log(lo, hi, n).map(|g| (g, true)),
            "auto" if self.options.dense_below && d.lo.is_finite() && d.hi == f64::INFINITY => {
                grid::double_log(lo, hi, n).map(|g| (g, false))
            }
            "auto" if lo == 0.0 && (high || hi > 3.0) => grid::exponential(lo, hi, n, 3.0).map(|g| (g, false)),
            "auto" => grid::uniform(lo, hi, n).map(|g| (g, false)),
            _ => return Err(bad_grid_setting(state)),
        };
        made.map_err(|e| {
            let name = state.name.rsplit('.').next().unwrap_or(&state.name);
            Diagnostic::error("E0408", format!("the grid of `{}`: {e}", state.name))
                .at(state.span, "this state")
                .hint(match (lo < hi, shape) {
                    (false, _) if d.lo == d.hi => {
                        format!("a state that cannot move is a number: `param {name} = {}`; or give it room, `state {name} in [0, 10]`", d.lo)
                    }
                    (true, "log") => format!("write grid.{name} = uniform({lo}, {hi}, {n}), or begin above zero"),
                    _ => format!("write two ends, the lower one first: grid.{name} = uniform(0.1, 10, {n})"),
                })
        })
    }
}

/// A domain this many times wider than where lives start is none that grids can cover.
const FAR: f64 = 1e15;

/// Share of the cells around a kink that lies between the two nodes which stand there, and least distance of the next ones.
const CLOSE: f64 = 1e-6;
const APART: f64 = 0.3;
/// Most kinks of one state.
const MOST_KINKS: usize = 8;

/// Puts two nodes side by side wherever the model has a kink or a step at one value of the state, so that splines break there
/// ([`crate::num::interpolate::BREAK`]). With too many kinks, or too few nodes, the grid is left as it is.
fn break_at(grid: &mut Vec<f64>, kinks: &[Fixed]) {
    if kinks.len() > MOST_KINKS || grid.len() < 8 * kinks.len().max(1) {
        return;
    }
    for kink in kinks {
        let n = grid.len();
        let cell = grid.partition_point(|x| *x <= kink.at).clamp(1, n - 1) - 1;
        let width = grid[cell + 1] - grid[cell];
        let second = if kink.above {
            kink.at - CLOSE * width
        } else {
            kink.at + CLOSE * width
        };
        let (first, last) = (grid[0], grid[n - 1]);
        if kink.at - first < APART * width || last - kink.at < APART * width {
            continue;
        }
        grid.retain(|x| (x - kink.at).abs() >= APART * width || *x == first || *x == last);
        grid.extend([kink.at, second]);
        grid.sort_by(f64::total_cmp);
    }
}

fn lower_given(d: crate::graph::Interval, _shape: &str) -> bool {
    d.lo.is_finite() && !(d.lo == 0.0 && d.lo_open)
}

fn outside_start(state: &crate::check::model::State, start: (f64, f64), grid: (f64, f64)) -> Diagnostic {
    let last = state.name.rsplit('.').next().unwrap_or(&state.name);
    let from = if start.0 == start.1 {
        format!("{}", start.0)
    } else {
        format!("{} to {}", start.0, start.1)
    };
    Diagnostic::error(
        "E0975",
        format!(
            "`{}` starts at {from}, outside its grid from {} to {}",
            state.name, grid.0, grid.1
        ),
    )
    .at(state.span, "this state")
    .hint(format!(
        "let the grid hold the start: solve {{ grid.{last} = uniform({}, {}, 200) }}; or leave its ends to the solver: solve {{ grid.{last} = 200 }}",
        grid.0.min(start.0),
        grid.1.max(start.1)
    ))
}

fn bad_grid_setting(state: &crate::check::model::State) -> Diagnostic {
    let last = state.name.rsplit('.').next().unwrap_or(&state.name);
    Diagnostic::error("E0805", format!("this is no grid for `{}`", state.name))
        .at(state.span, "the state")
        .hint(format!(
            "write grid.{last} = log(200), uniform(200), log(0.5, 20, 200), double_log(..), exponential(..) or a list"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::interpolate::{Axis, Outside, Rule, Surface, Tensor};

    #[test]
    fn grids_with_two_nodes_at_a_kink_or_a_step_carry_functions_that_have_one_there() {
        let read = |grid: &[f64], f: &dyn Fn(f64) -> f64| -> f64 {
            let axis = Axis::new(grid, false, Rule::Cubic);
            let tensor = axis.and_then(|a| Tensor::new(vec![a], Outside::Linear));
            let tensor = tensor.unwrap_or_else(|| panic!("a grid"));
            let mut surface = Surface::default();
            let values: Vec<f64> = grid.iter().map(|x| f(*x)).collect();
            tensor.fit(&values, &mut surface);
            let mut worst: f64 = 0.0;
            for i in 0..997 {
                let x = -2.0 + 5.0 * (f64::from(i) + 0.31) / 997.0;
                let place = [tensor.axes()[0].locate(x)];
                worst = worst.max((tensor.value_at(&surface, &place) - f(x)).abs());
            }
            worst
        };
        let even: Vec<f64> = (0..41).map(|i| -2.0 + 0.125 * f64::from(i)).collect();
        let mut broken = even.clone();
        break_at(&mut broken, &[Fixed { at: 0.3, above: false }]);
        assert!(broken.windows(2).all(|w| w[0] < w[1]) && broken.contains(&0.3));
        let kink = |x: f64| {
            if x > 0.3 {
                (x - 0.3).exp()
            } else {
                1.0 - 2.0 * (x - 0.3)
            }
        };
        let step = |x: f64| if x > 0.3 { x.exp() } else { x.sin() };
        assert!(
            read(&even, &kink) > 1e-2 && read(&broken, &kink) < 3e-4,
            "{} {}",
            read(&even, &kink),
            read(&broken, &kink)
        );
        assert!(
            read(&even, &step) > 1e-1 && read(&broken, &step) < 3e-4,
            "{} {}",
            read(&even, &step),
            read(&broken, &step)
        );
        // Kinks at the ends, and too many of them, change nothing.
        let mut same = even.clone();
        break_at(
            &mut same,
            &[Fixed {
                at: -1.999,
                above: true,
            }],
        );
        break_at(&mut same, &[Fixed { at: 0.3, above: true }; 9]);
        assert_eq!(same, even);
    }
}
