//! The corpus, the sketches, the models and the explanations: whole programs and what they must give.

use econc::diag::source::Sources;
use econc::diag::{Diagnostic, explain};
use econc::syntax::format::{format, print, same_tree};
use econc::syntax::parser::parse;

use super::{check_format, check_spans, error, files, good_programs, show, tree};

/// `# error[CODE]:COLUMN text` on a line.
#[derive(Debug)]
struct Expectation {
    line: usize,
    code: String,
    column: Option<usize>,
    text: String,
}

fn expectations(source: &str) -> Vec<Expectation> {
    let mut found = Vec::new();
    for (n, line) in source.lines().enumerate() {
        for piece in line.split("# error[").skip(1) {
            let (code, rest) = piece.split_once(']').expect("a code ends with ]");
            let (column, text) = match rest.strip_prefix(':') {
                Some(rest) => {
                    let digits = rest.chars().take_while(char::is_ascii_digit).count();
                    (rest[..digits].parse().ok(), &rest[digits..])
                }
                None => (None, rest),
            };
            found.push(Expectation {
                line: n + 1,
                code: code.to_string(),
                column,
                text: text.trim().to_string(),
            });
        }
    }
    found
}

#[test]
fn corpus_gives_the_expected_errors_and_no_others() {
    let corpus = files("tests/corpus/syntax");
    assert!(corpus.len() >= 10, "the corpus is missing");
    for (path, source) in corpus {
        let name = path.display();
        let (_, diagnostics) = parse(&source, 0);
        let sources = Sources::new(name.to_string(), source.as_str());
        let mut left: Vec<&Diagnostic> = diagnostics.iter().collect();
        for wanted in expectations(&source) {
            let position = left.iter().position(|d| {
                let place = d.primary.as_ref().and_then(|(s, _)| sources.place(*s));
                let told = format!(
                    "{} {} {} {}",
                    d.headline,
                    d.primary.as_ref().map_or("", |(_, l)| l),
                    d.notes.join(" "),
                    d.hint.as_deref().unwrap_or("")
                );
                d.code == wanted.code
                    && place
                        .as_ref()
                        .is_some_and(|p| p.line == wanted.line && wanted.column.is_none_or(|c| c == p.column))
                    && told.contains(&wanted.text)
            });
            match position {
                Some(i) => {
                    left.remove(i);
                }
                None => panic!("{name}: {wanted:?} was not given\n{}", show(&diagnostics, &source)),
            }
        }
        let unexpected: Vec<Diagnostic> = left.into_iter().cloned().collect();
        assert!(
            unexpected.is_empty(),
            "{name}: unexpected\n{}",
            show(&unexpected, &source)
        );
    }
}

#[test]
fn all_sketches_parse() {
    let sketches = files("tests/corpus/sketches");
    assert_eq!(sketches.len(), 18);
    for (path, source) in sketches {
        let (tree, diagnostics) = parse(&source, 0);
        assert!(
            diagnostics.is_empty(),
            "{}\n{}",
            path.display(),
            show(&diagnostics, &source)
        );
        assert!(tree.model.is_some() && tree.statements.len() > 3);
        check_spans(&tree, &source, 0);
    }
}

#[test]
fn every_program_prints_and_reparses_to_the_same_tree() {
    for (path, source) in good_programs() {
        let first = tree(&source);
        let printed = print(&first);
        let (again, diagnostics) = parse(&printed, 0);
        assert!(
            diagnostics.is_empty(),
            "{}\n{}",
            path.display(),
            show(&diagnostics, &printed)
        );
        assert!(same_tree(&first, &again), "{}\n{printed}", path.display());
        assert_eq!(print(&again), printed);
    }
}

#[test]
fn formatting_every_program_keeps_its_tree_and_comments_and_is_idempotent() {
    for (path, source) in good_programs() {
        if let Err(message) = check_format(&source) {
            panic!("{}: {message}", path.display());
        }
    }
}

#[test]
fn every_explained_code_is_given_by_its_bad_example_and_not_by_the_good_one() {
    for code in explain::codes().filter(|c| c.starts_with("E01") || c.starts_with("W01")) {
        let page = explain::page(code).expect("listed");
        for bad in explain::examples(page, "bad") {
            let (_, diagnostics) = parse(&bad, 0);
            assert!(!diagnostics.is_empty(), "{code}: no error in\n{bad}");
            for d in &diagnostics {
                assert_eq!(d.code, code, "{}", show(&diagnostics, &bad));
            }
        }
        for good in explain::examples(page, "good") {
            let (_, diagnostics) = parse(&good, 0);
            assert!(diagnostics.is_empty(), "{}", show(&diagnostics, &good));
        }
    }
}

#[test]
fn every_code_in_the_source_has_a_page() {
    for file in [
        "lexer",
        "split",
        "parser",
        "parser/hints",
        "parser/expression",
        "parser/statement",
    ] {
        let path = format!("{}/src/syntax/{file}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("the source is there");
        for piece in text.split("\"E01").skip(1) {
            let code = format!("E01{}", &piece[..2]);
            assert!(explain::page(&code).is_some(), "{code} in {file} has no page");
        }
    }
}

#[test]
fn the_word_lists_and_the_grammar_agree() {
    use econc::syntax::words;
    let path = format!("{}/grammar/econ.pest", env!("CARGO_MANIFEST_DIR"));
    let grammar = std::fs::read_to_string(path).expect("the grammar is there");
    let start = grammar.find("reserved = _{").expect("the rule is there");
    let rule = &grammar[start..start + grammar[start..].find('}').expect("it ends")];
    let mut listed: Vec<&str> = rule.split('"').skip(1).step_by(2).collect();
    let mut known: Vec<&str> = words::NEVER_NAMES
        .iter()
        .chain(words::STATEMENT_WORDS)
        .copied()
        .collect();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
    for word in known {
        assert_eq!(error(&format!("let {word} = 1")).0, "E0106", "{word}");
        tree(&format!("let {word}ed = 1"));
    }
    for word in words::SOFT_WORDS {
        tree(&format!("let {word} = 1\nlet x = {word} + {word}[1]"));
    }
}

#[test]
fn the_layout_is_the_standard_one() {
    let messy = "model m   \"A model\"\n\n\n\n# note\nparam alpha=0.33 in(0,1) \"share\"   # c1\nparam b  =  2 \"b\" # c2\n\
                 agent household [ N ]{ # who\n\n\n   state k [good] in [0,inf) ,start uniform( 0.5,1.5 )*k_ss\n\
                 action s in[0,1] \"rate\"\n let y=if d==enter then -4\n else if x then 23/24 else 2 ^ - 1\n\
                 shock e~markov([u:0,e:1]) given Z,Z'{\nbad,bad:normalize [[1,2],[3,4]]\nbad , good : [[1,2],[3,4]] # last\n}\n\
                 k' [ g in good ]= - k+i ;observe k , z\n}\nsolve{method=vfi;grid . k=log( 400 )}\n";
    let wanted = "\
model m \"A model\"

# note
param alpha = 0.33 in (0, 1)  \"share\"  # c1
param b     = 2               \"b\"      # c2
agent household[N] {  # who
  state k[good] in [0, inf), start uniform(0.5, 1.5) * k_ss
  action s in [0, 1]  \"rate\"
  let y = if d == enter then -4
          else if x then 23/24 else 2^-1
  shock e ~ markov([u: 0, e: 1]) given Z, Z' {
    bad, bad:  normalize [[1, 2], [3, 4]]
    bad, good: [[1, 2], [3, 4]]  # last
  }
  k'[g in good] = -k + i
  observe k, z
}
solve { method = vfi; grid.k = log(400) }
";
    match check_format(messy) {
        Ok(formatted) => assert_eq!(formatted, wanted),
        Err(message) => panic!("{message}"),
    }
}

#[test]
fn a_text_with_errors_is_not_formatted() {
    let diagnostics = format("let a = (1").expect_err("a fault");
    assert_eq!(diagnostics[0].code, "E0103");
    assert_eq!(format("").ok().as_deref(), Some(""));
    assert_eq!(format("\n\n# a\n\n").ok().as_deref(), Some("# a\n"));
}
