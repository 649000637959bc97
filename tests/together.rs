//! Several actions of one player are chosen together: equilibria are those against every joint deviation, found by grids over all of them.

use econc::check::model::Model;
use econc::driver::{self, Solved};
use econc::solve::progress::silent;

fn solved(text: &str, set: &[(&str, &str)]) -> Result<Solved, Vec<econc::diag::Diagnostic>> {
    let options = econc::Options {
        set: set.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
        ..econc::Options::default()
    };
    let (model, diagnostics): (Option<Model>, _) = econc::compile(text, &options);
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let request = driver::Request {
        seed: 1,
        ..driver::Request::default()
    };
    driver::solve(&model, &request, &mut silent)
}

/// The first number of each action, in order.
fn played(s: &Solved) -> Vec<f64> {
    s.solution.policy.iter().map(|p| p[0]).collect()
}

/// What the player with two numbers is paid on the line that the game leaves it, over a grid of both: the best place.
fn best_on_grid(pays: impl Fn(f64, f64) -> f64, lo: f64, hi: f64) -> (f64, f64, f64) {
    let at = |k: usize| lo + (hi - lo) * k as f64 / 600.0;
    let mut best = (0.0, 0.0, f64::NEG_INFINITY);
    for i in 0..=600 {
        for j in 0..=600 {
            let v = pays(at(i), at(j));
            if v > best.2 {
                best = (at(i), at(j), v);
            }
        }
    }
    best
}

/// An entrant with a fixed cost chooses whether to enter together with how much: the leader deters it.
#[test]
fn an_entry_and_its_quantity_are_one_choice() {
    let text = "model deterrence \"Entry with a fixed cost\"\nstages lead, follow\nparam F = 1\n\
        agent leader { action q in [0, 10] at lead; reward (p - 1) * q }\n\
        agent follower { action e in {out, into} at follow; action x in [0, 10] at follow; observe leader.q\n\
          let y = if e == into then x else 0\n  reward (p - 1) * y - (if e == into then F else 0) }\n\
        market g { price p = max(10 - leader.q - follower.y, 0) }\nsolve { concept = stackelberg }\n";
    for fixed in ["1", "2.25", "0.25"] {
        // It enters if `((9 - q) / 2)^2 > F`.
        let f: f64 = fixed.parse().expect("a number");
        let kept_out = 9.0 - 2.0 * f.sqrt();
        let (shared, deterred) = (0.5 * 4.5 * 4.5, kept_out * (9.0 - kept_out));
        let s = solved(text, &[("F", fixed)]).unwrap_or_else(|d| panic!("{d:?}"));
        assert!(s.certificate.passed, "{fixed}: {:?}", s.certificate.reasons);
        let x = played(&s);
        if deterred > shared {
            assert!((x[0] - kept_out).abs() < 1e-6 && x[1] == 0.0, "{fixed}: {x:?}");
        } else {
            assert!(
                (x[0] - 4.5).abs() < 1e-6 && x[1] == 1.0 && (x[2] - 2.25).abs() < 1e-6,
                "{fixed}: {x:?}"
            );
        }
    }
}

/// Two numbers on a ridge: no one of them gains by itself where both together do.
#[test]
fn ridges_are_climbed_with_both_numbers() {
    let game = |k: f64, tilt: f64, find: &str| {
        format!(
            "model ridge \"Two numbers\"\nagent f {{ action x in [-3, 3]; action y in [-3, 3]\n  \
             reward -{k} * (x - y)^2 - (x^2 - 1)^2 + {tilt} * x + 0.01 * x * r.z }}\n\
             agent r {{ action z in [-3, 3]\n  reward -(z - 0.1 * f.x)^2 }}\nsolve {{ concept = nash; {find} }}\n"
        )
    };
    for (k, tilt) in [(10.0, 0.3), (100.0, 0.3), (30.0, -0.2)] {
        let (x, y, _) = best_on_grid(
            |x, y| -k * (x - y) * (x - y) - (x * x - 1.0) * (x * x - 1.0) + (tilt + 0.01 * 0.1 * x) * x,
            -3.0,
            3.0,
        );
        for find in ["find = all", "find = one"] {
            let s = solved(&game(k, tilt, find), &[]).unwrap_or_else(|d| panic!("{d:?}"));
            assert!(s.certificate.passed, "{k} {tilt} {find}: {:?}", s.certificate.reasons);
            let p = played(&s);
            assert!(
                (p[0] - x).abs() < 0.02 && (p[1] - y).abs() < 0.02,
                "{k} {tilt} {find}: {p:?}, {x} {y}"
            );
        }
        let s = solved(&game(k, tilt, "select = from(start)"), &[]);
        if let Ok(s) = s {
            let p = played(&s);
            let right = (p[0] - x).abs() < 0.02 && (p[1] - y).abs() < 0.02;
            assert!(right || !s.certificate.passed, "{k} {tilt} from the start: {p:?}");
        }
    }
}

/// Quality and quantity: staying out is better than the place where neither alone is worth changing, also where costs are known to one alone.
#[test]
fn quantity_and_quality_are_judged_together() {
    let text = |shock: &str, cost: &str| {
        format!(
            "model quality \"Quantity and quality\"\nagent f[2] {{ {shock}action q in [0, 10]; action a in [0, 10]\n  \
             reward a * q * (10 - Q) / 5 - {cost} * q - 2 * a }}\nmarket g {{ let Q = sum(f.q) }}\nsolve {{ concept = nash; FIND }}\n"
        )
    };
    let drawn = "shock c ~ iid discrete([1, 1.5], [0.5, 0.5]); observe c; ";
    for model in [text("", "1"), text(drawn, "c")] {
        for find in ["find = all", "select = from(start)"] {
            let Ok(s) = solved(&model.replace("FIND", find), &[]) else {
                continue;
            };
            if !s.certificate.passed {
                continue;
            }
            // Nobody is paid less than by staying out.
            for p in &s.solution.players {
                assert!(
                    p.value.iter().all(|v| *v >= -1e-6),
                    "{find}: {:?} {:?}",
                    p.value,
                    played(&s)
                );
            }
        }
    }
}
