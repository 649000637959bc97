//! What the policies of a run choose at places that a host names: as `econc simulate` plays them, with the likeliest choice where a
//! policy mixes.

use super::cast::Parts;
use super::compiled::compile;
use super::source::Source;
use crate::check::Model;
use crate::check::model::{DrawWhen, Space};
use crate::diag::Diagnostic;
use crate::env::behaviour::Actor;
use crate::env::cast::Cast;
use crate::env::impulses::{self, Begin, Place, Which};
use crate::env::worlds::Worlds;
use crate::report::store::open_played;
use std::path::Path;

/// The policies of a run.
#[derive(Debug)]
pub struct Played {
    model: Model,
    cast: Cast,
}

/// What is chosen at some places.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Each action: its name (with the indices of its element), one number per place (of choices their number from 0), and the labels of
    /// choices, if they have any.
    pub actions: Vec<(String, Vec<f64>, Vec<String>)>,
    /// Readings of a solution beyond its grid of states, beyond the nodes of its shocks, and all of them.
    pub outside: (u64, u64, u64),
}

impl Played {
    /// Reads a run of `solve`, `train`, `tune` or `verify`.
    ///
    /// # Errors
    /// Those of runs without policies.
    pub fn read(run: &Path) -> Result<Played, Diagnostic> {
        let done = open_played(run)?;
        let source = Source {
            name: done.manifest.model.clone(),
            ..Source::read(&done.directory.join("model.econ"))?
        };
        let (compiled, diagnostics) = compile(&source, &done.manifest.overrides, None);
        let Some(compiled) = compiled else {
            let first = diagnostics
                .into_iter()
                .find(|d| d.severity == crate::diag::Severity::Error);
            return Err(first.unwrap_or_else(|| Diagnostic::error("E0955", "the model of this run cannot be read")));
        };
        let model = compiled.model;
        let seen = |when: DrawWhen| match when {
            DrawWhen::Start => false,
            DrawWhen::Observe => true,
            // Noises of the last stage come after all choices.
            DrawWhen::After(stage) => usize::from(stage) + 1 < model.stages.len(),
        };
        if model.draws.iter().any(|d| seen(d.when)) {
            return Err(Diagnostic::error(
                "E0851",
                "choices go with draws that no place names: signals, or noises of an earlier stage",
            )
            .hint("play them: model.simulate(run)"));
        }
        let parts = Parts::read("policy", &[run.display().to_string()])?;
        let cast = parts.bind(&model)?.cast;
        Ok(Played { model, cast })
    }

    /// The choices at places: one entry of `places` per place, pairs of the name of a state or shock and its value as typed; all of them are
    /// named, in any order. `period` is counted from 0, for policies over a horizon.
    ///
    /// # Errors
    /// E0851 for what is not named, E0995 for names and values; those of [`Worlds::new`] and [`Actor`].
    pub fn at(&self, places: &[Vec<(String, String)>], period: usize) -> Result<Chosen, Diagnostic> {
        let model = &self.model;
        if model.horizon.is_some_and(|h| period >= h) || (model.horizon.is_none() && period > 0 && model.time.is_none())
        {
            return Err(match model.horizon {
                Some(h) => Diagnostic::error("E0851", format!("there is no period {period}"))
                    .hint(format!("periods are counted from 0 to {}", h - 1)),
                None => {
                    Diagnostic::error("E0851", "choices are the same in every period here").hint("leave out `period`")
                }
            });
        }
        let mut worlds = Worlds::new(model, None, places.len(), 1, &[])?;
        for (w, typed) in places.iter().enumerate() {
            crate::limits::poll();
            let text: Vec<String> = typed.iter().map(|(n, x)| format!("{n}={x}")).collect();
            let named = match text.as_slice() {
                [] => Vec::new(),
                text => match impulses::begin(model, Some(&text.join(",")))? {
                    Begin::At(named) => named,
                    Begin::Ergodic | Begin::Mean | Begin::Start => Vec::new(),
                },
            };
            all_named(model, &named)?;
            named.iter().for_each(|p| p.put(&mut worlds, w));
            let mut here = worlds.snapshot(w);
            here.period = period;
            if let Some(time) = model.time {
                here.inputs[time.0 as usize].fill(period as f64);
            }
            worlds.put_back(w, &here);
        }
        let mut actor = Actor::new(&worlds, &self.cast)?;
        actor.greedy = true;
        for stage in 0..model.stages.len().max(1) {
            actor.act(&mut worlds, stage)?;
        }
        let n = places.len();
        let mut actions = Vec::new();
        for action in &model.actions {
            let elements = model.graph.elements(&action.shape);
            let labels = match &action.space {
                Space::Finite {
                    labels, values: None, ..
                } => labels.clone(),
                _ => Vec::new(),
            };
            for e in 0..elements {
                let name = match action.shape.is_empty() {
                    true => action.name.clone(),
                    false => format!("{}[{}]", action.name, impulses::labels(model, &action.shape, e)),
                };
                let values = worlds.frame[action.input.0 as usize][e * n..(e + 1) * n].to_vec();
                let values = match &action.space {
                    Space::Finite { values: Some(own), .. } => values.iter().map(|i| own[*i as usize]).collect(),
                    _ => values,
                };
                actions.push((name, values, labels.clone()));
            }
        }
        let read = &worlds.counts.policy;
        Ok(Chosen {
            actions,
            outside: (read.states_outside, read.shocks_outside, read.read),
        })
    }
}

/// Errs where a state or a shock is not named.
fn all_named(model: &Model, named: &[Place]) -> Result<(), Diagnostic> {
    let states = model.states.iter().enumerate().map(|(i, s)| {
        let shape = &model.graph.inputs[s.input.0 as usize].shape;
        (Which::State(i), &s.name, model.graph.elements(shape))
    });
    let shocks = model.shocks.iter().enumerate();
    let shocks = shocks.map(|(i, s)| (Which::Shock(i), &s.name, model.graph.elements(&s.shape)));
    let missing: Vec<&str> = states
        .chain(shocks)
        .filter(|(which, _, elements)| {
            let given = |e: usize| {
                named
                    .iter()
                    .any(|p| p.which == *which && p.element.is_none_or(|own| own == e))
            };
            !(0..*elements).all(given)
        })
        .map(|(_, name, _)| name.as_str())
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        names => Err(Diagnostic::error(
            "E0851",
            format!(
                "a place names every state and shock, and {} is missing",
                names.join(", ")
            ),
        )
        .hint(format!(
            "give {}",
            names.iter().map(|n| format!("{n}=..")).collect::<Vec<_>>().join(", ")
        ))),
    }
}
