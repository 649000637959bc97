//! Economies with states in which some prices are taken as given and others seen through: the refusal names the lines, and its hints lead on.

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

    let source = text("", "concept = nash; concept.firm = competitive");
    let (lines, hint) = refused(&source);
    assert_eq!(lines, ["solve { concept = nash; concept.firm = competitive }"]);
    assert!(
        hint.contains("remove `concept.firm`") && !hint.contains("declare"),
        "{hint}"
    );

    let source = text("competitive ", "concept = nash; concept.firm = competitive");
    let (lines, hint) = refused(&source);
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
