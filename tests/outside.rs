//! Errors that come back from where lives do not go: wealth of Samuelson's (1969) investor, whose value has a closed form, and falls without end at the low end of a grid.
//!
//! The certificate's estimate of the value's error may not be below a third of the largest error at the nodes that lives visit; and where the grid is
//! said to be trusted the value is close.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use econc::Options;
use econc::driver::{self, Request, Solved};
use econc::solve::progress::silent;

struct Investor {
    gamma: f64,
    safe: f64,
    up: f64,
    down: f64,
    grid: (f64, f64),
}

const BETA: f64 = 0.95;

impl Investor {
    fn text(&self) -> String {
        let Investor {
            gamma,
            safe,
            up,
            down,
            grid: (lo, hi),
        } = self;
        format!(
            "model investor\nagent i {{\n  state w in (0, inf), start 1\n  action m in (0, 1)\n  action a in [0, 1]\n  noise good ~ bernoulli(0.5)\n  \
             let c = m * w\n  w' = (w - c) * ({safe} + a * ((if good then {up} else {down}) - {safe}))\n  observe w\n  reward crra(c, {gamma})\n  \
             discount {BETA}\n}}\nsolve {{ grid.w = log({lo}, {hi}, 120); periods = 960; burn_in = 0 }}\n"
        )
    }

    /// The mean of `R^(1 - gamma)` (of `log R` for 1) with the best share, by golden section.
    fn mean(&self) -> f64 {
        let of = |a: f64| -> f64 {
            let returns = [self.up, self.down].map(|x| self.safe + a * (x - self.safe));
            let power = |r: f64| {
                if self.gamma == 1.0 {
                    r.ln()
                } else {
                    r.powf(1.0 - self.gamma)
                }
            };
            0.5 * (power(returns[0]) + power(returns[1]))
        };
        let sign = if self.gamma > 1.0 { 1.0 } else { -1.0 };
        let (mut a, mut b) = (0.0, 1.0);
        for _ in 0..100 {
            let (x, y) = (b - 0.618_033_988_75 * (b - a), a + 0.618_033_988_75 * (b - a));
            if sign * of(x) < sign * of(y) {
                b = y;
            } else {
                a = x;
            }
        }
        of(0.5 * (a + b))
    }

    /// The share of wealth that is consumed.
    fn consumed(&self) -> f64 {
        if self.gamma == 1.0 {
            1.0 - BETA
        } else {
            1.0 - (BETA * self.mean()).powf(1.0 / self.gamma)
        }
    }

    fn value(&self, w: f64) -> f64 {
        if self.gamma == 1.0 {
            let level = (1.0 - BETA).ln() / (1.0 - BETA) + BETA * (BETA.ln() + self.mean()) / (1.0 - BETA).powi(2);
            return w.ln() / (1.0 - BETA) + level;
        }
        // `crra(1, gamma)` is 0.
        let level = 1.0 / ((1.0 - self.gamma) * (1.0 - BETA));
        self.consumed().powf(-self.gamma) * w.powf(1.0 - self.gamma) / (1.0 - self.gamma) - level
    }

    /// What a period's consumption is worth.
    fn unit(&self, w: f64) -> f64 {
        (self.consumed() * w).powf(1.0 - self.gamma)
    }
}

fn solve(text: &str) -> Option<Solved> {
    let (model, diagnostics) = econc::compile(text, &Options::default());
    let model = model.unwrap_or_else(|| panic!("{text}\n{diagnostics:?}"));
    let request = Request {
        seed: 1,
        ..Request::default()
    };
    driver::solve(&model, &request, &mut silent).ok()
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what a reader of the test wants")]
fn errors_from_the_ends_of_a_grid_are_estimated_or_not_trusted() {
    let mut wrong = Vec::new();
    let mut passed = 0;
    for (gamma, safe, up, down, grid) in [
        (2.0, 1.02, 1.22, 0.9, (1e-3, 1e3)),
        (2.0, 1.02, 1.22, 0.9, (3e-4, 300.0)),
        (2.0, 1.0, 1.3, 0.8, (1e-3, 1e3)),
        (4.0, 1.03, 1.15, 0.95, (1e-2, 1e2)),
        (1.0, 1.02, 1.22, 0.9, (1e-3, 1e3)),
        (1.0, 1.02, 1.22, 0.9, (1e-2, 30.0)),
        (1.5, 1.04, 1.22, 0.9, (1e-2, 1e2)),
        (0.5, 1.0, 1.2, 0.9, (1e-3, 1e3)),
        (3.0, 1.03, 1.3, 0.8, (1e-1, 1e2)),
    ] {
        let own = Investor {
            gamma,
            safe,
            up,
            down,
            grid,
        };
        let Some(found) = solve(&own.text()) else { continue };
        let s = &found.solution;
        let world = found.certificate.world.as_ref().unwrap();
        let moments = found.certificate.moments.iter().find(|m| m.name == "i.w").unwrap();
        let Some(estimate) = world.errors.iter().find(|e| e.name == "value") else {
            assert!(!found.certificate.passed);
            continue;
        };
        passed += usize::from(found.certificate.passed);
        let trusted = &found.certificate.trusted.as_ref().unwrap().ranges[0];
        let (mut truth, mut far) = (0.0f64, 0.0f64);
        for (w, v) in s.states[0].nodes.iter().zip(&s.value) {
            let off = (v - own.value(*w)).abs();
            if *w >= moments.min && *w <= moments.max {
                truth = truth.max(off);
            }
            if *w >= trusted.lo && *w <= trusted.hi {
                far = far.max((1.0 - BETA) * off / own.unit(*w));
            }
        }
        let row = format!(
            "gamma {gamma}, {safe} {up} {down}, grid {grid:?}: passes {}, estimate {:.1e}, truth {truth:.1e}; trusted in [{:.3}, {:.1}], off by {far:.1e}",
            found.certificate.passed, estimate.error, trusted.lo, trusted.hi
        );
        println!("{row}");
        // The visited part is in the trusted one whatever the certificate says of it.
        if estimate.error < truth / 3.0 || found.certificate.passed && far > 3e-3 {
            wrong.push(row);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(passed >= 1, "{passed}");
}
