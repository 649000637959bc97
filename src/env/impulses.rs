//! What impulse responses are asked for, as typed: shocks with sizes, and the place they begin at.

use super::worlds::Worlds;
use super::worlds::impulse::{Impulse, Push};
use crate::chance::chain::nearest;
use crate::chance::{Distribution, Family};
use crate::check::model::{Model, Process, Shock};
use crate::diag::Diagnostic;
use crate::diag::suggest::did_you_mean;
use crate::graph::Shape;

/// An impulse with words for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The name of the shock, with its element.
    pub name: String,
    /// How far it is moved, in words: `+0.007 (1 sd)`, `to good`.
    pub words: String,
    /// What it is.
    pub impulse: Impulse,
}

/// Where histories stand in the period before the impulse.
#[derive(Clone, Debug, PartialEq)]
pub enum Begin {
    /// Each somewhere else: where a simulated life stands after the burn-in.
    Ergodic,
    /// All at the means of states and shocks.
    Mean,
    /// All where the file begins.
    Start,
    /// As [`Begin::Mean`], but for what is named.
    At(Vec<Place>),
}

/// A state or a shock at a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Which.
    pub which: Which,
    /// Its element; `None` is all.
    pub element: Option<usize>,
    /// The number; of a chain that of its state.
    pub value: f64,
}

impl Place {
    /// Puts a world there: the element that is meant, or all of them.
    pub fn put(&self, worlds: &mut Worlds, world: usize) {
        let shape = match self.which {
            Which::State(i) => worlds.model.graph.inputs[worlds.model.states[i].input.0 as usize]
                .shape
                .clone(),
            Which::Shock(i) => worlds.model.shocks[i].shape.clone(),
        };
        let elements = worlds.model.graph.elements(&shape);
        for e in (0..elements).filter(|e| self.element.is_none_or(|own| own == *e)) {
            match self.which {
                Which::State(i) => worlds.set_state(i, e, world, self.value),
                Which::Shock(i) => worlds.set_shock(i, e, world, self.value),
            }
        }
    }
}

/// A variable that a history stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This state.
    State(usize),
    /// This shock.
    Shock(usize),
}

/// The impulses of a command line, `NAME` or `NAME=SIZE` each; with nothing typed every shock that is not one of members (else every one):
/// by one standard deviation, chains to their largest value.
///
/// # Errors
/// E0995.
pub fn impulses(model: &Model, typed: &[String]) -> Result<Vec<Asked>, Diagnostic> {
    if model.shocks.is_empty() {
        return Err(
            Diagnostic::error("E0995", "the model has no shock, so there is nothing to respond to").hint(
                "a shock that those who choose know: shock z ~ ar1(rho: 0.9, sigma: 0.01); a path without one: econc simulate",
            ),
        );
    }
    if !typed.is_empty() {
        let asked: Vec<Asked> = typed.iter().map(|text| one(model, text)).collect::<Result<_, _>>()?;
        for (k, a) in asked.iter().enumerate() {
            if asked[..k].iter().any(|b| b.name == a.name) {
                return Err(Diagnostic::error("E0995", format!("`{}` is asked for twice", a.name))
                    .note("responses are told apart by the name of their shock")
                    .hint("one size at a time: run econc irf once for each"));
            }
        }
        return Ok(asked);
    }
    let wide = |s: &&Shock| s.owner.is_none_or(|a| model.agents[a].axis.is_none());
    let mut chosen: Vec<&Shock> = model.shocks.iter().filter(wide).collect();
    if chosen.is_empty() {
        chosen = model.shocks.iter().collect();
    }
    // The innovations of a vector process are those of its elements.
    let names = chosen.into_iter().flat_map(|s| match s.process {
        Process::Var1 { .. } => (0..model.graph.elements(&s.shape))
            .map(|e| format!("{}[{}]", s.name, labels(model, &s.shape, e)))
            .collect(),
        _ => vec![s.name.clone()],
    });
    names.map(|name| one(model, &name)).collect()
}

fn one(model: &Model, text: &str) -> Result<Asked, Diagnostic> {
    let (name, size) = match text.split_once('=') {
        Some((name, size)) => (name.trim(), Some(size.trim())),
        None => (text.trim(), None),
    };
    let (bare, inside) = parts(name);
    let shocks: Vec<&str> = model.shocks.iter().map(|s| s.name.as_str()).collect();
    let shock = found(&shocks, bare).ok_or_else(|| {
        let d = Diagnostic::error("E0995", format!("the model has no shock `{bare}`"));
        if let Some(n) = model.noises.iter().find(|n| short(&n.name) == short(bare)) {
            return d.at(n.span, "a noise: nobody knows it when choosing").hint(format!(
                "its shocks: {}; where the noise shall be known, declare it with `shock`",
                shocks.join(", ")
            ));
        }
        match did_you_mean(bare, shocks.iter().copied()) {
            Some(near) => d.hint(format!("did you mean `{near}`?")),
            None => d.hint(format!("its shocks: {}", shocks.join(", "))),
        }
    })?;
    let s = &model.shocks[shock];
    let element = inside.map(|i| element(model, &s.shape, i, name)).transpose()?;
    let (push, words) = push(s, element, size)?;
    Ok(Asked {
        name: match inside {
            Some(inside) => format!("{}[{inside}]", s.name),
            None => s.name.clone(),
        },
        words,
        impulse: Impulse { shock, element, push },
    })
}

/// Impulses in standard deviations, at most and at least.
const MOST_DEVIATIONS: f64 = 1000.0;
const LEAST_DEVIATIONS: f64 = 1e-6;

/// How far `size` moves a shock, and the same in words.
fn push(s: &Shock, element: Option<usize>, size: Option<&str>) -> Result<(Push, String), Diagnostic> {
    if !s.process.is_continuous() {
        return to_state(s, size);
    }
    let sd = deviation(&s.process, element);
    let unread = |why: &str| {
        Err(Diagnostic::error(
            "E0995",
            format!("`{}` cannot be moved by `{}`", s.name, size.unwrap_or("1sd")),
        )
        .note(why)
        .hint(format!(
            "in its units, {}=0.01, or in standard deviations, {}=-2sd",
            s.name, s.name
        )))
    };
    let (by, deviations) = match size.map(|t| t.strip_suffix("sd").map_or((t, false), |t| (t.trim(), true))) {
        None => (1.0, true),
        Some(("", true)) => (1.0, true),
        Some((number, deviations)) => match number.parse::<f64>() {
            Ok(x) if x.is_finite() => (x, deviations),
            _ => return unread("it is no number"),
        },
    };
    if deviations && element.is_none() && matches!(s.process, Process::Var1 { .. }) {
        return unread(
            "it is a vector: name one of its elements, NAME[1], whose innovation moves the others by its loadings",
        );
    }
    if deviations && !(sd > 0.0 && sd.is_finite()) {
        return unread("its law has no standard deviation: say by how much, in its units");
    }
    let by = if deviations { by * sd } else { by };
    if by == 0.0 {
        return unread("a move by nothing has no response");
    }
    if let (Process::Var1 { s: load, .. }, Some(own)) = (&s.process, element)
        && load[own % load.len()][own % load.len()] == 0.0
    {
        return unread("no innovation of its own moves this element");
    }
    let share = (by / sd).abs();
    if share > MOST_DEVIATIONS {
        return unread(
            "it is more than a thousand standard deviations: so far from where lives go no solution says what is done",
        );
    }
    if share < LEAST_DEVIATIONS {
        return unread(
            "it is less than a millionth of a standard deviation: the response would be lost in rounding; small ones are proportional",
        );
    }
    let sign = if by > 0.0 { "+" } else { "" };
    let share = digits(by / sd, 4);
    let words = match share.is_finite() {
        true => format!("{sign}{} ({share} sd)", digits(by, 6)),
        false => format!("{sign}{}", digits(by, 6)),
    };
    Ok((Push::By(by), words))
}

/// A finite shock is moved to one of its values, the largest if none is named.
fn to_state(s: &Shock, size: Option<&str>) -> Result<(Push, String), Diagnostic> {
    let (values, labels): (Vec<f64>, &[String]) = match &s.process {
        Process::Chain { values, labels, .. } => (values.clone(), labels),
        Process::Iid(d) => (outcomes(d), &[]),
        Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Var1 { .. } => (Vec::new(), &[]),
    };
    let shown = |i: usize| labels.get(i).cloned().unwrap_or_else(|| values[i].to_string());
    let largest = (0..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best });
    let state = match size {
        None => Some(largest),
        Some(text) => labels.iter().position(|l| l == text).or_else(|| {
            let x: f64 = text.parse().ok()?;
            let i = nearest(&values, x);
            ((values.get(i)? - x).abs() <= 1e-9 * x.abs().max(1.0)).then_some(i)
        }),
    };
    let Some(state) = state else {
        let known: Vec<String> = (0..values.len().min(12)).map(shown).collect();
        return Err(
            Diagnostic::error("E0995", format!("`{}` never is `{}`", s.name, size.unwrap_or_default()))
                .note("its values are finitely many: an impulse leads to one of them")
                .hint(format!(
                    "write {}={}; its values: {}",
                    s.name,
                    shown(largest),
                    known.join(", ")
                )),
        );
    };
    let stored = match &s.process {
        Process::Chain { .. } => state as f64,
        _ => values[state],
    };
    Ok((Push::To(stored), format!("to {}", shown(state))))
}

/// The values of a law with finitely many, at most so many as can be meant.
fn outcomes(d: &Distribution) -> Vec<f64> {
    match d.family {
        Family::Bernoulli => vec![0.0, 1.0],
        Family::UniformInt => (0..=(d.args[1] - d.args[0]).clamp(0.0, 1e5) as u32)
            .map(|i| d.args[0] + f64::from(i))
            .collect(),
        _ => d.table.iter().map(|p| p.0).collect(),
    }
}

/// A number with so many significant digits.
fn digits(x: f64, n: usize) -> f64 {
    format!("{:.*e}", n - 1, x).parse().unwrap_or(x)
}

/// Standard deviation of what is new in a shock each period, in its units: the innovation of processes, the law of independent draws.
pub fn deviation(process: &Process, element: Option<usize>) -> f64 {
    match process {
        Process::Ar1 { sigma, .. } | Process::RandomWalk { sigma } => *sigma,
        Process::Iid(d) => d.sd(),
        Process::Var1 { s, .. } => match element {
            Some(e) => s[e % s.len()][e % s.len()].abs(),
            None => f64::NAN,
        },
        Process::Chain { .. } => f64::NAN,
    }
}

/// Where histories begin: `ergodic`, `mean`, `start` or `NAME=VALUE,..`; with nothing typed the start of lives that end, else the
/// ergodic distribution.
///
/// # Errors
/// E0995.
pub fn begin(model: &Model, typed: Option<&str>) -> Result<Begin, Diagnostic> {
    match typed {
        None if model.horizon.is_some() => return Ok(Begin::Start),
        None | Some("ergodic") => return Ok(Begin::Ergodic),
        Some("mean") => return Ok(Begin::Mean),
        Some("start") => return Ok(Begin::Start),
        Some(_) => {}
    }
    let typed = typed.unwrap_or_default();
    let mut places: Vec<Place> = Vec::new();
    for (name, text) in pairs(typed)? {
        let place = place(model, &name, &text)?;
        if places
            .iter()
            .any(|p| p.which == place.which && p.element == place.element)
        {
            return Err(Diagnostic::error("E0995", format!("`{name}` is placed twice")).hint("keep one of them"));
        }
        places.push(place);
    }
    Ok(Begin::At(places))
}

/// `a=1,b[2,1]=3` as pairs; commas inside brackets divide indices.
fn pairs(typed: &str) -> Result<Vec<(String, String)>, Diagnostic> {
    let mut depth = 0i32;
    let split = typed.split(|c: char| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == ',' && depth == 0
    });
    split
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
                Ok((name.trim().to_string(), value.trim().to_string()))
            }
            _ => Err(
                Diagnostic::error("E0995", format!("`--from {typed}` is no place to begin at"))
                    .note(format!("`{pair}` is not NAME=VALUE"))
                    .hint("write ergodic, mean, start, or states and shocks with their values: --from k=30,z=0"),
            ),
        })
        .collect()
}

fn place(model: &Model, name: &str, text: &str) -> Result<Place, Diagnostic> {
    let (bare, inside) = parts(name);
    let states: Vec<&str> = model.states.iter().map(|s| s.name.as_str()).collect();
    let shocks: Vec<&str> = model.shocks.iter().map(|s| s.name.as_str()).collect();
    let wrong = |why: String, hint: String| {
        Diagnostic::error("E0995", format!("`{name}` cannot stand at `{text}`"))
            .note(why)
            .hint(hint)
    };
    let number = || {
        text.parse::<f64>()
            .ok()
            .filter(|x| x.is_finite())
            .ok_or_else(|| wrong("it is no number".into(), format!("a number: {name}=1")))
    };
    if let Some(i) = found(&states, bare) {
        let s = &model.states[i];
        let shape = &model.graph.inputs[s.input.0 as usize].shape;
        let value = match s.labels.iter().position(|l| l == text) {
            Some(label) => label as f64,
            None => number()?,
        };
        if !s.domain.contains(value) {
            let own = match s.labels.as_slice() {
                [] => crate::check::errors::interval(s.domain),
                labels => labels.join(", "),
            };
            return Err(wrong(
                "it lies outside the domain of the state".into(),
                format!("its domain: {own}"),
            ));
        }
        return Ok(Place {
            which: Which::State(i),
            element: inside.map(|t| element(model, shape, t, name)).transpose()?,
            value,
        });
    }
    if let Some(i) = found(&shocks, bare) {
        let s = &model.shocks[i];
        let value = if s.process.is_continuous() {
            number()?
        } else {
            match to_state(s, Some(text))?.0 {
                Push::By(x) | Push::To(x) => x,
            }
        };
        return Ok(Place {
            which: Which::Shock(i),
            element: inside.map(|t| element(model, &s.shape, t, name)).transpose()?,
            value,
        });
    }
    let known: Vec<&str> = states.into_iter().chain(shocks).collect();
    let d = Diagnostic::error("E0995", format!("the model has no state or shock `{bare}`"));
    Err(match did_you_mean(bare, known.iter().copied()) {
        Some(near) => d.hint(format!("did you mean `{near}`?")),
        None => d.hint(format!("its states and shocks: {}", known.join(", "))),
    })
}

/// `k[2]` as `k` and `2`.
fn parts(name: &str) -> (&str, Option<&str>) {
    match name.split_once('[') {
        Some((bare, rest)) => (bare, Some(rest.strip_suffix(']').unwrap_or(rest))),
        None => (name, None),
    }
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The number of a name: the full one, else the only one that ends in it.
fn found(known: &[&str], name: &str) -> Option<usize> {
    if let Some(i) = known.iter().position(|k| *k == name) {
        return Some(i);
    }
    let mut ends = (0..known.len()).filter(|i| short(known[*i]) == name);
    ends.next().filter(|_| ends.next().is_none())
}

/// The element of a shape that `2` or `a,3` names, by labels or numbers of its sets.
fn element(model: &Model, shape: &Shape, inside: &str, name: &str) -> Result<usize, Diagnostic> {
    let words: Vec<&str> = inside.split(',').map(str::trim).collect();
    let wrong = |hint: String| Diagnostic::error("E0995", format!("there is no element `{name}`")).hint(hint);
    if words.len() != shape.len() {
        return Err(wrong(match shape.len() {
            0 => format!("it is one number: {}", parts(name).0),
            n => format!("it has {n} indices"),
        }));
    }
    let mut at = 0;
    for (axis, word) in shape.iter().zip(words) {
        let set = &model.sets[axis.0 as usize];
        let size = model.graph.axes[axis.0 as usize].size;
        let by_number = || {
            word.parse::<i64>()
                .ok()
                .and_then(|n| usize::try_from(n - set.first).ok())
        };
        let own = set.labels.iter().position(|l| l == word).or_else(by_number);
        let Some(own) = own.filter(|i| *i < size) else {
            return Err(wrong(match set.labels.as_slice() {
                [] => format!("its indices: {} to {}", set.first, set.first + size as i64 - 1),
                labels => format!("its indices: {}", labels.join(", ")),
            }));
        };
        at = at * size + own;
    }
    Ok(at)
}

/// Indices of an element, as in the file.
pub fn labels(model: &Model, shape: &Shape, element: usize) -> String {
    let mut rest = element;
    let mut words: Vec<String> = Vec::new();
    for axis in shape.iter().rev() {
        let (set, size) = (
            &model.sets[axis.0 as usize],
            model.graph.axes[axis.0 as usize].size.max(1),
        );
        let own = rest % size;
        rest /= size;
        words.push(
            set.labels
                .get(own)
                .cloned()
                .unwrap_or_else(|| (set.first + own as i64).to_string()),
        );
    }
    words.reverse();
    words.join(",")
}
