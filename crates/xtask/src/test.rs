//! `cargo xtask test`: everything that must hold.

use anyhow::Result;

use crate::steps::{self, Step, installed};

/// Runs all suites, with `all` also those at sizes that take gigabytes; the golden results come before them, in this process' build.
///
/// # Errors
/// If a command cannot be started.
pub fn test(all: bool) -> Result<bool> {
    // All commands select the whole workspace: with other packages, cargo would build dependencies again with other features.
    let (suite, ops): (&[&str], &[&str]) = if installed("nextest") {
        let suite = &["nextest", "run", "--workspace", "--no-fail-fast"];
        (suite, &["nextest", "run", "--workspace", "--no-fail-fast", "-E", "binary(ops) + binary(optim)"])
    } else {
        let suite = &["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"];
        (suite, &["test", "--workspace", "--test", "ops", "--test", "optim", "--no-fail-fast"])
    };
    let this = std::env::current_exe()?.to_string_lossy().into_owned();
    let tight = Step::cargo("kernels and training steps with WebGPU's default limits and with shader checks", ops);
    let large = &["test", "--workspace", "--features", "atrous-tests/large", "--test", "large"];
    let mut suites = vec![
        Step::cargo("all suites", suite),
        Step::cargo("samples in the documentation", &["test", "--workspace", "--doc", "-q"]),
        tight.with(&[("ATROUS_LIMITS", "default"), ("ATROUS_CHECKS", "1")]),
        Step::program("results of PyTorch and Keras", &this, &["golden"]),
        Step::program("small networks in f16", &this, &["golden", "--models", "--f16", "--filter", "tiny"]),
    ];
    suites.extend(all.then(|| Step::cargo("filters and batches of several bindings", large)));
    steps::run(suites)
}
