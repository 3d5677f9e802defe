//! The `atrous` command: lists adapters, shows, plans and profiles networks of the zoo, and trains them.

mod args;
mod doctor;
mod info;
mod models;
mod output;
mod plan;
mod profile;
#[doc(hidden)]
pub mod readers;
mod signals;
mod step;
mod summary;
mod train;
mod values;

use std::process::ExitCode;

use args::{Args, Command};
use output::{print, printable, say};

/// Runs the command with the arguments of this process, and returns its exit status.
pub fn run() -> ExitCode {
    signals::survive_full_files();
    let printed = match Args::of_process().command {
        Command::Info(adapter) => info::info(&adapter),
        Command::Doctor(options) => return doctor::doctor(&options),
        Command::Models => Ok(models::table()),
        Command::Summary(network) => summary::summary(&network),
        Command::Plan(options) => plan::plan(&options),
        Command::Profile(options) => profile::profile(&options),
        Command::Train(flags) => return train::train(&flags),
    };
    match printed {
        Ok(text) => print(&text),
        Err(error) => {
            say(&format!("error: {}\n", printable(&error.to_string())));
            ExitCode::FAILURE
        }
    }
}
