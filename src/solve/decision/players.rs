//! Each of those who decide, beside the problem of all of them together: what it is paid, what it moves, and slopes of both in its own
//! actions and states, with the prices that it takes held still.

use super::CALL;
use super::axes::Choice;
use super::builder::Builder;
use super::compiler::{ASIDE, Compiler};
use super::layout::Order;
use super::{Decision, ProblemOptions, WORKSPACE};
use crate::check::model::{Concept, Model};
use crate::diag::{Diagnostic, Span};
use crate::graph::Binary;
use crate::kernel::dag::{Expr, Id};
use crate::kernel::differentiate::derivative;
use crate::kernel::program::Program;
use crate::solve::economy::{Decider, Deciding, Economy, cannot};
use crate::solve::problem::{DecisionProblem, Lanes};
use std::collections::HashMap;

/// One who decides.
#[derive(Clone, Debug)]
pub struct One {
    /// Its name, `firm[2]`.
    pub name: String,
    /// The number of its agent in the model.
    pub agent: usize,
    /// Which member of the agent it is, from 0; `None` for one who decides for all of them.
    pub member: Option<usize>,
    /// The places of its actions among those of the joint problem, one per action.
    pub actions: Vec<usize>,
    /// The places of the states whose marginal values count for it among those of the joint problem, one per state.
    pub states: Vec<usize>,
    /// Its discount factor.
    pub discount: f64,
    /// Whether the marginal values of its states follow from its own conditions (prices or paths of others given), and not from its value as a
    /// function of all states.
    pub taking: bool,
}

/// What one is paid and moves at many points.
pub struct Part {
    /// The reward, one number per lane.
    pub reward: Vec<f64>,
    /// Its slope in each own action, `[action][lane]`.
    pub pays: Vec<Vec<f64>>,
    /// Slopes of the next values of the states that count for it, `[own action][state][lane]`.
    pub moves: Vec<Vec<Vec<f64>>>,
}

/// One period at many points.
pub struct Period {
    /// The next states, `[state][lane]`.
    pub next: Vec<Vec<f64>>,
    /// One entry per player.
    pub parts: Vec<Part>,
}

/// How one state of a player weighs in a period.
pub struct Weight {
    /// The slope of the reward in the state, one number per lane.
    pub pays: Vec<f64>,
    /// Slopes of the next values of the states that count for the player, `[state][lane]`.
    pub moves: Vec<Vec<f64>>,
    /// Slopes of the lower and the upper bound of each own action, `[action][lane]`.
    pub bounds: Vec<[Vec<f64>; 2]>,
}

/// All who decide, with what each needs for its first-order conditions.
pub struct Players {
    /// They, in the order of the model.
    pub list: Vec<One>,
    /// Next states, then each player's reward and slopes; how markets ended comes last.
    stage: Program<f64>,
    /// For each player and state that counts for it the slopes of reward, laws and bounds.
    weights: Program<f64>,
    clears: bool,
    /// Whether something that a player moves and that is no state of its own matters to it tomorrow, although it takes all such
    /// things as given: its name.
    pub strays: Option<String>,
    /// The game as matrices, where laws are linear, rewards quadratic and actions without bounds.
    pub quadratic: Option<Quadratic>,
    /// Draws whose chances move in a way that first-order conditions do not see, and where the first is declared.
    pub moved: Option<(String, Span)>,
}

/// The model as if one chose for everybody.
pub(super) fn framed(model: &Model) -> Model {
    let mut out = Model {
        concept: Some(Concept::Planner),
        ..model.clone()
    };
    // One who chooses for everybody leaves nobody a concept of his own.
    for s in out.settings.iter_mut().filter(|s| s.block == "solve") {
        s.entries.retain(|(key, _, _)| !key.starts_with("concept."));
    }
    out
}

impl Decision {
    /// The grids, shocks and bounds of an economy in which several decide: those of one who chooses for all; what each is paid and how it
    /// discounts is no part of it.
    ///
    /// # Errors
    /// Those of [`Decision::new`].
    pub fn frame(model: &Model, options: &ProblemOptions) -> Result<Decision, Diagnostic> {
        Ok(Decision::parts(Builder::frame(&framed(model), options)?)?.decision)
    }

    /// The problem of all who decide in an economy as if one chose for them, and what each of them faces.
    ///
    /// # Errors
    /// Those of [`Decision::new`]; E0810 for a discount factor that moves.
    pub fn with_players(economy: &Economy, options: &ProblemOptions) -> Result<(Decision, Players), Diagnostic> {
        let joint = framed(economy.model);
        let parts = Decision::parts(Builder::frame(&joint, options)?)?;
        let source = Source {
            joint: &joint,
            economy,
            options,
            seen: &parts.builder,
            order: &parts.order,
            cells: &parts.cells,
        };
        let mut players = source.players(&parts.choices)?;
        if let Some(chance) = parts.chance {
            let actions: Vec<Id> = parts.choices.iter().map(|c| c.id).collect();
            let chosen = parts.builder.unroll.dag.dependents(&actions)[chance.0 as usize];
            players.moved = (chosen || players.taking()).then(|| parts.decision.moving.clone());
        }
        Ok((parts.decision, players))
    }
}

/// A linear-quadratic game without shocks. Variables are the states, then the actions of the joint problem.
#[derive(Clone, Debug)]
pub struct Quadratic {
    /// Each law: its constant, then its slope in every variable.
    pub laws: Vec<(f64, Vec<f64>)>,
    /// Each player's reward: its constant, its slopes at zero, and its second derivatives `[variable][variable]`.
    pub rewards: Vec<(f64, Vec<f64>, Vec<Vec<f64>>)>,
}

/// Most states and actions together of a game whose second derivatives are looked at.
const MOST_VARIABLES: usize = 24;

/// A price that somebody takes: its number, the inputs in its place, and what it is.
type Held = (usize, Vec<Id>, Vec<Id>);

/// What players are made of.
struct Source<'a> {
    joint: &'a Model,
    economy: &'a Economy<'a>,
    options: &'a ProblemOptions,
    seen: &'a Builder<'a>,
    order: &'a Order,
    /// Draws that are integrated in cells, as expressions of these.
    cells: &'a [(Id, Id)],
}

/// Expressions of the unrolled period.
struct Exprs {
    now: Vec<Id>,
    next: Vec<Id>,
    actions: Vec<Id>,
    bounds: Vec<[Id; 2]>,
}

impl Source<'_> {
    fn players(&self, choices: &[Choice]) -> Result<Players, Diagnostic> {
        let model = self.joint;
        let mut list = self.list(choices)?;
        let mut b = Builder {
            model,
            options: self.options,
            agents: self.seen.agents.clone(),
            single: false,
            apart: true,
            others: None,
            given: Vec::new(),
            states: self.seen.states.clone(),
            free: Vec::new(),
            numbers: Vec::new(),
            unroll: crate::kernel::unroll::Unroll::new(&model.graph),
        };
        if !self.cells.is_empty() {
            // What the cells are is said in expressions of that graph.
            b.unroll.dag = self.seen.unroll.dag.clone();
        }
        b.bind();
        b.rules()?;
        b.draws()?;
        let given = fault!("market.taker_moves_price", Vec::new(), self.hold_prices(&mut b)?);
        let e = self.exprs(&mut b, choices)?;
        for one in &mut list {
            one.discount = self.discount(&mut b, one)?;
        }
        let mut stage = e.next.clone();
        let mut weights = Vec::new();
        let mut strays = None;
        for one in &list {
            // Who sees through a price has its own slopes in it.
            let reward = self.reward(&mut b, one)?;
            let [reward] = self.seen_through(&mut b, one, &given, &[reward])[..] else {
                continue;
            };
            let next = self.seen_through(&mut b, one, &given, &e.next);
            let laws: Vec<Id> = one.states.iter().map(|s| next[*s]).collect();
            stage.push(reward);
            for a in &one.actions {
                let of = [&[reward][..], &laws].concat();
                stage.extend(derivative(&mut b.unroll.dag, &of, e.actions[*a]));
                let others: Vec<usize> = (0..next.len()).filter(|s| !one.states.contains(s)).collect();
                let moved: Vec<Id> = others.iter().map(|s| next[*s]).collect();
                let moved = derivative(&mut b.unroll.dag, &moved, e.actions[*a]);
                let stray = others
                    .iter()
                    .zip(moved)
                    .find(|(_, d)| b.unroll.dag.as_const(*d) != Some(0.0));
                let stray = stray.filter(|_| one.taking);
                strays = strays.or(stray.map(|(s, _)| model.states[b.states[*s].0].name.clone()));
            }
            for s in &one.states {
                let bounds: Vec<Id> = one.actions.iter().flat_map(|a| e.bounds[*a]).collect();
                let bounds = self.seen_through(&mut b, one, &given, &bounds);
                let of = [&[reward][..], &laws, &bounds].concat();
                weights.extend(derivative(&mut b.unroll.dag, &of, e.now[*s]));
            }
        }
        let prices = self.economy.seats.iter().any(|s| !s.takes.is_empty());
        let quadratic = if prices || self.economy.concept == Concept::Competitive {
            None
        } else {
            self.quadratic(&mut b, &list, &e)?
        };
        // What was held still for the slopes is what it is.
        for (_, held, truth) in given.iter().rev() {
            let map: HashMap<Id, Id> = held.iter().copied().zip(truth.iter().copied()).collect();
            stage = b.unroll.dag.substitute(&stage, &map);
            weights = b.unroll.dag.substitute(&weights, &map);
        }
        let ended = b.unroll.dag.statuses(&stage);
        let ended = ended.into_iter().reduce(|x, y| b.unroll.dag.binary(Binary::Max, x, y));
        stage.extend(ended);
        let mut place = self.compiler(b);
        Ok(Players {
            stage: place.program(&stage)?,
            weights: place.program(&weights)?,
            list,
            clears: ended.is_some(),
            quadratic,
            // With the others' paths given, their states go their way.
            strays: strays.filter(|_| self.economy.concept != Concept::OpenLoop),
            moved: None,
        })
    }

    /// The game as matrices; `None` where it is not linear-quadratic.
    fn quadratic(&self, b: &mut Builder, list: &[One], e: &Exprs) -> Result<Option<Quadratic>, Diagnostic> {
        let variables: Vec<Id> = e.now.iter().chain(&e.actions).copied().collect();
        let free = |b: &Builder, id: Id, end: f64| b.unroll.dag.as_const(id) == Some(end);
        let bounded = e
            .bounds
            .iter()
            .any(|[lo, hi]| !free(b, *lo, f64::NEG_INFINITY) || !free(b, *hi, f64::INFINITY));
        if bounded || variables.len() > MOST_VARIABLES {
            return Ok(None);
        }
        let zeros = vec![0.0; b.unroll.dag.inputs()];
        let at_zero = |b: &Builder, id: Id| b.unroll.dag.evaluate(&[id], &zeros)[0];
        let numbers =
            |b: &Builder, ids: &[Id]| -> Option<Vec<f64>> { ids.iter().map(|id| b.unroll.dag.as_const(*id)).collect() };
        // What else is read, a shock or a draw, is not part of such a game.
        let others = |b: &Builder, of: Id| b.unroll.dag.inputs_of(&[of]).iter().any(|i| !variables.contains(i));
        let mut laws = Vec::new();
        for law in &e.next {
            let slopes: Vec<Id> = variables
                .iter()
                .map(|v| derivative(&mut b.unroll.dag, &[*law], *v)[0])
                .collect();
            match numbers(b, &slopes) {
                Some(slopes) if !others(b, *law) => laws.push((at_zero(b, *law), slopes)),
                _ => return Ok(None),
            }
        }
        let mut rewards = Vec::new();
        for one in list {
            let reward = self.reward(b, one)?;
            let slopes: Vec<Id> = variables
                .iter()
                .map(|v| derivative(&mut b.unroll.dag, &[reward], *v)[0])
                .collect();
            let mut second = Vec::new();
            for v in &variables {
                let row = derivative(&mut b.unroll.dag, &slopes, *v);
                match numbers(b, &row) {
                    Some(row) => second.push(row),
                    None => return Ok(None),
                }
            }
            if others(b, reward) {
                return Ok(None);
            }
            let first = slopes.iter().map(|d| at_zero(b, *d)).collect();
            rewards.push((at_zero(b, reward), first, second));
        }
        Ok(Some(Quadratic { laws, rewards }))
    }

    /// Whether marginal values follow from own conditions: for price takers, and where the paths of the others are given.
    fn taking(&self, seat: &Decider) -> bool {
        !seat.takes.is_empty() || self.economy.concept == Concept::OpenLoop
    }

    /// Expressions in which the prices that `one` does not take as given are what they are.
    fn seen_through(&self, b: &mut Builder, one: &One, given: &[Held], of: &[Id]) -> Vec<Id> {
        let seat = self.economy.seats.iter().find(|s| s.agents.contains(&one.agent));
        let takes = |p: &usize| fault!("market.price_held", true, seat.is_some_and(|s| s.takes.contains(p)));
        let mut out = of.to_vec();
        for (_, held, truth) in given.iter().rev().filter(|(p, ..)| !takes(p)) {
            let map: HashMap<Id, Id> = held.iter().copied().zip(truth.iter().copied()).collect();
            out = b.unroll.dag.substitute(&out, &map);
        }
        out
    }

    /// Prices that are taken become inputs of their own; with what they are, in the order in which they follow from one another.
    fn hold_prices(&self, b: &mut Builder) -> Result<Vec<Held>, Diagnostic> {
        let mut taken: Vec<usize> = self.economy.seats.iter().flat_map(|s| s.takes.clone()).collect();
        taken.sort_by_key(|p| self.joint.prices[*p].node);
        taken.dedup();
        fault!("market.price_held", do { taken = (0..self.joint.prices.len()).collect(); });
        let mut next = 2 * ASIDE;
        let mut out = Vec::new();
        for p in taken.into_iter().filter(|p| self.joint.prices[*p].state.is_none()) {
            let node = self.joint.prices[p].node;
            let truth = b.unrolled(node)?;
            let held: Vec<Id> = truth
                .iter()
                .map(|_| {
                    next += 1;
                    b.unroll.dag.input(next)
                })
                .collect();
            b.unroll.replace(node, held.clone());
            out.push((p, held, truth));
        }
        Ok(out)
    }

    fn exprs(&self, b: &mut Builder, choices: &[Choice]) -> Result<Exprs, Diagnostic> {
        let model = self.joint;
        let (mut now, mut next) = (Vec::new(), Vec::new());
        for (s, element) in self.seen.states.clone() {
            let state = &model.states[s];
            now.push(b.input_of(state.input)?[element]);
            let ids = b.unrolled(state.next)?;
            let from = &model.graph.nodes[state.next.0 as usize].shape;
            let map =
                crate::graph::shape::aligned(&model.graph, from, &model.graph.inputs[state.input.0 as usize].shape);
            next.push(ids[map[element]]);
        }
        let again = b.action_axes()?;
        let zero = b.unroll.dag.constant(0.0);
        let bounds = again.iter().map(|c| match c.bounds.as_slice() {
            [lo, hi] => [*lo, *hi],
            _ => [zero; 2],
        });
        let bounds = bounds.collect();
        let actions = again.iter().take(choices.len()).map(|c| c.id).collect();
        Ok(Exprs {
            now,
            next,
            actions,
            bounds,
        })
    }

    /// Who decides: each member of each agent, or one for all of them.
    fn list(&self, choices: &[Choice]) -> Result<Vec<One>, Diagnostic> {
        let model = self.joint;
        let g = &model.graph;
        let owners = self.owners(choices.len());
        let all: Vec<usize> = (0..self.seen.states.len()).collect();
        let mut out = Vec::new();
        for seat in &self.economy.seats {
            let agent = seat.agents[0];
            let members = if matches!(seat.members, Deciding::Together) {
                1
            } else {
                g.elements(&model.agents[agent].shape)
            };
            let one = matches!(seat.members, Deciding::Together);
            for m in 0..members {
                let mine = |(a, element): (usize, usize)| seat.agents.contains(&a) && (one || element == m);
                let own = |k: &usize| {
                    let (s, e) = self.seen.states[*k];
                    let Some(owner) = model.states[s].owner else {
                        return self.economy.concept == Concept::OpenLoop;
                    };
                    let total = g.elements(&g.inputs[model.states[s].input.0 as usize].shape);
                    let per = (total / g.elements(&model.agents[owner].shape).max(1)).max(1);
                    mine((owner, e / per))
                };
                let taking = self.taking(seat);
                let states = all.iter().copied().filter(|k| !taking || own(k)).collect();
                let name = crate::graph::shape::element_name(
                    g,
                    &model.agents[agent].name,
                    &model.agents[agent].shape,
                    m,
                    members,
                );
                out.push(One {
                    name: if one && seat.agents.len() > 1 {
                        "planner".into()
                    } else {
                        name
                    },
                    agent,
                    member: (!one).then_some(m),
                    actions: (0..owners.len()).filter(|k| mine(owners[*k])).collect(),
                    states,
                    taking,
                    discount: 1.0,
                });
            }
        }
        Ok(out)
    }

    /// The agent and the member that each action of the joint problem belongs to.
    fn owners(&self, count: usize) -> Vec<(usize, usize)> {
        let model = self.joint;
        let mut out = Vec::new();
        for (i, a) in model.actions.iter().enumerate() {
            if model.agents[a.owner].rules.iter().any(|(r, _)| *r == i) {
                continue;
            }
            let total = model.graph.elements(&a.shape);
            let per = (total / model.graph.elements(&model.agents[a.owner].shape).max(1)).max(1);
            out.extend((0..total).map(|e| (a.owner, e / per)));
        }
        out.truncate(count);
        out
    }

    fn discount(&self, b: &mut Builder, one: &One) -> Result<f64, Diagnostic> {
        let agent = &self.joint.agents[one.agent];
        let Some(node) = agent.discount else { return Ok(1.0) };
        let ids = b.unrolled(node)?;
        let members = self.joint.graph.elements(&agent.shape).max(1);
        let at = one.member.unwrap_or(0) * ids.len() / members;
        b.unroll.dag.as_const(ids[at.min(ids.len() - 1)]).ok_or_else(|| {
            cannot(format!("the discount factor of `{}` moves", agent.name)).at(agent.span, "not one number")
        })
    }

    fn reward(&self, b: &mut Builder, one: &One) -> Result<Id, Diagnostic> {
        let model = self.joint;
        let seat = self.economy.seats.iter().find(|s| s.agents.contains(&one.agent));
        let together = seat
            .filter(|s| s.members == Deciding::Together)
            .map(|s| s.agents.clone());
        let mut total = b.unroll.dag.constant(0.0);
        for a in together.unwrap_or_else(|| vec![one.agent]) {
            let Some(node) = model.agents[a].reward else {
                return Err(cannot(format!("`{}` wants nothing", model.agents[a].name)));
            };
            let ids = b.unrolled(node)?;
            let members = model.graph.elements(&model.agents[a].shape);
            let element = |m: usize| ids[(m * ids.len() / members.max(1)).min(ids.len() - 1)];
            let mine: Vec<Id> = match one.member {
                Some(m) => vec![element(m)],
                None => (0..members).map(element).collect(),
            };
            for id in mine {
                total = b.unroll.dag.add(total, id);
            }
        }
        Ok(total)
    }

    /// Programs over the inputs of the joint problem.
    fn compiler(&self, mut b: Builder) -> Compiler {
        let mut map = HashMap::new();
        for (k, id) in self.order.inputs.iter().enumerate() {
            let Some(Expr::Input(n)) = id.map(|id| self.seen.unroll.dag.expr(id)) else {
                continue;
            };
            let from = b.unroll.dag.input(n);
            let to = b.unroll.dag.input(ASIDE + k as u32);
            map.insert(from, to);
        }
        for (input, draw) in self.cells {
            let draw = b.unroll.dag.substitute(&[*draw], &map)[0];
            map.insert(*input, draw);
        }
        Compiler {
            dag: b.unroll.dag,
            map,
            layout: self.order.layout.clone(),
            inputs: self.order.inputs.len(),
            final_ids: HashMap::new(),
        }
    }
}

impl Players {
    /// Whether anybody takes prices or paths as given.
    pub fn taking(&self) -> bool {
        self.list.iter().any(|one| one.taking)
    }

    /// The place of a player's first function among those that are carried: its value, or one marginal value for each state that counts for it.
    pub fn first(&self, player: usize) -> usize {
        let before = self.list[..player].iter();
        before.map(|one| if one.taking { one.states.len() } else { 1 }).sum()
    }

    fn run(&self, program: &Program<f64>, decision: &Decision, lanes: &Lanes, n: usize) -> Vec<Vec<f64>> {
        let mut out = vec![vec![f64::NAN; n]; program.outputs()];
        let mut slices: Vec<&mut [f64]> = out.iter_mut().map(Vec::as_mut_slice).collect();
        let inputs = decision.operands(lanes, Some(&[]));
        decision.spend((n + CALL) * program.instructions());
        let done = WORKSPACE.with(|w| program.run(&inputs, n, &mut slices, &mut w.borrow_mut()).is_ok());
        if !done {
            out.iter_mut().for_each(|o| o.fill(f64::NAN));
        }
        out
    }

    /// One period at `n` points. Where no price clears a market rewards are not numbers.
    pub fn period(&self, decision: &Decision, lanes: &Lanes, n: usize) -> Period {
        let mut all = self.run(&self.stage, decision, lanes, n);
        let status = if self.clears { all.pop() } else { None };
        let mut all = all.into_iter();
        let mut take = |k: usize| -> Vec<Vec<f64>> { all.by_ref().take(k).collect() };
        let next = take(lanes.states.len());
        let mut parts: Vec<Part> = Vec::new();
        for one in &self.list {
            let mut reward = take(1).pop().unwrap_or_default();
            for (r, s) in reward.iter_mut().zip(status.iter().flatten()) {
                if *s >= crate::kernel::root::NONE {
                    *r = f64::NAN;
                }
            }
            let (mut pays, mut moves) = (Vec::new(), Vec::new());
            for _ in &one.actions {
                pays.extend(take(1));
                moves.push(take(one.states.len()));
            }
            parts.push(Part { reward, pays, moves });
        }
        Period { next, parts }
    }

    /// How the states weigh at `n` points: `[player][state that counts for it]`.
    pub fn weights(&self, decision: &Decision, lanes: &Lanes, n: usize) -> Vec<Vec<Weight>> {
        let mut all = self.run(&self.weights, decision, lanes, n).into_iter();
        let mut take = |k: usize| -> Vec<Vec<f64>> { all.by_ref().take(k).collect() };
        let mut weight = |one: &One| Weight {
            pays: take(1).pop().unwrap_or_default(),
            moves: take(one.states.len()),
            bounds: one
                .actions
                .iter()
                .map(|_| {
                    let mut two = take(2).into_iter();
                    [two.next().unwrap_or_default(), two.next().unwrap_or_default()]
                })
                .collect(),
        };
        let list = &self.list;
        list.iter()
            .map(|one| one.states.iter().map(|_| weight(one)).collect())
            .collect()
    }
}
