//! The page behind a message: its bad example gives exactly that code, its good one gives no message at all.

use econc::diag::explain;

fn codes_of(source: &str) -> Vec<String> {
    let (_, diagnostics) = econc::compile(source, &econc::Options::default());
    diagnostics.into_iter().map(|d| d.into_message().code).collect()
}

#[test]
fn bad_examples_give_their_code_and_good_ones_pass() {
    let mut faults = String::new();
    // Syntax pages hold single statements; tests/syntax.rs reads them.
    for code in explain::codes().filter(|c| !c.starts_with("E01") && !c.starts_with("E09")) {
        let page = explain::page(code).expect("a listed page");
        for bad in explain::examples(page, "bad") {
            let found = codes_of(&bad);
            if found.is_empty() || found.iter().any(|c| c != code) {
                faults.push_str(&format!("{code}: the bad example gives {found:?}\n"));
            }
        }
        for good in explain::examples(page, "good") {
            let found = codes_of(&good);
            if !found.is_empty() {
                faults.push_str(&format!("{code}: the good example gives {found:?}\n"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
