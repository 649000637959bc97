//! The conditions under which an economy without shocks rests, as expressions: stationarity, first-order and envelope conditions of one
//! member of each kind, the others doing as it does.
//!
//! Members that nothing tells apart are alike at rest, so that the unknowns are those of one member, and a hundred households have as many as one.
//! Expressions are differentiated before members are made alike: what one does to a price is its own share of it. Prices that are taken are inputs
//! of their own, whose values follow from everybody's choices.

use super::builder::Builder;
use super::options::ProblemOptions;
use super::players::framed;
use crate::check::model::{Concept, DrawWhen, Information, Model, Noise, Space};
use crate::diag::Diagnostic;
use crate::graph::shape::{aligned, element_name};
use crate::graph::{AxisId, InputKind, Node, NodeId, Op};
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::differentiate::derivative;
use crate::solve::economy::{Deciding, Economy, cannot};
use crate::solve::located;
use std::collections::BTreeSet;

/// Most members and expressions that are unrolled.
const MOST_MEMBERS: usize = 2000;

/// A number that is looked for: a state or an action of one member, and of all who are like it.
pub struct Slot {
    /// Its name, without the member's number where members are alike.
    pub name: String,
    /// How many members have it.
    pub members: usize,
    /// The inputs that carry it, the first member's first.
    pub(in crate::solve) inputs: Vec<usize>,
    /// Where its domain ends.
    pub ends: (f64, f64),
    /// A range where lives begin, if the file says so.
    pub start: Option<(f64, f64)>,
}

/// What one member's condition is made of: a slope of its reward, and slopes of what counts for it tomorrow.
struct Slopes {
    pays: Id,
    /// Slope of a next state, and the number of the shadow price by which it counts.
    moves: Vec<(Id, usize)>,
}

/// Those who decide alike.
struct Kind {
    discount: f64,
    reward: Id,
    /// What counts for it tomorrow: the next value, and the shadow price.
    counted: Vec<(Id, usize)>,
    /// The states that count for it and its own actions, numbers of slots.
    states: Vec<usize>,
    actions: Vec<usize>,
    /// One per own action.
    choices: Vec<Slopes>,
    /// The shadow price of the first of its states; those of the others follow it.
    first: usize,
}

/// A shadow price and the condition that it obeys.
struct Shadow {
    kind: usize,
    envelope: Slopes,
}

/// An economy at rest.
pub struct Resting {
    dag: Dag,
    /// Values of all inputs but those of the slots and of held prices.
    fixed: Vec<f64>,
    /// States first, then actions.
    pub slots: Vec<Slot>,
    /// How many of the slots are states.
    pub states: usize,
    next: Vec<Id>,
    bounds: Vec<(Id, Id)>,
    kinds: Vec<Kind>,
    shadows: Vec<Shadow>,
    held: Vec<(usize, Id)>,
    slacks: Vec<Id>,
    prices: Vec<(String, Id)>,
}

impl Resting {
    /// The conditions of an economy under `planner`, `collusive`, `competitive` or `open_loop`.
    ///
    /// # Errors
    /// E0810 for whole numbers, choices among finitely many things, stages, schedules, ends and horizons, a continuum, and for concepts under which what
    /// others will answer matters.
    pub fn of(economy: &Economy) -> Result<Resting, Diagnostic> {
        Resting::made(economy, false)
    }

    /// The same with slots of its own for each member, also of those who are alike.
    ///
    /// # Errors
    /// As [`Resting::of`].
    pub fn by_member(economy: &Economy) -> Result<Resting, Diagnostic> {
        Resting::made(economy, true)
    }

    fn made(economy: &Economy, by_member: bool) -> Result<Resting, Diagnostic> {
        refused(economy)?;
        let mut joint = Model {
            information: Information::Full,
            ..framed(economy.model)
        };
        // Those of a continuum who differ in nothing are members like others.
        joint.graph.axes.iter_mut().for_each(|a| a.continuum = false);
        let options = ProblemOptions {
            deterministic: true,
            ..ProblemOptions::default()
        };
        let mut b = Builder::frame(&joint, &options)?;
        b.bind();
        b.rules()?;
        let draws = b.draws()?;
        let mut fixed = Vec::new();
        let mut set = |b: &Builder, id: Id, x: f64| {
            if let Expr::Input(n) = b.unroll.dag.expr(id) {
                let n = n as usize;
                if fixed.len() <= n {
                    fixed.resize(n + 1, f64::NAN);
                }
                fixed[n] = x;
            }
        };
        for law in &draws.laws {
            set(&b, law.now, law.carried[0]);
            set(&b, law.next, law.carried[0]);
        }
        for noise in &draws.noise {
            set(&b, noise.input, noise.nodes[0]);
        }
        let mut source = Source {
            economy,
            b,
            fixed,
            ids: Vec::new(),
            by_member,
        };
        let held = source.hold()?;
        source.finish(held)
    }

    /// Numbers of the unknowns: states, actions, shadow prices.
    pub fn unknowns(&self) -> usize {
        self.slots.len() + self.shadows.len()
    }

    /// Values of all inputs at states and actions (one number per slot).
    fn inputs(&self, x: &[f64]) -> Vec<f64> {
        let mut all = self.fixed.clone();
        for (slot, x) in self.slots.iter().zip(x) {
            slot.inputs.iter().for_each(|i| all[*i] = *x);
        }
        self.fill(&mut all);
        all
    }

    /// Puts the prices that are taken.
    fn fill(&self, all: &mut [f64]) {
        for (input, truth) in &self.held {
            all[*input] = self.dag.evaluate(&[*truth], all)[0];
        }
    }

    /// What stands between a point (states, actions, shadow prices) and rest: one number per unknown, `None` where something is not a number.
    pub fn conditions(&self, point: &[f64]) -> Option<Vec<f64>> {
        let (x, m) = point.split_at(self.slots.len());
        let all = self.inputs(x);
        let ids = self.everything();
        let values = self.dag.evaluate(&ids, &all);
        let mut values = values.into_iter();
        let mut out: Vec<f64> = x[..self.states]
            .iter()
            .map(|x| values.next().unwrap_or(f64::NAN) - x)
            .collect();
        let mut sum = |s: &Slopes, discount: f64| -> f64 {
            let pays = values.next().unwrap_or(f64::NAN);
            let later: f64 = s
                .moves
                .iter()
                .map(|(_, k)| m[*k] * values.next().unwrap_or(f64::NAN))
                .sum();
            pays + discount * later
        };
        for k in &self.kinds {
            out.extend(k.choices.iter().map(|c| sum(c, k.discount)));
        }
        for (m, s) in m.iter().zip(&self.shadows) {
            out.push(m - sum(&s.envelope, self.kinds[s.kind].discount));
        }
        out.iter().all(|r| r.is_finite()).then_some(out)
    }

    /// All expressions behind [`Resting::conditions`], in its order.
    fn everything(&self) -> Vec<Id> {
        let slopes = self.kinds.iter().flat_map(|k| &k.choices);
        let slopes = slopes.chain(self.shadows.iter().map(|s| &s.envelope));
        let each = slopes.flat_map(|s| std::iter::once(s.pays).chain(s.moves.iter().map(|m| m.0)));
        self.next.iter().copied().chain(each).collect()
    }

    /// Rows of the first-order conditions in the shadow prices, `pays + row . m = 0`: where a search begins.
    pub fn in_shadows(&self, x: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>) {
        let all = self.inputs(x);
        let (mut rows, mut right) = (Vec::new(), Vec::new());
        for k in &self.kinds {
            for c in &k.choices {
                let mut row = vec![0.0; self.shadows.len()];
                for (id, s) in &c.moves {
                    row[*s] += k.discount * self.dag.evaluate(&[*id], &all)[0];
                }
                rows.push(row);
                right.push(-self.dag.evaluate(&[c.pays], &all)[0]);
            }
        }
        (rows, right)
    }

    /// Ends of every action at states and actions (one number per slot): `(lower, upper)`, one pair per action.
    pub fn ends(&self, x: &[f64]) -> Vec<(f64, f64)> {
        let all = self.inputs(x);
        let at = |id: Id| self.dag.evaluate(&[id], &all)[0];
        self.bounds.iter().map(|(lo, hi)| (at(*lo), at(*hi))).collect()
    }

    /// The smallest slack of all requirements at `x`, one number per slot.
    pub fn slack(&self, x: &[f64]) -> f64 {
        let all = self.inputs(x);
        let slacks = self.dag.evaluate(&self.slacks, &all);
        slacks
            .into_iter()
            .fold(f64::INFINITY, |a, b| if b.is_nan() { b } else { a.min(b) })
    }

    /// Prices, by name, at states and actions `x`, one number per slot.
    pub fn prices(&self, x: &[f64]) -> Vec<(String, f64)> {
        let all = self.inputs(x);
        let at = |(name, id): &(String, Id)| (name.clone(), self.dag.evaluate(&[*id], &all)[0]);
        self.prices.iter().map(at).collect()
    }

    /// How many kinds there are.
    pub fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// The slots that are a kind's own, states first.
    pub fn own(&self, kind: usize) -> Vec<usize> {
        let k = &self.kinds[kind];
        k.states.iter().chain(&k.actions).copied().collect()
    }

    /// What a period is worth to the first member of a kind who alone has and does `own` (one number per slot of [`Resting::own`]), the others and the
    /// prices it takes staying where they are: reward and shadow value of what it moves, less that of what it has.
    pub fn worth(&self, kind: usize, point: &[f64], own: &[f64]) -> f64 {
        let (x, m) = point.split_at(self.slots.len());
        let mut all = self.inputs(x);
        let k = &self.kinds[kind];
        for (slot, v) in k.states.iter().chain(&k.actions).zip(own) {
            all[self.slots[*slot].inputs[0]] = *v;
        }
        // Whoever takes no price sees through all of them.
        let at = |id: Id| self.dag.evaluate(&[id], &all)[0];
        let later: f64 = k.counted.iter().map(|(id, s)| m[*s] * at(*id)).sum();
        let has: f64 = m[k.first..]
            .iter()
            .zip(own)
            .take(k.states.len())
            .map(|(m, x)| m * x)
            .sum();
        let slack = self.dag.evaluate(&self.slacks, &all);
        match slack.iter().all(|s| *s >= -1e-9) {
            true => at(k.reward) + k.discount * later - has,
            false => f64::NEG_INFINITY,
        }
    }
}

/// What such an economy has no room for.
fn refused(economy: &Economy) -> Result<(), Diagnostic> {
    let model = economy.model;
    let no = |why: String| Err(cannot(why));
    if economy.concept == Concept::Stackelberg {
        return no("its concept is `stackelberg`, in which some lead and others follow".into());
    }
    if economy.concept == Concept::Nash && economy.seats.len() + economy.seats.iter().map(each).sum::<usize>() > 1 {
        return no(format!("its concept is `{}`", economy.concept.word()));
    }
    if model.horizon.is_some() || !model.ends.is_empty() {
        return no("it ends".into());
    }
    if model.stages.len() > 1 {
        return no("agents act in stages".into());
    }
    if let Some(a) = (model.actions.iter()).find(|a| !matches!(a.space, Space::Interval { .. }) || !a.given.is_empty())
    {
        return no(format!("`{}` is no number between bounds", a.name));
    }
    if let Some(s) = model.states.iter().find(|s| s.domain.integer) {
        return no(format!("`{}` takes whole numbers", s.name));
    }
    if model.states.is_empty() {
        return no("there is no state".into());
    }
    // Many who differ in nothing are one at rest; many who differ have a distribution.
    if (0..model.graph.axes.len()).any(|x| model.graph.axes[x].continuum && differ(model, AxisId(x as u32))) {
        return no(
            "members of a continuum differ by draws of their own: `econc solve` finds their distribution at rest"
                .into(),
        );
    }
    let members: usize = model.agents.iter().map(|a| model.graph.elements(&a.shape)).sum();
    if members > MOST_MEMBERS {
        return no(format!("{members} members are more than {MOST_MEMBERS}"));
    }
    if economy.seats.iter().any(|s| s.takes != economy.seats[0].takes) {
        return no("some take prices as given that others do not".into());
    }
    Ok(())
}

/// Whether members of a population have draws of their own after the first values.
fn differ(model: &Model, axis: AxisId) -> bool {
    model.shocks.iter().any(|s| s.shape.contains(&axis))
        || (model.draws.iter()).any(|d| d.shape.contains(&axis) && matches!(d.when, DrawWhen::After(_)))
}

/// Members who meet.
fn each(seat: &crate::solve::economy::Decider) -> usize {
    if let Deciding::Each(n) = seat.members { n } else { 0 }
}

/// Whether nothing that matters tells the members of a population apart.
pub fn alike(model: &Model, axis: AxisId) -> bool {
    let g = &model.graph;
    let rewards = model.agents.iter().flat_map(|a| a.reward.into_iter().chain(a.discount));
    let laws = model.states.iter().map(|s| s.next);
    let bounds = model.actions.iter().flat_map(|a| match &a.space {
        Space::Interval { lo, hi, .. } => vec![*lo, *hi],
        Space::Integer { .. } | Space::Finite { .. } | Space::Simplex(_) => Vec::new(),
    });
    let requires = model.requires.iter().map(|r| r.slack);
    let pairs = |n: &Noise| n.outcomes.iter().flat_map(|(x, p)| [*x, *p]).collect::<Vec<_>>();
    let chances = model.noises.iter().flat_map(|n| [n.args.clone(), pairs(n)].concat());
    let from = rewards.chain(laws).chain(bounds).chain(requires).chain(chances);
    let apart = |(_, node): (NodeId, &Node)| match &node.op {
        Op::Position(a) => *a == axis,
        Op::Table(values) => node.shape.contains(&axis) && values.iter().any(|x| *x != values[0]),
        Op::Take { axis: a, .. } | Op::Slice { from: a, .. } => *a == axis,
        Op::Input(i) => {
            let input = &g.inputs[i.0 as usize];
            matches!(input.kind, InputKind::Param(_)) && input.shape.contains(&axis)
        }
        _ => false,
    };
    !g.below(from).through_roots().any(apart)
}

/// All slots, states first, with what goes with each.
#[derive(Default)]
struct Everything {
    slots: Vec<Slot>,
    /// The agent and the member (from 0) of the first element.
    owners: Vec<Option<(usize, usize)>>,
    /// Next values of the states, one for each member, the first member's first.
    next: Vec<Vec<Id>>,
    /// Of the actions.
    bounds: Vec<(Id, Id)>,
}

impl Everything {
    /// Whether a slot is one of a group's.
    fn mine(&self, slot: usize, group: &[(usize, usize)]) -> bool {
        self.owners[slot].is_some_and(|o| group.contains(&o))
    }
}

/// Conditions under construction.
struct Source<'a> {
    economy: &'a Economy<'a>,
    b: Builder<'a>,
    fixed: Vec<f64>,
    /// What carries each slot, the first member's first.
    ids: Vec<Vec<Id>>,
    /// Whether members who are alike have slots of their own.
    by_member: bool,
}

impl Source<'_> {
    /// Prices that are taken become inputs, in the order in which they follow from one another.
    fn hold(&mut self) -> Result<Vec<(usize, Id)>, Diagnostic> {
        let model = self.b.model;
        let mut taken: Vec<usize> = self.economy.seats[0].takes.clone();
        taken.retain(|p| model.prices[*p].state.is_none());
        taken.sort_by_key(|p| model.prices[*p].node);
        let mut out = Vec::new();
        for p in taken {
            let node = model.prices[p].node;
            let truth = self.b.unrolled(node)?;
            let held: Vec<Id> = truth
                .iter()
                .map(|truth| {
                    let n = self.b.unroll.dag.inputs();
                    out.push((n, *truth));
                    self.b.unroll.dag.input(n as u32)
                })
                .collect();
            self.b.unroll.replace(node, held);
        }
        Ok(out)
    }

    /// A slot for what elements of an input carry.
    fn slot(
        &mut self,
        ids: &[Id],
        name: String,
        owner: Option<usize>,
        ends: (f64, f64),
        start: Option<(f64, f64)>,
    ) -> Slot {
        let number = |id: &Id| match self.b.unroll.dag.expr(*id) {
            Expr::Input(n) => Some(n as usize),
            _ => None,
        };
        let inputs = ids.iter().filter_map(number).collect();
        self.ids.push(ids.to_vec());
        Slot {
            name,
            members: if self.endless(owner) { 1 } else { ids.len() },
            inputs,
            ends,
            start,
        }
    }

    /// Whether an agent is a continuum.
    fn endless(&self, owner: Option<usize>) -> bool {
        let model = self.economy.model;
        let axis = owner.and_then(|a| model.agents[a].axis);
        axis.is_some_and(|x| model.graph.axes[x.0 as usize].continuum)
    }

    /// The elements of something over the members of an agent, one list per number that a first member has: its own element, then those of who is like it.
    fn lists(&self, agent: Option<usize>, elements: usize, shape: &[AxisId]) -> Vec<Vec<usize>> {
        let model = self.b.model;
        let axis = agent.and_then(|a| model.agents[a].axis).filter(|x| shape.contains(x));
        let (Some(agent), Some(axis)) = (agent, axis) else {
            return (0..elements).map(|e| vec![e]).collect();
        };
        let members = model.graph.elements(&model.agents[agent].shape).max(1);
        if members == 1 || self.by_member || !alike(model, axis) {
            return (0..elements).map(|e| vec![e]).collect();
        }
        let of = |m: usize| located::own(model, agent, Some(m), elements);
        of(0).map(|e| (0..members).map(|m| of(m).start + e).collect()).collect()
    }

    fn finish(mut self, held: Vec<(usize, Id)>) -> Result<Resting, Diagnostic> {
        let model = self.b.model;
        let mut all = Everything::default();
        self.states(&mut all)?;
        self.actions(&mut all)?;
        let (kinds, shadows) = self.kinds(&all)?;
        let mut slacks = Vec::new();
        for r in &model.requires {
            slacks.extend(self.b.unrolled(r.slack)?);
        }
        let prices = self.prices()?;
        let mut fixed = self.fixed;
        fixed.resize(self.b.unroll.dag.inputs(), f64::NAN);
        Ok(Resting {
            dag: self.b.unroll.dag,
            fixed,
            states: all.next.len(),
            slots: all.slots,
            next: all.next.iter().map(|n| n[0]).collect(),
            bounds: all.bounds,
            kinds,
            shadows,
            held,
            slacks,
            prices,
        })
    }

    /// The slots of all states.
    fn states(&mut self, all: &mut Everything) -> Result<(), Diagnostic> {
        let model = self.b.model;
        for s in &model.states {
            let shape = model.graph.inputs[s.input.0 as usize].shape.clone();
            let ids = self.b.input_of(s.input)?;
            if ids.is_empty() {
                continue;
            }
            let later = self.b.unrolled(s.next)?;
            let map = aligned(&model.graph, &model.graph.nodes[s.next.0 as usize].shape, &shape);
            let start = s.start.map(|n| model.graph.nodes[n.0 as usize].domain);
            let start = start.filter(|d| d.lo.is_finite() && d.hi.is_finite());
            let start = start.map(|d| (d.lo, d.hi));
            for list in self.lists(s.owner, ids.len(), &shape) {
                let own: Vec<Id> = list.iter().map(|e| ids[*e]).collect();
                let name = self.name(&s.name, &shape, &list, ids.len());
                all.owners
                    .push(s.owner.map(|a| (a, self.member(a, ids.len(), list[0]))));
                all.next.push(list.iter().map(|e| later[map[*e]]).collect());
                let slot = self.slot(&own, name, s.owner, (s.domain.lo, s.domain.hi), start);
                all.slots.push(slot);
            }
        }
        Ok(())
    }

    /// The slots of all actions, with their bounds.
    fn actions(&mut self, all: &mut Everything) -> Result<(), Diagnostic> {
        let model = self.b.model;
        for (i, a) in model.actions.iter().enumerate() {
            let ids = self.b.input_of(a.input)?;
            let ruled = model.agents[a.owner].rules.iter().any(|(r, _)| *r == i);
            let Space::Interval { lo, hi, .. } = &a.space else {
                continue;
            };
            if ids.is_empty() || ruled {
                continue;
            }
            for list in self.lists(Some(a.owner), ids.len(), &a.shape) {
                let mut at = |node: NodeId| -> Result<Id, Diagnostic> {
                    let ids = self.b.unrolled(node)?;
                    let map = aligned(&model.graph, &model.graph.nodes[node.0 as usize].shape, &a.shape);
                    Ok(ids[map[list[0]]])
                };
                all.bounds.push((at(*lo)?, at(*hi)?));
                let own: Vec<Id> = list.iter().map(|e| ids[*e]).collect();
                let name = self.name(&a.name, &a.shape, &list, ids.len());
                all.owners
                    .push(Some((a.owner, self.member(a.owner, ids.len(), list[0]))));
                let slot = self.slot(&own, name, Some(a.owner), (f64::NEG_INFINITY, f64::INFINITY), None);
                all.slots.push(slot);
            }
        }
        Ok(())
    }

    /// The name of one element, without the member's number where members are alike.
    fn name(&self, name: &str, shape: &[AxisId], list: &[usize], elements: usize) -> String {
        let g = &self.b.model.graph;
        match list.len() {
            1 => element_name(g, name, shape, list[0], elements),
            n => element_name(g, name, &shape[1..], list[0], elements / n),
        }
    }

    /// Those who decide alike, and the shadow prices of what counts for them: everybody together, or each first member.
    fn kinds(&mut self, all: &Everything) -> Result<(Vec<Kind>, Vec<Shadow>), Diagnostic> {
        let concept = self.economy.concept;
        let joint = matches!(concept, Concept::Planner | Concept::Collusive)
            || self.economy.seats.iter().all(|s| s.members == Deciding::Together);
        let mut who: Vec<(usize, usize)> = all.owners.iter().flatten().copied().collect();
        who.sort_unstable();
        who.dedup();
        let groups: Vec<Vec<(usize, usize)>> = match joint {
            true => vec![who],
            false => who.into_iter().map(|w| vec![w]).collect(),
        };
        let (mut kinds, mut shadows): (Vec<Kind>, Vec<Shadow>) = Default::default();
        for group in groups {
            if !joint && concept != Concept::OpenLoop {
                self.keeps_to_itself(all, &group)?;
            }
            let Some((kind, envelopes)) = self.kind(all, &group, joint, shadows.len())? else {
                continue;
            };
            let number = kinds.len();
            shadows.extend(envelopes.into_iter().map(|envelope| Shadow { kind: number, envelope }));
            kinds.push(kind);
        }
        match kinds.is_empty() {
            true => Err(cannot("nobody chooses anything")),
            false => Ok((kinds, shadows)),
        }
    }

    /// One of them, with the envelope condition of each shadow price, the first of which is number `first`. `None` for who chooses nothing.
    fn kind(
        &mut self,
        all: &Everything,
        group: &[(usize, usize)],
        joint: bool,
        first: usize,
    ) -> Result<Option<(Kind, Vec<Slopes>)>, Diagnostic> {
        let states = all.next.len();
        let mine = |k: &usize| all.mine(*k, group);
        let open = joint || self.economy.concept == Concept::OpenLoop;
        let common = (0..states).filter(|k| open && all.owners[*k].is_none());
        let counting: Vec<usize> = (0..states).filter(mine).chain(common).collect();
        let actions: Vec<usize> = (states..all.slots.len()).filter(mine).collect();
        if actions.is_empty() {
            return Ok(None);
        }
        let moved = |(n, k): (usize, &usize)| -> Vec<(Id, usize)> {
            let ids = if joint { &all.next[*k][..] } else { &all.next[*k][..1] };
            ids.iter().map(|id| (*id, first + n)).collect()
        };
        let counted: Vec<(Id, usize)> = counting.iter().enumerate().flat_map(moved).collect();
        let reward = self.reward(group, joint)?;
        let discount = self.discount(group[0])?;
        let mut slopes = |slot: &usize| -> Slopes {
            let wrt = self.b.unroll.dag.input(all.slots[*slot].inputs[0] as u32);
            let of: Vec<Id> = std::iter::once(reward).chain(counted.iter().map(|c| c.0)).collect();
            let found = derivative(&mut self.b.unroll.dag, &of, wrt);
            let moves = found[1..].iter().zip(&counted);
            let moves = moves.filter(|(d, _)| self.b.unroll.dag.as_const(**d) != Some(0.0));
            Slopes {
                pays: found[0],
                moves: moves.map(|(d, c)| (*d, c.1)).collect(),
            }
        };
        let choices = actions.iter().map(&mut slopes).collect();
        let envelopes = counting.iter().map(&mut slopes).collect();
        let kind = Kind {
            discount,
            reward,
            counted,
            states: counting,
            actions,
            choices,
            first,
        };
        Ok(Some((kind, envelopes)))
    }

    /// Prices by name, with what they are.
    fn prices(&mut self) -> Result<Vec<(String, Id)>, Diagnostic> {
        let model = self.b.model;
        let mut out = Vec::new();
        for p in model.prices.iter().filter(|p| p.state.is_none()) {
            let shape = &model.graph.nodes[p.node.0 as usize].shape;
            let ids = self.b.unrolled(p.node)?;
            let name = |e: usize| element_name(&model.graph, &p.name, shape, e, ids.len());
            out.extend(ids.iter().enumerate().map(|(e, id)| (name(e), *id)));
        }
        Ok(out)
    }

    /// Errs where what a member does moves something that is not its own, a fellow's included: with that taken as given its conditions would
    /// leave it out.
    fn keeps_to_itself(&self, all: &Everything, group: &[(usize, usize)]) -> Result<(), Diagnostic> {
        let states = all.next.len();
        let own: Vec<Id> = (states..all.slots.len())
            .filter(|k| all.mine(*k, group))
            .filter_map(|k| self.ids.get(k)?.first().copied())
            .collect();
        let strays = |k: &usize| {
            let theirs = if all.mine(*k, group) {
                &all.next[*k][1..]
            } else {
                &all.next[*k][..]
            };
            self.b.reads(theirs, &own)
        };
        match (0..states).find(strays) {
            None => Ok(()),
            Some(k) => Err(cannot(format!(
                "what they do moves `{}` directly, which is not their own",
                all.slots[k].name
            ))
            .hint("name what moves it as an `aggregate` of its market, which is taken as given, and let it move by that: `aggregate supply = sum(firm.q)`, and `supply` in place of the sum; or --concept open_loop")),
        }
    }

    /// The member of an agent that an element belongs to.
    fn member(&self, agent: usize, elements: usize, element: usize) -> usize {
        let model = self.b.model;
        let members = model.graph.elements(&model.agents[agent].shape).max(1);
        if elements.is_multiple_of(members) {
            element / (elements / members)
        } else {
            0
        }
    }

    /// What a group is paid: all members of its agents where they decide as one.
    fn reward(&mut self, group: &[(usize, usize)], joint: bool) -> Result<Id, Diagnostic> {
        let model = self.b.model;
        let mut total = self.b.unroll.dag.constant(0.0);
        let agents: BTreeSet<usize> = group.iter().map(|g| g.0).collect();
        for a in agents {
            let Some(node) = model.agents[a].reward else {
                return Err(cannot(format!("`{}` wants nothing", model.agents[a].name)));
            };
            let ids = self.b.unrolled(node)?;
            let members = model.graph.elements(&model.agents[a].shape).max(1);
            let of = |m: usize| ids[(m * ids.len() / members).min(ids.len() - 1)];
            let mine: Vec<Id> = match joint {
                true => (0..members).map(of).collect(),
                false => vec![of(group[0].1)],
            };
            for id in mine {
                total = self.b.unroll.dag.add(total, id);
            }
        }
        Ok(total)
    }

    fn discount(&mut self, (agent, member): (usize, usize)) -> Result<f64, Diagnostic> {
        let agent = &self.b.model.agents[agent];
        let Some(node) = agent.discount else { return Ok(1.0) };
        let ids = self.b.unrolled(node)?;
        let members = self.b.model.graph.elements(&agent.shape).max(1);
        let at = (member * ids.len() / members).min(ids.len() - 1);
        self.b.unroll.dag.as_const(ids[at]).ok_or_else(|| {
            cannot(format!("the discount factor of `{}` moves", agent.name)).at(agent.span, "not one number")
        })
    }
}
