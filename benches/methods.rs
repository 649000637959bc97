//! Methods for one who decides against a closed form (Brock and Mirman 1972), the solver alone: time, largest relative error of the policy at
//! the nodes, and the exponent of time in nodes; then four continuous states.
//!
//! ```sh
//! cargo bench --bench methods
//! ```

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use econc::check::Model;
use econc::solve::decision::{Decision, ProblemOptions};
use econc::solve::method::Task;
use econc::solve::methods::{Any, named};
use econc::solve::progress::silent;
use econc::solve::solution::Solution;
use std::time::Instant;

/// Runs of each, of which the fastest counts: what others do on the machine only adds.
const RUNS: usize = 5;

fn compile(text: &str, set: &[(&str, String)]) -> Model {
    let options = econc::Options {
        set: set.iter().map(|(a, b)| (a.to_string(), b.clone())).collect(),
        ..Default::default()
    };
    let (model, messages) = econc::compile(text, &options);
    model.unwrap_or_else(|| panic!("{messages:?}"))
}

/// The solution by a method, and its seconds.
fn timed(model: &Model, method: &str, runs: usize) -> (Solution, f64) {
    let problem = Decision::new(model, &ProblemOptions::default()).unwrap_or_else(|d| panic!("{d:?}"));
    let Ok(Any::One(method)) = named(method) else {
        panic!("no method of one who decides: {method}")
    };
    let mut best = f64::INFINITY;
    let mut last = None;
    for _ in 0..runs {
        let task = Task {
            model,
            problem: &problem,
            guess: None,
            linear: false,
        };
        let began = Instant::now();
        last = Some(method.solve(task, &mut silent).unwrap_or_else(|d| panic!("{d:?}")));
        best = best.min(began.elapsed().as_secs_f64());
    }
    (last.expect("a run"), best)
}

fn brock_mirman() {
    let text = include_str!("../models/brock_mirman.econ");
    println!(
        "{:<18}{:>8}{:>12}{:>12}{:>10}",
        "method", "nodes", "time", "error", "exponent"
    );
    for method in ["value_iteration", "time_iteration", "endogenous_grid"] {
        let mut before: Option<(usize, f64)> = None;
        for nodes in [50usize, 100, 200, 400, 800] {
            let model = compile(text, &[("grid.k", format!("log(0.05, 0.45, {nodes})"))]);
            let (solution, seconds) = timed(&model, method, RUNS);
            let shocks = solution.chain.values.len();
            let mut worst: f64 = 0.0;
            for (i, k) in solution.states[0].nodes.iter().enumerate() {
                for (j, z) in solution.chain.values.iter().enumerate() {
                    let exact = 0.95 / 3.0 * z[0].exp() * k.powf(1.0 / 3.0);
                    worst = worst.max((solution.policy[0][i * shocks + j] / exact - 1.0).abs());
                }
            }
            let exponent = before.map(|(n, s)| (seconds / s).ln() / (nodes as f64 / n as f64).ln());
            let exponent = exponent.map_or("-".to_string(), |e| format!("{e:.2}"));
            println!(
                "{method:<18}{nodes:>8}{:>9.1} ms{worst:>12.1e}{exponent:>10}",
                1e3 * seconds
            );
            before = Some((nodes, seconds));
        }
    }
}

/// A planner over several capital stocks with one resource, log utility.
fn several(states: usize) -> String {
    let each = |what: &dyn Fn(usize) -> String| (1..=states).map(what).collect::<Vec<String>>();
    let output = each(&|i| format!("0.1 * k{i}^0.3 + 0.9 * k{i}")).join(" + ");
    let stocks = each(&|i| format!("  state k{i} in [0.1, 0.4], start 0.2\n")).concat();
    let kept = each(&|i| format!("  action x{i} in [0.1, 0.4]\n  k{i}' = x{i}\n")).concat();
    let spent = each(&|i| format!("x{i}")).join(" - ");
    let seen = each(&|i| format!("k{i}")).join(", ");
    let grids = each(&|i| format!("grid.k{i} = uniform(8)")).join("; ");
    format!(
        "model several\nagent planner {{\n{stocks}{kept}  let c = {output} - {spent}\n  observe {seen}\n  reward log(c)\n  discount 0.95\n}}\n\
         solve {{ {grids} }}\n"
    )
}

fn main() {
    brock_mirman();
    println!("\n{:<18}{:>8}{:>12}", "method", "states", "time");
    for states in 1..=4 {
        let model = compile(&several(states), &[]);
        let (_, seconds) = timed(&model, "time_iteration", 1);
        println!("{:<18}{states:>8}{:>9.1} ms", "time_iteration", 1e3 * seconds);
    }
}
