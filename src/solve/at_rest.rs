//! Where an economy without shocks rests, under every concept: the table of `econc steady_state`.
//!
//! Under `planner`, `collusive`, `competitive` and `open_loop` rest follows from conditions alone ([`Resting`]): Newton's method from points spread over
//! where lives begin. A root counts only inside all bounds, and where staying is best: with shadow prices as they are, nothing else that
//! a member could have and do is worth more (McKenzie 1986, "Optimal economic growth, turnpike theorems and comparative dynamics"); this looks at
//! values, never at the slopes that the root came from. Under `nash` what others will answer matters off the path, and the game is solved
//! ([`crate::solve::equilibrium::joint`], [`crate::solve::equilibrium::linear_quadratic`]).

use super::decision::resting::Resting;
use super::decision::{self, Decision};
use super::economy::Economy;
use super::equilibrium::EquilibriumMethod;
use super::equilibrium::joint::{self, Joint};
use super::equilibrium::linear_quadratic::LinearQuadratic;
use super::problem::DecisionProblem;
use super::progress::Watch;
use super::steady_state::{self, NEWTON, steady_state};
use crate::check::conduct::Concept;
use crate::diag::{Diagnostic, plain};
use crate::limits;
use crate::num::fixed_point::{NewtonOptions, left_open, newton};
use crate::num::linear::closest;
use crate::num::optimise::spread;
use nalgebra::{DMatrix, DVector};

/// Points from which roots are looked for: all of them, so that other places of rest are told.
const STARTS: usize = 60;
/// Largest residual of a root, as a share of one plus the largest number in it.
const ROOT: f64 = 1e-9;
/// Points along each number, and spread over all of a member's, that staying is held against.
const HELD_AGAINST: usize = 200;
/// What staying may be worth less than something else, as a share of one plus its worth.
pub const STAYING: f64 = 1e-7;
/// How many times below and above where lives begin a rest is looked for, and every second time where one is known.
const NEAR: f64 = 3.0;
const WIDE: f64 = 30.0;
/// How near another root is the same rest.
const SAME: f64 = 1e-6;
/// How far from an end a search begins where there is no end.
const FAR: f64 = 1.0;
/// Most states whose policy is followed where conditions hold in several places, and how close to a rest it must lead.
const FOLLOWED: usize = 3;
const BY_PLAY: f64 = 1e-2;

/// An economy at rest.
#[derive(Clone, Debug, PartialEq)]
pub struct AtRest {
    /// `newton`, or the method that solved the game.
    pub method: String,
    /// States and actions by name; of members that are alike one stands for all.
    pub numbers: Vec<Number>,
    /// Prices by name.
    pub prices: Vec<(String, f64)>,
    /// Largest residual of the conditions; not a number where the game was solved.
    pub residual: f64,
    /// The most that anything a member could have and do is worth more than staying, as a share of one plus its worth; not a number where it was not
    /// looked for.
    pub gain: f64,
    /// That there are other places to rest: a continuum of them (E0996), or others that were found (W0983).
    pub elsewhere: Vec<Diagnostic>,
}

/// A state or an action at rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Its name.
    pub name: String,
    /// Whether it is an action.
    pub action: bool,
    /// How many members have it.
    pub members: usize,
    /// Its value.
    pub value: f64,
}

/// Finds it.
///
/// # Errors
/// E0810 for economies that have none of this kind, E0910 where none is found, E0906 when stopped.
pub fn at_rest(economy: &Economy, progress: &mut dyn Watch) -> Result<AtRest, Diagnostic> {
    match Resting::of(economy) {
        Ok(conditions) => match by_conditions(&conditions) {
            Ok((found, unproven)) => {
                let mut found = match unproven.is_empty() {
                    true => found,
                    false => among(economy, &conditions, found, &unproven),
                };
                found.elsewhere.extend(unlike(economy, &conditions, &found));
                Ok(found)
            }
            Err(none) if economy.lone().is_ok() => alone(economy).map_err(|_| none),
            Err(none) => Err(none),
        },
        Err(refused) if LinearQuadratic.fits(economy).is_ok() => {
            by_matrices(economy, progress).map_err(|d| d.unwrap_or(refused))
        }
        Err(_) if Joint.fits(economy).is_ok() => {
            let found = joint::at_rest(economy, progress)?;
            let none = || {
                Diagnostic::error("E0910", "no place was found where the economy rests")
                    .note(looked_in(economy))
                    .hint("econc solve shows where its solution goes, econc simulate where play leads; open_loop, competitive and planner need no policy to find a rest: --concept")
            };
            played(economy, "joint", found.ok_or_else(none)?)
        }
        Err(_) if economy.model.states.is_empty() => Err(Diagnostic::error(
            "E0810",
            "the model has no state, so there is nothing that comes to rest",
        )
        .hint("econc solve finds its equilibrium")),
        Err(refused) => Err(refused),
    }
}

/// The domains that a rest was looked for in.
fn looked_in(economy: &Economy) -> String {
    let states = economy.model.states.iter();
    let all: Vec<String> = states
        .map(|s| format!("{} from {} to {}", s.name, s.domain.lo, s.domain.hi))
        .collect();
    format!(
        "it was looked for inside the domains ({}): an economy that leaves them rests nowhere in them",
        all.join(", ")
    )
}

/// The rest of a linear-quadratic game.
fn by_matrices(economy: &Economy, progress: &mut dyn Watch) -> Result<AtRest, Option<Diagnostic>> {
    let found = LinearQuadratic.solve(economy, 0, progress).map_err(|mut d| d.pop())?;
    played(economy, "linear_quadratic", found.steady_state).map_err(Some)
}

/// What a solved game says.
fn played(economy: &Economy, method: &str, found: Vec<(String, f64)>) -> Result<AtRest, Diagnostic> {
    if found.is_empty() {
        return Err(Diagnostic::error("E0910", "the policies of this game lead to no rest")
            .hint("econc solve --concept nash shows the policies; open_loop, competitive and planner need no policy to find where the economy rests"));
    }
    let action = |name: &str| {
        let bare = name.split('[').next();
        economy.model.actions.iter().any(|a| Some(a.name.as_str()) == bare)
    };
    let number = |(name, value): (String, f64)| Number {
        action: action(&name),
        name,
        members: 1,
        value,
    };
    Ok(AtRest {
        method: method.into(),
        numbers: found.into_iter().map(number).collect(),
        prices: Vec::new(),
        residual: f64::NAN,
        gain: f64::NAN,
        elsewhere: Vec::new(),
    })
}

/// The rest of one who decides, from his policy where conditions have no root.
fn alone(economy: &Economy) -> Result<AtRest, Diagnostic> {
    let options = decision::ProblemOptions {
        deterministic: true,
        ..decision::ProblemOptions::default()
    };
    let problem = Decision::new(economy.model, &options)?;
    let found = steady_state(&problem, &steady_state::SteadyStateOptions::default())?;
    let spec = problem.spec();
    // A rest that conditions say may be one of several: play from where lives begin leads to one of them.
    let first: Option<Vec<f64>> = (spec.states.iter())
        .map(|own| {
            let (state, _) = crate::solve::located::state(economy.model, &own.name)?;
            let start = economy.model.states[state].start?;
            economy.model.graph.nodes[start.0 as usize].domain.as_point()
        })
        .collect();
    let mut elsewhere = Vec::new();
    let follows = found.method == NEWTON && found.open.is_empty() && spec.states.len() <= FOLLOWED;
    let played = first.filter(|_| follows).and_then(|from| {
        let options = steady_state::SteadyStateOptions {
            from,
            follow: true,
            ..steady_state::SteadyStateOptions::default()
        };
        steady_state(&problem, &options).ok()
    });
    let apart = |played: &steady_state::SteadyState| {
        let pairs = played.states.iter().zip(&found.states);
        pairs.fold(0.0, |m: f64, (x, y)| m.max((x - y).abs() / (1.0 + y.abs())))
    };
    let found = match played {
        Some(played) if apart(&played) > BY_PLAY => {
            let parts = spec.states.iter().zip(&found.states);
            let words: Vec<String> = parts.map(|(s, x)| format!("{} = {:.6}", s.name, plain(x))).collect();
            elsewhere.push(
                Diagnostic::warning("W0983", "the economy rests elsewhere, too: 1 more found")
                    .note(words.join(", "))
                    .hint("the rest that is shown is the one to which the policy leads from `start`"),
            );
            played
        }
        _ => found,
    };
    // A domain is a claim about where the state goes: who would go on beyond its end does not rest there.
    for (own, at) in spec.states.iter().zip(&found.states) {
        let Some(state) = crate::solve::located::state(economy.model, &own.name).map(|(s, _)| &economy.model.states[s])
        else {
            continue;
        };
        let end = state.domain.hi;
        let numbers = matches!(own.kind, crate::solve::problem::StateKind::Continuous { .. });
        if end.is_finite() && numbers && *at >= end - SAME * (1.0 + end.abs()) {
            return Err(Diagnostic::error(
                "E0910",
                format!("`{}` comes to rest at the upper end of its domain only", own.name),
            )
            .at(state.span, format!("{end} is its end"))
            .hint("widen the domain; or, where the end is a capacity, say it as a bound of the action"));
        }
    }
    let states = spec.states.iter().map(|s| (s.name.clone(), false)).zip(found.states);
    let actions = spec.actions.iter().map(|a| (a.name.clone(), true)).zip(found.actions);
    let names: Vec<String> = spec
        .states
        .iter()
        .map(|s| s.name.clone())
        .chain(spec.actions.iter().map(|a| a.name.clone()))
        .collect();
    let open: Vec<String> = found.open.iter().map(|k| names[*k].clone()).collect();
    let number = |((name, action), value): ((String, bool), f64)| Number {
        name,
        action,
        members: 1,
        value,
    };
    Ok(AtRest {
        method: found.method,
        numbers: states.chain(actions).map(number).collect(),
        prices: Vec::new(),
        residual: found.residual,
        gain: f64::NAN,
        elsewhere: {
            elsewhere.extend((!open.is_empty()).then(|| continuum(&open)));
            elsewhere
        },
    })
}

/// Where conditions of rest hold in several places and it is not shown for all of them that nothing else is worth more (`unproven`): the rest to which the
/// policy of one who decides leads from where lives begin, and otherwise `found`, with the others named (W0983).
fn among(economy: &Economy, r: &Resting, found: AtRest, unproven: &[Vec<f64>]) -> AtRest {
    let told: Vec<f64> = found.numbers.iter().map(|n| n.value).collect();
    let words = |point: &[f64]| {
        let parts = r.slots.iter().zip(point).take(r.states);
        let text: Vec<String> = parts
            .map(|(slot, x)| format!("{} = {:.6}", slot.name, plain(x)))
            .collect();
        text.join(", ")
    };
    let named = |places: &[&[f64]], which: &str| {
        let d = Diagnostic::warning(
            "W0983",
            format!(
                "first-order conditions hold elsewhere, too: {} more found",
                places.len()
            ),
        );
        let d = places.iter().take(5).fold(d, |d, p| d.note(words(p)));
        d.hint(which.to_string())
    };
    let follows = economy.lone().is_ok() && (1..=FOLLOWED).contains(&r.states);
    let played = follows.then(|| alone(economy).ok()).flatten();
    let played = played.filter(|p| p.numbers.len() == r.slots.len());
    let near = |point: &[f64]| {
        played.as_ref().is_some_and(|played| {
            let own = played.numbers.iter().zip(point).take(r.states);
            own.fold(0.0, |m: f64, (n, x)| m.max((n.value - x).abs() / (1.0 + x.abs()))) <= BY_PLAY
        })
    };
    let reached = unproven.iter().find(|p| near(p) && !near(&told));
    let Some(point) = reached else {
        let places: Vec<&[f64]> = unproven.iter().map(Vec::as_slice).collect();
        let which = match near(&told) {
            true => "the rest that is shown is the one to which the policy leads from `start`",
            false => {
                "the rest that is shown is one at which nothing else was found to be worth more; econc solve shows where play leads from `start`"
            }
        };
        let mut found = found;
        found.elsewhere.push(named(&places, which));
        return found;
    };
    let numbers = found
        .numbers
        .iter()
        .zip(point)
        .map(|(n, x)| Number { value: *x, ..n.clone() });
    AtRest {
        method: format!("{}, where the policy leads", found.method),
        numbers: numbers.collect(),
        prices: r.prices(&point[..r.slots.len()]),
        residual: found.residual,
        gain: f64::NAN,
        elsewhere: vec![named(
            &[told.as_slice()],
            "the rest that is shown is the one to which the policy leads from `start`",
        )],
    }
}

/// Places where the conditions of rest hold under `open_loop` though it is not shown that nothing else is worth more (problems that are not concave in their
/// states have good rests, too), with a number for each member; none where there are none. They are to be judged.
pub fn unproven(economy: &Economy) -> Vec<AtRest> {
    if economy.concept != Concept::OpenLoop {
        return Vec::new();
    }
    let (Ok(r), Ok(each)) = (Resting::of(economy), Resting::by_member(economy)) else {
        return Vec::new();
    };
    let mut known: Vec<Vec<f64>> = Vec::new();
    for start in 0..STARTS {
        limits::poll();
        let around = if !known.is_empty() && start % 2 == 1 {
            WIDE
        } else {
            NEAR
        };
        let Some((point, _)) = root(&r, start, around) else {
            continue;
        };
        let open = || !undetermined(&r, &point).is_empty();
        if !inside(&r, &point) || known.iter().any(|k| same(&r, k, &point)) || open() {
            continue;
        }
        known.push(point);
    }
    let spelled = |point: &Vec<f64>| {
        let of = |input: &usize| r.slots.iter().position(|s| s.inputs.contains(input)).map(|k| point[k]);
        let numbers = each.slots.iter().enumerate().map(|(k, slot)| {
            Some(Number {
                name: slot.name.clone(),
                action: k >= each.states,
                members: 1,
                value: of(slot.inputs.first()?)?,
            })
        });
        let residual = r.conditions(point)?.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        Some(AtRest {
            method: NEWTON.into(),
            numbers: numbers.collect::<Option<_>>()?,
            prices: r.prices(&point[..r.slots.len()]),
            residual,
            gain: f64::NAN,
            elsewhere: Vec::new(),
        })
    };
    known.iter().filter_map(spelled).collect()
}

/// By Newton's method on the conditions.
fn by_conditions(r: &Resting) -> Result<(AtRest, Vec<Vec<f64>>), Diagnostic> {
    let mut best: Option<(Vec<f64>, f64, f64)> = None;
    let mut outside = 0;
    let mut others: Vec<Vec<f64>> = Vec::new();
    let mut unproven: Vec<Vec<f64>> = Vec::new();
    let mut curve = false;
    for start in 0..STARTS {
        limits::poll();
        if curve {
            break;
        }
        let found = best.as_ref().is_some_and(|b| b.2 <= STAYING);
        let Some((point, residual)) = root(r, start, if found && start % 2 == 1 { WIDE } else { NEAR }) else {
            continue;
        };
        if !inside(r, &point) {
            outside += 1;
            continue;
        }
        if found
            && best
                .iter()
                .map(|b| &b.0)
                .chain(&others)
                .chain(&unproven)
                .any(|known| same(r, known, &point))
        {
            continue;
        }
        let gain = (0..r.kinds()).map(|k| leaving(r, k, &point)).fold(0.0, f64::max);
        if found {
            match gain <= STAYING {
                true => others.push(point),
                false => unproven.push(point),
            }
            continue;
        }
        if gain <= STAYING {
            // Where a rest is one of a continuum, every start finds another one.
            curve = !undetermined(r, &point).is_empty();
        }
        if best.as_ref().is_none_or(|b| gain < b.2) {
            if let Some(before) = best.replace((point, residual, gain)) {
                unproven.push(before.0);
            }
        } else {
            unproven.push(point);
        }
    }
    let Some((point, residual, gain)) = best else {
        let d = Diagnostic::error("E0910", "the economy rests nowhere inside the bounds of what is chosen");
        let d = match outside {
            0 => d.note(format!("no root of the conditions of rest from {STARTS} starts")),
            _ => d.note(format!(
                "{outside} roots of the conditions of rest lie outside the bounds or violate a requirement"
            )),
        };
        return Err(d.hint("an economy that grows has none; a `start` near it helps the search; where a bound binds at rest, `econc solve` follows the policy to it"));
    };
    if gain > STAYING {
        return Err(Diagnostic::error(
            "E0910",
            "where the first-order conditions hold, it is not shown that nothing else is worth more",
        )
        .note(format!(
            "at the shadow prices that hold there other states and choices are worth {gain:.1e} of a period more: this is no maximum, only a local one, or one of a problem that is not concave in these states and choices"
        ))
        .hint("econc solve looks for policies, and says where they rest"));
    }
    let numbers = r.slots.iter().zip(&point).enumerate().map(|(k, (slot, value))| Number {
        name: slot.name.clone(),
        action: k >= r.states,
        members: slot.members,
        value: *value,
    });
    let mut shown: Vec<Vec<f64>> = Vec::new();
    for other in unproven {
        if !same(r, &point, &other) && shown.iter().all(|p| !same(r, p, &other)) {
            shown.push(other);
        }
    }
    Ok((
        AtRest {
            method: NEWTON.into(),
            numbers: numbers.collect(),
            prices: r.prices(&point[..r.slots.len()]),
            residual,
            gain,
            elsewhere: elsewhere(r, &point, &others).into_iter().collect(),
        },
        shown,
    ))
}

/// Whether two roots are the same rest.
fn same(r: &Resting, a: &[f64], b: &[f64]) -> bool {
    let pairs = a.iter().zip(b).take(r.slots.len());
    pairs.fold(true, |all, (x, y)| all && (x - y).abs() <= SAME * (1.0 + x.abs()))
}

/// That the economy rests elsewhere, too.
fn elsewhere(r: &Resting, point: &[f64], others: &[Vec<f64>]) -> Option<Diagnostic> {
    let free = undetermined(r, point);
    if !free.is_empty() {
        let names: Vec<String> = free.iter().map(|k| r.slots[*k].name.clone()).collect();
        return Some(continuum(&names));
    }
    if others.is_empty() {
        return None;
    }
    let mut d = Diagnostic::warning(
        "W0983",
        format!("the economy rests elsewhere, too: {} more found", others.len()),
    );
    for other in others.iter().take(5) {
        let parts = r.slots.iter().zip(other).take(r.states);
        let text: Vec<String> = parts
            .map(|(slot, x)| format!("{} = {x:.6}", slot.name, x = plain(x)))
            .collect();
        d = d.note(text.join(", "));
    }
    Some(d.hint("the rest that is shown is the first one from around `start`: a `start` near another one finds that"))
}

/// Where members who are alike begin unlike: whether what each of them has at rest is left open, so that they need never have the same (E0996).
fn unlike(economy: &Economy, r: &Resting, found: &AtRest) -> Option<Diagnostic> {
    let model = economy.model;
    let begin = |s: &crate::check::model::State| {
        let axis = s.owner.and_then(|a| model.agents[a].axis)?;
        let many = !model.graph.axes[axis.0 as usize].continuum
            && model.graph.inputs[s.input.0 as usize].shape.contains(&axis)
            && model.graph.elements(&[axis]) > 1;
        let start = &model.graph.nodes[s.start?.0 as usize];
        Some(many && start.shape.contains(&axis) && start.domain.lo < start.domain.hi)
    };
    let apart = model.states.iter().any(|s| begin(s) == Some(true));
    let known = found.elsewhere.iter().any(|d| d.code == "E0996");
    if !apart || known || found.numbers.len() != r.slots.len() {
        return None;
    }
    let each = Resting::by_member(economy).ok()?;
    let of = |input: &usize| {
        let slot = r.slots.iter().position(|s| s.inputs.contains(input))?;
        Some(found.numbers[slot].value)
    };
    let mut point: Vec<f64> = each
        .slots
        .iter()
        .map(|s| of(s.inputs.first()?))
        .collect::<Option<_>>()?;
    point.extend(shadows(&each, &point));
    let open = undetermined(&each, &point);
    let names: Vec<String> = open.iter().map(|k| each.slots[*k].name.clone()).collect();
    (!names.is_empty()).then(|| {
        continuum(&names)
            .note("members who are alike in everything else begin unlike, and what they differ by need never go away")
    })
}

/// States and actions that the conditions of rest leave open at a root.
fn undetermined(r: &Resting, point: &[f64]) -> Vec<usize> {
    left_open(&mut |p: &[f64]| r.conditions(p), point, r.slots.len())
}

/// That a rest is one of a continuum, in which these are open (E0996).
pub fn continuum(names: &[String]) -> Diagnostic {
    let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    Diagnostic::error("E0996", "the economy rests at a continuum of places, of which this is one")
        .note(format!("the conditions of rest do not determine {}", names.join(", ")))
        .hint("where it comes to rest depends on where it begins: follow it from its `start` with `econc solve` and `econc simulate`; or change what makes all of them a rest (discount factors that equal what saving returns, or one another)")
}

/// A root of the conditions, and its residual, from a point of the spread, which goes so many times below and above where lives begin.
fn root(r: &Resting, start: usize, around: f64) -> Option<(Vec<f64>, f64)> {
    let n = r.slots.len();
    let mut unit = vec![0.5; n];
    if start > 0 {
        spread(start, n, &mut unit);
    }
    let mut point: Vec<f64> = (r.slots.iter().zip(&unit).take(r.states))
        .map(|(slot, u)| between(slot.start, slot.ends, around, *u))
        .collect();
    point.extend(unit[r.states..].iter().map(|_| 0.0));
    let ends = r.ends(&point);
    for ((x, (lo, hi)), u) in point[r.states..].iter_mut().zip(ends).zip(&unit[r.states..]) {
        *x = match (lo.is_finite(), hi.is_finite()) {
            (true, true) => lo + u * (hi - lo),
            (true, false) => lo + FAR * u,
            (false, true) => hi - FAR * u,
            (false, false) => FAR * (2.0 * u - 1.0),
        };
    }
    point.extend(shadows(r, &point));
    let (mut lo, mut hi) = (vec![f64::NEG_INFINITY; r.unknowns()], vec![f64::INFINITY; r.unknowns()]);
    for (k, slot) in r.slots.iter().enumerate().take(r.states) {
        (lo[k], hi[k]) = slot.ends;
    }
    let mut equations = |p: &[f64]| r.conditions(p);
    let report = newton(&mut equations, &point, &lo, &hi, &NewtonOptions::default());
    let size = report.x.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    (report.residual <= ROOT * size).then_some((report.x, report.residual))
}

/// A state from which a search begins: around where lives begin, or in its domain.
fn between(start: Option<(f64, f64)>, ends: (f64, f64), around: f64, u: f64) -> f64 {
    match start {
        Some((lo, hi)) if lo > 0.0 => lo / around * (around * around * hi / lo).powf(u),
        Some((lo, hi)) => {
            let far = (around - 1.0) * lo.abs().max(hi.abs()).max(1.0);
            (lo - far + u * (hi - lo + 2.0 * far)).clamp(ends.0, ends.1)
        }
        None if ends.0.is_finite() && ends.1.is_finite() => ends.0 + u * (ends.1 - ends.0),
        None if ends.0 >= 0.0 => ends.0 + 1e-2 * 1e4f64.powf(u),
        None if ends.0.is_finite() => ends.0 + 10.0 * u,
        None if ends.1.is_finite() => ends.1 - 10.0 * u,
        None => 20.0 * (u - 0.5),
    }
}

/// Shadow prices that come closest to the first-order conditions at states and actions.
fn shadows(r: &Resting, x: &[f64]) -> Vec<f64> {
    let count = r.unknowns() - r.slots.len();
    let (rows, right) = r.in_shadows(x);
    let matrix = DMatrix::from_fn(rows.len(), count, |i, j| rows[i][j]);
    let right = DVector::from_vec(right);
    let solved = closest(matrix, &right, 1e-10);
    solved.map_or_else(|| vec![0.0; count], |m| m.iter().copied().collect())
}

/// Whether all actions lie inside their bounds and no requirement is violated.
fn inside(r: &Resting, point: &[f64]) -> bool {
    let x = &point[..r.slots.len()];
    let ends = r.ends(x);
    let within = x[r.states..].iter().zip(ends).all(|(x, (lo, hi))| *x > lo && *x < hi);
    within && r.slack(x) >= -1e-9
}

/// The most that leaving is worth to a kind, as a share of one plus what staying is.
fn leaving(r: &Resting, kind: usize, point: &[f64]) -> f64 {
    let slots = r.own(kind);
    let here: Vec<f64> = slots.iter().map(|s| point[*s]).collect();
    let stays = r.worth(kind, point, &here);
    let ends = r.ends(&point[..r.slots.len()]);
    let at = |place: usize, u: f64| -> f64 {
        let slot = slots[place];
        let (lo, hi) = if slot < r.states {
            r.slots[slot].ends
        } else {
            ends[slot - r.states]
        };
        let x = here[place];
        match (lo.is_finite(), hi.is_finite()) {
            (true, true) => lo + u * (hi - lo),
            (true, false) => lo + 4.0 * u * (x - lo),
            (false, true) => hi - 4.0 * u * (hi - x),
            (false, false) => x + 4.0 * (u - 0.5) * (1.0 + x.abs()),
        }
    };
    let mut most = f64::NEG_INFINITY;
    let mut look = |own: &[f64]| {
        let w = r.worth(kind, point, own);
        if w > most {
            most = w;
        }
    };
    for place in 0..slots.len() {
        for i in 1..HELD_AGAINST {
            let mut own = here.clone();
            own[place] = at(place, i as f64 / HELD_AGAINST as f64);
            look(&own);
        }
        for step in [1e-1, 1e-2, 1e-3, 1e-4] {
            for sign in [-1.0, 1.0] {
                let mut own = here.clone();
                own[place] *= 1.0 + sign * step;
                look(&own);
            }
        }
    }
    let mut unit = vec![0.0; slots.len()];
    for i in 0..2 * HELD_AGAINST {
        spread(i, slots.len(), &mut unit);
        let own: Vec<f64> = (0..slots.len()).map(|p| at(p, unit[p])).collect();
        look(&own);
    }
    let gain = (most - stays) / (1.0 + stays.abs());
    if stays.is_finite() {
        gain.max(0.0)
    } else {
        f64::INFINITY
    }
}
