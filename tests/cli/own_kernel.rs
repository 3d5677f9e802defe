//! The example with operations of its own, and what the documentation shows of it.

use crate::support::{ROOT, succeed};

#[test]
fn both_operations_of_the_example_are_right() {
    let text = succeed("own_kernel", &[]);
    for name in ["mish: ", "blur: "] {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
        assert!(line.contains("y in f32") && line.ends_with("its gradient is right"), "{text}");
    }
}

#[test]
fn the_documentation_shows_the_example() {
    let read = |path: &str| std::fs::read_to_string(format!("{ROOT}/{path}")).expect("the file is there");
    let (shown, program) = (read("docs/your-kernel.md"), read("examples/own_kernel.rs"));
    assert_eq!(
        shown.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next()),
        Some(program.as_str())
    );
    assert!(program.lines().count() < 120);
}
