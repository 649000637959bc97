//! The problem of one among several: what the others do is read from a policy, as a function of the states and shocks that it knows.
//!
//! The others' actions become inputs of the problem that [`super::Decision`] fills from the states of its lanes, so that no method has to
//! know of them. They are numbers to who decides: a derivative with respect to an own action runs through every market, and not through what
//! the others will do about it in this period.

use super::builder::Builder;
use crate::check::Model;
use crate::check::model::Space;
use crate::diag::Diagnostic;
use crate::graph::{Binary, NodeId, Op};
use crate::kernel::dag::Id;
use crate::solve::between::PolicyBetween;
use crate::solve::economy::cannot;
use crate::solve::economy::taker::Beside;
use crate::solve::located;
use crate::solve::problem::Lanes;
use crate::solve::solution::{Player, Solution};
use std::cell::RefCell;
use std::sync::Arc;

/// Who decides among several, and the policy by which the others play.
#[derive(Clone)]
pub struct Others {
    /// The agent that decides, a number of the model's agents.
    pub agent: usize,
    /// The member of it, from 0; `None` where there is one only.
    pub member: Option<usize>,
    /// The policy of everybody.
    pub policy: Arc<PolicyBetween>,
    /// What each action of the policy is in the model: (action, element), one per action.
    actions: Vec<(usize, usize)>,
    states: Vec<(usize, usize)>,
    shocks: Vec<(usize, usize)>,
    /// The own actions: (action, element) in the model, one per action.
    mine: Vec<(usize, usize)>,
}

impl Others {
    /// The others of a player of an equilibrium.
    ///
    /// # Errors
    /// E0815 for a solution of another model, E0905 for one that does not fit together.
    pub fn of(model: &Model, solution: &Solution, player: &Player) -> Result<Others, Diagnostic> {
        let lost = |name: &str| {
            Diagnostic::error("E0815", format!("the model has no `{name}`, which the solution has"))
                .hint("judge the solution with the model that it was solved from")
        };
        let all = |names: &mut dyn Iterator<Item = &String>, find: fn(&Model, &str) -> Option<(usize, usize)>| {
            names
                .map(|n| find(model, n).ok_or_else(|| lost(n)))
                .collect::<Result<Vec<_>, Diagnostic>>()
        };
        let several = model.graph.elements(&model.agents[player.agent].shape) > 1;
        Ok(Others {
            agent: player.agent,
            member: several.then_some(player.member.unwrap_or(0)),
            policy: Arc::new(PolicyBetween::new(Arc::new(solution.clone()))?),
            actions: all(&mut solution.actions.iter().map(|a| &a.name), located::action)?,
            states: all(&mut solution.states.iter().map(|s| &s.name), located::state)?,
            shocks: all(&mut solution.chain.names.iter(), located::shock)?,
            mine: Vec::new(),
        }
        .choosing(&player.actions))
    }

    /// Those of one who takes prices as given, and stands beside the economy in `model` for a player of an equilibrium of it.
    ///
    /// # Errors
    /// Those of [`Others::of`].
    pub fn of_taker(beside: &Beside, solution: &Solution, player: &Player) -> Result<Others, Diagnostic> {
        let stood_for = Others::of(&beside.model, solution, player)?;
        let own = |(action, element): &(usize, usize)| {
            let to = beside.actions.iter().find(|(from, _)| from == action)?;
            Some((to.1, *element))
        };
        Ok(Others {
            agent: beside.agent,
            mine: stood_for.mine.iter().filter_map(own).collect(),
            ..stood_for
        })
    }

    fn choosing(mut self, places: &[usize]) -> Others {
        self.mine = places.iter().filter_map(|k| self.actions.get(*k).copied()).collect();
        self
    }

    /// Whether an element of an action is the player's own.
    pub(super) fn decides(&self, action: usize, element: usize) -> bool {
        self.mine.contains(&(action, element))
    }
}

/// The name of a shock that only its own member of a population sees, if there is one: what fellows then do is uncertain to each.
pub fn kept_from_fellows(model: &Model) -> Option<&str> {
    let kept = model.shocks.iter().find(|s| {
        s.owner.is_some_and(|a| {
            model.graph.elements(&model.agents[a].shape) > 1 && !super::information::watched(model, a, s.input)
        })
    });
    kept.map(|s| s.name.as_str())
}

/// Where what the others do is read: filled once the problem's inputs are known.
pub(super) struct Reading {
    others: Others,
    /// The actions of the policy that are read, one per given input.
    actions: Vec<usize>,
    /// The problem's state behind each state of the policy.
    states: Vec<usize>,
    /// Where each shock of the policy is carried.
    shocks: Vec<Carried>,
}

/// What carries a shock of the policy: a number of the problem's chain, or of its noises.
#[derive(Clone, Copy)]
pub(super) enum Carried {
    Shock(usize),
    Noise(usize),
}

impl Reading {
    /// What the others do at the lanes, `[given input][lane]`.
    pub(super) fn read(&self, lanes: &Lanes, shocks: &[f64], noises: &[f64], n: usize) -> Vec<Vec<f64>> {
        let carried: Vec<f64> = self
            .shocks
            .iter()
            .map(|c| match c {
                Carried::Shock(k) => shocks[*k],
                Carried::Noise(k) => noises[*k],
            })
            .collect();
        let states: Vec<&[f64]> = self.states.iter().map(|k| lanes.states[*k]).collect();
        LAST.with(|last| {
            let mut last = last.borrow_mut();
            if let Some(l) = last.as_ref().filter(|l| l.same(self, lanes.time, &carried, &states)) {
                return l.given.clone();
            }
            let policy = &self.others.policy;
            let mut out = vec![vec![0.0; n]; self.actions.len()];
            let mut x = vec![0.0; states.len()];
            for i in 0..n {
                x.iter_mut().zip(&states).for_each(|(x, s)| *x = s[i]);
                let spot = policy.spot(lanes.time, &carried, &x);
                for (o, a) in out.iter_mut().zip(&self.actions) {
                    o[i] = policy.action(*a, &spot);
                }
            }
            *last = Some(Last {
                policy: policy.clone(),
                actions: self.actions.clone(),
                time: lanes.time,
                carried,
                states: states.iter().map(|s| s.to_vec()).collect(),
                given: out.clone(),
            });
            out
        })
    }
}

/// What was read last on this thread: searches ask for many actions at the same states.
struct Last {
    policy: Arc<PolicyBetween>,
    actions: Vec<usize>,
    time: usize,
    carried: Vec<f64>,
    states: Vec<Vec<f64>>,
    given: Vec<Vec<f64>>,
}

impl Last {
    fn same(&self, reading: &Reading, time: usize, carried: &[f64], states: &[&[f64]]) -> bool {
        Arc::ptr_eq(&self.policy, &reading.others.policy)
            && self.actions == reading.actions
            && self.time == time
            && self.carried == carried
            && self.states.iter().zip(states).all(|(a, b)| a == b)
    }
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

impl Builder<'_> {
    /// Binds the others' actions to what their policy says, within the bounds that hold there.
    ///
    /// # Errors
    /// E0810 for actions that no policy gives.
    pub(super) fn play_others(&mut self) -> Result<(), Diagnostic> {
        let Some(others) = self.others.cloned() else {
            return Ok(());
        };
        let model = self.model;
        for (i, a) in model.actions.iter().enumerate() {
            if model.agents[a.owner].rules.iter().any(|(r, _)| *r == i) {
                continue;
            }
            let mut ids = self.input_of(a.input)?;
            for e in 0..ids.len() {
                if others.decides(i, e) {
                    continue;
                }
                let given = others.actions.iter().position(|x| *x == (i, e));
                // Of one beside the economy only one member is somebody.
                if given.is_none() && a.owner == others.agent {
                    continue;
                }
                let Some(number) = given else {
                    return Err(cannot(format!("nothing says what `{}` does", a.name)).at(a.span, "chosen by another"));
                };
                let given = ids[e];
                self.given.push((number, given));
                if let Space::Interval { lo, hi, .. } = &a.space {
                    let (lo, hi) = (self.element(*lo, &a.shape, e)?, self.element(*hi, &a.shape, e)?);
                    let low = self.unroll.dag.binary(Binary::Max, given, lo);
                    ids[e] = self.unroll.dag.binary(Binary::Min, low, hi);
                }
            }
            self.unroll.bind(a.input, ids.clone());
            if let Some(n) = model.graph.nodes.iter().position(|n| n.op == Op::Input(a.input)) {
                self.unroll.replace(NodeId(n as u32), ids);
            }
        }
        Ok(())
    }

    /// One element of a node that is aligned with a shape.
    fn element(&mut self, node: NodeId, shape: &crate::graph::Shape, e: usize) -> Result<Id, Diagnostic> {
        let ids = self.unrolled(node)?;
        let from = &self.model.graph.nodes[node.0 as usize].shape;
        let map = crate::graph::shape::aligned(&self.model.graph, from, shape);
        Ok(ids[map[e]])
    }

    /// The states and shocks that the others' policy reads.
    pub(super) fn read_by_others(&mut self) -> Result<Vec<Id>, Diagnostic> {
        let Some(others) = self.others else {
            return Ok(Vec::new());
        };
        let model = self.model;
        let mut out = Vec::new();
        for (s, e) in &others.states {
            out.extend(self.input_of(model.states[*s].input)?.get(*e));
        }
        for (s, e) in &others.shocks {
            out.extend(self.input_of(model.shocks[*s].input)?.get(*e));
        }
        Ok(out)
    }

    /// Where the others' policy is read, given the inputs of the states, chains and noises of the problem, which reads `everything`. `None`
    /// where nobody else matters.
    pub(super) fn reading(
        &mut self,
        everything: &[Id],
        [states, shocks, noises]: [&[Id]; 3],
    ) -> Result<Option<Reading>, Diagnostic> {
        let given: Vec<Id> = self.given.iter().map(|g| g.1).collect();
        let Some(others) = self.others.cloned().filter(|_| self.reads(everything, &given)) else {
            return Ok(None);
        };
        let model = self.model;
        let lost = || cannot("the policy of the others depends on something that is not known here");
        let mut at = Vec::new();
        for (s, e) in &others.states {
            let id = self.input_of(model.states[*s].input)?.get(*e).copied();
            at.push(states.iter().position(|x| Some(*x) == id).ok_or_else(lost)?);
        }
        let mut carried = Vec::new();
        for (s, e) in &others.shocks {
            let id = self.input_of(model.shocks[*s].input)?.get(*e).copied();
            let shock = shocks.iter().position(|x| Some(*x) == id).map(Carried::Shock);
            let noise = || noises.iter().position(|x| Some(*x) == id).map(Carried::Noise);
            carried.push(shock.or_else(noise).ok_or_else(lost)?);
        }
        Ok(Some(Reading {
            actions: self.given.iter().map(|g| g.0).collect(),
            others,
            states: at,
            shocks: carried,
        }))
    }
}
