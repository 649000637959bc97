//! Drawing shocks: first values and next values, chain by chain, conditional on others where the model says so.

pub use crate::check::law::{link, order, quantile};
pub use crate::graph::shape::aligned;

use crate::check::model::{Process, StartShock};
use crate::num::{chain, normal, random::Key};

/// How a shock is simulated: as declared, or on the chain that a solver used in its place.
#[derive(Clone, Debug)]
pub struct Law {
    /// The law.
    pub process: Process,
    /// Values of the links when a chain stands for a continuous process (its input then carries the value).
    pub stands_for: Option<Vec<f64>>,
    /// Stationary distributions of the matrices, for first values.
    stationary: Vec<Vec<f64>>,
}

impl Law {
    /// The law as declared.
    pub fn declared(process: &Process) -> Law {
        let stationary = match process {
            Process::Chain { matrices, .. } => matrices.iter().map(|m| chain::stationary(m)).collect(),
            Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => Vec::new(),
        };
        Law {
            process: process.clone(),
            stands_for: None,
            stationary,
        }
    }

    /// A chain in the place of a continuous process.
    pub fn discretised(values: &[f64], matrix: &[Vec<f64>]) -> Law {
        let process = Process::Chain {
            values: values.to_vec(),
            labels: Vec::new(),
            matrices: vec![matrix.to_vec()],
            given: Vec::new(),
        };
        Law {
            stands_for: Some(values.to_vec()),
            ..Law::declared(&process)
        }
    }

    /// What the graph's input carries for a stored value (a link for chains).
    pub fn carried(&self, stored: f64) -> f64 {
        match &self.stands_for {
            Some(values) => values[(stored as usize).min(values.len() - 1)],
            None => stored,
        }
    }
}

/// Conditioning values of one shock: for each condition the stored links and the element each element of mine sees.
pub struct Conditions<'a> {
    /// (links now or next, element of mine -> element of theirs, number of links)
    pub on: Vec<(&'a [f64], &'a [usize], usize)>,
}

impl Conditions<'_> {
    fn matrix(&self, e: usize, w: usize, worlds: usize) -> usize {
        self.on
            .iter()
            .fold(0, |m, (links, map, n)| m * n + links[map[e] * worlds + w] as usize)
    }
}

/// First value of one element: `u` is uniform.
pub fn first(
    law: &Law,
    start: Option<&StartShock>,
    conditions: &Conditions,
    e: usize,
    w: usize,
    worlds: usize,
    u: f64,
) -> f64 {
    match (&law.process, start) {
        (Process::Chain { .. }, Some(StartShock::Link(i))) => *i as f64,
        (Process::Chain { values, .. }, Some(StartShock::Value(x))) => nearest(values, *x) as f64,
        (_, Some(StartShock::Value(x))) => *x,
        (_, Some(StartShock::Link(i))) => *i as f64,
        (Process::Chain { .. }, None) => link(&law.stationary[conditions.matrix(e, w, worlds)], u),
        (Process::Ar1 { rho, sigma, mean }, None) => mean + sigma / (1.0 - rho * rho).sqrt() * normal::quantile(u),
        (Process::RandomWalk { .. } | Process::Var1 { .. }, None) => 0.0,
        (Process::Iid(d), None) => quantile(d, u),
    }
}

/// Next value of one element.
pub fn next(law: &Law, now: f64, conditions: &Conditions, e: usize, w: usize, worlds: usize, u: f64) -> f64 {
    match &law.process {
        Process::Chain { matrices, .. } => {
            let m = &matrices[conditions.matrix(e, w, worlds)];
            link(
                &m[fault!("simulation.first_row", 0, (now as usize).min(m.len() - 1))],
                u,
            )
        }
        Process::Ar1 { rho, sigma, mean } => mean * (1.0 - rho) + rho * now + sigma * normal::quantile(u),
        Process::RandomWalk { sigma } => now + sigma * normal::quantile(u),
        Process::Iid(d) => quantile(d, u),
        Process::Var1 { .. } => now, // vectors are moved together by `next_vector`
    }
}

/// `x' = A x + S e` for the elements of one world.
pub fn next_vector(a: &[Vec<f64>], s: &[Vec<f64>], x: &[f64], key: Key, step: u64, lane: u64) -> Vec<f64> {
    let e: Vec<f64> = (0..x.len())
        .map(|i| normal::quantile(key.uniform(step, lane + i as u64)))
        .collect();
    (0..x.len())
        .map(|i| (0..x.len()).map(|j| a[i][j] * x[j] + s[i][j] * e[j]).sum())
        .collect()
}

/// The link whose value is nearest.
pub fn nearest(values: &[f64], x: f64) -> usize {
    let mut best = 0;
    for (i, v) in values.iter().enumerate() {
        if (v - x).abs() < (values[best] - x).abs() {
            best = i;
        }
    }
    best
}
