//! Transitions: what an economy with a continuum goes through between two equilibria at rest, along a path of its parameters that everybody
//! foresees from the first period on.
//!
//! Unknown is what members take as given in each period. At a guess they decide from the end back, are carried on from where they were, and
//! leave something over of every condition in every period; Newton's method closes all of them at once (`course.rs`), with the slopes at the rest where
//! the path ends (`sequence.rs`: Auclert, Bardoczy, Rognlie and Straub 2021). Steps are shortened where they lead nowhere, and mixed (Anderson) where slopes at the
//! end are not those along the path. The path is long enough when the last periods are at rest.

mod course;
mod sequence;
#[cfg(test)]
mod tests;

use super::held::{Held, Kind};
use super::population::{Population, Spread};
use super::search::{Scale, Tried, one, several};
use super::stationary::{Conditions, Stationary, prices};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::graph::InputKind;
use crate::num::anderson::Anderson;
use crate::solve::decision::{Decision, ProblemOptions};
use crate::solve::economy::Economy;
use crate::solve::equilibrium::EquilibriumMethod;
use crate::solve::problem::{DecisionProblem, Lanes};
use crate::solve::progress::{Control, Progress, Watch};
use crate::solve::solution::Solution;
use crate::solve::time_iteration::dated::Dated;
use course::{Course, End, Steps, Walked};
use sequence::slopes;

/// Periods at first where nothing is said.
pub const PERIODS: usize = 300;
/// Periods at most where nothing is said.
pub const MOST: usize = 1200;
/// The period that stands for the end of all paths.
pub const LATE: usize = 5000;
/// How far a parameter may be from its end in the last period, and what is left to move in a period that counts as late, as shares of its way.
const NEARLY: f64 = 1e-6;
const STILL: f64 = 1e-9;
/// The largest step that counts as none, in units of the numbers; what is good enough where steps get no smaller.
const EXACT: f64 = 1e-9;
const ENOUGH: f64 = 1e-7;
/// Most steps, and halvings of one; how many are mixed.
const STEPS: usize = 60;
const HALVINGS: usize = 8;
const MEMORY: usize = 6;
/// The next step must be shorter by this factor.
const SHORTER: f64 = 0.9;
/// How far numbers of the last period may be from where they rest, as a share of the largest distance on the way, and beside it.
const CLOSE: f64 = 1e-4;
const BESIDE: f64 = 1e-7;
/// Mass at the top of a grid above which the path is refused.
const TOP: f64 = 1e-5;
/// Unknowns of one path, at most.
const UNKNOWNS: usize = 4000;
/// First step of a search beside where a number was.
const STEP: f64 = 2e-3;
/// How exactly rests are found.
const AT_REST: f64 = 1e-10;
/// Largest share of the members, and of those who are elsewhere at first, that may be elsewhere than at rest in the end.
const ELSEWHERE: f64 = 1e-5;
const STAY: f64 = 1e-2;
/// Periods over which what is done at rest is made exact, and what counts as that.
const QUIET: usize = 400;
const QUIET_MOVE: f64 = 1e-13;

/// What changes, and when.
pub struct Change<'m> {
    /// The economy before, and after all of it.
    pub before: &'m Model,
    /// The economy at the end; its parameters are those at which paths end.
    pub after: &'m Model,
    /// Parameters that move, numbers of the models', with their value in each period up to [`LATE`].
    pub paths: Vec<(usize, Vec<f64>)>,
    /// How many periods, if the file says so.
    pub periods: Option<usize>,
}

/// A name along the path.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Its name: `factors.r`, `mean(household.c)`.
    pub name: String,
    /// Before the change.
    pub before: f64,
    /// In each period.
    pub values: Vec<f64>,
    /// At rest afterwards.
    pub after: f64,
}

/// A transition.
#[derive(Clone)]
pub struct Transition {
    /// The agent whose members are many.
    pub agent: String,
    /// Parameters that move, prices, aggregates, means over members, in this order.
    pub paths: Vec<Path>,
    /// How many of `paths` are parameters.
    pub parameters: usize,
    /// How states are distributed, `[period][state]`.
    pub spreads: Vec<Vec<Spread>>,
    /// What is held in each period, `[period][number of the economy's]`, and what was found of it.
    pub numbers: Vec<Vec<f64>>,
    /// Names of what is held, one per number.
    pub names: Vec<String>,
    /// Numbers that were found, by their place in `numbers`.
    pub unknown: Vec<usize>,
    /// What members do, `[period][action]` and then state node x joint shock.
    pub policies: Vec<Vec<Vec<f64>>>,
    /// What they do at rest afterwards.
    pub solution: Solution,
    /// The rests before and after; the same where nothing changes for good.
    pub rests: [Population; 2],
    /// What is held at these rests, one number each.
    pub held: [Vec<f64>; 2],
    /// Where members are at these rests: nodes of the path x joint shock.
    pub masses: [Vec<f64>; 2],
    /// Where members are after the last period.
    pub last: Vec<f64>,
    /// Nodes of the distribution, one vector per state.
    pub nodes: Vec<Vec<f64>>,
    /// How the members' problem was built.
    pub build: ProblemOptions,
    /// What members would do if one of the found numbers were a hundredth higher in all periods; one per found number, `None` where that has no
    /// solution.
    pub shifted: Vec<Option<Vec<Vec<Vec<f64>>>>>,
    /// Newton steps.
    pub steps: usize,
    /// The last of them, in units of the numbers.
    pub step: f64,
}

impl Transition {
    /// How many periods.
    pub fn periods(&self) -> usize {
        self.policies.len()
    }
}

/// The path.
///
/// # Errors
/// E0864 for an economy or a change that it does not know, E0866 for a change without a rest afterwards, E0865 for a path that is too short, E0863 for one
/// that is not found; those of the rest before.
pub fn transition(change: &Change, progress: &mut dyn Watch) -> Result<Transition, Diagnostic> {
    let economies = [Economy::of(change.before)?, Economy::of(change.after)?];
    let held = [held(&economies[0], change)?, held(&economies[1], change)?];
    let same = (change.before.params.iter().zip(&change.after.params)).all(|(a, b)| a.values == b.values);
    if same && change.paths.iter().all(|(_, v)| v.iter().all(|x| *x == v[0])) {
        return Err(not_this("the scenario changes no parameter").hint(
            "a change for good: scenario NAME { param z = 1.1 }; one that passes: { path z = 1 + 0.1 * 0.8^t }",
        ));
    }
    let before = Stationary.solve(&economies[0], 0, progress).map_err(first)?;
    let before = before.population.ok_or_else(|| not_this("nobody is at rest"))?;
    let after = match same {
        true => before.clone(),
        false => rest_after(&economies[1], progress)?,
    };
    let build = wider(&before.build, &after.build);
    let [mut held_before, mut held_after] = held;
    let extra = means(&held_after, &build, change)?;
    for own in [&mut held_before, &mut held_after] {
        for (name, node) in &extra {
            own.average(name, *node);
        }
        change.paths.iter().for_each(|(p, _)| own.hold_parameter(*p));
    }
    let start = settled(&held_before, &build, &before, progress)?;
    let mut end = settled(&held_after, &build, &after, progress)?;
    if start.household.nodes != end.household.nodes {
        return Err(
            not_this("the change moves the ends of a state, and members would have to be moved along")
                .hint("give the state a domain, or a grid, that both have: solve { grid.NAME = log(0, 100, 300) }"),
        );
    }
    let solution = end.household.solution(progress)?;
    let held_at = [start.last.clone(), end.last.clone()];
    let masses = [start.household.mass.clone(), end.household.mass.clone()];
    let nodes = end.household.nodes.axes().to_vec();
    let mut course = along(&held_after, end, change, (held_at[0].clone(), masses[0].clone()))?;
    let found = long_enough(&mut course, change, progress)?;
    let shifted = shifted(&mut course, &found.x);
    let walked = found.walked;
    if walked.top > TOP {
        return Err(
            Diagnostic::error("E0938", "on the way the distribution piles up at the top of its grid")
                .note(format!("{:.1e} of the members stand there", walked.top))
                .hint("a wider grid: solve { grid.NAME = .. }"),
        );
    }
    let mut paths: Vec<Path> = (change.paths.iter())
        .map(|(p, values)| Path {
            name: change.after.params[*p].name.clone(),
            before: change.before.params[*p].values[0],
            values: values[..walked.numbers.len()].to_vec(),
            after: values[values.len() - 1],
        })
        .collect();
    let parameters = paths.len();
    paths.extend(named(
        &economies,
        [&held_before, &held_after],
        &held_at,
        &walked.numbers,
    )?);
    Ok(Transition {
        agent: held_after.model.agents[held_after.agent].name.clone(),
        paths,
        parameters,
        spreads: walked.spreads,
        numbers: walked.numbers,
        names: held_after.numbers.iter().map(|n| n.name.clone()).collect(),
        unknown: course.unknown.clone(),
        policies: walked.policies,
        solution,
        rests: [before, after],
        held: held_at,
        masses,
        last: walked.last,
        nodes,
        build,
        shifted,
        steps: found.steps,
        step: found.step,
    })
}

/// By what share found numbers are shifted.
pub const SHIFT: f64 = 0.01;

/// What members do where one of the found numbers is higher in all periods.
fn shifted(course: &mut Course, x: &[f64]) -> Vec<Option<Vec<Vec<Vec<f64>>>>> {
    let n = course.unknown.len();
    let one = |u: usize| {
        let there: Vec<f64> = (x.iter().enumerate())
            .map(|(i, x)| if i % n == u { x + SHIFT * unit(*x) } else { *x })
            .collect();
        course.policies(&there).ok()
    };
    (0..n).map(one).collect()
}

/// The economy along a path that begins with what is held, and where members are, in `begin`, and ends at rest in `end`.
fn along<'h>(
    held: &'h Held,
    end: Conditions<'h>,
    change: &Change,
    begin: (Vec<f64>, Vec<f64>),
) -> Result<Course<'h>, Diagnostic> {
    let mut household = end.household;
    let Some((carried, endogenous)) = household.standing()? else {
        return Err(
            not_this("the members' problem is none for an endogenous grid or for time iteration")
                .hint("econc solve FILE --why says what is in the way"),
        );
    };
    // What is done at rest, exactly: a path that ends there must not move by itself.
    let mut dated = Dated::of(&carried, endogenous);
    household.decision.set_numbers(&end.last);
    for _ in 0..QUIET {
        crate::limits::poll();
        if dated.back(&household.decision)? <= QUIET_MOVE {
            break;
        }
    }
    let mut averaged = Vec::new();
    let mut functions = 0;
    for own in household.averages() {
        averaged.push(own.map(|(_, when)| {
            let of = functions;
            functions += 1 + usize::from(when.is_some());
            (of, when.map(|_| of + 1))
        }));
    }
    let number = |p: usize| held.numbers.iter().rposition(|n| n.param == p).unwrap_or(usize::MAX);
    Ok(Course {
        held,
        unknown: end.unknown.clone(),
        averaged,
        given: change
            .paths
            .iter()
            .map(|(p, values)| (number(*p), values.clone()))
            .collect(),
        first: begin.0,
        mass: begin.1,
        end: End {
            numbers: end.last.clone(),
            dated,
            mass: household.mass.clone(),
        },
        household,
    })
}

/// The economy with its numbers held, or why it is none for this.
///
/// # Errors
/// E0864.
pub fn held(economy: &Economy, change: &Change) -> Result<Held, Diagnostic> {
    let held = Held::new(economy).map_err(|why| {
        not_this(&why)
            .hint("a transition needs an economy that `econc solve` brings to rest by its method `stationary`")
    })?;
    if held.numbers.iter().any(|n| n.kind == Kind::Entry) {
        return Err(not_this("it reads what entry is worth, and that is known at rest only"));
    }
    let agent = &held.model.agents[held.agent];
    let reads = |n: crate::graph::NodeId| {
        let below = held.model.graph.inputs_below([n]);
        let moved = |i: &crate::graph::InputId| match held.model.graph.inputs[i.0 as usize].kind {
            InputKind::Param(p) => change.paths.iter().any(|x| x.0 == p),
            _ => false,
        };
        below.iter().any(moved)
    };
    if agent.discount.is_some_and(reads) {
        return Err(not_this("a path moves the discount factor")
            .hint("move what a period is worth instead: `param b = 1`, `reward b * log(c)`, `path b = ..`"));
    }
    Ok(held)
}

/// Members' states, choices and definitions whose means are shown, too, with their nodes.
fn means(
    held: &Held,
    build: &ProblemOptions,
    change: &Change,
) -> Result<Vec<(String, crate::graph::NodeId)>, Diagnostic> {
    let model = &held.model;
    let agent = &model.agents[held.agent];
    let known = |i: &crate::graph::InputId| {
        let kind = &model.graph.inputs[i.0 as usize].kind;
        matches!(
            kind,
            InputKind::State(_)
                | InputKind::Shock(_)
                | InputKind::Action(_)
                | InputKind::Param(_)
                | InputKind::Noise(_)
        )
    };
    let own = model.names.iter().filter(|n| {
        n.name.starts_with(&format!("{}.", agent.name))
            && matches!(n.kind.as_str(), "state" | "action" | "let")
            && !n.name.ends_with('\'')
            && model.graph.nodes[n.node.0 as usize].shape == agent.shape
            && model.graph.inputs_below([n.node]).iter().all(known)
    });
    let all: Vec<(String, crate::graph::NodeId)> = own.map(|n| (format!("mean({})", n.name), n.node)).collect();
    let mut free: Vec<usize> = held.numbers.iter().map(|n| n.param).collect();
    free.extend(change.paths.iter().map(|p| p.0));
    let nodes: Vec<crate::graph::NodeId> = all.iter().map(|a| a.1).collect();
    let decision = Decision::with_numbers(model, build, &free, &nodes)?;
    let spec = decision.spec();
    let nothing = [f64::NAN];
    let (states, actions): (Vec<&[f64]>, Vec<&[f64]>) = (
        spec.states.iter().map(|_| &nothing[..]).collect(),
        spec.actions.iter().map(|_| &nothing[..]).collect(),
    );
    let lanes = Lanes::before_draws(&states, &actions, 0, 0);
    let there = |(k, _): &(usize, (String, crate::graph::NodeId))| decision.watch(*k, &lanes, 1).is_some();
    Ok(all.into_iter().enumerate().filter(there).map(|(_, a)| a).collect())
}

/// An economy at rest on nodes that both rests have.
fn settled<'h>(
    held: &'h Held,
    build: &ProblemOptions,
    population: &Population,
    progress: &mut dyn Watch,
) -> Result<Conditions<'h>, Diagnostic> {
    let mut conditions = Conditions::new(held, build, 1)?;
    let at = |k: &usize| {
        let own = population.held.iter().find(|h| h.0 == held.numbers[*k].name);
        own.map_or(held.numbers[*k].start, |h| h.1)
    };
    let start: Vec<f64> = conditions.unknown.iter().map(at).collect();
    let scales: Vec<Scale> = (conditions.unknown.iter())
        .map(|k| Scale::new(held.numbers[*k].range, held.numbers[*k].start))
        .collect();
    let mut tried = Tried::default();
    let x = match start.len() {
        0 => Some(Vec::new()),
        1 => {
            let left = |x: f64| Ok(conditions.left(&[x], progress)?[0]);
            one(&scales[0], (start[0], Some(STEP), AT_REST), &mut tried, left)?.map(|x| vec![x])
        }
        _ => several(&scales, (&start, AT_REST), &mut tried, |x| conditions.left(x, progress))?,
    };
    let Some(x) = x else {
        return Err(lost(0, f64::NAN).note("on the nodes of the path a rest is not found again"));
    };
    conditions.left(&x, progress)?;
    Ok(conditions)
}

/// The rest after all changes.
fn rest_after(economy: &Economy, progress: &mut dyn Watch) -> Result<Population, Diagnostic> {
    let found = Stationary.solve(economy, 0, progress).map_err(first);
    let refused = match found {
        Ok(found) => match found.population {
            Some(population) => return Ok(population),
            None => not_this("nobody is at rest"),
        },
        Err(d) if d.code == "E0906" => return Err(d),
        Err(d) => d,
    };
    let mut d = Diagnostic::error("E0866", "the economy does not come to rest after the change")
        .note(format!("{}: {}", refused.code, refused.headline));
    for note in &refused.notes {
        d = d.note(note.clone());
    }
    Err(d.hint("solve it at the parameters of the end: econc solve FILE --set NAME=VALUE"))
}

fn first(errors: Vec<Diagnostic>) -> Diagnostic {
    let none = || Diagnostic::error("E0990", "a rest was not found, and nothing said why");
    errors.into_iter().next().unwrap_or_else(none)
}

/// What transitions do not know.
fn not_this(why: &str) -> Diagnostic {
    Diagnostic::error("E0864", format!("there is no transition of this: {why}"))
}

/// How the members' problem is built on the way: ends that hold both rests.
fn wider(a: &ProblemOptions, b: &ProblemOptions) -> ProblemOptions {
    let mut out = a.clone();
    for (own, other) in out.bounds.iter_mut().zip(&b.bounds) {
        own.1 = own.1.min(other.1);
        own.2 = own.2.max(other.2);
    }
    out
}

/// A path that closes.
struct Closed {
    x: Vec<f64>,
    walked: Walked,
    steps: usize,
    step: f64,
}

/// Paths, longer ones where the last period is not at rest.
fn long_enough(course: &mut Course, change: &Change, progress: &mut dyn Watch) -> Result<Closed, Diagnostic> {
    let mut periods = change.periods.unwrap_or(PERIODS);
    let mut from: Option<Vec<f64>> = None;
    loop {
        for (p, values) in &change.paths {
            let (end, before) = (values[values.len() - 1], change.before.params[*p].values[0]);
            let way = values.iter().fold((before - end).abs(), |m, x| m.max((x - end).abs()));
            let name = &change.after.params[*p].name;
            let too_short = (values[periods.min(values.len() - 1)] - end).abs() > NEARLY * way;
            if (values[values.len() - 2] - end).abs() > STILL * way {
                return Err(
                    Diagnostic::error("E0865", format!("the path of `{name}` does not come to its end"))
                        .note(format!("it still moves in period {}", values.len() - 1))
                        .hint(
                            "let it come to a number and stay there: `path z = if t < 40 then 1 + 0.01 * t else 1.4`",
                        ),
                );
            }
            if too_short && (change.periods.is_some() || 2 * periods > MOST) {
                return Err(short(change, periods).note(format!("the path of `{name}` still moves in the last period")));
            }
            if too_short {
                periods *= 2;
            }
        }
        let n = course.unknown.len();
        if n * periods > UNKNOWNS {
            return Err(Diagnostic::error(
                "E0904",
                format!("{n} numbers in each of {periods} periods are too many"),
            )
            .hint("fewer periods: scenario NAME { periods 200 }"));
        }
        let rest: Vec<f64> = course.unknown.iter().map(|k| course.end.numbers[*k]).collect();
        let mut x = from.take().unwrap_or_default();
        while x.len() < n * periods {
            x.extend(&rest);
        }
        let found = closed(course, x, progress)?;
        let far = |t: usize, u: usize| (found.x[t * n + u] - rest[u]).abs() / unit(rest[u]);
        let most = (0..periods)
            .flat_map(|t| (0..n).map(move |u| (t, u)))
            .fold(0.0, |m: f64, (t, u)| m.max(far(t, u)));
        let last = (0..n).fold(0.0, |m: f64, u| m.max(far(periods - 1, u)));
        let apart: f64 = (found.walked.last.iter().zip(&course.end.mass))
            .map(|(a, b)| (a - b).abs())
            .sum();
        let way: f64 = (course.mass.iter().zip(&course.end.mass))
            .map(|(a, b)| (a - b).abs())
            .sum();
        if last <= CLOSE * most + BESIDE && apart <= STAY * way + ELSEWHERE {
            return Ok(found);
        }
        if change.periods.is_some() || 2 * periods > MOST {
            return Err(short(change, periods).note(format!(
                "prices are {:.1e} of their way from where they rest, members {apart:.1e} of all apart",
                last / most.max(1e-300)
            )));
        }
        periods *= 2;
        from = Some(found.x);
    }
}

fn short(change: &Change, periods: usize) -> Diagnostic {
    let d = Diagnostic::error(
        "E0865",
        format!("after {periods} periods the economy is not at rest yet"),
    );
    match change.periods {
        Some(_) => d.hint(format!(
            "more periods: --periods {0}, or `periods {0}` in the scenario",
            2 * periods
        )),
        None => d.hint(format!(
            "say how many periods it takes: scenario NAME {{ periods {} }}",
            2 * MOST
        )),
    }
}

/// The unit of a number.
fn unit(x: f64) -> f64 {
    x.abs().max(1e-3)
}

/// Newton's method from a guess of the unknowns.
fn closed(course: &mut Course, mut x: Vec<f64>, progress: &mut dyn Watch) -> Result<Closed, Diagnostic> {
    let n = course.unknown.len();
    if n == 0 {
        return Err(not_this("members take nothing as given that they move"));
    }
    let periods = x.len() / n;
    let units: Vec<f64> = course.unknown.iter().map(|k| unit(course.end.numbers[*k])).collect();
    let slopes = slopes(course, periods)?;
    let Some(newton) = Steps::new(slopes) else {
        return Err(lost(0, f64::NAN).note("around the rest at its end prices do not tell what is left over"));
    };
    let size = |step: &[f64]| {
        let own = step.iter().enumerate().map(|(i, s)| s.abs() / units[i % n]);
        own.fold(0.0, |m: f64, s| if s.is_nan() { f64::INFINITY } else { m.max(s) })
    };
    let weight: Vec<f64> = (0..x.len()).map(|i| 1.0 / units[i % n]).collect();
    let mut anderson = Anderson::new(MEMORY);
    let mut walked = course.walk(&x).map_err(|d| match d.code.as_str() {
        "E0906" => d,
        _ => lost(0, f64::NAN).note(format!("{}: {}", d.code, d.headline)),
    })?;
    let mut step = newton.step(&walked.left);
    for count in 0..STEPS {
        let Some(now) = step else {
            return Err(lost(count, f64::NAN));
        };
        let left = size(&now);
        let report = Progress {
            iteration: count,
            of: STEPS,
            error: left,
            target: EXACT,
        };
        if progress.report(report) == Control::Cancel {
            return Err(Diagnostic::error("E0906", "the solver was stopped before it converged"));
        }
        let better = match left <= EXACT {
            true => None,
            false => closer(course, &newton, (&x, &now), &mut anderson, &weight, &|s| {
                size(s) < SHORTER * left
            }),
        };
        match better {
            Some((there, w, next)) => (x, walked, step) = (there, w, Some(next)),
            None if left <= ENOUGH => {
                return Ok(Closed {
                    x,
                    walked,
                    steps: count,
                    step: left,
                });
            }
            None => return Err(lost(count, left)),
        }
    }
    Err(lost(STEPS, step.as_deref().map_or(f64::NAN, size)))
}

/// A path that is closer: a mixture of the last steps, or else a plain one, ever shorter. With it the step from there.
fn closer(
    course: &mut Course,
    newton: &Steps,
    (x, step): (&[f64], &[f64]),
    anderson: &mut Anderson,
    weight: &[f64],
    fine: &dyn Fn(&[f64]) -> bool,
) -> Option<(Vec<f64>, Walked, Vec<f64>)> {
    let image: Vec<f64> = x.iter().zip(step).map(|(x, s)| x + s).collect();
    let mixed = anderson.next(x, &image, weight);
    let mut tries = vec![mixed];
    for halved in 0..HALVINGS {
        let share = 0.5f64.powi(halved as i32);
        let there: Vec<f64> = x.iter().zip(step).map(|(x, s)| x + share * s).collect();
        if tries[0] != there {
            tries.push(there);
        }
    }
    for there in tries {
        let found = course.walk(&there).ok();
        if let Some(walked) = found
            && let Some(next) = newton.step(&walked.left)
            && fine(&next)
        {
            return Some((there, walked, next));
        }
        anderson.forget();
    }
    None
}

fn lost(steps: usize, left: f64) -> Diagnostic {
    let d = Diagnostic::error("E0863", "no path was found along which all conditions hold");
    let d = match left.is_finite() {
        true => d.note(format!("after {steps} steps of Newton's method the next one is {left:.1e} of what it moves; {EXACT:.0e} was asked for")),
        false => d,
    };
    d.hint("a smaller change first, or one that comes by and by: `path z = 1 + 0.1 * (1 - 0.9^t)`")
}

/// Prices, aggregates and means over members along the path.
fn named(
    economies: &[Economy; 2],
    held: [&Held; 2],
    rests: &[Vec<f64>; 2],
    numbers: &[Vec<f64>],
) -> Result<Vec<Path>, Diagnostic> {
    let of = |which: usize, values: &[f64]| -> Result<Vec<(String, f64)>, Diagnostic> {
        let mut all = prices(&economies[which], held[which], values)?;
        let more = held[which].numbers.iter().zip(values);
        for (n, x) in more.filter(|(n, _)| matches!(n.kind, Kind::Mean { .. })) {
            if !all.iter().any(|a| a.0 == n.name) {
                all.push((n.name.clone(), *x));
            }
        }
        Ok(all)
    };
    let (before, after) = (of(0, &rests[0])?, of(1, &rests[1])?);
    let mut out: Vec<Path> = (after.iter())
        .map(|(name, x)| Path {
            name: name.clone(),
            before: before.iter().find(|b| b.0 == *name).map_or(f64::NAN, |b| b.1),
            values: Vec::with_capacity(numbers.len()),
            after: *x,
        })
        .collect();
    for values in numbers {
        let now = of(1, values)?;
        for path in &mut out {
            path.values
                .push(now.iter().find(|n| n.0 == path.name).map_or(f64::NAN, |n| n.1));
        }
    }
    Ok(out)
}
