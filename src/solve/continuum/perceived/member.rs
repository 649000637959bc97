//! The model of one member of a continuum who forecasts the means that matter by a law of motion.
//!
//! A mean with a law is a state of this model, a mean that the aggregate chain determines a table of that chain (`moments.rs` says which is
//! which), so that the problem of one, its certificate and simulated worlds need no case for it.

use super::history::{coarser, lengthened};
use super::law::Law;
use super::moments::{Refusal, aggregate, continuum, links, plain, sorted};
use super::price::{Open, opened};
use crate::chance::Process;
use crate::check::model::{Model, Named, SetInfo, State};
use crate::diag::Span;
use crate::graph::build::for_operands;
use crate::graph::shape::canonical;
use crate::graph::{
    Axis, AxisId, AxisKind, Binary, Graph, InputId, InputKind, Interval, Node, NodeId, Op, Phase, Unary, eval,
};
use crate::solve::problem::JointChain;

/// Largest difference between the share of members in a state of their own chain and what the aggregate state says it is, that counts as
/// rounding: published matrices have five digits.
const ROUNDING: f64 = 1e-4;
/// Most aggregate states of a law by history.
const HISTORIES: f64 = 256.0;

/// A mean over the members that needs a law.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Its name in the model: that of a `let`, or as it is observed.
    pub name: String,
    /// Where it is taken.
    pub span: Span,
    /// Its law is one of logarithms: the mean of what is never negative.
    pub logs: bool,
    /// Its value where lives begin.
    pub start: f64,
    /// The state of the member's model that carries it.
    pub state: usize,
    /// What it is the mean of, a node of the member's model; of a price, what each leaves over (demand less supply), whose mean is 0.
    pub of: NodeId,
    /// Where it may lie, if it is a price that clears a market in each period; `None` for a mean.
    pub price: Option<(f64, f64)>,
}

/// A mean over the members that the aggregate chain determines.
#[derive(Clone, Debug)]
pub struct Known {
    /// As it would be written.
    name: String,
    /// As it stands in the graph: its place among the nodes of the member's model.
    of: NodeId,
    /// The table of its values by aggregate state, a node of the member's model.
    table: NodeId,
    /// Where it is taken.
    pub span: Span,
}

/// The model of one member who takes the law of the moments as given.
#[derive(Clone, Debug)]
pub struct Member {
    /// The model: one member in place of the continuum, moments as states.
    pub model: Model,
    /// The number of its agent.
    pub agent: usize,
    /// The state that is distributed, a number of the model's states.
    pub state: usize,
    /// Moments with a law, one or more.
    pub moments: Vec<Moment>,
    /// Means that the aggregate chain determines, any number.
    known: Vec<Known>,
    /// The tables of constants and slopes of each law by aggregate state, nodes of the model.
    laws: Vec<[NodeId; 2]>,
    /// The aggregate shocks, numbers of the model's shocks; the last fastest in aggregate states.
    pub aggregate: Vec<usize>,
    /// Groups of steps of the aggregate state, as [`Law::coarser`] has them.
    pub coarser: Vec<Vec<usize>>,
    /// Where a price stands when lives begin: the table of its first values by aggregate state, a node of the model.
    first: Option<NodeId>,
}

impl Member {
    /// The member of a model in which `agents` decide.
    ///
    /// # Errors
    /// What is in the way.
    pub fn of(model: &Model, agents: &[usize]) -> Result<Member, Refusal> {
        let (agent, axis) = continuum(model, agents)?;
        let who = &model.agents[agent];
        let price = plain(model, agent, axis)?;
        let length = model.solve_settings().and_then(|s| s.get("law.history")?.number());
        let length = length.map_or(1, |x| x as usize);
        if length > 1 && price.is_none() {
            return Err(Refusal::new("`law.history` is for the law of a price that clears"));
        }
        let shared = aggregate(model)?;
        let states: f64 = shared
            .iter()
            .map(|s| (links(model, *s) as f64).powi(length as i32))
            .product();
        if states > HISTORIES {
            return Err(Refusal::new(format!(
                "the aggregate shocks have {states} histories of {length} periods, and it is for {HISTORIES}: a smaller `law.history`"
            )));
        }
        let coarser = coarser(model, &shared, length);
        let longer = (length > 1).then(|| lengthened(model, &shared, length));
        let model = longer.as_ref().unwrap_or(model);
        let open = price.map(|p| opened(model, (agent, axis), p)).transpose()?;
        let model = open.as_ref().map_or(model, |o| &o.model);
        let aggregate = aggregate(model)?;
        let own: Vec<usize> = (0..model.states.len())
            .filter(|s| model.states[*s].owner == Some(agent))
            .collect();
        let [state] = own.as_slice() else {
            return Err(Refusal::new(format!(
                "a member has {} states, and it is for one",
                own.len()
            )));
        };
        if model.states[*state].domain.integer {
            return Err(
                Refusal::new(format!("`{}` takes whole numbers", model.states[*state].name))
                    .at(model.states[*state].span),
            );
        }
        if let Some(s) = model.states.iter().find(|s| s.owner != Some(agent)) {
            return Err(
                Refusal::new(format!("`{}` is a state of the economy with a law of its own", s.name)).at(s.span),
            );
        }
        let next = model.graph.inputs_below([model.states[*state].next]);
        let later = |i: &InputId| matches!(model.graph.inputs[i.0 as usize].kind, InputKind::ShockNext(_));
        if open.is_some() && next.iter().any(later) {
            return Err(
                Refusal::new("what a member has next depends on the next value of a shock")
                    .at(model.states[*state].span),
            );
        }
        let (carried, known) = sorted(model, axis, who.span, open.is_some())?;
        let carries = Carries {
            mean: carried.first().copied(),
            open: open.as_ref(),
        };
        Ok(Member {
            coarser,
            ..build(model, (agent, axis, *state), aggregate, &carries, &known)
        })
    }

    /// Where something must hold that bounds of actions do not say, if anything must.
    pub fn required(&self) -> Option<Span> {
        use crate::check::model::Otherwise;
        let hard =
            |r: &&crate::check::model::Require| matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_));
        self.model.requires.iter().find(hard).map(|r| r.span)
    }

    /// The first value of the members' state: the middle of it where it is drawn.
    pub fn first(&self) -> f64 {
        first_value(&self.model, self.state)
    }

    /// Whether a shock, a number of the model's shocks, is a chain.
    pub fn is_chain(&self, shock: usize) -> bool {
        matches!(self.model.shocks[shock].process, Process::Chain { .. })
    }

    /// States of the chain of a shock, a number of the model's shocks; 1 for shocks that are no chains.
    pub fn links(&self, shock: usize) -> usize {
        links(&self.model, shock)
    }

    /// Number of aggregate states.
    pub fn states(&self) -> usize {
        self.aggregate.iter().map(|s| links(&self.model, *s)).product()
    }

    /// The aggregate state and the member's own state of each joint state of a chain; own states are numbered from 0, last shock fastest.
    /// `None` where the chain has not all aggregate shocks.
    pub fn split(&self, chain: &JointChain) -> Option<Vec<(usize, usize)>> {
        let known = chain.links()?;
        let place = |s: &usize| chain.names.iter().position(|n| *n == self.model.shocks[*s].name);
        let places: Option<Vec<usize>> = self.aggregate.iter().map(place).collect();
        let places = places?;
        let of = |j: usize| {
            let at = chain.links_at(&known, j);
            let all = places.iter().fold(0, |z, p| z * known[*p].values.len() + at[*p]);
            let own = (0..at.len()).filter(|p| !places.contains(p));
            (all, own.fold(0, |e, p| e * known[p].values.len() + at[p]))
        };
        Some((0..chain.values.len()).map(of).collect())
    }

    /// Labels of the aggregate states.
    pub fn labels(&self) -> Vec<String> {
        let mut out = vec![String::new()];
        for s in &self.aggregate {
            let Process::Chain { labels, values, .. } = &self.model.shocks[*s].process else {
                continue;
            };
            let word = |k: usize| labels.get(k).cloned().unwrap_or_else(|| values[k].to_string());
            let join = |head: &String, k: usize| match head.is_empty() {
                true => word(k),
                false => format!("{head}, {}", word(k)),
            };
            out = out
                .iter()
                .flat_map(|h| (0..values.len()).map(move |k| join(h, k)))
                .collect();
        }
        out
    }

    /// Means that the aggregate chain determines: names, and one value per aggregate state.
    pub fn determined(&self) -> Vec<(String, Vec<f64>)> {
        let values = |k: &Known| match &self.model.graph.nodes[k.table.0 as usize].op {
            Op::Table(values) => values.clone(),
            _ => Vec::new(),
        };
        self.known.iter().map(|k| (k.name.clone(), values(k))).collect()
    }

    /// Names of the aggregate shocks.
    pub fn shared(&self) -> Vec<String> {
        self.aggregate
            .iter()
            .map(|s| self.model.shocks[*s].name.clone())
            .collect()
    }

    /// States the law of the moments: one law per moment.
    pub fn set_laws(&mut self, laws: &[Law]) {
        for (law, nodes) in laws.iter().zip(&self.laws) {
            for (values, node) in [&law.constant, &law.slope].into_iter().zip(nodes) {
                self.model.graph.nodes[node.0 as usize].op = Op::Table(values.clone());
            }
        }
    }

    /// Means that the aggregate chain determines get their values from the chances of the members' shocks.
    ///
    /// # Errors
    /// Where the chain does not determine one of them.
    pub fn set_determined(&mut self, chain: &JointChain) -> Result<(), Refusal> {
        let Some(split) = self.split(chain) else {
            return Err(Refusal::new("an aggregate shock is not among those that matter"));
        };
        if self.known.is_empty() {
            return Ok(());
        }
        let shares = shares(chain, &split, self.states());
        let apart = drift(chain, &split, &shares);
        for known in self.known.clone() {
            for input in self.model.graph.inputs_below([known.of]) {
                let InputKind::Shock(s) = self.model.graph.inputs[input.0 as usize].kind else {
                    continue;
                };
                let shock = &self.model.shocks[s];
                if !chain.names.contains(&shock.name) {
                    return Err(Refusal::new(format!(
                        "`{}` matters through its mean alone: write that as a number",
                        shock.name
                    ))
                    .at(known.span));
                }
            }
            let of = self.values(known.of, &[0.0], chain);
            if apart > ROUNDING && spread(&of, &split) > 0.0 {
                return Err(Refusal::new(
                    "a mean of the members' shocks depends on the past of the aggregate chain (econc check says how), and it carries means of states alone",
                )
                .at(known.span));
            }
            let mut values = vec![0.0; self.states()];
            for (j, (z, e)) in split.iter().enumerate() {
                let of_state = fault!("perceived.mean_of_another_state", shares.len() - 1 - z, *z);
                values[of_state] += shares[*z][*e] * of[j][0];
            }
            self.model.graph.nodes[known.table.0 as usize].op = Op::Table(values);
        }
        Ok(())
    }

    /// States where a price stands when lives begin: `usual`, and in each aggregate state `by_state`, one number each.
    pub fn set_first_price(&mut self, usual: f64, by_state: &[f64]) {
        let Some(table) = self.first else {
            return;
        };
        for moment in self.moments.iter_mut().filter(|m| m.price.is_some()) {
            moment.start = usual;
            if let Some(start) = self.model.states[moment.state].start {
                let ends = by_state
                    .iter()
                    .fold((usual, usual), |(lo, hi), x| (x.min(lo), x.max(hi)));
                self.model.graph.nodes[start.0 as usize].domain = Interval::closed(ends.0, ends.1);
            }
        }
        self.model.graph.nodes[table.0 as usize].op = Op::Table(by_state.to_vec());
    }

    /// What each member leaves over of the market whose price is forecast, at `prices`: `[joint state][price]`, each as constant, weight of the
    /// member's state and weight of its action.
    ///
    /// # Errors
    /// Where it is not linear in both.
    pub fn left_over(&self, prices: &[f64], chain: &JointChain) -> Result<Vec<Vec<[f64; 3]>>, Refusal> {
        let moment = &self.moments[0];
        let passed = crate::graph::passes::dead(&self.model.graph, &[moment.of]);
        let (g, node) = (&passed.graph, passed.map[moment.of.0 as usize].unwrap_or(moment.of));
        let bare = self.inputs_at(chain);
        let place = |kind: InputKind| g.inputs.iter().position(|i| i.kind == kind);
        let (state, price) = (
            place(InputKind::State(self.state)),
            place(InputKind::State(moment.state)),
        );
        let actions = &self.model.agents[self.agent].actions;
        let action = actions.first().and_then(|a| place(InputKind::Action(*a)));
        let one = |inputs: &mut Vec<Vec<f64>>, q: f64| -> Result<[f64; 3], Refusal> {
            let mut at = |x: f64, a: f64| {
                for (input, value) in [(state, x), (action, a), (price, q)] {
                    if let Some(i) = input {
                        inputs[i].fill(value);
                    }
                }
                read(g, inputs, node)
            };
            let (zero, by_x, by_a) = (at(0.0, 0.0), at(1.0, 0.0), at(0.0, 1.0));
            let found = [zero, by_x - zero, by_a - zero];
            let linear = [(2.0, 3.0), (-0.7, 0.4)].iter().all(|(x, a)| {
                let should = found[0] + found[1] * x + found[2] * a;
                (at(*x, *a) - should).abs() <= 1e-9 * (1.0 + should.abs())
            });
            if linear {
                Ok(found)
            } else {
                Err(Refusal::new(format!(
                    "what clears `{}` is not linear in what members have and choose",
                    moment.name
                ))
                .at(moment.span))
            }
        };
        bare.into_iter()
            .map(|mut inputs| prices.iter().map(|q| one(&mut inputs, *q)).collect())
            .collect()
    }

    /// What a moment is the mean of, at the nodes `x` of the members' state: `[joint state][node]`.
    pub fn integrand(&self, moment: usize, x: &[f64], chain: &JointChain) -> Vec<Vec<f64>> {
        self.values(self.moments[moment].of, x, chain)
    }

    /// A node of the member's model at values of its state: `[joint state][value]`.
    fn values(&self, node: NodeId, x: &[f64], chain: &JointChain) -> Vec<Vec<f64>> {
        let g = &self.model.graph;
        let state = self.model.states[self.state].input;
        if g.nodes[node.0 as usize].op == Op::Input(state) {
            return vec![x.to_vec(); chain.values.len()];
        }
        let one = |mut inputs: Vec<Vec<f64>>| -> Vec<f64> {
            let at = |x: &f64| {
                inputs[state.0 as usize].fill(*x);
                read(g, &inputs, node)
            };
            x.iter().map(at).collect()
        };
        self.inputs_at(chain).into_iter().map(one).collect()
    }

    /// Inputs of the graph in each joint state of a chain, those of states and actions being 0.
    fn inputs_at(&self, chain: &JointChain) -> Vec<Vec<Vec<f64>>> {
        let g = &self.model.graph;
        let mut inputs: Vec<Vec<f64>> = g.inputs.iter().map(|i| vec![0.0; g.elements(&i.shape)]).collect();
        for (i, input) in g.inputs.iter().enumerate() {
            if let InputKind::Param(p) = input.kind
                && let Some(p) = self.model.params.get(p)
            {
                inputs[i].clone_from(&p.values);
            }
        }
        let links = chain.links().unwrap_or_default();
        let one = |j: usize| -> Vec<Vec<f64>> {
            let mut inputs = inputs.clone();
            let at = chain.links_at(&links, j);
            for (s, name) in chain.names.iter().enumerate() {
                let Some(shock) = self.model.shocks.iter().find(|x| x.name == *name) else {
                    continue;
                };
                let carried = match shock.process {
                    Process::Chain { .. } => at[s] as f64,
                    _ => chain.values[j][s],
                };
                inputs[shock.input.0 as usize].fill(carried);
            }
            inputs
        };
        (0..chain.values.len()).map(one).collect()
    }
}

/// What members forecast: a mean, or the price of a market that was opened.
struct Carries<'a> {
    mean: Option<NodeId>,
    open: Option<&'a Open>,
}

/// Builds the model of one member.
fn build(
    model: &Model,
    (agent, axis, state): (usize, AxisId, usize),
    aggregate: Vec<usize>,
    carries: &Carries,
    known: &[NodeId],
) -> Member {
    let mut out = model.clone();
    out.concept = None;
    for s in &mut out.settings {
        s.entries.retain(|(key, _, _)| !key.starts_with("concept."));
    }
    for i in 0..out.graph.axes.len() {
        if canonical(&model.graph, AxisId(i as u32)) == axis {
            let own = &mut out.graph.axes[i];
            (own.size, own.continuum) = (1, false);
        }
    }
    let states: usize = aggregate.iter().map(|s| links(model, *s)).product();
    let set = AxisId(out.graph.axes.len() as u32);
    out.graph.axes.push(Axis {
        name: "aggregate state".into(),
        size: states,
        continuum: false,
        kind: AxisKind::Set,
    });
    out.sets.push(SetInfo::default());
    let old = std::mem::take(&mut out.graph.nodes);
    let mut map: Vec<NodeId> = Vec::with_capacity(old.len());
    let mut at: Option<NodeId> = None;
    let (mut moments, mut facts) = (Vec::new(), Vec::new());
    for (i, node) in old.iter().enumerate() {
        let id = NodeId(i as u32);
        let mut own = node.clone();
        for_operands(&mut own.op, &mut |n| *n = map[n.0 as usize]);
        let of = match own.op {
            Op::Reduce { of, .. } => of,
            _ => {
                map.push(push(&mut out.graph, own));
                continue;
            }
        };
        if carries.mean == Some(id) {
            let number = out.states.len() + moments.len();
            let carried = carry(&mut out, (name_of(model, id), number), node, of);
            map.push(carried.node);
            moments.push(carried);
        } else if known.contains(&id) {
            let index = *at.get_or_insert_with(|| index(&mut out.graph, model, &aggregate));
            let table = plain_node(&mut out.graph, Op::Table(vec![f64::NAN; states]), vec![set], node.span);
            let mut value = Node {
                op: Op::Take {
                    of: table,
                    axis: set,
                    at: index,
                },
                ..node.clone()
            };
            value.domain = node.domain;
            let value = push(&mut out.graph, value);
            facts.push(Known {
                name: name_of(model, id),
                of,
                table,
                span: node.span,
            });
            map.push(value);
        } else {
            map.push(push(&mut out.graph, own));
        }
    }
    out.renumber(&map);
    let index = at.unwrap_or_else(|| index(&mut out.graph, model, &aggregate));
    let (mut laws, mut all) = (Vec::new(), Vec::new());
    for mut carried in moments {
        carried.moment.start = first_mean(&out, state, carried.moment.of);
        let span = carried.moment.span;
        let start = plain_node(&mut out.graph, Op::Const(carried.moment.start), Vec::new(), span);
        laws.push(add_law(&mut out, &carried, (set, states), index, start));
        all.push(carried.moment);
    }
    let mut first = None;
    if let Some(open) = carries.open {
        let carried = priced(open, out.states.len(), &map);
        let (span, usual) = (carried.moment.span, carried.moment.start);
        let table = plain_node(&mut out.graph, Op::Table(vec![usual; states]), vec![set], span);
        let of_state = Op::Take {
            of: table,
            axis: set,
            at: index,
        };
        let start = plain_node(&mut out.graph, of_state, Vec::new(), span);
        out.graph.nodes[start.0 as usize].domain = Interval::point(usual);
        first = Some(table);
        let steps = steps(&mut out, (set, states), &aggregate, index);
        laws.push(add_law(&mut out, &carried, (steps.0, states * states), steps.1, start));
        all.push(carried.moment);
    }
    Member {
        model: out,
        agent,
        state,
        moments: all,
        known: facts,
        laws,
        aggregate,
        coarser: Vec::new(),
        first,
    }
}

/// A moment while the model is made: its input, the node that reads it, and where it may lie.
struct Carried {
    moment: Moment,
    input: InputId,
    node: NodeId,
    domain: Interval,
}

/// Puts an input of the model, state `number`, in the place of a mean of `of`.
fn carry(model: &mut Model, (name, number): (String, usize), mean: &Node, of: NodeId) -> Carried {
    let logs = mean.domain.lo >= 0.0;
    let domain = if logs {
        Interval::open(0.0, f64::INFINITY)
    } else {
        Interval::all()
    };
    let node = model
        .graph
        .add_input(&name, InputKind::State(number), Vec::new(), domain, Phase::Dated);
    model.graph.nodes[node.0 as usize].span = mean.span;
    Carried {
        input: InputId(model.graph.inputs.len() as u32 - 1),
        node,
        domain,
        moment: Moment {
            name,
            span: mean.span,
            logs,
            start: f64::NAN,
            state: number,
            of,
            price: None,
        },
    }
}

/// A price as it is carried, state `number`; `map` says where nodes of its model went.
fn priced(open: &Open, number: usize, map: &[NodeId]) -> Carried {
    let range = open.model.graph.nodes[open.node.0 as usize].domain;
    let logs = range.lo > 0.0;
    let domain = if logs {
        Interval::open(0.0, f64::INFINITY)
    } else {
        Interval::all()
    };
    Carried {
        input: open.input,
        node: map[open.node.0 as usize],
        domain,
        moment: Moment {
            name: open.price.name.clone(),
            span: open.price.span,
            logs,
            start: 0.5 * (range.lo + range.hi),
            state: number,
            of: map[open.excess.0 as usize],
            price: Some((range.lo, range.hi)),
        },
    }
}

/// An axis of steps from one aggregate state to the next, next states fastest, and the number of the step that is taken, given the axis
/// and number of aggregate states and the state that holds now.
fn steps(model: &mut Model, (_, states): (AxisId, usize), aggregate: &[usize], now: NodeId) -> (AxisId, NodeId) {
    let set = AxisId(model.graph.axes.len() as u32);
    model.graph.axes.push(Axis {
        name: "step of the aggregate state".into(),
        size: states * states,
        continuum: false,
        kind: AxisKind::Set,
    });
    model.sets.push(SetInfo::default());
    let mut later: Option<NodeId> = None;
    for s in aggregate {
        let (input, span, many) = (model.shocks[*s].next, model.shocks[*s].span, links(model, *s));
        let g = &mut model.graph;
        let own = plain_node(g, Op::Input(input), Vec::new(), span);
        later = Some(match later {
            None => own,
            Some(before) => {
                let many = plain_node(g, Op::Const(many as f64), Vec::new(), span);
                let scaled = plain_node(g, Op::Binary(Binary::Mul, before, many), Vec::new(), span);
                plain_node(g, Op::Binary(Binary::Add, scaled, own), Vec::new(), span)
            }
        });
    }
    let g = &mut model.graph;
    let span = Span::default();
    let many = plain_node(g, Op::Const(states as f64), Vec::new(), span);
    let mut step = plain_node(g, Op::Binary(Binary::Mul, now, many), Vec::new(), span);
    if let Some(later) = later {
        step = plain_node(g, Op::Binary(Binary::Add, step, later), Vec::new(), span);
        g.nodes[later.0 as usize].phase = Phase::Moved;
        g.nodes[step.0 as usize].phase = Phase::Moved;
    }
    (set, step)
}

/// Makes a moment a state with a law of motion: a line in it (in its logarithm where that is so) for each of the `states` elements of the
/// axis `set`, of which the one at `index` holds now; it begins at `start`. Returns the tables of constants and slopes.
fn add_law(
    model: &mut Model,
    carried: &Carried,
    (set, states): (AxisId, usize),
    index: NodeId,
    start: NodeId,
) -> [NodeId; 2] {
    let Carried {
        moment,
        input,
        node,
        domain,
    } = carried;
    let span = moment.span;
    let g = &mut model.graph;
    let tables = [0.0, 1.0].map(|x| plain_node(g, Op::Table(vec![x; states]), vec![set], span));
    let [constant, slope] = tables.map(|table| {
        let of_state = Op::Take {
            of: table,
            axis: set,
            at: index,
        };
        plain_node(g, of_state, Vec::new(), span)
    });
    let now = if moment.logs {
        plain_node(g, Op::Unary(Unary::Log, *node), Vec::new(), span)
    } else {
        *node
    };
    let rise = plain_node(g, Op::Binary(Binary::Mul, slope, now), Vec::new(), span);
    let line = plain_node(g, Op::Binary(Binary::Add, constant, rise), Vec::new(), span);
    let next = if moment.logs {
        plain_node(g, Op::Unary(Unary::Exp, line), Vec::new(), span)
    } else {
        line
    };
    g.nodes[next.0 as usize].domain = *domain;
    model.states.push(State {
        name: moment.name.clone(),
        owner: None,
        input: *input,
        node: *node,
        domain: *domain,
        own: None,
        labels: Vec::new(),
        grid: None,
        start: Some(start),
        next,
        span,
        doc: if moment.price.is_some() {
            "what all members expect of the price".into()
        } else {
            "what all members expect of their mean".into()
        },
    });
    named(model, moment, *node);
    tables
}

/// The moment is a state to whoever looks for its name, and to whoever observes it.
fn named(model: &mut Model, moment: &Moment, node: NodeId) {
    match model.names.iter_mut().find(|n| n.name == moment.name) {
        Some(n) => n.kind = "state".into(),
        None => model.names.push(Named {
            name: moment.name.clone(),
            kind: "state".into(),
            block: String::new(),
            node,
            phase: Phase::Dated,
            shape: String::new(),
            domain: model.graph.nodes[node.0 as usize].domain,
            depends_on: Vec::new(),
            doc: String::new(),
            span: moment.span,
        }),
    }
    for agent in &mut model.agents {
        for o in agent.observation.iter_mut().filter(|o| o.node == node) {
            o.state = Some(moment.state);
        }
    }
}

/// Inputs of a model of one member where lives begin, at the middle of what is drawn.
fn first_inputs(model: &Model) -> Vec<Vec<f64>> {
    let g = &model.graph;
    let mut inputs: Vec<Vec<f64>> = g.inputs.iter().map(|i| vec![0.0; g.elements(&i.shape)]).collect();
    for (i, input) in g.inputs.iter().enumerate() {
        match input.kind {
            InputKind::Noise(_) => inputs[i].fill(0.5),
            InputKind::Param(p) if p < model.params.len() => inputs[i].clone_from(&model.params[p].values),
            _ => {}
        }
    }
    inputs
}

fn read(graph: &Graph, inputs: &[Vec<f64>], node: NodeId) -> f64 {
    eval::evaluate(graph, inputs).map_or(f64::NAN, |v| v.nodes[node.0 as usize][0])
}

/// The first value of a state.
fn first_value(model: &Model, state: usize) -> f64 {
    let start = model.states[state].start;
    start.map_or(f64::NAN, |node| read(&model.graph, &first_inputs(model), node))
}

/// The mean of a node where lives begin.
fn first_mean(model: &Model, state: usize, of: NodeId) -> f64 {
    let mut inputs = first_inputs(model);
    inputs[model.states[state].input.0 as usize].fill(first_value(model, state));
    read(&model.graph, &inputs, of)
}

/// The name of a mean: of a `let`, else as it is observed, else as it would be written.
fn name_of(model: &Model, node: NodeId) -> String {
    if let Some(n) = model.names.iter().find(|n| n.node == node && n.kind == "let") {
        return n.name.clone();
    }
    let mut seen = model.agents.iter().flat_map(|a| &a.observation);
    if let Some(o) = seen.find(|o| o.node == node) {
        return o.name.clone();
    }
    let mut of = node;
    while let Op::Reduce { of: inner, .. } | Op::Relabel { of: inner, .. } = model.graph.nodes[of.0 as usize].op {
        of = inner;
    }
    match model.names.iter().find(|n| n.node == of) {
        Some(n) => format!("mean({})", n.name),
        None => "a mean of the members".into(),
    }
}

/// The number of the aggregate state, from 0.
fn index(graph: &mut Graph, model: &Model, aggregate: &[usize]) -> NodeId {
    let mut out: Option<NodeId> = None;
    for s in aggregate {
        let shock = &model.shocks[*s];
        let own = plain_node(graph, Op::Input(shock.input), Vec::new(), shock.span);
        out = Some(match out {
            None => own,
            Some(before) => {
                let many = plain_node(graph, Op::Const(links(model, *s) as f64), Vec::new(), shock.span);
                let scaled = plain_node(graph, Op::Binary(Binary::Mul, before, many), Vec::new(), shock.span);
                plain_node(graph, Op::Binary(Binary::Add, scaled, own), Vec::new(), shock.span)
            }
        });
    }
    out.unwrap_or_else(|| plain_node(graph, Op::Const(0.0), Vec::new(), Span::default()))
}

/// A node that is known when members act and whose values may be any number.
fn plain_node(graph: &mut Graph, op: Op, shape: Vec<AxisId>, span: Span) -> NodeId {
    let phase = match op {
        Op::Const(_) | Op::Table(_) => Phase::Constant,
        _ => Phase::Dated,
    };
    let domain = match op {
        Op::Const(x) => Interval::point(x),
        _ => Interval::all(),
    };
    push(
        graph,
        Node {
            op,
            shape,
            domain,
            phase,
            span,
        },
    )
}

fn push(graph: &mut Graph, node: Node) -> NodeId {
    graph.nodes.push(node);
    NodeId(graph.nodes.len() as u32 - 1)
}

/// The share of members in each own state by aggregate state, `[aggregate state][own state]`.
pub(super) fn shares(chain: &JointChain, split: &[(usize, usize)], states: usize) -> Vec<Vec<f64>> {
    let own = split.iter().map(|s| s.1 + 1).max().unwrap_or(1);
    let mut out = vec![vec![0.0; own]; states];
    for ((z, e), p) in split.iter().zip(crate::chance::chain::stationary(&chain.transition)) {
        out[*z][*e] += p;
    }
    for row in &mut out {
        let total: f64 = row.iter().sum();
        row.iter_mut().for_each(|p| *p /= total);
    }
    out
}

/// The chances of the aggregate state, and of the own state given the aggregate states of both periods: `[z][z']` and
/// `[z][z'][own][own']`.
pub(super) fn chances(
    chain: &JointChain,
    split: &[(usize, usize)],
    states: usize,
) -> (Vec<Vec<f64>>, Vec<Vec<Vec<Vec<f64>>>>) {
    let own = split.iter().map(|s| s.1 + 1).max().unwrap_or(1);
    let mut all = vec![vec![0.0; states]; states];
    let mut mine = vec![vec![vec![vec![0.0; own]; own]; states]; states];
    for (row, (z, e)) in chain.transition.iter().zip(split) {
        for (p, (to, later)) in row.iter().zip(split) {
            mine[*z][*to][*e][*later] = *p;
            if *e == 0 {
                all[*z][*to] += p;
            }
        }
    }
    for block in mine.iter_mut().flatten().flatten() {
        let total: f64 = block.iter().sum();
        if total > 0.0 {
            block.iter_mut().for_each(|p| *p /= total);
        }
    }
    (all, mine)
}

/// The largest difference between shares that members' chances lead to and those of the aggregate state.
fn drift(chain: &JointChain, split: &[(usize, usize)], shares: &[Vec<f64>]) -> f64 {
    let (all, own) = chances(chain, split, shares.len());
    let mut worst: f64 = 0.0;
    for (z, row) in all.iter().enumerate() {
        for (to, _) in row.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            for (later, usual) in shares[to].iter().enumerate() {
                let moved: f64 = (0..shares[z].len()).map(|e| shares[z][e] * own[z][to][e][later]).sum();
                worst = worst.max((moved - usual).abs());
            }
        }
    }
    worst
}

/// By how much a function of the joint state differs between own states of one aggregate state.
fn spread(of: &[Vec<f64>], split: &[(usize, usize)]) -> f64 {
    let mut worst: f64 = 0.0;
    for (a, (z, _)) in of.iter().zip(split) {
        for (b, (y, _)) in of.iter().zip(split) {
            if z == y {
                worst = worst.max((a[0] - b[0]).abs());
            }
        }
    }
    worst
}
