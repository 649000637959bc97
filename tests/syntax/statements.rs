//! What single expressions, statements and files become, and which errors they give.

use econc::diag::Diagnostic;
use econc::syntax::ast::*;
use econc::syntax::parser::{parse, parse_value};

use super::{check_spans, error, errors, expr, files, only, show, tree};

/// The tree of an expression with all parentheses shown.
fn shape(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Binary { op, lhs, rhs } => {
            let sign = match op {
                BinaryOp::Add => "+",
                BinaryOp::Sub => "-",
                BinaryOp::Mul => "*",
                BinaryOp::Div => "/",
                BinaryOp::Mod => "mod",
                BinaryOp::IntDiv => "div",
                BinaryOp::Pow => "^",
                BinaryOp::Eq => "==",
                BinaryOp::Ne => "!=",
                BinaryOp::Lt => "<",
                BinaryOp::Le => "<=",
                BinaryOp::Gt => ">",
                BinaryOp::Ge => ">=",
                BinaryOp::And => "and",
                BinaryOp::Or => "or",
            };
            format!("({} {sign} {})", shape(lhs), shape(rhs))
        }
        ExprKind::Unary { op, arg } => {
            let sign = match op {
                UnaryOp::Neg => "-",
                UnaryOp::Plus => "+",
                UnaryOp::Not => "not ",
            };
            format!("({sign}{})", shape(arg))
        }
        ExprKind::If {
            condition,
            then,
            otherwise,
        } => format!(
            "(if {} then {} else {})",
            shape(condition),
            shape(then),
            shape(otherwise)
        ),
        ExprKind::Paren(inner) => shape(inner),
        _ => econc::syntax::print::print_expr(e),
    }
}

#[test]
fn precedence_is_that_of_the_rules() {
    for (text, wanted) in [
        ("-x^2", "(-(x ^ 2))"),
        ("2^-1", "(2 ^ (-1))"),
        ("a^b^c", "(a ^ (b ^ c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b * c mod d div e", "((((a / b) * c) mod d) div e)"),
        ("a + b * c^d", "(a + (b * (c ^ d)))"),
        ("-a * b", "((-a) * b)"),
        ("a * -b^2 + c", "((a * (-(b ^ 2))) + c)"),
        ("not a == b", "(not (a == b))"),
        ("not a and b or c", "(((not a) and b) or c)"),
        ("a or b and c", "(a or (b and c))"),
        ("not not a", "(not (not a))"),
        ("a + b <= c * d", "((a + b) <= (c * d))"),
        (
            "if a then b else if c then d else f + 1",
            "(if a then b else (if c then d else (f + 1)))",
        ),
        ("(a + b) * c", "((a + b) * c)"),
        ("k'[g]^2", "(k'[g] ^ 2)"),
        ("--x", "(-(-x))"),
        ("2^-x^2", "(2 ^ (-(x ^ 2)))"),
    ] {
        assert_eq!(shape(&expr(text)), wanted, "{text}");
    }
}

#[test]
fn numbers_have_their_value_and_keep_their_spelling() {
    for (text, value) in [
        ("1_000", 1000.0),
        ("1e-3", 0.001),
        ("2.5E+2", 250.0),
        ("5%", 0.05),
        ("0.05%", 0.0005),
        ("1_250_000_000", 1.25e9),
        ("007", 7.0),
    ] {
        assert_eq!(
            expr(text).kind,
            ExprKind::Number {
                value,
                text: text.to_string()
            }
        );
    }
}

#[test]
fn number_faults_show_the_fix() {
    for (text, fix) in [
        (".5", "`0.5`"),
        ("5.", "`5.0`"),
        ("2k", "`2 * k`"),
        ("1_", "`1`"),
        ("3e", "`3e0`"),
        ("10%3", "`10 mod 3`"),
        ("1e999", "`inf`"),
    ] {
        let (code, hint) = error(&format!("let x = {text}"));
        assert_eq!(code, "E0104", "{text}");
        assert!(hint.contains(fix), "{text}: {hint}");
    }
}

#[test]
fn names_and_primes_are_read_as_written() {
    let ExprKind::Path(path) = expr("household[i].k'[g, 2]").kind else {
        panic!("not a path");
    };
    assert_eq!(path.segments.len(), 2);
    assert!(!path.segments[0].primed && path.segments[1].primed);
    assert_eq!(path.segments[1].index.len(), 2);
    assert!(matches!(expr("t mod 100").kind, ExprKind::Binary { .. }));
    assert!(matches!(
        expr("sum(h in household when h.active: h.k)").kind,
        ExprKind::Reduce { .. }
    ));
    let ExprKind::Call { args, .. } = expr("sum(q over good)").kind else {
        panic!("not a call");
    };
    assert_eq!(args[0].over.as_ref().map(|n| n.text.as_str()), Some("good"));
    let ExprKind::Solve { concept, args } = expr("solve nash(p, horizon: 1)").kind else {
        panic!("not a solve");
    };
    assert_eq!(concept.text, "nash");
    assert_eq!(args[1].name.as_ref().map(|n| n.text.as_str()), Some("horizon"));
    assert!(matches!(
        expr("markov([low: 1], normalize [[2, 1]])").kind,
        ExprKind::Call { .. }
    ));
    // Letters of every alphabet, words that begin like keywords, functions and variables of one name.
    for text in ["größe", "δ * κ_ss", "inflation + order", "log(log)", "x₁", "notional"] {
        expr(text);
    }
    assert_eq!(error("let y = x²").1, "write `^2`");
}

#[test]
fn statements_keep_their_parts() {
    let StmtKind::State { start, .. } = only("state p_last in p, start random") else {
        panic!()
    };
    assert!(matches!(start, Some(Start::Random(_))));
    let StmtKind::State { start, domain, .. } = only("state k in [0, inf), start random(1) * 2") else {
        panic!()
    };
    assert!(matches!(start, Some(Start::Value(_))));
    assert!(matches!(
        domain.kind,
        DomainKind::Interval {
            lo_open: false,
            hi_open: true,
            ..
        }
    ));
    let StmtKind::Action {
        grid,
        taste,
        stage,
        given,
        domain,
        ..
    } = only("action p in 0..13 on grid(a, b, 15) taste gumbel(1) at lead given r, w \"price\"")
    else {
        panic!()
    };
    assert!(grid.is_some() && taste.is_some() && matches!(domain.kind, DomainKind::Range(..)));
    assert_eq!(stage.map(|n| n.text).as_deref(), Some("lead"));
    assert_eq!(given.len(), 2);
    let StmtKind::Action { domain, .. } =
        only("action d in {stay when active, exit when active, enter when not active}")
    else {
        panic!()
    };
    let DomainKind::Finite(labels) = domain.kind else {
        panic!()
    };
    assert_eq!(labels.len(), 3);
    assert!(labels.iter().all(|(_, mask)| mask.is_some()));
    for (text, wanted) in [
        ("price p in [0, 1] clears a + b == c", "clears"),
        ("price p = 2", "is"),
        ("price p in [0, 2], start 1", "posted"),
        ("aggregate tau = mu * u", "is"),
    ] {
        let StmtKind::Price { form, .. } = only(text) else {
            panic!()
        };
        let form = match form {
            PriceForm::Clears(..) => "clears",
            PriceForm::Is(_) => "is",
            PriceForm::Posted => "posted",
        };
        assert_eq!(form, wanted, "{text}");
    }
    let StmtKind::Observe { items, when } = only("observe all, s ~ normal(theta, 0.2), last(p, 4), all(x) when opaque")
    else {
        panic!()
    };
    assert!(matches!(items[0], ObserveItem::All(_)));
    assert!(matches!(items[1], ObserveItem::Signal { .. }));
    assert!(matches!(items[3], ObserveItem::Value(_)));
    assert!(when.is_some());
    let StmtKind::Param { unit, .. } = only("param w: money / hour^2 = 1.3") else {
        panic!()
    };
    assert_eq!(unit.as_deref(), Some("money/hour^2"));
    let StmtKind::StartOf { value, .. } = only("start last(p) uniform") else {
        panic!()
    };
    assert!(matches!(value, Start::Random(_)));
    let StmtKind::MarketUse { among, args, .. } = only(
        "market bread = spot(mu: 0.2) among buyer: household(d: demand) + bank(d: wants), seller: baker(s: supply)",
    ) else {
        panic!()
    };
    assert_eq!((among.len(), args.len()), (2, 1));
    assert_eq!(among[0].agents.len(), 2);
    assert_eq!(among[1].role.as_ref().map(|n| n.text.as_str()), Some("seller"));
    let StmtKind::MarketDef { params, body, .. } = only(
        "market def spot(a, b = 2) { buyer { offer d; give got } seller { offer s; give sold } price p clears d == s }",
    ) else {
        panic!()
    };
    assert_eq!((params.len(), body.len()), (2, 3));
    let StmtKind::Agent { mass, is, size, .. } = only("agent a[continuum] mass 0.3 is household { observe k }") else {
        panic!()
    };
    assert!(mass.is_some() && is.is_some() && size.is_some());
    let StmtKind::Shock { given, start, .. } = only(
        "shock e ~ markov([u: 0, e: 1]) given Z, Z' {\n  bad, bad: normalize [[1, 2], [3, 4]]\n  bad, good: P\n}, start e",
    ) else {
        panic!()
    };
    let given = given.expect("given");
    assert_eq!((given.names.len(), given.table.len()), (2, 2));
    assert!(given.table[0].normalize && !given.table[1].normalize && start.is_some());
}

#[test]
fn descriptions_belong_to_their_statement_and_marks_inside_them_are_text() {
    let tree = tree("param a = 2 \"a # b; { ( '\" # \"no text\nlet b = 1 # \"\n");
    assert_eq!(tree.statements.len(), 2);
    assert_eq!(tree.statements[0].doc.as_deref(), Some("a # b; { ( '"));
    assert_eq!(tree.statements[1].doc, None);
}

#[test]
fn settings_take_ranges_lists_words_calls_and_texts() {
    let StmtKind::Settings { items, .. } = only(
        "train q_learning { exploration = exp(-4e-6 * step); seeds = 1..5; network = [64, 64]; name = \"run\"; \
         discount = 0.99; grid.k = log(200); policy_error = 1%; find = all; sweep = [1..5, 8] }",
    ) else {
        panic!()
    };
    assert_eq!(items.len(), 9);
    assert!(matches!(items[1].value.kind, ExprKind::Range(..)));
    assert!(matches!(items[3].value.kind, ExprKind::Text(_)));
    assert_eq!(items[5].key.len(), 2);
    assert!(matches!(
        parse_value("0.1..0.9", 0).map(|e| e.kind),
        Ok(ExprKind::Range(..))
    ));
    assert!(parse_value("0.1 +", 0).is_err());
    assert!(parse_value("", 0).is_err());
}

#[test]
fn a_statement_goes_on_after_a_line_that_cannot_end() {
    for text in [
        "let a = b +\n  c",
        "let a = b\n  + c",
        "let a =\n  b",
        "let a = if x\n  then b\n  else c",
        "let a = if x then\n b else\n c",
        "let a = f(b,\n\n  # a comment\n  c\n)",
        "let a = x and\n  y",
        "let a = x\n  or y",
        "observe k,\n  z",
        "shock e ~ markov([1, 2])\n  given Z, Z'",
        "price p in [0, 1]\n  clears a == b",
        "state k in [0, 1]\n  , start 1",
        "market m = logit(a0: 0)\n  among firm(a: b)",
        "agent a\n{\n  reward 1\n}",
    ] {
        assert_eq!(tree(text).statements.len(), 1, "{text}");
    }
    assert_eq!(tree("let a = 1; let b = 2;\nlet c = 3").statements.len(), 3);
}

#[test]
fn a_faulty_statement_costs_only_itself() {
    let text =
        "model m\nlet a = 1\nlet b = (2\nlet c = 3 4\nagent x {\n  reward\n  discount 0.9\n}\nlet d = .5\nlet z = 4\n";
    let (tree, diagnostics) = parse(text, 0);
    assert_eq!(errors(&diagnostics).len(), 4, "{}", show(&diagnostics, text));
    assert_eq!(tree.statements.len(), 3);
    assert!(diagnostics.windows(2).all(|w| {
        let at = |d: &Diagnostic| d.primary.as_ref().map(|(s, _)| s.start);
        at(&w[0]) <= at(&w[1])
    }));
}

#[test]
fn a_missing_brace_is_found_by_the_indentation() {
    let text = "agent a {\n  let x = 1\n\nagent b {\n  let y = 1\n}\nmarket m {\n  price p = 1\n}\n";
    let (tree, diagnostics) = parse(text, 0);
    assert_eq!(diagnostics.len(), 1, "{}", show(&diagnostics, text));
    assert_eq!(diagnostics[0].code, "E0103");
    let (span, _) = diagnostics[0].primary.clone().expect("a place");
    assert_eq!(span.start as usize, 8);
    assert_eq!(tree.statements.len(), 3);
}

#[test]
fn free_settings_show_the_right_line() {
    for (old, new) in [
        ("tolerance 1e-8", "tolerance = 1e-8"),
        ("method vfi", "method = vfi"),
        ("grid k: 400 log", "grid.k = log(400)"),
        ("chain z: rouwenhorst 7", "chain.z = rouwenhorst(7)"),
        ("grid k: 500", "grid.k = 500"),
        ("policy_error < 1%", "policy_error = 1%"),
        ("stop when stable 100_000", "stop = stable(100_000)"),
        ("network 64, 64 tanh", "network = [64, 64]; activation = tanh"),
        ("seeds 1..5", "seeds = 1..5"),
        ("exploration exp(-4e-6 * step)", "exploration = exp(-4e-6 * step)"),
        ("steps: 100", "steps = 100"),
        ("find all", "find = all"),
    ] {
        let (code, hint) = error(&format!("train ppo {{ {old} }}"));
        assert_eq!(code, "E0112", "{old}");
        assert_eq!(hint, format!("write `{new}`"), "{old}");
        tree(&format!("train ppo {{ {new} }}"));
    }
}

#[test]
fn nesting_is_limited_before_the_parser_recurses() {
    let deep = |open: &str, close: &str, n: usize| format!("let x = {}1{}", open.repeat(n), close.repeat(n));
    tree(&deep("(", ")", 200));
    tree(&deep("f(", ")", 150));
    tree(&format!("let x = {}1", "-".repeat(200)));
    tree(&format!("let x = 1{}", " + 1".repeat(1000)));
    tree(&format!("let x = {}0", "if a then 1 else ".repeat(200)));
    tree(&format!("let x = [{}1]", "2^2, ".repeat(5000)));
    for text in [
        deep("(", ")", 201),
        deep("[", "]", 100_000),
        deep("f(", ")", 100_000),
        deep("(if a then ", " else b)", 5_000),
        format!("let x = {}1", "-".repeat(100_000)),
        format!("let x = {}1", "not ".repeat(100_000)),
        format!("let x = 2{}", "^2".repeat(100_000)),
        format!("let x = 2{}", "^-2".repeat(100_000)),
        format!("let x = {}0", "if a then 1 else ".repeat(100_000)),
        format!("let x = 1{}", " + 1".repeat(100_000)),
    ] {
        assert_eq!(error(&text).0, "E0110");
    }
    let blocks = format!("{}{}", "agent a { ".repeat(1000), "} ".repeat(1000));
    assert!(parse(&blocks, 0).1.iter().any(|d| d.code == "E0110"));
    for text in [
        "(",
        "{",
        "}",
        ")",
        "a{",
        "agent a {",
        "-",
        "if ",
        "\"",
        "\n",
        "a=",
        "a;",
        "x'=[",
        "solve {",
        "¬",
    ] {
        let (_, diagnostics) = parse(&text.repeat(20_000), 0);
        assert!(text == "\n" || !diagnostics.is_empty());
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_nothing() {
    assert!(parse("\u{FEFF}model m\r\nlet a = 1\r\n", 0).1.is_empty());
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let text = " ".repeat((16 << 20) + 1);
    assert_eq!(parse(&text, 0).1[0].code, "E0116");
}

#[test]
fn spans_carry_the_number_of_their_file() {
    let text = "let a = b[1] + f(x in s: x)\nlet b = (1";
    let (tree, diagnostics) = parse(text, 3);
    check_spans(&tree, text, 3);
    assert_eq!(diagnostics[0].primary.as_ref().map(|(s, _)| s.file), Some(3));
    let StmtKind::Let { value, .. } = &tree.statements[0].kind else {
        panic!()
    };
    assert_eq!((value.span.start, value.span.end), (8, 27));
}

#[test]
fn no_message_shows_a_rule_of_the_grammar() {
    let path = format!("{}/grammar/econ.pest", env!("CARGO_MANIFEST_DIR"));
    let grammar = std::fs::read_to_string(path).expect("the grammar is there");
    let rules: Vec<&str> = grammar
        .lines()
        .filter(|l| !l.starts_with("//"))
        .filter_map(|l| l.split_once(" = ").or_else(|| l.split_once("= ")))
        .map(|(name, _)| name.trim())
        .filter(|name| name.contains('_'))
        .collect();
    assert!(rules.len() > 100);
    for (_, source) in files("tests/corpus/syntax") {
        for d in parse(&source, 0).1 {
            for rule in &rules {
                let told = format!("{} {:?}", d.headline, d.primary);
                assert!(!told.contains(rule), "{told} shows {rule}");
            }
        }
    }
}
