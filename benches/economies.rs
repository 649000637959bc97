//! Learners in two economies whose solution is known, at the settings of `models/`.
//!
//! ```sh
//! cargo bench --bench economies -- monopolist [seeds=10] [q_learning] [dqn] [ppo] [a2c] [sac]
//! cargo bench --bench economies -- producers [seeds=5] [worlds=400] [ppo] [a2c] [dqn]
//! ```
//!
//! `monopolist`: distance of the learned price from the exact one. `producers`: profit over 1000 periods of the last policy
//! of each seed, without exploration, in fresh worlds that are the same for everybody, beside the dynamic programme of
//! `producers_reduced` and the numbers of arXiv 2410.20550. The programme lumps the rivals together, so that a learner who sees
//! each of them can earn a little more.

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use econc::check::Model;
use econc::driver::{self, Solved};
use econc::env::cast::Behaviour;
use econc::env::decide::Decide;
use econc::env::simulate::{self, Simulation};
use econc::learn::Policy;
use econc::learn::plan::{self, Asked, Planned};
use econc::learn::training::Training;
use econc::num::random::Stream;
use econc::num::statistics::{bootstrap, mean, sd};
use econc::solve::progress::silent;
use econc::verify::learned::Judge;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |key: &str| words.iter().find_map(|w| w.strip_prefix(key)?.parse().ok());
    let asks = |name: &str| words.iter().any(|w| w == name);
    let both = !asks("monopolist") && !asks("producers");
    let chosen = |all: &[&'static str]| -> Vec<&'static str> {
        let some: Vec<&str> = all.iter().copied().filter(|l| asks(l)).collect();
        if some.is_empty() { all.to_vec() } else { some }
    };
    if both || asks("monopolist") {
        let learners = chosen(&["q_learning", "dqn", "ppo", "a2c", "sac"]);
        monopolist(&learners, number("seeds=").unwrap_or(if both { 1 } else { 10 }));
    }
    if both || asks("producers") {
        producers(
            &chosen(&["ppo", "a2c", "dqn"]),
            number("seeds=").unwrap_or(if both { 1 } else { 5 }),
            number("worlds=").unwrap_or(400) as usize,
        );
    }
}

fn source(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name);
    std::fs::read_to_string(file.with_extension("econ")).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn compile(text: &str) -> Model {
    let (model, diagnostics) = econc::compile(text, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn solve(model: &Model) -> Solved {
    driver::solve(model, &driver::Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"))
}

/// The plan of a learner by the file and the defaults, measured at the end only.
fn planned(model: &Model, learner: &str) -> Planned {
    let asked = Asked {
        method: Some(learner.into()),
        options: vec![("evaluations".into(), "0".into())],
        ..Asked::default()
    };
    plan::plan(model, &asked).unwrap_or_else(|d| panic!("{d:?}"))
}

/// The last policy of one seed, and the steps it was learned from.
fn learn(model: &Model, planned: &Planned, seed: u64) -> (Policy, u64) {
    let mut training = Training::new(model, &planned.plan, seed).unwrap_or_else(|d| panic!("{d:?}"));
    while !training.is_done() {
        training.update(None).unwrap_or_else(|d| panic!("{d:?}"));
    }
    let steps = training.progress().0;
    let (_, policy) = training.finish().unwrap_or_else(|d| panic!("{d:?}")).swap_remove(0);
    (policy, steps)
}

fn monopolist(learners: &[&str], seeds: u64) {
    let model = compile(&source("monopolist"));
    println!("A monopolist with logit demand, {seeds} seeds, default settings; exact price 1.734556, profit .484557");
    println!(
        "{:10} {:>9} {:>10} {:>15} {:>14} {:>12} {:>14} {:>7}",
        "learner", "steps", "grid step", "distance, mean", "largest", "in steps", "loss, largest", "s/seed"
    );
    for learner in learners {
        let planned = planned(&model, learner);
        let judge = Judge::new(&model, solve(&model), planned.plan.method().finite_choices())
            .unwrap_or_else(|d| panic!("{d:?}"));
        let start = Instant::now();
        let mut steps = 0;
        let policies: Vec<(u64, Policy)> = (1..=seeds)
            .map(|seed| {
                let (policy, n) = learn(&model, &planned, seed);
                steps = n;
                (seed, policy)
            })
            .collect();
        let seconds = start.elapsed().as_secs_f64() / seeds as f64;
        let refs: Vec<(u64, &dyn Decide)> = policies.iter().map(|(s, p)| (*s, p as &dyn Decide)).collect();
        let verdict = judge.verdict(&refs, 1).unwrap_or_else(|d| panic!("{d:?}"));
        let distances: Vec<f64> = verdict.seeds.iter().map(|s| s.distances[0].max).collect();
        let step = verdict.seeds[0].distances[0].step;
        let within = verdict.seeds.iter().filter_map(|s| s.distances[0].steps());
        let within = within.filter(|x| *x <= 1.0).count();
        let largest = distances.iter().copied().fold(0.0, f64::max);
        let loss = verdict.seeds.iter().map(|s| s.loss).fold(0.0, f64::max);
        println!(
            "{learner:10} {steps:>9} {:>10} {:>15.5} {largest:>14.5} {:>12} {:>12.4} % {seconds:>7.1}",
            step.map_or("-".into(), |s| format!("{s:.3}")),
            mean(&distances),
            step.map_or("-".into(), |s| format!("{:.2}, {within}/{seeds}", largest / s)),
            100.0 * loss,
        );
    }
}

/// Plays 1000 periods in worlds that are the same for every behaviour; profit in total and its standard error.
fn profit(model: &Model, behaviour: &Behaviour, worlds: usize) -> (f64, f64) {
    let options = simulate::SimulationOptions {
        scenario: Some("evaluation".into()),
        periods: None,
        worlds,
        seed: 20_410_205,
        on_chain: true,
        greedy: false,
    };
    let run: Simulation = simulate::simulate(model, &behaviour.clone().into(), &options, &mut |_, _| true)
        .unwrap_or_else(|d| panic!("{d:?}"));
    let own = run
        .returns
        .iter()
        .find(|r| r.agent == "producer")
        .expect("the producer");
    (own.total, own.error)
}

fn producers(learners: &[&str], seeds: u64, worlds: usize) {
    let text = source("producers");
    let model = compile(&text);
    let programme = Behaviour::Solved(std::sync::Arc::new(
        solve(&compile(&source("producers_reduced"))).solution,
    ));
    let few = compile(&text.replace("action q in 0..13 ", "action q in 0..2 "));
    let (best, error) = profit(&model, &programme, worlds);
    println!("The producers' market: profit over 1000 periods, {worlds} fresh worlds, the same for all");
    println!("  dynamic programme    {best:>9.0}  (standard error over worlds {error:.0})");
    let fixed = |q: f64| profit(&model, &Behaviour::Fixed(vec![("q".into(), q)]), worlds).0;
    println!("  always nothing       {:>9.0}", fixed(0.0));
    println!(
        "  random on 0, 1, 2    {:>9.0}",
        profit(&few, &Behaviour::Random, worlds).0
    );
    println!(
        "\n{:7} {:>4} {:>9} {:>9} {:>20} {:>10} {:>22} {:>10} {:>7}",
        "learner", "seed", "steps", "profit", "95 %, over seeds", "sd, seeds", "share of programme", "paper", "s"
    );
    for learner in learners {
        let paper = match *learner {
            "ppo" => 1942.89,
            "a2c" => 436.14,
            _ => 5555.67,
        };
        let planned = planned(&model, learner);
        let mut totals = Vec::new();
        let mut gaps = Vec::new();
        for seed in 1..=seeds {
            let start = Instant::now();
            let (policy, steps) = learn(&model, &planned, seed);
            let seconds = start.elapsed().as_secs_f64();
            let behaviour = Behaviour::Learned {
                agent: None,
                grids: planned.plan.method().finite_choices(),
                policy: Arc::new(policy),
            };
            let total = profit(&model, &behaviour, worlds).0;
            println!(
                "{learner:7} {seed:>4} {steps:>9} {total:>9.0} {:>20} {:>10} {:>20.1} % {paper:>10} {seconds:>7.0}",
                "",
                "",
                100.0 * total / best
            );
            totals.push(total);
            gaps.push(100.0 * total / best);
        }
        let interval = |x: &[f64]| bootstrap(x, mean, 0.95, 10_000, &mut Stream::new(1, 0));
        let ((lo, hi), (from, to)) = (interval(&totals), interval(&gaps));
        println!(
            "{learner:7} {:>4} {:>9} {:>9.0} {:>20} {:>10.0} {:>22} {paper:>10}  {:.1} times the paper's",
            "all",
            "",
            mean(&totals),
            format!("[{lo:.0}, {hi:.0}]"),
            sd(&totals),
            format!("{:.1} [{from:.1}, {to:.1}] %", mean(&gaps)),
            mean(&totals) / paper
        );
    }
}
