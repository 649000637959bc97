//! The bounds of actions, and random choices within them.

use super::{MIXED, RANDOM_ACTIONS, Worlds, allowed, lane};
use crate::check::model::{Action, DrawWhen, Model, Space};
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::limits;

impl Worlds {
    /// Draws what is observed before the first stage, or the noises of earlier stages before a later one, then gives the bounds and masks of the actions of a stage at the
    /// present state: one [`Bounds`] per action, in the order of [`stage_actions`].
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub fn bounds(&mut self, stage: usize) -> Result<Vec<Bounds>, Diagnostic> {
        if stage == 0 {
            self.draw(|w| w == DrawWhen::Observe);
        } else {
            // Drawn again, to the same numbers, when the period passes.
            self.draw(|w| matches!(w, DrawWhen::After(s) if usize::from(s) < stage));
        }
        self.bounds_as_drawn(stage)
    }

    /// As [`Worlds::bounds`] (one [`Bounds`] per action of the stage), with signals as they were drawn before.
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub fn bounds_as_drawn(&mut self, stage: usize) -> Result<Vec<Bounds>, Diagnostic> {
        let model = self.model.clone();
        let values = self.bounds[stage].run(&self.frame, self.worlds)?;
        let n = self.worlds;
        let mut at = 0;
        let mut out = Vec::new();
        for a in stage_actions(&model, stage) {
            let action = &model.actions[a];
            let mut take = |node: NodeId| {
                let map =
                    crate::graph::shape::aligned(&self.graph, &self.graph.nodes[node.0 as usize].shape, &action.shape);
                let found = &values[at];
                at += 1;
                map.iter()
                    .flat_map(|from| found[from * n..(from + 1) * n].iter().copied())
                    .collect::<Vec<f64>>()
            };
            out.push(match &action.space {
                Space::Interval { lo, hi, .. } => Bounds::Between(take(*lo), take(*hi)),
                Space::Integer { lo, hi } => allowed::whole(take(*lo), take(*hi)),
                Space::Finite { masks, .. } => Bounds::Choices(masks.iter().map(|m| m.map(&mut take)).collect()),
                Space::Simplex(_) => Bounds::Simplex,
            });
        }
        Ok(out)
    }

    /// Uniformly random values among what is allowed, `element x world`: standard normal on the whole line, exponential
    /// with mean one from the finite end of a half line. `bounds` are those of the action.
    ///
    /// # Errors
    /// E0902 where no choice is allowed.
    pub fn random_action(&mut self, action: usize, bounds: &Bounds) -> Result<Vec<f64>, Diagnostic> {
        let model = self.model.clone();
        let a = &model.actions[action];
        let n = self.worlds;
        let elements = self.graph.elements(&a.shape);
        let key = self.key.child(RANDOM_ACTIONS + action as u64);
        let u = |e: usize, w: usize| key.uniform(self.step, lane(w, e));
        let mut out = vec![0.0; elements * n];
        for e in 0..elements {
            limits::poll();
            for w in 0..n {
                let i = e * n + w;
                out[i] = match bounds {
                    Bounds::Between(lo, hi) => {
                        let (l, h) = (lo[i], hi[i]);
                        if !l.is_finite() || !h.is_finite() {
                            out[i] = unbounded(l, h, u(e, w));
                            continue;
                        }
                        if matches!(a.space, Space::Integer { .. }) {
                            l + ((h - l + 1.0) * u(e, w)).floor()
                        } else {
                            l + (h - l) * u(e, w)
                        }
                    }
                    Bounds::Choices(masks) => {
                        let allowed: Vec<usize> = masks
                            .iter()
                            .enumerate()
                            .filter(|(_, m)| m.as_ref().is_none_or(|m| m[i] != 0.0))
                            .map(|(c, _)| c)
                            .collect();
                        if allowed.is_empty() {
                            return Err(nothing_allowed(a));
                        }
                        allowed[((u(e, w) * allowed.len() as f64) as usize).min(allowed.len() - 1)] as f64
                    }
                    Bounds::Simplex => -(u(e, w).ln()),
                };
            }
        }
        if let Space::Simplex(axis) = a.space {
            self.normalise(&mut out, a, axis);
        }
        Ok(out)
    }

    /// The uniform number that decides a mixed choice of an element of an action in a world.
    pub fn luck(&self, action: usize, element: usize, world: usize) -> f64 {
        self.key
            .child(MIXED + action as u64)
            .uniform(self.step, lane(world, element))
    }

    fn normalise(&self, out: &mut [f64], a: &Action, axis: crate::graph::AxisId) {
        let n = self.worlds;
        let rest: Vec<_> = a.shape.iter().copied().filter(|x| *x != axis).collect();
        let map = crate::graph::shape::aligned(&self.graph, &rest, &a.shape);
        let mut sums = vec![0.0; self.graph.elements(&rest) * n];
        for (e, g) in map.iter().enumerate() {
            limits::poll();
            for w in 0..n {
                sums[g * n + w] += out[e * n + w];
            }
        }
        for (e, g) in map.iter().enumerate() {
            limits::poll();
            for w in 0..n {
                out[e * n + w] /= sums[g * n + w];
            }
        }
    }

    /// Sets the values of an action, `element x world`.
    pub fn act(&mut self, action: usize, values: &[f64]) {
        let input = self.model.actions[action].input;
        self.frame[input.0 as usize].copy_from_slice(values);
    }
}

/// Bounds of an action at the present state. Arrays are `element x world`.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum Bounds {
    /// Lower and upper.
    Between(Vec<f64>, Vec<f64>),
    /// One mask per choice (not 0 where it is allowed), `None` where it is always allowed.
    Choices(Vec<Option<Vec<f64>>>),
    /// Shares.
    Simplex,
}

/// The actions of a stage: one number per action, in order of declaration.
pub fn stage_actions(model: &Model, stage: usize) -> Vec<usize> {
    (0..model.actions.len())
        .filter(|a| model.actions[*a].stage == stage)
        .collect()
}

pub(super) fn bound_nodes(a: &Action) -> Vec<NodeId> {
    match &a.space {
        Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => vec![*lo, *hi],
        Space::Finite { masks, .. } => masks.iter().flatten().copied().collect(),
        Space::Simplex(_) => Vec::new(),
    }
}

/// A random action where an end is missing, by a uniform number `u`: standard normal on the whole line, exponential with mean one from a finite end.
pub fn unbounded(lo: f64, hi: f64, u: f64) -> f64 {
    if lo.is_finite() {
        lo - u.ln()
    } else if hi.is_finite() {
        hi + u.ln()
    } else {
        crate::num::normal::quantile(u)
    }
}

fn nothing_allowed(a: &Action) -> Diagnostic {
    Diagnostic::error("E0902", format!("no choice of `{}` is allowed in some state", a.name))
        .at(a.span, "every mask is zero")
        .hint("leave one choice always allowed")
}
