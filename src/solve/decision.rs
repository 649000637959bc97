//! From a compiled model to a decision problem: one decision maker (or a planner over several), finite chains in the place
//! of shocks, quadrature in the place of noise, and compiled lane programs for everything the solvers evaluate.
//!
//! States and shocks that no reward depends on, directly or through the laws of others, are left out. Finite noises whose
//! probabilities depend on the state carry their weight inside reward and discount (a branch of probability `w` pays `w r`
//! and continues with `w d`), so that solvers see quadrature with constant weights.

use super::problem::{ActionAxis, ActionKind, DecisionProblem, JointChain, Lanes, Outcome, Spec, StateAxis, StateKind};
use crate::check::model::{Family, Model, Otherwise, Process, Setting, Space, Then};
use crate::diag::Diagnostic;
use crate::graph::{Binary, InputKind, NodeId, Op, Unary};
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::differentiate::{derivative, has_steps};
use crate::kernel::program::{Mode, Operand, Program, Workspace};
use crate::kernel::unroll::Unroll;
use crate::num::{chain, grid, normal, quadrature};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// How to turn a model into a problem.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Shocks and noises at their means, one joint state: the deterministic model.
    pub deterministic: bool,
    /// Nodes a continuous state, where the settings say nothing; 0 chooses by the number of states.
    pub nodes: usize,
    /// Bounds of continuous states that replace the domain's (by name), for domains without ends.
    pub bounds: Vec<(String, f64, f64)>,
}

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
    no_derivative: Option<String>,
}

/// A continuous shock and the chain that stands for it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Discretised {
    /// Its name.
    pub name: String,
    /// The method.
    pub method: String,
    /// Links.
    pub links: usize,
    /// (sd, first autocorrelation) asked for.
    pub asked: (f64, f64),
    /// Those of the chain.
    pub obtained: (f64, f64),
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
    consumption: Option<Program<f64>>,
}

thread_local! {
    static WORKSPACE: RefCell<Workspace<f64>> = RefCell::new(Workspace::default());
}

fn cannot(why: impl Into<String>) -> Diagnostic {
    Diagnostic::error(
        "E0810",
        format!("value iteration cannot solve this model: {}", why.into()),
    )
}

/// The agents that decide, and whether the concept allows one decision maker.
fn deciders(model: &Model) -> Result<Vec<usize>, Diagnostic> {
    let acting: Vec<usize> = (0..model.agents.len())
        .filter(|a| {
            let a = &model.agents[*a];
            a.actions.iter().any(|x| !a.rules.iter().any(|(r, _)| r == x))
        })
        .collect();
    if acting.is_empty() {
        return Err(cannot("nobody chooses anything").hint("an agent needs an `action` without a `policy`"));
    }
    Ok(acting)
}

impl Decision {
    /// Builds the problem of a model.
    pub fn new(model: &Model, options: &Options) -> Result<Decision, Diagnostic> {
        Builder::start(model, options)?.finish()
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
        v[self.layout.time] = Operand::Uniform(lanes.time as f64);
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
        run(&self.programs.outcome, &inputs, n, &mut slices);
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
        let agents = deciders(model)?;
        if model.stages.len() > 1 {
            return Err(cannot("agents act in stages")
                .hint("solvers for stages are not in this version; `econc simulate` runs the model"));
        }
        if let Some(a) = model.actions.iter().find(|a| !a.given.is_empty()) {
            return Err(cannot(format!("`{}` is a schedule of a price", a.name)).at(a.span, "a schedule"));
        }
        let concept = model.solve_settings().and_then(|s| s.get("concept")).and_then(|s| {
            if let Setting::Word(w) = s {
                Some(w.clone())
            } else {
                None
            }
        });
        let several = agents.len() > 1 || agents.iter().any(|a| !model.agents[*a].shape.is_empty());
        let planner = concept.as_deref() == Some("planner");
        if let Some(c) = concept.as_deref().filter(|c| *c != "planner")
            && several
            && !independent(model, &agents)
        {
            return Err(cannot(format!("its concept is `{c}`"))
                .hint("this version solves one decision maker: a single agent, a population under `--concept planner`, or members who do not interact; `econc simulate` runs any model"));
        }
        let single = several && !planner && independent(model, &agents);
        if several && !planner && !single {
            return Err(cannot("several decision makers interact")
                .hint("solve it as one: `solve { concept = planner }` (or --concept planner); solvers for competitive and Nash conduct are not in this version"));
        }
        Ok(Builder {
            model,
            options,
            agents,
            single,
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
    fn mine(&self, elements: usize, owned: bool) -> usize {
        if self.single && owned { 1 } else { elements }
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
        let laws = self.laws(&mut discretised)?;
        let noise = self.quadratures()?;

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
            let n = self.mine(now.len(), s.owner.is_some());
            let next = self.unrolled(s.next)?;
            let shape = &model.graph.inputs[s.input.0 as usize].shape;
            let from = &model.graph.nodes[s.next.0 as usize].shape;
            let map = crate::env::shocks::aligned(&model.graph, from, shape);
            for e in 0..n {
                state_ids.push(((i, e), now[e], next[map[e]]));
            }
        }
        let kept = self.relevant(&state_ids, &mut needed);
        let next: Vec<Id> = kept.iter().map(|k| state_ids[*k].2).collect();
        self.states = kept.iter().map(|k| state_ids[*k].0).collect();
        let states_now: Vec<Id> = kept.iter().map(|k| state_ids[*k].1).collect();
        let mut outputs = vec![reward, slack, end, paying, discount];
        outputs.extend(&next);
        let everything: Vec<Id> = outputs.iter().copied().chain(needed.iter().copied()).collect();
        self.stray_states(&state_ids, &kept, &everything)?;

        // Shocks and noises that matter.
        let chainlets: Vec<usize> = (0..laws.len())
            .filter(|k| self.reads(&everything, &[laws[*k].now, laws[*k].next]))
            .collect();
        let chainlets = with_conditions(&laws, chainlets);
        let noises: Vec<usize> = (0..noise.len())
            .filter(|k| self.reads(&everything, &[noise[*k].input]))
            .collect();
        let chain = joint(&laws, &chainlets)?;
        let (noise_nodes, mut noise_weights, weight) = self.joint_noise(&noise, &noises)?;

        // Weights that depend on the state multiply what the branch pays and how it continues.
        if let Some(w) = weight {
            outputs[0] = self.unroll.dag.mul(outputs[0], w);
            outputs[4] = self.unroll.dag.mul(outputs[4], w);
            noise_weights.iter_mut().for_each(|x| *x = 1.0);
        }
        let shock_ids: Vec<Id> = chainlets.iter().map(|k| laws[*k].now).collect();
        let next_ids: Vec<Id> = chainlets.iter().map(|k| laws[*k].next).collect();
        let noise_ids: Vec<Id> = noises.iter().map(|k| noise[*k].input).collect();
        let reward_uses_noise = self.reads(&[outputs[0], outputs[4]], &noise_ids);
        let moving: Vec<Id> = outputs[2..].to_vec();
        let next_uses_noise = self.reads(&moving, &noise_ids);
        let mut later = moving.clone();
        later.push(outputs[0]);
        let next_uses_shock_next = self.reads(&later, &next_ids);
        let discount_value = if weight.is_none() {
            self.unroll.dag.as_const(discount)
        } else {
            None
        };
        let ends_somewhere = self.unroll.dag.as_const(end) != Some(0.0);

        let (axes, open_ends, automatic) = self.state_axes()?;
        let action_ids: Vec<Id> = actions.iter().map(|a| a.id).collect();
        let action_is_next_state = match (states_now.len(), action_ids.as_slice()) {
            (1, [a]) if next[0] == *a => Some((0, 0)),
            _ => None,
        };
        let time = match model.time {
            Some(t) => self.input_of(t)?.first().copied(),
            None => None,
        };

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
        order.extend(noise_ids.iter().copied().map(Some));
        layout.time = order.len();
        order.push(time);
        let inputs = order.len();

        let consumption = self.consumption()?;
        let mut dag = self.unroll.dag.clone();
        let map: std::collections::HashMap<Id, Id> = {
            let base = 1_000_000;
            let fresh: Vec<(Id, Id)> = order
                .iter()
                .enumerate()
                .filter_map(|(k, id)| id.map(|id| (id, dag.input(base + k as u32))))
                .collect();
            fresh.into_iter().collect()
        };
        let mut place = Compiler {
            dag,
            map,
            layout: layout.clone(),
            inputs,
            final_ids: std::collections::HashMap::new(),
        };
        let outcome = place.program(&outputs)?;
        let split = place.split(&outputs[..2])?;
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
        let wrt: Vec<Id> = smooth.iter().chain(&chosen).copied().collect();
        let steps = has_steps(&place.dag, &targets, &wrt);
        let kinks = has_kinks(&place.dag, &targets, &wrt);
        let mut derivatives = Vec::new();
        for (k, id) in states_now.iter().chain(&action_ids).enumerate() {
            let continuous = if k < states_now.len() {
                smooth.contains(id)
            } else {
                chosen.contains(id)
            };
            derivatives.push(if continuous && !steps {
                let d = derivative(&mut place.dag, &targets, *id);
                Some(place.program(&d)?)
            } else {
                None
            });
        }
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
        let held = self
            .states
            .iter()
            .zip(&axes)
            .map(|((s, _), axis)| {
                let law = model.graph.nodes[model.states[*s].next.0 as usize].domain;
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
            reward_uses_noise,
            next_uses_noise,
            next_uses_shock_next,
            // Without states and ends every period is alike: one of them is the whole problem.
            horizon: model.horizon.or(if states_now.is_empty() && !ends_somewhere {
                Some(1)
            } else {
                None
            }),
            discount: discount_value.filter(|_| weight.is_none()),
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
            no_derivative,
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
                let map = crate::env::shocks::aligned(&self.model.graph, from, &act.shape);
                self.unroll.bind(act.input, map.into_iter().map(|i| ids[i]).collect());
                if let Some(n) = self.model.graph.nodes.iter().position(|n| n.op == Op::Input(act.input)) {
                    let ids = self.unrolled(*node)?;
                    let map = crate::env::shocks::aligned(&self.model.graph, from, &act.shape);
                    self.unroll
                        .replace(NodeId(n as u32), map.into_iter().map(|i| ids[i]).collect());
                }
            }
        }
        Ok(())
    }

    fn reads(&self, of: &[Id], leaves: &[Id]) -> bool {
        let seen = self.unroll.dag.reachable(of);
        leaves.iter().any(|l| seen[l.0 as usize])
    }

    /// Positions of the states that matter, in order; their laws join what is needed.
    fn relevant(&self, states: &[((usize, usize), Id, Id)], needed: &mut Vec<Id>) -> Vec<usize> {
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        loop {
            let seen = self.unroll.dag.reachable(needed);
            let more: Vec<usize> = (0..states.len())
                .filter(|k| !kept.contains(k) && seen[states[*k].1.0 as usize])
                .collect();
            if more.is_empty() {
                return kept.into_iter().collect();
            }
            for k in more {
                kept.insert(k);
                needed.push(states[k].2);
            }
        }
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
            let owned = !agent.shape.is_empty();
            let n = self.mine(ids.len(), owned);
            // A reward that is the same for all members counts once for each.
            let members = self.model.graph.elements(&agent.shape);
            let times = if self.single {
                1.0
            } else {
                members as f64 / ids.len() as f64
            };
            let continuum = agent
                .axis
                .is_some_and(|x| self.model.graph.axes[x.0 as usize].continuum);
            let scale = if continuum && !self.single {
                agent.mass / members as f64 * times
            } else {
                times
            };
            let scale = self.unroll.dag.constant(scale);
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
            None => self.unroll.dag.constant(1.0),
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

    fn action_axes(&mut self) -> Result<Vec<Choice>, Diagnostic> {
        let mut out = Vec::new();
        for (i, a) in self.model.actions.iter().enumerate() {
            let ruled = self.model.agents[a.owner].rules.iter().any(|(r, _)| *r == i);
            if ruled {
                continue;
            }
            let ids = self.input_of(a.input)?;
            if ids.is_empty() {
                continue;
            }
            let n = self.mine(ids.len(), !self.model.agents[a.owner].shape.is_empty());
            let n = if self.single {
                ids.len() / self.members(a.owner)
            } else {
                n
            };
            for (e, id) in ids.iter().copied().enumerate().take(n) {
                let name = element_name(self.model, &a.name, &a.shape, e, n);
                let at = |b: &mut Self, node: NodeId| -> Result<Id, Diagnostic> {
                    let ids = b.unrolled(node)?;
                    let map = crate::env::shocks::aligned(
                        &b.model.graph,
                        &b.model.graph.nodes[node.0 as usize].shape,
                        &a.shape,
                    );
                    Ok(ids[map[e]])
                };
                out.push(match &a.space {
                    Space::Interval { lo, hi, .. } => {
                        let bounds = vec![at(self, *lo)?, at(self, *hi)?];
                        Choice { id, bounds, masks: Vec::new(), axis: ActionAxis { name, kind: ActionKind::Continuous, taste: None } }
                    }
                    Space::Integer { lo, hi } => {
                        let (l, h) = (at(self, *lo)?, at(self, *hi)?);
                        let d = (self.model.graph.nodes[lo.0 as usize].domain, self.model.graph.nodes[hi.0 as usize].domain);
                        let (first, last) = (d.0.lo, d.1.hi);
                        if !first.is_finite() || !last.is_finite() || last - first > 1e6 {
                            return Err(cannot(format!("`{}` has too many choices", a.name)).at(a.span, format!("{first}..{last}")));
                        }
                        let values: Vec<f64> = (0..=(last - first) as usize).map(|k| first + k as f64).collect();
                        let fixed = self.unroll.dag.as_const(l).is_some() && self.unroll.dag.as_const(h).is_some();
                        let masks = values
                            .iter()
                            .map(|v| {
                                if fixed {
                                    return None;
                                }
                                let dag = &mut self.unroll.dag;
                                let v = dag.constant(*v);
                                let above = dag.binary(crate::graph::Binary::Ge, v, l);
                                let below = dag.binary(crate::graph::Binary::Le, v, h);
                                Some(dag.binary(crate::graph::Binary::And, above, below))
                            })
                            .collect();
                        let labels = values.iter().map(|v| format!("{v}")).collect();
                        Choice { id, bounds: Vec::new(), masks, axis: ActionAxis { name, kind: ActionKind::Finite { values, labels }, taste: a.taste } }
                    }
                    Space::Finite { labels, masks, .. } => {
                        let mut own = Vec::new();
                        for m in masks {
                            own.push(match m {
                                None => None,
                                Some(node) => Some(at(self, *node)?),
                            });
                        }
                        let values = (0..labels.len()).map(|i| i as f64).collect();
                        Choice { id, bounds: Vec::new(), masks: own, axis: ActionAxis { name, kind: ActionKind::Finite { values, labels: labels.clone() }, taste: a.taste } }
                    }
                    Space::Simplex(_) => {
                        return Err(cannot(format!("`{}` is a vector of shares", a.name))
                            .at(a.span, "a simplex")
                            .hint("for this solver choose the shares one by one: action s[good] in [0, 1], and require sum(s) <= 1"));
                    }
                });
            }
        }
        Ok(out)
    }

    fn members(&self, agent: usize) -> usize {
        self.model.graph.elements(&self.model.agents[agent].shape).max(1)
    }

    // ---- grids -------------------------------------------------------------------------------------------------

    fn state_axes(&self) -> Result<(Vec<StateAxis>, Vec<(usize, bool, bool)>, Option<usize>), Diagnostic> {
        let continuous = self
            .states
            .iter()
            .filter(|(s, _)| !self.model.states[*s].domain.integer)
            .count();
        let default = match (self.options.nodes, continuous) {
            (0, 0 | 1) => 200,
            (0, 2) => 60,
            (0, 3) => 24,
            (0, 4) => 12,
            (0, _) => 8,
            (n, _) => n,
        };
        let mut axes = Vec::new();
        let mut open = Vec::new();
        let mut automatic = None;
        for (k, (s, e)) in self.states.iter().enumerate() {
            let state = &self.model.states[*s];
            let shape = &self.model.graph.inputs[state.input.0 as usize].shape;
            let total = if self.single {
                1
            } else {
                self.model.graph.elements(shape)
            };
            let name = element_name(self.model, &state.name, shape, *e, total);
            let d = state.domain;
            if d.integer {
                if !d.lo.is_finite() || !d.hi.is_finite() {
                    return Err(cannot(format!("`{}` takes infinitely many whole numbers", state.name))
                        .at(state.span, "bound it"));
                }
                axes.push(StateAxis {
                    name,
                    kind: StateKind::Integer {
                        lo: d.lo as i64,
                        hi: d.hi as i64,
                    },
                });
                continue;
            }
            if self.said_grid(state).is_none() && state.grid.is_none() {
                automatic = Some(default);
            }
            let (grid, log) = self.grid(state, default, k, &mut open)?;
            axes.push(StateAxis {
                name,
                kind: StateKind::Continuous { grid, log },
            });
        }
        Ok((axes, open, automatic))
    }

    /// What the settings say about a state's grid.
    fn said_grid(&self, state: &crate::check::model::State) -> Option<&Setting> {
        let last = state.name.rsplit('.').next().unwrap_or(&state.name);
        let settings = self.model.solve_settings()?;
        settings
            .get(&format!("grid.{}", state.name))
            .or_else(|| settings.get(&format!("grid.{last}")))
    }

    fn grid(
        &self,
        state: &crate::check::model::State,
        default: usize,
        k: usize,
        open: &mut Vec<(usize, bool, bool)>,
    ) -> Result<(Vec<f64>, bool), Diagnostic> {
        let said = self.said_grid(state);
        if said.is_none()
            && let Some(g) = &state.grid
        {
            return Ok((g.clone(), false));
        }
        let numbers = |list: &[Setting]| -> Vec<f64> {
            list.iter()
                .filter_map(|s| if let Setting::Number(x) = s { Some(*x) } else { None })
                .collect()
        };
        let (shape, args): (&str, Vec<f64>) = match said {
            None => ("auto", vec![default as f64]),
            Some(Setting::Number(n)) => ("auto", vec![*n]),
            Some(Setting::List(list)) => {
                let g = numbers(list);
                if g.len() < 2 || g.windows(2).any(|w| !(w[0] < w[1])) {
                    return Err(
                        Diagnostic::error("E0408", format!("the grid of `{}` does not ascend", state.name))
                            .at(state.span, "two nodes or more, ascending"),
                    );
                }
                return Ok((g, false));
            }
            Some(Setting::Call(f, args)) => (f.as_str(), numbers(args)),
            Some(_) => return Err(bad_grid_setting(state)),
        };
        let (lo, hi, n) = match args.as_slice() {
            [n] => (None, None, *n),
            [lo, hi, n] => (Some(*lo), Some(*hi), *n),
            _ => return Err(bad_grid_setting(state)),
        };
        if !(n >= 2.0) || n.fract() != 0.0 {
            return Err(bad_grid_setting(state));
        }
        if n > 1e8 {
            return Err(Diagnostic::error(
                "E0904",
                format!(
                    "a grid of {n} nodes for `{}` does not fit in memory ({:.0} GiB a copy)",
                    state.name,
                    n * 8.0 / (1u64 << 30) as f64
                ),
            )
            .hint("use fewer nodes; cubic interpolation needs some hundreds at most"));
        }
        let d = state.domain;
        let forced = self.options.bounds.iter().find(|(name, _, _)| *name == state.name);
        let start = state.start.map(|s| self.model.graph.nodes[s.0 as usize].domain);
        let reach: f64 = if self.options.deterministic { 1000.0 } else { 4.0 };
        let wide = |x: f64| {
            if x > 0.0 {
                (x / reach.max(5.0), x * reach)
            } else {
                (x - 10.0, x + 10.0)
            }
        };
        let mut ends = (false, false);
        let lo = match (forced, lo) {
            (Some((_, l, _)), None) if !lower_given(d, shape) => {
                ends.0 = true;
                *l
            }
            (_, Some(l)) => l,
            (_, None) if d.lo.is_finite() && !(d.lo == 0.0 && d.lo_open) => d.lo,
            (_, None) => {
                ends.0 = true;
                let l = start.map_or(-10.0, |s| if s.lo.is_finite() { wide(s.lo).0 } else { -10.0 });
                if d.lo == 0.0 {
                    l.max(if self.options.deterministic { 1e-4 } else { 1e-6 })
                } else {
                    l
                }
            }
        };
        let hi = match (forced, hi) {
            (Some((_, _, h)), None) if !d.hi.is_finite() => {
                ends.1 = true;
                *h
            }
            (_, Some(h)) => h,
            (_, None) if d.hi.is_finite() => d.hi,
            (_, None) => {
                ends.1 = true;
                {
                    let far = lo.abs().max(1.0) * if self.options.deterministic { 1e4 } else { 20.0 };
                    start.map_or(far, |s| if s.hi.is_finite() { wide(s.hi).1 } else { far })
                }
            }
        };
        if ends.0 || ends.1 {
            open.push((k, ends.0, ends.1));
        }
        let n = n as usize;
        let made = match shape {
            "log" => grid::log(lo, hi, n).map(|g| (g, true)),
            "uniform" => grid::uniform(lo, hi, n).map(|g| (g, false)),
            "double_log" => grid::double_log(lo, hi, n).map(|g| (g, false)),
            "exponential" => grid::exponential(lo, hi, n, 3.0).map(|g| (g, false)),
            "auto" if lo > 0.0 && hi / lo > 3.0 => grid::log(lo, hi, n).map(|g| (g, true)),
            "auto" if lo == 0.0 && (ends.1 || hi > 3.0) => grid::exponential(lo, hi, n, 3.0).map(|g| (g, false)),
            "auto" => grid::uniform(lo, hi, n).map(|g| (g, false)),
            _ => return Err(bad_grid_setting(state)),
        };
        made.map_err(|e| {
            Diagnostic::error("E0408", format!("the grid of `{}`: {e}", state.name)).at(state.span, "this state")
        })
    }
}

fn lower_given(d: crate::graph::Interval, _shape: &str) -> bool {
    d.lo.is_finite() && !(d.lo == 0.0 && d.lo_open)
}

fn bad_grid_setting(state: &crate::check::model::State) -> Diagnostic {
    let last = state.name.rsplit('.').next().unwrap_or(&state.name);
    Diagnostic::error("E0802", format!("this is no grid for `{}`", state.name))
        .at(state.span, "the state")
        .hint(format!(
            "write grid.{last} = log(200), uniform(200), log(0.5, 20, 200), double_log(..), exponential(..) or a list"
        ))
}

/// The dotted name of an element, with its indices where there is more than one.
fn element_name(model: &Model, name: &str, shape: &[crate::graph::AxisId], element: usize, total: usize) -> String {
    if total <= 1 {
        return name.to_string();
    }
    let mut rest = element;
    let mut at = Vec::new();
    for a in shape.iter().rev() {
        let size = model.graph.axes[a.0 as usize].size;
        at.push((rest % size + 1).to_string());
        rest /= size;
    }
    at.reverse();
    format!("{name}[{}]", at.join(","))
}

/// Whether members of the one acting population neither meet nor share anything that they move.
fn independent(model: &Model, agents: &[usize]) -> bool {
    let [one] = agents else { return false };
    let agent = &model.agents[*one];
    if agent.axis.is_none() || agent.shape.len() != 1 || model.prices.iter().any(|p| p.clears) {
        return false;
    }
    // Nothing of the reward, the laws or the bounds may be reduced over the population.
    let mut todo: Vec<NodeId> = agent.reward.into_iter().collect();
    todo.extend(model.states.iter().filter(|s| s.owner == Some(*one)).map(|s| s.next));
    todo.extend(model.ends.iter().map(|e| e.condition));
    let mut seen = BTreeSet::new();
    while let Some(n) = todo.pop() {
        if !seen.insert(n) {
            continue;
        }
        let op = &model.graph.nodes[n.0 as usize].op;
        let crosses = match op {
            Op::Reduce { axis, .. } => Some(*axis) == agent.axis,
            Op::Others { axis, .. } => Some(*axis) == agent.axis,
            Op::Relabel { from, .. } => Some(*from) == agent.axis,
            Op::Take { axis, .. } => Some(*axis) == agent.axis,
            Op::Root { .. } => true,
            _ => false,
        };
        if crosses {
            return false;
        }
        // A state of nobody that moves with the population is an aggregate.
        if let Op::Input(i) = op
            && let InputKind::State(s) = model.graph.inputs[i.0 as usize].kind
            && model.states[s].owner.is_none()
        {
            todo.push(model.states[s].next);
        }
        todo.extend(crate::graph::shape::operands(op));
    }
    true
}

/// Whether `of` depends on one of `wrt` through a function whose derivative jumps.
fn has_kinks(dag: &Dag, of: &[Id], wrt: &[Id]) -> bool {
    let (uses, needed) = (dag.dependents(wrt), dag.reachable(of));
    (0..needed.len()).filter(|i| needed[*i] && uses[*i]).any(|i| {
        matches!(
            dag.expr(Id(i as u32)),
            Expr::Unary(Unary::Abs, _) | Expr::Binary(Binary::Min | Binary::Max | Binary::Mod, ..)
        )
    })
}

/// One choice variable.
struct Choice {
    id: Id,
    bounds: Vec<Id>,
    masks: Vec<Option<Id>>,
    axis: ActionAxis,
}

impl Choice {
    fn continuous(&self) -> bool {
        self.axis.kind == ActionKind::Continuous
    }
}

/// Compiles programs whose inputs are numbered as the layout says.
struct Compiler {
    dag: Dag,
    map: std::collections::HashMap<Id, Id>,
    layout: Layout,
    inputs: usize,
    final_ids: std::collections::HashMap<Id, Id>,
}

impl Compiler {
    /// The expressions over the inputs of the layout.
    fn placed(&mut self, outputs: &[Id]) -> Vec<Id> {
        // Through temporary numbers, so that old and new inputs cannot be confused.
        let high = self.dag.substitute(outputs, &self.map);
        if self.final_ids.is_empty() {
            for k in 0..self.inputs {
                let from = self.dag.input(1_000_000 + k as u32);
                let to = self.dag.input(k as u32);
                self.final_ids.insert(from, to);
            }
        }
        self.dag.substitute(&high, &self.final_ids)
    }

    fn mode(&self, input: usize) -> Mode {
        if input < self.layout.shocks {
            Mode::Lanes
        } else {
            Mode::Uniform
        }
    }

    fn program(&mut self, outputs: &[Id]) -> Result<Program<f64>, Diagnostic> {
        let ids = self.placed(outputs);
        let modes: Vec<Mode> = (0..self.inputs).map(|k| self.mode(k)).collect();
        Program::compile(&self.dag, &modes, &ids).map_err(|e| cannot(e.to_string()))
    }

    /// Splits `outputs` into a program of what depends on states but not on actions, noise or the next shock, and a program
    /// of the rest, whose first inputs are the results of the first. `None` if there is nothing to split off.
    fn split(&mut self, outputs: &[Id]) -> Result<Option<(Program<f64>, Program<f64>)>, Diagnostic> {
        let ids = self.placed(outputs);
        let mut leaves = |from: usize, to: usize| -> Vec<Id> { (from..to).map(|k| self.dag.input(k as u32)).collect() };
        let states = leaves(0, self.layout.actions);
        let moving = [
            leaves(self.layout.actions, self.layout.shocks),
            leaves(self.layout.next, self.layout.time),
        ]
        .concat();
        let (fixed, moves) = (self.dag.dependents(&states), self.dag.dependents(&moving));
        let seen = self.dag.reachable(&ids);
        let mut first: BTreeSet<Id> = BTreeSet::new();
        let mut consider = |o: Id| {
            let input = matches!(self.dag.expr(o), Expr::Input(_));
            if fixed[o.0 as usize] && !moves[o.0 as usize] && !input {
                first.insert(o);
            }
        };
        ids.iter().for_each(|id| consider(*id));
        for k in (0..seen.len()).filter(|k| seen[*k]) {
            let id = Id(k as u32);
            // Unknowns of a root problem mean nothing outside it.
            if matches!(self.dag.expr(id), Expr::Root(..) | Expr::RootStatus(_)) {
                return Ok(None);
            }
            if moves[k] {
                self.dag.operands(id, &mut consider);
            }
        }
        if first.is_empty() {
            return Ok(None);
        }
        let first: Vec<Id> = first.into_iter().collect();
        let modes: Vec<Mode> = (0..self.inputs).map(|k| self.mode(k)).collect();
        let compiled = |e: crate::kernel::program::CompileError| cannot(e.to_string());
        let before = Program::compile(&self.dag, &modes, &first).map_err(compiled)?;
        let mut inputs: Vec<(Id, Mode)> = first.iter().map(|id| (*id, Mode::Lanes)).collect();
        for (k, mode) in modes.into_iter().enumerate() {
            inputs.push((self.dag.input(k as u32), mode));
        }
        let after = Program::compile_at(&self.dag, &inputs, &ids).map_err(compiled)?;
        Ok(Some((before, after)))
    }
}

// ---- shocks ------------------------------------------------------------------------------------------------------

/// One independent chain of the problem.
struct Chainlet {
    name: String,
    now: Id,
    next: Id,
    /// What the input carries at each link (the link for chains, the value otherwise).
    carried: Vec<f64>,
    /// The value of each link.
    values: Vec<f64>,
    matrices: Vec<Vec<Vec<f64>>>,
    /// Conditioning chainlets: (number, next?), the last fastest.
    given: Vec<(usize, bool)>,
}

impl Builder<'_> {
    fn laws(&mut self, discretised: &mut Vec<Discretised>) -> Result<Vec<Chainlet>, Diagnostic> {
        let model = self.model;
        let mut out: Vec<Chainlet> = Vec::new();
        let mut first: Vec<usize> = vec![0; model.shocks.len()];
        let order = crate::env::shocks::order(model);
        for s in order {
            let shock = &model.shocks[s];
            let now = self.input_of(shock.input)?;
            let next = self.input_of(shock.next)?;
            let n = self.mine(now.len(), shock.owner.is_some());
            first[s] = out.len();
            let (values, matrices, given, carries_link) = self.law(s, discretised)?;
            for e in 0..n {
                let mut conditions = Vec::new();
                for (g, primed) in &given {
                    let map = crate::env::shocks::aligned(&model.graph, &model.shocks[*g].shape, &shock.shape);
                    conditions.push((first[*g] + map[e], *primed));
                }
                let carried = if carries_link {
                    (0..values.len()).map(|i| i as f64).collect()
                } else {
                    values.clone()
                };
                out.push(Chainlet {
                    name: element_name(model, &shock.name, &shock.shape, e, n),
                    now: now[e],
                    next: next[e],
                    carried,
                    values: values.clone(),
                    matrices: matrices.clone(),
                    given: conditions,
                });
            }
        }
        if self.options.deterministic {
            self.freeze(&mut out)?;
        }
        Ok(out)
    }

    /// Shocks at their means.
    fn freeze(&mut self, laws: &mut [Chainlet]) -> Result<(), Diagnostic> {
        for (s, shock) in self.model.shocks.iter().enumerate() {
            let mean = match &shock.process {
                Process::Chain { values, matrices, .. } => {
                    let p = chain::stationary(&matrices[0]);
                    values.iter().zip(&p).map(|(v, w)| v * w).sum()
                }
                Process::Ar1 { mean, .. } => *mean,
                Process::RandomWalk { .. } | Process::Var1 { .. } => 0.0,
                Process::Iid(d) => mean_of(d),
            };
            let n = self.elements(shock.node);
            let id = self.unroll.dag.constant(mean);
            self.unroll.replace(shock.node, vec![id; n]);
            let _ = s;
        }
        for l in laws {
            let middle = l.values.len() / 2;
            l.carried = vec![l.carried[middle]];
            l.values = vec![l.values[middle]];
            l.matrices = vec![vec![vec![1.0]]];
            l.given = Vec::new();
        }
        Ok(())
    }

    #[allow(clippy::type_complexity)]
    fn law(
        &self,
        s: usize,
        discretised: &mut Vec<Discretised>,
    ) -> Result<(Vec<f64>, Vec<Vec<Vec<f64>>>, Vec<(usize, bool)>, bool), Diagnostic> {
        let shock = &self.model.shocks[s];
        let last = shock.name.rsplit('.').next().unwrap_or(&shock.name);
        let settings = self.model.solve_settings();
        let said = settings.and_then(|x| {
            x.get(&format!("chain.{}", shock.name))
                .or_else(|| x.get(&format!("chain.{last}")))
        });
        let (method, args) = match said {
            Some(Setting::Call(f, args)) => (
                f.clone(),
                args.iter()
                    .filter_map(|a| if let Setting::Number(x) = a { Some(*x) } else { None })
                    .collect(),
            ),
            Some(Setting::Number(n)) => ("rouwenhorst".to_string(), vec![*n]),
            _ => ("rouwenhorst".to_string(), vec![7.0]),
        };
        let n = args.first().copied().unwrap_or(7.0);
        if !(1.0..=1000.0).contains(&n) || n.fract() != 0.0 {
            return Err(
                Diagnostic::error("E0802", format!("a chain of {n} links for `{}`", shock.name))
                    .at(shock.span, "the shock")
                    .hint("chain.z = rouwenhorst(7)"),
            );
        }
        let n = n as usize;
        match &shock.process {
            Process::Chain {
                values,
                matrices,
                given,
                ..
            } => Ok((values.clone(), matrices.clone(), given.clone(), true)),
            Process::Ar1 { rho, sigma, mean } => {
                let sd = chain::unconditional_sd(*rho, *sigma);
                let made = match method.as_str() {
                    "tauchen" => chain::tauchen(n, *rho, sd, *mean, args.get(1).copied().unwrap_or(3.0)),
                    "rouwenhorst" => chain::rouwenhorst(n, *rho, sd, *mean),
                    other => {
                        return Err(Diagnostic::error(
                            "E0802",
                            format!("unknown chain method `{other}` for `{}`", shock.name),
                        )
                        .hint("rouwenhorst(7) or tauchen(9)"));
                    }
                }
                .map_err(|e| {
                    Diagnostic::error("E0802", format!("the chain of `{}`: {e}", shock.name))
                        .at(shock.span, "this shock")
                })?;
                discretised.push(Discretised {
                    name: shock.name.clone(),
                    method,
                    links: n,
                    asked: (made.asked.sd, made.asked.autocorrelation),
                    obtained: (made.obtained.sd, made.obtained.autocorrelation),
                });
                Ok((made.chain.values, vec![made.chain.transition], Vec::new(), false))
            }
            Process::Iid(d) => {
                let rule = continuous_rule(d.family, n);
                let values: Vec<f64> = rule.0.iter().map(|u| crate::env::shocks::quantile(d, *u)).collect();
                Ok((values, vec![vec![rule.1.clone(); rule.1.len()]], Vec::new(), false))
            }
            Process::RandomWalk { .. } => Err(cannot(format!(
                "`{}` is a random walk: it has no finite chain",
                shock.name
            ))
            .at(shock.span, "wanders without end")
            .hint("write it as a state with a noise, or detrend the model")),
            Process::Var1 { .. } => Err(cannot(format!("`{}` is a vector process", shock.name))
                .at(shock.span, "several shocks moving together")
                .hint("write independent ar1 shocks, or a chain over the joint states")),
        }
    }
}

fn mean_of(d: &crate::check::model::Distribution) -> f64 {
    let a = &d.args;
    match d.family {
        Family::Normal => a[0],
        Family::Lognormal => (a[0] + 0.5 * a[1] * a[1]).exp(),
        Family::Uniform | Family::UniformInt => 0.5 * (a[0] + a[1]),
        Family::Bernoulli | Family::Exponential => a[0],
        Family::Gumbel => 0.577_215_664_901_532_9 * a[0],
        Family::Discrete => d.table.iter().map(|(v, p)| v * p).sum(),
    }
}

/// Base draws and weights that stand for a continuous distribution.
fn continuous_rule(family: Family, n: usize) -> (Vec<f64>, Vec<f64>) {
    match family {
        Family::Normal | Family::Lognormal => {
            let r = quadrature::gauss_hermite(n);
            (r.nodes.iter().map(|x| normal::cdf(*x)).collect(), r.weights)
        }
        _ => {
            let r = quadrature::gauss_legendre(n.max(1), 0.0, 1.0);
            (r.nodes, r.weights)
        }
    }
}

/// The chainlets asked for and those they are conditioned on, in order.
fn with_conditions(laws: &[Chainlet], asked: Vec<usize>) -> Vec<usize> {
    let mut set: BTreeSet<usize> = asked.into_iter().collect();
    loop {
        let more: Vec<usize> = set
            .iter()
            .flat_map(|k| laws[*k].given.iter().map(|g| g.0))
            .filter(|g| !set.contains(g))
            .collect();
        if more.is_empty() {
            return set.into_iter().collect();
        }
        set.extend(more);
    }
}

struct Joint {
    chain: JointChain,
    /// Links of each chainlet in each joint state.
    links: Vec<Vec<usize>>,
}

fn joint(laws: &[Chainlet], kept: &[usize]) -> Result<Joint, Diagnostic> {
    let sizes: Vec<usize> = kept.iter().map(|k| laws[*k].values.len()).collect();
    let total = sizes
        .iter()
        .try_fold(1usize, |a, b| a.checked_mul(*b))
        .unwrap_or(usize::MAX);
    if total > 4096 {
        let bytes = (total as f64).powi(2) * 8.0;
        return Err(Diagnostic::error(
            "E0904",
            format!(
                "the joint chain of {} shocks has {total} states: its matrix would take {:.1} GiB",
                kept.len(),
                bytes / (1u64 << 30) as f64
            ),
        )
        .hint("use fewer links (chain.z = rouwenhorst(3)) or fewer independent shocks"));
    }
    let mut links = vec![Vec::new()];
    for n in &sizes {
        links = links
            .into_iter()
            .flat_map(|l: Vec<usize>| (0..*n).map(move |i| [l.clone(), vec![i]].concat()))
            .collect();
    }
    let place = |k: usize| kept.iter().position(|x| *x == k).unwrap_or(0);
    let mut transition = vec![vec![0.0; total]; total];
    for (j, from) in links.iter().enumerate() {
        for (i, to) in links.iter().enumerate() {
            let mut p = 1.0;
            for (c, k) in kept.iter().enumerate() {
                let law = &laws[*k];
                let m = law.given.iter().fold(0, |m, (g, primed)| {
                    let at = place(*g);
                    m * laws[*g].values.len() + if *primed { to[at] } else { from[at] }
                });
                p *= law.matrices[m][from[c]][to[c]];
                if p == 0.0 {
                    break;
                }
            }
            transition[j][i] = p;
        }
    }
    let values = links
        .iter()
        .map(|l| l.iter().zip(kept).map(|(i, k)| laws[*k].values[*i]).collect())
        .collect();
    let names = kept.iter().map(|k| laws[*k].name.clone()).collect();
    Ok(Joint {
        chain: JointChain {
            names,
            values,
            transition,
        },
        links,
    })
}

// ---- noise -------------------------------------------------------------------------------------------------------

/// One noise element: its input, what it carries at each node, the weight of each node (numbers or expressions).
struct Quadrature {
    input: Id,
    nodes: Vec<f64>,
    weights: Vec<f64>,
    /// The weight as an expression of the input, where it depends on the state.
    moving: Option<Id>,
}

impl Builder<'_> {
    fn quadratures(&mut self) -> Result<Vec<Quadrature>, Diagnostic> {
        let model = self.model;
        let mut out = Vec::new();
        for noise in &model.noises {
            let draw = &model.draws[noise.draw];
            let base = self.input_of(draw.input)?;
            let owned = base.len() > 1;
            let n = self.mine(base.len(), owned);
            if self.options.deterministic {
                self.mean_noise(noise)?;
                continue;
            }
            let last = noise.name.rsplit('.').next().unwrap_or(&noise.name);
            let count = model.solve_settings().and_then(|s| {
                s.get(&format!("quadrature.{}", noise.name))
                    .or_else(|| s.get(&format!("quadrature.{last}")))
            });
            let count = match count {
                Some(Setting::Number(n)) if *n >= 1.0 && n.fract() == 0.0 && *n <= 200.0 => *n as usize,
                Some(_) => {
                    return Err(Diagnostic::error(
                        "E0802",
                        format!("quadrature of `{}` needs a whole number of nodes", noise.name),
                    ));
                }
                None => 5,
            };
            match noise.family {
                Family::Bernoulli | Family::UniformInt | Family::Discrete => {
                    let made = self.finite_noise(noise, &base, n)?;
                    out.extend(made);
                }
                _ => {
                    let (nodes, weights) = continuous_rule(noise.family, count);
                    for id in base.iter().take(n) {
                        out.push(Quadrature {
                            input: *id,
                            nodes: nodes.clone(),
                            weights: weights.clone(),
                            moving: None,
                        });
                    }
                }
            }
        }
        Ok(out)
    }

    /// A finite noise by its outcomes: the base draw's input carries the number of the outcome.
    fn finite_noise(
        &mut self,
        noise: &crate::check::model::Noise,
        base: &[Id],
        n: usize,
    ) -> Result<Vec<Quadrature>, Diagnostic> {
        use crate::graph::Binary as B;
        let model = self.model;
        let shape = &model.graph.nodes[noise.node.0 as usize].shape;
        let element = |b: &mut Self, node: NodeId, e: usize| -> Result<Id, Diagnostic> {
            let ids = b.unrolled(node)?;
            let map = crate::env::shocks::aligned(&model.graph, &model.graph.nodes[node.0 as usize].shape, shape);
            Ok(ids[map[e]])
        };
        let total = self.model.graph.elements(shape);
        let draw_shape = &model.draws[noise.draw].shape;
        let to_base = crate::env::shocks::aligned(&model.graph, draw_shape, shape);
        let mut values = Vec::new();
        let mut out: Vec<Option<Quadrature>> = (0..base.len()).map(|_| None).collect();
        for e in 0..total {
            let j = base[to_base[e]];
            let (value, count, weight): (Id, usize, Id) = match noise.family {
                Family::Bernoulli => {
                    let p = element(self, noise.args[0], e)?;
                    let dag = &mut self.unroll.dag;
                    let one = dag.constant(1.0);
                    let q = dag.sub(one, p);
                    (j, 2, dag.select(j, p, q))
                }
                Family::UniformInt => {
                    let (a, b) = (element(self, noise.args[0], e)?, element(self, noise.args[1], e)?);
                    let d = (
                        model.graph.nodes[noise.args[0].0 as usize].domain,
                        model.graph.nodes[noise.args[1].0 as usize].domain,
                    );
                    let most = d.1.hi - d.0.lo + 1.0;
                    if !(1.0..=10_000.0).contains(&most) {
                        return Err(
                            cannot(format!("`{}` has too many outcomes", noise.name)).at(noise.span, "uniform_int")
                        );
                    }
                    let dag = &mut self.unroll.dag;
                    let value = dag.add(a, j);
                    let inside = dag.binary(B::Le, value, b);
                    let width = dag.sub(b, a);
                    let one = dag.constant(1.0);
                    let n = dag.add(width, one);
                    let p = dag.div(one, n);
                    let zero = dag.constant(0.0);
                    (value, most as usize, dag.select(inside, p, zero))
                }
                _ => {
                    let mut vs = Vec::new();
                    let mut ps = Vec::new();
                    for (v, p) in &noise.outcomes {
                        vs.push(element(self, *v, e)?);
                        ps.push(element(self, *p, e)?);
                    }
                    let pick = |dag: &mut Dag, xs: &[Id]| {
                        let mut out = xs[xs.len() - 1];
                        for (i, x) in xs.iter().enumerate().rev().skip(1) {
                            let limit = dag.constant(i as f64 + 1.0);
                            let before = dag.binary(B::Lt, j, limit);
                            out = dag.select(before, *x, out);
                        }
                        out
                    };
                    let dag = &mut self.unroll.dag;
                    let value = pick(dag, &vs);
                    (value, vs.len(), pick(dag, &ps))
                }
            };
            values.push(value);
            let k = to_base[e];
            if out[k].is_none() {
                // Weights that are numbers at every outcome stay outside the programs.
                let mut numbers = Vec::new();
                for i in 0..count {
                    let c = self.unroll.dag.constant(i as f64);
                    let map = std::collections::HashMap::from([(j, c)]);
                    let w = self.unroll.dag.substitute(&[weight], &map)[0];
                    numbers.push(self.unroll.dag.as_const(w));
                }
                let fixed: Option<Vec<f64>> = numbers.into_iter().collect();
                out[k] = Some(Quadrature {
                    input: j,
                    nodes: (0..count).map(|i| i as f64).collect(),
                    weights: fixed.clone().unwrap_or_else(|| vec![1.0; count]),
                    moving: if fixed.is_some() { None } else { Some(weight) },
                });
            }
        }
        self.unroll.replace(noise.node, values);
        Ok(out.into_iter().flatten().take(n).collect())
    }

    fn mean_noise(&mut self, noise: &crate::check::model::Noise) -> Result<(), Diagnostic> {
        let arg = |b: &mut Self, i: usize| b.unrolled(noise.args[i]);
        let n = self.elements(noise.node);
        let wide = |ids: Vec<Id>| -> Vec<Id> { (0..n).map(|e| ids[e.min(ids.len() - 1)]).collect() };
        let ids = match noise.family {
            Family::Normal | Family::Bernoulli | Family::Exponential => {
                let m = arg(self, 0)?;
                wide(m)
            }
            Family::Uniform | Family::UniformInt => {
                let (a, b) = (wide(arg(self, 0)?), wide(arg(self, 1)?));
                let half = self.unroll.dag.constant(0.5);
                a.into_iter()
                    .zip(b)
                    .map(|(x, y)| {
                        let s = self.unroll.dag.add(x, y);
                        self.unroll.dag.mul(half, s)
                    })
                    .collect()
            }
            Family::Lognormal => {
                let (m, s) = (wide(arg(self, 0)?), wide(arg(self, 1)?));
                let half = self.unroll.dag.constant(0.5);
                m.into_iter()
                    .zip(s)
                    .map(|(m, s)| {
                        let v = self.unroll.dag.mul(s, s);
                        let v = self.unroll.dag.mul(half, v);
                        let x = self.unroll.dag.add(m, v);
                        self.unroll.dag.unary(crate::graph::Unary::Exp, x)
                    })
                    .collect()
            }
            Family::Gumbel => {
                let scale = wide(arg(self, 0)?);
                let g = self.unroll.dag.constant(0.577_215_664_901_532_9);
                scale.into_iter().map(|s| self.unroll.dag.mul(g, s)).collect()
            }
            Family::Discrete => {
                let mut total = vec![self.unroll.dag.constant(0.0); n];
                for (v, p) in &noise.outcomes {
                    let (v, p) = (wide(self.unrolled(*v)?), wide(self.unrolled(*p)?));
                    for e in 0..n {
                        let t = self.unroll.dag.mul(v[e], p[e]);
                        total[e] = self.unroll.dag.add(total[e], t);
                    }
                }
                total
            }
        };
        self.unroll.replace(noise.node, ids);
        Ok(())
    }

    /// The product of the quadratures kept: what the inputs carry, the weights, and the moving weight.
    #[allow(clippy::type_complexity)]
    fn joint_noise(
        &mut self,
        all: &[Quadrature],
        kept: &[usize],
    ) -> Result<(Vec<Vec<f64>>, Vec<f64>, Option<Id>), Diagnostic> {
        let total = kept
            .iter()
            .try_fold(1usize, |a, k| a.checked_mul(all[*k].nodes.len()))
            .unwrap_or(usize::MAX);
        if total > 200_000 {
            return Err(Diagnostic::error(
                "E0904",
                format!("{} noises need {total} quadrature nodes together", kept.len()),
            )
            .hint("use fewer nodes: quadrature.e = 3, or replace noises that enter linearly by their means"));
        }
        let mut nodes = vec![Vec::new()];
        let mut weights = vec![1.0];
        let mut moving: Option<Id> = None;
        for k in kept {
            let q = &all[*k];
            let mut next = Vec::new();
            let mut w = Vec::new();
            for (head, p) in nodes.iter().zip(&weights) {
                for (x, y) in q.nodes.iter().zip(&q.weights) {
                    next.push([head.clone(), vec![*x]].concat());
                    w.push(p * y);
                }
            }
            nodes = next;
            weights = w;
            if let Some(m) = q.moving {
                moving = Some(match moving {
                    None => m,
                    Some(x) => self.unroll.dag.mul(x, m),
                });
            }
        }
        if let Some(m) = moving {
            // Fixed weights of the other noises join the moving one, node by node, through a table over nothing: they are
            // multiplied into it as an expression of their own inputs.
            let mut product = m;
            for k in kept {
                let q = &all[*k];
                if q.moving.is_none() {
                    let w = self.weight_expression(q);
                    product = self.unroll.dag.mul(product, w);
                }
            }
            return Ok((nodes, weights, Some(product)));
        }
        Ok((nodes, weights, None))
    }

    /// The weight of a quadrature with fixed weights as an expression of its input.
    fn weight_expression(&mut self, q: &Quadrature) -> Id {
        let dag = &mut self.unroll.dag;
        let mut out = dag.constant(q.weights[q.weights.len() - 1]);
        for i in (0..q.nodes.len() - 1).rev() {
            let here = dag.constant(q.nodes[i]);
            let same = dag.binary(crate::graph::Binary::Eq, q.input, here);
            let w = dag.constant(q.weights[i]);
            out = dag.select(same, w, out);
        }
        out
    }
}
