//! Tasks that consist of several commands.

use std::ffi::OsStr;
use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use anyhow::{Context, Result};

/// One command of a task.
pub(crate) struct Step {
    what: &'static str,
    /// The command, or a message about a missing tool.
    command: std::result::Result<Command, String>,
}

impl Step {
    pub(crate) fn new(what: &'static str, command: std::result::Result<Command, String>) -> Self {
        Self { what, command }
    }

    /// A step that calls the cargo that built this program.
    pub(crate) fn cargo(what: &'static str, arguments: &[&str]) -> Self {
        Self::program(what, env!("CARGO"), arguments)
    }

    pub(crate) fn program(what: &'static str, program: impl AsRef<OsStr>, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments);
        Self::new(what, Ok(command))
    }

    /// The same step with further environment variables.
    pub(crate) fn with(mut self, environment: &[(&str, &str)]) -> Self {
        self.command = self.command.map(|mut command| {
            command.envs(environment.iter().copied());
            command
        });
        self
    }
}

/// Runs all steps, even if one fails, and reports at the end which failed.
pub(crate) fn run(steps: Vec<Step>) -> Result<bool> {
    let (all, mut failed) = (steps.len(), Vec::new());
    for Step { what, command } in steps {
        tell(&format!("\n== {what} ==\n"));
        let start = Instant::now();
        let passed = match command {
            Ok(mut command) => {
                // Tests run with the default kernels, not with those that tuning chose on this machine.
                let status = command.env("ATROUS_TUNE", "off").status();
                status.with_context(|| format!("starting {command:?}"))?.success()
            }
            Err(missing) => {
                tell(&format!("{missing}\n"));
                false
            }
        };
        let seconds = start.elapsed().as_secs();
        let passed_or_not = if passed { "passed" } else { "FAILED" };
        tell(&format!("== {passed_or_not} after {} min {} s: {what} ==\n", seconds / 60, seconds % 60));
        if !passed {
            failed.push(what);
        }
    }
    tell(&format!("\n{} of {all} steps passed\n", all - failed.len()));
    for what in &failed {
        tell(&format!("FAILED: {what}\n"));
    }
    Ok(failed.is_empty())
}

/// This program. A task that builds asks for it before: cargo may replace the file, and then Linux names the one that runs
/// `FILE (deleted)` (`man 5 proc_pid_exe`), which is no file. The one in its place is built from the same sources.
///
/// # Errors
/// If the system does not tell.
pub(crate) fn this() -> io::Result<&'static Path> {
    static THIS: OnceLock<PathBuf> = OnceLock::new();
    match THIS.get() {
        Some(path) => Ok(path),
        None => std::env::current_exe().map(|path| &**THIS.get_or_init(|| path)),
    }
}

/// Writes to standard output. Nobody need read it: where it is closed the steps go on.
pub(crate) fn tell(text: &str) {
    let mut out = stdout();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Whether cargo has a subcommand.
pub(crate) fn installed(subcommand: &str) -> bool {
    let output = Command::new(env!("CARGO")).args([subcommand, "--version"]).output();
    output.is_ok_and(|o| o.status.success())
}
