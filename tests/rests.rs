//! Where games rest, and where members who begin unlike do; moments of what goes round; members alike who do unlike.

use econc::driver::{self, Request};
use econc::solve::economy::Economy;
use econc::solve::progress::silent;

/// A leader and price takers beside it, with costs of adjustment; bounds bind far away only.
fn leader(fringe: &str, from: (f64, f64), said: &str) -> String {
    let (of, all) = match fringe {
        "fringe" => ("fringe.F", "fringe.F"),
        _ => ("others(fringe.F)", "sum(fringe.F)"),
    };
    let seen = if fringe == "fringe" {
        "F".to_string()
    } else {
        format!("F, {of}")
    };
    format!(
        "agent leader {{\n  state K in [0, 10], start {}\n  action u in [-2, 2]\n  K' = K + u\n  observe K, fringe.F\n  \
         reward p * K - K - 0.25 * K^2 - 6 * u^2\n  discount 0.95\n}}\nagent {fringe} {{\n  state F in [0, 10], start {}\n  action v in [-2, 2]\n  \
         F' = F + v\n  observe leader.K, {seen}\n  reward p * F - 2 * F - 0.25 * F^2 - 6 * v^2\n  discount 0.95\n}}\n\
         market goods {{ price p = 10 - leader.K - {all} }}\nsolve {{ concept = nash; {said} }}\n",
        from.0, from.1
    )
}

fn compiled(source: &str) -> econc::Model {
    let (model, d) = econc::compile(source, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{source}\n{d:?}"))
}

fn near(got: f64, want: f64, by: f64) {
    assert!((got - want).abs() <= by, "{got}, not {want}");
}

/// Rests of linear-quadratic games with bounds, by Riccati equations of an independent program. Polynomials over the whole box were .2 and .9 % off.
#[test]
fn the_rest_of_a_game_is_found_close_by_and_judged() {
    for (said, want) in [
        ("concept.leader = competitive", (5.16520, 1.25220)),
        ("concept.fringe = competitive", (2.29569, 3.80287)),
    ] {
        let model = compiled(&leader("fringe", (1.5, 1.5), said));
        let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
        let (rest, judged) = driver::rest::at_rest(&economy, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
        near(rest.numbers[0].value, want.0, 1e-5);
        near(rest.numbers[1].value, want.1, 1e-4);
        let judged = judged.expect("a judgement");
        assert!(judged.apart <= driver::rest::AGREE);
        let gains = judged
            .proofs
            .iter()
            .filter(|p| p.name.contains("one-shot gain"))
            .count();
        assert_eq!(gains, 2, "{:?}", judged.proofs);
        assert!(judged.proofs.iter().all(|p| p.holds != Some(false)));
    }
}

/// Price takers who are alike but begin with different wealth keep what they differ by.
#[test]
fn members_who_begin_unlike_rest_at_one_of_a_continuum() {
    let source = |start: &str| {
        format!(
            "agent hh[i in 1..3] {{\n  state k in (0, inf), start {start}\n  action c in (0, inf)\n  k' = 0.9 * k + r * k + w - c\n  \
             reward log(c)\n  discount 0.95\n}}\nmarket f {{\n  let K = mean(hh.k)\n  price r = 0.3 * K^(-0.7)\n  price w = 0.7 * K^0.3\n}}\n\
             solve {{ concept = competitive }}\n"
        )
    };
    for (start, codes) in [("2", vec![]), ("i", vec!["E0996"])] {
        let model = compiled(&source(start));
        let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
        let (rest, _) = driver::rest::at_rest(&economy, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
        let said: Vec<&str> = rest.elsewhere.iter().map(|d| d.code.as_str()).collect();
        assert_eq!(said, codes, "start {start}");
    }
}

/// Three seasons and no chance: means are those of whole rounds.
#[test]
fn moments_of_what_goes_round_are_those_of_whole_rounds() {
    let source = "agent hh {\n  state s in 1..3, start 1\n  state a in [0, 6], start 0\n  let inc = if s == 3 then 4 else 0.5\n  \
                  action c in (0, a + inc]\n  a' = a + inc - c\n  s' = if s == 3 then 1 else s + 1\n  observe s, a\n  reward log(c)\n  discount 0.95\n}\n";
    let model = compiled(source);
    let solved = driver::solve(&model, &Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    let of = |name: &str| {
        solved
            .certificate
            .moments
            .iter()
            .find(|m| m.name == name)
            .expect("a row")
    };
    assert_eq!(of("hh.s").mean, 2.0);
    near(of("hh.inc").mean, 5.0 / 3.0, 1e-12);
    near(of("hh.a").mean, 1.109_699, 1e-4);
    assert_eq!(of("hh.a").errors, (0.0, 0.0));
}

/// Two alike who may be in or out: one is in and the other out, which no policy that both share says.
#[test]
fn members_alike_may_do_unlike() {
    let source = "agent firm[2] {\n  state K in 0..1, start 0\n  action d in {stay, switch}\n  K' = if d == switch then 1 - K else K\n  \
                  observe K, others(firm.K)\n  reward (if K == 1 then (if sum(others(firm.K)) > 0.5 then -1 else 2) else 0) - (if d == switch then 0.5 else 0)\n  \
                  discount 0.9\n}\nsolve { concept = nash }\n";
    let solved = driver::solve(&compiled(source), &Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    assert!(solved.certificate.passed, "{:?}", solved.certificate.reasons);
    let equilibrium = solved.certificate.equilibrium.as_ref().expect("an equilibrium");
    let mut values: Vec<f64> = equilibrium.players.iter().map(|p| p.value).collect();
    values.sort_by(f64::total_cmp);
    // 2 from the next period on for ever, less what entering costs; nothing for who stays out.
    near(values[0], 0.0, 1e-6);
    near(values[1], 17.5, 1e-6);
    assert!(
        equilibrium.scope.iter().any(|s| s.contains("each by itself")),
        "{:?}",
        equilibrium.scope
    );
}

/// Where demand begins at random the value is a mean over starts, and has an error.
#[test]
fn values_over_random_starts_have_an_error() {
    let source = "shock z ~ markov([1, 2], [[0.9, 0.1], [0.1, 0.9]])\nagent firm[2] {\n  state q in (-inf, inf), start 1\n  action u in (-inf, inf)\n  \
                  q' = q + u\n  observe q, others(firm.q), z\n  reward (8 + z - sum(firm.q)) * q - 6 * u^2\n  discount 0.9\n}\nsolve { concept = nash; method = joint }\n";
    let solved = driver::solve(&compiled(source), &Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    let players = &solved.certificate.equilibrium.as_ref().expect("an equilibrium").players;
    assert!(players.iter().all(|p| p.value_error > 1e-3), "{players:?}");
}

/// What is said of a rest: the code of the refusal, or the first state with the codes that stand beside it.
fn said(source: &str, concept: Option<&str>) -> Result<(f64, Vec<String>), String> {
    let model = compiled(source).as_asked(concept, None);
    let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
    match driver::rest::at_rest(&economy, &mut silent) {
        Ok((rest, _)) => Ok((
            rest.numbers[0].value,
            rest.elsewhere.iter().map(|d| d.code.to_string()).collect(),
        )),
        Err(d) => Err(d.code.to_string()),
    }
}

#[test]
fn of_several_rests_the_one_is_shown_to_which_play_leads() {
    // A shallow lake: from clear water and from turbid water one planner ends in two places (dynamic programming by an independent program).
    let lake = |start: f64| {
        format!(
            "param cc = 0.5\nmarket lake {{\n  state x in [0.001, 8], start {start}\n  x' = 0.6 * x + x^2 / (1 + x^2) + country.a\n}}\n\
             agent country {{\n  action a in [0.0001, 2]\n  observe lake.x\n  reward log(a) - cc * lake.x^2\n  discount 0.96\n}}\n\
             solve {{ concept = planner }}\n"
        )
    };
    let (x, codes) = said(&lake(3.0), None).expect("a rest");
    near(x, 2.502, 2e-3);
    assert_eq!(codes, ["W0983"]);
    let (x, _) = said(&lake(0.1), None).expect("a rest");
    near(x, 0.2418, 1e-3);
    // A state that nobody moves rests in two places; from .2 it goes to 0, from .6 to 1.
    let demand = |start: f64| {
        format!(
            "market goods {{\n  state d in [-0.2, 1.2], start {start}\n  state p in [-2, 20], start 4\n  d' = d + 0.8 * d * (1 - d) * (d - 0.4)\n  \
             p' = 0.7 * p + 0.3 * (10 * (1 + d) - sum(firm.q))\n}}\nagent firm[2] {{\n  action q in [-2, 20]\n  observe goods.p, d\n  \
             reward goods.p * q - q - q^2 / 2\n  discount 0.9\n}}\nsolve {{ concept = nash }}\n"
        )
    };
    for concept in [None, Some("planner")] {
        for (start, end) in [(0.2, 0.0), (0.6, 1.0)] {
            let (d, _) = said(&demand(start), concept).expect("a rest");
            near(d, end, 1e-6);
        }
    }
    // Only a difference matters to either: where it ends depends on where it begins.
    let difference = "agent a {\n  state q in (-inf, inf), start 1\n  action u in (-inf, inf)\n  q' = q + u\n  observe a.q, b.q\n  \
        reward -(a.q - b.q - 1)^2 - 2 * u^2\n  discount 0.95\n}\nagent b {\n  state q in (-inf, inf), start 2\n  action u in (-inf, inf)\n  q' = q + u\n  \
        observe a.q, b.q\n  reward -(b.q - a.q + 1)^2 - 3 * u^2\n  discount 0.9\n}\nsolve { concept = nash }\n";
    assert_eq!(said(difference, None), Err("E0996".to_string()));
}

/// Rests that were refused though policies lead to them: by Riccati equations and Newton's method of an independent program, and by closed forms.
#[test]
fn rests_far_from_where_lives_begin_or_of_problems_that_are_not_concave_are_found() {
    let stocks = "market goods { price p = 12 - leader.q - fringe.q }\n\
        agent leader {\n  state q in (-inf, inf), start 1\n  action u in (-inf, inf)\n  q' = 0.9 * q + u\n  observe leader.q, fringe.q\n  \
        reward p * q - q - 4 * u^2\n  discount 0.95\n}\n\
        agent fringe {\n  state q in (-inf, inf), start 2\n  action u in (-inf, inf)\n  q' = 0.9 * q + u\n  observe leader.q, fringe.q\n  \
        reward p * q - 2 * q - 5 * u^2\n  discount 0.9\n}\nsolve { concept = nash; concept.fringe = competitive }\n";
    // Each saves the share of its output that the other's does not change: s = beta alpha of the Bellman equation in logarithms.
    let savers = "agent a {\n  state k in (0, 5], start 0.1\n  action s in (0, 0.95]\n  k' = s * k^0.4 * b.k^0.1\n  observe a.k, b.k\n  \
        reward log((1 - s) * k^0.4 * b.k^0.1)\n  discount 0.9\n}\n\
        agent b {\n  state k in (0, 5], start 0.3\n  action s in (0, 0.95]\n  k' = 0.8 * s * k^0.3 * a.k^0.2\n  observe a.k, b.k\n  \
        reward log((1 - s) * k^0.3 * a.k^0.2)\n  discount 0.95\n}\nsolve { concept = nash }\n";
    let logs = "market goods { price p = 10 - 2 * (log(a.K) + log(b.K)) }\n\
        agent a {\n  state K in [0.3, 30], start 3\n  action u in [-2, 2]\n  K' = K^0.9 * exp(u)\n  observe a.K, b.K\n  \
        reward p * log(K) - 6 * u^2 - u\n  discount 0.95\n}\n\
        agent b {\n  state K in [0.3, 30], start 4\n  action u in [-2, 2]\n  K' = K^0.9 * exp(u)\n  observe a.K, b.K\n  \
        reward p * log(K) - 3 * u^2 - 2 * u\n  discount 0.9\n}\nsolve { concept = open_loop }\n";
    // What a firm's unit costs is a state that nobody moves.
    let costs = |concept: &str| {
        format!(
            "market goods {{ price p = 10 - 2 * sum(firm.q) }}\nagent firm[i in 1..2] {{\n  state c in (-inf, inf), start i\n  \
             state q in (-inf, inf), start 1\n  action u in (-inf, inf)\n  q' = q + u\n  c' = c\n  \
             observe q, c, others(firm.q), others(firm.c)\n  reward p * q - c * q - 6 * u^2\n  discount 0.95\n}}\n\
             solve {{ concept = {concept} }}\n"
        )
    };
    let pair = |a: &'static str, b: &'static str| [a, b];
    for (source, names, want) in [
        (stocks.to_string(), pair("leader.q", "fringe.q"), (2.72326, 6.00832)),
        (savers.into(), pair("a.k", "b.k"), (0.131533, 0.0778761)),
        (logs.into(), pair("a.K", "b.K"), (5.05157, 4.64577)),
        (costs("nash"), pair("firm.q[1]", "firm.q[2]"), (1.83429, 1.20599)),
        // (10 - c - 2 (q + Q)) / 2 = q, c = 1, 2, where nobody expects an answer.
        (
            costs("open_loop"),
            pair("firm.q[1]", "firm.q[2]"),
            (5.0 / 3.0, 7.0 / 6.0),
        ),
    ] {
        let model = compiled(&source);
        let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
        let (rest, _) = driver::rest::at_rest(&economy, &mut silent).unwrap_or_else(|d| panic!("{source}\n{d:?}"));
        let of = |name: &str| {
            rest.numbers
                .iter()
                .find(|n| n.name == name)
                .map_or(f64::NAN, |n| n.value)
        };
        near(of(names[0]), want.0, 1e-5);
        near(of(names[1]), want.1, 1e-5);
    }
}

/// First-order conditions hold, too, where what is chosen pays least: no such place is shown.
#[test]
fn a_place_where_what_is_done_pays_least_is_no_rest() {
    let source = "market goods {\n  state p in (-inf, inf), start 4\n  p' = 0.9 * p + 0.1 * (10 - sum(firm.q))\n}\n\
        agent firm[2] {\n  action q in [-50, 50]\n  observe goods.p\n  reward goods.p * q - q + q^2 / 2\n  discount 0.95\n}\n\
        solve { concept = open_loop }\n";
    let model = compiled(source);
    let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
    let found = driver::rest::at_rest(&economy, &mut silent);
    let code = found.err().map(|d| d.code.to_string());
    assert_eq!(code.as_deref(), Some("E0910"));
}

/// A price that moves slowly, with draws that multiply what is made: at rest they stand at their means for who solves as for the economy (`p` and `q` by
/// Riccati equations of an independent program).
#[test]
fn draws_stand_at_their_means_where_a_game_rests() {
    let model = compiled(
        "shock z ~ ar1(rho: 0.8, sigma: 0.3)\nnoise e ~ normal(0.2, 0.5)\nmarket goods {\n  state p in [-5, 20], start 4\n  \
         p' = 0.7 * p + 0.3 * (8 + 2 * e + 3 * exp(z) - (1 + e) * sum(firm.q))\n}\nagent firm[2] {\n  action q in [-5, 20]\n  observe goods.p, z\n  \
         reward goods.p * q - q - q^2 / 2\n  discount 0.95\n}\nsolve { concept = nash }\n",
    );
    let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
    let (rest, _) = driver::rest::at_rest(&economy, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    near(rest.numbers[0].value, 5.00469, 1e-4);
    near(rest.numbers[1].value, 2.66471, 1e-4);
}

/// A posted price is taken as given where what moves it is an `aggregate`: each makes `q = p - 1`, so that `p = 4`. Without one the message says what to write.
#[test]
fn a_posted_price_is_taken_as_given_where_an_aggregate_moves_it() {
    let text = |kind: &str, named: &str, moved: &str| {
        format!(
            "market goods {{\n  {kind} p in [-5, 20], start 4\n  {named}\n  p' = 0.9 * p + 0.1 * (10 - {moved})\n}}\nagent firm[2] {{\n  action q in [-5, 20]\n  \
             observe goods.p\n  reward goods.p * q - q - q^2 / 2\n  discount 0.95\n}}\nsolve {{ concept = competitive }}\n"
        )
    };
    for kind in ["state", "price"] {
        let model = compiled(&text(kind, "aggregate supply = sum(firm.q)", "supply"));
        let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
        let (rest, _) = driver::rest::at_rest(&economy, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
        near(rest.numbers[0].value, 4.0, 1e-6);
        near(rest.numbers[1].value, 3.0, 1e-6);
        let solved = driver::solve(&model, &Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
        assert!(solved.certificate.passed, "{:?}", solved.certificate.reasons);
    }
    let model = compiled(&text("price", "", "sum(firm.q)"));
    let refused = driver::solve(&model, &Request::default(), &mut silent)
        .err()
        .unwrap_or_default();
    let hints: Vec<String> = refused.iter().filter_map(|d| d.hint.clone()).collect();
    assert!(
        hints.iter().any(|h| h.contains("aggregate supply = sum(firm.q)")),
        "{refused:?}"
    );
}
