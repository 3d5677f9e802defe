//! The flag `sized`: sizes as words of a table instead of constants of the pipeline.

use std::fmt::Write as _;

/// The flag with which [`read_sizes`] changes the linked text.
pub(crate) const SIZED: &str = "sized";

/// Turns the overrides of type u32, but the `fixed` ones, into variables that the kernel reads from one more binding when it begins: words
/// of a table in the order of the text. Returns the new text, and names and default values of the words.
pub(crate) fn read_sizes(file: &str, linked: &str, binding: usize, fixed: &[String]) -> (String, Vec<(String, u32)>) {
    for name in fixed {
        assert!(linked.contains(&format!("override {name}: ")), "{file} has no override {name} to be fixed");
    }
    let mut sizes = Vec::new();
    let mut text = String::new();
    for line in linked.lines() {
        let declared = line.strip_prefix("override ").and_then(|rest| rest.split_once(": u32 = "));
        match declared.filter(|(name, _)| !fixed.iter().any(|other| other == name)) {
            Some((name, value)) => {
                let value = value.trim_end_matches("u;").parse().unwrap_or_else(|e| panic!("{file}: {line}: {e}"));
                sizes.push((name.to_owned(), value));
                writeln!(text, "var<private> {name}: u32;").expect("writing to a string");
            }
            None => writeln!(text, "{line}").expect("writing to a string"),
        }
    }
    let main = text.find("fn main(").and_then(|at| Some(at + text[at..].find("{\n")? + 2));
    let reads = sizes.iter().enumerate().map(|(i, (name, _))| format!("    {name} = sizes[{}][{}];\n", i / 4, i % 4));
    text.insert_str(main.unwrap_or_else(|| panic!("{file} has no main")), &reads.collect::<String>());
    let table = format!("array<vec4<u32>, {}>", sizes.len().div_ceil(4));
    writeln!(text, "\n@group(0) @binding({binding})\nvar<storage, read> sizes: {table};").expect("writing to a string");
    (text, sizes)
}
