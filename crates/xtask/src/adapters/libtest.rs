//! Test programs, each test in a process of its own: a driver that crashes or hangs fails one test. The result is the exit status, which
//! needs no format of reports.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use wait_timeout::ChildExt;

use super::check::{Check, Outcome};
use super::driver::Driver;
use super::paths::folder;

/// The test programs among the suites.
const PROGRAMS: [&str; 2] = ["ops", "optim"];

/// A test that takes longer hangs: the slowest takes a quarter of an hour on a busy machine of two cores.
const HANGS: Duration = Duration::from_secs(2 * 60 * 60);

/// A compiled test program.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Where its tests expect to run: the folder of its package.
    folder: PathBuf,
}

/// One line of cargo's messages.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Compiles the test programs as `cargo xtask test` does, so that they are compiled once.
///
/// # Errors
/// If they do not compile.
pub(super) fn build() -> Result<Vec<Program>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--workspace", "--no-run", "-q", "--message-format", "json-render-diagnostics"]);
    cargo.args(PROGRAMS.iter().flat_map(|name| ["--test", name]));
    let output = cargo.stderr(Stdio::inherit()).output().context("starting cargo")?;
    ensure!(output.status.success(), "the suites do not compile");
    let mut programs = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Message = serde_json::from_str(line).with_context(|| format!("a message of cargo: {line}"))?;
        let (Some(target), Some(path), Some(manifest)) = (message.target, message.executable, message.manifest_path)
        else {
            continue;
        };
        if PROGRAMS.contains(&&*target.name) {
            let folder = manifest.parent().context("a manifest lies in a folder")?.to_owned();
            programs.push(Program { name: target.name, path, folder });
        }
    }
    ensure!(programs.len() == PROGRAMS.len(), "cargo made {programs:?} for {PROGRAMS:?}");
    Ok(programs)
}

/// Runs all tests of a program, as many at once as there are cores. `done` is told each as it ends.
///
/// # Errors
/// If the program cannot be started, or lists no tests.
pub(super) fn run(program: &Program, driver: &Driver, done: &(dyn Fn(&Check) + Sync)) -> Result<Vec<Check>> {
    let listed = start(program, driver).args(["--list", "--format", "terse"]).output();
    let listed = listed.with_context(|| format!("starting {}", program.path.display()))?;
    ensure!(listed.status.success(), "{} --list: {}", program.path.display(), listed.status);
    let tests: VecDeque<String> = String::from_utf8_lossy(&listed.stdout)
        .lines()
        .filter_map(|line| Some(line.strip_suffix(": test")?.to_owned()))
        .collect();
    ensure!(!tests.is_empty(), "{} has no tests", program.name);
    let logs = folder().join(&driver.name).join("failures").join(&program.name);
    drop(std::fs::remove_dir_all(&logs));
    std::fs::create_dir_all(&logs)?;
    let queue = Mutex::new(tests);
    let next = || queue.lock().expect("no worker panics with it").pop_front();
    let worker = || -> Result<Vec<Check>> {
        let mut checks = Vec::new();
        while let Some(name) = next() {
            let outcome = run_one(start(program, driver).args(["--exact", &name]), HANGS)?;
            let check = Check { name, outcome };
            keep(&logs, &check)?;
            done(&check);
            checks.push(check);
        }
        Ok(checks)
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let parts = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|w| w.join().expect("a worker does not panic")).collect::<Result<Vec<_>>>()
    })?;
    let mut checks = parts.concat();
    checks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(checks)
}

/// Stores all that a failed test has printed.
fn keep(logs: &Path, check: &Check) -> Result<()> {
    let Outcome::Failed(text) = &check.outcome else { return Ok(()) };
    let file = logs.join(format!("{}.txt", check.name.replace("::", ".")));
    std::fs::write(&file, text).with_context(|| file.display().to_string())
}

fn start(program: &Program, driver: &Driver) -> Command {
    let mut command = Command::new(&program.path);
    command.current_dir(&program.folder);
    driver.serve(&mut command);
    command
}

/// Runs a test. A pass is a process that succeeds after it has run one test.
fn run_one(command: &mut Command, limit: Duration) -> Result<Outcome> {
    let output = tempfile::NamedTempFile::new()?;
    let file = output.reopen()?;
    let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
    let mut child = child.with_context(|| format!("starting {}", command.get_program().display()))?;
    let Some(status) = child.wait_timeout(limit)? else {
        child.kill()?;
        child.wait()?;
        return Ok(Outcome::Failed(format!("no result after {} s\n{}", limit.as_secs(), read(output.path())?)));
    };
    Ok(judge(status, &read(output.path())?))
}

fn judge(status: ExitStatus, text: &str) -> Outcome {
    match status.success() && text.contains("test result: ok. 1 passed; 0 failed; 0 ignored") {
        true => Outcome::Passed,
        false => Outcome::Failed(format!("{status}\n{}", text.trim())),
    }
}

/// What a process has written, which need not be UTF-8 after a crash.
fn read(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> String {
        match run_one(Command::new("sh").args(["-c", script]), limit).unwrap() {
            Outcome::Failed(text) => text,
            other => format!("{other:?}"),
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_pass_is_one_test_that_ran() {
        let (soon, late) = (Duration::from_millis(100), Duration::from_secs(600));
        let ok = "echo 'test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured'";
        assert_eq!(shell(ok, late), "Passed");
        assert!(
            shell("echo 'test result: ok. 0 passed; 0 failed; 1 ignored'", late).starts_with("exit status: 0\ntest")
        );
        assert!(shell(&format!("{ok}; exit 101"), late).starts_with("exit status: 101\ntest"));
        assert!(shell("echo off by one >&2; kill -SEGV $$", late).starts_with("signal: 11"));
        assert!(shell("echo begun; exec sleep 600", soon).ends_with("begun\n"));
    }
}
