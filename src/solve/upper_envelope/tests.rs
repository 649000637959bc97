//! Upper envelopes against brute force and against value iteration on small economies.

use super::*;
use crate::fixtures::{Request, solve as solved};
use crate::solve::progress::silent;

fn by(text: &str, method: &str) -> Solution {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let options = Request {
        method: Some(method.into()),
        ..Request::default()
    };
    solved(&model, &options, &mut silent)
        .unwrap_or_else(|d| panic!("{method}: {d:?}"))
        .solution
}

/// Work and saving over a few periods; `choice` and `income` stand for what differs.
fn worker(periods: usize, taste: &str, income: &str, extra: &str) -> String {
    format!(
        "model worker \"w\"\n{}agent worker {{\n  state m in [0, inf), start 25\n  {extra}\n  action d in {{work, rest}}{taste}\n  \
         action c in (0, m]\n  m' = m - c + (if d == work then {income} else 2)\n  observe m\n  \
         reward log(c) - (if d == work then 1 else 0)\n  discount 0.9\n}}\n\
         solve {{ grid.m = exponential(0.01, 300, 600); edges = 1 }}\n",
        if periods > 0 {
            format!("horizon {periods}\n")
        } else {
            String::new()
        }
    )
}

/// The largest distance of values, as a share of what they differ by, between nodes `lo` and `hi`.
fn apart(a: &Solution, b: &Solution, lo: f64, hi: f64) -> f64 {
    let nz = a.shocks();
    let inside = |i: &usize| (lo..=hi).contains(&a.states[0].nodes[(i / nz) % a.states[0].nodes.len()]);
    let each = (0..a.value.len())
        .filter(inside)
        .map(|i| (a.value[i] - b.value[i]).abs());
    each.fold(0.0, f64::max)
}

/// The first period of a worker with tastes of scale `s` and three periods, by brute force: values of the later periods on a fine grid, straight lines
/// between, consumption by search on a fine grid and golden section.
fn brute(periods: usize, scale: f64, m: f64) -> f64 {
    let grid: Vec<f64> = (0..6000)
        .map(|i| 0.005 * (300.0f64 / 0.005).powf(f64::from(i) / 5999.0))
        .collect();
    let mut later: Vec<f64> = Vec::new();
    let read = |later: &[f64], x: f64| -> f64 {
        let i = grid.partition_point(|g| *g <= x).clamp(1, grid.len() - 1);
        let t = (x.ln() - grid[i - 1].ln()) / (grid[i].ln() - grid[i - 1].ln());
        later[i - 1] + t * (later[i] - later[i - 1])
    };
    let at = |later: &[f64], m: f64| -> f64 {
        let choice = |income: f64, toil: f64| {
            let worth = |c: f64| {
                let next = if later.is_empty() {
                    0.0
                } else {
                    0.9 * read(later, m - c + income)
                };
                c.ln() - toil + next
            };
            let (mut best, mut most) = (m, worth(m));
            for k in 1..400 {
                let c = m * f64::from(k) / 400.0;
                if worth(c) > most {
                    (best, most) = (c, worth(c));
                }
            }
            let (mut lo, mut hi) = ((best - m / 400.0).max(1e-9), (best + m / 400.0).min(m));
            for _ in 0..50 {
                let (a, b) = (lo + 0.382 * (hi - lo), lo + 0.618 * (hi - lo));
                if worth(a) > worth(b) { hi = b } else { lo = a }
            }
            most.max(worth(0.5 * (lo + hi)))
        };
        let (work, rest) = (choice(20.0, 1.0), choice(2.0, 0.0));
        let most = work.max(rest);
        most + scale * ((((work - most) / scale).exp() + ((rest - most) / scale).exp()).ln() + EULER_GAMMA)
    };
    for _ in 1..periods {
        later = grid.iter().map(|m| at(&later, *m)).collect();
    }
    at(&later, m)
}

#[test]
fn tastes_are_mixed_as_brute_force_mixes_them() {
    let ours = by(&worker(3, " taste gumbel(0.2)", "20", ""), "endogenous_grid");
    assert!(ours.method.starts_with("endogenous grid"), "{}", ours.method);
    for k in [150, 300, 420, 480, 520] {
        let m = ours.states[0].nodes[k];
        let exact = brute(3, 0.2, m);
        assert!((ours.value[k] - exact).abs() < 2e-5, "{m}: {} {exact}", ours.value[k]);
        let chances: f64 = ours.probability[2 * k..2 * k + 2].iter().sum();
        assert!((chances - 1.0).abs() < 1e-12);
    }
}

const CHAIN: &str = "shock z ~ markov([0.7, 1.3], [[0.8, 0.2], [0.3, 0.7]])";

#[test]
fn chains_and_no_end_agree_with_value_iteration() {
    let seen = worker(4, "", "20 * z", CHAIN).replace("observe m", "observe m, z");
    for (text, most) in [(seen, 2e-3), (worker(0, "", "20", ""), 1e-5)] {
        let (ours, usual) = (by(&text, "endogenous_grid"), by(&text, "value_iteration"));
        assert_eq!(ours.states, usual.states, "{text}");
        let far = apart(&ours, &usual, 5.0, 100.0);
        assert!(far < most, "{far:e}\n{text}");
    }
}

#[test]
fn threads_do_not_move_a_bit() {
    let text = worker(5, "", "20 * z", CHAIN).replace("observe m", "observe m, z");
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| by(&text, "endogenous_grid"))
    };
    assert_eq!(on(1), on(2));
}

#[test]
fn what_does_not_fit_is_said_with_its_reason() {
    let (model, _) = crate::compile(&worker(3, "", "20", ""), &crate::Options::default());
    let decision =
        crate::solve::decision::Decision::new(&model.expect("a model"), &Default::default()).expect("a problem");
    let usual = Structure::of(decision.spec());
    assert_eq!(fits(&usual), Ok(()));
    let said = |change: &dyn Fn(&mut Structure)| {
        let mut s = usual.clone();
        change(&mut s);
        fits(&s).err().unwrap_or_default()
    };
    assert!(said(&|s| s.states.0 = 2).contains("one continuous state"));
    assert!(said(&|s| s.actions.0 = 0).contains("one continuous action"));
    assert!(said(&|s| (s.tastes, s.actions.1) = (true, 2)).contains("tastes"));
    assert!(said(&|s| (s.tastes, s.horizon) = (true, None)).contains("tastes"));
    assert!(said(&|s| s.uses_noise = true).contains("noise"));
    assert!(said(&|s| s.law_reads_next_shock = true).contains("next draw"));
    assert!(said(&|s| s.ends = true).contains("may end"));
    assert!(said(&|s| s.chances_move = true).contains("chances"));
    assert!(said(&|s| s.discount = None).contains("discount"));
    assert!(said(&|s| s.kinks = true).contains("min"));
    assert!(said(&|s| s.differentiable = false).contains("step"));
}

#[test]
fn a_requirement_that_binds_is_refused() {
    let text = worker(3, "", "20", "").replace("  observe m\n", "  require c <= 5\n  observe m\n");
    let (model, diagnostics) = crate::compile(&text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let asked = |method: Option<&str>| {
        let options = Request {
            method: method.map(str::to_string),
            ..Request::default()
        };
        solved(&model, &options, &mut silent)
    };
    let refused = asked(Some("endogenous_grid")).expect_err("a refusal");
    assert_eq!(refused[0].code, "E0922", "{refused:?}");
    // Unasked it gives way.
    let method = asked(None).map(|s| s.solution.method).unwrap_or_default();
    assert_eq!(method, "value iteration");
}
