//! Gives every reader of atrous damaged and hostile input: valid files of its own writers, changed at random. A reader must accept or
//! refuse them with a message that names the file. It must not panic, end the process, go on for ever, take memory without bound, or
//! print. What it accepts and can write must be read back as the same, and damage under a checksum must be found.
//!
//! `cargo xtask fuzz` runs this program; docs/fuzzing.md describes it. `atrous-fuzz work` is one process of it, so that the end of a
//! process is seen from outside.

mod case;
mod change;
mod drive;
mod format;
mod limits;
mod memory;
mod message;
mod replay;
mod report;
mod target;
mod targets;
mod warnings;
mod work;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

#[derive(Parser)]
#[command(name = "atrous-fuzz", about = "Damaged and hostile files for every reader of atrous")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Lists the targets: name, and what it reads.
    List,
    /// Runs targets on all cores for a time, and prints a table.
    Run(drive::Options),
    /// Gives a target one input from a file.
    Replay(replay::Options),
    /// Runs cases of one target in this process.
    Work(work::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::List => {
            targets::TARGETS.iter().for_each(|target| println!("{:<16}{}", target.name, target.reads));
            Ok(true)
        }
        Task::Run(options) => drive::run(&options),
        Task::Replay(options) => replay::run(&options),
        Task::Work(options) => work::run(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
