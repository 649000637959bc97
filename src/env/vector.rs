//! A checked economy as learners see it: many worlds at once behind [`VectorEnvironment`].

use super::behaviour::Actor;
use super::cast::Cast;
use super::engine::Engine;
use super::interface::Interface;
use super::worlds::{Bounds, Worlds};
use super::{ActionSpace, CommonChance, VectorEnvironment};
use crate::check::model::Model;
use crate::diag::Diagnostic;

/// What is played.
#[derive(Clone, Debug)]
pub struct Options {
    /// The agent that learns; `None` is the only one that decides.
    pub agent: Option<String>,
    /// Scenario, by name.
    pub scenario: Option<String>,
    /// Worlds side by side.
    pub worlds: usize,
    /// Periods after which a record stops; `None` takes the scenario's, and without one never stops.
    pub periods: Option<usize>,
    /// Offer actions that have a grid in the file as choices among its nodes.
    pub grids: bool,
    /// How everybody else chooses who has no rule.
    pub others: Cast,
    /// Neighbouring worlds that meet the same shocks and noises (see [`Worlds::share_chance`]).
    pub together: usize,
}

/// Worlds of one economy with one kind of learner in them. A slot is `world * members + member`.
pub struct Vectorised {
    worlds: Worlds,
    together: usize,
    interface: Interface,
    agent: usize,
    /// Which of the rewards of an outcome is the learner's, and for each member its element.
    reward: (usize, Vec<usize>),
    /// For each end that pays: its number and, for each member, the element of its condition.
    paying: Vec<(usize, Vec<usize>)>,
    others: Actor,
    seeing: Engine,
    seen: Vec<Vec<f64>>,
    bounds: Vec<(usize, Bounds)>,
    own: Vec<usize>,
    chosen: Vec<Vec<f64>>,
    periods: Option<usize>,
    discount: f32,
    observation: Vec<f32>,
    mask: Vec<f32>,
    rewards: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    last: Vec<f32>,
    returns: Vec<f64>,
    finished: Vec<f64>,
    failure: Option<Diagnostic>,
}

/// Everything of a [`Vectorised`] that moves.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    worlds: Vec<u8>,
    returns: Vec<f64>,
    finished: Vec<f64>,
    observation: Vec<f32>,
    mask: Vec<f32>,
    bounds: Vec<(usize, Bounds)>,
}

/// The agent that learns: the named one, or the only one with something to choose.
///
/// # Errors
/// E0927 if there is none, or several and none is named.
pub fn learner_of(model: &Model, name: Option<&str>) -> Result<usize, Diagnostic> {
    let free = |a: &crate::check::model::Agent| {
        a.reward.is_some() && a.actions.iter().any(|x| !a.rules.iter().any(|(r, _)| r == x))
    };
    let able: Vec<usize> = (0..model.agents.len()).filter(|i| free(&model.agents[*i])).collect();
    let names = || {
        able.iter()
            .map(|i| model.agents[*i].name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match name {
        Some(n) => able
            .iter()
            .copied()
            .find(|i| model.agents[*i].name == n)
            .ok_or_else(|| {
                let d = Diagnostic::error("E0927", format!("no agent `{n}` has something to choose and a reward"));
                match crate::diag::suggest::did_you_mean(n, able.iter().map(|i| model.agents[*i].name.as_str())) {
                    Some(k) => d.hint(format!("did you mean `{k}`?")),
                    None => d.hint(format!("those that can learn: {}", names())),
                }
            }),
        None => match able.as_slice() {
            [one] => Ok(*one),
            [] => Err(Diagnostic::error("E0927", "nobody in this model can learn")
                .hint("an agent learns if it has an `action` without a `policy`, and a `reward`")),
            several => Err(Diagnostic::error(
                "E0927",
                format!("{} kinds of agents could learn: {}", several.len(), names()),
            )
            .hint("say which one: --agent NAME; the others follow --others random, rule or a run")),
        },
    }
}

/// What an agent's next period weighs against this one: its discount factor. Without one it is what solvers take: 1 with states
/// or a horizon, and 0 where every period is a problem of its own.
///
/// # Errors
/// E0828 where it is not one number.
pub fn discount_of(model: &Model, agent: usize) -> Result<f64, Diagnostic> {
    let Some(d) = model.agents[agent].discount else {
        let alone = model.states.is_empty() && model.horizon.is_none();
        return Ok(if alone { 0.0 } else { 1.0 });
    };
    let node = &model.graph.nodes[d.0 as usize];
    node.domain.as_point().ok_or_else(|| {
        Diagnostic::error(
            "E0828",
            format!(
                "the discount factor of `{}` is not one number",
                model.agents[agent].name
            ),
        )
        .at(node.span, "moves with states or shocks, or differs between members")
        .note("learners, and judges of what they learned, weigh all periods by one discount factor")
        .hint("give the agent one number; `econc solve` takes a discount factor that moves")
    })
}

/// How many members an agent has in one world.
pub fn members_of(model: &Model, agent: usize) -> usize {
    model.graph.elements(&model.agents[agent].shape)
}

impl Vectorised {
    /// Worlds of `model`, started from seed 0.
    ///
    /// # Errors
    /// E0928 or E0927 for an agent that cannot learn, and those of [`Worlds::new`].
    pub fn new(model: &Model, options: &Options) -> Result<Vectorised, Diagnostic> {
        let agent = learner_of(model, options.agent.as_deref())?;
        let mut worlds = Worlds::new(model, options.scenario.as_deref(), options.worlds.max(1), 0, &[])?;
        let together = worlds.share_chance(options.together)?;
        let model = worlds.model.clone();
        let interface = Interface::new(&model, agent, options.grids)?;
        let others = Actor::beside(&worlds, &options.others, &interface.actions)?;
        let seeing = worlds.engine(interface.nodes.clone())?;
        let a = &model.agents[agent];
        let aligned = |node: crate::graph::NodeId| {
            let shape = &model.graph.nodes[node.0 as usize].shape;
            crate::graph::shape::aligned(&model.graph, shape, &a.shape)
        };
        let reward = model.agents[..agent].iter().filter(|x| x.reward.is_some()).count();
        let reward_map = a.reward.map(aligned).unwrap_or_default();
        let mut paying = Vec::new();
        for (k, e) in model.ends.iter().enumerate() {
            let concerns = e.agent.is_none_or(|x| x == agent);
            if e.paying.is_some() && concerns {
                paying.push((k, aligned(e.condition)));
            }
        }
        let discount = discount_of(&model, agent)?;
        let slots = interface.members * worlds.worlds();
        let scenario = options.scenario.as_ref();
        let periods = options.periods.or_else(|| {
            let s = model.scenarios.iter().find(|s| Some(&s.name) == scenario)?;
            s.periods
        });
        let chosen = interface
            .actions
            .iter()
            .map(|x| vec![0.0; model.graph.elements(&model.actions[*x].shape) * worlds.worlds()])
            .collect();
        let mut env = Vectorised {
            observation: vec![0.0; slots * interface.width()],
            last: vec![0.0; slots * interface.width()],
            mask: Vec::new(),
            rewards: vec![0.0; slots],
            terminated: vec![false; slots],
            truncated: vec![false; slots],
            returns: vec![0.0; slots],
            finished: Vec::new(),
            bounds: Vec::new(),
            own: Vec::new(),
            seen: Vec::new(),
            failure: None,
            discount: discount as f32,
            reward: (reward, reward_map),
            worlds,
            together,
            interface,
            agent,
            paying,
            others,
            seeing,
            chosen,
            periods,
        };
        env.begin()?;
        Ok(env)
    }

    /// The translation between file and learner.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Why the last step could not be carried out, if it could not: rewards are then not a number.
    pub fn take_failure(&mut self) -> Option<Diagnostic> {
        self.failure.take()
    }

    /// The agent that learns.
    pub fn agent(&self) -> usize {
        self.agent
    }

    /// What happened in the worlds so far.
    pub fn counts(&self) -> &super::worlds::Counts {
        &self.worlds.counts
    }

    /// The worlds.
    pub fn worlds(&self) -> &Worlds {
        &self.worlds
    }

    /// Up to the learner's stage: everybody before it acts, then it looks.
    fn begin(&mut self) -> Result<(), Diagnostic> {
        self.bounds.clear();
        for stage in 0..=self.interface.stage {
            self.bounds.extend(self.others.act(&mut self.worlds, stage)?);
        }
        self.own = self
            .interface
            .actions
            .iter()
            .map(|a| {
                let own = self.bounds.iter().position(|(b, _)| a == b);
                own.ok_or_else(|| {
                    let name = &self.worlds.model.actions[*a].name;
                    Diagnostic::error(
                        "E0990",
                        format!("a bug in econc: `{name}` has no bounds when it is the learner's turn"),
                    )
                    .hint("please send the model")
                })
            })
            .collect::<Result<_, _>>()?;
        self.look()?;
        if self.interface.masked() {
            let bounds: Vec<&Bounds> = self.own.iter().map(|i| &self.bounds[*i].1).collect();
            self.interface.mask(&bounds, self.worlds.worlds(), &mut self.mask);
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), Diagnostic> {
        let n = self.worlds.worlds();
        self.seen = self.seeing.run(&self.worlds.frame, n)?;
        self.interface.observe(&self.seen, n, &mut self.observation);
        Ok(())
    }

    fn advance(&mut self, continuous: &[f32], discrete: &[u32]) -> Result<(), Diagnostic> {
        let n = self.worlds.worlds();
        let bounds: Vec<&Bounds> = self.own.iter().map(|i| &self.bounds[*i].1).collect();
        self.interface.act(continuous, discrete, &bounds, n, &mut self.chosen);
        for (a, values) in self.interface.actions.iter().zip(&self.chosen) {
            self.worlds.act(*a, values);
        }
        for stage in self.interface.stage + 1..self.worlds.model.stages.len().max(1) {
            let more = self.others.act(&mut self.worlds, stage)?;
            self.bounds.extend(more);
        }
        let bounds = std::mem::take(&mut self.bounds);
        let outcome = self.worlds.step(&bounds);
        self.bounds = bounds;
        let outcome = outcome?;
        // Nobody learns from a price that clears nothing.
        if let Some(error) = self.worlds.counts.not_cleared.iter().find_map(|m| m.error()) {
            return Err(error);
        }
        let members = self.interface.members;
        let values = &outcome.rewards[self.reward.0];
        for (m, element) in self.reward.1.iter().enumerate() {
            for w in 0..n {
                self.rewards[w * members + m] = values[element * n + w] as f32;
            }
        }
        for (end, map) in &self.paying {
            for (m, element) in map.iter().enumerate() {
                for w in 0..n {
                    let x = outcome.paid[*end][element * n + w];
                    // What an end pays stands in the place of the value that would have followed.
                    self.rewards[w * members + m] += self.discount * x as f32;
                }
            }
        }
        self.fits_single_precision()?;
        let gone = &outcome.member_ended[self.agent];
        let mut any = false;
        for w in 0..n {
            let stops = !outcome.ended[w] && self.periods.is_some_and(|p| self.worlds.period()[w] >= p);
            any |= outcome.ended[w] || stops;
            for m in 0..members {
                let s = w * members + m;
                self.terminated[s] = outcome.ended[w] || gone[m * n + w];
                self.truncated[s] = stops && !self.terminated[s];
                self.returns[s] += f64::from(self.rewards[s]);
            }
        }
        if any {
            let ended: Vec<bool> = (0..n)
                .map(|w| outcome.ended[w] || self.truncated[w * members..(w + 1) * members].iter().any(|t| *t))
                .collect();
            self.look()?;
            self.last.copy_from_slice(&self.observation);
            self.worlds.restart(&ended)?;
        }
        self.others.forget(&self.worlds, &outcome);
        for s in 0..self.returns.len() {
            if self.terminated[s] || self.truncated[s] {
                self.finished.push(self.returns[s]);
                self.returns[s] = 0.0;
            }
        }
        self.begin()
    }

    /// Learners work in single precision: a reward beyond it is as bad as an infinite one.
    fn fits_single_precision(&self) -> Result<(), Diagnostic> {
        if self.rewards.iter().all(|r| r.is_finite()) {
            return Ok(());
        }
        let agent = &self.worlds.model.agents[self.agent];
        let mut d = Diagnostic::error(
            "E0924",
            format!("the reward of `{}` is too large for a learner", agent.name),
        )
        .hint("learners take rewards up to 3e38: divide it by a number, or bound it with `max`");
        if let Some(reward) = agent.reward {
            let span = self.worlds.model.graph.nodes[reward.0 as usize].span;
            d = d.at(span, "beyond single precision");
        }
        Err(d)
    }
}

impl VectorEnvironment for Vectorised {
    fn slots(&self) -> usize {
        self.rewards.len()
    }
    fn observation_width(&self) -> usize {
        self.interface.width()
    }
    fn action_space(&self) -> &ActionSpace {
        &self.interface.space
    }
    fn reset(&mut self, seed: u64) {
        self.returns.fill(0.0);
        self.finished.clear();
        // What stopped the worlds before stays to be told: starting again does not mend it.
        if let Err(why) = self.worlds.reseed(seed).and_then(|()| self.begin()) {
            self.failure.get_or_insert(why);
        }
    }
    fn observation(&self) -> &[f32] {
        &self.observation
    }
    fn mask(&self) -> &[f32] {
        &self.mask
    }
    fn step(&mut self, continuous: &[f32], discrete: &[u32]) {
        if let Err(why) = self.advance(continuous, discrete) {
            // Learners stop at a reward that is no number; the driver then shows this.
            self.failure.get_or_insert(why);
            self.rewards.fill(f32::NAN);
        }
    }
    fn reward(&self) -> &[f32] {
        &self.rewards
    }
    fn terminated(&self) -> &[bool] {
        &self.terminated
    }
    fn truncated(&self) -> &[bool] {
        &self.truncated
    }
    fn final_observation(&self) -> &[f32] {
        &self.last
    }
    fn discount(&self) -> f32 {
        self.discount
    }
    fn common_chance(&self) -> CommonChance {
        CommonChance {
            worlds: self.together,
            members: self.interface.members,
        }
    }
    fn save_state(&self) -> Vec<u8> {
        let stored = Stored {
            worlds: self.worlds.save(),
            returns: self.returns.clone(),
            finished: self.finished.clone(),
            observation: self.observation.clone(),
            mask: self.mask.clone(),
            bounds: self.bounds.clone(),
        };
        // Writing plain numbers to a vector cannot fail; an empty one is refused when it is read.
        postcard::to_stdvec(&stored).unwrap_or_default()
    }
    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String> {
        let stored: Stored = postcard::from_bytes(bytes).map_err(|e| format!("the worlds are damaged ({e})"))?;
        let fits = stored.returns.len() == self.returns.len()
            && stored.observation.len() == self.observation.len()
            && stored.bounds.len() == self.bounds.len()
            && stored.mask.len() == self.mask.len();
        if !fits {
            return Err("the worlds are of another number or shape".into());
        }
        self.worlds.load(&stored.worlds)?;
        self.returns = stored.returns;
        self.finished = stored.finished;
        self.observation = stored.observation;
        self.mask = stored.mask;
        self.bounds = stored.bounds;
        Ok(())
    }
    fn take_episode_returns(&mut self) -> Vec<f64> {
        std::mem::take(&mut self.finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worlds(text: &str, together: usize) -> Vectorised {
        let (model, diagnostics) = crate::compile(text, &crate::Options::default());
        let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let options = Options {
            agent: None,
            scenario: None,
            worlds: 4,
            periods: Some(5),
            grids: false,
            others: crate::env::cast::Behaviour::Random.into(),
            together,
        };
        Vectorised::new(&model, &options).unwrap_or_else(|d| panic!("{d:?}"))
    }

    #[test]
    fn worlds_that_share_chance_meet_the_same_shocks_from_starts_of_their_own() {
        let text = "shock z ~ ar1(rho: 0.9, sigma: 0.1)\nagent a {\n  state k in [0, 9], start uniform(1, 2)\n  \
            action s in [0, 1]\n  noise e ~ normal(0, 1)\n  k' = clamp(k * s + 0.1 * e, 0, 9)\n  observe z, k\n  \
            reward z * s + e\n  discount 0.9\n}\n";
        let mut env = worlds(text, 2);
        assert_eq!(env.common_chance(), CommonChance { worlds: 2, members: 1 });
        for seed in [1, 2] {
            env.reset(seed);
            for period in 0..8 {
                let o = env.observation().to_vec();
                assert!(o[0] == o[2] && o[4] == o[6] && o[0] != o[4], "{o:?}");
                assert!(period % 5 != 0 || (o[1] != o[3] && o[5] != o[7]), "{o:?}");
                env.step(&[0.0; 4], &[]);
                // The same action under the same shock and noise pays the same.
                let r = env.reward();
                assert!(r[0] == r[1] && r[2] == r[3] && r[0] != r[2], "{r:?}");
            }
        }
        let mut alone = worlds(text, 1);
        alone.reset(1);
        let o = alone.observation();
        assert!(o[0] != o[2]);
        let quiet = "agent a {\n  state k in [0, 9], start uniform(1, 2)\n  action s in [0, 1]\n  k' = k * s\n  \
            observe k\n  reward s\n  discount 0.9\n}\n";
        assert_eq!(worlds(quiet, 4).common_chance().worlds, 1);
    }

    #[test]
    fn every_member_of_every_world_has_a_row_of_what_it_may_choose() {
        let text = "agent shop[2] {\n  state stock in 0..3, start 1\n  action sell in 0..stock\n  action d in {no, yes when stock >= 2}\n  \
            stock' = min(stock - sell + 1, 3)\n  observe stock\n  reward sell - (if d == yes then 1 else 0)\n  discount 0.9\n}\n";
        let mut env = worlds(text, 1);
        env.reset(1);
        let row = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
        assert_eq!(env.mask(), row.repeat(8));
        // Member by member: the second of the third world sells one, the others nothing.
        let sells: Vec<u32> = (0..8).flat_map(|k| [u32::from(k == 5), 0]).collect();
        env.step(&[], &sells);
        let after: Vec<f32> = (0..8)
            .flat_map(|k| if k == 5 { row } else { [1.0, 1.0, 1.0, 0.0, 1.0, 1.0] })
            .collect();
        assert_eq!(env.mask(), after);
    }
}
