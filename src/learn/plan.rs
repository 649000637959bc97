//! From the `train { }` block of a file and the settings of the command line to a [`Plan`].

use super::idle;
use super::methods::{self, Method};
use super::options::{OptionTable, Value};
use super::q_learning::QLearningOptions;
use super::sessions;
use super::settings::{self, Idle, TrainSettings};
use super::training::Plan;
use crate::check::model::{Model, Settings};
use crate::diag::{Diagnostic, Span};
use crate::env::able::{self, learner_of};
use crate::env::cast::{Behaviour, Cast};
use crate::env::interface::Interface;
use crate::env::vector::{self, Sitting};

/// What the command line asks on top of the file.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The learner, instead of the file's.
    pub method: Option<String>,
    /// The learner of each agent that is named: one (agent, learner) per such agent.
    pub methods: Vec<(String, String)>,
    /// Options `key=value`, instead of the file's: one (key, value) per option; `key.agent=value` is for one of several
    /// agents that learn.
    pub options: Vec<(String, String)>,
    /// Seeds, one run per seed, instead of the file's.
    pub seeds: Option<Vec<u64>>,
    /// Names of the agents that learn: one per agent; empty for those that the file names, or the only one that decides.
    pub agents: Vec<String>,
    /// The scenario to learn and be measured in.
    pub scenario: Option<String>,
    /// How everybody else chooses; random by default.
    pub others: Option<Cast>,
}

/// A plan with its seeds.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What each seed does.
    pub plan: Plan,
    /// One run per seed.
    pub seeds: Vec<u64>,
    /// The numbers of the agents that learn: one per seat, in the order of the seats.
    pub agents: Vec<usize>,
    /// Every setting in force, for the manifest: one (key, value) per setting.
    pub settings: Vec<(String, String)>,
    /// What was changed to make the training fit: one note per change.
    pub notes: Vec<Diagnostic>,
    /// What was said and changes nothing; `notes` says so, too: one entry per key.
    pub idle: Vec<Idle>,
    /// How a policy begins, where the steps are too few for what its options say: one sentence per learner.
    pub begins: Vec<String>,
    /// Sessions of the published program, in place of worlds.
    pub sessions: Option<sessions::Asked>,
}

/// The span of text from the command line, which is in no file.
const TYPED_HERE: Span = Span {
    start: 0,
    end: 0,
    file: crate::check::TYPED,
};

/// The options that bound exploration at the end from above and below, and their values where several learn at once.
const NARROWED: [(&str, f64); 2] = [("final_std", 0.02), ("least_std", 0.1)];
/// Weights of the entropy at the start and at the end, in units of standardised advantages, where several choose among finitely many in games of one period.
const MIXED: [(&str, f64); 2] = [("entropy", 0.3), ("entropy_end", 0.03)];

impl Asked {
    /// What is asked of one of those who learn.
    fn of(&self, agent: &str) -> Asked {
        let own = self.methods.iter().find(|(a, _)| a == agent).map(|(_, m)| m.clone());
        let mut options: Vec<(String, String)> = Vec::new();
        // What is said to all comes first: what is said to one agent replaces it.
        let here = |key: &str| -> Option<String> { key.strip_suffix(agent)?.strip_suffix('.').map(String::from) };
        let another = |key: &str| {
            let said = key.rsplit_once('.').map(|(_, a)| a);
            said.is_some_and(|a| self.agents.iter().any(|x| x == a))
        };
        options.extend(self.options.iter().filter(|(k, _)| !another(k)).cloned());
        options.extend(self.options.iter().filter_map(|(k, v)| here(k).map(|k| (k, v.clone()))));
        Asked {
            method: own.or_else(|| self.method.clone()),
            methods: Vec::new(),
            options,
            agents: vec![agent.to_string()],
            ..self.clone()
        }
    }
}

/// A plan for one agent, and what of it was said and is not a default.
struct Own {
    planned: Planned,
    worlds: bool,
    periods: bool,
    evaluation_periods: bool,
}

/// The plan for a model.
///
/// # Errors
/// E0801 to E0806 for learners, options and values that do not exist or fit, or differ between agents that learn in the same worlds; E0927
/// where it is not clear who learns, E0923 for a learner that this program was built without.
pub fn plan(model: &Model, asked: &Asked) -> Result<Planned, Vec<Diagnostic>> {
    let mut asked = asked.clone();
    if asked.agents.is_empty() {
        asked.agents = settings::agents_named(model);
    }
    // Whoever is told how to learn is to learn.
    if asked.agents.is_empty() {
        let known = |name: &&String| model.agents.iter().any(|a| a.name == **name);
        asked.agents = asked.methods.iter().map(|(a, _)| a).filter(known).cloned().collect();
    }
    let asked = &asked;
    if let Some((agent, method)) = asked.methods.iter().find(|(a, _)| !asked.agents.contains(a)) {
        return Err(vec![
            Diagnostic::error(
                "E0927",
                format!("`{agent}` is to learn by {method}, and is not among those that learn"),
            )
            .hint(match model.agents.iter().any(|a| a.name == *method) {
                true => format!("the agent stands first: --learner {method}={agent}"),
                false => format!("name it: --agent {agent} --learner {agent}={method}"),
            }),
        ]);
    }
    let (first, further) = match asked.agents.as_slice() {
        [] => return own(model, asked, false).map(|o| o.planned),
        [first, further @ ..] => (first, further),
    };
    let mut all = own(model, &asked.of(first), !further.is_empty())?;
    if further.is_empty() {
        return Ok(all.planned);
    }
    let mut owns = Vec::new();
    for agent in further {
        owns.push(own(model, &asked.of(agent), true)?);
    }
    // They learn in the same worlds: as many as one of them says, or as the first takes by default.
    let told = owns.iter().find(|o| o.worlds && !all.worlds).unwrap_or(&all);
    let worlds = told.planned.plan.environment.worlds;
    let with = |agent: &str, o: Own| match o.worlds || o.planned.plan.environment.worlds == worlds {
        true => Ok(o),
        false => {
            let mut told = asked.of(agent);
            told.options.push(("worlds".into(), worlds.to_string()));
            own(model, &told, true)
        }
    };
    all = with(first, all)?;
    name_settings(&mut all.planned, first);
    for (agent, next) in further.iter().zip(owns) {
        let mut next = with(agent, next)?;
        name_settings(&mut next.planned, agent);
        all = beside(all, next, agent).map_err(|d| vec![d])?;
    }
    Ok(all.planned)
}

/// The settings in force as those of one of several agents.
fn name_settings(planned: &mut Planned, agent: &str) {
    for (key, _) in &mut planned.settings {
        *key = format!("{key}.{agent}");
    }
}

/// Adds one more agent that learns in the worlds of those before.
///
/// # Errors
/// E0805 for what must be the same for all and is not, E0927 for an agent that is named twice.
fn beside(mut all: Own, next: Own, agent: &str) -> Result<Own, Diagnostic> {
    let (a, b) = (&mut all.planned, next.planned);
    if a.agents.contains(&b.agents[0]) {
        return Err(able::twice(agent));
    }
    // A default follows the discount factor: the longest holds for all.
    if !all.periods && !next.periods {
        a.plan.environment.periods = a.plan.environment.periods.max(b.plan.environment.periods);
    }
    if !all.evaluation_periods && !next.evaluation_periods {
        a.plan.evaluation_periods = a.plan.evaluation_periods.max(b.plan.evaluation_periods);
    }
    let same_periods = !all.periods && !next.periods || a.plan.environment.periods == b.plan.environment.periods;
    let same_length =
        !all.evaluation_periods && !next.evaluation_periods || a.plan.evaluation_periods == b.plan.evaluation_periods;
    let shared = [
        ("worlds", a.plan.environment.worlds == b.plan.environment.worlds),
        ("seeds", a.seeds == b.seeds),
        ("scenario", a.plan.environment.scenario == b.plan.environment.scenario),
        ("periods", same_periods),
        ("evaluations", a.plan.evaluations == b.plan.evaluations),
        (
            "evaluation_episodes",
            a.plan.evaluation_episodes == b.plan.evaluation_episodes,
        ),
        ("evaluation_periods", same_length),
        ("stop_return", a.plan.stop_return == b.plan.stop_return),
        ("patience", a.plan.patience == b.plan.patience),
        ("alternate", a.plan.alternate == b.plan.alternate),
    ];
    if let Some((key, _)) = shared.iter().find(|(_, same)| !same) {
        return Err(Diagnostic::error(
            "E0805",
            format!("`{key}` cannot differ between agents that learn in the same worlds"),
        )
        .note(format!("`{agent}` has another one than those named before it"))
        .hint(format!(
            "say it to all: --with {key}=.., or the same in every `train` block"
        )));
    }
    a.agents.extend(b.agents);
    a.settings.extend(b.settings);
    a.notes.extend(b.notes);
    a.idle.extend(b.idle);
    a.begins.extend(b.begins);
    a.plan.methods.extend(b.plan.methods);
    let (env, other) = (&mut a.plan.environment, b.plan.environment);
    env.seats.extend(other.seats);
    // Worlds share chance where every learner wants it.
    env.together = env.together.min(other.together);
    env.alike &= other.alike;
    Ok(Own {
        worlds: all.worlds || next.worlds,
        periods: all.periods || next.periods,
        evaluation_periods: all.evaluation_periods || next.evaluation_periods,
        ..all
    })
}

/// The plan for at most one named agent; `beside` says whether another one learns in the same worlds.
fn own(model: &Model, asked: &Asked, beside: bool) -> Result<Own, Vec<Diagnostic>> {
    let block = block(model, asked);
    typed_elsewhere(&blocks_for(model, asked), &block)?;
    let read = settings::read(model, &block)?;
    let Some(mut method) = Method::named(read.method) else {
        return Err(vec![
            Diagnostic::error("E0923", format!("this econc was built without `{}`", read.method))
                .hint("build it with its default features, or use `train q_learning`"),
        ]);
    };
    for (key, value) in &read.options {
        method.set(key, value).map_err(|e| vec![Diagnostic::from(e)])?;
    }
    let name = asked.agents.first();
    let agent = learner_of(model, name.map(String::as_str)).map_err(|d| vec![d])?;
    let discount = able::discount_of(model, agent).map_err(|d| vec![d])?;
    decided_before(model, asked)?;
    if method.learner_info().common_reward {
        is_a_team(model, agent, method.name()).map_err(|d| vec![d])?;
    }
    let members = able::members_of(model, agent);
    method.beside = read.beside.clone();
    goes_together(&method, beside).map_err(|d| vec![d])?;
    // What many try at once moves what each of them meets, however long they learn, so the last half is played almost without chance.
    // And choices of games of one period begin near to even and are held from a single one: there equilibria may be mixed.
    let said = |key: &str| read.options.iter().any(|(k, _)| k == key);
    let alone = !beside && members <= 1;
    let mut in_games: Vec<(&str, f64)> = Vec::new();
    let space = Interface::new(model, agent, method.finite_choices()).map(|i| i.space);
    let acts = space.as_ref().is_ok_and(|s| s.continuous > 0);
    if !alone && acts {
        let unsaid = |(key, _): &(&str, f64)| method.option(key).is_some() && !said(key);
        in_games.extend(NARROWED.into_iter().filter(unsaid));
    }
    let standardised = method.option("normalize_advantages") == Some(&Value::Bool(true));
    let once_each = model.states.is_empty() && model.horizon.is_none();
    let chooses = space.is_ok_and(|s| !s.discrete.is_empty());
    if !alone && standardised && once_each && chooses && MIXED.iter().all(|(key, _)| !said(key)) {
        in_games.extend(MIXED);
    }
    for (key, value) in &in_games {
        method
            .set(key, &Value::Number(*value))
            .map_err(|e| vec![Diagnostic::from(e)])?;
    }
    let (asked_worlds, round) = (method.worlds(), method.round(members));
    let mut notes = match method.fit(members) {
        None => Vec::new(),
        Some((horizon, worlds)) => {
            let steps = method.steps();
            let fewer = if worlds < asked_worlds {
                format!("the horizon is {horizon} and worlds are {worlds}")
            } else {
                format!("the horizon is {horizon}")
            };
            let of = if members > 1 {
                format!(" of {members} members")
            } else {
                String::new()
            };
            vec![
                Diagnostic::warning(
                    "W0980",
                    format!("a round{of} would be longer than all {steps} steps: {fewer}"),
                )
                .note(format!("as asked, one round plays {round} steps"))
                .hint("give more steps, or fewer worlds and a shorter horizon"),
            ]
        }
    };
    let in_sessions = in_sessions(&block, &read)?;
    let span_of = |key: &str| block.entries.iter().find(|e| e.0 == key).map(|e| e.2);
    let (idle, begins) = idle::of(model, agent, &method, (&read, beside), span_of);
    notes.extend(idle.iter().map(Idle::warning));
    if method.option("tables").is_some() {
        method.beside.separate = false;
    }
    // Where several agents learn they take turns, else the members of one.
    let alternate = if beside { method.beside.alternate.take() } else { None };
    let scenario = asked.scenario.clone().or(read.scenario);
    let of_scenario = model
        .scenarios
        .iter()
        .find(|s| Some(&s.name) == scenario.as_ref())
        .and_then(|s| s.periods);
    let said = read.periods.or(of_scenario);
    let ends = model.horizon.is_some() || !model.ends.is_empty();
    // A problem of one period that never moves: an episode is a period, and a return its reward.
    let once = discount == 0.0 && model.states.is_empty() && model.shocks.is_empty();
    let until = |left: f64| match discount {
        _ if once => 1,
        b if b > 0.0 && b < 1.0 => ((left.ln() / b.ln()).ceil() as usize).clamp(10, 1000),
        _ => 1000,
    };
    let (left, fewest) = method.learner_info().episode;
    let periods = said.or(match (ends, once) {
        (true, _) => None,
        (false, true) => Some(1),
        (false, false) => Some(until(left).max(fewest)),
    });
    let evaluation_periods = read
        .evaluation_periods
        .or(if ends { said.or(model.horizon) } else { None })
        .unwrap_or_else(|| until(1e-3));
    let mut shown = vec![("learner".to_string(), read.method.to_string())];
    shown.extend(
        block
            .entries
            .iter()
            .map(|(key, value, _)| (key.clone(), value.to_string())),
    );
    shown.extend((in_games.iter()).map(|(key, value)| (key.to_string(), Value::Number(*value).show())));
    let planned = Planned {
        plan: Plan {
            environment: vector::GameOptions {
                seats: vec![Sitting {
                    agent: name.cloned(),
                    grids: method.finite_choices(),
                    joint: method.joint(),
                }],
                scenario,
                worlds: method.worlds(),
                periods,
                others: asked.others.clone().unwrap_or_else(|| Behaviour::Random.into()),
                together: method.together(),
                alike: method.begins_alike(),
            },
            methods: vec![method],
            evaluations: read.evaluations.unwrap_or(20),
            evaluation_episodes: read.evaluation_episodes.unwrap_or(32),
            evaluation_periods,
            stop_return: read.stop_return,
            patience: read.patience,
            alternate,
        },
        sessions: in_sessions,
        seeds: asked.seeds.clone().unwrap_or(read.seeds),
        agents: vec![agent],
        settings: shown,
        notes,
        idle,
        begins: begins.into_iter().collect(),
    };
    Ok(Own {
        planned,
        worlds: read.options.iter().any(|(k, _)| k == "worlds"),
        periods: said.is_some(),
        evaluation_periods: read.evaluation_periods.is_some(),
    })
}

/// Refuses ways of learning beside others that a learner does not know.
///
/// # Errors
/// E0855.
fn goes_together(method: &Method, beside: bool) -> Result<(), Diagnostic> {
    let (b, learner) = (&method.beside, method.learner_info());
    let able: Vec<&str> = methods::LEARNERS
        .iter()
        .filter(|l| l.pauses)
        .map(|l| l.method)
        .collect();
    let refused = |what: String, hint: String| Err(Diagnostic::error("E0855", what).hint(hint));
    if b.separate && b.past_selves.is_some() {
        return refused(
            "`past_selves` are those of a policy that members share, and `policies = separate` gives each its own"
                .into(),
            "leave out one of the two".into(),
        );
    }
    if learner.common_reward && (b.separate || b.past_selves.is_some()) {
        return refused(
            format!("`{}` learns for a team as one, with all members at once", method.name()),
            "`roles = true` lets each member have a part of its own".into(),
        );
    }
    if b.past_selves.is_some() && learner.remembers {
        return refused(
            format!(
                "`{}` has a memory, which past selves would not have kept",
                method.name()
            ),
            "take ppo, a2c, impala, dqn or sac with `past_selves`".into(),
        );
    }
    if b.past_selves.is_some() && method.option("tables").is_some() {
        return refused(
            format!(
                "the tables of `{}` are kept for each member or session, and past selves would have none",
                method.name()
            ),
            "take ppo, a2c, impala, dqn or sac with `past_selves`".into(),
        );
    }
    let several = beside || b.separate;
    if b.alternate.is_some() && several && !learner.pauses {
        return refused(
            format!("`{}` cannot stand still while others learn", method.name()),
            format!("take {} with `alternate`", able.join(", ")),
        );
    }
    let steps_ahead = matches!(method.option("n_step"), Some(Value::Number(n)) if *n > 1.0);
    if b.alternate.is_some() && several && steps_ahead {
        return refused(
            "rewards of several periods cannot be added up across the turns of others".into(),
            "with `alternate` leave `n_step` at 1".into(),
        );
    }
    Ok(())
}

/// Refuses an agent whose members do not earn one reward together.
///
/// # Errors
/// E0854.
fn is_a_team(model: &Model, agent: usize, method: &str) -> Result<(), Diagnostic> {
    let a = &model.agents[agent];
    if able::members_of(model, agent) < 2 {
        return Err(Diagnostic::error(
            "E0854",
            format!(
                "`{method}` learns for members who earn one reward together, and `{}` is alone",
                a.name
            ),
        )
        .at(a.span, "one member")
        .hint("a team is one agent with members, as in `agent worker[2]`; for one who chooses alone use `train dqn`"));
    }
    let Some(reward) = a.reward else { return Ok(()) };
    let node = &model.graph.nodes[reward.0 as usize];
    if !node.shape.iter().any(|axis| a.shape.contains(axis)) {
        return Ok(());
    }
    Err(Diagnostic::error(
        "E0854",
        format!(
            "`{method}` learns for members who earn one reward together, and each member of `{}` has a reward of its own",
            a.name
        ),
    )
    .at(node.span, "differs between members: one number for each of them")
    .note("what is best for the sum of the values is no equilibrium where each earns something else")
    .hint(format!(
        "pay them together, as in `reward sum({}.x)`; where each earns for itself use `train dqn` or `train ppo`",
        a.name
    )))
}

/// What is asked of sessions of the published program, if they are.
///
/// # Errors
/// E0805 for options that sessions do not read, or `benchmarks` without sessions.
fn in_sessions(block: &Settings, read: &TrainSettings) -> Result<Option<sessions::Asked>, Vec<Diagnostic>> {
    let refused = |key: &str, why: &str, hint: &str| {
        let entry = block.entries.iter().find(|e| e.0 == key);
        let d = Diagnostic::error("E0805", format!("`{key}` has no effect here")).note(why);
        Err(vec![
            match entry {
                Some((_, _, span)) => d.at(*span, "set here"),
                None => d,
            }
            .hint(hint),
        ])
    };
    if !read.published {
        return match read.benchmarks {
            Some(_) => refused(
                "benchmarks",
                "the index of collusion is measured in sessions of the published program",
                "write `random = ran2`, or leave it out: --with benchmarks=none",
            ),
            None => Ok(None),
        };
    }
    let unread = [
        "periods",
        "evaluations",
        "evaluation_episodes",
        "evaluation_periods",
        "stop_return",
        "patience",
        "bins",
        "transform",
        "initial_value",
        "initial_periods",
    ];
    if let Some(key) = unread.iter().find(|k| block.entries.iter().any(|e| e.0 == **k)) {
        return refused(
            key,
            "sessions of the published program have one course, and are not measured on the way",
            "remove it, or write `random = counter`",
        );
    }
    let mut options = QLearningOptions::default();
    for (key, value) in &read.options {
        options.set(key, value).map_err(|e| vec![Diagnostic::from(e)])?;
    }
    sessions::published(&options).map_err(|d| vec![d])?;
    Ok(Some(sessions::Asked {
        options,
        benchmarks: read.benchmarks,
    }))
}

/// Refuses an option that comes too late: the compiler has used its value already.
fn decided_before(model: &Model, asked: &Asked) -> Result<(), Vec<Diagnostic>> {
    if asked.options.iter().any(|(key, _)| key == "members") {
        if !model.graph.axes.iter().any(|a| a.continuum) {
            let d = Diagnostic::error("E0808", "`--with members` has no effect: the model has no continuum");
            return Err(vec![d.hint(
                "leave it out; how many there are of `agent NAME[N]` is the parameter N: --set N=10",
            )]);
        }
        let d = Diagnostic::error(
            "E0808",
            "`--with members` has no effect: the file has been read by then",
        );
        return Err(vec![d.hint(
            "--set train.members=.. where the file has a `train` block, or `members` in the file",
        )]);
    }
    Ok(())
}

/// The `train` blocks that an agent may learn by: those that name it, then those that name nobody.
fn blocks_for<'a>(model: &'a Model, asked: &Asked) -> Vec<&'a Settings> {
    let agent = asked.agents.first().map(String::as_str);
    let of = |whose: Option<&str>| -> Vec<&'a Settings> {
        let blocks = model.settings.iter().filter(|s| s.block == "train");
        blocks.filter(|b| settings::agent_of(b) == whose).collect()
    };
    let mut out = if agent.is_some() { of(agent) } else { Vec::new() };
    out.extend(of(None));
    out
}

/// The block of the learner that is asked for (the file's first, or PPO), with the options that are asked for last.
fn block(model: &Model, asked: &Asked) -> Settings {
    let blocks = blocks_for(model, asked);
    let name = asked
        .method
        .clone()
        .or_else(|| blocks.first().and_then(|b| b.method.clone()))
        .unwrap_or_else(|| methods::usual().to_string());
    let mut block = blocks
        .iter()
        .find(|b| b.method.as_deref() == Some(&name))
        .map_or_else(|| empty(&name), |b| (*b).clone());
    for (key, text) in &asked.options {
        block.entries.retain(|(k, _, _)| k != key);
        block.entries.push((key.clone(), settings::typed(text), TYPED_HERE));
    }
    block
}

/// What `--set train.KEY` says stands in the blocks of the file; none of them may be that of the learner.
fn typed_elsewhere(blocks: &[&Settings], block: &Settings) -> Result<(), Vec<Diagnostic>> {
    let name = block.method.as_deref().unwrap_or_default();
    if blocks.iter().any(|b| b.method == block.method) {
        return Ok(());
    }
    let typed = blocks
        .iter()
        .find_map(|b| b.entries.iter().find(|(_, _, span)| span.file >= crate::check::TYPED));
    match typed {
        Some((key, value, _)) => Err(vec![
            Diagnostic::error("E0989", format!("`--set train.{key}={value}` has no effect here"))
                .note(format!(
                    "it changes a `train` block of the file, and the file has none for {name}"
                ))
                .hint(format!("tell the learner itself: --with {key}={value}")),
        ]),
        None => Ok(()),
    }
}

fn empty(method: &str) -> Settings {
    Settings {
        block: "train".into(),
        method: Some(method.into()),
        entries: Vec::new(),
        span: TYPED_HERE,
    }
}

/// What a learner can be told: one (key, what it takes, default, what it does) per option, the learner's own first.
///
/// # Errors
/// E0804 for an unknown learner.
pub fn options(method: &str) -> Result<Vec<[String; 4]>, Diagnostic> {
    let learner = methods::learner(method)?;
    let own = (learner.table)()
        .into_iter()
        .map(|o| [o.key.to_string(), o.kind.to_string(), o.default, o.doc]);
    let shared = settings::keys_of(learner).map(|k| {
        [
            k.name.to_string(),
            k.kind.words(),
            k.default.to_string(),
            k.doc.to_string(),
        ]
    });
    Ok(own.chain(shared).collect())
}

/// The seeds that a text such as `1..5`, `1,3` or `7` names, each once: one number per seed. `None` for other texts and
/// for more than 1000 seeds.
pub fn seeds(text: &str) -> Option<Vec<u64>> {
    let mut out = crate::check::settings::seeds(&settings::typed(text));
    out.sort_unstable();
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_as_a_person_types_them() {
        assert_eq!(seeds("1..3"), Some(vec![1, 2, 3]));
        assert_eq!(seeds("7"), Some(vec![7]));
        assert_eq!(seeds("[3, 1]"), Some(vec![1, 3]));
        assert_eq!(seeds("2,1"), Some(vec![1, 2]));
        assert_eq!(seeds("1..1000").map(|all| all.len()), Some(1000));
        for wrong in [
            "3..1",
            "1..1001",
            "1..100000",
            "1..1000000000",
            "one",
            "-1",
            "1.5",
            "",
            "1,1",
            "[3, 1, 3]",
        ] {
            assert_eq!(seeds(wrong), None, "{wrong}");
        }
    }
}
