//! The README, whose samples are compiled as those of the examples' documentation.

use std::collections::BTreeSet;

use cargo_metadata::MetadataCommand;

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
    let shown = blocks(&read("README.md"), "```rust,no_run\n");
    // A prediction and a training.
    assert_eq!(shown[..2], blocks(&documented, "```no_run\n"));
}

#[test]
fn the_crate_table_is_whole() {
    let metadata = MetadataCommand::new().no_deps().other_options(vec!["--offline".to_owned()]).exec();
    let metadata = metadata.expect("cargo metadata");
    let readme = std::fs::read_to_string(format!("{ROOT}/README.md")).expect("the file is there");
    let table = readme.split_once("## Crates").and_then(|(_, rest)| rest.split_once("\n## ")).expect("the table").0;
    let rows: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .flat_map(|row| row.split('|').next())
        .flat_map(|names| names.split('`').step_by(2))
        .collect();
    let packages: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(rows, packages);
}

#[test]
fn pictures_and_pages_of_the_readme_are_there() {
    let readme = std::fs::read_to_string(format!("{ROOT}/README.md")).expect("the file is there");
    let targets = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let (local, other): (Vec<&str>, Vec<&str>) = targets.partition(|target| !target.contains("://"));
    assert!(local.len() > 15 && other.len() > 3, "{local:?} {other:?}");
    for target in local {
        assert!(std::fs::exists(format!("{ROOT}/{target}")).expect("the repository is readable"), "{target}");
    }
}
