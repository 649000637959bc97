//! Steps a second of the worlds of growth in a loop of Rust: what `bindings/python/benches/speed.py` sets beside the same worlds stepped
//! from Python.
//!
//! ```sh
//! cargo bench --bench worlds -- [worlds=4096]
//! ```
//!
//! Seconds are those on a core, so that other work disturbs little. A step is what Gymnasium's is: every world gets an action, and observations, rewards and ends are read.

#![allow(clippy::print_stdout, reason = "a benchmark prints its numbers")]

use econc::env::cast::{Behaviour, Cast};
use econc::env::vector::{GameOptions, Sitting, Vectorised};
use econc::env::{Actions, Game};
use std::hint::black_box;
use std::path::Path;

#[path = "learning/clock.rs"]
mod clock;

/// Steps of all worlds together in one round.
const STEPS: usize = 4_000_000;

fn main() {
    let worlds = std::env::args()
        .find_map(|w| w.strip_prefix("worlds=")?.parse().ok())
        .unwrap_or(4096);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/growth.econ");
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{e}"));
    let (model, diagnostics) = econc::compile(&text, &econc::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let options = GameOptions {
        seats: vec![Sitting {
            agent: None,
            grids: false,
            joint: false,
        }],
        scenario: None,
        worlds,
        periods: None,
        others: Cast {
            agents: Vec::new(),
            others: Behaviour::Random,
        },
        together: 1,
        alike: false,
    };
    let mut game = Vectorised::new(&model, &options).unwrap_or_else(|e| panic!("{e:?}"));
    game.reset(1);
    let actions = Actions {
        continuous: vec![0.0; worlds],
        ..Actions::default()
    };
    let mut best = f64::MAX;
    for _ in 0..5 {
        let begun = clock::seconds();
        for _ in 0..STEPS / worlds {
            game.act(0, &actions);
            game.proceed();
            let told = game.told(0).unwrap_or_else(|| panic!("nobody has chosen"));
            black_box((told.next.observation, told.reward, told.terminated, told.truncated));
        }
        best = best.min(clock::seconds() - begun);
    }
    let steps = (STEPS / worlds * worlds) as f64;
    println!("{worlds} worlds: {:.2} M steps/s in a loop of Rust", steps / best / 1e6);
}
