//! `cargo xtask fuzz`: damaged and hostile files for every reader.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::steps;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub struct Options {
    /// How long all targets together are run.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Only this target; can be repeated. `--list` lists them.
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Seed of the changes.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Gives the target this input, which was kept with a fault.
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
    /// Also print every kind of message that was seen.
    #[arg(long)]
    messages: bool,
    /// List the targets.
    #[arg(long)]
    list: bool,
}

/// Builds `atrous-fuzz` in the dev profile, whose arithmetic is checked for overflow, and runs it on all cores. Whether there was no fault.
///
/// # Errors
/// If it cannot be started.
pub fn fuzz(options: &Options) -> Result<bool> {
    // All of the workspace, so that features of dependencies are those of the tests and nothing is built again.
    let build = ["build", "--workspace", "--bin", "atrous-fuzz", "-q"];
    if !Command::new(env!("CARGO")).args(build).status().context("starting cargo")?.success() {
        return Ok(false);
    }
    let this = steps::this()?;
    let target = this.ancestors().nth(2).unwrap_or(Path::new("target"));
    let mut command = Command::new(target.join("debug/atrous-fuzz"));
    match (&options.input, &options.target[..]) {
        _ if options.list => command.arg("list"),
        (Some(input), [name, ..]) => command.args(["replay", name]).arg(input),
        (_, names) => {
            command.args(["run", "--minutes", &options.minutes.to_string(), "--seed", &options.seed.to_string()]);
            command.args(names.iter().flat_map(|name| ["--target", name]));
            command.arg("--faults").arg(target.join("fuzz")).args(options.messages.then_some("--messages"))
        }
    };
    Ok(command.status().with_context(|| format!("starting {command:?}"))?.success())
}
