//! Simulating an economy and summing up what happened.

use super::behaviour::{Actor, Behaviour};
use super::worlds::{Counts, Worlds};
use crate::check::model::Model;
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::solve::solution::Solution;

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Scenario, by name.
    pub scenario: Option<String>,
    /// Number of periods; default the scenario's, else the horizon, else 200.
    pub periods: Option<usize>,
    /// Number of worlds.
    pub worlds: usize,
    /// Seed.
    pub seed: u64,
    /// Let continuous shocks run on the chain of the solution, where there is one (not those that the scenario scripts). Otherwise they
    /// follow their own law, and the policy is read between the nodes of the chain.
    pub on_chain: bool,
}

/// A series of one quantity.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name; members of vectors carry their number.
    pub name: String,
    /// One value a period, of the first world.
    pub values: Vec<f64>,
}

/// Moments of one quantity over worlds, members and periods.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Its name.
    pub name: String,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// First autocorrelation (of the first world's first member).
    pub autocorrelation: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
}

/// What an agent earned.
#[derive(Clone, Debug, PartialEq)]
pub struct Returns {
    /// Its name.
    pub agent: String,
    /// Mean over worlds of the sum of rewards a member.
    pub total: f64,
    /// Standard error of `total` over worlds (NaN for one world).
    pub error: f64,
    /// Mean discounted sum.
    pub discounted: f64,
}

/// A finished simulation.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Periods simulated.
    pub periods: usize,
    /// Worlds simulated.
    pub worlds: usize,
    /// Series of the first world.
    pub series: Vec<Series>,
    /// Moments over everything.
    pub moments: Vec<Moments>,
    /// Returns by agent.
    pub returns: Vec<Returns>,
    /// Counts of violations and ends.
    pub counts: Counts,
}

/// Largest number of members of a vector shown one by one.
const SHOWN_MEMBERS: usize = 8;

/// Simulates a model.
/// `progress(done, of)` is called now and then; `false` stops with E0906.
pub fn simulate(
    model: &Model,
    behaviour: &Behaviour,
    options: &Options,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Simulation, Diagnostic> {
    let watched: Vec<(String, NodeId)> = watched(model);
    let nodes: Vec<NodeId> = watched.iter().map(|(_, n)| *n).collect();
    let mut worlds = Worlds::new(model, options.scenario.as_deref(), options.worlds, options.seed, &nodes)?;
    if let (Behaviour::Solved(s), true) = (behaviour, options.on_chain) {
        put_on_chain(&mut worlds, s)?;
    }
    let mut actor = Actor::new(&worlds, behaviour)?;
    let scenario = options
        .scenario
        .as_ref()
        .and_then(|n| model.scenarios.iter().find(|s| s.name == *n));
    let periods = options
        .periods
        .or(scenario.and_then(|s| s.periods))
        .or(model.horizon)
        .unwrap_or(200);
    let mut recorder = Recorder::new(model, &watched, options.worlds);
    for done in 0..periods {
        if !progress(done, periods) {
            return Err(Diagnostic::error("E0906", "the simulation was stopped"));
        }
        let mut bounds = Vec::new();
        for stage in 0..model.stages.len().max(1) {
            bounds.extend(actor.act(&mut worlds, stage)?);
        }
        let outcome = worlds.step(&bounds)?;
        recorder.record(&outcome.watched, &outcome.rewards, &outcome.ended);
        if outcome.ended.iter().any(|e| *e) {
            worlds.restart(&outcome.ended)?;
        }
        actor.forget(&worlds, &outcome);
    }
    Ok(recorder.finish(model, periods, worlds.counts.clone()))
}

/// Continuous shocks run on the chains that the solution was found on.
fn put_on_chain(worlds: &mut Worlds, s: &Solution) -> Result<(), Diagnostic> {
    use crate::check::model::{Process, Target};
    let model = worlds.model.clone();
    let scripted = worlds.scripted_targets();
    for (i, shock) in model.shocks.iter().enumerate() {
        if scripted.contains(&Target::Shock(i)) || !matches!(shock.process, Process::Ar1 { .. } | Process::Iid(_)) {
            continue;
        }
        if let Some(k) = s
            .chain
            .names
            .iter()
            .position(|n| super::behaviour::names(&shock.name, n))
            && let Some((values, matrix)) = s.chain.marginal(k)
        {
            worlds.discretise(i, &values, &matrix)?;
        }
    }
    Ok(())
}

/// The quantities of a simulation's table: shocks, states, actions, definitions and prices with their names.
fn watched(model: &Model) -> Vec<(String, NodeId)> {
    let wanted = [
        "shock",
        "state",
        "action",
        "let",
        "price",
        "aggregate",
        "give",
        "noise",
        "reward",
    ];
    model
        .names
        .iter()
        .filter(|n| {
            wanted.contains(&n.kind.as_str()) && n.phase > crate::graph::Phase::Constant && !n.name.contains('(')
        })
        .map(|n| (n.name.clone(), n.node))
        .collect()
}

struct Recorder {
    names: Vec<String>,
    sizes: Vec<usize>,
    worlds: usize,
    series: Vec<Vec<f64>>,
    sums: Vec<[f64; 4]>,
    counts: Vec<f64>,
    totals: Vec<Vec<f64>>,
    discounted: Vec<Vec<f64>>,
    weight: Vec<f64>,
    discounts: Vec<f64>,
}

impl Recorder {
    fn new(model: &Model, watched: &[(String, NodeId)], worlds: usize) -> Recorder {
        let sizes: Vec<usize> = watched
            .iter()
            .map(|(_, n)| model.graph.elements(&model.graph.nodes[n.0 as usize].shape))
            .collect();
        let shown: usize = sizes.iter().map(|s| (*s).min(SHOWN_MEMBERS)).sum();
        let rewarded: Vec<_> = model.agents.iter().filter(|a| a.reward.is_some()).collect();
        let discounts = rewarded
            .iter()
            .map(|a| {
                a.discount
                    .and_then(|d| model.graph.nodes[d.0 as usize].domain.as_point())
                    .unwrap_or(1.0)
            })
            .collect();
        Recorder {
            names: watched.iter().map(|(n, _)| n.clone()).collect(),
            worlds,
            series: vec![Vec::new(); shown],
            sums: vec![[0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY]; sizes.len()],
            counts: vec![0.0; sizes.len()],
            sizes,
            totals: vec![vec![0.0; worlds]; rewarded.len()],
            discounted: vec![vec![0.0; worlds]; rewarded.len()],
            weight: vec![1.0; rewarded.len()],
            discounts,
        }
    }

    fn record(&mut self, watched: &[Vec<f64>], rewards: &[Vec<f64>], _ended: &[bool]) {
        let n = self.worlds;
        let mut at = 0;
        for (k, values) in watched.iter().enumerate() {
            for e in 0..self.sizes[k].min(SHOWN_MEMBERS) {
                self.series[at].push(values[e * n]);
                at += 1;
            }
            let s = &mut self.sums[k];
            for x in values {
                s[0] += x;
                s[1] += x * x;
                s[2] = s[2].min(*x);
                s[3] = s[3].max(*x);
            }
            self.counts[k] += values.len() as f64;
        }
        for (a, r) in rewards.iter().enumerate() {
            let members = (r.len() / n).max(1) as f64;
            for w in 0..n {
                let mean: f64 = r.iter().skip(w).step_by(n).sum::<f64>() / members;
                self.totals[a][w] += mean;
                self.discounted[a][w] += self.weight[a] * mean;
            }
            self.weight[a] *= self.discounts[a];
        }
    }

    fn finish(self, model: &Model, periods: usize, counts: Counts) -> Simulation {
        let mut series = Vec::new();
        let mut moments = Vec::new();
        let mut at = 0;
        for (k, name) in self.names.iter().enumerate() {
            let shown = self.sizes[k].min(SHOWN_MEMBERS);
            let first = self.series.get(at).cloned().unwrap_or_default();
            for e in 0..shown {
                let name = if self.sizes[k] > 1 {
                    format!("{name}[{}]", e + 1)
                } else {
                    name.clone()
                };
                series.push(Series {
                    name,
                    values: self.series[at].clone(),
                });
                at += 1;
            }
            if self.counts[k] == 0.0 {
                continue;
            }
            let [sum, squares, min, max] = self.sums[k];
            let mean = sum / self.counts[k];
            let sd = (squares / self.counts[k] - mean * mean).max(0.0).sqrt();
            moments.push(Moments {
                name: name.clone(),
                mean,
                sd,
                autocorrelation: crate::num::statistics::autocorrelation(&first),
                min,
                max,
            });
        }
        let rewarded = model.agents.iter().filter(|a| a.reward.is_some());
        let returns = rewarded
            .enumerate()
            .map(|(i, a)| {
                let t = &self.totals[i];
                let error = if t.len() > 1 {
                    crate::num::statistics::sd(t) / (t.len() as f64).sqrt()
                } else {
                    f64::NAN
                };
                Returns {
                    agent: a.name.clone(),
                    total: crate::num::statistics::mean(t),
                    error,
                    discounted: crate::num::statistics::mean(&self.discounted[i]),
                }
            })
            .collect();
        Simulation {
            periods,
            worlds: self.worlds,
            series,
            moments,
            returns,
            counts,
        }
    }
}
