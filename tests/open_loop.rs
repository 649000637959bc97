//! Open-loop games with states: plans that are made once, against exact numbers, and whether their certificates hold where they are right and fail
//! where they are not.

use econc::check::Model;
use econc::driver::{self, Solved};
use econc::solve::progress::silent;

fn compile(text: &str) -> Model {
    let (model, found) = econc::compile(text, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{text}{found:?}"))
}

fn solve(text: &str) -> Solved {
    let solved = driver::solve(&compile(text), &driver::Request::default(), &mut silent);
    solved.unwrap_or_else(|d| panic!("{text}{d:?}"))
}

fn held(s: &Solved, text: &str) {
    let reasons: Vec<&str> = s.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
    assert!(s.certificate.passed, "{text}{reasons:?}");
}

/// A meadow that two share, who discount unlike: what each takes is right, and the judge's own reply, solved more finely where it is no better than
/// what it replies to, says so.
#[test]
fn players_who_discount_unlike_share_a_meadow() {
    for (first, second) in [(0.95, 0.9), (0.9, 0.95)] {
        let text = format!(
            "market meadow {{ state x in [0.01, 10], start 4\n  x' = clamp((x - a.q - b.q) + 0.4 * (x - a.q - b.q) * (1 - (x - a.q - b.q) / 8), 0.01, 10) }}\n\
             agent a {{ action s in [0.01, 0.4]; let q = s * meadow.x; observe meadow.x; reward log(q); discount {first} }}\n\
             agent b {{ action h in [0.01, 0.4]; let q = h * meadow.x; observe meadow.x; reward log(q); discount {second} }}\n\
             solve {{ concept = open_loop }}\n"
        );
        let s = solve(&text);
        held(&s, &text);
    }
}

/// Costs of adjustment in open loop: nobody expects an answer, so that outputs rest where those of one period do, 10 / 6 each.
#[test]
fn a_duopoly_in_open_loop_without_bounds_ends_and_rests_where_cournot_does() {
    let text = "agent firm[2] { state q in (-inf, inf), start 1; action u in (-inf, inf); q' = q + u\n  observe q; \
                reward p * q - 12 * (q' - q)^2; discount 0.96 }\nmarket goods { price p = 10 - 2 * sum(firm.q) }\n\
                solve { concept = open_loop }\n";
    let s = solve(text);
    held(&s, text);
    let at = |name: &str| s.steady_state.iter().find(|(n, _)| n == name).map_or(f64::NAN, |x| x.1);
    for name in ["firm.q[1]", "firm.q[2]"] {
        assert!((at(name) - 10.0 / 6.0).abs() < 1e-9, "{name}: {}", at(name));
    }
}
