//! The samples in the README are those that are compiled.

use super::support::ROOT;

#[test]
fn the_readme_shows_the_samples_of_the_documentation() {
    let read = |path: &str| std::fs::read_to_string(format!("{ROOT}/{path}")).expect("the file is there");
    let blocks = |text: &str, start: &str| -> Vec<String> {
        text.split(start).skip(1).map(|rest| rest.split("```").next().unwrap_or(rest).to_owned()).collect()
    };
    let documented: String = read("crates/atrous/src/lib.rs")
        .lines()
        .filter_map(|l| l.strip_prefix("//!"))
        .fold(String::new(), |all, line| all + line.strip_prefix(' ').unwrap_or(line) + "\n");
    let shown = blocks(&read("README.md"), "```rust\n");
    assert_eq!(shown.len(), 2, "a prediction and a training");
    assert_eq!(shown, blocks(&documented, "```no_run\n"));
}
