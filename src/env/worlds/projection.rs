//! Feasibility: an action that breaks a requirement moves to a point where the requirement holds.

use super::{Bounds, Worlds};
use crate::check::model::{Otherwise, Space};
use crate::diag::Diagnostic;
use crate::env::engine::Engine;
use crate::graph::{Binary, NodeId, Op};
use crate::limits;

impl Worlds {
    /// Moves actions that violate a requirement to a feasible point, member by member: several continuous actions, and one where either of several conditions may hold, to the nearest point,
    /// by Newton's steps; what is then left along the line to the lower bounds, or to the first other anchor that is feasible (midpoints,
    /// upper bounds, corners). Where numbers alone cannot meet it, whole numbers and choices move to the nearest allowed values, and the
    /// numbers after them. `bounds` has one (action number, bounds) per action.
    ///
    /// # Errors
    /// E0902 where no action is feasible, E0832 where two requirements cannot be met one after the other, E0990 for a
    /// graph that cannot be evaluated.
    pub(crate) fn project(&mut self, bounds: &[(usize, Bounds)]) -> Result<(), Diagnostic> {
        let Some(mut engine) = self.projection.take() else {
            return Ok(());
        };
        let result = self.project_with(&mut engine, bounds);
        self.projection = Some(engine);
        result
    }

    fn project_with(&mut self, engine: &mut Engine, bounds: &[(usize, Bounds)]) -> Result<(), Diagnostic> {
        let model = self.model.clone();
        let n = self.worlds;
        let hard: Vec<usize> = (0..model.requires.len())
            .filter(|r| {
                matches!(
                    model.requires[*r].otherwise,
                    Otherwise::Infeasible | Otherwise::Project(_)
                )
            })
            .collect();
        // Meeting one requirement may break another: the loop goes through all of them until all hold, up to rounding.
        let rounds = hard.len() + 1;
        for (round, (k, r)) in (0..=rounds).flat_map(|round| hard.iter().enumerate().map(move |x| (round, x))) {
            let slack = engine.run(&self.frame, n)?.swap_remove(k);
            let least = if round == 0 { 0.0 } else { -ROUNDING };
            let violated: Vec<bool> = slack.iter().map(|s| *s < least || s.is_nan()).collect();
            if round == 0 {
                self.counts.binding[*r] += violated.iter().filter(|v| **v).count() as u64;
            }
            if fault!("learner.projection_skipped", true, !violated.iter().any(|v| *v)) {
                continue;
            }
            if round == rounds {
                let require = &model.requires[*r];
                return Err(Diagnostic::error(
                    "E0832",
                    format!("no action is found that meets `{}` and the other requirements", require.text),
                )
                .at(require.span, "broken again by what another requirement asks for")
                .hint("write one `require` of the smallest slack: require min(x, y) >= 0, or bound the actions themselves"));
            }
            let require = &model.requires[*r];
            let actions: Vec<usize> = match (&require.otherwise, require.agent) {
                (Otherwise::Project(a), _) => a.clone(),
                (_, Some(a)) => model.agents[a].actions.clone(),
                (_, None) => (0..model.actions.len()).collect(),
            };
            let shape = self.graph.nodes[require.slack.0 as usize].shape.clone();
            let movable: Vec<Movable> = actions
                .iter()
                .filter_map(|a| {
                    let (_, b) = bounds.iter().find(|(i, _)| i == a)?;
                    let now = self.frame[model.actions[*a].input.0 as usize].clone();
                    let (lo, hi, whole, masks) = match (b, &model.actions[*a].space) {
                        (Bounds::Between(lo, hi), Space::Integer { .. }) => (lo.clone(), hi.clone(), true, Vec::new()),
                        (Bounds::Between(lo, hi), _) => (lo.clone(), hi.clone(), false, Vec::new()),
                        (Bounds::Choices(masks), _) => {
                            let last = masks.len().saturating_sub(1) as f64;
                            (vec![0.0; now.len()], vec![last; now.len()], true, masks.clone())
                        }
                        (Bounds::Simplex, _) => return None,
                    };
                    Some(Movable {
                        action: *a,
                        targets: Movable::targets(&lo, &hi),
                        elements: crate::graph::shape::aligned(&self.graph, &shape, &model.actions[*a].shape),
                        now,
                        lo,
                        hi,
                        whole,
                        masks,
                    })
                })
                .collect();
            let mut left = violated;
            let (whole, movable): (Vec<Movable>, Vec<Movable>) = movable.into_iter().partition(|m| m.whole);
            // A step of a whole number or another choice is further than the width of a range: numbers move first.
            fault!("simulation.choices_first", do { self.move_whole(engine, k, &whole, &mut left)?; });
            let nearest = movable.len() > 1 || self.is_either(require.slack);
            // A shortfall of the size of rounding changes no choice, and sends no number to a far end.
            let near = |x: &f64| *x >= -ROUNDING;
            let close: Vec<bool> = slack.iter().map(near).collect();
            self.move_numbers(engine, k, (&movable, nearest, &close), &mut left)?;
            let mut far: Vec<bool> = left.iter().zip(&slack).map(|(l, x)| *l && !near(x)).collect();
            if !whole.is_empty() && far.contains(&true) {
                let asked = far.clone();
                self.move_whole(engine, k, &whole, &mut far)?;
                for ((l, was), is) in left.iter_mut().zip(asked).zip(far) {
                    *l &= !was || is;
                }
                self.move_numbers(engine, k, (&movable, nearest, &close), &mut left)?;
                let mut far: Vec<bool> = left.iter().zip(&slack).map(|(l, x)| *l && !near(x)).collect();
                let asked = far.clone();
                self.move_both(engine, k, &whole, (&movable, nearest, &close), &mut far)?;
                for ((l, was), is) in left.iter_mut().zip(asked).zip(far) {
                    *l &= !was || is;
                }
            }
            if left.iter().zip(&slack).any(|(l, x)| *l && !near(x)) {
                return Err(Diagnostic::error(
                    "E0902",
                    format!("no feasible action where `{}` fails", require.text),
                )
                .at(require.span, "neither the ends of the bounds nor their middle satisfy it")
                .hint("bound the action so that one end is always feasible, or say what happens: else penalty(..)"));
            }
        }
        Ok(())
    }

    /// Whether a requirement holds where either of several conditions does. What it allows may then lie on both sides of what it forbids, and an end of the range
    /// need not be on the nearer one.
    fn is_either(&self, slack: NodeId) -> bool {
        match &self.graph.nodes[slack.0 as usize].op {
            Op::Binary(Binary::Max, ..) => true,
            Op::Binary(Binary::Min, a, b) => self.is_either(*a) || self.is_either(*b),
            _ => false,
        }
    }

    /// Moves continuous actions until requirement `k` holds, where `left` (`element x world` of the requirement): to the `nearest` point, or
    /// else towards the anchors, to which a search of the nearest point leaves nobody who was `close` to allowed. Where nothing helps `left` stays true and the
    /// actions are as they were.
    fn move_numbers(
        &mut self,
        engine: &mut Engine,
        k: usize,
        (movable, nearest, close): (&[Movable], bool, &[bool]),
        left: &mut [bool],
    ) -> Result<(), Diagnostic> {
        if movable.is_empty() || !left.contains(&true) {
            return Ok(());
        }
        let n = self.worlds;
        if nearest {
            self.move_nearest(engine, k, movable, left)?;
        }
        let stay: Vec<bool> = left.iter().zip(close).map(|(l, c)| nearest && *l && *c).collect();
        left.iter_mut().zip(&stay).for_each(|(l, s)| *l &= !s);
        let last = if left.contains(&true) {
            anchors(movable.len())
        } else {
            Vec::new()
        };
        for anchor in last {
            // Bisection on the share of the way, all members side by side.
            let mut low = vec![0.0; left.len()];
            let mut high = vec![1.0; left.len()];
            for round in 0..50 {
                let share: Vec<f64> = if round == 0 {
                    vec![1.0; low.len()]
                } else {
                    low.iter().zip(&high).map(|(a, b)| 0.5 * (a + b)).collect()
                };
                self.place(movable, &share, left, &anchor);
                let s = engine.run(&self.frame, n)?.swap_remove(k);
                for i in 0..s.len() {
                    if s[i] >= 0.0 {
                        high[i] = share[i];
                    } else if round > 0 {
                        low[i] = share[i];
                    }
                }
                if round == 0 && !s.iter().zip(left.iter()).any(|(x, v)| *v && *x >= 0.0) {
                    break;
                }
            }
            self.place(movable, &high, left, &anchor);
            let s = engine.run(&self.frame, n)?.swap_remove(k);
            // Who is allowed there stays; the others go on to the next anchor.
            for (v, x) in left.iter_mut().zip(&s) {
                *v &= !(*x >= 0.0);
            }
            if !left.contains(&true) {
                break;
            }
        }
        left.iter_mut().zip(&stay).for_each(|(l, s)| *l |= s);
        self.as_asked(movable, left);
        Ok(())
    }

    /// Actions that no move helped keep the value that was asked for.
    fn as_asked(&mut self, movable: &[Movable], left: &[bool]) {
        let n = self.worlds;
        for m in movable {
            let input = self.model.actions[m.action].input.0 as usize;
            for (e, from) in m.elements.iter().enumerate() {
                for w in 0..n {
                    if left[from * n + w] {
                        self.frame[input][e * n + w] = m.now[e * n + w];
                    }
                }
            }
        }
    }

    /// Moves whole numbers and choices to the nearest allowed ones that meet requirement `k`, where `left` (`element x world` of the
    /// requirement). Distances are sums of steps; it tries all combinations of steps, up to [`COMBINATIONS`] of them.
    fn move_whole(
        &mut self,
        engine: &mut Engine,
        k: usize,
        whole: &[Movable],
        left: &mut [bool],
    ) -> Result<(), Diagnostic> {
        if whole.is_empty() || !left.contains(&true) {
            return Ok(());
        }
        let n = self.worlds;
        let before: Vec<Vec<f64>> = whole
            .iter()
            .map(|m| self.frame[self.model.actions[m.action].input.0 as usize].clone())
            .collect();
        let nearest_first = whole_steps(&widths(whole));
        let order = fault!(
            "simulation.moved_far",
            nearest_first.into_iter().rev().collect::<Vec<_>>(),
            nearest_first
        );
        for steps in order {
            limits::poll();
            let there = self.step_whole(whole, &before, &steps, left);
            let slack = engine.run(&self.frame, n)?.swap_remove(k);
            for ((l, x), there) in left.iter_mut().zip(&slack).zip(&there) {
                *l &= !(*x >= 0.0 && *there);
            }
            if !left.contains(&true) {
                return Ok(());
            }
        }
        // Continuous actions may still help: the whole ones stay as they were asked for.
        self.step_whole(whole, &before, &vec![0; whole.len()], left);
        Ok(())
    }

    /// Sets whole numbers and choices `steps` away from where they stood `before`, where `left`; whether all of them are allowed there.
    fn step_whole(&mut self, whole: &[Movable], before: &[Vec<f64>], steps: &[i64], left: &[bool]) -> Vec<bool> {
        let n = self.worlds;
        let mut there = vec![true; left.len()];
        for ((m, d), was) in whole.iter().zip(steps).zip(before) {
            let input = self.model.actions[m.action].input.0 as usize;
            for (e, from) in m.elements.iter().enumerate() {
                for w in 0..n {
                    let (i, s) = (e * n + w, from * n + w);
                    if left[s] {
                        let x = was[i] + *d as f64;
                        there[s] &= m.allows(i, x);
                        self.frame[input][i] = if m.allows(i, x) { x } else { was[i] };
                    }
                }
            }
        }
        there
    }

    /// Moves whole numbers and choices to the nearest allowed ones with which numbers can be moved until requirement `k` holds, where `left`: a
    /// choice may allow no number that another one does.
    fn move_both(
        &mut self,
        engine: &mut Engine,
        k: usize,
        whole: &[Movable],
        numbers: (&[Movable], bool, &[bool]),
        left: &mut [bool],
    ) -> Result<(), Diagnostic> {
        if numbers.0.is_empty() || !left.contains(&true) {
            return Ok(());
        }
        let before: Vec<Vec<f64>> = whole
            .iter()
            .map(|m| self.frame[self.model.actions[m.action].input.0 as usize].clone())
            .collect();
        for steps in whole_steps(&widths(whole)) {
            limits::poll();
            let there = self.step_whole(whole, &before, &steps, left);
            let mut moved: Vec<bool> = left.iter().zip(&there).map(|(l, t)| *l && *t).collect();
            let asked = moved.clone();
            self.move_numbers(engine, k, numbers, &mut moved)?;
            for ((l, was), is) in left.iter_mut().zip(asked).zip(moved) {
                *l &= !was || is;
            }
            if !left.contains(&true) {
                return Ok(());
            }
        }
        self.step_whole(whole, &before, &vec![0; whole.len()], left);
        Ok(())
    }

    /// Moves continuous actions to the nearest point that meets requirement `k`, distances in widths of their ranges: Newton's
    /// steps along the slope of the slack, which is exact for linear ones. Where that does not end on it, `left` stays true and
    /// the actions are as they were.
    fn move_nearest(
        &mut self,
        engine: &mut Engine,
        k: usize,
        movable: &[Movable],
        left: &mut [bool],
    ) -> Result<(), Diagnostic> {
        let n = self.worlds;
        let mut open = left.to_vec();
        for round in 0..30 {
            if !open.contains(&true) {
                break;
            }
            let slack = engine.run(&self.frame, n)?.swap_remove(k);
            for (s, o) in open.iter_mut().enumerate() {
                if *o && slack[s] >= 0.0 {
                    *o = false;
                    left[s] = false;
                }
                *o &= slack[s].is_finite();
            }
            if round == 29 || !open.contains(&true) {
                break;
            }
            // Slopes of the slack by each action, a width of its range the unit; none at a bound that holds the step back.
            let mut slopes = Vec::new();
            for m in movable {
                let input = self.model.actions[m.action].input.0 as usize;
                let was = self.frame[input].clone();
                let mut slope = vec![0.0; open.len()];
                for inwards in [1.0, -1.0] {
                    for (e, from) in m.elements.iter().enumerate() {
                        for w in 0..n {
                            let (i, s) = (e * n + w, from * n + w);
                            let to = was[i] + inwards * 1e-7 * m.unit(i);
                            if open[s] && slope[s] == 0.0 && to >= m.lo[i] && to <= m.hi[i] {
                                self.frame[input][i] = to;
                            }
                        }
                    }
                    let moved = engine.run(&self.frame, n)?.swap_remove(k);
                    for s in 0..open.len() {
                        let d = inwards * (moved[s] - slack[s]) / 1e-7;
                        if open[s] && slope[s] == 0.0 && d.is_finite() {
                            // A rise against this direction cannot be used where only this direction is open.
                            slope[s] = d;
                        }
                    }
                    self.frame[input].clone_from(&was);
                }
                // At a bound only a step inwards counts.
                for (e, from) in m.elements.iter().enumerate() {
                    for w in 0..n {
                        let (i, s) = (e * n + w, from * n + w);
                        let (low, high) = (was[i] <= m.lo[i], was[i] >= m.hi[i]);
                        if low && slope[s] < 0.0 || high && slope[s] > 0.0 {
                            slope[s] = 0.0;
                        }
                    }
                }
                slopes.push(slope);
            }
            for s in 0..open.len() {
                let norm: f64 = slopes.iter().map(|g| g[s] * g[s]).sum();
                open[s] &= norm > 0.0;
            }
            for (m, slope) in movable.iter().zip(&slopes) {
                let input = self.model.actions[m.action].input.0 as usize;
                for (e, from) in m.elements.iter().enumerate() {
                    for w in 0..n {
                        let (i, s) = (e * n + w, from * n + w);
                        if open[s] {
                            let norm: f64 = slopes.iter().map(|g| g[s] * g[s]).sum();
                            // A trifle beyond, so that rounding does not leave the slack below zero.
                            let wanted = -slack[s] + 1e-13 * (1.0 + slack[s].abs());
                            let unit = fault!("simulation.moved_past", 2.0 * m.unit(i), m.unit(i));
                            let x = self.frame[input][i] + unit * wanted * slope[s] / norm;
                            self.frame[input][i] = x.max(m.lo[i]).min(m.hi[i]);
                        }
                    }
                }
            }
        }
        // An action that did not get there keeps the value that was asked for.
        self.as_asked(movable, left);
        Ok(())
    }

    /// Moves actions a share of the way to an anchor, where `violated` (by element of the requirement and world).
    fn place(&mut self, movable: &[Movable], share: &[f64], violated: &[bool], anchor: &[usize]) {
        let n = self.worlds;
        for (m, end) in movable.iter().zip(anchor) {
            let target = &m.targets[*end];
            let input = self.model.actions[m.action].input.0 as usize;
            for (e, from) in m.elements.iter().enumerate() {
                limits::poll();
                for w in 0..n {
                    let (i, s) = (e * n + w, from * n + w);
                    if violated[s] {
                        self.frame[input][i] = m.now[i] + share[s] * (target[i] - m.now[i]);
                    }
                }
            }
        }
    }
}

/// How far whole numbers and choices can be moved, in steps.
fn widths(whole: &[Movable]) -> Vec<i64> {
    let width = |m: &Movable| {
        let widths = m.lo.iter().zip(&m.hi).map(|(l, h)| h - l);
        widths.filter(|w| w.is_finite()).fold(1.0, f64::max) as i64
    };
    whole.iter().map(width).collect()
}

/// Shortfalls of a requirement that are left over by rounding.
const ROUNDING: f64 = 1e-9;

/// An action that may be moved until a requirement holds.
struct Movable {
    action: usize,
    /// Where it stands, `[element][world]`.
    now: Vec<f64>,
    /// Lower bounds.
    lo: Vec<f64>,
    /// Upper bounds.
    hi: Vec<f64>,
    /// Lower bounds, middles and upper bounds.
    targets: [Vec<f64>; 3],
    /// The requirement's element that each element of the action belongs to.
    elements: Vec<usize>,
    /// Whether it is a whole number or a choice.
    whole: bool,
    /// Which choices are allowed (not zero), by choice; none where all are.
    masks: Vec<Option<Vec<f64>>>,
}

impl Movable {
    fn targets(lo: &[f64], hi: &[f64]) -> [Vec<f64>; 3] {
        let between = |share: f64| -> Vec<f64> {
            let each = |(l, h): (&f64, &f64)| {
                if l.is_finite() && h.is_finite() {
                    l + share * (h - l)
                } else {
                    *l
                }
            };
            lo.iter().zip(hi).map(each).collect()
        };
        [lo.to_vec(), between(0.5), between(1.0)]
    }

    /// Whether a whole number or a choice may be taken, requirements apart.
    fn allows(&self, i: usize, x: f64) -> bool {
        let mask = self.masks.get(x as usize).and_then(Option::as_ref);
        x >= self.lo[i] && x <= self.hi[i] && mask.is_none_or(|m| m[i] != 0.0)
    }

    /// The width of its range, for distances; `1 + |x|` where it has no end.
    fn unit(&self, i: usize) -> f64 {
        let width = self.hi[i] - self.lo[i];
        if width.is_finite() && width > 0.0 {
            width
        } else {
            1.0 + self.now[i].abs()
        }
    }
}

/// Most combinations of steps of whole numbers that are tried.
const COMBINATIONS: usize = 4096;

/// Steps of whole numbers up to their widths, nearest first (by the sum of lengths), downwards before upwards.
fn whole_steps(widths: &[i64]) -> Vec<Vec<i64>> {
    let each = (COMBINATIONS as f64).powf(1.0 / widths.len().max(1) as f64);
    let mut all = vec![Vec::new()];
    for width in widths {
        let reach = (*width).min(((each - 1.0) / 2.0) as i64).max(1);
        let longer = |steps: &Vec<i64>| -> Vec<Vec<i64>> {
            let with = |d: i64| steps.iter().copied().chain([d]).collect();
            (-reach..=reach).map(with).collect()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all.sort_by_key(|s| s.iter().map(|d| d.abs()).sum::<i64>());
    all
}

/// Where `actions` actions are moved together until a requirement holds, as numbers of [`Movable::targets`]: all to their lower
/// bounds, middles, upper bounds, and up to three to every other corner.
fn anchors(actions: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = (0..3).map(|end| vec![end; actions]).collect();
    if (2..=3).contains(&actions) {
        let corners = 1..(1usize << actions) - 1;
        all.extend(corners.map(|c| (0..actions).map(|a| 2 * (c >> a & 1)).collect()));
    }
    all
}
