//! The exercises of `econc reproduce`: the files under `exercises/`, part of the program.
//!
//! An exercise names models, the commands that run them, and the numbers that are read from what comes of it, beside those that
//! were published or are known exactly. A new one is a file and a line below.

use crate::diag::{Diagnostic, suggest};
use serde::Deserialize;

/// An exercise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exercise {
    /// What it is about.
    pub(super) title: String,
    /// Where the numbers come from.
    pub(super) source: String,
    /// Names of the models it runs: one per file that is written beside its runs.
    pub(super) models: Vec<String>,
    /// What is run, in order: one entry per command.
    pub(super) runs: Vec<Run>,
    /// What is read: one entry per number.
    pub(super) rows: Vec<Row>,
}

/// A command of econc; its run directory has the name of the run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    /// Its name.
    pub(super) name: String,
    /// The command, without `econc` and without `--out`.
    pub(super) command: String,
    /// The same at the size of the published numbers (`--long`), where that takes much longer; empty where it does not.
    #[serde(default)]
    pub(super) long: String,
}

/// A number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    /// What it is.
    pub(super) what: String,
    /// Where it stands.
    pub(super) read: Read,
    /// What others found.
    #[serde(default)]
    pub(super) recorded: Option<f64>,
    /// What is right.
    #[serde(default)]
    pub(super) exact: Option<f64>,
    /// Largest difference from the exact number (where there is none, from the recorded one).
    #[serde(default)]
    pub(super) within: Option<f64>,
    /// The difference is judged with `--long` only.
    #[serde(default)]
    pub(super) of_long: bool,
    /// What a reader should know.
    #[serde(default)]
    pub(super) note: String,
}

/// Where a number stands.
#[derive(Clone, Debug, Deserialize)]
pub(super) enum Read {
    /// In a table of a run's report: the column, in the first row where these other columns have these values.
    Cell {
        run: String,
        table: String,
        column: String,
        at: Vec<(String, f64)>,
    },
    /// In a table of a run's report: the column, in the row of this `name`.
    Named {
        run: String,
        table: String,
        name: String,
        column: String,
    },
    /// The mean in a row of the table `summary` of a run.
    Mean { run: String, row: String },
    /// The mean of a column of the table `seeds` of a training, with a 95 % interval over seeds.
    Seeds { run: String, column: String },
    /// A fact of a run's report that is a number.
    Fact { run: String, name: String },
    /// In `solution.csv` of a run: the column, in row number `row` (from 1) of those where these other columns have these values.
    Solution {
        run: String,
        column: String,
        at: Vec<(String, f64)>,
        row: usize,
    },
    /// A parameter of a model.
    Parameter { model: String, name: String },
}

macro_rules! exercises {
    ($($name:literal)*) => {
        /// Name and text of each exercise, in the order of their names.
        const EXERCISES: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../exercises/", $name, ".ron")))),*
        ];
    };
}

exercises! {
    "calvano"
    "calvano_learners"
    "capital_goods"
    "capital_goods_firms"
    "capital_goods_game"
    "capital_goods_many"
    "half_informed"
    "language_benchmark"
    "learning_rates"
    "monopolist"
    "normalisation"
    "producers"
    "producers_many"
    "producers_transfer"
    "townsend"
    "v_trace"
}

/// Names and titles, one pair per exercise that can be read.
pub(super) fn all() -> Vec<(&'static str, String)> {
    let read = |(name, text): &(&'static str, &str)| Some((*name, parsed(name, text).ok()?.title));
    EXERCISES.iter().filter_map(read).collect()
}

/// The exercise of this name.
///
/// # Errors
/// E0962.
pub(super) fn find(name: &str) -> Result<Exercise, Diagnostic> {
    let names = || EXERCISES.iter().map(|(n, _)| *n);
    match EXERCISES.iter().find(|(n, _)| *n == name) {
        Some((name, text)) => parsed(name, text),
        None => {
            let d = Diagnostic::error("E0962", format!("there is no exercise `{name}`"));
            Err(match suggest::did_you_mean(name, names()) {
                Some(near) => d.hint(format!("did you mean `{near}`?")),
                None => d.hint(format!("the exercises: {}", names().collect::<Vec<_>>().join(", "))),
            })
        }
    }
}

fn parsed(name: &str, text: &str) -> Result<Exercise, Diagnostic> {
    ron::from_str(text)
        .map_err(|e| Diagnostic::error("E0962", format!("exercise `{name}` cannot be read")).note(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::templates::TEMPLATES;

    #[test]
    fn exercises_name_runs_and_models_that_there_are() {
        for (name, _) in EXERCISES {
            let e = find(name).unwrap_or_else(|d| panic!("{name}: {d:?}"));
            assert!(!e.rows.is_empty() && !e.source.is_empty(), "{name}");
            let run = |r: &str| e.runs.iter().any(|x| x.name == r);
            let model = |m: &str| TEMPLATES.iter().any(|t| t.name == m);
            assert!(e.models.iter().all(|m| model(m)), "{name}: {:?}", e.models);
            for row in &e.rows {
                assert!(row.recorded.is_some() || row.exact.is_some(), "{name}: {}", row.what);
                let there = match &row.read {
                    Read::Cell { run: r, .. }
                    | Read::Named { run: r, .. }
                    | Read::Mean { run: r, .. }
                    | Read::Seeds { run: r, .. }
                    | Read::Fact { run: r, .. } => run(r),
                    Read::Solution { run: r, row, .. } => run(r) && *row > 0,
                    Read::Parameter { model: m, .. } => model(m),
                };
                assert!(there, "{name}: {}", row.what);
            }
        }
        assert_eq!(all().len(), EXERCISES.len());
        assert_eq!(
            find("calvan").unwrap_err().hint.as_deref(),
            Some("did you mean `calvano`?")
        );
    }
}
