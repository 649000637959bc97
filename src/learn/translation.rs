//! Asks a policy what it does at given states: worlds whose states and shocks the caller sets.

use super::Policy;
use crate::check::model::{Model, Process, Space};
use crate::diag::Diagnostic;
use crate::env::decide::{Decide, PolicyRunner};
use crate::env::engine::Engine;
use crate::env::interface::Interface;
use crate::env::worlds::{Bounds, Worlds, stage_actions};
use crate::env::{Actions, Seen};

/// Worlds, what is seen in them, and what actions mean there.
pub struct Translation {
    /// The worlds; the caller sets states and shocks in their frame.
    pub worlds: Worlds,
    /// The agent's observations and actions.
    pub interface: Interface,
    seeing: Engine,
}

/// What a policy chose in all worlds.
struct Chosen {
    /// As [`Translation::decide`] gives them.
    actions: Vec<Vec<f64>>,
    /// The bounds of all actions of the stage.
    bounds: Vec<(usize, Bounds)>,
}

/// A column of a table of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// For a choice among words: one word per choice (rows hold the number of the choice); empty otherwise.
    pub labels: Vec<String>,
}

/// Most rows of a table of a policy.
const ROWS: usize = 20_000;
/// Most values of one state, choice or shock in a table.
const VALUES: usize = 60;

impl Translation {
    /// `lanes` worlds for agent number `agent`.
    ///
    /// # Errors
    /// Those of [`Interface::new`] and [`Worlds::new`].
    pub fn new(model: &Model, agent: usize, grids: bool, lanes: usize) -> Result<Translation, Diagnostic> {
        let worlds = Worlds::new(model, None, lanes, 0, &[])?;
        let interface = Interface::new(&worlds.model, agent, grids)?;
        let seeing = worlds.engine(interface.nodes.clone())?;
        Ok(Translation {
            worlds,
            interface,
            seeing,
        })
    }

    /// What `policy` does in the worlds as they stand, without chance of its own: one array per action of the
    /// interface, `element x world`.
    ///
    /// # Errors
    /// E0990 for observations or bounds that cannot be evaluated.
    pub fn decide(&mut self, policy: &dyn Decide) -> Result<Vec<Vec<f64>>, Diagnostic> {
        let mut runner = policy.begin(self.slots());
        self.chosen(&mut |seen, actions| runner.act(seen.observation, seen.mask, None, actions))
            .map(|c| c.actions)
    }

    /// Rows of what a policy sees and chooses: worlds times members.
    pub fn slots(&self) -> usize {
        self.worlds.worlds() * self.interface.members
    }

    /// As [`Translation::decide`], by a policy at work on [`Translation::slots`] rows, with what is forbidden moved as [`Translation::feasible`]
    /// does. Also returns for each world whether something was moved.
    ///
    /// # Errors
    /// Those of [`Translation::decide`]; E0902 and E0832 where nothing feasible is found.
    pub fn decide_feasibly(&mut self, policy: &mut dyn PolicyRunner) -> Result<(Vec<Vec<f64>>, Vec<bool>), Diagnostic> {
        let Chosen { actions, bounds } =
            self.chosen(&mut |seen, actions| policy.act(seen.observation, seen.mask, None, actions))?;
        self.moved(actions, &bounds)
    }

    /// Actions of the interface in the worlds as they stand, one array per action, `element x world`: choices that are masked are moved to the
    /// nearest that is not, and what a `require` forbids to the nearest feasible point as a simulation moves it. Also returns for each world
    /// whether something was moved.
    ///
    /// # Errors
    /// E0990 for bounds that cannot be evaluated; E0902 and E0832 where nothing feasible is found.
    pub fn feasible(&mut self, actions: Vec<Vec<f64>>) -> Result<(Vec<Vec<f64>>, Vec<bool>), Diagnostic> {
        let stage = self.interface.stage;
        let numbers = stage_actions(&self.worlds.model, stage);
        let bounds: Vec<(usize, Bounds)> = numbers.into_iter().zip(self.worlds.bounds(stage)?).collect();
        self.moved(actions, &bounds)
    }

    /// Whether anything that lies between the bounds may be forbidden.
    pub fn forbids(&self) -> bool {
        self.interface.masked() || !self.worlds.model.requires.is_empty()
    }

    /// Moves actions to feasible ones; `bounds` has one (action number, bounds) per action of the stage.
    fn moved(
        &mut self,
        mut out: Vec<Vec<f64>>,
        bounds: &[(usize, Bounds)],
    ) -> Result<(Vec<Vec<f64>>, Vec<bool>), Diagnostic> {
        let lanes = self.worlds.worlds();
        let mut moved = vec![false; lanes];
        if !self.forbids() {
            return Ok((out, moved));
        }
        for (a, values) in self.interface.actions.iter().zip(&mut out) {
            if let Some((_, own)) = bounds.iter().find(|(b, _)| a == b) {
                let allowed = own.nearest(values);
                for (i, (x, now)) in values.iter_mut().zip(&allowed).enumerate() {
                    // Ends that are met up to rounding stay as they are.
                    if (*x - *now).abs() > 1e-9 * (1.0 + now.abs()) {
                        moved[i % lanes] = true;
                        *x = *now;
                    }
                }
            }
            self.worlds.act(*a, values);
        }
        if self.worlds.model.requires.is_empty() {
            return Ok((out, moved));
        }
        self.worlds.project(bounds)?;
        for (a, values) in self.interface.actions.iter().zip(&mut out) {
            let input = self.worlds.model.actions[*a].input.0 as usize;
            for (i, (x, now)) in values.iter_mut().zip(&self.worlds.frame[input]).enumerate() {
                moved[i % lanes] |= *x != *now;
                *x = *now;
            }
        }
        Ok((out, moved))
    }

    /// Actions as chosen, and the bounds of all actions of the stage.
    fn chosen(&mut self, act: &mut dyn FnMut(Seen, &mut Actions)) -> Result<Chosen, Diagnostic> {
        let stage = self.interface.stage;
        let lanes = self.worlds.worlds();
        let numbers = stage_actions(&self.worlds.model, stage);
        let all = self.worlds.bounds(stage)?;
        let own: Vec<&Bounds> = self
            .interface
            .actions
            .iter()
            .filter_map(|a| numbers.iter().position(|b| a == b).map(|i| &all[i]))
            .collect();
        let seen = self.seeing.run(&self.worlds.frame, lanes)?;
        let mut observation = vec![0.0f32; self.slots() * self.interface.width()];
        self.interface.observe(&seen, lanes, &mut observation);
        let mut mask = Vec::new();
        self.interface.mask(&own, lanes, &mut mask);
        let mut actions = Actions::default();
        let seen = Seen {
            observation: &observation,
            mask: &mask,
            joint: &[],
        };
        act(seen, &mut actions);
        let Actions { continuous, discrete } = actions;
        let graph = &self.worlds.model.graph;
        let mut out: Vec<Vec<f64>> = self
            .interface
            .actions
            .iter()
            .map(|a| vec![0.0; graph.elements(&self.worlds.model.actions[*a].shape) * lanes])
            .collect();
        self.interface.act(&continuous, &discrete, &own, lanes, &mut out);
        Ok(Chosen {
            actions: out,
            bounds: numbers.into_iter().zip(all).collect(),
        })
    }
}

/// A policy over a grid of what its agent sees of states, earlier choices of others and shocks. Returns the columns,
/// and rows of one number per column: these, then actions of the first member, then the probability of each choice
/// where the policy chooses by chance. States run over their domain where it has ends, else over what play visited;
/// chains run over their values, other shocks over what play visited. What the agent does not see stays at its value at
/// the start.
///
/// # Errors
/// Those of [`Translation`]; E0925 if the policy is of another model.
pub fn tabulate(
    model: &Model,
    agent: usize,
    grids: bool,
    policy: &Policy,
) -> Result<(Vec<Column>, Vec<Vec<f64>>), Diagnostic> {
    let mut t = Translation::new(model, agent, grids, 64)?;
    if policy.observation_width != t.interface.width() || policy.space != t.interface.space {
        return Err(Diagnostic::from(super::LearnError::Mismatch {
            what: "the policy sees or chooses something else than this model".into(),
        }));
    }
    let visited = visit(model, agent, grids, policy)?;
    let axes = axes(model, agent, &visited);
    // Worlds carry the number of a chain's state, readers its value.
    let shown: Vec<Option<&Vec<f64>>> = axes
        .iter()
        .map(|(name, _, _)| {
            model
                .shocks
                .iter()
                .find(|s| s.name == *name)
                .and_then(|s| match &s.process {
                    Process::Chain { values, .. } => Some(values),
                    Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => None,
                })
        })
        .collect();
    let axes = refine(axes);
    let total: usize = axes.iter().map(|a| a.2.len()).product();
    let mut rows = Vec::with_capacity(total);
    let mut from = 0;
    while from < total {
        let lanes = (total - from).min(64);
        let mut points: Vec<Vec<f64>> = Vec::new();
        for lane in 0..64 {
            let mut rest = from + lane.min(lanes - 1);
            let mut point = vec![0.0; axes.len()];
            for (k, (_, _, values)) in axes.iter().enumerate().rev() {
                point[k] = values[rest % values.len()];
                rest /= values.len();
            }
            for ((_, input, _), x) in axes.iter().zip(&point) {
                // All members see the same.
                t.worlds.frame[*input]
                    .iter_mut()
                    .skip(lane)
                    .step_by(64)
                    .for_each(|v| *v = *x);
            }
            points.push(point);
        }
        let (slots, mut chances) = (t.slots(), None);
        let mut runner = policy.begin(slots);
        let Chosen { actions, .. } = t.chosen(&mut |seen, actions| {
            runner.act(seen.observation, seen.mask, None, actions);
            chances = policy.chances(seen.observation, seen.mask, slots);
        })?;
        for (lane, mut point) in points.into_iter().take(lanes).enumerate() {
            for (x, values) in point.iter_mut().zip(&shown) {
                if let Some(value) = values.and_then(|v| v.get(*x as usize)) {
                    *x = *value;
                }
            }
            for (k, a) in t.interface.actions.iter().enumerate() {
                let of_one = model.graph.elements(&model.actions[*a].shape) / t.interface.members.max(1);
                point.extend((0..of_one).map(|e| actions[k][e * 64 + lane]));
            }
            if let Some(chances) = &chances {
                // Slots are `world * members + member`.
                point.extend(&chances[lane * t.interface.members]);
            }
            rows.push(point);
        }
        from += lanes;
    }
    let wide = rows
        .first()
        .is_some_and(|r| r.len() > axes.len() + chosen_numbers(model, &t.interface));
    let columns = columns(model, &t.interface, axes.iter().map(|a| a.0.as_str()), wide);
    Ok((columns, rows))
}

/// What the policy is read at: what the agent sees, the input it stands in, and its points.
fn axes(model: &Model, agent: usize, visited: &[(f64, f64)]) -> Vec<(String, usize, Points)> {
    let seen = &model.agents[agent].observation;
    let mut axes: Vec<(String, usize, Points)> = Vec::new();
    for (i, s) in model.states.iter().enumerate() {
        if seen.iter().any(|o| o.state == Some(i)) {
            let input = s.input.0 as usize;
            let values = over((s.domain.lo, s.domain.hi), s.domain.integer, visited[input]);
            axes.push((s.name.clone(), input, values));
        }
    }
    // What others have chosen at an earlier stage.
    for a in model.actions.iter().filter(|a| a.owner != agent) {
        if seen.iter().any(|o| o.node == a.node) {
            let (input, domain) = (a.input.0 as usize, &model.graph.nodes[a.node.0 as usize].domain);
            let whole = matches!(a.space, Space::Integer { .. } | Space::Finite { .. });
            axes.push((
                a.name.clone(),
                input,
                over((domain.lo, domain.hi), whole, visited[input]),
            ));
        }
    }
    for (i, s) in model.shocks.iter().enumerate() {
        if seen.iter().any(|o| o.shock == Some(i)) {
            let values = match &s.process {
                Process::Chain { values, .. } => Points::These((0..values.len()).map(|k| k as f64).collect()),
                Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => {
                    let (lo, hi) = visited[s.input.0 as usize];
                    Points::Between(lo, hi)
                }
            };
            axes.push((s.name.clone(), s.input.0 as usize, values));
        }
    }
    axes
}

/// How many numbers a policy chooses for one member.
fn chosen_numbers(model: &Model, interface: &Interface) -> usize {
    let of_one = |a: &usize| model.graph.elements(&model.actions[*a].shape) / interface.members.max(1);
    interface.actions.iter().map(of_one).sum()
}

/// The columns of a table: what is seen, what is chosen, and the chances of finite choices where the policy has `chances`.
fn columns<'a>(
    model: &Model,
    interface: &Interface,
    axes: impl Iterator<Item = &'a str>,
    chances: bool,
) -> Vec<Column> {
    let meanings = interface.meanings(model);
    let plain = |name: String| Column {
        name,
        labels: Vec::new(),
    };
    let words = |name: &str| match model.actions.iter().find(|a| a.name == name).map(|a| &a.space) {
        Some(Space::Finite { labels, .. }) => labels.clone(),
        _ => Vec::new(),
    };
    let mut columns: Vec<Column> = axes
        .map(|name| Column {
            labels: words(name),
            name: name.to_string(),
        })
        .collect();
    for a in &interface.actions {
        let of_one = model.graph.elements(&model.actions[*a].shape) / interface.members.max(1);
        let name = &model.actions[*a].name;
        columns.extend((0..of_one).map(|e| {
            let name = if of_one > 1 {
                format!("{name}[{}]", e + 1)
            } else {
                name.clone()
            };
            let labels = meanings.iter().find(|m| m.action == name).map(|m| m.labels.clone());
            Column {
                name,
                labels: labels.unwrap_or_default(),
            }
        }));
    }
    if chances {
        for (d, size) in interface.space.discrete.iter().enumerate() {
            let meaning = meanings.iter().find(|m| m.discrete == Some(d));
            columns.extend((0..*size).map(|i| {
                let name = meaning.map_or("choice", |m| &m.action);
                let word = meaning.and_then(|m| {
                    let value = || m.values.get(i).map(ToString::to_string);
                    m.labels.get(i).cloned().or_else(value)
                });
                plain(format!("P({name} = {})", word.unwrap_or_else(|| i.to_string())))
            }));
        }
    }
    columns
}

/// Where a variable is read.
enum Points {
    These(Vec<f64>),
    Between(f64, f64),
}

/// A variable over its domain where that has ends, else over what play visited.
fn over((lo, hi): (f64, f64), whole_numbers: bool, visited: (f64, f64)) -> Points {
    let (lo, hi) = if lo.is_finite() && hi.is_finite() {
        (lo, hi)
    } else {
        visited
    };
    let whole = (hi - lo) as usize + 1;
    if whole_numbers && whole <= VALUES {
        Points::These((0..whole).map(|k| lo + k as f64).collect())
    } else {
        Points::Between(lo, hi)
    }
}

/// Fills intervals with as many values as the table can hold.
fn refine(axes: Vec<(String, usize, Points)>) -> Vec<(String, usize, Vec<f64>)> {
    let (mut fixed, mut free) = (1, 0);
    for (_, _, points) in &axes {
        match points {
            Points::These(values) => fixed *= values.len().max(1),
            Points::Between(..) => free += 1,
        }
    }
    let room = (ROWS / fixed).max(1) as f64;
    let n = (room.powf(1.0 / f64::max(free as f64, 1.0)).floor() as usize).clamp(2, VALUES);
    let filled = axes.into_iter().map(|(name, input, points)| {
        let values = match points {
            Points::These(values) => values,
            Points::Between(lo, hi) => (0..n).map(|k| lo + (hi - lo) * k as f64 / (n - 1) as f64).collect(),
        };
        (name, input, values)
    });
    filled.collect()
}

/// Smallest and largest value of every input of the graph in play.
fn visit(model: &Model, agent: usize, grids: bool, policy: &Policy) -> Result<Vec<(f64, f64)>, Diagnostic> {
    use crate::env::vector::{GameOptions, Sitting, Vectorised};
    use crate::env::{Game, VectorEnvironment};
    let mut env = Vectorised::new(
        model,
        &GameOptions {
            seats: vec![Sitting {
                agent: Some(model.agents[agent].name.clone()),
                grids,
                joint: false,
            }],
            scenario: None,
            worlds: 16,
            periods: None,
            others: crate::env::cast::Behaviour::Random.into(),
            together: 1,
            alike: false,
        },
    )?;
    env.reset(1);
    let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); model.graph.inputs.len()];
    let mut actor = policy.actor(env.slots(), 1);
    let mut actions = Actions::default();
    for _ in 0..300 {
        for (range, values) in ranges.iter_mut().zip(&env.worlds().frame) {
            for x in values {
                *range = (range.0.min(*x), range.1.max(*x));
            }
        }
        let mask = env.mask().to_vec();
        let slots = env.slots();
        policy.act(&mut actor, env.observation(), &mask, slots, true, &mut actions);
        env.step(&actions.continuous, &actions.discrete);
        if let Some(why) = env.take_failure() {
            return Err(why);
        }
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_fill_the_table_and_links_stay_what_they_are() {
        let axes = vec![
            ("k".to_string(), 0, Points::Between(0.0, 1.0)),
            ("z".to_string(), 1, Points::These(vec![0.0, 1.0])),
        ];
        let filled = refine(axes);
        assert_eq!((filled[0].2.len(), filled[1].2.len()), (VALUES, 2));
        assert_eq!((filled[0].2[0], filled[0].2[VALUES - 1]), (0.0, 1.0));
    }
}
