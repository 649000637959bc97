//! Sessions of Q-learners who meet in one game for ever, made of a model: `random = ran2` of `train q_learning`.
//!
//! The program of Calvano, Calzolari, Denicolo and Pastorello (2020), number by number: the rewards of the model become a table,
//! and [`super::repeated_game`] plays on it. That can only be of a model in which the members of one agent choose one action from a
//! finite set, all see what everybody chose last, and nothing else moves; what differs is refused.

use super::LearnError;
use super::options::OptionTable;
use super::policy::{Policy, PolicyKind};
use super::q_learning::{Exploration, Initial, QLearningOptions, Tables, Ties};
use super::q_table::{QTables, Sharing, first_best};
use super::repeated_game::{FiniteGame, Luck, Session, SessionOptions, play_session};
use super::spaces::JointChoices;
use crate::check::model::{Model, Scenario, Space};
use crate::diag::Diagnostic;
use crate::env::able;
use crate::env::engine::{Engine, Frame};
use crate::env::interface::Interface;
use crate::env::worlds::Worlds;
use crate::graph::shape::aligned;
use crate::graph::{Graph, InputId, InputKind, NodeId, Op};
use crate::limits;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is asked of sessions, beside the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The options of the learner.
    pub options: QLearningOptions,
    /// Actions between whose rewards the index of collusion is measured: competitive and collusive, taken by everybody.
    pub benchmarks: Option<(f64, f64)>,
}

/// Learners of a model as players of a finite game.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// The game.
    pub game: FiniteGame,
    /// How it is played.
    pub options: SessionOptions,
    /// The number behind each action, in units of the file (the place of a choice without a number): one per action.
    pub actions: Vec<f64>,
    /// Name of the action.
    pub action: String,
    /// Payoffs where everybody takes the competitive and the collusive action: one (competitive, collusive) per agent; empty
    /// without benchmarks.
    pub benchmarks: Vec<(f64, f64)>,
    interface: Interface,
    /// What agent `i` sees after joint action `state`, `[agent][state]`.
    seen: Vec<Vec<Vec<f32>>>,
}

/// Largest seed of the streams.
const LARGEST_SEED: u64 = 2_147_483_562;

/// That the published program cannot be this, with the reason.
fn unfit(reason: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0923", format!("`random = ran2` cannot play this model: {}", reason.into()))
        .note("it is the program of Calvano et al. (2020): members of one agent who choose one action from a finite set, see what everybody chose last, and nothing else")
        .hint("write `random = counter`: q_learning then learns from the worlds of the model")
}

/// That an option differs from what the published program does.
fn differs(key: &str, what: &str) -> Diagnostic {
    Diagnostic::error("E0805", format!("`{key}` cannot be so with `random = ran2`"))
        .note(format!("the published program has {what}"))
        .hint(format!("write {what}, or `random = counter`"))
}

/// Whether options are those of the published program, but for its numbers.
///
/// # Errors
/// E0805.
pub fn published(o: &QLearningOptions) -> Result<(), Diagnostic> {
    let wanted = [
        ("worlds", o.worlds == 1, "`worlds = 1`"),
        ("tables", o.tables == Tables::Member, "`tables = member`"),
        ("initial", o.initial == Initial::RandomPlay, "`initial = random_play`"),
        ("ties", o.ties == Ties::Random, "`ties = random`"),
        ("alpha_end", o.alpha_end.is_none(), "one step size, `alpha_end = none`"),
        (
            "exploration",
            o.exploration == Exploration::Exponential && o.exploration_start == 1.0 && o.exploration_end == 0.0,
            "`exploration = exp(-RATE * step)`, from 1 to 0",
        ),
        ("stop", o.stable > 0, "`stop = stable(PERIODS)`"),
    ];
    match wanted.iter().find(|w| !w.1) {
        Some((key, _, what)) => Err(differs(key, what)),
        None => Ok(()),
    }
}

impl Sessions {
    /// The sessions of agent number `agent`.
    ///
    /// # Errors
    /// E0923 for a model that is no such game, E0805 for options that differ from those of the published program, E0981 for tables that
    /// do not fit into memory; those of [`Worlds::new`].
    pub fn new(model: &Model, agent: usize, scenario: Option<&str>, asked: &Asked) -> Result<Sessions, Diagnostic> {
        published(&asked.options)?;
        let script = model.scenarios.iter().find(|s| Some(s.name.as_str()) == scenario);
        plain(script)?;
        // The scenario's parameters stand in the inputs of a world.
        let worlds = Worlds::new(model, scenario, 1, 0, &[])?;
        let inputs = worlds.snapshot(0).inputs;
        let model = worlds.model.clone();
        let interface = Interface::new(&model, agent, true)?;
        let (state, reward, action) = parts(&model, agent, &interface)?;
        let (values, m) = choices(&model, action, &interface)?;
        let n = interface.members;
        let joint = u32::try_from(n).ok().and_then(|n| m.checked_pow(n));
        let joint =
            joint.ok_or_else(|| unfit(format!("{n} members with {m} choices each have too many joint choices")))?;
        limits::fits(
            joint as f64 * n as f64 * (m as f64 + 8.0) * 8.0,
            &format!("the tables of {n} members with {m} choices each"),
            "fewer points of the grid, fewer members",
        )?;
        let mut game = FiniteGame {
            agents: n,
            actions: m,
            payoff: Vec::new(),
        };
        // World `j` plays joint action `j` after joint action `j + 1`; two more play the benchmarks.
        let extra: Vec<f64> = asked.benchmarks.map_or(Vec::new(), |(a, b)| vec![a, b]);
        let count = joint + extra.len();
        let chosen = |w: usize, i: usize| match w.checked_sub(joint) {
            Some(k) => extra[k],
            None => values[game.action(w, i)],
        };
        let last = |w: usize, i: usize| values[game.action((w + 1) % joint, i)];
        let mut frame: Frame = inputs
            .iter()
            .map(|x| x.iter().flat_map(|x| std::iter::repeat_n(*x, count)).collect())
            .collect();
        let (acts, stands) = (model.actions[action].input.0, model.states[state].input.0);
        for i in 0..n {
            for w in 0..count {
                frame[acts as usize][i * count + w] = chosen(w, i);
                frame[stands as usize][i * count + w] = last(w, i);
            }
        }
        let graph = Arc::new(model.graph.clone());
        let members = |node: NodeId| aligned(&graph, &graph.nodes[node.0 as usize].shape, &model.agents[agent].shape);
        let next = model.states[state].next;
        let found = Engine::new(graph.clone(), vec![reward, next])?.run(&frame, count)?;
        let of = |k: usize, node: NodeId| {
            let element = members(node);
            let found = &found[k];
            move |w: usize, i: usize| found[element[i] * count + w]
        };
        let (pays, moves) = (of(0, reward), of(1, next));
        if (0..count).any(|w| (0..n).any(|i| moves(w, i) != chosen(w, i))) {
            let name = &model.states[state].name;
            return Err(unfit(format!("`{name}` is not what was chosen last")).at(model.states[state].span, "its law"));
        }
        let payoff: Vec<f64> = (0..joint)
            .flat_map(|w| (0..n).map(move |i| (w, i)))
            .map(|(w, i)| pays(w, i))
            .collect();
        let benchmarks: Vec<(f64, f64)> = match extra.is_empty() {
            true => Vec::new(),
            false => (0..n).map(|i| (pays(joint, i), pays(joint + 1, i))).collect(),
        };
        let numbers = payoff.iter().chain(benchmarks.iter().flat_map(|(a, b)| [a, b]));
        if numbers.into_iter().any(|x| !x.is_finite()) {
            return Err(Diagnostic::from(LearnError::NotFinite {
                what: "a reward",
                steps: 0,
            }));
        }
        if benchmarks.iter().any(|(a, b)| a > b) {
            return Err(Diagnostic::error(
                "E0805",
                "the first of `benchmarks` pays more than the second: the competitive action comes first",
            )
            .hint("write the competitive action and then the collusive one: benchmarks = [p_nash, p_monopoly]"));
        }
        if benchmarks.iter().any(|(a, b)| a == b) {
            return Err(Diagnostic::error(
                "E0805",
                "`benchmarks` pay the same, so nothing can be measured between them",
            )
            .hint("name a competitive and a collusive action: benchmarks = [p_nash, p_monopoly]"));
        }
        game.payoff = payoff;
        let seen = rows(&interface, &graph, &frame, count, joint)?;
        if seen.iter().any(|rows| distinct(rows) < joint) {
            return Err(
                unfit("not everybody sees what everybody chose last").at(model.agents[agent].span, "its `observe`")
            );
        }
        let o = &asked.options;
        Ok(Sessions {
            options: SessionOptions {
                alpha: o.alpha,
                discount: match o.discount {
                    Some(b) => b,
                    None => able::discount_of(&model, agent)?,
                },
                exploration_factor: (-o.exploration_rate).exp(),
                stable: o.stable,
                cap: o.steps / n as u64,
            },
            game,
            actions: values,
            action: model.actions[action].name.clone(),
            benchmarks,
            interface,
            seen,
        })
    }

    /// Plays a session, from 1; see [`play_session`].
    ///
    /// # Errors
    /// E0805 for a number that the streams have no seed for; those of [`play_session`].
    pub fn play(&self, session: u64, report: impl FnMut(u64) -> bool) -> Result<Session, Diagnostic> {
        if !(1..=LARGEST_SEED).contains(&session) {
            return Err(
                Diagnostic::error("E0805", format!("`seeds` cannot hold {session} with `random = ran2`"))
                    .note("seeds are the numbers of sessions, from 1")
                    .hint("write --seeds 1..25"),
            );
        }
        let luck = Luck::of_session(session as u32, &self.game);
        play_session(&self.game, &self.options, luck, report).map_err(Diagnostic::from)
    }

    /// The index of collusion of payoffs, one per agent: 0 at the competitive benchmark, 1 at the collusive one, the mean over
    /// agents. `None` without benchmarks.
    pub fn index(&self, payoff: &[f64]) -> Option<f64> {
        let shares = payoff
            .iter()
            .zip(&self.benchmarks)
            .map(|(x, (low, high))| (x - low) / (high - low));
        (!self.benchmarks.is_empty()).then(|| shares.sum::<f64>() / self.benchmarks.len() as f64)
    }

    /// The policy that a session ended with: its tables, as any other program can read them.
    ///
    /// # Errors
    /// Those of [`JointChoices::new`].
    pub fn policy(&self, session: &Session) -> Result<Policy, Diagnostic> {
        let (n, m) = (self.game.agents, self.game.actions);
        let choices =
            JointChoices::new(QLearningOptions::METHOD, &self.interface.space, m).map_err(Diagnostic::from)?;
        let mut tables = QTables::new(Sharing::Member(n), vec![vec![0.0; m]; n]);
        for (i, rows) in self.seen.iter().enumerate() {
            for (s, row) in rows.iter().enumerate() {
                let number = tables.state(row);
                let own = &session.q[(s * n + i) * m..(s * n + i + 1) * m];
                let to = tables.row_mut(i, number);
                to.copy_from_slice(own);
                // Of equal values the session takes one at random and keeps to it; a table takes the first.
                let best = session.strategy[s * n + i] as usize;
                if first_best(to, None) != best {
                    to[best] = to[first_best(to, None)].next_up();
                }
            }
        }
        Ok(Policy {
            method: QLearningOptions::METHOD.into(),
            space: self.interface.space.clone(),
            observation_width: self.interface.width(),
            observation: None,
            centre: Vec::new(),
            kind: PolicyKind::Tabular { tables, choices },
        })
    }
}

/// A scenario that changes parameters that stand for numbers, and nothing while it is played.
fn plain(scenario: Option<&Scenario>) -> Result<(), Diagnostic> {
    let Some(s) = scenario else { return Ok(()) };
    if s.starts.is_empty() && s.paths.is_empty() && s.forces.is_empty() && s.params.is_empty() {
        return Ok(());
    }
    Err(unfit(format!("scenario `{}` scripts what happens", s.name)).at(s.span, "scripted here"))
}

/// The numbers of the state and the action, and the node of the reward, of a model that is a game met again and again.
fn parts(model: &Model, agent: usize, interface: &Interface) -> Result<(usize, NodeId, usize), Diagnostic> {
    let a = &model.agents[agent];
    let choosing = model.agents.iter().filter(|x| !x.actions.is_empty()).count();
    let &[action] = interface.actions.as_slice() else {
        return Err(unfit(format!("`{}` chooses several things", a.name)).at(a.span, "its actions"));
    };
    if choosing > 1 || a.actions.len() > 1 {
        return Err(unfit("somebody else chooses, too"));
    }
    let [state] = model.states.as_slice() else {
        return Err(unfit(format!(
            "it has {} states, not what was chosen last alone",
            model.states.len()
        )));
    };
    if !model.shocks.is_empty() || !model.noises.is_empty() {
        return Err(unfit("chance moves in it"));
    }
    if model.horizon.is_some() || !model.ends.is_empty() || !model.requires.is_empty() || model.stages.len() > 1 {
        return Err(unfit("it ends, has requirements or several stages"));
    }
    let same = |node: NodeId| model.graph.nodes[node.0 as usize].shape == a.shape;
    if !same(state.node) || model.actions[action].shape != a.shape {
        return Err(
            unfit(format!("not every member of `{}` has one `{}`", a.name, state.name)).at(state.span, "declared here"),
        );
    }
    let Some(reward) = a.reward else {
        return Err(unfit(format!("`{}` has no reward", a.name)));
    };
    match foreign(&model.graph, reward) {
        Some(what) => Err(unfit(format!("the reward depends on {what}")).at(a.span, "its reward")),
        None => Ok((0, reward, action)),
    }
}

/// What a node reads that is neither an action nor a parameter.
fn foreign(graph: &Graph, node: NodeId) -> Option<String> {
    graph.below([node]).find_map(|(_, at)| match at.op {
        Op::Root { .. } => Some("a price that clears a market".into()),
        Op::Input(InputId(i)) => match graph.inputs[i as usize].kind {
            InputKind::Action(_) | InputKind::Param(_) => None,
            _ => Some(format!("`{}`", graph.inputs[i as usize].name)),
        },
        _ => None,
    })
}

/// The numbers that an action can be and their count.
fn choices(model: &Model, action: usize, interface: &Interface) -> Result<(Vec<f64>, usize), Diagnostic> {
    let a = &model.actions[action];
    let one_choice = interface.space.continuous == 0 && interface.space.discrete.len() == 1;
    let count = interface.space.discrete.first().copied().unwrap_or(0);
    let values = match (&a.space, &a.grid) {
        _ if !one_choice => None,
        (Space::Interval { .. }, grid) => grid.clone(),
        (Space::Integer { lo, .. }, _) => {
            let first = model.graph.nodes[lo.0 as usize].domain.lo.ceil();
            Some((0..count).map(|k| first + k as f64).collect())
        }
        (Space::Finite { masks, .. }, _) if masks.iter().all(Option::is_none) => {
            Some((0..count).map(|k| k as f64).collect())
        }
        (Space::Finite { .. } | Space::Simplex(_), _) => None,
    };
    let values = values.filter(|v| v.len() == count && count > 0);
    values.map(|v| (v, count)).ok_or_else(|| {
        unfit(format!("`{}` is not chosen from one finite set", a.name))
            .at(a.span, "write `on grid(..)` behind its domain")
    })
}

/// What every member sees after each joint action, `[agent][state]`; world `j` of `frame` stands after joint action `j + 1`.
fn rows(
    interface: &Interface,
    graph: &Arc<Graph>,
    frame: &Frame,
    count: usize,
    joint: usize,
) -> Result<Vec<Vec<Vec<f32>>>, Diagnostic> {
    let values = Engine::new(graph.clone(), interface.nodes.clone())?.run(frame, count)?;
    let (n, width) = (interface.members, interface.width());
    let mut seen = vec![0.0f32; count * n * width];
    interface.observe(&values, count, &mut seen);
    let row = |i: usize, w: usize| seen[(w * n + i) * width..(w * n + i + 1) * width].to_vec();
    Ok((0..n)
        .map(|i| (0..joint).map(|s| row(i, (s + joint - 1) % joint)).collect())
        .collect())
}

fn distinct(rows: &[Vec<f32>]) -> usize {
    rows.iter()
        .map(|row| row.iter().map(|x| (x + 0.0).to_bits()).collect::<Vec<u32>>())
        .collect::<BTreeSet<_>>()
        .len()
}
