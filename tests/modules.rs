//! The order of the modules: each uses only what stands left of it in the first invariant of ARCHITECTURE.md, and inside a module no
//! files use one another in a circle.

use std::collections::{BTreeMap, BTreeSet};
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

/// Files of a folder that use one another in a circle, known and still to be cut; no file of a circle may be added.
const KNOWN: [&[&str]; 0] = [];

/// The paths of Rust that a file names from `crate`, `self` or `super` on, in `use` groups and on their own: `super::a::b`. What stands
/// in comments and in the tests at the end of a file is no use. A file that names its own parts (`mod lanes; use lanes::fold;`)
/// holds them, which is no use either.
fn paths(text: &str) -> Vec<Vec<String>> {
    let code: Vec<&str> = text.lines().map(|l| l.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let tests = code
        .match_indices("#[cfg(test)]")
        .map(|(at, mark)| (at, &code[at + mark.len()..]));
    let end = tests
        .filter(|(_, rest)| {
            rest.split('{')
                .next()
                .is_some_and(|head| head.trim_end().ends_with("mod tests"))
        })
        .map(|(at, _)| at)
        .next();
    let code = &code[..end.unwrap_or(code.len())];
    let mut out = Vec::new();
    for root in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                follow(&code[at..], &[], &mut out);
            }
        }
    }
    out
}

/// Adds the paths that a text begins with, behind `before`: one, or one for every name of a group. The length of what was read.
fn follow(text: &str, before: &[String], out: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if let Some(group) = rest.strip_prefix('{') {
            at += 1;
            let mut left = group;
            while let Some(c) = left.chars().next().filter(|c| *c != '}') {
                let read = match c {
                    c if c.is_alphanumeric() || c == '_' => follow(left, &path, out),
                    c => c.len_utf8(),
                };
                at += read;
                left = &left[read..];
            }
            return at + usize::from(!left.is_empty());
        }
        let word = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        path.extend((word > 0).then(|| rest[..word].to_string()));
        at += word;
        if word == 0 || !text[at..].starts_with("::") {
            out.push(path);
            // In a group, `as` and another name belong to what was read.
            let alias = text[at..].strip_prefix(" as ").filter(|_| !before.is_empty());
            let name = alias.map(|a| a.find([',', '}', '\n']).unwrap_or(a.len()));
            return at + name.map_or(0, |n| n + " as ".len());
        }
        at += 2;
    }
}

/// The file that a path of `from` leads to: its longest beginning that is one.
fn leads_to(files: &BTreeMap<Vec<String>, String>, from: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut whole: Vec<String> = match path.first().map(String::as_str) {
        Some("crate") => Vec::new(),
        _ => from.to_vec(),
    };
    for word in path {
        match word.as_str() {
            "crate" | "self" => {}
            "super" => drop(whole.pop()),
            name => whole.push(name.to_string()),
        }
    }
    while !whole.is_empty() && !files.contains_key(&whole) {
        whole.pop();
    }
    (!whole.is_empty() && whole != from).then_some(whole)
}

/// Groups of files each of which uses all others of its group, directly or through them; `src/a/b.rs` and `src/a/b/mod.rs` are `a/b`.
fn circles(files: &BTreeMap<Vec<String>, String>) -> BTreeSet<Vec<String>> {
    let uses: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> = files
        .iter()
        .filter(|(name, _)| !name.last().is_some_and(|n| n.ends_with("tests")))
        .map(|(name, text)| {
            (
                name,
                paths(text).iter().filter_map(|p| leads_to(files, name, p)).collect(),
            )
        })
        .collect();
    let reached = |from: &Vec<String>| {
        let mut found: BTreeSet<&Vec<String>> = BTreeSet::new();
        let mut next: Vec<&Vec<String>> = uses.get(from).into_iter().flatten().collect();
        while let Some(file) = next.pop() {
            if found.insert(file) {
                next.extend(uses.get(file).into_iter().flatten());
            }
        }
        found
    };
    let reach: BTreeMap<&Vec<String>, BTreeSet<&Vec<String>>> = uses.keys().map(|f| (*f, reached(f))).collect();
    let circle = |file: &Vec<String>| -> Vec<String> {
        let back = reach[file]
            .iter()
            .filter(|other| reach.get(**other).is_some_and(|r| r.contains(file)));
        back.map(|other| other.join("/")).collect()
    };
    reach.keys().map(|f| circle(f)).filter(|c| c.len() > 1).collect()
}

#[test]
fn no_files_of_a_folder_use_one_another_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let files: BTreeMap<Vec<String>, String> = found
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("below src").with_extension("");
            let mut name: Vec<String> = name.iter().map(|n| n.to_string_lossy().into_owned()).collect();
            if name.last().is_some_and(|n| n == "mod") {
                name.pop();
            }
            (name, fs::read_to_string(path).expect("readable source"))
        })
        .filter(|(name, _)| *name != ["lib"] && *name != ["main"])
        .collect();
    let found = circles(&files);
    let within = |circle: &[String], known: &[&str]| circle.iter().all(|file| known.contains(&file.as_str()));
    let new: Vec<_> = found.iter().filter(|c| !KNOWN.iter().any(|k| within(c, k))).collect();
    assert!(new.is_empty(), "files that use one another in a circle: {new:#?}");
    let gone: Vec<_> = KNOWN.iter().filter(|k| !found.iter().any(|c| within(c, k))).collect();
    assert!(
        gone.is_empty(),
        "no circles any more, so not to be listed as known: {gone:#?}"
    );
}

#[test]
fn circles_are_found_through_groups_paths_and_parents() {
    let file = |name: &str, text: &str| (name.split('/').map(String::from).collect::<Vec<_>>(), text.to_string());
    let circle = |a: &str, b: &str| {
        let files = [
            file("f", "pub mod a;\npub mod b;\nuse a::x;"),
            file("f/a", a),
            file("f/b", b),
            file("f/b/part", ""),
            file("g", ""),
        ];
        circles(&files.into_iter().collect())
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
    };
    let both = ["f/a", "f/b"];
    assert_eq!(circle("use super::b::y;", "use crate::f::a::{x, z};"), both);
    assert_eq!(
        circle("use super::{b::{y as w, v}, g};", "fn y() { super::a::x(); }"),
        both
    );
    assert_eq!(circle("use crate::{g, f::b};", "pub use super::a;"), both);
    assert_eq!(circle("use super::q;", "use super::a::x;"), [""; 0]);
    assert_eq!(circle("// super::b::y\nuse crate::g;", "use super::a::x;"), [""; 0]);
    assert_eq!(
        circle(
            "fn x() {}\n#[cfg(test)]\nmod tests {\n    use super::super::b::y;\n}",
            "use super::a::x;"
        ),
        [""; 0]
    );
    assert_eq!(circle("", "mod part;\nuse part::x;\nuse super::a;"), [""; 0]);
}

/// A file that `tests/main.rs` does not name would never run.
#[test]
fn every_file_of_tests_is_a_module_of_the_suite() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = fs::read_to_string(folder.join("main.rs")).expect("the suite");
    let named: BTreeSet<&str> = (main.lines())
        .filter_map(|l| l.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(&folder).expect("tests") {
        let path = entry.expect("readable entry").path();
        let source = path.extension().is_some_and(|e| e == "rs") || path.join("mod.rs").is_file();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if source && name != "main" {
            there.insert(name);
        }
    }
    assert_eq!(named, there.iter().map(String::as_str).collect());
}
