//! Saving and the date of retirement (`models/retirement.econ`): the endogenous grid with an upper envelope against the closed form, at every node of every
//! period, kinks included.

use econc::driver::{Request, Solved, solve};
use econc::solve::progress::silent;

fn solved(grid: &str) -> Solved {
    let text = std::fs::read_to_string(crate::common::model("retirement")).expect("a model");
    let mut options = econc::Options::default();
    options.set.push(("grid.m".into(), grid.into()));
    let (model, diagnostics) = econc::compile(&text, &options);
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    solve(&model, &Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"))
}

const BETA: f64 = 0.98;
const INCOME: f64 = 20.0;

/// Value and first consumption of one who has `m`, lives `periods` and works in the first `years` of them: with logarithms, a return of one and no debt, what
/// is consumed is the least of `(m + incomes of k periods)/(1 + .. + beta^k)`.
fn plan(mut m: f64, years: usize, periods: usize) -> (f64, f64) {
    let (mut value, mut first) = (0.0, f64::NAN);
    for t in 0..periods {
        let (mut c, mut weights, mut have) = (f64::INFINITY, 0.0, m);
        for k in 0..periods - t {
            weights += BETA.powi(k as i32);
            if k > 0 && t + k - 1 < years {
                have += INCOME;
            }
            c = c.min(have / weights);
        }
        if t == 0 {
            first = c;
        }
        let works = t < years;
        value += BETA.powi(t as i32) * (c.ln() - f64::from(u8::from(works)));
        m = m - c + if works { INCOME } else { 0.0 };
    }
    (value, first)
}

/// The best date of retirement: value, consumption, years of work.
fn best(m: f64, periods: usize) -> (f64, f64, usize) {
    let each = (0..periods).map(|n| (plan(m, n, periods), n));
    let top = each.max_by(|a, b| a.0.0.total_cmp(&b.0.0)).expect("a plan");
    (top.0.0, top.0.1, top.1)
}

#[test]
fn consumption_is_the_closed_form_at_every_node_beside_kinks_too() {
    let s = solved("exponential(0.01, 500, 1000)");
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    assert!(
        s.solution.method.contains("choices over a horizon make kinks"),
        "{}",
        s.solution.method
    );
    let nodes = &s.solution.states[0].nodes;
    for t in 0..20 {
        let (value, work, c) = (
            s.solution.period(&s.solution.value, t),
            s.solution.period(&s.solution.policy[0], t),
            s.solution.period(&s.solution.policy[1], t),
        );
        for (i, m) in nodes.iter().enumerate() {
            // The first state's nodes run slowest: [m][out].
            let (v, consumed, years) = best(*m, 20 - t);
            assert!(
                (value[2 * i] - v).abs() < 1e-8,
                "value at {m}, {t}: {} {v}",
                value[2 * i]
            );
            assert!(
                (c[2 * i] / consumed - 1.0).abs() < 1e-9,
                "c at {m}, {t}: {} {consumed}",
                c[2 * i]
            );
            assert_eq!(work[2 * i] == 0.0, years > 0, "at {m}, {t}");
            let retired = m / (0..20 - t).map(|k| BETA.powi(k as i32)).sum::<f64>();
            assert!((c[2 * i + 1] / retired - 1.0).abs() < 1e-9, "retired at {m}, {t}");
        }
    }
}

#[test]
fn value_iteration_comes_near_with_more_nodes_and_is_the_slower_way() {
    let text = std::fs::read_to_string(crate::common::model("retirement")).expect("a model");
    let mut options = econc::Options::default();
    options.set.push(("grid.m".into(), "uniform(0.1, 120, 4000)".into()));
    let (model, _) = econc::compile(&text, &options);
    let model = model.expect("a model");
    let by = |method: &str| {
        let asked = Request {
            method: Some(method.into()),
            ..Request::default()
        };
        match solve(&model, &asked, &mut silent) {
            Ok(s) => s.solution,
            Err(d) => panic!("{method}: {d:?}"),
        }
    };
    let (exact, near) = (by("endogenous_grid"), by("value_iteration"));
    for (i, m) in exact.states[0]
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, m)| (5.0..80.0).contains(*m))
    {
        let (a, b) = (exact.value[2 * i], near.value[2 * i]);
        assert!((a - b).abs() < 1e-3, "{m}: {a} {b}");
        assert!(a > b - 1e-6, "nothing better is left out: {m}: {a} {b}");
    }
}
