//! Prices that look a period ahead: functions, values and policies found together.
//!
//! With functions in the place of prices the economy is an ordinary one ([`forward::closed`]). A round solves it from the values of the last
//! one and works out what the policy makes of the prices: their expressions, with tomorrow's choices by that policy. Where prices rest on
//! themselves tomorrow, that is a fixed point of its own, by Anderson acceleration. What comes out is mixed with what was put in
//! where plain rounds do not come closer. The last round is solved and judged like any model; [`crate::verify::forward`] judges the prices.

use super::{Request, Solved, one};
use crate::check::Model;
use crate::check::model::{PriceFunction, Process, Space};
use crate::diag::Diagnostic;
use crate::env::engine::{Engine, Frame};
use crate::graph::{InputKind, NodeId};
use crate::limits;
use crate::num::anderson::Anderson;
use crate::solve::between::PolicyBetween;
use crate::solve::decision::{Decision, ProblemOptions};
use crate::solve::economy::{Economy, pays};
use crate::solve::forward::{self, Ahead, Source};
use crate::solve::located;
use crate::solve::method::{Structure, Task, word};
use crate::solve::methods;
use crate::solve::problem::DecisionProblem;
use crate::solve::progress::{Control, Progress, Watch};
use crate::solve::solution::Solution;
use crate::solve::value_iteration;
use std::sync::Arc;

/// Most rounds of policies and prices.
const ROUNDS: usize = 100;
/// Most sweeps of values and prices side by side; how little prices change when they are quiet, and for how long they must be.
const SIDE_BY_SIDE: usize = 2000;
const QUIET: f64 = 1e-7;
const CALM: usize = 12;
/// How many times as large as at first prices are that have run away.
const AWAY: f64 = 1e9;
/// Steps of the power iteration on how prices feed on themselves.
const FED: usize = 60;
/// Sweeps without a smaller change after which less is taken over.
const PATIENCE: usize = 100;
/// Most sweeps over prices under one policy.
const SWEEPS: usize = 20_000;
/// Change of prices at which they stand still, as a share of the largest one.
const STILL: f64 = 1e-10;
/// The same for prices under one policy.
const STILL_ALONE: f64 = 1e-13;
/// Points at which prices are worked out side by side.
const AT_ONCE: usize = 1 << 15;
/// Least share of what comes out that is taken over.
const LEAST: f64 = 1.0 / 32.0;
/// Rounds after which the verdict on a solution may ask for more.
const VERDICTS: usize = 3;

/// Solves and judges a model with prices that look ahead.
///
/// # Errors
/// E0859 for prices that cannot be solved for, E0860 where they do not settle; those of [`super::solve`].
pub(super) fn solve(model: &Model, options: &Request, progress: &mut dyn Watch) -> Result<Solved, Vec<Diagnostic>> {
    let single = |d: Diagnostic| vec![d];
    let plan = forward::plan(model).map_err(single)?;
    let by_name = options.method.clone().or_else(|| word(model, "method"));
    let mut search = Search::new(model, &plan).map_err(single)?;
    let mut functions = forward::first(model, &plan).map_err(single)?;
    lone(&forward::closed(model, &functions).map_err(single)?).map_err(single)?;
    let mut last: Option<Solution> = None;
    for _ in 0..VERDICTS {
        let found = search.together(functions, last.take(), by_name.as_deref(), progress)?;
        limits::doing(String::new());
        let closed = forward::closed(model, &found).map_err(single)?;
        let mut solved = one::solve(&closed, by_name.as_deref(), options, progress)?;
        solved.ahead = found;
        // The solution that is handed over may know its policy better than the rounds did.
        let again = search.under(&solved.ahead, &solved.solution).map_err(single)?;
        let (gap, _) = search.apart(&solved.ahead, &again);
        if gap <= 1e3 * STILL {
            let settled = std::mem::take(&mut solved.ahead);
            solved.ahead = fault!("market.forward_shifted", shifted(&settled), settled);
            let closed = forward::closed(model, &solved.ahead).map_err(single)?;
            crate::verify::forward::judge(&closed, &solved.solution, &mut solved.certificate).map_err(single)?;
            let modulus = search.feeds(&solved.ahead, &solved.solution).map_err(single)?;
            solved.certificate.reasons.extend(several_paths(model, modulus));
            return Ok(solved);
        }
        (functions, last) = (again, Some(solved.solution));
    }
    Err(single(
        Diagnostic::error(
            "E0860",
            "the prices that look ahead do not settle: on its final grid the policy implies others",
        )
        .hint("say how fine grids are, `solve { grid.NAME = .. }`, so that all rounds have the same"),
    ))
}

#[cfg(test)]
fn shifted(found: &[PriceFunction]) -> Vec<PriceFunction> {
    let mut out = found.to_vec();
    out.iter_mut()
        .for_each(|f| f.values.iter_mut().for_each(|v| *v *= 1.001));
    out
}

/// Whether one decides, and sees the prices.
fn lone(closed: &Model) -> Result<(), Diagnostic> {
    Economy::of(closed)?.lone().map(|_| ()).map_err(|d| {
        let p = &closed.ahead.prices[0];
        let said = d.into_message();
        Diagnostic::error(
            "E0859",
            format!(
                "the forward price `{}` cannot be solved for: {}",
                p.name,
                said.headline.trim_start_matches("this model cannot be solved: ")
            ),
        )
        .at(p.span, "declared here")
        .hint("prices that look ahead are solved for in economies of one decision maker")
    })
}

/// Whoever watches a solve whose rounds begin again when it was interrupted: their iterations are not kept.
struct Unkept<'a>(&'a mut dyn Watch);

impl Watch for Unkept<'_> {
    fn report(&mut self, progress: Progress) -> Control {
        self.0.report(progress)
    }
}

/// A search for functions.
struct Search<'m> {
    model: &'m Model,
    plan: &'m [Ahead],
    /// Laws of states, quantities of tomorrow, where tomorrow's states are put, expectations, expressions; and arguments of schedules.
    laws: Engine,
    later: Engine,
    pins: Engine,
    expects: Engine,
    bodies: Engine,
    args: Engine,
    /// How often arguments are worked out until those that rest on other prices are known.
    deep: usize,
}

impl<'m> Search<'m> {
    fn new(model: &'m Model, plan: &'m [Ahead]) -> Result<Search<'m>, Diagnostic> {
        let graph = Arc::new(model.graph.clone());
        let engine = |nodes: Vec<NodeId>| Engine::new(graph.clone(), nodes);
        let ahead = &model.ahead;
        let nested = forward::places(model)
            .iter()
            .filter(|(_, _, args)| {
                let below = model.graph.inputs_below(args.iter().copied());
                let price =
                    |i: &crate::graph::InputId| matches!(model.graph.inputs[i.0 as usize].kind, InputKind::Forward(_));
                below.iter().any(price)
            })
            .count();
        let one = |n: NodeId| model.graph.nodes[n.0 as usize].shape.is_empty();
        Ok(Search {
            model,
            plan,
            laws: engine(
                model
                    .states
                    .iter()
                    .map(|s| if one(s.next) { s.next } else { s.node })
                    .collect(),
            )?,
            later: engine(ahead.later.iter().map(|l| l.of).collect())?,
            pins: engine(ahead.prices.iter().flat_map(|p| p.given.iter().map(|g| g.1)).collect())?,
            expects: engine(ahead.expects.iter().map(|e| e.of).collect())?,
            bodies: engine(ahead.prices.iter().map(|p| p.body).collect())?,
            args: engine(
                forward::places(model)
                    .iter()
                    .flat_map(|p| p.2.iter().copied())
                    .collect(),
            )?,
            deep: 1 + nested,
        })
    }

    /// Functions, values and policies at which all of them stand still.
    ///
    /// Where choices are finitely many, prices and values move together, an improvement at a time, until prices stand still: an answer to
    /// prices that was worked out to the end would jump too far. Then, and elsewhere from the beginning, each round solves the model.
    ///
    /// # Errors
    /// E0860; those of the method.
    fn together(
        &mut self,
        mut functions: Vec<PriceFunction>,
        mut last: Option<Solution>,
        by_name: Option<&str>,
        progress: &mut dyn Watch,
    ) -> Result<Vec<PriceFunction>, Vec<Diagnostic>> {
        let jumps = self
            .model
            .actions
            .iter()
            .any(|a| !matches!(a.space, Space::Interval { .. }));
        if last.is_none() && jumps && self.matters() {
            last = Some(self.side_by_side(&mut functions, progress).map_err(|d| vec![d])?);
        }
        match self.by_rounds(&mut functions, last, by_name, progress)? {
            None => Ok(functions),
            Some(d) if jumps || !self.matters() => Err(vec![d]),
            Some(_) => {
                let last = self.side_by_side(&mut functions, progress).map_err(|d| vec![d])?;
                match self.by_rounds(&mut functions, Some(last), by_name, progress)? {
                    None => Ok(functions),
                    Some(d) => Err(vec![d]),
                }
            }
        }
    }

    /// Whether what is chosen may depend on prices that look ahead.
    fn matters(&self) -> bool {
        let g = &self.model.graph;
        let read = g.below(pays(self.model)).through_roots().inputs();
        let forward = |i: &crate::graph::InputId| matches!(g.inputs[i.0 as usize].kind, InputKind::Forward(_));
        read.iter().any(forward)
    }

    /// An improvement of the value for each update of the prices, until both stand nearly still.
    ///
    /// # Errors
    /// Those of an improvement.
    fn side_by_side(
        &mut self,
        functions: &mut [PriceFunction],
        progress: &mut dyn Watch,
    ) -> Result<Solution, Diagnostic> {
        let (mut value, mut quiet, mut share, mut before) = (None, 0, 1.0f64, f64::INFINITY);
        let mut lowest = (f64::INFINITY, 0);
        for sweep in 1.. {
            limits::poll();
            let closed = forward::closed(self.model, functions)?;
            let problem = Decision::new(&closed, &ProblemOptions::default())?;
            let (solution, change) = value_iteration::once(&problem, value.take())?;
            let next = self.under(functions, &solution)?;
            let (gap, _) = self.apart(functions, &next);
            let at = Progress {
                iteration: sweep,
                of: SIDE_BY_SIDE,
                error: gap,
                target: QUIET,
            };
            if progress.report(at) == Control::Cancel {
                return Err(Diagnostic::error("E0906", "stopped"));
            }
            limits::doing(format!(
                "sweep {sweep}: prices change by {gap:.1e}, values by {change:.1e}"
            ));
            quiet = if gap <= QUIET { quiet + 1 } else { 0 };
            if gap < 0.9 * lowest.0 {
                lowest = (gap, sweep);
            }
            // Where they go round, less is taken over.
            if gap >= 0.98 * before && sweep > lowest.1 + PATIENCE {
                share = (0.5 * share).max(LEAST);
                lowest = (gap, sweep);
            }
            before = gap;
            mix(functions, next, share);
            if quiet >= CALM || sweep >= SIDE_BY_SIDE {
                return Ok(solution);
            }
            value = Some(solution.value);
        }
        unreachable!("the loop ends by itself")
    }

    /// Rounds that solve the model and work out what its policy makes of the prices; the message where they do not settle.
    ///
    /// # Errors
    /// E0860 for prices that do not settle under one policy; those of the method.
    fn by_rounds(
        &mut self,
        functions: &mut Vec<PriceFunction>,
        mut last: Option<Solution>,
        by_name: Option<&str>,
        progress: &mut dyn Watch,
    ) -> Result<Option<Diagnostic>, Vec<Diagnostic>> {
        let single = |d: Diagnostic| vec![d];
        let (mut share, mut before) = (1.0f64, f64::INFINITY);
        let mut worst = (f64::INFINITY, String::new());
        for round in 0..ROUNDS {
            let closed = forward::closed(self.model, functions).map_err(single)?;
            let problem = Decision::new(&closed, &ProblemOptions::default()).map_err(single)?;
            let method = methods::choose(by_name, &Structure::of(problem.spec())).map_err(single)?;
            let task = Task {
                model: &closed,
                problem: &problem,
                guess: last.as_ref().and_then(|s| s.values_on(&problem)),
                linear: false,
            };
            let solution = method.solve(task, &mut Unkept(progress)).map_err(single)?;
            let next = self.under(functions, &solution).map_err(single)?;
            let (gap, place) = self.apart(functions, &next);
            limits::doing(format!("round {}: prices change by {gap:.1e}", round + 1));
            last = Some(solution);
            if gap <= STILL {
                *functions = next;
                return Ok(None);
            }
            if gap >= 0.98 * before && round > 1 {
                share = (0.5 * share).max(LEAST);
            }
            if gap < worst.0 {
                worst = (gap, place);
            }
            before = gap;
            mix(functions, next, share);
        }
        Ok(Some(
            Diagnostic::error(
                "E0860",
                format!("prices that look ahead do not settle in {ROUNDS} rounds"),
            )
            .note(format!(
                "at best they still changed by {:.1e} of the largest price, at {}",
                worst.0, worst.1
            ))
            .hint("choices among finitely many may jump back and forth with the price: take a finer grid or smoother chances; another first guess, `start 1` behind the price, may help, too"),
        ))
    }

    /// The functions that a policy implies.
    ///
    /// # Errors
    /// E0860 where they do not stand still.
    fn under(&mut self, from: &[PriceFunction], solution: &Solution) -> Result<Vec<PriceFunction>, Diagnostic> {
        let policy = PolicyBetween::new(Arc::new(solution.clone()))?;
        let names = Places::of(self.model, &policy)?;
        let mut now = from.to_vec();
        let mut accelerated = Anderson::new(8);
        let (mut gap, mut at) = (f64::INFINITY, String::new());
        let mut first = 0.0f64;
        for sweep in 0..SWEEPS {
            limits::poll();
            let next = self.swept(&now, &policy, &names)?;
            (gap, at) = self.apart(&now, &next);
            let largest = |f: &[PriceFunction]| {
                let all = f.iter().flat_map(|f| f.values.iter());
                all.fold(0.0f64, |m, v| m.max(v.abs()))
            };
            // What grows without end changes by an ever smaller share of itself.
            first = first.max(if sweep == 0 {
                largest(&now).max(largest(&next))
            } else {
                0.0
            });
            if !gap.is_finite() || first > 0.0 && largest(&next) > AWAY * first {
                break;
            }
            if gap <= STILL_ALONE || sweep > 0 && !self.chained() {
                return Ok(next);
            }
            let flat = |f: &[PriceFunction]| f.iter().flat_map(|f| f.values.iter().copied()).collect::<Vec<f64>>();
            let (x, y) = (flat(&now), flat(&next));
            let scale = y.iter().fold(0.0f64, |a, b| a.max(b.abs())).max(1e-300);
            let mixed = accelerated.next(&x, &y, &vec![1.0 / scale; x.len()]);
            let mut rest = mixed.into_iter();
            now = next;
            for f in &mut now {
                f.values.iter_mut().zip(&mut rest).for_each(|(v, m)| *v = m);
            }
            // What rounding leaves.
            if gap <= 1e-12 && sweep > 200 {
                return Ok(now);
            }
        }
        Err(Diagnostic::error(
            "E0860",
            "prices that look ahead do not settle, what is chosen being given",
        )
        .note(format!("they still changed by {gap:.1e} of the largest price, at {at}"))
        .hint("a price that feeds on itself by more than it is discounted has no such function: look at the factor before expect(..); another first guess, `start 1`, may help"))
    }

    /// By what prices feed on themselves from one period to the next, choices being given: the largest factor, by power iteration around the functions.
    ///
    /// # Errors
    /// Those of the policy.
    fn feeds(&mut self, at: &[PriceFunction], solution: &Solution) -> Result<f64, Diagnostic> {
        if !self.chained() {
            return Ok(0.0);
        }
        let policy = PolicyBetween::new(Arc::new(solution.clone()))?;
        let names = Places::of(self.model, &policy)?;
        let size = |f: &[PriceFunction]| {
            let all = f.iter().flat_map(|f| f.values.iter());
            all.fold(0.0f64, |m, v| m.max(v.abs()))
        };
        let step = 1e-5 * size(at).max(1e-6);
        let image = self.swept(at, &policy, &names)?;
        let mut moved = at.to_vec();
        for (f, number) in moved.iter_mut().zip(1..) {
            for (k, v) in f.values.iter_mut().enumerate() {
                *v += step * (1.0 + 0.1 * ((k * 7 + number) % 5) as f64);
            }
        }
        let mut factors = Vec::new();
        let mut before = 1.4 * step;
        for _ in 0..FED {
            limits::poll();
            let next = self.swept(&moved, &policy, &names)?;
            let mut largest = 0.0f64;
            for (n, i) in next.iter().zip(&image) {
                for (x, y) in n.values.iter().zip(&i.values) {
                    largest = largest.max((x - y).abs());
                }
            }
            factors.push(largest / before);
            if !largest.is_finite() || largest <= 1e-6 * step {
                break;
            }
            // Back to the size of the step, in the direction that came out.
            for ((m, n), (i, a)) in moved.iter_mut().zip(&next).zip(image.iter().zip(at)) {
                for (k, v) in m.values.iter_mut().enumerate() {
                    *v = a.values[k] + (n.values[k] - i.values[k]) * step / largest;
                }
            }
            before = step;
        }
        // Complex ones make single factors swing.
        let late = &factors[factors.len() / 2..];
        let logs: f64 = late.iter().map(|x| x.max(1e-300).ln()).sum();
        Ok((logs / late.len().max(1) as f64).exp())
    }

    /// Whether prices rest on prices.
    fn chained(&self) -> bool {
        let g = &self.model.graph;
        let ahead = &self.model.ahead;
        let nodes = ahead
            .later
            .iter()
            .map(|l| l.of)
            .chain(ahead.prices.iter().map(|p| p.body));
        let nodes = nodes.chain(ahead.expects.iter().map(|e| e.of));
        let nodes = nodes.chain(self.model.states.iter().map(|s| s.next));
        let read = g.below(nodes).through_roots().inputs();
        let forward = |i: &crate::graph::InputId| matches!(g.inputs[i.0 as usize].kind, InputKind::Forward(_));
        read.iter().any(forward)
    }

    /// Largest change between functions, as a share of the largest value of each, and where it is.
    fn apart(&self, a: &[PriceFunction], b: &[PriceFunction]) -> (f64, String) {
        let mut worst = (0.0f64, String::new());
        for (f, n) in a.iter().zip(b) {
            let scale = n.values.iter().fold(0.0f64, |m, x| m.max(x.abs())).max(1e-300);
            for (k, (x, y)) in f.values.iter().zip(&n.values).enumerate() {
                let gap = (x - y).abs() / scale;
                let gap = if gap.is_nan() { f64::INFINITY } else { gap };
                if gap > worst.0 {
                    worst = (gap, located_at(f, k));
                }
            }
        }
        worst
    }

    /// Each price's expression, prices of tomorrow and today by `functions`.
    fn swept(
        &mut self,
        functions: &[PriceFunction],
        policy: &PolicyBetween,
        names: &Places,
    ) -> Result<Vec<PriceFunction>, Diagnostic> {
        let mut out = functions.to_vec();
        for (i, f) in out.iter_mut().enumerate() {
            let draws = self.draws(i);
            let size = f.values.len();
            let step = (AT_ONCE / draws.len().max(1)).max(1);
            for from in (0..size).step_by(step) {
                let to = (from + step).min(size);
                let values = self.at_nodes(i, (from, to), functions, &draws, policy, names)?;
                f.values[from..to].copy_from_slice(&values);
            }
        }
        Ok(out)
    }

    /// All combinations of next states of the shocks that matter to a price.
    fn draws(&self, price: usize) -> Vec<Vec<usize>> {
        let mut out: Vec<Vec<usize>> = vec![Vec::new()];
        for s in &self.plan[price].shocks {
            let n = match &self.model.shocks[*s].process {
                Process::Chain { values, .. } => values.len(),
                _ => 1,
            };
            out = (out.iter())
                .flat_map(|head| (0..n).map(move |k| head.iter().copied().chain([k]).collect()))
                .collect();
        }
        out
    }

    /// The price at nodes `from..to` of its function.
    fn at_nodes(
        &mut self,
        price: usize,
        (from, to): (usize, usize),
        functions: &[PriceFunction],
        draws: &[Vec<usize>],
        policy: &PolicyBetween,
        names: &Places,
    ) -> Result<Vec<f64>, Diagnostic> {
        let (model, plan) = (self.model, &self.plan[price]);
        let p = &model.ahead.prices[price];
        let lanes = (to - from) * draws.len();
        let mut today = blank(model, lanes);
        let mut pinned: Vec<(usize, Vec<f64>)> = p.args.iter().map(|s| (*s, vec![0.0; lanes])).collect();
        let own = plan.own.len();
        for (n, node) in (from..to).enumerate() {
            let at = coordinates(&functions[price], node);
            for (d, x) in at.iter().enumerate() {
                let lane = n * draws.len()..(n + 1) * draws.len();
                match plan.own.get(d) {
                    Some(Source::State(s)) => today[model.states[*s].input.0 as usize][lane].fill(*x),
                    Some(Source::Shock(s)) => today[model.shocks[*s].input.0 as usize][lane].fill(*x),
                    None => pinned[d - own].1[lane].fill(*x),
                }
            }
        }
        for (k, s) in plan.shocks.iter().enumerate() {
            let next = &mut today[model.shocks[*s].next.0 as usize];
            for (lane, x) in next.iter_mut().enumerate() {
                *x = draws[lane % draws.len()][k] as f64;
            }
        }
        if plan.acts {
            choose(model, &mut today, policy, names);
        }
        self.prices_of(&mut today, functions, lanes)?;
        let skip: usize = model.ahead.prices[..price].iter().map(|p| p.given.len()).sum();
        let pins = self.pins.run(&today, lanes)?;
        for (k, (s, _)) in p.given.iter().enumerate() {
            pinned.push((*s, pins[skip + k].clone()));
        }
        let mut tomorrow = blank(model, lanes);
        if !plan.moved.is_empty() {
            let laws = self.laws.run(&today, lanes)?;
            for s in &plan.moved {
                tomorrow[model.states[*s].input.0 as usize].copy_from_slice(&laws[*s]);
            }
        }
        for (s, x) in pinned {
            tomorrow[model.states[s].input.0 as usize] = x;
        }
        for s in &plan.shocks {
            let next = today[model.shocks[*s].next.0 as usize].clone();
            tomorrow[model.shocks[*s].input.0 as usize] = fault!(
                "market.forward_shocks_of_today",
                today[model.shocks[*s].input.0 as usize].clone(),
                next
            );
        }
        if plan.acts {
            choose(model, &mut tomorrow, policy, names);
        }
        self.prices_of(&mut tomorrow, functions, lanes)?;
        for (l, x) in model.ahead.later.iter().zip(self.later.run(&tomorrow, lanes)?) {
            today[l.input.0 as usize] = x;
        }
        let weights: Vec<f64> = (0..lanes)
            .map(|lane| chance(model, &plan.shocks, &today, lane))
            .collect();
        for (e, x) in model.ahead.expects.iter().zip(self.expects.run(&today, lanes)?) {
            let own = &mut today[e.input.0 as usize];
            for n in 0..to - from {
                let lane = n * draws.len()..(n + 1) * draws.len();
                let parts = lane.clone().filter(|l| weights[*l] > 0.0);
                let mean: f64 = parts.map(|l| weights[l] * x[l]).sum();
                own[lane].fill(mean);
            }
        }
        let bodies = self.bodies.run(&today, lanes)?;
        Ok(bodies[price].iter().step_by(draws.len()).copied().collect())
    }

    /// Puts prices where they are read, by functions.
    fn prices_of(&mut self, frame: &mut Frame, functions: &[PriceFunction], lanes: usize) -> Result<(), Diagnostic> {
        let model = self.model;
        let places = forward::places(model);
        for _ in 0..self.deep {
            let args = self.args.run(frame, lanes)?;
            let mut first = 0;
            for (k, input, own) in &places {
                let f = &functions[*k];
                let plan = &self.plan[*k];
                let mut at = vec![0.0f64; lanes];
                for (d, dim) in f.dims.iter().enumerate() {
                    let x = match plan.own.get(d) {
                        Some(Source::State(s)) => &frame[model.states[*s].input.0 as usize],
                        Some(Source::Shock(s)) => &frame[model.shocks[*s].input.0 as usize],
                        None => &args[first + d - plan.own.len()],
                    };
                    for (at, x) in at.iter_mut().zip(x) {
                        *at = *at * dim.len as f64 + (x - dim.first as f64);
                    }
                }
                first += own.len();
                let last = f.values.len() as f64 - 1.0;
                let read = at.iter().map(|i| match i.is_nan() {
                    true => f64::NAN,
                    false => f.values[i.clamp(0.0, last) as usize],
                });
                frame[input.0 as usize] = read.collect();
            }
        }
        Ok(())
    }
}

/// The warning where prices feed on themselves by more than one.
fn several_paths(model: &Model, modulus: f64) -> Option<Diagnostic> {
    let p = model.ahead.prices.first()?;
    (modulus > 1.0 + 1e-4).then(|| {
        Diagnostic::warning(
            "W0988",
            format!("prices that look ahead feed on themselves by a factor of {modulus:.4} a period: other paths solve their equations, too"),
        )
        .at(p.span, "such prices")
        .note("shown is the one that depends on present states and shocks alone; a belief that moves it would be fulfilled and die out")
        .hint("look at what keeps them from it: a rule that answers prices more strongly, a larger discount; a claim `in [0, inf)` refuses a price of the wrong sign")
    })
}

/// Takes over a share of what comes out.
fn mix(functions: &mut [PriceFunction], next: Vec<PriceFunction>, share: f64) {
    for (f, n) in functions.iter_mut().zip(next) {
        for (x, y) in f.values.iter_mut().zip(n.values) {
            *x = if share < 1.0 { *x + share * (y - *x) } else { y };
        }
    }
}

/// A frame of a model, with its parameters and zeros.
fn blank(model: &Model, lanes: usize) -> Frame {
    let g = &model.graph;
    let mut out: Frame = (g.inputs.iter())
        .map(|i| vec![0.0; g.elements(&i.shape) * lanes])
        .collect();
    for p in &model.params {
        if let Some(i) = p.input {
            for (e, x) in p.values.iter().enumerate() {
                out[i.0 as usize][e * lanes..(e + 1) * lanes].fill(*x);
            }
        }
    }
    out
}

/// Where states, shocks and actions of a policy stand among the model's inputs.
struct Places {
    states: Vec<usize>,
    /// The input of each shock.
    shocks: Vec<usize>,
    actions: Vec<usize>,
}

impl Places {
    fn of(model: &Model, policy: &PolicyBetween) -> Result<Places, Diagnostic> {
        let s = policy.solution();
        let lost =
            |name: &str| Diagnostic::error("E0815", format!("the model has no `{name}`, which the solution has"));
        let states = s.states.iter().map(|x| {
            let found = located::state(model, &x.name).ok_or_else(|| lost(&x.name))?;
            Ok(model.states[found.0].input.0 as usize)
        });
        let shocks = s.chain.names.iter().map(|x| {
            let found = located::shock(model, x).ok_or_else(|| lost(x))?;
            Ok(model.shocks[found.0].input.0 as usize)
        });
        let actions = s.actions.iter().map(|x| {
            let found = located::action(model, &x.name).ok_or_else(|| lost(&x.name))?;
            Ok(model.actions[found.0].input.0 as usize)
        });
        Ok(Places {
            states: states.collect::<Result<_, Diagnostic>>()?,
            shocks: shocks.collect::<Result<_, Diagnostic>>()?,
            actions: actions.collect::<Result<_, Diagnostic>>()?,
        })
    }
}

/// Puts what is chosen into a frame of scalars.
fn choose(model: &Model, frame: &mut Frame, policy: &PolicyBetween, names: &Places) {
    let lanes = frame.first().map_or(0, Vec::len);
    let _ = model;
    let (mut z, mut x) = (vec![0.0; names.shocks.len()], vec![0.0; names.states.len()]);
    for lane in 0..lanes {
        for (z, i) in z.iter_mut().zip(&names.shocks) {
            *z = frame[*i][lane];
        }
        for (x, i) in x.iter_mut().zip(&names.states) {
            *x = frame[*i][lane];
        }
        let spot = policy.spot(0, &z, &x);
        for (k, i) in names.actions.iter().enumerate() {
            frame[*i][lane] = policy.action(k, &spot);
        }
    }
}

/// The chance of a lane's next draws.
fn chance(model: &Model, shocks: &[usize], frame: &Frame, lane: usize) -> f64 {
    let now = |s: usize| frame[model.shocks[s].input.0 as usize][lane] as usize;
    let next = |s: usize| frame[model.shocks[s].next.0 as usize][lane] as usize;
    let each = shocks.iter().map(|s| match &model.shocks[*s].process {
        Process::Chain { matrices, given, .. } => {
            let mut which = 0;
            for (other, later) in given {
                let n = match &model.shocks[*other].process {
                    Process::Chain { values, .. } => values.len(),
                    _ => 1,
                };
                which = which * n + if *later { next(*other) } else { now(*other) };
            }
            matrices[which][now(*s)][next(*s)]
        }
        _ => 1.0,
    });
    each.product()
}

/// What a node of a function stands for, one number per dimension.
fn coordinates(f: &PriceFunction, node: usize) -> Vec<f64> {
    let mut rest = node;
    let mut out: Vec<f64> = (f.dims.iter().rev())
        .map(|d| {
            let k = rest % d.len;
            rest /= d.len;
            (d.first + k as i64) as f64
        })
        .collect();
    out.reverse();
    out
}

/// The same in words.
fn located_at(f: &PriceFunction, node: usize) -> String {
    let at = coordinates(f, node);
    let parts: Vec<String> = f.dims.iter().zip(at).map(|(d, x)| format!("{} {x}", d.name)).collect();
    match parts.is_empty() {
        true => f.name.clone(),
        false => format!("{} at {}", f.name, parts.join(", ")),
    }
}
