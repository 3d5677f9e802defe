//! `cargo xtask test`: everything that must hold, and `cargo xtask check`: everything that must look right.

use std::process::Command;

use anyhow::{Context, Result};

/// One command of a task.
struct Step {
    what: &'static str,
    program: String,
    arguments: Vec<&'static str>,
    environment: &'static [(&'static str, &'static str)],
}

fn cargo(what: &'static str, arguments: &[&'static str]) -> Step {
    Step { what, program: env!("CARGO").to_owned(), arguments: arguments.to_vec(), environment: &[] }
}

/// Runs all suites; the golden results come last, in this process' build.
///
/// # Errors
/// If a command cannot be started.
pub fn test() -> Result<bool> {
    // All commands select the whole workspace: with other packages, cargo would build dependencies again with other features.
    let (suite, ops): (&[&str], &[&str]) = if installed("nextest") {
        let suite = &["nextest", "run", "--workspace", "--no-fail-fast"];
        (suite, &["nextest", "run", "--workspace", "--no-fail-fast", "-E", "binary(ops) + binary(optim)"])
    } else {
        let suite = &["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"];
        (suite, &["test", "--workspace", "--test", "ops", "--test", "optim", "--no-fail-fast"])
    };
    let tight = Step {
        what: "kernels and training steps with WebGPU's default limits and with shader checks",
        environment: &[("ATROUS_LIMITS", "default"), ("ATROUS_CHECKS", "1")],
        ..cargo("", ops)
    };
    let golden = Step {
        program: std::env::current_exe()?.to_string_lossy().into_owned(),
        ..cargo("results of PyTorch and Keras", &["golden"])
    };
    let half = Step {
        program: golden.program.clone(),
        ..cargo("small networks in f16", &["golden", "--models", "--f16", "--filter", "tiny"])
    };
    run(&[
        cargo("all suites", suite),
        cargo("samples in the documentation", &["test", "--workspace", "--doc", "-q"]),
        tight,
        golden,
        half,
    ])
}

/// Formatting, lints, documentation, and whether every crate can be packaged on its own.
///
/// # Errors
/// If a command cannot be started.
pub fn check() -> Result<bool> {
    let doc = Step {
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
        ..cargo("documentation", &["doc", "--workspace", "--no-deps", "-q"])
    };
    run(&[
        cargo("formatting", &["fmt", "--all", "--check"]),
        cargo("lints", &["clippy", "--workspace", "--all-targets", "-q", "--", "-D", "warnings"]),
        doc,
        cargo("packages", &["publish", "--workspace", "--dry-run", "--no-verify", "--allow-dirty", "-q"]),
    ])
}

/// Runs all steps, also after one failed, and says at the end which did.
fn run(steps: &[Step]) -> Result<bool> {
    let mut failed = Vec::new();
    for step in steps {
        println!("\n== {} ==", step.what);
        let mut command = Command::new(&step.program);
        let status = command
            .args(&step.arguments)
            // What was measured on this machine is not what is tested.
            .env("ATROUS_TUNE", "off")
            .envs(step.environment.iter().copied())
            .status()
            .with_context(|| format!("starting {} {}", step.program, step.arguments.join(" ")))?;
        if !status.success() {
            failed.push(step.what);
        }
    }
    println!("\n{} of {} steps passed", steps.len() - failed.len(), steps.len());
    for what in &failed {
        println!("FAILED: {what}");
    }
    Ok(failed.is_empty())
}

fn installed(subcommand: &str) -> bool {
    let output = Command::new(env!("CARGO")).args([subcommand, "--version"]).output();
    output.is_ok_and(|o| o.status.success())
}
