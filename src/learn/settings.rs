//! What `train METHOD { }` may say: the options of the learner and the keys of whoever drives it ([`DRIVER_KEYS`]), read
//! and checked before anything is trained.
//!
//! [`read`] turns a block into [`TrainSettings`]; [`check`] does that for every block of a model, so that a misspelled
//! key is an error when the model is compiled.

use super::entry::LearnerInfo;
use super::methods::{self, Beside, LEARNERS};
use super::options::Value;
use crate::check::Model;
use crate::check::model::{Setting, Settings};
use crate::check::settings::{Key, Kind, misfit, seeds, unknown_key};
use crate::diag::{Diagnostic, Span};
use crate::env::able::learner_of;

/// Keys of `train { }` that every learner shares: they are about the worlds and the runs, not about learning.
pub const DRIVER_KEYS: &[Key] = &[
    Key {
        name: "seeds",
        kind: Kind::Seeds,
        default: "1",
        doc: "seeds, one run each",
    },
    Key {
        name: "agent",
        kind: Kind::Agent,
        default: "none",
        doc: "the agent that learns by this block; of those that blocks name, all learn at once",
    },
    Key {
        name: "periods",
        kind: Kind::Whole {
            lo: 1,
            hi: 1_000_000_000,
        },
        default: "the scenario's; in worlds that never end until the discount factor has fallen to 1e-3, at least 200 (ppo: to 0.03, at least 10)",
        doc: "periods after which an episode's record stops; the world does not end there, so learners look beyond",
    },
    Key {
        name: "scenario",
        kind: Kind::Scenario,
        default: "none",
        doc: "the scenario to train in",
    },
    Key {
        name: "evaluations",
        kind: Kind::Whole { lo: 0, hi: 10_000 },
        default: "20",
        doc: "how often the policy is measured on the way, without exploration (in games choices are drawn as policies mix them)",
    },
    Key {
        name: "evaluation_episodes",
        kind: Kind::Whole { lo: 1, hi: 1_000_000 },
        default: "32",
        doc: "episodes of one measurement",
    },
    Key {
        name: "evaluation_periods",
        kind: Kind::Whole {
            lo: 1,
            hi: 1_000_000_000,
        },
        default: "until the discount factor has fallen to 1e-3",
        doc: "periods after which an episode of a measurement is cut off",
    },
    Key {
        name: "stop_return",
        kind: Kind::Within {
            lo: f64::MIN,
            hi: f64::MAX,
        },
        default: "none",
        doc: "ends training once a measured return reaches this",
    },
    Key {
        name: "patience",
        kind: Kind::Whole { lo: 1, hi: 10_000 },
        default: "none",
        doc: "ends training after so many measurements without a better one",
    },
    Key {
        name: "policies",
        kind: Kind::Words("choice", &["shared", "separate"]),
        default: "shared",
        doc: "whether the members of an agent share one policy or have one each, learned by a learner of its own",
    },
    Key {
        name: "alternate",
        kind: Kind::Whole { lo: 1, hi: 1_000_000 },
        default: "none",
        doc: "updates of one who learns (agent, or member with a policy of its own) before the next has its turn, the others standing still; `none` lets all learn at once",
    },
    Key {
        name: "past_selves",
        kind: Kind::Whole { lo: 1, hi: 1000 },
        default: "none",
        doc: "most past selves that members meet: in each world one member learns, and the others play by the present policy or a past one; steps are those of members who learn",
    },
    Key {
        name: "past_share",
        kind: Kind::Within { lo: 0.0, hi: 1.0 },
        default: "0.5",
        doc: "share of the episodes in which the others are past selves",
    },
    Key {
        name: "members",
        kind: Kind::Whole { lo: 1, hi: 10_000_000 },
        default: "1000",
        doc: "members that stand for a continuum, where `solve` does not say",
    },
    Key {
        name: "shaping",
        kind: Kind::Switch,
        default: "false",
        doc: "allows the learner's discount to differ from the model's",
    },
];

/// The keys of `train NAME { }` that are no options of the learner: one per key.
pub fn keys_of(learner: &LearnerInfo) -> impl Iterator<Item = &'static Key> + use<> {
    DRIVER_KEYS.iter().chain(learner.keys)
}

/// Whether some learner reads this key of `train { }`.
pub fn is_train_key(key: &str) -> bool {
    let own = |l: &LearnerInfo| (l.table)().iter().any(|o| o.key == key) || l.keys.iter().any(|k| k.name == key);
    DRIVER_KEYS.iter().any(|k| k.name == key) || LEARNERS.iter().any(own)
}

/// A `train` block that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainSettings {
    /// The learner's name.
    pub method: &'static str,
    /// One run per seed.
    pub seeds: Vec<u64>,
    /// The agent that learns by it, if one is named.
    pub agent: Option<String>,
    /// Periods after which a record stops.
    pub periods: Option<usize>,
    /// The scenario to train in.
    pub scenario: Option<String>,
    /// How often the policy is measured.
    pub evaluations: Option<usize>,
    /// Episodes of one measurement.
    pub evaluation_episodes: Option<usize>,
    /// Periods after which an episode of a measurement is cut off.
    pub evaluation_periods: Option<usize>,
    /// Ends training once a measured return reaches this.
    pub stop_return: Option<f64>,
    /// Ends training after so many measurements without a better one.
    pub patience: Option<usize>,
    /// How it learns beside others.
    pub beside: Beside,
    /// Play the published program (`random = ran2`).
    pub published: bool,
    /// Competitive and collusive action.
    pub benchmarks: Option<(f64, f64)>,
    /// The learner's own options: one (key, value) per option, to be given to [`methods::Method::set`].
    pub options: Vec<(String, Value)>,
    /// What was said and changes nothing: one entry per key.
    pub idle: Vec<Idle>,
}

/// A setting that changes nothing, with the reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Idle {
    /// The key, as it was said.
    pub key: String,
    /// The reason, in words.
    pub why: String,
    /// Where it was said.
    pub span: Span,
}

impl Idle {
    /// W0825.
    pub fn warning(&self) -> Diagnostic {
        Diagnostic::warning("W0825", format!("`{}` has no effect here", self.key))
            .at(self.span, "nothing reads this")
            .note(self.why.clone())
            .hint("remove it")
    }
}

/// Reads a `train` block of a model.
///
/// # Errors
/// E0801 (no such key), E0804 (no such learner or scenario), E0805 (a value that a key does not take), E0806 (another discount than the
/// model's), with the places of the entries.
pub fn read(model: &Model, block: &Settings) -> Result<TrainSettings, Vec<Diagnostic>> {
    let learner = methods::learner(block.method.as_deref().unwrap_or_default())
        .map_err(|d| vec![d.at(block.span, "no learner of this name")])?;
    let table = (learner.table)();
    let mut read = TrainSettings {
        method: learner.method,
        seeds: vec![1],
        agent: None,
        periods: None,
        scenario: None,
        evaluations: None,
        evaluation_episodes: None,
        evaluation_periods: None,
        stop_return: None,
        patience: None,
        beside: Beside::default(),
        published: false,
        benchmarks: None,
        options: Vec::new(),
        idle: Vec::new(),
    };
    let mut spans = Vec::new();
    let mut faults = Vec::new();
    let mut shaping = None;
    for (key, value, span) in &block.entries {
        let own = keys_of(learner).find(|k| k.name == key);
        let another = LEARNERS.iter().find(|l| l.keys.iter().any(|k| k.name == key));
        if let Some(known) = own.or_else(|| another?.keys.iter().find(|k| k.name == key)) {
            let value = &with_parameters(model, value);
            // `none` is what `--list` shows of a key that is not set.
            if own.is_some() && known.default == "none" && *value == Setting::Word("none".into()) {
                continue;
            }
            if let Some(d) = misfit(known, key, value, model, Some(*span)) {
                faults.push(d);
            } else if let (None, Some(other)) = (own, another) {
                faults.push(
                    Diagnostic::error("E0805", format!("`{key}` cannot be set for `train {}`", learner.method))
                        .at(*span, format!("a setting of {}", other.method))
                        .hint(match key.as_str() {
                            "stop" => "remove it; `steps` says when learning ends".to_string(),
                            _ => format!(
                                "remove it, or learn by {}; econc train --list {} shows what can be set",
                                other.method, learner.method
                            ),
                        }),
                );
            } else if let (Kind::Agent, Setting::Word(agent)) = (known.kind, value)
                && let Err(d) = learner_of(model, Some(agent))
            {
                faults.push(d.at(*span, "who learns by this block"));
            } else if key == "shaping" {
                shaping = (*value == Setting::Bool(true)).then_some(*span);
            } else if let Some(options) = (learner.spelled)(key, value) {
                spans.extend(vec![*span; options.len()]);
                read.options
                    .extend(options.into_iter().map(|(o, v)| (o.to_string(), v)));
            } else {
                read.driver(key, value);
            }
            continue;
        }
        if !table.iter().any(|o| o.key == key) {
            let names = table.iter().map(|o| o.key).chain(keys_of(learner).map(|k| k.name));
            let known: Vec<String> = names.map(String::from).collect();
            faults.push(unknown_key(key, &format!("train {}", learner.method), *span, &known));
            continue;
        }
        if let Some(options) = (learner.spelled)(key, value) {
            spans.extend(vec![*span; options.len()]);
            read.options
                .extend(options.into_iter().map(|(o, v)| (o.to_string(), v)));
            continue;
        }
        let wants_number = table.iter().any(|o| o.key == key && o.kind.contains("number"));
        let value = if wants_number {
            with_parameters(model, value)
        } else {
            value.clone()
        };
        read.options.push((key.clone(), as_option(&value)));
        spans.push(*span);
    }
    for (i, e) in (learner.faults)(&read.options) {
        let known = table.iter().find(|o| o.key == read.options[i].0);
        let mut d = Diagnostic::from(e).at(spans[i], known.map_or(String::new(), |o| format!("takes {}", o.kind)));
        if let (Some(o), Value::Word(w)) = (known, &read.options[i].1)
            && let Some(near) = crate::diag::suggest::did_you_mean(w, o.kind.split([' ', ',']).filter(|k| k.len() > 2))
        {
            d = d.hint(format!("did you mean `{near}`?"));
        }
        faults.push(d);
    }
    let another = discount_differs(model, read.agent.as_deref(), &read.options, &spans);
    match (shaping, another) {
        (None, another) => faults.extend(another),
        (Some(_), Some(_)) => {}
        (Some(span), None) => read.idle.push(Idle {
            key: "shaping".into(),
            why: "it allows a `discount` that is not the model's, and the learner has the model's".into(),
            span,
        }),
    }
    for (i, why) in (learner.idle)(&read.options) {
        read.idle.push(Idle {
            key: read.options[i].0.clone(),
            why: why.into(),
            span: spans[i],
        });
    }
    if faults.is_empty() { Ok(read) } else { Err(faults) }
}

/// A setting as typed on a command line: `3e-4`, `1..5`, `[64, 64]`, `tanh`, `true`, `stable(1000)`, `exp(-1e-5 * step)`.
pub fn typed(text: &str) -> Setting {
    let text = text.trim();
    if let Some((a, b)) = text.split_once("..")
        && let (Ok(a), Ok(b)) = (a.trim().parse(), b.trim().parse())
    {
        return Setting::Range(a, b);
    }
    if let Some((name, rest)) = text.split_once('(')
        && let Some(inner) = rest.strip_suffix(')')
    {
        let argument = match Value::parse(inner) {
            Value::Number(x) => Setting::Number(x),
            Value::Bool(_) | Value::Word(_) | Value::List(_) => Setting::Text(inner.trim().to_string()),
        };
        return Setting::Call(name.trim().to_string(), vec![argument]);
    }
    fn setting(value: Value) -> Setting {
        match value {
            Value::Number(x) => Setting::Number(x),
            Value::Bool(b) => Setting::Bool(b),
            Value::Word(w) => Setting::Word(w),
            Value::List(items) => Setting::List(items.into_iter().map(setting).collect()),
        }
    }
    setting(Value::parse(text))
}

/// The faults of every `train` block of a model: one diagnostic per fault.
pub fn check(model: &Model) -> Vec<Diagnostic> {
    let blocks = model.settings.iter().filter(|s| s.block == "train");
    let faults: Vec<Vec<Diagnostic>> = blocks
        .clone()
        .map(|b| read(model, b).err().unwrap_or_default())
        .collect();
    // `--set train.KEY` reaches every block; a learner that has no such key is told nothing, as long as another has it.
    let file = |d: &Diagnostic| d.primary.as_ref().map(|(span, _)| span.file);
    let typed = |d: &Diagnostic| file(d).filter(|f| *f >= crate::check::TYPED);
    let taken = |f: u16| faults.iter().any(|own| own.iter().all(|d| file(d) != Some(f)));
    let kept = |d: &&Diagnostic| d.code != "E0801" || typed(d).is_none_or(|f| !taken(f));
    let mut out: Vec<Diagnostic> = Vec::new();
    for d in faults.iter().flatten().filter(kept) {
        // One key that is typed and no learner has is one mistake.
        if typed(d).is_none() || out.iter().all(|o| typed(o) != typed(d)) {
            out.push(d.clone());
        }
    }
    let all: Vec<&Settings> = blocks.collect();
    for (i, b) in all.iter().enumerate() {
        let same = |a: &&&Settings| a.method == b.method && agent_of(a) == agent_of(b);
        if let (Some(agent), Some(first)) = (agent_of(b), all[..i].iter().find(same)) {
            let learner = b.method.as_deref().unwrap_or_default();
            out.push(
                Diagnostic::error("E0113", format!("`train {learner}` for `{agent}` is given twice"))
                    .at(b.span, "the second block")
                    .and(first.span, "the first block")
                    .hint("put all settings into one block, or name another agent"),
            );
        }
    }
    out
}

/// The agent that a `train` block names.
pub fn agent_of(block: &Settings) -> Option<&str> {
    block.entries.iter().rev().find_map(|(key, value, _)| match value {
        Setting::Word(agent) if key == "agent" && agent != "none" => Some(agent.as_str()),
        _ => None,
    })
}

/// The agents that `train` blocks name, each once, in the order of the file.
pub fn agents_named(model: &Model) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for agent in model
        .settings
        .iter()
        .filter(|s| s.block == "train")
        .filter_map(agent_of)
    {
        if !out.iter().any(|a| a == agent) {
            out.push(agent.to_string());
        }
    }
    out
}

impl TrainSettings {
    /// Notes the value of a driver's key that fits.
    fn driver(&mut self, key: &str, value: &Setting) {
        let whole = || value.number().map(|x| x as usize);
        let word = || match value {
            Setting::Word(w) => Some(w.as_str()),
            _ => None,
        };
        match key {
            "seeds" => self.seeds = seeds(value),
            "periods" => self.periods = whole(),
            "evaluations" => self.evaluations = whole(),
            "evaluation_episodes" => self.evaluation_episodes = whole(),
            "evaluation_periods" => self.evaluation_periods = whole(),
            "stop_return" => self.stop_return = value.number(),
            "patience" => self.patience = whole(),
            "policies" => self.beside.separate = word() == Some("separate"),
            "alternate" => self.beside.alternate = value.number().map(|x| x as u64),
            "past_selves" => self.beside.past_selves = whole(),
            "past_share" => self.beside.past_share = value.number(),
            "scenario" => self.scenario = word().map(String::from),
            "random" => self.published = word() == Some("ran2"),
            "benchmarks" => {
                if let Setting::List(two) = value
                    && let [Setting::Number(a), Setting::Number(b)] = two.as_slice()
                {
                    self.benchmarks = Some((*a, *b));
                }
            }
            "agent" => self.agent = word().map(String::from),
            _ => {}
        }
    }
}

/// A learner that looks ahead differently from the agents solves another problem.
fn discount_differs(
    model: &Model,
    agent: Option<&str>,
    options: &[(String, Value)],
    spans: &[Span],
) -> Option<Diagnostic> {
    let i = options.iter().rposition(|(key, _)| key == "discount")?;
    let Value::Number(learners) = options[i].1 else {
        return None;
    };
    let constant = |node: crate::graph::NodeId| model.graph.nodes[node.0 as usize].domain.as_point();
    let (agent, node) = model
        .agents
        .iter()
        .filter(|a| a.reward.is_some() && agent.is_none_or(|n| n == a.name))
        .find_map(|a| a.discount.filter(|d| constant(*d) != Some(learners)).map(|d| (a, d)))?;
    let own = constant(node).map_or("not one number".to_string(), |x| x.to_string());
    Some(
        Diagnostic::error(
            "E0806",
            format!("the learner's discount differs from that of `{}`", agent.name),
        )
        .at(spans[i], format!("{learners} here, {own} in the model"))
        .and(model.graph.nodes[node.0 as usize].span, "the model's")
        .hint("remove it: learners take the model's; or write `shaping = true` to learn another problem on purpose"),
    )
}

/// A parameter's value for its name, where the name stands alone.
fn with_parameters(model: &Model, value: &Setting) -> Setting {
    let named = |w: &str| {
        let p = model.params.iter().find(|p| p.name == w)?;
        match p.values.as_slice() {
            [x] => Some(Setting::Number(*x)),
            _ => None,
        }
    };
    match value {
        Setting::Word(w) => named(w).unwrap_or_else(|| value.clone()),
        Setting::List(items) => Setting::List(items.iter().map(|v| with_parameters(model, v)).collect()),
        Setting::Number(_) | Setting::Bool(_) | Setting::Text(_) | Setting::Call(..) | Setting::Range(..) => {
            value.clone()
        }
    }
}

/// The value as the options of learners read it.
fn as_option(value: &Setting) -> Value {
    match value {
        Setting::Number(x) => Value::Number(*x),
        Setting::Bool(b) => Value::Bool(*b),
        Setting::Word(w) => Value::Word(w.clone()),
        Setting::List(items) => Value::List(items.iter().map(as_option).collect()),
        Setting::Text(_) | Setting::Call(..) | Setting::Range(..) => Value::Word(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::OptionTable;
    use super::super::ppo::PpoOptions;
    use super::super::q_learning::QLearningOptions;
    use super::*;
    use crate::check::settings::{SOLVE_KEYS, VERIFY_KEYS};

    const MODEL: &str = "param n = 3\nagent a {\n  state x in [0, 10], start 1\n  action d in {keep, replace}\n  \
        x' = if d == replace then 0 else min(x + 1, 10)\n  reward if d == replace then -n else -x\n  discount 0.9\n}\n\
        scenario s { periods 5 }\n";

    fn train(block: &str) -> Result<TrainSettings, Vec<String>> {
        let (model, diagnostics) = crate::compile(&format!("{MODEL}{block}\n"), &crate::Options::default());
        match model {
            Some(model) => Ok(read(&model, model.settings.last().unwrap()).unwrap()),
            None => Err(diagnostics
                .iter()
                .map(|d| format!("{} {} {:?}", d.code, d.headline, d.hint))
                .collect()),
        }
    }

    #[test]
    fn a_block_is_read_into_options_and_driver() {
        let t = train(
            "train ppo { steps = 1000; worlds = n; network = [n, 4]; activation = relu; anneal = false; \
            seeds = 2..4; scenario = s; periods = 7; discount = none }",
        )
        .unwrap();
        assert_eq!((t.method, t.seeds, t.periods), ("ppo", vec![2, 3, 4], Some(7)));
        assert_eq!(t.scenario.as_deref(), Some("s"));
        let mut o = PpoOptions::default();
        for (key, value) in &t.options {
            o.set(key, value).unwrap();
        }
        assert_eq!((o.steps, o.worlds, o.network, o.anneal), (1000, 3, vec![3, 4], false));
    }

    #[test]
    fn spellings_of_papers_are_options_of_q_learning() {
        let t = train("train q_learning { exploration = exp(-4e-6 * step); stop = stable(100_000); random = counter }")
            .unwrap();
        let mut o = QLearningOptions::default();
        for (key, value) in &t.options {
            o.set(key, value).unwrap();
        }
        assert_eq!((o.exploration_rate, o.stable), (4e-6, 100_000));
    }

    #[test]
    fn what_a_learner_does_not_take_is_an_error_with_advice() {
        for (block, wanted) in [
            (
                "train poo { }",
                "E0804 unknown learner `poo` Some(\"did you mean `ppo`?\")",
            ),
            (
                "train ppo { stepz = 5 }",
                "E0801 `train ppo` has no setting `stepz` Some(\"did you mean `steps`?\")",
            ),
            ("train ppo { alpha = 0.1 }", "E0801"),
            ("train ppo { steps = 1.5 }", "E0805 option `steps` cannot be `1.5`"),
            ("train ppo { steps = 0 }", "E0805"),
            ("train ppo { clip = -1 }", "E0805 option `clip` cannot be `-1`"),
            ("train ppo { anneal = 1 }", "E0805"),
            (
                "train ppo { activation = tahn }",
                "E0805 option `activation` cannot be `tahn` Some(\"did you mean `tanh`?\")",
            ),
            ("train ppo { stop = stable(10) }", "E0805"),
            ("train ppo { seeds = [1, -2] }", "E0805"),
            ("train ppo { seeds = 5..1 }", "E0805"),
            ("train ppo { scenario = t2 }", "E0804"),
            ("train ppo { discount = 0.8 }", "E0806"),
            ("train ppo { shaping = 1 }", "E0805"),
            ("train q_learning { benchmarks = [1, 1] }", "E0805"),
            ("train q_learning { benchmarks = 1 }", "E0805"),
            ("train ppo { benchmarks = [1, 2] }", "E0805"),
            ("train q_learning { stop = never(1) }", "E0805"),
            ("train q_learning { exploration = exp(step) }", "E0805"),
        ] {
            let found = train(block).unwrap_err();
            assert!(found.len() == 1 && found[0].starts_with(wanted), "{block}: {found:?}");
        }
        assert!(train("train ppo { discount = 0.8; shaping = true }").is_ok());
        assert!(train("train ppo { discount = 0.9 }").is_ok());
        assert!(train("train ppo { policies = separate }").is_ok());
    }

    #[test]
    fn no_key_means_two_things() {
        for learner in LEARNERS {
            for o in (learner.table)() {
                assert!(
                    keys_of(learner).all(|k| k.name != o.key),
                    "{} {}",
                    learner.method,
                    o.key
                );
            }
        }
        let train: Vec<Key> = DRIVER_KEYS
            .iter()
            .chain(LEARNERS.iter().flat_map(|l| l.keys))
            .copied()
            .collect();
        for keys in [SOLVE_KEYS, VERIFY_KEYS, &train] {
            for (i, k) in keys.iter().enumerate() {
                assert!(!k.doc.is_empty() && !k.default.is_empty() && !k.kind.words().is_empty());
                assert!(keys[..i].iter().all(|other| other.name != k.name), "{}", k.name);
            }
        }
    }
}
