//! From a compiled model to a decision problem: one decision maker (or a planner over several), finite chains in the place
//! of shocks, quadrature in the place of noise, and compiled lane programs for everything the solvers evaluate.
//!
//! States and shocks that no reward, bound, end or chance depends on, directly or through the laws and chances of others, are
//! left out. The probabilities of finite noises may move with states, shocks, actions and other draws: they are a program of
//! their own, see [`DecisionProblem::chance`].

mod axes;
mod cells;
mod compiler;
pub mod expectation;
mod information;
mod noise;
mod shocks;

use super::bellman::{At, Bellman, CHANCE, FEASIBLE, Interpolation, Scratch};
use super::economy::{Economy, Members, cannot};
use super::problem::{ActionKind, DecisionProblem, Lanes, Outcome, Spec, StateKind};
use crate::chance::quadrature::Standard;
use crate::check::model::{Model, Otherwise, Then};
use crate::diag::{Diagnostic, Span};
use crate::graph::range::range;
use crate::graph::{InputKind, NodeId, Op};
use crate::kernel::dag::Id;
use crate::kernel::differentiate::{derivative, has_steps};
use crate::kernel::program::{Operand, Program, Workspace};
use crate::kernel::unroll::Unroll;
use compiler::{Compiler, has_kinks};
use shocks::{joint, with_conditions};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// How to turn a model into a problem.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// Shocks and noises at their means, one joint state: the deterministic model.
    pub deterministic: bool,
    /// Nodes a continuous state, where the settings say nothing; 0 chooses by the number of states.
    pub nodes: usize,
    /// Bounds of continuous states that replace the domain's (by name), for domains without ends.
    pub bounds: Vec<(String, f64, f64)>,
    /// How fine the chains of AR(1) shocks are where the settings say nothing: 0 is [`CHAIN_STATES`] states by Rouwenhorst's method, `k` is
    /// `k` times as many as Farmer and Toda's need.
    pub fineness: usize,
    /// How fine the rules over draws without memory are where the settings say nothing: 0 as usual, up to [`FINEST_DRAWS`].
    pub draws: usize,
}

/// States of the chain of a continuous shock, where nothing is said.
pub const CHAIN_STATES: usize = 7;

/// A model as a decision problem.
pub struct Decision {
    spec: Spec,
    programs: Programs,
    inputs: usize,
    layout: Layout,
    shock_inputs: Vec<Vec<f64>>,
    noise_inputs: Vec<Vec<f64>>,
    /// (state axis, element's dotted name) of the model behind each state dimension.
    pub origin: Vec<(usize, usize)>,
    /// Asked and obtained moments of discretised shocks.
    pub discretised: Vec<Discretised>,
    /// Continuous states whose grid the solver chose because the domain has no end: (state, lower end, upper end).
    pub open_ends: Vec<(usize, bool, bool)>,
    /// Nodes of each continuous state whose grid the file leaves open, if there is one.
    pub automatic: Option<usize>,
    /// Whether draws whose rules the file leaves open could have finer ones: see [`Options::draws`].
    pub coarse_draws: bool,
    /// States and shocks that matter and that no deciding agent observes: full information was asked for.
    pub hidden: Vec<String>,
    /// Shocks that no deciding agent observes and that tell nothing about the future, integrated out like noises.
    pub unseen: Vec<String>,
    no_derivative: Option<String>,
    /// The prices that are found inside the period, and where: the outcome's last number is then how that ended.
    markets: Option<(String, Span)>,
    /// The draws whose chances move, and where the first is declared.
    moving: (String, Span),
    /// What should be known about the chains that stand for shocks.
    pub warnings: Vec<Diagnostic>,
}

/// A continuous shock and the chain that stands for it, or a continuous noise and the rule that integrates it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Discretised {
    /// Its name.
    pub name: String,
    /// The method.
    pub method: String,
    /// Links, or nodes of a rule of integration.
    pub links: usize,
    /// (sd, first autocorrelation) asked for.
    pub asked: (f64, f64),
    /// Those of the chain.
    pub obtained: (f64, f64),
    /// Mean asked for and mean obtained of an independent draw that is integrated by a rule; chains have none.
    #[serde(default)]
    pub mean: Option<(f64, f64)>,
}

/// Where each group of inputs begins.
#[derive(Clone, Debug, Default)]
struct Layout {
    states: usize,
    actions: usize,
    shocks: usize,
    next: usize,
    noise: usize,
    time: usize,
}

struct Programs {
    outcome: Program<f64>,
    /// What reward and slack need of the states alone, and reward and slack from that: see [`DecisionProblem::prepare`].
    split: Option<(Program<f64>, Program<f64>)>,
    bounds: Program<f64>,
    allowed: Vec<Vec<Option<Program<f64>>>>,
    derivatives: Vec<Option<Program<f64>>>,
    /// What the weight of a noise node is multiplied by.
    chance: Option<Program<f64>>,
    /// Derivatives of chance, discount factor and what an end pays, where one of them moves with the variable.
    factors: Vec<Option<Program<f64>>>,
    consumption: Option<Program<f64>>,
}

/// Evaluations that a look at moving chances may take.
const CHECKED: usize = 400_000;

/// Most links of the joint chain when independent draws are made finer, most grid points with all shocks counted.
const LINKS: f64 = 200.0;
const STATES: f64 = 60_000.0;
/// Most joint nodes of noises when they are made finer, as usual and where draws are to be finer; most branches from all grid points.
const NODES: [f64; 2] = [1000.0, 5000.0];
const BRANCHES: f64 = 8_000.0;
/// Fewer nodes than these are no better between quantiles.
const FEW: usize = 24;
/// Nodes that a noise behind a kink gets on any grid, with so many branches from all grid points at most: as usual, and where draws are to be finer.
const LEAST: [f64; 2] = [40.0, 300.0];
const AFFORDED: [f64; 2] = [150_000.0, 400_000.0];
/// Nodes of a Gauss rule, by how fine draws are to be.
const GAUSS: [usize; 3] = [noise::DEFAULT_NODES, 9, 15];
/// Most nodes of a draw whose cells end at its kinks, where nothing else bends: twice as many with each step of fineness.
const BETWEEN: usize = 56;
/// A draw whose cells are to end at its moving kinks: its number, law, nodes, and where kinks stand still.
type Split = (usize, Standard, usize, Vec<f64>);
/// Most that draws can be made finer.
pub const FINEST_DRAWS: usize = GAUSS.len() - 1;

thread_local! {
    static WORKSPACE: RefCell<Workspace<f64>> = RefCell::new(Workspace::default());
}

impl Decision {
    /// Builds the problem of a model.
    pub fn new(model: &Model, options: &Options) -> Result<Decision, Diagnostic> {
        let problem = Builder::start(model, options)?.finish()?;
        problem.check_chances()?;
        Ok(problem)
    }

    /// Whether chances that move are probabilities, at a sample of states and feasible actions that holds all ends.
    fn check_chances(&self) -> Result<(), Diagnostic> {
        let spec = &self.spec;
        if !spec.chances_move {
            return Ok(());
        }
        // Not every problem can be laid out on a grid; the solver says so in its own words.
        let Ok(bellman) = Bellman::new(self, Interpolation::Linear) else {
            return Ok(());
        };
        let nodes = bellman.nodes();
        let (ns, na, nz) = (spec.states.len(), spec.actions.len(), bellman.shocks());
        let combos: Vec<&Vec<f64>> = bellman
            .combos
            .iter()
            .step_by(bellman.combos.len().div_ceil(64))
            .collect();
        let shares: usize = 3usize.pow(bellman.continuous.len().min(4) as u32);
        let effort = bellman.noises.len() * combos.len() * shares * nz;
        let most = (CHECKED / effort.max(1)).max(8);
        let step = nodes.div_ceil(most).max(1);
        let mut picked: Vec<usize> = (0..nodes).step_by(step).collect();
        if picked.last() != Some(&(nodes - 1)) {
            picked.push(nodes - 1);
        }
        let n = picked.len();
        let mut states = vec![vec![0.0; n]; ns];
        let mut x = vec![0.0; ns];
        for (i, node) in picked.iter().enumerate() {
            bellman.tensor.node(*node, &mut x);
            states.iter_mut().zip(&x).for_each(|(s, x)| s[i] = *x);
        }
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let mut scratch = Scratch::default();
        for shock in 0..nz {
            let at = At { shock, time: 0 };
            let lanes = Lanes {
                states: &refs,
                actions: &[],
                shock,
                noise: 0,
                shock_next: shock,
                time: 0,
            };
            let nc = bellman.continuous.len();
            let (mut lo, mut hi) = (vec![vec![0.0; n]; nc], vec![vec![0.0; n]; nc]);
            if nc > 0 {
                let mut low: Vec<&mut [f64]> = lo.iter_mut().map(Vec::as_mut_slice).collect();
                let mut high: Vec<&mut [f64]> = hi.iter_mut().map(Vec::as_mut_slice).collect();
                self.bounds(&lanes, &mut low, &mut high);
            }
            for combo in &combos {
                let mut open = vec![true; n];
                for (f, &a) in bellman.finite.iter().enumerate() {
                    let choices = match &spec.actions[a].kind {
                        ActionKind::Finite { values, .. } => values.iter().position(|v| *v == combo[f]),
                        ActionKind::Continuous => None,
                    };
                    let mut out = vec![1.0; n];
                    if let Some(choice) = choices {
                        self.allowed(&lanes, a, choice, &mut out);
                    }
                    open.iter_mut().zip(&out).for_each(|(o, m)| *o &= *m != 0.0);
                }
                for share in 0..shares {
                    let mut actions = vec![vec![0.0; n]; na];
                    for (f, &a) in bellman.finite.iter().enumerate() {
                        actions[a].fill(combo[f]);
                    }
                    let mut rest = share;
                    for (c, &a) in bellman.continuous.iter().enumerate() {
                        let u = 0.5 * (rest % 3) as f64;
                        rest /= 3;
                        for i in 0..n {
                            let (l, h) = (lo[c][i], hi[c][i]);
                            open[i] &= l <= h;
                            let inside = if l.is_finite() && h.is_finite() {
                                l + u * (h - l)
                            } else {
                                l.max(0.0).min(h)
                            };
                            actions[a][i] = inside;
                        }
                    }
                    let action_refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
                    let mut feasible = open.clone();
                    let mut total = vec![0.0; n];
                    let mut worst = vec![0.0f64; n];
                    for &(noise, weight) in &bellman.noises {
                        bellman.evaluate(at, noise, shock, &refs, &action_refs, n, &mut scratch);
                        for i in 0..n {
                            let w = weight * scratch.chance[i];
                            feasible[i] &= w == 0.0 || scratch.slack[i] >= FEASIBLE;
                            total[i] += w;
                            if !(w >= 0.0) || w > 1.0 + CHANCE {
                                worst[i] = w;
                            }
                        }
                    }
                    let fault = |i: &usize| feasible[*i] && (worst[*i] != 0.0 || !((total[*i] - 1.0).abs() <= CHANCE));
                    if let Some(i) = (0..n).find(fault) {
                        return Err(self.no_chance(&bellman, at, picked[i], &actions, i, (worst[i], total[i])));
                    }
                }
            }
        }
        Ok(())
    }

    fn no_chance(
        &self,
        bellman: &Bellman,
        at: At,
        node: usize,
        actions: &[Vec<f64>],
        i: usize,
        (worst, total): (f64, f64),
    ) -> Diagnostic {
        let chosen: Vec<String> = self
            .spec
            .actions
            .iter()
            .zip(actions)
            .map(|(axis, a)| match &axis.kind {
                ActionKind::Finite { values, labels } => {
                    let k = values.iter().position(|v| *v == a[i]).unwrap_or(values.len());
                    format!("{} = {}", axis.name, labels.get(k).map_or("?", String::as_str))
                }
                ActionKind::Continuous => format!("{} = {}", axis.name, a[i]),
            })
            .collect();
        let what = if worst == 0.0 {
            format!("they add up to {total}")
        } else {
            format!("one is {worst}")
        };
        let place = super::value_iteration::describe(bellman, at, node);
        Diagnostic::error(
            "E0970",
            format!("the chances of {} are no probabilities: {what}", self.moving.0),
        )
        .at(self.moving.1, "its probabilities move")
        .note(format!("at {place}, {}", chosen.join(", ")))
        .hint("keep it between 0 and 1 wherever actions are feasible: clamp(.., 0, 1), or narrower bounds")
    }

    /// Mutable access to the problem's description (tests of grids).
    pub fn spec_mut(&mut self) -> &mut Spec {
        &mut self.spec
    }

    fn operands<'a>(&'a self, lanes: &Lanes<'a>, with_actions: bool) -> Vec<Operand<'a, f64>> {
        let mut v = vec![Operand::Uniform(f64::NAN); self.inputs];
        for (k, s) in lanes.states.iter().enumerate() {
            v[self.layout.states + k] = Operand::Lanes(s);
        }
        if with_actions {
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

    fn evaluate(&self, lanes: &Lanes, out: &mut Outcome) {
        let n = out.reward.len();
        let inputs = self.operands(lanes, true);
        let mut slices: Vec<&mut [f64]> = Vec::with_capacity(6 + out.next.len());
        slices.push(out.reward);
        slices.push(out.slack);
        slices.push(out.end);
        slices.push(out.paying);
        slices.push(out.discount);
        slices.extend(out.next.iter_mut().map(|s| &mut **s));
        if self.markets.is_none() {
            run(&self.programs.outcome, &inputs, n, &mut slices);
            return;
        }
        let mut status = vec![0.0; n];
        slices.push(&mut status);
        run(&self.programs.outcome, &inputs, n, &mut slices);
        // A price that clears nothing is no price: what it pays is no number, and nobody may choose it.
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
        run(&self.programs.outcome, &self.operands(lanes, true), n, &mut slices);
        all.pop()
    }

    fn market(&self) -> Option<(String, Span)> {
        self.markets.clone()
    }

    fn prepare(&self, lanes: &Lanes) -> Option<Vec<Vec<f64>>> {
        let (first, _) = self.programs.split.as_ref()?;
        let n = lanes_of(lanes);
        let mut out = vec![vec![0.0; n]; first.outputs()];
        let mut slices: Vec<&mut [f64]> = out.iter_mut().map(Vec::as_mut_slice).collect();
        run(first, &self.operands(lanes, false), n, &mut slices);
        Some(out)
    }

    fn reward(&self, lanes: &Lanes, prepared: &[&[f64]], reward: &mut [f64], slack: &mut [f64]) {
        let n = reward.len();
        let Some((_, rest)) = self.programs.split.as_ref() else {
            reward.fill(f64::NAN);
            return;
        };
        let mut inputs: Vec<Operand<f64>> = prepared.iter().map(|p| Operand::Lanes(p)).collect();
        inputs.extend(self.operands(lanes, true));
        run(rest, &inputs, n, &mut [reward, slack]);
    }

    fn chance(&self, lanes: &Lanes, weight: &mut [f64]) {
        match &self.programs.chance {
            None => weight.fill(1.0),
            Some(p) => {
                let n = weight.len();
                run(p, &self.operands(lanes, true), n, &mut [weight]);
            }
        }
    }

    fn factor_slopes(&self, lanes: &Lanes, wrt: usize, mut out: [&mut [f64]; 3]) -> bool {
        let Some(Some(p)) = self.programs.factors.get(wrt) else {
            return false;
        };
        let n = out[0].len();
        run(p, &self.operands(lanes, true), n, &mut out);
        true
    }

    fn bounds(&self, lanes: &Lanes, lo: &mut [&mut [f64]], hi: &mut [&mut [f64]]) {
        let n = lo.first().map_or_else(|| lanes_of(lanes), |l| l.len());
        let inputs = self.operands(lanes, false);
        let mut slices: Vec<&mut [f64]> = lo.iter_mut().map(|s| &mut **s).collect();
        slices.extend(hi.iter_mut().map(|s| &mut **s));
        run(&self.programs.bounds, &inputs, n, &mut slices);
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
                let inputs = self.operands(lanes, false);
                let n = out.len();
                run(p, &inputs, n, &mut [out]);
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
        let inputs = self.operands(lanes, true);
        let mut slices: Vec<&mut [f64]> = vec![d_reward];
        slices.extend(d_next.iter_mut().map(|s| &mut **s));
        run(p, &inputs, n, &mut slices);
        Ok(())
    }

    fn consumption(&self, lanes: &Lanes, c: &mut [f64], dc: &mut [&mut [f64]]) -> bool {
        let Some(p) = &self.programs.consumption else {
            return false;
        };
        let n = c.len();
        let inputs = self.operands(lanes, true);
        let mut slices: Vec<&mut [f64]> = vec![c];
        slices.extend(dc.iter_mut().map(|s| &mut **s));
        run(p, &inputs, n, &mut slices);
        true
    }
}

/// A problem under construction.
struct Builder<'m> {
    model: &'m Model,
    options: &'m Options,
    agents: Vec<usize>,
    /// Only member 0 of the (independent) population decides.
    single: bool,
    states: Vec<(usize, usize)>,
    unroll: Unroll<'m>,
}

impl<'m> Builder<'m> {
    fn start(model: &'m Model, options: &'m Options) -> Result<Self, Diagnostic> {
        let economy = Economy::of(model)?;
        let seat = economy.lone()?;
        Ok(Builder {
            model,
            options,
            agents: seat.agents.clone(),
            single: seat.members == Members::Representative,
            states: Vec::new(),
            unroll: Unroll::new(&model.graph),
        })
    }

    fn elements(&self, node: NodeId) -> usize {
        self.model
            .graph
            .elements(&self.model.graph.nodes[node.0 as usize].shape)
    }

    /// Elements of a quantity that take part: all, or the first member's.
    fn mine(&self, elements: usize, shape: &[crate::graph::AxisId]) -> usize {
        let own = self.agents.first().and_then(|a| self.model.agents[*a].axis);
        match own.filter(|axis| self.single && shape.contains(axis)) {
            Some(axis) => elements / self.model.graph.axes[axis.0 as usize].size.max(1),
            None => elements,
        }
    }

    /// Every input gets its expressions; what is left out reads as NaN and must not matter.
    fn bind(&mut self) -> (usize, Layout) {
        let g = &self.model.graph;
        let mut next = 0u32;
        let mut layout = Layout::default();
        let mut fresh = |u: &mut Unroll, n: usize| -> Vec<Id> {
            (0..n)
                .map(|_| {
                    let id = u.dag.input(next);
                    next += 1;
                    id
                })
                .collect()
        };
        let by = |f: &dyn Fn(&InputKind) -> bool| -> Vec<usize> {
            (0..g.inputs.len()).filter(|i| f(&g.inputs[*i].kind)).collect()
        };
        for (group, kinds) in [
            by(&|k| matches!(k, InputKind::State(_))),
            by(&|k| matches!(k, InputKind::Action(_))),
            by(&|k| matches!(k, InputKind::Shock(_))),
            by(&|k| matches!(k, InputKind::ShockNext(_))),
            by(&|k| matches!(k, InputKind::Noise(_))),
            by(&|k| matches!(k, InputKind::Time)),
        ]
        .into_iter()
        .enumerate()
        {
            for i in kinds {
                let ids = fresh(&mut self.unroll, g.elements(&g.inputs[i].shape));
                self.unroll.bind(crate::graph::InputId(i as u32), ids);
            }
            let _ = group;
        }
        for (i, input) in g.inputs.iter().enumerate() {
            if let InputKind::Param(p) = input.kind
                && let Some(param) = self.model.params.get(p)
            {
                let ids = param.values.iter().map(|x| self.unroll.dag.constant(*x)).collect();
                self.unroll.bind(crate::graph::InputId(i as u32), ids);
            }
        }
        layout.time = next as usize;
        (next as usize, layout)
    }

    fn unrolled(&mut self, node: NodeId) -> Result<Vec<Id>, Diagnostic> {
        self.unroll.node(node).map_err(|e| cannot(e.to_string()))
    }

    fn input_of(&mut self, input: crate::graph::InputId) -> Result<Vec<Id>, Diagnostic> {
        let node = self.model.graph.nodes.iter().position(|n| n.op == Op::Input(input));
        match node {
            Some(n) => self.unrolled(NodeId(n as u32)),
            None => Ok(Vec::new()),
        }
    }

    fn finish(mut self) -> Result<Decision, Diagnostic> {
        let model = self.model;
        self.bind();
        self.rules()?;
        let mut discretised = Vec::new();
        let mut laws = self.laws(&mut discretised)?;
        let mut noise = self.quadratures()?;
        // What nobody sees and what tells nothing about the future is a noise to whoever decides.
        let seen = information::Seen::of(model, &self.agents);
        let judged = !self.options.deterministic;
        let unseen: Vec<usize> = if judged && !information::full(model) {
            information::noise_like(model, &seen, &laws)
        } else {
            Vec::new()
        };
        let draws = noise.len();
        noise.extend(unseen.iter().map(|k| {
            noise::Quadrature {
                input: laws[*k].now,
                nodes: laws[*k].carried.clone(),
                weights: laws[*k].matrices[0][0].clone(),
                moving: None,
                noise: None,
                continuous: laws[*k]
                    .open
                    .as_ref()
                    .map(|(d, said)| (d.family, *said, Some(d.args.clone()))),
                cells: None,
            }
        }));

        // Everything that pays, and everything that can stop.
        let reward = self.reward()?;
        let discount = self.discount()?;
        let (end, paying) = self.ends()?;
        let slack = self.slack()?;
        let actions = self.action_axes()?;
        let mut needed: Vec<Id> = vec![reward, discount, end, paying, slack];
        for a in &actions {
            needed.extend(a.bounds.iter().chain(a.masks.iter().flatten()).copied());
        }

        // States that matter: those read, and those read by the laws of those that matter.
        let mut state_ids: Vec<((usize, usize), Id, Id)> = Vec::new();
        for (i, s) in model.states.iter().enumerate() {
            let now = self.input_of(s.input)?;
            let next = self.unrolled(s.next)?;
            let shape = &model.graph.inputs[s.input.0 as usize].shape;
            let n = self.mine(now.len(), shape);
            let from = &model.graph.nodes[s.next.0 as usize].shape;
            let map = crate::graph::shape::aligned(&model.graph, from, shape);
            for e in 0..n {
                state_ids.push(((i, e), now[e], next[map[e]]));
            }
        }
        let kept = self.relevant(&state_ids, &noise, &mut needed);
        let next: Vec<Id> = kept.iter().map(|k| state_ids[*k].2).collect();
        self.states = kept.iter().map(|k| state_ids[*k].0).collect();
        let states_now: Vec<Id> = kept.iter().map(|k| state_ids[*k].1).collect();
        let paid_discount = fault!(
            "ends.discount_late",
            self.tomorrow(discount, &states_now, &next),
            discount
        );
        let mut outputs = vec![reward, slack, end, paying, paid_discount];
        outputs.extend(&next);
        // `needed` holds the chances of the draws that are read, too.
        let everything: Vec<Id> = outputs.iter().copied().chain(needed.iter().copied()).collect();
        self.stray_states(&state_ids, &kept, &everything)?;

        // Shocks and noises that matter.
        let chainlets: Vec<usize> = (0..laws.len())
            .filter(|k| !unseen.contains(k) && self.reads(&everything, &[laws[*k].now, laws[*k].next]))
            .collect();
        let chainlets = with_conditions(&laws, chainlets);
        let noises: Vec<usize> = (0..noise.len())
            .filter(|k| self.reads(&everything, &[noise[*k].input]))
            .collect();
        let (mut hidden, integrated) = (BTreeSet::new(), &noises[noises.partition_point(|k| *k < draws)..]);
        if judged {
            let states = self.states.iter().map(|(s, _)| *s);
            let states = states.filter(|s| !seen.knows(model.states[*s].input));
            hidden.extend(states.map(information::Hidden::State));
            let shocks = chainlets.iter().map(|k| laws[*k].shock);
            let shocks = shocks.filter(|s| !seen.knows(model.shocks[*s].input));
            hidden.extend(shocks.map(information::Hidden::Shock));
            // A draw that moves bounds or requirements is not integrated out, and one whose next value is read is no noise.
            let mut before: Vec<Id> = vec![slack];
            for a in &actions {
                before.extend(a.bounds.iter().chain(a.masks.iter().flatten()).copied());
            }
            for k in &unseen {
                if self.reads(&before, &[laws[*k].now]) || self.reads(&everything, &[laws[*k].next]) {
                    hidden.insert(information::Hidden::Shock(laws[*k].shock));
                }
            }
        }
        if !hidden.is_empty() && !information::full(model) {
            return Err(information::refusal(model, &seen, &self.agents, &hidden));
        }
        let unseen = integrated
            .iter()
            .map(|k| laws[unseen[*k - draws]].name.clone())
            .collect();
        let hidden = hidden.iter().map(|h| information::name(model, *h)).collect();
        let (axes, open_ends, automatic) = self.state_axes(&states_now, &everything)?;
        let laws_of: Vec<_> = (states_now.iter().zip(&next).zip(&axes))
            .map(|((now, next), axis)| (*now, *next, axis))
            .collect();
        let moving_kinks = self.moving_kinks(&noise, &noises, &everything, &laws_of);
        let (coarse_draws, split) = self.refine(
            &mut laws,
            &chainlets,
            &mut noise,
            (&noises, &moving_kinks),
            (&axes, &actions),
            &everything,
        );
        for (k, law, n, fixed) in split {
            let cells = self.cells(law, n, &moving_kinks[&k], &fixed);
            noise[k].split(cells);
        }
        let kept_noise: Vec<noise::Quadrature> = noises.iter().map(|k| noise[*k].clone()).collect();
        discretised.extend(chainlets.iter().filter_map(|k| noise::draw_moments(&laws[*k])));
        discretised.extend(self.quadrature_moments(&kept_noise));
        let chain = joint(&laws, &chainlets)?;
        let movers: Vec<&crate::check::model::Noise> = kept_noise
            .iter()
            .filter(|q| q.moving.is_some())
            .filter_map(|q| q.noise.map(|k| &model.noises[k]))
            .collect();
        let mut names: Vec<String> = movers.iter().map(|m| format!("`{}`", m.name)).collect();
        names.dedup();
        let moving = (
            names.join(", "),
            movers.first().map_or_else(Default::default, |m| m.span),
        );
        let warnings = if self.options.deterministic {
            Vec::new()
        } else {
            far_chains(model, &discretised)?
        };
        let (noise_nodes, noise_weights, chance) = self.joint_noise(&noise, &noises)?;
        let shock_ids: Vec<Id> = chainlets.iter().map(|k| laws[*k].now).collect();
        let next_ids: Vec<Id> = chainlets.iter().map(|k| laws[*k].next).collect();
        let noise_ids: Vec<Id> = noises.iter().map(|k| noise[*k].input).collect();
        let carrying: Vec<Id> = noises.iter().flat_map(|k| noise[*k].inputs()).collect();
        let reward_uses_noise = self.reads(&[reward, discount, slack], &noise_ids);
        let next_uses_noise = self.reads(&outputs[2..], &noise_ids);
        let mut later = outputs.clone();
        later.extend(chance);
        let next_uses_shock_next = self.reads(&later, &next_ids);
        let discount_value = self.unroll.dag.as_const(discount);
        let lasts = discount_value != Some(0.0) && self.discounts();
        let ends_somewhere = self.unroll.dag.as_const(end) != Some(0.0);

        let action_ids: Vec<Id> = actions.iter().map(|a| a.id).collect();
        let action_is_next_state = match (states_now.len(), action_ids.as_slice()) {
            (1, [a]) if next[0] == *a => Some((0, 0)),
            _ => None,
        };
        let time = match model.time {
            Some(t) => self.input_of(t)?.first().copied(),
            None => None,
        };
        if let Some(t) = time
            && model.horizon.is_none()
            && self.reads(&everything, &[t])
        {
            return Err(information::endless_time(model));
        }

        // Renumber the inputs in the order of the layout.
        let mut order: Vec<Option<Id>> = Vec::new();
        let mut layout = Layout {
            states: 0,
            ..Layout::default()
        };
        order.extend(states_now.iter().copied().map(Some));
        layout.actions = order.len();
        order.extend(action_ids.iter().copied().map(Some));
        layout.shocks = order.len();
        order.extend(shock_ids.iter().copied().map(Some));
        layout.next = order.len();
        order.extend(next_ids.iter().copied().map(Some));
        layout.noise = order.len();
        order.extend(carrying.iter().copied().map(Some));
        layout.time = order.len();
        order.push(time);
        let inputs = order.len();

        // A unit that reads a shock which nothing else depends on is none.
        let consumption = self.consumption()?.filter(|c| {
            let known: BTreeSet<Id> = order.iter().flatten().chain(&noise_ids).copied().collect();
            self.unroll.dag.inputs_of(&[*c]).iter().all(|i| known.contains(i))
        });
        // How the markets ended is one more number of the outcome.
        let statuses = self.unroll.dag.statuses(&outputs);
        let markets = (!statuses.is_empty()).then(|| {
            let prices = model.prices.iter().filter(|p| p.clears);
            let names: Vec<&str> = prices.map(|p| p.name.as_str()).collect();
            let span = model.graph.roots.first().and_then(|r| r.spans.first().copied());
            (names.join(", "), span.unwrap_or_default())
        });
        let mut dag = self.unroll.dag.clone();
        let ended = statuses
            .into_iter()
            .reduce(|a, b| dag.binary(crate::graph::Binary::Max, a, b));
        let mut map: std::collections::HashMap<Id, Id> = {
            let base = 1_000_000;
            let fresh: Vec<(Id, Id)> = order
                .iter()
                .enumerate()
                .filter_map(|(k, id)| id.map(|id| (id, dag.input(base + k as u32))))
                .collect();
            fresh.into_iter().collect()
        };
        // A draw by its cells; where they end may depend on draws before it.
        let mut cell_weight: Option<Id> = None;
        for q in noises.iter().map(|k| &noise[*k]) {
            let Some(cells) = &q.cells else { continue };
            let draw = dag.substitute(&[cells.draw], &map)[0];
            map.insert(q.input, draw);
            cell_weight = Some(match cell_weight {
                None => cells.weight,
                Some(w) => dag.mul(w, cells.weight),
            });
        }
        let mut place = Compiler {
            dag,
            map,
            layout: layout.clone(),
            inputs,
            final_ids: std::collections::HashMap::new(),
        };
        let judged: Vec<Id> = outputs.iter().copied().chain(ended).collect();
        let outcome = place.program(&judged)?;
        // With markets every evaluation says how they ended, so that nothing is evaluated in parts.
        let split = if ended.is_some() {
            None
        } else {
            place.split(&outputs[..2])?
        };
        let lo_hi: Vec<Id> = actions
            .iter()
            .filter(|a| a.continuous())
            .map(|a| a.bounds[0])
            .chain(actions.iter().filter(|a| a.continuous()).map(|a| a.bounds[1]))
            .collect();
        let bounds = place.program(&lo_hi)?;
        let mut allowed = Vec::new();
        for a in &actions {
            let mut own = Vec::new();
            for m in &a.masks {
                own.push(match m {
                    None => None,
                    Some(id) => Some(place.program(&[*id])?),
                });
            }
            allowed.push(own);
        }
        let smooth: Vec<Id> = states_now
            .iter()
            .zip(&axes)
            .filter(|(_, a)| matches!(a.kind, StateKind::Continuous { .. }))
            .map(|(i, _)| *i)
            .collect();
        let chosen: Vec<Id> = actions.iter().filter(|a| a.continuous()).map(|a| a.id).collect();
        let mut targets = vec![outputs[0]];
        targets.extend(&next);
        let one = place.dag.constant(1.0);
        let factors_of = [chance.unwrap_or(one), discount, paying];
        let wrt: Vec<Id> = smooth.iter().chain(&chosen).copied().collect();
        let judged = [&targets[..], &factors_of[..2]].concat();
        let steps = has_steps(&place.dag, &judged, &wrt);
        let kinks = has_kinks(&place.dag, &judged, &wrt);
        let mut derivatives = Vec::new();
        let mut factors = Vec::new();
        for (k, id) in states_now.iter().chain(&action_ids).enumerate() {
            let continuous = if k < states_now.len() {
                smooth.contains(id)
            } else {
                chosen.contains(id)
            };
            let differentiable = continuous && !steps;
            derivatives.push(if differentiable {
                let d = derivative(&mut place.dag, &targets, *id);
                Some(place.program(&d)?)
            } else {
                None
            });
            factors.push(if differentiable {
                let d = derivative(&mut place.dag, &factors_of, *id);
                let still = d.iter().all(|d| place.dag.as_const(*d) == Some(0.0));
                // Between kinks an expected slope is the slope of the expected value: the ends of cells may stand still.
                let chance = match cell_weight {
                    Some(w) => place.dag.mul(w, d[0]),
                    None => d[0],
                };
                if still {
                    None
                } else {
                    Some(place.program(&[chance, d[1], d[2]])?)
                }
            } else {
                None
            });
        }
        let chance_program = match (chance, cell_weight) {
            (None, None) => None,
            (declared, cells) => {
                let declared = declared.unwrap_or(one);
                let c = fault!(
                    "chance.other_state",
                    elsewhere(&mut place.dag, declared, &states_now),
                    declared
                );
                let c = match cells {
                    Some(w) => place.dag.mul(c, w),
                    None => c,
                };
                Some(place.program(&[c])?)
            }
        };
        let consumption = match consumption {
            None => None,
            Some(c) => {
                let mut out = vec![c];
                for a in &actions {
                    let d = if a.continuous() {
                        derivative(&mut place.dag, &[c], a.id)[0]
                    } else {
                        place.dag.constant(0.0)
                    };
                    out.push(d);
                }
                Some(place.program(&out)?)
            }
        };
        let shock_inputs: Vec<Vec<f64>> = chain
            .links
            .iter()
            .map(|j| j.iter().zip(&chainlets).map(|(l, k)| laws[*k].carried[*l]).collect())
            .collect();
        let hard: Vec<NodeId> = model
            .requires
            .iter()
            .filter(|r| matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_)))
            .map(|r| r.slack)
            .collect();
        let held = self
            .states
            .iter()
            .zip(&axes)
            .map(|((s, _), axis)| {
                let law = range(&model.graph, model.states[*s].next, &hard);
                match &axis.kind {
                    StateKind::Continuous { grid, .. } => [law.lo >= grid[0], law.hi <= grid[grid.len() - 1]],
                    StateKind::Integer { lo, hi } => [law.lo >= *lo as f64, law.hi <= *hi as f64],
                }
            })
            .collect();
        let spec = Spec {
            states: axes,
            chain: chain.chain,
            actions: actions.iter().map(|a| a.axis.clone()).collect(),
            noise_weights,
            chances_move: chance.is_some() || cell_weight.is_some(),
            reward_uses_noise,
            next_uses_noise,
            next_uses_shock_next,
            // Without states, ends and a discount factor every period is alike, and one of them is the whole problem.
            horizon: fault!("ends.horizon_short", model.horizon.map(|h| h - 1), model.horizon).or(
                if states_now.is_empty() && !ends_somewhere && !lasts {
                    Some(1)
                } else {
                    None
                },
            ),
            discount: discount_value,
            kinks,
            held,
            action_is_next_state: action_is_next_state.filter(|_| !ends_somewhere),
            steady_state: None,
        };
        let no_derivative = steps
            .then(|| "a step (floor, a comparison, a choice) stands between the variable and the reward".to_string());
        Ok(Decision {
            spec,
            programs: Programs {
                outcome,
                split,
                bounds,
                allowed,
                derivatives,
                chance: chance_program,
                factors,
                consumption,
            },
            inputs,
            layout,
            shock_inputs,
            noise_inputs: noise_nodes,
            origin: self.states.clone(),
            discretised,
            open_ends,
            automatic,
            coarse_draws,
            hidden,
            unseen,
            no_derivative,
            markets,
            moving,
            warnings,
        })
    }

    /// Actions with a rule stand for it.
    fn rules(&mut self) -> Result<(), Diagnostic> {
        for a in &self.model.agents {
            for (action, rule) in &a.rules {
                let Some(node) = rule else {
                    return Err(cannot(format!(
                        "`{}` is chosen at random by rule",
                        self.model.actions[*action].name
                    )));
                };
                let ids = self.unrolled(*node)?;
                let act = &self.model.actions[*action];
                let from = &self.model.graph.nodes[node.0 as usize].shape;
                let map = crate::graph::shape::aligned(&self.model.graph, from, &act.shape);
                self.unroll.bind(act.input, map.into_iter().map(|i| ids[i]).collect());
                if let Some(n) = self.model.graph.nodes.iter().position(|n| n.op == Op::Input(act.input)) {
                    let ids = self.unrolled(*node)?;
                    let map = crate::graph::shape::aligned(&self.model.graph, from, &act.shape);
                    self.unroll
                        .replace(NodeId(n as u32), map.into_iter().map(|i| ids[i]).collect());
                }
            }
        }
        Ok(())
    }

    /// What `ends.discount_late` does: an expression at other values of the states.
    #[cfg(test)]
    fn tomorrow(&mut self, what: Id, states: &[Id], instead: &[Id]) -> Id {
        let map = states.iter().copied().zip(instead.iter().copied()).collect();
        self.unroll.dag.substitute(&[what], &map)[0]
    }

    fn reads(&self, of: &[Id], leaves: &[Id]) -> bool {
        let seen = self.unroll.dag.reachable(of);
        leaves.iter().any(|l| seen[l.0 as usize])
    }

    /// Positions of the states that matter, in order; their laws, and the chances of the draws that are read, join what is
    /// needed.
    fn relevant(
        &self,
        states: &[((usize, usize), Id, Id)],
        noise: &[noise::Quadrature],
        needed: &mut Vec<Id>,
    ) -> Vec<usize> {
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        let mut drawn: BTreeSet<usize> = BTreeSet::new();
        loop {
            let seen = self.unroll.dag.reachable(needed);
            let more: Vec<usize> = (0..states.len())
                .filter(|k| !kept.contains(k) && seen[states[*k].1.0 as usize])
                .collect();
            let draws: Vec<usize> = (0..noise.len())
                .filter(|k| !drawn.contains(k) && seen[noise[*k].input.0 as usize])
                .collect();
            if more.is_empty() && draws.is_empty() {
                return kept.into_iter().collect();
            }
            for k in more {
                kept.insert(k);
                needed.push(states[k].2);
            }
            for k in draws {
                drawn.insert(k);
                needed.extend(noise[k].moving);
            }
        }
    }

    /// Gives draws whose nodes the file leaves open finer rules where a Gauss rule would lie: Gauss rules are exact for smooth
    /// functions and wrong by per cents for those with kinks and jumps, and finite choices make kinks in the value. Kinks that stand at one value of a
    /// draw, whatever else happens, are met exactly. Where draws are to be finer ([`Options::draws`]) all open ones are. Says whether they
    /// could be finer still, and for which draws cells are to end at their moving kinks.
    fn refine(
        &self,
        laws: &mut [shocks::Chainlet],
        chainlets: &[usize],
        noise: &mut [noise::Quadrature],
        (noises, moving): (&[usize], &BTreeMap<usize, Vec<Id>>),
        (axes, actions): (&[super::problem::StateAxis], &[axes::Choice]),
        read: &[Id],
    ) -> (bool, Vec<Split>) {
        let dag = &self.unroll.dag;
        let mut split: Vec<Split> = Vec::new();
        let level = self.options.draws.min(FINEST_DRAWS);
        let most = NODES[level.min(1)];
        let rough = |input: Id| has_steps(dag, read, &[input]) || has_kinks(dag, read, &[input]);
        let bent = |q: &noise::Quadrature, k: usize| moving.contains_key(&k) || rough(q.input);
        let choices = actions.iter().any(|a| !a.continuous() && a.axis.taste.is_none());
        let size: f64 = axes
            .iter()
            .map(|a| match &a.kind {
                StateKind::Continuous { grid, .. } => grid.len() as f64,
                StateKind::Integer { lo, hi } => (hi - lo + 1) as f64,
            })
            .product();
        // Shocks first: their links multiply the states.
        let loose = |laws: &[shocks::Chainlet], k: usize| matches!(laws[k].open, Some((_, false)));
        let kinked = |laws: &[shocks::Chainlet], k: usize| choices || rough(laws[k].now) || rough(laws[k].next);
        let open: Vec<usize> = chainlets
            .iter()
            .copied()
            .filter(|k| loose(laws, *k) && (level > 0 || kinked(laws, *k)))
            .collect();
        let mut coarse = level == 0 && chainlets.iter().any(|k| loose(laws, *k) && !kinked(laws, *k));
        let fixed: f64 = chainlets
            .iter()
            .filter(|k| !open.contains(k))
            .map(|k| laws[*k].values.len() as f64)
            .product();
        let each = 1.0 / open.len().max(1) as f64;
        let mut room = (LINKS / fixed).min(STATES / size / fixed).powf(each);
        if level > 0 && LEAST[0].powf(open.len() as f64) * size * fixed <= AFFORDED[1] {
            room = room.max(LEAST[0]);
        }
        for k in open {
            if room as usize > FEW {
                laws[k].refine(room as usize);
            }
        }
        let links: f64 = chainlets.iter().map(|k| laws[*k].values.len() as f64).product();
        let kinks = |q: &noise::Quadrature| -> Vec<f64> {
            let found = q
                .extent()
                .map(|(lo, hi)| super::kinked::fixed(dag, read, q.input, lo, hi));
            found.unwrap_or_default().iter().map(|f| f.at).collect()
        };
        let (mut open, mut smooth) = (Vec::new(), Vec::new());
        for &k in noises {
            match noise[k].continuous {
                Some((_, false, _)) if choices || bent(&noise[k], k) => open.push((k, bent(&noise[k], k))),
                Some((_, false, _)) => smooth.push(k),
                // So many nodes are asked for that there is a better rule than Gauss's for kinks.
                Some((_, true, _)) if noise[k].nodes.len() >= FEW && (choices || bent(&noise[k], k)) => {
                    let (n, at) = (noise[k].nodes.len(), kinks(&noise[k]));
                    match noise[k].law().filter(|_| moving.contains_key(&k)) {
                        Some(law) => split.push((k, law, n, at)),
                        None => noise[k].refine(n, &at),
                    }
                }
                Some(_) | None => {}
            }
        }
        let product = |noise: &[noise::Quadrature], open: &[(usize, bool)]| -> f64 {
            let others = noises.iter().filter(|k| !open.iter().any(|(o, _)| o == *k));
            others.map(|k| noise[*k].nodes.len() as f64).product()
        };
        // Smooth integrands in many draws need no more nodes than are affordable.
        let many = GAUSS[level].pow(smooth.len() as u32) as f64;
        if level > 0 && many <= most && size * links * many <= AFFORDED[1] {
            smooth.iter().for_each(|k| noise[*k].smooth(GAUSS[level]));
        }
        coarse |= !smooth.is_empty() && level < FINEST_DRAWS;
        let fixed = product(noise, &open);
        let each = 1.0 / open.len().max(1) as f64;
        let mut room = (most / fixed).min(BRANCHES / size / links / fixed).powf(each);
        if level > 0 || open.iter().any(|(_, rough)| *rough) {
            let afforded = (AFFORDED[level.min(1)] / size / links / fixed)
                .min(most / fixed)
                .powf(each);
            // Cells that end at the kinks need fewer nodes to be better than none.
            let ended = open.iter().any(|(k, _)| moving.contains_key(k));
            if afforded >= if ended { cells::FEWEST as f64 } else { LEAST[0] } {
                room = room.max(LEAST[level.min(1)].min(afforded));
            }
        }
        coarse |= !open.is_empty() && level == 0;
        for (k, rough) in open {
            let nodes = if rough || level > 0 { room } else { room.min(64.0) } as usize;
            if let Some(law) = noise[k]
                .law()
                .filter(|_| moving.contains_key(&k) && nodes >= cells::FEWEST)
            {
                let nodes = if choices { nodes } else { nodes.min(BETWEEN << level) };
                split.push((k, law, nodes, kinks(&noise[k])));
            } else if nodes > FEW {
                let at = kinks(&noise[k]);
                noise[k].refine(nodes, &at);
            } else if level > 0 && product(noise, &[]) <= most && size * links * product(noise, &[]) <= AFFORDED[1] {
                noise[k].smooth(GAUSS[level]);
            }
        }
        (coarse, split)
    }

    /// Whether somebody says what the next period counts.
    fn discounts(&self) -> bool {
        self.agents.iter().any(|a| self.model.agents[*a].discount.is_some())
    }

    /// With one member of an independent population, nobody else's state may be read.
    fn stray_states(
        &mut self,
        all: &[((usize, usize), Id, Id)],
        kept: &[usize],
        read: &[Id],
    ) -> Result<(), Diagnostic> {
        let seen = self.unroll.dag.reachable(read);
        for (i, s) in self.model.states.iter().enumerate() {
            let ids = self.input_of(s.input)?;
            for (e, id) in ids.iter().enumerate() {
                let known = kept.iter().any(|k| all[*k].0 == (i, e));
                if !known && (id.0 as usize) < seen.len() && seen[id.0 as usize] {
                    return Err(cannot(format!("`{}` of other members matters to each", s.name))
                        .at(s.span, "read by others")
                        .hint("solve it as one: --concept planner"));
                }
            }
        }
        Ok(())
    }

    fn reward(&mut self) -> Result<Id, Diagnostic> {
        let mut total = self.unroll.dag.constant(0.0);
        for a in self.agents.clone() {
            let agent = &self.model.agents[a];
            let Some(r) = agent.reward else {
                return Err(cannot(format!("`{}` wants nothing", agent.name)));
            };
            let ids = self.unrolled(r)?;
            let n = self.mine(ids.len(), &self.model.graph.nodes[r.0 as usize].shape);
            // A reward that is the same for all members counts once for each.
            let members = self.model.graph.elements(&agent.shape);
            let times = if self.single {
                1.0
            } else {
                fault!("evaluation.members_once", 1.0, members as f64 / ids.len() as f64)
            };
            let continuum = agent
                .axis
                .is_some_and(|x| self.model.graph.axes[x.0 as usize].continuum);
            let scale = if continuum && !self.single {
                agent.mass / members as f64 * times
            } else {
                times
            };
            let scale = self.unroll.dag.constant(fault!(
                "evaluation.agent_dropped",
                if self.agents.last() == Some(&a) { 0.0 } else { scale },
                scale
            ));
            for id in ids.into_iter().take(n) {
                let term = self.unroll.dag.mul(scale, id);
                total = self.unroll.dag.add(total, term);
            }
        }
        Ok(total)
    }

    fn discount(&mut self) -> Result<Id, Diagnostic> {
        let mut found: Option<(Id, String)> = None;
        for a in self.agents.clone() {
            let agent = &self.model.agents[a];
            let Some(d) = agent.discount else { continue };
            for id in self.unrolled(d)? {
                match &found {
                    Some((first, name)) if *first != id && !self.single => {
                        return Err(cannot(format!(
                            "a planner needs one discount factor; `{name}` and `{}` differ",
                            agent.name
                        )));
                    }
                    Some(_) => {}
                    None => found = Some((id, agent.name.clone())),
                }
            }
        }
        let dynamic = !self.model.states.is_empty();
        Ok(match found {
            Some((id, _)) => id,
            None => self.unroll.dag.constant(if dynamic || self.model.horizon.is_some() {
                1.0
            } else {
                0.0
            }),
        })
    }

    fn ends(&mut self) -> Result<(Id, Id), Diagnostic> {
        let zero = self.unroll.dag.constant(0.0);
        let (mut end, mut paying) = (zero, zero);
        for e in &self.model.ends {
            if e.then != Then::Episode && !self.single {
                return Err(cannot("members of the population end one by one").at(e.span, "ends one member"));
            }
            let c = self.unrolled(e.condition)?;
            let n = if self.single { 1 } else { c.len() };
            let pays = match e.paying {
                Some(p) => Some(self.unrolled(p)?),
                None => None,
            };
            for (k, c) in c.into_iter().take(n).enumerate() {
                if let Some(p) = &pays {
                    let x = self.unroll.dag.select(c, p[k.min(p.len() - 1)], zero);
                    paying = self.unroll.dag.add(paying, x);
                }
                end = self.unroll.dag.binary(crate::graph::Binary::Or, end, c);
            }
        }
        Ok((end, paying))
    }

    fn slack(&mut self) -> Result<Id, Diagnostic> {
        let mut least: Option<Id> = None;
        for r in &self.model.requires {
            if !matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_)) {
                continue;
            }
            let ids = self.unrolled(r.slack)?;
            let n = if self.single { 1 } else { ids.len() };
            for id in ids.into_iter().take(n) {
                least = Some(match least {
                    None => id,
                    Some(x) => self.unroll.dag.binary(crate::graph::Binary::Min, x, id),
                });
            }
        }
        Ok(match least {
            Some(x) => x,
            None => self.unroll.dag.constant(f64::INFINITY),
        })
    }

    fn consumption(&mut self) -> Result<Option<Id>, Diagnostic> {
        let [one] = self.agents.as_slice() else { return Ok(None) };
        let agent = &self.model.agents[*one];
        let Some(c) = agent.consumption else { return Ok(None) };
        let ids = self.unrolled(c)?;
        Ok(if ids.len() == 1 || self.single {
            ids.first().copied()
        } else {
            None
        })
    }
}

/// What `chance.other_state` does: an expression at states one higher.
#[cfg(test)]
fn elsewhere(dag: &mut crate::kernel::dag::Dag, what: Id, states: &[Id]) -> Id {
    let one = dag.constant(1.0);
    let map = states.iter().map(|s| (*s, dag.add(*s, one))).collect();
    dag.substitute(&[what], &map)[0]
}

/// Chains that miss the process they stand for: by so much that nothing moves (an error), or by enough to be said.
fn far_chains(model: &Model, discretised: &[Discretised]) -> Result<Vec<Diagnostic>, Diagnostic> {
    let mut out = Vec::new();
    for d in discretised.iter().filter(|d| d.mean.is_none() && d.links > 1) {
        let span = model.shocks.iter().find(|s| s.name == d.name).map(|s| s.span);
        let last = d.name.rsplit('.').next().unwrap_or(&d.name);
        let said = |d: &Discretised| {
            format!(
                "{} with {} links: standard deviation {:.5} (asked {:.5}), autocorrelation {:.5} (asked {:.5})",
                d.method, d.links, d.obtained.0, d.asked.0, d.obtained.1, d.asked.1
            )
        };
        let hint = format!("chain.{last} = rouwenhorst({}), or more links", d.links);
        // Shares of a deviation that are forgotten in a period.
        let (asked, obtained) = (1.0 - d.asked.1, 1.0 - d.obtained.1);
        if obtained < 0.01 * asked {
            let mut e = Diagnostic::error("E0820", format!("the chain of `{}` never moves", d.name))
                .note(said(d))
                .hint(hint);
            if let Some(span) = span {
                e = e.at(span, "this shock");
            }
            return Err(e);
        }
        if (d.obtained.0 / d.asked.0 - 1.0).abs() > 0.2 || obtained < 0.5 * asked || obtained > 2.0 * asked {
            let mut w = Diagnostic::warning("W0820", format!("the chain of `{}` is far from its process", d.name))
                .note(said(d))
                .hint(hint);
            if let Some(span) = span {
                w = w.at(span, "this shock");
            }
            out.push(w);
        }
    }
    Ok(out)
}
