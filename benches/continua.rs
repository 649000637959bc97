//! What an equilibrium of a continuum costs: seconds of one thread against nodes of the members' state, states of their chain, and numbers that have to be found
//! together, each with its exponent (the slope of log seconds on log size); without aggregate risk, and with it.
//!
//! ```sh
//! cargo bench --bench continua
//! ```

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use econc::check::Model;
use econc::solve::continuum::perceived::PerceivedLaw;
use econc::solve::continuum::stationary::Stationary;
use econc::solve::economy::Economy;
use econc::solve::equilibrium::EquilibriumMethod;
use econc::solve::progress::silent;
use std::time::Instant;

/// Runs of each size, of which the fastest counts.
const RUNS: usize = 3;

fn main() {
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap_or_else(|e| panic!("{e}"));
    one.install(|| {
        let at_rest = |nodes: usize, states: usize, numbers: usize| model(&savers(nodes, states, numbers), &[]);
        println!("at rest (an economy of savers; 400 nodes, 7 states, 1 number where nothing else is said)");
        table("nodes", &[200, 400, 800, 1600], |n| {
            seconds(&Stationary, &at_rest(n, 7, 1))
        });
        table("chain states", &[3, 7, 15, 31], |n| {
            seconds(&Stationary, &at_rest(400, n, 1))
        });
        table("numbers found", &[1, 2, 3, 4], |n| {
            seconds(&Stationary, &at_rest(400, 7, n))
        });
        println!("under aggregate risk (krusell_smith; 300 x 12 nodes, a distribution over 1000, 6000 periods)");
        let risky = |key: &str, value: String| {
            let text = include_str!("../models/krusell_smith.econ");
            model(text, &[(key.to_string(), value)])
        };
        table("nodes of capital", &[150, 300, 600, 1200], |n| {
            seconds(&PerceivedLaw, &risky("grid.k", format!("double_log({n})")))
        });
        table("nodes of the mean", &[6, 12, 24, 48], |n| {
            seconds(&PerceivedLaw, &risky("grid.K", format!("log(32, 46, {n})")))
        });
        table("nodes of the distribution", &[500, 1000, 2000, 4000], |n| {
            seconds(&PerceivedLaw, &risky("law.nodes", n.to_string()))
        });
        table("periods", &[3000, 6000, 12_000, 24_000], |n| {
            seconds(&PerceivedLaw, &risky("law.periods", n.to_string()))
        });
    });
}

/// Aiyagari's savers with incomes from a chain of so many states; of `numbers` that are found together the first is mean capital, and each of the others a mean
/// that comes back to everybody.
fn savers(nodes: usize, states: usize, numbers: usize) -> String {
    let extra = ["k^0.5", "k^0.25", "log(1 + k)"];
    let back: String = (0..numbers - 1).map(|i| format!(" + t{i}")).collect();
    let means: String = (extra.iter().take(numbers - 1).enumerate())
        .map(|(i, of)| format!("  aggregate t{i} = 0.01 * mean(household.x{i})  # of {of}\n"))
        .collect();
    let own: String = (extra.iter().take(numbers - 1).enumerate())
        .map(|(i, of)| format!("  let x{i} = {of}\n"))
        .collect();
    format!(
        "model savers \"Savers\"\nagent household[continuum] {{\n  shock z ~ ar1(rho: 0.6, sd: 0.2)\n  state k in [0, inf), start 5\n  let cash = (1 + r) * k + w * exp(z){back}\n  \
         action k_next in [0, cash)\n  let c = cash - k_next\n{own}  k' = k_next\n  observe k, z\n  reward crra(c, 3)\n  discount 0.96\n}}\nmarket factors {{\n  let K = mean(household.k)\n  \
         price r = 0.36 * K^(-0.64) - 0.08\n  price w = 0.64 * K^0.36\n{means}}}\nsolve {{ grid.k = double_log({nodes}); chain.z = rouwenhorst({states}) }}\n"
    )
}

fn model(text: &str, overrides: &[(String, String)]) -> Model {
    let options = econc::Options {
        set: overrides.to_vec(),
        ..econc::Options::default()
    };
    let (model, messages) = econc::compile(text, &options);
    model.unwrap_or_else(|| panic!("{messages:?}\n{text}"))
}

fn seconds(method: &dyn EquilibriumMethod, model: &Model) -> f64 {
    let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
    let one = |_| {
        let began = Instant::now();
        let found = method.solve(&economy, 1, &mut silent);
        assert!(found.is_ok(), "{:?}", found.err());
        began.elapsed().as_secs_f64()
    };
    (0..RUNS).map(one).fold(f64::INFINITY, f64::min)
}

/// A row: seconds at each size, and the exponent.
fn table(name: &str, sizes: &[usize], of: impl Fn(usize) -> f64) {
    let times: Vec<f64> = sizes.iter().map(|n| of(*n)).collect();
    let (x, y): (Vec<f64>, Vec<f64>) = (sizes.iter().zip(&times))
        .map(|(n, t)| ((*n as f64).ln(), t.ln()))
        .unzip();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(&x), mean(&y));
    let both: f64 = x.iter().zip(&y).map(|(a, b)| (a - mx) * (b - my)).sum();
    let own: f64 = x.iter().map(|a| (a - mx) * (a - mx)).sum();
    let cells = sizes.iter().zip(&times).map(|(n, t)| format!("{n}: {t:.3} s"));
    println!(
        "  {name:<26} {}   exponent {:.2}",
        cells.collect::<Vec<_>>().join("  "),
        both / own
    );
}
