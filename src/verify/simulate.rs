//! Paths of a decision problem under a policy: many at once, lanes grouped by shock, counter-based draws.
//!
//! Two policies simulated with the same seed see the same draws (common random numbers). Noises are drawn among the nodes of
//! the quadrature, so that simulation and solution face one and the same problem.

use crate::num::random::Key;
use crate::solve::bellman::{At, Bellman, Continuation, Scratch};
use crate::solve::policy_operator::differences;
use crate::solve::search::{SearchOptions, choose};
use crate::solve::solution::{Reader, Solution};
use crate::verify::between::Between;

/// A policy: the actions at a state.
pub trait PathPolicy: Sync {
    /// Actions at the states of `draw.len()` lanes (`actions[a][i]`); `draw` are uniforms for policies that randomise.
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]);

    /// The same on the lanes `paths` of [`ChainPaths`], for policies that differ from path to path.
    fn act_on(&self, paths: &[usize], at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let _ = paths;
        self.act(at, states, draw, actions);
    }

    /// Whether it chooses by chance: what it does at a state is then not one choice.
    fn randomises(&self) -> bool {
        false
    }
}

/// The policy of a solution: interpolated where that is exact enough, else the best action given the solved value.
///
/// Finite actions on continuous states are always optimised on the spot: the nearest node's choice would be wrong close to
/// switching points. Continuous actions are optimised within [`NEIGHBOURS`] nodes of a node where a constraint binds,
/// since policies have kinks there that no interpolant follows.
pub struct SolvedPolicy<'a> {
    bellman: &'a Bellman<'a>,
    reader: Reader<'a>,
    continuations: Vec<Continuation>,
    /// Largest that errors of values are relative to, by what values differ by.
    differ: f64,
    optimise: bool,
    /// Where numbers go with finite choices the numbers that the solution has for each: the value has kinks and many a peak, and a scan may miss the
    /// highest.
    given: Option<Between>,
    /// Period x state x shock: close to a binding constraint. Empty if none binds anywhere.
    kinked: Vec<bool>,
    search: SearchOptions,
}

/// Least share of what values differ by at most that an error is relative to: values that happen to be zero have no size of their own.
const LEAST_DIFFERENCE: f64 = 0.01;

/// How far from a binding constraint policies are not interpolated: a spline's ripples fall by .27 a node.
pub const NEIGHBOURS: usize = 5;

impl<'a> SolvedPolicy<'a> {
    /// Prepares a solution.
    ///
    /// # Errors
    /// E0905 if it does not fit the problem.
    pub fn new(bellman: &'a Bellman<'a>, solution: &'a Solution) -> Result<Self, crate::diag::Diagnostic> {
        let reader = Reader::new(solution, bellman.problem)?;
        let continuous_states = solution.states.iter().any(|s| !s.integer);
        let optimise = bellman.taste.is_some() || (!bellman.finite.is_empty() && continuous_states);
        let continuations = (0..solution.periods)
            .map(|t| solution.continuation(bellman, t))
            .collect();
        let kinked = if optimise || !continuous_states {
            Vec::new()
        } else {
            kinks(bellman, solution)
        };
        let given = optimise && bellman.taste.is_none() && !bellman.continuous.is_empty() && !solution.worth.is_empty();
        Ok(SolvedPolicy {
            bellman,
            reader,
            continuations,
            differ: differences(&solution.value),
            optimise,
            given: given.then(|| Between::new(solution)).transpose()?,
            kinked,
            search: SearchOptions::default(),
        })
    }

    /// What an error of a value is relative to where nobody consumes: `1 + |value|`, but between a tenth of what values differ by and ten times that.
    pub fn size_of(&self, value: f64) -> f64 {
        let plain = 1.0 + value.abs();
        if self.differ.is_finite() {
            plain.max(LEAST_DIFFERENCE * self.differ).min(self.differ)
        } else {
            plain
        }
    }

    /// Its problem.
    pub fn bellman(&self) -> &'a Bellman<'a> {
        self.bellman
    }

    /// Its reader.
    pub fn reader(&self) -> &Reader<'a> {
        &self.reader
    }

    /// What follows the actions of a period.
    pub fn continuation(&self, time: usize) -> &Continuation {
        &self.continuations[time.min(self.continuations.len() - 1)]
    }

    fn near_kink(&self, at: At, states: &[&[f64]], i: usize) -> bool {
        if self.kinked.is_empty() {
            return false;
        }
        let mut node = 0;
        for (axis, x) in self.bellman.tensor.axes().iter().zip(states) {
            let place = axis.locate(x[i]);
            node = node * axis.nodes().len() + place.cell as usize + usize::from(place.t > 0.5);
        }
        let period = at.time.min(self.continuations.len() - 1);
        self.kinked[(period * self.bellman.nodes() + node) * self.bellman.shocks() + at.shock]
    }
}

/// Nodes close to one where a constraint binds.
fn kinks(bellman: &Bellman, solution: &Solution) -> Vec<bool> {
    let (nodes, nz, ns) = (bellman.nodes(), bellman.shocks(), solution.states.len());
    let mut flags = vec![false; solution.periods * nodes * nz];
    let mut states = vec![vec![0.0; nodes]; ns];
    let mut x = vec![0.0; ns];
    for i in 0..nodes {
        bellman.tensor.node(i, &mut x);
        states.iter_mut().zip(&x).for_each(|(s, x)| s[i] = *x);
    }
    let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
    for time in 0..solution.periods {
        for shock in 0..nz {
            let actions: Vec<Vec<f64>> = solution
                .policy
                .iter()
                .map(|p| solution.column(p, time, shock))
                .collect();
            for (i, b) in super::binding::bindings(bellman, At { shock, time }, &refs, &actions)
                .into_iter()
                .enumerate()
            {
                flags[(time * nodes + i) * nz + shock] = b != super::binding::Binding::Free;
            }
        }
    }
    if !flags.contains(&true) {
        return Vec::new();
    }
    let mut stride = nz;
    for axis in bellman.tensor.axes().iter().rev() {
        let n = axis.nodes().len();
        let before = flags.clone();
        for (k, _) in before.iter().enumerate().filter(|(_, f)| **f) {
            let own = k / stride % n;
            for other in own.saturating_sub(NEIGHBOURS)..=(own + NEIGHBOURS).min(n - 1) {
                flags[k - own * stride + other * stride] = true;
            }
        }
        stride *= n;
    }
    flags
}

impl PathPolicy for SolvedPolicy<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let n = draw.len();
        let continuation = self.continuation(at.time);
        if self.optimise
            && let Ok(mut chosen) = choose(self.bellman, continuation, at, states, n, None, self.search)
        {
            if let Some(given) = &self.given {
                let mut guess = vec![vec![0.0; n]; actions.len()];
                given.actions(self.bellman, at, states, &mut guess);
                let near = SearchOptions {
                    local: true,
                    ..self.search
                };
                if let Ok(other) = choose(self.bellman, continuation, at, states, n, Some(&guess), near) {
                    for i in (0..n).filter(|i| other.value[*i] > chosen.value[*i]) {
                        for (to, from) in chosen.actions.iter_mut().zip(&other.actions) {
                            to[i] = from[i];
                        }
                    }
                }
            }
            for i in 0..n {
                let source = if chosen.probability.is_empty() {
                    &chosen.actions
                } else {
                    let mut left = draw[i];
                    let last = chosen.probability.len() - 1;
                    let pick = (0..last).find(|&g| {
                        left -= chosen.probability[g][i];
                        left < 0.0
                    });
                    &chosen.given[pick.unwrap_or(last)]
                };
                for (to, from) in actions.iter_mut().zip(source) {
                    to[i] = from[i];
                }
            }
            return;
        }
        self.reader.actions(at, states, actions);
        self.mend(at, states, actions, true);
    }

    fn randomises(&self) -> bool {
        self.bellman.taste.is_some()
    }
}

impl SolvedPolicy<'_> {
    /// Chooses again where the interpolation error violates a hard constraint, and (if `kinks`) close to places where one binds:
    /// changes `actions[a][i]` at the states `states[s][i]`, one value per action and one per state at each of the places `i`.
    pub fn mend(&self, at: At, states: &[&[f64]], actions: &mut [Vec<f64>], kinks: bool) {
        let n = actions.first().map_or(0, Vec::len);
        let continuation = self.continuation(at.time);
        if self.bellman.continuous.is_empty() {
            return;
        }
        let refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        let possible = self.bellman.possible(at, states, &refs, n);
        let afresh: Vec<usize> = (0..n)
            .filter(|&i| !possible[i] || kinks && self.near_kink(at, states, i))
            .collect();
        if afresh.is_empty() {
            return;
        }
        let pick = |c: &[f64]| -> Vec<f64> { afresh.iter().map(|&i| c[i]).collect() };
        let part: Vec<Vec<f64>> = states.iter().map(|s| pick(s)).collect();
        let part: Vec<&[f64]> = part.iter().map(Vec::as_slice).collect();
        let guess: Vec<Vec<f64>> = actions.iter().map(|a| pick(a)).collect();
        let search = SearchOptions {
            local: true,
            ..self.search
        };
        if let Ok(chosen) = choose(
            self.bellman,
            continuation,
            at,
            &part,
            afresh.len(),
            Some(&guess),
            search,
        ) {
            for (to, from) in actions.iter_mut().zip(&chosen.actions) {
                for (k, &i) in afresh.iter().enumerate() {
                    to[i] = from[k];
                }
            }
        }
    }
}

/// The same everywhere: finite choices, and for continuous actions a level or a share of what the bounds allow.
#[derive(Clone, Debug)]
pub struct ConstantPolicy<'a> {
    /// The problem's bounds.
    pub bellman: &'a Bellman<'a>,
    /// Share of the way from the lower to the upper bound (or the level itself), one number per continuous action.
    pub continuous: Vec<f64>,
    /// Whether `continuous` are levels, kept inside the bounds.
    pub levels: bool,
    /// Values of the finite actions, one per finite action.
    pub finite: Vec<f64>,
}

impl std::fmt::Debug for Bellman<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bellman")
            .field("nodes", &self.nodes())
            .field("shocks", &self.shocks())
            .finish()
    }
}

impl PathPolicy for ConstantPolicy<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let n = draw.len();
        let (lo, hi) = super::binding::bounds(self.bellman, at, states, n);
        for (f, &a) in self.bellman.finite.iter().enumerate() {
            actions[a][..n].fill(self.finite[f]);
        }
        for (c, &a) in self.bellman.continuous.iter().enumerate() {
            for i in 0..n {
                let (l, h) = (lo[c][i], hi[c][i]);
                actions[a][i] = self.inside(self.continuous[c], l, h);
            }
        }
    }
}

impl ConstantPolicy<'_> {
    /// What constant `x` means between these bounds.
    fn inside(&self, x: f64, lo: f64, hi: f64) -> f64 {
        if self.levels {
            x.max(lo).min(hi)
        } else {
            lo + x * (hi - lo)
        }
    }
}

/// Constant policies of continuous actions side by side: each is played on as many paths as the others, one after the other.
pub struct Constants<'a> {
    /// The first of them; all are shares, or all are levels.
    pub like: ConstantPolicy<'a>,
    /// `[policy][continuous action]`
    pub each: &'a [Vec<f64>],
    /// Paths of one policy.
    pub paths: usize,
}

impl PathPolicy for Constants<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        self.like.act(at, states, draw, actions);
    }

    fn act_on(&self, paths: &[usize], at: At, states: &[&[f64]], _: &[f64], actions: &mut [Vec<f64>]) {
        let (lo, hi) = super::binding::bounds(self.like.bellman, at, states, paths.len());
        for (c, &a) in self.like.bellman.continuous.iter().enumerate() {
            for (i, p) in paths.iter().enumerate() {
                actions[a][i] = self.like.inside(self.each[p / self.paths][c], lo[c][i], hi[c][i]);
            }
        }
    }
}

/// Paths side by side.
pub struct ChainPaths<'a> {
    bellman: &'a Bellman<'a>,
    /// Paths that draw apart; those after them draw what these do, in turn.
    apart: usize,
    starts: Vec<Vec<f64>>,
    /// Chances of first joint shocks.
    first: Vec<f64>,
    keys: [Key; 4],
    step: u64,
    /// `states[s][p]`.
    pub states: Vec<Vec<f64>>,
    /// Joint shock, one per path.
    pub shock: Vec<usize>,
    /// Period, one per path (0 for an infinite horizon).
    pub time: Vec<usize>,
    /// Actions of the last step, `actions[a][p]`.
    pub actions: Vec<Vec<f64>>,
    /// Rewards of the last step, one value per path.
    pub reward: Vec<f64>,
    /// Discount factors of the last step, one value per path.
    pub discount: Vec<f64>,
    /// The terminal payoff of a path that ended in the last step, else `None`; one entry per path.
    pub ended: Vec<Option<f64>>,
    /// Whether the last step's actions violated a hard constraint, one flag per path.
    pub infeasible: Vec<bool>,
    /// Noise node of the last step, one per path.
    pub noise: Vec<usize>,
}

fn draw(probabilities: impl Iterator<Item = f64> + Clone, u: f64) -> usize {
    let mut left = u * probabilities.clone().sum::<f64>();
    let mut last = 0;
    for (i, p) in probabilities.enumerate() {
        left -= p;
        if left < 0.0 {
            return i;
        }
        if p > 0.0 {
            last = i;
        }
    }
    last
}

impl<'a> ChainPaths<'a> {
    /// `paths` worlds at `starts`, `[start][state]`, in turn (the steady state or the middle of the grid if there are none) with
    /// shocks as lives begin (`Spec::first_shock`).
    pub fn new(bellman: &'a Bellman<'a>, paths: usize, seed: u64, starts: &[Vec<f64>]) -> Self {
        let spec = bellman.problem.spec();
        let middle = || -> Vec<f64> {
            bellman
                .tensor
                .axes()
                .iter()
                .map(|a| a.nodes()[a.nodes().len() / 2])
                .collect()
        };
        let mut starts: Vec<Vec<f64>> = starts
            .iter()
            .chain(starts.is_empty().then_some(spec.steady_state.as_ref()).flatten())
            .filter(|s| s.len() == spec.states.len())
            .cloned()
            .collect();
        if starts.is_empty() {
            starts.push(middle());
        }
        let first = spec.first_shocks();
        let keys = [1, 2, 3, 4].map(|stream| Key::new(seed, stream));
        let shock = (0..paths)
            .map(|p| draw(first.iter().copied(), keys[0].uniform(0, p as u64)))
            .collect();
        ChainPaths {
            apart: paths,
            states: (0..spec.states.len())
                .map(|k| (0..paths).map(|p| starts[p % starts.len()][k]).collect())
                .collect(),
            starts,
            first,
            keys,
            step: 0,
            shock,
            time: vec![0; paths],
            actions: vec![vec![0.0; paths]; spec.actions.len()],
            reward: vec![0.0; paths],
            discount: vec![0.0; paths],
            ended: vec![None; paths],
            infeasible: vec![false; paths],
            noise: vec![0; paths],
            bellman,
        }
    }

    /// So many copies of these worlds one after the other, which all draw the same.
    pub fn copied(mut self, copies: usize) -> Self {
        self.states.iter_mut().for_each(|s| *s = s.repeat(copies));
        self.actions.iter_mut().for_each(|a| *a = a.repeat(copies));
        self.shock = self.shock.repeat(copies);
        self.time = self.time.repeat(copies);
        self.reward = self.reward.repeat(copies);
        self.discount = self.discount.repeat(copies);
        self.ended = self.ended.repeat(copies);
        self.infeasible = self.infeasible.repeat(copies);
        self.noise = self.noise.repeat(copies);
        self
    }

    /// The uniform number of a stream (by its place in `keys`) in this period that path `p` draws.
    fn uniform(&self, stream: usize, p: usize) -> f64 {
        self.keys[stream].uniform(self.step, (p % self.apart) as u64)
    }

    /// The same for all paths that draw apart.
    fn uniforms(&self, stream: usize) -> Vec<f64> {
        (0..self.apart).map(|p| self.uniform(stream, p)).collect()
    }

    /// Paths of one key after those of another, each in their order.
    fn grouped<K: Ord>(&self, key: impl Fn(usize) -> K) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.shock.len()).collect();
        order.sort_by_key(|p| key(*p));
        let groups = order.chunk_by(|a, b| key(*a) == key(*b));
        groups.map(<[usize]>::to_vec).collect()
    }

    /// The numbers of `columns`, one per path each, on some lanes.
    pub fn gather(columns: &[Vec<f64>], lanes: &[usize]) -> Vec<Vec<f64>> {
        columns.iter().map(|c| lanes.iter().map(|&p| c[p]).collect()).collect()
    }

    /// One period under `policy`. `before_move` sees the world with this period's states, shocks and actions.
    pub fn step(&mut self, policy: &dyn PathPolicy, before_move: &mut dyn FnMut(&ChainPaths)) {
        let spec = self.bellman.problem.spec();
        let paths = self.shock.len();
        self.step += 1;
        let uniforms = self.uniforms(1);
        for lanes in self.grouped(|p| (self.shock[p], self.time[p])) {
            let (shock, time) = (self.shock[lanes[0]], self.time[lanes[0]]);
            let states = ChainPaths::gather(&self.states, &lanes);
            let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
            let u: Vec<f64> = lanes.iter().map(|&p| uniforms[p % self.apart]).collect();
            let mut actions = vec![vec![0.0; lanes.len()]; self.actions.len()];
            policy.act_on(&lanes, At { shock, time }, &refs, &u, &mut actions);
            for (to, from) in self.actions.iter_mut().zip(&actions) {
                for (k, &p) in lanes.iter().enumerate() {
                    to[p] = from[k];
                }
            }
        }
        let mut next_shock = vec![0; paths];
        let uniforms = self.uniforms(2);
        for p in 0..paths {
            next_shock[p] = draw(
                spec.chain.transition[self.shock[p]].iter().copied(),
                uniforms[p % self.apart],
            );
        }
        let branch = |w: &ChainPaths, p: usize| {
            if spec.next_uses_shock_next {
                next_shock[p]
            } else {
                w.shock[p]
            }
        };
        self.draw_noises(&|w, p| branch(w, p));
        let key = |w: &ChainPaths, p: usize| (w.shock[p], w.time[p], w.noise[p], branch(w, p));
        let mut next = self.states.clone();
        let mut scratch = Scratch::default();
        for lanes in self.grouped(|p| key(self, p)) {
            let (shock, time, noise, branch) = key(self, lanes[0]);
            let states = ChainPaths::gather(&self.states, &lanes);
            let actions = ChainPaths::gather(&self.actions, &lanes);
            let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
            let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
            self.bellman.evaluate(
                At { shock, time },
                noise,
                branch,
                &states,
                &actions,
                lanes.len(),
                &mut scratch,
            );
            for (k, &p) in lanes.iter().enumerate() {
                self.reward[p] = scratch.reward[k];
                self.discount[p] = scratch.discount[k];
                self.infeasible[p] = !(scratch.slack[k] >= crate::solve::bellman::FEASIBLE);
                self.ended[p] = (scratch.end[k] != 0.0).then_some(scratch.paying[k]);
                for (next, column) in next.iter_mut().zip(&scratch.next) {
                    next[p] = column[k];
                }
            }
        }
        before_move(self);
        self.states = next;
        for p in 0..paths {
            self.shock[p] = next_shock[p];
            let over = spec.horizon.is_some_and(|h| self.time[p] + 1 >= h);
            if over && self.ended[p].is_none() {
                self.ended[p] = Some(0.0);
            }
            if self.ended[p].is_some() {
                self.restart(p);
            } else if spec.horizon.is_some() {
                self.time[p] += 1;
            }
        }
    }

    /// Whether the life of each path ends with the period that is over, one flag for each path; asked before anything moves.
    pub fn last(&self) -> impl Iterator<Item = bool> + '_ {
        let horizon = self.bellman.problem.spec().horizon;
        let over = move |time: usize| horizon.is_some_and(|h| time + 1 >= h);
        self.ended
            .iter()
            .zip(&self.time)
            .map(move |(ended, time)| ended.is_some() || over(*time))
    }

    /// Draws the noise node of each path, with the chances that its state, shock and action give it.
    fn draw_noises(&mut self, branch: &dyn Fn(&ChainPaths, usize) -> usize) {
        let paths = self.shock.len();
        let uniforms = self.uniforms(3);
        let uniform = |w: &ChainPaths, p: usize| uniforms[p % w.apart];
        if !self.bellman.problem.spec().chances_move {
            for p in 0..paths {
                let weights = self.bellman.noises.iter();
                let weights = weights.map(|n| fault!("simulation.noise_weights", 1.0, n.1));
                self.noise[p] = self.bellman.noises[draw(weights, uniform(self, p))].0;
            }
            return;
        }
        let key = |w: &ChainPaths, p: usize| (w.shock[p], w.time[p], branch(w, p));
        for lanes in self.grouped(|p| key(self, p)) {
            let (shock, time, next) = key(self, lanes[0]);
            let states = ChainPaths::gather(&self.states, &lanes);
            let actions = ChainPaths::gather(&self.actions, &lanes);
            let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
            let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
            let chances = self
                .bellman
                .chances(At { shock, time }, next, &states, &actions, lanes.len());
            for (k, &p) in lanes.iter().enumerate() {
                let weights = chances.iter().map(|c| c[k].max(0.0));
                self.noise[p] = self.bellman.noises[draw(weights, uniform(self, p))].0;
            }
        }
    }

    /// Lets a new life begin on path `p`.
    pub fn restart(&mut self, p: usize) {
        let start = &self.starts[p % self.apart % self.starts.len()];
        for (column, &x) in self.states.iter_mut().zip(start) {
            column[p] = x;
        }
        self.time[p] = 0;
        self.shock[p] = draw(self.first.iter().copied(), self.uniform(0, p));
    }
}
