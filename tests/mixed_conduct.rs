//! Economies with states in which one takes prices as given and another sees through them; where each takes some of them only, the refusal names the lines,
//! and its hints lead on.

use econc::diag::{Message, Span};
use econc::solve::economy::Economy;
use econc::solve::methods;

/// Two producers with adjustment costs, and inputs with a price that rises with what both buy. `MARK` stands before the brace of their
/// market, `SAID` in the solver's block.
const TWO: &str = "agent firm[2] {
  state q in (-inf, inf), start 1
  action u in (-inf, inf)
  q' = q + u
  observe q, others(firm.q)
  reward p * q - r * q - 12 * u^2
  discount 0.96
}
market goods { price p = 10 - 2 * sum(firm.q) }
market inputs MARK{ price r = 1 + 0.1 * sum(firm.q) }
solve { SAID }
";

fn text(mark: &str, said: &str) -> String {
    TWO.replace("MARK", mark).replace("SAID", said)
}

/// The method that is taken, or the message.
fn taken(source: &str) -> Result<&'static str, Message> {
    let (model, d) = econc::compile(source, &econc::Options::default());
    let model = model.unwrap_or_else(|| panic!("{source}\n{d:?}"));
    let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
    match methods::for_several(&economy, None) {
        Ok(m) => Ok(m.map_or("one who decides", |m| m.name())),
        Err(d) => Err(d.into_message()),
    }
}

/// The line of a place.
fn line(source: &str, span: Span) -> &str {
    let before = source[..span.start as usize].matches('\n').count();
    source.lines().nth(before).expect("a line")
}

/// Lines and hint of the refusal.
fn refused(source: &str) -> (Vec<&str>, String) {
    let m = taken(source).expect_err("a refusal");
    assert_eq!(m.code, "E0810", "{m:?}");
    let places = m.primary.iter().chain(&m.secondary);
    let lines = places.map(|(span, _)| line(source, *span)).collect();
    (lines, m.hint.expect("a hint"))
}

#[test]
fn the_line_that_mixes_conduct_is_named() {
    let market = "market inputs competitive { price r = 1 + 0.1 * sum(firm.q) }";
    for concept in ["nash", "open_loop"] {
        let source = text("competitive ", &format!("concept = {concept}"));
        let (lines, hint) = refused(&source);
        assert_eq!(lines, [market], "{concept}");
        assert!(hint.contains("declare `market inputs` without `competitive`"), "{hint}");
    }

    // Where one takes all prices and the other those of that market only, both lines are named.
    let other = "agent other { state s in (-inf, inf), start 1; action v in (-inf, inf); s' = s + v; observe s, firm.q; \
                 reward p * s - r * s - 12 * v^2; discount 0.96 }\n";
    let source = format!(
        "{other}{}",
        text("competitive ", "concept = nash; concept.firm = competitive")
    );
    let source = source
        .replace("observe q,", "observe other.s, q,")
        .replace("sum(firm.q)", "(sum(firm.q) + other.s)");
    let (lines, hint) = refused(&source);
    let market = "market inputs competitive { price r = 1 + 0.1 * (sum(firm.q) + other.s) }";
    assert_eq!(lines, ["solve { concept = nash; concept.firm = competitive }", market]);
    assert!(
        hint.contains("remove `concept.firm` and declare `market inputs`"),
        "{hint}"
    );
}

#[test]
fn what_the_hints_say_leads_to_a_method() {
    for (mark, said) in [
        ("", "concept = nash"),
        ("", "concept = competitive"),
        ("competitive ", "concept = competitive"),
        ("", "concept = nash; concept.firm = nash"),
        ("", "concept = nash; concept.firm = competitive"),
        ("competitive ", "concept = nash; concept.firm = competitive"),
    ] {
        let name = taken(&text(mark, said)).unwrap_or_else(|m| panic!("{mark} {said}: {m:?}"));
        assert!(["linear_quadratic", "joint"].contains(&name), "{mark} {said}: {name}");
    }
    // A competitive market whose price nobody moves mixes nothing.
    let still = text("competitive ", "concept = nash").replace("1 + 0.1 * sum(firm.q)", "1.5");
    assert!(taken(&still).is_ok());
    // Without states conduct is mixed as before.
    let once = "agent firm[2] {\n  action q in [0, 10]\n  reward (p - r) * q\n}\n\
                market goods { price p = 10 - sum(firm.q) }\n\
                market inputs competitive { price r = 1 + 0.1 * sum(firm.q) }\nsolve { concept = nash }\n";
    assert_eq!(taken(once).expect("a game"), "one_shot");
}

/// A firm that moves the price beside one that takes it as given, both with adjustment costs. Numbers: linear policies iterated to rest by a program of its own
/// (value of the first a quadratic form, marginal value of the second `p - q + 0.96 m'`).
#[test]
fn one_who_moves_prices_beside_one_who_takes_them() {
    let source = |said: &str| {
        format!(
            "agent lead {{ state k in (-inf, inf), start 1; action u in (-inf, inf); k' = k + u; observe k, fringe.q; \
             reward p * k - 12 * u^2; discount 0.96 }}\n\
             agent fringe {{ state q in (-inf, inf), start 1; action v in (-inf, inf); q' = q + v; observe q, lead.k; \
             reward p * q - q^2 / 2 - 12 * v^2; discount 0.96 }}\n\
             market goods {{ price p = 10 - 2 * (lead.k + fringe.q) }}\nsolve {{ {said} }}\n"
        )
    };
    let rests = |said: &str| {
        let (model, d) = econc::compile(&source(said), &econc::Options::default());
        let model = model.unwrap_or_else(|| panic!("{d:?}"));
        let s = econc::driver::solve(&model, &Default::default(), &mut econc::solve::progress::silent);
        let s = s.unwrap_or_else(|d| panic!("{said}: {d:?}"));
        assert!(s.certificate.passed, "{said}: {:?}", s.certificate.reasons);
        let at = |name: &str| s.steady_state.iter().find(|(n, _)| n == name).map_or(f64::NAN, |x| x.1);
        let value = s
            .certificate
            .equilibrium
            .as_ref()
            .map_or(f64::NAN, |e| e.players[0].value);
        ([at("lead.k"), at("fringe.q")], value)
    };
    let near = |found: [f64; 2], k: f64, q: f64| (found[0] - k).abs() < 1e-5 && (found[1] - q).abs() < 1e-5;
    let (beside, value) = rests("concept = nash; concept.fringe = competitive");
    assert!(
        near(beside, 1.570_701_042_4, 2.286_199_305_1) && (value - 99.39467982310465).abs() < 1e-4,
        "{beside:?} {value}"
    );
    // Asked for the other way round it is the same.
    let (again, _) = rests("concept = competitive; concept.lead = nash");
    assert!(near(again, beside[0], beside[1]), "{again:?}");
    let (nash, _) = rests("concept = nash");
    assert!(!near(nash, beside[0], beside[1]), "{nash:?}");
}
