//! What trainings, searches and verdicts are asked: kept in their runs, and read there again.

use crate::learn::tune::Objective;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// File of a run directory with what a training was asked.
pub const ASKED: &str = "asked.json";
/// The same of a training inside `verify`, which is not resumed.
pub const ASKED_BY_VERIFY: &str = "training.json";

/// The same of a search, whose best trial's policies stand in its run.
pub const ASKED_BY_TUNE: &str = "tune.json";

/// What `train` was told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TrainOptions {
    /// `--learner`
    pub learner: Option<String>,
    /// `--with`, pairs of key and value as typed
    pub with: Vec<(String, String)>,
    /// `--seeds`, a list, or `--seed` if that was given
    pub seeds: Option<Vec<u64>>,
    /// `--agent`
    pub agent: Option<String>,
    /// `--others`, one entry per use of the option
    #[serde(default)]
    pub others: Vec<String>,
    /// `--scenario`
    pub scenario: Option<String>,
    /// `--against`
    pub against: Option<PathBuf>,
    /// `--other-parameters`
    #[serde(default)]
    pub other_parameters: bool,
    /// Further agents that learn, one entry per further `--agent`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// `--learner AGENT=NAME`, pairs of agent and learner
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learners: Vec<(String, String)>,
}

impl TrainOptions {
    /// The agents that learn, as named, one entry per `--agent`; empty for the only one that decides.
    pub fn agents(&self) -> Vec<String> {
        self.agent.iter().chain(&self.beside).cloned().collect()
    }
}

/// `--method`
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SearchMethod {
    /// All trials train a little, the best go on
    Halving,
    /// All trials train to the end
    Random,
}

/// What `tune` was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TuneOptions {
    /// What all trials share, as `train` is told.
    pub train: TrainOptions,
    /// `--search`, one entry per use of the option
    pub searches: Vec<String>,
    /// `--method`
    pub method: SearchMethod,
    /// `--trials`
    pub trials: usize,
    /// `--eta`
    pub eta: usize,
    /// `--least`
    pub least: u64,
    /// `--budget`
    pub budget: Option<u64>,
    /// `--objective`
    pub objective: Objective,
    /// `--seed`
    pub seed: u64,
}

/// What `verify` was told beyond the training.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct VerifyOptions {
    /// The training.
    pub train: TrainOptions,
    /// `--policy`: a finished training instead of a new one.
    pub policy: Option<PathBuf>,
    /// `--solution`: a finished solve instead of a new one.
    pub solution: Option<PathBuf>,
    /// `--best`: the policies that measured best instead of the last.
    pub best: bool,
    /// `--seed`
    pub seed: u64,
}
