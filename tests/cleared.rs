//! A price that clears a market in each period under aggregate shocks: the rows of `models/huggett_risk.toml`, closed forms, a second way to
//! forecast, settings, refusals.

use crate::common::expected;
use econc::check::model::Model;
use econc::diag::Diagnostic;
use econc::driver::{self, Solved};
use econc::report::outcome;
use econc::solve::continuum::perceived::law::Perceived;
use econc::solve::progress::silent;
use std::sync::OnceLock;

const TEXT: &str = include_str!("../models/huggett_risk.econ");

fn compiled(text: &str, set: &[(&str, &str)]) -> Model {
    let options = econc::Options {
        set: set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..econc::Options::default()
    };
    let (model, said) = econc::compile(text, &options);
    model.unwrap_or_else(|| panic!("{said:?}"))
}

fn solve(model: &Model) -> Result<Solved, Vec<Diagnostic>> {
    let options = driver::Request {
        seed: 1,
        ..driver::Request::default()
    };
    driver::solve(model, &options, &mut silent)
}

fn law(text: &str, set: &[(&str, &str)]) -> Perceived {
    let solved = solve(&compiled(text, set)).unwrap_or_else(|d| panic!("{d:?}"));
    solved.perceived.expect("a law")
}

fn codes(text: &str, set: &[(&str, &str)]) -> Vec<String> {
    match solve(&compiled(text, set)) {
        Ok(s) => s.certificate.reasons.iter().map(|d| d.code.clone()).collect(),
        Err(d) => d.iter().map(|d| d.code.clone()).collect(),
    }
}

/// The model as it is, solved once.
fn usual() -> &'static (Model, Solved) {
    static ONCE: OnceLock<(Model, Solved)> = OnceLock::new();
    ONCE.get_or_init(|| {
        let model = compiled(TEXT, &[]);
        let solved = solve(&model).unwrap_or_else(|d| panic!("{d:?}"));
        (model, solved)
    })
}

/// Paths and distributions that are enough to tell one thing from another.
const SHORT: [(&str, &str); 3] = [("law.periods", "1600"), ("law.burn_in", "300"), ("law.nodes", "400")];

#[test]
fn the_rows_of_the_model_are_met_and_its_certificate_holds() {
    let (model, solved) = usual();
    assert!(solved.certificate.passed, "{:?}", solved.certificate.reasons);
    assert!(
        solved.certificate.reasons.is_empty(),
        "{:?}",
        solved.certificate.reasons
    );
    let content = outcome::of_solution(model, solved).unwrap_or_else(|d| panic!("{d:?}"));
    let rows = content.certificate.iter().map(|c| (c.name.clone(), c.measured));
    let found: Vec<(String, f64)> = content.numbers.into_iter().chain(rows).collect();
    let number = |name: &str| found.iter().find(|(n, _)| n == name).map(|n| n.1);
    let mut read = 0;
    for row in expected::of_model("huggett_risk") {
        let x = number(&row.what).unwrap_or_else(|| panic!("no `{}` in {found:?}", row.what));
        assert!(row.met(x), "{row:?}: {x}");
        read += 1;
    }
    assert_eq!(read, 4);
    // Bonds are in zero net supply, and nobody has a share of nothing.
    let p = solved.perceived.as_ref().expect("a law");
    let mean: f64 = p.distribution.iter().map(|(x, m)| x * m).sum();
    assert!(mean.abs() < 1e-9, "{mean}");
    assert!(number("Gini(household.a)").is_none());
}

#[test]
fn the_history_alone_forecasts_the_same_prices() {
    let (_, solved) = usual();
    let p = solved.perceived.as_ref().expect("a law");
    let other = law(
        TEXT,
        &[
            ("law.forecast", "history"),
            ("law.history", "3"),
            ("law.periods", "3000"),
        ],
    );
    let taken = other.laws[0]
        .labels
        .iter()
        .zip(&other.laws[0].slope)
        .filter(|l| !l.0.is_empty());
    assert_eq!(taken.map(|l| *l.1).collect::<Vec<f64>>(), [0.0; 16]);
    assert_eq!(other.prices.len(), 8);
    for (state, mean, ..) in &p.prices {
        let own = other
            .prices
            .iter()
            .filter(|q| q.0.ends_with(state.as_str()) && q.3 > 0.0);
        let (sum, all) = own.fold((0.0, 0.0), |s, q| (s.0 + q.1 * q.3, s.1 + q.3));
        assert!((sum / all - mean).abs() < 2e-5, "{state}: {} against {mean}", sum / all);
    }
}

#[test]
fn shocks_that_change_nothing_leave_the_price_at_rest() {
    // Huggett's stationary price at this limit (tests/continua.rs): 1.0127836.
    let text = TEXT.replace("slump: 0.98, boom: 1.02", "slump: 0.9999999999, boom: 1");
    assert!(text != TEXT);
    let p = law(
        &text,
        &[
            ("law.periods", "1200"),
            ("law.nodes", "3000"),
            ("grid.a", "double_log(-2, 4, 800)"),
        ],
    );
    let (mean, sd) = p.moments[0];
    assert!((mean - 1.012_783_6).abs() < 1e-6 && sd < 1e-7, "{mean} {sd}");
}

#[test]
fn next_to_a_limit_of_zero_the_price_is_what_the_most_eager_would_pay() {
    // Krusell, Mukoyama and Smith (2011, Journal of Economic Theory 146): as the limit goes to zero all eat what they have, and the price goes to the
    // largest of b E[(y'/y)^-s] over endowments.
    let text = TEXT
        .replace("low: 0.1", "low: 0.6")
        .replace("[0.97, 1.04]", "[0.9, 1.2]");
    let (beta, sigma) = (0.99322, 1.5);
    let (z, pz) = ([0.98, 1.02], [[0.9, 0.1], [0.1, 0.9]]);
    let (e, pe) = ([0.6, 1.0], [[0.5, 0.5], [0.075, 0.925]]);
    let eager = |k: usize| -> f64 {
        let of = |own: usize| -> f64 {
            let mut sum = 0.0;
            for i in 0..2 {
                for j in 0..2 {
                    let ratio: f64 = z[i] * e[j] / (z[k] * e[own]);
                    sum += pz[k][i] * pe[own][j] * ratio.powf(-sigma);
                }
            }
            beta * sum
        };
        of(0).max(of(1))
    };
    let near = |limit: &str| {
        let grid = format!("double_log({limit}, 0.3, 400)");
        law(&text, &[&SHORT[..], &[("limit", limit), ("grid.a", &grid)]].concat())
    };
    let (one, two) = (near("-0.001"), near("-0.002"));
    for k in 0..2 {
        let (a, b) = (eager(k) - one.prices[k].1, eager(k) - two.prices[k].1);
        // The distance falls with the limit.
        assert!(a > 0.0 && a < 8e-4 && b > 1.5 * a && b < 2.0 * a, "{k}: {a} {b}");
    }
}

#[test]
fn every_setting_changes_what_is_found_and_other_threads_do_not() {
    let bytes = |set: &[(&str, &str)]| -> String {
        let mut all = [&SHORT[..], &[("tolerance", "1e-3")]].concat();
        all.retain(|(k, _)| !set.iter().any(|(s, _)| s == k));
        all.extend(set);
        match solve(&compiled(TEXT, &all)) {
            Ok(s) => format!("{:?} {:?}", s.perceived, s.solution.policy[0]),
            Err(d) => d.iter().map(|d| d.code.clone()).collect(),
        }
    };
    let usual = bytes(&[]);
    for other in [("law.history", "2"), ("law.forecast", "history"), ("damping", "0.15")] {
        assert!(bytes(&[other]) != usual, "{other:?} changes nothing");
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    assert!(pool.install(|| bytes(&[])) == usual);
}

#[test]
fn what_cannot_be_cleared_or_forecast_is_refused() {
    // The price would have to be higher.
    let low = TEXT.replace("[0.97, 1.04]", "[0.97, 0.99]");
    assert_eq!(codes(&low, &SHORT), ["E0843"]);
    // What clears is no sum over members.
    let square = TEXT.replace("mean(household.b) == 0", "mean(household.b)^2 == q - 1");
    assert_eq!(codes(&square, &SHORT), ["E0810"]);
    // Where low endowments come more often in slumps a line in the price forgets how many have one.
    let more = TEXT.replace(
        "markov([low: 0.1, high: 1], [[0.5, 0.5], [0.075, 0.925]])",
        "markov([low: 0.1, high: 1]) given Z' {\n slump: [[0.5, 0.5], [0.09, 0.91]]\n boom: [[0.5, 0.5], [0.06, 0.94]]\n }",
    );
    let more = more
        .replace("[0.97, 1.04]", "[0.97, 1.06]")
        .replace("slump: 0.98, boom: 1.02", "slump: 0.99, boom: 1.01");
    assert!(codes(&more, &[]).contains(&"E0992".to_string()));
}
