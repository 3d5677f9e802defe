//! `cargo xtask test`: all tests.

use anyhow::Result;

use crate::adapters;
use crate::steps::{self, Step, installed};

/// Environment of the second run of `ops` and `optim`, which makes the same driver behave like another adapter: WebGPU's default limits,
/// bounds checks in shaders, and for Mesa's CPU driver (<https://docs.mesa3d.org/envvars.html>) vectors of 128 bits (subgroups of 4
/// invocations in place of 8) without optimisation.
const TIGHT: [(&str, &str); 4] =
    [("ATROUS_LIMITS", "default"), ("ATROUS_CHECKS", "1"), ("LP_NATIVE_VECTOR_WIDTH", "128"), ("GALLIVM_PERF", "nopt")];

/// Runs all test suites, recomputes the golden results, and runs a part of both on other software adapters. With `all` runs more there
/// ([`adapters`]), and also the suite that needs gigabytes of memory. This executable recomputes the golden results, so that they need no
/// further build.
///
/// # Errors
/// If a command cannot be started.
pub fn test(all: bool) -> Result<bool> {
    // Every command selects the whole workspace: with a subset, cargo would unify features differently and rebuild dependencies.
    let (suite, ops): (&[&str], &[&str]) = if installed("nextest") {
        let suite = &["nextest", "run", "--workspace", "--no-fail-fast"];
        (suite, &["nextest", "run", "--workspace", "--no-fail-fast", "-E", "binary(ops) + binary(optim)"])
    } else {
        let suite = &["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"];
        (suite, &["test", "--workspace", "--test", "ops", "--test", "optim", "--no-fail-fast"])
    };
    let this = steps::this()?;
    let tight = Step::cargo("kernels and training steps with WebGPU's default limits and with shader checks", ops);
    let large = &["test", "--workspace", "--features", "atrous-tests/large", "--test", "large"];
    let mut suites = vec![
        Step::cargo("all suites", suite),
        Step::cargo("samples in the documentation", &["test", "--workspace", "--doc", "-q", "--no-fail-fast"]),
        tight.with(&TIGHT),
        Step::program("results of PyTorch and Keras", this, &["golden"]),
        Step::program("small networks in f16", this, &["golden", "--models", "--f16", "--filter", "tiny"]),
    ];
    suites.extend(all.then(|| Step::cargo("filters and batches of several bindings", large)));
    let passed = steps::run(suites)?;
    // Last, so that an adapter that cannot be had is seen. On the installed one all suites have run.
    let others = adapters::run(&adapters::Options::others(!all))?;
    if !passed {
        steps::tell("FAILED: steps before the adapters, see their list above\n");
    }
    Ok(passed && others)
}
