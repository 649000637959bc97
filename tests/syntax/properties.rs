//! Properties of any text: it parses or fails without panic, with every span inside; what parses prints, reparses and
//! formats to the same tree.

use econc::syntax::format::{print, same_tree};
use econc::syntax::parser::parse;
use proptest::prelude::*;

use super::{check_format, check_span, check_spans, config, files, show};

/// What must hold of any text: an answer, spans inside, and for a good one print, reparse and format.
fn check_any(text: &str) {
    let (tree, diagnostics) = parse(text, 0);
    check_spans(&tree, text, 0);
    for d in &diagnostics {
        for (span, _) in d.primary.iter().chain(&d.secondary) {
            check_span(*span, text);
        }
        assert!(
            d.primary.is_some() && !d.headline.is_empty() && d.hint.is_some(),
            "{d:?}"
        );
        assert!(d.code.starts_with("E01"));
    }
    let printed = print(&tree);
    let (again, more) = parse(&printed, 0);
    assert!(more.is_empty(), "{text}\n---\n{}", show(&more, &printed));
    assert!(same_tree(&tree, &again), "{text}\n---\n{printed}");
    if diagnostics.is_empty()
        && let Err(message) = check_format(text)
    {
        panic!("{message}");
    }
}

/// Whatever begins a hundred and fifty times in a row and never ends is refused at once: no alternative of the grammar reads
/// again what another has read, which would take for ever.
#[test]
fn what_begins_many_times_and_never_ends_is_read_once() {
    let openings = [
        "if 1 < 2 then ",
        "1 + if 1 < 2 then ",
        "if 1 < 2 then 3 else ",
        "if ",
        "(",
        "[",
        "[a: ",
        "f(",
        "f(a: ",
        "sum(i in 1..2: ",
        "sum(i in 1..2 when ",
        "a[",
        "a[i in 1..",
        "a'[",
        "-",
        "not ",
        "2^",
        "2^-",
        "normalize [[",
        "solve nash(",
        "1..",
        "f(1 over ",
    ];
    for opening in openings {
        let nested = opening.repeat(150);
        for line in [
            format!("param p = {nested}"),
            format!("param p = {nested}0 in (0, 1)"),
            format!("state x in [{nested}, 1]"),
            format!("action x in {{{nested}}}"),
            format!("shock z ~ markov([{nested}])"),
            format!("require {nested} else clamp"),
            format!("solve {{ grid.k = {nested} }}"),
        ] {
            check_any(&line);
        }
    }
}

/// Pieces that make texts which are nearly programs.
const PIECES: &[&str] = &[
    "let ",
    "param ",
    "state ",
    "action ",
    "agent ",
    "market ",
    "shock ",
    "observe ",
    "reward ",
    "solve ",
    "train ",
    "verify ",
    "scenario ",
    "price ",
    "give ",
    "require ",
    "end when ",
    "policy ",
    "group ",
    "kind ",
    "market def ",
    "noise ",
    "aggregate ",
    "stages ",
    "set ",
    "fn ",
    "use ",
    "model ",
    "discount ",
    "horizon ",
    "offer ",
    "start ",
    "path ",
    "force ",
    "periods ",
    "if ",
    " then ",
    " else ",
    " in ",
    " given ",
    " when ",
    " over ",
    " at ",
    " on ",
    " taste ",
    " clears ",
    " among ",
    " is ",
    " mass ",
    " and ",
    " or ",
    " not ",
    " mod ",
    " div ",
    "true",
    "inf",
    "continuum",
    "t",
    "normalize ",
    "iid ",
    "random",
    "all",
    "x",
    "k",
    "firm",
    "a_b",
    "größe",
    "f(",
    "sum(",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "{ ",
    " }",
    ",",
    ", ",
    ";",
    ":",
    "'",
    ".",
    "..",
    "=",
    " = ",
    "==",
    " == ",
    "~",
    " ~ ",
    "+",
    "-",
    "*",
    "/",
    "^",
    "<",
    ">=",
    "!=",
    "1",
    "0.5",
    "5%",
    "2e-3",
    "1_000",
    ".5",
    "2k",
    "\"d\"",
    "\"",
    "# c",
    "\n",
    "\n",
    "\n  ",
    " ",
    "  ",
    "\t",
    "\r\n",
    "²",
    "≤",
    "é",
    "\u{a0}",
    "&&",
    "!",
    "%",
    "@",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|v| v.concat())
}

/// An expression of the language.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(
        &[
            "x",
            "k'",
            "t",
            "0.5",
            "1_000",
            "5%",
            "2e-3",
            "inf",
            "true",
            "pi",
            "firm.p",
            "k'[g]",
            "household[1].k'",
            "survive[age]",
            "solve nash(p, horizon: 1)",
            "others(firm.p)",
            "[low: 0.9, high: 1.1]",
            "last(p, 4)",
            "δ",
            "start",
            "at",
            "path",
            "normalize",
            "grid",
            "random",
            "all",
            "on",
        ][..],
    )
    .prop_map(String::from);
    leaf.prop_recursive(4, 40, 3, |inner| {
        let op = prop::sample::select(&["+", "-", "*", "/", "^", "mod", "div", "and", "or"][..]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, o, b)| format!("({a}) {o} ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(({a}) <= ({b}))")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(({a})/({b}))")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.clone().prop_map(|a| format!("(not ({a}))")),
            inner.clone().prop_map(|a| format!("f({a})")),
            inner.clone().prop_map(|a| format!("f({a}, rho: {a})")),
            inner.clone().prop_map(|a| format!("sum(h in household when h.a: {a})")),
            inner.clone().prop_map(|a| format!("[{a},\n  {a}]")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(if {a} then {b}\n  else {c})")),
        ]
    })
}

/// A statement of the language, with the blanks, breaks and comments that people write.
fn statement() -> impl Strategy<Value = String> {
    let blank = prop::sample::select(&["", " ", "  ", "\n", "\n\n\n", "   # c\n", "\n# c\n", "; "][..]);
    let form = prop::sample::select(
        &[
            "let a={}",
            "param b = {} in (0,1) \"doc\"",
            "param c  =  {}",
            "k' = {}",
            "state x in [0,{}),start {}",
            "state y in p, start random \"y\"",
            "action s in {stay when {}, exit} taste gumbel(1)",
            "action q in [0, {}] on grid(0, {}, 15) at lead given p",
            "reward {}",
            "observe k , z,{} when {}",
            "observe all",
            "noise e ~ normal(0, {}) at lead",
            "shock z~iid normal( {},1 )",
            "require {} else penalty({})",
            "require {} else clamp s",
            "end when {}, paying {}, then leave",
            "policy q = {}",
            "price p in [0,{}] clears ({}) == ({})",
            "aggregate w = {}",
            "give firm.q[j] = {}",
            "fn u(c , d) = {}",
            "set good = 1..({})",
            "discount {}",
            "shock e ~ markov([u: 0]) given Z, Z' {\n a, b: [[{}]] # r\n  a, c : normalize [[1]]\n}, start u",
            "market m = logit(a0: {}) among buyer: firm(a: {}) + bank(b: c)",
            "agent firm[{}] mass 0.3 { reward {}; discount 0.9 }",
            "agent f { # who\n\n  reward {}\n\n\n  let z = 1 # z\n}",
            "market g[j in good] competitive { price p = {} }",
            "group i[continuum] {\n agent f[2] {\n reward {} }\n}",
            "scenario s { force firm[1].p = {} at 0..3; periods 10 }",
            "kind h {\n}",
            "market def spot(a, b = {}) { buyer { offer d; give got } price p = {} }",
        ][..],
    );
    (form, expression(), expression(), blank).prop_map(|(form, a, b, blank)| {
        let mut out = String::new();
        let mut values = [a, b].into_iter().cycle();
        let mut rest = form;
        while let Some(i) = rest.find("{}") {
            out.push_str(&rest[..i]);
            out.push_str(&values.next().unwrap_or_default());
            rest = &rest[i + 2..];
        }
        out.push_str(rest);
        if blank == "; " && !out.contains("# ") {
            out.push_str("; ");
        } else {
            out.push('\n');
            out.push_str(blank);
        }
        out
    })
}

fn a_model() -> impl Strategy<Value = String> {
    let texts: Vec<String> = files("tests/corpus/sketches").into_iter().map(|(_, t)| t).collect();
    prop::sample::select(texts)
}

/// The text up to `at` (a fraction of it), on a character boundary.
fn cut(text: &str, at: f64) -> usize {
    let mut i = (text.len() as f64 * at) as usize;
    while !text.is_char_boundary(i) {
        i -= 1;
    }
    i
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_parse_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        check_any(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_ascii_parses_or_fails(bytes in prop::collection::vec(9u8..127, 0..120)) {
        check_any(std::str::from_utf8(&bytes).expect("ASCII"));
    }

    #[test]
    fn any_string_parses_or_fails(text in "\\PC{0,80}") {
        check_any(&text);
    }

    #[test]
    fn nearly_programs_parse_or_fail(text in pieces()) {
        check_any(&text);
    }

    #[test]
    fn mutated_models_parse_or_fail(
        model in a_model(), at in 0.0..1.0, length in 0usize..30, piece in pieces(),
    ) {
        let start = cut(&model, at);
        let end = cut(&model, ((start + length) as f64 / model.len() as f64).min(1.0)).max(start);
        check_any(&format!("{}{piece}{}", &model[..start], &model[end..]));
    }

    #[test]
    fn spliced_models_parse_or_fail(a in a_model(), b in a_model(), x in 0.0..1.0, y in 0.0..1.0) {
        check_any(&format!("{}{}", &a[..cut(&a, x)], &b[cut(&b, y)..]));
    }

    #[test]
    fn generated_programs_parse_print_and_format(statements in prop::collection::vec(statement(), 0..6)) {
        let text = statements.concat();
        let (_, diagnostics) = parse(&text, 0);
        prop_assert!(diagnostics.is_empty(), "{}", show(&diagnostics, &text));
        check_any(&text);
    }
}
