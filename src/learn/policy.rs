//! A policy as it leaves training: network, standardisation and spaces together, able to act and to be stored.
//!
//! Nothing here needs dfdx: an econc built without learners can evaluate a policy that another one trained.

use super::LearnError;
use super::distribution::{self, Noise};
use super::nets::{Mlp, Net, RecurrentNet, Workspace};
use super::normalize::RunningStatistics;
use super::q_table::QTables;
use super::spaces::JointChoices;
use crate::env::decide::{Decide, PolicyRunner};
use crate::env::{ActionSpace, Actions};
use crate::num::random::Key;
use serde::{Deserialize, Serialize};

/// Stream of the noise of members with policies of their own.
const MEMBERS: u64 = 0x6d65_6d62;

/// A policy: what to do at each observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Learner that made it (`ppo`, `sac`, ..).
    pub method: String,
    /// What it chooses.
    pub space: ActionSpace,
    /// Width of an observation.
    pub observation_width: usize,
    /// Standardisation of observations, if any.
    pub observation: Option<RunningStatistics>,
    /// Where zero of each continuous dimension stands (see [`super::centre`]), in (-1, 1): one number per dimension;
    /// empty where it is the middle of the bounds.
    #[serde(default)]
    pub centre: Vec<f32>,
    /// The function itself.
    pub kind: PolicyKind,
}

/// The function from standardised observations to a law over actions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PolicyKind {
    /// Means and logits from a perceptron; log standard deviations that do not depend on the state.
    Feedforward {
        /// Means, then logits.
        net: Mlp,
        /// Log standard deviations: one per continuous dimension.
        log_std: Vec<f32>,
    },
    /// The same from a recurrent network.
    Recurrent {
        /// Means, then logits.
        net: RecurrentNet,
        /// Log standard deviations: one per continuous dimension.
        log_std: Vec<f32>,
    },
    /// A tanh-squashed Gaussian; a row of the network's output holds means, then log standard deviations.
    Squashed {
        /// The network.
        net: Mlp,
    },
    /// The best of the values of all joint choices; acts at random with probability `epsilon` when stochastic.
    Greedy {
        /// Values (and, if dueling, the level in the first column).
        net: Mlp,
        /// Whether the first output is the level.
        dueling: bool,
        /// How joint choices are numbered.
        choices: JointChoices,
        /// Exploration.
        epsilon: f32,
    },
    /// Tables of values.
    Tabular {
        /// The tables.
        tables: QTables,
        /// How joint choices are numbered.
        choices: JointChoices,
    },
    /// A policy for each member of a world: row `r` is decided by number `r % policies.len()`.
    Members {
        /// One per member.
        policies: Vec<Policy>,
    },
}

/// What an actor carries from one period to the next: hidden states, noise and scratch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicyMemory {
    memory: Vec<f32>,
    noise: Noise,
    #[serde(skip)]
    ws: Workspace,
    #[serde(skip)]
    input: Vec<f32>,
    #[serde(skip)]
    head: Vec<f32>,
    #[serde(skip)]
    log_prob: Vec<f32>,
    /// Where members have policies of their own: one per member.
    parts: Vec<PolicyMemory>,
}

/// Rows of member `m` of `members` (`row x width`) among those of all.
fn rows_of(m: usize, members: usize, all: &[f32], width: usize) -> Vec<f32> {
    let rows = all.chunks_exact(width.max(1)).skip(m).step_by(members);
    rows.flatten().copied().collect()
}

/// Puts the choices of member `m` of `members` into those of all.
fn put_rows(
    m: usize,
    members: usize,
    own: &Actions,
    space: &ActionSpace,
    (continuous, discrete): (&mut [f32], &mut [u32]),
) {
    let (c, d) = (space.continuous.max(1), space.discrete.len().max(1));
    let to = continuous.chunks_exact_mut(c).skip(m).step_by(members);
    to.zip(own.continuous.chunks_exact(c))
        .for_each(|(to, x)| to.copy_from_slice(x));
    let to = discrete.chunks_exact_mut(d).skip(m).step_by(members);
    to.zip(own.discrete.chunks_exact(d))
        .for_each(|(to, x)| to.copy_from_slice(x));
}

impl Policy {
    /// Refuses a policy (from a file) whose parts do not fit together.
    ///
    /// # Errors
    /// [`LearnError::Mismatch`] if the parts do not fit each other.
    pub fn check(&self) -> Result<(), LearnError> {
        let width = distribution::head_width(&self.space);
        let fits = |net: &Mlp, outputs: usize| {
            net.is_consistent() && net.inputs() == self.observation_width && net.outputs() == outputs
        };
        let ok = match &self.kind {
            PolicyKind::Feedforward { net, log_std } => fits(net, width) && log_std.len() == self.space.continuous,
            PolicyKind::Recurrent { net, log_std } => {
                net.is_consistent()
                    && net.inputs() == self.observation_width
                    && net.outputs() == width
                    && log_std.len() == self.space.continuous
            }
            PolicyKind::Squashed { net } => self.space.discrete.is_empty() && fits(net, 2 * self.space.continuous),
            PolicyKind::Greedy {
                net, dueling, choices, ..
            } => choices.fits(&self.space) && fits(net, choices.count() + usize::from(*dueling)),
            PolicyKind::Tabular { tables, choices } => {
                choices.fits(&self.space) && tables.is_consistent() && tables.actions() == choices.count()
            }
            PolicyKind::Members { policies } => {
                !policies.is_empty()
                    && policies.iter().all(|p| {
                        p.space == self.space && p.observation_width == self.observation_width && p.check().is_ok()
                    })
            }
        };
        let statistics = self
            .observation
            .as_ref()
            .is_none_or(|o| o.width() == self.observation_width);
        let centred = self.centre.is_empty()
            || (self.centre.len() == self.space.continuous && self.centre.iter().all(|c| c.abs() < 1.0));
        if ok && statistics && centred {
            return Ok(());
        }
        Err(LearnError::Mismatch {
            what: "the policy's network does not fit its observation and action spaces".into(),
        })
    }

    /// The same policy for play in which finite choices are drawn and numbers are means; `None` where it draws no choices.
    pub fn drawing_choices(&self) -> Option<Policy> {
        let mut out = self.clone();
        if let PolicyKind::Members { policies } = &mut out.kind {
            for p in policies {
                *p = p.drawing_choices()?;
            }
            return Some(out);
        }
        let (PolicyKind::Feedforward { log_std, .. } | PolicyKind::Recurrent { log_std, .. }) = &mut out.kind else {
            return None;
        };
        log_std.fill(f32::NEG_INFINITY);
        (!self.space.discrete.is_empty()).then_some(out)
    }

    /// An actor for `slots` decision makers; `seed` is used by stochastic play alone.
    pub fn actor(&self, slots: usize, seed: u64) -> PolicyMemory {
        let memory = match &self.kind {
            PolicyKind::Recurrent { net, .. } => vec![0.0; 2 * slots * net.hidden()],
            PolicyKind::Feedforward { .. }
            | PolicyKind::Squashed { .. }
            | PolicyKind::Greedy { .. }
            | PolicyKind::Members { .. }
            | PolicyKind::Tabular { .. } => Vec::new(),
        };
        let parts = match &self.kind {
            PolicyKind::Members { policies } => {
                let each = slots / policies.len().max(1);
                let of = |(m, p): (usize, &Policy)| p.actor(each, Key::new(seed, MEMBERS + m as u64).bits(0, 0));
                policies.iter().enumerate().map(of).collect()
            }
            PolicyKind::Feedforward { .. }
            | PolicyKind::Recurrent { .. }
            | PolicyKind::Squashed { .. }
            | PolicyKind::Greedy { .. }
            | PolicyKind::Tabular { .. } => Vec::new(),
        };
        PolicyMemory {
            parts,
            memory,
            noise: Noise::new(seed, 0xAC70),
            ws: Workspace::default(),
            input: Vec::new(),
            head: Vec::new(),
            log_prob: Vec::new(),
        }
    }

    /// Actions for `slots` rows of observations (`slot x observation_width`, raw, as the environment gives them).
    /// `mask` is as in [`crate::env::Seen::mask`], `slot x sum(sizes)` or empty. Deterministic play takes means, most
    /// likely choices and best values. `actions` gets `slot x continuous` numbers in [-1, 1] and `slot x discrete`
    /// indices.
    pub fn act(
        &self,
        actor: &mut PolicyMemory,
        observation: &[f32],
        mask: &[f32],
        slots: usize,
        deterministic: bool,
        actions: &mut Actions,
    ) {
        actions.fit(slots, &self.space);
        let Actions { continuous, discrete } = actions;
        if let PolicyKind::Members { policies } = &self.kind {
            let (members, choices) = (policies.len(), self.space.discrete.iter().sum());
            let mut own = Actions::default();
            for (m, (policy, memory)) in policies.iter().zip(&mut actor.parts).enumerate() {
                let seen = rows_of(m, members, observation, self.observation_width);
                let allowed = if mask.is_empty() {
                    Vec::new()
                } else {
                    rows_of(m, members, mask, choices)
                };
                policy.act(memory, &seen, &allowed, slots / members, deterministic, &mut own);
                put_rows(m, members, &own, &self.space, (continuous, discrete));
            }
            return;
        }
        let PolicyMemory {
            memory,
            noise,
            ws,
            input,
            head,
            log_prob,
            parts: _,
        } = actor;
        let x = match &self.observation {
            Some(statistics) => {
                statistics.apply(observation, input);
                &input[..]
            }
            None => observation,
        };
        log_prob.resize(slots, 0.0);
        match &self.kind {
            PolicyKind::Feedforward { net, log_std } => {
                head.resize(slots * net.outputs(), 0.0);
                net.infer(x, slots, ws, head);
                self.decide(
                    head,
                    log_std,
                    mask,
                    deterministic,
                    noise,
                    continuous,
                    discrete,
                    log_prob,
                );
            }
            PolicyKind::Recurrent { net, log_std } => {
                head.resize(slots * net.outputs(), 0.0);
                net.step(x, slots, memory, ws, head);
                self.decide(
                    head,
                    log_std,
                    mask,
                    deterministic,
                    noise,
                    continuous,
                    discrete,
                    log_prob,
                );
            }
            PolicyKind::Squashed { net } => {
                let dims = self.space.continuous;
                head.resize(slots * 2 * dims, 0.0);
                net.infer(x, slots, ws, head);
                squashed_action(head, dims, deterministic, noise, continuous);
            }
            PolicyKind::Greedy {
                net,
                dueling,
                choices,
                epsilon,
            } => {
                head.resize(slots * net.outputs(), 0.0);
                net.infer(x, slots, ws, head);
                let skip = usize::from(*dueling);
                let mut luck = vec![0.0f32; 2 * slots];
                if !deterministic {
                    noise.uniform(0, &mut luck);
                    noise.advance();
                }
                for s in 0..slots {
                    let values = &head[s * net.outputs() + skip..(s + 1) * net.outputs()];
                    let allowed = choices.allowed(&self.space, mask, s);
                    let joint = if !deterministic && luck[2 * s] < *epsilon {
                        choices.random(allowed.as_deref(), luck[2 * s + 1])
                    } else {
                        distribution::best_allowed(values, allowed.as_deref())
                    };
                    choices.decode(&self.space, joint, s, continuous, discrete);
                }
            }
            PolicyKind::Tabular { tables, choices } => {
                for s in 0..slots {
                    let row = &observation[s * self.observation_width..(s + 1) * self.observation_width];
                    let allowed = choices.allowed(&self.space, mask, s);
                    let joint = tables.greedy(s, row, allowed.as_deref());
                    choices.decode(&self.space, joint, s, continuous, discrete);
                }
            }
            PolicyKind::Members { .. } => {}
        }
        continuous.iter_mut().for_each(|a| *a = a.clamp(-1.0, 1.0));
        super::centre::place(&self.centre, continuous);
    }

    /// The probability of every choice, `[slot][choice]`: for each slot `sum(sizes)` numbers, 0 for forbidden choices.
    /// `observation` and `mask` are as in [`Policy::act`]. `None` for policies that do not choose by chance, and for
    /// policies with a memory, whose probabilities depend on what came before.
    pub fn chances(&self, observation: &[f32], mask: &[f32], slots: usize) -> Option<Vec<Vec<f64>>> {
        if let PolicyKind::Members { policies } = &self.kind {
            let (members, choices) = (policies.len(), self.space.discrete.iter().sum());
            let mut out = vec![Vec::new(); slots];
            for (m, p) in policies.iter().enumerate() {
                let seen = rows_of(m, members, observation, self.observation_width);
                let allowed = if mask.is_empty() {
                    Vec::new()
                } else {
                    rows_of(m, members, mask, choices)
                };
                let own = p.chances(&seen, &allowed, slots / members)?;
                out.iter_mut()
                    .skip(m)
                    .step_by(members)
                    .zip(own)
                    .for_each(|(to, x)| *to = x);
            }
            return Some(out);
        }
        let PolicyKind::Feedforward { net, .. } = &self.kind else {
            return None;
        };
        if self.space.discrete.is_empty() {
            return None;
        }
        let mut input = Vec::new();
        let x = match &self.observation {
            Some(statistics) => {
                statistics.apply(observation, &mut input);
                &input[..]
            }
            None => observation,
        };
        let mut head = vec![0.0; slots * net.outputs()];
        net.infer(x, slots, &mut Workspace::default(), &mut head);
        Some(distribution::chances(&self.space, &head, mask, slots))
    }

    #[expect(clippy::too_many_arguments, reason = "the arrays of one batch of decisions")]
    fn decide(
        &self,
        head: &[f32],
        log_std: &[f32],
        mask: &[f32],
        deterministic: bool,
        noise: &mut Noise,
        continuous: &mut [f32],
        discrete: &mut [u32],
        log_prob: &mut [f32],
    ) {
        if deterministic {
            distribution::mode(&self.space, head, mask, log_prob.len(), continuous, discrete);
        } else {
            distribution::sample(&self.space, head, log_std, mask, noise, continuous, discrete, log_prob);
        }
    }

    /// Forgets the hidden state of the slots whose episode ended. Without memory this does nothing.
    pub fn forget(&self, actor: &mut PolicyMemory, ended: impl Fn(usize) -> bool) {
        if let PolicyKind::Members { policies } = &self.kind {
            let members = policies.len();
            for (m, (policy, memory)) in policies.iter().zip(&mut actor.parts).enumerate() {
                let of_member: &dyn Fn(usize) -> bool = &|row| ended(row * members + m);
                policy.forget(memory, of_member);
            }
        }
        if let PolicyKind::Recurrent { net, .. } = &self.kind {
            forget(&mut actor.memory, net.hidden(), ended);
        }
    }
}

impl Decide for Policy {
    fn fits(&self, width: usize, space: &ActionSpace) -> bool {
        self.check().is_ok() && self.observation_width == width && self.space == *space
    }
    fn mixes(&self) -> bool {
        match &self.kind {
            PolicyKind::Members { policies } => policies.iter().any(Decide::mixes),
            kind => matches!(kind, PolicyKind::Feedforward { .. } | PolicyKind::Recurrent { .. }),
        }
    }
    fn remembers(&self) -> bool {
        match &self.kind {
            PolicyKind::Members { policies } => policies.iter().any(Decide::remembers),
            kind => matches!(kind, PolicyKind::Recurrent { .. }),
        }
    }
    fn bins(&self) -> Option<usize> {
        match &self.kind {
            PolicyKind::Members { policies } => policies.first().and_then(Decide::bins),
            PolicyKind::Greedy { choices, .. } | PolicyKind::Tabular { choices, .. } => Some(choices.bins(&self.space)),
            PolicyKind::Feedforward { .. } | PolicyKind::Recurrent { .. } | PolicyKind::Squashed { .. } => None,
        }
    }
    fn begin(&self, slots: usize) -> Box<dyn PolicyRunner> {
        if let PolicyKind::Members { policies } = &self.kind {
            let each = slots / policies.len().max(1);
            return Box::new(EachAtWork {
                width: self.observation_width,
                space: self.space.clone(),
                runners: policies.iter().map(|p| p.begin(each)).collect(),
                slots,
            });
        }
        Box::new(AtWork {
            actor: self.actor(slots, 0),
            policy: self.clone(),
            slots,
        })
    }
}

/// A policy that acts for some slots without chance of its own.
struct AtWork {
    policy: Policy,
    actor: PolicyMemory,
    slots: usize,
}

impl PolicyRunner for AtWork {
    fn act(&mut self, observation: &[f32], mask: &[f32], luck: Option<&[f32]>, actions: &mut Actions) {
        let AtWork { policy, actor, slots } = self;
        let deterministic = fault!("verdict.exploration", false, true);
        policy.act(actor, observation, mask, *slots, deterministic, actions);
        // Means of numbers, draws of choices: noise on a number is exploration, a mixture of choices is the policy.
        let mixes = matches!(
            policy.kind,
            PolicyKind::Feedforward { .. } | PolicyKind::Recurrent { .. }
        );
        if let Some(luck) = luck.filter(|_| mixes) {
            distribution::drawn(&policy.space, &actor.head, mask, luck, *slots, &mut actions.discrete);
        }
    }
    fn forget(&mut self, ended: &dyn Fn(usize) -> bool) {
        self.policy.forget(&mut self.actor, ended);
    }
}

/// Policies of members, each of which acts for its rows.
struct EachAtWork {
    width: usize,
    space: ActionSpace,
    runners: Vec<Box<dyn PolicyRunner>>,
    slots: usize,
}

impl PolicyRunner for EachAtWork {
    fn act(&mut self, observation: &[f32], mask: &[f32], luck: Option<&[f32]>, actions: &mut Actions) {
        actions.fit(self.slots, &self.space);
        let (members, choices) = (self.runners.len(), self.space.discrete.iter().sum());
        let dims = self.space.discrete.len();
        let mut own = Actions::default();
        for (m, runner) in self.runners.iter_mut().enumerate() {
            let of = |all: &[f32], width: usize| match all.is_empty() {
                true => Vec::new(),
                false => rows_of(m, members, all, width),
            };
            let (seen, allowed) = (of(observation, self.width), of(mask, choices));
            let chance = luck.map(|l| of(l, dims));
            runner.act(&seen, &allowed, chance.as_deref(), &mut own);
            put_rows(
                m,
                members,
                &own,
                &self.space,
                (&mut actions.continuous, &mut actions.discrete),
            );
        }
    }
    fn forget(&mut self, ended: &dyn Fn(usize) -> bool) {
        let members = self.runners.len();
        for (m, runner) in self.runners.iter_mut().enumerate() {
            runner.forget(&|row| ended(row * members + m));
        }
    }
}

/// Zeroes the rows of a memory whose episode ended: `memory` holds one row of h per slot, then one row of c per slot,
/// each `hidden` wide.
pub(crate) fn forget(memory: &mut [f32], hidden: usize, ended: impl Fn(usize) -> bool) {
    let slots = memory.len() / (2 * hidden).max(1);
    for s in (0..slots).filter(|s| ended(*s)) {
        memory[s * hidden..(s + 1) * hidden].fill(0.0);
        memory[(slots + s) * hidden..(slots + s + 1) * hidden].fill(0.0);
    }
}

/// Actions (`row x dims`, in [-1, 1]) of a tanh-squashed Gaussian policy: tanh of the mean, or of a draw. A row of
/// `head` (`row x 2 dims`) holds means, then log standard deviations.
pub(crate) fn squashed_action(head: &[f32], dims: usize, deterministic: bool, noise: &mut Noise, action: &mut [f32]) {
    if deterministic {
        action.fill(0.0);
    } else {
        noise.normal(0, action);
        noise.advance();
    }
    for (a, row) in action
        .chunks_exact_mut(dims.max(1))
        .zip(head.chunks_exact(2 * dims.max(1)))
    {
        for (j, x) in a.iter_mut().enumerate() {
            let sd = row[dims + j].clamp(-10.0, 2.0).exp();
            *x = super::nets::simd::fast_tanh(sd.mul_add(*x, row[j]));
        }
    }
}
