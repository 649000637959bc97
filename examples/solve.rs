//! The Rust API in one page: compile a model, solve it, read the certificate and the policy.
//!
//! `cargo run --release --example solve -- models/growth.econ`

#![allow(clippy::print_stdout)]

use econc::driver;
use econc::solve::progress::silent;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).unwrap_or("models/growth.econ".into());
    let (model, messages) = econc::compile(&std::fs::read_to_string(&file)?, &econc::Options::default());
    for d in &messages {
        eprintln!("{}: {}", d.code, d.headline);
    }
    let model = model.ok_or("the model has errors")?;

    let result = driver::solve(&model, &driver::Request::default(), &mut silent).map_err(|errors| {
        errors
            .iter()
            .map(|d| d.headline.as_str())
            .collect::<Vec<_>>()
            .join("; ")
    })?;
    let (solution, certificate) = (&result.solution, &result.certificate);

    println!(
        "{} improvements, error of the value at most {:.1e}",
        solution.record.iterations, solution.record.error
    );
    println!("certificate {}", if certificate.passed { "holds" } else { "FAILS" });
    if let Some(q) = &certificate.euler {
        println!(
            "Euler residuals: 10^{:.2} at the 99 % quantile of {} points",
            q.p99, q.points
        );
    }
    for (name, x) in &result.steady_state {
        println!("steady state of {name}: {x:.6}");
    }
    // Policies are stored by state node and joint shock (fastest).
    for (action, policy) in solution.actions.iter().zip(&solution.policy) {
        println!("{} at the first node and shock: {:.6}", action.name, policy[0]);
    }
    Ok(())
}
