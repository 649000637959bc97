//! An economy in which what the members of a continuum take as given is held: their means, the prices that clear, and states that belong
//! to nobody. Everybody then solves a problem of his own, and what he does says what each of these numbers should have been.

use crate::check::Model;
use crate::check::conduct::Concept;
use crate::check::model::{Param, Process};
use crate::diag::Diagnostic;
use crate::graph::cut::{Stand, cut};
use crate::graph::eval::evaluate;
use crate::graph::passes::dead;
use crate::graph::shape::canonical;
use crate::graph::{AxisId, Input, InputId, InputKind, Interval, NodeId, Op, Reduce};
use crate::solve::economy::stated::forget;
use crate::solve::economy::{Economy, pays};
use std::collections::BTreeSet;

/// What a held number is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The mean over the members of what `of` is for each, among those for whom `when` is not 0.
    Mean {
        /// What each has.
        of: NodeId,
        /// Who counts.
        when: Option<NodeId>,
    },
    /// What a life that begins is worth.
    Entry,
    /// A price that leaves nothing over of `excess`.
    Clears {
        /// What is left over.
        excess: NodeId,
    },
    /// A state of nobody, at rest where `law` leaves it as it is.
    State {
        /// Its next value.
        law: NodeId,
    },
}

/// A number that is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Its name, `mean(household.k)` or `bonds.q`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The node that says what it would be, were it not held.
    implied: NodeId,
    /// Where it may lie.
    pub range: Interval,
    /// Where a search begins.
    pub start: f64,
    /// The parameter in its place, a number of the model's.
    pub param: usize,
    /// Whether the members' problem, or what is averaged over them, reads it.
    pub matters: bool,
}

/// The economy with its numbers held.
pub struct Held {
    /// The model of a few members, in which each held number is a parameter.
    pub model: Model,
    /// The numbers.
    pub numbers: Vec<Number>,
    /// The agent, a number of the model's.
    pub agent: usize,
}

impl Held {
    /// Holds what the members of the one continuum of an economy take as given.
    ///
    /// # Errors
    /// What is in the way, as the end of "it cannot solve this model: ..".
    pub fn new(economy: &Economy) -> Result<Held, String> {
        let model = economy.model;
        let agent = alone(economy)?;
        let axis = model.agents[agent].axis.ok_or("there is no continuum")?;
        let own = |owner: Option<usize>| owner == Some(agent);
        if !model.states.iter().any(|s| own(s.owner)) && !model.shocks.iter().any(|s| own(s.owner)) {
            return Err("members have no state and no shock".into());
        }
        let fixed = found(model, axis)?;
        let (held, numbers) = hold(model, &fixed, None)?;
        let few = Economy::of(&held)
            .map_err(|d| d.headline.clone())?
            .resized()
            .ok_or("members meet on other ways than through means and prices")?;
        Ok(Held {
            model: few,
            numbers,
            agent,
        })
    }

    /// The economy with its numbers held at `values`, one each: what a user could state by hand. With it the conditions that can be judged
    /// there: what each is, the node in which the economy says what the number should be (of a price that clears: what is left over), the
    /// number and its name.
    ///
    /// # Errors
    /// E0810 where it cannot be held.
    #[allow(clippy::type_complexity)]
    pub fn at(economy: &Economy, values: &[f64]) -> Result<(Model, Vec<(Kind, NodeId, f64, String)>), Diagnostic> {
        let refuse = |why: String| crate::solve::economy::cannot(why);
        let agent = alone(economy).map_err(refuse)?;
        let axis = economy.model.agents[agent].axis;
        let axis = axis.ok_or_else(|| refuse("there is no continuum".into()))?;
        let fixed = found(economy.model, axis).map_err(refuse)?;
        let (_, numbers) = hold(economy.model, &fixed, None).map_err(refuse)?;
        // Means that only conditions read are those of the members who live there.
        let kept: Vec<usize> = (0..numbers.len())
            .filter(|k| numbers[*k].matters || !matches!(numbers[*k].kind, Kind::Mean { .. }))
            .collect();
        let fixed: Vec<(NodeId, String)> = kept.iter().map(|k| fixed[*k].clone()).collect();
        let values: Vec<f64> = kept.iter().map(|k| values[*k]).collect();
        let (model, numbers) = hold(economy.model, &fixed, Some(&values)).map_err(refuse)?;
        let conditions = numbers.into_iter().zip(values).filter_map(|(n, x)| {
            let node = match n.kind {
                // Lives that begin say this.
                Kind::Entry => return None,
                Kind::Mean { .. } => n.implied,
                Kind::Clears { excess } => excess,
                Kind::State { law } => law,
            };
            Some((n.kind, node, x, n.name))
        });
        let conditions = conditions.collect();
        Ok((model, conditions))
    }

    /// Averages what `of` is for each member, too, whether anybody reads it or not.
    pub fn average(&mut self, name: &str, of: NodeId) {
        let param = self.model.params.len();
        self.model.params.push(Param {
            name: name.to_string(),
            values: vec![0.0],
            shape: Vec::new(),
            node: of,
            input: None,
            unit: String::new(),
            doc: String::new(),
            span: self.model.agents[self.agent].span,
        });
        self.numbers.push(Number {
            name: name.to_string(),
            kind: Kind::Mean { of, when: None },
            implied: of,
            range: Interval::all(),
            start: 0.0,
            param,
            matters: false,
        });
    }

    /// Holds a parameter of the file, too: a state of nobody that stays where it is.
    pub fn hold_parameter(&mut self, param: usize) {
        let own = &self.model.params[param];
        self.numbers.push(Number {
            name: own.name.clone(),
            kind: Kind::State { law: own.node },
            implied: own.node,
            range: Interval::all(),
            start: own.values.first().copied().unwrap_or(f64::NAN),
            param,
            matters: false,
        });
    }

    /// What nodes are where held numbers have these values, one number per node; not a number where one reads a member's.
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub fn evaluate(&self, nodes: &[NodeId], values: &[f64]) -> Result<Vec<f64>, Diagnostic> {
        let passed = dead(&self.model.graph, nodes);
        let input = |i: &Input| match i.kind {
            InputKind::Param(p) => match self.numbers.iter().position(|n| n.param == p) {
                Some(k) => vec![values[k]],
                None => self.model.params[p].values.clone(),
            },
            _ => vec![f64::NAN; passed.graph.elements(&i.shape)],
        };
        let inputs: Vec<Vec<f64>> = passed.graph.inputs.iter().map(input).collect();
        let all = evaluate(&passed.graph, &inputs)
            .map_err(|e| Diagnostic::error("E0990", "the market conditions cannot be evaluated").note(e.to_string()))?;
        let at = |n: &NodeId| passed.map[n.0 as usize].and_then(|n| all.nodes[n.0 as usize].first().copied());
        Ok(nodes.iter().map(|n| at(n).unwrap_or(f64::NAN)).collect())
    }
}

/// The one agent, of a continuum, that decides.
fn alone(economy: &Economy) -> Result<usize, String> {
    let model = economy.model;
    let [seat] = economy.seats.as_slice() else {
        return Err("several kinds of agents decide".into());
    };
    let [agent] = seat.agents.as_slice() else {
        return Err("one decides for several agents".into());
    };
    let who = &model.agents[*agent];
    match who.axis {
        Some(axis) if model.graph.axes[axis.0 as usize].continuum && who.shape.len() == 1 => {}
        _ => return Err("there is no continuum of which each decides for itself".into()),
    }
    if model.concept.is_some_and(|c| c != Concept::Competitive) {
        return Err("its members take prices as given: its concept is `competitive`".into());
    }
    if model.stages.len() > 1 {
        return Err("agents act in stages".into());
    }
    if model.horizon.is_some() {
        return Err("it has a horizon".into());
    }
    if let Some(s) = model.shocks.iter().find(|s| s.owner != Some(*agent)) {
        return Err(format!("`{}` moves the whole economy", s.name));
    }
    if let Some(s) = model
        .shocks
        .iter()
        .find(|s| matches!(s.process, Process::RandomWalk { .. }))
    {
        return Err(format!("`{}` never comes to rest", s.name));
    }
    if let Some(s) = model.states.iter().find(|s| s.owner.is_some_and(|o| o != *agent)) {
        return Err(format!("`{}` belongs to others than those who decide", s.name));
    }
    // A scenario may read the date.
    let matter = pays(model).into_iter().chain(model.prices.iter().map(|p| p.node));
    let dated = |i: &InputId| model.graph.inputs[i.0 as usize].kind == InputKind::Time;
    if model.graph.below(matter).through_roots().inputs().iter().any(dated) {
        return Err("something depends on the date".into());
    }
    let tastes = model.actions.iter().find(|a| a.taste.is_some());
    if let Some(a) = tastes.filter(|_| model.agents[*agent].actions.len() > 1) {
        return Err(format!(
            "`{}` is chosen with taste shocks, and there are other choices",
            a.name
        ));
    }
    if let Some(a) = tastes.filter(|_| economy.reads_entry_value()) {
        return Err(format!(
            "`{}` is chosen with taste shocks, which add to the value of entry what lives cannot show",
            a.name
        ));
    }
    Ok(*agent)
}

/// What is held: nodes with their names.
fn found(model: &Model, axis: AxisId) -> Result<Vec<(NodeId, String)>, String> {
    let g = &model.graph;
    // What matters: pays, laws, conditions that clear.
    let mut todo = pays(model);
    todo.extend(model.prices.iter().map(|p| p.node));
    let mut out: BTreeSet<NodeId> = BTreeSet::new();
    let mut below = g.below(todo).through_roots();
    while let Some((n, node)) = below.next() {
        match &node.op {
            Op::Reduce { how, axis: over, .. } if canonical(g, *over) == axis => {
                if *how != Reduce::Mean {
                    return Err("something but a mean is taken over the members".into());
                }
                out.insert(n);
            }
            Op::Root { .. } => {
                out.insert(n);
            }
            Op::Input(i) if matches!(g.inputs[i.0 as usize].kind, InputKind::EntryValue(_)) => {
                out.insert(n);
            }
            Op::Input(i) => {
                if let InputKind::State(s) = g.inputs[i.0 as usize].kind
                    && model.states[s].owner.is_none()
                {
                    out.insert(n);
                    below.add([model.states[s].next]);
                }
            }
            _ => {}
        }
    }
    let name = |n: NodeId| {
        let price = model.prices.iter().find(|p| p.node == n).map(|p| p.name.clone());
        let named = model.names.iter().find(|x| x.node == n).map(|x| x.name.clone());
        let of = |id: &NodeId| model.names.iter().find(|x| x.node == *id).map(|x| x.name.clone());
        match &g.nodes[n.0 as usize].op {
            Op::Reduce { of: inner, .. } => {
                named.unwrap_or_else(|| format!("mean({})", of(inner).unwrap_or("..".into())))
            }
            Op::Input(i) if matches!(g.inputs[i.0 as usize].kind, InputKind::EntryValue(_)) => {
                g.inputs[i.0 as usize].name.clone()
            }
            _ => price.or(named).unwrap_or_else(|| "a price".into()),
        }
    };
    for n in &out {
        if !g.nodes[n.0 as usize].shape.is_empty() {
            return Err(format!("`{}` is several numbers", name(*n)));
        }
    }
    if out.is_empty() {
        return Err("nothing that members take as given depends on what they do".into());
    }
    Ok(out.iter().map(|n| (*n, name(*n))).collect())
}

/// The model with these nodes held: at `values` (one each), or as parameters.
fn hold(model: &Model, fixed: &[(NodeId, String)], values: Option<&[f64]>) -> Result<(Model, Vec<Number>), String> {
    let mut out = model.clone();
    let old = &model.graph.nodes;
    let starts: Vec<f64> = fixed.iter().map(|(n, _)| start(model, *n)).collect();
    let mut stands: Vec<(NodeId, Stand)> = Vec::new();
    for (k, (node, name)) in fixed.iter().enumerate() {
        let stand = match values {
            Some(values) => Stand::Number(values[k]),
            None => {
                out.graph.inputs.push(Input {
                    name: name.clone(),
                    kind: InputKind::Param(model.params.len() + k),
                    shape: Vec::new(),
                });
                Stand::Input(InputId(out.graph.inputs.len() as u32 - 1))
            }
        };
        stands.push((*node, stand));
    }
    let done =
        cut(&out.graph, &stands).map_err(|_| "prices clear together with others that are not held".to_string())?;
    out.graph = done.graph;
    out.renumber(&done.map);
    let gone: Vec<usize> = (0..model.prices.len())
        .filter(|p| fixed.iter().any(|(n, _)| *n == model.prices[*p].node))
        .collect();
    forget(&mut out, &gone);
    let mut numbers = Vec::new();
    for (k, (node, name)) in fixed.iter().enumerate() {
        let was = &old[node.0 as usize];
        let kind = match &was.op {
            Op::Root { .. } => Kind::Clears {
                excess: done.implied[k],
            },
            Op::Input(i) => match model.graph.inputs[i.0 as usize].kind {
                InputKind::State(s) => Kind::State {
                    law: out.states[s].next,
                },
                InputKind::EntryValue(_) => Kind::Entry,
                _ => return Err(format!("`{name}` cannot be held")),
            },
            _ => match out.graph.nodes[done.implied[k].0 as usize].op {
                Op::Reduce { of, when, .. } => Kind::Mean { of, when },
                _ => return Err(format!("`{name}` cannot be held")),
            },
        };
        if values.is_none() {
            out.params.push(Param {
                name: name.clone(),
                values: vec![starts[k]],
                shape: Vec::new(),
                node: done.map[node.0 as usize],
                input: match stands[k].1 {
                    Stand::Input(i) => Some(i),
                    Stand::Number(_) => None,
                },
                unit: String::new(),
                doc: String::new(),
                span: was.span,
            });
        }
        numbers.push(Number {
            name: name.clone(),
            kind,
            implied: done.implied[k],
            range: was.domain,
            start: starts[k],
            param: model.params.len() + k,
            matters: false,
        });
    }
    // What members read, and what is averaged over them reads.
    let mut todo = own(&out);
    todo.extend(numbers.iter().flat_map(|n| match &n.kind {
        Kind::Mean { of, when } => std::iter::once(*of).chain(*when).collect::<Vec<NodeId>>(),
        _ => Vec::new(),
    }));
    let read = out.graph.inputs_below(todo);
    for n in &mut numbers {
        n.matters = out
            .params
            .get(n.param)
            .and_then(|p| p.input)
            .is_some_and(|i| read.contains(&i));
    }
    Ok((out, numbers))
}

/// What members get, may do and have next.
fn own(model: &Model) -> Vec<NodeId> {
    let mut nodes = pays(model);
    let unowned: Vec<NodeId> = model
        .states
        .iter()
        .filter(|s| s.owner.is_none())
        .map(|s| s.next)
        .collect();
    nodes.retain(|n| !unowned.contains(n));
    nodes
}

/// Where a search for a number begins: the middle of its range, or first values of what is averaged.
fn start(model: &Model, node: NodeId) -> f64 {
    let g = &model.graph;
    let first = |s: usize| {
        let d = model.states[s].start.map(|n| g.nodes[n.0 as usize].domain);
        d.map(|d| 0.5 * (d.lo + d.hi)).filter(|x| x.is_finite())
    };
    let of_input = |i: InputId| match g.inputs[i.0 as usize].kind {
        InputKind::State(s) => first(s),
        _ => None,
    };
    let known = match &g.nodes[node.0 as usize].op {
        Op::Input(i) => of_input(*i),
        Op::Reduce { of, .. } => g.inputs_below([*of]).into_iter().find_map(of_input),
        _ => None,
    };
    let range = g.nodes[node.0 as usize].domain;
    let middle = 0.5 * (range.lo + range.hi);
    match known {
        Some(x) if range.contains(x) && x != range.lo => x,
        _ if middle.is_finite() => middle,
        _ if range.lo.is_finite() => range.lo + 1.0,
        _ if range.hi.is_finite() => range.hi - 1.0,
        _ => 0.0,
    }
}
