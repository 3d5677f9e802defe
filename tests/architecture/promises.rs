//! Every promise of docs/promises.md names tests that there are.

use std::path::Path;

/// The pairs of a file and a test that a text names, one after the other in backticks.
fn named(text: &str) -> Vec<(String, Option<String>)> {
    let code: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let is_file = |text: &&str| text.ends_with(".rs");
    let test = |i: usize| code.get(i + 1).filter(|next| !is_file(next)).map(|next| (*next).to_owned());
    let files = code.iter().enumerate().filter(|(_, text)| is_file(text));
    files.map(|(i, file)| ((*file).to_owned(), test(i))).collect()
}

#[test]
fn every_promise_is_held_by_a_test() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let text = std::fs::read_to_string(root.join("docs/promises.md")).unwrap();
    let promises: Vec<&str> =
        text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise")).collect();
    assert!(promises.len() > 20);
    for promise in promises {
        let held_by = promise.split(" | ").last().unwrap_or_default();
        let tests = named(held_by);
        assert!(!tests.is_empty(), "held by no test: {promise}");
        for (file, test) in tests {
            let path = root.join(if file.starts_with("tests/") { "" } else { "crates" }).join(&file);
            let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
            let there = test.as_ref().is_none_or(|test| source.contains(&format!("fn {test}(")));
            assert!(there && source.contains("#[test]"), "{file} has no test {test:?}");
        }
    }
}

#[test]
fn tests_are_read_as_they_are_written() {
    let pairs = named("`a/b.rs` `one_test`, `c.rs` `other` and `tests/x`; `cargo xtask golden`; `d.rs`");
    let pair = |file: &str, test: Option<&str>| (file.to_owned(), test.map(str::to_owned));
    assert_eq!(pairs, [pair("a/b.rs", Some("one_test")), pair("c.rs", Some("other")), pair("d.rs", None)]);
}
