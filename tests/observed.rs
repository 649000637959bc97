//! Games in which somebody observes a part of what matters: each is refused, or solved as what is observed allows.

use econc::diag::Diagnostic;
use econc::driver::{self, Solved};

fn tried(text: &str, information: Option<&str>) -> Result<Solved, Vec<Diagnostic>> {
    let (model, diagnostics) = econc::compile(text, &econc::Options::default());
    let mut model = model.unwrap_or_else(|| panic!("{text}\n{diagnostics:?}"));
    if information == Some("full") {
        model.information = econc::check::model::Information::Full;
    }
    let request = driver::Request {
        seed: 1,
        ..driver::Request::default()
    };
    driver::solve(&model, &request, &mut econc::solve::progress::silent)
}

/// The refusal's headline; it must be E0825 and say who and what.
fn refused(text: &str, names: &[&str]) {
    match tried(text, None) {
        Ok(_) => panic!("solved: {text}"),
        Err(all) => {
            let d = &all[0];
            assert_eq!(d.code, "E0825", "{text}\n{all:?}");
            for n in names {
                assert!(d.headline.contains(n), "{n}: {}", d.headline);
            }
        }
    }
}

fn held(text: &str) -> Solved {
    let s = tried(text, None).unwrap_or_else(|d| panic!("{text}\n{d:?}"));
    let reasons: Vec<&str> = s.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
    assert!(s.certificate.passed, "{text}\n{reasons:?}");
    s
}

/// Games without states with a draw `c` of each player's own; `OBSERVE` stands where the observation does.
const OWN: [(&str, &str); 4] = [
    (
        "firm",
        "agent firm[2] { shock c ~ iid uniform(1, 2); action q in [0, 10]; OBSERVE reward (10 - c - q - 0.8 * sum(others(firm.q))) * q }\n\
         solve { concept = nash }",
    ),
    (
        "firm",
        "agent firm[3] { shock c ~ markov([low: 1, high: 2], [[0.5, 0.5], [0.5, 0.5]]); action q in [0, 10]; OBSERVE\n\
         reward (10 - c - q - 0.5 * sum(others(firm.q))) * q }\nsolve { concept = nash }",
    ),
    (
        "farmer",
        "agent farmer[3] { shock c ~ iid uniform(1, 3); action x in [0, 10]; OBSERVE reward p * x - c * x^2 }\n\
         market wheat { price p in [0.01, 20] clears sum(farmer.x) == 8 - p }\nsolve { concept = competitive }",
    ),
    (
        "firm",
        "agent firm[2] { shock c ~ iid uniform(1, 2); action d in {out, in_}; let inside = d == in_; OBSERVE\n\
         reward if inside then (if count(firm.inside) > 1 then 0.5 else 4) - c else 0 }\nsolve { concept = nash; find = all }",
    ),
];

#[test]
fn an_observation_that_tells_a_part_of_a_draw_is_refused_in_every_game_without_states() {
    let parts = [
        "c > 1.5",
        "abs(c - 1.5)",
        "floor(2 * c)",
        "max(c, 1.5)",
        "if c > 1.5 then c else 0",
    ];
    for (who, text) in OWN {
        for part in parts {
            refused(
                &text.replace("OBSERVE", &format!("observe {part};")),
                &[who, "tells a part"],
            );
        }
        let signal = text.replace("OBSERVE", "observe s ~ normal(c, 0.3);");
        refused(&signal, &[who, "`s`"]);
        let seen = text.replace("OBSERVE", "observe heard ~ bernoulli(if c > 1.5 then 0.8 else 0.3);");
        refused(&seen, &[who, "`heard`"]);
    }
}

#[test]
fn a_part_of_what_is_common_is_refused_and_of_what_is_nobodys_business_is_not() {
    let game = |first: &str, second: &str| {
        format!(
            "shock theta ~ iid normal(10, 1)\nshock spot ~ iid normal(0, 1)\n\
             agent a {{ action q in [0, 20]; {first} reward (theta - q - 0.5 * b.x) * q }}\n\
             agent b {{ action x in [0, 20]; {second} reward (theta - x - 0.5 * a.q) * x }}\nsolve {{ concept = nash }}"
        )
    };
    refused(
        &game("observe theta;", "observe s ~ normal(theta, 1);"),
        &["`b`", "`s`", "`theta`"],
    );
    refused(
        &game("observe theta > 10;", "observe theta > 10;"),
        &["`a`", "theta > 10"],
    );
    refused(&game("observe theta + spot;", "observe theta;"), &["`a`"]);
    // A spot that moves nothing, whole or in part, is no reason to refuse.
    let plain = held(&game("observe spot;", "observe spot;"));
    let spotted = held(&game("observe spot > 0;", "observe abs(spot);"));
    assert_eq!(plain.solution.policy, spotted.solution.policy);
    // q = (10 - 0.5 x) / 2 of both.
    assert!(
        (plain.solution.policy[0][0] - 4.0).abs() < 1e-9,
        "{:?}",
        plain.solution.policy
    );
}

#[test]
fn what_can_be_worked_out_of_an_observation_is_known() {
    let game = |observe: &str| {
        format!(
            "agent firm[2] {{ shock c ~ iid uniform(1, 2); action q in [0, 10]; {observe} reward (10 - c - q - 0.8 * sum(others(firm.q))) * q }}\n\
             solve {{ concept = nash }}"
        )
    };
    let exact = held(&game("observe c;"));
    assert!(exact.solution.shocks() > 1, "a function of the cost");
    for same in ["2 * c + 1", "-log(c)", "3 - c, c > 1.5", "1 / c", "sqrt(c)"] {
        let other = held(&game(&format!("observe {same};")));
        assert_eq!(exact.solution.policy, other.solution.policy, "{same}");
    }
    // Whoever sees all costs plays the game of known costs: q = (9 - ..) by hand, two values each.
    let text = "agent firm[2] { shock c ~ markov([low: 1, high: 2], [[0.5, 0.5], [0.5, 0.5]]); action q in [0, 10]; observe c, others(firm.c);\n\
                reward (10 - c - q - sum(others(firm.q))) * q }\nsolve { concept = nash }";
    let all = held(text);
    let mut own: Vec<f64> = all.solution.policy[0].clone();
    own.sort_by(f64::total_cmp);
    // (10 - 2 c + c') / 3 at (2, 1), (2, 2), (1, 1), (1, 2).
    let want = [7.0 / 3.0, 8.0 / 3.0, 3.0, 10.0 / 3.0];
    assert!(own.iter().zip(want).all(|(x, y)| (x - y).abs() < 1e-8), "{own:?}");
}

#[test]
fn who_chooses_later_must_see_what_was_chosen_and_not_a_part_of_it() {
    let game = |observe: &str| {
        format!(
            "stages lead, follow\nagent l {{ action q in [0, 10] at lead; reward (10 - q - f.x) * q }}\n\
             agent f {{ action x in [0, 10] at follow; observe {observe}; reward (10 - l.q - x) * x }}\nsolve {{ concept = nash }}"
        )
    };
    for part in ["l.q > 4", "s ~ normal(l.q, 1)", "floor(l.q)"] {
        refused(&game(part), &["`f`", "`l.q`"]);
    }
    for whole in ["l.q", "10 - l.q", "2 * l.q"] {
        let s = held(&game(whole));
        let q = s.solution.policy[0][0];
        assert!((q - 5.0).abs() < 1e-6, "{whole}: {q}");
    }
    let signal = "stages lead, follow\nshock theta ~ iid normal(10, 1)\n\
        agent l { action q in [0, 20] at lead; observe s ~ normal(theta, 0.5); reward (theta - q - f.x) * q }\n\
        agent f { action x in [0, 20] at follow; observe l.q; reward (theta - x - l.q) * x }\nsolve { concept = nash }";
    refused(signal, &["`l`", "`s`", "`theta`"]);
}

/// A duopoly of outputs that are moved at a cost; who sees what, and by which method.
fn duopoly(observe: &str, bounds: bool, solve: &str) -> String {
    let (q, u) = match bounds {
        true => ("[0, 4]", "[-1, 1]"),
        false => ("(-inf, inf)", "(-inf, inf)"),
    };
    format!(
        "agent firm[2] {{\n  state q in {q}, start 1\n  action u in {u}\n  q' = q + u\n  observe {observe}\n  \
         reward p * q - 12 * u^2\n  discount 0.9\n}}\nmarket goods {{ price p = 10 - 2 * sum(firm.q) }}\nsolve {{ concept = nash{solve} }}\n"
    )
}

#[test]
fn in_a_game_with_states_everybody_observes_what_its_policy_depends_on() {
    for solve in ["", "; method = linear_quadratic", "; method = joint"] {
        for hidden in ["q", "q, sum(firm.q) > 2", "q, s ~ normal(sum(others(firm.q)), 1)"] {
            refused(&duopoly(hidden, false, solve), &["`firm`"]);
        }
    }
    refused(&duopoly("q", true, ""), &["`firm`", "`others(firm.q)`"]);
    refused(&duopoly("q", true, "; method = best_replies"), &["`firm`"]);
    let known = held(&duopoly("q, others(firm.q)", false, ""));
    for same in [
        "q, p",
        "q, sum(firm.q)",
        "q, mean(firm.q)",
        "q, 3 * sum(others(firm.q)) - 1",
    ] {
        let s = held(&duopoly(same, false, ""));
        assert_eq!(s.solution.policy, known.solution.policy, "{same}");
        assert!(s.hidden.is_empty());
    }
}

#[test]
fn policies_of_players_who_see_everything_are_solved_where_that_is_asked_for_and_said() {
    let text = duopoly("q", false, "");
    let full = tried(&text, Some("full")).unwrap_or_else(|d| panic!("{d:?}"));
    assert_eq!(full.hidden, ["firm.q"]);
    let known = held(&duopoly("q, others(firm.q)", false, ""));
    assert_eq!(full.solution.policy, known.solution.policy);
}

#[test]
fn places_of_others_on_a_ladder_and_chains_that_others_follow_must_be_seen() {
    let ladder = |observe: &str| {
        format!(
            "agent firm[2] {{\n  state w in 0..2, start uniform_int(0, 2)\n  action x in {{invest, idle}}\n  noise up ~ bernoulli(if x == invest then 0.6 else 0)\n  \
             noise down ~ bernoulli(0.3)\n  w' = clamp(w + up - down, 0, 2)\n  observe {observe}\n  \
             reward (if w > min(others(firm.w)) then 2 else 0) - (if x == invest then 0.1 else 0)\n  discount 0.5\n}}\n\
             solve {{ concept = nash; method = best_replies }}\n"
        )
    };
    refused(&ladder("w"), &["`firm`", "`others(firm.w)`"]);
    refused(&ladder("w, min(others(firm.w)) > 0"), &["`firm`"]);
    held(&ladder("w, others(firm.w)"));
    // Nothing of the other's matters: each may see its own alone.
    let apart = ladder("w").replace("w > min(others(firm.w))", "w > 1");
    let found = tried(&apart, None);
    assert!(
        !found.as_ref().is_err_and(|d| d[0].code == "E0825"),
        "{:?}",
        found.err()
    );
}

/// A signal that stands in no reward and moves together with what does.
#[test]
fn a_signal_that_counts_only_by_what_it_tells_is_not_left_unused() {
    let text = |high: u32, right: f64, observe: &str| {
        format!(
            "model signals\nshock th ~ markov([bad: 6, good: {high}], [[0.4, 0.6], [0.4, 0.6]])\nagent firm[2] {{\n  \
             shock s ~ markov([lo: 0, hi: 1]) given th' {{\n    bad: [[{right}, {wrong}], [{right}, {wrong}]]\n    \
             good: [[{wrong}, {right}], [{wrong}, {right}]]\n  }}\n  action q in [0, 20]\n  {observe}\n  reward (p - 1) * q\n}}\n\
             market goods {{ price p = th - sum(firm.q) }}\nsolve {{ concept = nash }}\n",
            wrong = 1.0 - right,
        )
    };
    for (high, right) in [(12, 0.8), (9, 0.99), (12, 0.55)] {
        refused(&text(high, right, "observe s"), &["observes `s`", "`th`"]);
    }
    // Where both are seen, they would have to be independent: no method takes that, and says so.
    let both = tried(&text(12, 0.8, "observe s, th"), None);
    assert!(both.is_err_and(|d| d[0].code == "E0810"));
}

#[test]
fn a_draw_between_two_stages_that_somebody_observes_is_refused() {
    // The right answer is q = 2.25 + e / 2, worth 5.0625 + var(e) / 4 to the follower; without the observation it is 2.25 and 5.0625.
    let game = |observed: &str, noise: &str, concept: &str| {
        format!(
            "model g\nstages lead, follow\nagent leader {{ action q in [0, 10] at lead; reward (p - 1) * q }}\nagent follower {{ \
             action q in [0, 10] at follow; observe {observed}; reward (p - 1) * q }}\nnoise e ~ {noise} at lead\nmarket goods {{ \
             price p = max(10 + e - leader.q - follower.q, 0) }}\nsolve {{ concept = {concept} }}\n"
        )
    };
    for noise in ["uniform(-2, 2)", "discrete([-2, 2], [0.5, 0.5])", "normal(0, 0.5)"] {
        for concept in ["stackelberg", "nash"] {
            for observed in ["leader.q, e", "leader.q, leader.q + e", "e, leader.q"] {
                let errors = tried(&game(observed, noise, concept), None).unwrap_err();
                assert_eq!(errors[0].code, "E0810", "{observed} {noise} {concept}: {errors:?}");
                assert!(errors[0].headline.contains("drawn between two stages"), "{errors:?}");
            }
        }
        held(&game("leader.q", noise, "stackelberg"));
    }
}
