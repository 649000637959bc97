//! The problem of one among several: what the others do is read from a policy, as a function of the states and shocks that it knows.
//!
//! The others' actions become inputs of the problem that [`super::Decision`] fills from the states of its lanes, so that no method has to
//! know of them. They are numbers to who decides: a derivative with respect to an own action runs through every market, and not through what
//! the others will do about it in this period.

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::between::PolicyBetween;
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
    pub(super) actions: Vec<(usize, usize)>,
    pub(super) states: Vec<(usize, usize)>,
    pub(super) shocks: Vec<(usize, usize)>,
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

/// Where what the others do is read: filled once the problem's inputs are known.
pub(super) struct Reading {
    pub(super) others: Others,
    /// The actions of the policy that are read, one per given input.
    pub(super) actions: Vec<usize>,
    /// The problem's state behind each state of the policy.
    pub(super) states: Vec<usize>,
    /// Where each shock of the policy is carried.
    pub(super) shocks: Vec<Carried>,
}

/// What carries a shock of the policy: a number of the problem's chain, or of its noises.
#[derive(Clone, Copy)]
pub(super) enum Carried {
    Shock(usize),
    Noise(usize),
}

impl Reading {
    /// Whether what the others do can move with a state that is `reached`, one per state of the problem.
    pub(super) fn answer(&self, reached: &[bool]) -> bool {
        !self.actions.is_empty() && self.states.iter().any(|s| reached.get(*s) == Some(&true))
    }

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
