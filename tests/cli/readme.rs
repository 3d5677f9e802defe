//! The sample in the README is the one that is compiled.

use super::support::ROOT;

#[test]
fn the_readme_shows_the_sample_of_the_documentation() {
    let read = |path: &str| std::fs::read_to_string(format!("{ROOT}/{path}")).expect("the file is there");
    let block = |text: &str, start: &str| {
        let (_, rest) = text.split_once(start).expect("a block of code");
        rest.split_once("```").expect("the end of the block").0.to_owned()
    };
    let documented: String = read("crates/atrous/src/lib.rs")
        .lines()
        .filter_map(|l| l.strip_prefix("//!"))
        .fold(String::new(), |all, line| all + line.strip_prefix(' ').unwrap_or(line) + "\n");
    assert_eq!(block(&read("README.md"), "```rust\n"), block(&documented, "```no_run\n"));
}
