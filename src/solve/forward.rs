//! Prices that look a period ahead, as functions: what each depends on, and the model in which functions of a solution stand for them.
//!
//! A forward price is a function of what the period begins with and of its arguments. In the model of a file each place where it is read
//! is an input that nothing feeds ([`Model::ahead`]); [`closed`] puts a table there, so that every solver, judge, simulation and learner
//! behind it meets an ordinary model. [`plan`] finds out what each price depends on: what its own expression reads today, and what
//! decides where tomorrow's states stand, which a schedule says for those it runs over.

use crate::check::Model;
use crate::check::model::{PriceDim, PriceFunction, Process};
use crate::diag::{Diagnostic, Span};
use crate::graph::build::for_operands;
use crate::graph::{Axis, AxisId, AxisKind, Binary, Graph, InputId, InputKind, Interval, Node, NodeId, Op, Phase};
use std::collections::BTreeSet;

/// Most values of one function.
const MOST: usize = 4_000_000;

/// What a forward price depends on, and what an expectation of tomorrow takes.
#[derive(Clone, Debug, Default)]
pub struct Ahead {
    /// What it depends on today, in the order of its function; arguments follow.
    pub own: Vec<Source>,
    /// Shocks whose next draws matter, as numbers of the model.
    pub shocks: Vec<usize>,
    /// States whose laws say where they stand tomorrow, as numbers of the model.
    pub moved: Vec<usize>,
    /// Whether what is chosen matters.
    pub acts: bool,
}

/// A state or a shock, by its number in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A state.
    State(usize),
    /// A shock.
    Shock(usize),
}

/// Whether a model has forward prices that nobody has solved for.
pub fn open(model: &Model) -> bool {
    !model.ahead.prices.is_empty() && model.ahead.found.is_empty()
}

/// Refuses a model with forward prices that nobody has solved for.
///
/// # Errors
/// E0868.
pub fn known(model: &Model) -> Result<(), Diagnostic> {
    let Some(p) = model.ahead.prices.first().filter(|_| open(model)) else {
        return Ok(());
    };
    Err(
        Diagnostic::error("E0868", format!("the forward price `{}` is known to a solution only", p.name))
            .at(p.span, "what will be chosen tomorrow decides it today")
            .hint("solve the model and name the run, econc solve FILE --out runs/solved: then `econc simulate FILE --policy runs/solved`, `econc irf runs/solved`, `econc train FILE --against runs/solved`; `econc verify FILE` solves it by itself"),
    )
}

fn refused(model: &Model, price: usize, why: impl Into<String>) -> Diagnostic {
    let p = &model.ahead.prices[price];
    Diagnostic::error(
        "E0859",
        format!("the forward price `{}` cannot be solved for: {}", p.name, why.into()),
    )
    .at(p.span, "declared here")
}

/// What each forward price depends on, one entry per price.
///
/// # Errors
/// E0859 where that is not finitely many values, or tomorrow is not a matter of chains alone.
pub fn plan(model: &Model) -> Result<Vec<Ahead>, Diagnostic> {
    if model.horizon.is_some() {
        return Err(refused(model, 0, "the model has a horizon")
            .hint("leave out `horizon`: prices that look ahead are those of an economy that goes on"));
    }
    if let Some(e) = model.ends.first() {
        return Err(refused(model, 0, "lives may end")
            .and(e.span, "an end")
            .hint("say with a state that nothing is paid any more, in place of `end when`"));
    }
    if let Some(s) = model
        .scenarios
        .iter()
        .find(|s| !s.params.is_empty() || !s.moves.is_empty())
    {
        return Err(
            refused(model, 0, format!("the scenario `{}` changes parameters", s.name))
                .hint("a price is a function for one set of parameters: solve at each with --set NAME=VALUE"),
        );
    }
    let n = model.ahead.prices.len();
    let mut out: Vec<Ahead> = vec![Ahead::default(); n];
    loop {
        let before: Vec<Vec<Source>> = out.iter().map(|a| a.own.clone()).collect();
        for i in 0..n {
            out[i] = of_price(model, i, &before)?;
        }
        if out.iter().zip(&before).all(|(a, b)| a.own == *b) {
            break;
        }
    }
    for (i, a) in out.iter().enumerate() {
        let sizes = dims(model, i, a)?;
        let all = sizes.iter().fold(1usize, |n, d| n.saturating_mul(d.len));
        if all > MOST {
            let names: Vec<String> = sizes.iter().map(|d| format!("{} ({})", d.name, d.len)).collect();
            return Err(refused(model, i, format!("it would have {all} values"))
                .note(format!("it depends on {}", names.join(", ")))
                .hint("take coarser grids, or say with `given` where states of tomorrow stand that do not matter"));
        }
    }
    Ok(out)
}

/// What nodes rest on.
#[derive(Clone, Debug, Default)]
struct Reads {
    sources: BTreeSet<Source>,
    acts: bool,
    later: BTreeSet<usize>,
    expects: BTreeSet<usize>,
    next: BTreeSet<usize>,
}

/// What `nodes` rest on; prices known by what each depends on (`own`).
fn reads(model: &Model, price: usize, nodes: &[NodeId], own: &[Vec<Source>]) -> Result<Reads, Diagnostic> {
    let g = &model.graph;
    let mut out = Reads::default();
    let mut todo: Vec<NodeId> = nodes.to_vec();
    let mut seen: BTreeSet<NodeId> = BTreeSet::new();
    while let Some(node) = todo.pop() {
        if !seen.insert(node) {
            continue;
        }
        for i in g.below([node]).through_roots().inputs() {
            match g.inputs[i.0 as usize].kind {
                InputKind::State(s) => {
                    out.sources.insert(Source::State(s));
                }
                InputKind::Shock(s) => {
                    out.sources.insert(Source::Shock(s));
                }
                InputKind::ShockNext(s) => {
                    out.next.insert(s);
                }
                InputKind::Action(a) => {
                    let act = &model.actions[a];
                    if !act.shape.is_empty() {
                        return Err(refused(model, price, format!("`{}` is chosen by several", act.name))
                            .and(act.span, "an action of a population")
                            .hint("one decision maker's choices can be looked at: make the population one agent"));
                    }
                    if act.taste.is_some() {
                        return Err(refused(
                            model,
                            price,
                            format!("`{}` is chosen by tastes of the moment", act.name),
                        )
                        .and(act.span, "with tastes, what is chosen is a draw")
                        .hint("leave out `taste`"));
                    }
                    if model.agents.iter().any(|x| x.rules.iter().any(|(k, _)| *k == a)) {
                        return Err(refused(model, price, format!("`{}` is fixed by `policy`", act.name))
                            .and(act.span, "chosen by a rule")
                            .hint("write the rule as a definition: let NAME = .."));
                    }
                    out.acts = true;
                }
                InputKind::Later(k) => {
                    out.later.insert(k);
                }
                InputKind::Expected(k) => {
                    out.expects.insert(k);
                }
                InputKind::Forward(k) => {
                    out.sources.extend(own[k].iter().copied());
                    let at = model.ahead.prices[k].uses.iter().find(|u| u.input == i);
                    todo.extend(at.iter().flat_map(|u| u.args.iter().copied()));
                }
                InputKind::Param(_) => {}
                InputKind::Noise(_) => {
                    let name = &g.inputs[i.0 as usize].name;
                    return Err(refused(
                        model,
                        price,
                        format!("it rests on `{name}`, which is drawn after choices are made"),
                    )
                    .hint("make it a shock, `shock x ~ markov(..)`, which is known when agents act"));
                }
                InputKind::Time => {
                    return Err(refused(model, price, "it depends on the date")
                        .hint("count periods with a state: `state age in 0..10`"));
                }
                InputKind::Unknown(_) => {}
                InputKind::EntryValue(_) => {
                    return Err(refused(model, price, "it rests on the value of entry")
                        .hint("the value of entry belongs to populations at rest"));
                }
            }
        }
    }
    Ok(out)
}

/// Everything that a policy may depend on.
fn all(model: &Model) -> impl Iterator<Item = Source> {
    let states = (0..model.states.len()).map(Source::State);
    states.chain((0..model.shocks.len()).map(Source::Shock))
}

fn of_price(model: &Model, i: usize, own: &[Vec<Source>]) -> Result<Ahead, Diagnostic> {
    let p = &model.ahead.prices[i];
    let mut now: Vec<NodeId> = vec![p.body];
    now.extend(p.given.iter().map(|g| g.1));
    let mut today = reads(model, i, &now, own)?;
    let inside: Vec<NodeId> = today.expects.iter().map(|k| model.ahead.expects[*k].of).collect();
    let more = reads(model, i, &inside, own)?;
    today.sources.extend(more.sources);
    today.acts |= more.acts;
    let later: Vec<NodeId> = more.later.iter().map(|k| model.ahead.later[*k].of).collect();
    let mut tomorrow = reads(model, i, &later, own)?;
    if tomorrow.acts {
        tomorrow.sources.extend(all(model));
    }
    let mut out = Ahead {
        acts: tomorrow.acts,
        ..Ahead::default()
    };
    let mut shocks: BTreeSet<usize> = BTreeSet::new();
    for s in &tomorrow.sources {
        match s {
            Source::Shock(s) => {
                shocks.insert(*s);
            }
            Source::State(s) => {
                let pinned = p.args.contains(s) || p.given.iter().any(|g| g.0 == *s);
                if pinned {
                    continue;
                }
                let law = reads(model, i, &[model.states[*s].next], own)?;
                out.moved.push(*s);
                today.sources.extend(law.sources);
                today.acts |= law.acts;
                shocks.extend(law.next);
            }
        }
    }
    // Chains that others depend on.
    loop {
        let mut more = shocks.clone();
        for s in &shocks {
            if let Process::Chain { given, .. } = &model.shocks[*s].process {
                more.extend(given.iter().filter(|g| g.1).map(|g| g.0));
                today
                    .sources
                    .extend(given.iter().filter(|g| !g.1).map(|g| Source::Shock(g.0)));
            }
        }
        if more.len() == shocks.len() {
            break;
        }
        shocks = more;
    }
    // A chain without memory tells nothing of tomorrow.
    let remembers = |s: usize| match &model.shocks[s].process {
        Process::Chain { matrices, .. } => matrices.iter().any(|m| m.iter().any(|row| *row != m[0])),
        _ => true,
    };
    today
        .sources
        .extend(shocks.iter().filter(|s| remembers(**s)).map(|s| Source::Shock(*s)));
    if today.acts {
        today.sources.extend(all(model));
        out.acts = true;
    }
    for s in &shocks {
        let shock = &model.shocks[*s];
        if !shock.shape.is_empty() {
            return Err(
                refused(model, i, format!("`{}` is drawn for each of several", shock.name))
                    .and(shock.span, "drawn for each")
                    .hint("prices that look ahead are those of an economy of one: draw it at the top level"),
            );
        }
        if !matches!(shock.process, Process::Chain { .. }) {
            return Err(refused(
                model,
                i,
                format!("the shock `{}` takes infinitely many values", shock.name),
            )
            .and(shock.span, "not a finite chain")
            .hint("write it as a chain: shock z ~ markov([..], [[..], ..])"));
        }
    }
    out.own = today.sources.into_iter().collect();
    out.shocks = model
        .drawing_order()
        .into_iter()
        .filter(|s| shocks.contains(s))
        .collect();
    Ok(out)
}

/// What the function of a price runs over.
///
/// # Errors
/// E0859 for what takes infinitely many values.
fn dims(model: &Model, i: usize, ahead: &Ahead) -> Result<Vec<PriceDim>, Diagnostic> {
    let p = &model.ahead.prices[i];
    let state = |s: usize, prime: &str| {
        let x = &model.states[s];
        let whole = x.domain.integer && x.domain.lo.is_finite() && x.domain.hi.is_finite();
        let scalar = model.graph.inputs[x.input.0 as usize].shape.is_empty();
        let d = match (scalar, whole) {
            (false, _) => refused(model, i, format!("`{}` is a state of several", x.name))
                .and(x.span, "one number for each")
                .hint("prices that look ahead are those of an economy of one agent"),
            (true, false) => refused(
                model,
                i,
                format!("it depends on `{}`, which takes infinitely many values", x.name),
            )
            .and(x.span, "a continuous state")
            .hint(format!(
                "count steps of an even grid, `state {} in 0..250`, and write its value as a definition; or say with `given {}' = ..` where it stands tomorrow",
                x.name, x.name
            )),
            (true, true) => {
                return Ok(PriceDim {
                    name: format!("{}{prime}", x.name),
                    first: x.domain.lo as i64,
                    len: (x.domain.hi - x.domain.lo) as usize + 1,
                });
            }
        };
        Err(d)
    };
    let mut out = Vec::new();
    for s in &ahead.own {
        out.push(match s {
            Source::State(s) => state(*s, "")?,
            Source::Shock(s) => {
                let shock = &model.shocks[*s];
                match &shock.process {
                    Process::Chain { values, .. } if shock.shape.is_empty() => PriceDim {
                        name: shock.name.clone(),
                        first: 0,
                        len: values.len(),
                    },
                    _ => {
                        return Err(refused(
                            model,
                            i,
                            format!("it depends on `{}`, which is no finite chain of one number", shock.name),
                        )
                        .and(shock.span, "not a finite chain")
                        .hint("write it as a chain: shock z ~ markov([..], [[..], ..])"));
                    }
                }
            }
        });
    }
    for s in &p.args {
        out.push(state(*s, "'")?);
    }
    Ok(out)
}

/// First guesses: each price the number that the file says, one function per price.
///
/// # Errors
/// Those of [`plan`].
pub fn first(model: &Model, plan: &[Ahead]) -> Result<Vec<PriceFunction>, Diagnostic> {
    let of = |(i, a): (usize, &Ahead)| {
        let dims = dims(model, i, a)?;
        let n = dims.iter().map(|d| d.len).product();
        Ok(PriceFunction {
            name: model.ahead.prices[i].name.clone(),
            dims,
            values: vec![model.ahead.prices[i].start; n],
        })
    };
    plan.iter().enumerate().map(of).collect()
}

/// The state or shock of the model behind a dimension of a function.
pub fn source(model: &Model, dim: &PriceDim) -> Option<Source> {
    let state = model.states.iter().position(|s| s.name == dim.name).map(Source::State);
    state.or_else(|| model.shocks.iter().position(|s| s.name == dim.name).map(Source::Shock))
}

/// The model in which functions stand for its forward prices.
///
/// # Errors
/// E0868 where the functions are those of another model.
pub fn closed(model: &Model, functions: &[PriceFunction]) -> Result<Model, Diagnostic> {
    let prices = &model.ahead.prices;
    let fits = prices.len() == functions.len() && prices.iter().zip(functions).all(|(p, f)| p.name == f.name);
    let other = || {
        Diagnostic::error(
            "E0868",
            "the solution has functions for other forward prices than the model",
        )
        .hint("solve this model again: econc solve FILE")
    };
    if !fits {
        return Err(other());
    }
    let mut out = model.clone();
    let mut g = Graph {
        nodes: Vec::with_capacity(model.graph.nodes.len() + 64),
        ..model.graph.clone()
    };
    g.nodes.clear();
    // Inputs of states and shocks may be read before the file reads them.
    let mut tables: Vec<(NodeId, AxisId)> = Vec::new();
    for f in functions {
        let size: usize = f.dims.iter().map(|d| d.len).product();
        if size != f.values.len() {
            return Err(other());
        }
        g.axes.push(Axis {
            name: f.name.clone(),
            size,
            continuum: false,
            kind: AxisKind::Set,
        });
        out.sets.push(crate::check::model::SetInfo {
            first: 1,
            labels: Vec::new(),
        });
        let axis = AxisId(g.axes.len() as u32 - 1);
        let node = push(
            &mut g,
            Op::Table(f.values.clone()),
            vec![axis],
            hull(&f.values),
            Phase::Constant,
            Span::default(),
        );
        tables.push((node, axis));
    }
    let mut map: Vec<NodeId> = Vec::with_capacity(model.graph.nodes.len());
    for node in &model.graph.nodes {
        let read = match node.op {
            Op::Input(i) => match model.graph.inputs[i.0 as usize].kind {
                InputKind::Forward(k) => Some((k, i)),
                _ => None,
            },
            _ => None,
        };
        let Some((k, input)) = read else {
            let mut own = node.clone();
            for_operands(&mut own.op, &mut |id| *id = map[id.0 as usize]);
            g.nodes.push(own);
            map.push(NodeId(g.nodes.len() as u32 - 1));
            continue;
        };
        let args: Vec<NodeId> = (prices[k].uses.iter().find(|u| u.input == input))
            .map(|u| u.args.iter().map(|a| map[a.0 as usize]).collect())
            .unwrap_or_default();
        let f = &functions[k];
        if args.len() > f.dims.len() {
            return Err(other());
        }
        let at = place(&mut g, model, f, &args, node).ok_or_else(other)?;
        let (of, axis) = tables[k];
        let domain = g.nodes[of.0 as usize].domain;
        let phase = g.nodes[at.0 as usize].phase;
        map.push(push(
            &mut g,
            Op::Take { of, axis, at },
            Vec::new(),
            domain,
            phase,
            node.span,
        ));
    }
    for root in &mut g.roots {
        root.residuals.iter_mut().for_each(|n| *n = map[n.0 as usize]);
        for (a, b) in &mut root.brackets {
            *a = map[a.0 as usize];
            *b = map[b.0 as usize];
        }
    }
    out.graph = g;
    out.renumber(&map);
    for n in &mut out.names {
        if prices.iter().any(|p| p.name == n.name) {
            n.domain = out.graph.nodes[n.node.0 as usize].domain;
        }
    }
    out.ahead.found = functions.to_vec();
    Ok(out)
}

/// The position in the table of a function: what it depends on, last fastest.
fn place(g: &mut Graph, model: &Model, f: &PriceFunction, args: &[NodeId], like: &Node) -> Option<NodeId> {
    let own = f.dims.len() - args.len();
    let number = |g: &mut Graph, x: f64| {
        push(
            g,
            Op::Const(x),
            Vec::new(),
            Interval::point(x),
            Phase::Constant,
            like.span,
        )
    };
    let mut at = number(g, 0.0);
    for (d, dim) in f.dims.iter().enumerate() {
        let value = match d < own {
            true => {
                let (input, domain) = match source(model, dim)? {
                    Source::State(s) => (model.states[s].input, model.states[s].domain),
                    Source::Shock(s) => (
                        model.shocks[s].input,
                        Interval {
                            integer: true,
                            ..Interval::closed(0.0, dim.len as f64 - 1.0)
                        },
                    ),
                };
                // The node that everybody reads, so that what replaces it reaches here, too.
                let known = g.nodes.iter().position(|n| n.op == Op::Input(input));
                match known {
                    Some(n) => NodeId(n as u32),
                    None => push(g, Op::Input(input), Vec::new(), domain, Phase::Dated, like.span),
                }
            }
            false => args[d - own],
        };
        let len = number(g, dim.len as f64);
        let first = number(g, dim.first as f64);
        let so_far = binary(g, Binary::Mul, at, len, like.span);
        let step = binary(g, Binary::Sub, value, first, like.span);
        at = binary(g, Binary::Add, so_far, step, like.span);
    }
    Some(at)
}

fn binary(g: &mut Graph, op: Binary, a: NodeId, b: NodeId, span: Span) -> NodeId {
    let (x, y) = (&g.nodes[a.0 as usize], &g.nodes[b.0 as usize]);
    let domain = crate::graph::interval::binary(op, x.domain, y.domain);
    let phase = x.phase.max(y.phase);
    push(g, Op::Binary(op, a, b), Vec::new(), domain, phase, span)
}

fn push(g: &mut Graph, op: Op, shape: Vec<AxisId>, domain: Interval, phase: Phase, span: Span) -> NodeId {
    g.nodes.push(Node {
        op,
        shape,
        domain,
        phase,
        span,
    });
    NodeId(g.nodes.len() as u32 - 1)
}

fn hull(values: &[f64]) -> Interval {
    let lo = values.iter().copied().fold(f64::INFINITY, f64::min);
    let hi = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Interval::closed(lo, hi)
}

/// The inputs of all places where forward prices are read, with the number of the price and its arguments.
pub fn places(model: &Model) -> Vec<(usize, InputId, &[NodeId])> {
    let prices = model.ahead.prices.iter().enumerate();
    prices
        .flat_map(|(k, p)| p.uses.iter().map(move |u| (k, u.input, u.args.as_slice())))
        .collect()
}
