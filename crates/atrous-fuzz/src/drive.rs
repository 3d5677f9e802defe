//! Processes of all targets on all cores, for a time.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::limits;
use crate::report::Report;
use crate::target::Target;
use crate::targets::{self, TARGETS};
use crate::work::{self, LAST};

/// Most seconds of one process.
const TURN: f64 = 10.0;

/// Options of `run`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long all targets together are run.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Only this target; can be repeated.
    #[arg(long)]
    target: Vec<String>,
    /// Seed of the changes, for the same cases again.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the inputs of faults go.
    #[arg(long, default_value = "target/fuzz")]
    faults: PathBuf,
    /// Also print every kind of message once.
    #[arg(long)]
    messages: bool,
}

/// Files of a run.
struct Files {
    /// This program, as it was named at the beginning: a build may replace it.
    program: PathBuf,
    /// Where the inputs of faults go.
    faults: PathBuf,
}

/// What was found, and the time that each target has had.
struct State {
    reports: BTreeMap<&'static str, Report>,
    spent: BTreeMap<&'static str, Duration>,
    turns: u64,
}

/// Runs the targets and prints a table. Whether there was no fault.
///
/// # Errors
/// If a target or a process cannot be found.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let chosen: Vec<&Target> = match options.target.is_empty() {
        true => TARGETS.to_vec(),
        false => options.target.iter().map(|name| targets::named(name)).collect::<Result<_>>()?,
    };
    let files = Files { program: std::env::current_exe()?, faults: std::path::absolute(&options.faults)? };
    let names = || chosen.iter().map(|target| target.name);
    let reports = names().map(|name| (name, Report::default())).collect();
    let spent = names().map(|name| (name, Duration::ZERO)).collect();
    let state = Mutex::new(State { reports, spent, turns: 0 });
    let end = Instant::now() + Duration::try_from_secs_f64(options.minutes * 60.0)?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let turn = turn(options.minutes, cores, chosen.len());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn({
                    let (state, files) = (&state, &files);
                    move || turns(state, options.seed, (end, turn), files)
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a thread panicked")))
    })?;
    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    print(&state, options.messages);
    Ok(state.reports.values().all(|report| report.faults.is_empty()))
}

/// Seconds of a turn, so that every target has one.
fn turn(minutes: f64, cores: usize, targets: usize) -> f64 {
    TURN.min(60.0 * minutes * cores as f64 / targets as f64)
}

/// Runs one target after another, that which had least time first, for `turn` seconds.
fn turns(state: &Mutex<State>, seed: u64, (end, turn): (Instant, f64), files: &Files) -> Result<()> {
    while Instant::now() < end {
        let left = (end - Instant::now()).as_secs_f64().min(turn);
        let (name, number) = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(name) = state.spent.iter().min_by_key(|(_, spent)| **spent).map(|(name, _)| *name) else { break };
            *state.spent.entry(name).or_default() += Duration::try_from_secs_f64(left)?;
            state.turns += 1;
            (name, state.turns)
        };
        let seed = seed.wrapping_add(number << 32);
        let report = process(name, seed, left, files)?;
        for (input, what) in &report.faults {
            eprintln!("FAULT of {name}: {what}\n  again: cargo xtask fuzz --target {name} --input {input}");
        }
        state.lock().unwrap_or_else(PoisonError::into_inner).reports.entry(name).or_default().extend(report);
    }
    Ok(())
}

/// Runs one process. What it prints, and its end by a signal, are faults.
fn process(name: &str, seed: u64, seconds: f64, files: &Files) -> Result<Report> {
    let folder = work::folder()?;
    let mut command = Command::new(&files.program);
    command.args(["work", name, "--seed", &seed.to_string(), "--seconds", &seconds.to_string()]);
    command.arg("--faults").arg(&files.faults).arg("--folder").arg(folder.path());
    let output = command.stdin(Stdio::null()).output().context("starting a process")?;
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let (mut report, others) = Report::parse(&stdout);
    let printed = others.join("\n") + &stderr;
    let what = match output.status.code() {
        Some(0 | 1) if printed.is_empty() => return Ok(report),
        Some(0 | 1) => format!("prints {printed:?}"),
        Some(2) => bail!("{name}: {stderr}"),
        Some(limits::HANGS) => "does not end".to_owned(),
        _ => format!("ends the process ({}): {stderr}", output.status),
    };
    let kept = files.faults.join(format!("{name}-{seed}-ended"));
    fs::copy(folder.path().join(LAST), &kept).with_context(|| format!("{name}: {what}, without an input"))?;
    report.faults.push((kept.display().to_string(), what));
    Ok(report)
}

fn print(state: &State, messages: bool) {
    println!("{:<16}{:>10}{:>10}{:>10}{:>10}{:>8}", "target", "inputs", "accepted", "refused", "messages", "faults");
    let mut all = Report::default();
    for (name, report) in &state.reports {
        line(name, report, report.messages.len());
        all.extend(report.clone());
    }
    line("all", &all, state.reports.values().map(|report| report.messages.len()).sum());
    if messages {
        for (name, report) in &state.reports {
            report.messages.values().for_each(|message| println!("{name}: {message}"));
        }
    }
}

fn line(name: &str, report: &Report, messages: usize) {
    let Report { accepted, refused, faults, .. } = report;
    println!("{name:<16}{:>10}{accepted:>10}{refused:>10}{messages:>10}{:>8}", report.cases(), faults.len());
}

#[cfg(test)]
mod tests {
    use super::turn;

    #[test]
    fn every_target_has_a_turn() {
        for (minutes, cores, targets) in [(1.0, 2, 22), (0.1, 1, 22), (1.0, 64, 22), (30.0, 2, 22), (1.0, 8, 1)] {
            let turns = 60.0 * minutes * cores as f64 / turn(minutes, cores, targets);
            assert!(turns >= targets as f64 - 1e-9 && turn(minutes, cores, targets) <= 10.0);
        }
    }
}
