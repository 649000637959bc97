//! The numbers expected of a model, `models/NAME.toml`; the columns are those of models/README.md.

use serde::Deserialize;
use std::fs;
use std::path::Path;

/// One expected number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// What has the value.
    pub what: String,
    /// Where: a state, a period, a type.
    #[serde(default)]
    pub at: String,
    /// The command that gives it.
    pub how: String,
    /// Parameters to set, `name = value` with commas.
    #[serde(default)]
    pub set: String,
    pub value: f64,
    pub tolerance: f64,
    /// Where the number comes from.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// None where a model has no number that a command gives.
    #[serde(default)]
    expect: Vec<Expected>,
}

/// The rows of one file.
pub fn of_file(path: &Path) -> Vec<Expected> {
    let text = fs::read_to_string(path).expect("readable numbers");
    let file: File = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(file.expect.iter().all(|r| !r.source.is_empty()), "{}", path.display());
    file.expect
}

/// The rows of a model of `models/`.
pub fn of_model(name: &str) -> Vec<Expected> {
    of_file(&super::model(name).with_extension("toml"))
}

impl Expected {
    /// Parameters to set: names and values.
    pub fn settings(&self) -> Vec<(&str, &str)> {
        self.set.split(", ").filter_map(|pair| pair.split_once(" = ")).collect()
    }

    /// Whether a number is as expected.
    pub fn met(&self, x: f64) -> bool {
        (x - self.value).abs() <= self.tolerance
    }
}
