//! From a compiled model to a decision problem: one decision maker (or a planner over several), finite chains in the place
//! of shocks, quadrature in the place of noise, and compiled lane programs for everything the solvers evaluate.
//!
//! States and shocks that no reward, bound, end or chance depends on, directly or through the laws and chances of others, are
//! left out. The probabilities of finite noises may move with states, shocks, actions and other draws: they are a program of
//! their own, see [`DecisionProblem::chance`].

//!
//! [`Decision::new`] shows the way: `builder` unrolls one period, `payoffs` says what is paid, `relevant` which states matter, `draws`
//! which shocks and noises and how they are discretised, `programs` compiles.

mod alternatives;
mod axes;
mod builder;
mod cells;
mod chances;
mod compiler;
mod conditions;
mod draws;
pub mod expectation;
mod finer;
mod first;
mod information;
mod layout;
mod noise;
mod options;
pub mod others;
mod payoffs;
pub mod players;
mod playing;
mod programs;
mod relevant;
pub mod resting;
mod shocks;

pub use options::{CHAIN_STATES, Discretised, FINEST_DRAWS, HALFWAY_STATES, ProblemOptions};
pub use playing::{hidden_state, kept_from_fellows, observed_shock};

use super::bellman;
use super::economy::cannot;
use super::problem::{Culprits, DecisionProblem, Lanes, Outcome, Spec, StateAxis, StateKind};
use crate::check::Model;
use crate::check::model::Otherwise;
use crate::diag::{Diagnostic, Span};
use crate::graph::NodeId;
use crate::kernel::dag::{Dag, Id};
use crate::kernel::exec::{Operand, Workspace};
use crate::kernel::program::Program;
use builder::Builder;
use layout::{Layout, Order};
use others::{Others, Reading};
use programs::{Programs, Source};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// A model as a decision problem.
pub struct Decision {
    spec: Spec,
    programs: Programs,
    alternatives: alternatives::Alternatives,
    conditions: conditions::Conditions,
    inputs: usize,
    layout: Layout,
    /// Where it is one among several: what the others do.
    others: Option<Reading>,
    /// Nodes that are watched; `None` where one reads more than the problem does.
    watched: Vec<Option<Program<f64>>>,
    shock_inputs: Vec<Vec<f64>>,
    noise_inputs: Vec<Vec<f64>>,
    /// `(number of the state in the model, element)` behind each state dimension, one per state.
    pub origin: Vec<(usize, usize)>,
    /// Asked and obtained moments of discretised shocks, one entry per shock or draw.
    pub discretised: Vec<Discretised>,
    /// Continuous states whose grid the solver chose because the domain has no end: `(state, lower end, upper end)`, one per state
    /// that is open.
    pub open_ends: Vec<(usize, bool, bool)>,
    /// Nodes of each continuous state whose grid the file leaves open, if there is one.
    pub automatic: Option<usize>,
    /// Whether draws whose rules the file leaves open could have finer ones: see [`ProblemOptions::draws`].
    pub coarse_draws: bool,
    /// States and shocks that matter and that no deciding agent observes (their names, any length): full information was asked for.
    pub hidden: Vec<String>,
    /// Shocks that no deciding agent observes and that tell nothing about the future (their names, any length): integrated out like
    /// noises.
    pub unseen: Vec<String>,
    no_derivative: Option<String>,
    /// The prices that are found inside the period, and where: the outcome's last number is then how that ended.
    markets: Option<(String, Span)>,
    culprits: Culprits,
    /// The draws whose chances move, and where the first is declared.
    moving: (String, Span),
    /// What should be known about the chains that stand for shocks.
    pub warnings: Vec<Diagnostic>,
    /// Instructions of lanes so far.
    computed: AtomicU64,
}

/// A problem, and the unrolled period that it was made of.
struct Parts<'m> {
    decision: Decision,
    builder: Builder<'m>,
    order: Order,
    choices: Vec<axes::Choice>,
    /// Draws that are integrated in cells: their inputs, and the draws as expressions of the cells.
    cells: Vec<(Id, Id)>,
    /// What multiplies weights where declared chances move.
    chance: Option<Id>,
}

/// Instructions that the interpolation after an evaluation counts for.
const BESIDE: usize = 30;
/// What a call costs before its first lane, in lanes.
const CALL: usize = 8;

thread_local! {
    static WORKSPACE: RefCell<Workspace<f64>> = RefCell::new(Workspace::default());
}

impl Decision {
    /// Builds the problem of a model.
    ///
    /// # Errors
    /// E0810 and E0827 where it is not the problem of one, E0825 where what matters is not observed, E0826 for time without an end,
    /// E0805 and E0820 for grids and chains, E0904 for too many nodes, E0970 for chances that are none.
    pub fn new(model: &Model, options: &ProblemOptions) -> Result<Decision, Diagnostic> {
        super::forward::known(model)?;
        Ok(Decision::parts(Builder::start(model, options)?)?.decision)
    }

    /// The problem of one among several, the others playing by a policy.
    ///
    /// # Errors
    /// Those of [`Decision::new`].
    pub fn among(model: &Model, options: &ProblemOptions, others: &Others) -> Result<Decision, Diagnostic> {
        Ok(Decision::parts(Builder::among(model, options, others)?)?.decision)
    }

    /// The problem of a model some of whose parameters (`free`, one number each) are set later, by [`Decision::set_numbers`]: it is compiled
    /// once and solved at many prices. Of `watched` nodes the first element is compiled, too.
    ///
    /// # Errors
    /// Those of [`Decision::new`].
    pub fn with_numbers(
        model: &Model,
        options: &ProblemOptions,
        free: &[usize],
        watched: &[NodeId],
    ) -> Result<Decision, Diagnostic> {
        let mut b = Builder::start(model, options)?;
        b.free = free.to_vec();
        let mut parts = Decision::parts(b)?;
        let ids: Result<Vec<Id>, Diagnostic> = (watched.iter())
            .map(|n| Ok(parts.builder.unrolled(*n)?.first().copied()))
            .map(|id| id.and_then(|id| id.ok_or_else(|| cannot("something without elements is watched"))))
            .collect();
        parts.decision.watched = programs::watched(&parts.builder.unroll.dag, &parts.order, &ids?)?;
        Ok(parts.decision)
    }

    /// Sets the parameters that were left free, one number each, in their order.
    pub fn set_numbers(&mut self, numbers: &[f64]) {
        for inputs in &mut self.shock_inputs {
            let own = inputs.len().saturating_sub(numbers.len());
            inputs[own..].iter_mut().zip(numbers).for_each(|(i, x)| *i = *x);
        }
    }

    /// What a watched node is at the lanes, one value per lane. `None` for one that reads more than the problem does.
    pub fn watch(&self, watched: usize, lanes: &Lanes, n: usize) -> Option<Vec<f64>> {
        let program = self.watched.get(watched)?.as_ref()?;
        let mut out = vec![0.0; n];
        let given = self.given(lanes);
        run(program, &self.operands(lanes, Some(&given)), n, &mut [&mut out]);
        Some(out)
    }

    /// The problem, with what it was made of.
    fn parts<'m>(mut b: Builder<'m>) -> Result<Parts<'m>, Diagnostic> {
        let (model, options) = (b.model, b.options);
        b.bind();
        b.play_others()?;
        b.rules()?;
        let mut draws = b.draws()?;
        let paid = b.paid()?;
        let read = b.states_that_matter(&paid, &draws.noise)?;
        b.draws_that_matter(&mut draws, &paid, &read)?;
        let (axes, open_ends, automatic) = b.state_axes(&read.now, &read.everything)?;
        let coarse_draws = b.fine_draws(&mut draws, &paid, &read, &axes);
        let warnings = if options.deterministic {
            Vec::new()
        } else {
            draws::far_chains(model, &draws.discretised)?
        };
        let together = b.together(&draws)?;
        solution_fits(&axes, together.chain.chain.transition.len(), paid.actions.len())?;
        let time = b.time(&read.everything)?;
        let [shocks_now, shocks_next] = draws.shock_ids();
        let noise_ids = draws.noise_ids();
        let action_ids: Vec<Id> = paid.actions.iter().map(|a| a.id).collect();
        let carrying: Vec<Id> = draws.kept().flat_map(|q| q.inputs()).collect();
        let others = b.reading(&read.everything, [&read.now, &shocks_now, &noise_ids])?;
        let given_ids: Vec<Id> = b.given.iter().map(|g| g.1).collect();
        let reached = others
            .as_ref()
            .map(|_| reached(&b.unroll.dag, &read.now, &read.next, &action_ids));
        let reached = reached.unwrap_or_default();
        let answered = fault!(
            "verdict.answer_unseen",
            false,
            others.iter().any(|o| o.answer(&reached))
        );
        let order = Order::new(
            &read.now,
            [&action_ids, &given_ids],
            ([&shocks_now, &shocks_next], &b.numbers),
            &carrying,
            time,
        );
        // A unit that reads a shock which nothing else depends on is none.
        let consumption = b.consumption()?.filter(|c| {
            let known: BTreeSet<Id> = order.inputs.iter().flatten().chain(&noise_ids).copied().collect();
            b.unroll.dag.inputs_of(&[*c]).iter().all(|i| known.contains(i))
        });
        let source = Source {
            paid: &paid,
            read: &read,
            axes: &axes,
            noise: draws.kept().collect(),
            chance: together.chance,
            consumption,
            order: &order,
        };
        let compiled = source.compile(&b.unroll.dag)?;
        let cells = draws
            .kept()
            .filter_map(|q| Some((q.input, q.cells.as_ref()?.draw)))
            .collect();
        let unknown = [&noise_ids[..], &shocks_next].concat();
        let alternatives = b.alternatives(&paid, &order, &unknown)?;
        let conditions = b.conditions((&paid, &read), &order, &unknown)?;
        let discount = b.unroll.dag.as_const(paid.discount);
        let lasts = discount != Some(0.0) && b.discounts();
        let ends = b.unroll.dag.as_const(paid.end) != Some(0.0);
        let copied = matches!((read.next.as_slice(), action_ids.as_slice()), ([next], [a]) if next == a);
        let counts = b.counts(&paid, &read, &axes, (&noise_ids, &shocks_next, together.chance)) && !compiled.cells;
        let later: Vec<Id> = read.outputs.iter().copied().chain(together.chance).collect();
        let spec = Spec {
            reached,
            answered,
            held: b.held(&axes),
            states: axes,
            actions: paid.actions.iter().map(|a| a.axis.clone()).collect(),
            chances_move: together.chance.is_some() || compiled.cells,
            noise_weights: together.noise_weights,
            reward_uses_noise: b.reads(&[paid.reward, paid.discount, paid.slack], &noise_ids),
            next_uses_noise: b.reads(&read.outputs[2..], &noise_ids),
            next_uses_shock_next: b.reads(&later, &shocks_next),
            // Without states, ends and a discount factor every period is alike, and one of them is the whole problem.
            horizon: fault!("ends.horizon_short", model.horizon.map(|h| h - 1), model.horizon).or((read
                .now
                .is_empty()
                && !ends
                && !lasts)
                .then_some(1)),
            discount,
            ends,
            counts,
            differentiable: !compiled.steps,
            kinks: compiled.kinks,
            action_is_next_state: (copied && !ends).then_some((0, 0)),
            first_shock: first::shocks(model, &together.chain.chain),
            steady_state: None,
            chain: together.chain.chain.clone(),
        };
        let problem = Decision {
            spec,
            programs: compiled.programs,
            alternatives,
            conditions,
            inputs: order.inputs.len(),
            layout: order.layout.clone(),
            others,
            watched: Vec::new(),
            shock_inputs: (draws.carried(&together.chain).into_iter())
                .map(|mut own| {
                    own.extend(b.free.iter().map(|p| model.params[*p].values[0]));
                    own
                })
                .collect(),
            noise_inputs: together.noise_nodes,
            origin: b.states.clone(),
            open_ends,
            automatic,
            coarse_draws,
            no_derivative: compiled.steps.then(|| {
                "a step (floor, a comparison, a choice, an end that a draw brings) stands between the variable and the reward".to_string()
            }),
            markets: compiled.clears.then(|| markets(model)),
            culprits: culprits(model, &b.agents),
            moving: draws.moving(model),
            computed: AtomicU64::new(0),
            discretised: draws.discretised,
            hidden: draws.hidden,
            unseen: draws.integrated,
            warnings,
        };
        if problem.spec.chances_move {
            chances::check(&problem, &problem.moving)?;
        }
        Ok(Parts {
            decision: problem,
            builder: b,
            order,
            choices: paid.actions,
            cells,
            chance: together.chance,
        })
    }

    /// All outputs of a program of what is known before choosing, `[output][lane]`; none without one.
    fn all_of(&self, program: Option<&Program<f64>>, lanes: &Lanes) -> Vec<Vec<f64>> {
        let Some(program) = program else {
            return Vec::new();
        };
        let n = lanes_of(lanes);
        let mut out = vec![vec![0.0; n]; program.outputs()];
        let mut slices: Vec<&mut [f64]> = out.iter_mut().map(Vec::as_mut_slice).collect();
        let given = self.given(lanes);
        self.run(program, 0, &self.operands(lanes, Some(&given)), n, &mut slices);
        out
    }

    /// Mutable access to the problem's description (tests of grids).
    pub fn spec_mut(&mut self) -> &mut Spec {
        &mut self.spec
    }

    /// How much was computed of this problem so far: instructions of all lanes, interpolation after an outcome as a few more, and what a call costs
    /// before its first lane. A count: it is the same on every machine.
    pub fn work(&self) -> f64 {
        self.computed.load(Ordering::Relaxed) as f64
    }

    /// Runs a program of the problem at `n` lanes, and counts it with `beside` more instructions for each.
    fn run(&self, p: &Program<f64>, beside: usize, inputs: &[Operand<f64>], n: usize, out: &mut [&mut [f64]]) {
        self.spend((n + CALL) * (p.instructions() + beside));
        run(p, inputs, n, out);
    }

    /// How many branches lead from all points of its grid.
    pub fn branches(&self) -> f64 {
        let links = self.spec.chain.transition.len() as f64;
        let nodes: f64 = (self.spec.states.iter())
            .map(|s| match &s.kind {
                StateKind::Continuous { grid, .. } => grid.len() as f64,
                StateKind::Integer { lo, hi } => (hi - lo + 1) as f64,
            })
            .product();
        let later = if self.spec.next_uses_shock_next { links } else { 1.0 };
        nodes * links * later * self.spec.noise_weights.len().max(1) as f64
    }

    /// What the others do at the lanes, `[input][lane]`; nothing where one decides alone.
    fn given(&self, lanes: &Lanes) -> Vec<Vec<f64>> {
        match &self.others {
            None => Vec::new(),
            Some(others) => {
                let (shocks, noises) = (&self.shock_inputs[lanes.shock], &self.noise_inputs[lanes.noise]);
                others.read(lanes, shocks, noises, lanes_of(lanes))
            }
        }
    }

    fn operands<'a>(&'a self, lanes: &Lanes<'a>, given: Option<&'a [Vec<f64>]>) -> Vec<Operand<'a, f64>> {
        let mut v = vec![Operand::Uniform(f64::NAN); self.inputs];
        for (k, s) in lanes.states.iter().enumerate() {
            v[self.layout.states + k] = Operand::Lanes(s);
        }
        if let Some(given) = given {
            for (k, g) in given.iter().enumerate() {
                v[self.layout.given + k] = Operand::Lanes(g);
            }
            for (k, a) in lanes.actions.iter().enumerate() {
                v[self.layout.actions + k] = Operand::Lanes(a);
            }
        } else {
            for k in self.layout.actions..self.layout.shocks {
                v[k] = Operand::Uniform(0.0);
            }
        }
        for (k, x) in self.shock_inputs[lanes.shock].iter().enumerate() {
            v[self.layout.shocks + k] = Operand::Uniform(*x);
        }
        for (k, x) in self.shock_inputs[lanes.shock_next].iter().enumerate() {
            v[self.layout.next + k] = Operand::Uniform(*x);
        }
        for (k, x) in self.noise_inputs[lanes.noise].iter().enumerate() {
            v[self.layout.noise + k] = Operand::Uniform(*x);
        }
        v[self.layout.time] = Operand::Uniform(fault!("ends.clock", lanes.time + 1, lanes.time) as f64);
        v
    }
}

/// Errs where not even the numbers of a solution would fit into memory: before anything is computed at them.
///
/// # Errors
/// E0981.
fn solution_fits(axes: &[StateAxis], links: usize, actions: usize) -> Result<(), Diagnostic> {
    let nodes = axes.iter().map(|s| match &s.kind {
        StateKind::Continuous { grid, .. } => grid.len(),
        StateKind::Integer { lo, hi } => hi.saturating_sub(*lo).saturating_add(1) as usize,
    });
    let sizes: Vec<usize> = std::iter::once(links).chain(nodes).collect();
    let all: f64 = sizes.iter().map(|n| *n as f64).product();
    bellman::fits_grid(all * bellman::NUMBER_BYTES * (1.0 + actions as f64), &sizes)
}

/// Which states what is done moves, now or later, one per state: `now` and `next` their expressions.
fn reached(dag: &Dag, now: &[Id], next: &[Id], actions: &[Id]) -> Vec<bool> {
    let mut out = vec![false; now.len()];
    loop {
        let moved = now.iter().zip(&out).filter(|(_, r)| **r).map(|(id, _)| *id);
        let uses = dag.dependents(&actions.iter().copied().chain(moved).collect::<Vec<_>>());
        let again: Vec<bool> = next.iter().map(|id| uses[id.0 as usize]).collect();
        let more: Vec<bool> = again.iter().zip(&out).map(|(a, b)| *a || *b).collect();
        if more == out {
            return out;
        }
        out = more;
    }
}

/// The names of the prices that clear, and where the first condition stands.
fn markets(model: &Model) -> (String, Span) {
    let prices = model.prices.iter().filter(|p| p.clears);
    let names: Vec<&str> = prices.map(|p| p.name.as_str()).collect();
    let span = model.graph.roots.first().and_then(|r| r.spans.first().copied());
    (names.join(", "), span.unwrap_or_default())
}

/// Where rewards and requirements of those who decide stand.
fn culprits(model: &Model, agents: &[usize]) -> Culprits {
    let own = |a: Option<usize>| a.is_none_or(|a| agents.contains(&a));
    let rewards = agents.iter().filter_map(|a| model.agents[*a].reward);
    let hard = |o: &Otherwise| matches!(o, Otherwise::Infeasible | Otherwise::Project(_));
    let requires = model.requires.iter().filter(|r| own(r.agent) && hard(&r.otherwise));
    Culprits {
        rewards: rewards.map(|r| model.graph.nodes[r.0 as usize].span).collect(),
        requires: requires.map(|r| r.span).collect(),
    }
}

fn lanes_of(lanes: &Lanes) -> usize {
    lanes.states.first().or(lanes.actions.first()).map_or(1, |s| s.len())
}

fn run(p: &Program<f64>, inputs: &[Operand<f64>], n: usize, out: &mut [&mut [f64]]) {
    WORKSPACE.with(|w| {
        if p.run(inputs, n, out, &mut w.borrow_mut()).is_err() {
            out.iter_mut().for_each(|o| o.fill(f64::NAN));
        }
    });
}

impl DecisionProblem for Decision {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn spend(&self, instructions: usize) {
        self.computed.fetch_add(instructions as u64, Ordering::Relaxed);
    }

    fn evaluate(&self, lanes: &Lanes, out: &mut Outcome) {
        let n = out.reward.len();
        let given = self.given(lanes);
        let inputs = self.operands(lanes, Some(&given));
        let mut slices: Vec<&mut [f64]> = Vec::with_capacity(6 + out.next.len());
        slices.push(out.reward);
        slices.push(out.slack);
        slices.push(out.end);
        slices.push(out.paying);
        slices.push(out.discount);
        slices.extend(out.next.iter_mut().map(|s| &mut **s));
        if self.markets.is_none() {
            self.run(&self.programs.outcome, BESIDE, &inputs, n, &mut slices);
            return;
        }
        let mut status = vec![0.0; n];
        slices.push(&mut status);
        self.run(&self.programs.outcome, BESIDE, &inputs, n, &mut slices);
        // Where no price clears the market the reward is not a number, and the actions are infeasible.
        for (r, s) in out.reward.iter_mut().zip(&status) {
            if fault!("market.status_ignored", false, *s >= crate::kernel::root::NONE) {
                *r = f64::NAN;
            }
        }
    }

    fn clears(&self, lanes: &Lanes) -> Option<Vec<f64>> {
        self.markets.as_ref()?;
        let n = lanes_of(lanes);
        let mut all = vec![vec![0.0; n]; 6 + lanes.states.len()];
        let mut slices: Vec<&mut [f64]> = all.iter_mut().map(Vec::as_mut_slice).collect();
        let given = self.given(lanes);
        let inputs = self.operands(lanes, Some(&given));
        self.run(&self.programs.outcome, BESIDE, &inputs, n, &mut slices);
        all.pop()
    }

    fn market(&self) -> Option<(String, Span)> {
        self.markets.clone()
    }

    fn culprits(&self) -> Culprits {
        self.culprits.clone()
    }

    fn prepare(&self, lanes: &Lanes) -> Option<Vec<Vec<f64>>> {
        let (first, _) = self.programs.split.as_ref()?;
        let n = lanes_of(lanes);
        let mut out = vec![vec![0.0; n]; first.outputs()];
        let mut slices: Vec<&mut [f64]> = out.iter_mut().map(Vec::as_mut_slice).collect();
        self.run(first, 0, &self.operands(lanes, None), n, &mut slices);
        Some(out)
    }

    fn reward(&self, lanes: &Lanes, prepared: &[&[f64]], reward: &mut [f64], slack: &mut [f64]) {
        let n = reward.len();
        let Some((_, rest)) = self.programs.split.as_ref() else {
            reward.fill(f64::NAN);
            return;
        };
        let mut inputs: Vec<Operand<f64>> = prepared.iter().map(|p| Operand::Lanes(p)).collect();
        let given = self.given(lanes);
        inputs.extend(self.operands(lanes, Some(&given)));
        self.run(rest, BESIDE, &inputs, n, &mut [reward, slack]);
    }

    fn alternatives(&self) -> &[Vec<usize>] {
        &self.alternatives.sets
    }

    fn inequalities(&self, lanes: &Lanes) -> Vec<Vec<f64>> {
        self.all_of(self.alternatives.inequalities.as_ref(), lanes)
    }

    fn edges(&self) -> usize {
        self.conditions.edges
    }

    fn ways(&self) -> &[Vec<usize>] {
        &self.conditions.ways
    }

    fn conditions(&self, lanes: &Lanes) -> Vec<Vec<f64>> {
        self.all_of(self.conditions.program.as_ref(), lanes)
    }

    fn chance(&self, lanes: &Lanes, weight: &mut [f64]) {
        match &self.programs.chance {
            None => weight.fill(1.0),
            Some(p) => {
                let n = weight.len();
                let given = self.given(lanes);
                self.run(p, 0, &self.operands(lanes, Some(&given)), n, &mut [weight]);
            }
        }
    }

    fn factor_slopes(&self, lanes: &Lanes, wrt: usize, mut out: [&mut [f64]; 3]) -> bool {
        let Some(Some(p)) = self.programs.factors.get(wrt) else {
            return false;
        };
        let n = out[0].len();
        let given = self.given(lanes);
        self.run(p, 0, &self.operands(lanes, Some(&given)), n, &mut out);
        true
    }

    fn bounds(&self, lanes: &Lanes, lo: &mut [&mut [f64]], hi: &mut [&mut [f64]]) {
        let n = lo.first().map_or_else(|| lanes_of(lanes), |l| l.len());
        let inputs = self.operands(lanes, None);
        let mut slices: Vec<&mut [f64]> = lo.iter_mut().map(|s| &mut **s).collect();
        slices.extend(hi.iter_mut().map(|s| &mut **s));
        self.run(&self.programs.bounds, 0, &inputs, n, &mut slices);
    }

    fn allowed(&self, lanes: &Lanes, action: usize, choice: usize, out: &mut [f64]) {
        match self
            .programs
            .allowed
            .get(action)
            .and_then(|a| a.get(choice))
            .and_then(|p| p.as_ref())
        {
            None => out.fill(1.0),
            Some(p) => {
                let inputs = self.operands(lanes, None);
                let n = out.len();
                self.run(p, 0, &inputs, n, &mut [out]);
            }
        }
    }

    fn derivative(
        &self,
        lanes: &Lanes,
        wrt: usize,
        d_reward: &mut [f64],
        d_next: &mut [&mut [f64]],
    ) -> Result<(), Diagnostic> {
        let Some(Some(p)) = self.programs.derivatives.get(wrt) else {
            let why = self
                .no_derivative
                .clone()
                .unwrap_or("the variable takes finitely many values".into());
            return Err(Diagnostic::error(
                "E0907",
                format!("the model has no derivative here: {why}"),
            ));
        };
        let n = d_reward.len();
        let given = self.given(lanes);
        let inputs = self.operands(lanes, Some(&given));
        let mut slices: Vec<&mut [f64]> = vec![d_reward];
        slices.extend(d_next.iter_mut().map(|s| &mut **s));
        self.run(p, BESIDE, &inputs, n, &mut slices);
        Ok(())
    }

    fn consumption(&self, lanes: &Lanes, c: &mut [f64], dc: &mut [&mut [f64]]) -> bool {
        let Some(p) = &self.programs.consumption else {
            return false;
        };
        let n = c.len();
        let given = self.given(lanes);
        let inputs = self.operands(lanes, Some(&given));
        let mut slices: Vec<&mut [f64]> = vec![c];
        slices.extend(dc.iter_mut().map(|s| &mut **s));
        self.run(p, 0, &inputs, n, &mut slices);
        true
    }
}
