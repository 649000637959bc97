//! From the `train { }` block of a file and what is asked on top of it to a [`Plan`].

use super::methods::Method;
use super::options::{OptionInfo, Value};
use super::training::Plan;
use super::LearnError;
use crate::check::model::{Model, Setting, Settings};
use crate::diag::{Diagnostic, Span};
use crate::env::behaviour::Behaviour;
use crate::env::vector::{self, learner_of};

/// What is asked on top of the file.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The learner, instead of the file's.
    pub method: Option<String>,
    /// Options `key=value`, instead of the file's.
    pub options: Vec<(String, String)>,
    /// Seeds, instead of the file's.
    pub seeds: Option<Vec<u64>>,
    /// The agent that learns.
    pub agent: Option<String>,
    /// The scenario to learn and be measured in.
    pub scenario: Option<String>,
    /// How everybody else chooses; random by default.
    pub others: Option<Behaviour>,
}

/// A plan with its seeds.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What each seed does.
    pub plan: Plan,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The agent that learns, by number.
    pub agent: usize,
    /// Every setting in force, for the manifest.
    pub settings: Vec<(String, String)>,
}

/// Keys of `train { }` that belong to every learner: key, what it takes, default, what it does.
pub const COMMON: &[(&str, &str, &str, &str)] = &[
    ("seeds", "range, list or number", "1", "One training for each; they run side by side on the cores."),
    ("scenario", "name", "none", "The scenario of the file to learn and to be measured in."),
    (
        "periods",
        "whole number",
        "the scenario's, else 1000",
        "Periods after which an episode is cut off; learners go on valuing what would have followed.",
    ),
    ("evaluations", "whole number", "20", "How often the policy is measured during training."),
    ("evaluation_episodes", "whole number", "32", "Episodes of one measurement."),
    (
        "evaluation_periods",
        "whole number",
        "until the discount factor has fallen to 1e-3, at most 1000",
        "Periods of an episode of a measurement.",
    ),
    ("stop_return", "number", "none", "Training ends once a measured return reaches this."),
    (
        "patience",
        "whole number",
        "none",
        "Training ends after this many measurements without a better one.",
    ),
    (
        "shaping",
        "true or false",
        "false",
        "Allows a `discount` of the learner that is not the model's.",
    ),
];

/// All options of `train NAME { }`: those of the learner, then the common ones.
pub fn options(method: &Method) -> Vec<OptionInfo> {
    let common = COMMON.iter().map(|(key, kind, default, doc)| OptionInfo {
        key,
        kind,
        default: (*default).to_string(),
        doc: (*doc).to_string(),
    });
    method.options().into_iter().chain(common).collect()
}

/// The value of a setting, for a learner.
pub fn value(setting: &Setting) -> Value {
    match setting {
        Setting::Number(x) => Value::Number(*x),
        Setting::Word(w) if w == "true" => Value::Bool(true),
        Setting::Word(w) if w == "false" => Value::Bool(false),
        Setting::Word(w) | Setting::Text(w) => Value::Word(w.clone()),
        Setting::List(items) => Value::List(items.iter().map(value).collect()),
        Setting::Range(a, b) => Value::List((*a..=*b).map(|x| Value::Number(x as f64)).collect()),
        Setting::Call(name, args) => {
            let args: Vec<String> = args.iter().map(|a| value(a).show()).collect();
            Value::Word(format!("{name}({})", args.join(", ")))
        }
    }
}

/// What the common keys say.
#[derive(Default)]
struct Common {
    seeds: Option<Vec<u64>>,
    scenario: Option<String>,
    periods: Option<usize>,
    evaluations: Option<usize>,
    episodes: Option<usize>,
    evaluation_periods: Option<usize>,
    stop_return: Option<f64>,
    patience: Option<usize>,
    shaping: bool,
    discount: Option<(f64, Option<Span>)>,
}

/// The plan for a model.
///
/// # Errors
/// E0920 for an unknown learner, E0921 and E0922 for options, E0926 for another discount factor than the model's without
/// `shaping = true`, E0927 where it is not clear who learns.
pub fn plan(model: &Model, asked: &Asked) -> Result<Planned, Diagnostic> {
    let blocks: Vec<&Settings> = model.settings.iter().filter(|s| s.block == "train").collect();
    let name = asked
        .method
        .clone()
        .or_else(|| blocks.first().and_then(|b| b.method.clone()))
        .unwrap_or_else(|| Method::all()[0].name().to_string());
    let Some(mut method) = Method::named(&name) else {
        return Err(unknown_learner(&name));
    };
    let mut common = Common::default();
    let mut settings = vec![("learner".to_string(), name.clone())];
    for (key, setting, span) in blocks.iter().filter(|b| b.method.as_deref() == Some(&name)).flat_map(|b| &b.entries) {
        let v = value(setting);
        assign(&mut method, &mut common, key, &v, Some(*span))?;
        settings.push((key.clone(), v.show()));
    }
    for (key, text) in &asked.options {
        let v = Value::parse(text);
        assign(&mut method, &mut common, key, &v, None)?;
        settings.push((key.clone(), v.show()));
    }
    let agent = learner_of(model, asked.agent.as_deref())?;
    let discount = model.agents[agent]
        .discount
        .and_then(|d| model.graph.nodes[d.0 as usize].domain.as_point());
    if let (Some((own, span)), Some(model_discount)) = (common.discount, discount)
        && (own - model_discount).abs() > 1e-12
        && !common.shaping
    {
        let mut d = Diagnostic::error(
            "E0926",
            format!("the learner discounts with {own}, the model with {model_discount}"),
        );
        if let Some(span) = span {
            d = d.at(span, "another objective than the model's");
        }
        return Err(d.hint("remove it, or say that it is meant: shaping = true"));
    }
    let scenario = asked.scenario.clone().or(common.scenario);
    let of_scenario = model
        .scenarios
        .iter()
        .find(|s| Some(&s.name) == scenario.as_ref())
        .and_then(|s| s.periods);
    let ends = model.horizon.is_some() || !model.ends.is_empty();
    let periods = common
        .periods
        .or(of_scenario)
        .or(if ends { None } else { Some(1000) });
    let patience_of_discount = match discount {
        Some(b) if b > 0.0 && b < 1.0 => ((1e-3f64.ln() / b.ln()).ceil() as usize).clamp(10, 1000),
        _ => 1000,
    };
    let evaluation_periods = common
        .evaluation_periods
        .or(if ends { common.periods.or(of_scenario) } else { None })
        .unwrap_or_else(|| model.horizon.unwrap_or(patience_of_discount));
    Ok(Planned {
        plan: Plan {
            environment: vector::Options {
                agent: asked.agent.clone(),
                scenario,
                worlds: method.worlds(),
                periods,
                grids: method.finite_choices(),
                others: asked.others.clone().unwrap_or(Behaviour::Random),
            },
            method,
            evaluations: common.evaluations.unwrap_or(20),
            evaluation_episodes: common.episodes.unwrap_or(32).max(1),
            evaluation_periods: evaluation_periods.max(1),
            stop_return: common.stop_return,
            patience: common.patience,
        },
        seeds: asked.seeds.clone().or(common.seeds).unwrap_or_else(|| vec![1]),
        agent,
        settings,
    })
}

fn assign(
    method: &mut Method,
    common: &mut Common,
    key: &str,
    v: &Value,
    span: Option<Span>,
) -> Result<(), Diagnostic> {
    let whole = || match v {
        Value::Number(x) if *x >= 0.0 && x.fract() == 0.0 && *x < 9e15 => Ok(*x as usize),
        _ => Err(bad(key, v, "whole number")),
    };
    let at = |d: Diagnostic| match span {
        Some(s) => d.at(s, "here"),
        None => d,
    };
    let done: Result<(), Diagnostic> = match key {
        "seeds" => seeds(v).map(|s| common.seeds = Some(s)).ok_or_else(|| bad(key, v, "a range, a list or a number")),
        "scenario" => match v {
            Value::Word(w) => {
                common.scenario = Some(w.clone());
                Ok(())
            }
            _ => Err(bad(key, v, "the name of a scenario")),
        },
        "periods" => whole().map(|n| common.periods = Some(n.max(1))),
        "evaluations" => whole().map(|n| common.evaluations = Some(n)),
        "evaluation_episodes" => whole().map(|n| common.episodes = Some(n)),
        "evaluation_periods" => whole().map(|n| common.evaluation_periods = Some(n)),
        "patience" => whole().map(|n| common.patience = Some(n)),
        "stop_return" => match v {
            Value::Number(x) => {
                common.stop_return = Some(*x);
                Ok(())
            }
            _ => Err(bad(key, v, "number")),
        },
        "shaping" => match v {
            Value::Bool(b) => {
                common.shaping = *b;
                Ok(())
            }
            Value::Number(x) => {
                common.shaping = *x != 0.0;
                Ok(())
            }
            _ => Err(bad(key, v, "true or false")),
        },
        _ => {
            if let ("discount", Value::Number(x)) = (key, v) {
                common.discount = Some((*x, span));
            }
            set(method, key, v)
        }
    };
    done.map_err(at)
}

/// An option of the learner. Numbers stand for `true` and `false` too: the file's checker keeps them so; `stop = stable(n)`
/// and `exploration = exp(-r * step)` are the words of the language for two options of Q-learning.
fn set(method: &mut Method, key: &str, v: &Value) -> Result<(), Diagnostic> {
    let text = v.show();
    if method.name() == "q_learning" {
        let inner = |head: &str| text.strip_prefix(head)?.strip_suffix(')').map(str::trim);
        if key == "stop"
            && let Some(n) = inner("stable(")
        {
            return set(method, "stable", &Value::parse(n));
        }
        if key == "exploration"
            && let Some(law) = inner("exp(")
        {
            let rate = law
                .strip_prefix('-')
                .and_then(|x| x.split('*').next())
                .and_then(|x| x.trim().parse::<f64>().ok());
            let Some(rate) = rate else {
                return Err(bad(key, v, "exp(-RATE * step), constant, exponential or linear"));
            };
            set(method, "exploration", &Value::Word("exponential".into()))?;
            return set(method, "exploration_rate", &Value::Number(rate));
        }
    }
    match (method.set(key, v), v) {
        (Err(LearnError::BadOption { expected, .. }), Value::Number(x))
            if expected == "true or false" && (*x == 0.0 || *x == 1.0) =>
        {
            method.set(key, &Value::Bool(*x == 1.0)).map_err(Diagnostic::from)
        }
        (Err(LearnError::UnknownOption { .. }), _) => Err(unknown_option(method, key)),
        (other, _) => other.map_err(Diagnostic::from),
    }
}

fn unknown_option(method: &Method, key: &str) -> Diagnostic {
    let known: Vec<&str> = options(method).iter().map(|o| o.key).collect();
    let d = Diagnostic::error("E0921", format!("`{}` has no option `{key}`", method.name()));
    match crate::diag::suggest::did_you_mean(key, known.iter().copied()) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None => d.note(format!("options: {}", known.join(", "))),
    }
}

fn bad(key: &str, v: &Value, expected: &str) -> Diagnostic {
    Diagnostic::from(LearnError::BadOption {
        key: key.into(),
        value: v.show(),
        expected: expected.into(),
    })
}

/// An unknown learner.
pub fn unknown_learner(name: &str) -> Diagnostic {
    let all = Method::all();
    let known: Vec<&str> = all.iter().map(Method::name).collect();
    let d = Diagnostic::error("E0920", format!("there is no learner `{name}`"));
    match crate::diag::suggest::did_you_mean(name, known.iter().copied()) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None => d.hint(format!("learners: {}", known.join(", "))),
    }
}

/// `1..5`, `[1, 3]`, `1,3` or `7`: at most 1000 different ones.
pub fn seeds(v: &Value) -> Option<Vec<u64>> {
    let whole = |x: &Value| match x {
        Value::Number(x) if *x >= 0.0 && x.fract() == 0.0 && *x < 9e15 => Some(*x as u64),
        _ => None,
    };
    let mut out = match v {
        Value::Number(_) => vec![whole(v)?],
        Value::List(items) => items.iter().map(whole).collect::<Option<Vec<u64>>>()?,
        Value::Word(w) => {
            let (a, b) = w.split_once("..")?;
            let (a, b): (u64, u64) = (a.trim().parse().ok()?, b.trim().parse().ok()?);
            if b < a || b - a >= 1000 {
                return None;
            }
            (a..=b).collect()
        }
        Value::Bool(_) => return None,
    };
    out.sort_unstable();
    out.dedup();
    (!out.is_empty() && out.len() <= 1000).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_as_a_person_types_them() {
        assert_eq!(seeds(&Value::parse("1..3")), Some(vec![1, 2, 3]));
        assert_eq!(seeds(&Value::parse("7")), Some(vec![7]));
        assert_eq!(seeds(&Value::parse("[3, 1, 3]")), Some(vec![1, 3]));
        assert_eq!(seeds(&Value::parse("3..1")), None);
        assert_eq!(seeds(&Value::parse("1..1000000000")), None);
        assert_eq!(seeds(&Value::parse("one")), None);
    }
}
