//! The slopes of paths against direct differences, and paths that must not move.

use super::*;
use crate::solve::progress::silent;

fn compiled(text: &str) -> Model {
    let (model, said) = crate::compile(text, &crate::Options::default());
    model.unwrap_or_else(|| panic!("{said:?}"))
}

/// Aiyagari's economy, small.
const SMALL: &str = "param alpha = 0.36
param A = 1 in (0, 9)
agent household[continuum] {
  shock z ~ markov([low: 0.6, high: 1.4], [[0.8, 0.2], [0.2, 0.8]])
  state k in [0, inf), start 5
  let cash = (1 + r) * k + w * z
  action k_next in [0, cash)
  let c = cash - k_next
  k' = k_next
  observe k, z
  reward crra(c, 2)
  discount 0.95
}
market factors {
  let K = mean(household.k)
  price r = alpha * A * K^(alpha - 1) - 0.08
  price w = (1 - alpha) * A * K^alpha
}
solve { grid.k = double_log(60) }
scenario boom { path A = 1 + 0.01 * 0.5^t }
";

/// Bonds in zero net supply whose price clears.
const BONDS: &str = "param A = 1 in (0, 9)
agent household[continuum] {
  shock e ~ markov([low: 0.3, high: 1], [[0.5, 0.5], [0.1, 0.9]])
  state a in [-2, inf), start 0
  action b in [-2, (a + A * e) / q) given q
  let c = a + A * e - q * b
  a' = b
  observe a, e
  reward crra(c, 1.5)
  discount 0.97
}
market bonds { price q in [0.9, 1.05] clears mean(household.b) == 0 }
solve { grid.a = double_log(60) }
scenario boom { path A = 1 + 0.01 * 0.5^t }
";

/// The largest difference between slopes of the sequence and those of paths that are walked, as a share of the largest slope.
fn differs(text: &str) -> f64 {
    let model = compiled(text);
    let periods = 12;
    let p = model.params.iter().position(|p| p.name == "A").unwrap();
    let change = Change {
        before: &model,
        after: &model,
        paths: vec![(p, vec![1.0; LATE + 1])],
        periods: None,
    };
    let economy = Economy::of(&model).unwrap();
    let mut held = held(&economy, &change).unwrap();
    held.hold_parameter(p);
    let rest = Stationary.solve(&economy, 0, &mut silent).unwrap().population.unwrap();
    let end = settled(&held, &rest.build, &rest, &mut silent).unwrap();
    let begin = (end.last.clone(), end.household.mass.clone());
    let mut course = along(&held, end, &change, begin).unwrap();
    let slopes = slopes(&mut course, periods).unwrap();
    let n = course.unknown.len();
    let x: Vec<f64> = (0..n * periods)
        .map(|i| course.end.numbers[course.unknown[i % n]])
        .collect();
    // Nobody moves where nothing does.
    let still = course.walk(&x).unwrap().left;
    assert!(still.iter().all(|l| l.abs() < 1e-7), "{still:?}");
    let most = slopes.iter().fold(0.0, |m: f64, s| m.max(s.abs()));
    let mut worst: f64 = 0.0;
    for s in 0..n * periods {
        let by = 1e-4 * x[s].abs().max(1e-3);
        let [up, down] = [by, -by].map(|by| {
            let mut there = x.clone();
            there[s] += by;
            course.walk(&there).unwrap().left
        });
        for t in 0..n * periods {
            let direct = (up[t] - down[t]) / (2.0 * by);
            worst = worst.max((direct - slopes[(t, s)]).abs() / most);
        }
    }
    worst
}

#[test]
fn slopes_of_the_sequence_are_those_of_paths_that_are_walked() {
    for text in [SMALL, BONDS] {
        let worst = differs(text);
        assert!(worst < 2e-3, "{worst:.2e}");
    }
}
