//! How tests are compiled.

use std::hint::black_box;
use std::panic::catch_unwind;

/// A number that wraps around in silence would be a wrong size or address.
#[test]
fn arithmetic_is_checked_for_overflow_in_tests() {
    let largest = black_box(u8::MAX);
    assert!(catch_unwind(|| black_box(largest + 1)).is_err(), "an overflow is not noticed");
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).expect("text");
    let settings: Vec<&str> = manifest.lines().filter(|line| line.starts_with("overflow-checks")).collect();
    assert_eq!(settings, ["overflow-checks = true"], "no package is an exception");
}
