//! What a member does, given the law of the moment: the endogenous grid method (Carroll 2006, *Economics Letters* 91) where budget and
//! utility allow it in closed form.
//!
//! Policies stand at nodes of the state and of the moment. Tomorrow's moment follows from the law; between its nodes policies are
//! interpolated by cubic polynomials (Lagrange, four nodes), between nodes of the state by straight lines.

use super::budget::{Budget, Places, Utility, bounded, budgets, utility};
use super::law::Law;
use crate::limits;
use crate::solve::decision::Decision;
use crate::solve::problem::{ActionKind, DecisionProblem, StateKind};

/// Up to four neighbouring nodes and their weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Between {
    pub(super) first: usize,
    pub(super) weight: [f64; 4],
    /// How many nodes there are.
    pub(super) many: usize,
}

impl Between {
    /// On a straight line, `share` of the way from node `first` to the next.
    pub(super) fn straight(first: usize, share: f64) -> Between {
        Between {
            first,
            weight: [1.0 - share, share, 0.0, 0.0],
            many: 2,
        }
    }
}

/// The nodes of the moment.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    pub(super) nodes: Vec<f64>,
    /// Where they stand in interpolation: logarithms for a law of logarithms.
    at: Vec<f64>,
    pub(super) logs: bool,
}

impl Moments {
    /// From ascending nodes, one number each.
    pub(super) fn new(nodes: &[f64], logs: bool) -> Moments {
        let at = |m: &f64| if logs { m.ln() } else { *m };
        Moments {
            nodes: nodes.to_vec(),
            at: nodes.iter().map(at).collect(),
            logs,
        }
    }

    /// Inside the nodes.
    pub(super) fn held(&self, m: f64) -> f64 {
        m.max(self.nodes[0]).min(self.nodes[self.nodes.len() - 1])
    }

    /// Where to interpolate.
    pub(super) fn between(&self, m: f64) -> Between {
        let n = self.at.len();
        let many = n.min(4);
        let held = self.held(m);
        let x = if self.logs { held.ln() } else { held };
        let cell = self.at.partition_point(|a| *a <= x).clamp(1, n.max(2) - 1) - 1;
        let first = cell.saturating_sub(1).min(n - many);
        let mut weight = [0.0; 4];
        for i in 0..many {
            weight[i] = (0..many)
                .filter(|j| *j != i)
                .map(|j| (x - self.at[first + j]) / (self.at[first + i] - self.at[first + j]))
                .product();
        }
        Between { first, weight, many }
    }

    /// The value `share` of the way from node `first` to the next.
    pub(super) fn between_nodes(&self, first: usize, share: f64) -> f64 {
        let x = self.at[first] + share * (self.at[first + 1] - self.at[first]);
        if self.logs { x.exp() } else { x }
    }
}

/// Policies of the members.
#[derive(Clone, Debug)]
pub(super) struct Policies {
    /// The next state, `[joint state][moment][state]`, states fastest.
    pub(super) next: Vec<f64>,
}

/// The members' problem in closed form.
pub(super) struct Household<'a> {
    problem: &'a Decision,
    places: Places,
    utility: Utility,
    discount: f64,
    /// Nodes of the state.
    pub(super) nodes: Vec<f64>,
    pub(super) moments: Moments,
    /// The aggregate state of each joint state.
    aggregate: Vec<usize>,
    /// `[joint state][moment]`
    budgets: Vec<Vec<Budget>>,
    /// Consumption, `[joint state][moment][state]`, states fastest.
    pub(super) consumption: Vec<f64>,
}

/// How a search for policies ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// Largest change of consumption in the last sweep, a share of it.
    pub(super) moved: f64,
    /// Sweeps.
    pub(super) sweeps: usize,
}

impl<'a> Household<'a> {
    /// `moments` are the nodes of the moment, `aggregate` the aggregate state of each joint state; `priced` says that the moment is a price, which
    /// depends on the next aggregate state.
    ///
    /// # Errors
    /// What is of another form, as the end of "it cannot solve this model: ..".
    pub(super) fn new(
        problem: &'a Decision,
        places: Places,
        moments: Moments,
        aggregate: Vec<usize>,
        priced: bool,
    ) -> Result<Household<'a>, &'static str> {
        let spec = problem.spec();
        let StateKind::Continuous { grid, .. } = &spec.states[places.state].kind else {
            return Err("the members' state takes whole numbers");
        };
        if spec.states.len() != 2 {
            return Err("a member has more states than one");
        }
        if spec.actions.len() != 1 {
            return Err("a member has more actions than one");
        }
        if spec.actions[0].kind != ActionKind::Continuous {
            return Err("a member's action is no number between bounds");
        }
        if spec.ends || spec.horizon.is_some() {
            return Err("members' lives end");
        }
        if spec.chances_move {
            return Err("a chance depends on what a member has or does");
        }
        if spec.reward_uses_noise || spec.next_uses_noise {
            return Err("a draw that nobody knows when acting matters");
        }
        if spec.next_uses_shock_next && !priced {
            return Err("what a member has next depends on the next value of a shock");
        }
        let Some(discount) = spec.discount else {
            return Err("a member's discount factor moves");
        };
        let ends = [
            moments.nodes[0],
            moments.nodes[moments.nodes.len() / 2],
            moments.nodes[moments.nodes.len() - 1],
        ];
        if !bounded(problem, places, &ends) {
            return Err("the lowest state that a member may choose is not the lower end of that state's grid");
        }
        let Some(utility) = utility(problem, places, &ends) else {
            return Err("utility is no power of what is consumed, `log(c)` or `crra(c, mu)`");
        };
        let shocks = spec.chain.transition.len();
        let all: Option<Vec<Vec<Budget>>> = (0..shocks)
            .map(|z| budgets(problem, places, z, &moments.nodes))
            .collect();
        // More consumption leaves less, and more of the state more.
        let usual = |b: &Budget| b.next[2] < 0.0 && b.next[1] > 0.0;
        let Some(budgets) = all.filter(|a| a.iter().flatten().all(usual)) else {
            return Err("what a member has next is not linear in what he has and what he consumes");
        };
        let mut out = Household {
            problem,
            places,
            utility,
            discount,
            nodes: grid.clone(),
            moments,
            aggregate,
            consumption: Vec::new(),
            budgets,
        };
        out.start();
        Ok(out)
    }

    /// Consumption that keeps the state, or a tenth of what could be consumed where that is less.
    fn start(&mut self) {
        let mut all = Vec::with_capacity(self.budgets.len() * self.moments.nodes.len() * self.nodes.len());
        for b in self.budgets.iter().flatten() {
            for x in &self.nodes {
                let to = |next: f64| (next - b.next[0] - b.next[1] * x) / b.next[2];
                let (most, keeps) = (to(self.nodes[0]), to(*x));
                all.push(keeps.max(0.1 * most).max(1e-10));
            }
        }
        self.consumption = all;
    }

    /// Consumption at the nodes from the actions there, `action(state, moment, joint state)`.
    pub(super) fn begin(&mut self, action: impl Fn(f64, f64, usize) -> f64) {
        for joint in 0..self.budgets.len() {
            for m in 0..self.moments.nodes.len() {
                let (at, b) = (self.at(joint, m), self.budgets[joint][m]);
                for k in 0..self.nodes.len() {
                    let (x, before) = (self.nodes[k], self.consumption[at + k]);
                    let c = (action(x, self.moments.nodes[m], joint) - b.action[0] - b.action[1] * x) / b.action[2];
                    self.consumption[at + k] = if c > 0.0 { c } else { before };
                }
            }
        }
    }

    /// Begins with consumption at other nodes, `[joint state][moment][state]` in one row as here: on straight lines between nodes of the
    /// state, beyond the last of them on the last.
    pub(super) fn carry(&mut self, nodes: &[f64], moments: &Moments, consumption: &[f64]) {
        let (n, nm) = (nodes.len(), moments.nodes.len());
        for joint in 0..self.shocks() {
            for m in 0..self.moments.nodes.len() {
                let b = moments.between(self.moments.nodes[m]);
                let own = (joint * nm + b.first) * n;
                let rows = consumption[own..own + b.many * n].chunks_exact(n);
                let mut at = vec![0.0; n];
                for (w, row) in b.weight.iter().zip(rows) {
                    at.iter_mut().zip(row).for_each(|(a, c)| *a += w * c);
                }
                let place = self.at(joint, m);
                for (k, x) in self.nodes.iter().enumerate() {
                    let low = nodes.partition_point(|y| y <= x).clamp(1, n - 1) - 1;
                    let t = (x - nodes[low]) / (nodes[low + 1] - nodes[low]);
                    let c = at[low] + t * (at[low + 1] - at[low]);
                    if c > 0.0 {
                        self.consumption[place + k] = c;
                    }
                }
            }
        }
    }

    /// Joint states.
    pub(super) fn shocks(&self) -> usize {
        self.budgets.len()
    }

    /// The discount factor.
    pub(super) fn discount(&self) -> f64 {
        self.discount
    }

    /// The problem.
    pub(super) fn problem(&self) -> &Decision {
        self.problem
    }

    /// The aggregate state of a joint state.
    pub(super) fn aggregate_of(&self, joint: usize) -> usize {
        self.aggregate[joint]
    }

    /// What one more unit of the state is worth at the nodes: `[joint state][moment][state]`.
    pub(super) fn slopes(&self) -> Vec<f64> {
        let mut out = self.consumption.clone();
        for (own, b) in out
            .chunks_exact_mut(self.nodes.len())
            .zip(self.budgets.iter().flatten())
        {
            let [_, r, g] = b.next;
            own.iter_mut().for_each(|c| *c = -r / g * self.utility.marginal(*c));
        }
        out
    }

    fn at(&self, joint: usize, moment: usize) -> usize {
        (joint * self.moments.nodes.len() + moment) * self.nodes.len()
    }

    /// Sweeps until consumption moves by less than `tolerance` of what it is, at most `most` times. `None` where the model is of another
    /// form at the moments that the law leads to.
    pub(super) fn solve(&mut self, law: &Law, tolerance: f64, most: usize) -> Option<Ended> {
        let (nm, n, shocks) = (self.moments.nodes.len(), self.nodes.len(), self.budgets.len());
        let states = law.states();
        let chain = &self.problem.spec().chain.transition;
        // Where each moment leads, by step of the aggregate state, and what one more unit of each next state is worth there for a unit of
        // marginal utility.
        let lead = |m: usize, z: usize, later: usize| self.moments.held(law.next((z, later), self.moments.nodes[m]));
        let led: Vec<bool> = self.met(states);
        let ahead = self.ahead(law);
        let worth: Option<Vec<Vec<f64>>> = (0..shocks)
            .map(|j| {
                let later = self.aggregate[j];
                let from: Vec<usize> = (0..states).filter(|z| led[z * states + later]).collect();
                let to: Vec<f64> = (0..nm)
                    .flat_map(|m| from.iter().map(move |z| (m, *z)))
                    .map(|(m, z)| lead(m, z, later))
                    .collect();
                let there = budgets(self.problem, self.places, j, &to)?;
                let mut out = vec![0.0; nm * states];
                for (i, b) in there.iter().enumerate() {
                    out[i / from.len() * states + from[i % from.len()]] = -b.next[1] / b.next[2];
                }
                Some(out)
            })
            .collect();
        let worth = worth?;
        let mut new = self.consumption.clone();
        let mut marginal = vec![0.0; shocks * n];
        let (mut expected, mut from) = (vec![0.0; n], vec![0.0; n]);
        let mut ended = Ended {
            moved: f64::INFINITY,
            sweeps: 0,
        };
        while ended.sweeps < most && !(ended.moved <= tolerance) {
            limits::poll();
            for m in 0..nm {
                for z in 0..states {
                    let i = m * states + z;
                    for (later, marginal) in marginal.chunks_exact_mut(n).enumerate() {
                        let to = self.aggregate[later];
                        if !led[z * states + to] {
                            continue;
                        }
                        self.read(later, ahead[i * states + to], marginal);
                        self.utility.fall(marginal);
                        let worth = worth[later][i];
                        marginal.iter_mut().for_each(|x| *x *= worth);
                    }
                    for joint in (0..shocks).filter(|j| self.aggregate[*j] == z) {
                        let budget = self.budgets[joint][m];
                        let weight = -budget.next[2] * self.discount;
                        expected.fill(0.0);
                        for (p, own) in chain[joint].iter().zip(marginal.chunks_exact(n)) {
                            if *p > 0.0 {
                                let p = p * weight;
                                expected.iter_mut().zip(own).for_each(|(e, x)| *e += p * x);
                            }
                        }
                        self.utility.rise(&mut expected);
                        let [a, r, g] = budget.next;
                        for ((f, c), x) in from.iter_mut().zip(&expected).zip(&self.nodes) {
                            *f = (x - a - g * c) / r;
                        }
                        let place = self.at(joint, m);
                        follow(&self.nodes, (&from, &expected), budget.next, &mut new[place..place + n]);
                    }
                }
            }
            let moved = self.consumption.iter().zip(&new).fold(0.0, |w: f64, (c, n)| {
                let by = (n / c - 1.0).abs();
                if by > w || by.is_nan() { by } else { w }
            });
            std::mem::swap(&mut self.consumption, &mut new);
            ended = Ended {
                moved,
                sweeps: ended.sweeps + 1,
            };
            if moved.is_nan() {
                break;
            }
        }
        Some(ended)
    }

    /// Which steps of the aggregate state are ever taken, `[from][to]` in one row.
    fn met(&self, states: usize) -> Vec<bool> {
        let mut out = vec![false; states * states];
        for (row, z) in self.problem.spec().chain.transition.iter().zip(&self.aggregate) {
            for (_, to) in row.iter().zip(&self.aggregate).filter(|(p, _)| **p > 0.0) {
                out[z * states + to] = true;
            }
        }
        out
    }

    /// Where a law leads from the nodes of the moment: `[moment][from][to]` in one row.
    pub(super) fn ahead(&self, law: &Law) -> Vec<Between> {
        let states = law.states();
        let mut out = Vec::with_capacity(self.moments.nodes.len() * states * states);
        for m in &self.moments.nodes {
            for z in 0..states {
                out.extend((0..states).map(|to| self.moments.between(law.next((z, to), *m))));
            }
        }
        out
    }

    /// Consumption of a joint state between nodes of the moment, at all nodes of the state.
    pub(super) fn read(&self, joint: usize, b: Between, out: &mut [f64]) {
        let n = self.nodes.len();
        let first = self.at(joint, b.first);
        let own = &self.consumption[first..first + b.many * n];
        if let (4, [w0, w1, w2, w3]) = (b.many, b.weight) {
            let (c0, rest) = own.split_at(n);
            let (c1, rest) = rest.split_at(n);
            let (c2, c3) = rest.split_at(n);
            for i in 0..n {
                out[i] = w0 * c0[i] + w1 * c1[i] + w2 * c2[i] + w3 * c3[i];
            }
            return;
        }
        out.fill(0.0);
        for (w, c) in b.weight.iter().zip(own.chunks_exact(n)) {
            out.iter_mut().zip(c).for_each(|(o, c)| *o += w * c);
        }
    }

    /// Next states at the nodes.
    pub(super) fn policies(&self) -> Policies {
        let mut next = self.consumption.clone();
        for (own, b) in next
            .chunks_exact_mut(self.nodes.len())
            .zip(self.budgets.iter().flatten())
        {
            for (c, x) in own.iter_mut().zip(&self.nodes) {
                *c = (b.next[0] + b.next[1] * x + b.next[2] * *c).max(self.nodes[0]);
            }
        }
        Policies { next }
    }

    /// The action at the nodes, `[joint state][moment][state]`.
    pub(super) fn actions(&self) -> Vec<f64> {
        let mut out = self.consumption.clone();
        for (own, b) in out
            .chunks_exact_mut(self.nodes.len())
            .zip(self.budgets.iter().flatten())
        {
            for (c, x) in own.iter_mut().zip(&self.nodes) {
                *c = b.action[0] + b.action[1] * x + b.action[2] * *c;
            }
        }
        out
    }

    /// What `action` pays within a period at the nodes, both `[joint state][moment][state]` in one row like [`Household::actions`].
    pub(super) fn rewards(&self, action: &[f64]) -> Vec<f64> {
        let n = self.nodes.len();
        let mut out = Vec::with_capacity(action.len());
        for (i, own) in action.chunks_exact(n).enumerate() {
            let (joint, m) = (i / self.moments.nodes.len(), i % self.moments.nodes.len());
            let moment = vec![self.moments.nodes[m]; n];
            let mut states: Vec<&[f64]> = vec![&moment; 2];
            states[self.places.state] = &self.nodes;
            out.extend(super::budget::evaluated(self.problem, &states, own, joint).0);
        }
        out
    }

    /// A function at the nodes, `[joint state][moment][state]`, as a solution has it: state node x joint state, joint states fastest.
    pub(super) fn as_solved(&self, of: &[f64]) -> Vec<f64> {
        let (nm, n, shocks) = (self.moments.nodes.len(), self.nodes.len(), self.shocks());
        let mut out = vec![0.0; of.len()];
        for (i, x) in of.iter().enumerate() {
            let (joint, m, k) = (i / (nm * n), i / n % nm, i % n);
            let node = if self.places.state < self.places.moment {
                k * nm + m
            } else {
                m * n + k
            };
            out[node * shocks + joint] = *x;
        }
        out
    }
}

/// Consumption at the nodes `to`, from consumption `c` at the states `from` that lead to them. Below the first of these the lowest state is where
/// one goes.
fn follow(to: &[f64], (from, c): (&[f64], &[f64]), [a, r, g]: [f64; 3], out: &mut [f64]) {
    let last = from.len() - 2;
    let mut k = 0;
    for (x, out) in to.iter().zip(out) {
        if *x <= from[0] {
            *out = (to[0] - a - r * x) / g;
            continue;
        }
        while k < last && from[k + 1] < *x {
            k += 1;
        }
        let t = (x - from[k]) / (from[k + 1] - from[k]);
        *out = c[k] + t * (c[k + 1] - c[k]);
    }
}
