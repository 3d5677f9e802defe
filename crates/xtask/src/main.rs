//! `cargo xtask`: development tasks.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

use anyhow::Result;
use atrous_golden::runner as golden;
use clap::{Parser, Subcommand};
use xtask::{adapters, bench, check, fuzz, test, wasm, wgsl};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks of atrous")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Computes the cases of $ATROUS_GOLDEN_DIR (default tests/golden) and compares with the results stored there.
    Golden(golden::Options),
    /// Times networks and operators.
    Bench(bench::Options),
    /// Prints hashes of plans and results, for a change that must not change them.
    Fingerprint(bench::fingerprint::Options),
    /// Runs all suites.
    Test {
        /// Also those that take gigabytes of memory and minutes.
        #[arg(long)]
        all: bool,
    },
    /// Runs the suites on the software adapters that can be had: lavapipe, Mesa 25, SwiftShader.
    Adapters(adapters::Options),
    /// Examines the adapter and prints JSON.
    #[command(hide = true)]
    Examine,
    /// Checks formatting, lints, documentation, every set of features, browsers, licences and packages.
    Check,
    /// Gives every reader damaged and hostile files.
    Fuzz(fuzz::Options),
    /// Checks that atrous compiles for browsers.
    Wasm,
    /// Prints a kernel as plain WGSL.
    Wgsl {
        /// Family and kernel, such as conv/direct.
        name: String,
        /// Its link-time axes, such as bias,ROWS=4.
        variant: Option<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            drop(stderr().write_all(format!("error: {error:#}\n").as_bytes()));
            ExitCode::from(2)
        }
    }
}

/// Runs the task. Returns whether it succeeded.
fn run(task: Task) -> Result<bool> {
    match task {
        Task::Golden(options) => Ok(golden::run(&options, &mut stdout().lock(), &mut stderr())?.failed == 0),
        Task::Bench(options) => bench::run(&options, &mut stdout().lock()).map(|()| true),
        Task::Fingerprint(options) => bench::fingerprint::run(&options, &mut stdout().lock()).map(|()| true),
        Task::Test { all } => test::test(all),
        Task::Adapters(options) => adapters::run(&options),
        Task::Examine => adapters::examine::run(&mut stdout().lock()).map(|()| true),
        Task::Check => check::check(),
        Task::Fuzz(options) => fuzz::fuzz(&options),
        Task::Wasm => wasm::wasm(),
        Task::Wgsl { name, variant } => {
            stdout().write_all(wgsl::source(&name, variant.as_deref())?.as_bytes())?;
            Ok(true)
        }
    }
}
