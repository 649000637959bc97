//! The expressions of a problem as lane programs.

use super::axes::Choice;
use super::compiler::{Compiler, has_kinks};
use super::layout::Order;
use super::noise::Quadrature;
use super::payoffs::Paid;
use super::relevant::Relevant;
use crate::diag::Diagnostic;
use crate::kernel::dag::{Dag, Id};
use crate::kernel::differentiate::{derivative, has_moving_steps, has_steps};
use crate::kernel::program::Program;
use crate::solve::problem::{StateAxis, StateKind};
use std::collections::HashMap;

/// What the solvers evaluate.
pub(super) struct Programs {
    pub(super) outcome: Program<f64>,
    /// What reward and slack need of the states alone, and reward and slack from that: see `DecisionProblem::prepare`.
    pub(super) split: Option<(Program<f64>, Program<f64>)>,
    pub(super) bounds: Program<f64>,
    pub(super) allowed: Vec<Vec<Option<Program<f64>>>>,
    pub(super) derivatives: Vec<Option<Program<f64>>>,
    /// What the weight of a noise node is multiplied by.
    pub(super) chance: Option<Program<f64>>,
    /// Derivatives of chance, discount factor and what an end pays, where one of them moves with the variable.
    pub(super) factors: Vec<Option<Program<f64>>>,
    pub(super) consumption: Option<Program<f64>>,
}

/// Programs, and what was seen on the way.
pub(super) struct Compiled {
    pub(super) programs: Programs,
    /// Whether a step stands between a variable and the reward, so that there are no derivatives.
    pub(super) steps: bool,
    pub(super) kinks: bool,
    /// Whether nodes of noises lie in cells whose ends move, so that weights do.
    pub(super) cells: bool,
    /// Whether how markets ended is the outcome's last number.
    pub(super) clears: bool,
}

/// What is compiled.
pub(super) struct Source<'a> {
    pub(super) paid: &'a Paid,
    pub(super) read: &'a Relevant,
    pub(super) axes: &'a [StateAxis],
    pub(super) noise: Vec<&'a Quadrature>,
    /// What the weight of a noise node is multiplied by.
    pub(super) chance: Option<Id>,
    pub(super) consumption: Option<Id>,
    pub(super) order: &'a Order,
}

impl Source<'_> {
    /// Compiles over a copy of `dag`.
    ///
    /// # Errors
    /// E0810 where an expression cannot be compiled.
    pub(super) fn compile(&self, dag: &Dag) -> Result<Compiled, Diagnostic> {
        let (paid, read) = (self.paid, self.read);
        let mut dag = dag.clone();
        let statuses = dag.statuses(&read.outputs);
        // How the markets ended is one more number of the outcome.
        let ended = statuses
            .into_iter()
            .reduce(|a, b| dag.binary(crate::graph::Binary::Max, a, b));
        let mut map: HashMap<Id, Id> = {
            let base = super::compiler::ASIDE;
            let fresh: Vec<(Id, Id)> = self
                .order
                .inputs
                .iter()
                .enumerate()
                .filter_map(|(k, id)| id.map(|id| (id, dag.input(base + k as u32))))
                .collect();
            fresh.into_iter().collect()
        };
        // A draw by its cells; where they end may depend on draws before it.
        let mut cells: Option<Id> = None;
        for q in &self.noise {
            let Some(own) = &q.cells else { continue };
            let draw = dag.substitute(&[own.draw], &map)[0];
            map.insert(q.input, draw);
            cells = Some(match cells {
                None => own.weight,
                Some(w) => dag.mul(w, own.weight),
            });
        }
        let mut place = Compiler {
            dag,
            map,
            layout: self.order.layout.clone(),
            inputs: self.order.inputs.len(),
            final_ids: HashMap::new(),
        };
        let judged: Vec<Id> = read.outputs.iter().copied().chain(ended).collect();
        let outcome = place.program(&judged)?;
        // With markets every evaluation says how they ended, so that nothing is evaluated in parts.
        let split = if ended.is_some() {
            None
        } else {
            place.split(&read.outputs[..2])?
        };
        let bounds = bounds(&mut place, &paid.actions)?;
        let allowed = allowed(&mut place, &paid.actions)?;
        let slopes = self.slopes(&mut place, cells)?;
        let chance = self.chance(&mut place, cells)?;
        let consumption = match self.consumption {
            None => None,
            Some(c) => Some(with_slopes(&mut place, c, &paid.actions)?),
        };
        Ok(Compiled {
            programs: Programs {
                outcome,
                split,
                bounds,
                allowed,
                derivatives: slopes.derivatives,
                chance,
                factors: slopes.factors,
                consumption,
            },
            steps: slopes.steps,
            kinks: slopes.kinks,
            cells: cells.is_some(),
            clears: ended.is_some(),
        })
    }

    /// Derivatives with respect to all states and actions, of rewards and laws, and of what multiplies values.
    fn slopes(&self, place: &mut Compiler, cells: Option<Id>) -> Result<Slopes, Diagnostic> {
        let (paid, read) = (self.paid, self.read);
        let smooth: Vec<Id> = read
            .now
            .iter()
            .zip(self.axes)
            .filter(|(_, a)| matches!(a.kind, StateKind::Continuous { .. }))
            .map(|(i, _)| *i)
            .collect();
        let chosen: Vec<Id> = paid.actions.iter().filter(|a| a.continuous()).map(|a| a.id).collect();
        let mut targets = vec![read.outputs[0]];
        targets.extend(&read.next);
        let one = place.dag.constant(1.0);
        let factors_of = [self.chance.unwrap_or(one), paid.discount, paid.paying];
        let wrt: Vec<Id> = smooth.iter().chain(&chosen).copied().collect();
        let judged = [&targets[..], &factors_of[..2]].concat();
        // An end that a continuous draw brings is a step of what is paid, whose place moves with what brings it closer.
        let drawn = self.noise.iter().filter(|q| q.continuous.is_some());
        let drawn: Vec<Id> = drawn.map(|q| q.input).collect();
        let steps = has_steps(&place.dag, &judged, &wrt) || has_moving_steps(&place.dag, &[paid.end], &drawn, &wrt);
        let kinks = has_kinks(&place.dag, &judged, &wrt);
        let mut derivatives = Vec::new();
        let mut factors = Vec::new();
        let actions = paid.actions.iter().map(|a| &a.id);
        for (k, id) in read.now.iter().chain(actions).enumerate() {
            let continuous = if k < read.now.len() {
                smooth.contains(id)
            } else {
                chosen.contains(id)
            };
            if !continuous || steps {
                derivatives.push(None);
                factors.push(None);
                continue;
            }
            let d = derivative(&mut place.dag, &targets, *id);
            derivatives.push(Some(place.program(&d)?));
            let d = derivative(&mut place.dag, &factors_of, *id);
            let still = d.iter().all(|d| place.dag.as_const(*d) == Some(0.0));
            // Between kinks an expected slope is the slope of the expected value: the ends of cells may stand still.
            let chance = match cells {
                Some(w) => place.dag.mul(w, d[0]),
                None => d[0],
            };
            factors.push(if still {
                None
            } else {
                Some(place.program(&[chance, d[1], d[2]])?)
            });
        }
        Ok(Slopes {
            derivatives,
            factors,
            steps,
            kinks,
        })
    }

    /// What the weight of a noise node is multiplied by.
    fn chance(&self, place: &mut Compiler, cells: Option<Id>) -> Result<Option<Program<f64>>, Diagnostic> {
        if self.chance.is_none() && cells.is_none() {
            return Ok(None);
        }
        let one = place.dag.constant(1.0);
        let declared = self.chance.unwrap_or(one);
        let c = fault!(
            "chance.other_state",
            elsewhere(&mut place.dag, declared, &self.read.now),
            declared
        );
        let c = match cells {
            Some(w) => place.dag.mul(c, w),
            None => c,
        };
        place.program(&[c]).map(Some)
    }
}

/// Programs of derivatives, one for each state and action.
struct Slopes {
    derivatives: Vec<Option<Program<f64>>>,
    factors: Vec<Option<Program<f64>>>,
    steps: bool,
    kinks: bool,
}

/// Programs of further expressions; `None` for one that reads what the problem does not.
///
/// # Errors
/// E0810 where an expression cannot be compiled.
pub(super) fn watched(dag: &Dag, order: &Order, of: &[Id]) -> Result<Vec<Option<Program<f64>>>, Diagnostic> {
    let mut place = over(dag, order);
    let known: std::collections::BTreeSet<Id> = order.inputs.iter().flatten().copied().collect();
    let fits: Vec<bool> = (of.iter())
        .map(|id| dag.inputs_of(&[*id]).iter().all(|i| known.contains(i)))
        .collect();
    let one = |(id, fits): (&Id, bool)| fits.then(|| place.program(&[*id])).transpose();
    of.iter().zip(fits).map(one).collect()
}

/// Compiles expressions over the inputs of a problem, over a copy of `dag`.
pub(super) fn over(dag: &Dag, order: &Order) -> Compiler {
    let mut dag = dag.clone();
    let base = super::compiler::ASIDE;
    let map: HashMap<Id, Id> = (order.inputs.iter().enumerate())
        .filter_map(|(k, id)| id.map(|id| (id, dag.input(base + k as u32))))
        .collect();
    Compiler {
        dag,
        map,
        layout: order.layout.clone(),
        inputs: order.inputs.len(),
        final_ids: HashMap::new(),
    }
}

/// Lower bounds of the continuous actions, then upper ones.
fn bounds(place: &mut Compiler, actions: &[Choice]) -> Result<Program<f64>, Diagnostic> {
    let of = |end: usize| actions.iter().filter(|a| a.continuous()).map(move |a| a.bounds[end]);
    let ends: Vec<Id> = of(0).chain(of(1)).collect();
    place.program(&ends)
}

/// For each action and choice whether it is allowed; `None` where it always is.
fn allowed(place: &mut Compiler, actions: &[Choice]) -> Result<Vec<Vec<Option<Program<f64>>>>, Diagnostic> {
    let mut one = |mask: &Option<Id>| match mask {
        None => Ok(None),
        Some(id) => place.program(&[*id]).map(Some),
    };
    actions.iter().map(|a| a.masks.iter().map(&mut one).collect()).collect()
}

/// An expression and its derivative with respect to each action (0 for finite ones).
fn with_slopes(place: &mut Compiler, c: Id, actions: &[Choice]) -> Result<Program<f64>, Diagnostic> {
    let mut out = vec![c];
    for a in actions {
        let d = if a.continuous() {
            derivative(&mut place.dag, &[c], a.id)[0]
        } else {
            place.dag.constant(0.0)
        };
        out.push(d);
    }
    place.program(&out)
}

/// What `chance.other_state` does: an expression at states one higher.
#[cfg(test)]
fn elsewhere(dag: &mut crate::kernel::dag::Dag, what: Id, states: &[Id]) -> Id {
    let one = dag.constant(1.0);
    let map = states.iter().map(|s| (*s, dag.add(*s, one))).collect();
    dag.substitute(&[what], &map)[0]
}
