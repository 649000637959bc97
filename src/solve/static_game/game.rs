//! A one-shot game as programs: who chooses what, what it pays at a profile of actions, and its derivatives.

use super::super::decision::expectation::{Expectation, Known};
use super::super::expected::Expected;
use super::super::kinked::{Fixed, Kinked, Nodes, fixed};
use super::super::observed;
use super::Conduct;
use super::taken::{cannot, held, lowered, taken_prices, through};
use crate::chance::quadrature::Rule;
use crate::check::Model;
use crate::check::model::{Distribution, Otherwise, Space};
use crate::diag::{Diagnostic, plain};
use crate::graph::shape::{aligned, element_name};
use crate::graph::{Binary, Op};
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::differentiate::{derivative, has_steps};
use crate::kernel::program::{CompileError, Mode, Program};
use crate::kernel::root::{NONE, ONE};
use crate::kernel::unroll::Unroll;
use std::collections::{BTreeSet, HashMap};

/// How a model is read as a game.
#[derive(Clone, Debug)]
pub(in crate::solve) struct Reading {
    /// Whose reward each action maximises.
    pub(in crate::solve) conduct: Conduct,
    /// For each agent of the model the prices that it takes as given (numbers of the model's prices); empty: nobody takes any.
    pub(in crate::solve) takes: Vec<Vec<usize>>,
    /// Shocks that their owners observe are known to them, in place of being averaged over.
    pub(in crate::solve) informed: bool,
    /// Finite choices may be among the actions.
    pub(in crate::solve) finite: bool,
    /// Members that are alike play alike.
    pub(in crate::solve) alike: bool,
    /// All equilibria are asked for: from more starts, at every combination of bounds, and with members who are alike playing unlike.
    pub(in crate::solve) all: bool,
}

impl Reading {
    /// The game that a parameter asks for: numbers in intervals, nothing known, nothing given.
    pub(super) fn plain(conduct: Conduct) -> Reading {
        Reading {
            conduct,
            takes: Vec::new(),
            informed: false,
            finite: false,
            alike: false,
            all: false,
        }
    }
}

/// One who chooses.
#[derive(Clone, Debug)]
pub(in crate::solve) struct Chooser {
    /// The agent of the model, by number, and the member of it.
    pub(in crate::solve) agent: usize,
    pub(in crate::solve) member: usize,
    /// Its actions, numbers of the game's actions.
    pub(in crate::solve) actions: Vec<usize>,
    /// What it knows when it acts, numbers of the game's types.
    pub(in crate::solve) sees: Vec<usize>,
}

/// One number that is chosen.
#[derive(Clone, Debug)]
pub(in crate::solve) struct Chosen {
    /// The action of the model, its dotted name, and the element.
    pub(in crate::solve) action: usize,
    pub(in crate::solve) name: String,
    pub(in crate::solve) element: usize,
    /// Who chooses it, a number of the game's choosers.
    pub(in crate::solve) chooser: usize,
    /// Actions of one group are the same action of different members.
    pub(in crate::solve) group: usize,
    /// The values of a finite choice with their labels; `None` for a number in an interval.
    pub(in crate::solve) values: Option<(Vec<f64>, Vec<String>)>,
}

/// Something that is known to those who see it when they act.
#[derive(Clone, Debug)]
pub(in crate::solve) struct Type {
    pub(in crate::solve) name: String,
    /// The shock of the model, by number.
    pub(in crate::solve) shock: usize,
    /// The element of it.
    pub(in crate::solve) element: usize,
    /// Its input in the programs.
    pub(in crate::solve) input: usize,
    /// What the input carries, the value, and the probability of each state; one number per state.
    pub(in crate::solve) carried: Vec<f64>,
    pub(in crate::solve) values: Vec<f64>,
    pub(in crate::solve) weights: Vec<f64>,
    /// The distribution behind the states, if they are nodes of a continuous one.
    pub(in crate::solve) continuous: Option<Distribution>,
    /// The law of a continuous one in any one period, where it has one and the file says nothing of a chain.
    pub(in crate::solve) law: Option<Distribution>,
}

/// What chance may bring, all of it at fixed nodes.
#[derive(Debug, Default)]
pub(in crate::solve) struct Drawn {
    /// The inputs that it sets: `(input, values)`, with one value per outcome.
    pub(in crate::solve) columns: Vec<(usize, Vec<f64>)>,
    /// Weights of the outcomes, one per outcome.
    pub(in crate::solve) weights: Vec<f64>,
}

impl Drawn {
    /// Joined with one more draw, whose input and nodes these are.
    fn with(self, input: usize, rule: &Rule) -> Drawn {
        let (n, m) = (self.weights.len(), rule.nodes.len());
        let mut columns: Vec<(usize, Vec<f64>)> = (self.columns.into_iter())
            .map(|(i, v)| (i, (0..n * m).map(|k| v[k / m]).collect()))
            .collect();
        columns.push((input, (0..n * m).map(|k| rule.nodes[k % m]).collect()));
        Drawn {
            columns,
            weights: (0..n * m).map(|k| self.weights[k / m] * rule.weights[k % m]).collect(),
        }
    }
}

/// A one-shot game.
#[derive(Debug)]
pub(in crate::solve) struct Game {
    pub(in crate::solve) lo: Vec<f64>,
    pub(in crate::solve) hi: Vec<f64>,
    /// Whether an interval has no lower and no upper end: the search then ends at [`FAR`], and nobody rests there.
    pub(super) open: Vec<(bool, bool)>,
    /// What first-order conditions are multiplied with, a power of two per action, so that no unit of money matters.
    pub(in crate::solve) unit: Vec<f64>,
    /// What is small money for the owner of each action: 1 where amounts are ordinary.
    pub(in crate::solve) money: Vec<f64>,
    pub(in crate::solve) actions: Vec<Chosen>,
    pub(in crate::solve) choosers: Vec<Chooser>,
    pub(in crate::solve) types: Vec<Type>,
    /// What each chooser maximises: reads the actions, then the actions that determine the prices that it takes.
    pub(super) payoff: Vec<Program<f64>>,
    /// What each chooser is paid, with everything an input that varies: for many profiles at once. Empty unless choices are finite or
    /// something is known.
    pub(in crate::solve) wide: Vec<Program<f64>>,
    /// What chance may bring to these.
    pub(in crate::solve) drawn: Drawn,
    pub(super) conditions: Program<f64>,
    /// Rows of the conditions' derivatives, one per action (none for actions that are not `led`).
    pub(super) jacobian: Vec<Option<Program<f64>>>,
    pub(in crate::solve) chance: Expected,
    /// Whether rewards jump where choices change (comparisons, choices by conditions).
    pub(in crate::solve) steps: bool,
    /// For each action where, along itself alone, rewards have kinks or steps, ends of its interval included; empty unless something is known.
    pub(in crate::solve) edges: Vec<Vec<Fixed>>,
    /// Whether some price is taken as given.
    pub(in crate::solve) given: bool,
    /// Whether draws stand behind kinks whose nodes only come near.
    pub(super) rough: bool,
    /// Whether prices are searched for that clear markets.
    pub(super) clears: bool,
    pub(super) alike: bool,
    /// Whether all equilibria are asked for.
    pub(super) all: bool,
    requirements: Requirements,
}

/// What must hold of the actions of a game: it is solved without, and what is found must do it.
#[derive(Debug)]
struct Requirements {
    dag: Dag,
    /// Slacks that move with an action, and which requirement of the model each belongs to.
    slacks: Vec<(Id, usize)>,
}

/// How far an interval without an end is searched.
const FAR: f64 = 1e6;
/// Most actions whose derivatives are all taken: beyond that only those of one member of each population.
pub(super) const FULL: usize = 24;
/// Most actions of members who are unlike whose derivatives are all taken.
const UNLIKE: usize = 200;

/// A shock of a member's own that it sees and others do not makes a game of incomplete information.
fn private(model: &Model, expectation: &mut Expectation, rewards: &[Id]) -> Result<(), Diagnostic> {
    let g = &model.graph;
    for agent in model.agents.iter().filter(|a| !a.actions.is_empty()) {
        for seen in agent.observation.iter().filter_map(|o| o.shock) {
            let shock = &model.shocks[seen];
            let node = g.nodes.iter().position(|n| n.op == Op::Input(shock.input));
            let ids = match node {
                Some(n) => expectation
                    .unroll
                    .node(crate::graph::NodeId(n as u32))
                    .unwrap_or_default(),
                None => Vec::new(),
            };
            let read = expectation.unroll.dag.reachable(rewards);
            let matters = ids.iter().any(|id| read.get(id.0 as usize) == Some(&true));
            if shock.owner.is_some() && matters {
                return Err(Diagnostic::error(
                    "E0821",
                    format!("`{}` is private information: the one-shot game is one of incomplete information", shock.name),
                )
                .at(shock.span, "its owner sees it, others do not")
                .hint("a parameter is a number, not a function of what one knows: `econc solve` solves the game itself; give the benchmark as a number, --set NAME=.., or draw it as a noise, after everybody has acted"));
            }
        }
    }
    Ok(())
}

/// Puts what is known into inputs of its own, which no average is taken over.
fn known(
    model: &Model,
    expectation: &mut Expectation,
    flat: &mut [Id],
    seen: &[BTreeSet<(usize, usize)>],
) -> Result<Vec<Type>, Diagnostic> {
    let observed = |l: &Known| seen.iter().any(|s| s.contains(&(l.shock, l.element)));
    let read = expectation.unroll.dag.reachable(flat);
    let laws: Vec<Known> = expectation.known();
    let mut types = Vec::new();
    let mut fresh = HashMap::new();
    for law in laws
        .into_iter()
        .filter(|l| observed(l) && read.get(l.now.0 as usize) == Some(&true))
    {
        let shock = &model.shocks[law.shock];
        if law.tied {
            return Err(
                cannot(format!("`{}` is seen and moves together with other shocks", shock.name))
                    .at(shock.span, "seen when acting")
                    .hint("in a game without states what is seen must be independent: write a `markov` over the joint states"),
            );
        }
        let dag = &mut expectation.unroll.dag;
        let number = dag.inputs();
        fresh.insert(law.now, dag.input(number as u32));
        types.push(Type {
            name: law.name,
            shock: law.shock,
            element: law.element,
            input: number,
            carried: law.carried,
            values: law.values,
            weights: law.weights,
            continuous: law.continuous,
            law: law.law,
        });
    }
    let new = expectation.unroll.dag.substitute(flat, &fresh);
    flat.copy_from_slice(&new);
    Ok(types)
}

/// What is chosen, element by element: one entry per element of an action that no rule takes, in the order of the model.
struct ChosenElements {
    /// Their inputs in the program.
    ids: Vec<Id>,
    /// Their bounds, [`FAR`] away where there is none.
    lo: Vec<f64>,
    hi: Vec<f64>,
    /// Whether there is no lower and no upper bound.
    open: Vec<(bool, bool)>,
    actions: Vec<Chosen>,
    /// Who chooses them.
    choosers: Vec<Chooser>,
}

/// Who chooses what, and between which bounds.
///
/// # Errors
/// E0810 for what the game has no room for.
fn chosen_elements(model: &Model, u: &mut Unroll, reading: &Reading) -> Result<ChosenElements, Diagnostic> {
    let g = &model.graph;
    let mut ids = Vec::new();
    let (mut lo, mut hi, mut open) = (Vec::new(), Vec::new(), Vec::new());
    let (mut actions, mut choosers): (Vec<Chosen>, Vec<Chooser>) = (Vec::new(), Vec::new());
    let mut groups = 0;
    for (k, a) in model.actions.iter().enumerate() {
        if model.agents[a.owner].rules.iter().any(|(r, _)| *r == k) {
            continue;
        }
        let Some(n) = g.nodes.iter().position(|n| n.op == Op::Input(a.input)) else {
            continue;
        };
        let elements = u
            .node(crate::graph::NodeId(n as u32))
            .map_err(|e| cannot(e.to_string()))?;
        let (values, (l, h)) = space(model, a, reading.finite, u)?;
        let members = aligned(g, &model.agents[a.owner].shape, &a.shape);
        let mut within = HashMap::new();
        for (e, id) in elements.into_iter().enumerate() {
            let inside = within.entry(members[e]).and_modify(|w| *w += 1).or_insert(0usize);
            let group = groups + *inside;
            let same = |c: &Chooser| c.agent == a.owner && c.member == members[e];
            let chooser = choosers.iter().position(same).unwrap_or_else(|| {
                choosers.push(Chooser {
                    agent: a.owner,
                    member: members[e],
                    actions: Vec::new(),
                    sees: Vec::new(),
                });
                choosers.len() - 1
            });
            choosers[chooser].actions.push(actions.len());
            ids.push(id);
            let (l, h) = (l[e.min(l.len() - 1)], h[e.min(h.len() - 1)]);
            lo.push(if l.is_finite() { l } else { -FAR });
            hi.push(if h.is_finite() { h } else { FAR });
            open.push((!l.is_finite(), !h.is_finite()));
            actions.push(Chosen {
                action: k,
                name: a.name.clone(),
                element: e,
                chooser,
                group,
                values: values.clone(),
            });
        }
        groups += within.values().max().map_or(0, |w| w + 1);
    }
    Ok(ChosenElements {
        ids,
        lo,
        hi,
        open,
        actions,
        choosers,
    })
}

/// Derivatives of what choosers maximise by their own actions, one per action (0 where it is not `led`, or finite), and the derivatives of these by
/// all actions, `[action][action that is led]`. `back` puts actions in the place of those that taken prices stand at.
fn conditions(
    dag: &mut Dag,
    payoff: &[Id],
    (ids, actions): (&[Id], &[Chosen]),
    led: &[bool],
    back: &HashMap<Id, Id>,
) -> (Vec<Id>, Vec<Vec<Id>>) {
    let zero = dag.constant(0.0);
    let conditions: Vec<Id> = (0..actions.len())
        .map(|i| match led[i] && actions[i].values.is_none() {
            true => derivative(dag, &[payoff[actions[i].chooser]], ids[i])[0],
            false => zero,
        })
        .collect();
    let conditions = dag.substitute(&conditions, back);
    let mut rows: Vec<Vec<Id>> = vec![Vec::new(); actions.len()];
    for a in ids {
        let some: Vec<usize> = (0..actions.len()).filter(|i| led[*i]).collect();
        let of: Vec<Id> = some.iter().map(|i| conditions[*i]).collect();
        for (i, d) in some.iter().zip(derivative(dag, &of, *a)) {
            rows[*i].push(d);
        }
    }
    (conditions, rows)
}

/// States and where they stand: their inputs, the number at which they start, if it is one, and their numbers in the model.
type Starts = Vec<(Id, Option<f64>, usize)>;

/// States that the graph reads, one entry per element.
fn starts(model: &Model, u: &mut Unroll) -> Result<Starts, Diagnostic> {
    let g = &model.graph;
    let mut out = Vec::new();
    for (i, s) in model.states.iter().enumerate() {
        if let Some(n) = g.nodes.iter().position(|n| n.op == Op::Input(s.input)) {
            let start = s.start.and_then(|n| g.nodes[n.0 as usize].domain.as_point());
            let ids = lowered(u, crate::graph::NodeId(n as u32))?;
            out.extend(ids.into_iter().map(|id| (id, start, i)));
        }
    }
    Ok(out)
}

/// Rewards, `[agent][member]`; nothing for agents without one.
fn rewards(model: &Model, u: &mut Unroll) -> Result<Vec<Vec<Id>>, Diagnostic> {
    let g = &model.graph;
    let of = |agent: &crate::check::model::Agent| -> Result<Vec<Id>, Diagnostic> {
        let Some(r) = agent.reward else {
            return Ok(Vec::new());
        };
        let ids = lowered(u, r)?;
        let map = aligned(g, &g.nodes[r.0 as usize].shape, &agent.shape);
        Ok(map.into_iter().map(|i| ids[i]).collect())
    };
    model.agents.iter().map(of).collect()
}

/// Slacks of requirements that choices must meet, one entry per element, with the number of the requirement.
fn slacks(model: &Model, u: &mut Unroll) -> Result<Vec<(Id, usize)>, Diagnostic> {
    let mut out = Vec::new();
    for (k, r) in model.requires.iter().enumerate() {
        if matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_)) {
            out.extend(lowered(u, r.slack)?.into_iter().map(|id| (id, k)));
        }
    }
    Ok(out)
}

/// The numbers at which states stand.
///
/// # Errors
/// E0810 for a state that `read` needs and that does not start at one number.
fn standing(dag: &mut Dag, model: &Model, of: &[Id], starts: &Starts) -> Result<HashMap<Id, Id>, Diagnostic> {
    let mut stand = HashMap::new();
    let read = dag.reachable(of);
    for (id, start, state) in starts {
        match start {
            Some(x) => {
                let x = dag.constant(*x);
                stand.insert(*id, x);
            }
            None if read[id.0 as usize] => {
                let state = &model.states[*state];
                return Err(cannot(format!(
                    "rewards of the one-shot game vary with `{}`, whose first value is not one number",
                    state.name
                ))
                .at(state.span, "read by a reward")
                .hint("give it a `start` that is a number, or the benchmark itself: --set NAME=.."));
            }
            None => {}
        }
    }
    Ok(stand)
}

/// Where the reward of a chooser stands in a list of all rewards, if it has one.
fn place(rewards: &[Vec<Id>], c: &Chooser) -> Option<usize> {
    rewards[c.agent].get(c.member)?;
    Some(rewards[..c.agent].iter().map(Vec::len).sum::<usize>() + c.member)
}

/// Payoffs that are NaN where some market that they read, as `ended` says of each, has no price that clears it: nobody is paid anything that is
/// known there.
fn where_prices_clear<'a>(dag: &mut Dag, payoff: &[Id], ended: impl Iterator<Item = &'a [Id]>) -> Vec<Id> {
    let (none, nan) = (dag.constant(NONE), dag.constant(f64::NAN));
    let known = ended.zip(payoff).map(|(read, paid)| {
        let one = dag.constant(ONE);
        let worst = read.iter().fold(one, |a, b| dag.binary(Binary::Max, a, *b));
        let missed = dag.binary(Binary::Ge, worst, none);
        dag.select(missed, nan, *paid)
    });
    known.collect()
}

impl Game {
    /// Errs where the actions found (`chosen`, one number per action) break a requirement on them, whatever is drawn.
    ///
    /// # Errors
    /// E0810.
    pub(in crate::solve) fn allowed(&self, model: &Model, chosen: &[f64]) -> Result<(), Diagnostic> {
        let ids: Vec<Id> = self.requirements.slacks.iter().map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut inputs = vec![0.0; self.chance.inputs];
        for (input, x) in self.chance.actions.iter().zip(chosen) {
            inputs[*input] = *x;
        }
        for outcome in 0..self.chance.weights.len().max(1) {
            for (input, values) in &self.chance.chance {
                inputs[*input] = values.get(outcome).copied().unwrap_or(0.0);
            }
            let slacks = self.requirements.dag.evaluate(&ids, &inputs);
            let broken = slacks.iter().position(|x| !(*x >= -1e-7));
            if let Some(i) = broken {
                let r = &model.requires[self.requirements.slacks[i].1];
                let found: Vec<String> = self
                    .actions
                    .iter()
                    .zip(chosen)
                    .map(|(a, x)| format!("{} = {x:.6}", a.name, x = plain(x)))
                    .collect();
                return Err(cannot(
                    "a requirement binds in the one-shot game, and such games are solved without requirements",
                )
                .at(r.span, "broken by what is best without it")
                .note(found.join(", "))
                .hint(
                    "write it as bounds of the action, as in `action x in [0, 1]`, or as a cost, `else penalty(100)`; or give the benchmark \
                     as a number: --set NAME=VALUE",
                ));
            }
        }
        Ok(())
    }

    /// Reads a model as a game.
    ///
    /// # Errors
    /// E0810 for what the game has no room for, E0821 for what is known and may not be, E0825 for what is known in part, E0904 for too many
    /// outcomes, E0990.
    pub(in crate::solve) fn new(model: &Model, nodes: Nodes, reading: &Reading) -> Result<Game, Diagnostic> {
        let mut expectation = Expectation::new(model)?;
        let u = &mut expectation.unroll;
        let starts = starts(model, u)?;
        let ChosenElements {
            ids: ids_of_actions,
            lo,
            hi,
            open,
            actions,
            choosers,
        } = chosen_elements(model, u, reading)?;
        let prices = taken_prices(model, u, &reading.takes)?;
        let mut rewards = rewards(model, u)?;
        let mut slacks = slacks(model, u)?;
        let (own, around) = held(&mut u.dag, &reading.takes, &prices, &ids_of_actions, &rewards);
        let through = through(&prices);
        for all in &mut rewards {
            *all = u.dag.substitute(all, &through);
        }
        for (id, _) in &mut slacks {
            *id = u.dag.substitute(&[*id], &through)[0];
        }
        let count = rewards.iter().map(Vec::len).sum::<usize>();
        let mut flat: Vec<Id> = rewards.iter().chain(&own).flatten().copied().collect();
        let who: Vec<(usize, usize)> = choosers.iter().map(|c| (c.agent, c.member)).collect();
        let seen = match reading.informed {
            true => observed::types(model, &who)?,
            false => Vec::new(),
        };
        let types = known(model, &mut expectation, &mut flat, &seen)?;
        let outcomes = expectation.outcomes(&flat, nodes)?;
        if !reading.informed {
            private(model, &mut expectation, &flat)?;
        }
        let mut dag = expectation.unroll.dag;
        if let Some(chance) = outcomes.chance {
            for r in &mut flat {
                *r = dag.mul(chance, *r);
            }
        }
        let stand = standing(&mut dag, model, &flat, &starts)?;
        flat = dag.substitute(&flat, &stand);
        for (id, _) in &mut slacks {
            *id = dag.substitute(&[*id], &stand)[0];
        }
        slacks.retain(|(id, _)| {
            let read = dag.reachable(&[*id]);
            ids_of_actions.iter().any(|a| read.get(a.0 as usize) == Some(&true))
        });
        let requirements = Requirements {
            dag: dag.clone(),
            slacks,
        };
        // How the markets ended that each reward reads.
        for i in 0..flat.len() {
            let ended = dag.statuses(&flat[i..=i]).into_iter();
            let ended = ended.reduce(|a, b| dag.binary(Binary::Max, a, b));
            flat.push(ended.unwrap_or_else(|| dag.constant(ONE)));
        }
        let flat = crate::kernel::affine::explicit(&mut dag, &flat);
        let (flat, ended) = flat.split_at(2 * count);
        let (paid, own) = flat.split_at(count);
        let mut total = dag.constant(0.0);
        for r in paid {
            total = dag.add(total, *r);
        }
        let place = |c: &Chooser| place(&rewards, c);
        let of = |list: &[Id], c: &Chooser| place(c).map_or(total, |at| list[at]);
        let all: Vec<Id> = choosers
            .iter()
            .map(|c| match reading.conduct {
                Conduct::Joint => total,
                Conduct::Nash => of(own, c),
            })
            .collect();
        let payoff = fault!(
            "market.player_dropped",
            [vec![dag.constant(0.0)], all[1..].to_vec()].concat(),
            all
        );
        let worth: Vec<Id> = choosers.iter().map(|c| of(paid, c)).collect();
        let back: HashMap<Id, Id> = around.iter().map(|(a, b)| (*b, *a)).collect();
        // Of many who are alike the conditions of one are enough.
        let lead = actions.len() <= FULL || !reading.alike;
        let first_of = |i: usize| actions.iter().position(|a| a.group == actions[i].group) == Some(i);
        let led: Vec<bool> = (0..actions.len()).map(|i| lead || first_of(i)).collect();
        let (conditions, rows) = conditions(&mut dag, &payoff, (&ids_of_actions, &actions), &led, &back);
        let number = |id: &Id| match dag.expr(*id) {
            Expr::Input(i) => Some(i as usize),
            _ => None,
        };
        let drawn: Vec<usize> = outcomes.inputs.iter().filter_map(number).collect();
        let mut chosen: Vec<usize> = ids_of_actions.iter().filter_map(number).collect();
        let shadows = ids_of_actions.iter().filter_map(|a| number(around.get(a)?));
        chosen.extend(shadows.collect::<Vec<usize>>());
        let split = outcomes.split.as_ref().and_then(|s| Some((s, number(&s.input)?)));
        let lanes = drawn.iter().copied().chain(split.as_ref().map(|s| s.1));
        let inputs = dag.inputs();
        let mut modes = vec![Mode::Uniform; inputs];
        for i in lanes {
            modes[i] = Mode::Lanes;
        }
        let failed = |e: CompileError| Diagnostic::error("E0990", e.to_string());
        let wide = actions.iter().any(|a| a.values.is_some()) || !types.is_empty();
        let everything: Vec<Id> = paid.iter().chain(own).copied().collect();
        let kinked = match split {
            Some((s, _)) => Kinked::new(&mut dag, &everything, s.input, s.law, &modes, nodes).map_err(failed)?,
            None => None,
        };
        let clears = !dag.statuses(&payoff).is_empty();
        let read = |c: &Chooser| match (reading.conduct, place(c)) {
            (Conduct::Nash, Some(at)) => &ended[count + at..][..1],
            _ => &ended[..count],
        };
        let payoff = where_prices_clear(&mut dag, &payoff, choosers.iter().map(read));
        let compiled = |of: &[Id]| Program::compile(&dag, &modes, of).map_err(failed);
        let wide = match wide {
            false => Vec::new(),
            true => {
                let modes = vec![Mode::Lanes; inputs];
                let one = |p: &Id| Program::compile(&dag, &modes, &[*p]).map_err(failed);
                worth.iter().map(one).collect::<Result<_, _>>()?
            }
        };
        let values = |k: usize| outcomes.nodes.iter().map(|(v, _)| v[k]).collect();
        let columns: Vec<(usize, Vec<f64>)> = drawn.iter().enumerate().map(|(k, i)| (*i, values(k))).collect();
        let weights: Vec<f64> = outcomes.nodes.iter().map(|(_, w)| *w).collect();
        let between = Drawn {
            columns: columns.clone(),
            weights: weights.clone(),
        };
        let mut game = Game {
            payoff: payoff.iter().map(|p| compiled(&[*p])).collect::<Result<_, _>>()?,
            drawn: match (split, wide.is_empty()) {
                (Some((s, input)), false) => between.with(input, &s.spread),
                _ => between,
            },
            wide,
            jacobian: rows
                .iter()
                .map(|r| if r.is_empty() { Ok(None) } else { compiled(r).map(Some) })
                .collect::<Result<_, _>>()?,
            conditions: compiled(&conditions)?,
            chance: Expected {
                inputs,
                actions: chosen,
                known: Vec::new(),
                chance: columns,
                weights,
                kinked,
            },
            rough: outcomes.rough,
            clears,
            edges: match types.is_empty() {
                true => vec![Vec::new(); actions.len()],
                false => edges(&dag, &everything, &ids_of_actions, &actions, (&lo, &hi)),
            },
            steps: has_steps(&dag, &everything, &ids_of_actions),
            given: !prices.is_empty(),
            alike: reading.alike,
            all: reading.all,
            types,
            requirements,
            unit: vec![1.0; lo.len()],
            money: vec![1.0; lo.len()],
            lo,
            hi,
            open,
            actions,
            choosers,
        };
        game.measure();
        for (c, seen) in game.choosers.iter_mut().zip(&seen) {
            let sees = |t: &usize| seen.contains(&(game.types[*t].shock, game.types[*t].element));
            c.sees = (0..game.types.len()).filter(sees).collect();
        }
        // Many who are not alike have conditions of their own, each.
        let many = (FULL + 1..=UNLIKE).contains(&game.actions.len());
        if reading.alike && many && game.types.is_empty() && game.exchangeable().contains(&false) {
            let apart = Reading {
                alike: false,
                ..reading.clone()
            };
            return Game::new(model, nodes, &apart);
        }
        Ok(game)
    }

    /// The name of a chooser, `firm[2]`.
    pub(in crate::solve) fn name(&self, model: &Model, chooser: usize) -> String {
        let c = &self.choosers[chooser];
        let agent = &model.agents[c.agent];
        element_name(
            &model.graph,
            &agent.name,
            &agent.shape,
            c.member,
            model.graph.elements(&agent.shape),
        )
    }
}

/// Where rewards have kinks or steps along each action alone: one list per action, found once for those of a group.
fn edges(dag: &Dag, of: &[Id], ids: &[Id], actions: &[Chosen], ends: (&[f64], &[f64])) -> Vec<Vec<Fixed>> {
    let mut out: Vec<Vec<Fixed>> = Vec::new();
    for (i, a) in actions.iter().enumerate() {
        let lead = actions.iter().position(|b| b.group == a.group).unwrap_or(i);
        let (lo, hi) = (ends.0[i], ends.1[i]);
        let beyond = 1e-6 * (hi - lo);
        out.push(match out.get(lead) {
            Some(same) if (lo, hi) == (ends.0[lead], ends.1[lead]) => same.clone(),
            _ if a.values.is_some() => Vec::new(),
            _ => {
                // What stands at an end but for rounding stands there.
                let ends = |at: f64| {
                    [lo, hi]
                        .into_iter()
                        .find(|e| (at - e).abs() < 1e-3 * beyond)
                        .unwrap_or(at)
                };
                let found = fixed(dag, of, ids[i], lo - beyond, hi + beyond).into_iter();
                found.map(|f| Fixed { at: ends(f.at), ..f }).collect()
            }
        });
    }
    out
}

/// What an action chooses from: its values where they are finite, and the ends of its interval, one number per element.
type Choices = (Option<(Vec<f64>, Vec<String>)>, (Vec<f64>, Vec<f64>));

fn space(
    model: &Model,
    a: &crate::check::model::Action,
    finite: bool,
    unroll: &mut crate::kernel::unroll::Unroll,
) -> Result<Choices, Diagnostic> {
    let g = &model.graph;
    let varies = || {
        cannot(format!(
            "the one-shot game needs constant bounds; those of `{}` vary",
            a.name
        ))
        .at(a.span, "bounds that vary")
        .hint("let the bounds be numbers, or give the benchmark as a number: --set NAME=VALUE")
    };
    // Numbers, the same for all or one for each member.
    let mut end = |node: &crate::graph::NodeId| -> Result<Vec<f64>, Diagnostic> {
        if let Some(x) = g.nodes[node.0 as usize].domain.as_point() {
            return Ok(vec![x]);
        }
        let ids = unroll.node(*node).map_err(|e| cannot(e.to_string()))?;
        let map = aligned(g, &g.nodes[node.0 as usize].shape, &a.shape);
        let each = map.iter().map(|k| unroll.dag.as_const(*ids.get(*k)?));
        each.collect::<Option<Vec<f64>>>()
            .filter(|e| !e.is_empty())
            .ok_or_else(varies)
    };
    let listed = |values: Vec<f64>, labels: Vec<String>| {
        let (lo, hi) = (
            values.first().copied().unwrap_or(0.0),
            values.last().copied().unwrap_or(0.0),
        );
        Ok((Some((values, labels)), (vec![lo], vec![hi])))
    };
    match &a.space {
        Space::Interval { lo, hi, .. } => Ok((None, (end(lo)?, end(hi)?))),
        Space::Finite { labels, masks, .. } if finite && masks.iter().all(Option::is_none) => {
            // The input of an action carries the number of the choice.
            listed((0..labels.len()).map(|i| i as f64).collect(), labels.clone())
        }
        Space::Integer { lo, hi } if finite => {
            let (l, h) = (end(lo)?, end(hi)?);
            let (&[l], &[h]) = (l.as_slice(), h.as_slice()) else {
                return Err(varies());
            };
            if h - l > 10_000.0 {
                return Err(
                    cannot(format!("`{}` has too many choices for a one-shot game", a.name)).at(a.span, "the action")
                );
            }
            let numbers: Vec<f64> = (l as i64..=h as i64).map(|i| i as f64).collect();
            let labels = numbers.iter().map(ToString::to_string).collect();
            listed(numbers, labels)
        }
        Space::Finite { .. } if finite => Err(cannot(format!("choices of `{}` are not always allowed", a.name))
            .at(a.span, "choices that depend on something")
            .hint("in a game without states leave out what is never allowed")),
        Space::Simplex(_) => Err(cannot(format!("`{}` is a vector of shares", a.name))
            .at(a.span, "a simplex")
            .hint("for a game without states choose the shares one by one, the last is what is left: action s in [0, 1], let rest = 1 - s")),
        _ => Err(cannot(format!(
            "the one-shot game needs numbers in intervals; `{}` is a finite choice",
            a.name
        ))
        .at(a.span, "a finite choice")
        .hint("let it choose from an interval, or give the benchmark as a number: --set NAME=VALUE")),
    }
}
