//! What a learner sees and does, in numbers of its own. Nobody writes an encoding: it follows from the types of the file.
//!
//! *Seen*: values with two finite ends are scaled to [-1, 1], others are left as they are (learners standardise), chains
//! and labels are one-hot, arrays beyond the decision maker's own axes are laid side by side. Who observes nothing sees a
//! constant: a bandit.
//! *Done*: every continuous dimension is a number in [-1, 1], mapped to the bounds of the action at the present state. A
//! choice between 0 and all that the agent has is thereby a share, and a choice between two numbers is a quantity: the bounds
//! written in the file decide how an action is scaled. Whole numbers with few values and finite choices are choices, masked where
//! they are not allowed; shares that sum to one are a softmax.

use super::ActionSpace;
use super::worlds::Bounds;
use crate::check::model::{Action, Model, Space};
use crate::diag::Diagnostic;
use crate::graph::shape::aligned;
use crate::graph::{Graph, Interval, NodeId, Shape};

/// Most whole numbers that are choices; more are a continuous dimension, rounded.
const MOST_CHOICES: usize = 128;
/// Open ends are approached to this share of the range.
const MARGIN: f64 = 1e-3;
/// Largest difference of two logits of a simplex is twice this.
const STEEP: f64 = 5.0;

/// One item of an observation.
#[derive(Clone, Debug)]
struct Seen {
    name: String,
    /// For each member and column the element of the node.
    map: Vec<usize>,
    columns: usize,
    code: Code,
}

/// How a value is written for a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Code {
    OneHot(usize),
    Scaled { middle: f64, half: f64 },
    Plain,
}

/// One number a learner gives.
#[derive(Clone, Debug)]
struct Done {
    /// Which of the agent's actions.
    action: usize,
    /// For each member the element of the action.
    elements: Vec<usize>,
    kind: Kind,
}

/// What one number or choice of a learner means in the file.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Meaning {
    /// The action, with the number of its element if it has several.
    pub action: String,
    /// `interval`, `whole number`, `choice`, ..
    pub kind: &'static str,
    /// Which continuous dimension, if it is one.
    pub continuous: Option<usize>,
    /// Which choice, if it is one.
    pub discrete: Option<usize>,
    /// Lower and upper end, and the shares of the range by which open ends are missed; nothing where the bounds move with the state
    /// or have no end.
    pub ends: Option<(f64, f64, f64, f64)>,
    /// For each choice the number it stands for; empty where choices have names.
    pub values: Vec<f64>,
    /// For each choice its name; empty where choices are numbers.
    pub labels: Vec<String>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Continuous dimension `at`, between the bounds.
    Between { at: usize, open: (bool, bool), whole: bool },
    /// Choice `at`: index `i` means the number `first + i`.
    Whole { at: usize, first: f64, count: usize },
    /// Choice `at`: index `i` means the number `values[i]`.
    Grid { at: usize, values: Vec<f64> },
    /// Choice `at` of a finite set.
    Choice { at: usize },
    /// Logits `from .. from + count`; this dimension is number `own` of them.
    Share { from: usize, count: usize, own: usize },
}

/// The translation between one agent of a model and a learner.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Members of the agent in one world.
    pub members: usize,
    /// The stage in which it acts.
    pub stage: usize,
    /// The actions it chooses: one number per action, in order.
    pub actions: Vec<usize>,
    /// Nodes of the items it sees, in order: one per item of the observation.
    pub nodes: Vec<NodeId>,
    /// What is chosen.
    pub space: ActionSpace,
    seen: Vec<Seen>,
    done: Vec<Done>,
    width: usize,
    masked: bool,
}

impl Interface {
    /// For agent number `agent`. With `grids`, actions that have a grid in the file are choices among its nodes (for
    /// learners that know finite sets only).
    ///
    /// # Errors
    /// E0928 for agents that act in more than one stage, or choose nothing; E0810 for schedules.
    pub fn new(model: &Model, agent: usize, grids: bool) -> Result<Interface, Diagnostic> {
        let a = &model.agents[agent];
        let graph = &model.graph;
        let actions: Vec<usize> = a
            .actions
            .iter()
            .copied()
            .filter(|x| !a.rules.iter().any(|(r, _)| r == x))
            .collect();
        let Some(first) = actions.first() else {
            return Err(
                Diagnostic::error("E0928", format!("`{}` has nothing to choose", a.name))
                    .at(a.span, "all its actions follow rules")
                    .hint("remove the `policy` of the action that is to be learnt"),
            );
        };
        let stage = model.actions[*first].stage;
        if let Some(other) = actions.iter().find(|x| model.actions[**x].stage != stage) {
            return Err(Diagnostic::error(
                "E0928",
                format!("`{}` acts in two stages, and a learner in one", a.name),
            )
            .at(
                model.actions[*other].span,
                "chosen in another stage than its first action",
            )
            .hint("give one of the two actions a rule: policy NAME = .."));
        }
        let mut seen = Vec::new();
        let mut width = 0;
        for o in &a.observation {
            let node = &graph.nodes[o.node.0 as usize];
            let (map, columns) = columns(graph, &a.shape, &node.shape);
            let code = Code::of(&node.domain, o.links);
            width += columns * code.width();
            seen.push(Seen {
                name: o.name.clone(),
                map,
                columns,
                code,
            });
        }
        let mut interface = Interface {
            members: graph.elements(&a.shape),
            stage,
            nodes: a.observation.iter().map(|o| o.node).collect(),
            space: ActionSpace::default(),
            seen,
            done: Vec::new(),
            // A network needs one number at least.
            width: width.max(1),
            masked: false,
            actions,
        };
        for k in 0..interface.actions.len() {
            let action = &model.actions[interface.actions[k]];
            interface.dimensions(graph, &a.shape, k, action, grids)?;
        }
        Ok(interface)
    }

    fn dimensions(
        &mut self,
        graph: &Graph,
        members: &Shape,
        k: usize,
        action: &Action,
        grids: bool,
    ) -> Result<(), Diagnostic> {
        let (map, columns) = columns(graph, members, &action.shape);
        let domain = |n: &NodeId| graph.nodes[n.0 as usize].domain;
        for c in 0..columns {
            let elements: Vec<usize> = map.iter().skip(c).step_by(columns).copied().collect();
            let kind = match &action.space {
                Space::Interval { lo_open, hi_open, .. } => match action.grid.as_ref().filter(|_| grids) {
                    Some(values) => {
                        self.masked = true;
                        Kind::Grid {
                            at: self.choice(values.len()),
                            values: values.clone(),
                        }
                    }
                    None => Kind::Between {
                        at: self.number(),
                        open: (*lo_open, *hi_open),
                        whole: false,
                    },
                },
                Space::Integer { lo, hi } => {
                    let (first, last) = (domain(lo).lo.ceil(), domain(hi).hi.floor());
                    let count = last - first + 1.0;
                    if count >= 1.0 && count <= MOST_CHOICES as f64 {
                        self.masked |= domain(lo).as_point().is_none() || domain(hi).as_point().is_none();
                        Kind::Whole {
                            at: self.choice(count as usize),
                            first,
                            count: count as usize,
                        }
                    } else {
                        Kind::Between {
                            at: self.number(),
                            open: (false, false),
                            whole: true,
                        }
                    }
                }
                Space::Finite { labels, masks, .. } => {
                    self.masked |= masks.iter().any(Option::is_some);
                    Kind::Choice {
                        at: self.choice(labels.len()),
                    }
                }
                Space::Simplex(axis) => {
                    if action.shape.len() != members.len() + 1 || action.shape.last() != Some(axis) {
                        return Err(Diagnostic::error(
                            "E0928",
                            format!("the shares `{}` are not over the last axis alone", action.name),
                        )
                        .at(action.span, "learners choose one set of shares per member")
                        .hint("put the axis of the shares last, and no other beside it"));
                    }
                    let at = self.number();
                    Kind::Share {
                        from: at - c,
                        count: columns,
                        own: c,
                    }
                }
            };
            self.done.push(Done {
                action: k,
                elements,
                kind,
            });
        }
        Ok(())
    }

    fn number(&mut self) -> usize {
        self.space.continuous += 1;
        self.space.continuous - 1
    }

    fn choice(&mut self, count: usize) -> usize {
        self.space.discrete.push(count);
        self.space.discrete.len() - 1
    }

    /// Width of an observation.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Names of the columns of an observation: one per column, [`Self::width`] in all.
    pub fn columns(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.seen.is_empty() {
            out.push("constant".to_string());
        }
        for s in &self.seen {
            for c in 0..s.columns {
                let name = if s.columns > 1 {
                    format!("{}[{}]", s.name, c + 1)
                } else {
                    s.name.clone()
                };
                match s.code {
                    Code::OneHot(n) => out.extend((0..n).map(|i| format!("{name}={i}"))),
                    Code::Scaled { .. } | Code::Plain => out.push(name),
                }
            }
        }
        out
    }

    /// Ends (lower, upper) of each column of an observation: one pair per column. What lies between them is scaled to
    /// [-1, 1] before a learner sees it. `(-1, 1)`, which changes nothing, where a value is handed on as it is.
    pub fn ends(&self) -> Vec<(f64, f64)> {
        if self.seen.is_empty() {
            return vec![(-1.0, 1.0)];
        }
        let mut out = Vec::with_capacity(self.width);
        for s in &self.seen {
            for _ in 0..s.columns {
                match s.code {
                    Code::OneHot(n) => out.extend(std::iter::repeat_n((-1.0, 1.0), n)),
                    Code::Scaled { middle, half } => out.push((middle - half, middle + half)),
                    Code::Plain => out.push((-1.0, 1.0)),
                }
            }
        }
        out
    }

    /// Between what each column of an observation lies, as a learner sees it: one pair per column. Domains without an end have an infinite one.
    pub fn limits(&self, model: &Model) -> Vec<(f64, f64)> {
        let mut out = Vec::with_capacity(self.width);
        for (s, node) in self.seen.iter().zip(&self.nodes) {
            let domain = &model.graph.nodes[node.0 as usize].domain;
            for _ in 0..s.columns {
                match s.code {
                    Code::OneHot(n) => out.extend(std::iter::repeat_n((0.0, 1.0), n)),
                    Code::Scaled { .. } => out.push((-1.0, 1.0)),
                    Code::Plain => out.push((domain.lo, domain.hi)),
                }
            }
        }
        if self.seen.is_empty() {
            out.push((1.0, 1.0));
        }
        out
    }

    /// What each number and choice of a learner means: one entry per dimension of the action space.
    pub fn meanings(&self, model: &Model) -> Vec<Meaning> {
        let point = |n: &NodeId| model.graph.nodes[n.0 as usize].domain.as_point();
        self.done
            .iter()
            .map(|d| {
                let action = &model.actions[self.actions[d.action]];
                let element = self.done.iter().filter(|o| o.action == d.action).count() > 1;
                // How many of the same action stand before it.
                let before = self.done.iter().take_while(|o| !std::ptr::eq(*o, d));
                let number = before.filter(|o| o.action == d.action).count();
                let mut meaning = Meaning {
                    action: if element {
                        format!("{}[{}]", action.name, number + 1)
                    } else {
                        action.name.clone()
                    },
                    kind: "interval",
                    continuous: None,
                    discrete: None,
                    ends: None,
                    values: Vec::new(),
                    labels: Vec::new(),
                };
                match &d.kind {
                    Kind::Between { at, open, whole } => {
                        meaning.continuous = Some(*at);
                        meaning.kind = if *whole { "whole number" } else { "interval" };
                        let ends = match &action.space {
                            Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => point(lo).zip(point(hi)),
                            Space::Finite { .. } | Space::Simplex(_) => None,
                        };
                        meaning.ends = ends.filter(|(l, h)| l.is_finite() && h.is_finite()).map(|(l, h)| {
                            // Open ends are approached, not reached.
                            (
                                l,
                                h,
                                f64::from(u8::from(open.0)) * MARGIN,
                                f64::from(u8::from(open.1)) * MARGIN,
                            )
                        });
                    }
                    Kind::Whole { at, first, count } => {
                        meaning.discrete = Some(*at);
                        meaning.kind = "choice of a whole number";
                        meaning.values = (0..*count).map(|i| first + i as f64).collect();
                    }
                    Kind::Grid { at, values } => {
                        meaning.discrete = Some(*at);
                        meaning.kind = "choice of a grid point";
                        meaning.values.clone_from(values);
                    }
                    Kind::Choice { at } => {
                        meaning.discrete = Some(*at);
                        meaning.kind = "choice";
                        if let Space::Finite { labels, .. } = &action.space {
                            meaning.labels.clone_from(labels);
                        }
                    }
                    Kind::Share { from, own, .. } => {
                        meaning.continuous = Some(from + own);
                        meaning.kind = "share of a simplex";
                    }
                }
                meaning
            })
            .collect()
    }

    /// Distance between neighbouring points of the grid on which a learner of finite sets chooses action `k` of
    /// [`Self::actions`]: the widest of the file's grid, or that of `bins` points between bounds that do not move. `None`
    /// where the action is no number, or its bounds move.
    pub fn grid_step(&self, model: &Model, k: usize, bins: usize) -> Option<f64> {
        let action = &model.actions[*self.actions.get(k)?];
        let kind = &self.done.iter().find(|d| d.action == k)?.kind;
        let point = |n: &NodeId| model.graph.nodes[n.0 as usize].domain.as_point();
        match (kind, &action.space) {
            (Kind::Grid { values, .. }, _) => values.windows(2).map(|w| (w[1] - w[0]).abs()).reduce(f64::max),
            (Kind::Between { open, whole: false, .. }, Space::Interval { lo, hi, .. }) if bins > 1 => {
                let (lo, hi) = (point(lo)?, point(hi)?);
                (lo.is_finite() && hi.is_finite())
                    .then(|| (place(1.0, lo, hi, *open) - place(-1.0, lo, hi, *open)) / (bins - 1) as f64)
            }
            (Kind::Whole { .. } | Kind::Between { whole: true, .. }, _) => Some(1.0),
            (Kind::Between { .. } | Kind::Choice { .. } | Kind::Share { .. }, _) => None,
        }
    }

    /// Between which values a learner can choose action `k` of [`Self::actions`] where its bounds are `lo` and `hi`: open ends are
    /// approached, and what has no end ends where a number of a learner does. `None` where it chooses among finitely many, or shares.
    pub fn reach(&self, k: usize, lo: f64, hi: f64) -> Option<(f64, f64)> {
        match self.done.iter().find(|d| d.action == k)?.kind {
            Kind::Between { open, whole: false, .. } => Some((place(-1.0, lo, hi, open), place(1.0, lo, hi, open))),
            Kind::Between { .. }
            | Kind::Whole { .. }
            | Kind::Grid { .. }
            | Kind::Choice { .. }
            | Kind::Share { .. } => None,
        }
    }

    /// Whether some choice may be forbidden.
    pub fn masked(&self) -> bool {
        self.masked
    }

    /// Writes observations, `slot x width` (`slot = world * members + member`), from the values of [`Self::nodes`]: one
    /// array per node, `element x world`.
    pub fn observe(&self, values: &[Vec<f64>], worlds: usize, out: &mut [f32]) {
        if self.seen.is_empty() {
            out.fill(1.0);
        }
        let mut column = 0;
        for (item, values) in self.seen.iter().zip(values) {
            let wide = item.code.width();
            for c in 0..item.columns {
                for m in 0..self.members {
                    crate::limits::poll();
                    let element = item.map[m * item.columns + c];
                    for w in 0..worlds {
                        let x = values[element * worlds + w];
                        let at = (w * self.members + m) * self.width + column;
                        match item.code {
                            Code::OneHot(n) => {
                                out[at..at + n].fill(0.0);
                                out[at + (x.max(0.0) as usize).min(n - 1)] = 1.0;
                            }
                            Code::Scaled { middle, half } => out[at] = ((x - middle) / half) as f32,
                            Code::Plain => out[at] = x as f32,
                        }
                    }
                }
                column += wide;
            }
        }
    }

    /// Writes which choices are allowed (1 or 0), `slot x sum(sizes)`; nothing if none can be forbidden. `bounds` has
    /// one entry per action, in the order of [`Self::actions`].
    pub fn mask(&self, bounds: &[&Bounds], worlds: usize, out: &mut Vec<f32>) {
        out.clear();
        if !self.masked {
            return;
        }
        let width: usize = self.space.discrete.iter().sum();
        out.resize(worlds * self.members * width, 1.0);
        let starts: Vec<usize> = self
            .space
            .discrete
            .iter()
            .scan(0, |at, n| {
                *at += n;
                Some(*at - n)
            })
            .collect();
        for d in &self.done {
            for (m, element) in d.elements.iter().enumerate() {
                crate::limits::poll();
                for w in 0..worlds {
                    let row = (w * self.members + m) * width;
                    let at = element * worlds + w;
                    match (&d.kind, bounds[d.action]) {
                        (Kind::Whole { at: k, first, count }, Bounds::Between(lo, hi)) => {
                            for i in 0..*count {
                                let x = first + i as f64;
                                out[row + starts[*k] + i] = f32::from(u8::from(x >= lo[at] && x <= hi[at]));
                            }
                        }
                        (Kind::Grid { at: k, values }, Bounds::Between(lo, hi)) => {
                            let inside = |x: &f64| *x >= lo[at] && *x <= hi[at];
                            let any = values.iter().any(inside);
                            for (i, x) in values.iter().enumerate() {
                                // Where no node is inside, all are offered and moved to the nearest end.
                                out[row + starts[*k] + i] = f32::from(u8::from(!any || inside(x)));
                            }
                        }
                        (Kind::Choice { at: k }, Bounds::Choices(masks)) => {
                            for (i, mask) in masks.iter().enumerate() {
                                let allowed = mask.as_ref().is_none_or(|x| x[at] != 0.0);
                                out[row + starts[*k] + i] = f32::from(u8::from(allowed));
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// The agent's actions in units of the file: for action `k` of [`Self::actions`], `element x world` numbers into
    /// `out[k]` (which has that length). `continuous` (`slot x continuous`, in [-1, 1]) and `discrete` (`slot x
    /// discrete`, indices) are the learner's; `bounds` has one entry per action.
    pub fn act(&self, continuous: &[f32], discrete: &[u32], bounds: &[&Bounds], worlds: usize, out: &mut [Vec<f64>]) {
        let (nc, nd) = (self.space.continuous, self.space.discrete.len());
        for d in &self.done {
            for (m, element) in d.elements.iter().enumerate() {
                crate::limits::poll();
                for w in 0..worlds {
                    let slot = w * self.members + m;
                    let at = element * worlds + w;
                    out[d.action][at] = match &d.kind {
                        Kind::Between { at: c, open, whole } => {
                            let a = f64::from(continuous[slot * nc + c]);
                            let (lo, hi) = match bounds[d.action] {
                                Bounds::Between(lo, hi) => (lo[at], hi[at]),
                                Bounds::Choices(_) | Bounds::Simplex => (-1.0, 1.0),
                            };
                            let x = place(a, lo, hi, *open);
                            if *whole {
                                x.round().clamp(lo.ceil(), hi.floor())
                            } else {
                                x
                            }
                        }
                        Kind::Whole { at: k, first, .. } => first + f64::from(discrete[slot * nd + k]),
                        Kind::Grid { at: k, values } => {
                            let x = values[(discrete[slot * nd + k] as usize).min(values.len() - 1)];
                            match bounds[d.action] {
                                Bounds::Between(lo, hi) => x.min(hi[at]).max(lo[at]),
                                Bounds::Choices(_) | Bounds::Simplex => x,
                            }
                        }
                        Kind::Choice { at: k } => f64::from(discrete[slot * nd + k]),
                        Kind::Share { from, count, own } => {
                            let row = &continuous[slot * nc + from..slot * nc + from + count];
                            let weight = |a: &f32| (STEEP * f64::from(*a)).exp();
                            weight(&row[*own]) / row.iter().map(weight).sum::<f64>()
                        }
                    };
                }
            }
        }
    }
}

impl Code {
    /// Of a value between these ends, or of one of so many labels.
    pub(super) fn of(domain: &Interval, links: Option<usize>) -> Code {
        match links {
            Some(n) => Code::OneHot(n),
            None if domain.lo.is_finite() && domain.hi.is_finite() && domain.hi > domain.lo => Code::Scaled {
                middle: 0.5 * (domain.lo + domain.hi),
                half: 0.5 * (domain.hi - domain.lo),
            },
            None => Code::Plain,
        }
    }

    pub(super) fn width(self) -> usize {
        match self {
            Code::OneHot(n) => n,
            Code::Scaled { .. } | Code::Plain => 1,
        }
    }

    /// Adds a value as a network reads it: [`Self::width`] numbers.
    pub(super) fn push(self, x: f64, out: &mut Vec<f32>) {
        match self {
            Code::OneHot(n) => {
                let hot = (x.max(0.0) as usize).min(n - 1);
                out.extend((0..n).map(|i| f32::from(u8::from(i == hot))));
            }
            Code::Scaled { middle, half } => out.push(((x - middle) / half) as f32),
            Code::Plain => out.push(x as f32),
        }
    }
}

/// The point of an interval that stands for `a` in [-1, 1]: linear between two ends; on half lines and the whole
/// line a hyperbola that reaches a thousand units from the finite end (from zero).
fn place(a: f64, lo: f64, hi: f64, open: (bool, bool)) -> f64 {
    let a = a.clamp(-1.0, 1.0);
    match (lo.is_finite(), hi.is_finite()) {
        (true, true) => {
            let from = if open.0 { MARGIN } else { 0.0 };
            let to = if open.1 { 1.0 - MARGIN } else { 1.0 };
            lo + (0.5 * (a + 1.0)).clamp(from, to) * (hi - lo)
        }
        (true, false) => lo + (1.0 + a).max(MARGIN) / (1.0 - a).max(2.0 * MARGIN),
        (false, true) => hi - (1.0 - a).max(MARGIN) / (1.0 + a).max(2.0 * MARGIN),
        (false, false) => a / (1.0 - a.abs()).max(MARGIN),
    }
}

/// For each member (element of `own`) and column (element of the axes of `shape` that are not the member's) the element
/// of `shape`, columns fastest; and the number of columns.
fn columns(graph: &Graph, own: &Shape, shape: &Shape) -> (Vec<usize>, usize) {
    let beyond: Shape = shape.iter().copied().filter(|a| !own.contains(a)).collect();
    let mut full = own.clone();
    full.extend(&beyond);
    (aligned(graph, shape, &full), graph.elements(&beyond))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_between_minus_one_and_one_reach_the_ends() {
        let closed = (false, false);
        assert_eq!(place(-1.0, 2.0, 6.0, closed), 2.0);
        assert_eq!(place(0.0, 2.0, 6.0, closed), 4.0);
        assert_eq!(place(3.0, 2.0, 6.0, closed), 6.0);
        assert!(place(-1.0, 0.0, 1.0, (true, false)) > 0.0);
        assert_eq!(place(0.0, 5.0, f64::INFINITY, closed), 6.0);
        assert_eq!(place(0.0, f64::NEG_INFINITY, 5.0, closed), 4.0);
        assert_eq!(place(0.0, f64::NEG_INFINITY, f64::INFINITY, closed), 0.0);
        assert_eq!(place(0.5, f64::NEG_INFINITY, f64::INFINITY, closed), 1.0);
    }
}
