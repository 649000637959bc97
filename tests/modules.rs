//! The order of the modules: each uses only what stands left of it in the first invariant of ARCHITECTURE.md.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules, lowest first, as the page says.
fn order(root: &Path) -> Vec<String> {
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the page");
    let line = page
        .lines()
        .find(|l| l.starts_with("1. `num <- "))
        .expect("the first invariant");
    let names = line.split('`').nth(1).expect("names between quotes");
    names.split(" <- ").map(String::from).collect()
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// The names right behind `crate::`, also in `crate::{a::b, c}`.
fn names_behind(text: &str, prefix: &str) -> Vec<String> {
    let word = |t: &str| {
        t.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut out = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let rest = &text[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            out.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut first = true;
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => first = true,
                c if first && !c.is_whitespace() => {
                    out.push(word(&group[i..]));
                    first = false;
                }
                _ => {}
            }
        }
    }
    out
}

#[test]
fn a_module_uses_only_what_stands_left_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let order = order(root);
    let rank = |name: &str| order.iter().position(|m| m == name);
    let mut faults = Vec::new();
    let mut uses = 0;
    for (i, module) in order.iter().enumerate() {
        let mut files = Vec::new();
        sources(&root.join("src").join(module), &mut files);
        assert!(!files.is_empty(), "there is no module `{module}`");
        for path in files {
            let text = fs::read_to_string(&path).expect("readable source");
            let code: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
            for used in names_behind(&code.join("\n"), "crate::") {
                uses += 1;
                if rank(&used).is_some_and(|r| r > i) {
                    faults.push(format!("{} uses `{used}`", path.display()));
                }
            }
        }
    }
    let listed: Vec<String> = fs::read_dir(root.join("src"))
        .expect("src")
        .map(|e| e.expect("readable entry").path())
        .filter(|p| p.is_dir())
        .map(|p| p.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    let mut missing: Vec<&String> = listed.iter().filter(|m| rank(m).is_none()).collect();
    missing.sort();
    assert!(missing.is_empty(), "modules without a place in the order: {missing:?}");
    assert!(uses > 300, "only {uses} uses were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn names_behind_a_path_are_found_in_groups_too() {
    let text = "use crate::{Model, env::{a, b}, verify}; crate::solve::x";
    assert_eq!(names_behind(text, "crate::"), ["Model", "env", "verify", "solve"]);
}
