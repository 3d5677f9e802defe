//! What runs on each adapter.

use std::fmt;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

use super::check::{Check, Outcome};
use super::driver::Driver;
use super::examine::Examined;
use super::libtest::{self, Program};
use crate::steps::{self, tell};

/// The smallest network: how the names of its cases begin.
pub(super) const SMALLEST: &str = "tiny_cnn";

/// A suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Suite {
    /// Every kernel that plans for the adapter may use, as `atrous doctor` runs it.
    Doctor,
    /// Whole networks of small size: results and first training steps of PyTorch and Keras.
    Networks,
    /// Single operations of PyTorch and Keras.
    Golden,
    /// Every variant of every kernel, in edge cases and random ones.
    Ops,
    /// Training steps.
    Optim,
    /// The smallest network, one of Networks.
    Smallest,
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Doctor => "doctor",
            Self::Networks => "networks",
            Self::Golden => "golden",
            Self::Ops => "ops",
            Self::Optim => "optim",
            Self::Smallest => "smallest",
        })
    }
}

impl Suite {
    /// All that is run if nothing else is asked for.
    pub(super) const ALL: [Self; 5] = [Self::Doctor, Self::Networks, Self::Golden, Self::Ops, Self::Optim];

    /// What takes a few minutes on an adapter. Mesa 25 compiles kernels slowly.
    pub(super) fn quick(adapter: &str) -> &'static [Self] {
        if adapter == "mesa25" { &[Self::Smallest] } else { &[Self::Doctor, Self::Networks, Self::Golden] }
    }

    /// Whether it is a test program, which has to be compiled.
    pub(super) fn is_program(self) -> bool {
        matches!(self, Self::Ops | Self::Optim)
    }

    /// Runs the suite. What the doctor says of the adapter is stored in `examined`.
    pub(super) fn run(
        self,
        driver: &Driver,
        programs: &[Program],
        examined: &mut Option<Examined>,
    ) -> Result<Vec<Check>> {
        match self {
            Self::Doctor => {
                *examined = None;
                let output = output(this(driver)?.arg("examine"))?;
                if !output.status.success() {
                    return Ok(vec![Check::early("nothing", &output.status.to_string())]);
                }
                let found: Examined =
                    serde_json::from_slice(&output.stdout).context("what was found of the adapter")?;
                found.checks.iter().for_each(report);
                Ok(examined.insert(found).checks.clone())
            }
            Self::Networks => golden(driver, &["--models", "--filter", "tiny"]),
            Self::Smallest => golden(driver, &["--models", "--filter", SMALLEST]),
            Self::Golden => golden(driver, &["--ops"]),
            Self::Ops | Self::Optim => {
                let name = self.to_string();
                let program = programs.iter().find(|program| program.name == name);
                libtest::run(program.with_context(|| format!("{name} was not compiled"))?, driver, &report)
            }
        }
    }
}

/// Tells of a failure as soon as there is one.
fn report(check: &Check) {
    if let Outcome::Failed(text) = &check.outcome {
        tell(&format!("FAIL {}: {}\n", check.name, message(text)));
    }
}

/// The end of what a failed test has printed, without libtest's summary.
fn message(text: &str) -> String {
    let text = text.split_once("\nnote: run with").map_or(text, |(before, _)| before);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join("\n    ")
}

/// This program, with the driver.
fn this(driver: &Driver) -> Result<Command> {
    let mut command = Command::new(steps::this()?);
    driver.serve(&mut command);
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    Ok(command)
}

/// Runs a command to its end.
fn output(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("starting {}", command.get_program().display()))
}

/// Recomputes stored results in a process of its own.
fn golden(driver: &Driver, arguments: &[&str]) -> Result<Vec<Check>> {
    let output = output(this(driver)?.arg("golden").args(arguments))?;
    let checks = cases(&String::from_utf8_lossy(&output.stdout), &output.status.to_string())?;
    checks.iter().for_each(report);
    Ok(checks)
}

/// The lines of the report of `cargo xtask golden`. A run that ended early has one more check, which failed.
fn cases(text: &str, status: &str) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    let mut ended = false;
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').with_context(|| format!("a line of the report: {line}"))?;
        let (name, why) = rest.split_once(": ").unwrap_or((rest, ""));
        let outcome = match word {
            "ok" => Outcome::Passed,
            "FAIL" => Outcome::Failed(why.to_owned()),
            "unsupported" => Outcome::Unsupported,
            "golden:" => {
                ended = true;
                continue;
            }
            _ => bail!("a line of the report: {line}"),
        };
        checks.push(Check { name: name.to_owned(), outcome });
    }
    if !ended || checks.is_empty() {
        let after = checks.last().map_or("nothing", |check| &check.name);
        checks.push(Check::early(after, status));
    }
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_report_are_cases() {
        let text = "ok a/b\nFAIL c: off: by 2\nunsupported d: new\ngolden: 1 passed, 1 failed, 1 unsupported\n";
        let got: Vec<_> = cases(text, "exit status: 1").unwrap().into_iter().map(|c| (c.name, c.outcome)).collect();
        let failed = Outcome::Failed("off: by 2".to_owned());
        let want = [("a/b", Outcome::Passed), ("c", failed), ("d", Outcome::Unsupported)];
        assert_eq!(got, want.map(|(name, outcome)| (name.to_owned(), outcome)));
        assert!(cases("warning: x\n", "").is_err());
    }

    #[test]
    fn the_message_of_a_panic_is_shown() {
        let text = "exit status: 101\nrunning 1 test\n\nthread panicked\nat x:\nleft\nright\nnote: run with `RUST_BACKTRACE=1`\n\nfailures:";
        assert_eq!(message(text), "thread panicked\n    at x:\n    left\n    right");
        assert_eq!(message("signal: 11 (SIGSEGV)"), "signal: 11 (SIGSEGV)");
    }

    #[test]
    fn a_run_that_ends_early_fails() {
        for text in ["", "ok a\n", "golden: 0 passed, 0 failed, 0 unsupported\n"] {
            let checks = cases(text, "signal: 11").unwrap();
            let Outcome::Failed(text) = &checks.last().unwrap().outcome else { panic!("{checks:?}") };
            assert!(text.contains("ended early") && text.contains("signal: 11"), "{text}");
        }
    }
}
