//! Best replies in turn: each player's problem is solved against what the others did last, until nobody's policy moves.
//!
//! It takes choices of every kind, kinks and states of whole numbers, since each reply is found by a method for one who decides. Members that
//! are interchangeable share one reply. Numbers move half of the way to a reply after the first rounds, finite choices all of it; what has to
//! stand still is the distance between policies and replies, not the step that was taken. Where finite choices come back to where they were,
//! the replies go round in a circle, and that is said.
//!
//! Fudenberg and Levine (1998), *The Theory of Learning in Games*, chapter 2, on when such iterations settle.

use super::{EquilibriumMethod, Found, allowed, more_work};
use crate::check::Model;
use crate::check::conduct::Concept;
use crate::diag::Diagnostic;
use crate::graph::{AxisId, Op};
use crate::num::interpolate::Outside;
use crate::solve::bellman::{At, Bellman, Continuation, Interpolation, Scratch};
use crate::solve::decision::others::Others;
use crate::solve::decision::{self, Decision, kept_from_fellows};
use crate::solve::economy::{Deciding, Economy, cannot};
use crate::solve::located;
use crate::solve::method::{Method, Task};
use crate::solve::observed::Knows;
use crate::solve::policy_operator::evaluated;
use crate::solve::problem::{ActionKind, DecisionProblem, Lanes};
use crate::solve::progress::{Control, Progress, Watch};
use crate::solve::search::{SearchOptions, choose};
use crate::solve::solution::{Player, Record, Solution};
use crate::solve::value_iteration::ValueIteration;
use std::cell::Cell;

/// Most places of the joint grid, states times shocks.
const MOST_PLACES: f64 = 5e6;
/// Most players.
const PLAYERS: usize = 8;
/// Most rounds, and those after which numbers move half of the way only.
const ROUNDS: usize = 200;
const WHOLE: usize = 3;
/// Largest distance of a number from its reply that counts as none, as a share of its size (of one where it is smaller).
const SETTLED: f64 = 1e-6;
/// Where policies start: shares of the way from the lower end of every range to the upper one.
const STARTS: [f64; 3] = [0.5, 0.0, 1.0];
/// What stands for an end that a range has not.
const FAR: f64 = 1.0;
/// Policies that differ by less are the same equilibrium.
const SAME: f64 = 1e-3;
/// Most instructions of all replies together, for each time that `work` allows: a count, the same on every machine.
const WORK: f64 = 1.25e9;
/// How exactly policies are evaluated to say what a deviation gains, nodes that are worked on together, and most places at which deviations are looked for.
const EVALUATED: f64 = 1e-6;
const BLOCK: usize = 64;
const LOOKED_AT: usize = 4096;

/// The method.
pub struct BestReplies;

impl EquilibriumMethod for BestReplies {
    fn name(&self) -> &'static str {
        "best_replies"
    }

    fn about(&self) -> &'static str {
        "each player's problem solved against the others' last policies, in turn, until nobody's moves; choices and states of every kind"
    }

    fn keys(&self) -> &'static [&'static str] {
        &[]
    }

    fn knows(&self) -> Knows {
        Knows::States
    }

    fn fits(&self, economy: &Economy) -> Result<(), String> {
        let model = economy.model;
        if economy.concept != Concept::Nash {
            return Err(format!("its concept is `{}`, not `nash`", economy.concept.word()));
        }
        if model.states.is_empty() {
            return Err("it has no states".into());
        }
        if model.stages.len() > 1 {
            return Err("agents act in stages".into());
        }
        if economy.seats.iter().any(|s| !s.takes.is_empty()) {
            return Err("somebody takes a price as given".into());
        }
        let many: usize = economy
            .seats
            .iter()
            .map(|s| if let Deciding::Each(n) = s.members { n } else { 1 })
            .sum();
        if many > PLAYERS || model.graph.axes.iter().any(|a| a.continuum) {
            return Err(format!("it has more than {PLAYERS} players"));
        }
        if let Some(name) = kept_from_fellows(model) {
            return Err(format!("`{name}` is known to one member and not to the others"));
        }
        if model.actions.iter().any(|a| a.taste.is_some()) {
            return Err("choices have taste shocks".into());
        }
        Ok(())
    }

    fn solve(&self, economy: &Economy, _seed: u64, progress: &mut dyn Watch) -> Result<Found, Vec<Diagnostic>> {
        let mut game = Game::new(economy).map_err(|d| vec![d])?;
        let mut scope = Vec::new();
        let (mut found, mut begun, mut failed) = game.all_starts(progress)?;
        // Members who are alike need not do alike: one may be in and the other out.
        if found.is_empty() && game.shared.iter().any(Option::is_some) && game.work.get() <= game.most() {
            game.shared = vec![None; game.shared.len()];
            let (apart, more, _) = game.all_starts(progress)?;
            found = apart;
            scope = vec![
                format!("members alike who do alike: none from {begun} starts"),
                format!("each by itself: {more} starts"),
            ];
            begun += more;
            failed = failed.map(|d| d.note(ALIKE_AND_APART));
        }
        if found.is_empty() {
            return Err(failed.into_iter().collect());
        }
        let solution = found.remove(0);
        Ok(Found {
            solution,
            others: found,
            searches: begun,
            scope,
            discretised: game.discretised,
            steady_state: Vec::new(),
            perceived: None,
            population: None,
        })
    }
}

/// The grids of an economy with everybody who decides on them, as a solution in which nobody has chosen yet.
///
/// # Errors
/// Those of the grids; E0904 where they have too many places.
pub fn frame(economy: &Economy) -> Result<Solution, Diagnostic> {
    Ok(Game::new(economy)?.empty)
}

/// What was looked for where members are alike, for a refusal.
const ALIKE_AND_APART: &str =
    "members who are alike were looked for with one policy for all, and then each with its own; neither settles";

/// The largest distance of a number, as a share of its size, and how many finite choices differ.
fn distance(a: &Solution, b: &Solution) -> (f64, usize) {
    let (mut far, mut differ) = (0.0f64, 0);
    for ((x, y), action) in a.policy.iter().zip(&b.policy).zip(&a.actions) {
        match action.kind {
            ActionKind::Continuous => {
                let by = x.iter().zip(y).map(|(x, y)| (x - y).abs() / y.abs().max(1.0));
                far = by.fold(far, f64::max);
            }
            ActionKind::Finite { .. } => differ += x.iter().zip(y).filter(|(x, y)| x != y).count(),
        }
    }
    (far, differ)
}

/// A game on its grids.
struct Game<'m> {
    model: &'m Model,
    build: decision::ProblemOptions,
    /// A solution in which nobody has chosen yet.
    empty: Solution,
    /// The bounds of each continuous action, one pair per node, shocks fastest; finite ones have what is allowed first and last.
    ends: Vec<Vec<(f64, f64)>>,
    /// For each player the earlier one whose reply it shares, where there is one.
    shared: Vec<Option<usize>>,
    discretised: Vec<decision::Discretised>,
    /// Instructions of all replies so far.
    work: Cell<f64>,
}

impl<'m> Game<'m> {
    /// The grids of an economy: those of one who decides for all.
    fn new(economy: &Economy<'m>) -> Result<Game<'m>, Diagnostic> {
        let model = economy.model;
        let mut build = decision::ProblemOptions::default();
        let problem = Decision::frame(model, &build)?;
        if let Some(nodes) = problem.automatic {
            build.nodes = nodes;
        }
        let spec = problem.spec();
        if spec.horizon.is_some() {
            return Err(cannot("a game with a horizon has policies for every period"));
        }
        let states = Solution::states_of(&problem);
        let joint: f64 = states.iter().map(|s| s.nodes.len() as f64).product();
        let joint = joint * spec.chain.transition.len() as f64;
        if joint > MOST_PLACES {
            let sizes: Vec<String> = states.iter().map(|s| format!("{} {}", s.nodes.len(), s.name)).collect();
            return Err(Diagnostic::error(
                "E0904",
                format!("the states of all players make {joint:.1e} places, too many for best replies"),
            )
            .note(format!(
                "nodes: {}; {} shock states",
                sizes.join(", "),
                spec.chain.transition.len()
            ))
            .hint("give states fewer nodes (grid.NAME = uniform(5)), or leave out players"));
        }
        let size = states.iter().map(|s| s.nodes.len()).product::<usize>() * spec.chain.transition.len();
        let mut players = Vec::new();
        for seat in &economy.seats {
            for agent in &seat.agents {
                let several = model.graph.elements(&model.agents[*agent].shape);
                for m in 0..several.max(1) {
                    let own = |name: &str| {
                        located::action(model, name).is_some_and(|(a, e)| {
                            let elements = model.graph.elements(&model.actions[a].shape);
                            model.actions[a].owner == *agent
                                && located::own(model, *agent, (several > 1).then_some(m), elements).contains(&e)
                        })
                    };
                    let name = &model.agents[*agent].name;
                    players.push(Player {
                        name: if several > 1 {
                            format!("{name}[{}]", m + 1)
                        } else {
                            name.clone()
                        },
                        agent: *agent,
                        member: (several > 1).then_some(m),
                        actions: (0..spec.actions.len())
                            .filter(|k| own(&spec.actions[*k].name))
                            .collect(),
                        own: None,
                        value: vec![0.0; size],
                    });
                }
            }
        }
        let shared = (0..players.len())
            .map(|i| {
                let alike = |a: &Player| {
                    let axis = model.agents[a.agent].axis;
                    a.agent == players[i].agent && axis.is_some_and(|x| interchangeable(model, x))
                };
                players[..i].iter().position(alike)
            })
            .collect();
        Ok(Game {
            model,
            ends: ends(&problem, &states),
            empty: Solution {
                method: "best_replies".into(),
                states,
                chain: spec.chain.clone(),
                actions: spec.actions.clone(),
                periods: 1,
                infinite: true,
                interpolation: Interpolation::Cubic,
                value: vec![0.0; size],
                policy: vec![vec![0.0; size]; spec.actions.len()],
                probability: Vec::new(),
                worth: Vec::new(),
                given: Vec::new(),
                mixed: Vec::new(),
                players,
                record: Record::default(),
            },
            build,
            shared,
            discretised: problem.discretised.clone(),
            work: Cell::new(0.0),
        })
    }

    /// The equilibria from all starts, how many starts were tried, and why the first that failed did.
    ///
    /// # Errors
    /// E0906 when stopped.
    #[allow(clippy::type_complexity)]
    fn all_starts(
        &self,
        progress: &mut dyn Watch,
    ) -> Result<(Vec<Solution>, usize, Option<Diagnostic>), Vec<Diagnostic>> {
        let mut found: Vec<Solution> = Vec::new();
        let mut failed: Option<Diagnostic> = None;
        let mut begun = 0;
        for start in STARTS {
            // A start that used up the work leaves none to the others.
            if self.work.get() > self.most() && begun > 0 {
                break;
            }
            begun += 1;
            match self.settle(start, progress) {
                Ok(s) => {
                    if found.iter().all(|f| distance(f, &s).0 > SAME || distance(f, &s).1 > 0) {
                        found.push(s);
                    }
                }
                Err(d) if d.code == "E0906" => return Err(vec![d]),
                Err(d) => failed = failed.or(Some(d)),
            }
        }
        Ok((found, begun, failed))
    }

    /// Most instructions of all replies.
    fn most(&self) -> f64 {
        WORK * allowed(self.model)
    }

    /// Replies until nobody moves, from a start.
    fn settle(&self, start: f64, progress: &mut dyn Watch) -> Result<Solution, Diagnostic> {
        let mut now = self.empty.clone();
        for ((p, ends), action) in now.policy.iter_mut().zip(&self.ends).zip(&self.empty.actions) {
            for (x, (lo, hi)) in p.iter_mut().zip(ends) {
                *x = match action.kind {
                    ActionKind::Continuous => lo + start * (hi - lo),
                    ActionKind::Finite { .. } if start < 1.0 => *lo,
                    ActionKind::Finite { .. } => *hi,
                };
            }
        }
        let finite = self.empty.actions.iter().any(|a| a.kind != ActionKind::Continuous);
        let mut seen: Vec<Vec<Vec<f64>>> = Vec::new();
        let mut guesses: Vec<Option<Vec<f64>>> = vec![None; now.players.len()];
        let mut last = (f64::INFINITY, 0);
        let mut done = ROUNDS;
        for round in 0..ROUNDS {
            if self.work.get() > self.most() {
                done = round;
                break;
            }
            let report = Progress {
                iteration: round,
                of: ROUNDS,
                error: last.0.max(last.1 as f64),
                target: SETTLED,
            };
            if progress.report(report) == Control::Cancel {
                return Err(Diagnostic::error("E0906", "stopped before the replies settled"));
            }
            let before = now.clone();
            let mut replies = now.clone();
            for i in (0..now.players.len()).filter(|i| self.shared[*i].is_none()) {
                let Some(reply) = self.reply(&now, i, guesses[i].take(), progress)? else {
                    return Err(self.with_gain(self.unreplied(i, round), &now));
                };
                self.put(&reply, i, &mut replies)?;
                guesses[i] = Some(reply.value.clone());
                now.interpolation = reply.interpolation;
                // Who is next replies to what is done now; members who share a reply do so at once.
                for (j, _) in self.shared.iter().enumerate().filter(|(_, s)| **s == Some(i)) {
                    self.swap(i, j, &mut replies);
                }
                self.step(round, i, &replies, &mut now);
            }
            last = distance(&before, &replies);
            for (p, r) in now.players.iter_mut().zip(&replies.players) {
                p.value.clone_from(&r.value);
            }
            if last.0 <= SETTLED && last.1 == 0 {
                now.value = now.players.first().map_or_else(Vec::new, |p| p.value.clone());
                now.record.iterations = round + 1;
                now.record.policy_change = last.0;
                now.record.target = SETTLED;
                return Ok(now);
            }
            if finite && last.0 <= SETTLED {
                let choices = now.policy.clone();
                if let Some(k) = seen.iter().position(|s| *s == choices) {
                    return Err(self.with_gain(self.circle(seen.len() - k, last.1), &now));
                }
                seen.push(choices);
            }
        }
        let why = match done {
            ROUNDS => format!("no convergence: best replies did not settle in {ROUNDS} rounds"),
            n => {
                format!("no convergence: best replies did not settle within the work that is done for them, {n} rounds")
            }
        };
        let failed = Diagnostic::error("E0979", why).note(format!(
            "in the last round a number moved by {:.1e} of its size, and {} finite choices changed",
            last.0, last.1
        ))
        .hint(format!("{}; another method (econc solve FILE --why lists them); taste shocks on finite choices, so that small changes have small effects; the model may have no equilibrium in such policies", more_work(allowed(self.model))));
        Err(self.with_gain(failed, &now))
    }

    /// The message that nothing settled, with what somebody would gain from leaving the last policies for one period.
    fn with_gain(&self, failed: Diagnostic, now: &Solution) -> Diagnostic {
        let mut best: Option<(f64, usize)> = None;
        for i in (0..now.players.len()).filter(|i| self.shared[*i].is_none()) {
            match self.one_shot(now, i) {
                Ok(gain) if best.is_none_or(|b| gain > b.0) => best = Some((gain, i)),
                Ok(_) | Err(_) => {}
            }
        }
        match best {
            Some((gain, i)) => failed.note(format!(
                "no convergence: the largest gain from one deviation is {gain:.2e} in units of the reward, of `{}`",
                now.players[i].name
            )),
            None => failed,
        }
    }

    /// The most that a player gains by one deviation from the policies of now, in any state and shock of its grid, if everybody, it too, follows them from the
    /// next period on.
    fn one_shot(&self, now: &Solution, player: usize) -> Result<f64, Diagnostic> {
        let others = Others::of(self.model, now, &now.players[player])?;
        let problem = Decision::among(self.model, &self.build, &others)?;
        let mut bellman = Bellman::new(&problem, Interpolation::Linear)?;
        // Beyond its grid nobody has gone: what lies there is worth what the edge is.
        bellman.tensor.outside = Outside::Flat;
        let own = Solution {
            states: Solution::states_of(&problem),
            chain: problem.spec().chain.clone(),
            actions: problem.spec().actions.clone(),
            ..self.empty.clone()
        };
        let (at, nz, nodes) = (self.places(&own, now)?, bellman.shocks(), bellman.nodes());
        // For each place of the problem one of the economy's that is read there.
        let mut from = vec![None; nodes * nz];
        (0..now.value.len()).for_each(|i| from[at(i)] = Some(i));
        let lost = || cannot("a player's problem has another grid than the economy");
        let does: Vec<Vec<f64>> = (own.actions.iter())
            .map(|action| {
                let a = now
                    .actions
                    .iter()
                    .position(|a| a.name == action.name)
                    .ok_or_else(lost)?;
                let one = |i: &Option<usize>| i.map(|i| now.policy[a][i]).ok_or_else(lost);
                from.iter().map(one).collect()
            })
            .collect::<Result<_, Diagnostic>>()?;
        let (value, ..) = evaluated(&bellman, &does, vec![0.0; nodes * nz], EVALUATED, BLOCK);
        let mut continuation = Continuation::default();
        bellman.continuation(&bellman.tensor, &value, &mut continuation);
        let (mut most, mut scratch, mut x) = (0.0f64, Scratch::default(), vec![0.0; own.states.len()]);
        // Some thousands of places are enough to show that there is no equilibrium.
        let stride = (nodes * nz).div_ceil(LOOKED_AT).max(1);
        for shock in 0..nz {
            let here: Vec<usize> = (0..nodes).skip(shock % stride).step_by(stride).collect();
            for part in here.chunks(BLOCK) {
                crate::limits::poll();
                let mut columns = vec![vec![0.0; part.len()]; own.states.len()];
                for (k, n) in part.iter().enumerate() {
                    bellman.tensor.node(*n, &mut x);
                    columns.iter_mut().zip(&x).for_each(|(c, x)| c[k] = *x);
                }
                let states: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
                let played: Vec<Vec<f64>> = (does.iter())
                    .map(|d| part.iter().map(|n| d[n * nz + shock]).collect())
                    .collect();
                let actions: Vec<&[f64]> = played.iter().map(Vec::as_slice).collect();
                let (mut q, mut slack) = (vec![0.0; part.len()], vec![0.0; part.len()]);
                let place = At { shock, time: 0 };
                bellman.q(
                    &continuation,
                    place,
                    &states,
                    &actions,
                    &mut scratch,
                    &mut q,
                    &mut slack,
                );
                let search = SearchOptions::default();
                let Ok(best) = choose(
                    &bellman,
                    &continuation,
                    place,
                    &states,
                    part.len(),
                    Some(&played),
                    search,
                ) else {
                    continue;
                };
                let gains = best.value.iter().zip(&q).zip(&slack).filter(|(_, s)| **s >= 0.0);
                most = gains
                    .map(|((b, q), _)| b - q)
                    .filter(|g| g.is_finite())
                    .fold(most, f64::max);
            }
        }
        Ok(most)
    }

    /// That a player's best reply itself does not settle.
    fn unreplied(&self, player: usize, round: usize) -> Diagnostic {
        let name = &self.empty.players[player].name;
        let why = match self.work.get() > self.most() {
            true => format!(
                "no convergence: best replies did not settle within the work that is done for them, {round} rounds and then that of `{name}`"
            ),
            false => format!("no convergence: the best reply of `{name}` does not settle, after {round} rounds"),
        };
        Diagnostic::error("E0979", why).hint(format!("{}; taste shocks on finite choices, so that small changes have small effects; the model may have no equilibrium in such policies; `econc simulate` and `econc train` run it", more_work(allowed(self.model))))
    }

    fn circle(&self, length: usize, changed: usize) -> Diagnostic {
        let who: Vec<String> = self.empty.players.iter().map(|p| format!("`{}`", p.name)).collect();
        Diagnostic::error(
            "E0979",
            format!("best replies of {} go round in a circle of {length} rounds", who.join(" and ")),
        )
        .note(format!("{changed} choices change from round to round"))
        .hint("taste shocks on finite choices (`taste gumbel(scale)`) make an equilibrium in mixed policies; in pure ones there may be none")
    }

    /// The best reply of a player to what the others do now; `None` where it does not settle, or not within the work that is done for all replies.
    fn reply(
        &self,
        now: &Solution,
        player: usize,
        guess: Option<Vec<f64>>,
        progress: &mut dyn Watch,
    ) -> Result<Option<Solution>, Diagnostic> {
        let others = Others::of(self.model, now, &now.players[player])?;
        let problem = Decision::among(self.model, &self.build, &others)?;
        let task = Task {
            model: self.model,
            problem: &problem,
            guess,
            linear: false,
        };
        let mut over = false;
        let reply = ValueIteration.solve(task, &mut |p: Progress| {
            // One reply that does not settle would use up what is done for all of them, and more.
            over = self.work.get() + problem.work() > self.most();
            if over { Control::Cancel } else { progress.report(p) }
        });
        self.work.set(self.work.get() + problem.work());
        match reply {
            Err(_) if over => Ok(None),
            Err(d) if d.code == "E0901" => Ok(None),
            reply => reply.map(Some),
        }
    }

    /// Which place of a reply's arrays each place of the economy's is.
    fn places(&self, reply: &Solution, into: &Solution) -> Result<impl Fn(usize) -> usize + use<>, Diagnostic> {
        let lost = || cannot("a player's problem has another grid than the economy");
        // For each state and shock of the economy, which of the reply's it is.
        let mut nodes = vec![0usize; into.nodes()];
        let mut inner = into.nodes();
        let strides = strides(reply.states.iter().map(|s| s.nodes.len()));
        for s in &into.states {
            inner /= s.nodes.len();
            let Some(k) = reply.states.iter().position(|r| r.name == s.name) else {
                continue;
            };
            if reply.states[k].nodes != s.nodes {
                return Err(lost());
            }
            for (i, n) in nodes.iter_mut().enumerate() {
                *n += i / inner % s.nodes.len() * strides[k];
            }
        }
        let places: Vec<usize> = (reply.chain.names.iter())
            .map(|n| into.chain.names.iter().position(|x| x == n).ok_or_else(lost))
            .collect::<Result<_, _>>()?;
        let shocks: Vec<usize> = into
            .chain
            .values
            .iter()
            .map(|v| {
                let own: Vec<f64> = places.iter().map(|p| v[*p]).collect();
                reply.chain.values.iter().position(|r| *r == own).ok_or_else(lost)
            })
            .collect::<Result<_, _>>()?;
        let (nz, rz) = (into.shocks(), reply.shocks());
        Ok(move |i: usize| nodes[i / nz] * rz + shocks[i % nz])
    }

    /// Writes a player's reply into the policies of all.
    fn put(&self, reply: &Solution, player: usize, into: &mut Solution) -> Result<(), Diagnostic> {
        let lost = || cannot("a player's problem has another grid than the economy");
        let at = self.places(reply, into)?;
        for a in into.players[player].actions.clone() {
            let name = &into.actions[a].name;
            let k = reply.actions.iter().position(|r| r.name == *name).ok_or_else(lost)?;
            for (i, x) in into.policy[a].iter_mut().enumerate() {
                *x = reply.policy[k][at(i)];
            }
        }
        for (i, v) in into.players[player].value.iter_mut().enumerate() {
            *v = reply.value[at(i)];
        }
        Ok(())
    }

    /// Gives player `to` what player `from` does where the two have changed places.
    fn swap(&self, from: usize, to: usize, all: &mut Solution) {
        let model = self.model;
        let (a, b) = (&self.empty.players[from], &self.empty.players[to]);
        let (Some(m), Some(n)) = (a.member, b.member) else {
            return;
        };
        let other = |owner: Option<usize>, elements: usize, e: usize| {
            let [x, y] = [m, n].map(|m| located::own(model, a.agent, Some(m), elements));
            match owner == Some(a.agent) {
                true if x.contains(&e) => y.start + e - x.start,
                true if y.contains(&e) => x.start + e - y.start,
                _ => e,
            }
        };
        let states: Vec<Option<(usize, usize)>> = all.states.iter().map(|s| located::state(model, &s.name)).collect();
        let of_state: Vec<usize> = (0..states.len())
            .map(|k| {
                let Some((s, e)) = states[k] else { return k };
                let elements = model
                    .graph
                    .elements(&model.graph.inputs[model.states[s].input.0 as usize].shape);
                let e = other(model.states[s].owner, elements, e);
                states.iter().position(|x| *x == Some((s, e))).unwrap_or(k)
            })
            .collect();
        let shocks: Vec<Option<(usize, usize)>> = all.chain.names.iter().map(|n| located::shock(model, n)).collect();
        let of_shock: Vec<usize> = (0..shocks.len())
            .map(|k| {
                let Some((s, e)) = shocks[k] else { return k };
                let elements = model.graph.elements(&model.shocks[s].shape);
                let e = other(model.shocks[s].owner, elements, e);
                shocks.iter().position(|x| *x == Some((s, e))).unwrap_or(k)
            })
            .collect();
        let sizes: Vec<usize> = all.states.iter().map(|s| s.nodes.len()).collect();
        let strides = strides(sizes.iter().copied());
        let node = |i: usize| -> usize {
            (0..sizes.len())
                .map(|k| i / strides[k] % sizes[k] * strides[of_state[k]])
                .sum()
        };
        let shock: Vec<usize> = (0..all.shocks())
            .map(|j| {
                let v = &all.chain.values[j];
                let swapped: Vec<f64> = of_shock.iter().map(|k| v[*k]).collect();
                all.chain.values.iter().position(|w| *w == swapped).unwrap_or(j)
            })
            .collect();
        let nz = all.shocks();
        let at = |i: usize| node(i / nz) * nz + shock[i % nz];
        for (x, y) in a.actions.iter().zip(&b.actions) {
            let own = all.policy[*x].clone();
            for (i, v) in all.policy[*y].iter_mut().enumerate() {
                *v = own[at(i)];
            }
        }
        let own = all.players[from].value.clone();
        for (i, v) in all.players[to].value.iter_mut().enumerate() {
            *v = own[at(i)];
        }
    }

    /// Moves what `player`, and who shares its reply, does towards the replies.
    fn step(&self, round: usize, player: usize, replies: &Solution, now: &mut Solution) {
        let part = if round < WHOLE { 1.0 } else { 0.5 };
        for (j, p) in self.empty.players.iter().enumerate() {
            if j != player && self.shared[j] != Some(player) {
                continue;
            }
            for a in &p.actions {
                let whole = self.empty.actions[*a].kind != ActionKind::Continuous;
                let part = if whole { 1.0 } else { part };
                for (x, r) in now.policy[*a].iter_mut().zip(&replies.policy[*a]) {
                    *x += part * (r - *x);
                    if part == 1.0 {
                        *x = *r;
                    }
                }
            }
        }
    }
}

/// What one step along each dimension of these sizes adds to an index, the last fastest.
fn strides(sizes: impl DoubleEndedIterator<Item = usize>) -> Vec<usize> {
    let mut stride = 1;
    let mut out: Vec<usize> = sizes
        .rev()
        .map(|n| {
            let own = stride;
            stride *= n;
            own
        })
        .collect();
    out.reverse();
    out
}

/// Whether nothing in a model tells the members of a population apart.
fn interchangeable(model: &Model, axis: AxisId) -> bool {
    let g = &model.graph;
    g.nodes.iter().all(|n| match &n.op {
        Op::Position(a) => *a != axis,
        Op::Table(values) => !n.shape.contains(&axis) || values.iter().all(|x| *x == values[0]),
        Op::Take { axis: a, .. } | Op::Slice { from: a, .. } => *a != axis,
        _ => true,
    }) && model.params.iter().all(|p| !p.shape.contains(&axis))
}

/// Lower and upper end of every action at every node.
fn ends(problem: &Decision, states: &[crate::solve::solution::SolvedState]) -> Vec<Vec<(f64, f64)>> {
    let spec = problem.spec();
    let nodes: usize = states.iter().map(|s| s.nodes.len()).product();
    let steps = strides(states.iter().map(|s| s.nodes.len()));
    let columns: Vec<Vec<f64>> = (states.iter().zip(&steps))
        .map(|(s, step)| (0..nodes).map(|i| s.nodes[i / step % s.nodes.len()]).collect())
        .collect();
    let refs: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let nz = spec.chain.transition.len();
    let mut out = vec![vec![(0.0, 0.0); nodes * nz]; spec.actions.len()];
    let numbers: Vec<usize> = (0..spec.actions.len())
        .filter(|a| spec.actions[*a].kind == ActionKind::Continuous)
        .collect();
    for shock in 0..nz {
        let lanes = Lanes {
            states: &refs,
            actions: &[],
            shock,
            noise: 0,
            shock_next: shock,
            time: 0,
        };
        let mut lo = vec![vec![0.0; nodes]; numbers.len()];
        let mut hi = lo.clone();
        let mut low: Vec<&mut [f64]> = lo.iter_mut().map(Vec::as_mut_slice).collect();
        let mut high: Vec<&mut [f64]> = hi.iter_mut().map(Vec::as_mut_slice).collect();
        problem.bounds(&lanes, &mut low, &mut high);
        for (c, a) in numbers.iter().enumerate() {
            for i in 0..nodes {
                let (l, h) = (lo[c][i], hi[c][i]);
                out[*a][i * nz + shock] = match (l.is_finite(), h.is_finite()) {
                    (true, true) => (l, h),
                    (true, false) => (l, l + FAR),
                    (false, true) => (h - FAR, h),
                    (false, false) => (-FAR, FAR),
                };
            }
        }
        for (a, action) in spec.actions.iter().enumerate() {
            let ActionKind::Finite { values, .. } = &action.kind else {
                continue;
            };
            let mut open: Vec<Option<(f64, f64)>> = vec![None; nodes];
            let mut allowed = vec![0.0; nodes];
            for (choice, x) in values.iter().enumerate() {
                problem.allowed(&lanes, a, choice, &mut allowed);
                for (o, yes) in open.iter_mut().zip(&allowed) {
                    if *yes != 0.0 {
                        *o = Some((o.map_or(*x, |o| o.0), *x));
                    }
                }
            }
            for (i, o) in open.iter().enumerate() {
                out[a][i * nz + shock] = o.unwrap_or((values[0], values[0]));
            }
        }
    }
    out
}
