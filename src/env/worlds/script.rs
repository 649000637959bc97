//! Scenarios: first values, paths and forced values.

use super::Worlds;
use crate::check::model::{Model, Scenario, Target};
use crate::diag::Diagnostic;
use crate::graph::substitute::{Instead, substitute};
use crate::graph::{AxisId, Graph, InputId, NodeId};
use crate::limits;

impl Worlds {
    /// What the scenario sets: one target per path, then one per forced value, in order.
    pub fn scripted_targets(&self) -> Vec<Target> {
        let scripted = |s: &Scenario| -> Vec<Target> {
            let forced = s.forces.iter().map(|f| f.target);
            s.paths.iter().map(|p| p.0).chain(forced).collect()
        };
        self.scenario.as_ref().map(scripted).unwrap_or_default()
    }

    /// First values and paths of the scenario at the present period.
    pub(super) fn script(&mut self, which: &[bool]) -> Result<(), Diagnostic> {
        let Some(s) = self.scenario.clone() else {
            return Ok(());
        };
        let n = self.worlds;
        // Paths first: starts may read shocks.
        self.scripted_shocks(which)?;
        let values = self.scripted.run(&self.frame, n)?;
        for (k, (t, node)) in s.starts.iter().enumerate() {
            let shape = self.graph.nodes[node.0 as usize].shape.clone();
            match t {
                Target::State(i) => self.put_state(*i, &values[k], &shape, |_, w| which[w]),
                Target::Shock(i) => self.put_shock(*i, &values[k], &shape, which, &[]),
                Target::Action(_) | Target::Noise(_) => {}
            }
        }
        self.put_shocks();
        Ok(())
    }

    /// Sets a shock from `values` (`element x world` over `shape`) in the worlds of `which`, at the elements that `at`
    /// names.
    fn put_shock(
        &mut self,
        shock: usize,
        values: &[f64],
        shape: &[crate::graph::AxisId],
        which: &[bool],
        at: &[(AxisId, usize)],
    ) {
        let map = crate::graph::shape::aligned(&self.graph, &shape.to_vec(), &self.model.shocks[shock].shape);
        let meant = meant(&self.graph, &self.model.shocks[shock].shape, at);
        let n = self.worlds;
        let chain = self.laws[shock].stands_for.clone();
        for (e, from) in map.iter().enumerate() {
            limits::poll();
            if !meant[e] {
                continue;
            }
            for w in 0..n {
                if which[w] {
                    let x = values[from * n + w];
                    self.stored[shock][e * n + w] =
                        chain.as_ref().map_or(x, |c| crate::chance::chain::nearest(c, x) as f64);
                }
            }
        }
    }

    /// Paths and forced values of shocks at the present period.
    pub(super) fn scripted_shocks(&mut self, which: &[bool]) -> Result<(), Diagnostic> {
        let Some(s) = self.scenario.clone() else {
            return Ok(());
        };
        let values = self.scripted.run(&self.frame, self.worlds)?;
        for (k, (t, node)) in s.paths.iter().enumerate() {
            if let Target::Shock(i) = t {
                let shape = self.graph.nodes[node.0 as usize].shape.clone();
                self.put_shock(*i, &values[s.starts.len() + k], &shape, which, &[]);
            }
        }
        for (k, f) in s.forces.iter().enumerate() {
            if let Target::Shock(i) = f.target {
                let now: Vec<bool> = which
                    .iter()
                    .zip(&self.period)
                    .map(|(w, p)| *w && f.from.is_none_or(|a| *p >= a) && f.until.is_none_or(|b| *p <= b))
                    .collect();
                let shape = self.graph.nodes[f.value.0 as usize].shape.clone();
                self.put_shock(i, &values[s.starts.len() + s.paths.len() + k], &shape, &now, &f.at);
            }
        }
        self.put_shocks();
        Ok(())
    }

    /// What the scenario stores of each shock in the next period, `element x world`: NaN at a world or element it leaves alone, `None` for
    /// a shock it never sets.
    pub(super) fn scripted_next(&mut self) -> Result<Vec<Option<Vec<f64>>>, Diagnostic> {
        let mut out: Vec<Option<Vec<f64>>> = vec![None; self.model.shocks.len()];
        let Some(s) = self.scenario.clone() else {
            return Ok(out);
        };
        let touched: Vec<usize> = s
            .paths
            .iter()
            .map(|p| p.0)
            .chain(s.forces.iter().map(|f| f.target))
            .filter_map(|t| if let Target::Shock(i) = t { Some(i) } else { None })
            .collect();
        if touched.is_empty() {
            return Ok(out);
        }
        // The script at the next period, into a copy of what is stored.
        let (stored, frame) = (self.stored.clone(), self.frame.clone());
        for i in &touched {
            self.stored[*i].fill(f64::NAN);
        }
        let period = self.period.clone();
        self.period.iter_mut().for_each(|p| *p += 1);
        self.clock();
        let values = self.scripted.run(&self.frame, self.worlds)?;
        let which = vec![true; self.worlds];
        for (k, (t, node)) in s.paths.iter().enumerate() {
            if let Target::Shock(i) = t {
                let shape = self.graph.nodes[node.0 as usize].shape.clone();
                self.put_shock(*i, &values[s.starts.len() + k], &shape, &which, &[]);
            }
        }
        for (k, f) in s.forces.iter().enumerate() {
            if let Target::Shock(i) = f.target {
                let now: Vec<bool> = self
                    .period
                    .iter()
                    .map(|p| f.from.is_none_or(|a| *p >= a) && f.until.is_none_or(|b| *p <= b))
                    .collect();
                let shape = self.graph.nodes[f.value.0 as usize].shape.clone();
                self.put_shock(i, &values[s.starts.len() + s.paths.len() + k], &shape, &now, &f.at);
            }
        }
        for i in touched {
            out[i] = Some(std::mem::replace(&mut self.stored[i], stored[i].clone()));
        }
        self.period = period;
        self.frame = frame;
        Ok(out)
    }

    /// Forced actions of the scenario for the actions of a stage.
    pub(super) fn force_actions(&mut self) -> Result<(), Diagnostic> {
        let Some(s) = self.scenario.clone() else {
            return Ok(());
        };
        let acts = |t: &Target| matches!(t, Target::Action(_) | Target::Noise(_));
        if s.forces.is_empty() && !s.paths.iter().any(|(t, _)| acts(t)) {
            return Ok(());
        }
        let n = self.worlds;
        let values = self.scripted.run(&self.frame, n)?;
        let paths = s
            .paths
            .iter()
            .enumerate()
            .map(|(k, (t, node))| (*t, *node, s.starts.len() + k, Vec::new(), None, None));
        let forces = s.forces.iter().enumerate().map(|(k, f)| {
            (
                f.target,
                f.value,
                s.starts.len() + s.paths.len() + k,
                f.at.clone(),
                f.from,
                f.until,
            )
        });
        for (_, _, flag) in &self.forced_noises {
            self.frame[flag.0 as usize].fill(0.0);
        }
        for (target, node, number, at, from, until) in paths.chain(forces).collect::<Vec<_>>() {
            let mut flag = None;
            let (input, shape) = match target {
                Target::Action(a) => (self.model.actions[a].input, self.model.actions[a].shape.clone()),
                Target::Noise(i) => match self.forced_noises.iter().find(|(k, _, _)| *k == i) {
                    Some((_, value, forced)) => {
                        flag = Some(*forced);
                        (*value, self.graph.inputs[value.0 as usize].shape.clone())
                    }
                    None => continue,
                },
                Target::State(_) | Target::Shock(_) => continue,
            };
            let map = crate::graph::shape::aligned(&self.graph, &self.graph.nodes[node.0 as usize].shape, &shape);
            let meant = meant(&self.graph, &shape, &at);
            for (e, source) in map.iter().enumerate() {
                limits::poll();
                if !meant[e] {
                    continue;
                }
                for w in 0..n {
                    let p = self.period[w];
                    if from.is_none_or(|a| p >= a) && until.is_none_or(|b| p <= b) {
                        self.frame[input.0 as usize][e * n + w] = values[number][source * n + w];
                        if let Some(flag) = flag {
                            self.frame[flag.0 as usize][e * n + w] = 1.0;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// A model in which forced noises are inputs: (noise, value input, flag input).
#[allow(clippy::type_complexity)]
pub(super) fn forced(
    model: &Model,
    scenario: Option<&Scenario>,
    watched: &[NodeId],
) -> (Model, Vec<NodeId>, Vec<(usize, InputId, InputId)>) {
    let mut model = model.clone();
    let mut watched = watched.to_vec();
    let mut out = Vec::new();
    let mut noises: Vec<usize> = scenario
        .iter()
        .flat_map(|s| s.paths.iter().map(|p| p.0).chain(s.forces.iter().map(|f| f.target)))
        .filter_map(|t| if let Target::Noise(i) = t { Some(i) } else { None })
        .collect();
    noises.sort_unstable();
    noises.dedup();
    for i in noises {
        let node = model.noises[i].node;
        let (graph, map, inputs) = substitute(&model.graph, node, Instead::InputWhere, &model.noises[i].name);
        model.graph = graph;
        model.renumber(&map);
        watched.iter_mut().for_each(|n| *n = map[n.0 as usize]);
        out.push((i, inputs[0], inputs[1]));
    }
    (model, watched, out)
}

/// For each element of a shape, whether it stands at these places.
pub(super) fn meant(graph: &Graph, shape: &crate::graph::Shape, at: &[(AxisId, usize)]) -> Vec<bool> {
    let mut out = vec![true; graph.elements(shape)];
    for (axis, place) in at {
        let places = crate::graph::shape::aligned(graph, &vec![*axis], shape);
        out.iter_mut().zip(places).for_each(|(o, p)| *o &= p == *place);
    }
    out
}

/// Errs where a scenario gives numbers to parameters that stand where numbers must be known, and the model was read with others.
///
/// # Errors
/// E0803.
pub(super) fn read_with_its_numbers(model: &Model, scenario: &Scenario) -> Result<(), Diagnostic> {
    let others = |(p, x): &&(usize, f64)| model.params[*p].values.iter().any(|own| own != x);
    let Some((p, x)) = scenario.numbers.iter().find(others) else {
        return Ok(());
    };
    let (name, param) = (&scenario.name, &model.params[*p]);
    let own = param.values.first().copied().unwrap_or(f64::NAN);
    Err(Diagnostic::error(
        "E0803",
        format!(
            "scenario `{name}` is of another economy: `{}` is {x} there and {own} here",
            param.name
        ),
    )
    .at(
        scenario.span,
        format!("gives `{}` a number that the file must be read with", param.name),
    )
    .hint(format!(
        "name it on the command line, --scenario {name}, without --set {}",
        param.name
    )))
}

/// Errs where a scenario moves a parameter along a path: policies are those of parameters that stay.
///
/// # Errors
/// E0862.
pub(super) fn moves_no_parameter(model: &Model, scenario: &Scenario) -> Result<(), Diagnostic> {
    let Some((p, _)) = scenario.moves.first() else {
        return Ok(());
    };
    let (name, param) = (&scenario.name, &model.params[*p].name);
    Err(Diagnostic::error(
        "E0862",
        format!("scenario `{name}` moves the parameter `{param}`, which no world here follows"),
    )
    .at(scenario.span, "a path of a parameter")
    .note("whoever decides knows such a path beforehand, so that policies differ from period to period")
    .hint(format!("econc transition FILE --scenario {name}")))
}

/// The message about a scenario that the model has not.
pub(crate) fn unknown_scenario(model: &Model, name: &str) -> Diagnostic {
    let known: Vec<&str> = model.scenarios.iter().map(|s| s.name.as_str()).collect();
    let d = Diagnostic::error("E0812", format!("the model has no scenario `{name}`"));
    match crate::diag::suggest::did_you_mean(name, known.iter().copied()) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None if known.is_empty() => d.hint("it declares none: scenario NAME { periods 100 }"),
        None => d.hint(format!("its scenarios: {}", known.join(", "))),
    }
}
