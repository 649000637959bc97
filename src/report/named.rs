//! What places on axes are called: choices that have labels, states over words, states of labelled chains.

use super::plot::{Names, Picture};
use crate::chance::process::Process;
use crate::check::Model;
use crate::check::model::Space;
use crate::env::cast::names;

/// The named places of a variable, `worker.d` or `worker.d[2]`; empty where its places are numbers.
pub(super) fn names_of(model: &Model, name: &str) -> Names {
    let bare = name.split('[').next().unwrap_or(name);
    if bare.is_empty() {
        return Names::new();
    }
    let listed = |labels: &[String]| -> Names {
        let own = labels.iter().enumerate();
        own.map(|(i, l)| (i as f64, l.clone())).collect()
    };
    if let Some(action) = model.actions.iter().find(|a| names(&a.name, bare)) {
        return match &action.space {
            Space::Finite {
                labels, values: None, ..
            } => listed(labels),
            Space::Finite { .. } | Space::Interval { .. } | Space::Integer { .. } | Space::Simplex(_) => Names::new(),
        };
    }
    if let Some(state) = model.states.iter().find(|s| names(&s.name, bare)) {
        return listed(&state.labels);
    }
    match model.shocks.iter().find(|s| names(&s.name, bare)).map(|s| &s.process) {
        Some(Process::Chain { values, labels, .. }) if labels.len() == values.len() => {
            values.iter().copied().zip(labels.iter().cloned()).collect()
        }
        _ => Names::new(),
    }
}

/// A picture whose panels are called by what they show, or whose axes are, with its places named.
pub(super) fn with_names(mut picture: Picture, names_of: &dyn Fn(&str) -> Names) -> Picture {
    if let Picture::Lines(figure) = &mut picture {
        for panel in &mut figure.panels {
            panel.x_names = names_of(&panel.x_label);
            panel.y_names = match names_of(&panel.title) {
                none if none.is_empty() => names_of(&panel.y_label),
                own => own,
            };
        }
    }
    picture
}
